//! What a voice port does with the audio of its pair: gain, attenuation, echo cancellation, and the tones and loops of
//! `test voice port`. Sans-IO: 20 ms at a time, in the order in which they pass the port.

use cli::config::VoicePort;
use media::echo::{EchoCanceller, EchoConfig, EchoStats};
use media::mix;
use media::tone::{ToneGenerator, ToneSpec};

use super::fxs::TICK;

/// Level of a tone of `test voice port … inject-tone`, dBm0.
const TEST_TONE_DBM0: f64 = -10.0;

/// `output attenuation` of an analogue port that says nothing, dB (IOS's command reference, for FXS and FXO alike).
const OUTPUT_ATTENUATION: i8 = 3;

/// What a `voice-port` says of its audio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AudioSettings {
    /// `input gain`, dB, -6 to 14.
    pub input_gain: f64,
    /// `output attenuation`, dB, -6 to 14.
    pub output_attenuation: f64,
    /// `echo-cancel`; `None` after `no echo-cancel enable`.
    pub echo: Option<EchoConfig>,
}

impl AudioSettings {
    /// The settings of a `voice-port`: no gain, 3 dB of attenuation and an echo canceller of 64 ms where it says nothing.
    #[must_use]
    pub fn new(config: Option<&VoicePort>) -> Self {
        let Some(line) = config.map(|config| &config.line) else {
            return Self {
                input_gain: 0.0,
                output_attenuation: OUTPUT_ATTENUATION.into(),
                echo: Some(EchoConfig::default()),
            };
        };
        let echo = EchoConfig {
            coverage_ms: line.echo_coverage.unwrap_or(EchoConfig::default().coverage_ms),
            non_linear: !line.no_non_linear,
            comfort_noise: !line.no_comfort_noise,
            erl_worst_db: line.erl_worst_case.unwrap_or(EchoConfig::default().erl_worst_db),
        };
        Self {
            input_gain: line.input_gain.unwrap_or(0).into(),
            output_attenuation: line.output_attenuation.unwrap_or(OUTPUT_ATTENUATION).into(),
            echo: Some(echo).filter(|_| !line.no_echo_cancel),
        }
    }
}

/// Which way a test looks from the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Toward the pair.
    Local,
    /// Toward the other end of the call.
    Network,
}

/// A tone in place of the call's audio.
#[derive(Debug)]
struct Injected {
    toward: Direction,
    /// `None`: quiet.
    tone: Option<ToneGenerator>,
}

/// The audio side of one port.
#[derive(Debug)]
pub struct PortAudio {
    settings: AudioSettings,
    /// There is one while a call is heard: each call begins with one that knows nothing.
    canceller: Option<Box<EchoCanceller>>,
    sent: [i16; TICK],
    injected: Option<Injected>,
    /// The call stays in this box, and `voice local-bypass` lets its audio go around gain, attenuation and canceller.
    bypassed: bool,
    /// The call is between modems: no echo canceller.
    modem: bool,
    /// Whether the hardware cancels echo in our place; nobody has asked it yet.
    board: Option<bool>,
    /// The far end of a call was on the pair in the last 20 ms.
    talking: bool,
    /// `test voice port … loopback`, and what goes back.
    looped: Option<(Direction, [i16; TICK])>,
}

impl PortAudio {
    /// A port whose pair is quiet.
    #[must_use]
    pub fn new(settings: AudioSettings) -> Self {
        Self {
            settings,
            canceller: None,
            sent: [0; TICK],
            injected: None,
            bypassed: false,
            modem: false,
            board: None,
            talking: false,
            looped: None,
        }
    }

    /// Other settings from now on. A canceller at work stays unless its own settings are others.
    pub fn configure(&mut self, settings: AudioSettings) {
        if settings.echo != self.settings.echo {
            self.canceller = None;
        }
        self.settings = settings;
    }

    /// The call is over: the next begins with a pair that is quiet and a canceller that knows nothing.
    pub fn rest(&mut self) {
        self.canceller = None;
        (self.modem, self.talking) = (false, false);
        self.sent = [0; TICK];
    }

    /// The present call is one of modems from now on, or no longer: they are heard without echo cancellation.
    pub fn for_modem(&mut self, on: bool) {
        self.modem = on;
    }

    /// Leaves echo to the hardware's canceller, or takes it up again. Gives what was before.
    pub fn leave_echo(&mut self, to_board: bool) -> Option<bool> {
        self.board.replace(to_board)
    }

    /// How late echo may be that the hardware is to cancel now, ms; `None`: it is not to.
    #[must_use]
    pub fn board_echo(&self) -> Option<u16> {
        let wanted = self.board == Some(true) && self.cancels();
        let echo = self.settings.echo.filter(|_| wanted)?;
        u16::try_from(echo.coverage_ms).ok()
    }

    /// Whether there may be echo in the present call that somebody should cancel.
    fn cancels(&self) -> bool {
        self.talking && !self.bypassed && !self.modem
    }

    /// `voice local-bypass`: whether the present call's audio passes as it is.
    pub fn bypass(&mut self, on: bool) {
        self.bypassed = on;
    }

    /// Whether the present call is one of modems.
    #[must_use]
    pub fn is_for_modem(&self) -> bool {
        self.modem
    }

    /// Whether the present call's audio passes as it is.
    #[must_use]
    pub fn is_bypassed(&self) -> bool {
        self.bypassed
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> AudioSettings {
        self.settings
    }

    /// How the echo canceller of the present call is doing.
    #[must_use]
    pub fn echo_stats(&self) -> Option<EchoStats> {
        self.canceller.as_ref().map(|canceller| canceller.stats())
    }

    /// `test voice port … inject-tone`: a sine of so many Hz, quiet (`Some(0)`), or no more (`None`).
    pub fn inject(&mut self, toward: Direction, hz: Option<u16>) {
        self.injected = hz.map(|hz| {
            let spec = ToneSpec::dual(&[f64::from(hz)], TEST_TONE_DBM0, &[]);
            Injected { toward, tone: spec.ok().filter(|_| hz > 0).map(|spec| ToneGenerator::new(&spec)) }
        });
    }

    /// `test voice port … loopback`: what comes from that side goes back to it.
    pub fn loop_back(&mut self, side: Option<Direction>) {
        self.looped = side.map(|side| (side, [0; TICK]));
    }

    /// Whether a test wants audio to move although nobody uses the port.
    #[must_use]
    pub fn is_tested(&self) -> bool {
        self.injected.is_some() || self.looped.is_some()
    }

    /// What came from the pair in 20 ms becomes what the other end hears. `talking`: the far end of a call is on the
    /// pair, so that there may be echo of it.
    pub fn from_pair(&mut self, samples: &mut [i16], talking: bool) {
        if !self.bypassed {
            mix::gain(samples, self.settings.input_gain);
        }
        self.talking = talking;
        let ours = self.cancels() && self.board != Some(true);
        match (ours, self.settings.echo) {
            (true, Some(config)) => {
                let canceller = self.canceller.get_or_insert_with(|| Box::new(EchoCanceller::new(config)));
                canceller.process(&self.sent, samples);
            }
            _ => self.canceller = None,
        }
        if let Some((Direction::Local, kept)) = &mut self.looped {
            keep(kept, samples);
        }
        if let Some(Injected { toward: Direction::Network, tone }) = &mut self.injected {
            play(tone, samples);
        } else if let Some((Direction::Network, kept)) = &self.looped {
            keep(samples, kept);
        }
    }

    /// What the other end says in 20 ms, as loud as it goes on the pair. Tones of ours are not attenuated: their level is the country's.
    pub fn attenuate(&self, out: &mut [i16; TICK]) {
        if !self.bypassed {
            mix::gain(out, -self.settings.output_attenuation);
        }
    }

    /// What is to be heard in 20 ms, the other end's voice and tones of ours, goes on the pair.
    pub fn to_pair(&mut self, out: &mut [i16; TICK]) {
        if let Some((Direction::Network, kept)) = &mut self.looped {
            *kept = *out;
        }
        if let Some(Injected { toward: Direction::Local, tone }) = &mut self.injected {
            play(tone, out);
        } else if let Some((Direction::Local, kept)) = &self.looped {
            *out = *kept;
        }
        self.sent = *out;
    }
}

fn play(tone: &mut Option<ToneGenerator>, out: &mut [i16]) {
    match tone {
        Some(tone) => tone.fill(out),
        None => out.fill(0),
    }
}

fn keep(to: &mut [i16], from: &[i16]) {
    to.fill(0);
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}

#[cfg(test)]
mod tests;

//! `show voice port`.

use std::fmt::Write as _;
use std::time::Duration;

use cli::config::{Connection, RingCadence, VoicePort};
use media::rtp::jitter::PlayoutMode;
use telephony_hal::line::Signal;
use telephony_hal::line::fxo::{DialType, FxoState};
use telephony_hal::{FxsCapabilities, Impedance};

use super::Switch;
use super::exec::service_words;
use crate::leg::Setup;
use crate::leg::audio::AudioSettings;
use crate::leg::fxo::FxoPort;
use crate::leg::fxs::FxsPort;
use crate::leg::pri::Service;
use crate::leg::sip::settings::playout_delay;

impl Switch {
    pub(super) fn show_voice_port(&self, port: Option<&str>, summary: bool) -> String {
        let mut out = String::new();
        if summary {
            out.push_str(
                "                                           IN       OUT\n\
                 PORT            CH   SIG-TYPE   ADMIN OPER STATUS   STATUS   EC\n\
                 =============== == ============ ===== ==== ======== ======== ==\n",
            );
            for trunk in &self.trunks {
                for channel in trunk.span.config().line.b_channels() {
                    let oper = if trunk.span.is_up() { "up" } else { "down" };
                    let _ = writeln!(
                        out,
                        "{:<15} {channel:02}  isdn-voice   {:<5} {oper:<4} none     none     n",
                        trunk.port,
                        if trunk.service == Service::In { "up" } else { "down" },
                    );
                }
            }
            for line in &self.lines {
                let down = self.config.voice_port(line.name()).is_some_and(|p| p.shutdown);
                let off = line.line().is_off_hook();
                let _ = writeln!(
                    out,
                    "{:<15} --  {:<12} {:<5} {:<4} {:<8} {:<8} {}",
                    line.name(),
                    if line.line().config().signal == Signal::GroundStart { "fxs-gs" } else { "fxs-ls" },
                    if down { "down" } else { "up" },
                    oper_word(line.is_absent(), off),
                    if off { "off-hook" } else { "on-hook" },
                    if line.line().is_ring_burst() { "ring" } else { "idle" },
                    if line.audio_side().settings().echo.is_some() { "y" } else { "n" },
                );
            }
            for office in &self.offices {
                let config = self.config.voice_port(office.name());
                let down = config.is_some_and(|p| p.shutdown);
                let off = office.line().is_off_hook();
                let _ = writeln!(
                    out,
                    "{:<15} --  {:<12} {:<5} {:<4} {:<8} {:<8} {}",
                    office.name(),
                    if config.is_some_and(|c| c.line.ground_start) { "fxo-gs" } else { "fxo-ls" },
                    if down { "down" } else { "up" },
                    oper_word(office.is_absent(), off),
                    if office.line().state() == FxoState::Ringing { "ringing" } else { "idle" },
                    if off { "off-hook" } else { "on-hook" },
                    if office.audio_side().settings().echo.is_some() { "y" } else { "n" },
                );
            }
            return out;
        }
        for line in self.lines.iter().filter(|l| port.is_none_or(|p| p == l.name())) {
            out.push_str(&self.show_station(line));
        }
        for office in self.offices.iter().filter(|o| port.is_none_or(|p| p == o.name())) {
            out.push_str(&self.show_office(office));
        }
        for trunk in self.trunks.iter().filter(|t| port.is_none_or(|p| p == t.port)) {
            let _ = writeln!(out, "ISDN {} Slot is {}", trunk.port, trunk.controller);
            let _ = writeln!(out, " Type of VoicePort is ISDN-VOICE");
            let state = if trunk.span.is_up() { "UP" } else { "DOWN" };
            let _ = writeln!(out, " Operation State is {state}");
            let _ = writeln!(out, " Administrative State is {}", service_words(trunk));
            let _ = writeln!(
                out,
                " Message waiting indication is {}\n",
                if trunk.mwi { "enabled" } else { "disabled" }
            );
        }
        out
    }
}

/// What stations and offices have in common.
struct Common<'a> {
    kind: &'a str,
    name: &'a str,
    config: Option<&'a VoicePort>,
    off_hook: bool,
    busied_out: bool,
    absent: bool,
    audio: AudioSettings,
    bypassed: bool,
    impedance: Impedance,
    country: &'a str,
}

impl Switch {
    /// In the words and order of IOS; what it does not have stands at the end of its part.
    fn show_station(&self, port: &FxsPort) -> String {
        let config = self.config.voice_port(port.name());
        let (line, wires) = (port.line(), config.map(|config| &config.line));
        let settings = line.config();
        let mut out = self.common_words(&Common {
            kind: "Station",
            name: port.name(),
            config,
            off_hook: line.is_off_hook(),
            busied_out: port.is_busied_out(),
            absent: port.is_absent(),
            audio: port.audio_side().settings(),
            bypassed: port.audio_side().is_bypassed(),
            impedance: port.impedance(),
            country: port.locale().code,
        });
        let onoff = |on: bool| if on { "enabled" } else { "disabled" };
        let (digit, pause) = port.digit_ms();
        let cadence = match wires.and_then(|wires| wires.ring_cadence.as_ref()) {
            None => "defined by CPTone Selection".to_owned(),
            Some(RingCadence::Pattern(number)) => format!("pattern{number:02}"),
            Some(RingCadence::Define(_)) => "user defined".to_owned(),
        };
        let pattern = port.ring_pattern(&Setup::default()).0;
        let steps: Vec<String> = pattern
            .steps()
            .iter()
            .map(|(on, off)| format!("[{} {}]", on.as_millis() / 100, off.as_millis() / 100))
            .collect();
        let _ = writeln!(
            out,
            " Voice card specific Info Follows:\n Signal Type is {}\n Hook Status is {}\n Ring Active Status is {}\n \
             Tip Ground Status is {}\n Digit Duration Timing is set to {digit} ms\n \
             InterDigit Duration Timing is set to {pause} ms\n \
             Hookflash-in Timing is set to max={} ms, min={} ms\n {} disconnect acknowledge\n Battery-Reversal is {}\n \
             Ring Cadence is {cadence}\n Ring Cadence are {} * 100 msec\n Ringer Equivalence Number is set to {}\n \
             Pulse Digit Detection is {}\n Line state is {:?}, tone {:?}\n Message waiting indication is {}\n \
             Visual message waiting indication is {}\n Message waiting: {}\n \
             Hardware: message lamp by {}; {}",
            signal_words(settings.signal),
            hook_words(line.is_off_hook()),
            if line.is_ring_burst() { "active" } else { "inactive" },
            if settings.signal == Signal::GroundStart && line.is_fed() { "active" } else { "inactive" },
            settings.hookflash_max.as_millis(),
            settings.hookflash_min.as_millis(),
            if settings.disconnect_ack { "Power denial as" } else { "No" },
            onoff(settings.battery_reversal),
            steps.join(" "),
            port.ren(),
            onoff(settings.pulse_detection),
            line.state(),
            line.tone(),
            onoff(port.mwi().enabled),
            port.mwi().visual.keyword().unwrap_or("none"),
            if port.message_waiting() { "ON" } else { "OFF" },
            lamp_words(port.capabilities()),
            ability_words(port.capabilities()),
        );
        for timer in settings.timers() {
            let value =
                timer.value.map_or_else(|| "infinity".to_owned(), |v| format!("{} ms", v.as_millis()));
            let _ = writeln!(out, " {} is {value}", timer.name);
        }
        out.push('\n');
        out
    }

    fn show_office(&self, office: &FxoPort) -> String {
        let config = self.config.voice_port(office.name());
        let (state, line) = (office.line(), office.line().config());
        let mut out = self.common_words(&Common {
            kind: "Office",
            name: office.name(),
            config,
            off_hook: state.is_off_hook(),
            busied_out: office.is_busied_out(),
            absent: office.is_absent(),
            audio: office.audio_side().settings(),
            bypassed: office.audio_side().is_bypassed(),
            impedance: office.impedance(),
            country: office.locale().code,
        });
        let ms = |time: Duration| time.as_millis();
        let period = ms(line.pulse.0 + line.pulse.1).max(1);
        let disconnect = match line.supervisory_disconnect {
            Some(_) => "active",
            None => "inactive",
        };
        let _ = writeln!(
            out,
            " Voice card specific Info Follows:\n Signal Type is {}\n Number Of Rings is set to {}\n \
             Supervisory Disconnect {disconnect}\n Battery-Reversal is {}\n Hook Status is {}\n \
             Ring Detect Status is {}\n Dial Out Type is {}\n Dial Out Delay is set to {} ms\n \
             Digit Duration Timing is set to {} ms\n InterDigit Duration Timing is set to {} ms\n \
             Pulse Rate Timing is set to {} pulses/second\n InterDigit Pulse Duration Timing is set to {} ms\n \
             Percent Break of Pulse is {} percent\n GuardOut timer is {} ms\n Hookflash-out Timing is set to {} ms\n \
             OPX Ring Wait Timing is set to {} ms\n Supervisory Disconnect Timing(loopStart) is set to {} ms\n \
             Line state is {:?}\n",
            signal_words(line.signal),
            line.ring_number,
            if line.battery_reversal { "enabled" } else { "disabled" },
            hook_words(state.is_off_hook()),
            if state.state() == FxoState::Ringing { "active" } else { "inactive" },
            if line.dial_type == DialType::Pulse { "pulse" } else { "dtmf" },
            ms(line.dial_delay),
            ms(line.digit),
            ms(line.inter_digit),
            1000 / period,
            ms(line.pulse_inter_digit),
            100 * ms(line.pulse.0) / period,
            ms(line.guard_out),
            ms(line.hookflash_out),
            ms(line.ring_pause),
            line.supervisory_disconnect.map_or(0, ms),
            state.state(),
        );
        out
    }

    /// Down to `Analog Info Follows`.
    fn common_words(&self, port: &Common<'_>) -> String {
        let onoff = |on: bool| if on { "enabled" } else { "disabled" };
        let config = port.config;
        let echo = port.audio.echo.unwrap_or_default();
        let music = config.and_then(|c| c.line.music_threshold).unwrap_or(media::rtp::noise::MUSIC_DBM0);
        let mut out = format!(
            "Foreign Exchange {} {name} Slot is {name}\n Type of VoicePort is {}\n",
            port.kind,
            if port.kind == "Office" { "FXO" } else { "FXS" },
            name = port.name
        );
        if config.is_some_and(|c| c.line.busyout.forced) {
            out.push_str(" The port is forced into busyout\n");
        } else if port.busied_out {
            out.push_str(" The port is busied out: what it monitors is down\n");
        }
        if port.absent {
            out.push_str(" The port's board was pulled out\n");
        }
        let _ = writeln!(
            out,
            " Operation State is {}\n Administrative State is {}\n Description is {}\n Noise Regeneration is {}\n \
             Non Linear Processing is {}\n Music On Hold Threshold is Set to {music} dBm\n In Gain is Set to {} dB\n \
             Out Attenuation is Set to {} dB\n Echo Cancellation is {}\n Echo Cancel Coverage is set to {} ms\n \
             Echo Cancel worst case ERL is set to {} dB",
            match (port.absent, port.off_hook) {
                (true, _) => "DOWN",
                (false, true) => "UP",
                (false, false) => "DORMANT",
            },
            if config.is_some_and(|c| c.shutdown) { "DOWN" } else { "UP" },
            config.and_then(|c| c.description.as_deref()).unwrap_or("not set"),
            onoff(echo.comfort_noise),
            onoff(echo.non_linear),
            port.audio.input_gain,
            port.audio.output_attenuation,
            onoff(port.audio.echo.is_some()),
            echo.coverage_ms,
            echo.erl_worst_db,
        );
        let playout =
            self.config.tree().section(&format!("voice-port {}", port.name)).and_then(playout_delay);
        let playout = playout.unwrap_or_default();
        let mode = if playout.mode == PlayoutMode::Fixed { "fixed" } else { "adaptive" };
        let _ = writeln!(
            out,
            " Playout-delay Mode is set to {mode}\n Playout-delay Nominal is set to {} ms\n \
             Playout-delay Maximum is set to {} ms\n Playout-delay Minimum is set to {} ms",
            playout.nominal_ms, playout.maximum_ms, playout.minimum_ms
        );
        out.push_str(&connection_words(config));
        let timeouts = config.map(|c| c.timeouts).unwrap_or_default();
        let seconds =
            |limit: Option<u32>| limit.map_or_else(|| "infinity".to_owned(), |limit| format!("{limit} s"));
        let _ = writeln!(
            out,
            " Initial Time Out is set to {} s\n Interdigit Time Out is set to {} s\n \
             Call Disconnect Time Out is set to {}\n Ringing Time Out is set to {}\n \
             Wait Release Time Out is set to {}\n Region Tone is set for {}\n\n Analog Info Follows:\n \
             Currently processing {}\n Maintenance Mode Set to None (not in mtc mode)\n \
             Number of signaling protocol errors are 0\n Impedance is set to {} Ohm\n \
             Audio goes around gain and echo cancellation: {}\n Station name {}, Station number {}\n",
            timeouts.initial,
            timeouts.interdigit,
            seconds(timeouts.call_disconnect),
            seconds(timeouts.ringing),
            seconds(timeouts.wait_release),
            port.country.to_uppercase(),
            if port.off_hook { "Voice" } else { "none" },
            port.impedance.name(),
            if port.bypassed { "yes" } else { "no" },
            config.and_then(|c| c.station_id_name.as_deref()).unwrap_or("None"),
            config.and_then(|c| c.station_id_number.as_deref()).unwrap_or("None"),
        );
        out
    }
}

/// The operational state of an analogue port.
fn oper_word(absent: bool, off_hook: bool) -> &'static str {
    match (absent, off_hook) {
        (true, _) => "down",
        (false, true) => "up",
        (false, false) => "dorm",
    }
}

fn signal_words(signal: Signal) -> &'static str {
    if signal == Signal::GroundStart { "groundStart" } else { "loopStart" }
}

fn hook_words(off: bool) -> &'static str {
    if off { "Off Hook" } else { "On Hook" }
}

/// The means by which a port's hardware lights a message lamp, in our own words.
fn lamp_words(can: FxsCapabilities) -> String {
    words(&[
        (can.lamp_high_voltage, "high voltage"),
        (can.lamp_neon, "neon"),
        (can.lamp_reversal, "line reversal"),
    ])
}

/// What else it can do.
fn ability_words(can: FxsCapabilities) -> String {
    words(&[
        (can.polarity_reversal, "battery reversal"),
        (can.open_loop, "power denial"),
        (can.on_hook_transmission, "on-hook transmission"),
    ])
}

fn words(abilities: &[(bool, &str)]) -> String {
    let named: Vec<&str> = abilities.iter().filter(|(can, _)| *can).map(|(_, name)| *name).collect();
    if named.is_empty() { "none".to_owned() } else { named.join(", ") }
}

/// `connection` of a port.
fn connection_words(config: Option<&VoicePort>) -> String {
    let (mode, number) = match config.and_then(|config| config.connection.as_ref()) {
        None => ("normal", None),
        Some(Connection::Plar(number)) => ("plar", Some(number)),
        Some(Connection::PlarOpx { number, .. }) => ("plar-opx", Some(number)),
        Some(Connection::TieLine(number)) => ("tie-line", Some(number)),
        Some(Connection::Trunk { number, .. }) => ("trunk", Some(number)),
    };
    let number = number.map_or_else(|| "not set".to_owned(), ToString::to_string);
    format!(" Connection Mode is {mode}\n Connection Number is {number}\n")
}

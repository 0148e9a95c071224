//! What configuration or country decides about an exchange line, with IOS's defaults.

use std::time::Duration;

use crate::line::Signal;

/// How digits are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DialType {
    /// `dial-type dtmf`.
    #[default]
    Dtmf,
    /// `dial-type pulse`.
    Pulse,
}

/// Configuration of one exchange line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FxoConfig {
    /// `signal loopstart | groundstart`.
    pub signal: Signal,
    /// `ring number`: an incoming call is offered after so many bursts, 1 to 10. IOS 1.
    pub ring_number: u8,
    /// `caller-id enable`: the offer waits for the caller's number, at most until the next burst begins.
    pub caller_id: bool,
    /// Ringing voltage this long is a burst; shorter is a touch of the bell (ring splash, 200 ms, comes before VMWI).
    pub ring_burst: Duration,
    /// No burst for so long: the caller has given up. Longer than any national pause. IOS `timing opx-ringwait`, 6 s.
    pub ring_pause: Duration,
    /// `dial-type`.
    pub dial_type: DialType,
    /// Off hook to the first digit, if nobody reports dial tone before. IOS `pre-dial-delay`, 1 s.
    pub dial_delay: Duration,
    /// Dial tone must be reported ([`OfficeLine::handle_dial_tone`](super::OfficeLine::handle_dial_tone)) within this time, else
    /// the call fails; `None`: it is not listened for.
    pub dial_tone: Option<Duration>,
    /// `timing digit`: length of a DTMF digit. IOS 100 ms.
    pub digit: Duration,
    /// `timing inter-digit`: pause after a DTMF digit. IOS 100 ms.
    pub inter_digit: Duration,
    /// `timing pulse`, `timing percentbreak`: break and make of a dial pulse; 10 pulses a second (`show voice port` of IOS; its command
    /// reference says 20) with 60 % break.
    pub pulse: (Duration, Duration),
    /// `timing pulse-inter-digit`. IOS 750 ms (the model and `show voice port`; its command reference says 500).
    pub pulse_inter_digit: Duration,
    /// `timing hookflash-out`. IOS 400 ms.
    pub hookflash_out: Duration,
    /// `battery-reversal [answer]`: a reversal answers the call we made, the next one ends it; one ends a call we took.
    pub battery_reversal: bool,
    /// `battery-reversal detection-delay`: a reversal counts when it has lasted so long.
    pub reversal_delay: Duration,
    /// `supervisory disconnect`: an open loop this long (`timing sup-disconnect`, IOS 350 ms) ends the call; `None`: it does not.
    pub supervisory_disconnect: Option<Duration>,
    /// `timing guard-out`: after a call the line rests so long. IOS 2000 ms.
    pub guard_out: Duration,
    /// `timeouts ringing`: an incoming call that nobody takes is given up. IOS 180 s; `None` is infinity.
    pub ringing: Option<Duration>,
    /// Ground start: the exchange must answer the ground so soon.
    pub ground_wait: Duration,
    /// `groundstart auto-tip`: after so long it is taken to have answered.
    pub auto_tip: Option<Duration>,
}

impl Default for FxoConfig {
    fn default() -> Self {
        let ms = Duration::from_millis;
        Self {
            signal: Signal::LoopStart,
            ring_number: 1,
            caller_id: false,
            ring_burst: ms(250),
            ring_pause: ms(6000),
            dial_type: DialType::Dtmf,
            dial_delay: ms(1000),
            dial_tone: None,
            digit: ms(100),
            inter_digit: ms(100),
            pulse: (ms(60), ms(40)),
            pulse_inter_digit: ms(750),
            hookflash_out: ms(400),
            battery_reversal: true,
            reversal_delay: Duration::ZERO,
            supervisory_disconnect: Some(ms(350)),
            guard_out: ms(2000),
            ringing: Some(Duration::from_secs(180)),
            ground_wait: ms(3000),
            auto_tip: None,
        }
    }
}

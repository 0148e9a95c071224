//! Everything about a line that configuration or country decides, with IOS's defaults.

use std::time::Duration;

/// How the break of a dial contact maps to a digit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PulseRule {
    /// n breaks are digit n, ten are 0: nearly everywhere.
    #[default]
    Normal,
    /// n breaks are digit 10 − n: New Zealand, old Oslo.
    Reverse,
    /// n breaks are digit n − 1: Sweden.
    PlusOne,
}

/// When the calling number goes to an idle telephone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CallerIdAlerting {
    /// Never (`no caller-id enable`).
    #[default]
    Off,
    /// In the first pause of at least 1 s after this many ring bursts (`caller-id alerting ring 1-4`).
    AfterRing(u8),
    /// Before the first burst, which waits for this time (`alerting line-reversal`, `pre-ring`, DTMF caller ID).
    BeforeRing(Duration),
}

/// How an idle telephone learns about messages, besides the stutter tone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Vmwi {
    /// Not at all.
    #[default]
    None,
    /// By lamp voltage (`vmwi dc-voltage`): [`Output::Lamp`](super::Output::Lamp).
    DcVoltage,
    /// By data on the idle line (`vmwi fsk`): [`LineEventOut::MessageWaiting`](super::LineEventOut::MessageWaiting).
    Fsk,
}

/// How the far equipment asks for service and learns of a release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signal {
    /// By closing the loop; power denial and tone tell it of a release.
    #[default]
    LoopStart,
    /// By grounding the ring lead, for PBX trunks: the tip is open at rest, grounded to acknowledge or to announce a call, and
    /// opened again to release. There is no disconnect tone.
    GroundStart,
}

/// Configuration of one line. `None` in a timeout means infinity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineConfig {
    /// `timeouts initial`: off hook to first digit. IOS 10 s.
    pub initial: Option<Duration>,
    /// `timeouts interdigit`: digit to digit. IOS 10 s.
    pub interdigit: Option<Duration>,
    /// `timeouts ringing`: an incoming call rings so long. IOS 180 s.
    pub ringing: Option<Duration>,
    /// `timeouts call-disconnect`: disconnect tone after an answered call ended at the far end. IOS 60 s.
    pub call_disconnect: Option<Duration>,
    /// `timeouts wait-release`: busy or reorder tone after a failed call. IOS 30 s.
    pub wait_release: Option<Duration>,
    /// `timeouts power-denial`: open loop after the far end hung up; `None`: no such signal.
    pub power_denial: Option<Duration>,
    /// `disconnect-ack`: the loop is opened for the time of `power_denial` also when the telephone hangs up first, so that
    /// equipment on the line sees that its release was seen.
    pub disconnect_ack: bool,
    /// How long the howler sounds before the line is parked in silence.
    pub howler: Option<Duration>,
    /// `timing hookflash-in`, minimum: a shorter break is a line hit (or a dial pulse). IOS 150 ms.
    pub hookflash_min: Duration,
    /// `timing hookflash-in`, maximum: a break this long is a release. IOS 1000 ms.
    pub hookflash_max: Duration,
    /// Loop current must flow so long before an idle line counts as off hook. Above the 16 ms of a BT wetting pulse.
    pub off_hook_debounce: Duration,
    /// The same while ringing. Ring trip must be seen within 200 ms.
    pub ring_trip_debounce: Duration,
    /// `pulse-digit-detection`.
    pub pulse_detection: bool,
    /// Shortest and longest break of a dial contact.
    pub pulse_break: (Duration, Duration),
    /// A make this long ends a digit.
    pub pulse_interdigit: Duration,
    /// How pulses map to digits.
    pub pulse_rule: PulseRule,
    /// `dial-peer terminator`: ends dialling at once, unless it is the first digit. IOS `#`.
    pub terminator: Option<char>,
    /// `signal loopstart | groundstart`.
    pub signal: Signal,
    /// `connection plar`: number called at off hook, without dial tone.
    pub plar: Option<String>,
    /// `connection trunk`: off hook is conversation at once, with whoever stands at the other end of the permanent call.
    pub permanent: bool,
    /// `battery-reversal`: reverse the loop when the far end answers, restore it when it hangs up.
    pub battery_reversal: bool,
    /// Announce a second call to a busy line by tone.
    pub call_waiting: bool,
    /// `caller-id`.
    pub caller_id: CallerIdAlerting,
    /// `vmwi`.
    pub vmwi: Vmwi,
    /// The stutter tone is used for waiting messages (`mwi`).
    pub stutter: bool,
    /// The line must have been on hook so long before message data is sent.
    pub vmwi_delay: Duration,
    /// While messages wait, the data is sent again after this time, for telephones that have forgotten it or were
    /// plugged in later; at the next on hook if the line is in use then. `None`: only after a change and after each call.
    pub vmwi_repeat: Option<Duration>,
}

impl Default for LineConfig {
    fn default() -> Self {
        let ms = Duration::from_millis;
        let s = Duration::from_secs;
        Self {
            initial: Some(s(10)),
            interdigit: Some(s(10)),
            ringing: Some(s(180)),
            call_disconnect: Some(s(60)),
            wait_release: Some(s(30)),
            power_denial: Some(ms(350)),
            disconnect_ack: false,
            howler: Some(s(60)),
            hookflash_min: ms(150),
            hookflash_max: ms(1000),
            off_hook_debounce: ms(20),
            ring_trip_debounce: ms(40),
            pulse_detection: true,
            pulse_break: (ms(25), ms(90)),
            pulse_interdigit: ms(250),
            pulse_rule: PulseRule::Normal,
            terminator: Some('#'),
            signal: Signal::LoopStart,
            plar: None,
            permanent: false,
            battery_reversal: true,
            call_waiting: true,
            caller_id: CallerIdAlerting::Off,
            vmwi: Vmwi::None,
            stutter: true,
            vmwi_delay: s(2),
            vmwi_repeat: None,
        }
    }
}

/// One row of the timer table, for `show timers` and the manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerInfo {
    /// Its name in the configuration.
    pub name: &'static str,
    /// Its value; `None` is infinity.
    pub value: Option<Duration>,
    /// What it does.
    pub meaning: &'static str,
}

impl LineConfig {
    /// All timers with their present values.
    pub fn timers(&self) -> [TimerInfo; 13] {
        let row = |name, value, meaning| TimerInfo { name, value, meaning };
        [
            row("timeouts initial", self.initial, "off hook to the first digit"),
            row("timeouts interdigit", self.interdigit, "from digit to digit"),
            row("timeouts ringing", self.ringing, "ringing an incoming call"),
            row("timeouts call-disconnect", self.call_disconnect, "tone after the far end hung up"),
            row("timeouts wait-release", self.wait_release, "tone after a failed call"),
            row("timeouts power-denial", self.power_denial, "open loop after the far end hung up"),
            row("howler", self.howler, "howler before the line is parked"),
            row("timing hookflash-in minimum", Some(self.hookflash_min), "shorter breaks are ignored"),
            row("timing hookflash-in maximum", Some(self.hookflash_max), "a break this long is a release"),
            row("off-hook debounce", Some(self.off_hook_debounce), "steady loop before off hook counts"),
            row("ring-trip debounce", Some(self.ring_trip_debounce), "the same while ringing"),
            row("vmwi repetition", self.vmwi_repeat, "message data again while messages wait"),
            row("pulse interdigit", Some(self.pulse_interdigit), "make that ends a pulsed digit"),
        ]
    }

    /// The digit of a train of `breaks`, or `None` if no dial makes it.
    pub(super) fn pulse_digit(&self, breaks: u8) -> Option<char> {
        let value = match (self.pulse_rule, breaks) {
            (PulseRule::Normal, 1..=10) => breaks % 10,
            (PulseRule::Reverse, 1..=10) => 10 - breaks,
            (PulseRule::PlusOne, 1..=10) => breaks - 1,
            _ => return None,
        };
        char::from_digit(u32::from(value), 10)
    }
}

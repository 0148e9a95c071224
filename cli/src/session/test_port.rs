//! `test voice port`.

/// What `test voice port` does to a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortTest {
    /// `mwi on|off`: messages wait, or none, until the next change of its mailboxes.
    Mwi(bool),
    /// `mwi fsk`: the present state is sent as data, whatever `vmwi` says.
    MwiFsk,
    /// `mwi dc`: the lamp shows the present state by voltage, whatever `vmwi` says.
    MwiDc,
    /// `inject-tone`: a tone of so many Hz (0 is quiet) toward the pair or the network; `None` ends it.
    InjectTone {
        /// Toward the network.
        network: bool,
        /// Frequency.
        hz: Option<u16>,
    },
    /// `loopback`: what comes from the pair (`Some(false)`) or the network (`Some(true)`) goes back to it; `None` ends it.
    Loopback(Option<bool>),
    /// `detector`: the line is told so instead of what its hardware says; `None` believes the hardware again.
    Detector(PortDetector, Option<bool>),
    /// `relay`: the hardware does so whatever the line wants; `None` gives it back.
    Relay(PortRelay, Option<bool>),
}

/// `test voice port … detector`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortDetector {
    /// `loop-current` and `ring-trip` of an FXS port, `loop-current` of an FXO port.
    Loop,
    /// `ring-ground` of an FXS port.
    RingGround,
    /// `ring` of an FXO port.
    Ring,
    /// `battery-reversal` of an FXO port.
    BatteryReversal,
    /// `tip-ground` of an FXO port.
    TipGround,
}

/// `test voice port … relay`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortRelay {
    /// `battery-reversal` of an FXS port.
    BatteryReversal,
    /// `power-denial` of an FXS port.
    PowerDenial,
    /// `ring` of an FXS port.
    Ring,
    /// `tip-ground` of an FXS port.
    TipGround,
    /// `loop` of an FXO port.
    Loop,
    /// `ring-ground` of an FXO port.
    RingGround,
}

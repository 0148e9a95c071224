//! What a `voice-port` says, as an FXO port needs it.

use std::time::Duration;

use cli::config::{Connection, VoicePort};
use telephony_hal::line::Signal;
use telephony_hal::line::fxo::{DialType, FxoConfig};

use crate::leg::Party;

/// Settings of the port besides those of its line.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) connection: Option<Connection>,
    /// `battery-reversal answer`.
    pub(super) reversal_answers: bool,
    /// `supervisory answer dualtone`.
    pub(super) tone_answers: bool,
    pub(super) shutdown: bool,
    /// `busyout forced`, and `busyout seize repeat`.
    pub(super) forced: bool,
    /// `busyout graceful`.
    pub(super) graceful: bool,
    pub(super) seize: bool,
    /// `timeouts initial` and `interdigit`.
    pub(super) initial: Option<Duration>,
    pub(super) interdigit: Option<Duration>,
    /// `plar opx cut-through-wait`: blocks of 20 ms in which nothing is heard after the exchange line was answered.
    pub(super) cut_through: u32,
    /// `mwi`: what the exchange's dial tone says of messages counts, and with `tipring mwi-poll` is asked for so often.
    pub(super) mwi: bool,
    pub(super) poll: Option<Duration>,
    /// `station-id`: who calls where the exchange does not say.
    pub(super) station: Party,
}

impl Settings {
    pub(super) fn new(config: Option<&VoicePort>) -> Self {
        let timeouts = config.map(|config| config.timeouts).unwrap_or_default();
        let seconds = |s: u32| Some(Duration::from_secs(s.into())).filter(|limit| !limit.is_zero());
        let line = config.map(|config| &config.line);
        Self {
            connection: config.and_then(|config| config.connection.clone()),
            reversal_answers: line.is_some_and(|line| line.reversal_answers),
            tone_answers: line.is_some_and(|line| line.tone_answer),
            shutdown: config.is_some_and(|config| config.shutdown),
            forced: line.is_some_and(|line| line.busyout.forced),
            graceful: line.is_some_and(|line| line.busyout.graceful),
            seize: line.is_some_and(|line| line.busyout.seize),
            initial: seconds(timeouts.initial),
            interdigit: seconds(timeouts.interdigit),
            cut_through: match config.and_then(|config| config.connection.as_ref()) {
                Some(Connection::PlarOpx { cut_through: Some(ms), .. }) => ms.div_ceil(20),
                _ => 0,
            },
            mwi: config.is_some_and(|config| config.mwi),
            poll: line
                .and_then(|line| line.mwi_poll)
                .filter(|_| config.is_some_and(|config| config.mwi))
                .map(|seconds| Duration::from_secs(seconds.into())),
            station: Party {
                name: config.and_then(|config| config.station_id_name.clone()),
                ..Party::new(config.and_then(|config| config.station_id_number.clone()).unwrap_or_default())
            },
        }
    }
}

/// The line's own settings.
pub(super) fn line_config(config: Option<&VoicePort>) -> FxoConfig {
    let mut line = FxoConfig::default();
    let Some(config) = config else { return line };
    let wires = &config.line;
    let ms = |value: u32| Duration::from_millis(value.into());
    let set = |slot: &mut Duration, value: Option<u32>| {
        if let Some(value) = value {
            *slot = ms(value);
        }
    };
    if wires.ground_start {
        line.signal = Signal::GroundStart;
    }
    line.ring_number = wires.ring_number.unwrap_or(1);
    let immediate = matches!(config.connection, Some(Connection::PlarOpx { immediate: true, .. }));
    line.caller_id = config.caller_id && !immediate;
    if wires.dial_pulse {
        line.dial_type = DialType::Pulse;
    }
    let timing = &wires.timing;
    set(&mut line.dial_delay, timing.dialout_delay);
    if let Some(seconds) = wires.pre_dial_delay {
        line.dial_delay = Duration::from_secs(seconds.into());
    }
    if matches!(config.connection, Some(Connection::Trunk { .. })) {
        // The telephone at the other end dials.
        line.dial_delay = Duration::ZERO;
    }
    set(&mut line.ring_pause, timing.opx_ring_wait);
    set(&mut line.reversal_delay, wires.reversal_delay);
    line.auto_tip = wires.auto_tip.map(ms);
    set(&mut line.digit, timing.digit);
    set(&mut line.inter_digit, timing.inter_digit);
    set(&mut line.pulse_inter_digit, timing.pulse_inter_digit);
    set(&mut line.hookflash_out, timing.hookflash_out);
    set(&mut line.guard_out, timing.guard_out);
    if timing.pulse.is_some() || timing.percent_break.is_some() {
        let period = 1000 / timing.pulse.unwrap_or(10).max(1);
        let open = period * timing.percent_break.unwrap_or(60).min(100) / 100;
        line.pulse = (ms(open), ms(period - open));
    }
    line.battery_reversal = !wires.no_battery_reversal && !wires.no_supervisory_disconnect;
    line.supervisory_disconnect = if wires.no_supervisory_disconnect {
        None
    } else {
        Some(timing.sup_disconnect.map_or(Duration::from_millis(350), ms))
    };
    line.ringing = config.timeouts.ringing.map(|s| Duration::from_secs(s.into()));
    line
}

//! What an FXS port does, in order, to give a telephone caller ID or a VMWI message.
//!
//! A plan is data: the line discipline carries out one [`Action`] after the other and stops at off-hook
//! (except where an action waits for it). Polarity is normal again at the end of every plan.
//!
//! ```
//! use media::callerid::plan::{self, Action};
//! use media::callerid::{CallSetup, Party};
//! use media::locale;
//!
//! let call = CallSetup { when: None, number: Party::Known("4711".into()), name: Party::Unavailable };
//! let us = plan::caller_id(locale::find("us").expect("there"), &call);
//! assert!(us.before_ring.is_empty());
//! assert!(matches!(us.in_pause.as_slice(), [Action::Wait { ms: 550 }, Action::Fsk(_)]));
//! assert_eq!(us.pause, 1);
//! ```

use super::{
    CallSetup, DtmfForm, Party, dtmf_digits, etsi_call, etsi_mwi, mdmf_call, mdmf_mwi, ntt_call, sdmf_mwi,
};
use crate::dtmf;
use crate::fsk::{FskBurst, Modem};
use crate::locale::{CallerIdDefaults, CidAlert, CidScheme, CidWhen, Locale};
use crate::tone::{Component, ToneError, ToneSpec, ToneStep};

/// End of the first ring to data, ms (RFC 5098: 550, range 50 to 2000; GR-30: 500 or more).
pub const RING_TO_DATA_MS: u32 = 550;
/// Line reversal to what follows, ms (RFC 5098: 250, range 50 to 655; BT: 100 or more).
pub const REVERSAL_TO_ALERT_MS: u32 = 250;
/// Length of the dual tone alerting signal on-hook, ms (88 to 110).
pub const DT_AS_MS: u32 = 100;
/// Length of the alerting signal off-hook (CAS), ms (80 to 85).
pub const CAS_MS: u32 = 82;
/// End of the alerting signal to data on-hook, ms (RFC 5098: 45 to 500).
pub const DT_AS_TO_DATA_MS: u32 = 55;
/// End of data to ringing, ms (RFC 5098: 250, range 50 to 500; ETSI 200 to 500).
pub const DATA_TO_RING_MS: u32 = 250;
/// Quiet that must remain between data sent in a pause and the next ring, ms.
pub const DATA_BEFORE_NEXT_RING_MS: u32 = 200;
/// How long to wait for the telephone's DTMF acknowledgement (`D`, or `A`) after CAS, ms.
pub const ACK_WAIT_MS: u32 = 165;
/// End of the acknowledgement to data, ms.
pub const ACK_TO_DATA_MS: u32 = 55;
/// Open switch interval before a VMWI message, ms (150 to 350), and the wait after it (300 or more).
pub const OPEN_SWITCH_MS: (u32, u32) = (250, 300);
/// Length of the ring pulse that alerts, ms (200 to 300), and the wait after it (500 to 800).
pub const RING_PULSE_MS: (u32, u32) = (250, 650);
/// Level of each frequency of the alerting signal, dBm0.
pub const ALERT_DBM0: f64 = -15.0;

/// One thing the line does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Exchanges tip and ring.
    Reverse,
    /// Puts tip and ring back.
    Normal,
    /// Leaves the line quiet.
    Wait {
        /// How long.
        ms: u32,
    },
    /// Removes battery.
    Open {
        /// How long.
        ms: u32,
    },
    /// Rings once, too short to be taken for a call.
    RingPulse {
        /// How long.
        ms: u32,
    },
    /// Sends a tone that ends by itself: alerting signal or DTMF digits.
    Tone(ToneSpec),
    /// Sends data.
    Fsk(FskBurst),
    /// Rings on and off until the set goes off hook to listen (NTT's CAR). Without off-hook: skip to ringing.
    RingUntilOffHook {
        /// Ring, ms.
        on_ms: u32,
        /// Pause, ms.
        off_ms: u32,
        /// When to give up, ms.
        limit_ms: u32,
    },
    /// Waits for on-hook after the data.
    AwaitOnHook {
        /// When to give up, ms.
        limit_ms: u32,
    },
}

/// Caller ID of one call.
#[derive(Clone, Debug, PartialEq)]
pub struct CallerIdPlan {
    /// Carried out on the idle line; then ringing starts.
    pub before_ring: Vec<Action>,
    /// Carried out in the pause of the first ringing pattern that [`CallerIdPlan::pause`] names.
    pub in_pause: Vec<Action>,
    /// Index into the ring cadence of that pause (always odd).
    pub pause: usize,
}

/// Which form of VMWI message a set understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VmwiForm {
    /// SDMF 0x06, Bell 202.
    Sdmf,
    /// MDMF 0x82, Bell 202.
    Mdmf,
    /// 0x82 with the number of messages, V.23.
    Etsi,
}

/// What wakes the set before a VMWI message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VmwiAlert {
    /// Nothing.
    None,
    /// Open switch interval (GR-1401).
    OpenSwitch,
    /// Dual tone alerting signal.
    DtAs,
    /// Line reversal, then the dual tone: silent, for UK-type sets.
    LineReversalDtAs,
    /// Ring pulse: the bell pings.
    RingPulse,
}

/// Caller ID as the locale's network sends it.
#[must_use]
pub fn caller_id(locale: &Locale, call: &CallSetup) -> CallerIdPlan {
    with_defaults(&locale.caller_id, locale, call)
}

/// Caller ID with other defaults than the locale's own, as `caller-id mode` and `caller-id alerting` ask.
#[must_use]
pub fn with_defaults(cid: &CallerIdDefaults, locale: &Locale, call: &CallSetup) -> CallerIdPlan {
    let cadence = locale.ring.cadence_ms;
    let longest = cadence.iter().enumerate().skip(1).step_by(2).max_by_key(|&(_, ms)| *ms);
    let (pause, pause_ms) = longest.map_or((1, 0), |(i, ms)| (i, *ms));
    let room = match cid.when {
        CidWhen::BeforeRing => None,
        CidWhen::AfterFirstRing | CidWhen::DuringRinging => {
            Some(pause_ms.saturating_sub(DATA_BEFORE_NEXT_RING_MS))
        }
    };
    let data = |start_ms: u32| match cid.scheme {
        CidScheme::Bell202 => fit(Modem::Bell202, mdmf_call, call, room.map(|r| r.saturating_sub(start_ms))),
        CidScheme::V23 => fit(Modem::V23, etsi_call, call, room.map(|r| r.saturating_sub(start_ms))),
        CidScheme::NttV23 => vec![Action::Fsk(FskBurst::ntt(ntt_call(call)))],
        CidScheme::Dtmf { start, stop } => digits(locale, start, stop, &call.number),
    };
    match cid.when {
        CidWhen::AfterFirstRing | CidWhen::DuringRinging => {
            let mut in_pause = vec![Action::Wait { ms: RING_TO_DATA_MS }];
            in_pause.extend(data(RING_TO_DATA_MS));
            CallerIdPlan { before_ring: Vec::new(), in_pause, pause }
        }
        CidWhen::BeforeRing => {
            let reversed = !matches!(cid.alert, CidAlert::None | CidAlert::DtAs | CidAlert::RingPulse);
            let mut before_ring = Vec::new();
            if reversed {
                before_ring.extend([Action::Reverse, Action::Wait { ms: REVERSAL_TO_ALERT_MS }]);
            }
            if cid.alert == CidAlert::RingPulse {
                let (pulse, wait) = RING_PULSE_MS;
                before_ring.extend([Action::RingPulse { ms: pulse }, Action::Wait { ms: wait }]);
            }
            if matches!(cid.alert, CidAlert::DtAs | CidAlert::LineReversalDtAs) {
                before_ring.extend([Action::Tone(alert(DT_AS_MS)), Action::Wait { ms: DT_AS_TO_DATA_MS }]);
            }
            if cid.alert == CidAlert::LineReversalCar {
                before_ring.push(Action::RingUntilOffHook { on_ms: 500, off_ms: 500, limit_ms: 6000 });
                before_ring.push(Action::Wait { ms: DT_AS_TO_DATA_MS });
            }
            before_ring.extend(data(0));
            if cid.alert == CidAlert::LineReversalCar {
                before_ring.push(Action::AwaitOnHook { limit_ms: 7000 });
            }
            before_ring.push(Action::Wait { ms: DATA_TO_RING_MS });
            if reversed {
                before_ring.push(Action::Normal);
            }
            CallerIdPlan { before_ring, in_pause: Vec::new(), pause }
        }
    }
}

/// Type II caller ID, to a telephone in a call: after CAS the line must hear `D` or `A` within
/// [`ACK_WAIT_MS`], wait [`ACK_TO_DATA_MS`], and send the burst; without it nothing is sent.
#[must_use]
pub fn call_waiting(locale: &Locale, call: &CallSetup) -> (ToneSpec, FskBurst) {
    let burst = match locale.caller_id.scheme {
        CidScheme::V23 | CidScheme::NttV23 => FskBurst::off_hook(Modem::V23, etsi_call(call)),
        CidScheme::Bell202 | CidScheme::Dtmf { .. } => FskBurst::off_hook(Modem::Bell202, mdmf_call(call)),
    };
    (alert(CAS_MS), burst)
}

/// The form and alert a locale's sets are likely to understand.
#[must_use]
pub fn vmwi_defaults(locale: &Locale) -> (VmwiForm, VmwiAlert) {
    match (locale.caller_id.scheme, locale.caller_id.alert) {
        (CidScheme::V23, CidAlert::LineReversalDtAs) => (VmwiForm::Etsi, VmwiAlert::LineReversalDtAs),
        (CidScheme::V23 | CidScheme::NttV23, _) => (VmwiForm::Etsi, VmwiAlert::DtAs),
        (CidScheme::Bell202 | CidScheme::Dtmf { .. }, _) => (VmwiForm::Mdmf, VmwiAlert::None),
    }
}

/// A VMWI message to an idle telephone. `waiting` is sent in ETSI's form only.
#[must_use]
pub fn vmwi(form: VmwiForm, alerting: VmwiAlert, on: bool, waiting: Option<u32>) -> Vec<Action> {
    let mut out = match alerting {
        VmwiAlert::None => Vec::new(),
        VmwiAlert::OpenSwitch => {
            let (open, wait) = OPEN_SWITCH_MS;
            vec![Action::Open { ms: open }, Action::Wait { ms: wait }]
        }
        VmwiAlert::DtAs => vec![Action::Tone(alert(DT_AS_MS)), Action::Wait { ms: DT_AS_TO_DATA_MS }],
        VmwiAlert::LineReversalDtAs => vec![
            Action::Reverse,
            Action::Wait { ms: REVERSAL_TO_ALERT_MS },
            Action::Tone(alert(DT_AS_MS)),
            Action::Wait { ms: DT_AS_TO_DATA_MS },
        ],
        VmwiAlert::RingPulse => {
            let (pulse, wait) = RING_PULSE_MS;
            vec![Action::RingPulse { ms: pulse }, Action::Wait { ms: wait }]
        }
    };
    out.push(Action::Fsk(match form {
        VmwiForm::Sdmf => FskBurst::on_hook(Modem::Bell202, sdmf_mwi(on)),
        VmwiForm::Mdmf => FskBurst::on_hook(Modem::Bell202, mdmf_mwi(on)),
        VmwiForm::Etsi => FskBurst::on_hook(Modem::V23, etsi_mwi(on, None, waiting)),
    }));
    if alerting == VmwiAlert::LineReversalDtAs {
        out.extend([Action::Wait { ms: DATA_TO_RING_MS }, Action::Normal]);
    }
    out
}

/// The dual tone alerting signal, 2130 + 2750 Hz, `ms` long: DT-AS on-hook, CAS off-hook.
#[must_use]
pub fn alert(ms: u32) -> ToneSpec {
    let mix = [2130.0, 2750.0].map(|hz| Component { hz, dbm0: ALERT_DBM0 }).to_vec();
    once(ToneStep::burst(mix, ms.clamp(1, 1000), 0))
}

/// A step of constants that [`ToneStep::burst`] accepts, as a tone; silence if it were not.
fn once(step: Result<ToneStep, ToneError>) -> ToneSpec {
    step.and_then(|step| ToneSpec::new(vec![step], Vec::new())).unwrap_or_else(|_| ToneSpec::silence())
}

/// The message, without the name if the pause is too short for it; nothing if even that doesn't fit.
fn fit(
    modem: Modem,
    make: impl Fn(&CallSetup) -> Vec<u8>,
    call: &CallSetup,
    room: Option<u32>,
) -> Vec<Action> {
    let whole = FskBurst::on_hook(modem, make(call));
    let fits = |burst: &FskBurst| room.is_none_or(|ms| burst.duration_ms() <= ms);
    if fits(&whole) {
        return vec![Action::Fsk(whole)];
    }
    let without = CallSetup { name: Party::Unavailable, ..call.clone() };
    let short = FskBurst::on_hook(modem, make(&without));
    if fits(&short) { vec![Action::Fsk(short)] } else { Vec::new() }
}

/// ETSI asks for 65 ms or more of tone and of pause.
fn digits(locale: &Locale, start: char, stop: char, number: &Party) -> Vec<Action> {
    let form = match (start, stop) {
        ('A', 'C') => DtmfForm::Etsi,
        ('A', '#') => DtmfForm::Hash,
        _ => DtmfForm::Between { start, stop },
    };
    match dtmf::sequence(&dtmf_digits(form, number), locale.dtmf, 70, 70) {
        Ok(spec) => vec![Action::Tone(spec)],
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests;

//! What a `voice-port` says, as an FXS port needs it.

use std::time::Duration;

use cli::config::{CallerIdAlert, CallerIdMode, Connection, VoicePort};
use media::callerid::plan::{self, Action};
use media::callerid::{CallSetup, Party as Shown};
use media::locale::{CallerIdDefaults, CidAlert, CidScheme, CidWhen, Locale};
use mwi::indicate::{PortMwi, Visual};
use telephony_hal::line::{Caller, CallerIdAlerting, LineConfig, Signal, Vmwi};

use super::TICK;
use crate::leg::vmwi::Script;

/// How a telephone that shows who calls is told: as the country does, with what `caller-id` changes.
#[derive(Debug, Clone)]
pub(super) struct CallerIdForm {
    locale: &'static Locale,
    defaults: CallerIdDefaults,
    /// `caller-id alerting ring`.
    bursts: u8,
    /// `caller-id attenuation`.
    level_dbm0: Option<f64>,
}

impl CallerIdForm {
    pub(super) fn new(config: Option<&VoicePort>) -> Self {
        let locale = locale(config);
        let line = config.map(|config| &config.line);
        let mut defaults = locale.caller_id;
        match line.and_then(|line| line.caller_id_mode) {
            None => {}
            Some(CallerIdMode::Bt) => {
                defaults.scheme = CidScheme::V23;
                (defaults.when, defaults.alert) = (CidWhen::BeforeRing, CidAlert::LineReversalDtAs);
            }
            // The country's modem, if its own way is data at all.
            Some(CallerIdMode::Fsk) if matches!(defaults.scheme, CidScheme::Dtmf { .. }) => {
                defaults.scheme = CidScheme::Bell202;
                (defaults.when, defaults.alert) = (CidWhen::AfterFirstRing, CidAlert::None);
            }
            Some(CallerIdMode::Fsk) => {}
            Some(CallerIdMode::Dtmf { start, end }) => {
                defaults.scheme = CidScheme::Dtmf { start, stop: end };
                if defaults.when != CidWhen::BeforeRing {
                    (defaults.when, defaults.alert) = (CidWhen::BeforeRing, CidAlert::LineReversal);
                }
            }
        }
        let mut bursts = 1;
        match line.and_then(|line| line.caller_id_alerting) {
            None => {}
            Some(CallerIdAlert::LineReversal) => {
                let data = matches!(defaults.scheme, CidScheme::V23);
                let alert = if data { CidAlert::LineReversalDtAs } else { CidAlert::LineReversal };
                (defaults.when, defaults.alert) = (CidWhen::BeforeRing, alert);
            }
            Some(CallerIdAlert::PreRing) => {
                (defaults.when, defaults.alert) = (CidWhen::BeforeRing, CidAlert::RingPulse);
            }
            Some(CallerIdAlert::Ring(number)) => {
                (defaults.when, defaults.alert) = (CidWhen::AfterFirstRing, CidAlert::None);
                bursts = number;
            }
        }
        let level_dbm0 = line.and_then(|line| line.caller_id_attenuation).map(|db| -f64::from(db));
        Self { locale, defaults, bursts, level_dbm0 }
    }

    /// What is sent for a call.
    pub(super) fn actions(&self, caller: &Caller) -> Vec<Action> {
        let plan = plan::with_defaults(&self.defaults, self.locale, &call_setup(caller));
        let mut actions = if plan.before_ring.is_empty() { plan.in_pause } else { plan.before_ring };
        if let Some(level) = self.level_dbm0 {
            for action in &mut actions {
                if let Action::Fsk(burst) = action {
                    *burst = burst.clone().at_level(level);
                }
            }
        }
        actions
    }

    /// When it is sent. Before ringing: the first burst waits as long as the longest message takes.
    fn alerting(&self) -> CallerIdAlerting {
        if self.defaults.when != CidWhen::BeforeRing {
            return CallerIdAlerting::AfterRing(self.bursts);
        }
        let longest = Caller {
            number: Some("0".repeat(media::callerid::MAX_NUMBER)),
            name: Some("0".repeat(media::callerid::MAX_NAME_US)),
            ..Caller::default()
        };
        let mut script = Script::plan(self.actions(&longest));
        let mut ticks = 0;
        // No message lasts 10 s.
        while !script.is_over() && ticks < 500 {
            script.fill(&mut [0; TICK], |_| {});
            ticks += 1;
        }
        CallerIdAlerting::BeforeRing(Duration::from_millis(20 * ticks))
    }
}

pub(super) fn call_setup(caller: &Caller) -> CallSetup {
    let shown = |text: &Option<String>, private: bool| match text {
        _ if private => Shown::Private,
        Some(text) => Shown::Known(text.clone()),
        None => Shown::Unavailable,
    };
    CallSetup {
        when: None,
        number: shown(&caller.number, caller.private),
        name: shown(&caller.name, caller.private_name),
    }
}

/// Message waiting settings of a `voice-port`.
#[must_use]
pub fn port_mwi(config: Option<&VoicePort>) -> PortMwi {
    let visual = match config.and_then(|c| c.vmwi) {
        None => Visual::None,
        Some(cli::config::Vmwi::Fsk) => Visual::Fsk,
        Some(cli::config::Vmwi::DcVoltage) => Visual::DcVoltage,
    };
    PortMwi { enabled: config.is_some_and(|c| c.mwi), visual }
}

pub(in crate::leg) fn locale(config: Option<&VoicePort>) -> &'static Locale {
    config.and_then(|c| media::locale::find(&c.cptone)).unwrap_or_else(media::locale::default)
}

pub(super) fn line_config(config: Option<&VoicePort>) -> LineConfig {
    let Some(config) = config else { return LineConfig::default() };
    let mut line = LineConfig::for_cptone(&config.cptone);
    let seconds = |s: u32| Duration::from_secs(u64::from(s));
    let timeouts = &config.timeouts;
    line.initial = Some(seconds(timeouts.initial)).filter(|d| !d.is_zero());
    line.interdigit = Some(seconds(timeouts.interdigit)).filter(|d| !d.is_zero());
    line.ringing = timeouts.ringing.map(seconds);
    line.call_disconnect = timeouts.call_disconnect.map(seconds);
    line.wait_release = timeouts.wait_release.map(seconds);
    // A station's line has nothing to wait for: `plar opx` is `plar`.
    line.plar = match &config.connection {
        Some(Connection::Plar(number) | Connection::PlarOpx { number, .. }) => Some(number.clone()),
        _ => None,
    };
    if config.caller_id {
        line.caller_id = CallerIdForm::new(Some(config)).alerting();
    }
    let wires = &config.line;
    if wires.ground_start {
        line.signal = Signal::GroundStart;
    }
    if let Some((longest, shortest)) = wires.hookflash_in {
        line.hookflash_max = Duration::from_millis(longest.into());
        if let Some(shortest) = shortest {
            line.hookflash_min = Duration::from_millis(shortest.into());
        }
        line.hookflash_min = line.hookflash_min.min(line.hookflash_max);
    }
    if let Some(ms) = wires.power_denial {
        line.power_denial = Some(Duration::from_millis(ms.into())).filter(|length| !length.is_zero());
    }
    line.permanent = matches!(config.connection, Some(Connection::Trunk { .. }));
    // A second call has no place beside one that stands.
    line.call_waiting = !line.permanent;
    line.pulse_detection = !wires.no_pulse_digits;
    line.battery_reversal = !wires.no_battery_reversal;
    line.disconnect_ack = wires.disconnect_ack;
    line.stutter = config.mwi;
    line.vmwi = match config.vmwi {
        None => Vmwi::None,
        Some(cli::config::Vmwi::Fsk) => Vmwi::Fsk,
        Some(cli::config::Vmwi::DcVoltage) => Vmwi::DcVoltage,
    };
    line.vmwi_repeat = wires.vmwi_repeat.map(|minutes| Duration::from_secs(60 * u64::from(minutes)));
    line
}

//! Who is let in: `call threshold`, `call spike`, `call treatment`, `call service stop`, `shutdown` of VoIP, `max-conn`, `max-calls`.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cli::config::{Config, Node};

use super::plan::{MostCalls, TrunkGroup};
use super::{Call, Switch};
use crate::leg::sip::transport::address_of;
use crate::leg::{Cause, LegId, LegPort};
use crate::service::load::Load;
use crate::service::message::Message;

/// What a configuration says about admission, and where it stands.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    /// `call threshold global total-calls low L high H`: calls at which it begins and ends to refuse.
    pub(crate) total_calls: Option<(u32, u32)>,
    /// `call threshold global cpu-5sec|cpu-avg|total-mem|…`: what else makes it refuse.
    limits: Vec<Limit>,
    /// What the processor and the memory are at.
    load: Load,
    /// `call spike N [steps S size MS]`: calls in a window.
    pub(crate) spike: Option<Spike>,
    /// `call threshold interface … int-calls`, with the address of the interface.
    interfaces: Vec<InterfaceLimit>,
    /// `call treatment on`: what refused calls are told, in place of congestion.
    treatment: Option<Treatment>,
    /// `call service stop` of SIP, or `shutdown` of VoIP as a whole: no calls by SIP, while telephones and trunks go on calling each
    /// other. Forced ones end such calls too.
    pub(crate) stopped: Option<Stop>,
    /// The gateway is to end: calls under way go on.
    draining: bool,
    /// `allow-connections sip to sip`: SIP may call SIP. Without it, as in IOS, SIP calls telephones and trunks only.
    pub(crate) connects_sip: bool,
    refusing: bool,
    /// When the last calls came in, for the spike.
    recent: VecDeque<Instant>,
    /// Calls refused since the start, by reason.
    pub(crate) refused: Refused,
}

/// A threshold of the processor or the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Limit {
    of: Resource,
    /// Percent.
    low: u32,
    high: u32,
    /// It was above `high` and has not been at or below `low` since.
    above: bool,
}

/// Calls by SIP over one interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct InterfaceLimit {
    address: IpAddr,
    low: u32,
    high: u32,
    above: bool,
}

/// `call treatment`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Treatment {
    /// `cause-code`.
    cause: Cause,
    /// `isdn-reject`: on trunks.
    isdn: Option<Cause>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resource {
    /// The processor, over the last so many seconds.
    Processor(u64),
    Memory,
}

/// `call service stop` and `shutdown`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Calls under way go on.
    New,
    /// Calls under way are ended.
    Forced,
}

/// `call spike`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spike {
    /// Calls in the window, at most.
    pub(crate) calls: u32,
    /// Length of the window: steps × size.
    pub(crate) window: Duration,
}

/// Calls refused since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) threshold: u64,
    pub(crate) spike: u64,
    pub(crate) stopped: u64,
    pub(crate) max_conn: u64,
}

/// Why a call is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Threshold,
    Spike,
    Stopped,
    MaxConn,
}

/// Most arrivals that are remembered; `call spike` takes 1 to 2147483647, a window never holds more than this.
const MAX_RECENT: usize = 100_000;

impl Admission {
    /// Takes the lines of the configuration that concern admission.
    pub(super) fn configure(&mut self, config: &Config) {
        let lines = config.tree().nodes();
        self.total_calls = lines.iter().find_map(|node| thresholds(&node.line));
        self.spike = lines.iter().find_map(|node| spike(&node.line));
        let old = std::mem::take(&mut self.limits);
        self.limits = lines.iter().filter_map(|node| limit(&node.line)).collect();
        for limit in &mut self.limits {
            limit.above = old.iter().any(|known| known.of == limit.of && known.above);
        }
        if self.total_calls.is_none() {
            self.refusing = false;
        }
        let service = config.tree().section("voice service voip");
        let sip = service.and_then(|node| node.subsection("sip"));
        self.connects_sip = service.is_some_and(|node| node.has("allow-connections sip to sip"));
        let stop = sip.and_then(|node| node.value("call service stop"));
        let stop = service.and_then(|node| node.value("shutdown")).or(stop);
        self.stopped = stop.map(|rest| if rest.contains("forced") { Stop::Forced } else { Stop::New });
        self.treatment = treatment(lines);
        let old = std::mem::take(&mut self.interfaces);
        self.interfaces = lines.iter().filter_map(|node| interface(config, &node.line)).collect();
        for limit in &mut self.interfaces {
            limit.above = old.iter().any(|known| known.address == limit.address && known.above);
        }
    }

    /// Whether one more call by SIP, on an interface that has `calls` of them, is let in; `None` for an address without limit.
    fn admit_on(&mut self, address: IpAddr, calls: impl FnOnce() -> u32) -> Option<bool> {
        let limit = self.interfaces.iter_mut().find(|limit| limit.address == address)?;
        let calls = calls();
        limit.above = if limit.above { calls > limit.low } else { calls > limit.high };
        Some(!limit.above)
    }

    /// What a call is told that is too much, by where it came from.
    fn too_much(&self, from: LegPort) -> Cause {
        let Some(treatment) = self.treatment else { return Cause::CONGESTION };
        let isdn = treatment.isdn.filter(|_| matches!(from, LegPort::Trunk(_)));
        isdn.unwrap_or(treatment.cause)
    }

    /// Whether `call threshold` refuses calls now.
    pub(crate) fn is_refusing(&self) -> bool {
        self.refusing
    }

    /// `running`, `stopped` or `draining`, for `show call resource`.
    pub(crate) fn service(&self) -> &'static str {
        match (self.draining, self.stopped) {
            (true, _) => "draining",
            (false, Some(_)) => "stopped",
            (false, None) => "running",
        }
    }

    /// Whether processor or memory are at a threshold.
    fn is_overloaded(&mut self) -> bool {
        let load = &self.load;
        for limit in &mut self.limits {
            let at = match limit.of {
                Resource::Processor(seconds) => load.processor(Duration::from_secs(seconds)),
                Resource::Memory => load.memory(),
            };
            limit.above = if limit.above { at > limit.low } else { at > limit.high };
        }
        self.limits.iter().any(|limit| limit.above)
    }

    fn forget(&mut self, now: Instant) {
        let window = self.spike.map_or(Duration::ZERO, |spike| spike.window);
        while self.recent.front().is_some_and(|at| now.saturating_duration_since(*at) >= window) {
            self.recent.pop_front();
        }
    }

    /// Whether calls go by SIP at all.
    fn serves_sip(&self) -> Result<(), Refusal> {
        if self.stopped.is_some() { Err(Refusal::Stopped) } else { Ok(()) }
    }

    /// Whether one more call, the `calls`th, is let in.
    fn admit(&mut self, now: Instant, calls: u32, from: LegPort) -> Result<(), Refusal> {
        if self.draining {
            return Err(Refusal::Stopped);
        }
        if from == LegPort::Sip {
            self.serves_sip()?;
        }
        if let Some((low, high)) = self.total_calls {
            // Between the two marks it stays what it was.
            self.refusing = if self.refusing { calls > low } else { calls > high };
            if self.refusing {
                return Err(Refusal::Threshold);
            }
        }
        if self.is_overloaded() {
            return Err(Refusal::Threshold);
        }
        if let Some(spike) = self.spike {
            self.forget(now);
            if self.recent.len() >= spike.calls as usize {
                return Err(Refusal::Spike);
            }
            if self.recent.len() < MAX_RECENT {
                self.recent.push_back(now);
            }
        }
        Ok(())
    }
}

/// `call threshold global total-calls low 5 high 8`
fn thresholds(line: &str) -> Option<(u32, u32)> {
    let mut words = line.strip_prefix("call threshold global total-calls low ")?.split_whitespace();
    let low = words.next()?.parse().ok()?;
    let high = words.next().filter(|word| *word == "high").and_then(|_| words.next())?.parse().ok()?;
    Some((low, high))
}

/// `call threshold global cpu-avg low 60 high 80`. The kinds of memory of a router are one here.
fn limit(line: &str) -> Option<Limit> {
    let mut words = line.strip_prefix("call threshold global ")?.split_whitespace();
    let of = match words.next()? {
        "cpu-5sec" => Resource::Processor(5),
        "cpu-avg" => Resource::Processor(60),
        "total-mem" | "proc-mem" | "io-mem" => Resource::Memory,
        _ => return None,
    };
    let low = words.nth(1)?.parse().ok()?;
    let high = words.nth(1)?.parse().ok()?;
    Some(Limit { of, low, high, above: false })
}

/// `call threshold interface Loopback0 int-calls low 5 high 8`
fn interface(config: &Config, line: &str) -> Option<InterfaceLimit> {
    let (name, rest) = line.strip_prefix("call threshold interface ")?.split_once(" int-calls low ")?;
    let (low, high) = rest.split_once(" high ")?;
    let address = address_of(config, name)?;
    Some(InterfaceLimit { address, low: low.parse().ok()?, high: high.parse().ok()?, above: false })
}

/// `call treatment on`, and what it says. (IOS: no-resource where no cause is given; the numbers are those of Q.850.)
fn treatment(lines: &[Arc<Node>]) -> Option<Treatment> {
    let value = |words: &str| lines.iter().find_map(|node| node.line.strip_prefix(words));
    value("call treatment on")?;
    let cause = match value("call treatment cause-code ") {
        Some("busy") => Cause::BUSY,
        Some("no-QoS") => Cause(49),
        _ => Cause::UNAVAILABLE,
    };
    let isdn = value("call treatment isdn-reject ").and_then(|number| number.trim().parse().ok());
    Some(Treatment { cause, isdn: isdn.map(Cause) })
}

/// `call spike 30 steps 10 size 2000`: IOS's defaults are 5 steps of 200 ms.
fn spike(line: &str) -> Option<Spike> {
    let mut words = line.strip_prefix("call spike ")?.split_whitespace();
    let calls = words.next()?.parse().ok()?;
    let (mut steps, mut size) = (5_u64, 200_u64);
    while let (Some(word), Some(value)) = (words.next(), words.next()) {
        let value = value.parse().ok()?;
        match word {
            "steps" => steps = value,
            "size" => size = value,
            _ => return None,
        }
    }
    Some(Spike { calls, window: Duration::from_millis(steps.saturating_mul(size)) })
}

impl Switch {
    /// From now on `call threshold` looks at this.
    pub fn watch_load(&mut self, load: Load) {
        self.calls.admission.load = load;
    }

    /// Whether a call that has just come in on a leg is served.
    pub(super) fn admit(&mut self, now: Instant, leg: LegId, from: LegPort) -> Result<(), Cause> {
        let calls = u32::try_from(self.calls.calls.len()).unwrap_or(u32::MAX);
        let admitted = self.calls.admission.admit(now, calls, from);
        admitted.map_err(|refusal| self.refuse(refusal, from))?;
        match self.sip.local_of(leg) {
            Some(local) => self.admit_on(local, 0),
            None => Ok(()),
        }
    }

    /// Whether a call may go by SIP.
    pub(super) fn serves_sip(&mut self) -> Result<(), Cause> {
        self.calls.admission.serves_sip().map_err(|refusal| self.refuse(refusal, LegPort::Sip))
    }

    /// Whether the calls by SIP over the interface of this address, and `more`, are not too many.
    pub(in crate::switch) fn admit_on(&mut self, local: IpAddr, more: usize) -> Result<(), Cause> {
        let sip = &self.sip;
        let calls = || u32::try_from(sip.legs_at(local) + more).unwrap_or(u32::MAX);
        match self.calls.admission.admit_on(local, calls) {
            Some(false) => Err(self.refuse(Refusal::Threshold, LegPort::Sip)),
            _ => Ok(()),
        }
    }

    /// Counts a refusal, and gives the cause for a caller from there.
    fn refuse(&mut self, refusal: Refusal, from: LegPort) -> Cause {
        self.count_refusal(refusal);
        match refusal {
            Refusal::Threshold | Refusal::Spike => self.calls.admission.too_much(from),
            Refusal::Stopped => Cause::TEMPORARY,
            Refusal::MaxConn => Cause::NO_CIRCUIT,
        }
    }

    fn count_refusal(&mut self, refusal: Refusal) {
        let refused = &mut self.calls.admission.refused;
        let (count, reason) = match refusal {
            Refusal::Threshold => (&mut refused.threshold, "threshold"),
            Refusal::Spike => (&mut refused.spike, "spike"),
            Refusal::Stopped => (&mut refused.stopped, "stopped"),
            Refusal::MaxConn => (&mut refused.max_conn, "max-conn"),
        };
        *count += 1;
        self.metrics.calls.refused.with_label_values(&[reason]).inc();
    }

    /// The gateway is to end within `limit`: new calls are refused as by `call service stop` (cause 41, 503), calls under way
    /// go on, registrars are told that nobody is here any more. [`Switch::is_drained`] says when the last call has ended.
    pub fn drain(&mut self, now: Instant, limit: Duration) {
        self.calls.admission.draining = true;
        let (calls, seconds) = (self.calls.calls.len(), limit.as_secs());
        self.monitor.syslog(now, Message::Draining { calls: &calls, seconds: &seconds });
        self.sign_off(now);
    }

    /// Whether no call is under way.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.calls.calls.is_empty()
    }

    /// Ends every call, since the gateway ends: BYE, CANCEL, a refusal or DISCONNECT with cause 41.
    pub fn end_calls(&mut self, now: Instant) {
        self.calls.admission.draining = true;
        self.end_all_calls(now);
    }

    fn end_all_calls(&mut self, now: Instant) {
        let calls: Vec<_> = self.calls.calls.keys().copied().collect();
        for call in calls {
            self.end_call(now, call, Cause::TEMPORARY);
        }
        self.settle_calls(now);
    }

    /// Whether a SIP server or a PBX has yet to confirm the end of a call. A handset that lies off the hook has nothing to say.
    #[must_use]
    pub fn awaits_releases(&self) -> bool {
        self.calls.legs.values().any(|leg| matches!(leg.port, LegPort::Sip | LegPort::Trunk(_)))
    }

    /// `max-calls`: whether a trunk group may have one more call, beside `beside` that is there already.
    pub(super) fn group_has_room(&self, group: &TrunkGroup, outgoing: bool, beside: Option<LegId>) -> bool {
        if group.most == MostCalls::default() {
            return true;
        }
        let is_member = |port: LegPort| {
            let name = self.port_name(port);
            name.is_some_and(|name| group.members.iter().any(|(member, _)| member == name))
        };
        let legs = || self.calls.legs.values().filter(|leg| Some(leg.id) != beside && is_member(leg.port));
        let going_out = legs().filter(|leg| leg.outgoing).count();
        group.most.has_room(outgoing, legs().count() - going_out, going_out)
    }

    /// A dial peer has all the calls it may have.
    pub(super) fn max_connections(&mut self, now: Instant, peer: u32) {
        self.count_refusal(Refusal::MaxConn);
        self.monitor.syslog(now, Message::MaxConnections { peer: &peer });
    }

    /// Takes what the configuration says of admission; a forced stop ends every call.
    pub(in crate::switch) fn configure_admission(&mut self, now: Instant) {
        self.calls.admission.configure(&self.config);
        if self.calls.admission.stopped == Some(Stop::Forced) {
            let by_sip = |call: &Call| {
                let mut legs = [call.caller, call.callee].into_iter().flatten();
                legs.any(|leg| self.calls.legs.get(&leg).is_some_and(|leg| leg.port == LegPort::Sip))
            };
            let calls: Vec<_> =
                self.calls.calls.iter().filter(|(_, call)| by_sip(call)).map(|(id, _)| *id).collect();
            for call in calls {
                self.end_call(now, call, Cause::TEMPORARY);
            }
            self.settle_calls(now);
        }
    }
}

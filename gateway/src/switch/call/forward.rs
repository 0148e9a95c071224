//! Calls to telephones of ours that go elsewhere: always, when busy, or when nobody answers.
//!
//! IOS leaves that to whoever controls its analogue ports. What its users dial for it (`stcapp feature access-code`) is dialled
//! here too, and kept over a restart; the rest stands at the voice port as `tipring call-forward`. A call that is forwarded is routed anew, with the
//! forwarding telephone as the one who diverted it: SIP hears of it by Diversion, a PBX by QSIG's diversion services. A SIP caller
//! whose call leads to SIP again is told so by 302 (`supplementary-service sip moved-temporarily`, IOS's default); a PBX is asked to call the number itself where
//! `supplementary-service qsig call-forward` stands in `voice service pots` or the inbound dial peer.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use cli::config::Config;
use dialpeer::Progress;

use super::{CallId, Stage, Switch};
use crate::leg::{Cause, LegCommand, LegPort, Party, RedirectReason};

/// Forwarding of one telephone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Forwarding {
    /// Every call goes there.
    pub(super) all: Option<String>,
    busy: Option<String>,
    /// Where to when nobody answers, and after how long.
    no_answer: Option<(String, Duration)>,
}

/// `supplementary-service qsig call-forward` of `voice service pots` and of dial peers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reroutes {
    all: bool,
    /// Dial peers that say so, or say no.
    peers: HashMap<u32, bool>,
}

impl Reroutes {
    pub(super) fn new(tree: &cli::config::Body) -> Self {
        const LINE: &str = "supplementary-service qsig call-forward";
        let all = tree.section("voice service pots").is_some_and(|service| service.has(LINE));
        let says = |node: &cli::config::Node| match (node.has(LINE), node.has(&format!("no {LINE}"))) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        };
        let peer = |node: &cli::config::Node| {
            Some((node.line.split_whitespace().nth(2)?.parse().ok()?, says(node)?))
        };
        Self { all, peers: tree.beginning("dial-peer voice ").filter_map(peer).collect() }
    }

    pub(super) fn reroutes(&self, inbound: Option<u32>) -> bool {
        inbound.and_then(|peer| self.peers.get(&peer).copied()).unwrap_or(self.all)
    }
}

/// `stcapp feature access-code`: what is dialled to forward calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Codes {
    forward: String,
    cancel: String,
}

/// What a user has dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Dialled {
    /// A number.
    Number,
    /// The beginning of a code.
    More,
    /// All calls go to this number from now on.
    Forward(String),
    /// They no longer do.
    Cancel,
}

/// What the configuration says of each voice port.
pub(super) fn forwards(config: &Config) -> HashMap<String, Forwarding> {
    let mut all = HashMap::new();
    for node in config.tree().beginning("voice-port ") {
        let number = |kind: &str| {
            let rest = node.value(&format!("tipring call-forward {kind} "))?;
            Some(rest.split_whitespace().next()?.to_owned())
        };
        let seconds = node
            .value("tipring call-forward noan ")
            .and_then(|rest| rest.split_once(" timeout ")?.1.trim().parse().ok());
        let forwarding = Forwarding {
            all: number("all"),
            busy: number("busy"),
            no_answer: number("noan").zip(seconds.map(Duration::from_secs)),
        };
        if let Some(port) = node.line.split_whitespace().nth(1)
            && forwarding != Forwarding::default()
        {
            all.insert(port.to_owned(), forwarding);
        }
    }
    all
}

impl Codes {
    /// Those of a configuration that has `stcapp feature access-code`, with IOS's defaults (from memory).
    pub(super) fn new(config: &Config) -> Option<Self> {
        let section = config.tree().section("stcapp feature access-code")?;
        let value = |words: &str, default: &str| section.value(words).unwrap_or(default).trim().to_owned();
        let prefix = value("prefix ", "**");
        Some(Self {
            forward: format!("{prefix}{}", value("call forward all ", "1")),
            cancel: format!("{prefix}{}", value("call forward cancel ", "2")),
        })
    }

    /// `is_number` says whether digits are a whole number.
    fn read(&self, digits: &str, complete: bool, is_number: impl Fn(&str) -> bool) -> Dialled {
        match digits.strip_prefix(&self.forward) {
            Some(number) if !number.is_empty() && (complete || is_number(number)) => {
                Dialled::Forward(number.to_owned())
            }
            Some(_) if !complete => Dialled::More,
            _ if digits == self.cancel => Dialled::Cancel,
            _ => {
                let begins = |code: &str| !digits.is_empty() && code.starts_with(digits);
                let more = !complete && (begins(&self.forward) || begins(&self.cancel));
                if more { Dialled::More } else { Dialled::Number }
            }
        }
    }
}

impl Switch {
    /// Acts on a code for forwarding that a telephone of ours dials; says whether the digits are one, or begin one.
    pub(super) fn forwarding_dialled(
        &mut self,
        now: Instant,
        id: CallId,
        digits: &str,
        complete: bool,
    ) -> bool {
        let Some(codes) = &self.dial_plan.codes else { return false };
        let Some(call) = self.calls.calls.get(&id) else { return false };
        let port = call.caller.and_then(|leg| self.calls.legs.get(&leg)).map(|leg| leg.port);
        let Some(name) = port.filter(|port| matches!(port, LegPort::Line(_))).and_then(|p| self.port_name(p))
        else {
            return false;
        };
        let whole = |number: &str| self.dial_plan.progress(call.inbound, number) == Progress::Full;
        let (dialled, name) = (codes.read(digits, complete, whole), name.to_owned());
        match dialled {
            Dialled::Number => return false,
            Dialled::More => return true,
            Dialled::Forward(to) => {
                tracing::info!("{name}: all calls are forwarded to {to}");
                self.store.put_forward(&name, Some(&to));
                self.calls.forwards.insert(name, to);
            }
            Dialled::Cancel => {
                tracing::info!("{name}: calls are no longer forwarded");
                self.store.put_forward(&name, None);
                self.calls.forwards.remove(&name);
            }
        }
        self.end_call(now, id, Cause::NORMAL);
        true
    }

    fn forwarding(&self, port: LegPort) -> Option<Forwarding> {
        if !matches!(port, LegPort::Line(_)) {
            return None;
        }
        let name = self.port_name(port)?;
        let mut forwarding = self.dial_plan.forwards.get(name).cloned().unwrap_or_default();
        if let Some(to) = self.calls.forwards.get(name) {
            forwarding.all = Some(to.clone());
        }
        Some(forwarding)
    }

    /// A call is about to ring at a port: it goes elsewhere if every call does. Says whether it does.
    pub(super) fn forward_at_once(&mut self, id: CallId, port: LegPort) -> bool {
        let Some(to) = self.forwarding(port).and_then(|forwarding| forwarding.all) else { return false };
        self.divert(id, &to, RedirectReason::Unconditional);
        true
    }

    /// A telephone rings: it may do so for a while only.
    pub(super) fn watch_ringing(&mut self, now: Instant, id: CallId, port: LegPort) {
        let limit = self.forwarding(port).and_then(|forwarding| forwarding.no_answer);
        if let (Some((_, limit)), Some(call)) = (limit, self.calls.calls.get_mut(&id))
            && !call.simulated
        {
            call.deadline = Some(now + limit);
        }
    }

    /// Nobody has answered in time.
    pub(super) fn nobody_answered(&mut self, now: Instant, id: CallId) {
        let Some(call) = self.calls.calls.get_mut(&id) else { return };
        call.deadline = None;
        let Some(callee) = call.callee else { return };
        let port = self.calls.legs.get(&callee).map(|leg| leg.port);
        if let Some((to, _)) = port.and_then(|port| self.forwarding(port)?.no_answer) {
            self.divert(id, &to, RedirectReason::NoReply);
            self.command(now, callee, LegCommand::Release(Cause::NO_ANSWER));
        }
    }

    /// An attempt at a port failed: a busy telephone may have its calls go elsewhere.
    pub(super) fn forward_busy(&mut self, id: CallId, port: LegPort, cause: Cause) {
        if cause == Cause::BUSY
            && let Some(to) = self.forwarding(port).and_then(|forwarding| forwarding.busy)
        {
            self.divert(id, &to, RedirectReason::Busy);
        }
    }

    fn divert(&mut self, id: CallId, to: &str, reason: RedirectReason) {
        let number = self.dial_plan.expand(to);
        if let Some(call) = self.calls.calls.get_mut(&id).filter(|call| call.stage != Stage::Talking) {
            call.redirect = Some((Party::new(number), reason));
            call.forwarded = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_from_numbers() {
        let codes = Codes { forward: "**1".into(), cancel: "**2".into() };
        let read = |digits: &str, complete| codes.read(digits, complete, |number| number.len() == 4);
        for digits in ["*", "**", "**1", "**12"] {
            assert_eq!(read(digits, false), Dialled::More, "{digits}");
        }
        assert_eq!(read("**18001", false), Dialled::Forward("8001".into()));
        assert_eq!(read("**199", true), Dialled::Forward("99".into()));
        assert_eq!(read("**2", false), Dialled::Cancel);
        for (digits, complete) in [("", false), ("8", false), ("**1", true), ("**3", false), ("*", true)] {
            assert_eq!(read(digits, complete), Dialled::Number, "{digits}");
        }
    }
}

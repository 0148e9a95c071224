//! What trunks bring: layer 1, frames, and what the D channel makes of them; what `debug isdn` prints.

use std::time::Instant;

use cli::session::DebugTopic;
use telephony_hal::{LineErrors, LineStatus, SpanKind};

use super::{Output, Switch};
use crate::leg::LegPort;
use crate::leg::pri::{NoteKind, PriTrunk, TrunkEvent};
use crate::service::message::{LogLine, Message};
use crate::service::monitor::Monitor;

impl Switch {
    /// Layer 1 of a trunk came or went.
    pub fn handle_trunk_link(&mut self, now: Instant, trunk: usize, up: bool) {
        let Some(pri) = self.trunks.get_mut(trunk) else { return };
        if pri.link() != up {
            let state = if up { "up" } else { "down" };
            let line =
                LogLine::from(Message::ControllerUpDown { controller: &pri.controller, state: &state });
            pri.handle_link(now, up);
            let owner = pri.member_of().map(|of| of.owner);
            self.monitor.syslog(now, line);
            if let Some((at, owner)) = owner.and_then(|at| Some((at, self.trunks.get_mut(at)?))) {
                owner.handle_member_link(now, trunk, up);
                self.drain_trunk(now, at);
            }
        }
        self.drain_trunk(now, trunk);
        self.watch_busyout(now);
    }

    /// A former life of the gateway died with calls on these timeslots of trunks: the PBX, which may believe that they stand,
    /// is told by RESTART (Q.931 5.5) as soon as it is there.
    pub fn handle_lost_calls(&mut self, lost: &[(usize, u8)]) {
        for (trunk, slot) in lost {
            let member = self.trunks.get(*trunk).and_then(PriTrunk::member_of);
            let owner = member.map_or(*trunk, |of| of.owner);
            if let Some(owner) = self.trunks.get_mut(owner) {
                owner.lose_call(*trunk, *slot);
            }
        }
    }

    /// What a trunk's framer has counted since it was opened; asked about once a second.
    pub fn handle_line_errors(&mut self, now: Instant, trunk: usize, kind: SpanKind, errors: LineErrors) {
        if let Some(pri) = self.trunks.get_mut(trunk) {
            pri.performance.note(now, kind, errors);
        }
    }

    /// How a trunk's line is set and what its framer sees; asked about once a second.
    pub fn handle_line_status(&mut self, now: Instant, trunk: usize, status: LineStatus) {
        let Some(pri) = self.trunks.get_mut(trunk) else { return };
        for difference in pri.handle_line_status(&self.config, status) {
            let controller = &pri.controller;
            self.monitor.syslog(now, Message::ControllerSetting { controller, difference: &difference });
        }
    }

    /// Every trunk takes its configuration; those of one NFAS group know each other.
    pub(super) fn configure_trunks(&mut self, now: Instant) {
        let neighbours: Vec<(String, bool)> =
            self.trunks.iter().map(|trunk| (trunk.controller.clone(), trunk.link())).collect();
        for trunk in &mut self.trunks {
            trunk.configure(now, &self.config, &neighbours);
        }
    }

    /// A frame of a trunk's D channel.
    pub fn handle_trunk_frame(&mut self, now: Instant, trunk: usize, frame: &[u8]) {
        let Some(pri) = self.trunks.get_mut(trunk) else { return };
        let member = pri.member_of();
        let (at, link) = match member {
            None => (trunk, Some(qsig::DLink::Primary)),
            Some(of) => (of.owner, of.link),
        };
        let port = pri.port.clone();
        let (Some(owner), Some(link)) = (self.trunks.get_mut(at), link) else { return };
        trace_frame(&mut self.monitor, now, (owner, &port), frame, false);
        owner.handle_frame(now, link, frame);
        self.drain_trunk(now, at);
    }

    pub(super) fn drain_trunk(&mut self, now: Instant, trunk: usize) {
        let known = self.trunk_gauges.get(trunk).map(|(_, up)| up.get());
        self.collect_trunk(now, trunk);
        self.settle_calls(now);
        self.drain_sip(now);
        if known != self.trunk_gauges.get(trunk).map(|(_, up)| up.get()) {
            self.watch_busyout(now);
        }
    }

    /// Takes what a trunk has to say; its legs' events wait in the queue.
    pub(super) fn collect_trunk(&mut self, now: Instant, trunk: usize) {
        loop {
            let mut idle = true;
            while let Some(pri) = self.trunks.get_mut(trunk)
                && let Some(event) = pri.poll_event(now, &mut self.calls.ids)
            {
                idle = false;
                self.handle_trunk_event(now, trunk, event);
            }
            let ended = self.trunks.get_mut(trunk).map(|t| t.start(now)).unwrap_or_default();
            for finding in ended {
                idle = false;
                self.handle_finding(now, trunk, finding);
            }
            while let Some(pri) = self.trunks.get_mut(trunk)
                && let Some((device, frame)) = pri.poll_frame()
            {
                idle = false;
                // In an NFAS group it may go out on another trunk than the one whose calls it is about.
                if let (Some(owner), Some(out)) = (self.trunks.get(trunk), self.trunks.get(device)) {
                    trace_frame(&mut self.monitor, now, (owner, &out.port), &frame, true);
                }
                self.outputs.push_back(Output::Frame { trunk: device, frame });
            }
            while let Some(pri) = self.trunks.get_mut(trunk)
                && let Some((kind, text)) = pri.poll_note()
            {
                print_note(&mut self.monitor, now, &pri.port, kind, &text);
            }
            if idle {
                break;
            }
        }
        if let (Some(pri), Some((depth, up))) = (self.trunks.get(trunk), self.trunk_gauges.get(trunk)) {
            depth.set(i64::try_from(pri.queue.waiting()).unwrap_or(i64::MAX));
            up.set(i64::from(pri.span.is_up()));
        }
    }

    /// The device of a D channel gives an error.
    pub fn trunk_failed(&mut self, now: Instant, trunk: usize, error: &dyn std::fmt::Display) {
        let Some(pri) = self.trunks.get(trunk) else { return };
        self.monitor.syslog(now, Message::ControllerDevice { controller: &pri.controller, error: &error });
    }

    fn handle_trunk_event(&mut self, now: Instant, trunk: usize, event: TrunkEvent) {
        let Some(pri) = self.trunks.get_mut(trunk) else { return };
        match event {
            TrunkEvent::Up => {
                self.monitor.syslog(now, Message::Layer2Up { port: &pri.port });
            }
            TrunkEvent::Down => {
                self.monitor.syslog(now, Message::Layer2Down { port: &pri.port });
            }
            TrunkEvent::Leg(leg, event) => self.calls.events.push_back((leg, LegPort::Trunk(trunk), event)),
            TrunkEvent::Mwi(finding) => self.handle_finding(now, trunk, finding),
            TrunkEvent::Indication(id, request) => self.handle_indication(now, trunk, id, &request),
        }
    }
}

/// Prints a note of a trunk for whichever of the three debug topics shows it.
fn print_note(monitor: &mut Monitor, now: Instant, port: &str, kind: NoteKind, text: &str) {
    let (topic, word) = match kind {
        NoteKind::Error if monitor.on(DebugTopic::IsdnError) => (DebugTopic::IsdnError, "ERROR"),
        NoteKind::Error => (DebugTopic::IsdnStandard, "SERROR"),
        NoteKind::Event if monitor.on(DebugTopic::IsdnEvent) => (DebugTopic::IsdnEvent, "EVENT"),
        NoteKind::Event => (DebugTopic::IsdnStandard, "EVENT"),
    };
    monitor.print(now, topic, &format!("ISDN Se{port} {word}: {text}"));
}

fn trace_frame(
    monitor: &mut Monitor,
    now: Instant,
    (trunk, port): (&PriTrunk, &str),
    frame: &[u8],
    sent: bool,
) {
    if monitor.on(DebugTopic::IsdnQ921) {
        let ours = trunk.span.config().side;
        let theirs = if ours == qsig::Side::User { qsig::Side::Network } else { qsig::Side::User };
        let line = qsig::decode::q921_from(frame, sent, Some(if sent { ours } else { theirs }));
        monitor.print(now, DebugTopic::IsdnQ921, &format!("ISDN Se{port} Q921: {line}"));
    }
    if monitor.on(DebugTopic::IsdnQ931)
        && let Some(layer3) = qsig::decode::layer3(frame)
    {
        let mut lines = qsig::decode::q931(layer3, sent).into_iter();
        if let Some(first) = lines.next() {
            monitor.print(now, DebugTopic::IsdnQ931, &format!("ISDN Se{port} Q931: {first}"));
        }
        for line in lines {
            monitor.print_bare(DebugTopic::IsdnQ931, &line);
        }
    }
}

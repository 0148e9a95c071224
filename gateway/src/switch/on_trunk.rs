//! What trunks bring: layer 1, frames, and what the D channel makes of them.

use std::time::Instant;

use cli::session::DebugTopic;

use super::{Output, Switch};
use crate::leg::LegPort;
use crate::leg::pri::{PriTrunk, TrunkEvent};
use crate::service::monitor::Monitor;

impl Switch {
    /// Layer 1 of a trunk came or went.
    pub fn handle_trunk_link(&mut self, now: Instant, trunk: usize, up: bool) {
        let Some(pri) = self.trunks.get_mut(trunk) else { return };
        if pri.link() != up {
            let state = if up { "up" } else { "down" };
            let message =
                format!("%CONTROLLER-5-UPDOWN: Controller {}, changed state to {state}", pri.controller);
            pri.handle_link(now, up);
            self.monitor.syslog(now, 5, &message);
        }
        self.drain_trunk(now, trunk);
        self.watch_busyout(now);
    }

    /// A frame of a trunk's D channel.
    pub fn handle_trunk_frame(&mut self, now: Instant, trunk: usize, frame: &[u8]) {
        let Some(pri) = self.trunks.get_mut(trunk) else { return };
        trace_frame(&mut self.monitor, now, pri, frame, false);
        pri.handle_frame(now, frame);
        self.drain_trunk(now, trunk);
    }

    pub(super) fn drain_trunk(&mut self, now: Instant, trunk: usize) {
        self.collect_trunk(now, trunk);
        self.settle_calls(now);
        self.drain_sip(now);
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
            for ended in ended {
                idle = false;
                self.operation_ended(now, trunk, ended);
            }
            while let Some(pri) = self.trunks.get_mut(trunk)
                && let Some(frame) = pri.poll_frame()
            {
                idle = false;
                trace_frame(&mut self.monitor, now, pri, &frame, true);
                self.outputs.push_back(Output::Frame { trunk, frame });
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

    pub(super) fn handle_trunk_event(&mut self, now: Instant, trunk: usize, event: TrunkEvent) {
        let Some(pri) = self.trunks.get_mut(trunk) else { return };
        match event {
            TrunkEvent::Up => {
                let message =
                    format!("%ISDN-6-LAYER2UP: Layer 2 for Interface Se{}, TEI 0 changed to up", pri.port);
                self.monitor.syslog(now, 6, &message);
            }
            TrunkEvent::Down => {
                let message = format!(
                    "%ISDN-6-LAYER2DOWN: Layer 2 for Interface Se{}, TEI 0 changed to down",
                    pri.port
                );
                self.monitor.syslog(now, 4, &message);
            }
            TrunkEvent::Leg(leg, event) => self.calls.events.push_back((leg, LegPort::Trunk(trunk), event)),
            TrunkEvent::Ended(ended) => self.operation_ended(now, trunk, ended),
            TrunkEvent::Indication(id, request) => self.handle_indication(now, trunk, id, &request),
        }
    }
}

fn trace_frame(monitor: &mut Monitor, now: Instant, trunk: &PriTrunk, frame: &[u8], sent: bool) {
    if monitor.on(DebugTopic::IsdnQ921) {
        let ours = trunk.span.config().side;
        let theirs = if ours == qsig::Side::User { qsig::Side::Network } else { qsig::Side::User };
        let line = qsig::decode::q921_from(frame, sent, Some(if sent { ours } else { theirs }));
        monitor.print(now, DebugTopic::IsdnQ921, &format!("ISDN Se{} Q921: {line}", trunk.port));
    }
    if monitor.on(DebugTopic::IsdnQ931)
        && let Some(layer3) = qsig::decode::layer3(frame)
    {
        let mut lines = qsig::decode::q931(layer3, sent).into_iter();
        if let Some(first) = lines.next() {
            monitor.print(now, DebugTopic::IsdnQ931, &format!("ISDN Se{} Q931: {first}", trunk.port));
        }
        for line in lines {
            monitor.print_bare(DebugTopic::IsdnQ931, &line);
        }
    }
}

//! What telephones bring, and what they hear: hooks, digits, audio.

use std::time::Instant;

use cli::session::DebugTopic;
use telephony_hal::{FxsCapabilities, LineEvent};

use super::{Output, Switch};
use crate::leg::fxo::FxoPort;
use crate::leg::fxs::{FxsOutput, FxsPort, LineAction, TICK};
use crate::leg::{LegEvent, LegPort};
use crate::media::MediaEnd;
use crate::service::message::Message;

impl Switch {
    /// An event of a line's hardware.
    pub fn handle_line(&mut self, now: Instant, line: usize, event: LineEvent) {
        let Some(port) = self.lines.get_mut(line) else { return };
        if self.monitor.on(DebugTopic::VpmSignal) || self.monitor.on(DebugTopic::VpmAll) {
            let word = match event {
                LineEvent::OffHook => "FXSLS_OFFHOOK",
                LineEvent::OnHook | LineEvent::Released => "FXSLS_ONHOOK",
                LineEvent::Flash => "FXSLS_HOOKFLASH",
                LineEvent::Pulse(_) => "FXSLS_DIALPULSE",
                _ => "FXSLS_OTHER",
            };
            let text = format!("htsp_process_event: [{}, {word}, {event:?}]", port.name());
            let topic =
                if self.monitor.on(DebugTopic::VpmAll) { DebugTopic::VpmAll } else { DebugTopic::VpmSignal };
            self.monitor.print(now, topic, &text);
        }
        port.handle_event(now, event);
        if event == LineEvent::Removed {
            let name = port.name().to_owned();
            self.board_told(now, "Station", &name, "down");
        }
        self.drain_line(now, line);
    }

    /// What a line's hardware can do, as it said when it was opened.
    pub fn set_line_capabilities(&mut self, line: usize, capabilities: FxsCapabilities) {
        if let Some(port) = self.lines.get_mut(line) {
            port.set_capabilities(capabilities);
        }
    }

    /// The board of a line that was [removed](LineEvent::Removed) is back: its hardware is as new.
    pub fn handle_line_back(&mut self, now: Instant, line: usize) {
        let Some(port) = self.lines.get_mut(line) else { return };
        port.restore(now);
        let name = port.name().to_owned();
        self.board_told(now, "Station", &name, "up");
        self.drain_line(now, line);
    }

    /// Says that the hardware of a port came or went.
    pub(super) fn board_told(&mut self, now: Instant, kind: &str, name: &str, state: &str) {
        self.monitor.syslog(now, Message::PortUpDown { kind: &kind, name: &name, state: &state });
    }

    /// A digit heard on a pair.
    pub fn handle_digit(&mut self, now: Instant, line: usize, digit: char) {
        if let Some(port) = self.lines.get_mut(line) {
            port.handle_digit(now, digit);
            self.drain_line(now, line);
        } else {
            self.office_digit(now, line, digit);
        }
    }

    /// Whether a pair wants audio every 20 ms.
    #[must_use]
    pub fn line_is_active(&self, line: usize) -> bool {
        match self.lines.get(line) {
            Some(port) => port.is_active(),
            None => self.office_at(line).is_some_and(FxoPort::is_active),
        }
    }

    /// Of a pair whose echo `hardware.toml` leaves to its board: it has a canceller, or has none and ours is used.
    pub fn leave_echo(&mut self, now: Instant, line: usize, to_board: bool) {
        let (audio, name) = if let Some(port) = self.lines.get_mut(line) {
            port.audio_and_name()
        } else if let Some(port) = self.office_of(line).and_then(|office| self.offices.get_mut(office)) {
            port.audio_and_name()
        } else {
            return;
        };
        let before = audio.leave_echo(to_board);
        if !to_board && before != Some(false) {
            self.monitor.syslog(now, Message::PortNoCanceller { port: &name });
        }
    }

    /// How late echo may be that a pair's hardware is to cancel now, ms; `None`: it is not to.
    #[must_use]
    pub fn board_echo(&self, line: usize) -> Option<u16> {
        let audio = match self.lines.get(line) {
            Some(port) => Some(port.audio_side()),
            None => self.office_at(line).map(FxoPort::audio_side),
        };
        audio.and_then(crate::leg::audio::PortAudio::board_echo)
    }

    /// Whether the telephone of a line hears a call's far end now.
    #[must_use]
    pub fn line_is_talking(&self, line: usize) -> bool {
        self.lines.get(line).is_some_and(FxsPort::is_talking)
    }

    /// A digit or signal heard on an end that is no line: a B channel or an RTP stream.
    pub(super) fn media_event(&mut self, now: Instant, end: MediaEnd, event: LegEvent) {
        let leg = self.calls.legs.values().find(|leg| leg.media == Some(end));
        if let Some((leg, port)) = leg.map(|leg| (leg.id, leg.port)) {
            self.calls.events.push_back((leg, port, event));
            self.settle_calls(now);
        }
    }

    /// Whether a tone of ours plays on a pair, which the digit detector hears as echo.
    #[must_use]
    pub fn line_has_tone(&self, line: usize) -> bool {
        match self.lines.get(line) {
            Some(port) => port.line().tone() != telephony_hal::line::Tone::None,
            None => self.office_at(line).is_some_and(FxoPort::has_tone),
        }
    }

    /// What came from a pair in 20 ms: it becomes what the far end hears.
    pub fn line_said(&mut self, now: Instant, line: usize, samples: &mut [i16]) {
        match self.lines.get_mut(line) {
            Some(port) => port.said(samples),
            None => self.office_said(now, line, samples),
        }
    }

    /// Whether the far end hears nothing of a line now.
    #[must_use]
    pub fn line_is_muted(&self, line: usize) -> bool {
        self.lines.get(line).is_some_and(FxsPort::is_muted)
    }

    /// The next 20 ms on a pair; `out` comes with what the far end of its call says.
    pub fn line_audio(&mut self, line: usize, out: &mut [i16; TICK]) {
        if let Some(port) = self.lines.get_mut(line) {
            port.audio(out);
            while let Some(action) = port.poll_action() {
                let outputs = &mut self.outputs;
                let then = |line, action| outputs.push_back(Output::Line { line, action });
                self.ringing.act(line, action, then);
            }
        } else {
            self.office_audio(line, out);
        }
    }

    pub(super) fn drain_line(&mut self, now: Instant, line: usize) {
        self.collect_line(now, line);
        self.settle_calls(now);
    }

    /// Takes what a line has to say; its legs' events wait in the queue.
    pub(super) fn collect_line(&mut self, now: Instant, line: usize) {
        while let Some(port) = self.lines.get_mut(line)
            && let Some(output) = port.poll(now, &mut self.calls.ids)
        {
            match output {
                FxsOutput::Action(action) => {
                    if let LineAction::Lamp(on) = action {
                        self.lamp_wanted(now, line, on);
                    }
                    let outputs = &mut self.outputs;
                    let then = |line, action| outputs.push_back(Output::Line { line, action });
                    self.ringing.act(line, action, then);
                }
                FxsOutput::Leg(leg, event) => {
                    self.calls.events.push_back((leg, LegPort::Line(line), event));
                }
                FxsOutput::MessageWaiting(on) => self.send_vmwi(line, on),
            }
        }
        if let Some(port) = self.lines.get(line) {
            let outputs = &mut self.outputs;
            let then = |line, action| outputs.push_back(Output::Line { line, action });
            self.ringing.settle(line, port, then);
        }
    }

    /// `busyout monitor serial`: a port is out of service while every trunk it watches is down.
    pub(super) fn watch_busyout(&mut self, now: Instant) {
        for line in 0..self.lines.len() {
            let Some(name) = self.lines.get(line).map(|port| port.name().to_owned()) else { continue };
            let down = self.is_busied_out(&name);
            let Some(port) = self.lines.get_mut(line).filter(|port| port.is_busied_out() != down) else {
                continue;
            };
            port.set_busied_out(now, down);
            self.busyout_told(now, "Station", &name, down);
            self.drain_line(now, line);
        }
        for office in 0..self.offices.len() {
            let Some(name) = self.offices.get(office).map(|port| port.name().to_owned()) else { continue };
            let down = self.is_busied_out(&name);
            let Some(port) = self.offices.get_mut(office).filter(|port| port.is_busied_out() != down) else {
                continue;
            };
            port.set_busied_out(now, down);
            self.busyout_told(now, "Office", &name, down);
            self.drain_office(now, office);
        }
    }

    fn busyout_told(&mut self, now: Instant, kind: &str, name: &str, down: bool) {
        let state = if down { "busyout" } else { "normal" };
        self.monitor.syslog(now, Message::PortUpDown { kind: &kind, name: &name, state: &state });
    }

    fn is_busied_out(&self, name: &str) -> bool {
        let section = self.config.tree().section(&format!("voice-port {name}"));
        if self.keepalives.targets_are_down()
            && section.is_some_and(|section| section.has("busyout monitor keepalive"))
        {
            return true;
        }
        let Some(config) = self.config.voice_port(name) else { return false };
        let watched = config.line.busyout.monitor.iter();
        let mut trunks =
            watched.filter_map(|at| self.trunks.iter().find(|trunk| trunk.port == *at)).peekable();
        trunks.peek().is_some() && trunks.all(|trunk| !trunk.span.is_up())
    }
}

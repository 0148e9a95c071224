//! A telephone's message waiting indication, and what `debug vpm all` says of it, in IOS's words.

use std::time::Instant;

use cli::session::DebugTopic;
use mwi::indicate::Visual;

use super::Switch;

impl Switch {
    /// Mailboxes of a line hold new messages, or no more. What cannot be shown now is shown when the telephone is on its hook.
    pub(super) fn set_line_waiting(&mut self, now: Instant, line: usize, waiting: bool) {
        let Some(port) = self.lines.get_mut(line) else { return };
        port.set_message_waiting(now, waiting);
        if port.mwi().enabled && port.mwi().visual != Visual::None && port.line().is_off_hook() {
            let state = if waiting { "ON" } else { "OFF" };
            self.monitor.print_bare(DebugTopic::VpmAll, &format!("Process vmwi. vmwi state: {state}"));
            let delayed = "The phone is not onhook (1). Delay the vmwi processing.";
            self.monitor.print_bare(DebugTopic::VpmAll, delayed);
        }
    }

    /// Lamp message in the voice band, for `vmwi fsk`.
    pub(super) fn send_vmwi(&mut self, line: usize, on: bool) {
        let Some(port) = self.lines.get_mut(line) else { return };
        let state = if on { "ON" } else { "OFF" };
        self.monitor.print_bare(DebugTopic::VpmAll, &format!("Process vmwi. vmwi state: {state}"));
        port.send_vmwi(on);
    }

    /// The line wants its lamp lit or dark (`vmwi dc-voltage`).
    pub(super) fn lamp_wanted(&mut self, now: Instant, line: usize, on: bool) {
        if !self.monitor.on(DebugTopic::VpmAll) {
            return;
        }
        let Some(port) = self.lines.get(line) else { return };
        let text = format!("[{}] c2400_dc_volt_mwi: on={}", port.name(), u8::from(on));
        let state = if on { "ON" } else { "OFF" };
        self.monitor.print_bare(DebugTopic::VpmAll, &format!("Process dc-voltage vmwi. State: {state}"));
        self.monitor.print(now, DebugTopic::VpmAll, &text);
    }
}

//! `show voice port`.

use std::fmt::Write as _;

use super::Switch;
use super::exec::service_words;
use crate::leg::pri::Service;

impl Switch {
    pub(super) fn show_voice_port(&self, port: Option<&str>, summary: bool) -> String {
        let mut out = String::new();
        if summary {
            out.push_str(
                "                                           IN       OUT\n\
                 PORT            CH   SIG-TYPE   ADMIN OPER STATUS   STATUS   EC\n\
                 =============== == ============ ===== ==== ======== ======== ==\n",
            );
            for trunk in &self.trunks {
                for channel in trunk.span.config().line.b_channels() {
                    let oper = if trunk.span.is_up() { "up" } else { "down" };
                    let _ = writeln!(
                        out,
                        "{:<15} {channel:02}  isdn-voice   {:<5} {oper:<4} none     none     n",
                        trunk.port,
                        if trunk.service == Service::In { "up" } else { "down" },
                    );
                }
            }
            for line in &self.lines {
                let down = self.config.voice_port(line.name()).is_some_and(|p| p.shutdown);
                let off = line.line().is_off_hook();
                let _ = writeln!(
                    out,
                    "{:<15} --  fxs-ls       {:<5} {:<4} {:<8} {:<8} n",
                    line.name(),
                    if down { "down" } else { "up" },
                    if off { "up" } else { "dorm" },
                    if off { "off-hook" } else { "on-hook" },
                    if line.line().is_ring_burst() { "ring" } else { "idle" },
                );
            }
            return out;
        }
        for line in self.lines.iter().filter(|l| port.is_none_or(|p| p == l.name())) {
            let config = self.config.voice_port(line.name());
            let onoff = |on: bool| if on { "enabled" } else { "disabled" };
            let _ = writeln!(out, "Foreign Exchange Station {} Slot is {}", line.name(), line.name());
            let _ = writeln!(out, " Type of VoicePort is FXS");
            let down = config.is_some_and(|c| c.shutdown);
            let _ = writeln!(
                out,
                " Operation State is {}",
                if line.line().is_off_hook() { "UP" } else { "DORMANT" }
            );
            let _ = writeln!(out, " Administrative State is {}", if down { "DOWN" } else { "UP" });
            let _ = writeln!(
                out,
                " Description is {}",
                config.and_then(|c| c.description.as_deref()).unwrap_or("not set")
            );
            let _ = writeln!(out, " Line state is {:?}, tone {:?}", line.line().state(), line.line().tone());
            let _ = writeln!(out, " Region Tone is set for {}", line.locale().code.to_uppercase());
            let _ = writeln!(out, " Message waiting indication is {}", onoff(line.mwi().enabled));
            let visual = line.mwi().visual.keyword().unwrap_or("none");
            let _ = writeln!(out, " Visual message waiting indication is {visual}");
            let _ = writeln!(out, " Message waiting: {}", if line.message_waiting() { "ON" } else { "OFF" });
            for timer in line.line().config().timers() {
                let value =
                    timer.value.map_or_else(|| "infinity".to_owned(), |v| format!("{} ms", v.as_millis()));
                let _ = writeln!(out, " {} is {value}", timer.name);
            }
            let name = config.and_then(|c| c.station_id_name.as_deref()).unwrap_or_default();
            let number = config.and_then(|c| c.station_id_number.as_deref()).unwrap_or_default();
            let _ = writeln!(out, " Station name {name}, Station number {number}\n");
        }
        for trunk in self.trunks.iter().filter(|t| port.is_none_or(|p| p == t.port)) {
            let _ = writeln!(out, "ISDN {} Slot is {}", trunk.port, trunk.controller);
            let _ = writeln!(out, " Type of VoicePort is ISDN-VOICE");
            let state = if trunk.span.is_up() { "UP" } else { "DOWN" };
            let _ = writeln!(out, " Operation State is {state}");
            let _ = writeln!(out, " Administrative State is {}", service_words(trunk));
            let _ = writeln!(
                out,
                " Message waiting indication is {}\n",
                if trunk.mwi { "enabled" } else { "disabled" }
            );
        }
        out
    }
}

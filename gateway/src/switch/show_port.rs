//! `show voice port`.

use std::fmt::Write as _;
use std::time::Duration;

use cli::config::{Connection, VoicePort};
use telephony_hal::Impedance;
use telephony_hal::line::Signal;
use telephony_hal::line::fxo::{DialType, FxoState};

use super::Switch;
use super::exec::service_words;
use crate::leg::audio::AudioSettings;
use crate::leg::fxo::FxoPort;
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
                    "{:<15} --  {:<12} {:<5} {:<4} {:<8} {:<8} {}",
                    line.name(),
                    if line.line().config().signal == Signal::GroundStart { "fxs-gs" } else { "fxs-ls" },
                    if down { "down" } else { "up" },
                    if off { "up" } else { "dorm" },
                    if off { "off-hook" } else { "on-hook" },
                    if line.line().is_ring_burst() { "ring" } else { "idle" },
                    if line.audio_side().settings().echo.is_some() { "y" } else { "n" },
                );
            }
            for office in &self.offices {
                let config = self.config.voice_port(office.name());
                let down = config.is_some_and(|p| p.shutdown);
                let off = office.line().is_off_hook();
                let _ = writeln!(
                    out,
                    "{:<15} --  {:<12} {:<5} {:<4} {:<8} {:<8} {}",
                    office.name(),
                    if config.is_some_and(|c| c.line.ground_start) { "fxo-gs" } else { "fxo-ls" },
                    if down { "down" } else { "up" },
                    if off { "up" } else { "dorm" },
                    if office.line().state() == FxoState::Ringing { "ringing" } else { "idle" },
                    if off { "off-hook" } else { "on-hook" },
                    if office.audio_side().settings().echo.is_some() { "y" } else { "n" },
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
            let forced = config.is_some_and(|c| c.line.busyout.forced);
            let busyout = if forced {
                " The port is forced into busyout\n"
            } else if line.is_busied_out() {
                " The port is busied out: what it monitors is down\n"
            } else {
                ""
            };
            out.push_str(busyout);
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
            out.push_str(&audio_words(line.audio_side().settings(), line.impedance()));
            out.push_str(&connection_words(config));
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
        for office in self.offices.iter().filter(|o| port.is_none_or(|p| p == o.name())) {
            out.push_str(&self.show_office(office));
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

impl Switch {
    fn show_office(&self, office: &FxoPort) -> String {
        let config = self.config.voice_port(office.name());
        let line = office.line().config();
        let ms = |time: Duration| format!("{} ms", time.as_millis());
        let mut out = format!(
            "Foreign Exchange Office {name} Slot is {name}\n Type of VoicePort is FXO\n Operation State is {}\n \
             Administrative State is {}\n Description is {}\n Line state is {:?}\n Region Tone is set for {}\n",
            if office.line().is_off_hook() { "UP" } else { "DORMANT" },
            if config.is_some_and(|c| c.shutdown) { "DOWN" } else { "UP" },
            config.and_then(|c| c.description.as_deref()).unwrap_or("not set"),
            office.line().state(),
            office.locale().code.to_uppercase(),
            name = office.name(),
        );
        out.push_str(&audio_words(office.audio_side().settings(), office.impedance()));
        out.push_str(&connection_words(config));
        let disconnect = line.supervisory_disconnect.map_or_else(|| "none".to_owned(), ms);
        let _ = writeln!(
            out,
            " Signal Type is {:?}\n Number Of Rings is set to {}\n Dial Out Type is {}\n \
             Battery-Reversal is {}\n Supervisory Disconnect is {disconnect}\n Digit Duration Timing is set to {}\n \
             InterDigit Duration Timing is set to {}\n Pulse break and make are {} and {}\n \
             InterDigit Pulse Duration Timing is set to {}\n Hookflash-out Timing is set to {}\n \
             Guard-out Timing is set to {}\n Dialout Delay is set to {}\n",
            line.signal,
            line.ring_number,
            if line.dial_type == DialType::Pulse { "pulse" } else { "dtmf" },
            if line.battery_reversal { "enabled" } else { "disabled" },
            ms(line.digit),
            ms(line.inter_digit),
            ms(line.pulse.0),
            ms(line.pulse.1),
            ms(line.pulse_inter_digit),
            ms(line.hookflash_out),
            ms(line.guard_out),
            ms(line.dial_delay),
        );
        out
    }
}

/// Gain, echo cancellation and termination of an analogue port.
fn audio_words(audio: AudioSettings, impedance: Impedance) -> String {
    let onoff = |on: bool| if on { "enabled" } else { "disabled" };
    let echo = audio.echo.unwrap_or_default();
    format!(
        " Echo Cancellation is {}\n Non Linear Processing is {}\n In Gain is Set to {} dB\n \
         Out Attenuation is Set to {} dB\n Comfort Noise is {}\n Echo Cancel Coverage is set to {} ms\n \
         Impedance is set to {} Ohm\n",
        onoff(audio.echo.is_some()),
        onoff(echo.non_linear),
        audio.input_gain,
        audio.output_attenuation,
        onoff(echo.comfort_noise),
        echo.coverage_ms,
        impedance.name(),
    )
}

/// `connection` of a port.
fn connection_words(config: Option<&VoicePort>) -> String {
    let (mode, number) = match config.and_then(|config| config.connection.as_ref()) {
        None => ("normal", None),
        Some(Connection::Plar(number)) => ("plar", Some(number)),
        Some(Connection::PlarOpx { number, .. }) => ("plar-opx", Some(number)),
        Some(Connection::TieLine(number)) => ("tie-line", Some(number)),
    };
    let number = number.map_or_else(|| "not set".to_owned(), |number| format!("set to {number}"));
    format!(" Connection Mode is {mode}\n Connection Number is {number}\n")
}

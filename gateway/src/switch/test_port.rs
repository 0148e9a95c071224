//! `test voice port`: an analogue port is worked by hand.

use std::time::Instant;

use cli::session::{PortDetector, PortRelay, PortTest, Reply};
use telephony_hal::{FxoEvent, LineEvent};

use super::{Output, PortIndex, Switch};
use crate::leg::audio::{Direction, PortAudio};
use crate::leg::fxo::OfficeAction;
use crate::leg::fxs::LineAction;

impl Switch {
    /// Does what `test voice port P …` asks for. What a port of that kind does not have is refused.
    pub fn test_port(&mut self, now: Instant, name: &str, test: PortTest) -> Reply {
        let done = match self.ports.get(name).copied() {
            Some(PortIndex::Line(line)) => self.test_line(now, line, test),
            Some(PortIndex::Office(office)) => self.test_office(now, office, test),
            Some(PortIndex::Trunk(_) | PortIndex::Smdi(_)) | None => {
                Err(format!("% {name} is not an analogue port of this gateway"))
            }
        };
        done.map_or_else(Reply::error, |()| Reply::none())
    }

    fn test_line(&mut self, now: Instant, line: usize, test: PortTest) -> Result<(), String> {
        let Some(port) = self.lines.get_mut(line) else { return Ok(()) };
        match test {
            PortTest::Mwi(on) => {
                if !port.mwi().enabled {
                    return Err(format!("% mwi is not configured on voice-port {}", port.name()));
                }
                self.set_line_waiting(now, line, on);
            }
            PortTest::MwiFsk => {
                let on = port.message_waiting();
                if port.line().is_off_hook() {
                    return Err("% The phone is not onhook".to_owned());
                }
                self.send_vmwi(line, on);
            }
            PortTest::MwiDc => {
                let action = LineAction::Lamp(port.message_waiting());
                self.outputs.push_back(Output::Line { line, action });
            }
            PortTest::Detector(PortDetector::Loop, forced) => port.force_loop(now, forced),
            PortTest::Detector(PortDetector::RingGround, Some(true)) => {
                port.handle_event(now, LineEvent::RingGround);
            }
            // Nothing holds a ring ground: it is seen once.
            PortTest::Detector(PortDetector::RingGround, _) => {}
            PortTest::Relay(relay, forced) => {
                let state = port.line();
                let action = match relay {
                    PortRelay::BatteryReversal => LineAction::Polarity(forced.unwrap_or(state.is_reversed())),
                    PortRelay::PowerDenial => LineAction::Battery(!forced.unwrap_or(!state.is_fed())),
                    PortRelay::TipGround => LineAction::Battery(forced.unwrap_or(state.is_fed())),
                    PortRelay::Ring => LineAction::Ring(forced.unwrap_or(state.is_ring_burst())),
                    PortRelay::Loop | PortRelay::RingGround => return Err(foreign("FXS")),
                };
                self.outputs.push_back(Output::Line { line, action });
            }
            PortTest::Detector(..) => return Err(foreign("FXS")),
            PortTest::InjectTone { .. } | PortTest::Loopback(_) => test_audio(port.audio_mut(), test),
        }
        self.drain_line(now, line);
        Ok(())
    }

    fn test_office(&mut self, now: Instant, office: usize, test: PortTest) -> Result<(), String> {
        let Some(port) = self.offices.get_mut(office) else { return Ok(()) };
        match test {
            PortTest::Detector(detector, forced) => {
                let event = match detector {
                    PortDetector::Ring => FxoEvent::Ringing(forced.unwrap_or(false)),
                    PortDetector::BatteryReversal => FxoEvent::Polarity(forced.unwrap_or(false)),
                    PortDetector::TipGround | PortDetector::Loop => FxoEvent::Battery(forced.unwrap_or(true)),
                    PortDetector::RingGround => return Err(foreign("FXO")),
                };
                port.handle_event(now, event);
            }
            PortTest::Relay(relay, forced) => {
                let action = match relay {
                    PortRelay::Loop => OfficeAction::Hook(forced.unwrap_or(port.line().is_off_hook())),
                    PortRelay::RingGround => OfficeAction::RingGround(forced.unwrap_or(false)),
                    _ => return Err(foreign("FXO")),
                };
                self.outputs.push_back(Output::Office { office, action });
            }
            PortTest::InjectTone { .. } | PortTest::Loopback(_) => test_audio(port.audio_mut(), test),
            PortTest::Mwi(_) | PortTest::MwiFsk | PortTest::MwiDc => {
                return Err(format!("% {} is not an FXS port of this gateway", port.name()));
            }
        }
        self.drain_office(now, office);
        Ok(())
    }
}

fn foreign(kind: &str) -> String {
    format!("% An {kind} port has no such detector or relay")
}

fn test_audio(audio: &mut PortAudio, test: PortTest) {
    let side = |network: bool| if network { Direction::Network } else { Direction::Local };
    match test {
        PortTest::InjectTone { network, hz } => audio.inject(side(network), hz),
        PortTest::Loopback(at) => audio.loop_back(at.map(side)),
        _ => {}
    }
}

//! What exchange lines bring, and what they hear.
//!
//! The pairs of the box are counted through: the FXS ports first, then the FXO ports. [`MediaEnd::Line`] and the audio
//! functions of the switch take the number of a pair; all else takes the number of an exchange line.

use std::time::Instant;

use cli::config::Connection;
use cli::session::DebugTopic;
use mwi::mailbox::Change;
use mwi::summary::Summary;
use telephony_hal::FxoEvent;

use super::{Output, Switch};
use crate::leg::fxo::{FxoPort, OfficePortOutput};
use crate::leg::tones::{Supervision, tone_set};
use crate::leg::{LegPort, fxs::TICK};
use crate::media::MediaEnd;
use crate::service::mailbox::Delivery;

impl Switch {
    /// An event of an exchange line's hardware.
    pub fn handle_office(&mut self, now: Instant, office: usize, event: FxoEvent) {
        let Some(port) = self.offices.get_mut(office) else { return };
        let topic = [DebugTopic::VpmAll, DebugTopic::VpmSignal].into_iter().find(|t| self.monitor.on(*t));
        if let Some(topic) = topic {
            let word = match event {
                FxoEvent::Ringing(true) => "FXOLS_RING_ON",
                FxoEvent::Ringing(false) => "FXOLS_RING_OFF",
                FxoEvent::Polarity(_) => "FXOLS_BATTERY_REVERSAL",
                FxoEvent::Battery(_) => "FXOLS_BATTERY",
                FxoEvent::Lamp(_) => "FXOLS_NEON_LAMP",
                _ => "FXOLS_OTHER",
            };
            let text = format!("htsp_process_event: [{}, {word}, {event:?}]", port.name());
            self.monitor.print(now, topic, &text);
        }
        port.handle_event(now, event);
        if event == FxoEvent::Removed {
            let name = port.name().to_owned();
            self.board_told(now, "Office", &name, "down");
        }
        self.drain_office(now, office);
    }

    /// The board of an exchange line that was [removed](FxoEvent::Removed) is back: its hardware is as new.
    pub fn handle_office_back(&mut self, now: Instant, office: usize) {
        let Some(port) = self.offices.get_mut(office) else { return };
        port.restore(now);
        let name = port.name().to_owned();
        self.board_told(now, "Office", &name, "up");
        self.drain_office(now, office);
    }

    /// The exchange line of a pair.
    pub(super) fn office_of(&self, pair: usize) -> Option<usize> {
        pair.checked_sub(self.lines.len()).filter(|office| *office < self.offices.len())
    }

    /// An exchange line as the media plane knows it.
    pub(super) fn office_end(&self, office: usize) -> MediaEnd {
        MediaEnd::Line(self.lines.len() + office)
    }

    pub(super) fn office_at(&self, pair: usize) -> Option<&FxoPort> {
        self.offices.get(self.office_of(pair)?)
    }

    pub(super) fn office_digit(&mut self, now: Instant, pair: usize, digit: char) {
        let Some(office) = self.office_of(pair) else { return };
        if let Some(port) = self.offices.get_mut(office) {
            port.handle_digit(now, digit);
            self.drain_office(now, office);
        }
    }

    pub(super) fn office_said(&mut self, now: Instant, pair: usize, samples: &mut [i16]) {
        let Some(office) = self.office_of(pair) else { return };
        if let Some(port) = self.offices.get_mut(office) {
            port.said(now, samples);
            self.drain_office(now, office);
        }
    }

    pub(super) fn office_audio(&mut self, pair: usize, out: &mut [i16; TICK]) {
        if let Some(port) = self.office_of(pair).and_then(|office| self.offices.get_mut(office)) {
            port.audio(out);
        }
    }

    /// Runs what is due on exchange lines.
    pub(super) fn offices_timeout(&mut self, now: Instant) {
        for office in 0..self.offices.len() {
            let Some(port) = self.offices.get_mut(office) else { continue };
            if port.poll_timeout().is_some_and(|at| at <= now) {
                port.handle_timeout(now);
                self.drain_office(now, office);
            }
        }
    }

    /// Exchange lines take new settings, and every analogue port its tones.
    pub(super) fn configure_offices(&mut self, now: Instant) {
        for port in &mut self.offices {
            port.configure(now, self.config.voice_port(port.name()));
            port.set_terminator(self.terminator);
            port.set_tones(&tone_set(&self.config, self.config.voice_port(port.name())));
            port.set_supervision(Supervision::new(&self.config, self.config.voice_port(port.name())));
        }
        for port in &mut self.lines {
            port.set_tones(tone_set(&self.config, self.config.voice_port(port.name())));
        }
        for office in 0..self.offices.len() {
            self.drain_office(now, office);
        }
    }

    pub(super) fn drain_office(&mut self, now: Instant, office: usize) {
        self.collect_office(now, office);
        self.settle_calls(now);
    }

    /// Takes what an exchange line has to say; its leg's events wait in the queue.
    pub(super) fn collect_office(&mut self, now: Instant, office: usize) {
        while let Some(port) = self.offices.get_mut(office)
            && let Some(output) = port.poll(now, &mut self.calls.ids)
        {
            match output {
                OfficePortOutput::Action(action) => self.outputs.push_back(Output::Office { office, action }),
                OfficePortOutput::Leg(leg, event) => {
                    self.calls.events.push_back((leg, LegPort::Office(office), event));
                }
                OfficePortOutput::MessageWaiting(on) => {
                    let state = if on { "ON" } else { "OFF" };
                    let text = format!("[{}] the exchange told vmwi state: {state}", port.name());
                    self.monitor.print(now, DebugTopic::VpmAll, &text);
                    self.exchange_told(now, office, on);
                }
            }
        }
    }

    /// The exchange told a line with `mwi`, by data, lamp or dial tone, whether messages wait. Whose: of the number the port's calls go to
    /// (`connection plar`), else of its `station-id number`.
    fn exchange_told(&mut self, now: Instant, office: usize, on: bool) {
        let Some(port) = self.offices.get(office).map(|port| port.name().to_owned()) else { return };
        let Some(config) = self.config.voice_port(&port).filter(|config| config.mwi) else { return };
        let number = match &config.connection {
            Some(Connection::Plar(number) | Connection::PlarOpx { number, .. }) => number.clone(),
            _ => match &config.station_id_number {
                Some(number) => number.clone(),
                None => return,
            },
        };
        let state = self.own_state(now, &port, Summary::new(on));
        match self.learn(now, &number, state) {
            Change::Refused => return,
            // The exchange says so with each dial tone: nobody need be told again.
            Change::Same => {
                self.keep(&number);
                return;
            }
            _ => {}
        }
        match self.choose(&number, &self.routes(&number)) {
            Ok(place) => self.deliver(now, None, &number, &place),
            // No telephone here: whoever subscribed has been told.
            Err(_) => {
                self.deliveries.insert(number.clone(), Delivery::Local);
                self.keep(&number);
            }
        }
    }
}

//! One binding at several registrars.

use std::time::Instant;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{Output, Registration, RegistrationConfig, RegistrationState};
use crate::message::Message;

/// What the secondary registrars are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redundancy {
    /// Registered with all of them at all times, as IOS does with `registrar … secondary`: the first one
    /// that has us is in use.
    Together,
    /// Registered with the next one only while those before it do not have us.
    Standby,
}

/// Registrations with a primary registrar, a secondary one, and so on, in order of preference.
///
/// It is driven as one [`Registration`] is; outputs and answers carry the number of the registrar, 0 for
/// the primary.
///
/// ```
/// use std::time::Instant;
/// use sip::registration::{Redundancy, Registrars, RegistrationConfig};
/// let at = |domain: &str| RegistrationConfig::new(domain, "<sip:8000@example.com>", "<sip:8000@192.0.2.1>");
/// let configs = vec![at("sip:one.example.com"), at("sip:two.example.com")];
/// let mut registrars = Registrars::new(configs, Redundancy::Together, [1; 32]);
/// registrars.start(Instant::now());
/// assert!(registrars.poll_output().is_some());
/// assert_eq!(registrars.active(), None); // nobody has answered yet
/// ```
#[derive(Debug)]
pub struct Registrars {
    members: Vec<Registration>,
    redundancy: Redundancy,
    running: bool,
}

impl Registrars {
    /// Registrations that are not started yet, one for each of `configs`. `seed` as for
    /// [`Registration::new`].
    pub fn new(configs: Vec<RegistrationConfig>, redundancy: Redundancy, seed: [u8; 32]) -> Registrars {
        let mut rng = StdRng::from_seed(seed);
        let mut member = |config| {
            let mut seed = [0; 32];
            rng.fill_bytes(&mut seed);
            Registration::new(config, seed)
        };
        Registrars { members: configs.into_iter().map(&mut member).collect(), redundancy, running: false }
    }

    /// Registers.
    pub fn start(&mut self, now: Instant) {
        self.running = true;
        match self.redundancy {
            Redundancy::Together => self.members.iter_mut().for_each(|member| member.start(now)),
            Redundancy::Standby => self.members.iter_mut().take(1).for_each(|member| member.start(now)),
        }
    }

    /// Takes all bindings back and stays idle.
    pub fn stop(&mut self, now: Instant) {
        self.running = false;
        self.members.iter_mut().for_each(|member| member.stop(now));
    }

    /// The registrar in use: the first one that has us.
    pub fn active(&self) -> Option<usize> {
        self.members.iter().position(|member| member.state() == RegistrationState::Registered)
    }

    /// One registrar's registration.
    pub fn member(&self, number: usize) -> Option<&Registration> {
        self.members.get(number)
    }

    /// Takes a response from registrar `number`.
    pub fn handle_response(&mut self, now: Instant, number: usize, response: &Message) {
        if let Some(member) = self.members.get_mut(number) {
            member.handle_response(now, response);
        }
        self.settle(now);
    }

    /// The REGISTER to registrar `number` could not be sent or was not answered.
    pub fn handle_failure(&mut self, now: Instant, number: usize) {
        if let Some(member) = self.members.get_mut(number) {
            member.handle_failure(now);
        }
        self.settle(now);
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.members.iter_mut().for_each(|member| member.handle_timeout(now));
        self.settle(now);
    }

    /// When [`Registrars::handle_timeout`] is to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.members.iter().filter_map(Registration::poll_timeout).min()
    }

    /// The next output, and of which registrar.
    pub fn poll_output(&mut self) -> Option<(usize, Output)> {
        let mut members = self.members.iter_mut().enumerate();
        members.find_map(|(number, member)| Some((number, member.poll_output()?)))
    }

    /// Of a stand-by, starts the ones that are needed and stops the ones that are not.
    fn settle(&mut self, now: Instant) {
        if !self.running || self.redundancy == Redundancy::Together {
            return;
        }
        let mut needed = true;
        for member in &mut self.members {
            match (needed, member.state()) {
                (true, RegistrationState::Idle) => member.start(now),
                (true, _) | (false, RegistrationState::Idle | RegistrationState::Unregistering) => {}
                (false, _) => member.stop(now),
            }
            // The next one is needed when this one has failed, not while it is asked for the first time.
            needed &= member.state() == RegistrationState::Waiting || member.has_failed();
        }
    }
}

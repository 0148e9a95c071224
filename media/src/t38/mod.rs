//! A fax between a telephone's pair and T.38: modem signals as samples on one side, UDPTL datagrams on the other.
//!
//! The modems are those of libspandsp (LGPL), which is looked for when the first fax comes and is not needed for anything
//! else: [`is_available`] says whether it is there. What is ours is UDPTL ([`udptl`]) and the law of use: sample in, sample
//! out, 8 kHz; every [`Gateway::hear`] is that much time.
//!
//! ```
//! use media::t38::{Gateway, GatewayConfig};
//! # if !media::t38::is_available() { return Ok(()) }
//! let mut gateway = Gateway::new(&GatewayConfig::default())?;
//! let mut block = [0; 160];
//! gateway.hear(&block); // 20 ms of what the pair says
//! gateway.say(&mut block); // 20 ms of what it hears
//! while let Some(datagram) = gateway.poll_datagram() {
//!     assert!(datagram.len() <= media::t38::MAX_DATAGRAM);
//! }
//! # Ok::<(), media::t38::T38Error>(())
//! ```

mod spandsp;
pub mod udptl;

use std::collections::VecDeque;

use udptl::{Receiver, Sender, UdptlError};

/// Longest datagram made or taken, octets.
pub const MAX_DATAGRAM: usize = 1400;
/// Datagrams that may wait to be sent: more than the modems make in a second.
const MAX_WAITING: usize = 256;

/// Why there is no gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum T38Error {
    /// No libspandsp.so.2 on this machine, or one without the functions needed.
    #[error("libspandsp.so.2 was not found, or is not the one that is known")]
    NoLibrary,
    /// The library refused; it has no memory left.
    #[error("libspandsp made no gateway")]
    Refused,
}

/// What was agreed on, and what the configuration says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GatewayConfig {
    /// Fastest image modem, bit/s: 14400 and more V.17, 9600 and more V.29, else V.27ter.
    pub max_bit_rate: u32,
    /// Error correction mode may pass (`fax-relay ecm disable` makes it false).
    pub ecm: bool,
    /// How often control messages (V.21) are repeated in later datagrams, 0 to 5 (`ls-redundancy`).
    pub low_speed_redundancy: u8,
    /// How often image data is repeated, 0 to 2 (`hs-redundancy`).
    pub high_speed_redundancy: u8,
    /// Longest datagram the far end takes, octets (`T38FaxMaxDatagram`): repetitions are left out rather than
    /// exceed it.
    pub max_datagram: usize,
}

impl Default for GatewayConfig {
    /// V.17, error correction, no repetition: `fax protocol t38 version 0 ls-redundancy 0 hs-redundancy 0`.
    fn default() -> Self {
        Self {
            max_bit_rate: 14_400,
            ecm: true,
            low_speed_redundancy: 0,
            high_speed_redundancy: 0,
            max_datagram: MAX_DATAGRAM,
        }
    }
}

/// Whether libspandsp is on this machine. It is loaded by the first question and stays.
#[must_use]
pub fn is_available() -> bool {
    spandsp::library().is_some()
}

/// Modems toward a pair, T.38 toward a network. 150 KiB each.
#[derive(Debug)]
pub struct Gateway {
    modems: spandsp::Modems,
    config: GatewayConfig,
    sender: Sender,
    receiver: Receiver,
    waiting: VecDeque<Vec<u8>>,
}

impl Gateway {
    /// A gateway at the beginning of a fax.
    ///
    /// # Errors
    /// [`T38Error`] without the library.
    pub fn new(config: &GatewayConfig) -> Result<Self, T38Error> {
        Ok(Self {
            modems: spandsp::Modems::new(config)?,
            config: *config,
            sender: Sender::new(config.max_datagram.min(MAX_DATAGRAM)),
            receiver: Receiver::default(),
            waiting: VecDeque::new(),
        })
    }

    /// What the pair says, 8 kHz.
    pub fn hear(&mut self, samples: &[i16]) {
        self.modems.hear(samples);
        self.send();
    }

    /// What the pair hears, 8 kHz; silence where no modem speaks.
    pub fn say(&mut self, out: &mut [i16]) {
        self.modems.say(out);
        self.send();
    }

    /// A datagram of the far end. What is missing before it is taken from its repetitions.
    ///
    /// # Errors
    /// [`UdptlError`] when it is none; nothing is taken of it then.
    pub fn handle_datagram(&mut self, datagram: &[u8]) -> Result<(), UdptlError> {
        let modems = &mut self.modems;
        self.receiver.receive(datagram, |sequence, ifp| modems.handle_ifp(sequence, ifp))?;
        self.send();
        Ok(())
    }

    /// The next datagram for the far end.
    pub fn poll_datagram(&mut self) -> Option<Vec<u8>> {
        self.waiting.pop_front()
    }

    fn send(&mut self) {
        while let Some((ifp, times)) = self.modems.poll_ifp() {
            let repeated = match is_control(&ifp) {
                true => self.config.low_speed_redundancy,
                false => self.config.high_speed_redundancy,
            };
            let Some(datagram) = self.sender.datagram(&ifp, usize::from(repeated)) else { continue };
            for _ in 0..times {
                if self.waiting.len() < MAX_WAITING {
                    self.waiting.push_back(datagram.clone());
                }
            }
        }
    }
}

/// Whether a packet is an indicator or carries V.21 (T.38 7.2: type of message, then which of its values).
fn is_control(ifp: &[u8]) -> bool {
    let first = ifp.first().copied().unwrap_or_default();
    let data = first & 0x40 != 0;
    !data || (first >> 1) & 0x0F == 0
}

/// Hears that a fax begins: the flags of V.21 that precede its control messages (T.30 5.3.1).
#[derive(Debug)]
pub struct PreambleDetector(spandsp::Ear);

impl PreambleDetector {
    /// One that has heard nothing.
    ///
    /// # Errors
    /// [`T38Error`] without the library.
    pub fn new() -> Result<Self, T38Error> {
        spandsp::Ear::new().map(Self)
    }

    /// Listens to the next samples, 8 kHz, and says whether a preamble was recognised in them; once a preamble.
    pub fn hear(&mut self, samples: &[i16]) -> bool {
        self.0.hear(samples)
    }
}

#[cfg(test)]
mod tests;

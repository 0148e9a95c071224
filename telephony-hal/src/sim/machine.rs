//! A machine on a pair in place of a handset, such as a fax: another process, by UDP.
//!
//! What the pair says goes to it as it comes, and what it answers is said on the pair: datagrams of 16-bit samples, little
//! endian, 8 kHz. The machine needs no clock of its own: each datagram it gets is so much time, and it answers with as many samples.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

/// Samples of the machine that may wait to be said: 1 s. What comes beyond is lost.
const MAX_WAITING: usize = 8000;
/// Samples of silence before the first of the machine's, and after it has been late: how late it may be without a gap, 200 ms.
const LEAD: usize = 1600;
/// Octets of the longest datagram: 60 ms.
const MAX_DATAGRAM: usize = 960;

#[derive(Debug)]
pub(super) struct Machine {
    socket: UdpSocket,
    waiting: VecDeque<i16>,
}

impl Machine {
    /// The machine that listens at `address`.
    ///
    /// # Errors
    /// When the system has no socket for that.
    pub(super) fn at(address: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        socket.connect(address)?;
        Ok(Self { socket, waiting: VecDeque::new() })
    }

    /// It hears this.
    pub(super) fn hear(&mut self, samples: &[i16]) {
        for block in samples.chunks(MAX_DATAGRAM / 2) {
            let octets: Vec<u8> = block.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            // A machine that has gone hears nothing.
            let _ = self.socket.send(&octets);
        }
    }

    /// What it says next; silence where it has said nothing.
    pub(super) fn say(&mut self, out: &mut [i16]) {
        let mut datagram = [0; MAX_DATAGRAM];
        while let Ok(len) = self.socket.recv(&mut datagram) {
            if self.waiting.is_empty() {
                self.waiting.resize(LEAD, 0);
            }
            let samples = datagram.get(..len).unwrap_or_default().chunks_exact(2);
            let room = MAX_WAITING.saturating_sub(self.waiting.len());
            let sample = |pair: &[u8]| pair.try_into().map(i16::from_le_bytes).ok();
            self.waiting.extend(samples.filter_map(sample).take(room));
        }
        for place in out {
            *place = self.waiting.pop_front().unwrap_or_default();
        }
    }
}

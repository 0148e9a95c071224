//! What went over sockets of a test, as a file for tshark.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// `LINKTYPE_RAW`: packets begin with their IP header.
const RAW_IP: u32 = 101;
const UDP: u8 = 17;
const TCP: u8 = 6;
const SYN: u8 = 2;
const ACK: u8 = 16;
const PUSH: u8 = 8;

/// Datagrams and segments in the order they were noted.
#[derive(Debug, Default)]
pub(crate) struct Capture(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    packets: Vec<(SystemTime, Vec<u8>)>,
    /// Sequence number of the next octet in each direction of a connection.
    next: HashMap<(SocketAddr, SocketAddr), u32>,
}

impl Capture {
    /// A datagram.
    pub(crate) fn udp(&self, from: SocketAddr, to: SocketAddr, octets: &[u8]) {
        let length = u16::try_from(octets.len() + 8).unwrap_or(u16::MAX);
        let mut packet = Vec::with_capacity(octets.len() + 8);
        for word in [from.port(), to.port(), length, 0] {
            packet.extend(word.to_be_bytes());
        }
        packet.extend(octets);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).note(UDP, from, to, &packet);
    }

    /// Octets on a connection, no more than fit into one segment. What `from` opened is opened in the file with its first octets.
    pub(crate) fn tcp(&self, from: SocketAddr, to: SocketAddr, octets: &[u8]) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.next.contains_key(&(from, to)) {
            seen.segment(from, to, SYN, &[]);
            seen.segment(to, from, SYN | ACK, &[]);
            seen.segment(from, to, ACK, &[]);
        }
        seen.segment(from, to, PUSH | ACK, octets);
    }

    /// Writes the file.
    ///
    /// # Panics
    /// When it cannot be written.
    pub(crate) fn write(&self, path: &Path) {
        // Magic number of microseconds in our own byte order, version 2.4, UTC, exact, whole packets.
        let mut file: Vec<u8> = Vec::new();
        for word in [0xa1b2_c3d4, 4 << 16 | 2, 0, 0, 262_144, RAW_IP] {
            file.extend(u32::to_le_bytes(word));
        }
        for (at, packet) in &self.0.lock().unwrap_or_else(PoisonError::into_inner).packets {
            let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
            let len = u32::try_from(packet.len()).unwrap_or(u32::MAX);
            let seconds = u32::try_from(since.as_secs()).unwrap_or(u32::MAX);
            for word in [seconds, since.subsec_micros(), len, len] {
                file.extend(word.to_le_bytes());
            }
            file.extend(packet);
        }
        std::fs::write(path, file).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }
}

impl Seen {
    fn segment(&mut self, from: SocketAddr, to: SocketAddr, flags: u8, octets: &[u8]) {
        let acknowledged = self.next.get(&(to, from)).copied().unwrap_or(0);
        let next = self.next.entry((from, to)).or_default();
        let sequence = *next;
        let taken = u32::try_from(octets.len()).unwrap_or(0) + u32::from(flags & SYN != 0);
        *next = next.wrapping_add(taken);
        let mut packet = Vec::with_capacity(octets.len() + 20);
        packet.extend(from.port().to_be_bytes());
        packet.extend(to.port().to_be_bytes());
        packet.extend(sequence.to_be_bytes());
        packet.extend(acknowledged.to_be_bytes());
        // Five words of header, a full window, no checksum (not looked at), nothing urgent.
        packet.extend([5 << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
        packet.extend(octets);
        self.note(TCP, from, to, &packet);
    }

    /// With a header of IPv4; its checksum of 0 is not looked at, which is tshark's default.
    fn note(&mut self, protocol: u8, from: SocketAddr, to: SocketAddr, payload: &[u8]) {
        let v4 = |address: SocketAddr| match address.ip() {
            IpAddr::V4(v4) => v4.octets(),
            IpAddr::V6(_) => [0; 4],
        };
        let mut packet = vec![0x45, 0];
        packet.extend(u16::try_from(payload.len() + 20).unwrap_or(u16::MAX).to_be_bytes());
        packet.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
        packet.extend(v4(from));
        packet.extend(v4(to));
        packet.extend(payload);
        self.packets.push((SystemTime::now(), packet));
    }
}

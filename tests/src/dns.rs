//! A DNS server on the loopback that knows what a test tells it.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What is known of a name.
#[derive(Debug, Clone)]
pub enum Record {
    /// An address of a host.
    A(Ipv4Addr),
    /// A server of a service.
    Srv {
        /// Lower is first.
        priority: u16,
        /// The port.
        port: u16,
        /// The host.
        target: String,
    },
}

impl Record {
    fn kind(&self) -> u16 {
        match self {
            Self::A(_) => 1,
            Self::Srv { .. } => 33,
        }
    }

    fn data(&self) -> Vec<u8> {
        match self {
            Self::A(address) => address.octets().to_vec(),
            Self::Srv { priority, port, target } => {
                let mut data = [*priority, 0, *port].map(u16::to_be_bytes).concat();
                for label in target.split('.') {
                    data.push(label.len() as u8);
                    data.extend(label.as_bytes());
                }
                data.push(0);
                data
            }
        }
    }
}

/// A running DNS server; it ends when it is dropped.
#[derive(Debug)]
pub struct Dns {
    address: SocketAddr,
    over: Arc<AtomicBool>,
}

impl Dns {
    /// Starts one that knows these names and no others.
    ///
    /// # Panics
    /// When there is no port for it.
    #[must_use]
    pub fn start(names: &[(&str, Record)]) -> Self {
        let names: Vec<(String, Record)> =
            names.iter().map(|(name, record)| ((*name).to_owned(), record.clone())).collect();
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
        let address = socket.local_addr().expect("bound");
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        std::thread::spawn(move || {
            let mut query = [0; 1024];
            while !ended.load(Ordering::Relaxed) {
                if let Ok((len, from)) = socket.recv_from(&mut query) {
                    // Nobody there is for the test to notice.
                    let _ = socket.send_to(&answer(&names, &query[..len]), from);
                }
            }
        });
        Self { address, over }
    }

    /// Where it is asked.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn answer(names: &[(String, Record)], query: &[u8]) -> Vec<u8> {
    let (mut labels, mut at) = (Vec::new(), 12);
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..end]).to_lowercase());
        at = end;
    }
    let asked = labels.join(".");
    let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
    let of_name: Vec<&Record> = names.iter().filter(|(name, _)| *name == asked).map(|(_, r)| r).collect();
    let found: Vec<&Record> = of_name.iter().copied().filter(|record| record.kind() == kind).collect();
    let mut out = query[..2].to_vec();
    out.extend([0x81, if of_name.is_empty() { 0x83 } else { 0x80 }]);
    out.extend([0, 1, 0, found.len() as u8, 0, 0, 0, 0]);
    out.extend(&query[12..at + 5]);
    for record in found {
        let data = record.data();
        out.extend([0xc0, 12]);
        out.extend(kind.to_be_bytes());
        out.extend([0, 1, 0, 0, 0, 60]);
        out.extend((data.len() as u16).to_be_bytes());
        out.extend(data);
    }
    out
}

//! What is at the far end of a socket trunk's B channels: it hears, says a tone, or is a fax machine.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use media::g711::{self, Law};
use media::tone::{ToneGenerator, ToneSpec};

use crate::sip_phone::write_wav;
use crate::{Measured, tone_measure};

/// Samples of silence that go ahead, so late may what is said be without a gap: 200 ms. A machine that stands elsewhere has as
/// much for itself.
const LEAD: usize = 1600;

/// Octets of a datagram at most.
const MAX_OCTETS: usize = 960;

/// All B channels of one E1 trunk; each says the same. Their clock is the gateway's: each datagram that comes is answered with
/// as many octets.
#[derive(Debug)]
pub struct Bearers {
    port: u16,
    shared: Arc<(Mutex<Voice>, Condvar)>,
    over: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Voice {
    says: Option<ToneGenerator>,
    heard: Vec<i16>,
    /// A fax machine, what it has said, and whether its lead is there.
    machine: Option<UdpSocket>,
    waiting: VecDeque<i16>,
    /// Timeslots that datagrams came for.
    slots: Vec<u8>,
    /// A call begins: a lead is to be sent.
    begins: bool,
}

impl Bearers {
    /// On a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When the system has none.
    #[must_use]
    pub fn open() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let port = socket.local_addr().unwrap().port();
        let shared = Arc::new((Mutex::new(Voice::default()), Condvar::new()));
        let over = Arc::new(AtomicBool::new(false));
        let (voice, ends) = (Arc::clone(&shared), Arc::clone(&over));
        std::thread::spawn(move || carry(&socket, &voice, &ends));
        Self { port, shared, over }
    }

    /// Where the gateway's octets are wanted.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A call has begun: what is said from now on may be 200 ms late.
    pub fn begin(&self) {
        self.voice().begins = true;
    }

    fn voice(&self) -> std::sync::MutexGuard<'_, Voice> {
        self.shared.0.lock().expect("no panic")
    }

    /// Says a tone at -10 dBm0 from now on, or nothing.
    ///
    /// # Panics
    /// For a frequency that cannot be.
    pub fn says(&self, hz: Option<f64>) {
        let tone = hz.map(|hz| ToneGenerator::new(&ToneSpec::dual(&[hz], -10.0, &[]).unwrap()));
        self.voice().says = tone;
    }

    /// Says these digits, 100 ms each and as long between them.
    ///
    /// # Panics
    /// For what is no digit.
    pub fn dials(&self, digits: &str) {
        let keys = media::dtmf::sequence(digits, media::locale::default().dtmf, 100, 100).unwrap();
        self.voice().says = Some(ToneGenerator::new(&keys));
    }

    /// What is heard from now on, so many seconds of it.
    ///
    /// # Panics
    /// When so much does not come within 20 s.
    #[must_use]
    #[track_caller]
    pub fn hear(&self, seconds: f64) -> Vec<i16> {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let wanted = (seconds * 8000.0) as usize;
        let mut voice = self.voice();
        voice.heard.clear();
        while voice.heard.len() < wanted {
            let (next, late) = self.shared.1.wait_timeout(voice, Duration::from_secs(20)).expect("no panic");
            assert!(!late.timed_out(), "{} samples came, expected {wanted}", next.heard.len());
            voice = next;
        }
        voice.heard.truncate(wanted);
        voice.heard.clone()
    }

    /// The same, measured.
    #[must_use]
    #[track_caller]
    pub fn measure(&self, seconds: f64, file: &Path) -> Measured {
        write_wav(file, self.hear(seconds).into_iter());
        tone_measure(file)
    }

    /// Puts a fax machine that listens at this port on the line.
    ///
    /// # Panics
    /// When the system has no socket.
    pub fn machine(&self, port: u16) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket.connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        self.voice().machine = Some(socket);
    }

    /// Timeslots that had audio so far, in the order they began.
    #[must_use]
    pub fn slots(&self) -> Vec<u8> {
        self.voice().slots.clone()
    }
}

impl Drop for Bearers {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn carry(socket: &UdpSocket, shared: &(Mutex<Voice>, Condvar), over: &AtomicBool) {
    let mut datagram = [0; 2048];
    while !over.load(Ordering::Relaxed) {
        let Ok((len, gateway)) = socket.recv_from(&mut datagram) else { continue };
        let Some((slot, octets)) = datagram[..len].split_first() else { continue };
        let mut samples = vec![0; octets.len()];
        g711::decode(Law::A, octets, &mut samples);
        let mut voice = shared.0.lock().expect("no panic");
        let mut said = voice.turn(&samples);
        if !voice.slots.contains(slot) {
            voice.slots.push(*slot);
        }
        if std::mem::take(&mut voice.begins) {
            said.splice(..0, [0; LEAD]);
        }
        drop(voice);
        shared.1.notify_all();
        answer(socket, gateway, *slot, &said);
    }
}

fn answer(socket: &UdpSocket, gateway: SocketAddr, slot: u8, said: &[i16]) {
    for part in said.chunks(MAX_OCTETS) {
        let mut octets = vec![0; part.len()];
        g711::encode(Law::A, part, &mut octets);
        octets.insert(0, slot);
        // A gateway that has ended hears nothing.
        let _ = socket.send_to(&octets, gateway);
    }
}

impl Voice {
    /// Hears this, and says as much.
    fn turn(&mut self, samples: &[i16]) -> Vec<i16> {
        self.heard.extend(samples);
        let mut said = vec![0; samples.len()];
        if let Some(machine) = &self.machine {
            let octets: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            let _ = machine.send(&octets);
            let mut answer = [0; 2048];
            while let Ok(len) = machine.recv(&mut answer) {
                if self.waiting.is_empty() {
                    self.waiting.resize(LEAD, 0);
                }
                let pairs = answer[..len].chunks_exact(2);
                self.waiting.extend(pairs.map(|pair| i16::from_le_bytes([pair[0], pair[1]])));
            }
            for place in &mut said {
                *place = self.waiting.pop_front().unwrap_or_default();
            }
        } else if let Some(tone) = &mut self.says {
            tone.fill(&mut said);
        }
        said
    }
}

//! Sockets of the Unified CM: whatever comes on any of them is one stream of messages, each with the way it came.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::TrunkTransport;
use crate::Said;

type Arrived = (u64, Said);

/// Open connections by their number.
#[derive(Debug, Default)]
struct Ways {
    last: u64,
    open: HashMap<u64, TcpStream>,
    /// The one to the gateway that we have opened.
    out: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Wire {
    kind: Kind,
    inbox: Receiver<Arrived>,
}

#[derive(Debug)]
enum Kind {
    Udp(UdpSocket),
    Tcp { ways: Arc<Mutex<Ways>>, to: Sender<Arrived>, dead: Arc<AtomicBool> },
    Tls { server: Child, say: ChildStdin, subject: Arc<Mutex<String>> },
}

impl Wire {
    pub(super) fn listen(transport: &TrunkTransport, address: SocketAddr) -> Self {
        let (to, inbox) = channel();
        let kind = match transport {
            TrunkTransport::Udp => {
                let socket = UdpSocket::bind(address).expect("a free port");
                let reader = socket.try_clone().expect("a second handle");
                // ends with the test's process, or when nobody listens any more
                std::thread::spawn(move || read_datagrams(&reader, &to));
                Kind::Udp(socket)
            }
            TrunkTransport::Tcp => {
                let listener = TcpListener::bind(address).expect("a free port");
                let ways = Arc::new(Mutex::new(Ways::default()));
                let dead = Arc::new(AtomicBool::new(false));
                let (shared, sender, death) = (Arc::clone(&ways), to.clone(), Arc::clone(&dead));
                std::thread::spawn(move || accept(listener, address, &shared, &sender, &death));
                Kind::Tcp { ways, to, dead }
            }
            TrunkTransport::Tls { cert, key, issuers } => {
                let mut command = Command::new("openssl");
                // It names the client's certificate among its complaints.
                command.args(["s_server", "-quiet", "-Verify", "1", "-accept"]);
                command.arg(address.to_string()).arg("-cert").arg(cert).arg("-key").arg(key);
                command.arg("-CAfile").arg(issuers);
                command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
                let mut server = command.spawn().expect("openssl");
                let say = server.stdin.take().expect("piped");
                let hears = server.stdout.take().expect("piped");
                std::thread::spawn(move || read_stream(0, hears, &to));
                let subject = Arc::new(Mutex::new(String::new()));
                let (known, complains) = (Arc::clone(&subject), server.stderr.take().expect("piped"));
                std::thread::spawn(move || {
                    for line in BufReader::new(complains).lines().map_while(Result::ok) {
                        if let Some(name) = line.strip_prefix("depth=0 ") {
                            name.clone_into(&mut lock(&known));
                        }
                    }
                });
                Kind::Tls { server, say, subject }
            }
        };
        Self { kind, inbox }
    }

    /// Sends to the gateway: on the way a request came for its response, else on our own.
    pub(super) fn send(&mut self, way: Option<u64>, gateway: SocketAddr, octets: &[u8]) {
        match &mut self.kind {
            Kind::Udp(socket) => {
                socket.send_to(octets, gateway).expect("sent");
            }
            Kind::Tcp { ways, to, .. } => {
                let known = {
                    let ways = lock(ways);
                    way.into_iter().chain(ways.out).find(|way| ways.open.contains_key(way))
                };
                let at = match known {
                    Some(at) => at,
                    None => {
                        let stream = TcpStream::connect(gateway).expect("the gateway listens");
                        let at = open(ways, stream, to);
                        lock(ways).out = Some(at);
                        at
                    }
                };
                let mut ways = lock(ways);
                let stream = ways.open.get_mut(&at).expect("open");
                stream.write_all(octets).expect("sent");
            }
            Kind::Tls { say, .. } => {
                say.write_all(octets).and_then(|()| say.flush()).expect("sent");
            }
        }
    }

    pub(super) fn receive(&self, limit: Duration) -> Option<Arrived> {
        self.inbox.recv_timeout(limit).ok()
    }

    /// The subject of the certificate that the gateway has shown last, as OpenSSL writes it; empty without TLS.
    pub(super) fn subject(&self) -> String {
        match &self.kind {
            Kind::Tls { subject, .. } => lock(subject).clone(),
            Kind::Udp(_) | Kind::Tcp { .. } => String::new(),
        }
    }

    /// Closes every connection and refuses new ones until it is alive again.
    pub(super) fn dies(&mut self, dies: bool) {
        let Kind::Tcp { dead, .. } = &self.kind else { panic!("only a node of a TCP trunk dies") };
        dead.store(dies, Ordering::SeqCst);
        // The thread that listens looks every few milliseconds; the port says when it has.
        if dies {
            self.close();
        }
    }

    /// Closes every connection.
    pub(super) fn close(&mut self) {
        if let Kind::Tcp { ways, .. } = &mut self.kind {
            let mut ways = lock(ways);
            for (_, stream) in ways.open.drain() {
                let _ = stream.shutdown(Shutdown::Both);
            }
            ways.out = None;
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.close();
        if let Kind::Tls { server, .. } = &mut self.kind {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes connections; while the node is dead the port is closed.
fn accept(
    mut listener: TcpListener,
    address: SocketAddr,
    ways: &Arc<Mutex<Ways>>,
    to: &Sender<Arrived>,
    dead: &AtomicBool,
) {
    const LOOK: Duration = Duration::from_millis(5);
    loop {
        listener.set_nonblocking(true).expect("a listener that does not block");
        while !dead.load(Ordering::SeqCst) {
            match listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false).expect("a stream that blocks");
                    open(ways, stream, to);
                }
                Err(_) => std::thread::sleep(LOOK),
            }
        }
        drop(listener);
        while dead.load(Ordering::SeqCst) {
            std::thread::sleep(LOOK);
        }
        listener = loop {
            // Somebody may have taken the port; it is as if the node stayed dead.
            if let Ok(listener) = TcpListener::bind(address) {
                break listener;
            }
            std::thread::sleep(LOOK);
        };
    }
}

fn open(ways: &Arc<Mutex<Ways>>, stream: TcpStream, to: &Sender<Arrived>) -> u64 {
    let _ = stream.set_nodelay(true);
    let reader = stream.try_clone().expect("a second handle");
    let at = {
        let mut ways = lock(ways);
        ways.last += 1;
        let at = ways.last;
        ways.open.insert(at, stream);
        at
    };
    let (shared, to) = (Arc::clone(ways), to.clone());
    std::thread::spawn(move || {
        read_stream(at, reader, &to);
        lock(&shared).open.remove(&at);
    });
    at
}

fn read_datagrams(socket: &UdpSocket, to: &Sender<Arrived>) {
    let mut buffer = vec![0; 65_536];
    loop {
        // An ICMP error is not ours to report.
        let Ok((len, _)) = socket.recv_from(&mut buffer) else { continue };
        if to.send((0, Said::parse(&String::from_utf8_lossy(&buffer[..len])))).is_err() {
            return;
        }
    }
}

fn read_stream(way: u64, mut stream: impl Read, to: &Sender<Arrived>) {
    let mut kept: Vec<u8> = Vec::new();
    let mut buffer = vec![0; 16_384];
    while let Ok(len) = stream.read(&mut buffer) {
        if len == 0 {
            return;
        }
        kept.extend(&buffer[..len]);
        while let Some((said, used)) = framed(&kept) {
            kept.drain(..used);
            if to.send((way, said)).is_err() {
                return;
            }
        }
    }
}

/// One whole message at the beginning, and its length.
fn framed(octets: &[u8]) -> Option<(Said, usize)> {
    let skipped = octets.iter().take_while(|octet| matches!(octet, b'\r' | b'\n')).count();
    let rest = octets.get(skipped..)?;
    let head = rest.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let headers = Said::parse(&String::from_utf8_lossy(rest.get(..head)?));
    let len: usize = headers.header("Content-Length").parse().unwrap_or(0);
    let whole = rest.get(..head + len)?;
    Some((Said::parse(&String::from_utf8_lossy(whole)), skipped + head + len))
}

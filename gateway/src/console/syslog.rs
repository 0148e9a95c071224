//! Sends log lines to syslog hosts: one task and one bounded queue a host, so that a host that is down holds up nobody.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cli::config::LogHost;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream, UdpSocket, lookup_host};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use crate::service::log::{Link, LogOutput};

/// Lines that wait for a host.
const QUEUE: usize = 1024;
/// Longest wait for a name, a connection, or room in it.
const PATIENCE: Duration = Duration::from_secs(5);
/// A host that could not be reached is tried again after this long; lines meanwhile are lost.
const PAUSE: Duration = Duration::from_secs(5);

/// All hosts. Dropping it stops the tasks.
#[derive(Debug, Default)]
pub struct SyslogHosts {
    hosts: HashMap<u64, Host>,
}

#[derive(Debug)]
struct Host {
    lines: mpsc::Sender<String>,
    link: Arc<Link>,
    task: AbortHandle,
}

impl Drop for Host {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl SyslogHosts {
    /// Does what the log wants done. Never waits.
    pub fn handle(&mut self, output: LogOutput) {
        match output {
            LogOutput::Open { id, host, source, link } => {
                let (lines, queue) = mpsc::channel(QUEUE);
                let task = tokio::spawn(serve(host, source, queue, Arc::clone(&link))).abort_handle();
                self.hosts.insert(id, Host { lines, link, task });
            }
            LogOutput::Close { id } => {
                self.hosts.remove(&id);
            }
            LogOutput::Line { id, text } => {
                if let Some(host) = self.hosts.get(&id)
                    && host.lines.try_send(text).is_err()
                {
                    host.link.dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}

enum Wire {
    Udp(UdpSocket),
    Tcp(TcpStream),
}

async fn serve(host: LogHost, source: Option<IpAddr>, mut queue: mpsc::Receiver<String>, link: Arc<Link>) {
    let mut wire = None;
    let mut again = Instant::now();
    while let Some(line) = queue.recv().await {
        if wire.is_none() && Instant::now() >= again {
            wire = within(open(&host, source)).await.ok();
        }
        let sent = match &mut wire {
            Some(wire) => within(send(wire, &line)).await,
            None => Err(io::ErrorKind::NotConnected.into()),
        };
        link.up.store(sent.is_ok(), Ordering::Relaxed);
        if let Err(error) = sent {
            tracing::debug!(%error, host = host.host, "syslog");
            link.dropped.fetch_add(1, Ordering::Relaxed);
            // A datagram that was refused says nothing of the next.
            if !matches!(wire, Some(Wire::Udp(_))) && Instant::now() >= again {
                again = Instant::now() + PAUSE;
                wire = None;
            }
        }
    }
}

async fn within<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn open(host: &LogHost, source: Option<IpAddr>) -> io::Result<Wire> {
    let mut error = io::Error::from(io::ErrorKind::NotFound);
    for to in lookup_host((host.host.as_str(), host.port)).await? {
        let any: IpAddr =
            if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let from = SocketAddr::new(source.unwrap_or(any), 0);
        let opened = match host.tcp {
            true => connect(from, to).await.map(Wire::Tcp),
            false => datagrams(from, to).await.map(Wire::Udp),
        };
        match opened {
            Ok(wire) => return Ok(wire),
            Err(why) => error = why,
        }
    }
    Err(error)
}

async fn datagrams(from: SocketAddr, to: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(from).await?;
    socket.connect(to).await?;
    Ok(socket)
}

async fn connect(from: SocketAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = if from.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.bind(from)?;
    socket.connect(to).await
}

async fn send(wire: &mut Wire, line: &str) -> io::Result<()> {
    match wire {
        Wire::Udp(socket) => socket.send(line.as_bytes()).await.map(|_| ()),
        // Non-transparent framing, RFC 6587 3.4.2.
        Wire::Tcp(stream) => stream.write_all(format!("{line}\n").as_bytes()).await,
    }
}

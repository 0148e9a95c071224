//! `ping`: ICMP echoes.

use std::fmt::Write as _;
use std::io::Read as _;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use cli::session::{Ping, Reply};
use socket2::{Domain, Protocol, Socket, Type};

/// A ping that takes longer is stopped: a daemon that ends would wait for it.
const LONGEST: Duration = Duration::from_secs(60);
/// Marks in a row.
const ROW: u32 = 70;

/// Sends the echoes from `source` and waits for the answers, up to a minute.
pub(super) fn ping(ping: &Ping, source: Option<IpAddr>) -> Reply {
    let found = (ping.target.as_str(), 0).to_socket_addrs().ok();
    let found = found.and_then(|mut found| found.find(|a| source.is_none_or(|s| s.is_ipv4() == a.is_ipv4())));
    let Some(address) = found.map(|found| found.ip()) else {
        return Reply::error("% Unrecognized host or address, or protocol not running.");
    };
    let Ping { repeat, size, timeout, .. } = ping;
    let mut out = format!(
        "Type escape sequence to abort.\nSending {repeat}, {size}-byte ICMP Echos to {address}, timeout is {timeout} seconds:\n"
    );
    if let Some(source) = source {
        let _ = writeln!(out, "Packet sent with a source address of {source} ");
    }
    let begin = Instant::now();
    let mut times = Vec::new();
    let mut sent = 0;
    while sent < *repeat {
        if begin.elapsed() > LONGEST {
            let _ = write!(out, "\n% Stopped after {} seconds", LONGEST.as_secs());
            break;
        }
        if sent > 0 && sent % ROW == 0 {
            out.push('\n');
        }
        sent += 1;
        let sequence = u16::try_from(sent & 0xFFFF).unwrap_or(0);
        match echo(address, source, sequence, ping) {
            Ok(Some(time)) => {
                times.push(time);
                out.push('!');
            }
            Ok(None) => out.push('.'),
            Err(error) => return Reply::error(format!("{out}\n% {error}")),
        }
    }
    let percent = times.len() * 100 / usize::try_from(sent.max(1)).unwrap_or(usize::MAX);
    let _ = write!(out, "\nSuccess rate is {percent} percent ({}/{sent})", times.len());
    if let (Some(least), Some(most)) = (times.iter().min(), times.iter().max()) {
        let mean = times.iter().sum::<Duration>() / u32::try_from(times.len()).unwrap_or(1);
        let ms = |time: &Duration| time.as_millis().max(1);
        let _ = write!(out, ", round-trip min/avg/max = {}/{}/{} ms", ms(least), ms(&mean), ms(most));
    }
    out.push('\n');
    Reply::text(out)
}

/// One echo; `None` if nothing came back in time.
fn echo(
    address: IpAddr,
    source: Option<IpAddr>,
    sequence: u16,
    ping: &Ping,
) -> std::io::Result<Option<Duration>> {
    let (domain, protocol, request, header) = match address {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4, 8, 20),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6, 128, 40),
    };
    // The kernel's own ping socket where this group may use it, else a raw one.
    let (mut socket, raw) = match Socket::new(domain, Type::DGRAM, Some(protocol)) {
        Ok(socket) => (socket, false),
        Err(_) => (Socket::new(domain, Type::RAW, Some(protocol))?, true),
    };
    let identifier = u16::try_from(std::process::id() & 0xFFFF).unwrap_or(0);
    let mut packet = vec![request, 0, 0, 0];
    packet.extend(identifier.to_be_bytes());
    packet.extend(sequence.to_be_bytes());
    packet.resize(usize::from(ping.size).saturating_sub(header).max(8), 0xAB);
    if address.is_ipv4() {
        let sum = checksum(&packet).to_be_bytes();
        packet.splice(2..4, sum);
    }
    if let Some(source) = source {
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    socket.connect(&SocketAddr::new(address, 0).into())?;
    let start = Instant::now();
    if let Err(error) = socket.send(&packet) {
        // No route, or a refusal of the host's own: nothing comes back.
        tracing::debug!(%error, %address, "ping");
        return Ok(None);
    }
    let mut answer = vec![0; packet.len() + 100];
    let timeout = Duration::from_secs(ping.timeout.into());
    loop {
        let left = timeout.saturating_sub(start.elapsed());
        if left.is_zero() {
            return Ok(None);
        }
        socket.set_read_timeout(Some(left))?;
        let Ok(n) = socket.read(&mut answer) else { return Ok(None) };
        let answer = answer.get(..n).unwrap_or_default();
        // A raw IPv4 socket gives the IP header too.
        let answer = if raw && address.is_ipv4() { answer.get(header..).unwrap_or_default() } else { answer };
        let reply = if address.is_ipv4() { 0 } else { 129 };
        if answer.first() == Some(&reply) && answer.get(6..8) == Some(&sequence.to_be_bytes()) {
            let ours = !raw || answer.get(4..6) == Some(&identifier.to_be_bytes());
            if ours {
                return Ok(Some(start.elapsed()));
            }
        }
    }
}

/// RFC 1071.
fn checksum(octets: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for pair in octets.chunks(2) {
        let high = u32::from(pair.first().copied().unwrap_or(0)) << 8;
        sum += high + u32::from(pair.get(1).copied().unwrap_or(0));
    }
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::checksum;

    #[test]
    fn the_checksum_of_rfc_1071s_example_is_ddf2_inverted() {
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
    }
}

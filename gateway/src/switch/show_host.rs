//! `show interfaces`, `show ip interface`, `show hosts`, `show memory`: the Linux host, in the layouts that automation reads.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Instant;

use cli::config::{Config, interface_name};

use crate::clock::uptime_stamp;

/// What the host says of an interface.
#[derive(Debug, Default)]
struct Interface {
    up: bool,
    running: bool,
    loopback: bool,
    mac: Option<String>,
    /// With the length of the prefix; the first is the primary one.
    addresses: Vec<(Ipv4Addr, u32)>,
    mtu: u64,
    /// Mbit/s, where the driver knows.
    speed: Option<u64>,
    duplex: Option<String>,
    statistics: BTreeMap<&'static str, u64>,
}

const COUNTERS: [&str; 11] = [
    "rx_packets",
    "rx_bytes",
    "multicast",
    "rx_length_errors",
    "rx_errors",
    "rx_crc_errors",
    "rx_frame_errors",
    "rx_over_errors",
    "tx_packets",
    "tx_bytes",
    "tx_errors",
];

fn interfaces() -> BTreeMap<String, Interface> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir("/sys/class/net").into_iter().flatten().flatten() {
        let directory = entry.path();
        if !directory.join("flags").exists() {
            continue;
        }
        let flags = text(&directory.join("flags"))
            .and_then(|t| u32::from_str_radix(t.trim_start_matches("0x"), 16).ok())
            .unwrap_or(0);
        let number = |name: &str| text(&directory.join(name)).and_then(|t| t.parse().ok());
        let carrier = text(&directory.join("operstate")).is_some_and(|state| state != "down");
        let counters =
            COUNTERS.iter().map(|name| (*name, number(&format!("statistics/{name}")).unwrap_or(0))).collect();
        let interface = Interface {
            up: flags & 1 != 0,
            running: flags & 1 != 0 && carrier,
            loopback: flags & 8 != 0,
            mac: text(&directory.join("address")).filter(|_| flags & 8 == 0).as_deref().and_then(dotted),
            addresses: Vec::new(),
            mtu: number("mtu").unwrap_or(0),
            speed: number("speed"),
            duplex: text(&directory.join("duplex")),
            statistics: counters,
        };
        all.insert(entry.file_name().to_string_lossy().into_owned(), interface);
    }
    for entry in nix::ifaddrs::getifaddrs().into_iter().flatten() {
        let address = entry.address.as_ref().and_then(|a| a.as_sockaddr_in()).map(|a| a.ip());
        let mask = entry.netmask.as_ref().and_then(|m| m.as_sockaddr_in()).map(|m| u32::from(m.ip()));
        if let (Some(address), Some(interface)) = (address, all.get_mut(&entry.interface_name)) {
            interface.addresses.push((address, mask.map_or(32, u32::count_ones)));
        }
    }
    all
}

fn text(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// `02:00:5e:00:00:01` as `0200.5e00.0001`.
fn dotted(mac: &str) -> Option<String> {
    let digits: String = mac.chars().filter(char::is_ascii_hexdigit).collect();
    let (a, rest) = digits.split_at_checked(4)?;
    let (b, c) = rest.split_at_checked(4)?;
    (c.len() == 4).then(|| format!("{a}.{b}.{c}"))
}

impl Interface {
    fn head(&self, name: &str) -> String {
        let state = if self.up { "up" } else { "administratively down" };
        let protocol = if self.running { "up" } else { "down" };
        format!("{name} is {state}, line protocol is {protocol} \n")
    }
}

/// Those that are asked for: all, or the one of this name, typed as the host or as IOS writes it.
fn chosen(name: Option<&str>) -> Option<Vec<(String, Interface)>> {
    let all = interfaces();
    let Some(name) = name else { return Some(all.into_iter().collect()) };
    let canonical = interface_name(name, None).map(|(name, _)| name);
    let found: Vec<_> =
        all.into_iter().filter(|(known, _)| known == name || canonical.as_ref() == Some(known)).collect();
    (!found.is_empty()).then_some(found)
}

/// What `clear counters` has taken off: the host's own counters are not ours to change.
#[derive(Debug, Default)]
pub(super) struct Cleared(BTreeMap<String, (Instant, BTreeMap<&'static str, u64>)>);

impl Cleared {
    /// Counts anew on one interface, or on all; false if there is none of the name.
    pub(super) fn clear(&mut self, now: Instant, name: Option<&str>) -> bool {
        let found = chosen(name).unwrap_or_default();
        let any = !found.is_empty();
        self.0.extend(found.into_iter().map(|(name, interface)| (name, (now, interface.statistics))));
        any
    }
}

/// `show interfaces [NAME]`.
pub(super) fn interfaces_text(
    now: Instant,
    config: &Config,
    cleared: &Cleared,
    name: Option<&str>,
) -> String {
    let Some(chosen) = chosen(name) else { return "% No such interface\n".to_owned() };
    let mut out = String::new();
    for (name, interface) in chosen {
        let cleared = cleared.0.get(&name);
        let count = |name: &str| {
            let before = cleared.and_then(|(_, before)| before.get(name)).copied().unwrap_or(0);
            interface.statistics.get(name).copied().unwrap_or(0).saturating_sub(before)
        };
        out.push_str(&interface.head(&name));
        let hardware = if interface.loopback { "Loopback" } else { "Ethernet" };
        let _ = match &interface.mac {
            Some(mac) => writeln!(out, "  Hardware is {hardware}, address is {mac} (bia {mac})"),
            None => writeln!(out, "  Hardware is {hardware}"),
        };
        let section = config.tree().section(&format!("interface {name}"));
        if let Some(description) = section.and_then(|section| section.value("description ")) {
            let _ = writeln!(out, "  Description: {description}");
        }
        if let Some((address, length)) = interface.addresses.first() {
            let _ = writeln!(out, "  Internet address is {address}/{length}");
        }
        let speed = interface.speed.unwrap_or(if interface.loopback { 8000 } else { 0 });
        let _ = writeln!(out, "  MTU {} bytes, BW {} Kbit/sec, DLY 10 usec, ", interface.mtu, speed * 1000);
        out.push_str("     reliability 255/255, txload 1/255, rxload 1/255\n");
        let encapsulation = if interface.loopback { "LOOPBACK" } else { "ARPA" };
        let _ = writeln!(out, "  Encapsulation {encapsulation}, loopback not set");
        if let (Some(speed), Some("full" | "half")) = (interface.speed, interface.duplex.as_deref()) {
            let duplex = if interface.duplex.as_deref() == Some("full") { "Full" } else { "Half" };
            let _ = writeln!(out, "  {duplex} Duplex, {speed}Mbps, media type is RJ45");
        }
        let since =
            cleared.map_or("never".to_owned(), |(at, _)| uptime_stamp(now.saturating_duration_since(*at)));
        let _ = writeln!(out, "  Last clearing of \"show interface\" counters {since}");
        let _ = writeln!(
            out,
            "     {} packets input, {} bytes, 0 no buffer\n     Received {} broadcasts (0 IP multicasts)\n     \
             {} runts, 0 giants, 0 throttles \n     \
             {} input errors, {} CRC, {} frame, {} overrun, 0 ignored\n     \
             {} packets output, {} bytes, 0 underruns\n     {} output errors, 0 collisions, 0 interface resets",
            count("rx_packets"),
            count("rx_bytes"),
            count("multicast"),
            count("rx_length_errors"),
            count("rx_errors"),
            count("rx_crc_errors"),
            count("rx_frame_errors"),
            count("rx_over_errors"),
            count("tx_packets"),
            count("tx_bytes"),
            count("tx_errors"),
        );
    }
    out
}

/// `show ip interface [NAME]`.
pub(super) fn ip_interface(name: Option<&str>) -> String {
    let Some(chosen) = chosen(name) else { return "% No such interface\n".to_owned() };
    let mut out = String::new();
    for (name, interface) in chosen {
        out.push_str(&interface.head(&name));
        match interface.addresses.split_first() {
            None => out.push_str("  Internet protocol processing disabled\n"),
            Some(((address, length), others)) => {
                let _ = writeln!(out, "  Internet address is {address}/{length}");
                for (address, length) in others {
                    let _ = writeln!(out, "  Secondary address {address}/{length}");
                }
                let _ = writeln!(out, "  MTU is {} bytes", interface.mtu);
            }
        }
    }
    out
}

/// `show hosts`.
pub(super) fn hosts(config: &Config) -> String {
    let domain = ["ip domain name ", "ip domain-name "].iter().find_map(|words| {
        let node = config.tree().beginning(words).next()?;
        node.line.get(words.len()..).map(str::to_owned)
    });
    let resolver = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let servers: Vec<&str> =
        resolver.lines().filter_map(|l| l.strip_prefix("nameserver ")).map(str::trim).collect();
    let servers = if servers.is_empty() { "255.255.255.255".to_owned() } else { servers.join(", ") };
    format!(
        "Default domain is {}\nName/address lookup uses domain service\nName servers are {servers}\n",
        domain.as_deref().unwrap_or("not set")
    )
}

/// Octets of `/proc/meminfo` and of this process: total, used, free of the host; held by the process.
fn memory() -> (u64, u64, u64, u64) {
    let info = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes = |name: &str| {
        let row = info.lines().find_map(|line| line.strip_prefix(name))?;
        row.split_whitespace().next()?.parse::<u64>().ok()
    };
    let total = kilobytes("MemTotal:").unwrap_or(0) * 1024;
    let free = kilobytes("MemAvailable:").unwrap_or(0) * 1024;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let held = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|row| row.split_whitespace().next()?.parse::<u64>().ok());
    (total, total.saturating_sub(free), free, held.unwrap_or(0) * 1024)
}

/// `show memory statistics`.
pub(super) fn memory_statistics() -> String {
    let (total, used, free, _) = memory();
    format!(
        "                Head    Total(b)     Used(b)     Free(b)   Lowest(b)  Largest(b)\n\
         Processor         0 {total:>11} {used:>11} {free:>11} {free:>11} {free:>11}\n"
    )
}

/// `show processes memory`.
pub(super) fn processes_memory() -> String {
    let (total, used, free, held) = memory();
    format!(
        "Processor Pool Total: {total:>10} Used: {used:>10} Free: {free:>10}\n\n \
         PID TTY  Allocated      Freed    Holding    Getbufs    Retbufs Process\n\
         {:>4}   0 {held:>10} {:>10} {held:>10} {:>10} {:>10} tipringd        \n{:>32} Total\n",
        std::process::id(),
        0,
        0,
        0,
        held
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn hosts_name_the_configured_domain() {
        let config = Config::parse("ip domain name branch.example\n").config;
        assert!(hosts(&config).starts_with("Default domain is branch.example\n"));
        assert!(hosts(&Config::default()).starts_with("Default domain is not set\n"));
    }

    #[test]
    fn the_loopback_interface_is_there_with_its_address() {
        let (now, mut cleared) = (Instant::now(), Cleared::default());
        let show =
            |now, cleared: &Cleared, name| interfaces_text(now, &Config::default(), cleared, Some(name));
        let text = show(now, &cleared, "lo");
        assert!(text.starts_with("lo is up, line protocol is up \n  Hardware is Loopback\n"), "{text}");
        assert!(text.contains("  Internet address is 127.0.0.1/8\n"), "{text}");
        assert!(ip_interface(Some("lo")).contains("  Internet address is 127.0.0.1/8\n"));
        assert_eq!(show(now, &cleared, "nowhere0"), "% No such interface\n");
        assert!(text.contains("  Last clearing of \"show interface\" counters never\n"), "{text}");
        assert!(cleared.clear(now, Some("lo")) && !cleared.clear(now, Some("nowhere0")));
        let text = show(now + std::time::Duration::from_secs(90), &cleared, "lo");
        assert!(text.contains("counters 00:01:30\n"), "{text}");
        assert_eq!(dotted("02:00:5e:00:00:01").unwrap(), "0200.5e00.0001");
    }
}

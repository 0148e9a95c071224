//! `show version`, `show inventory`, `show ip interface brief`: the box itself, in the layouts that automation reads.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use nix::net::if_::InterfaceFlags;

use super::{Switch, show_boards};
use crate::clock::uptime_words;

/// Product name in inventories.
const PRODUCT: &str = "TIPRING";

impl Switch {
    pub(super) fn show_version(&self, now: Instant) -> String {
        let (version, host) = (env!("CARGO_PKG_VERSION"), &self.config.hostname);
        format!(
            "Tipring Software (tipringd), Version {version}, RELEASE SOFTWARE ({system})\n\n\
             ROM: {system}\n\n\
             {host} uptime is {uptime}\n\
             System returned to ROM by reload\n\
             System image file is \"flash:tipringd\"\n\n\
             Processor board ID {serial}\n\
             {lines} FXS voice interface(s)\n\
             {offices} FXO voice interface(s)\n\
             {trunks} channelized E1/PRI or T1/PRI port(s)\n\n\
             Configuration register is 0x2102\n",
            system = system(),
            uptime = uptime_words(self.clock.uptime(now)),
            serial = serial(),
            lines = self.lines.len(),
            offices = self.offices.len(),
            trunks = self.trunks.len(),
        )
    }

    pub(super) fn show_inventory(&self) -> String {
        let mut out = String::new();
        let mut row = |name: &str, descr: &str, product: &str, serial: &str| {
            let version = env!("CARGO_PKG_VERSION");
            let _ = writeln!(
                out,
                "NAME: \"{name}\", DESCR: \"{descr}\"\nPID: {product:<18}, VID: {version}, SN: {serial}\n"
            );
        };
        row("Chassis", "Tipring voice gateway", PRODUCT, &serial());
        for line in &self.lines {
            row(&format!("Voice port {}", line.name()), "FXS line", "FXS", "");
        }
        for office in &self.offices {
            row(&format!("Voice port {}", office.name()), "FXO line", "FXO", "");
        }
        for trunk in &self.trunks {
            row(&format!("Controller {}", trunk.controller), "Primary rate trunk", "PRI", "");
        }
        for span in show_boards::found() {
            let (name, description, product) = show_boards::inventory(&span);
            row(&name, &description, &product, "");
        }
        out
    }
}

/// The interfaces of the host with their IPv4 addresses.
pub(super) fn ip_interface_brief() -> String {
    let mut rows: BTreeMap<String, (Option<String>, InterfaceFlags)> = BTreeMap::new();
    for entry in nix::ifaddrs::getifaddrs().into_iter().flatten() {
        let address = entry.address.as_ref().and_then(|a| a.as_sockaddr_in()).map(|a| a.ip().to_string());
        let row = rows.entry(entry.interface_name).or_insert((None, entry.flags));
        row.0 = row.0.take().or(address);
    }
    let mut out = String::from(
        "Interface                  IP-Address      OK? Method Status                Protocol\n",
    );
    for (name, (address, flags)) in rows {
        let (up, running) =
            (flags.contains(InterfaceFlags::IFF_UP), flags.contains(InterfaceFlags::IFF_RUNNING));
        let status = if up { "up" } else { "administratively down" };
        let _ = writeln!(
            out,
            "{name:<26} {:<15} YES {:<6} {status:<21} {}",
            address.as_deref().unwrap_or("unassigned"),
            if address.is_some() { "manual" } else { "unset" },
            if up && running { "up" } else { "down" }
        );
    }
    out
}

/// Kernel and release.
fn system() -> String {
    match nix::sys::utsname::uname() {
        Ok(name) => format!("{} {}", name.sysname().to_string_lossy(), name.release().to_string_lossy()),
        Err(_) => "Linux".to_owned(),
    }
}

/// What the host has for a serial number: the first half of its machine id.
fn serial() -> String {
    let id = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    match id.trim().get(..16) {
        Some(half) => half.to_ascii_uppercase(),
        None => "0".repeat(16),
    }
}

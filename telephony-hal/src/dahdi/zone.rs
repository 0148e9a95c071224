//! What ringing needs of DAHDI, and which lamps a board can light.

use std::fs::File;
use std::io;

use nix::errno::Errno;

use super::port::{KernelPort, Port as _};
use super::sys::{self, Request, lamp};

/// Zone of our own. libtonezone's numbers end at 45; up to 255 may be used.
const ZONE: i32 = 250;

/// Gives a channel a tone zone, without which the kernel does not ring. Tones and cadences are ours, so it is a silent one.
pub(super) fn choose(control: &File, port: &mut KernelPort) -> io::Result<()> {
    if port.set(Request::ToneZone, ZONE).is_ok() {
        return Ok(());
    }
    match sys::load_silent_zone(control, ZONE, "Tipring") {
        // Loaded by another port just now.
        Err(error) if error.raw_os_error() == Some(Errno::EINVAL as i32) => {}
        done => done?,
    }
    port.set(Request::ToneZone, ZONE)
}

/// Lamp voltages of the drivers we know, by the beginning of the span's name: bits of `VMWI_CONFIG` that have an effect.
const LAMPS: [(&str, i32); 5] = [
    ("VLINE/", lamp::REVERSAL | lamp::DIRECT_VOLTAGE | lamp::NEON),
    ("WCTDM/", lamp::REVERSAL | lamp::NEON),
    ("WCTDM24", lamp::REVERSAL),
    ("WCAX", lamp::REVERSAL),
    ("XPP", lamp::NEON),
];

/// The lamp bits of a span's driver; none of one we don't know.
pub(super) fn lamps(control: &File, span: i32) -> i32 {
    sys::span(control, span).map_or(0, |info| lamps_of(&sys::text(&{ info.name })))
}

fn lamps_of(name: &str) -> i32 {
    LAMPS.iter().find(|(prefix, _)| name.starts_with(prefix)).map_or(0, |(_, lamps)| *lamps)
}

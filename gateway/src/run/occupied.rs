//! Which B channels are in calls, written down so that a gateway that died can clear them when it lives again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::hardware::Hardware;
use crate::media::MediaEnd;

/// The file, one line a controller: its name and the timeslots in use as bits, `E1 1/0 00000006`. It is written over in
/// place, with no wait for the disk: it is to survive the program, not the machine, whose end the PBX sees by itself.
#[derive(Debug)]
pub(super) struct Occupied {
    file: File,
    controllers: Vec<String>,
    written: BTreeSet<(usize, u8)>,
}

impl Occupied {
    /// Opens the file; besides gives what a former life left in it, as trunks and timeslots.
    pub(super) fn open(path: &Path, hardware: &Hardware) -> io::Result<(Self, Vec<(usize, u8)>)> {
        let controllers: Vec<String> = hardware.pri.iter().map(|pri| pri.controller.clone()).collect();
        let left = match std::fs::read_to_string(path) {
            Ok(text) => parse(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        let lost = controllers
            .iter()
            .enumerate()
            .flat_map(|(trunk, name)| {
                let mask = left.get(name).copied().unwrap_or(0);
                (1..32u8).filter(move |slot| mask & 1 << slot != 0).map(move |slot| (trunk, slot))
            })
            .collect();
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        let mut occupied = Self { file, controllers, written: BTreeSet::new() };
        occupied.write()?;
        Ok((occupied, lost))
    }

    /// Writes down which channels are in use, if that has changed.
    pub(super) fn note(&mut self, ends: impl Iterator<Item = MediaEnd>) {
        let used: BTreeSet<(usize, u8)> = ends
            .filter_map(|end| match end {
                MediaEnd::Channel { trunk, timeslot } => Some((trunk, timeslot)),
                MediaEnd::Line(_) | MediaEnd::Rtp(_) => None,
            })
            .collect();
        if used != self.written {
            self.written = used;
            if let Err(error) = self.write() {
                tracing::warn!(%error, "bearers in use are not written down");
            }
        }
    }

    fn write(&mut self) -> io::Result<()> {
        let mut text = String::new();
        for (trunk, name) in self.controllers.iter().enumerate() {
            let slots = self.written.iter().filter(|(of, slot)| *of == trunk && *slot < 32);
            let mask = slots.fold(0u32, |mask, (_, slot)| mask | 1 << slot);
            let _ = writeln!(text, "{name} {mask:08x}");
        }
        self.file.write_all_at(text.as_bytes(), 0)
    }
}

fn parse(text: &str) -> BTreeMap<String, u32> {
    let line = |line: &str| {
        let (name, mask) = line.rsplit_once(' ')?;
        Some((name.to_owned(), u32::from_str_radix(mask, 16).ok()?))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_a_dead_gateway_used_is_known_to_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bearers");
        let hardware = |controllers: &[&str]| {
            let pri = |name: &&str| format!("[[pri]]\ncontroller = \"{name}\"\nbackend = \"sim\"\n");
            Hardware::parse(&controllers.iter().map(pri).collect::<String>()).unwrap()
        };
        let both = hardware(&["E1 1/0", "T1 1/1"]);
        let (mut occupied, lost) = Occupied::open(&path, &both).unwrap();
        assert!(lost.is_empty());
        let channel = |trunk, timeslot| MediaEnd::Channel { trunk, timeslot };
        occupied.note([channel(0, 31), channel(1, 1), MediaEnd::Line(3), channel(0, 1)].into_iter());
        occupied.note([channel(0, 31), channel(1, 1)].into_iter());
        drop(occupied);
        // In another order, and with another controller before them.
        let (mut occupied, lost) = Occupied::open(&path, &hardware(&["E1 0/0", "T1 1/1", "E1 1/0"])).unwrap();
        assert_eq!(lost, [(1, 1), (2, 31)]);
        occupied.note([channel(1, 2)].into_iter());
        occupied.note(std::iter::empty());
        drop(occupied);
        assert!(Occupied::open(&path, &both).unwrap().1.is_empty(), "calls that ended are no concern");
        std::fs::write(&path, "E1 1/0 zz\n\nE1 1/0\n\u{fffd} 00000002\nT1 1/1 00000002").unwrap();
        assert_eq!(Occupied::open(&path, &both).unwrap().1, [(1, 1)]);
    }
}

//! The kernel's or the board's echo canceller of a channel, which `dahdi_cfg` attaches (`echocanceller=` of `system.conf`).

use std::path::Path;

/// Lengths that DAHDI takes, in taps of 125 us.
const TAPS: [i32; 6] = [32, 64, 128, 256, 512, 1024];

/// Taps for echo of up to `coverage` ms: the next length that has as many, the longest otherwise.
pub(super) fn taps(coverage: u16) -> i32 {
    let wanted = i32::from(coverage) * 8;
    TAPS.into_iter().find(|taps| *taps >= wanted).unwrap_or(1024)
}

/// Whether a canceller is attached to a channel. Without one DAHDI takes every request for it and does nothing.
pub(super) fn is_attached(span: i32, channel: u32) -> bool {
    attached_below(&Path::new("/sys/bus/dahdi_spans/devices").join(format!("span-{span}")), channel)
}

/// A folder for each channel, with its number and its canceller's name.
pub(super) fn attached_below(span: &Path, channel: u32) -> bool {
    let Ok(folders) = std::fs::read_dir(span) else { return false };
    let text = |folder: &Path, name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    folders.flatten().map(|folder| folder.path()).any(|folder| {
        text(&folder, "channo").trim().parse() == Ok(channel)
            && !text(&folder, "ec_factory").trim().is_empty()
    })
}

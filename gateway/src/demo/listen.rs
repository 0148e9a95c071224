//! An ear for the demonstration: says in words what tone cadence a recording holds.
//!
//! It knows nothing of the tone tables; it measures energy in 5 ms frames and frequencies by a
//! Hann-windowed Goertzel sweep, so that what the demonstration prints is what a telephone would hear.

use std::fmt::Write as _;

const RATE: f64 = 8000.0;
const FRAME: usize = 40;
/// Power of a frame that counts as sound, relative to full scale (about -45 dBm0).
const SILENCE: f64 = 1.6e-5;
/// Longest stretch used to find frequencies.
const WINDOW: usize = 2400;

#[derive(Debug, Clone, PartialEq)]
struct Segment {
    hz: Vec<u32>,
    on: u32,
    off: Option<u32>,
}

/// Describes 8 kHz samples, e.g. `10 x (350+440 Hz, 100 ms on, 100 ms off), then 350+440 Hz steady`.
///
/// ```
/// assert_eq!(gateway::demo::listen::describe(&[0; 8000]), "silence");
/// ```
#[must_use]
pub fn describe(samples: &[i16]) -> String {
    let segments = segments(samples);
    if segments.is_empty() {
        return "silence".to_owned();
    }
    let mut text = String::new();
    let mut at = 0;
    while let Some(segment) = segments.get(at) {
        let alike = segments.iter().skip(at).take_while(|other| same(segment, other)).count();
        if at > 0 {
            text.push_str(", then ");
        }
        let hz: Vec<_> = segment.hz.iter().map(u32::to_string).collect();
        let hz = hz.join("+");
        // Writing to a String cannot fail.
        let _ = match (segment.off, alike) {
            (None, _) => write!(text, "{hz} Hz steady"),
            (Some(off), 1) => write!(text, "{hz} Hz, {} ms on, {off} ms off", round(segment.on)),
            (Some(off), n) => {
                write!(text, "{n} x ({hz} Hz, {} ms on, {} ms off)", round(segment.on), round(off))
            }
        };
        at += alike.max(1);
    }
    text
}

/// Number of sound bursts that are followed by silence.
#[must_use]
pub fn bursts(samples: &[i16]) -> usize {
    segments(samples).iter().filter(|s| s.off.is_some()).count()
}

fn round(ms: u32) -> u32 {
    (ms + 5) / 10 * 10
}

fn same(a: &Segment, b: &Segment) -> bool {
    let near = |x: u32, y: u32| x.abs_diff(y) <= 10;
    a.hz == b.hz
        && near(a.on, b.on)
        && match (a.off, b.off) {
            (Some(a), Some(b)) => near(a, b),
            (None, None) => true,
            _ => false,
        }
}

fn segments(samples: &[i16]) -> Vec<Segment> {
    let loud: Vec<bool> = samples
        .chunks(FRAME)
        .map(|frame| {
            let power: f64 = frame.iter().map(|&s| (f64::from(s) / 32768.0).powi(2)).sum();
            power / frame.len().max(1) as f64 > SILENCE
        })
        .collect();
    let mut segments = Vec::new();
    let mut at = 0;
    while at < loud.len() {
        if !loud.get(at).copied().unwrap_or(false) {
            at += 1;
            continue;
        }
        let on = run(&loud, at, true);
        let off = run(&loud, at + on, false);
        let sound = samples.get(at * FRAME..samples.len().min((at + on) * FRAME)).unwrap_or_default();
        let ms = |frames: usize| u32::try_from(frames * FRAME / 8).unwrap_or(u32::MAX);
        segments.push(Segment { hz: frequencies(sound), on: ms(on), off: (off > 0).then(|| ms(off)) });
        at += on + off;
    }
    segments
}

fn run(loud: &[bool], from: usize, value: bool) -> usize {
    loud.iter().skip(from).take_while(|&&l| l == value).count()
}

/// Components within 12 dB of the strongest, to the nearest 5 Hz, ascending.
fn frequencies(sound: &[i16]) -> Vec<u32> {
    let sound = sound.get(..sound.len().min(WINDOW)).unwrap_or_default();
    let window: Vec<f64> = sound
        .iter()
        .enumerate()
        .map(|(n, &s)| {
            let phase = std::f64::consts::TAU * n as f64 / sound.len() as f64;
            f64::from(s) * (0.5 - 0.5 * phase.cos())
        })
        .collect();
    let power: Vec<(u32, f64)> = (200..=3400).step_by(5).map(|hz| (hz, goertzel(&window, hz))).collect();
    let strongest = power.iter().map(|p| p.1).fold(0.0, f64::max);
    let mut found = Vec::new();
    for near in power.windows(3) {
        if let [before, here, after] = near
            && here.1 > before.1
            && here.1 >= after.1
            && here.1 > strongest / 16.0
        {
            found.push(here.0);
        }
    }
    found
}

fn goertzel(window: &[f64], hz: u32) -> f64 {
    let k = 2.0 * (std::f64::consts::TAU * f64::from(hz) / RATE).cos();
    let (mut a, mut b) = (0.0, 0.0);
    for &s in window {
        (a, b) = (s + k * a - b, a);
    }
    a * a + b * b - k * a * b
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: &[f64], ms: usize) -> Vec<i16> {
        (0..ms * 8)
            .map(|n| {
                let sum: f64 = hz.iter().map(|f| (std::f64::consts::TAU * f * n as f64 / RATE).sin()).sum();
                (sum * 4000.0) as i16
            })
            .collect()
    }

    #[test]
    fn hears_bursts_and_a_steady_tone() {
        let mut sound = Vec::new();
        for _ in 0..10 {
            sound.extend(tone(&[350.0, 440.0], 100));
            sound.extend(vec![0; 800]);
        }
        sound.extend(tone(&[350.0, 440.0], 1000));
        assert_eq!(describe(&sound), "10 x (350+440 Hz, 100 ms on, 100 ms off), then 350+440 Hz steady");
        assert_eq!(bursts(&sound), 10);
    }

    #[test]
    fn hears_a_single_frequency() {
        assert_eq!(describe(&tone(&[425.0], 700)), "425 Hz steady");
        assert_eq!(describe(&[]), "silence");
    }
}

//! The telephone's keypad.

use std::f64::consts::TAU;

use crate::SAMPLE_RATE;

/// Tone and pause of one key, in samples: 80 ms each, above Q.24's 40 ms in every national column.
const TONE: usize = 640;
const PAUSE: usize = 640;
/// Peak of a sine of 0 dBm0 in 16-bit linear (overload point 3.14 dBm0).
const PEAK_0_DBM0: f64 = 22_826.0;
/// Q.23 keypads send the low group about 2 dB weaker.
const LOW_DBM0: f64 = -9.0;
const HIGH_DBM0: f64 = -7.0;

/// Samples that a telephone sends for `key`, or `None` if no keypad has it. A comma is one second of silence.
pub(super) fn key(key: char) -> Option<Vec<i16>> {
    if key == ',' {
        return Some(vec![0; SAMPLE_RATE as usize]);
    }
    const LOW: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
    const HIGH: [f64; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
    let place = "123A456B789C*0#D".find(key.to_ascii_uppercase())?;
    let (low, high) = (LOW.get(place / 4)?, HIGH.get(place % 4)?);
    let peak = |dbm0: f64| PEAK_0_DBM0 * 10f64.powf(dbm0 / 20.0);
    let mut samples: Vec<i16> = (0..TONE)
        .map(|n| {
            let t = n as f64 / f64::from(SAMPLE_RATE);
            let sum = peak(LOW_DBM0) * (TAU * low * t).sin() + peak(HIGH_DBM0) * (TAU * high * t).sin();
            sum.round() as i16
        })
        .collect();
    samples.resize(TONE + PAUSE, 0);
    Some(samples)
}

//! Gain, and conferences of a few parties.
//!
//! ```
//! let (a, b, c) = ([100i16; 4], [20i16; 4], [3i16; 4]);
//! let mut out = [[0i16; 4]; 3];
//! media::mix::conference(&[&a, &b, &c], &mut out.each_mut().map(|o| o.as_mut_slice()));
//! assert_eq!(out, [[23; 4], [103; 4], [120; 4]]);
//! ```

/// Gives each party the sum of all the others; peaks saturate. Inputs that are short count as silence, parties
/// without an input hear everybody.
pub fn conference(inputs: &[&[i16]], outputs: &mut [&mut [i16]]) {
    let longest = outputs.iter().map(|o| o.len()).max().unwrap_or(0);
    let sum: Vec<i32> =
        (0..longest).map(|n| inputs.iter().filter_map(|i| i.get(n)).map(|s| i32::from(*s)).sum()).collect();
    for (party, out) in outputs.iter_mut().enumerate() {
        let own = inputs.get(party).copied().unwrap_or_default();
        for ((n, slot), sum) in out.iter_mut().enumerate().zip(&sum) {
            *slot = saturate(sum - own.get(n).map_or(0, |s| i32::from(*s)));
        }
    }
}

/// Adds `from` to `into`, as far as both go; peaks saturate.
pub fn add(into: &mut [i16], from: &[i16]) {
    for (slot, sample) in into.iter_mut().zip(from) {
        *slot = slot.saturating_add(*sample);
    }
}

/// Changes the level by `db` (`input gain` as it stands, `output attenuation` negative); peaks saturate.
pub fn gain(samples: &mut [i16], db: f64) {
    if db == 0.0 {
        return;
    }
    let factor = 10f32.powf(db as f32 / 20.0);
    for sample in samples {
        *sample = (f32::from(*sample) * factor).round() as i16;
    }
}

fn saturate(sample: i32) -> i16 {
    sample.clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

#[cfg(test)]
mod tests;

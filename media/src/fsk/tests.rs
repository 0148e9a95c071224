#![allow(clippy::unwrap_used, clippy::needless_range_loop)]
use proptest::prelude::*;

use super::*;
use crate::g711::{self, Law};

/// A receiver made for these tests: for every sample, the power at mark and space in the bit around it.
/// Returns octets after the first mark run of 20 bits or more, and framing errors.
pub(crate) fn demodulate(audio: &[i16], modem: Modem) -> (Vec<u8>, usize) {
    let half = 3usize;
    let power = |at: usize, hz: f64| {
        let (mut re, mut im) = (0.0, 0.0);
        for n in at.saturating_sub(half)..(at + half + 1).min(audio.len()) {
            let a = TAU * hz * n as f64 / 8000.0;
            re += f64::from(audio[n]) * a.cos();
            im += f64::from(audio[n]) * a.sin();
        }
        re * re + im * im
    };
    let marks: Vec<bool> =
        (0..audio.len()).map(|n| power(n, modem.mark_hz()) >= power(n, modem.space_hz())).collect();
    let bit = 8000.0 / 1200.0;
    let mut at = 0usize;
    let mut run = 0;
    while at < marks.len() && (marks[at] || run as f64 <= 20.0 * bit) {
        run = if marks[at] { run + 1 } else { 0 };
        at += 1;
    }
    let (mut octets, mut bad) = (Vec::new(), 0);
    while at < marks.len() {
        if marks[at] {
            at += 1;
            continue;
        }
        let sample = |n: f64| marks.get(at + ((n + 0.5) * bit) as usize).copied();
        let Some(stop) = sample(9.0) else { break };
        let octet = (0..8).fold(0u8, |o, n| o | u8::from(sample(f64::from(n) + 1.0) == Some(true)) << n);
        octets.push(octet);
        bad += usize::from(!stop);
        at += (9.5 * bit) as usize;
    }
    (octets, bad)
}

pub(crate) fn render(burst: &FskBurst) -> Vec<i16> {
    let mut audio = vec![0; (burst.bits() * 20 / 3) as usize];
    FskGenerator::new(burst).fill(&mut audio);
    audio
}

#[test]
fn preamble_is_seizure_beginning_with_space_then_mark() {
    let burst = FskBurst::on_hook(Modem::Bell202, vec![0xA5]);
    let bits: Vec<bool> = (0..burst.bits()).map(|n| burst.bit(n)).collect();
    assert_eq!(bits.len(), 300 + 180 + 10 + 6);
    assert!(bits[..300].chunks(2).all(|p| p == [false, true]));
    assert!(bits[300..480].iter().all(|b| *b));
    assert_eq!(bits[480..490], [false, true, false, true, false, false, true, false, true, true]);
    assert!(bits[490..].iter().all(|b| *b));
}

#[test]
fn mark_and_space_have_the_frequencies_of_the_modem() {
    for (modem, octet, hz) in [
        (Modem::Bell202, None, 1200.0),
        (Modem::V23, None, 1300.0),
        (Modem::Bell202, Some(0), 2200.0),
        (Modem::V23, Some(0), 2100.0),
    ] {
        let burst = FskBurst { seizure_bits: 0, ..FskBurst::on_hook(modem, vec![octet.unwrap_or(0xFF)]) };
        // Mark: the 150 ms before the octet. Space: start bit and eight zeros.
        let audio = render(&burst);
        let part = if octet.is_none() { &audio[..1200] } else { &audio[1202..1258] };
        let up: Vec<f64> = part
            .windows(2)
            .enumerate()
            .filter(|(_, w)| w[0] < 0 && w[1] >= 0)
            .map(|(i, w)| i as f64 - f64::from(w[0]) / f64::from(w[1] - w[0]))
            .collect();
        let found = (up.len() - 1) as f64 * 8000.0 / (up.last().unwrap() - up[0]);
        assert!((found - hz).abs() < hz * 0.01, "{modem:?}: {found} for {hz}");
        assert!((crate::level_dbm0(&audio[..1000]) + 13.5).abs() < 0.1);
    }
}

#[test]
fn phase_is_continuous() {
    let audio = render(&FskBurst::on_hook(Modem::Bell202, vec![0x55; 20]).at_level(0.0));
    // No step may be steeper than the space frequency makes it.
    let limit = amplitude(0.0) * 2.0 * (std::f64::consts::PI * 2200.0 / 8000.0).sin() + 2.0;
    assert!(audio.windows(2).all(|w| f64::from((i32::from(w[1]) - i32::from(w[0])).abs()) <= limit));
}

#[test]
fn octets_beyond_the_limit_are_not_sent() {
    let burst = FskBurst::on_hook(Modem::V23, vec![0; 5000]);
    assert_eq!(burst.bits(), 486 + 10 * MAX_OCTETS as u64);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn octets_are_read_back_through_either_law_in_noise(
        octets in prop::collection::vec(any::<u8>(), 1..24), v23 in any::<bool>(), a_law in any::<bool>(),
        off_hook in any::<bool>(), level in -19.5f64..-7.5, mut seed in 1u64..
    ) {
        let modem = if v23 { Modem::V23 } else { Modem::Bell202 };
        let law = if a_law { Law::A } else { Law::Mu };
        let burst = if off_hook { FskBurst::off_hook(modem, octets.clone()) } else { FskBurst::on_hook(modem, octets.clone()) };
        let mut audio = render(&burst.at_level(level));
        let rms = amplitude(-30.0) / 2f64.sqrt();
        for s in &mut audio {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let noise = ((seed >> 11) as f64 / (1u64 << 53) as f64 - 0.5) * rms * 12f64.sqrt();
            let noisy = (f64::from(*s) + noise) as i16;
            *s = g711::decode_sample(law, g711::encode_sample(law, noisy));
        }
        let (found, bad) = demodulate(&audio, modem);
        prop_assert_eq!(found, octets);
        prop_assert_eq!(bad, 0);
    }
}

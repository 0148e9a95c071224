#![allow(clippy::approx_constant)]
use proptest::prelude::*;

use super::*;

#[test]
fn every_octet_survives_decoding_and_encoding() {
    for octet in 0..=255u8 {
        assert_eq!(encode_sample(Law::A, decode_sample(Law::A, octet)), octet);
        let mu = encode_sample(Law::Mu, decode_sample(Law::Mu, octet));
        // 0x7F is negative zero, which decodes to the same value as 0xFF.
        assert_eq!(mu, if octet == 0x7F { 0xFF } else { octet });
    }
}

/// Both laws choose the nearest value, but for the two bits the 14 bit scale of µ-law drops first.
#[test]
fn every_sample_becomes_the_nearest_value_of_the_table() {
    for (law, slack) in [(Law::Mu, 6), (Law::A, 0)] {
        let mut table: Vec<i32> = (0..=255).map(|o| decode_sample(law, o).into()).collect();
        table.sort_unstable();
        for sample in i16::MIN..=i16::MAX {
            let value = i32::from(sample);
            let at = table.partition_point(|&t| t < value);
            let nearest = table[at.saturating_sub(1)..].iter().take(2).map(|t| (t - value).abs()).min();
            let found = (i32::from(decode_sample(law, encode_sample(law, sample))) - value).abs();
            assert!(nearest.is_some_and(|n| found <= n + slack), "{law} {sample}: {found} {nearest:?}");
        }
    }
}

#[test]
fn encoding_is_monotonic_in_the_decoded_value() {
    for law in [Law::Mu, Law::A] {
        let mut last = i16::MIN;
        for sample in i16::MIN..=i16::MAX {
            let value = decode_sample(law, encode_sample(law, sample));
            assert!(value >= last, "{law} {sample}");
            last = value;
        }
    }
}

#[test]
fn table_corners_are_those_of_the_recommendation() {
    // G.711 tables 1a, 2a: the largest outputs are 4032 of 4096 and 8031 of 8159.
    assert_eq!(decode_sample(Law::A, 0x80 ^ 0x7F ^ 0x55), 4032 * 8);
    assert_eq!(decode_sample(Law::Mu, 0x80), 8031 * 4);
    assert_eq!(decode_sample(Law::Mu, 0x00), -8031 * 4);
    assert_eq!(decode_sample(Law::A, 0xD5), 8);
    assert_eq!(decode_sample(Law::Mu, 0xFF), 0);
    assert_eq!(encode_sample(Law::Mu, 0), Law::Mu.silence());
    assert_eq!(encode_sample(Law::A, 0), Law::A.silence());
    assert_eq!(encode_sample(Law::Mu, i16::MIN), 0x00);
    assert_eq!(encode_sample(Law::A, i16::MAX), 0xAA);
}

//= G.711 table 5 and 6: the sequence of octets that is a 1 kHz sine of 0 dBm0.
#[test]
fn the_digital_milliwatt_is_0_dbm0() {
    let sequences = [
        (Law::A, [0x34, 0x21, 0x21, 0x34, 0xB4, 0xA1, 0xA1, 0xB4], 3.14),
        (Law::Mu, [0x1E, 0x0B, 0x0B, 0x1E, 0x9E, 0x8B, 0x8B, 0x9E], 3.17),
    ];
    for (law, octets, overload) in sequences {
        let mut samples = [0; 8];
        assert_eq!(decode(law, &octets, &mut samples), 8);
        // The laws overload at 4096 of 4096 and 8159 of 8192 units.
        let full = if law == Law::A { 32768.0 } else { 8159.0 * 4.0 };
        let power = samples.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / 8.0;
        let level = 10.0 * (2.0 * power / (full * full)).log10() + overload;
        assert!(level.abs() < 0.02, "{law}: {level}");
    }
}

#[test]
fn slices_of_unequal_length_encode_the_shorter() {
    let mut octets = [0u8; 3];
    assert_eq!(encode(Law::A, &[1, 2, 3, 4], &mut octets), 3);
    assert_eq!(encode(Law::A, &[1], &mut octets), 1);
}

proptest! {
    #[test]
    fn conversion_between_laws_stays_within_one_segment_step(sample in any::<i16>()) {
        let mu = encode_sample(Law::Mu, sample);
        let there = convert(mu, Law::Mu, Law::A);
        let value = i32::from(decode_sample(Law::A, there));
        let limit = i32::from(sample).abs() / 12 + 24;
        prop_assert!((value - i32::from(sample)).abs() <= limit, "{} {}", sample, value);
    }
}

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

/// The decision values of G.711 tables 1 and 2, laid end to end: steps of a segment are twice those before.
fn decision_values(law: Law) -> Vec<i32> {
    let mut at = 0;
    let mut out = vec![0];
    for segment in 0..8 {
        for interval in 0..16 {
            at += match law {
                Law::Mu if segment == 0 && interval == 0 => 1,
                Law::Mu => 2 << segment,
                Law::A => 1 << i32::max(segment - 1, 0),
            };
            out.push(at);
        }
    }
    out
}

#[test]
fn every_sample_falls_in_the_interval_of_the_tables() {
    for (law, shift, sign, invert) in [(Law::Mu, 2, 0x80, 0xFF), (Law::A, 4, 0x80, 0xD5)] {
        let decisions = decision_values(law);
        assert_eq!(decisions.last(), Some(if law == Law::Mu { &8159 } else { &2048 }));
        for sample in i16::MIN..=i16::MAX {
            let magnitude = i32::from(if sample < 0 { !sample } else { sample }) >> shift;
            let number = (decisions.partition_point(|&d| d <= magnitude) - 1).min(127) as u8;
            let bits = if sample < 0 { number | sign } else { number };
            assert_eq!(encode_sample(law, sample), bits ^ invert, "{law} {sample}");
        }
    }
}

#[test]
fn outputs_lie_in_the_middle_of_their_intervals() {
    for (law, unit, invert) in [(Law::Mu, 4, 0xFF), (Law::A, 16, 0xD5)] {
        for (number, ends) in decision_values(law).windows(2).enumerate() {
            // The first interval of µ-law is half of one that spans zero.
            let middle = if law == Law::Mu && number == 0 { 0 } else { (ends[0] + ends[1]) * unit / 2 };
            assert_eq!(i32::from(decode_sample(law, number as u8 ^ invert)), middle, "{law} {number}");
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

// G.711 table 5 and 6: the sequence of octets that is a 1 kHz sine of 0 dBm0.
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

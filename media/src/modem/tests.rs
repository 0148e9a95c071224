use super::*;
use crate::g711::{self, Law};
use crate::tone::{ToneGenerator, ToneSpec};

/// A tone of so many ms whose phase turns every `turns` ms, with `depth` of amplitude modulation at 15 Hz.
fn answer(hz: f64, dbm0: f64, ms: u32, turns: Option<u32>, depth: f64) -> Vec<i16> {
    let mut sign = 1.0;
    (0..ms * 8)
        .map(|n| {
            let t = f64::from(n) / 8000.0;
            if turns.is_some_and(|turns| n > 0 && n.is_multiple_of(turns * 8)) {
                sign = -sign;
            }
            let modulated = 1.0 + depth * (t * 15.0 * std::f64::consts::TAU).sin();
            (sign * modulated * crate::amplitude(dbm0) * (t * hz * std::f64::consts::TAU).sin()) as i16
        })
        .collect()
}

fn heard(samples: &[i16]) -> (usize, usize) {
    let mut detector = AnswerToneDetector::default();
    let (mut tones, mut reversals) = (0, 0);
    // In portions that are no multiple of anything.
    for part in samples.chunks(137) {
        detector.hear(part, |sign| match sign {
            AnswerTone::Heard => tones += 1,
            AnswerTone::Reversed => reversals += 1,
        });
    }
    (tones, reversals)
}

#[test]
fn the_tone_is_heard_once_and_every_reversal_of_it() {
    for hz in [2085.0, 2096.5, 2100.0, 2107.0, 2115.0] {
        for dbm0 in [-35.0, -12.0, -3.0] {
            assert_eq!(heard(&answer(hz, dbm0, 3000, None, 0.0)), (1, 0), "{hz} {dbm0}");
            assert_eq!(heard(&answer(hz, dbm0, 3000, None, 0.2)), (1, 0), "{hz} {dbm0} modulated");
            assert_eq!(heard(&answer(hz, dbm0, 3000, Some(450), 0.0)), (1, 6), "{hz} {dbm0} turned");
            assert_eq!(heard(&answer(hz, dbm0, 3000, Some(450), 0.2)), (1, 6), "{hz} {dbm0} both");
        }
    }
}

#[test]
fn it_takes_200_ms_and_begins_anew_after_a_pause() {
    assert_eq!(heard(&answer(2100.0, -12.0, 190, None, 0.0)), (0, 0));
    let mut twice = answer(2100.0, -12.0, 250, None, 0.0);
    twice.extend([0; 800]);
    twice.extend(answer(2100.0, -12.0, 250, None, 0.0));
    assert_eq!(heard(&twice), (2, 0));
}

#[test]
fn both_laws_and_some_noise_leave_it_what_it_is() {
    for law in [Law::A, Law::Mu] {
        let mut noise = 1u32;
        let samples: Vec<i16> = answer(2100.0, -20.0, 2000, Some(450), 0.2)
            .into_iter()
            .map(|sample| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // Some 20 dB below the tone.
                let sample = sample.saturating_add((noise >> 16) as i16 % 250);
                g711::decode_sample(law, g711::encode_sample(law, sample))
            })
            .collect();
        assert_eq!(heard(&samples), (1, 4), "{law:?}");
    }
}

#[test]
fn other_sounds_are_not_taken_for_it() {
    let quiet = answer(2100.0, -45.0, 2000, None, 0.0);
    assert_eq!(heard(&quiet), (0, 0));
    for hz in [1100.0, 1850.0, 2000.0, 2060.0, 2140.0, 2200.0, 2225.0, 2250.0, 2600.0] {
        assert_eq!(heard(&answer(hz, -10.0, 2000, None, 0.0)), (0, 0), "{hz}");
    }
    for pair in [[697.0, 1209.0], [941.0, 1633.0], [350.0, 440.0], [2100.0, 1300.0]] {
        let mut samples = vec![0; 16_000];
        ToneGenerator::new(&ToneSpec::dual(&pair, -10.0, &[]).expect("a tone")).fill(&mut samples);
        assert_eq!(heard(&samples), (0, 0), "{pair:?}");
    }
    let mut noise = 7u32;
    let samples: Vec<i16> = (0..80_000)
        .map(|_| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 16) as i16 / 4
        })
        .collect();
    assert_eq!(heard(&samples), (0, 0));
}

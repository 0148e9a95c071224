#![allow(clippy::unwrap_used)]
use super::*;
use crate::g711;
use crate::locale::{self, ToneKind};
use crate::rtp::noise::NoiseGenerator;
use crate::tone::ToneGenerator;

fn render(spec: &ToneSpec, db: f64, ms: usize) -> Vec<i16> {
    let mut out = vec![0; ms * 8];
    ToneGenerator::with_gain(spec, db).fill(&mut out);
    out
}

/// Length of two turns and a bit, ms.
fn enough(spec: &ToneSpec) -> usize {
    let turn: u32 = spec.repeat().iter().map(|s| s.on_ms().unwrap_or(2500) + s.off_ms()).sum();
    3 * turn as usize + 500
}

fn detector(spec: &ToneSpec) -> ToneDetector {
    ToneDetector::new(spec, DetectParams { max_power: 0, min_power: 35, ..DetectParams::default() }).unwrap()
}

#[test]
fn busy_and_congestion_of_every_locale_are_heard_through_g711_in_noise() {
    let mut heard = 0;
    for locale in locale::all() {
        for kind in [ToneKind::Busy, ToneKind::Congestion] {
            let spec = locale.tone(kind);
            let Ok(_) = ToneDetector::new(spec, DetectParams::default()) else { continue };
            let mut audio = render(spec, -3.0, enough(spec));
            let mut noise = vec![0; audio.len()];
            NoiseGenerator::new(3).fill(48, &mut noise);
            for (s, n) in audio.iter_mut().zip(noise) {
                *s = g711::decode_sample(locale.law, g711::encode_sample(locale.law, *s + n));
            }
            let mut d = detector(spec);
            assert!(!d.feed(&audio[..400]), "{} {kind} at once", locale.code);
            assert!(d.feed(&audio[400..]), "{} {kind}: {spec}", locale.code);
            d.reset();
            assert!(!d.detected());
            heard += 1;
        }
    }
    assert!(heard > 110, "{heard}");
}

#[test]
fn dial_tone_is_no_busy_tone_and_busy_is_not_congestion() {
    for code in ["us", "de", "fr", "gb", "ru"] {
        let locale = locale::find(code).unwrap();
        for (listening, playing) in [
            (ToneKind::Busy, ToneKind::Dial),
            (ToneKind::Busy, ToneKind::Congestion),
            (ToneKind::Congestion, ToneKind::Busy),
            (ToneKind::Busy, ToneKind::Ringback),
            (ToneKind::Congestion, ToneKind::Ringback),
        ] {
            let mut d = detector(locale.tone(listening));
            assert!(!d.feed(&render(locale.tone(playing), 0.0, 20_000)), "{code} {listening} in {playing}");
        }
    }
}

#[test]
fn a_continuous_tone_takes_two_seconds() {
    let spec = locale::find("us").unwrap().tone(ToneKind::Dial);
    let mut d = detector(spec);
    let audio = render(spec, 0.0, 2500);
    assert!(!d.feed(&audio[..8 * 1900]));
    assert!(d.feed(&audio[8 * 1900..]));
}

#[test]
fn limits_are_those_of_the_parameters() {
    let tone = |hz: &[f64], dbm0: f64, on: u32, off: u32| {
        render(&ToneSpec::dual(hz, dbm0, &[(on, off)]).unwrap(), 0.0, 4 * (on + off) as usize)
    };
    let spec = ToneSpec::dual(&[480.0, 620.0], -20.0, &[(500, 500)]).unwrap();
    let params = DetectParams::default();
    let hears = |params: DetectParams, audio: &[i16]| ToneDetector::new(&spec, params).unwrap().feed(audio);
    assert!(hears(params, &tone(&[480.0, 620.0], -20.0, 500, 500)));
    // Deviation.
    assert!(hears(params, &tone(&[489.0, 611.0], -20.0, 500, 500)));
    assert!(!hears(params, &tone(&[495.0, 620.0], -20.0, 500, 500)));
    assert!(hears(DetectParams { max_deviation_hz: 20, ..params }, &tone(&[495.0, 620.0], -20.0, 500, 500)));
    // Power.
    assert!(hears(params, &tone(&[480.0, 620.0], -30.0, 500, 500)));
    assert!(!hears(params, &tone(&[480.0, 620.0], -33.0, 500, 500)));
    assert!(!hears(params, &tone(&[480.0, 620.0], -7.0, 500, 500)));
    assert!(hears(DetectParams { max_power: 5, ..params }, &tone(&[480.0, 620.0], -7.0, 500, 500)));
    // Cadence.
    assert!(hears(params, &tone(&[480.0, 620.0], -20.0, 580, 420)));
    assert!(!hears(params, &tone(&[480.0, 620.0], -20.0, 650, 500)));
    assert!(!hears(params, &tone(&[480.0, 620.0], -20.0, 500, 650)));
    assert!(hears(DetectParams { cadence_variation: 20, ..params }, &tone(&[480.0, 620.0], -20.0, 650, 650)));
    // One frequency alone, and twist.
    assert!(!hears(params, &tone(&[480.0], -20.0, 500, 500)));
    let twisted = |low: f64| {
        let mix = vec![Component { hz: 480.0, dbm0: low }, Component { hz: 620.0, dbm0: -22.0 }];
        let step = ToneStep::burst(mix, 500, 500).unwrap();
        render(&ToneSpec::new(vec![], vec![step]).unwrap(), 0.0, 4000)
    };
    assert!(hears(params, &twisted(-16.5)));
    assert!(!hears(params, &twisted(-14.0)));
}

#[test]
fn speech_and_noise_are_no_tone() {
    for code in ["us", "de", "gb"] {
        let mut d = detector(locale::find(code).unwrap().tone(ToneKind::Busy));
        for seed in 1..4 {
            assert!(!d.feed(&crate::dtmf::tests::speech(seed * 777, 8)), "{code}");
        }
        let mut noise = vec![0; 80_000];
        NoiseGenerator::new(5).fill(20, &mut noise);
        assert!(!d.feed(&noise));
    }
}

#[test]
fn tones_of_another_kind_are_refused() {
    let of =
        |code: &str, kind| ToneDetector::new(locale::find(code).unwrap().tone(kind), DetectParams::default());
    assert_eq!(of("us", ToneKind::Sit).err(), Some(Unsupported));
    assert_eq!(of("us", ToneKind::Howler).err(), Some(Unsupported));
    assert_eq!(of("jp", ToneKind::Ringback).err(), Some(Unsupported));
    assert_eq!(ToneDetector::new(&ToneSpec::silence(), DetectParams::default()).err(), Some(Unsupported));
}

#[test]
fn a_class_of_tones_is_heard_by_any_of_its_cadences_or_by_its_bounds() {
    let play =
        |hz: &[f64], pairs: &[(u32, u32)]| render(&ToneSpec::dual(hz, -15.0, pairs).unwrap(), 0.0, 8000);
    let hears = |hz: &[f64], rhythm: &Rhythm, params: DetectParams, audio: &[i16]| {
        ToneDetector::of_class(hz, rhythm, params).unwrap().feed(audio)
    };
    let params = DetectParams { cadence_variation: 3, ..DetectParams::default() };
    let list = Rhythm::Cadences(vec![vec![(500, 500)], vec![(200, 300), (200, 900)]]);
    let pair = [480.0, 620.0];
    for (pairs, expected) in [
        (&[(500, 500)][..], true),
        (&[(200, 300), (200, 900)], true),
        (&[(530, 470)], true),
        (&[(200, 300)], false),
        (&[(700, 700)], false),
        (&[], false),
    ] {
        assert_eq!(hears(&pair, &list, params, &play(&pair, pairs)), expected, "{pairs:?}");
        assert!(!hears(&pair, &list, params, &play(&[350.0, 440.0], pairs)), "{pairs:?} of another tone");
    }
    let bounds = Rhythm::Bounds { min_on: 300, max_off: 600 };
    for (pairs, expected) in [
        (&[(500, 500)][..], true),
        (&[(300, 600)], true),
        (&[(200, 300)], false),
        (&[(500, 900)], false),
        (&[], false),
    ] {
        assert_eq!(hears(&[425.0], &bounds, params, &play(&[425.0], pairs)), expected, "{pairs:?}");
    }
    let steady = Rhythm::Bounds { min_on: 300, max_off: 0 };
    assert!(hears(&[425.0], &steady, params, &play(&[425.0], &[])));
    assert!(!hears(&[425.0], &steady, params, &play(&[425.0], &[(500, 500)])));
    // Limits: how far off, how loud, how soft.
    let off = play(&[445.0], &[]);
    assert!(!hears(&[425.0], &steady, params, &off));
    assert!(hears(&[425.0], &steady, DetectParams { max_deviation_hz: 25, ..params }, &off));
    let soft = render(&ToneSpec::dual(&[425.0], -33.0, &[]).unwrap(), 0.0, 4000);
    assert!(!hears(&[425.0], &steady, params, &soft));
    assert!(hears(&[425.0], &steady, DetectParams { min_power: 35, ..params }, &soft));
}

#[test]
fn a_class_that_says_nothing_of_use_is_refused() {
    let params = DetectParams::default();
    let bounds = Rhythm::Bounds { min_on: 0, max_off: 0 };
    assert_eq!(ToneDetector::of_class(&[], &bounds, params).err(), Some(Unsupported));
    assert_eq!(ToneDetector::of_class(&[300.0, 400.0, 500.0], &bounds, params).err(), Some(Unsupported));
    for list in [vec![], vec![vec![]], vec![vec![(10, 10); 9]]] {
        assert_eq!(
            ToneDetector::of_class(&[300.0], &Rhythm::Cadences(list), params).err(),
            Some(Unsupported)
        );
    }
}

#[test]
fn the_beginning_of_a_stutter_dial_tone_is_told_from_dial_tone() {
    let params = DetectParams { cadence_variation: 3, max_power: 0, ..DetectParams::default() };
    let mut unsupported = Vec::new();
    let mut wrong = Vec::new();
    for locale in crate::locale::all() {
        let heard = |detector: &mut ToneDetector, kind: ToneKind| {
            let mut audio = vec![0; 8000 * 6];
            ToneGenerator::new(locale.tone(kind)).fill(&mut audio);
            detector.reset();
            detector.feed(&audio)
        };
        let (Ok(mut stutter), Ok(mut dial)) = (
            ToneDetector::of_beginning(locale.tone(ToneKind::Stutter), params),
            ToneDetector::new(locale.tone(ToneKind::Dial), params),
        ) else {
            unsupported.push(locale.code);
            continue;
        };
        let told = [
            heard(&mut stutter, ToneKind::Stutter),
            heard(&mut stutter, ToneKind::Dial),
            heard(&mut dial, ToneKind::Dial),
        ];
        if told != [true, false, true] {
            wrong.push((locale.code, told));
        }
    }
    // Modulated, of three frequencies, or with frequencies that take turns.
    assert_eq!(unsupported, ["au", "eg", "gb", "hu", "in", "it", "no", "th", "za"]);
    assert_eq!(wrong, []);
}

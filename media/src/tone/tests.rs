#![allow(clippy::unwrap_used, clippy::panic, clippy::needless_range_loop, clippy::approx_constant)]
use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::level_dbm0;
use crate::locale::{self, ToneKind};

fn render(spec: &ToneSpec, samples: usize) -> Vec<i16> {
    let mut out = vec![0; samples];
    ToneGenerator::new(spec).fill(&mut out);
    out
}

/// What a listener finds without knowing the specification: where there is sound and where silence.
/// A sine may touch zero for a sample or two, so a pause is 12 zero samples (1.5 ms) or more.
fn runs(audio: &[i16]) -> Vec<(usize, usize)> {
    let mut out: Vec<(usize, usize)> = Vec::new();
    for (i, _) in audio.iter().enumerate().filter(|(_, s)| **s != 0) {
        match out.last_mut() {
            Some((_, end)) if i - *end <= 12 => *end = i + 1,
            _ => out.push((i, i + 1)),
        }
    }
    out
}

/// Least-squares fit of sines whose frequencies are refined by Gauss-Newton. Shares nothing with the generator.
/// Returns frequency and level of each, and the level of what is left over.
fn fit(audio: &[i16], guess: &[f64]) -> (Vec<(f64, f64)>, f64) {
    let middle = audio.len() as f64 / 2.0;
    let mut hz = guess.to_vec();
    let n = 3 * hz.len();
    let mut theta = vec![0.0; n];
    for round in 0..7 {
        let mut a = vec![vec![0.0; n + 1]; n];
        for (i, &s) in audio.iter().enumerate() {
            let t = (i as f64 - middle) / 8000.0;
            let mut row = vec![0.0; n];
            for (k, f) in hz.iter().enumerate() {
                let (sin, cos) = (std::f64::consts::TAU * f * t).sin_cos();
                row[3 * k] = cos;
                row[3 * k + 1] = sin;
                // Derivative by frequency, in units of its own so that the matrix stays well conditioned.
                row[3 * k + 2] = (theta[3 * k + 1] * cos - theta[3 * k] * sin) * t * 8.0 / 8000.0;
            }
            for (r, &value) in row.iter().enumerate() {
                for (sum, &other) in a[r].iter_mut().zip(&row) {
                    *sum += value * other;
                }
                a[r][n] += value * f64::from(s);
            }
        }
        if round == 0 {
            // Amplitudes are unknown: no derivative yet.
            for k in 0..hz.len() {
                let d = 3 * k + 2;
                for i in 0..=n {
                    a[d][i] = 0.0;
                    if i < n {
                        a[i][d] = 0.0;
                    }
                }
                a[d][d] = 1.0;
            }
        }
        theta = solve(a);
        for k in 0..hz.len() {
            let step = theta[3 * k + 2] * 8.0 / 8000.0 / std::f64::consts::TAU;
            hz[k] += step.clamp(-5.0, 5.0);
        }
    }
    let mut left = 0.0;
    for (i, &s) in audio.iter().enumerate() {
        let t = (i as f64 - middle) / 8000.0;
        let mut v = f64::from(s);
        for (k, f) in hz.iter().enumerate() {
            let (sin, cos) = (std::f64::consts::TAU * f * t).sin_cos();
            v -= theta[3 * k] * cos + theta[3 * k + 1] * sin;
        }
        left += v * v;
    }
    let dbm0 = |amplitude: f64| 20.0 * (amplitude / 32767.0).log10() + 3.14;
    let tones =
        hz.iter().enumerate().map(|(k, &f)| (f, dbm0(theta[3 * k].hypot(theta[3 * k + 1])))).collect();
    (tones, dbm0((2.0 * left / audio.len() as f64).sqrt()))
}

fn solve(mut a: Vec<Vec<f64>>) -> Vec<f64> {
    let n = a.len();
    for p in 0..n {
        let best = (p..n).max_by(|&x, &y| a[x][p].abs().total_cmp(&a[y][p].abs())).unwrap();
        a.swap(p, best);
        for r in 0..n {
            if r != p && a[p][p] != 0.0 {
                let f = a[r][p] / a[p][p];
                for c in p..=n {
                    a[r][c] -= f * a[p][c];
                }
            }
        }
    }
    (0..n).map(|i| if a[i][i] == 0.0 { 0.0 } else { a[i][n] / a[i][i] }).collect()
}

/// Rising zero crossings a second, interpolated: the frequency of a single sine.
fn zero_crossing_hz(audio: &[i16]) -> f64 {
    let crossings: Vec<f64> = audio
        .windows(2)
        .enumerate()
        .filter(|(_, w)| w[0] < 0 && w[1] >= 0)
        .map(|(i, w)| i as f64 + f64::from(-w[0]) / f64::from(i32::from(w[1]) - i32::from(w[0])))
        .collect();
    (crossings.len() - 1) as f64 * 8000.0 / (crossings.last().unwrap() - crossings[0])
}

/// Bursts of the first pass of the intro and one and a half of the loop: (start ms, step).
fn expected(spec: &ToneSpec) -> (Vec<(u32, ToneStep)>, u32) {
    let mut out = Vec::new();
    let mut at = 0;
    for step in spec.intro().iter().chain(spec.repeat()) {
        out.push((at, step.clone()));
        at += step.on_ms().unwrap_or(1500) + step.off_ms();
    }
    (out, at)
}

#[test]
fn every_tone_of_every_locale_reads_back_as_its_data_says() {
    let mut distinct = HashSet::new();
    let mut measured = 0;
    let mut worst = (0f64, 0f64, 0f64);
    for locale in locale::all() {
        for entry in locale.entries() {
            let key =
                format!("{} {:?}", entry.spec, entry.spec.intro().first().or(entry.spec.repeat().first()));
            if !distinct.insert(key) {
                continue;
            }
            let name = format!("{} {}", locale.code, entry.kind);
            let (steps, total_ms) = expected(&entry.spec);
            let audio = render(&entry.spec, total_ms as usize * 8);
            check_cadence(&name, &steps, &audio, &mut worst.1);
            let mut done = HashSet::new();
            for (start, step) in &steps {
                if !done.insert(format!("{step:?}")) {
                    continue;
                }
                measured += 1;
                check_mix(&name, *start, step, &audio, &mut worst);
            }
        }
    }
    println!(
        "{} distinct tones, {measured} mixes; worst frequency error {:.4} Hz, cadence {:.3} ms, level {:.3} dB",
        distinct.len(),
        worst.0,
        worst.1,
        worst.2
    );
    assert!(distinct.len() > 200);
}

/// Sound and silence, merged where the data has no gap, within 5 ms (in fact within a quarter).
fn check_cadence(name: &str, steps: &[(u32, ToneStep)], audio: &[i16], worst: &mut f64) {
    let mut want: Vec<(u32, u32)> = Vec::new();
    for (start, step) in steps {
        let end = start + step.on_ms().unwrap_or(1500);
        match want.last_mut() {
            Some((_, last)) if *last == *start => *last = end,
            _ => want.push((*start, end)),
        }
    }
    let got = runs(audio);
    assert_eq!(got.len(), want.len(), "{name}: {got:?} {want:?}");
    for ((a, b), (x, y)) in got.iter().zip(&want) {
        for (sample, ms) in [(a, x), (b, y)] {
            let error = (*sample as f64 / 8.0 - f64::from(*ms)).abs();
            assert!(error <= 0.5, "{name}: {sample} for {ms} ms");
            *worst = worst.max(error);
        }
    }
}

fn check_mix(name: &str, start: u32, step: &ToneStep, audio: &[i16], worst: &mut (f64, f64, f64)) {
    let first = start as usize * 8;
    let len = (step.on_ms().unwrap_or(1500) as usize * 8).min(2400);
    let part = &audio[first..first + len];
    let mut hz: Vec<f64> = step.components().iter().map(|c| c.hz).collect();
    let mut level: Vec<f64> = step.components().iter().map(|c| c.dbm0).collect();
    if let Some(m) = step.modulation() {
        let power = 1.0 + m.depth * m.depth / 2.0;
        let carrier = level[0] - 10.0 * power.log10();
        let side = carrier + 20.0 * (m.depth / 2.0).log10();
        hz = vec![hz[0], hz[0] - m.hz, hz[0] + m.hz];
        level = vec![carrier, side, side];
    }
    // Start away from the truth; the fit must come to it. The distance must not reach the neighbour.
    let offset = (0.2 * 8000.0 / len as f64).min(2.0);
    let guess: Vec<f64> =
        hz.iter().enumerate().map(|(i, f)| f + if i % 2 == 0 { offset } else { -offset }).collect();
    let (found, rest) = fit(part, &guess);
    for ((f, l), (ef, el)) in found.iter().zip(hz.iter().zip(&level)) {
        assert!((f - ef).abs() < 1.0, "{name} {step}: {f} for {ef}");
        assert!((l - el).abs() < 1.0, "{name} {step}: {l} dBm0 for {el}");
        worst.0 = worst.0.max((f - ef).abs());
        worst.2 = worst.2.max((l - el).abs());
    }
    assert!(rest < -65.0, "{name} {step}: {rest} dBm0 of something else");
    if hz.len() == 1 && len >= 400 {
        let f = zero_crossing_hz(part);
        assert!((f - hz[0]).abs() < 1.0, "{name} {step}: zero crossings {f} for {}", hz[0]);
    }
    // Total level, by power alone.
    if len >= 2000 || hz.len() == 1 && len >= 400 {
        assert!((level_dbm0(part) - step.level_dbm0()).abs() < 0.5, "{name} {step}: {}", level_dbm0(part));
    }
}

/// Our own record of what a caller hears, apart from the data file: change one only with the other.
#[test]
fn golden_tones() {
    for line in include_str!("../../testdata/golden-tones.txt").lines().filter(|l| !l.starts_with('#')) {
        let (code, rest) = line.split_once(' ').unwrap();
        let (kind, text) = rest.trim_start().split_once(' ').unwrap();
        let spec = locale::find(code).unwrap().tone(kind.parse().unwrap());
        assert_eq!(spec.to_string(), text.trim(), "{code} {kind}");
    }
}

#[test]
fn cadence_does_not_drift_in_a_day() {
    // 400/350 400 225/525 of the United Kingdom: 1.5 s a turn, 57,600 turns a day.
    let spec = locale::find("gb").unwrap().tone(ToneKind::Congestion);
    let mut generator = ToneGenerator::new(spec);
    let mut first = vec![0i16; 12_000];
    generator.fill(&mut first);
    let mut turn = vec![0i16; 12_000];
    for n in 1..=200 {
        generator.fill(&mut turn);
        assert_eq!(turn, first, "turn {n}");
    }
    // The rest of the day, cheaply: pauses only.
    let pause = ToneStep::burst(vec![], 0, 1499).unwrap();
    let blip = ToneStep::burst(vec![Component { hz: 2000.0, dbm0: -10.0 }], 1, 0).unwrap();
    let mut generator = ToneGenerator::new(&ToneSpec::new(vec![], vec![blip, pause]).unwrap());
    generator.fill(&mut first);
    let mut turns = vec![0i16; 12_000 * 64];
    for _ in 0..15 {
        generator.fill(&mut turns);
    }
    let mut last = vec![0i16; 12_000];
    generator.fill(&mut last);
    assert_eq!(last, first);
}

#[test]
fn a_steady_tone_keeps_its_frequency_for_an_hour() {
    let step = ToneStep::steady(vec![Component { hz: 1004.0, dbm0: -10.0 }]).unwrap();
    let mut generator = ToneGenerator::new(&ToneSpec::new(vec![], vec![step]).unwrap());
    // 1004 Hz has 251 turns in 2000 samples; an hour later the same samples must come.
    let mut first = vec![0i16; 2000];
    generator.fill(&mut first);
    generator.bank.sines[0].phase = generator.bank.sines[0]
        .phase
        .wrapping_add(generator.bank.sines[0].step.wrapping_mul(3600 * 8000 - 2000));
    let mut later = vec![0i16; 2000];
    generator.fill(&mut later);
    let difference = first.iter().zip(&later).map(|(a, b)| (a - b).abs()).max().unwrap();
    assert!(difference < 500, "{difference}");
}

#[test]
fn frequencies_without_a_gap_follow_in_phase() {
    // my stutter: a burst of 2 s runs into the next of the same frequency.
    let spec = locale::find("my").unwrap().tone(ToneKind::Stutter);
    let audio = render(spec, 8 * 6000);
    let at = 8 * 3000;
    let jump = audio[at - 40..at + 40]
        .windows(3)
        .map(|w| (i32::from(w[0]) - 2 * i32::from(w[1]) + i32::from(w[2])).abs());
    let usual = audio[at - 400..at - 40]
        .windows(3)
        .map(|w| (i32::from(w[0]) - 2 * i32::from(w[1]) + i32::from(w[2])).abs());
    assert!(jump.max().unwrap() <= usual.max().unwrap() + 2);
}

#[test]
fn a_tone_played_once_finishes_and_stays_silent() {
    let spec = locale::find("us").unwrap().tone(ToneKind::Confirmation);
    assert_eq!(spec.duration_ms(), Some(600));
    let mut generator = ToneGenerator::new(spec);
    let mut out = vec![0i16; 8 * 600];
    generator.fill(&mut out[..8 * 599]);
    assert!(!generator.finished());
    generator.fill(&mut out[8 * 599..]);
    assert!(generator.finished());
    let mut after = vec![77i16; 1000];
    generator.fill(&mut after);
    assert!(after.iter().all(|&s| s == 0));
    assert!(ToneGenerator::silence().finished());
}

#[test]
fn gain_changes_level_by_its_decibels() {
    let spec = locale::find("us").unwrap().tone(ToneKind::Dial);
    let mut audio = vec![0i16; 8000];
    ToneGenerator::with_gain(spec, -6.0).fill(&mut audio);
    assert!((level_dbm0(&audio) - (-16.0)).abs() < 0.1, "{}", level_dbm0(&audio));
}

#[test]
fn tones_of_ones_own_are_checked() {
    let loud = |n: usize| ToneStep::steady(vec![Component { hz: 400.0, dbm0: 0.0 }; n]);
    assert!(loud(1).is_ok());
    assert!(matches!(loud(2), Err(ToneError::TooLoud { .. })));
    assert_eq!(loud(5), Err(ToneError::Components { found: 5 }));
    assert_eq!(ToneSpec::dual(&[4000.0], -10.0, &[]), Err(ToneError::Frequency { hz: 4000.0 }));
    assert!(matches!(ToneSpec::dual(&[f64::NAN], -10.0, &[]), Err(ToneError::Frequency { .. })));
    assert!(matches!(ToneSpec::dual(&[400.0], f64::NAN, &[]), Err(ToneError::TooLoud { .. })));
    assert_eq!(ToneSpec::dual(&[400.0], -10.0, &[(0, 0)]), Err(ToneError::Length { ms: 0 }));
    assert_eq!(ToneSpec::dual(&[400.0], -10.0, &[(1, 700_000)]), Err(ToneError::Length { ms: 700_000 }));
    let steady = loud(1).unwrap();
    assert_eq!(ToneSpec::new(vec![steady.clone()], vec![steady.clone()]), Err(ToneError::Steady));
    let carrier = ToneStep::steady(vec![Component { hz: 400.0, dbm0: -10.0 }; 2]).unwrap();
    assert!(carrier.modulated(Modulation { hz: 25.0, depth: 0.9 }).is_err());
    assert_eq!(
        ToneSpec::dual(&[480.0, 620.0], -24.0, &[(500, 500)]).unwrap(),
        *locale::find("us").unwrap().tone(ToneKind::Busy)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// How the samples are asked for does not change them.
    #[test]
    fn blocks_of_any_size_give_the_same_tone(
        locale in 0usize..67, kind in 0usize..17, sizes in prop::collection::vec(1usize..700, 1..40)
    ) {
        let spec = locale::all()[locale].tone(ToneKind::ALL[kind]);
        let whole = render(spec, sizes.iter().sum());
        let mut generator = ToneGenerator::new(spec);
        let mut parts = Vec::new();
        for n in sizes {
            let mut part = vec![0; n];
            generator.fill(&mut part);
            parts.extend(part);
        }
        for (a, b) in whole.iter().zip(&parts) {
            prop_assert!((a - b).abs() <= 1);
        }
    }
}

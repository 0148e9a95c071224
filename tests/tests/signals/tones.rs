//! Every tone of every locale: frequency ±1 Hz, cadence ±5 ms, level ±1 dB.
//!
//! A tone is rendered as it plays, and its bursts are compared with what `tone_measure` finds. Two things no ear can do
//! are asked otherwise: where one mix follows another without a gap, the recording is cut 5 ms inside each expected step,
//! and every piece must be that step's mix alone, from end to end; and a mix that a burst is too short to resolve is
//! measured as a steady tone of one second.

use std::collections::BTreeMap;
use std::path::Path;

use media::custom::{Cadence, CustomKind, ToneSet};
use media::locale::{self, SitKind, ToneKind};
use media::tone::{Component, ToneGenerator, ToneSpec, ToneStep};
use system_tests::{Measured, tone_measure, tone_measure_with};

use super::channel::{judge, write};

const HZ: f64 = 1.0;
const MS: f64 = 5.0;
const DB: f64 = 1.0;
/// Length of a piece's guard at either end, and of the silence between pieces, ms.
const GUARD_MS: f64 = 5.0;
const GAP_MS: usize = 120;

/// A burst as the data says it.
#[derive(Clone, Debug)]
struct Burst<'a> {
    start_ms: f64,
    on_ms: f64,
    step: &'a ToneStep,
}

/// The bursts of the intro and of enough repetitions, and the length of the recording; a steady tone lasts 1.5 s.
fn bursts(spec: &ToneSpec) -> (Vec<Burst<'_>>, f64) {
    let period: f64 = spec.repeat().iter().map(|s| f64::from(s.on_ms().unwrap_or(1500) + s.off_ms())).sum();
    let rounds = if period > 0.0 { (1000.0 / period).ceil().max(2.0) as usize } else { 0 };
    let steady = spec.repeat().iter().any(|s| s.on_ms().is_none());
    let rounds = if steady { 1 } else { rounds };
    let mut out: Vec<Burst<'_>> = Vec::new();
    let mut at = 0.0;
    let mut gap = true;
    let repeats = std::iter::repeat_n(spec.repeat(), rounds).flatten();
    for step in spec.intro().iter().chain(repeats) {
        let on_ms = f64::from(step.on_ms().unwrap_or(1500));
        match out.last_mut() {
            Some(last)
                if !gap
                    && last.step.components() == step.components()
                    && last.step.modulation() == step.modulation() =>
            {
                last.on_ms += on_ms;
            }
            _ if step.components().is_empty() => {}
            _ => out.push(Burst { start_ms: at, on_ms, step }),
        }
        at += on_ms + f64::from(step.off_ms());
        gap = step.off_ms() > 0 || step.components().is_empty();
    }
    (out, at)
}

/// The sines of a step and their levels in dBm0, AM as carrier and sidebands.
fn sines(step: &ToneStep) -> Vec<(f64, f64)> {
    let mut out: Vec<(f64, f64)> = match (step.modulation(), step.components()) {
        (Some(m), [Component { hz, dbm0 }]) => {
            let carrier = dbm0 - 10.0 * (1.0 + m.depth * m.depth / 2.0).log10();
            let side = carrier + 20.0 * (m.depth / 2.0).log10();
            vec![(hz - m.hz, side), (*hz, carrier), (hz + m.hz, side)]
        }
        (_, components) => components.iter().map(|c| (c.hz, c.dbm0)).collect(),
    };
    out.sort_by(|a, b| a.0.total_cmp(&b.0));
    out
}

/// How long a burst must be for its sines to be told apart, ms.
fn resolvable_ms(step: &ToneStep) -> f64 {
    let sines = sines(step);
    let near = sines.windows(2).map(|pair| pair[1].0 - pair[0].0).fold(f64::INFINITY, f64::min);
    (2600.0 / near).max(90.0)
}

/// How long before its end the envelope of a modulated burst last rose above a tenth of its peak, ms.
fn silent_end_ms(burst: &Burst<'_>) -> f64 {
    let Some(m) = burst.step.modulation() else { return 0.0 };
    let loud =
        |ms: f64| 1.0 + m.depth * (std::f64::consts::TAU * m.hz * ms / 1000.0).cos() > 0.1 * (1.0 + m.depth);
    (0..100).map(|n| f64::from(n) / 4.0).find(|back| loud(burst.on_ms - back)).unwrap_or(0.0)
}

fn render(spec: &ToneSpec, ms: f64) -> Vec<i16> {
    let mut audio = vec![0; (ms * 8.0).round() as usize];
    ToneGenerator::new(spec).fill(&mut audio);
    audio
}

fn close(what: &str, found: f64, expected: f64, within: f64) -> Result<(), String> {
    if (found - expected).abs() <= within {
        return Ok(());
    }
    Err(format!("{what} {found:.2}, expected {expected:.2} within {within}"))
}

/// Whether segment `at` holds the step's mix and nothing else.
fn mix(measured: &Measured, at: usize, step: &ToneStep) -> Result<(), String> {
    let segment = measured.segments.get(at).ok_or("a burst is missing")?;
    let heard = segment.tones();
    let expected = sines(step);
    if heard.len() != expected.len() {
        return Err(format!("heard {heard:?}, expected {expected:?}"));
    }
    for ((hz, dbm0), (want_hz, want_dbm0)) in heard.iter().zip(&expected) {
        close("Hz", *hz, *want_hz, HZ)?;
        close("dBm0", *dbm0, *want_dbm0, DB)?;
    }
    Ok(())
}

/// The tone as it plays: where its bursts begin and end, how loud they are, what they are made of.
fn as_played(dir: &Path, at: usize, spec: &ToneSpec) -> Result<(), String> {
    let (expected, length) = bursts(spec);
    let path = dir.join(format!("{at}.wav"));
    write(&path, &render(spec, length));
    // A carrier modulated wholly is silent for some ms in each period: that is no gap.
    let whole = expected.iter().any(|b| b.step.modulation().is_some_and(|m| m.depth > 0.98));
    let measured = tone_measure_with(&path, if whole { &["--whole", "--min-gap", "16"] } else { &[] });
    // Bursts without a gap between them are one stretch of sound: its ends are judged here, its inside by pieces.
    let mut stretches: Vec<(f64, f64, Vec<&Burst<'_>>)> = Vec::new();
    for burst in &expected {
        match stretches.last_mut() {
            Some((_, end, inside)) if (*end - burst.start_ms).abs() < 0.01 => {
                *end += burst.on_ms;
                inside.push(burst);
            }
            _ => stretches.push((burst.start_ms, burst.start_ms + burst.on_ms, vec![burst])),
        }
    }
    let mut heard: Vec<(f64, f64, Vec<usize>)> = Vec::new();
    for (number, segment) in measured.segments.iter().enumerate() {
        let end = segment.start_ms + segment.on_ms;
        match heard.last_mut() {
            Some((_, last, inside)) if (*last - segment.start_ms).abs() < 0.01 => {
                *last = end;
                inside.push(number);
            }
            _ => heard.push((segment.start_ms, end, vec![number])),
        }
    }
    if heard.len() != stretches.len() {
        return Err(format!("{} stretches of sound, expected {}: {heard:?}", heard.len(), stretches.len()));
    }
    let mut pieces = Vec::new();
    for ((start, end, inside), (want_start, want_end, steps)) in heard.iter().zip(&stretches) {
        close("begin, ms", *start, *want_start, MS)?;
        let silent = steps.last().map_or(0.0, |burst| silent_end_ms(burst));
        close("end, ms", *end, *want_end - silent, MS)?;
        match (steps.as_slice(), inside.as_slice()) {
            ([burst], [segment]) => {
                let level = measured.segments.get(*segment).map_or(f64::NAN, |s| s.level());
                if burst.on_ms >= resolvable_ms(burst.step) {
                    mix(&measured, *segment, burst.step)?;
                }
                close("level, dBm0", level, burst.step.level_dbm0(), DB)?;
            }
            ([_], _) => return Err("a burst fell apart".into()),
            _ => pieces.extend(steps.iter().copied()),
        }
    }
    if pieces.is_empty() { Ok(()) } else { in_pieces(dir, at, spec, length, &pieces) }
}

/// Steps that follow each other without a gap, each cut out of the recording.
fn in_pieces(
    dir: &Path,
    at: usize,
    spec: &ToneSpec,
    length: f64,
    steps: &[&Burst<'_>],
) -> Result<(), String> {
    let audio = render(spec, length);
    let mut apart = Vec::new();
    // Three rounds are enough.
    let steps = steps.get(..steps.len().min(12)).unwrap_or(steps);
    for burst in steps {
        let from = ((burst.start_ms + GUARD_MS) * 8.0) as usize;
        let to = ((burst.start_ms + burst.on_ms - GUARD_MS) * 8.0) as usize;
        apart.extend_from_slice(audio.get(from..to).ok_or("cut")?);
        apart.extend(vec![0; GAP_MS * 8]);
    }
    let path = dir.join(format!("{at}-pieces.wav"));
    write(&path, &apart);
    let measured = tone_measure(&path);
    if measured.segments.len() != steps.len() {
        return Err(format!(
            "{} pieces, expected {}: {:?}",
            measured.segments.len(),
            steps.len(),
            measured.segments
        ));
    }
    for (number, burst) in steps.iter().enumerate() {
        let segment = measured.segments.get(number).ok_or("piece")?;
        close("piece, ms", segment.on_ms, burst.on_ms - 2.0 * GUARD_MS, 3.0)?;
        if burst.on_ms - 2.0 * GUARD_MS >= resolvable_ms(burst.step) {
            mix(&measured, number, burst.step).map_err(|why| format!("piece {number}: {why}"))?;
        } else {
            close("level of a piece", segment.level(), burst.step.level_dbm0(), DB)?;
        }
    }
    Ok(())
}

/// A mix alone, for a second.
fn steady(dir: &Path, at: usize, step: &ToneStep) -> Result<(), String> {
    let mut alone = ToneStep::steady(step.components().to_vec()).map_err(|e| e.to_string())?;
    if let Some(modulation) = step.modulation() {
        alone = alone.modulated(modulation).map_err(|e| e.to_string())?;
    }
    let spec = ToneSpec::new(vec![], vec![alone]).map_err(|e| e.to_string())?;
    let path = dir.join(format!("mix{at}.wav"));
    write(&path, &render(&spec, 1000.0));
    let measured = tone_measure(&path);
    mix(&measured, 0, step)?;
    let am = measured.segments.first().and_then(|s| s.rest.get("am")).is_some();
    if am == step.modulation().is_some() { Ok(()) } else { Err("taken for another kind of mix".into()) }
}

#[test]
fn every_tone_of_every_locale_is_heard_as_its_data_says() {
    let dir = tempfile::tempdir().unwrap();
    let mut tones: BTreeMap<String, (&ToneSpec, Vec<String>)> = BTreeMap::new();
    for locale in locale::all() {
        for kind in ToneKind::ALL {
            let spec = locale.tone(kind);
            let name = format!("{} {kind}", locale.code);
            tones.entry(format!("{spec:?}")).or_insert_with(|| (spec, vec![])).1.push(name);
        }
    }
    let sits =
        [SitKind::Intercept, SitKind::VacantCode, SitKind::Reorder, SitKind::NoCircuit, SitKind::ReorderToll];
    for kind in sits.into_iter().chain([SitKind::NoCircuitToll]) {
        let spec = locale::sit(kind);
        tones.entry(format!("{spec:?}")).or_insert_with(|| (spec, vec![])).1.push(format!("{kind:?}"));
    }
    let named: usize = tones.values().map(|(_, names)| names.len()).sum();
    assert_eq!(named, 67 * ToneKind::ALL.len() + 6);
    let tones: Vec<_> = tones.into_values().collect();
    let mut wrong = judge(&tones, |at, (spec, names)| {
        as_played(dir.path(), at, spec).map_err(|why| format!("{} ({spec}): {why}", names.join(", ")))
    });
    let mut mixes: BTreeMap<String, &ToneStep> = BTreeMap::new();
    for (spec, _) in &tones {
        for step in spec.intro().iter().chain(spec.repeat()).filter(|s| !s.components().is_empty()) {
            mixes.insert(format!("{:?} {:?}", step.components(), step.modulation()), step);
        }
    }
    let mixes: Vec<_> = mixes.into_iter().collect();
    wrong.extend(judge(&mixes, |at, (name, step)| {
        steady(dir.path(), at, step).map_err(|why| format!("steady {name}: {why}"))
    }));
    println!("{named} tones, {} different, {} mixes", tones.len(), mixes.len());
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_wrong_tone_is_found_out() {
    let dir = tempfile::tempdir().unwrap();
    let spec = |text: (f64, u32, u32)| ToneSpec::dual(&[text.0], -10.0, &[(text.1, text.2)]).unwrap();
    let right = spec((425.0, 200, 300));
    let (expected, length) = bursts(&right);
    assert_eq!((expected.len(), length), (2, 1000.0));
    for (at, wrong) in [spec((427.0, 200, 300)), spec((425.0, 207, 293))].iter().enumerate() {
        let path = dir.path().join(format!("{at}.wav"));
        write(&path, &render(wrong, length));
        let measured = tone_measure(&path);
        let second = measured.segments.get(1).unwrap();
        let same = mix(&measured, 1, expected[1].step).is_ok() && (second.on_ms - 200.0).abs() <= MS;
        assert!(!same, "{wrong}: {measured:?}");
    }
}

#[test]
fn a_custom_tone_replaces_the_locales_and_is_heard_so() {
    let dir = tempfile::tempdir().unwrap();
    let mut tones = ToneSet::new(locale::find("us").unwrap());
    for (at, kind) in CustomKind::ALL.into_iter().enumerate() {
        let hz = [310 + 97 * at as u16, 1200 + 61 * at as u16];
        let cadence = Cadence::pairs(&[(300, 200), (150, 450)]).unwrap();
        tones.set(kind, media::custom::tone(&hz, cadence).unwrap());
        let spec = match kind.replaces() {
            Some(kind) => tones.tone(kind).clone(),
            None => tones.custom(kind).unwrap().clone(),
        };
        as_played(dir.path(), at, &spec).unwrap_or_else(|why| panic!("{kind}: {why}"));
    }
    assert_eq!(tones.tone(ToneKind::Dial), locale::find("us").unwrap().tone(ToneKind::Dial));
}

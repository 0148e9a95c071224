//! After the tests of ITU-T G.168 clause 6, with hybrids of our own and speech-like signals in place of its tables.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::dtmf::tests::speech;
use crate::level_dbm0;

/// A hybrid: a dispersive response of about 6 ms at `delay`, of the given echo return loss for white noise.
fn hybrid(delay_ms: f64, erl_db: f64, kind: usize) -> Vec<f32> {
    let delay = (delay_ms * 8.0) as usize;
    let shapes = [(900.0f64, 0.14f64), (1700.0, 0.10), (500.0, 0.08), (2400.0, 0.18)];
    let mut response = vec![0.0f64; delay + 64];
    for (n, tap) in response.iter_mut().skip(delay).enumerate() {
        for (at, (hz, decay)) in shapes.iter().enumerate() {
            let weight = if at == kind % shapes.len() { 1.0 } else { 0.35 };
            let angle = std::f64::consts::TAU * hz * n as f64 / 8000.0 + at as f64;
            *tap += weight * angle.sin() * (-decay * n as f64).exp();
        }
    }
    let energy: f64 = response.iter().map(|t| t * t).sum();
    let scale = 10f64.powf(-erl_db / 20.0) / energy.sqrt();
    response.iter().map(|t| (t * scale) as f32).collect()
}

struct Hybrid {
    response: Vec<f32>,
    history: VecDeque<f32>,
}

impl Hybrid {
    fn new(response: Vec<f32>) -> Self {
        let history = vec![0.0; response.len()].into();
        Self { response, history }
    }

    fn echo(&mut self, far: &[i16]) -> Vec<f32> {
        far.iter()
            .map(|&sample| {
                self.history.push_front(sample.into());
                self.history.pop_back();
                self.response.iter().zip(&self.history).map(|(tap, x)| tap * x).sum()
            })
            .collect()
    }
}

fn at_level(mut audio: Vec<i16>, dbm0: f64) -> Vec<i16> {
    let db = dbm0 - level_dbm0(&audio);
    crate::mix::gain(&mut audio, db);
    audio
}

/// Composite source signal, more or less: voiced 48 ms, noise 200 ms, pause 100 ms.
fn css(seconds: usize, seed: u32, dbm0: f64) -> Vec<i16> {
    let voice = speech(u64::from(seed), seconds);
    let mut noise = vec![0; seconds * 8000];
    NoiseGenerator::new(seed).fill(20, &mut noise);
    let audio = voice.iter().zip(&noise).enumerate().map(|(n, (voice, noise))| match n / 8 % 348 {
        0..48 => *voice,
        48..248 => *noise,
        _ => 0,
    });
    at_level(audio.collect(), dbm0)
}

/// Runs far end, echo, near end; gives what goes out.
fn run(canceller: &mut EchoCanceller, hybrid: &mut Hybrid, far: &[i16], near: &[i16]) -> Vec<i16> {
    let mut out = Vec::new();
    for (at, block) in far.chunks(160).enumerate() {
        let echo = hybrid.echo(block);
        let mut line: Vec<i16> = echo
            .iter()
            .enumerate()
            .map(|(n, e)| {
                let near = near.get(at * 160 + n).copied().unwrap_or(0);
                (e + f32::from(near)).round().clamp(-32768.0, 32767.0) as i16
            })
            .collect();
        canceller.process(block, &mut line);
        out.extend(line);
    }
    out
}

fn config(coverage_ms: u32, non_linear: bool) -> EchoConfig {
    EchoConfig { coverage_ms, non_linear, ..EchoConfig::default() }
}

fn tail(audio: &[i16], ms: usize) -> &[i16] {
    audio.get(audio.len() - ms * 8..).unwrap()
}

/// Test 2A/2C: convergence and steady state, without the suppressor.
#[test]
fn every_hybrid_is_learnt_at_every_coverage() {
    let mut worst = (f64::MAX, String::new());
    let cases = [
        (32, 0.0, 6.0, -10.0),
        (32, 24.0, 12.0, -20.0),
        (64, 5.0, 6.0, -16.0),
        (64, 54.0, 10.0, -10.0),
        (128, 20.0, 6.0, -20.0),
        (128, 115.0, 20.0, -10.0),
    ];
    for (number, (coverage, delay, erl, level)) in cases.into_iter().enumerate() {
        let mut canceller = EchoCanceller::new(config(coverage, false));
        let mut line = Hybrid::new(hybrid(delay, erl, number));
        let far = css(5, number as u32 + 11, level);
        let out = run(&mut canceller, &mut line, &far, &[]);
        let loss = |from_ms: usize, to_ms: usize| {
            let range = from_ms * 8..to_ms * 8;
            level_dbm0(&far[range.clone()]) - level_dbm0(&out[range])
        };
        let (second, steady) = (loss(1000, 2000) - erl, loss(3500, 5000) - erl);
        println!(
            "{coverage} ms, delay {delay} ms, ERL {erl} dB, {level} dBm0: ERLE {second:.1} dB in the 2nd second, {steady:.1} dB steady"
        );
        assert!(second > 15.0, "{coverage} {delay} {erl}: {second:.1} dB in the second second");
        let figure = (steady, format!("{coverage} ms, delay {delay}"));
        if figure.0 < worst.0 {
            worst = figure;
        }
    }
    assert!(worst.0 > 45.0, "{worst:?}");
}

/// Test 3A/3B: the near end talks; what was learnt must not be lost, and the near end must be heard.
#[test]
fn double_talk_spoils_neither_the_filter_nor_the_voice() {
    let mut canceller = EchoCanceller::new(config(64, false));
    let mut line = Hybrid::new(hybrid(10.0, 8.0, 1));
    run(&mut canceller, &mut line, &css(4, 21, -15.0), &[]);
    let before = canceller.used.clone();
    let near = at_level(speech(77, 4), -15.0);
    let far = css(4, 22, -15.0);
    let mut noticed = 0;
    let mut out = Vec::new();
    for (far, near) in far.chunks(800).zip(near.chunks(800)) {
        out.extend(run(&mut canceller, &mut line, far, near));
        noticed += usize::from(canceller.stats().double_talk);
    }
    assert!(noticed > 15, "double talk noticed in {noticed} of 40 looks");
    // What goes out is the near end's voice, with little else.
    let wrong: Vec<i16> = out.iter().zip(&near).map(|(o, n)| o.saturating_sub(*n)).collect();
    let apart = level_dbm0(tail(&near, 2000)) - level_dbm0(tail(&wrong, 2000));
    assert!(apart > 40.0, "echo {apart:.1} dB below the near end's voice");
    // At once after it, the echo is as small as before.
    let far = css(1, 23, -15.0);
    let out = run(&mut canceller, &mut line, &far, &[]);
    let erle = level_dbm0(&far) - level_dbm0(&out) - 8.0;
    println!("double talk: echo {apart:.1} dB below the voice; ERLE {erle:.1} dB in the second after");
    assert!(erle > 20.0, "{erle:.1} dB after double talk");
    assert_eq!(before.len(), canceller.used.len());
}

/// Test 5 and 9: nothing returns, or another line does.
#[test]
fn another_line_is_learnt_and_none_makes_no_echo_of_its_own() {
    let mut canceller = EchoCanceller::new(config(64, false));
    run(&mut canceller, &mut Hybrid::new(hybrid(10.0, 6.0, 0)), &css(3, 31, -12.0), &[]);
    let mut none = Hybrid::new(vec![0.0; 8]);
    let far = css(3, 32, -12.0);
    let out = run(&mut canceller, &mut none, &far, &[]);
    let left = level_dbm0(tail(&out, 1000));
    assert!(left < -50.0, "{left:.1} dBm0 without any echo on the line");
    let mut other = Hybrid::new(hybrid(30.0, 6.0, 2));
    let far = css(4, 33, -12.0);
    let out = run(&mut canceller, &mut other, &far, &[]);
    let erle = level_dbm0(tail(&far, 1000)) - level_dbm0(tail(&out, 1000)) - 6.0;
    assert!(erle > 22.0, "{erle:.1} dB on the other line");
}

/// Test 6: tones teach wrong things, but never make it unstable.
#[test]
fn tones_do_not_make_it_diverge() {
    let mut canceller = EchoCanceller::new(config(64, false));
    let mut line = Hybrid::new(hybrid(5.0, 8.0, 3));
    run(&mut canceller, &mut line, &css(3, 41, -12.0), &[]);
    let us = crate::locale::default();
    for kind in
        [crate::locale::ToneKind::Dial, crate::locale::ToneKind::Ringback, crate::locale::ToneKind::Busy]
    {
        let mut far = vec![0; 16_000];
        crate::tone::ToneGenerator::new(us.tone(kind)).fill(&mut far);
        let out = run(&mut canceller, &mut line, &far, &[]);
        let left = level_dbm0(tail(&out, 500)) - level_dbm0(&far);
        assert!(left < -25.0, "{kind}: {left:.1} dB");
    }
    let far = css(2, 42, -12.0);
    let out = run(&mut canceller, &mut line, &far, &[]);
    let erle = level_dbm0(tail(&far, 1000)) - level_dbm0(tail(&out, 1000)) - 8.0;
    assert!(erle > 20.0, "{erle:.1} dB after the tones");
}

/// The suppressor: no residue while the far end talks, the near end's own noise instead, the near end's voice whole.
#[test]
fn what_is_left_gives_way_to_the_near_ends_own_noise() {
    let mut canceller = EchoCanceller::new(config(64, true));
    let mut line = Hybrid::new(hybrid(12.0, 10.0, 1));
    let mut hiss = vec![0; 9 * 8000];
    NoiseGenerator::new(5).fill(56, &mut hiss); // about -53 dBm0
    let far: Vec<i16> = [vec![0; 16_000], css(5, 51, -15.0), vec![0; 16_000]].concat();
    let out = run(&mut canceller, &mut line, &far, &hiss);
    let noise = level_dbm0(&hiss);
    for (from, to) in [(1000, 2000), (4000, 7000), (8000, 9000)] {
        let level = level_dbm0(&out[from * 8..to * 8]);
        assert!(
            (level - noise).abs() < 4.0,
            "{from} ms: {level:.1} dBm0, the near end's noise is {noise:.1}"
        );
    }
    let near = at_level(speech(99, 3), -20.0);
    let out = run(&mut canceller, &mut line, &css(3, 52, -20.0), &near);
    let lost = level_dbm0(tail(&near, 2000)) - level_dbm0(tail(&out, 2000));
    assert!(lost.abs() < 3.0, "{lost:.1} dB of the near end's voice lost");
    let stats = canceller.stats();
    assert!((stats.noise_dbm0 - noise).abs() < 6.0, "{stats:?}");
    // The suppressed block is silent without comfort noise.
    let mut plain = EchoCanceller::new(EchoConfig { comfort_noise: false, ..config(64, true) });
    let far = css(4, 53, -15.0);
    let out = run(&mut plain, &mut Hybrid::new(hybrid(12.0, 10.0, 1)), &far, &[]);
    assert!(level_dbm0(tail(&out, 500)) < -75.0, "{}", level_dbm0(tail(&out, 500)));
}

#[test]
fn a_perfect_line_is_left_alone() {
    let mut canceller = EchoCanceller::new(EchoConfig::default());
    let near = at_level(speech(3, 2), -15.0);
    let mut out = near.clone();
    canceller.process(&vec![0; near.len()], &mut out);
    assert_eq!(out, near);
    canceller.reset();
    assert_eq!(canceller.stats().erl_db, None);
}

#[test]
fn two_tones_at_once_pass_each_other_on_a_line_without_echo() {
    let tone = |hz: f64| {
        let spec = crate::tone::ToneSpec::dual(&[hz], -15.0, &[]).unwrap();
        let mut audio = vec![0; 16_000];
        crate::tone::ToneGenerator::new(&spec).fill(&mut audio);
        audio
    };
    for (far, near) in [(700.0, 1100.0), (440.0, 480.0), (1000.0, 300.0), (2000.0, 2100.0)] {
        let mut canceller = EchoCanceller::new(EchoConfig::default());
        let mut line = tone(near);
        canceller.process(&tone(far), &mut line);
        let level = level_dbm0(tail(&line, 1000));
        assert!((level + 15.0).abs() < 0.5, "{near} Hz under {far} Hz comes at {level} dBm0");
    }
}

#[test]
fn a_line_that_sends_back_all_is_learnt_only_where_the_worst_return_loss_says_so() {
    let far = css(5, 61, -16.0);
    let erle = |erl_worst_db: u8, erl: f64| {
        let mut canceller = EchoCanceller::new(EchoConfig { erl_worst_db, ..config(64, false) });
        let out = run(&mut canceller, &mut Hybrid::new(hybrid(10.0, erl, 1)), &far, &[]);
        level_dbm0(tail(&far, 1000)) - level_dbm0(tail(&out, 1000)) - erl
    };
    let figures = [erle(0, 0.0), erle(3, 2.0), erle(6, 6.0), erle(6, 0.0)];
    println!("ERLE with worst case and ERL 0/0, 3/2, 6/6, 6/0 dB: {figures:.1?}");
    assert!(figures.iter().take(3).all(|erle| *erle > 30.0), "{figures:?}");
    assert!(figures[3] < figures[0] - 10.0, "{figures:?}");
}

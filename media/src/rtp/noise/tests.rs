use super::*;

fn noise(seed: u32, level: u8, n: usize) -> Vec<i16> {
    let mut out = vec![0; n];
    NoiseGenerator::new(seed).fill(level, &mut out);
    out
}

#[test]
fn noise_has_the_level_asked_for() {
    for level in [20, 40, 60] {
        let found = level_dbm0(&noise(9, level, 16_000));
        assert!((found - (FULL_SCALE_DBM0 - f64::from(level))).abs() < 0.5, "{level}: {found}");
    }
    assert!(noise(9, 127, 800).iter().all(|s| *s == 0));
}

#[test]
fn voice_over_noise_is_found_and_held_for_200_ms() {
    let mut detector = VoiceDetector::default();
    for n in 0..200 {
        detector.voice(&noise(n + 1, 55, 160));
    }
    assert!(!detector.voice(&noise(3, 55, 160)));
    assert!((54..=56).contains(&detector.noise_level()), "{}", detector.noise_level());
    assert!(detector.voice(&noise(4, 40, 160)));
    let held = (0..30).take_while(|n| detector.voice(&noise(n + 77, 55, 160))).count();
    assert_eq!(held, 9);
}

#[test]
fn noise_that_grows_is_learned_and_digital_silence_is_no_voice() {
    let mut detector = VoiceDetector::default();
    assert!((0..20).map(|_| detector.voice(&[0; 160])).any(|v| !v));
    let sent = (0..3000).filter(|n| detector.voice(&noise(n + 1, 50, 160))).count();
    assert!(sent < 1500, "{sent} of 3000 packets of noise");
    assert!(!detector.voice(&noise(1, 50, 160)));
}

#[test]
fn music_above_its_threshold_is_never_a_pause() {
    // As steady as noise: learnt as such within seconds, unless it is too loud for noise.
    for (threshold, level, sent) in [(-38, 38, true), (-38, 48, false), (-50, 48, true), (-30, 38, false)] {
        let mut detector = VoiceDetector::new(threshold);
        for n in 0..1500 {
            detector.voice(&noise(n + 1, level, 160));
        }
        assert_eq!(detector.voice(&noise(9, level, 160)), sent, "{level} below overload at {threshold}");
    }
}

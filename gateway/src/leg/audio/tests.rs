#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;
use media::level_dbm0;

const NO_ECHO: AudioSettings = AudioSettings { input_gain: 0.0, output_attenuation: 0.0, echo: None };

fn sine(hz: f64, dbm0: f64) -> ToneGenerator {
    ToneGenerator::new(&ToneSpec::dual(&[hz], dbm0, &[]).unwrap())
}

fn block(from: &mut ToneGenerator) -> [i16; TICK] {
    let mut out = [0; TICK];
    from.fill(&mut out);
    out
}

#[test]
fn gain_and_attenuation_are_what_the_port_says() {
    let settings = AudioSettings { input_gain: 4.0, output_attenuation: 6.0, ..NO_ECHO };
    let mut port = PortAudio::new(settings);
    let mut voice = sine(1000.0, -20.0);
    let mut said = block(&mut voice);
    port.from_pair(&mut said, true);
    assert!((level_dbm0(&said) + 16.0).abs() < 0.1, "{}", level_dbm0(&said));
    let mut heard = block(&mut voice);
    port.attenuate(&mut heard);
    port.to_pair(&mut heard);
    assert!((level_dbm0(&heard) + 26.0).abs() < 0.1, "{}", level_dbm0(&heard));
    // Nothing said is 3 dB toward the pair.
    let plain = AudioSettings::new(None);
    assert_eq!((plain.input_gain, plain.output_attenuation), (0.0, 3.0));
}

#[test]
fn a_local_call_goes_around_gain_attenuation_and_canceller() {
    let settings = AudioSettings { input_gain: 4.0, output_attenuation: 6.0, ..AudioSettings::new(None) };
    let mut port = PortAudio::new(settings);
    port.bypass(true);
    let mut voice = sine(1000.0, -20.0);
    for _ in 0..3 {
        let said = block(&mut voice);
        let mut passed = said;
        port.from_pair(&mut passed, true);
        assert_eq!(passed, said);
        port.attenuate(&mut passed);
        port.to_pair(&mut passed);
        assert_eq!(passed, said);
        assert_eq!(port.echo_stats(), None);
    }
    port.bypass(false);
    let mut said = block(&mut voice);
    port.from_pair(&mut said, true);
    assert!(level_dbm0(&said) > -16.5 && port.echo_stats().is_some());
}

#[test]
fn echo_that_is_left_to_the_board_is_not_ours_to_cancel() {
    let mut port = PortAudio::new(AudioSettings::new(None));
    let mut voice = sine(1000.0, -20.0);
    let mut talk = |port: &mut PortAudio| {
        let said = block(&mut voice);
        let mut passed = said;
        port.from_pair(&mut passed, true);
        port.to_pair(&mut block(&mut voice));
        (passed == said, port.echo_stats().is_some(), port.board_echo())
    };
    assert_eq!(port.leave_echo(true), None);
    assert_eq!(port.board_echo(), None, "nobody talks");
    assert_eq!(talk(&mut port), (true, false, Some(64)));
    port.for_modem(true);
    assert_eq!(talk(&mut port), (true, false, None));
    port.rest();
    assert_eq!(port.board_echo(), None);
    port.configure(NO_ECHO);
    assert_eq!(talk(&mut port), (true, false, None));
    // The board has lost its canceller.
    port.configure(AudioSettings::new(None));
    assert_eq!(port.leave_echo(false), Some(true));
    let (_, ours, board) = talk(&mut port);
    assert_eq!((ours, board), (true, None));
}

/// A voice-like far end: noise that comes and goes.
fn far(state: &mut u32, loud: bool) -> [i16; TICK] {
    std::array::from_fn(|_| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if loud { (*state >> 18) as i16 - 8192 } else { 0 }
    })
}

/// A far end comes back from a hybrid of 12 dB after so many samples; gives what the port takes away of it, in dB.
fn echo(settings: AudioSettings, delay: usize) -> f64 {
    let mut port = PortAudio::new(settings);
    let mut wire: std::collections::VecDeque<i16> = vec![0; TICK + delay].into();
    let (mut state, mut before, mut after) = (7, 0.0, 0.0);
    for tick in 0..400 {
        let mut said: [i16; TICK] = std::array::from_fn(|_| wire.pop_front().unwrap_or(0) / 4);
        let came: f64 = said.iter().map(|s| f64::from(*s).powi(2)).sum();
        port.from_pair(&mut said, true);
        let left: f64 = said.iter().map(|s| f64::from(*s).powi(2)).sum();
        if tick > 200 {
            (before, after) = (before + came, after + left);
        }
        let mut heard = far(&mut state, tick % 50 < 35);
        port.to_pair(&mut heard);
        wire.extend(heard);
    }
    10.0 * (before / after.max(1.0)).log10()
}

#[test]
fn echo_within_the_coverage_is_cancelled_and_only_if_enabled() {
    let on = AudioSettings::new(None);
    assert_eq!(on.echo.unwrap().coverage_ms, 64);
    assert!(echo(on, 24) > 30.0, "{}", echo(on, 24));
    assert!(echo(NO_ECHO, 24).abs() < 0.1);
    // 23 ms is beyond 8 ms.
    let short = EchoConfig { coverage_ms: 8, ..EchoConfig::default() };
    let short = AudioSettings { echo: Some(short), ..NO_ECHO };
    assert!(echo(short, 184) < 6.0, "{}", echo(short, 184));
}

#[test]
fn each_call_begins_with_a_canceller_that_knows_nothing() {
    let mut port = PortAudio::new(AudioSettings::new(None));
    port.from_pair(&mut [0; TICK], false);
    assert_eq!(port.echo_stats(), None);
    port.from_pair(&mut [0; TICK], true);
    assert!(port.echo_stats().is_some());
    port.from_pair(&mut [0; TICK], false);
    assert_eq!(port.echo_stats(), None);
}

#[test]
fn injected_tones_and_loops_go_where_the_test_says() {
    let mut port = PortAudio::new(NO_ECHO);
    let mut voice = sine(700.0, -20.0);
    for toward in [Direction::Local, Direction::Network] {
        port.inject(toward, Some(1000));
        assert!(port.is_tested());
        let (mut said, mut heard) = (block(&mut voice), [0; TICK]);
        port.from_pair(&mut said, true);
        port.to_pair(&mut heard);
        let (tone, other) = if toward == Direction::Local { (heard, said) } else { (said, heard) };
        assert!((level_dbm0(&tone) + 10.0).abs() < 0.2, "{toward:?}");
        assert!(level_dbm0(&other) < -19.0, "{toward:?}");
        port.inject(toward, Some(0));
        let mut quiet = block(&mut voice);
        match toward {
            Direction::Local => port.to_pair(&mut quiet),
            Direction::Network => port.from_pair(&mut quiet, true),
        }
        assert_eq!(quiet, [0; TICK]);
        port.inject(toward, None);
        assert!(!port.is_tested());
    }
    port.loop_back(Some(Direction::Local));
    let said = block(&mut voice);
    port.from_pair(&mut said.clone(), true);
    let mut heard = [0; TICK];
    port.to_pair(&mut heard);
    assert_eq!(heard, said);
    port.loop_back(Some(Direction::Network));
    let mut network = block(&mut voice);
    let sent = network;
    port.to_pair(&mut network);
    let mut back = [0; TICK];
    port.from_pair(&mut back, true);
    assert_eq!(back, sent);
}

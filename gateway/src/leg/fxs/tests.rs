#![allow(clippy::unwrap_used, clippy::panic)]
use cli::config::{Config, MessageKind};
use media::callerid::plan::Action;
use media::dtmf;
use media::locale::CidScheme;
use telephony_hal::line::{Caller, CallerIdAlerting, LineConfig, RingOutcome, Signal};

use super::*;
use crate::leg::{LegCommand, LineSignal, Setup};

mod lamp;

fn port(now: Instant, lines: &str) -> FxsPort {
    let parsed = Config::parse(&format!("voice-port 2/0\n{lines}!\n"));
    let acted = parsed.messages.iter().all(|message| message.kind == MessageKind::Acted);
    assert!(acted, "{:?}", parsed.messages);
    FxsPort::new(now, "2/0", parsed.config.voice_port("2/0"))
}

#[test]
fn what_a_voice_port_says_of_its_wires_is_what_the_line_does() {
    let now = Instant::now();
    let ms = Duration::from_millis;
    let plain = port(now, "");
    assert_eq!(plain.line().config(), &LineConfig { stutter: false, ..LineConfig::default() });
    assert_eq!((plain.ren(), plain.ring_pattern(&Setup::default()).0), (1, RingPattern::default()));

    let set = port(
        now,
        " signal groundStart\n timing hookflash-in 500 90\n timeouts power-denial 800\n no battery-reversal\n \
         disconnect-ack\n ren 3\n ring cadence pattern11\n",
    );
    let line = set.line().config();
    assert_eq!(line.signal, Signal::GroundStart);
    assert_eq!((line.hookflash_max, line.hookflash_min), (ms(500), ms(90)));
    assert_eq!((line.power_denial, line.battery_reversal, line.disconnect_ack), (Some(ms(800)), false, true));
    assert_eq!((set.ren(), set.ring_pattern(&Setup::default()).0), (3, RingPattern::ios(11).unwrap()));

    let own =
        port(now, " ring cadence define 5 2 5 20\n timeouts power-denial 0\n timing hookflash-in 100\n");
    let pattern = RingPattern::new(&[(500, 200), (500, 2000)]).unwrap();
    assert_eq!(own.ring_pattern(&Setup::default()).0, pattern);
    let line = own.line().config();
    assert_eq!((line.power_denial, line.hookflash_max, line.hookflash_min), (None, ms(100), ms(100)));

    // A name in Alert-Info goes over both.
    let alert = Setup { alert_info: Some("<http://127.0.0.1/Bellcore-dr2>".into()), ..Setup::default() };
    assert_eq!(own.ring_pattern(&alert).0.steps().len(), 2);
    assert_ne!(own.ring_pattern(&alert).0, pattern);
}

#[test]
fn no_takes_each_setting_back() {
    let now = Instant::now();
    let lines = " signal groundStart\n timing hookflash-in 500 90\n timeouts power-denial 800\n no battery-reversal\n \
                 disconnect-ack\n ren 3\n ring cadence pattern11\n no signal\n no timing hookflash-in\n \
                 no timeouts power-denial\n battery-reversal\n no disconnect-ack\n no ren\n no ring cadence\n";
    let back = port(now, lines);
    assert_eq!(back.line().config(), port(now, "").line().config());
    assert_eq!((back.ren(), back.ring_pattern(&Setup::default()).0), (1, RingPattern::default()));
}

#[test]
fn gain_echo_canceller_and_impedance_are_what_the_port_says() {
    let now = Instant::now();
    let plain = port(now, "").audio_side().settings();
    assert_eq!((plain.input_gain, plain.output_attenuation), (0.0, 3.0));
    assert_eq!(plain.echo.map(|echo| echo.erl_worst_db), Some(6));
    assert!(plain.echo.is_some_and(|echo| echo.coverage_ms == 64 && echo.non_linear && echo.comfort_noise));

    let lines = " input gain -3\n output attenuation 6\n impedance complex2\n echo-cancel coverage 32\n no comfort-noise\n \
                 echo-cancel erl worst-case 3\n no non-linear\n timing digit 60\n timing inter-digit 80\n";
    let mut set = port(now, lines);
    let audio = set.audio_side().settings();
    assert_eq!((audio.input_gain, audio.output_attenuation), (-3.0, 6.0));
    assert!(audio.echo.is_some_and(|echo| echo.coverage_ms == 32 && !echo.non_linear && !echo.comfort_noise));
    assert_eq!(audio.echo.map(|echo| echo.erl_worst_db), Some(3));
    assert_eq!((set.impedance(), set.digit_ms()), (Impedance::Complex2, (60, 80)));
    let first = set.poll(now, &mut LegIds::default());
    assert_eq!(first, Some(FxsOutput::Action(LineAction::Impedance(Impedance::Complex2))));
    assert_eq!(port(now, " no echo-cancel enable\n").audio_side().settings().echo, None);

    let back = port(
        now,
        &format!(
            "{lines} no input gain\n no echo-cancel erl worst-case\n no output attenuation\n no impedance\n no echo-cancel coverage\n comfort-noise\n \
             non-linear\n no timing digit\n no timing inter-digit\n no echo-cancel enable\n echo-cancel enable\n"
        ),
    );
    assert_eq!(
        (back.audio_side().settings(), back.impedance(), back.digit_ms()),
        (plain, Impedance::R600, (100, 100))
    );
}

#[test]
fn caller_id_is_sent_when_how_and_as_loud_as_the_port_says() {
    let now = Instant::now();
    let caller = Caller { number: Some("5551234".into()), ..Caller::default() };
    let sent = |lines: &str| {
        let port = port(now, &format!(" caller-id enable\n{lines}"));
        (port.line().config().caller_id, port.caller_id.actions(&caller))
    };
    let level = |actions: &[Action]| {
        actions.iter().find_map(|action| match action {
            Action::Fsk(burst) => Some(burst.level_dbm0),
            _ => None,
        })
    };
    let (when, plain) = sent("");
    assert_eq!(when, CallerIdAlerting::AfterRing(1));
    assert!(level(&plain).is_some_and(|level| level > -14.0));
    assert_eq!(sent(" caller-id alerting ring 2\n").0, CallerIdAlerting::AfterRing(2));
    let (when, actions) = sent(" caller-id alerting line-reversal\n");
    assert!(matches!(when, CallerIdAlerting::BeforeRing(lead) if lead > Duration::from_millis(500)));
    assert_eq!(actions.first(), Some(&Action::Reverse));
    let (_, actions) = sent(" caller-id alerting pre-ring\n");
    assert!(matches!(actions.first(), Some(Action::RingPulse { .. })));
    assert!(actions.iter().any(|action| matches!(action, Action::Fsk(_))));
    assert_eq!(level(&sent(" caller-id attenuation 20\n").1), Some(-20.0));
    let (_, bt) = sent(" caller-id mode BT\n");
    assert!(matches!(
        &bt[..],
        [Action::Reverse, Action::Wait { .. }, Action::Tone(_), Action::Wait { .. }, Action::Fsk(_), ..]
    ));
    let (when, digits) = sent(" caller-id mode DTMF start D end #\n");
    assert!(matches!(when, CallerIdAlerting::BeforeRing(_)));
    let tone = digits.iter().find_map(|action| match action {
        Action::Tone(tone) => Some(tone.clone()),
        _ => None,
    });
    let mut audio = vec![0; 16_000];
    ToneGenerator::new(&tone.unwrap()).fill(&mut audio);
    assert_eq!(dtmf::digits_in(&audio), "D5551234#");
    // Where the country sends digits, FSK is Bell's.
    let fsk = port(now, " cptone DK\n caller-id enable\n caller-id mode FSK\n");
    assert!(fsk.caller_id.actions(&caller).iter().any(|action| matches!(action, Action::Fsk(_))));
    assert!(matches!(port(now, " cptone DK\n").locale().caller_id.scheme, CidScheme::Dtmf { .. }));
    // All of it is taken back.
    let (when, back) = sent(
        " caller-id alerting ring 2\n caller-id mode BT\n caller-id attenuation 20\n no caller-id alerting\n \
         no caller-id mode\n no caller-id attenuation\n",
    );
    assert_eq!((when, back), (CallerIdAlerting::AfterRing(1), plain));
}

/// Lets the line settle for so long and gives what legs heard.
fn run(port: &mut FxsPort, now: &mut Instant, ids: &mut LegIds, ms: u64) -> Vec<LegEvent> {
    let end = *now + Duration::from_millis(ms);
    let mut events = Vec::new();
    loop {
        while let Some(output) = port.poll(*now, ids) {
            if let FxsOutput::Leg(_, event) = output {
                events.push(event);
            }
        }
        let Some(at) = port.poll_timeout().filter(|at| *at <= end) else { break };
        *now = at.max(*now);
        port.handle_timeout(*now);
    }
    *now = end;
    events
}

#[test]
fn a_blocked_number_is_withheld_and_a_tie_line_dials_its_digits_first() {
    let (mut now, mut ids) = (Instant::now(), LegIds::default());
    let mut set = port(now, " station-id number 8000\n caller-id block\n connection tie-line 77\n");
    set.handle_event(now, LineEvent::OffHook);
    let events = run(&mut set, &mut now, &mut ids, 100);
    let [LegEvent::Incoming(setup)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(
        (setup.calling.number.as_str(), setup.calling.presentation),
        ("8000", Presentation::Restricted)
    );
    set.handle_digit(now, '5');
    set.handle_digit(now, '1');
    set.handle_digit(now, '#');
    let events = run(&mut set, &mut now, &mut ids, 100);
    let said = |digits: &str, complete| LegEvent::Digits { digits: digits.into(), complete };
    assert_eq!(events, [said("775", false), said("7751", false), said("7751", true)]);
}

#[test]
fn busyout_forced_is_out_of_service_until_it_is_taken_back() {
    let now = Instant::now();
    let mut busy = port(now, " busyout forced\n");
    assert_eq!(busy.line().state(), State::OutOfService);
    let parsed = Config::parse("voice-port 2/0\n busyout forced\n no busyout forced\n!\n");
    busy.configure(now, parsed.config.voice_port("2/0"));
    assert_eq!(busy.line().state(), State::Idle);
    busy.set_busied_out(now, true);
    assert_eq!(busy.line().state(), State::OutOfService);
    busy.set_busied_out(now, false);
    assert_eq!(busy.line().state(), State::Idle);
}

#[test]
fn nobody_hears_the_telephone_while_it_is_told_of_a_second_caller() {
    let (mut now, mut ids) = (Instant::now(), LegIds::default());
    let mut set = port(now, " caller-id enable\n");
    let first = ids.take();
    set.command(now, first, LegCommand::Offer(Box::default()));
    set.handle_event(now, LineEvent::OffHook);
    run(&mut set, &mut now, &mut ids, 100);
    assert_eq!(set.line().state(), State::Connected);
    let caller = Caller { number: Some("5551234".into()), ..Caller::default() };
    let waiting = set.line.ring(now, RingPattern::default(), caller);
    assert_eq!(waiting, Ok(RingOutcome::Waiting));
    run(&mut set, &mut now, &mut ids, 0);
    let mut muted = 0;
    for _ in 0..100 {
        muted += u32::from(set.is_muted());
        set.audio(&mut [0; TICK]);
        run(&mut set, &mut now, &mut ids, 20);
    }
    // Alerting signal and the wait for an answer that does not come: some 350 ms, not while the call-waiting tone sounds.
    assert!((10..25).contains(&muted), "{muted} ticks");
    assert!(!set.is_muted());
}

#[test]
fn a_dial_is_no_use_without_pulse_digit_detection() {
    let now = Instant::now();
    assert!(port(now, "").line().config().pulse_detection);
    assert!(!port(now, " no pulse-digit-detection\n").line().config().pulse_detection);
    assert!(port(now, " no pulse-digit-detection\n pulse-digit-detection\n").line().config().pulse_detection);
}

#[test]
fn a_permanent_call_is_made_again_until_it_stands_and_carries_the_hook() {
    let (mut now, mut ids) = (Instant::now(), LegIds::default());
    let mut set = port(now, " connection trunk 9000\n");
    let mut leg = None;
    let mut tell = |set: &mut FxsPort, now: &mut Instant, ids: &mut LegIds, ms: u64| {
        let mut heard = Vec::new();
        for _ in 0..ms.div_ceil(100) {
            set.handle_timeout(*now);
            while let Some(output) = set.poll(*now, ids) {
                if let FxsOutput::Leg(of, event) = output {
                    leg = Some(of);
                    heard.push(event);
                }
            }
            *now += Duration::from_millis(100);
        }
        (leg, heard)
    };
    let (leg, events) = tell(&mut set, &mut now, &mut ids, 100);
    let [LegEvent::Incoming(setup)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((setup.called.number.as_str(), setup.complete), ("9000", true));
    // Nobody answers: the telephone hears congestion, and the call is made again.
    set.handle_event(now, LineEvent::OffHook);
    assert_eq!(tell(&mut set, &mut now, &mut ids, 1000).1, []);
    assert_eq!(set.line().tone(), Tone::Congestion);
    set.handle_event(now, LineEvent::OnHook);
    set.command(now, leg.unwrap(), LegCommand::Release(Cause::NO_ANSWER));
    let (_, events) = tell(&mut set, &mut now, &mut ids, 9000);
    assert_eq!(events, [LegEvent::Released(Cause::NO_ANSWER)]);
    let (leg, events) = tell(&mut set, &mut now, &mut ids, 2000);
    assert!(matches!(&events[..], [LegEvent::Incoming(_)]), "{events:?}");
    let leg = leg.unwrap();
    set.command(now, leg, LegCommand::Answer(crate::leg::Answer::default()));
    let signal = LegEvent::Signal;
    assert_eq!(tell(&mut set, &mut now, &mut ids, 100).1, [signal(LineSignal::Idle)]);
    assert!(set.is_busy());
    // Off hook, a flash, on hook.
    set.handle_event(now, LineEvent::OffHook);
    assert_eq!(tell(&mut set, &mut now, &mut ids, 200).1, [signal(LineSignal::OffHook)]);
    assert_eq!((set.line().state(), set.line().tone()), (State::Connected, Tone::None));
    set.handle_event(now, LineEvent::OnHook);
    tell(&mut set, &mut now, &mut ids, 300);
    set.handle_event(now, LineEvent::OffHook);
    assert_eq!(tell(&mut set, &mut now, &mut ids, 300).1, [LegEvent::Dtmf('!')]);
    set.handle_event(now, LineEvent::OnHook);
    assert_eq!(tell(&mut set, &mut now, &mut ids, 2000).1, [signal(LineSignal::Idle)]);
    // The exchange at the other end rings, and stops.
    set.command(now, leg, LegCommand::Signal(LineSignal::Ringing));
    tell(&mut set, &mut now, &mut ids, 500);
    assert_eq!(set.line().state(), State::Ringing);
    set.command(now, leg, LegCommand::Signal(LineSignal::Idle));
    assert_eq!(set.line().state(), State::Idle);
    // Out of service the call is no more; back in service it is made at once.
    set.set_busied_out(now, true);
    assert_eq!(tell(&mut set, &mut now, &mut ids, 100).1, [LegEvent::Released(Cause::OUT_OF_ORDER)]);
    set.set_busied_out(now, false);
    assert!(matches!(&tell(&mut set, &mut now, &mut ids, 100).1[..], [LegEvent::Incoming(_)]));
    // Without the line it ends, and the telephone is as any other.
    let parsed = Config::parse("voice-port 2/0\n!\n");
    set.configure(now, parsed.config.voice_port("2/0"));
    assert_eq!(tell(&mut set, &mut now, &mut ids, 100).1, [LegEvent::Released(Cause::NORMAL)]);
    set.handle_event(now, LineEvent::OffHook);
    assert!(matches!(&tell(&mut set, &mut now, &mut ids, 200).1[..], [LegEvent::Incoming(_)]));
    assert_eq!(set.line().tone(), Tone::Dial);
}

#[test]
fn the_answering_side_of_a_permanent_call_takes_one_call_and_no_second() {
    let (mut now, mut ids) = (Instant::now(), LegIds::default());
    let mut set = port(now, " connection trunk 9000 answer-mode\n");
    assert_eq!(run(&mut set, &mut now, &mut ids, 60_000), []);
    let (first, second) = (ids.take(), ids.take());
    set.command(now, first, LegCommand::Offer(Box::default()));
    let taken = [LegEvent::Answered(crate::leg::Answer::default()), LegEvent::Signal(LineSignal::Idle)];
    assert_eq!(run(&mut set, &mut now, &mut ids, 100), taken);
    set.command(now, second, LegCommand::Offer(Box::default()));
    assert_eq!(run(&mut set, &mut now, &mut ids, 100), [LegEvent::Released(Cause::BUSY)]);
    set.command(now, first, LegCommand::Release(Cause::NORMAL));
    assert_eq!(run(&mut set, &mut now, &mut ids, 100), [LegEvent::Released(Cause::NORMAL)]);
    set.command(now, second, LegCommand::Offer(Box::default()));
    assert_eq!(run(&mut set, &mut now, &mut ids, 100), taken);
}

#[test]
fn a_beep_every_ten_seconds_reminds_of_the_call_on_hold() {
    let (mut now, mut ids) = (Instant::now(), LegIds::default());
    let mut set = port(now, "");
    let first = ids.take();
    set.command(now, first, LegCommand::Offer(Box::default()));
    set.handle_event(now, LineEvent::OffHook);
    run(&mut set, &mut now, &mut ids, 100);
    let beeps = |set: &mut FxsPort, seconds: usize| {
        let blocks = (0..seconds * 50).map(|_| {
            let mut out = [0; TICK];
            set.audio(&mut out);
            media::level_dbm0(&out) > -40.0
        });
        let sounds: Vec<bool> = blocks.collect();
        sounds.windows(2).filter(|pair| pair == &[false, true]).count() + usize::from(sounds[0])
    };
    assert_eq!(beeps(&mut set, 12), 0);
    // A second call, answered by a flash.
    set.command(now, ids.take(), LegCommand::Offer(Box::default()));
    run(&mut set, &mut now, &mut ids, 100);
    set.handle_event(now, LineEvent::OnHook);
    run(&mut set, &mut now, &mut ids, 300);
    set.handle_event(now, LineEvent::OffHook);
    run(&mut set, &mut now, &mut ids, 100);
    assert!(set.line().has_held());
    assert_eq!(beeps(&mut set, 25), 3);
    // In a conference nobody waits.
    set.handle_event(now, LineEvent::OnHook);
    run(&mut set, &mut now, &mut ids, 300);
    set.handle_event(now, LineEvent::OffHook);
    run(&mut set, &mut now, &mut ids, 100);
    assert_eq!(beeps(&mut set, 12), 0);
}

#[test]
fn busyout_graceful_waits_for_the_end_of_the_call() {
    let (mut now, mut ids) = (Instant::now(), LegIds::default());
    let mut set = port(now, "");
    let leg = ids.take();
    set.command(now, leg, LegCommand::Offer(Box::default()));
    set.handle_event(now, LineEvent::OffHook);
    run(&mut set, &mut now, &mut ids, 100);
    let parsed = Config::parse("voice-port 2/0\n busyout graceful\n!\n");
    set.configure(now, parsed.config.voice_port("2/0"));
    assert_eq!(set.line().state(), State::Connected);
    set.handle_event(now, LineEvent::OnHook);
    run(&mut set, &mut now, &mut ids, 2000);
    assert_eq!(set.line().state(), State::OutOfService);
    set.configure(now, parsed.config.voice_port("2/0"));
    assert_eq!(set.line().state(), State::OutOfService);
    set.configure(now, None);
    assert_eq!(set.line().state(), State::Idle);
    // Nobody is on the port: at once.
    assert_eq!(port(now, " busyout graceful\n").line().state(), State::OutOfService);
}

#[test]
fn a_board_that_was_pulled_out_comes_back_as_it_was() {
    let now = Instant::now();
    let lines = " vmwi dc-voltage\n mwi\n signal groundStart\n impedance complex2\n";
    let mut port = port(now, lines);
    let mut ids = LegIds::default();
    let actions = |port: &mut FxsPort, ids: &mut LegIds| -> Vec<LineAction> {
        std::iter::from_fn(|| port.poll(now, ids))
            .filter_map(|output| match output {
                FxsOutput::Action(action) => Some(action),
                _ => None,
            })
            .collect()
    };
    port.set_message_waiting(now, true);
    let first = actions(&mut port, &mut ids);
    assert!(first.contains(&LineAction::Lamp(true)), "{first:?}");
    port.handle_event(now, LineEvent::Removed);
    assert!(port.is_absent());
    assert_eq!(port.line().state(), State::OutOfService);
    actions(&mut port, &mut ids);
    // A change of the configuration does not bring it back, nor do calls.
    let config = Config::parse(&format!("voice-port 2/0\n{lines} ren 2\n!\n")).config;
    port.configure(now, config.voice_port("2/0"));
    assert_eq!(port.line().state(), State::OutOfService);
    let leg = ids.take();
    port.command(now, leg, LegCommand::Offer(Box::default()));
    let told = std::iter::from_fn(|| port.poll(now, &mut ids)).collect::<Vec<_>>();
    assert!(told.contains(&FxsOutput::Leg(leg, LegEvent::Released(Cause::OUT_OF_ORDER))), "{told:?}");

    port.restore(now);
    assert_eq!(port.line().state(), State::Idle);
    let mut again = actions(&mut port, &mut ids);
    again.sort_by_key(|action| format!("{action:?}"));
    let impedance = LineAction::Impedance(port.impedance());
    // What was told to the old board is told to the new one: an open loop at rest, the lamp, what ends the pair.
    assert_eq!(again, [LineAction::Battery(false), impedance, LineAction::Lamp(true)]);
}

//! The port on a pair of wires with an exchange: our own FXS port. In virtual time, with all audio.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::task::{Context, Poll, Waker};

use cli::config::{Config, MessageKind};
use media::dtmf::{DtmfDetector, DtmfEvent};
use media::level_dbm0;
use media::tone::ToneSpec;
use telephony_hal::line::State;
use telephony_hal::sim::{TieFxo, TieFxs, tie_line};
use telephony_hal::{FxoLine as _, FxsLine as _, Lamp};

use super::*;
use crate::leg::LineSignal;
use crate::leg::fxs::{FxsOutput, FxsPort, LineAction};

mod waiting;

struct Bench {
    now: Instant,
    exchange: FxsPort,
    station: TieFxs,
    port: FxoPort,
    office: TieFxo,
    ids: LegIds,
    ears: [DtmfDetector; 2],
    /// What legs of the exchange and of the port have told.
    there: Vec<LegEvent>,
    here: Vec<LegEvent>,
    /// The last leg of each.
    legs: [Option<LegId>; 2],
    /// What is said behind the exchange and behind the port, and what is heard there.
    says: [Option<ToneGenerator>; 2],
    hears: [Vec<i16>; 2],
    actions: Vec<OfficeAction>,
    /// What the exchange told of messages.
    told: Vec<bool>,
}

fn voice_port(name: &str, lines: &str) -> VoicePort {
    let parsed = Config::parse(&format!("voice-port {name}\n{lines}!\n"));
    let acted = parsed.messages.iter().all(|message| message.kind == MessageKind::Acted);
    assert!(acted, "{:?}", parsed.messages);
    parsed.config.voice_port(name).unwrap().clone()
}

fn tone(hz: f64) -> Option<ToneGenerator> {
    Some(ToneGenerator::new(&ToneSpec::dual(&[hz], -15.0, &[]).unwrap()))
}

impl Bench {
    /// An exchange and a port with these lines of configuration.
    fn new(exchange: &str, port: &str) -> Self {
        let now = Instant::now();
        let (station, office) = tie_line();
        let mut bench = Self {
            now,
            exchange: FxsPort::new(now, "2/0", Some(&voice_port("2/0", exchange))),
            station,
            port: FxoPort::new(now, "0/1/0", Some(&voice_port("0/1/0", port))),
            office,
            ids: LegIds::default(),
            ears: [DtmfDetector::default(), DtmfDetector::default()],
            there: Vec::new(),
            here: Vec::new(),
            legs: [None, None],
            says: [None, None],
            hears: [Vec::new(), Vec::new()],
            actions: Vec::new(),
            told: Vec::new(),
        };
        bench.run(100);
        bench
    }

    fn settle(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            let mut quiet = true;
            while let Some(output) = self.exchange.poll(self.now, &mut self.ids) {
                quiet = false;
                match output {
                    FxsOutput::Action(action) => self.act(&action),
                    FxsOutput::Leg(leg, event) => {
                        self.legs[0] = Some(leg);
                        self.there.push(event);
                    }
                    FxsOutput::MessageWaiting(on) => self.exchange.send_vmwi(on),
                }
            }
            while let Some(output) = self.port.poll(self.now, &mut self.ids) {
                quiet = false;
                match output {
                    OfficePortOutput::Action(action) => {
                        match action {
                            OfficeAction::Hook(off) => self.office.set_hook(off).unwrap(),
                            OfficeAction::RingGround(on) => self.office.set_ring_ground(on).unwrap(),
                            OfficeAction::Impedance(_) => {}
                        }
                        self.actions.push(action);
                    }
                    OfficePortOutput::Leg(leg, event) => {
                        self.legs[1] = Some(leg);
                        self.here.push(event);
                    }
                    OfficePortOutput::MessageWaiting(on) => self.told.push(on),
                }
            }
            while let Poll::Ready(Ok(event)) = self.station.poll_event(&mut cx) {
                quiet = false;
                self.exchange.handle_event(self.now, event);
            }
            while let Poll::Ready(Ok(event)) = self.office.poll_event(&mut cx) {
                quiet = false;
                self.port.handle_event(self.now, event);
            }
            if quiet {
                return;
            }
        }
    }

    fn act(&mut self, action: &LineAction) {
        match *action {
            LineAction::Ring(on) => self.station.set_ringing(on).unwrap(),
            LineAction::Lamp(on) => {
                self.station.set_lamp(if on { Lamp::HighVoltage } else { Lamp::Off }).unwrap()
            }
            LineAction::Polarity(reversed) => self.station.set_polarity(reversed).unwrap(),
            LineAction::Battery(on) => self.station.set_battery(on).unwrap(),
            LineAction::Impedance(_) | LineAction::Flash(_) => {}
        }
    }

    /// 20 ms of audio in both directions.
    fn audio(&mut self) {
        let mut digits = [String::new(), String::new()];
        let mut said = [[0; TICK]; 2];
        let active = [self.exchange.is_active(), self.port.is_active()];
        if active[0] {
            let read = self.station.read_audio(&mut said[0]).unwrap();
            let heard = &mut said[0][..read];
            self.exchange.said(heard);
            self.hears[0].extend_from_slice(heard);
            self.ears[0].feed(heard, |event| keys(event, &mut digits[0]));
        }
        if active[1] {
            let read = self.office.read_audio(&mut said[1]).unwrap();
            let heard = &mut said[1][..read];
            self.port.said(self.now, heard);
            self.hears[1].extend_from_slice(heard);
            self.ears[1].feed(heard, |event| keys(event, &mut digits[1]));
        }
        digits[0].chars().for_each(|digit| self.exchange.handle_digit(self.now, digit));
        digits[1].chars().for_each(|digit| self.port.handle_digit(self.now, digit));
        for (end, active) in active.into_iter().enumerate() {
            if !active {
                continue;
            }
            let mut out = [0; TICK];
            if let Some(voice) = &mut self.says[end] {
                voice.fill(&mut out);
            }
            if end == 0 {
                self.exchange.audio(&mut out);
                while let Some(action) = self.exchange.poll_action() {
                    self.act(&action);
                }
                self.station.write_audio(&out).unwrap();
            } else {
                self.port.audio(&mut out);
                self.office.write_audio(&out).unwrap();
            }
        }
    }

    /// Lets a time pass, in ms.
    fn run(&mut self, ms: u64) {
        for _ in 0..ms.div_ceil(20) {
            self.settle();
            self.audio();
            let end = self.now + Duration::from_millis(20);
            loop {
                self.settle();
                let next = [self.exchange.poll_timeout(), self.port.poll_timeout()];
                let Some(at) = next.into_iter().flatten().min().filter(|at| *at <= end) else { break };
                self.now = at.max(self.now);
                self.exchange.handle_timeout(self.now);
                self.port.handle_timeout(self.now);
            }
            self.now = end;
        }
    }

    /// The port calls a number.
    fn call(&mut self, number: &str) -> LegId {
        let leg = self.ids.take();
        let setup = Setup { called: Party::new(number), complete: true, ..Setup::default() };
        self.port.command(self.now, leg, LegCommand::Offer(Box::new(setup)));
        leg
    }

    /// The exchange calls the port.
    fn ring(&mut self, from: &str) -> LegId {
        let leg = self.ids.take();
        let setup = Setup { calling: Party::new(from), complete: true, ..Setup::default() };
        self.exchange.command(self.now, leg, LegCommand::Offer(Box::new(setup)));
        leg
    }

    fn exchange_says(&mut self, command: LegCommand) {
        let leg = self.legs[0].unwrap();
        self.exchange.command(self.now, leg, command);
    }

    fn port_says(&mut self, command: LegCommand) {
        let leg = self.legs[1].unwrap();
        self.port.command(self.now, leg, command);
    }

    /// Digits the exchange has heard in this call.
    fn dialled(&self) -> &str {
        self.there
            .iter()
            .rev()
            .find_map(|event| match event {
                LegEvent::Digits { digits, .. } => Some(digits.as_str()),
                _ => None,
            })
            .unwrap_or_default()
    }

    /// The two ends hear each other.
    #[track_caller]
    fn assert_talk(&mut self) {
        self.says = [tone(700.0), tone(1100.0)];
        self.run(500);
        self.hears = [Vec::new(), Vec::new()];
        self.run(500);
        for end in 0..2 {
            let level = level_dbm0(&self.hears[end]);
            // 3 dB of attenuation toward the pair, as IOS has it.
            assert!((level + 18.0).abs() < 1.0, "end {end} hears {level} dBm0");
        }
        self.says = [None, None];
    }

    fn incoming(&self) -> &Setup {
        self.here
            .iter()
            .find_map(|event| match event {
                LegEvent::Incoming(setup) => Some(&**setup),
                _ => None,
            })
            .unwrap()
    }
}

fn keys(event: DtmfEvent, into: &mut String) {
    if let DtmfEvent::Start { digit, .. } = event {
        into.push(digit);
    }
}

#[test]
fn a_call_out_is_dialled_by_tones_heard_and_ended_by_the_exchange() {
    let mut bench = Bench::new("", "");
    bench.call("+5551234");
    bench.run(2500);
    assert_eq!(bench.dialled(), "5551234");
    // Nothing is supervised: dialled is answered.
    assert_eq!(
        bench.here,
        [LegEvent::Proceeding(Progress::default()), LegEvent::Answered(Answer::default())]
    );
    bench.exchange_says(LegCommand::Proceed);
    bench.exchange_says(LegCommand::Alert(Progress::default()));
    bench.hears[1].clear();
    bench.run(4000);
    assert!(level_dbm0(&bench.hears[1]) > -25.0, "ringback is heard");
    bench.exchange_says(LegCommand::Answer(Answer::default()));
    bench.run(200);
    bench.assert_talk();
    bench.exchange_says(LegCommand::Release(Cause::NORMAL));
    bench.run(400);
    assert_eq!(bench.here.last(), Some(&LegEvent::Released(Cause::NORMAL)), "350 ms of open loop");
    // Two seconds later the line is free again.
    assert!(bench.port.is_busy());
    bench.run(2500);
    assert!(!bench.port.is_busy());
    assert_eq!(bench.exchange.line().state(), State::Idle);
}

#[test]
fn a_call_out_is_dialled_by_pulses_as_timing_says() {
    let mut bench = Bench::new(
        "",
        " dial-type pulse\n timing pulse 10\n timing percentbreak 67\n timing pulse-inter-digit 700\n",
    );
    bench.call("307");
    bench.run(5500);
    assert_eq!(bench.dialled(), "307");
    assert_eq!(bench.port.line().config().pulse, (Duration::from_millis(67), Duration::from_millis(33)));
    bench.port_says(LegCommand::Release(Cause::NORMAL));
    bench.run(1500);
    assert_eq!(bench.there.last(), Some(&LegEvent::Released(Cause::NORMAL)));
}

#[test]
fn a_reversal_is_the_answer_only_where_the_port_is_told_so() {
    let mut bench = Bench::new("", " battery-reversal answer\n");
    bench.call("12");
    bench.run(2000);
    let inband = LegEvent::Progress(Progress { inband: true, ..Progress::default() });
    assert_eq!(bench.here, [LegEvent::Proceeding(Progress::default()), inband]);
    bench.exchange_says(LegCommand::Proceed);
    bench.exchange_says(LegCommand::Alert(Progress::default()));
    bench.run(3000);
    assert_eq!(bench.here.len(), 2);
    bench.exchange_says(LegCommand::Answer(Answer::default()));
    bench.run(100);
    assert_eq!(bench.here.last(), Some(&LegEvent::Answered(Answer::default())));
    bench.assert_talk();
    // The exchange takes the reversal back: the call is over.
    bench.exchange_says(LegCommand::Release(Cause::NORMAL));
    bench.run(100);
    assert_eq!(bench.here.last(), Some(&LegEvent::Released(Cause::NORMAL)));
}

#[test]
fn the_end_of_ringback_is_the_answer_for_supervisory_answer_dualtone() {
    let mut bench = Bench::new(" no battery-reversal\n", " supervisory answer dualtone\n");
    bench.call("12");
    bench.run(2000);
    bench.exchange_says(LegCommand::Proceed);
    bench.exchange_says(LegCommand::Alert(Progress::default()));
    bench.run(20_000);
    assert_eq!(bench.here.len(), 2, "{:?}", bench.here);
    bench.exchange_says(LegCommand::Answer(Answer::default()));
    bench.says[0] = tone(500.0);
    bench.run(3000);
    assert_eq!(bench.here.last(), Some(&LegEvent::Answered(Answer::default())));
}

#[test]
fn tones_end_a_call_only_where_the_port_listens_for_them() {
    // An exchange that tells the end by congestion alone, and then lets the howler sound.
    let silent = " timeouts power-denial 0\n no battery-reversal\n";
    for (lines, ends) in [
        ("", false),
        (" supervisory disconnect dualtone mid-call\n", true),
        (" supervisory disconnect dualtone pre-connect\n", true),
        (" supervisory disconnect anytone\n", true),
    ] {
        let mut bench = Bench::new(silent, lines);
        bench.call("12");
        bench.run(2000);
        bench.exchange_says(LegCommand::Proceed);
        bench.exchange_says(LegCommand::Answer(Answer::default()));
        bench.assert_talk();
        bench.exchange_says(LegCommand::Release(Cause::NORMAL));
        bench.run(6000);
        assert_eq!(
            bench.here.last() == Some(&LegEvent::Released(Cause::NORMAL)),
            ends,
            "{lines}: {:?}",
            bench.here
        );
    }
    let mut deaf = Bench::new("", " no supervisory disconnect\n");
    deaf.call("12");
    deaf.run(2000);
    deaf.exchange_says(LegCommand::Proceed);
    deaf.exchange_says(LegCommand::Answer(Answer::default()));
    deaf.run(500);
    deaf.exchange_says(LegCommand::Release(Cause::NORMAL));
    deaf.run(1000);
    assert!(!deaf.here.contains(&LegEvent::Released(Cause::NORMAL)), "{:?}", deaf.here);
}

#[test]
fn connection_plar_answers_at_once_and_tells_who_calls() {
    let mut bench = Bench::new(" caller-id enable\n", " caller-id enable\n connection plar 8000\n");
    bench.ring("5551234");
    bench.run(5000);
    let setup = bench.incoming();
    assert_eq!((setup.called.number.as_str(), setup.complete), ("8000", true));
    assert_eq!(setup.calling.number, "5551234");
    assert_eq!(bench.there.last(), Some(&LegEvent::Answered(Answer::default())));
    bench.port_says(LegCommand::Alert(Progress::default()));
    bench.hears[0].clear();
    bench.run(2000);
    assert!(level_dbm0(&bench.hears[0]) > -25.0, "the caller hears ringback of ours");
    bench.port_says(LegCommand::Answer(Answer::default()));
    bench.assert_talk();
    bench.port_says(LegCommand::Release(Cause::NORMAL));
    bench.run(1500);
    assert_eq!(bench.there.last(), Some(&LegEvent::Released(Cause::NORMAL)));
}

#[test]
fn plar_opx_answers_when_the_called_party_does_and_immediate_does_not_wait_for_the_number() {
    for (lines, after) in [("connection plar opx 8000", 4000), ("connection plar opx immediate 8000", 2300)] {
        let mut bench = Bench::new(" caller-id enable\n", &format!(" caller-id enable\n {lines}\n"));
        bench.ring("5551234");
        bench.run(after);
        assert_eq!(bench.incoming().calling.number.is_empty(), lines.contains("immediate"));
        assert_eq!(bench.there, [LegEvent::Alerting(Progress::default())], "the exchange rings on");
        bench.port_says(LegCommand::Answer(Answer::default()));
        bench.run(100);
        assert_eq!(bench.there.last(), Some(&LegEvent::Answered(Answer::default())));
        bench.assert_talk();
    }
    // The caller gives up.
    let mut bench = Bench::new("", " connection plar opx 8000\n");
    let leg = bench.ring("5551234");
    bench.run(2500);
    bench.exchange.command(bench.now, leg, LegCommand::Release(Cause::NORMAL));
    bench.run(7000);
    assert_eq!(bench.here.last(), Some(&LegEvent::Released(Cause::NORMAL)));
    // `ring number 3`: two bursts are none.
    let mut bench = Bench::new("", " ring number 3\n connection plar opx 8000\n");
    bench.ring("1");
    bench.run(11_000);
    assert_eq!(bench.here, []);
    bench.run(2500);
    assert!(matches!(&bench.here[..], [LegEvent::Incoming(_)]));
}

#[test]
fn without_a_connection_the_caller_hears_dial_tone_and_dials_on() {
    let mut bench = Bench::new("", "");
    bench.ring("1");
    bench.run(2500);
    assert_eq!((bench.incoming().called.number.as_str(), bench.incoming().complete), ("", false));
    bench.hears[0].clear();
    bench.run(500);
    assert!(level_dbm0(&bench.hears[0]) > -20.0, "dial tone");
    // The caller presses keys.
    let keys = dtmf::sequence("81#", media::locale::default().dtmf, 100, 100).unwrap();
    bench.says[0] = Some(ToneGenerator::new(&keys));
    bench.run(800);
    let digits: Vec<_> = bench.here.iter().filter(|event| matches!(event, LegEvent::Digits { .. })).collect();
    let said = |digits: &str, complete| LegEvent::Digits { digits: digits.into(), complete };
    assert_eq!(digits, [&said("8", false), &said("81", false), &said("81", true)]);
    // The number is busy: the caller hears it, then the port hangs up.
    bench.port_says(LegCommand::Proceed);
    bench.port_says(LegCommand::Release(Cause::BUSY));
    bench.hears[0].clear();
    bench.run(2000);
    assert!(level_dbm0(&bench.hears[0]) > -25.0, "busy tone");
    assert_eq!(bench.here.last(), Some(&LegEvent::Released(Cause::BUSY)));
    bench.run(10_000);
    assert_eq!(bench.there.last(), Some(&LegEvent::Released(Cause::NORMAL)));
    // Nobody dials: congestion, and the end.
    bench.run(2000);
    bench.here.clear();
    bench.ring("1");
    bench.run(13_500);
    assert_eq!(bench.here.last(), Some(&LegEvent::Released(Cause::INVALID_NUMBER)), "{:?}", bench.here);
}

#[test]
fn a_ground_start_line_is_seized_by_ring_ground() {
    let mut bench = Bench::new(" signal groundStart\n", " signal groundStart\n");
    bench.call("12");
    bench.run(2500);
    assert_eq!(bench.dialled(), "12");
    assert!(bench.actions.contains(&OfficeAction::RingGround(true)));
    bench.exchange_says(LegCommand::Release(Cause::NORMAL));
    bench.run(500);
}

#[test]
fn busyout_holds_the_line_only_with_seize_repeat() {
    let mut bench = Bench::new("", " busyout forced\n busyout seize repeat\n");
    assert_eq!(bench.actions, [OfficeAction::Hook(true)]);
    bench.call("12");
    bench.settle();
    assert_eq!(bench.here, [LegEvent::Released(Cause::OUT_OF_ORDER)]);
    let free = voice_port("0/1/0", " busyout seize repeat\n");
    bench.port.configure(bench.now, Some(&free));
    bench.settle();
    assert_eq!(bench.actions.last(), Some(&OfficeAction::Hook(false)));
    let quiet = Bench::new("", " busyout forced\n");
    assert_eq!(quiet.actions, []);
}

#[test]
fn what_a_voice_port_says_is_what_the_line_does_and_no_takes_it_back() {
    let lines = " timing digit 60\n timing inter-digit 70\n timing hookflash-out 300\n timing guard-out 1000\n \
                 timing sup-disconnect 500\n timing dialout-delay 800\n timing opx-ringwait 9000\n ring number 4\n \
                 no battery-reversal\n";
    let ms = Duration::from_millis;
    let set = Bench::new("", lines);
    let line = set.port.line().config().clone();
    assert_eq!((line.digit, line.inter_digit, line.hookflash_out), (ms(60), ms(70), ms(300)));
    assert_eq!(
        (line.guard_out, line.supervisory_disconnect, line.dial_delay),
        (ms(1000), Some(ms(500)), ms(800))
    );
    assert_eq!((line.ring_number, line.battery_reversal, line.ring_pause), (4, false, ms(9000)));
    let no: String = lines
        .lines()
        .filter(|line| line.contains("timing"))
        .filter_map(|line| Some(format!(" no {}\n", line.trim().rsplit_once(' ')?.0)))
        .collect();
    let back = Bench::new("", &format!("{lines}{no} no ring number\n battery-reversal\n"));
    assert_eq!(back.port.line().config(), Bench::new("", "").port.line().config());
    assert_eq!(Bench::new("", " pre-dial-delay 2\n").port.line().config().dial_delay, ms(2000));
    let plain = Bench::new("", "").port.line().config().clone();
    assert_eq!((plain.dial_delay, plain.pulse_inter_digit, plain.ring_pause), (ms(1000), ms(750), ms(6000)));
    let lines = " battery-reversal answer detection-delay 300\n signal groundStart\n groundstart auto-tip\n";
    let line = Bench::new("", lines).port.line().config().clone();
    assert_eq!((line.reversal_delay, line.auto_tip), (ms(300), Some(ms(200))));
    let tip = Bench::new("", " signal groundStart\n groundstart auto-tip delay 350\n").port;
    assert_eq!(tip.line().config().auto_tip, Some(ms(350)));
    let back = format!("{lines} battery-reversal\n no groundstart auto-tip\n no signal\n");
    assert_eq!(Bench::new("", &back).port.line().config(), &plain);
}

#[test]
fn a_flash_of_the_far_end_flashes_the_exchange_line() {
    let mut bench = Bench::new("", " timing hookflash-out 300\n");
    bench.call("12");
    bench.run(2000);
    bench.exchange_says(LegCommand::Proceed);
    bench.exchange_says(LegCommand::Answer(Answer::default()));
    bench.run(500);
    bench.there.clear();
    bench.port_says(LegCommand::Dtmf('!'));
    bench.run(1000);
    // The exchange holds the call and gives dial tone for another.
    assert!(matches!(&bench.there[..], [LegEvent::Held(true), LegEvent::Incoming(_)]), "{:?}", bench.there);
    assert!(bench.port.line().is_talking(), "the call goes on");
}

#[test]
fn cut_through_wait_keeps_the_click_of_the_answer_from_both_ends() {
    for (lines, silent_ms) in [
        (" connection plar opx 8000\n", 0_usize),
        (" connection plar opx cut-through-wait 400 8000\n", 400),
        (" connection plar opx cut-through-wait 8000\n", 500),
    ] {
        let mut bench = Bench::new("", lines);
        bench.ring("5551234");
        bench.run(2500);
        bench.says = [tone(700.0), tone(1100.0)];
        bench.port_says(LegCommand::Answer(Answer::default()));
        bench.hears = [Vec::new(), Vec::new()];
        bench.run(1200);
        for end in [0, 1] {
            let silent = bench.hears[end].iter().take_while(|sample| sample.abs() < 20).count() / 8;
            // The exchange cuts through when it has seen the loop, and the first blocks on a pair are short.
            let expected = silent_ms.saturating_sub(80)..silent_ms + 120;
            assert!(expected.contains(&silent), "{lines}: end {end} silent for {silent} ms");
        }
    }
}

/// A port that listens for the tones of its classes, in a call with an exchange of silent hanging up that then plays `tone`.
fn hears_the_end(classes: &str, lines: &str, hz: &[f64], pairs: &[(u32, u32)]) -> bool {
    let mut bench = Bench::new(" timeouts power-denial 0\n no battery-reversal\n", lines);
    let parsed = Config::parse(&format!("{classes}voice-port 0/1/0\n{lines}!\n"));
    let acted = parsed.messages.iter().all(|message| message.kind == MessageKind::Acted);
    assert!(acted, "{:?}", parsed.messages);
    let config = parsed.config;
    bench.port.set_supervision(Supervision::new(&config, config.voice_port("0/1/0")));
    bench.call("12");
    bench.run(2000);
    bench.exchange_says(LegCommand::Proceed);
    bench.exchange_says(LegCommand::Answer(Answer::default()));
    bench.assert_talk();
    bench.says[0] = Some(ToneGenerator::new(&ToneSpec::dual(hz, -15.0, pairs).unwrap()));
    bench.run(6000);
    bench.here.contains(&LegEvent::Released(Cause::NORMAL))
}

#[test]
fn a_voice_class_dualtone_names_the_tones_that_end_a_call() {
    let class = "voice class dualtone 70\n freq-pair 1 480 620\n freq-pair 2 1000 0\n freq-max-deviation 20\n \
                 freq-max-power 6\n freq-min-power -35\n freq-power-twist 6\n cadence-min-on-time 10\n \
                 cadence-max-off-time 60\n cadence-list 1 50 50\n cadence-list 2 25 25\n cadence-variation 3\n!\n";
    let lines = " supervisory disconnect dualtone voice-class 70\n";
    for (hz, pairs, ends) in [
        (&[480.0, 620.0][..], &[(500, 500)][..], true),
        (&[480.0, 620.0], &[(250, 250)], true),
        (&[1000.0], &[(500, 500)], true),
        (&[1015.0], &[(500, 500)], true),
        (&[1000.0], &[(800, 800)], false),
        (&[425.0], &[(500, 500)], false),
    ] {
        assert_eq!(hears_the_end(class, lines, hz, pairs), ends, "{hz:?} {pairs:?}");
    }
    // Without a list the bounds count; a class that is not there hears nothing, the country's tones neither.
    let bounds = "voice class dualtone 70\n freq-pair 1 480 620\n cadence-min-on-time 20\n cadence-max-off-time 60\n!\n";
    assert!(hears_the_end(bounds, lines, &[480.0, 620.0], &[(300, 400)]));
    assert!(!hears_the_end("", lines, &[480.0, 620.0], &[(500, 500)]));
}

#[test]
fn dualtone_detect_params_say_how_exact_a_tone_must_be() {
    // The country's busy tone, 25 Hz too high.
    let busy = [505.0, 645.0];
    let lines = " supervisory disconnect dualtone mid-call\n supervisory dualtone-detect-params 5\n";
    let class = |hz: u32| {
        format!("voice class dualtone-detect-params 5\n freq-max-deviation {hz}\n freq-max-power 0\n!\n")
    };
    assert!(!hears_the_end(&class(15), lines, &busy, &[(500, 500)]));
    assert!(hears_the_end(&class(35), lines, &busy, &[(500, 500)]));
    let soft = "voice class dualtone-detect-params 5\n freq-max-power 0\n freq-min-power 14\n!\n";
    assert!(!hears_the_end(soft, lines, &[480.0, 620.0], &[(500, 500)]));
}

#[test]
fn the_line_of_a_permanent_call_does_what_the_telephone_at_its_other_end_does() {
    let mut bench = Bench::new("", " connection trunk 8000 answer-mode\n");
    let leg = bench.ids.take();
    bench.port.command(bench.now, leg, LegCommand::Offer(Box::default()));
    bench.run(100);
    let signal = LegEvent::Signal;
    assert_eq!(bench.here, [LegEvent::Answered(Answer::default()), signal(LineSignal::Idle)]);
    // It is lifted: the exchange gives dial tone, which is heard at the other end.
    bench.port_says(LegCommand::Signal(LineSignal::OffHook));
    bench.run(200);
    assert!(matches!(&bench.there[..], [LegEvent::Incoming(_)]), "{:?}", bench.there);
    bench.hears[1].clear();
    bench.run(400);
    assert!(level_dbm0(&bench.hears[1]) > -20.0, "dial tone");
    // It is put down: so is the line, and after its rest it can be lifted again, at once if it was lifted meanwhile.
    bench.port_says(LegCommand::Signal(LineSignal::Idle));
    bench.run(1500);
    assert_eq!(bench.there.last(), Some(&LegEvent::Released(Cause::NORMAL)));
    bench.port_says(LegCommand::Signal(LineSignal::OffHook));
    bench.run(300);
    assert!(!bench.port.line().is_off_hook());
    bench.run(1000);
    assert!(bench.port.line().is_off_hook() && matches!(bench.there.last(), Some(LegEvent::Incoming(_))));
    bench.port_says(LegCommand::Signal(LineSignal::Idle));
    bench.run(4000);
    // The exchange rings, and stops; then rings and is answered.
    bench.here.clear();
    let call = bench.ring("1");
    bench.run(3000);
    assert_eq!(bench.here, [signal(LineSignal::Ringing)]);
    bench.exchange.command(bench.now, call, LegCommand::Release(Cause::NORMAL));
    bench.run(7000);
    assert_eq!(bench.here.last(), Some(&signal(LineSignal::Idle)));
    bench.ring("1");
    bench.run(3000);
    bench.port_says(LegCommand::Signal(LineSignal::OffHook));
    bench.run(300);
    assert_eq!(bench.there.last(), Some(&LegEvent::Answered(Answer::default())));
    bench.assert_talk();
    // The exchange ends the call: the other end is told, and puts its telephone down.
    bench.exchange_says(LegCommand::Release(Cause::NORMAL));
    bench.run(1000);
    assert_eq!(bench.here.last(), Some(&signal(LineSignal::Disconnected)));
    bench.port_says(LegCommand::Signal(LineSignal::Idle));
    // The call that stands ends.
    bench.port_says(LegCommand::Release(Cause::NORMAL));
    bench.run(100);
    assert_eq!(bench.here.last(), Some(&LegEvent::Released(Cause::NORMAL)));
    assert!(!bench.port.line().is_off_hook());
}

#[test]
fn busyout_graceful_waits_for_the_end_of_the_call() {
    let mut bench = Bench::new("", "");
    bench.call("12");
    bench.run(2000);
    let graceful = voice_port("0/1/0", " busyout graceful\n");
    bench.port.configure(bench.now, Some(&graceful));
    bench.run(200);
    assert_eq!(bench.port.line().state(), FxoState::Connected);
    bench.port_says(LegCommand::Release(Cause::NORMAL));
    bench.run(3000);
    assert_eq!(bench.port.line().state(), FxoState::OutOfService);
    bench.port.configure(bench.now, None);
    assert_eq!(bench.port.line().state(), FxoState::Idle);
}

#[test]
fn a_board_that_was_pulled_out_ends_the_call_and_takes_the_next_one_when_it_is_back() {
    let now = Instant::now();
    let config = voice_port("0/1/0", " connection plar 100\n impedance complex2\n");
    let mut port = FxoPort::new(now, "0/1/0", Some(&config));
    let mut ids = LegIds::default();
    let told = |port: &mut FxoPort, ids: &mut LegIds| -> Vec<OfficePortOutput> {
        std::iter::from_fn(|| port.poll(now, ids)).collect()
    };
    let leg = ids.take();
    let setup = Setup { called: Party::new("5"), ..Setup::default() };
    port.command(now, leg, LegCommand::Offer(Box::new(setup.clone())));
    told(&mut port, &mut ids);
    port.handle_event(now, FxoEvent::Removed);
    let outputs = told(&mut port, &mut ids);
    let released = OfficePortOutput::Leg(leg, LegEvent::Released(Cause::OUT_OF_ORDER));
    assert!(outputs.contains(&released), "{outputs:?}");
    // Neither a new configuration nor a call brings it back.
    port.configure(now, Some(&config));
    assert_eq!((port.line().state(), port.is_absent()), (FxoState::OutOfService, true));
    let refused = ids.take();
    port.command(now, refused, LegCommand::Offer(Box::new(setup.clone())));
    let outputs = told(&mut port, &mut ids);
    assert!(outputs.contains(&OfficePortOutput::Leg(refused, LegEvent::Released(Cause::OUT_OF_ORDER))));
    port.restore(now);
    assert_eq!((port.line().state(), port.is_absent()), (FxoState::Idle, false));
    let outputs = told(&mut port, &mut ids);
    let impedance = OfficePortOutput::Action(OfficeAction::Impedance(port.impedance()));
    assert!(outputs.contains(&impedance), "{outputs:?}");
    port.command(now, ids.take(), LegCommand::Offer(Box::new(setup)));
    assert!(told(&mut port, &mut ids).contains(&OfficePortOutput::Action(OfficeAction::Hook(true))));
}

#[test]
fn voltage_for_a_neon_lamp_says_that_messages_wait() {
    let now = Instant::now();
    let mut port = FxoPort::new(now, "0/1/0", Some(&voice_port("0/1/0", " mwi\n")));
    let mut ids = LegIds::default();
    for on in [true, false] {
        port.handle_event(now, FxoEvent::Lamp(on));
        // The voltage is also taken away to ring: it has to stay away.
        port.handle_timeout(now + Duration::from_secs(8));
        assert_eq!(port.poll(now, &mut ids), Some(OfficePortOutput::MessageWaiting(on)));
    }
}

//! Random calls over a bad line: frames are lost, doubled and late, links and interfaces go and come, both ends do whatever
//! they can at any time. QSIG_EVENTS=1000000 for a long run.

use qsig::{BChannel, DChannel, DLink, NfasMember, ServiceState, SwitchType};

use super::prelude::*;

const LINKS: [DLink; 2] = [DLink::Primary, DLink::Backup];

/// A frame on its way: when it arrives, the end and the link it came from, the octets.
type Flying = (Instant, usize, DLink, Vec<u8>);

struct Storm {
    seed: u64,
    random: StdRng,
    pair: Pair,
    nfas: bool,
    /// Share of frames lost; a fifth of it is doubled.
    loss: f64,
    /// Longest a frame takes, ms. Frames of one link and direction keep their order, as on a wire.
    delay: u64,
    flying: VecDeque<Flying>,
    live: [BTreeSet<CallId>; 2],
    released: BTreeMap<(usize, CallId), usize>,
    events: usize,
    connected: usize,
}

impl Storm {
    fn new(seed: u64) -> Self {
        let nfas = seed % 8 == 3;
        let switch_type = SwitchType::ALL[seed as usize % 7];
        let member = |interface, d_channel| NfasMember { interface, d_channel, timeslots: Some(0xFF_FFFF) };
        let order =
            [BchanOrder::BySide, BchanOrder::Ascending, BchanOrder::RoundRobin, BchanOrder::Descending];
        let tune = |side| SpanConfig {
            switch_type,
            line: if nfas { LineKind::T1 } else { LineKind::E1 },
            bchan_order: order[seed as usize % 4],
            negotiate_bchan: seed.is_multiple_of(2),
            contiguous_bchan: seed.is_multiple_of(5),
            report_faults: seed.is_multiple_of(3),
            nfas: match nfas {
                true => vec![member(0, DChannel::Primary), member(1, DChannel::Backup)],
                false => Vec::new(),
            },
            ..config(side)
        };
        let spans = [Span::new(tune(Side::Network)), Span::new(tune(Side::User))];
        let mut storm = Self {
            seed,
            random: StdRng::seed_from_u64(seed),
            pair: Pair { now: Instant::now(), spans },
            nfas,
            loss: [0.0, 0.02, 0.15][seed as usize % 3],
            delay: [0, 50, 700][seed as usize / 3 % 3],
            flying: VecDeque::new(),
            live: Default::default(),
            released: BTreeMap::new(),
            events: 0,
            connected: 0,
        };
        for link in LINKS {
            storm.wire(link, true);
        }
        storm
    }

    fn wire(&mut self, link: DLink, up: bool) {
        for span in &mut self.pair.spans {
            span.handle_link_of(self.pair.now, link, up);
        }
    }

    /// Something at one end, which more often than not does not fit the state: it must do no harm.
    fn act(&mut self, calls: bool) {
        let (now, random) = (self.pair.now, &mut self.random);
        let end = random.random_range(0..2usize);
        let span = &mut self.pair.spans[end];
        let choice = random.random_range(0..17);
        let pick = self.live[end].iter().nth(random.random_range(0..self.live[end].len().max(1))).copied();
        if calls && choice < 4 {
            let long = if random.random_bool(0.02) { 2 } else { 0 };
            let request = CallRequest {
                complete: random.random(),
                elements: vec![Element::new(ie::USER_USER, vec![4; 200]); long],
                ..CallRequest::new("47")
            };
            if let Ok(id) = span.start_call(now, &request) {
                self.live[end].insert(id);
            }
        } else if let Some(id) = pick {
            let _ = match choice {
                4 => span.acknowledge_call(now, id, &plain()),
                5 => span.proceed_call(now, id, &plain()),
                6 => span.alert_call(now, id, &plain()),
                7 | 8 => span.answer_call(now, id, &plain()),
                9 => span.send_digits(now, id, "1", random.random()),
                10 => span.inform_call(now, id, MessageType::FACILITY, vec![]),
                11 => span.progress_call(now, id, &plain()),
                12 => span.inform_call(now, id, MessageType::NOTIFY, vec![Element::new(0x27, vec![0xF9])]),
                13 => span.hold_call(now, id),
                14 => span.retrieve_call(now, id),
                _ => span.clear_call(now, id, Cause::private(16)),
            };
        }
        let slot = random.random_range(1..32);
        match random.random_range(0..6_000) {
            0..12 => {
                let one = random.random_bool(0.8);
                span.restart(now, if one { RestartTarget::Channel(3) } else { RestartTarget::Interface });
            }
            12..24 => span.audit_calls(now),
            24..36 => span.set_busy(now, random.random()),
            36..42 => {
                let service =
                    [ServiceState::InService, ServiceState::OutOfService][usize::from(slot % 4 == 0)];
                span.set_service(now, BChannel { interface: 0, slot }, service);
            }
            42..48 if self.nfas => {
                span.switch_d_channel(now);
            }
            48..54 => {
                for up in [false, true] {
                    self.wire(if slot % 2 == 0 { DLink::Primary } else { DLink::Backup }, up);
                }
            }
            _ => {}
        }
    }

    /// Frames leave, fly, and arrive; events are taken.
    fn carry(&mut self) {
        let now = self.pair.now;
        for _ in 0..4 {
            for from in 0..2 {
                for link in LINKS {
                    while let Some(frame) = self.pair.spans[from].poll_frame_of(link) {
                        if self.random.random_bool(self.loss) {
                            continue;
                        }
                        let last = self.flying.iter().rev().find(|f| (f.1, f.2) == (from, link));
                        let late = now + millis(self.random.random_range(0..=self.delay));
                        let at = last.map_or(late, |last| last.0.max(late));
                        let copies = 1 + usize::from(self.random.random_bool(self.loss / 5.0));
                        for _ in 0..copies {
                            self.flying.push_back((at, from, link, frame.to_vec()));
                        }
                    }
                }
            }
            let (due, rest): (VecDeque<Flying>, _) =
                self.flying.drain(..).partition(|flying| flying.0 <= now);
            self.flying = rest;
            for (_, from, link, frame) in due {
                self.pair.spans[1 - from].handle_frame_of(now, link, &frame);
            }
        }
        for (end, live) in self.live.iter_mut().enumerate() {
            while let Some(event) = self.pair.spans[end].poll_event() {
                self.events += 1;
                let Event::Call { id, event } = event else { continue };
                match event {
                    CallEvent::Incoming { .. } => {
                        assert!(live.insert(id), "an identifier twice");
                    }
                    CallEvent::Released { .. } => {
                        assert!(live.remove(&id), "released, but never heard of");
                        *self.released.entry((end, id)).or_default() += 1;
                    }
                    CallEvent::Connected(_) => self.connected += 1,
                    _ => {}
                }
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        self.pair.now += time;
        for (end, span) in self.pair.spans.iter_mut().enumerate() {
            span.handle_timeout(self.pair.now);
            let slots: Vec<_> =
                span.calls().filter_map(|call| Some((call.interface, call.channel?))).collect();
            let distinct: BTreeSet<_> = slots.iter().copied().collect();
            let at = format!("seed {}, end {end}", self.seed);
            assert_eq!(slots.len(), distinct.len(), "{at}: a channel has two calls");
            assert_eq!(slots.len(), span.channels_in_use(), "{at}: a channel has no call");
            assert_eq!(span.calls().count(), span.call_records().count(), "{at}: a call without a record");
        }
    }

    /// Everybody hangs up; the line is good again.
    fn calm(&mut self) {
        (self.loss, self.delay) = (0.0, 0);
        for (span, live) in self.pair.spans.iter_mut().zip(&self.live) {
            span.set_busy(self.pair.now, false);
            for &id in live {
                let _ = span.clear_call(self.pair.now, id, Cause::private(16));
            }
        }
        for _ in 0..1_500 {
            self.carry();
            self.pass(millis(500));
            // A SETUP of a call that is long over may still wait for a peer that was busy.
            let still = |span: &Span| span.active_calls() == 0 && span.memory().messages == 0;
            if self.pair.spans.iter().all(still) && self.flying.is_empty() {
                break;
            }
        }
        self.carry();
        for (end, span) in self.pair.spans.iter().enumerate() {
            let left: Vec<_> = span.calls().collect();
            let counts = (span.active_calls(), span.channels_in_use(), span.memory().calls);
            assert_eq!((left, counts), (vec![], (0, 0, 0)), "seed {}, end {end}", self.seed);
            assert_eq!(self.live[end], BTreeSet::new(), "seed {}: calls that never were released", self.seed);
        }
        assert!(self.released.values().all(|times| *times == 1), "seed {}", self.seed);
    }
}

#[test]
fn a_storm_of_calls_leaves_no_channel_and_no_reference_behind() {
    let setting = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let wanted = setting("QSIG_EVENTS").unwrap_or(20_000) as usize;
    let first = setting("QSIG_SEED").unwrap_or(0);
    let (mut events, mut connected, mut seed) = (0usize, 0usize, first);
    while events < wanted || seed < first + 8 {
        let mut storm = Storm::new(seed);
        for step in 0..1_500 {
            storm.act(step < 1_400);
            storm.carry();
            let pause = storm.random.random_range(0..400);
            storm.pass(millis(pause));
        }
        storm.calm();
        events += storm.events;
        connected += storm.connected;
        seed += 1;
    }
    println!("{seed} seeds, {events} events, {connected} calls connected");
    assert!(connected > events / 100, "{events} events, {connected} connected");
}

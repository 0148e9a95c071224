//! Random calls over a bad line.

use super::prelude::*;

#[test]
fn a_storm_of_calls_leaves_no_channel_and_no_reference_behind() {
    let (mut events, mut connected) = (0usize, 0usize);
    for seed in 0..seeds(32) {
        let mut random = StdRng::seed_from_u64(seed);
        let order = [BchanOrder::BySide, BchanOrder::Ascending, BchanOrder::RoundRobin][seed as usize % 3];
        let tune = |side| SpanConfig { bchan_order: order, negotiate_bchan: seed % 2 == 0, ..config(side) };
        let mut pair = Pair::new(tune(Side::Network), tune(Side::User));
        let mut live: [BTreeSet<CallId>; 2] = Default::default();
        let mut released: BTreeMap<(usize, CallId), usize> = BTreeMap::new();
        let loss = [0.0, 0.02, 0.15][seed as usize % 3];
        for step in 0..1_500 {
            let now = pair.now;
            let end = random.random_range(0..2usize);
            let span = &mut pair.spans[end];
            let choice = random.random_range(0..14);
            let pick = live[end].iter().nth(random.random_range(0..live[end].len().max(1))).copied();
            if step < 1_400 && choice < 4 {
                let request = CallRequest { complete: random.random(), ..CallRequest::new("47") };
                if let Ok(id) = span.start_call(now, &request) {
                    live[end].insert(id);
                }
            } else if let Some(id) = pick {
                // Most of these do not fit the state, which must do no harm.
                let _ = match choice {
                    4 => span.acknowledge_call(now, id, &plain()),
                    5 => span.proceed_call(now, id, &plain()),
                    6 => span.alert_call(now, id, &plain()),
                    7 | 8 => span.answer_call(now, id, &plain()),
                    9 => span.send_digits(now, id, "1", random.random()),
                    10 => span.inform_call(now, id, MessageType::FACILITY, vec![]),
                    11 => span.progress_call(now, id, &plain()),
                    _ => span.clear_call(now, id, Cause::private(16)),
                };
            }
            if random.random_bool(0.002) {
                span.restart(
                    now,
                    [RestartTarget::Interface, RestartTarget::Channel(3)]
                        [usize::from(random.random_bool(0.8))],
                );
            }
            if random.random_bool(0.001) {
                for span in &mut pair.spans {
                    span.handle_link(now, false);
                    span.handle_link(now, true);
                }
            }
            storm_wire(&mut pair, &mut random, loss, &mut live, &mut released, &mut events, &mut connected);
            pair.now += millis(random.random_range(0..400));
            for span in &mut pair.spans {
                span.handle_timeout(pair.now);
                let slots: Vec<u8> = span.calls().filter_map(|call| call.channel).collect();
                let distinct: BTreeSet<u8> = slots.iter().copied().collect();
                assert_eq!(slots.len(), distinct.len(), "seed {seed}: a channel has two calls");
                assert_eq!(slots.len(), span.channels_in_use(), "seed {seed}: a channel has no call");
            }
        }
        // Everybody hangs up; the line is good again.
        for (span, live) in pair.spans.iter_mut().zip(&live) {
            for &id in live {
                let _ = span.clear_call(pair.now, id, Cause::private(16));
            }
        }
        for _ in 0..3_000 {
            storm_wire(&mut pair, &mut random, 0.0, &mut live, &mut released, &mut events, &mut connected);
            pair.now += Duration::from_millis(250);
            for span in &mut pair.spans {
                span.handle_timeout(pair.now);
            }
        }
        for (end, span) in pair.spans.iter().enumerate() {
            let left: Vec<_> = span.calls().collect();
            assert_eq!(
                (left, span.active_calls(), span.channels_in_use()),
                (vec![], 0, 0),
                "seed {seed}, end {end}"
            );
            assert_eq!(live[end], BTreeSet::new(), "seed {seed}: calls that never were released");
        }
        assert!(released.values().all(|times| *times == 1), "seed {seed}");
    }
    println!("{events} events, {connected} calls connected");
    assert!(events > 20_000 && connected > 1_000, "{events} events, {connected} connected");
}

fn storm_wire(
    pair: &mut Pair,
    random: &mut StdRng,
    loss: f64,
    live: &mut [BTreeSet<CallId>; 2],
    released: &mut BTreeMap<(usize, CallId), usize>,
    events: &mut usize,
    connected: &mut usize,
) {
    for _ in 0..8 {
        for from in 0..2 {
            while let Some(frame) = pair.spans[from].poll_frame() {
                if !random.random_bool(loss) {
                    pair.spans[1 - from].handle_frame(pair.now, &frame);
                }
            }
        }
    }
    for (end, live) in live.iter_mut().enumerate() {
        while let Some(event) = pair.spans[end].poll_event() {
            *events += 1;
            let Event::Call { id, event } = event else { continue };
            match event {
                CallEvent::Incoming { .. } => {
                    assert!(live.insert(id), "an identifier twice");
                }
                CallEvent::Released { .. } => {
                    assert!(live.remove(&id), "released, but never heard of");
                    *released.entry((end, id)).or_default() += 1;
                }
                CallEvent::Connected(_) => *connected += 1,
                _ => {}
            }
        }
    }
}

//! CPU time of one message waiting operation: `cargo run --release -p qsig --example setup_cost`.
//!
//! Prints nanoseconds per operation for the parts (encode, decode) and for a whole operation between two spans:
//! SETUP, CONNECT, CONNECT ACKNOWLEDGE, RELEASE, RELEASE COMPLETE, both ends counted; then the same for a call.

use std::hint::black_box;
use std::time::Instant;

use qsig::facility::Facility;
use qsig::mwi;
use qsig::name::Name;
use qsig::q931::{Cause, Message, ie};
use qsig::rose::Component;
use qsig::{
    CallDetail, CallRequest, Event, MwiAction, MwiAnswer, MwiDialect, MwiOutcome, MwiRequest, PartyNumber,
    Side, Span, SpanConfig, decode,
};

const ROUNDS: u32 = 100_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let request = MwiRequest {
        messages: Some(3),
        calling_number: Some(PartyNumber::Unknown("8000".into())),
        ..MwiRequest::new(MwiAction::Activate, PartyNumber::Unknown("4711".into()))
    };
    let dialect = MwiDialect::default();
    per_operation("encode the invoke component", || {
        mwi::invoke(black_box(&request), &dialect, 1).map(|component| component.to_vec().len()).unwrap_or(0)
    });

    let now = Instant::now();
    let mut gateway = Span::new(SpanConfig { side: Side::Network, ..SpanConfig::default() });
    let mut exchange = Span::new(SpanConfig { accept_calls: true, ..SpanConfig::default() });
    gateway.handle_link(now, true);
    exchange.handle_link(now, true);
    wire(now, &mut gateway, &mut exchange, |_, _| {});
    while exchange.poll_event().is_some() || gateway.poll_event().is_some() {}

    let mut setup = None;
    let first = gateway.invoke_mwi(now, request.clone())?;
    gateway.cancel_mwi(now, first);
    wire(now, &mut gateway, &mut exchange, |from_gateway, frame| {
        if from_gateway && setup.is_none() {
            setup = decode::layer3(frame).map(<[u8]>::to_vec);
        }
    });
    while exchange.poll_event().is_some() {}
    let setup = setup.ok_or("no SETUP was sent")?;
    per_operation("decode SETUP with facility and argument", || {
        let message = Message::parse(black_box(&setup)).ok();
        let facility = message.as_ref().and_then(|m| m.get(ie::FACILITY)).and_then(|b| Facility::parse(b));
        let invoke = facility.as_ref().and_then(|f| f.components().next());
        match invoke {
            Some(Component::Invoke(invoke)) => usize::from(mwi::parse_invoke(invoke).is_some()),
            _ => 0,
        }
    });
    per_operation("whole operation, both ends", || {
        let Ok(operation) = gateway.invoke_mwi(now, request.clone()) else { return 0 };
        wire(now, &mut gateway, &mut exchange, |_, _| {});
        if let Some(Event::MwiIndication { id, .. }) = exchange.poll_event() {
            exchange.answer_mwi(now, id, MwiAnswer::Result);
        }
        wire(now, &mut gateway, &mut exchange, |_, _| {});
        usize::from(gateway.poll_event() == Some(Event::MwiDone { operation, outcome: MwiOutcome::Done }))
    });
    let call = CallRequest { name: Some(Name::Allowed("Alice".into())), ..CallRequest::new("4711") };
    let detail = CallDetail::default();
    per_operation("whole call with name, both ends", || {
        let Ok(id) = gateway.start_call(now, &call) else { return 0 };
        wire(now, &mut gateway, &mut exchange, |_, _| {});
        if let Some(Event::Call { id, .. }) = exchange.poll_event() {
            let answered = exchange.alert_call(now, id, &detail).and(exchange.answer_call(now, id, &detail));
            if answered.is_err() {
                return 0;
            }
        }
        wire(now, &mut gateway, &mut exchange, |_, _| {});
        if gateway.clear_call(now, id, Cause::private(16)).is_err() {
            return 0;
        }
        wire(now, &mut gateway, &mut exchange, |_, _| {});
        while exchange.poll_event().is_some() || gateway.poll_event().is_some() {}
        usize::from(gateway.active_calls() + exchange.active_calls() == 0)
    });
    incoming_setup()?;
    eight_trunks()
}

const SPANS: usize = 1000;

/// A SETUP with a name in a Facility element: decoded, handled, offered, answered with CALL PROCEEDING, encoded. Target: 3 us.
fn incoming_setup() -> Result<(), Box<dyn std::error::Error>> {
    let now = Instant::now();
    // What a caller puts on the wire for thirty calls, once.
    let mut caller = Span::new(SpanConfig { side: Side::Network, ..SpanConfig::default() });
    caller.handle_link(now, true);
    while caller.poll_frame().is_some() {}
    caller.handle_frame(now, &[0x02, 0x01, 0x73]);
    let call = CallRequest { name: Some(Name::Allowed("Alice".into())), ..CallRequest::new("4711") };
    let mut setups = Vec::new();
    for number in 0..30u8 {
        caller.start_call(now, &call)?;
        while let Some(frame) = caller.poll_frame() {
            let mut octets = frame.to_vec();
            // N(R): each SETUP acknowledges the answer to the one before.
            if let Some(nr) = octets.get_mut(3) {
                *nr = number << 1;
            }
            setups.push(octets);
        }
        // RR opens the window for the next.
        caller.handle_frame(now, &[0x02, 0x01, 0x01, (number + 1) << 1]);
    }
    let mut called: Vec<Span> = (0..SPANS)
        .map(|_| {
            let mut span = Span::new(SpanConfig { accept_calls: true, ..SpanConfig::default() });
            span.handle_link(now, true);
            while span.poll_frame().is_some() {}
            span.handle_frame(now, &[0x00, 0x01, 0x73]);
            span
        })
        .collect();
    let detail = CallDetail::default();
    let mut answers = 0;
    let start = cpu_nanoseconds();
    for span in &mut called {
        for setup in &setups {
            span.handle_frame(now, setup);
            while let Some(event) = span.poll_event() {
                if let Event::Call { id, .. } = event {
                    span.proceed_call(now, id, &detail)?;
                }
            }
            while let Some(frame) = span.poll_frame() {
                answers += usize::from(decode::layer3(&frame).is_some());
            }
        }
    }
    let each = (cpu_nanoseconds() - start) / (SPANS * setups.len()) as u128;
    let done = SPANS * setups.len();
    println!("SETUP with facility in, CALL PROCEEDING out, both layers: {each} ns ({answers} of {done})");
    Ok(())
}

/// Eight E1 with 30 calls a second each, both ends of every trunk counted. Target: 5 % of a core for one end.
fn eight_trunks() -> Result<(), Box<dyn std::error::Error>> {
    const SECONDS: u32 = 60;
    let mut now = Instant::now();
    let config = SpanConfig { accept_calls: true, ..SpanConfig::default() };
    let mut trunks: Vec<[Span; 2]> = (0..8)
        .map(|_| {
            let network = SpanConfig { side: Side::Network, ..config.clone() };
            let mut trunk = [Span::new(network), Span::new(config.clone())];
            trunk.iter_mut().for_each(|span| span.handle_link(now, true));
            trunk
        })
        .collect();
    let call = CallRequest { name: Some(Name::Allowed("Alice".into())), ..CallRequest::new("4711") };
    let detail = CallDetail::default();
    let mut under_way = std::collections::VecDeque::new();
    let (mut connected, start) = (0u32, cpu_nanoseconds());
    for tick in 0..SECONDS * 30 {
        for (number, [caller, called]) in trunks.iter_mut().enumerate() {
            caller.handle_timeout(now);
            called.handle_timeout(now);
            wire(now, caller, called, |_, _| {});
            let id = caller.start_call(now, &call)?;
            wire(now, caller, called, |_, _| {});
            while let Some(event) = called.poll_event() {
                if let Event::Call { id, event: qsig::CallEvent::Incoming { .. } } = event {
                    called.proceed_call(now, id, &detail)?;
                    called.alert_call(now, id, &detail)?;
                    called.answer_call(now, id, &detail)?;
                }
            }
            wire(now, caller, called, |_, _| {});
            while let Some(event) = caller.poll_event() {
                let answered = matches!(event, Event::Call { event: qsig::CallEvent::Connected(_), .. });
                connected += u32::from(answered);
            }
            under_way.push_back((tick, number, id));
        }
        // Each call lasts 25/30 of a second.
        while let Some((_, number, id)) = under_way.front().copied().filter(|(begun, ..)| begun + 25 <= tick)
        {
            under_way.pop_front();
            if let Some([caller, called]) = trunks.get_mut(number) {
                caller.clear_call(now, id, Cause::private(16))?;
                wire(now, caller, called, |_, _| {});
            }
        }
        now += std::time::Duration::from_nanos(1_000_000_000 / 30);
    }
    let share = (cpu_nanoseconds() - start) as f64 / f64::from(SECONDS) / 1e9 * 100.0;
    println!(
        "30 calls/s on each of 8 E1: {share:.2} % of a core for both ends ({connected} of {} calls)",
        8 * 30 * SECONDS
    );
    Ok(())
}

/// CPU time of `work`, which returns 0 if it failed.
fn per_operation(name: &str, mut work: impl FnMut() -> usize) {
    let start = cpu_nanoseconds();
    let done = (0..ROUNDS).filter(|_| work() != 0).count();
    let nanoseconds = (cpu_nanoseconds() - start) / u128::from(ROUNDS);
    println!("{name}: {nanoseconds} ns ({done} of {ROUNDS})");
}

/// CPU time of this process as the scheduler counts it; 0 where there is no such file.
fn cpu_nanoseconds() -> u128 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0)
}

fn wire(now: Instant, a: &mut Span, b: &mut Span, mut see: impl FnMut(bool, &[u8])) {
    loop {
        let (from_a, from_b) = (a.poll_frame(), b.poll_frame());
        if from_a.is_none() && from_b.is_none() {
            return;
        }
        if let Some(frame) = from_a {
            see(true, &frame);
            b.handle_frame(now, &frame);
        }
        if let Some(frame) = from_b {
            see(false, &frame);
            a.handle_frame(now, &frame);
        }
    }
}

//! Calls between our D channel and libpri's, in both roles, and everything that can go wrong with them.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::{Duration, Instant};

use qsig::diversion::{Diversion, Rerouteing};
use qsig::name::{Name, NameKind};
use qsig::q931::{Cause, Message, MessageType, Number, NumberPlan};
use qsig::service::Service;
use qsig::transfer::{Transfer, TransferKind};
use qsig::{
    CallDetail, CallError, CallEvent, CallId, CallRequest, CallState, Event, LineKind, RestartTarget,
    ServiceState, Side, SpanConfig, SwitchType,
};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use system_tests::{Pbx, Side as PbxSide, Trunk, Value, json};
use telephony_hal::wrap::Faults;

const BOTH: [Side; 2] = [Side::Network, Side::User];

fn other(side: Side) -> PbxSide {
    match side {
        Side::Network => PbxSide::User,
        Side::User => PbxSide::Network,
    }
}

fn config(side: Side) -> SpanConfig {
    SpanConfig { side, accept_calls: true, ..SpanConfig::default() }
}

/// A trunk of ours with a libpri exchange on it, layer 2 up.
fn trunk(config: SpanConfig, args: &[&str]) -> (Trunk, Pbx) {
    let side = other(config.side);
    let mut trunk = Trunk::listen(config, 4711);
    let mut pbx = Pbx::connect(trunk.address(), side, args);
    trunk.wait_up();
    pbx.wait_up();
    (trunk, pbx)
}

/// Waits for an event of the PBX while our side goes on.
#[track_caller]
fn pbx_says(trunk: &mut Trunk, pbx: &mut Pbx, pattern: &Value) -> Value {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(found) = pbx.events().all(pattern).pop() {
            return found;
        }
        assert!(Instant::now() < until, "the PBX does not say {pattern}");
        trunk.run_for(Duration::from_millis(20));
    }
}

/// What libpri still holds: its calls, its channels, its own call records.
fn pbx_status(trunk: &mut Trunk, pbx: &mut Pbx) -> Value {
    let before = pbx.events().all(&json!({"ev": "status"})).len();
    pbx.send("status");
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        let mut all = pbx.events().all(&json!({"ev": "status"}));
        if all.len() > before {
            return all.pop().unwrap();
        }
        assert!(Instant::now() < until, "the PBX does not answer");
        trunk.run_for(Duration::from_millis(20));
    }
}

/// Both sides have come to rest, nothing is left, and tshark has no complaint.
#[track_caller]
fn finish(mut trunk: Trunk, mut pbx: Pbx) {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let status = pbx_status(&mut trunk, &mut pbx);
        let left = (
            status.get("calls").and_then(Value::as_array).map(Vec::len),
            status.get("channels").and_then(Value::as_u64),
            status.get("libpri_calls").and_then(Value::as_u64),
        );
        if left == (Some(0), Some(0), Some(0)) && trunk.span.active_calls() == 0 {
            break;
        }
        assert!(Instant::now() < until, "left at libpri: {status}, at us: {}", trunk.span.active_calls());
        trunk.run_for(Duration::from_millis(100));
    }
    for bad in ["warn", "libpri-error", "garbage"] {
        assert_eq!(pbx.events().all(&json!({"ev": bad})), [] as [Value; 0]);
    }
    trunk.finish();
}

fn connected(trunk: &mut Trunk, call: CallId) -> Message {
    trunk.call("answer", Some(call), |_, event| match event {
        CallEvent::Connected(message) => Some(message.clone()),
        _ => None,
    })
}

fn released(trunk: &mut Trunk, call: CallId) -> u8 {
    trunk.call("release", Some(call), |_, event| match event {
        CallEvent::Released { cause } => Some(cause.value),
        _ => None,
    })
}

fn incoming(trunk: &mut Trunk) -> (CallId, Message, String) {
    trunk.call("incoming call", None, |id, event| match event {
        CallEvent::Incoming { message, digits, .. } => Some((id, message.clone(), digits.clone())),
        _ => None,
    })
}

fn clear(trunk: &mut Trunk, call: CallId, cause: u8) {
    trunk.span.clear_call(Instant::now(), call, Cause::user(cause)).unwrap();
}

fn named(name: &str) -> CallDetail {
    CallDetail { name: Some(Name::Allowed(name.into())), ..CallDetail::default() }
}

fn field<'a>(event: &'a Value, name: &str) -> &'a str {
    event.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn number(event: &Value, name: &str) -> u64 {
    event.get(name).and_then(Value::as_u64).unwrap_or_else(|| panic!("no {name} in {event}"))
}

#[test]
fn calls_to_libpri_en_bloc_and_overlap_with_names_both_ways() {
    for side in BOTH {
        let (mut trunk, mut pbx) = trunk(config(side), &[]);
        pbx.policy("call=answer call-delay=50 connected-name=Beta");
        let request = CallRequest {
            calling: Some(Number {
                plan: NumberPlan::UNKNOWN,
                presentation: Some(0x80),
                digits: "2000".into(),
            }),
            name: Some(Name::Allowed("Alice B".into())),
            ..CallRequest::new("4711")
        };
        let call = trunk.span.start_call(Instant::now(), &request).unwrap();
        let answer = connected(&mut trunk, call);
        assert_eq!(Name::find(&answer), Some((NameKind::Connected, Name::Allowed("Beta".into()))));
        let setup = pbx_says(&mut trunk, &mut pbx, &json!({"ev": "call", "state": "setup", "cis": false}));
        assert_eq!(
            (field(&setup, "called"), field(&setup, "calling"), field(&setup, "calling_name")),
            ("4711", "2000", "Alice B"),
            "{setup}"
        );
        clear(&mut trunk, call, 16);
        assert_eq!(released(&mut trunk, call), 16);
        pbx_says(&mut trunk, &mut pbx, &json!({"ev": "call", "state": "disconnect", "cause": 16}));

        // Overlap: two digits in SETUP, two more when it asks for them.
        pbx.policy("call=manual");
        let request = CallRequest { complete: false, ..CallRequest::new("47") };
        let call = trunk.span.start_call(Instant::now(), &request).unwrap();
        let setup = pbx_says(&mut trunk, &mut pbx, &json!({"ev": "call", "state": "setup", "called": "47"}));
        let id = number(&setup, "id");
        pbx.send(&format!("setupack {id}"));
        trunk.call("SETUP ACKNOWLEDGE", Some(call), |_, event| {
            matches!(event, CallEvent::SetupAcknowledged(_)).then_some(())
        });
        trunk.span.send_digits(Instant::now(), call, "1", false).unwrap();
        trunk.span.send_digits(Instant::now(), call, "2", true).unwrap();
        pbx_says(&mut trunk, &mut pbx, &json!({"ev": "call", "state": "info", "called": "4712"}));
        pbx.send(&format!("proceed {id}"));
        pbx.send(&format!("alert {id}"));
        pbx.send(&format!("answer {id}"));
        connected(&mut trunk, call);
        assert_eq!(trunk.span.call(call).unwrap().state, CallState::Active);
        pbx.send(&format!("hangup {id}"));
        assert_eq!(released(&mut trunk, call), 16);
        finish(trunk, pbx);
    }
}

#[test]
fn calls_from_libpri_en_bloc_and_overlap_with_names_both_ways() {
    for side in BOTH {
        let (mut trunk, mut pbx) = trunk(config(side), &[]);
        pbx.send("call 8001 from=4711 name=\"Bob C\"");
        let (call, setup, digits) = incoming(&mut trunk);
        assert_eq!(digits, "8001");
        assert_eq!(Name::find(&setup), Some((NameKind::Calling, Name::Allowed("Bob C".into()))));
        let now = Instant::now();
        trunk.span.proceed_call(now, call, &CallDetail::default()).unwrap();
        trunk.span.alert_call(now, call, &named("Called")).unwrap();
        trunk.span.answer_call(now, call, &named("Connected")).unwrap();
        let answer = pbx_says(&mut trunk, &mut pbx, &json!({"ev": "call", "state": "connected"}));
        assert!(answer.to_string().contains("Connected"), "{answer}");
        clear(&mut trunk, call, 16);
        assert_eq!(released(&mut trunk, call), 16);

        pbx.send("call 80 from=4711 overlap=1");
        let (call, _, digits) = incoming(&mut trunk);
        assert_eq!(digits, "80");
        trunk.span.acknowledge_call(Instant::now(), call, &CallDetail::default()).unwrap();
        pbx_says(&mut trunk, &mut pbx, &json!({"ev": "call", "state": "setup-ack"}));
        pbx.send("info last 02");
        trunk.call("digits", Some(call), |_, event| match event {
            CallEvent::Digits { digits, .. } if digits == "8002" => Some(()),
            _ => None,
        });
        trunk.span.answer_call(Instant::now(), call, &CallDetail::default()).unwrap();
        trunk.run_until("active call", Duration::from_secs(5), |trunk| {
            trunk.span.call(call).is_some_and(|call| call.state == CallState::Active)
        });
        pbx.send("hangup last 31");
        assert_eq!(released(&mut trunk, call), 31);
        finish(trunk, pbx);
    }
}

#[test]
fn every_refusal_of_libpri_arrives_with_its_cause() {
    for side in BOTH {
        let (mut trunk, mut pbx) = trunk(config(side), &[]);
        for cause in [1u8, 17, 21, 27, 34, 57] {
            pbx.policy(&format!("call=reject:{cause}"));
            let call = trunk.span.start_call(Instant::now(), &CallRequest::new("4711")).unwrap();
            assert_eq!(released(&mut trunk, call), cause);
        }
        for cause in [1u8, 17, 21, 34] {
            pbx.send("call 8001");
            let (call, ..) = incoming(&mut trunk);
            clear(&mut trunk, call, cause);
            pbx_says(&mut trunk, &mut pbx, &json!({"ev": "call", "cause": cause, "dir": "out"}));
        }
        finish(trunk, pbx);
    }
}

#[test]
fn restart_frees_the_channel_at_both_ends() {
    for side in BOTH {
        let (mut trunk, mut pbx) = trunk(config(side), &[]);
        pbx.policy("call=answer");
        let request = CallRequest { channel: Some(3), ..CallRequest::new("4711") };
        let call = trunk.span.start_call(Instant::now(), &request).unwrap();
        connected(&mut trunk, call);
        trunk.span.restart(Instant::now(), RestartTarget::Channel(3));
        assert_eq!(released(&mut trunk, call), 41);
        trunk.take("restart acknowledgement", |event| match event {
            Event::RestartDone { target: RestartTarget::Channel(3), acknowledged: true } => Some(()),
            _ => None,
        });
        pbx_says(&mut trunk, &mut pbx, &json!({"ev": "restart", "channel": 3}));

        let call = trunk.span.start_call(Instant::now(), &request).unwrap();
        connected(&mut trunk, call);
        pbx.send("restart 3");
        assert_eq!(released(&mut trunk, call), 41);
        pbx_says(&mut trunk, &mut pbx, &json!({"ev": "restart-ack"}));
        // libpri's own half of the call goes with a hang-up.
        for call in pbx.events().all(&json!({"ev": "call", "state": "setup"})) {
            pbx.send(&format!("hangup {}", number(&call, "id")));
        }
        trunk.run_for(Duration::from_millis(300));
        trunk.finish();
    }
}

fn full_house(line: LineKind, channels: usize, args: &[&str]) {
    for side in BOTH {
        let (mut trunk, mut pbx) = trunk(SpanConfig { line, ..config(side) }, args);
        pbx.policy("call=answer");
        let mut calls = Vec::new();
        for at in 0..channels {
            // Every third comes from the PBX.
            if at % 3 == 2 {
                pbx.send(&format!("call 80{at:02}"));
                let (call, ..) = incoming(&mut trunk);
                trunk.span.answer_call(Instant::now(), call, &CallDetail::default()).unwrap();
                calls.push(call);
            } else {
                let request = CallRequest::new(&format!("47{at:02}"));
                calls.push(trunk.span.start_call(Instant::now(), &request).unwrap());
                let call = *calls.last().unwrap();
                connected(&mut trunk, call);
            }
        }
        assert_eq!((trunk.span.channels_in_use(), trunk.span.free_channels()), (channels, 0));
        let refused = trunk.span.start_call(Instant::now(), &CallRequest::new("4799"));
        assert_eq!(refused, Err(CallError::NoChannel));
        trunk.run_for(Duration::from_millis(200));
        let status = pbx_status(&mut trunk, &mut pbx);
        assert_eq!(number(&status, "channels"), channels as u64, "{status}");
        for call in calls {
            clear(&mut trunk, call, 16);
        }
        finish(trunk, pbx);
    }
}

#[test]
fn thirty_calls_fill_an_e1_at_both_ends() {
    full_house(LineKind::E1, 30, &[]);
}

#[test]
fn twenty_three_calls_fill_a_t1_at_both_ends() {
    full_house(LineKind::T1, 23, &["-1"]);
}

#[test]
fn a_call_outlives_a_cable_pulled_for_less_than_t309() {
    for side in BOTH {
        let (mut trunk, mut pbx) = trunk(config(side), &[]);
        pbx.policy("call=answer");
        let call = trunk.span.start_call(Instant::now(), &CallRequest::new("4711")).unwrap();
        connected(&mut trunk, call);
        pbx.send("l1 close");
        trunk.run_until("layer 1 down", Duration::from_secs(5), |trunk| !trunk.span.is_up());
        assert_eq!(trunk.span.call(call).unwrap().state, CallState::Active);
        trunk.wait_up();
        trunk.run_for(Duration::from_millis(500));
        assert_eq!(
            trunk.span.call(call).unwrap().state,
            CallState::Active,
            "STATUS says that libpri has it too"
        );
        clear(&mut trunk, call, 16);
        assert_eq!(released(&mut trunk, call), 16);
        finish(trunk, pbx);
    }
}

#[test]
fn t309_ends_the_calls_of_a_cable_that_stays_out() {
    for side in BOTH {
        let mut config = config(side);
        config.l3.t309 = Duration::from_millis(700);
        let (mut trunk, mut pbx) = trunk(config, &[]);
        pbx.policy("call=answer");
        let calls: Vec<CallId> = (0..3)
            .map(|_| {
                let call = trunk.span.start_call(Instant::now(), &CallRequest::new("4711")).unwrap();
                connected(&mut trunk, call);
                call
            })
            .collect();
        pbx.kill();
        for call in calls {
            assert_eq!(released(&mut trunk, call), 27);
        }
        // A new exchange finds a trunk with every channel free.
        let mut pbx = Pbx::connect(trunk.address(), other(side), &[]);
        trunk.wait_up();
        pbx.wait_up();
        pbx.policy("call=answer");
        let call = trunk.span.start_call(Instant::now(), &CallRequest::new("4711")).unwrap();
        connected(&mut trunk, call);
        clear(&mut trunk, call, 16);
        released(&mut trunk, call);
        finish(trunk, pbx);
    }
}

#[test]
fn lost_and_doubled_frames_and_sequence_errors_cost_no_call() {
    for side in BOTH {
        let mut config = config(side);
        config.l2.t200 = Duration::from_millis(150);
        config.l2.n200 = 8;
        let (mut trunk, mut pbx) = trunk(config, &[]);
        for timer in ["T200 150", "N200 8", "T303 20000", "T305 20000", "T308 20000"] {
            pbx.send(&format!("timer {timer}"));
        }
        pbx.policy("call=answer");
        trunk.set_faults(Faults { lose: 100, duplicate: 50, ..Faults::default() });
        for _ in 0..20 {
            let call = trunk.span.start_call(Instant::now(), &CallRequest::new("4711")).unwrap();
            connected(&mut trunk, call);
            clear(&mut trunk, call, 16);
            assert_eq!(released(&mut trunk, call), 16);
        }
        assert!(trunk.faults() > 10, "{} faults", trunk.faults());
        trunk.set_faults(Faults::default());
        // A frame with a wrong N(S): REJ, and the call goes on.
        let call = trunk.span.start_call(Instant::now(), &CallRequest::new("4711")).unwrap();
        connected(&mut trunk, call);
        pbx.send("drop tx 1");
        for number in ["4701", "4702"] {
            pbx.send(&format!("transferred last {number}"));
        }
        for number in ["4701", "4702"] {
            let told = trunk.call("transfer", Some(call), |_, event| match event {
                CallEvent::Facility(message) => Transfer::find(message),
                _ => None,
            });
            assert_eq!(told.number.shown().unwrap().digits(), number, "in order, each once");
        }
        assert!(trunk.span.is_up());
        clear(&mut trunk, call, 16);
        finish(trunk, pbx);
    }
}

#[test]
fn what_libpri_tells_about_transfer_and_diversion_is_understood() {
    let (mut trunk, mut pbx) = trunk(config(Side::Network), &[]);
    pbx.policy("call=answer");
    let call = trunk.span.start_call(Instant::now(), &CallRequest::new("4711")).unwrap();
    connected(&mut trunk, call);
    pbx.send("transferred last 4799 name=\"New One\"");
    let told = trunk.call("transfer", Some(call), |_, event| match event {
        CallEvent::Facility(message) => Transfer::find(message),
        _ => None,
    });
    assert!(matches!(told.kind, TransferKind::Complete { .. }), "{told:?}");
    assert_eq!(told.number.shown().unwrap().digits(), "4799");
    assert_eq!(told.name, Some(Name::Allowed("New One".into())));
    clear(&mut trunk, call, 16);
    released(&mut trunk, call);

    pbx.send("call 8001 from=4711 redir=4712 reason=15 orig=4713");
    let (call, setup, _) = incoming(&mut trunk);
    let Some(Diversion::Leg2 { counter: 2, diverting: Some(by), .. }) = Diversion::find(&setup) else {
        panic!("{setup:?}")
    };
    assert_eq!(by.shown().unwrap().digits(), "4712");
    // divertingLegInformation3 of ours is libpri's redirecting update.
    let leg3 =
        Diversion::Leg3 { presentation_allowed: true, redirection_name: Some(Name::Allowed("Here".into())) };
    let element = leg3.operation().unwrap().element(0x9F, 77);
    trunk
        .span
        .alert_call(Instant::now(), call, &CallDetail { elements: vec![element], ..CallDetail::default() })
        .unwrap();
    pbx_says(&mut trunk, &mut pbx, &json!({"ev": "rose", "type": "invoke", "op": 22}));
    clear(&mut trunk, call, 17);
    released(&mut trunk, call);
    finish(trunk, pbx);
}

/// What one of our calls may do next at random.
fn random_move(random: &mut StdRng, trunk: &mut Trunk, call: CallId) {
    let now = Instant::now();
    let Some(info) = trunk.span.call(call) else { return };
    let detail = CallDetail::default();
    // Refused in some states, which is part of the test.
    let _ = match random.random_range(0..10) {
        0 => trunk.span.acknowledge_call(now, call, &detail),
        1 => trunk.span.proceed_call(now, call, &detail),
        2 | 3 => trunk.span.alert_call(now, call, &named("A")),
        4..=6 if !info.outgoing => trunk.span.answer_call(now, call, &named("B")),
        7 => trunk.span.inform_call(now, call, MessageType::NOTIFY, vec![]),
        8 => trunk.span.send_digits(now, call, "12", random.random()),
        // libpri 1.6.0 keeps the record of a call that is disconnected before it has answered SETUP (README of the PBX).
        _ if info.state == CallState::CallInitiated => Ok(()),
        _ => trunk.span.clear_call(now, call, Cause::user(random.random_range(16..32))),
    };
}

/// What the PBX's half of a storm knows: calls that came to it and are not over.
#[derive(Default)]
struct Theirs(Vec<u64>);

impl Theirs {
    fn note(&mut self, event: &Value) {
        if field(event, "ev") != "call" {
            return;
        }
        match field(event, "state") {
            "setup" if field(event, "dir") == "in" => self.0.push(number(event, "id")),
            "released" | "cleared" => self.0.retain(|id| *id != number(event, "id")),
            _ => {}
        }
    }
}

fn storm(side: Side, calls: usize, seed: u64) {
    println!("side {side:?}, seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let (mut trunk, mut pbx) = trunk(config(side), &[]);
    pbx.policy("call=proceed");
    let (mut live, mut theirs): (Vec<CallId>, Theirs) = (Vec::new(), Theirs::default());
    let (mut started, mut answered, mut ended) = (0, 0, 0);
    let until = Instant::now() + Duration::from_secs(60);
    while started < calls || trunk.span.calls().count() > 0 {
        assert!(Instant::now() < until, "{started} calls started, {ended} ended");
        if started < calls && trunk.span.calls().count() < 24 {
            started += 1;
            let overlap = random.random_range(0..4) == 0;
            if random.random() {
                let request = CallRequest { complete: !overlap, ..CallRequest::new("4711") };
                // Refused when all channels are taken.
                live.extend(trunk.span.start_call(Instant::now(), &request));
            } else {
                pbx.send(&format!("call 8001 overlap={}", u8::from(overlap)));
            }
        }
        trunk.run_for(Duration::from_millis(1));
        while let Some(event) = trunk.next(Duration::ZERO) {
            match event {
                Event::Call { id, event: CallEvent::Incoming { .. } } => live.push(id),
                Event::Call { event: CallEvent::Connected(_), .. } => answered += 1,
                Event::Call { event: CallEvent::Released { .. }, .. } => ended += 1,
                _ => {}
            }
        }
        live.retain(|call| trunk.span.call(*call).is_some());
        pbx.events().fresh().iter().for_each(|event| theirs.note(event));
        for _ in 0..2 {
            if let Some(call) = pick(&mut random, &live) {
                random_move(&mut random, &mut trunk, call);
            }
            if let Some(id) = pick(&mut random, &theirs.0) {
                let command = ["alert", "answer", "answer", "progress", "hangup"][random.random_range(0..5)];
                pbx.send(&format!("{command} {id}"));
            }
        }
    }
    println!("{started} calls, {answered} of ours answered, {ended} ended");
    assert!(ended > calls / 2 && answered > calls / 20, "{ended} of {calls} ended, {answered} answered");
    settle(trunk, pbx);
}

fn pick<T: Copy>(random: &mut StdRng, of: &[T]) -> Option<T> {
    if of.is_empty() { None } else { Some(of[random.random_range(0..of.len())]) }
}

/// What happened to the calls libpri still has: for the message of a failed test.
fn stuck(trunk: &Trunk, pbx: &mut Pbx, status: &Value) -> String {
    let mut out = String::new();
    for call in status.get("calls").and_then(Value::as_array).into_iter().flatten() {
        let events = pbx.events().all(&json!({"ev": "call", "id": number(call, "id")}));
        let reference = events.iter().find_map(|event| event.get("cref").and_then(Value::as_u64));
        let rows = reference.map(|reference| {
            let filter = format!(
                "q931.call_ref == {:02x}:{:02x} || q931.call_ref == {:02x}:{:02x}",
                reference >> 8,
                reference & 255,
                reference >> 8 | 128,
                reference & 255
            );
            system_tests::tshark_fields(
                &trunk.capture(),
                &filter,
                &[
                    "frame.number",
                    "frame.time_relative",
                    "sll.pkttype",
                    "lapd.direction",
                    "q931.call_ref_flag",
                    "_ws.col.Info",
                ],
            )
        });
        out.push_str(&format!("{call}\n{events:#?}\n{rows:#?}\n"));
    }
    out
}

/// As [`finish`], with libpri's warnings about calls that are gone allowed.
#[track_caller]
fn settle(mut trunk: Trunk, mut pbx: Pbx) {
    let until = Instant::now() + Duration::from_secs(40);
    loop {
        let status = pbx_status(&mut trunk, &mut pbx);
        let zero = |name| status.get(name).and_then(Value::as_u64) == Some(0);
        if zero("libpri_calls") && zero("channels") && trunk.span.active_calls() == 0 {
            break;
        }
        assert!(
            Instant::now() < until,
            "left at libpri: {status}, at us: {}\n{}",
            trunk.span.active_calls(),
            stuck(&trunk, &mut pbx, &status)
        );
        trunk.run_for(Duration::from_millis(200));
    }
    trunk.finish();
}

/// How many calls each storm has: ISDN_STORM for a long run.
fn storm_calls() -> usize {
    std::env::var("ISDN_STORM").ok().and_then(|text| text.parse().ok()).unwrap_or(500)
}

#[test]
fn five_hundred_calls_with_random_events_as_network_leave_no_channel_and_no_call_reference() {
    storm(Side::Network, storm_calls(), 1);
}

#[test]
fn five_hundred_calls_with_random_events_as_user_leave_no_channel_and_no_call_reference() {
    storm(Side::User, storm_calls(), 2);
}

#[test]
fn callrerouteing_nobody_does_is_rejected_and_the_call_goes_on() {
    let (mut trunk, mut pbx) = trunk(config(Side::Network), &[]);
    let call = trunk.span.start_call(Instant::now(), &CallRequest::new("4711")).unwrap();
    let setup = pbx_says(&mut trunk, &mut pbx, &json!({"ev": "call", "state": "setup"}));
    let id = number(&setup, "id");
    pbx.send(&format!("proceed {id}"));
    pbx.send(&format!("deflect {id} 4799"));
    let asked = trunk.call("callRerouteing", Some(call), |_, event| match event {
        CallEvent::Facility(message) => message.all(0x1C).find_map(|body| {
            qsig::facility::Facility::parse(body)?.components().find_map(|component| match component {
                qsig::rose::Component::Invoke(invoke) => Rerouteing::read(invoke)?.ok(),
                _ => None,
            })
        }),
        _ => None,
    });
    assert_eq!((asked.called.digits(), asked.counter), ("4799", 1));
    pbx_says(&mut trunk, &mut pbx, &json!({"ev": "rose", "type": "reject", "problem": 1}));
    pbx.send(&format!("answer {id}"));
    connected(&mut trunk, call);
    clear(&mut trunk, call, 16);
    finish(trunk, pbx);
}

#[test]
fn service_takes_b_channels_out_and_puts_them_back_on_both_sides() {
    let switch_types = [
        (SwitchType::Primary4ess, "4ess"),
        (SwitchType::PrimaryNi, "ni2"),
        (SwitchType::Primary5ess, "5ess"),
        (SwitchType::PrimaryDms100, "dms100"),
    ];
    for (switch_type, libpri) in switch_types {
        let (mut trunk, mut pbx) = trunk(SpanConfig { switch_type, ..config(Side::User) }, &["-w", libpri]);
        let (ours, theirs) = (trunk.span.config().home(3), trunk.span.config().home(5));
        for (service, state) in [(ServiceState::OutOfService, 2), (ServiceState::InService, 0)] {
            // We tell libpri.
            assert!(trunk.span.set_service(Instant::now(), ours, service));
            pbx_says(&mut trunk, &mut pbx, &json!({"ev": "service", "channel": 3, "state": state}));
            // libpri tells us, and hears that we know.
            pbx.send(&format!("service 5 {state}"));
            pbx_says(&mut trunk, &mut pbx, &json!({"ev": "service-ack", "channel": 5, "state": state}));
            let free = service == ServiceState::InService;
            assert_eq!((trunk.span.has_free(ours), trunk.span.has_free(theirs)), (free, free), "{libpri}");
        }
        // An acknowledgement is not taken for another SERVICE.
        trunk.run_for(Duration::from_millis(200));
        assert_eq!(pbx.events().all(&json!({"ev": "service"})).len(), 2, "{libpri}");
        finish(trunk, pbx);
    }
}

//! Transfer by join and path replacement: who the other party is now, and shorter ways to it.

use super::*;
use qsig::path_replacement::{ESTABLISHMENT_FAILURE, PathReplacement};
use qsig::service::{Answer, Operation, Outcome, Service};
use qsig::transfer::{Transfer, TransferKind};
use qsig::{CallId, Carrier, IndicationId, PartyNumber, PresentedNumber};

fn sim() -> Sim {
    let mut sim = Sim::new();
    let services = [4, 5].into();
    let config = SpanConfig { services, ..sim.pbx[0].span.config().clone() };
    sim.pbx[0].span.set_config(sim.now, config);
    sim
}

/// The PBX sends an operation in a call.
fn invoke(sim: &mut Sim, call: CallId, operation: &Operation) {
    sim.pbx[0].span.invoke(sim.now, Carrier::Call(call), operation).unwrap();
    sim.settle();
}

/// The PBX has transferred a call to `number`.
fn transferred(sim: &mut Sim, call: CallId, end: u8, number: &str) {
    let transfer = Transfer {
        kind: TransferKind::Complete { end, alerting: false },
        number: PresentedNumber::Allowed(PartyNumber::Unknown(number.into())),
        name: Some(qsig::name::Name::Allowed("Heidi".into())),
    };
    invoke(sim, call, &transfer.operation().unwrap());
}

/// The path replacement operation the PBX was asked for last.
fn asked(sim: &Sim) -> (IndicationId, Carrier, PathReplacement) {
    let (id, carrier, invoke) = sim.pbx[0].invoked.last().expect("an operation");
    (*id, *carrier, PathReplacement::read(invoke).expect("path replacement").expect("an argument"))
}

fn propose(identity: &str, number: &str) -> Operation {
    let operation = PathReplacement::Propose {
        call_identity: identity.into(),
        rerouteing_number: PartyNumber::Unknown(number.into()),
    };
    // Refusals are waited for.
    Operation { supervision: Some(Duration::from_secs(60)), ..operation.operation().unwrap() }
}

/// One call is left, on this channel of the PBX, and its telephone hears it.
#[track_caller]
fn one_call_left(sim: &mut Sim, call: CallId, before: MediaEnd) {
    assert_eq!(sim.pbx_calls(0), [call]);
    assert_eq!((sim.pbx[0].span.channels_in_use(), sim.switch.trunks[0].span.channels_in_use()), (1, 1));
    let channel = sim.channel(0);
    assert_ne!(channel, before);
    sim.assert_talk(line(0), channel);
    sim.wait(120_000);
    sim.assert_talk(line(0), channel);
    sim.on_hook(0);
    sim.wait(1000);
    sim.assert_nothing_left();
}

#[test]
fn a_proposal_of_the_pbx_is_followed_and_the_old_channel_is_free() {
    let mut sim = sim();
    sim.call(0, "4711");
    sim.pbx_answer(0);
    let (old, before) = (sim.pbx_calls(0)[0], sim.channel(0));
    sim.pbx[0].behaviour = Behaviour::Ignore;
    invoke(&mut sim, old, &propose("12", "4799"));
    let (id, carrier, operation) = asked(&sim);
    assert_eq!(operation, PathReplacement::Setup { call_identity: "12".into() });
    let Carrier::Call(new) = carrier else { panic!("{carrier:?}") };
    let setup = sim.pbx[0].events.iter().find_map(|(call, event)| match event {
        CallEvent::Incoming { digits, message, .. } if *call == new => {
            Some((digits.clone(), message.clone()))
        }
        _ => None,
    });
    let (digits, setup) = setup.expect("SETUP");
    let calling = setup.get(qsig::q931::ie::CALLING_NUMBER).and_then(|b| qsig::q931::Number::parse(b));
    assert_eq!((digits.as_str(), calling.expect("a number").digits.as_str()), ("4799", "8000"));
    sim.assert_talk(line(0), before);
    sim.pbx[0].span.answer(sim.now, id, Answer::Done);
    sim.pbx[0].span.answer_call(sim.now, new, &CallDetail::default()).unwrap();
    sim.settle();
    sim.wait(100);
    one_call_left(&mut sim, new, before);
}

#[test]
fn a_replacing_call_that_fails_leaves_the_old_one() {
    for answers in [true, false] {
        let mut sim = sim();
        sim.call(0, "4711");
        sim.pbx_answer(0);
        let (old, before) = (sim.pbx_calls(0)[0], sim.channel(0));
        sim.pbx[0].behaviour = if answers { Behaviour::Refuse(1) } else { Behaviour::Ring };
        invoke(&mut sim, old, &propose("12", "4799"));
        sim.wait(40_000);
        assert_eq!(sim.pbx_calls(0), [old]);
        let refused = Outcome::Error(ESTABLISHMENT_FAILURE, None);
        assert_eq!(sim.pbx[0].done, [refused]);
        sim.assert_talk(line(0), before);
        sim.on_hook(0);
        sim.wait(1000);
        sim.assert_nothing_left();
    }
}

#[test]
fn a_user_who_hangs_up_during_a_replacement_leaves_no_call() {
    let mut sim = sim();
    sim.call(0, "4711");
    sim.pbx_answer(0);
    let old = sim.pbx_calls(0)[0];
    invoke(&mut sim, old, &propose("12", "4799"));
    assert_eq!(sim.pbx_calls(0).len(), 2);
    sim.on_hook(0);
    sim.wait(10_000);
    sim.assert_nothing_left();
}

#[test]
fn after_a_transfer_of_the_pbx_the_gateway_proposes_and_takes_the_new_call() {
    let mut sim = sim();
    sim.call(0, "4711");
    sim.pbx_answer(0);
    let (old, before) = (sim.pbx_calls(0)[0], sim.channel(0));
    transferred(&mut sim, old, 0, "4799");
    let shown = sim.switch.calls.legs.values().find(|leg| leg.outgoing).expect("a leg").party.clone();
    assert_eq!((shown.number.as_str(), shown.name.as_deref()), ("4799", Some("Heidi")));
    let (_, carrier, operation) = asked(&sim);
    let PathReplacement::Propose { call_identity, rerouteing_number } = operation else {
        panic!("{operation:?}")
    };
    assert_eq!((carrier, rerouteing_number.digits()), (Carrier::Call(old), "8000"));
    let setup = PathReplacement::Setup { call_identity }.operation().unwrap();
    let setup = Operation { supervision: Some(Duration::from_secs(15)), ..setup };
    let (new, _) = sim.pbx[0].span.start_call_with(sim.now, &CallRequest::new("8000"), &setup).unwrap();
    sim.settle();
    assert_eq!(sim.pbx[0].done, [Outcome::Result(None)]);
    assert!(sim.pbx[0].events.iter().any(|(call, e)| *call == new && matches!(e, CallEvent::Connected(_))));
    sim.pbx[0].span.clear_call(sim.now, old, qsig::q931::Cause::user(16)).unwrap();
    sim.settle();
    sim.wait(100);
    one_call_left(&mut sim, new, before);
}

#[test]
fn two_calls_of_the_gateway_that_the_pbx_joined_meet_here_and_free_both_channels() {
    let mut sim = sim();
    sim.call(0, "4711");
    sim.pbx_answer(0);
    let first = sim.pbx_calls(0)[0];
    let second = sim.pbx_call(0, &CallRequest::new("8001"));
    sim.off_hook(1);
    sim.wait(100);
    transferred(&mut sim, first, 0, "8001");
    transferred(&mut sim, second, 1, "8000");
    // The exchange passes the proposal on to the other call.
    let (_, carrier, operation) = asked(&sim);
    assert_eq!(carrier, Carrier::Call(first));
    invoke(&mut sim, second, &operation.operation().unwrap());
    sim.wait(1000);
    sim.assert_talk(line(0), line(1));
    assert_eq!(sim.pbx_calls(0), []);
    assert_eq!(sim.switch.trunks[0].span.channels_in_use(), 0);
    sim.on_hook(0);
    sim.on_hook(1);
    sim.wait(1000);
    sim.assert_nothing_left();
}

#[test]
fn a_pbx_is_told_whom_its_party_speaks_with_after_a_transfer_at_the_gateway() {
    let mut sim = sim();
    let caller = sim.pbx_call(0, &CallRequest::new("8000"));
    sim.off_hook(0);
    sim.flash(0);
    sim.dial(0, "8001");
    sim.off_hook(1);
    sim.on_hook(0);
    sim.wait(1000);
    let channel = sim.channel(0);
    sim.assert_talk(line(1), channel);
    let told = sim.pbx[0].events.iter().find_map(|(call, event)| match event {
        CallEvent::Facility(message) if *call == caller => Transfer::find(message),
        _ => None,
    });
    let told = told.expect("callTransferComplete");
    assert_eq!(told.kind, TransferKind::Complete { end: 0, alerting: false });
    assert_eq!(told.number.shown().map(PartyNumber::digits), Some("8001"));
}

//! Telephones whose calls go elsewhere.

use qsig::diversion::{DiversionReason, Rerouteing};
use qsig::q931::ie;
use qsig::service::{Answer, Operation, Service as _};
use qsig::{CallError, Carrier, PartyNumber, PresentedNumber};

use super::phones::{Manner, SIP};
use super::*;

impl Sim {
    /// The exchange of a called party wants it called at another number.
    pub(super) fn pbx_reroutes(&mut self, trunk: usize, id: qsig::CallId, to: &str) -> Result<(), CallError> {
        let wanted = Rerouteing {
            reason: DiversionReason::Unconditional,
            original_reason: None,
            called: PartyNumber::Unknown(to.into()),
            counter: 1,
            elements: bytes::Bytes::from_static(&[ie::BEARER_CAPABILITY, 3, 0x80, 0x90, 0xA3]),
            last: PresentedNumber::Allowed(PartyNumber::Unknown("4711".into())),
            subscription: 0,
            calling: PresentedNumber::NotAvailable,
            calling_name: None,
            original_called: None,
            redirecting_name: None,
            original_called_name: None,
        };
        let operation =
            Operation { supervision: Some(Duration::from_secs(10)), ..wanted.operation().unwrap() };
        self.pbx[trunk].span.invoke(self.now, Carrier::Call(id), &operation)?;
        self.settle();
        Ok(())
    }
}

fn ringing(sim: &Sim, line: usize) -> bool {
    sim.state(line) == State::Ringing
}

#[test]
fn every_call_of_a_telephone_goes_elsewhere() {
    let mut sim = Sim::and("voice-port 2/1\n tipring call-forward all 8002\n");
    sim.call(0, "8001");
    assert_eq!((ringing(&sim, 1), ringing(&sim, 2)), (false, true));
    sim.off_hook(2);
    sim.assert_talk(line(0), line(2));
    sim.on_hook(0);
    sim.on_hook(2);
    // In a circle nobody is found.
    sim.apply(&format!("{CONFIG}voice-port 2/1\n tipring call-forward all 8002\nvoice-port 2/2\n tipring call-forward all 8001\n"));
    sim.call(0, "8001");
    assert_eq!(sim.tone(0), Tone::Congestion);
    sim.on_hook(0);
    sim.wait(200_000);
    sim.assert_nothing_left();
}

#[test]
fn a_busy_telephone_and_one_nobody_answers_pass_their_calls_on() {
    let mut sim = Sim::and(
        "voice-port 2/1\n tipring call-forward busy 8002\n tipring call-forward noan 4711 timeout 12\n",
    );
    sim.off_hook(1);
    sim.call(0, "8001");
    assert!(ringing(&sim, 2));
    sim.on_hook(0);
    sim.on_hook(1);
    sim.call(0, "8001");
    assert!(ringing(&sim, 1));
    sim.wait(11_000);
    assert!(ringing(&sim, 1) && sim.pbx_calls(0).is_empty());
    sim.wait(1_500);
    assert!(!ringing(&sim, 1));
    // The PBX is told who passed the call on.
    let told = sim.pbx[0].events.iter().any(|(_, event)| {
        matches!(event, CallEvent::Incoming { .. }) && format!("{event:?}").contains("8001")
    });
    assert!(told, "the diversion names 8001");
    sim.pbx_answer(0);
    let channel = sim.channel(0);
    sim.assert_talk(line(0), channel);
    // An answered call stays however long it lasts.
    sim.wait(60_000);
    sim.assert_talk(line(0), channel);
    sim.on_hook(0);
    sim.call(0, "8001");
    sim.off_hook(1);
    sim.wait(30_000);
    sim.assert_talk(line(0), line(1));
    sim.on_hook(0);
    sim.on_hook(1);
    sim.wait(200_000);
    sim.assert_nothing_left();
}

#[test]
fn a_user_forwards_calls_by_code_and_sip_learns_who_did() {
    let mut sim = Sim::and(&format!("stcapp feature access-code\n!\n{SIP}"));
    sim.call(1, "**15001");
    sim.on_hook(1);
    sim.phones.manner = Manner::Answer;
    sim.call(0, "8001");
    assert!(!ringing(&sim, 1));
    assert_eq!(sim.phones.calls.len(), 1);
    assert!(sim.phones.last_invite.contains("Diversion: "), "{}", sim.phones.last_invite);
    let diversion = sim.phones.last_invite.lines().find(|line| line.starts_with("Diversion: ")).unwrap();
    assert!(diversion.contains("sip:8001@") && diversion.contains("reason=unconditional"), "{diversion}");
    sim.on_hook(0);
    // The user's own calls go as ever, and the code takes it back.
    sim.call(1, "8002");
    assert!(ringing(&sim, 2));
    sim.on_hook(1);
    sim.call(1, "**2");
    sim.on_hook(1);
    sim.call(0, "8001");
    assert!(ringing(&sim, 1));
    sim.on_hook(0);
    sim.wait(200_000);
    sim.assert_nothing_left();
}

/// Calls by SIP to a telephone that forwards to SIP: sent there, or carried there.
#[test]
fn a_sip_caller_is_sent_where_a_telephone_forwards_to() {
    let forward = "voice-port 2/1\n tipring call-forward all 5002\n";
    let mut sim = Sim::and(&format!("{SIP}{forward}"));
    sim.phones.call(sim.now, "8001");
    sim.settle();
    sim.wait(1000);
    let (to, by) = sim.phones.sent_to.last().cloned().expect("302");
    assert_eq!(to, "sip:5002@192.0.2.9");
    assert!(by.contains("<sip:8001@") && by.contains("reason=unconditional"), "{by}");
    sim.wait(60_000);
    sim.assert_nothing_left();
    // Of its own numbers the gateway takes care itself.
    sim.apply(&format!("{CONFIG}{SIP}voice-port 2/1\n tipring call-forward all 8002\n"));
    sim.phones.call(sim.now, "8001");
    sim.settle();
    assert!(ringing(&sim, 2) && sim.phones.sent_to.len() == 1);
    let call = sim.phones.calls[0];
    sim.phones.hang_up(sim.now, call);
    sim.settle();
    for forbids in [
        "voice service voip\n no supplementary-service sip moved-temporarily\n",
        "dial-peer voice 5 voip\n no supplementary-service sip moved-temporarily\n",
    ] {
        sim.apply(&format!("{CONFIG}{SIP}{forward}{forbids}"));
        sim.phones.manner = Manner::Ring;
        sim.phones.call(sim.now, "8001");
        sim.settle();
        sim.wait(1000);
        assert_eq!((sim.phones.calls.len(), sim.phones.sent_to.len()), (2, 1), "{forbids}");
        assert!(sim.phones.last_invite.contains("Diversion: "), "{}", sim.phones.last_invite);
        for call in sim.phones.calls.clone() {
            sim.phones.hang_up(sim.now, call);
        }
        sim.settle();
        sim.wait(60_000);
        sim.assert_nothing_left();
    }
}

/// What the exchange is asked for, if it is.
fn asked(sim: &Sim) -> Option<(qsig::IndicationId, Rerouteing)> {
    let (id, _, invoke) = sim.pbx[0].invoked.last()?;
    Some((*id, Rerouteing::read(invoke)?.expect("an argument")))
}

#[test]
fn the_exchange_of_the_caller_is_asked_to_call_where_a_telephone_forwards_to() {
    let forward = "voice-port 2/1\n tipring call-forward all 4711\n tipring call-forward noan 4712 timeout 10\n\
                   voice service pots\n supplementary-service qsig call-forward\n";
    for grants in [true, false] {
        let mut sim = Sim::and(forward);
        let config = SpanConfig { services: [19].into(), ..sim.pbx[0].span.config().clone() };
        sim.pbx[0].span.set_config(sim.now, config);
        let mut request = CallRequest::new("8001");
        request.calling = Some(qsig::q931::Number {
            plan: qsig::q931::NumberPlan::UNKNOWN,
            presentation: Some(0x80),
            digits: "4700".into(),
        });
        sim.pbx_call(0, &request);
        sim.wait(100);
        let (id, wanted) = asked(&sim).expect("callRerouteing");
        assert_eq!((wanted.reason, wanted.counter), (DiversionReason::Unconditional, 1));
        assert_eq!(wanted.called.digits(), "4711");
        assert_eq!(wanted.last.shown().map(qsig::PartyNumber::digits), Some("8001"));
        assert_eq!(wanted.calling.shown().map(qsig::PartyNumber::digits), Some("4700"));
        assert_eq!(sim.pbx_calls(0).len(), 1, "nothing goes out before the exchange has answered");
        let answer = if grants { Answer::Done } else { Answer::Error(1) };
        sim.pbx[0].span.answer(sim.now, id, answer);
        sim.settle();
        sim.wait(1000);
        if grants {
            assert_eq!((sim.pbx_calls(0).len(), sim.pbx_cause(0)), (0, Some(16)));
        } else {
            assert_eq!(sim.pbx_calls(0).len(), 2, "forwarded by the gateway");
            sim.pbx_clear(0, 16);
        }
        sim.wait(60_000);
        sim.assert_nothing_left();
    }
    // Where nobody says so, nobody is asked.
    let mut sim = Sim::and("voice-port 2/1\n tipring call-forward all 8002\n");
    sim.pbx_call(0, &CallRequest::new("8001"));
    sim.wait(100);
    assert!(ringing(&sim, 2) && asked(&sim).is_none());
    sim.pbx_clear(0, 16);
    sim.wait(60_000);
    sim.assert_nothing_left();
}

#[test]
fn what_a_user_forwarded_by_code_is_known_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let kept = |store: &mut Store| store.take_forwards().collect::<Vec<_>>();
    let (mut store, _) = Store::open(directory.path(), |_| {}).unwrap();
    assert_eq!(kept(&mut store), []);
    store.put_forward("2/0", Some("8001"));
    store.put_forward("2/1", Some("8002"));
    store.put_forward("2/0", Some("8003"));
    store.put_forward("2/1", None);
    drop(store);
    let (mut store, _) = Store::open(directory.path(), |_| {}).unwrap();
    assert_eq!(kept(&mut store), [("2/0".to_owned(), "8003".to_owned())]);
}

//! The reference captures of two libpri 1.6.0 stacks: read, written again, and replayed against a span of ours.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use common::{Captured, capture, captures, unhex};
use qsig::facility::{Facility, Interpretation, Item, PROFILE_NETWORKING};
use qsig::lapd::{Control, Frame, SupervisoryKind};
use qsig::mwi::{self, MwiAnswer};
use qsig::q931::{BearerCapability, Cause, ChannelId, Message, MessageType, Number, RestartIndicator, ie};
use qsig::rose::{Code, Component};
use qsig::{Event, MwiDialect, MwiOutcome, MwiRequest, OperationForm, Side, Span, SpanConfig, decode};

#[test]
fn every_frame_and_message_reads_and_writes_the_same_octets() {
    let (mut frames, mut messages, mut facilities) = (0, 0, 0);
    for name in captures() {
        for Captured { octets, .. } in capture(&name) {
            frames += 1;
            let frame = Frame::parse(&octets).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(frame.to_bytes(), octets, "{name}");
            let Some(layer3) = decode::layer3(&octets) else { continue };
            messages += 1;
            let (message, whole) = Message::parse_checked(layer3).unwrap();
            assert!(whole && message.kind.name().is_some(), "{name}");
            assert_eq!(message.to_bytes(), layer3, "{name}");
            assert_eq!(message.len(), layer3.len());
            for element in &message.elements {
                let body = &element.body;
                let again = match element.id {
                    ie::FACILITY => {
                        facilities += 1;
                        let facility = Facility::parse(body).unwrap();
                        assert!(!facility.items.iter().any(|item| matches!(item, Item::Other(_))), "{name}");
                        assert!(facility.components().count() > 0, "{name}");
                        facility.to_vec()
                    }
                    ie::CAUSE => Cause::parse(body).unwrap().element().body.to_vec(),
                    ie::CHANNEL_ID => ChannelId::parse(body).unwrap().element().body.to_vec(),
                    ie::CALLING_NUMBER | ie::CALLED_NUMBER | ie::CONNECTED_NUMBER => {
                        Number::parse(body).unwrap().element(element.id).body.to_vec()
                    }
                    ie::RESTART => RestartIndicator::parse(body).unwrap().element().body.to_vec(),
                    ie::BEARER_CAPABILITY => BearerCapability(body.clone()).element().body.to_vec(),
                    ie::SENDING_COMPLETE => Vec::new(),
                    other => panic!("{name}: element {other:02x} has no test"),
                };
                assert_eq!(again, *body, "{name}");
            }
            for line in decode::q931(layer3, true) {
                assert!(!line.contains("unreadable") && !line.contains("not decoded"), "{name}: {line}");
            }
        }
    }
    // Figures of the 33 files: a capture that stops being read would show here.
    assert_eq!(captures().len(), 33);
    println!("{frames} frames, {messages} messages, {facilities} facility elements");
    assert!(frames > 450 && messages > 200 && facilities > 80);
}

#[test]
fn every_mwi_invoke_and_result_decodes_and_encodes_the_same_octets() {
    let (mut invokes, mut lists) = (0, 0);
    for name in captures().iter().filter(|name| name.starts_with("mwi") || name.starts_with("l2")) {
        for Captured { octets, .. } in capture(name) {
            let Some(layer3) = decode::layer3(&octets) else { continue };
            let message = Message::parse(layer3).unwrap();
            for facility in message.all(ie::FACILITY).map(|body| Facility::parse(body).unwrap()) {
                for component in facility.components() {
                    match component {
                        Component::Invoke(invoke) => {
                            invokes += 1;
                            let request = mwi::parse_invoke(invoke).unwrap().unwrap();
                            let dialect =
                                MwiDialect { operation: form(&invoke.operation), ..MwiDialect::default() };
                            let again = mwi::invoke(&request, &dialect, invoke.invoke_id).unwrap();
                            assert_eq!(again.to_vec(), component.to_vec(), "{name}");
                        }
                        Component::ReturnResult(result) => {
                            let Some(body) = &result.result else { continue };
                            if body.operation == Code::Local(82) {
                                lists += 1;
                                let result = body.result.as_ref().unwrap();
                                let list = mwi::parse_interrogate_result(result).unwrap();
                                assert_eq!(list.len(), 2);
                                assert_eq!(&mwi::interrogate_result(&list).unwrap(), result);
                            }
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    assert_eq!((invokes, lists), (41, 1));
}

fn form(code: &Code) -> OperationForm {
    match code {
        Code::Local(_) => OperationForm::Local,
        Code::Global(oid) if oid.len() == 5 && oid[1] == 3 => OperationForm::EcmaGlobal,
        Code::Global(_) => OperationForm::IsoGlobal,
    }
}

/// The configuration and request that make us say what the captured SETUP says.
fn as_asked(setup: &Message) -> (MwiDialect, MwiRequest) {
    let facility = Facility::parse(setup.get(ie::FACILITY).unwrap()).unwrap();
    let Some(Component::Invoke(invoke)) = facility.components().next() else { panic!("no invoke") };
    let mut request = mwi::parse_invoke(invoke).unwrap().unwrap();
    let party = |body: &bytes::Bytes| qsig::PartyNumber::Unknown(Number::parse(body).unwrap().digits);
    request.calling_number = setup.get(ie::CALLING_NUMBER).map(party);
    request.called_number = setup.get(ie::CALLED_NUMBER).map(party);
    let said = |value| Item::Interpretation(value);
    let interpretation = match () {
        () if facility.items.contains(&said(0)) => Some(Interpretation::Discard),
        () if facility.items.contains(&said(1)) => Some(Interpretation::ClearCall),
        () if facility.items.contains(&said(2)) => Some(Interpretation::Reject),
        () => None,
    };
    let dialect = MwiDialect {
        operation: form(&invoke.operation),
        profile: facility.profile,
        nfe: facility.items.iter().any(|item| matches!(item, Item::Nfe(_))),
        interpretation,
        sending_complete: setup.all(ie::SENDING_COMPLETE).count() == 1,
        first_invoke_id: invoke.invoke_id,
        ..MwiDialect::default()
    };
    (dialect, request)
}

/// How the captured answer would be asked of us.
fn as_answered(message: &Message) -> MwiAnswer {
    let Some(body) = message.get(ie::FACILITY) else {
        return match message.cause() {
            Some(cause) => MwiAnswer::Cause(cause.value),
            None => MwiAnswer::Silent,
        };
    };
    match Facility::parse(body).unwrap().components().next().unwrap() {
        Component::ReturnResult(result) => match &result.result {
            None => MwiAnswer::ShortResult,
            Some(body) if body.operation == Code::Local(82) => MwiAnswer::InterrogateResult(
                mwi::parse_interrogate_result(body.result.as_ref().unwrap()).unwrap(),
            ),
            Some(_) => MwiAnswer::Result,
        },
        Component::ReturnError(error) => MwiAnswer::Error(error.error.value().unwrap()),
        Component::Reject(reject) => match reject.problem {
            qsig::rose::Problem::Invoke(problem) => MwiAnswer::Reject(problem.try_into().unwrap()),
            other => panic!("{other:?}"),
        },
        Component::Invoke(_) => panic!("an invoke is no answer"),
    }
}

/// A bare acknowledgement, which we may leave to the next I frame.
fn is_acknowledgement(octets: &[u8]) -> bool {
    matches!(
        Frame::parse(octets).unwrap(),
        Frame { control: Control::Supervisory { kind: SupervisoryKind::ReceiveReady, .. }, pf: false, .. }
    )
}

/// Plays the other side's half of a capture and asks that our half is, octet for octet, what libpri sent: every
/// frame but bare acknowledgements.
fn replay(name: &str, ours: Side, tune: impl Fn(&mut SpanConfig)) -> Vec<MwiOutcome> {
    let frames = capture(name);
    let mut config = SpanConfig { side: ours, ..SpanConfig::default() };
    tune(&mut config);
    let mut span = Span::new(config.clone());
    let mut now = Instant::now();
    let mut said: VecDeque<Vec<u8>> = VecDeque::new();
    let mut outcomes = Vec::new();
    let mut indicated = VecDeque::new();
    span.handle_link(now, true);
    for Captured { from, octets } in &frames {
        if *from != ours {
            span.handle_frame(now, octets);
        } else if !is_acknowledgement(octets) {
            let message = decode::layer3(octets).map(|layer3| Message::parse(layer3).unwrap());
            let setup = message.as_ref().filter(|m| m.kind == MessageType::SETUP);
            drain(&mut span, &mut said, &mut indicated, &mut outcomes);
            if let Some(setup) = setup.filter(|s| said.is_empty() && s.get(ie::FACILITY).is_some()) {
                let (mwi, request) = as_asked(setup);
                let next = SpanConfig {
                    mwi: MwiDialect { connect_is_done: config.mwi.connect_is_done, ..mwi },
                    ..config.clone()
                };
                if span.statistics().mwi_invoked == 0 {
                    // A fresh span knows the first invoke identifier; its link state is the same.
                    span = Span::new(next.clone());
                    span.handle_link(now, true);
                    for earlier in frames.iter().take_while(|f| f.octets != *octets) {
                        if earlier.from != ours {
                            span.handle_frame(now, &earlier.octets);
                        }
                    }
                    drain(&mut span, &mut VecDeque::new(), &mut indicated, &mut outcomes);
                } else {
                    span.set_config(now, next);
                }
                span.invoke_mwi(now, request).unwrap();
            } else if let Some((id, message)) =
                indicated.front().copied().zip(message.as_ref()).filter(|_| said.is_empty())
            {
                indicated.pop_front();
                span.answer_mwi(now, id, as_answered(message));
            }
            drain(&mut span, &mut said, &mut indicated, &mut outcomes);
            while said.is_empty() {
                // A frame that time makes.
                now = span.poll_timeout().unwrap_or_else(|| panic!("{name}: nothing more to come")).max(now);
                span.handle_timeout(now);
                drain(&mut span, &mut said, &mut indicated, &mut outcomes);
            }
            let got = said.pop_front().unwrap();
            assert_eq!(
                decode::q921(&got, true),
                decode::q921(octets, true),
                "{name} as {ours:?}, {:?}",
                decode::layer3(&got).map(|m| decode::q931(m, true))
            );
            assert_eq!(got, *octets, "{name} as {ours:?}");
        }
        drain(&mut span, &mut said, &mut indicated, &mut outcomes);
    }
    assert!(said.is_empty(), "{name}: more than the capture has: {said:02x?}");
    assert_eq!((span.active_calls(), span.pending_mwi()), (0, 0), "{name} as {ours:?}");
    outcomes
}

fn drain(
    span: &mut Span,
    said: &mut VecDeque<Vec<u8>>,
    indicated: &mut VecDeque<qsig::IndicationId>,
    outcomes: &mut Vec<MwiOutcome>,
) {
    while let Some(frame) = span.poll_frame() {
        if !is_acknowledgement(&frame) {
            said.push_back(frame.to_vec());
        }
    }
    while let Some(event) = span.poll_event() {
        match event {
            Event::MwiDone { outcome, .. } => outcomes.push(outcome),
            Event::MwiIndication { id, .. } => indicated.push_back(id),
            Event::DataLinkUp | Event::DataLinkDown => {}
            #[allow(unreachable_patterns)]
            _ => {}
        }
    }
}

#[test]
fn as_message_centre_we_say_what_libpri_says() {
    use MwiOutcome::{Cause, Done, Error, Reject};
    use qsig::rose::Problem;
    let plain = |name| replay(name, Side::Network, |_| {});
    assert_eq!(plain("mwi_on"), [Done]);
    assert_eq!(plain("mwi_off"), [Done]);
    assert_eq!(plain("mwi_on_count_only"), [Done, Done]);
    assert_eq!(plain("mwi_on_all_arguments"), [Done]);
    assert_eq!(plain("mwi_off_centre"), [Done, Done, Done]);
    assert_eq!(plain("mwi_result_short"), [Done]);
    assert_eq!(plain("mwi_result_in_release"), [Done]);
    assert_eq!(plain("mwi_proceeding_first"), [Done]);
    assert_eq!(plain("mwi_error_invalid_user"), [Error(6)]);
    assert_eq!(plain("mwi_error_values"), [Error(0), Error(3), Error(8), Error(1008), Error(1018)]);
    assert_eq!(plain("mwi_reject"), [Reject(Problem::Invoke(1))]);
    assert_eq!(plain("mwi_unsupported"), [Cause(69)]);
    assert_eq!(plain("mwi_cause"), [Cause(27), Cause(3)]);
    assert_eq!(plain("mwi_dialects"), [Cause(69), Cause(69), Done, Done, Done, Done]);
    let connect_is_done = |config: &mut SpanConfig| config.mwi.connect_is_done = true;
    assert_eq!(replay("mwi_connect_without_answer", Side::Network, connect_is_done), [Done]);
    assert_eq!(replay("mwi_on_from_user_side", Side::User, |_| {}), [Done]);
    let [Done, Done, MwiOutcome::Interrogated(list)] = &plain("mwi_interrogate")[..] else {
        panic!("{:?}", plain("mwi_interrogate"))
    };
    assert_eq!(
        list.iter().map(|s| (s.basic_service.0, s.messages)).collect::<Vec<_>>(),
        [(1, Some(3)), (51, Some(1))]
    );
}

#[test]
fn as_served_user_we_say_what_libpri_says() {
    for name in [
        "mwi_on",
        "mwi_off",
        "mwi_on_count_only",
        "mwi_on_all_arguments",
        "mwi_off_centre",
        "mwi_interrogate",
        "mwi_result_short",
        "mwi_error_invalid_user",
        "mwi_error_values",
        "mwi_reject",
        "mwi_unsupported",
        "mwi_cause",
        "mwi_connect_without_answer",
    ] {
        assert_eq!(replay(name, Side::User, |_| {}), [], "{name}");
    }
    assert_eq!(replay("mwi_on_from_user_side", Side::Network, |_| {}), []);
}

#[test]
fn layer_2_recovers_and_polls_as_libpri_does() {
    replay("l2_establish", Side::Network, |_| {});
    replay("l2_establish", Side::User, |config| config.l2.t203 = Duration::from_secs(11));
    assert_eq!(replay("l2_frame_lost", Side::Network, |_| {}), [MwiOutcome::Done]);
    replay("restart_channel", Side::User, |_| {});
}

#[test]
fn a_setup_repeated_after_t303_carries_the_facility_again() {
    // libpri's capture shows the SETUP without it the second time: the one place where we differ on purpose.
    let frames = capture("mwi_no_answer");
    let setups: Vec<&[u8]> = frames.iter().filter_map(|f| decode::layer3(&f.octets)).collect();
    assert!(Message::parse(setups[1]).unwrap().get(ie::FACILITY).is_none());
    let (mwi, request) = as_asked(&Message::parse(setups[0]).unwrap());
    let mut bench = common::Bench::new(SpanConfig { mwi, ..SpanConfig::default() });
    bench.span.invoke_mwi(bench.now, request).unwrap();
    bench.pump();
    bench.pass(Duration::from_millis(3999));
    assert_eq!(bench.heard.len(), 1);
    bench.pass(Duration::from_millis(1));
    let heard = bench.heard();
    assert_eq!(heard[0].to_bytes(), setups[0]);
    assert_eq!(heard[1].to_bytes(), setups[0]);
    bench.pass(Duration::from_secs(4));
    let [Event::MwiDone { outcome: MwiOutcome::NoAnswer, .. }] = bench.events()[..] else {
        panic!("outcome")
    };
    let [complete] = &bench.heard()[..] else { panic!("one message") };
    assert_eq!((complete.kind, complete.cause().unwrap().value), (MessageType::RELEASE_COMPLETE, 102));
    assert_eq!(bench.span.active_calls(), 0);
}

#[test]
fn the_pair_of_the_note_is_read_as_written_there() {
    // QSIG-MWI.md section 4, error 6.
    let body = unhex("9f aa06800100820100 a306020101020106");
    let facility = Facility::parse(&body).unwrap();
    assert_eq!(facility.profile, PROFILE_NETWORKING);
    assert_eq!(facility.components().next(), Some(&Component::error(1, 6)));
}

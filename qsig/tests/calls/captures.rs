//! What libpri said and heard, replayed from both ends.

use super::prelude::*;

fn is_acknowledgement(octets: &[u8]) -> bool {
    matches!(
        Frame::parse(octets).unwrap(),
        Frame { control: Control::Supervisory { kind: SupervisoryKind::ReceiveReady, .. }, pf: false, .. }
    )
}

/// Plays the other side's half of a capture; the owner's part is read from what our side must say.
fn replay(name: &str, ours: Side) -> Vec<CallEvent> {
    // The owner in the captures leaves callRerouteing unanswered; ours would have it refused.
    let mut span = Span::new(SpanConfig { pass_services: true, ..config(ours) });
    let now = Instant::now();
    span.handle_link(now, true);
    let (mut events, mut said, mut call) = (Vec::new(), VecDeque::new(), None);
    let mut drain = |span: &mut Span, said: &mut VecDeque<Vec<u8>>, call: &mut Option<CallId>| {
        while let Some(frame) = span.poll_frame() {
            if !is_acknowledgement(&frame) {
                said.push_back(frame.to_vec());
            }
        }
        while let Some(event) = span.poll_event() {
            if let Event::Call { id, event } = event {
                call.get_or_insert(id);
                events.push(event);
            }
        }
    };
    for Captured { from, octets } in capture(name) {
        if from != ours {
            span.handle_frame(now, &octets);
            drain(&mut span, &mut said, &mut call);
            continue;
        }
        if is_acknowledgement(&octets) {
            continue;
        }
        drain(&mut span, &mut said, &mut call);
        if said.is_empty() {
            let message = Message::parse(decode::layer3(&octets).unwrap()).unwrap();
            act(&mut span, now, &mut call, &message);
            drain(&mut span, &mut said, &mut call);
        }
        let got = said.pop_front().unwrap_or_else(|| panic!("{name} as {ours:?}: nothing said"));
        assert_eq!(
            got,
            octets,
            "{name} as {ours:?}: {:?}",
            decode::layer3(&got).map(|message| decode::q931(message, true))
        );
    }
    assert!(said.is_empty(), "{name}: {said:02x?}");
    assert_eq!((span.active_calls(), span.channels_in_use()), (0, 0), "{name} as {ours:?}");
    events
}

/// Commands the span so that it says `message`.
fn act(span: &mut Span, now: Instant, call: &mut Option<CallId>, message: &Message) {
    let detail = || {
        // The channel identification of the first response is the span's own.
        let own = |e: &&Element| e.id != ie::CHANNEL_ID || message.kind == MessageType::CONNECT;
        CallDetail { elements: message.elements.iter().filter(own).cloned().collect(), ..plain() }
    };
    let number = |id| message.get(id).and_then(|body| Number::parse(body));
    match message.kind {
        MessageType::SETUP => {
            let handled = [ie::BEARER_CAPABILITY, ie::CHANNEL_ID, ie::CALLED_NUMBER, ie::CALLING_NUMBER];
            // With other APDUs around, the name is passed in among them.
            let alone = message.all(ie::FACILITY).count() == 1;
            let name = Name::find(message).filter(|_| alone).map(|(kind, name)| {
                assert_eq!(kind, NameKind::Calling);
                name
            });
            let further = message.elements.iter().filter(|e| {
                let named = name.is_some() && e.id == ie::FACILITY;
                !handled.contains(&e.id) && e.id != ie::SENDING_COMPLETE && !named
            });
            let request = CallRequest {
                called: number(ie::CALLED_NUMBER).unwrap(),
                calling: number(ie::CALLING_NUMBER),
                complete: message.all(ie::SENDING_COMPLETE).count() == 1,
                elements: further.cloned().collect(),
                name: name.clone(),
                ..CallRequest::new("")
            };
            *call = Some(span.start_call(now, &request).unwrap());
        }
        MessageType::SETUP_ACKNOWLEDGE => span.acknowledge_call(now, call.unwrap(), &detail()).unwrap(),
        MessageType::CALL_PROCEEDING => {
            let settled = span.call(call.unwrap()).unwrap().state != CallState::CallPresent;
            let detail =
                if settled { CallDetail { elements: message.elements.clone(), ..plain() } } else { detail() };
            span.proceed_call(now, call.unwrap(), &detail).unwrap();
        }
        MessageType::ALERTING => span.alert_call(now, call.unwrap(), &detail()).unwrap(),
        MessageType::CONNECT => span.answer_call(now, call.unwrap(), &detail()).unwrap(),
        MessageType::INFORMATION => {
            span.send_digits(now, call.unwrap(), &number(ie::CALLED_NUMBER).unwrap().digits, false).unwrap();
        }
        MessageType::FACILITY => {
            span.inform_call(now, call.unwrap(), MessageType::FACILITY, message.elements.clone()).unwrap();
        }
        MessageType::DISCONNECT | MessageType::RELEASE_COMPLETE => {
            span.clear_call(now, call.unwrap(), message.cause().unwrap()).unwrap();
        }
        other => panic!("nothing makes the owner say {other}"),
    }
}

#[test]
fn as_caller_we_say_what_libpri_says() {
    let caller = |name| kinds(&replay(name, Side::Network));
    assert_eq!(caller("call_answered"), ["proceeding", "alerting", "connected", "released"]);
    assert_eq!(caller("call_busy"), ["proceeding", "disconnected", "released"]);
    assert_eq!(caller("call_unallocated"), ["released"]);
    let overlap = ["setup acknowledged", "proceeding", "alerting", "connected", "released"];
    assert_eq!(caller("call_overlap"), overlap);
    assert_eq!(caller("call_diverted"), ["proceeding", "alerting", "connected", "released"]);
    assert_eq!(caller("call_transferred"), ["proceeding", "alerting", "connected", "released"]);
    assert_eq!(caller("call_deflected"), ["proceeding", "facility", "disconnected", "released"]);
    let other = kinds(&replay("call_cleared_by_called", Side::User));
    assert_eq!(other, ["proceeding", "alerting", "connected", "disconnected", "released"]);
}

#[test]
fn as_called_side_we_say_what_libpri_says() {
    let called = |name| kinds(&replay(name, Side::User));
    assert_eq!(called("call_answered"), ["incoming", "acknowledged", "disconnected", "released"]);
    assert_eq!(called("call_busy"), ["incoming", "released"]);
    assert_eq!(called("call_unallocated"), ["incoming", "released"]);
    assert_eq!(
        called("call_overlap"),
        ["incoming", "digits", "digits", "acknowledged", "disconnected", "released"]
    );
    assert_eq!(called("call_diverted"), ["incoming", "acknowledged", "disconnected", "released"]);
    assert_eq!(
        called("call_transferred"),
        ["incoming", "acknowledged", "facility", "disconnected", "released"]
    );
    assert_eq!(called("call_deflected"), ["incoming", "released"]);
    assert_eq!(
        kinds(&replay("call_cleared_by_called", Side::Network)),
        ["incoming", "acknowledged", "released"]
    );
}

#[test]
fn names_of_a_captured_call_are_read() {
    let names: Vec<_> = capture("call_answered")
        .iter()
        .filter_map(|frame| Name::find(&Message::parse(decode::layer3(&frame.octets)?).unwrap()))
        .collect();
    let alice = (NameKind::Calling, Name::Allowed("Alice".into()));
    assert_eq!(names, [alice, (NameKind::Connected, Name::Allowed("Beta".into()))]);
}

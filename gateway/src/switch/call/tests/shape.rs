//! `clid`, `progress_ind`, `bearer-cap`, `call-block` and `numbering-type` of dial peers.

use super::*;
use qsig::q931::{Message, Number, NumberPlan, ProgressIndicator, ie};

/// The SETUP that the first PBX gets of a call from 8000, named Reception, to 4711 with these lines on the dial peer.
fn setup(lines: &str) -> Message {
    let mut sim = Sim::and(&format!(
        "voice-port 2/0\n station-id name Reception\n station-id number 8000\ndial-peer voice 47 pots\n{lines}"
    ));
    sim.call(0, "4711");
    let message = sim.pbx[0].events.iter().find_map(|(_, event)| match event {
        CallEvent::Incoming { message, .. } => Some(message.clone()),
        _ => None,
    });
    sim.on_hook(0);
    sim.wait(1000);
    sim.assert_nothing_left();
    message.unwrap_or_else(|| panic!("no SETUP with {lines}"))
}

/// Calling number with its octet 3a, and name.
fn caller(lines: &str) -> (Option<(String, Option<u8>)>, Option<String>) {
    let message = setup(lines);
    let number = message.get(ie::CALLING_NUMBER).and_then(|body| Number::parse(body));
    let name = qsig::name::Name::find(&message).and_then(|(_, name)| name.shown().map(str::to_owned));
    (number.map(|number| (number.digits, number.presentation)), name)
}

#[test]
fn clid_says_who_calls() {
    let shown = |digits: &str, octet: u8| Some((digits.to_owned(), Some(octet)));
    let reception = || Some("Reception".to_owned());
    assert_eq!(caller(""), (shown("8000", 0x80), reception()));
    assert_eq!(caller(" clid network-number 4930123\n"), (shown("4930123", 0x83), reception()));
    assert_eq!(caller(" clid network-number 4930123 pi-restrict\n").0, shown("4930123", 0xA3));
    assert_eq!(caller(" clid network-provided\n").0, shown("8000", 0x83));
    assert_eq!(caller(" clid restrict\n").0, shown("8000", 0xA0));
    assert_eq!(caller(" clid strip name\n"), (shown("8000", 0x80), None));
    let (number, name) = caller(" clid strip\n");
    assert_eq!((number.map(|(digits, _)| digits).unwrap_or_default(), name), (String::new(), reception()));
    // The later line finds what the earlier one made.
    let (number, _) = caller(" clid restrict\n clid strip pi-restrict\n");
    assert_eq!(number.map(|(digits, _)| digits).unwrap_or_default(), "");
    assert_eq!(caller(" clid strip pi-restrict\n").0, shown("8000", 0x80));
    let (_, name) = caller(" clid strip name\n clid substitute name\n");
    assert_eq!(name.as_deref(), Some("8000"));
}

#[test]
fn a_withheld_number_that_stands_in_for_the_name_stays_withheld() {
    for (presentation, shown) in [(0x80, Some("4711")), (0xA0, None)] {
        let mut sim = Sim::and(
            "dial-peer voice 49 pots\n destination-pattern 49..\n no digit-strip\n port 1/1:15\n clid substitute name\n",
        );
        let number =
            Number { plan: NumberPlan::UNKNOWN, presentation: Some(presentation), digits: "4711".into() };
        sim.pbx_call(0, &CallRequest { calling: Some(number), ..CallRequest::new("4900") });
        let events = &sim.pbx[1].events;
        let Some(CallEvent::Incoming { message, .. }) = events.iter().map(|(_, event)| event).next() else {
            panic!("{events:?}")
        };
        let name = qsig::name::Name::find(message).and_then(|(_, name)| name.shown().map(str::to_owned));
        assert_eq!(name.as_deref(), shown, "{presentation:#x}");
    }
}

#[test]
fn who_diverted_a_call_stands_in_for_who_made_it() {
    for (lines, calling) in [("", "8000"), (" clid override rdnis\n", "8001")] {
        let mut sim = Sim::and(&format!(
            "voice-port 2/1\n tipring call-forward all 4711\ndial-peer voice 47 pots\n{lines}"
        ));
        sim.call(0, "8001");
        let events = &sim.pbx[0].events;
        let Some(CallEvent::Incoming { message, .. }) = events.iter().map(|(_, event)| event).next() else {
            panic!("{events:?}")
        };
        let number = Number::parse(message.get(ie::CALLING_NUMBER).unwrap()).unwrap();
        assert_eq!(number.digits, calling, "{lines}");
    }
}

#[test]
fn the_setup_carries_the_wanted_progress_indicator_and_bearer() {
    let described = |lines: &str| -> Vec<u8> {
        let message = setup(lines);
        message
            .all(ie::PROGRESS)
            .filter_map(|body| ProgressIndicator::parse(body))
            .map(|p| p.description)
            .collect()
    };
    assert_eq!(described(""), [3]);
    assert_eq!(described(" progress_ind setup enable 1\n"), [1]);
    assert_eq!(described(" progress_ind setup disable\n"), [0; 0]);
    assert_eq!(described(" progress_ind setup enable 0\n"), [0; 0]);
    assert_eq!(described(" progress_ind setup strip 1\n"), [3]);
    assert_eq!(described(" progress_ind setup strip 1 3\n"), [0; 0]);
    let bearer = |lines: &str| setup(lines).get(ie::BEARER_CAPABILITY).cloned().unwrap();
    assert_eq!(bearer("")[..], [0x80, 0x90, 0xA3]);
    assert_eq!(bearer(" bearer-cap speech\n")[..], [0x80, 0x90, 0xA3]);
    assert_eq!(bearer(" bearer-cap 3100Hz\n")[..], [0x90, 0x90, 0xA3]);
    assert_eq!(bearer(" bearer-cap unrestricted\n")[..], [0x88, 0x90]);
}

#[test]
fn progress_ind_alert_decides_whose_ringback_is_heard() {
    // An ALERTING without progress indicator: the telephone hears ours, unless the peer says there is something to hear.
    for (lines, own) in [
        ("", true),
        (" progress_ind alert enable 8\n", false),
        (" progress_ind alert enable 1\n", false),
        (" progress_ind alert disable\n", true),
        (" progress_ind progress enable 8\n", true),
    ] {
        let mut sim = Sim::and(&format!("dial-peer voice 47 pots\n{lines}"));
        sim.call(0, "4711");
        assert_eq!(sim.tone(0) == Tone::Ringback, own, "{lines}");
        sim.on_hook(0);
        sim.wait(1000);
        sim.assert_nothing_left();
    }
}

#[test]
fn blocked_calls_end_with_the_configured_cause() {
    for (cause, expected) in [
        ("", 21),
        (" call-block disconnect-cause incoming user-busy\n", 17),
        (" call-block disconnect-cause incoming unassigned-number\n", 1),
        (" call-block disconnect-cause incoming invalid-number\n", 28),
        (" call-block disconnect-cause incoming call-reject\n", 21),
    ] {
        let mut sim = Sim::and(&format!(
            "voice translation-rule 66\n rule 1 reject /^666/\nvoice translation-profile nuisance\n translate calling 66\n\
             dial-peer voice 100 pots\n incoming called-number .\n call-block translation-profile incoming nuisance\n{cause} \
             port 1/0:15\n"
        ));
        let from = |digits: &str| CallRequest {
            calling: Some(Number {
                plan: NumberPlan::UNKNOWN,
                presentation: Some(0x80),
                digits: digits.into(),
            }),
            ..CallRequest::new("8001")
        };
        sim.pbx_call(0, &from("6661"));
        sim.wait(100);
        assert_eq!(sim.pbx_cause(0), Some(expected), "{cause}");
        sim.pbx_call(0, &from("4711"));
        assert_eq!(sim.state(1), State::Ringing, "{cause}");
    }
}

#[test]
fn numbering_type_keeps_other_numbers_from_a_peer() {
    for (wanted, goes_out) in
        [("", true), (" numbering-type national\n", false), (" numbering-type unknown\n", true)]
    {
        let mut sim = Sim::and(&format!("dial-peer voice 47 pots\n{wanted}"));
        sim.call(0, "4711");
        assert_eq!(sim.pbx_calls(0).len(), usize::from(goes_out), "{wanted}");
    }
}

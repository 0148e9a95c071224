//! `isdn …` of the D channel's interface, NFAS groups, HOLD, and what `debug isdn` tells of calls.

use super::*;
use cli::session::DebugTopic;
use qsig::q931::{Number, NumberPlan, RedirectingNumber, ie};
use qsig::{BChannel, DChannel, NfasMember, Side, SwitchType};

/// [`CONFIG`] with these lines more on the first trunk's interface, both trunks of this switch type.
fn with(switch_type: SwitchType, lines: &str) -> Sim {
    let mut sim = Sim::new();
    let config = CONFIG
        .replace("primary-qsig", &switch_type.to_string())
        .replace(" trunk-group PBX 1\n", &format!(" trunk-group PBX 1\n{lines}"));
    for pbx in &mut sim.pbx {
        let config = SpanConfig { switch_type, ..pbx.span.config().clone() };
        pbx.span.set_config(sim.now, config);
    }
    sim.apply(&config);
    sim.wait(5_000);
    sim
}

/// The SETUP of the newest call a PBX got.
fn setup(sim: &Sim, trunk: usize) -> qsig::q931::Message {
    let messages = sim.pbx[trunk].events.iter().rev();
    let mut setups = messages.filter_map(|(_, event)| match event {
        CallEvent::Incoming { message, .. } => Some(message.clone()),
        _ => None,
    });
    setups.next().unwrap_or_else(|| panic!("no SETUP: {:?}", sim.pbx[trunk].events))
}

fn number(message: &qsig::q931::Message, id: u8) -> Number {
    Number::parse(message.get(id).expect("a number")).expect("readable")
}

fn printed(sim: &mut Sim) -> Vec<String> {
    std::iter::from_fn(|| sim.switch.poll_monitor()).collect()
}

#[test]
fn numbers_have_the_plan_of_the_switch_type_or_of_the_map() {
    let mut sim = with(SwitchType::PrimaryNet5, " isdn map address ^8 plan privacy type subscriber\n");
    sim.call(0, "4711");
    let called = number(&setup(&sim, 0), ie::CALLED_NUMBER);
    let calling = number(&setup(&sim, 0), ie::CALLING_NUMBER);
    assert_eq!((called.plan, called.digits.as_str()), (NumberPlan::E164, "4711"));
    let private = NumberPlan { type_of_number: 4, plan: 9 };
    assert_eq!((calling.plan, calling.digits.as_str()), (private, "8000"));
    sim.on_hook(0);
    let mut sim = with(SwitchType::PrimaryQsig, "");
    sim.call(0, "4711");
    assert_eq!(number(&setup(&sim, 0), ie::CALLED_NUMBER).plan, NumberPlan::UNKNOWN);
}

#[test]
fn sending_complete_and_names_follow_the_interface() {
    for (switch_type, lines, complete, named) in [
        (SwitchType::PrimaryNi, "", false, false),
        (SwitchType::PrimaryNi, " isdn sending-complete\n isdn supp-service name calling\n", true, true),
        (SwitchType::PrimaryQsig, "", true, true),
        (SwitchType::PrimaryQsig, " no isdn sending-complete\n", false, true),
        (SwitchType::PrimaryNet5, "", true, true),
    ] {
        let mut sim = with(switch_type, lines);
        sim.call(0, "4711");
        let message = setup(&sim, 0);
        let name = qsig::name::Name::find(&message).map(|(_, name)| name);
        let name = name.or_else(|| qsig::name::Name::find_display(&message));
        let found = (message.all(ie::SENDING_COMPLETE).next().is_some(), name.is_some());
        assert_eq!(found, (complete, named), "{switch_type} {lines}");
    }
    // The user side sends Display only where it is told to.
    for (lines, named) in
        [("", false), (" isdn outgoing display-ie\n", true), (" isdn outgoing ie display\n", true)]
    {
        let mut sim = with(SwitchType::PrimaryNet5, lines);
        let config = SpanConfig { side: Side::Network, ..sim.pbx[0].span.config().clone() };
        sim.pbx[0].span.set_config(sim.now, config);
        let text = CONFIG.replace("primary-qsig", "primary-net5").replacen(
            " isdn protocol-emulate network\n",
            lines,
            1,
        );
        sim.apply(&text);
        sim.wait(5_000);
        sim.call(0, "4711");
        let message = setup(&sim, 0);
        assert_eq!(qsig::name::Name::find_display(&message).is_some(), named, "{lines}");
    }
}

#[test]
fn callers_not_named_and_voice_as_data_are_refused() {
    let from = |digits: &str| {
        let number = Number { plan: NumberPlan::UNKNOWN, presentation: Some(0x80), digits: digits.into() };
        CallRequest { calling: Some(number), ..CallRequest::new("8001") }
    };
    let mut sim = with(SwitchType::PrimaryQsig, " isdn caller 47xx\n");
    sim.pbx_call(0, &from("4811"));
    assert_eq!(sim.pbx_cause(0), Some(21));
    sim.pbx_call(0, &from("4711"));
    assert_eq!(sim.state(1), State::Ringing);
    let mut sim = with(SwitchType::PrimaryQsig, " isdn incoming-voice data\n");
    sim.pbx_call(0, &from("4711"));
    assert_eq!(sim.pbx_cause(0), Some(65));
}

#[test]
fn the_cause_of_our_clearing_is_the_configured_one() {
    let mut sim = with(SwitchType::PrimaryQsig, " isdn disconnect-cause busy\n");
    sim.pbx_call(0, &CallRequest::new("5999"));
    assert_eq!(sim.pbx_cause(0), Some(17), "an unknown number has cause 1 otherwise");
}

#[test]
fn alerting_goes_before_connect_where_it_is_wanted() {
    for (lines, expected) in [("", false), (" isdn send-alerting\n", true)] {
        let mut sim = with(SwitchType::PrimaryQsig, lines);
        // A call from one trunk to the other, where the PBX answers without ringing.
        sim.pbx[1].behaviour = Behaviour::Answer;
        let peer = "dial-peer voice 49 pots\n destination-pattern 49..\n no digit-strip\n port 1/1:15\n";
        let config = CONFIG.replace(" trunk-group PBX 1\n", &format!(" trunk-group PBX 1\n{lines}"));
        sim.apply(&format!("{config}{peer}"));
        sim.pbx_call(0, &CallRequest::new("4900"));
        let heard: Vec<_> = sim.pbx[0].events.iter().map(|(_, event)| event).collect();
        let alerted = heard.iter().any(|event| matches!(event, CallEvent::Alerting(_)));
        let connected = heard.iter().any(|event| matches!(event, CallEvent::Connected(_)));
        assert_eq!((alerted, connected), (expected, true), "{lines}: {heard:?}");
    }
}

#[test]
fn a_call_refused_for_its_channel_is_sent_again_on_another() {
    for (lines, cause, answered) in [
        (" isdn negotiate-bchan resend-setup\n", 44, true),
        (" isdn negotiate-bchan resend-setup\n", 41, false),
        (" isdn negotiate-bchan resend-setup cause-codes 41 47\n", 41, true),
        (" isdn negotiate-bchan\n", 44, false),
    ] {
        let mut sim = with(SwitchType::PrimaryQsig, lines);
        sim.pbx[0].behaviour = Behaviour::Ignore;
        sim.call(0, "4711");
        let first = sim.channel(0);
        sim.pbx[0].behaviour = Behaviour::Ring;
        sim.pbx_clear(0, cause);
        assert_eq!(sim.pbx_calls(0).len(), usize::from(answered), "{lines} {cause}");
        if answered {
            assert_ne!(sim.channel(0), first);
            sim.pbx_answer(0);
            assert_eq!(sim.state(0), State::Connected);
        }
    }
}

#[test]
fn channels_out_of_service_get_no_call() {
    let mut sim = with(
        SwitchType::PrimaryQsig,
        " isdn service b_channel 1 state 2\n isdn service b_channel 2 state 1\n",
    );
    sim.call(0, "4711");
    assert_eq!(sim.channel(0), MediaEnd::Channel { trunk: 0, timeslot: 3 });
    sim.on_hook(0);
    sim.apply(CONFIG);
    sim.wait(1000);
    sim.call(0, "4711");
    assert_eq!(sim.channel(0), MediaEnd::Channel { trunk: 0, timeslot: 1 });
}

#[test]
fn who_diverted_goes_as_the_switch_type_has_it() {
    for (switch_type, element) in [(SwitchType::PrimaryQsig, false), (SwitchType::PrimaryNi, true)] {
        let mut sim = with(switch_type, "");
        let peer = "dial-peer voice 49 pots\n destination-pattern 49..\n no digit-strip\n port 1/1:15\n";
        let config = CONFIG.replace("primary-qsig", &switch_type.to_string());
        sim.apply(&format!("{config}{peer}"));
        let redirecting = RedirectingNumber {
            plan: NumberPlan::UNKNOWN,
            presentation: Some(0),
            reason: Some(1),
            digits: "4700".into(),
        };
        let request = CallRequest {
            elements: vec![qsig::q931::Repr::element(&redirecting)],
            ..CallRequest::new("4900")
        };
        sim.pbx_call(0, &request);
        let message = setup(&sim, 1);
        let found = message.read::<RedirectingNumber>();
        assert_eq!(found.is_some(), element, "{switch_type}");
        if let Some(found) = found {
            assert_eq!((found.digits.as_str(), found.reason), ("4700", Some(1)));
        }
        assert_eq!(qsig::diversion::Diversion::find(&message).is_some(), !element, "{switch_type}");
    }
}

#[test]
fn a_call_the_pbx_holds_is_silent_until_it_is_retrieved() {
    let mut sim = with(SwitchType::PrimaryNet5, "");
    sim.call(0, "4711");
    sim.pbx_answer(0);
    let channel = sim.channel(0);
    sim.assert_talk(line(0), channel);
    let id = sim.pbx_calls(0)[0];
    sim.pbx[0].span.hold_call(sim.now, id).unwrap();
    sim.settle();
    assert!(sim.pbx[0].events.iter().any(|(_, event)| *event == CallEvent::Held { ours: true }));
    assert_eq!(sim.switch.trunks[0].span.channels_in_use(), 0);
    assert!(sim.wires.hears.is_empty(), "{:?}", sim.wires.hears);
    sim.pbx[0].span.retrieve_call(sim.now, id).unwrap();
    sim.settle();
    let channel = sim.channel(0);
    sim.assert_talk(line(0), channel);
    sim.on_hook(0);
    sim.wait(1000);
    sim.assert_nothing_left();
}

#[test]
fn the_pbx_is_told_when_the_telephone_holds() {
    let mut sim = with(SwitchType::PrimaryQsig, "");
    sim.call(0, "4711");
    sim.pbx_answer(0);
    sim.flash(0);
    sim.flash(0);
    let told: Vec<u8> = sim.pbx[0]
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            CallEvent::Notify(message) => {
                message.get(ie::NOTIFICATION).and_then(|body| body.first().copied())
            }
            _ => None,
        })
        .collect();
    assert_eq!(told, [0xF9, 0xFA], "remote hold, remote retrieval");
}

#[test]
fn debug_isdn_standard_tells_calls_and_what_went_wrong() {
    let mut sim = with(SwitchType::PrimaryQsig, "");
    let _ = printed(&mut sim);
    sim.call(0, "4711");
    sim.on_hook(0);
    assert_eq!(printed(&mut sim).iter().filter(|line| line.contains("EVENT")).count(), 0, "off");
    sim.switch.debug(DebugTopic::IsdnStandard, true);
    sim.call(0, "4711");
    sim.pbx_answer(0);
    sim.pbx_clear(0, 17);
    sim.on_hook(0);
    sim.pbx[0].behaviour = Behaviour::Ignore;
    sim.call(0, "4712");
    sim.wait(10_000);
    sim.on_hook(0);
    let lines = printed(&mut sim).join("\n");
    let mut rest = lines.as_str();
    for expected in [
        "ISDN Se1/0:15 EVENT: Call to 4711 at 64 Kb/s, call id 0x",
        "ISDN Se1/0:15 EVENT: received HOST_ALERTING call id 0x",
        "connected on B1 at 64 Kb/s",
        "ISDN Se1/0:15 EVENT: received HOST_DISCONNECT call id 0x",
        "ended, cause = 17 - User busy",
        "ISDN Se1/0:15 EVENT: Call to 4712",
        "ISDN Se1/0:15 SERROR: T303 expired, callref 0x0",
    ] {
        let at = rest.find(expected).unwrap_or_else(|| panic!("{expected:?} is missing in\n{rest}"));
        rest = &rest[at + expected.len()..];
    }
    sim.switch.undebug_all();
    sim.switch.debug(DebugTopic::IsdnError, true);
    sim.call(0, "4713");
    sim.wait(10_000);
    let lines = printed(&mut sim).join("\n");
    assert!(lines.contains("ERROR: T303") && !lines.contains("EVENT"), "{lines}");
}

/// How long the trunk's first call has lasted when it is over, s; at most 200.
fn lasts(sim: &mut Sim) -> u32 {
    let mut seconds = 0;
    while !sim.pbx_calls(0).is_empty() && seconds < 200 {
        sim.wait(1000);
        seconds += 1;
    }
    seconds
}

#[test]
fn t302_ends_a_number_that_does_not_grow() {
    for (lines, seconds) in [(" isdn overlap-receiving\n", 15), (" isdn overlap-receiving T302 3000\n", 3)] {
        let mut sim = with(SwitchType::PrimaryQsig, lines);
        sim.pbx_call(0, &CallRequest { complete: false, ..CallRequest::new("80") });
        assert!(sim.pbx[0].events.iter().any(|(_, e)| matches!(e, CallEvent::SetupAcknowledged(_))));
        assert_eq!((lasts(&mut sim), sim.pbx_cause(0)), (seconds, Some(28)), "{lines}");
        // A digit in time starts it anew, and the last one completes the number.
        let id = sim.pbx_call(0, &CallRequest { complete: false, ..CallRequest::new("80") });
        for digit in ["0", "1"] {
            sim.wait(2_000);
            sim.pbx[0].span.send_digits(sim.now, id, digit, false).unwrap();
            sim.settle();
        }
        assert_eq!(sim.state(1), State::Ringing);
    }
}

#[test]
fn t306_lets_the_tones_of_the_network_be_heard_so_long() {
    for (lines, seconds) in [("", 0), (" isdn T306 5000\n", 5), (" isdn timer T306 7000\n", 7)] {
        let mut sim = with(SwitchType::PrimaryQsig, lines);
        sim.call(0, "4711");
        let (id, channel) = (sim.pbx_calls(0)[0], sim.channel(0));
        let tones = qsig::q931::ProgressIndicator { coding: 0, location: 1, description: 8 };
        let detail = CallDetail { progress: vec![tones], ..CallDetail::default() };
        let busy = qsig::q931::Cause::user(17);
        sim.pbx[0].span.clear_call_with(sim.now, id, busy, &detail).unwrap();
        sim.settle();
        if seconds > 0 {
            sim.assert_talk(line(0), channel);
        }
        assert_eq!(lasts(&mut sim), seconds, "{lines}");
        assert_eq!(sim.tone(0), Tone::Busy);
    }
    // The caller may hang up before.
    let mut sim = with(SwitchType::PrimaryQsig, " isdn T306 5000\n");
    sim.call(0, "4711");
    let id = sim.pbx_calls(0)[0];
    let tones = qsig::q931::ProgressIndicator { coding: 0, location: 1, description: 8 };
    let detail = CallDetail { progress: vec![tones], ..CallDetail::default() };
    sim.pbx[0].span.clear_call_with(sim.now, id, qsig::q931::Cause::user(17), &detail).unwrap();
    sim.settle();
    sim.on_hook(0);
    sim.wait(100);
    sim.assert_nothing_left();
}

#[test]
fn t310_gives_up_a_call_that_only_proceeds() {
    for (lines, seconds) in [("", 110), (" isdn T310 20000\n", 20), (" isdn timer T310 30000\n", 30)] {
        let mut sim = with(SwitchType::PrimaryQsig, lines);
        sim.pbx[0].behaviour = Behaviour::Ignore;
        sim.call(0, "4711");
        let id = sim.pbx_calls(0)[0];
        sim.pbx[0].span.proceed_call(sim.now, id, &CallDetail::default()).unwrap();
        sim.settle();
        assert_eq!((lasts(&mut sim), sim.pbx_cause(0)), (seconds, Some(102)), "{lines}");
    }
}

#[test]
fn b_channels_are_taken_in_the_order_of_the_interface() {
    for (lines, slots) in [
        ("", [1, 1, 1]),
        (" isdn bchan-number-order ascending\n", [1, 1, 1]),
        (" isdn bchan-number-order descending\n", [31, 31, 31]),
        (" isdn bchan-number-order ascending round-robin\n", [1, 2, 3]),
        (" isdn bchan-number-order descending round-robin\n", [1, 2, 3]),
    ] {
        let mut sim = with(SwitchType::PrimaryQsig, lines);
        let taken = slots.map(|_| {
            sim.call(0, "4711");
            let MediaEnd::Channel { timeslot, .. } = sim.channel(0) else { panic!("no channel") };
            sim.on_hook(0);
            sim.wait(1000);
            timeslot
        });
        assert_eq!(taken, slots, "{lines}");
    }
}

/// A call from the second trunk to the first one's PBX, without a calling number.
fn transit(lines: &str, switch_type: SwitchType, elements: Vec<qsig::q931::Element>) -> qsig::q931::Message {
    let mut sim = with(switch_type, lines);
    sim.pbx_call(1, &CallRequest { elements, ..CallRequest::new("4711") });
    setup(&sim, 0)
}

#[test]
fn a_caller_without_a_number_has_that_of_the_interface() {
    let calling = |lines: &str| {
        let message = transit(lines, SwitchType::PrimaryQsig, Vec::new());
        message.get(ie::CALLING_NUMBER).and_then(|body| Number::parse(body)).map(|number| number.digits)
    };
    assert_eq!(calling(""), None);
    assert_eq!(calling(" isdn calling-number 5551234\n").as_deref(), Some("5551234"));
    let mut sim = with(SwitchType::PrimaryQsig, " isdn calling-number 5551234\n");
    sim.call(0, "4711");
    assert_eq!(number(&setup(&sim, 0), ie::CALLING_NUMBER).digits, "8000", "one that is known stays");
}

#[test]
fn redirecting_number_is_sent_where_the_interface_wants_it() {
    for (switch_type, lines, sent) in [
        (SwitchType::PrimaryQsig, "", false),
        (SwitchType::PrimaryQsig, " isdn outgoing ie redirecting-number\n", true),
        (SwitchType::PrimaryNtt, "", false),
        (SwitchType::PrimaryNtt, " isdn outgoing ie redirecting-number\n", true),
        (SwitchType::PrimaryNet5, "", true),
    ] {
        let redirecting = RedirectingNumber {
            plan: NumberPlan::UNKNOWN,
            presentation: Some(0),
            reason: Some(2),
            digits: "4700".into(),
        };
        let message = transit(lines, switch_type, vec![qsig::q931::Repr::element(&redirecting)]);
        let found = message.read::<RedirectingNumber>().map(|found| (found.digits, found.reason));
        assert_eq!(found, sent.then(|| ("4700".to_owned(), Some(2))), "{switch_type} {lines}");
    }
}

#[test]
fn the_service_of_the_network_stands_in_setup() {
    for (lines, facility) in
        [("", None), (" isdn nsf-service sdn\n", Some(0xE1)), (" isdn nsf-service megacom\n", Some(0xE3))]
    {
        let mut sim = with(SwitchType::Primary4ess, lines);
        sim.call(0, "4711");
        let found = setup(&sim, 0).get(ie::NETWORK_FACILITIES).map(|body| body.to_vec());
        assert_eq!(found, facility.map(|octet| vec![0, octet]), "{lines}");
    }
}

/// divertingLegInformation2 of ETS 300 207-1: two diversions, no reply, diverted by 4700 (unknown plan).
const ETSI_DIVERSION: [u8; 27] = [
    0x91, 0xA1, 24, 2, 1, 1, 2, 1, 15, 0x30, 16, 2, 1, 2, 0x0A, 1, 3, 0xA1, 8, 0xA0, 6, 0x80, 4, 0x34, 0x37,
    0x30, 0x30,
];

#[test]
fn diversions_of_the_public_network_are_read() {
    for switch_type in [SwitchType::PrimaryNet5, SwitchType::PrimaryNi] {
        let facility = qsig::q931::Element::new(ie::FACILITY, ETSI_DIVERSION.to_vec());
        let message = transit("", switch_type, vec![facility]);
        let found = message.read::<RedirectingNumber>().map(|found| (found.digits, found.reason));
        assert_eq!(found, Some(("4700".to_owned(), Some(2))), "{switch_type}");
    }
}

const GROUP: &str = "\
isdn switch-type primary-ni
controller E1 1/0
 pri-group timeslots 1-31 nfas_d primary nfas_int 0 nfas_group 1
controller E1 1/1
 pri-group timeslots 1-31 nfas_d backup nfas_int 5 nfas_group 1
interface Serial1/0:15
 isdn protocol-emulate network
 isdn bchan-number-order ascending
voice-port 1/0:15
voice-port 2/0
dial-peer voice 8000 pots
 destination-pattern 8000
 port 2/0
dial-peer voice 47 pots
 destination-pattern 47..
 no digit-strip
 port 1/0:15
";

/// The same with a PBX that is one end of the group.
fn group(backup: DChannel, config: &str) -> Sim {
    let mut sim = Sim::new();
    let member = |interface, d_channel| NfasMember { interface, d_channel, timeslots: None };
    let nfas = vec![member(0, DChannel::Primary), member(5, backup)];
    for trunk in [0, 1] {
        sim.link(trunk, false);
    }
    sim.apply(config);
    let config = SpanConfig {
        switch_type: SwitchType::PrimaryNi,
        nfas,
        bchan_order: qsig::BchanOrder::Ascending,
        ..sim.pbx[0].span.config().clone()
    };
    sim.pbx[0].span.set_config(sim.now, config);
    for trunk in [0, 1] {
        sim.link(trunk, true);
    }
    sim.wait(1000);
    sim
}

#[test]
fn calls_of_an_nfas_group_use_the_channels_of_both_spans() {
    let mut sim = group(DChannel::Backup, GROUP);
    assert!(sim.switch.trunks[0].span.is_up(), "{}", sim.switch.show_isdn_status());
    let service = " isdn bchan-number-order ascending\n isdn service nfas-int 0 b_channel 0 state 2\n";
    sim.apply(&GROUP.replace(" isdn bchan-number-order ascending\n", service));
    sim.wait(1000);
    sim.call(0, "4711");
    let call = sim.pbx[0].span.calls().find(|call| !call.outgoing).expect("the telephone's call");
    assert_eq!((call.interface, call.channel), (5, Some(1)));
    sim.pbx_answer(0);
    sim.assert_talk(line(0), MediaEnd::Channel { trunk: 1, timeslot: 1 });
    sim.on_hook(0);
    sim.wait(1000);
    assert_eq!(sim.switch.trunks[0].span.channels_in_use(), 0);
}

#[test]
fn the_backup_d_channel_takes_over_and_the_call_goes_on() {
    let mut sim = group(DChannel::Backup, GROUP);
    let shown = sim.switch.show_isdn_nfas(None);
    for text in [
        "ISDN NFAS GROUP ID 1 ENTRIES:",
        "The primary D is Serial1/0:15.",
        "The backup D is Serial1/1:15.",
        "There are 2 total nfas members.",
        "There are 60 total available B channels.",
        "The primary D-channel is DSL 0 in state IN SERVICE.",
        "The backup D-channel is DSL 1 in state STANDBY.",
        "The current active layer 2 DSL is 0.",
    ] {
        assert!(shown.contains(text), "{text} is missing in\n{shown}");
    }
    sim.call(0, "4711");
    sim.pbx_answer(0);
    sim.link(0, false);
    sim.wait(2000);
    assert_eq!(sim.switch.trunks[0].span.d_channel_in_service(), Some(DLink::Backup));
    assert_eq!(sim.state(0), State::Connected, "the call lives on");
    let shown = sim.switch.show_isdn_nfas(Some(1));
    assert!(shown.contains("The primary D-channel is DSL 0 in state OUT OF SERVICE."), "{shown}");
    assert!(shown.contains("There are 30 total available B channels."), "{shown}");
    assert!(shown.contains("The current active layer 2 DSL is 1."), "{shown}");
    let status = sim.switch.show_isdn_status();
    assert!(status.contains(": Primary D channel of nfas group 1"), "{status}");
    assert!(status.contains(": Backup D channel of nfas group 1"), "{status}");
    sim.on_hook(0);
    sim.wait(1000);
    // A new call over the other span, signalled on the other D channel.
    sim.call(0, "4712");
    let call = sim.pbx[0].span.calls().last().expect("a call");
    assert_eq!(call.interface, 5);
    sim.on_hook(0);
    sim.wait(1000);
    sim.link(0, true);
    sim.wait(2000);
    assert_eq!(sim.switch.show_isdn_nfas(Some(2)), "");
}

#[test]
fn a_span_without_d_channel_carries_calls_while_its_line_is_there() {
    let config = GROUP.replace("nfas_d backup", "nfas_d none");
    let mut sim = group(DChannel::None, &config);
    let shown = sim.switch.show_isdn_nfas(None);
    // 30 of the first, 31 of the second: its timeslot 16 is a B channel more.
    assert!(shown.contains("The NFAS member is Serial1/1:15."), "{shown}");
    assert!(shown.contains("There are 61 total available B channels."), "{shown}");
    let request = CallRequest { channel: None, ..CallRequest::new("8000") };
    for _ in 0..30 {
        sim.pbx_call(0, &CallRequest::new("5999"));
    }
    let free = BChannel { interface: 5, slot: 1 };
    assert!(sim.pbx[0].span.has_free(free));
    sim.wait(1000);
    sim.link(1, false);
    sim.wait(100);
    let shown = sim.switch.show_isdn_nfas(None);
    assert!(shown.contains("There are 30 total available B channels."), "{shown}");
    sim.pbx_call(0, &request);
    assert_eq!(sim.state(0), State::Ringing, "calls on the first span go on");
}

#[test]
fn show_controllers_counts_what_the_framer_counts() {
    use telephony_hal::sim::span_pair;
    use telephony_hal::{LineErrors, Span as _, SpanKind};
    let mut sim = Sim::new();
    let (mut ours, _theirs) = span_pair(SpanKind::E1);
    let cable = ours.cable();
    // Seconds of the daemon: the second one has a slip and line code violations, the third is beyond use.
    for second in 0..4_u64 {
        match second {
            1 => cable.disturb(LineErrors { slips: 1, code_violations: 9, ..LineErrors::default() }),
            2 => cable.disturb(LineErrors { crc_errors: 900, ..LineErrors::default() }),
            _ => {}
        }
        let errors = ours.line_errors().unwrap();
        sim.switch.handle_line_errors(sim.now, 0, SpanKind::E1, errors);
        sim.wait(1000);
    }
    let shown = sim.switch.show_controllers(sim.now, Some("1/0"));
    let current = "     9 Line Code Violations, 900 Path Code Violations\n     \
                   1 Slip Secs, 0 Fr Loss Secs, 1 Line Err Secs, 0 Degraded Mins\n     \
                   2 Errored Secs, 0 Bursty Err Secs, 1 Severely Err Secs, ";
    assert!(shown.contains(current), "{shown}");
    sim.wait(15 * 60 * 1000);
    let shown = sim.switch.show_controllers(sim.now, Some("1/0"));
    assert!(shown.contains("     9 Line Code Violations, 900 Path Code Violations,\n"), "{shown}");
    let other = sim.switch.show_controllers(sim.now, Some("1/1"));
    assert!(!other.contains("9 Line Code"), "{other}");
}

#[test]
fn show_controllers_tells_how_the_line_is_set_and_what_is_wrong_with_it() {
    use telephony_hal::{Alarms, Framing, LineCode, LineStatus};
    let mut sim = Sim::new();
    let plain = sim.switch.show_controllers(sim.now, Some("1/0"));
    assert!(plain.contains("  No alarms detected.\n"), "{plain}");
    assert!(plain.contains("Framing is CRC4, Line Code is HDB3, Clock Source is Line.\n"), "{plain}");
    let (framing, code) = (Framing::NoCrc4, LineCode::Ami);
    let mut status = LineStatus { alarms: Alarms::default(), framing, code, gives_clock: false };
    for (remote, all_ones, expected) in [
        (true, false, "  Receiver has remote alarm.\n"),
        (false, true, "  Transmitter is sending remote alarm.\n  Receiver is getting AIS.\n"),
    ] {
        (status.alarms.remote, status.alarms.all_ones) = (remote, all_ones);
        sim.switch.handle_line_status(sim.now, 0, status);
        let shown = sim.switch.show_controllers(sim.now, Some("1/0"));
        assert!(shown.contains(expected) && !shown.contains("No alarms"), "{shown}");
        assert!(
            shown.contains("Framing is NO-CRC4, Line Code is AMI, Clock Source is Internal.\n"),
            "{shown}"
        );
    }
}

#[test]
fn the_log_says_when_a_board_is_not_set_as_configured() {
    use telephony_hal::{Alarms, Framing, LineCode, LineStatus};
    let said = |more: &str, section: &str, status: LineStatus| {
        let config = format!("{more}\n!\ncontroller E1 1/0\n{section} pri-group timeslots 1-31\n!\n");
        let mut sim = Sim::and(&config);
        for _ in 0..3 {
            sim.switch.handle_line_status(sim.now, 0, status);
        }
        let log = sim.switch.monitor.show_logging();
        let lines =
            log.lines().filter_map(|line| Some(line.split_once("%CONTROLLER-4-SETTING: ")?.1.to_owned()));
        lines.collect::<Vec<_>>()
    };
    let board = LineStatus {
        alarms: Alarms::default(),
        framing: Framing::Crc4,
        code: LineCode::Hdb3,
        gives_clock: true,
    };
    let nothing: [&str; 0] = [];
    assert_eq!(said("", "", board), nothing);
    assert_eq!(said("", " framing crc4\n linecode hdb3\n clock source line primary\n", board), nothing);
    let other = LineStatus { framing: Framing::NoCrc4, code: LineCode::Ami, gives_clock: false, ..board };
    assert_eq!(
        said("", " framing crc4\n linecode hdb3\n clock source line primary\n", other),
        [
            "Controller E1 1/0: framing crc4 is configured, the board has NO-CRC4",
            "Controller E1 1/0: linecode hdb3 is configured, the board has AMI",
            "Controller E1 1/0: clock source line primary is configured, the board does not take its clock from this line",
        ],
        "once each"
    );
    let takes =
        ["the board takes its clock from this line", "the board does not take its clock from this line"];
    let slave = LineStatus { gives_clock: false, ..board };
    for (more, section, status, why) in [
        ("", " clock source internal\n", board, Some(("clock source internal is configured", takes[0]))),
        ("", " clock source internal\n", slave, None),
        ("network-clock-select 1 E1 1/0", "", slave, Some(("network-clock-select names it first", takes[1]))),
        ("network-clock-select 1 E1 1/0", "", board, None),
        ("network-clock-select 2 E1 1/0\nnetwork-clock-select 1 E1 1/1", "", slave, None),
        (
            "no network-clock-participate slot 1",
            "",
            board,
            Some(("its slot does not participate in clocking", takes[0])),
        ),
        ("no network-clock-participate slot 2", "", board, None),
    ] {
        let expected: Vec<_> =
            why.map(|(why, what)| format!("Controller E1 1/0: {why}, {what}")).into_iter().collect();
        assert_eq!(said(more, section, status), expected, "{more}{section}");
    }
    // A line that is down gives none for now.
    let mut down = slave;
    down.alarms.loss_of_signal = true;
    assert_eq!(said("network-clock-select 1 E1 1/0", "", down), nothing);
}

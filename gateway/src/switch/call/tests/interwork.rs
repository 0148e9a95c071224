//! What goes beside a call between SIP and ISDN: causes and statuses by the tables, user-to-user information, Alert-Info,
//! Cisco-Guid.

use super::phones::{AUDIO, Manner};
use super::*;
use qsig::q931::{Element, Number, NumberPlan, ie};
use sip::call::Content;

/// Somebody behind the PBX calls a SIP telephone that refuses with this status: the cause he is told.
fn cause_of(more: &str, status: u16) -> u8 {
    let mut sim = Sim::and(&format!("{}{more}", phones::SIP));
    sim.phones.manner = Manner::Refuse(status);
    sim.pbx_call(0, &CallRequest::new("5001"));
    sim.wait(40_000);
    sim.assert_nothing_left();
    sim.pbx_cause(0).unwrap_or_else(|| panic!("{status}: {:?}", sim.pbx[0].events))
}

/// A SIP telephone calls the PBX, which refuses with this cause: the status it is told.
fn status_of(more: &str, cause: u8) -> u16 {
    let mut sim = Sim::and(&format!("{}{more}", phones::SIP));
    sim.pbx[0].behaviour = Behaviour::Refuse(cause);
    sim.phones.call(sim.now, "4711");
    sim.settle();
    sim.wait(40_000);
    sim.assert_nothing_left();
    let [status] = sim.phones.failed[..] else { panic!("{cause}: {:?}", sim.phones.failed) };
    status
}

#[test]
fn every_status_is_told_to_the_pbx_as_the_cause_of_the_table_in_force() {
    // As `show sip-ua map sip-pstn` of IOS has them, and as table 1-26 of Unified CM's guide has them.
    for (status, ios, unified_cm) in [
        (400, 127, 41),
        (401, 57, 21),
        (402, 21, 21),
        (403, 57, 21),
        (404, 1, 1),
        (405, 127, 63),
        (406, 127, 79),
        (407, 21, 21),
        (408, 102, 102),
        (409, 41, 41),
        (410, 1, 22),
        (413, 127, 127),
        (415, 79, 79),
        (420, 127, 127),
        (480, 18, 18),
        (481, 127, 41),
        (482, 127, 25),
        (483, 127, 25),
        (484, 28, 28),
        (485, 1, 1),
        (486, 17, 17),
        (488, 127, 31),
        (491, 127, 17),
        (500, 41, 41),
        (501, 79, 79),
        (502, 38, 38),
        (503, 63, 41),
        (504, 102, 102),
        (580, 47, 47),
        (600, 17, 17),
        (603, 21, 21),
        (604, 1, 1),
        (606, 58, 31),
    ] {
        assert_eq!(cause_of("", status), ios, "{status}");
        assert_eq!(cause_of("sip-ua\n tipring causes unified-cm\n", status), unified_cm, "{status}");
    }
    let set = "sip-ua\n tipring causes unified-cm\n set sip-status 486 pstn-cause 34\n";
    assert_eq!(cause_of(set, 486), 34);
}

#[test]
fn every_cause_of_the_pbx_is_told_to_sip_as_the_status_of_the_table() {
    for (causes, status) in [
        (&[1, 2, 3, 26, 27, 31][..], 404),
        (&[17], 486),
        (&[18, 19, 20], 480),
        (&[21, 55, 57], 403),
        (&[22], 410),
        (&[28], 484),
        (&[29, 58, 65, 79], 501),
        (&[34, 38, 41, 42, 47, 87], 503),
        (&[88, 95, 111], 400),
        (&[102], 408),
        (&[50, 63, 127], 500),
    ] {
        for cause in causes {
            assert_eq!(status_of("", *cause), status, "cause {cause}");
        }
    }
    assert_eq!(status_of("sip-ua\n set pstn-cause 34 sip-status 480\n", 34), 480);
}

/// The SETUP that the PBX got.
fn setup(sim: &Sim) -> &qsig::q931::Message {
    let events = sim.pbx[0].events.iter();
    let mut incoming = events.filter_map(|(_, event)| match event {
        CallEvent::Incoming { message, .. } => Some(message),
        _ => None,
    });
    incoming.next().unwrap_or_else(|| panic!("no SETUP: {:?}", sim.pbx[0].events))
}

#[test]
fn user_to_user_information_passes_both_ways() {
    for (header, octets) in [
        ("04686921;encoding=hex", Some(&[4, 0x68, 0x69, 0x21][..])),
        ("0400FF;purpose=isdn-interwork;encoding=hex", Some(&[4, 0, 0xFF])),
        // What is no hexadecimal number is left out, and the call goes on.
        ("0468692;encoding=hex", None),
        ("04\u{e4}x;encoding=hex", None),
        ("", None),
    ] {
        let mut sim = Sim::with_sip();
        sim.phones.call_with(sim.now, "4711", Content::sdp(AUDIO).header("User-to-User", header));
        sim.settle();
        sim.wait(100);
        assert_eq!(setup(&sim).get(ie::USER_USER).map(|body| &body[..]), octets, "{header}");
        sim.pbx_answer(0);
        assert_eq!(sim.phones.answered, 1, "{header}");
    }
    let mut sim = Sim::with_sip();
    let hello = Element::new(ie::USER_USER, vec![4, 0x68, 0x69]);
    sim.pbx_call(0, &CallRequest { elements: vec![hello], ..CallRequest::new("5001") });
    sim.wait(100);
    let invite = &sim.phones.last_invite;
    assert!(invite.contains("\r\nUser-to-User: 046869;encoding=hex\r\n"), "{invite}");
}

#[test]
fn who_has_screened_the_caller_and_whether_he_is_shown_passes_both_ways() {
    // Octet 3a of the calling number: Q.931 4.5.10, table 4-11.
    for (headers, octet) in [
        (&[("Remote-Party-ID", "<sip:5555@x>;party=calling;screen=no;privacy=off")][..], 0x80),
        (&[("Remote-Party-ID", "<sip:5555@x>;party=calling;screen=yes;privacy=off")], 0x81),
        (&[("Remote-Party-ID", "<sip:5555@x>;party=calling;screen=yes;privacy=full")], 0xA1),
        (&[("P-Asserted-Identity", "<sip:5555@x>")], 0x83),
        (&[("P-Asserted-Identity", "<sip:5555@x>"), ("Privacy", "id")], 0xA3),
    ] {
        let mut sim = Sim::with_sip();
        let content = Content::sdp(AUDIO);
        let content = headers.iter().fold(content, |content, (name, value)| content.header(*name, *value));
        sim.phones.call_with(sim.now, "4711", content);
        sim.settle();
        sim.wait(100);
        let calling = Number::parse(setup(&sim).get(ie::CALLING_NUMBER).unwrap()).unwrap();
        assert_eq!((calling.digits.as_str(), calling.presentation), ("5555", Some(octet)), "{headers:?}");
    }
    for (octet, said) in [
        (0x80, "screen=no;privacy=off"),
        (0x81, "screen=yes;privacy=off"),
        (0x83, "screen=yes;privacy=off"),
        (0xA1, "screen=yes;privacy=full"),
    ] {
        let mut sim = Sim::with_sip();
        let calling = Number { plan: NumberPlan::UNKNOWN, presentation: Some(octet), digits: "4711".into() };
        sim.pbx_call(0, &CallRequest { calling: Some(calling), ..CallRequest::new("5001") });
        sim.wait(100);
        let invite = &sim.phones.last_invite;
        let identity = invite.lines().find(|line| line.starts_with("Remote-Party-ID: ")).unwrap();
        assert!(identity.contains("<sip:4711@") && identity.contains(said), "{octet:x}: {identity}");
        assert_eq!(invite.contains("\r\nFrom: <sip:4711@"), octet < 0xA0, "{invite}");
    }
}

/// When the bell of 8000 was switched in the first eight seconds, in hundredths of a second.
fn rings(alert: Option<&str>) -> Vec<u32> {
    let mut sim = Sim::with_sip();
    let content = Content::sdp(AUDIO);
    let content = alert.map_or(content.clone(), |alert| content.header("Alert-Info", alert));
    sim.phones.call_with(sim.now, "8000", content);
    sim.settle();
    let (mut switched, mut on) = (Vec::new(), false);
    for at in 0..800 {
        if sim.bell.get(&0).copied().unwrap_or_default() != on {
            on = !on;
            switched.push(at);
        }
        sim.wait(10);
    }
    switched
}

#[test]
fn alert_info_says_how_a_telephone_rings_and_passes_to_the_other_side() {
    let plain = rings(None);
    assert!(plain.len() > 2, "{plain:?}");
    let second = rings(Some("<http://192.0.2.9/Bellcore-dr2>"));
    assert_ne!(second, plain, "two rings instead of one");
    assert_eq!(rings(Some("<http://192.0.2.9/nothing-known>")), plain);
    let mut sim = Sim::with_sip();
    let alert = "<http://192.0.2.9/Bellcore-dr2>";
    sim.phones.call_with(sim.now, "5001", Content::sdp(AUDIO).header("Alert-Info", alert));
    sim.settle();
    assert!(sim.phones.last_invite.contains(&format!("\r\nAlert-Info: {alert}\r\n")));
}

#[test]
fn a_call_has_one_guid_on_all_its_legs_and_no_other_call_has_it() {
    let guid = |sim: &Sim| {
        let invite = sim.phones.last_invite.clone();
        invite.lines().find_map(|line| line.strip_prefix("Cisco-Guid: ").map(str::to_owned)).unwrap()
    };
    let mut sim = Sim::with_sip();
    // One that came with the call.
    let given = "0123456789-4294967295-0000000000-0000000001";
    sim.phones.call_with(sim.now, "5001", Content::sdp(AUDIO).header("Cisco-Guid", given));
    sim.settle();
    assert_eq!(guid(&sim), given);
    // Those of our own making, and one that cannot be read.
    let mut made = Vec::new();
    for given in [None, None, Some("1-2-3"), Some("4294967296-0-0-0")] {
        let content = Content::sdp(AUDIO);
        let content = given.map_or(content.clone(), |given| content.header("Cisco-Guid", given));
        sim.phones.call_with(sim.now, "5002", content);
        sim.settle();
        let own = guid(&sim);
        let parts: Vec<&str> = own.split('-').collect();
        assert!(parts.len() == 4 && parts.iter().all(|part| part.len() == 10), "{own}");
        assert!(parts.iter().all(|part| part.parse::<u32>().is_ok()), "{own}");
        assert!(!made.contains(&own) && !own.starts_with("0000000001-"), "{own}");
        made.push(own);
    }
}

//! 1.10, 4 and 5: conferences and transfers by re-INVITE and UPDATE. There is no REFER: who is connected stands in
//! Remote-Party-ID alone, From and To keep the old party.

use std::time::Duration;

use system_tests::{Said, TrunkCall, TrunkTransport, UnifiedCm, json};

use crate::site::{Plan, SOON, Site};

const EVENTS: &str = " dtmf-relay rtp-nte\n";

/// `Remote-Party-ID` of this party.
fn identity(name: &str, number: &str, privacy: &str) -> String {
    let name = if name.is_empty() { String::new() } else { format!("\"{name}\" ") };
    format!("Remote-Party-ID: {name}<sip:{number}@127.0.0.1>;party=calling;screen=yes;privacy={privacy}\r\n")
}

/// An UPDATE without description, and its 200, which has none either.
fn updates(site: &mut Site, call: &mut TrunkCall, identity: &str) -> Said {
    site.cm.send(call, "UPDATE", identity, "");
    let ok = site.cm.gets(call, "200");
    assert!(ok.header("CSeq").ends_with("UPDATE"), "{ok:?}");
    assert!(!ok.header("Contact").is_empty(), "{ok:?}");
    ok
}

/// The exchange is told that the other end is now this party.
fn pbx_is_told(site: &mut Site, number: &str, name: &str) {
    let number = format!("\"number\":\"{number}\"");
    let name = format!("\"name\":\"{name}\"");
    let wanted = |text: &str| text.contains(&number) && text.contains(&name);
    let what = format!("with {number} and {name}");
    site.pbx().events().wait_for(&what, |event| wanted(&event.to_string()), SOON);
}

/// `o=` versions grow by one from one description to the next.
fn version(said: &Said) -> u64 {
    let origin =
        said.body.lines().find_map(|line| line.strip_prefix("o=")).unwrap_or_else(|| panic!("{said:?}"));
    origin.split(' ').nth(2).unwrap().parse().unwrap()
}

const MOVE: &str =
    "←INVITE* →200* ←ACK ←INVITE →200* ←ACK* ←INVITE* →200* ←ACK ←UPDATE →200 ←INVITE →200* ←ACK*";

/// Hold, music, hold, another party, its media: the transfer of 4.1 and 4.2. `hears`: the telephone's ear can be asked.
fn transferred(site: &mut Site, call: &mut TrunkCall, hears: bool) {
    let hold = site.cm.hold();
    let held = site.reinvite(call, "", &hold);
    assert!(held.body.contains("a=inactive"), "{held:?}");
    let music = site.cm.placeholder("a=sendonly");
    let offer = site.asks_for_offer(call, "", &music);
    assert!(
        !offer.body.contains("inactive") && !offer.body.contains("only"),
        "everything is offered: {offer:?}"
    );
    assert_eq!(version(&offer), version(&held) + 1);
    if hears {
        // Music from wherever it comes.
        site.phone.speak(offer.rtp(), Some(480.0));
        site.line_hears("480");
    }
    site.phone.silent();
    let hold = site.cm.hold();
    site.reinvite(call, "", &hold);
    updates(site, call, &identity("Bea", "2002", "off"));
    let answer = site.cm.sdp(site.other.media(), "0 101", "");
    let offer = site.asks_for_offer(call, &identity("Bea", "2002", "off"), &answer);
    if hears {
        site.other.speak(offer.rtp(), Some(620.0));
        site.line_hears("620");
        site.other_hears_line();
    }
}

/// 2004 gives the call of 8000, and then one of 4711 of the exchange, to 2002. `rings`: before 2002 answers.
fn transfer_of_both(rings: bool) {
    let mut site = Site::tcp_with_pbx(EVENTS);
    let round = if rings { format!("{MOVE} {}", MOVE_AGAIN) } else { MOVE.to_owned() };
    site.lines.dial("2/0", "2004");
    for from_pbx in [false, true] {
        if from_pbx {
            site.pbx().send("call 2004 from=4711 name=Grace");
        }
        let (mut call, invite) = site.cm.called("2004");
        site.cm.reply(&call, &invite, 100, "", "");
        site.cm.reply(&call, &invite, 180, "", "");
        let answer = site.answer();
        site.cm.reply(&call, &invite, 200, "", &answer);
        site.cm.gets(&mut call, "ACK");
        if from_pbx {
            pbx_is_connected(&mut site, "2004");
        }
        transferred(&mut site, &mut call, !from_pbx);
        if from_pbx {
            pbx_is_told(&mut site, "2002", "Bea");
        }
        if rings {
            // The target has answered: once more, without a change of party.
            let hold = site.cm.hold();
            site.reinvite(&mut call, "", &hold);
            let answer = site.answer();
            let offer = site.asks_for_offer(&mut call, &identity("Bea", "2002", "off"), &answer);
            if !from_pbx {
                site.other.silent();
                site.phone.speak(offer.rtp(), Some(350.0));
                site.line_hears("350");
            }
        }
        if from_pbx {
            site.pbx().send("hangup last 16");
            let bye = site.cm.gets(&mut call, "BYE");
            assert!(bye.header("Reason").contains("Q.850;cause=16"), "{bye:?}");
            assert!(bye.header("To").starts_with("<sip:2004@"), "the dialog keeps the old party: {bye:?}");
            site.cm.reply(&call, &bye, 200, "", "");
        } else {
            let bye = site.line_hangs_up(&mut call);
            assert!(bye.header("To").starts_with("<sip:2004@"), "the dialog keeps the old party: {bye:?}");
        }
        assert_eq!(site.cm.ladder(), format!("→INVITE* ←100 ←180 ←200* →ACK {round} →BYE ←200"));
        site.ended(16);
    }
}

fn pbx_is_connected(site: &mut Site, number: &str) {
    let told = site.pbx().wait(&json!({"ev": "call", "state": "connected"}));
    assert!(told.to_string().contains(&format!("\"number\":\"{number}\"")), "{told}");
}

const MOVE_AGAIN: &str = "←INVITE* →200* ←ACK ←INVITE →200* ←ACK*";

#[test]
fn flow_4_1_attended_transfer() {
    transfer_of_both(false);
}

#[test]
fn flow_4_2_early_transfer() {
    transfer_of_both(true);
}

#[test]
fn flow_4_3_attended_transfer_with_hold_update_and_empty_re_invite() {
    let mut site = Site::udp(EVENTS);
    let none = "Supported: replaces\r\nSession-Expires:\r\nMin-SE:\r\n";
    let (mut call, _) = site.delayed(none);
    site.line_hears("440");
    let hold = site.cm.hold();
    site.reinvite(&mut call, none, &hold);
    site.phone.silent();
    let ok = updates(&mut site, &mut call, &identity("", "1003", "off"));
    assert_eq!(ok.body, "", "nobody has asked for a description");
    site.gateway
        .show_until("show call active voice brief", SOON, |shown| shown.contains("Answer 1003 active"));
    let answer = site.cm.sdp(site.other.media(), "0 101", "");
    let offer = site.asks_for_offer(&mut call, none, &answer);
    site.other.speak(offer.rtp(), Some(620.0));
    site.line_hears("620");
    site.other_hears_line();
    site.cm_hangs_up(&mut call);
    let ladder =
        "→INVITE ←100 ←180 ←200* →ACK* →INVITE* ←200* →ACK →UPDATE ←200 →INVITE ←200* →ACK* →BYE ←200";
    assert_eq!(site.cm.ladder(), ladder);
    site.ended(16);
}

#[test]
fn flow_4_4_transferred_while_it_rings() {
    let mut site = Site::udp(EVENTS);
    let mut call = site.cm.call("1001", "8000");
    site.cm.send(&mut call, "INVITE", "", "");
    site.cm.gets(&mut call, "100");
    let ringing = site.cm.gets(&mut call, "180");
    assert_eq!(ringing.header("RSeq"), "", "unreliable: {ringing:?}");
    assert!(site.lines.rings("2/0", SOON));
    updates(&mut site, &mut call, &identity("", "1003", "off"));
    site.gateway
        .show_until("show call active voice brief", SOON, |shown| shown.contains("Answer 1003 connecting"));
    site.lines.off_hook("2/0");
    let ok = site.cm.gets(&mut call, "200*");
    // The answer has the media of the party that the call was given to.
    let answer = site.cm.sdp(site.other.media(), "0 101", "");
    site.cm.send(&mut call, "ACK", "", answer);
    site.other.speak(ok.rtp(), Some(620.0));
    site.line_hears("620");
    site.other_hears_line();
    site.cm_hangs_up(&mut call);
    assert_eq!(site.cm.ladder(), "→INVITE ←100 ←180 →UPDATE ←200 ←200* →ACK* →BYE ←200");
    site.ended(16);
}

#[test]
fn flow_5_1_early_transfer_without_prack() {
    let mut site = Site::tcp_with_pbx(EVENTS);
    site.pbx().policy("call=proceed");
    let mut call = site.cm.call("1001", "4711");
    site.cm.send(&mut call, "INVITE", "Supported: timer,replaces\r\n", "");
    site.cm.gets(&mut call, "100");
    site.pbx().wait(&json!({"ev": "call", "state": "setup", "called": "4711", "calling": "1001"}));
    site.pbx().send("alert last inband=1");
    // The guide's gateway puts its offer into the 183. RFC 3261 13.2.1 has the offer of a called side stand in its first
    // reliable response, and without 100rel (RFC 3262) a 183 is none: an offer in a message that may be lost, and come again in
    // the 200 with another version, is one that the caller need not answer. The 183 goes without a description, which a Unified
    // CM, that answers in the ACK either way, takes just as well; whoever wants early media asks for it with an offer or 100rel.
    let early = site.cm.gets(&mut call, "183");
    assert_eq!(early.header("RSeq"), "", "{early:?}");
    updates(&mut site, &mut call, &identity("", "1003", "off"));
    site.pbx().send("answer last");
    let ok = site.cm.gets(&mut call, "200*");
    assert!(!ok.header("Contact").is_empty(), "{ok:?}");
    let answer = site.cm.sdp(site.other.media(), "0 101", "");
    site.cm.send(&mut call, "ACK", "", answer);
    std::thread::sleep(Duration::from_millis(300));
    let shown = site.gateway.show("show voip rtp connections");
    assert!(shown.contains(&site.other.media().port().to_string()), "{shown}");
    site.pbx().send("hangup last 16");
    let bye = site.cm.gets(&mut call, "BYE");
    assert!(bye.header("Reason").contains("Q.850;cause=16"), "{bye:?}");
    site.cm.reply(&call, &bye, 200, "", "");
    assert_eq!(site.cm.ladder(), "→INVITE ←100 ←183 →UPDATE ←200 ←200* →ACK* ←BYE →200");
    site.ended(16);
}

#[test]
fn flow_5_2_early_transfer_with_prack() {
    let mut site = Site::tcp_with_pbx(EVENTS);
    site.pbx().policy("call=proceed");
    let mut call = site.cm.call("1001", "4711");
    site.cm.send(&mut call, "INVITE", "Supported: 100rel,timer,replaces\r\n", "");
    site.cm.gets(&mut call, "100");
    site.pbx().wait(&json!({"ev": "call", "state": "setup"}));
    site.pbx().send("alert last inband=1");
    let early = site.cm.gets(&mut call, "183*");
    assert_eq!(early.header("Require"), "100rel");
    let first = site.answer();
    let rack = format!("RACK: {} 101 INVITE\r\n", early.header("RSeq"));
    site.cm.send(&mut call, "PRACK", &rack, first);
    let ok = site.cm.gets(&mut call, "200");
    assert_eq!(ok.body, "");
    // Hold, another party, music, the party's media: each is answered with the next version.
    let hold = site.cm.hold();
    site.cm.send(&mut call, "UPDATE", "", hold);
    let held = site.cm.gets(&mut call, "200*");
    assert!(held.body.contains("a=inactive"), "{held:?}");
    assert_eq!(version(&held), version(&early) + 1);
    updates(&mut site, &mut call, &identity("", "1003", "off"));
    let music = site.cm.placeholder("a=sendonly");
    site.cm.send(&mut call, "UPDATE", "", music);
    let listening = site.cm.gets(&mut call, "200*");
    assert!(listening.body.contains("a=recvonly"), "{listening:?}");
    assert_eq!(version(&listening), version(&held) + 1);
    let answer = site.cm.sdp(site.other.media(), "0 101", "");
    site.cm.send(&mut call, "UPDATE", &identity("", "1003", "off"), &answer);
    let spoken = site.cm.gets(&mut call, "200*");
    assert!(!spoken.body.contains("only") && !spoken.body.contains("inactive"), "{spoken:?}");
    assert_eq!(version(&spoken), version(&listening) + 1);
    site.pbx().send("answer last");
    // Nothing is left to describe; what the ACK repeats is passed over.
    site.cm.gets(&mut call, "200");
    site.cm.send(&mut call, "ACK", "", &answer);
    std::thread::sleep(Duration::from_millis(300));
    let shown = site.gateway.show("show voip rtp connections");
    assert!(shown.contains(&site.other.media().port().to_string()), "{shown}");
    site.pbx().send("hangup last 16");
    let bye = site.cm.gets(&mut call, "BYE");
    assert!(bye.header("Reason").contains("Q.850;cause=16"), "{bye:?}");
    site.cm.reply(&call, &bye, 200, "", "");
    let rounds = "→UPDATE* ←200* →UPDATE ←200 →UPDATE* ←200* →UPDATE* ←200*";
    let ladder = format!("→INVITE ←100 ←183* →PRACK* ←200 {rounds} ←200 →ACK* ←BYE →200");
    assert_eq!(site.cm.ladder(), ladder);
    site.ended(16);
}

#[test]
fn flow_1_10_conference_with_re_invites_of_two_dialogs_interleaved() {
    let plan = Plan { peer: EVENTS, ..Plan::default() };
    let mut site = Site::new(UnifiedCm::new(TrunkTransport::Tcp), plan);
    // 8000 has called 2004, who holds it and calls 8001.
    let (mut first, _) = site.outgoing("");
    site.line_hears("440");
    let hold = site.cm.hold();
    site.reinvite(&mut first, "", &hold);
    let silence = site.cm.placeholder("a=inactive");
    let offer = site.asks_for_offer(&mut first, "", &silence);
    let music = site.cm.placeholder("a=sendonly");
    let listening = site.reinvite(&mut first, "", &music);
    assert!(listening.body.contains("a=recvonly"), "{listening:?}");
    assert_eq!(version(&listening), version(&offer) + 1);
    let mut second = site.cm.call("2004", "8001");
    site.cm.send(&mut second, "INVITE", "Max-Forwards: 69\r\nAllow-Events: presence, kpml\r\n", "");
    site.cm.gets(&mut second, "100");
    site.cm.gets(&mut second, "180");
    assert!(site.lines.rings("2/1", SOON));
    site.lines.off_hook("2/1");
    site.cm.gets(&mut second, "200*");
    let answer = site.cm.sdp(site.other.media(), "9 0 101", "");
    site.cm.send(&mut second, "ACK", "", answer);
    // Both are held, and both asked for an offer at once.
    let hold = site.cm.hold();
    site.reinvite(&mut second, "", &hold);
    site.cm.send(&mut first, "INVITE", "", "");
    site.cm.send(&mut second, "INVITE", "", "");
    let ours = both(&mut site, &mut first, &mut second, "200*");
    let bridge = [site.phone.media(), site.other.media()];
    for ((call, at), ok) in [&mut first, &mut second].into_iter().zip(bridge).zip(&ours) {
        let answer = site.cm.sdp(at, "0 101", "");
        site.cm.send(call, "ACK", "", answer);
        assert!(!ok.body.contains("inactive"), "{ok:?}");
    }
    // Who is connected is the conference, whose number is nobody's business.
    for call in [&mut first, &mut second] {
        site.cm.send(call, "UPDATE", &identity("Conference", "b00106101002", "uri"), "");
    }
    let oks = both(&mut site, &mut first, &mut second, "200");
    assert!(oks.iter().all(|ok| ok.header("CSeq").ends_with("UPDATE")), "{oks:?}");
    site.phone.speak(ours[0].rtp(), Some(350.0));
    site.line_hears("350");
    site.cm_hears_line();
    // The first leaves; for the second it is a call with 2004 again.
    site.line_hangs_up(&mut first);
    let hold = site.cm.hold();
    site.reinvite(&mut second, "", &hold);
    updates(&mut site, &mut second, &identity("", "2004", "off"));
    site.gateway
        .show_until("show call active voice brief", SOON, |shown| shown.contains("Answer 2004 active"));
    let answer = site.cm.sdp(site.other.media(), "0 101", "");
    site.asks_for_offer(&mut second, "", &answer);
    site.cm_hangs_up(&mut second);
    // Between the first INVITE and the last 200.
    let ladder = site.cm.ladder();
    let storm = "←INVITE ←INVITE →200* →200* ←ACK* ←ACK* ←UPDATE ←UPDATE →200 →200 →BYE ←200 ←INVITE* →200* ←ACK \
                 ←UPDATE →200 ←INVITE →200* ←ACK* ←BYE →200";
    assert!(ladder.ends_with(storm), "{ladder}");
    site.over();
}

/// One such message of each call, whichever is first.
fn both(site: &mut Site, first: &mut TrunkCall, second: &mut TrunkCall, what: &str) -> [Said; 2] {
    let one = site.cm.gets_any(&mut [first, second], what);
    let other = site.cm.gets_any(&mut [first, second], what);
    assert_ne!(one.header("Call-ID"), other.header("Call-ID"));
    if one.header("Call-ID") == first.id { [one, other] } else { [other, one] }
}

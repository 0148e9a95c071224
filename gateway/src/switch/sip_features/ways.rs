//! Where SIP calls go: back to the caller as a redirection, in a loop, nowhere; offers that are made for others.

use super::*;
use crate::media::MediaEnd;

const ROUTES: &str = "dial-peer voice 61 voip\n destination-pattern 6...\n preference 1\n session protocol sipv2\n \
                      session target ipv4:192.0.2.61:5070\n session transport tcp\n!\n\
                      dial-peer voice 62 voip\n destination-pattern 60..\n preference 9\n session protocol sipv2\n \
                      session target ipv4:192.0.2.62\n!\n";

#[test]
fn redirect_ip2ip_tells_a_sip_caller_every_route() {
    let redirect = "voice service voip\n redirect ip2ip\n!\n";
    let hunt = "dial-peer hunt 2\n";
    for (order, want) in [("", ["62", "60", "61"]), ("best-match", ["60", "61", "62"])] {
        let order = match order {
            "" => String::new(),
            order => format!("voice service voip\n sip\n  redirect contact order {order}\n!\n"),
        };
        let mut desk = Desk::new("", &format!("{hunt}{ROUTES}{redirect}{order}"));
        desk.call(FIVE, "6000", "", &audio(FIVE));
        let refused = desk.take(FIVE, "300 INVITE");
        let contacts: Vec<String> = refused.headers("Contact").map(|c| c.to_str().into_owned()).collect();
        let hosts: Vec<&str> =
            contacts.iter().filter_map(|c| c.split_once("<sip:6000@192.0.2.")?.1.get(..2)).collect();
        assert_eq!(hosts, want, "{contacts:?}");
        assert!(contacts.iter().any(|c| c == "<sip:6000@192.0.2.61:5070;transport=tcp>"), "{contacts:?}");
        desk.none(SIX, "INVITE");
        desk.assert_nothing_left();
        // Telephones are called as ever, and telephones of ours call.
        desk.call(FIVE, "8000", "", &audio(FIVE));
        desk.take(FIVE, "180 INVITE");
        desk.dial(1, "6000");
        desk.take(SIX, "INVITE");
    }
}

#[test]
fn one_route_is_a_302_and_only_the_callers_own_peer_has_to_want_it() {
    let mut desk = Desk::new("", "dial-peer voice 5 voip\n redirect ip2ip\n!\n");
    desk.call(FIVE, "6000", "", &audio(FIVE));
    let moved = desk.take(FIVE, "302 INVITE");
    assert_eq!(header(&moved, "Contact"), "<sip:6000@192.0.2.60>");
    desk.call(SIX, "5000", "", &audio(SIX));
    desk.take(FIVE, "INVITE");
}

#[test]
fn in_a_loop_the_caller_hears_himself() {
    let peer = "dial-peer voice 70 voip\n destination-pattern 70..\n session protocol sipv2\n session target loopback:rtp\n!\n";
    let mut desk = Desk::new("", peer);
    desk.dial(0, "7000");
    let connected =
        |desk: &mut Desk, end: MediaEnd| desk.media().contains(&MediaCommand::Connect { a: end, b: end });
    assert!(connected(&mut desk, MediaEnd::Line(0)));
    desk.on_hook(0);
    let mut five = desk.call(FIVE, "7000", "", &audio(FIVE));
    desk.answered(&mut five);
    assert!(connected(&mut desk, MediaEnd::Rtp(1)));
    desk.request(&mut five, "BYE", "", "");
    desk.take(FIVE, "200 BYE");
    assert!(desk.bench.switch.calls.loops_are_empty());
    desk.assert_nothing_left();
}

#[test]
fn without_allow_connections_sip_calls_telephones_only() {
    // As in IOS, it is not allowed unless it says so.
    let mut desk = Desk::new("", "no voice service voip\n");
    desk.call(FIVE, "6000", "", &audio(FIVE));
    desk.none(SIX, "INVITE");
    let refused = desk.take(FIVE, "503 INVITE");
    assert!(header(&refused, "Reason").contains("cause=47"), "{refused:?}");
    desk.call(FIVE, "8000", "", &audio(FIVE));
    desk.take(FIVE, "180 INVITE");
    desk.dial(1, "6000");
    desk.take(SIX, "INVITE");
}

#[test]
fn a_caller_without_an_offer_gets_one_and_the_called_side_is_offered_early() {
    let mut desk = Desk::new(" voice-class sip early-offer forced\n", "");
    let mut five = desk.call(FIVE, "6000", "", "");
    let six = desk.called(SIX);
    assert!(body_of(six.invite.as_ref().unwrap()).contains("m=audio 2"), "{six:?}");
    desk.answer(&six, "");
    let ok = desk.take(FIVE, "200 INVITE");
    assert!(body_of(&ok).contains("m=audio 2"), "{ok:?}");
    five.far = header(&ok, "To");
    desk.request(&mut five, "ACK", "", audio(FIVE));
    desk.hang_up(five, &six);
}

#[test]
fn a_refer_names_a_call_of_ours_only_with_both_its_tags() {
    let mut desk = Desk::new("", "");
    let (mut five, mut six) = desk.talk("", "");
    let mut second = desk.call(SIX, "8000", "", &audio(SIX));
    desk.off_hook(0);
    desk.answered(&mut second);
    let tag = |text: &str| text.split("tag=").nth(1).unwrap_or_default().to_owned();
    let replaces = |to: &str| {
        let call = second.call.replace('@', "%40");
        format!(
            "Refer-To: <sip:8000@192.0.2.1?Replaces={call}%3Bto-tag%3D{to}%3Bfrom-tag%3D{}>\r\n",
            tag(&second.own)
        )
    };
    // Another's tag: a call we don't have, which 8000 at a port of ours cannot have either.
    desk.request(&mut six, "REFER", &replaces("stranger"), "");
    desk.take(SIX, "202 REFER");
    let trying = desk.take(SIX, "NOTIFY");
    desk.reply(&six, &trying, 200, "", "");
    let failed = desk.take(SIX, "NOTIFY");
    assert!(!body_of(&failed).starts_with("SIP/2.0 200"), "{}", body_of(&failed));
    desk.reply(&six, &failed, 200, "", "");
    desk.request(&mut six, "REFER", &replaces(&tag(&second.far)), "");
    desk.take(SIX, "202 REFER");
    let trying = desk.take(SIX, "NOTIFY");
    desk.reply(&six, &trying, 200, "", "");
    let joined = desk.take(SIX, "NOTIFY");
    assert!(body_of(&joined).starts_with("SIP/2.0 200"), "{}", body_of(&joined));
    desk.request(&mut five, "BYE", "", "");
    desk.take(FIVE, "200 BYE");
}

#[test]
fn ports_that_watch_the_keepalive_target_are_out_of_service_while_it_is_silent() {
    let target = "sip-ua\n keepalive target ipv4:192.0.2.90:5070\n timers keepalive active 20\n timers keepalive down 5\n \
                  retry keepalive 2\n!\nvoice-port 2/0\n busyout monitor keepalive\n!\n";
    let mut desk = Desk::new("", target);
    let ping = |desk: &mut Desk, status: u16| {
        let (flow, options) = desk.take_with_flow("192.0.2.90", "OPTIONS");
        assert_eq!((flow.remote.port(), options.request_uri()), (5070, Some("sip:192.0.2.90:5070")));
        desk.bench.respond(&(flow, options), status, "");
    };
    ping(&mut desk, 200);
    let out = |desk: &Desk, line: usize| desk.bench.switch.lines[line].is_busied_out();
    assert!(!out(&desk, 0));
    desk.wait(20_000);
    ping(&mut desk, 503);
    desk.wait(5_000);
    ping(&mut desk, 503);
    assert_eq!((out(&desk, 0), out(&desk, 1)), (true, false));
    desk.wait(5_000);
    ping(&mut desk, 200);
    assert!(!out(&desk, 0));
}

#[test]
fn a_technology_prefix_goes_before_every_number_called_and_the_peer_is_chosen_without_it() {
    let mut desk = Desk::new("", "dial-peer voice 6 voip\n tech-prefix 1#\n!\n");
    desk.dial(0, "6000");
    let invite = desk.take(SIX, "INVITE");
    assert_eq!(invite.request_uri(), Some("sip:1%236000@192.0.2.60"));
    assert!(header(&invite, "To").contains("sip:1%236000@"), "{invite:?}");
    desk.call(FIVE, "6000", "", &audio(FIVE));
    assert_eq!(desk.take(SIX, "INVITE").request_uri(), Some("sip:1%236000@192.0.2.60"));
    // The other peer has none.
    desk.dial(1, "5000");
    assert_eq!(desk.take(FIVE, "INVITE").request_uri(), Some("sip:5000@192.0.2.50"));
}

#[test]
fn trunk_group_labels_and_carriers_of_an_invite_choose_its_dial_peers() {
    let peers = "dial-peer voice 71 voip\n destination-pattern 7...\n trunk-group-label target WEST\n session protocol sipv2\n \
                 session target ipv4:192.0.2.71\n codec g711ulaw\n!\n\
                 dial-peer voice 72 voip\n destination-pattern 7...\n preference 1\n session protocol sipv2\n \
                 session target ipv4:192.0.2.72\n codec g711ulaw\n!\n\
                 dial-peer voice 73 voip\n destination-pattern 7...\n preference 2\n carrier-id target +16789\n \
                 session protocol sipv2\n session target ipv4:192.0.2.73\n codec g711ulaw\n!\n\
                 dial-peer voice 9 voip\n trunk-group-label source NORTH\n incoming called-number 7...\n session protocol sipv2\n!\n";
    for (user, first) in [
        ("7000", "192.0.2.71"),
        ("7000;tgrp=west;trunk-context=gw.example", "192.0.2.71"),
        ("7000;tgrp=EAST;trunk-context=gw.example", "192.0.2.72"),
        ("7000;cic=+16789", "192.0.2.73"),
        ("7000;cic=+10000", "192.0.2.71"),
    ] {
        let mut desk = Desk::new("", peers);
        desk.call(FIVE, user, "", &audio(FIVE));
        let invite = desk.take(first, "INVITE");
        assert_eq!(invite.request_uri(), Some(format!("sip:7000@{first}").as_str()), "{user}");
    }
    // Where it comes from stands in Contact; the telephone's own peer is chosen by answer-address otherwise.
    for (contact, peer) in [("<sip:a;tgrp=north;trunk-context=x@192.0.2.50>", 9), ("<sip:a@192.0.2.50>", 5)] {
        let mut desk = Desk::new("", peers);
        desk.contact = Some(contact);
        desk.call(FIVE, "7000", "", &audio(FIVE));
        let legs = desk.bench.switch.calls.legs.values();
        assert_eq!(legs.filter(|leg| !leg.outgoing).map(|leg| leg.peer).max(), Some(peer), "{contact}");
    }
}

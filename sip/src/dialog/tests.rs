#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::message::{RequestDefaults, encode_request};

fn parse(text: &str) -> Message {
    Message::parse(bytes::Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

fn sent(request: &RequestBuilder) -> Message {
    let defaults = RequestDefaults {
        via: "SIP/2.0/UDP h;branch=z9hG4bK1",
        from: "",
        call_id: "",
        user_agent: None,
        max_forwards: 70,
    };
    Message::parse(encode_request(request, &defaults)).unwrap()
}

fn invite(more: &str) -> Message {
    parse(&format!(
        "INVITE sip:8000@gw SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: \"A \\\"x\\\"\" <sip:alice@a>;tag=1;x=y\r\n\
         To: <sip:8000@gw>\r\nCall-ID: c\r\nCSeq: 7 INVITE\r\nContact: <sip:alice@192.0.2.9:5070;transport=tcp>;q=1\r\n{more}\r\n"
    ))
}

fn response(status: u16, tag: &str, more: &str) -> Message {
    parse(&format!(
        "SIP/2.0 {status} x\r\nVia: SIP/2.0/UDP h\r\nFrom: <sip:8000@gw>;tag=ours\r\nTo: <sip:bob@b>{tag}\r\nCall-ID: c\r\nCSeq: 101 INVITE\r\n{more}\r\n"
    ))
}

fn in_dialog(method: &str, cseq: u32, more: &str) -> Message {
    parse(&format!(
        "{method} sip:gw SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nFrom: <sip:alice@a>;tag=1\r\nTo: <sip:8000@gw>;tag=ours\r\nCall-ID: c\r\n\
         CSeq: {cseq} {method}\r\n{more}\r\n"
    ))
}

fn routes(request: &Message) -> Vec<String> {
    request.routes().map(|route| route.unwrap().uri_str().unwrap().to_owned()).collect()
}

#[test]
fn the_server_sends_through_the_route_set_in_order() {
    let invite = invite("Record-Route: <sip:p2;lr;x=y>, <sip:p1;lr>\r\n");
    let mut dialog = Dialog::from_request(&invite, "ours").unwrap();
    assert_eq!(dialog.state(), DialogState::Early);
    dialog.confirm(None).unwrap();
    let bye = sent(&dialog.request(Method::Bye));
    assert_eq!(bye.request_uri(), Some("sip:alice@192.0.2.9:5070;transport=tcp"));
    assert_eq!(routes(&bye), ["sip:p2;lr;x=y", "sip:p1;lr"]);
    assert_eq!(bye.header("To").unwrap().to_str(), "\"A \\\"x\\\"\" <sip:alice@a>;tag=1");
    assert_eq!(bye.header("From").unwrap().to_str(), "<sip:8000@gw>;tag=ours");
    assert_eq!((bye.cseq().unwrap().number, dialog.next_hop()), (1, "sip:p2;lr;x=y"));
    assert_eq!(sent(&dialog.request(Method::Info)).cseq().unwrap().number, 2);
}

#[test]
fn the_client_sends_through_the_route_set_in_reverse() {
    let early = response(
        183,
        ";tag=b",
        "Record-Route: <sip:p1;lr>\r\nRecord-Route: <sip:p2;lr>\r\nContact: <sip:bob@early>\r\n",
    );
    let mut dialog = Dialog::from_response(&early, "sip:bob@b").unwrap();
    assert_eq!(dialog.route_set(), ["sip:p2;lr", "sip:p1;lr"]);
    assert_eq!(sent(&dialog.request(Method::Prack)).cseq().unwrap().number, 102);
    // The 2xx's route set and Contact replace those of the 183; a later one's Contact only.
    dialog
        .confirm(Some(&response(200, ";tag=b", "Record-Route: <sip:p3;lr>\r\nContact: <sip:bob@late>\r\n")))
        .unwrap();
    let ack = sent(&dialog.ack(101));
    assert_eq!((ack.request_uri(), ack.cseq().unwrap().number), (Some("sip:bob@late"), 101));
    assert_eq!(routes(&ack), ["sip:p3;lr"]);
    dialog.confirm(Some(&response(200, ";tag=b", "Contact: <sip:bob@again>\r\n"))).unwrap();
    assert_eq!((dialog.route_set().len(), dialog.remote_target()), (1, "sip:bob@again"));
}

#[test]
fn a_strict_router_gets_the_request_uri() {
    let invite = invite("Record-Route: <sip:strict@p1:5070;method=INVITE;x=y?Subject=z>, <sip:p2;lr>\r\n");
    let mut dialog = Dialog::from_request(&invite, "ours").unwrap();
    let bye = sent(&dialog.request(Method::Bye));
    assert_eq!(bye.request_uri(), Some("sip:strict@p1:5070;x=y"));
    assert_eq!(routes(&bye), ["sip:p2;lr", "sip:alice@192.0.2.9:5070;transport=tcp"]);
}

#[test]
fn what_makes_no_dialog_is_refused() {
    for (status, tag) in [(100, ";tag=b"), (180, ""), (302, ";tag=b"), (486, ";tag=b")] {
        assert_eq!(
            Dialog::from_response(&response(status, tag, ""), "sip:b").unwrap_err(),
            DialogError::NoDialog(status)
        );
    }
    // RFC 2543 peers have no tag.
    let old = Dialog::from_response(&response(200, "", ""), "sip:bob@b").unwrap();
    assert_eq!(
        (old.remote_tag(), old.remote_target(), old.state()),
        ("", "sip:bob@b", DialogState::Confirmed)
    );
    assert!(!sent(&old.ack(1)).header("To").unwrap().to_str().contains("tag"));
    for route in ["<?x>", "<>", "<%:>", "<sip:>"] {
        let routed = response(200, ";tag=b", &format!("Record-Route: {route}\r\n"));
        assert!(Dialog::from_response(&routed, "sip:bob@b").is_err(), "{route}");
    }
    let no_contact = parse(&invite("").to_string().replace("Contact", "X-Contact"));
    assert_eq!(
        Dialog::from_request(&no_contact, "t").unwrap_err(),
        FieldError::Missing(Header::Contact).into()
    );
}

#[test]
fn requests_are_checked_and_refresh_the_target() {
    let mut dialog = Dialog::from_request(&invite(""), "ours").unwrap();
    let refused = |dialog: &mut Dialog, message: &Message| {
        dialog.handle_request(message).unwrap_err().reply().status().as_u16()
    };
    assert_eq!(refused(&mut dialog, &in_dialog("BYE", 7, "")), 500);
    dialog.handle_request(&in_dialog("INFO", 9, "Contact: <sip:no@refresh>\r\n")).unwrap();
    assert_eq!(dialog.remote_target(), "sip:alice@192.0.2.9:5070;transport=tcp");
    dialog.handle_request(&in_dialog("UPDATE", 10, "Contact: <sip:new@h>\r\n")).unwrap();
    assert_eq!(dialog.remote_target(), "sip:new@h");
    dialog.handle_request(&in_dialog("ACK", 7, "")).unwrap();
    assert_eq!(refused(&mut dialog, &in_dialog("UPDATE", 11, "Contact: <sip:bad@h:x>\r\n")), 400);
    assert_eq!(dialog.remote_target(), "sip:new@h");
    let other = parse(&in_dialog("BYE", 12, "").to_string().replace("tag=1", "tag=2"));
    assert_eq!(refused(&mut dialog, &other), 481);
    dialog.terminate();
    assert_eq!(refused(&mut dialog, &in_dialog("BYE", 13, "")), 481);
}

#[test]
fn every_fork_has_its_dialog() {
    let mut set = DialogSet::new();
    for (status, tag) in [(180, ";tag=a"), (183, ";tag=b"), (180, ";tag=a")] {
        set.handle_response(&response(status, tag, ""), "sip:bob@b").unwrap();
    }
    assert_eq!(set.iter().count(), 2);
    let won = set.handle_response(&response(200, ";tag=b", "Contact: <sip:b@h>\r\n"), "sip:bob@b").unwrap();
    assert_eq!((won.state(), won.remote_tag()), (DialogState::Confirmed, "b"));
    let late = set.handle_response(&response(200, ";tag=c", ""), "sip:bob@b").unwrap();
    assert_eq!((late.state(), late.remote_tag()), (DialogState::Confirmed, "c"));
    let early: Vec<_> = set.take_early().iter().map(|dialog| dialog.remote_tag().to_owned()).collect();
    assert_eq!(early, ["a"]);
    assert!(set.find(&response(200, ";tag=c", "")).is_some());
    let flood = (0..40)
        .filter(|n| set.handle_response(&response(180, &format!(";tag=f{n}"), ""), "sip:b").is_ok())
        .count();
    assert_eq!(flood, MAX_FORKS - 2);
}

#[test]
fn request_uris_lose_what_rfc_3261_19_1_1_forbids() {
    for (uri, expected) in [
        ("sip:a@h;method=INVITE;lr?X=y", "sip:a@h;lr"),
        ("sip:h?X=y@z", "sip:h?X=y@z"),
        ("sip:h;METHOD=BYE", "sip:h"),
        ("sip:a?b@h?X=y", "sip:a?b@h"),
        ("tel:+1;phone-context=x", "tel:+1;phone-context=x"),
    ] {
        assert_eq!(for_request_uri(uri), expected);
    }
}

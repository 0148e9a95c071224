//! `mwi-server` without `unsolicited`: the gateway subscribes, and only NOTIFYs of its subscriptions count.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use system_tests::{SipWire, Tipringd, VoiceMail, sip_header as header, tshark_complaints, tshark_fields};

#[test]
fn a_subscription_is_made_refreshed_and_ended_and_its_news_reaches_the_telephone() {
    let server = SipWire::open();
    let gateway = Tipringd::start(
        &format!(
            "voice-port 2/0\n mwi\n!\ndial-peer voice 1 pots\n destination-pattern 8000\n port 2/0\n!\n\
             sip-ua\n mwi-server ipv4:127.0.0.1 expires 4 port {}\n",
            server.address().port()
        ),
        "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n",
    );
    let (subscribe, from) = server.receive("SUBSCRIBE sip:8000@127.0.0.1");
    assert_eq!(header(&subscribe, "Event"), "message-summary");
    assert_eq!(header(&subscribe, "Expires"), "4");
    assert_eq!(from.port(), gateway.sip().port(), "sent from the port it listens on");
    server.answer(&subscribe, from, "200 OK", "Expires: 4\r\n");
    assert_eq!(server.notify(&subscribe, from, 1, "yes"), "SIP/2.0 200 OK");
    gateway.lamp_becomes("8000", true);
    assert!(gateway.lines().listen("2/0", 3.0).is_message_waiting_tone("us"));

    // Somebody at the same address without a subscription changes nothing.
    assert_eq!(VoiceMail::udp(gateway.sip()).notify("8000", false).status, 481);
    assert_eq!(gateway.lamp("8000"), Some(true));

    let (refresh, from) = loop {
        let (request, from) = server.subscribe("4");
        if header(&request, "CSeq") != header(&subscribe, "CSeq") {
            break (request, from);
        }
    };
    assert_eq!(header(&refresh, "Call-ID"), header(&subscribe, "Call-ID"));
    assert!(header(&refresh, "To").ends_with(";tag=vm"));
    server.answer(&refresh, from, "200 OK", "Expires: 3600\r\n");
    gateway.show_until("show mwi", Duration::from_secs(5), |text| {
        text.contains("Subscription 8000 (port 2/0): subscribed, refresh in")
    });

    let push = gateway.scratch().join("no-mwi.cfg");
    std::fs::write(&push, "voice-port 2/0\n no mwi\n").unwrap();
    assert_eq!(gateway.tipring(&[push.to_str().unwrap()]).code, Some(0));
    let (ended, from) = server.subscribe("0");
    server.answer(&ended, from, "200 OK", "Expires: 0\r\n");
}

/// One row of what tshark is asked about each message.
const FIELDS: [&str; 5] =
    ["sip.Method", "sip.Status-Code", "sip.CSeq.method", "sip.Event", "sip.Subscription-State"];

/// A SUBSCRIBE by hand for mailbox 8000.
fn subscribe(us: &SipWire, gateway: &Tipringd, cseq: u32, to: &str, event: &str, expires: u32) -> String {
    let address = us.address();
    format!(
        "SUBSCRIBE sip:8000@{gateway} SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch=z9hG4bKs{cseq}\r\nMax-Forwards: 70\r\n\
         From: <sip:8000@{address}>;tag=w\r\nTo: <sip:8000@{gateway}>{to}\r\nCall-ID: watch@{address}\r\n\
         CSeq: {cseq} SUBSCRIBE\r\nContact: <sip:8000@{address}>\r\nEvent: {event}\r\n\
         Accept: application/simple-message-summary\r\nExpires: {expires}\r\nContent-Length: 0\r\n\r\n",
        gateway = gateway.sip()
    )
}

/// The gateway subscribes, is challenged, told "too brief" and then granted; somebody subscribes at the gateway; everything it
/// sent is read by tshark.
#[test]
fn tshark_reads_every_message_of_the_subscriptions_made_and_granted_without_complaint() {
    let wire = SipWire::open();
    let gateway = Tipringd::start(
        &format!(
            "voice-port 2/0\n mwi\n!\ndial-peer voice 1 pots\n destination-pattern 8000\n port 2/0\n!\nsip-ua\n \
             authentication username anna password 0 secret realm vm\n mwi-server ipv4:127.0.0.1 expires 600 port {}\n",
            wire.address().port()
        ),
        "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n",
    );
    let (first, from) = wire.subscribe("600");
    let challenge = "WWW-Authenticate: Digest realm=\"vm\", nonce=\"n1\", qop=\"auth\", algorithm=MD5\r\n";
    wire.answer(&first, from, "401 Unauthorized", challenge);
    let (second, from) = wire.subscribe("600");
    assert!(header(&second, "Authorization").starts_with("Digest "), "{second}");
    wire.answer(&second, from, "423 Interval Too Brief", "Min-Expires: 1200\r\n");
    let (third, from) = wire.subscribe("1200");
    wire.answer(&third, from, "200 OK", &format!("Expires: 1200\r\nContact: <sip:{}>\r\n", wire.address()));
    assert_eq!(wire.notify(&third, from, 1, "yes"), "SIP/2.0 200 OK");
    gateway.lamp_becomes("8000", true);
    // A dialog that is none.
    let stray = third.replace(&header(&third, "Call-ID"), "nobody@127.0.0.1");
    assert!(wire.notify(&stray, from, 2, "no").starts_with("SIP/2.0 481 "));

    // The other way round.
    for (cseq, event, expires, status) in
        [(1, "presence", 600, "SIP/2.0 489 "), (2, "message-summary", 5, "SIP/2.0 423 ")]
    {
        wire.send(&subscribe(&wire, &gateway, cseq, "", event, expires), gateway.sip());
        wire.receive(status);
    }
    wire.send(&subscribe(&wire, &gateway, 3, "", "message-summary", 600), gateway.sip());
    let (granted, _) = wire.receive("SIP/2.0 200");
    let take = |state: &str, body: &str| {
        let (told, from) = wire.receive("NOTIFY ");
        wire.answer(&told, from, "200 OK", "");
        assert!(header(&told, "Subscription-State").starts_with(state), "{told}");
        assert!(told.contains(body), "{told}");
    };
    take("active", "Messages-Waiting: yes");
    assert_eq!(gateway.show("mwi set 8000 on count 3").trim(), "8000 ON: port 2/0");
    take("active", "Voice-Message: 3/0");
    let to = header(&granted, "To");
    let tag = to.split_once(";tag=").unwrap().1;
    wire.send(&subscribe(&wire, &gateway, 4, &format!(";tag={tag}"), "message-summary", 0), gateway.sip());
    take("terminated", "Messages-Waiting: yes");
    drop(gateway);

    let directory = tempfile::tempdir().unwrap();
    let pcap = directory.path().join("sip.pcap");
    wire.write_pcap(&pcap);
    let read = tshark_fields(&pcap, "sip", &FIELDS);
    let count = |row: [&str; 5]| read.iter().filter(|known| **known == row).count();
    let event = "message-summary";
    for (at_least, row) in [
        (3, ["SUBSCRIBE", "", "SUBSCRIBE", event, ""]),
        (1, ["", "401", "SUBSCRIBE", "", ""]),
        (2, ["", "423", "SUBSCRIBE", "", ""]),
        (1, ["", "489", "SUBSCRIBE", "", ""]),
        (1, ["", "200", "NOTIFY", "", ""]),
        (1, ["", "481", "NOTIFY", "", ""]),
    ] {
        assert!(count(row) >= at_least, "{row:?} in {read:#?}");
    }
    let told: Vec<_> = read.iter().filter(|row| row[0] == "NOTIFY").map(|row| row[4].as_str()).collect();
    assert_eq!(told.iter().filter(|state| state.starts_with("active;expires=")).count(), 4, "{told:?}");
    assert_eq!(told.iter().filter(|state| state.starts_with("terminated")).count(), 1, "{told:?}");
    let bodies = tshark_fields(&pcap, "sip.Method == NOTIFY", &["sip.Content-Type", "sip.msg_body"]);
    assert!(bodies.iter().all(|row| row[0] == "application/simple-message-summary"), "{bodies:?}");
    assert_eq!(tshark_complaints(&pcap), Vec::<String>::new());
}

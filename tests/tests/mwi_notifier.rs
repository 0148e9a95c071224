//! The gateway as notifier: SIPp subscribes for `message-summary`, and hears what the voice mail and libpri tell.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::SocketAddr;
use std::time::Duration;

use system_tests::{
    Pbx, Side, SipTap, Sipp, Tipringd, Transport, VoiceMail, free_port, json, tshark_complaints,
    tshark_fields,
};

const LONG: Duration = Duration::from_secs(20);

fn gateway(trunk: SocketAddr) -> Tipringd {
    Tipringd::start(
        "isdn switch-type primary-qsig\n!\ncontroller E1 1/0\n pri-group timeslots 1-31\n!\n\
         interface Serial1/0:15\n isdn protocol-emulate user\n!\nvoice-port 2/0\n mwi\n!\nvoice service voip\n sip\n  \
         subscription maximum accept 3\n!\ndial-peer voice 1 pots\n destination-pattern 8000\n port 2/0\n!\n\
         dial-peer voice 47 pots\n destination-pattern 47..\n port 1/0:15\n!\n\
         sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n",
        &format!(
            "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n\n[[pri]]\ncontroller = \"E1 1/0\"\n\
             backend = \"socket\"\naddress = \"tcp-listen:{trunk}\"\n"
        ),
    )
}

/// SIPp subscribes for a mailbox, is told "none", then of the change that `tell` makes, and leaves.
fn subscribed(gateway: &Tipringd, number: &str, transport: Transport, tell: impl FnOnce()) {
    subscribed_at(gateway.sip(), gateway, number, transport, tell);
}

fn subscribed_at(
    target: SocketAddr,
    gateway: &Tipringd,
    number: &str,
    transport: Transport,
    tell: impl FnOnce(),
) {
    let rows = vec![number.to_owned()];
    let sipp = Sipp { scenario: "subscribe.xml".into(), target, transport, rows, rate: 1 };
    let subscriber = std::thread::spawn(move || sipp.run());
    gateway.show_until("show mwi statistics", LONG, |shown| shown.contains("Subscribers: 1"));
    tell();
    let run = subscriber.join().unwrap();
    assert_eq!(run.code, Some(0), "SIPp on {transport:?}: {}\n{}", run.stderr, run.stdout);
    gateway.show_until("show mwi statistics", LONG, |shown| shown.contains("Subscribers: 0"));
}

#[test]
fn sipp_hears_of_its_mailbox_from_the_voice_mail_the_pbx_and_the_console() {
    let trunk = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let gateway = gateway(trunk);
    let mut pbx = Pbx::connect(trunk, Side::Network, &[]);
    pbx.wait_up();
    gateway.show_until("show isdn status", LONG, |shown| shown.contains("MULTIPLE_FRAME_ESTABLISHED"));

    subscribed(&gateway, "8000", Transport::Udp, || {
        assert_eq!(VoiceMail::udp(gateway.sip()).notify("8000", true).status, 200);
    });
    pbx.send("mwi off 8000");
    gateway.lamp_becomes("8000", false);
    // By TCP everything goes over the subscriber's connection, where tshark reads it.
    let tap = SipTap::ahead_of(gateway.sip());
    subscribed_at(tap.address(), &gateway, "8000", Transport::Tcp, || pbx.send("mwi on 8000 n=5"));
    let folder = tempfile::tempdir().unwrap();
    let pcap = folder.path().join("sip.pcap");
    tap.write_pcap(&pcap);
    // One segment may carry several messages, whose values stand in one row.
    let all = |field: &str| -> Vec<String> {
        let rows = tshark_fields(&pcap, "sip && tcp", &[field]);
        let values = rows.iter().flat_map(|row| row[0].split(','));
        values.filter(|value| !value.is_empty()).map(str::to_owned).collect()
    };
    let methods = all("sip.Method");
    assert_eq!(methods, ["SUBSCRIBE", "NOTIFY", "NOTIFY", "SUBSCRIBE", "NOTIFY"]);
    assert_eq!(all("sip.Status-Code"), ["200"; 5]);
    let states = all("sip.Subscription-State");
    let states: Vec<_> = states.iter().map(|state| state.split(';').next().unwrap()).collect();
    assert_eq!(states, ["active", "active", "terminated"]);
    assert_eq!(tshark_complaints(&pcap), Vec::<String>::new());
    assert!(gateway.lines().listen("2/0", 3.0).is_message_waiting_tone("us"));
    assert_eq!(gateway.show("mwi set 8000 off").trim(), "8000 OFF: port 2/0");
    subscribed(&gateway, "8000", Transport::Udp, || {
        assert_eq!(gateway.show("mwi set 8000 on count 5").trim(), "8000 ON: port 2/0");
    });

    // A mailbox without a telephone here: the PBX's news are taken only while somebody wants them.
    pbx.send("mwi on 4711 n=5");
    pbx.wait(&json!({"ev": "rose", "type": "error", "error": 6}));
    subscribed(&gateway, "4711", Transport::Udp, || pbx.send("mwi on 4711 n=5"));
    // And the PBX may ask what is known of it.
    pbx.send("mwi ask 4711");
    pbx.wait(&json!({"ev": "rose", "type": "result", "op": 82}));
}

/// A SUBSCRIBE by hand; the answer's status.
fn ask(sender: &mut VoiceMail, user: &str, event: &str, expires: &str) -> u16 {
    let text = sender
        .text(user, true)
        .body("")
        .without("Content-Type")
        .without("Subscription-State")
        .method("SUBSCRIBE")
        .set("Event", event)
        .set("Expires", expires);
    sender.ask(&text.render()).status
}

#[test]
fn who_may_not_subscribe_is_told_why() {
    let trunk = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let gateway = gateway(trunk);
    let mut stranger = VoiceMail::udp_from([127, 0, 0, 2].into(), gateway.sip());
    assert_eq!(ask(&mut stranger, "8000", "message-summary", "600"), 403);
    let mut known = VoiceMail::udp(gateway.sip());
    assert_eq!(ask(&mut known, "9999", "message-summary", "600"), 404);
    assert_eq!(ask(&mut known, "8000", "presence", "600"), 489);
    assert_eq!(ask(&mut known, "8000", "message-summary", "5"), 423);
    // As many as the configuration allows, each with somebody there who is told.
    let mut subscribers: Vec<_> = (0..4).map(|_| VoiceMail::udp(gateway.sip())).collect();
    let answers = subscribers.iter_mut().map(|phone| ask(phone, "8000", "message-summary", "600"));
    assert_eq!(answers.collect::<Vec<_>>(), [200, 200, 200, 503]);
}

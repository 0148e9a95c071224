//! SMDI: a PBX at the other end of a serial line (a pseudo terminal) is told of messages, refuses, tells of calls, talks
//! rubbish and goes away.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::SocketAddr;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use system_tests::{Answer, Profile, Run, SerialEnd, Tipringd, VoiceMail, free_port, http_get};

const LONG: Duration = Duration::from_secs(20);

/// The voice mail tells in a thread of its own: its answer waits for the PBX.
fn tell(gateway: SocketAddr, number: &str, waiting: bool) -> JoinHandle<Answer> {
    let number = number.to_owned();
    std::thread::spawn(move || VoiceMail::udp(gateway).notify(&number, waiting))
}

fn start(tty: &Path) -> Tipringd {
    start_with(tty, Vec::new())
}

fn start_with(tty: &Path, args: Vec<String>) -> Tipringd {
    Tipringd::start_run(Run {
        config: "voice-port 2/0\n mwi\n!\ndial-peer voice 1 pots\n destination-pattern 4700\n port 2/0\n!\n\
         sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n"
            .into(),
        hardware: format!(
            "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n\n[[smdi]]\nname = \"pbx1\"\ntty = {:?}\nspeed = 9600\n\
             desk = 1\nnumbers = [\"47..\"]\ndigits = 7\nprefix = \"555\"\n",
            tty.to_str().unwrap()
        ),
        profile: Profile::Debug,
        args,
    })
}

fn comes_up(gateway: &Tipringd) {
    gateway.show_until("show mwi trunk pbx1", LONG, |shown| shown.contains(": up, "));
}

#[test]
fn a_pbx_on_a_serial_line_is_told_and_its_refusals_are_the_voice_mail_s_answer() {
    let folder = tempfile::tempdir().unwrap();
    let tty = folder.path().join("ttyS1");
    let mut switch = SerialEnd::plug(&tty);
    let gateway = start(&tty);
    comes_up(&gateway);

    // Silence is success.
    let answer = tell(gateway.sip(), "4711", true);
    switch.hears("OP:MWI 5554711!\u{4}");
    assert_eq!(answer.join().unwrap().status, 200);
    assert!(gateway.show("show mwi 4711").contains("delivered"));
    let answer = tell(gateway.sip(), "4711", false);
    switch.hears("RMV:MWI 5554711!\u{4}");
    assert_eq!(answer.join().unwrap().status, 200);

    // A number the PBX does not know.
    let answer = tell(gateway.sip(), "4712", true);
    switch.hears("OP:MWI 5554712!\u{4}");
    switch.says(b"\r\nMWI 5554712 INV\r\n\x19");
    assert_eq!(answer.join().unwrap().status, 404);
    assert!(gateway.show("show mwi 4712 detail").contains("Delivery: failed by pbx1"));

    // Not now: later, and then well.
    let answer = tell(gateway.sip(), "4713", true);
    switch.hears("OP:MWI 5554713!\u{4}");
    switch.says(b"\r\nMWI 5554713 BLK\r\n\x19");
    let answer = answer.join().unwrap();
    assert_eq!((answer.status, answer.header("Retry-After")), (503, Some("30")));
    switch.hears("OP:MWI 5554713!\u{4}");
    gateway.show_until("show mwi 4713", LONG, |shown| shown.contains("delivered"));

    // A telephone of the gateway's own goes before; what nobody has is refused.
    assert_eq!(tell(gateway.sip(), "4700", true).join().unwrap().status, 200);
    assert!(gateway.lines().listen("2/0", 3.0).is_message_waiting_tone("us"));
    assert_eq!(tell(gateway.sip(), "4811", true).join().unwrap().status, 404);
    assert_eq!(switch.heard(), "");

    // By hand the same way.
    assert_eq!(gateway.show("mwi set 4714 on").trim(), "4714 ON: on its way to trunk pbx1");
    switch.hears("OP:MWI 5554714!\u{4}");
}

#[test]
fn calls_to_voice_mail_are_logged_rubbish_survived_and_a_line_that_was_gone_gets_the_newest_state() {
    let folder = tempfile::tempdir().unwrap();
    let tty = folder.path().join("ttyS1");
    let mut switch = SerialEnd::plug(&tty);
    let gateway = start(&tty);
    comes_up(&gateway);

    let call = "desk 001 line 0023, no answer, for 5554711, from 2125550100";
    switch.says(b"\r\nMD0020001D 5550199 \r\n\x19\r\nMD0010023N5554711 2125550100 \r\n\x19");
    gateway.show_until("show mwi trunk pbx1 history", LONG, |shown| shown.contains(call));
    let log = gateway.show("show logging");
    assert!(log.contains(&format!("%SMDI-6-CALL: pbx1: {call}")) && !log.contains("desk 002"), "{log}");

    // Octets of every kind, without end and with ends.
    let rubbish: Vec<u8> = (0..4000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    switch.says(&rubbish);
    switch.says(b"\x19\r\nMWI 5554711 INV\r\n\x19");
    let totals = gateway.show_until("show mwi trunk pbx1 statistics", LONG, |shown| {
        shown.contains("heard 1 calls, 1 refusals, ")
    });
    assert!(!totals.contains(" 0 unreadable"), "{totals}");

    // The line is cut under a request: it is asked again when the line is back, with the newest state, once.
    let answer = tell(gateway.sip(), "4715", true);
    switch.hears("OP:MWI 5554715!\u{4}");
    drop(switch);
    assert_eq!(answer.join().unwrap().status, 200);
    gateway.show_until("show mwi trunk pbx1", LONG, |shown| shown.contains(": down, "));
    for waiting in [false, true, false] {
        assert_eq!(tell(gateway.sip(), "4715", waiting).join().unwrap().status, 200);
    }
    assert_eq!(tell(gateway.sip(), "4716", true).join().unwrap().status, 200);
    assert!(gateway.show("show mwi queue").contains("5554716 ON: waiting"));
    let mut switch = SerialEnd::plug(&tty);
    switch.hears("RMV:MWI 5554715!\u{4}");
    gateway.show_until("show mwi trunk pbx1", LONG, |shown| {
        shown.matches("delivered").count() == 2 && shown.contains("0 under way, 0 waiting")
    });
    let heard = switch.heard();
    let both = heard.matches("5554715").count() + heard.matches("OP:MWI 5554716!").count();
    assert!(both <= 1, "{heard:?}");
}

#[test]
fn what_a_serial_line_brings_and_comes_to_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let tty = folder.path().join("ttyS1");
    let mut switch = SerialEnd::plug(&tty);
    let port = free_port();
    let gateway = start_with(&tty, vec!["--metrics".into(), format!("127.0.0.1:{port}")]);
    comes_up(&gateway);
    let answer = tell(gateway.sip(), "4711", true);
    switch.hears("OP:MWI 5554711!\u{4}");
    assert_eq!(answer.join().unwrap().status, 200);
    let answer = tell(gateway.sip(), "4712", true);
    switch.hears("OP:MWI 5554712!\u{4}");
    switch.says(b"\r\nMWI 5554712 INV\r\n\x19");
    assert_eq!(answer.join().unwrap().status, 404);
    switch.says(b"\r\nMD0010023N5554711 2125550100 \r\n\x19\r\nrubbish\r\n\x19");
    gateway.show_until("show mwi trunk pbx1 statistics", LONG, |shown| {
        shown.contains("heard 1 calls, 1 refusals, 1 unreadable")
    });
    let counted = |wanted: &[&str]| {
        let (_, text) = http_get(port, "/metrics");
        for line in wanted {
            assert!(text.lines().any(|known| known == *line), "no {line} in\n{text}");
        }
    };
    counted(&[
        "tipring_smdi_up{line=\"pbx1\"} 1",
        "tipring_smdi_heard_total{line=\"pbx1\",what=\"calls\"} 1",
        "tipring_smdi_heard_total{line=\"pbx1\",what=\"refusals\"} 1",
        "tipring_smdi_heard_total{line=\"pbx1\",what=\"unreadable\"} 1",
        "tipring_mwi_trunk_operations_total{cause=\"\",outcome=\"done\"} 1",
        "tipring_mwi_queue_depth{trunk=\"pbx1\"} 0",
    ]);
    drop(switch);
    gateway.show_until("show mwi trunk pbx1", LONG, |shown| shown.contains(": down, "));
    assert_eq!(tell(gateway.sip(), "4713", true).join().unwrap().status, 200);
    counted(&["tipring_smdi_up{line=\"pbx1\"} 0", "tipring_mwi_queue_depth{trunk=\"pbx1\"} 1"]);
}

#[test]
fn after_kill_9_the_pbx_is_told_what_it_did_not_confirm_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let tty = folder.path().join("ttyS1");
    let mut switch = SerialEnd::plug(&tty);
    let mut gateway = start(&tty);
    comes_up(&gateway);
    for number in ["4711", "4712"] {
        let answer = tell(gateway.sip(), number, true);
        switch.hears(&format!("OP:MWI 555{number}!\u{4}"));
        assert_eq!(answer.join().unwrap().status, 200);
    }
    gateway.show_until("show mwi trunk pbx1", LONG, |shown| shown.matches("delivered").count() == 2);

    // The serial line is gone, then the gateway: what came in between is on disk.
    drop(switch);
    gateway.show_until("show mwi trunk pbx1", LONG, |shown| shown.contains(": down, "));
    for (number, waiting) in [("4712", false), ("4713", true), ("4714", true), ("4714", false)] {
        assert_eq!(tell(gateway.sip(), number, waiting).join().unwrap().status, 200);
    }
    gateway.kill_9();
    let mut switch = SerialEnd::plug(&tty);
    gateway.restart();
    comes_up(&gateway);
    gateway.show_until("show mwi trunk pbx1", LONG, |shown| {
        shown.matches("delivered").count() == 4 && shown.contains("0 under way, 0 waiting")
    });
    let heard = switch.heard();
    let mut told: Vec<&str> = heard.split_terminator('\u{4}').collect();
    told.sort_unstable();
    assert_eq!(told, ["OP:MWI 5554713!", "RMV:MWI 5554712!", "RMV:MWI 5554714!"]);

    // Killed while the PBX's silence had not yet said yes: asked again, once.
    let _unanswered = tell(gateway.sip(), "4711", false);
    switch.hears("RMV:MWI 5554711!\u{4}");
    gateway.kill_9();
    gateway.restart();
    switch.hears("RMV:MWI 5554711!\u{4}");
    gateway.show_until("show mwi 4711", LONG, |shown| shown.contains("delivered"));
    assert_eq!(switch.heard(), "");
}

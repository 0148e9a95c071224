//! What an operator's monitoring sees over HTTP.
#![allow(clippy::unwrap_used, clippy::panic)]

use system_tests::{Profile, Run, Tipringd, VoiceMail, free_port, http_get as get};

#[test]
fn notifies_and_lamps_are_counted() {
    let port = free_port();
    let gateway = Tipringd::start_run(Run {
        config: "voice-port 2/0\n mwi\n!\ndial-peer voice 1 pots\n destination-pattern 8000\n port 2/0\n!\n\
                 sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n"
            .into(),
        hardware: "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n".into(),
        profile: Profile::Debug,
        args: vec!["--metrics".into(), format!("127.0.0.1:{port}")],
    });
    assert_eq!(get(port, "/healthz").0, "HTTP/1.1 200 OK");
    assert_eq!(get(port, "/nothing").0, "HTTP/1.1 404 Not Found");
    let mut voice_mail = VoiceMail::udp(gateway.sip());
    assert_eq!(voice_mail.notify("8000", true).status, 200);
    assert_eq!(voice_mail.notify("8000", true).status, 200);
    assert_eq!(voice_mail.notify("9999", true).status, 404);
    let (_, text) = get(port, "/metrics");
    for line in [
        "tipring_mwi_notify_total{status=\"200\"} 2",
        "tipring_mwi_notify_total{status=\"404\"} 1",
        "tipring_mwi_lamps_on 1",
        "tipring_mwi_mailboxes 1",
        "tipring_mwi_lamps{state=\"on\"} 1",
        "tipring_mwi_lamps{state=\"off\"} 0",
    ] {
        assert!(text.lines().any(|l| l == line), "no {line:?} in\n{text}");
    }
}

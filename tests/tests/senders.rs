//! Real voice mails are sloppy, each in its own way. All of these must be understood.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use system_tests::{NotifyText, Tipringd, VoiceMail};

fn gateway() -> Tipringd {
    Tipringd::start(
        "voice-port 2/0\n mwi\n!\ndial-peer voice 1 pots\n destination-pattern 8000\n port 2/0\n!\n\
         sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n",
        "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n",
    )
}

/// A sender, and how it writes the state, given as yes or no.
type Row = (&'static str, fn(NotifyText, &'static str) -> NotifyText);

fn compact(mut notify: NotifyText) -> NotifyText {
    for header in &mut notify.headers {
        for (long, short) in [
            ("Via:", "v:"),
            ("From:", "f:"),
            ("To:", "t:"),
            ("Call-ID:", "i:"),
            ("Contact:", "m:"),
            ("Event:", "o:"),
            ("Content-Type:", "c:"),
        ] {
            if let Some(rest) = header.strip_prefix(long) {
                *header = format!("{short}{rest}");
            }
        }
    }
    notify
}

const ROWS: &[Row] = &[
    ("Unified CM: no subscription, text/plain, one line", |n, status| {
        n.without("Subscription-State")
            .without("Contact")
            .set("Content-Type", "text/plain")
            .body(&format!("Messages-Waiting: {status}\r\n"))
    }),
    ("Asterisk: account and counts", |n, status| {
        n.set("User-Agent", "Asterisk PBX").body(&format!(
            "Messages-Waiting: {status}\r\nMessage-Account: sip:asterisk@127.0.0.1\r\nVoice-Message: 1/0 (0/0)\r\n"
        ))
    }),
    ("FreeSWITCH: account with parameters, counts apart", |n, status| {
        n.body(&format!(
            "Messages-Waiting: {status}\r\nMessage-Account: sip:8000@example.com;transport=udp\r\n\
             Voice-Message: 2/7 (1/0)\r\n\r\n"
        ))
    }),
    ("no branch in Via", |n, _| {
        let via = n
            .headers
            .first()
            .unwrap()
            .split(";branch")
            .next()
            .unwrap()
            .trim_start_matches("Via: ")
            .to_owned();
        n.set("Via", &via)
    }),
    ("LF line ends throughout", |mut n, status| {
        n.line_end = "\n";
        n.body(&format!("Messages-Waiting: {status}\nVoice-Message: 1/1\n"))
    }),
    ("no line end after the last line", |n, status| n.body(&format!("Messages-Waiting: {status}"))),
    ("lower case, odd spaces", |n, status| {
        n.body(&format!("messages-waiting :\t{}  \r\nvoice-message:1/0\r\n", status.to_uppercase()))
    }),
    ("message classes nobody registered", |n, status| {
        n.body(&format!(
            "Messages-Waiting: {status}\r\nX-Telex-Message: 3/4 (1/0)\r\nHologram-Message: 1/1\r\n"
        ))
    }),
    ("header-like lines after an empty one", |n, status| {
        n.body(&format!(
            "Messages-Waiting: {status}\r\nVoice-Message: 1/0\r\n\r\nTo: <8000@example.com>\r\nSubject: hello\r\n"
        ))
    }),
    ("an empty line before the first", |n, status| n.body(&format!("\r\nMessages-Waiting: {status}\r\n"))),
    ("compact header names", |n, _| compact(n)),
    ("header names in capitals", |mut n, _| {
        for header in &mut n.headers {
            let (name, value) = header.split_once(':').unwrap();
            *header = format!("{}:{value}", name.to_uppercase());
        }
        n
    }),
    ("no Event, the body's type says it", |n, _| n.without("Event")),
    ("a subscription at its end", |n, _| n.set("Subscription-State", "terminated;reason=noresource")),
    ("no Max-Forwards", |n, _| n.without("Max-Forwards")),
    ("Event with a parameter", |n, _| n.set("Event", "message-summary;id=17")),
    ("Content-Type with a parameter", |n, _| {
        n.set("Content-Type", "application/simple-message-summary; charset=utf-8")
    }),
    ("a folded header", |n, _| n.set("Subject", "first\r\n\tsecond")),
    ("the number only in To", |mut n, _| {
        n.uri = n.uri.replace("8000@", "");
        n
    }),
    ("the number only in Message-Account", |mut n, status| {
        n.uri = n.uri.replace("8000@", "");
        n.set("To", "<sip:gateway.example.com>")
            .body(&format!("Messages-Waiting: {status}\r\nMessage-Account: sip:8000@vm.example.com\r\n"))
    }),
    ("a tel: URI", |mut n, _| {
        n.uri = "tel:8000".into();
        n
    }),
    ("the number with a user parameter", |mut n, _| {
        n.uri = format!("{};user=phone", n.uri);
        n
    }),
    ("two Vias in one line", |n, _| {
        let via = n.headers.first().unwrap().trim_start_matches("Via: ").to_owned();
        n.set("Via", &format!("{via}, SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKfirst"))
    }),
];

#[test]
fn every_sender_is_understood() {
    let gateway = gateway();
    let mut udp = VoiceMail::udp(gateway.sip());
    let mut tcp = VoiceMail::tcp(gateway.sip());
    let mut wrong = Vec::new();
    for (what, write) in ROWS {
        for (voice_mail, waiting) in [(&mut udp, true), (&mut tcp, false)] {
            let status = if waiting { "yes" } else { "no" };
            let answer = voice_mail.ask(&write(voice_mail.text("8000", waiting), status).render());
            if answer.status != 200 {
                wrong.push(format!("{what}: {} {}", answer.status, answer.reason));
            } else if gateway.lamp("8000") != Some(waiting) {
                wrong.push(format!("{what}: the lamp is not {status}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_voice_mail_may_be_configured_by_name() {
    let gateway = Tipringd::start(
        "voice-port 2/0\n mwi\n!\ndial-peer voice 1 pots\n destination-pattern 8000\n port 2/0\n!\n\
         sip-ua\n mwi-server dns:localhost unsolicited\n",
        "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n",
    );
    // the name is looked up while the daemon already serves
    gateway.show_until("show sip-ua mwi", Duration::from_secs(10), |shown| shown.contains("7F000001"));
    assert_eq!(VoiceMail::udp(gateway.sip()).notify("8000", true).status, 200);
    assert_eq!(gateway.lamp("8000"), Some(true));
}

/// Puts a long text into one field.
type Fill = fn(NotifyText, &str) -> NotifyText;

/// Issue 2: every field from 1 octet to 64 KiB is either used or answered 400 or 413.
#[test]
fn a_field_of_any_length_is_used_or_refused_and_never_hurts() {
    let mut gateway = gateway();
    let fields: [(&str, Fill); 6] = [
        ("Message-Account", |n, fill| {
            n.body(&format!(
                "Messages-Waiting: yes\r\nMessage-Account: sip:{fill}@x\r\nVoice-Message: 1/0\r\n"
            ))
        }),
        ("counts", |n, fill| {
            n.body(&format!("Messages-Waiting: yes\r\nVoice-Message: {}/0\r\n", fill.replace('a', "9")))
        }),
        ("message class", |n, fill| n.body(&format!("Messages-Waiting: yes\r\n{fill}-Message: 1/0\r\n"))),
        ("From", |n, fill| n.set("From", &format!("\"{fill}\" <sip:v@x>;tag=1"))),
        ("Request-URI", |mut n, fill| {
            n.uri = format!("sip:8000@{fill}");
            n
        }),
        ("Subject", |n, fill| n.set("Subject", fill)),
    ];
    for (what, write) in fields {
        for length in [1, 63, 255, 1024, 4096, 16_384, 65_535, 65_536, 70_000] {
            let fill = "a".repeat(length);
            let mut voice_mail = VoiceMail::tcp(gateway.sip());
            let answer = voice_mail.ask(&write(voice_mail.text("8000", true), &fill).render());
            assert!(
                [200, 400, 413, 414, 513].contains(&answer.status),
                "{what} of {length} octets: {} {}",
                answer.status,
                answer.reason
            );
            if length == 1 && what != "counts" {
                assert_eq!(answer.status, 200, "{what} of 1 octet: {}", answer.reason);
            }
        }
        let mut voice_mail = VoiceMail::udp(gateway.sip());
        let answer = voice_mail.ask(&write(voice_mail.text("8000", true), &"a".repeat(60_000)).render());
        assert!([200, 400, 413, 414, 513].contains(&answer.status), "{what} in a datagram: {answer:?}");
    }
    assert_eq!(VoiceMail::udp(gateway.sip()).notify("8000", false).status, 200);
    assert_eq!(gateway.lamp("8000"), Some(false));
    assert!(gateway.is_running());
}

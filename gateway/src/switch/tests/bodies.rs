//! NOTIFYs as voice mail systems send them, whole: each lights the lamp, and what it counted is kept and told on.

use cli::session::{MwiQuery, MwiScope, MwiView, Show};

use super::*;

/// Who sends so, the headers behind CSeq, the body, and what `show mwi NUMBER detail` has of it.
struct Form {
    sender: &'static str,
    /// Parameters of To.
    to: &'static str,
    headers: &'static str,
    body: &'static str,
    on: bool,
    kept: &'static [&'static str],
}

const SUMMARY: &str = "Content-Type: application/simple-message-summary\r\n";

/// In the style of each, with numbers and names of our own.
const FORMS: [Form; 13] = [
    Form {
        sender: "RFC 3842 5.2, in a dialog's words, all classes and extension headers",
        to: "",
        headers: "Event: message-summary\r\nSubscription-State: active;expires=3600\r\n",
        body: "Messages-Waiting: yes\r\nMessage-Account: sip:anna@vmail.example.com\r\nVoice-Message: 4/8 (1/2)\r\n\
               Video-Message: 0/0\r\nFax-Message: 1/3\r\nPager-Message: 0/2\r\nMultimedia-Message: 2/0\r\n\
               Text-Message: 7/1\r\nNone: 0/1\r\n\r\nTo: <anna@example.com>\r\nFrom: <otto@example.com>\r\n\
               Subject: carpool\r\nPriority: urgent\r\n",
        on: true,
        kept: &[
            "Voice-Message: 4 new, 8 old; urgent 1 new, 2 old",
            "Video-Message: 0 new, 0 old",
            "Fax-Message: 1 new, 3 old",
            "Pager-Message: 0 new, 2 old",
            "Multimedia-Message: 2 new, 0 old",
            "Text-Message: 7 new, 1 old",
            "None: 0 new, 1 old",
            "Account: sip:anna@vmail.example.com",
        ],
    },
    Form {
        sender: "RFC 3842, nothing but the status",
        to: "",
        headers: "Event: message-summary\r\nSubscription-State: active\r\n",
        body: "Messages-Waiting: no\r\n",
        on: false,
        kept: &[],
    },
    Form {
        sender: "Unified CM on a trunk: text/plain, no Subscription-State",
        to: "",
        headers: "Event: message-summary\r\nAllow: INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, SUBSCRIBE, NOTIFY, REFER\r\n\
                  Expires: 180\r\nContent-Type: text/plain\r\n",
        body: "Messages-Waiting: yes\r\n",
        on: true,
        kept: &[],
    },
    Form {
        sender: "Unified CM, messages read",
        to: "",
        headers: "Event: message-summary\r\nContent-Type: text/plain\r\n",
        body: "Messages-Waiting: no\r\n",
        on: false,
        kept: &[],
    },
    Form {
        sender: "Unity, counts of voice",
        to: "",
        headers: "User-Agent: Unity\r\nEvent: message-summary\r\nSubscription-State: active\r\n",
        body: "Messages-Waiting: yes\r\nVoice-Message: 3/1\r\n",
        on: true,
        kept: &["Voice-Message: 3 new, 1 old"],
    },
    Form {
        sender: "Unity, older: no line end",
        to: "",
        headers: "Event: message-summary\r\n",
        body: "Messages-Waiting: no",
        on: false,
        kept: &[],
    },
    Form {
        sender: "Asterisk, res_pjsip: unsolicited is a subscription that has ended",
        to: "",
        headers: "Event: message-summary\r\nSubscription-State: terminated\r\nAllow-Events: presence, dialog, message-summary, refer\r\n",
        body: "Messages-Waiting: yes\r\nMessage-Account: sip:asterisk@192.0.2.10\r\nVoice-Message: 1/0 (0/0)\r\n",
        on: true,
        kept: &["Voice-Message: 1 new, 0 old; urgent 0 new, 0 old", "Account: sip:asterisk@192.0.2.10"],
    },
    Form {
        sender: "Asterisk, chan_sip: lines end in LF",
        to: "",
        headers: "Event: message-summary\r\nSubscription-State: active\r\n",
        body: "Messages-Waiting: no\nMessage-Account: sip:*97@192.0.2.10\nVoice-Message: 0/2 (0/0)\n",
        on: false,
        kept: &["Voice-Message: 0 new, 2 old; urgent 0 new, 0 old", "Account: sip:*97@192.0.2.10"],
    },
    Form {
        sender: "FreeSWITCH: an empty line behind it, Subscription-State with a reason",
        to: "",
        headers: "Event: message-summary\r\nAllow-Events: talk, hold, presence, message-summary, refer\r\n\
                  Subscription-State: terminated;reason=noresource\r\n",
        body: "Messages-Waiting: yes\r\nMessage-Account: sip:8000@pbx.example.com\r\nVoice-Message: 2/5 (0/0)\r\n\r\n",
        on: true,
        kept: &["Voice-Message: 2 new, 5 old; urgent 0 new, 0 old"],
    },
    Form {
        sender: "FreeSWITCH, messages heard",
        to: "",
        headers: "Event: message-summary\r\nSubscription-State: active;expires=600\r\n",
        body: "Messages-Waiting: no\r\nMessage-Account: sip:8000@pbx.example.com\r\nVoice-Message: 0/7 (0/0)\r\n\r\n",
        on: false,
        kept: &["Voice-Message: 0 new, 7 old; urgent 0 new, 0 old"],
    },
    Form {
        sender: "in front of a Sangoma Vega: a tag in To of a dialog that is none, one line end of one octet",
        to: ";tag=8937A600-196",
        headers: "Event: message-summary\r\nAllow-Events: refer\r\nAllow-Events: telephone-event\r\n\
                  Allow-Events: message-summary\r\nSubscription-State: active\r\n",
        body: "Messages-Waiting: yes\n",
        on: true,
        kept: &[],
    },
    Form {
        sender: "in front of a Sangoma Vega, messages read: 22 octets with both",
        to: ";tag=8937A600-196",
        headers: "Event: message-summary\r\nSubscription-State: active\r\n",
        body: "Messages-Waiting: no\r\n",
        on: false,
        kept: &[],
    },
    Form {
        sender: "compact header names, blanks and lower case",
        to: "",
        headers: "o: message-summary\r\n",
        body: "\r\n  messages-waiting :  YES \r\n\r\nvoice-message:3 / 2(1 /0 )\r\n",
        on: true,
        kept: &["Voice-Message: 3 new, 2 old; urgent 1 new, 0 old"],
    },
];

#[test]
fn notifies_as_voice_mail_systems_send_them_light_the_lamp_and_their_counts_are_kept() {
    let mut bench = Bench::new();
    for (at, form) in FORMS.iter().enumerate() {
        let Form { sender, to, headers, body, on, kept } = form;
        let content = if headers.contains("Content-Type") { "" } else { SUMMARY };
        bench.receive(&format!(
            "NOTIFY sip:8000@192.0.2.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKf{at}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:5678@192.0.2.10>;tag=1\r\nTo: <sip:8000@192.0.2.1>{to}\r\n\
             Call-ID: form-{at}@192.0.2.10\r\nCSeq: 101 NOTIFY\r\nContact: <sip:5678@192.0.2.10>\r\n\
             {headers}{content}Content-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        assert_eq!(bench.status(&format!("form-{at}@192.0.2.10")), Some(200), "{sender}");
        let scope = MwiScope::Number("8000".into());
        let shown =
            bench.switch.show(bench.now, &Show::Mwi(MwiQuery { scope, view: MwiView::Detail })).unwrap();
        assert!(shown.contains(if *on { "Status: ON" } else { "Status: OFF" }), "{sender}:\n{shown}");
        for line in *kept {
            assert!(shown.lines().any(|known| known.trim() == *line), "{sender}: no {line} in\n{shown}");
        }
        let counts = shown.lines().filter(|line| line.contains(" new, ")).count();
        let wanted = kept.iter().filter(|line| line.contains(" new, ")).count();
        assert_eq!(counts, wanted, "{sender}:\n{shown}");
        assert_eq!(bench.tone_off_hook(0), if *on { Tone::Stutter } else { Tone::Dial }, "{sender}");
    }
}

#[test]
fn counts_of_every_class_survive_a_restart_and_are_told_to_subscribers_and_the_pbx() {
    let body = "Messages-Waiting: yes\r\nMessage-Account: sip:4711@vm\r\nVoice-Message: 4/8 (1/2)\r\nFax-Message: 1/3\r\n\
                X-Video-Message: 5/6\r\n";
    let mut bench = Bench::new();
    bench.link(0, true);
    bench.notify_body("4711", "all", body);
    assert_eq!(bench.status("all"), Some(200));
    // An urgent one among those that are new is the highest priority.
    let request = bench.pbx[0].request.take().unwrap();
    assert_eq!(request.messages, Some(4));
    assert_eq!(request.priority, Some(0));

    let mut bench = bench.restart(CONFIG);
    bench.receive(
        "SUBSCRIBE sip:4711@gw SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKw\r\nFrom: <sip:4711@x>;tag=a\r\n\
         To: <sip:4711@gw>\r\nCall-ID: w\r\nCSeq: 1 SUBSCRIBE\r\nContact: <sip:4711@192.0.2.10:5070>\r\n\
         Event: message-summary\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n",
    );
    let told = bench.requests.iter().find(|r| r.method() == Some(Method::Notify)).unwrap();
    assert_eq!(std::str::from_utf8(told.body()).unwrap(), body);
}

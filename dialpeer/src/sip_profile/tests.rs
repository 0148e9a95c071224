#![allow(clippy::unwrap_used)]
use super::*;

const INVITE: &str = "INVITE sip:+15551234@192.0.2.50:5061 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n\
    From: \"Ada\" <sip:8000@192.0.2.1>;tag=a\r\nTo: <sip:+15551234@192.0.2.50>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\
    User-Agent: Tipring\r\nContact: <sip:8000@192.0.2.1:5060>\r\nContent-Type: application/sdp\r\nContent-Length: 120\r\n\r\n\
    v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=sendonly\r\na=ptime:20\r\n";

fn changed(rules: &[&str], message: &str) -> String {
    let octets = Profile::new(rules.iter().copied()).apply(message.as_bytes());
    octets.map_or_else(|| message.to_owned(), |octets| String::from_utf8(octets).unwrap())
}

#[track_caller]
fn has(text: &str, line: &str) {
    assert!(text.split("\r\n").any(|own| own == line), "no {line:?} in\n{text}");
}

#[test]
fn headers_are_added_changed_and_removed() {
    // The rules of a real configuration (Teams, Webex Calling).
    let text = changed(
        &[
            r#"rule 10 request ANY sip-header Contact modify "@.*:" "@sbc.example.com:" "#,
            r#"rule 30 request ANY sip-header SIP-Req-URI modify "sip:(.*):5061 (.*)" "sip:\1:5061;user=phone \2""#,
            r#"rule 40 request ANY sip-header User-Agent modify "(Tip.*)" "\1\x0D\x0AX-MS-SBC: \1""#,
            r#"rule 50 request INVITE sip-header From modify "(<.*:.*)(@.*>)" "\1@a.example>""#,
            r#"rule 60 request INVITE sip-header Diversion add "Diversion: <sip:1@a>""#,
            r#"rule 65 request INVITE sip-header From modify "\".*\"" "\"Test\"""#,
            "rule 70 request INVITE sip-header Via remove",
            "rule 80 request INVITE sip-header Call-ID remove",
        ],
        INVITE,
    );
    has(&text, "INVITE sip:+15551234@192.0.2.50:5061;user=phone SIP/2.0");
    has(&text, "Contact: <sip:8000@sbc.example.com:5060>");
    has(&text, "X-MS-SBC: Tipring");
    has(&text, "From: \"Test\" <sip:8000@a.example>;tag=a");
    has(&text, "Diversion: <sip:1@a>");
    has(&text, "Call-ID: x");
    assert!(!text.contains("Via:"));
}

#[test]
fn a_session_description_is_changed_in_the_part_that_is_meant_and_its_length_told() {
    let text = changed(
        &[
            r#"request ANY sdp-header Audio-Attribute modify "a=sendonly" "a=inactive""#,
            r#"request ANY sdp-header Connection-Info modify "IN IP4 192.0.2.1" "IN IP4 198.51.100.7""#,
            r#"request ANY sdp-header Audio-Attribute add "a=label:main""#,
            r#"request ANY sdp-header Video-Attribute add "a=none""#,
            r#"rule 110 request ANY sdp-header mline-index 1 m= modify "4000" "5000""#,
            r#"rule 111 request ANY sdp-header mline-index 2 m= modify "5000" "6000""#,
        ],
        INVITE,
    );
    has(&text, "a=inactive");
    has(&text, "c=IN IP4 198.51.100.7");
    has(&text, "a=label:main");
    has(&text, "m=audio 5000 RTP/AVP 0");
    has(&text, "o=- 1 1 IN IP4 192.0.2.1");
    assert!(!text.contains("a=none"));
    let body = text.split_once("\r\n\r\n").unwrap().1;
    has(&text, &format!("Content-Length: {}", body.len()));
}

#[test]
fn rules_are_for_requests_responses_methods_and_later_invites() {
    let ok = "SIP/2.0 200 OK\r\nTo: <sip:a@b>;tag=1\r\nCSeq: 7 BYE\r\nServer: Tipring\r\nContent-Length: 0\r\n\r\n";
    let again = INVITE.replace("To: <sip:+15551234@192.0.2.50>", "To: <sip:+15551234@192.0.2.50>;tag=b");
    let is = |rule: &str, message: &str| {
        changed(&[&format!("{rule} sip-header X-A add \"X-A: 1\"")], message) != message
    };
    for (rule, invite, reinvite, response) in [
        ("request ANY", true, true, false),
        ("request INVITE", true, false, false),
        ("request REINVITE", false, true, false),
        ("request BYE", false, false, false),
        ("response ANY", false, false, true),
        ("response 200", false, false, true),
        ("response 200 method BYE", false, false, true),
        ("response 200 method INVITE", false, false, false),
        ("response 486", false, false, false),
    ] {
        assert_eq!(
            (is(rule, INVITE), is(rule, &again), is(rule, ok)),
            (invite, reinvite, response),
            "{rule}"
        );
    }
}

#[test]
fn what_is_copied_is_put_elsewhere() {
    let text = changed(
        &[
            r#"rule 2 request INVITE sip-header Contact modify "sip:(.*)@" "sip:\u05@""#,
            r#"rule 1 request INVITE sip-header From copy "sip:(.*)@" u05"#,
            r#"rule 3 request INVITE sip-header X-From add "X-From: \u05""#,
        ],
        &INVITE.replace("Contact: <sip:8000", "Contact: <sip:1"),
    );
    has(&text, "Contact: <sip:8000@192.0.2.1:5060>");
    has(&text, "X-From: 8000");
}

#[test]
fn lines_that_are_no_rules_say_what_is_wrong() {
    assert_eq!(Profile::check("request INVITE sip-header From remove"), Ok(()));
    for (line, wrong) in [
        ("request INVITE", "\"\" in a rule"),
        ("answer INVITE sip-header From remove", "\"answer\""),
        ("request INVITE sip-header From drop", "\"drop\""),
        ("request INVITE sdp-header Tune remove", "\"Tune\""),
        ("request INVITE sip-header From copy \"(\" u01", "pattern \"(\""),
        ("request INVITE sip-header From copy \"a\" v1", "\"v1\""),
        ("response 2xx sip-header From remove", "\"2xx\""),
    ] {
        let error = Profile::check(line).unwrap_err().to_string();
        assert!(error.contains(wrong), "{line}: {error}");
    }
    // A message that is none, and one that is not text, go as they are.
    let profile = Profile::new(["request ANY sip-header From remove"]);
    assert_eq!(profile.apply(b"\r\n\r\n"), None);
    assert_eq!(profile.apply(b"INVITE a SIP/2.0\r\nFrom: \xFF\r\n\r\n"), None);
}

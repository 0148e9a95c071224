//! 13 and 14: redirections, digest.

use std::process::{Command, Stdio};

use system_tests::{Said, TrunkTransport, UnifiedCm};

use crate::site::{Plan, SOON, Site};

const EVENTS: &str = " dtmf-relay rtp-nte\n";

#[test]
fn flow_13_1_a_302_is_followed_and_its_target_takes_the_call() {
    let mut site = Site::udp(EVENTS);
    site.lines.dial("2/0", "2003");
    let (first, invite) = site.cm.called("2003");
    let contact = format!(
        "Contact: <sip:2021@{}>;+sip.instance=\"<urn:uuid:00000000-0000-0000-0000-00131a9c5a5a>\"\r\n",
        site.cm.address()
    );
    site.cm.reply(&first, &invite, 302, &contact, "");
    let mut refused = first.clone();
    site.cm.gets(&mut refused, "ACK");
    let (mut call, again) = site.cm.called("2021");
    assert!(again.start.starts_with(&format!("INVITE sip:2021@{} ", site.cm.address())), "{}", again.start);
    assert_eq!(again.header("To"), invite.header("To"), "whom was called first, without a tag");
    assert_eq!(
        (again.header("Call-ID"), again.header("From")),
        (invite.header("Call-ID"), invite.header("From"))
    );
    assert_eq!((invite.header("CSeq"), again.header("CSeq")), ("1 INVITE", "2 INVITE"));
    site.cm_answers(&mut call, &again);
    site.line_hears("440");
    site.cm_hangs_up(&mut call);
    assert_eq!(site.cm.ladder(), "→INVITE* ←302 →ACK →INVITE* ←100 ←180 ←200* →ACK ←BYE →200");
    site.ended(16);
    site.lines.act("2/0", "onhook", &system_tests::json!({}));
    std::thread::sleep(std::time::Duration::from_millis(1500));
    // As the target of somebody else's 302: To is not us, and the number is not the first.
    let mut call = site.cm.call("1001", "8000");
    call.far = "<sip:2021@redirector.example>".to_owned();
    call.cseq = 101;
    site.delayed_as(&mut call, "");
    site.line_hears("440");
    site.cm_hangs_up(&mut call);
    assert_eq!(site.cm.ladder(), "→INVITE ←100 ←180 ←200* →ACK* →BYE ←200");
    site.over();
}

#[test]
fn flow_13_1_the_gateway_redirects_to_the_unified_cm() {
    // A call that only passes through is sent where it goes.
    let more = "dial-peer voice 9 voip\n destination-pattern 99..\n session protocol sipv2\n \
                session target ipv4:127.0.0.1:5099\n!\nvoice service voip\n allow-connections sip to sip\n redirect ip2ip\n!\n";
    let mut site =
        Site::new(UnifiedCm::new(TrunkTransport::Udp), Plan { more: more.to_owned(), ..Plan::default() });
    let mut call = site.cm.call("1001", "9901");
    site.cm.send(&mut call, "INVITE", "", "");
    site.cm.gets(&mut call, "100");
    let moved = site.cm.gets(&mut call, "302");
    assert_eq!(moved.header("Contact"), "<sip:9901@127.0.0.1:5099>");
    site.cm.acknowledge_refusal(&call);
    assert_eq!(site.cm.ladder(), "→INVITE ←100 ←302 →ACK");
    site.over();
}

/// MD5 by somebody else's program.
fn md5(text: &str) -> String {
    use std::io::Write as _;
    let mut child = Command::new("openssl")
        .args(["dgst", "-md5", "-r"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    String::from_utf8(out.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

/// A parameter of a Digest header.
fn parameter<'a>(header: &'a str, name: &str) -> &'a str {
    let words = header.split_once(' ').map_or("", |(_, rest)| rest);
    let of = |word: &'a str| {
        word.trim().split_once('=').filter(|(known, _)| *known == name).map(|(_, value)| value)
    };
    words.split(',').find_map(of).unwrap_or_default().trim_matches('"')
}

/// The credentials are those of gw with the password, without qop, for this method and Request-URI.
pub(crate) fn proves(said: &Said, header: &str, nonce: &str) {
    let given = said.header(header);
    let uri = said.start.split(' ').nth(1).unwrap();
    assert!(given.starts_with("Digest "), "{said:?}");
    let want = [
        ("username", "gw"),
        ("realm", "ccmsipline"),
        ("nonce", nonce),
        ("uri", uri),
        ("qop", ""),
        ("cnonce", ""),
    ];
    for (name, value) in want {
        assert_eq!(parameter(given, name), value, "{name} of {given}");
    }
    let (who, what) = (md5("gw:ccmsipline:secret"), md5(&format!("{}:{uri}", said.method())));
    assert_eq!(parameter(given, "response"), md5(&format!("{who}:{nonce}:{what}")));
}

#[test]
fn flow_14_1_the_unified_cm_proves_who_it_is() {
    // Its address is on no list.
    let cm = UnifiedCm::at(std::net::Ipv4Addr::new(127, 0, 0, 2), TrunkTransport::Udp);
    let plan = Plan {
        peer: EVENTS,
        target: Some("ipv4:127.0.0.1:9".to_owned()),
        more: "sip-ua\n tipring call login ccm password 0 secret\n!\n".to_owned(),
        ..Plan::default()
    };
    let mut site = Site::new(cm, plan);
    let mut call = site.cm.call("1001", "8000");
    site.cm.send(&mut call, "INVITE", "", "");
    let asked = site.cm.gets(&mut call, "401");
    let challenges = asked.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("WWW-Authenticate"));
    let challenge = challenges.map(|(_, value)| value).find(|value| value.contains("algorithm=MD5")).unwrap();
    let (realm, nonce) = (parameter(challenge, "realm"), parameter(challenge, "nonce"));
    site.cm.acknowledge_refusal(&call);
    // Release 6 knows no qop.
    let credentials = |password: &str, uri: &str| {
        let (who, what) = (md5(&format!("ccm:{realm}:{password}")), md5(&format!("INVITE:{uri}")));
        let response = md5(&format!("{who}:{nonce}:{what}"));
        format!(
            "Authorization: DIGEST username=\"ccm\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
             response=\"{response}\", algorithm=MD5\r\n"
        )
    };
    let uri = call.target.clone();
    call.far = call.far.split(";tag=").next().unwrap().to_owned();
    site.cm.send(&mut call, "INVITE", &credentials("wrong", &uri), "");
    site.cm.gets(&mut call, "401");
    site.cm.acknowledge_refusal(&call);
    call.far = call.far.split(";tag=").next().unwrap().to_owned();
    site.cm.send(&mut call, "INVITE", &credentials("secret", &uri), "");
    let ok = site.is_answered(&mut call);
    // The ACK repeats what was computed for the INVITE, and nobody looks.
    let answer = site.answer();
    site.cm.send(&mut call, "ACK", &credentials("secret", &uri), answer);
    site.phone.speak(ok.rtp(), Some(440.0));
    site.line_hears("440");
    // Within the call nothing is asked again.
    let again = site.cm.same_sdp(site.phone.media(), "0 101", "");
    site.reinvite(&mut call, "", &again);
    site.line_hangs_up(&mut call);
    assert_eq!(
        site.cm.ladder(),
        "→INVITE ←401 →ACK →INVITE ←401 →ACK →INVITE ←100 ←180 ←200* →ACK* →INVITE* ←200* →ACK ←BYE →200"
    );
    site.ended(16);
}

#[test]
fn flow_14_2_the_unified_cm_challenges_without_qop() {
    let more = "sip-ua\n authentication username gw password 0 secret realm ccmsipline\n!\n".to_owned();
    let mut site =
        Site::new(UnifiedCm::new(TrunkTransport::Tcp), Plan { peer: EVENTS, more, ..Plan::default() });
    let rounds = [
        (401, "WWW-Authenticate", "Authorization", "uXM3Rl0aG+b1"),
        (407, "Proxy-Authenticate", "Proxy-Authorization", "kW4tQ/zz9=="),
    ];
    for (status, asks, gives, nonce) in rounds {
        site.lines.dial("2/0", "2003");
        let (first, invite) = site.cm.called("2003");
        site.cm.reply(&first, &invite, 100, "", "");
        let challenge = format!("{asks}: DIGEST realm=\"ccmsipline\", nonce=\"{nonce}\", algorithm=MD5\r\n");
        site.cm.reply(&first, &invite, status, &challenge, "");
        let mut refused = first.clone();
        site.cm.gets(&mut refused, "ACK");
        let (mut call, again) = site.cm.called("2003");
        proves(&again, gives, nonce);
        assert_eq!(
            (again.header("Call-ID"), again.header("From")),
            (invite.header("Call-ID"), invite.header("From"))
        );
        assert_eq!((invite.header("CSeq"), again.header("CSeq")), ("1 INVITE", "2 INVITE"));
        assert_ne!(again.header("Via"), invite.header("Via"));
        site.cm.reply(&call, &again, 100, "", "");
        site.cm.reply(&call, &again, 180, "", "");
        let answer = site.answer();
        site.cm.reply(&call, &again, 183, "", &answer);
        site.cm.reply(&call, &again, 200, "", &answer);
        site.cm.gets(&mut call, "ACK");
        let again = site.cm.sdp(site.phone.media(), "0 101", "");
        site.reinvite(&mut call, "", &again);
        site.line_hangs_up(&mut call);
        let ladder = format!(
            "→INVITE* ←100 ←{status} →ACK →INVITE* ←100 ←180 ←183* ←200* →ACK ←INVITE* →200* ←ACK →BYE ←200"
        );
        assert_eq!(site.cm.ladder(), ladder);
        site.ended(16);
        std::thread::sleep(std::time::Duration::from_millis(1300));
    }
    // Wrong rights are for good.
    site.lines.dial("2/0", "2003");
    let (mut call, invite) = site.cm.called("2003");
    site.cm.reply(&call, &invite, 100, "", "");
    site.cm.reply(&call, &invite, 403, "", "");
    site.cm.gets(&mut call, "ACK");
    site.cm.gets_nothing(std::time::Duration::from_secs(1));
    assert_eq!(site.cm.ladder(), "→INVITE* ←100 ←403 →ACK");
    site.gateway.show_until("show sip-ua calls", SOON, |shown| shown.starts_with("Total SIP call legs:0,"));
}

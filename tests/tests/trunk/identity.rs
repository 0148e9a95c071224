//! "Identity" of the guide: the true values stand in Remote-Party-ID, and `privacy` says of number and name each by itself whether
//! they may be shown. Whoever shows them has to look: the gateway does before it tells an exchange or a telephone.

use system_tests::{TrunkTransport, UnifiedCm, json};

use crate::site::{Plan, Site};

/// `privacy`, and whether it withholds the number and the name.
const WORDS: [(&str, bool, bool); 4] =
    [("off", false, false), ("name", false, true), ("uri", true, false), ("full", true, true)];

/// Alice, 1001, calls; From says what may be shown, as a Unified CM writes it.
fn identity(privacy: &str) -> String {
    format!("Remote-Party-ID: \"Alice\" <sip:1001@127.0.0.1>;party=calling;screen=yes;privacy={privacy}\r\n")
}

/// Ends a call that rings.
fn gives_up(site: &mut Site, call: &mut system_tests::TrunkCall) {
    site.cm.cancel(call);
    site.cm.gets_all(call, &["200", "487"]);
    site.cm.acknowledge_refusal(call);
    site.over();
}

#[test]
fn an_exchange_is_told_of_number_and_name_what_each_may_be_told() {
    let mut site = Site::tcp_with_pbx("");
    for (privacy, number, name) in WORDS {
        let mut call = site.cm.call("1001", "4711");
        let offer = site.answer();
        site.cm.send(&mut call, "INVITE", &identity(privacy), offer);
        // libpri's bits 6 and 7 of octet 3a: 0 allowed, 32 restricted.
        let bits = |hidden| if hidden { 32 } else { 0 };
        site.pbx().wait(&json!({
            "ev": "call", "state": "setup", "calling": "1001", "calling_name": "Alice",
            "calling_number_pres": bits(number), "calling_name_pres": bits(name),
        }));
        site.cm.gets(&mut call, "100");
        site.pbx().send("alert last");
        site.cm.gets(&mut call, "180");
        gives_up(&mut site, &mut call);
    }
    // And what an exchange withholds is withheld here.
    for (hidden, privacy, from) in [
        ("", "off", "\"Grace\" <sip:4711@127.0.0.1>;tag="),
        (" hidden=name", "name", "<sip:4711@127.0.0.1>;tag="),
        (" hidden=number", "uri", "\"Grace\" <sip:anonymous@127.0.0.1>;tag="),
        (" hidden=1", "full", "\"anonymous\" <sip:anonymous@127.0.0.1>;tag="),
    ] {
        site.pbx().send(&format!("call 2003 from=4711 name=Grace{hidden}"));
        let (mut call, invite) = site.cm.called("2003");
        assert!(invite.header("From").starts_with(from), "{hidden}: {invite:?}");
        let identity = invite.header("Remote-Party-ID");
        assert!(identity.starts_with("\"Grace\" <sip:4711@127.0.0.1>;"), "{hidden}: {identity}");
        assert!(identity.ends_with(&format!(";privacy={privacy}")), "{hidden}: {identity}");
        site.cm.reply(&call, &invite, 486, "", "");
        site.cm.gets(&mut call, "ACK");
        site.over();
    }
}

#[test]
fn a_telephone_shows_of_number_and_name_what_each_may_be_shown() {
    let more = "voice-port 2/0\n caller-id enable\n!\n".to_owned();
    let mut site = Site::new(UnifiedCm::new(TrunkTransport::Udp), Plan { more, ..Plan::default() });
    for (privacy, number, name) in WORDS {
        let mut call = site.cm.call("1001", "8000");
        let cm = &mut site.cm;
        let heard = site.lines.data_on_hook("2/0", || cm.send(&mut call, "INVITE", &identity(privacy), ""));
        let decoded = heard.to_string();
        // spandsp's decoder: the parameter, or why it is absent.
        assert_eq!(decoded.contains("1001"), !number, "{privacy}: {decoded}");
        assert_eq!(decoded.contains("Alice"), !name, "{privacy}: {decoded}");
        assert_eq!(decoded.contains("calling_number_absent_reason"), number, "{privacy}: {decoded}");
        assert_eq!(decoded.contains("calling_name_absent_reason"), name, "{privacy}: {decoded}");
        site.cm.gets(&mut call, "100");
        site.cm.gets(&mut call, "180");
        gives_up(&mut site, &mut call);
    }
}

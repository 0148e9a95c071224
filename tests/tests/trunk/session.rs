//! 12: session timers and call preservation in real time (`switch::sip_features::timers` has the long waits), and trunks that die
//! under a call.

use std::time::Duration;

use system_tests::{TrunkTransport, UnifiedCm, json, tone_measure};

use crate::site::{Plan, Site};

#[test]
fn flow_12_1_we_refresh_at_half_time_in_real_time() {
    let more = "voice service voip\n sip\n  min-se 90\n!\n".to_owned();
    let mut site = Site::new(
        UnifiedCm::new(TrunkTransport::Tcp),
        Plan { peer: " dtmf-relay rtp-nte\n", more, ..Plan::default() },
    );
    let (mut call, ok) = site.delayed("Session-Expires: 90;refresher=uas\r\nMin-SE: 60\r\n");
    assert_eq!(ok.header("Session-Expires"), "90;refresher=uas");
    site.cm.gets_nothing(Duration::from_secs(40));
    let refresh = site.cm.gets(&mut call, "UPDATE");
    assert_eq!(refresh.header("Session-Expires"), "90;refresher=uac");
    site.cm.reply(&call, &refresh, 200, "Session-Expires: 90;refresher=uac\r\nRequire: timer\r\n", "");
    site.line_hears("440");
    site.cm_hangs_up(&mut call);
    assert_eq!(site.cm.ladder(), "→INVITE ←100 ←180 ←200* →ACK* ←UPDATE →200 →BYE ←200");
    site.ended(16);
}

#[test]
fn flow_12_2_refreshes_nobody_agreed_on_are_answered_for_ever() {
    let mut site = Site::udp(" dtmf-relay rtp-nte\n");
    let (mut call, ok) = site.delayed("Session-Expires:\r\nMin-SE: 60\r\n");
    assert_eq!(ok.header("Session-Expires"), "", "{ok:?}");
    let same = site.cm.same_sdp(site.phone.media(), "0 101", "");
    let mut bodies = Vec::new();
    for _ in 0..3 {
        let again = site.reinvite(&mut call, "Session-Expires:\r\nMin-SE: 60\r\n", &same);
        assert_eq!(again.header("Session-Expires"), "", "{again:?}");
        bodies.push(again.body);
    }
    // The same version: nobody touches the media.
    assert!(bodies.iter().all(|body| *body == ok.body), "{bodies:?}");
    site.line_hears("440");
    site.cm_hangs_up(&mut call);
    let refresh = "→INVITE* ←200* →ACK";
    let ladder = format!("→INVITE ←100 ←180 ←200* →ACK* {refresh} {refresh} {refresh} →BYE ←200");
    assert_eq!(site.cm.ladder(), ladder);
    site.ended(16);
}

#[test]
fn flow_12_3_and_12_4_a_bye_says_why_and_comes_again_until_it_is_answered() {
    for cause in [86, 41] {
        let mut site = Site::udp(" dtmf-relay rtp-nte\n");
        let (mut call, _) = site.delayed("");
        // Eleven times the same, and a moving Date: answered each time, acted on once.
        let bye = |number: u32, site: &Site, call: &system_tests::TrunkCall| {
            format!(
                "BYE {} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKsame\r\nFrom: {}\r\nTo: {}\r\n\
                 Date: Thu, 19 Nov 2026 10:20:{number:02} GMT\r\nCall-ID: {}\r\nMax-Forwards: 70\r\nCSeq: 102 BYE\r\n\
                 Reason: Q.850;cause={cause}\r\nContent-Length: 0\r\n\r\n",
                call.target,
                site.cm.address(),
                call.own,
                call.far,
                call.id
            )
        };
        for number in 0..11 {
            let text = bye(number, &site, &call);
            site.cm.send_octets(text.as_bytes());
        }
        let ok = site.cm.gets(&mut call, "200");
        assert_eq!(ok.header("CSeq"), "102 BYE");
        site.cm.gets_nothing(Duration::from_millis(500));
        assert_eq!(site.cm.repeated(), 10);
        site.ended(cause);
        // Who has lost the call is told so.
        site.cm.send(&mut call, "UPDATE", "CSeq: 103 UPDATE\r\n", "");
        site.cm.gets(&mut call, "481");
    }
}

#[test]
fn a_call_outlives_a_dead_node_and_goes_on_with_the_one_that_comes_back() {
    let mut site = Site::tcp(" dtmf-relay rtp-nte\n");
    let (mut call, _) = site.delayed("");
    site.line_hears("440");
    // What the telephone hears from before the death until after the resurrection is one tone without a gap.
    let file = site.gateway.scratch().join("through.wav");
    site.lines.act("2/0", "record", &json!({"file": file, "seconds": 3.0, "start": "now"}));
    site.cm.dies();
    let before = site.phone.packets_heard();
    std::thread::sleep(Duration::from_secs(2));
    assert!(site.phone.packets_heard() > before + 50, "and the other side is still spoken to");
    let calls = site.gateway.show("show call active voice brief");
    assert!(calls.contains("Total call-legs: 2"), "{calls}");
    site.cm.revives();
    site.lines.wait(&json!({"port": "2/0", "event": "recorded", "file": file}), Duration::from_secs(10));
    let heard = tone_measure(&file);
    heard.assert_one_tone("440", None);
    // The new node speaks of the call, and hears of its end.
    let again = site.cm.same_sdp(site.phone.media(), "0 101", "");
    site.reinvite(&mut call, "", &again);
    site.cm_hears_line();
    site.line_hangs_up(&mut call);
    assert_eq!(site.cm.ladder(), "→INVITE ←100 ←180 ←200* →ACK* →INVITE* ←200* →ACK ←BYE →200");
    site.ended(16);
}

#[test]
fn a_call_outlives_its_connection_and_goes_on_over_the_next() {
    let mut site = Site::tcp(" dtmf-relay rtp-nte\n");
    let (mut call, _) = site.delayed("");
    site.line_hears("440");
    site.cm.break_connections();
    // Audio stays.
    site.line_hears("440");
    site.cm_hears_line();
    // And so does the dialog: either side speaks over a new connection.
    let again = site.cm.same_sdp(site.phone.media(), "0 101", "");
    site.reinvite(&mut call, "", &again);
    site.cm.break_connections();
    site.line_hears("440");
    site.lines.act("2/0", "onhook", &json!({}));
    let bye = site.cm.gets(&mut call, "BYE");
    site.cm.reply(&call, &bye, 200, "", "");
    assert_eq!(site.cm.ladder(), "→INVITE ←100 ←180 ←200* →ACK* →INVITE* ←200* →ACK ←BYE →200");
    site.ended(16);
}

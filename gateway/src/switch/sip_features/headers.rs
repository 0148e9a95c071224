//! Who we say is calling, from where, and what passes from one side to the other.

use super::*;

#[test]
fn a_dial_peer_says_who_calls_in_its_own_way() {
    let mut desk = Desk::new(
        "",
        "dial-peer voice 6 voip\n voice-class sip asserted-id pai\n voice-class sip privacy id critical\n!\n",
    );
    desk.call(FIVE, "6000", "", &audio(FIVE));
    let six = desk.called(SIX).invite.unwrap();
    assert!(header(&six, "P-Asserted-Identity").contains("<sip:5000@"), "{six:?}");
    assert_eq!(
        (header(&six, "Privacy"), header(&six, "Remote-Party-ID")),
        ("id;critical".into(), String::new())
    );
    desk.call(SIX, "5000", "", &audio(SIX));
    let five = desk.called(FIVE).invite.unwrap();
    assert!(header(&five, "Remote-Party-ID").contains("<sip:6000@"), "{five:?}");
    assert_eq!(header(&five, "Privacy"), "");
    // The service says it for all, a dial peer for itself.
    let service = "voice service voip\n sip\n  asserted-id ppi\n  privacy-policy send-always\n!\n";
    let mut desk = Desk::new(
        "",
        &format!("{service}dial-peer voice 6 voip\n voice-class sip privacy-policy strip diversion\n!\n"),
    );
    desk.call(FIVE, "6000", "Diversion: <sip:4000@a>;reason=no-answer\r\n", &audio(FIVE));
    let six = desk.called(SIX).invite.unwrap();
    assert!(header(&six, "P-Preferred-Identity").contains("<sip:5000@"), "{six:?}");
    assert_eq!((header(&six, "Privacy"), header(&six, "Diversion")), (String::new(), String::new()));
    desk.call(SIX, "5000", "Diversion: <sip:4000@a>;reason=no-answer\r\n", &audio(SIX));
    let five = desk.called(FIVE).invite.unwrap();
    assert_eq!(header(&five, "Privacy"), "none");
    assert!(header(&five, "Diversion").contains("<sip:4000@"), "{five:?}");
}

#[test]
fn headers_nobody_knows_pass_where_that_is_wanted() {
    for (setting, passes) in [
        ("", false),
        (" voice-class sip header-passing\n", true),
        (" voice-class sip pass-thru headers unsupp\n", true),
    ] {
        let mut desk = Desk::new(setting, "");
        desk.call(FIVE, "6000", "X-Account: 42; a=\"b\"\r\nSubject: known\r\n", &audio(FIVE));
        let invite = desk.called(SIX).invite.unwrap();
        assert_eq!(header(&invite, "X-Account") == "42; a=\"b\"", passes, "{invite:?}");
        assert_eq!(header(&invite, "Subject"), "");
    }
}

#[test]
fn a_refusal_passes_with_its_status_where_that_is_wanted() {
    for (setting, status) in
        [("", "480 INVITE"), ("voice service voip\n sip\n  error-passthru\n!\n", "606 INVITE")]
    {
        let mut desk = Desk::new("", &format!("sip-ua\n set sip-status 606 pstn-cause 18\n!\n{setting}"));
        desk.call(FIVE, "6000", "", &audio(FIVE));
        let six = desk.called(SIX);
        let invite = six.invite.clone().unwrap();
        desk.reply(&six, &invite, 606, "", "");
        let taken = desk.bench.sent();
        let statuses: Vec<_> = taken.iter().filter_map(|(_, m)| m.status()).map(|s| s.as_u16()).collect();
        assert!(statuses.contains(&status[..3].parse().unwrap()), "{setting:?}: {statuses:?}");
    }
}

#[test]
fn calling_info_changes_who_calls_between_networks() {
    let info = "sip-ua\n calling-info pstn-to-sip from name set Main Office\n calling-info pstn-to-sip remote-party-id number set 5550000\n \
                calling-info sip-to-pstn number set 5551111\n!\n";
    let mut desk = Desk::new("", info);
    desk.dial(0, "6000");
    let invite = desk.called(SIX).invite.unwrap();
    assert!(header(&invite, "From").starts_with("\"Main Office\" <sip:8000@"), "{invite:?}");
    assert!(header(&invite, "Remote-Party-ID").starts_with("<sip:5550000@"), "{invite:?}");
    desk.on_hook(0);
    // Between SIP and SIP nothing is changed.
    desk.call(FIVE, "6000", "", &audio(FIVE));
    let invite = desk.called(SIX).invite.unwrap();
    assert!(header(&invite, "From").starts_with("<sip:5000@"), "{invite:?}");
}

#[test]
fn bind_says_by_which_address_we_are_known_and_heard() {
    let interfaces = "interface Loopback0\n ip address 198.51.100.7 255.255.255.255\n!\n\
                      interface Loopback1\n ip address 198.51.100.8 255.255.255.255\n!\n";
    let bind = "voice service voip\n sip\n  bind media source-interface Loopback0\n!\n";
    let peer = "dial-peer voice 6 voip\n voice-class sip bind control source-interface Loopback1\n \
                voice-class sip bind media source-interface Loopback1\n!\n";
    let mut desk = Desk::new("", &format!("{interfaces}{bind}{peer}"));
    let mut five = desk.call(FIVE, "6000", "", &audio(FIVE));
    let six = desk.called(SIX);
    let invite = six.invite.clone().unwrap();
    assert!(header(&invite, "From").contains("@198.51.100.8>"), "{invite:?}");
    assert_eq!(header(&invite, "Contact"), "<sip:5000@198.51.100.8:5060>");
    assert!(header(&invite, "Via").starts_with("SIP/2.0/UDP 198.51.100.8:5060;"), "{invite:?}");
    assert!(body_of(&invite).contains("c=IN IP4 198.51.100.8\r\n"), "{}", body_of(&invite));
    desk.answer(&six, "");
    let ok = desk.answered(&mut five);
    assert!(body_of(&ok).contains("c=IN IP4 198.51.100.7\r\n"), "{}", body_of(&ok));
    desk.hang_up(five, &six);
    // A call from there is answered with the same address, and the other peer has that of the host.
    let mut six = desk.call(SIX, "8000", "", &audio(SIX));
    desk.off_hook(0);
    let ok = desk.answered(&mut six);
    assert_eq!(header(&ok, "Contact"), "<sip:8000@198.51.100.8:5060>");
    let mut five = desk.call(FIVE, "8001", "", &audio(FIVE));
    desk.off_hook(1);
    let ok = desk.answered(&mut five);
    assert_eq!(header(&ok, "Contact"), "<sip:8001@192.0.2.1:5060>");
}

#[test]
fn an_invite_that_is_too_long_goes_by_tcp_where_the_dial_peer_says_so() {
    let long = format!("X-Long: {}\r\n", "y".repeat(1000));
    for (setting, by) in
        [("", sip::Transport::Udp), (" voice-class sip transport switch udp tcp\n", sip::Transport::Tcp)]
    {
        let mut desk = Desk::new(&format!(" voice-class sip header-passing\n{setting}"), "");
        desk.call(FIVE, "6000", &long, &audio(FIVE));
        let (flow, invite) = desk.take_with_flow(SIX, "INVITE");
        assert!(invite.as_bytes().len() > 1300);
        assert_eq!(flow.transport, by);
    }
}

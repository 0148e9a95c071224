//! Voice classes that calls go by: sip-profiles, tenant, server-group, uri; and `rel1xx` of a dial peer.

use super::*;

const RULES: &str = "voice class sip-profiles 7\n rule 1 request INVITE sip-header From modify \"<sip:(.*)@.*>\" \"<sip:\\1@gw.example>\"\n \
                     rule 2 request ANY sip-header X-Site add \"X-Site: one\"\n \
                     rule 3 request INVITE sdp-header Audio-Attribute add \"a=label:main\"\n \
                     rule 4 response 200 method INVITE sip-header Server remove\n \
                     rule 5 response ANY sip-header X-Answer add \"X-Answer: yes\"\n!\n";

#[test]
fn messages_of_a_dial_peer_leave_as_its_sip_profiles_say_and_others_do_not() {
    let mut desk = Desk::new("", &format!("{RULES}dial-peer voice 6 voip\n voice-class sip profiles 7\n!\n"));
    let (five, mut six) = desk.talk("", "");
    let invite = six.invite.clone().unwrap();
    assert!(header(&invite, "From").contains("<sip:5000@gw.example>;tag="), "{invite:?}");
    assert_eq!(header(&invite, "X-Site"), "one");
    let body = body_of(&invite);
    assert!(body.ends_with("a=label:main\r\n"), "{body}");
    assert_eq!(header(&invite, "Content-Length"), body.len().to_string());
    // The caller's side is on another peer.
    desk.request(&mut six, "BYE", "", "");
    let ok = desk.take(SIX, "200 BYE");
    assert!(header(&ok, "X-Answer").contains("yes"));
    let bye = desk.take(FIVE, "BYE");
    assert!(header(&bye, "X-Site").is_empty());
    desk.reply(&five, &bye, 200, "", "");
    desk.assert_nothing_left();
    // For everybody, where the service says so.
    let mut desk = Desk::new("", &format!("{RULES}voice service voip\n sip\n  sip-profiles 7\n!\n"));
    let (five, six) = desk.talk("", "");
    assert_eq!(header(six.invite.as_ref().unwrap(), "X-Site"), "one");
    desk.hang_up(five, &six);
    // What is sent again is changed again.
    let mut desk = Desk::new("", &format!("{RULES}voice service voip\n sip\n  sip-profiles 7\n!\n"));
    desk.call(FIVE, "6000", "", &audio(FIVE));
    let first = desk.take(SIX, "INVITE");
    desk.wait(600);
    desk.none(SIX, "INVITE");
    assert_eq!(header(&first, "X-Site"), "one");
}

#[test]
fn a_tenant_s_settings_count_for_its_dial_peers_behind_their_own() {
    let tenant = "interface Loopback7\n ip address 192.0.2.7 255.255.255.255\n!\n\
                  voice class sip-profiles 7\n request INVITE sip-header X-Tenant add \"X-Tenant: yes\"\n!\n\
                  voice class tenant 3\n sip-server ipv4:192.0.2.63:5063\n session transport tcp\n asserted-id pai\n \
                  bind control source-interface Loopback7\n bind media source-interface Loopback7\n sip-profiles 7\n!\n";
    let mut desk = Desk::new(
        "",
        &format!(
            "{tenant}dial-peer voice 7 voip\n destination-pattern 7...\n session protocol sipv2\n session target sip-server\n \
             codec g711ulaw\n voice-class sip tenant 3\n!\n\
             dial-peer voice 6 voip\n voice-class sip tenant 3\n voice-class sip asserted-id ppi\n!\n"
        ),
    );
    desk.dial(0, "7000");
    let (flow, invite) = desk.take_with_flow("192.0.2.63", "INVITE");
    assert_eq!((flow.transport, flow.remote.port()), (sip::Transport::Tcp, 5063));
    assert!(header(&invite, "P-Asserted-Identity").contains("<sip:8000@192.0.2.7>"), "{invite:?}");
    assert_eq!(header(&invite, "Contact"), "<sip:8000@192.0.2.7:5060;transport=tcp>");
    assert_eq!(flow.local.to_string(), "192.0.2.7:5060");
    assert!(body_of(&invite).contains("c=IN IP4 192.0.2.7\r\n"));
    assert_eq!(header(&invite, "X-Tenant"), "yes");
    desk.dial(1, "6000");
    let invite = desk.take(SIX, "INVITE");
    assert!(header(&invite, "P-Asserted-Identity").is_empty(), "{invite:?}");
    assert!(header(&invite, "P-Preferred-Identity").contains("8001"));
}

#[test]
fn the_servers_of_a_group_are_tried_by_preference_or_in_turn() {
    let group = |more: &str| {
        format!(
            "voice class server-group 4\n ipv4 192.0.2.72 port 5072 preference 2\n ipv4 192.0.2.71 preference 1\n{more}!\n\
             dial-peer voice 7 voip\n destination-pattern 7...\n session protocol sipv2\n session server-group 4\n \
             codec g711ulaw\n!\n"
        )
    };
    let first = |desk: &mut Desk| {
        let to = ["192.0.2.71", "192.0.2.72"];
        desk.look();
        let found = to.into_iter().find(|to| desk.inbox.iter().any(|known| Desk::is("INVITE", to, known)));
        found.map(|to| (to, desk.take(to, "INVITE"))).unwrap()
    };
    let mut desk = Desk::new("", &group(""));
    for _ in 0..2 {
        desk.dial(0, "7000");
        let (to, invite) = first(&mut desk);
        assert_eq!(to, "192.0.2.71");
        assert_eq!(invite.request_uri(), Some("sip:7000@192.0.2.71"));
        desk.none("192.0.2.72", "INVITE");
        // It cannot: the next one is called by its own address.
        let end = End { at: "192.0.2.71", own: format!("{};tag=x", header(&invite, "To")), ..ended() };
        desk.reply(&end, &invite, 503, "", "");
        let second = desk.take("192.0.2.72", "INVITE");
        assert_eq!(second.request_uri(), Some("sip:7000@192.0.2.72:5072"));
        desk.on_hook(0);
    }
    let mut desk = Desk::new("", &group(" hunt-scheme round-robin\n"));
    let mut tried = Vec::new();
    for _ in 0..4 {
        desk.dial(0, "7000");
        tried.push(first(&mut desk).0);
        desk.on_hook(0);
    }
    assert_eq!(tried, ["192.0.2.71", "192.0.2.72", "192.0.2.71", "192.0.2.72"]);
    // Whoever is in the group may call.
    desk.call("192.0.2.72", "8001", "", &audio("192.0.2.72"));
    desk.take("192.0.2.72", "180 INVITE");
    let mut desk = Desk::new("", &group(" shutdown\n"));
    desk.dial(0, "7000");
    desk.look();
    assert!(!desk.inbox.iter().any(|known| Desk::is("INVITE", "192.0.2.71", known)));
}

fn ended() -> End {
    End {
        at: "",
        own: String::new(),
        far: String::new(),
        call: String::new(),
        target: String::new(),
        cseq: 0,
        invite: None,
    }
}

#[test]
fn an_invite_is_on_the_dial_peer_of_its_uris_before_any_number() {
    let peers = "voice class uri OUT sip\n pattern dtg=OUT\n!\nvoice class uri VIA sip\n host ipv4:192.0.2.60\n!\n\
                 voice class uri FROM sip\n user-id 60.0\n!\n\
                 dial-peer voice 91 voip\n session protocol sipv2\n incoming uri request OUT\n codec g711ulaw\n!\n\
                 dial-peer voice 92 voip\n session protocol sipv2\n incoming uri via VIA\n codec g711ulaw\n!\n\
                 dial-peer voice 93 voip\n session protocol sipv2\n incoming uri from FROM\n codec g711ulaw\n!\n\
                 dial-peer voice 94 voip\n session protocol sipv2\n incoming called-number .\n codec g711ulaw\n!\n";
    let on = |desk: &mut Desk, at: &'static str, number: &str| {
        desk.call(at, number, "", &audio(at));
        let legs = desk.bench.switch.calls.legs.values();
        legs.filter(|leg| !leg.outgoing).map(|leg| leg.peer).max().unwrap()
    };
    assert_eq!(on(&mut Desk::new("", peers), FIVE, "8000;dtg=OUT"), 91);
    assert_eq!(on(&mut Desk::new("", peers), SIX, "8000"), 92, "Via comes before From");
    assert_eq!(on(&mut Desk::new("", peers), FIVE, "8000"), 94);
    let more = format!("{peers}dial-peer voice 92 voip\n shutdown\n!\n");
    assert_eq!(on(&mut Desk::new("", &more), SIX, "8000"), 93);
}

#[test]
fn reliable_ringing_is_what_the_dial_peer_says() {
    for (setting, supported, required) in [
        ("", true, false),
        (" voice-class sip rel1xx disable\n", false, false),
        (" voice-class sip rel1xx require 100rel\n", true, true),
        (" voice-class sip rel1xx system\n", true, false),
    ] {
        let mut desk = Desk::new(setting, "");
        desk.call(FIVE, "6000", "Supported: 100rel\r\n", &audio(FIVE));
        let invite = desk.take(SIX, "INVITE");
        assert_eq!(header(&invite, "Supported").contains("100rel"), supported, "{setting}");
        assert_eq!(header(&invite, "Require") == "100rel", required, "{setting}");
        // Toward the caller, who could.
        let mut desk = Desk::new(setting, "");
        desk.call(FIVE, "8000", "Supported: 100rel\r\n", &audio(FIVE));
        let ringing = desk.take(FIVE, "180 INVITE");
        assert_eq!(header(&ringing, "Require") == "100rel", supported, "{setting}");
    }
}

/// Dial peer 7 is of tenant 3, which says `lines`; `more` is the rest.
fn of_tenant(lines: &str, peer: &str, more: &str) -> Desk {
    Desk::new(
        "",
        &format!(
            "voice class tenant 3\n{lines}!\ndial-peer voice 7 voip\n destination-pattern 7...\n session protocol sipv2\n \
             session target ipv4:192.0.2.63\n codec g711ulaw\n voice-class sip tenant 3\n{peer}!\n{more}"
        ),
    )
}

const SEVEN: &str = "192.0.2.63";

#[test]
fn a_tenant_s_counts_times_and_names_are_those_of_its_calls_alone() {
    let lines = " retry invite 1\n timers trying 100\n timers expires 60000\n max-forwards 12\n no remote-party-id\n \
                 localhost dns:tenant.example\n rel1xx require 100rel\n min-se 120\n session refresh\n";
    let mut desk = of_tenant(lines, "", "sip-ua\n max-forwards 50\n!\n");
    desk.dial(0, "7000");
    let invite = desk.take(SEVEN, "INVITE");
    assert_eq!((header(&invite, "Max-Forwards"), header(&invite, "Expires")), ("12".into(), "60".into()));
    assert_eq!(
        (header(&invite, "Remote-Party-ID"), header(&invite, "Require")),
        (String::new(), "100rel".into())
    );
    assert!(header(&invite, "From").contains("<sip:8000@tenant.example>"), "{invite:?}");
    assert_eq!((header(&invite, "Min-SE"), header(&invite, "Session-Expires")), ("120".into(), "120".into()));
    desk.dial(1, "6000");
    let other = desk.take(SIX, "INVITE");
    assert_eq!((header(&other, "Max-Forwards"), header(&other, "Expires")), ("50".into(), "180".into()));
    assert!(
        header(&other, "Remote-Party-ID").contains("8001") && header(&other, "Session-Expires").is_empty()
    );
    // 100 ms and 200 ms: then it is over, while the other one is waited for.
    desk.wait(400);
    let shown = desk.bench.switch.sip.shown().map(|leg| leg.called.to_owned()).collect::<Vec<_>>();
    assert_eq!(shown, ["6000"]);
}

#[test]
fn a_tenant_s_login_goes_before_that_of_sip_ua_and_a_dial_peer_s_before_both() {
    let ua = "sip-ua\n authentication username all password 0 a realm gw\n!\n";
    let tenant = " authentication username tenant password 0 b realm gw\n";
    let own = " authentication username own password 0 c realm gw\n";
    for (tenant, peer, user) in [("", "", "all"), (tenant, "", "tenant"), (tenant, own, "own")] {
        let mut desk = of_tenant(tenant, peer, ua);
        desk.dial(0, "7000");
        let invite = desk.take(SEVEN, "INVITE");
        let end = End { at: SEVEN, own: format!("{};tag=x", header(&invite, "To")), ..ended() };
        desk.reply(&end, &invite, 407, "Proxy-Authenticate: Digest realm=\"gw\", nonce=\"1\"\r\n", "");
        desk.take(SEVEN, "ACK");
        let again = desk.take(SEVEN, "INVITE");
        let said = header(&again, "Proxy-Authorization");
        assert!(said.contains(&format!("username=\"{user}\"")), "{said}");
    }
}

#[test]
fn everything_goes_by_the_outbound_proxy_of_dial_peer_tenant_or_service() {
    let service = "voice service voip\n sip\n  outbound-proxy ipv4:192.0.2.71:5071\n!\n";
    let tenant = " outbound-proxy ipv4:192.0.2.72\n";
    let own = " voice-class sip outbound-proxy ipv4:192.0.2.73\n";
    let system = " voice-class sip outbound-proxy system\n";
    for (tenant, peer, proxy) in [
        ("", "", "192.0.2.71:5071"),
        (tenant, "", "192.0.2.72:5060"),
        (tenant, own, "192.0.2.73:5060"),
        (tenant, system, "192.0.2.72:5060"),
    ] {
        let mut desk = of_tenant(tenant, peer, service);
        desk.dial(0, "7000");
        let (flow, invite) = desk.take_with_flow(proxy.split(':').next().unwrap(), "INVITE");
        assert_eq!(flow.remote.to_string(), proxy);
        assert_eq!(invite.request_uri(), Some("sip:7000@192.0.2.63"));
        // Whoever stands before the server may call.
        let at = ["192.0.2.71", "192.0.2.72", "192.0.2.73"].into_iter().find(|at| proxy.starts_with(at));
        let at = at.unwrap();
        desk.call(at, "8001", "", &audio(at));
        desk.take(at, "180 INVITE");
    }
}

#[test]
fn a_tenant_follows_redirections_and_plays_early_media_as_it_says() {
    for (lines, follows) in [("", true), (" no redirection\n", false)] {
        let mut desk = of_tenant(lines, "", "");
        desk.dial(0, "7000");
        let invite = desk.take(SEVEN, "INVITE");
        let end = End { at: SEVEN, own: format!("{};tag=x", header(&invite, "To")), ..ended() };
        // Its Contact is phone@192.0.2.63.
        desk.reply(&end, &invite, 302, "", "");
        desk.look();
        let again = desk.inbox.iter().any(|known| Desk::is("INVITE", SEVEN, known));
        assert_eq!(again, follows, "{lines}");
    }
    for (lines, more, plays) in [
        ("", "", true),
        (" disable-early-media 180\n", "", false),
        ("", "sip-ua\n disable-early-media 180\n!\n", false),
        (" no disable-early-media 180\n", "sip-ua\n disable-early-media 180\n!\n", true),
    ] {
        let mut desk = of_tenant(lines, "", more);
        let mut five = desk.call(FIVE, "7000", "", &audio(FIVE));
        let invite = desk.take(SEVEN, "INVITE");
        let end = End { at: SEVEN, own: format!("{};tag=x", header(&invite, "To")), ..ended() };
        desk.reply(&end, &invite, 180, "", &audio(SEVEN));
        let ringing = if plays { "183 INVITE" } else { "180 INVITE" };
        desk.take(FIVE, ringing);
        desk.request(&mut five, "CANCEL", "", "");
    }
}

#[test]
fn messages_are_taken_as_the_inbound_sip_profiles_leave_them() {
    let rules = "voice class sip-profiles 8\n rule 1 request INVITE sip-header SIP-Req-URI modify \"sip:99(.*) SIP\" \"sip:\\1 SIP\"\n!\n\
                 voice class sip-profiles 9\n rule 1 response 486 sip-header SIP-StatusLine modify \"486 .*\" \"404 Not Found\"\n!\n\
                 dial-peer voice 6 voip\n voice-class sip profiles 9 inbound\n!\n";
    let on = "voice service voip\n sip\n  sip-profiles inbound\n  sip-profiles 8 inbound\n!\n";
    let off = "voice service voip\n sip\n  sip-profiles 8 inbound\n!\n";
    for (service, number, status) in [(on, "996000", "404 INVITE"), (off, "6000", "486 INVITE")] {
        let mut desk = Desk::new("", &format!("{rules}{service}"));
        desk.call(FIVE, number, "", &audio(FIVE));
        let invite = desk.take(SIX, "INVITE");
        assert_eq!(invite.request_uri(), Some("sip:6000@192.0.2.60"));
        let end = End { at: SIX, own: format!("{};tag=x", header(&invite, "To")), ..ended() };
        desk.reply(&end, &invite, 486, "", "");
        desk.take(FIVE, status);
    }
    let mut desk = Desk::new("", &format!("{rules}{off}"));
    desk.call(FIVE, "996000", "", &audio(FIVE));
    desk.take(FIVE, "404 INVITE");
}

#[test]
fn a_request_uri_leads_to_the_dial_peer_of_its_class_whatever_the_number() {
    let peers = "voice class uri NAMES sip\n host dns:branch.example\n!\nvoice class uri TRUNK sip\n pattern tgrp=west\n!\n\
                 dial-peer voice 71 voip\n destination uri NAMES\n session protocol sipv2\n session target ipv4:192.0.2.71\n codec g711ulaw\n \
                 preference 2\n!\n\
                 dial-peer voice 72 voip\n destination uri TRUNK\n session protocol sipv2\n session target ipv4:192.0.2.72\n codec g711ulaw\n!\n";
    let invite = |uri: &str| {
        let mut desk = Desk::new("", peers);
        let own = "<sip:5000@192.0.2.50>;tag=t".to_owned();
        let mut end = End {
            at: FIVE,
            own,
            far: format!("<{uri}>"),
            call: "u".to_owned(),
            target: uri.to_owned(),
            ..ended()
        };
        desk.request(&mut end, "INVITE", "", audio(FIVE));
        desk
    };
    let both = "sip:6000@branch.example;tgrp=west";
    for (uri, first, next) in [
        ("sip:alice@branch.example", "192.0.2.71", ""),
        // Of both, the peer that is preferred; then the other.
        (both, "192.0.2.72", "192.0.2.71"),
        // What is left is that of the number.
        ("sip:6000@192.0.2.1;tgrp=west", "192.0.2.72", SIX),
        ("sip:6000@192.0.2.1", SIX, ""),
    ] {
        let mut desk = invite(uri);
        let sent = desk.take(first, "INVITE");
        let at = ["192.0.2.71", "192.0.2.72", SIX].into_iter().find(|at| *at == first).unwrap();
        let end = End { at, own: format!("{};tag=x", header(&sent, "To")), ..ended() };
        desk.reply(&end, &sent, 503, "", "");
        match next {
            "" => drop(desk.take(FIVE, "500 INVITE")),
            next => drop(desk.take(next, "INVITE")),
        }
    }
    invite("sip:alice@192.0.2.1").take(FIVE, "404 INVITE");
}

#[test]
fn a_status_of_a_huntstop_rule_ends_the_hunt_in_its_group_and_not_beyond() {
    let config = "voice class server-group 4\n ipv4 192.0.2.71 preference 1\n ipv4 192.0.2.72 preference 2\n \
                  huntstop 1 resp-code 500 to 599\n huntstop 2 resp-code 486\n!\n\
                  dial-peer voice 7 voip\n destination-pattern 7...\n session protocol sipv2\n session server-group 4\n \
                  codec g711ulaw\n!\n\
                  dial-peer voice 8 voip\n destination-pattern 7...\n preference 1\n session protocol sipv2\n \
                  session target ipv4:192.0.2.63\n codec g711ulaw\n!\n";
    for (more, status, next) in [
        ("", 480, Some("192.0.2.72")),
        ("", 503, Some(SEVEN)),
        ("dial-peer voice 7 voip\n huntstop\n!\n", 503, None),
        ("dial-peer voice 7 voip\n huntstop\n!\n", 480, Some("192.0.2.72")),
        // Whatever the group says, a busy user is not hunted for.
        ("", 486, None),
        ("voice hunt user-busy\n", 486, Some(SEVEN)),
    ] {
        let mut desk = Desk::new("", &format!("{config}{more}"));
        desk.dial(0, "7000");
        let invite = desk.take("192.0.2.71", "INVITE");
        let end = End { at: "192.0.2.71", own: format!("{};tag=x", header(&invite, "To")), ..ended() };
        desk.reply(&end, &invite, status, "", "");
        for at in ["192.0.2.72", SEVEN] {
            match next {
                Some(next) if next == at => drop(desk.take(at, "INVITE")),
                _ => desk.none(at, "INVITE"),
            }
        }
    }
}

#[test]
fn a_tenant_s_url_cause_and_transport_are_those_of_its_calls_alone() {
    // `url`: of tenant, dial peer and service, in this order of weight.
    for (service, tenant, peer, scheme) in [
        ("", "", "", "sip:"),
        ("", " url sips\n", "", "sips:"),
        ("", " url sips\n", " voice-class sip url sip\n", "sip:"),
        ("", " url sip\n", " voice-class sip url sips\n", "sips:"),
        ("voice service voip\n sip\n  url sips\n!\n", "", "", "sips:"),
        ("voice service voip\n sip\n  url sips\n!\n", " url sip\n", "", "sip:"),
    ] {
        let mut desk = of_tenant(tenant, peer, service);
        desk.dial(0, "7000");
        let (_, invite) = desk.take_with_flow(SEVEN, "INVITE");
        assert!(invite.request_uri().unwrap().starts_with(scheme), "{service}{tenant}{peer}{invite:?}");
        assert!(header(&invite, "From").contains(&format!("<{scheme}")), "{invite:?}");
    }
    // `reason-header override`: 480 is cause 18 or 19 by the tables, 21 by the header; the caller is told what counts.
    let reason = "Reason: Q.850;cause=21\r\n";
    for (tenant, ua, status) in [
        ("", "", "480 INVITE"),
        (" reason-header override\n", "", "403 INVITE"),
        ("", "sip-ua\n reason-header override\n!\n", "403 INVITE"),
        (" no reason-header override\n", "sip-ua\n reason-header override\n!\n", "480 INVITE"),
    ] {
        let mut desk = of_tenant(tenant, "", ua);
        desk.call(FIVE, "7000", "", &audio(FIVE));
        let invite = desk.take(SEVEN, "INVITE");
        let end = End { at: SEVEN, own: format!("{};tag=x", header(&invite, "To")), ..ended() };
        desk.reply(&end, &invite, 480, reason, "");
        desk.take(FIVE, status);
    }
    // `transport switch udp tcp`: of what is too long, and of nothing else.
    let long = format!("X-Long: {}\r\n", "y".repeat(1000));
    for (tenant, service, headers, by) in [
        ("", "", long.as_str(), sip::Transport::Udp),
        (" transport switch udp tcp\n", "", long.as_str(), sip::Transport::Tcp),
        (" transport switch udp tcp\n", "", "", sip::Transport::Udp),
        ("", "sip-ua\n transport switch udp tcp\n!\n", long.as_str(), sip::Transport::Tcp),
        ("", "voice service voip\n sip\n  transport switch udp tcp\n!\n", long.as_str(), sip::Transport::Tcp),
    ] {
        let mut desk = of_tenant(&format!(" header-passing\n{tenant}"), "", service);
        desk.call(FIVE, "7000", headers, &audio(FIVE));
        let (flow, invite) = desk.take_with_flow(SEVEN, "INVITE");
        assert_eq!(flow.transport, by, "{tenant}{service}");
        assert_eq!(header(&invite, "Via").contains("/TCP "), by == sip::Transport::Tcp);
    }
    // `session transport`: of dial peer, tenant and service.
    let system = "voice service voip\n sip\n  session transport tcp\n!\n";
    for (service, tenant, peer, by) in [
        (system, "", "", sip::Transport::Tcp),
        (system, " session transport udp\n", "", sip::Transport::Udp),
        ("", " session transport tcp\n", "", sip::Transport::Tcp),
        (system, " session transport udp\n", " session transport tcp\n", sip::Transport::Tcp),
    ] {
        let mut desk = of_tenant(tenant, peer, service);
        desk.dial(0, "7000");
        let (flow, invite) = desk.take_with_flow(SEVEN, "INVITE");
        assert_eq!(flow.transport, by, "{service}{tenant}{peer}");
        assert_eq!(header(&invite, "Contact").contains(";transport=tcp"), by == sip::Transport::Tcp);
    }
}

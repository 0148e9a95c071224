//! Who is let in by SIP, and over which interface.

use super::*;

const SIP_STOP: &str = "voice service voip\n allow-connections sip to sip\n sip\n  call service stop";
const SHUTDOWN: &str = "voice service voip\n allow-connections sip to sip\n shutdown";

#[test]
fn a_service_that_is_stopped_takes_and_makes_no_sip_calls_and_forced_it_ends_them() {
    for (stop, globally) in [(SIP_STOP, false), (SHUTDOWN, true)] {
        let mut desk = Desk::new("", "");
        let (mut five, six) = desk.talk("", "");
        let says = |desk: &Desk, what: &str| {
            let under = match (what, globally) {
                ("up", _) => "SIP Service is up\n".to_owned(),
                (what, true) => format!("SIP service is {what} globally\nunder 'voice service voip'\n"),
                (what, false) => {
                    format!("SIP service is {what}\nunder 'voice service voip', 'sip' submode\n")
                }
            };
            assert_eq!(desk.bench.switch.show_sip_ua_service(), under);
        };
        let type_in = |desk: &mut Desk, text: &str| {
            let lines: Vec<&str> = text.lines().collect();
            desk.bench.configure(&lines);
        };
        says(&desk, "up");
        type_in(&mut desk, stop);
        says(&desk, "shut");
        desk.none(FIVE, "BYE");
        // No new calls, either way.
        desk.call(SIX, "8000", "", &audio(SIX));
        desk.take(SIX, "503 INVITE");
        desk.dial(0, "6000");
        desk.none(SIX, "INVITE");
        desk.on_hook(0);
        // Telephones of ours have nothing to do with it.
        desk.dial(0, "8001");
        assert!(desk.bench.switch.lines[1].is_busy());
        type_in(&mut desk, &format!("{stop} forced"));
        says(&desk, "forced shut");
        for end in [&five, &six] {
            let bye = desk.take(end.at, "BYE");
            desk.reply(end, &bye, 200, "", "");
        }
        assert!(desk.bench.switch.lines[1].is_busy(), "8001 rings on");
        desk.on_hook(0);
        let back = stop.rsplit_once('\n').unwrap();
        type_in(&mut desk, &format!("{}\n no {}", back.0, back.1.trim()));
        says(&desk, "up");
        five = desk.call(FIVE, "8000", "", &audio(FIVE));
        desk.take(FIVE, "180 INVITE");
        desk.request(&mut five, "CANCEL", "", "");
    }
}

#[test]
fn an_interface_has_so_many_sip_calls_and_no_more_until_there_are_few_again() {
    let limited = "interface Loopback0\n ip address 198.51.100.7 255.255.255.255\n!\n\
                   call threshold interface Loopback0 int-calls low 1 high 2\n\
                   dial-peer voice 5 voip\n voice-class sip bind all source-interface Loopback0\n!\n";
    let mut desk = Desk::new("", limited);
    // 5... is behind the interface, 6... is not.
    let mut calls = Vec::new();
    for line in [0, 1] {
        desk.dial(line, "5000");
        let call = desk.called(FIVE);
        desk.reply(&call, &call.invite.clone().unwrap(), 180, "", "");
        calls.push(call);
    }
    desk.call(SIX, "5000", "", &audio(SIX));
    desk.none(FIVE, "INVITE");
    desk.take(SIX, "503 INVITE");
    desk.call(SIX, "6000", "", &audio(SIX));
    desk.take(SIX, "INVITE");
    // One fewer is enough: not above the low mark with the next.
    for (line, call) in [(0, 0), (1, 1)] {
        desk.on_hook(line);
        let cancel = desk.take(FIVE, "CANCEL");
        desk.reply(&calls[call], &cancel, 200, "", "");
        let invite = calls[call].invite.clone().unwrap();
        desk.reply(&calls[call], &invite, 487, "", "");
        desk.dial(line, "5000");
        match line {
            0 => desk.none(FIVE, "INVITE"),
            _ => drop(desk.take(FIVE, "INVITE")),
        }
        desk.on_hook(line);
    }
}

#[test]
fn strangers_get_no_answer_at_all_where_untrusted_requests_are_discarded() {
    const STRANGER: &str = "203.0.113.9";
    for (setting, silent) in [
        ("", false),
        ("voice service voip\n sip\n  silent-discard untrusted\n!\n", true),
        ("sip-ua\n silent-discard untrusted\n!\n", true),
        (
            "voice service voip\n sip\n  silent-discard untrusted\n!\nsip-ua\n tipring call login a password 0 b\n!\n",
            false,
        ),
    ] {
        let mut desk = Desk::new("", setting);
        let (mut five, six) = desk.talk("", "");
        let before = desk.bench.switch.sip.refused;
        let mut stranger = desk.call(STRANGER, "8000", "", &audio(STRANGER));
        for method in ["OPTIONS", "SUBSCRIBE", "NOTIFY", "REGISTER"] {
            desk.request(&mut stranger, method, "Event: message-summary\r\n", "");
        }
        desk.wait(1000);
        desk.look();
        let answers = desk.inbox.iter().filter(|(flow, _)| flow.remote.ip().to_string() == STRANGER).count();
        assert_eq!(answers == 0, silent, "{setting}");
        if silent {
            assert_eq!(desk.bench.switch.sip.refused, before + 1, "it is counted all the same");
        }
        // A call there is goes on, wherever its requests come from; and who is trusted is answered.
        five.at = STRANGER;
        desk.request(&mut five, "BYE", "", "");
        let bye = desk.take(SIX, "BYE");
        desk.reply(&six, &bye, 200, "", "");
        let mut other = desk.call(SIX, "8000", "", &audio(SIX));
        desk.take(SIX, "180 INVITE");
        desk.request(&mut other, "CANCEL", "", "");
    }
}

#[test]
fn changes_within_a_call_pass_or_stay_here_or_are_refused_as_the_service_peer_and_tenant_say() {
    let held = |at: &str| format!("{}a=sendonly\r\n", audio(at));
    let image = |at: &str| {
        format!(
            "v=0\r\no=- 1 9 IN IP4 {at}\r\ns=-\r\nc=IN IP4 {at}\r\nt=0 0\r\nm=image 4400 udptl t38\r\na=T38FaxVersion:0\r\n"
        )
    };
    let service = |word: &str| format!("voice service voip\n sip\n  midcall-signaling {word}\n!\n");
    let tenant = "voice class tenant 3\n midcall-signaling block\n!\ndial-peer voice 5 voip\n voice-class sip tenant 3\n!\n";
    for (both, more, passes) in [
        ("", String::new(), true),
        ("", service("passthru"), true),
        ("", service("passthru media-change"), true),
        ("", service("block"), false),
        (" voice-class sip midcall-signaling passthru\n", service("block"), true),
        (" voice-class sip midcall-signaling system\n", service("block"), false),
        ("", tenant.to_owned(), false),
    ] {
        let mut desk = Desk::new(both, &more);
        let (mut five, six) = desk.talk("", "");
        desk.request(&mut five, "INVITE", "", held(FIVE));
        let ok = desk.take(FIVE, "200 INVITE");
        assert!(body_of(&ok).contains("a=recvonly"), "{more}{}", body_of(&ok));
        desk.request(&mut five, "ACK", "", "");
        match passes {
            true => {
                let hold = desk.take(SIX, "INVITE");
                assert!(body_of(&hold).contains("a=sendonly"), "{}", body_of(&hold));
                desk.reply(&six, &hold, 200, "", &audio(SIX));
                desk.take(SIX, "ACK");
            }
            false => {
                desk.none(SIX, "INVITE");
                desk.request(&mut five, "INVITE", "", image(FIVE));
                desk.take(FIVE, "488 INVITE");
                desk.none(SIX, "INVITE");
            }
        }
        // A refresh that changes nothing never goes on.
        desk.request(&mut five, "UPDATE", "", "");
        desk.none(SIX, "UPDATE");
        desk.none(SIX, "INVITE");
    }
    // The codec of the call stays.
    for (word, status) in [("preserve-codec", "488 INVITE"), ("passthru", "200 INVITE")] {
        let codecs = "voice class codec 1\n codec preference 1 g711ulaw\n codec preference 2 g711alaw\n!\n";
        let mut desk = Desk::new(" voice-class codec 1\n", &format!("{codecs}{}", service(word)));
        let (mut five, _) = desk.talk("", "");
        let other = audio(FIVE).replace("RTP/AVP 0 101", "RTP/AVP 8");
        desk.request(&mut five, "INVITE", "", &other);
        desk.take(FIVE, status);
        desk.request(&mut five, "ACK", "", "");
        desk.request(&mut five, "INVITE", "", audio(FIVE));
        desk.take(FIVE, "200 INVITE");
    }
}

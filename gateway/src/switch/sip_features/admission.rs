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
        calls.push(desk.called(FIVE));
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

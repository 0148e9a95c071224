#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::grammar::syntax::{Kind, Syntax};
use crate::grammar::{Apply, ModeKind};
use proptest::prelude::*;

/// A random line of a syntax; `pick` gives numbers below its argument.
fn generate(syntax: &Syntax, pick: &mut dyn FnMut(usize) -> usize, out: &mut Vec<String>) {
    match syntax {
        Syntax::Token(token) => {
            let value = match token.kind {
                None => String::new(),
                Some(Kind::Word) => match (token.keyword, pick(6)) {
                    ("ipv4:", n) => format!("192.0.2.{n}"),
                    (_, 0) => "1/0".into(),
                    (_, 1) => "1/0:15".into(),
                    (_, 2) => format!("47{}..", pick(10)),
                    (_, 3) => "primary-qsig".into(),
                    (_, 4) => "1-31".into(),
                    (_, n) => format!("Name{n}"),
                },
                Some(Kind::Line) => {
                    ["some text 1", "some text 2", "/^9/ //", "/1/ /2/ type any national"][pick(4)].into()
                }
                Some(Kind::Address) => {
                    if pick(2) == 0 {
                        "255.255.255.0".into()
                    } else {
                        format!("192.0.2.{}", pick(9))
                    }
                }
                Some(Kind::Range(low, high)) => {
                    (low + pick(((high - low).min(40) + 1) as usize) as i64).to_string()
                }
                Some(Kind::Number) => pick(10_000).to_string(),
                Some(Kind::Interface) => ["Serial1/0:15", "GigabitEthernet0/0", "Loopback0"][pick(3)].into(),
            };
            out.push(format!("{}{value}", token.keyword));
        }
        Syntax::Sequence(items) => items.iter().for_each(|i| generate(i, pick, out)),
        Syntax::Choice(branches) => generate(&branches[pick(branches.len())], pick, out),
        Syntax::Optional(item) => {
            if pick(2) == 0 {
                generate(item, pick, out);
            }
        }
        Syntax::Repeat(item) => (0..=pick(2)).for_each(|_| generate(item, pick, out)),
    }
}

/// Lines of configuration as a careless user would type them: mostly of the open mode, some of another.
fn random_lines(numbers: &[u16]) -> Vec<String> {
    let mut at = 0;
    let mut pick = |below: usize| {
        let n = numbers.get(at).copied().unwrap_or(0);
        at += 1;
        usize::from(n) % below.max(1)
    };
    let (mut config, mut mode) = (Config::default(), Mode::global());
    let mut lines = Vec::new();
    for _ in 0..numbers.len() / 12 {
        let kind = if pick(4) == 0 { ModeKind::Global } else { mode.kind() };
        let entries: Vec<_> =
            kind.table().entries().filter(|(c, _)| !c.syntax.starts_with("banner")).collect();
        let (command, syntax) = entries[pick(entries.len())];
        if !matches!(command.apply, Apply::Acted(_) | Apply::Kept(_) | Apply::Exit) {
            continue;
        }
        let mut words = Vec::new();
        match pick(8) {
            0 => words.push("no".to_owned()),
            1 => words.push("default".to_owned()),
            _ => {}
        }
        generate(syntax, &mut pick, &mut words);
        let line = words.join(" ");
        if config.apply_line(&mut mode, &line).is_ok() {
            lines.push(line);
        }
    }
    lines
}

fn apply_all(lines: &[String]) -> Config {
    let (mut config, mut mode) = (Config::default(), Mode::global());
    for line in lines {
        let _ = config.apply_line(&mut mode, line);
    }
    config
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn running_configuration_read_again_gives_itself(numbers in prop::collection::vec(any::<u16>(), 0..1200)) {
        let lines = random_lines(&numbers);
        let config = apply_all(&lines);
        let running = config.running();
        let again = Config::parse(&running);
        for message in &again.messages {
            prop_assert!(!matches!(message.kind, MessageKind::Refused { .. }), "{message:?}\n{running}");
        }
        prop_assert_eq!(again.config.running(), running.clone());
        let (a, b) = (format!("{:#?}", again.config), format!("{config:#?}"));
        let difference: Vec<_> = a.lines().zip(b.lines()).filter(|(a, b)| a != b).take(5).collect();
        prop_assert!(again.config.same_lines(&config));
        prop_assert!(again.config == config, "{running}\nread again and first: {difference:#?}, {} and {} lines, ends {:?}", a.lines().count(), b.lines().count(), a.lines().zip(b.lines()).last());
    }

    #[test]
    fn a_refused_line_changes_nothing(numbers in prop::collection::vec(any::<u16>(), 0..300), line in "\\PC{0,40}") {
        let config = apply_all(&random_lines(&numbers));
        let (mut changed, mut mode) = (config.clone(), Mode::global());
        if changed.apply_line(&mut mode, &line).is_err() {
            prop_assert!(changed == config);
            prop_assert_eq!(mode, Mode::global());
        }
    }

    #[test]
    fn any_text_parses_without_panic(text in "(\\PC|\n|\t|\r){0,400}") {
        let parsed = Config::parse(&text);
        let running = parsed.config.running();
        prop_assert_eq!(Config::parse(&running).config.running(), running);
    }
}

#[test]
fn a_pri_group_brings_its_interface_and_port_and_takes_them_away() {
    let mut config =
        Config::parse("isdn switch-type primary-qsig\ncontroller E1 1/0\n pri-group timeslots 1-10,16\n")
            .config;
    assert_eq!(config.controllers[0].pri_group.as_ref().unwrap().slots, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 16]);
    assert_eq!(config.serial_interfaces[0].name, "1/0:15");
    assert_eq!(config.serial_interfaces[0].switch_type, Some(SwitchType::Qsig));
    assert_eq!(config.voice_ports[0].port.as_str(), "1/0:15");
    let mut mode = Mode::global();
    config.apply_line(&mut mode, "controller E1 1/0").unwrap();
    config.apply_line(&mut mode, "no pri-group").unwrap();
    assert!(config.serial_interfaces.is_empty() && config.voice_ports.is_empty());
    let t1 = Config::parse("controller T1 0/3/0\n pri-group timeslots 1-24\n").config;
    assert_eq!(t1.voice_ports[0].port.as_str(), "0/3/0:23");
}

#[test]
fn trunk_group_members_are_ordered_by_preference() {
    let config = Config::parse(
        "trunk group T\ninterface Serial1/0:15\n trunk-group T 2\ninterface Serial1/1:15\n trunk-group T 1\nvoice-port 3/0\n trunk-group T\n",
    )
    .config;
    let members: Vec<String> = config.trunk_group_members("T").into_iter().map(|m| m.port).collect();
    assert_eq!(members, ["1/1:15", "1/0:15", "3/0"]);
}

#[test]
fn flat_and_doubly_indented_bodies_mean_the_same() {
    let body = [
        "voice service voip",
        "sip",
        "listen-port non-secure 5070",
        "voice-port 2/0",
        "mwi",
        "sip-ua",
        "mwi-server ipv4:192.0.2.1",
        "telephony-service",
        "max-dn 5",
        "ip source-address 192.0.2.1 port 2000",
        "max-ephones 5",
    ];
    let flat = Config::parse(&body.join("\n")).config;
    let heads = ["voice service voip", "voice-port 2/0", "sip-ua", "telephony-service"];
    let wide: Vec<String> =
        body.iter().map(|l| if heads.contains(l) { (*l).to_owned() } else { format!("    {l}") }).collect();
    assert_eq!(flat.voice_service_voip.sip.listen_port_non_secure, Some(5070));
    assert!(
        flat.running().contains(
            "telephony-service\n max-dn 5\n ip source-address 192.0.2.1 port 2000\n max-ephones 5\n"
        ),
        "{}",
        flat.running()
    );
    assert_eq!(Config::parse(&wide.join("\n")).config.voice_ports, flat.voice_ports);
}

#[test]
fn a_banner_takes_any_delimiter_and_is_shown_with_caret_c() {
    for text in [
        "banner motd #\nline 1\n!\nline 3\n#\n",
        "banner motd \u{3}\nline 1\n!\nline 3\n\u{3}\n",
        "banner motd ^C\nline 1\n!\nline 3\n^C\n",
    ] {
        let config = Config::parse(text).config;
        assert!(
            config.running().contains("banner motd ^C\nline 1\n!\nline 3\n^C\n"),
            "{text:?}: {}",
            config.running()
        );
    }
    // A forgotten delimiter swallows a bounded number of lines.
    let text = format!("banner motd #\n{}hostname Late\n", "x\n".repeat(2000));
    assert_eq!(Config::parse(&text).config.hostname, "Late");
}

#[test]
fn trusted_networks_and_bind_are_typed() {
    let config = Config::parse(
        "interface GigabitEthernet 0/0\n ip address 192.0.2.7 255.255.255.0\nvoice service voip\n ip address trusted list\n  ipv4 10.0.0.0 255.0.0.0\n  ipv4 192.0.2.9\n no ip address trusted authenticate\n sip\n  bind control source-interface gi0/0\n",
    )
    .config;
    let service = &config.voice_service_voip;
    assert!(service.trusted.iter().any(|n| n.contains([10, 9, 8, 7].into())));
    assert!(!service.trusted.iter().any(|n| n.contains([192, 0, 2, 8].into())));
    assert!(!service.trusted_authenticate);
    assert_eq!(service.sip.bind_control.as_deref(), Some("GigabitEthernet0/0"));
    assert_eq!(service.sip.bind_media, None);
    assert_eq!(service.sip.control_interface(), Some("GigabitEthernet0/0"));
    assert_eq!(config.interfaces[0].address, Some(([192, 0, 2, 7].into(), [255, 255, 255, 0].into())));
}

#[test]
fn a_large_configuration_is_read_in_bounded_time() {
    let mut text = String::new();
    for n in 1..=3000 {
        text.push_str(&format!(
            "dial-peer voice {n} voip\n destination-pattern {n}...\n session target ipv4:192.0.2.1\n!\n"
        ));
    }
    let config = Config::parse(&text).config;
    assert_eq!(config.dial_peers.len(), 3000);
    assert_eq!(config.running().lines().count(), 12_002);
}

#[test]
fn a_section_among_many_is_found_while_lines_come_change_and_go() {
    let mut config = Config::default();
    let mut mode = Mode::global();
    let line =
        |config: &mut Config, mode: &mut Mode, line: &str| config.apply_line(mode, line).map(drop).unwrap();
    for n in 1..=100 {
        line(&mut config, &mut mode, &format!("dial-peer voice {n} pots"));
    }
    let before = config.clone();
    let value = |config: &Config, header: &str| {
        config.tree().section(header).map(|node| node.lines().map(str::to_owned).collect::<Vec<_>>())
    };
    assert_eq!(value(&config, "dial-peer voice 70 pots"), Some(vec![]));
    line(&mut config, &mut mode, "dial-peer voice 70 pots");
    line(&mut config, &mut mode, "preference 2");
    assert_eq!(value(&config, "dial-peer voice 70 pots"), Some(vec!["preference 2".to_owned()]));
    assert_eq!(value(&before, "dial-peer voice 70 pots"), Some(vec![]), "a copy is another configuration");
    line(&mut config, &mut mode, "no dial-peer voice 3");
    assert_eq!(value(&config, "dial-peer voice 3 pots"), None);
    assert_eq!(value(&config, "dial-peer voice 70 pots"), Some(vec!["preference 2".to_owned()]));
    line(&mut config, &mut mode, "dial-peer voice 3 voip");
    assert_eq!(value(&config, "dial-peer voice 3 voip"), Some(vec![]));
    let peers_apart = |node: &Node| !node.line.starts_with("dial-peer ");
    assert!(
        config.tree().is_alike(before.tree(), peers_apart)
            && !config.tree().is_alike(before.tree(), |_| true)
    );
    line(&mut config, &mut mode, "hostname Other");
    assert!(!config.tree().is_alike(before.tree(), peers_apart));
}

#[test]
fn running_all_states_the_defaults_and_reads_back_as_the_same_configuration() {
    let config = Config::parse("voice-port 2/0\n no vad\ndial-peer voice 1 voip\n preference 2\n").config;
    let all = config.running_all();
    for line in
        [" cptone US\n", " no vad\n", " preference 2\n", " session protocol cisco\n", " echo-cancel enable\n"]
    {
        assert!(all.contains(line), "{line:?} in\n{all}");
    }
    assert!(!all.contains("\n vad\n cptone") && !all.contains(" preference 0\n"));
    assert!(Config::parse(&all).config == config);
}

#[test]
fn no_and_default_may_be_abbreviated_but_not_doubled() {
    let (mut config, mut mode) = (Config::default(), Mode::global());
    for line in ["voice-port 2/0", "mwi", "cptone GB", "n mwi", "defa cptone"] {
        config.apply_line(&mut mode, line).unwrap();
    }
    assert!(!config.voice_ports[0].mwi && config.voice_ports[0].cptone == "us");
    assert_eq!(config.apply_line(&mut mode, "no no mwi").unwrap_err().column, Some(3));
    assert!(config.apply_line(&mut mode, "no exit").is_err());
}

#[test]
fn the_octet_of_control_c_is_shown_as_two_characters() {
    let text = "crypto pki ce\n cert\u{3}ficate self-signed 01\n!\nbanner motd \u{3}hello\u{3}\nbanner exec \u{3}\nhi\n\u{3}\n";
    let config = Config::parse(text).config;
    let running = config.running();
    assert!(running.chars().all(|c| c == '\n' || !c.is_control()), "{running:?}");
    assert!(running.contains(" cert^Cficate self-signed 01\n"), "{running}");
    assert!(running.contains("banner motd ^Chello^C\n"), "{running}");
    assert_eq!(Config::parse(&running).config, config);
    let refused = Config::default().apply_line(&mut Mode::global(), "hostname A\u{3}B \u{3}C").unwrap_err();
    assert_eq!(refused.column, Some(13));
}

#[test]
fn a_section_whose_last_line_ends_in_an_exclamation_mark_is_closed() {
    let config = Config::parse("interface Serial1/0:15\n description here!\n!\nno cdp enable\n").config;
    assert!(config.running().contains(" description here!\n!\nno cdp enable\n"), "{}", config.running());
    assert_eq!(Config::parse(&config.running()).config, config);
}

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

/// Resolves with a zone: `(query, answer)`; everything else fails. Gives the targets and the queries asked.
fn resolve(uri: &str, config: &LocatorConfig, zone: &[(Query, Answer)]) -> (Vec<String>, Vec<Query>) {
    let mut locator = Locator::new(&Uri::parse(uri).unwrap(), config, [1; 32]).unwrap();
    let mut asked = Vec::new();
    while let Some((id, query)) = locator.poll_query() {
        assert!(locator.targets().is_none());
        let answer = zone
            .iter()
            .find(|(known, _)| *known == query)
            .map_or(Answer::Failed, |(_, answer)| answer.clone());
        asked.push(query);
        locator.handle_answer(id, answer.clone());
        locator.handle_answer(id, answer);
    }
    let targets =
        locator.targets().unwrap().iter().map(|t| format!("{} {}", t.transport, t.address)).collect();
    (targets, asked)
}

fn a(host: &str, addresses: &[&str]) -> (Query, Answer) {
    (Query::A(host.into()), Answer::Addresses(addresses.iter().map(|a| a.parse().unwrap()).collect()))
}

fn srv(name: &str, records: &[(u16, u16, u16, &str)]) -> (Query, Answer) {
    let record =
        |r: &(u16, u16, u16, &str)| Srv { priority: r.0, weight: r.1, port: r.2, target: r.3.into() };
    (Query::Srv(name.into()), Answer::Srv(records.iter().map(record).collect()))
}

fn naptr(domain: &str, records: &[(u16, u16, &str, &str)]) -> (Query, Answer) {
    let record = |r: &(u16, u16, &str, &str)| Naptr {
        order: r.0,
        preference: r.1,
        service: r.2.into(),
        replacement: r.3.into(),
    };
    (Query::Naptr(domain.into()), Answer::Naptr(records.iter().map(record).collect()))
}

fn all() -> LocatorConfig {
    LocatorConfig {
        transports: vec![Transport::Udp, Transport::Tcp, Transport::Tls],
        ..LocatorConfig::default()
    }
}

#[test]
fn addresses_need_no_look_up() {
    for (uri, target) in [
        ("sip:192.0.2.9", "UDP 192.0.2.9:5060"),
        ("sip:a@192.0.2.9:5070;transport=TCP", "TCP 192.0.2.9:5070"),
        ("sips:[2001:db8::1]", "TLS [2001:db8::1]:5061"),
        ("sip:a@[2001:db8::1]:9;transport=tls", "TLS [2001:db8::1]:9"),
        ("sip:a@proxy;maddr=192.0.2.7", "UDP 192.0.2.7:5060"),
    ] {
        assert_eq!(resolve(uri, &all(), &[]), (vec![target.to_owned()], vec![]), "{uri}");
    }
}

#[test]
fn a_port_leads_to_addresses_only() {
    let zone = [a("vm", &["192.0.2.1", "192.0.2.2"])];
    let (targets, asked) = resolve("sip:a@vm:5070", &all(), &zone);
    assert_eq!(targets, ["UDP 192.0.2.1:5070", "UDP 192.0.2.2:5070"]);
    assert_eq!(asked, [Query::A("vm".into())]);
    assert_eq!(resolve("sips:a@vm:5070", &all(), &zone).0[0], "TLS 192.0.2.1:5070");
}

#[test]
fn rfc_3263_4_1_example_naptr_srv_address() {
    let zone = [
        naptr(
            "example.com",
            &[
                (90, 50, "SIP+D2T", "_sip._tcp.example.com."),
                (50, 50, "SIPS+D2T", "_sips._tcp.example.com."),
                (100, 50, "SIP+D2U", "_sip._udp.example.com."),
                (1, 1, "E2U+sip", "x."),
            ],
        ),
        srv(
            "_sip._tcp.example.com",
            &[(0, 1, 5060, "server1.example.com."), (1, 2, 5062, "server2.example.com")],
        ),
        srv("_sip._udp.example.com", &[(0, 1, 5060, "server2.example.com")]),
        a("server1.example.com", &["192.0.2.1"]),
        a("server2.example.com", &["192.0.2.2"]),
    ];
    let (targets, asked) = resolve("sip:user@example.com", &LocatorConfig::default(), &zone);
    assert_eq!(targets, ["TCP 192.0.2.1:5060", "TCP 192.0.2.2:5062", "UDP 192.0.2.2:5060"]);
    assert_eq!(asked.len(), 5, "each name once: {asked:?}");
    // A sips URI takes SIPS services only.
    let (_, asked) = resolve("sips:user@example.com", &all(), &zone);
    assert_eq!(asked[1], Query::Srv("_sips._tcp.example.com".into()));
}

#[test]
fn without_naptr_srv_and_without_srv_addresses() {
    let (targets, asked) = resolve("sip:a@vm", &LocatorConfig::default(), &[a("vm", &["192.0.2.1"])]);
    assert_eq!(targets, ["UDP 192.0.2.1:5060"]);
    let expected = [
        Query::Naptr("vm".into()),
        Query::Srv("_sip._udp.vm".into()),
        Query::Srv("_sip._tcp.vm".into()),
        Query::A("vm".into()),
    ];
    assert_eq!(asked, expected);
    let config = LocatorConfig { naptr: false, ..LocatorConfig::default() };
    let zone = [srv("_sip._tcp.vm", &[(0, 0, 5080, "h")]), a("h", &["192.0.2.3"])];
    assert_eq!(resolve("sip:a@vm", &config, &zone).0, ["TCP 192.0.2.3:5080"]);
    assert_eq!(
        resolve("sip:a@vm;transport=tcp", &all(), &[a("vm", &["192.0.2.1"])]).0,
        ["TCP 192.0.2.1:5060"]
    );
    assert!(resolve("sip:a@vm", &all(), &[]).0.is_empty());
    // "." says no; asking for addresses would be wrong.
    let zone = [srv("_sip._udp.vm", &[(0, 0, 0, ".")]), a("vm", &["192.0.2.1"])];
    assert!(resolve("sip:a@vm;transport=udp", &all(), &zone).0.is_empty());
}

#[test]
fn both_families_are_asked_where_wanted() {
    let config = LocatorConfig { ipv6: true, ..LocatorConfig::default() };
    let zone = [
        a("vm", &["192.0.2.1"]),
        (Query::Aaaa("vm".into()), Answer::Addresses(vec!["2001:db8::1".parse().unwrap()])),
    ];
    assert_eq!(resolve("sip:a@vm:5060", &config, &zone).0, ["UDP 192.0.2.1:5060", "UDP [2001:db8::1]:5060"]);
}

#[test]
fn weights_share_the_load() {
    let mut first = [0u32; 3];
    for seed in 0..=255u8 {
        let mut locator =
            Locator::new(&Uri::parse("sip:vm;transport=udp").unwrap(), &all(), [seed; 32]).unwrap();
        let (id, _) = locator.poll_query().unwrap();
        let (_, answer) = srv(
            "",
            &[
                (1, 70, 1, "192.0.2.1"),
                (1, 30, 2, "192.0.2.2"),
                (1, 0, 3, "192.0.2.3"),
                (0, 0, 4, "192.0.2.4"),
            ],
        );
        locator.handle_answer(id, answer);
        let targets = locator.targets().unwrap();
        assert_eq!((targets.len(), targets[0].address.port()), (4, 4), "priority comes first");
        first[usize::from(targets[1].address.port()) - 1] += 1;
    }
    assert!((140..220).contains(&first[0]) && (40..110).contains(&first[1]) && first[2] < 15, "{first:?}");
}

#[test]
fn floods_are_cut_and_nonsense_is_survived() {
    let many: Vec<_> =
        (0..1000u16).map(|n| Srv { priority: n, weight: 0, port: n, target: "h".into() }).collect();
    let addresses = (0..=255u8).map(|n| IpAddr::from([10, 0, 0, n])).collect();
    let zone = [
        (Query::Srv("_sip._udp.vm".into()), Answer::Srv(many)),
        (Query::A("h".into()), Answer::Addresses(addresses)),
    ];
    assert_eq!(resolve("sip:vm;transport=udp", &all(), &zone).0.len(), MAX_TARGETS);
    // An answer of another type is no answer.
    let zone = [(Query::Srv("_sip._udp.vm".into()), Answer::Naptr(vec![])), a("vm", &["192.0.2.1"])];
    assert_eq!(resolve("sip:vm;transport=udp", &all(), &zone).0, ["UDP 192.0.2.1:5060"]);
    let error = |uri: &str, config: &LocatorConfig| {
        Locator::new(&Uri::parse(uri).unwrap(), config, [0; 32]).unwrap_err()
    };
    assert_eq!(error("tel:1", &all()), LocateError::Scheme("tel".into()));
    assert_eq!(error("sip:a;transport=sctp", &all()), LocateError::Transport("sctp".into()));
    assert_eq!(error("sips:a", &LocatorConfig::default()), LocateError::Transport("tls".into()));
}

#[test]
fn who_failed_is_tried_last_and_forgiven() {
    let now = Instant::now();
    let target =
        |n: u8| Target { transport: Transport::Udp, address: SocketAddr::from(([192, 0, 2, n], 5060)) };
    let all: Vec<_> = (1..=3).map(target).collect();
    let mut penalties = Penalties::new();
    penalties.punish(now, target(1), Duration::from_secs(60));
    penalties.punish(now, target(2), Duration::from_secs(30));
    assert_eq!(penalties.order(now, &all), [target(3), target(2), target(1)]);
    assert_eq!(penalties.order(now + Duration::from_secs(31), &all), [target(2), target(3), target(1)]);
    penalties.pardon(&target(1));
    assert_eq!(penalties.order(now, &all), [target(1), target(3), target(2)]);
    for n in 0..3000u16 {
        let address = SocketAddr::from(([10, 0, (n >> 8) as u8, n as u8], 1));
        penalties.punish(
            now,
            Target { transport: Transport::Tcp, address },
            Duration::from_secs(1 + u64::from(n)),
        );
    }
    assert_eq!(penalties.until.len(), MAX_PENALTIES);
}

#[test]
fn nothing_is_sent_to_a_group() {
    let error = |uri: &str| Locator::new(&Uri::parse(uri).unwrap(), &all(), [0; 32]).unwrap_err();
    for (uri, address) in [
        ("sip:224.0.1.75", "224.0.1.75"),
        ("sip:vm;maddr=239.1.2.3", "239.1.2.3"),
        ("sip:[ff02::1]", "ff02::1"),
        ("sip:255.255.255.255", "255.255.255.255"),
        ("sip:0.0.0.0", "0.0.0.0"),
    ] {
        assert_eq!(error(uri), LocateError::Group(address.parse().unwrap()), "{uri}");
    }
    let zone = [a("vm", &["224.0.1.75", "192.0.2.1", "0.0.0.0"])];
    assert_eq!(resolve("sip:a@vm:5060", &all(), &zone).0, ["UDP 192.0.2.1:5060"]);
}

#[test]
fn rfc_3263_4_3_a_request_goes_to_the_next_target_and_the_next_request_knows() {
    let now = Instant::now();
    let target =
        |n: u8| Target { transport: Transport::Udp, address: SocketAddr::from(([192, 0, 2, n], 5060)) };
    let targets: Vec<_> = (1..=4).map(target).collect();
    let mut penalties = Penalties::new();
    let mut failover = Failover::new(now, &targets, &penalties);
    assert_eq!(failover.target(), Some(target(1)));
    let unavailable = |more: &str| {
        let text = format!("SIP/2.0 503 Service Unavailable\r\nCSeq: 1 INVITE\r\n{more}\r\n");
        Failure::of(&Message::parse(text.into()).unwrap()).unwrap()
    };
    for (failure, next) in [
        (Failure::Timeout, Some(target(2))),
        (Failure::Transport, Some(target(3))),
        (unavailable("Retry-After: 120 (maintenance)\r\n"), Some(target(4))),
        (unavailable(""), None),
    ] {
        assert_eq!(failover.handle_failure(now, &mut penalties, failure), next, "{failure:?}");
    }
    assert_eq!(failover.handle_failure(now, &mut penalties, Failure::Timeout), None);
    let order =
        |seconds, penalties: &Penalties| penalties.order(now + Duration::from_secs(seconds), &targets)[0];
    // A 503 without Retry-After counts for its request only.
    assert_eq!(order(0, &penalties), target(4));
    assert_eq!(order(33, &penalties), target(1));
    assert!(penalties.is_punished(now + Duration::from_secs(119), &target(3)));
    assert!(!penalties.is_punished(now + Duration::from_secs(120), &target(3)));
    // An answer pardons.
    let mut again = Failover::new(now, &[target(1)], &penalties);
    again.handle_answer(&mut penalties);
    assert_eq!(order(0, &penalties), target(1));
    for status in [200, 302, 486, 500, 504] {
        let text = format!("SIP/2.0 {status} x\r\nRetry-After: 5\r\n\r\n");
        assert_eq!(Failure::of(&Message::parse(text.into()).unwrap()), None);
    }
}

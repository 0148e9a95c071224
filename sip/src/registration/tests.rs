#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::message::{RequestDefaults, encode_request};

struct Bench {
    registration: Registration,
    start: Instant,
    now: Instant,
}

fn config() -> RegistrationConfig {
    RegistrationConfig {
        credentials: Some(crate::digest::Credentials::new("8000", "secret").into()),
        ..RegistrationConfig::new("sip:registrar", "<sip:8000@registrar>", "<sip:8000@192.0.2.1>")
    }
}

impl Bench {
    fn new(seed: u8) -> Bench {
        let now = Instant::now();
        let mut registration = Registration::new(config(), [seed; 32]);
        registration.start(now);
        Bench { registration, start: now, now }
    }

    fn output(&mut self) -> (Option<Message>, Vec<RegistrationState>, Option<Vec<String>>) {
        let (mut request, mut states, mut routes) = (None, Vec::new(), None);
        while let Some(output) = self.registration.poll_output() {
            match output {
                Output::Send(builder) => {
                    assert!(request.is_none(), "one at a time");
                    let defaults = RequestDefaults {
                        via: "SIP/2.0/UDP h;branch=z9hG4bK1",
                        from: "",
                        call_id: "",
                        user_agent: None,
                        max_forwards: 70,
                    };
                    request = Some(Message::parse(encode_request(&builder, &defaults)).unwrap());
                }
                Output::State(state) => states.push(state),
                Output::ServiceRoute(found) => routes = Some(found),
            }
        }
        (request, states, routes)
    }

    fn register(&mut self) -> Option<Message> {
        self.output().0
    }

    fn respond(&mut self, request: &Message, status: u16, more: &str) {
        let text = format!(
            "SIP/2.0 {status} x\r\nVia: SIP/2.0/UDP h\r\nFrom: {}\r\nTo: {};tag=r\r\nCall-ID: {}\r\nCSeq: {}\r\n{more}\r\n",
            request.header("From").unwrap(),
            request.header("To").unwrap(),
            request.header("Call-ID").unwrap(),
            request.header("CSeq").unwrap(),
        );
        self.registration.handle_response(self.now, &Message::parse(text.into()).unwrap());
    }

    fn next_register(&mut self, seconds: u64) -> Option<(f64, Message)> {
        let until = self.now + Duration::from_secs(seconds);
        loop {
            if let Some(request) = self.register() {
                return Some(((self.now - self.start).as_secs_f64(), request));
            }
            let at = self.registration.poll_timeout().filter(|at| *at <= until);
            self.now = at.unwrap_or(until);
            self.registration.handle_timeout(at?);
        }
    }
}

#[test]
fn it_registers_and_refreshes_for_good() {
    let mut bench = Bench::new(1);
    let first = bench.register().unwrap();
    assert!(crate::validate::check_request(&first, &crate::EndpointConfig::default()).is_ok());
    assert_eq!((first.request_uri(), first.expires().unwrap()), (Some("sip:registrar"), Some(3600)));
    bench.respond(&first, 200, "Contact: <sip:other@h>;expires=9, <sip:8000@192.0.2.1>;expires=600\r\nExpires: 7\r\nService-Route: <sip:p1;lr>, <sip:p2;lr>\r\n");
    let (_, states, routes) = bench.output();
    assert_eq!(states, [RegistrationState::Registered]);
    assert_eq!(routes.unwrap(), ["sip:p1;lr", "sip:p2;lr"]);
    let mut before = 0.0;
    for number in 2..6 {
        let (at, refresh) = bench.next_register(1000).unwrap();
        assert!((432.0..=480.0).contains(&(at - before)), "80 % and up to a tenth earlier: {at}");
        before = at;
        assert_eq!(
            (refresh.call_id().unwrap(), refresh.cseq().unwrap().number),
            (first.call_id().unwrap(), number)
        );
        assert_eq!(refresh.from().unwrap().tag(), first.from().unwrap().tag());
        bench.respond(&refresh, 200, "Expires: 600\r\n");
        assert!(bench.output().1.is_empty(), "still registered");
    }
}

#[test]
fn a_fleet_spreads_out() {
    let mut times: Vec<f64> = (0..20)
        .map(|seed| {
            let mut bench = Bench::new(seed);
            let first = bench.register().unwrap();
            bench.respond(&first, 200, "");
            bench.next_register(4000).unwrap().0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    assert!(times[19] - times[0] > 100.0, "{times:?}");
}

#[test]
fn challenges_and_423_are_answered_without_loops() {
    let mut bench = Bench::new(1);
    let first = bench.register().unwrap();
    bench.respond(&first, 407, "Proxy-Authenticate: Digest realm=\"p\", nonce=\"1\"\r\n");
    let second = bench.register().unwrap();
    bench.respond(&second, 401, "WWW-Authenticate: Digest realm=\"r\", nonce=\"2\"\r\n");
    let third = bench.register().unwrap();
    assert!(third.header("Authorization").is_some() && third.header("Proxy-Authorization").is_some());
    bench.respond(&third, 423, "Min-Expires: 7200\r\n");
    let fourth = bench.register().unwrap();
    assert_eq!(fourth.expires().unwrap(), Some(7200));
    bench.respond(&fourth, 401, "WWW-Authenticate: Digest realm=\"r\", nonce=\"3\"\r\n");
    assert!(bench.register().is_none(), "the password is wrong");
    assert_eq!(bench.registration.state(), RegistrationState::Waiting);
    let (at, fifth) = bench.next_register(4000).unwrap();
    assert!((30.0..=36.0).contains(&at));
    bench.respond(&fifth, 503, "Retry-After: 100\r\n");
    assert_eq!(bench.next_register(4000).unwrap().0, at + 100.0);
}

#[test]
fn a_failed_refresh_loses_the_binding_only_when_it_runs_out() {
    let mut bench = Bench::new(1);
    let first = bench.register().unwrap();
    bench.respond(&first, 200, "Expires: 100\r\n");
    bench.output();
    let mut tries = 0;
    loop {
        bench.registration.handle_timeout(bench.now);
        let (request, states, _) = bench.output();
        if let Some(state) = states.first() {
            assert!((bench.now - bench.start).as_secs() >= 100 && tries > 0, "{state:?}");
            break;
        }
        if request.is_some() {
            tries += 1;
            bench.registration.handle_failure(bench.now);
        }
        bench.now = bench.registration.poll_timeout().unwrap();
    }
    assert!(matches!(
        bench.registration.state(),
        RegistrationState::Waiting | RegistrationState::Registering
    ));
}

#[test]
fn stopping_takes_the_binding_back() {
    let mut bench = Bench::new(1);
    let first = bench.register().unwrap();
    bench.respond(&first, 200, "Expires: 100\r\n");
    bench.output();
    bench.registration.stop(bench.now);
    let last = bench.register().unwrap();
    assert_eq!(last.expires().unwrap(), Some(0));
    bench.respond(&first, 200, "");
    assert_eq!(bench.registration.state(), RegistrationState::Unregistering, "an old answer");
    bench.respond(&last, 200, "");
    assert_eq!(bench.registration.state(), RegistrationState::Idle);
    assert!(bench.next_register(10_000).is_none());
    // While a refresh is under way.
    let mut bench = Bench::new(2);
    let first = bench.register().unwrap();
    bench.respond(&first, 200, "Expires: 100\r\n");
    let (_, refresh) = bench.next_register(100).unwrap();
    bench.registration.stop(bench.now);
    assert!(bench.register().is_none());
    bench.respond(&refresh, 200, "Expires: 100\r\n");
    assert_eq!(bench.register().unwrap().expires().unwrap(), Some(0));
    // Before anything was bound.
    let mut bench = Bench::new(3);
    bench.register().unwrap();
    bench.registration.stop(bench.now);
    assert_eq!(bench.registration.state(), RegistrationState::Idle);
}

#[test]
fn a_stale_nonce_is_answered_and_a_wrong_password_is_not() {
    let mut bench = Bench::new(1);
    let first = bench.register().unwrap();
    bench.respond(&first, 401, "WWW-Authenticate: Digest realm=\"r\", nonce=\"1\", qop=\"auth\"\r\n");
    let second = bench.register().unwrap();
    bench.respond(&second, 200, "Expires: 100\r\n");
    // The refresh goes out with the old nonce at once, and the new one is taken without waiting.
    let (_, refresh) = bench.next_register(100).unwrap();
    assert!(refresh.header("Authorization").unwrap().to_str().contains("nc=00000002"));
    bench.respond(
        &refresh,
        401,
        "WWW-Authenticate: Digest realm=\"r\", nonce=\"2\", qop=\"auth\", stale=true\r\n",
    );
    let again = bench.register().unwrap();
    assert!(again.header("Authorization").unwrap().to_str().contains("nonce=\"2\""));
    bench.respond(&again, 401, "WWW-Authenticate: Digest realm=\"r\", nonce=\"3\", qop=\"auth\"\r\n");
    assert!(bench.register().is_none());
    assert_eq!(bench.registration.state(), RegistrationState::Registered, "while the binding lasts");
}

#[test]
fn rfc_3327_path_is_supported_and_told() {
    let mut bench = Bench::new(1);
    let first = bench.register().unwrap();
    assert!(first.list_contains(Header::Supported, "path"));
    bench.respond(&first, 200, "Path: <sip:edge;lr>, <sip:core;lr>\r\n");
    assert_eq!(bench.registration.path(), ["sip:edge;lr", "sip:core;lr"]);
    let config = RegistrationConfig { path: false, ..config() };
    let mut plain = Registration::new(config, [1; 32]);
    plain.start(Instant::now());
    let without = std::iter::from_fn(|| plain.poll_output())
        .any(|output| matches!(output, Output::Send(request) if !request.has(Header::Supported)));
    assert!(without);
}

#[test]
fn a_redirection_is_followed_within_bounds_and_forgotten_after_a_failure() {
    let mut bench = Bench::new(1);
    let first = bench.register().unwrap();
    bench.respond(&first, 302, "Contact: <tel:1>, <sip:registrar>, <sip:x@two.example;transport=tcp>\r\n");
    let second = bench.register().unwrap();
    assert_eq!(second.request_uri(), Some("sip:two.example;transport=tcp"));
    bench.respond(&second, 200, "Expires: 1000\r\n");
    let (_, refresh) = bench.next_register(1000).unwrap();
    assert_eq!(refresh.request_uri(), Some("sip:two.example;transport=tcp"));
    bench.registration.handle_failure(bench.now);
    let (_, back) = bench.next_register(1000).unwrap();
    assert_eq!(back.request_uri(), Some("sip:registrar"));
    // In a circle it ends.
    let mut request = back;
    let mut followed = 0;
    loop {
        bench.respond(&request, 301, &format!("Contact: <sip:r{}>\r\n", followed % 2));
        match bench.register() {
            Some(next) => request = next,
            None => break,
        }
        followed += 1;
    }
    assert_eq!(followed, MAX_REDIRECTIONS);
}

#[test]
fn a_server_error_backs_off_longer_each_time() {
    let mut bench = Bench::new(1);
    let mut request = bench.register().unwrap();
    let mut last = 0.0;
    for (status, least, most) in
        [(500, 30.0, 36.0), (503, 60.0, 72.0), (403, 120.0, 144.0), (305, 240.0, 288.0), (600, 480.0, 576.0)]
    {
        bench.respond(&request, status, "");
        let (at, next) = bench.next_register(10_000).unwrap();
        assert!((least..=most).contains(&(at - last)), "{status}: {}", at - last);
        (last, request) = (at, next);
    }
}

#[test]
fn a_binding_that_is_granted_and_dropped_does_not_make_a_storm() {
    let mut bench = Bench::new(1);
    let mut request = bench.register().unwrap();
    for more in ["Expires: 0\r\n", "Contact: <sip:8000@192.0.2.1>;expires=0\r\n"] {
        bench.respond(&request, 200, more);
        assert_eq!(bench.registration.state(), RegistrationState::Waiting);
        let before = bench.now;
        request = bench.next_register(1000).unwrap().1;
        assert!(bench.now - before >= Duration::from_secs(30));
    }
    bench.respond(&request, 200, "Expires: 1\r\n");
    let before = bench.now;
    while bench.registration.poll_timeout().is_some() && bench.register().is_none() {
        bench.now = bench.registration.poll_timeout().unwrap();
        bench.registration.handle_timeout(bench.now);
    }
    assert!(bench.now - before >= LEAST_REFRESH);
}

/// Two registrars, each up or down.
struct Pair {
    registrars: Registrars,
    now: Instant,
    up: [bool; 2],
    /// Expires of the REGISTERs each has accepted.
    accepted: [Vec<u32>; 2],
}

impl Pair {
    fn new(redundancy: Redundancy) -> Pair {
        let at = |uri: &str| RegistrationConfig {
            expires: 600,
            ..RegistrationConfig::new(uri, "<sip:8000@h>", "<sip:8000@192.0.2.1>")
        };
        let registrars = Registrars::new(vec![at("sip:one"), at("sip:two")], redundancy, [1; 32]);
        Pair { registrars, now: Instant::now(), up: [true; 2], accepted: Default::default() }
    }

    fn run(&mut self, seconds: u64) -> Option<usize> {
        let until = self.now + Duration::from_secs(seconds);
        loop {
            while let Some((number, output)) = self.registrars.poll_output() {
                let Output::Send(builder) = output else { continue };
                if !self.up[number] {
                    self.registrars.handle_failure(self.now, number);
                    continue;
                }
                let expires: u32 = builder.value(Header::Expires).unwrap().parse().unwrap();
                self.accepted[number].push(expires);
                let response = format!(
                    "SIP/2.0 200 OK\r\nCall-ID: {}\r\nCSeq: {}\r\nExpires: {expires}\r\n\r\n",
                    builder.value(Header::CallId).unwrap(),
                    builder.value(Header::CSeq).unwrap(),
                );
                self.registrars.handle_response(self.now, number, &Message::parse(response.into()).unwrap());
            }
            match self.registrars.poll_timeout().filter(|at| *at <= until) {
                Some(at) => self.now = at,
                None => break,
            }
            self.registrars.handle_timeout(self.now);
        }
        self.now = until;
        self.registrars.active()
    }
}

#[test]
fn with_two_registrars_together_the_first_that_has_us_is_used() {
    let mut pair = Pair::new(Redundancy::Together);
    pair.registrars.start(pair.now);
    assert_eq!(pair.run(10), Some(0));
    assert_eq!([pair.accepted[0].len(), pair.accepted[1].len()], [1, 1], "both from the beginning");
    pair.up[0] = false;
    assert_eq!(pair.run(700), Some(1), "the primary's binding has run out");
    pair.up = [true, false];
    assert_eq!(pair.run(4000), Some(0));
    pair.up = [true; 2];
    pair.run(4000);
    pair.registrars.stop(pair.now);
    assert_eq!(pair.run(10), None);
    assert_eq!([pair.accepted[0].last(), pair.accepted[1].last()], [Some(&0), Some(&0)]);
    assert_eq!(pair.registrars.poll_timeout(), None);
}

#[test]
fn a_stand_by_is_registered_only_while_it_is_needed() {
    let mut pair = Pair::new(Redundancy::Standby);
    pair.registrars.start(pair.now);
    assert_eq!(pair.run(2000), Some(0));
    assert!(pair.accepted[1].is_empty());
    pair.up[0] = false;
    assert_eq!(pair.run(700), Some(1));
    assert_eq!(pair.run(4000), Some(1), "and stays while the primary is tried again");
    assert!(pair.accepted[1].iter().all(|expires| *expires == 600));
    pair.up[0] = true;
    assert_eq!(pair.run(4000), Some(0));
    assert_eq!(pair.accepted[1].last(), Some(&0), "taken back");
    assert_eq!(pair.registrars.member(1).unwrap().state(), RegistrationState::Idle);
    // Neither: both are tried for good.
    pair.up = [false; 2];
    assert_eq!(pair.run(8000), None);
    pair.up[1] = true;
    assert_eq!(pair.run(4000), Some(1));
}

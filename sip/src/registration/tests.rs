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
        credentials: Some(Credentials::new("8000", "secret")),
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

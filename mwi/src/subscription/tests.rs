#![allow(clippy::unwrap_used, clippy::panic)]
use proptest::prelude::*;

use super::*;
use crate::config::{MwiServer, ServerHost};

const SECOND: Duration = Duration::from_secs(1);

fn endpoint(port: &str, peer: u32, number: &str) -> Endpoint {
    Endpoint { port: port.into(), peer, number: number.into() }
}

fn by_address() -> MwiServer {
    MwiServer::new(ServerHost::Ipv4([192, 0, 2, 10].into()))
}

fn by_name() -> MwiServer {
    MwiServer::new("dns:vm.example.com".parse().unwrap())
}

/// A subscriber, its clock, and what it put out.
struct Bench {
    now: Instant,
    subscriber: Subscriber,
}

impl Bench {
    fn new(server: MwiServer, endpoints: &[Endpoint]) -> Self {
        let now = Instant::now();
        let mut subscriber = Subscriber::new(Settings::default(), 99);
        subscriber.set_server(now, Some(server));
        subscriber.set_endpoints(now, endpoints.iter().cloned());
        Self { now, subscriber }
    }

    fn one(server: MwiServer) -> Self {
        Self::new(server, &[endpoint("2/0", 1, "8000")])
    }

    /// Goes to the next thing due and returns how long that took.
    fn wait(&mut self) -> Duration {
        let at = self.subscriber.poll_timeout().unwrap().max(self.now);
        let waited = at - self.now;
        self.now = at;
        self.subscriber.handle_timeout(at);
        waited
    }

    fn subscribe(&mut self) -> Subscribe {
        match self.subscriber.poll_output() {
            Some(Output::Subscribe(subscribe)) => subscribe,
            other => panic!("{other:?}"),
        }
    }

    fn next(&mut self) -> Subscribe {
        self.wait();
        self.subscribe()
    }

    fn respond(&mut self, to: &Subscribe, response: Response) {
        self.subscriber.handle_response(self.now, to.id, to.cseq, response);
    }

    fn accept(&mut self, to: &Subscribe, expires: u32) {
        self.respond(to, accepted(expires));
    }

    fn notify(&mut self, of: &Subscribe, cseq: u32, state: NotifyState) -> NotifyAnswer {
        let notify = Notify {
            call_id: of.call_id.clone(),
            to_tag: Some(of.local_tag.clone()),
            from_tag: "server".into(),
            cseq,
            contact: Some("sip:vm@192.0.2.10".into()),
            state,
        };
        self.subscriber.handle_notify(self.now, &notify)
    }
}

fn accepted(expires: u32) -> Response {
    Response {
        expires: Some(expires),
        to_tag: Some("server".into()),
        contact: Some("sip:vm@192.0.2.10".into()),
        routes: vec!["<sip:proxy;lr>".into()],
        ..Response::new(200)
    }
}

fn challenge(stale: bool) -> Response {
    let challenge = Challenge { proxy: false, value: "Digest realm=\"vm\", nonce=\"1\"".into(), stale };
    Response { challenge: Some(challenge), ..Response::new(401) }
}

const ALIVE: NotifyState = NotifyState::Alive { expires: None };

fn terminated(reason: Reason, retry_after: Option<u32>) -> NotifyState {
    NotifyState::Terminated { reason, retry_after }
}

#[test]
fn every_port_and_dial_peer_has_a_subscription_of_its_own() {
    let endpoints = [endpoint("2/0", 1, "8000"), endpoint("2/0", 2, "8000"), endpoint("2/1", 3, "8001")];
    let mut bench = Bench::new(by_address(), &endpoints);
    let all: Vec<Subscribe> = (0..3).map(|_| bench.next()).collect();
    let mut numbers: Vec<&str> = all.iter().map(|subscribe| subscribe.number.as_str()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, ["8000", "8000", "8001"]);
    let mut ids: Vec<&str> = all.iter().map(|subscribe| subscribe.call_id.as_str()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 3);
    assert!(all.iter().all(|s| s.cseq == 1 && s.expires == 3600 && s.port == 5060 && s.remote.is_none()));
    assert_eq!(bench.subscriber.poll_output(), None);
}

#[test]
fn a_subscription_is_refreshed_in_its_dialog_before_it_expires() {
    let mut bench = Bench::one(by_address());
    let first = bench.next();
    bench.accept(&first, 3600);
    assert_eq!(bench.notify(&first, 1, ALIVE), NotifyAnswer::Accepted(endpoint("2/0", 1, "8000")));
    for cseq in 2..5 {
        let waited = bench.wait();
        assert!(waited >= SECOND * 2900 && waited <= SECOND * 3240, "{waited:?}");
        let refresh = bench.subscribe();
        assert_eq!((refresh.cseq, &refresh.call_id, refresh.expires), (cseq, &first.call_id, 3600));
        let remote = refresh.remote.clone().unwrap();
        assert_eq!((remote.tag.as_str(), remote.routes.len()), ("server", 1));
        bench.accept(&refresh, 3600);
    }
    // A server that grants less is asked sooner.
    let refresh = bench.next();
    bench.accept(&refresh, 60);
    let waited = bench.wait();
    assert!(waited >= SECOND * 27 && waited <= SECOND * 30, "{waited:?}");
}

#[test]
fn a_notify_may_shorten_a_subscription_and_may_come_before_the_200() {
    let mut bench = Bench::one(by_address());
    let first = bench.next();
    assert_eq!(bench.notify(&first, 7, ALIVE).sip_status(), 200);
    bench.accept(&first, 3600);
    bench.notify(&first, 8, NotifyState::Alive { expires: Some(100) });
    assert!(bench.wait() <= SECOND * 60);
    let refresh = bench.subscribe();
    assert_eq!(refresh.remote.map(|remote| (remote.tag, remote.routes.len())), Some(("server".into(), 1)));
}

#[test]
fn notifies_that_belong_to_no_subscription_get_481_and_old_ones_500() {
    let mut bench = Bench::one(by_address());
    let first = bench.next();
    bench.accept(&first, 3600);
    assert_eq!(bench.notify(&first, 5, ALIVE).sip_status(), 200);
    assert_eq!(bench.notify(&first, 5, ALIVE).sip_status(), 500);
    assert_eq!(bench.notify(&first, 4, ALIVE), NotifyAnswer::OutOfOrder);
    for change in [
        (|n: &mut Notify| n.call_id.push('x')) as fn(&mut Notify),
        |n| n.to_tag = None,
        |n| n.to_tag = Some("x".into()),
        |n| n.from_tag = "x".into(),
    ] {
        let mut notify = Notify {
            call_id: first.call_id.clone(),
            to_tag: Some(first.local_tag.clone()),
            from_tag: "server".into(),
            cseq: 6,
            contact: None,
            state: ALIVE,
        };
        change(&mut notify);
        assert_eq!(bench.subscriber.handle_notify(bench.now, &notify).sip_status(), 481);
    }
}

#[test]
fn an_interval_too_brief_is_raised_to_the_servers_minimum() {
    let mut bench = Bench::one(MwiServer { expires: 60, ..by_address() });
    let first = bench.next();
    bench.respond(&first, Response { min_expires: Some(300), ..Response::new(423) });
    let second = bench.subscribe();
    assert_eq!((second.expires, second.cseq), (300, 2));
    // A minimum that is none is a failure like others.
    bench.respond(&second, Response { min_expires: Some(300), ..Response::new(423) });
    assert_eq!(bench.subscriber.poll_output(), None);
    assert!(bench.wait() >= SECOND * 7);
}

#[test]
fn challenges_are_answered_once_and_a_stale_answer_once_more() {
    let mut bench = Bench::one(by_address());
    let first = bench.next();
    bench.respond(&first, challenge(false));
    let second = bench.subscribe();
    assert!(second.challenge.is_some() && second.cseq == 2);
    bench.respond(&second, challenge(false));
    assert_eq!(bench.subscriber.poll_output(), None);
    let third = bench.next();
    assert!(third.challenge.is_none());
    let mut last = third;
    let mut answers = 0;
    loop {
        bench.respond(&last, challenge(true));
        match bench.subscriber.poll_output() {
            Some(Output::Subscribe(subscribe)) => last = subscribe,
            _ => break,
        }
        answers += 1;
        assert!(answers <= 2);
    }
    assert_eq!(answers, 2);
}

#[test]
fn a_server_without_the_event_or_the_mailbox_is_asked_again_with_growing_waits() {
    for status in [404, 481, 489, 403, 603, 302] {
        let mut bench = Bench::one(by_address());
        let mut last = Duration::ZERO;
        let mut subscribe = bench.next();
        for n in 0..12 {
            bench.respond(&subscribe, Response::new(status));
            let waited = bench.wait();
            assert!(waited > last || n > 5, "{status} {n} {waited:?}");
            assert!(waited <= SECOND * 750);
            last = waited;
            subscribe = bench.subscribe();
        }
    }
    let mut bench = Bench::one(by_address());
    let subscribe = bench.next();
    bench.respond(&subscribe, Response { retry_after: Some(500), ..Response::new(503) });
    assert!(bench.wait() >= SECOND * 500);
}

#[test]
fn a_refresh_answered_481_begins_a_new_dialog_at_once_but_not_for_ever() {
    let mut bench = Bench::one(by_address());
    let first = bench.next();
    bench.accept(&first, 3600);
    let refresh = bench.next();
    bench.respond(&refresh, Response::new(481));
    assert!(bench.wait() < SECOND);
    let again = bench.subscribe();
    assert!(again.remote.is_none() && again.call_id != first.call_id);
    // A server that ends what it has just granted is not asked without pause.
    let mut subscribe = again;
    let mut waits = Vec::new();
    for cseq in 0..8 {
        bench.accept(&subscribe, 3600);
        bench.notify(&subscribe, cseq, terminated(Reason::Deactivated, None));
        waits.push(bench.wait());
        subscribe = bench.subscribe();
    }
    assert!(waits.iter().all(|wait| *wait < SECOND));
}

#[test]
fn terminated_subscriptions_come_back_as_their_reason_says() {
    for (reason, retry_after, least, most) in [
        (Reason::Deactivated, None, 0, 1),
        (Reason::Timeout, None, 0, 1),
        (Reason::Probation, Some(120), 120, 121),
        (Reason::GiveUp, None, 7, 13),
        (Reason::Other, None, 7, 13),
        (Reason::Rejected, None, 600, 751),
        (Reason::NoResource, Some(700), 700, 751),
    ] {
        let mut bench = Bench::one(by_address());
        let first = bench.next();
        bench.accept(&first, 3600);
        assert_eq!(bench.notify(&first, 1, terminated(reason, retry_after)).sip_status(), 200);
        let waited = bench.wait();
        assert!(waited >= SECOND * least && waited <= SECOND * most, "{reason:?} {waited:?}");
        let again = bench.subscribe();
        assert!(again.remote.is_none());
        assert_eq!(bench.notify(&first, 2, ALIVE).sip_status(), 481, "the old dialog is over");
    }
    assert_eq!(Reason::from_name("NoResource"), Reason::NoResource);
    assert_eq!(Reason::from_name("weather"), Reason::Other);
}

#[test]
fn the_addresses_of_a_name_are_tried_in_turn_and_looked_up_again() {
    let mut bench = Bench::one(by_name());
    let resolve = Output::Resolve { name: "vm.example.com".into() };
    assert_eq!(bench.subscriber.poll_output(), Some(resolve.clone()));
    assert_eq!(bench.subscriber.poll_timeout(), None);
    bench.subscriber.handle_resolved(bench.now, "vm.example.com", &[]);
    assert_eq!(bench.subscriber.dns_retries(), 1);
    bench.wait();
    assert_eq!(bench.subscriber.poll_output(), Some(resolve.clone()));
    bench.subscriber.handle_resolved(bench.now, "elsewhere", &[[9, 9, 9, 9].into()]);
    let addresses: Vec<Ipv4Addr> = (1..=12).map(|n| [192, 0, 2, n].into()).collect();
    bench.subscriber.handle_resolved(bench.now, "vm.example.com", &addresses);
    assert_eq!(bench.subscriber.addresses().len(), MAX_ADDRESSES);
    let mut subscribe = bench.next();
    for n in 1..=8 {
        assert_eq!(subscribe.address, Ipv4Addr::from([192, 0, 2, n]));
        assert_eq!(bench.subscriber.current(), usize::from(n) - 1);
        if n % 2 == 0 {
            bench.subscriber.handle_failure(bench.now, subscribe.id, subscribe.cseq, Failure::Timeout);
        } else {
            bench.respond(&subscribe, Response::new(503));
        }
        if n < 8 {
            subscribe = bench.subscribe();
        }
    }
    // All have failed: the name is looked up again, and the endpoint waits.
    assert_eq!(bench.subscriber.poll_output(), Some(resolve));
    assert_eq!((bench.subscriber.dns_retries(), bench.subscriber.current()), (2, 0));
    bench.subscriber.handle_resolved(bench.now, "vm.example.com", &[[192, 0, 2, 99].into()]);
    let subscribe = bench.next();
    assert_eq!(subscribe.address, Ipv4Addr::from([192, 0, 2, 99]));
    bench.accept(&subscribe, 3600);
    assert!(matches!(bench.subscriber.iter().next(), Some((_, Status::Active { .. }))));
}

#[test]
fn one_dead_address_is_left_by_all_and_counted_once() {
    let endpoints: Vec<Endpoint> = (0..10).map(|n| endpoint("2/0", n, &n.to_string())).collect();
    let mut bench = Bench::new(by_name(), &endpoints);
    bench.subscriber.poll_output();
    bench.subscriber.handle_resolved(
        bench.now,
        "vm.example.com",
        &[[192, 0, 2, 1].into(), [192, 0, 2, 2].into()],
    );
    let first: Vec<Subscribe> = (0..10).map(|_| bench.next()).collect();
    assert!(first.iter().all(|subscribe| subscribe.address == Ipv4Addr::from([192, 0, 2, 1])));
    for subscribe in &first {
        bench.subscriber.handle_failure(bench.now, subscribe.id, subscribe.cseq, Failure::Transport);
        assert_eq!(bench.subscribe().address, Ipv4Addr::from([192, 0, 2, 2]));
    }
    assert_eq!(bench.subscriber.current(), 1);
}

#[test]
fn endpoints_that_go_are_unsubscribed() {
    let two = [endpoint("2/0", 1, "8000"), endpoint("2/1", 2, "8001")];
    let mut bench = Bench::new(by_address(), &two);
    let (a, b) = (bench.next(), bench.next());
    bench.accept(&a, 3600);
    // b's answer is still under way when both go.
    bench.subscriber.set_endpoints(bench.now, []);
    let end = bench.subscribe();
    assert_eq!((end.id, end.expires, end.cseq), (a.id, 0, 2));
    assert_eq!(end.remote.map(|remote| remote.tag).as_deref(), Some("server"));
    bench.subscriber.handle_response(bench.now, a.id, 2, challenge(false));
    let end = bench.subscribe();
    assert!(end.challenge.is_some() && end.expires == 0);
    assert_eq!(bench.notify(&a, 1, terminated(Reason::Timeout, None)).sip_status(), 200);
    assert_eq!(bench.subscriber.len(), 1);
    bench.accept(&b, 3600);
    let end = bench.subscribe();
    assert_eq!((end.id, end.expires), (b.id, 0));
    bench.accept(&end, 0);
    assert!(bench.subscriber.is_empty());
    assert_eq!(bench.subscriber.poll_timeout(), None);
    // Nobody answers the last SUBSCRIBE: forgotten after a while.
    bench.subscriber.set_endpoints(bench.now, [two[0].clone()]);
    let a = bench.next();
    bench.accept(&a, 3600);
    bench.subscriber.set_server(bench.now, None);
    bench.subscribe();
    bench.wait();
    assert!(bench.subscriber.is_empty());
}

#[test]
fn an_unsolicited_server_is_not_subscribed_at_and_a_change_moves_all() {
    let mut bench = Bench::one(MwiServer { unsolicited: true, ..by_address() });
    assert!(bench.subscriber.is_empty() && bench.subscriber.poll_timeout().is_none());
    bench.subscriber.set_server(bench.now, Some(by_address()));
    let first = bench.next();
    bench.accept(&first, 3600);
    let other = MwiServer { host: ServerHost::Ipv4([192, 0, 2, 77].into()), port: 7012, ..by_address() };
    bench.subscriber.set_server(bench.now, Some(other));
    let end = bench.subscribe();
    assert_eq!((end.expires, end.address), (0, Ipv4Addr::from([192, 0, 2, 10])));
    let new = bench.next();
    assert_eq!((new.expires, new.address, new.port), (3600, Ipv4Addr::from([192, 0, 2, 77]), 7012));
    assert_ne!(new.call_id, first.call_id);
    bench.accept(&end, 0);
    assert_eq!(bench.subscriber.len(), 1);
}

#[test]
fn no_more_subscriptions_than_the_maximum_and_room_is_filled() {
    let endpoints: Vec<Endpoint> = (0..5).map(|n| endpoint("2/0", n, &n.to_string())).collect();
    let mut now = Instant::now();
    let mut subscriber = Subscriber::new(Settings { maximum: 2, ..Settings::default() }, 1);
    subscriber.set_server(now, Some(by_address()));
    subscriber.set_endpoints(now, endpoints.clone());
    assert_eq!(subscriber.len(), 2);
    now += SECOND;
    subscriber.handle_timeout(now);
    subscriber.set_endpoints(now, endpoints.into_iter().skip(1));
    now += SECOND * 41;
    subscriber.handle_timeout(now);
    assert_eq!(subscriber.iter().map(|(endpoint, _)| endpoint.peer).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_thousand_subscriptions_start_over_twenty_seconds_and_refresh_over_minutes() {
    let endpoints: Vec<Endpoint> = (0..1000).map(|n| endpoint("2/0", n, &n.to_string())).collect();
    let mut bench = Bench::new(by_address(), &endpoints);
    let start = bench.now;
    let mut times = Vec::new();
    while times.len() < 2000 {
        bench.wait();
        while let Some(Output::Subscribe(subscribe)) = bench.subscriber.poll_output() {
            times.push((bench.now - start).as_secs());
            bench.accept(&subscribe, 3600);
        }
    }
    let most = |range: std::ops::Range<usize>| {
        let mut counts = std::collections::HashMap::new();
        times[range].iter().for_each(|second| *counts.entry(*second).or_insert(0) += 1);
        counts.into_values().max().unwrap()
    };
    assert!(most(0..1000) <= 100, "{}", most(0..1000));
    assert!(most(1000..2000) <= 25, "{}", most(1000..2000));
}

#[derive(Clone, Debug)]
enum Step {
    Wait,
    Respond(u8, u16, u32),
    Fail(u8),
    Notify(u8, u32, bool),
    Endpoints(u8),
    Server(bool),
    Resolved(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let status = prop::sample::select(vec![200, 202, 200, 401, 407, 404, 423, 481, 489, 500, 503, 603]);
    prop_oneof![
        4 => Just(Step::Wait),
        5 => (any::<u8>(), status, 0_u32..4000).prop_map(|(which, status, n)| Step::Respond(which, status, n)),
        1 => any::<u8>().prop_map(Step::Fail),
        2 => (any::<u8>(), 0_u32..6, any::<bool>()).prop_map(|(which, cseq, end)| Step::Notify(which, cseq, end)),
        1 => (0_u8..16).prop_map(Step::Endpoints),
        1 => any::<bool>().prop_map(Step::Server),
        1 => (0_u8..3).prop_map(Step::Resolved),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// After any events every endpoint is subscribed again once the server behaves, and nothing is left once the
    /// endpoints have gone; Call-ID and CSeq are never used twice.
    #[test]
    fn subscriptions_come_back_and_go_away(steps in prop::collection::vec(step(), 0..80)) {
        let mut bench = Bench::new(by_name(), &[]);
        let mut under_way: Vec<Subscribe> = Vec::new();
        let mut used = std::collections::HashSet::new();
        let wanted = |mask: u8| (0..4).filter(move |n| mask & (1 << n) != 0).map(|n| endpoint("2/0", n, &n.to_string()));
        let mut drain = |bench: &mut Bench, under_way: &mut Vec<Subscribe>| {
            while let Some(output) = bench.subscriber.poll_output() {
                if let Output::Subscribe(subscribe) = output {
                    assert!(used.insert((subscribe.call_id.clone(), subscribe.cseq)));
                    under_way.push(subscribe);
                }
            }
            assert!(under_way.len() < 10_000);
        };
        for step in steps {
            let pick = |which: u8| usize::from(which).checked_rem(under_way.len());
            match step {
                Step::Wait => {
                    if bench.subscriber.poll_timeout().is_some() {
                        bench.wait();
                    }
                }
                Step::Respond(which, status, n) => {
                    if let Some(at) = pick(which) {
                        let to = under_way.remove(at);
                        let base = if status == 401 || status == 407 { challenge(n % 2 == 0) } else { accepted(n) };
                        bench.respond(&to, Response { status, min_expires: Some(n), ..base });
                    }
                }
                Step::Fail(which) => {
                    if let Some(at) = pick(which) {
                        let to = under_way.remove(at);
                        bench.subscriber.handle_failure(bench.now, to.id, to.cseq, Failure::Timeout);
                    }
                }
                Step::Notify(which, cseq, end) => {
                    if let Some(at) = pick(which) {
                        let of = under_way[at].clone();
                        bench.notify(&of, cseq, if end { terminated(Reason::Timeout, None) } else { ALIVE });
                    }
                }
                Step::Endpoints(mask) => bench.subscriber.set_endpoints(bench.now, wanted(mask)),
                Step::Server(on) => bench.subscriber.set_server(bench.now, on.then(by_name)),
                Step::Resolved(n) => {
                    let addresses: Vec<Ipv4Addr> = (0..n).map(|n| [192, 0, 2, n].into()).collect();
                    bench.subscriber.handle_resolved(bench.now, "vm.example.com", &addresses);
                }
            }
            drain(&mut bench, &mut under_way);
        }
        bench.subscriber.set_server(bench.now, Some(by_name()));
        bench.subscriber.set_endpoints(bench.now, wanted(15));
        let good = |bench: &mut Bench, under_way: &mut Vec<Subscribe>| {
            bench.subscriber.handle_resolved(bench.now, "vm.example.com", &[[192, 0, 2, 1].into()]);
            for subscribe in under_way.drain(..) {
                bench.accept(&subscribe, subscribe.expires);
            }
        };
        let settled = |bench: &Bench| {
            let all: Vec<Status> = bench.subscriber.iter().map(|(_, status)| status).collect();
            all.len() == 4 && all.iter().all(|status| matches!(status, Status::Active { .. }))
        };
        for _ in 0..200 {
            drain(&mut bench, &mut under_way);
            good(&mut bench, &mut under_way);
            if settled(&bench) {
                break;
            }
            if bench.subscriber.poll_timeout().is_some() {
                bench.wait();
            }
        }
        prop_assert!(settled(&bench), "{:?}", bench.subscriber);
        bench.subscriber.set_endpoints(bench.now, []);
        drain(&mut bench, &mut under_way);
        good(&mut bench, &mut under_way);
        prop_assert!(bench.subscriber.is_empty());
    }
}

#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use super::*;
use crate::message::{RequestDefaults, ResponseContext, encode_request, encode_response};
use crate::subscriber::{Output as Wish, Subscriber, SubscriberConfig, SubscriberState};

const KIND: &str = "application/simple-message-summary";

fn parse(text: &str) -> Message {
    Message::parse(Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

/// The request as it arrives.
fn on_wire(request: &RequestBuilder) -> Message {
    let defaults = RequestDefaults {
        via: "SIP/2.0/UDP h;branch=z9hG4bK1",
        from: "",
        call_id: "",
        user_agent: None,
        max_forwards: 70,
    };
    Message::parse(encode_request(request, &defaults)).unwrap()
}

/// The response as it arrives.
fn answer(request: &Message, reply: &Reply) -> Message {
    let context = ResponseContext {
        request,
        source: "192.0.2.9:5060".parse().unwrap(),
        to_tag: reply.tag().unwrap_or("other"),
        server: None,
        delay: Duration::ZERO,
    };
    Message::parse(encode_response(&context, reply)).unwrap()
}

fn config() -> NotifierConfig {
    NotifierConfig { maximum: 3, ..NotifierConfig::new("message-summary", KIND, "<sip:gw@192.0.2.1>") }
}

struct Bench {
    notifier: Notifier,
    start: Instant,
    now: Instant,
    cseq: u32,
}

impl Bench {
    fn new() -> Bench {
        let now = Instant::now();
        Bench { notifier: Notifier::new(config(), [7; 32]), start: now, now, cseq: 0 }
    }

    /// A SUBSCRIBE of telephone `call` for the mailbox 8000, the state of which is "old".
    fn subscribe(&mut self, call: &str, tag: &str, more: &str) -> Message {
        self.ask(call, tag, more, Permission::Granted)
    }

    fn ask(&mut self, call: &str, tag: &str, more: &str, permission: Permission) -> Message {
        self.cseq += 1;
        let event = if more.contains("Event:") { "" } else { "Event: message-summary\r\n" };
        let tag = if tag.is_empty() { String::new() } else { format!(";tag={tag}") };
        let request = parse(&format!(
            "SUBSCRIBE sip:8000@gw SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:8000@gw>;tag=1\r\n\
             To: <sip:8000@gw>{tag}\r\nCall-ID: {call}\r\nCSeq: {} SUBSCRIBE\r\nRecord-Route: <sip:proxy;lr>\r\n\
             Contact: <sip:{}@192.0.2.9>\r\n{event}{more}\r\n",
            self.cseq, self.cseq,
        ));
        let reply = self.notifier.handle_subscribe(
            self.now,
            &request,
            "8000",
            permission,
            tag.is_empty().then(|| News::new(KIND, "old")),
        );
        answer(&request, &reply)
    }

    /// Every NOTIFY that is wanted now.
    fn notifys(&mut self) -> Vec<(SubscriptionId, Message)> {
        std::iter::from_fn(|| self.notifier.poll_output())
            .filter_map(|output| match output {
                Output::Send(id, request) => Some((id, on_wire(&request))),
                _ => None,
            })
            .collect()
    }

    /// The only NOTIFY that is wanted now: whose, itself, its Subscription-State and its body.
    fn notify(&mut self) -> (SubscriptionId, Message, String, String) {
        let mut all = self.notifys();
        assert_eq!(all.len(), 1);
        let (id, notify) = all.pop().unwrap();
        let state = notify.header("Subscription-State").unwrap().to_str().into_owned();
        let body = String::from_utf8(notify.body().to_vec()).unwrap();
        (id, notify, state, body)
    }

    fn respond(&mut self, id: SubscriptionId, notify: &Message, reply: &Reply) {
        self.notifier.handle_response(self.now, id, &answer(notify, reply));
    }

    /// Lets time pass; when the first NOTIFY is wanted, in s from the start, and that.
    fn wait(&mut self, seconds: u64) -> Option<f64> {
        let until = self.now + Duration::from_secs(seconds);
        while let Some(at) = self.notifier.poll_timeout().filter(|at| *at <= until) {
            self.now = at;
            self.notifier.handle_timeout(at);
            if self.notifier.out.iter().any(|output| matches!(output, Output::Send(..))) {
                return Some((self.now - self.start).as_secs_f64());
            }
        }
        self.now = until;
        None
    }

    /// Subscribed for ten minutes and told so.
    fn active() -> (Bench, SubscriptionId, String) {
        let mut bench = Bench::new();
        let ok = bench.subscribe("a", "", "Expires: 600\r\n");
        let tag = ok.to().unwrap().tag().unwrap().to_owned();
        let (id, notify, ..) = bench.notify();
        bench.respond(id, &notify, &Reply::new(200));
        (bench, id, tag)
    }

    fn assert_nothing_left(&self) {
        let Notifier { all, by_tag, by_resource, timers, .. } = &self.notifier;
        assert_eq!((all.len(), by_tag.len(), by_resource.len(), timers.len()), (0, 0, 0, 0));
    }
}

#[test]
fn each_subscribe_gets_the_response_rfc_6665_owes_it() {
    for (rule, more, status, header, value) in [
        ("4.2.1.1: as long as asked for", "Expires: 600\r\n", 200, "Expires", "600"),
        ("4.2.1.1: the package's default", "", 200, "Expires", "3600"),
        ("4.2.1.1: shortened, never lengthened", "Expires: 4000000\r\n", 200, "Expires", "86400"),
        ("4.2.1.1: too brief", "Expires: 59\r\n", 423, "Min-Expires", "60"),
        ("4.4.3: a fetch is never too brief", "Expires: 0\r\n", 200, "Expires", "0"),
        ("4.2.1.1: another package", "Event: presence\r\n", 489, "Allow-Events", "message-summary"),
        ("3.1.3: Accept without the package's type", "Accept: text/plain\r\n", 406, "Accept", KIND),
        ("3.1.3: Accept by range", "Accept: text/plain, application/*;q=0.5\r\n", 200, "Expires", "3600"),
    ] {
        let mut bench = Bench::new();
        let response = bench.subscribe("a", "", more);
        assert_eq!(response.status().unwrap().as_u16(), status, "{rule}");
        assert_eq!(response.header(header).unwrap().to_str(), value, "{rule}");
        assert_eq!(bench.notifys().len(), usize::from(status == 200), "{rule}");
        assert_eq!(bench.notifier.len(), usize::from(status == 200), "{rule}");
    }
    let (mut bench, _, tag) = Bench::active();
    for (rule, call, tag, more) in [
        ("4.2.1.2: no such tag", "a", "nobodys", ""),
        ("4.2.1.2: no such Call-ID", "b", tag.as_str(), ""),
        ("8.2.1: Event with another id", "a", tag.as_str(), "Event: message-summary;id=2\r\n"),
    ] {
        assert_eq!(bench.subscribe(call, tag, more).status().unwrap().as_u16(), 481, "{rule}");
    }
    bench.cseq = 0;
    let late = bench.subscribe("a", &tag, "");
    assert_eq!(late.status().unwrap().as_u16(), 500, "RFC 3261 12.2.2: CSeq has to grow");
    assert!(bench.notifys().is_empty());
}

#[test]
fn one_too_many_is_told_when_to_come_back() {
    let mut bench = Bench::new();
    for call in ["a", "b", "c"] {
        assert_eq!(bench.subscribe(call, "", "").status().unwrap().as_u16(), 200);
    }
    let full = bench.subscribe("d", "", "");
    assert_eq!(full.status().unwrap().as_u16(), 503);
    assert_eq!(full.header("Retry-After").unwrap().to_str(), "60");
    assert_eq!((bench.notifier.len(), bench.notifys().len()), (3, 3));
}

#[test]
fn a_notify_follows_each_200_inside_the_dialog() {
    let mut bench = Bench::new();
    let ok = bench.subscribe("a", "", "Event: message-summary;id=7\r\nExpires: 600\r\n");
    let tag = ok.to().unwrap().tag().unwrap().to_owned();
    let (id, notify, state, body) = bench.notify();
    assert_eq!((state.as_str(), body.as_str()), ("active;expires=600", "old"));
    assert_eq!(notify.header("Event").unwrap().to_str(), "message-summary;id=7");
    assert_eq!(notify.header("Route").unwrap().to_str(), "<sip:proxy;lr>");
    assert_eq!(notify.request_uri(), Some("sip:1@192.0.2.9"));
    assert_eq!(notify.from().unwrap().tag(), Some(tag.as_str()));
    bench.respond(id, &notify, &Reply::new(200));
    bench.wait(100);
    // RFC 6665 4.2.1.2: a refresh is answered and told the full state again, at its new Contact.
    bench.subscribe("a", &tag, "Event: message-summary;id=7\r\nExpires: 300\r\n");
    let (_, notify, state, body) = bench.notify();
    assert_eq!((state.as_str(), body.as_str()), ("active;expires=300", "old"));
    assert_eq!((notify.request_uri(), notify.cseq().unwrap().number), (Some("sip:2@192.0.2.9"), 2));
}

#[test]
fn no_notify_overtakes_and_the_newest_state_follows() {
    let (mut bench, id, _) = Bench::active();
    bench.wait(5);
    assert_eq!(bench.notifier.notify(bench.now, "8001", KIND, "others"), 0);
    assert_eq!(bench.notifier.notify(bench.now, "8000", KIND, "1"), 1);
    let (_, first, _, body) = bench.notify();
    assert_eq!(body, "1");
    for body in ["2", "3", "4"] {
        bench.wait(2);
        bench.notifier.notify(bench.now, "8000", KIND, body);
        assert!(bench.notifys().is_empty(), "one is under way");
    }
    bench.respond(id, &first, &Reply::new(200));
    let (_, second, state, body) = bench.notify();
    assert_eq!((state.as_str(), body.as_str()), ("active;expires=589", "4"));
    // RFC 6665 4.2.2: no faster than the package's rate.
    bench.respond(id, &second, &Reply::new(200));
    bench.notifier.notify(bench.now, "8000", KIND, "5");
    assert!(bench.notifys().is_empty());
    assert_eq!(bench.wait(10), Some(12.0));
    assert_eq!(bench.notify().3, "5");
}

#[test]
fn the_answer_to_a_notify_decides_what_becomes_of_the_subscription() {
    for (rule, reply, lives) in [
        ("4.2.2: 200 goes on", Reply::new(200), true),
        ("4.2.2: 481 ends it", Reply::new(481), false),
        ("4.2.2: 481 ends it whatever it says", Reply::new(481).retry_after(5), false),
        ("RFC 5057 5.1: 408", Reply::new(408), false),
        ("RFC 5057 5.1: 489", Reply::new(489), false),
        ("4.2.2: failed without Retry-After", Reply::new(500), false),
        ("4.2.2: Retry-After", Reply::new(503).retry_after(30), true),
    ] {
        let (mut bench, id, _) = Bench::active();
        bench.wait(5);
        bench.notifier.notify(bench.now, "8000", KIND, "new");
        let notify = bench.notify().1;
        bench.respond(
            id,
            &parse(&String::from_utf8_lossy(notify.as_bytes()).replace("CSeq: 2", "CSeq: 9")),
            &reply,
        );
        assert_eq!(bench.notifier.len(), 1, "another NOTIFY's answer");
        bench.respond(id, &notify, &reply);
        assert_eq!(!bench.notifier.is_empty(), lives, "{rule}");
        if reply.status().as_u16() == 503 {
            assert_eq!(bench.wait(100), Some(35.0), "{rule}");
            assert_eq!(bench.notify().3, "new");
        }
        if !lives {
            bench.assert_nothing_left();
        }
    }
    let (mut bench, id, _) = Bench::active();
    bench.notifier.handle_failure(bench.now, id);
    assert_eq!(bench.notifier.len(), 1, "nothing was under way");
    bench.wait(5);
    bench.notifier.notify(bench.now, "8000", KIND, "new");
    bench.notifier.handle_failure(bench.now, id);
    bench.assert_nothing_left();
}

#[test]
fn each_end_is_told_with_its_reason() {
    for (reason, state, body) in [
        (None, "terminated;reason=timeout", "old"),
        (Some(Reason::Deactivated), "terminated;reason=deactivated", "old"),
        (Some(Reason::NoResource), "terminated;reason=noresource", ""),
        (Some(Reason::Rejected), "terminated;reason=rejected", ""),
        (Some(Reason::GiveUp(Some(90))), "terminated;reason=giveup;retry-after=90", "old"),
        (Some(Reason::Probation(None)), "terminated;reason=probation", "old"),
    ] {
        let (mut bench, _, tag) = Bench::active();
        match reason {
            Some(reason) => bench.notifier.terminate(bench.now, "8000", reason),
            None => assert_eq!(bench.wait(1000), Some(600.0), "RFC 6665 4.2.2: unless it is refreshed"),
        }
        let (id, notify, got, told) = bench.notify();
        assert_eq!((got.as_str(), told.as_str()), (state, body));
        assert_eq!(bench.subscribe("a", &tag, "").status().unwrap().as_u16(), 481);
        assert_eq!(bench.notifier.notify(bench.now, "8000", KIND, "after the end"), 0);
        bench.respond(id, &notify, &Reply::new(503).retry_after(5));
        bench.assert_nothing_left();
    }
    // RFC 6665 4.2.1.4 and 4.4.3: unsubscribing and fetching.
    let (mut bench, _, tag) = Bench::active();
    bench.subscribe("a", &tag, "Expires: 0\r\n");
    assert_eq!(bench.notify().2, "terminated;reason=timeout");
    bench.subscribe("b", "", "Expires: 0\r\n");
    let (_, _, state, body) = bench.notify();
    assert_eq!((state.as_str(), body.as_str()), ("terminated;reason=timeout", "old"));
}

#[test]
fn who_is_pending_learns_nothing_until_permitted() {
    let mut bench = Bench::new();
    let ok = bench.ask("a", "", "Expires: 600\r\n", Permission::Undecided);
    let tag = ok.to().unwrap().tag().unwrap().to_owned();
    let (id, notify, state, body) = bench.notify();
    assert_eq!((state.as_str(), body.as_str()), ("pending;expires=600", ""));
    bench.respond(id, &notify, &Reply::new(200));
    assert_eq!(bench.notifier.notify(bench.now, "8000", KIND, "secret"), 0);
    bench.notifier.permit(bench.now, id, None);
    let (_, notify, state, body) = bench.notify();
    assert_eq!((state.as_str(), body.as_str()), ("active;expires=600", "secret"));
    bench.respond(id, &notify, &Reply::new(200));
    bench.ask("a", &tag, "Expires: 600\r\n", Permission::Undecided);
    assert_eq!(bench.notify().2, "active;expires=600");
    // Who was never permitted learns nothing at the end either.
    bench.ask("b", "", "Expires: 0\r\n", Permission::Undecided);
    assert_eq!(bench.notify().3, "");
}

#[test]
fn our_own_subscriber_and_the_notifier_understand_each_other() {
    let mut bench = Bench::new();
    let config = SubscriberConfig {
        require_notify: true,
        expires: 30,
        accept: vec![KIND.into()],
        ..SubscriberConfig::new("sip:8000@gw", "<sip:8000@gw>", "<sip:8000@192.0.2.9>", "message-summary")
    };
    let mut subscriber = Subscriber::new(config, [5; 32]);
    subscriber.start(bench.now);
    let (mut heard, mut statuses) = (Vec::new(), Vec::new());
    let until = bench.now + Duration::from_secs(200);
    let mut changed = false;
    loop {
        let mut quiet = true;
        while let Some(wish) = subscriber.poll_output() {
            match wish {
                Wish::Send(request) => {
                    quiet = false;
                    let request = on_wire(&request);
                    let news = Some(News::new(KIND, "old")).filter(|_| !changed);
                    let reply = bench.notifier.handle_subscribe(
                        bench.now,
                        &request,
                        "8000",
                        Permission::Granted,
                        news,
                    );
                    statuses.push(reply.status().as_u16());
                    subscriber.handle_response(bench.now, &answer(&request, &reply));
                }
                Wish::Notified(notify) => heard.push(String::from_utf8(notify.body().to_vec()).unwrap()),
                _ => {}
            }
        }
        for (id, notify) in bench.notifys() {
            quiet = false;
            let reply = subscriber.handle_notify(bench.now, &notify);
            assert_eq!(reply.status().as_u16(), 200);
            bench.respond(id, &notify, &reply);
        }
        if !quiet {
            continue;
        }
        let next = [subscriber.poll_timeout(), bench.notifier.poll_timeout()].into_iter().flatten().min();
        match next.filter(|at| *at <= until) {
            Some(at) => {
                bench.now = at;
                subscriber.handle_timeout(at);
                bench.notifier.handle_timeout(at);
            }
            None if subscriber.state() == SubscriberState::Active => {
                changed = true;
                bench.now = until;
                bench.notifier.notify(bench.now, "8000", KIND, "new");
                subscriber.stop(bench.now);
            }
            None => break,
        }
    }
    // 423 to 30 s, then 60 s refreshed each 30 s (at 30, 60 … 180 s), and the end.
    assert_eq!(statuses, [423, 200, 200, 200, 200, 200, 200, 200, 200]);
    assert_eq!(heard.len(), 9, "{heard:?}");
    assert_eq!((heard.first().unwrap().as_str(), heard.last().unwrap().as_str()), ("old", "new"));
    assert_eq!(subscriber.state(), SubscriberState::Idle);
    bench.assert_nothing_left();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever happens in whatever order: one NOTIFY at a time, CSeq grows, and nothing is left at the end.
    #[test]
    fn nothing_is_left_after_random_events(events in proptest::collection::vec((0u8..10, 0usize..4, 0u64..90), 0..80)) {
        let mut bench = Bench::new();
        let mut tags: HashMap<usize, String> = HashMap::new();
        let mut flying: HashMap<SubscriptionId, Message> = HashMap::new();
        let mut highest: HashMap<SubscriptionId, u32> = HashMap::new();
        let (mut made, mut ended) = (0, 0);
        let end = (11, 0, 100_000);
        for (what, who, seconds) in events.into_iter().chain([end; 4]) {
            let call = format!("c{who}");
            let tag = tags.get(&who).cloned().unwrap_or_default();
            let name = flying.keys().copied().min();
            match what {
                0 | 1 => {
                    let permission = if what == 0 { Permission::Granted } else { Permission::Undecided };
                    let ok = bench.ask(&call, &tag, &format!("Expires: {}\r\n", seconds * 2), permission);
                    match ok.status().unwrap().as_u16() {
                        200 => tags.insert(who, ok.to().unwrap().tag().unwrap().to_owned()),
                        481 => tags.remove(&who),
                        _ => None,
                    };
                }
                2 | 3 => drop(bench.notifier.notify(bench.now, "8000", KIND, "x")),
                4 => bench.notifier.terminate(bench.now, "8000", Reason::Deactivated),
                5..=7 => if let Some((id, notify)) = name.and_then(|id| flying.remove_entry(&id)) {
                    let reply = match what { 5 => Reply::new(500), 6 => Reply::new(503).retry_after(9), _ => Reply::new(200) };
                    bench.respond(id, &notify, &reply);
                },
                8 => if let Some(id) = highest.keys().copied().min() {
                    bench.notifier.permit(bench.now, id, None);
                },
                _ => {
                    bench.now += Duration::from_secs(seconds);
                    bench.notifier.handle_timeout(bench.now);
                }
            }
            while let Some(output) = bench.notifier.poll_output() {
                match output {
                    Output::Send(id, request) => {
                        let notify = on_wire(&request);
                        let number = notify.cseq().unwrap().number;
                        prop_assert!(highest.insert(id, number).is_none_or(|before| number == before + 1));
                        prop_assert!(flying.insert(id, notify).is_none(), "one at a time");
                    }
                    Output::DialogMade(..) => made += 1,
                    Output::DialogEnded(..) => ended += 1,
                    _ => {}
                }
            }
            prop_assert!(bench.notifier.len() <= 3);
            prop_assert!(bench.notifier.poll_timeout().is_none_or(|at| at > bench.now));
            if what == end.0 {
                for (id, notify) in flying.drain().collect::<Vec<_>>() {
                    bench.respond(id, &notify, &Reply::new(200));
                }
            }
        }
        while let Some(output) = bench.notifier.poll_output() {
            ended += usize::from(matches!(output, Output::DialogEnded(..)));
        }
        prop_assert_eq!(made, ended);
        bench.assert_nothing_left();
    }
}

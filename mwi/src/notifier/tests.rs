#![allow(clippy::unwrap_used, clippy::panic)]
use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const OK: Outcome = Outcome::Status(200);

fn subscribe(number: &str, call_id: &str, cseq: u32, expires: Option<u32>) -> Subscribe {
    Subscribe {
        number: number.into(),
        call_id: call_id.into(),
        from_tag: "phone".into(),
        to_tag: None,
        cseq,
        expires,
        target: "sip:phone@192.0.2.5".into(),
        routes: vec!["<sip:proxy;lr>".into()],
        flow: 1,
    }
}

fn notifier() -> Notifier {
    Notifier::new(Settings::default(), 5)
}

fn on(waiting: bool) -> Summary {
    Summary::new(waiting)
}

#[test]
fn a_subscriber_gets_the_state_at_once_and_whenever_it_changes() {
    let now = Instant::now();
    let mut notifier = notifier();
    let answer = notifier.handle_subscribe(now, subscribe("8000", "a", 1, None), &on(false));
    assert_eq!((answer.status, answer.expires), (200, Some(3600)));
    let first = notifier.poll_output(now).unwrap();
    assert_eq!((first.cseq, first.state.as_str()), (1, "active;expires=3600"));
    assert_eq!(
        (first.body.as_str(), Some(&first.local_tag)),
        ("Messages-Waiting: no\r\n", answer.to_tag.as_ref())
    );
    assert_eq!((first.remote_tag.as_str(), first.routes.len()), ("phone", 1));
    // One at a time; what changed meanwhile goes out as one.
    notifier.set_state("8000", &on(true));
    notifier.set_state("8000", &on(false));
    notifier.set_state("8000", &on(true));
    notifier.set_state("8001", &on(true));
    assert_eq!(notifier.poll_output(now), None);
    notifier.handle_outcome(first.id, 1, OK);
    let second = notifier.poll_output(now + SECOND * 600).unwrap();
    assert_eq!((second.cseq, second.body.as_str()), (2, "Messages-Waiting: yes\r\n"));
    assert_eq!(second.state, "active;expires=3000");
    notifier.handle_outcome(second.id, 1, OK);
    notifier.set_state("8000", &on(false));
    assert_eq!(notifier.poll_output(now), None, "the outcome of an earlier NOTIFY does not count");
    notifier.handle_outcome(second.id, 2, OK);
    assert_eq!(notifier.poll_output(now).map(|notify| notify.cseq), Some(3));
}

#[test]
fn a_refresh_keeps_the_dialog_and_moves_the_target() {
    let now = Instant::now();
    let mut notifier = notifier();
    let tag = notifier.handle_subscribe(now, subscribe("8000", "a", 5, Some(120)), &on(true)).to_tag;
    let first = notifier.poll_output(now).unwrap();
    notifier.handle_outcome(first.id, first.cseq, OK);
    let refresh = |cseq, call_id| Subscribe {
        to_tag: tag.clone(),
        target: "sip:phone@192.0.2.6".into(),
        flow: 2,
        ..subscribe("8000", call_id, cseq, Some(120))
    };
    let later = now + SECOND * 100;
    assert_eq!(notifier.handle_subscribe(later, refresh(5, "a"), &on(true)).status, 500);
    assert_eq!(notifier.handle_subscribe(later, refresh(6, "b"), &on(true)).status, 481);
    let strange = Subscribe { to_tag: Some("x".into()), ..refresh(6, "a") };
    assert_eq!(notifier.handle_subscribe(later, strange, &on(true)).status, 481);
    assert_eq!(notifier.handle_subscribe(later, refresh(6, "a"), &on(true)).status, 200);
    let second = notifier.poll_output(later).unwrap();
    assert_eq!((second.target.as_str(), second.flow, second.id), ("sip:phone@192.0.2.6", 2, first.id));
    assert_eq!(notifier.poll_timeout(), Some(later + SECOND * 120));
    assert_eq!(notifier.len(), 1);
}

#[test]
fn expiry_and_unsubscribing_end_with_a_last_notify() {
    let now = Instant::now();
    let mut notifier = notifier();
    let tag = notifier.handle_subscribe(now, subscribe("8000", "a", 1, Some(120)), &on(true)).to_tag;
    notifier.handle_subscribe(now, subscribe("8000", "b", 1, Some(600)), &on(true));
    for _ in 0..2 {
        let notify = notifier.poll_output(now).unwrap();
        notifier.handle_outcome(notify.id, notify.cseq, OK);
    }
    assert_eq!(notifier.subscribers("8000"), 2);
    notifier.handle_timeout(now + SECOND * 119);
    assert_eq!(notifier.poll_output(now), None);
    notifier.handle_timeout(now + SECOND * 120);
    let last = notifier.poll_output(now).unwrap();
    assert_eq!((last.call_id.as_str(), last.state.as_str()), ("a", "terminated;reason=timeout"));
    assert_eq!(last.body, "Messages-Waiting: yes\r\n");
    let late = Subscribe { to_tag: tag, ..subscribe("8000", "a", 2, Some(120)) };
    assert_eq!(notifier.handle_subscribe(now, late, &on(true)).status, 481);
    // Nothing follows it.
    notifier.set_state("8000", &on(false));
    notifier.handle_outcome(last.id, last.cseq, OK);
    let of_b = notifier.poll_output(now).unwrap();
    assert_eq!(of_b.call_id, "b");
    assert_eq!(notifier.poll_output(now), None);
    notifier.handle_outcome(of_b.id, of_b.cseq, OK);
    let end = Subscribe { to_tag: Some(of_b.local_tag), ..subscribe("8000", "b", 2, Some(0)) };
    assert_eq!(notifier.handle_subscribe(now, end, &on(false)).expires, Some(0));
    let last = notifier.poll_output(now).unwrap();
    assert_eq!(last.state, "terminated;reason=timeout");
    notifier.handle_outcome(last.id, last.cseq, OK);
    assert!(notifier.is_empty() && notifier.poll_timeout().is_none() && notifier.subscribers("8000") == 0);
    // Asking once.
    notifier.handle_subscribe(now, subscribe("8000", "c", 1, Some(0)), &on(true));
    let once = notifier.poll_output(now).unwrap();
    assert_eq!(
        (once.state.as_str(), once.body.as_str()),
        ("terminated;reason=timeout", "Messages-Waiting: yes\r\n")
    );
    notifier.handle_outcome(once.id, once.cseq, Outcome::Failed);
    assert!(notifier.is_empty());
}

#[test]
fn a_subscriber_that_has_gone_is_forgotten_and_a_busy_one_is_kept() {
    for (outcome, kept) in [
        (OK, true),
        (Outcome::Status(500), true),
        (Outcome::Status(503), true),
        (Outcome::Status(401), true),
        (Outcome::Status(481), false),
        (Outcome::Status(404), false),
        (Outcome::Status(408), false),
        (Outcome::Failed, false),
    ] {
        let now = Instant::now();
        let mut notifier = notifier();
        notifier.handle_subscribe(now, subscribe("8000", "a", 1, None), &on(true));
        let notify = notifier.poll_output(now).unwrap();
        notifier.handle_outcome(notify.id, notify.cseq, outcome);
        assert_eq!(!notifier.is_empty(), kept, "{outcome:?}");
        assert_eq!(notifier.poll_timeout().is_some(), kept);
    }
}

#[test]
fn what_is_too_brief_too_much_or_too_long_is_refused() {
    let now = Instant::now();
    let mut notifier = Notifier::new(Settings { maximum: 2, ..Settings::default() }, 1);
    let brief = notifier.handle_subscribe(now, subscribe("8000", "a", 1, Some(59)), &on(true));
    assert_eq!((brief.status, brief.min_expires), (423, Some(60)));
    let long = notifier.handle_subscribe(now, subscribe("8000", "a", 1, Some(u32::MAX)), &on(true));
    assert_eq!((long.status, long.expires), (200, Some(86_400)));
    notifier.handle_subscribe(now, subscribe("8000", "b", 1, None), &on(true));
    let third = notifier.handle_subscribe(now, subscribe("8000", "c", 1, None), &on(true));
    assert_eq!((third.status, third.retry_after), (503, Some(60)));
    let mut notifier = Notifier::new(Settings::default(), 1);
    for change in [
        (|s: &mut Subscribe| s.call_id = "x".repeat(1025)) as fn(&mut Subscribe),
        |s| s.from_tag.clear(),
        |s| s.target.clear(),
        |s| s.number = "1".repeat(70_000),
        |s| s.routes = vec!["<sip:p>".into(); 17],
        |s| s.routes = vec!["x".repeat(1025)],
    ] {
        let mut bad = subscribe("8000", "a", 1, None);
        change(&mut bad);
        assert_eq!(notifier.handle_subscribe(now, bad, &on(true)).status, 400);
    }
    assert!(notifier.is_empty());
    // States that nobody takes away do not pile up.
    notifier.handle_subscribe(now, subscribe("8000", "a", 1, None), &on(true));
    notifier.handle_subscribe(now, subscribe("8000", "b", 1, None), &on(true));
    (0..10_000).for_each(|n| notifier.set_state("8000", &on(n % 2 == 0)));
    assert!(notifier.out.len() <= 20);
}

#[derive(Clone, Debug)]
enum Step {
    Subscribe(u8, u8, Option<u32>),
    Refresh(u8, u32),
    State(u8, bool),
    Take,
    Outcome(u8, bool),
    Wait(u16),
}

fn step() -> impl Strategy<Value = Step> {
    let expires = || prop::sample::select(vec![0_u32, 60, 100, 3600]);
    prop_oneof![
        2 => (0_u8..3, 0_u8..4, prop::option::of(expires())).prop_map(|(n, c, e)| Step::Subscribe(n, c, e)),
        2 => (any::<u8>(), expires()).prop_map(|(which, e)| Step::Refresh(which, e)),
        4 => (0_u8..3, any::<bool>()).prop_map(|(n, waiting)| Step::State(n, waiting)),
        4 => Just(Step::Take),
        3 => (any::<u8>(), prop::bool::weighted(0.9)).prop_map(|(which, ok)| Step::Outcome(which, ok)),
        1 => (0_u16..200).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// After any events: CSeq rises in each dialog, nothing follows the end of one, every subscriber that lives has
    /// the newest state once its NOTIFYs are answered, and nothing is left when all have expired.
    #[test]
    fn every_subscriber_ends_with_the_newest_state(steps in prop::collection::vec(step(), 0..120)) {
        let mut now = Instant::now();
        let mut notifier = notifier();
        let mut states = [false; 3];
        let mut told: HashMap<u64, (String, u32, bool)> = HashMap::new();
        let mut under_way: Vec<Notify> = Vec::new();
        let mut take = |notifier: &mut Notifier, now, under_way: &mut Vec<Notify>| {
            let Some(notify) = notifier.poll_output(now) else { return false };
            assert!(under_way.iter().all(|other| other.id != notify.id));
            let ended = notify.state.starts_with("terminated");
            if let Some((_, cseq, over)) = told.insert(notify.id, (notify.body.clone(), notify.cseq, ended)) {
                assert!(notify.cseq == cseq + 1 && !over);
            }
            under_way.push(notify);
            true
        };
        let mut cseq = 0;
        let mut dialogs: Vec<(String, Option<String>, u8)> = Vec::new();
        for step in steps {
            cseq += 1;
            match step {
                Step::Subscribe(n, call, expires) => {
                    let call_id = call.to_string();
                    let answer = notifier.handle_subscribe(now, subscribe(&n.to_string(), &call_id, cseq, expires), &on(states[usize::from(n)]));
                    prop_assert_eq!(answer.status, 200);
                    dialogs.push((call_id, answer.to_tag, n));
                }
                Step::Refresh(which, expires) => {
                    if let Some(at) = usize::from(which).checked_rem(dialogs.len()) {
                        let (call_id, to_tag, n) = dialogs[at].clone();
                        let refresh = Subscribe { to_tag, ..subscribe(&n.to_string(), &call_id, cseq, Some(expires)) };
                        let answer = notifier.handle_subscribe(now, refresh, &on(states[usize::from(n)]));
                        prop_assert!([200, 481].contains(&answer.status));
                    }
                }
                Step::State(n, waiting) => {
                    states[usize::from(n)] = waiting;
                    notifier.set_state(&n.to_string(), &on(waiting));
                }
                Step::Take => {
                    take(&mut notifier, now, &mut under_way);
                }
                Step::Outcome(which, ok) => {
                    if let Some(at) = usize::from(which).checked_rem(under_way.len()) {
                        let notify = under_way.remove(at);
                        notifier.handle_outcome(notify.id, notify.cseq, if ok { OK } else { Outcome::Failed });
                    }
                }
                Step::Wait(seconds) => {
                    now += SECOND * u32::from(seconds);
                    notifier.handle_timeout(now);
                }
            }
        }
        let mut settle = |notifier: &mut Notifier, now, under_way: &mut Vec<Notify>| loop {
            while take(notifier, now, under_way) {}
            if under_way.is_empty() {
                break;
            }
            under_way.drain(..).for_each(|notify| notifier.handle_outcome(notify.id, notify.cseq, OK));
        };
        settle(&mut notifier, now, &mut under_way);
        for subscription in notifier.all.values() {
            let n: usize = subscription.number.parse().unwrap();
            prop_assert_eq!(subscription.sent.as_ref().map(|s| s.waiting), Some(states[n]));
            prop_assert!(!subscription.ending);
        }
        now += SECOND * 4000;
        notifier.handle_timeout(now);
        settle(&mut notifier, now, &mut under_way);
        prop_assert!(notifier.is_empty() && notifier.by_tag.is_empty() && notifier.by_number.is_empty());
        prop_assert_eq!(notifier.poll_timeout(), None);
    }
}

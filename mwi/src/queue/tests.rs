#![allow(clippy::unwrap_used, clippy::panic)]
use proptest::prelude::*;

use super::*;
use crate::verdict::{Outcome, sip_status};

fn job(user: &str, on: bool) -> Job {
    Job::new(Activation { on, number: user.into(), service: 1, messages: None, urgent: false })
}

fn queue(settings: Settings) -> TrunkQueue {
    TrunkQueue::new(settings, 7)
}

fn user(job: Option<Job>) -> Option<(String, bool)> {
    job.map(|job| (job.activation.number, job.activation.on))
}

fn named(user: &str, on: bool) -> Option<(String, bool)> {
    Some((user.to_owned(), on))
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn the_newest_state_takes_the_place_of_the_older_one() {
    let now = Instant::now();
    let mut queue = queue(Settings::default());
    assert_eq!(queue.push(now, job("1", true)), Push::Startable);
    assert_eq!(queue.push(now, job("2", true)), Push::Queued);
    assert_eq!(queue.push(now, job("1", false)), Push::Replaced(job("1", true)));
    assert_eq!(user(queue.next(now)), named("1", false));
    assert_eq!(queue.next(now), None);
    // While it is under way a newer state follows it, and is itself replaced.
    assert_eq!(queue.push(now, job("1", true)), Push::Queued);
    assert_eq!(queue.push(now, job("1", false)), Push::Replaced(job("1", true)));
    let done = sip_status(&Outcome::Done);
    assert_eq!(queue.done(now, "1", 1, done), Finished::Final(job("1", false)));
    assert_eq!(user(queue.next(now)), named("2", true));
    queue.done(now, "2", 1, done);
    assert_eq!(user(queue.next(now)), named("1", false));
    queue.done(now, "1", 1, done);
    assert!(queue.is_empty());
    assert_eq!(queue.done(now, "1", 1, done), Finished::Unknown);
}

#[test]
fn services_of_one_user_are_apart() {
    let now = Instant::now();
    let mut queue = queue(Settings { in_flight: 2, ..Settings::default() });
    let mut fax = job("1", true);
    fax.activation.service = 37;
    queue.push(now, job("1", true));
    assert_eq!(queue.push(now, fax), Push::Queued);
    assert_eq!(queue.next(now).map(|job| job.activation.service), Some(1));
    assert_eq!(queue.next(now).map(|job| job.activation.service), Some(37));
    assert_eq!(queue.in_flight(), 2);
    queue.done(now, "1", 37, sip_status(&Outcome::Done));
    assert_eq!(queue.in_flight(), 1);
}

#[test]
fn a_failure_comes_back_after_a_growing_back_off_behind_the_others() {
    let mut now = Instant::now();
    let mut queue = queue(Settings::default());
    queue.push(now, job("1", true));
    queue.push(now, job("2", true));
    let later = sip_status(&Outcome::Cause(17));
    queue.next(now);
    assert_eq!(queue.job("1", 1).map(|(_, place)| place), Some(Place::InFlight));
    let Finished::Again(until) = queue.done(now, "1", 1, later) else { panic!() };
    assert_eq!(queue.job("1", 1).map(|(_, place)| place), Some(Place::BackOff(until)));
    assert_eq!(queue.job("2", 1).map(|(_, place)| place), Some(Place::Waiting));
    assert_eq!(queue.job("2", 37), None);
    assert!(until >= now + SECOND * 375 / 100 && until <= now + SECOND * 625 / 100);
    assert_eq!(user(queue.next(now)), named("2", true));
    queue.done(now, "2", 1, sip_status(&Outcome::Done));
    assert_eq!(queue.next(now), None);
    assert!(queue.poll_timeout().is_some_and(|at| at == until));
    let mut last = Duration::ZERO;
    for attempt in 1..12 {
        now = queue.poll_timeout().unwrap();
        assert_eq!(queue.next(now).map(|job| job.attempt), Some(attempt));
        let Finished::Again(until) = queue.done(now, "1", 1, later) else { panic!() };
        let wait = until - now;
        assert!(attempt > 5 || wait > last, "{attempt}");
        assert!(wait <= SECOND * 375);
        last = wait;
    }
}

#[test]
fn newer_state_goes_in_the_stead_of_a_failed_one_after_its_back_off() {
    let now = Instant::now();
    let mut queue = queue(Settings::default());
    queue.push(now, job("1", true));
    queue.next(now);
    queue.push(now, job("1", false));
    let finished = queue.done(now, "1", 1, sip_status(&Outcome::Cause(42)));
    assert!(matches!(finished, Finished::Overtaken(job) if job.activation.on));
    assert_eq!(queue.next(now), None);
    // Replaced once more during the back-off, which goes on.
    assert!(matches!(queue.push(now, job("1", true)), Push::Replaced(_)));
    assert_eq!(queue.next(now), None);
    let at = queue.poll_timeout().unwrap();
    assert_eq!(user(queue.next(at)), named("1", true));
}

#[test]
fn nothing_starts_while_the_trunk_is_down() {
    let now = Instant::now();
    let mut queue = queue(Settings::default());
    queue.push(now, job("1", true));
    queue.next(now);
    assert!(matches!(queue.done(now, "1", 1, sip_status(&Outcome::LinkDown)), Finished::Again(_)));
    queue.set_up(false);
    assert_eq!(queue.push(now, job("2", true)), Push::Queued);
    let hour = now + SECOND * 3600;
    assert_eq!((queue.next(hour), queue.poll_timeout(), queue.is_up()), (None, None, false));
    queue.set_up(true);
    let first = queue.next(hour).unwrap();
    assert_eq!(first.attempt, 0);
    queue.done(hour, &first.activation.number, 1, sip_status(&Outcome::Done));
    assert!(queue.next(hour).is_some());
}

#[test]
fn starts_are_paced() {
    let now = Instant::now();
    let mut queue = queue(Settings { in_flight: 10, pace: SECOND, ..Settings::default() });
    queue.push(now, job("1", true));
    queue.push(now, job("2", true));
    assert!(queue.next(now).is_some());
    assert_eq!(queue.next(now), None);
    assert_eq!(queue.poll_timeout(), Some(now + SECOND));
    assert!(queue.next(now + SECOND).is_some());
}

#[test]
fn the_queue_is_bounded_and_can_be_cleared() {
    let now = Instant::now();
    let mut queue = queue(Settings { limit: 2, ..Settings::default() });
    queue.push(now, job("1", true));
    queue.push(now, job("2", true));
    assert_eq!(queue.push(now, job("3", true)), Push::Full(job("3", true)));
    assert!(matches!(queue.push(now, job("2", false)), Push::Replaced(_)));
    assert_eq!(queue.iter().filter(|(_, place)| *place == Place::Waiting).count(), 2);
    assert_eq!(queue.clear().len(), 2);
    assert!(queue.is_empty());
    assert_eq!(queue.next(now), None);
    let counters = queue.counters();
    assert_eq!((counters.pushed, counters.full, counters.replaced), (4, 1, 1));
}

#[test]
fn ten_thousand_notifies_for_a_thousand_users_send_the_last_state_once_or_twice_each() {
    let mut now = Instant::now();
    let mut queue = queue(Settings { in_flight: 4, ..Settings::default() });
    let mut sent = HashMap::new();
    let mut count = 0;
    for round in 0..10 {
        for n in 0..1000 {
            queue.push(now, job(&n.to_string(), (n + round) % 2 == 0));
        }
        for _ in 0..20 {
            while let Some(job) = queue.next(now) {
                sent.insert(job.activation.number.clone(), job.activation.on);
                count += 1;
            }
            let under_way: Vec<String> = queue.in_flight.keys().map(|key| key.user.clone()).collect();
            now += SECOND;
            under_way.iter().for_each(|user| {
                queue.done(now, user, 1, sip_status(&Outcome::Done));
            });
        }
    }
    while !queue.is_empty() {
        while let Some(job) = queue.next(now) {
            sent.insert(job.activation.number.clone(), job.activation.on);
            count += 1;
        }
        let under_way: Vec<String> = queue.in_flight.keys().map(|key| key.user.clone()).collect();
        under_way.iter().for_each(|user| {
            queue.done(now, user, 1, sip_status(&Outcome::Done));
        });
    }
    assert!((0..1000).all(|n| sent.get(&n.to_string()) == Some(&((n + 9) % 2 == 0))));
    assert!(count <= 1000 + 10 * 20 * 4, "{count}");
}

#[derive(Clone, Debug)]
enum Step {
    Push(u8, bool),
    Next,
    Done(u8, u8),
    Up(bool),
    Wait(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u8..6, any::<bool>()).prop_map(|(user, on)| Step::Push(user, on)),
        3 => Just(Step::Next),
        3 => (0_u8..6, 0_u8..4).prop_map(|(user, how)| Step::Done(user, how)),
        1 => any::<bool>().prop_map(Step::Up),
        1 => (0_u16..2000).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// After any events, once the trunk is up and answers, the last thing sent for every user is the last pushed,
    /// unless the PBX refused it for good.
    #[test]
    fn every_lamp_ends_as_last_told(steps in prop::collection::vec(step(), 0..120), limit in 1_usize..4) {
        let mut now = Instant::now();
        let mut queue = queue(Settings { in_flight: limit, pace: Duration::from_millis(3), ..Settings::default() });
        let mut wanted = HashMap::new();
        let mut lamps = HashMap::new();
        let verdicts = [Outcome::Done, Outcome::Cause(17), Outcome::LinkDown, Outcome::NoAnswer].map(|o| sip_status(&o));
        for step in steps {
            match step {
                Step::Push(user, on) => {
                    let startable = queue.push(now, job(&user.to_string(), on)) == Push::Startable;
                    wanted.insert(user.to_string(), on);
                    if startable {
                        prop_assert_eq!(user_of(&queue.clone().next(now)), Some(user.to_string()));
                    }
                }
                Step::Next => {
                    queue.next(now);
                }
                Step::Done(user, how) => {
                    let user = user.to_string();
                    let verdict = verdicts[usize::from(how)];
                    let under_way = queue.in_flight.get(&Key { user: user.clone(), service: 1 }).cloned();
                    queue.done(now, &user, 1, verdict);
                    if let Some(job) = under_way.filter(|_| verdict.is_done()) {
                        lamps.insert(user, job.activation.on);
                    }
                }
                Step::Up(up) => queue.set_up(up),
                Step::Wait(ms) => now += Duration::from_millis(u64::from(ms)),
            }
            prop_assert!(queue.in_flight() <= limit);
            prop_assert!(queue.ready.len() + queue.delayed.len() <= queue.waiting());
        }
        queue.set_up(true);
        for _ in 0..1000 {
            if queue.is_empty() {
                break;
            }
            let under_way: Vec<Job> = queue.in_flight.values().cloned().collect();
            for job in under_way {
                queue.done(now, &job.activation.number, 1, sip_status(&Outcome::Done));
                lamps.insert(job.activation.number, job.activation.on);
            }
            now = queue.poll_timeout().unwrap_or(now).max(now);
            queue.next(now);
        }
        prop_assert!(queue.is_empty());
        prop_assert_eq!(lamps, wanted);
    }
}

fn user_of(job: &Option<Job>) -> Option<String> {
    job.as_ref().map(|job| job.activation.number.clone())
}

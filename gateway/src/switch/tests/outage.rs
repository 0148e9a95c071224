//! Whatever fails and for how long: afterwards every lamp is as its mailbox, and no message was sent that was not needed.

use std::collections::BTreeMap;

use super::*;

/// A PBX with 500 users: 47100 to 47599.
const LARGE: &str = "destination-pattern 47...";
const USERS: u32 = 500;

fn large() -> String {
    CONFIG.replace("destination-pattern 47..", LARGE)
}

fn bench() -> Bench {
    let mut bench = Bench::open(tempfile::tempdir().unwrap(), &large());
    bench.link(0, true);
    bench
}

fn user(at: u32) -> String {
    format!("47{}", 100 + at)
}

/// Every lamp of the PBX as it was told last is as the mailbox has it, and nothing waits any more.
fn settled(bench: &Bench, lamps: &BTreeMap<String, bool>) {
    for (number, on) in lamps {
        assert_eq!(bench.switch.mailboxes.is_waiting(number), *on, "{number}");
        assert!(matches!(bench.switch.deliveries.get(number), Some(Delivery::Delivered { .. })), "{number}");
    }
    assert!(bench.switch.trunks[0].queue.is_empty() && bench.switch.waiting.is_empty());
}

#[test]
fn a_pbx_that_takes_15_s_for_each_of_500_users_is_told_each_newest_state_once() {
    let mut bench = bench();
    bench.pbx[0].slow = Duration::from_millis(14_500);
    let ids: Vec<String> = (0..USERS).map(|at| bench.notify(&user(at), true)).collect();
    // While the PBX works on the first, the others change their mind, each three times.
    for round in 0..3 {
        for at in 1..USERS {
            bench.notify(&user(at), (at + round) % 2 == 0);
        }
    }
    // All but the one that is under way have been answered; none waits longer than a transaction lives.
    assert_eq!(ids.iter().filter(|id| bench.status(id) == Some(200)).count(), USERS as usize - 1);
    bench.wait(Duration::from_secs(30));
    assert_eq!(bench.status(&ids[0]), Some(200));
    bench.wait(Duration::from_secs(u64::from(USERS) * 15));
    assert_eq!(bench.pbx[0].heard.len(), USERS as usize, "each user once");
    let lamps: BTreeMap<_, _> = bench.pbx[0].heard.iter().cloned().collect();
    assert_eq!(lamps.len(), USERS as usize);
    settled(&bench, &lamps);
}

#[test]
fn after_an_hour_without_the_trunk_the_users_whose_state_changed_are_told_once_and_no_others() {
    let mut bench = bench();
    for at in 0..USERS {
        bench.notify(&user(at), at % 3 == 0);
    }
    bench.wait(Duration::from_secs(60));
    let mut lamps: BTreeMap<_, _> = bench.pbx[0].heard.drain(..).collect();
    assert_eq!(lamps.len(), USERS as usize);
    bench.link(0, false);
    for round in 0..4 {
        for at in 0..100 {
            bench.notify(&user(at), (at + round) % 2 == 0);
        }
        bench.wait(Duration::from_secs(900));
    }
    assert!(bench.pbx[0].heard.is_empty());
    bench.link(0, true);
    bench.wait(Duration::from_secs(60));
    assert_eq!(bench.pbx[0].heard.len(), 100);
    lamps.extend(bench.pbx[0].heard.iter().cloned());
    settled(&bench, &lamps);
}

#[test]
fn after_kill_9_the_pbx_is_told_only_what_it_did_not_confirm_and_telephones_are_right_at_once() {
    let mut bench = bench();
    for at in 0..100 {
        bench.notify(&user(at), true);
    }
    bench.notify("8000", true);
    bench.wait(Duration::from_secs(10));
    bench.link(0, false);
    for at in 0..7 {
        bench.notify(&user(at), false);
    }
    // The clock on the wall jumps ten years back while the daemon is down.
    let mut bench = bench.restart_at(&large(), 1_480_000_000);
    assert_eq!(bench.tone_off_hook(0), Tone::Stutter);
    bench.link(0, true);
    bench.wait(Duration::from_secs(3600));
    let told: BTreeMap<_, _> = bench.pbx[0].heard.iter().cloned().collect();
    assert_eq!(bench.pbx[0].heard.len(), 7);
    assert_eq!(told, (0..7).map(|at| (user(at), false)).collect());
    settled(&bench, &told);
    // The voice mail is heard all the same, though its news look older than what is stored.
    bench.notify("8000", false);
    bench.notify(&user(50), false);
    assert_eq!(bench.tone_off_hook(0), Tone::Dial);
    assert_eq!(bench.pbx[0].heard.len(), 8);
    // And ten years forward again.
    let mut bench = bench.restart_at(&large(), 1_800_000_000);
    bench.link(0, true);
    bench.wait(Duration::from_secs(3600));
    assert!(bench.pbx[0].heard.is_empty());
    bench.notify("8000", true);
    assert_eq!(bench.tone_off_hook(0), Tone::Stutter);
}

/// A NOTIFY inside the dialog of a subscription.
fn news(subscribe: &Message, waiting: bool, cseq: u32) -> String {
    let body = format!("Messages-Waiting: {}\r\n", if waiting { "yes" } else { "no" });
    let user = subscribe.uri().unwrap().user().unwrap().into_owned();
    format!(
        "NOTIFY sip:{user}@192.0.2.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKn{cseq}{user}\r\n\
         From: <sip:{user}@192.0.2.10>;tag=vm\r\nTo: <sip:{user}@192.0.2.1>;tag={}\r\nCall-ID: {}\r\n\
         CSeq: {cseq} NOTIFY\r\nEvent: message-summary\r\nSubscription-State: active\r\nContent-Length: {}\r\n\r\n{body}",
        subscribe.from().unwrap().tag().unwrap(),
        subscribe.call_id().unwrap(),
        body.len()
    )
}

#[test]
fn a_server_silent_for_six_hours_is_asked_ever_more_rarely_and_believed_when_it_is_back() {
    let config = CONFIG.replace(" unsolicited\n", " expires 600\n");
    let mut bench = Bench::open(tempfile::tempdir().unwrap(), &config);
    bench.wait(Duration::from_secs(6 * 3600));
    // Two telephones, a SUBSCRIBE at most every 600 s less a quarter each, and the first few sooner.
    let asked = bench.requests.len();
    let dialogs: std::collections::BTreeSet<_> =
        bench.requests.iter().map(|r| (r.call_id().unwrap().to_owned(), r.cseq().unwrap().number)).collect();
    assert!(dialogs.len() <= 2 * (6 * 3600 / 450 + 8), "{} SUBSCRIBEs, {asked} datagrams", dialogs.len());
    assert!(dialogs.len() >= 2 * 6 * 3600 / 800, "{} SUBSCRIBEs", dialogs.len());
    // It is back: the next SUBSCRIBE of each is answered, and its news are taken.
    bench.requests.clear();
    bench.wait(Duration::from_secs(800));
    let mut answered = std::collections::BTreeSet::new();
    for subscribe in std::mem::take(&mut bench.requests) {
        if answered.insert(subscribe.request_uri().unwrap().to_owned()) {
            bench.receive(&answer(&subscribe, "200 OK", "Expires: 600\r\nContact: <sip:vm@192.0.2.10>\r\n"));
            bench.receive(&news(&subscribe, true, 1));
        }
    }
    assert_eq!(answered.len(), 2);
    assert_eq!(bench.tone_off_hook(0), Tone::Stutter);
}

#[test]
fn when_dns_is_gone_the_addresses_known_stay_in_use() {
    let config =
        CONFIG.replace("mwi-server ipv4:192.0.2.10 unsolicited", "mwi-server dns:vm.example expires 600");
    let mut bench = Bench::open(tempfile::tempdir().unwrap(), &config);
    let names = bench.switch.names();
    let [name] = names.as_slice() else { panic!("{names:?}") };
    // Nothing is known yet: nothing is sent.
    bench.switch.handle_lookup(bench.now, name, &[]);
    bench.wait(Duration::from_secs(10));
    assert!(bench.requests.is_empty());
    let server = SocketAddr::from(([192, 0, 2, 10], 5060));
    bench.switch.handle_lookup(bench.now, name, &[server]);
    bench.wait(Duration::from_secs(5));
    let subscribes = std::mem::take(&mut bench.requests);
    assert_eq!(subscribes.len(), 2);
    for subscribe in &subscribes {
        bench.receive(&answer(subscribe, "200 OK", "Expires: 600\r\nContact: <sip:vm@192.0.2.10>\r\n"));
    }
    // An hour without DNS: refreshes go on, news are taken.
    let mut refreshes = 0;
    for _ in 0..6 {
        bench.switch.handle_lookup(bench.now, name, &[]);
        for _ in 0..60 {
            bench.wait(Duration::from_secs(10));
            for refresh in std::mem::take(&mut bench.requests) {
                refreshes += 1;
                assert_eq!(refresh.to().unwrap().tag(), Some("vm"), "a refresh, not a new dialog");
                let text =
                    answer(&refresh, "200 OK", "Expires: 600\r\n").replace(";tag=vm;tag=vm", ";tag=vm");
                bench.receive(&text);
            }
        }
    }
    // Two telephones, each once in less than ten minutes.
    assert!((12..=16).contains(&refreshes), "{refreshes}");
    let first = subscribes.iter().find(|s| s.request_uri().unwrap().contains("8000")).unwrap();
    bench.receive(&news(first, true, 9));
    assert_eq!(bench.tone_off_hook(0), Tone::Stutter);
}

#[test]
fn a_lamp_nobody_tells_of_any_more_goes_out_after_mwi_expiry_and_its_mailbox_is_forgotten() {
    let config = CONFIG.replace("sip-ua\n", "sip-ua\n tipring mwi expiry 24\n");
    let mut bench = Bench::open(tempfile::tempdir().unwrap(), &config);
    bench.link(0, true);
    bench.notify("8000", true);
    bench.notify("4711", true);
    bench.wait(Duration::from_secs(20 * 3600));
    bench.notify("8000", true);
    bench.wait(Duration::from_secs(5 * 3600));
    // 4711 is put out at the PBX; 8000 was heard of five hours ago.
    assert_eq!(bench.pbx[0].heard, [("4711".to_owned(), true), ("4711".to_owned(), false)]);
    assert_eq!(bench.tone_off_hook(0), Tone::Stutter);
    bench.wait(Duration::from_secs(24 * 3600));
    assert_eq!(bench.tone_off_hook(0), Tone::Dial);
    assert!(bench.switch.mailboxes.record("4711").is_none());
    assert_eq!(bench.switch.mailboxes.record("8000").map(|r| r.state.source.as_str()), Some("expiry"));
    // Without the line nothing is forgotten.
    bench.switch.apply(bench.now, Config::parse(CONFIG).config);
    bench.wait(Duration::from_secs(100 * 3600));
    assert!(bench.switch.mailboxes.record("8000").is_some());
    assert_eq!(bench.pbx[0].heard.len(), 2);
}

//! Message waiting by hand, and the gateway as notifier, in virtual time.

use cli::session::{MwiCommand, MwiQuery, MwiScope, MwiView, Show};
use qsig::{BasicService, MwiOutcome, MwiRequest, PartyNumber};

use super::*;

fn set(bench: &mut Bench, number: &str, on: bool) -> cli::session::Reply {
    let command = MwiCommand::Set { number: number.into(), on, count: on.then_some(2) };
    let reply = bench.switch.mwi_command(bench.now, command);
    bench.settle();
    reply
}

fn show(bench: &Bench, scope: MwiScope, view: MwiView) -> String {
    bench.switch.show(bench.now, &Show::Mwi(MwiQuery { scope, view })).unwrap()
}

#[test]
fn a_state_given_by_hand_goes_the_way_of_a_notify() {
    let mut bench = Bench::new();
    assert_eq!(set(&mut bench, "8000", true).text, "8000 ON: port 2/0");
    assert_eq!(bench.tone_off_hook(0), Tone::Stutter);
    // A trunk that is down takes it when it comes up, the newest only.
    assert_eq!(set(&mut bench, "4711", true).text, "4711 ON: waits for trunk 1/0:15, which is down");
    set(&mut bench, "4711", false);
    set(&mut bench, "4711", true);
    bench.link(0, true);
    assert_eq!(bench.pbx[0].heard, [("4711".to_owned(), true)]);
    assert!(matches!(bench.switch.deliveries.get("4711"), Some(Delivery::Delivered { .. })));
    // The PBX takes one at a time; the others wait their turn and all arrive.
    bench.pbx[0].heard.clear();
    for n in 10..30 {
        assert!(!set(&mut bench, &format!("47{n}"), true).error);
    }
    bench.wait(Duration::from_secs(60));
    assert_eq!(bench.pbx[0].heard.len(), 20);
    let table = show(&bench, MwiScope::Trunk("1/0:15".into()), MwiView::Brief);
    assert!(table.starts_with("20 mailboxes, 20 with messages waiting"), "{table}");
    assert!(table.contains("0 waiting; started 21, done 21"), "{table}");
    // Unknown numbers, and those without `mwi`.
    for (number, why) in [
        ("9999", "% No dial peer leads to a port for 9999"),
        ("8001", "% MWI is not enabled on the port of 8001"),
    ] {
        let reply = set(&mut bench, number, true);
        assert!(reply.error && reply.text == why, "{reply:?}");
        assert!(bench.switch.mailboxes.record(number).is_none());
    }
    // What the voice mail says later wins.
    bench.notify("8000", false);
    assert_eq!(bench.tone_off_hook(0), Tone::Dial);
    let history = show(&bench, MwiScope::Number("8000".into()), MwiView::History);
    let said: Vec<&str> = history.lines().map(|line| line.rsplit("8000 ").next().unwrap().trim()).collect();
    assert_eq!(said, ["ON (2 new) from console", "OFF from 192.0.2.10"], "{history}");
}

#[test]
fn sync_tells_the_pbx_again_and_clear_drops_what_waits() {
    let mut bench = Bench::new();
    bench.link(0, true);
    bench.notify("4711", true);
    bench.notify("4712", false);
    bench.notify("8000", true);
    bench.pbx[0].heard.clear();
    let sync = |number: Option<&str>| MwiCommand::Sync { number: number.map(str::to_owned) };
    let reply = bench.switch.mwi_command(bench.now, sync(None));
    assert_eq!(reply.text, "3 mailboxes: 1 at telephones of this gateway, 2 on their way to PBXs");
    bench.wait(Duration::from_secs(10));
    bench.pbx[0].heard.sort();
    assert_eq!(bench.pbx[0].heard, [("4711".to_owned(), true), ("4712".to_owned(), false)]);
    assert!(bench.switch.monitor.show_logging().contains("%MWI-6-BYHAND: 2 done, 0 failed"));
    assert!(bench.switch.mwi_command(bench.now, sync(Some("4799"))).error);

    bench.link(0, false);
    assert!(!bench.switch.mwi_command(bench.now, sync(Some("4711"))).error);
    let queue = show(&bench, MwiScope::All, MwiView::Queue);
    assert!(
        queue.starts_with("By hand: 0 done, 0 failed, 1 to go") && queue.contains("  4711 ON: "),
        "{queue}"
    );
    let drop = |trunk: &str| MwiCommand::ClearQueue { trunk: Some(trunk.into()) };
    assert!(bench.switch.mwi_command(bench.now, drop("9/9:15")).error);
    assert_eq!(bench.switch.mwi_command(bench.now, drop("1/0:15")).text, "1 dropped");
    bench.pbx[0].heard.clear();
    bench.link(0, true);
    bench.wait(Duration::from_secs(60));
    assert!(bench.pbx[0].heard.is_empty());
    let detail = show(&bench, MwiScope::Number("4711".into()), MwiView::Detail);
    assert!(
        detail.contains("Delivery: failed by 1/0:15") && detail.contains("dropped by hand (487)"),
        "{detail}"
    );

    bench.switch.mwi_command(bench.now, MwiCommand::ClearStatistics);
    bench.switch.mwi_command(bench.now, MwiCommand::ClearHistory);
    assert!(show(&bench, MwiScope::All, MwiView::Statistics).contains("started 0, done 0"));
    assert_eq!(show(&bench, MwiScope::All, MwiView::History), "");
}

/// A SUBSCRIBE from the voice mail's address; the status it got.
fn subscribe(bench: &mut Bench, call_id: &str, cseq: u32, to_tag: &str, expires: u32) -> u16 {
    let (event, uri) = ("message-summary", "sip:8000@gw");
    bench.answers.clear();
    bench.receive(&format!(
        "SUBSCRIBE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK{call_id}{cseq}\r\n\
         From: <sip:phone@192.0.2.10>;tag=p\r\nTo: <sip:8000@gw>{to_tag}\r\nCall-ID: {call_id}\r\n\
         CSeq: {cseq} SUBSCRIBE\r\nContact: <sip:phone@192.0.2.77:5070>\r\nEvent: {event}\r\n\
         Expires: {expires}\r\nContent-Length: 0\r\n\r\n"
    ));
    bench.status(call_id).unwrap()
}

/// Takes the one NOTIFY sent, answers it, and gives its state and body.
fn notified(bench: &mut Bench) -> (String, String) {
    let sent: Vec<Message> = std::mem::take(&mut bench.requests);
    let [notify] = sent.as_slice() else { panic!("{} NOTIFYs", sent.len()) };
    assert_eq!(notify.method_ref(), Some(&Method::Notify));
    let header = |name: &str| notify.header(name).unwrap().to_str().into_owned();
    bench.receive(&format!(
        "SIP/2.0 200 OK\r\nVia: {}\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {}\r\nContent-Length: 0\r\n\r\n",
        header("Via"),
        header("From"),
        header("To"),
        header("Call-ID"),
        header("CSeq"),
    ));
    (header("Subscription-State"), String::from_utf8(notify.body().to_vec()).unwrap())
}

#[test]
fn a_subscriber_is_told_at_once_at_each_change_and_at_the_end() {
    let mut bench = Bench::new();
    assert_eq!(subscribe(&mut bench, "s1", 1, "", 600), 200);
    assert_eq!(notified(&mut bench), ("active;expires=600".into(), "Messages-Waiting: no\r\n".into()));
    bench.wait(Duration::from_secs(2));
    set(&mut bench, "8000", true);
    let body = "Messages-Waiting: yes\r\nVoice-Message: 2/0\r\n";
    assert_eq!(notified(&mut bench), ("active;expires=598".into(), body.into()));
    // The same state again is no news; another is, once the interval is over.
    set(&mut bench, "8000", true);
    assert!(bench.requests.is_empty());
    bench.notify("8000", false);
    bench.wait(Duration::from_secs(2));
    assert_eq!(notified(&mut bench).1, "Messages-Waiting: no\r\n");
    // Not refreshed: the last NOTIFY says so, and nothing follows.
    bench.wait(Duration::from_secs(597));
    assert_eq!(notified(&mut bench).0, "terminated;reason=timeout");
    assert_eq!(bench.switch.watchers.count(), 0);
    set(&mut bench, "8000", true);
    assert!(bench.requests.is_empty());
}

#[test]
fn subscriptions_are_limited_and_refused_with_reason() {
    let config = format!("{CONFIG}voice service voip\n sip\n  subscription maximum accept 1\n");
    let mut bench = Bench::open(tempfile::tempdir().unwrap(), &config);
    assert_eq!(subscribe(&mut bench, "brief", 1, "", 30), 423);
    assert_eq!(subscribe(&mut bench, "stray", 1, ";tag=unknown", 600), 481);
    assert_eq!(subscribe(&mut bench, "s1", 1, "", 600), 200);
    assert_eq!(subscribe(&mut bench, "s2", 1, "", 600), 503);
    notified(&mut bench);
    // What the PBX tells reaches the subscriber, also of a number that has no telephone here.
    bench.wait(Duration::from_secs(2));
    bench.link(0, true);
    let mut request = MwiRequest::new(MwiAction::Activate, PartyNumber::Unknown("8000".into()));
    request.messages = Some(7);
    bench.pbx[0].span.invoke_mwi(bench.now, request).unwrap();
    bench.settle();
    assert_eq!(notified(&mut bench).1, "Messages-Waiting: yes\r\nVoice-Message: 7/0\r\n");
}

#[test]
fn an_interrogation_is_answered_from_the_table_by_service() {
    let mut bench = Bench::new();
    bench.link(0, true);
    bench.notify_body("4711", "n1", "Messages-Waiting: yes\r\nVoice-Message: 3/1\r\nFax-Message: 1/0\r\n");
    let mut ask = |number: &str, service: BasicService| {
        let mut request = MwiRequest::new(MwiAction::Interrogate, PartyNumber::Unknown(number.into()));
        request.basic_service = service;
        bench.pbx[0].span.invoke_mwi(bench.now, request).unwrap();
        bench.settle();
        bench.outcomes.pop().unwrap()
    };
    let told = |outcome: MwiOutcome| {
        let MwiOutcome::Interrogated(list) = outcome else { panic!("{outcome:?}") };
        list.iter().map(|status| (status.basic_service, status.messages)).collect::<Vec<_>>()
    };
    let (voice, fax) = ((BasicService::SPEECH, Some(3)), (BasicService::FAX, Some(1)));
    assert_eq!(told(ask("4711", BasicService::ALL)), [voice, fax]);
    assert_eq!(told(ask("4711", BasicService::SPEECH)), [voice]);
    assert_eq!(told(ask("4711", BasicService::FAX)), [fax]);
    assert_eq!(told(ask("4711", BasicService::DIGITAL)), []);
    assert_eq!(ask("4712", BasicService::ALL), MwiOutcome::Error(6));
}

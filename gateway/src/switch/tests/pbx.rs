//! What a trunk's PBX is told and asked: `isdn mwi …` and mWIInterrogate behind SUBSCRIBE.

use qsig::{BasicService, MsgCentreId, MwiStatus, PartyNumber};

use super::*;

/// The configuration with lines for trunk 1/0 and for the group of both.
fn config(trunk: &str, group: &str) -> String {
    CONFIG
        .replace("trunk-group PBX 1\n", &format!("trunk-group PBX 1\n{trunk}"))
        .replace("trunk group PBX\n", &format!("trunk group PBX\n{group}"))
}

fn bench(trunk: &str, group: &str) -> Bench {
    let mut bench = Bench::open(tempfile::tempdir().unwrap(), &config(trunk, group));
    bench.link(0, true);
    bench.link(1, true);
    bench
}

#[test]
fn a_trunk_s_pbx_is_told_as_its_lines_say() {
    let mut bench = bench(
        " isdn mwi calling-number 8999\n isdn mwi message-centre integer 7\n isdn mwi prefix 6\n \
         isdn mwi number-type subscriber plan private\n no isdn mwi count\n",
        " isdn mwi count\n isdn mwi message-centre digits 12\n",
    );
    bench.notify_body("4711", "a", "Messages-Waiting: yes\r\nVoice-Message: 3/0\r\n");
    assert_eq!(bench.status("a"), Some(200));
    let request = bench.pbx[0].request.take().unwrap();
    assert_eq!(request.served_user, PartyNumber::Private { ton: 4, digits: "64711".into() });
    assert_eq!(request.message_centre, Some(MsgCentreId::Integer(7)));
    assert_eq!(request.messages, None);
    // The other trunk of the group has the group's lines alone.
    bench.link(0, false);
    bench.notify_body("4811", "b", "Messages-Waiting: yes\r\nVoice-Message: 3/0\r\n");
    assert_eq!(bench.status("b"), Some(200));
    let request = bench.pbx[1].request.take().unwrap();
    assert_eq!(request.served_user, PartyNumber::Unknown("4811".into()));
    assert_eq!(request.message_centre, Some(MsgCentreId::Numeric("12".into())));
    assert_eq!(request.messages, Some(3));
}

#[test]
fn as_many_operations_run_at_a_time_and_as_fast_as_the_trunk_s_lines_allow() {
    let mut bench = bench(" isdn mwi parallel 3\n", "");
    bench.pbx[0].slow = Duration::from_secs(5);
    for user in 10..20 {
        bench.notify(&format!("47{user}"), true);
    }
    for (seconds, told) in [(0, 3), (4, 3), (2, 6), (5, 9), (5, 10)] {
        bench.wait(Duration::from_secs(seconds));
        assert_eq!(bench.pbx[0].heard.len(), told, "after {seconds} s more");
    }
    // A change takes effect without a restart.
    let paced = config(" isdn mwi parallel 10\n isdn mwi pace 1000\n", "");
    bench.wait(Duration::from_secs(60));
    bench.switch.apply(bench.now, Config::parse(&paced).config);
    bench.pbx[0].heard.clear();
    for user in 10..15 {
        bench.notify(&format!("47{user}"), false);
    }
    for told in 1..=5 {
        assert_eq!(bench.pbx[0].heard.len(), told);
        bench.wait(Duration::from_secs(1));
    }
}

#[test]
fn connect_without_a_result_is_what_the_trunk_s_line_says() {
    let mut bench = bench(" isdn mwi connect done\n", "");
    bench.pbx[0].answer = Some(MwiAnswer::Silent);
    let id = bench.notify("4711", true);
    assert_eq!(bench.status(&id), Some(200));
    bench.switch.apply(bench.now, Config::parse(&config(" isdn mwi supervision 4\n", "")).config);
    let id = bench.notify("4711", false);
    bench.wait(Duration::from_secs(3));
    assert_eq!(bench.status(&id), None);
    bench.wait(Duration::from_secs(2));
    assert_eq!(bench.status(&id), Some(504));
}

#[test]
fn a_switch_type_without_message_waiting_is_refused_by_name() {
    let mut bench = bench(" isdn switch-type primary-ni\n", "");
    let id = bench.notify("4711", true);
    assert_eq!(bench.status(&id), Some(501));
    assert!(bench.switch.mailboxes.record("4711").is_none());
    // Of a group the trunk that can is used.
    let id = bench.notify("4811", true);
    assert_eq!(bench.status(&id), Some(200));
    assert_eq!((bench.pbx[0].heard.len(), bench.pbx[1].heard.len()), (0, 1));
}

/// A SUBSCRIBE from the voice mail's address; the bodies of the NOTIFYs it brought.
fn subscribe(bench: &mut Bench, number: &str, call_id: &str) {
    bench.requests.clear();
    bench.receive(&format!(
        "SUBSCRIBE sip:{number}@gw SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK{call_id}\r\n\
         From: <sip:u@192.0.2.10>;tag={call_id}\r\nTo: <sip:{number}@gw>\r\nCall-ID: {call_id}\r\nCSeq: 1 SUBSCRIBE\r\n\
         Contact: <sip:u@192.0.2.10>\r\nEvent: message-summary\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n"
    ));
    assert_eq!(bench.status(call_id), Some(200));
}

/// Answers every NOTIFY of ours until no other comes; their bodies.
fn told(bench: &mut Bench) -> Vec<String> {
    let mut bodies = Vec::new();
    loop {
        let mut requests = std::mem::take(&mut bench.requests);
        if requests.is_empty() {
            // News that come close upon each other are told with a pause between.
            bench.wait(Duration::from_secs(10));
            requests = std::mem::take(&mut bench.requests);
        }
        if requests.is_empty() {
            return bodies;
        }
        for notify in requests {
            assert_eq!(notify.method(), Some(Method::Notify));
            bodies.push(String::from_utf8_lossy(notify.body()).into_owned());
            bench.receive(&answer(&notify, "200 OK", "").replace(";tag=vm\r\n", "\r\n"));
        }
    }
}

#[test]
fn a_subscriber_of_a_mailbox_behind_a_pbx_hears_what_the_pbx_says() {
    let mut bench = bench(" isdn mwi interrogate\n", "");
    let status = |service, messages| MwiStatus {
        basic_service: BasicService(service),
        message_centre: None,
        messages,
        originating: None,
        timestamp: None,
        priority: None,
    };
    bench.pbx[0].list = vec![status(1, Some(4)), status(37, Some(1))];
    subscribe(&mut bench, "4711", "s1");
    let bodies = told(&mut bench);
    let [first, second] = bodies.as_slice() else { panic!("{bodies:?}") };
    assert!(first.contains("Messages-Waiting: no"), "{first}");
    assert!(second.contains("Messages-Waiting: yes") && second.contains("Voice-Message: 4/0"), "{second}");
    assert!(second.contains("Fax-Message: 1/0"), "{second}");
    assert_eq!(bench.pbx[0].asked, ["4711"]);
    assert_eq!(bench.pbx[0].heard, []);

    // Asked again at the next subscription, since nobody else has told; nothing new, nothing more to say.
    subscribe(&mut bench, "4711", "s2");
    let bodies = told(&mut bench);
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert!(bodies[0].contains("Voice-Message: 4/0"), "{bodies:?}");
    assert_eq!(bench.pbx[0].asked.len(), 2);

    // What the voice mail has told is not asked for, and a PBX that may not be asked is not.
    bench.notify("4712", true);
    subscribe(&mut bench, "4712", "s3");
    subscribe(&mut bench, "4811", "s4");
    told(&mut bench);
    assert_eq!(bench.pbx[0].asked, ["4711", "4711", "4811"]);
    assert!(bench.pbx[1].asked.is_empty());
    bench.link(0, false);
    subscribe(&mut bench, "4713", "s5");
    assert_eq!(told(&mut bench).len(), 1);
    bench.link(0, true);
    bench.wait(Duration::from_secs(60));
    assert_eq!(bench.pbx[0].asked.len(), 3);
}

#[test]
fn questions_take_their_turn_behind_what_the_pbx_is_told() {
    let mut bench = bench(" isdn mwi interrogate\n", "");
    bench.pbx[0].slow = Duration::from_secs(5);
    bench.notify("4710", true);
    bench.notify("4711", true);
    subscribe(&mut bench, "4720", "s1");
    subscribe(&mut bench, "4720", "s2");
    assert!(bench.pbx[0].asked.is_empty());
    bench.wait(Duration::from_secs(6));
    assert_eq!((bench.pbx[0].heard.len(), bench.pbx[0].asked.len()), (2, 0));
    bench.wait(Duration::from_secs(6));
    // One mailbox, one question.
    assert_eq!(bench.pbx[0].asked, ["4720"]);
}

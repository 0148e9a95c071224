//! Several voice mail servers, and a server with several addresses.

use super::*;

const OWN: &str = "destination-pattern 8000\n mwi-server ipv4:192.0.2.20 expires 300\n";

fn subscribes(bench: &mut Bench) -> Vec<Message> {
    let mut all = std::mem::take(&mut bench.requests);
    all.sort_by_key(|request| request.request_uri().map(str::to_owned));
    all
}

fn notify(subscribe: &Message, from: &str, waiting: bool) -> String {
    let body = format!("Messages-Waiting: {}\r\n", if waiting { "yes" } else { "no" });
    format!(
        "NOTIFY sip:8000@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKs{waiting}\r\nFrom: <sip:8000@{from}>;tag=vm\r\n\
         To: <sip:8000@192.0.2.1>;tag={}\r\nCall-ID: {}\r\nCSeq: 5 NOTIFY\r\nEvent: message-summary\r\n\
         Subscription-State: active\r\nContent-Length: {}\r\n\r\n{body}",
        subscribe.from().unwrap().tag().unwrap(),
        subscribe.call_id().unwrap(),
        body.len()
    )
}

#[test]
fn a_dial_peer_s_own_server_is_subscribed_at_beside_the_gateway_s() {
    let config = CONFIG.replace("destination-pattern 8000\n", OWN);
    let mut bench = Bench::open(tempfile::tempdir().unwrap(), &config);
    bench.wait(Duration::from_secs(2));
    let sent = subscribes(&mut bench);
    let uris: Vec<_> = sent.iter().map(|s| s.request_uri().unwrap()).collect();
    assert_eq!(uris, ["sip:8000@192.0.2.20"]);
    assert_eq!(sent[0].header("Expires").unwrap().to_str(), "300");
    let server = [192, 0, 2, 20];
    bench.receive_from(
        server,
        &answer(&sent[0], "200 OK", "Expires: 300\r\nContact: <sip:vm@192.0.2.20>\r\n"),
    );
    bench.receive_from(server, &notify(&sent[0], "192.0.2.20", true));
    assert_eq!(bench.status(sent[0].call_id().unwrap()), Some(200));
    assert_eq!(bench.tone_off_hook(0), Tone::Stutter);
    // The gateway's server tells unasked, the peer's may not, and nobody else may at all.
    let unasked = |bench: &mut Bench, from: [u8; 4], call_id: &str| {
        let body = "Messages-Waiting: yes\r\n";
        bench.receive_from(from, &format!(
            "NOTIFY sip:8002@gw SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK{call_id}\r\nFrom: <sip:vm@x>;tag=a\r\n\
             To: <sip:8002@gw>\r\nCall-ID: {call_id}\r\nCSeq: 1 NOTIFY\r\nEvent: message-summary\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        bench.status(call_id)
    };
    assert_eq!(unasked(&mut bench, [192, 0, 2, 10], "n1"), Some(200));
    assert_eq!(unasked(&mut bench, server, "n2"), Some(481));
    assert_eq!(unasked(&mut bench, [192, 0, 2, 30], "n3"), Some(403));
    // Without the line the subscription is ended; the gateway's server needs none.
    bench.requests.clear();
    bench.switch.apply(bench.now, Config::parse(CONFIG).config);
    bench.settle();
    let ended = subscribes(&mut bench);
    let [ended] = ended.as_slice() else { panic!("{ended:?}") };
    assert_eq!(ended.header("Expires").unwrap().to_str(), "0");
    assert_eq!(ended.call_id().unwrap(), sent[0].call_id().unwrap());
    bench.receive_from(
        server,
        &answer(ended, "200 OK", "Expires: 0\r\n").replace(";tag=vm;tag=vm", ";tag=vm"),
    );
    assert_eq!(bench.switch.subscriptions.iter().count(), 0);
}

#[test]
fn a_tenant_s_server_is_that_of_its_dial_peers_behind_their_own_and_ahead_of_the_gateway_s() {
    let tenant = "voice class tenant 3\n mwi-server ipv4:192.0.2.30 expires 200 port 5070\n";
    let config =
        CONFIG.replace("destination-pattern 8000\n", "destination-pattern 8000\n voice-class sip tenant 3\n");
    let own = " mwi-server ipv4:192.0.2.20\n voice-class sip tenant 3\n";
    let config = config.replace("destination-pattern 8002\n", &format!("destination-pattern 8002\n{own}"));
    let parsed = Config::parse(&format!("{tenant}{config}"));
    let bad = parsed.messages.iter().find(|m| m.kind != cli::config::MessageKind::Acted);
    assert_eq!(bad, None);
    let shown = parsed.config.running();
    assert!(shown.contains(tenant), "{shown}");

    let mut bench = Bench::open(tempfile::tempdir().unwrap(), &format!("{tenant}{config}"));
    bench.wait(Duration::from_secs(2));
    let sent = subscribes(&mut bench);
    let uris: Vec<_> = sent.iter().map(|s| s.request_uri().unwrap()).collect();
    assert_eq!(uris, ["sip:8000@192.0.2.30:5070", "sip:8002@192.0.2.20"]);
    assert_eq!(sent[0].header("Expires").unwrap().to_str(), "200");
    bench.receive_from(
        [192, 0, 2, 30],
        &answer(&sent[0], "200 OK", "Expires: 200\r\nContact: <sip:vm@192.0.2.30:5070>\r\n"),
    );
    bench.receive_from([192, 0, 2, 30], &notify(&sent[0], "192.0.2.30:5070", true));
    assert_eq!(bench.status(sent[0].call_id().unwrap()), Some(200));
    assert_eq!(bench.tone_off_hook(0), Tone::Stutter);
    bench.requests.clear();

    // `no mwi-server` in the class: its subscription is ended, that of the peer with a server of its own stays.
    let without = format!("voice class tenant 3\n no mwi-server ipv4:192.0.2.30\n{config}");
    bench.switch.apply(bench.now, Config::parse(&without).config);
    bench.settle();
    let ended = subscribes(&mut bench);
    let ended: Vec<_> =
        ended.iter().map(|s| (s.call_id().unwrap(), s.header("Expires").unwrap().to_str())).collect();
    assert_eq!(ended, [(sent[0].call_id().unwrap(), "0".into())]);
}

#[test]
fn a_server_s_addresses_are_tried_in_turn_and_shown() {
    let config = CONFIG.replace("ipv4:192.0.2.10 unsolicited", "dns:vm.example expires 600");
    let mut bench = Bench::open(tempfile::tempdir().unwrap(), &config);
    let name = bench.switch.names().remove(0);
    let addresses = [10, 11].map(|host| SocketAddr::from(([192, 0, 2, host], 5060)));
    bench.switch.handle_lookup(bench.now, &name, &addresses);
    bench.wait(Duration::from_secs(2));
    assert!(subscribes(&mut bench).iter().all(|s| s.request_uri().unwrap().ends_with("@192.0.2.10")));
    // The first is silent until timer F has run out; the second answers.
    bench.wait(Duration::from_secs(33));
    let mut second = subscribes(&mut bench);
    second.retain(|s| s.request_uri().unwrap().ends_with("@192.0.2.11"));
    second.dedup_by_key(|s| s.request_uri().map(str::to_owned));
    assert_eq!(second.len(), 2);
    for subscribe in &second {
        bench.receive_from(
            [192, 0, 2, 11],
            &answer(subscribe, "200 OK", "Expires: 600\r\nContact: <sip:vm@192.0.2.11>\r\n"),
        );
    }
    let shown = bench.switch.show(bench.now, &cli::session::Show::SipUaMwi).unwrap();
    assert!(shown.contains("C000020A\nC000020B\n0\n"), "{shown}");
    assert!(
        shown.contains("MWI ipaddr cnt 2:\nMWI ipaddr idx 1:\nMWI server: 192.0.2.11, port 5060"),
        "{shown}"
    );
}

#[test]
fn no_more_is_subscribed_for_than_subscription_maximum_originate_allows() {
    let config = CONFIG.replace("ipv4:192.0.2.10 unsolicited", "ipv4:192.0.2.10")
        + "voice service voip\n sip\n  subscription maximum originate 1\n";
    let mut bench = Bench::open(tempfile::tempdir().unwrap(), &config);
    bench.wait(Duration::from_secs(2));
    let mut numbers: Vec<_> =
        subscribes(&mut bench).iter().map(|s| s.request_uri().unwrap().to_owned()).collect();
    numbers.dedup();
    assert_eq!(numbers.len(), 1);
    let more = config.replace("originate 1", "originate 2");
    bench.switch.apply(bench.now, Config::parse(&more).config);
    bench.wait(Duration::from_secs(2));
    assert!(subscribes(&mut bench).iter().any(|s| s.request_uri().unwrap() != numbers[0]));
}

#[test]
fn from_an_address_on_no_list_a_password_is_asked_for_and_believed() {
    use sip::digest::{Challenge, ClientSession, Credentials};

    let stranger = [198, 51, 100, 9];
    let body = "Messages-Waiting: yes\r\n";
    let text = |method: &str, cseq: u32, more: &str| {
        let body = if method == "NOTIFY" { body } else { "" };
        format!(
            "{method} sip:8000@gw SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.9;branch=z9hG4bK{method}{cseq}\r\n\
             From: <sip:8000@x>;tag=a\r\nTo: <sip:8000@gw>\r\nCall-ID: {method}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:8000@198.51.100.9>\r\nEvent: message-summary\r\n{more}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let login = "sip-ua\n tipring mwi login anna password 0 secret\n";
    for (config, challenged) in [(CONFIG.to_owned(), false), (CONFIG.replace("sip-ua\n", login), true)] {
        let mut bench = Bench::open(tempfile::tempdir().unwrap(), &config);
        for method in ["NOTIFY", "SUBSCRIBE"] {
            bench.answers.clear();
            bench.replies.clear();
            bench.receive_from(stranger, &text(method, 1, ""));
            assert_eq!(bench.status(method), Some(if challenged { 401 } else { 403 }), "{method}");
            if !challenged {
                continue;
            }
            let reply = bench.replies.pop().unwrap();
            let (_, challenge) = Challenge::from_response(&reply).remove(0);
            for (password, status) in [("wrong", 401), ("secret", 200)] {
                bench.answers.clear();
                let mut session =
                    ClientSession::new(challenge.clone(), Credentials::new("anna", password), "c");
                let value = session.answer(method, "sip:8000@gw", b"");
                let cseq = if status == 200 { 3 } else { 2 };
                let more = format!("Authorization: {value}\r\n");
                bench.receive_from(stranger, &text(method, cseq, &more));
                assert_eq!(bench.status(method), Some(status), "{method}, {password}");
            }
        }
        assert_eq!(bench.tone_off_hook(0), if challenged { Tone::Stutter } else { Tone::Dial });
        assert_eq!(bench.switch.watchers.count(), usize::from(challenged));
    }
}

#[test]
fn subscriptions_granted_are_kept_over_kill_9_and_told_once_in_their_dialog() {
    let mut bench = Bench::new();
    let subscribe = |cseq: u32, to: &str, expires: u32| {
        format!(
            "SUBSCRIBE sip:8000@gw SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKw{cseq}\r\nFrom: <sip:8000@x>;tag=a\r\n\
             To: <sip:8000@gw>{to}\r\nCall-ID: w\r\nCSeq: {cseq} SUBSCRIBE\r\nContact: <sip:8000@192.0.2.10:5070>\r\n\
             Event: message-summary\r\nExpires: {expires}\r\nContent-Length: 0\r\n\r\n"
        )
    };
    let told = |bench: &mut Bench| {
        let mut all = std::mem::take(&mut bench.requests);
        all.retain(|request| request.method() == Some(Method::Notify));
        for notify in &all {
            bench.receive(&answer(notify, "200 OK", "").replace(";tag=vm\r\n", "\r\n"));
        }
        all
    };
    bench.receive(&subscribe(1, "", 3600));
    let first = told(&mut bench).remove(0);
    let tag = format!(";tag={}", first.from().unwrap().tag().unwrap());
    bench.notify("8000", true);
    bench.wait(Duration::from_secs(10));
    let last = told(&mut bench).pop().unwrap();

    let mut bench = bench.restart(CONFIG);
    assert_eq!(bench.switch.watchers.count(), 1);
    bench.wait(Duration::from_secs(10));
    let again = told(&mut bench);
    let [again] = again.as_slice() else { panic!("{again:?}") };
    assert_eq!((again.call_id().unwrap(), again.from().unwrap().tag()), ("w", first.from().unwrap().tag()));
    assert!(again.cseq().unwrap().number > last.cseq().unwrap().number);
    assert_eq!(again.request_uri(), Some("sip:8000@192.0.2.10:5070"));
    assert_eq!(again.body(), b"Messages-Waiting: yes\r\n");
    // News and refreshes go on in the dialog.
    bench.notify("8000", false);
    bench.wait(Duration::from_secs(10));
    assert_eq!(told(&mut bench).pop().unwrap().body(), b"Messages-Waiting: no\r\n");
    bench.answers.clear();
    bench.receive(&subscribe(2, &tag, 600));
    assert_eq!(bench.status("w"), Some(200));
    told(&mut bench);
    // Once it has ended nothing of it comes back.
    bench.answers.clear();
    bench.receive(&subscribe(3, &tag, 0));
    assert_eq!(bench.status("w"), Some(200));
    told(&mut bench);
    assert_eq!(bench.switch.watchers.count(), 0);
    let bench = bench.restart(CONFIG);
    assert_eq!(bench.switch.watchers.count(), 0);
}

#[test]
fn one_server_tells_in_a_subscription_and_unasked_at_once() {
    let own = "destination-pattern 8000\n mwi-server ipv4:192.0.2.10 expires 300\n";
    let config = CONFIG.replace("destination-pattern 8000\n", own);
    let mut bench = Bench::open(tempfile::tempdir().unwrap(), &config);
    bench.wait(Duration::from_secs(2));
    let sent = subscribes(&mut bench);
    let uris: Vec<_> = sent.iter().map(|s| s.request_uri().unwrap()).collect();
    assert_eq!(uris, ["sip:8000@192.0.2.10"], "the other telephones are told unasked");
    bench.receive(&answer(&sent[0], "200 OK", "Expires: 300\r\nContact: <sip:vm@192.0.2.10>\r\n"));
    let call_id = sent[0].call_id().unwrap();
    bench.receive(&notify(&sent[0], "192.0.2.10", true));
    assert_eq!(bench.status(call_id), Some(200));
    assert_eq!(bench.tone_off_hook(0), Tone::Stutter);
    // Unasked of another mailbox of the same telephone, and of the one subscribed for: the newest counts, whichever way it came.
    let id = bench.notify("8002", true);
    assert_eq!(bench.status(&id), Some(200));
    let id = bench.notify("8000", false);
    assert_eq!(bench.status(&id), Some(200));
    assert_eq!(bench.tone_off_hook(0), Tone::Stutter);
    bench.notify("8002", false);
    assert_eq!(bench.tone_off_hook(0), Tone::Dial);
    bench.answers.clear();
    bench.receive(
        &notify(&sent[0], "192.0.2.10", true).replace("CSeq: 5", "CSeq: 6").replace("z9hG4bKs", "z9hG4bKt"),
    );
    assert_eq!(bench.status(call_id), Some(200));
    assert_eq!(bench.tone_off_hook(0), Tone::Stutter);
    // The subscription goes on as if nothing else had been heard: one refresh, in its dialog.
    bench.requests.clear();
    bench.wait(Duration::from_secs(295));
    let refreshes = subscribes(&mut bench);
    assert!(!refreshes.is_empty() && refreshes.iter().all(|s| s.call_id().unwrap() == call_id));
}

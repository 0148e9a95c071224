#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use cli::session::Show;
use sip::{Flow, Message, Method};

use crate::switch::sip_bench::SipBench;

const TELEPHONES: &str = "dial-peer voice 1 pots\n destination-pattern 8000\n port 2/0\n!\n\
                          dial-peer voice 2 pots\n destination-pattern 8001\n port 2/1\n no sip-register\n!\n";

fn registers(bench: &mut SipBench) -> Vec<(Flow, Message)> {
    let mut sent = bench.sent();
    sent.retain(|(_, message)| message.method_ref() == Some(&Method::Register));
    sent
}

fn field(message: &Message, name: &str) -> String {
    message.header(name).map(|value| value.to_str().into_owned()).unwrap_or_default()
}

fn row(bench: &SipBench, number: &str) -> Vec<String> {
    let shown = bench.show(&Show::SipUaRegisterStatus);
    let line = shown.lines().find(|line| line.starts_with(number)).unwrap_or_default();
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn telephones_are_registered_with_password_and_refreshed_and_taken_back() {
    let mut bench = SipBench::new(&format!(
        "{TELEPHONES}sip-ua\n authentication username gw password 0 secret realm example\n \
         registrar ipv4:192.0.2.9 expires 600\n"
    ));
    let first = bench.one(&Method::Register);
    assert_eq!(first.0.remote.to_string(), "192.0.2.9:5060");
    assert_eq!(first.1.request_uri(), Some("sip:192.0.2.9"));
    assert_eq!(field(&first.1, "To"), "<sip:8000@192.0.2.9>");
    assert_eq!(field(&first.1, "Contact"), "<sip:8000@192.0.2.1:5060>");
    assert_eq!(field(&first.1, "Expires"), "600");
    assert_eq!(row(&bench, "8000"), ["8000", "1", "600", "no"]);
    bench.respond(&first, 401, "WWW-Authenticate: Digest realm=\"example\", nonce=\"n1\", qop=\"auth\"\r\n");
    let second = bench.one(&Method::Register);
    assert!(field(&second.1, "Authorization").contains("username=\"gw\""), "{:?}", second.1);
    bench.respond(&second, 200, "Contact: <sip:8000@192.0.2.1:5060>;expires=300\r\n");
    assert_eq!(row(&bench, "8000"), ["8000", "1", "300", "yes"]);
    assert!(bench.sent().is_empty());
    // The registrar gave half of it; at four fifths of that it is refreshed.
    bench.wait(Duration::from_secs(241));
    let refresh = bench.one(&Method::Register);
    bench.respond(&refresh, 423, "Min-Expires: 900\r\n");
    let longer = bench.one(&Method::Register);
    assert_eq!(field(&longer.1, "Expires"), "900");
    bench.respond(&longer, 200, "Contact: <sip:8000@192.0.2.1:5060>;expires=900\r\n");
    assert_eq!(row(&bench, "8000"), ["8000", "1", "900", "yes"]);
    // What the configuration no longer wants is taken back.
    bench.configure(&["dial-peer voice 1 pots", "no sip-register"]);
    let last = bench.one(&Method::Register);
    assert_eq!(field(&last.1, "Expires"), "0");
    bench.respond(&last, 200, "");
    assert!(row(&bench, "8000").is_empty());
    bench.wait(Duration::from_secs(3600));
    assert!(bench.sent().is_empty());
}

#[test]
fn the_secondary_registrar_has_us_while_the_primary_does_not_answer() {
    let mut bench = SipBench::new(
        "dial-peer voice 5 voip\n destination-pattern 5...\n session protocol sipv2\n session target registrar\n!\n\
         sip-ua\n credentials number 4930 username trunk password 0 secret realm example\n retry register 2\n \
         registrar ipv4:192.0.2.9:5070\n registrar ipv4:192.0.2.10 expires 60 secondary\n",
    );
    let sent = registers(&mut bench);
    let to: Vec<_> = sent.iter().map(|(flow, _)| flow.remote.to_string()).collect();
    assert_eq!(to, ["192.0.2.9:5070", "192.0.2.10:5060"]);
    assert_eq!(field(&sent[0].1, "To"), "<sip:4930@192.0.2.9>");
    assert!(bench.switch.destination(5, None).is_none(), "nobody has us yet");
    bench.respond(&sent[1], 200, "Contact: <sip:4930@192.0.2.1:5060>;expires=60\r\n");
    assert_eq!(row(&bench, "4930"), ["4930", "-1", "60", "yes"]);
    let (to, _) = bench.switch.destination(5, None).unwrap();
    assert_eq!((to.host.as_str(), to.flows[0].remote.to_string()), ("192.0.2.10", "192.0.2.10:5060".into()));
    // `retry register 2` ends the first attempt after 500 + 1,000 + 2,000 ms; half a minute later comes the next one.
    bench.wait(Duration::from_secs(4));
    assert!(registers(&mut bench).is_empty());
    bench.wait(Duration::from_secs(34));
    let again = registers(&mut bench);
    let primary = again.iter().find(|(flow, _)| flow.remote.port() == 5070).unwrap();
    bench.respond(primary, 200, "Contact: <sip:4930@192.0.2.1:5060>;expires=3600\r\n");
    let (to, _) = bench.switch.destination(5, None).unwrap();
    assert_eq!(to.host, "192.0.2.9:5070");
}

#[test]
fn a_registrar_by_name_is_tried_at_each_of_its_addresses() {
    let mut bench = SipBench::new(&format!(
        "{TELEPHONES}ip domain name example.net\nsip-ua\n retry register 1\n registrar dns:reg tcp\n \
         timers registrar registrar-cache 600\n"
    ));
    assert!(registers(&mut bench).is_empty(), "its address is not known yet");
    let lookups = bench.lookups();
    assert_eq!(lookups[0].uri(), "sip:reg.example.net;transport=tcp");
    assert_eq!(lookups[0].every, Duration::from_secs(600));
    bench.resolve(&lookups[0], &["192.0.2.20:5062", "192.0.2.21:5060"]);
    let first = bench.one(&Method::Register);
    assert_eq!((first.0.transport, first.0.remote.port()), (sip::Transport::Tcp, 5062));
    assert_eq!(first.1.request_uri(), Some("sip:reg.example.net"));
    assert!(field(&first.1, "Contact").ends_with(";transport=tcp>"), "{:?}", first.1);
    bench.respond(&first, 503, "");
    let second = bench.one(&Method::Register);
    assert_eq!(second.0.remote.to_string(), "192.0.2.21:5060");
    // A connection that cannot be opened is a failure as well: nobody is left.
    let flow = second.0.clone();
    bench.switch.handle_sip_failure(bench.now, &flow);
    assert_eq!(row(&bench, "8000"), ["8000", "1", "3600", "no"]);
    bench.wait(Duration::from_secs(40));
    let again = registers(&mut bench);
    assert_eq!(again[0].0.remote.to_string(), "192.0.2.20:5062", "from the first on");
}

#[test]
fn a_gateway_that_ends_takes_its_registrations_back() {
    let mut bench = SipBench::new(&format!("{TELEPHONES}sip-ua\n registrar ipv4:192.0.2.9 expires 600\n"));
    let first = bench.one(&Method::Register);
    bench.respond(&first, 200, "Contact: <sip:8000@192.0.2.1:5060>;expires=600\r\n");
    assert!(!bench.switch.is_signed_off());
    let now = bench.now;
    bench.switch.sign_off(now);
    bench.settle();
    let last = bench.one(&Method::Register);
    assert_eq!(field(&last.1, "Expires"), "0");
    // What comes now does not register again.
    bench.configure(&["sip-ua", "retry invite 3"]);
    assert!(bench.sent().is_empty() && !bench.switch.is_signed_off());
    bench.respond(&last, 200, "");
    assert!(bench.switch.is_signed_off());
}

#[test]
fn a_tenant_registers_its_own_numbers_at_its_own_registrar_with_its_own_password() {
    let mut bench = SipBench::new(
        "voice class tenant 1\n registrar ipv4:192.0.2.11 expires 120\n outbound-proxy ipv4:192.0.2.12:5072\n \
         credentials number 4930 username one password 0 a realm r\n!\n\
         voice class tenant 2\n credentials number 4930 username two password 0 b realm r\n!\n\
         dial-peer voice 5 voip\n session protocol sipv2\n session target registrar\n voice-class sip tenant 1\n!\n\
         dial-peer voice 6 voip\n session protocol sipv2\n session target registrar\n voice-class sip tenant 2\n!\n\
         sip-ua\n registrar ipv4:192.0.2.9\n credentials number 4940 username all password 0 c realm r\n",
    );
    let mut sent = registers(&mut bench);
    let mut seen = Vec::new();
    while let Some(request) = sent.pop() {
        let challenge = "WWW-Authenticate: Digest realm=\"r\", nonce=\"1\"\r\n";
        if field(&request.1, "Authorization").is_empty() {
            bench.respond(&request, 401, challenge);
            sent.extend(registers(&mut bench));
            continue;
        }
        let login = field(&request.1, "Authorization");
        let user = login.split('"').nth(1).unwrap().to_owned();
        seen.push((user, field(&request.1, "To"), request.0.remote.to_string()));
        bench.respond(&request, 200, &format!("Contact: {};expires=120\r\n", field(&request.1, "Contact")));
    }
    seen.sort();
    let expected = [
        ("all", "<sip:4940@192.0.2.9>", "192.0.2.9:5060"),
        ("one", "<sip:4930@192.0.2.11>", "192.0.2.12:5072"),
        ("two", "<sip:4930@192.0.2.9>", "192.0.2.9:5060"),
    ];
    assert_eq!(seen, expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())));
    let host = |bench: &SipBench, peer| bench.switch.destination(peer, None).unwrap().0.host;
    assert_eq!((host(&bench, 5), host(&bench, 6)), ("192.0.2.11".to_owned(), "192.0.2.9".to_owned()));
    let shown = bench.show(&Show::SipUaRegisterStatus);
    let words: Vec<String> =
        shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let title = "Line peer expires(sec) registered";
    assert_eq!(
        words,
        [
            title,
            "4940 -1 120 yes",
            "Tenant: 1",
            title,
            "4930 -1 120 yes",
            "Tenant: 2",
            title,
            "4930 -1 120 yes"
        ]
    );
    // What a tenant no longer says is taken back, and nothing else.
    bench
        .configure(&["voice class tenant 2", "no credentials number 4930 username two password 0 b realm r"]);
    let last = bench.one(&Method::Register);
    assert_eq!(
        (field(&last.1, "Expires"), field(&last.1, "To")),
        ("0".into(), "<sip:4930@192.0.2.9>".into())
    );
}

#[test]
fn a_tenant_says_how_often_and_how_fast_a_register_is_sent_again() {
    let tenant = "voice class tenant 1\n registrar ipv4:192.0.2.11\n \
                  credentials number 4930 username one password 0 a realm r\n";
    for (lines, tried_again) in [("", false), (" retry register 2\n timers register 100\n", true)] {
        let mut bench = SipBench::new(&format!("{tenant}{lines}!\n"));
        assert_eq!(registers(&mut bench).len(), 1, "{lines}");
        // The first attempt ends after 100 + 200 + 400 ms, or after some 20 s; half a minute later comes the next one.
        bench.wait(Duration::from_secs(40));
        assert_eq!(!registers(&mut bench).is_empty(), tried_again, "{lines}");
    }
}

#[test]
fn a_tenant_registers_the_address_it_is_bound_to() {
    let mut bench = SipBench::new(&format!(
        "{TELEPHONES}interface Loopback7\n ip address 192.0.2.7 255.255.255.255\n!\nvoice class tenant 3\n \
         registrar ipv4:192.0.2.9\n credentials number 7000 username gw password 0 secret realm example\n \
         bind control source-interface Loopback7\n!\nsip-ua\n registrar ipv4:192.0.2.8\n"
    ));
    let all = registers(&mut bench);
    let said = |number: &str| {
        let found = all.iter().find(|(_, message)| field(message, "To").contains(number)).unwrap();
        (found.0.local.to_string(), field(&found.1, "Contact"))
    };
    assert_eq!(said("7000"), ("192.0.2.7:5060".into(), "<sip:7000@192.0.2.7:5060>".into()));
    assert_eq!(said("8000"), ("192.0.2.1:5060".into(), "<sip:8000@192.0.2.1:5060>".into()));
}

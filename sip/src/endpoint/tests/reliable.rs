//! Reliable provisional responses, both sides.

use super::invite::invite;
use super::*;

fn invite_100rel() -> String {
    invite().replace("Contact:", "Supported: timer, 100rel\r\nContact:")
}

fn prack(rack: &str) -> Message {
    Message::parse(Bytes::from(request("PRACK", "z9hG4bKp", &format!("RAck: {rack}\r\n")))).unwrap()
}

#[test]
fn a_reliable_response_is_repeated_until_its_prack_on_every_transport() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut bench = Bench::new(config());
        bench.endpoint.handle_received(bench.now, flow(transport), invite_100rel().into());
        let id = bench.request();
        let rseq = bench.endpoint.respond_reliably(bench.now, id, Reply::new(183)).unwrap();
        let sent = bench.sent().unwrap();
        assert!((1..1 << 31).contains(&rseq));
        assert_eq!((sent.rseq().unwrap(), sent.list_contains(Header::Require, "100rel")), (Some(rseq), true));
        assert_eq!(
            bench.endpoint.respond_reliably(bench.now, id, Reply::new(180)),
            Err(ReliableError::Pending)
        );
        // An unreliable one in between does not stop it.
        bench.respond(id, 180);
        assert_eq!(bench.pass(8_000 * MS), [500, 1500, 3500, 7500]);
        for wrong in
            [format!("{} 1 INVITE", rseq + 1), format!("{rseq} 2 INVITE"), format!("{rseq} 1 UPDATE")]
        {
            let refused = bench.endpoint.handle_prack(id, &prack(&wrong)).unwrap_err();
            assert_eq!(refused.status().as_u16(), 481, "{wrong}");
        }
        assert_eq!(bench.endpoint.handle_prack(id, &prack("x")).unwrap_err().status().as_u16(), 400);
        bench.endpoint.handle_prack(id, &prack(&format!("{rseq} 1 INVITE"))).unwrap();
        assert!(bench.pass(100_000 * MS).is_empty());
        assert!(bench.endpoint.handle_prack(id, &prack(&format!("{rseq} 1 INVITE"))).is_err(), "once");
        assert_eq!(bench.endpoint.respond_reliably(bench.now, id, Reply::new(180)), Ok(rseq + 1));
        bench.sent().unwrap();
        // The final answer ends the repetition of what is not acknowledged.
        bench.respond(id, 486);
        let tag = bench.endpoint.to_tag(id).unwrap();
        let ack = to(&request("ACK", "z9hG4bKi", ""), &tag);
        bench.endpoint.handle_received(bench.now, flow(transport), ack.into());
        assert!(bench.pass(100_000 * MS).is_empty());
        bench.assert_empty();
    }
}

#[test]
fn a_reliable_response_without_prack_is_reported_after_64_t1() {
    let mut bench = Bench::new(config());
    bench.udp(&invite_100rel());
    let id = bench.request();
    bench.endpoint.respond_reliably(bench.now, id, Reply::new(183)).unwrap();
    bench.sent().unwrap();
    assert_eq!(bench.pass(32_000 * MS), [500, 1500, 3500, 7500, 15500, 31500]);
    assert!(matches!(bench.event(), Event::PrackTimeout { id: late } if late == id));
    assert_eq!(bench.respond(id, 504).status().unwrap(), 504);
}

#[test]
fn what_cannot_be_sent_reliably_is_not_sent() {
    let mut bench = Bench::new(config());
    bench.udp(&invite());
    let id = bench.request();
    let mut try_status = |status| bench.endpoint.respond_reliably(bench.now, id, Reply::new(status));
    assert_eq!(try_status(183), Err(ReliableError::NotSupported));
    assert_eq!(try_status(100), Err(ReliableError::Status(100)));
    assert_eq!(try_status(200), Err(ReliableError::Status(200)));
    bench.respond(id, 486);
    assert_eq!(bench.endpoint.respond_reliably(bench.now, id, Reply::new(183)), Err(ReliableError::Gone));
}

#[test]
fn the_client_acknowledges_reliable_responses_in_order() {
    let response = |rseq: u32, require: &str| {
        Message::parse(Bytes::from(format!(
            "SIP/2.0 183 x\r\nVia: SIP/2.0/UDP h\r\nCSeq: 101 INVITE\r\nRSeq: {rseq}\r\n{require}\r\n"
        )))
        .unwrap()
    };
    let mut books = ReliableResponses::new();
    let require = "Require: 100rel\r\n";
    assert_eq!(books.handle(&response(5, "")), Received::Unreliable);
    assert_eq!(books.handle(&response(5, require)), Received::New { rack: "5 101 INVITE".into() });
    assert_eq!(books.handle(&response(5, require)), Received::Repeated);
    assert_eq!(books.handle(&response(7, require)), Received::Gap);
    assert_eq!(books.handle(&response(6, require)), Received::New { rack: "6 101 INVITE".into() });
    assert_eq!(books.handle(&response(7, require)), Received::New { rack: "7 101 INVITE".into() });
    assert_eq!(books.handle(&response(4, require)), Received::Repeated);
}

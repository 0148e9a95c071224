//! INVITE, server side.

use super::*;

pub(super) fn invite() -> String {
    request("INVITE", "z9hG4bKi", "Contact: <sip:vm@192.0.2.9>\r\n")
}

#[test]
fn an_invite_gets_100_after_200_ms_and_not_when_the_user_was_faster() {
    let mut bench = Bench::new(config());
    bench.udp(&invite());
    bench.request();
    bench.now += 200 * MS;
    bench.endpoint.handle_timeout(bench.now);
    let trying = bench.sent().unwrap();
    assert_eq!(trying.status().unwrap(), 100);
    assert_eq!(trying.to().unwrap().tag(), None);
    // A repetition is answered with the latest provisional response.
    bench.udp(&invite());
    assert_eq!(bench.sent().unwrap().status().unwrap(), 100);

    let mut bench = Bench::new(config());
    bench.udp(&invite());
    let id = bench.request();
    assert_eq!(bench.respond(id, 180).status().unwrap(), 180);
    assert!(bench.pass(100_000 * MS).is_empty());
    bench.udp(&invite());
    assert_eq!(bench.sent().unwrap().status().unwrap(), 180);
}

#[test]
fn a_refused_invite_is_repeated_by_timer_g_until_the_ack_and_gone_after_timer_i() {
    let mut bench = Bench::new(config());
    bench.udp(&invite());
    let id = bench.request();
    let answer = bench.respond(id, 486);
    assert_eq!(bench.pass(8_000 * MS), [500, 1500, 3500, 7500], "T1 doubling up to T2");
    let ack = to(&request("ACK", "z9hG4bKi", ""), answer.to().unwrap().tag().unwrap());
    bench.udp(&ack);
    assert!(bench.endpoint.poll_event().is_none(), "the transaction eats it");
    assert!(bench.pass(4_999 * MS).is_empty());
    bench.udp(&ack);
    assert_eq!(bench.endpoint.active_transactions(), 1);
    bench.pass(MS);
    bench.assert_empty();
    bench.udp(&ack);
    assert_eq!(bench.endpoint.statistics().stray_acks, 1);
}

#[test]
fn without_an_ack_timer_h_ends_it_after_64_t1() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut bench = Bench::new(config());
        bench.endpoint.handle_received(bench.now, flow(transport), invite().into());
        let id = bench.request();
        bench.respond(id, 404);
        let sent = bench.pass(31_999 * MS);
        let expected: &[u64] = match transport {
            Transport::Udp => &[500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500],
            _ => &[],
        };
        assert_eq!(sent, expected);
        assert!(bench.endpoint.poll_event().is_none());
        bench.pass(MS);
        assert!(matches!(bench.event(), Event::AckTimeout { id: ended } if ended == id));
        bench.assert_empty();
    }
}

#[test]
fn a_2xx_is_repeated_on_every_transport_until_its_own_ack_comes() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut bench = Bench::new(config());
        bench.endpoint.handle_received(bench.now, flow(transport), invite().into());
        let id = bench.request();
        let answer = bench.respond(id, 200);
        assert_eq!(bench.pass(4_000 * MS), [500, 1500, 3500]);
        // RFC 6026: a repeated INVITE is absorbed.
        bench.endpoint.handle_received(bench.now, flow(transport), invite().into());
        assert!(bench.sent().is_none() && bench.endpoint.poll_event().is_none());
        let tag = answer.to().unwrap().tag().unwrap();
        let ack = to(&request("ACK", "z9hG4bKother", ""), tag)
            .replace("Call-ID: z9hG4bKother", "Call-ID: z9hG4bKi");
        for _ in 0..2 {
            bench.endpoint.handle_received(bench.now, flow(transport), ack.clone().into());
        }
        assert!(matches!(bench.event(), Event::Ack { id: acked, .. } if acked == id));
        assert!(bench.endpoint.poll_event().is_none(), "once");
        assert!(bench.pass(27_999 * MS).is_empty());
        assert_eq!(bench.endpoint.active_transactions(), 1);
        bench.pass(MS);
        bench.assert_empty();
    }
}

#[test]
fn a_2xx_without_ack_is_reported() {
    let mut bench = Bench::new(config());
    bench.udp(&invite());
    let id = bench.request();
    bench.respond(id, 200);
    bench.endpoint.respond(bench.now, id, Reply::new(200).to_tag("fork2")).unwrap();
    assert!(bench.endpoint.respond(bench.now, id, Reply::new(486)).is_err());
    bench.pass(32_000 * MS);
    assert!(matches!(bench.event(), Event::AckTimeout { .. }));
    bench.assert_empty();
}

#[test]
fn an_rfc_2543_ack_is_matched_by_the_tag_of_the_response() {
    let mut bench = Bench::new(config());
    let strip = |text: String| text.replace(";branch=z9hG4bKi", "");
    bench.udp(&strip(invite()));
    let id = bench.request();
    let answer = bench.respond(id, 486);
    let ack = strip(to(&request("ACK", "z9hG4bKi", ""), answer.to().unwrap().tag().unwrap()));
    bench.udp(&ack.replace("tag=1", "tag=2"));
    assert_eq!(bench.endpoint.statistics().stray_acks, 1);
    bench.udp(&ack);
    assert!(bench.pass(4_999 * MS).is_empty(), "timer G stopped");
    bench.pass(MS);
    bench.assert_empty();
}

#[test]
fn a_cancel_is_answered_once_per_copy_and_reported_once() {
    let mut bench = Bench::new(config());
    bench.udp(&invite());
    let id = bench.request();
    bench.respond(id, 180);
    let cancel = request("CANCEL", "z9hG4bKi", "");
    for copy in 0..2 {
        bench.udp(&cancel);
        let answer = bench.sent().unwrap();
        assert_eq!((answer.status().unwrap().as_u16(), answer.cseq().unwrap().method), (200, "CANCEL"));
        assert_eq!(
            answer.to().unwrap().tag(),
            bench.endpoint.to_tag(id).as_deref(),
            "RFC 3261 9.2: same To tag"
        );
        match bench.endpoint.poll_event() {
            Some(Event::Cancel { id: cancelled, .. }) => assert!(cancelled == id && copy == 0),
            Some(other) => panic!("{other:?}"),
            None => assert_eq!(copy, 1),
        }
    }
    bench.respond(id, 487);
    // Too late: it is answered, and has no effect.
    bench.udp(&cancel);
    assert_eq!(bench.sent().unwrap().status().unwrap(), 200);
    assert!(bench.endpoint.poll_event().is_none());
}

//! Measures the CPU a NOTIFY costs: read, checked, transaction made, answered with 200, answer encoded.
//!
//! `cargo run --release -p sip --example notify_cost [COUNT]` prints nanoseconds of CPU time per NOTIFY of
//! 575 octets. Every request is new (own branch and Call-ID) and its transaction is kept for timer J;
//! virtual time runs at 1,000 NOTIFYs a second, so that 32,000 transactions are alive and expiry is part of
//! the cost.

use std::error::Error;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip::{Endpoint, EndpointConfig, Event, Flow, Message, Reply, Transport};

const SIZE: usize = 575;

fn main() -> Result<(), Box<dyn Error>> {
    let count: u64 = std::env::args().nth(1).map_or(Ok(200_000), |text| text.parse())?;
    let flow = Flow {
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse()?,
        remote: "192.0.2.9:5060".parse()?,
        connection: None,
    };
    let messages: Vec<Bytes> = (0..count).map(notify).collect();

    // Reading alone, with the headers a user looks at.
    let before = cpu_time()?;
    for message in &messages {
        let message = Message::parse(message.clone())?;
        std::hint::black_box((
            message.top_via()?,
            message.from()?.tag(),
            message.call_id()?,
            message.cseq()?,
        ));
    }
    let parse = cpu_time()?.saturating_sub(before);

    let config = EndpointConfig {
        allow_events: vec!["message-summary".into()],
        server: Some("Tipring".into()),
        ..EndpointConfig::default()
    };
    let mut endpoint = Endpoint::new(config, [7; 32]);
    let start = Instant::now();
    let mut octets_out = 0;
    let before = cpu_time()?;
    for (number, message) in (0u32..).zip(&messages) {
        let now = start + Duration::from_millis(1) * number;
        endpoint.handle_timeout(now);
        endpoint.handle_received(now, flow.clone(), message.clone());
        while let Some(event) = endpoint.poll_event() {
            if let Event::Request { id, .. } = event {
                endpoint.respond(now, id, Reply::new(200))?;
            }
        }
        while let Some(transmit) = endpoint.poll_transmit() {
            octets_out += transmit.payload.len();
        }
    }
    let whole = cpu_time()?.saturating_sub(before);
    let answered = endpoint.statistics().responses_sent.get(200);
    if answered != count {
        return Err(format!("{count} NOTIFYs in, {answered} answered with 200").into());
    }
    println!("notifies {count}");
    println!("parse_ns_per_notify {}", parse.as_nanos() / u128::from(count.max(1)));
    println!("transaction_ns_per_notify {}", whole.as_nanos() / u128::from(count.max(1)));
    println!("octets_per_answer {}", octets_out as u64 / count.max(1));
    println!("live_transactions {}", endpoint.active_transactions());
    Ok(())
}

fn notify(number: u64) -> Bytes {
    let body = "Messages-Waiting: yes\r\nMessage-Account: sip:8000@192.0.2.1\r\nVoice-Message: 2/8 (0/2)\r\n";
    let head = format!(
        "NOTIFY sip:8000@192.0.2.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK{number:012x};rport\r\n\
         From: \"Voice Mail\" <sip:vm@192.0.2.9>;tag={number:08x}\r\nTo: <sip:8000@192.0.2.1>\r\n\
         Call-ID: {number:016x}@192.0.2.9\r\nCSeq: 1 NOTIFY\r\nMax-Forwards: 70\r\nContact: <sip:vm@192.0.2.9:5060>\r\n\
         Event: message-summary\r\nSubscription-State: active;expires=3600\r\n\
         Content-Type: application/simple-message-summary\r\nContent-Length: {}\r\n",
        body.len()
    );
    let filler = SIZE.saturating_sub(head.len() + body.len() + "User-Agent: \r\n\r\n".len());
    Bytes::from(format!("{head}User-Agent: {}\r\n\r\n{body}", "v".repeat(filler)))
}

/// User and system time of this process so far.
fn cpu_time() -> Result<Duration, Box<dyn Error>> {
    let schedstat = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanoseconds = schedstat.split_ascii_whitespace().next().ok_or("schedstat is empty")?;
    Ok(Duration::from_nanos(nanoseconds.parse()?))
}

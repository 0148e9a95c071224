//! Any octets from a serial line, in pieces, between requests: each request ends once, nothing grows without bound, and
//! what is read prints as it was meant.
#![no_main]

use std::time::{Duration, Instant};

use mwi::smdi::{Decoder, Desk, Event, MAX_MESSAGE};

fuzz::target!(|octets: &[u8]| {
    let now = Instant::now();
    let silence = Duration::from_secs(2);
    let mut desk = Desk::new(silence);
    let mut decoder = Decoder::new();
    let (mut asked, mut ended) = (0, 0);
    for (n, piece) in octets.chunks(MAX_MESSAGE / 3).enumerate() {
        let number = format!("{n:04}");
        asked += usize::from(desk.send(now, &number, n % 2 == 0).is_ok());
        desk.handle_octets(piece);
        decoder.push(piece);
        while let Some(event) = desk.poll(now) {
            assert!(!matches!(event, Event::Done { .. }), "done before the silence was over");
        }
    }
    while let Some(event) = desk.poll(now + silence) {
        ended += usize::from(matches!(event, Event::Done { .. }));
    }
    assert!(ended <= asked && desk.poll_timeout().is_none());
    while let Some(read) = decoder.poll() {
        if let Ok(message) = read {
            let mut again = Decoder::new();
            again.push(message.to_string().as_bytes());
            assert_eq!(again.poll(), Some(Ok(message)));
        }
    }
});

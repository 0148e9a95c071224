//! Any octets as a Q.921 frame and as bits of a timeslot: read or refused, written as they came, and no link is beyond help
//! afterwards.
#![no_main]

use std::time::{Duration, Instant};

use qsig::Side;
use qsig::hdlc::{BitOrder, Decoder};
use qsig::lapd::{Frame, FrameReject, Link, Parameters};

fuzz::target!(|octets: &[u8]| {
    if let Ok(frame) = Frame::parse(octets) {
        assert_eq!(frame.to_bytes(), octets);
        if let Some(reject) = FrameReject::parse(frame.information) {
            assert_eq!(FrameReject::parse(&reject.to_octets()), Some(reject));
        }
    }
    let _ = qsig::decode::q921(octets, false);
    for order in [BitOrder::LsbFirst, BitOrder::MsbFirst] {
        let limit = 264;
        Decoder::new(order, limit)
            .push(octets, |frame| assert!(frame.map_or(true, |frame| frame.len() <= limit)));
    }

    let mut now = Instant::now();
    let mut link = Link::new(Side::Network, Parameters::default());
    link.handle_link(now, true);
    link.handle_frame(now, &[0x02, 0x01, 0x73]);
    let _ = link.send(vec![1, 2, 3].into());
    // The input is a list of frames: an octet of length, the octets.
    let mut rest = octets;
    while let Some((&length, tail)) = rest.split_first() {
        let (frame, tail) = tail.split_at(usize::from(length).min(tail.len()));
        fuzz::timed(frame.len(), || {
            link.handle_frame(now, frame);
            link.flush(now);
            now += Duration::from_millis(100);
            link.handle_timeout(now);
            while link.poll_indication().is_some() {}
            while link.poll_frame().is_some() {}
        });
        rest = tail;
    }
    link.handle_frame(now, &[0x00, 0x01, 0x7F]);
    link.handle_frame(now, &[0x02, 0x01, 0x73]);
    assert!(link.is_established());
});

//! Who sends: another source in the same stream.

use media::rtp::rtcp::{self, Rtcp};

use super::*;

/// A packet of this source, µ-law.
fn from_source(ssrc: u32, n: u16, payload: &[u8]) -> Vec<u8> {
    let header = Header { marker: n == 0, payload_type: 0, sequence: n, timestamp: u32::from(n) * 160, ssrc };
    let mut wire = Vec::new();
    header.write(&mut wire);
    wire.extend_from_slice(payload);
    wire
}

/// Whom our reports are about, and what they say was lost of it.
fn reported(plane: &mut Plane) -> Vec<(u32, i32)> {
    let mut about = Vec::new();
    while let Some(datagram) = plane.poll_datagram() {
        if datagram.rtcp {
            rtcp::parse(&datagram.octets, |packet| {
                if let Rtcp::SenderReport { blocks, .. } | Rtcp::ReceiverReport { blocks, .. } = packet {
                    about.extend(blocks.iter().map(|block| (block.report.ssrc, block.report.lost)));
                }
            })
            .unwrap();
        }
    }
    about
}

/// RFC 3550 8: a source may take another identifier at any time; its numbers begin anew with it.
#[test]
fn a_source_that_changes_in_a_call_is_heard_on_and_reported_by_its_new_name() {
    let (mut plane, now) = plane();
    let end = open(&mut plane, now, 1, settings(Law::Mu, 4000));
    plane.handle(now, MediaCommand::Connect { a: LINE, b: end });
    let mut encoded = [0; TICK];
    let mut seen = Vec::new();
    let mut at = now;
    // 6 s of each: a report of each at least.
    for (ssrc, first) in [(0x0101_0101, 60_000_u16), (0x0202_0202, 5)] {
        let mut heard: Vec<i16> = Vec::new();
        for (n, block) in (0u16..300).zip(tone(300 * TICK).chunks(TICK)) {
            g711::encode(Law::Mu, block, &mut encoded);
            plane.handle_rtp(at, 1, peer(4000), &mut from_source(ssrc, first.wrapping_add(n), &encoded));
            plane.put(LINE, &[0; TICK]);
            at += Duration::from_millis(20);
            plane.tick(at, ntp(Duration::from_secs(1_800_000_000)));
            heard.extend(plane.heard_by(LINE).unwrap());
            seen.extend(reported(&mut plane));
        }
        // A new source needs its delay once more, and nothing else is missing.
        let silent = heard.iter().take_while(|sample| sample.abs() < 100).count();
        assert!(silent <= 8 * 140, "{ssrc:x}: {silent}");
        assert!((level_dbm0(&heard[silent..]) - level_dbm0(&tone(8000))).abs() < 0.3, "{ssrc:x}");
        assert_eq!(seen.last(), Some(&(ssrc, 0)));
    }
}

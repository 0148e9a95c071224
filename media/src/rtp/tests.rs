#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;

fn header(sequence: u16, timestamp: u32) -> Header {
    Header { marker: false, payload_type: 8, sequence, timestamp, ssrc: 77 }
}

#[test]
fn sources_extension_and_padding_are_stepped_over() {
    let mut wire = vec![0x80 | 0x20 | 0x10 | 2, 0x88];
    wire.extend([0, 1, 0, 0, 0, 160, 0, 0, 0, 9]);
    wire.extend([1; 8]);
    wire.extend([0xBE, 0xDE, 0, 1, 5, 6, 7, 8]);
    wire.extend([0xD5, 0xD5, 0, 0, 3]);
    let packet = Packet::parse(&wire).unwrap();
    assert_eq!(packet.extension(), Some((0xBEDE, [5, 6, 7, 8].as_slice())));
    assert_eq!(packet.payload(), [0xD5, 0xD5]);
    assert!(packet.header().marker);
    assert_eq!(packet.header().payload_type, 8);
}

#[test]
fn what_is_no_rtp_is_refused_by_name() {
    let good = {
        let mut w = Vec::new();
        header(1, 2).write(&mut w);
        w
    };
    assert_eq!(Packet::parse(&good[..11]), Err(RtpError::Short { len: 11, need: 12 }));
    let with = |first: u8, tail: &[u8]| [&[first], &good[1..], tail].concat();
    assert_eq!(Packet::parse(&with(0x40, &[])), Err(RtpError::Version { found: 1 }));
    assert_eq!(Packet::parse(&with(0x81, &[])), Err(RtpError::Short { len: 12, need: 16 }));
    assert_eq!(Packet::parse(&with(0x90, &[0, 0, 0, 2])), Err(RtpError::Short { len: 16, need: 24 }));
    assert_eq!(Packet::parse(&with(0xA0, &[])), Err(RtpError::Padding { found: 0, len: 0 }));
    assert_eq!(Packet::parse(&with(0xA0, &[1, 3])), Err(RtpError::Padding { found: 3, len: 2 }));
    assert!(is_rtcp(&[0x80, 200, 0, 0]) && !is_rtcp(&good) && !is_rtcp(&[0x80]));
}

/// RFC 3550 A.3: loss of 64 of 256 is a quarter.
#[test]
fn loss_is_counted_in_all_and_since_the_last_report() {
    let mut reception = Reception::default();
    assert_eq!(reception.report(), None);
    for n in 0u16..256 {
        if n % 4 != 3 {
            assert!(
                reception.packet(&header(65_500u16.wrapping_add(n), u32::from(n) * 160), u32::from(n) * 160)
            );
        }
    }
    // The last of the 256 is among the lost, so it is not expected yet.
    let report = reception.report().unwrap();
    assert_eq!((reception.expected(), reception.received()), (255, 192));
    assert_eq!((report.lost, report.fraction_lost, report.jitter), (63, 63, 0));
    assert_eq!(report.highest, (1 << 16) + (65_500 + 254 - 65_536));
    assert!(reception.packet(&header(65_500u16.wrapping_add(255), 255 * 160), 255 * 160));
    let report = reception.report().unwrap();
    assert_eq!((report.lost, report.fraction_lost), (63, 0));
}

#[test]
fn steady_arrival_has_no_jitter_and_alternating_delay_has_its_difference() {
    let mut reception = Reception::default();
    for n in 0u16..500 {
        let late = if n % 2 == 0 { 0 } else { 80 };
        reception.packet(&header(n, u32::from(n) * 160), u32::from(n) * 160 + late);
    }
    assert!((79..=80).contains(&reception.jitter()), "{}", reception.jitter());
}

#[test]
fn a_jump_is_believed_the_second_time_and_another_source_at_once() {
    let mut reception = Reception::default();
    assert!(reception.packet(&header(10, 0), 0));
    assert!(!reception.packet(&header(30_000, 0), 160));
    assert!(reception.packet(&header(11, 160), 160));
    assert!(!reception.packet(&header(40_000, 0), 320));
    assert!(reception.packet(&header(40_001, 160), 320));
    assert_eq!(reception.expected(), 1);
    assert!(reception.packet(&Header { ssrc: 5, ..header(9, 0) }, 0));
    assert_eq!(reception.report().unwrap().ssrc, 5);
}

proptest! {
    #[test]
    fn any_octets_are_read_or_refused(wire in prop::collection::vec(any::<u8>(), 0..64), version in any::<bool>()) {
        let mut wire = wire;
        if let (true, Some(b)) = (version, wire.first_mut()) {
            *b = 0x80 | (*b & 0x3F);
        }
        if let Ok(packet) = Packet::parse(&wire) {
            prop_assert!(packet.payload().len() + HEADER_LEN <= wire.len());
        }
    }

    #[test]
    fn reading_gives_what_was_written(
        marker in any::<bool>(), payload_type in 0u8..128, sequence in any::<u16>(), timestamp in any::<u32>(),
        ssrc in any::<u32>(), payload in prop::collection::vec(any::<u8>(), 0..200)
    ) {
        let header = Header { marker, payload_type, sequence, timestamp, ssrc };
        let mut wire = Vec::new();
        header.write(&mut wire);
        wire.extend(&payload);
        let packet = Packet::parse(&wire).unwrap();
        prop_assert_eq!(packet.header(), header);
        prop_assert_eq!(packet.payload(), payload);
    }

    #[test]
    fn counting_never_overflows(packets in prop::collection::vec((any::<u16>(), any::<u32>(), any::<u32>()), 0..100)) {
        let mut reception = Reception::default();
        for (sequence, timestamp, arrival) in packets {
            reception.packet(&header(sequence, timestamp), arrival);
            let _ = (reception.jitter(), reception.expected());
        }
        let _ = reception.report();
    }
}

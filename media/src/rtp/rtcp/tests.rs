#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;

fn read(wire: &[u8]) -> Result<Vec<Rtcp>, RtcpError> {
    let mut out = Vec::new();
    parse(wire, |p| out.push(p))?;
    Ok(out)
}

fn block(ssrc: u32, lost: i32) -> ReportBlock {
    let report = Report { ssrc, fraction_lost: 64, lost, highest: 70_000, jitter: 12 };
    ReportBlock { report, last_sr: 0x1234_5678, delay: 65_536 }
}

#[test]
fn octets_of_a_receiver_report_with_name() {
    let mut wire = Vec::new();
    write_report(&mut wire, 1, None, &[block(2, -1)], "a@b");
    assert_eq!(
        wire,
        [
            [0x81, 201, 0, 7].as_slice(),
            &[0, 0, 0, 1, 0, 0, 0, 2, 64, 0xFF, 0xFF, 0xFF, 0, 1, 0x11, 0x70, 0, 0, 0, 12],
            &[0x12, 0x34, 0x56, 0x78, 0, 1, 0, 0],
            &[0x81, 202, 0, 3, 0, 0, 0, 1, 1, 3, b'a', b'@', b'b', 0, 0, 0],
        ]
        .concat()
    );
}

#[test]
fn what_is_written_is_read_with_every_length_of_name() {
    for n in 0..12 {
        let mut wire = Vec::new();
        let info = SenderInfo { ntp: u64::MAX - 5, timestamp: 1, packets: 2, octets: 3 };
        let blocks = vec![block(9, -0x80_0000), block(10, 0x7F_FFFF)];
        write_report(&mut wire, 7, Some(info), &blocks, &"x".repeat(n));
        write_bye(&mut wire, 7);
        assert_eq!(
            read(&wire).unwrap(),
            [
                Rtcp::SenderReport { ssrc: 7, info, blocks },
                Rtcp::Other { packet_type: 202 },
                Rtcp::Bye { ssrcs: vec![7] }
            ]
        );
    }
    let mut wire = Vec::new();
    write_report(&mut wire, 7, None, &vec![block(1, 0); 40], &"x".repeat(400));
    assert!(matches!(&read(&wire).unwrap()[0], Rtcp::ReceiverReport { blocks, .. } if blocks.len() == 31));
}

/// The example of RFC 3550 figure 2: A 0xb710:8000, LSR 0xb705:2000, DLSR 5.25 s make 6.125 s.
#[test]
fn round_trip_of_the_rfcs_example() {
    let block = ReportBlock { last_sr: 0xB705_2000, delay: 0x0005_4000, ..block(1, 0) };
    assert_eq!(block.round_trip(0xB710_8000_0000), Some(Duration::from_millis(6125)));
    assert_eq!(ReportBlock { last_sr: 0, ..block }.round_trip(5), None);
    assert_eq!(block.round_trip(0xB705_2000_0000), None);
}

#[test]
fn what_is_shorter_than_it_says_is_refused() {
    assert_eq!(read(&[0x80, 201]), Err(RtcpError::Short { packet_type: 0, len: 2 }));
    assert_eq!(read(&[0x80, 201, 0, 1]), Err(RtcpError::Short { packet_type: 201, len: 4 }));
    assert_eq!(read(&[0x81, 201, 0, 1, 0, 0, 0, 1]), Err(RtcpError::Short { packet_type: 201, len: 8 }));
    assert_eq!(read(&[0x40, 201, 0, 0]), Err(RtcpError::Version { found: 1 }));
}

proptest! {
    #[test]
    fn any_octets_are_read_or_refused(mut wire in prop::collection::vec(any::<u8>(), 0..120), kind in 199u8..206, words in 0u8..30) {
        if let [b0, t, l0, l1, ..] = wire.as_mut_slice() {
            *b0 = 0x80 | (*b0 & 0x3F);
            (*t, *l0, *l1) = (kind, 0, words);
        }
        let _ = read(&wire);
    }
}

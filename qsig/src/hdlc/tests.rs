#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

/// Decodes a line given as text of ones and zeros, first bit first.
fn decode(line: &str) -> Vec<Result<Vec<u8>, HdlcError>> {
    let bits: Vec<u8> = line.bytes().filter(|c| *c != b' ').map(|c| c - b'0').collect();
    let octets: Vec<u8> =
        bits.chunks(8).map(|chunk| chunk.iter().enumerate().fold(0, |o, (n, b)| o | b << n)).collect();
    let mut frames = Vec::new();
    Decoder::new(BitOrder::LsbFirst, 264).push(&octets, |frame| frames.push(frame.map(<[u8]>::to_vec)));
    frames
}

/// The line of a frame in ones and zeros, stuffed by hand from its octets.
fn line(octets: &[u8]) -> String {
    let mut text = String::new();
    for octet in octets.iter().copied().chain(fcs16(octets).to_le_bytes()) {
        for n in 0..8 {
            text.push(if octet >> n & 1 == 1 { '1' } else { '0' });
            if text.ends_with("11111") {
                text.push('0');
            }
        }
    }
    text
}

const FLAG_BITS: &str = "01111110";

#[test]
fn check_value_of_the_sequence() {
    // CRC-16/X-25 check value, and the residue property: data with FCS gives 0x0F47 complemented.
    assert_eq!(fcs16(b"123456789"), 0x906E);
    let whole = [b"123456789".as_slice(), &0x906E_u16.to_le_bytes()].concat();
    assert_eq!(!fcs16(&whole), 0xF0B8);
}

#[test]
fn zeros_are_inserted_after_five_ones() {
    let mut encoder = Encoder::new(BitOrder::LsbFirst);
    encoder.push(&[0xFF, 0xFF, 0xFF]).unwrap();
    let mut octets = [0; 10];
    encoder.fill(&mut octets);
    let bits: String =
        octets.iter().flat_map(|o| (0..8).map(move |n| if o >> n & 1 == 1 { '1' } else { '0' })).collect();
    let frame = line(&[0xFF, 0xFF, 0xFF]);
    assert!(bits.starts_with(&format!("{FLAG_BITS}{frame}{FLAG_BITS}")), "{bits}");
    assert!(frame.starts_with("1111101111101111101111101111"), "{frame}");
    assert!(encoder.is_idle());
}

#[test]
fn ones_before_a_flag_do_not_count_after_it() {
    // Whatever the first frame's check sequence ends in, the second is stuffed from its own first bit.
    for last in 0..=255 {
        let frames = [[0x00, 0x01, last], [0xFF; 3]];
        let mut encoder = Encoder::new(BitOrder::LsbFirst);
        for frame in &frames {
            encoder.push(frame).unwrap();
        }
        let mut octets = [0; 20];
        encoder.fill(&mut octets);
        let bits: String = octets
            .iter()
            .flat_map(|o| (0..8).map(move |n| if o >> n & 1 == 1 { '1' } else { '0' }))
            .collect();
        let wanted: String = frames.iter().map(|frame| format!("{FLAG_BITS}{}", line(frame))).collect();
        assert!(bits.starts_with(&wanted), "{last:#04x}: {bits}");
    }
}

#[test]
fn flags_may_be_shared_and_share_a_zero() {
    let frame = line(&[0x02, 0x01, 0x7F]);
    let shared = format!("{FLAG_BITS}{frame}{FLAG_BITS}{frame}{FLAG_BITS}");
    assert_eq!(decode(&shared), vec![Ok(vec![0x02, 0x01, 0x7F]); 2]);
    let zero = format!("0111111 0111111 0111111 0 {frame} 0111111 01111110");
    assert_eq!(decode(&zero), [Ok(vec![0x02, 0x01, 0x7F])]);
}

#[test]
fn damage_is_named() {
    let frame = line(&[0x02, 0x01, 0x7F]);
    let mut wrong = frame.clone().into_bytes();
    wrong[0] ^= 1;
    let wrong = String::from_utf8(wrong).unwrap();
    assert!(matches!(decode(&format!("{FLAG_BITS}{wrong}{FLAG_BITS}"))[..], [Err(HdlcError::Fcs { .. })]));
    assert_eq!(decode(&format!("{FLAG_BITS}{frame}0{FLAG_BITS}")), [Err(HdlcError::Alignment(41))]);
    assert_eq!(decode(&format!("{FLAG_BITS}{}{FLAG_BITS}", &line(&[0])[..16])), [Err(HdlcError::Short(2))]);
    let aborted = format!("{FLAG_BITS}0000111100001111 11111111 {FLAG_BITS}{frame}{FLAG_BITS}");
    assert_eq!(decode(&aborted), [Err(HdlcError::Abort), Ok(vec![0x02, 0x01, 0x7F])]);
    assert_eq!(decode("1111111111111111111111"), []);
}

#[test]
fn overlong_frame_takes_no_room() {
    let mut decoder = Decoder::new(BitOrder::LsbFirst, 10);
    let mut encoder = Encoder::new(BitOrder::LsbFirst);
    for length in [10, 11, 5000, 10] {
        encoder.push(&vec![0; length]).unwrap();
    }
    let mut octets = vec![0; 6000];
    encoder.fill(&mut octets);
    let mut frames = Vec::new();
    decoder.push(&octets, |frame| frames.push(frame.map(<[u8]>::len)));
    assert_eq!(frames, [Ok(10), Err(HdlcError::Long(10)), Err(HdlcError::Long(10)), Ok(10)]);
    assert!(decoder.octets.capacity() < 64);
}

#[test]
fn queue_is_bounded() {
    let mut encoder = Encoder::new(BitOrder::MsbFirst);
    for _ in 0..Encoder::MAX_QUEUE {
        encoder.push(&[0, 1, 2]).unwrap();
    }
    assert_eq!(encoder.push(&[0, 1, 2]), Err(QueueFull));
}

proptest! {
    /// Frames come out as they went in, whatever the cut into timeslot octets and the bit the line starts at.
    #[test]
    fn frames_survive_the_line(
        frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 3..264), 1..6),
        cut in 1usize..20,
        skew in 0usize..8,
        order in prop_oneof![Just(BitOrder::LsbFirst), Just(BitOrder::MsbFirst)],
    ) {
        let mut encoder = Encoder::new(order);
        for _ in 0..skew {
            encoder.next();
        }
        let mut decoder = Decoder::new(order, 264);
        let mut found = Vec::new();
        // The line idles before the first frame, or its opening flag could be the one cut in two.
        let mut idle = [0; 2];
        encoder.fill(&mut idle);
        decoder.push(&idle, |frame| found.push(frame.map(<[u8]>::to_vec)));
        for frame in &frames {
            encoder.push(frame).unwrap();
        }
        for _ in 0..4000 / cut {
            let mut octets = vec![0; cut];
            encoder.fill(&mut octets);
            decoder.push(&octets, |frame| found.push(frame.map(<[u8]>::to_vec)));
        }
        prop_assert_eq!(found, frames.into_iter().map(Ok).collect::<Vec<_>>());
    }

    /// Noise gives errors at most, and memory stays bounded.
    #[test]
    fn noise_is_survived(octets in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let mut decoder = Decoder::new(BitOrder::LsbFirst, 264);
        decoder.push(&octets, |frame| assert!(frame.map_or(true, |frame| frame.len() <= 264)));
        prop_assert!(decoder.octets.len() <= 267);
    }
}

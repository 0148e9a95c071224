#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;

fn read(receiver: &mut Receiver, datagram: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut taken = Vec::new();
    receiver.receive(datagram, |number, packet| taken.push((number, packet.to_vec()))).unwrap();
    taken
}

#[test]
fn datagrams_have_number_packet_and_repetitions() {
    let mut sender = Sender::new(100);
    assert_eq!(sender.datagram(b"ab", 3).unwrap(), b"\0\0\x02ab\0\0");
    assert_eq!(sender.datagram(b"c", 0).unwrap(), b"\0\x01\x01c\0\0");
    assert_eq!(sender.datagram(b"d", 1).unwrap(), b"\0\x02\x01d\0\x01\x01c");
    assert_eq!(sender.datagram(b"e", 9).unwrap(), b"\0\x03\x01e\0\x03\x01d\x01c\x02ab");
    let long = sender.datagram(&[7; 200], 2).unwrap();
    assert_eq!(long[..4], [0, 4, 0x80, 200], "longer than a datagram may be, but alone");
    assert_eq!(long.len(), 2 + 2 + 200 + 2);
    assert!(sender.datagram(&[0; 0x4000], 0).is_none());
}

#[test]
fn what_is_lost_comes_with_the_next_and_nothing_comes_twice() {
    let mut sender = Sender::new(1400);
    let all: Vec<Vec<u8>> = (0..6_u8).map(|n| sender.datagram(&[n], 2).unwrap()).collect();
    let mut receiver = Receiver::default();
    assert_eq!(read(&mut receiver, &all[0]), [(0, vec![0])]);
    assert_eq!(read(&mut receiver, &all[0]), []);
    assert_eq!(read(&mut receiver, &all[3]), [(1, vec![1]), (2, vec![2]), (3, vec![3])]);
    assert_eq!(read(&mut receiver, &all[2]), [], "too late");
    assert_eq!(read(&mut receiver, &all[5]), [(4, vec![4]), (5, vec![5])]);
}

#[test]
fn numbers_begin_anew_after_the_last() {
    let mut receiver = Receiver::default();
    assert_eq!(read(&mut receiver, b"\xFF\xFF\x01a\0\0").len(), 1);
    assert_eq!(read(&mut receiver, b"\0\0\x01b\0\x01\x01a"), [(0, b"b".to_vec())]);
}

#[test]
fn parity_is_passed_over_and_what_is_cut_is_refused() {
    let mut receiver = Receiver::default();
    assert_eq!(read(&mut receiver, b"\0\x05\x01a\x80\x01\x03\x01\x02xy").len(), 1);
    assert_eq!(read(&mut receiver, b"\0\x06\x01a"), [(6, b"a".to_vec())]);
    let whole = b"\0\x07\x02ab\0\x01\x01c";
    for len in 0..whole.len() {
        let cut = receiver.receive(&whole[..len], |_, _| ());
        assert!(cut.is_err() || len == 5, "{len}: {cut:?}");
    }
    assert_eq!(receiver.receive(b"\0\x09\x01a\0\x7F", |_, _| ()), Err(UdptlError::Repetitions(127)));
    assert_eq!(receiver.receive(b"\0\x09\xC1a", |_, _| ()), Err(UdptlError::Fragmented(0xC1)));
}

#[test]
fn control_messages_are_told_from_pages() {
    // no-signal and CNG indicators, V.21 data, V.27ter 2400 and V.17 14400 data
    assert_eq!(
        [0x00, 0x02, 0xC0, 0xC2, 0xCE].map(|first| is_control(&[first])),
        [true, true, true, false, false]
    );
}

/// Flags of V.21, channel 2: 300 bit/s, 1650 Hz for 1 and 1850 Hz for 0 (T.30 5.3.1).
fn preamble(ms: usize) -> Vec<i16> {
    let mut phase = 0.0_f64;
    let bits = [0, 1, 1, 1, 1, 1, 1, 0];
    (0..ms * 8)
        .map(|at| {
            let bit = bits[(at * 300 / 8000) % 8];
            phase += std::f64::consts::TAU * if bit == 1 { 1650.0 } else { 1850.0 } / 8000.0;
            (phase.sin() * 5000.0) as i16
        })
        .collect()
}

#[test]
fn a_fax_is_known_by_its_preamble() {
    let hears = |samples: &[i16]| {
        let mut ear = PreambleDetector::new().unwrap();
        samples.chunks(160).filter(|block| ear.hear(block)).count()
    };
    assert_eq!(hears(&preamble(1000)), 1);
    // The answering tone that modems have too, and silence.
    let tone: Vec<i16> = (0..16_000)
        .map(|at| ((f64::from(at) * std::f64::consts::TAU * 2100.0 / 8000.0).sin() * 5000.0) as i16)
        .collect();
    assert_eq!(hears(&tone), 0);
    assert_eq!(hears(&[0; 16_000]), 0);
}

#[test]
fn a_preamble_on_the_pair_is_an_indicator_and_one_of_the_network_is_heard() {
    let mut near = Gateway::new(&GatewayConfig::default()).unwrap();
    let mut far = Gateway::new(&GatewayConfig::default()).unwrap();
    let signal = preamble(1000);
    let mut heard = Vec::new();
    for at in 0..100 {
        let said = signal.chunks(160).nth(at).unwrap_or(&[0; 160]);
        let mut block = [0; 160];
        near.hear(said);
        near.say(&mut block);
        while let Some(datagram) = near.poll_datagram() {
            far.handle_datagram(&datagram).unwrap();
        }
        far.hear(&[0; 160]);
        far.say(&mut block);
        while far.poll_datagram().is_some() {}
        heard.extend(block);
    }
    let mut ear = PreambleDetector::new().unwrap();
    assert!(heard.chunks(160).any(|block| ear.hear(block)), "the preamble comes out at the other end");
    assert!(near.handle_datagram(b"\0").is_err());
}

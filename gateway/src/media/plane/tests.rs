#![allow(clippy::unwrap_used, clippy::panic)]
use media::dtmf::digits_in;
use media::g711::{self, Law};
use media::level_dbm0;
use media::locale::ToneKind;
use media::rtp::event::EventPayload;
use media::rtp::{Header, Packet};

use super::*;
use crate::media::rtp::Codec;
use crate::media::{Criteria, Inactivity};

mod sources;

const LINE: MediaEnd = MediaEnd::Line(0);
const OTHER: MediaEnd = MediaEnd::Line(1);
const THIRD: MediaEnd = MediaEnd::Channel { trunk: 0, timeslot: 1 };

fn peer(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}

fn plane() -> (Plane, Instant) {
    (Plane::new([7; 32], "tipring@192.0.2.9"), Instant::now())
}

fn settings(law: Law, port: u16) -> RtpSettings {
    RtpSettings { remote: Some(peer(port)), ..RtpSettings::new(law) }
}

fn with_events(law: Law, port: u16, send: u8, receive: u8) -> RtpSettings {
    RtpSettings {
        event_payload_type: Some(send),
        receive_event_payload_type: Some(receive),
        digits: DigitRelay::Events,
        ..settings(law, port)
    }
}

fn open(plane: &mut Plane, now: Instant, stream: u64, settings: RtpSettings) -> MediaEnd {
    plane.open(now, stream);
    plane.set(now, stream, settings);
    MediaEnd::Rtp(stream)
}

fn packet(payload_type: u8, n: u16, payload: &[u8]) -> Vec<u8> {
    let header =
        Header { marker: false, payload_type, sequence: n, timestamp: u32::from(n) * 160, ssrc: 0x0506_0708 };
    let mut wire = Vec::new();
    header.write(&mut wire);
    wire.extend_from_slice(payload);
    wire
}

fn tone(n: usize) -> Vec<i16> {
    let mut out = vec![0; n];
    ToneGenerator::new(locale::default().tone(ToneKind::Dial)).fill(&mut out);
    out
}

fn keys(digits: &str) -> Vec<i16> {
    let spec = dtmf::sequence(digits, locale::default().dtmf, 100, 100).unwrap();
    let mut out = vec![0; digits.len() * 1600];
    ToneGenerator::new(&spec).fill(&mut out);
    out
}

#[test]
fn two_lines_hear_each_other_and_nobody_else() {
    let (mut plane, now) = plane();
    plane.handle(now, MediaCommand::Connect { a: LINE, b: OTHER });
    plane.put(LINE, &[1000; TICK]);
    plane.put(OTHER, &[7; TICK]);
    plane.tick(now, 0);
    assert_eq!(plane.heard_by(LINE), Some(&[7; TICK]));
    assert_eq!(plane.heard_by(OTHER), Some(&[1000; TICK]));
    // Without new samples there is silence, not the old ones again.
    plane.tick(now, 0);
    assert_eq!(plane.heard_by(OTHER), Some(&[0; TICK]));
    plane.handle(now, MediaCommand::Connect { a: LINE, b: THIRD });
    plane.put(LINE, &[5; TICK]);
    plane.tick(now, 0);
    assert_eq!((plane.heard_by(OTHER), plane.heard_by(THIRD)), (None, Some(&[5; TICK])));
    plane.handle(now, MediaCommand::Disconnect { end: THIRD });
    plane.tick(now, 0);
    assert_eq!(plane.counts(), (0, 0));
    assert!(!plane.is_active());
}

#[test]
fn three_hear_the_sum_of_the_others_and_two_stay_when_one_leaves() {
    let (mut plane, now) = plane();
    plane.handle(now, MediaCommand::Conference { ends: [LINE, OTHER, THIRD] });
    for (end, level) in [(LINE, 1), (OTHER, 20), (THIRD, 300)] {
        plane.put(end, &[level; TICK]);
    }
    plane.tick(now, 0);
    let heard = |plane: &Plane, end| plane.heard_by(end).map(|b| b[0]);
    assert_eq!(
        (heard(&plane, LINE), heard(&plane, OTHER), heard(&plane, THIRD)),
        (Some(320), Some(301), Some(21))
    );
    plane.handle(now, MediaCommand::Disconnect { end: OTHER });
    plane.put(LINE, &[4; TICK]);
    plane.tick(now, 0);
    assert_eq!((heard(&plane, OTHER), heard(&plane, THIRD)), (None, Some(4)));
}

#[test]
fn a_line_and_a_stream_hear_each_other_at_their_level() {
    for (law, packet_ms) in
        [(Law::A, 10), (Law::Mu, 20), (Law::A, 30), (Law::Mu, 40), (Law::A, 50), (Law::Mu, 60)]
    {
        let (mut plane, now) = plane();
        let end = open(&mut plane, now, 1, RtpSettings { packet_ms, ..settings(law, 4000) });
        plane.handle(now, MediaCommand::Connect { a: LINE, b: end });
        let audio = tone(8000);
        let (mut heard, mut sent) = (Vec::new(), Vec::new());
        for (n, block) in (0u16..).zip(audio.chunks(TICK)) {
            let mut payload = [0; TICK];
            g711::encode(law, block, &mut payload);
            plane.handle_rtp(now, 1, peer(4000), &mut packet(law.payload_type(), n, &payload));
            plane.put(LINE, block);
            plane.tick(now, 0);
            heard.extend(plane.heard_by(LINE).unwrap());
            while let Some(datagram) = plane.poll_datagram() {
                assert_eq!((datagram.stream, datagram.to, datagram.rtcp), (1, peer(4000), false));
                sent.push(datagram.octets);
            }
        }
        assert!((level_dbm0(&heard[1600..]) - level_dbm0(&audio)).abs() < 0.3);
        assert_eq!(sent.len() as u32, 1000 / packet_ms);
        let mut samples = vec![0; packet_ms as usize * 8];
        g711::decode(law, Packet::parse(sent.last().unwrap()).unwrap().payload(), &mut samples);
        assert!((level_dbm0(&samples) - level_dbm0(&audio)).abs() < 1.5);
    }
}

#[test]
fn packets_from_elsewhere_change_nothing() {
    let (mut plane, now) = plane();
    let end = open(&mut plane, now, 1, settings(Law::Mu, 4000));
    plane.handle(now, MediaCommand::Connect { a: LINE, b: end });
    let strangers = [peer(4001), SocketAddr::from(([192, 0, 2, 2], 4000))];
    for n in 0..50 {
        for from in strangers {
            plane.handle_rtp(now, 1, from, &mut packet(0, n, &[0x10; TICK]));
        }
        plane.handle_rtp(now, 1, peer(4000), &mut packet(0, n, &[0xFF; TICK]));
        plane.put(LINE, &[9; TICK]);
        plane.tick(now, 0);
        assert_eq!(plane.heard_by(LINE), Some(&[0; TICK]));
        while let Some(datagram) = plane.poll_datagram() {
            assert_eq!(datagram.to, peer(4000));
        }
    }
    let stats = plane.stats(1).unwrap();
    assert_eq!((stats.refused, stats.received_packets, stats.audio.lost), (100, 50, 0));
}

#[test]
fn with_nat_symmetric_the_first_sender_is_followed_and_no_other() {
    let (mut plane, now) = plane();
    let end = open(&mut plane, now, 1, RtpSettings { symmetric: true, ..settings(Law::Mu, 4000) });
    plane.handle(now, MediaCommand::Connect { a: LINE, b: end });
    let (real, stranger) = (SocketAddr::from(([203, 0, 113, 5], 999)), peer(4000));
    plane.handle_rtp(now, 1, real, &mut packet(0, 1, &[0xFF; TICK]));
    plane.handle_rtp(now, 1, stranger, &mut packet(0, 2, &[0xFF; TICK]));
    plane.tick(now, 0);
    assert_eq!(plane.poll_datagram().map(|d| d.to), Some(real));
    assert_eq!(plane.stats(1).unwrap().refused, 1);
}

#[test]
fn music_on_hold_comes_from_any_port_of_the_address_and_from_one() {
    let (mut plane, now) = plane();
    let end = open(&mut plane, now, 1, settings(Law::Mu, 4000));
    plane.handle(now, MediaCommand::Connect { a: LINE, b: end });
    plane.set(now, 1, RtpSettings { sends: false, ..settings(Law::Mu, 4000) });
    let stranger = SocketAddr::from(([192, 0, 2, 77], 4000));
    plane.handle_rtp(now, 1, stranger, &mut packet(0, 1, &[0x10; TICK]));
    plane.handle_rtp(now, 1, peer(24_576), &mut packet(0, 1, &[0x10; TICK]));
    plane.handle_rtp(now, 1, peer(24_578), &mut packet(0, 2, &[0x10; TICK]));
    let stats = plane.stats(1).unwrap();
    assert_eq!((stats.refused, stats.received_packets), (2, 1));
    // With the call comes the port that was named.
    plane.set(now, 1, settings(Law::Mu, 4000));
    plane.handle_rtp(now, 1, peer(24_576), &mut packet(0, 3, &[0x10; TICK]));
    plane.handle_rtp(now, 1, peer(4000), &mut packet(0, 4, &[0x10; TICK]));
    assert_eq!(plane.stats(1).unwrap().received_packets, 2);
    plane.put(LINE, &[9; TICK]);
    plane.tick(now, 0);
    assert_eq!(plane.poll_datagram().map(|datagram| datagram.to), Some(peer(4000)));
}

#[test]
fn on_hold_nothing_is_sent_and_nothing_taken() {
    let (mut plane, now) = plane();
    let end = open(&mut plane, now, 1, settings(Law::Mu, 4000));
    plane.handle(now, MediaCommand::Connect { a: LINE, b: end });
    plane.set(now, 1, RtpSettings { sends: false, receives: false, ..settings(Law::Mu, 4000) });
    plane.handle_rtp(now, 1, peer(4000), &mut packet(0, 1, &[0x10; TICK]));
    plane.tick(now, 0);
    assert_eq!((plane.poll_datagram(), plane.stats(1).unwrap().refused), (None, 1));
    plane.set(now, 1, RtpSettings { remote: None, ..settings(Law::Mu, 4000) });
    plane.tick(now, 0);
    assert_eq!(plane.poll_datagram(), None);
    plane.set(now, 1, settings(Law::Mu, 4000));
    plane.tick(now, 0);
    assert!(plane.poll_datagram().is_some());
}

#[test]
fn a_new_coding_goes_on_where_the_old_one_stopped() {
    let (mut plane, now) = plane();
    let end = open(&mut plane, now, 1, settings(Law::Mu, 4000));
    plane.handle(now, MediaCommand::Connect { a: LINE, b: end });
    let header = |plane: &mut Plane| {
        plane.tick(now, 0);
        Packet::parse(&plane.poll_datagram().unwrap().octets).unwrap().header()
    };
    let before = header(&mut plane);
    plane.set(now, 1, settings(Law::A, 4000));
    let after = header(&mut plane);
    assert_eq!((before.payload_type, after.payload_type, after.ssrc), (0, 8, before.ssrc));
    assert_eq!(after.sequence, before.sequence.wrapping_add(1));
    assert_eq!(after.timestamp, before.timestamp.wrapping_add(160));
}

#[test]
fn keys_of_a_line_go_as_events_and_not_as_tones() {
    let (mut plane, now) = plane();
    let end = open(&mut plane, now, 1, with_events(Law::Mu, 4000, 101, 97));
    plane.handle(now, MediaCommand::Connect { a: LINE, b: end });
    let (mut events, mut audio) = (Vec::new(), Vec::new());
    for block in keys("159#").chunks(TICK) {
        plane.put(LINE, block);
        plane.tick(now, 0);
        while let Some(datagram) = plane.poll_datagram() {
            let packet = Packet::parse(&datagram.octets).unwrap();
            let mut samples = [0; TICK];
            match packet.header().payload_type {
                101 if packet.header().marker => {
                    events.push(EventPayload::parse(packet.payload()).unwrap().event.digit().unwrap());
                }
                101 => {}
                0 => {
                    g711::decode(Law::Mu, packet.payload(), &mut samples);
                    audio.extend(samples);
                }
                other => panic!("payload type {other}"),
            }
        }
    }
    assert_eq!(events.iter().collect::<String>(), "159#");
    assert_eq!(digits_in(&audio), "");
}

/// Plays event packets of one digit, 100 ms.
fn send_event(
    plane: &mut Plane,
    now: Instant,
    stream: u64,
    from: SocketAddr,
    payload_type: u8,
    digit: char,
    at: u16,
) {
    for n in 1..=5 {
        let payload = EventPayload {
            event: Event::from_digit(digit).unwrap(),
            end: n == 5,
            volume: 10,
            duration: n * 160,
        };
        let mut wire = packet(payload_type, at + n, &payload.octets());
        wire.splice(4..8, (u32::from(at) * 160).to_be_bytes());
        if n == 1 {
            wire[1] |= 0x80;
        }
        plane.handle_rtp(now, stream, from, &mut wire);
        plane.tick(now, 0);
    }
}

#[test]
fn events_are_heard_on_a_line_as_tones() {
    let (mut plane, now) = plane();
    let end = open(&mut plane, now, 1, with_events(Law::Mu, 4000, 101, 97));
    plane.handle(now, MediaCommand::Connect { a: LINE, b: end });
    let mut heard = Vec::new();
    for (at, digit) in (1u16..).step_by(20).zip("42*".chars()) {
        for n in 1..=8u16 {
            let payload = EventPayload {
                event: Event::from_digit(digit).unwrap(),
                end: n >= 6,
                volume: 10,
                duration: n.min(6) * 160,
            };
            let mut wire = packet(97, at + n, &payload.octets());
            wire.splice(4..8, (u32::from(at) * 160).to_be_bytes());
            plane.handle_rtp(now, 1, peer(4000), &mut wire);
            plane.tick(now, 0);
            heard.extend(plane.heard_by(LINE).unwrap());
        }
        for _ in 0..4 {
            plane.tick(now, 0);
            heard.extend(plane.heard_by(LINE).unwrap());
        }
    }
    assert_eq!(digits_in(&heard), "42*");
}

#[test]
fn digits_by_signalling_are_told_and_not_heard() {
    let (mut plane, now) = plane();
    let signalled = RtpSettings { digits: DigitRelay::Signalled, ..settings(Law::Mu, 4000) };
    let end = open(&mut plane, now, 1, signalled);
    plane.handle(now, MediaCommand::Connect { a: LINE, b: end });
    for block in keys("7").chunks(TICK) {
        plane.put(LINE, block);
        plane.tick(now, 0);
    }
    let Some(PlaneEvent::Digit { stream: 1, digit: '7', ms }) = plane.poll_event() else {
        panic!("no digit")
    };
    assert!((80..=140).contains(&ms), "{ms}");
    assert_eq!(plane.poll_event(), None);
}

#[test]
fn digits_of_ours_are_tones_events_or_told() {
    let (mut plane, now) = plane();
    plane.handle(now, MediaCommand::Connect { a: LINE, b: OTHER });
    plane.handle(
        now,
        MediaCommand::Dtmf { end: LINE, digits: "12,3x".into(), timing: DigitTiming::default() },
    );
    let mut heard = Vec::new();
    for _ in 0..100 {
        plane.tick(now, 0);
        heard.extend(plane.heard_by(LINE).unwrap());
    }
    assert_eq!(digits_in(&heard), "123");
    let end = open(&mut plane, now, 1, with_events(Law::Mu, 4000, 101, 101));
    plane.handle(now, MediaCommand::Connect { a: LINE, b: end });
    plane.handle(now, MediaCommand::Dtmf { end, digits: "45".into(), timing: DigitTiming::default() });
    let mut events = String::new();
    for _ in 0..40 {
        plane.tick(now, 0);
        while let Some(datagram) = plane.poll_datagram() {
            let packet = Packet::parse(&datagram.octets).unwrap();
            if packet.header().payload_type == 101 && packet.header().marker {
                events.extend(EventPayload::parse(packet.payload()).unwrap().event.digit());
            }
        }
    }
    assert_eq!(events, "45");
}

#[test]
fn streams_that_fit_pass_packets_at_once_with_laws_and_numbers_changed() {
    let (mut plane, now) = plane();
    let a = open(&mut plane, now, 1, with_events(Law::Mu, 4000, 101, 101));
    let b = open(&mut plane, now, 2, with_events(Law::A, 5000, 97, 97));
    plane.handle(now, MediaCommand::Connect { a, b });
    plane.handle_rtp(now, 1, peer(4000), &mut packet(0, 9, &[0x80; 20]));
    let passed = plane.poll_datagram().unwrap();
    let read = Packet::parse(&passed.octets).unwrap();
    assert_eq!((passed.stream, passed.to), (2, peer(5000)));
    assert_eq!((read.header().payload_type, read.header().sequence, read.header().ssrc), (8, 9, 0x0506_0708));
    let (before, after) =
        (g711::decode_sample(Law::Mu, 0x80), g711::decode_sample(Law::A, read.payload()[0]));
    assert!((before - after).abs() < 600, "{before} {after}");
    plane.handle_rtp(now, 2, peer(5000), &mut packet(97, 3, &[5, 10, 0, 160]));
    let event = plane.poll_datagram().unwrap();
    assert_eq!(Packet::parse(&event.octets).unwrap().header().payload_type, 101);
    // RTCP passes too, one port higher, and only from the far end's.
    plane.handle_rtcp(now, 1, peer(4000), &[0x80, 200, 0, 0], 0);
    assert_eq!(plane.poll_datagram(), None);
    plane.handle_rtcp(now, 1, peer(4001), &[0x80, 200, 0, 0], 0);
    assert_eq!(plane.poll_datagram().map(|d| (d.rtcp, d.to)), Some((true, peer(5001))));
}

#[test]
fn a_coding_we_cannot_hear_passes_between_streams_only() {
    let (mut plane, now) = plane();
    let g729 = |port| RtpSettings {
        codec: Codec::Other("G729".into()),
        payload_type: 18,
        receive_payload_type: 18,
        ..settings(Law::Mu, port)
    };
    let a = open(&mut plane, now, 1, g729(4000));
    let b = open(&mut plane, now, 2, g729(5000));
    plane.handle(now, MediaCommand::Connect { a, b });
    plane.handle_rtp(now, 1, peer(4000), &mut packet(18, 1, &[1; 20]));
    assert_eq!(plane.poll_datagram().map(|d| (d.stream, d.octets[12])), Some((2, 1)));
    plane.handle(now, MediaCommand::Connect { a, b: LINE });
    plane.handle_rtp(now, 1, peer(4000), &mut packet(18, 2, &[1; 20]));
    plane.tick(now, 0);
    assert_eq!(plane.heard_by(LINE), Some(&[0; TICK]));
    assert_eq!(plane.poll_datagram(), None);
}

#[test]
fn events_toward_a_stream_without_them_become_tones() {
    let (mut plane, now) = plane();
    let a = open(&mut plane, now, 1, with_events(Law::Mu, 4000, 101, 101));
    let b = open(&mut plane, now, 2, settings(Law::Mu, 5000));
    plane.handle(now, MediaCommand::Connect { a, b });
    send_event(&mut plane, now, 1, peer(4000), 101, '8', 1);
    for _ in 0..10 {
        plane.tick(now, 0);
    }
    let mut heard = Vec::new();
    while let Some(datagram) = plane.poll_datagram() {
        if datagram.stream == 2 {
            let mut samples = [0; TICK];
            g711::decode(Law::Mu, Packet::parse(&datagram.octets).unwrap().payload(), &mut samples);
            heard.extend(samples);
        }
    }
    assert_eq!(digits_in(&heard), "8");
}

#[test]
fn a_waiting_caller_hears_a_tone() {
    let (mut plane, now) = plane();
    let end = open(&mut plane, now, 1, settings(Law::A, 4000));
    plane.handle(now, MediaCommand::Tone { end, tone: ToneKind::Ringback, cptone: "gb".into() });
    plane.tick(now, 0);
    let datagram = plane.poll_datagram().unwrap();
    let mut samples = [0; TICK];
    g711::decode(Law::A, Packet::parse(&datagram.octets).unwrap().payload(), &mut samples);
    assert!(level_dbm0(&samples) > -30.0);
    plane.handle(now, MediaCommand::Disconnect { end });
    plane.tick(now, 0);
    assert_eq!(plane.poll_datagram(), None);
}

#[test]
fn silence_is_told_once_and_again_only_after_a_packet() {
    let (mut plane, now) = plane();
    let limit = Duration::from_secs(180);
    let end =
        open(&mut plane, now, 1, RtpSettings { inactivity: rtp_timer(limit), ..settings(Law::Mu, 4000) });
    plane.handle(now, MediaCommand::Connect { a: LINE, b: end });
    plane.tick(now + limit - Duration::from_millis(1), 0);
    assert_eq!(plane.poll_event(), None);
    plane.tick(now + limit, 0);
    assert_eq!(plane.poll_event(), Some(PlaneEvent::Inactive { stream: 1 }));
    plane.tick(now + limit * 2, 0);
    assert_eq!(plane.poll_event(), None);
    plane.handle_rtp(now + limit * 2, 1, peer(4000), &mut packet(0, 1, &[0xFF; TICK]));
    plane.tick(now + limit * 3, 0);
    assert_eq!(plane.poll_event(), Some(PlaneEvent::Inactive { stream: 1 }));
}

fn rtp_timer(limit: Duration) -> Inactivity {
    Inactivity { rtp: Some(limit), ..Inactivity::default() }
}

/// Seconds after which an end that sent RTP and RTCP at the start only, and is on hold if `held`, counts as gone.
fn gone_after(inactivity: Inactivity, held: bool) -> Option<u64> {
    let (mut plane, now) = plane();
    open(&mut plane, now, 1, RtpSettings { inactivity, receives: !held, ..settings(Law::Mu, 4000) });
    (0..=600).find(|seconds| {
        plane.tick(now + Duration::from_secs(*seconds), 0);
        plane.poll_event() == Some(PlaneEvent::Inactive { stream: 1 })
    })
}

#[test]
fn reports_keep_an_end_alive_that_sends_no_rtp() {
    let (mut plane, now) = plane();
    let inactivity = Inactivity { rtcp: Some(Duration::from_secs(25)), ..Inactivity::default() };
    open(&mut plane, now, 1, RtpSettings { inactivity, ..settings(Law::Mu, 4000) });
    let at = |seconds| now + Duration::from_secs(seconds);
    for seconds in (0..200).step_by(5) {
        plane.handle_rtcp(at(seconds), 1, peer(4001), &[0x80, 200, 0, 0], 0);
        plane.tick(at(seconds), 0);
        assert_eq!(plane.poll_event(), None, "{seconds}");
    }
    // Somebody else's report is no sign of life.
    plane.handle_rtcp(at(219), 1, peer(5001), &[0x80, 200, 0, 0], 0);
    plane.tick(at(219), 0);
    assert_eq!(plane.poll_event(), None);
    plane.tick(at(220), 0);
    assert_eq!(plane.poll_event(), Some(PlaneEvent::Inactive { stream: 1 }));
}

#[test]
fn criteria_say_whose_silence_counts() {
    let both = |criteria| Inactivity {
        rtp: Some(Duration::from_secs(180)),
        rtcp: Some(Duration::from_secs(60)),
        criteria,
        ..Inactivity::default()
    };
    assert_eq!(gone_after(both(Criteria::Either), false), Some(60));
    assert_eq!(gone_after(both(Criteria::Rtp), false), Some(180));
    assert_eq!(gone_after(both(Criteria::Rtcp), false), Some(60));
    assert_eq!(gone_after(both(Criteria::All), false), Some(180));
    // On hold no RTP is to come, but reports are.
    assert_eq!(gone_after(both(Criteria::Either), true), Some(60));
    assert_eq!(gone_after(both(Criteria::Rtp), true), None);
    assert_eq!(gone_after(both(Criteria::All), true), None);
    assert_eq!(gone_after(Inactivity::default(), false), None);
}

#[test]
fn the_time_between_reports_is_configured() {
    let (mut plane, now) = plane();
    let inactivity = Inactivity { report_every: Duration::from_millis(1000), ..Inactivity::default() };
    let end = open(&mut plane, now, 1, RtpSettings { inactivity, ..settings(Law::Mu, 4000) });
    plane.handle(now, MediaCommand::Connect { a: LINE, b: end });
    let mut reports = 0;
    for _ in 0..500 {
        plane.tick(now, ntp(Duration::from_secs(1_800_000_000)));
        while let Some(datagram) = plane.poll_datagram() {
            reports += usize::from(datagram.rtcp);
        }
    }
    assert_eq!(reports, 10);
}

#[test]
fn reports_are_sent_every_five_seconds() {
    let (mut plane, now) = plane();
    let end = open(&mut plane, now, 1, settings(Law::Mu, 4000));
    plane.handle(now, MediaCommand::Connect { a: LINE, b: end });
    let mut reports = 0;
    for _ in 0..500 {
        plane.tick(now, ntp(Duration::from_secs(1_800_000_000)));
        while let Some(datagram) = plane.poll_datagram() {
            if datagram.rtcp {
                assert_eq!(datagram.to, peer(4001));
                media::rtp::rtcp::parse(&datagram.octets, |_| {}).unwrap();
                reports += 1;
            }
        }
    }
    assert_eq!(reports, 2);
}

#[test]
fn whatever_comes_in_any_order_nothing_is_left_when_all_is_closed() {
    use rand::RngExt as _;
    let mut random = StdRng::seed_from_u64(20_261_121);
    let (mut plane, now) = plane();
    let ends: Vec<MediaEnd> = (0..4).map(MediaEnd::Line).chain((0..4).map(MediaEnd::Rtp)).collect();
    let mut pick = |n: usize| random.random_range(0..n);
    for _ in 0..3000 {
        let (a, b, c) = (ends[pick(8)], ends[pick(8)], ends[pick(8)]);
        let stream = pick(4) as u64;
        match pick(8) {
            0 if a != b => plane.handle(now, MediaCommand::Connect { a, b }),
            1 if a != b && b != c && a != c => {
                plane.handle(now, MediaCommand::Conference { ends: [a, b, c] })
            }
            2 => plane.handle(now, MediaCommand::Disconnect { end: a }),
            3 => plane.handle(
                now,
                MediaCommand::Dtmf { end: a, digits: "1,2".into(), timing: DigitTiming::default() },
            ),
            4 => plane.open(now, stream),
            5 => plane.set(now, stream, with_events([Law::Mu, Law::A][pick(2)], 4000, 101, 101)),
            6 => plane.handle_rtp(
                now,
                stream,
                peer(4000),
                &mut packet([0, 8, 101][pick(3)], 1, &[5, 10, 0, 160]),
            ),
            _ => plane.tick(now, 0),
        }
        while plane.poll_datagram().is_some() {}
    }
    for end in &ends {
        plane.handle(now, MediaCommand::Disconnect { end: *end });
    }
    (0..4).for_each(|stream| plane.close(stream));
    for _ in 0..400 {
        plane.tick(now, 0);
    }
    assert_eq!(plane.counts(), (0, 0));
    assert!(!plane.is_active());
}

#[test]
fn a_caller_alone_with_a_tone_dials_on() {
    let (mut plane, now) = plane();
    let stream = open(&mut plane, now, 1, with_events(Law::Mu, 4000, 101, 101));
    for end in [stream, THIRD] {
        plane.handle(now, MediaCommand::Tone { end, tone: ToneKind::SecondaryDial, cptone: "us".into() });
    }
    send_event(&mut plane, now, 1, peer(4000), 101, '6', 1);
    assert_eq!(plane.poll_event(), Some(PlaneEvent::Key { end: stream, digit: '6' }));
    for block in keys("9").chunks(TICK) {
        plane.put(THIRD, block);
        plane.tick(now, 0);
    }
    assert_eq!(plane.poll_event(), Some(PlaneEvent::Key { end: THIRD, digit: '9' }));
    assert_eq!(plane.poll_event(), None);
}

#[test]
fn datagrams_of_a_fax_pass_as_they_are_and_only_from_the_far_end() {
    let (mut plane, now) = plane();
    let fax = |port| RtpSettings { udptl: true, ..settings(Law::Mu, port) };
    let a = open(&mut plane, now, 1, settings(Law::Mu, 4000));
    let b = open(&mut plane, now, 2, settings(Law::Mu, 5000));
    plane.handle(now, MediaCommand::Connect { a, b });
    plane.set(now, 1, fax(4002));
    // One end is not yet there: what comes is lost and never taken for sound.
    let udptl = [0, 1, 3, 0xC0, 1, 0x80, 0, 0];
    plane.handle_rtp(now, 1, peer(4002), &mut udptl.to_vec());
    assert_eq!(plane.poll_datagram(), None);
    plane.set(now, 2, fax(5002));
    plane.handle_rtp(now, 1, peer(4002), &mut udptl.to_vec());
    let passed = plane.poll_datagram().unwrap();
    assert_eq!((passed.stream, passed.to, passed.octets.as_ref()), (2, peer(5002), udptl.as_slice()));
    plane.handle_rtp(now, 2, peer(5999), &mut udptl.to_vec());
    assert_eq!((plane.poll_datagram(), plane.stats(2).unwrap().refused), (None, 1));
    plane.handle_rtp(now, 2, peer(5002), &mut udptl.to_vec());
    assert_eq!(plane.poll_datagram().unwrap().to, peer(4002));
    // No sound of ours goes to a fax.
    plane.tick(now, 0);
    assert_eq!(plane.poll_datagram(), None);
    let stats = plane.stats(1).unwrap();
    assert_eq!((stats.received_packets, stats.received_octets, stats.sent_packets), (2, 16, 1));
}

#[test]
fn an_end_connected_with_itself_hears_itself() {
    let (mut plane, now) = plane();
    plane.handle(now, MediaCommand::Connect { a: LINE, b: LINE });
    let said = tone(TICK);
    plane.put(LINE, &said);
    plane.tick(now, 0);
    assert_eq!(plane.heard_by(LINE).unwrap().as_slice(), said);
    let a = open(&mut plane, now, 1, settings(Law::Mu, 4000));
    plane.handle(now, MediaCommand::Connect { a, b: a });
    plane.handle_rtp(now, 1, peer(4000), &mut packet(0, 1, &[0x55; 160]));
    let back = plane.poll_datagram().unwrap();
    assert_eq!((back.to, back.octets.as_ref().get(12..)), (peer(4000), Some([0x55; 160].as_slice())));
    plane.handle(now, MediaCommand::Disconnect { end: a });
    plane.handle(now, MediaCommand::Disconnect { end: LINE });
    assert_eq!(plane.counts().1, 0);
}

#[test]
fn a_flash_and_the_wires_of_a_permanent_call_go_and_come_as_events_without_sound() {
    let (mut plane, now) = plane();
    let end = open(&mut plane, now, 1, with_events(Law::Mu, 4000, 101, 101));
    plane.handle(now, MediaCommand::Connect { a: LINE, b: end });
    plane.handle(now, MediaCommand::Dtmf { end, digits: "!".into(), timing: DigitTiming::default() });
    plane.handle(now, MediaCommand::Signal { end, abcd: 15 });
    plane.handle(now, MediaCommand::Signal { end, abcd: 5 });
    let mut sent = Vec::new();
    for _ in 0..50 {
        plane.tick(now, 0);
        while let Some(datagram) = plane.poll_datagram() {
            let packet = Packet::parse(&datagram.octets).unwrap();
            if packet.header().payload_type == 101 && packet.header().marker {
                sent.push(EventPayload::parse(packet.payload()).unwrap().event);
            }
        }
    }
    assert_eq!(sent, [Event::FLASH, Event::from_abcd(15), Event::from_abcd(5)]);
    assert_eq!(
        (Event(159).abcd(), Event(149).abcd(), Event(16).abcd(), Event(160).abcd()),
        (Some(15), Some(5), None, None)
    );
    let payload = |event: u8, end: bool| [event, u8::from(end) << 7 | 10, 0x03, 0x20];
    let mut told = Vec::new();
    for (n, event) in [(1, 16), (2, 144), (3, 159)] {
        for (at, over) in [(0, false), (1, true), (2, true)] {
            let header = Header {
                marker: at == 0,
                payload_type: 101,
                sequence: n * 10 + at,
                timestamp: u32::from(n) * 8000,
                ssrc: 9,
            };
            let mut wire = Vec::new();
            header.write(&mut wire);
            wire.extend(payload(event, over));
            plane.handle_rtp(now, 1, peer(4000), &mut wire);
            plane.tick(now, 0);
            assert!(plane.heard_by(LINE).is_none_or(|block| *block == [0; TICK]));
        }
        told.extend(std::iter::from_fn(|| plane.poll_event()));
    }
    let signal = |abcd| PlaneEvent::Signal { end, abcd };
    assert_eq!(told, [PlaneEvent::Key { end, digit: '!' }, signal(0), signal(15)]);
}

#[test]
fn nothing_is_sent_to_whoever_speaks_with_a_channel_that_nobody_carries() {
    let (mut plane, now) = plane();
    plane.carry_only([1]);
    let sip = open(&mut plane, now, 1, settings(Law::A, 4000));
    let carried = MediaEnd::Channel { trunk: 1, timeslot: 1 };
    let sent = |plane: &mut Plane| {
        (0..5).for_each(|_| plane.tick(now, 0));
        std::iter::from_fn(|| plane.poll_datagram()).count()
    };
    plane.handle(now, MediaCommand::Connect { a: sip, b: THIRD });
    assert_eq!((sent(&mut plane), plane.bearers().count(), plane.counts()), (0, 0, (1, 2)));
    plane.handle(now, MediaCommand::Tone { end: sip, tone: ToneKind::Ringback, cptone: "us".into() });
    assert_eq!(sent(&mut plane), 5, "a tone is ours to send");
    plane.handle(now, MediaCommand::Connect { a: sip, b: THIRD });
    plane.handle(now, MediaCommand::Dtmf { end: sip, digits: "5".into(), timing: DigitTiming::default() });
    assert!(sent(&mut plane) > 0, "and so is a digit");
    plane.handle(now, MediaCommand::Connect { a: sip, b: carried });
    assert_eq!((sent(&mut plane), plane.bearers().collect::<Vec<_>>()), (5, vec![carried]));
}

/// One end of a fax between a pair and a far end: what the plane sends, and what its pair hears.
struct FaxEnd {
    plane: Plane,
    pair: MediaEnd,
}

impl FaxEnd {
    fn new(now: Instant) -> Self {
        let mut plane = Plane::new([7; 32], "tipring@192.0.2.9");
        let pair = MediaEnd::Line(0);
        let rtp = open(&mut plane, now, 1, RtpSettings { udptl: true, ..settings(Law::Mu, 4000) });
        plane.handle(now, MediaCommand::Connect { a: pair, b: rtp });
        Self { plane, pair }
    }

    fn tick(&mut self, now: Instant, said: &[i16], heard: &mut Vec<i16>) -> Vec<Vec<u8>> {
        self.plane.put(self.pair, said);
        self.plane.tick(now, 0);
        heard.extend(self.plane.heard_by(self.pair).unwrap());
        std::iter::from_fn(|| self.plane.poll_datagram()).map(|sent| sent.octets.to_vec()).collect()
    }
}

/// Flags of V.21, channel 2.
fn preamble(samples: usize) -> Vec<i16> {
    let mut phase = 0.0_f64;
    (0..samples)
        .map(|at| {
            let hz = if matches!(at * 300 / 8000 % 8, 0 | 7) { 1850.0 } else { 1650.0 };
            phase += std::f64::consts::TAU * hz / 8000.0;
            (phase.sin() * 5000.0) as i16
        })
        .collect()
}

#[test]
fn a_modem_at_a_pair_is_heard_at_the_pair_at_the_other_end_of_t38() {
    let mut now = Instant::now();
    let (mut near, mut far) = (FaxEnd::new(now), FaxEnd::new(now));
    let (mut nothing, mut heard) = (Vec::new(), Vec::new());
    let said = preamble(8000);
    for at in 0..120 {
        now += Duration::from_millis(20);
        let block = said.chunks(TICK).nth(at).unwrap_or(&[]);
        for mut datagram in near.tick(now, block, &mut nothing) {
            assert!(datagram.len() < 100, "no RTP, no flood");
            far.plane.handle_rtp(now, 1, peer(4000), &mut datagram);
        }
        for mut datagram in far.tick(now, &[], &mut heard) {
            near.plane.handle_rtp(now, 1, peer(4000), &mut datagram);
        }
    }
    let mut ear = media::t38::PreambleDetector::new().unwrap();
    assert!(heard.chunks(TICK).any(|block| ear.hear(block)));
    assert!(far.plane.stats(1).unwrap().received_packets > 0);
    assert!(near.plane.stats(1).unwrap().sent_octets > 0);
}

#[test]
fn a_fax_that_begins_at_a_pair_or_channel_is_told_once() {
    for end in [MediaEnd::Line(0), MediaEnd::Channel { trunk: 0, timeslot: 3 }] {
        let (mut plane, mut now) = plane();
        let rtp = open(&mut plane, now, 1, RtpSettings { listens_for_fax: true, ..settings(Law::Mu, 4000) });
        plane.handle(now, MediaCommand::Connect { a: end, b: rtp });
        for block in preamble(24_000).chunks(TICK) {
            now += Duration::from_millis(20);
            plane.put(end, block);
            plane.tick(now, 0);
        }
        let told: Vec<PlaneEvent> = std::iter::from_fn(|| plane.poll_event()).collect();
        assert_eq!(told, [PlaneEvent::Fax { stream: 1 }]);
    }
}

#[test]
fn named_signalling_events_pass_between_streams_under_each_one_s_own_number() {
    let (mut plane, now) = plane();
    let with = |law, port, signals| RtpSettings {
        signal_payload_type: signals,
        receive_signal_payload_type: signals,
        ..settings(law, port)
    };
    let a = open(&mut plane, now, 1, with(Law::A, 4000, Some(100)));
    let b = open(&mut plane, now, 2, with(Law::A, 5000, Some(97)));
    plane.handle(now, MediaCommand::Connect { a, b });
    let payload = EventPayload { event: Event(192), end: true, volume: 0, duration: 1 }.octets();
    plane.handle_rtp(now, 1, peer(4000), &mut packet(100, 1, &payload));
    let passed = plane.poll_datagram().unwrap();
    let passed = Packet::parse(&passed.octets).unwrap();
    assert_eq!((passed.header().payload_type, passed.payload()), (97, &payload[..]));
    assert_eq!(plane.poll_event(), None);
    // Who knows none does not get it, and the switch hears of it.
    plane.set(now, 2, with(Law::A, 5000, None));
    plane.handle_rtp(now, 1, peer(4000), &mut packet(100, 2, &payload));
    assert_eq!(plane.poll_datagram(), None);
    let sign = ModemSign::Told(192);
    assert_eq!(plane.poll_event(), Some(PlaneEvent::Modem { stream: 1, sign }));
}

#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

const NETWORK_COMMAND: u8 = 0x02;

/// A network side link, and what it says as hex.
struct One {
    now: Instant,
    link: Link,
}

impl One {
    /// Layer 1 up; SABME is on the wire.
    fn new() -> Self {
        let now = Instant::now();
        let mut one = Self { now, link: Link::new(Side::Network, Parameters::default()) };
        one.link.handle_link(now, true);
        one.expect(&["02017f"]);
        one
    }

    fn established() -> Self {
        let mut one = Self::new();
        one.hear("020173");
        assert_eq!(one.link.state(), State::MultipleFrameEstablished);
        assert_eq!(one.link.poll_indication(), Some(Indication::Established));
        one
    }

    fn hear(&mut self, hex: &str) {
        let octets: Vec<u8> = hex
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        self.link.handle_frame(self.now, &octets);
        self.link.flush(self.now);
    }

    fn send(&mut self, octets: &[u8]) {
        self.link.send(Bytes::copy_from_slice(octets)).unwrap();
        self.link.flush(self.now);
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.link.handle_timeout(self.now);
        self.link.flush(self.now);
    }

    #[track_caller]
    fn expect(&mut self, frames: &[&str]) {
        let mut said = Vec::new();
        while let Some(frame) = self.link.poll_frame() {
            said.push(frame.iter().map(|octet| format!("{octet:02x}")).collect::<String>());
        }
        assert_eq!(said, frames);
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn side_decides_the_command_response_bit() {
    for (side, sabme, ua) in [(Side::Network, 0x02, 0x00), (Side::User, 0x00, 0x02)] {
        let now = Instant::now();
        let mut link = Link::new(side, Parameters::default());
        link.handle_link(now, true);
        assert_eq!(link.poll_frame().unwrap()[..], [sabme, 0x01, 0x7F]);
        link.handle_frame(now, &[ua, 0x01, 0x7F]);
        assert_eq!(link.poll_frame().unwrap()[..], [ua, 0x01, 0x73], "the peer's SABME is answered");
        // A UA with the command bit is none.
        link.handle_frame(now, &[sabme ^ 2 ^ 2 ^ (ua ^ sabme), 0x01, 0x73]);
        assert_eq!(link.state(), State::AwaitingEstablishment);
        link.handle_frame(now, &[sabme, 0x01, 0x73]);
        assert_eq!(link.state(), State::MultipleFrameEstablished);
    }
}

#[test]
fn a_side_that_waits_for_ua_answers_a_sabme_and_goes_on_waiting() {
    let mut one = One::new();
    one.hear("00017f");
    one.expect(&["000173"]);
    assert_eq!(one.link.state(), State::AwaitingEstablishment);
    one.hear("020173");
    assert_eq!(one.link.state(), State::MultipleFrameEstablished);
    one.expect(&[]);
}

#[test]
fn sabme_is_repeated_every_t200_and_the_loss_told_after_n200() {
    let mut one = One::new();
    for _ in 0..3 {
        one.pass(SECOND);
        one.expect(&["02017f"]);
        assert_eq!(one.link.poll_indication(), None);
    }
    one.pass(SECOND);
    assert_eq!(one.link.poll_indication(), Some(Indication::Released));
    one.expect(&["02017f"]);
    assert_eq!(one.link.state().to_string(), "AWAITING_ESTABLISHMENT");
}

#[test]
fn window_is_k_and_opens_with_acknowledgements() {
    let mut one = One::established();
    for octet in 0..9 {
        one.link.send(Bytes::copy_from_slice(&[octet])).unwrap();
    }
    one.link.flush(one.now);
    one.expect(
        &["02010000", "02010200", "02010400", "02010600", "02010800", "02010a00", "02010c00"]
            .iter()
            .enumerate()
            .map(|(n, frame)| format!("{frame}{n:02x}"))
            .collect::<Vec<_>>()
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>(),
    );
    one.hear("02010104");
    one.expect(&["02010e0007", "0201100008"]);
    assert_eq!(one.link.backlog(), 7);
    one.hear("02010112");
    assert_eq!((one.link.backlog(), one.link.statistics().i_sent), (0, 9));
}

#[test]
fn an_acknowledgement_rides_on_an_i_frame_if_there_is_one() {
    let mut one = One::established();
    one.link.handle_frame(one.now, &[0x00, 0x01, 0x00, 0x00, 0xAB]);
    one.send(&[0xCD]);
    one.expect(&["02010002cd"]);
    assert_eq!(one.link.poll_indication(), Some(Indication::Data(Bytes::from_static(&[0xAB]))));
    one.hear("00010202ee");
    one.expect(&["00010104"]);
}

#[test]
fn lost_frame_is_polled_for_after_t200_and_sent_again() {
    let mut one = One::established();
    one.send(&[1]);
    one.send(&[2]);
    one.expect(&["0201000001", "0201020002"]);
    one.pass(SECOND);
    one.expect(&["02010101"]);
    assert_eq!(one.link.state(), State::TimerRecovery);
    // Nothing new goes out while the answer is awaited.
    one.send(&[3]);
    one.expect(&[]);
    one.hear("02010103");
    assert_eq!(one.link.state(), State::MultipleFrameEstablished);
    one.expect(&["0201020002", "0201040003"]);
    assert_eq!((one.link.statistics().i_sent, one.link.statistics().i_resent), (3, 1));
}

#[test]
fn peer_that_never_answers_the_poll_is_set_up_anew_after_n200() {
    let mut one = One::established();
    one.send(&[1]);
    one.expect(&["0201000001"]);
    for _ in 0..3 {
        one.pass(SECOND);
        one.expect(&["02010101"]);
    }
    one.pass(SECOND);
    one.expect(&["02017f"]);
    assert_eq!((one.link.state(), one.link.poll_indication()), (State::AwaitingEstablishment, None));
    one.hear("020173");
    assert_eq!(one.link.poll_indication(), Some(Indication::Established));
    // What was under way is lost, as Q.921 has it: layer 3 timers deal with that.
    one.expect(&[]);
    assert_eq!(one.link.backlog(), 0);
}

#[test]
fn gap_gets_one_rej_until_it_is_filled() {
    let mut one = One::established();
    one.hear("00010200aa");
    one.expect(&["00010900"]);
    one.hear("00010400bb");
    one.expect(&[]);
    one.hear("00010401bb");
    one.expect(&["00010101"]);
    one.hear("0001000099");
    one.expect(&["00010102"]);
    one.hear("00010400bb");
    one.expect(&["00010902"]);
    assert_eq!(one.link.statistics().ns_errors, 4);
}

#[test]
fn rej_from_the_peer_sends_again_from_there() {
    let mut one = One::established();
    for octet in 1..=3 {
        one.send(&[octet]);
    }
    one.expect(&["0201000001", "0201020002", "0201040003"]);
    one.hear("02010902");
    one.expect(&["0201020002", "0201040003"]);
}

#[test]
fn busy_peer_is_polled_and_gets_nothing_new() {
    let mut one = One::established();
    one.hear("02010500");
    one.send(&[1]);
    one.expect(&[]);
    one.pass(SECOND);
    one.expect(&["02010101"]);
    one.hear("02010501");
    assert_eq!(one.link.state(), State::MultipleFrameEstablished);
    one.expect(&[]);
    one.hear("02010100");
    one.expect(&["0201000001"]);
}

#[test]
fn silence_is_polled_after_t203() {
    let mut one = One::established();
    assert_eq!(one.link.poll_timeout(), Some(one.now + 10 * SECOND));
    one.pass(10 * SECOND);
    one.expect(&["02010101"]);
    one.hear("02010101");
    assert_eq!(one.link.poll_timeout(), Some(one.now + 10 * SECOND));
}

#[test]
fn sabme_while_established_resets_the_counters() {
    let mut one = One::established();
    one.send(&[1]);
    one.hear("00010000aa");
    assert!(matches!(one.link.poll_indication(), Some(Indication::Data(_))));
    one.expect(&["0201000001", "00010102"]);
    one.hear("00017f");
    one.expect(&["000173"]);
    assert_eq!(one.link.poll_indication(), Some(Indication::Established));
    one.send(&[2]);
    one.expect(&["0201000002"]);
}

#[test]
fn frmr_bad_nr_long_frame_and_undefined_control_set_the_link_up_anew() {
    let long = format!("00010000{}", "55".repeat(261));
    for frame in ["0201970100000000", "02010104", long.as_str(), "000133", "0001010000", "0001ff"] {
        let mut one = One::established();
        one.hear(frame);
        one.expect(&["02017f"]);
        assert_eq!(one.link.state(), State::AwaitingEstablishment, "{frame}");
    }
    let mut one = One::established();
    one.hear(&format!("00010000{}", "55".repeat(260)));
    one.expect(&["00010102"]);
}

#[test]
fn frames_for_others_and_scraps_change_nothing() {
    let mut one = One::established();
    for frame in [
        "",
        "00",
        "0001",
        "00ff03",
        "fc01000055",
        "0201",
        "010101",
        "000100",
        "02010000aa",
        "0001af",
        "00010312",
    ] {
        one.hear(frame);
        one.expect(&[]);
        assert_eq!(one.link.state(), State::MultipleFrameEstablished, "{frame}");
    }
}

#[test]
fn disc_ends_the_link_and_it_is_set_up_again_after_a_pause() {
    let mut one = One::established();
    one.hear("000153");
    one.expect(&["000173"]);
    assert_eq!(
        (one.link.state(), one.link.poll_indication()),
        (State::TeiAssigned, Some(Indication::Released))
    );
    one.hear("000153");
    one.expect(&["00011f"]);
    assert_eq!(one.link.send(Bytes::new()), Err(SendError::Down));
    one.pass(SECOND);
    one.expect(&["02017f"]);
}

#[test]
fn dm_in_each_state() {
    let mut one = One::established();
    one.hear("02010f");
    one.expect(&["02017f"]);
    one.hear("02011f");
    assert_eq!(one.link.state(), State::TeiAssigned);
    one.hear("02010f");
    one.expect(&["02017f"]);
    let mut one = One::established();
    one.hear("02011f");
    assert_eq!(one.link.state(), State::MultipleFrameEstablished, "unsolicited DM with F=1 is ignored");
}

#[test]
fn release_sends_disc_until_answered() {
    let mut one = One::established();
    one.link.release(one.now);
    one.expect(&["020153"]);
    assert_eq!(one.link.state().to_string(), "AWAITING_RELEASE");
    one.pass(SECOND);
    one.expect(&["020153"]);
    one.hear("020173");
    assert_eq!(one.link.state().to_string(), "TEI_ASSIGNED");
    assert_eq!(one.link.poll_timeout(), None);
}

#[test]
fn layer_1_down_loses_the_link_at_once() {
    let mut one = One::established();
    one.send(&[1]);
    one.link.handle_link(one.now, false);
    assert_eq!(one.link.poll_indication(), Some(Indication::Released));
    assert_eq!(
        (one.link.state(), one.link.poll_timeout(), one.link.poll_frame()),
        (State::TeiAssigned, None, None)
    );
    one.hear("00017f");
    one.expect(&[]);
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut one = One::established();
    let long = Bytes::from(vec![0; 261]);
    assert_eq!(one.link.send(long), Err(SendError::TooLong { len: 261, limit: 260 }));
    for _ in 0..Link::MAX_QUEUE {
        one.link.send(Bytes::new()).unwrap();
    }
    assert_eq!(one.link.send(Bytes::new()), Err(SendError::QueueFull(Link::MAX_QUEUE)));
}

#[test]
fn every_length_up_to_beyond_n201() {
    for length in 0..=300 {
        let mut one = One::established();
        let frame = [&[0x00, 0x01, 0x00, 0x00][..], &vec![0x42; length]].concat();
        one.link.handle_frame(one.now, &frame);
        let delivered =
            matches!(one.link.poll_indication(), Some(Indication::Data(data)) if data.len() == length);
        assert_eq!(delivered, length <= 260, "{length}");
    }
}

#[test]
fn a_busy_layer_3_is_told_with_rnr_and_gets_every_frame_afterwards() {
    let mut one = One::established();
    one.link.set_busy(true);
    one.expect(&["00010500"]);
    one.hear("00010000aa");
    one.hear("00010200bb");
    assert_eq!(one.link.poll_indication(), None);
    one.expect(&[]);
    // A poll is answered RNR, our own poll is RNR too; what we send goes on.
    one.hear("00010101");
    one.expect(&["00010501"]);
    one.send(&[1]);
    one.expect(&["0201000001"]);
    one.pass(SECOND);
    one.expect(&["02010501"]);
    one.hear("02010103");
    one.link.set_busy(false);
    one.link.set_busy(false);
    one.expect(&["00010100"]);
    one.hear("00010002aa");
    one.hear("00010202bb");
    let data: Vec<_> = std::iter::from_fn(|| one.link.poll_indication()).collect();
    assert_eq!(data, [b"\xaa", b"\xbb"].map(|octet| Indication::Data(Bytes::from_static(octet))));
    let statistics = one.link.statistics();
    assert_eq!((statistics.busy_discarded, statistics.rnr_sent, statistics.ns_errors), (2, 3, 0));
}

#[test]
fn two_links_lose_nothing_while_one_is_busy() {
    let mut now = Instant::now();
    let mut ends = [Side::Network, Side::User].map(|side| Link::new(side, Parameters::default()));
    ends.iter_mut().for_each(|end| end.handle_link(now, true));
    let (mut sent, mut arrived) = (0u8, Vec::new());
    for step in 0..400 {
        if step > 4 && sent < 100 {
            sent += u8::from(ends[0].send(Bytes::from(vec![sent])).is_ok());
        }
        ends[1].set_busy(step / 20 % 2 == 1);
        for (from, to) in [(0, 1), (1, 0), (0, 1)] {
            ends[from].flush(now);
            while let Some(frame) = ends[from].poll_frame() {
                ends[to].handle_frame(now, &frame);
            }
        }
        while let Some(indication) = ends[1].poll_indication() {
            if let Indication::Data(data) = indication {
                arrived.push(data[0]);
            }
        }
        now += Duration::from_millis(100);
        ends.iter_mut().for_each(|end| end.handle_timeout(now));
    }
    assert_eq!(arrived, (0..100).collect::<Vec<u8>>());
    assert_eq!((ends[0].statistics().lost, ends[1].statistics().lost), (0, 0));
    assert!(ends[1].statistics().busy_discarded > 0);
}

#[test]
fn xid_and_ui_change_nothing_in_any_state() {
    let states: [(State, &[&str]); 4] = [
        (State::AwaitingEstablishment, &[]),
        (State::MultipleFrameEstablished, &["020173"]),
        (State::TeiAssigned, &["020173", "000153"]),
        (State::TimerRecovery, &["020173"]),
    ];
    for (state, path) in states {
        let mut one = One::new();
        path.iter().for_each(|frame| one.hear(frame));
        if state == State::TimerRecovery {
            one.pass(10 * SECOND);
        }
        while one.link.poll_frame().is_some() {}
        let timeout = one.link.poll_timeout();
        // Commands and responses, P or F either way, with and without information.
        for frame in
            ["0001af", "0001bf", "0201af", "0201bf", "0001bf82800004", "000103", "000113ff", "020103"]
        {
            one.hear(frame);
            one.expect(&[]);
            assert_eq!((one.link.state(), one.link.poll_timeout()), (state, timeout), "{frame}");
        }
        assert_eq!(one.link.statistics().ui_xid_received, 8);
    }
}

#[test]
fn collisions_of_setting_up_and_disconnecting_end_where_q921_says() {
    // DISC while SABME is out, SABME while DISC is out: DM, and both go on with their own.
    let mut one = One::new();
    one.hear("000153");
    one.expect(&["00011f"]);
    assert_eq!(one.link.state(), State::AwaitingEstablishment);
    let mut one = One::established();
    one.link.release(one.now);
    one.expect(&["020153"]);
    one.hear("00017f");
    one.expect(&["00011f"]);
    assert_eq!(one.link.state(), State::AwaitingRelease);
    one.hear("000153");
    one.expect(&["000173"]);
    one.hear("020173");
    assert_eq!(one.link.state(), State::TeiAssigned);
}

#[test]
fn a_peer_that_starts_again_is_taken_up_in_state_7_and_8() {
    for recovering in [false, true] {
        let mut one = One::established();
        one.send(&[1]);
        one.hear("00010000aa");
        if recovering {
            one.pass(SECOND);
            assert_eq!(one.link.state(), State::TimerRecovery);
        }
        while one.link.poll_frame().is_some() {}
        while one.link.poll_indication().is_some() {}
        one.hear("00017f");
        one.expect(&["000173"]);
        assert_eq!(one.link.state(), State::MultipleFrameEstablished);
        assert_eq!(one.link.poll_indication(), Some(Indication::Established));
        assert_eq!(one.link.statistics().peer_reestablished, 1);
        // Counters begin at 0 on both sides.
        one.hear("00010000bb");
        one.send(&[2]);
        one.expect(&["00010102", "0201000202"]);
    }
}

#[test]
fn a_frame_reject_condition_is_told_in_frmr_if_wanted() {
    for (frame, report) in [
        ("000133", "0001873300000001"),
        ("000101000000", "0001870100000003"),
        (&*format!("00010000{}", "55".repeat(261)), "0001870000000004"),
    ] {
        let parameters = Parameters { send_frmr: true, ..Parameters::default() };
        let mut one = One::established();
        one.link.reconfigure(one.now, Side::Network, parameters);
        one.hear(frame);
        one.expect(&[report, "02017f"]);
        assert_eq!(one.link.statistics().frmr_sent, 1);
        let octets: Vec<u8> = (0..report.len() / 2)
            .map(|at| u8::from_str_radix(&report[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        let read = Frame::parse(&octets).unwrap();
        assert_eq!(read.control, Control::Unnumbered(UnnumberedKind::Frmr));
        let reject = FrameReject::parse(read.information).unwrap();
        assert_eq!(reject.to_octets(), read.information);
        assert!(!reject.response);
        assert!(reject.undefined || reject.too_long);
    }
    assert_eq!(FrameReject::parse(&[0; 4]), None);
}

#[test]
fn frames_of_every_kind_and_length_leave_the_link_or_set_it_up_anew() {
    for control in 0..=255u8 {
        for length in [0, 1, 2, 3, 4, 5, 8, 128, 259, 260, 261, 262, 300, 1000] {
            for address in [0x00, 0x02] {
                let mut one = One::established();
                let frame = [&[address, 0x01, control][..], &vec![0; length]].concat();
                one.link.handle_frame(one.now, &frame);
                one.link.flush(one.now);
                let known = matches!(
                    one.link.state(),
                    State::MultipleFrameEstablished | State::AwaitingEstablishment | State::TeiAssigned
                );
                assert!(known, "{control:02x} and {length} octets: {}", one.link.state());
                // Whatever it was, the peer can have the link back at once.
                while one.link.poll_frame().is_some() {}
                one.hear("00017f");
                one.hear("020173");
                assert!(one.link.is_established(), "{control:02x} and {length} octets");
            }
        }
    }
}

#[test]
fn parameters_are_obeyed() {
    let parameters = Parameters {
        t200: Duration::from_millis(300),
        t203: Duration::from_secs(3),
        n200: 1,
        n201: 20,
        k: 2,
        send_frmr: false,
    };
    let mut one = One::established();
    one.link.reconfigure(one.now, Side::Network, parameters);
    assert_eq!(one.link.send(Bytes::from(vec![0; 21])), Err(SendError::TooLong { len: 21, limit: 20 }));
    for octet in 1..=3 {
        one.send(&[octet]);
    }
    one.expect(&["0201000001", "0201020002"]);
    assert_eq!(one.link.poll_timeout(), Some(one.now + Duration::from_millis(300)));
    one.pass(Duration::from_millis(300));
    one.expect(&["02010101"]);
    one.pass(Duration::from_millis(300));
    one.expect(&["02017f"]);
    assert_eq!(one.link.statistics().enquiry_unanswered, 1);
    one.hear("020173");
    one.hear("02010102");
    assert_eq!(one.link.poll_timeout(), Some(one.now + Duration::from_secs(3)));
}

#[test]
fn every_counter_has_its_name_once() {
    let table = Statistics { i_sent: 7, nr_errors: 3, ..Statistics::default() }.table();
    let names: std::collections::BTreeSet<_> = table.iter().map(|row| row.0).collect();
    assert_eq!(names.len(), table.len());
    let value = |name| table.iter().find(|row| row.0 == name).unwrap().1;
    assert_eq!((value("I sent"), value("MDL-ERROR J"), value("lost")), (7, 3, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Two links on a bad line: every message between two resets arrives once and in order.
    #[test]
    fn delivery_is_in_order_and_once(
        seed in any::<u64>(),
        loss in 0u32..25,
        count in 1usize..40,
    ) {
        let mut random = seed;
        let mut chance = move |percent: u32| {
            // xorshift64*
            random ^= random >> 12;
            random ^= random << 25;
            random ^= random >> 27;
            (random.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as u32 % 100 < percent
        };
        let mut now = Instant::now();
        let mut ends = [Link::new(Side::Network, Parameters::default()), Link::new(Side::User, Parameters::default())];
        for end in &mut ends {
            end.handle_link(now, true);
        }
        let mut arrived: Vec<u8> = Vec::new();
        let mut resets = 0;
        let mut next = 0usize;
        for _ in 0..4000 {
            if next < count && ends[0].is_established() && ends[0].send(Bytes::from(vec![next as u8])).is_ok() {
                next += 1;
            }
            for (from, to) in [(0, 1), (1, 0)] {
                ends[from].flush(now);
                while let Some(frame) = ends[from].poll_frame() {
                    for _ in 0..1 + usize::from(chance(loss / 5)) {
                        if !chance(loss) {
                            ends[to].handle_frame(now, &frame);
                        }
                    }
                }
            }
            for (index, end) in ends.iter_mut().enumerate() {
                while let Some(indication) = end.poll_indication() {
                    match indication {
                        Indication::Data(data) if index == 1 => arrived.push(data[0]),
                        Indication::Data(_) => prop_assert!(false, "nothing is sent that way"),
                        Indication::Established | Indication::Released => resets += 1,
                    }
                }
            }
            now += Duration::from_millis(100);
            for end in &mut ends {
                end.handle_timeout(now);
            }
        }
        prop_assert!(arrived.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", arrived);
        prop_assert_eq!(next, count);
        if resets == 2 {
            prop_assert_eq!(arrived.len(), count);
        }
    }

    /// Any frame emits what it was parsed from.
    #[test]
    fn frames_read_and_write_the_same_octets(octets in proptest::collection::vec(any::<u8>(), 0..12)) {
        if let Ok(frame) = Frame::parse(&octets) {
            prop_assert_eq!(frame.to_bytes(), octets);
        }
    }
}

#[test]
fn commands_are_told_from_responses_by_side() {
    let frame = Frame::parse(&[NETWORK_COMMAND, 0x01, 0x01, 0x01]).unwrap();
    assert!(frame.is_command_from(Side::Network) && !frame.is_command_from(Side::User));
}

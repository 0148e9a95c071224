//! NFAS: one signalling link, and its backup, for the B channels of several interfaces.

use qsig::{BChannel, DChannel, DLink, NfasMember, SwitchType};

use super::prelude::*;

const LINKS: [DLink; 2] = [DLink::Primary, DLink::Backup];

fn group(side: Side) -> SpanConfig {
    let member = |interface, d_channel| NfasMember { interface, d_channel, timeslots: None };
    SpanConfig {
        switch_type: SwitchType::PrimaryNi,
        line: LineKind::T1,
        nfas: vec![member(0, DChannel::Primary), member(1, DChannel::Backup), member(2, DChannel::None)],
        ..config(side)
    }
}

struct Group {
    now: Instant,
    ends: [Span; 2],
    /// Whether layer 1 of the primary and of the backup D channel works.
    wires: [bool; 2],
    events: [Vec<Event>; 2],
}

impl Group {
    fn new() -> Self {
        let ends = [Span::new(group(Side::Network)), Span::new(group(Side::User))];
        let mut group = Self { now: Instant::now(), ends, wires: [false; 2], events: Default::default() };
        group.wire(DLink::Primary, true);
        group.wire(DLink::Backup, true);
        group
    }

    fn wire(&mut self, link: DLink, up: bool) {
        self.wires[link as usize] = up;
        for end in &mut self.ends {
            end.handle_link_of(self.now, link, up);
        }
        self.run();
    }

    fn run(&mut self) {
        loop {
            let mut idle = true;
            for from in 0..2 {
                for link in LINKS {
                    while let Some(frame) = self.ends[from].poll_frame_of(link) {
                        idle = false;
                        if self.wires[link as usize] {
                            self.ends[1 - from].handle_frame_of(self.now, link, &frame);
                        }
                    }
                }
                while let Some(event) = self.ends[from].poll_event() {
                    self.events[from].push(event);
                }
            }
            if idle {
                return;
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += millis(250);
            for span in &mut self.ends {
                span.handle_timeout(self.now);
            }
            self.run();
        }
    }

    fn in_service(&self) -> [Option<DLink>; 2] {
        self.ends.each_ref().map(Span::d_channel_in_service)
    }

    /// A call from end 0 that is answered.
    fn call(&mut self) -> [CallId; 2] {
        let id = self.ends[0].start_call(self.now, &CallRequest::new("4711")).unwrap();
        self.run();
        let theirs = Pair::incoming(&std::mem::take(&mut self.events[1]));
        self.ends[1].answer_call(self.now, theirs, &plain()).unwrap();
        self.run();
        [id, theirs]
    }

    fn states(&self, ids: [CallId; 2]) -> [Option<CallState>; 2] {
        [0, 1].map(|end| self.ends[end].call(ids[end]).map(|call| call.state))
    }
}

const UP: [Option<CallState>; 2] = [Some(CallState::Active); 2];

#[test]
fn the_first_link_is_taken_and_the_other_stands_by() {
    let group = Group::new();
    assert_eq!(group.in_service(), [Some(DLink::Primary); 2]);
    for end in &group.ends {
        assert!(end.is_up());
        assert_eq!(end.data_link_state_of(DLink::Backup).unwrap().to_string(), "MULTIPLE_FRAME_ESTABLISHED");
    }
    assert_eq!(group.events, [vec![Event::DataLinkUp], vec![Event::DataLinkUp]]);
}

#[test]
fn calls_use_the_channels_of_every_interface_and_name_it() {
    let mut group = Group::new();
    // 23 on each of the two with a D channel, 24 on the third.
    let all = group.ends[0].channels().count();
    assert_eq!(all, 23 + 23 + 24);
    let ids: Vec<_> = (0..all).map(|_| group.call()).collect();
    assert_eq!(group.ends[0].start_call(group.now, &CallRequest::new("1")), Err(CallError::NoChannel));
    let mut seen = BTreeSet::new();
    for ids in &ids {
        let [a, b] = [0, 1].map(|end| group.ends[end].call(ids[end]).unwrap());
        assert_eq!((a.interface, a.channel), (b.interface, b.channel));
        seen.insert((a.interface, a.channel));
    }
    assert!(seen.len() == all && seen.contains(&(2, Some(24))) && !seen.contains(&(1, Some(24))));
    assert_eq!(group.ends[1].free_channels_of(2), 0);
    for ids in ids {
        group.ends[1].clear_call(group.now, ids[1], Cause::private(16)).unwrap();
    }
    group.run();
    assert_eq!(group.ends.each_ref().map(Span::channels_in_use), [0, 0]);
    assert_eq!(group.ends[0].free_channels_of(2), 0x00FF_FFFF);
    // The octets: explicit interface 2, exclusive, channel 24.
    let config = group.ends[0].config();
    let id = config.channel_id(BChannel { interface: 2, slot: 24 }, true);
    assert_eq!(id.element().body[..], [0xE9, 0x82, 0x83, 0x98]);
    assert_eq!(config.channel(&id), Some(BChannel { interface: 2, slot: 24 }));
    assert_eq!(config.channel(&id.on(1)), None, "there the timeslot is the D channel");
    assert_eq!(config.channel(&id.on(9)), None);
}

#[test]
fn the_backup_takes_over_and_no_call_is_lost() {
    let mut group = Group::new();
    let ids = group.call();
    group.events = Default::default();
    group.wire(DLink::Primary, false);
    assert_eq!(group.in_service(), [Some(DLink::Backup); 2]);
    assert_eq!(group.states(ids), UP);
    let second = group.call();
    assert_eq!(group.states(second), UP);
    // The primary comes back and stands by; the operator may go back to it.
    group.wire(DLink::Primary, true);
    assert_eq!(group.in_service(), [Some(DLink::Backup); 2]);
    assert!(group.ends[1].switch_d_channel(group.now));
    group.run();
    assert_eq!(group.in_service(), [Some(DLink::Primary); 2]);
    group.pass(Duration::from_secs(300));
    assert_eq!((group.states(ids), group.states(second)), (UP, UP));
    group.ends[0].clear_call(group.now, ids[0], Cause::private(16)).unwrap();
    group.ends[1].clear_call(group.now, second[1], Cause::private(16)).unwrap();
    group.run();
    assert_eq!(group.ends.each_ref().map(Span::active_calls), [0, 0]);
}

#[test]
fn with_both_links_down_calls_wait_for_t309() {
    for (back, alive) in [(80, true), (100, false)] {
        let mut group = Group::new();
        let ids = group.call();
        group.wire(DLink::Primary, false);
        group.wire(DLink::Backup, false);
        assert_eq!(group.in_service(), [None, None]);
        group.pass(Duration::from_secs(back));
        group.wire(DLink::Backup, true);
        group.pass(Duration::from_secs(5));
        assert_eq!(group.in_service(), [Some(DLink::Backup); 2]);
        assert_eq!(group.states(ids), if alive { UP } else { [None, None] });
    }
}

#[test]
fn ends_that_ask_for_different_links_at_once_agree_on_the_primary() {
    let mut group = Group::new();
    group.wire(DLink::Primary, false);
    group.wire(DLink::Backup, false);
    group.wires = [true, true];
    // End 0 sees the primary come first, end 1 the backup; their SERVICE messages cross.
    for (end, order) in [(0, [DLink::Primary, DLink::Backup]), (1, [DLink::Backup, DLink::Primary])] {
        for link in order {
            group.ends[end].handle_link_of(group.now, link, true);
        }
    }
    group.run();
    group.pass(Duration::from_secs(40));
    let agreed = group.in_service();
    assert!(agreed[0].is_some() && agreed[0] == agreed[1], "{agreed:?}");
    let ids = group.call();
    assert_eq!(group.states(ids), UP);
}

#[test]
fn a_service_message_that_nobody_answers_is_repeated_after_t321() {
    let mut group = Group::new();
    group.wire(DLink::Primary, false);
    group.wire(DLink::Backup, false);
    let mut lonely = Span::new(self::group(Side::Network));
    let mut peer = qsig::lapd::Link::new(Side::User, qsig::lapd::Parameters::default());
    let mut now = group.now;
    lonely.handle_link_of(now, DLink::Backup, true);
    peer.handle_link(now, true);
    let mut asked = Vec::new();
    for _ in 0..260 {
        now += millis(250);
        lonely.handle_timeout(now);
        peer.handle_timeout(now);
        for _ in 0..4 {
            while let Some(frame) = lonely.poll_frame_of(DLink::Backup) {
                peer.handle_frame(now, &frame);
            }
            while let Some(indication) = peer.poll_indication() {
                if let qsig::lapd::Indication::Data(octets) = indication {
                    asked.push(octets.to_vec());
                }
            }
            peer.flush(now);
            while let Some(frame) = peer.poll_frame() {
                lonely.handle_frame_of(now, DLink::Backup, &frame);
            }
        }
    }
    // Interface 1, timeslot 24, with the D-channel indicator.
    assert_eq!(asked, vec![unhex("43020000 07 0101c0 1804ed818398"); 3]);
    assert_eq!((lonely.is_up(), lonely.d_channel_in_service()), (false, None));
}

#[test]
fn restart_of_one_interface_leaves_the_others_alone() {
    let mut group = Group::new();
    let ids: Vec<_> = (0..60).map(|_| group.call()).collect();
    group.ends[0].restart(group.now, RestartTarget::Group(1));
    group.run();
    for ids in &ids {
        let [a, b] = [0, 1].map(|end| group.ends[end].call(ids[end]).map(|call| call.interface));
        assert_eq!(a, b);
        assert_ne!(a, Some(1));
    }
    assert_eq!(group.ends.each_ref().map(Span::channels_in_use), [60 - 23, 60 - 23]);
    group.ends[1].restart(group.now, RestartTarget::ChannelOf(BChannel { interface: 2, slot: 3 }));
    group.run();
    assert_eq!(group.ends.each_ref().map(Span::channels_in_use), [36, 36]);
}

#![allow(clippy::unwrap_used, clippy::panic)]
use std::collections::BTreeMap;

use cli::config::{PortId, Vmwi, VoicePort};
use telephony_hal::LineEvent;

use super::*;
use crate::leg::fxs::FxsOutput;
use crate::leg::{LegCommand, LegId, LegIds, Setup};

/// 24 ports of one board on 12 REN, each with a lamp.
struct Board {
    now: Instant,
    start: Instant,
    ports: Vec<FxsPort>,
    ringing: Ringing,
    ids: LegIds,
    bells: BTreeMap<usize, Instant>,
    lamps: Vec<bool>,
    /// First burst of each line's call, counted from its offer.
    offered: BTreeMap<usize, Instant>,
    waited: BTreeMap<usize, Duration>,
}

impl Board {
    fn new(lamps: bool) -> Self {
        let now = Instant::now();
        let ports = (0..BOARD)
            .map(|n| {
                let name = format!("2/{n}");
                let mut config = VoicePort::new(PortId::parse(&name).unwrap());
                config.mwi = lamps;
                config.vmwi = lamps.then_some(Vmwi::DcVoltage);
                FxsPort::new(now, &name, Some(&config))
            })
            .collect();
        Self {
            now,
            start: now,
            ports,
            ringing: Ringing::new(BOARD),
            ids: LegIds::default(),
            bells: BTreeMap::new(),
            lamps: vec![false; BOARD],
            offered: BTreeMap::new(),
            waited: BTreeMap::new(),
        }
    }

    fn drain(&mut self, line: usize) {
        let mut done = Vec::new();
        while let Some(output) = self.ports[line].poll(self.now, &mut self.ids) {
            if let FxsOutput::Action(action) = output {
                self.ringing.act(line, action, |line, action| done.push((line, action)));
            }
        }
        self.ringing.settle(line, &self.ports[line], |line, action| done.push((line, action)));
        for (line, action) in done {
            match action {
                LineAction::Ring(true) => {
                    assert!(!self.lamps[line], "both voltages on {line}");
                    self.bells.insert(line, self.now);
                    if let Some(offered) = self.offered.remove(&line) {
                        self.waited.insert(line, self.now - offered);
                    }
                }
                LineAction::Ring(false) => assert!(self.bells.remove(&line).is_some()),
                LineAction::Lamp(on) => assert_ne!(std::mem::replace(&mut self.lamps[line], on), on),
                _ => {}
            }
            // A bell is 1 REN, a lamp a tenth.
            let load = self.bells.len() * 10 + self.lamps.iter().filter(|lit| **lit).count();
            assert!(load <= 120, "{load} tenths of a REN at {:?}", self.now - self.start);
        }
    }

    fn call(&mut self, line: usize) -> LegId {
        let leg = self.ids.take();
        let setup = Setup::default();
        let (pattern, lead) = self.ports[line].ring_pattern(&setup);
        let delay = self.ringing.plan(self.now, line, self.ports[line].ren(), lead, &pattern);
        self.ports[line].delay_ring(delay);
        self.offered.insert(line, self.now);
        self.ports[line].command(self.now, leg, LegCommand::Offer(Box::new(setup)));
        self.drain(line);
        leg
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some((at, line)) =
            self.ports.iter().enumerate().filter_map(|(n, p)| Some((p.poll_timeout()?, n))).min()
            && at <= end
        {
            self.now = self.now.max(at);
            self.ports[line].handle_timeout(self.now);
            self.drain(line);
        }
        self.now = end;
    }
}

#[test]
fn twelve_telephones_ring_within_200_ms_and_24_within_a_period() {
    let mut board = Board::new(false);
    for line in 0..12 {
        board.call(line);
    }
    board.wait(Duration::from_millis(200));
    assert_eq!(board.waited.len(), 12, "all ring within 200 ms: {:?}", board.waited);
    for line in 12..24 {
        board.call(line);
    }
    board.wait(Duration::from_secs(6));
    assert_eq!(board.waited.len(), 24, "the others take the pauses: {:?}", board.waited);
    // And so on for three minutes, until nobody has answered; then all is quiet.
    board.wait(Duration::from_secs(200));
    assert!(board.bells.is_empty());
    assert_eq!(board.ringing.counters().next().unwrap().in_use, Ren::ZERO);
}

#[test]
fn a_call_that_finds_room_is_never_late_at_any_time_of_the_others() {
    // Eleven telephones rang at odd times; the twelfth comes whenever it likes.
    for offset in (0..6000).step_by(370) {
        let mut board = Board::new(false);
        for line in 0..11 {
            board.call(line);
            board.wait(Duration::from_millis(137 * (line as u64 % 5)));
        }
        board.wait(Duration::from_millis(offset));
        board.call(23);
        board.wait(Duration::from_millis(200));
        assert!(board.waited.contains_key(&23), "offset {offset}");
    }
}

#[test]
fn lamps_go_dark_for_bells_and_come_back() {
    let mut board = Board::new(true);
    for line in 0..BOARD {
        board.ports[line].set_message_waiting(board.now, true);
        board.drain(line);
    }
    assert_eq!(board.lamps.iter().filter(|lit| **lit).count(), BOARD);
    let legs: Vec<_> = (0..12).map(|line| board.call(line)).collect();
    board.wait(Duration::from_millis(300));
    assert_eq!(board.bells.len(), 12, "no bell waits for a lamp");
    assert_eq!(board.lamps.iter().filter(|lit| **lit).count(), 0);
    // One is answered: his line stays dark while he talks, the others' bells leave room in their pauses.
    board.ports[0].handle_event(board.now, LineEvent::OffHook);
    board.wait(Duration::from_millis(100));
    assert!(!board.lamps[0]);
    for (line, leg) in legs.into_iter().enumerate().skip(1) {
        board.ports[line].command(board.now, leg, LegCommand::Release(crate::leg::Cause::NORMAL));
        board.drain(line);
    }
    assert!(board.bells.is_empty());
    assert_eq!(board.lamps.iter().filter(|lit| **lit).count(), BOARD - 1);
}

#[test]
fn calls_that_come_and_go_at_random_leave_no_load_behind() {
    let mut board = Board::new(true);
    let mut state = 20_261_121u32;
    let mut random = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    };
    let mut legs: Vec<Option<LegId>> = vec![None; BOARD];
    for _ in 0..3000 {
        let line = random(BOARD as u32) as usize;
        match (random(5), legs[line].take()) {
            (0, leg) => {
                board.ports[line].set_message_waiting(board.now, random(2) == 0);
                legs[line] = leg;
            }
            (1 | 2, None) => legs[line] = Some(board.call(line)),
            (3, leg) => {
                board.ports[line].handle_event(board.now, LineEvent::OffHook);
                board.drain(line);
                board.wait(Duration::from_millis(50));
                board.ports[line].handle_event(board.now, LineEvent::OnHook);
                legs[line] = leg;
            }
            (_, Some(leg)) => {
                board.ports[line].command(board.now, leg, LegCommand::Release(crate::leg::Cause::NORMAL));
            }
            _ => {}
        }
        board.drain(line);
        board.wait(Duration::from_millis(random(1500).into()));
    }
    for line in 0..BOARD {
        board.ports[line].set_message_waiting(board.now, false);
        board.ports[line].handle_event(board.now, LineEvent::OnHook);
        board.drain(line);
    }
    board.wait(Duration::from_secs(400));
    assert!(board.bells.is_empty(), "{:?}", board.bells);
    assert_eq!(board.ringing.counters().next().unwrap().in_use, Ren::ZERO);
    assert!(board.waited.len() == BOARD);
}

//! `vmwi fsk`: one message at a time, whole, and the newest state last.

use media::callerid::receive::{CallerIdReceiver, Message};
use media::locale::CidScheme;

use super::*;

/// A telephone on its hook that reads what it is sent.
struct Telephone {
    port: FxsPort,
    now: Instant,
    ids: LegIds,
    ear: CallerIdReceiver,
    heard: Vec<bool>,
}

impl Telephone {
    fn new() -> Self {
        let now = Instant::now();
        let mut telephone = Self {
            port: port(now, " mwi\n vmwi fsk\n"),
            now,
            ids: LegIds::default(),
            ear: CallerIdReceiver::new(CidScheme::Bell202),
            heard: Vec::new(),
        };
        telephone.rest(200);
        telephone.heard.clear();
        telephone
    }

    /// 20 ms pass.
    fn tick(&mut self) {
        self.now += Duration::from_millis(20);
        self.port.handle_timeout(self.now);
        while let Some(output) = self.port.poll(self.now, &mut self.ids) {
            if let FxsOutput::MessageWaiting(on) = output {
                self.port.send_vmwi(on);
            }
        }
        let mut samples = [0; TICK];
        if self.port.is_active() {
            self.port.audio(&mut samples);
        }
        if self.port.line().is_off_hook() {
            return self.ear.reset();
        }
        let heard = &mut self.heard;
        self.ear.feed(&samples, |message| match message {
            Message::Waiting { on, .. } => heard.push(on),
            other => panic!("{other:?}"),
        });
    }

    fn rest(&mut self, ticks: usize) {
        (0..ticks).for_each(|_| self.tick());
    }

    fn set(&mut self, on: bool) {
        self.port.set_message_waiting(self.now, on);
    }
}

#[test]
fn however_fast_mailboxes_change_each_message_is_whole_they_alternate_and_the_last_is_right() {
    for changes in 1..=40 {
        let mut telephone = Telephone::new();
        for change in 0..changes {
            telephone.set(change % 2 == 0);
            // From changes within one tick to some a message apart.
            telephone.rest(change % 7);
        }
        telephone.rest(150);
        assert_eq!(telephone.ear.refused(), None, "{changes}");
        let heard = &telephone.heard;
        assert!(heard.iter().enumerate().all(|(at, on)| *on == at.is_multiple_of(2)), "{changes}: {heard:?}");
        // An odd number of changes lights the lamp; one that came and went unnoticed needs no message.
        let last = heard.last().copied().unwrap_or(false);
        assert_eq!(last, changes % 2 == 1, "{changes}: {heard:?}");
        assert!(telephone.port.script.is_none() && telephone.port.telling.is_none());
    }
    // 200 changes in 4 s: no more messages than fit with a pause between two.
    let mut telephone = Telephone::new();
    for change in 0..200 {
        telephone.set(change % 2 == 0);
        telephone.tick();
    }
    telephone.rest(150);
    assert_eq!(telephone.ear.refused(), None);
    assert!((2..=8).contains(&telephone.heard.len()), "{:?}", telephone.heard);
    assert_eq!(telephone.heard.last(), Some(&false));
}

#[test]
fn a_message_the_user_lifts_the_handset_under_is_sent_again_when_he_has_put_it_down() {
    for on in [true, false] {
        let mut telephone = Telephone::new();
        telephone.set(!on);
        telephone.rest(100);
        telephone.heard.clear();
        telephone.set(on);
        telephone.rest(10);
        assert!(telephone.port.script.is_some() && telephone.heard.is_empty());
        telephone.port.handle_event(telephone.now, LineEvent::OffHook);
        telephone.rest(50);
        assert!(telephone.port.script.is_none());
        telephone.port.handle_event(telephone.now, LineEvent::OnHook);
        telephone.rest(400);
        assert_eq!(telephone.heard, [on]);
    }
}

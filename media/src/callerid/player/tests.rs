#![allow(clippy::unwrap_used)]
use super::*;
use crate::callerid::plan::{self, VmwiAlert, VmwiForm};
use crate::callerid::{CallSetup, Party};
use crate::locale;

fn call() -> CallSetup {
    CallSetup { when: None, number: Party::Known("0312345678".into()), name: Party::Unavailable }
}

/// Plays to the end in blocks of `size`; gives the audio, and the work with the sample of its block's end.
fn play(player: &mut Player, size: usize) -> (Vec<i16>, Vec<(usize, Work)>) {
    let (mut audio, mut work) = (Vec::new(), Vec::new());
    while !player.is_over() {
        let mut block = vec![0; size];
        let at = audio.len() + size;
        player.fill(&mut block, |w| work.push((at, w)));
        audio.extend(block);
        assert!(audio.len() < 20 * 8000, "it never ends");
    }
    (audio, work)
}

#[test]
fn audio_does_not_depend_on_the_size_of_the_blocks() {
    for locale in locale::all() {
        let plan = plan::caller_id(locale, &call());
        for actions in [plan.before_ring, plan.in_pause] {
            let (whole, _) = play(&mut Player::new(actions.clone()), 1);
            for size in [80, 160, 333] {
                let (blocks, _) = play(&mut Player::new(actions.clone()), size);
                assert!(blocks.starts_with(&whole), "{} in blocks of {size}", locale.code);
                assert!(blocks.len() - whole.len() < size.max(2), "{} in blocks of {size}", locale.code);
            }
        }
    }
}

#[test]
fn the_pair_is_as_before_at_the_end_of_every_plan_and_wherever_it_is_broken_off() {
    let mut plans: Vec<Vec<Action>> = Vec::new();
    for locale in locale::all() {
        plans.push(plan::caller_id(locale, &call()).before_ring);
    }
    for form in [VmwiForm::Sdmf, VmwiForm::Mdmf, VmwiForm::Etsi] {
        for alert in
            [VmwiAlert::None, VmwiAlert::OpenSwitch, VmwiAlert::LineReversalDtAs, VmwiAlert::RingPulse]
        {
            plans.push(plan::vmwi(form, alert, true, Some(1)));
        }
    }
    for actions in plans {
        for blocks in [1, 10, 20, 40, 1000] {
            let mut player = Player::new(actions.clone());
            let mut state = (false, true, false);
            let mut act = |work| match work {
                Work::Polarity(on) => state.0 = on,
                Work::Battery(on) => state.1 = on,
                Work::Ring(on) => state.2 = on,
            };
            for _ in 0..blocks {
                player.fill(&mut [0; 160], &mut act);
            }
            player.stop(&mut act);
            assert!(player.is_over());
            assert_eq!(state, (false, true, false), "{actions:?} after {blocks} blocks");
        }
    }
}

#[test]
fn a_japanese_set_answers_to_listen_and_is_put_down_before_it_rings() {
    let plan = plan::caller_id(locale::find("jp").unwrap(), &call()).before_ring;
    let mut player = Player::new(plan.clone());
    let mut work = Vec::new();
    let mut block = [0; 160];
    for _ in 0..40 {
        player.fill(&mut block, |w| work.push(w));
    }
    assert_eq!(
        work,
        [Work::Polarity(true), Work::Ring(true), Work::Ring(false)],
        "250 ms, 500 on, 50 of 500 off"
    );
    assert!(player.awaits_off_hook());
    assert!(player.handle_hook(true, |w| work.push(w)), "to listen");
    let mut sounding = 0;
    while player.left() > 0 || !player.is_over() {
        player.fill(&mut block, |w| work.push(w));
        sounding += usize::from(block.iter().any(|s| s.unsigned_abs() > 3000));
        if sounding > 0 && block.iter().all(|s| *s == 0) {
            break;
        }
    }
    assert!(sounding > 5, "{sounding} blocks of data");
    assert!(player.handle_hook(false, |w| work.push(w)), "has heard it");
    let (_, last) = play(&mut player, 160);
    assert_eq!(last.last().map(|w| w.1), Some(Work::Polarity(false)));

    // A set that knows nothing of it is rung after six seconds, one that is lifted later has answered.
    let mut player = Player::new(plan);
    let (audio, work) = play(&mut player, 160);
    assert!((49_000..52_000).contains(&audio.len()), "{}", audio.len());
    assert_eq!(work.last().map(|w| w.1), Some(Work::Polarity(false)));
    assert!(!player.handle_hook(true, |_| {}));
}

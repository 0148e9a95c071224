//! The ringer budget and the mailboxes: lamps draw on the ringing generator, and bells go before.

use std::fmt::Write as _;

use super::*;

/// Telephones of one board; their lamps burn by `vmwi dc-voltage`.
const LINES: usize = 24;
/// One of the first three rings as loud as four bells: together they take all of the 12 REN.
const BELLS: usize = 4;

fn bench() -> Bench {
    let (mut config, mut hardware) = (String::new(), String::new());
    for line in 0..LINES {
        let _ = write!(
            config,
            "voice-port 2/{line}\n mwi\n vmwi dc-voltage\n ren {}\n!\ndial-peer voice {peer} pots\n \
             destination-pattern {peer}\n port 2/{line}\n!\n",
            if line < 3 { BELLS } else { 1 },
            peer = 8000 + line,
        );
        let _ = write!(hardware, "[[fxs]]\nport = \"2/{line}\"\nbackend = \"sim\"\n");
    }
    config.push_str("sip-ua\n mwi-server ipv4:192.0.2.10 unsolicited\n");
    Bench::open_on(&hardware, tempfile::tempdir().unwrap(), &config, 1_800_000_000)
}

/// The board: which bells and lamps have voltage, and never more than 12 REN together.
#[derive(Default)]
struct Board {
    bells: BTreeSet<usize>,
    lamps: BTreeSet<usize>,
}

impl Board {
    fn look(&mut self, bench: &mut Bench) {
        for (line, action) in bench.volts.drain(..) {
            let (set, on) = match action {
                LineAction::Ring(on) => (&mut self.bells, on),
                LineAction::Lamp(on) => (&mut self.lamps, on),
                _ => continue,
            };
            if on {
                set.insert(line)
            } else {
                set.remove(&line)
            };
            let bells: usize = self.bells.iter().map(|line| if *line < 3 { BELLS } else { 1 }).sum();
            let tenths = 10 * bells + self.lamps.len();
            assert!(tenths <= 120, "{tenths} tenths of a REN: {:?} {:?}", self.bells, self.lamps);
        }
    }

    fn wait(&mut self, bench: &mut Bench, ms: u64) {
        bench.wait(Duration::from_millis(ms));
        self.look(bench);
    }
}

#[test]
fn lamps_are_as_the_mailboxes_say_within_the_ringer_budget_and_dark_while_bells_need_it_all() {
    let (mut bench, mut board) = (bench(), Board::default());
    let all: BTreeSet<usize> = (0..LINES).collect();
    for line in 0..LINES {
        bench.notify(&format!("{}", 8000 + line), true);
    }
    board.wait(&mut bench, 1000);
    assert_eq!((&board.lamps, board.bells.len()), (&all, 0));
    // The last three telephones call the first three: together their bells need all there is.
    for caller in 21..24 {
        bench.switch.handle_line(bench.now, caller, LineEvent::OffHook);
        board.wait(&mut bench, 500);
        for digit in format!("{}", 8000 + caller - 21).chars() {
            bench.switch.handle_digit(bench.now, caller, digit);
        }
        board.wait(&mut bench, 10);
    }
    // Their bursts are in phase but for the stagger: look for a moment with all three bells.
    let mut together = false;
    let mut news = false;
    for _ in 0..2000 {
        board.wait(&mut bench, 20);
        if board.bells.len() == 3 {
            together = true;
            assert!(board.lamps.is_empty(), "lamps beside 12 REN of bells: {:?}", board.lamps);
            if !news {
                // News while the lamps are dark: one mailbox is emptied, and its lamp has nothing to come back for.
                news = true;
                bench.notify("8010", false);
                board.look(&mut bench);
                assert!(board.lamps.is_empty());
            }
        }
    }
    assert!(together, "the three never rang together");
    // The callers give up: every lamp but that of the emptied mailbox burns again, those of the callers too.
    for caller in 21..24 {
        bench.switch.handle_line(bench.now, caller, LineEvent::OnHook);
    }
    board.wait(&mut bench, 10_000);
    let mut left = all;
    left.remove(&10);
    assert_eq!((&board.lamps, board.bells.len()), (&left, 0));
    // A mailbox that gets a message while the budget is free lights its lamp at once.
    bench.notify("8010", true);
    board.look(&mut bench);
    assert!(board.lamps.contains(&10));
}

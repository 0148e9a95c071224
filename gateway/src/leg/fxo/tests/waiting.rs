//! What an exchange tells of messages by dial tone and by lamp voltage.

use super::*;

impl Bench {
    fn mailbox(&mut self, waiting: bool) {
        self.exchange.set_message_waiting(self.now, waiting);
    }

    fn heard(&mut self) -> Vec<bool> {
        std::mem::take(&mut self.told)
    }
}

#[test]
fn the_stutter_of_every_country_is_told_from_its_dial_tone_when_the_line_is_polled() {
    let mut deaf = Vec::new();
    for locale in media::locale::all() {
        let lines = format!(" cptone {}\n mwi\n", locale.code);
        let mut bench = Bench::new(&lines, &format!("{lines} tipring mwi-poll 30\n"));
        bench.run(39_000);
        let empty = bench.heard();
        bench.mailbox(true);
        bench.run(30_000);
        let full = bench.heard();
        bench.mailbox(false);
        bench.run(30_000);
        let again = bench.heard();
        assert!(!bench.port.is_busy(), "{}: the line is let go of", locale.code);
        if (&empty[..], &full[..], &again[..]) == (&[], &[], &[]) {
            // Nor is the line seized in vain.
            assert_eq!(bench.actions, [], "{}", locale.code);
            deaf.push(locale.code);
        } else {
            assert_eq!((empty, full, again), (vec![false], vec![true], vec![false]), "{}", locale.code);
        }
    }
    // Their dial tones are modulated, of three frequencies, or of frequencies that take turns; Malaysia's stutter has a burst
    // of 2 s.
    assert_eq!(deaf, ["au", "eg", "gb", "hu", "in", "it", "my", "no", "th", "za"]);
}

#[test]
fn a_line_is_seized_to_listen_only_where_it_is_told_to_and_only_while_it_is_free() {
    let mut bench = Bench::new(" mwi\n", " mwi\n");
    bench.run(100_000);
    assert_eq!((bench.heard(), &bench.actions[..]), (vec![], [].as_slice()));
    let mut bench = Bench::new(" mwi\n", " mwi\n tipring mwi-poll 30\n");
    bench.call("5551234");
    bench.exchange_says_later();
    bench.run(40_000);
    assert_eq!(bench.heard(), [true; 0], "a call is on the line");
    bench.port_says(LegCommand::Release(Cause::NORMAL));
    bench.run(25_000);
    assert_eq!(bench.heard(), [false]);
}

impl Bench {
    /// The exchange takes the call, so that it lasts.
    fn exchange_says_later(&mut self) {
        self.run(2500);
        self.exchange_says(LegCommand::Proceed);
        self.exchange_says(LegCommand::Answer(Answer::default()));
    }
}

#[test]
fn an_exchange_that_gives_no_dial_tone_leaves_what_is_known() {
    let mut bench = Bench::new(" mwi\n cptone GB\n", " mwi\n cptone US\n tipring mwi-poll 30\n");
    // Silence: the exchange's end has no battery.
    bench.station.set_battery(false).unwrap();
    bench.run(40_000);
    bench.station.set_battery(true).unwrap();
    bench.run(1000);
    assert_eq!(bench.heard(), [true; 0]);
    assert!(!bench.port.is_busy());
}

#[test]
fn a_call_out_hears_the_stutter_where_it_waits_long_enough_before_it_dials() {
    for (delay, waiting, heard) in
        [(1500, true, vec![true]), (2500, false, vec![false]), (300, true, vec![]), (300, false, vec![])]
    {
        let mut bench = Bench::new(" mwi\n", &format!(" mwi\n timing dialout-delay {delay}\n"));
        bench.mailbox(waiting);
        bench.call("5551234");
        bench.run(6000);
        assert_eq!((bench.heard(), bench.dialled()), (heard, "5551234"), "{delay} ms, {waiting}");
    }
    // Without `mwi` nobody asks.
    let mut bench = Bench::new(" mwi\n", " timing dialout-delay 1500\n");
    bench.mailbox(true);
    bench.call("5551234");
    bench.run(6000);
    assert_eq!(bench.heard(), [true; 0]);
}

#[test]
fn lamp_voltage_is_believed_and_its_absence_only_when_it_lasts_on_an_idle_line() {
    let mut bench = Bench::new(" mwi\n vmwi dc-voltage\n", " mwi\n");
    bench.mailbox(true);
    bench.run(1000);
    assert_eq!(bench.heard(), [true]);
    // The exchange takes the voltage away to ring and to talk.
    let leg = bench.ring("5550199");
    bench.run(7000);
    bench.exchange.command(bench.now, leg, LegCommand::Release(Cause::NORMAL));
    bench.run(30_000);
    assert_eq!(bench.heard(), [true; 0]);
    bench.call("5551234");
    bench.run(2000);
    assert_eq!(bench.heard(), [true], "the dial tone says the same");
    bench.run(18_000);
    assert_eq!(bench.heard(), [true; 0], "in the call");
    bench.port_says(LegCommand::Release(Cause::NORMAL));
    bench.run(20_000);
    assert_eq!(bench.heard(), [true; 0], "after the call");
    bench.mailbox(false);
    bench.run(7000);
    assert_eq!(bench.heard(), [true; 0]);
    bench.run(2000);
    assert_eq!(bench.heard(), [false]);
}

//! `show mwi` in every form, `debug mwi`, and the look-ups that `show sip-ua mwi` counts.

use cli::session::{DebugTopic, MwiQuery, MwiScope, MwiView, Show};

use super::*;

const VIEWS: [MwiView; 5] =
    [MwiView::Brief, MwiView::Detail, MwiView::History, MwiView::Queue, MwiView::Statistics];

#[test]
fn show_mwi_shows_what_was_asked_for_and_nothing_of_other_mailboxes() {
    let mut bench = Bench::new();
    bench.link(0, true);
    bench.notify_body(
        "8000",
        "a",
        "Messages-Waiting: yes\r\nVoice-Message: 2/3 (1/0)\r\nFax-Message: 4/0\r\n",
    );
    bench.notify("4711", true);
    bench.pbx[0].answer = Some(MwiAnswer::Error(6));
    bench.notify("4712", true);
    bench.link(0, false);
    bench.notify("4713", true);
    bench.wait(Duration::from_secs(7));
    let number = |number: &str| MwiScope::Number(number.into());
    let port = |port: &str| MwiScope::Port(port.into());
    let trunk = MwiScope::Trunk("1/0:15".into());
    let queue = "Trunk 1/0:15: mwi on, down, 0 under way, 1 waiting; started 2, done 1, failed 1, again 0, replaced 0";
    // Scope, then what each view has and what it has not.
    type Row<'a> = (MwiScope, MwiView, &'a [&'a str], &'a [&'a str]);
    let rows: [Row<'_>; 20] = [
        (
            MwiScope::All,
            MwiView::Brief,
            &[
                "4 mailboxes, 4 with messages waiting",
                "8000             ON      2/3       local",
                queue,
                "  4713 ON: waiting",
            ],
            &[],
        ),
        (
            MwiScope::All,
            MwiView::Detail,
            &["Mailbox 8000", "Mailbox 4711", "Mailbox 4712", "Mailbox 4713"],
            &[],
        ),
        (MwiScope::All, MwiView::History, &["8000 ", "ON to 1/0:15: done", "4713 "], &[]),
        (MwiScope::All, MwiView::Queue, &[queue, "4713 ON: waiting", "Trunk 1/1:15"], &["Mailbox"]),
        (
            MwiScope::All,
            MwiView::Statistics,
            &[
                "Mailboxes: 4, 4 with",
                "NOTIFY answered 200: 3",
                "NOTIFY answered 404: 1",
                "PBX outcome error: 1",
                queue,
            ],
            &["4713 ON"],
        ),
        (number("8000"), MwiView::Brief, &["1 mailboxes, 1 with", "2/0         7 s"], &["4711", "Trunk"]),
        (
            number("8000"),
            MwiView::Detail,
            &[
                "Voice-Message: 2 new, 3 old; urgent 1 new, 0 old",
                "Fax-Message: 4 new, 0 old",
                "Told by 192.0.2.10, CSeq 1, Call-ID a",
                "Heard of 7 s ago, unchanged for 7 s",
                "Delivery: local by 2/0",
            ],
            &["4711"],
        ),
        (number("8000"), MwiView::History, &["8000 "], &["4711", "4712"]),
        (number("8000"), MwiView::Queue, &[], &["Trunk", "4713"]),
        (number("8000"), MwiView::Statistics, &[], &["Trunk"]),
        (number("4712"), MwiView::Brief, &["failed", "(404: PBX returned error 6)"], &["4711", "4713"]),
        (
            number("4712"),
            MwiView::Detail,
            &["Delivery: failed by 1/0:15, 7 s ago: PBX returned error 6 (404)"],
            &["8000"],
        ),
        (number("4713"), MwiView::Queue, &[queue, "4713 ON: waiting"], &["Trunk 1/1:15"]),
        (number("4713"), MwiView::Statistics, &[queue], &["Trunk 1/1:15"]),
        (port("2/0"), MwiView::Brief, &["1 mailboxes", "8000 "], &["471"]),
        (port("2/0"), MwiView::Detail, &["Mailbox 8000"], &["Mailbox 471"]),
        (trunk.clone(), MwiView::Brief, &["3 mailboxes", queue], &["8000", "Trunk 1/1:15"]),
        (trunk.clone(), MwiView::History, &["4711 ", "4712 ", "4713 "], &["8000"]),
        (trunk.clone(), MwiView::Queue, &[queue, "4713 ON: waiting"], &["Trunk 1/1:15"]),
        (trunk, MwiView::Statistics, &[queue], &["Trunk 1/1:15", "NOTIFY"]),
    ];
    for (scope, view, has, not) in rows {
        let shown = show(&bench, scope.clone(), view);
        for text in has {
            assert!(shown.contains(text), "{scope:?} {view:?}: no {text:?} in\n{shown}");
        }
        for text in not {
            assert!(!shown.contains(text), "{scope:?} {view:?}: {text:?} in\n{shown}");
        }
    }
    for view in VIEWS {
        let shown = show(&bench, number("9999"), view);
        let wanted = if view == MwiView::History { "" } else { "% No mailbox 9999 is known\n" };
        assert_eq!(shown, wanted, "{view:?}");
    }
}

fn show(bench: &Bench, scope: MwiScope, view: MwiView) -> String {
    bench.switch.show(bench.now, &Show::Mwi(MwiQuery { scope, view })).unwrap()
}

/// What was printed for consoles since the last time, without time stamps of the debug lines about message waiting.
fn printed(bench: &mut Bench) -> Vec<String> {
    let lines = std::iter::from_fn(|| bench.switch.poll_monitor());
    lines.filter_map(|line| Some(line.get(line.find("MWI: ")?..)?.to_owned())).collect()
}

#[test]
fn debug_mwi_tells_who_said_what_where_it_went_and_what_the_pbx_made_of_it() {
    let mut bench = Bench::new();
    bench.link(0, true);
    bench.notify("8000", true);
    assert_eq!(printed(&mut bench), Vec::<String>::new(), "off");
    bench.switch.debug(DebugTopic::Mwi, true);
    bench.notify("8000", false);
    bench.notify("9999", true);
    bench.notify("4711", true);
    bench.pbx[0].answer = Some(MwiAnswer::Error(6));
    bench.notify("4712", true);
    bench.receive_from(
        [198, 51, 100, 9],
        "NOTIFY sip:8000@gw SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.9;branch=z9hG4bKx\r\nFrom: <sip:x@x>;tag=a\r\n\
         To: <sip:8000@gw>\r\nCall-ID: x\r\nCSeq: 1 NOTIFY\r\nEvent: message-summary\r\nContent-Length: 0\r\n\r\n",
    );
    assert_eq!(
        printed(&mut bench),
        [
            "MWI: NOTIFY from 192.0.2.10:5060 for 8000: none waiting, Changed",
            "MWI: NOTIFY from 192.0.2.10:5060 refused: 404 No dial peer leads to a port for 9999",
            "MWI: NOTIFY from 192.0.2.10:5060 for 4711: waiting, New",
            "MWI: 4711 on trunk 1/0:15: done",
            "MWI: NOTIFY from 192.0.2.10:5060 for 4712: waiting, New",
            "MWI: 4712 on trunk 1/0:15: PBX returned error 6",
            "MWI: NOTIFY from 198.51.100.9:5060 refused: 403",
        ]
    );
    bench.switch.undebug_all();
    bench.notify("8000", true);
    assert_eq!(printed(&mut bench), Vec::<String>::new(), "off again");
}

#[test]
fn look_ups_that_failed_are_counted_until_one_does_not() {
    let config = CONFIG.replace("ipv4:192.0.2.10 unsolicited", "dns:vm.example unsolicited");
    let mut bench = Bench::open(tempfile::tempdir().unwrap(), &config);
    let name = bench.switch.names().remove(0);
    let counted = |bench: &Bench, lines: &str| {
        let shown = bench.switch.show(bench.now, &Show::SipUaMwi).unwrap();
        assert!(shown.contains(lines), "no {lines:?} in\n{shown}");
    };
    for failed in 0..3 {
        counted(
            &bench,
            &format!(
                "MWI ipaddr cnt 0:\nMWI ipaddr idx 0:\nMWI server: 0.0.0.0, port 5060, transport 1\nMWI server dns lookup retry cnt: {failed}\n"
            ),
        );
        bench.switch.handle_lookup(bench.now, &name, &[]);
    }
    bench.switch.handle_lookup(bench.now, &name, &[SocketAddr::from(([192, 0, 2, 10], 5060))]);
    counted(&bench, "C000020A\n0\n0\n");
    counted(&bench, "MWI ipaddr cnt 1:\nMWI ipaddr idx 0:\nMWI server: 192.0.2.10, port 5060, transport 1\n");
    counted(&bench, "MWI server dns lookup retry cnt: 0\n");
}

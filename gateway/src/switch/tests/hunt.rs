//! One mailbox, two kinds of way to its PBX: a trunk, and behind it a serial line with SMDI.

use crate::service::smdi::SmdiEvent;

use super::*;

fn bench() -> Bench {
    let hardware = format!(
        "{HARDWARE}[[smdi]]\nname = \"pbx1\"\ntty = \"/dev/null\"\nnumbers = [\"47..\"]\ndigits = 4\n"
    );
    Bench::open_on(&hardware, tempfile::tempdir().unwrap(), CONFIG, 1_800_000_000)
}

fn serial(bench: &mut Bench, event: SmdiEvent) {
    bench.switch.handle_smdi(bench.now, 0, event);
    bench.settle();
}

fn written(bench: &mut Bench) -> String {
    let octets: Vec<u8> = bench.serial.drain(..).flat_map(|(_, octets)| octets.to_vec()).collect();
    String::from_utf8(octets).unwrap()
}

#[test]
fn a_notify_the_trunk_s_pbx_does_not_answer_goes_to_the_serial_line_once() {
    let mut bench = bench();
    bench.link(0, true);
    serial(&mut bench, SmdiEvent::Up);
    let id = bench.notify("4711", true);
    assert_eq!(bench.status(&id), Some(200));
    assert_eq!(written(&mut bench), "", "the trunk goes before");
    // The PBX says "recovery on timer expiry".
    bench.pbx[0].answer = Some(MwiAnswer::Cause(102));
    let id = bench.notify("4711", false);
    assert_eq!(written(&mut bench), "RMV:MWI 4711!\u{4}");
    assert_eq!(bench.status(&id), None, "its silence is awaited");
    bench.wait(Duration::from_secs(5));
    assert_eq!(bench.status(&id), Some(200));
    let delivery = bench.switch.deliveries.get("4711");
    assert!(matches!(delivery, Some(Delivery::Delivered { trunk, .. }) if trunk == "pbx1"), "{delivery:?}");
    // Nothing waits for the trunk any more, and it hears nothing of it later.
    bench.pbx[0].answer = Some(MwiAnswer::Result);
    let heard = bench.pbx[0].heard.len();
    bench.wait(Duration::from_secs(3600));
    assert_eq!((bench.pbx[0].heard.len(), written(&mut bench).as_str()), (heard, ""));
}

#[test]
fn a_serial_line_that_is_cut_under_a_request_leaves_it_to_the_trunk_that_came_back() {
    let mut bench = bench();
    serial(&mut bench, SmdiEvent::Up);
    let id = bench.notify("4711", true);
    assert_eq!(written(&mut bench), "OP:MWI 4711!\u{4}", "the trunk is down");
    bench.link(0, true);
    serial(&mut bench, SmdiEvent::Down);
    assert_eq!(bench.status(&id), Some(200));
    assert_eq!(bench.pbx[0].heard, [("4711".to_owned(), true)]);
    let delivery = bench.switch.deliveries.get("4711");
    assert!(matches!(delivery, Some(Delivery::Delivered { trunk, .. }) if trunk == "1/0:15"), "{delivery:?}");
    // The line is back: it is not told of what the trunk has done.
    serial(&mut bench, SmdiEvent::Up);
    bench.wait(Duration::from_secs(3600));
    assert_eq!(written(&mut bench), "");
    // Both are away: what comes then waits for the trunk, which goes before, and reaches one of them once.
    serial(&mut bench, SmdiEvent::Down);
    bench.link(0, false);
    let id = bench.notify("4711", false);
    assert_eq!(bench.status(&id), Some(200));
    bench.link(0, true);
    serial(&mut bench, SmdiEvent::Up);
    bench.wait(Duration::from_secs(3600));
    assert_eq!(bench.pbx[0].heard.len(), 2);
    assert_eq!(written(&mut bench), "");
}

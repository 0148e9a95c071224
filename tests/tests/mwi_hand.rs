//! Message waiting worked by hand at the console, with libpri as the PBX.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::SocketAddr;
use std::time::Duration;

use system_tests::{Pbx, Side, Tipringd, free_port, json};

const LONG: Duration = Duration::from_secs(10);

fn gateway(trunk: SocketAddr) -> Tipringd {
    Tipringd::start(
        "isdn switch-type primary-qsig\n!\ncontroller E1 1/0\n pri-group timeslots 1-31\n!\n\
         interface Serial1/0:15\n isdn protocol-emulate user\n!\nvoice-port 1/0:15\n mwi\n!\nvoice-port 2/0\n mwi\n!\n\
         dial-peer voice 1 pots\n destination-pattern 8000\n port 2/0\n!\n\
         dial-peer voice 2 pots\n destination-pattern 8001\n port 2/1\n!\n\
         dial-peer voice 47 pots\n destination-pattern 47..\n port 1/0:15\n!\n",
        &format!(
            "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n\n[[fxs]]\nport = \"2/1\"\nbackend = \"sim\"\n\n\
             [[pri]]\ncontroller = \"E1 1/0\"\nbackend = \"socket\"\naddress = \"tcp-listen:{trunk}\"\n"
        ),
    )
}

#[test]
fn lamps_are_set_synchronised_and_their_queue_cleared_by_hand() {
    let trunk = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let gateway = gateway(trunk);
    let mut pbx = Pbx::connect(trunk, Side::Network, &[]);
    pbx.wait_up();
    gateway.show_until("show isdn status", LONG, |shown| shown.contains("MULTIPLE_FRAME_ESTABLISHED"));

    // A telephone of the gateway.
    assert_eq!(gateway.show("mwi set 8000 on").trim(), "8000 ON: port 2/0");
    assert!(gateway.lines().listen("2/0", 3.0).is_message_waiting_tone("us"));
    assert_eq!(gateway.show("mwi set 8000 off").trim(), "8000 OFF: port 2/0");
    assert!(!gateway.lines().listen("2/0", 3.0).is_message_waiting_tone("us"));

    // A telephone behind the PBX, with a count; the outcome is in the log, the history and the table.
    assert_eq!(gateway.show("mwi set 4711 on count 3").trim(), "4711 ON: on its way to trunk 1/0:15");
    let asked = pbx.wait(&json!({"ev": "mwi", "action": "activate", "number": "4711"}));
    assert_eq!(asked.get("messages"), Some(&json!(3)), "{asked}");
    pbx.lamp("4711", true);
    gateway.show_until("show mwi 4711 history", LONG, |shown| shown.contains("ON to 1/0:15: done"));
    assert!(gateway.show("show logging").contains("%MWI-6-BYHAND: 4711: done"));
    assert!(gateway.show("show mwi 4711 detail").contains("Delivery: delivered by 1/0:15"));

    // IOS's way to refuse.
    for (command, why) in [
        ("mwi set 9999 on", "% No dial peer leads to a port for 9999"),
        ("mwi set 8001 on", "% MWI is not enabled on the port of 8001"),
        ("mwi sync 4799", "% No mailbox 4799 is known"),
        ("clear mwi queue 9/9:15", "% 9/9:15 is not a trunk of this gateway"),
        ("show mwi 4799", "% No mailbox 4799 is known"),
    ] {
        let run = gateway.tipring(&["-c", command]);
        assert!(format!("{}{}", run.stdout, run.stderr).contains(why), "{command}: {run:?}");
    }

    // The PBX is told again.
    let text = gateway.show("mwi sync all");
    assert_eq!(text.trim(), "2 mailboxes: 1 at telephones of this gateway, 1 on their way to PBXs");
    pbx.wait(&json!({"ev": "mwi", "action": "activate", "number": "4711"}));

    // What waits for a trunk that is down is dropped, and told when asked for.
    pbx.kill();
    gateway.show_until("show isdn status", LONG, |shown| !shown.contains("MULTIPLE_FRAME_ESTABLISHED"));
    let text = gateway.show("mwi set 4712 on");
    assert_eq!(text.trim(), "4712 ON: waits for trunk 1/0:15, which is down");
    assert!(gateway.show("show mwi queue").contains("4712 ON: waiting"));
    assert_eq!(gateway.show("clear mwi queue").trim(), "1 dropped");
    assert!(gateway.show("show mwi 4712").contains("failed"));
    let mut pbx = Pbx::connect(trunk, Side::Network, &[]);
    pbx.wait_up();
    gateway.show_until("show isdn status", LONG, |shown| shown.contains("MULTIPLE_FRAME_ESTABLISHED"));
    assert!(gateway.show("mwi sync 4711").starts_with("4711: "));
    pbx.lamp("4711", true);
    assert!(
        pbx.events().all(&json!({"ev": "mwi", "number": "4712"})).is_empty(),
        "dropped, and told all the same"
    );
    assert!(gateway.show("mwi sync 4712").starts_with("4712: "));
    pbx.lamp("4712", true);
}

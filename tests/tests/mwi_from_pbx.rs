//! Message waiting the other way: libpri tells the gateway of messages for a telephone on an FXS port.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::SocketAddr;

use system_tests::{Pbx, Side, Tipringd, free_port, json};

fn gateway(trunk: SocketAddr) -> Tipringd {
    Tipringd::start(
        "isdn switch-type primary-qsig\n!\ncontroller E1 1/0\n pri-group timeslots 1-31\n!\n\
         interface Serial1/0:15\n isdn protocol-emulate user\n!\nvoice-port 2/0\n mwi\n!\n\
         dial-peer voice 1 pots\n destination-pattern 8000\n port 2/0\n!\n",
        &format!(
            "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n\n[[pri]]\ncontroller = \"E1 1/0\"\n\
             backend = \"socket\"\naddress = \"tcp-listen:{trunk}\"\n"
        ),
    )
}

#[test]
fn libpri_lights_and_clears_the_telephone_and_is_told_of_numbers_that_are_not_ours() {
    let trunk = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let gateway = gateway(trunk);
    let mut pbx = Pbx::connect(trunk, Side::Network, &[]);
    pbx.wait_up();

    // As libpri itself encodes it.
    pbx.send("mwi on 8000");
    gateway.lamp_becomes("8000", true);
    assert!(gateway.lines().listen("2/0", 3.0).is_message_waiting_tone("us"));
    pbx.send("mwi off 8000");
    gateway.lamp_becomes("8000", false);

    // With optional arguments, and the answer read by libpri's decoder.
    pbx.send("mwi on 8000 n=5 prio=3 plan=private");
    pbx.wait(&json!({"ev": "rose", "type": "result", "id": 3, "op": 80}));
    gateway.lamp_becomes("8000", true);
    assert!(gateway.show("show mwi").contains("5/0"));
    pbx.send("mwi ask 8000");
    pbx.wait(&json!({"ev": "rose", "type": "result", "id": 4, "op": 82}));

    pbx.send("mwi on 9999 n=1");
    let error = pbx.wait(&json!({"ev": "rose", "type": "error"}));
    assert_eq!(error.get("error"), Some(&json!(6)), "{error}");
    assert_eq!(gateway.lamp("9999"), None);
}

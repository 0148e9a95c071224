//! `signaling forward`: two PBXs with a gateway each, SIP between the gateways. What one PBX says and the gateways do not know
//! reaches the other PBX octet for octet. The PBXs are libpri.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use system_tests::{Pbx, Side, Tipringd, Value, free_port, json};

/// Operation 4242 from end PINX to end PINX, to be rejected where it is not known.
const UNKNOWN: &str = "9faa06800100820100 8b0102 a10b020107 02021092 0402cafe";

/// A gateway with a trunk that has 47.. and SIP to `other` that has 5[1-9]..
fn gateway(other: &str, forward: &str, switch_type: &str) -> (Tipringd, u16) {
    let port = free_port();
    let config = format!(
        "isdn switch-type {switch_type}\n!\ncontroller E1 1/0\n pri-group timeslots 1-31\n!\n\
         interface Serial1/0:15\n isdn switch-type {switch_type}\n!\n\
         voice service voip\n signaling forward {forward}\n!\n\
         dial-peer voice 47 pots\n destination-pattern 47..\n no digit-strip\n port 1/0:15\n!\n\
         voice translation-rule 1\n rule 1 /^5/ /4/\n!\nvoice translation-profile OUT\n translate called 1\n!\n\
         dial-peer voice 5 voip\n destination-pattern 5[1-9]..\n session protocol sipv2\n \
         session target ipv4:{other}\n incoming called-number .\n translation-profile outgoing OUT\n \
         codec g711alaw\n!\n"
    );
    let hardware = format!(
        "[[pri]]\ncontroller = \"E1 1/0\"\nbackend = \"socket\"\naddress = \"tcp-listen:127.0.0.1:{port}\"\n"
    );
    (Tipringd::start(&config, &hardware), port)
}

/// Two of them, each with its PBX.
struct Sites {
    gateways: [Tipringd; 2],
    pbx: [Pbx; 2],
}

impl Sites {
    fn new(forward: [&str; 2], switch_type: &str, libpri: &str) -> Self {
        let (first, port) = gateway("127.0.0.1:9", forward[0], switch_type);
        let (second, other_port) = gateway(&first.sip().to_string(), forward[1], switch_type);
        let mut console = first.console();
        for line in [
            "configure terminal",
            "dial-peer voice 5 voip",
            &format!("session target ipv4:{}", second.sip()),
            "end",
        ] {
            console.exec(line);
        }
        let pbx = [port, other_port].map(|port| {
            let mut pbx = Pbx::connect(([127, 0, 0, 1], port).into(), Side::Network, &["-w", libpri, "-f"]);
            pbx.wait_up();
            pbx
        });
        let gateways = [first, second];
        for gateway in &gateways {
            gateway.show_until("show isdn status", Duration::from_secs(5), |shown| {
                shown.contains("MULTIPLE_FRAME_ESTABLISHED")
            });
        }
        Self { gateways, pbx }
    }

    /// The octets of a message of this type that a PBX gets and that has `hex` in it.
    #[track_caller]
    fn gets(&mut self, at: usize, what: &str, hex: &str) -> Value {
        let has = |event: &Value, text: &str| {
            event.get("hex").and_then(Value::as_str).is_some_and(|all| all.contains(text))
        };
        self.pbx[at].events().wait_for(
            what,
            |event| {
                event.get("ev") == Some(&json!("frame"))
                    && event.get("dir") == Some(&json!("rx"))
                    && event.get("l3") == Some(&json!(what))
                    && has(event, hex)
            },
            Duration::from_secs(5),
        )
    }

    fn nothing_is_left(&self) {
        for gateway in &self.gateways {
            gateway.show_until("show call active voice brief", Duration::from_secs(5), |shown| {
                shown.contains("Total call-legs: 0")
            });
        }
    }
}

#[test]
fn an_operation_nobody_knows_goes_through_two_gateways_octet_for_octet() {
    let unknown = UNKNOWN.replace(' ', "");
    // One says rawmsg, the other unconditional: the raw message passes.
    let mut sites = Sites::new(["rawmsg", "unconditional"], "primary-qsig", "qsig");
    sites.pbx[1].policy("call=alert");
    sites.pbx[0].send("call 5711 from=5700 name=Grace");
    let setup = sites.pbx[1].wait(&json!({"ev": "call", "state": "setup", "called": "4711"}));
    assert_eq!(setup.get("calling_name"), Some(&json!("Grace")), "{setup}");
    sites.pbx[0].wait(&json!({"ev": "call", "state": "alerting"}));
    // Before the answer, from the called side.
    sites.pbx[1].send(&format!("facility last {unknown}"));
    sites.gets(0, "FACILITY", &unknown);
    sites.pbx[1].send("answer last");
    sites.pbx[0].wait(&json!({"ev": "call", "state": "connected"}));
    // In the call, both ways.
    for from in [0, 1] {
        let invoke = unknown.replace("a10b020107", &format!("a10b02011{from}"));
        sites.pbx[from].send(&format!("facility last {invoke}"));
        sites.gets(1 - from, "FACILITY", &invoke);
    }
    // libpri's own service: the joined party is told to the other exchange, and not only understood on the way.
    sites.pbx[1].send("transferred last 4799 name=Heidi");
    let told = "4865696469";
    sites.gets(0, "FACILITY", told);
    sites.pbx[1].send("hangup last 16");
    sites.pbx[0].wait(&json!({"ev": "call", "state": "disconnect", "cause": 16}));
    sites.nothing_is_left();
    for pbx in &mut sites.pbx {
        assert_eq!(pbx.events().all(&json!({"ev": "rose", "type": "reject"})), [] as [Value; 0]);
    }
}

#[test]
fn without_forwarding_the_gateway_rejects_it() {
    let unknown = UNKNOWN.replace(' ', "");
    let mut sites = Sites::new(["none", "rawmsg"], "primary-qsig", "qsig");
    sites.pbx[1].policy("call=answer");
    sites.pbx[0].send("call 5711 from=5700");
    sites.pbx[0].wait(&json!({"ev": "call", "state": "connected"}));
    sites.pbx[0].send(&format!("facility last {unknown}"));
    // Reject, invoke problem unrecognizedOperation.
    sites.gets(0, "FACILITY", "020107810101");
    sites.pbx[1]
        .events()
        .absent(&json!({"ev": "frame", "dir": "rx", "l3": "FACILITY"}), Duration::from_millis(500));
    sites.pbx[0].send("hangup last 16");
    sites.nothing_is_left();
}

//! Calls between telephones and a PBX on a primary rate trunk. The PBX is libpri.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::SocketAddr;
use std::time::Duration;

use system_tests::{Lines, Pbx, Side, Tipringd, Value, free_port, json};

/// A telephone that rings does so within this.
const RING: Duration = Duration::from_secs(2);

/// Two telephones 8000 and 8001, two trunks; 47.. is behind the first, 48.. behind the group of both.
struct Branch {
    gateway: Tipringd,
    trunks: Vec<SocketAddr>,
    side: Side,
    /// What libpri calls the switch type.
    libpri: &'static str,
}

impl Branch {
    fn new(pbx: Side) -> Self {
        Self::with_switch_type(pbx, "primary-qsig", "qsig")
    }

    /// With libpri on the user side, and these lines of configuration more.
    fn with_more(more: &str) -> Self {
        Self::with(Side::User, "primary-qsig", "qsig", more)
    }

    fn with_switch_type(pbx: Side, switch_type: &str, libpri: &'static str) -> Self {
        Self::with(pbx, switch_type, libpri, "")
    }

    fn with(pbx: Side, switch_type: &str, libpri: &'static str, more: &str) -> Self {
        let own = match pbx {
            Side::Network => "user",
            Side::User => "network",
        };
        let trunks: Vec<SocketAddr> = (0..2).map(|_| ([127, 0, 0, 1], free_port()).into()).collect();
        let mut config =
            format!("isdn switch-type {switch_type}\n!\ntrunk group PBX\n hunt-scheme sequential\n!\n");
        let mut hardware = String::new();
        for (at, trunk) in trunks.iter().enumerate() {
            config.push_str(&format!(
                "controller E1 1/{at}\n pri-group timeslots 1-31\n!\n\
                 interface Serial1/{at}:15\n isdn switch-type {switch_type}\n isdn protocol-emulate {own}\n \
                 trunk-group PBX {}\n!\nvoice-port 2/{at}\n timeouts ringing 4\n station-id name Ada\n!\n\
                 dial-peer voice 800{at} pots\n destination-pattern 800{at}\n port 2/{at}\n!\n",
                at + 1
            ));
            hardware.push_str(&format!(
                "[[pri]]\ncontroller = \"E1 1/{at}\"\nbackend = \"socket\"\naddress = \"tcp-listen:{trunk}\"\n\n\
                 [[fxs]]\nport = \"2/{at}\"\nbackend = \"sim\"\n\n"
            ));
        }
        config.push_str(
            "dial-peer voice 47 pots\n destination-pattern 47..\n no digit-strip\n port 1/0:15\n!\n\
             dial-peer voice 48 pots\n trunkgroup PBX\n destination-pattern 48..\n no digit-strip\n!\n",
        );
        config.push_str(more);
        Self { gateway: Tipringd::start(&config, &hardware), trunks, side: pbx, libpri }
    }

    /// A PBX on the trunk, layer 2 up on both ends.
    fn pbx(&self, trunk: usize) -> Pbx {
        let mut pbx = Pbx::connect(*self.trunks.get(trunk).unwrap(), self.side, &["-w", self.libpri]);
        pbx.wait_up();
        let port = format!("Serial1/{trunk}:15");
        self.gateway.show_until("show isdn status", Duration::from_secs(5), |shown| {
            let part = shown.split(&port).nth(1).unwrap_or_default();
            part.find("MULTIPLE_FRAME_ESTABLISHED")
                .is_some_and(|at| part.find("Serial1/").is_none_or(|next| at < next))
        });
        pbx
    }
}

fn on_hook(lines: &mut Lines, port: &str) {
    lines.act(port, "onhook", &json!({}));
    std::thread::sleep(Duration::from_millis(1300));
}

fn hears(lines: &mut Lines, port: &str, tone: &str) {
    let heard = lines.hear(port, 4.0);
    assert!(
        !heard.segments.is_empty() && heard.segments.iter().all(|s| s.f == tone),
        "{port} hears {heard:?}, expected {tone}"
    );
}

fn no_call_is_left(gateway: &Tipringd) {
    gateway.show_until("show call active voice brief", Duration::from_secs(5), |shown| {
        shown.contains("Total call-legs: 0")
    });
}

fn both_directions(side: Side) {
    let branch = Branch::new(side);
    let mut pbx = branch.pbx(0);
    let mut lines = branch.gateway.lines();

    // Out: rings, is answered, and the telephone hangs up.
    pbx.policy("call=alert");
    lines.dial("2/0", "4711");
    let setup = pbx.wait(&json!({"ev": "call", "state": "setup", "called": "4711", "calling": "8000"}));
    assert_eq!(setup.get("calling_name"), Some(&json!("Ada")), "{setup}");
    hears(&mut lines, "2/0", "440+480");
    pbx.send("answer last");
    branch.gateway.show_until("show call active voice brief", Duration::from_secs(5), |shown| {
        shown.contains("Originate 4711 active")
    });
    let heard = lines.hear("2/0", 1.0);
    assert!(heard.segments.is_empty(), "no tone in conversation: {heard:?}");
    on_hook(&mut lines, "2/0");
    pbx.wait(&json!({"ev": "call", "state": "disconnect", "cause": 16}));
    no_call_is_left(&branch.gateway);

    // Out, and the PBX hangs up.
    pbx.policy("call=answer");
    lines.dial("2/0", "4712");
    pbx.wait(&json!({"ev": "call", "state": "setup", "called": "4712"}));
    std::thread::sleep(Duration::from_millis(500));
    pbx.send("hangup last 16");
    std::thread::sleep(Duration::from_millis(1000));
    hears(&mut lines, "2/0", "480+620");
    on_hook(&mut lines, "2/0");

    // In: the telephone rings, answers, the PBX hangs up; then again, and the telephone does.
    for telephone_first in [false, true] {
        pbx.send("call 8001 from=4711 name=Grace");
        assert!(lines.rings("2/1", RING));
        pbx.wait(&json!({"ev": "call", "state": "alerting"}));
        lines.off_hook("2/1");
        pbx.wait(&json!({"ev": "call", "state": "connected"}));
        if telephone_first {
            on_hook(&mut lines, "2/1");
            pbx.wait(&json!({"ev": "call", "state": "disconnect", "cause": 16}));
        } else {
            pbx.send("hangup last 16");
            std::thread::sleep(Duration::from_millis(1000));
            hears(&mut lines, "2/1", "480+620");
            on_hook(&mut lines, "2/1");
        }
        no_call_is_left(&branch.gateway);
    }
}

#[test]
fn calls_both_ways_to_a_pbx_on_the_user_side() {
    both_directions(Side::User);
}

#[test]
fn calls_both_ways_to_a_pbx_on_the_network_side() {
    both_directions(Side::Network);
}

/// IOS's and libpri's name of a switch type, and whether its network side tells the caller's name.
const SWITCH_TYPES: [(&str, &str, bool); 5] = [
    ("primary-net5", "euroisdn", true),
    ("primary-ni", "ni2", false),
    ("primary-5ess", "5ess", true),
    ("primary-dms100", "dms100", true),
    ("primary-4ess", "4ess", true),
];

fn every_switch_type(side: Side) {
    for (switch_type, libpri, named) in SWITCH_TYPES {
        let branch = Branch::with_switch_type(side, switch_type, libpri);
        let mut pbx = branch.pbx(0);
        let mut lines = branch.gateway.lines();
        pbx.policy("call=answer");
        lines.dial("2/0", "4711");
        let setup = pbx.wait(&json!({"ev": "call", "state": "setup", "called": "4711", "calling": "8000"}));
        let name = setup.get("calling_name").and_then(Value::as_str).filter(|name| !name.is_empty());
        assert_eq!(name, (named && side == Side::User).then_some("Ada"), "{switch_type}: {setup}");
        branch.gateway.show_until("show call active voice brief", Duration::from_secs(5), |shown| {
            shown.contains("Originate 4711 active")
        });
        on_hook(&mut lines, "2/0");
        no_call_is_left(&branch.gateway);
        pbx.send("call 8001 from=4711");
        assert!(lines.rings("2/1", RING), "{switch_type}");
        lines.off_hook("2/1");
        pbx.wait(&json!({"ev": "call", "state": "connected"}));
        pbx.send("hangup last 16");
        no_call_is_left(&branch.gateway);
        // A diverted call back to the PBX: who diverted it stands in the Redirecting number. From EuroISDN libpri tells it in
        // divertingLegInformation2 of ETSI.
        pbx.policy("call=reject:17");
        pbx.send("call 4712 from=4711 redir=4700 reason=2");
        let setup = pbx.wait(&json!({"ev": "call", "state": "setup", "dir": "in", "called": "4712"}));
        assert_eq!(setup.get("redirecting"), Some(&json!("4700")), "{switch_type}: {setup}");
        no_call_is_left(&branch.gateway);
    }
}

#[test]
fn every_switch_type_carries_calls_both_ways() {
    every_switch_type(Side::Network);
}

#[test]
fn every_switch_type_carries_calls_to_a_pbx_on_the_user_side() {
    every_switch_type(Side::User);
}

#[test]
fn a_pbx_holds_a_call_and_takes_it_back() {
    let branch = Branch::with_switch_type(Side::User, "primary-net5", "euroisdn");
    let mut pbx = branch.pbx(0);
    let mut lines = branch.gateway.lines();
    pbx.policy("call=answer");
    lines.dial("2/0", "4711");
    branch.gateway.show_until("show call active voice brief", Duration::from_secs(5), |shown| {
        shown.contains("Originate 4711 active")
    });
    pbx.send("hold last");
    // The B channel is free, and the call is still there.
    let held = branch
        .gateway
        .show_until("show isdn status", Duration::from_secs(5), |shown| shown.contains("0xFFFF7FFF"));
    assert!(held.contains("        1 Active Layer 3 Call(s)"), "{held}");
    pbx.send("retrieve last");
    branch
        .gateway
        .show_until("show isdn status", Duration::from_secs(5), |shown| !shown.contains("0xFFFF7FFF"));
    on_hook(&mut lines, "2/0");
    pbx.wait(&json!({"ev": "call", "state": "disconnect", "cause": 16}));
    no_call_is_left(&branch.gateway);
}

#[test]
fn failures_are_told_to_either_side() {
    let branch = Branch::new(Side::User);
    let mut pbx = branch.pbx(0);
    let mut lines = branch.gateway.lines();

    pbx.policy("call=reject:17");
    lines.dial("2/0", "4711");
    hears(&mut lines, "2/0", "480+620");
    on_hook(&mut lines, "2/0");
    let history = branch.gateway.show("show call history voice brief");
    assert!(history.contains("user busy (17)"), "{history}");

    // Nobody answers there, then here.
    pbx.policy("call=alert");
    lines.dial("2/0", "4711");
    pbx.wait(&json!({"ev": "call", "state": "setup"}));
    pbx.send("hangup last 19");
    hears(&mut lines, "2/0", "480+620");
    on_hook(&mut lines, "2/0");
    pbx.events().mark();
    pbx.send("call 8001 from=4711");
    assert!(lines.rings("2/1", RING));
    pbx.wait(&json!({"ev": "call", "state": "disconnect", "cause": 19}));
    assert_eq!(lines.status("2/1").get("ringing"), Some(&Value::Bool(false)));

    // An unknown number, and a busy telephone.
    pbx.send("call 5999 from=4711");
    pbx.wait(&json!({"ev": "call", "cause": 1}));
    lines.off_hook("2/1");
    pbx.send("call 8001 from=4711");
    pbx.wait(&json!({"ev": "call", "cause": 17}));
    on_hook(&mut lines, "2/1");

    // Each side gives up before the answer.
    lines.dial("2/0", "4711");
    pbx.wait(&json!({"ev": "call", "state": "setup"}));
    on_hook(&mut lines, "2/0");
    pbx.send("call 8001 from=4711");
    assert!(lines.rings("2/1", RING));
    pbx.send("hangup last 16");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(lines.status("2/1").get("ringing"), Some(&Value::Bool(false)));
    no_call_is_left(&branch.gateway);
}

#[test]
fn a_call_goes_to_the_next_trunk_when_the_first_is_down() {
    let branch = Branch::new(Side::User);
    let first = branch.pbx(0);
    let mut second = branch.pbx(1);
    second.policy("call=answer");
    let mut lines = branch.gateway.lines();
    first.kill();
    branch.gateway.show_until("show isdn status", Duration::from_secs(10), |shown| {
        shown.matches("MULTIPLE_FRAME_ESTABLISHED").count() == 1
    });
    lines.dial("2/0", "4800");
    second.wait(&json!({"ev": "call", "state": "setup", "called": "4800"}));
    branch.gateway.show_until("show call active voice brief", Duration::from_secs(5), |shown| {
        shown.contains("Originate 4800 active")
    });
    on_hook(&mut lines, "2/0");
    no_call_is_left(&branch.gateway);
}

#[test]
fn an_exchange_and_the_gateway_ask_each_other_to_call_elsewhere() {
    let branch = Branch::with_more(
        "voice service pots\n supplementary-service qsig call-forward\n!\nvoice-port 2/0\n \
         tipring call-forward all 4799\n!\n",
    );
    let mut pbx = branch.pbx(0);
    let mut lines = branch.gateway.lines();

    // A telephone calls the PBX, which wants 8001 called instead: callRerouteing of libpri.
    pbx.policy("call=alert");
    lines.dial("2/0", "4711");
    pbx.wait(&json!({"ev": "call", "state": "setup", "called": "4711"}));
    pbx.send("deflect last 8001 reason=2");
    assert!(lines.rings("2/1", RING));
    lines.off_hook("2/1");
    branch.gateway.show_until("show call active voice brief", Duration::from_secs(5), |shown| {
        shown.contains("Originate 8001 active")
    });
    on_hook(&mut lines, "2/0");
    on_hook(&mut lines, "2/1");
    no_call_is_left(&branch.gateway);

    // The PBX calls a telephone that forwards to 4799, and calls that number itself.
    for grants in [true, false] {
        pbx.events().mark();
        pbx.send("call 8000 from=4711");
        let asked = pbx.wait(&json!({"ev": "facility"}));
        let to = asked.pointer("/sub/0/to").and_then(Value::as_str);
        assert_eq!(to, Some("4799"), "{asked}");
        // Libpri answers callRerouteing in EuroISDN alone: return result, and return error with value 1.
        let invoke = asked.pointer("/sub/0/invoke_id").and_then(Value::as_i64).expect("an invoke identifier");
        if grants {
            pbx.send(&format!("facility last 9fa2030201{invoke:02x}"));
            no_call_is_left(&branch.gateway);
            assert!(
                branch.gateway.show("show call history voice brief").contains("normal call clearing (16)")
            );
        } else {
            pbx.send(&format!("facility last 9fa3060201{invoke:02x}020101"));
            // Then the gateway does: a second call, to the PBX.
            pbx.wait(&json!({"ev": "call", "state": "setup", "called": "4799"}));
            pbx.send("hangup last 17");
            pbx.wait(&json!({"ev": "call", "cause": 17}));
            no_call_is_left(&branch.gateway);
        }
    }
}

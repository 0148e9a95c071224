//! The README's first command.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::process::Command;
use std::time::Duration;

use system_tests::{Finished, Profile, Value, finish, workspace_root};

fn demo(args: &[&str]) -> Finished {
    let mut demo = Command::new(Profile::Debug.binaries().join("tipringd"));
    demo.arg("demo").args(args).current_dir(workspace_root());
    let run = finish(demo, Duration::from_secs(60));
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    run
}

#[test]
fn the_demonstration_goes_through_every_step() {
    let run = demo(&["--json"]);
    let mut steps = run.stdout.lines().filter(|line| !line.trim().is_empty()).map(|line| {
        let step: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line:?}"));
        assert_eq!(step.get("ok"), Some(&Value::Bool(true)), "{step}");
        let text = |key: &str| step.get(key).and_then(Value::as_str).unwrap().to_owned();
        (text("step"), text("detail"))
    });
    for (step, detail) in [
        ("trunk up", "MULTIPLE_FRAME_ESTABLISHED"),
        ("PBX lamp on", "the PBX has switched the lamp of 4711 on"),
        ("dial tone before", "350+440 Hz steady"),
        ("stutter dial tone", "10 x (350+440 Hz, 100 ms on, 100 ms off), then 350+440 Hz steady"),
        ("lamp of 8001", "lit"),
        ("show sip-ua mwi", "ON"),
        ("PBX lamp off", "the PBX has switched the lamp of 4711 off"),
        ("dial tone after", "350+440 Hz steady"),
        ("show sip-ua mwi", "OFF"),
        ("call", "2/0 dialled 8001: 2/1 rings, 2/0 hears 440+480 Hz"),
        ("audio", "2/1 hears 2/0 say 1005 Hz steady"),
        ("audio", "2/0 hears 2/1 say 700 Hz steady"),
        ("call ended", "no call leg is left"),
    ] {
        let found = steps.any(|(name, said)| name == step && said.contains(detail));
        assert!(found, "no step {step:?} with {detail:?}, in this order, in\n{}", run.stdout);
    }
}

#[test]
fn without_a_terminal_the_demonstration_shows_all_and_ends() {
    let run = demo(&[]);
    let mut rest = run.stdout.as_str();
    // DESIGN section 4: the SIP messages, the decoded APDUs, the lamp, the tone, `show sip-ua mwi`
    for shown in [
        "NOTIFY sip:4711@",
        "Messages-Waiting: yes",
        "TX -> SETUP",
        "Operation = mWIActivate (80)",
        "Served User = '4711'",
        "Component = Return Result",
        "SIP/2.0 200 OK",
        "10 x (350+440 Hz",
        "endpoint 8000 mwi status ON",
        "Operation = mWIDeactivate (81)",
        "endpoint 8000 mwi status OFF",
        "2/0 hears 440+480 Hz",
        "Answer 8000 active",
        "Originate 8001 active",
    ] {
        let at =
            rest.find(shown).unwrap_or_else(|| panic!("no {shown:?}, in this order, in\n{}", run.stdout));
        rest = rest.get(at + shown.len()..).unwrap();
    }
    assert!(!run.stdout.contains("[failed]"), "{}", run.stdout);
}

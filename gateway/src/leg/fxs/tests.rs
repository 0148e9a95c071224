#![allow(clippy::unwrap_used, clippy::panic)]
use cli::config::{Config, MessageKind};

use super::*;
use crate::leg::Setup;

fn port(now: Instant, lines: &str) -> FxsPort {
    let parsed = Config::parse(&format!("voice-port 2/0\n{lines}!\n"));
    let acted = parsed.messages.iter().all(|message| message.kind == MessageKind::Acted);
    assert!(acted, "{:?}", parsed.messages);
    FxsPort::new(now, "2/0", parsed.config.voice_port("2/0"))
}

#[test]
fn what_a_voice_port_says_of_its_wires_is_what_the_line_does() {
    let now = Instant::now();
    let ms = Duration::from_millis;
    let plain = port(now, "");
    assert_eq!(plain.line().config(), &LineConfig { stutter: false, ..LineConfig::default() });
    assert_eq!((plain.ren(), plain.ring_pattern(&Setup::default()).0), (1, RingPattern::default()));

    let set = port(
        now,
        " signal groundStart\n timing hookflash-in 500 90\n timeouts power-denial 800\n no battery-reversal\n \
         disconnect-ack\n ren 3\n ring cadence pattern11\n",
    );
    let line = set.line().config();
    assert_eq!(line.signal, Signal::GroundStart);
    assert_eq!((line.hookflash_max, line.hookflash_min), (ms(500), ms(90)));
    assert_eq!((line.power_denial, line.battery_reversal, line.disconnect_ack), (Some(ms(800)), false, true));
    assert_eq!((set.ren(), set.ring_pattern(&Setup::default()).0), (3, RingPattern::ios(11).unwrap()));

    let own =
        port(now, " ring cadence define 5 2 5 20\n timeouts power-denial 0\n timing hookflash-in 100\n");
    let pattern = RingPattern::new(&[(500, 200), (500, 2000)]).unwrap();
    assert_eq!(own.ring_pattern(&Setup::default()).0, pattern);
    let line = own.line().config();
    assert_eq!((line.power_denial, line.hookflash_max, line.hookflash_min), (None, ms(100), ms(100)));

    // A name in Alert-Info goes over both.
    let alert = Setup { alert_info: Some("<http://127.0.0.1/Bellcore-dr2>".into()), ..Setup::default() };
    assert_eq!(own.ring_pattern(&alert).0.steps().len(), 2);
    assert_ne!(own.ring_pattern(&alert).0, pattern);
}

#[test]
fn no_takes_each_setting_back() {
    let now = Instant::now();
    let lines = " signal groundStart\n timing hookflash-in 500 90\n timeouts power-denial 800\n no battery-reversal\n \
                 disconnect-ack\n ren 3\n ring cadence pattern11\n no signal\n no timing hookflash-in\n \
                 no timeouts power-denial\n battery-reversal\n no disconnect-ack\n no ren\n no ring cadence\n";
    let back = port(now, lines);
    assert_eq!(back.line().config(), port(now, "").line().config());
    assert_eq!((back.ren(), back.ring_pattern(&Setup::default()).0), (1, RingPattern::default()));
}

//! Random walks over the grammar: made-up configurations come back from `show running-config` as they were, and no command
//! that the grammar allows panics or puts on the screen what drives a terminal.
#![allow(clippy::unwrap_used, clippy::panic)]

use cli::config::Config;
use cli::grammar::walk::{commands, path, samples};
use cli::grammar::{Apply, ModeKind};
use cli::session::{Action, Reply, Session, SessionKind};
use proptest::prelude::*;
use std::sync::OnceLock;

/// Lines that stand in a mode, behind those that lead there.
struct Place {
    path: Vec<String>,
    lines: Vec<String>,
}

/// Every configuration mode with all its sample lines. Clear secrets take long to hash and are tested by themselves.
fn places() -> &'static [Place] {
    static PLACES: OnceLock<Vec<Place>> = OnceLock::new();
    PLACES.get_or_init(|| {
        let of = |kind: &ModeKind| {
            let lines = kind
                .table()
                .entries()
                .filter(|(c, _)| matches!(c.apply, Apply::Acted(_) | Apply::Kept(_)))
                .filter(|(c, _)| !c.syntax.contains("secret") && !c.syntax.starts_with("banner"))
                .flat_map(|(c, syntax)| samples(c, syntax))
                .collect::<Vec<_>>();
            Place { path: path(*kind).unwrap_or_default(), lines }
        };
        ModeKind::ALL.iter().filter(|k| !k.is_exec()).map(of).filter(|p| !p.lines.is_empty()).collect()
    })
}

fn exec_lines() -> &'static [String] {
    static LINES: OnceLock<Vec<String>> = OnceLock::new();
    LINES.get_or_init(|| {
        let exec = commands().filter(|(kind, ..)| *kind == ModeKind::Privileged);
        exec.flat_map(|(_, c, syntax)| samples(c, syntax)).collect()
    })
}

/// A mode by number, and lines in it: number, and 0 for the line itself, 1 for `no`, 2 for `default`.
fn walk() -> impl Strategy<Value = Vec<(usize, Vec<(usize, u8)>)>> {
    let lines =
        prop::collection::vec((any::<prop::sample::Index>().prop_map(|i| i.index(1 << 16)), 0..5_u8), 1..8);
    prop::collection::vec((any::<prop::sample::Index>().prop_map(|i| i.index(1 << 16)), lines), 1..10)
}

fn text(walk: &[(usize, Vec<(usize, u8)>)]) -> String {
    let places = places();
    let mut text = String::new();
    for (place, lines) in walk {
        let place = &places[place % places.len()];
        text.push_str("end\n");
        for (depth, line) in place.path.iter().enumerate() {
            text.push_str(&format!("{:depth$}{line}\n", ""));
        }
        for (line, sign) in lines {
            let sign = match sign {
                0 => "no ",
                1 => "default ",
                _ => "",
            };
            let line = &place.lines[line % place.lines.len()];
            text.push_str(&format!("{:1$}{sign}{line}\n", "", place.path.len()));
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_made_up_configuration_comes_back_as_it_was(walk in walk()) {
        let text = text(&walk);
        let config = Config::parse(&text).config;
        let running = config.running();
        let again = Config::parse(&running);
        prop_assert!(again.config == config, "{text}\nshows\n{running}\nand that\n{}", again.config.running());
        prop_assert_eq!(again.config.running(), running);
        // What states the defaults as well means the same.
        let all = Config::parse(&config.running_all()).config;
        prop_assert_eq!(all.hostname, config.hostname);
    }

    #[test]
    fn what_the_grammar_allows_never_panics_at_a_terminal(
        walk in walk(),
        exec in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut typed = String::from("enable\r");
        for index in exec {
            let lines = exec_lines();
            let line = &lines[index.index(lines.len())];
            let part = line.get(..cut.index(line.len() + 1)).unwrap_or(line);
            typed.push_str(&format!("{part}?\t\x15{line} ?\x15{line}\ry\x03\x1aenable\r"));
        }
        typed.push_str("configure terminal\r");
        typed.push_str(&text(&walk).replace("end\n", "").replace('\n', "\r"));
        let mut session = Session::new(SessionKind::Console, 80, 24);
        let mut config = Config::default();
        let mut screen = Vec::new();
        for key in typed.as_bytes() {
            session.feed(std::slice::from_ref(key));
            while let Some(action) = session.poll_action() {
                match action {
                    Action::Configure(line) => {
                        let (candidate, reply) = line.apply(&config);
                        config = candidate.unwrap_or(config);
                        session.complete(reply);
                    }
                    Action::Close => session = Session::new(SessionKind::Console, 80, 24),
                    _ => session.complete(Reply::text("row\n".repeat(30))),
                }
            }
            screen.extend(session.poll_output().unwrap_or_default());
        }
        let screen = String::from_utf8_lossy(&screen);
        let drives = screen.chars().find(|c| c.is_control() && !"\r\n\t\u{8}\u{7}".contains(*c));
        prop_assert_eq!(drives, None);
        let again = Config::parse(&config.running()).config;
        prop_assert!(again == config, "{}", config.running());
    }
}

#[test]
fn every_mode_has_commands_to_walk() {
    assert!(places().len() > 20 && exec_lines().len() > 100);
}

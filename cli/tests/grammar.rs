//! Walks the whole grammar: every command has help for every word, is found again by what it prints, by its
//! abbreviations where they are unique, and its `no` brings back the default.
#![allow(clippy::unwrap_used, clippy::panic)]

use cli::config::{Config, LineOutcome, Mode};
use cli::grammar::syntax::{Kind, Syntax};
use cli::grammar::walk::{commands, path, samples};
use cli::grammar::{Apply, ModeKind, matcher};

#[test]
fn every_word_of_every_command_has_help() {
    for (kind, command, syntax) in commands() {
        let mut words = 0;
        syntax.tokens(&mut |_| words += 1);
        let texts = command.help.len();
        // Long lists of words that are only kept may share one text.
        assert!(texts == words || texts == 1, "{kind:?}: {}: {words} words, {texts} texts", command.syntax);
        assert!(command.help.iter().all(|h| !h.is_empty()), "{kind:?}: {}", command.syntax);
        let count = |sign| command.syntax.matches(sign).count();
        assert_eq!((count('('), count('[')), (count(')'), count(']')), "{}", command.syntax);
    }
}

#[test]
fn every_line_of_the_syntax_is_found_and_prints_what_was_parsed() {
    let mut checked = 0;
    for (kind, command, syntax) in commands() {
        if matches!(command.apply, Apply::Builtin) {
            continue;
        }
        for line in samples(command, syntax) {
            let input = matcher::words(&line);
            let found = matcher::find(kind.table(), &line, &input, false)
                .unwrap_or_else(|e| panic!("{kind:?}: {line:?} of {:?}: {e:?}", command.syntax));
            assert_eq!(found.args.canonical(), line, "{kind:?}: {}", command.syntax);
            // In capitals it is the same.
            let shouted = line.to_ascii_uppercase();
            let input = matcher::words(&shouted);
            assert!(matcher::find(kind.table(), &shouted, &input, false).is_ok(), "{kind:?}: {shouted}");
            checked += 1;
        }
    }
    assert!(checked > 900, "{checked} lines");
    println!("{checked} lines checked");
}

#[test]
fn help_lists_the_next_word_at_every_place() {
    for (kind, command, syntax) in commands() {
        for line in samples(command, syntax) {
            let words: Vec<&str> = line.split(' ').collect();
            for place in 0..=words.len() {
                let line = words.iter().take(place).map(|w| format!("{w} ")).collect::<String>();
                let input = matcher::words(&line);
                let list = match matcher::expected(kind.table(), &line, &input) {
                    Ok(list) => list,
                    Err(e) => panic!("{kind:?}: {line:?} of {:?}: {e:?}", command.syntax),
                };
                assert!(!list.is_empty(), "{kind:?}: {line:?}");
            }
        }
    }
}

fn enter(config: &mut Config, path: &[String]) -> Mode {
    let mut mode = Mode::global();
    for line in path {
        config.apply_line(&mut mode, line).unwrap_or_else(|e| panic!("{line}: {e}"));
    }
    mode
}

#[test]
fn no_and_default_restore_the_default() {
    let mut checked = 0;
    for kind in ModeKind::ALL.iter().filter(|k| !k.is_exec()) {
        let path = path(*kind).unwrap_or_else(|| panic!("{kind:?} cannot be reached"));
        for (command, syntax) in kind.table().entries() {
            if !matches!(command.apply, Apply::Acted(_) | Apply::Kept(_))
                || command.syntax == cli::grammar::REENTER_PEER
                || command.syntax.starts_with("banner")
            {
                continue;
            }
            for line in samples(command, syntax) {
                for sign in ["no", "default"] {
                    let mut config = Config::default();
                    let mode = enter(&mut config, &path);
                    let before = config.clone();
                    let context = format!("{kind:?}: {line:?} of {:?}", command.syntax);
                    let outcome = match config.apply_line(&mut mode.clone(), &line) {
                        Ok(outcome) => outcome,
                        Err(error) => panic!("{context}: {error}"),
                    };
                    assert!(!matches!(outcome, LineOutcome::Empty), "{context}");
                    let negated = format!("{sign} {line}");
                    config
                        .apply_line(&mut mode.clone(), &negated)
                        .unwrap_or_else(|e| panic!("{negated}: {e}"));
                    checked += 1;
                    if command.no_shown && sign == "no" {
                        // The `no` form is configuration; the default comes back with `default`.
                        config.apply_line(&mut mode.clone(), &format!("default {line}")).unwrap();
                    }
                    assert_eq!(config.running(), before.running(), "{context}: {sign}");
                    if !line.starts_with("ip address ") {
                        assert!(config == before, "{context}: {sign}");
                    }
                }
            }
        }
    }
    assert!(checked > 1000, "{checked}");
    println!("{checked} negations checked");
}

#[test]
fn every_configuration_line_survives_the_running_configuration() {
    for kind in ModeKind::ALL.iter().filter(|k| !k.is_exec()) {
        let path = path(*kind).unwrap();
        for (command, syntax) in kind.table().entries() {
            if !matches!(command.apply, Apply::Acted(_) | Apply::Kept(_)) {
                continue;
            }
            for line in samples(command, syntax) {
                let mut config = Config::default();
                let mut mode = enter(&mut config, &path);
                if config.apply_line(&mut mode, &line).is_err() {
                    continue;
                }
                let running = config.running();
                let again = Config::parse(&running);
                assert!(again.config == config, "{kind:?}: {line}\n{running}\n{}", again.config.running());
            }
        }
    }
}

/// A line of a command with one of its numbers just above what its range takes; `None` where it has no range in this sample.
fn beyond(line: &str, syntax: &Syntax) -> Option<String> {
    let mut highest = Vec::new();
    syntax.tokens(&mut |token| {
        if let Some(Kind::Range(_, high)) = token.kind {
            highest.push(high);
        }
    });
    let at = line.split(' ').collect::<Vec<_>>().iter().rposition(|word| word.parse::<i64>().is_ok())?;
    let high = highest.into_iter().max()?;
    let words = line.split(' ').enumerate();
    Some(
        words
            .map(|(n, word)| if n == at { (high + 1).to_string() } else { word.to_owned() })
            .collect::<Vec<_>>()
            .join(" "),
    )
}

#[test]
fn a_number_out_of_range_is_refused_and_never_kept() {
    let (mut checked, mut kept) = (0, Vec::new());
    for kind in ModeKind::ALL.iter().filter(|k| !k.is_exec()) {
        let path = path(*kind).unwrap();
        for (command, syntax) in kind.table().entries() {
            if !matches!(command.apply, Apply::Acted(_))
                || command.syntax.contains("WORD")
                || command.syntax.contains("LINE")
            {
                continue;
            }
            let Some(line) = samples(command, syntax).iter().find_map(|line| beyond(line, syntax)) else {
                continue;
            };
            let mut config = Config::default();
            let mode = enter(&mut config, &path);
            checked += 1;
            if config.apply_line(&mut mode.clone(), &line).is_ok() {
                kept.push(format!("{kind:?}: {line}"));
            }
        }
    }
    assert!(kept.is_empty() && checked > 60, "of {checked} lines {} were taken: {kept:#?}", kept.len());
}

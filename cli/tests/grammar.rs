//! Walks the whole grammar: every command has help for every word, is found again by what it prints, by its
//! abbreviations where they are unique, and its `no` brings back the default.
#![allow(clippy::unwrap_used, clippy::panic)]

use cli::config::{Config, LineOutcome, Mode};
use cli::grammar::syntax::{Kind, Syntax, Token};
use cli::grammar::{Apply, Command, ModeKind, matcher};

fn commands() -> impl Iterator<Item = (ModeKind, &'static Command, &'static Syntax)> {
    ModeKind::ALL.iter().flat_map(|kind| kind.table().entries().map(|(c, s)| (*kind, c, s)))
}

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

/// Lines that the syntax describes: the shortest, the longest, and one for each branch of a choice.
fn lines(syntax: &Syntax) -> Vec<Vec<String>> {
    match syntax {
        Syntax::Token(token) => vec![vec![sample(token)]],
        Syntax::Sequence(items) => {
            let parts: Vec<Vec<Vec<String>>> = items.iter().map(lines).collect();
            let longest = parts.iter().map(Vec::len).max().unwrap_or(0);
            let pick =
                |n: usize| parts.iter().filter_map(|p| p.get(n).or(p.last())).flatten().cloned().collect();
            (0..longest).map(pick).collect()
        }
        Syntax::Choice(branches) => branches.iter().flat_map(lines).collect(),
        Syntax::Optional(item) => std::iter::once(Vec::new()).chain(lines(item)).collect(),
        Syntax::Repeat(item) => lines(item),
    }
}

fn sample(token: &Token) -> String {
    let value = match token.kind {
        None => "",
        Some(Kind::Word) => match token.keyword {
            "ipv4:" => "192.0.2.1",
            _ => "2/0",
        },
        Some(Kind::Line) => "sample text",
        Some(Kind::Address) => "255.255.255.0",
        Some(Kind::Range(low, high)) => {
            return format!("{}{}", token.keyword, if low == 0 { high.min(2) } else { low });
        }
        Some(Kind::Number) => "7",
        Some(Kind::Interface) => "Serial1/0:15",
    };
    format!("{}{value}", token.keyword)
}

/// Words that a command checks beyond its syntax.
fn adapt(line: &str) -> String {
    let head = |text: &str| line.starts_with(text);
    if head("isdn switch-type") {
        return "isdn switch-type primary-qsig".into();
    }
    if head("pri-group timeslots") {
        return line.replace("2/0", "1-31");
    }
    if head("session target") || head("sip-server ipv4") {
        return line.replace("2/0", "ipv4:192.0.2.1");
    }
    for numbered in ["destination-pattern", "answer-address", "incoming called-number", "prefix", "num-exp"] {
        if head(numbered) {
            return line.replace("2/0", "80");
        }
    }
    line.replace("dns:2/0", "dns:host.example")
}

#[test]
fn every_line_of_the_syntax_is_found_and_prints_what_was_parsed() {
    let mut checked = 0;
    for (kind, command, syntax) in commands() {
        if matches!(command.apply, Apply::Builtin) {
            continue;
        }
        for words in lines(syntax) {
            let line = words.join(" ");
            let input = matcher::words(&line);
            let found = matcher::find(kind.table(), &line, &input, false)
                .unwrap_or_else(|e| panic!("{kind:?}: {line:?} of {:?}: {e:?}", command.syntax));
            assert_eq!(found.args.canonical(), line, "{kind:?}: {}", command.syntax);
            // In capitals it is the same.
            let shouted: String = words.iter().map(|w| w.to_ascii_uppercase()).collect::<Vec<_>>().join(" ");
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
        for words in lines(syntax) {
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

/// A mode of each kind, opened by lines from global configuration.
fn open(kind: ModeKind) -> Option<Vec<String>> {
    if kind == ModeKind::Global {
        return Some(Vec::new());
    }
    // Breadth first over the commands that open sections.
    let mut paths: Vec<(ModeKind, Vec<String>)> = vec![(ModeKind::Global, Vec::new())];
    let mut seen = vec![ModeKind::Global];
    while let Some((at, path)) = (!paths.is_empty()).then(|| paths.remove(0)) {
        for (command, syntax) in at.table().entries() {
            let Some(next) = command.enters.filter(|n| !seen.contains(n)) else { continue };
            seen.push(next);
            let line = lines(syntax).remove(0).join(" ");
            let line = adapt(&line).replace("trunk group 2/0", "trunk group G");
            let mut path = path.clone();
            path.push(if line.starts_with("controller") { "controller E1 1/0".into() } else { line });
            if next == kind {
                return Some(path);
            }
            paths.push((next, path));
        }
    }
    None
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
        let path = open(*kind).unwrap_or_else(|| panic!("{kind:?} cannot be reached"));
        for (command, syntax) in kind.table().entries() {
            if !matches!(command.apply, Apply::Acted(_) | Apply::Kept(_))
                || command.syntax == cli::grammar::REENTER_PEER
                || command.syntax.starts_with("banner")
            {
                continue;
            }
            for words in lines(syntax) {
                let line = adapt(&words.join(" "));
                for sign in ["no", "default"] {
                    let mut config = Config::default();
                    let mode = enter(&mut config, &path);
                    let before = config.clone();
                    let context = format!("{kind:?}: {line:?} of {:?}", command.syntax);
                    let outcome = match config.apply_line(&mut mode.clone(), &line) {
                        Ok(outcome) => outcome,
                        // A name that this setting does not take, such as a port for a controller.
                        Err(_)
                            if matches!(command.apply, Apply::Acted(_))
                                && words.iter().any(|w| w.contains("2/0")) =>
                        {
                            continue;
                        }
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
        let path = open(*kind).unwrap();
        for (command, syntax) in kind.table().entries() {
            if !matches!(command.apply, Apply::Acted(_) | Apply::Kept(_)) {
                continue;
            }
            for words in lines(syntax) {
                let line = adapt(&words.join(" "));
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

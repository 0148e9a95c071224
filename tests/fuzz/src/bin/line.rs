//! Any text as lines of configuration and of EXEC: acted on, kept or refused with a column in the line; what was taken
//! comes back from the running configuration; help and Tab say something or nothing.
#![no_main]

use cli::config::{Config, MessageKind};
use cli::grammar::{ModeKind, matcher};
use cli::session::{Session, SessionKind};

/// Printing and reading again cost more than reading once.
const WORK: usize = 24;

fuzz::target!(|octets: &[u8]| {
    let text = String::from_utf8_lossy(octets);
    let lines: Vec<&str> = text.lines().filter(|line| !fuzz::derives_a_key(line)).collect();
    let text = lines.join("\n");
    fuzz::timed(text.len() * WORK, || configuration(&text));
    let session = Session::new(SessionKind::Script, 0, 0);
    for line in lines.iter().take(8) {
        fuzz::timed(line.len().max(64) * WORK, || words(&session, line));
    }
});

fn configuration(text: &str) {
    let parsed = Config::parse(text);
    let lines: Vec<&str> = text.lines().collect();
    for message in &parsed.messages {
        if let MessageKind::Refused { column, text } = &message.kind {
            let len = lines.get(message.line - 1).map_or(0, |line| line.len());
            assert!(*column <= len && text.contains('%'), "{message:?} of {len} octets");
        }
    }
    let running = parsed.config.running();
    // A tab stays as it was typed: it does a terminal no harm.
    assert!(running.chars().all(|c| matches!(c, '\n' | '\t') || !c.is_control()), "{running:?}");
    let again = Config::parse(&running).config;
    let shown = again.running();
    assert!(shown == running, "{running:?}\nbecame\n{shown:?}");
    assert!(again == parsed.config, "the settings of {running:?} changed");
}

fn words(session: &Session, line: &str) {
    let input = matcher::words(line);
    for kind in ModeKind::ALL {
        for negated in [false, true] {
            if let Ok(found) = matcher::find(kind.table(), line, &input, negated) {
                // In canonical spelling it is the same command.
                let spelled = found.args.canonical();
                let input = matcher::words(&spelled);
                let again =
                    matcher::find(kind.table(), &spelled, &input, negated).map(|f| f.args.canonical());
                assert_eq!(again.as_deref(), Ok(spelled.as_str()), "{kind:?} {line:?}");
            }
        }
    }
    let help = session.help(line);
    assert!(help.ends_with('\n'));
    for word in session.completions(line) {
        assert!(!word.is_empty());
    }
}

//! Terminal transcripts: `tests/transcripts/*.txt`.
//!
//! Lines that begin with a prompt are typed, everything behind the `#` or `>` (with its blank) as it stands; a line that ends
//! with `?` is typed without Enter, and the line that comes back is erased. `<Tab>`, `<Ctrl-Z>`, `<Ctrl-C>`, `<Up>` stand for
//! keys and `<Space>`, `<Enter>` at ` --More-- `. All other lines are what the router must print, `...` standing for any
//! number of lines. Lines that begin with `;` are remarks to the reader; `; size 80x24` sets the terminal.
//! The file `NAME.cfg` beside it, if there is one, is the configuration at the beginning.
//!
//! Every mode and every family of commands has to be in one of them, or in one of `tests/transcripts` of the workspace,
//! which the daemon plays. With `TIPRING_WRITE` in the environment the files are written anew, with what is printed now
//! behind each line: to be read before it is believed.
#![allow(clippy::unwrap_used, clippy::panic)]

use cli::config::Config;
use cli::grammar::{Apply, Command, ModeKind, matcher};
use cli::render;
use cli::session::{Action, ConfigureLine, Exec, Reply, Session, SessionKind, Show};
use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

/// A gateway that only has a configuration.
struct Gateway {
    config: Config,
    startup: Option<String>,
    seen: Seen,
}

/// What transcripts have been through.
#[derive(Default)]
struct Seen {
    modes: HashSet<ModeKind>,
    /// Commands that were typed and understood, by mode and syntax.
    commands: HashSet<(ModeKind, &'static str)>,
}

impl Seen {
    fn typed(&mut self, kinds: impl IntoIterator<Item = ModeKind>, line: &str) {
        let words = matcher::words(line);
        let signed = words.first().is_some_and(|w| w.text == "no" || w.text == "default");
        for kind in kinds {
            // `no debug …` is a command of its own.
            let signed = signed && !kind.is_exec();
            let input = words.get(usize::from(signed)..).unwrap_or(&[]);
            if let Ok(found) = matcher::find(kind.table(), line, input, signed) {
                let command = kind.table().command(found.command).unwrap().0;
                self.commands.insert((kind, command.syntax));
                return;
            }
        }
    }

    fn configured(&mut self, line: &ConfigureLine) {
        if !line.mode.reads_text() {
            self.typed(line.mode.kinds(), &line.line);
        }
    }
}

impl Gateway {
    fn serve(&mut self, session: &mut Session) {
        while let Some(action) = session.poll_action() {
            let reply = match action {
                Action::Configure(line) => {
                    self.seen.configured(&line);
                    let (candidate, reply) = line.apply(&self.config);
                    if let Some(candidate) = candidate {
                        self.config = candidate;
                    }
                    reply
                }
                Action::Exec(exec) => self.exec(exec),
                Action::ConfigureText(_) => panic!("a terminal pushes no text"),
                Action::Authenticate(_) => Reply::error("% Login invalid"),
                Action::Close => return,
            };
            session.complete(reply);
        }
    }

    fn exec(&mut self, exec: Exec) -> Reply {
        if let Some(text) = render::answer(&self.config, &exec) {
            return Reply::text(text);
        }
        match exec {
            Exec::Show(Show::StartupConfig) => Reply::text(render::startup_config(self.startup.as_deref())),
            Exec::Show(Show::Clock) => Reply::text("*12:00:00.000 UTC Mon Jan 1 2024"),
            Exec::Show(Show::DialPeerVoice { summary: true, .. }) => {
                Reply::text(render::dial_peer_summary(&self.config, |p| {
                    p.port.as_ref().map(|_| render::OutStatus::Up)
                }))
            }
            Exec::Show(Show::VoicePort { summary: true, .. }) => {
                Reply::text(render::voice_port_summary(&self.config, |port, _| render::PortState::idle(port)))
            }
            Exec::WriteMemory => {
                self.startup = Some(self.config.running());
                Reply::text("Building configuration...\n[OK]")
            }
            Exec::Debug { what, on } => Reply::text(what.switched(on)),
            Exec::UndebugAll => Reply::text("All possible debugging has been turned off"),
            Exec::SaveOutput { .. } => Reply::none(),
            other => Reply::text(format!("{other:?}")),
        }
    }
}

/// What the screen shows: backspaces and carriage returns are worked off.
fn screen(octets: &[u8]) -> String {
    let mut lines = vec![Vec::<char>::new()];
    let mut column = 0_usize;
    for c in String::from_utf8_lossy(octets).chars() {
        match c {
            '\r' => column = 0,
            '\n' => {
                lines.push(Vec::new());
                column = 0;
            }
            '\u{8}' => column = column.saturating_sub(1),
            '\u{7}' => {}
            c => {
                let line = lines.last_mut().unwrap();
                if line.len() <= column {
                    line.resize(column + 1, ' ');
                }
                line[column] = c;
                column += 1;
            }
        }
    }
    let text: Vec<String> =
        lines.into_iter().map(|l| l.into_iter().collect::<String>().trim_end().to_owned()).collect();
    text.join("\n")
}

fn keys(typed: &str, paused: bool) -> Vec<u8> {
    let mut out = String::from(typed);
    for (name, key) in [
        ("<Tab>", "\t"),
        ("<Ctrl-Z>", "\u{1a}"),
        ("<Ctrl-C>", "\u{3}"),
        ("<Ctrl-U>", "\u{15}"),
        ("<Up>", "\u{1b}[A"),
        ("<Left>", "\u{2}"),
        ("<Space>", " "),
        ("<Enter>", "\r"),
    ] {
        out = out.replace(name, key);
    }
    let special = paused || typed.ends_with('?') || typed.ends_with('>') && typed.contains('<');
    if !special {
        out.push('\r');
    }
    out.into_bytes()
}

fn is_prompt(line: &str, prompt: &str) -> bool {
    line.strip_prefix(prompt).is_some()
}

/// Plays a transcript and notes where it has been. One that is meant for the daemon is not compared here.
fn run(path: &Path, here: bool, seen: &mut Seen) {
    let text = std::fs::read_to_string(path).unwrap();
    let config = std::fs::read_to_string(path.with_extension("cfg")).unwrap_or_default();
    let config = Config::parse(&config).config;
    let mut session = Session::new(SessionKind::Console, 80, 0);
    if !here {
        // The daemon's console needs no `enable`.
        session.set_privilege(15);
    }
    session.set_hostname(&config.hostname);
    session.set_access(&config.access);
    let mut gateway = Gateway { config, startup: None, seen: std::mem::take(seen) };
    let mut expected: Vec<String> = Vec::new();
    let mut printed: Vec<String> = Vec::new();
    let mut lines = text.lines().peekable();
    let mut paused = false;
    let mut written = std::env::var_os("TIPRING_WRITE").filter(|_| here).map(|_| String::new());
    while let Some(line) = lines.next() {
        if let Some(remark) = line.strip_prefix(';') {
            if let Some(written) = &mut written {
                written.push_str(&format!("{line}\n"));
            }
            if let Some((width, height)) = remark.trim().strip_prefix("size ").and_then(|s| s.split_once('x'))
            {
                session.resize(width.parse().unwrap(), height.parse().unwrap());
            }
            continue;
        }
        let prompt = session.prompt();
        let _ = screen(&session.poll_output().unwrap_or_default());
        let typed = if paused {
            match line.strip_prefix(" --More-- ") {
                Some(typed) => typed.to_owned(),
                None if written.is_some() || !here => continue,
                None => panic!("{path:?}: stopped at --More--, not {line:?}"),
            }
        } else if written.is_some() || !here {
            let Some(at) = line.find(['#', '>']).filter(|at| !line[..*at].contains(' ')) else { continue };
            line[at + 1..].to_owned()
        } else {
            match line.strip_prefix(&prompt) {
                Some(typed) => typed.to_owned(),
                None => panic!("{path:?}: {line:?} where the prompt is {prompt:?}"),
            }
        };
        gateway.seen.modes.insert(session.mode());
        if session.mode().is_exec() {
            gateway.seen.typed([session.mode()], typed.split(" | ").next().unwrap());
        } else if let Some(exec) = typed.trim_start().strip_prefix("do ") {
            gateway.seen.typed([ModeKind::Privileged], exec.split(" | ").next().unwrap());
        }
        session.feed(&keys(&typed, paused));
        gateway.serve(&mut session);
        let mut octets = Vec::new();
        while let Some(output) = session.poll_output() {
            octets.extend(output);
        }
        let shown = screen(&octets);
        let help = typed.ends_with('?');
        let mut rows: Vec<String> = shown.lines().map(str::to_owned).collect();
        // The echo of what was typed, and the next prompt with what is still on the line.
        if !rows.is_empty() && !paused {
            rows.remove(0);
        }
        let next = session.prompt();
        paused = rows.last().is_some_and(|l| l == " --More--");
        if rows.last().is_some_and(|l| l.starts_with(&next)) || paused {
            let last = rows.pop().unwrap();
            if help || typed.ends_with("<Tab>") {
                let rest = last.strip_prefix(&next).unwrap_or("").to_owned();
                if typed.ends_with("<Tab>") {
                    rows.push(format!("{next}{rest}"));
                }
                session.feed(b"\x05\x15");
            }
        }
        if let Some(written) = &mut written {
            written.push_str(&format!("{prompt}{typed}\n"));
            rows.iter().for_each(|row| written.push_str(&format!("{row}\n")));
            continue;
        }
        while rows.last().is_some_and(String::is_empty) {
            rows.pop();
        }
        if !here {
            continue;
        }
        printed.clone_from(&rows);
        expected.clear();
        while let Some(line) = lines.peek() {
            let stop = if paused { line.starts_with(" --More-- ") } else { is_prompt(line, &next) };
            let completed = typed.ends_with("<Tab>") && expected.is_empty();
            if stop && !completed || line.starts_with(';') {
                break;
            }
            expected.push(line.trim_end().to_owned());
            lines.next();
        }
        while expected.last().is_some_and(String::is_empty) {
            expected.pop();
        }
        compare(path, line, &expected, &printed);
    }
    if let Some(written) = written {
        std::fs::write(path, written).unwrap();
    }
    *seen = gateway.seen;
}

fn compare(path: &Path, line: &str, expected: &[String], printed: &[String]) {
    let fail = || {
        panic!(
            "{path:?}: behind {line:?}\n--- expected\n{}\n--- printed\n{}\n---",
            expected.join("\n"),
            printed.join("\n")
        )
    };
    let parts: Vec<&[String]> = expected.split(|l| l == "...").collect();
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return };
    if parts.len() == 1 {
        if expected != printed {
            fail();
        }
        return;
    }
    if !printed.starts_with(first) || !printed.ends_with(last) || printed.len() < first.len() + last.len() {
        fail();
    }
    let mut rest = &printed[first.len()..printed.len() - last.len()];
    for part in &parts[1..parts.len() - 1] {
        match (0..rest.len()).find(|at| rest[*at..].starts_with(part)) {
            Some(at) => rest = &rest[at + part.len()..],
            None => fail(),
        }
    }
}

fn transcripts(folder: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|p| p.extension().is_some_and(|e| e == "txt"));
    files.sort();
    files
}

/// What a transcript has to show: a command that is acted on by itself, the rest by their first word.
fn family(kind: ModeKind, command: &Command) -> Option<String> {
    match command.apply {
        Apply::Acted(_) if command.later.is_none() => Some(format!("{} {}", kind.prompt(), command.syntax)),
        Apply::Exec(_) => Some(format!("{} {}", kind.prompt(), command.syntax)),
        // Other spellings, and what is only kept.
        Apply::Acted(_) | Apply::Kept(_) | Apply::Instead(_) => Some(by_first_word(kind, command)),
        Apply::Exit | Apply::End | Apply::Do | Apply::Builtin => None,
    }
}

fn by_first_word(kind: ModeKind, command: &Command) -> String {
    let word = command.syntax.split([' ', '|']).next().unwrap_or_default();
    format!("{} {}", kind.prompt(), word.trim_matches('('))
}

#[test]
fn every_transcript_reads_as_on_a_router() {
    let files = transcripts("tests/transcripts");
    assert!(files.len() >= 6, "{files:?}");
    files.iter().for_each(|file| run(file, true, &mut Seen::default()));
}

#[test]
fn every_mode_and_every_family_of_commands_has_a_transcript() {
    let mut seen = Seen::default();
    transcripts("tests/transcripts").iter().for_each(|file| run(file, false, &mut seen));
    // Those that the daemon answers: `tests/tests/transcripts.rs` compares them.
    transcripts("../tests/transcripts").iter().for_each(|file| run(file, false, &mut seen));
    let missed: Vec<&ModeKind> = ModeKind::ALL.iter().filter(|mode| !seen.modes.contains(mode)).collect();
    assert!(missed.is_empty(), "no transcript has been in {missed:?}");
    let (mut wanted, mut shown) = (BTreeSet::new(), BTreeSet::new());
    for (kind, command, _) in cli::grammar::walk::commands().filter(|(kind, ..)| *kind != ModeKind::User) {
        let Some(family) = family(kind, command) else { continue };
        // What is typed before `enable` is the same command.
        let kinds = if kind == ModeKind::Privileged { vec![kind, ModeKind::User] } else { vec![kind] };
        if kinds.iter().any(|kind| seen.commands.contains(&(*kind, command.syntax))) {
            shown.extend([family.clone(), by_first_word(kind, command)]);
        }
        wanted.insert(family);
    }
    let missing: Vec<&String> = wanted.difference(&shown).collect();
    assert!(
        missing.is_empty(),
        "{} of {} families are in no transcript:\n{missing:#?}",
        missing.len(),
        wanted.len()
    );
}

#[test]
fn every_mode_is_entered_at_a_terminal_and_left() {
    for kind in ModeKind::ALL.iter().filter(|kind| !kind.is_exec()) {
        let mut session = Session::new(SessionKind::Console, 80, 0);
        let mut gateway = Gateway { config: Config::default(), startup: None, seen: Seen::default() };
        let path = cli::grammar::walk::path(*kind).unwrap();
        for line in ["enable", "configure terminal"].into_iter().map(str::to_owned).chain(path) {
            session.feed(format!("{line}\r").as_bytes());
            gateway.serve(&mut session);
        }
        assert_eq!(session.prompt(), format!("Router{}", kind.prompt()));
        session.feed(b"?\t\x15end\r");
        gateway.serve(&mut session);
        assert_eq!(session.prompt(), "Router#", "{kind:?}");
    }
}

/// Sessions with routers that were recorded: what we print at the same place. An extra, since the recordings lie beside the
/// repository; `errors.txt`, `dial-peer.txt` and `classes.txt` have the same lines.
#[test]
fn recorded_sessions_with_routers_read_the_same() {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/ios-show/cli_errors_voice.txt");
    let Ok(text) = std::fs::read_to_string(&file) else {
        println!("skipped: {} is not there", file.display());
        return;
    };
    let mut compared = 0;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((prompt, typed)) = line.split_once('#') else { continue };
        let mut session = Session::new(SessionKind::Console, 80, 0);
        session.set_privilege(15);
        let mut gateway = Gateway { config: Config::default(), startup: None, seen: Seen::default() };
        let mut way = String::from("configure terminal\rhostname Gateway\r");
        way += match prompt {
            "Gateway(config-dial-peer)" => "dial-peer voice 1 pots\r",
            "Gateway(config-voice-uri-class)" => "voice class uri 7 sip\r",
            _ => "",
        };
        if typed.starts_with("host ") {
            (1..=10).for_each(|n| way += &format!("host ipv4:192.0.2.{n}\r"));
        }
        for key in way.bytes() {
            session.feed(&[key]);
            gateway.serve(&mut session);
        }
        assert_eq!(session.prompt(), format!("{prompt}#"));
        let _ = session.poll_output();
        session.feed(&keys(typed.trim_start(), false));
        gateway.serve(&mut session);
        let shown = screen(&session.poll_output().unwrap());
        let printed: Vec<&str> =
            shown.lines().skip(1).take_while(|row| !row.starts_with("Gateway(") && !row.is_empty()).collect();
        let mut recorded = Vec::new();
        while let Some(row) = lines.next_if(|row| !row.is_empty() && !row.starts_with("Gateway(")) {
            recorded.push(row.trim_end());
        }
        assert_eq!(printed, recorded, "{line}");
        compared += 1;
    }
    assert!(compared >= 4, "{compared}");
}

//! Terminal transcripts: `tests/transcripts/*.txt`.
//!
//! Lines that begin with a prompt are typed, everything behind the `#` or `>` (with its blank) as it stands; a line that ends
//! with `?` is typed without Enter, and the line that comes back is erased. `<Tab>`, `<Ctrl-Z>`, `<Ctrl-C>`, `<Up>` stand for
//! keys and `<Space>`, `<Enter>` at ` --More-- `. All other lines are what the router must print, `...` standing for any
//! number of lines. Lines that begin with `;` are remarks to the reader; `; size 80x24` sets the terminal.
//! The file `NAME.cfg` beside it, if there is one, is the configuration at the beginning.
#![allow(clippy::unwrap_used, clippy::panic)]

use cli::config::Config;
use cli::grammar::ModeKind;
use cli::render;
use cli::session::{Action, Exec, Reply, Session, SessionKind, Show};
use std::collections::HashSet;
use std::path::Path;

/// A gateway that only has a configuration.
struct Gateway {
    config: Config,
    startup: Option<String>,
}

impl Gateway {
    fn serve(&mut self, session: &mut Session) {
        while let Some(action) = session.poll_action() {
            let reply = match action {
                Action::Configure(line) => {
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

/// Plays a transcript and gives the modes it has been in.
fn run(path: &Path) -> HashSet<ModeKind> {
    let mut modes = HashSet::new();
    let text = std::fs::read_to_string(path).unwrap();
    let config = std::fs::read_to_string(path.with_extension("cfg")).unwrap_or_default();
    let config = Config::parse(&config).config;
    let mut session = Session::new(SessionKind::Console, 80, 0);
    session.set_hostname(&config.hostname);
    session.set_access(&config.access);
    let mut gateway = Gateway { config, startup: None };
    let mut expected: Vec<String> = Vec::new();
    let mut printed: Vec<String> = Vec::new();
    let mut lines = text.lines().peekable();
    let mut paused = false;
    while let Some(line) = lines.next() {
        if let Some(remark) = line.strip_prefix(';') {
            if let Some((width, height)) = remark.trim().strip_prefix("size ").and_then(|s| s.split_once('x'))
            {
                session.resize(width.parse().unwrap(), height.parse().unwrap());
            }
            continue;
        }
        let prompt = session.prompt();
        let _ = screen(&session.poll_output().unwrap_or_default());
        let typed = if paused {
            line.strip_prefix(" --More-- ")
                .unwrap_or_else(|| panic!("{path:?}: stopped at --More--, not {line:?}"))
                .to_owned()
        } else {
            match line.strip_prefix(&prompt) {
                Some(typed) => typed.to_owned(),
                None => panic!("{path:?}: {line:?} where the prompt is {prompt:?}"),
            }
        };
        modes.insert(session.mode());
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
        while rows.last().is_some_and(String::is_empty) {
            rows.pop();
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
    modes
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

#[test]
fn every_transcript_reads_as_on_a_router() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|p| p.extension().is_some_and(|e| e == "txt"));
    files.sort();
    assert!(files.len() >= 6, "{files:?}");
    let seen: HashSet<ModeKind> = files.iter().flat_map(|file| run(file)).collect();
    let missed: Vec<&ModeKind> = ModeKind::ALL.iter().filter(|mode| !seen.contains(mode)).collect();
    // A new mode may wait a little for its transcript; `every_mode_is_entered_at_a_terminal_and_left` has it at once.
    assert!(missed.len() < 4, "no transcript has been in {missed:?}");
}

#[test]
fn every_mode_is_entered_at_a_terminal_and_left() {
    for kind in ModeKind::ALL.iter().filter(|kind| !kind.is_exec()) {
        let mut session = Session::new(SessionKind::Console, 80, 0);
        let mut gateway = Gateway { config: Config::default(), startup: None };
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

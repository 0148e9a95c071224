//! A console session: one per terminal.
//!
//! Sans-IO: [`Session::feed`] takes keystrokes; then drain [`Session::poll_output`] to the terminal and
//! [`Session::poll_action`] to the gateway, which answers each action with [`Session::complete`]. Log and debug lines come
//! in by [`Session::notify`]. Keys that arrive while an action is under way are kept and taken up afterwards.

mod action;
mod editor;
mod exec;
mod files;
mod filter;
mod help;
mod login;
mod own;
mod pager;
mod test_port;

pub use action::*;
pub use exec::*;
pub use files::*;
pub use login::authenticate;
pub use test_port::*;

use crate::config::{CommandLevel, LineError, Mode};
use crate::grammar::{Apply, ModeKind, matcher};
use editor::{Editor, Key, View};
use filter::{FilterError, Pipe};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Most octets kept while the session waits; what comes beyond is dropped.
const MAX_PENDING: usize = 64 * 1024;
/// Most octets of output kept for a terminal that does not read; older ones go first.
const MAX_OUTPUT: usize = 16 * 1024 * 1024;

/// Where a session is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// The console: log and debug lines are shown from the start.
    Console,
    /// A virtual terminal of this number: `terminal monitor` shows them.
    Vty(u16),
    /// A script: no echo, no prompt, no pausing, lines end in LF alone.
    Script,
}

#[derive(Clone, Debug)]
enum State {
    /// Reading a line.
    Idle,
    /// An action is under way.
    Waiting,
    /// Output is stopped at ` --More-- `.
    More(pager::Pager),
    /// The gateway wants an answer before a command goes on.
    Asked(Question),
    Closed,
}

/// One terminal.
#[derive(Clone, Debug)]
pub struct Session {
    kind: SessionKind,
    width: u16,
    height: u16,
    hostname: String,
    privilege: u8,
    username: String,
    door: login::Door,
    /// Levels that `enable` asks a password for.
    enable_asks: BTreeSet<u8>,
    levels: Vec<CommandLevel>,
    aliases: BTreeMap<String, String>,
    /// Aliases of other modes, by the mode's word and the name.
    mode_aliases: BTreeMap<(String, String), String>,
    config: Option<Mode>,
    editor: Editor,
    exec_history: VecDeque<String>,
    config_history: VecDeque<String>,
    /// Answers to questions have none.
    no_history: VecDeque<String>,
    history_size: usize,
    state: State,
    monitor: bool,
    /// The least severe line shown, 0 to 7; `None` for none.
    log_level: Option<u8>,
    /// `logging synchronous`: what is being typed is painted again behind a line.
    synchronous: bool,
    /// `location` of the line.
    location: String,
    started: bool,
    after_return: bool,
    failed: bool,
    pipe: Option<Pipe>,
    /// What the terminal shows once a file has taken it: `| tee`.
    copied: Option<String>,
    pending: VecDeque<u8>,
    out: Vec<u8>,
    actions: VecDeque<Action>,
}

impl Session {
    /// A session at `Router>`. `width` and `height` are columns and rows; 0 means no wrapping and no pausing.
    pub fn new(kind: SessionKind, width: u16, height: u16) -> Session {
        let privilege = if kind == SessionKind::Script { 15 } else { 1 };
        Session {
            monitor: kind == SessionKind::Console,
            log_level: Some(7),
            synchronous: true,
            location: String::new(),
            kind,
            width,
            height,
            hostname: "Router".into(),
            privilege,
            username: String::new(),
            door: login::Door::default(),
            enable_asks: BTreeSet::new(),
            levels: Vec::new(),
            aliases: BTreeMap::new(),
            mode_aliases: BTreeMap::new(),
            config: None,
            editor: Editor::default(),
            exec_history: VecDeque::new(),
            config_history: VecDeque::new(),
            no_history: VecDeque::new(),
            history_size: 20,
            state: State::Idle,
            started: false,
            after_return: false,
            failed: false,
            pipe: None,
            copied: None,
            pending: VecDeque::new(),
            out: Vec::new(),
            actions: VecDeque::new(),
        }
    }

    /// Sets the name in the prompt; for the gateway when it makes the session or the name changes from elsewhere.
    pub fn set_hostname(&mut self, hostname: &str) {
        hostname.clone_into(&mut self.hostname);
    }

    /// Sets the privilege level, 0 to 15.
    pub fn set_privilege(&mut self, level: u8) {
        self.privilege = level.min(15);
    }

    /// The terminal has another size now.
    pub fn resize(&mut self, width: u16, height: u16) {
        self.width = width;
        self.height = height;
    }

    /// The prompt, without a trailing blank as on a router.
    pub fn prompt(&self) -> String {
        match &self.config {
            // A router cuts the name in configuration prompts to 20 characters.
            Some(mode) => {
                let name: String = self.hostname.chars().take(20).collect();
                format!("{name}{}", mode.kind().prompt())
            }
            None => format!("{}{}", self.hostname, self.exec_kind().prompt()),
        }
    }

    /// The mode in which the next line is read.
    pub fn mode(&self) -> ModeKind {
        self.config.as_ref().map_or(self.exec_kind(), Mode::kind)
    }

    /// True if log and debug lines are shown.
    pub fn monitors(&self) -> bool {
        self.monitor
    }

    /// True once the session is over.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// True while an action is under way.
    pub fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting)
    }

    /// True if the last line was refused or its action failed.
    pub fn failed(&self) -> bool {
        self.failed
    }

    /// Takes keystrokes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.start();
        for &octet in bytes {
            if self.is_closed() {
                return;
            }
            // Ctrl-^ gives up what is typed ahead.
            if octet == 0x1e {
                self.pending.clear();
            } else if self.is_waiting() {
                if self.pending.len() < MAX_PENDING {
                    self.pending.push_back(octet);
                }
            } else {
                self.octet(octet);
            }
        }
    }

    /// The next octets for the terminal.
    pub fn poll_output(&mut self) -> Option<Vec<u8>> {
        self.start();
        if self.out.is_empty() { None } else { Some(std::mem::take(&mut self.out)) }
    }

    /// The next thing for the gateway to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The gateway's answer to the action under way.
    pub fn complete(&mut self, reply: Reply) {
        if !self.is_waiting() {
            return;
        }
        let Some(reply) = self.verdict(reply) else {
            self.take_pending();
            return;
        };
        self.state = State::Idle;
        self.failed = reply.error;
        if let Some(name) = reply.hostname {
            self.hostname = name;
        }
        if reply.mode.is_some() {
            self.config = reply.mode;
        }
        if reply.leave {
            self.config = None;
        }
        if let Some(question) = reply.ask {
            self.print(&reply.text);
            self.put_to_user(*question);
            self.take_pending();
            return;
        }
        if reply.close {
            self.print(&reply.text);
            self.close();
            return;
        }
        let copied = self.copied.take();
        if reply.error {
            self.pipe = None;
        }
        if let Some(copied) = copied {
            let failure = if reply.text.is_empty() { String::new() } else { format!("{}\n", reply.text) };
            self.page(&format!("{failure}{copied}"));
        } else {
            self.deliver(reply.text);
        }
        self.take_pending();
    }

    /// Shows a log or debug line, if this terminal shows them; the line being typed is painted again below.
    pub fn notify(&mut self, text: &str) {
        if !self.monitor
            || self.log_level.is_none_or(|level| severity(text) > level)
            || self.is_locked()
            || self.kind == SessionKind::Script
            || !matches!(self.state, State::Idle | State::Waiting)
        {
            return;
        }
        self.start();
        if matches!(self.state, State::Waiting) {
            self.print(text);
            return;
        }
        self.out.extend(b"\r\n");
        self.print(text);
        if self.synchronous {
            self.repaint();
        }
    }

    /// Runs one line without echo, editing or history; for scripts and for clients that edit lines themselves.
    /// The output is drained as usual; an action may follow.
    pub fn execute_line(&mut self, line: &str) {
        if matches!(self.state, State::Idle) {
            self.failed = false;
            self.run(line);
        }
    }

    /// The text of `?` typed behind `line`.
    pub fn help(&self, line: &str) -> String {
        help::help(&self.kinds(), line, usize::from(self.width))
    }

    /// Keywords that complete the last word of `line`.
    pub fn completions(&self, line: &str) -> Vec<String> {
        help::completions(&self.kinds(), line)
    }

    fn exec_kind(&self) -> ModeKind {
        if self.privilege > 1 { ModeKind::Privileged } else { ModeKind::User }
    }

    fn kinds(&self) -> Vec<ModeKind> {
        match &self.config {
            Some(mode) => mode.kinds().collect(),
            None => vec![self.exec_kind()],
        }
    }

    fn interactive(&self) -> bool {
        self.kind != SessionKind::Script
    }

    fn start(&mut self) {
        if !self.started {
            self.started = true;
            self.open_door();
        }
    }

    fn show_prompt(&mut self) {
        if self.interactive() && matches!(self.state, State::Idle) {
            let prompt = self.prompt();
            self.out.extend(prompt.as_bytes());
        }
    }

    fn repaint(&mut self) {
        if let Some(question) = self.question() {
            self.print_part(question);
            return;
        }
        let (prompt, width) = (self.prompt(), usize::from(self.width));
        self.editor.repaint(View { prompt: &prompt, width }, &mut self.out);
    }

    fn octet(&mut self, octet: u8) {
        if std::mem::take(&mut self.after_return) && matches!(octet, b'\n' | 0) {
            return;
        }
        self.after_return = octet == b'\r';
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle => self.key(octet),
            State::More(pager) => self.more_key(pager, octet),
            State::Asked(question) => self.question_key(question, octet),
            state @ (State::Waiting | State::Closed) => self.state = state,
        }
    }

    fn key(&mut self, octet: u8) {
        let (prompt, width) = (self.prompt(), usize::from(self.width));
        let view = View { prompt: &prompt, width };
        let history = if self.config.is_some() { &self.config_history } else { &self.exec_history };
        let key = self.editor.key(octet, view, history, &mut self.out);
        if self.question().is_some() {
            match key {
                Key::Enter => self.answered(),
                Key::Abort | Key::EndOfInput | Key::Leave => self.not_answered(),
                Key::Done | Key::Help | Key::Complete | Key::Repaint => {}
            }
            return;
        }
        match key {
            Key::Done => {}
            Key::Enter => {
                self.newline();
                let line = self.take_line();
                self.failed = false;
                self.run(&line);
            }
            Key::Help => {
                let line = self.editor.before_cursor();
                self.out.push(b'?');
                self.newline();
                let text = self.help(&line);
                self.print(&text);
                self.newline();
                self.repaint();
            }
            Key::Complete => self.complete_word(),
            Key::Leave => {
                self.out.extend(b"^Z");
                self.newline();
                let line = self.take_line();
                if self.config.is_some() && !line.trim().is_empty() {
                    self.run(&line);
                    self.pending.push_front(0x1a);
                    self.take_pending();
                } else {
                    self.leave_configuration();
                }
            }
            Key::Abort => {
                self.out.extend(b"^C");
                self.newline();
                self.editor.clear();
                self.leave_configuration();
            }
            Key::EndOfInput => {
                self.newline();
                if self.config.is_some() {
                    self.leave_configuration();
                } else {
                    self.close();
                }
            }
            Key::Repaint => {
                self.newline();
                self.repaint();
            }
        }
    }

    fn take_line(&mut self) -> String {
        let line = self.editor.text();
        self.editor.clear();
        let history = if self.config.is_some() { &mut self.config_history } else { &mut self.exec_history };
        let entry = line.trim();
        if !entry.is_empty() && history.back().is_none_or(|last| last != entry) {
            history.push_back(entry.to_owned());
            while history.len() > self.history_size {
                history.pop_front();
            }
        }
        line
    }

    fn complete_word(&mut self) {
        let line = self.editor.before_cursor();
        let typed = line.rsplit(char::is_whitespace).next().unwrap_or("").to_owned();
        let mut words = self.completions(&line);
        words.retain(|_| !typed.is_empty());
        if let [word] = words.as_slice() {
            let text = format!("{word} ");
            self.editor.replace_before_cursor(typed.chars().count(), &text);
        }
        self.newline();
        self.repaint();
    }

    fn run(&mut self, line: &str) {
        let Some(mode) = &self.config else {
            self.run_exec(line, 0);
            return;
        };
        if !mode.reads_text()
            && let Some(whole) = self.expand_mode_alias(line)
        {
            self.configure(&whole);
            return;
        }
        let words = matcher::words(line);
        let first = words.first().map_or("", |w| w.text);
        if mode.reads_text() {
            self.configure(line);
        } else if first.is_empty() || first.starts_with('!') {
            self.show_prompt();
        } else if first.eq_ignore_ascii_case("do") && words.len() > 1 {
            let at = words.get(1).map_or(0, |w| w.column);
            self.run_exec(line.get(at..).unwrap_or(""), at);
        } else {
            self.configure(line);
        }
    }

    fn configure(&mut self, line: &str) {
        let indent = if self.interactive() { self.prompt().chars().count() } else { 0 };
        let Some(mode) = self.config.clone() else { return };
        self.pipe = None;
        self.act(Action::Configure(ConfigureLine { line: line.to_owned(), mode, indent }));
    }

    /// Configuration ends by a key; the gateway hears of it as of `end`.
    fn leave_configuration(&mut self) {
        if self.config.as_ref().is_some_and(|mode| !mode.reads_text()) {
            self.configure("end");
        } else {
            self.config = None;
            self.show_prompt();
        }
    }

    fn act(&mut self, action: Action) {
        self.actions.push_back(action);
        self.state = State::Waiting;
    }

    /// Runs an EXEC command that begins `offset` characters into the line.
    fn run_exec(&mut self, line: &str, offset: usize) {
        self.pipe = None;
        if line.trim().is_empty() || line.trim_start().starts_with('!') {
            self.show_prompt();
            return;
        }
        let mut kind = if self.config.is_some() { ModeKind::Privileged } else { self.exec_kind() };
        let expanded = self.expand_alias(line, kind);
        let line = expanded.as_deref().unwrap_or(line);
        let (command, pipe) = filter::split(line);
        let input = matcher::words(command);
        let mut found = matcher::find(kind.table(), command, &input, false);
        if found.is_err() && !self.levels.is_empty() {
            // A command that `privilege exec` has lowered is in the table of privileged ones only.
            kind = ModeKind::Privileged;
            found = matcher::find(kind.table(), command, &input, false).or(found);
        }
        let found = found.and_then(|found| {
            let own = kind.table().command(found.command).map_or(15, |(c, _)| c.privilege);
            let level = self.level_of(&found.args.canonical()).unwrap_or(own);
            // `do` asks for what was asked for when configuration mode was entered.
            if level > self.privilege { Err(matcher::Failure::Invalid(0)) } else { Ok(found) }
        });
        let found = match found {
            Ok(found) => found,
            Err(failure) => {
                self.refuse(LineError::from_failure(failure, &input, command), line, offset, &input);
                return;
            }
        };
        if let Some((text, column)) = pipe {
            match Pipe::parse(text, column) {
                Ok(pipe) => self.pipe = Some(pipe),
                Err(error) => {
                    self.refuse_pipe(error, line, offset);
                    return;
                }
            }
        }
        match kind.table().command(found.command).map(|(c, _)| c.apply) {
            Some(Apply::Exec(run)) => self.exec(run(&found.args)),
            _ => self.show_prompt(),
        }
    }

    /// The level that `privilege exec` gives a command.
    fn level_of(&self, command: &str) -> Option<u8> {
        crate::config::level_of(&self.levels, command)
    }

    fn expand_alias(&self, command: &str, kind: ModeKind) -> Option<String> {
        let trimmed = command.trim_start();
        let (first, rest) = trimmed.split_at(trimmed.find(char::is_whitespace).unwrap_or(trimmed.len()));
        let own = self.aliases.get(first).map(String::as_str);
        let built_in =
            || own::ALIASES.iter().find(|(name, _)| *name == first && kind == ModeKind::Privileged);
        let whole = own.or_else(|| built_in().map(|(_, whole)| *whole))?;
        Some(format!("{whole}{rest}"))
    }

    fn exec(&mut self, exec: Exec) {
        match exec {
            Exec::Session(command) => self.own(command),
            Exec::Refuse(text) => {
                self.failed = true;
                self.pipe = None;
                self.print(&text);
                self.show_prompt();
            }
            exec => self.act(Action::Exec(exec)),
        }
    }

    fn refuse(&mut self, error: LineError, line: &str, offset: usize, input: &[matcher::Typed<'_>]) {
        self.failed = true;
        let text = match error.column {
            // A single unknown word could be the name of a host.
            Some(column) if input.len() == 1 && input.first().is_some_and(|w| w.column == column) => {
                match error.kind {
                    crate::config::LineErrorKind::Invalid => {
                        "% Unknown command or computer name, or unable to find computer address".to_owned()
                    }
                    _ => error.render(line, self.indent(offset)),
                }
            }
            _ => error.render(line, self.indent(offset)),
        };
        self.print(&text);
        self.blank_line();
        self.show_prompt();
    }

    fn refuse_pipe(&mut self, error: FilterError, line: &str, offset: usize) {
        self.failed = true;
        let kind = match error {
            FilterError::Invalid(column) => {
                let error = LineError { column: Some(column), kind: crate::config::LineErrorKind::Invalid };
                error.render(line, self.indent(offset))
            }
            FilterError::Incomplete => "% Incomplete command.".to_owned(),
            FilterError::Ambiguous => format!("% Ambiguous command:  \"{}\"", line.trim_end()),
            FilterError::Text(text) => text,
        };
        self.print(&kind);
        self.blank_line();
        self.show_prompt();
    }

    fn indent(&self, offset: usize) -> usize {
        if self.interactive() { self.prompt().chars().count() + offset } else { offset }
    }

    fn blank_line(&mut self) {
        if self.interactive() {
            self.newline();
        }
    }

    fn close(&mut self) {
        if !self.is_closed() {
            self.state = State::Closed;
            self.actions.push_back(Action::Close);
        }
    }

    fn take_pending(&mut self) {
        while !self.is_waiting() && !self.is_closed() {
            let Some(octet) = self.pending.pop_front() else { return };
            self.octet(octet);
        }
    }

    fn newline(&mut self) {
        self.out.extend(if self.interactive() { b"\r\n".as_slice() } else { b"\n" });
    }

    /// Prints whole lines.
    fn print(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let text = text.strip_suffix('\n').unwrap_or(text);
        for line in text.split('\n') {
            self.print_part(line);
            self.newline();
        }
        if self.out.len() > MAX_OUTPUT {
            self.out.drain(..self.out.len() - MAX_OUTPUT);
        }
    }

    /// Prints text within a line; control characters are made harmless.
    fn print_part(&mut self, text: &str) {
        if text.contains(|c: char| c.is_control()) {
            let clean: String = text
                .chars()
                .filter(|c| *c != '\r')
                .map(|c| if c.is_control() && c != '\t' { '.' } else { c })
                .collect();
            self.out.extend(clean.as_bytes());
        } else {
            self.out.extend(text.as_bytes());
        }
    }
}

/// The severity of a log line, `%FACILITY-SEVERITY-MNEMONIC`; debug output has 7.
fn severity(text: &str) -> u8 {
    let mut parts = text.split('%').skip(1).map(|part| part.splitn(3, '-'));
    let found = parts.find_map(|mut words| {
        let (facility, severity, _) = (words.next()?, words.next()?, words.next()?);
        let named = !facility.is_empty()
            && facility.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        severity.parse().ok().filter(|severity| named && *severity <= 7)
    });
    found.unwrap_or(7)
}

/// The answer to `help`.
pub(crate) const HELP: &str = "Help may be requested at any point in a command by entering
a question mark '?'.  If nothing matches, the list will be empty
and you must back up until a '?' shows the options that fit.
Directly behind a word, '?' lists the words that begin so.
";

#[cfg(test)]
mod tests;

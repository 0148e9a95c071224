//! Commands that a session carries out itself: they concern the terminal they are typed at, and nothing else.

use super::{Action, Exec, HELP, Purpose, Session, SessionCommand, SessionKind, State};
use crate::config::Mode;

/// Names IOS gives the most used commands.
pub(super) const ALIASES: &[(&str, &str)] = &[
    ("h", "help"),
    ("lo", "logout"),
    ("p", "ping"),
    ("s", "show"),
    ("u", "undebug"),
    ("un", "undebug"),
    ("w", "where"),
];

impl Session {
    pub(super) fn own(&mut self, command: SessionCommand) {
        match command {
            SessionCommand::Enable(level) => {
                self.enable(level);
                return;
            }
            SessionCommand::Disable(level) => self.privilege = self.privilege.min(level),
            // A script has nobody to ask.
            SessionCommand::Login if !self.interactive() => {}
            SessionCommand::Login => {
                self.ask(Purpose::Login, true);
                return;
            }
            SessionCommand::Configure => {
                self.print("Enter configuration commands, one per line.  End with CNTL/Z.");
                self.config = Some(Mode::global());
            }
            SessionCommand::Exit => {
                self.close();
                return;
            }
            SessionCommand::Help => {
                self.deliver(HELP.to_owned());
                return;
            }
            SessionCommand::Length(rows) => self.height = rows,
            SessionCommand::Width(columns) => self.width = columns,
            SessionCommand::Monitor(on) => self.set_monitor(on),
            SessionCommand::HistorySize(size) => self.set_history(size),
            SessionCommand::History(on) => self.set_history(if on { 20 } else { 0 }),
            SessionCommand::Editing(on) => self.editor.plain = !on,
            SessionCommand::ShowHistory => {
                let history = if self.config.is_some() { &self.config_history } else { &self.exec_history };
                let rows: Vec<String> = history.iter().map(|l| format!("  {l}")).collect();
                self.deliver(rows.join("\n"));
                return;
            }
            SessionCommand::ShowPrivilege => {
                self.deliver(format!("Current privilege level is {}", self.privilege));
                return;
            }
            SessionCommand::HostClock => {
                self.failed = true;
                self.print("% The Linux host keeps the time: timedatectl, chrony");
            }
            SessionCommand::Where => self.print("% No connections open"),
            SessionCommand::ShowAliases => {
                self.deliver(self.aliases_text());
                return;
            }
            SessionCommand::ShowTerminal => {
                self.deliver(self.terminal_text());
                return;
            }
            SessionCommand::Nothing => {}
        }
        self.pipe = None;
        if matches!(self.state, State::Idle) {
            self.show_prompt();
        }
    }

    /// Gives an output to where the command's pipe sends it: filtered to the terminal, to a file, or to both.
    pub(super) fn deliver(&mut self, text: String) {
        let Some(pipe) = self.pipe.take() else {
            self.page(&text);
            return;
        };
        let text = pipe.apply(text);
        let Some(sink) = pipe.into_sink() else {
            self.page(&text);
            return;
        };
        self.copied = Some(if sink.shown { text.clone() } else { String::new() });
        let text = if text.is_empty() || text.ends_with('\n') { text } else { format!("{text}\n") };
        self.act(Action::Exec(Exec::SaveOutput { url: sink.url, text, append: sink.append }));
    }

    fn set_monitor(&mut self, on: bool) {
        // What the console shows is for `logging console` to say.
        if on && self.kind == SessionKind::Console {
            self.print("% Console already monitors");
        }
        self.monitor = on;
    }

    fn set_history(&mut self, size: usize) {
        self.history_size = size;
        for history in [&mut self.exec_history, &mut self.config_history] {
            let more = history.len().saturating_sub(size);
            history.drain(..more);
        }
    }

    /// `show aliases`: by mode, a blank line between.
    fn aliases_text(&self) -> String {
        let mut exec: std::collections::BTreeMap<&str, &str> = ALIASES.iter().copied().collect();
        exec.extend(self.aliases.iter().map(|(name, whole)| (name.as_str(), whole.as_str())));
        let mut text = String::from("Exec mode aliases:\n");
        for (name, whole) in exec {
            text.push_str(&format!("  {name:<21} {whole}\n"));
        }
        let mut mode = "";
        for ((of, name), whole) in &self.mode_aliases {
            if of != mode {
                text.push_str(&format!("\n{of} mode aliases:\n"));
                mode = of;
            }
            text.push_str(&format!("  {name:<21} {whole}\n"));
        }
        text
    }

    /// `show terminal`.
    fn terminal_text(&self) -> String {
        let line = match self.kind {
            SessionKind::Console => 0,
            SessionKind::Vty(n) => u32::from(n) + 2,
            SessionKind::Script => 0,
        };
        let state = |on: bool| if on { "enabled" } else { "disabled" };
        format!(
            "Line {line}, Location: \"{}\", Type: \"\"\nLength: {} lines, Width: {} columns\n\
             Editing is {}.\nHistory is {}, history size is {}.\nMonitoring of log and debug lines is {}.\n",
            self.location,
            self.height,
            self.width,
            state(!self.editor.plain),
            state(self.history_size > 0),
            self.history_size,
            state(self.monitor),
        )
    }

    /// A line of configuration whose first word is an alias of its mode, spelled out.
    pub(super) fn expand_mode_alias(&self, line: &str) -> Option<String> {
        let mode = self.config.as_ref()?.kind();
        let trimmed = line.trim_start();
        let (first, rest) = trimmed.split_at(trimmed.find(char::is_whitespace).unwrap_or(trimmed.len()));
        let (_, whole) = self
            .mode_aliases
            .iter()
            .find(|((of, name), _)| name == first && crate::config::alias_modes(of).contains(&mode))?;
        Some(format!("{whole}{rest}"))
    }
}

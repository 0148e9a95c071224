//! Commands that concern the box: files, saving, restarting.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use cli::config::{Config, MessageKind};
use cli::session::{Action, Exec, Reply, Show};

use super::unix::Hostname;
use crate::switch::Switch;

/// The box the switch runs on.
#[derive(Debug)]
pub struct Host {
    /// Where the configuration is saved.
    pub startup: PathBuf,
    /// Host name for prompts.
    pub hostname: Hostname,
    /// Set by `reload`.
    pub reload: bool,
}

/// Why a startup configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct StartupError {
    path: PathBuf,
    source: std::io::Error,
}

impl Host {
    /// Does what a console asked for.
    pub fn execute(&mut self, now: Instant, switch: &mut Switch, action: Action) -> Reply {
        match action {
            Action::Exec(exec) => self.exec(now, switch, exec),
            Action::Configure(line) => {
                let (candidate, reply) = line.apply(switch.config());
                self.adopt(now, switch, candidate);
                reply
            }
            Action::ConfigureText(text) => {
                let (candidate, reply) = text.apply(switch.config());
                self.adopt(now, switch, candidate);
                reply
            }
            Action::Close => Reply::none(),
        }
    }

    fn adopt(&self, now: Instant, switch: &mut Switch, candidate: Option<Config>) {
        if let Some(config) = candidate {
            self.hostname.set(&config.hostname);
            switch.apply(now, config);
        }
    }

    fn exec(&mut self, now: Instant, switch: &mut Switch, exec: Exec) -> Reply {
        match exec {
            Exec::Show(show) => self.show(now, switch, &show),
            Exec::Debug { what, on } => switch.debug(what, on),
            Exec::UndebugAll => switch.undebug_all(),
            Exec::WriteMemory => match save(&self.startup, &running_text(switch.config())) {
                Ok(()) => Reply::text("Building configuration...\n[OK]"),
                Err(error) => Reply::error(format!("% {}: {error}", self.startup.display())),
            },
            Exec::WriteErase => match std::fs::remove_file(&self.startup) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    Reply::error(format!("% {}: {error}", self.startup.display()))
                }
                _ => Reply::text("[OK]\nErase of nvram: complete"),
            },
            Exec::CopyStartRun => match std::fs::read_to_string(&self.startup) {
                Ok(text) => {
                    let text = cli::session::ConfigureText { text, keep_going: true };
                    let (candidate, reply) = text.apply(switch.config());
                    self.adopt(now, switch, candidate);
                    reply
                }
                Err(error) => Reply::error(format!("% {}: {error}", self.startup.display())),
            },
            Exec::Reload => {
                self.reload = true;
                Reply { close: true, ..Reply::none() }
            }
            Exec::TestVoicePortMwi { port, on } => switch.test_mwi(now, &port, on),
            Exec::ClearMwi { number } => switch.clear_mwi(now, number.as_deref()),
            Exec::ClearLogging => {
                switch.clear_logging();
                Reply::none()
            }
            _ => Reply::error("% This command is not acted on by this release"),
        }
    }

    fn show(&self, now: Instant, switch: &Switch, show: &Show) -> Reply {
        match show {
            Show::RunningConfig { section: None } => {
                let body = running_text(switch.config());
                let bytes = body.len();
                Reply::text(format!(
                    "Building configuration...\n\nCurrent configuration : {bytes} bytes\n{body}"
                ))
            }
            Show::RunningConfig { section: Some(header) } => {
                let part = section(&running_text(switch.config()), header);
                Reply::text(format!(
                    "Building configuration...\n\nCurrent configuration : {} bytes\n{part}end\n",
                    part.len()
                ))
            }
            Show::StartupConfig => match std::fs::read_to_string(&self.startup) {
                Ok(text) => Reply::text(format!("Using {} bytes\n{text}", text.len())),
                Err(_) => Reply::error("startup-config is not present"),
            },
            Show::ConfigurationUnsupported => Reply::text(unsupported(switch.config())),
            other => match switch.show(now, other) {
                Some(text) => Reply::text(text),
                None => Reply::error("% This command is not acted on by this release"),
            },
        }
    }
}

/// Reads the startup configuration; `None` where there is none yet.
///
/// # Errors
/// [`StartupError`] when the file exists and cannot be read.
pub fn load(path: &Path) -> Result<Option<String>, StartupError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StartupError { path: path.to_owned(), source }),
    }
}

fn running_text(config: &Config) -> String {
    config.running()
}

/// Writes a file so that a crash leaves the old or the new one.
fn save(path: &Path, text: &str) -> std::io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = std::fs::File::create(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)
}

/// The lines of one section: the header and what is indented under it.
fn section(text: &str, header: &str) -> String {
    let mut out = String::from("!\n");
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with(' ') {
            if inside {
                out.push_str(line);
                out.push('\n');
            }
            continue;
        }
        inside = line.eq_ignore_ascii_case(header);
        if inside {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

fn unsupported(config: &Config) -> String {
    let text = config.running();
    let lines: Vec<&str> = text.lines().collect();
    let mut out = String::new();
    let mut count = 0;
    for message in Config::parse(&text).messages {
        if let MessageKind::Kept { reason } = message.kind {
            count += 1;
            let line = lines.get(message.line.saturating_sub(1)).copied().unwrap_or_default();
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{line}\n    ! {reason}");
        }
    }
    let _ = writeln!(out, "{count} line(s) kept without effect");
    out
}

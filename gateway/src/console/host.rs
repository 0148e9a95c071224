//! Commands that concern the box: files, saving, restarting.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cli::config::Config;
use cli::engine::{Engine, Plan};
use cli::session::{Action, Exec, Reply, Show};

use super::terminals::Terminals;
use super::unix::Hostname;
use crate::switch::Switch;

/// The box the switch runs on.
#[derive(Debug)]
pub struct Host {
    /// Where the configuration is saved.
    pub startup: PathBuf,
    /// Host name for prompts.
    pub hostname: Hostname,
    /// Who may come to the terminals.
    pub terminals: Terminals,
    /// The terminals' listeners may have to be opened or closed.
    pub relisten: bool,
    /// Set by `reload`.
    pub reload: bool,
    /// The running configuration, and the way back where one is kept open.
    pub engine: Engine,
}

/// Why a startup configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct StartupError {
    path: PathBuf,
    source: std::io::Error,
}

impl Host {
    /// Does what a console asked for; `line` is the absolute number of its terminal line, if it has one.
    pub fn execute(&mut self, now: Instant, switch: &mut Switch, action: Action, line: Option<u16>) -> Reply {
        match action {
            Action::Exec(Exec::Show(Show::Users)) => Reply::text(self.terminals.show(line)),
            Action::Exec(Exec::ClearLine { line }) => match self.terminals.clear(&line) {
                true => Reply::text("[OK]"),
                false => Reply::error("% Not an active line"),
            },
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
            // Terminals decide this themselves, away from the thread that carries calls.
            Action::Authenticate(_) => Reply::error("% Login invalid"),
            Action::Close => Reply::none(),
        }
    }

    /// When to call [`Host::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.engine.poll_timeout()
    }

    /// Takes back a change that nobody confirmed in time.
    pub fn handle_timeout(&mut self, now: Instant, switch: &mut Switch) {
        if let Some(config) = self.engine.handle_timeout(now).cloned() {
            tracing::warn!("%ARCHIVE_DIFF-5-ROLLBK_CNFMD_TIMEOUT: not confirmed in time, rolled back");
            self.apply(now, switch, config);
        }
    }

    fn adopt(&mut self, now: Instant, switch: &mut Switch, candidate: Option<Config>) {
        if let Some(config) = candidate {
            self.engine.commit(now, config.clone(), None);
            self.apply(now, switch, config);
        }
    }

    fn apply(&mut self, now: Instant, switch: &mut Switch, config: Config) {
        self.hostname.set(&config.hostname);
        self.terminals.publish(&config);
        self.relisten = true;
        switch.apply(now, config);
    }

    /// What a file would change, or what the console is told instead.
    fn plan(&self, file: &str) -> Result<Plan, String> {
        let text = std::fs::read_to_string(file).map_err(|e| format!("% {file}: {e}"))?;
        self.engine.plan(&text).map_err(|refused| refused.to_string())
    }

    fn replace(
        &mut self,
        now: Instant,
        switch: &mut Switch,
        file: &str,
        revert_minutes: Option<u32>,
    ) -> Reply {
        let plan = match self.plan(file) {
            Ok(plan) => plan,
            Err(why) => return Reply::error(why),
        };
        let revert = revert_minutes.map(|minutes| Duration::from_secs(60 * u64::from(minutes)));
        self.engine.commit(now, plan.candidate.clone(), revert);
        self.apply(now, switch, plan.candidate);
        Reply::text("Total number of passes: 1\nRollback Done")
    }

    fn exec(&mut self, now: Instant, switch: &mut Switch, exec: Exec) -> Reply {
        match exec {
            Exec::Show(show) => self.show(now, switch, &show),
            Exec::Debug { what, on } => switch.debug(what, on),
            Exec::UndebugAll => switch.undebug_all(),
            Exec::ConfigurePlan { file } => match self.plan(&file) {
                Ok(plan) => Reply::text(plan.differences()),
                Err(why) => Reply::error(why),
            },
            Exec::ConfigureReplace { file, revert_minutes } => {
                self.replace(now, switch, &file, revert_minutes)
            }
            Exec::ConfigureConfirm => match self.engine.confirm() {
                true => Reply::none(),
                false => Reply::error("% No change waits to be confirmed"),
            },
            Exec::ConfigureRevert => match self.engine.revert().cloned() {
                Some(config) => {
                    self.apply(now, switch, config);
                    Reply::text("Rollback Done")
                }
                None => Reply::error("% No change waits to be confirmed"),
            },
            Exec::WriteMemory => match save(&self.startup, &switch.config().running()) {
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
            Exec::CsimStart { number } => switch.csim(now, &number),
            Exec::TestVoicePortMwi { port, on } => switch.test_mwi(now, &port, on),
            Exec::Mwi(command) => switch.mwi_command(now, command),
            Exec::ClearMwi { number } => switch.clear_mwi(now, number.as_deref()),
            Exec::ClearLogging => {
                switch.clear_logging();
                Reply::none()
            }
            other => offline(switch, &other),
        }
    }

    fn show(&self, now: Instant, switch: &Switch, show: &Show) -> Reply {
        match show {
            Show::RunningConfig { section } => {
                Reply::text(cli::render::running_config(switch.config(), section.as_deref(), None))
            }
            Show::StartupConfig => match std::fs::read_to_string(&self.startup) {
                Ok(text) => Reply::text(format!("Using {} bytes\n{text}", text.len())),
                Err(_) => Reply::error("startup-config is not present"),
            },
            other => match switch.show(now, other) {
                Some(text) => Reply::text(text),
                None => offline(switch, &Exec::Show(other.clone())),
            },
        }
    }
}

/// What the configuration alone can answer.
fn offline(switch: &Switch, exec: &Exec) -> Reply {
    match cli::render::answer(switch.config(), exec) {
        Some(text) => Reply::text(text),
        None => Reply::error("% This command is not acted on by this release"),
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

/// Writes a file so that a crash leaves the old or the new one.
fn save(path: &Path, text: &str) -> std::io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = std::fs::File::create(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)
}

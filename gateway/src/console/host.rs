//! Commands that concern the box: files, saving, restarting.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cli::config::{Config, MessageKind};
use cli::engine::Engine;
use cli::session::{Action, Exec, Reload, Reply, Show};

use super::Caller;
use super::config_log::CommandHistory;
use super::terminals::Terminals;
use super::unix::Hostname;
use crate::files::{self, Answer, Context, FileSystem, Job, Next, Place, Stop};
use crate::service::load::{Load, threads};
use crate::switch::Switch;

/// The box the switch runs on.
#[derive(Debug)]
pub struct Host {
    /// `flash:`, `nvram:`, `tmp:`.
    pub files: FileSystem,
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
    /// How busy it is.
    pub load: Load,
    pub(super) history: CommandHistory,
    pub(super) archive_due: Option<(Duration, Instant)>,
    restart: Option<Instant>,
    jobs: Vec<BackgroundJob>,
}

pub(super) struct BackgroundJob(pub(super) Job);

impl std::fmt::Debug for BackgroundJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BackgroundJob")
    }
}

/// Why a startup configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct StartupError {
    path: PathBuf,
    source: std::io::Error,
}

impl Host {
    /// A box at rest.
    #[must_use]
    pub fn new(
        now: Instant,
        files: FileSystem,
        hostname: Hostname,
        terminals: Terminals,
        engine: Engine,
    ) -> Host {
        Host {
            archive_due: archive_period(engine.running()).map(|period| (period, now + period)),
            files,
            hostname,
            terminals,
            relisten: false,
            reload: false,
            engine,
            load: Load::default(),
            history: CommandHistory::default(),
            restart: None,
            jobs: Vec::new(),
        }
    }

    /// Does what a console asked for.
    pub fn execute(&mut self, now: Instant, switch: &mut Switch, action: Action, caller: &Caller) -> Answer {
        match action {
            Action::Exec(exec) => self.exec(now, switch, exec, caller),
            Action::Configure(line) => {
                if let Err(locked) = self.engine.check_lock(caller.id) {
                    return Reply::error(locked.to_string()).into();
                }
                let text = line.line.clone();
                let (candidate, reply) = line.apply(switch.config());
                self.adopt(now, switch, candidate);
                if !reply.error {
                    self.remember(now, switch, &text, caller);
                }
                if reply.leave {
                    self.engine.unlock(caller.id);
                    self.configured(now, switch, caller);
                }
                reply.into()
            }
            Action::ConfigureText(text) => {
                if let Err(locked) = self.engine.check_lock(caller.id) {
                    return Reply::error(locked.to_string()).into();
                }
                let (candidate, reply) = text.apply(switch.config());
                let changed = candidate.is_some();
                self.adopt(now, switch, candidate);
                if changed {
                    text.text.lines().for_each(|line| self.remember(now, switch, line, caller));
                    self.configured(now, switch, caller);
                }
                reply.into()
            }
            // Terminals decide this themselves, away from the thread that carries calls.
            Action::Authenticate(_) => Reply::error("% Login invalid").into(),
            Action::Close => Reply::none().into(),
        }
    }

    /// Logs that somebody has changed the configuration, or could have.
    fn configured(&self, now: Instant, switch: &mut Switch, caller: &Caller) {
        let place = caller.place();
        let who = if caller.is_named() { format!("{} on {place}", caller.user) } else { place };
        let location = caller.line.and_then(|line| self.terminals.location(line));
        let from = location.map_or_else(String::new, |location| format!(" ({location})"));
        switch.log(now, 5, &format!("%SYS-5-CONFIG_I: Configured from console by {who}{from}"));
    }

    /// A console has left.
    pub fn gone(&mut self, console: u64) {
        self.engine.unlock(console);
    }

    /// When to call [`Host::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.engine.poll_timeout(), self.restart, self.archive_due.map(|(_, at)| at)]
            .into_iter()
            .flatten()
            .min()
    }

    /// Takes back a change that nobody confirmed in time, saves into the archive, restarts: what is due.
    pub fn handle_timeout(&mut self, now: Instant, switch: &mut Switch) {
        if let Some(config) = self.engine.handle_timeout(now).cloned() {
            let text = "%ARCHIVE_DIFF-5-ROLLBK_CNFMD_CHG_ROLLBACK_START: not confirmed in time, rolled back";
            switch.log(now, 5, text);
            self.apply(now, switch, config);
        }
        if let Some((period, at)) = self.archive_due
            && now >= at
        {
            self.archive_due = Some((period, now + period));
            self.archive_in_background(now, switch);
        }
        if self.restart.is_some_and(|at| now >= at) {
            switch.log(now, 5, "%SYS-5-RELOAD: Reload as scheduled");
            self.reload = true;
        }
    }

    /// Work that no console waits for.
    pub fn poll_job(&mut self) -> Option<Job> {
        self.jobs.pop().map(|job| job.0)
    }

    pub(super) fn in_background(&mut self, job: impl FnOnce() -> Next + Send + 'static) {
        self.jobs.push(BackgroundJob(Box::new(job)));
    }

    pub(crate) fn adopt(&mut self, now: Instant, switch: &mut Switch, candidate: Option<Config>) {
        if let Some(config) = candidate {
            self.engine.commit(config.clone());
            self.apply(now, switch, config);
        }
    }

    pub(super) fn apply(&mut self, now: Instant, switch: &mut Switch, config: Config) {
        self.hostname.set(&config.hostname);
        self.terminals.publish(&config);
        self.relisten = true;
        let period = archive_period(&config);
        if self.archive_due.map(|(old, _)| old) != period {
            self.archive_due = period.map(|period| (period, now + period));
        }
        switch.apply(now, config);
    }

    pub(super) fn context(&self, switch: &Switch, caller: &Caller, exec: Exec) -> Context {
        Context::new(self.files.clone(), switch.config().clone(), caller.user.clone(), exec)
    }

    fn exec(&mut self, now: Instant, switch: &mut Switch, exec: Exec, caller: &Caller) -> Answer {
        let command = match &exec {
            Exec::Answered { exec, .. } => (**exec).clone(),
            exec => exec.clone(),
        };
        let reply = match command {
            Exec::Show(Show::Users) => Reply::text(self.terminals.show(caller.line)),
            Exec::Show(Show::Reload) => Reply::text(self.show_reload(now, switch)),
            Exec::Show(show) => return self.show(now, switch, show),
            Exec::ClearLine { line } => match self.terminals.clear(&line) {
                true => Reply::text("[OK]"),
                false => Reply::error("% Not an active line"),
            },
            Exec::Debug { what, on } => switch.debug(what, on),
            Exec::UndebugAll => switch.undebug_all(),
            Exec::Files(_) => {
                let context = self.context(switch, caller, exec);
                return Answer::later(move || files::run(context));
            }
            Exec::SaveOutput { url, text, append } => {
                let files = self.files.clone();
                return Answer::later(move || {
                    let saved = save_output(&files, &url, text, append);
                    Next::Reply(saved.map_or_else(Reply::error, |()| Reply::none()))
                });
            }
            Exec::Archive(command) => return self.archive(now, switch, command, caller),
            Exec::ConfigureTerminal { .. }
            | Exec::ConfigurePlan { .. }
            | Exec::ConfigureReplace { .. }
            | Exec::ConfigureConfirm
            | Exec::ConfigureRevert { .. } => return self.configure(now, switch, exec, caller),
            Exec::WriteMemory => return self.saved(now, switch),
            Exec::WriteErase => {
                let mut context = self.context(switch, caller, exec);
                return Answer::later(move || Next::Reply(erase(&mut context).unwrap_or_else(Reply::from)));
            }
            Exec::Reload(Reload::Cancel) => match self.restart.take() {
                Some(_) => {
                    switch.log(now, 5, "%SYS-5-SCHEDULED_RELOAD_CANCELLED: Scheduled reload cancelled");
                    Reply::text("\n***\n*** --- SHUTDOWN ABORTED ---\n***\n")
                }
                None => Reply::error("%No reload is scheduled."),
            },
            Exec::Reload(reload) => {
                let context = self.context(switch, caller, exec);
                return Answer::later(move || {
                    restart(context, reload).unwrap_or_else(|stop| Next::Reply(stop.into()))
                });
            }
            Exec::Ping { target } => {
                return Answer::later(move || Next::Reply(super::ping::ping(&target)));
            }
            Exec::CsimStart { number } => switch.csim(now, &number),
            Exec::TestVoicePort { port, test } => switch.test_port(now, &port, test),
            Exec::Mwi(command) => switch.mwi_command(now, command),
            Exec::ClearMwi { number } => switch.clear_mwi(now, number.as_deref()),
            Exec::ClearLogging => match self.context(switch, caller, exec).insist("Clear logging buffer") {
                Ok(()) => {
                    switch.clear_logging();
                    Reply::none()
                }
                Err(question) => question.into(),
            },
            other => offline(switch, &other),
        };
        reply.into()
    }

    fn show(&self, now: Instant, switch: &Switch, show: Show) -> Answer {
        let reply = match show {
            Show::RunningConfig { section } => {
                Reply::text(cli::render::running_config(switch.config(), section.as_deref(), None))
            }
            Show::ProcessesCpu => Reply::text(self.load.show(now, &threads())),
            Show::StartupConfig => {
                let files = self.files.clone();
                return Answer::later(move || Next::Reply(show_startup(&files)));
            }
            Show::TechSupport => {
                let startup = self.files.clone();
                let parts = self.tech_support(now, switch);
                return Answer::later(move || {
                    let startup = section("show startup-config", &show_startup(&startup).text);
                    Next::Reply(Reply::text(parts + &startup))
                });
            }
            other => match switch.show(now, &other) {
                Some(text) => Reply::text(text),
                None => offline(switch, &Exec::Show(other)),
            },
        };
        reply.into()
    }

    /// Saves the running configuration as the startup configuration, and into the archive if that says `write-memory`.
    pub(crate) fn saved(&mut self, now: Instant, switch: &mut Switch) -> Answer {
        if switch.config().archive().is_some_and(|archive| archive.write_memory) {
            self.archive_in_background(now, switch);
        }
        let (files, text) = (self.files.clone(), switch.config().running());
        Answer::later(move || {
            Next::Reply(match files.write(&Place::Startup, text.as_bytes()) {
                Ok(()) => Reply::text("Building configuration...\n[OK]"),
                Err(error) => Reply::error(error.to_string()),
            })
        })
    }

    fn show_reload(&self, now: Instant, switch: &Switch) -> String {
        match self.restart {
            None => "No reload is scheduled.\n".to_owned(),
            Some(at) => format!(
                "Reload scheduled for {} (in {})\n",
                switch.clock().show_clock(at),
                crate::clock::clock_face(at.saturating_duration_since(now))
            ),
        }
    }

    /// What a maker of routers wants to see first.
    fn tech_support(&self, now: Instant, switch: &Switch) -> String {
        let mut out = String::new();
        let shows: [(&str, Show); 13] = [
            ("show clock", Show::Clock),
            ("show version", Show::Version),
            ("show inventory", Show::Inventory),
            ("show interfaces", Show::Interfaces { name: None }),
            ("show controllers", Show::Controllers { unit: None }),
            ("show isdn status", Show::IsdnStatus),
            ("show voice port summary", Show::VoicePort { port: None, summary: true }),
            ("show dial-peer voice summary", Show::DialPeerVoice { tag: None, summary: true }),
            ("show call active voice brief", Show::CallActiveVoice { brief: true }),
            ("show sip-ua statistics", Show::SipUaStatistics),
            ("show mwi", Show::Mwi(cli::session::MwiQuery::default())),
            ("show processes cpu", Show::ProcessesCpu),
            ("show logging", Show::Logging),
        ];
        for (title, show) in shows {
            let text = match &show {
                Show::ProcessesCpu => self.load.show(now, &threads()),
                show => {
                    switch.show(now, show).unwrap_or_else(|| offline(switch, &Exec::Show(show.clone())).text)
                }
            };
            out += &section(title, &text);
        }
        let running = cli::render::running_config(switch.config(), None, None);
        out += &section("show running-config", &without_secrets(&running));
        out
    }
}

/// How often a copy is saved into the archive.
fn archive_period(config: &Config) -> Option<Duration> {
    config.archive().filter(|archive| archive.path.is_some())?.time_period
}

/// A part of `show tech-support`.
fn section(title: &str, text: &str) -> String {
    format!("\n------------------ {title} ------------------\n\n{text}\n")
}

/// As in `show tech-support` of a router: what is sent away has no secrets, not even encrypted ones.
fn without_secrets(text: &str) -> String {
    let hide = |line: &str| super::config_log::hide(line).replace("*****", "<removed>");
    text.lines().map(|line| hide(line) + "\n").collect()
}

/// `… | redirect`, `append`, `tee`.
fn save_output(files: &FileSystem, url: &str, text: String, append: bool) -> Result<(), String> {
    let place = Place::parse(url).map_err(|e| e.to_string())?;
    let old = match append && files.stat(&place).is_ok() {
        true => files.read(&place).map_err(|e| e.to_string())?,
        false => Vec::new(),
    };
    files::keep(files, &place, &(String::from_utf8_lossy(&old).into_owned() + &text))
}

fn show_startup(files: &FileSystem) -> Reply {
    match files.read(&Place::Startup) {
        Ok(octets) => {
            let text = String::from_utf8_lossy(&octets).into_owned();
            Reply::text(format!("Using {} bytes\n{text}", octets.len()))
        }
        Err(_) => Reply::error("startup-config is not present"),
    }
}

fn erase(context: &mut Context) -> Result<Reply, Stop> {
    context.insist("Erasing the nvram filesystem will remove all configuration files! Continue?")?;
    match std::fs::remove_file(&context.system.startup) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Stop::Failed(format!("%Error erasing nvram: ({error})")))
        }
        _ => Ok(Reply::text("[OK]\nErase of nvram: complete")),
    }
}

fn restart(mut context: Context, reload: Reload) -> Result<Next, Stop> {
    let startup = context.system.read(&Place::Startup).unwrap_or_default();
    let startup = Config::parse(&String::from_utf8_lossy(&startup)).config;
    if !startup.same_lines(&context.running)
        && context.yes("\nSystem configuration has been modified. Save? [yes/no]: ", false, false)?
    {
        context.system.write(&Place::Startup, context.running.running().as_bytes())?;
    }
    context.insist("Proceed with reload?")?;
    Ok(Next::then(move |host, now, switch| {
        let wait = match reload {
            Reload::In { minutes } => Duration::from_secs(60 * u64::from(minutes)),
            Reload::At { hour, minute } => until(switch.clock().unix_ms(now), hour, minute),
            Reload::Now | Reload::Cancel => {
                switch.log(now, 5, "%SYS-5-RELOAD: Reload requested");
                host.reload = true;
                return Reply { close: true, ..Reply::none() }.into();
            }
        };
        host.restart = Some(now + wait);
        let text = format!(
            "%SYS-5-SCHEDULED_RELOAD: Reload requested for {}",
            switch.clock().show_clock(now + wait)
        );
        switch.log(now, 5, &text);
        Reply::text(host.show_reload(now, switch)).into()
    }))
}

/// How long it is until a time of day, UTC.
fn until(unix_ms: u64, hour: u8, minute: u8) -> Duration {
    const DAY: u64 = 86_400_000;
    let wanted = (u64::from(hour) * 60 + u64::from(minute)) * 60_000;
    let ms = (wanted + DAY - unix_ms % DAY) % DAY;
    Duration::from_millis(if ms == 0 { DAY } else { ms })
}

/// What the configuration alone can answer.
fn offline(switch: &Switch, exec: &Exec) -> Reply {
    match cli::render::answer(switch.config(), exec) {
        Some(text) => Reply::text(text),
        None => Reply::error("% This command is not acted on by this release"),
    }
}

/// Reads a configuration text from `path`; refused lines are logged, the rest is used, as a router does at boot.
pub(crate) fn configuration(text: &str, path: &Path) -> Config {
    let parsed = Config::parse(text);
    for message in &parsed.messages {
        if let MessageKind::Refused { text, .. } = &message.kind {
            tracing::error!(
                "%SYS-3-CONFIG_REFUSED: {} line {}: {}",
                path.display(),
                message.line,
                text.replace('\n', " ")
            );
        }
    }
    parsed.config
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

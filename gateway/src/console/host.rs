//! Commands that concern the box: files, saving, restarting.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use cli::config::Config;
use cli::engine::Engine;
use cli::session::{Action, Exec, Reply, Show};

use super::Caller;
use super::config_log::CommandHistory;
use super::reload::Scheduled;
use super::terminals::Terminals;
use super::unix::Hostname;
use crate::files::{self, Answer, Context, FileSystem, Job, Next, Place, Stop};
use crate::leg::sip::transport::address_of;
use crate::service::load::{Load, threads};
use crate::service::message::Message;
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
    pub(super) restart: Option<Scheduled>,
    jobs: Vec<BackgroundJob>,
}

pub(super) struct BackgroundJob(pub(super) Job);

impl std::fmt::Debug for BackgroundJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BackgroundJob")
    }
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
        switch.log(now, Message::Configured { who: &self.who(caller) });
    }

    /// `console`, `ann on vty0 (192.0.2.1)`.
    pub(super) fn who(&self, caller: &Caller) -> String {
        let place = caller.place();
        let who = if caller.is_named() { format!("{} on {place}", caller.user) } else { place };
        let location = caller.line.and_then(|line| self.terminals.location(line));
        match location {
            Some(location) => format!("{who} ({location})"),
            None => who,
        }
    }

    /// A console has left.
    pub fn gone(&mut self, console: u64) {
        self.engine.unlock(console);
    }

    /// When to call [`Host::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let restart = self.restart.as_ref().map(|scheduled| scheduled.at);
        [self.engine.poll_timeout(), restart, self.archive_due.map(|(_, at)| at)].into_iter().flatten().min()
    }

    /// Takes back a change that nobody confirmed in time, saves into the archive, restarts: what is due.
    pub fn handle_timeout(&mut self, now: Instant, switch: &mut Switch) {
        if let Some(config) = self.engine.handle_timeout(now).cloned() {
            switch.log(now, Message::ChangeNotConfirmed {});
            self.apply(now, switch, config);
        }
        if let Some((period, at)) = self.archive_due
            && now >= at
        {
            self.archive_due = Some((period, now + period));
            self.archive_in_background(now, switch);
        }
        if self.restart.as_ref().is_some_and(|scheduled| now >= scheduled.at) {
            switch.log(now, Message::ReloadScheduled {});
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
            Exec::Reload(reload) => return self.reload(now, switch, exec, reload, caller),
            Exec::Ping(ping) => {
                let source = match ping.source.as_deref().map(|from| source(switch.config(), from)) {
                    Some(None) => return Reply::error("% Invalid source").into(),
                    found => found.flatten(),
                };
                return Answer::later(move || Next::Reply(super::ping::ping(&ping, source)));
            }
            Exec::CsimStart { number } => switch.csim(now, &number),
            Exec::TestVoicePort { port, test } => switch.test_port(now, &port, test),
            Exec::Mwi(command) => switch.mwi_command(now, command),
            Exec::ClearMwi { number } => switch.clear_mwi(now, number.as_deref()),
            Exec::ClearCounters { interface } => {
                let which = interface
                    .as_ref()
                    .map_or("all interfaces".to_owned(), |name| format!("interface {name}"));
                let asked = interface.as_ref().map_or("all interfaces", |_| "this interface");
                let question = format!("Clear \"show interface\" counters on {asked}");
                match self.context(switch, caller, exec).insist(&question) {
                    Ok(()) if switch.clear_counters(now, interface.as_deref()) => {
                        switch.log(now, Message::CountersCleared { which: &which, by: &self.who(caller) });
                        Reply::none()
                    }
                    Ok(()) => Reply::error("% No such interface"),
                    Err(question) => question.into(),
                }
            }
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

/// The address that `ping … source` names by itself or by its interface.
fn source(config: &Config, from: &str) -> Option<IpAddr> {
    let named = || cli::config::interface_name(from, None).and_then(|(name, _)| address_of(config, &name));
    from.parse().ok().or_else(named)
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

/// What the configuration alone can answer.
fn offline(switch: &Switch, exec: &Exec) -> Reply {
    match cli::render::answer(switch.config(), exec) {
        Some(text) => Reply::text(text),
        None => Reply::error("% This command is not acted on by this release"),
    }
}

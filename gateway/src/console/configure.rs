//! Configurations as a whole: `configure replace`, `plan`, `revert`; `archive`.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use cli::config::{Archive, Config, Mode};
use cli::engine::{Refused, Touched, commands, differences};
use cli::session::{ArchiveCommand, ConfigureText, Exec, Reply};

use super::Caller;
use super::host::Host;
use crate::files::{Answer, Context, Disk, FileSystem, Next, Place, Stop, configuration, keep};
use crate::service::message::Message;
use crate::switch::Switch;

const NOTHING_PENDING: &str = "%No Rollback Confirmed Change pending";
const NO_ARCHIVE: &str = "Archive feature not enabled";
const SURE: &str = "This will apply all necessary additions and deletions\n\
    to replace the current running configuration with the\n\
    contents of the specified configuration file, which is\n\
    assumed to be a complete configuration, not a partial\n\
    configuration. Enter Y if you are sure you want to proceed. ? [no]: ";

impl Host {
    pub(super) fn configure(
        &mut self,
        now: Instant,
        switch: &mut Switch,
        exec: Exec,
        caller: &Caller,
    ) -> Answer {
        let mut context = self.context(switch, caller, exec);
        if !matches!(context.exec, Exec::ConfigurePlan { .. })
            && let Err(locked) = self.engine.check_lock(caller.id)
        {
            return Reply::error(locked.to_string()).into();
        }
        match context.exec.clone() {
            Exec::ConfigureTerminal { lock, revert_minutes } => {
                if lock && let Err(locked) = self.engine.lock(caller.id) {
                    return Reply::error(locked.to_string()).into();
                }
                self.arm(now, switch, revert_minutes, caller);
                let text = "Enter configuration commands, one per line.  End with CNTL/Z.";
                Reply { mode: Some(Mode::global()), ..Reply::text(text) }.into()
            }
            Exec::ConfigurePlan { file } => Answer::later(move || match complete(&context, &file) {
                Ok(candidate) => Next::then(move |_, _, switch| Reply::text(plan(switch, &candidate)).into()),
                Err(stop) => Next::Reply(stop.into()),
            }),
            Exec::ConfigureReplace { file, list, force, trigger, revert_minutes } => {
                let caller = caller.clone();
                Answer::later(move || {
                    if !force {
                        match context.yes(SURE, false, true) {
                            Ok(true) => {}
                            Ok(false) => return Next::Reply(Reply::none()),
                            Err(stop) => return Next::Reply(stop.into()),
                        }
                    }
                    match complete(&context, &file) {
                        Ok(candidate) => Next::then(move |host, now, switch| {
                            host.replace(now, switch, candidate, list, revert_minutes, &caller).into()
                        }),
                        Err(Stop::Failed(why)) => {
                            let restored = match trigger {
                                true => "\nThe original configuration has been successfully restored.",
                                false => "",
                            };
                            Next::Reply(Reply::error(format!(
                                "%Rollback failed, nothing has changed\n{why}{restored}"
                            )))
                        }
                        Err(stop) => Next::Reply(stop.into()),
                    }
                })
            }
            Exec::ConfigureConfirm => match self.engine.confirm() {
                true => {
                    switch.log(now, Message::ChangeConfirmed { user: &caller.user });
                    Reply::none().into()
                }
                false => Reply::error(NOTHING_PENDING).into(),
            },
            Exec::ConfigureRevert { minutes: Some(minutes) } => {
                match self.engine.rearm(now, Duration::from_secs(60 * u64::from(minutes))) {
                    true => Reply::none().into(),
                    false => Reply::error(NOTHING_PENDING).into(),
                }
            }
            Exec::ConfigureRevert { minutes: None } => match self.engine.revert().cloned() {
                Some(config) => {
                    switch.log(now, Message::ChangeRolledBack { user: &caller.user });
                    let hostname = Some(config.hostname.clone());
                    self.apply(now, switch, config);
                    Reply { hostname, ..Reply::text("Total number of passes: 1\nRollback Done") }.into()
                }
                None => Reply::error(NOTHING_PENDING).into(),
            },
            _ => Reply::error("% This command is not acted on by this release").into(),
        }
    }

    /// Starts the timer of a change that has to be confirmed.
    fn arm(&mut self, now: Instant, switch: &mut Switch, minutes: Option<u32>, caller: &Caller) {
        let Some(minutes) = minutes else { return };
        if switch.config().archive().is_some_and(|archive| archive.path.is_some()) {
            self.archive_in_background(now, switch);
        }
        self.engine.arm(now, Duration::from_secs(60 * u64::from(minutes)), &caller.user);
        switch.log(now, Message::ChangeScheduled { user: &caller.user, minutes: &minutes });
    }

    fn replace(
        &mut self,
        now: Instant,
        switch: &mut Switch,
        candidate: Config,
        list: bool,
        revert_minutes: Option<u32>,
        caller: &Caller,
    ) -> Reply {
        let mut text = String::new();
        if list {
            let commands = commands(switch.config(), &candidate);
            let _ = writeln!(text, "!Pass 1\n\n{commands}");
        }
        self.arm(now, switch, revert_minutes, caller);
        self.adopt(now, switch, Some(candidate));
        text.push_str("Total number of passes: 1\nRollback Done");
        let name = switch.config().hostname.clone();
        Reply { hostname: Some(name), ..Reply::text(text) }
    }

    pub(super) fn archive(
        &mut self,
        now: Instant,
        switch: &mut Switch,
        command: ArchiveCommand,
        caller: &Caller,
    ) -> Answer {
        let context = self.context(switch, caller, Exec::Archive(command.clone()));
        let archive = switch.config().archive().and_then(|archive| Store::new(&archive, switch.config()));
        match command {
            ArchiveCommand::Save => {
                let Some(archive) = archive else { return Reply::error(NO_ARCHIVE).into() };
                let (stamp, text) = (stamp(now, switch), switch.config().running());
                Answer::later(move || {
                    Next::Reply(match archive.save(&context.system, &stamp, &text) {
                        Ok(_) => Reply::none(),
                        Err(why) => Reply::error(why),
                    })
                })
            }
            ArchiveCommand::Show => match archive {
                Some(archive) => {
                    Answer::later(move || Next::Reply(Reply::text(archive.show(&context.system))))
                }
                None => Reply::text(NO_ARCHIVE).into(),
            },
            ArchiveCommand::Differences { from, to } => Answer::later(move || {
                let (from, to) = match (from, to) {
                    (None, _) => ("running-config".to_owned(), "startup-config".to_owned()),
                    (Some(from), to) => (from, to.unwrap_or_else(|| "running-config".to_owned())),
                };
                let read = |path: &str| configuration(&context, path).map(|text| Config::parse(&text).config);
                Next::Reply(match (read(&from), read(&to)) {
                    (Ok(from), Ok(to)) => Reply::text(or_none(differences(&from, &to))),
                    (Err(stop), _) | (_, Err(stop)) => stop.into(),
                })
            }),
            ArchiveCommand::Incremental { file } => Answer::later(move || {
                let text = match configuration(&context, &file) {
                    Ok(text) => text,
                    Err(stop) => return Next::Reply(stop.into()),
                };
                let (candidate, reply) = ConfigureText { text, keep_going: true }.apply(&context.running);
                let merged = candidate.as_ref().unwrap_or(&context.running);
                let list = or_none(commands(&context.running, merged));
                Next::Reply(match reply.error {
                    true => Reply::error(format!("{list}{}", reply.text)),
                    false => Reply::text(list),
                })
            }),
            ArchiveCommand::RollbackTimer => Reply::text(self.rollback_timer(switch)).into(),
            ArchiveCommand::Log { provisioning } => Reply::text(self.history.show(provisioning)).into(),
            ArchiveCommand::ClearLog => {
                self.history.clear();
                Reply::none().into()
            }
        }
    }

    fn rollback_timer(&self, switch: &Switch) -> String {
        match self.engine.pending() {
            None => NOTHING_PENDING.to_owned(),
            Some(pending) => format!(
                "Time configured(Day Month Date Time Year): {}\nTimer type: absolute timer\n\
                 Timer value: {} min\nUser: {}\n",
                switch.clock().show_clock(pending.since),
                pending.after.as_secs() / 60,
                pending.user
            ),
        }
    }

    /// Saves the running configuration into the archive; what goes wrong is logged.
    pub(super) fn archive_in_background(&mut self, now: Instant, switch: &Switch) {
        let config = switch.config();
        let Some(archive) = config.archive().and_then(|archive| Store::new(&archive, config)) else { return };
        let (files, stamp, text) = (self.files.clone(), stamp(now, switch), config.running());
        self.in_background(move || match archive.save(&files, &stamp, &text) {
            Ok(_) => Next::Reply(Reply::none()),
            Err(why) => Next::then(move |_, now, switch| {
                switch.log(now, Message::ArchiveWrite { why: &why });
                Reply::none().into()
            }),
        });
    }
}

/// `Nov-21-15-44-39.123`.
fn stamp(now: Instant, switch: &Switch) -> String {
    switch.clock().timestamp(now).split_whitespace().collect::<Vec<_>>().join("-").replace(':', "-")
}

/// A file as a whole configuration.
fn complete(context: &Context, file: &str) -> Result<Config, Stop> {
    let text = configuration(context, file)?;
    let (candidate, reply) = ConfigureText { text, keep_going: false }.apply(&Config::default());
    match reply.error {
        true => Err(Stop::Failed(Refused { text: reply.text }.to_string())),
        false => Ok(candidate.unwrap_or_default()),
    }
}

/// What a configuration would change, and which calls it would touch.
fn plan(switch: &Switch, candidate: &Config) -> String {
    let mut out = or_none(differences(switch.config(), candidate));
    let calls = switch.calls_touched(&Touched::between(switch.config(), candidate));
    if !calls.is_empty() {
        let _ = writeln!(out, "!Calls in progress that use what changes:");
        for call in calls {
            let _ = writeln!(out, "! {call}");
        }
    }
    out
}

fn or_none(list: String) -> String {
    match list.as_str() {
        "!Contextual Config Diffs:\n" | "!List of Commands:\nend\n" => list + "!No changes were found\n",
        _ => list,
    }
}

/// Where copies of the running configuration are kept.
#[derive(Debug, Clone)]
struct Store {
    /// With host name and time filled in, without number.
    path: String,
    maximum: usize,
}

impl Store {
    fn new(archive: &Archive, config: &Config) -> Option<Store> {
        let path = archive.path.as_deref()?.replace("$h", &config.hostname);
        // The time stands in every name anyway.
        let path = path.replace("-$t", "").replace("$t", "");
        Some(Store { path, maximum: archive.maximum })
    }

    /// Directory and beginning of the names, for a disk.
    fn local(&self) -> Option<(Disk, Vec<String>, String)> {
        match Place::parse(&format!("{}-", self.path)) {
            Ok(Place::Local { disk, mut path }) => path.pop().map(|prefix| (disk, path, prefix)),
            _ => None,
        }
    }

    /// The copies on the disk, oldest first, and the number of the next.
    fn copies(&self, files: &FileSystem) -> (Vec<Place>, u64) {
        let Some((disk, directory, prefix)) = self.local() else { return (Vec::new(), 0) };
        let entries = files.list(&Place::Local { disk, path: directory.clone() }, false).unwrap_or_default();
        let mut found: Vec<_> = entries
            .into_iter()
            .filter(|entry| !entry.directory && entry.name.starts_with(&prefix))
            .filter_map(|entry| {
                let number: u64 = entry.name.rsplit('-').next()?.parse().ok()?;
                Some((number, entry.name))
            })
            .collect();
        found.sort();
        let next = found.last().map_or(0, |(number, _)| number + 1);
        let place =
            |name: String| Place::Local { disk, path: directory.iter().cloned().chain([name]).collect() };
        (found.into_iter().map(|(_, name)| place(name)).collect(), next)
    }

    fn save(&self, files: &FileSystem, stamp: &str, text: &str) -> Result<Place, String> {
        let (copies, next) = self.copies(files);
        let place = Place::parse(&format!("{}-{stamp}-{next}", self.path)).map_err(|e| e.to_string())?;
        keep(files, &place, text)?;
        let old = (copies.len() + 1).saturating_sub(self.maximum);
        for copy in copies.iter().take(old) {
            files.delete(copy, false).map_err(|e| e.to_string())?;
        }
        Ok(place)
    }

    fn show(&self, files: &FileSystem) -> String {
        let (copies, next) = self.copies(files);
        let mut out = format!(
            "The maximum archive configurations allowed is {}.\nThere are currently {} archive configurations saved.\n\
             The next archive file will be named {}-<timestamp>-{next}\n Archive #  Name\n",
            self.maximum,
            copies.len(),
            self.path
        );
        for row in 0..self.maximum {
            let (name, recent) = match copies.get(row) {
                Some(copy) => {
                    (copy.to_string(), if row + 1 == copies.len() { " <- Most Recent" } else { "" })
                }
                None => (String::new(), ""),
            };
            let _ = writeln!(out, "{:>4}        {name}{recent}", row + 1);
        }
        out
    }
}

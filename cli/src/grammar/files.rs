//! EXEC commands on files, on the configuration as a whole and on the life of the gateway; `archive`.

use super::matcher::Args;
use super::{Apply, Command, ModeKind};
use crate::session::{ArchiveCommand, Exec, FileCommand, Reload, ReloadTime, SessionCommand, Show};
use crate::{acted, command};

const SHOW: &str = "Show running system information";
const CONFIGURE: &str = "Enter configuration mode";
const COPY: &str = "Copy from one file to another";
const WRITE: &str = "Write running configuration to memory, network, or terminal";
const RELOAD: &str = "Halt and perform a cold restart";
const REASON: &str = "Reason for reload";
const ARCHIVE_HELP: &str = "Archive of the running configuration";

pub(super) static EXEC: &[Command] = &[
    command! { "archive config", help: &["Manage archive files", "Save a copy of the running configuration"],
    apply: Apply::Exec(|_| Exec::Archive(ArchiveCommand::Save)) },
    command! { "clear archive log config", help: &["Reset functions", "Archive", "Log", "Configuration commands"],
    apply: Apply::Exec(|_| Exec::Archive(ArchiveCommand::ClearLog)) },
    command! { "configure terminal", help: &[CONFIGURE, "Configure from the terminal"],
    apply: Apply::Exec(|_| Exec::Session(SessionCommand::Configure)) },
    command! { "configure terminal (lock [revert timer <1-120>]|revert timer <1-120>)",
    help: &[CONFIGURE, "Configure from the terminal", "Lock the configuration for this session", "Parameters for reverting the configuration",
        "Take back after a time unless confirmed", "Minutes", "Parameters for reverting the configuration",
        "Take back after a time unless confirmed", "Minutes"],
    apply: Apply::Exec(|a| Exec::ConfigureTerminal { lock: a.has("lock"), revert_minutes: a.number_after("timer") }) },
    command! { "configure replace WORD [list] [force] [nolock] [time <1-120>] [revert (trigger [error] [timer <1-120>]|timer <1-120>)]",
    help: &[CONFIGURE, "Parameters for replacing running-config", "URL of the configuration", "Print the lines that change",
        "Without asking", "Without the lock", "Take back after a time unless confirmed", "Minutes",
        "Parameters for reverting the configuration", "When to take back", "On error", "After a time unless confirmed", "Minutes",
        "After a time unless confirmed", "Minutes"],
    apply: Apply::Exec(|a| Exec::ConfigureReplace {
        file: text(a, 0),
        list: a.has("list"),
        force: a.has("force"),
        trigger: a.has("trigger"),
        revert_minutes: a.number_after("timer").or_else(|| a.number_after("time")),
    }) },
    command! { "configure plan WORD", help: &[CONFIGURE, "Print what a configuration would change", "URL of the configuration"],
    apply: Apply::Exec(|a| Exec::ConfigurePlan { file: text(a, 0) }) },
    command! { "configure confirm", help: &[CONFIGURE, "Confirm replacement of running-config"],
    apply: Apply::Exec(|_| Exec::ConfigureConfirm) },
    command! { "configure revert (now|timer <1-120>)",
    help: &[CONFIGURE, "Parameters for reverting the configuration", "At once", "At another time", "Minutes from now"],
    apply: Apply::Exec(|a| Exec::ConfigureRevert { minutes: a.number_after("timer") }) },
    command! { "copy [/noconfirm] (running-config|startup-config|null:|WORD) (running-config|startup-config|null:|WORD)",
    help: &[COPY, "Without asking", "Current system configuration", "Startup configuration", "Nothing", "URL of the file",
        "Current system configuration", "Startup configuration", "Nothing", "URL of the copy"],
    apply: Apply::Exec(|a| {
        let mut files = a.words.iter().skip(1).map(|w| w.text.clone()).filter(|w| w != "/noconfirm");
        let (from, to) = (files.next().unwrap_or_default(), files.next().unwrap_or_default());
        Exec::Files(FileCommand::Copy { silent: a.has("/noconfirm"), from, to })
    }) },
    command! { "delete [/force] [/recursive] [/force] WORD", help: &["Delete a file", "Without asking", "A directory with what is in it", "Without asking", "File"],
    apply: Apply::Exec(|a| Exec::Files(FileCommand::Delete {
        force: a.has("/force"), recursive: a.has("/recursive"), path: text(a, 0),
    })) },
    command! { "dir [/all] [/recursive] [WORD]",
    help: &["List files on a filesystem", "All files", "Directories below too", "Directory or file name"],
    apply: Apply::Exec(|a| Exec::Files(FileCommand::Dir {
        recursive: a.has("/recursive"), path: a.argument(0).map(str::to_owned),
    })) },
    command! { "erase (startup-config|nvram:)", help: &["Erase a filesystem", "Startup configuration", "NVRAM"],
    apply: Apply::Exec(|_| Exec::WriteErase) },
    command! { "mkdir [WORD]", help: &["Create new directory", "Directory name"],
    apply: Apply::Exec(|a| Exec::Files(FileCommand::MakeDirectory { path: a.argument(0).map(str::to_owned) })) },
    command! { "more WORD", help: &["Display the contents of a file", "File"],
    apply: Apply::Exec(|a| Exec::Files(FileCommand::More { path: text(a, 0) })) },
    command! { "reload [LINE]", help: &[RELOAD, REASON],
    apply: Apply::Exec(|a| reload(ReloadTime::Now, a.argument(0))) },
    command! { "reload cancel", help: &[RELOAD, "Cancel pending reload"],
    apply: Apply::Exec(|_| Exec::Reload(ReloadTime::Cancel.into())) },
    command! { "reload in WORD [LINE]", help: &[RELOAD, "Reload after a time interval", "Delay before reload (mmm or hhh:mm)", REASON],
    apply: Apply::Exec(reload_in) },
    command! { "reload at WORD [LINE]", help: &[RELOAD, "Reload at a specific time/date", "Time to reload (hh:mm)", "Month and day, and the reason for reload"],
    apply: Apply::Exec(reload_at) },
    command! { "rename WORD [WORD]", help: &["Rename a file", "File", "New name"],
    apply: Apply::Exec(|a| Exec::Files(FileCommand::Rename { from: text(a, 0), to: a.argument(1).map(str::to_owned) })) },
    command! { "rmdir [WORD]", help: &["Remove existing directory", "Directory name"],
    apply: Apply::Exec(|a| Exec::Files(FileCommand::RemoveDirectory { path: a.argument(0).map(str::to_owned) })) },
    command! { "show archive", help: &[SHOW, ARCHIVE_HELP], apply: Apply::Exec(|_| Exec::Archive(ArchiveCommand::Show)) },
    command! { "show archive config differences [WORD] [WORD]",
    help: &[SHOW, ARCHIVE_HELP, "Configurations", "What differs", "File", "File"],
    apply: Apply::Exec(|a| Exec::Archive(ArchiveCommand::Differences {
        from: a.argument(0).map(str::to_owned), to: a.argument(1).map(str::to_owned),
    })) },
    command! { "show archive config incremental-diffs WORD [ignorecase]",
    help: &[SHOW, ARCHIVE_HELP, "Configurations", "What a merge would enter", "File", "Ignore upper and lower case"],
    apply: Apply::Exec(|a| Exec::Archive(ArchiveCommand::Incremental { file: text(a, 0) })) },
    command! { "show archive config rollback timer", help: &[SHOW, ARCHIVE_HELP, "Configurations", "Taking back", "What waits to be confirmed"],
    apply: Apply::Exec(|_| Exec::Archive(ArchiveCommand::RollbackTimer)) },
    command! { "show archive log config all [provisioning]",
    help: &[SHOW, ARCHIVE_HELP, "Log", "Configuration commands", "All", "As lines of configuration"],
    apply: Apply::Exec(|a| Exec::Archive(ArchiveCommand::Log { provisioning: a.has("provisioning") })) },
    command! { "show file systems", privilege: 1, help: &[SHOW, "Files", "File systems"],
    apply: Apply::Exec(|_| Exec::Files(FileCommand::FileSystems)) },
    command! { "show flash: [all]", privilege: 1, help: &[SHOW, "Files in flash", "All"],
    apply: Apply::Exec(|_| Exec::Files(FileCommand::Flash)) },
    command! { "show hosts", privilege: 1, help: &[SHOW, "Domain name and name servers"], apply: Apply::Exec(|_| Exec::Show(Show::Hosts)) },
    command! { "show memory [statistics]", privilege: 1, help: &[SHOW, "Memory", "Statistics"], apply: Apply::Exec(|_| Exec::Show(Show::Memory)) },
    command! { "show reload", privilege: 1, help: &[SHOW, "Scheduled reload"], apply: Apply::Exec(|_| Exec::Show(Show::Reload)) },
    command! { "verify [/md5] WORD [WORD]", help: &["Verify a file", "MD5", "File", "The digest it should have"],
    apply: Apply::Exec(|a| Exec::Files(FileCommand::Verify { path: text(a, 0), expected: a.argument(1).map(str::to_owned) })) },
    command! { "write [memory]", help: &[WRITE, "Write to NV memory"], apply: Apply::Exec(|_| Exec::WriteMemory) },
    command! { "write erase", help: &[WRITE, "Erase NV memory"], apply: Apply::Exec(|_| Exec::WriteErase) },
    command! { "write network WORD", help: &[WRITE, "Write to a server", "URL"],
    apply: Apply::Exec(|a| Exec::Files(FileCommand::Copy { silent: false, from: "running-config".into(), to: text(a, 0) })) },
    command! { "write terminal", help: &[WRITE, "Write to terminal"],
    apply: Apply::Exec(|_| Exec::Show(Show::RunningConfig { section: None })) },
];

pub(super) static ARCHIVE: &[Command] = &[
    acted!("log config", ["Logging commands", "Configuration changes"], enters: Some(ModeKind::ArchiveLog)),
    acted!("path WORD", ["Path for backups", "URL"]),
    acted!("maximum <1-14>", ["Maximum number of backup copies", "Number"], default: "maximum 10"),
    acted!("write-memory", ["Enable automatic backup generation during write memory"]),
    acted!(
        "time-period <1-525600>",
        ["Period of time in minutes to automatically archive the running-config", "Minutes"]
    ),
    crate::kept!("rollback LINE", ["Rollback parameters", "The setting"], super::reasons::CONSOLE, keyed: super::WHOLE),
];

pub(super) static ARCHIVE_LOG: &[Command] = &[
    acted!("logging enable", ["Modify logging parameters", "Enable the configuration logger"]),
    acted!("logging size <1-1000>", ["Modify logging parameters", "Entries", "Number"], default: "logging size 100"),
    acted!(
        "notify syslog [contenttype (plaintext|xml)]",
        ["Send each command to a server", "Syslog", "Content", "Text", "XML"]
    ),
    acted!("hidekeys", ["Suppress output of secrets"]),
    crate::kept!("record LINE", ["What is recorded", "The setting"], super::reasons::CONSOLE, keyed: super::WHOLE),
];

fn text(args: &Args, n: usize) -> String {
    args.argument(n).unwrap_or("").to_owned()
}

fn reload(time: ReloadTime, reason: Option<&str>) -> Exec {
    let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
    Exec::Reload(Reload { time, reason: reason.map(str::to_owned) })
}

fn reload_in(args: &Args) -> Exec {
    let delay = args.argument(0).unwrap_or("");
    let (hours, minutes) = delay.split_once(':').unwrap_or(("0", delay));
    match (hours.parse::<u32>(), minutes.parse::<u32>()) {
        (Ok(hours), Ok(minutes)) if hours <= 999 && minutes <= 99_999 => {
            reload(ReloadTime::In { minutes: hours * 60 + minutes }, args.argument(1))
        }
        _ => Exec::Refuse("% Invalid delay, expected mmm or hhh:mm".into()),
    }
}

fn reload_at(args: &Args) -> Exec {
    let (hour, minute) = args.argument(0).and_then(|time| time.split_once(':')).unwrap_or(("", ""));
    let (Ok(hour @ 0..=23), Ok(minute @ 0..=59)) = (hour.parse(), minute.parse()) else {
        return Exec::Refuse("% Invalid time, expected hh:mm".into());
    };
    let rest = args.argument(1).unwrap_or("").trim();
    let mut words = rest.splitn(3, char::is_whitespace);
    let date = match (words.next().unwrap_or(""), words.next().unwrap_or("")) {
        (month, day) if is_day(day) => crate::config::month(month).zip(day.parse().ok()),
        (day, month) if is_day(day) => crate::config::month(month).zip(day.parse().ok()),
        _ => None,
    };
    let reason = if date.is_some() { words.next() } else { Some(rest) };
    reload(ReloadTime::At { hour, minute, date }, reason)
}

/// A day of a month.
fn is_day(word: &str) -> bool {
    word.parse::<u8>().is_ok_and(|day| (1..=31).contains(&day))
}

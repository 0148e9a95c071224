//! The box the switch runs on: configurations that come back, the archive, restarts; in virtual time.

use cli::engine::Engine;
use cli::session::{Action, ConfigureText, Exec, Reload, ReloadTime, Reply};

use super::*;
use crate::console::Caller;
use crate::console::host::Host;
use crate::files::{Answer, FileSystem};

fn box_of(bench: &Bench) -> Host {
    let directory = bench.directory.path();
    let files = FileSystem::open(directory, &directory.join("startup-config")).unwrap();
    let engine = Engine::new(bench.switch.config().clone());
    Host::new(bench.now, files, Default::default(), Default::default(), engine)
}

fn act(bench: &mut Bench, host: &mut Host, exec: Exec) -> Reply {
    let answer = host.execute(bench.now, &mut bench.switch, Action::Exec(exec), &Caller::default());
    let reply = answer.wait(host, bench.now, &mut bench.switch);
    bench.settle();
    reply
}

/// As somebody who answers every question with yes.
fn insist(bench: &mut Bench, host: &mut Host, exec: Exec) -> Reply {
    let mut reply = act(bench, host, exec);
    while let Some(question) = reply.ask.take() {
        reply = act(bench, host, question.exec.answered("y".into()));
    }
    reply
}

/// The time until the next thing is due passes; jobs are done.
fn passes(bench: &mut Bench, host: &mut Host) -> Duration {
    let due = host.poll_timeout().unwrap();
    let passed = due - bench.now;
    bench.now = due;
    host.handle_timeout(due, &mut bench.switch);
    while let Some(job) = host.poll_job() {
        Answer::Later(job).wait(host, due, &mut bench.switch);
    }
    passed
}

fn configure(bench: &mut Bench, host: &mut Host, text: &str) {
    let text = ConfigureText { text: text.into(), keep_going: false };
    let answer = host.execute(bench.now, &mut bench.switch, Action::ConfigureText(text), &Caller::default());
    assert!(!answer.wait(host, bench.now, &mut bench.switch).error);
}

fn copies(bench: &Bench) -> usize {
    let flash = std::fs::read_dir(bench.directory.path().join("flash")).unwrap();
    flash.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("backup-")).count()
}

#[test]
fn a_copy_is_saved_every_time_period() {
    let mut bench = Bench::new();
    let mut host = box_of(&bench);
    assert_eq!(host.poll_timeout(), None);
    configure(&mut bench, &mut host, "archive\n path flash:backup\n maximum 3\n time-period 60\n");
    for round in 1..=5 {
        assert_eq!(passes(&mut bench, &mut host), Duration::from_secs(3600));
        assert_eq!(copies(&bench), round.min(3), "maximum 3");
    }
    // another line does not begin the hour anew
    bench.now += Duration::from_secs(600);
    configure(&mut bench, &mut host, "hostname Elsewhere\n");
    assert_eq!(passes(&mut bench, &mut host), Duration::from_secs(3000));
    configure(&mut bench, &mut host, "archive\n no time-period\n");
    assert_eq!(host.poll_timeout(), None);
    // a gateway that starts with it saves too
    configure(&mut bench, &mut host, "archive\n time-period 10\n");
    let mut host = box_of(&bench);
    assert_eq!(passes(&mut bench, &mut host), Duration::from_secs(600));
}

fn in_minutes(minutes: u32) -> Exec {
    Exec::Reload(Reload { time: ReloadTime::In { minutes }, reason: Some("new board".into()) })
}

#[test]
fn a_reload_comes_when_it_is_due_unless_it_is_cancelled() {
    let mut bench = Bench::new();
    let mut host = box_of(&bench);
    let reply = insist(&mut bench, &mut host, in_minutes(90));
    assert!(
        reply.text.contains("(in 1 hour and 30 minutes) by console\nReload reason: new board\n"),
        "{}",
        reply.text
    );
    assert!(
        act(&mut bench, &mut host, Exec::Reload(ReloadTime::Cancel.into())).text.contains("SHUTDOWN ABORTED")
    );
    assert_eq!(host.poll_timeout(), None);
    assert!(
        act(&mut bench, &mut host, Exec::Reload(ReloadTime::Cancel.into())).error,
        "nothing is left to cancel"
    );
    insist(&mut bench, &mut host, in_minutes(2));
    assert_eq!(passes(&mut bench, &mut host), Duration::from_secs(120));
    assert!(host.reload);
    let log = bench.switch.show(bench.now, &cli::session::Show::Logging).unwrap();
    for line in [
        "%SYS-5-SCHEDULED_RELOAD: ",
        "%SYS-5-SCHEDULED_RELOAD_CANCELLED: ",
        "%SYS-5-RELOAD: Reload as scheduled",
    ] {
        assert!(log.contains(line), "{line} in {log}");
    }
    // at a time of day: within the next 24 hours, at that minute
    let mut host = box_of(&bench);
    let at = |hour, date| Exec::Reload(ReloadTime::At { hour, minute: 30, date }.into());
    assert!(act(&mut bench, &mut host, at(3, Some((2, 30)))).text.contains("no such day"));
    configure(&mut bench, &mut host, "clock timezone NPT 5 45\n");
    insist(&mut bench, &mut host, at(3, None));
    let due = host.poll_timeout().unwrap();
    assert!(due - bench.now <= Duration::from_secs(86_400));
    let clock = bench.switch.clock().show_clock(due);
    assert!(clock.starts_with("21:45:00.000 UTC"), "half past three in Kathmandu: {clock}");
    assert!(!host.reload);
}

#[test]
fn a_replaced_configuration_comes_back_unless_it_is_confirmed() {
    let mut bench = Bench::new();
    let mut host = box_of(&bench);
    bench.notify("8000", true);
    let directory = bench.directory.path().to_owned();
    let text = CONFIG.replace("voice-port 2/0\n mwi\n", "voice-port 2/0\n");
    std::fs::write(directory.join("flash/new.cfg"), text).unwrap();
    let file = "flash:new.cfg".to_owned();
    let plan = act(&mut bench, &mut host, Exec::ConfigurePlan { file: file.clone() });
    assert_eq!(plan.text, "!Contextual Config Diffs:\nvoice-port 2/0\n -mwi\n");
    assert_eq!(bench.tone_off_hook(0), Tone::Stutter, "a plan changes nothing");

    let replace = |file: &str, revert_minutes| Exec::ConfigureReplace {
        file: file.into(),
        list: true,
        force: true,
        trigger: false,
        revert_minutes,
    };
    assert!(!act(&mut bench, &mut host, replace(&file, Some(5))).error);
    assert_eq!(bench.tone_off_hook(0), Tone::Dial);
    let late = host.poll_timeout().unwrap();
    host.handle_timeout(late, &mut bench.switch);
    assert_eq!(bench.tone_off_hook(0), Tone::Stutter, "nobody confirmed");

    let reply = act(&mut bench, &mut host, replace(&file, Some(5)));
    assert!(reply.text.contains("voice-port 2/0\n no mwi\nend\n"), "{}", reply.text);
    assert!(!act(&mut bench, &mut host, Exec::ConfigureConfirm).error);
    assert_eq!(host.poll_timeout(), None);
    assert_eq!(bench.tone_off_hook(0), Tone::Dial);
    assert!(act(&mut bench, &mut host, Exec::ConfigureRevert { minutes: None }).error);
    let missing = act(&mut bench, &mut host, replace("nowhere/x.cfg", None));
    assert!(missing.text.contains("%Error opening flash:/nowhere/x.cfg (No such file or directory)"));
}

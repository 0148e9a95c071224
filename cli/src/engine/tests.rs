#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

fn config(text: &str) -> Config {
    Config::parse(text).config
}

#[test]
fn differences_stand_under_their_headers() {
    let from = config("hostname A\nvoice-port 2/0\n mwi\n cptone GB\ndial-peer voice 1 pots\n port 2/0\n");
    let to = config("hostname A\nvoice-port 2/0\n mwi\n cptone DE\ndial-peer voice 2 pots\n port 2/1\n");
    assert_eq!(
        differences(&from, &to),
        "!Contextual Config Diffs:\nvoice-port 2/0\n +cptone DE\n -cptone GB\n+dial-peer voice 2 pots\n +port 2/1\n\
         -dial-peer voice 1 pots\n -port 2/0\n"
    );
    assert_eq!(differences(&to, &to), "!Contextual Config Diffs:\n");
    let touched = Touched::between(&from, &to);
    assert_eq!(touched.dial_peers, [1, 2]);
    assert_eq!(touched.voice_ports.iter().map(PortId::as_str).collect::<Vec<_>>(), ["2/0"]);
    assert!(!touched.sip_ua && !touched.hostname);
    assert!(Touched::between(&to, &to).is_empty());
}

#[test]
fn a_change_is_taken_back_unless_confirmed_in_time() {
    let now = Instant::now();
    let minute = Duration::from_secs(60);
    let mut engine = Engine::new(config("hostname A\n"));
    engine.arm(now, minute, "ann");
    engine.commit(config("hostname B\n"));
    // A second change under the timer goes back to the beginning too.
    engine.arm(now, 2 * minute, "bob");
    engine.commit(config("hostname C\n"));
    assert_eq!(engine.pending().map(|p| (p.user.as_str(), p.after)), Some(("bob", 2 * minute)));
    assert_eq!(engine.poll_timeout(), Some(now + 2 * minute));
    assert!(engine.handle_timeout(now + minute).is_none());
    assert_eq!(engine.handle_timeout(now + 2 * minute).unwrap().hostname, "A");
    assert_eq!(engine.poll_timeout(), None);
    assert!(!engine.rearm(now, minute), "none runs");
    engine.arm(now, 9 * minute, "ann");
    assert!(engine.rearm(now + minute, minute));
    assert_eq!(engine.poll_timeout(), Some(now + 2 * minute));
    engine.commit(config("hostname D\n"));
    assert!(engine.confirm() && !engine.confirm());
    assert!(engine.handle_timeout(now + 10 * minute).is_none());
    assert_eq!(engine.running().hostname, "D");
    assert!(engine.revert().is_none());
}

#[test]
fn replace_starts_from_nothing_and_merge_from_what_runs() {
    let engine = Engine::new(config("hostname A\nvoice-port 2/0\n mwi\n"));
    let replaced = engine.plan("voice-port 2/1\n").unwrap();
    assert_eq!(replaced.candidate.voice_ports.len(), 1);
    assert_eq!(replaced.candidate.hostname, "Router");
    let merged = engine.plan_merge("voice-port 2/1\n").unwrap();
    assert_eq!(merged.candidate.voice_ports.len(), 2);
    let refused = engine.plan("hostname A\nvoice-port x\n").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "line 2:\nvoice-port x\n           ^\n% Invalid input detected at '^' marker."
    );
}

#[test]
fn the_commands_of_a_difference_make_one_from_the_other() {
    let from = config("hostname A\nvoice-port 2/0\n mwi\n cptone GB\ndial-peer voice 1 pots\n port 2/0\n");
    let to = config("hostname A\nvoice-port 2/0\n cptone DE\ndial-peer voice 2 pots\n port 2/1\n");
    let commands = commands(&from, &to);
    assert_eq!(
        commands,
        "!List of Commands:\nvoice-port 2/0\n cptone DE\n no mwi\ndial-peer voice 2 pots\n port 2/1\n\
         no dial-peer voice 1 pots\nend\n"
    );
    let (made, reply) = ConfigureText { text: commands, keep_going: false }.apply(&from);
    assert!(!reply.error, "{}", reply.text);
    assert_eq!(made.unwrap().running(), to.running());
}

#[test]
fn the_lock_keeps_other_sessions_out() {
    let mut engine = Engine::new(Config::default());
    engine.lock(1).unwrap();
    engine.lock(1).unwrap();
    assert_eq!(engine.lock(2).unwrap_err().to_string(), "% Configuration mode is locked by session 1");
    engine.unlock(2);
    assert!(engine.check_lock(2).is_err());
    engine.unlock(1);
    assert!(engine.lock(2).is_ok());
}

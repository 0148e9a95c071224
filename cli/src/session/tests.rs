#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::config::Config;
use crate::wire::{Connection, Response};
use proptest::prelude::*;

/// Feeds octets, answers every action, and gives what the terminal got.
fn drive(session: &mut Session, config: &mut Config, bytes: &[u8], reply: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for chunk in bytes.chunks(7) {
        session.feed(chunk);
        for _ in 0..64 {
            out.extend(session.poll_output().unwrap_or_default());
            match session.poll_action() {
                None | Some(Action::Close) => break,
                Some(Action::Configure(line)) => {
                    let (candidate, reply) = line.apply(config);
                    *config = candidate.unwrap_or_else(|| config.clone());
                    session.complete(reply);
                }
                Some(_) => session.complete(Reply::text(reply)),
            }
        }
    }
    out.extend(session.poll_output().unwrap_or_default());
    out
}

fn harmless(octets: &[u8]) -> bool {
    String::from_utf8_lossy(octets).chars().all(|c| !c.is_control() || "\r\n\t\u{8}\u{7}".contains(c))
}

/// Keystrokes with words that lead somewhere.
fn keystrokes() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        Just(b"en\r".to_vec()),
        Just(b"conf t\r".to_vec()),
        Just(b"voice-port 2/0\r".to_vec()),
        Just(b"show run | ".to_vec()),
        Just(b"banner motd #".to_vec()),
        Just(b"?".to_vec()),
        Just(b"\t".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\x1b[A".to_vec()),
        "[a-z]{1,6} ".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 1..40),
    ];
    prop::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn keystrokes_never_panic_and_never_echo_control_characters(
        bytes in keystrokes(),
        width in 0_u16..200,
        height in 0_u16..50,
        reply in "(\\PC|\u{1b}|\n|\u{7}){0,300}",
    ) {
        let mut session = Session::new(SessionKind::Console, width, height);
        let mut config = Config::default();
        let out = drive(&mut session, &mut config, &bytes, &reply);
        prop_assert!(harmless(&out), "{:?}", String::from_utf8_lossy(&out));
    }

    #[test]
    fn the_wire_answers_every_request_once(lines in prop::collection::vec("[a-z |?#/0-9]{0,20}", 0..20), noise in prop::collection::vec(any::<u8>(), 0..60)) {
        let mut connection = Connection::new("Router");
        let mut config = Config::default();
        let mut answers = 0;
        let mut sent = 0;
        let mut pump = |connection: &mut Connection| {
            for _ in 0..64 {
                while let Some(line) = connection.poll_output() {
                    let response: Response = serde_json::from_slice(&line).unwrap();
                    assert!(!response.prompt.is_empty());
                    answers += 1;
                }
                match connection.poll_action() {
                    None | Some(Action::Close) => break,
                    Some(Action::Configure(line)) => {
                        let (candidate, reply) = line.apply(&config);
                        config = candidate.unwrap_or_else(|| config.clone());
                        connection.complete(reply);
                    }
                    Some(_) => connection.complete(Reply::none()),
                }
            }
        };
        for line in &lines {
            if connection.is_closed() {
                break;
            }
            connection.feed(format!("{}\n", serde_json::json!({ "exec": line })).as_bytes());
            sent += 1;
            pump(&mut connection);
        }
        prop_assert_eq!(answers, sent);
        connection.feed(&noise);
    }
}

#[test]
fn keys_typed_ahead_wait_for_the_reply() {
    let mut session = Session::new(SessionKind::Console, 80, 24);
    session.feed(b"en\rshow clock\rshow users\r");
    assert_eq!(session.poll_action(), Some(Action::Exec(Exec::Show(Show::Clock))));
    assert_eq!(session.poll_action(), None);
    session.complete(Reply::text("noon"));
    assert_eq!(session.poll_action(), Some(Action::Exec(Exec::Show(Show::Users))));
}

#[test]
fn a_log_line_repaints_what_is_being_typed() {
    let mut session = Session::new(SessionKind::Console, 80, 24);
    session.feed(b"sho");
    let _ = session.poll_output();
    session.notify("*Mar  1 00:00:00.000: %SYS-5-CONFIG_I: Configured from console by console");
    let out = String::from_utf8(session.poll_output().unwrap()).unwrap();
    assert!(out.starts_with(
        "\r\n*Mar  1 00:00:00.000: %SYS-5-CONFIG_I: Configured from console by console\r\n\rRouter>sho "
    ));
    let mut vty = Session::new(SessionKind::Vty(0), 80, 24);
    let _ = vty.poll_output();
    vty.notify("nothing");
    assert_eq!(vty.poll_output(), None);
    vty.feed(b"terminal monitor\r");
    let _ = vty.poll_output();
    vty.notify("something");
    assert!(vty.poll_output().is_some());
}

fn question(kind: QuestionKind) -> Reply {
    let exec = Box::new(Exec::WriteErase);
    Reply::ask(Question { text: "Sure? ".into(), kind, unattended: "no".into(), exec })
}

#[test]
fn a_confirmation_takes_return_or_y_and_anything_else_means_no() {
    let mut session = Session::new(SessionKind::Console, 80, 24);
    session.feed(b"en\rwrite erase\r");
    assert_eq!(session.poll_action(), Some(Action::Exec(Exec::WriteErase)));
    session.complete(question(QuestionKind::Confirm));
    session.feed(b"n");
    assert_eq!(session.poll_action(), None);
    for yes in [b"\r", b"y"] {
        session.feed(b"write erase\r");
        let _ = session.poll_action();
        session.complete(question(QuestionKind::Confirm));
        assert!(session.poll_output().unwrap().ends_with(b"Sure? "));
        session.feed(yes);
        let answered = Exec::WriteErase.answered("y".into());
        assert_eq!(session.poll_action(), Some(Action::Exec(answered)));
        session.complete(Reply::none());
    }
}

#[test]
fn a_question_takes_a_line_its_default_or_an_end() {
    let mut session = Session::new(SessionKind::Console, 80, 24);
    session.feed(b"en\r");
    for (keys, answer) in [(&b"flasx\x7fh:a\r"[..], Some("flash:a")), (b"\r", Some("x")), (b"ab\x03", None)] {
        session.feed(b"write erase\r");
        assert!(session.poll_action().is_some());
        // typed ahead of the question
        session.feed(keys);
        session.complete(question(QuestionKind::Line("x".into())));
        let wanted = answer.map(|a| Action::Exec(Exec::WriteErase.answered(a.into())));
        assert_eq!(session.poll_action(), wanted);
        session.complete(Reply::none());
        assert!(session.poll_output().unwrap().ends_with(b"Router#"));
    }
    session.feed(b"write erase\r");
    let _ = session.poll_action();
    session.complete(question(QuestionKind::Hidden));
    session.feed(b"hush\r");
    assert_eq!(session.poll_action(), Some(Action::Exec(Exec::WriteErase.answered("hush".into()))));
    assert!(!String::from_utf8(session.poll_output().unwrap()).unwrap().contains("hush"));
}

#[test]
fn a_script_is_not_asked_and_no_command_asks_for_ever() {
    let mut script = Session::new(SessionKind::Script, 0, 0);
    script.execute_line("write erase");
    let mut asked = 0;
    while let Some(Action::Exec(exec)) = script.poll_action() {
        asked += 1;
        let unattended = Question {
            text: "Sure? ".into(),
            kind: QuestionKind::Confirm,
            unattended: "no".into(),
            exec: Box::new(exec),
        };
        script.complete(Reply::ask(unattended));
    }
    assert_eq!(asked, 17);
    assert!(script.failed() && !script.is_waiting());
}

#[test]
fn long_lines_scroll_with_a_dollar_sign() {
    let mut session = Session::new(SessionKind::Console, 40, 24);
    session.feed(b"show abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
    let out = String::from_utf8(session.poll_output().unwrap()).unwrap();
    let last = out.rsplit('\r').next().unwrap();
    assert!(last.starts_with("Router>$"), "{last:?}");
    assert!(last.trim_end_matches('\u{8}').chars().count() <= 40, "{last:?}");
}

#[test]
fn a_pushed_text_changes_nothing_if_a_line_is_refused_unless_it_may_go_on() {
    let running = Config::default();
    let text = "hostname A\nvoice-port 2/0\n cptone zz\n mwi\n".to_owned();
    let (candidate, reply) = ConfigureText { text: text.clone(), keep_going: false }.apply(&running);
    assert!(candidate.is_none() && reply.error);
    assert_eq!(reply.text, "line 3:\n cptone zz\n        ^\n% Invalid input detected at '^' marker.");
    let (candidate, reply) = ConfigureText { text, keep_going: true }.apply(&running);
    assert!(reply.error);
    assert!(candidate.unwrap().voice_ports[0].mwi);
}

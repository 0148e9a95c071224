#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::config::{Config, LineKind};

const CONFIG: &str = "enable secret 0 topmost\nenable secret level 7 0 middle\nusername ann privilege 15 secret 0 opensesame\n\
    username bob password 0 plain\nprivilege exec level 7 show running-config\nalias exec mw show mwi\nbanner motd #Welcome\nto the branch#\n\
    line con 0\n privilege level 3\nline vty 0 4\n login local\nline vty 5 15\n password 0 linepass\n login\nline vty 16 17\n login\n";

struct Terminal {
    session: Session,
    access: Access,
    line: TerminalLine,
    seen: String,
    asked: Vec<Action>,
}

impl Terminal {
    fn new(kind: LineKind, number: u16) -> Terminal {
        let parsed = Config::parse(CONFIG);
        assert!(
            parsed.messages.iter().all(|m| matches!(m.kind, crate::config::MessageKind::Acted)),
            "{:?}",
            parsed.messages
        );
        let access = parsed.config.access;
        let line = access.line(kind, number);
        let session_kind =
            if kind == LineKind::Console { SessionKind::Console } else { SessionKind::Vty(number) };
        let mut session = Session::new(session_kind, 80, 24);
        session.set_line(&access, &line, None);
        let mut terminal = Terminal { session, access, line, seen: String::new(), asked: Vec::new() };
        terminal.drain();
        terminal
    }

    /// Types, decides what is asked, and gives what the terminal has shown since.
    fn type_in(&mut self, text: &str) -> String {
        self.session.feed(text.as_bytes());
        while let Some(action) = self.session.poll_action() {
            match &action {
                Action::Authenticate(attempt) => {
                    let reply = authenticate(&self.access, &self.line, attempt);
                    self.session.complete(reply);
                }
                Action::Close => {}
                _ => self.session.complete(Reply::text("done")),
            }
            self.asked.push(action);
        }
        self.drain();
        std::mem::take(&mut self.seen)
    }

    fn drain(&mut self) {
        while let Some(octets) = self.session.poll_output() {
            self.seen.push_str(&String::from_utf8_lossy(&octets).replace('\r', ""));
        }
    }
}

#[test]
fn a_user_logs_in_with_name_and_password() {
    let mut vty = Terminal::new(LineKind::Virtual, 2);
    assert!(vty.session.is_locked());
    assert_eq!(
        vty.type_in("ann\r"),
        "Welcome\nto the branch\n\nUser Access Verification\n\nUsername: ann\nPassword: "
    );
    assert_eq!(vty.type_in("open?sesame\x08\x08\r"), "\n% Login invalid\n\nUsername: ");
    assert_eq!(vty.type_in("ann\ropensesame\r"), "ann\nPassword: \nRouter#");
    assert_eq!((vty.session.username(), vty.session.is_locked()), ("ann", false));
}

#[test]
fn three_wrong_passwords_end_the_session() {
    let mut vty = Terminal::new(LineKind::Virtual, 0);
    for _ in 0..3 {
        assert!(!vty.session.is_closed());
        vty.type_in("bob\rwrong\r");
    }
    assert!(vty.session.is_closed());
    assert_eq!(vty.asked.last(), Some(&Action::Close));
    let mut left = Terminal::new(LineKind::Virtual, 0);
    left.type_in("\x03");
    assert!(left.session.is_closed(), "Ctrl-C at the login leaves");
}

#[test]
fn a_line_password_and_none_set() {
    let mut vty = Terminal::new(LineKind::Virtual, 9);
    assert!(vty.type_in("linepass\r").ends_with("Password: \nRouter>"));
    let mut unset = Terminal::new(LineKind::Virtual, 16);
    assert!(unset.type_in("").ends_with("\n\nPassword required, but none set\n"));
    assert!(unset.session.is_closed());
}

#[test]
fn enable_asks_for_the_secret_of_its_level() {
    let mut vty = Terminal::new(LineKind::Virtual, 0);
    vty.type_in("bob\rplain\r");
    assert_eq!(vty.type_in("enable\rmiddle\r"), "enable\nPassword: \nPassword: ");
    assert_eq!(vty.type_in("topmost\r"), "\nRouter#");
    assert_eq!(vty.type_in("disable\r"), "disable\nRouter>");
    assert_eq!(vty.type_in("enable\r\x03"), "enable\nPassword: \nRouter>");
    assert_eq!(vty.type_in("enable 7\rmiddle\r"), "enable 7\nPassword: \nRouter#");
    assert!(vty.type_in("show running-config\r").contains("done"), "lowered to level 7");
    assert!(vty.type_in("reload\r").contains("% Invalid input") || vty.session.failed());
    assert_eq!(vty.type_in("enable 9\r"), "enable 9\n% No password set\nRouter#");
    let wrong = vty.type_in("enable\ra\rb\rc\r");
    assert!(wrong.ends_with("% Bad secrets\n\nRouter#"), "{wrong}");
}

#[test]
fn the_console_starts_at_the_level_of_its_line_and_knows_aliases() {
    let mut console = Terminal::new(LineKind::Console, 0);
    assert_eq!(
        console.type_in("show privilege\r"),
        "Welcome\nto the branch\nRouter#show privilege\nCurrent privilege level is 3\nRouter#"
    );
    console.type_in("mw\r");
    assert_eq!(
        console.asked,
        [Action::Exec(crate::session::Exec::Show(crate::session::Show::Mwi(
            crate::session::MwiQuery::default()
        )))]
    );
}

#[test]
fn a_line_says_where_it_is_and_shows_log_lines_from_the_start() {
    let config =
        Config::parse("line vty 0 1\n no login\n location cellar\n monitor\nline vty 2 4\n no login\n")
            .config;
    let session = |number| {
        let mut session = Session::new(SessionKind::Vty(number), 80, 24);
        session.set_line(&config.access, &config.access.line(LineKind::Virtual, number), None);
        session.feed(b"show terminal\r");
        let shown = String::from_utf8(session.poll_output().unwrap()).unwrap();
        (session.monitors(), shown.contains("Location: \"cellar\""))
    };
    assert_eq!((session(0), session(2)), ((true, true), (false, false)));
}

#[test]
fn nothing_typed_at_a_password_is_in_history_or_debug_text() {
    let mut vty = Terminal::new(LineKind::Virtual, 0);
    vty.type_in("ann\ropensesame\r");
    let shown = vty.type_in("show history\r\x10\x10\x10");
    assert!(
        !shown.contains("opensesame") && !format!("{:?} {:?}", vty.asked, vty.access).contains("opensesame")
    );
}

#[test]
fn the_running_configuration_shows_no_password_and_reads_back() {
    let config = Config::parse(CONFIG).config;
    let text = config.running();
    for plain in ["topmost", "middle", "opensesame", "plain", "linepass"] {
        assert!(!text.contains(plain), "{plain} in\n{text}");
    }
    assert!(text.contains("username ann privilege 15 secret 9 $9$"), "{text}");
    let again = Config::parse(&text).config;
    assert_eq!(again.running(), text);
    assert_eq!(again.access, config.access);
}

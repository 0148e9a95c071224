//! Any octets typed at a terminal, through telnet or not: no panic, nothing on the screen that drives a terminal, and
//! no more of it than the keys account for.
//!
//! The first octets choose columns, rows and the transport; the rest is typed.
#![no_main]

use cli::config::Config;
use cli::session::{Action, Reply, Session, SessionKind};
use cli::telnet::{Received, Telnet};

/// What one key may put on the screen: the longest help list, or a page.
const PER_KEY: usize = 64 * 1024;
/// A key may run a command, repaint, or list a mode: more work than an octet of a parser.
const WORK: usize = 512;

fuzz::target!(|octets: &[u8]| {
    let mut choices = fuzz::Choices::new(octets);
    let width = choices.pick(&[0, 1, 10, 40, 80, 200, u16::MAX]);
    let height = choices.pick(&[0, 1, 2, 24, u16::MAX]);
    let (telnet, piece) = (choices.octet() % 2 == 1, usize::from(choices.octet()).max(1));
    let typed = octets.get(4..).unwrap_or_default();
    let mut terminal = Terminal {
        session: Session::new(SessionKind::Console, width, height),
        telnet: telnet.then(Telnet::new),
        config: Config::default(),
    };
    for keys in typed.chunks(piece) {
        fuzz::timed(keys.len() * WORK, || terminal.keys(keys));
    }
});

struct Terminal {
    session: Session,
    telnet: Option<Telnet>,
    config: Config,
}

impl Terminal {
    fn keys(&mut self, keys: &[u8]) {
        let mut octets = 0;
        match &mut self.telnet {
            None => self.session.feed(keys),
            Some(telnet) => {
                let session = &mut self.session;
                telnet.feed(keys, |received| match received {
                    Received::Octets(keys) => session.feed(&keys),
                    Received::Size(width, height) => session.resize(width, height),
                    Received::Reply(reply) => assert!(reply.len() <= 3 * keys.len() + 16, "{reply:?}"),
                });
            }
        }
        loop {
            while let Some(output) = self.session.poll_output() {
                octets += output.len();
                let text = String::from_utf8_lossy(&output);
                let drives = text.chars().find(|c| c.is_control() && !"\r\n\t\u{8}\u{7}".contains(*c));
                assert_eq!(drives, None, "{text:?}");
            }
            match self.session.poll_action() {
                None | Some(Action::Close) => break,
                Some(Action::Configure(line)) if !fuzz::derives_a_key(&line.line) => {
                    let (candidate, reply) = line.apply(&self.config);
                    self.config = candidate.unwrap_or_else(|| self.config.clone());
                    self.session.complete(reply);
                }
                // What a gateway shows is not always friendly.
                Some(action) => {
                    let rows = "\u{1b}[2J\u{7}row\n".repeat(40);
                    self.session.complete(Reply::text(format!("{action:?}\n{rows}")));
                    self.session.notify("%SYS-5-CONFIG_I: \u{1b}c from console");
                }
            }
        }
        assert!(octets <= keys.len() * PER_KEY, "{octets} octets for {keys:?}");
    }
}

//! Asking who is there: login and `enable`.

use super::{Action, Attempt, Purpose, Reply, Session, SessionKind, State};
use crate::config::{Access, Login, TerminalLine};
use crate::secret::Password;

/// Attempts before the session ends or `enable` is given up.
const TRIES: u8 = 3;

/// A question for a name or a password.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    purpose: Purpose,
    /// The name typed; `None` while it is asked for, or where none is wanted.
    name: Option<String>,
    wants_name: bool,
    tries: u8,
}

/// What a terminal shows around a login.
#[derive(Clone, Debug, Default)]
pub(super) struct Door {
    login: Option<Login>,
    banners: Vec<String>,
    exec_banner: Option<String>,
    ask: Option<Ask>,
    /// The line wants its password and has none: nobody gets in.
    shut: bool,
}

/// Decides about an attempt; the answer is for [`Session::complete`]. Deriving a key takes some 20 ms, so this is not for
/// the thread that carries calls.
///
/// ```
/// use cli::config::{Config, LineKind};
/// use cli::session::{Attempt, Purpose, authenticate};
/// let access = Config::parse("username ann privilege 15 secret 0 opensesame\naaa new-model\n").config.access;
/// let line = access.line(LineKind::Virtual, 0);
/// let attempt = |password: &str| Attempt {
///     username: Some("ann".into()), password: password.into(), purpose: Purpose::Login };
/// assert_eq!(authenticate(&access, &line, &attempt("opensesame")).privilege, Some(15));
/// assert!(authenticate(&access, &line, &attempt("barley")).error);
/// ```
pub fn authenticate(access: &Access, line: &TerminalLine, attempt: &Attempt) -> Reply {
    let granted = |level| Reply { privilege: Some(level), ..Reply::none() };
    match (attempt.purpose, &attempt.username) {
        (Purpose::Enable(level), _) => match access.enable(level) {
            Some(secret) if secret.verify(&attempt.password) => granted(level),
            Some(_) => Reply::error("% Access denied"),
            None => Reply::error("% No password set"),
        },
        (Purpose::Login, Some(name)) => {
            let user = access.user(name);
            let right = user.is_some_and(|u| {
                u.no_password || u.secret.as_ref().is_some_and(|s| s.verify(&attempt.password))
            });
            match user {
                Some(user) if right => granted(user.privilege.max(line.privilege)),
                _ => Reply::error("% Login invalid"),
            }
        }
        (Purpose::Login, None) => match &line.password {
            Some(secret) if secret.verify(&attempt.password) => granted(line.privilege),
            Some(_) => Reply::error("% Bad passwords"),
            None => Reply::error("% Bad passwords"),
        },
    }
}

impl Session {
    /// Makes the session one of this line: its size, history, banners, levels, and how it asks who is there. `known` says
    /// that the transport has already asked: the user's name and level.
    pub fn set_line(&mut self, access: &Access, line: &TerminalLine, known: Option<(&str, u8)>) {
        self.history_size = usize::from(line.history);
        self.synchronous = line.synchronous;
        self.location = line.location.clone().unwrap_or_default();
        self.monitor |= line.monitor;
        self.height = line.length.unwrap_or(self.height);
        self.width = line.width.unwrap_or(self.width);
        self.set_access(access);
        let banners = [
            access.banner_motd.as_ref().filter(|_| line.motd_banner),
            access.banner_login.as_ref().filter(|_| known.is_none()),
        ];
        self.door = Door {
            login: (known.is_none() && line.login != Login::None).then_some(line.login),
            banners: banners.into_iter().flatten().cloned().collect(),
            exec_banner: access.banner_exec.clone().filter(|_| line.exec_banner),
            ask: None,
            shut: known.is_none() && line.login == Login::Password && line.password.is_none(),
        };
        match known {
            Some((name, level)) => {
                name.clone_into(&mut self.username);
                self.privilege = level.max(line.privilege);
            }
            None => self.privilege = line.privilege,
        }
    }

    /// Takes over secrets, levels and aliases of a changed configuration.
    pub fn set_access(&mut self, access: &Access) {
        self.levels.clone_from(&access.levels);
        self.aliases.clone_from(&access.aliases);
        self.log_level = match self.kind {
            SessionKind::Console => access.console_log,
            _ => access.monitor_log.filter(|_| access.logs),
        };
        self.mode_aliases.clone_from(&access.mode_aliases);
        self.enable_asks = (0..=15).filter(|level| access.enable(*level).is_some()).collect();
    }

    /// The name behind the session, empty where none was asked for.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// True while somebody must still say who they are.
    pub fn is_locked(&self) -> bool {
        self.door.login.is_some()
    }

    /// Shows the banners, then asks or shows the prompt.
    pub(super) fn open_door(&mut self) {
        if !self.interactive() {
            return;
        }
        for banner in std::mem::take(&mut self.door.banners) {
            self.print(&banner);
        }
        match self.door.login {
            Some(_) if self.door.shut => {
                self.newline();
                self.print("Password required, but none set");
                self.close();
            }
            Some(login) => {
                self.newline();
                self.print("User Access Verification");
                self.newline();
                self.ask(Purpose::Login, login == Login::Local);
            }
            None => self.let_in(),
        }
    }

    fn let_in(&mut self) {
        if let Some(banner) = self.door.exec_banner.take() {
            self.print(&banner);
        }
        self.show_prompt();
    }

    pub(super) fn enable(&mut self, level: u8) {
        // Down, or where nobody has to prove anything.
        let free = !self.enable_asks.contains(&level) && self.kind != SessionKind::Script;
        if level <= self.privilege || self.kind == SessionKind::Script {
            self.privilege = level;
        } else if !free {
            self.ask(Purpose::Enable(level), false);
            return;
        } else if matches!(self.kind, SessionKind::Vty(_)) {
            self.failed = true;
            self.print("% No password set");
        } else {
            self.privilege = level;
        }
        self.show_prompt();
    }

    pub(super) fn ask(&mut self, purpose: Purpose, wants_name: bool) {
        self.put_question(Ask { purpose, name: None, wants_name, tries: 0 });
    }

    fn put_question(&mut self, ask: Ask) {
        self.editor.clear();
        let name = ask.wants_name && ask.name.is_none();
        self.editor.hidden = !name;
        self.print_part(if name { "Username: " } else { "Password: " });
        self.door.ask = Some(ask);
    }

    /// The text before what is being typed, while a question is open.
    pub(super) fn question(&self) -> Option<&'static str> {
        let ask = self.door.ask.as_ref()?;
        Some(if ask.wants_name && ask.name.is_none() { "Username: " } else { "Password: " })
    }

    /// A line was typed while a question is open.
    pub(super) fn answered(&mut self) {
        let Some(mut ask) = self.door.ask.take() else { return };
        let text = self.editor.text();
        self.editor.clear();
        self.newline();
        if ask.wants_name && ask.name.is_none() {
            // An empty name is asked for again, without end as on a router: the line's timeout ends it.
            ask.name = Some(text.trim().to_owned()).filter(|name| !name.is_empty());
            self.put_question(ask);
            return;
        }
        self.editor.hidden = false;
        let (username, purpose) = (ask.name.clone(), ask.purpose);
        self.door.ask = Some(ask);
        self.act(Action::Authenticate(Attempt { username, password: Password::from(text), purpose }));
    }

    /// The question is not answered: Ctrl-C, Ctrl-D, Ctrl-Z.
    pub(super) fn not_answered(&mut self) {
        self.editor.clear();
        self.editor.hidden = false;
        self.newline();
        match self.door.ask.take() {
            Some(Ask { purpose: Purpose::Enable(_), .. }) => self.show_prompt(),
            _ => self.close(),
        }
    }

    /// The gateway's verdict; gives the reply back if no question was open.
    pub(super) fn verdict(&mut self, reply: Reply) -> Option<Reply> {
        let Some(mut ask) = self.door.ask.take() else { return Some(reply) };
        self.state = State::Idle;
        self.failed = reply.error;
        if let Some(level) = reply.privilege {
            self.privilege = level;
            if ask.purpose == Purpose::Login {
                self.username = ask.name.unwrap_or_default();
                self.door.login = None;
                self.let_in();
            } else {
                self.show_prompt();
            }
            return None;
        }
        ask.tries += 1;
        if ask.tries < TRIES {
            if ask.wants_name {
                self.print(&reply.text);
                self.newline();
            }
            self.put_question(Ask { name: None, ..ask });
        } else {
            match ask.purpose {
                Purpose::Login => {
                    self.print(&reply.text);
                    self.close();
                }
                Purpose::Enable(_) => {
                    self.print("% Bad secrets");
                    self.newline();
                    self.show_prompt();
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;

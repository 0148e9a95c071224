//! The wire of `<state-dir>/console.sock`: JSON lines between the client `tipring` and the daemon.
//!
//! | client sends | daemon answers |
//! |---|---|
//! | `{"exec":"show clock"}` | one [`Response`]; the connection keeps its mode, so `configure terminal` and lines of configuration work the same way |
//! | `{"configure":"…text…","keep_going":false}` | one [`Response`]; `error` and the first refused line, or all |
//! | `{"help":"show sip-ua "}` | one [`Response`] with the text of `?` |
//! | `{"complete":"sh"}` | one [`Response`] with `candidates` |
//! | `{"attach":{"width":80,"height":24}}` | from then on raw octets both ways: a terminal with the daemon's own editor |
//!
//! Responses come in the order of the requests. Between them the daemon may send `{"notify":"…"}`: a log or debug line,
//! after `terminal monitor`.
//!
//! [`Connection`] is the daemon's side, sans-IO, of the same shape as a [`Session`].

use crate::session::{Action, ConfigureText, Reply, Session, SessionKind};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Longest request in octets; a longer one closes the connection.
pub const MAX_REQUEST: usize = 16 * 1024 * 1024;
/// Most requests that wait for their turn; more close the connection.
pub const MAX_QUEUE: usize = 1024;

/// What the client sends, one JSON object a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Request {
    /// Runs a line in the connection's mode.
    Exec {
        /// The line.
        exec: String,
    },
    /// Applies a text of configuration.
    Configure {
        /// The lines.
        configure: String,
        /// Goes on behind refused lines.
        #[serde(default)]
        keep_going: bool,
    },
    /// Asks for the text of `?`.
    Help {
        /// The line up to the cursor.
        help: String,
    },
    /// Asks for the keywords that complete the last word.
    Complete {
        /// The line up to the cursor.
        complete: String,
    },
    /// Turns the connection into a terminal.
    Attach {
        /// Its size.
        attach: Size,
    },
}

/// Size of a terminal; 0 means no wrapping or pausing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

/// What the daemon sends, one JSON object a line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// Text to print; empty or ends in LF.
    #[serde(default)]
    pub output: String,
    /// The line was refused or failed.
    #[serde(default)]
    pub error: bool,
    /// The prompt of the next line.
    #[serde(default)]
    pub prompt: String,
    /// Answer to `complete`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<String>,
    /// A log or debug line, not an answer to a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<String>,
    /// The session is over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
}

impl Response {
    /// The object as a line.
    pub fn to_line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

/// The daemon's side of one connection. Feed it octets, drain output and actions, complete actions.
///
/// ```
/// use cli::session::{Action, Exec, Reply, Show};
/// use cli::wire::{Connection, Response};
///
/// let mut connection = Connection::new("Router");
/// connection.feed(b"{\"exec\":\"show clock | include 12\"}\n");
/// assert_eq!(connection.poll_action(), Some(Action::Exec(Exec::Show(Show::Clock))));
/// connection.complete(Reply::text("12:00:00.000 UTC Mon Jan 1 2024"));
/// let line = connection.poll_output().unwrap();
/// let response: Response = serde_json::from_slice(&line).unwrap();
/// assert_eq!(response.output, "12:00:00.000 UTC Mon Jan 1 2024\n");
/// assert_eq!(response.prompt, "Router#");
/// ```
#[derive(Debug)]
pub struct Connection {
    session: Session,
    attached: bool,
    buffer: Vec<u8>,
    /// Requests that wait for their turn; what was none waits as the text of its refusal.
    queue: VecDeque<Result<Request, String>>,
    /// A pushed text is being applied.
    text: bool,
    busy: bool,
    closed: bool,
    out: VecDeque<Vec<u8>>,
    actions: VecDeque<Action>,
}

impl Connection {
    /// A connection of a local client with privilege level 15.
    pub fn new(hostname: &str) -> Connection {
        let mut session = Session::new(SessionKind::Script, 0, 0);
        session.set_hostname(hostname);
        Connection {
            session,
            attached: false,
            buffer: Vec::new(),
            queue: VecDeque::new(),
            text: false,
            busy: false,
            closed: false,
            out: VecDeque::new(),
            actions: VecDeque::new(),
        }
    }

    /// Takes octets from the socket.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.closed {
            return;
        }
        if self.attached {
            self.session.feed(bytes);
            self.drain_attached();
            return;
        }
        let mut rest = bytes;
        // Only new octets are searched for the end of the line; what came before holds none.
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or(&[]);
            self.buffer.extend_from_slice(line);
            let line = std::mem::take(&mut self.buffer);
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match serde_json::from_slice::<Request>(&line) {
                Ok(Request::Attach { attach }) if !self.busy && self.queue.is_empty() => {
                    self.attach(attach);
                    self.feed(rest);
                    return;
                }
                Ok(request) => self.queue.push_back(Ok(request)),
                Err(error) => {
                    let output = format!("% Request is no JSON object this daemon knows: {error}\n");
                    self.queue.push_back(Err(output));
                }
            }
        }
        self.buffer.extend_from_slice(rest);
        if self.buffer.len() > MAX_REQUEST || self.queue.len() > MAX_QUEUE {
            self.close();
        }
        self.next();
    }

    /// The next octets for the socket.
    pub fn poll_output(&mut self) -> Option<Vec<u8>> {
        self.out.pop_front()
    }

    /// The next thing for the gateway to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The gateway's answer to the action under way.
    pub fn complete(&mut self, reply: Reply) {
        if self.attached {
            self.session.complete(reply);
            self.drain_attached();
            return;
        }
        if !self.busy {
            return;
        }
        self.busy = false;
        if std::mem::take(&mut self.text) {
            if let Some(name) = &reply.hostname {
                self.session.set_hostname(name);
            }
            let mut output = reply.text;
            if !output.is_empty() && !output.ends_with('\n') {
                output.push('\n');
            }
            self.respond(Response { output, error: reply.error, ..Response::default() });
        } else {
            self.session.complete(reply);
            // A question that the session has answered itself: the command goes on.
            if let Some(action) = self.session.poll_action().filter(|_| self.session.is_waiting()) {
                self.busy = true;
                self.actions.push_back(action);
                return;
            }
            self.answer();
        }
        self.next();
    }

    /// Sends a log or debug line to the client, if it asked for them with `terminal monitor`.
    pub fn notify(&mut self, text: &str) {
        if self.attached {
            self.session.notify(text);
            self.drain_attached();
        } else if self.session.monitors() {
            self.out.push_back(Response { notify: Some(text.to_owned()), ..Response::default() }.to_line());
        }
    }

    /// The host name changed.
    pub fn set_hostname(&mut self, hostname: &str) {
        self.session.set_hostname(hostname);
    }

    /// True once the connection is to be closed, after its output is written.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    fn attach(&mut self, size: Size) {
        let prompt = self.session.prompt();
        let hostname = prompt.trim_end_matches(['#', '>']).to_owned();
        let mut session = Session::new(SessionKind::Console, size.width, size.height);
        session.set_hostname(&hostname);
        self.session = session;
        self.attached = true;
        self.drain_attached();
    }

    fn drain_attached(&mut self) {
        while let Some(output) = self.session.poll_output() {
            self.out.push_back(output);
        }
        while let Some(action) = self.session.poll_action() {
            self.closed |= action == Action::Close;
            self.actions.push_back(action);
        }
    }

    fn next(&mut self) {
        while !self.busy && !self.closed {
            let Some(request) = self.queue.pop_front() else { return };
            let request = match request {
                Ok(request) => request,
                Err(output) => {
                    self.respond(Response { output, error: true, ..Response::default() });
                    continue;
                }
            };
            match request {
                Request::Exec { exec } => self.exec(&exec),
                Request::Configure { configure, keep_going } => {
                    self.busy = true;
                    self.text = true;
                    self.actions
                        .push_back(Action::ConfigureText(ConfigureText { text: configure, keep_going }));
                }
                Request::Help { help } => {
                    let output = self.session.help(&help);
                    self.respond(Response { output, ..Response::default() });
                }
                Request::Complete { complete } => {
                    let candidates = self.session.completions(&complete);
                    self.respond(Response { candidates, ..Response::default() });
                }
                Request::Attach { attach } => self.attach(attach),
            }
        }
    }

    fn exec(&mut self, line: &str) {
        self.session.execute_line(line);
        match self.session.poll_action() {
            Some(Action::Close) => {
                self.answer();
                self.close();
            }
            Some(action) => {
                self.busy = true;
                self.actions.push_back(action);
            }
            None => self.answer(),
        }
    }

    /// Answers with what the session has printed.
    fn answer(&mut self) {
        let mut output = Vec::new();
        while let Some(bytes) = self.session.poll_output() {
            output.extend(bytes);
        }
        let output = String::from_utf8_lossy(&output).into_owned();
        let (error, closed) = (self.session.failed(), self.session.is_closed());
        self.respond(Response { output, error, closed, ..Response::default() });
    }

    fn respond(&mut self, mut response: Response) {
        response.prompt = self.session.prompt();
        self.out.push_back(response.to_line());
    }

    fn close(&mut self) {
        if !self.closed {
            self.closed = true;
            self.actions.push_back(Action::Close);
        }
    }
}

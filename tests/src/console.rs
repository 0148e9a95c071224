//! A console session that stays: `terminal monitor` and debug output.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;

use serde_json::{Value, json};

use crate::Events;

/// What a console says to a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleAnswer {
    /// What is printed.
    pub output: String,
    /// The prompt behind it.
    pub prompt: String,
    /// The line was refused, or what it asked for failed.
    pub error: bool,
}

/// A client of `<state-dir>/console.sock`.
#[derive(Debug)]
pub struct Console {
    stream: UnixStream,
    events: Events,
}

impl Console {
    /// Connects to the socket.
    ///
    /// # Panics
    /// When nobody listens.
    #[must_use]
    #[track_caller]
    pub fn connect(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap_or_else(|e| panic!("{}: {e}", socket.display()));
        let reader = BufReader::new(stream.try_clone().expect("a second handle"));
        let (to, lines) = channel();
        // ends when the daemon or this client closes the socket
        std::thread::spawn(move || {
            for line in reader.lines().map_while(Result::ok) {
                if to.send(line).is_err() {
                    break;
                }
            }
        });
        Self { stream, events: Events::new("console.sock", lines) }
    }

    /// Runs a line in the session's mode and gives what it prints.
    ///
    /// # Panics
    /// When the line is refused or unanswered for 20 s.
    #[track_caller]
    pub fn exec(&mut self, line: &str) -> String {
        let answer = self.answer(line);
        assert!(!answer.error, "{line}: {answer:?}");
        answer.output
    }

    /// Runs a line in the session's mode and gives what it prints, refused or not.
    ///
    /// # Panics
    /// When it is unanswered for 20 s.
    #[track_caller]
    pub fn answer(&mut self, line: &str) -> ConsoleAnswer {
        let request = format!("{}\n", json!({ "exec": line }));
        self.stream.write_all(request.as_bytes()).expect("console.sock takes requests");
        let is_answer = |event: &Value| event.get("notify").is_none();
        let answer = self.events.wait_for("answer", is_answer, Duration::from_secs(20));
        let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let error = answer.get("error") == Some(&json!(true));
        ConsoleAnswer { output: text("output"), prompt: text("prompt"), error }
    }

    /// Number of lines of log and debug output so far.
    #[must_use]
    pub fn monitored(&mut self) -> usize {
        self.events.all(&json!({})).iter().filter(|event| event.get("notify").is_some()).count()
    }

    /// Waits up to 5 s for log or debug output that contains each of `texts` in this order, and gives all of it.
    ///
    /// # Panics
    /// When it does not come.
    #[track_caller]
    pub fn monitor(&mut self, texts: &[&str]) -> String {
        let mut all = String::new();
        let mut from = 0;
        for text in texts {
            loop {
                if let Some(at) = all.get(from..).and_then(|rest| rest.find(text)) {
                    from += at + text.len();
                    break;
                }
                let what = format!("{text:?} after\n{all}\n");
                let is_output = |event: &Value| event.get("notify").is_some();
                let event = self.events.wait_for(&what, is_output, Duration::from_secs(5));
                all.push_str(event.get("notify").and_then(Value::as_str).unwrap_or_default());
                all.push('\n');
            }
        }
        all
    }
}

//! The outside plant: plays the telephones of `lines.sock`.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::Duration;

use serde_json::{Value, json};

use crate::{Events, Measured, tone_measure};

/// A client of `<state-dir>/lines.sock`.
#[derive(Debug)]
pub struct Lines {
    stream: UnixStream,
    events: Events,
    next_id: u64,
}

impl Lines {
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
        Self { stream, events: Events::new("lines.sock", lines), next_id: 1 }
    }

    /// Asks for `action` on `port`, other keys from `more`, and gives the answer.
    ///
    /// # Panics
    /// When the answer is an error or does not come within 5 s.
    #[track_caller]
    pub fn act(&mut self, port: &str, action: &str, more: &Value) -> Value {
        let id = self.next_id;
        self.next_id += 1;
        let mut request = json!({"port": port, "do": action, "id": id});
        if let (Some(request), Some(more)) = (request.as_object_mut(), more.as_object()) {
            request.extend(more.clone());
        }
        self.stream.write_all(format!("{request}\n").as_bytes()).expect("lines.sock takes requests");
        let answer = self.events.wait(&json!({ "id": id }), Duration::from_secs(5));
        assert!(answer.get("error").is_none(), "{request}: {answer}");
        answer
    }

    /// Takes the telephone off hook, listens for `seconds`, hangs up, and gives what was heard.
    ///
    /// # Panics
    /// When nothing of that length was recorded.
    #[must_use]
    #[track_caller]
    pub fn listen(&mut self, port: &str, seconds: f64) -> Measured {
        self.listen_all(&[port], seconds).remove(0)
    }

    /// [`listen`](Self::listen) on several telephones at the same time.
    ///
    /// # Panics
    /// When nothing of that length was recorded.
    #[must_use]
    #[track_caller]
    pub fn listen_all(&mut self, ports: &[&str], seconds: f64) -> Vec<Measured> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = |port: &str| -> PathBuf { dir.path().join(port.replace('/', "-")).with_extension("wav") };
        for port in ports {
            self.act(port, "record", &json!({"file": file(port), "seconds": seconds}));
        }
        self.events.mark();
        for port in ports {
            self.act(port, "offhook", &json!({}));
        }
        let limit = Duration::from_secs_f64(seconds + 10.0);
        for port in ports {
            self.wait_any(&json!({"port": port, "event": "recorded"}), limit);
        }
        for port in ports {
            self.act(port, "onhook", &json!({}));
        }
        ports.iter().map(|port| tone_measure(&file(port))).collect()
    }

    /// Waits for an event with these fields.
    #[track_caller]
    pub fn wait(&mut self, pattern: &Value, limit: Duration) -> Value {
        self.events.wait(pattern, limit)
    }

    /// What `status` says of a port.
    #[track_caller]
    pub fn status(&mut self, port: &str) -> Value {
        self.act(port, "status", &json!({}))
    }

    /// Waits for an event that may have come before others already waited for.
    #[track_caller]
    fn wait_any(&mut self, pattern: &Value, limit: Duration) -> Value {
        if let Some(event) = self.events.all(pattern).pop() {
            return event;
        }
        self.events.wait(pattern, limit)
    }
}

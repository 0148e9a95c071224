//! The outside plant: plays the telephones of `lines.sock`.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Events, Measured, adsi_decode, tone_measure};

/// On hook for less than `timing hookflash-in` (1000 ms) is a flash, not the end of a call.
const RELEASE: Duration = Duration::from_millis(1300);

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
        let listening = self.pick_up(ports, seconds);
        self.hang_up(listening)
    }

    /// Takes telephones off hook that will be listened to for `seconds`.
    #[must_use]
    #[track_caller]
    pub fn pick_up(&mut self, ports: &[&str], seconds: f64) -> Listening {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let ports: Vec<String> = ports.iter().map(|&port| port.to_owned()).collect();
        let listening = Listening { dir, ports, limit: Duration::from_secs_f64(seconds + 10.0) };
        for port in &listening.ports {
            self.act(port, "record", &json!({"file": listening.file(port), "seconds": seconds}));
        }
        for port in &listening.ports {
            self.act(port, "offhook", &json!({}));
        }
        listening
    }

    /// Waits until all has been heard, hangs up for long enough to be no flash, and gives what was heard, in the order of the ports.
    ///
    /// # Panics
    /// When nothing of that length was recorded.
    #[must_use]
    #[track_caller]
    pub fn hang_up(&mut self, listening: Listening) -> Vec<Measured> {
        for port in &listening.ports {
            self.events.rewind();
            let recorded = json!({"port": port, "event": "recorded", "file": listening.file(port)});
            self.events.wait(&recorded, listening.limit);
        }
        for port in &listening.ports {
            self.act(port, "onhook", &json!({}));
        }
        std::thread::sleep(RELEASE);
        listening.ports.iter().map(|port| tone_measure(&listening.file(port))).collect()
    }

    /// Records what reaches the telephone on its hook while `happens` does and until nothing more comes, and gives
    /// what `adsi_decode` makes of it.
    ///
    /// # Panics
    /// When nothing comes within 10 s.
    #[must_use]
    #[track_caller]
    pub fn data_on_hook(&mut self, port: &str, happens: impl FnOnce()) -> Value {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = dir.path().join("onhook.wav");
        let heard = |status: Value| status.get("heard_on_hook").and_then(Value::as_u64).unwrap_or(0);
        let before = heard(self.status(port));
        self.act(port, "record", &json!({"file": file, "start": "now"}));
        happens();
        let end = Instant::now() + Duration::from_secs(10);
        let mut last = before;
        loop {
            std::thread::sleep(Duration::from_millis(500));
            let now = heard(self.status(port));
            if now == last && now > before {
                break;
            }
            assert!(Instant::now() < end, "{port}: nothing (or no end) on hook, {before} to {now} samples");
            last = now;
        }
        self.act(port, "stop", &json!({}));
        self.events.rewind();
        self.events.wait(&json!({"event": "recorded", "file": file}), Duration::from_secs(5));
        adsi_decode(&file)
    }

    /// Lifts the handset and gives the gateway time to notice.
    #[track_caller]
    pub fn off_hook(&mut self, port: &str) {
        self.act(port, "offhook", &json!({}));
        std::thread::sleep(Duration::from_millis(200));
    }

    /// Lifts the handset and dials.
    ///
    /// # Panics
    /// When the digits are not out within 10 s.
    #[track_caller]
    pub fn dial(&mut self, port: &str, digits: &str) {
        self.off_hook(port);
        self.act(port, "dial", &json!({"digits": digits}));
        self.wait(&json!({"port": port, "event": "dialled"}), Duration::from_secs(10));
        // The last digit takes its time to be heard.
        std::thread::sleep(Duration::from_millis(300));
    }

    /// Whether the telephone rings within `limit`.
    #[track_caller]
    pub fn rings(&mut self, port: &str, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        while Instant::now() < end {
            std::thread::sleep(Duration::from_millis(100));
            if self.status(port).get("ringing") == Some(&Value::Bool(true)) {
                return true;
            }
        }
        false
    }

    /// What the telephone hears from now on, for so long.
    ///
    /// # Panics
    /// When nothing of that length was recorded.
    #[must_use]
    #[track_caller]
    pub fn hear(&mut self, port: &str, seconds: f64) -> Measured {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = dir.path().join("heard.wav");
        self.act(port, "record", &json!({"file": file, "seconds": seconds, "start": "now"}));
        self.wait(&json!({"port": port, "event": "recorded", "file": file}), Duration::from_secs(30));
        tone_measure(&file)
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
}

/// Telephones off hook, each with a recording of what it hears.
#[derive(Debug)]
pub struct Listening {
    dir: TempDir,
    ports: Vec<String>,
    limit: Duration,
}

impl Listening {
    fn file(&self, port: &str) -> PathBuf {
        self.dir.path().join(port.replace('/', "-")).with_extension("wav")
    }
}

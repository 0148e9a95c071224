//! `lines.sock`: the telephones as JSON lines, for people and for tests that play the telephone.
//!
//! A client writes one request a line and gets one answer a line for each, in order, between the events of all lines:
//!
//! ```text
//! > {"port":"2/0","do":"offhook"}
//! < {"port":"2/0","event":"hook","off":true}
//! < {"port":"2/0","event":"done","do":"offhook"}
//! > {"port":"2/0","do":"dial","digits":"5551234"}
//! < {"port":"2/0","event":"done","do":"dial"}
//! > {"port":"9/9","do":"offhook"}
//! < {"error":"no port \"9/9\", expected 2/0, 2/1","port":"9/9","do":"offhook"}
//! ```
//!
//! | `do` | other keys | effect |
//! |---|---|---|
//! | `offhook`, `onhook` | | the handset; `offhook` answers a ringing telephone |
//! | `ground` | | seizes a ground-start line: ring ground, then off hook |
//! | `flash` | `ms` (400; 1–5000) | hook button; answered when done |
//! | `dial` | `digits` | DTMF keys `0-9*#A-D`, `,` = 1 s pause; event `dialled` when sent |
//! | `pulse` | `digits` | rotary dial; answered when done |
//! | `record` | `file`, `seconds` (3600), `start` (`offhook` or `now`) | WAV of what the telephone hears; event `recorded` at its end |
//! | `stop` | | ends the recording |
//! | `play` | `file` | says a WAV file; event `dialled` when sent |
//! | `wire` | `to_phone_db`, `from_phone_db` (0), `noise_dbm0`, `echo_loss_db` (none), `echo_delay` (0 samples), `ren` (1) | another wire and telephone; keys not given take their defaults |
//! | `status` | | the answer has `hook`, `ringing`, `rings`, `lamp`, `polarity`, `battery`, `heard`, `audio`, … (event `status`) |
//! | `ports` | no `port` | the answer lists `ports` |
//!
//! Whoever may open the socket makes the daemon read and write files in its own name (`record`, `play`): the socket is its
//! owner's alone.
//!
//! A request may carry an `id` (any JSON value), which its answer repeats.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::{PhoneEvent, Plant, Start, Wire};

/// Longest request line in octets, without its line end.
pub const MAX_LINE: usize = 4096;

/// Clients served at the same time; one more is told so and closed.
pub const MAX_CLIENTS: usize = 64;

/// Serves `lines.sock` at `path` until the future is dropped.
///
/// # Errors
/// Those of [`Server::bind`].
pub async fn serve(plant: Plant, path: impl AsRef<Path>) -> io::Result<()> {
    Server::bind(plant, path)?.run().await
}

/// A bound `lines.sock`. Dropping it (or its [`run`](Self::run) future) removes the socket file.
#[derive(Debug)]
pub struct Server {
    plant: Plant,
    listener: UnixListener,
    path: PathBuf,
}

impl Server {
    /// Binds the socket, readable and writable by its owner only. A stale file that nobody listens on is replaced.
    ///
    /// # Errors
    /// `AddrInUse` when another server lives there, and whatever the system says. Panics outside a tokio runtime.
    pub fn bind(plant: Plant, path: impl AsRef<Path>) -> io::Result<Self> {
        use std::os::unix::fs::PermissionsExt as _;
        let path = path.as_ref().to_owned();
        let listener = match UnixListener::bind(&path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                let refused = std::os::unix::net::UnixStream::connect(&path)
                    .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
                if !refused {
                    return Err(error);
                }
                std::fs::remove_file(&path)?;
                UnixListener::bind(&path)?
            }
            bound => bound?,
        };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { plant, listener, path })
    }

    /// Serves clients for ever.
    ///
    /// # Errors
    /// None at present: failures to accept are logged and tried again.
    pub async fn run(self) -> io::Result<()> {
        // Clients end with the server.
        let mut clients = JoinSet::new();
        loop {
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    warn!(%error, "lines.sock cannot accept");
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    continue;
                }
            };
            while clients.try_join_next().is_some() {}
            if clients.len() < MAX_CLIENTS {
                clients.spawn(client(self.plant.clone(), self.plant.subscribe(), stream));
            } else {
                let error = error(format!("{MAX_CLIENTS} clients are connected, expected one to leave"));
                // The refused client's buffer is empty: one line fits without waiting.
                if let Err(error) = stream.try_write(line(&error).as_bytes()) {
                    debug!(%error, "refused client not told");
                }
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            debug!(path = %self.path.display(), %error, "socket file not removed");
        }
    }
}

/// Requests are done one after another; answers and events share one writer so that lines never mix.
async fn client(plant: Plant, events: broadcast::Receiver<PhoneEvent>, stream: UnixStream) {
    let (reader, writer) = stream.into_split();
    let (answers, answers_rx) = mpsc::channel(16);
    let writing = tokio::spawn(write(writer, answers_rx, events));
    let mut reader = BufReader::new(reader);
    loop {
        let answer = match read_line(&mut reader).await {
            Ok(Some(Ok(text))) if text.trim().is_empty() => continue,
            Ok(Some(Ok(text))) => answer(&plant, &text).await,
            Ok(Some(Err(reason))) => error(reason),
            Ok(None) => break,
            Err(error) => {
                debug!(%error, "client of lines.sock lost");
                break;
            }
        };
        if answers.send(answer).await.is_err() {
            break;
        }
    }
    drop(answers);
    if let Err(error) = writing.await {
        debug!(%error, "writer of lines.sock ended badly");
    }
}

async fn write(
    mut writer: OwnedWriteHalf,
    mut answers: mpsc::Receiver<Value>,
    mut events: broadcast::Receiver<PhoneEvent>,
) {
    loop {
        // Events come first: those that a request caused stand before its answer.
        let value = tokio::select! {
            biased;
            event = events.recv() => match event {
                Ok(event) => serde_json::to_value(event).unwrap_or_else(|reason| error(reason.to_string())),
                Err(broadcast::error::RecvError::Lagged(missed)) => json!({"event": "lagged", "missed": missed}),
                Err(broadcast::error::RecvError::Closed) => return,
            },
            answer = answers.recv() => match answer {
                Some(answer) => answer,
                None => return,
            },
        };
        if let Err(error) = writer.write_all(line(&value).as_bytes()).await {
            debug!(%error, "client of lines.sock does not read");
            return;
        }
    }
}

/// One line, an error to tell for one that is too long or no text, `None` at the end.
async fn read_line(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<Option<Result<String, String>>> {
    let mut text = Vec::new();
    let mut len = 0;
    loop {
        let buffer = reader.fill_buf().await?;
        if buffer.is_empty() {
            // A last line without line end counts.
            if len == 0 {
                return Ok(None);
            }
            break;
        }
        let (part, ended) = match buffer.iter().position(|octet| *octet == b'\n') {
            Some(end) => (buffer.get(..end).unwrap_or_default(), true),
            None => (buffer, false),
        };
        len += part.len();
        if len <= MAX_LINE {
            text.extend_from_slice(part);
        }
        let used = part.len() + usize::from(ended);
        reader.consume(used);
        if ended {
            break;
        }
    }
    if len > MAX_LINE {
        return Ok(Some(Err(format!("the line has {len} octets, expected at most {MAX_LINE}"))));
    }
    Ok(Some(String::from_utf8(text).map_err(|_| "the line is not UTF-8, expected a JSON object".to_owned())))
}

#[derive(Deserialize)]
struct Request {
    #[serde(default)]
    port: Option<String>,
    #[serde(rename = "do")]
    action: String,
    #[serde(default)]
    digits: Option<String>,
    #[serde(default)]
    file: Option<String>,
    #[serde(default)]
    address: Option<String>,
    #[serde(default)]
    seconds: Option<f64>,
    #[serde(default)]
    start: Option<String>,
    #[serde(default)]
    ms: Option<u64>,
    #[serde(default)]
    to_phone_db: f64,
    #[serde(default)]
    from_phone_db: f64,
    #[serde(default)]
    noise_dbm0: Option<f64>,
    #[serde(default)]
    echo_loss_db: Option<f64>,
    #[serde(default)]
    echo_delay: usize,
    #[serde(default)]
    ren: Option<f64>,
    #[serde(default)]
    id: Option<Value>,
}

async fn answer(plant: &Plant, text: &str) -> Value {
    let request: Request = match serde_json::from_str(text) {
        Ok(request) => request,
        Err(reason) => {
            return error(format!(
                "{reason}; expected a JSON object like {{\"port\":\"2/0\",\"do\":\"offhook\"}}"
            ));
        }
    };
    let mut answer = match act(plant, &request).await {
        Ok(answer) => answer,
        Err(reason) => Map::from_iter([("error".to_owned(), reason.into())]),
    };
    if let Some(port) = request.port {
        answer.insert("port".to_owned(), port.into());
    }
    answer.insert("do".to_owned(), request.action.into());
    if let Some(id) = request.id {
        answer.insert("id".to_owned(), id);
    }
    Value::Object(answer)
}

async fn act(plant: &Plant, request: &Request) -> Result<Map<String, Value>, String> {
    const ACTIONS: &str =
        "offhook, onhook, ground, flash, dial, pulse, record, stop, play, machine, wire, status or ports";
    let mut done = Map::from_iter([("event".to_owned(), "done".into())]);
    if request.action == "ports" {
        done.insert("ports".to_owned(), plant.ports().into());
        return Ok(done);
    }
    let port = request.port.as_deref().ok_or("no \"port\", expected one like \"2/0\"")?;
    let phone = plant.phone(port).map_err(|error| error.to_string())?;
    let digits =
        || request.digits.as_deref().filter(|d| !d.is_empty()).ok_or("no \"digits\", expected a string");
    let file = || request.file.as_deref().ok_or("no \"file\", expected the path of a WAV file");
    let result = match request.action.as_str() {
        "offhook" => phone.off_hook(),
        "onhook" => phone.on_hook(),
        "ground" => phone.ground(),
        "flash" => match request.ms.unwrap_or(400) {
            ms @ 1..=5000 => phone.flash(Duration::from_millis(ms)).await,
            ms => return Err(format!("\"ms\" is {ms}, expected 1 to 5000")),
        },
        "dial" => phone.dial(digits()?),
        "pulse" => phone.pulse(digits()?).await,
        "record" => {
            let limit = match request.seconds {
                None => None,
                Some(seconds) if seconds > 0.0 && seconds <= 3600.0 => Some(Duration::from_secs_f64(seconds)),
                Some(seconds) => return Err(format!("\"seconds\" is {seconds}, expected above 0 to 3600")),
            };
            let start = match request.start.as_deref() {
                None | Some("offhook") => Start::OffHook,
                Some("now") => Start::Now,
                Some(other) => {
                    return Err(format!("\"start\" is {other:?}, expected \"offhook\" or \"now\""));
                }
            };
            phone.record_start(file()?, limit, start)
        }
        "stop" => phone.record_stop(),
        "play" => phone.play_file(file()?),
        "machine" => match request.address.as_deref().map(str::parse) {
            Some(Err(_)) => {
                return Err("no \"address\" of a UDP port, expected one like \"127.0.0.1:4000\"".into());
            }
            Some(Ok(address)) => phone.set_machine(Some(address)),
            None => phone.set_machine(None),
        },
        "wire" => {
            phone.set_wire(Wire {
                to_phone_db: request.to_phone_db,
                from_phone_db: request.from_phone_db,
                noise_dbm0: request.noise_dbm0,
                echo_loss_db: request.echo_loss_db,
                echo_delay: request.echo_delay,
                ren: request.ren.unwrap_or(1.0),
                seed: 0,
            });
            Ok(())
        }
        "status" => {
            if let Ok(Value::Object(status)) = serde_json::to_value(phone.status()) {
                done.extend(status);
                done.insert("event".to_owned(), "status".into());
            }
            Ok(())
        }
        other => return Err(format!("\"do\" is {other:?}, expected {ACTIONS}")),
    };
    result.map(|()| done).map_err(|error| error.to_string())
}

fn error(reason: impl Into<Value>) -> Value {
    json!({ "error": reason.into() })
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[0-9*#A-D,x]{0,12}".prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
            Just(json!("2/0")),
            Just(json!("/dev/null")),
            Just(json!([{}])),
        ]
    }

    fn request() -> impl Strategy<Value = Value> {
        const ACTIONS: &[&str] = &[
            "offhook", "onhook", "ground", "flash", "dial", "pulse", "record", "stop", "play", "wire",
            "machine", "status", "ports", "",
        ];
        const KEYS: &[&str] = &[
            "digits",
            "file",
            "address",
            "seconds",
            "start",
            "ms",
            "to_phone_db",
            "from_phone_db",
            "noise_dbm0",
            "echo_loss_db",
            "echo_delay",
            "ren",
            "id",
            "port",
            "do",
            "unknown",
        ];
        let members = proptest::collection::vec((proptest::sample::select(KEYS), value()), 0..4);
        // A file only ever is /dev/null: other names would be made.
        (proptest::sample::select(ACTIONS), members).prop_map(|(action, members)| {
            let mut request = Map::from_iter([("port".into(), json!("2/0")), ("do".into(), json!(action))]);
            for (key, value) in members {
                let value = if key == "file" && value.is_string() { json!("/dev/null") } else { value };
                request.insert(key.into(), value);
            }
            Value::Object(request)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn any_session_is_answered(requests in proptest::collection::vec(request(), 0..20), junk in "\\PC*") {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            runtime.block_on(async {
                let plant = Plant::new();
                let _line = plant.add_line("2/0");
                for request in requests {
                    let answer = answer(&plant, &request.to_string()).await;
                    assert!(answer.get("error").is_some() != answer.get("event").is_some(), "{answer}");
                }
                assert!(answer(&plant, &junk).await.get("error").is_some());
            });
        }
    }
}

//! The client's end of the console socket.

use cli::wire::{Request, Response, Size};
use std::io::{BufRead, BufReader, Error, ErrorKind, Result, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

/// The socket to use: the one given, else the first of the usual places that exists.
pub(crate) fn socket(given: Option<&Path>, name: &str) -> PathBuf {
    if let Some(path) = given {
        return path.to_owned();
    }
    let state = std::env::var_os("TIPRING_STATE_DIR").map(PathBuf::from);
    let places = state.into_iter().chain(["tipring-state", "/var/lib/tipring"].map(PathBuf::from));
    let places: Vec<PathBuf> = places.map(|dir| dir.join(name)).collect();
    places
        .iter()
        .find(|path| path.exists())
        .or(places.first())
        .cloned()
        .unwrap_or_else(|| PathBuf::from(name))
}

/// Shows a log or debug line.
pub(crate) type Notify = Box<dyn FnMut(String) + Send>;

/// A connection that asks and waits for the answer. Log and debug lines are shown as they come.
pub(crate) struct Client {
    stream: UnixStream,
    responses: Receiver<Result<Response>>,
    notify: Arc<Mutex<Notify>>,
}

impl Client {
    pub(crate) fn connect(socket: &Path) -> Result<Client> {
        let stream = open(socket)?;
        let notify: Arc<Mutex<Notify>> = Arc::new(Mutex::new(Box::new(|text| eprintln!("{text}"))));
        let (sender, responses) = channel();
        let (reader, shared) = (BufReader::new(stream.try_clone()?), Arc::clone(&notify));
        std::thread::spawn(move || read(reader, &sender, &shared));
        Ok(Client { stream, responses, notify })
    }

    /// Shows log and debug lines in another way than on standard error.
    pub(crate) fn on_notify(&self, notify: Notify) {
        if let Ok(mut current) = self.notify.lock() {
            *current = notify;
        }
    }

    pub(crate) fn exec(&mut self, line: &str) -> Result<Response> {
        self.ask(&Request::Exec { exec: line.to_owned() })
    }

    pub(crate) fn configure(&mut self, text: &str, keep_going: bool) -> Result<Response> {
        self.ask(&Request::Configure { configure: text.to_owned(), keep_going })
    }

    pub(crate) fn help(&mut self, line: &str) -> Result<Response> {
        self.ask(&Request::Help { help: line.to_owned() })
    }

    pub(crate) fn complete(&mut self, line: &str) -> Result<Response> {
        self.ask(&Request::Complete { complete: line.to_owned() })
    }

    fn ask(&mut self, request: &Request) -> Result<Response> {
        let gone = || Error::new(ErrorKind::UnexpectedEof, "the gateway closed the connection");
        self.stream.write_all(&to_line(request)?)?;
        self.responses.recv().map_err(|_| gone())?
    }
}

/// A connection that is a terminal from the start.
pub(crate) fn attach(socket: &Path, size: Size) -> Result<UnixStream> {
    let mut stream = open(socket)?;
    stream.write_all(&to_line(&Request::Attach { attach: size })?)?;
    Ok(stream)
}

fn open(socket: &Path) -> Result<UnixStream> {
    UnixStream::connect(socket)
        .map_err(|e| Error::new(e.kind(), format!("no gateway answers at {}: {e}", socket.display())))
}

/// Sorts what the gateway sends into answers and log lines until it closes.
fn read(reader: BufReader<UnixStream>, answers: &Sender<Result<Response>>, notify: &Mutex<Notify>) {
    for line in reader.lines() {
        let response = line.and_then(|l| serde_json::from_str::<Response>(&l).map_err(Error::from));
        match response {
            Ok(Response { notify: Some(text), .. }) => {
                if let Ok(mut show) = notify.lock() {
                    show(text);
                }
            }
            answer => {
                let failed = answer.is_err();
                if answers.send(answer).is_err() || failed {
                    return;
                }
            }
        }
    }
}

fn to_line(request: &Request) -> Result<Vec<u8>> {
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    Ok(line)
}

//! The client's end of the console socket.

use cli::wire::{Request, Response, Size};
use std::io::{BufRead, BufReader, Error, ErrorKind, Result, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

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

/// A connection that asks and waits for the answer.
pub(crate) struct Client {
    reader: BufReader<UnixStream>,
}

impl Client {
    pub(crate) fn connect(socket: &Path) -> Result<Client> {
        let stream = UnixStream::connect(socket)
            .map_err(|e| Error::new(e.kind(), format!("no gateway answers at {}: {e}", socket.display())))?;
        Ok(Client { reader: BufReader::new(stream) })
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

    /// Turns the connection into a terminal.
    pub(crate) fn attach(self, size: Size) -> Result<UnixStream> {
        let mut stream = self.reader.into_inner();
        stream.write_all(&to_line(&Request::Attach { attach: size })?)?;
        Ok(stream)
    }

    fn ask(&mut self, request: &Request) -> Result<Response> {
        self.reader.get_mut().write_all(&to_line(request)?)?;
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line)? == 0 {
                return Err(Error::new(ErrorKind::UnexpectedEof, "the gateway closed the connection"));
            }
            let response: Response = serde_json::from_str(&line)?;
            match response.notify {
                Some(text) => eprintln!("{text}"),
                None => return Ok(response),
            }
        }
    }
}

fn to_line(request: &Request) -> Result<Vec<u8>> {
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    Ok(line)
}

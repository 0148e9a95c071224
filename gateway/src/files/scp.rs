//! The protocol of `scp` (rcp over SSH): one file, either way.
//!
//! [`Sink`] receives, [`Source`] sends; both are sans-IO. Feed what comes, send what `poll_output` gives. The side that
//! started the other with `scp -t` (to) is the source, with `scp -f` (from) the sink.

use std::sync::Arc;
use std::time::Duration;

use russh::client;
use russh::{ChannelMsg, Disconnect};

use super::MAX_FILE;
use super::place::Remote;

/// Longest line of the protocol.
const MAX_LINE: usize = 1024;
/// Longest silence of the other side.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a transfer failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScpError {
    /// The other side said so.
    #[error("{0}")]
    Refused(String),
    /// A line that is none of the protocol.
    #[error("protocol error: {0}")]
    Protocol(&'static str),
    /// More than [`MAX_FILE`] octets.
    #[error("File is too large")]
    TooLarge,
}

#[derive(Debug, PartialEq, Eq)]
enum Wait {
    /// A line: `C0644 5 name`.
    Line,
    /// Octets of the file.
    Data {
        left: usize,
    },
    /// The octet behind them.
    Status,
    /// [`Sink::complete`].
    Complete,
    Over,
}

/// Receives files.
#[derive(Debug)]
pub struct Sink {
    wait: Wait,
    line: Vec<u8>,
    name: String,
    data: Vec<u8>,
    out: Vec<u8>,
}

impl Default for Sink {
    fn default() -> Sink {
        Sink { wait: Wait::Line, line: Vec::new(), name: String::new(), data: Vec::new(), out: vec![0] }
    }
}

impl Sink {
    /// Octets for the other side.
    pub fn poll_output(&mut self) -> Option<Vec<u8>> {
        (!self.out.is_empty()).then(|| std::mem::take(&mut self.out))
    }

    /// Takes octets of the other side. A file that is whole is given with the name the other side has for it;
    /// [`Sink::complete`] then says what became of it.
    ///
    /// # Errors
    /// [`ScpError`]; the other side has been told (see [`Sink::poll_output`]) and the transfer is over.
    pub fn feed(&mut self, octets: &[u8]) -> Result<Option<(String, Vec<u8>)>, ScpError> {
        for (at, &octet) in octets.iter().enumerate() {
            match &mut self.wait {
                Wait::Line if octet == b'\n' => self.line()?,
                Wait::Line if self.line.len() >= MAX_LINE => {
                    return Err(self.refuse(ScpError::Protocol("a line too long")));
                }
                Wait::Line => self.line.push(octet),
                Wait::Data { left } => {
                    let rest = octets.get(at..).unwrap_or_default();
                    let part = rest.get(..*left).unwrap_or(rest);
                    self.data.extend(part);
                    *left -= part.len();
                    if *left == 0 {
                        self.wait = Wait::Status;
                    }
                    return self.feed(rest.get(part.len()..).unwrap_or_default());
                }
                Wait::Status if octet == 0 => {
                    self.wait = Wait::Complete;
                    return Ok(Some((std::mem::take(&mut self.name), std::mem::take(&mut self.data))));
                }
                Wait::Status => {
                    self.line.push(octet);
                    self.wait = Wait::Line;
                }
                Wait::Complete | Wait::Over => {}
            }
        }
        Ok(None)
    }

    /// The file given last is kept, or why not.
    pub fn complete(&mut self, result: Result<(), String>) {
        if self.wait != Wait::Complete {
            return;
        }
        self.wait = Wait::Line;
        match result {
            Ok(()) => self.out.push(0),
            Err(why) => {
                self.out.extend(message(&why));
                self.wait = Wait::Over;
            }
        }
    }

    fn line(&mut self) -> Result<(), ScpError> {
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
        match line.chars().next() {
            Some('C') => {
                let mut words = line.get(1..).unwrap_or("").splitn(3, ' ');
                let (Some(_mode), Some(Ok(size)), Some(name)) =
                    (words.next(), words.next().map(str::parse::<usize>), words.next())
                else {
                    return Err(self.refuse(ScpError::Protocol("expected Cmode size name")));
                };
                if size > MAX_FILE {
                    return Err(self.refuse(ScpError::TooLarge));
                }
                name.clone_into(&mut self.name);
                self.wait = if size == 0 { Wait::Status } else { Wait::Data { left: size } };
                self.out.push(0);
                Ok(())
            }
            // Times of a file, the end of a directory.
            Some('T' | 'E') => {
                self.out.push(0);
                Ok(())
            }
            Some('\u{1}' | '\u{2}') => {
                self.wait = Wait::Over;
                Err(ScpError::Refused(line.trim_start_matches(['\u{1}', '\u{2}']).trim().to_owned()))
            }
            Some('D') => Err(self.refuse(ScpError::Protocol("directories are not copied"))),
            _ => Err(self.refuse(ScpError::Protocol("expected Cmode size name"))),
        }
    }

    fn refuse(&mut self, error: ScpError) -> ScpError {
        self.wait = Wait::Over;
        self.out.extend(message(&error.to_string()));
        error
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Header,
    Data,
    Done,
    Over,
}

/// Sends one file.
#[derive(Debug)]
pub struct Source {
    name: String,
    data: Vec<u8>,
    step: Step,
    answer: Vec<u8>,
    out: Vec<u8>,
}

impl Source {
    /// A file with these octets, under this name.
    #[must_use]
    pub fn new(name: &str, data: Vec<u8>) -> Source {
        let name = name.chars().filter(|c| !c.is_control() && *c != '/').collect();
        Source { name, data, step: Step::Header, answer: Vec::new(), out: Vec::new() }
    }

    /// Octets for the other side.
    pub fn poll_output(&mut self) -> Option<Vec<u8>> {
        (!self.out.is_empty()).then(|| std::mem::take(&mut self.out))
    }

    /// True once the other side has the file.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.step == Step::Over
    }

    /// Takes octets of the other side.
    ///
    /// # Errors
    /// [`ScpError`] ends the transfer.
    pub fn feed(&mut self, octets: &[u8]) -> Result<(), ScpError> {
        for &octet in octets {
            if octet != 0 || !self.answer.is_empty() {
                if octet == b'\n' || self.answer.len() >= MAX_LINE {
                    let text = String::from_utf8_lossy(&self.answer);
                    return Err(ScpError::Refused(
                        text.trim_start_matches(['\u{1}', '\u{2}']).trim().to_owned(),
                    ));
                }
                self.answer.push(octet);
                continue;
            }
            self.step = match self.step {
                Step::Header => {
                    let header = format!("C0644 {} {}\n", self.data.len(), self.name);
                    self.out.extend(header.into_bytes());
                    Step::Data
                }
                Step::Data => {
                    self.out.append(&mut self.data);
                    self.out.push(0);
                    Step::Done
                }
                Step::Done | Step::Over => Step::Over,
            };
        }
        Ok(())
    }
}

/// A refusal, as the protocol carries it.
#[must_use]
pub fn message(why: &str) -> Vec<u8> {
    let why: String = why.chars().filter(|c| !c.is_control()).take(MAX_LINE / 2).collect();
    format!("\u{1}scp: {why}\n").into_bytes()
}

/// What `scp` was started with by the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `-t`: a file comes. Otherwise `-f`: a file is wanted.
    pub to: bool,
    /// Where.
    pub path: String,
}

impl Request {
    /// Reads the command of an SSH `exec` request; `None` if it is not `scp -t` or `scp -f` of one file.
    ///
    /// ```
    /// use gateway::files::scp::Request;
    /// let request = Request::parse("scp -p -t flash:/one.cfg").unwrap();
    /// assert_eq!(request, Request { to: true, path: "flash:/one.cfg".into() });
    /// assert_eq!(Request::parse("show clock"), None);
    /// ```
    #[must_use]
    pub fn parse(command: &str) -> Option<Request> {
        let rest = command.strip_prefix("scp ")?;
        let (mut to, mut path) = (None, None);
        for word in rest.split_whitespace() {
            match word {
                "-t" => to = Some(true),
                "-f" => to = Some(false),
                option if option.starts_with('-') && path.is_none() => {}
                word if path.is_none() => path = Some(word.trim_matches(['\'', '"']).to_owned()),
                _ => return None,
            }
        }
        Some(Request { to: to?, path: path? })
    }
}

struct Known;

impl client::Handler for Known {
    type Error = russh::Error;

    /// As on a router without `ip ssh stricthostkeycheck`, every host key is taken.
    async fn check_server_key(
        &mut self,
        _key: &russh::keys::PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        Ok(true)
    }
}

/// Gets a file from a server.
pub(super) fn get(remote: &Remote) -> Result<Vec<u8>, String> {
    run(remote, None)
}

/// Puts a file on a server.
pub(super) fn put(remote: &Remote, octets: Vec<u8>) -> Result<(), String> {
    run(remote, Some(octets)).map(drop)
}

fn run(remote: &Remote, octets: Option<Vec<u8>>) -> Result<Vec<u8>, String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let address = super::remote::address(remote)?;
        let config = client::Config { inactivity_timeout: Some(PATIENCE), ..client::Config::default() };
        let connecting = client::connect(Arc::new(config), address, Known);
        let mut session = tokio::time::timeout(PATIENCE, connecting)
            .await
            .map_err(|_| "Timed out".to_owned())?
            .map_err(|e| e.to_string())?;
        let (user, password) =
            (remote.user.as_deref().unwrap_or(""), remote.password.as_deref().unwrap_or(""));
        let login = session.authenticate_password(user, password).await.map_err(|e| e.to_string())?;
        if !login.success() {
            return Err("Authentication failed".to_owned());
        }
        let mut channel = session.channel_open_session().await.map_err(|e| e.to_string())?;
        let option = if octets.is_some() { "-t" } else { "-f" };
        let path = remote.path.replace('\'', "'\\''");
        channel.exec(false, format!("scp {option} '{path}'")).await.map_err(|e| e.to_string())?;
        let name = remote.path.rsplit('/').next().unwrap_or("");
        let result = match octets {
            Some(octets) => send(&mut channel, Source::new(name, octets)).await.map(|()| Vec::new()),
            None => receive(&mut channel).await,
        };
        // The file is there or not; the farewell is politeness.
        let _ = session.disconnect(Disconnect::ByApplication, "", "en").await;
        result
    })
}

/// The next octets of the other side.
async fn next(channel: &mut russh::Channel<client::Msg>) -> Result<Vec<u8>, String> {
    let mut said = String::new();
    loop {
        match tokio::time::timeout(PATIENCE, channel.wait()).await.map_err(|_| "Timed out".to_owned())? {
            Some(ChannelMsg::Data { data }) => return Ok(data.to_vec()),
            Some(ChannelMsg::ExtendedData { data, .. }) if said.len() < MAX_LINE => {
                said.extend(String::from_utf8_lossy(&data).chars().filter(|c| !c.is_control()));
            }
            Some(ChannelMsg::Eof | ChannelMsg::Close) | None => {
                return Err(if said.is_empty() { "connection closed by the server".into() } else { said });
            }
            Some(_) => {}
        }
    }
}

async fn send(channel: &mut russh::Channel<client::Msg>, mut source: Source) -> Result<(), String> {
    while !source.is_done() {
        let octets = next(channel).await?;
        source.feed(&octets).map_err(|e| e.to_string())?;
        while let Some(out) = source.poll_output() {
            channel.data(&out[..]).await.map_err(|e| e.to_string())?;
        }
    }
    Ok(())
}

async fn receive(channel: &mut russh::Channel<client::Msg>) -> Result<Vec<u8>, String> {
    let mut sink = Sink::default();
    loop {
        while let Some(out) = sink.poll_output() {
            channel.data(&out[..]).await.map_err(|e| e.to_string())?;
        }
        let octets = next(channel).await?;
        if let Some((_, data)) = sink.feed(&octets).map_err(|e| e.to_string())? {
            sink.complete(Ok(()));
            while let Some(out) = sink.poll_output() {
                channel.data(&out[..]).await.map_err(|e| e.to_string())?;
            }
            return Ok(data);
        }
    }
}

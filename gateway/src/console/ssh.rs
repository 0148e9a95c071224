//! SSH: served once a user is configured and a `line vty` takes it.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cli::config::LineKind;
use cli::secret::Password;
use cli::session::{Action, Attempt, Purpose, Session, SessionKind, authenticate};
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey};
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelMsg, MethodKind, MethodSet, Pty};
use tokio::net::{TcpListener, TcpStream};

use super::drive::{self, Input, Wire};
use super::terminals::{FIRST_VTY, Place, Transport};
use super::unix::Shared;
use super::{Caller, ask, scp};
use crate::files::scp::Request;
use crate::service::message::Message;

/// Longest command of an `exec` request.
const MAX_COMMAND: usize = 4096;

/// The host key, made at the first start.
///
/// # Errors
/// What the system said, or that the file is no key.
pub(super) fn host_key(path: &Path) -> io::Result<PrivateKey> {
    match PrivateKey::read_openssh_file(path) {
        Ok(key) => return Ok(key),
        Err(_) if !path.exists() => {}
        Err(error) => {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display())));
        }
    }
    let key = PrivateKey::random(&mut rand::rng(), Algorithm::Ed25519).map_err(io::Error::other)?;
    let text = key.to_openssh(LineEnding::LF).map_err(io::Error::other)?;
    let mut options = std::fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(key)
}

/// Takes connections for ever.
pub(super) async fn serve(listener: TcpListener, key: PrivateKey, shared: Shared) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                let (shared, key) = (shared.clone(), key.clone());
                tokio::spawn(async move {
                    if let Err(error) = connection(stream, from, key, shared).await {
                        tracing::debug!(%error, %from, "ssh");
                    }
                });
            }
            Err(error) => {
                shared.reporter.report(Message::TerminalsListen { error: &error });
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    from: SocketAddr,
    key: PrivateKey,
    shared: Shared,
) -> Result<(), russh::Error> {
    let place = match shared.terminals.enter(Transport::Ssh, from.ip()) {
        Ok(place) => place,
        Err(refusal) => {
            tracing::info!(%from, %refusal, "ssh refused");
            return Ok(());
        }
    };
    let access = shared.terminals.access();
    let config = russh::server::Config {
        methods: MethodSet::from(
            [MethodKind::PublicKey, MethodKind::Password, MethodKind::KeyboardInteractive].as_slice(),
        ),
        auth_rejection_time: Duration::from_secs(1),
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![key],
        max_auth_attempts: usize::from(access.ssh_retries) + 1,
        inactivity_timeout: None,
        keepalive_interval: Some(Duration::from_secs(60)),
        nodelay: true,
        ..russh::server::Config::default()
    };
    let client = Client {
        from,
        shared,
        place: Some(place),
        user: String::new(),
        level: 0,
        size: (80, 24),
        started: false,
        channel: None,
    };
    let limit = access.ssh_timeout;
    let running = russh::server::run_stream(Arc::new(config), stream, client);
    let session =
        tokio::time::timeout(limit, running).await.map_err(|_| russh::Error::ConnectionTimeout)??;
    session.await
}

/// One connection; it has one place, and so one session.
struct Client {
    from: SocketAddr,
    shared: Shared,
    place: Option<Place>,
    user: String,
    level: u8,
    size: (u16, u16),
    started: bool,
    channel: Option<Channel<Msg>>,
}

impl Client {
    async fn check(&mut self, user: &str, password: &str) -> Auth {
        let access = self.shared.terminals.access();
        let line = self.place.as_ref().map_or_else(|| access.line(LineKind::Virtual, 0), |p| p.line.clone());
        let attempt = Attempt {
            username: Some(user.to_owned()),
            password: Password::from(password),
            purpose: Purpose::Login,
        };
        let checked = tokio::task::spawn_blocking(move || authenticate(&access, &line, &attempt)).await;
        match checked.ok().and_then(|reply| reply.privilege) {
            Some(level) => self.accepted(user, level),
            None => {
                let lines = self.shared.terminals.failed(user, &self.from.ip().to_string());
                lines.into_iter().for_each(|line| self.shared.reporter.report(line));
                Auth::reject()
            }
        }
    }

    fn accepted(&mut self, user: &str, level: u8) -> Auth {
        (self.user, self.level) = (user.to_owned(), level);
        self.shared.reporter.report(Message::LoginSuccess { user: &user, from: &self.from.ip() });
        Auth::Accept
    }

    fn begin(&mut self, command: Option<String>) -> bool {
        let (Some(place), Some(channel), false) = (self.place.take(), self.channel.take(), self.started)
        else {
            return false;
        };
        self.started = true;
        let shared = self.shared.clone();
        let (user, level, size) = (self.user.clone(), self.level, self.size);
        tokio::spawn(async move {
            match command {
                Some(command) => match Request::parse(&command) {
                    Some(request) => {
                        let caller = Caller::new(Some(place.number())).with_user(&user);
                        let mut channel = channel;
                        let status = scp::serve(&mut channel, request, level, caller, &shared).await;
                        finish(&channel, status).await;
                        drop(place);
                    }
                    None => execute(channel, &command, (&user, level), place, shared).await,
                },
                None => terminal(channel, (&user, level), size, place, shared).await,
            }
        });
        true
    }
}

impl Handler for Client {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        Ok(self.check(user, password).await)
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _submethods: &str,
        response: Option<russh::server::Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        let Some(mut answers) = response else {
            return Ok(Auth::Partial {
                name: "".into(),
                instructions: "".into(),
                prompts: vec![("Password: ".into(), false)].into(),
            });
        };
        let password = answers.next().map(|octets| String::from_utf8_lossy(&octets).into_owned());
        Ok(self.check(user, &password.unwrap_or_default()).await)
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        let access = self.shared.terminals.access();
        let blob = key.public_key.to_bytes().map_err(russh::Error::from)?;
        match access.user(user) {
            Some(found) if self.shared.terminals.has_key(user, &blob) => {
                let line = self.place.as_ref().map_or(1, |p| p.line.privilege);
                Ok(self.accepted(user, found.privilege.max(line)))
            }
            _ => Ok(Auth::reject()),
        }
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut russh::server::Session,
    ) -> Result<(), Self::Error> {
        if self.started || self.channel.is_some() {
            // Dropping the handle refuses: one connection, one line.
            return Ok(());
        }
        self.channel = Some(channel);
        reply.accept().await;
        Ok(())
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _term: &str,
        columns: u32,
        rows: u32,
        _width: u32,
        _height: u32,
        _modes: &[(Pty, u32)],
        session: &mut russh::server::Session,
    ) -> Result<(), Self::Error> {
        self.size = (short(columns), short(rows));
        session.channel_success(channel)
    }

    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut russh::server::Session,
    ) -> Result<(), Self::Error> {
        if self.begin(None) { session.channel_success(channel) } else { session.channel_failure(channel) }
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        session: &mut russh::server::Session,
    ) -> Result<(), Self::Error> {
        let command = String::from_utf8(data.to_vec()).ok().filter(|c| c.len() <= MAX_COMMAND);
        match command {
            Some(command) if self.begin(Some(command.clone())) => session.channel_success(channel),
            _ => session.channel_failure(channel),
        }
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        _name: &str,
        session: &mut russh::server::Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(channel)
    }
}

fn short(number: u32) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

struct Terminal {
    channel: Channel<Msg>,
}

impl Wire for Terminal {
    async fn read(&mut self) -> io::Result<Input> {
        loop {
            match self.channel.wait().await {
                Some(ChannelMsg::Data { data }) => return Ok(Input::Keys(data.to_vec())),
                Some(ChannelMsg::WindowChange { col_width, row_height, .. }) => {
                    return Ok(Input::Size(short(col_width), short(row_height)));
                }
                Some(ChannelMsg::Eof | ChannelMsg::Close) | None => return Ok(Input::Closed),
                Some(_) => {}
            }
        }
    }

    async fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.channel.data(octets).await.map_err(io::Error::other)
    }
}

async fn terminal(channel: Channel<Msg>, user: (&str, u8), size: (u16, u16), place: Place, shared: Shared) {
    let vty = place.number().saturating_sub(FIRST_VTY);
    let mut session = Session::new(SessionKind::Vty(vty), size.0, size.1);
    session.set_hostname(&shared.hostname.read());
    session.set_line(&shared.terminals.access(), &place.line, Some(user));
    place.touch(user.0);
    let mut wire = Terminal { channel };
    if let Err(error) = drive::run(&mut wire, session, place, shared).await {
        tracing::debug!(%error, "ssh session");
    }
    finish(&wire.channel, 0).await;
}

/// `ssh router "show clock"`: one command, its output, and 0 or 1.
async fn execute(channel: Channel<Msg>, command: &str, user: (&str, u8), place: Place, shared: Shared) {
    let mut session = Session::new(SessionKind::Script, 0, 0);
    session.set_line(&shared.terminals.access(), &place.line, Some(user));
    let caller = Caller::new(Some(place.number())).with_user(user.0);
    session.execute_line(command);
    while let Some(action) = session.poll_action() {
        if matches!(action, Action::Close) {
            break;
        }
        let mut running = Some(ask(&shared.commands, action, caller.clone()).await);
        session.complete(drive::reply(&mut running).await);
    }
    while let Some(output) = session.poll_output() {
        if channel.data(output.as_slice()).await.is_err() {
            return;
        }
    }
    finish(&channel, u32::from(session.failed())).await;
}

async fn finish(channel: &Channel<Msg>, status: u32) {
    // A client that has hung up needs none of these.
    let _ = channel.exit_status(status).await;
    let _ = channel.eof().await;
    let _ = channel.close().await;
}

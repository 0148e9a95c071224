//! Telnet: served while some `line vty` has `transport input telnet`.

use std::io;
use std::net::SocketAddr;

use cli::session::{Session, SessionKind};
use cli::telnet::{Received, Telnet};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::drive::{self, Input, Wire};
use super::terminals::Transport;
use super::unix::Shared;
use crate::service::message::Message;

struct Connection {
    stream: TcpStream,
    telnet: Telnet,
    ready: std::collections::VecDeque<Input>,
}

impl Wire for Connection {
    async fn read(&mut self) -> io::Result<Input> {
        let mut octets = [0; 4096];
        loop {
            if let Some(input) = self.ready.pop_front() {
                return Ok(input);
            }
            let n = self.stream.read(&mut octets).await?;
            if n == 0 {
                return Ok(Input::Closed);
            }
            let mut replies = Vec::new();
            let ready = &mut self.ready;
            self.telnet.feed(octets.get(..n).unwrap_or_default(), |received| match received {
                Received::Octets(keys) => ready.push_back(Input::Keys(keys)),
                Received::Size(width, height) => ready.push_back(Input::Size(width, height)),
                Received::Reply(reply) => replies.extend(reply),
            });
            // Answers to options are a few octets: they fit the socket's buffer or the client does not read at all.
            if !replies.is_empty() {
                let _ = self.stream.try_write(&replies);
            }
        }
    }

    async fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.stream.write_all(&Telnet::escape(octets)).await
    }
}

/// Takes connections for ever.
pub(super) async fn serve(listener: TcpListener, shared: Shared) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                let shared = shared.clone();
                tokio::spawn(async move {
                    if let Err(error) = session(stream, from, shared).await {
                        tracing::debug!(%error, %from, "telnet");
                    }
                });
            }
            Err(error) => {
                shared.reporter.report(Message::TerminalsListen { error: &error });
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

async fn session(mut stream: TcpStream, from: SocketAddr, shared: Shared) -> io::Result<()> {
    let place = match shared.terminals.enter(Transport::Telnet, from.ip()) {
        Ok(place) => place,
        Err(refusal) => {
            tracing::info!(%from, %refusal, "telnet refused");
            return stream.shutdown().await;
        }
    };
    let telnet = Telnet::new();
    stream.write_all(&telnet.greeting()).await?;
    let vty = place.number().saturating_sub(super::terminals::FIRST_VTY);
    let mut session = Session::new(SessionKind::Vty(vty), 80, 24);
    session.set_hostname(&shared.hostname.read());
    session.set_line(&shared.terminals.access(), &place.line, None);
    let mut wire = Connection { stream, telnet, ready: Default::default() };
    drive::run(&mut wire, session, place, shared).await?;
    wire.stream.shutdown().await
}

//! `scp` to and from the gateway: `ip scp server enable`, privilege level 15.

use std::time::Duration;

use cli::session::{Action, ConfigureText, Exec, FileCommand};
use russh::server::Msg;
use russh::{Channel, ChannelMsg};
use tokio::sync::Semaphore;

use super::unix::Shared;
use super::{Caller, ask};
use crate::files::scp::{Request, Sink, Source, message};
use crate::files::{FileSystem, Place};

/// Transfers at the same time: each may hold a whole file.
static TRANSFERS: Semaphore = Semaphore::const_new(4);
/// Longest silence of the client.
const PATIENCE: Duration = Duration::from_secs(60);

/// Serves one transfer; gives the exit status.
pub(super) async fn serve(
    channel: &mut Channel<Msg>,
    request: Request,
    level: u8,
    caller: Caller,
    shared: &Shared,
) -> u32 {
    let refusal = match () {
        () if !shared.terminals.takes_scp() => Some("SCP is not enabled: ip scp server enable"),
        () if level < 15 => Some("Privilege denied."),
        () => None,
    };
    let done = match (refusal, TRANSFERS.try_acquire()) {
        (Some(why), _) => Err(why.to_owned()),
        (None, Err(_)) => Err("too many transfers at once".to_owned()),
        (None, Ok(_permit)) if request.to => receive(channel, &request.path, caller, shared).await,
        (None, Ok(_permit)) => send(channel, &request.path, caller, shared).await,
    };
    match done {
        Ok(()) => 0,
        Err(why) => {
            tracing::info!(path = request.path, why, "scp");
            // A client that has hung up needs no reason.
            let _ = channel.data(&message(&why)[..]).await;
            1
        }
    }
}

async fn next(channel: &mut Channel<Msg>) -> Result<Option<Vec<u8>>, String> {
    loop {
        match tokio::time::timeout(PATIENCE, channel.wait()).await.map_err(|_| "timed out".to_owned())? {
            Some(ChannelMsg::Data { data }) => return Ok(Some(data.to_vec())),
            Some(ChannelMsg::Eof | ChannelMsg::Close) | None => return Ok(None),
            Some(_) => {}
        }
    }
}

async fn receive(
    channel: &mut Channel<Msg>,
    path: &str,
    caller: Caller,
    shared: &Shared,
) -> Result<(), String> {
    let mut sink = Sink::default();
    loop {
        while let Some(out) = sink.poll_output() {
            channel.data(&out[..]).await.map_err(|e| e.to_string())?;
        }
        let Some(octets) = next(channel).await? else { return Ok(()) };
        if let Some((name, data)) = sink.feed(&octets).map_err(|e| e.to_string())? {
            sink.complete(keep(path, &name, data, caller.clone(), shared).await);
        }
    }
}

/// Puts a file where the client wants it.
async fn keep(path: &str, name: &str, data: Vec<u8>, caller: Caller, shared: &Shared) -> Result<(), String> {
    let place = Place::parse(path).map_err(|e| e.to_string())?;
    if place == Place::Running {
        let text = String::from_utf8_lossy(&data).into_owned();
        let action = Action::ConfigureText(ConfigureText { text, keep_going: true });
        let reply = ask(&shared.commands, action, caller).await.await.map_err(|e| e.to_string())?;
        return if reply.error { Err(reply.text) } else { Ok(()) };
    }
    let files = shared.files.clone();
    let place = target(&files, place, name);
    blocking(move || files.write(&place, &data).map_err(|e| e.to_string())).await
}

/// A file within a directory takes the name the client has for it.
fn target(files: &FileSystem, place: Place, name: &str) -> Place {
    let directory = files.stat(&place).is_ok_and(|found| found.directory);
    match place {
        Place::Local { disk, mut path } if directory => {
            let name = name.rsplit('/').next().unwrap_or("");
            match Place::parse(&format!("{}/{}/{name}", disk.prefix(), path.join("/"))) {
                Ok(place) => place,
                Err(_) => {
                    path.push("file".to_owned());
                    Place::Local { disk, path }
                }
            }
        }
        place => place,
    }
}

async fn send(channel: &mut Channel<Msg>, path: &str, caller: Caller, shared: &Shared) -> Result<(), String> {
    let place = Place::parse(path).map_err(|e| e.to_string())?;
    let data = match &place {
        Place::Running => {
            let command = FileCommand::More { path: place.to_string() };
            let action = Action::Exec(Exec::Files(command));
            let reply = ask(&shared.commands, action, caller).await.await.map_err(|e| e.to_string())?;
            reply.text.into_bytes()
        }
        Place::Remote(_) => return Err(format!("{place}: not on this gateway")),
        local => {
            let (files, local) = (shared.files.clone(), local.clone());
            blocking(move || files.read(&local).map_err(|e| e.to_string())).await?
        }
    };
    let mut source = Source::new(place.file_name().unwrap_or("file"), data);
    while !source.is_done() {
        let Some(octets) = next(channel).await? else { return Err("the client has hung up".to_owned()) };
        source.feed(&octets).map_err(|e| e.to_string())?;
        while let Some(out) = source.poll_output() {
            channel.data(&out[..]).await.map_err(|e| e.to_string())?;
        }
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|e| e.to_string())?
}

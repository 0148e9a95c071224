//! `copy`: any place to any place.

use std::time::{Duration, Instant};

use cli::session::{ConfigureText, Reply};

use super::commands::in_place_of;
use super::place::{Disk, Place, Remote, Scheme};
use super::{Context, FileSystem, Next, Stop, remote};

pub(super) fn copy(mut context: Context, from: &str, to: &str) -> Result<Next, Stop> {
    let mut from = Place::parse(from)?;
    let mut to = Place::parse(to)?;
    if let Place::Remote(source) = &mut from {
        complete(&mut context, source, "Source filename", "")?;
    } else if from.file_name().is_none() && from != Place::Null {
        let answer = context.line("Source filename", "")?;
        from = in_place_of(&from, &answer)?;
    }
    if let Place::Remote(target) = &mut to {
        let proposed = match &from {
            Place::Running => format!("{}-confg", context.running.hostname.to_ascii_lowercase()),
            other => other.file_name().unwrap_or("").to_owned(),
        };
        complete(&mut context, target, "Destination filename", &proposed)?;
    } else if to != Place::Null {
        let proposed = to.file_name().or_else(|| from.file_name()).unwrap_or("").to_owned();
        let answer = context.line("Destination filename", &proposed)?;
        to = in_place_of(&to, &answer)?;
    }
    if let Place::Local { .. } = &to
        && context.system.stat(&to).is_ok_and(|found| !found.directory)
    {
        context.confirm(
            "%Warning:There is a file already existing with this name\nDo you want to over write?",
        )?;
    }
    if let Place::Remote(source) = &mut from {
        identify(&mut context, source, "Source username")?;
    }
    if let Place::Remote(target) = &mut to {
        identify(&mut context, target, "Destination username")?;
    }
    let start = Instant::now();
    let octets = match &from {
        Place::Running => context.running.running().into_bytes(),
        Place::Remote(source) => {
            remote::fetch(source, context.authorities()).map_err(|why| fail("opening", &from, &why))?
        }
        local => context.system.read(local)?,
    };
    match &to {
        Place::Running => {
            let text = String::from_utf8_lossy(&octets).into_owned();
            let size = octets.len();
            return Ok(Next::then(move |host, now, switch| {
                let (candidate, mut reply) = ConfigureText { text, keep_going: true }.apply(switch.config());
                host.adopt(now, switch, candidate);
                let done = transferred(size, start.elapsed());
                reply.text = match reply.text.is_empty() {
                    true => done,
                    false => format!("{}\n{done}", reply.text.trim_end()),
                };
                reply.into()
            }));
        }
        Place::Remote(target) => {
            remote::store(target, octets.clone(), context.authorities())
                .map_err(|why| fail("writing", &to, &why))?;
        }
        local => context.system.write(local, &octets)?,
    }
    let text = match (&from, &to) {
        (Place::Running, Place::Startup) => {
            return Ok(Next::then(|host, now, switch| host.saved(now, switch)));
        }
        (_, Place::Startup) => format!("[OK]\n{}", transferred(octets.len(), start.elapsed())),
        (Place::Remote(source), _) => format!(
            "Accessing {source}...\n[OK - {0} bytes]\n\n{1}",
            octets.len(),
            transferred(octets.len(), start.elapsed())
        ),
        _ => format!("\n{}", transferred(octets.len(), start.elapsed())),
    };
    Ok(Next::Reply(Reply::text(text)))
}

/// Asks for what the URL leaves out.
fn complete(context: &mut Context, remote: &mut Remote, what: &str, proposed: &str) -> Result<(), Stop> {
    if remote.host.is_none() {
        let answer = context.line("Address or name of remote host", "")?;
        let asked = Place::parse(&format!("{}//{answer}/{}", remote.scheme.prefix(), remote.path))?;
        if let Place::Remote(asked) = asked {
            (remote.host, remote.port) = (asked.host, asked.port);
        }
    }
    let default = if remote.path.is_empty() { proposed } else { &remote.path }.to_owned();
    if remote.path.is_empty() || what.starts_with("Destination") {
        remote.path = context.line(what, &default)?;
    }
    if remote.path.chars().any(char::is_control) {
        return Err(Stop::Failed(format!("%Error opening {remote} (Invalid path)")));
    }
    Ok(())
}

/// Asks for the name and password that the server wants.
fn identify(context: &mut Context, remote: &mut Remote, what: &str) -> Result<(), Stop> {
    if remote.scheme != Scheme::Scp {
        return Ok(());
    }
    if remote.user.is_none() {
        let user = context.user.clone();
        remote.user = Some(context.line(what, &user)?);
    }
    if remote.password.is_none() {
        remote.password = Some(context.password()?);
    }
    Ok(())
}

fn fail(doing: &str, place: &Place, why: &str) -> Stop {
    Stop::Failed(format!("%Error {doing} {place} ({why})"))
}

/// `5592 bytes copied in 0.432 secs (12944 bytes/sec)`.
fn transferred(size: usize, took: Duration) -> String {
    let milliseconds = took.as_millis().max(1);
    let rate = (size as u128) * 1000 / milliseconds;
    format!(
        "{size} bytes copied in {}.{:03} secs ({rate} bytes/sec)",
        milliseconds / 1000,
        milliseconds % 1000
    )
}

/// Reads a configuration from wherever it is; may block, asks nothing.
pub(crate) fn configuration(context: &Context, path: &str) -> Result<String, Stop> {
    let place = Place::parse(path)?;
    let octets = match &place {
        Place::Running => return Ok(context.running.running()),
        Place::Remote(source) => {
            remote::fetch(source, context.authorities()).map_err(|why| fail("opening", &place, &why))?
        }
        local => context.system.read(local)?,
    };
    Ok(String::from_utf8_lossy(&octets).into_owned())
}

/// Writes a configuration to a disk or server; may block, asks nothing.
pub(crate) fn keep(system: &FileSystem, place: &Place, text: &str) -> Result<(), String> {
    match place {
        Place::Remote(target) => remote::store(target, text.as_bytes().to_vec(), None),
        local @ Place::Local { disk: Disk::Flash | Disk::Temporary, .. } => {
            system.write(local, text.as_bytes()).map_err(|error| error.to_string())
        }
        other => Err(format!("%Error opening {other} (Not a place for an archive)")),
    }
}

//! `dir`, `more`, `delete`, `mkdir`, `rmdir`, `rename`, `verify`, `show flash:`, `show file systems`.

use std::fmt::Write as _;

use cli::session::{Exec, FileCommand, Reply};
use md5::{Digest as _, Md5};

use super::copy::copy;
use super::place::{Disk, Place, PlaceError, Scheme};
use super::{Context, Entry, FileSystem, Next, Stop};
use crate::clock;

impl From<PlaceError> for Stop {
    fn from(error: PlaceError) -> Stop {
        Stop::Failed(error.to_string())
    }
}

/// Does a command on files; may block.
pub(crate) fn run(mut context: Context) -> Next {
    let Exec::Files(command) = context.exec.clone() else {
        return Next::Reply(Reply::error("% This command is not one on files"));
    };
    if let FileCommand::Copy { silent, from, to } = command {
        if silent {
            context.silence();
        }
        return copy(context, &from, &to).unwrap_or_else(|stop| Next::Reply(stop.into()));
    }
    Next::Reply(match answer(&mut context, command) {
        Ok(text) => Reply::text(text),
        Err(stop) => stop.into(),
    })
}

fn answer(context: &mut Context, command: FileCommand) -> Result<String, Stop> {
    let system = context.system.clone();
    match command {
        FileCommand::Copy { .. } => Ok(String::new()),
        FileCommand::Dir { recursive, path } => dir(&system, path.as_deref().unwrap_or("flash:"), recursive),
        FileCommand::More { path } => {
            let octets = match Place::parse(&path)? {
                Place::Running => context.running.running().into_bytes(),
                place => system.read(&place)?,
            };
            Ok(String::from_utf8_lossy(&octets).into_owned())
        }
        FileCommand::Delete { force, recursive, path } => {
            let mut place = Place::parse(&path)?;
            if !force {
                let answer = context.line("Delete filename", place.file_name().unwrap_or(""))?;
                place = in_place_of(&place, &answer)?;
                context.confirm(&format!("Delete {place}?"))?;
            }
            if place == Place::Startup {
                return Err(Stop::Failed(format!("%Error Deleting {place} (use write erase)")));
            }
            system.delete(&place, recursive)?;
            Ok(String::new())
        }
        FileCommand::MakeDirectory { path } => {
            let place = asked(context, "Create directory filename", path)?;
            system.make_directory(&place)?;
            Ok(format!("Created dir {place}"))
        }
        FileCommand::RemoveDirectory { path } => {
            let place = asked(context, "Remove directory filename", path)?;
            context.confirm(&format!("Delete {place}?"))?;
            system.remove_directory(&place)?;
            Ok(format!("Removed dir {place}"))
        }
        FileCommand::Rename { from, to } => {
            let from = Place::parse(&from)?;
            let to = Place::parse(to.as_deref().unwrap_or(""))?;
            let answer = context.line("Destination filename", to.file_name().unwrap_or(""))?;
            system.rename(&from, &in_place_of(&to, &answer)?)?;
            Ok(String::new())
        }
        FileCommand::Verify { path, expected } => verify(context, &path, expected.as_deref()),
        FileCommand::FileSystems => Ok(file_systems(&system)),
        FileCommand::Flash => flash(&system),
    }
}

/// The place a question about a file came to: the place itself where its own name was the answer.
pub(super) fn in_place_of(place: &Place, answer: &str) -> Result<Place, Stop> {
    if place.file_name() == Some(answer) {
        return Ok(place.clone());
    }
    if answer.contains(':') {
        return Ok(Place::parse(answer)?);
    }
    let mut parent = place.to_string();
    if !answer.starts_with('/') && place.file_name().is_some() {
        parent.truncate(parent.rfind('/').map_or(parent.len(), |at| at + 1));
    } else if let Some(colon) = parent.find(':').filter(|_| answer.starts_with('/')) {
        parent.truncate(colon + 1);
    }
    Ok(Place::parse(&format!("{parent}{answer}"))?)
}

fn asked(context: &mut Context, what: &str, path: Option<String>) -> Result<Place, Stop> {
    let place = Place::parse(path.as_deref().unwrap_or(""))?;
    let answer = context.line(what, place.file_name().unwrap_or(""))?;
    in_place_of(&place, &answer)
}

fn dir(system: &FileSystem, path: &str, recursive: bool) -> Result<String, Stop> {
    let place = Place::parse(path)?;
    let itself = system.stat(&place)?;
    let disk = match &place {
        Place::Local { disk, .. } => Some(*disk),
        _ => None,
    };
    let mut out = format!("Directory of {place}\n\n");
    let entries = if itself.directory { system.list(&place, recursive)? } else { vec![itself] };
    if entries.is_empty() {
        out.push_str("No files in directory\n");
    }
    for (number, entry) in (1..).zip(&entries) {
        let kind = if entry.directory { 'd' } else { '-' };
        let _ = writeln!(
            out,
            "{number:>5}  {kind}rw-  {:>12}  {}  {}",
            entry.size,
            clock::file_time(entry.modified),
            entry.name
        );
    }
    let (total, free) = match disk {
        Some(disk) => {
            let (total, free, _) = system
                .usage(disk)
                .map_err(|error| Stop::Failed(format!("%Error opening {place} ({error})")))?;
            (total, free)
        }
        None => nvram(system),
    };
    let _ = writeln!(out, "\n{total} bytes total ({free} bytes free)");
    Ok(out)
}

/// Size of `nvram:` as it is shown, and what the startup configuration leaves of it.
fn nvram(system: &FileSystem) -> (u64, u64) {
    let total = super::MAX_FILE as u64;
    let used = system.stat(&Place::Startup).map_or(0, |entry| entry.size);
    (total, total.saturating_sub(used))
}

fn file_systems(system: &FileSystem) -> String {
    let mut out = String::from(
        "File Systems:\n\n       Size(b)       Free(b)      Type  Flags  Prefixes\n\
         \u{20}            -             -    opaque     rw   system:\n",
    );
    for disk in [Disk::Flash, Disk::Temporary] {
        if let Ok((total, free, _)) = system.usage(disk) {
            let star = if disk == Disk::Flash { '*' } else { ' ' };
            let _ = writeln!(out, "{star}{total:>13} {free:>13}      disk     rw   {}", disk.prefix());
        }
    }
    let (total, free) = nvram(system);
    let _ = writeln!(out, " {total:>13} {free:>13}     nvram     rw   nvram:");
    let _ = writeln!(out, " {:>13} {:>13}    opaque     wo   null:", "-", "-");
    for scheme in [Scheme::Tftp, Scheme::Ftp, Scheme::Http, Scheme::Https, Scheme::Scp] {
        let _ = writeln!(out, " {:>13} {:>13}   network     rw   {}", "-", "-", scheme.prefix());
    }
    out
}

fn flash(system: &FileSystem) -> Result<String, Stop> {
    let root = Place::Local { disk: Disk::Flash, path: Vec::new() };
    let mut out = String::from("-#- --length-- -----date/time------ path\n");
    for (number, entry) in (1..).zip(system.list(&root, true)?) {
        let Entry { name, size, modified, .. } = entry;
        let _ = writeln!(out, "{number:<3} {size:>10} {} /{name}", clock::file_time(modified));
    }
    let (total, free, _) = system
        .usage(Disk::Flash)
        .map_err(|error| Stop::Failed(format!("%Error opening flash:/ ({error})")))?;
    let _ = writeln!(out, "\n{free} bytes available ({} bytes used)", total - free);
    Ok(out)
}

fn verify(context: &Context, path: &str, expected: Option<&str>) -> Result<String, Stop> {
    let place = Place::parse(path)?;
    let octets = match &place {
        Place::Running => context.running.running().into_bytes(),
        place => context.system.read(place)?,
    };
    let digest: String = Md5::digest(&octets).iter().map(|octet| format!("{octet:02x}")).collect();
    match expected {
        None => Ok(format!(".MD5 of {place} Done!\nverify /md5 ({place}) = {digest}\n")),
        Some(wanted) if wanted.eq_ignore_ascii_case(&digest) => {
            Ok(format!(".MD5 of {place} Done!\nVerified ({place}) = {digest}\n"))
        }
        Some(wanted) => Err(Stop::Failed(format!(
            "%Error verifying {place}\nComputed signature  = {digest}\nSubmitted signature = {wanted}"
        ))),
    }
}

//! The startup configuration: read at the start, saved with the one before it kept, which is used where the newer one is
//! damaged.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use cli::config::{Config, MessageKind, Parsed};

use crate::service::message::Message;
use crate::service::report::Reporter;

/// Why a startup configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct StartupError {
    path: PathBuf,
    source: io::Error,
}

/// Reads the startup configuration; `None` where there is none yet. Octets that are no UTF-8 become U+FFFD, which
/// counts as damage at the start.
///
/// # Errors
/// [`StartupError`] when the file exists and cannot be read.
pub fn load(path: &Path) -> Result<Option<String>, StartupError> {
    match std::fs::read(path) {
        Ok(octets) => Ok(Some(String::from_utf8_lossy(&octets).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StartupError { path: path.to_owned(), source }),
    }
}

/// The configuration to start with: that of `text`, which was read from `path`. Lines that are refused are logged; where
/// there are any, the configuration saved before is used, if it has none. Without one the rest of the lines is used, as a
/// router does at boot.
pub(crate) fn choose(text: &str, path: &Path, reporter: &Reporter) -> Config {
    let parsed = Config::parse(text);
    let wrong = damage(&parsed, text);
    for (number, why) in &wrong {
        reporter.report(Message::ConfigRefused { file: &path.display(), number, text: why });
    }
    if wrong.is_empty() {
        return parsed.config;
    }
    let previous = previous(path);
    if let Ok(Some(text)) = load(&previous) {
        let old = Config::parse(&text);
        if damage(&old, &text).is_empty() {
            reporter.report(Message::ConfigPrevious { file: &previous.display() });
            return old.config;
        }
    }
    parsed.config
}

/// Keeps the startup configuration that is about to be written over, unless it is damaged: then the one before it stays.
///
/// # Errors
/// What the system said.
pub(crate) fn keep_previous(path: &Path) -> io::Result<()> {
    let octets = match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        octets => octets?,
    };
    let text = String::from_utf8_lossy(&octets);
    if !damage(&Config::parse(&text), &text).is_empty() {
        return Ok(());
    }
    let (previous, mut new) = (previous(path), OsString::from(path));
    new.push(".previous~");
    std::fs::write(&new, &octets)?;
    std::fs::rename(new, previous)
}

/// Where the startup configuration before that of `path` is kept.
pub(crate) fn previous(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".previous");
    name.into()
}

/// The lines that are wrong, by number, each with the router's words.
fn damage(parsed: &Parsed, text: &str) -> Vec<(usize, String)> {
    let garbled = (1..).zip(text.lines()).filter(|(_, line)| line.contains('\u{fffd}'));
    let refused = parsed.messages.iter().filter_map(|message| match &message.kind {
        MessageKind::Refused { text, column } => Some((message.line, in_one_line(text, *column))),
        _ => None,
    });
    let mut wrong: Vec<(usize, String)> =
        garbled.map(|(number, _)| (number, "octets that are no text".to_owned())).chain(refused).collect();
    wrong.sort_by_key(|(number, _)| *number);
    wrong.dedup_by_key(|(number, _)| *number);
    wrong
}

/// A router's words without the line of the caret, whose place is told instead. The refused line itself is not: there may be a
/// secret in it.
fn in_one_line(text: &str, column: usize) -> String {
    let is_caret = |line: &&str| line.trim() == "^";
    let words = text.lines().filter(|line| !is_caret(line)).map(str::trim).collect::<Vec<_>>().join(" ");
    if text.lines().any(|line| is_caret(&line)) { format!("column {}: {words}", column + 1) } else { words }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::service::report;

    fn chosen(path: &Path) -> (String, Vec<String>) {
        let (reporter, mut lines) = report::channel();
        let config = choose(&load(path).unwrap().unwrap(), path, &reporter);
        (config.hostname, std::iter::from_fn(|| lines.try_recv().ok().map(|l| l.text().to_owned())).collect())
    }

    #[test]
    fn a_damaged_file_gives_way_to_the_one_saved_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("startup-config");
        keep_previous(&path).unwrap();
        assert!(load(&path).unwrap().is_none() && load(&previous(&path)).unwrap().is_none());
        std::fs::write(&path, "hostname First\n").unwrap();
        keep_previous(&path).unwrap();
        std::fs::write(&path, "hostname Second\nfrobnicate\n").unwrap();
        let (hostname, lines) = chosen(&path);
        assert_eq!(hostname, "First");
        let file = path.display();
        assert_eq!(
            lines,
            [
                format!(
                    "%SYS-3-CONFIG_REFUSED: {file} line 2: column 1: % Invalid input detected at '^' marker."
                ),
                format!("%SYS-2-CONFIG_PREVIOUS: {file}.previous is used in its place"),
            ]
        );
        // what is damaged is not kept in place of what is whole
        keep_previous(&path).unwrap();
        assert_eq!(load(&previous(&path)).unwrap().unwrap(), "hostname First\n");
        std::fs::write(&path, b"hostname Th\xffird\n").unwrap();
        let (hostname, lines) = chosen(&path);
        assert!(hostname == "First" && lines[0].ends_with("line 1: octets that are no text"), "{lines:?}");
        // without one before it, the lines that are right are used
        std::fs::remove_file(previous(&path)).unwrap();
        std::fs::write(&path, "hostname Second\nfrobnicate\n").unwrap();
        assert_eq!(chosen(&path).0, "Second");
    }
}

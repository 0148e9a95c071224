//! `tipringd check`: reading configurations offline.

use crate::config::{Config, MessageKind};
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// What became of one file. As JSON this is the object that `tipringd check --json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// Its name.
    pub file: String,
    /// Lines in the file, blank and comment lines included.
    pub lines: usize,
    /// Lines that the gateway acts on.
    pub acted: usize,
    /// Lines that are kept without effect.
    pub kept: usize,
    /// Lines that are refused.
    pub refused: usize,
    /// One entry for each line that is kept or refused.
    pub messages: Vec<CheckMessage>,
}

/// A line that is kept or refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckMessage {
    /// Number of the line, from 1; 0 if the file could not be read.
    pub line: usize,
    /// `kept` or `refused`.
    pub kind: &'static str,
    /// The line as it stands in the file.
    pub source: String,
    /// Why it is kept, or the router's refusal with the caret line.
    pub text: String,
    /// Offset of the offending character, of a refused line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
}

impl FileReport {
    /// True if no line is refused.
    pub fn is_clean(&self) -> bool {
        self.refused == 0
    }
}

/// The text form: a line of figures, then kept lines with their reason and refused lines with their caret.
impl fmt::Display for FileReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} lines: {} acted on, {} kept but not acted on, {} refused",
            self.file, self.lines, self.acted, self.kept, self.refused
        )?;
        for message in &self.messages {
            let source = message.source.trim_end();
            match message.kind {
                "refused" => {
                    writeln!(f, "{}:{}: refused\n{source}\n{}", self.file, message.line, message.text)?
                }
                kind => writeln!(
                    f,
                    "{}:{}: {kind}: {}: {}",
                    self.file,
                    message.line,
                    source.trim(),
                    message.text
                )?,
            }
        }
        Ok(())
    }
}

/// Checks a text.
///
/// ```
/// let report = cli::check::check_text("x.cfg", "hostname A\nvoice-port 2/0\n cptone zz\n");
/// assert_eq!((report.acted, report.refused), (2, 1));
/// assert_eq!(report.messages[0].column, Some(8));
/// ```
pub fn check_text(file: &str, text: &str) -> FileReport {
    let parsed = Config::parse(text);
    let sources: Vec<&str> = text.lines().collect();
    let mut report = FileReport {
        file: file.to_owned(),
        lines: sources.len(),
        acted: 0,
        kept: 0,
        refused: 0,
        messages: Vec::new(),
    };
    for message in parsed.messages {
        let source = sources.get(message.line.saturating_sub(1)).copied().unwrap_or("").to_owned();
        let (kind, text, column) = match message.kind {
            MessageKind::Acted => {
                report.acted += 1;
                continue;
            }
            MessageKind::Kept { reason } => {
                report.kept += 1;
                ("kept", reason.to_owned(), None)
            }
            MessageKind::Refused { column, text } => {
                report.refused += 1;
                ("refused", text, Some(column))
            }
        };
        report.messages.push(CheckMessage { line: message.line, kind, source, text, column });
    }
    report
}

/// Checks files. A file that cannot be read is reported as one refused line 0. Octets that are no UTF-8 count as
/// Latin-1, which old configurations are in.
pub fn check<P: AsRef<Path>>(files: &[P]) -> Vec<FileReport> {
    files
        .iter()
        .map(|path| {
            let name = path.as_ref().display().to_string();
            match std::fs::read(path) {
                Ok(octets) => check_text(&name, &text_of(&octets)),
                Err(error) => FileReport {
                    file: name,
                    lines: 0,
                    acted: 0,
                    kept: 0,
                    refused: 1,
                    messages: vec![CheckMessage {
                        line: 0,
                        kind: "refused",
                        source: String::new(),
                        text: format!("% File cannot be read: {error}"),
                        column: None,
                    }],
                },
            }
        })
        .collect()
}

/// The text of a configuration file.
pub fn text_of(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) => text.to_owned(),
        Err(_) => octets.iter().map(|b| char::from(*b)).collect(),
    }
}

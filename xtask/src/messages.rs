//! `docs/messages.md`: every log line `%FACILITY-SEVERITY-MNEMONIC`, from the gateway's own catalogue.

// Only the catalogue is wanted here; nobody writes a message.
#[allow(dead_code, unreachable_pub)]
#[path = "../../gateway/src/service/message.rs"]
mod message;

use message::CATALOGUE;

const SEVERITIES: [&str; 8] =
    ["emergency", "alert", "critical", "error", "warning", "notification", "informational", "debugging"];

/// The catalogue as Markdown.
pub(crate) fn catalogue() -> String {
    let mut out = String::from(
        "# Log messages\n\nEvery line of the log is `%FACILITY-SEVERITY-MNEMONIC: text`; severities are those of syslog, 0 the \
         worst.\n`logging buffered`, `console`, `monitor` and `trap` choose by severity what the buffer, terminals and hosts get.\n\
         Written by `cargo xtask manual` from `gateway/src/service/message.rs`; do not edit.\n\n\
         | message | severity | text | what it means |\n|---|---|---|---|\n",
    );
    for entry in CATALOGUE {
        let word = SEVERITIES.get(usize::from(entry.severity)).copied().unwrap_or("");
        out.push_str(&format!(
            "| `%{}-{}-{}` | {} {word} | {} | {} |\n",
            entry.facility,
            entry.severity,
            entry.mnemonic,
            entry.severity,
            shown(entry.text),
            entry.meaning.trim().replace('|', "\\|"),
        ));
    }
    out
}

/// What varies stands in angle brackets.
fn shown(text: &str) -> String {
    text.replace('{', "\\<").replace('}', ">").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use crate::shell::root;
    use std::path::{Path, PathBuf};

    #[test]
    fn the_catalogue_shows_what_varies_and_what_it_means() {
        let text = catalogue();
        let row = "| `%LINK-3-UPDOWN` | 3 error | Interface Foreign Exchange \\<kind> \\<name>, changed state to \\<state> | A voice port ";
        assert!(text.contains(row), "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with("| `%")).count(), CATALOGUE.len());
    }

    /// The head of a log line: `%SIP-3-DNS` at the beginning of `text`.
    fn is_head(text: &str) -> bool {
        let mut parts = text.trim_start_matches('%').splitn(3, '-');
        let word = |part: Option<&str>| {
            part.is_some_and(|p| p.starts_with(|c: char| c.is_ascii_uppercase()) && p.len() > 1)
        };
        let facility = parts.next();
        let upper = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        word(facility.filter(|facility| facility.bytes().all(upper)))
            && parts.next().is_some_and(|n| n.len() == 1 && n.bytes().all(|b| b.is_ascii_digit()))
            && word(parts.next())
    }

    fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "tests" {
                sources(&path, files);
            } else if name.ends_with(".rs") && !name.contains("tests") && name != "message.rs" {
                files.push(path);
            }
        }
    }

    #[test]
    fn no_line_of_the_log_is_written_past_the_catalogue() {
        assert!(
            is_head("%SIP-3-DNS: x") && is_head("%LINK-3-UPDOWN") && !is_head("%d-3-X") && !is_head("%A")
        );
        let mut files = Vec::new();
        for folder in
            ["gateway/src", "cli/src", "sip/src", "qsig/src", "mwi/src", "media/src", "telephony-hal/src"]
        {
            sources(&root().join(folder), &mut files);
        }
        assert!(files.len() > 200, "{}", files.len());
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            // What tests expect is not what the gateway writes.
            let text = text.split("#[cfg(test)]").next().unwrap();
            for (number, line) in (1..).zip(text.lines()).filter(|(_, l)| !l.trim_start().starts_with("//")) {
                let found = line.match_indices('%').any(|(at, _)| is_head(&line[at..]));
                assert!(!found, "{}:{number}: not in the catalogue: {line}", file.display());
            }
        }
    }
}

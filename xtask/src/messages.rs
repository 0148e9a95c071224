//! `docs/messages.md`: every log line `%FACILITY-SEVERITY-MNEMONIC` that the sources can write.
//!
//! Read from the sources, so that no message can be missing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::shell::{Outcome, root};

/// Where messages are written.
const SOURCES: [&str; 2] = ["gateway/src", "cli/src"];

const SEVERITIES: [&str; 8] =
    ["emergency", "alert", "critical", "error", "warning", "notification", "informational", "debugging"];

/// One message: its name, and its texts with the places of what varies.
#[derive(Debug, Default, PartialEq, Eq)]
struct Message {
    severity: u8,
    texts: Vec<String>,
}

/// The catalogue as Markdown.
pub(crate) fn catalogue() -> Outcome<String> {
    let mut found: BTreeMap<String, Message> = BTreeMap::new();
    for folder in SOURCES {
        let mut files = Vec::new();
        sources(&root().join(folder), &mut files)?;
        files.sort();
        for file in files {
            let text = std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
            // What tests write is not what the gateway writes.
            let text = text.split("#[cfg(test)]").next().unwrap_or("");
            read(text, &mut found);
        }
    }
    let mut out = String::from(
        "# Log messages\n\nEvery line of the log is `%FACILITY-SEVERITY-MNEMONIC: text`; severities are those of syslog, 0 the \
         worst.\n`logging console` and `logging monitor` choose what terminals show by severity.\nWritten from the sources by \
         `cargo xtask manual`; do not edit.\n\n| message | severity | text |\n|---|---|---|\n",
    );
    for (name, message) in &found {
        let severity = SEVERITIES.get(usize::from(message.severity)).copied().unwrap_or("");
        let texts = message.texts.join("<br>");
        out.push_str(&format!("| `%{name}` | {} {severity} | {texts} |\n", message.severity));
    }
    Ok(out)
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) -> Outcome {
    let problem = |e: std::io::Error| format!("{}: {e}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(problem)? {
        let path = entry.map_err(problem)?.path();
        if path.is_dir() {
            sources(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn read(text: &str, found: &mut BTreeMap<String, Message>) {
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for (at, _) in line.match_indices('%') {
            let rest = line.get(at + 1..).unwrap_or("");
            let Some((name, text)) = rest.split_once(": ") else { continue };
            let Some(severity) = severity(name) else { continue };
            let text = text.split('"').next().unwrap_or("").replace('|', "\\|");
            let message = found.entry(name.to_owned()).or_default();
            message.severity = severity;
            let text = shown(&text);
            if !message.texts.contains(&text) {
                message.texts.push(text);
            }
        }
    }
}

/// The severity in `FACILITY-SEVERITY-MNEMONIC`; `None` for any other word.
fn severity(name: &str) -> Option<u8> {
    let mut parts = name.splitn(3, '-');
    let (facility, severity, mnemonic) = (parts.next()?, parts.next()?, parts.next()?);
    let word = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    let severity = severity.parse().ok().filter(|s| *s <= 7)?;
    (word(facility) && word(mnemonic)).then_some(severity)
}

/// What varies stands in angle brackets.
fn shown(text: &str) -> String {
    let mut out = String::new();
    for (index, part) in text.split('{').enumerate() {
        match (index, part.split_once('}')) {
            (0, _) | (_, None) => out.push_str(part),
            (_, Some((name, rest))) => {
                let name = name.split(':').next().unwrap_or("");
                out.push_str(if name.is_empty() { "\\<value>" } else { "\\<" });
                if !name.is_empty() {
                    out.push_str(name);
                    out.push('>');
                }
                out.push_str(rest);
            }
        }
    }
    out.trim_end_matches('\\').trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_with_what_varies() {
        let mut found = BTreeMap::new();
        read(
            "  log(\"%LINK-3-UPDOWN: port {port} is {}, {why:?}\");\n// %A-1-B: no\n\"100%-x: y\"",
            &mut found,
        );
        let message = Message { severity: 3, texts: vec!["port \\<port> is \\<value>, \\<why>".into()] };
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [("LINK-3-UPDOWN".to_owned(), message)]);
    }

    #[test]
    fn the_catalogue_names_what_the_gateway_logs() {
        let text = catalogue().unwrap_or_default();
        for name in ["%SEC_LOGIN-5-LOGIN_SUCCESS", "%LINEPROTO-4-UPDOWN", "%SYS-3-CONFIG_REFUSED"] {
            assert!(text.contains(name), "{name} in\n{text}");
        }
        assert!(text.lines().count() > 20, "{text}");
    }
}

//! `docs/sip-compliance.md`: what the gateway does with each method, response and header of the Unified CM 6.0(1) SIP trunk guide,
//! and with each of its flows, and the test that shows it.
//!
//! Methods, responses and headers stand in `docs/sip-compliance.toml`; flows are the tests `flow_…` themselves. A row whose test
//! does not exist is an error.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::shell::{Outcome, root};

/// Where tests are written.
const SOURCES: [&str; 3] = ["tests/tests", "gateway/src", "sip/src"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    row: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    kind: Kind,
    /// As the guide writes it.
    name: String,
    state: State,
    /// What is done.
    what: String,
    /// The function that shows it.
    test: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Method,
    Response,
    Header,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Supported,
    Ignored,
    Refused,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Supported => "supported",
            Self::Ignored => "ignored",
            Self::Refused => "refused",
        }
    }
}

/// The page.
pub(crate) fn page() -> Outcome<String> {
    let path = root().join("docs/sip-compliance.toml");
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let file: File = toml::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
    let tests = tests()?;
    let mut out = String::from(
        "# SIP on a Unified CM trunk\n\nWhat the gateway does with what the SIP trunk guide of Unified CM 6.0(1) lists, and the test \
         that shows it.\nWritten by `cargo xtask manual` from `docs/sip-compliance.toml` and the tests; do not edit.\n",
    );
    for (kind, title) in
        [(Kind::Method, "Methods"), (Kind::Response, "Responses"), (Kind::Header, "Header fields")]
    {
        let _ = write!(out, "\n## {title}\n\n| name | state | what is done | test |\n|---|---|---|---|\n");
        for row in file.row.iter().filter(|row| row.kind == kind) {
            let Some(place) = tests.get(&row.test) else {
                return Err(format!("docs/sip-compliance.toml: {}: no test {}", row.name, row.test));
            };
            let _ = writeln!(
                out,
                "| {} | {} | {} | `{}` in `{place}` |",
                row.name,
                row.state.word(),
                row.what,
                row.test
            );
        }
    }
    out.push_str("\n## Flows\n\n| flow | test |\n|---|---|\n");
    let mut flows: Vec<(Vec<u32>, &String, &String)> = tests
        .iter()
        .filter_map(|(name, place)| Some((numbers(name.strip_prefix("flow_")?), name, place)))
        .collect();
    flows.sort();
    for (number, name, place) in flows {
        let number: Vec<String> = number.iter().map(u32::to_string).collect();
        let _ = writeln!(out, "| {} | `{name}` in `{place}` |", number.join("."));
    }
    Ok(out)
}

/// The number of a flow: `7_1_fax_passes` is 7.1.
fn numbers(name: &str) -> Vec<u32> {
    name.split('_').map_while(|word| word.parse().ok()).take(2).collect()
}

/// Every function with `#[test]` above it, and its file.
fn tests() -> Outcome<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for folder in SOURCES {
        let mut files = Vec::new();
        sources(&root().join(folder), &mut files)?;
        files.sort();
        for file in files {
            let text = std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
            let place = file.strip_prefix(root()).unwrap_or(&file).display().to_string();
            for name in functions(&text) {
                found.insert(name.to_owned(), place.clone());
            }
        }
    }
    Ok(found)
}

fn functions(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut test = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            test = true;
        } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| test) {
            found.extend(rest.split(['(', '<']).next());
            test = false;
        }
    }
    found
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) -> Outcome {
    let problem = |e: std::io::Error| format!("{}: {e}", dir.display());
    for entry in std::fs::read_dir(dir).map_err(problem)? {
        let path = entry.map_err(problem)?.path();
        if path.is_dir() {
            sources(&path, found)?;
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_found_by_their_attribute() {
        let text = "#[test]\nfn flow_7_1_fax() {\n}\nfn helper() {}\n#[tokio::test(flavor = \"x\")]\nasync fn two() {}\n";
        assert_eq!(functions(text), ["flow_7_1_fax", "two"]);
        assert_eq!(numbers("7_1_fax_8"), [7, 1]);
    }
}

//! `docs/sip-compliance.md`: what the gateway does with each method, response and header of the Unified CM 6.0(1) SIP trunk guide,
//! with each of its flows, each kind of trunk, and each place where a strict parser chokes, and the test that shows it.
//!
//! All but flows stand in `docs/sip-compliance.toml`; flows are the tests `flow_…` themselves. A row whose test does not exist is
//! an error, and so is anything of the guide without a row or a flow without a test.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::shell::{Outcome, root};

/// Flows in each chapter of the guide.
const FLOWS: [u32; 17] = [10, 3, 3, 4, 2, 1, 1, 2, 1, 1, 2, 4, 1, 2, 5, 1, 5];

/// What the guide's tables 1-2 to 1-4 list, and what its messages have beside.
const METHODS: [&str; 16] = [
    "INVITE",
    "re-INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "INFO",
    "PRACK",
    "UPDATE",
    "REFER in a call",
    "REFER outside a call",
    "OPTIONS",
    "PUBLISH",
    "REGISTER",
    "SUBSCRIBE (kpml)",
    "SUBSCRIBE (presence)",
    "NOTIFY (message-summary)",
];
const RESPONSES: [&str; 21] = [
    "100", "180", "181", "182", "183", "200", "202", "300", "301", "302", "305", "380", "401", "403", "407",
    "412", "422", "4xx", "5xx", "6xx", "481",
];
const HEADERS: [&str; 57] = [
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Allow",
    "Allow-Events",
    "Authorization",
    "CC-Diversion",
    "CC-Redirect",
    "CSeq",
    "Call-ID",
    "Call-Info",
    "Cisco-Guid",
    "Contact",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "Date",
    "Diversion",
    "Encryption",
    "Event",
    "Expires",
    "From",
    "Hide",
    "Max-Forwards",
    "Min-SE",
    "Organization",
    "Priority",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Require",
    "RAck",
    "RSeq",
    "Reason",
    "Record-Route",
    "Refer-To",
    "Referred-By",
    "Remote-Party-ID",
    "Replaces",
    "Require",
    "Response-Key",
    "Retry-After",
    "Route",
    "SIP-ETag",
    "SIP-If-Match",
    "Server",
    "Session-Expires",
    "Subject",
    "Subscription-State",
    "Supported",
    "Timestamp",
    "To",
    "Unsupported",
    "User-Agent",
    "Via",
    "WWW-Authenticate",
    "Warning",
];
/// Each way a trunk may be set up.
const TRUNKS: [&str; 8] =
    ["UDP", "TCP", "TLS", "IPv4 address", "FQDN", "SRV record", "delayed offer", "early offer with MTP"];
/// Places where a strict parser chokes.
const PLACES: usize = 60;

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
    /// A way a trunk is set up.
    Trunk,
    /// A place where a strict parser chokes.
    Place,
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
    for (kind, title, listed) in [
        (Kind::Trunk, "Trunks", &TRUNKS[..]),
        (Kind::Method, "Methods", &METHODS[..]),
        (Kind::Response, "Responses", &RESPONSES[..]),
        (Kind::Header, "Header fields", &HEADERS[..]),
        (Kind::Place, "Where a strict parser chokes", &[]),
    ] {
        let rows: Vec<&Row> = file.row.iter().filter(|row| row.kind == kind).collect();
        complete(&rows, listed).map_err(|e| format!("{}: {title}: {e}", path.display()))?;
        let _ = write!(out, "\n## {title}\n\n| name | state | what is done | test |\n|---|---|---|---|\n");
        for row in rows {
            let Some(place) = tests.get(&row.test) else {
                return Err(format!("docs/sip-compliance.toml: {}: no test {}", row.name, row.test));
            };
            let Row { name, what, test, .. } = row;
            let _ = writeln!(out, "| {name} | {} | {what} | `{test}` in `{place}` |", row.state.word());
        }
    }
    let places = file.row.iter().filter(|row| row.kind == Kind::Place).count();
    if places < PLACES {
        return Err(format!(
            "{}: {places} places where a strict parser chokes, expected {PLACES}",
            path.display()
        ));
    }
    out.push_str("\n## Flows\n\n| flow | test |\n|---|---|\n");
    let shown: Vec<([u32; 2], &String, &String)> = tests
        .iter()
        .filter_map(|(name, place)| Some((name.strip_prefix("flow_")?, name, place)))
        .flat_map(|(numbers, name, place)| flows(numbers).into_iter().map(move |flow| (flow, name, place)))
        .collect();
    for (chapter, count) in (1..).zip(FLOWS) {
        for number in 1..=count {
            let mut tests = shown.iter().filter(|(flow, ..)| *flow == [chapter, number]).peekable();
            if tests.peek().is_none() {
                return Err(format!("flow {chapter}.{number} of the guide has no test"));
            }
            for (_, name, place) in tests {
                let _ = writeln!(out, "| {chapter}.{number} | `{name}` in `{place}` |");
            }
        }
    }
    Ok(out)
}

/// Every name that is listed has a row; a row may have several, with commas.
fn complete(rows: &[&Row], listed: &[&str]) -> Outcome {
    let named: Vec<&str> = rows.iter().flat_map(|row| row.name.split(", ")).collect();
    match listed.iter().find(|name| !named.contains(name)) {
        Some(missing) => Err(format!("no row for {missing}")),
        None => Ok(()),
    }
}

/// The flows in the name of a test: `7_1_fax_passes` is 7.1, `17_1_to_17_3_and_17_5_x` is 17.1, 17.2, 17.3 and 17.5.
fn flows(name: &str) -> Vec<[u32; 2]> {
    let mut found: Vec<[u32; 2]> = Vec::new();
    let mut words = name.split('_').peekable();
    let mut through = false;
    loop {
        let pair = (
            words.next().and_then(|word| word.parse().ok()),
            words.next().and_then(|word| word.parse().ok()),
        );
        let (Some(chapter), Some(number)) = pair else { return found };
        match found.last().copied().filter(|[from, _]| through && *from == chapter) {
            Some([_, from]) => found.extend((from + 1..=number).map(|number| [chapter, number])),
            None => found.push([chapter, number]),
        }
        through = match words.next() {
            Some("and") => false,
            Some("to") => true,
            _ => return found,
        };
    }
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
        assert_eq!(flows("7_1_fax_8"), [[7, 1]]);
        assert_eq!(flows("12_3_and_12_4_a_bye"), [[12, 3], [12, 4]]);
        assert_eq!(flows("17_1_to_17_3_and_17_5_publish"), [[17, 1], [17, 2], [17, 3], [17, 5]]);
        assert_eq!(flows("8_1_to_sip"), [[8, 1]]);
        assert_eq!(FLOWS.iter().sum::<u32>(), 48);
    }
}

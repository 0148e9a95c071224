//! The text of messages.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use crate::Said;

/// What release 6 says it understands.
pub(super) const ALLOW: &str =
    "INVITE, OPTIONS, INFO, BYE, CANCEL, ACK, PRACK, UPDATE, REFER, SUBSCRIBE, NOTIFY, PUBLISH";

/// Start line and header lines of a message to be.
pub(super) struct Headers {
    start: String,
    lines: Vec<(String, String)>,
}

impl Headers {
    pub(super) fn new(start: &str) -> Self {
        Self { start: start.to_owned(), lines: Vec::new() }
    }

    pub(super) fn add(&mut self, name: &str, value: &str) {
        self.lines.push((name.to_owned(), value.to_owned()));
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.lines.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    /// Lines `Name: value` take the place of those of that name; without value they take them away.
    pub(super) fn replace(&mut self, lines: &str) {
        let new: Vec<(&str, &str)> = lines
            .lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(n, v)| (n.trim(), v.trim()))
            .collect();
        self.lines.retain(|(known, _)| !new.iter().any(|(name, _)| known.eq_ignore_ascii_case(name)));
        for (name, value) in new.into_iter().filter(|(_, value)| !value.is_empty()) {
            self.add(name, value);
        }
    }

    pub(super) fn finish(&self, body: &[u8]) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.start);
        for (name, value) in &self.lines {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        let _ = write!(text, "Content-Length: {}\r\n\r\n", body.len());
        [text.as_bytes(), body].concat()
    }
}

/// As the rows of flows write a message: `INVITE*`, `183*`, `NOTIFY(kpml)+x`, `200`.
pub(super) fn notation(said: &Said) -> String {
    let mut what = match said.status() {
        Some(status) => status.to_string(),
        None => said.method().to_owned(),
    };
    if matches!(said.method(), "SUBSCRIBE" | "NOTIFY") {
        let package = said.header("Event").split(';').next().unwrap_or_default();
        let _ = write!(what, "({})", package.trim());
    }
    let kind = said.header("Content-Type");
    what.push_str(match kind {
        _ if said.body.is_empty() => "",
        "application/sdp" => "*",
        kind if kind.contains("xml") => "+x",
        kind if kind.starts_with("text/") || kind.contains("simple-message-summary") => "+t",
        _ => "+b",
    });
    what
}

/// What a message has in common with its repetitions, whatever its Date says.
pub(super) fn key(said: &Said) -> String {
    let number = if said.status().is_some() { said.header("RSeq") } else { "" };
    let first = said.start.split(' ').take(2).collect::<Vec<_>>().join(" ");
    format!("{first} {} {} {} {number}", branch(said.header("Via")), said.header("CSeq"), said.header("To"))
}

pub(super) fn branch(via: &str) -> String {
    let after = via.split_once("branch=").map_or("", |(_, rest)| rest);
    after.split([';', ',']).next().unwrap_or_default().to_owned()
}

/// The URI of a Contact.
pub(super) fn uri(contact: &str) -> String {
    let inner = contact.split_once('<').map_or(contact, |(_, rest)| rest);
    inner.split(['>', ',']).next().unwrap_or_default().to_owned()
}

pub(super) fn phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        183 => "Session Progress",
        200 => "OK",
        301 => "Redirect to the specified contact",
        302 => "Moved Temporarily",
        401 => "Unauthorized",
        403 => "Forbidden",
        407 => "Proxy Authentication Required",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI scheme",
        422 => "Session Interval Too Small",
        481 => "Call Leg/Transaction Does Not Exist",
        486 => "Busy here",
        491 => "Request Pending",
        503 => "Service Unavailable",
        _ => "Other",
    }
}

/// A description as release 6 writes it: one `a=ptime` a codec, the direction in the middle.
pub(super) fn sdp(own: IpAddr, version: u32, at: SocketAddr, payloads: &str, direction: &str) -> String {
    let mut text = format!(
        "v=0\r\no=CiscoSystemsCCM-SIP 2000 {version} IN IP4 {own}\r\ns=SIP Call\r\nc=IN IP4 {}\r\nt=0 0\r\n\
         m=audio {} RTP/AVP {payloads}\r\n",
        at.ip(),
        at.port()
    );
    let mut direction = Some(direction).filter(|line| !line.is_empty());
    for payload in payloads.split(' ') {
        let encoding = match payload {
            "0" => "PCMU/8000",
            "8" => "PCMA/8000",
            "9" => "G722/8000",
            "18" => "G729/8000",
            "101" => "telephone-event/8000",
            other => panic!("payload type {other} is not known to the script"),
        };
        if payload == "101" {
            if let Some(line) = direction.take() {
                let _ = write!(text, "{line}\r\n");
            }
            text.push_str("a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n");
        } else {
            let _ = write!(text, "a=rtpmap:{payload} {encoding}\r\na=ptime:20\r\n");
            if payload == "18" {
                text.push_str("a=fmtp:18 annexb=no\r\n");
            }
        }
    }
    if let Some(line) = direction {
        let _ = write!(text, "{line}\r\n");
    }
    text
}

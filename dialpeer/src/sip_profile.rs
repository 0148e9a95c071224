//! `voice class sip-profiles`: what is changed in messages on their way out, line by line.
//!
//! A rule looks at one header, or one kind of SDP line, of one kind of message. What it matches is the whole line as it is
//! sent (`From: <sip:…>`, `sip:8000@host SIP/2.0` for the Request-URI). Call-ID, CSeq and Content-Length are never changed: they
//! are how an answer is known. A message whose head is not UTF-8 goes as it is.

use std::collections::HashMap;

use regex_lite::Regex;

/// Rules of a class at most.
const MAX_RULES: usize = 128;
/// Octets of a message after its rules at most: what would be longer goes as it was.
const MAX_MESSAGE: usize = 65_000;
/// Headers that no rule changes.
const FIXED: [&str; 5] = ["Call-ID", "i", "CSeq", "Content-Length", "l"];

/// The rules of one class.
#[derive(Debug, Clone)]
pub struct Profile {
    lines: Vec<String>,
    rules: Vec<Rule>,
}

impl PartialEq for Profile {
    fn eq(&self, other: &Self) -> bool {
        self.lines == other.lines
    }
}

impl Eq for Profile {}

/// Why a rule is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// It ends early, or has a word that is not known in its place.
    #[error("{found:?} in a rule of sip-profiles, expected {expected}")]
    Word {
        /// What stands there, empty at the end.
        found: String,
        /// What could.
        expected: &'static str,
    },
    /// A pattern cannot be read.
    #[error("pattern {0:?} in a rule of sip-profiles")]
    Pattern(String),
}

#[derive(Debug, Clone)]
struct Rule {
    messages: Messages,
    place: Place,
    action: Action,
}

#[derive(Debug, Clone)]
enum Messages {
    /// `request METHOD`; `REINVITE` is an INVITE with a tag in To.
    Request(String),
    /// `response STATUS [method METHOD]`; `None` for `ANY`.
    Response(Option<u16>, Option<String>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// `SIP-Req-URI`.
    Uri,
    /// `SIP-StatusLine`.
    Status,
    Header(String),
    Sdp(SdpLine),
}

/// SDP lines of a kind, in the part of the session or of one medium.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SdpLine {
    /// `a`, `c`, `m` …
    kind: char,
    part: Part,
}

/// A part of a session description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Session,
    /// The first medium of this name: `audio`, `image`, `video`.
    Medium(&'static str),
    /// `mline-index`: a medium by its place, from 1.
    Index(usize),
}

#[derive(Debug, Clone)]
enum Action {
    Add(String),
    Modify(Regex, String),
    /// The first group of what matches, under this name for later rules.
    Copy(Regex, String),
    Remove,
}

impl Profile {
    /// The rules of the lines of a class; lines that are none (`description …`) are left out.
    #[must_use]
    pub fn new<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let mut numbered: Vec<(u32, &str)> = Vec::new();
        for line in lines {
            match line.strip_prefix("rule ").and_then(|rest| rest.split_once(' ')) {
                Some((number, rule)) => numbered.push((number.parse().unwrap_or(u32::MAX), rule.trim())),
                None => numbered.push((u32::MAX, line)),
            }
        }
        numbered.sort_by_key(|(number, _)| *number);
        let (mut lines, mut rules) = (Vec::new(), Vec::new());
        for (_, line) in numbered.into_iter().take(MAX_RULES) {
            if let Ok(rule) = line.parse::<Rule>() {
                lines.push(line.to_owned());
                rules.push(rule);
            }
        }
        Self { lines, rules }
    }

    /// Whether a line of a class is a rule, without its number.
    ///
    /// # Errors
    /// [`RuleError`] says what is not known.
    pub fn check(line: &str) -> Result<(), RuleError> {
        line.parse::<Rule>().map(|_| ())
    }

    /// The message as it goes; `None` if no rule changes it.
    #[must_use]
    pub fn apply(&self, message: &[u8]) -> Option<Vec<u8>> {
        let at = message.windows(4).position(|four| four == b"\r\n\r\n")?;
        let (head, body) = message.split_at_checked(at)?;
        let mut text = Text::new(std::str::from_utf8(head).ok()?, body.get(4..)?)?;
        let mut names = HashMap::new();
        let mut changed = false;
        for rule in &self.rules {
            if rule.is_for(&text) {
                changed |= rule.apply(&mut text, &mut names);
            }
        }
        changed.then(|| text.octets()).filter(|octets| octets.len() <= MAX_MESSAGE)
    }
}

/// A message in lines.
struct Text {
    start: String,
    headers: Vec<String>,
    /// Lines of a session description; `None` where the body is something else.
    sdp: Option<Vec<String>>,
    body: Vec<u8>,
}

impl Text {
    fn new(head: &str, body: &[u8]) -> Option<Self> {
        let mut lines = head.split("\r\n").map(str::to_owned);
        let start = lines.next()?;
        let headers: Vec<String> = lines.collect();
        let mut text = Self { start, headers, sdp: None, body: body.to_vec() };
        let is_sdp = text.header("Content-Type").or(text.header("c")).is_some_and(|value| {
            value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/sdp"))
        });
        if is_sdp && let Ok(body) = std::str::from_utf8(body) {
            text.sdp = Some(body.lines().map(str::to_owned).collect());
        }
        Some(text)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| named(line, name))
    }

    fn method(&self) -> &str {
        match self.start.starts_with("SIP/") {
            true => self.header("CSeq").and_then(|value| value.split_whitespace().nth(1)).unwrap_or_default(),
            false => self.start.split(' ').next().unwrap_or_default(),
        }
    }

    fn octets(mut self) -> Vec<u8> {
        let body = match &self.sdp {
            Some(lines) => lines.iter().map(|line| format!("{line}\r\n")).collect::<String>().into_bytes(),
            None => std::mem::take(&mut self.body),
        };
        let mut out = self.start;
        for line in &self.headers {
            out.push_str("\r\n");
            match named(line, "Content-Length").or(named(line, "l")) {
                Some(_) => out.push_str(&format!("Content-Length: {}", body.len())),
                None => out.push_str(line),
            }
        }
        out.push_str("\r\n\r\n");
        let mut out = out.into_bytes();
        out.extend(body);
        out
    }
}

/// The value of a header line of this name.
fn named<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (own, value) = line.split_once(':')?;
    own.trim_end().eq_ignore_ascii_case(name).then(|| value.trim())
}

impl Rule {
    fn is_for(&self, text: &Text) -> bool {
        let is_response = text.start.starts_with("SIP/");
        match &self.messages {
            Messages::Request(_) if is_response => false,
            Messages::Request(method) => {
                let again =
                    text.method() == "INVITE" && text.header("To").is_some_and(|to| to.contains(";tag="));
                match method.as_str() {
                    "ANY" => true,
                    "REINVITE" => again,
                    "INVITE" => text.method() == "INVITE" && !again,
                    method => text.method() == method,
                }
            }
            Messages::Response(..) if !is_response => false,
            Messages::Response(status, method) => {
                let own = text.start.split(' ').nth(1).and_then(|status| status.parse().ok());
                (status.is_none() || *status == own)
                    && method.as_ref().is_none_or(|method| text.method() == method)
            }
        }
    }

    /// Says whether it changed anything.
    fn apply(&self, text: &mut Text, names: &mut HashMap<String, String>) -> bool {
        match &self.place {
            Place::Uri => {
                // As IOS has it, with the version behind it.
                let Some((method, rest)) = text.start.split_once(' ') else { return false };
                let mut line = vec![rest.to_owned()];
                let changed = self.act(&mut line, |_| true, names);
                if let [line] = line.as_slice()
                    && changed
                {
                    text.start = format!("{method} {line}");
                }
                changed
            }
            Place::Status => {
                let mut line = vec![text.start.clone()];
                let changed = self.act(&mut line, |_| true, names);
                if let [line] = line.as_slice()
                    && changed
                {
                    text.start.clone_from(line);
                }
                changed
            }
            Place::Header(name) => {
                if FIXED.iter().any(|fixed| fixed.eq_ignore_ascii_case(name)) {
                    return false;
                }
                let name = name.clone();
                self.act(&mut text.headers, |line| named(line, &name).is_some(), names)
            }
            Place::Sdp(wanted) => {
                let Some(lines) = &mut text.sdp else { return false };
                let part = part_of(lines, wanted.part);
                let Some(part) = part else { return false };
                let mut inside: Vec<String> = lines.drain(part.clone()).collect();
                let changed =
                    self.act(&mut inside, |line| line.starts_with(&format!("{}=", wanted.kind)), names);
                lines.splice(part.start..part.start, inside);
                changed
            }
        }
    }

    fn act(
        &self,
        lines: &mut Vec<String>,
        mut is_meant: impl FnMut(&str) -> bool,
        names: &mut HashMap<String, String>,
    ) -> bool {
        match &self.action {
            Action::Add(line) => {
                lines.push(filled(line, names));
                true
            }
            Action::Remove => {
                let before = lines.len();
                lines.retain(|line| !is_meant(line));
                lines.len() != before
            }
            Action::Copy(pattern, name) => {
                let found =
                    lines.iter().filter(|line| is_meant(line)).find_map(|line| pattern.captures(line));
                if let Some(found) = found.and_then(|found| found.get(1).or(found.get(0))) {
                    names.insert(name.clone(), found.as_str().to_owned());
                }
                false
            }
            Action::Modify(pattern, with) => {
                let mut changed = false;
                for line in lines.iter_mut().filter(|line| is_meant(line)) {
                    let Some(found) = pattern.captures(line) else { continue };
                    let Some(whole) = found.get(0) else { continue };
                    let mut new = line.get(..whole.start()).unwrap_or_default().to_owned();
                    new.push_str(&replaced(with, &found, names));
                    new.push_str(line.get(whole.end()..).unwrap_or_default());
                    changed |= new != *line;
                    *line = new;
                }
                changed
            }
        }
    }
}

/// The lines of a part.
fn part_of(lines: &[String], part: Part) -> Option<std::ops::Range<usize>> {
    let media: Vec<usize> = (0..).zip(lines).filter(|(_, l)| l.starts_with("m=")).map(|(at, _)| at).collect();
    let begin = match part {
        Part::Session => return Some(0..media.first().copied().unwrap_or(lines.len())),
        Part::Index(index) => *media.get(index.checked_sub(1)?)?,
        Part::Medium(name) => {
            let start = format!("m={name} ");
            *media.iter().find(|at| lines.get(**at).is_some_and(|line| line.starts_with(&start)))?
        }
    };
    let end = media.iter().copied().find(|next| *next > begin).unwrap_or(lines.len());
    Some(begin..end)
}

/// `\1` and `\u01` in the text that takes a match's place; `\x0D\x0A` are a line end.
fn replaced(with: &str, found: &regex_lite::Captures<'_>, names: &HashMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = with;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let mut octets = after.chars();
        rest = match octets.next() {
            Some(digit @ '0'..='9') => {
                let group = digit.to_digit(10).and_then(|n| found.get(n as usize));
                out.push_str(group.map_or("", |group| group.as_str()));
                octets.as_str()
            }
            Some('u') => {
                let name = after.get(..3).unwrap_or_default();
                out.push_str(names.get(name).map_or("", String::as_str));
                after.get(3..).unwrap_or_default()
            }
            Some('x') => {
                let code = after.get(1..3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
                out.extend(code.map(char::from));
                after.get(3..).unwrap_or_default()
            }
            Some(other) => {
                out.push(other);
                octets.as_str()
            }
            None => "",
        };
    }
    out.push_str(rest);
    out
}

/// `\u01` in an added line.
fn filled(line: &str, names: &HashMap<String, String>) -> String {
    names.iter().fold(line.to_owned(), |line, (name, value)| line.replace(&format!("\\{name}"), value))
}

impl std::str::FromStr for Rule {
    type Err = RuleError;

    fn from_str(line: &str) -> Result<Self, RuleError> {
        let words = words(line);
        let mut words = words.iter().map(String::as_str).peekable();
        let mut next = |expected: &'static str| {
            let error = |found: &str| RuleError::Word { found: found.to_owned(), expected };
            words.next().ok_or_else(|| error(""))
        };
        let wrong = |found: &str, expected| RuleError::Word { found: found.to_owned(), expected };
        let lower = |text: &str| text.to_ascii_lowercase();
        let kind = next("request or response")?;
        let which = next("a method, a status or ANY")?;
        let mut place = next("sip-header or sdp-header")?;
        let messages = match lower(kind).as_str() {
            "request" => Messages::Request(which.to_ascii_uppercase()),
            "response" => {
                let status = match which.to_ascii_uppercase().as_str() {
                    "ANY" => None,
                    number => Some(number.parse().map_err(|_| wrong(which, "100 to 699 or ANY"))?),
                };
                let mut method = None;
                if lower(place) == "method" {
                    method = Some(next("a method")?.to_ascii_uppercase()).filter(|method| method != "ANY");
                    place = next("sip-header or sdp-header")?;
                }
                Messages::Response(status, method)
            }
            _ => return Err(wrong(kind, "request or response")),
        };
        let name = next("the name of a header")?;
        let place = match lower(place).as_str() {
            "sip-header" => match lower(name).as_str() {
                "sip-req-uri" => Place::Uri,
                "sip-statusline" => Place::Status,
                _ => Place::Header(name.to_owned()),
            },
            "sdp-header" if lower(name) == "mline-index" => {
                let index = next("the place of a medium")?;
                let index = index.parse().map_err(|_| wrong(index, "the place of a medium, from 1"))?;
                let line = next("the name of an SDP line")?;
                let line = sdp_line(line).ok_or_else(|| wrong(line, "the name of an SDP line"))?;
                Place::Sdp(SdpLine { part: Part::Index(index), ..line })
            }
            "sdp-header" => Place::Sdp(sdp_line(name).ok_or_else(|| wrong(name, "the name of an SDP line"))?),
            _ => return Err(wrong(place, "sip-header or sdp-header")),
        };
        let action = next("add, copy, modify or remove")?;
        let pattern = |text: &str| Regex::new(text).map_err(|_| RuleError::Pattern(text.to_owned()));
        let action = match lower(action).as_str() {
            "add" => Action::Add(next("the line")?.to_owned()),
            "modify" => {
                let pattern = pattern(next("a pattern")?)?;
                Action::Modify(pattern, next("what takes its place")?.to_owned())
            }
            "copy" => {
                let pattern = pattern(next("a pattern")?)?;
                let name = next("u01 to u99")?;
                let number =
                    name.strip_prefix('u').filter(|n| n.len() == 2).and_then(|n| n.parse::<u8>().ok());
                number.filter(|n| *n > 0).ok_or_else(|| wrong(name, "u01 to u99"))?;
                Action::Copy(pattern, name.to_owned())
            }
            "remove" => Action::Remove,
            _ => return Err(wrong(action, "add, copy, modify or remove")),
        };
        Ok(Self { messages, place, action })
    }
}

/// SDP lines by IOS's names, or by their letter (`c=`).
fn sdp_line(name: &str) -> Option<SdpLine> {
    if let [kind @ b'a'..=b'z', b'='] = name.as_bytes() {
        return Some(SdpLine { kind: char::from(*kind), part: Part::Session });
    }
    let (part, rest) = match name.split_once('-') {
        Some(("Audio" | "audio", rest)) => (Part::Medium("audio"), rest),
        Some(("Video" | "video", rest)) => (Part::Medium("video"), rest),
        Some(("Image" | "image", rest)) => (Part::Medium("image"), rest),
        _ => (Part::Session, name),
    };
    let kind = match rest.to_ascii_lowercase().as_str() {
        "attribute" => 'a',
        "bandwidth-info" => 'b',
        "connection-info" => 'c',
        "encryption-key" => 'k',
        "media" => 'm',
        "session-info" => 'i',
        "email" => 'e',
        "phone-number" | "phone" => 'p',
        "repeat-times" => 'r',
        "session-name" => 's',
        "session-owner" => 'o',
        "time-adjust-key" => 'z',
        "time-header" => 't',
        "url-descriptor" => 'u',
        "version" => 'v',
        _ => return None,
    };
    Some(SdpLine { kind, part })
}

/// Words of a line, those in quotes whole; `\"` is a quote inside.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut octets = line.chars().peekable();
    while octets.peek().is_some() {
        match octets.next_if(|octet| !octet.is_whitespace()) {
            None => {
                octets.next();
            }
            Some('"') => {
                let mut word = String::new();
                while let Some(octet) = octets.next() {
                    match octet {
                        '"' => break,
                        '\\' if octets.peek() == Some(&'"') => word.extend(octets.next()),
                        other => word.push(other),
                    }
                }
                words.push(word);
            }
            Some(first) => {
                let mut word = String::from(first);
                while let Some(octet) = octets.next_if(|octet| !octet.is_whitespace()) {
                    word.push(octet);
                }
                words.push(word);
            }
        }
    }
    words
}

#[cfg(test)]
mod tests;

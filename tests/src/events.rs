//! Streams of JSON events, waited for by their fields.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde_json::Value;

/// JSON objects that arrive one a line.
#[derive(Debug)]
pub struct Events {
    name: String,
    lines: Receiver<String>,
    seen: Vec<Value>,
    mark: usize,
}

impl Events {
    /// Events parsed from `lines`; lines that are no JSON become `{"garbage": line}`.
    #[must_use]
    pub fn new(name: &str, lines: Receiver<String>) -> Self {
        Self { name: name.to_owned(), lines, seen: Vec::new(), mark: 0 }
    }

    /// Later waits look only at what arrives from here on.
    pub fn mark(&mut self) {
        while self.pump(Instant::now()) {}
        self.mark = self.seen.len();
    }

    /// Later waits look at everything again.
    pub fn rewind(&mut self) {
        self.mark = 0;
    }

    /// The first event since the last mark or wait that has all fields of `pattern` with these values.
    ///
    /// # Panics
    /// When there is none within `limit`.
    #[track_caller]
    pub fn wait(&mut self, pattern: &Value, limit: Duration) -> Value {
        self.wait_for(&pattern.to_string(), |event| matches(event, pattern), limit)
    }

    /// The first event since the last mark or wait that is as `wanted`; `what` names it.
    ///
    /// # Panics
    /// When there is none within `limit`.
    #[track_caller]
    pub fn wait_for(&mut self, what: &str, wanted: impl Fn(&Value) -> bool, limit: Duration) -> Value {
        match self.find(wanted, limit) {
            Some(event) => event,
            None => panic!(
                "{}: no event {what} within {limit:?}; saw since the last one {:#?}",
                self.name,
                self.seen.get(self.mark..).unwrap_or_default()
            ),
        }
    }

    /// Asserts that no such event arrives for `time`.
    ///
    /// # Panics
    /// When one does.
    #[track_caller]
    pub fn absent(&mut self, pattern: &Value, time: Duration) {
        if let Some(event) = self.find(|event| matches(event, pattern), time) {
            panic!("{}: unexpected {event}", self.name);
        }
    }

    /// The next event like `pattern`, if one comes within `limit`.
    pub fn comes(&mut self, pattern: &Value, limit: Duration) -> Option<Value> {
        self.find(|event| matches(event, pattern), limit)
    }

    /// Every event so far that has the fields of `pattern`, from the beginning.
    #[must_use]
    pub fn all(&mut self, pattern: &Value) -> Vec<Value> {
        while self.pump(Instant::now()) {}
        self.seen.iter().filter(|event| matches(event, pattern)).cloned().collect()
    }

    /// The events since the last mark, wait or `fresh`, without waiting for more.
    pub fn fresh(&mut self) -> Vec<Value> {
        while self.pump(Instant::now()) {}
        let fresh = self.seen.get(self.mark..).unwrap_or_default().to_vec();
        self.mark = self.seen.len();
        fresh
    }

    fn find(&mut self, wanted: impl Fn(&Value) -> bool, limit: Duration) -> Option<Value> {
        let end = Instant::now() + limit;
        let mut at = self.mark;
        loop {
            while let Some(event) = self.seen.get(at) {
                at += 1;
                if wanted(event) {
                    self.mark = at;
                    return Some(event.clone());
                }
            }
            if !self.pump(end) {
                return None;
            }
        }
    }

    fn pump(&mut self, until: Instant) -> bool {
        match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                let event =
                    serde_json::from_str(&line).unwrap_or_else(|_| serde_json::json!({"garbage": line}));
                self.seen.push(event);
                true
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => false,
        }
    }
}

fn matches(event: &Value, pattern: &Value) -> bool {
    match pattern {
        Value::Object(fields) => fields
            .iter()
            .all(|(name, expected)| event.get(name).is_some_and(|value| matches(value, expected))),
        other => event == other,
    }
}

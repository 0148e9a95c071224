//! ` --More-- `: a page, a row, `/`, `+` and `-` with an expression, or the end.

use super::{Session, State, filter};
use std::collections::VecDeque;

const PROMPT: &str = " --More-- ";

/// The rows that are still to come.
#[derive(Clone, Debug)]
pub(super) struct Pager {
    rows: VecDeque<String>,
    /// What is being typed behind `/`, `+` or `-`, the sign first.
    search: Vec<u8>,
}

/// Longest expression typed at the prompt.
const MAX_SEARCH: usize = 80;

impl Session {
    /// Prints a text, stopping after each screen, then the prompt.
    pub(super) fn page(&mut self, text: &str) {
        let text = text.strip_suffix('\n').unwrap_or(text);
        if text.is_empty() {
            self.show_prompt();
            return;
        }
        let height = usize::from(self.height);
        if !self.interactive() || height == 0 {
            self.print(&format!("{text}\n"));
            self.show_prompt();
            return;
        }
        let width = if self.width == 0 { usize::MAX } else { usize::from(self.width) };
        let mut rows = VecDeque::new();
        for line in text.split('\n') {
            // A line wider than the terminal takes several rows there.
            let mut rest: Vec<char> = line.chars().collect();
            while rest.len() > width {
                let tail = rest.split_off(width);
                rows.push_back(rest.into_iter().collect());
                rest = tail;
            }
            rows.push_back(rest.into_iter().collect());
        }
        self.show_rows(Pager { rows, search: Vec::new() }, height.saturating_sub(1).max(1));
    }

    fn show_rows(&mut self, mut pager: Pager, count: usize) {
        for _ in 0..count {
            let Some(row) = pager.rows.pop_front() else { break };
            self.print_part(&row);
            self.newline();
        }
        if pager.rows.is_empty() {
            self.state = State::Idle;
            self.show_prompt();
        } else {
            self.out.extend(PROMPT.as_bytes());
            self.state = State::More(pager);
        }
    }

    pub(super) fn more_key(&mut self, mut pager: Pager, octet: u8) {
        if !pager.search.is_empty() {
            self.search_key(pager, octet);
            return;
        }
        if matches!(octet, b'/' | b'+' | b'-') {
            pager.search.push(octet);
            self.erase(PROMPT.len());
            self.out.push(octet);
            self.state = State::More(pager);
            return;
        }
        self.erase(PROMPT.len());
        match octet {
            b' ' => {
                let rows = usize::from(self.height).saturating_sub(1).max(1);
                self.show_rows(pager, rows);
            }
            b'\r' | b'\n' => self.show_rows(pager, 1),
            _ => {
                self.state = State::Idle;
                self.show_prompt();
            }
        }
        if !matches!(self.state, State::More(_)) {
            self.take_pending();
        }
    }

    /// A key behind `/`, `+` or `-`: Return filters the rows still to come.
    fn search_key(&mut self, mut pager: Pager, octet: u8) {
        match octet {
            b'\r' | b'\n' => {
                self.newline();
                let typed = std::mem::take(&mut pager.search);
                let (sign, expression) = typed.split_first().map_or((b'/', &[][..]), |(s, e)| (*s, e));
                let expression = String::from_utf8_lossy(expression).into_owned();
                match filter::search(sign, &expression, pager.rows.clone().into()) {
                    Some(rows) => {
                        self.print(if sign == b'/' { "" } else { "filtering..." });
                        pager.rows = rows.into();
                    }
                    None => self.print("% Failed to compile regular expression."),
                }
                let height = usize::from(self.height).saturating_sub(1).max(1);
                self.show_rows(pager, height);
                if !matches!(self.state, State::More(_)) {
                    self.take_pending();
                }
                return;
            }
            0x08 | 0x7f => {
                pager.search.pop();
                self.erase(1);
                if pager.search.is_empty() {
                    self.out.extend(PROMPT.as_bytes());
                }
            }
            0x20..=0x7e if pager.search.len() < MAX_SEARCH => {
                pager.search.push(octet);
                self.out.push(octet);
            }
            _ => {}
        }
        self.state = State::More(pager);
    }

    /// Takes back the last columns as a router does: back, blanks, back.
    fn erase(&mut self, columns: usize) {
        self.out.extend(std::iter::repeat_n(8, columns));
        self.out.extend(std::iter::repeat_n(b' ', columns));
        self.out.extend(std::iter::repeat_n(8, columns));
    }
}

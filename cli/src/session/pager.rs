//! ` --More-- `.

use super::{Session, State};
use std::collections::VecDeque;

const PROMPT: &str = " --More-- ";

/// The rows that are still to come.
#[derive(Clone, Debug)]
pub(super) struct Pager {
    rows: VecDeque<String>,
}

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
        self.show_rows(Pager { rows }, height.saturating_sub(1).max(1));
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

    pub(super) fn more_key(&mut self, pager: Pager, octet: u8) {
        // Erased as a router does it: back, blanks, back.
        let width = PROMPT.len();
        self.out.extend(std::iter::repeat_n(8, width));
        self.out.extend(std::iter::repeat_n(b' ', width));
        self.out.extend(std::iter::repeat_n(8, width));
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
}

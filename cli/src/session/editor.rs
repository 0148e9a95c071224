//! The line editor: keys in, repaint octets out.

use std::collections::VecDeque;

/// Longest line in characters; further ones are dropped with a bell.
pub(super) const MAX_CHARS: usize = 1024;
/// Widest row painted, which is the most that `terminal width` takes.
const MAX_COLUMNS: usize = 512;
const BELL: u8 = 7;

/// What a key means to the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// The editor dealt with it.
    Done,
    /// The line is complete.
    Enter,
    /// `?`.
    Help,
    /// Tab.
    Complete,
    /// Ctrl-Z.
    Leave,
    /// Ctrl-C.
    Abort,
    /// Ctrl-D on an empty line.
    EndOfInput,
    /// Ctrl-L, Ctrl-R.
    Repaint,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Escape {
    #[default]
    None,
    Started,
    Bracket,
    /// A parameter of a control sequence, which ends with a letter or `~`.
    Parameter(u8),
}

/// One input line with its history.
#[derive(Clone, Debug, Default)]
pub(super) struct Editor {
    line: Vec<char>,
    cursor: usize,
    /// First character shown when the line is wider than the terminal.
    scroll: usize,
    escape: Escape,
    quoted: bool,
    utf8: Vec<u8>,
    killed: Vec<char>,
    recall: Option<usize>,
    typed: Vec<char>,
    /// `terminal no editing`: only erasing works.
    pub(super) plain: bool,
    /// Nothing is shown, for passwords.
    pub(super) hidden: bool,
}

impl Editor {
    pub(super) fn text(&self) -> String {
        self.line.iter().collect()
    }

    pub(super) fn before_cursor(&self) -> String {
        self.line.iter().take(self.cursor).collect()
    }

    pub(super) fn clear(&mut self) {
        self.line.clear();
        self.cursor = 0;
        self.scroll = 0;
        self.recall = None;
        self.quoted = false;
        self.utf8.clear();
    }

    /// Puts text in place of the `drop` characters before the cursor.
    pub(super) fn replace_before_cursor(&mut self, drop: usize, text: &str) {
        let from = self.cursor.saturating_sub(drop);
        self.line.drain(from..self.cursor);
        self.cursor = from;
        for c in text.chars() {
            self.insert(c);
        }
    }

    fn insert(&mut self, c: char) -> bool {
        if self.line.len() >= MAX_CHARS {
            return false;
        }
        self.line.insert(self.cursor.min(self.line.len()), c);
        self.cursor += 1;
        true
    }

    /// Takes one octet.
    pub(super) fn key(
        &mut self,
        octet: u8,
        view: View<'_>,
        history: &VecDeque<String>,
        out: &mut Vec<u8>,
    ) -> Key {
        match std::mem::take(&mut self.escape) {
            Escape::None => {}
            Escape::Started => return self.meta(octet, view, out),
            Escape::Bracket | Escape::Parameter(_) if octet.is_ascii_digit() || octet == b';' => {
                self.escape = Escape::Parameter(octet);
                return Key::Done;
            }
            Escape::Bracket => return self.sequence(octet, 0, view, history, out),
            Escape::Parameter(number) => return self.sequence(octet, number, view, history, out),
        }
        // Without editing a line can only grow, lose its last character, or all.
        let moves =
            matches!(octet, 0x01 | 0x02 | 0x04..=0x06 | 0x0b | 0x0e | 0x10 | 0x14 | 0x17 | 0x19 | 0x1b);
        if self.plain && moves && !(octet == 0x04 && self.line.is_empty()) {
            return Key::Done;
        }
        if self.quoted {
            self.quoted = false;
            if (0x20..0x7f).contains(&octet) {
                self.type_char(char::from(octet), view, out);
                return Key::Done;
            }
        }
        match octet {
            b'\r' | b'\n' => return Key::Enter,
            b'?' if !self.hidden => return Key::Help,
            b'\t' => return Key::Complete,
            0x01 => self.move_to(0, view, out),
            0x02 => self.move_to(self.cursor.saturating_sub(1), view, out),
            0x03 => return Key::Abort,
            0x04 if self.line.is_empty() => return Key::EndOfInput,
            0x04 => self.delete(self.cursor, self.cursor + 1, false, view, out),
            0x05 => self.move_to(self.line.len(), view, out),
            0x06 => self.move_to(self.cursor + 1, view, out),
            0x08 | 0x7f => self.delete(self.cursor.saturating_sub(1), self.cursor, false, view, out),
            0x0b => self.delete(self.cursor, self.line.len(), true, view, out),
            0x0c | 0x12 => return Key::Repaint,
            0x0e => self.recall(false, view, history, out),
            0x10 => self.recall(true, view, history, out),
            0x14 => self.transpose(view, out),
            0x15 | 0x18 => self.delete(0, self.cursor, true, view, out),
            0x16 => self.quoted = true,
            0x17 => self.delete(self.word_start(), self.cursor, true, view, out),
            0x19 => {
                for c in self.killed.clone() {
                    self.insert(c);
                }
                self.repaint(view, out);
            }
            0x1a => return Key::Leave,
            0x1b => self.escape = Escape::Started,
            0x00..=0x1f => {}
            0x20..=0x7e => self.type_char(char::from(octet), view, out),
            0x80.. => self.utf8_octet(octet, view, out),
        }
        Key::Done
    }

    fn utf8_octet(&mut self, octet: u8, view: View<'_>, out: &mut Vec<u8>) {
        self.utf8.push(octet);
        match std::str::from_utf8(&self.utf8) {
            Ok(text) => {
                let c = text.chars().next();
                self.utf8.clear();
                if let Some(c) = c.filter(|c| !c.is_control()) {
                    self.type_char(c, view, out);
                }
            }
            Err(error) if error.error_len().is_some() || self.utf8.len() >= 4 => self.utf8.clear(),
            Err(_) => {}
        }
    }

    fn meta(&mut self, octet: u8, view: View<'_>, out: &mut Vec<u8>) -> Key {
        match octet {
            b'[' | b'O' => self.escape = Escape::Bracket,
            b'b' | b'B' => self.move_to(self.word_start(), view, out),
            b'f' | b'F' => self.move_to(self.word_end(), view, out),
            b'd' | b'D' => self.delete(self.cursor, self.word_end(), true, view, out),
            0x7f | 0x08 => self.delete(self.word_start(), self.cursor, true, view, out),
            _ => {}
        }
        Key::Done
    }

    fn sequence(
        &mut self,
        last: u8,
        number: u8,
        view: View<'_>,
        history: &VecDeque<String>,
        out: &mut Vec<u8>,
    ) -> Key {
        match (last, number) {
            (b'A', _) => self.recall(true, view, history, out),
            (b'B', _) => self.recall(false, view, history, out),
            (b'C', _) => self.move_to(self.cursor + 1, view, out),
            (b'D', _) => self.move_to(self.cursor.saturating_sub(1), view, out),
            (b'H', _) | (b'~', b'1') => self.move_to(0, view, out),
            (b'F', _) | (b'~', b'4') => self.move_to(self.line.len(), view, out),
            (b'~', b'3') => self.delete(self.cursor, self.cursor + 1, false, view, out),
            _ => {}
        }
        Key::Done
    }

    fn type_char(&mut self, c: char, view: View<'_>, out: &mut Vec<u8>) {
        if !self.insert(c) {
            out.push(BELL);
            return;
        }
        let room = view.room();
        // The plain echo that scripts expect, as long as the line fits and the cursor is at its end.
        if self.cursor == self.line.len() && self.line.len() < room && self.scroll == 0 && !self.hidden {
            out.extend(shown(c).to_string().as_bytes());
        } else {
            self.repaint(view, out);
        }
    }

    fn move_to(&mut self, to: usize, view: View<'_>, out: &mut Vec<u8>) {
        self.cursor = to.min(self.line.len());
        self.repaint(view, out);
    }

    fn delete(&mut self, from: usize, to: usize, kill: bool, view: View<'_>, out: &mut Vec<u8>) {
        let to = to.min(self.line.len());
        if from >= to {
            return;
        }
        let at_end = to == self.line.len() && self.cursor == to;
        let gone: Vec<char> = self.line.drain(from..to).collect();
        self.cursor = from;
        if at_end && gone.len() == 1 && self.scroll == 0 && !self.hidden && self.line.len() + 1 < view.room()
        {
            out.extend(b"\x08 \x08");
        } else {
            self.repaint(view, out);
        }
        if kill {
            self.killed = gone;
        }
    }

    fn transpose(&mut self, view: View<'_>, out: &mut Vec<u8>) {
        let at = if self.cursor == self.line.len() { self.cursor.saturating_sub(1) } else { self.cursor };
        if at > 0 && at < self.line.len() {
            self.line.swap(at - 1, at);
            self.move_to(at + 1, view, out);
        }
    }

    fn word_start(&self) -> usize {
        let head = self.line.get(..self.cursor).unwrap_or(&[]);
        let end = head.iter().rposition(|c| *c != ' ').map_or(0, |p| p + 1);
        head.get(..end).and_then(|h| h.iter().rposition(|c| *c == ' ')).map_or(0, |p| p + 1)
    }

    fn word_end(&self) -> usize {
        let tail = self.line.get(self.cursor..).unwrap_or(&[]);
        let start = tail.iter().position(|c| *c != ' ').unwrap_or(tail.len());
        let rest = tail.get(start..).unwrap_or(&[]);
        self.cursor + start + rest.iter().position(|c| *c == ' ').unwrap_or(rest.len())
    }

    fn recall(&mut self, older: bool, view: View<'_>, history: &VecDeque<String>, out: &mut Vec<u8>) {
        let next = match (self.recall, older) {
            (None, false) => return,
            (None, true) => history.len().checked_sub(1),
            (Some(at), true) => Some(at.saturating_sub(1)),
            (Some(at), false) => (at + 1 < history.len()).then_some(at + 1),
        };
        if self.recall.is_none() {
            self.typed = self.line.clone();
        }
        self.line = match next.and_then(|at| history.get(at)) {
            Some(text) => text.chars().collect(),
            None => std::mem::take(&mut self.typed),
        };
        self.recall = next;
        self.cursor = self.line.len();
        self.repaint(view, out);
    }

    /// Draws prompt and line anew on the row the cursor is in.
    pub(super) fn repaint(&mut self, view: View<'_>, out: &mut Vec<u8>) {
        let room = view.room();
        if self.hidden {
            return;
        }
        if self.cursor < self.scroll || self.cursor >= self.scroll + room {
            self.scroll =
                if self.cursor < room { 0 } else { self.cursor + room / 4 + 1 - room.min(self.cursor) };
            self.scroll = self.scroll.max((self.cursor + 1).saturating_sub(room)).min(self.cursor);
        }
        if self.line.len() < room {
            self.scroll = 0;
        }
        let mut row: Vec<char> = self.line.iter().skip(self.scroll).take(room).map(|c| shown(*c)).collect();
        if self.scroll > 0
            && let Some(first) = row.first_mut()
        {
            *first = '$';
        }
        let cursor = self.cursor - self.scroll;
        out.push(b'\r');
        out.extend(view.prompt.as_bytes());
        let text: String = row.iter().collect();
        out.extend(text.as_bytes());
        // Blank out what an earlier, longer line has left, then go back to the cursor.
        let blanks = room.saturating_sub(row.len());
        out.extend(std::iter::repeat_n(b' ', blanks));
        out.extend(std::iter::repeat_n(8, blanks + row.len() - cursor.min(row.len())));
    }
}

/// What the editor must know about the terminal.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    pub(super) prompt: &'a str,
    pub(super) width: usize,
}

impl View<'_> {
    /// Columns for the line, never less than 10.
    fn room(self) -> usize {
        let width = if self.width == 0 { MAX_COLUMNS } else { self.width.min(MAX_COLUMNS) };
        width.saturating_sub(self.prompt.chars().count() + 1).max(10)
    }
}

/// Wide and combining characters take one column each on the screen model; what could move the cursor is shown as a dot.
fn shown(c: char) -> char {
    if c.is_control() || ('\u{200b}'..='\u{202e}').contains(&c) || c == '\u{feff}' { '.' } else { c }
}

//! Commands on files and configurations as a whole, and the questions they ask.

use super::editor::{Key, View};
use super::{Action, Exec, Session, State};

/// Most questions one command may ask.
const MAX_ANSWERS: usize = 16;

/// A command on files. Paths are as typed: `flash:/backup/one.cfg`, `tftp://10.0.0.1/x`, `running-config`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileCommand {
    /// `dir [/all] [/recursive] [PATH]`.
    Dir {
        /// The directories below too.
        recursive: bool,
        /// File system, directory or file; `flash:` where not given.
        path: Option<String>,
    },
    /// `more PATH`.
    More {
        /// The file.
        path: String,
    },
    /// `delete [/force] [/recursive] PATH`.
    Delete {
        /// Asks nothing.
        force: bool,
        /// A directory with what is in it.
        recursive: bool,
        /// The file.
        path: String,
    },
    /// `mkdir PATH`.
    MakeDirectory {
        /// The directory; asked for where not given.
        path: Option<String>,
    },
    /// `rmdir PATH`.
    RemoveDirectory {
        /// The directory; asked for where not given.
        path: Option<String>,
    },
    /// `rename FROM TO`.
    Rename {
        /// The file.
        from: String,
        /// Its new name; asked for where not given.
        to: Option<String>,
    },
    /// `copy FROM [TO]`.
    Copy {
        /// `/noconfirm`: asks nothing.
        silent: bool,
        /// The file.
        from: String,
        /// Its new place.
        to: String,
    },
    /// `verify [/md5] PATH [DIGEST]`.
    Verify {
        /// The file.
        path: String,
        /// The MD5 digest it should have, in hexadecimal.
        expected: Option<String>,
    },
    /// `show file systems`.
    FileSystems,
    /// `show flash:`.
    Flash,
}

/// A command on configurations as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArchiveCommand {
    /// `archive config`: saves the running configuration into the archive.
    Save,
    /// `show archive`.
    Show,
    /// `show archive config differences [FILE [FILE]]`.
    Differences {
        /// What is compared; the running configuration where not given.
        from: Option<String>,
        /// What it is compared with. The startup configuration where neither is given, the running one where one is.
        to: Option<String>,
    },
    /// `show archive config incremental-diffs FILE`: the lines that a merge of the file would enter.
    Incremental {
        /// The file.
        file: String,
    },
    /// `show archive config rollback timer`.
    RollbackTimer,
    /// `show archive log config all`.
    Log {
        /// As lines of configuration only.
        provisioning: bool,
    },
    /// `clear archive log config`.
    ClearLog,
}

/// What is asked before a command goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The words before the cursor: `Destination filename [startup-config]? `.
    pub text: String,
    /// What counts as an answer.
    pub kind: QuestionKind,
    /// The answer where nobody can be asked: a script, or `file prompt quiet`.
    pub unattended: String,
    /// The command that goes on with the answer.
    pub exec: Box<Exec>,
}

/// See [`Question`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuestionKind {
    /// `[confirm]`: Enter or `y` goes on (the answer is `y`), everything else ends the command.
    Confirm,
    /// A line; this one where Enter alone is typed.
    Line(String),
    /// A line that is not shown.
    Hidden,
}

impl Exec {
    /// The command with one more answer to its questions.
    #[must_use]
    pub fn answered(self, answer: String) -> Exec {
        match self {
            Exec::Answered { exec, mut answers } => {
                answers.push(answer);
                Exec::Answered { exec, answers }
            }
            exec => Exec::Answered { exec: Box::new(exec), answers: vec![answer] },
        }
    }

    fn answers(&self) -> usize {
        match self {
            Exec::Answered { answers, .. } => answers.len(),
            _ => 0,
        }
    }
}

impl Session {
    /// Puts the gateway's question, or answers it where nobody sits at the terminal.
    pub(super) fn put_to_user(&mut self, question: Question) {
        if question.exec.answers() >= MAX_ANSWERS {
            self.failed = true;
            self.show_prompt();
            return;
        }
        if !self.interactive() {
            let Question { unattended, exec, .. } = question;
            self.act(Action::Exec(exec.answered(unattended)));
            return;
        }
        let (last, rows) = match question.text.rsplit_once('\n') {
            Some((rows, last)) => (last, rows),
            None => (question.text.as_str(), ""),
        };
        self.print(rows);
        self.print_part(last);
        self.editor.clear();
        self.editor.hidden = question.kind == QuestionKind::Hidden;
        self.state = State::Asked(question);
    }

    /// A key while a question is open.
    pub(super) fn question_key(&mut self, question: Question, octet: u8) {
        if question.kind == QuestionKind::Confirm {
            self.newline();
            if matches!(octet, b'\r' | b'\n' | b'y' | b'Y') {
                self.act(Action::Exec(question.exec.answered("y".to_owned())));
            } else {
                self.pipe = None;
                self.show_prompt();
            }
            return;
        }
        let last = question.text.rsplit('\n').next().unwrap_or("");
        let view = View { prompt: last, width: usize::from(self.width) };
        let key = self.editor.key(octet, view, &self.no_history, &mut self.out);
        match key {
            Key::Enter => {
                self.newline();
                let typed = self.editor.text();
                self.editor.clear();
                self.editor.hidden = false;
                let answer = match &question.kind {
                    QuestionKind::Line(default) if typed.trim().is_empty() => default.clone(),
                    QuestionKind::Hidden => typed,
                    _ => typed.trim().to_owned(),
                };
                self.act(Action::Exec(question.exec.answered(answer)));
            }
            Key::Abort | Key::EndOfInput | Key::Leave => {
                self.newline();
                self.editor.clear();
                self.editor.hidden = false;
                self.pipe = None;
                self.show_prompt();
            }
            Key::Repaint => {
                self.newline();
                self.print_part(last);
                self.state = State::Asked(question);
            }
            Key::Done | Key::Help | Key::Complete => self.state = State::Asked(question),
        }
    }
}

//! The interactive console: lines edited here by rustyline, or on the raw terminal by the gateway.

use crate::client::{Client, attach};
use cli::wire::Size;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{
    Cmd, ConditionalEventHandler, Context, Editor, Event, EventContext, EventHandler, ExternalPrinter,
    Helper, KeyCode, KeyEvent, Modifiers, RepeatCount,
};
use std::cell::RefCell;
use std::io::{Read, Result, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Tab asks the gateway.
struct Remote {
    client: Rc<RefCell<Client>>,
}

impl Completer for Remote {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let head = line.get(..at).unwrap_or(line);
        let start = head.rfind(char::is_whitespace).map_or(0, |blank| blank + 1);
        let response = self.client.borrow_mut().complete(head)?;
        let pairs = response
            .candidates
            .into_iter()
            .map(|word| Pair { replacement: format!("{word} "), display: word })
            .collect();
        Ok((start, pairs))
    }
}

impl Hinter for Remote {
    type Hint = String;
}
impl Highlighter for Remote {}
impl Validator for Remote {}
impl Helper for Remote {}

/// `?` ends the reading of the line, so that the list can be printed; the line comes back afterwards.
struct QuestionMark {
    asked: Arc<AtomicBool>,
}

impl ConditionalEventHandler for QuestionMark {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, _: &EventContext<'_>) -> Option<Cmd> {
        self.asked.store(true, Ordering::Relaxed);
        Some(Cmd::AcceptLine)
    }
}

/// Runs the console until the session ends. True: nothing to report.
pub(crate) fn run(socket: &Path) -> Result<bool> {
    let client = Rc::new(RefCell::new(Client::connect(socket)?));
    let asked = Arc::new(AtomicBool::new(false));
    let mut editor: Editor<Remote, _> = Editor::new().map_err(std::io::Error::other)?;
    editor.set_helper(Some(Remote { client: Rc::clone(&client) }));
    let handler = QuestionMark { asked: Arc::clone(&asked) };
    editor.bind_sequence(
        KeyEvent(KeyCode::Char('?'), Modifiers::NONE),
        EventHandler::Conditional(Box::new(handler)),
    );
    // Log and debug lines appear above the line being typed. Without a terminal that can do so they stay on standard
    // error.
    if let Ok(mut printer) = editor.create_external_printer() {
        client.borrow().on_notify(Box::new(move |text| {
            let _ = printer.print(format!("{text}\n"));
        }));
    }
    // An empty line gives the first prompt.
    let mut prompt = client.borrow_mut().exec("")?.prompt;
    let mut text = String::new();
    loop {
        let line = match editor.readline_with_initial(&prompt, (&text, "")) {
            Ok(line) => line,
            // Ctrl-C leaves configuration mode and drops the line, as on a router.
            Err(ReadlineError::Interrupted) => {
                text.clear();
                prompt = leave(&client, prompt)?;
                continue;
            }
            Err(ReadlineError::Eof) => return Ok(true),
            Err(error) => return Err(std::io::Error::other(error)),
        };
        text.clear();
        if asked.swap(false, Ordering::Relaxed) {
            print!("{}", client.borrow_mut().help(&line)?.output);
            text = line;
            continue;
        }
        let _ = editor.add_history_entry(&line);
        let response = client.borrow_mut().exec(&line)?;
        let output =
            if response.error { align(&response.output, prompt.chars().count()) } else { response.output };
        print!("{output}");
        std::io::stdout().flush()?;
        if response.closed {
            return Ok(true);
        }
        prompt = response.prompt;
    }
}

/// Moves the caret of a refusal under its word: the gateway doesn't know that a prompt stands before the line here.
fn align(output: &str, indent: usize) -> String {
    let mut text = String::new();
    for line in output.lines() {
        if line.trim() == "^" {
            text.extend(std::iter::repeat_n(' ', indent));
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}

fn leave(client: &Rc<RefCell<Client>>, prompt: String) -> Result<String> {
    if prompt.contains('(') { Ok(client.borrow_mut().exec("end")?.prompt) } else { Ok(prompt) }
}

/// The gateway's own editor on the raw terminal.
pub(crate) fn raw(socket: &Path) -> Result<bool> {
    let size = terminal_size();
    let mut stream = attach(socket, size)?;
    let _restore = Raw::enter()?;
    let (mut stdin, mut stdout) = (std::io::stdin(), std::io::stdout());
    let mut buffer = [0; 4096];
    loop {
        let (keys, answer) = {
            let mut both = [
                PollFd::new(stdin.as_fd(), PollFlags::POLLIN),
                PollFd::new(stream.as_fd(), PollFlags::POLLIN),
            ];
            poll(&mut both, PollTimeout::NONE)?;
            let ready = |fd: Option<&PollFd<'_>>| fd.and_then(PollFd::any).unwrap_or(false);
            (ready(both.first()), ready(both.get(1)))
        };
        if keys {
            let n = stdin.read(&mut buffer)?;
            if n == 0 {
                return Ok(true);
            }
            stream.write_all(buffer.get(..n).unwrap_or(&[]))?;
        }
        if answer {
            let n = stream.read(&mut buffer)?;
            if n == 0 {
                return Ok(true);
            }
            stdout.write_all(buffer.get(..n).unwrap_or(&[]))?;
            stdout.flush()?;
        }
    }
}

/// Columns and rows as the environment says; 80 × 24 without.
fn terminal_size() -> Size {
    let number =
        |name: &str, default: u16| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default);
    Size { width: number("COLUMNS", 80), height: number("LINES", 24) }
}

/// Raw mode of the terminal until dropped.
struct Raw {
    before: Termios,
}

impl Raw {
    fn enter() -> Result<Raw> {
        let stdin = std::io::stdin();
        let before = tcgetattr(&stdin)?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(&stdin, SetArg::TCSANOW, &raw)?;
        Ok(Raw { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), SetArg::TCSANOW, &self.before);
    }
}

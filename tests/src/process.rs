//! Child processes that end with their owner.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// A running program whose output is read all the time. Dropped, it is killed and waited for; if the test is
/// failing its output is shown.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    log: Arc<Mutex<Vec<String>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts `command`. Lines of standard output and standard error go to the log and to the receivers.
    ///
    /// # Panics
    /// When the program cannot be started.
    #[must_use]
    pub fn start(name: &str, mut command: Command) -> (Self, Receiver<String>, Receiver<String>) {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own, so that what it starts ends with it.
        command.process_group(0);
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{name}: {command:?}: {e}"));
        let log = Arc::new(Mutex::new(Vec::new()));
        let (out, out_lines) = channel();
        let (err, err_lines) = channel();
        let stdout = child.stdout.take().expect("piped");
        let stderr = child.stderr.take().expect("piped");
        let readers =
            vec![read_lines(stdout, out, Arc::clone(&log)), read_lines(stderr, err, Arc::clone(&log))];
        let stdin = child.stdin.take();
        (Self { name: name.to_owned(), child, stdin, log, readers }, out_lines, err_lines)
    }

    /// Process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Writes a line to the program's standard input.
    ///
    /// # Panics
    /// When the program has gone.
    pub fn write_line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("standard input is open until the end");
        let sent = stdin.write_all(format!("{line}\n").as_bytes()).and_then(|()| stdin.flush());
        sent.unwrap_or_else(|e| panic!("{}: {line:?}: {e}\n{}", self.name, self.log()));
    }

    /// Everything it has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// SIGKILL to it and to what it has started, then waits. Nothing it has not written to disk survives.
    pub fn kill(&mut self) {
        if let Ok(group) = i32::try_from(self.child.id()) {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }

    /// SIGTERM to it alone.
    ///
    /// # Panics
    /// When it has gone.
    #[track_caller]
    pub fn terminate(&self) {
        let pid = i32::try_from(self.pid()).expect("a process id");
        nix::sys::signal::kill(Pid::from_raw(pid), Signal::SIGTERM).expect("our own child");
    }

    /// Waits for it to end by itself.
    ///
    /// # Panics
    /// When it does not within `limit`.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let end = Instant::now() + limit;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => {
                    for reader in self.readers.drain(..) {
                        let _ = reader.join();
                    }
                    return status;
                }
                Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(10)),
                other => panic!("{} did not end within {limit:?} ({other:?})\n{}", self.name, self.log()),
            }
        }
    }

    /// True while it runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let from = log.len().saturating_sub(120);
            eprintln!("---- {} (last {} lines) ----", self.name, log.len() - from);
            for line in log.iter().skip(from) {
                eprintln!("{}", line.chars().take(1000).collect::<String>());
            }
        }
    }
}

/// What a program that ran to its end left.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Exit status; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs a program to its end with nothing on standard input.
///
/// # Panics
/// When it cannot be started or takes longer than `limit`.
#[track_caller]
pub fn finish(mut command: Command, limit: Duration) -> Finished {
    let name =
        Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|e| panic!("{name}: {e} (run `cargo xtask setup`)"));
    let read = |mut from: Box<dyn Read + Send>| {
        std::thread::spawn(move || {
            let mut octets = Vec::new();
            let _ = from.read_to_end(&mut octets);
            String::from_utf8_lossy(&octets).into_owned()
        })
    };
    let stdout = read(Box::new(child.stdout.take().expect("piped")));
    let stderr = read(Box::new(child.stderr.take().expect("piped")));
    let end = Instant::now() + limit;
    let status = loop {
        match child.try_wait().expect("own child") {
            Some(status) => break status,
            None if Instant::now() < end => std::thread::sleep(Duration::from_millis(5)),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                panic!(
                    "{command:?} did not end within {limit:?}\n{}{}",
                    stdout.join().unwrap(),
                    stderr.join().unwrap()
                );
            }
        }
    };
    Finished { code: status.code(), stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }
}

fn read_lines(
    from: impl Read + Send + 'static,
    to: Sender<String>,
    log: Arc<Mutex<Vec<String>>>,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n') {
            let Ok(line) = line else { break };
            let line = String::from_utf8_lossy(&line).into_owned();
            log.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(line.clone());
            // nobody may be listening any more; the log still is
            let _ = to.send(line);
        }
    })
}

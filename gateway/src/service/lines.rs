//! Where the daemon's own log is written: standard error, call records some at a time.
//!
//! A record of every call is a line of the log, and a write of its own for each costs the daemon more than making the line.
//! So records wait for [`DELAY`] at most, and are written together; every other line goes out at once, after what waits. Who
//! is killed without a signal handler takes the records of the last [`DELAY`] with him; who ends or panics does not.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

/// The target of call records.
pub const RECORDS: &str = "tipring::cdr";
/// How long a record may wait.
pub const DELAY: Duration = Duration::from_millis(50);
/// Octets that are written without waiting for more.
const FULL: usize = 32 * 1024;

#[derive(Debug)]
struct Waiting<W> {
    out: W,
    octets: Vec<u8>,
    over: bool,
}

impl<W: Write> Waiting<W> {
    /// Lines that cannot be written are lost: there is nobody to tell.
    fn flush(&mut self) {
        if !self.octets.is_empty() {
            let _ = self.out.write_all(&self.octets);
            self.octets.clear();
        }
    }
}

#[derive(Debug)]
struct Shared<W> {
    waiting: Mutex<Waiting<W>>,
    /// The first record has come, or it is over.
    some: Condvar,
}

impl<W> Shared<W> {
    fn lock(&self) -> MutexGuard<'_, Waiting<W>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes lines, for [`mod@tracing_subscriber::fmt`].
#[derive(Debug)]
pub struct Lines<W>(Arc<Shared<W>>);

/// While it lives, records are written in time; dropping it writes what waits.
#[derive(Debug)]
pub struct LinesEnd<W: Write> {
    shared: Arc<Shared<W>>,
    thread: Option<JoinHandle<()>>,
}

impl<W: Write + Send + 'static> Lines<W> {
    /// Lines go to `out`, with a thread for records, which wait for `delay` ([`DELAY`]) at most.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn new(out: W, delay: Duration) -> io::Result<(Self, LinesEnd<W>)> {
        let waiting = Mutex::new(Waiting { out, octets: Vec::new(), over: false });
        let shared = Arc::new(Shared { waiting, some: Condvar::new() });
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("log".to_owned());
        let thread = thread.spawn(move || write(&of_thread, delay))?;
        Ok((Self(Arc::clone(&shared)), LinesEnd { shared, thread: Some(thread) }))
    }
}

fn write<W: Write>(shared: &Shared<W>, delay: Duration) {
    let mut waiting = shared.lock();
    while !waiting.over {
        if waiting.octets.is_empty() {
            waiting = shared.some.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        } else {
            let rest = shared.some.wait_timeout_while(waiting, delay, |waiting| !waiting.over);
            (waiting, _) = rest.unwrap_or_else(PoisonError::into_inner);
            waiting.flush();
        }
    }
}

impl<W: Write> Drop for LinesEnd<W> {
    fn drop(&mut self) {
        let mut waiting = self.shared.lock();
        waiting.flush();
        waiting.over = true;
        drop(waiting);
        self.shared.some.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Takes one line.
#[derive(Debug)]
pub struct Line<'a, W> {
    shared: &'a Shared<W>,
    record: bool,
}

impl<W: Write> Write for Line<'_, W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut waiting = self.shared.lock();
        let first = waiting.octets.is_empty();
        waiting.octets.extend_from_slice(line);
        // Once it is over nobody else writes any more.
        if !self.record || waiting.over || waiting.octets.len() >= FULL {
            waiting.flush();
        } else if first {
            self.shared.some.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a, W: Write + 'a> MakeWriter<'a> for Lines<W> {
    type Writer = Line<'a, W>;

    fn make_writer(&'a self) -> Line<'a, W> {
        Line { shared: &self.0, record: false }
    }

    fn make_writer_for(&'a self, line: &Metadata<'_>) -> Line<'a, W> {
        Line { shared: &self.0, record: line.target() == RECORDS }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::mpsc;

    use super::*;

    /// Tells what is written, one message a write.
    #[derive(Debug)]
    struct Told(mpsc::Sender<String>);

    impl Write for Told {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.send(String::from_utf8_lossy(octets).into_owned()).unwrap();
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn said(lines: &Lines<Told>, record: bool, text: &str) {
        Line { shared: &lines.0, record }.write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn records_are_written_together_and_everything_in_order() {
        let (told, written) = mpsc::channel();
        let (lines, end) = Lines::new(Told(told), Duration::from_millis(1)).unwrap();
        said(&lines, false, "a line\n");
        assert_eq!(written.recv().unwrap(), "a line\n", "at once");
        said(&lines, true, "call 1\n");
        assert_eq!(written.recv().unwrap(), "call 1\n", "by the thread");
        for call in 2..5 {
            said(&lines, true, &format!("call {call}\n"));
        }
        said(&lines, false, "another line\n");
        let all = std::iter::from_fn(|| written.try_recv().ok()).collect::<String>();
        assert_eq!(all, "call 2\ncall 3\ncall 4\nanother line\n");
        said(&lines, true, &"x".repeat(FULL));
        assert_eq!(written.try_iter().collect::<String>().len(), FULL, "more do not wait");
        said(&lines, true, "the last call\n");
        drop(end);
        assert_eq!(written.try_iter().collect::<String>(), "the last call\n");
        said(&lines, true, "too late to wait\n");
        assert_eq!(written.try_recv().unwrap(), "too late to wait\n");
    }

    #[test]
    fn the_log_knows_a_record_by_its_target() {
        let (told, written) = mpsc::channel();
        let (lines, end) = Lines::new(Told(told), Duration::from_secs(3600)).unwrap();
        let log = tracing_subscriber::fmt().with_writer(lines).without_time().with_ansi(false).finish();
        tracing::subscriber::with_default(log, || {
            tracing::info!(target: RECORDS, "a call");
            assert!(written.try_recv().is_err(), "it waits");
            tracing::info!(target: "tipring", "a line");
        });
        assert_eq!(written.try_recv().unwrap(), " INFO tipring::cdr: a call\n INFO tipring: a line\n");
        drop(end);
    }
}

//! What must survive `kill -9`: one redb file, written by one thread in groups.
//!
//! The switch hands over records and goes on; the thread writes everything that has gathered in one
//! transaction and then acknowledges the tickets. A SIP answer that promises delivery leaves only after
//! its ticket came back.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, TableHandle};

use crate::service::mailbox::{Record, RecordError, RecordRef};

const MAILBOXES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("mailbox");
/// Subscriptions of others to mailboxes, by our tag.
const WATCHERS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("watcher");
/// Where the users of telephones have all their calls go, by voice port.
const FORWARDS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("forward");
/// Records taken into one transaction at most; bounds the time to the first acknowledgement.
const GROUP: usize = 4096;

/// Under load, how long the writer waits for more records before it writes a group: a commit costs far more than a record.
const GATHER: Duration = Duration::from_millis(2);

/// Number the switch gives a write, returned when it is on disk.
pub type Ticket = u64;

/// What came of a group of writes.
#[derive(Debug)]
pub struct Committed {
    /// Every ticket of the group.
    pub tickets: Vec<Ticket>,
    /// Why the group could not be written, else `None`.
    pub error: Option<String>,
}

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory cannot be made.
    #[error("state directory {path}: {source}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database cannot be opened or read.
    #[error("store {path}: {source}")]
    Database {
        /// The file.
        path: PathBuf,
        /// What redb said.
        source: Box<redb::Error>,
    },
    /// A record is not readable.
    #[error("store {path}: mailbox {number}: {source}")]
    Record {
        /// The file.
        path: PathBuf,
        /// Key of the record.
        number: String,
        /// What is wrong with it.
        source: RecordError,
    },
}

type Table = TableDefinition<'static, &'static str, &'static [u8]>;

/// A write; without a record the key is removed.
struct Job {
    table: Table,
    key: String,
    record: Option<Vec<u8>>,
    ticket: Ticket,
}

/// The open store. Dropping it writes what is queued and closes the file.
#[derive(Debug)]
pub struct Store {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    next: Ticket,
    watchers: Vec<(String, Vec<u8>)>,
    forwards: Vec<(String, Vec<u8>)>,
}

impl Store {
    /// Opens or makes the store of a state directory and reads all mailboxes and subscriptions.
    ///
    /// `done` is called on the writer's thread after each group.
    ///
    /// # Errors
    /// [`StoreError`] when the directory, file or a record cannot be used.
    pub fn open(
        directory: &Path,
        done: impl FnMut(Committed) + Send + 'static,
    ) -> Result<(Self, Vec<(String, Record)>), StoreError> {
        std::fs::create_dir_all(directory)
            .map_err(|source| StoreError::Directory { path: directory.to_owned(), source })?;
        let path = directory.join("tipring.redb");
        let failed =
            |source: redb::Error| StoreError::Database { path: path.clone(), source: Box::new(source) };
        let database = Database::create(&path).map_err(|e| failed(e.into()))?;
        let raw = read_all(&database, MAILBOXES).map_err(&failed)?;
        let watchers = read_all(&database, WATCHERS).map_err(&failed)?;
        let forwards = read_all(&database, FORWARDS).map_err(&failed)?;
        let mut records = Vec::with_capacity(raw.len());
        for (number, bytes) in raw {
            match Record::from_octets(&bytes) {
                Ok(record) => records.push((number, record)),
                Err(source) => return Err(StoreError::Record { path, number, source }),
            }
        }
        let (jobs, queue) = channel();
        let thread = std::thread::Builder::new()
            .name("store".into())
            .spawn(move || write_groups(&database, &queue, done))
            .map_err(|source| StoreError::Directory { path: directory.to_owned(), source })?;
        Ok((Self { jobs: Some(jobs), thread: Some(thread), next: 0, watchers, forwards }, records))
    }

    /// Queues a mailbox's newest state and returns the ticket that comes back when it is on disk.
    pub fn put(&mut self, number: &str, record: RecordRef<'_>) -> Ticket {
        self.send(MAILBOXES, number, Some(record.to_octets()))
    }

    /// Queues the removal of a mailbox.
    pub fn remove(&mut self, number: &str) -> Ticket {
        self.send(MAILBOXES, number, None)
    }

    /// What was kept of subscriptions by an earlier run; once.
    pub fn take_watchers(&mut self) -> Vec<(String, Vec<u8>)> {
        std::mem::take(&mut self.watchers)
    }

    /// Queues a subscription of somebody, by our tag.
    pub fn put_watcher(&mut self, tag: &str, record: Vec<u8>) -> Ticket {
        self.send(WATCHERS, tag, Some(record))
    }

    /// Queues the removal of a subscription.
    pub fn remove_watcher(&mut self, tag: &str) -> Ticket {
        self.send(WATCHERS, tag, None)
    }

    /// Where calls of voice ports went to by their users' wish in an earlier run, by port; once.
    pub fn take_forwards(&mut self) -> impl Iterator<Item = (String, String)> {
        let kept = std::mem::take(&mut self.forwards).into_iter();
        kept.filter_map(|(port, number)| Some((port, String::from_utf8(number).ok()?)))
    }

    /// Queues that all calls of a voice port go to a number from now on; `None`: no longer.
    pub fn put_forward(&mut self, port: &str, number: Option<&str>) -> Ticket {
        self.send(FORWARDS, port, number.map(|number| number.as_bytes().to_vec()))
    }

    fn send(&mut self, table: Table, key: &str, record: Option<Vec<u8>>) -> Ticket {
        self.next += 1;
        if let Some(jobs) = &self.jobs {
            // The thread ends only after this sender is dropped.
            let _ = jobs.send(Job { table, key: key.to_owned(), record, ticket: self.next });
        }
        self.next
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn read_all(database: &Database, table: Table) -> Result<Vec<(String, Vec<u8>)>, redb::Error> {
    let write = database.begin_write()?;
    write.open_table(table)?;
    write.commit()?;
    let read = database.begin_read()?;
    let table = read.open_table(table)?;
    let mut all = Vec::new();
    for entry in table.iter()? {
        let (key, value) = entry?;
        all.push((key.value().to_owned(), value.value().to_vec()));
    }
    Ok(all)
}

fn write_groups(database: &Database, queue: &Receiver<Job>, mut done: impl FnMut(Committed)) {
    let mut last = None;
    while let Ok(first) = queue.recv() {
        if last.is_some_and(|at: Instant| at.elapsed() < GATHER) {
            std::thread::sleep(GATHER);
        }
        let mut group = vec![first];
        while group.len() < GROUP
            && let Ok(job) = queue.try_recv()
        {
            group.push(job);
        }
        let error = write_group(database, &group).err().map(|e| e.to_string());
        let tickets = group.iter().map(|job| job.ticket).collect();
        done(Committed { tickets, error });
        last = Some(Instant::now());
    }
}

fn write_group(database: &Database, group: &[Job]) -> Result<(), redb::Error> {
    let write = database.begin_write()?;
    {
        let mut mailboxes = write.open_table(MAILBOXES)?;
        let mut watchers = write.open_table(WATCHERS)?;
        let mut forwards = write.open_table(FORWARDS)?;
        for Job { table, key, record, .. } in group {
            let table = match table.name() {
                name if name == WATCHERS.name() => &mut watchers,
                name if name == FORWARDS.name() => &mut forwards,
                _ => &mut mailboxes,
            };
            match record {
                Some(record) => table.insert(key.as_str(), record.as_slice())?,
                None => table.remove(key.as_str())?,
            };
        }
    }
    write.commit()?;
    Ok(())
}

//! What must survive `kill -9`: one redb file and the journal ahead of it, written by one thread in groups.
//!
//! The switch hands over records and goes on; the thread writes everything that has gathered as one block of the
//! journal, and then acknowledges the tickets. When the journal is full, what it holds goes to the database in one
//! transaction, the newest record of each key. A SIP answer that promises delivery leaves only after its ticket came back.

mod journal;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, TableError};
use serde::{Deserialize, Serialize};

use crate::service::mailbox::{Record, RecordError, RecordRef};
use journal::Journal;

/// Records taken into one group at most; bounds the time to the first acknowledgement.
const GROUP: usize = 4096;

/// Under load, how long the writer waits for more records before it writes a group: a group costs far more than a record.
const GATHER: Duration = Duration::from_millis(2);

/// The database's file in the state directory.
const DATABASE: &str = "tipring.redb";

/// Number of the last block of the journal that the database holds, by the only key `last`.
const JOURNAL: TableDefinition<'_, &str, u64> = TableDefinition::new("journal");

type Table = TableDefinition<'static, &'static str, &'static [u8]>;

/// What is kept, each kind in a table of its own. The journal has the numbers of the variants: new ones go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Kind {
    Mailbox,
    /// Subscriptions of others to mailboxes, by our tag.
    Watcher,
    /// Where the users of telephones have all their calls go, by voice port.
    Forward,
    /// States of mailboxes that the SIP side refused to hear of, by number.
    Refusal,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Mailbox, Self::Watcher, Self::Forward, Self::Refusal];

    fn table(self) -> Table {
        TableDefinition::new(match self {
            Self::Mailbox => "mailbox",
            Self::Watcher => "watcher",
            Self::Forward => "forward",
            Self::Refusal => "refusal",
        })
    }
}

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
    /// The journal cannot be opened or made.
    #[error("journal {path}: {source}")]
    Journal {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
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

/// A write; without a record the key is removed.
#[derive(Debug)]
struct Job {
    kind: Kind,
    key: String,
    record: Option<Vec<u8>>,
    ticket: Ticket,
}

/// The open store. Dropping it writes what is queued and closes the files.
#[derive(Debug)]
pub struct Store {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    next: Ticket,
    watchers: Vec<(String, Vec<u8>)>,
    forwards: Vec<(String, Vec<u8>)>,
    refusals: Vec<(String, Vec<u8>)>,
}

impl Store {
    /// Opens or makes the store of a state directory and reads all mailboxes and subscriptions.
    ///
    /// `done` is called on the writer's thread after each group.
    ///
    /// # Errors
    /// [`StoreError`] when the directory, a file or a record cannot be used.
    pub fn open(
        directory: &Path,
        done: impl FnMut(Committed) + Send + 'static,
    ) -> Result<(Self, Vec<(String, Record)>), StoreError> {
        let writer = Writer::open(directory)?;
        let path = directory.join(DATABASE);
        let failed =
            |source: redb::Error| StoreError::Database { path: path.clone(), source: Box::new(source) };
        let kept = |kind| read_all(&writer.database, kind).map_err(&failed);
        let raw = kept(Kind::Mailbox)?;
        let (watchers, forwards, refusals) =
            (kept(Kind::Watcher)?, kept(Kind::Forward)?, kept(Kind::Refusal)?);
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
            .spawn(move || writer.write_groups(&queue, done))
            .map_err(|source| StoreError::Directory { path: directory.to_owned(), source })?;
        Ok((Self { jobs: Some(jobs), thread: Some(thread), next: 0, watchers, forwards, refusals }, records))
    }

    /// Queues a mailbox's newest state and returns the ticket that comes back when it is on disk.
    pub fn put(&mut self, number: &str, record: RecordRef<'_>) -> Ticket {
        self.send(Kind::Mailbox, number, Some(record.to_octets()))
    }

    /// Queues the removal of a mailbox.
    pub fn remove(&mut self, number: &str) -> Ticket {
        self.send(Kind::Mailbox, number, None)
    }

    /// What was kept of subscriptions by an earlier run; once.
    pub fn take_watchers(&mut self) -> Vec<(String, Vec<u8>)> {
        std::mem::take(&mut self.watchers)
    }

    /// Queues a subscription of somebody, by our tag.
    pub fn put_watcher(&mut self, tag: &str, record: Vec<u8>) -> Ticket {
        self.send(Kind::Watcher, tag, Some(record))
    }

    /// Queues the removal of a subscription.
    pub fn remove_watcher(&mut self, tag: &str) -> Ticket {
        self.send(Kind::Watcher, tag, None)
    }

    /// Where calls of voice ports went to by their users' wish in an earlier run, by port; once.
    pub fn take_forwards(&mut self) -> impl Iterator<Item = (String, String)> {
        let kept = std::mem::take(&mut self.forwards).into_iter();
        kept.filter_map(|(port, number)| Some((port, String::from_utf8(number).ok()?)))
    }

    /// Queues that all calls of a voice port go to a number from now on; `None`: no longer.
    pub fn put_forward(&mut self, port: &str, number: Option<&str>) -> Ticket {
        self.send(Kind::Forward, port, number.map(|number| number.as_bytes().to_vec()))
    }

    /// States of mailboxes that were refused for good in an earlier run, by number; once.
    pub fn take_refusals(&mut self) -> Vec<(String, Vec<u8>)> {
        std::mem::take(&mut self.refusals)
    }

    /// Queues that a state of a number was refused for good; `None`: no longer.
    pub fn put_refusal(&mut self, number: &str, record: Option<Vec<u8>>) -> Ticket {
        self.send(Kind::Refusal, number, record)
    }

    fn send(&mut self, kind: Kind, key: &str, record: Option<Vec<u8>>) -> Ticket {
        self.next += 1;
        if let Some(jobs) = &self.jobs {
            // The thread ends only after this sender is dropped.
            let _ = jobs.send(Job { kind, key: key.to_owned(), record, ticket: self.next });
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

/// The thread's own: files, and what the journal has and the database has not.
#[derive(Debug)]
struct Writer {
    database: Database,
    journal: Journal,
    /// The newest record of each key since the last commit, `None` where the key is to be removed. No more than fills the
    /// journal and one group.
    pending: BTreeMap<(Kind, String), Option<Vec<u8>>>,
}

impl Writer {
    /// Opens or makes both files; the database holds all there is then.
    fn open(directory: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(directory)
            .map_err(|source| StoreError::Directory { path: directory.to_owned(), source })?;
        let path = directory.join(DATABASE);
        let failed =
            |source: redb::Error| StoreError::Database { path: path.clone(), source: Box::new(source) };
        let database = Database::create(&path).map_err(|e| failed(e.into()))?;
        let last = last_block(&database).map_err(&failed)?;
        let path = directory.join("tipring.journal");
        let (journal, bodies) =
            Journal::open(&path, last).map_err(|source| StoreError::Journal { path, source })?;
        let pending = bodies.iter().flat_map(|body| entries(body)).collect();
        let mut writer = Self { database, journal, pending };
        // The tables are made with it.
        writer.commit().map_err(&failed)?;
        Ok(writer)
    }

    fn write_groups(mut self, queue: &Receiver<Job>, mut done: impl FnMut(Committed)) {
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
            let tickets = group.iter().map(|job| job.ticket).collect();
            let error = self.write(group).err().map(|e| e.to_string());
            done(Committed { tickets, error });
            last = Some(Instant::now());
        }
        if !self.pending.is_empty() {
            // What fails here is in the journal, and read when the store is opened again.
            let _ = self.commit();
        }
    }

    /// Brings a group to disk: as a block of the journal, or, where that has no room, to the database with all that waits.
    fn write(&mut self, group: Vec<Job>) -> Result<(), redb::Error> {
        let mut body = Vec::with_capacity(128 * group.len());
        for Job { kind, key, record, .. } in &group {
            // Serialising to memory fails only for types postcard does not know; these are none.
            body = postcard::to_extend(&(kind, key, record), body).unwrap_or_default();
        }
        self.pending.extend(group.into_iter().map(|job| ((job.kind, job.key), job.record)));
        if self.journal.append(&body) { Ok(()) } else { self.commit() }
    }

    /// Brings all that waits to the database, and lets the journal begin anew.
    fn commit(&mut self) -> Result<(), redb::Error> {
        let write = self.database.begin_write()?;
        for kind in Kind::ALL {
            let mut table = write.open_table(kind.table())?;
            let (first, behind) = ((kind, String::new()), Kind::ALL.into_iter().find(|next| *next > kind));
            let of_kind = match behind {
                Some(next) => self.pending.range(first..(next, String::new())),
                None => self.pending.range(first..),
            };
            for ((_, key), record) in of_kind {
                match record {
                    Some(record) => table.insert(key.as_str(), record.as_slice())?,
                    None => table.remove(key.as_str())?,
                };
            }
        }
        write.open_table(JOURNAL)?.insert("last", self.journal.last())?;
        write.commit()?;
        self.pending.clear();
        self.journal.begin();
        Ok(())
    }
}

/// What a block of the journal says.
fn entries(body: &[u8]) -> impl Iterator<Item = ((Kind, String), Option<Vec<u8>>)> {
    let mut rest = body;
    std::iter::from_fn(move || {
        let ((kind, key, record), behind) = postcard::take_from_bytes(rest).ok()?;
        rest = behind;
        Some(((kind, key), record))
    })
}

/// Number of the last block of the journal that the database holds.
fn last_block(database: &Database) -> Result<u64, redb::Error> {
    match database.begin_read()?.open_table(JOURNAL) {
        Ok(table) => Ok(table.get("last")?.map_or(0, |last| last.value())),
        // An earlier release wrote it, or nobody yet.
        Err(TableError::TableDoesNotExist(_)) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

fn read_all(database: &Database, kind: Kind) -> Result<Vec<(String, Vec<u8>)>, redb::Error> {
    let table = database.begin_read()?.open_table(kind.table())?;
    let mut all = Vec::new();
    for entry in table.iter()? {
        let (key, value) = entry?;
        all.push((key.value().to_owned(), value.value().to_vec()));
    }
    Ok(all)
}

#[cfg(test)]
mod tests;

//! The journal ahead of the database: what was written since the database's last commit, block behind block.
//!
//! A commit of the database turns pages over, however little was written; a block of the journal is one write in a file whose
//! space is there already and which is open with `O_DSYNC`: the write returns when its octets are on disk (open(2)). Blocks are numbered through for ever, and the database knows the number
//! of the last one it holds: the journal begins at its first octet again after each commit, and what it held before is
//! told from what it holds now by the numbers. A block that a crash cut in two is told by its checksum; nothing of it was
//! acknowledged.
//!
//! A block: number (u64), octets of its body (u32), both little-endian; SHA-256 of the two and the body; the body.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use nix::fcntl::OFlag;
use sha2::{Digest as _, Sha256};

/// Octets of the file. So much is read again after a crash, and so seldom the database is written.
pub(super) const SIZE: usize = 512 * 1024;
/// Octets ahead of a body.
const HEAD: usize = 12 + SUM;
const SUM: usize = 32;

/// The open journal.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    /// Where the next block goes.
    at: usize,
    /// Number of the last block written, or tried.
    last: u64,
    /// A write failed: what the file holds now nobody knows.
    is_broken: bool,
}

impl Journal {
    /// Opens or makes the file, and gives the bodies of the blocks that the database has not: those behind block `last`.
    ///
    /// # Errors
    /// What the system says when the file cannot be made or read, or its space is not to be had.
    pub(super) fn open(path: &Path, last: u64) -> io::Result<(Self, Vec<Vec<u8>>)> {
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .custom_flags(OFlag::O_DSYNC.bits())
            .open(path)?;
        let mut octets = Vec::with_capacity(SIZE);
        (&mut file).take(SIZE as u64).read_to_end(&mut octets)?;
        if octets.len() < SIZE {
            // The position is the end of what was read.
            file.write_all(&vec![0; SIZE - octets.len()])?;
            file.sync_all()?;
            if let Some(directory) = path.parent() {
                File::open(directory)?.sync_all()?;
            }
        }
        let mut journal = Self { file, at: 0, last, is_broken: false };
        let mut bodies = Vec::new();
        let mut rest = octets.as_slice();
        while let Some((body, behind)) = block(rest, journal.last + 1) {
            journal.at += rest.len() - behind.len();
            journal.last += 1;
            bodies.push(body.to_vec());
            rest = behind;
        }
        Ok((journal, bodies))
    }

    /// Number of the last block, which a commit of the database has to name.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Writes a block; it is on disk when this returns `true`. `false`: it has no room, or the file is not to be trusted, and
    /// the database has to be written.
    pub(super) fn append(&mut self, body: &[u8]) -> bool {
        let room = SIZE.saturating_sub(self.at);
        let Some(length) = u32::try_from(body.len()).ok().filter(|_| HEAD + body.len() <= room) else {
            return false;
        };
        if self.is_broken {
            return false;
        }
        self.last += 1;
        let mut octets = Vec::with_capacity(HEAD + body.len());
        octets.extend(self.last.to_le_bytes());
        octets.extend(length.to_le_bytes());
        let sum = sum(&octets, body);
        octets.extend(sum);
        octets.extend(body);
        self.is_broken = self.file.write_all_at(&octets, self.at as u64).is_err();
        self.at += octets.len();
        !self.is_broken
    }

    /// The database holds all that was written: the next block is the first one.
    pub(super) fn begin(&mut self) {
        self.at = 0;
    }
}

/// The body of the block of this number at the front, and what is behind it.
fn block(octets: &[u8], number: u64) -> Option<(&[u8], &[u8])> {
    let (head, rest) = octets.split_at_checked(HEAD)?;
    let (front, known) = head.split_at_checked(HEAD - SUM)?;
    let (first, length) = front.split_first_chunk::<8>()?;
    let length = u32::from_le_bytes(length.try_into().ok()?);
    let (body, behind) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    (u64::from_le_bytes(*first) == number && sum(front, body) == known).then_some((body, behind))
}

fn sum(front: &[u8], body: &[u8]) -> [u8; SUM] {
    Sha256::new().chain_update(front).chain_update(body).finalize().into()
}

#[cfg(test)]
impl Journal {
    /// A journal on a disk that takes no more.
    pub(super) fn on_a_full_disk() -> Self {
        let file = File::options().write(true).open("/dev/full").unwrap_or_else(|e| unreachable!("{e}"));
        Self { file, at: 0, last: 7, is_broken: false }
    }

    /// Whether a write returns only when its octets are on disk.
    pub(super) fn is_synchronous(&self) -> bool {
        let flags = nix::fcntl::fcntl(&self.file, nix::fcntl::FcntlArg::F_GETFL).unwrap_or(0);
        OFlag::from_bits_truncate(flags).contains(OFlag::O_DSYNC)
    }
}

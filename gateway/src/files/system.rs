//! The disks: directories from which no name leads out.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use cap_std::fs::{Dir, OpenOptions};

use super::place::{Disk, Place};
use crate::console::startup::keep_previous;

/// Largest file, in octets.
pub const MAX_FILE: usize = 64 << 20;
/// Size of a disk, in octets.
const CAPACITY: u64 = 256 << 20;
/// Most files and directories of a disk.
const MAX_ENTRIES: usize = 4096;

/// A command on a file failed, in IOS's words.
#[derive(Debug, thiserror::Error)]
pub struct FileError {
    /// `opening`, `Deleting`.
    doing: &'static str,
    place: String,
    why: Why,
}

#[derive(Debug)]
enum Why {
    Io(io::Error),
    Text(&'static str),
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match &self.why {
            Why::Text(text) => (*text).to_owned(),
            Why::Io(error) => match error.kind() {
                io::ErrorKind::NotFound => "No such file or directory".to_owned(),
                io::ErrorKind::AlreadyExists => "File exists".to_owned(),
                io::ErrorKind::DirectoryNotEmpty => "Directory not empty".to_owned(),
                io::ErrorKind::IsADirectory => "Is a directory".to_owned(),
                io::ErrorKind::NotADirectory => "Not a directory".to_owned(),
                io::ErrorKind::PermissionDenied => "Permission denied".to_owned(),
                _ => error.to_string(),
            },
        };
        write!(f, "%Error {} {} ({why})", self.doing, self.place)
    }
}

/// A file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name, for lists of a directory and below the path from there.
    pub name: String,
    /// A directory.
    pub directory: bool,
    /// Octets.
    pub size: u64,
    /// When it was written last.
    pub modified: SystemTime,
}

/// The disks of a gateway. Copies are the same disks.
#[derive(Debug, Clone)]
pub struct FileSystem {
    flash: Arc<Dir>,
    temporary: Arc<Dir>,
    /// The startup configuration.
    pub startup: PathBuf,
    /// A directory for each trustpoint.
    pub pki: PathBuf,
}

impl FileSystem {
    /// Opens, and makes where needed, `flash` and `tmp` in the state directory; what was in `tmp` is gone.
    ///
    /// # Errors
    /// What the system said.
    pub fn open(state: &Path, startup: &Path) -> io::Result<FileSystem> {
        let (flash, temporary) = (state.join("flash"), state.join("tmp"));
        match std::fs::remove_dir_all(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let dir = |path: &Path| {
            std::fs::create_dir_all(path)?;
            Dir::open_ambient_dir(path, cap_std::ambient_authority()).map(Arc::new)
        };
        Ok(FileSystem {
            flash: dir(&flash)?,
            temporary: dir(&temporary)?,
            startup: startup.to_owned(),
            pki: state.join("pki"),
        })
    }

    fn disk(&self, disk: Disk) -> &Dir {
        match disk {
            Disk::Flash => &self.flash,
            Disk::Temporary => &self.temporary,
        }
    }

    /// What a file contains, up to [`MAX_FILE`].
    ///
    /// # Errors
    /// [`FileError`] as IOS words it.
    pub fn read(&self, place: &Place) -> Result<Vec<u8>, FileError> {
        let fail = |why| FileError { doing: "opening", place: place.to_string(), why };
        let mut octets = Vec::new();
        let limit = MAX_FILE as u64 + 1;
        match place {
            Place::Local { disk, path } if !path.is_empty() => {
                let file = self.disk(*disk).open(path.join("/")).map_err(|e| fail(Why::Io(e)))?;
                if !file.metadata().map_err(|e| fail(Why::Io(e)))?.is_file() {
                    return Err(fail(Why::Text("Is a directory")));
                }
                file.take(limit).read_to_end(&mut octets).map_err(|e| fail(Why::Io(e)))?;
            }
            Place::Startup => {
                let file = std::fs::File::open(&self.startup).map_err(|e| fail(Why::Io(e)))?;
                file.take(limit).read_to_end(&mut octets).map_err(|e| fail(Why::Io(e)))?;
            }
            Place::Null => {}
            _ => return Err(fail(Why::Text("Is a directory"))),
        }
        if octets.len() > MAX_FILE { Err(fail(Why::Text("File is too large"))) } else { Ok(octets) }
    }

    /// Writes a file so that a crash leaves the old one or the new one.
    ///
    /// # Errors
    /// [`FileError`], also when the disk would be more than full.
    pub fn write(&self, place: &Place, octets: &[u8]) -> Result<(), FileError> {
        let fail = |why| FileError { doing: "opening", place: place.to_string(), why };
        match place {
            Place::Local { disk, path } if !path.is_empty() => {
                let (total, free, entries) = self.usage(*disk).map_err(|e| fail(Why::Io(e)))?;
                let old = self.stat(place).map_or(0, |entry| entry.size);
                if octets.len() > MAX_FILE || octets.len() as u64 > (free + old).min(total) {
                    return Err(fail(Why::Text("No space left on device")));
                }
                if entries >= MAX_ENTRIES {
                    return Err(fail(Why::Text("Too many files on device")));
                }
                let (dir, name) = (self.disk(*disk), path.join("/"));
                if dir.metadata(&name).is_ok_and(|m| m.is_dir()) {
                    return Err(fail(Why::Text("Is a directory")));
                }
                let temporary = format!("{name}.new~");
                let written = || -> io::Result<()> {
                    let mut options = OpenOptions::new();
                    let mut file =
                        dir.open_with(&temporary, options.write(true).create(true).truncate(true))?;
                    file.write_all(octets)?;
                    file.sync_all()?;
                    dir.rename(&temporary, dir, &name)
                };
                written().map_err(|error| {
                    // It may not exist; the first error is the one that counts.
                    let _ = dir.remove_file(&temporary);
                    fail(Why::Io(error))
                })
            }
            Place::Startup => keep_previous(&self.startup)
                .and_then(|()| save(&self.startup, octets))
                .map_err(|e| fail(Why::Io(e))),
            Place::Null => Ok(()),
            _ => Err(fail(Why::Text("Is a directory"))),
        }
    }

    /// A file or directory itself.
    ///
    /// # Errors
    /// [`FileError`] where there is none.
    pub fn stat(&self, place: &Place) -> Result<Entry, FileError> {
        let fail = |why| FileError { doing: "opening", place: place.to_string(), why };
        let name = place.file_name().unwrap_or("").to_owned();
        match place {
            Place::Local { disk, path } => {
                let path = if path.is_empty() { ".".to_owned() } else { path.join("/") };
                let found = self.disk(*disk).metadata(path).map_err(|e| fail(Why::Io(e)))?;
                Ok(entry(name, &found))
            }
            Place::Startup => {
                let found = std::fs::metadata(&self.startup).map_err(|e| fail(Why::Io(e)))?;
                let modified = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                Ok(Entry { name, directory: false, size: found.len(), modified })
            }
            Place::Nvram => Ok(Entry { name, directory: true, size: 0, modified: SystemTime::UNIX_EPOCH }),
            _ => Err(fail(Why::Text("No such file or directory"))),
        }
    }

    /// What is in a directory, by name; with `recursive` what is below it too.
    ///
    /// # Errors
    /// [`FileError`] where it is none.
    pub fn list(&self, place: &Place, recursive: bool) -> Result<Vec<Entry>, FileError> {
        let fail = |why| FileError { doing: "opening", place: place.to_string(), why };
        let Place::Local { disk, path } = place else {
            return match place {
                Place::Nvram => Ok(self.stat(&Place::Startup).into_iter().collect()),
                _ => Err(fail(Why::Text("No such file or directory"))),
            };
        };
        let mut all = Vec::new();
        let start = if path.is_empty() { ".".to_owned() } else { path.join("/") };
        let dir = self.disk(*disk).open_dir(start).map_err(|e| fail(Why::Io(e)))?;
        walk(&dir, "", recursive, &mut all).map_err(|e| fail(Why::Io(e)))?;
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// Octets of a disk, how many of them are free, and how many files and directories there are.
    ///
    /// # Errors
    /// What the system said.
    pub fn usage(&self, disk: Disk) -> io::Result<(u64, u64, usize)> {
        let mut all = Vec::new();
        walk(self.disk(disk), "", true, &mut all)?;
        let used: u64 = all.iter().map(|entry| entry.size).sum();
        Ok((CAPACITY, CAPACITY.saturating_sub(used), all.len()))
    }

    /// Removes a file, or with `recursive` a directory with what is in it.
    ///
    /// # Errors
    /// [`FileError`] as IOS words it.
    pub fn delete(&self, place: &Place, recursive: bool) -> Result<(), FileError> {
        self.change("Deleting", place, |dir, path| match recursive && dir.symlink_metadata(path)?.is_dir() {
            true => dir.remove_dir_all(path),
            false => dir.remove_file(path),
        })
    }

    /// Makes a directory.
    ///
    /// # Errors
    /// [`FileError`] as IOS words it.
    pub fn make_directory(&self, place: &Place) -> Result<(), FileError> {
        if let Place::Local { disk, .. } = place
            && self.usage(*disk).is_ok_and(|(_, _, entries)| entries >= MAX_ENTRIES)
        {
            let why = Why::Text("Too many files on device");
            return Err(FileError { doing: "Creating dir", place: place.to_string(), why });
        }
        self.change("Creating dir", place, |dir, path| dir.create_dir(path))
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// [`FileError`] as IOS words it.
    pub fn remove_directory(&self, place: &Place) -> Result<(), FileError> {
        self.change("Removing dir", place, |dir, path| dir.remove_dir(path))
    }

    /// Gives a file or directory another name on the same disk; a name that is taken is refused.
    ///
    /// # Errors
    /// [`FileError`] as IOS words it.
    pub fn rename(&self, from: &Place, to: &Place) -> Result<(), FileError> {
        let (Place::Local { disk, path }, Place::Local { disk: target, path: name }) = (from, to) else {
            let why = Why::Text("Not on the same device");
            return Err(FileError { doing: "renaming", place: from.to_string(), why });
        };
        if disk != target || path.is_empty() || name.is_empty() {
            let why = Why::Text("Not on the same device");
            return Err(FileError { doing: "renaming", place: from.to_string(), why });
        }
        if self.stat(to).is_ok() {
            let why = Why::Text("File exists");
            return Err(FileError { doing: "renaming", place: to.to_string(), why });
        }
        self.change("renaming", from, |dir, old| dir.rename(old, dir, name.join("/")))
    }

    fn change(
        &self,
        doing: &'static str,
        place: &Place,
        act: impl FnOnce(&Dir, &str) -> io::Result<()>,
    ) -> Result<(), FileError> {
        let fail = |why| FileError { doing, place: place.to_string(), why };
        match place {
            Place::Local { disk, path } if !path.is_empty() => {
                act(self.disk(*disk), &path.join("/")).map_err(|e| fail(Why::Io(e)))
            }
            _ => Err(fail(Why::Text("Invalid argument"))),
        }
    }
}

fn entry(name: String, found: &cap_std::fs::Metadata) -> Entry {
    let modified = found.modified().map_or(SystemTime::UNIX_EPOCH, cap_std::time::SystemTime::into_std);
    Entry { name, directory: found.is_dir(), size: found.len(), modified }
}

/// Lists a directory; symbolic links are listed as what they are and not followed.
fn walk(dir: &Dir, prefix: &str, recursive: bool, all: &mut Vec<Entry>) -> io::Result<()> {
    for found in dir.entries()? {
        let found = found?;
        let name = format!("{prefix}{}", found.file_name().to_string_lossy());
        // Somebody else may have removed it meanwhile.
        let Ok(data) = found.metadata() else { continue };
        if all.len() >= MAX_ENTRIES {
            return Ok(());
        }
        all.push(entry(name.clone(), &data));
        if recursive && data.is_dir() {
            walk(&found.open_dir()?, &format!("{name}/"), recursive, all)?;
        }
    }
    Ok(())
}

/// Writes a file outside the disks so that a crash leaves the old or the new one.
fn save(path: &Path, octets: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = std::fs::File::create(&temporary)?;
    file.write_all(octets)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)
}

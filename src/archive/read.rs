//! An archive file held open from its check to its import.

use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::fault::Fault;
use super::inflate::{Inflate, Source};
use super::tarball::Tarball;
use crate::archive::{Contents, DocumentVisitor, Error, Limits, Part, Replay, Result, check};

/// An open archive file. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Archive {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    file: File,
    bytes: u64,
    /// Of the last check: where each entry's header begins a gzip member.
    starts: Mutex<Vec<Option<u64>>>,
}

/// The entries of an archive, in their order, as bytes.
pub struct Entries {
    archive: Archive,
    tar: Tarball<Inflate<'static, At>>,
}

/// The file from an offset on, with a place of its own: readers do not disturb one another.
#[derive(Debug)]
pub(super) struct At {
    archive: Archive,
    offset: u64,
}

impl Archive {
    /// Opens a file.
    ///
    /// # Errors
    /// What the file system says; a folder is refused.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |cause| Error::Io {
            path: path.to_owned(),
            cause,
        };
        // Looked at first, since opening a named pipe waits for its writer.
        must_be_file(&std::fs::metadata(path).map_err(failed)?).map_err(failed)?;
        let file = File::open(path).map_err(failed)?;
        Self::of_file(file, path.to_owned())
    }

    /// A file that is open; `path` is for messages.
    pub(super) fn of_file(file: File, path: PathBuf) -> Result<Self> {
        let failed = |cause| Error::Io {
            path: path.clone(),
            cause,
        };
        let metadata = file.metadata().map_err(failed)?;
        must_be_file(&metadata).map_err(failed)?;
        let starts = Mutex::new(Vec::new());
        Ok(Self {
            shared: Arc::new(Shared {
                path,
                file,
                bytes: metadata.len(),
                starts,
            }),
        })
    }

    /// Its compressed bytes, when it was opened.
    #[allow(clippy::len_without_is_empty, reason = "an empty file is no archive")]
    pub fn len(&self) -> u64 {
        self.shared.bytes
    }

    /// A whole pass, from the beginning.
    ///
    /// # Errors
    /// As [`check`](crate::archive::check()).
    pub fn check(&self, limits: Limits, visitor: &mut dyn DocumentVisitor, progress: &dyn Fn(u64)) -> Result<Contents> {
        let path = self.shared.path.clone();
        let checked = check::checked(self.at(0), limits, visitor, progress, path)?;
        if let Ok(mut starts) = self.shared.starts.lock() {
            *starts = checked.starts;
        }
        Ok(checked.contents)
    }

    /// The documents of one part again, state in numeric order; every entry is hashed again and must
    /// be what `checked` says.
    pub fn replay(&self, part: Part, checked: &Contents) -> Replay {
        Replay::start(self.clone(), part, checked)
    }

    /// The content of one entry, copied to `to`; false where there is no such entry.
    ///
    /// # Errors
    /// [`Error::Damaged`], or [`Error::Io`] from the file or from `to`.
    pub fn show(&self, name: &str, to: &mut dyn Write) -> Result<bool> {
        let damaged = |fault| self.failed(fault);
        let mut tar = self.tarball(0, &|_| {});
        while let Some(entry) = tar.next().map_err(damaged)? {
            if entry.path != name {
                continue;
            }
            loop {
                let bytes = tar.fill_buf().map_err(|cause| damaged(cause.into()))?;
                if bytes.is_empty() {
                    return Ok(true);
                }
                to.write_all(bytes).map_err(|cause| Error::Io {
                    path: PathBuf::from("standard output"),
                    cause,
                })?;
                let n = bytes.len();
                tar.consume(n);
            }
        }
        Ok(false)
    }

    /// All entries, from the first one on.
    pub fn entries(&self) -> Entries {
        Entries {
            archive: self.clone(),
            tar: self.tarball(0, &|_| {}),
        }
    }

    fn failed(&self, fault: Fault) -> Error {
        match fault {
            Fault::Reader(cause) => Error::Io {
                path: self.shared.path.clone(),
                cause,
            },
            Fault::Damage(why) => Error::Damaged {
                place: self.shared.path.display().to_string(),
                why,
            },
        }
    }

    /// Its path, for messages.
    pub(super) fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Where this entry's header begins a gzip member, as the last check saw.
    pub(super) fn start(&self, entry: usize) -> Option<u64> {
        self.shared
            .starts
            .lock()
            .ok()
            .and_then(|starts| starts.get(entry).copied().flatten())
    }

    /// The tar from a compressed offset on, without a bound on the ratio: it held when the whole was checked.
    pub(super) fn tarball<'a>(&self, offset: u64, progress: &'a dyn Fn(u64)) -> Tarball<Inflate<'a, At>> {
        Tarball::new(Inflate::new(Source::new(self.at(offset), offset, progress), u64::MAX))
    }

    fn at(&self, offset: u64) -> At {
        At {
            archive: self.clone(),
            offset,
        }
    }
}

impl Entries {
    /// The name of the next entry; what is left of the one before is skipped.
    ///
    /// # Errors
    /// [`Error::Damaged`], or [`Error::Io`] from the file.
    pub fn next_entry(&mut self) -> Result<Option<String>> {
        let entry = self.tar.next().map_err(|fault| self.archive.failed(fault))?;
        Ok(entry.map(|entry| entry.path))
    }

    /// Reads the next piece of the entry's content; false at its end.
    ///
    /// # Errors
    /// As [`next_entry`](Self::next_entry).
    pub fn read(&mut self, piece: &mut Vec<u8>) -> Result<bool> {
        let bytes = self.tar.fill_buf().map_err(|cause| self.archive.failed(cause.into()))?;
        piece.clear();
        piece.extend_from_slice(bytes);
        let n = bytes.len();
        self.tar.consume(n);
        Ok(n > 0)
    }
}

impl Read for At {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let n = read_at(&self.archive.shared.file, to, self.offset)?;
        self.offset += n as u64;
        Ok(n)
    }
}

#[cfg(unix)]
fn read_at(file: &File, to: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, to, offset)
}

/// Moves the file's own place, which nobody uses.
#[cfg(windows)]
fn read_at(file: &File, to: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, to, offset)
}

fn must_be_file(metadata: &std::fs::Metadata) -> io::Result<()> {
    match metadata.is_file() {
        true => Ok(()),
        false => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a file: it is read more than once",
        )),
    }
}

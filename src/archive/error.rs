//! Why an archive cannot be written or read.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

use crate::archive::layout::{EntryKind, MAX_ENTRIES, MAX_INDICES};
use crate::util::atomic_file::{PublishError, file_hint};

/// What archive functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One enum for the layer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum Error {
    #[error("{}: {cause}", path.display())]
    Io {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    /// The archive cannot get its name.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// Incomplete, changed, or made to harm; `place` is the entry, and the line where known.
    #[error("{place}: {why}")]
    Damaged { place: String, why: String },
    #[error("the archive would have more than {MAX_ENTRIES} entries, which no import takes")]
    TooManyEntries,
    /// `place` is the entry, and the line where known.
    #[error("{place} would have {bytes} bytes, and no import takes more than {max} there")]
    TooLarge {
        place: String,
        kind: EntryKind,
        bytes: u64,
        max: u64,
    },
    #[error("the inputs come from more than {MAX_INDICES} indices, which no import tells apart")]
    TooManyIndices,
    #[error("{}: changed while it was read", path.display())]
    Changed { path: PathBuf },
}

impl Error {
    pub(super) fn io(path: &Path, cause: io::Error) -> Self {
        let path = path.to_owned();
        Self::Io { path, cause }
    }

    /// Of an unlinked temporary file, named by the folder that it was in.
    pub(super) fn temporary(cause: io::Error) -> Self {
        Self::io(&std::env::temp_dir(), cause)
    }

    pub(super) fn stdout(cause: io::Error) -> Self {
        Self::io(Path::new("standard output"), cause)
    }

    pub(super) fn damaged(place: impl Display, why: impl Into<String>) -> Self {
        let (place, why) = (place.to_string(), why.into());
        Self::Damaged { place, why }
    }

    /// Refuses more bytes than an import takes.
    pub(super) fn refuse_above(max: u64, place: impl Display, kind: EntryKind, bytes: u64) -> Result<()> {
        if bytes <= max {
            return Ok(());
        }
        let place = place.to_string();
        Err(Self::TooLarge {
            place,
            kind,
            bytes,
            max,
        })
    }

    /// True where the archive itself is at fault (exit 4).
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Changed { .. })
    }

    /// Names the document that makes a line too long.
    pub fn of_document(mut self, index: &str, id: &str) -> Self {
        if let Self::TooLarge { place, .. } = &mut self {
            *place = format!("{place} ({index}, document {id})");
        }
        self
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Publish(PublishError::Exists { .. }) => {
                "choose another name with --output, or replace it with --overwrite"
            }
            Self::Publish(PublishError::NotAFile { .. }) => "name another file with --output",
            Self::Io { cause, .. } | Self::Publish(PublishError::Io { cause, .. }) => file_hint(cause)?,
            Self::Damaged { .. } => {
                "`esml-state inspect --verify` lists all that is wrong with it; a file that was copied may be whole \
                 where it comes from"
            }
            Self::TooManyEntries | Self::TooManyIndices => {
                "take fewer inputs along, with --inputs-after-date and --inputs-before-date: the model keeps what it \
                 has learned of the others"
            }
            Self::TooLarge { kind, .. } => smaller(*kind),
            Self::Changed { .. } => "let nothing write to the file and start again",
        };
        Some(hint.to_owned())
    }
}

/// How to have less of it.
fn smaller(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::InputMapping => {
            "it holds the mappings of all indices that inputs come from: leave --all-fields out, or take inputs of fewer \
             indices along, with --inputs-after-date and --inputs-before-date"
        }
        EntryKind::Inputs { .. } => {
            "leave the document out with --inputs-after-date and --inputs-before-date, or take fewer fields along"
        }
        EntryKind::Annotations | EntryKind::Notifications => {
            "leave it out with --annotations-after-date, or delete it on the cluster"
        }
        EntryKind::Snapshot | EntryKind::State => "choose another snapshot with --snapshot-id",
        EntryKind::Calendars => "delete past events of the job's calendars, or take the job out of a calendar",
        EntryKind::Filters => "make the filters that the job's rules name smaller",
        EntryKind::Config => "make the job's configuration smaller, its datafeed's query most likely",
        _ => "make it smaller on the cluster",
    }
}

/// Why reading stops. It travels through decoders and `BufRead` as the source of an `io::Error`.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// The reader or a temporary file failed, which says nothing about the archive.
    #[error(transparent)]
    Failed(#[from] Error),
    /// The file is not a complete tar in gzip: nothing after this can be read.
    #[error("{0}")]
    Corrupt(String),
    /// A line is not what its entry must consist of: no line after it can be paired with its action line.
    #[error("{0}")]
    Malformed(String),
}

impl From<io::Error> for ReadError {
    fn from(cause: io::Error) -> Self {
        match cause.downcast::<Self>() {
            Ok(error) => error,
            Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => {
                Self::corrupt("the file ends here: it is cut short")
            }
            Err(cause) => Self::corrupt(format!("the compressed data is damaged: {cause}")),
        }
    }
}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        Self::other(error)
    }
}

impl ReadError {
    pub(super) fn corrupt(why: impl Into<String>) -> Self {
        Self::Corrupt(why.into())
    }

    pub(super) fn malformed(why: impl Into<String>) -> Self {
        Self::Malformed(why.into())
    }

    /// Where nothing was checked before.
    pub(super) fn of_archive(self, path: &Path) -> Error {
        match self {
            Self::Failed(error) => error,
            Self::Corrupt(why) | Self::Malformed(why) => Error::damaged(path.display(), why),
        }
    }

    /// Where the same bytes passed a check before: they were changed since.
    pub(super) fn since_checked(self, path: &Path) -> Error {
        match self {
            Self::Failed(error) => error,
            Self::Corrupt(_) | Self::Malformed(_) => Error::Changed { path: path.to_owned() },
        }
    }
}

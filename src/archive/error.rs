//! Errors when reading or writing an archive.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

use crate::archive::layout::{EntryKind, MAX_ENTRIES, MAX_INDICES};
use crate::util::atomic_file::FileError;
use crate::util::format::quoted;

/// The finding in a file that cannot be an archive.
pub(super) const NOT_AN_ARCHIVE: &str = "not a gzip file, so not an esml-state archive";

pub(super) const COPY_AGAIN: &str = "if the file was copied, copy it again and compare checksums";
pub(super) const EXPORT_AGAIN: &str = "export the job again with `esml-state export JOB`";
pub(super) const OTHER_FILE: &str =
    "pass a file that `esml-state export` wrote; by default, its name ends with _state.tar.gz";

/// The result type of archive functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of an archive.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum Error {
    /// The archive or a temporary file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    #[error("no archives (*.tar.gz) in {}", .0.display())]
    NoArchives(PathBuf),
    /// The archive is incomplete, changed or hostile. `place` is the entry, and the line if known.
    #[error("{place}: {why}")]
    Damaged {
        place: String,
        why: String,
        hint: Option<String>,
    },
    #[error("the archive would have more than {MAX_ENTRIES} entries, the maximum for an import")]
    TooManyEntries,
    /// `place` is the entry, and the line if known.
    #[error("{place} would have {bytes} bytes, but the maximum is {max}")]
    TooLarge {
        place: String,
        kind: EntryKind,
        bytes: u64,
        max: u64,
    },
    #[error("the input documents are from more than {MAX_INDICES} indices, the maximum for an import")]
    TooManyIndices,
    #[error("{}: the file was changed while it was being read", path.display())]
    Changed { path: PathBuf },
}

impl Error {
    pub(super) fn read(path: &Path, cause: io::Error) -> Self {
        Self::File(FileError::Read(path.to_owned(), cause))
    }

    /// An error of an unlinked temporary file, which is identified by its directory.
    pub(super) fn temporary(cause: io::Error) -> Self {
        Self::File(FileError::Write(std::env::temp_dir(), cause))
    }

    pub(super) fn stdout(cause: io::Error) -> Self {
        Self::File(FileError::stdout(cause))
    }

    pub(super) fn damaged(place: impl Display, why: impl Into<String>, hint: Option<&'static str>) -> Self {
        Self::Damaged {
            place: place.to_string(),
            why: why.into(),
            hint: hint.map(str::to_owned),
        }
    }

    /// Suggests listing all findings in the file, unless the finding suggests something else.
    pub fn or_list_findings(mut self, path: &Path) -> Self {
        if let Self::Damaged { hint, .. } = &mut self {
            let list = || format!("list all findings with `esml-state inspect --verify {}`", quoted(path));
            hint.get_or_insert_with(list);
        }
        self
    }

    /// Refuses more bytes than an import accepts.
    pub(super) fn refuse_above(max: u64, place: impl Display, kind: EntryKind, bytes: u64) -> Result<()> {
        if bytes <= max {
            return Ok(());
        }
        Err(Self::TooLarge {
            place: place.to_string(),
            kind,
            bytes,
            max,
        })
    }

    /// Whether the archive itself is damaged (exit code 4).
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Changed { .. })
    }

    /// Adds the document that makes a line too long.
    pub fn of_document(mut self, index: &str, id: &str) -> Self {
        if let Self::TooLarge { place, .. } = &mut self {
            *place = format!("{place} ({index}, document {id})");
        }
        self
    }

    /// The next step for the user.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::File(error) => return error.hint(),
            Self::Damaged { hint, .. } => return hint.clone(),
            Self::NoArchives(_) => return None,
            Self::TooManyEntries | Self::TooManyIndices => {
                "export fewer input documents with --inputs-after-date and --inputs-before-date; this does not change \
                 the model"
            }
            Self::TooLarge { kind, .. } => smaller(*kind),
            Self::Changed { .. } => "make sure that nothing writes to the file, then try again",
        };
        Some(hint.to_owned())
    }
}

/// Returns how to make an entry of this kind smaller.
fn smaller(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::InputMapping => {
            "it contains the mappings of all source indices: omit --all-fields, or export input documents from fewer \
             indices with --inputs-after-date and --inputs-before-date"
        }
        EntryKind::Inputs { .. } => {
            "exclude the document with --inputs-after-date and --inputs-before-date, or export fewer fields"
        }
        EntryKind::Annotations | EntryKind::Notifications => {
            "exclude it with --annotations-after-date, or delete it on the cluster"
        }
        EntryKind::Results { .. } => "exclude it with --results-after-date, or delete it on the cluster",
        EntryKind::Snapshot | EntryKind::State => "choose another snapshot with --snapshot-id",
        EntryKind::Calendars => "delete past events from the job's calendars, or remove the job from a calendar",
        EntryKind::Filters => "remove items from the filters that the job's rules use",
        EntryKind::Config => "make the job's configuration smaller, for example its datafeed's query",
        _ => "make it smaller on the cluster",
    }
}

/// Why reading stops. It passes through decoders and `BufRead` as the source of an `io::Error`.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// The reader or a temporary file failed; the archive may be intact.
    #[error(transparent)]
    Failed(#[from] Error),
    /// The file is not a complete gzip-compressed tar file: nothing after this can be read.
    #[error("{0}")]
    Corrupt(String),
    /// An entry is too large, or a line is invalid: nothing that follows in the archive or in the entry is read.
    #[error("{0}")]
    Malformed(String),
}

impl From<io::Error> for ReadError {
    fn from(cause: io::Error) -> Self {
        match cause.downcast::<Self>() {
            Ok(error) => error,
            Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => {
                Self::corrupt("unexpected end of file: the archive is truncated")
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

    /// Converts the error if nothing was checked before.
    pub(super) fn of_archive(self, path: &Path) -> Error {
        match self {
            Self::Failed(error) => error,
            Self::Corrupt(why) | Self::Malformed(why) => Error::damaged(path.display(), why, Some(COPY_AGAIN)),
        }
    }

    /// Converts the error if the same bytes passed a check before and were changed since.
    pub(super) fn since_checked(self, path: &Path) -> Error {
        match self {
            Self::Failed(error) => error,
            Self::Corrupt(_) | Self::Malformed(_) => Error::Changed { path: path.to_owned() },
        }
    }
}

//! Why an archive cannot be written or read.

use std::path::PathBuf;

use crate::archive::{EntryKind, MAX_ENTRIES, MAX_INDICES};
use crate::util::atomic_file::{PublishError, file_hint};

/// One enum for the layer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum Error {
    /// The file system says no.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The file system's own words.
        #[source]
        cause: std::io::Error,
    },
    /// The target is there already.
    #[error("{} exists already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The target is a folder, link, device or pipe.
    #[error("{} is {what}, and only a regular file can be replaced", path.display())]
    NotAFile {
        /// The target.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// Not whole, not as promised, or made to harm; `place` is entry, and line where known.
    #[error("{place}: {why}")]
    Damaged {
        /// Entry, and line where known.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// Nobody would read an archive of more entries.
    #[error("the archive would have more than {MAX_ENTRIES} entries, which no import takes")]
    TooManyEntries,
    /// Nobody would read an entry, or a line of one, of that size.
    #[error("{place} would have {bytes} bytes, and no import takes more than {most} there")]
    TooLarge {
        /// Entry, and line where known.
        place: String,
        /// What the entry holds.
        kind: Option<EntryKind>,
        /// How many it would have.
        bytes: u64,
        /// How many it may have.
        most: u64,
    },
    /// Nobody would tell more indices apart.
    #[error("the inputs come from more than {MAX_INDICES} indices, which no import tells apart")]
    TooManyIndices,
    /// What was checked is not what is read now.
    #[error("{}: changed while it was read", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
}

impl Error {
    /// True where the archive itself is at fault (exit 4).
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Changed { .. })
    }

    /// Names the document that makes a line too long.
    pub fn of_document(self, index: &str, id: &str) -> Self {
        match self {
            Self::TooLarge {
                place,
                kind,
                bytes,
                most,
            } => Self::TooLarge {
                place: format!("{place} ({index}, document {id})"),
                kind,
                bytes,
                most,
            },
            other => other,
        }
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Exists { .. } => Some("choose another name with --output, or replace it with --overwrite".to_owned()),
            Self::NotAFile { .. } => Some("name another file with --output".to_owned()),
            Self::Io { cause, .. } => file_hint(cause).map(str::to_owned),
            Self::Damaged { .. } => Some(
                "`esml-state inspect --verify` lists all that is wrong with it; a file that was copied may be whole \
                 where it comes from"
                    .to_owned(),
            ),
            Self::TooManyEntries | Self::TooManyIndices => Some(
                "take fewer inputs along, with --inputs-after-date and --inputs-before-date: the model keeps what it \
                 has learned of the others"
                    .to_owned(),
            ),
            Self::TooLarge { kind, .. } => Some(smaller(*kind).to_owned()),
            Self::Changed { .. } => Some("let nothing write to the file and start again".to_owned()),
        }
    }
}

/// How to have less of it.
fn smaller(kind: Option<EntryKind>) -> &'static str {
    match kind {
        Some(EntryKind::InputMapping) => {
            "it holds the mappings of all indices that inputs come from: leave --all-fields out, or take inputs of fewer \
             indices along, with --inputs-after-date and --inputs-before-date"
        }
        Some(EntryKind::Inputs { .. }) => {
            "leave the document out with --inputs-after-date and --inputs-before-date, or take fewer fields along"
        }
        Some(EntryKind::Annotations | EntryKind::Notifications) => {
            "leave it out with --annotations-after-date, or delete it on the cluster"
        }
        Some(EntryKind::Snapshot | EntryKind::State) => "choose another snapshot with --snapshot-id",
        Some(EntryKind::Calendars) => "delete past events of the job's calendars, or take the job out of a calendar",
        Some(EntryKind::Filters) => "make the filters that the job's rules name smaller",
        Some(EntryKind::Config) => "make the job's configuration smaller, its datafeed's query most likely",
        _ => "make it smaller on the cluster",
    }
}

impl From<PublishError> for Error {
    fn from(why: PublishError) -> Self {
        match why {
            PublishError::Exists { path } => Self::Exists { path },
            PublishError::NotAFile { path, what } => Self::NotAFile { path, what },
            PublishError::Io { path, cause } => Self::Io { path, cause },
        }
    }
}

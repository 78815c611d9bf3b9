//! The file and nothing else: layout, writing, reading, what makes an archive refusable.

mod ahead;
mod check;
mod contents;
mod density;
mod entry;
mod error;
mod fault;
mod headers;
mod inflate;
mod layout;
mod limits;
mod lines;
mod manifest;
mod read;
mod reorder;
mod replay;
mod show;
mod tarball;
mod write;

pub use check::{DocumentVisitor, check};
pub use contents::{Contents, EntrySummary, Finding, Parsed, Severity, StateSummary};
pub use entry::{EntryBuilder, SealedEntry};
pub use error::Error;
pub use layout::{EntryKind, EntryName, Part};
pub use limits::{Limits, MAX_ENTRIES, MAX_INDICES, PART_DOCUMENTS, is_full};
pub use manifest::{ArchivedQuery, FORMAT_VERSION, Manifest, ManifestEntry, ManifestSource};
pub use read::{Archive, Entries};
pub use replay::{Document, Replay};
pub use show::show;
pub use write::{ArchiveSummary, ArchiveWriter, Target, UnpublishedArchive};

/// What archive functions return.
pub type Result<T> = std::result::Result<T, Error>;

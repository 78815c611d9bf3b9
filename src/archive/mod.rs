//! The archive file and nothing else: how it is laid out, written, read and checked.

mod check;
mod error;
mod layout;
mod manifest;
mod read;
mod write;

pub use check::{CheckedArchive, Contents, DocumentVisitor, Finding, Rule, Severity, StateSummary, check};
pub use error::{Error, Result};
pub(crate) use layout::ENDINGS;
pub use layout::{EntryKind, EntryName, Limits, MAX_ENTRIES, MAX_INDICES, PART_DOCUMENTS, Part, is_full};
pub use manifest::{ArchivedQuery, EntrySummary, FORMAT_VERSION, Manifest, ManifestSource};
pub use read::{Action, Archive, Document, DocumentStream, Entries, Progress};
pub use write::{ArchiveSummary, ArchiveWriter, EntryBuilder, SealedEntry, Target, UnpublishedArchive};

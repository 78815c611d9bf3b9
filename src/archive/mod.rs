//! The archive: its layout, and how it is written, read and checked.

mod check;
mod error;
mod layout;
mod read;
mod write;

pub use check::{
    CheckedArchive, Contents, DocumentVisitor, Finding, Rule, Severity, StateSummary, UnloadedArchive, check,
};
pub use error::{Error, Result};
pub(crate) use layout::ENDINGS;
pub use layout::{
    ArchivedQuery, EntryKind, EntryName, EntrySummary, FORMAT_VERSION, Limits, MAX_ENTRIES, MAX_INDICES, Manifest,
    ManifestSource, PART_DOCUMENTS, Part, is_full,
};
pub use read::{Action, Archive, BatchBuilder, Document, DocumentStream, Entries, Progress};
pub use write::{ArchiveSummary, ArchiveWriter, EntryBuilder, SealedEntry, Target, UnpublishedArchive};

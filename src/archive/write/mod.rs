//! Entries, built on any number of threads, and the file that they are appended to.

mod entry;
mod tarball;

pub use entry::{EntryBuilder, SealedEntry};
pub use tarball::{ArchiveSummary, ArchiveWriter, Target, UnpublishedArchive};

//! Reads archives as a stream, in constant memory: from bytes to entries, documents and checked documents.

mod documents;
mod entries;
mod inflate;
#[cfg(test)]
mod tests;

pub use documents::{Action, BatchBuilder, Document, DocumentStream};
pub(super) use documents::{DocumentOrder, DocumentReader, Documents, Position};
pub use entries::{Archive, Entries};
pub(super) use entries::{CheckedEntries, TarReader};
pub use inflate::Progress;
pub(super) use inflate::read_ahead;

//! Archives from their bytes to entries, documents and checked documents, forwards and in flat memory.

mod documents;
mod entries;
mod inflate;
#[cfg(test)]
mod tests;

pub use documents::{Document, DocumentStream};
pub(super) use documents::{DocumentOrder, DocumentReader, Position, StateIds};
pub use entries::{Archive, Entries, show};
pub(super) use entries::{TarEntry, TarReader};
pub(super) use inflate::{read_ahead, read_pieces};

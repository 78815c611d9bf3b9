//! `--values`: the values of the data that an archive contains.
//!
//! They come from the decoded model state, the input documents, and texts that users wrote. Each value is counted by field
//! and by part of the archive. Memory is bounded; the report shows whether a bound was reached.

mod collect;
mod page;

#[cfg(test)]
pub(super) use collect::UnreadableFacts;
pub(super) use collect::{FieldFacts, PartCounts, StateSink, StoredValue, ValueCollector, ValuesFacts};
pub(super) use page::{part_label, sections};

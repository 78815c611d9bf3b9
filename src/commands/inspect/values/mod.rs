//! `--values`: the values of the data that an archive contains.
//!
//! They are in the decoded state, in the inputs, and in what people wrote. Each is counted by field and by part of the
//! archive. Memory is bounded, and the report tells where a bound was reached.

mod collect;
mod page;

#[cfg(test)]
pub(super) use collect::UnreadFacts;
pub(super) use collect::{FieldFacts, PartCounts, StateSink, StoredValue, ValueCollector, ValuesFacts};
pub(super) use page::sections;

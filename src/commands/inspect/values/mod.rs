//! `--values`: the values of the data that an archive contains.
//!
//! They are in the decoded state, in the inputs, and in what people wrote. Each is counted by field and by part of the
//! archive. Memory is bounded, and the report tells where a bound was reached.

mod collect;
mod facts;
mod page;
mod store;

pub(super) use collect::{StateSink, ValueCollector};
#[cfg(test)]
pub(super) use facts::UnreadFacts;
pub(super) use facts::{FieldFacts, ValuesFacts};
pub(super) use page::sections;
pub(super) use store::{PartCounts, StoredValue};

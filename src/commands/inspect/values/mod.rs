//! `--values`: the values of the data that an archive hands over, whoever reads it.
//!
//! They stand in the decoded state, in the inputs, and in what people wrote. Each is counted by field and by part of
//! the archive; memory is bounded, and where a bound was met the report says so.

mod build;
mod configuration;
mod gather;
mod hashes;
mod leaves;
mod looks;
mod other;
mod page;
mod part;
mod roles;
mod small;
mod state;
mod store;

pub(super) use build::values;
pub(super) use gather::ValueGatherer;
pub(super) use page::{page, sections};
pub(super) use part::{Counts, PARTS, Part};
pub(super) use state::sink;
pub(super) use store::{MOST_VALUES, Value};

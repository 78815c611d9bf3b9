//! Mappings of source indices, reduced to the exported fields, and the indices that an import creates from them.

mod mappings;
mod select;
mod target;

pub(crate) use mappings::MappedField;
pub use mappings::{InputMappings, Mapping};
pub use select::{flat_settings, includes, matches_wildcard};
pub use target::{
    ReindexMark, TargetIndex, body_of_run, guess_time_format, loading_alias, marked_as_ours, marked_by_run, new_run,
    target_document_id, target_indices,
};

#[cfg(test)]
mod tests;

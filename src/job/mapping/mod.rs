//! Mappings of source indices, cut down to the fields carried, and the indices that an import makes of them.

mod mappings;
mod select;
mod target;

pub(crate) use mappings::MappedField;
pub use mappings::{InputMappings, Mapping};
pub use select::{flat_settings, includes, matches_wildcard};
pub use target::{
    TargetIndex, body_of_run, guess_time_format, loading_alias, marked_as_ours, marked_by_run, target_document_id,
    target_indices,
};

#[cfg(test)]
mod tests;

//! Mappings of source indices, cut down to the fields carried, and the indices that an import makes of them.

mod fields;
mod input_mappings;
mod select;
mod settings;
mod target;

pub use fields::Mapping;
pub use input_mappings::InputMappings;
pub(crate) use input_mappings::MappedField;
pub use select::{includes, matches_wildcard};
pub use target::{
    TargetIndex, body_of_run, guess_time_format, loading_alias, marked_as_ours, marked_by_run, target_document_id,
    target_indices,
};

#[cfg(test)]
mod tests;

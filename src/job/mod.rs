//! Jobs: IDs, configuration, the fields and mappings of their input documents, and renaming.

mod config;
mod documents;
mod error;
mod id;
mod input_fields;
mod mapping;
mod portable;
mod results;

pub use config::{Analysis, Datafeed, Detector, JobConfig, scripts_of};
pub(crate) use config::{GENERATED, Rule, one_or_many};
pub use documents::{Calendar, DataCounts, Filter, ModelSize, Quantiles, Snapshot, remove_event_ids};
pub use error::Error;
pub use id::{
    CalendarId, DatafeedId, FilterId, IndexName, IndexPattern, JobId, JobPattern, SnapshotId, Version, is_remote,
};
pub use input_fields::{
    FieldReader, NeededFields, fields_read_by, names_with_parents, needed_fields, parents_of_multi_fields,
    query_reads_runtime_fields, reads_scripted_field, without_query, without_scripted_field,
};
pub(crate) use mapping::MappedField;
pub use mapping::{
    InputMappings, Mapping, ReindexMark, TargetIndex, body_of_run, flat_settings, guess_time_format, includes,
    loading_alias, marked_as_ours, marked_by_run, matches_wildcard, new_run, target_document_id, target_indices,
};
pub use portable::{PortableJob, PortableOptions, Renamer};
pub use results::ResultType;

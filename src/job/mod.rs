//! What a job is: ids, configuration, the inputs it needs, their mapping, renaming.

mod calendar;
mod config;
mod data_counts;
mod error;
mod filter;
mod id;
mod index_pattern;
mod input_fields;
mod interval;
mod mapping;
mod portable;
mod rename;
mod scripts;
mod snapshot;
mod version;

pub use calendar::{Calendar, remove_event_ids};
pub(crate) use config::GENERATED;
pub use config::{Datafeed, Detector, JobConfig};
pub use data_counts::DataCounts;
pub use error::Error;
pub use filter::Filter;
pub use id::{CalendarId, DatafeedId, FilterId, IndexName, JobId, SnapshotId};
pub use index_pattern::{IndexPattern, is_remote};
pub use input_fields::{
    FieldReader, NeededFields, fields_read_by, names_with_parents, needed_fields, parents_of_multi_fields,
    query_reads_runtime_fields, reads_made_field, values_of_index, without_made_field, without_query,
};
pub use interval::unfit_interval;
pub(crate) use mapping::MappedField;
pub use mapping::{
    InputMappings, Mapping, TargetIndex, body_of_run, guess_time_format, loading_alias, marked_as_ours, marked_by_run,
    target_document_id, target_indices,
};
pub use mapping::{includes, matches_wildcard};
pub use portable::{PortableJob, PortableOptions};
pub use rename::Renamer;
pub use scripts::scripts_of;
pub use snapshot::{ModelSize, Quantiles, Snapshot};
pub use version::Version;

//! What the configuration says.

use serde::Serialize;

/// The job's configuration in short.
#[derive(Clone, Debug, Serialize)]
pub struct JobFacts {
    /// `job_id`.
    pub id: String,
    /// `description`.
    pub description: Option<String>,
    /// `groups`.
    pub groups: Vec<String>,
    /// `job_version`.
    pub job_version: Option<String>,
    /// `bucket_span` as written.
    pub bucket_span: Option<String>,
    /// The time field.
    pub time_field: String,
    /// Detectors in order.
    pub detectors: Vec<DetectorFacts>,
    /// Influencers.
    pub influencers: Vec<String>,
    /// `categorization_field_name`.
    pub categorization_field: Option<String>,
    /// `summary_count_field_name`.
    pub summary_count_field: Option<String>,
    /// `model_memory_limit` in bytes.
    pub model_memory_limit: Option<u64>,
}

/// A detector.
#[derive(Clone, Debug, Serialize)]
pub struct DetectorFacts {
    /// Its description.
    pub description: String,
    /// Its function.
    pub function: String,
    /// The fields it reads.
    pub fields: Vec<String>,
    /// `by_field_name`.
    pub by_field: Option<String>,
    /// `over_field_name`.
    pub over_field: Option<String>,
    /// `partition_field_name`.
    pub partition_field: Option<String>,
}

/// The datafeed in short.
#[derive(Clone, Debug, Serialize)]
pub struct DatafeedFacts {
    /// `datafeed_id`.
    pub id: String,
    /// Its index patterns.
    pub indices: Vec<String>,
    /// Whether it has a query other than `match_all`.
    pub query: bool,
    /// Whether it has runtime mappings.
    pub runtime_mappings: bool,
    /// Whether it has script fields.
    pub script_fields: bool,
    /// Whether it aggregates.
    pub aggregations: bool,
    /// Whether it reads a remote cluster (`name:index`).
    pub remote: bool,
}

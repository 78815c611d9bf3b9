//! What was learned.

use serde::Serialize;

/// The model snapshot in short.
#[derive(Clone, Debug, Serialize)]
pub struct SnapshotFacts {
    /// `snapshot_id`.
    pub id: String,
    /// `timestamp`, RFC 3339.
    pub created: Option<String>,
    /// `description`.
    pub description: Option<String>,
    /// `min_version`: the oldest version that reads it.
    pub min_version: Option<String>,
    /// `snapshot_doc_count`: model state documents it consists of.
    pub state_documents: Option<u64>,
    /// `model_size_stats.model_bytes`.
    pub model_bytes: Option<u64>,
    /// `model_size_stats.peak_model_bytes`.
    pub peak_model_bytes: Option<u64>,
    /// `model_size_stats.model_bytes_memory_limit`.
    pub memory_limit: Option<u64>,
    /// `model_size_stats.model_bytes_exceeded`.
    pub bytes_exceeded: Option<u64>,
    /// `model_size_stats.memory_status`.
    pub memory_status: Option<String>,
    /// `model_size_stats.bucket_allocation_failures_count`.
    pub allocation_failures: Option<u64>,
    /// How many series it models.
    pub series: SeriesFacts,
    /// What is known of categories; `None` where none were sought.
    pub categorization: Option<CategorizationFacts>,
    /// `latest_record_time_stamp`, RFC 3339.
    pub latest_record: Option<String>,
    /// `latest_result_time_stamp`, RFC 3339.
    pub latest_result: Option<String>,
}

/// Field values that are modelled, summed over detectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SeriesFacts {
    /// `model_size_stats.total_by_field_count`.
    pub by_values: Option<u64>,
    /// `model_size_stats.total_over_field_count`.
    pub over_values: Option<u64>,
    /// `model_size_stats.total_partition_field_count`.
    pub partition_values: Option<u64>,
}

/// What `model_size_stats` says of categories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CategorizationFacts {
    /// `categorization_status`: `ok` or `warn`.
    pub status: Option<String>,
    /// `categorized_doc_count`.
    pub documents: Option<u64>,
    /// `total_category_count`.
    pub categories: Option<u64>,
    /// `frequent_category_count`: match more than 1% of the documents.
    pub frequent: Option<u64>,
    /// `rare_category_count`: match one document.
    pub rare: Option<u64>,
    /// `dead_category_count`: never match again, a broader one does.
    pub dead: Option<u64>,
    /// `failed_category_count`: wanted, but no memory was left.
    pub failed: Option<u64>,
}

/// The learned state.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct StateFacts {
    /// Documents of the model.
    pub model_documents: u64,
    /// Bytes of the model, decoded.
    pub model_bytes: u64,
    /// Documents of the categorizer.
    pub categorizer_documents: u64,
    /// Bytes of the categorizer, decoded.
    pub categorizer_bytes: u64,
}

/// What the job has read, from its data counts.
#[derive(Clone, Debug, Serialize)]
pub struct DataCountsFacts {
    /// `processed_record_count`.
    pub records: Option<u64>,
    /// `earliest_record_timestamp`, RFC 3339.
    pub first_record: Option<String>,
    /// `latest_record_timestamp`, RFC 3339.
    pub latest_record: Option<String>,
    /// `bucket_count`.
    pub buckets: Option<u64>,
    /// `empty_bucket_count`.
    pub empty_buckets: Option<u64>,
    /// `missing_field_count`.
    pub missing_fields: Option<u64>,
    /// `out_of_order_timestamp_count`.
    pub out_of_order: Option<u64>,
}

/// Something that the job found in the course of its series, and in how many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PatternFacts {
    /// `trend`, `seasonality` or, of a kind not told apart here, `other`.
    pub what: &'static str,
    /// Length of a seasonality, `1d`.
    pub period: Option<String>,
    /// Days that it is limited to, `weekdays` or `weekend`.
    pub days: Option<&'static str>,
    /// Number of the detector, from 0.
    pub detector: Option<u64>,
    /// Series that it was found in.
    pub series: u64,
}

/// The categories that came along.
#[derive(Clone, Debug, Serialize)]
pub struct CategoriesFacts {
    /// Whether there are more than are listed.
    pub more: bool,
    /// Those that match most first.
    pub list: Vec<CategoryFacts>,
}

/// A category.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CategoryFacts {
    /// `category_id`.
    pub id: u64,
    /// `num_matches`.
    pub matches: Option<u64>,
    /// One of its `examples`, where values were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
}

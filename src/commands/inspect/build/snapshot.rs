//! What the stored documents say of the model: the snapshot, its size, the data counts.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::commands::inspect::report::{CategorizationFacts, DataCountsFacts, SeriesFacts, SnapshotFacts};
use crate::util::timestamp::{EpochMillis, date_field};

/// The members of the snapshot document that are shown. The quantiles, its bulk, are skipped.
#[derive(Deserialize)]
struct Snapshot {
    snapshot_id: String,
    #[serde(default, deserialize_with = "date_field")]
    timestamp: Option<EpochMillis>,
    description: Option<String>,
    min_version: Option<String>,
    snapshot_doc_count: Option<u64>,
    #[serde(default)]
    model_size_stats: Option<ModelSize>,
    #[serde(default, deserialize_with = "date_field")]
    latest_record_time_stamp: Option<EpochMillis>,
    #[serde(default, deserialize_with = "date_field")]
    latest_result_time_stamp: Option<EpochMillis>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ModelSize {
    model_bytes: Option<u64>,
    peak_model_bytes: Option<u64>,
    model_bytes_memory_limit: Option<u64>,
    model_bytes_exceeded: Option<u64>,
    memory_status: Option<String>,
    bucket_allocation_failures_count: Option<u64>,
    total_by_field_count: Option<u64>,
    total_over_field_count: Option<u64>,
    total_partition_field_count: Option<u64>,
    categorization_status: Option<String>,
    categorized_doc_count: Option<u64>,
    total_category_count: Option<u64>,
    frequent_category_count: Option<u64>,
    rare_category_count: Option<u64>,
    dead_category_count: Option<u64>,
    failed_category_count: Option<u64>,
}

/// `None` where the document cannot be read. The server writes counts of categories for every job: they are left out
/// where it `categorizes` nothing.
pub(super) fn snapshot(document: &RawValue, categorizes: bool) -> Option<SnapshotFacts> {
    let stored: Snapshot = serde_json::from_str(document.get()).ok()?;
    let size = stored.model_size_stats.unwrap_or_default();
    Some(SnapshotFacts {
        id: stored.snapshot_id,
        created: text(stored.timestamp),
        description: stored.description,
        min_version: stored.min_version,
        state_documents: stored.snapshot_doc_count,
        model_bytes: size.model_bytes,
        peak_model_bytes: size.peak_model_bytes,
        memory_limit: size.model_bytes_memory_limit,
        bytes_exceeded: size.model_bytes_exceeded,
        memory_status: size.memory_status,
        allocation_failures: size.bucket_allocation_failures_count,
        series: SeriesFacts {
            by_values: size.total_by_field_count,
            over_values: size.total_over_field_count,
            partition_values: size.total_partition_field_count,
        },
        categorization: categorizes.then_some(CategorizationFacts {
            status: size.categorization_status,
            documents: size.categorized_doc_count,
            categories: size.total_category_count,
            frequent: size.frequent_category_count,
            rare: size.rare_category_count,
            dead: size.dead_category_count,
            failed: size.failed_category_count,
        }),
        latest_record: text(stored.latest_record_time_stamp),
        latest_result: text(stored.latest_result_time_stamp),
    })
}

/// The members of the data counts that are shown.
#[derive(Deserialize)]
struct DataCounts {
    processed_record_count: Option<u64>,
    #[serde(default, deserialize_with = "date_field")]
    earliest_record_timestamp: Option<EpochMillis>,
    #[serde(default, deserialize_with = "date_field")]
    latest_record_timestamp: Option<EpochMillis>,
    bucket_count: Option<u64>,
    empty_bucket_count: Option<u64>,
    missing_field_count: Option<u64>,
    out_of_order_timestamp_count: Option<u64>,
}

/// `None` where the document cannot be read.
pub(super) fn data_counts(document: &RawValue) -> Option<DataCountsFacts> {
    let stored: DataCounts = serde_json::from_str(document.get()).ok()?;
    Some(DataCountsFacts {
        records: stored.processed_record_count,
        first_record: text(stored.earliest_record_timestamp),
        latest_record: text(stored.latest_record_timestamp),
        buckets: stored.bucket_count,
        empty_buckets: stored.empty_bucket_count,
        missing_fields: stored.missing_field_count,
        out_of_order: stored.out_of_order_timestamp_count,
    })
}

pub(super) fn text(moment: Option<EpochMillis>) -> Option<String> {
    moment.map(|moment| moment.to_string())
}

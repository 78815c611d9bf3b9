//! The templates of ML indices, and their mappings.

use serde_json::{Value, json};

use super::docs::Docs;
use super::version::MlVersion;

/// State, which is stored but not indexed.
pub fn state() -> Value {
    json!({"enabled": false})
}

/// Results, snapshot documents and data counts. New fields with text become keywords.
pub fn results() -> Value {
    let keyword = json!({"type": "keyword"});
    let date = json!({"type": "date"});
    let long = json!({"type": "long"});
    let off = json!({"enabled": false, "type": "object"});
    let mut properties = json!({});
    for name in [
        "job_id",
        "result_type",
        "snapshot_id",
        "min_version",
        "by_field_name",
        "by_field_value",
        "over_field_name",
        "over_field_value",
        "partition_field_name",
        "partition_field_value",
        "influencer_field_name",
        "influencer_field_value",
        "field_name",
        "function",
        "memory_status",
        "categorization_status",
        "regex",
        "examples",
        "forecast_id",
    ] {
        properties[name] = keyword.clone();
    }
    for name in [
        "timestamp",
        "log_time",
        "forecast_create_timestamp",
        "forecast_start_timestamp",
        "forecast_end_timestamp",
        "forecast_expiry_timestamp",
        "latest_record_time_stamp",
        "latest_result_time_stamp",
        "latest_record_timestamp",
        "earliest_record_timestamp",
        "last_data_time",
        "latest_empty_bucket_timestamp",
        "latest_sparse_bucket_timestamp",
    ] {
        properties[name] = date.clone();
    }
    for name in [
        "bucket_span",
        "event_count",
        "snapshot_doc_count",
        "category_id",
        "max_matching_length",
        "num_matches",
        "model_bytes",
        "processed_record_count",
        "processed_field_count",
        "input_bytes",
        "input_field_count",
        "input_record_count",
        "bucket_count",
    ] {
        properties[name] = long.clone();
    }
    for name in [
        "probability",
        "record_score",
        "initial_record_score",
        "anomaly_score",
        "influencer_score",
    ] {
        properties[name] = json!({"type": "double"});
    }
    properties["is_interim"] = json!({"type": "boolean"});
    properties["retain"] = json!({"type": "boolean"});
    properties["description"] = json!({"type": "text"});
    properties["terms"] = json!({"type": "text"});
    properties["quantiles"] = off;
    properties["model_size_stats"] = json!({"properties": {
        "job_id": keyword, "result_type": keyword, "memory_status": keyword, "categorization_status": keyword,
        "assignment_memory_basis": keyword, "timestamp": date, "log_time": date, "model_bytes": long,
    }});
    json!({
        "dynamic_templates": [
            {"strings_as_keywords": {"match": "*", "match_mapping_type": "string", "mapping": {"type": "keyword"}}}
        ],
        "properties": properties,
    })
}

/// Annotations.
pub fn annotations() -> Value {
    json!({"properties": {
        "annotation": {"type": "text"}, "create_time": {"type": "date"}, "create_username": {"type": "keyword"},
        "timestamp": {"type": "date"}, "end_timestamp": {"type": "date"}, "job_id": {"type": "keyword"},
        "modified_time": {"type": "date"}, "modified_username": {"type": "keyword"}, "type": {"type": "keyword"},
        "event": {"type": "keyword"}, "detector_index": {"type": "integer"},
        "partition_field_name": {"type": "keyword"}, "partition_field_value": {"type": "keyword"},
        "over_field_name": {"type": "keyword"}, "over_field_value": {"type": "keyword"},
        "by_field_name": {"type": "keyword"}, "by_field_value": {"type": "keyword"},
    }})
}

/// Notifications.
pub fn notifications() -> Value {
    json!({"dynamic": "false", "properties": {
        "job_id": {"type": "keyword"}, "level": {"type": "keyword"}, "timestamp": {"type": "date"},
        "node_name": {"type": "keyword"}, "job_type": {"type": "keyword"},
        "message": {"type": "text", "fields": {"raw": {"type": "keyword", "ignore_above": 1024}}},
    }})
}

/// The settings of every ML index.
pub fn settings() -> Value {
    json!({"index": {"hidden": true, "number_of_shards": 1, "auto_expand_replicas": "0-1"}})
}

/// Adds the templates, so that an index that another client creates under an ML name has the form of ML's own.
pub async fn create_templates(docs: &Docs, version: &MlVersion) {
    let annotations_name = format!("{}*", version.annotations_index().trim_end_matches("-000001"));
    for (name, pattern, mappings) in [
        (".ml-state", ".ml-state*", state()),
        (".ml-anomalies-", ".ml-anomalies-*", results()),
        (".ml-annotations", annotations_name.as_str(), annotations()),
        (".ml-notifications", version.notifications_index(), notifications()),
    ] {
        let template = json!({"index_patterns": [pattern], "priority": 2_147_483_647_u64,
            "template": {"settings": settings(), "mappings": mappings}});
        docs.send("PUT", &format!("/_index_template/{name}"), "", Some(template))
            .await;
    }
}

//! Statistics of jobs: data counts and model size, read from the results index.

use serde_json::{Value, json};

use super::calendars::normalized_time;
use super::docs::Docs;
use super::indices::read_alias;
use super::reply::{Reply, illegal, ok};
use super::{MlApi, Request, now};
use crate::support::cluster::Answer;

const COUNTERS: [&str; 10] = [
    "processed_record_count",
    "processed_field_count",
    "input_bytes",
    "input_field_count",
    "invalid_date_count",
    "missing_field_count",
    "out_of_order_timestamp_count",
    "empty_bucket_count",
    "sparse_bucket_count",
    "bucket_count",
];

const TIMES: [&str; 6] = [
    "earliest_record_timestamp",
    "latest_record_timestamp",
    "last_data_time",
    "latest_empty_bucket_timestamp",
    "latest_sparse_bucket_timestamp",
    "log_time",
];

impl MlApi {
    pub(super) async fn job_stats(&self, expression: &str, request: &Request<'_>, docs: &Docs) -> Reply {
        let ids = self.expand_jobs(expression, request.param("allow_no_match") != Some("false"))?;
        let mut jobs = Vec::new();
        for id in ids {
            let job = self.job(&id)?;
            let counts = self.data_counts(&id, docs).await?;
            jobs.push(json!({
                "job_id": id,
                "data_counts": counts,
                "model_size_stats": latest_model_size(&id, docs).await,
                "forecasts_stats": {"total": 0, "forecasted_jobs": 0},
                "state": job.state.name(),
                "timing_stats": {"job_id": id, "bucket_count": 0, "total_bucket_processing_time_ms": 0.0,
                    "exponential_average_bucket_processing_time_per_hour_ms": 0.0},
            }));
        }
        ok(json!({"count": jobs.len(), "jobs": jobs}))
    }

    /// Returns `<job>_data_counts` if a search finds it, otherwise zeros. 400 if a counter is missing.
    pub(super) async fn data_counts(&self, job: &str, docs: &Docs) -> Result<Value, Answer> {
        let found = docs.by_id(&read_alias(job), &format!("{job}_data_counts")).await;
        let Some(source) = found.map(|hit| hit.source) else {
            return Ok(zero_counts(job));
        };
        let missing: Vec<&str> = COUNTERS
            .into_iter()
            .filter(|name| source[*name].as_i64().is_none())
            .collect();
        if !missing.is_empty() {
            return Err(illegal(format!("Required [{}]", missing.join(", "))));
        }
        let mut shown = json!({"job_id": job});
        for name in COUNTERS {
            shown[name] = source[name].clone();
        }
        let since_7_11 = self.version().since(7, 11);
        for name in TIMES {
            if let Some(time) = source
                .get(name)
                .filter(|time| !time.is_null() && (name != "log_time" || since_7_11))
            {
                shown[name] = normalized_time(time);
            }
        }
        let records = [
            "processed_record_count",
            "out_of_order_timestamp_count",
            "invalid_date_count",
        ];
        shown["input_record_count"] = json!(records.iter().filter_map(|name| source[*name].as_i64()).sum::<i64>());
        Ok(shown)
    }
}

/// Returns the data counts of a job without data.
pub fn zero_counts(job: &str) -> Value {
    let mut counts = json!({"job_id": job});
    for name in COUNTERS {
        counts[name] = json!(0);
    }
    counts["input_record_count"] = json!(0);
    counts
}

async fn latest_model_size(job: &str, docs: &Docs) -> Value {
    let body = json!({"query": {"term": {"result_type": "model_size_stats"}}, "size": 1,
        "sort": [{"log_time": {"order": "desc"}}]});
    let found = docs.search_counted(&read_alias(job), body).await.1.into_iter().next();
    match found {
        Some(hit) => with_size_defaults(&hit.source),
        None => with_size_defaults(
            &json!({"job_id": job, "result_type": "model_size_stats", "model_bytes": 0,
            "log_time": now()}),
        ),
    }
}

/// Returns model size statistics as the API does: members that an older autodetect did not write have their defaults.
pub fn with_size_defaults(stats: &Value) -> Value {
    let mut shown = json!({"result_type": "model_size_stats", "model_bytes": 0, "total_by_field_count": 0,
        "total_over_field_count": 0, "total_partition_field_count": 0, "bucket_allocation_failures_count": 0,
        "memory_status": "ok", "categorized_doc_count": 0, "total_category_count": 0, "frequent_category_count": 0,
        "rare_category_count": 0, "dead_category_count": 0, "failed_category_count": 0,
        "categorization_status": "ok"});
    super::reply::merge(&mut shown, stats);
    shown
}

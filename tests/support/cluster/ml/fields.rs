//! The features of each version: addresses with their actions, and the fields of objects.

/// Returns the action of an `_ml` address, as in errors and privileges.
pub fn action(method: &str, rest: &[&str]) -> Option<&'static str> {
    Some(match (method, rest) {
        ("GET", ["info"]) => "cluster:monitor/xpack/ml/info/get",
        ("POST", ["set_upgrade_mode"]) => "cluster:admin/xpack/ml/upgrade_mode",
        ("GET", ["anomaly_detectors", "_stats"] | ["anomaly_detectors", _, "_stats"]) => {
            "cluster:monitor/xpack/ml/job/stats/get"
        }
        ("GET", ["anomaly_detectors"] | ["anomaly_detectors", _]) => "cluster:monitor/xpack/ml/job/get",
        ("POST", ["anomaly_detectors", "_validate"]) => "cluster:admin/xpack/ml/job/validate",
        ("PUT", ["anomaly_detectors", _]) => "cluster:admin/xpack/ml/job/put",
        ("DELETE", ["anomaly_detectors", _]) => "cluster:admin/xpack/ml/job/delete",
        ("POST", ["anomaly_detectors", _, "_open"]) => "cluster:admin/xpack/ml/job/open",
        ("POST", ["anomaly_detectors", _, "_close"]) => "cluster:admin/xpack/ml/job/close",
        ("POST", ["anomaly_detectors", _, "_update"]) => "cluster:admin/xpack/ml/job/update",
        (
            "GET" | "POST",
            ["anomaly_detectors", _, "model_snapshots"] | ["anomaly_detectors", _, "model_snapshots", _],
        ) => "cluster:monitor/xpack/ml/job/model_snapshots/get",
        ("DELETE", ["anomaly_detectors", _, "model_snapshots", _]) => {
            "cluster:admin/xpack/ml/job/model_snapshots/delete"
        }
        ("POST", ["anomaly_detectors", _, "model_snapshots", _, "_revert"]) => REVERT,
        ("POST", ["anomaly_detectors", _, "model_snapshots", _, "_update"]) => {
            "cluster:admin/xpack/ml/job/model_snapshots/update"
        }
        ("GET", ["datafeeds", "_stats"] | ["datafeeds", _, "_stats"]) => "cluster:monitor/xpack/ml/datafeeds/stats/get",
        ("GET", ["datafeeds"] | ["datafeeds", _]) => "cluster:monitor/xpack/ml/datafeeds/get",
        ("PUT", ["datafeeds", _]) => "cluster:admin/xpack/ml/datafeeds/put",
        ("POST", ["datafeeds", _, "_update"]) => "cluster:admin/xpack/ml/datafeeds/update",
        ("DELETE", ["datafeeds", _]) => "cluster:admin/xpack/ml/datafeeds/delete",
        ("POST", ["datafeeds", _, "_start"]) => "cluster:admin/xpack/ml/datafeed/start",
        ("POST", ["datafeeds", _, "_stop"]) => "cluster:admin/xpack/ml/datafeed/stop",
        ("GET", ["filters"] | ["filters", _]) => "cluster:admin/xpack/ml/filters/get",
        ("PUT", ["filters", _]) => "cluster:admin/xpack/ml/filters/put",
        ("POST", ["filters", _, "_update"]) => "cluster:admin/xpack/ml/filters/update",
        ("DELETE", ["filters", _]) => "cluster:admin/xpack/ml/filters/delete",
        ("GET" | "POST", ["calendars"]) | ("GET", ["calendars", _]) => "cluster:monitor/xpack/ml/calendars/get",
        ("PUT", ["calendars", _]) => "cluster:admin/xpack/ml/calendars/put",
        ("DELETE", ["calendars", _]) => "cluster:admin/xpack/ml/calendars/delete",
        ("GET", ["calendars", _, "events"]) => "cluster:monitor/xpack/ml/calendars/events/get",
        ("POST", ["calendars", _, "events"]) => "cluster:admin/xpack/ml/calendars/events/post",
        ("DELETE", ["calendars", _, "events", _]) => "cluster:admin/xpack/ml/calendars/events/delete",
        ("PUT" | "DELETE", ["calendars", _, "jobs", _]) => "cluster:admin/xpack/ml/calendars/jobs/update",
        _ => return None,
    })
}

/// The action for reverting, which its parser also uses.
pub const REVERT: &str = "cluster:admin/xpack/ml/job/model_snapshots/revert";

/// Whether an action is refused in upgrade mode.
pub fn refused_in_upgrade_mode(action: &str) -> bool {
    action.starts_with("cluster:admin/") && !action.ends_with("upgrade_mode") && !action.ends_with("filters/get")
}

/// Whether an action requires a license.
pub fn needs_license(action: &str) -> bool {
    matches!(
        action.strip_prefix("cluster:admin/xpack/ml/"),
        Some("job/put" | "datafeeds/put" | "job/open" | "datafeed/start")
    )
}

/// Whether an address does not exist in serverless projects.
pub fn absent_in_serverless(rest: &[&str]) -> bool {
    matches!(
        rest,
        ["info"] | ["set_upgrade_mode"] | ["anomaly_detectors", _, "model_snapshots", ..]
    )
}

/// The fields of an object: name and first version.
pub type Fields = &'static [(&'static str, (u32, u32))];

const ALWAYS: (u32, u32) = (0, 0);

/// The configuration of a job.
pub const JOB: Fields = &[
    ("job_id", ALWAYS),
    ("job_type", ALWAYS),
    ("groups", ALWAYS),
    ("description", ALWAYS),
    ("analysis_config", ALWAYS),
    ("analysis_limits", ALWAYS),
    ("data_description", ALWAYS),
    ("model_plot_config", ALWAYS),
    ("renormalization_window_days", ALWAYS),
    ("background_persist_interval", ALWAYS),
    ("model_snapshot_retention_days", ALWAYS),
    ("daily_model_snapshot_retention_after_days", ALWAYS),
    ("results_retention_days", ALWAYS),
    ("custom_settings", ALWAYS),
    ("results_index_name", ALWAYS),
    ("allow_lazy_open", ALWAYS),
    ("datafeed_config", (7, 15)),
];

/// Fields that the cluster generates. From 8.14, they are unknown in a PUT request.
pub const GENERATED: Fields = &[
    ("job_type", ALWAYS),
    ("job_version", ALWAYS),
    ("create_time", ALWAYS),
    ("finished_time", ALWAYS),
    ("model_snapshot_id", ALWAYS),
    ("model_snapshot_min_version", ALWAYS),
    ("deleting", ALWAYS),
    ("blocked", (7, 14)),
];

/// `analysis_config`.
pub const ANALYSIS: Fields = &[
    ("bucket_span", ALWAYS),
    ("categorization_field_name", ALWAYS),
    ("categorization_filters", ALWAYS),
    ("categorization_analyzer", ALWAYS),
    ("per_partition_categorization", ALWAYS),
    ("latency", ALWAYS),
    ("summary_count_field_name", ALWAYS),
    ("detectors", ALWAYS),
    ("influencers", ALWAYS),
    ("multivariate_by_fields", ALWAYS),
    ("model_prune_window", (7, 15)),
];

/// A detector.
pub const DETECTOR: Fields = &[
    ("detector_description", ALWAYS),
    ("function", ALWAYS),
    ("field_name", ALWAYS),
    ("by_field_name", ALWAYS),
    ("over_field_name", ALWAYS),
    ("partition_field_name", ALWAYS),
    ("use_null", ALWAYS),
    ("exclude_frequent", ALWAYS),
    ("custom_rules", ALWAYS),
    ("detector_index", ALWAYS),
];

/// A custom rule.
pub const RULE: Fields = &[
    ("actions", ALWAYS),
    ("scope", ALWAYS),
    ("conditions", ALWAYS),
    ("params", (8, 16)),
];

/// `analysis_limits`.
pub const LIMITS: Fields = &[
    ("model_memory_limit", ALWAYS),
    ("categorization_examples_limit", ALWAYS),
];

/// `data_description`.
pub const DATA: Fields = &[("time_field", ALWAYS), ("time_format", ALWAYS), ("format", ALWAYS)];

/// `model_plot_config`.
pub const PLOT: Fields = &[("enabled", ALWAYS), ("terms", ALWAYS), ("annotations_enabled", ALWAYS)];

/// A datafeed.
pub const DATAFEED: Fields = &[
    ("datafeed_id", ALWAYS),
    ("job_id", ALWAYS),
    ("query_delay", ALWAYS),
    ("frequency", ALWAYS),
    ("indices", ALWAYS),
    ("indexes", ALWAYS),
    ("query", ALWAYS),
    ("aggregations", ALWAYS),
    ("aggs", ALWAYS),
    ("script_fields", ALWAYS),
    ("scroll_size", ALWAYS),
    ("chunking_config", ALWAYS),
    ("delayed_data_check_config", ALWAYS),
    ("max_empty_searches", ALWAYS),
    ("indices_options", ALWAYS),
    ("runtime_mappings", (7, 11)),
];

/// Queries other than `bool` and `span_*`.
pub const QUERIES: [&str; 46] = [
    "boosting",
    "combined_fields",
    "constant_score",
    "dis_max",
    "distance_feature",
    "exists",
    "field_masking_span",
    "function_score",
    "fuzzy",
    "geo_bounding_box",
    "geo_distance",
    "geo_grid",
    "geo_polygon",
    "geo_shape",
    "has_child",
    "has_parent",
    "ids",
    "intervals",
    "knn",
    "match",
    "match_all",
    "match_bool_prefix",
    "match_none",
    "match_phrase",
    "match_phrase_prefix",
    "more_like_this",
    "multi_match",
    "nested",
    "parent_id",
    "percolate",
    "pinned",
    "prefix",
    "query_string",
    "range",
    "rank_feature",
    "regexp",
    "script",
    "script_score",
    "shape",
    "simple_query_string",
    "term",
    "terms",
    "terms_set",
    "type",
    "wildcard",
    "wrapper",
];

/// A calendar event in a POST request.
pub const EVENT: Fields = &[
    ("description", ALWAYS),
    ("start_time", ALWAYS),
    ("end_time", ALWAYS),
    ("calendar_id", ALWAYS),
    ("skip_result", (8, 16)),
    ("skip_model_update", (8, 16)),
    ("force_time_shift", (8, 16)),
];

/// A filter.
pub const FILTER: Fields = &[("filter_id", ALWAYS), ("description", ALWAYS), ("items", ALWAYS)];

/// A calendar.
pub const CALENDAR: Fields = &[("calendar_id", ALWAYS), ("description", ALWAYS), ("job_ids", ALWAYS)];

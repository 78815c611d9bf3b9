//! Words that Elasticsearch writes into every archive, which a value may be too.

/// Names of members, and choices, of configurations, documents and manifests.
const WORDS: &str = "actions allocated_memory_bytes allow_lazy_open allow_no_indices analysis_config analysis_limits \
    analyzer annotation annotations annotations_enabled anomaly_detector api_key application assignment_memory_basis \
    authorization background_persist_interval boolean bucket_allocation_failures_count bucket_count bucket_span \
    by_field_name by_field_value calendar_id calendars categories categorization_analyzer categorization_examples_limit \
    categorization_field_name categorization_filters categorization_status categorization_status_change \
    categorized_doc_count category category_definition category_id char_filter chunking_config closed cluster_name \
    cluster_uuid cluster_version complex compressed conditions constant_keyword counts create_time create_username \
    created created_by current_model_bytes custom custom_rules custom_settings custom_urls \
    daily_model_snapshot_retention_after_days data_counts data_description datafeed datafeed_config datafeed_id \
    date_nanos dead_category_count default_categorization_analyzer delayed_data delayed_data_check_config description \
    detector_description detector_index detectors documents double dynamic earliest_record_timestamp \
    empty_bucket_count enabled end_time end_timestamp end_time_format entries epoch_ms event events examples exclude \
    exclude_frequent expand_wildcards failed_category_count field_name field_value fields filter_id filter_type filters \
    finished_time first_line_with_letters flattened format format_version frequency frequent_category_count function \
    geo_point grok_pattern groups half_float hard_limit hidden ignore_above ignore_throttled ignore_unavailable \
    include index indexes indices indices_options influencers input_bytes input_field_count input_mapping \
    input_record_count integer invalid_date_count items job_created_at job_id job_ids job_type job_version keyword \
    last_data_time latency latest_bucket_timestamp latest_empty_bucket_timestamp latest_record_time_stamp \
    latest_record_timestamp latest_result_time_stamp latest_sparse_bucket_timestamp level log_time lowercase manual \
    mappings match_only_text max_matching_length max_model_memory memory_status message meta metadata min_version \
    missing_field_count ml_standard mlcategory model_bytes model_bytes_exceeded model_bytes_memory_limit model_change \
    model_memory_limit model_plot_config model_prune_window model_size_stats model_snapshot_id \
    model_snapshot_min_version model_snapshot_retention_days model_snapshot_stored modified_time modified_username \
    multivariate_by_fields nested node_name normalizer notifications num_matches number_of_shards object operator \
    options out_of_order_timestamp_count output_memory_allocator_bytes over_field_name over_field_value \
    partition_field_name partition_field_value pattern peak_model_bytes per_partition_categorization period \
    processed_field_count processed_record_count properties pseudonymize quantile_state quantiles query query_delay \
    rare_category_count regexp renormalization_window_days replacement result_type results results_index_name \
    results_retention_days retain roles runtime runtime_mappings scaled_float scaling_factor schedule scope script \
    scroll_size search sec_per_bucket settings sha256 skip_model_update skip_result snapshot snapshot_doc_count \
    snapshot_id soft_limit source sparse_bucket_count start_time state stop_on_warn stopwords strict summary_count_field_name \
    synonyms system terms time_field time_format timestamp tokenizer tool_version total_by_field_count \
    total_category_count total_over_field_count total_partition_field_count unsigned_long uppercase url_name url_value \
    use_null user username value version warning whitespace wildcard aggregator detector mlcue mlkey \
    mlquantilesdescription mlversion ok warn info error debug text date long short byte float ip type name true false \
    open none auto all on off mode end regex bytes time _all _xpack _index _id";

/// Parts of names of entries and of IDs of documents.
pub(super) const PARTS: [&str; 16] = [
    "ml-anomalies-snapshot_doc_",
    "_model_snapshot_",
    "_model_state_",
    "_categorizer_state#",
    "_category_definition_",
    "_config.json",
    "_snapshot_docs.ndjson",
    "_annotations.ndjson",
    "_notifications.ndjson",
    "_input_mapping.json",
    "_data_counts.json",
    "_categories.ndjson",
    "_filters.json",
    "_calendars.json",
    "_manifest.json",
    ".ml-annotations",
];

/// How autodetect describes a snapshot.
pub(super) const DESCRIPTIONS: [&str; 2] = [
    "State persisted due to job close at ",
    "Periodic background persist at ",
];

/// Each word.
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    WORDS.split_ascii_whitespace()
}

//! Determines which fields a datafeed reads. The lines are a query, a script, a pattern and a mapping.

use esml_state::job::{InputMappings, JobConfig, needed_fields, scripts_of};
use serde_json::json;

/// No text may cause unlimited recursion or more than linear time (libFuzzer's timeout).
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.splitn(4, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (query, script, pattern, mapping) = (line(), line(), line(), line());
    let config = json!({
        "job_id": "a",
        "analysis_config": {"bucket_span": "1h", "detectors": [{"function": "count", "partition_field_name": pattern}]},
        "data_description": {"time_field": "t"},
        "datafeed_config": {
            "datafeed_id": "d",
            "indices": ["i"],
            "query": {"bool": {"must": [
                {"query_string": {"query": query, "fields": [pattern]}},
                {"script": {"script": script}},
            ]}},
            "runtime_mappings": {"r": {"type": "keyword", "script": {"source": script}}},
        },
    });
    let config = JobConfig::parse(config.to_string().as_bytes()).expect("a valid configuration");
    let definition = format!("{{\"i\":{{\"mappings\":{mapping}}}}}");
    let mappings = InputMappings::parse(&definition).unwrap_or_default();
    let needed = needed_fields(&config, &mappings, &[]);
    let kept = mappings.pruned(&needed.fields, &needed.runtime);
    assert!(kept.indices().eq(mappings.indices()));
    config.datafeed().map(scripts_of).expect("the datafeed");
}

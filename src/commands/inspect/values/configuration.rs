//! Texts of the configuration that say something of whoever wrote it, or of the data.

use serde_json::Value;

use crate::job::JobConfig;

/// What stands where in the configuration; `*` is any element or member.
const PLACES: [(&str, &str); 13] = [
    ("description", "job description"),
    ("groups.*", "job groups"),
    ("custom_settings", "custom settings"),
    (
        "analysis_config.detectors.*.detector_description",
        "detector descriptions",
    ),
    ("analysis_config.categorization_filters.*", "categorization filters"),
    ("analysis_config.categorization_analyzer", "categorization analyzer"),
    ("datafeed_config.indices.*", "index names"),
    ("datafeed_config.indexes.*", "index names"),
    ("datafeed_config.query", "datafeed query"),
    ("datafeed_config.runtime_mappings", "datafeed scripts"),
    ("datafeed_config.script_fields", "datafeed scripts"),
    ("datafeed_config.aggregations", "datafeed aggregations"),
    ("datafeed_config.authorization", "datafeed authorization"),
];

/// Tells each, with what it is.
pub(super) fn values(config: &JobConfig, tell: &mut dyn FnMut(&'static str, &str)) {
    // A configuration that was parsed is JSON.
    let Ok(value) = serde_json::from_str::<Value>(config.text()) else {
        return;
    };
    for (place, what) in PLACES {
        let path: Vec<&str> = place.split('.').collect();
        below(&value, &path, &mut |text| tell(what, text));
    }
}

fn below(value: &Value, path: &[&str], tell: &mut dyn FnMut(&str)) {
    let Some((name, rest)) = path.split_first() else {
        texts(value, tell);
        return;
    };
    match value {
        Value::Array(items) if *name == "*" => items.iter().for_each(|item| below(item, rest, tell)),
        Value::Object(members) => {
            if let Some(member) = members.get(*name) {
                below(member, rest, tell);
            }
        }
        // `indices` may be one name.
        Value::String(text) if *name == "*" => tell(text),
        _ => {}
    }
}

/// Every string in it; numbers and truth values say nothing by themselves.
fn texts(value: &Value, tell: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => tell(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, tell)),
        Value::Object(members) => members.values().for_each(|member| texts(member, tell)),
        _ => {}
    }
}

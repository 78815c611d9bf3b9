//! Texts of the configuration that say something of whoever wrote it, or of the data.

use serde_json::Value;

use super::other::Other;
use crate::job::JobConfig;

/// What stands where in the configuration; `*` is any element or member.
const PLACES: [(&str, Other); 14] = [
    ("description", Other::JobDescription),
    ("groups.*", Other::JobGroups),
    ("custom_settings", Other::CustomSettings),
    (
        "analysis_config.detectors.*.detector_description",
        Other::DetectorDescriptions,
    ),
    ("analysis_config.categorization_filters.*", Other::CategorizationFilters),
    ("analysis_config.categorization_analyzer", Other::CategorizationAnalyzer),
    ("datafeed_config.indices.*", Other::IndexNames),
    ("datafeed_config.indexes.*", Other::IndexNames),
    ("datafeed_config.query", Other::DatafeedQuery),
    ("datafeed_config.runtime_mappings", Other::DatafeedScripts),
    ("datafeed_config.script_fields", Other::DatafeedScripts),
    ("model_plot_config.terms", Other::ModelPlotTerms),
    ("datafeed_config.aggregations", Other::DatafeedAggregations),
    ("datafeed_config.authorization", Other::DatafeedAuthorization),
];

/// Tells each, with what it is.
pub(super) fn values(config: &JobConfig, tell: &mut dyn FnMut(Other, &str)) {
    // A configuration that was parsed is JSON.
    let Ok(value) = serde_json::from_str::<Value>(config.text().get()) else {
        return;
    };
    for (place, what) in PLACES {
        let path: Vec<&str> = place.split('.').collect();
        below(&value, &path, &mut |text| match what {
            // One text lists them.
            Other::ModelPlotTerms => text.split(',').for_each(|term| tell(what, term.trim())),
            _ => tell(what, text),
        });
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

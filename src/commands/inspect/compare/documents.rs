//! Filters, calendars and categories of two archives, by id.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::diff::differences as diff;
use super::report::Difference;
use crate::archive::Contents;
use crate::commands::inspect::report::Report;
use crate::util::format::amount;

/// Parts of a section that may contain values of the data: items of filters, what people wrote of events, the literals
/// of queries and scripts, patterns of messages, the series that are plotted.
const MAY_HOLD_VALUES: [(&str, &[&str]); 4] = [
    ("filters", &["items", "description"]),
    ("calendars", &["events", "description"]),
    (
        "datafeed",
        &["query", "aggregations", "aggs", "runtime_mappings", "script_fields"],
    ),
    (
        "job",
        &[
            "custom_rules",
            "custom_settings",
            "categorization_filters",
            "categorization_analyzer",
            "terms",
        ],
    ),
];

/// Replaces what may be a value of the data by its kind, or by the number of items.
pub(super) fn without_values(found: &mut [Difference]) {
    for difference in found {
        let holds = |part: &&str| difference.what.split('.').any(|name| name == *part);
        let mut sections = MAY_HOLD_VALUES
            .iter()
            .filter(|(section, _)| *section == difference.section);
        if sections.any(|(_, parts)| parts.iter().any(&holds)) {
            difference.first = without_value(&difference.first);
            difference.second = without_value(&difference.second);
        }
    }
}

fn without_value(side: &Value) -> Value {
    match side {
        Value::Array(items) if items.is_empty() => json!([]),
        Value::Array(items) => json!([amount(items.len() as u64, "item", "items")]),
        Value::String(_) => json!("(a text)"),
        Value::Number(_) => json!("(a number)"),
        Value::Object(members) if !members.is_empty() => json!("(an object)"),
        other => other.clone(),
    }
}

pub(super) fn filters(first: &Contents, second: &Contents) -> Vec<Difference> {
    let [first, second] = [first, second].map(|contents| by_id(contents.filters.as_deref(), "filter_id"));
    diff("filters", &first, &second)
}

pub(super) fn calendars(first: &Contents, second: &Contents) -> Vec<Difference> {
    let [first, second] = [first, second].map(|contents| by_id(contents.calendars.as_deref(), "calendar_id"));
    diff("calendars", &first, &second)
}

/// An array's elements as members named by their ids.
fn by_id(array: Option<&RawValue>, id: &str) -> Value {
    let elements: Vec<Value> = array
        .and_then(|array| serde_json::from_str(array.get()).ok())
        .unwrap_or_default();
    let named = elements.into_iter().filter_map(|mut element| {
        let id = element.as_object_mut()?.remove(id)?;
        Some((id.as_str()?.to_owned(), element))
    });
    Value::Object(named.collect())
}

/// Documents that each category matches; none where it is not there.
pub(super) fn categories(first: &Report, second: &Report) -> Vec<Difference> {
    let [first, second] = [first, second].map(|report| {
        let list = report.categories.iter().flat_map(|categories| &categories.list);
        let matches = list.map(|category| (format!("category {}", category.id), json!(category.matches)));
        Value::Object(matches.collect())
    });
    diff("categories", &first, &second)
}

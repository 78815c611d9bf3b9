//! Two JSON values, option by option.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::util::format::amount;

/// Something that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    pub(crate) section: &'static str,
    /// Names joined by dots.
    pub(crate) what: String,
    /// In the first archive, `null` if it is not there. Of a list whose order has no meaning: what only the first has.
    pub(crate) first: Value,
    pub(crate) second: Value,
}

/// What differs between two values of a section; absent ones are `null`.
pub(super) fn differences(section: &'static str, first: &Value, second: &Value) -> Vec<Difference> {
    let mut differences = Vec::new();
    compare("", first, second, &mut |what, first, second| {
        let what = what.to_owned();
        differences.push(Difference {
            section,
            what,
            first,
            second,
        });
    });
    differences.retain(|difference| !difference.is_about(is_ignored));
    differences
}

/// Replaces what may be a value of the data by its type, or by the number of items.
pub(super) fn without_values(differences: &mut [Difference]) {
    let hidden = |value: &mut Value| {
        *value = match value.take() {
            Value::Array(items) if !items.is_empty() => json!([amount(items.len() as u64, "item", "items")]),
            Value::String(_) => json!("(a text)"),
            Value::Number(_) => json!("(a number)"),
            Value::Object(members) if !members.is_empty() => json!("(an object)"),
            other => other,
        };
    };
    for difference in differences {
        if difference.is_about(may_contain_values) {
            hidden(&mut difference.first);
            hidden(&mut difference.second);
        }
    }
}

impl Difference {
    /// Whether it is in or below one of these members of its section.
    fn is_about(&self, is_member: fn(&str, &str) -> bool) -> bool {
        self.what.split('.').any(|name| is_member(self.section, name))
    }
}

/// How documents are spread over entries, and the time of writing, which always differs.
fn is_ignored(section: &str, name: &str) -> bool {
    matches!((section, name), ("parts", "entries" | "undated") | ("archive", "at"))
}

/// Items of filters, descriptions of events, literals of queries and scripts, patterns of messages, the series that are
/// plotted.
fn may_contain_values(section: &str, name: &str) -> bool {
    matches!(
        (section, name),
        ("filters", "items" | "description")
            | ("calendars", "events" | "description")
            | (
                "datafeed",
                "query" | "aggregations" | "aggs" | "runtime_mappings" | "script_fields"
            )
            | (
                "job",
                "custom_rules" | "custom_settings" | "categorization_filters" | "categorization_analyzer" | "terms"
            )
    )
}

/// Passes what differs to `found`, with its path. What only one side has is compared option by option too.
fn compare(path: &str, first: &Value, second: &Value, found: &mut dyn FnMut(&str, Value, Value)) {
    let sides = [first, second];
    let both_are = |is_kind: fn(&Value) -> bool| sides.iter().all(|value| value.is_null() || is_kind(value));
    let objects = sides.into_iter().filter_map(Value::as_object);
    let names: BTreeSet<&String> = objects.flat_map(Map::keys).collect();
    let [a, b] = sides.map(|value| value.as_array().map_or(&[][..], Vec::as_slice));
    if both_are(Value::is_object) && !names.is_empty() {
        for name in names {
            let [a, b] = sides.map(|value| value.get(name).unwrap_or(&Value::Null));
            compare(&child(path, name), a, b, found);
        }
    } else if !both_are(Value::is_array) || a.len() + b.len() == 0 {
        if first != second {
            found(path, first.clone(), second.clone());
        }
    } else if is_set(path) {
        let (removed, added) = (without(a, b), without(b, a));
        if removed.len() + added.len() > 0 {
            found(path, Value::Array(removed), Value::Array(added));
        }
    } else {
        for at in 0..a.len().max(b.len()) {
            let [a, b] = [a, b].map(|items| items.get(at).unwrap_or(&Value::Null));
            compare(&child(path, &at.to_string()), a, b, found);
        }
    }
}

fn child(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}

/// Whether the order of a list has no meaning. A `terms` query has the name of its field in between; of an analyzer, whose
/// token filters are applied one after another, all lists have an order.
fn is_set(path: &str) -> bool {
    let mut names = path.rsplit('.');
    let is_unordered = match names.next().unwrap_or_default() {
        "groups" | "influencers" | "indices" | "indexes" | "custom_rules" | "actions" | "conditions" | "must"
        | "must_not" | "should" | "filter" | "terms" | "expand_wildcards" | "roles" | "job_ids" | "items"
        | "events" => true,
        _ => names.next() == Some("terms"),
    };
    is_unordered && !path.split('.').any(|name| name == "categorization_analyzer")
}

/// Items of a list that the other does not have, repeated ones as often as they are missing.
fn without(list: &[Value], other: &[Value]) -> Vec<Value> {
    let mut others: HashMap<String, usize> = HashMap::new();
    for item in other {
        *others.entry(canonical(item)).or_default() += 1;
    }
    let missing = list.iter().filter(|item| {
        let left = others.entry(canonical(item)).or_default();
        let is_missing = *left == 0;
        *left = left.saturating_sub(1);
        is_missing
    });
    missing.cloned().collect()
}

/// The same text for equal values.
fn canonical(value: &Value) -> String {
    let mut sorted = value.clone();
    sorted.sort_all_objects();
    sorted.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(first: &Value, second: &Value) -> Vec<String> {
        let differences = differences("job", first, second);
        let line = |d: &Difference| format!("{}: {} -> {}", d.what, d.first, d.second);
        differences.iter().map(line).collect()
    }

    #[test]
    fn options_are_compared_one_by_one() {
        let first = json!({"a": {"b": 1, "c": "x"}, "gone": {"d": true}, "same": [1, {"e": 2}]});
        let second = json!({"a": {"c": "y", "b": 1}, "came": ["z"], "same": [1, {"e": 2}]});
        assert_eq!(
            found(&first, &second),
            [r#"a.c: "x" -> "y""#, r#"came.0: null -> "z""#, "gone.d: true -> null"]
        );
        assert_eq!(found(&json!(1), &json!("1")), [r#": 1 -> "1""#]);
    }

    #[test]
    fn order_counts_where_it_has_a_meaning() {
        let job = |influencers: [&str; 2], detectors: [&str; 2], filter: [&str; 2]| {
            json!({"influencers": influencers, "detectors": detectors, "query": {"bool": {"filter": filter}},
                "terms": {"host": filter}, "categorization_analyzer": {"filter": filter}})
        };
        let (first, second) = (
            job(["a", "b"], ["a", "b"], ["a", "b"]),
            job(["b", "a"], ["b", "a"], ["b", "a"]),
        );
        assert_eq!(
            found(&first, &second),
            [
                r#"categorization_analyzer.filter.0: "a" -> "b""#,
                r#"categorization_analyzer.filter.1: "b" -> "a""#,
                r#"detectors.0: "a" -> "b""#,
                r#"detectors.1: "b" -> "a""#,
            ]
        );
    }

    #[test]
    fn of_a_set_the_items_that_came_and_went_are_told() {
        let (first, second) = (json!({"groups": ["a", "b", "b"]}), json!({"groups": ["b", "c"]}));
        assert_eq!(found(&first, &second), [r#"groups: ["a","b"] -> ["c"]"#]);
        assert_eq!(found(&json!({}), &second), [r#"groups: [] -> ["b","c"]"#]);
    }

    #[test]
    fn sets_of_many_items_are_compared_in_linear_time() {
        // 60,000 clauses took minutes where each was compared with each.
        let clauses = |from: u64| -> Vec<Value> {
            let clauses = (from..from + 60_000).map(|n| json!({"term": {"host": n, "boost": 1}}));
            clauses.collect()
        };
        let query = |from: u64| json!({"bool": {"filter": clauses(from)}});
        let differences = differences("datafeed", &query(0), &query(1));
        assert_eq!(differences.len(), 1);
        assert_eq!(differences[0].first, json!([{"term": {"host": 0, "boost": 1}}]));
        assert_eq!(differences[0].second, json!([{"term": {"boost": 1, "host": 60_000}}]));
    }
}

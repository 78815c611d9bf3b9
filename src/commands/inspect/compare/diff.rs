//! The differences between two JSON values, option by option.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::util::format::amount;

/// Lists without order.
const SETS: &str = "groups influencers indices indexes custom_rules actions conditions must must_not should filter terms \
                    expand_wildcards roles job_ids items events";

/// An option or a number with different values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    pub(crate) section: &'static str,
    /// Of the section on the page.
    #[serde(skip)]
    pub(crate) heading: &'static str,
    /// Names joined by dots.
    pub(crate) what: String,
    /// The value in the first archive, `null` if missing. For a list without order: the items that only the first contains.
    pub(crate) first: Value,
    pub(crate) second: Value,
}

/// The differences between two values of a section; missing values are `null`.
pub(super) fn differences(section: &'static str, heading: &'static str, values: [&Value; 2]) -> Vec<Difference> {
    let (mut differences, [first, second]) = (Vec::new(), values);
    compare("", first, second, &mut |path, first, second| {
        differences.push(Difference {
            section,
            heading,
            what: path.strip_prefix('.').unwrap_or_default().to_owned(),
            first,
            second,
        });
    });
    differences.retain(|difference| !difference.is_about(is_ignored));
    differences
}

/// Replaces every difference that may contain values of the data by its type, or by the number of items.
pub(super) fn without_values(differences: &mut [Difference]) {
    let differences = differences.iter_mut();
    let private = differences.filter(|difference| difference.is_about(may_contain_values));
    for value in private.flat_map(|difference| [&mut difference.first, &mut difference.second]) {
        *value = match value.take() {
            Value::Array(items) if !items.is_empty() => json!([amount(items.len() as u64, "item", "items")]),
            Value::String(_) => json!("(text)"),
            Value::Number(_) => json!("(number)"),
            Value::Object(members) if !members.is_empty() => json!("(object)"),
            other => other,
        };
    }
}

impl Difference {
    /// Whether its path contains a member for which `is_member` returns true.
    fn is_about(&self, is_member: fn(&str, &str) -> bool) -> bool {
        self.what.split('.').any(|name| is_member(self.section, name))
    }
}

/// How documents are distributed over entries, and the time of creation, which always differs.
fn is_ignored(section: &str, name: &str) -> bool {
    matches!((section, name), ("parts", "entries" | "undated") | ("archive", "at"))
}

/// Items of filters, descriptions of events, literals in queries and scripts, patterns of messages, terms of model plots.
fn may_contain_values(section: &str, name: &str) -> bool {
    let members = match section {
        "filters" => "items description",
        "calendars" => "events description",
        "datafeed" => "query aggregations aggs runtime_mappings script_fields",
        "job" => "custom_rules custom_settings categorization_filters categorization_analyzer terms",
        _ => "",
    };
    members.split_whitespace().any(|member| member == name)
}

/// Passes differences to `found`, with their paths: names with a dot before each. An object that only one side has is compared option by option, too.
fn compare(path: &str, first: &Value, second: &Value, found: &mut dyn FnMut(&str, Value, Value)) {
    let sides = [first, second];
    let both_are = |is_kind: fn(&Value) -> bool| sides.iter().all(|value| value.is_null() || is_kind(value));
    let objects = sides.into_iter().filter_map(Value::as_object);
    let names: BTreeSet<&String> = objects.flat_map(Map::keys).collect();
    let [a, b] = sides.map(|value| value.as_array().map_or(&[][..], Vec::as_slice));
    if both_are(Value::is_object) && !names.is_empty() {
        for name in names {
            let [a, b] = sides.map(|value| value.get(name).unwrap_or(&Value::Null));
            compare(&format!("{path}.{name}"), a, b, found);
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
            compare(&format!("{path}.{at}"), a, b, found);
        }
    }
}

/// Whether the order of a list has no meaning. In a `terms` query, the path ends with the name of the field. All lists of
/// an analyzer are ordered, since it applies its token filters one after another.
fn is_set(path: &str) -> bool {
    let mut names = path.rsplit('.');
    let is_known = names.next().is_some_and(|name| SETS.split(' ').any(|set| set == name));
    (is_known || names.next() == Some("terms")) && !path.split('.').any(|name| name == "categorization_analyzer")
}

/// Items of a list that the other does not contain; repeated items as often as they are missing.
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

/// A text that is the same for equal values.
fn canonical(value: &Value) -> String {
    let mut sorted = value.clone();
    sorted.sort_all_objects();
    sorted.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(first: &Value, second: &Value) -> Vec<String> {
        let differences = differences("job", "", [first, second]);
        let line = |d: &Difference| format!("{}: {} -> {}", d.what, d.first, d.second);
        differences.iter().map(line).collect()
    }

    #[test]
    fn options_are_compared_individually() {
        let first = json!({"a": {"b": 1, "c": "x"}, "removed": {"d": true}, "same": [1, {"e": 2}]});
        let second = json!({"a": {"c": "y", "b": 1}, "added": ["z"], "same": [1, {"e": 2}]});
        assert_eq!(
            found(&first, &second),
            [
                r#"a.c: "x" -> "y""#,
                r#"added.0: null -> "z""#,
                "removed.d: true -> null"
            ]
        );
        assert_eq!(found(&json!(1), &json!("1")), [r#": 1 -> "1""#]);
    }

    #[test]
    fn order_is_compared_only_if_it_has_a_meaning() {
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
    fn differences_of_a_set_are_its_added_and_removed_items() {
        let (first, second) = (json!({"groups": ["a", "b", "b"]}), json!({"groups": ["b", "c"]}));
        assert_eq!(found(&first, &second), [r#"groups: ["a","b"] -> ["c"]"#]);
        assert_eq!(found(&json!({}), &second), [r#"groups: [] -> ["b","c"]"#]);
    }

    #[test]
    fn sets_of_many_items_are_compared_in_linear_time() {
        // Comparing each of 60,000 clauses with every other one would take minutes.
        let clauses = |from: u64| -> Vec<Value> {
            let clauses = (from..from + 60_000).map(|n| json!({"term": {"host": n, "boost": 1}}));
            clauses.collect()
        };
        let query = |from: u64| json!({"bool": {"filter": clauses(from)}});
        let differences = differences("datafeed", "", [&query(0), &query(1)]);
        assert_eq!(differences.len(), 1);
        assert_eq!(differences[0].first, json!([{"term": {"host": 0, "boost": 1}}]));
        assert_eq!(differences[0].second, json!([{"term": {"boost": 1, "host": 60_000}}]));
    }
}

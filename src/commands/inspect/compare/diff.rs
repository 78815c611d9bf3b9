//! Two JSON values, option by option.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;
use serde_json::{Value, json};

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

/// Lists whose order has no meaning.
const SETS: [&str; 17] = [
    "groups",
    "influencers",
    "indices",
    "indexes",
    "custom_rules",
    "actions",
    "conditions",
    "must",
    "must_not",
    "should",
    "filter",
    "terms",
    "expand_wildcards",
    "roles",
    "job_ids",
    "items",
    "events",
];
/// Below it lists have an order, whatever their name: token filters are applied one after another.
const ORDERED: &str = "categorization_analyzer";

/// Members of a section that may contain values of the data: items of filters, descriptions of events, literals of queries
/// and scripts, patterns of messages, the series that are plotted.
const MAY_CONTAIN_VALUES: [(&str, &[&str]); 4] = [
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

/// What differs between two values of a section; absent ones are `null`.
pub(super) fn differences(section: &'static str, first: &Value, second: &Value) -> Vec<Difference> {
    let differences = Vec::new();
    let mut comparer = Comparer { section, differences };
    comparer.compare("", first, second);
    comparer.differences
}

/// Replaces what may be a value of the data by its type, or by the number of items.
pub(super) fn without_values(differences: &mut [Difference]) {
    for Difference {
        section,
        what,
        first,
        second,
    } in differences
    {
        let members = MAY_CONTAIN_VALUES.iter().find(|(name, _)| name == section);
        let is_one_of = |names: &[&str]| what.split('.').any(|name| names.contains(&name));
        if members.is_some_and(|(_, names)| is_one_of(names)) {
            for side in [first, second] {
                *side = match side.take() {
                    Value::Array(items) if !items.is_empty() => json!([amount(items.len() as u64, "item", "items")]),
                    Value::String(_) => json!("(a text)"),
                    Value::Number(_) => json!("(a number)"),
                    Value::Object(members) if !members.is_empty() => json!("(an object)"),
                    other => other,
                };
            }
        }
    }
}

struct Comparer {
    section: &'static str,
    differences: Vec<Difference>,
}

impl Comparer {
    fn compare(&mut self, path: &str, first: &Value, second: &Value) {
        match (first, second) {
            // What only one side has is compared option by option too.
            (Value::Object(a), Value::Null) if !a.is_empty() => self.compare(path, first, &json!({})),
            (Value::Null, Value::Object(b)) if !b.is_empty() => self.compare(path, &json!({}), second),
            (Value::Array(a), Value::Null) if !a.is_empty() => self.compare(path, first, &json!([])),
            (Value::Null, Value::Array(b)) if !b.is_empty() => self.compare(path, &json!([]), second),
            (Value::Object(a), Value::Object(b)) => {
                let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
                for name in names {
                    let [a, b] = [a, b].map(|members| members.get(name).unwrap_or(&Value::Null));
                    self.compare(&child(path, name), a, b);
                }
            }
            (Value::Array(a), Value::Array(b)) if is_set(path) => {
                let (removed, added) = (without(a, b), without(b, a));
                if !removed.is_empty() || !added.is_empty() {
                    self.add(path, Value::Array(removed), Value::Array(added));
                }
            }
            (Value::Array(a), Value::Array(b)) => {
                for at in 0..a.len().max(b.len()) {
                    let [a, b] = [a, b].map(|items| items.get(at).unwrap_or(&Value::Null));
                    self.compare(&child(path, &at.to_string()), a, b);
                }
            }
            _ if first == second => {}
            _ => self.add(path, first.clone(), second.clone()),
        }
    }

    fn add(&mut self, path: &str, first: Value, second: Value) {
        self.differences.push(Difference {
            section: self.section,
            what: path.to_owned(),
            first,
            second,
        });
    }
}

fn child(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}

/// A `terms` query has the name of its field in between.
fn is_set(path: &str) -> bool {
    let mut names = path.rsplit('.');
    let last = names.next().unwrap_or_default();
    let terms = names.next() == Some("terms");
    (SETS.contains(&last) || terms) && !path.split('.').any(|name| name == ORDERED)
}

/// Items of a list that the other does not have, repeated ones as often as they are missing.
fn without(list: &[Value], other: &[Value]) -> Vec<Value> {
    let mut others: HashMap<String, usize> = HashMap::new();
    for item in other {
        *others.entry(canonical(item)).or_default() += 1;
    }
    let missing = list.iter().filter(|item| match others.get_mut(&canonical(item)) {
        Some(left) if *left > 0 => {
            *left -= 1;
            false
        }
        _ => true,
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

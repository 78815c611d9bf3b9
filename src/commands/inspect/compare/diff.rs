//! Two JSON values, option by option.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use super::report::Difference;

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

/// What differs between two values of a section; absent ones are `null`.
pub(super) fn differences(section: &'static str, first: &Value, second: &Value) -> Vec<Difference> {
    let mut found = Found {
        section,
        differences: Vec::new(),
    };
    found.compare("", first, second);
    found.differences
}

struct Found {
    section: &'static str,
    differences: Vec<Difference>,
}

impl Found {
    fn compare(&mut self, path: &str, first: &Value, second: &Value) {
        let (no_object, no_list) = (Value::Object(Map::new()), Value::Array(Vec::new()));
        match (first, second) {
            // What is there on one side only is told option by option too.
            (Value::Object(a), Value::Null) if !a.is_empty() => self.compare(path, first, &no_object),
            (Value::Null, Value::Object(b)) if !b.is_empty() => self.compare(path, &no_object, second),
            (Value::Array(a), Value::Null) if !a.is_empty() => self.compare(path, first, &no_list),
            (Value::Null, Value::Array(b)) if !b.is_empty() => self.compare(path, &no_list, second),
            (Value::Object(a), Value::Object(b)) => {
                let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
                for name in names {
                    let member = |object: &Map<String, Value>| object.get(name).cloned().unwrap_or_default();
                    self.compare(&joined(path, name), &member(a), &member(b));
                }
            }
            (Value::Array(a), Value::Array(b)) if is_set(path) => {
                let (gone, came) = (without(a, b), without(b, a));
                if !gone.is_empty() || !came.is_empty() {
                    self.found(path, Value::Array(gone), Value::Array(came));
                }
            }
            (Value::Array(a), Value::Array(b)) => {
                for at in 0..a.len().max(b.len()) {
                    let item = |list: &Vec<Value>| list.get(at).cloned().unwrap_or_default();
                    self.compare(&joined(path, &at.to_string()), &item(a), &item(b));
                }
            }
            _ if same(first, second) => {}
            _ => self.found(path, first.clone(), second.clone()),
        }
    }

    fn found(&mut self, path: &str, first: Value, second: Value) {
        self.differences.push(Difference {
            section: self.section,
            what: path.to_owned(),
            first,
            second,
        });
    }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// A `terms` query names its field in between.
fn is_set(path: &str) -> bool {
    let mut names = path.rsplit('.');
    let last = names.next().unwrap_or_default();
    let terms = names.next() == Some("terms");
    (SETS.contains(&last) || terms) && !path.split('.').any(|name| name == ORDERED)
}

/// Items of one list that the other lacks; each takes the place of one.
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

/// Members in any order. A number is not its text: Elasticsearch keeps them apart in a configuration.
fn same(first: &Value, second: &Value) -> bool {
    match (first, second) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        _ => first == second,
    }
}

/// The same text for values that are the [`same`].
fn canonical(value: &Value) -> String {
    let mut sorted = value.clone();
    sorted.sort_all_objects();
    sorted.to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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

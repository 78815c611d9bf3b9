//! Whether two definitions can be one index, and that index.

use serde_json::{Map, Value};

use super::Definition;

/// Parameters that decide what a document's value means or whether it is taken.
const MEANING: [&str; 11] = [
    "type",
    "format",
    "analyzer",
    "normalizer",
    "value",
    "path",
    "scaling_factor",
    "null_value",
    "dims",
    "enabled",
    "script",
];

/// `None` where a field or an analyzer of that name is another one.
pub(super) fn merged(left: &Definition, right: &Definition) -> Option<Definition> {
    let mut mappings = left.mappings.as_object().cloned().unwrap_or_default();
    for key in ["properties", "runtime"] {
        let both = union(left.mappings.get(key), right.mappings.get(key), field)?;
        if let Some(both) = both {
            mappings.insert(key.into(), both);
        }
    }
    let kinds = |l: &Value, r: &Value| union(Some(l), Some(r), |l, r| (l == r).then(|| l.clone())).flatten();
    Some(Definition {
        mappings: Value::Object(mappings),
        analysis: union(left.analysis.as_ref(), right.analysis.as_ref(), kinds)?,
        shards: left.shards.max(right.shards),
    })
}

fn field(left: &Value, right: &Value) -> Option<Value> {
    if MEANING.iter().any(|key| left.get(key) != right.get(key)) {
        return None;
    }
    let mut both = left.as_object()?.clone();
    for key in ["properties", "fields"] {
        if let Some(inner) = union(left.get(key), right.get(key), field)? {
            both.insert(key.into(), inner);
        }
    }
    Some(Value::Object(both))
}

type Pair = fn(&Value, &Value) -> Option<Value>;

/// The members of both; the outer `None` says that one cannot be brought together.
fn union(left: Option<&Value>, right: Option<&Value>, pair: Pair) -> Option<Option<Value>> {
    let (Some(left), Some(right)) = (left, right) else {
        return Some(left.or(right).cloned());
    };
    let mut both: Map<String, Value> = left.as_object()?.clone();
    for (name, theirs) in right.as_object()? {
        let one = match both.get(name) {
            Some(ours) => pair(ours, theirs)?,
            None => theirs.clone(),
        };
        both.insert(name.clone(), one);
    }
    Some(Some(Value::Object(both)))
}

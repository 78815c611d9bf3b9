//! Whether two definitions can be one index, and that index.

use serde_json::{Map, Value};

use super::{Definition, settings};

/// Parameters that decide neither what a value means nor whether it is taken. Parts are brought together by themselves.
const HARMLESS: [&str; 8] = [
    "properties",
    "fields",
    "dynamic",
    "meta",
    "eager_global_ordinals",
    "fielddata",
    "fielddata_frequency_filter",
    "norms",
];

/// `None` where a field, an analyzer or a setting of that name is another one, or where one index would look into
/// what the other did not.
pub(super) fn merged(left: &Definition, right: &Definition) -> Option<Definition> {
    let (l, r) = (&left.mappings, &right.mappings);
    if l.get("subobjects") != r.get("subobjects") {
        return None;
    }
    let mut mappings = l.as_object().cloned().unwrap_or_default();
    mappings.insert("dynamic".into(), dynamic(l, r));
    if let Some(both) = fields(l, r, "properties")? {
        mappings.insert("properties".into(), both);
    }
    if let Some(both) = union(l.get("runtime"), r.get("runtime"), same)? {
        mappings.insert("runtime".into(), both);
    }
    let kinds = |l: &Value, r: &Value| union(Some(l), Some(r), same).flatten();
    let mappings = Value::Object(mappings);
    Some(Definition {
        copies: super::places::copies(&mappings),
        mappings,
        analysis: union(left.analysis.as_ref(), right.analysis.as_ref(), kinds)?,
        shards: left.shards.max(right.shards),
        settings: settings::merged(&left.settings, &right.settings)?,
    })
}

fn same(left: &Value, right: &Value) -> Option<Value> {
    (left == right).then(|| left.clone())
}

fn field(left: &Value, right: &Value) -> Option<Value> {
    let (l, r) = (left.as_object()?, right.as_object()?);
    let get = |object: &Map<String, Value>, key: &String| match object.get(key) {
        // Objects are shown without a type.
        None if key == "type" => Some(Value::from("object")),
        found => found.cloned(),
    };
    let mut keys = l.keys().chain(r.keys()).filter(|key| !HARMLESS.contains(&key.as_str()));
    if keys.any(|key| get(l, key) != get(r, key)) {
        return None;
    }
    let mut both = l.clone();
    if l.contains_key("dynamic") || r.contains_key("dynamic") {
        both.insert("dynamic".into(), dynamic(left, right));
    }
    if let Some(inner) = fields(left, right, "properties")? {
        both.insert("properties".into(), inner);
    }
    if let Some(inner) = union(left.get("fields"), right.get("fields"), field)? {
        both.insert("fields".into(), inner);
    }
    Some(Value::Object(both))
}

/// Fields that only one has are no matter where the other maps all that it holds, or takes nothing else.
fn fields(left: &Value, right: &Value, key: &str) -> Option<Option<Value>> {
    let (l, r) = (left.get(key), right.get(key));
    let more = |one: Option<&Value>, than: Option<&Value>| {
        let mut names = one.and_then(Value::as_object).into_iter().flat_map(Map::keys);
        names.any(|name| than.is_none_or(|than| than.get(name).is_none()))
    };
    if (looks_away(left) && more(r, l)) || (looks_away(right) && more(l, r)) {
        return None;
    }
    union(l, r, field)
}

/// Documents may hold what is not mapped.
fn looks_away(mapping: &Value) -> bool {
    matches!(mapping.get("dynamic").map(text).as_deref(), Some("false" | "runtime"))
}

fn dynamic(left: &Value, right: &Value) -> Value {
    let (l, r) = (left.get("dynamic"), right.get("dynamic"));
    if l == r {
        return l.cloned().unwrap_or(Value::Bool(true));
    }
    let maps = |dynamic: Option<&Value>| dynamic.is_none_or(|dynamic| text(dynamic) == "true");
    Value::Bool(maps(l) && maps(r))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
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

//! What of a source is shown, and what of an answer.

use serde_json::{Map, Value};

use super::super::Call;
use super::names::wild;

/// A choice of fields of `_source`.
#[derive(Clone, Debug, Default)]
pub(super) struct Choice {
    pub(super) none: bool,
    includes: Vec<String>,
    excludes: Vec<String>,
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

fn list(text: Option<&str>) -> Vec<String> {
    text.into_iter()
        .flat_map(|text| text.split(','))
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

impl Choice {
    /// As a search body gives it.
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Bool(whole) => Self {
                none: !whole,
                ..Self::default()
            },
            Value::Object(object) => {
                let either = |long: &str, short: &str| {
                    texts(object.get(long).or_else(|| object.get(short)).unwrap_or(&Value::Null))
                };
                let (includes, excludes) = (either("includes", "include"), either("excludes", "exclude"));
                Self {
                    none: false,
                    includes,
                    excludes,
                }
            }
            _ => Self {
                includes: texts(value),
                ..Self::default()
            },
        }
    }

    /// As the query of a request gives it.
    pub(super) fn of_call(call: &Call) -> Option<Self> {
        let parameters = [
            "_source",
            "_source_includes",
            "_source_include",
            "_source_excludes",
            "_source_exclude",
        ];
        if !parameters.iter().any(|name| call.param(name).is_some()) {
            return None;
        }
        let whole = call.param("_source");
        let mut includes = list(whole.filter(|word| !["true", "false"].contains(word)));
        includes.extend(list(
            call.param("_source_includes").or_else(|| call.param("_source_include")),
        ));
        let excludes = list(call.param("_source_excludes").or_else(|| call.param("_source_exclude")));
        Some(Self {
            none: whole == Some("false"),
            includes,
            excludes,
        })
    }

    pub(super) fn is_whole(&self) -> bool {
        !self.none && self.includes.is_empty() && self.excludes.is_empty()
    }

    /// The chosen fields.
    pub(super) fn apply(&self, source: &Value) -> Value {
        let Value::Object(object) = source else {
            return source.clone();
        };
        Value::Object(self.object(object, "", self.includes.is_empty()))
    }

    fn object(&self, object: &Map<String, Value>, prefix: &str, included: bool) -> Map<String, Value> {
        let mut kept = Map::new();
        for (key, value) in object {
            let path = format!("{prefix}{key}");
            if self.excludes.iter().any(|pattern| covers(pattern, &path)) {
                continue;
            }
            let included = included || self.includes.iter().any(|pattern| covers(pattern, &path));
            if let Some(value) = self.value(value, &path, included) {
                kept.insert(key.clone(), value);
            }
        }
        kept
    }

    fn value(&self, value: &Value, path: &str, included: bool) -> Option<Value> {
        match value {
            Value::Object(object) => {
                let kept = self.object(object, &format!("{path}."), included);
                (included || !kept.is_empty()).then_some(Value::Object(kept))
            }
            Value::Array(items) => {
                let kept: Vec<Value> = items
                    .iter()
                    .filter_map(|item| self.value(item, path, included))
                    .collect();
                (included || !kept.is_empty()).then_some(Value::Array(kept))
            }
            _ => included.then(|| value.clone()),
        }
    }
}

/// Whether a pattern names a path or one of its parents.
fn covers(pattern: &str, path: &str) -> bool {
    wild(pattern, path) || path.match_indices('.').any(|(at, _)| wild(pattern, &path[..at]))
}

/// `filter_path`: keeps what the paths name, drops what `-` paths name.
pub(super) fn filter_path(value: &Value, paths: &str) -> Value {
    let (drop, keep): (Vec<&str>, Vec<&str>) = paths.split(',').partition(|path| path.starts_with('-'));
    let mut filtered = value.clone();
    if !keep.is_empty() {
        let keep: Vec<Vec<&str>> = keep.iter().map(|path| path.split('.').collect()).collect();
        filtered = kept(value, &keep).unwrap_or_else(|| Value::Object(Map::new()));
    }
    for path in drop {
        remove(&mut filtered, &path[1..].split('.').collect::<Vec<_>>());
    }
    filtered
}

fn kept(value: &Value, paths: &[Vec<&str>]) -> Option<Value> {
    if paths.iter().any(Vec::is_empty) {
        return Some(value.clone());
    }
    match value {
        Value::Array(items) => {
            let items: Vec<Value> = items.iter().filter_map(|item| kept(item, paths)).collect();
            (!items.is_empty()).then_some(Value::Array(items))
        }
        Value::Object(object) => {
            let mut found = Map::new();
            for (key, child) in object {
                let mut rest = Vec::new();
                for path in paths {
                    if path[0] == "**" {
                        rest.push(path.clone());
                        if path.len() > 1 && wild(path[1], key) {
                            rest.push(path[2..].to_vec());
                        }
                    } else if wild(path[0], key) {
                        rest.push(path[1..].to_vec());
                    }
                }
                if !rest.is_empty()
                    && let Some(child) = kept(child, &rest)
                {
                    found.insert(key.clone(), child);
                }
            }
            (!found.is_empty()).then_some(Value::Object(found))
        }
        _ => None,
    }
}

fn remove(value: &mut Value, path: &[&str]) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| remove(item, path)),
        Value::Object(object) if path.len() == 1 => object.retain(|key, _| !wild(path[0], key)),
        Value::Object(object) => {
            let children = object.iter_mut().filter(|(key, _)| wild(path[0], key));
            children.for_each(|(_, child)| remove(child, &path[1..]));
        }
        _ => {}
    }
}

//! From a field's name to its places in `_source`, by one index's mapping.

use serde_json::{Map, Value};

/// What one index reads under a name.
#[derive(Debug, Default)]
pub(super) struct Place<'a> {
    /// Paths in `_source`; the first is the field's own.
    pub(super) paths: Vec<String>,
    /// The runtime field that makes it, with its script.
    pub(super) runtime: Option<(&'a str, Option<&'a Value>)>,
}

/// `None` where the mapping does not know the field.
pub(super) fn place<'a>(mappings: &'a Value, name: &str) -> Option<Place<'a>> {
    if let Some((made, field)) = runtime(mappings, name) {
        let script = field.get("script");
        // Without a script its values are the document's own.
        let own = script.is_none().then(|| name.to_owned());
        return Some(Place {
            paths: own.into_iter().collect(),
            runtime: Some((made, script)),
        });
    }
    let properties = mappings.get("properties")?.as_object()?;
    let mut found = find(properties, name, "")?;
    if let Found::Alias(target) = found {
        found = find(properties, &target, "")?;
    }
    let Found::Path(path) = found else { return None };
    let mut paths = vec![path];
    copied_to(properties, &paths[0].clone(), "", &mut paths);
    Some(Place { paths, runtime: None })
}

/// The type of a field, a multi-field or what an alias stands for.
pub(super) fn kind<'a>(mappings: &'a Value, name: &str) -> Option<&'a str> {
    if let Some((_, field)) = runtime(mappings, name) {
        return field.get("type")?.as_str();
    }
    let mut at = mappings;
    let path = place(mappings, name)?.paths.into_iter().next()?;
    let mut rest = path.as_str();
    while !rest.is_empty() {
        let properties = at.get("properties")?.as_object()?;
        let fits = |key: &str| {
            let tail = rest.strip_prefix(key)?;
            tail.strip_prefix('.').or_else(|| tail.is_empty().then_some(""))
        };
        let longest = properties.iter().filter(|(key, _)| fits(key).is_some());
        let (key, definition) = longest.max_by_key(|(key, _)| key.len())?;
        rest = fits(key)?;
        at = definition;
    }
    let multi = name.rsplit_once('.').and_then(|(_, last)| at.get("fields")?.get(last));
    multi.unwrap_or(at).get("type")?.as_str()
}

/// The longest part of a path that is a field or an object of this mapping; the whole where what is inside is not mapped.
pub(super) fn known<'p>(mappings: &Value, path: &'p str) -> Option<&'p str> {
    let mut properties = mappings.get("properties")?.as_object()?;
    let mut start = 0;
    loop {
        let rest = &path[start..];
        let mut fitting = properties.iter().filter(|(name, _)| {
            let tail = rest.strip_prefix(name.as_str());
            tail.is_some_and(|tail| tail.is_empty() || tail.starts_with('.'))
        });
        let (name, definition) = fitting.by_ref().max_by_key(|(name, _)| name.len())?;
        let end = start + name.len();
        if end == path.len() {
            return Some(path);
        }
        match definition.get("properties").and_then(Value::as_object) {
            Some(inner) => properties = inner,
            // Of a text `.length` is no field; of `flattened`, or an object that is not looked into, the rest is one.
            None => {
                let kind = definition.get("type").and_then(Value::as_str);
                return Some(if matches!(kind, None | Some("object" | "nested" | "flattened")) {
                    path
                } else {
                    &path[..end]
                });
            }
        }
        start = end + 1;
    }
}

/// The full names of the fields that documents hold.
pub(super) fn stored(mappings: &Value) -> Vec<String> {
    let mut names = Vec::new();
    if let Some(properties) = mappings.get("properties").and_then(Value::as_object) {
        leaves(properties, "", false, &mut names);
    }
    names
}

/// The full names of all fields, multi-fields, aliases and runtime fields.
pub(super) fn names(mappings: &Value) -> Vec<String> {
    let mut names = Vec::new();
    if let Some(properties) = mappings.get("properties").and_then(Value::as_object) {
        leaves(properties, "", true, &mut names);
    }
    let runtime = mappings.get("runtime").and_then(Value::as_object);
    names.extend(runtime.into_iter().flat_map(Map::keys).cloned());
    names
}

/// `all`: with the names that stand for others.
fn leaves(properties: &Map<String, Value>, above: &str, all: bool, names: &mut Vec<String>) {
    for (name, definition) in properties {
        let path = format!("{above}{name}");
        if let Some(inner) = definition.get("properties").and_then(Value::as_object) {
            leaves(inner, &format!("{path}."), all, names);
        } else if all {
            let fields = definition.get("fields").and_then(Value::as_object);
            names.extend(
                fields
                    .into_iter()
                    .flat_map(Map::keys)
                    .map(|field| format!("{path}.{field}")),
            );
            names.push(path);
        } else if definition.get("type").and_then(Value::as_str) != Some("alias") {
            names.push(path);
        }
    }
}

fn runtime<'a>(mappings: &'a Value, name: &str) -> Option<(&'a str, &'a Value)> {
    let mut all = mappings.get("runtime")?.as_object()?.iter();
    let found = all.find(|(made, field)| {
        let inner = name.strip_prefix(made.as_str()).and_then(|rest| rest.strip_prefix('.'));
        *made == name || inner.is_some_and(|inner| field.pointer("/fields").is_some_and(|all| all.get(inner).is_some()))
    });
    found.map(|(made, field)| (made.as_str(), field))
}

enum Found {
    Path(String),
    Alias(String),
}

fn find(properties: &Map<String, Value>, rest: &str, above: &str) -> Option<Found> {
    for (name, definition) in properties {
        let Some(tail) = rest.strip_prefix(name.as_str()) else {
            continue;
        };
        let kind = definition.get("type").and_then(Value::as_str);
        if tail.is_empty() {
            return Some(match definition.get("path").and_then(Value::as_str) {
                Some(target) if kind == Some("alias") => Found::Alias(target.to_owned()),
                _ => Found::Path(format!("{above}{name}")),
            });
        }
        let Some(tail) = tail.strip_prefix('.') else { continue };
        let multi = definition
            .get("fields")
            .is_some_and(|fields| fields.get(tail).is_some());
        // A `flattened` field's keys are read from the field itself.
        if multi || kind == Some("flattened") {
            return Some(Found::Path(format!("{above}{name}")));
        }
        let inner = definition.get("properties").and_then(Value::as_object);
        if let Some(found) = inner.and_then(|inner| find(inner, tail, &format!("{above}{name}."))) {
            return Some(found);
        }
    }
    None
}

/// Fields whose values are copied to this one.
fn copied_to(properties: &Map<String, Value>, target: &str, above: &str, paths: &mut Vec<String>) {
    for (name, definition) in properties {
        let path = format!("{above}{name}");
        let targets = match definition.get("copy_to") {
            Some(Value::Array(targets)) => targets.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        if targets.iter().any(|copy| copy.as_str() == Some(target)) {
            paths.push(path.clone());
        }
        if let Some(inner) = definition.get("properties").and_then(Value::as_object) {
            copied_to(inner, target, &format!("{path}."), paths);
        }
    }
}

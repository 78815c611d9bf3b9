//! From a field's name to its places in `_source`, by one index's mapping.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Parts of a dotted name that are looked up. Elasticsearch allows 20 levels unless told otherwise
/// (`index.mapping.depth.limit`); a name from an untrusted file must not cost more than its length.
const MAX_NAME_PARTS: usize = 100;

/// What one index reads under a name.
#[derive(Debug, Default)]
pub(super) struct Place<'a> {
    /// Paths in `_source`; the first is the field's own.
    pub(super) paths: Vec<String>,
    /// The runtime field that makes it, with its script.
    pub(super) runtime: Option<(&'a str, Option<&'a Value>)>,
}

/// For each field, the fields whose values are copied to it (`copy_to`).
pub(super) type Copies = BTreeMap<String, Vec<String>>;

/// `None` where the mapping does not know the field.
pub(super) fn place<'a>(mappings: &'a Value, copies: &Copies, name: &str) -> Option<Place<'a>> {
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
    let copied = copies.get(&path).cloned().unwrap_or_default();
    let paths = std::iter::once(path).chain(copied).collect();
    Some(Place { paths, runtime: None })
}

/// The type of a field, a multi-field or what an alias stands for.
pub(super) fn kind<'a>(mappings: &'a Value, copies: &Copies, name: &str) -> Option<&'a str> {
    if let Some((_, field)) = runtime(mappings, name) {
        return field.get("type")?.as_str();
    }
    let mut at = mappings;
    let path = place(mappings, copies, name)?.paths.into_iter().next()?;
    let mut rest = path.as_str();
    while !rest.is_empty() {
        let (key, definition) = longest_head(at.get("properties")?.as_object()?, rest)?;
        rest = rest[key.len()..].strip_prefix('.').unwrap_or_default();
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
        let (name, definition) = longest_head(properties, rest)?;
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
    let all = mappings.get("runtime")?.as_object()?;
    if let Some((made, field)) = all.get_key_value(name) {
        return Some((made, field));
    }
    // A composite makes fields below its name.
    splits(name).find_map(|(composite, inner)| {
        let (made, field) = all.get_key_value(composite)?;
        field.get("fields")?.get(inner).map(|_| (made.as_str(), field))
    })
}

/// The longest beginning of a dotted name that is a key, with what it maps.
fn longest_head<'a, 'n>(properties: &'a Map<String, Value>, name: &'n str) -> Option<(&'n str, &'a Value)> {
    let heads = splits(name).map(|(head, _)| head).chain([name]);
    heads.filter_map(|head| Some((head, properties.get(head)?))).last()
}

/// The ways to cut a dotted name in two, the shortest head first.
fn splits(name: &str) -> impl Iterator<Item = (&str, &str)> {
    let dots = name.match_indices('.').take(MAX_NAME_PARTS);
    dots.map(|(dot, _)| (&name[..dot], &name[dot + 1..]))
}

enum Found {
    Path(String),
    Alias(String),
}

fn find(properties: &Map<String, Value>, rest: &str, above: &str) -> Option<Found> {
    if let Some(definition) = properties.get(rest) {
        let alias = definition.get("type").and_then(Value::as_str) == Some("alias");
        return Some(match definition.get("path").and_then(Value::as_str) {
            Some(target) if alias => Found::Alias(target.to_owned()),
            _ => Found::Path(format!("{above}{rest}")),
        });
    }
    splits(rest).find_map(|(name, tail)| {
        let definition = properties.get(name)?;
        let multi = definition
            .get("fields")
            .is_some_and(|fields| fields.get(tail).is_some());
        // A `flattened` field's keys are read from the field itself.
        if multi || definition.get("type").and_then(Value::as_str) == Some("flattened") {
            return Some(Found::Path(format!("{above}{name}")));
        }
        let inner = definition.get("properties").and_then(Value::as_object)?;
        find(inner, tail, &format!("{above}{name}."))
    })
}

/// Reads `copy_to` of all fields.
pub(super) fn copies(mappings: &Value) -> Copies {
    let mut copies = Copies::new();
    if let Some(properties) = mappings.get("properties").and_then(Value::as_object) {
        add_copies(properties, "", &mut copies);
    }
    copies
}

fn add_copies(properties: &Map<String, Value>, above: &str, copies: &mut Copies) {
    for (name, definition) in properties {
        let path = format!("{above}{name}");
        let targets = match definition.get("copy_to") {
            Some(Value::Array(targets)) => targets.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        for target in targets.iter().filter_map(Value::as_str) {
            copies.entry(target.to_owned()).or_default().push(path.clone());
        }
        if let Some(inner) = definition.get("properties").and_then(Value::as_object) {
            add_copies(inner, &format!("{path}."), copies);
        }
    }
}

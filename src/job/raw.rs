//! JSON whose text must survive: objects with their members as written, and changes by position.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::job::Error;

/// An object's members in their order, values as text.
pub(super) struct Members<'a>(Vec<(String, Text<'a>)>);

enum Text<'a> {
    Theirs(&'a RawValue),
    Ours(String),
}

impl Text<'_> {
    fn get(&self) -> &str {
        match self {
            Self::Theirs(value) => value.get(),
            Self::Ours(text) => text,
        }
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
                    members.push((key, Text::Theirs(value)));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

impl<'a> Members<'a> {
    /// Of an object's text; `what` names it in the error.
    pub(super) fn parse(what: &str, text: &'a str) -> Result<Self, Error> {
        serde_json::from_str(text).map_err(|e| invalid(what, &e))
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, v)| v.get())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn remove(&mut self, keys: &[&str]) {
        self.0.retain(|(k, _)| !keys.contains(&k.as_str()));
    }

    /// Replaces the value in its place, or adds it at the end.
    pub(super) fn set(&mut self, key: &str, json: String) {
        match self.0.iter_mut().find(|(k, _)| k == key) {
            Some((_, value)) => *value = Text::Ours(json),
            None => self.0.push((key.to_owned(), Text::Ours(json))),
        }
    }

    /// Replaces the values that `edit` has others for; true where there were any.
    pub(super) fn edit(&mut self, edit: &mut dyn FnMut(&str, &str) -> Option<String>) -> bool {
        let mut edited = false;
        for (key, value) in &mut self.0 {
            if let Some(json) = edit(key, value.get()) {
                *value = Text::Ours(json);
                edited = true;
            }
        }
        edited
    }

    pub(super) fn to_json(&self) -> String {
        let members: Vec<String> = self
            .0
            .iter()
            .map(|(k, v)| format!("{}:{}", quoted(k), v.get()))
            .collect();
        format!("{{{}}}", members.join(","))
    }
}

/// A string as JSON.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

pub(super) fn invalid(what: &str, why: &dyn fmt::Display) -> Error {
    Error::InvalidConfig {
        what: what.to_owned(),
        why: why.to_string(),
    }
}

/// Text that was put together from valid JSON, checked once more.
pub(super) fn boxed(what: &str, json: String) -> Result<Box<RawValue>, Error> {
    RawValue::from_string(json).map_err(|e| invalid(what, &e))
}

/// Where the string values of members called `key` stand (quotes included), at any depth, with their meaning.
pub(super) fn strings_of(json: &[u8], key: &str) -> Result<Vec<(Range<usize>, String)>, Error> {
    serde_json::from_slice::<IgnoredAny>(json).map_err(|e| invalid("document", &e))?;
    let mut found = Vec::new();
    let mut at = 0;
    while at < json.len() {
        if json[at] != b'"' {
            at += 1;
            continue;
        }
        let name = string_at(json, at);
        at = name.end;
        let colon = after_space(json, at);
        // In valid JSON only a member's name is followed by a colon.
        if json.get(colon) != Some(&b':') || decoded(&json[name]).as_deref() != Some(key) {
            continue;
        }
        let start = after_space(json, colon + 1);
        if json.get(start) == Some(&b'"') {
            let value = string_at(json, start);
            at = value.end;
            if let Some(text) = decoded(&json[value.clone()]) {
                found.push((value, text));
            }
        }
    }
    Ok(found)
}

fn after_space(json: &[u8], from: usize) -> usize {
    json[from..]
        .iter()
        .position(|b| !b.is_ascii_whitespace())
        .map_or(json.len(), |n| from + n)
}

fn string_at(json: &[u8], start: usize) -> Range<usize> {
    let mut at = start + 1;
    while at < json.len() && json[at] != b'"' {
        at += if json[at] == b'\\' { 2 } else { 1 };
    }
    start..(at + 1).min(json.len())
}

fn decoded(json: &[u8]) -> Option<String> {
    serde_json::from_slice(json).ok()
}

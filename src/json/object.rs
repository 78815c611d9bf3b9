//! Strictly typed objects without duplicate members, with each value as written.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::util::format::is_among;

/// A value that must be an object. A derived `Deserialize` also accepts an array for a struct.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object<T>(pub T);

impl<T> Deref for Object<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members)).map(Object)
            }
        }
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

/// Calls `visit` for each member, in order, with its value as written, until it returns false. Then the result is an error,
/// since the rest is not read.
pub(crate) fn for_each_member<'a>(
    json: &'a str,
    visit: impl FnMut(Cow<'a, str>, &'a RawValue) -> bool,
) -> serde_json::Result<()> {
    struct Members<V>(V);
    impl<'a, V: FnMut(Cow<'a, str>, &'a RawValue) -> bool> Visitor<'a> for Members<V> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'a>>(mut self, mut members: A) -> Result<(), A::Error> {
            while let Some((CowStr(name), value)) = members.next_entry()? {
                if !(self.0)(name, value) {
                    return Err(A::Error::custom("ended early"));
                }
            }
            Ok(())
        }
    }
    let mut json = serde_json::Deserializer::from_str(json);
    json.deserialize_map(Members(visit))?;
    json.end()
}

/// The members of an object in order, each value as written.
#[derive(Clone, Debug, Default)]
pub(crate) struct RawObject(Vec<(String, Box<RawValue>)>);

impl RawObject {
    pub(crate) fn parse(json: &str) -> serde_json::Result<Self> {
        let mut members = Vec::new();
        let add = |name: Cow<'_, str>, value: &RawValue| {
            members.push((name.into_owned(), value.to_owned()));
            true
        };
        for_each_member(json, add)?;
        Ok(Self(members))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&RawValue> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| &**value)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Box<RawValue>)> {
        self.0.iter_mut().map(|(name, value)| (name.as_str(), value))
    }

    /// Replaces a value in place, or appends it.
    pub(crate) fn set(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        let json = raw(value);
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, value)) => *value = json,
            None => self.0.push((name.to_owned(), json)),
        }
    }

    /// Removes members; their names are separated by spaces.
    pub(crate) fn remove(&mut self, names: &str) {
        self.0.retain(|(name, _)| !is_among(names, name));
    }
}

impl Serialize for RawObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// An upper limit for the number of values in the JSON text, minus one.
pub(crate) fn count_values(json: &[u8]) -> usize {
    json.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count()
}

/// Iterates over a value and everything in it, containers before their contents, with the names of members.
pub(crate) fn nested_values(value: &Value) -> impl Iterator<Item = (Option<&str>, &Value)> {
    let mut left = vec![(None, value)];
    std::iter::from_fn(move || {
        let (name, value) = left.pop()?;
        match value {
            Value::Array(items) => left.extend(items.iter().rev().map(|item| (None, item))),
            Value::Object(members) => {
                left.extend(members.iter().rev().map(|(name, value)| (Some(name.as_str()), value)))
            }
            _ => {}
        }
        Some((name, value))
    })
}

/// Serializes a value as JSON.
#[allow(clippy::expect_used, reason = "maps have strings as keys")]
pub(crate) fn raw(value: &(impl Serialize + ?Sized)) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("a value that is always JSON")
}

/// Parses a text that is already known to be JSON; null if it is nested too deeply.
pub(crate) fn value(text: &RawValue) -> Value {
    serde_json::from_str(text.get()).unwrap_or(Value::Null)
}

/// The text of a string, or another value as JSON.
pub(crate) fn unquoted(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Checks that no object in a text has a duplicate member at any depth, since Elasticsearch refuses such a text. The
/// depth is limited by `serde_json`.
///
/// # Errors
/// The text is not JSON, is nested too deeply, or has a duplicate member.
pub fn check_members(text: &str) -> Result<(), serde_json::Error> {
    serde_json::from_str::<Unique>(text).map(|Unique| ())
}

/// As [`check_members`], for a text that must be an object; calls `visit` for its members with these names.
pub(crate) fn check_and_visit<'a>(
    text: &'a str,
    names: &[&str],
    visit: impl FnMut(&str, &'a RawValue),
) -> serde_json::Result<()> {
    struct Named<'n, V>(&'n [&'n str], V);
    impl<'a, V: FnMut(&str, &'a RawValue)> Visitor<'a> for Named<'_, V> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'a>>(mut self, mut members: A) -> Result<(), A::Error> {
            require_unique(&mut members, |name, members| {
                if !self.0.contains(&name) {
                    return members.next_value::<Unique>().map(|Unique| ());
                }
                let value: &RawValue = members.next_value()?;
                check_members(value.get()).map_err(A::Error::custom)?;
                (self.1)(name, value);
                Ok(())
            })
        }
    }
    let mut json = serde_json::Deserializer::from_str(text);
    json.deserialize_map(Named(names, visit))?;
    json.end()
}

/// Reads the members of an object, and their values with `read`; fails if two have the same name.
fn require_unique<'a, A: MapAccess<'a>>(
    members: &mut A,
    mut read: impl FnMut(&str, &mut A) -> Result<(), A::Error>,
) -> Result<(), A::Error> {
    let mut names = Vec::new();
    while let Some(CowStr(name)) = members.next_key()? {
        read(&name, members)?;
        names.push(name);
    }
    // Sorting them takes half the time of adding each to a set.
    names.sort_unstable();
    match names.windows(2).any(|pair| pair[0] == pair[1]) {
        true => Err(A::Error::custom("an object has a duplicate member")),
        false => Ok(()),
    }
}

/// Returns the message of a `serde_json` error without the value that it quotes, which may be personal data.
pub fn without_value(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let known = ["invalid type: ", "invalid value: "];
    let Some((head, rest)) = known.iter().find_map(|head| Some((*head, text.strip_prefix(head)?))) else {
        return text;
    };
    // The quoted value may contain anything; the expected type contains no quotes from the text.
    match (rest.find(['"', '`']), rest.rfind(", expected ")) {
        (Some(quoted), Some(expected)) if quoted < expected => {
            format!("{head}{}{}", rest[..quoted].trim_end(), &rest[expected..])
        }
        _ => text,
    }
}

struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

macro_rules! accept {
    ($($visit:ident: $value:ty),*) => {
        $(fn $visit<E>(self, _: $value) -> Result<Unique, E> {
            Ok(Unique)
        })*
    };
}

impl<'de> Visitor<'de> for Unique {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    accept!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E>(self) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Unique, A::Error> {
        while elements.next_element::<Unique>()?.is_some() {}
        Ok(Unique)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Unique, A::Error> {
        require_unique(&mut members, |_, members| {
            members.next_value::<Unique>().map(|Unique| ())
        })?;
        Ok(Unique)
    }
}

/// A name or a string, borrowed if it has no escapes.
#[derive(PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct CowStr<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// Whether a string is written in JSON without escapes.
pub(crate) fn is_plain(text: &str) -> bool {
    // Without an early exit, so that the compiler can process many bytes at once.
    let odd = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    !text.bytes().fold(false, |any, byte| any | odd(byte))
}

/// Returns a string as JSON.
pub fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Appends a string as JSON.
pub(crate) fn append_quoted(json: &mut Vec<u8>, text: &str) {
    if !is_plain(text) {
        return json.extend_from_slice(quoted(text).as_bytes());
    }
    json.push(b'"');
    json.extend_from_slice(text.as_bytes());
    json.push(b'"');
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Pair {
        a: u64,
        #[serde(default)]
        b: Option<Object<Inner>>,
    }

    #[derive(Debug, serde::Deserialize)]
    struct Inner {
        c: Box<serde_json::value::RawValue>,
    }

    #[test]
    fn an_array_is_not_an_object() {
        let pair: Object<Pair> = serde_json::from_str(r#"{"a":1,"b":{"c":1.10}}"#).unwrap();
        assert_eq!((pair.a, pair.b.as_ref().unwrap().c.get()), (1, "1.10"));
        for bad in ["[1]", r#"{"a":1,"b":[2]}"#, "null", "1"] {
            assert!(serde_json::from_str::<Object<Pair>>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn errors_quote_no_value() {
        let message = |json: &str| without_value(&serde_json::from_str::<Object<Pair>>(json).unwrap_err());
        for (json, expected) in [
            (
                r#"{"a":"x, expected \"y"}"#,
                "invalid type: string, expected u64 at line 1 column",
            ),
            (r#"{"a":-17}"#, "invalid value: integer, expected u64 at line 1 column"),
            (r#"{"a":true}"#, "invalid type: boolean, expected u64 at line 1 column"),
            (r#"{"a":[]}"#, "invalid type: sequence, expected u64 at line 1 column"),
            (
                r#"{"a":1.5}"#,
                "invalid type: floating point, expected u64 at line 1 column",
            ),
            ("{", "EOF while parsing an object at line 1 column"),
        ] {
            assert!(message(json).starts_with(expected), "{}", message(json));
        }
    }

    #[test]
    fn members_are_named_once() {
        for good in [
            r#"{"a":[{"a":1},{"a":{"b":"\n","c":-1.5e300}}],"b":null,"":true}"#,
            "[]",
            "18446744073709551615",
        ] {
            assert!(check_members(good).is_ok(), "{good}");
        }
        for bad in [
            r#"{"a":1,"b":2,"a":1}"#,
            r#"[{"x":{"a":1,"\u0061":2}}]"#,
            r#"{"a":1} {}"#,
            "{",
        ] {
            assert!(check_members(bad).is_err(), "{bad}");
        }
        let deep = "[".repeat(200) + &"]".repeat(200);
        assert!(check_members(&deep).is_err());
    }
}

//! The values of a document, each with the path of its field, read without building the document.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// Tells each string, number and truth value with its path, names joined by dots; items of lists have the path of their
/// list. False where the text is not JSON to its end: what came before was told.
pub(super) fn leaves(source: &[u8], tell: &mut dyn FnMut(&str, &str)) -> bool {
    let mut json = serde_json::Deserializer::from_slice(source);
    let mut path = String::new();
    let read = Leaf { path: &mut path, tell }.deserialize(&mut json);
    read.is_ok() && json.end().is_ok()
}

struct Leaf<'a> {
    path: &'a mut String,
    tell: &'a mut dyn FnMut(&str, &str),
}

impl Leaf<'_> {
    fn value(self, text: &str) {
        (self.tell)(self.path, text);
    }
}

impl<'de> DeserializeSeed<'de> for Leaf<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Leaf<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.value(text);
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.value(&number.to_string());
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.value(&number.to_string());
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.value(&number.to_string());
        Ok(())
    }

    fn visit_bool<E>(self, truth: bool) -> Result<(), E> {
        self.value(if truth { "true" } else { "false" });
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list
            .next_element_seed(Leaf {
                path: self.path,
                tell: self.tell,
            })?
            .is_some()
        {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let before = self.path.len();
        while map.next_key_seed(Name(self.path))?.is_some() {
            map.next_value_seed(Leaf {
                path: self.path,
                tell: self.tell,
            })?;
            self.path.truncate(before);
        }
        Ok(())
    }
}

/// A member's name, put behind the path.
struct Name<'a>(&'a mut String);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<(), E> {
        if !self.0.is_empty() {
            self.0.push('.');
        }
        self.0.push_str(name);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(source: &str) -> (Vec<String>, bool) {
        let mut found = Vec::new();
        let whole = leaves(source.as_bytes(), &mut |path, text| {
            found.push(format!("{path}={text}"))
        });
        (found, whole)
    }

    #[test]
    fn every_value_has_its_path() {
        let (found, whole) = told(
            r#"{"a": {"b": ["x", 1, {"c": null, "d": true}], "e.f": 2.5}, "g": "ä\n", "h": {}, "i": -3, "j": [[7]]}"#,
        );
        assert_eq!(
            found,
            ["a.b=x", "a.b=1", "a.b.d=true", "a.e.f=2.5", "g=ä\n", "i=-3", "j=7"]
        );
        assert!(whole);
    }

    #[test]
    fn what_came_before_damage_is_told() {
        assert_eq!(told(r#"{"a": "x", "b""#), (vec!["a=x".to_owned()], false));
        assert_eq!(told(r#"{"a": "x"} {"#), (vec!["a=x".to_owned()], false));
    }
}

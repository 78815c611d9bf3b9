//! A document's values, each with the path of its field: to look at, to replace, to leave out.

use std::borrow::Cow;
use std::io;

use super::{Editor, Kind, Token, Tokenizer};

/// A value that is no container.
#[derive(Clone, Debug)]
pub struct Leaf<'a> {
    /// Names joined by dots; items of lists have the path of their list.
    pub path: &'a str,
    /// What a string means; a number, a truth value or `null` as written.
    pub text: Cow<'a, str>,
    /// Whether it is a string.
    pub quoted: bool,
}

/// What becomes of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// It stays as it is written.
    Keep,
    /// This string stands in its place.
    Text(String),
    /// This JSON stands in its place.
    Json(String),
    /// It goes, with the name before it.
    LeaveOut,
}

/// A part of a document.
#[derive(Clone, Copy, Debug)]
pub enum Member<'a> {
    /// A member's name, and its path with the name.
    Name {
        /// Names joined by dots.
        path: &'a str,
        /// The last of them.
        name: &'a str,
    },
    /// A value that is no container.
    Value(&'a Leaf<'a>),
}

/// A document with what the visitor returns for each value; every other byte as it was.
///
/// # Errors
/// Bytes that are not JSON, or what the visitor returns.
pub fn edit_leaves(source: &[u8], visit: &mut dyn FnMut(&Leaf<'_>) -> io::Result<Edit>) -> io::Result<Vec<u8>> {
    edit_members(source, &mut |member| match member {
        Member::Name { .. } => Ok(Edit::Keep),
        Member::Value(leaf) => visit(leaf),
    })
}

/// The same with names of members: [`Edit::Text`] renames one, and every other answer keeps it.
///
/// # Errors
/// As [`edit_leaves`].
pub fn edit_members(source: &[u8], visit: &mut dyn FnMut(Member<'_>) -> io::Result<Edit>) -> io::Result<Vec<u8>> {
    let mut walk = Walk::default();
    let mut editor = Editor::new(Vec::with_capacity(source.len()));
    let rest = Tokenizer::whole::<io::Error>(source, &mut |token| walk.token(&token, &mut editor, visit))?;
    editor.finish(&rest)
}

/// A document without the members whose path is not wanted, every other byte as it was.
///
/// # Errors
/// Bytes that are not JSON.
pub fn without_members(source: &[u8], unwanted: &dyn Fn(&str) -> bool) -> io::Result<Vec<u8>> {
    let mut walk = Walk::default();
    let mut editor = Editor::new(Vec::with_capacity(source.len()));
    let rest = Tokenizer::whole::<io::Error>(source, &mut |token| {
        let value = !matches!(token.kind, Kind::Name | Kind::EndObject | Kind::EndArray);
        let unwanted = value && walk.in_member() && !editor.skipping() && unwanted(&walk.path);
        walk.enter(&token)?;
        match unwanted {
            true => {
                editor.leave_out(&token);
                Ok(())
            }
            false => editor.keep(&token),
        }
    })?;
    editor.finish(&rest)
}

#[derive(Default)]
struct Walk {
    path: String,
    /// Length of the path outside of each container, and whether that is an object.
    outside: Vec<(usize, bool)>,
}

impl Walk {
    /// Whether a value here belongs to a member's name.
    fn in_member(&self) -> bool {
        self.outside.last().is_some_and(|(_, object)| *object)
    }

    /// Follows the path.
    fn enter(&mut self, token: &Token<'_>) -> io::Result<()> {
        match token.kind {
            Kind::BeginObject | Kind::BeginArray => {
                self.outside.push((self.path.len(), token.kind == Kind::BeginObject));
            }
            Kind::EndObject | Kind::EndArray => {
                // The path of what follows begins where this container's began.
                let outside = self.outside.pop().map_or(0, |(length, _)| length);
                self.path.truncate(outside);
            }
            Kind::Name => {
                self.path.truncate(self.outside.last().map_or(0, |(length, _)| *length));
                if !self.path.is_empty() {
                    self.path.push('.');
                }
                self.path.push_str(&token.text()?);
            }
            Kind::Text | Kind::Literal => {}
        }
        Ok(())
    }

    fn token(
        &mut self,
        token: &Token<'_>,
        editor: &mut Editor<Vec<u8>>,
        visit: &mut dyn FnMut(Member<'_>) -> io::Result<Edit>,
    ) -> io::Result<()> {
        self.enter(token)?;
        match token.kind {
            Kind::BeginObject | Kind::BeginArray | Kind::EndObject | Kind::EndArray => editor.keep(token),
            Kind::Name => {
                let (path, name) = (self.path.as_str(), &*token.text()?);
                match visit(Member::Name { path, name })? {
                    Edit::Text(name) => {
                        editor.rename(token, &name);
                        Ok(())
                    }
                    _ => editor.keep(token),
                }
            }
            Kind::Text | Kind::Literal => {
                let quoted = token.kind == Kind::Text;
                let text = match quoted {
                    true => token.text()?,
                    false => String::from_utf8_lossy(token.raw),
                };
                let path = self.path.as_str();
                match visit(Member::Value(&Leaf { path, text, quoted }))? {
                    Edit::Keep => editor.keep(token),
                    Edit::Text(text) => editor.replace(token, &text),
                    Edit::Json(json) => editor.replace_json(token, &json),
                    Edit::LeaveOut => {
                        editor.leave_out(token);
                        Ok(())
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_value_has_its_path() {
        let source =
            br#"{"a": {"b": ["x", 1, {"c": null}], "e.f": 2.50}, "g": "\u00e4\n", "h": {}, "i": [[7]], "j": true}"#;
        let mut found = Vec::new();
        let same = edit_leaves(source, &mut |leaf| {
            found.push(format!("{}={}{}", leaf.path, leaf.text, u8::from(leaf.quoted)));
            Ok(Edit::Keep)
        });
        assert_eq!(same.unwrap(), source);
        assert_eq!(
            found,
            [
                "a.b=x1",
                "a.b=10",
                "a.b.c=null0",
                "a.e.f=2.500",
                "g=ä\n1",
                "i=70",
                "j=true0"
            ]
        );
    }

    #[test]
    fn members_are_left_out_with_all_that_is_in_them() {
        let source =
            br#"{"a": {"b": [{"c": 1}], "d": 2}, "e": [ {"f": "x", "g": {"h": 1}} ], "a.b": null, "i": [[3]]}"#;
        let without = |unwanted: &[&str]| {
            let made = without_members(source, &|path| unwanted.contains(&path));
            String::from_utf8(made.unwrap()).unwrap()
        };
        assert_eq!(without(&[]).as_bytes(), source);
        assert_eq!(
            without(&["a.b", "e.f", "e.g.h", "i"]),
            r#"{"a": { "d": 2}, "e": [ { "g": {}} ]}"#
        );
        assert_eq!(without(&["a", "e", "a.b", "i"]), "{}");
        assert!(without_members(b"{", &|_| true).is_err());
    }

    #[test]
    fn only_what_is_replaced_changes() {
        let source = br#"{ "a" : [ "x" , 1.0 ], "b":{"c":"y"} , "d": "z" }"#;
        let changed = edit_leaves(source, &mut |leaf| {
            Ok(match leaf.path {
                "a" if leaf.quoted => Edit::Text("\"".to_owned()),
                "b.c" => Edit::Json("[1]".to_owned()),
                "d" => Edit::LeaveOut,
                _ => Edit::Keep,
            })
        });
        assert_eq!(
            String::from_utf8(changed.unwrap()).unwrap(),
            r#"{ "a" : [ "\"" , 1.0 ], "b":{"c":[1]} }"#
        );
        assert!(edit_leaves(b"{\"a\":", &mut |_| Ok(Edit::Keep)).is_err());
    }

    #[test]
    fn members_are_renamed() {
        let source = br#"{ "a" : { "x\u0041" : [ {"x": 1} ] , "b": 2 }, "x":3 }"#;
        let changed = edit_members(source, &mut |member| {
            Ok(match member {
                Member::Name { path: "a.xA", .. } => Edit::Text("new\"".to_owned()),
                Member::Name { name: "x", .. } => Edit::Text("y".to_owned()),
                Member::Value(leaf) if leaf.path == "a.b" => Edit::LeaveOut,
                _ => Edit::Keep,
            })
        });
        assert_eq!(
            String::from_utf8(changed.unwrap()).unwrap(),
            r#"{ "a" : { "new\"" : [ {"y": 1} ] }, "y":3 }"#
        );
    }
}

//! Documents written again, some of their values and names replaced or left out, every other byte as it was.

use std::borrow::Cow;
use std::io::{self, Write};

use super::object::quoted;
use super::tokenizer::{Error, Kind, Token, Tokenizer};

/// Writes tokens as they come. A member's name waits for the decision about its value; a comma goes with what is
/// left out.
#[derive(Debug)]
pub struct Editor<W: Write> {
    out: W,
    /// For each container around: whether something was written into it.
    filled: Vec<bool>,
    /// A name that waits, with its lead.
    name: Option<(Vec<u8>, Vec<u8>)>,
    /// Containers within one that is left out.
    skipping: usize,
    /// Output whose fate is not known yet, and what `filled` was when it began.
    held: Vec<(Vec<u8>, Vec<bool>)>,
}

impl<W: Write> Editor<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self {
            out,
            filled: Vec::new(),
            name: None,
            skipping: 0,
            held: Vec::new(),
        }
    }

    /// Writes a token as it is, unless it belongs to what is left out.
    pub fn keep(&mut self, token: &Token<'_>) -> io::Result<()> {
        if self.skipping > 0 {
            self.skipping += usize::from(token.kind.begins());
            self.skipping -= usize::from(token.kind.ends());
            return Ok(());
        }
        match token.kind {
            Kind::Name => {
                self.name = Some((token.lead.to_vec(), token.raw.to_vec()));
                return Ok(());
            }
            Kind::EndObject | Kind::EndArray => {
                self.filled.pop();
                self.write(token.lead)?;
            }
            _ => self.begin(token)?,
        }
        if token.kind.begins() {
            self.filled.push(false);
        }
        self.write(token.raw)
    }

    /// Writes another name in place of this one.
    pub fn rename(&mut self, token: &Token<'_>, name: &str) {
        self.name = Some((token.lead.to_vec(), quoted(name).into_bytes()));
    }

    /// Writes another string in place of this value, which is no container.
    pub fn replace(&mut self, token: &Token<'_>, text: &str) -> io::Result<()> {
        self.replace_json(token, &quoted(text))
    }

    /// Writes other JSON in place of this value, which is no container.
    pub fn replace_json(&mut self, token: &Token<'_>, json: &str) -> io::Result<()> {
        self.begin(token)?;
        self.write(json.as_bytes())
    }

    /// Leaves out this value, a container to its end, and the name before it.
    pub fn leave_out(&mut self, token: &Token<'_>) {
        self.name = None;
        self.skipping = usize::from(token.kind.begins());
    }

    /// Writes what stands before this value, and the name before it, but not the value itself.
    pub fn begin(&mut self, token: &Token<'_>) -> io::Result<()> {
        let name = self.name.take();
        let lead = name.as_ref().map_or(token.lead, |(lead, _)| lead);
        let is_first = (self.filled.last_mut()).is_some_and(|filled| !std::mem::replace(filled, true));
        if is_first && lead.contains(&b',') {
            // All before it were left out.
            let lead: Vec<u8> = lead.iter().copied().filter(|byte| *byte != b',').collect();
            self.write(&lead)?;
        } else {
            self.write(lead)?;
        }
        match name {
            Some((_, name)) => self.write(&name).and_then(|()| self.write(token.lead)),
            None => Ok(()),
        }
    }

    /// Whether the token that comes belongs to what is left out. Only [`keep`](Self::keep) may take it.
    pub fn skipping(&self) -> bool {
        self.skipping > 0
    }

    /// From here on nothing is written until [`release`](Self::release) or [`discard`](Self::discard). To be called
    /// before a member's name or an array's element.
    pub fn hold(&mut self) {
        self.held.push((Vec::new(), self.filled.clone()));
    }

    /// Writes this JSON, then what was held last.
    pub fn release(&mut self, json: &str) -> io::Result<()> {
        let held = self.held.pop();
        self.write(json.as_bytes())?;
        held.map_or(Ok(()), |(bytes, _)| self.write(&bytes))
    }

    /// Forgets what was held last. To be called where the member or element that began it has ended.
    pub fn discard(&mut self) {
        if let Some((_, filled)) = self.held.pop() {
            self.filled = filled;
        }
    }

    /// What follows the last token; returns the sink.
    pub fn finish(mut self, rest: &[u8]) -> io::Result<W> {
        self.write(rest)?;
        Ok(self.out)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.held.last_mut() {
            Some((held, _)) => {
                held.extend_from_slice(bytes);
                Ok(())
            }
            None => self.out.write_all(bytes),
        }
    }
}

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
    /// It stays as it is.
    Keep,
    /// This string replaces it.
    Text(String),
    /// This JSON replaces it.
    Json(String),
    /// It is left out, with the name before it.
    LeaveOut,
}

/// A part of a document.
#[derive(Clone, Copy, Debug)]
pub enum ObjectMember<'a> {
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

/// A document with the visitor's edit of each value.
///
/// # Errors
/// Bytes that are not JSON, or what the visitor returns.
pub fn edit_leaves(source: &[u8], visit: &mut dyn FnMut(&Leaf<'_>) -> io::Result<Edit>) -> io::Result<Vec<u8>> {
    edit_members(source, &mut |member| match member {
        ObjectMember::Name { .. } => Ok(Edit::Keep),
        ObjectMember::Value(leaf) => visit(leaf),
    })
}

/// The same with names of members: [`Edit::Text`] renames one, [`Edit::LeaveOut`] leaves the member out.
///
/// # Errors
/// As [`edit_leaves`].
pub fn edit_members(source: &[u8], visit: &mut dyn FnMut(ObjectMember<'_>) -> io::Result<Edit>) -> io::Result<Vec<u8>> {
    let mut path = Path::default();
    let mut editor = Editor::new(Vec::with_capacity(source.len()));
    // The value that follows belongs to a member that is left out.
    let mut leave_out = false;
    let rest = Tokenizer::whole::<io::Error>(source, &mut |token| {
        let text = token.text()?;
        path.enter(token.kind, &text);
        let is_name = token.kind == Kind::Name;
        let edit = if std::mem::take(&mut leave_out) {
            Edit::LeaveOut
        } else if editor.skipping() || token.kind.begins() || token.kind.ends() {
            Edit::Keep
        } else if is_name {
            visit(ObjectMember::Name {
                path: &path.names,
                name: &text,
            })?
        } else {
            let quoted = token.kind == Kind::Text;
            visit(ObjectMember::Value(&Leaf {
                path: &path.names,
                text,
                quoted,
            }))?
        };
        match edit {
            Edit::Keep => return editor.keep(&token),
            Edit::LeaveOut if is_name => leave_out = true,
            Edit::LeaveOut => editor.leave_out(&token),
            Edit::Text(name) if is_name => editor.rename(&token, &name),
            Edit::Text(text) => editor.replace(&token, &text)?,
            Edit::Json(json) => editor.replace_json(&token, &json)?,
        }
        Ok(())
    })?;
    editor.finish(&rest)
}

/// Passes each value that is no container and not `null` to `visit`. False where the text is not JSON to its end: the
/// values before that were passed.
pub fn for_each_leaf(source: &[u8], visit: &mut dyn FnMut(&Leaf<'_>)) -> bool {
    let mut path = Path::default();
    let read = Tokenizer::whole::<Error>(source, &mut |token| {
        let text = token.text()?;
        path.enter(token.kind, &text);
        let quoted = token.kind == Kind::Text;
        if quoted || (token.kind == Kind::Literal && text != "null") {
            visit(&Leaf {
                path: &path.names,
                text,
                quoted,
            });
        }
        Ok(())
    });
    read.is_ok()
}

/// Where a token is.
#[derive(Debug, Default)]
pub(crate) struct Path {
    /// Names joined by dots; items of lists have the path of their list.
    pub(crate) names: String,
    /// Length of the path outside of each container.
    outside: Vec<usize>,
}

impl Path {
    /// Follows a token; `text` is what a name means.
    pub(crate) fn enter(&mut self, kind: Kind, text: &str) {
        match kind {
            Kind::BeginObject | Kind::BeginArray => self.outside.push(self.names.len()),
            // The path of what follows begins where this container's began.
            Kind::EndObject | Kind::EndArray => self.names.truncate(self.outside.pop().unwrap_or(0)),
            Kind::Name => {
                self.names.truncate(self.outside.last().copied().unwrap_or(0));
                if !self.names.is_empty() {
                    self.names.push('.');
                }
                self.names.push_str(text);
            }
            Kind::Text | Kind::Literal => {}
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
    fn values_before_damage_are_passed() {
        for damaged in [r#"{"a": "x", "b": null, "c""#, r#"{"a": "x"} {"#] {
            let mut found = Vec::new();
            let complete = for_each_leaf(damaged.as_bytes(), &mut |leaf| {
                found.push(format!("{}={}", leaf.path, leaf.text));
            });
            assert!(!complete && found == ["a=x"], "{found:?}");
        }
        assert!(for_each_leaf(b"{} ", &mut |_| {}));
    }

    #[test]
    fn members_are_left_out_with_all_that_is_in_them() {
        let source =
            br#"{"a": {"b": [{"c": 1}], "d": 2}, "e": [ {"f": "x", "g": {"h": 1}} ], "a.b": null, "i": [[3]]}"#;
        let without = |unwanted: &[&str]| {
            let made = edit_members(source, &mut |member| {
                Ok(match member {
                    ObjectMember::Name { path, .. } if unwanted.contains(&path) => Edit::LeaveOut,
                    _ => Edit::Keep,
                })
            });
            String::from_utf8(made.unwrap()).unwrap()
        };
        assert_eq!(without(&[]).as_bytes(), source);
        assert_eq!(
            without(&["a.b", "e.f", "e.g.h", "i"]),
            r#"{"a": { "d": 2}, "e": [ { "g": {}} ]}"#
        );
        assert_eq!(without(&["a", "e", "a.b", "i"]), "{}");
    }

    #[test]
    fn edits_leave_other_bytes_unchanged() {
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
                ObjectMember::Name { path: "a.xA", .. } => Edit::Text("new\"".to_owned()),
                ObjectMember::Name { name: "x", .. } => Edit::Text("y".to_owned()),
                ObjectMember::Value(leaf) if leaf.path == "a.b" => Edit::LeaveOut,
                _ => Edit::Keep,
            })
        });
        assert_eq!(
            String::from_utf8(changed.unwrap()).unwrap(),
            r#"{ "a" : { "new\"" : [ {"y": 1} ] }, "y":3 }"#
        );
    }
}

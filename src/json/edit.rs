//! Replaces or removes values and names in a document. All other bytes stay unchanged.

use std::borrow::Cow;
use std::io::{self, Write};

use super::object::quoted;
use super::tokenizer::{Error, Kind, Token, Tokenizer};

/// Writes tokens as they arrive. The name of a member is held back until the value is kept or left out. A value that is
/// left out takes its comma with it.
#[derive(Debug)]
pub struct Editor<W: Write> {
    out: W,
    /// For each enclosing container, whether something was written into it.
    filled: Vec<bool>,
    /// A name that is held back, with the bytes before it.
    name: Option<(Vec<u8>, Vec<u8>)>,
    /// The number of open containers within one that is left out.
    skipping: usize,
    /// Output that may still be discarded, with the value of `filled` when it began.
    held: Vec<(Vec<u8>, Vec<bool>)>,
}

impl<W: Write> Editor<W> {
    /// Creates an editor that writes to `out`.
    pub fn new(out: W) -> Self {
        Self {
            out,
            filled: Vec::new(),
            name: None,
            skipping: 0,
            held: Vec::new(),
        }
    }

    /// Writes a token unchanged, unless it belongs to a value that is left out.
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

    /// Writes a different name.
    pub fn rename(&mut self, token: &Token<'_>, name: &str) {
        self.name = Some((token.lead.to_vec(), quoted(name).into_bytes()));
    }

    /// Writes a different string. The value must not be a container.
    pub fn replace(&mut self, token: &Token<'_>, text: &str) -> io::Result<()> {
        self.replace_json(token, &quoted(text))
    }

    /// Writes different JSON. The value must not be a container.
    pub fn replace_json(&mut self, token: &Token<'_>, json: &str) -> io::Result<()> {
        self.begin(token)?;
        self.write(json.as_bytes())
    }

    /// Leaves out this value and the name before it. A container is left out to its end.
    pub fn leave_out(&mut self, token: &Token<'_>) {
        self.name = None;
        self.skipping = usize::from(token.kind.begins());
    }

    /// Writes the bytes before this value and its name, but not the value itself.
    pub fn begin(&mut self, token: &Token<'_>) -> io::Result<()> {
        let name = self.name.take();
        let lead = name.as_ref().map_or(token.lead, |(lead, _)| lead);
        let is_first = (self.filled.last_mut()).is_some_and(|filled| !std::mem::replace(filled, true));
        if is_first && lead.contains(&b',') {
            // Everything before it was left out.
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

    /// Whether the next token belongs to a value that is left out. Such tokens may only be passed to
    /// [`keep`](Self::keep).
    pub fn skipping(&self) -> bool {
        self.skipping > 0
    }

    /// Holds back all output until [`release`](Self::release) or [`discard`](Self::discard). Must be called before a
    /// member's name or an array's element.
    pub fn hold(&mut self) {
        self.held.push((Vec::new(), self.filled.clone()));
    }

    /// Writes this JSON, then the output that was held back last.
    pub fn release(&mut self, json: &str) -> io::Result<()> {
        let held = self.held.pop();
        self.write(json.as_bytes())?;
        held.map_or(Ok(()), |(bytes, _)| self.write(&bytes))
    }

    /// Discards the output that was held back last. Must be called after the member or element has ended.
    pub fn discard(&mut self) {
        if let Some((_, filled)) = self.held.pop() {
            self.filled = filled;
        }
    }

    /// Writes the bytes after the last token and returns the sink.
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

/// A value that is not a container.
#[derive(Clone, Debug)]
pub struct Leaf<'a> {
    /// Names joined by dots. Items of a list have the path of the list.
    pub path: &'a str,
    /// The decoded string; a number, a Boolean or `null` as written.
    pub text: Cow<'a, str>,
    /// Whether it is a string.
    pub quoted: bool,
}

/// What to do with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Keep it.
    Keep,
    /// Replace it with this string.
    Text(String),
    /// Replace it with this JSON.
    Json(String),
    /// Leave it out, with the name before it.
    LeaveOut,
}

/// A part of a document.
#[derive(Clone, Copy, Debug)]
pub enum ObjectMember<'a> {
    /// The name of a member.
    Name {
        /// The path including the name, joined by dots.
        path: &'a str,
        /// The name.
        name: &'a str,
    },
    /// A value that is not a container.
    Value(&'a Leaf<'a>),
}

/// Returns the document with the edits of the visitor.
///
/// # Errors
/// The bytes are not JSON, or the visitor failed.
pub fn edit_leaves(source: &[u8], visit: &mut dyn FnMut(&Leaf<'_>) -> io::Result<Edit>) -> io::Result<Vec<u8>> {
    edit_members(source, &mut |member| match member {
        ObjectMember::Name { .. } => Ok(Edit::Keep),
        ObjectMember::Value(leaf) => visit(leaf),
    })
}

/// Also passes the names of members: [`Edit::Text`] renames a member, [`Edit::LeaveOut`] removes it.
///
/// # Errors
/// The same as for [`edit_leaves`].
pub fn edit_members(source: &[u8], visit: &mut dyn FnMut(ObjectMember<'_>) -> io::Result<Edit>) -> io::Result<Vec<u8>> {
    let mut path = Path::default();
    let mut editor = Editor::new(Vec::with_capacity(source.len()));
    // Whether the next value belongs to a member that is left out.
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

/// Passes each value that is not a container or `null` to `visit`. Returns false if the text is not valid JSON; the
/// values before the error were passed.
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

/// Whether a path is that of an object, or of something in it.
pub(crate) fn is_within(path: &str, object: &str) -> bool {
    let below = path.strip_prefix(object);
    below.is_some_and(|below| below.is_empty() || below.starts_with('.'))
}

/// The path of a token.
#[derive(Debug, Default)]
pub(crate) struct Path {
    /// Names joined by dots. Items of a list have the path of the list.
    pub(crate) names: String,
    /// The length of the path outside each container.
    outside: Vec<usize>,
}

impl Path {
    /// Follows a token; `text` is the decoded name.
    pub(crate) fn enter(&mut self, kind: Kind, text: &str) {
        match kind {
            Kind::BeginObject | Kind::BeginArray => self.outside.push(self.names.len()),
            // The path continues where this container began.
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
    fn omitted_members_include_their_contents() {
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

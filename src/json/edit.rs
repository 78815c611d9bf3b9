//! Replaces or removes values and names in a document. All other bytes stay unchanged.

use std::borrow::Cow;
use std::io::{self, Write};

use super::object::quoted;
use super::tokenizer::{Kind, Token, Tokenizer};

/// Writes tokens as they arrive. The name of a member is held back until the value is kept or left out. A value that is
/// left out takes its comma with it.
#[derive(Debug)]
pub struct Editor<W: Write> {
    out: W,
    /// Output that may still be left out.
    buffer: Vec<u8>,
    /// For each enclosing container, whether something was written into it.
    filled: Vec<bool>,
    /// The place before the name whose value comes next.
    member: Option<Mark>,
    /// The number of open containers within one that is left out.
    skipping: usize,
    /// The places where output is held back.
    held: Vec<Mark>,
}

/// A place in the output.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// The position in the buffer.
    position: usize,
    /// Whether something was written into the container before.
    filled: bool,
}

impl<W: Write> Editor<W> {
    /// Creates an editor that writes to `out`.
    pub fn new(out: W) -> Self {
        Self {
            out,
            buffer: Vec::new(),
            filled: Vec::new(),
            member: None,
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
        if token.kind.ends() {
            self.filled.pop();
            self.buffer.extend_from_slice(token.lead);
        } else {
            self.begin(token);
        }
        if token.kind.begins() {
            self.filled.push(false);
        }
        self.write(token.raw)
    }

    /// Writes different JSON instead of a name, or of a value that is not a container.
    pub fn replace(&mut self, token: &Token<'_>, json: &str) -> io::Result<()> {
        self.begin(token);
        self.write(json.as_bytes())
    }

    /// Leaves out this value and the name before it. A container is left out to its end.
    pub fn leave_out(&mut self, token: &Token<'_>) {
        if let Some(member) = self.member.take() {
            self.undo(member);
        }
        self.skipping = usize::from(token.kind.begins());
    }

    /// Writes the bytes before this name or value. Leaves out a comma if everything before it was left out.
    pub fn begin(&mut self, token: &Token<'_>) {
        let is_value_of_member = self.member.take().is_some();
        if token.kind == Kind::Name {
            self.member = Some(self.mark());
        }
        let filled = self.filled.last_mut().filter(|_| !is_value_of_member);
        let is_first = filled.is_some_and(|filled| !std::mem::replace(filled, true));
        let lead = token.lead.iter().filter(|byte| !is_first || **byte != b',');
        self.buffer.extend(lead);
    }

    /// Whether the next token belongs to a value that is left out. Such tokens may only be passed to
    /// [`keep`](Self::keep).
    pub fn skipping(&self) -> bool {
        self.skipping > 0
    }

    /// Holds back all output until [`release`](Self::release) or [`discard`](Self::discard). Must be called before a
    /// member's name or an array's element.
    pub fn hold(&mut self) {
        self.held.push(self.mark());
    }

    /// Writes this JSON, then the output that was held back last.
    pub fn release(&mut self, json: &str) -> io::Result<()> {
        if let Some(Mark { position, .. }) = self.held.pop() {
            self.buffer.splice(position..position, json.bytes());
        }
        self.write(b"")
    }

    /// Discards the output that was held back last. Must be called after the member or element has ended.
    pub fn discard(&mut self) {
        if let Some(mark) = self.held.pop() {
            self.undo(mark);
        }
    }

    /// Writes the bytes after the last token and returns the sink.
    pub fn finish(mut self, rest: &[u8]) -> io::Result<W> {
        self.write(rest)?;
        Ok(self.out)
    }

    fn mark(&self) -> Mark {
        Mark {
            position: self.buffer.len(),
            filled: self.filled.last().copied().unwrap_or_default(),
        }
    }

    fn undo(&mut self, mark: Mark) {
        self.buffer.truncate(mark.position);
        if let Some(filled) = self.filled.last_mut() {
            *filled = mark.filled;
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.buffer.extend_from_slice(bytes);
        if self.member.is_none() && self.held.is_empty() {
            self.out.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }
}

/// A name, or a value that is not a container.
#[derive(Clone, Debug)]
pub struct Leaf<'a> {
    /// Names joined by dots, including the name itself. Items of a list have the path of the list.
    pub path: &'a str,
    /// [`Kind::Name`], [`Kind::Text`] or [`Kind::Literal`].
    pub kind: Kind,
    /// The decoded name or string; a number, a Boolean or `null` as written.
    pub text: Cow<'a, str>,
}

/// What to do with a name or a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Keep it.
    Keep,
    /// Replace it with this string.
    Text(String),
    /// Replace it with this JSON.
    Json(String),
    /// Leave out the member, or the element of an array.
    LeaveOut,
}

/// Returns the document with the edits of the visitor, which receives the values.
///
/// # Errors
/// The bytes are not JSON, or the visitor failed.
pub fn edit_leaves(source: &[u8], visit: &mut dyn FnMut(&Leaf<'_>) -> io::Result<Edit>) -> io::Result<Vec<u8>> {
    edit_members(source, &mut |leaf| match leaf.kind {
        Kind::Name => Ok(Edit::Keep),
        _ => visit(leaf),
    })
}

/// Also passes the names of members.
///
/// # Errors
/// The same as for [`edit_leaves`].
pub fn edit_members(source: &[u8], visit: &mut dyn FnMut(&Leaf<'_>) -> io::Result<Edit>) -> io::Result<Vec<u8>> {
    let mut path = Path::default();
    let mut editor = Editor::new(Vec::with_capacity(source.len()));
    // Whether the next value belongs to a member that is left out.
    let mut leave_out = false;
    let rest = Tokenizer::whole::<io::Error>(source, &mut |token| {
        let text = token.text()?;
        path.enter(token.kind, &text);
        let edit = if std::mem::take(&mut leave_out) {
            Edit::LeaveOut
        } else if editor.skipping() || token.kind.begins() || token.kind.ends() {
            Edit::Keep
        } else {
            visit(&Leaf {
                path: &path.names,
                kind: token.kind,
                text,
            })?
        };
        match edit {
            Edit::Keep => return editor.keep(&token),
            Edit::LeaveOut if token.kind == Kind::Name => leave_out = true,
            Edit::LeaveOut => editor.leave_out(&token),
            Edit::Text(text) => editor.replace(&token, &quoted(&text))?,
            Edit::Json(json) => editor.replace(&token, &json)?,
        }
        Ok(())
    })?;
    editor.finish(&rest)
}

/// Passes each value that is not a container or `null` to `visit`. Returns false if the text is not valid JSON; the
/// values before the error were passed.
pub fn for_each_leaf(source: &[u8], visit: &mut dyn FnMut(&Leaf<'_>)) -> bool {
    let mut reader = LeafReader::default();
    let mut visit = |leaf: &Leaf<'_>| {
        if leaf.kind == Kind::Text || (leaf.kind == Kind::Literal && leaf.text != "null") {
            visit(leaf);
        }
        Ok(())
    };
    let read = reader.push(source, &mut visit);
    read.and_then(|()| reader.finish(&mut visit)).is_ok()
}

/// Receives names and values.
type Visit<'v> = &'v mut dyn FnMut(&Leaf<'_>) -> io::Result<()>;

/// Reads the names and values of one JSON text, given in pieces. A string that cannot be decoded is passed as written.
#[derive(Debug, Default)]
pub(crate) struct LeafReader {
    tokens: Tokenizer,
    path: Path,
}

impl LeafReader {
    /// Passes the names and values that are complete with these bytes.
    pub(crate) fn push(&mut self, bytes: &[u8], visit: Visit<'_>) -> io::Result<()> {
        let path = &mut self.path;
        self.tokens.push(bytes, &mut |token| path.visit_leaf(&token, visit))
    }

    /// Ends the text.
    pub(crate) fn finish(mut self, visit: Visit<'_>) -> io::Result<()> {
        let rest = self.tokens.finish(&mut |token| self.path.visit_leaf(&token, visit));
        rest.map(drop)
    }
}

/// Whether a path is that of an object, or of something in it.
pub(crate) fn is_within(path: &str, object: &str) -> bool {
    let below = path.strip_prefix(object);
    below.is_some_and(|below| below.is_empty() || below.starts_with('.'))
}

/// The path of a token.
#[derive(Debug, Default)]
struct Path {
    /// Names joined by dots. Items of a list have the path of the list.
    names: String,
    /// The length of the path outside each container.
    outside: Vec<usize>,
}

impl Path {
    /// Follows a token, and passes it if it is a name or a value that is not a container.
    fn visit_leaf(&mut self, token: &Token<'_>, visit: Visit<'_>) -> io::Result<()> {
        let (kind, text) = (token.kind, token.text());
        let text = text.unwrap_or_else(|_| String::from_utf8_lossy(token.raw));
        self.enter(kind, &text);
        if kind.begins() || kind.ends() {
            return Ok(());
        }
        let path = &self.names;
        visit(&Leaf { path, kind, text })
    }

    /// Follows a token; `text` is the decoded name.
    fn enter(&mut self, kind: Kind, text: &str) {
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
            found.push(format!(
                "{}={}{}",
                leaf.path,
                leaf.text,
                u8::from(leaf.kind == Kind::Text)
            ));
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
            let made = edit_members(source, &mut |leaf| {
                Ok(match leaf.kind == Kind::Name && unwanted.contains(&leaf.path) {
                    true => Edit::LeaveOut,
                    false => Edit::Keep,
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
                "a" if leaf.kind == Kind::Text => Edit::Text("\"".to_owned()),
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
        let changed = edit_members(source, &mut |leaf| {
            Ok(match (leaf.kind, leaf.path) {
                (Kind::Name, "a.xA") => Edit::Text("new\"".to_owned()),
                (Kind::Name, _) if leaf.text == "x" => Edit::Text("y".to_owned()),
                (Kind::Literal, "a.b") => Edit::LeaveOut,
                _ => Edit::Keep,
            })
        });
        assert_eq!(
            String::from_utf8(changed.unwrap()).unwrap(),
            r#"{ "a" : { "new\"" : [ {"y": 1} ] }, "y":3 }"#
        );
    }
}

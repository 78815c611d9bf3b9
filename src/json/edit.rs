//! Documents written again, some of their values and names replaced or left out, every other byte as it was.

use std::borrow::Cow;
use std::io::{self, Write};

use super::object::quoted;
use super::tokenizer::{Kind, Token, Tokenizer};

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
    held: Vec<Held>,
}

/// Output whose fate is not known yet.
#[derive(Debug)]
struct Held {
    bytes: Vec<u8>,
    /// What `filled` was when it began.
    filled: Vec<bool>,
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

    /// Writes a token as it is.
    pub fn keep(&mut self, token: &Token<'_>) -> io::Result<()> {
        if self.skipping > 0 {
            self.skip(token);
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
            _ => self.begin_value(token)?,
        }
        if token.begins() {
            self.filled.push(false);
        }
        self.write(token.raw)
    }

    /// Writes another name in place of this one.
    pub fn rename(&mut self, token: &Token<'_>, name: &str) {
        match self.skipping {
            0 => self.name = Some((token.lead.to_vec(), quoted(name).into_bytes())),
            _ => self.skip(token),
        }
    }

    /// Writes another string in place of this value, which is no container.
    pub fn replace(&mut self, token: &Token<'_>, text: &str) -> io::Result<()> {
        self.replace_json(token, &quoted(text))
    }

    /// Writes other JSON in place of this value; one that begins a container is left out to its end.
    pub fn replace_json(&mut self, token: &Token<'_>, json: &str) -> io::Result<()> {
        if self.skipping > 0 {
            self.skip(token);
            return Ok(());
        }
        self.begin_value(token)?;
        self.write(json.as_bytes())?;
        self.skipping = usize::from(token.begins());
        Ok(())
    }

    /// Leaves out this value, a container to its end, and the name before it.
    pub fn leave_out(&mut self, token: &Token<'_>) {
        if self.skipping > 0 {
            return self.skip(token);
        }
        self.name = None;
        self.skipping = usize::from(token.begins());
    }

    /// Writes what stands before this value, and the name before it, but not the value itself.
    pub fn begin(&mut self, token: &Token<'_>) -> io::Result<()> {
        match self.skipping {
            0 => self.begin_value(token),
            _ => Ok(()),
        }
    }

    /// Whether the token that comes belongs to what is left out.
    pub fn skipping(&self) -> bool {
        self.skipping > 0
    }

    /// From here on nothing is written until [`release`](Self::release) or [`discard`](Self::discard). To be called
    /// before a member's name or an array's element.
    pub fn hold(&mut self) {
        self.held.push(Held {
            bytes: Vec::new(),
            filled: self.filled.clone(),
        });
    }

    /// Writes what was held last.
    pub fn release(&mut self) -> io::Result<()> {
        match self.held.pop() {
            Some(held) => self.write(&held.bytes),
            None => Ok(()),
        }
    }

    /// Writes this JSON, then what was held last.
    pub fn release_behind(&mut self, json: &str) -> io::Result<()> {
        let held = self.held.pop();
        self.write(json.as_bytes())?;
        held.map_or(Ok(()), |held| self.write(&held.bytes))
    }

    /// Forgets what was held last. To be called where the member or element that began it has ended.
    pub fn discard(&mut self) {
        if let Some(held) = self.held.pop() {
            self.filled = held.filled;
        }
    }

    /// What follows the last token; returns the sink.
    pub fn finish(mut self, rest: &[u8]) -> io::Result<W> {
        self.write(rest)?;
        Ok(self.out)
    }

    /// The sink.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }

    fn skip(&mut self, token: &Token<'_>) {
        if token.begins() {
            self.skipping += 1;
        } else if token.ends() {
            self.skipping -= 1;
        }
    }

    fn begin_value(&mut self, token: &Token<'_>) -> io::Result<()> {
        match self.name.take() {
            Some((lead, name)) => {
                self.begin_part(&lead)?;
                self.write(&name)?;
                self.write(token.lead)
            }
            None => self.begin_part(token.lead),
        }
    }

    /// The lead of a member or an element; without its comma where all before it were left out.
    fn begin_part(&mut self, lead: &[u8]) -> io::Result<()> {
        let first = self.filled.last_mut().map(|filled| !std::mem::replace(filled, true));
        if first == Some(true) && lead.contains(&b',') {
            let lead: Vec<u8> = lead.iter().copied().filter(|byte| *byte != b',').collect();
            return self.write(&lead);
        }
        self.write(lead)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.held.last_mut() {
            Some(held) => {
                held.bytes.extend_from_slice(bytes);
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

/// A document with the visitor's edit of each value.
///
/// # Errors
/// Bytes that are not JSON, or what the visitor returns.
pub fn edit_leaves(source: &[u8], visit: &mut dyn FnMut(&Leaf<'_>) -> io::Result<Edit>) -> io::Result<Vec<u8>> {
    edit_members(source, &mut |member| match member {
        Member::Name { .. } => Ok(Edit::Keep),
        Member::Value(leaf) => visit(leaf),
    })
}

/// The same with names of members: [`Edit::Text`] renames one, [`Edit::LeaveOut`] leaves the member out.
///
/// # Errors
/// As [`edit_leaves`].
pub fn edit_members(source: &[u8], visit: &mut dyn FnMut(Member<'_>) -> io::Result<Edit>) -> io::Result<Vec<u8>> {
    let mut walk = Walk {
        path: Path::default(),
        leave_out: false,
        editor: Editor::new(Vec::with_capacity(source.len())),
        visit,
    };
    let rest = Tokenizer::whole::<io::Error>(source, &mut |token| walk.token(&token))?;
    walk.editor.finish(&rest)
}

/// Passes each value that is no container and not `null` to `visit`. False where the text is not JSON to its end: the
/// values before that were passed.
pub fn for_each_leaf(source: &[u8], visit: &mut dyn FnMut(&Leaf<'_>)) -> bool {
    let mut path = Path::default();
    let read = Tokenizer::whole::<io::Error>(source, &mut |token| {
        path.enter(&token)?;
        match path.leaf(&token)? {
            Some(leaf) if leaf.quoted || leaf.text != "null" => visit(&leaf),
            _ => {}
        }
        Ok(())
    });
    read.is_ok()
}

/// The path of a token, names joined by dots.
#[derive(Default)]
struct Path {
    path: String,
    /// Length of the path outside of each container.
    outside: Vec<usize>,
}

impl Path {
    fn enter(&mut self, token: &Token<'_>) -> io::Result<()> {
        match token.kind {
            Kind::BeginObject | Kind::BeginArray => self.outside.push(self.path.len()),
            // The path of what follows begins where this container's began.
            Kind::EndObject | Kind::EndArray => self.path.truncate(self.outside.pop().unwrap_or(0)),
            Kind::Name => {
                self.path.truncate(self.outside.last().copied().unwrap_or(0));
                if !self.path.is_empty() {
                    self.path.push('.');
                }
                self.path.push_str(&token.text()?);
            }
            Kind::Text | Kind::Literal => {}
        }
        Ok(())
    }

    /// The value that a token is.
    fn leaf<'a>(&'a self, token: &'a Token<'_>) -> io::Result<Option<Leaf<'a>>> {
        let text = match token.kind {
            Kind::Text => token.text()?,
            Kind::Literal => String::from_utf8_lossy(token.raw),
            _ => return Ok(None),
        };
        Ok(Some(Leaf {
            path: &self.path,
            text,
            quoted: token.kind == Kind::Text,
        }))
    }
}

struct Walk<'v> {
    path: Path,
    /// The value that follows belongs to a member that is left out.
    leave_out: bool,
    editor: Editor<Vec<u8>>,
    visit: &'v mut dyn FnMut(Member<'_>) -> io::Result<Edit>,
}

impl Walk<'_> {
    fn token(&mut self, token: &Token<'_>) -> io::Result<()> {
        self.path.enter(token)?;
        if std::mem::take(&mut self.leave_out) {
            self.editor.leave_out(token);
            return Ok(());
        }
        if self.editor.skipping() {
            return self.editor.keep(token);
        }
        match self.edit(token)? {
            Edit::Keep => self.editor.keep(token),
            Edit::Text(name) if token.kind == Kind::Name => {
                self.editor.rename(token, &name);
                Ok(())
            }
            Edit::LeaveOut if token.kind == Kind::Name => {
                self.leave_out = true;
                Ok(())
            }
            Edit::Text(text) => self.editor.replace(token, &text),
            Edit::Json(json) => self.editor.replace_json(token, &json),
            Edit::LeaveOut => {
                self.editor.leave_out(token);
                Ok(())
            }
        }
    }

    fn edit(&mut self, token: &Token<'_>) -> io::Result<Edit> {
        if token.kind == Kind::Name {
            let (path, name) = (self.path.path.as_str(), &*token.text()?);
            return (self.visit)(Member::Name { path, name });
        }
        match self.path.leaf(token)? {
            Some(leaf) => (self.visit)(Member::Value(&leaf)),
            None => Ok(Edit::Keep),
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
                    Member::Name { path, .. } if unwanted.contains(&path) => Edit::LeaveOut,
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

//! The text of a `query_string`: `status:500 AND host:(web-* OR "db 1")`.

mod text;

use serde_json::{Value, json};

use self::text::{OPERATORS, Read, listed, operand, value, word, written};
use super::query::BY_DEFAULT;
use super::values::{Compared, Operand};
use super::{Made, Rewriter};
use crate::commands::pseudonymize::queried::Queried;
use crate::pseudonym::{Error, unescaped};

/// Options that change what a text is taken for.
const CHANGING: [&str; 3] = ["analyzer", "quote_analyzer", "quote_field_suffix"];
/// Values that Elasticsearch takes in one text.
const MOST_VALUES: usize = 1_000;
/// What values without a name of their own are compared with.
struct Owner {
    name: String,
    queried: Queried,
}

impl Rewriter {
    pub(super) fn query_string(&mut self, body: &Value) -> Made {
        let Some(members) = body.as_object() else {
            return Ok(json!({ "query_string": self.unknown("query_string", body)? }));
        };
        let text = members.get("query").and_then(Value::as_str).unwrap_or_default();
        let owner = self.default_owner(members.get("default_field").or_else(|| members.get("fields")));
        let before = self.unfollowed.len();
        let mut reader = Reader {
            rewriter: self,
            rest: text,
            out: String::with_capacity(text.len()),
            replaced: false,
        };
        reader.group(&owner)?;
        let Reader { out, replaced, .. } = reader;
        if replaced && self.unfollowed.len() == before && members.keys().any(|key| CHANGING.contains(&key.as_str())) {
            self.unfollowed("`query_string`", &owner.name, "one of its options is not known here");
        }
        let mut new = self.options(members);
        new.insert("query".to_owned(), out.into());
        Ok(json!({ "query_string": new }))
    }

    fn default_owner(&self, named: Option<&Value>) -> Owner {
        let names: Vec<&str> = match named {
            Some(Value::String(name)) => vec![name],
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let names: Vec<&str> = names
            .iter()
            .map(|name| name.split('^').next().unwrap_or_default())
            .collect();
        let mut all = names.iter().map(|name| self.fields.queried(name));
        let queried = match (names.as_slice(), all.next()) {
            ([_], Some(queried)) => queried,
            (_, Some(Queried::Others)) if all.all(|queried| queried == Queried::Others) => Queried::Others,
            (_, Some(_)) => Queried::Untold("it is compared with several fields"),
            (_, None) => Queried::Untold(""),
        };
        Owner {
            name: match names.is_empty() {
                true => BY_DEFAULT.to_owned(),
                false => names.join(", "),
            },
            queried,
        }
    }
}

struct Reader<'a, 'r> {
    rewriter: &'r mut Rewriter,
    rest: &'a str,
    out: String,
    /// Whether a value of a replaced field was met.
    replaced: bool,
}

impl<'a> Reader<'a, '_> {
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn copy(&mut self, length: usize) {
        let taken = self.take(length);
        self.out.push_str(taken);
    }

    fn copy_while(&mut self, holds: impl Fn(char) -> bool) {
        let length = self.rest.find(|c| !holds(c)).unwrap_or(self.rest.len());
        self.copy(length);
    }

    /// Up to the closing parenthesis.
    fn group(&mut self, owner: &Owner) -> Result<(), Error> {
        while let Some(c) = self.rest.chars().next() {
            match c {
                ')' => {
                    self.copy(1);
                    return Ok(());
                }
                '(' => {
                    self.copy(1);
                    self.group(owner)?;
                }
                '^' | '~' => self.weight(),
                '+' | '-' | '!' | ':' | ']' | '}' => self.copy(1),
                c if c.is_whitespace() => self.copy(c.len_utf8()),
                '"' | '/' | '[' | '{' | '<' | '>' => self.value(owner)?,
                _ => self.word(owner)?,
            }
        }
        Ok(())
    }

    /// A word, or a field's name and what follows it.
    fn word(&mut self, owner: &Owner) -> Result<(), Error> {
        let length = word(self.rest);
        let (raw, after) = self.rest.split_at(length);
        if !after.starts_with(':') {
            return match OPERATORS.contains(&raw) {
                true => {
                    self.copy(length);
                    Ok(())
                }
                false => self.value(owner),
            };
        }
        self.copy(length + 1);
        self.copy_while(char::is_whitespace);
        let name = unescaped(raw);
        let queried = match name.as_str() {
            "_exists_" => {
                self.copy(word(self.rest));
                return Ok(());
            }
            "*" if self.rest.starts_with('*') && word(self.rest) == 1 => {
                self.copy(1);
                return Ok(());
            }
            "_id" => Queried::Untold("ids of documents are replaced"),
            name => self.rewriter.fields.queried(name),
        };
        let owner = Owner { name, queried };
        match self.rest.starts_with('(') {
            true => {
                self.copy(1);
                self.group(&owner)
            }
            false => self.value(&owner),
        }
    }

    /// One value with what follows it directly (`^2`, `~`).
    fn value(&mut self, owner: &Owner) -> Result<(), Error> {
        let length = value(self.rest);
        let raw = self.take(length);
        // Whatever is there is taken in.
        if raw == "*" || raw.is_empty() {
            self.out.push_str(raw);
            if raw.is_empty() && !self.rest.starts_with(['(', ')']) {
                let next = self.rest.chars().next().map_or(0, char::len_utf8);
                self.copy(next);
            }
            return Ok(());
        }
        if owner.queried == Queried::Others {
            let new = self.scrubbed(&owner.name, raw);
            self.out.push_str(&new);
            self.weight();
            return Ok(());
        }
        self.replaced = true;
        let what = Compared {
            clause: "query_string",
            name: &owner.name,
            queried: &owner.queried,
        };
        // How much a value may differ is no matter to whole values in quotes.
        let inexact = self.rest.starts_with('~') && !raw.starts_with('"');
        let operand = operand(raw).filter(|_| !inexact);
        let operand = match &operand {
            Some(Read::Exact(text)) => Operand::Exact(text),
            Some(Read::Pattern(text)) => Operand::Pattern(text, false),
            Some(Read::Regexp(text)) => Operand::Regexp(text, false),
            Some(Read::Range(low, high)) => Operand::Range(low.clone(), high.clone()),
            None => {
                self.unfollowed(owner, "how it is compared is not known here");
                return Ok(());
            }
        };
        match self.rewriter.compared(what, operand)? {
            Some(tokens) if tokens.len() > MOST_VALUES => self.unfollowed(owner, "it takes in too many values"),
            Some(tokens) => self.out.push_str(&listed(&tokens)),
            None => {}
        }
        self.weight();
        Ok(())
    }

    fn unfollowed(&mut self, owner: &Owner, why: &str) {
        self.rewriter.unfollowed("`query_string`", &owner.name, why);
    }

    /// What is compared with another field, but for values in it.
    fn scrubbed(&self, name: &str, raw: &str) -> String {
        match operand(raw) {
            Some(Read::Exact(text)) => {
                let new = self.rewriter.other(name, &text);
                if new == text { raw.to_owned() } else { written(&new) }
            }
            _ => self.rewriter.scrubbed(raw),
        }
    }

    /// `^2` or `~1`.
    fn weight(&mut self) {
        while self.rest.starts_with(['^', '~']) {
            self.copy(1);
            self.copy_while(|c| c.is_ascii_digit() || c == '.');
        }
    }
}

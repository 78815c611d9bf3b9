//! What the texts of a state are, and what becomes of them.

use std::io::{self, Write};

use super::{Announced, StateStream, Walk};
use crate::json::{Editor, Token};
use crate::state::schema::detector::{KeyMember, ModelKind};
use crate::state::schema::forms::{is_cue, is_numbers, is_word};
use crate::state::schema::level::{CategoryMember, Leaf, Named, Rule};
use crate::state::schema::{Change, ValueKind, ValueLocation, Visitor};

impl<V: Visitor> Walk<V> {
    pub(super) fn text<W: Write>(&mut self, token: &Token<'_>, editor: &mut Editor<W>) -> io::Result<()> {
        let text = token.text()?;
        let Some((announced, name)) = self.announced.take() else {
            return Err(self.unknown("a text, where the state has elements"));
        };
        let leaf = match announced {
            Announced::Rule(Rule::Leaf(leaf)) => leaf,
            Announced::Numbers | Announced::Rule(Rule::Numbers | Rule::NumbersOr(_) | Rule::Checksums(_)) => {
                &Leaf::Numbers
            }
            // A level without elements.
            Announced::Rule(Rule::Level(_)) if text.is_empty() => &Leaf::Numbers,
            Announced::Rule(Rule::Level(_)) => {
                return Err(self.unknown(&format!("`{name}` holds a text, where it has elements")));
            }
        };
        let change = match leaf {
            Leaf::Numbers => self.demand(is_numbers(&text), &name, "a text that is no number")?,
            Leaf::Constant(constant) => self.demand(text == *constant, &name, "something else than ever before")?,
            Leaf::Cue => self.demand(is_cue(&text), &name, "a normaliser that is not known")?,
            Leaf::Key(member) => {
                let known = self.detector.take(*member, &text);
                self.demand(known, &name, "a function that is not known")?;
                self.key(*member, &text)
            }
            Leaf::Influencer => {
                self.influencer = text.parse().ok();
                self.demand(self.influencer.is_some(), &name, "a text that is no number")?
            }
            Leaf::Size => {
                let size = text.parse().ok();
                self.demand(size.is_some(), &name, "a text that is no number")?;
                if let Some(frame) = self.frames.last_mut().filter(|frame| frame.size.is_none()) {
                    frame.size = size;
                    editor.begin(token)?;
                    editor.hold();
                }
                return Ok(());
            }
            Leaf::Category(member) => match self.category_member(*member, token, &text, editor)? {
                Some(change) => change,
                None => return Ok(()),
            },
            Leaf::Name(named) => self.named(*named, &name, &text)?,
            Leaf::Text(kind) => self.asked(*kind, &name, &text)?,
        };
        match change {
            Change::Keep => editor.keep(token),
            Change::Replace(text) => editor.replace(token, &text),
            Change::Drop if matches!(leaf, Leaf::Text(ValueKind::ScopeHash)) => {
                self.drop_entry = true;
                editor.keep(token)
            }
            Change::Drop => {
                editor.leave_out(token);
                Ok(())
            }
            Change::Refuse(why) => Err(self.unknown(&format!("`{name}` holds {why}"))),
        }
    }

    /// A length or a count of a category. `None`: it was written, or will be once the category has ended.
    fn category_member<W: Write>(
        &mut self,
        member: CategoryMember,
        token: &Token<'_>,
        text: &str,
        editor: &mut Editor<W>,
    ) -> io::Result<Option<Change>> {
        let first = member != CategoryMember::LongestLength || !self.category.has_longest();
        if !is_word(text) || !first {
            return Err(self.unknown("a category whose lengths are no numbers, or that has several of them"));
        }
        let new = self.category.take(member, text);
        if member == CategoryMember::LongestLength {
            self.category_longest = String::from_utf8_lossy(token.raw).into_owned();
            editor.begin(token)?;
            editor.hold();
            return Ok(None);
        }
        let new = new.map(|new| new.to_string()).filter(|new| new != text);
        Ok(Some(new.map_or(Change::Keep, Change::Replace)))
    }

    fn demand(&self, holds: bool, name: &str, otherwise: &str) -> io::Result<Change> {
        match holds {
            true => Ok(Change::Keep),
            false => Err(self.unknown(&format!("`{name}` holds {otherwise}"))),
        }
    }

    /// A name in a detector's key.
    fn key(&mut self, member: KeyMember, text: &str) -> Change {
        if member == KeyMember::Function || text.is_empty() {
            return Change::Keep;
        }
        let location = ValueLocation {
            kind: ValueKind::FieldName,
            field: Some(text),
            detector: None,
            registered: false,
        };
        self.visitor.found(&location, text)
    }

    fn named(&mut self, named: Named, name: &str, text: &str) -> io::Result<Change> {
        let Some(model) = self.detector.model() else {
            return Err(self.unknown("names before the detector's key"));
        };
        if model == ModelKind::Counting {
            return self.demand(
                matches!(text, "" | "-" | "count"),
                name,
                "a name, where nothing is named",
            );
        }
        let field = match named {
            Named::Person => self.detector.person(),
            Named::Attribute => self.detector.attribute(),
        };
        if field.is_empty() {
            return self.demand(
                matches!(text, "" | "-"),
                name,
                "a name, where the detector has no such field",
            );
        }
        let kind = match (named, model) {
            (Named::Person, ModelKind::Population) => ValueKind::Over,
            _ => ValueKind::By,
        };
        let location = ValueLocation {
            kind,
            field: Some(field),
            detector: Some(&self.detector),
            registered: true,
        };
        Ok(self.visitor.found(&location, text))
    }

    fn asked(&mut self, kind: ValueKind, name: &str, text: &str) -> io::Result<Change> {
        if matches!(
            kind,
            ValueKind::ValueHash | ValueKind::ScopeHash | ValueKind::RuleChecksums
        ) && !is_word(text)
        {
            return self.demand(false, name, "a text that is no number");
        }
        if kind == ValueKind::RuleChecksums && text == "0" {
            return Ok(Change::Keep);
        }
        if self.stream == StateStream::Model && kind == ValueKind::Partition {
            text.clone_into(&mut self.detector.partition_value);
        }
        let detector = (self.stream == StateStream::Model).then_some(&self.detector);
        let field = match (kind, detector) {
            (ValueKind::Partition, Some(detector)) => Some(detector.partition.as_str()),
            (ValueKind::Counted | ValueKind::ValueHash, Some(detector)) => Some(detector.field.as_str()),
            (ValueKind::Influencer, Some(detector)) => {
                let field = self.influencer.and_then(|n| detector.influencers.get(n));
                Some(field.map_or("", String::as_str))
            }
            _ => None,
        };
        if field == Some("") && !matches!(kind, ValueKind::ValueHash) {
            return self.demand(text.is_empty(), name, "a value, where the detector has no such field");
        }
        let location = ValueLocation {
            kind,
            field: field.filter(|field| !field.is_empty()),
            detector,
            registered: false,
        };
        let change = self.visitor.found(&location, text);
        if kind == ValueKind::CategoryMessage {
            let after = match &change {
                Change::Replace(new) => new.len(),
                _ => text.len(),
            };
            self.category.message(text.len(), after);
        }
        Ok(change)
    }
}

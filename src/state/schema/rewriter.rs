//! The walk through a decoded state.

use std::fmt;
use std::io::{self, Write};

use super::categorizer::OpenCategory;
use super::level::{CategoryMember, Leaf, Level, Named, Role, Rule, is_cue, is_hash, is_numbers, is_tag};
use super::value::{Change, Detector, KeyMember, ModelKind, ValueKind, ValueLocation, Visitor};
use super::{categorizer, model};
use crate::json::{Editor, Kind, Token, Tokenizer, quoted};
use crate::state::error::UnknownForm;

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateStream {
    /// A model's state.
    Model,
    /// A categorizer's state.
    Categorizer,
    /// Quantiles.
    Quantiles,
}

/// Takes a decoded state as bytes, asks about each text in it, and writes it with what was changed. Memory is flat.
///
/// As a sink of [`ChunkDecoder`](crate::state::ChunkDecoder) it makes that fail with
/// [`Cause::Unknown`](crate::state::Cause::Unknown) where the form is not known.
#[derive(Debug)]
pub struct StateRewriter<V, W: Write> {
    tokens: Tokenizer,
    walk: Walk<V>,
    editor: Editor<W>,
}

struct Walk<V> {
    visitor: V,
    stream: StateStream,
    frames: Vec<Frame>,
    /// The name read last, with what it may contain.
    pending: Option<(&'static Rule, String)>,
    detector: Detector,
    /// The influencer whose items come.
    influencer: Option<usize>,
    category: OpenCategory,
    /// The length of its longest message as it was written.
    category_longest: String,
    /// The entry around goes as soon as it has ended.
    drop_entry: bool,
    /// Entries of the level around that went.
    dropped: u64,
}

/// An object around.
struct Frame {
    name: String,
    /// `None` where there are but numbers.
    level: Option<&'static Level>,
    /// Levels of one influencer each that were there already.
    influencers: usize,
    /// How many entries it says it has; what follows is held until those that go are counted.
    size: Option<u64>,
}

impl<V: Visitor, W: Write> StateRewriter<V, W> {
    /// Begins.
    pub fn new(stream: StateStream, visitor: V, out: W) -> Self {
        Self {
            tokens: Tokenizer::default(),
            walk: Walk {
                visitor,
                stream,
                frames: Vec::new(),
                pending: None,
                detector: Detector::default(),
                influencer: None,
                category: OpenCategory::default(),
                category_longest: String::new(),
                drop_entry: false,
                dropped: 0,
            },
            editor: Editor::new(out),
        }
    }

    /// The end of the state.
    ///
    /// # Errors
    /// A state that is not whole, or what the sink says.
    pub fn finish(self) -> io::Result<(V, W)> {
        let Self {
            tokens,
            mut walk,
            mut editor,
        } = self;
        let rest = tokens.finish(&mut |token| walk.token(&token, &mut editor))?;
        Ok((walk.visitor, editor.finish(&rest)?))
    }
}

impl<V: Visitor, W: Write> Write for StateRewriter<V, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Self { tokens, walk, editor } = self;
        tokens.push(bytes, &mut |token| walk.token(&token, editor))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.editor.get_mut().flush()
    }
}

impl<V: Visitor> Walk<V> {
    fn token<W: Write>(&mut self, token: &Token<'_>, editor: &mut Editor<W>) -> io::Result<()> {
        match token.kind {
            Kind::Name => self.name(token, editor),
            Kind::BeginObject => self.begin(token, editor),
            Kind::EndObject => self.end(token, editor),
            Kind::Text => self.text(token, editor),
            Kind::BeginArray if self.stream == StateStream::Quantiles && self.frames.is_empty() => editor.keep(token),
            Kind::EndArray => editor.keep(token),
            Kind::BeginArray => Err(self.unknown("an array, where the state has none")),
            Kind::Literal => Err(self.unknown("a value that is no string, where the state has none")),
        }
    }

    fn name<W: Write>(&mut self, token: &Token<'_>, editor: &mut Editor<W>) -> io::Result<()> {
        let name = token.text()?.into_owned();
        let level = self.frames.last().and_then(|frame| frame.level);
        let rule = match level {
            Some(level) => level.member(&name),
            None => is_tag(&name).then_some(&Rule::Numbers),
        };
        let Some(rule) = rule else {
            let what = match is_tag(&name) {
                true => format!("an element `{name}`, which is not known"),
                false => "an element that is not known".to_owned(),
            };
            return Err(self.unknown(&what));
        };
        if let Rule::Level(Level { role: Role::Entry, .. }) = rule {
            editor.hold();
        }
        self.pending = Some((rule, name));
        editor.keep(token)
    }

    fn begin<W: Write>(&mut self, token: &Token<'_>, editor: &mut Editor<W>) -> io::Result<()> {
        let (level, name) = match self.pending.take() {
            None => (Some(self.outermost()), String::new()),
            Some((Rule::Numbers, name)) => (None, name),
            Some((Rule::Level(level) | Rule::NumbersOr(level), name)) => (Some(*level), name),
            Some((Rule::Checksums(kind), name)) => {
                let has_checksums = self.detector.model() == Some(*kind);
                (has_checksums.then_some(&model::CHECKSUMS), name)
            }
            Some((Rule::Leaf(_), name)) => {
                return Err(self.unknown(&format!("`{name}` holds elements, where it has a text")));
            }
        };
        match level.map(|level| level.role) {
            Some(Role::Detector) => {
                self.detector = Detector::default();
                self.influencer = None;
            }
            Some(Role::Category) => self.category = OpenCategory::default(),
            Some(Role::OneInfluencer) => {
                if let Some(around) = self.frames.last_mut() {
                    self.influencer = Some(around.influencers);
                    around.influencers += 1;
                }
            }
            _ => {}
        }
        self.frames.push(Frame {
            name,
            level,
            influencers: 0,
            size: None,
        });
        editor.keep(token)
    }

    fn outermost(&self) -> &'static Level {
        match self.stream {
            StateStream::Model => &model::STATE,
            StateStream::Categorizer => &categorizer::STATE,
            StateStream::Quantiles => &model::QUANTILES,
        }
    }

    fn end<W: Write>(&mut self, token: &Token<'_>, editor: &mut Editor<W>) -> io::Result<()> {
        let frame = self.frames.pop();
        let role = frame
            .as_ref()
            .and_then(|frame| frame.level)
            .map_or(Role::None, |level| level.role);
        match role {
            Role::Counted => {
                if let Some(size) = frame.and_then(|frame| frame.size) {
                    let left = size.saturating_sub(std::mem::take(&mut self.dropped));
                    editor.release_behind(&quoted(&left.to_string()))?;
                }
                editor.keep(token)
            }
            Role::Category => {
                if let Some((before, after)) = std::mem::take(&mut self.category).lengths() {
                    let written = match before.longest == after.longest {
                        true => std::mem::take(&mut self.category_longest),
                        false => quoted(&after.longest.to_string()),
                    };
                    editor.release_behind(&written)?;
                    self.visitor.category(&before, &after);
                }
                editor.keep(token)
            }
            Role::Entry => {
                editor.keep(token)?;
                if std::mem::take(&mut self.drop_entry) {
                    self.dropped += 1;
                    editor.discard();
                    return Ok(());
                }
                editor.release()
            }
            _ => editor.keep(token),
        }
    }

    fn text<W: Write>(&mut self, token: &Token<'_>, editor: &mut Editor<W>) -> io::Result<()> {
        let text = token.text()?;
        let Some((rule, name)) = self.pending.take() else {
            return Err(self.unknown("a text, where the state has elements"));
        };
        let leaf = match rule {
            Rule::Leaf(leaf) => leaf,
            Rule::Numbers | Rule::NumbersOr(_) | Rule::Checksums(_) => &Leaf::Numbers,
            // A level without elements.
            Rule::Level(_) if text.is_empty() => &Leaf::Numbers,
            Rule::Level(_) => return Err(self.unknown(&format!("`{name}` holds a text, where it has elements"))),
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
            Leaf::Text(kind) => self.value(*kind, &name, &text)?,
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
        if !is_hash(text) || !first {
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

    fn value(&mut self, kind: ValueKind, name: &str, text: &str) -> io::Result<Change> {
        if matches!(
            kind,
            ValueKind::ValueHash | ValueKind::ScopeHash | ValueKind::RuleChecksums
        ) && !is_hash(text)
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

    fn unknown(&self, why: &str) -> io::Error {
        let names: Vec<&str> = self.frames.iter().skip(1).map(|frame| frame.name.as_str()).collect();
        let place = match names.is_empty() {
            true => "the outermost level".to_owned(),
            false => names.join("."),
        };
        let why = why.to_owned();
        io::Error::new(io::ErrorKind::InvalidData, UnknownForm { place, why })
    }
}

impl<V> fmt::Debug for Walk<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Walk")
            .field("stream", &self.stream)
            .field("depth", &self.frames.len())
            .finish_non_exhaustive()
    }
}

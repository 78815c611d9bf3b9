//! The walk through a decoded state.

use std::io::{self, Write};

use super::category::OpenCategory;
use super::form::{self, Elements, Rule, is_cue, is_hash, is_numbers, is_tag};
use super::value::{Change, Detector, KeyMember, ModelKind, ValueKind, ValueLocation, Visitor};
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
pub struct StateRewriter<V, W: Write> {
    tokens: Tokenizer,
    walk: Walk<V, W>,
}

struct Walk<V, W: Write> {
    visitor: V,
    stream: StateStream,
    editor: Editor<W>,
    frames: Vec<Frame>,
    /// The name read last, with what it may contain.
    pending: Option<(Rule, String)>,
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
    rule: Rule,
    /// `None` where there are only numbers.
    elements: Option<Elements>,
    /// Levels of one influencer each that were there already.
    influencers: usize,
    /// How many entries it says it has; what follows is held until those that go are counted.
    size: Option<u64>,
}

impl<V: Visitor, W: Write> StateRewriter<V, W> {
    /// Begins.
    pub fn new(stream: StateStream, visitor: V, out: W) -> Self {
        let walk = Walk {
            visitor,
            stream,
            editor: Editor::new(out),
            frames: Vec::new(),
            pending: None,
            detector: Detector::default(),
            influencer: None,
            category: OpenCategory::default(),
            category_longest: String::new(),
            drop_entry: false,
            dropped: 0,
        };
        let tokens = Tokenizer::default();
        Self { tokens, walk }
    }

    /// The end of the state.
    ///
    /// # Errors
    /// A state that is not whole, or what the sink says.
    pub fn finish(self) -> io::Result<(V, W)> {
        let mut walk = self.walk;
        let rest = self.tokens.finish(&mut |token| walk.token(&token))?;
        Ok((walk.visitor, walk.editor.finish(&rest)?))
    }
}

impl<V: Visitor, W: Write> Write for StateRewriter<V, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let walk = &mut self.walk;
        self.tokens.push(bytes, &mut |token| walk.token(&token))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.walk.editor.get_mut().flush()
    }
}

impl<V: Visitor, W: Write> Walk<V, W> {
    fn token(&mut self, token: &Token<'_>) -> io::Result<()> {
        match token.kind {
            Kind::Name => self.name(token),
            Kind::BeginObject => self.begin(token),
            Kind::EndObject => self.end(token),
            Kind::Text => self.text(token),
            Kind::BeginArray if self.stream == StateStream::Quantiles && self.frames.is_empty() => {
                self.editor.keep(token)
            }
            Kind::EndArray => self.editor.keep(token),
            Kind::BeginArray => Err(self.unknown("an array, where the state has none")),
            Kind::Literal => Err(self.unknown("a value that is no string, where the state has none")),
        }
    }

    fn name(&mut self, token: &Token<'_>) -> io::Result<()> {
        let name = token.text()?.into_owned();
        let elements = self.frames.last().and_then(|frame| frame.elements);
        let rule = match elements {
            Some(elements) => form::rule(elements, &name),
            None => is_tag(&name).then_some(Rule::Numbers),
        };
        let Some(rule) = rule else {
            return Err(match is_tag(&name) {
                true => self.unknown(&format!("an element `{name}`, which is not known")),
                false => self.unknown("an element that is not known"),
            });
        };
        if matches!(rule, Rule::Entry(_)) {
            self.editor.hold();
        }
        self.pending = Some((rule, name));
        self.editor.keep(token)
    }

    fn begin(&mut self, token: &Token<'_>) -> io::Result<()> {
        let (rule, name) = self.pending.take().unwrap_or_else(|| {
            let outermost = match self.stream {
                StateStream::Model => form::MODEL,
                StateStream::Categorizer => form::CATEGORIZER,
                StateStream::Quantiles => form::QUANTILES,
            };
            (outermost, String::new())
        });
        let elements = match rule {
            Rule::Numbers => None,
            Rule::Checksums(kind) => (self.detector.model() == Some(kind)).then_some(form::CHECKSUMS),
            _ if rule.elements().is_none() => return Err(self.holds(&name, "elements, where it has a text")),
            _ => rule.elements(),
        };
        match rule {
            Rule::Detector(_) => {
                self.detector = Detector::default();
                self.influencer = None;
            }
            Rule::Category(_) => self.category = OpenCategory::default(),
            Rule::OneInfluencer(_) => {
                if let Some(around) = self.frames.last_mut() {
                    self.influencer = Some(around.influencers);
                    around.influencers += 1;
                }
            }
            _ => {}
        }
        self.frames.push(Frame {
            name,
            rule,
            elements,
            influencers: 0,
            size: None,
        });
        self.editor.keep(token)
    }

    fn end(&mut self, token: &Token<'_>) -> io::Result<()> {
        let Some(frame) = self.frames.pop() else {
            return self.editor.keep(token);
        };
        match frame.rule {
            Rule::Counted(_) => {
                if let Some(size) = frame.size {
                    let left = size.saturating_sub(std::mem::take(&mut self.dropped));
                    self.editor.release_behind(&quoted(&left.to_string()))?;
                }
            }
            Rule::Category(_) => {
                if let Some((before, after)) = self.category.lengths() {
                    let written = match before.longest == after.longest {
                        true => std::mem::take(&mut self.category_longest),
                        false => quoted(&after.longest.to_string()),
                    };
                    self.editor.release_behind(&written)?;
                    self.visitor.category(&before, &after);
                }
            }
            Rule::Entry(_) => {
                self.editor.keep(token)?;
                if std::mem::take(&mut self.drop_entry) {
                    self.dropped += 1;
                    self.editor.discard();
                    return Ok(());
                }
                return self.editor.release();
            }
            _ => {}
        }
        self.editor.keep(token)
    }

    fn text(&mut self, token: &Token<'_>) -> io::Result<()> {
        let text = token.text()?;
        let text = text.as_ref();
        let Some((rule, name)) = self.pending.take() else {
            return Err(self.unknown("a text, where the state has elements"));
        };
        if matches!(rule, Rule::LongestLength | Rule::BaseLength | Rule::CommonToken)
            && (!is_hash(text) || (matches!(rule, Rule::LongestLength) && self.category.longest.is_some()))
        {
            return Err(self.unknown("a category whose lengths are no numbers, or that has several of them"));
        }
        let number = text.parse().ok();
        let no_number = "a text that is no number";
        let change = match rule {
            Rule::Numbers | Rule::Number | Rule::NumbersOr(_) | Rule::Checksums(_) => {
                self.demand(is_numbers(text), &name, no_number)?
            }
            Rule::Constant(constant) => self.demand(text == constant, &name, "something else than ever before")?,
            Rule::Cue => self.demand(is_cue(text), &name, "a normaliser that is not known")?,
            Rule::Key(member) => {
                let known = self.detector.take(member, text);
                self.demand(known, &name, "a function that is not known")?;
                self.key(member, text)
            }
            Rule::InfluencerNumber => {
                self.influencer = text.parse().ok();
                self.demand(self.influencer.is_some(), &name, no_number)?
            }
            Rule::Size => {
                self.demand(number.is_some(), &name, no_number)?;
                if let Some(frame) = self.frames.last_mut().filter(|frame| frame.size.is_none()) {
                    frame.size = number;
                    self.editor.begin(token)?;
                    self.editor.hold();
                }
                return Ok(());
            }
            Rule::LongestLength => {
                // It is written once the category has ended.
                self.category.longest = number;
                self.category_longest = String::from_utf8_lossy(token.raw).into_owned();
                self.editor.begin(token)?;
                self.editor.hold();
                return Ok(());
            }
            Rule::BaseLength => match number.map(|before| self.category.take_base(before).to_string()) {
                Some(new) if new != text => Change::Replace(new),
                _ => Change::Keep,
            },
            Rule::CommonToken => {
                self.category.common_tokens += 1;
                Change::Keep
            }
            Rule::Person | Rule::Attribute => self.registered(rule, &name, text)?,
            Rule::Text(kind) => self.value(kind, &name, text)?,
            // A level without elements.
            Rule::Level(_)
            | Rule::Detector(_)
            | Rule::Category(_)
            | Rule::OneInfluencer(_)
            | Rule::Counted(_)
            | Rule::Entry(_) => self.demand(text.is_empty(), &name, "a text, where it has elements")?,
        };
        match change {
            Change::Keep => self.editor.keep(token),
            Change::Replace(text) => self.editor.replace(token, &text),
            Change::Drop if matches!(rule, Rule::Text(ValueKind::ScopeHash)) => {
                self.drop_entry = true;
                self.editor.keep(token)
            }
            Change::Drop => {
                self.editor.leave_out(token);
                Ok(())
            }
            Change::Refuse(why) => Err(self.holds(&name, why)),
        }
    }

    fn demand(&self, holds: bool, name: &str, otherwise: &str) -> io::Result<Change> {
        match holds {
            true => Ok(Change::Keep),
            false => Err(self.holds(name, otherwise)),
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

    /// The name of a person or an attribute in its register.
    fn registered(&mut self, rule: Rule, name: &str, text: &str) -> io::Result<Change> {
        let is_person = matches!(rule, Rule::Person);
        let Detector { by, over, .. } = &self.detector;
        let (field, kind) = match self.detector.model() {
            None => return Err(self.unknown("names before the detector's key")),
            Some(ModelKind::Counting) => {
                let unnamed = matches!(text, "" | "-" | "count");
                return self.demand(unnamed, name, "a name, where nothing is named");
            }
            Some(ModelKind::Population) if is_person => (over.as_str(), ValueKind::Over),
            // Only the detector of a population has attributes.
            Some(ModelKind::Individual) if !is_person => ("", ValueKind::By),
            Some(ModelKind::Population | ModelKind::Individual) => (by.as_str(), ValueKind::By),
        };
        if field.is_empty() {
            let unnamed = matches!(text, "" | "-");
            return self.demand(unnamed, name, "a name, where the detector has no such field");
        }
        let location = ValueLocation {
            kind,
            field: Some(field),
            detector: Some(&self.detector),
            registered: true,
        };
        Ok(self.visitor.found(&location, text))
    }

    fn value(&mut self, kind: ValueKind, name: &str, text: &str) -> io::Result<Change> {
        match kind {
            ValueKind::ValueHash | ValueKind::ScopeHash | ValueKind::RuleChecksums if !is_hash(text) => {
                return Err(self.holds(name, "a text that is no number"));
            }
            ValueKind::RuleChecksums if text == "0" => return Ok(Change::Keep),
            ValueKind::Partition if self.stream == StateStream::Model => {
                text.clone_into(&mut self.detector.partition_value);
            }
            _ => {}
        }
        let detector = (self.stream == StateStream::Model).then_some(&self.detector);
        let field = detector.and_then(|detector| match kind {
            ValueKind::Partition => Some(detector.partition.as_str()),
            ValueKind::Counted | ValueKind::ValueHash => Some(detector.field.as_str()),
            ValueKind::Influencer => {
                let field = self.influencer.and_then(|number| detector.influencers.get(number));
                Some(field.map_or("", String::as_str))
            }
            _ => None,
        });
        if field == Some("") && kind != ValueKind::ValueHash {
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
            self.category.message = (text.len() as u64, after as u64);
        }
        Ok(change)
    }

    fn holds(&self, name: &str, what: &str) -> io::Error {
        self.unknown(&format!("`{name}` holds {what}"))
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

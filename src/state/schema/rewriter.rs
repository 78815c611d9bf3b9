//! Traverses a decoded state.

use std::io::{self, Write};

use super::form::{self, Elements, Rule, is_cue, is_numbers, is_tag};
use super::value::{Change, Detector, ModelKind, OpenCategory, ValueKind, ValueLocation, Visitor};
use crate::json::{Editor, Kind, Token, Tokenizer, quoted};
use crate::state::chunks::Cause;

/// The kind of stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateStream {
    /// The state of a model.
    Model,
    /// The state of a categorizer.
    Categorizer,
    /// Quantiles.
    Quantiles,
}

/// Receives a decoded state as bytes, passes each text to a visitor, and writes the result. Memory use is constant.
///
/// When used as the sink of a [`ChunkDecoder`](crate::state::ChunkDecoder), an unknown form makes the decoder fail with
/// [`Cause::Unknown`].
pub struct StateRewriter<V, W: Write> {
    tokens: Tokenizer,
    visitor: V,
    stream: StateStream,
    editor: Editor<W>,
    frames: Vec<Frame>,
    /// The last name, with the rule for its content.
    pending: Option<(Rule, String)>,
    detector: Detector,
    /// The influencer that the next items belong to.
    influencer: Option<usize>,
    category: OpenCategory,
}

const NO_NUMBER: &str = "a text that is not a number";
const NO_FIELD: &str = "a value although the detector does not have such a field";

/// An enclosing object.
struct Frame {
    name: String,
    rule: Rule,
    /// `None` if there are only numbers.
    elements: Option<Elements>,
    /// The number of influencer levels so far.
    influencers: usize,
    /// A number, and how it was written, that depends on what follows and is held back until the level ends: the number
    /// of entries, or the length of a category's longest message.
    deferred: Option<(u64, String)>,
    /// The number of dropped entries in this level. For an entry, whether it is dropped itself.
    dropped: u64,
}

impl<V: Visitor, W: Write> StateRewriter<V, W> {
    /// Creates a rewriter.
    pub fn new(stream: StateStream, visitor: V, out: W) -> Self {
        Self {
            tokens: Tokenizer::default(),
            visitor,
            stream,
            editor: Editor::new(out),
            frames: Vec::new(),
            pending: None,
            detector: Detector::default(),
            influencer: None,
            category: OpenCategory::default(),
        }
    }

    /// Ends the state.
    ///
    /// # Errors
    /// An incomplete state, or an error of the sink.
    pub fn finish(mut self) -> io::Result<(V, W)> {
        let tokens = std::mem::take(&mut self.tokens);
        let rest = tokens.finish(&mut |token| self.token(&token))?;
        Ok((self.visitor, self.editor.finish(&rest)?))
    }

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
            Kind::BeginArray => Err(self.unknown("an array where none is expected")),
            Kind::Literal => Err(self.unknown("a value that is not a string")),
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
                true => self.unknown(&format!("an unknown element `{name}`")),
                false => self.unknown("an unknown element"),
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
            _ if rule.elements().is_none() => return Err(self.holds(&name, "elements instead of a text")),
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
            deferred: None,
            dropped: 0,
        });
        self.editor.keep(token)
    }

    fn end(&mut self, token: &Token<'_>) -> io::Result<()> {
        let Some(frame) = self.frames.pop() else {
            return self.editor.keep(token);
        };
        if let Some((number, written)) = frame.deferred {
            let new = match frame.rule {
                Rule::Category(_) => {
                    let (longest, max_matching) = self.category.lengths(number);
                    self.visitor.category(max_matching);
                    longest
                }
                _ => number.saturating_sub(frame.dropped),
            };
            self.editor.release(&match new == number {
                true => written,
                false => quoted(&new.to_string()),
            })?;
        }
        self.editor.keep(token)?;
        if !matches!(frame.rule, Rule::Entry(_)) {
            return Ok(());
        }
        if frame.dropped == 0 {
            return self.editor.release("");
        }
        self.editor.discard();
        self.drop_entry();
        Ok(())
    }

    /// Notes that an entry is dropped.
    fn drop_entry(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.dropped += 1;
        }
    }

    fn text(&mut self, token: &Token<'_>) -> io::Result<()> {
        let text = token.text()?;
        let text = text.as_ref();
        let Some((rule, name)) = self.pending.take() else {
            return Err(self.unknown("a text instead of elements"));
        };
        let number = form::number(text);
        let change = match rule {
            Rule::Numbers | Rule::Number | Rule::NumbersOr(_) | Rule::Checksums(_) => {
                keep_if(is_numbers(text), NO_NUMBER)
            }
            Rule::Constant(constant) => keep_if(text == constant, "an unexpected text"),
            Rule::Cue => keep_if(is_cue(text), "an unknown normalizer"),
            Rule::Function => keep_if(self.detector.set_function(number), "an unknown function"),
            Rule::FieldName(set) => {
                set(&mut self.detector, text.to_owned());
                Change::Keep
            }
            Rule::FieldNames => Change::Keep,
            Rule::InfluencerNumber => {
                self.influencer = text.parse().ok();
                keep_if(self.influencer.is_some(), NO_NUMBER)
            }
            Rule::Deferred => match number {
                Some(number) if self.defer(token, number)? => return Ok(()),
                _ => Change::Refuse(NO_NUMBER),
            },
            Rule::BaseLength => match number.map(|before| self.category.take_base(before).to_string()) {
                Some(new) if new != text => Change::Replace(new),
                Some(_) => Change::Keep,
                None => Change::Refuse(NO_NUMBER),
            },
            Rule::CommonToken => {
                self.category.common_tokens += 1;
                keep_if(number.is_some(), NO_NUMBER)
            }
            Rule::Person | Rule::Attribute => self.registered(matches!(rule, Rule::Person), text)?,
            Rule::Text(kind) => self.value(kind, text),
            // A level may have no elements.
            _ => keep_if(text.is_empty(), "a text instead of elements"),
        };
        match change {
            Change::Keep => self.editor.keep(token),
            Change::Replace(text) => self.editor.replace(token, &quoted(&text)),
            Change::Drop if matches!(rule, Rule::Text(ValueKind::ScopeHash)) => {
                self.drop_entry();
                self.editor.keep(token)
            }
            Change::Drop => {
                self.editor.leave_out(token);
                Ok(())
            }
            Change::Refuse(why) => Err(self.holds(&name, why)),
        }
    }

    /// Holds back a number that depends on what follows. Returns false if the enclosing level already has one.
    fn defer(&mut self, token: &Token<'_>, number: u64) -> io::Result<bool> {
        let Some(frame) = self.frames.last_mut().filter(|frame| frame.deferred.is_none()) else {
            return Ok(false);
        };
        frame.deferred = Some((number, String::from_utf8_lossy(token.raw).into_owned()));
        self.editor.begin(token);
        self.editor.hold();
        Ok(true)
    }

    /// Handles the name of a person or an attribute in its registry.
    fn registered(&mut self, is_person: bool, text: &str) -> io::Result<Change> {
        Ok(match self.detector.model() {
            None => return Err(self.unknown("names before the detector's key")),
            // An unused entry.
            Some(_) if text == "-" => Change::Keep,
            Some(ModelKind::Counting) => keep_if(matches!(text, "" | "count"), "a name where none is expected"),
            // Only population detectors have attributes.
            Some(ModelKind::Individual) if !is_person => keep_if(text.is_empty(), NO_FIELD),
            Some(ModelKind::Population) if is_person => self.value(ValueKind::Over, text),
            Some(ModelKind::Population | ModelKind::Individual) => self.value(ValueKind::By, text),
        })
    }

    fn value(&mut self, kind: ValueKind, text: &str) -> Change {
        match kind {
            ValueKind::ValueHash | ValueKind::ScopeHash | ValueKind::RuleChecksums if form::number(text).is_none() => {
                return Change::Refuse(NO_NUMBER);
            }
            ValueKind::RuleChecksums if text == "0" => return Change::Keep,
            ValueKind::Partition if self.stream == StateStream::Model => {
                text.clone_into(&mut self.detector.partition_value);
            }
            _ => {}
        }
        let detector = (self.stream == StateStream::Model).then_some(&self.detector);
        let field = detector.and_then(|detector| match kind {
            ValueKind::Partition => Some(detector.partition.as_str()),
            ValueKind::By => Some(detector.by.as_str()),
            ValueKind::Over => Some(detector.over.as_str()),
            ValueKind::Counted | ValueKind::ValueHash => Some(detector.field.as_str()),
            ValueKind::Influencer => {
                let field = self.influencer.and_then(|number| detector.influencers.get(number));
                Some(field.map_or("", String::as_str))
            }
            _ => None,
        });
        if field == Some("") && kind != ValueKind::ValueHash {
            return keep_if(text.is_empty(), NO_FIELD);
        }
        let location = ValueLocation {
            kind,
            field: field.filter(|field| !field.is_empty()),
            detector,
        };
        let change = self.visitor.found(&location, text);
        if kind == ValueKind::CategoryMessage {
            let after = match &change {
                Change::Replace(new) => new.len(),
                _ => text.len(),
            };
            self.category.message = (text.len() as u64, after as u64);
        }
        change
    }

    fn holds(&self, name: &str, what: &str) -> io::Error {
        self.unknown(&format!("`{name}` contains {what}"))
    }

    fn unknown(&self, why: &str) -> io::Error {
        let names: Vec<&str> = self.frames.iter().skip(1).map(|frame| frame.name.as_str()).collect();
        let place = match names.is_empty() {
            true => "the outermost level".to_owned(),
            false => names.join("."),
        };
        io::Error::new(io::ErrorKind::InvalidData, Cause::Unknown(format!("at {place}: {why}")))
    }
}

impl<V: Visitor, W: Write> Write for StateRewriter<V, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut tokens = std::mem::take(&mut self.tokens);
        tokens.push(bytes, &mut |token| self.token(&token))?;
        self.tokens = tokens;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps a text if the condition is true; otherwise refuses the state.
fn keep_if(holds: bool, otherwise: &'static str) -> Change {
    if holds { Change::Keep } else { Change::Refuse(otherwise) }
}

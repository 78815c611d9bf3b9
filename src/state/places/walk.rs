//! The walk through a decoded state.

use std::fmt;
use std::io::{self, Write};

use super::detector::{Detector, KeyMember, ModelKind};
use super::forms::{is_cue, is_numbers, is_tag, is_word};
use super::level::{Leaf, Level, Named, Role, Rule};
use super::{Change, Place, Visitor, What, categorizer, model, quantiles};
use crate::json::{Editor, Kind, Token, Tokenizer, quoted};

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
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
/// [`Error::Unknown`](crate::state::Error::Unknown) where the form is not known.
#[derive(Debug)]
pub struct Texts<V, W: Write> {
    tokens: Tokenizer,
    walk: Walk<V>,
    editor: Editor<W>,
}

/// A form of state that is not known: it may hold values where nobody looks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at {place}: {why}")]
pub(crate) struct Unknown {
    /// Names of the elements around it, dots between them.
    pub(crate) place: String,
    pub(crate) why: String,
}

struct Walk<V> {
    visitor: V,
    subject: Subject,
    frames: Vec<Frame>,
    /// What the name read last announces.
    announced: Option<(Announced, String)>,
    detector: Detector,
    /// The influencer whose items come.
    influencer: Option<usize>,
    /// The entry around goes as soon as it has ended.
    drop_entry: bool,
    /// Entries of the level around that went.
    dropped: u64,
}

#[derive(Clone, Copy)]
enum Announced {
    Rule(&'static Rule),
    Numbers,
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

impl<V: Visitor, W: Write> Texts<V, W> {
    /// Begins.
    pub fn new(subject: Subject, visitor: V, out: W) -> Self {
        Self {
            tokens: Tokenizer::default(),
            walk: Walk {
                visitor,
                subject,
                frames: Vec::new(),
                announced: None,
                detector: Detector::default(),
                influencer: None,
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

impl<V: Visitor, W: Write> Write for Texts<V, W> {
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
            Kind::BeginArray if self.subject == Subject::Quantiles && self.frames.is_empty() => editor.keep(token),
            Kind::EndArray => editor.keep(token),
            Kind::BeginArray => Err(self.unknown("an array, where the state has none")),
            Kind::Literal => Err(self.unknown("a value that is no string, where the state has none")),
        }
    }

    fn name<W: Write>(&mut self, token: &Token<'_>, editor: &mut Editor<W>) -> io::Result<()> {
        let name = token.text()?.into_owned();
        let level = self.frames.last().and_then(|frame| frame.level);
        let announced = match level {
            Some(level) => level.member(&name).map(Announced::Rule),
            None => is_tag(&name).then_some(Announced::Numbers),
        };
        let Some(announced) = announced else {
            let what = match is_tag(&name) {
                true => format!("an element `{name}`, which is not known"),
                false => "an element that is not known".to_owned(),
            };
            return Err(self.unknown(&what));
        };
        if let Announced::Rule(Rule::Level(Level { role: Role::Entry, .. })) = announced {
            editor.hold();
        }
        self.announced = Some((announced, name));
        editor.keep(token)
    }

    fn begin<W: Write>(&mut self, token: &Token<'_>, editor: &mut Editor<W>) -> io::Result<()> {
        let (level, name) = match self.announced.take() {
            None => (Some(self.outermost()), String::new()),
            Some((Announced::Numbers | Announced::Rule(Rule::Numbers), name)) => (None, name),
            Some((Announced::Rule(Rule::Level(level) | Rule::NumbersOr(level)), name)) => (Some(*level), name),
            Some((Announced::Rule(Rule::Checksums(kind)), name)) => {
                let checksums = self.detector.model() == Some(*kind);
                (checksums.then_some(&model::CHECKSUMS), name)
            }
            Some((Announced::Rule(Rule::Leaf(_)), name)) => {
                self.announced = None;
                return Err(self.unknown(&format!("`{name}` holds elements, where it has a text")));
            }
        };
        match level.map(|level| level.role) {
            Some(Role::Detector) => {
                self.detector = Detector::default();
                self.influencer = None;
            }
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
        match self.subject {
            Subject::Model => &model::STATE,
            Subject::Categorizer => &categorizer::STATE,
            Subject::Quantiles => &quantiles::STATE,
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
            Leaf::Name(named) => self.named(*named, &name, &text)?,
            Leaf::Text(what) => self.asked(*what, &name, &text)?,
        };
        match change {
            Change::Keep => editor.keep(token),
            Change::Replace(text) => editor.replace(token, &text),
            Change::Drop if matches!(leaf, Leaf::Text(What::ScopeKey)) => {
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
        let place = Place {
            what: What::FieldName,
            field: Some(text),
            detector: None,
            registered: false,
        };
        self.visitor.found(&place, text)
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
        let what = match (named, model) {
            (Named::Person, ModelKind::Population) => What::Over,
            _ => What::By,
        };
        let place = Place {
            what,
            field: Some(field),
            detector: Some(&self.detector),
            registered: true,
        };
        Ok(self.visitor.found(&place, text))
    }

    fn asked(&mut self, what: What, name: &str, text: &str) -> io::Result<Change> {
        if matches!(what, What::Word | What::ScopeKey | What::RuleChecksums) && !is_word(text) {
            return self.demand(false, name, "a text that is no number");
        }
        if what == What::RuleChecksums && text == "0" {
            return Ok(Change::Keep);
        }
        if self.subject == Subject::Model && what == What::Partition {
            text.clone_into(&mut self.detector.partition_value);
        }
        let detector = (self.subject == Subject::Model).then_some(&self.detector);
        let field = match (what, detector) {
            (What::Partition, Some(detector)) => Some(detector.partition.as_str()),
            (What::Counted | What::Word, Some(detector)) => Some(detector.field.as_str()),
            (What::Influencer, Some(detector)) => {
                let field = self.influencer.and_then(|n| detector.influencers.get(n));
                Some(field.map_or("", String::as_str))
            }
            _ => None,
        };
        if field == Some("") && !matches!(what, What::Word) {
            return self.demand(text.is_empty(), name, "a value, where the detector has no such field");
        }
        let place = Place {
            what,
            field: field.filter(|field| !field.is_empty()),
            detector,
            registered: false,
        };
        Ok(self.visitor.found(&place, text))
    }

    fn unknown(&self, why: &str) -> io::Error {
        let names: Vec<&str> = self.frames.iter().skip(1).map(|frame| frame.name.as_str()).collect();
        let place = match names.is_empty() {
            true => "the outermost level".to_owned(),
            false => names.join("."),
        };
        let why = why.to_owned();
        io::Error::new(io::ErrorKind::InvalidData, Unknown { place, why })
    }
}

impl<V> fmt::Debug for Walk<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Walk")
            .field("subject", &self.subject)
            .field("depth", &self.frames.len())
            .finish_non_exhaustive()
    }
}

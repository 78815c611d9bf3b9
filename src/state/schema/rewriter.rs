//! The walk through a decoded state.

mod texts;

use std::fmt;
use std::io::{self, Write};

use super::category::Category;
use super::detector::Detector;
use super::forms::is_tag;
use super::level::{Level, Role, Rule};
use super::{Visitor, categorizer, model, quantiles};
use crate::json::{Editor, Kind, Token, Tokenizer, quoted};

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
/// [`Error::Unknown`](crate::state::Error::Unknown) where the form is not known.
#[derive(Debug)]
pub struct StateRewriter<V, W: Write> {
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
    stream: StateStream,
    frames: Vec<Frame>,
    /// What the name read last announces.
    announced: Option<(Announced, String)>,
    detector: Detector,
    /// The influencer whose items come.
    influencer: Option<usize>,
    category: Category,
    /// The length of its longest message as it was written.
    category_longest: String,
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

impl<V: Visitor, W: Write> StateRewriter<V, W> {
    /// Begins.
    pub fn new(stream: StateStream, visitor: V, out: W) -> Self {
        Self {
            tokens: Tokenizer::default(),
            walk: Walk {
                visitor,
                stream,
                frames: Vec::new(),
                announced: None,
                detector: Detector::default(),
                influencer: None,
                category: Category::default(),
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
            Some(Role::Category) => self.category = Category::default(),
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
            StateStream::Quantiles => &quantiles::STATE,
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
            .field("stream", &self.stream)
            .field("depth", &self.frames.len())
            .finish_non_exhaustive()
    }
}

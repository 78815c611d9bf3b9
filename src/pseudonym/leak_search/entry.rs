//! Searches one entry of an archive while it is read.

use std::io::{self, Write};

use super::matcher::{FoundHashes, LeakMatcher, TextLocation};
use crate::archive::EntryKind;
use crate::json::{Kind, Leaf, LeafReader};
use crate::pseudonym::error::{Error, Result};
use crate::state::TextDecoder;
use crate::state::hash::VALUES_IN_ID;
use crate::state::schema::{StateStream, decode_quantiles};
use crate::util::process;

/// The start of base64-encoded gzip.
const GZIP: &str = "H4sI";

/// Ends a search early.
#[derive(Debug, thiserror::Error)]
#[error("a replaced value")]
struct Leak {
    /// The state whose hash matches a value.
    hash_of: Option<StateStream>,
}

/// An entry whose bytes arrive in pieces.
pub(super) struct EntrySearch<'s> {
    matcher: &'s LeakMatcher<'s>,
    name: String,
    kind: Option<EntryKind>,
    /// The line, starting with 1; always 1 in an entry with a single JSON text.
    line: u64,
    items: Option<LeafReader>,
    /// The ID of the result on this line, and the values in it.
    result: (String, [String; 4]),
    /// The common part of the IDs of the state documents that are being decoded, and their decoder.
    state: Option<(String, TextDecoder<StateSearch<'s>>)>,
}

impl<'s> EntrySearch<'s> {
    /// Starts with the name of the entry.
    pub(super) fn new(matcher: &'s LeakMatcher<'s>, name: &str) -> Result<Self> {
        let (path, kind, text) = ("", Kind::Name, name.into());
        if matcher.contains_value(TextLocation::Other, &Leaf { path, kind, text }) {
            return Err(Error::leak("the name of an entry"));
        }
        Ok(Self {
            matcher,
            name: name.to_owned(),
            kind: EntryKind::of_path(name),
            line: 1,
            items: None,
            result: Default::default(),
            state: None,
        })
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let has_lines = self.name.ends_with(".ndjson");
        for (number, part) in bytes.split(|byte| has_lines && *byte == b'\n').enumerate() {
            if number > 0 {
                self.end_line()?;
                self.line += 1;
            }
            self.part(part)?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<()> {
        self.end_line()?;
        self.leave_state().map_err(|cause| self.error(&cause))
    }

    /// Whether this line contains the ID of the following document.
    fn is_action(&self) -> bool {
        use EntryKind::{Categories, Inputs, Results, State};
        self.line % 2 == 1 && matches!(self.kind, Some(State | Categories | Results { .. } | Inputs { .. }))
    }

    fn part(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut items = self.items.take().unwrap_or_default();
        let read = items.push(bytes, &mut |item| self.item(item));
        self.items = Some(items);
        read.map_err(|cause| self.error(&cause))
    }

    fn end_line(&mut self) -> Result<()> {
        let Some(items) = self.items.take() else {
            return Ok(());
        };
        let mut read = items.finish(&mut |item| self.item(item));
        if matches!(self.kind, Some(EntryKind::Results { .. })) && !self.is_action() {
            let (id, values) = std::mem::take(&mut self.result);
            read = read.and_then(|()| leak_if(self.matcher.hashes_values_of(&id, &values), None));
        }
        read.map_err(|cause| self.error(&cause))
    }

    fn item(&mut self, item: &Leaf<'_>) -> io::Result<()> {
        let (matcher, is_action) = (self.matcher, self.is_action());
        match self.kind.filter(|_| item.kind == Kind::Text) {
            Some(EntryKind::State) if is_action && item.path.ends_with("._id") => self.enter_state(&item.text)?,
            Some(EntryKind::State) if item.path == "compressed" => {
                let decoder = self.state.as_mut().map(|(_, decoder)| decoder);
                return decoder.map_or(Ok(()), |decoder| decoder.push(item.text.as_bytes()));
            }
            Some(EntryKind::Snapshot) if is_quantiles(item) => {
                let search = StateSearch::new(matcher, StateStream::Quantiles);
                return decode_quantiles(&item.text, u64::MAX, search)?.finish();
            }
            Some(EntryKind::Results { .. }) if is_action && item.path.ends_with("._id") => {
                leak_if(matcher.hashes_value(&item.text), None)?;
                self.result.0 = item.text.to_string();
            }
            Some(EntryKind::Results { .. }) if !is_action => {
                if let Some(place) = VALUES_IN_ID.iter().position(|path| *path == item.path) {
                    self.result.1[place] = item.text.to_string();
                }
            }
            _ => {}
        }
        let place = TextLocation::of(self.kind.filter(|_| !is_action));
        leak_if(matcher.contains_value(place, item), None)
    }

    fn enter_state(&mut self, id: &str) -> io::Result<()> {
        let base = id.rsplit_once('#').map_or(id, |(base, _)| base);
        if self.state.as_ref().is_none_or(|(current, _)| current != base) {
            self.leave_state()?;
            let stream = match base.ends_with("_categorizer_state") {
                true => StateStream::Categorizer,
                false => StateStream::Model,
            };
            let search = StateSearch::new(self.matcher, stream);
            self.state = Some((base.to_owned(), TextDecoder::new(search, u64::MAX)));
        }
        Ok(())
    }

    fn leave_state(&mut self) -> io::Result<()> {
        match self.state.take() {
            Some((_, decoder)) => decoder.finish()?.1.finish(),
            None => Ok(()),
        }
    }

    fn error(&self, cause: &io::Error) -> Error {
        let leak = cause.get_ref().and_then(|inner| inner.downcast_ref::<Leak>());
        let Some(Leak { hash_of }) = leak else {
            return Error::not_searchable(&format!("{}, line {}", self.name, self.line), &cause.to_string());
        };
        Error::leak(&match hash_of {
            None => format!("{}, line {}", self.name, self.line),
            Some(StateStream::Model) => format!("a hash in {}, model state", self.name),
            Some(StateStream::Categorizer) => format!("a hash in {}, categorizer state", self.name),
            Some(StateStream::Quantiles) => format!("a hash in {}, quantiles", self.name),
        })
    }
}

/// Whether a text of the snapshot is a `quantile_state`, which may be uncompressed, or compressed data elsewhere.
fn is_quantiles(item: &Leaf<'_>) -> bool {
    item.text.starts_with(GZIP) || item.path.ends_with("quantile_state") && !item.text.is_empty()
}

fn leak_if(found: bool, hash_of: Option<StateStream>) -> io::Result<()> {
    match found {
        true => Err(io::Error::other(Leak { hash_of })),
        false => Ok(()),
    }
}

/// Searches a decoded state.
struct StateSearch<'s> {
    matcher: &'s LeakMatcher<'s>,
    stream: StateStream,
    items: LeafReader,
    hashes: FoundHashes,
}

impl<'s> StateSearch<'s> {
    fn new(matcher: &'s LeakMatcher<'s>, stream: StateStream) -> Self {
        Self {
            matcher,
            stream,
            items: LeafReader::default(),
            hashes: FoundHashes::default(),
        }
    }

    fn finish(mut self) -> io::Result<()> {
        let items = std::mem::take(&mut self.items);
        items.finish(&mut |item| self.element(item))?;
        let found = self.hashes.leak(self.matcher).map_err(io::Error::other)?;
        leak_if(found, Some(self.stream))
    }

    fn element(&mut self, item: &Leaf<'_>) -> io::Result<()> {
        if item.kind == Kind::Text {
            self.hashes.note(item.path, &item.text);
        }
        leak_if(
            self.matcher.contains_value(TextLocation::State(self.stream), item),
            None,
        )
    }
}

impl Write for StateSearch<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A few bytes may decompress to data that takes seconds to search.
        process::fail_if_cancelled().map_err(io::Error::other)?;
        let mut items = std::mem::take(&mut self.items);
        items.push(bytes, &mut |item| self.element(item))?;
        self.items = items;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

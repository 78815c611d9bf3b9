//! Searches one entry of an archive while it is read.

use std::io::{self, Write};

use super::encodings::JsonItems;
use super::matcher::{FoundHashes, LeakMatcher, TextLocation};
use crate::archive::EntryKind;
use crate::json::{Kind, Leaf};
use crate::pseudonym::error::{Error, Result};
use crate::state::TextDecoder;
use crate::state::schema::StateStream;
use crate::util::process;

/// The start of base64-encoded gzip.
const GZIP: &str = "H4sI";

/// Ends a search early.
#[derive(Debug, thiserror::Error)]
#[error("a replaced value")]
struct Leak;

/// An entry whose bytes arrive in pieces.
pub(super) struct EntrySearch<'s> {
    matcher: &'s LeakMatcher<'s>,
    name: String,
    kind: Option<EntryKind>,
    /// The line, starting with 1; always 1 in an entry with a single JSON text.
    line: u64,
    items: Option<JsonItems>,
    /// The common part of the IDs of the state documents that are being decoded, and their decoder.
    state: Option<(String, TextDecoder<StateSearch<'s>>)>,
    hashes: FoundHashes,
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
            state: None,
            hashes: FoundHashes::default(),
        })
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<()> {
        if !self.name.ends_with(".ndjson") {
            return self.part(bytes);
        }
        for (number, part) in bytes.split(|byte| *byte == b'\n').enumerate() {
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
        self.leave_state().map_err(|cause| self.error(&cause))?;
        let name = match self.hashes.leak(self.matcher)? {
            None => return Ok(()),
            Some(StateStream::Model) => "model state",
            Some(StateStream::Categorizer) => "categorizer state",
            Some(StateStream::Quantiles) => "quantiles",
        };
        Err(Error::leak(&format!("a hash in {}, {name}", self.name)))
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
        let read = items.finish(&mut |item| self.item(item));
        read.map_err(|cause| self.error(&cause))
    }

    fn item(&mut self, item: &Leaf<'_>) -> io::Result<()> {
        let is_text = item.kind == Kind::Text;
        match self.kind {
            Some(EntryKind::State) if is_text && self.is_action() && item.path.ends_with("._id") => {
                self.enter_state(&item.text)?;
            }
            Some(EntryKind::State) if is_text && item.path == "compressed" => {
                return self.state.as_mut().map_or(Ok(()), |(_, state)| state.push(item.text.as_bytes()));
            }
            Some(EntryKind::Snapshot) if is_text && item.text.starts_with(GZIP) => {
                let mut decoder = self.decoder(StateStream::Quantiles);
                decoder.push(item.text.as_bytes())?;
                self.hashes = decoder.finish()?.1.finish()?;
                return Ok(());
            }
            // Uncompressed quantiles.
            Some(EntryKind::Snapshot) if is_text && item.text.starts_with('[') => {
                let mut search = self.state_search(StateStream::Quantiles);
                search.write_all(item.text.as_bytes())?;
                self.hashes = search.finish()?;
            }
            _ => {}
        }
        let is_result = matches!(self.kind, Some(EntryKind::Results { .. }));
        if is_result && self.is_action() && self.matcher.hashes_value(&item.text) {
            return Err(io::Error::other(Leak));
        }
        let place = match self.is_action() {
            true => TextLocation::Other,
            false => TextLocation::of(self.kind),
        };
        check(self.matcher, place, item)
    }

    fn enter_state(&mut self, id: &str) -> io::Result<()> {
        let base = id.rsplit_once('#').map_or(id, |(base, _)| base);
        if self.state.as_ref().is_none_or(|(current, _)| current != base) {
            self.leave_state()?;
            let stream = match base.ends_with("_categorizer_state") {
                true => StateStream::Categorizer,
                false => StateStream::Model,
            };
            self.state = Some((base.to_owned(), self.decoder(stream)));
        }
        Ok(())
    }

    fn leave_state(&mut self) -> io::Result<()> {
        if let Some((_, decoder)) = self.state.take() {
            self.hashes = decoder.finish()?.1.finish()?;
        }
        Ok(())
    }

    fn decoder(&mut self, stream: StateStream) -> TextDecoder<StateSearch<'s>> {
        TextDecoder::new(self.state_search(stream), u64::MAX)
    }

    fn state_search(&mut self, stream: StateStream) -> StateSearch<'s> {
        StateSearch {
            matcher: self.matcher,
            stream,
            items: JsonItems::default(),
            hashes: std::mem::take(&mut self.hashes),
        }
    }

    fn error(&self, cause: &io::Error) -> Error {
        let place = format!("{}, line {}", self.name, self.line);
        match cause.get_ref().is_some_and(|inner| inner.is::<Leak>()) {
            true => Error::leak(&place),
            false => Error::not_searchable(&place, &cause.to_string()),
        }
    }
}

fn check(matcher: &LeakMatcher<'_>, place: TextLocation, item: &Leaf<'_>) -> io::Result<()> {
    match matcher.contains_value(place, item) {
        true => Err(io::Error::other(Leak)),
        false => Ok(()),
    }
}

/// Searches a decoded state.
struct StateSearch<'s> {
    matcher: &'s LeakMatcher<'s>,
    stream: StateStream,
    items: JsonItems,
    hashes: FoundHashes,
}

impl StateSearch<'_> {
    fn finish(mut self) -> io::Result<FoundHashes> {
        let items = std::mem::take(&mut self.items);
        items.finish(&mut |item| self.element(item))?;
        Ok(self.hashes)
    }

    fn element(&mut self, item: &Leaf<'_>) -> io::Result<()> {
        if item.kind == Kind::Text {
            self.hashes.note(self.stream, item.path, &item.text);
        }
        check(self.matcher, TextLocation::State(self.stream), item)
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

//! One entry of the archive, searched as it is read.

use super::encodings::{JsonItem, JsonItems};
use super::matcher::{LeakMatcher, SearchError, StateStream, TextLocation};
use super::state::{FoundHashes, StateDecoder, plain};
use crate::archive::EntryKind;
use crate::json::Kind;
use crate::pseudonym::error::{Error, Result};

/// How base64 of gzip begins.
const GZIP: &[u8] = b"H4sI";

/// An entry whose bytes come in pieces.
pub(super) struct EntrySearch<'s> {
    search: &'s LeakMatcher<'s>,
    name: String,
    kind: Option<EntryKind>,
    place: TextLocation,
    /// From 1; of an entry that is one JSON text always 1.
    line: u64,
    items: Option<JsonItems>,
    state: Option<State<'s>>,
    hashes: FoundHashes,
    documents: u64,
}

/// The state that is being decoded.
struct State<'s> {
    /// What its documents are called.
    base: String,
    decoder: StateDecoder<'s>,
}

impl<'s> EntrySearch<'s> {
    pub(super) fn new(search: &'s LeakMatcher<'s>, name: &str) -> Self {
        let kind = EntryKind::of_path(name);
        Self {
            search,
            name: name.to_owned(),
            kind,
            place: TextLocation::of(kind),
            line: 1,
            items: None,
            state: None,
            hashes: FoundHashes::new(),
            documents: 0,
        }
    }

    /// The entry's own name.
    pub(super) fn name(&self) -> Result<()> {
        let item = JsonItem {
            path: "",
            kind: Kind::Name,
            text: self.name.as_bytes(),
        };
        match self.search.contains_value(&TextLocation::Action, &item) {
            true => Err(SearchError::Leak.at("the name of an entry")),
            false => Ok(()),
        }
    }

    /// Documents that ended since the last call.
    pub(super) fn take_documents(&mut self) -> u64 {
        std::mem::take(&mut self.documents)
    }

    pub(super) fn push(&mut self, mut bytes: &[u8]) -> Result<()> {
        while let Some(end) = bytes
            .iter()
            .position(|byte| *byte == b'\n')
            .filter(|_| self.has_lines())
        {
            self.part(&bytes[..end])?;
            self.end_line()?;
            self.line += 1;
            bytes = &bytes[end + 1..];
        }
        self.part(bytes)
    }

    pub(super) fn finish(mut self) -> Result<()> {
        self.end_line()?;
        self.end_state()?;
        match self.search.hashed(&self.hashes)? {
            Some(stream) => Err(SearchError::Leak.at(&format!("a hash in {}, {}", self.name, named(stream)))),
            None => Ok(()),
        }
    }

    fn has_lines(&self) -> bool {
        self.name.ends_with(".ndjson")
    }

    /// Whether this line has the ID of the document that follows it.
    fn is_action(&self) -> bool {
        let actions = matches!(
            self.kind,
            Some(EntryKind::State | EntryKind::Categories | EntryKind::Inputs { .. })
        );
        actions && self.line % 2 == 1
    }

    fn part(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut items = self.items.take().unwrap_or_default();
        let read = items.push(bytes, &mut |item| self.item(item));
        self.items = Some(items);
        read.map_err(|found| self.error(found))
    }

    fn end_line(&mut self) -> Result<()> {
        let Some(items) = self.items.take() else {
            return Ok(());
        };
        let read = items.finish(&mut |item| self.item(item));
        self.documents += u64::from(!self.is_action());
        read.map_err(|found| self.error(found))
    }

    fn item(&mut self, item: &JsonItem<'_>) -> std::result::Result<(), SearchError> {
        match self.kind {
            Some(EntryKind::State) => self.state_item(item)?,
            Some(EntryKind::Snapshot) if item.kind == Kind::Text && item.text.starts_with(GZIP) => {
                let mut decoder = StateDecoder::new(self.search, StateStream::Quantiles);
                decoder.push(item.text)?;
                self.hashes.extend(decoder.finish()?);
                return Ok(());
            }
            Some(EntryKind::Snapshot) if item.kind == Kind::Text && item.text.starts_with(b"[") => {
                self.hashes
                    .extend(plain(self.search, StateStream::Quantiles, item.text)?);
            }
            _ => {}
        }
        let place = match self.is_action() {
            true => TextLocation::Action,
            false => self.place,
        };
        let compressed = self.kind == Some(EntryKind::State) && item.path == "compressed" && item.kind == Kind::Text;
        match !compressed && self.search.contains_value(&place, item) {
            true => Err(SearchError::Leak),
            false => Ok(()),
        }
    }

    fn state_item(&mut self, item: &JsonItem<'_>) -> std::result::Result<(), SearchError> {
        if item.kind != Kind::Text {
            return Ok(());
        }
        if self.is_action() && item.path.ends_with("._id") {
            let id = String::from_utf8_lossy(item.text);
            let base = id.rsplit_once('#').map_or(&*id, |(base, _)| base);
            if self.state.as_ref().is_none_or(|state| state.base != base) {
                self.leave_state()?;
                let stream = match base.ends_with("_categorizer_state") {
                    true => StateStream::Categorizer,
                    false => StateStream::Model,
                };
                self.state = Some(State {
                    base: base.to_owned(),
                    decoder: StateDecoder::new(self.search, stream),
                });
            }
        } else if let Some(state) = &mut self.state
            && item.path == "compressed"
        {
            state.decoder.push(item.text)?;
        }
        Ok(())
    }

    fn leave_state(&mut self) -> std::result::Result<(), SearchError> {
        if let Some(state) = self.state.take() {
            self.hashes.extend(state.decoder.finish()?);
        }
        Ok(())
    }

    fn end_state(&mut self) -> Result<()> {
        self.leave_state().map_err(|found| self.error(found))
    }

    fn error(&self, found: SearchError) -> Error {
        found.at(&format!("{}, line {}", self.name, self.line))
    }
}

fn named(stream: StateStream) -> &'static str {
    match stream {
        StateStream::Model => "model state",
        StateStream::Categorizer => "categorizer state",
        StateStream::Quantiles => "quantiles",
    }
}

//! The decoded state, and the hashes that it contains.

use std::collections::BTreeMap;
use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::write::GzDecoder;

use super::encodings::{JsonItem, JsonItems};
use super::matcher::{LeakMatcher, SearchError, StateStream, TextLocation};
use super::originals::ReplacedValues;
use crate::json::Kind;
use crate::pseudonym::error::Error;
use crate::state::hash::{half_scope, scope, word};
use crate::util::cancellation;

/// Pairs of values that are tried for each pair of fields.
const MAX_TRIED_PAIRS: usize = 30_000_000;

/// Hashes of values in the quantiles and of counted values in a model.
const HASH_PATHS: [&str; 3] = [
    "a.g.a.a",
    "detector.e.b.a.e.a.c.a.h.b.a",
    "detector.e.b.a.e.a.c.a.h.a.b",
];

/// Numbers that may be hashes, with the stream that they were met in, and whether only a hash can be at that place.
pub(super) type FoundHashes = BTreeMap<u64, (StateStream, bool)>;

/// Base64 of gzip of JSON, in pieces.
pub(super) struct StateDecoder<'s> {
    gzip: GzDecoder<StateSink<'s>>,
    /// Characters that do not make three bytes yet.
    rest: Vec<u8>,
}

struct StateSink<'s> {
    search: &'s LeakMatcher<'s>,
    stream: StateStream,
    items: JsonItems,
    hashes: FoundHashes,
    found: bool,
}

impl<'s> StateDecoder<'s> {
    pub(super) fn new(search: &'s LeakMatcher<'s>, stream: StateStream) -> Self {
        Self {
            gzip: GzDecoder::new(StateSink::new(search, stream)),
            rest: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, text: &[u8]) -> Result<(), SearchError> {
        self.rest.extend_from_slice(text);
        let whole = self.rest.len() / 4 * 4;
        let bytes = STANDARD
            .decode(&self.rest[..whole])
            .map_err(|cause| SearchError::unreadable(&cause))?;
        self.rest.drain(..whole);
        let written = self.gzip.write_all(&bytes);
        written.map_err(|cause| self.gzip.get_ref().error(&cause))
    }

    /// The hashes that were met.
    pub(super) fn finish(mut self) -> Result<FoundHashes, SearchError> {
        let tried = self.gzip.try_finish();
        tried.map_err(|cause| self.gzip.get_ref().error(&cause))?;
        let sink = self.gzip.finish().map_err(|cause| SearchError::unreadable(&cause))?;
        sink.finish()
    }
}

/// A state that is not compressed, as quantiles once were.
pub(super) fn plain(search: &LeakMatcher<'_>, stream: StateStream, text: &[u8]) -> Result<FoundHashes, SearchError> {
    let mut sink = StateSink::new(search, stream);
    sink.take(text)?;
    sink.finish()
}

impl<'s> StateSink<'s> {
    fn new(search: &'s LeakMatcher<'s>, stream: StateStream) -> Self {
        Self {
            search,
            stream,
            items: JsonItems::default(),
            hashes: FoundHashes::new(),
            found: false,
        }
    }

    fn error(&self, cause: &io::Error) -> SearchError {
        match self.found {
            true => SearchError::Leak,
            false => SearchError::unreadable(cause),
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), SearchError> {
        let Self {
            search,
            stream,
            items,
            hashes,
            ..
        } = self;
        items.push(bytes, &mut |item| search.element(*stream, item, hashes))
    }

    fn finish(mut self) -> Result<FoundHashes, SearchError> {
        let (search, stream) = (self.search, self.stream);
        let hashes = &mut self.hashes;
        self.items.finish(&mut |item| search.element(stream, item, hashes))?;
        Ok(self.hashes)
    }
}

impl Write for StateSink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // What a few bytes become when they are decompressed may take seconds to search.
        cancellation::check().map_err(io::Error::other)?;
        self.take(bytes).map_err(|found| {
            self.found |= matches!(found, SearchError::Leak);
            io::Error::other("the state")
        })?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl LeakMatcher<'_> {
    fn element(&self, stream: StateStream, item: &JsonItem<'_>, hashes: &mut FoundHashes) -> Result<(), SearchError> {
        let hash = std::str::from_utf8(item.text).ok().and_then(|text| text.parse().ok());
        if let Some(hash) = hash.filter(|_| item.kind == Kind::Text) {
            let only = HASH_PATHS.contains(&item.path);
            let known = hashes.entry(hash).or_insert((stream, only));
            known.1 |= only;
        }
        match self.contains_value(&TextLocation::State(stream), item) {
            true => Err(SearchError::Leak),
            false => Ok(()),
        }
    }

    /// The stream whose hashes are of a value, or of nothing that the new archive has.
    ///
    /// # Errors
    /// A signal: there may be many values and pairs of them.
    pub(super) fn hashed(&self, hashes: &FoundHashes) -> Result<Option<StateStream>, Error> {
        let found = self.find_hashed(hashes);
        Ok(cancellation::check().map(|()| found)?)
    }

    fn find_hashed(&self, hashes: &FoundHashes) -> Option<StateStream> {
        let strange = hashes
            .iter()
            .find(|(hash, (_, only))| *only && !self.token_hashes.contains(hash));
        if let Some((_, (stream, _))) = strange {
            return Some(*stream);
        }
        let known = |hash: u64| hashes.get(&hash).map(|(stream, _)| *stream);
        let texts: Vec<&str> = texts(self.values).collect();
        for text in cancellation::until_cancelled(texts.iter()) {
            let alone = self.persons.iter().map(|person| scope(["", "", person, text]));
            let in_partition = self.pairs.iter().flat_map(|(partition, person)| {
                [scope([partition, text, "", ""]), scope([partition, text, person, ""])]
            });
            if let Some(stream) = alone.chain(in_partition).find_map(known) {
                return Some(stream);
            }
            // Levels of scores have the hashes of names of fields.
            let word = hashes.get(&word(text));
            let word = word.filter(|(_, only)| *only || !self.vocabulary.contains(text.as_bytes()));
            if let Some((stream, _)) = word {
                return Some(*stream);
            }
        }
        let pairs = self
            .pairs
            .iter()
            .filter(|(partition, person)| !partition.is_empty() && self.persons.contains(person));
        for (partition, person) in cancellation::until_cancelled(pairs) {
            let tried = texts.len().saturating_mul(texts.len()).min(MAX_TRIED_PAIRS);
            let pairs = texts
                .iter()
                .map(|first| (half_scope(partition, first), &texts))
                .flat_map(|(hash, texts)| texts.iter().map(move |second| hash(person, second)));
            if let Some(stream) = cancellation::until_cancelled(pairs.take(tried)).find_map(known) {
                return Some(stream);
            }
        }
        None
    }
}

fn texts<'a>(values: &ReplacedValues<'a>) -> impl Iterator<Item = &'a str> {
    #[allow(clippy::expect_used, reason = "a value that is left out is not searched for")]
    values
        .iter()
        .map(|text| std::str::from_utf8(text).expect("every value is a text"))
}

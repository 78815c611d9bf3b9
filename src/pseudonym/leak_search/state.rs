//! The decoded state, and the hashes that it holds.

use std::collections::BTreeMap;
use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::write::GzDecoder;

use super::json_items::{Item, Items};
use super::originals::Originals;
use super::{Found, Place, Search, Subject};
use crate::error::Error;
use crate::json::Kind;
use crate::state::hash::{half_scope, scope, word};
use crate::util::cancellation;

/// Pairs of values that are tried for each pair of fields.
const MOST_TRIED: usize = 30_000_000;

/// Where values are in a decoded state, for those that other elements may hold by chance: short ones, numbers, and names
/// of fields. All others are searched for everywhere.
const VALUES: [&str; 7] = [
    "detector.d.c",
    "detector.e.b.a.b.a",
    "detector.e.b.a.c.a",
    "detector.e.b.a.e.a.a.l.a.a.d",
    "detector.e.b.a.e.b.a.l.a.a.d",
    "detector.e.b.a.e.a.c.a.h.b.b",
    "detector.e.b.a.e.a.c.a.h.a.a",
];
/// The same of metrics, behind the letter of the metric.
const OF_METRICS: [&str; 2] = [".a.c.b.d.a.a", ".a.c.b.e.a.b"];
/// Partition values of a categorizer.
const PARTITION: &str = "e.a";
/// Words of messages in a categorizer.
const MESSAGES: [&str; 3] = ["b.a", "b.c.a", "c.a.c"];
/// Hashes of values in the quantiles and of counted values in a model.
const HASHES: [&str; 3] = [
    "a.g.a.a",
    "detector.e.b.a.e.a.c.a.h.b.a",
    "detector.e.b.a.e.a.c.a.h.a.b",
];

/// Whether an element of a state holds values.
pub(super) fn is_value(subject: Subject, path: &str) -> bool {
    match subject {
        Subject::Model => {
            VALUES.contains(&path)
                || path
                    .strip_prefix("detector.e.b.a.e.b.")
                    .is_some_and(|rest| OF_METRICS.iter().any(|end| rest.ends_with(end)))
        }
        Subject::Categorizer => path == PARTITION,
        Subject::Quantiles => false,
    }
}

/// Whether an element of a state holds messages.
pub(super) fn is_message(subject: Subject, path: &str) -> bool {
    subject == Subject::Categorizer && MESSAGES.contains(&path)
}

/// Numbers that may be hashes, with the subject that they were met in, and whether only a hash can be at that place.
pub(super) type Hashes = BTreeMap<u64, (Subject, bool)>;

/// Base64 of gzip of JSON, in pieces.
pub(super) struct Decoder<'s> {
    gzip: GzDecoder<Sink<'s>>,
    /// Characters that do not make three bytes yet.
    rest: Vec<u8>,
}

struct Sink<'s> {
    search: &'s Search<'s>,
    subject: Subject,
    items: Items,
    hashes: Hashes,
    found: bool,
}

impl<'s> Decoder<'s> {
    pub(super) fn new(search: &'s Search<'s>, subject: Subject) -> Self {
        Self {
            gzip: GzDecoder::new(Sink::new(search, subject)),
            rest: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, text: &[u8]) -> Result<(), Found> {
        self.rest.extend_from_slice(text);
        let whole = self.rest.len() / 4 * 4;
        let bytes = STANDARD
            .decode(&self.rest[..whole])
            .map_err(|cause| Found::unreadable(&cause))?;
        self.rest.drain(..whole);
        let written = self.gzip.write_all(&bytes);
        written.map_err(|cause| self.gzip.get_ref().error(&cause))
    }

    /// The hashes that were met.
    pub(super) fn finish(mut self) -> Result<Hashes, Found> {
        let tried = self.gzip.try_finish();
        tried.map_err(|cause| self.gzip.get_ref().error(&cause))?;
        let sink = self.gzip.finish().map_err(|cause| Found::unreadable(&cause))?;
        sink.finish()
    }
}

/// A state that is not compressed, as quantiles once were.
pub(super) fn plain(search: &Search<'_>, subject: Subject, text: &[u8]) -> Result<Hashes, Found> {
    let mut sink = Sink::new(search, subject);
    sink.take(text)?;
    sink.finish()
}

impl<'s> Sink<'s> {
    fn new(search: &'s Search<'s>, subject: Subject) -> Self {
        Self {
            search,
            subject,
            items: Items::default(),
            hashes: Hashes::new(),
            found: false,
        }
    }

    fn error(&self, cause: &io::Error) -> Found {
        match self.found {
            true => Found::Value,
            false => Found::unreadable(cause),
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Found> {
        let Self {
            search,
            subject,
            items,
            hashes,
            ..
        } = self;
        items.push(bytes, &mut |item| search.element(*subject, item, hashes))
    }

    fn finish(mut self) -> Result<Hashes, Found> {
        let (search, subject) = (self.search, self.subject);
        let hashes = &mut self.hashes;
        self.items.finish(&mut |item| search.element(subject, item, hashes))?;
        Ok(self.hashes)
    }
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // What a few bytes become when they are decompressed may take seconds to search.
        cancellation::check().map_err(io::Error::other)?;
        self.take(bytes).map_err(|found| {
            self.found |= matches!(found, Found::Value);
            io::Error::other("the state")
        })?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Search<'_> {
    fn element(&self, subject: Subject, item: &Item<'_>, hashes: &mut Hashes) -> Result<(), Found> {
        let hash = std::str::from_utf8(item.text).ok().and_then(|text| text.parse().ok());
        if let Some(hash) = hash.filter(|_| item.kind == Kind::Text) {
            let only = HASHES.contains(&item.path);
            let known = hashes.entry(hash).or_insert((subject, only));
            known.1 |= only;
        }
        match self.holds(&Place::State(subject), item) {
            true => Err(Found::Value),
            false => Ok(()),
        }
    }

    /// The subject whose hashes are of a value, or of nothing that the new archive has.
    ///
    /// # Errors
    /// A signal: there may be many values and pairs of them.
    pub(super) fn hashed(&self, hashes: &Hashes) -> Result<Option<Subject>, Error> {
        let found = self.find_hashed(hashes);
        Ok(cancellation::check().map(|()| found)?)
    }

    fn find_hashed(&self, hashes: &Hashes) -> Option<Subject> {
        let strange = hashes
            .iter()
            .find(|(hash, (_, only))| *only && !self.written.contains(hash));
        if let Some((_, (subject, _))) = strange {
            return Some(*subject);
        }
        let known = |hash: u64| hashes.get(&hash).map(|(subject, _)| *subject);
        let texts: Vec<&str> = texts(self.originals).collect();
        for text in cancellation::until_cancelled(texts.iter()) {
            let alone = self.persons.iter().map(|person| scope(["", "", person, text]));
            let in_partition = self.pairs.iter().flat_map(|(partition, person)| {
                [scope([partition, text, "", ""]), scope([partition, text, person, ""])]
            });
            if let Some(subject) = alone.chain(in_partition).find_map(known) {
                return Some(subject);
            }
            // Levels of scores have the hashes of names of fields.
            let word = hashes.get(&word(text));
            let word = word.filter(|(_, only)| *only || !self.vocabulary.contains(text.as_bytes()));
            if let Some((subject, _)) = word {
                return Some(*subject);
            }
        }
        let pairs = self
            .pairs
            .iter()
            .filter(|(partition, person)| !partition.is_empty() && self.persons.contains(person));
        for (partition, person) in cancellation::until_cancelled(pairs) {
            let tried = texts.len().saturating_mul(texts.len()).min(MOST_TRIED);
            let pairs = texts
                .iter()
                .map(|first| (half_scope(partition, first), &texts))
                .flat_map(|(hash, texts)| texts.iter().map(move |second| hash(person, second)));
            if let Some(subject) = cancellation::until_cancelled(pairs.take(tried)).find_map(known) {
                return Some(subject);
            }
        }
        None
    }
}

fn texts<'a>(originals: &Originals<'a>) -> impl Iterator<Item = &'a str> {
    #[allow(clippy::expect_used, reason = "a value that is left out is not searched for")]
    originals
        .iter()
        .map(|text| std::str::from_utf8(text).expect("every value is a text"))
}

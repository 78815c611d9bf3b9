//! Whether a name, string, number or hash is or contains a value that was replaced.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;

use super::encodings::{self, JsonItem};
use super::values::{ReplacedValue, ReplacedValues};
use crate::archive::{ENDINGS, EntryKind};
use crate::job::{Detector, JobConfig};
use crate::json::Kind;
use crate::pseudonym::fields::{CATEGORY, ReplacedFields};
use crate::pseudonym::rewrite::Rewriter;
use crate::state::hash::{scope_hash, scope_hash_of_partition, value_hash};
use crate::state::schema::StateStream;
use crate::util::process::{self, Cancelled, until_cancelled};
use crate::values::Content;

/// Characters from which on a decoded text is compared with values as a whole.
const MIN_WHOLE_CHARACTERS: usize = 4;
/// A value may be encoded twice.
const MAX_ENCODINGS: usize = 2;

/// Where values are in a decoded model state, for those that other elements may hold by chance: short ones, numbers, and
/// names of fields. All others are searched for everywhere.
const VALUE_PATHS: [&str; 7] = [
    "detector.d.c",
    "detector.e.b.a.b.a",
    "detector.e.b.a.c.a",
    "detector.e.b.a.e.a.a.l.a.a.d",
    "detector.e.b.a.e.b.a.l.a.a.d",
    "detector.e.b.a.e.a.c.a.h.b.b",
    "detector.e.b.a.e.a.c.a.h.a.a",
];
/// The same of metrics, behind the letter of the metric.
const METRIC_VALUE_PATHS: [&str; 2] = [".a.c.b.d.a.a", ".a.c.b.e.a.b"];
/// Partition values of a categorizer.
const PARTITION_PATH: &str = "e.a";
/// Words of messages in a categorizer.
const MESSAGE_PATHS: [&str; 3] = ["b.a", "b.c.a", "c.a.c"];

/// Words that Elasticsearch writes into every archive, which a value may be too: names of members, and choices, of
/// configurations, documents and manifests.
const VOCABULARY: &str = include_str!("vocabulary.txt");

/// Parts of names of entries, beside their endings, and of IDs of documents, and how autodetect describes a snapshot.
const NAME_PARTS: [&str; 9] = [
    "ml-anomalies-snapshot_doc_",
    "_model_snapshot_",
    "_model_state_",
    "_categorizer_state#",
    "_category_definition_",
    "_manifest.json",
    ".ml-annotations",
    "State persisted due to job close at ",
    "Periodic background persist at ",
];

/// The kind of text that a name or value is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextLocation {
    /// An input document.
    Input,
    /// Another document: an annotation, a notification, a category, a filter, a calendar.
    Document,
    /// A configuration, a mapping, a snapshot document, a manifest, the line before a document, or what is not known.
    Other,
    /// A decoded state.
    State(StateStream),
}

impl TextLocation {
    pub(super) fn of(kind: Option<EntryKind>) -> Self {
        use EntryKind::{Annotations, Calendars, Categories, Filters, Inputs, Notifications};
        match kind {
            Some(Inputs { .. }) => Self::Input,
            Some(Annotations | Notifications | Categories | Filters | Calendars) => Self::Document,
            _ => Self::Other,
        }
    }

    /// Whether an element of a state contains values.
    fn has_values(self, path: &str) -> bool {
        let metric = || {
            let rest = path.strip_prefix("detector.e.b.a.e.b.");
            rest.is_some_and(|rest| METRIC_VALUE_PATHS.iter().any(|end| rest.ends_with(end)))
        };
        match self {
            Self::State(StateStream::Model) => VALUE_PATHS.contains(&path) || metric(),
            Self::State(StateStream::Categorizer) => path == PARTITION_PATH,
            _ => false,
        }
    }
}

/// Compares texts with the values.
pub(super) struct LeakMatcher<'a> {
    pub(super) values: &'a ReplacedValues<'a>,
    pub(super) fields: &'a ReplacedFields,
    pub(super) token_hashes: HashSet<u64>,
    /// Names that stay, and words of Elasticsearch.
    pub(super) vocabulary: HashSet<Vec<u8>>,
    /// Names that stay although there is a value in them.
    accepted: Vec<Vec<u8>>,
    /// The job has categories: their numbers stay.
    categories: bool,
}

impl<'a> LeakMatcher<'a> {
    pub(super) fn new(
        values: &'a ReplacedValues<'a>,
        rewriter: &'a Rewriter,
        config: &JobConfig,
        mut names: BTreeSet<String>,
    ) -> Self {
        let detectors = &config.analysis.detectors;
        names.extend(detectors.iter().map(|detector| detector.function.clone()));
        let parts = ENDINGS.iter().map(|(ending, _)| *ending).chain(NAME_PARTS);
        let accepted = names.iter().map(String::as_str).chain(parts).map(str::as_bytes);
        let accepted = accepted.filter(|name| values.is_contained_in(name, &mut |_, _| true));
        let words = VOCABULARY.split_ascii_whitespace();
        let vocabulary = names.iter().map(String::as_str).chain(words).map(str::as_bytes);
        Self {
            values,
            fields: &rewriter.fields,
            token_hashes: rewriter.hashes.token_hashes.values().copied().collect(),
            vocabulary: vocabulary.map(<[u8]>::to_vec).collect(),
            accepted: accepted.map(<[u8]>::to_vec).collect(),
            categories: (detectors.iter().flat_map(Detector::fields)).any(|field| field == CATEGORY),
        }
    }

    /// Whether a name or value of JSON is or contains an original.
    pub(super) fn contains_value(&self, place: TextLocation, item: &JsonItem<'_>) -> bool {
        self.is_value(place, item, item.text)
            || self.contains(place, item, item.text)
            || self.decoded_contains(place, item, item.text, MAX_ENCODINGS)
    }

    fn decoded_contains(&self, place: TextLocation, item: &JsonItem<'_>, text: &[u8], encodings: usize) -> bool {
        encodings > 0
            && encodings::decoded(text, &mut |text, whole| {
                (whole && text.len() >= MIN_WHOLE_CHARACTERS && self.is_value(place, item, text))
                    || self.contains(place, item, text)
                    || self.decoded_contains(place, item, text, encodings - 1)
            })
    }

    /// Whether the whole text is a value, where it can be no other text by chance.
    fn is_value(&self, place: TextLocation, item: &JsonItem<'_>, text: &[u8]) -> bool {
        let is_value = |text: &[u8]| self.values.get(text).filter(|value| !value.word);
        let Some(value) = is_value(text) else {
            // Values with commas between them.
            return item.path == "model_plot_config.terms"
                && item.text.contains(&b',')
                && (item.text.split(|byte| *byte == b',')).any(|term| is_value(term.trim_ascii()).is_some());
        };
        let name = item.path.rsplit('.').next().unwrap_or_default();
        let category = self.categories && text.iter().all(u8::is_ascii_digit);
        match (place, item.kind) {
            (TextLocation::Input, Kind::Name) => !self.fields.is_known(item.path),
            (TextLocation::Input, kind) => match self.fields.content(item.path) {
                Content::Kept => false,
                Content::Value(_) => kind == Kind::Text || value.number,
                _ => kind == Kind::Text || (value.number && value.is_long()),
            },
            (TextLocation::Document, Kind::Text) if name.ends_with("_field_value") || name == "items" => !category,
            (TextLocation::Document, Kind::Text) => name != CATEGORY && !self.vocabulary.contains(text),
            (TextLocation::Document, Kind::Name) => !value.number && !self.vocabulary.contains(text),
            (TextLocation::State(_), Kind::Text) => place.has_values(item.path) && !category,
            _ => false,
        }
    }

    fn contains(&self, place: TextLocation, item: &JsonItem<'_>, text: &[u8]) -> bool {
        let is_input = place == TextLocation::Input;
        let data = is_input && item.kind != Kind::Name;
        if data && self.fields.content(item.path) == Content::Kept {
            return false;
        }
        self.values.is_contained_in(text, &mut |range, value| {
            let stays = || self.vocabulary.contains(text) || self.is_accepted(text, &range);
            let known = || item.kind == Kind::Name && is_input && self.fields.is_known(item.path);
            self.counts(place, item, value) && (data || !(stays() || known()))
        })
    }

    /// Whether an occurrence of a word of messages counts here: others use such words too.
    fn counts(&self, place: TextLocation, item: &JsonItem<'_>, value: ReplacedValue) -> bool {
        use Content::{Message, OtherValue, Text};
        if !value.word {
            return true;
        }
        let messages = self.fields.messages.is_some();
        match place {
            TextLocation::Input if item.kind == Kind::Text => {
                matches!(self.fields.content(item.path), Message | Text | OtherValue)
            }
            TextLocation::Document => messages && matches!(item.path, "terms" | "examples" | "regex" | "grok_pattern"),
            TextLocation::State(StateStream::Categorizer) => messages && MESSAGE_PATHS.contains(&item.path),
            _ => false,
        }
    }

    /// Whether an occurrence is part of a name that stays.
    fn is_accepted(&self, text: &[u8], part: &Range<usize>) -> bool {
        self.accepted.iter().any(|name| {
            let begin = part.end.saturating_sub(name.len());
            (begin..=part.start).any(|begin| text[begin..].starts_with(name) && begin + name.len() >= part.end)
        })
    }
}

/// Pairs of values that are tried for each pair of fields.
const MAX_TRIED_PAIRS: usize = 30_000_000;

/// Hashes of values in the quantiles and of counted values in a model.
const HASH_PATHS: [&str; 3] = [
    "a.g.a.a",
    "detector.e.b.a.e.a.c.a.h.b.a",
    "detector.e.b.a.e.a.c.a.h.a.b",
];

/// Numbers that may be hashes, with the stream that they were met in, and whether only a hash can be at that place.
#[derive(Default)]
pub(super) struct FoundHashes(BTreeMap<u64, (StateStream, bool)>);

impl FoundHashes {
    /// Notes a text of a state that may be a hash.
    pub(super) fn note(&mut self, stream: StateStream, path: &str, text: &[u8]) {
        if let Some(hash) = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()) {
            let only = HASH_PATHS.contains(&path);
            self.0.entry(hash).or_insert((stream, only)).1 |= only;
        }
    }

    /// The stream whose hashes are of a value, or of nothing that the new archive has.
    ///
    /// # Errors
    /// A signal: there may be many values and pairs of them.
    pub(super) fn leak(&self, matcher: &LeakMatcher<'_>) -> Result<Option<StateStream>, Cancelled> {
        let found = self.unexplained(matcher).or_else(|| self.of_values(matcher));
        process::fail_if_cancelled().map(|()| found)
    }

    fn unexplained(&self, matcher: &LeakMatcher<'_>) -> Option<StateStream> {
        let mut only = self.0.iter().filter(|(_, (_, only))| *only);
        let strange = only.find(|(hash, _)| !matcher.token_hashes.contains(hash));
        strange.map(|(_, (stream, _))| *stream)
    }

    fn of_values(&self, matcher: &LeakMatcher<'_>) -> Option<StateStream> {
        let known = |hash: u64| self.0.get(&hash).map(|(stream, _)| *stream);
        let pairs = &matcher.fields.pairs;
        let persons = pairs.iter().map(|(_, person)| person);
        let persons = persons.chain(&matcher.fields.influencers);
        let persons: BTreeSet<&String> = persons.filter(|name| !name.is_empty() && *name != CATEGORY).collect();
        let texts: Vec<&str> = matcher.values.all.keys().copied().collect();
        for text in until_cancelled(texts.iter()) {
            let alone = persons.iter().map(|person| scope_hash(["", "", person, text]));
            let in_partition = pairs.iter().flat_map(|(partition, person)| {
                [
                    scope_hash([partition, text, "", ""]),
                    scope_hash([partition, text, person, ""]),
                ]
            });
            // Levels of scores have the hashes of names of fields.
            let word = self.0.get(&value_hash(text));
            let word = word.filter(|(_, only)| *only || !matcher.vocabulary.contains(text.as_bytes()));
            let found = alone.chain(in_partition).find_map(known);
            if let Some(stream) = found.or(word.map(|(stream, _)| *stream)) {
                return Some(stream);
            }
        }
        let mut pairs = pairs.iter().filter(|(partition, _)| !partition.is_empty());
        pairs.find_map(|(partition, person)| {
            let person = persons.get(person)?;
            let both = texts.iter().flat_map(|first| {
                let hash = scope_hash_of_partition(partition, first);
                texts.iter().map(move |second| hash(person, second))
            });
            until_cancelled(both.take(MAX_TRIED_PAIRS)).find_map(known)
        })
    }
}

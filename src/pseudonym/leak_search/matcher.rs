//! The replaced values, and whether a name, string, number or hash is or contains one of them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::OnceLock;

use super::encodings;
use crate::archive::{ENDINGS, EntryKind};
use crate::job::{Detector, JobConfig};
use crate::json::{Kind, Leaf};
use crate::pseudonym::fields::{CATEGORY, ReplacedFields};
use crate::pseudonym::rewrite::Rewriter;
use crate::pseudonym::tokens::{MIN_BYTES, PrefixIndex};
use crate::state::SNAPSHOT_DESCRIPTIONS;
use crate::state::hash::{scope_hash, scope_hash_of_partition, value_hash, values_id};
use crate::state::schema::StateStream;
use crate::util::format::is_among;
use crate::util::process::{self, Cancelled, until_cancelled};
use crate::values::Content;

/// The minimum number of characters of a decoded text that is compared with complete values.
const MIN_WHOLE_CHARACTERS: usize = 4;
/// A value may be encoded twice.
const MAX_ENCODINGS: usize = 2;

/// The paths of values in a decoded model state. They are used for values that other elements may contain by chance:
/// short values, numbers and names of fields. All other values are searched for everywhere.
const VALUE_PATHS: &str = "detector.d.c detector.e.b.a.b.a detector.e.b.a.c.a detector.e.b.a.e.a.a.l.a.a.d \
                           detector.e.b.a.e.b.a.l.a.a.d detector.e.b.a.e.a.c.a.h.b.b detector.e.b.a.e.a.c.a.h.a.a";
/// The same for metrics, after the letter of the metric.
const METRIC_VALUE_PATHS: [&str; 2] = [".a.c.b.d.a.a", ".a.c.b.e.a.b"];
/// The path of a categorizer's partition values.
const PARTITION_PATH: &str = "e.a";
/// The paths of message words in a categorizer.
const MESSAGE_PATHS: [&str; 3] = ["b.a", "b.c.a", "c.a.c"];

/// Words that Elasticsearch writes into every archive and that may also be values: names of members and options in
/// configurations, documents and manifests.
const VOCABULARY: &str = include_str!("vocabulary.txt");

/// Parts of entry names and document IDs.
const NAME_PARTS: &str = "ml-anomalies-snapshot_doc_ _model_snapshot_ _model_state_ _categorizer_state# \
                          _category_definition_ _bucket_ _bucket_influencer_ _influencer_ _record_ _model_plot_ \
                          _model_forecast_request_stats_ _model_size_stats_ _categorizer_stats_ _manifest.json \
                          .ml-annotations";
/// The kind of text that a name or value belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextLocation {
    /// An input document.
    Input,
    /// Another document: an annotation, a notification, a category, a result, a filter or a calendar.
    Document,
    /// A configuration, a mapping, a snapshot document, a manifest, an action line, or unknown text.
    Other,
    /// A decoded state.
    State(StateStream),
}

impl TextLocation {
    pub(super) fn of(kind: Option<EntryKind>) -> Self {
        use EntryKind::{Annotations, Calendars, Categories, Filters, Inputs, Notifications, Results};
        match kind {
            Some(Inputs { .. }) => Self::Input,
            Some(Annotations | Notifications | Categories | Results { .. } | Filters | Calendars) => Self::Document,
            _ => Self::Other,
        }
    }

    /// Whether an element of a state contains values.
    fn has_values(self, path: &str) -> bool {
        let is_metric = |metric: &str| METRIC_VALUE_PATHS.iter().any(|end| metric.ends_with(end));
        let metric = path.strip_prefix("detector.e.b.a.e.b.");
        match self {
            Self::State(StateStream::Model) => is_among(VALUE_PATHS, path) || metric.is_some_and(is_metric),
            Self::State(StateStream::Categorizer) => path == PARTITION_PATH,
            _ => false,
        }
    }
}

/// Returns the end of a result's ID: a hash and a length.
fn hash_in(id: &str) -> Option<&str> {
    let hash = id.rmatch_indices('_').nth(1);
    hash.map(|(at, _)| &id[at + 1..])
}

/// Compares texts with the replaced values.
pub(super) struct LeakMatcher<'a> {
    pub(super) values: &'a ReplacedValues<'a>,
    pub(super) fields: &'a ReplacedFields,
    pub(super) token_hashes: HashSet<u64>,
    /// Names that stay, and terms of Elasticsearch.
    pub(super) vocabulary: HashSet<Vec<u8>>,
    /// Names that stay although they contain a value.
    accepted: Vec<Vec<u8>>,
    /// Whether the job has categories, whose numbers stay.
    categories: bool,
    values_by_token: &'a BTreeMap<String, String>,
    /// The ends of the IDs of results with one value.
    result_hashes: OnceLock<HashSet<String>>,
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
        let parts = NAME_PARTS.split(' ').chain(SNAPSHOT_DESCRIPTIONS);
        let parts = parts.chain(ENDINGS.iter().map(|(ending, _)| *ending));
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
            values_by_token: &rewriter.tokens.file.tokens,
            result_hashes: OnceLock::new(),
        }
    }

    /// Whether the ID of a result contains the hash of a value.
    pub(super) fn hashes_value(&self, id: &str) -> bool {
        let hashes = self.result_hashes.get_or_init(|| {
            let is_category = |value: &str| self.categories && value.bytes().all(|byte| byte.is_ascii_digit());
            let values = self.values.all.keys().filter(|value| !is_category(value));
            until_cancelled(values).map(|value| values_id(value)).collect()
        });
        hash_in(id).is_some_and(|hash| hashes.contains(hash))
    }

    /// Whether the ID of a result contains the hash of the values whose tokens are in the result.
    pub(super) fn hashes_values_of(&self, id: &str, tokens: &[String]) -> bool {
        let value = |token: &String| self.values_by_token.get(token).unwrap_or(token).clone();
        let values: String = tokens.iter().map(value).collect();
        values != tokens.concat() && hash_in(id) == Some(&values_id(&values))
    }

    /// Whether a name or value in JSON is or contains a replaced value.
    pub(super) fn contains_value(&self, place: TextLocation, item: &Leaf<'_>) -> bool {
        let text = item.text.as_bytes();
        self.is_value(place, item, text)
            || self.contains(place, item, text)
            || self.decoded_contains(place, item, text, MAX_ENCODINGS)
    }

    fn decoded_contains(&self, place: TextLocation, item: &Leaf<'_>, text: &[u8], encodings: usize) -> bool {
        encodings > 0
            && encodings::decoded(text, &mut |text, whole| {
                (whole && text.len() >= MIN_WHOLE_CHARACTERS && self.is_value(place, item, text))
                    || self.contains(place, item, text)
                    || self.decoded_contains(place, item, text, encodings - 1)
            })
    }

    /// Whether the complete text is a value and is unlikely to be another text by chance.
    fn is_value(&self, place: TextLocation, item: &Leaf<'_>, text: &[u8]) -> bool {
        let is_value = |text: &[u8]| self.values.get(text).filter(|value| !value.word);
        let Some(value) = is_value(text) else {
            // Values separated by commas.
            return item.path == "model_plot_config.terms"
                && (item.text.split(',')).any(|term| is_value(term.trim().as_bytes()).is_some());
        };
        let name = item.path.rsplit('.').next().unwrap_or_default();
        let category = self.categories && text.iter().all(u8::is_ascii_digit);
        match (place, item.kind) {
            (TextLocation::Input, Kind::Name) => !self.fields.is_known(item.path),
            (TextLocation::Input, kind) => match self.fields.content(item.path) {
                Content::Kept => false,
                Content::Value(_) => kind == Kind::Text || value.number,
                _ => kind == Kind::Text || (value.number && value.has(MIN_BOUNDED_CHARACTERS)),
            },
            (TextLocation::Document, Kind::Text)
                if name.trim_end_matches('s').ends_with("_field_value") || name == "items" =>
            {
                !category
            }
            (TextLocation::Document, Kind::Text) => name != CATEGORY && !self.vocabulary.contains(text),
            (TextLocation::Document, Kind::Name) => !value.number && !self.vocabulary.contains(text),
            (TextLocation::State(_), Kind::Text) => place.has_values(item.path) && !category,
            _ => false,
        }
    }

    fn contains(&self, place: TextLocation, item: &Leaf<'_>, text: &[u8]) -> bool {
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

    /// Whether an occurrence of a message word counts here. Other texts may contain the same words.
    fn counts(&self, place: TextLocation, item: &Leaf<'_>, value: ReplacedValue) -> bool {
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

/// The maximum number of pairs of values that are tried for each pair of fields.
const MAX_TRIED_PAIRS: usize = 30_000_000;

/// The paths of value hashes in quantiles, and of counted values in a model.
const HASH_PATHS: &str = "a.g.a.a detector.e.b.a.e.a.c.a.h.b.a detector.e.b.a.e.a.c.a.h.a.b";

/// Numbers of a state that may be hashes, with whether there can only be a hash at that path.
#[derive(Default)]
pub(super) struct FoundHashes(BTreeMap<u64, bool>);

impl FoundHashes {
    /// Adds a text that may be a hash.
    pub(super) fn note(&mut self, path: &str, text: &str) {
        if let Ok(hash) = text.parse() {
            *self.0.entry(hash).or_default() |= is_among(HASH_PATHS, path);
        }
    }

    /// Whether a hash matches a value, or matches nothing in the new archive.
    ///
    /// # Errors
    /// A signal, since there may be many values and pairs.
    pub(super) fn leak(&self, matcher: &LeakMatcher<'_>) -> Result<bool, Cancelled> {
        let mut hashes = self.0.iter().filter(|(_, only)| **only);
        let is_leak = hashes.any(|(hash, _)| !matcher.token_hashes.contains(hash)) || self.match_value(matcher);
        process::fail_if_cancelled().map(|()| is_leak)
    }

    fn match_value(&self, matcher: &LeakMatcher<'_>) -> bool {
        let is_found = |hash: u64| self.0.contains_key(&hash);
        let pairs = &matcher.fields.pairs;
        let persons = pairs.iter().map(|(_, person)| person);
        let persons = persons.chain(&matcher.fields.influencers);
        let persons: BTreeSet<&String> = persons.filter(|name| !name.is_empty() && *name != CATEGORY).collect();
        let texts: Vec<&str> = matcher.values.all.keys().copied().collect();
        let is_hashed = |text: &&str| {
            // Levels of scores contain the hashes of field names.
            let word = self.0.get(&value_hash(text));
            word.is_some_and(|only| *only || !matcher.vocabulary.contains(text.as_bytes()))
                || (persons.iter()).any(|person| is_found(scope_hash(["", "", person, text])))
                || pairs.iter().any(|(partition, person)| {
                    let hash = scope_hash_of_partition(partition, text);
                    is_found(hash("", "")) || is_found(hash(person, ""))
                })
        };
        let mut partitioned = pairs.iter().filter(|(partition, _)| !partition.is_empty());
        until_cancelled(texts.iter()).any(is_hashed)
            || partitioned.any(|(partition, person)| {
                let both = texts.iter().flat_map(|first| {
                    let hash = scope_hash_of_partition(partition, first);
                    texts.iter().map(move |second| hash(person, second))
                });
                persons.contains(person) && until_cancelled(both.take(MAX_TRIED_PAIRS)).any(is_found)
            })
    }
}

/// The minimum length for occurrences of a value within a longer text, between word boundaries.
const MIN_BOUNDED_CHARACTERS: usize = MIN_BYTES;
/// The minimum length for occurrences without word boundaries.
const MIN_UNBOUNDED_CHARACTERS: usize = 12;
/// The minimum number of digits for an integer to be as distinctive as a text.
const MIN_DISTINCTIVE_DIGITS: usize = 15;
/// The properties of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReplacedValue {
    /// Whether it was only found as a word in messages, so that other texts may contain it.
    pub(super) word: bool,
    /// Whether it can be parsed as a number.
    pub(super) number: bool,
    /// Its length in characters, at most 255.
    characters: u8,
}

impl ReplacedValue {
    fn has(self, characters: usize) -> bool {
        usize::from(self.characters) >= characters
    }

    /// Whether it is distinctive enough to be searched for inside longer texts.
    fn is_distinctive(self) -> bool {
        self.has(match self.number {
            true => MIN_DISTINCTIVE_DIGITS,
            false => MIN_BOUNDED_CHARACTERS,
        })
    }
}

/// The replaced values.
#[derive(Default)]
pub(super) struct ReplacedValues<'a> {
    pub(super) all: HashMap<&'a str, ReplacedValue>,
    /// Beginnings of values. The beginning of a very long value reveals as much as the complete value, and is one too.
    beginnings: PrefixIndex,
}

impl<'a> ReplacedValues<'a> {
    /// Receives values, each with whether it is only a word in messages.
    pub(super) fn new(values: impl Iterator<Item = (&'a str, bool)>) -> Self {
        let mut replaced = Self::default();
        for (text, word) in values.filter(|(text, _)| !text.is_empty()) {
            let value = ReplacedValue {
                word,
                number: text.parse::<f64>().is_ok(),
                characters: text.chars().count().try_into().unwrap_or(u8::MAX),
            };
            replaced.all.insert(text, value);
            if value.is_distinctive() {
                let beginning = replaced.beginnings.add(text);
                replaced.all.entry(beginning).or_insert(value);
            }
        }
        replaced
    }

    /// Returns the value that is equal to these bytes.
    pub(super) fn get(&self, text: &[u8]) -> Option<ReplacedValue> {
        self.all.get(std::str::from_utf8(text).ok()?).copied()
    }

    /// Whether a value is inside a text; `counts` decides about each occurrence.
    pub(super) fn is_contained_in(
        &self,
        text: &[u8],
        counts: &mut dyn FnMut(Range<usize>, ReplacedValue) -> bool,
    ) -> bool {
        (0..text.len()).any(|at| {
            self.beginnings.lengths(&text[at..]).any(|length| {
                let range = at..at + length;
                let value = text.get(range.clone()).and_then(|found| self.get(found));
                value.filter(|value| value.is_distinctive()).is_some_and(|value| {
                    let is_anywhere = value.has(MIN_UNBOUNDED_CHARACTERS) && !value.word;
                    (is_anywhere || is_bounded(text, &range, value.word)) && counts(range, value)
                })
            })
        })
    }
}

/// Whether a part of a text does not begin or end inside a word. With `whole`, `_`, `-` and `.` join letters and
/// digits, as autodetect does for messages.
fn is_bounded(text: &[u8], part: &Range<usize>, whole: bool) -> bool {
    let (before, within, after) = (&text[..part.start], &text[part.clone()], &text[part.end..]);
    let begins = !(ends_in_word(before) && begins_with_word(within));
    let ends = !(begins_with_word(after) && ends_in_word(within));
    let is_joined = || {
        let left = before.iter().rposition(|byte| !joins(*byte)).map_or(0, |last| last + 1);
        let right = after.iter().position(|byte| !joins(*byte)).unwrap_or(after.len());
        (left < before.len() && ends_in_word(&before[..left])) || (right > 0 && begins_with_word(&after[right..]))
    };
    begins && ends && !(whole && is_joined())
}

fn joins(byte: u8) -> bool {
    matches!(byte, b'_' | b'-' | b'.')
}

/// Whether a letter or digit comes first. Invalid UTF-8 does not count.
fn begins_with_word(text: &[u8]) -> bool {
    let first = text[..text.len().min(4)].utf8_chunks().next();
    first.is_some_and(|chunk| chunk.valid().starts_with(char::is_alphanumeric))
}

fn ends_in_word(text: &[u8]) -> bool {
    let text = &text[text.len().saturating_sub(4)..];
    let begin = text.iter().rposition(|byte| !matches!(byte, 0x80..=0xbf)).unwrap_or(0);
    std::str::from_utf8(&text[begin..]).is_ok_and(|last| last.ends_with(char::is_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(values: &[&str], text: &str) -> bool {
        let values = values.iter().map(|value| match value.strip_prefix("w:") {
            Some(word) => (word, true),
            None => (*value, false),
        });
        ReplacedValues::new(values).is_contained_in(text.as_bytes(), &mut |_, _| true)
    }

    #[test]
    fn a_value_is_found_between_word_boundaries_and_a_long_one_anywhere() {
        for (value, text, wanted) in [
            ("server", "server", true),
            ("server", "the server-1 of", true),
            ("server", "(server)", true),
            ("server", "servers", false),
            ("server", "observer observers", false),
            ("server", "eserver server", true),
            ("web-01", "xweb-01", false),
            ("web-01", "x.web-01.y", true),
            ("bücher", "die bücher", true),
            ("bücher", "bücherei", false),
            ("bücher", "übücher", false),
            ("😀😀😀😀😀😀", "a😀😀😀😀😀😀b", true),
            ("\"a\" \n b", "x\"a\" \n b", true),
            ("alice.muster", "xalice.muster2", true),
            // Too short, or too similar to any number.
            ("web", "web", false),
            ("123456", "123456", false),
            ("1234567.25", "1234567.25", false),
            ("123456789012345", "n=123456789012345", true),
            // Words of messages must be complete words.
            ("w:failed", "it failed.", true),
            ("w:failed", "failed-login", false),
            ("w:failed", "_failed_", true),
            ("w:authentication", "authentications", false),
        ] {
            assert_eq!(found(&[value], text), wanted, "{value} in {text}");
        }
    }

    #[test]
    fn very_long_value_is_found_by_its_prefix() {
        let value = "ä".repeat(3000);
        assert!(found(&[&value], &format!("x {}", &value[..70])));
        assert!(!found(&[&value], &value[..60]));
        assert!(found(&["abcdefg", &value], "an abcdefg"));
    }

    #[test]
    fn longest_match_is_tried_first() {
        let values = ["aaaaaa", "aaaaaaaa", "aaaaaaaaaaaaaaaa"];
        let values = ReplacedValues::new(values.iter().map(|value| (*value, false)));
        let mut lengths = Vec::new();
        values.is_contained_in(&[b'a'; 16], &mut |range, _| {
            lengths.push(range.len());
            false
        });
        assert_eq!(lengths, [16]);
        assert!(values.is_contained_in(b"aaaaaaaa", &mut |_, _| true));
        assert!(!values.is_contained_in(b"aaaaaaaaa", &mut |_, _| true));
    }
}

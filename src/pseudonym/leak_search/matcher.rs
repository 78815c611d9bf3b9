//! Whether a name, string or number is or contains a value that was replaced.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

use super::encodings::{self, JsonItem};
use super::originals::{ReplacedValue, ReplacedValues};
use super::vocabulary;
use crate::archive::EntryKind;
use crate::job::{Detector, JobConfig};
use crate::json::{self, Kind};
use crate::pseudonym::error::Error;
use crate::pseudonym::fields::{CATEGORY, ReplacedFields};
use crate::pseudonym::rewrite::Rewriter;
use crate::values::Content;

/// Characters from which on a decoded text is compared with values as a whole.
const MIN_WHOLE_CHARACTERS: usize = 4;

/// Where values are in a decoded state, for those that other elements may hold by chance: short ones, numbers, and names
/// of fields. All others are searched for everywhere.
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

/// Whether an element of a state contains values.
fn is_value(stream: StateStream, path: &str) -> bool {
    match stream {
        StateStream::Model => {
            VALUE_PATHS.contains(&path)
                || path
                    .strip_prefix("detector.e.b.a.e.b.")
                    .is_some_and(|rest| METRIC_VALUE_PATHS.iter().any(|end| rest.ends_with(end)))
        }
        StateStream::Categorizer => path == PARTITION_PATH,
        StateStream::Quantiles => false,
    }
}

/// Whether an element of a state contains messages.
fn is_message(stream: StateStream, path: &str) -> bool {
    stream == StateStream::Categorizer && MESSAGE_PATHS.contains(&path)
}

/// Which state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StateStream {
    Model,
    Categorizer,
    Quantiles,
}

/// The kind of text that a name or value is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextLocation {
    /// An input document.
    Input,
    /// Another document: an annotation, a notification, a category, a filter, a calendar.
    Document,
    /// A configuration, a mapping, a snapshot document, a manifest, or what is not known.
    Other,
    /// The line before a document.
    Action,
    /// A decoded state.
    State(StateStream),
}

impl TextLocation {
    pub(super) fn of(kind: Option<EntryKind>) -> Self {
        match kind {
            Some(EntryKind::Inputs { .. }) => Self::Input,
            Some(
                EntryKind::Annotations
                | EntryKind::Notifications
                | EntryKind::Categories
                | EntryKind::Filters
                | EntryKind::Calendars,
            ) => Self::Document,
            _ => Self::Other,
        }
    }
}

/// Why a search ends early.
#[derive(Debug)]
pub(super) enum SearchError {
    Leak,
    /// What was written cannot be read.
    Unreadable(String),
}

impl SearchError {
    pub(super) fn unreadable(cause: &dyn std::fmt::Display) -> Self {
        Self::Unreadable(cause.to_string())
    }

    pub(super) fn at(self, place: &str) -> Error {
        match self {
            Self::Leak => Error::leak(place),
            Self::Unreadable(why) => Error::not_searchable(place, &why),
        }
    }
}

impl From<json::Error> for SearchError {
    fn from(error: json::Error) -> Self {
        Self::unreadable(&error)
    }
}

pub(super) struct LeakMatcher<'a> {
    pub(super) values: &'a ReplacedValues<'a>,
    pub(super) fields: &'a ReplacedFields,
    /// Hashes of tokens.
    pub(super) token_hashes: HashSet<u64>,
    /// Names that stay, and words of Elasticsearch.
    pub(super) vocabulary: HashSet<Vec<u8>>,
    /// Names that stay although there is a value in them.
    pub(super) accepted: Vec<Vec<u8>>,
    pub(super) persons: BTreeSet<String>,
    pub(super) pairs: BTreeSet<(String, String)>,
    /// The job has categories: their numbers stay.
    pub(super) categories: bool,
}

impl<'a> LeakMatcher<'a> {
    pub(super) fn new(
        values: &'a ReplacedValues<'a>,
        rewriter: &'a Rewriter,
        config: &JobConfig,
        mut names: BTreeSet<String>,
    ) -> Self {
        let fields = &*rewriter.fields;
        let persons = fields.pairs.iter().map(|(_, person)| person).chain(&fields.influencers);
        let persons = persons.filter(|name| !name.is_empty() && *name != CATEGORY).cloned();
        let detectors = &config.analysis.detectors;
        names.extend(detectors.iter().map(|detector| detector.function.clone()));
        let parts = vocabulary::PARTS.iter().chain(&vocabulary::DESCRIPTIONS);
        let accepted = names.iter().map(String::as_str).chain(parts.copied());
        let accepted = accepted.filter(|name| values.is_contained_in(name.as_bytes(), &mut |_, _| true));
        let accepted = accepted.map(|name| name.as_bytes().to_vec()).collect();
        let vocabulary = names.into_iter().chain(vocabulary::words().map(str::to_owned));
        Self {
            values,
            fields,
            token_hashes: rewriter.hashes.token_hashes.values().copied().collect(),
            vocabulary: vocabulary.map(String::into_bytes).collect(),
            accepted,
            persons: persons.collect(),
            pairs: fields.pairs.clone(),
            categories: detectors
                .iter()
                .flat_map(Detector::fields)
                .any(|field| field == CATEGORY),
        }
    }

    /// Whether a name or value of JSON is or contains an original.
    pub(super) fn contains_value(&self, place: &TextLocation, item: &JsonItem<'_>) -> bool {
        self.is_value(place, item, item.text)
            || self.contains(place, item, item.text)
            || encodings::decoded(item.text, &mut |text, whole| {
                self.decoded(place, item, text, whole)
                    || encodings::decoded(text, &mut |text, whole| self.decoded(place, item, text, whole))
            })
    }

    pub(super) fn decoded(&self, place: &TextLocation, item: &JsonItem<'_>, text: &[u8], whole: bool) -> bool {
        (whole && text.len() >= MIN_WHOLE_CHARACTERS && self.is_value(place, item, text))
            || self.contains(place, item, text)
    }

    /// Whether the whole text is a value, where it can be no other text by chance.
    pub(super) fn is_value(&self, place: &TextLocation, item: &JsonItem<'_>, text: &[u8]) -> bool {
        let Some(original) = self.values.get(text).filter(|original| !original.word) else {
            return self.is_list(item);
        };
        let name = item.path.rsplit('.').next().unwrap_or_default();
        let category = self.categories && text.iter().all(u8::is_ascii_digit);
        match (place, item.kind) {
            (TextLocation::Input, Kind::Name) => !self.fields.is_known(item.path),
            (TextLocation::Input, kind) => match self.fields.content(item.path) {
                Content::Kept => false,
                Content::Value(_) => kind == Kind::Text || original.number,
                _ => kind == Kind::Text || (original.number && original.is_long()),
            },
            (TextLocation::Document, Kind::Text) if name.ends_with("_field_value") || name == "items" => !category,
            (TextLocation::Document, Kind::Text) => name != CATEGORY && !self.vocabulary.contains(text),
            (TextLocation::Document, Kind::Name) => !original.number && !self.vocabulary.contains(text),
            (TextLocation::State(stream), Kind::Text) => is_value(*stream, item.path) && !category,
            _ => false,
        }
    }

    /// Values with commas between them.
    pub(super) fn is_list(&self, item: &JsonItem<'_>) -> bool {
        item.path == "model_plot_config.terms"
            && item.text.contains(&b',')
            && item.text.split(|byte| *byte == b',').any(|term| {
                let original = self.values.get(term.trim_ascii());
                original.is_some_and(|original| !original.word)
            })
    }

    pub(super) fn contains(&self, place: &TextLocation, item: &JsonItem<'_>, text: &[u8]) -> bool {
        let data = *place == TextLocation::Input && item.kind != Kind::Name;
        if data && self.fields.content(item.path) == Content::Kept {
            return false;
        }
        self.values.is_contained_in(text, &mut |range, original| {
            let stays = || self.vocabulary.contains(text) || self.is_accepted(text, &range);
            let known = || item.kind == Kind::Name && *place == TextLocation::Input && self.fields.is_known(item.path);
            self.counts(place, item, original) && (data || !(stays() || known()))
        })
    }

    /// Whether an occurrence of a word of messages counts here: others use such words too.
    pub(super) fn counts(&self, place: &TextLocation, item: &JsonItem<'_>, original: ReplacedValue) -> bool {
        if !original.word {
            return true;
        }
        let messages = self.fields.messages.is_some();
        match place {
            TextLocation::Input if item.kind == Kind::Text => matches!(
                self.fields.content(item.path),
                Content::Message | Content::Text | Content::OtherValue
            ),
            TextLocation::Document => messages && matches!(item.path, "terms" | "examples" | "regex" | "grok_pattern"),
            TextLocation::State(stream) => messages && is_message(*stream, item.path),
            _ => false,
        }
    }

    /// Whether an occurrence is part of a name that stays.
    pub(super) fn is_accepted(&self, text: &[u8], part: &Range<usize>) -> bool {
        self.accepted.iter().any(|name| {
            let begin = part.end.saturating_sub(name.len());
            (begin..=part.start).any(|begin| text[begin..].starts_with(name) && begin + name.len() >= part.end)
        })
    }
}

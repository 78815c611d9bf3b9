//! Which fields' values are replaced, and where those stand in the inputs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::normalizers::Normalizers;
use super::time_shifts::{TimeShiftRules, parsed};
use crate::archive::Contents;
use crate::job::{
    FieldReader, InputMappings, JobConfig, fields_read_by, includes, matches_wildcard, needed_fields, without_query,
};
use crate::pseudonym::error::{Error, Result};

/// The field of categories: its values are their numbers, which say nothing and must stay.
pub(crate) const CATEGORY: &str = "mlcategory";

/// Types whose values are objects or lists of numbers, or texts that spell them.
const COMPOSITE: [&str; 11] = [
    "aggregate_metric_double",
    "dense_vector",
    "exponential_histogram",
    "geo_point",
    "geo_shape",
    "histogram",
    "point",
    "rank_features",
    "shape",
    "sparse_vector",
    "tdigest",
];

/// The fields of a job by what becomes of their values.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    /// Those whose values are replaced.
    chosen: BTreeSet<String>,
    /// By the paths that they have in inputs.
    sources: BTreeMap<String, String>,
    /// The field of messages, and its paths in inputs, where its words are replaced.
    pub(crate) messages: Option<(String, BTreeSet<String>)>,
    /// Paths of numbers: metrics, counts, the time.
    numbers: BTreeSet<String>,
    /// Paths of values to replace for which no token can stand, with the reason.
    irreplaceable: BTreeMap<String, String>,
    /// Paths that the datafeed reads other than by its query.
    read: BTreeSet<String>,
    /// What only the query of the datafeed reads.
    pub(crate) only_queried: OnlyQueried,
    /// Paths by the type that the sources map them to.
    types: BTreeMap<String, String>,
    /// What the indices do to values of the chosen ones.
    pub(crate) normalizers: Normalizers,
    /// The job's rules that shift time.
    pub(crate) time_shifts: TimeShiftRules,
    /// Partition field names, for categorizers.
    partition: Option<String>,
    /// For explaining hashes.
    pub(crate) pairs: BTreeSet<(String, String)>,
    /// Likewise.
    pub(crate) influencers: BTreeSet<String>,
    /// What the sources map, parsed and as it is.
    pub(crate) mappings: InputMappings,
    /// Likewise.
    pub(crate) mapping: Value,
}

/// Fields that only the query of the datafeed reads: they are not in a pseudonymized archive.
#[derive(Debug, Default)]
pub(crate) struct OnlyQueried {
    /// Paths, or patterns of them, that the query reads.
    queried: BTreeSet<String>,
    /// The same of what else needs fields.
    needed: BTreeSet<String>,
    /// Runtime fields of the mapping.
    pub(crate) runtime: BTreeSet<String>,
}

impl OnlyQueried {
    fn of(contents: &Contents, config: &JobConfig, written: &JobConfig, mappings: &InputMappings) -> Result<Self> {
        let Some(feed) = config.datafeed() else {
            return Ok(Self::default());
        };
        let asked = contents
            .manifest
            .as_ref()
            .and_then(|manifest| manifest.options.get("input-field"));
        let asked = asked.and_then(Value::as_array).into_iter().flatten();
        let asked: Vec<String> = asked.filter_map(|name| Some(name.as_str()?.to_owned())).collect();
        let needed = needed_fields(&without_query(written)?, mappings, &asked);
        let query = FieldReader::Query(&feed.query);
        let queried = fields_read_by(query, feed.runtime_mappings.as_ref(), mappings);
        let queried_only = |name: &&String| !needed.fields.iter().any(|needed| includes(needed, name));
        Ok(Self {
            queried: queried.fields.iter().filter(queried_only).cloned().collect(),
            runtime: queried.runtime.difference(&needed.runtime).cloned().collect(),
            needed: needed.fields,
        })
    }

    /// Whether a member of an input document is one of these, with all that is in it.
    pub(crate) fn contains(&self, path: &str) -> bool {
        let is_needed = |needed: &String| includes(needed, path) || includes(path, needed);
        self.queried.iter().any(|queried| includes(queried, path)) && !self.needed.iter().any(is_needed)
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.queried.is_empty() && self.runtime.is_empty()
    }

    /// Paths, or patterns of them.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.queried.iter().map(String::as_str)
    }
}

/// What stands at a place of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input<'a> {
    /// A value of this field.
    Value(&'a str),
    /// A message.
    Message,
    /// A metric, a count, a time: it stays.
    Number,
    /// Something that the datafeed reads, or that is no text: it stays but for values in it.
    Read,
    /// An address of a field that the job does not use.
    Address,
    /// Part of an object that is a value of this field.
    Part(&'a str),
    /// A text of a type that takes no token: it is left out.
    Untokenized,
    /// Any other text.
    Text,
}

impl Fields {
    /// Those of a job; `written` is what of it is written, perhaps without the datafeed; `only` names the fields that are
    /// chosen, where not all are.
    pub(crate) fn of(
        contents: &Contents,
        config: &JobConfig,
        written: &JobConfig,
        only: Option<&[String]>,
    ) -> Result<Self> {
        let mapping = contents.input_mapping.as_deref();
        let parsed = mapping.map(parsed);
        let mappings = mapping.map(|text| InputMappings::parse(text.get().as_bytes()));
        let mappings = mappings.transpose()?.unwrap_or_default();
        let mut fields = Self {
            read: needed_fields(&without_query(written)?, &mappings, &[]).fields,
            only_queried: OnlyQueried::of(contents, config, written, &mappings)?,
            types: mappings
                .types()
                .into_iter()
                .map(|(path, kind)| (path.to_owned(), kind.to_owned()))
                .collect(),
            influencers: config.analysis.influencers.iter().cloned().collect(),
            time_shifts: TimeShiftRules::of(config, contents),
            ..Self::default()
        };
        let mut all = fields.named(config);
        let messages = config.categorization_field().map(str::to_owned);
        if let Some(only) = only {
            let known = |name: &String| all.contains(name) || messages.as_ref() == Some(name);
            if let Some(unknown) = only.iter().find(|name| !known(name)) {
                return Err(Error::UnknownField {
                    field: unknown.clone(),
                    known: all.iter().chain(&messages).cloned().collect(),
                });
            }
            all.retain(|name| only.contains(name));
        }
        fields.messages = messages
            .filter(|name| only.is_none_or(|only| only.contains(name)))
            .map(|name| (name.clone(), mappings.source_paths(&name)));
        let renamed = config.datafeed().and_then(|feed| feed.aggregations.as_ref());
        let renamed = renamed.map(aggregated).unwrap_or_default();
        for name in &all {
            let source = renamed.get(name).map_or(name.as_str(), String::as_str);
            for path in mappings.source_paths(source).into_iter().chain([source.to_owned()]) {
                fields.sources.insert(path, name.clone());
            }
        }
        for name in numbers(config) {
            fields.numbers.extend(mappings.source_paths(name));
        }
        fields.irreplaceable = fields.find_irreplaceable();
        let mapped = |name| (name, renamed.get(name).map_or(name, String::as_str));
        let mapped = all.iter().map(String::as_str).map(mapped);
        let message = fields.messages.as_ref().map(|(name, _)| name.as_str());
        fields.normalizers = Normalizers::of(&mappings, mapped).and_messages(&mappings, message);
        fields.chosen = all;
        fields.mappings = mappings;
        fields.mapping = parsed.unwrap_or_default();
        Ok(fields)
    }

    /// All fields whose values name something; notes which belong together.
    fn named(&mut self, config: &JobConfig) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        let mut add = |name: Option<&str>| {
            if let Some(name) = name.filter(|name| *name != CATEGORY) {
                all.insert(name.to_owned());
            }
        };
        for detector in &config.analysis.detectors {
            add(detector.partition.as_deref());
            add(detector.by.as_deref());
            add(detector.over.as_deref());
            if counts_texts(&detector.function) {
                add(detector.field.as_deref());
            }
            let partition = detector.partition.clone().unwrap_or_default();
            let person = detector
                .over
                .as_ref()
                .or(detector.by.as_ref())
                .cloned()
                .unwrap_or_default();
            self.partition = self.partition.take().or_else(|| detector.partition.clone());
            self.pairs.insert((partition, person));
        }
        config.analysis.influencers.iter().for_each(|name| add(Some(name)));
        all
    }

    /// Whether values of this field are replaced.
    pub(crate) fn is_chosen(&self, field: &str) -> bool {
        self.chosen.contains(field)
    }

    /// Names of the fields whose values are replaced.
    pub(crate) fn chosen(&self) -> impl Iterator<Item = &str> {
        self.chosen.iter().map(String::as_str)
    }

    /// Paths and names that values of a field stand under.
    pub(crate) fn places(&self) -> impl Iterator<Item = (&str, &str)> {
        let sources = self.sources.iter().map(|(path, name)| (path.as_str(), name.as_str()));
        sources.chain(self.chosen.iter().map(|name| (name.as_str(), name.as_str())))
    }

    /// Paths and the name that messages stand under, where their words are replaced.
    pub(crate) fn message_places(&self) -> impl Iterator<Item = &str> {
        let messages = self.messages.iter();
        messages.flat_map(|(name, paths)| paths.iter().map(String::as_str).chain([name.as_str()]))
    }

    /// Whether values that are replaced are at a place of documents, around it or below it, or have this name.
    pub(crate) fn is_replaced(&self, path: &str) -> bool {
        let path = path.strip_suffix(".keyword").unwrap_or(path);
        let replaced = |path: &str| matches!(self.input(path), Input::Value(_) | Input::Message);
        let covers = |place: &str| {
            let below = place.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
            below || matches_wildcard(path, place)
        };
        // The end may be a property of the value.
        replaced(path)
            || path.rsplit_once('.').is_some_and(|(above, _)| replaced(above))
            || self.places().any(|(place, _)| covers(place))
            || self.message_places().any(covers)
    }

    /// Whether a name is that of a field whose values are replaced, or of an object around one.
    pub(crate) fn is_made_of_replaced(&self, name: &str) -> bool {
        let inside = |chosen: &str| chosen.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        self.is_chosen(name) || self.chosen().any(inside)
    }

    /// The fields whose values are replaced behind a name.
    pub(crate) fn values_behind(&self, name: &str) -> BTreeSet<&str> {
        let paths = self.mappings.source_paths(name);
        let values = paths
            .iter()
            .filter_map(|path| self.chosen.get(path).or_else(|| self.sources.get(path)));
        values.map(String::as_str).collect()
    }

    /// Whether words of messages are replaced.
    pub(crate) fn replaces_messages(&self) -> bool {
        self.messages.is_some()
    }

    /// The partition field of the categorizer.
    pub(crate) fn partition(&self) -> Option<&str> {
        self.partition.as_deref()
    }

    /// The paths of values to replace that a token cannot stand for.
    fn find_irreplaceable(&self) -> BTreeMap<String, String> {
        let reason = |path: &String| {
            if self.numbers.contains(path) {
                return Some("the job reads them as numbers too".to_owned());
            }
            let kind = self.types.get(path)?;
            let composite = COMPOSITE.contains(&kind.as_str()) || kind.ends_with("_range");
            composite.then(|| format!("their type is `{kind}`, which takes no token"))
        };
        let paths = self.sources.keys();
        paths.filter_map(|path| Some((path.clone(), reason(path)?))).collect()
    }

    /// Why no token can stand for the values at a path, where that is so.
    pub(crate) fn irreplaceable(&self, path: &str) -> Option<&str> {
        self.irreplaceable.get(path).map(String::as_str)
    }

    /// Whether a path of an input is one that the job or its datafeed reads, or leads to one.
    pub(crate) fn is_known(&self, path: &str) -> bool {
        let messages = self
            .messages
            .iter()
            .flat_map(|(name, paths)| paths.iter().chain([name]));
        let mut known = (self.sources.keys().chain(&self.chosen))
            .chain(messages)
            .chain(&self.numbers)
            .chain(&self.read);
        known.any(|known| {
            let rest = known.strip_prefix(path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }

    /// What stands at a path of an input.
    pub(crate) fn input(&self, path: &str) -> Input<'_> {
        if let Some(name) = self.chosen.get(path).or_else(|| self.sources.get(path)) {
            return Input::Value(name);
        }
        if self
            .messages
            .iter()
            .any(|(name, source)| name == path || source.contains(path))
        {
            return Input::Message;
        }
        if self.numbers.contains(path) {
            return Input::Number;
        }
        if self.read.contains(path) {
            return Input::Read;
        }
        match self.types.get(path).map(String::as_str) {
            Some("ip") => Input::Address,
            Some("ip_range") => Input::Untokenized,
            Some("keyword" | "text" | "wildcard" | "constant_keyword" | "match_only_text" | "flattened") => Input::Text,
            Some(_) => Input::Read,
            None => self.within(path),
        }
    }

    /// What stands at a path that has no type of its own, by the object that it is part of: some types take objects.
    fn within(&self, path: &str) -> Input<'_> {
        let above = path.rmatch_indices('.').map(|(end, _)| &path[..end]);
        for above in above {
            if let Some(name) = self.chosen.get(above).or_else(|| self.sources.get(above)) {
                return Input::Part(name);
            }
            if self.numbers.contains(above) {
                return Input::Number;
            }
            match self.types.get(above).map(String::as_str) {
                None => {}
                Some("ip_range") => return Input::Untokenized,
                Some("flattened" | "object" | "nested") => return Input::Text,
                Some(_) => return Input::Read,
            }
        }
        Input::Text
    }
}

/// `distinct_count` and `info_content` look at texts; all other functions look at numbers.
fn counts_texts(function: &str) -> bool {
    ["distinct_count", "info_content", "dc"]
        .iter()
        .any(|name| function == *name || function.ends_with(&format!("_{name}")))
}

fn numbers(config: &JobConfig) -> impl Iterator<Item = &str> {
    let detectors = config.analysis.detectors.iter();
    let metrics = detectors.filter(|detector| !counts_texts(&detector.function));
    let metrics = metrics.filter_map(|detector| detector.field.as_deref());
    metrics
        .chain(config.analysis.summary_count_field_name.as_deref())
        .chain([config.time_field()])
}

/// Fields by the names that a datafeed's aggregations give to their values.
fn aggregated(aggregations: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    below(aggregations, &mut found);
    found
}

fn below(value: &Value, found: &mut BTreeMap<String, String>) {
    if let Value::Array(items) = value {
        items.iter().for_each(|item| below(item, found));
    }
    for (name, inner) in value.as_object().into_iter().flatten() {
        let kinds = inner.as_object().into_iter().flat_map(|kinds| kinds.values());
        let fields = kinds.filter_map(|kind| kind.get("field")?.as_str());
        for field in fields {
            found.insert(name.clone(), field.to_owned());
        }
        below(inner, found);
    }
}

//! Determines the fields whose values are replaced, and the content of each path in input documents.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;

use serde_json::Value;

use crate::job::{
    Detector, FieldReader, InputMappings, JobConfig, fields_read_by, includes, matches_wildcard, needed_fields,
    without_query,
};
use crate::json::{is_within, nested_values};
use crate::pseudonym::error::{Error, Result};
use crate::util::format::is_among;
use crate::values::{Content, Normalizers};

/// The field of categories. Its values are numbers of categories, which must stay.
pub(crate) const CATEGORY: &str = "mlcategory";

/// Types whose values are objects, lists of numbers, or texts that represent them. The same applies to range types.
const COMPOSITE_TYPES: &str = "aggregate_metric_double dense_vector exponential_histogram geo_point geo_shape histogram \
                               point rank_features shape sparse_vector tdigest";

/// The fields of a job, by how their values are treated.
#[derive(Debug, Default)]
pub(crate) struct ReplacedFields {
    /// Fields whose values are replaced.
    pub(crate) names: BTreeSet<String>,
    /// The same fields by the names and paths of their values in input documents.
    pub(crate) places: BTreeMap<String, String>,
    /// The message field, if its words are replaced.
    pub(crate) messages: Option<String>,
    /// The name and the paths of the message field.
    pub(crate) message_places: BTreeSet<String>,
    /// Paths of numbers: metrics, counts and the time.
    numbers: BTreeSet<String>,
    /// Paths that the datafeed reads, except in its query.
    read: BTreeSet<String>,
    pub(crate) query_only: QueryOnlyFields,
    /// The type of each path in the source mappings.
    types: BTreeMap<String, String>,
    pub(crate) normalizers: Normalizers,
    /// The partition field of the categorizer.
    pub(crate) partition: Option<String>,
    /// The [`field_pair`] of each detector.
    pub(crate) pairs: BTreeSet<(String, String)>,
    pub(crate) influencers: BTreeSet<String>,
    /// The mappings of the source indices.
    pub(crate) mappings: InputMappings,
}

/// Fields that only the datafeed's query reads. They are not in a pseudonymized archive.
#[derive(Debug, Default)]
pub(crate) struct QueryOnlyFields {
    /// Paths, or patterns for paths.
    pub(crate) paths: BTreeSet<String>,
    /// Paths that are needed for other reasons.
    needed: BTreeSet<String>,
    /// Runtime fields of the mapping.
    pub(crate) runtime: BTreeSet<String>,
}

impl QueryOnlyFields {
    /// `asked` are the input fields that were requested when the job was exported.
    fn of(job: &JobConfig, written: &JobConfig, mappings: &InputMappings, asked: &[String]) -> Result<Self> {
        let Some(feed) = job.datafeed() else {
            return Ok(Self::default());
        };
        let needed = needed_fields(&without_query(written)?, mappings, asked);
        let query = FieldReader::Query(&feed.query);
        let queried = fields_read_by(query, feed.runtime_mappings.as_ref(), mappings);
        let is_needed = |name: &String| needed.fields.iter().any(|needed| includes(needed, name));
        Ok(Self {
            paths: queried.fields.into_iter().filter(|name| !is_needed(name)).collect(),
            runtime: queried.runtime.difference(&needed.runtime).cloned().collect(),
            needed: needed.fields,
        })
    }

    /// Whether a member of an input document is one of these fields, or inside one.
    pub(crate) fn contains(&self, path: &str) -> bool {
        let is_needed = |needed: &String| includes(needed, path) || includes(path, needed);
        self.paths.iter().any(|queried| includes(queried, path)) && !self.needed.iter().any(is_needed)
    }
}

impl ReplacedFields {
    /// Determines the fields of a job. `written` is the job that is written, possibly without its datafeed; `asked` are
    /// the input fields that were requested when the job was exported; `only` selects the fields whose values are
    /// replaced.
    pub(crate) fn of(
        job: &JobConfig,
        written: &JobConfig,
        mappings: InputMappings,
        asked: &[String],
        only: Option<&[String]>,
    ) -> Result<Self> {
        let detectors = &job.analysis.detectors;
        let (counting, measuring): (Vec<&Detector>, Vec<_>) =
            detectors.iter().partition(|detector| counts_texts(detector));
        let counted = counting.iter().filter_map(|detector| detector.field.as_deref());
        let known = job.split_fields().chain(counted).filter(|name| *name != CATEGORY);
        let known: BTreeSet<&str> = known.collect();
        let messages = job.categorization_field();
        let is_known = |name: &String| known.contains(name.as_str()) || messages == Some(name);
        if let Some(unknown) = only.into_iter().flatten().find(|name| !is_known(name)) {
            let known: Vec<&str> = known.into_iter().chain(messages).collect();
            let message = format!("`{unknown}` is not a field whose values can be replaced");
            let hint = format!("pass one of the fields of the job: {}", known.join(", "));
            return Err(Error::usage(message, hint));
        }
        let is_chosen = |name: &&str| only.is_none_or(|only| only.iter().any(|chosen| chosen == name));
        let names: Vec<&str> = known.into_iter().filter(is_chosen).collect();
        let messages = messages.filter(is_chosen);
        let aggregations = job.datafeed().and_then(|feed| feed.aggregations.as_ref());
        let aggregated = aggregations.map(aggregated_fields).unwrap_or_default();
        let paths_of = |name: &str| mappings.source_paths(name).into_iter().chain([name.to_owned()]);
        let sources = names.iter().map(|name| (*name, *aggregated.get(name).unwrap_or(name)));
        let mut places = BTreeMap::new();
        for (name, source) in sources.clone() {
            places.extend(paths_of(source).map(|path| (path, name.to_owned())));
        }
        places.extend(names.iter().map(|name| ((*name).to_owned(), (*name).to_owned())));
        let metrics = measuring.iter().filter_map(|detector| detector.field.as_deref());
        let counts = job.analysis.summary_count_field_name.as_deref();
        let numbers = metrics.chain(counts).chain([job.time_field()]);
        let types = mappings.types().into_iter();
        Ok(Self {
            normalizers: Normalizers::new(&mappings, sources, messages),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            places,
            message_places: messages.into_iter().flat_map(paths_of).collect(),
            messages: messages.map(str::to_owned),
            numbers: numbers.flat_map(|name| mappings.source_paths(name)).collect(),
            read: needed_fields(&without_query(written)?, &mappings, &[]).fields,
            query_only: QueryOnlyFields::of(job, written, &mappings, asked)?,
            types: types.map(|(path, kind)| (path.to_owned(), kind.to_owned())).collect(),
            partition: detectors.iter().find_map(|detector| detector.partition.clone()),
            pairs: detectors.iter().map(field_pair).collect(),
            influencers: job.analysis.influencers.iter().cloned().collect(),
            mappings,
        })
    }

    /// Whether replaced values are at a path in documents, around it or below it, or have this name.
    pub(crate) fn is_replaced(&self, path: &str) -> bool {
        let path = path.strip_suffix(".keyword").unwrap_or(path);
        let replaced = |path: &str| matches!(self.content(path), Content::Value(_) | Content::Message);
        let covers = |place: &String| is_within(place, path) || matches_wildcard(path, place);
        // The last part may be a property of the value.
        replaced(path)
            || path.rsplit_once('.').is_some_and(|(above, _)| replaced(above))
            || self.places.keys().chain(&self.message_places).any(covers)
    }

    /// Whether a name is that of a field whose values are replaced, or of an object around one.
    pub(crate) fn is_derived_from_replaced(&self, name: &str) -> bool {
        self.names.iter().any(|replaced| is_within(replaced, name))
    }

    /// Returns why a part of the datafeed cannot stay: the replaced field that it reads.
    pub(crate) fn replaced_by(&self, reader: FieldReader<'_>, runtime: Option<&Value>) -> Option<String> {
        let read = fields_read_by(reader, runtime, &self.mappings);
        if let Some(doubt) = read.warnings.first() {
            return Some(format!("the fields that it reads cannot be determined ({doubt})"));
        }
        let mut all = read.names.iter().chain(&read.fields);
        let replaced = all.find(|path| self.is_replaced(path))?;
        Some(format!("it reads {replaced}"))
    }

    /// Returns the same for a field that a script defines.
    pub(crate) fn replaced_by_script(
        &self,
        scripted: &str,
        script: Option<&Value>,
        runtime: Option<&Value>,
    ) -> Option<String> {
        match self.is_derived_from_replaced(scripted) {
            true => Some("it computes values that are replaced".to_owned()),
            false => self.replaced_by(FieldReader::Script(script?), runtime),
        }
    }

    /// Returns why the values of a field at a path cannot be replaced, if so.
    pub(crate) fn irreplaceable(&self, path: &str) -> Option<String> {
        if self.numbers.contains(path) {
            return Some("the job also reads them as numbers".to_owned());
        }
        let kind = self.types.get(path)?;
        let is_composite = is_among(COMPOSITE_TYPES, kind) || kind.ends_with("_range");
        is_composite.then(|| format!("their type is `{kind}`, which cannot hold tokens"))
    }

    /// Whether a path of an input document is read by the job or its datafeed, or leads to such a path.
    pub(crate) fn is_known(&self, path: &str) -> bool {
        let places = self.places.keys().chain(&self.message_places);
        let mut known = places.chain(&self.numbers).chain(&self.read);
        known.any(|known| is_within(known, path))
    }

    /// Returns the content of a path in an input document. Some types accept objects; values inside them do not have
    /// their own type.
    pub(crate) fn content(&self, path: &str) -> Content<'_> {
        let around = path.rmatch_indices('.').map(|(end, _)| &path[..end]);
        for place in iter::once(path).chain(around) {
            let whole = place.len() == path.len();
            match self.places.get(place) {
                Some(name) if whole => return Content::Value(name),
                Some(name) => return Content::PartOfValue(name),
                None if whole && self.message_places.contains(place) => return Content::Message,
                None if self.numbers.contains(place) => return Content::Kept,
                None if whole && self.read.contains(place) => return Content::KeptText,
                None => {}
            }
            match self.types.get(place).map(String::as_str) {
                None => {}
                Some("ip") if whole => return Content::OtherValue,
                Some("ip_range") => return Content::Untokenized,
                Some("keyword" | "text" | "wildcard" | "constant_keyword" | "match_only_text") if whole => break,
                Some("object" | "nested") if !whole => break,
                Some("flattened") => break,
                Some(_) => return Content::KeptText,
            }
        }
        Content::Text
    }
}

/// `distinct_count` and `info_content` read texts; all other functions read numbers.
fn counts_texts(detector: &Detector) -> bool {
    let mut counting = ["distinct_count", "info_content", "dc"].into_iter();
    counting.any(|name| {
        let prefix = detector.function.strip_suffix(name);
        prefix.is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('_'))
    })
}

/// Returns the names of the partition field and of the over or by field; empty if there is none.
fn field_pair(detector: &Detector) -> (String, String) {
    let person = detector.over.clone().or(detector.by.clone());
    let partition = detector.partition.clone();
    (partition.unwrap_or_default(), person.unwrap_or_default())
}

/// Returns fields by the names that the datafeed's aggregations give to their values.
fn aggregated_fields(aggregations: &Value) -> BTreeMap<&str, &str> {
    let mut fields = BTreeMap::new();
    for (name, aggregation) in nested_values(aggregations) {
        let kinds = aggregation.as_object().into_iter().flat_map(|kinds| kinds.values());
        let read = kinds.filter_map(|kind| kind.get("field")?.as_str());
        fields.extend(read.filter_map(|field| Some((name?, field))));
    }
    fields
}

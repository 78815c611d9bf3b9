//! Which fields' values are replaced, and what input documents have at each of their paths.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;

use serde_json::Value;

use crate::job::{
    Detector, FieldReader, InputMappings, JobConfig, fields_read_by, includes, matches_wildcard, needed_fields,
    without_query,
};
use crate::json::nested_values;
use crate::pseudonym::error::{Error, Result};
use crate::values::{Content, Normalizers};

/// The field of categories: its values are their numbers, which say nothing and must stay.
pub(crate) const CATEGORY: &str = "mlcategory";

/// Types whose values are objects or lists of numbers, or texts that spell them. So are the types of ranges.
const COMPOSITE_TYPES: &str = "aggregate_metric_double dense_vector exponential_histogram geo_point geo_shape histogram \
                               point rank_features shape sparse_vector tdigest";

/// The fields of a job by what becomes of their values.
#[derive(Debug, Default)]
pub(crate) struct ReplacedFields {
    /// Those whose values are replaced.
    pub(crate) names: BTreeSet<String>,
    /// The same by the names and the paths in input documents that their values have.
    pub(crate) places: BTreeMap<String, String>,
    /// The field of messages, if their words are replaced.
    pub(crate) messages: Option<String>,
    /// Its name and paths.
    pub(crate) message_places: BTreeSet<String>,
    /// Paths of numbers: metrics, counts, the time.
    numbers: BTreeSet<String>,
    /// Paths that the datafeed reads other than by its query.
    read: BTreeSet<String>,
    pub(crate) query_only: QueryOnlyFields,
    /// Paths by the type that the sources map them to.
    types: BTreeMap<String, String>,
    pub(crate) normalizers: Normalizers,
    /// The partition field of the categorizer.
    pub(crate) partition: Option<String>,
    /// The [`field_pair`] of each detector.
    pub(crate) pairs: BTreeSet<(String, String)>,
    pub(crate) influencers: BTreeSet<String>,
    /// What the sources map.
    pub(crate) mappings: InputMappings,
}

/// Fields that only the query of the datafeed reads: they are not in a pseudonymized archive.
#[derive(Debug, Default)]
pub(crate) struct QueryOnlyFields {
    /// Paths, or patterns of them.
    pub(crate) paths: BTreeSet<String>,
    /// The same of what else needs fields.
    needed: BTreeSet<String>,
    /// Runtime fields of the mapping.
    pub(crate) runtime: BTreeSet<String>,
}

impl QueryOnlyFields {
    /// `asked`: input fields that the export was asked for.
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

    /// Whether a member of an input document is one of these, with all that is in it.
    pub(crate) fn contains(&self, path: &str) -> bool {
        let is_needed = |needed: &String| includes(needed, path) || includes(path, needed);
        self.paths.iter().any(|queried| includes(queried, path)) && !self.needed.iter().any(is_needed)
    }
}

impl ReplacedFields {
    /// Those of a job; `written` is what of it is written, perhaps without the datafeed; `asked` are input fields that the
    /// export was asked for; `only` names the fields whose values are replaced, where not all are.
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
            return Err(Error::usage(
                format!("the job replaces no values of a field `{unknown}`"),
                format!("its fields are {}", known.join(", ")),
            ));
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

    /// Whether values that are replaced are at a place of documents, around it or below it, or have this name.
    pub(crate) fn is_replaced(&self, path: &str) -> bool {
        let path = path.strip_suffix(".keyword").unwrap_or(path);
        let replaced = |path: &str| matches!(self.content(path), Content::Value(_) | Content::Message);
        let covers = |place: &String| is_within(place, path) || matches_wildcard(path, place);
        // The end may be a property of the value.
        replaced(path)
            || path.rsplit_once('.').is_some_and(|(above, _)| replaced(above))
            || self.places.keys().chain(&self.message_places).any(covers)
    }

    /// Whether a name is that of a field whose values are replaced, or of an object around one.
    pub(crate) fn is_made_of_replaced(&self, name: &str) -> bool {
        self.names.iter().any(|replaced| is_within(replaced, name))
    }

    /// The fields whose values are replaced behind a name.
    pub(crate) fn behind(&self, name: &str) -> BTreeSet<&String> {
        let paths = self.mappings.source_paths(name);
        paths.iter().filter_map(|path| self.places.get(path)).collect()
    }

    /// Why a part of the datafeed cannot stay as it is: the replaced field that it reads.
    pub(crate) fn replaced_by(&self, reader: FieldReader<'_>, runtime: Option<&Value>) -> Option<String> {
        let read = fields_read_by(reader, runtime, &self.mappings);
        if let Some(doubt) = read.warnings.first() {
            return Some(format!("the fields that it reads are not known ({doubt})"));
        }
        let mut all = read.names.iter().chain(&read.fields);
        let replaced = all.find(|path| self.is_replaced(path))?;
        Some(format!("it reads {replaced}"))
    }

    /// The same of a field that a script makes.
    pub(crate) fn replaced_by_script(
        &self,
        made: &str,
        script: Option<&Value>,
        runtime: Option<&Value>,
    ) -> Option<String> {
        match self.is_made_of_replaced(made) {
            true => Some("it makes values that are replaced".to_owned()),
            false => self.replaced_by(FieldReader::Script(script?), runtime),
        }
    }

    /// Why no token can stand for the values of a field at a path, where that is so.
    pub(crate) fn irreplaceable(&self, path: &str) -> Option<String> {
        if self.numbers.contains(path) {
            return Some("the job reads them as numbers too".to_owned());
        }
        let kind = self.types.get(path)?;
        let is_composite = COMPOSITE_TYPES.split(' ').any(|composite| composite == kind) || kind.ends_with("_range");
        is_composite.then(|| format!("their type is `{kind}`, which takes no token"))
    }

    /// Whether a path of an input is one that the job or its datafeed reads, or leads to one.
    pub(crate) fn is_known(&self, path: &str) -> bool {
        let mut known = (self.places.keys().chain(&self.message_places))
            .chain(&self.numbers)
            .chain(&self.read);
        known.any(|known| is_within(known, path))
    }

    /// What stands at a path of an input document. Some types take objects: what is in one has no type of its own.
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

/// Whether a place is this path, or below it.
fn is_within(place: &str, path: &str) -> bool {
    let below = place.strip_prefix(path);
    below.is_some_and(|below| below.is_empty() || below.starts_with('.'))
}

/// `distinct_count` and `info_content` look at texts; all other functions look at numbers.
fn counts_texts(detector: &Detector) -> bool {
    let mut counting = ["distinct_count", "info_content", "dc"].into_iter();
    counting.any(|name| {
        let prefix = detector.function.strip_suffix(name);
        prefix.is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('_'))
    })
}

/// The names of the partition field and of the over or by field, empty where there is none.
fn field_pair(detector: &Detector) -> (String, String) {
    let person = detector.over.clone().or(detector.by.clone());
    (
        detector.partition.clone().unwrap_or_default(),
        person.unwrap_or_default(),
    )
}

/// Fields by the names that a datafeed's aggregations give to their values.
fn aggregated_fields(aggregations: &Value) -> BTreeMap<&str, &str> {
    let mut fields = BTreeMap::new();
    for (name, aggregation) in nested_values(aggregations) {
        let kinds = aggregation.as_object().into_iter().flat_map(|kinds| kinds.values());
        let read = kinds.filter_map(|kind| kind.get("field")?.as_str());
        fields.extend(read.filter_map(|field| Some((name?, field))));
    }
    fields
}

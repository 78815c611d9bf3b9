//! The indices that an import creates for input documents.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::mappings::{Definition, InputMappings, Mapping};
use super::select::{ALL, merged_settings, select};
use crate::job::config::JobConfig;
use crate::job::error::Error;
use crate::job::id::{IndexName, JobId};
use crate::json::unquoted;
use crate::util::format::{hex, is_among};

const MARK: &str = "esml_state";
/// Between the names of an index and a run in an alias.
const IMPORTING: &str = "-importing-";
/// The length of the name of a run.
const RUN_LENGTH: usize = 17;
/// Elasticsearch's limit for the name of an index or alias in bytes.
const LONGEST_NAME: usize = 255;
/// Elasticsearch's limit for `_id` in bytes.
const LONGEST_ID: usize = 512;

/// An index that an import creates for input documents.
#[derive(Clone, Debug)]
pub struct TargetIndex {
    /// The name of the index.
    pub name: IndexName,
    /// The body of `PUT /<index>`: settings (no replicas, refresh off) and mappings, with a mark in `_meta`.
    pub body: Value,
    /// The fields in the mapping.
    pub fields: Vec<String>,
    /// The source indices whose documents are stored in this index.
    pub sources: BTreeSet<String>,
}

/// Returns the indices to create so that the documents of every source keep their types. Sources with compatible
/// mappings share one (`base`), others get their own (`base-2` …). `sources` are the source indices with their numbers.
/// A source without a mapping gets a dynamic mapping, except for fields of the job: the time field is a `date` with
/// `time_format` (see [`guess_time_format`]), and fields that split detectors are `keyword`.
///
/// # Errors
/// A name is too long.
pub fn target_indices(
    mappings: &InputMappings,
    sources: &BTreeMap<String, u64>,
    base: &IndexName,
    owner: &JobId,
    job: &JobConfig,
    time_format: &str,
) -> Result<Vec<TargetIndex>, Error> {
    let mut groups: Vec<(Definition, BTreeSet<String>)> = Vec::new();
    for source in sources.keys() {
        let definition = match mappings.indices.get(source) {
            // With all fields, the mapping is unchanged, including routing and time series.
            Some(definition) => Definition {
                mapping: Arc::new(Mapping::new(select(&definition.mapping.json, ALL, |_| true))),
                ..definition.clone()
            },
            None => unmapped(job, time_format),
        };
        let shared = groups
            .iter_mut()
            .find_map(|(group, names)| Some((merged(group, &definition)?, group, names)));
        match shared {
            Some((both, group, names)) => {
                *group = both;
                names.insert(source.clone());
            }
            None => groups.push((definition, BTreeSet::from([source.clone()]))),
        }
    }
    let numbered = groups.into_iter().enumerate();
    numbered
        .map(|(n, (definition, sources))| {
            let name = if n == 0 { base.clone() } else { base.numbered(n + 1)? };
            Ok(TargetIndex {
                name,
                fields: definition.mapping.stored().into_iter().map(str::to_owned).collect(),
                body: body(definition, owner),
                sources,
            })
        })
        .collect()
}

fn body(definition: Definition, job: &JobId) -> Value {
    let mut index = json!({
        "number_of_shards": definition.shards.unwrap_or(1).clamp(1, 8),
        "number_of_replicas": 0,
        "refresh_interval": "-1",
        // Documents must stay unchanged, even if an index template sets a pipeline.
        "default_pipeline": "_none",
        "final_pipeline": "_none",
    });
    let analysis = definition.analysis.map(|analysis| ("analysis".to_owned(), analysis));
    for (name, value) in definition.settings.into_iter().chain(analysis) {
        index[name] = value;
    }
    let mut mappings = definition.mapping.json.as_object().cloned().unwrap_or_default();
    relax(&mut mappings);
    let mark = json!({MARK: {"job_id": job, "created_by": concat!("esml-state ", env!("CARGO_PKG_VERSION"))}});
    mappings.insert("_meta".into(), mark);
    json!({"settings": {"index": index}, "mappings": mappings})
}

/// Returns a unique name for a run of an import. Elasticsearch cannot create an index with an uppercase letter in its name, so
/// it creates none when `_reindex`, which ignores `require_alias`, writes to an alias of a run that was removed.
pub fn new_run() -> String {
    format!("A{:016x}", fastrand::u64(..))
}

/// Returns the alias that only the input index of one run of an import has while it is loaded. `*` is the pattern of all runs.
pub fn loading_alias(index: &IndexName, run: &str) -> String {
    let longest = LONGEST_NAME - IMPORTING.len() - RUN_LENGTH;
    let end = (0..=longest).rev().find(|end| index.as_str().is_char_boundary(*end));
    format!("{}{IMPORTING}{run}", &index.as_str()[..end.unwrap_or_default()])
}

/// Returns the body of `PUT /<index>` for one run: `_meta` contains the run, and the index has the alias for loading.
pub fn body_of_run(target: &TargetIndex, run: &str) -> Value {
    let mut body = target.body.clone();
    body["mappings"]["_meta"][MARK]["run"] = json!(run);
    body["aliases"] = json!({ loading_alias(&target.name, run): { "is_hidden": true } });
    body
}

/// The mark of an index that Elasticsearch fills or filled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReindexMark {
    /// A hash of what is copied.
    pub hash: String,
    /// The import that fills the index, or filled it.
    pub run: String,
    /// Whether the index has all documents.
    pub complete: bool,
}

impl ReindexMark {
    /// The mark of an index, if it was created for this job and for what has this hash.
    pub fn find(mappings: &Value, job: &JobId, hash: &str) -> Option<Self> {
        let mark = Self::deserialize(&mappings["_meta"][MARK]).ok()?;
        (marked_as_ours(mappings, job) && mark.hash == hash).then_some(mark)
    }

    /// `_meta` of the index with this mark.
    pub fn meta(&self, index: &TargetIndex) -> Value {
        let mut meta = index.body["mappings"]["_meta"].clone();
        let mark = json!(self);
        for (name, value) in mark.as_object().into_iter().flatten() {
            meta[MARK][name] = value.clone();
        }
        meta
    }
}

/// Whether the mappings of an index contain this run.
pub fn marked_by_run(mappings: &Value, run: &str) -> bool {
    mappings["_meta"][MARK]["run"] == run
}

/// Whether the mappings of an index, as returned by `GET /<index>`, state that this tool created it for this job.
pub fn marked_as_ours(mappings: &Value, job: &JobId) -> bool {
    mappings["_meta"][MARK]["job_id"] == job.as_str()
}

fn unmapped(job: &JobConfig, time_format: &str) -> Definition {
    let keywords = job.split_fields().filter(|name| *name != "mlcategory");
    let keywords = keywords.map(|name| (name, json!({"type": "keyword"})));
    let message = job.categorization_field().map(|name| (name, json!({"type": "text"})));
    let time = (job.time_field(), json!({"type": "date", "format": time_format}));
    let properties = keywords.chain(message).chain([time]);
    let properties: Map<String, Value> = properties.map(|(name, field)| (name.to_owned(), field)).collect();
    Definition {
        mapping: Arc::new(Mapping::new(json!({"dynamic": true, "properties": properties}))),
        ..Definition::default()
    }
}

/// With several sources, an index may contain documents that another refuses. Nothing is refused, and no further fields
/// are mapped.
fn relax(mapping: &mut Map<String, Value>) {
    if mapping.get("dynamic").and_then(Value::as_str) == Some("strict") {
        mapping.insert("dynamic".into(), json!(false));
    }
    let properties = mapping.get_mut("properties").and_then(Value::as_object_mut);
    for field in properties.into_iter().flat_map(Map::values_mut) {
        field.as_object_mut().into_iter().for_each(relax);
    }
}

/// Parameters that affect neither the meaning of a value nor whether it is accepted. Nested definitions are merged
/// separately.
const HARMLESS: &str = "properties fields dynamic meta eager_global_ordinals fielddata fielddata_frequency_filter \
    norms";

/// Merges two definitions. `None` if they define a field, an analyzer or a setting differently, or if one would index
/// objects that the other does not.
fn merged(left: &Definition, right: &Definition) -> Option<Definition> {
    let (l, r) = (&left.mapping.json, &right.mapping.json);
    if l.get("subobjects") != r.get("subobjects") {
        return None;
    }
    let mut both = l.as_object().cloned().unwrap_or_default();
    both.insert("dynamic".into(), dynamic(l, r));
    unite_properties(&mut both, l, r)?;
    unite(&mut both, l, r, "runtime", same)?;
    let kinds = |l: &Value, r: &Value| union(Some(l), Some(r), same).flatten();
    Some(Definition {
        mapping: Arc::new(Mapping::new(both.into())),
        analysis: union(left.analysis.as_ref(), right.analysis.as_ref(), kinds)?,
        shards: left.shards.max(right.shards),
        settings: merged_settings(&left.settings, &right.settings)?,
        uuid: None,
    })
}

fn same(left: &Value, right: &Value) -> Option<Value> {
    (left == right).then(|| left.clone())
}

fn field(left: &Value, right: &Value) -> Option<Value> {
    let (l, r) = (left.as_object()?, right.as_object()?);
    let get = |object: &Map<String, Value>, key: &String| match object.get(key) {
        // Elasticsearch returns objects without a type.
        None if key == "type" => Some(Value::from("object")),
        found => found.cloned(),
    };
    let mut keys = l.keys().chain(r.keys()).filter(|key| !is_among(HARMLESS, key));
    if keys.any(|key| get(l, key) != get(r, key)) {
        return None;
    }
    let mut both = l.clone();
    if l.contains_key("dynamic") || r.contains_key("dynamic") {
        both.insert("dynamic".into(), dynamic(left, right));
    }
    unite_properties(&mut both, left, right)?;
    unite(&mut both, left, right, "fields", field)?;
    Some(both.into())
}

/// A field that only one of them has is acceptable if the other maps all of its fields or accepts no others.
fn unite_properties(both: &mut Map<String, Value>, left: &Value, right: &Value) -> Option<()> {
    let (l, r) = (left.get("properties"), right.get("properties"));
    let more = |one: Option<&Value>, than: Option<&Value>| {
        let mut names = one.and_then(Value::as_object).into_iter().flat_map(Map::keys);
        names.any(|name| than.is_none_or(|than| than.get(name).is_none()))
    };
    // Documents may contain fields that are not mapped.
    let ignores = |mapping: &Value| {
        matches!(
            mapping.get("dynamic").map(unquoted).as_deref(),
            Some("false" | "runtime")
        )
    };
    if ignores(left) && more(r, l) || ignores(right) && more(l, r) {
        return None;
    }
    unite(both, left, right, "properties", field)
}

fn dynamic(left: &Value, right: &Value) -> Value {
    let (l, r) = (left.get("dynamic"), right.get("dynamic"));
    if l == r {
        return l.cloned().unwrap_or(Value::Bool(true));
    }
    let maps = |dynamic: Option<&Value>| dynamic.is_none_or(|dynamic| unquoted(dynamic) == "true");
    Value::Bool(maps(l) && maps(r))
}

type Pair = fn(&Value, &Value) -> Option<Value>;

/// Merges the members that two definitions have at `key` into `both`; `None` if two of them cannot be merged.
fn unite(both: &mut Map<String, Value>, left: &Value, right: &Value, key: &str, pair: Pair) -> Option<()> {
    let united = union(left.get(key), right.get(key), pair)?;
    both.extend(united.map(|members| (key.to_owned(), members)));
    Some(())
}

/// Merges the members of both. The outer `None` means that two of them cannot be merged.
fn union(left: Option<&Value>, right: Option<&Value>, pair: Pair) -> Option<Option<Value>> {
    let (Some(left), Some(right)) = (left, right) else {
        return Some(left.or(right).cloned());
    };
    let mut both: Map<String, Value> = left.as_object()?.clone();
    for (name, theirs) in right.as_object()? {
        let one = match both.get(name) {
            Some(ours) => pair(ours, theirs)?,
            None => theirs.clone(),
        };
        both.insert(name.clone(), one);
    }
    Some(Some(Value::Object(both)))
}

/// Returns the `format` of a `date` field for the first values of the time field. Numbers of at most ten digits are
/// seconds; everything else is read as Elasticsearch does by default.
pub fn guess_time_format(first_values: &[Value]) -> &'static str {
    let seconds = |value: &Value| {
        let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
        number.is_some_and(|n| n.unsigned_abs() < 10_000_000_000)
    };
    if !first_values.is_empty() && first_values.iter().all(seconds) {
        "strict_date_optional_time||epoch_second"
    } else {
        "strict_date_optional_time||epoch_millis"
    }
}

/// Returns the ID of a document in a target index. It is the document's own if the target has one source without
/// duplicate IDs. Otherwise it is unique, built from source, ID and, for duplicate IDs, the document's `place` (at most
/// 512 bytes).
pub fn target_document_id<'a>(target: &TargetIndex, source: &str, id: &'a str, place: Option<u64>) -> Cow<'a, str> {
    // The names of indices and clusters do not contain slashes, so the combination is unique.
    let whole = match place {
        Some(place) => format!("{source}/{place}/{id}"),
        None if target.sources.len() < 2 => return Cow::Borrowed(id),
        None => format!("{source}/{id}"),
    };
    if whole.len() <= LONGEST_ID {
        return whole.into();
    }
    hex(&Sha256::digest(whole.as_bytes())).into()
}

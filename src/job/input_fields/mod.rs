//! Which fields of the inputs a job needs.

mod query;
mod references;
mod script;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use self::references::FieldReferences;
use crate::job::config::{Datafeed, Detector, JobConfig, entries};
use crate::job::error::Error;
use crate::job::mapping::InputMappings;

/// Detectors, influencers, categorization, summary count, time field, whatever the datafeed's
/// query, runtime mappings, script fields and aggregations read, and `more` that are asked for by name. With
/// aggregations the job's own names are those of aggregations: only names that the mapping knows are then
/// taken for fields.
pub fn needed_fields(job: &JobConfig, mappings: &InputMappings, more: &[String]) -> NeededFields {
    let mut found = FieldReferences::default();
    let feed = job.datafeed();
    if let Some(feed) = feed {
        read_datafeed(feed, None, &mut found);
    }
    found.name(job.time_field());
    let aggregates = feed.is_some_and(|feed| feed.aggregations.is_some());
    let script_fields = feed.and_then(|feed| feed.script_fields.as_ref());
    let is_scripted = |name: &str| script_fields.is_some_and(|fields| fields.get(name).is_some());
    for name in of_job(job).filter(|name| !is_scripted(name) && (!aggregates || mappings.knows(name))) {
        found.name(name);
    }
    let mut needed = resolve(found, more, mappings, runtime_mappings(job));
    if aggregates {
        // How many events a document stands for, where it says so.
        needed.fields.insert("_doc_count".to_owned());
    }
    needed
}

fn runtime_mappings(job: &JobConfig) -> Option<&Value> {
    job.datafeed()?.runtime_mappings.as_ref()
}

/// A part of a datafeed that reads fields.
#[derive(Clone, Copy, Debug)]
pub enum FieldReader<'a> {
    /// A query.
    Query(&'a Value),
    /// A script, as text or as an object with `source` or `id`.
    Script(&'a Value),
    /// Aggregations by name.
    Aggregations(&'a Value),
    /// A field's name, or a pattern of names.
    Name(&'a str),
}

/// The fields that a part of a datafeed reads, through the scripts of runtime fields too.
pub fn fields_read_by(reader: FieldReader<'_>, runtime: Option<&Value>, mappings: &InputMappings) -> NeededFields {
    let mut found = FieldReferences::default();
    match reader {
        FieldReader::Query(query) => query::read(query, &mut found),
        FieldReader::Script(code) => script::read(code, "script", &mut found),
        FieldReader::Aggregations(all) => query::read_aggregations(all, &mut found),
        FieldReader::Name(name) => found.name(name),
    }
    through_runtime(found, runtime, mappings)
}

/// What the job reads besides its query that depends on the index: its own fields, script fields and aggregations.
pub fn values_of_index(job: &JobConfig, mappings: &InputMappings) -> BTreeSet<String> {
    let mut found = FieldReferences::default();
    of_job(job).for_each(|name| found.name(name));
    if let Some(feed) = job.datafeed() {
        read_values(feed, None, &mut found);
    }
    through_runtime(found, runtime_mappings(job), mappings).index_dependent
}

/// With what the scripts of runtime fields read in turn.
fn through_runtime(mut found: FieldReferences, runtime: Option<&Value>, mappings: &InputMappings) -> NeededFields {
    let mut read = BTreeSet::new();
    while let Some((made, code)) = entries(runtime)
        .filter_map(|(made, field)| Some((made, field.get("script")?)))
        .find(|(made, _)| !read.contains(made) && found.reads(made))
    {
        read.insert(made);
        script::read(code, &format!("runtime field `{made}`"), &mut found);
    }
    resolve(found, &[], mappings, runtime)
}

/// The job with a datafeed that selects every document: without its query, and without the runtime fields that nothing
/// but the query reads.
///
/// # Errors
/// A configuration that is not an object.
pub fn without_query(job: &JobConfig) -> Result<JobConfig, Error> {
    let every = json!({"match_all": {}});
    let mut job = job.edit_datafeed(&mut |name, _| (name == "query").then(|| every.clone()))?;
    // A runtime field may be read by another one only.
    loop {
        let is_unread =
            |(made, field): &(&String, &Value)| field.get("script").is_some() && !reads_made_field(&job, made);
        let unread = entries(runtime_mappings(&job)).find(is_unread);
        match unread.map(|(made, _)| made.clone()) {
            Some(unread) => job = without_made_field(&job, &unread)?,
            None => return Ok(job),
        }
    }
}

/// The job without the runtime field or script field of this name.
///
/// # Errors
/// A configuration that is not an object.
pub fn without_made_field(job: &JobConfig, made: &str) -> Result<JobConfig, Error> {
    job.edit_datafeed(&mut |name, fields| {
        let defines_fields = matches!(name, "runtime_mappings" | "script_fields");
        let mut fields = fields.as_object().filter(|_| defines_fields)?.clone();
        fields.shift_remove(made).map(|_| fields.into())
    })
}

/// Which of the datafeed's runtime fields its query or its time reads: without them the query finds other documents.
pub fn query_reads_runtime_fields(feed: &Datafeed, time_field: &str) -> bool {
    let mut found = FieldReferences::default();
    query::read(&feed.query, &mut found);
    found.name(time_field);
    entries(feed.runtime_mappings.as_ref()).any(|(made, _)| found.reads(made))
}

/// Whether the job, or anything of its datafeed but its own definition, reads a field that a script makes.
pub fn reads_made_field(job: &JobConfig, made: &str) -> bool {
    let mut found = FieldReferences::default();
    if let Some(feed) = job.datafeed() {
        read_datafeed(feed, Some(made), &mut found);
    }
    found.name(job.time_field());
    of_job(job).for_each(|name| found.name(name));
    found.reads(made)
}

fn of_job(job: &JobConfig) -> impl Iterator<Item = &str> {
    let analysis = &job.analysis;
    let detectors = analysis.detectors.iter().flat_map(Detector::fields);
    let names = detectors.chain(analysis.influencers.iter().map(String::as_str));
    let names = names.chain(job.categorization_field());
    let names = names.chain(analysis.summary_count_field_name.as_deref());
    // Elasticsearch makes `mlcategory` of the categorization field.
    names.filter(|name| *name != "mlcategory")
}

/// All that a datafeed reads, but for the script that makes the field `but`.
fn read_datafeed(feed: &Datafeed, but: Option<&str>, found: &mut FieldReferences) {
    query::read(&feed.query, found);
    let fields = entries(feed.runtime_mappings.as_ref());
    for (name, field) in fields.filter(|(name, _)| but != Some(name.as_str())) {
        match field.get("script") {
            Some(code) => script::read(code, &format!("runtime field `{name}`"), found),
            None => found.name(name),
        }
        // Of a `lookup`; what it looks up is in another index.
        found.name_in(field, "input_field");
    }
    read_values(feed, but, found);
}

/// Script fields and aggregations, but for the script that makes the field `but`.
fn read_values(feed: &Datafeed, but: Option<&str>, found: &mut FieldReferences) {
    let fields = entries(feed.script_fields.as_ref());
    for (name, field) in fields.filter(|(name, _)| but != Some(name.as_str())) {
        script::read_in(field, "script", &format!("script field `{name}`"), found);
    }
    if let Some(aggregations) = &feed.aggregations {
        query::read_aggregations(aggregations, found);
    }
}

/// What a list or text in a script has besides its value: `params._source.tags.length`.
const PROPERTIES: [&str; 3] = ["length", "empty", "class"];

/// The fields to fetch, and what could not be told by reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NeededFields {
    /// Paths in `_source`: multi-fields, aliases, runtime fields and fields filled by others resolved by the mapping.
    pub fields: BTreeSet<String>,
    /// Runtime fields of the mapping that are read.
    pub runtime: BTreeSet<String>,
    /// Names and places as they are written.
    pub names: BTreeSet<String>,
    /// What selects other documents in a copy of the index, as `fields_read_by` finds it: `_index`, `_id` …
    pub index_dependent: BTreeSet<String>,
    /// What could not be told: the user is told to think of `--all-fields`.
    pub warnings: BTreeSet<String>,
}

/// Resolves what was found, and names that are asked for. `runtime` are the datafeed's own runtime fields, which hide
/// fields of the same name.
fn resolve(
    found: FieldReferences,
    asked_for: &[String],
    mappings: &InputMappings,
    runtime: Option<&Value>,
) -> NeededFields {
    let mut resolver = Resolver {
        mappings,
        runtime,
        needed: NeededFields::default(),
        seen: BTreeSet::new(),
    };
    resolver.take(found);
    for name in asked_for {
        // It may be a pattern of what no mapping knows.
        if name.contains('*') {
            resolver.needed.fields.insert(name.clone());
        }
        resolver.name(name);
    }
    resolver.needed
}

struct Resolver<'a> {
    mappings: &'a InputMappings,
    runtime: Option<&'a Value>,
    needed: NeededFields,
    seen: BTreeSet<String>,
}

impl<'a> Resolver<'a> {
    fn take(&mut self, found: FieldReferences) {
        let names = found.all_names();
        self.needed.names.extend(names.iter().chain(&found.places).cloned());
        self.needed.warnings.extend(found.warnings);
        self.needed.index_dependent.extend(found.index_dependent);
        if let Some(kind) = found.by_default {
            match self.mappings.default_fields() {
                Some(names) => names.iter().for_each(|name| self.name(name)),
                None => {
                    let warning = format!("`{kind}` without a field reads all fields");
                    self.needed.warnings.insert(warning);
                }
            }
        }
        found.places.iter().for_each(|place| self.resolve_source_path(place));
        names.iter().for_each(|name| self.name(name));
    }

    fn name(&mut self, name: &str) {
        if !self.seen.insert(name.to_owned()) {
            return;
        }
        if name.contains('*') {
            let names = self.mappings.names_like(name);
            if names.is_empty() {
                self.needed.fields.insert(name.to_owned());
            }
            return names.iter().for_each(|name| self.name(name));
        }
        // A composite makes fields below its name.
        let is_made = |(made, field): &(&String, &Value)| {
            let below = name.strip_prefix(made.as_str()).and_then(|rest| rest.strip_prefix('.'));
            *made == name || below.is_some_and(|below| field["fields"].get(below).is_some())
        };
        if let Some((_, field)) = entries(self.runtime).find(is_made) {
            // Scripts of the datafeed are read in any case.
            if field.get("script").is_none() {
                self.needed.fields.insert(name.to_owned());
            }
            return;
        }
        let sources = self.mappings.value_sources(name);
        if !self.mappings.knows(name) {
            self.needed.fields.insert(name.to_owned());
        }
        for path in sources.paths {
            // One key of a `flattened` field is a place of its own.
            let key = name.strip_prefix(path).is_some_and(|key| key.starts_with('.'));
            let key = key && self.mappings.kinds(path) == BTreeSet::from(["flattened"]);
            self.needed.fields.insert(if key { name } else { path }.to_owned());
        }
        for (runtime, code) in sources.scripts {
            self.needed.runtime.insert(runtime.to_owned());
            if let Some(code) = code {
                let mut inner = FieldReferences::default();
                script::read(code, &format!("the mapping's runtime field `{runtime}`"), &mut inner);
                self.take(inner);
            }
        }
    }

    /// A place in the document with, perhaps, properties of its value at the end.
    fn resolve_source_path(&mut self, path: &str) {
        if let Some(known) = self.mappings.known_path(path) {
            self.needed.fields.insert(known.to_owned());
            return;
        }
        self.needed.fields.insert(path.to_owned());
        if let Some((parent, last)) = path.rsplit_once('.')
            && PROPERTIES.contains(&last)
        {
            self.needed.fields.insert(parent.to_owned());
        }
    }
}

/// The names to ask for: fields with a dot, and all that they could be inside of. Patterns are left out.
pub fn names_with_parents(names: &BTreeSet<String>) -> BTreeSet<String> {
    let mut asked = BTreeSet::new();
    for name in names {
        // A list of names is divided by commas.
        if !name.contains(['*', ',']) && name.contains('.') {
            let ends = name.match_indices('.').map(|(at, _)| &name[..at]);
            asked.extend(ends.filter(|parent| !parent.is_empty()).map(str::to_owned));
            asked.insert(name.clone());
        }
    }
    asked
}

/// The fields that those of `names` are multi-fields of: a field that exists directly below another field, which is no
/// object there, has no place of its own in a document.
pub fn parents_of_multi_fields(
    names: &BTreeSet<String>,
    types: &BTreeMap<String, BTreeSet<String>>,
) -> BTreeSet<String> {
    let is_object = |kind: &String| matches!(kind.as_str(), "object" | "nested" | "flattened");
    let known = names.iter().filter(|name| types.contains_key(*name));
    let parents = known.filter_map(|name| name.rsplit_once('.')).map(|(parent, _)| parent);
    let has_multi_fields = |parent: &&str| types.get(*parent).is_some_and(|kinds| !kinds.iter().all(is_object));
    parents.filter(has_multi_fields).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;

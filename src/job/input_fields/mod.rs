//! Determines which fields of the input documents a job needs.

mod query;
mod references;
mod script;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use self::references::FieldReferences;
use crate::job::config::{Datafeed, Detector, JobConfig, entries};
use crate::job::error::Error;
use crate::job::mapping::InputMappings;

/// Returns the fields that are read by detectors, influencers, categorization, summary count and the time field, and by
/// the datafeed's query, runtime mappings, script fields and aggregations, as well as the fields in `more`, which the
/// user requested. With aggregations, the names in the job refer to aggregations; of these, only names that are in the
/// mapping are treated as fields.
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
        // The number of events that a document represents, if it contains one.
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
    /// The name of a field, or a pattern.
    Name(&'a str),
}

/// Returns the fields that a part of a datafeed reads, including those in the scripts of runtime fields.
pub fn fields_read_by(reader: FieldReader<'_>, runtime: Option<&Value>, mappings: &InputMappings) -> NeededFields {
    let mut found = FieldReferences::default();
    match reader {
        FieldReader::Query(query) => query::read(query, &mut found),
        FieldReader::Script(code) => script::read(code, "script", &mut found),
        FieldReader::Aggregations(all) => query::read_aggregations(all, &mut found),
        FieldReader::Name(name) => found.name(name),
    }
    let mut read = BTreeSet::new();
    while let Some((name, code)) = entries(runtime)
        .filter_map(|(name, field)| Some((name, field.get("script")?)))
        .find(|(name, _)| !read.contains(name) && found.reads(name))
    {
        read.insert(name);
        script::read(code, &format!("runtime field `{name}`"), &mut found);
    }
    resolve(found, &[], mappings, runtime)
}

/// Returns the job with a datafeed that selects every document: without its query, and without runtime fields that only
/// the query reads.
///
/// # Errors
/// The configuration is not an object.
pub fn without_query(job: &JobConfig) -> Result<JobConfig, Error> {
    let every = json!({"match_all": {}});
    let mut job = job.edit_datafeed(&mut |name, _| (name == "query").then(|| every.clone()))?;
    // A runtime field may only be read by another runtime field.
    loop {
        let is_unread =
            |(name, field): &(&String, &Value)| field.get("script").is_some() && !reads_scripted_field(&job, name);
        let unread = entries(runtime_mappings(&job)).find(is_unread);
        match unread.map(|(name, _)| name.clone()) {
            Some(unread) => job = without_scripted_field(&job, &unread)?,
            None => return Ok(job),
        }
    }
}

/// Returns the job without the runtime field or script field of this name.
///
/// # Errors
/// The configuration is not an object.
pub fn without_scripted_field(job: &JobConfig, scripted: &str) -> Result<JobConfig, Error> {
    job.edit_datafeed(&mut |name, fields| {
        let defines_fields = matches!(name, "runtime_mappings" | "script_fields");
        let mut fields = fields.as_object().filter(|_| defines_fields)?.clone();
        fields.shift_remove(scripted).map(|_| fields.into())
    })
}

/// Returns the runtime fields of the datafeed that its query or its time field uses. Without them, the query finds
/// other documents.
pub fn query_reads_runtime_fields(feed: &Datafeed, time_field: &str) -> bool {
    let mut found = FieldReferences::default();
    query::read(&feed.query, &mut found);
    found.name(time_field);
    entries(feed.runtime_mappings.as_ref()).any(|(scripted, _)| found.reads(scripted))
}

/// Whether anything in the job or its datafeed, except for the field's own definition, reads a field that a script
/// defines.
pub fn reads_scripted_field(job: &JobConfig, scripted: &str) -> bool {
    let mut found = FieldReferences::default();
    if let Some(feed) = job.datafeed() {
        read_datafeed(feed, Some(scripted), &mut found);
    }
    found.name(job.time_field());
    of_job(job).for_each(|name| found.name(name));
    found.reads(scripted)
}

fn of_job(job: &JobConfig) -> impl Iterator<Item = &str> {
    let analysis = &job.analysis;
    let detectors = analysis.detectors.iter().flat_map(Detector::fields);
    let names = detectors.chain(analysis.influencers.iter().map(String::as_str));
    let names = names.chain(job.categorization_field());
    let names = names.chain(analysis.summary_count_field_name.as_deref());
    // Elasticsearch derives `mlcategory` from the categorization field.
    names.filter(|name| *name != "mlcategory")
}

/// Collects everything that a datafeed reads, except in the script that defines the field `but`.
fn read_datafeed(feed: &Datafeed, but: Option<&str>, found: &mut FieldReferences) {
    query::read(&feed.query, found);
    let fields = entries(feed.runtime_mappings.as_ref());
    for (name, field) in fields.filter(|(name, _)| but != Some(name.as_str())) {
        match field.get("script") {
            Some(code) => script::read(code, &format!("runtime field `{name}`"), found),
            None => found.name(name),
        }
        // For a `lookup`. The fields that it looks up are in another index.
        found.name_in(field, "input_field");
    }
    let fields = entries(feed.script_fields.as_ref());
    for (name, field) in fields.filter(|(name, _)| but != Some(name.as_str())) {
        script::read_in(field, "script", &format!("script field `{name}`"), found);
    }
    if let Some(aggregations) = &feed.aggregations {
        query::read_aggregations(aggregations, found);
    }
}

/// Properties of lists and texts in a script, as in `params._source.tags.length`.
const PROPERTIES: [&str; 3] = ["length", "empty", "class"];

/// The fields to fetch, and what could not be determined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NeededFields {
    /// Paths in `_source`. Multi-fields, aliases, runtime fields and `copy_to` are resolved with the mapping.
    pub fields: BTreeSet<String>,
    /// Runtime fields of the mapping that are used.
    pub runtime: BTreeSet<String>,
    /// Names and paths as written in the configuration.
    pub names: BTreeSet<String>,
    /// What selects other documents in a copy of the index, from `fields_read_by`: `_index`, `_id` …
    pub index_dependent: BTreeSet<String>,
    /// What could not be determined. The user is advised to use `--all-fields`.
    pub warnings: BTreeSet<String>,
}

/// Resolves the names that were found or requested. `runtime` are the datafeed's runtime fields, which hide fields of
/// the same name.
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
        // It may be a pattern for fields that no mapping contains.
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
        // A composite defines fields below its name.
        let is_scripted = |(scripted, field): &(&String, &Value)| {
            let below = name.strip_prefix(scripted.as_str());
            let below = below.and_then(|rest| rest.strip_prefix('.'));
            *scripted == name || below.is_some_and(|below| field["fields"].get(below).is_some())
        };
        if let Some((_, field)) = entries(self.runtime).find(is_scripted) {
            // Scripts of the datafeed are always read.
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
            // A key of a `flattened` field has its own path.
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

    /// Resolves a path in the document, which may end with a property of the value.
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

/// Returns the field names to look up: names with a dot, and their parents. Patterns are excluded.
pub fn names_with_parents(names: &BTreeSet<String>) -> BTreeSet<String> {
    // A list of names is separated by commas.
    let plain = names.iter().filter(|name| !name.contains(['*', ',']));
    let parents = plain.filter_map(|name| Some([name.as_str(), name.rsplit_once('.')?.0]));
    let looked_up = parents.flatten().filter(|name| !name.is_empty());
    looked_up.map(str::to_owned).collect()
}

/// Returns the parents of the multi-fields in `names`. A field directly below another field that is not an object has
/// no value of its own in a document.
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

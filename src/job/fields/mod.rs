//! Which fields of the inputs a job needs.

mod aggregations;
mod found;
mod query;
mod query_string;
mod resolve;
mod script;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use self::found::Found;
use self::resolve::Resolver;
use crate::job::{Datafeed, InputMappings, JobConfig};

/// The fields to fetch, and what could not be told by reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NeededFields {
    /// Paths in `_source`: multi-fields, aliases, runtime fields and fields filled by others resolved by the mapping.
    pub fields: BTreeSet<String>,
    /// Runtime fields of the mapping that are read.
    pub runtime: BTreeSet<String>,
    /// What could not be told: the user is told to think of `--all-fields`.
    pub doubts: Vec<String>,
}

/// Detectors, influencers, categorization, summary count, time field, whatever the datafeed's
/// query, runtime mappings, script fields and aggregations read, and `more` that are asked for by name. With
/// aggregations the job's own names are those of aggregations: only names that the mapping knows are then
/// taken for fields.
pub fn needed_fields(job: &JobConfig, mappings: &InputMappings, more: &[String]) -> NeededFields {
    let mut found = Found::default();
    let feed = job.datafeed();
    if let Some(feed) = feed {
        read_datafeed(feed, None, &mut found);
    }
    found.name(job.time_field());
    let aggregates = feed.is_some_and(|feed| feed.aggregations.is_some());
    let scripted =
        |name: &str| entries(feed.and_then(|feed| feed.script_fields.as_ref())).any(|(made, _)| made == name);
    for name in of_job(job) {
        if !scripted(name) && (!aggregates || mappings.knows(name)) {
            found.name(name);
        }
    }
    let runtime = feed.and_then(|feed| feed.runtime_mappings.as_ref());
    let mut needed = Resolver::new(mappings, runtime).resolve(found, more);
    if aggregates {
        // How many events a document stands for, where it says so.
        needed.fields.insert("_doc_count".to_owned());
    }
    needed
}

/// Which of the datafeed's runtime fields its query or its time reads: without them the query finds other documents.
pub fn query_reads_runtime_fields(feed: &Datafeed, time_field: &str) -> bool {
    let mut found = Found::default();
    query::read(&feed.query, &mut found);
    found.name(time_field);
    entries(feed.runtime_mappings.as_ref()).any(|(made, _)| found.reads(made))
}

/// Whether the job, or anything of its datafeed but its own definition, reads a field that a script makes.
pub fn reads_made_field(job: &JobConfig, made: &str) -> bool {
    let mut found = Found::default();
    if let Some(feed) = job.datafeed() {
        read_datafeed(feed, Some(made), &mut found);
    }
    found.name(job.time_field());
    of_job(job).for_each(|name| found.name(name));
    found.reads(made)
}

/// What a script reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScriptReads {
    /// Names of fields as a search understands them.
    pub names: BTreeSet<String>,
    /// Places in `_source`; the end may be a property of the value.
    pub places: BTreeSet<String>,
    /// What could not be told.
    pub doubts: Vec<String>,
}

/// What a script reads, given as a string or as an object with `source` or `id`.
pub fn script_reads(script: &Value) -> ScriptReads {
    let mut found = Found::default();
    script::read(script, "script", &mut found);
    ScriptReads {
        names: found.names,
        places: found.places,
        doubts: found.doubts,
    }
}

fn of_job(job: &JobConfig) -> impl Iterator<Item = &str> {
    let detectors = job
        .detectors()
        .iter()
        .flat_map(|detector| detector.fields.iter().map(String::as_str));
    let influencers = job.influencers().iter().map(String::as_str);
    let others = job.categorization_field().into_iter().chain(job.summary_count_field());
    // Elasticsearch makes `mlcategory` of the categorization field.
    detectors
        .chain(influencers)
        .chain(others)
        .filter(|name| *name != "mlcategory")
}

/// All that a datafeed reads, but for the script that makes the field `but`.
fn read_datafeed(feed: &Datafeed, but: Option<&str>, found: &mut Found) {
    query::read(&feed.query, found);
    let others = |(name, _): &(&String, &Value)| but != Some(name.as_str());
    for (name, field) in entries(feed.runtime_mappings.as_ref()).filter(others) {
        match field.get("script") {
            Some(code) => script::read(code, &format!("runtime field `{name}`"), found),
            None => found.name(name),
        }
        // Of a `lookup`; what it looks up is in another index.
        if let Some(input) = field.get("input_field").and_then(Value::as_str) {
            found.name(input);
        }
    }
    for (name, field) in entries(feed.script_fields.as_ref()).filter(others) {
        if let Some(code) = field.get("script") {
            script::read(code, &format!("script field `{name}`"), found);
        }
    }
    if let Some(aggregations) = &feed.aggregations {
        aggregations::read(aggregations, found);
    }
}

fn entries(object: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    object.and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

#[cfg(test)]
mod tests;

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
        read_datafeed(feed, &mut found);
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
    let unsure = found.by_default.is_some() || !found.doubts.is_empty();
    entries(feed.runtime_mappings.as_ref()).any(|(made, _)| {
        let inner = format!("{made}.");
        let reads = |name: &String| name == made || name.starts_with(&inner) || crate::job::mapping::fits(name, made);
        unsure || found.names.iter().any(reads)
    })
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

fn read_datafeed(feed: &Datafeed, found: &mut Found) {
    query::read(&feed.query, found);
    for (name, field) in entries(feed.runtime_mappings.as_ref()) {
        match field.get("script") {
            Some(code) => script::read(code, &format!("runtime field `{name}`"), found),
            None => found.name(name),
        }
        // Of a `lookup`; what it looks up is in another index.
        if let Some(input) = field.get("input_field").and_then(Value::as_str) {
            found.name(input);
        }
    }
    for (name, field) in entries(feed.script_fields.as_ref()) {
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

//! Which fields of the inputs a job needs.

mod aggregations;
mod query;
mod script;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::job::{Datafeed, InputMappings, JobConfig};

/// The fields to fetch, and what could not be told by reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NeededFields {
    /// Paths in `_source` (multi-fields resolved to their parents by the mapping).
    pub fields: BTreeSet<String>,
    /// Scripts whose fields cannot be told: the user is told to think of `--all-fields`.
    pub doubts: Vec<String>,
}

/// Names as they are written, before the mapping is asked.
#[derive(Debug, Default)]
struct Found {
    names: BTreeSet<String>,
    doubts: Vec<String>,
}

impl Found {
    fn name(&mut self, name: &str) {
        // `_id`, `_index` and the like are metadata, `*` in an `exists` or a query string means any field.
        if !name.is_empty() && !name.starts_with('_') {
            self.names.insert(name.to_owned());
        }
    }

    fn doubt(&mut self, text: String) {
        if !self.doubts.contains(&text) {
            self.doubts.push(text);
        }
    }
}

/// Detectors, influencers, categorization, summary count, time field, and whatever the datafeed's
/// query, runtime mappings, script fields and aggregations read. With aggregations the job's own names are
/// those of aggregations: only names that the mapping knows are then taken for fields.
pub fn needed_fields(job: &JobConfig, mappings: &InputMappings) -> NeededFields {
    let mut found = Found::default();
    let mut made = BTreeSet::new();
    if let Some(feed) = job.datafeed() {
        read_datafeed(feed, &mut found);
        made = made_by(feed);
    }
    let aggregates = job.datafeed().is_some_and(|feed| feed.aggregations.is_some());
    for name in of_job(job) {
        if !aggregates || mappings.knows(name) {
            found.name(name);
        }
    }
    let mut fields: BTreeSet<String> = found
        .names
        .iter()
        .filter(|name| !made.contains(name.as_str()))
        .map(|name| mappings.source_path(name))
        .collect();
    let mut inner = Found::default();
    for (field, script) in mappings.runtime_scripts(&found.names) {
        script::read(script, &format!("the mapping's runtime field `{field}`"), &mut inner);
    }
    fields.extend(inner.names.iter().map(|name| mappings.source_path(name)));
    inner.doubts.into_iter().for_each(|doubt| found.doubt(doubt));
    fields.insert(job.time_field().to_owned());
    NeededFields {
        fields,
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

/// Names that the datafeed itself makes: no document stores them. A runtime field without a script reads
/// the `_source` field of its own name.
fn made_by(feed: &Datafeed) -> BTreeSet<&str> {
    let runtime = entries(feed.runtime_mappings.as_ref()).filter(|(_, field)| field.get("script").is_some());
    runtime
        .chain(entries(feed.script_fields.as_ref()))
        .map(|(name, _)| name.as_str())
        .collect()
}

fn read_datafeed(feed: &Datafeed, found: &mut Found) {
    query::read(&feed.query, found);
    for (name, field) in entries(feed.runtime_mappings.as_ref()) {
        match field.get("script") {
            Some(code) => script::read(code, &format!("runtime field `{name}`"), found),
            None => found.name(name),
        }
        for key in ["input_field", "target_field"] {
            field
                .get(key)
                .and_then(Value::as_str)
                .into_iter()
                .for_each(|name| found.name(name));
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

//! Which fields of the inputs a job needs.

mod aggregations;
mod query;
mod query_string;
mod references;
mod resolve;
mod script;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use self::references::{FieldReferences, entries};
use self::resolve::Resolver;
pub use self::resolve::{NeededFields, names_with_parents, parents_of_multi_fields};
use crate::job::config::{Datafeed, Detector, JobConfig};
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
        FieldReader::Aggregations(all) => aggregations::read(all, &mut found),
        FieldReader::Name(name) => found.name(name),
    }
    through_runtime(found, runtime, mappings)
}

/// What the job reads besides its query that depends on the index: its own fields, script fields and aggregations.
pub fn values_of_index(job: &JobConfig, mappings: &InputMappings) -> BTreeSet<String> {
    let mut found = FieldReferences::default();
    of_job(job).for_each(|name| found.name(name));
    let feed = job.datafeed();
    for (name, field) in entries(feed.and_then(|feed| feed.script_fields.as_ref())) {
        if let Some(code) = field.get("script") {
            script::read(code, &format!("script field `{name}`"), &mut found);
        }
    }
    if let Some(aggregations) = feed.and_then(|feed| feed.aggregations.as_ref()) {
        aggregations::read(aggregations, &mut found);
    }
    let runtime = feed.and_then(|feed| feed.runtime_mappings.as_ref());
    through_runtime(found, runtime, mappings).index_dependent
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
    Resolver::new(mappings, runtime).resolve(found, &[])
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
    while let Some(unread) = unread_runtime_field(&job) {
        job = without_made_field(&job, &unread)?;
    }
    Ok(job)
}

fn unread_runtime_field(job: &JobConfig) -> Option<String> {
    let runtime = job.datafeed()?.runtime_mappings.as_ref();
    let mut scripted = entries(runtime).filter(|(_, field)| field.get("script").is_some());
    scripted
        .find(|(made, _)| !reads_made_field(job, made))
        .map(|(made, _)| made.clone())
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
    let detectors = job.detectors().flat_map(Detector::fields);
    let influencers = job.influencers().iter().map(String::as_str);
    let others = job.categorization_field().into_iter().chain(job.summary_count_field());
    // Elasticsearch makes `mlcategory` of the categorization field.
    detectors
        .chain(influencers)
        .chain(others)
        .filter(|name| *name != "mlcategory")
}

/// All that a datafeed reads, but for the script that makes the field `but`.
fn read_datafeed(feed: &Datafeed, but: Option<&str>, found: &mut FieldReferences) {
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

#[cfg(test)]
mod tests;

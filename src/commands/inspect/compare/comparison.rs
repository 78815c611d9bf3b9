//! The comparison: gathered from two inspections, serialized as the `--json` document of two archives.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::diff::{Difference, differences, without_values};
use crate::archive::Contents;
use crate::commands::inspect::facts::{Failure, Report};
use crate::commands::inspect::inspection::Inspection;
use crate::commands::inspect::values::{FieldFacts, PartCounts, StoredValue, ValuesFacts};
use crate::job::GENERATED;
use crate::values::ArchivePart;

/// Version of the document; grows when a member changes its meaning or is removed.
const COMPARISON_VERSION: u32 = 1;

/// The `--json` document.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) version: u32,
    pub(crate) same: bool,
    pub(crate) archives: [ComparedArchive; 2],
    /// Except for values.
    pub(crate) differences: Vec<Difference>,
    /// With `--values`, those of fields that differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) values: Option<Vec<FieldDifference>>,
    /// Why the command fails, where it does.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<Failure>,
}

/// One of the archives.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ComparedArchive {
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) importable: bool,
    pub(crate) job_id: Option<String>,
    pub(crate) snapshot_id: Option<String>,
}

/// The values of a field that only one archive has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct FieldDifference {
    pub(crate) field: String,
    pub(crate) kind: &'static str,
    /// Whether all values of both are known.
    pub(crate) exact: bool,
    pub(crate) parts: Vec<PartDifference>,
    #[serde(rename = "came")]
    pub(crate) added: Vec<String>,
    #[serde(rename = "gone")]
    pub(crate) removed: Vec<String>,
}

/// Numbers of distinct values of a field in a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PartDifference {
    pub(crate) part: &'static str,
    pub(crate) first: u64,
    pub(crate) second: u64,
    #[serde(rename = "came")]
    pub(crate) added: u64,
    #[serde(rename = "gone")]
    pub(crate) removed: u64,
}

pub(crate) fn compare(first: &Inspection, second: &Inspection) -> Comparison {
    let [a, b] = [first, second].map(sections);
    let sections = a.into_iter().zip(b);
    let mut found: Vec<Difference> = sections
        .flat_map(|((section, a), (_, b))| differences(section, &a, &b))
        .collect();
    let [a, b] = [first, second].map(|inspection| inspection.report.values.as_ref());
    let values = a.zip(b).map(|(a, b)| values(a, b));
    if values.is_none() {
        without_values(&mut found);
    }
    let failures = [first, second].map(|inspection| inspection.report.failure.clone());
    Comparison {
        version: COMPARISON_VERSION,
        same: found.is_empty() && values.iter().flatten().next().is_none(),
        archives: [first, second].map(|inspection| ComparedArchive::from(&inspection.report)),
        differences: found,
        values,
        failure: failures.into_iter().flatten().next(),
    }
}

impl From<&Report> for ComparedArchive {
    fn from(report: &Report) -> Self {
        Self {
            path: report.archive.path.clone(),
            bytes: report.archive.bytes,
            importable: report.importable,
            job_id: report.job.as_ref().map(|job| job.id.clone()),
            snapshot_id: report.snapshot.as_ref().map(|snapshot| snapshot.id.clone()),
        }
    }
}

/// What is compared, by section.
fn sections(inspection: &Inspection) -> [(&'static str, Value); 13] {
    let Inspection { report, contents, .. } = inspection;
    let [job, datafeed, generated] = configuration(contents);
    [
        ("job", job),
        ("datafeed", datafeed),
        ("generated", generated),
        ("snapshot", json(&report.snapshot)),
        ("state", json(report.state)),
        ("data_counts", json(&report.data_counts)),
        ("patterns", patterns(report)),
        ("parts", parts(report)),
        ("inputs", inputs(report)),
        ("filters", by_id(contents.filters.as_deref(), "filter_id")),
        ("calendars", by_id(contents.calendars.as_deref(), "calendar_id")),
        ("categories", categories(report)),
        ("archive", archive(report)),
    ]
}

/// The configuration of job and datafeed, and what Elasticsearch generates: it differs wherever a job was created or
/// has run again.
fn configuration(contents: &Contents) -> [Value; 3] {
    let text = contents.config.as_ref().map(|config| config.text.get());
    let Some(Value::Object(mut job)) = text.and_then(|text| serde_json::from_str(text).ok()) else {
        return Default::default();
    };
    let mut datafeed = job.remove("datafeed_config").unwrap_or_default();
    let mut generated = Map::new();
    for name in GENERATED {
        generated.extend(job.remove(name).map(|value| (name.to_owned(), value)));
    }
    let authorization = datafeed
        .as_object_mut()
        .and_then(|datafeed| datafeed.remove("authorization"));
    generated.extend(authorization.map(|value| ("datafeed_config.authorization".to_owned(), value)));
    [Value::Object(job), datafeed, Value::Object(generated)]
}

/// A part of a report as in its `--json` document.
fn json(part: impl Serialize) -> Value {
    #[allow(clippy::expect_used, reason = "a part that is left out would count as the same")]
    serde_json::to_value(part).expect("reports consist of texts and numbers")
}

fn patterns(report: &Report) -> Value {
    let named = report.patterns.iter().map(|facts| {
        let prefix = |prefix: &str, text: Option<&str>| text.map_or_else(String::new, |text| format!("{prefix}{text}"));
        let detector = facts.detector.map_or_else(String::new, |n| format!("detector {n}: "));
        let period = prefix(" of ", facts.pattern.period.as_deref());
        let days = prefix(" on ", facts.pattern.days);
        let what = json(facts.pattern.what);
        let what = what.as_str().unwrap_or_default();
        (format!("{detector}{what}{period}{days}"), json!(facts.series))
    });
    Value::Object(named.collect())
}

fn parts(report: &Report) -> Value {
    let parts = report.parts.iter().map(|part| {
        let mut facts = json(part);
        if let Some(facts) = facts.as_object_mut() {
            facts.retain(|name, _| ["documents", "bytes", "first", "last"].contains(&name.as_str()));
        }
        (part.part.to_owned(), facts)
    });
    let annotations = ("annotations_by".to_owned(), json(report.annotations));
    Value::Object(parts.chain([annotations]).collect())
}

fn inputs(report: &Report) -> Value {
    let inputs = report.inputs.as_ref();
    let facts = inputs.map(|inputs| json!({"indices": inputs.indices, "mapping": inputs.mapping}));
    facts.unwrap_or_default()
}

/// The elements of an array as members named by their IDs.
fn by_id(array: Option<&RawValue>, id: &str) -> Value {
    let elements = array.and_then(|array| serde_json::from_str::<Vec<Value>>(array.get()).ok());
    let named = elements.into_iter().flatten().filter_map(|mut element| {
        let id = element.as_object_mut()?.remove(id)?;
        Some((id.as_str()?.to_owned(), element))
    });
    Value::Object(named.collect())
}

/// Number of documents that each category matches.
fn categories(report: &Report) -> Value {
    let list = report.categories.iter().flat_map(|categories| &categories.list);
    let matches = list.map(|category| (format!("category {}", category.id), json!(category.matches)));
    Value::Object(matches.collect())
}

/// Without the time of writing, which always differs.
fn archive(report: &Report) -> Value {
    let mut written = json(&report.archive.written);
    if let Some(written) = written.as_object_mut() {
        written.remove("at");
    }
    json!({"written": written, "importable": report.importable})
}

type FieldValues<'a> = HashMap<&'a StoredValue, PartCounts>;

/// The fields whose values differ, in the order of the second archive.
fn values(first: &ValuesFacts, second: &ValuesFacts) -> Vec<FieldDifference> {
    let key = |field: &FieldFacts| (field.kind, field.name.clone());
    let [a, b] = [first, second].map(|values| {
        let fields = values.fields.iter().map(|field| (key(field), field));
        fields.collect::<BTreeMap<_, _>>()
    });
    let none = FieldFacts::default();
    let removed = first.fields.iter().filter(|field| !b.contains_key(&key(field)));
    let differences = second.fields.iter().chain(removed).map(|field| {
        let [a, b] = [&a, &b].map(|fields| fields.get(&key(field)).copied().unwrap_or(&none));
        FieldDifference::of(field, a, b)
    });
    differences
        .filter(|difference| difference.parts.iter().any(|part| part.added + part.removed > 0))
        .collect()
}

impl FieldDifference {
    fn of(field: &FieldFacts, first: &FieldFacts, second: &FieldFacts) -> Self {
        let [a, b] = [first, second].map(|field| {
            let values = field.values.iter().map(|value| (&value.value, value.counts));
            values.collect::<FieldValues<'_>>()
        });
        let parts = ArchivePart::ALL.into_iter().map(|part| {
            let is_there = |counts: &PartCounts| counts.of(part) > 0;
            let number = |values: &FieldValues<'_>| values.values().filter(|counts| is_there(counts)).count() as u64;
            let only = |values: &FieldValues<'_>, others: &FieldValues<'_>| {
                let here = values.iter().filter(|(_, counts)| is_there(counts));
                here.filter(|(value, _)| !others.get(*value).is_some_and(is_there))
                    .count() as u64
            };
            PartDifference {
                part: part.name(),
                first: number(&a),
                second: number(&b),
                added: only(&b, &a),
                removed: only(&a, &b),
            }
        });
        let missing = |field: &FieldFacts, others: &FieldValues<'_>| {
            let values = field.values.iter().filter(|value| !others.contains_key(&value.value));
            values.map(|value| value.value.text.to_string()).collect()
        };
        Self {
            field: field.name.clone(),
            kind: field.kind,
            exact: !first.more && !second.more,
            parts: parts.filter(|part| part.first + part.second > 0).collect(),
            added: missing(second, &a),
            removed: missing(first, &b),
        }
    }
}

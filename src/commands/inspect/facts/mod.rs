//! What `inspect` reports about an archive: collected once, serialized as the `--json` document, and used by the pages.
//!
//! `docs/inspect-json.md` documents every member.

mod documents;
mod messages;
mod results;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::values::{StateSink, ValueCollector, ValuesFacts};
use crate::archive::{
    Contents, DocumentVisitor, EntryKind, EntrySummary, Finding, Limits, Manifest, Part, Rule, StateSummary,
};
use crate::commands::compatibility::{MissingPart, missing_parts};
use crate::job::{Datafeed, Detector, JobConfig};
use crate::report::Histogram;
use crate::state::StateKind;
use crate::util::timestamp::{EpochMillis, date_field};

#[cfg(test)]
pub(super) use documents::CategoryFacts;
pub(super) use documents::{AnnotationFacts, CategoriesFacts, Pattern, PatternFacts};
use documents::{Categories, PartTimes, Patterns, document_time, time_of};
use messages::LatestMessages;
pub(super) use messages::Message;
pub(super) use results::{RecordFacts, ResultCollector, ResultFacts, Timeline};

/// The time field of input documents if the configuration is missing.
const DEFAULT_TIME_FIELD: &str = "@timestamp";
/// The parts in the order of the page, with their names in the document and on the page.
pub(super) const PARTS: [(Part, &str, &str); 6] = [
    (Part::State, "state", "State"),
    (Part::Categories, "categories", "Categories"),
    (Part::Annotations, "annotations", "Annotations"),
    (Part::Notifications, "notifications", "Notifications"),
    (Part::Results, "results", "Results"),
    (Part::Inputs, "inputs", "Input documents"),
];
/// Version of the document, increased when a member is removed or changes its meaning.
pub(crate) const REPORT_VERSION: u32 = 1;

/// The `--json` document, and the contents that the page uses in addition.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) version: u32,
    pub(crate) archive: ArchiveFacts,
    /// Whether no finding is fatal.
    pub(crate) importable: bool,
    /// `None` if the configuration is missing or cannot be read.
    pub(crate) job: Option<Value>,
    pub(crate) datafeed: Option<Value>,
    /// `None` if the snapshot document is missing or cannot be read.
    pub(crate) snapshot: Option<Value>,
    pub(crate) state: StateSummary,
    pub(crate) data_counts: Option<DataCountsFacts>,
    pub(crate) patterns: Vec<PatternFacts>,
    pub(crate) categories: Option<CategoriesFacts>,
    pub(crate) parts: Vec<PartFacts>,
    /// `None` without results.
    pub(crate) results: Option<ResultFacts>,
    pub(crate) inputs: Option<InputFacts>,
    pub(crate) annotations: AnnotationFacts,
    /// IDs.
    pub(crate) filters: Vec<String>,
    pub(crate) calendars: Vec<Value>,
    pub(crate) checks: Vec<Check>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) missing: Vec<MissingPart>,
    /// In the order of the archive.
    pub(crate) entries: Vec<EntrySummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) values: Option<ValuesFacts>,
    /// Set if the command fails: the error as every command prints it.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<Value>,
    /// The latest annotations and notifications.
    #[serde(skip)]
    pub(crate) messages: [Vec<Message>; 2],
    #[serde(skip)]
    pub(crate) contents: Contents,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct ArchiveFacts {
    /// The name of the file, `-` for standard input.
    pub(crate) path: String,
    /// Compressed.
    pub(crate) bytes: u64,
    /// `None` for archives of the Python scripts.
    pub(crate) written: Option<Value>,
}

/// The data counts of the job.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct DataCountsFacts {
    #[serde(rename(deserialize = "processed_record_count"))]
    pub(crate) records: Option<u64>,
    #[serde(rename(deserialize = "earliest_record_timestamp"), deserialize_with = "date_field")]
    pub(crate) first_record: Option<EpochMillis>,
    #[serde(rename(deserialize = "latest_record_timestamp"), deserialize_with = "date_field")]
    pub(crate) latest_record: Option<EpochMillis>,
    #[serde(rename(deserialize = "bucket_count"))]
    pub(crate) buckets: Option<u64>,
    #[serde(rename(deserialize = "empty_bucket_count"))]
    pub(crate) empty_buckets: Option<u64>,
    #[serde(rename(deserialize = "missing_field_count"))]
    pub(crate) missing_fields: Option<u64>,
    #[serde(rename(deserialize = "out_of_order_timestamp_count"))]
    pub(crate) out_of_order: Option<u64>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct PartFacts {
    pub(crate) part: &'static str,
    #[serde(skip)]
    pub(crate) heading: &'static str,
    /// Number of entries.
    pub(crate) entries: u64,
    pub(crate) documents: u64,
    /// Uncompressed, action lines included.
    pub(crate) bytes: u64,
    pub(crate) first: Option<EpochMillis>,
    pub(crate) last: Option<EpochMillis>,
    /// Documents whose time could not be read.
    pub(crate) undated: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct InputFacts {
    /// Documents by source index.
    pub(crate) indices: BTreeMap<String, u64>,
    pub(crate) mapping: bool,
    /// `None` if no time could be read.
    pub(crate) histogram: Option<Histogram>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    pub(crate) what: &'static str,
    pub(crate) passed: bool,
}

/// Collects the facts that a report needs from documents, without keeping documents.
#[derive(Debug, Default)]
pub(super) struct FactCollector {
    time_field: Option<String>,
    times: BTreeMap<Part, PartTimes>,
    patterns: Patterns,
    categories: Categories,
    results: ResultCollector,
    messages: BTreeMap<Part, LatestMessages>,
    /// Set with `--values`; shared with the receiver of the decoded state.
    values: Option<Rc<RefCell<ValueCollector>>>,
}

impl DocumentVisitor for FactCollector {
    fn config(&mut self, config: &JobConfig) {
        self.time_field = Some(config.time_field().to_owned());
        if let Some(values) = &self.values {
            values.borrow_mut().config(config);
        }
    }

    fn decoded(&mut self, kind: StateKind) -> Box<dyn Write> {
        match &self.values {
            Some(values) => Box::new(StateSink::new(kind, values)),
            None => Box::new(io::sink()),
        }
    }

    fn document(&mut self, part: Part, _: Option<&str>, id: Option<&str>, source: &[u8]) {
        if let Some(values) = &self.values {
            values.borrow_mut().document(part, id, source);
        }
        let parsed = || serde_json::from_slice(source).unwrap_or_default();
        let time = match part {
            Part::State => return,
            Part::Categories => return self.categories.add(&parsed(), self.values.is_some()),
            Part::Results => self.results.add(&parsed()),
            Part::Inputs => document_time(source, self.time_field.as_deref().unwrap_or(DEFAULT_TIME_FIELD)),
            Part::Annotations | Part::Notifications => {
                let document: Value = parsed();
                if part == Part::Annotations {
                    self.patterns.add(&document);
                }
                let time = time_of(&document["timestamp"]).or_else(|| time_of(&document["create_time"]));
                let messages = self.messages.entry(part).or_default();
                messages.add(time, &document, self.values.is_some());
                time
            }
        };
        self.times.entry(part).or_default().add(time);
    }
}

impl FactCollector {
    /// Collecting values takes longer, since all model state and input documents are parsed.
    pub(super) fn new(with_values: bool) -> Self {
        let values = with_values.then(Rc::default);
        Self {
            values,
            ..Self::default()
        }
    }

    /// The report on the archive at `path` of `bytes` compressed bytes, without a failure.
    pub(super) fn report(mut self, path: &str, bytes: u64, contents: Contents, limits: Limits) -> Report {
        let config = contents.config.as_ref();
        let data_counts = contents.texts.get(&EntryKind::DataCounts);
        let has = |part| contents.count(part) > 0;
        let (patterns, annotations) = self.patterns.into_facts();
        let filters = contents.filters.iter().map(|filter| filter.id.to_string());
        let calendars = contents.calendars.iter();
        let calendars = calendars.map(|calendar| json!({"id": calendar.calendar_id, "events": calendar.events.len()}));
        Report {
            version: REPORT_VERSION,
            archive: ArchiveFacts {
                path: path.to_owned(),
                bytes,
                written: contents.manifest.as_ref().map(origin),
            },
            importable: contents.importable(),
            job: config.map(job),
            datafeed: config.and_then(JobConfig::datafeed).map(datafeed),
            snapshot: snapshot(&contents),
            state: contents.state,
            data_counts: data_counts.and_then(|counts| serde_json::from_str(counts.get()).ok()),
            patterns,
            categories: has(Part::Categories).then(|| self.categories.into_facts()),
            parts: parts(&contents, &self.times),
            results: has(Part::Results).then(|| self.results.into_facts(config, self.values.is_some())),
            inputs: has(Part::Inputs).then(|| InputFacts {
                indices: contents.input_indices.clone(),
                mapping: contents.texts.contains_key(&EntryKind::InputMapping),
                histogram: self.times.get(&Part::Inputs).and_then(PartTimes::histogram),
            }),
            annotations,
            filters: filters.collect(),
            calendars: calendars.collect(),
            checks: checks(&contents),
            findings: contents.findings.clone(),
            missing: missing_parts(&contents),
            entries: contents.entries.clone(),
            values: self.values.map(|values| values.take().into_facts(&contents, limits)),
            failure: None,
            messages: [Part::Annotations, Part::Notifications]
                .map(|part| self.messages.remove(&part).unwrap_or_default().into_list()),
            contents,
        }
    }
}

/// How and where the archive was created.
pub(super) fn origin(manifest: &Manifest) -> Value {
    json!({
        "at": manifest.created,
        "tool_version": manifest.tool_version,
        "cluster_version": manifest.source.cluster_version,
        "cluster_name": manifest.source.cluster_name,
        "cluster_uuid": manifest.source.cluster_uuid,
        "options": manifest.options,
    })
}

pub(super) fn job(config: &JobConfig) -> Value {
    let detector = |detector: &Detector| {
        json!({
            "description": detector.description(),
            "function": detector.function,
            "fields": detector.fields().collect::<Vec<_>>(),
            "by_field": detector.by,
            "over_field": detector.over,
            "partition_field": detector.partition,
        })
    };
    json!({
        "id": config.id(),
        "description": config.description,
        "groups": config.groups,
        "job_version": config.job_version,
        "bucket_span": config.analysis.bucket_span,
        "time_field": config.time_field(),
        "detectors": config.analysis.detectors.iter().map(detector).collect::<Vec<_>>(),
        "influencers": config.analysis.influencers,
        "categorization_field": config.categorization_field(),
        "summary_count_field": config.analysis.summary_count_field_name,
        "model_memory_limit": config.model_memory_limit(),
    })
}

pub(super) fn datafeed(datafeed: &Datafeed) -> Value {
    let is_set = |value: &Option<Value>| value.as_ref().is_some_and(|value| *value != json!({}));
    json!({
        "id": datafeed.id,
        "indices": datafeed.indices,
        "query": datafeed.query.get("match_all").is_none(),
        "runtime_mappings": is_set(&datafeed.runtime_mappings),
        "script_fields": is_set(&datafeed.script_fields),
        "aggregations": is_set(&datafeed.aggregations),
        // Whether it reads from a remote cluster (`name:index`).
        "remote": datafeed.indices.iter().any(|index| index.contains(':')),
    })
}

/// Elasticsearch stores numbers of categories for every job; they are omitted unless the job categorizes.
pub(super) fn snapshot(contents: &Contents) -> Option<Value> {
    let snapshot = contents.snapshot.as_ref()?;
    let number = |name: &str| snapshot.size(name);
    let categorization = json!({
        "status": snapshot.status("categorization_status"),
        "documents": number("categorized_doc_count"),
        "categories": number("total_category_count"),
        "frequent": number("frequent_category_count"),
        "rare": number("rare_category_count"),
        "dead": number("dead_category_count"),
        "failed": number("failed_category_count"),
    });
    Some(json!({
        "id": snapshot.snapshot_id,
        "created": snapshot.timestamp,
        "description": snapshot.description,
        "min_version": snapshot.min_version,
        "state_documents": snapshot.snapshot_doc_count,
        "model_bytes": number("model_bytes"),
        "peak_model_bytes": number("peak_model_bytes"),
        "memory_limit": number("model_bytes_memory_limit"),
        "bytes_exceeded": number("model_bytes_exceeded"),
        "memory_status": snapshot.status("memory_status"),
        "allocation_failures": number("bucket_allocation_failures_count"),
        // Numbers of modeled field values, summed over detectors.
        "series": {
            "by_values": number("total_by_field_count"),
            "over_values": number("total_over_field_count"),
            "partition_values": number("total_partition_field_count"),
        },
        "categorization": contents.categorizes().then_some(categorization),
        "latest_record": snapshot.latest_record_time_stamp,
        "latest_result": snapshot.latest_result_time_stamp,
    }))
}

fn parts(contents: &Contents, times: &BTreeMap<Part, PartTimes>) -> Vec<PartFacts> {
    let facts = |(part, name, heading)| {
        let times = times.get(&part);
        let (first, last) = times.and_then(|times| times.range).unzip();
        let entries = contents.entries.iter();
        let entries = entries.filter(|entry| entry.kind.and_then(|kind| kind.part()) == Some(part));
        PartFacts {
            part: name,
            heading,
            entries: entries.clone().count() as u64,
            documents: contents.count(part),
            bytes: entries.map(|entry| entry.bytes).sum(),
            first,
            last,
            undated: times.map_or(0, |times| times.undated),
        }
    };
    PARTS.into_iter().map(facts).collect()
}

/// The checks that apply to the contents of the archive.
fn checks(contents: &Contents) -> Vec<Check> {
    use Rule::{Config, File, Manifest, OtherEntry, Snapshot, State};
    // In the order of the page.
    let checks = [
        (File, "The archive is complete: gzip, tar, sizes, entries"),
        (Config, "The job configuration is valid"),
        (Snapshot, "The snapshot document exists and belongs to the job"),
        (State, "The model state is complete and can be decoded"),
        (OtherEntry, "All other entries are valid JSON and belong to the job"),
        (Manifest, "All entries match the manifest: documents, bytes, SHA-256"),
    ];
    let fails = |rule: Rule, finding: &Finding| {
        finding.is_fatal() && (finding.rule == rule || (rule == File && finding.incomplete))
    };
    let is_other = |entry: &EntrySummary| Rule::of(entry.kind) == OtherEntry;
    let check = |(rule, what)| {
        let failed = contents.findings.iter().any(|finding| fails(rule, finding));
        // Whether the subject of the rule exists; `None` if it is optional and missing.
        let complete = match rule {
            File => Some(true),
            Config => Some(contents.config.is_some()),
            Snapshot => Some(contents.snapshot.is_some()),
            State => Some(contents.count(Part::State) > 0),
            OtherEntry => (failed || contents.entries.iter().any(is_other)).then_some(true),
            Manifest => match &contents.manifest {
                Some(manifest) => Some(agrees(manifest, contents)),
                None => failed.then_some(true),
            },
        };
        let passed = complete? && !failed;
        Some(Check { what, passed })
    };
    checks.into_iter().filter_map(check).collect()
}

/// Whether the entries match the manifest. Documents of an unknown entry are not counted.
fn agrees(manifest: &Manifest, contents: &Contents) -> bool {
    let entries = contents.entries.iter();
    let others = entries.filter(|entry| entry.kind != Some(EntryKind::Manifest));
    let same = |(entry, listed): (&EntrySummary, &EntrySummary)| {
        (&entry.name, entry.bytes, &entry.sha256) == (&listed.name, listed.bytes, &listed.sha256)
            && (entry.kind.is_none() || entry.documents == listed.documents)
    };
    others.clone().count() == manifest.entries.len() && others.zip(&manifest.entries).all(same)
}

//! The report, its file, the job and the datafeed.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::checks::{Check, checks};
use super::model::{
    AnnotationFacts, Categories, CategoriesFacts, DataCountsFacts, PatternFacts, Patterns, SnapshotFacts,
};
use super::parts::{CalendarFacts, InputFacts, PartFacts, PartTimes};
use crate::archive::{Contents, EntrySummary, Finding, Manifest, Part, StateSummary};
use crate::commands::compatibility::{MissingPart, missing_parts};
use crate::commands::inspect::values::ValuesFacts;
use crate::job::{Datafeed, Detector, JobConfig};

/// Version of the document; grows when a member changes its meaning or is removed.
pub(crate) const REPORT_VERSION: u32 = 1;

/// The `--json` document.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) version: u32,
    pub(crate) archive: ArchiveFacts,
    /// No finding is fatal.
    pub(crate) importable: bool,
    /// `None` where the configuration is missing or unreadable.
    pub(crate) job: Option<JobFacts>,
    pub(crate) datafeed: Option<DatafeedFacts>,
    /// `None` where the snapshot document is missing or unreadable.
    pub(crate) snapshot: Option<SnapshotFacts>,
    pub(crate) state: StateSummary,
    pub(crate) data_counts: Option<DataCountsFacts>,
    pub(crate) patterns: Vec<PatternFacts>,
    pub(crate) categories: Option<CategoriesFacts>,
    pub(crate) parts: Vec<PartFacts>,
    pub(crate) inputs: Option<InputFacts>,
    pub(crate) annotations: AnnotationFacts,
    /// IDs.
    pub(crate) filters: Vec<String>,
    pub(crate) calendars: Vec<CalendarFacts>,
    pub(crate) checks: Vec<Check>,
    pub(crate) findings: Vec<Finding>,
    #[serde(rename = "lacks")]
    pub(crate) missing: Vec<MissingPart>,
    /// In the order of the archive.
    pub(crate) entries: Vec<EntrySummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) values: Option<ValuesFacts>,
    /// Why the command fails, where it does.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<Failure>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct ArchiveFacts {
    /// The name of the file, `-` for standard input.
    pub(crate) path: String,
    /// Compressed.
    pub(crate) bytes: u64,
    /// `None` for an archive of the Python scripts.
    pub(crate) written: Option<Written>,
}

/// How the archive was written, from its manifest.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Written {
    pub(crate) at: String,
    pub(crate) tool_version: String,
    pub(crate) cluster_version: String,
    pub(crate) cluster_name: String,
    pub(crate) cluster_uuid: String,
    /// The options of the export.
    pub(crate) options: Map<String, Value>,
}

/// The failure that the command ends with, as printed on stderr.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Failure {
    pub(crate) error: String,
    pub(crate) hint: Option<String>,
    pub(crate) exit: u8,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct JobFacts {
    pub(crate) id: String,
    pub(crate) description: Option<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) job_version: Option<String>,
    pub(crate) bucket_span: Option<String>,
    pub(crate) time_field: String,
    pub(crate) detectors: Vec<DetectorFacts>,
    pub(crate) influencers: Vec<String>,
    pub(crate) categorization_field: Option<String>,
    pub(crate) summary_count_field: Option<String>,
    /// In bytes.
    pub(crate) model_memory_limit: Option<u64>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct DetectorFacts {
    pub(crate) description: String,
    pub(crate) function: String,
    pub(crate) fields: Vec<String>,
    pub(crate) by_field: Option<String>,
    pub(crate) over_field: Option<String>,
    pub(crate) partition_field: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct DatafeedFacts {
    pub(crate) id: String,
    pub(crate) indices: Vec<String>,
    /// Whether it has a query other than `match_all`.
    pub(crate) query: bool,
    pub(crate) runtime_mappings: bool,
    pub(crate) script_fields: bool,
    pub(crate) aggregations: bool,
    /// Whether it reads a remote cluster (`name:index`).
    pub(crate) remote: bool,
}

/// What was gathered from the documents of an archive.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) times: BTreeMap<Part, PartTimes>,
    pub(crate) patterns: Patterns,
    pub(crate) categories: Categories,
}

/// The report on the archive at `path` of `bytes` compressed bytes, still without values and failure.
pub(crate) fn report(path: &str, bytes: u64, contents: &Contents, gathered: Gathered) -> Report {
    let config = contents.config.as_ref();
    let categorizes = config.is_some_and(|config| config.categorization_field().is_some());
    let snapshot = contents.snapshot.as_ref();
    let (patterns, annotations) = gathered.patterns.into_facts();
    Report {
        version: REPORT_VERSION,
        archive: ArchiveFacts {
            path: path.to_owned(),
            bytes,
            written: contents.manifest.as_ref().map(Written::from),
        },
        importable: contents.importable(),
        job: config.map(JobFacts::from),
        datafeed: config.and_then(JobConfig::datafeed).map(DatafeedFacts::from),
        snapshot: snapshot.map(|snapshot| SnapshotFacts::of(snapshot, categorizes)),
        state: contents.state,
        data_counts: contents.data_counts.as_deref().and_then(DataCountsFacts::read),
        patterns,
        categories: (contents.count(Part::Categories) > 0).then(|| gathered.categories.into_facts()),
        parts: PartFacts::all(contents, &gathered.times),
        inputs: (contents.count(Part::Inputs) > 0).then(|| InputFacts::of(contents, gathered.times.get(&Part::Inputs))),
        annotations,
        filters: contents.filter_list.iter().map(|(id, _)| id.to_string()).collect(),
        calendars: contents.calendar_list.iter().map(CalendarFacts::from).collect(),
        checks: checks(contents),
        findings: contents.findings.clone(),
        missing: missing_parts(contents),
        entries: contents.entries.clone(),
        values: None,
        failure: None,
    }
}

impl From<&Manifest> for Written {
    fn from(manifest: &Manifest) -> Self {
        Self {
            at: manifest.created.clone(),
            tool_version: manifest.tool_version.clone(),
            cluster_version: manifest.source.cluster_version.clone(),
            cluster_name: manifest.source.cluster_name.clone(),
            cluster_uuid: manifest.source.cluster_uuid.clone(),
            options: manifest.options.clone(),
        }
    }
}

impl From<&JobConfig> for JobFacts {
    fn from(config: &JobConfig) -> Self {
        Self {
            id: config.id().to_string(),
            description: config.description.clone(),
            groups: config.groups.clone(),
            job_version: config.job_version.clone(),
            bucket_span: config.analysis.bucket_span.clone(),
            time_field: config.time_field().to_owned(),
            detectors: config.analysis.detectors.iter().map(DetectorFacts::from).collect(),
            influencers: config.analysis.influencers.clone(),
            categorization_field: config.categorization_field().map(str::to_owned),
            summary_count_field: config.analysis.summary_count_field_name.clone(),
            model_memory_limit: config.model_memory_limit(),
        }
    }
}

impl From<&Detector> for DetectorFacts {
    fn from(detector: &Detector) -> Self {
        Self {
            description: detector.description(),
            function: detector.function.clone(),
            fields: detector.fields().map(str::to_owned).collect(),
            by_field: detector.by.clone(),
            over_field: detector.over.clone(),
            partition_field: detector.partition.clone(),
        }
    }
}

impl From<&Datafeed> for DatafeedFacts {
    fn from(datafeed: &Datafeed) -> Self {
        let is_set = |value: &Option<Value>| {
            let value = value.as_ref();
            value.is_some_and(|value| value.as_object().is_none_or(|members| !members.is_empty()))
        };
        Self {
            id: datafeed.id.to_string(),
            indices: datafeed.indices.clone(),
            query: datafeed.query.get("match_all").is_none(),
            runtime_mappings: is_set(&datafeed.runtime_mappings),
            script_fields: is_set(&datafeed.script_fields),
            aggregations: is_set(&datafeed.aggregations),
            remote: datafeed.indices.iter().any(|index| index.contains(':')),
        }
    }
}

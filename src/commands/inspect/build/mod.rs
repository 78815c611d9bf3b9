//! From the contents of an archive to the report.

mod checks;
mod lacks;
mod learned;
mod snapshot;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::archive::{Contents, Manifest, Part, Severity};
use crate::commands::inspect::gather::Gatherer;
use crate::commands::inspect::report::{
    ArchiveFacts, CalendarFacts, DatafeedFacts, DetectorFacts, EntryFacts, FindingFacts, HistogramFacts, InputFacts,
    JobFacts, PartFacts, REPORT_VERSION, Report, StateFacts, Written,
};
use crate::job::{Datafeed, JobConfig};
use checks::checks;
use lacks::lacks;
use snapshot::text;

/// The parts in the order of the page.
const PARTS: [(Part, &str); 5] = [
    (Part::State, "state"),
    (Part::Categories, "categories"),
    (Part::Annotations, "annotations"),
    (Part::Notifications, "notifications"),
    (Part::Inputs, "inputs"),
];

/// Puts everything known into the report; `path` and compressed `bytes` are the file's.
pub(super) fn report(path: &str, bytes: u64, contents: &Contents, gathered: &Gatherer) -> Report {
    let filters: Vec<Named> = listed(contents.filters.as_deref());
    let calendars: Vec<Named> = listed(contents.calendars.as_deref());
    let filters: Vec<String> = filters.into_iter().filter_map(|filter| filter.filter_id).collect();
    let categorizes = contents
        .config
        .as_ref()
        .is_some_and(|config| config.categorization_field().is_some());
    let snapshot = contents
        .snapshot
        .as_deref()
        .and_then(|document| snapshot::snapshot(document, categorizes));
    Report {
        version: REPORT_VERSION,
        archive: ArchiveFacts {
            path: path.to_owned(),
            bytes,
            written: contents.manifest.as_ref().map(written),
        },
        importable: contents.importable(),
        job: contents.config.as_ref().map(job_facts),
        datafeed: contents
            .config
            .as_ref()
            .and_then(JobConfig::datafeed)
            .map(datafeed_facts),
        lacks: lacks(contents, &filters, snapshot.as_ref()),
        snapshot,
        state: StateFacts {
            model_documents: contents.state.model_documents,
            model_bytes: contents.state.model_bytes,
            categorizer_documents: contents.state.categorizer_documents,
            categorizer_bytes: contents.state.categorizer_bytes,
        },
        data_counts: contents.data_counts.as_deref().and_then(snapshot::data_counts),
        patterns: learned::patterns(gathered),
        categories: learned::categories(contents, gathered),
        parts: PARTS
            .iter()
            .map(|(part, name)| part_facts(*part, name, contents, gathered))
            .collect(),
        inputs: (contents.count(Part::Inputs) > 0).then(|| input_facts(contents, gathered)),
        annotations: learned::annotations(gathered),
        filters,
        calendars: calendars.into_iter().filter_map(Named::into_calendar).collect(),
        checks: checks(contents),
        findings: contents.findings.iter().map(finding_facts).collect(),
        entries: contents.entries.iter().map(entry_facts).collect(),
        values: None,
        failure: None,
    }
}

/// The members of filters and calendars that are shown.
#[derive(Deserialize)]
struct Named {
    filter_id: Option<String>,
    calendar_id: Option<String>,
    #[serde(default)]
    events: Vec<serde::de::IgnoredAny>,
}

impl Named {
    fn into_calendar(self) -> Option<CalendarFacts> {
        let events = self.events.len() as u64;
        self.calendar_id.map(|id| CalendarFacts { id, events })
    }
}

/// An array's elements; none where it is absent. Whether it is an array is the archive's check.
fn listed(array: Option<&RawValue>) -> Vec<Named> {
    array
        .and_then(|array| serde_json::from_str(array.get()).ok())
        .unwrap_or_default()
}

fn written(manifest: &Manifest) -> Written {
    Written {
        at: manifest.created.clone(),
        tool_version: manifest.tool_version.clone(),
        cluster_version: manifest.source.cluster_version.clone(),
        cluster_name: manifest.source.cluster_name.clone(),
        cluster_uuid: manifest.source.cluster_uuid.clone(),
        options: manifest.options.clone(),
    }
}

fn job_facts(config: &JobConfig) -> JobFacts {
    let detector = |detector: &crate::job::Detector| DetectorFacts {
        description: detector.description(),
        function: detector.function.clone(),
        fields: detector.fields().map(str::to_owned).collect(),
        by_field: detector.by.clone(),
        over_field: detector.over.clone(),
        partition_field: detector.partition.clone(),
    };
    JobFacts {
        id: config.id().to_string(),
        description: config.description().map(str::to_owned),
        groups: config.groups().to_vec(),
        job_version: config.job_version().map(str::to_owned),
        bucket_span: config.bucket_span().map(str::to_owned),
        time_field: config.time_field().to_owned(),
        detectors: config.detectors().map(detector).collect(),
        influencers: config.influencers().to_vec(),
        categorization_field: config.categorization_field().map(str::to_owned),
        summary_count_field: config.summary_count_field().map(str::to_owned),
        model_memory_limit: config.model_memory_limit(),
    }
}

fn datafeed_facts(datafeed: &Datafeed) -> DatafeedFacts {
    let filled = |value: &Option<Value>| {
        value
            .as_ref()
            .is_some_and(|value| value.as_object().is_none_or(|o| !o.is_empty()))
    };
    DatafeedFacts {
        id: datafeed.id.to_string(),
        indices: datafeed.indices.clone(),
        query: datafeed.query.get("match_all").is_none(),
        runtime_mappings: filled(&datafeed.runtime_mappings),
        script_fields: filled(&datafeed.script_fields),
        aggregations: filled(&datafeed.aggregations),
        remote: datafeed.indices.iter().any(|index| index.contains(':')),
    }
}

fn part_facts(part: Part, name: &'static str, contents: &Contents, gathered: &Gatherer) -> PartFacts {
    let times = gathered.times(part);
    let range = times.and_then(|times| times.histogram().range());
    let entries = || {
        contents
            .entries
            .iter()
            .filter(|entry| entry.kind.and_then(|kind| kind.part()) == Some(part))
    };
    PartFacts {
        part: name,
        entries: entries().count() as u64,
        documents: contents.count(part),
        bytes: entries().map(|entry| entry.bytes).sum(),
        first: text(range.map(|(first, _)| first)),
        last: text(range.map(|(_, last)| last)),
        undated: times.map_or(0, |times| times.undated),
    }
}

fn input_facts(contents: &Contents, gathered: &Gatherer) -> InputFacts {
    let columns = gathered
        .times(Part::Inputs)
        .and_then(|times| times.histogram().columns());
    InputFacts {
        indices: contents.input_indices.clone(),
        mapping: contents.input_mapping.is_some(),
        histogram: columns.map(|columns| HistogramFacts {
            from: columns.from.to_string(),
            column_millis: columns.width_millis,
            counts: columns.counts,
        }),
    }
}

fn finding_facts(finding: &crate::archive::Finding) -> FindingFacts {
    FindingFacts {
        severity: match finding.severity {
            Severity::Warning => "warning",
            Severity::Fatal => "fatal",
        },
        place: finding.place.clone(),
        what: finding.what.clone(),
    }
}

fn entry_facts(entry: &crate::archive::EntrySummary) -> EntryFacts {
    EntryFacts {
        name: entry.name.clone(),
        documents: entry.documents,
        bytes: entry.bytes,
        sha256: entry.sha256.clone(),
    }
}

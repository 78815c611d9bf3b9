//! What was learned: size, health, series, patterns.

use std::collections::BTreeMap;

use crate::commands::compatibility::Requirement;
use crate::commands::inspect::report::{PatternFacts, Report, SnapshotFacts};
use crate::report::{ReportBlock, Section};
use crate::util::format::{amount, bytes, count};

use super::words::{between, memory, share};
use super::{health, missing};

/// Patterns of a detector that are said each by itself.
const PATTERNS: usize = 6;

pub(super) fn model(report: &Report) -> Section {
    let Some(snapshot) = &report.snapshot else {
        return missing("Snapshot", "none");
    };
    let mut section = Section::new(format!("Snapshot {}", snapshot.id));
    section.fact("created", snapshot.created.as_deref());
    section.fact("description", snapshot.description.as_deref());
    section.fact(
        "compatibility",
        Requirement::of(snapshot.min_version.as_deref()).map(|requirement| requirement.to_string()),
    );
    size(&mut section, snapshot);
    section.facts("health", health::health(snapshot));
    let series: Vec<String> = series(report, snapshot)
        .iter()
        .map(|(number, name)| format!("{} {name}", count(*number)))
        .collect();
    section.fact("models", Some(series.join(", ")).filter(|series| !series.is_empty()));
    seen(&mut section, report, snapshot);
    section.facts("has found", patterns(report));
    section.facts("state", state(report));
    section
}

fn size(section: &mut Section, snapshot: &SnapshotFacts) {
    let Some(size) = snapshot.model_bytes else { return };
    let peak = snapshot.peak_model_bytes.filter(|peak| *peak > size);
    let peak = peak.map_or_else(String::new, |peak| format!(", once {}", memory(peak)));
    match snapshot.memory_limit.filter(|limit| *limit > 0) {
        None => section.fact("memory", Some(format!("{}{peak}", memory(size)))),
        Some(limit) => section.push(ReportBlock::Gauge {
            label: "memory".to_owned(),
            part: size,
            whole: limit,
            style: health::tone(snapshot),
            text: format!("{}, {} of {}{peak}", memory(size), share(size, limit), memory(limit)).into(),
        }),
    }
}

/// How many values are modelled, of the kinds that the job's detectors split by.
pub(super) fn series(report: &Report, snapshot: &SnapshotFacts) -> Vec<(u64, &'static str)> {
    let detectors = report.job.iter().flat_map(|job| &job.detectors);
    let mut by = [false; 3];
    for detector in detectors {
        by[0] |= detector.partition_field.is_some();
        by[1] |= detector.over_field.is_some();
        by[2] |= detector.by_field.is_some();
    }
    let series = snapshot.series;
    let kinds = [
        (series.partition_values, "partitions"),
        (series.over_values, "members of populations"),
        (series.by_values, "by values"),
    ];
    let split = kinds.into_iter().zip(by).filter(|(_, split)| *split);
    split
        .filter_map(|((number, name), _)| number.map(|number| (number, name)))
        .collect()
}

fn seen(section: &mut Section, report: &Report, snapshot: &SnapshotFacts) {
    let counts = report.data_counts.as_ref();
    let first = counts.and_then(|counts| counts.first_record.as_deref());
    let latest = snapshot.latest_record.as_deref();
    let length = between(first, latest).map_or_else(String::new, |length| format!(" ({length})"));
    let records = match (first, latest) {
        (Some(first), Some(latest)) => Some(format!("{first} to {latest}{length}")),
        (None, Some(latest)) => Some(format!("to {latest}")),
        _ => None,
    };
    section.fact("has seen", records);
    section.fact("latest result", snapshot.latest_result.as_deref());
    let Some(counts) = counts else { return };
    let more: Vec<String> = [
        (counts.records, "records"),
        (counts.buckets, "buckets"),
        (counts.empty_buckets.filter(|n| *n > 0), "empty ones"),
        (counts.missing_fields.filter(|n| *n > 0), "missing fields"),
        (counts.out_of_order.filter(|n| *n > 0), "records out of order"),
    ]
    .into_iter()
    .filter_map(|(number, name)| number.map(|number| format!("{} {name}", count(number))))
    .collect();
    section.fact("job counts", Some(more.join(", ")).filter(|more| !more.is_empty()));
}

/// A line a detector.
fn patterns(report: &Report) -> Vec<String> {
    let mut by_detector: BTreeMap<Option<u64>, Vec<&PatternFacts>> = BTreeMap::new();
    for pattern in &report.patterns {
        by_detector.entry(pattern.detector).or_default().push(pattern);
    }
    let line = |(detector, patterns): (Option<u64>, Vec<&PatternFacts>)| {
        let mut said: Vec<String> = patterns.iter().take(PATTERNS).map(|pattern| named(pattern)).collect();
        if patterns.len() > PATTERNS {
            let more = (patterns.len() - PATTERNS) as u64;
            said.push(amount(more, "more pattern", "more patterns"));
        }
        let said = said.join(", ");
        match report.job.as_ref().filter(|job| job.detectors.len() > 1).zip(detector) {
            Some((_, detector)) => format!("detector {detector}: {said}"),
            None => said,
        }
    };
    by_detector.into_iter().map(line).collect()
}

fn named(pattern: &PatternFacts) -> String {
    let days = match pattern.days {
        Some("weekend") => " on weekends",
        Some(_) => " on weekdays",
        None => "",
    };
    let what = match (pattern.what, &pattern.period) {
        ("seasonality", Some(period)) => format!("a period of {period}{days}"),
        ("trend", _) => "a trend".to_owned(),
        _ => "another change".to_owned(),
    };
    format!("{what} in {}", amount(pattern.series, "series", "series"))
}

fn state(report: &Report) -> Vec<String> {
    let state = report.state;
    let categorizes = report
        .job
        .as_ref()
        .is_some_and(|job| job.categorization_field.is_some());
    let expected = report.snapshot.as_ref().and_then(|snapshot| snapshot.state_documents);
    let missing = expected.filter(|expected| *expected != state.model_documents);
    let missing = missing.map_or_else(String::new, |expected| format!(" of {}", count(expected)));
    let kinds = [
        (state.model_documents, state.model_bytes, "model", true, missing),
        (
            state.categorizer_documents,
            state.categorizer_bytes,
            "categorizer",
            categorizes,
            String::new(),
        ),
    ];
    kinds
        .into_iter()
        .filter(|(documents, _, _, expected, _)| *documents > 0 || *expected)
        .map(|(documents, size, of, _, missing)| {
            let documents = format!(
                "{}{missing} {}",
                count(documents),
                if documents == 1 { "document" } else { "documents" }
            );
            format!("{of}: {documents}, {} decoded", bytes(size))
        })
        .collect()
}

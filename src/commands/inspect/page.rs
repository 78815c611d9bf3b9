//! The report as a page for a terminal or a browser.

use std::borrow::Borrow;
use std::cmp::Reverse;
use std::time::Duration;

use serde_json::Value;

use super::facts::{PatternFacts, Report};
use super::results::results;
use super::rules::describe_rule;
use super::timeline::{messages, periods, to_the_minute};
use super::values::{self, ValuesFacts};
use crate::commands::compatibility::Requirement;
use crate::job::{Detector, Snapshot};
use crate::json::{indented, unquoted};
use crate::report::Column::{Flexible, Numbers, Words};
use crate::report::TextStyle::{Bad, Caution, Faint, Good, Plain};
use crate::report::{Block, Mark, ReportPage, Section, Table, Text};
use crate::util::format::{amount, bytes, count, duration, format_size};
use crate::util::timestamp::EpochMillis;

/// Maximum number of patterns listed per detector.
const SHOWN_PATTERNS: usize = 6;
/// Maximum number of table rows in the text; HTML folds the others.
const SHOWN_CATEGORIES: usize = 10;
const SHOWN_INDICES: usize = 8;
/// Maximum bytes of an indented configuration.
const MAX_CONFIGURATION: usize = 1 << 20;

/// The page of a report. The verdict comes first and last, so that it is visible without scrolling.
pub(super) fn page(report: &Report) -> ReportPage {
    let sections: [fn(&Report) -> Option<Section>; 11] = [
        summary, job, datafeed, snapshot, categories, results, parts, inputs, checks, missing, reminder,
    ];
    let sections = sections.iter().filter_map(|section| section(report));
    let values = report.values.iter().flat_map(values::sections);
    let last = Section::of("", Block::Verdict(verdict(report)));
    ReportPage {
        title: title(report),
        sections: sections.chain(messages(report)).chain(values).chain([last]).collect(),
    }
}

/// The job, the cluster and the date; the name of the archive if the job is not known.
fn title(report: &Report) -> String {
    let Some(job) = report.contents.job_id() else {
        return file_name(report).to_owned();
    };
    let text = |facts: &Option<Value>, name: &str| Some(facts.as_ref()?.get(name)?.as_str()?.to_owned());
    let cluster = text(&report.archive.written, "cluster_name").map(|name| format!("cluster {name}"));
    let created = text(&report.archive.written, "at").or(text(&report.snapshot, "created"));
    let date = created.and_then(|time| Some(time.split('T').next()?.to_owned()));
    joined([Some(format!("Job {job}")), cluster, date].into_iter().flatten())
}

fn file_name(report: &Report) -> &str {
    let path = &report.archive.path;
    if path == "-" { "standard input" } else { path }
}

/// The page of `--values`.
pub(super) fn values_page(report: &Report, values: &ValuesFacts) -> ReportPage {
    let pseudonymized = "This archive is pseudonymized: the values of the selected fields are replaced with tokens.";
    let data = "This archive contains the following values of the data. Anyone who has the archive can read them.";
    let note = match values.pseudonymized {
        true => Text::styled(Good, pseudonymized),
        false => Text::styled(Caution, data),
    };
    let sections = [vec![Section::note("", note)], values::sections(values)].concat();
    let more = [categories(report), results(report)]
        .into_iter()
        .flatten()
        .chain(messages(report));
    ReportPage {
        title: format!("{}: values", report.archive.path),
        sections: sections.into_iter().chain(more).collect(),
    }
}

/// The verdict, and where the archive comes from.
fn summary(report: &Report) -> Option<Section> {
    let mut section = Section::of("", Block::Verdict(verdict(report)));
    if report.values.is_some() {
        let text = "This page contains values of the data. Protect it as you protect the data.";
        section.paragraph(Text::styled(Caution, text));
    }
    let entries = amount(report.entries.len() as u64, "entry", "entries");
    let archive = format!("{}, {} in {entries}", file_name(report), bytes(report.archive.bytes));
    section.fact("Archive", archive);
    let Some(manifest) = &report.contents.manifest else {
        let unknown = "unknown (no manifest): the Python scripts, unless the archive is incomplete";
        section.fact("Created by", unknown);
        return Some(section);
    };
    let tool = format!("esml-state {}, {}", manifest.tool_version, manifest.created);
    section.fact("Created by", tool);
    let source = &manifest.source;
    let cluster = format!("Elasticsearch {}, UUID {}", source.cluster_version, source.cluster_uuid);
    section.fact("Source cluster", format!("{} ({cluster})", source.cluster_name));
    let options = manifest.options.iter();
    let options = options.map(|(name, value)| format!("{name}: {}", unquoted(value)));
    section.fact("Export options", joined(options));
    Some(section)
}

/// Whether the archive can be imported, and why not or what is missing.
fn verdict(report: &Report) -> Mark {
    let number = report.checks.len();
    let failed = report.checks.iter().filter(|check| !check.passed).count();
    let warnings = report.findings.iter().filter(|finding| !finding.is_fatal()).count() as u64;
    // Parts of a damaged archive that cannot be read are not necessarily missing.
    let missing = report.missing.len() as u64 * u64::from(report.importable);
    let checks = match failed {
        0 => format!("all {number} checks passed"),
        _ => format!("{failed} of {number} checks failed"),
    };
    let warnings = (warnings > 0).then(|| amount(warnings, "warning", "warnings"));
    let missing = (missing > 0).then(|| format!("{} missing", amount(missing, "item", "items")));
    let details = [Some(checks), warnings, missing];
    let (style, word) = match report.importable {
        true if failed == 0 && details.iter().flatten().count() == 1 => (Good, "Can be imported"),
        true => (Caution, "Can be imported"),
        false => (Bad, "Cannot be imported"),
    };
    Mark(style, word, joined(details.into_iter().flatten()).into())
}

fn job(report: &Report) -> Option<Section> {
    let Some(job) = &report.contents.config else {
        let text = "The job configuration is missing or cannot be read.";
        return Some(Section::note("Job", text));
    };
    let mut section = Section::new(format!("Job {}", job.id()));
    section.facts("Description", job.description.as_deref());
    section.fact("Groups", job.groups.join(", "));
    let bucket_span = job.analysis.bucket_span.as_deref();
    section.fact("Bucket span", bucket_span.unwrap_or("5m (default)"));
    section.fact("Time field", job.time_field());
    section.facts("Detectors", job.analysis.detectors.iter().flat_map(detector));
    section.fact("Influencers", job.analysis.influencers.join(", "));
    section.facts("Categorization field", job.categorization_field());
    section.facts("Summary count field", job.analysis.summary_count_field_name.as_deref());
    section.facts("Memory limit", job.model_memory_limit().map(format_size));
    section.facts("Job version", job.job_version.as_deref());
    if report.values.is_some() {
        let text = indented(&job.text, MAX_CONFIGURATION);
        section.push(Block::Details("Full configuration of the job and its datafeed", text));
    }
    Some(section)
}

/// A detector, and a line for each of its rules.
fn detector(detector: &Detector) -> Vec<Text> {
    let rules = detector.custom_rules.iter();
    let rules = rules.map(|rule| Text::styled(Faint, "rule: ").then(Plain, describe_rule(rule)));
    [detector.description().into()].into_iter().chain(rules).collect()
}

fn datafeed(report: &Report) -> Option<Section> {
    let (datafeed, facts) = (report.contents.config.as_ref()?.datafeed()?, report.datafeed.as_ref()?);
    let is_set = |fact: &str| facts[fact] == true;
    let others = ["runtime_mappings", "script_fields", "aggregations"];
    let others = others.into_iter().filter(|fact| is_set(fact));
    let query = if is_set("query") {
        "custom query"
    } else {
        "all documents"
    };
    let remote = "must also be connected to the target cluster";
    let mut section = Section::new(format!("Datafeed {}", datafeed.id));
    section.fact("Indices", datafeed.indices.join(", "));
    section.fact("Query", query);
    section.fact("Also uses", joined(others.map(|fact| fact.replace('_', " "))));
    section.facts("Remote clusters", is_set("remote").then_some(remote));
    Some(section)
}

fn snapshot(report: &Report) -> Option<Section> {
    let Some(snapshot) = &report.contents.snapshot else {
        let text = "The snapshot document is missing or cannot be read.";
        return Some(Section::note("Snapshot", text));
    };
    let mut section = Section::new(format!("Snapshot {}", snapshot.snapshot_id));
    section.facts("Created", snapshot.timestamp.map(|time| time.to_string()));
    section.facts("Description", snapshot.description.as_deref());
    let requirement = Requirement::of(snapshot.min_version.as_deref());
    let requirement = requirement.map(|requirement| format!("Requires {requirement}"));
    section.facts("Compatibility", requirement);
    if let Some(size) = snapshot.size("model_bytes") {
        let peak = snapshot.size("peak_model_bytes").filter(|peak| *peak > size);
        let peak = peak.map_or_else(String::new, |peak| format!(", peak {}", bytes(peak)));
        let limit = positive(snapshot.size("model_bytes_memory_limit")).map_or_else(String::new, |limit| {
            let share = size as f64 * 100.0 / limit as f64;
            format!(", {share:.1}% of {}", bytes(limit))
        });
        section.fact("Memory", format!("{}{limit}{peak}", bytes(size)));
    }
    section.facts("Health", health(report, snapshot));
    section.fact("Model size", series(report, snapshot));
    if let Some(latest) = snapshot.latest_record_time_stamp {
        let first = report.data_counts.as_ref().and_then(|counts| counts.first_record);
        let from = first.map_or_else(String::new, |first| format!("{first} "));
        section.fact("Data range", format!("{from}to {latest}{}", length(first, latest)));
    }
    let latest_result = snapshot.latest_result_time_stamp;
    section.facts("Latest result", latest_result.map(|time| time.to_string()));
    if let Some(counts) = &report.data_counts {
        let counts = amounts(&[
            (counts.records, "records"),
            (counts.buckets, "buckets"),
            (positive(counts.empty_buckets), "empty buckets"),
            (positive(counts.missing_fields), "missing fields"),
            (positive(counts.out_of_order), "records out of order"),
        ]);
        section.fact("Data counts", counts);
    }
    section.facts("Detected patterns", patterns(report));
    let state = report.state;
    let decoded = |documents, size| {
        format!(
            "{}, {} decoded",
            amount(documents, "document", "documents"),
            bytes(size)
        )
    };
    section.fact("Model state", decoded(state.model_documents, state.model_bytes));
    if state.categorizer_documents > 0 || report.contents.categorizes() {
        let categorizer = decoded(state.categorizer_documents, state.categorizer_bytes);
        section.fact("Categorizer state", categorizer);
    }
    Some(section)
}

/// Whether the memory limit was reached, and whether the messages are suitable for categorization.
fn health(report: &Report, snapshot: &Snapshot) -> Vec<Text> {
    let text = |style, status: &str, meaning: &str| Text::from("memory ").then(style, status).then(Plain, meaning);
    let pruned = ": more than 60% of the limit is used, and unused models are pruned";
    let mut lines = vec![match snapshot.status("memory_status").unwrap_or("unknown") {
        "ok" => text(Good, "ok", ": the limit was not reached"),
        "soft_limit" => text(Caution, "soft_limit", pruned),
        "hard_limit" => {
            let over = bytes(snapshot.size("model_bytes_exceeded").unwrap_or(0));
            let meaning = format!(": the limit was exceeded by {over}, and new series were not modeled");
            text(Bad, "hard_limit", &meaning)
        }
        other => text(Caution, other, ""),
    }];
    let failures = positive(snapshot.size("bucket_allocation_failures_count"));
    let failures = failures.map(|buckets| amount(buckets, "bucket", "buckets"));
    lines.extend(failures.map(|buckets| Text::styled(Bad, format!("memory allocation failed in {buckets}"))));
    lines.extend(report.contents.categorizes().then(|| categorization(snapshot)));
    lines
}

fn categorization(snapshot: &Snapshot) -> Text {
    let status = snapshot.status("categorization_status").unwrap_or("unknown");
    let style = if status == "ok" { Good } else { Caution };
    let unsuitable = ": the messages are not suitable for categorization";
    let meaning = if status == "warn" { unsuitable } else { "" };
    let total = snapshot.size("total_category_count").unwrap_or(0);
    let total = amount(total, "category", "categories");
    let kinds = ["frequent", "rare", "dead", "failed"];
    let kinds = kinds.map(|kind| (positive(snapshot.size(&format!("{kind}_category_count"))), kind));
    let kinds = amounts(&kinds);
    let kinds = if kinds.is_empty() { kinds } else { format!(" ({kinds})") };
    let documents = snapshot.size("categorized_doc_count");
    let documents = documents.map(|documents| format!(" in {}", amount(documents, "document", "documents")));
    let numbers = format!("{meaning}: {total}{kinds}{}", documents.unwrap_or_default());
    Text::from("categorization ").then(style, status).then(Plain, numbers)
}

/// Numbers of modeled values, by the kinds of fields that the detectors use.
fn series(report: &Report, snapshot: &Snapshot) -> String {
    let detectors = report.contents.config.iter().flat_map(|job| &job.analysis.detectors);
    let number = |name: &str, field: fn(&Detector) -> &Option<String>| {
        let is_used = detectors.clone().any(|detector| field(detector).is_some());
        snapshot.size(name).filter(|_| is_used)
    };
    amounts(&[
        (
            number("total_partition_field_count", |one| &one.partition),
            "partitions",
        ),
        (number("total_over_field_count", |one| &one.over), "over field values"),
        (number("total_by_field_count", |one| &one.by), "by field values"),
    ])
}

/// A line for each detector.
fn patterns(report: &Report) -> Vec<String> {
    let mut jobs = report.contents.config.iter();
    let several = jobs.any(|job| job.analysis.detectors.len() > 1);
    let line = |patterns: &[PatternFacts]| {
        let more = patterns.len().saturating_sub(SHOWN_PATTERNS) as u64;
        let more = (more > 0).then(|| amount(more, "more pattern", "more patterns"));
        let shown = patterns.iter().take(SHOWN_PATTERNS).map(describe_pattern);
        let patterns_text = joined(shown.chain(more));
        match patterns[0].detector.filter(|_| several) {
            Some(detector) => format!("detector {detector}: {patterns_text}"),
            None => patterns_text,
        }
    };
    let by_detector = report.patterns.chunk_by(|a, b| a.detector == b.detector);
    by_detector.map(line).collect()
}

fn describe_pattern(facts: &PatternFacts) -> String {
    let days = match facts.pattern.days {
        Some("weekend") => " on weekends",
        Some(_) => " on weekdays",
        None => "",
    };
    let what = match (facts.pattern.kind, &facts.pattern.period) {
        (kind, Some(period)) => format!("{kind} of {period}{days}"),
        ("other", None) => "other change".to_owned(),
        (kind, None) => kind.to_owned(),
    };
    format!("{what} in {}", amount(facts.series, "series", "series"))
}

/// The categories with the most matches.
fn categories(report: &Report) -> Option<Section> {
    let categories = report.categories.as_ref()?;
    let rows = categories.list.iter().map(|category| {
        let numbers = [category.id, category.matches.unwrap_or(0)].map(|number| Text::from(count(number)));
        let example = category.example.as_ref().map(Text::from);
        numbers.into_iter().chain(example).collect()
    });
    let examples = categories.list.iter().any(|category| category.example.is_some());
    let columns = [(Numbers, "Category"), (Numbers, "Matches"), (Flexible, "Example")];
    let table = Table::new(&columns[..if examples { 3 } else { 2 }], rows).shortened(SHOWN_CATEGORIES, 0, "");
    let mut section = Section::of("Categories", Block::Table(table));
    if categories.more {
        section.paragraph(Text::styled(Faint, "Not all categories are listed."));
    }
    if !examples {
        section.paragraph(Text::styled(Faint, "To show an example of each, use --values."));
    }
    Some(section)
}

/// Documents, bytes and times of each part; annotations, filters and calendars.
fn parts(report: &Report) -> Option<Section> {
    let mut section = Section::new("Contents");
    let rows = report.parts.iter().map(|part| {
        let style = if part.documents == 0 { Faint } else { Plain };
        let [documents, size] = [count(part.documents), bytes(part.bytes)].map(|text| Text::styled(style, text));
        let [first, last] = [part.first, part.last].map(to_the_minute);
        vec![part.heading.into(), documents, size, first, last]
    });
    let [documents, size] = [(Numbers, "Documents"), (Numbers, "Size")];
    let columns = [(Words, ""), documents, size, (Words, "From"), (Words, "To")];
    section.table(Table::new(&columns, rows));
    for part in report.parts.iter().filter(|part| part.undated > 0) {
        let undated = amount(part.undated, "document", "documents");
        let text = format!("{}: the time of {undated} cannot be read", part.heading);
        section.paragraph(Text::styled(Caution, text));
    }
    let annotations = report.annotations;
    if annotations.by_job + annotations.by_users > 0 {
        let [job, users] = [annotations.by_job, annotations.by_users].map(count);
        section.fact("Annotations", format!("{job} created by the job, {users} by users"));
    }
    section.fact("Filters", report.filters.join(", "));
    let calendars = report.contents.calendars.iter().map(|calendar| {
        let events = amount(calendar.events.len() as u64, "event", "events");
        format!("{} ({events})", calendar.calendar_id)
    });
    section.fact("Calendars", joined(calendars));
    Some(section)
}

/// Input documents by source index, and over time.
fn inputs(report: &Report) -> Option<Section> {
    let inputs = report.inputs.as_ref()?;
    let mut section = Section::new("Input documents");
    let mut indices: Vec<(&String, &u64)> = inputs.indices.iter().collect();
    indices.sort_by_key(|(_, number)| Reverse(**number));
    if let [(index, _)] = indices.as_slice() {
        section.fact("Source index", index);
    } else {
        let rows = indices
            .into_iter()
            .map(|(index, number)| vec![Text::from(index), count(*number).into()]);
        let columns = [(Flexible, "Source index"), (Numbers, "Documents")];
        section.table(Table::new(&columns, rows).shortened(SHOWN_INDICES, 0, ""));
    }
    section.fact("Mapping", if inputs.mapping { "included" } else { "not included" });
    if let Some(histogram) = &inputs.histogram {
        let title = "Input documents over time";
        section.push(Block::Histogram(title, histogram.clone(), periods(report)));
    }
    Some(section)
}

fn checks(report: &Report) -> Option<Section> {
    let checks = report.checks.iter().map(|check| match check.passed {
        true => Mark(Good, "passed", check.what.into()),
        false => Mark(Bad, "failed", check.what.into()),
    });
    let findings = report.findings.iter().map(|finding| match finding.is_fatal() {
        true => Mark(Bad, "error", finding.to_string().into()),
        false => Mark(Caution, "warning", finding.to_string().into()),
    });
    Some(Section::of("Checks", Block::Marks(checks.chain(findings).collect())))
}

fn missing(report: &Report) -> Option<Section> {
    let mut section = Section::new("Missing from this archive");
    let fatal = report.findings.iter().find(|finding| finding.is_fatal());
    if fatal.is_some_and(|finding| !finding.place.is_empty()) {
        section.paragraph("This list can include parts that are damaged.");
    }
    for part in &report.missing {
        section.paragraph(&part.consequence);
    }
    (!report.missing.is_empty()).then_some(section)
}

fn reminder(report: &Report) -> Option<Section> {
    let text = "The model state contains values of the data (such as names of hosts and users), even without input documents. \
                Protect the archive as you protect the data.";
    let mut section = Section::note("Before you share this archive", text);
    if report.values.is_none() {
        section.paragraph("This page contains none of these values. To show them, use --values.");
    }
    report.parts.iter().any(|part| part.documents > 0).then_some(section)
}

fn positive(number: Option<u64>) -> Option<u64> {
    number.filter(|number| *number > 0)
}

fn joined<T: Borrow<str>>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().collect::<Vec<_>>().join(", ")
}

/// Numbers with their names, except for unknown numbers.
fn amounts(numbers: &[(Option<u64>, &str)]) -> String {
    let numbers = numbers.iter();
    joined(numbers.filter_map(|(number, name)| Some(format!("{} {name}", count((*number)?)))))
}

/// The length of a period in parentheses, if its start is known.
fn length(from: Option<EpochMillis>, to: EpochMillis) -> String {
    let millis = from.and_then(|from| u64::try_from(to.0.checked_sub(from.0)?).ok());
    millis.map_or_else(String::new, |millis| {
        format!(" ({})", duration(Duration::from_millis(millis)))
    })
}

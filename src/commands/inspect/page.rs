//! The report as a page.

use std::borrow::Borrow;
use std::cmp::Reverse;
use std::time::Duration;

use super::facts::{CategoryFacts, PatternFacts, PatternKind, Report};
use super::values::{self, ValuesFacts};
use crate::commands::compatibility::Requirement;
use crate::job::{Detector, Snapshot};
use crate::report::Column::{Flexible, Numbers, Words};
use crate::report::TextStyle::{Bad, Caution, Faint, Good, Plain};
use crate::report::{Block, Cell, Gauge, Histogram, Mark, ReportPage, Section, Table, Text, TextStyle, Tile};
use crate::util::format::{amount, bytes, count, duration};
use crate::util::timestamp::EpochMillis;

/// Patterns of a detector that are listed.
const SHOWN_PATTERNS: usize = 6;
/// Rows of tables that are always shown.
const SHOWN_CATEGORIES: usize = 10;
const SHOWN_INDICES: usize = 8;

/// The page of a report; values come last.
pub(super) fn page(report: &Report) -> ReportPage {
    let path = report.archive.path.as_str();
    let sections: [fn(&Report) -> Option<Section>; 10] = [
        summary, job, datafeed, snapshot, categories, parts, inputs, checks, missing, reminder,
    ];
    let sections = sections.iter().filter_map(|section| section(report));
    let values = report.values.iter().flat_map(values::sections);
    ReportPage {
        title: if path == "-" { "standard input" } else { path }.to_owned(),
        sections: sections.chain(values).collect(),
    }
}

/// The page of `--values`.
pub(super) fn values_page(report: &Report, values: &ValuesFacts) -> ReportPage {
    let pseudonymized = "The archive was pseudonymised: where its fields were chosen, tokens stand for values.";
    let data = "What follows are values of the data: whoever gets the archive gets them.";
    let note = match values.pseudonymized {
        true => Text::styled(Good, pseudonymized),
        false => Text::styled(Caution, data),
    };
    let sections = [vec![Section::note("", note)], values::sections(values)].concat();
    ReportPage {
        title: format!("{}: values", report.archive.path),
        sections: sections.into_iter().chain(categories(report)).collect(),
    }
}

/// The verdict, the most important numbers, and the file.
fn summary(report: &Report) -> Option<Section> {
    let mut section = Section::of("", Block::Marks(verdict(report)));
    let tiles = tiles(report);
    if !tiles.is_empty() {
        section.push(Block::Tiles(tiles));
    }
    let entries = amount(report.entries.len() as u64, "entry", "entries");
    section.fact("size", format!("{} in {entries}", bytes(report.archive.bytes)));
    let Some(manifest) = &report.contents.manifest else {
        section.fact("written by", "the Python scripts, or cut short (no manifest)");
        return Some(section);
    };
    let tool = format!("esml-state {}, {}", manifest.tool_version, manifest.created);
    section.fact("written by", tool);
    let source = &manifest.source;
    let cluster = format!("Elasticsearch {}, {}", source.cluster_version, source.cluster_uuid);
    section.fact("from", format!("cluster {} ({cluster})", source.cluster_name));
    let options = manifest.options.iter().map(|(name, value)| match value.as_str() {
        Some(text) => format!("{name} {text}"),
        None => format!("{name} {value}"),
    });
    section.fact("options", joined(options));
    Some(section)
}

fn verdict(report: &Report) -> Vec<Mark> {
    let failed = report.checks.iter().filter(|check| !check.passed).count();
    let mut checks = match failed {
        0 => format!("all {} checks held", report.checks.len()),
        _ => format!("{failed} of {} checks failed", report.checks.len()),
    };
    if !report.findings.is_empty() {
        let findings = amount(report.findings.len() as u64, "finding", "findings");
        checks = format!("{checks}, {findings}");
    }
    let (style, word) = match report.importable {
        true if failed == 0 && report.findings.is_empty() => (Good, "can be imported"),
        true => (Caution, "can be imported"),
        false => (Bad, "CANNOT be imported"),
    };
    let mut marks = vec![Mark(style, word, checks.into())];
    if report.importable && !report.missing.is_empty() {
        let things = amount(report.missing.len() as u64, "thing", "things");
        marks.push(Mark(Caution, "will lack", format!("{things}, see below").into()));
    }
    if report.values.is_some() {
        let text = "of the data, listed below: treat this page as you would the data";
        marks.push(Mark(Caution, "holds values", text.into()));
    }
    marks
}

fn tiles(report: &Report) -> Vec<Tile> {
    let mut tiles = Vec::new();
    if let Some(snapshot) = &report.contents.snapshot {
        if let Some(size) = snapshot.size("model_bytes") {
            let size = Text::styled(memory_style(snapshot), memory(size));
            let limit = snapshot.size("model_bytes_memory_limit");
            let limit = limit.map(|limit| format!("of {}", memory(limit)));
            tiles.push(Tile("model memory", size, limit.unwrap_or_default()));
        }
        if let [(Some(number), name), others @ ..] = series(report, snapshot).as_slice() {
            tiles.push(Tile(name, count(*number).into(), numbers(others)));
        }
        let categories = snapshot.size("total_category_count");
        if let Some(number) = categories.filter(|_| report.contents.categorizes()) {
            let (status, style) = categorization_status(snapshot);
            let style = if style == Good { Plain } else { style };
            let number = Text::styled(style, count(number));
            tiles.push(Tile("categories", number, format!("status {status}")));
        }
        if let Some(latest) = snapshot.latest_record_time_stamp {
            let latest_text = latest.to_string();
            let day = latest_text.split('T').next().unwrap_or_default();
            tiles.push(match between(first_record(report), Some(latest)) {
                Some(length) => Tile("has seen", length.into(), format!("to {day}")),
                None => Tile("has seen", day.into(), "latest record".to_owned()),
            });
        }
    }
    if let Some(inputs) = report.parts.iter().find(|part| part.part == "inputs") {
        let length = between(inputs.first, inputs.last).unwrap_or_default();
        let note = if inputs.documents == 0 { "none carried" } else { &length };
        tiles.push(Tile("inputs", count(inputs.documents).into(), note.to_owned()));
    }
    tiles
}

fn job(report: &Report) -> Option<Section> {
    let Some(job) = &report.contents.config else {
        return Some(Section::note("Job", "not known: no readable configuration"));
    };
    let mut section = Section::new(format!("Job {}", job.id()));
    let span = job.analysis.bucket_span.as_deref().unwrap_or("of the default length");
    section.facts("description", job.description.as_deref());
    section.fact("groups", job.groups.join(", "));
    section.fact("bucket span", format!("{span}, by the time in {}", job.time_field()));
    section.facts("detectors", job.analysis.detectors.iter().map(Detector::description));
    section.fact("influencers", job.analysis.influencers.join(", "));
    section.facts("categorizes", job.categorization_field());
    section.facts("counts by", job.analysis.summary_count_field_name.as_deref());
    section.facts("memory limit", job.model_memory_limit().map(memory));
    section.facts("job version", job.job_version.as_deref());
    Some(section)
}

fn datafeed(report: &Report) -> Option<Section> {
    let (datafeed, facts) = (report.contents.config.as_ref()?.datafeed()?, report.datafeed.as_ref()?);
    let with = [
        ("query", "a query"),
        ("runtime_mappings", "runtime mappings"),
        ("script_fields", "script fields"),
        ("aggregations", "aggregations"),
    ];
    let all = "every document (no query)";
    let with = with.into_iter().filter(|(fact, _)| facts[fact] == true);
    let with = joined(with.map(|(_, name)| name));
    let remote = "reads another cluster: that one must be connected where it runs";
    let mut section = Section::new(format!("Datafeed {}", datafeed.id));
    section.fact("reads", datafeed.indices.join(", "));
    section.fact("with", if with.is_empty() { all } else { &with });
    section.facts("remote", (facts["remote"] == true).then_some(remote));
    Some(section)
}

fn snapshot(report: &Report) -> Option<Section> {
    let Some(snapshot) = &report.contents.snapshot else {
        return Some(Section::note("Snapshot", "none"));
    };
    let mut section = Section::new(format!("Snapshot {}", snapshot.snapshot_id));
    section.facts("created", snapshot.timestamp.map(|time| time.to_string()));
    section.facts("description", snapshot.description.as_deref());
    let requirement = Requirement::of(snapshot.min_version.as_deref());
    section.facts("compatibility", requirement.map(|requirement| requirement.to_string()));
    if let Some(size) = snapshot.size("model_bytes") {
        let peak = snapshot.size("peak_model_bytes").filter(|peak| *peak > size);
        let peak = peak.map_or_else(String::new, |peak| format!(", once {}", memory(peak)));
        match positive(snapshot.size("model_bytes_memory_limit")) {
            None => section.fact("memory", format!("{}{peak}", memory(size))),
            Some(limit) => {
                let share = size as f64 * 100.0 / limit as f64;
                section.push(Block::Gauge(Gauge {
                    label: "memory",
                    part: size,
                    whole: limit,
                    style: memory_style(snapshot),
                    text: format!("{}, {share:.1} % of {}{peak}", memory(size), memory(limit)).into(),
                }));
            }
        }
    }
    section.facts("health", health(report, snapshot));
    section.fact("models", numbers(&series(report, snapshot)));
    if let Some(latest) = snapshot.latest_record_time_stamp {
        let first = first_record(report);
        let length = between(first, Some(latest)).map_or_else(String::new, |length| format!(" ({length})"));
        let seen = match first {
            Some(first) => format!("{first} to {latest}{length}"),
            None => format!("to {latest}"),
        };
        section.fact("has seen", seen);
    }
    let latest_result = snapshot.latest_result_time_stamp;
    section.facts("latest result", latest_result.map(|time| time.to_string()));
    if let Some(counts) = &report.data_counts {
        let counts = numbers(&[
            (counts.records, "records"),
            (counts.buckets, "buckets"),
            (positive(counts.empty_buckets), "empty ones"),
            (positive(counts.missing_fields), "missing fields"),
            (positive(counts.out_of_order), "records out of order"),
        ]);
        section.fact("job counts", counts);
    }
    section.facts("has found", patterns(report));
    section.facts("state", state(report, snapshot));
    Some(section)
}

fn memory_style(snapshot: &Snapshot) -> TextStyle {
    match snapshot.status("memory_status") {
        Some("hard_limit") => Bad,
        Some("soft_limit") => Caution,
        _ => Plain,
    }
}

/// Whether there was enough memory, and whether categories make sense.
fn health(report: &Report, snapshot: &Snapshot) -> Vec<Text> {
    let text = |style, status: &str, meaning: &str| Text::styled(style, status).then(Plain, meaning);
    let mut lines = vec![match snapshot.status("memory_status").unwrap_or("not known") {
        "ok" => text(Good, "ok", ": no memory limit reached"),
        "soft_limit" => {
            let meaning = ": over 60 % of its limit, it prunes what is rare";
            text(Caution, "soft limit reached", meaning)
        }
        "hard_limit" => {
            let over = memory(snapshot.size("model_bytes_exceeded").unwrap_or(0));
            let meaning = format!(": new series were not modelled, {over} too much");
            text(Bad, "hard limit reached", &meaning)
        }
        other => text(Caution, &format!("memory status {other}"), ""),
    }];
    let failures = positive(snapshot.size("bucket_allocation_failures_count"));
    let failures = failures.map(|buckets| amount(buckets, "bucket", "buckets"));
    lines.extend(failures.map(|buckets| Text::styled(Bad, format!("{buckets} in which no memory was left"))));
    lines.extend(report.contents.categorizes().then(|| categorization(snapshot)));
    lines
}

fn categorization_status(snapshot: &Snapshot) -> (&str, TextStyle) {
    let status = snapshot.status("categorization_status").unwrap_or("not known");
    (status, if status == "ok" { Good } else { Caution })
}

fn categorization(snapshot: &Snapshot) -> Text {
    let (status, style) = categorization_status(snapshot);
    let meaning = match status {
        "warn" => ": the messages do not suit categorization",
        _ => "",
    };
    let total = snapshot.size("total_category_count").unwrap_or(0);
    let total = amount(total, "category", "categories");
    let kinds = ["frequent", "rare", "dead", "failed"];
    let kinds = kinds.map(|kind| (positive(snapshot.size(&format!("{kind}_category_count"))), kind));
    let kinds = numbers(&kinds);
    let kinds = if kinds.is_empty() { kinds } else { format!(" ({kinds})") };
    let documents = snapshot.size("categorized_doc_count");
    let documents = documents.map(|documents| format!(" of {}", amount(documents, "document", "documents")));
    let numbers = format!("{meaning}: {total}{kinds}{}", documents.unwrap_or_default());
    Text::from("categorization ").then(style, status).then(Plain, numbers)
}

/// How many values are modeled, of the kinds that the job's detectors split by.
fn series(report: &Report, snapshot: &Snapshot) -> Vec<(Option<u64>, &'static str)> {
    let detectors = report.contents.config.iter().flat_map(|job| &job.analysis.detectors);
    let has = |field: fn(&Detector) -> &Option<String>| detectors.clone().any(|detector| field(detector).is_some());
    let kinds = [
        (has(|detector| &detector.partition), "partition", "partitions"),
        (has(|detector| &detector.over), "over", "members of populations"),
        (has(|detector| &detector.by), "by", "by values"),
    ];
    let used = kinds.into_iter().filter(|(is_used, ..)| *is_used);
    let series = used.map(|(_, field, name)| (snapshot.size(&format!("total_{field}_field_count")), name));
    series.filter(|(number, _)| number.is_some()).collect()
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
    let what = match (facts.pattern.what, &facts.pattern.period) {
        (PatternKind::Seasonality, Some(period)) => format!("a period of {period}{days}"),
        (PatternKind::Trend, _) => "a trend".to_owned(),
        _ => "another change".to_owned(),
    };
    format!("{what} in {}", amount(facts.series, "series", "series"))
}

fn state(report: &Report, snapshot: &Snapshot) -> Vec<String> {
    let state = report.state;
    let line = |name: &str, documents: u64, of: &str, size: u64| {
        let noun = if documents == 1 { "document" } else { "documents" };
        format!("{name}: {}{of} {noun}, {} decoded", count(documents), bytes(size))
    };
    let of = match snapshot.snapshot_doc_count {
        Some(expected) if expected != state.model_documents => format!(" of {}", count(expected)),
        _ => String::new(),
    };
    let mut lines = vec![line("model", state.model_documents, &of, state.model_bytes)];
    if state.categorizer_documents > 0 || report.contents.categorizes() {
        let (documents, size) = (state.categorizer_documents, state.categorizer_bytes);
        lines.push(line("categorizer", documents, "", size));
    }
    lines
}

/// The categories that match most.
fn categories(report: &Report) -> Option<Section> {
    let categories = report.categories.as_ref()?;
    let matches = |category: &CategoryFacts| category.matches.unwrap_or(0);
    let largest = categories.list.iter().map(matches).max()?;
    let rows = categories.list.iter().map(|category| {
        let (id, value) = (count(category.id), matches(category));
        let mut row = vec![id.into(), count(value).into(), Cell::Bar(value, largest)];
        row.extend(category.example.as_ref().map(Cell::from));
        row
    });
    let examples = categories.list.iter().any(|category| category.example.is_some());
    let mut columns = vec![Numbers("category"), Numbers("matches"), Words("")];
    columns.extend(examples.then_some(Flexible("for example")));
    let notes = [
        categories.more.then_some("There are more than are read here."),
        (!examples).then_some("--values shows an example of each."),
    ];
    let table = Table {
        shown: Some(SHOWN_CATEGORIES),
        note: notes.into_iter().flatten().collect::<Vec<_>>().join(" "),
        ..Table::new(columns, rows)
    };
    Some(Section::of("Categories", Block::Table(table)))
}

/// Documents, bytes and times of each part; annotations, filters and calendars.
fn parts(report: &Report) -> Option<Section> {
    let mut section = Section::new("Parts");
    let rows = report.parts.iter().map(|part| {
        let style = if part.documents == 0 { Faint } else { Plain };
        let [documents, size] = [count(part.documents), bytes(part.bytes)].map(|text| Text::styled(style, text).into());
        let [first, last] = [part.first, part.last].map(|time| to_the_second(time).into());
        vec![part.part.into(), documents, size, first, last]
    });
    let [documents, size] = ["documents", "bytes"].map(Numbers);
    section.table(Table::new(
        [Words(""), documents, size, Words("from"), Words("to")],
        rows,
    ));
    for part in report.parts.iter().filter(|part| part.undated > 0) {
        let text = format!("{}: {} with a time that cannot be read", part.part, count(part.undated));
        section.paragraph(Text::styled(Caution, text));
    }
    let annotations = report.annotations;
    if annotations.by_job + annotations.by_people > 0 {
        let [job, people] = [annotations.by_job, annotations.by_people].map(count);
        section.fact("annotations", format!("{job} by the job itself, {people} by people"));
    }
    section.fact("filters", report.filters.join(", "));
    let calendars = report.contents.calendars.iter().map(|calendar| {
        let events = amount(calendar.events.len() as u64, "event", "events");
        format!("{} ({events})", calendar.calendar_id)
    });
    section.fact("calendars", joined(calendars));
    Some(section)
}

/// The inputs by index, and over time.
fn inputs(report: &Report) -> Option<Section> {
    let inputs = report.inputs.as_ref()?;
    let mut section = Section::new("Inputs");
    let mut indices: Vec<(&String, &u64)> = inputs.indices.iter().collect();
    indices.sort_by_key(|(_, number)| Reverse(**number));
    if let [(index, _)] = indices.as_slice() {
        section.fact("index", index);
    } else {
        let largest = inputs.indices.values().sum();
        let rows = indices.into_iter().map(|(index, value)| {
            let value = *value;
            vec![index.into(), count(value).into(), Cell::Bar(value, largest)]
        });
        section.table(Table {
            shown: Some(SHOWN_INDICES),
            ..Table::new([Flexible("index"), Numbers("documents"), Words("")], rows)
        });
    }
    section.fact("mapping", if inputs.mapping { "carried" } else { "not carried" });
    if let Some(histogram) = &inputs.histogram {
        section.push(Block::Histogram(Histogram {
            title: "Inputs over time",
            from: histogram.from,
            width_millis: histogram.column_millis,
            counts: histogram.counts.clone(),
            unit: "documents",
        }));
    }
    Some(section)
}

fn checks(report: &Report) -> Option<Section> {
    let checks = report.checks.iter().map(|check| match check.passed {
        true => Mark(Good, "ok", check.what.into()),
        false => Mark(Bad, "FAILED", check.what.into()),
    });
    let findings = report.findings.iter().map(|finding| match finding.is_fatal() {
        true => Mark(Bad, "fatal", finding.to_string().into()),
        false => Mark(Caution, "warning", finding.to_string().into()),
    });
    Some(Section::of("Checks", Block::Marks(checks.chain(findings).collect())))
}

/// What an import of the archive will not have.
fn missing(report: &Report) -> Option<Section> {
    let mut section = Section::new("An import will find");
    for part in &report.missing {
        section.paragraph(&part.consequence);
    }
    (report.importable && !report.missing.is_empty()).then_some(section)
}

fn reminder(report: &Report) -> Option<Section> {
    let text = "The learned state itself holds values of the data (hosts, users, messages), with or without inputs: treat \
                the archive as you would the data.";
    let mut section = Section::note("Before you share it", text);
    if report.values.is_none() {
        section.paragraph("`inspect --values` shows them; this page contains none.");
    }
    report.parts.iter().any(|part| part.documents > 0).then_some(section)
}

fn first_record(report: &Report) -> Option<EpochMillis> {
    report.data_counts.as_ref()?.first_record
}

fn positive(number: Option<u64>) -> Option<u64> {
    number.filter(|number| *number > 0)
}

fn joined<T: Borrow<str>>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().collect::<Vec<_>>().join(", ")
}

/// Numbers with their names, as far as they are known.
fn numbers(numbers: &[(Option<u64>, &str)]) -> String {
    let numbers = numbers.iter();
    joined(numbers.filter_map(|(number, name)| Some(format!("{} {name}", count((*number)?)))))
}

/// In the binary units of Elasticsearch's `512mb`.
fn memory(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..0x10_0000 => (1 << 10, "KiB"),
        0x10_0000..0x4000_0000 => (1 << 20, "MiB"),
        _ => (1 << 30, "GiB"),
    };
    let text = format!("{:.1}", bytes as f64 / f64::from(unit));
    format!("{} {name}", text.strip_suffix(".0").unwrap_or(&text))
}

/// The time between two known times.
fn between(from: Option<EpochMillis>, to: Option<EpochMillis>) -> Option<String> {
    let millis = u64::try_from(to?.0.checked_sub(from?.0)?).ok()?;
    Some(duration(Duration::from_millis(millis)))
}

fn to_the_second(time: Option<EpochMillis>) -> Text {
    let Some(time) = time.map(|time| time.to_string()) else {
        return Text::styled(Faint, "-");
    };
    match time.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z").into(),
        None => time.into(),
    }
}

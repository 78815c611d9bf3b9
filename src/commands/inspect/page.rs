//! The report as a page.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use super::facts::{CategorizationFacts, PatternFacts, PatternKind, Report, SnapshotFacts, Written};
use super::values::{self, ValuesFacts};
use crate::commands::compatibility::Requirement;
use crate::report::{Cell, Column, Histogram, Mark, ReportBlock, ReportPage, Section, Table, Text, TextStyle, Tile};
use crate::util::format::{amount, bytes, count, duration};
use crate::util::timestamp::EpochMillis;

/// Patterns of a detector that are listed.
const SHOWN_PATTERNS: usize = 6;
/// Rows of tables that are always shown.
const SHOWN_CATEGORIES: usize = 10;
const SHOWN_INDICES: usize = 8;

/// The page of a report; values come last.
pub(super) fn page(report: &Report) -> ReportPage {
    let sections = [
        Some(summary(report)),
        Some(job(report)),
        datafeed(report),
        Some(snapshot(report)),
        categories(report),
        Some(parts(report)),
        inputs(report),
        Some(checks(report)),
        missing(report),
        reminder(report),
    ];
    let values = report.values.iter().flat_map(values::sections);
    ReportPage {
        title: match report.archive.path.as_str() {
            "-" => "standard input".to_owned(),
            path => path.to_owned(),
        },
        sections: sections.into_iter().flatten().chain(values).collect(),
    }
}

/// The page of `--values`.
pub(super) fn values_page(report: &Report, values: &ValuesFacts) -> ReportPage {
    let mut first = Section::default();
    first.paragraph(match values.pseudonymized {
        true => Text::styled(
            TextStyle::Good,
            "The archive was pseudonymised: where its fields were chosen, tokens stand for values.",
        ),
        false => Text::styled(
            TextStyle::Caution,
            "What follows are values of the data: whoever gets the archive gets them.",
        ),
    });
    let sections = std::iter::once(first).chain(values::sections(values));
    ReportPage {
        title: format!("{}: values", report.archive.path),
        sections: sections.chain(categories(report)).collect(),
    }
}

/// The verdict, the most important numbers, and the file.
fn summary(report: &Report) -> Section {
    let mut section = Section::default();
    section.push(ReportBlock::Marks(verdict(report)));
    let tiles = tiles(report);
    if !tiles.is_empty() {
        section.push(ReportBlock::Tiles(tiles));
    }
    let entries = amount(report.entries.len() as u64, "entry", "entries");
    section.fact("size", Some(format!("{} in {entries}", bytes(report.archive.bytes))));
    let Some(written) = &report.archive.written else {
        section.fact("written by", Some("the Python scripts, or cut short (no manifest)"));
        return section;
    };
    let Written {
        at,
        tool_version,
        cluster_version,
        cluster_name,
        cluster_uuid,
        options,
    } = written;
    section.fact("written by", Some(format!("esml-state {tool_version}, {at}")));
    let cluster = format!("cluster {cluster_name} (Elasticsearch {cluster_version}, {cluster_uuid})");
    section.fact("from", Some(cluster));
    let options = options.iter().map(|(name, value)| match value.as_str() {
        Some(text) => format!("{name} {text}"),
        None => format!("{name} {value}"),
    });
    section.fact("options", Some(joined(options)));
    section
}

fn verdict(report: &Report) -> Vec<Mark> {
    let failed = report.checks.iter().filter(|check| !check.passed).count() as u64;
    let findings = report.findings.len() as u64;
    let mut checks = match failed {
        0 => format!("all {} checks held", report.checks.len()),
        failed => format!("{} of {} checks failed", count(failed), report.checks.len()),
    };
    if findings > 0 {
        checks = format!("{checks}, {}", amount(findings, "finding", "findings"));
    }
    let (style, word) = match (report.importable, failed + findings) {
        (true, 0) => (TextStyle::Good, "can be imported"),
        (true, _) => (TextStyle::Caution, "can be imported"),
        (false, _) => (TextStyle::Bad, "CANNOT be imported"),
    };
    let missing = (report.importable && !report.missing.is_empty()).then(|| {
        let things = amount(report.missing.len() as u64, "thing", "things");
        Mark::new(TextStyle::Caution, "will lack", format!("{things}, see below"))
    });
    let values = report.values.as_ref().map(|_| {
        let text = "of the data, listed below: treat this page as you would the data";
        Mark::new(TextStyle::Caution, "holds values", text)
    });
    let checks = Mark::new(style, word, checks);
    [Some(checks), missing, values].into_iter().flatten().collect()
}

fn tiles(report: &Report) -> Vec<Tile> {
    let tile = |label: &str, value: Text, note: String| Tile {
        label: label.to_owned(),
        value,
        note,
    };
    let snapshot = report.snapshot.as_ref();
    let memory_tile = |snapshot: &SnapshotFacts| {
        let style = match memory_style(snapshot) {
            TextStyle::Plot => TextStyle::Plain,
            style => style,
        };
        let limit = snapshot.memory_limit.map(|limit| format!("of {}", memory(limit)));
        let size = Text::styled(style, memory(snapshot.model_bytes?));
        Some(tile("model memory", size, limit.unwrap_or_default()))
    };
    let series_tile = |snapshot: &SnapshotFacts| {
        let series = series(report, snapshot);
        let ((number, name), others) = series.split_first()?;
        let others = others.iter().map(|(number, name)| format!("{} {name}", count(*number)));
        Some(tile(name, count(*number).into(), joined(others)))
    };
    let categories_tile = |snapshot: &SnapshotFacts| {
        let categorization = snapshot.categorization.as_ref()?;
        let status = categorization.status.as_deref().unwrap_or("not known");
        let style = if status == "ok" {
            TextStyle::Plain
        } else {
            TextStyle::Caution
        };
        let number = Text::styled(style, count(categorization.categories?));
        Some(tile("categories", number, format!("status {status}")))
    };
    let time_tile = |snapshot: &SnapshotFacts| {
        let latest = snapshot.latest_record?;
        let day = latest.to_string();
        let day = day.split('T').next().unwrap_or(&day);
        Some(match between(first_record(report), Some(latest)) {
            Some(length) => tile("has seen", length.into(), format!("to {day}")),
            None => tile("has seen", day.into(), "latest record".to_owned()),
        })
    };
    let inputs = report.parts.iter().find(|part| part.part == "inputs");
    let inputs = inputs.map(|inputs| {
        let note = match inputs.documents {
            0 => "none carried".to_owned(),
            _ => between(inputs.first, inputs.last).unwrap_or_default(),
        };
        tile("inputs", count(inputs.documents).into(), note)
    });
    let tiles = [
        snapshot.and_then(memory_tile),
        snapshot.and_then(series_tile),
        snapshot.and_then(categories_tile),
        snapshot.and_then(time_tile),
        inputs,
    ];
    tiles.into_iter().flatten().collect()
}

fn job(report: &Report) -> Section {
    let Some(job) = &report.job else {
        return note_section("Job", "not known: no readable configuration");
    };
    let mut section = Section::new(format!("Job {}", job.id));
    let span = job.bucket_span.as_deref().unwrap_or("of the default length");
    let span = format!("{span}, by the time in {}", job.time_field);
    section.fact("description", job.description.as_deref());
    section.fact("groups", Some(job.groups.join(", ")));
    section.fact("bucket span", Some(span));
    section.facts("detectors", job.detectors.iter().map(|detector| &detector.description));
    section.fact("influencers", Some(job.influencers.join(", ")));
    section.fact("categorizes", job.categorization_field.as_deref());
    section.fact("counts by", job.summary_count_field.as_deref());
    section.fact("memory limit", job.model_memory_limit.map(memory));
    section.fact("job version", job.job_version.as_deref());
    section
}

fn datafeed(report: &Report) -> Option<Section> {
    let datafeed = report.datafeed.as_ref()?;
    let with = [
        (datafeed.query, "a query"),
        (datafeed.runtime_mappings, "runtime mappings"),
        (datafeed.script_fields, "script fields"),
        (datafeed.aggregations, "aggregations"),
    ];
    let with = with.into_iter().filter(|(is_set, _)| *is_set).map(|(_, name)| name);
    let with = match joined(with) {
        none if none.is_empty() => "every document (no query)".to_owned(),
        with => with,
    };
    let remote = "reads another cluster: that one must be connected where it runs";
    let mut section = Section::new(format!("Datafeed {}", datafeed.id));
    section.fact("reads", Some(datafeed.indices.join(", ")));
    section.fact("with", Some(with));
    section.fact("remote", datafeed.remote.then_some(remote));
    Some(section)
}

fn snapshot(report: &Report) -> Section {
    let Some(snapshot) = &report.snapshot else {
        return note_section("Snapshot", "none");
    };
    let mut section = Section::new(format!("Snapshot {}", snapshot.id));
    section.fact("created", snapshot.created.map(|time| time.to_string()));
    section.fact("description", snapshot.description.as_deref());
    let requirement = Requirement::of(snapshot.min_version.as_deref());
    section.fact("compatibility", requirement.map(|requirement| requirement.to_string()));
    if let Some(size) = snapshot.model_bytes {
        section.push(memory_block(size, snapshot));
    }
    section.facts("health", health(snapshot));
    let series = series(report, snapshot).into_iter();
    section.fact(
        "models",
        Some(numbers(series.map(|(number, name)| (Some(number), name)))),
    );
    let (first, latest) = (first_record(report), snapshot.latest_record);
    let length = between(first, latest).map_or_else(String::new, |length| format!(" ({length})"));
    let records = latest.map(|latest| match first {
        Some(first) => format!("{first} to {latest}{length}"),
        None => format!("to {latest}"),
    });
    section.fact("has seen", records);
    section.fact("latest result", snapshot.latest_result.map(|time| time.to_string()));
    let counts = report.data_counts.as_ref().map(|counts| {
        numbers([
            (counts.records, "records"),
            (counts.buckets, "buckets"),
            (positive(counts.empty_buckets), "empty ones"),
            (positive(counts.missing_fields), "missing fields"),
            (positive(counts.out_of_order), "records out of order"),
        ])
    });
    section.fact("job counts", counts);
    section.facts("has found", patterns(report));
    section.facts("state", state(report, snapshot));
    section
}

fn memory_block(size: u64, snapshot: &SnapshotFacts) -> ReportBlock {
    let peak = snapshot.peak_model_bytes.filter(|peak| *peak > size);
    let peak = peak.map_or_else(String::new, |peak| format!(", once {}", memory(peak)));
    let label = "memory".to_owned();
    match positive(snapshot.memory_limit) {
        None => ReportBlock::Fact {
            label,
            lines: vec![format!("{}{peak}", memory(size)).into()],
        },
        Some(limit) => {
            let share = size as f64 * 100.0 / limit as f64;
            ReportBlock::Gauge {
                label,
                part: size,
                whole: limit,
                style: memory_style(snapshot),
                text: format!("{}, {share:.1} % of {}{peak}", memory(size), memory(limit)).into(),
            }
        }
    }
}

fn memory_style(snapshot: &SnapshotFacts) -> TextStyle {
    match snapshot.memory_status.as_deref() {
        Some("hard_limit") => TextStyle::Bad,
        Some("soft_limit") => TextStyle::Caution,
        _ => TextStyle::Plot,
    }
}

/// Whether there was enough memory, and whether categories make sense.
fn health(snapshot: &SnapshotFacts) -> Vec<Text> {
    let (style, status, meaning) = match snapshot.memory_status.as_deref().unwrap_or("not known") {
        "ok" => (TextStyle::Good, "ok".to_owned(), ": no memory limit reached".to_owned()),
        "soft_limit" => (
            TextStyle::Caution,
            "soft limit reached".to_owned(),
            ": over 60 % of its limit, it prunes what is rare".to_owned(),
        ),
        "hard_limit" => {
            let over = memory(snapshot.bytes_exceeded.unwrap_or(0));
            let meaning = format!(": new series were not modelled, {over} too much");
            (TextStyle::Bad, "hard limit reached".to_owned(), meaning)
        }
        other => (TextStyle::Caution, format!("memory status {other}"), String::new()),
    };
    let mut lines = vec![Text::styled(style, status).then(TextStyle::Plain, meaning)];
    lines.extend(positive(snapshot.allocation_failures).map(|failures| {
        let buckets = amount(failures, "bucket", "buckets");
        Text::styled(TextStyle::Bad, format!("{buckets} in which no memory was left"))
    }));
    lines.extend(snapshot.categorization.as_ref().map(categorization));
    lines
}

fn categorization(categorization: &CategorizationFacts) -> Text {
    let status = categorization.status.as_deref().unwrap_or("not known");
    let style = if status == "ok" {
        TextStyle::Good
    } else {
        TextStyle::Caution
    };
    let meaning = match status {
        "warn" => ": the messages do not suit categorization",
        _ => "",
    };
    let total = amount(categorization.categories.unwrap_or(0), "category", "categories");
    let counts = numbers([
        (positive(categorization.frequent), "frequent"),
        (positive(categorization.rare), "rare"),
        (positive(categorization.dead), "dead"),
        (positive(categorization.failed), "failed"),
    ]);
    let counts = if counts.is_empty() {
        counts
    } else {
        format!(" ({counts})")
    };
    let documents = categorization
        .documents
        .map(|documents| amount(documents, "document", "documents"));
    let documents = documents.map_or_else(String::new, |documents| format!(" of {documents}"));
    Text::from("categorization ")
        .then(style, status)
        .then(TextStyle::Plain, format!("{meaning}: {total}{counts}{documents}"))
}

/// How many values are modeled, of the kinds that the job's detectors split by.
fn series(report: &Report, snapshot: &SnapshotFacts) -> Vec<(u64, &'static str)> {
    let detectors = || report.job.iter().flat_map(|job| &job.detectors);
    let series = snapshot.series;
    let kinds = [
        (
            detectors().any(|detector| detector.partition_field.is_some()),
            series.partition_values,
            "partitions",
        ),
        (
            detectors().any(|detector| detector.over_field.is_some()),
            series.over_values,
            "members of populations",
        ),
        (
            detectors().any(|detector| detector.by_field.is_some()),
            series.by_values,
            "by values",
        ),
    ];
    let split = kinds.into_iter().filter(|(splits, _, _)| *splits);
    split.filter_map(|(_, number, name)| Some((number?, name))).collect()
}

/// A line for each detector.
fn patterns(report: &Report) -> Vec<String> {
    let mut by_detector: BTreeMap<Option<u64>, Vec<&PatternFacts>> = BTreeMap::new();
    for facts in &report.patterns {
        by_detector.entry(facts.detector).or_default().push(facts);
    }
    let several = report.job.as_ref().is_some_and(|job| job.detectors.len() > 1);
    let line = |(detector, patterns): (Option<u64>, Vec<&PatternFacts>)| {
        let more = patterns.len().saturating_sub(SHOWN_PATTERNS) as u64;
        let more = (more > 0).then(|| amount(more, "more pattern", "more patterns"));
        let shown = patterns.into_iter().take(SHOWN_PATTERNS).map(describe_pattern);
        let patterns = joined(shown.chain(more));
        match detector.filter(|_| several) {
            Some(detector) => format!("detector {detector}: {patterns}"),
            None => patterns,
        }
    };
    by_detector.into_iter().map(line).collect()
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

fn state(report: &Report, snapshot: &SnapshotFacts) -> Vec<String> {
    let state = report.state;
    let line = |name: &str, documents: u64, of: &str, size: u64| {
        let noun = if documents == 1 { "document" } else { "documents" };
        format!("{name}: {}{of} {noun}, {} decoded", count(documents), bytes(size))
    };
    let expected = snapshot
        .state_documents
        .filter(|expected| *expected != state.model_documents);
    let of = expected.map_or_else(String::new, |expected| format!(" of {}", count(expected)));
    let mut lines = vec![line("model", state.model_documents, &of, state.model_bytes)];
    let categorizes = report
        .job
        .as_ref()
        .is_some_and(|job| job.categorization_field.is_some());
    if state.categorizer_documents > 0 || categorizes {
        lines.push(line(
            "categorizer",
            state.categorizer_documents,
            "",
            state.categorizer_bytes,
        ));
    }
    lines
}

/// The categories that match most.
fn categories(report: &Report) -> Option<Section> {
    let categories = report
        .categories
        .as_ref()
        .filter(|categories| !categories.list.is_empty())?;
    let largest = categories.list.iter().filter_map(|category| category.matches).max();
    let largest = largest.unwrap_or(0);
    let examples = categories.list.iter().any(|category| category.example.is_some());
    let mut columns = vec![
        Column::numbers("category"),
        Column::numbers("matches"),
        Column::words(""),
    ];
    columns.extend(examples.then(|| Column::flexible("for example")));
    let rows = categories.list.iter().map(|category| {
        let value = category.matches.unwrap_or(0);
        let mut row = vec![
            count(category.id).into(),
            count(value).into(),
            Cell::Bar { value, largest },
        ];
        row.extend(category.example.as_ref().map(Cell::from));
        row
    });
    let notes = [
        categories.more.then_some("There are more than are read here."),
        (!examples).then_some("--values shows an example of each."),
    ];
    let mut section = Section::new("Categories");
    section.table(Table {
        columns,
        rows: rows.collect(),
        shown: Some(SHOWN_CATEGORIES),
        note: notes.into_iter().flatten().collect::<Vec<_>>().join(" "),
        ..Table::default()
    });
    Some(section)
}

/// Documents, bytes and times of each part; annotations, filters and calendars.
fn parts(report: &Report) -> Section {
    let mut section = Section::new("Parts");
    let rows = report.parts.iter().map(|part| {
        let style = if part.documents == 0 {
            TextStyle::Faint
        } else {
            TextStyle::Plain
        };
        let mut row: Vec<Cell> = vec![part.part.into()];
        row.extend([count(part.documents), bytes(part.bytes)].map(|text| Text::styled(style, text).into()));
        row.extend([part.first, part.last].map(|time| to_the_second(time).into()));
        row
    });
    section.table(Table {
        columns: vec![
            Column::words(""),
            Column::numbers("documents"),
            Column::numbers("bytes"),
            Column::words("from"),
            Column::words("to"),
        ],
        rows: rows.collect(),
        ..Table::default()
    });
    for part in report.parts.iter().filter(|part| part.undated > 0) {
        let text = format!("{}: {} with a time that cannot be read", part.part, count(part.undated));
        section.paragraph(Text::styled(TextStyle::Caution, text));
    }
    let annotations = report.annotations;
    if annotations.by_job + annotations.by_people > 0 {
        let [job, people] = [annotations.by_job, annotations.by_people].map(count);
        section.fact(
            "annotations",
            Some(format!("{job} by the job itself, {people} by people")),
        );
    }
    section.fact("filters", Some(report.filters.join(", ")));
    let calendars = report.calendars.iter();
    let calendars =
        calendars.map(|calendar| format!("{} ({})", calendar.id, amount(calendar.events, "event", "events")));
    section.fact("calendars", Some(joined(calendars)));
    section
}

/// The inputs by index, and over time.
fn inputs(report: &Report) -> Option<Section> {
    let inputs = report.inputs.as_ref()?;
    let mut section = Section::new("Inputs");
    let mut indices: Vec<(&String, u64)> = inputs.indices.iter().map(|(index, number)| (index, *number)).collect();
    indices.sort_by_key(|(_, number)| Reverse(*number));
    let largest = inputs.indices.values().sum();
    match indices.as_slice() {
        [(index, _)] => section.fact("index", Some(*index)),
        indices => {
            let rows = indices.iter().map(|(index, value)| {
                let value = *value;
                vec![Cell::from(*index), count(value).into(), Cell::Bar { value, largest }]
            });
            section.table(Table {
                columns: vec![
                    Column::flexible("index"),
                    Column::numbers("documents"),
                    Column::words(""),
                ],
                rows: rows.collect(),
                shown: Some(SHOWN_INDICES),
                ..Table::default()
            });
        }
    }
    let mapping = if inputs.mapping { "carried" } else { "not carried" };
    section.fact("mapping", Some(mapping));
    if let Some(histogram) = &inputs.histogram {
        section.push(ReportBlock::Histogram(Histogram {
            title: "Inputs over time".to_owned(),
            from: histogram.from,
            width_millis: histogram.column_millis,
            counts: histogram.counts.clone(),
            unit: "documents",
        }));
    }
    Some(section)
}

fn checks(report: &Report) -> Section {
    let checks = report.checks.iter().map(|check| match check.passed {
        true => Mark::new(TextStyle::Good, "ok", check.what),
        false => Mark::new(TextStyle::Bad, "FAILED", check.what),
    });
    let findings = report.findings.iter().map(|finding| match finding.is_fatal() {
        true => Mark::new(TextStyle::Bad, "fatal", finding.to_string()),
        false => Mark::new(TextStyle::Caution, "warning", finding.to_string()),
    });
    let mut section = Section::new("Checks");
    section.push(ReportBlock::Marks(checks.chain(findings).collect()));
    section
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
    let mut section = Section::new("Before you share it");
    section.paragraph(
        "The learned state itself holds values of the data (hosts, users, messages), with or without inputs: treat \
         the archive as you would the data.",
    );
    if report.values.is_none() {
        section.paragraph("`inspect --values` shows them; this page contains none.");
    }
    report.parts.iter().any(|part| part.documents > 0).then_some(section)
}

/// A section of one sentence.
fn note_section(title: &str, text: &str) -> Section {
    let mut section = Section::new(title);
    section.paragraph(text);
    section
}

fn first_record(report: &Report) -> Option<EpochMillis> {
    report.data_counts.as_ref()?.first_record
}

fn positive(number: Option<u64>) -> Option<u64> {
    number.filter(|number| *number > 0)
}

fn joined(items: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let items: Vec<_> = items.into_iter().collect();
    items.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}

/// Numbers with their names, as far as they are known.
fn numbers<'a>(numbers: impl IntoIterator<Item = (Option<u64>, &'a str)>) -> String {
    let known = numbers.into_iter().filter_map(|(number, name)| Some((number?, name)));
    joined(known.map(|(number, name)| format!("{} {name}", count(number))))
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
        return Text::styled(TextStyle::Faint, "-");
    };
    match time.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z").into(),
        None => time.into(),
    }
}

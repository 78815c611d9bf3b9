//! What differs between two archives: configuration, snapshot, model, parts, and values with `--values`. The comparison
//! is serialized as the `--json` document of two archives, and read by the page.

mod diff;

use std::collections::HashMap;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::facts::{Pattern, PatternFacts};
use super::inspection::Inspection;
use super::values::{FieldFacts, PartCounts, StoredValue, ValuesFacts};
use crate::archive::{Contents, EntryKind};
use crate::job::GENERATED;
use crate::report::Column::{Flexible, Numbers, Words};
use crate::report::TextStyle::{Bad, Caution, Faint, Good};
use crate::report::{Block, Cell, Mark, ReportPage, Section, Table, Text};
use crate::util::format::{bytes, count};
use crate::util::timestamp::EpochMillis;
use crate::values::ArchivePart;
use diff::Difference;

/// Version of the document; grows when a member changes its meaning or is removed.
const COMPARISON_VERSION: u32 = 1;
/// Differences of a section that are always shown.
const SHOWN: usize = 30;
/// Values of a field that are shown.
const SHOWN_VALUES: usize = 5;
/// Characters of a value in a table.
const MAX_VALUE: usize = 200;

/// Sections in the order of the page, with their headings.
const SECTIONS: [(&str, &str); 13] = [
    ("job", "Configuration of the job"),
    ("datafeed", "Configuration of the datafeed"),
    ("snapshot", "Snapshot and size of the model"),
    ("state", "State"),
    ("data_counts", "What the job has read"),
    ("patterns", "Trends and periods: series that they were found in"),
    ("categories", "Categories"),
    ("parts", "Parts"),
    ("inputs", "Inputs"),
    ("filters", "Filters"),
    ("calendars", "Calendars"),
    ("generated", "Written by the cluster itself"),
    ("archive", "Archive"),
];

/// The `--json` document.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Comparison {
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
    pub(crate) failure: Option<Value>,
}

/// One of the archives.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ComparedArchive {
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) importable: bool,
    pub(crate) job_id: Option<String>,
    pub(crate) snapshot_id: Option<String>,
}

/// The values of a field that only one archive has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct FieldDifference {
    pub(crate) field: String,
    pub(crate) kind: &'static str,
    /// Whether all values of both are known.
    pub(crate) exact: bool,
    pub(crate) parts: Vec<PartDifference>,
    pub(crate) came: Vec<String>,
    pub(crate) gone: Vec<String>,
}

/// Numbers of distinct values of a field in a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct PartDifference {
    pub(crate) part: &'static str,
    pub(crate) first: u64,
    pub(crate) second: u64,
    pub(crate) came: u64,
    pub(crate) gone: u64,
}

pub(super) fn compare(first: &Inspection, second: &Inspection) -> Comparison {
    let both = [first, second];
    let [a, b] = both.map(sections);
    let sections = a.into_iter().zip(b);
    let differences = sections.flat_map(|((section, a), (_, b))| diff::differences(section, &a, &b));
    let mut differences: Vec<Difference> = differences.collect();
    let [a, b] = both.map(|inspection| inspection.report.values.as_ref());
    let values = a.zip(b).map(|(a, b)| compare_values(a, b));
    if values.is_none() {
        diff::without_values(&mut differences);
    }
    Comparison {
        version: COMPARISON_VERSION,
        same: differences.is_empty() && values.as_ref().is_none_or(Vec::is_empty),
        archives: both.map(|Inspection { report, .. }| ComparedArchive {
            path: report.archive.path.clone(),
            bytes: report.archive.bytes,
            importable: report.importable,
            job_id: report.contents.job_id().map(ToString::to_string),
            snapshot_id: report.contents.snapshot_id().map(ToString::to_string),
        }),
        differences,
        values,
        failure: first.report.failure.clone().or_else(|| second.report.failure.clone()),
    }
}

/// What is compared, by section: parts of the report as in its `--json` document, and entries of the archive.
fn sections(inspection: &Inspection) -> [(&'static str, Value); 13] {
    let (report, contents) = (&inspection.report, &inspection.report.contents);
    let [job, datafeed, generated] = configuration(contents);
    let mut parts = by_name(json!(report.parts), "part");
    parts["annotations_by"] = json!(report.annotations);
    let inputs = report.inputs.as_ref();
    let inputs = inputs.map(|inputs| json!({"indices": inputs.indices, "mapping": inputs.mapping}));
    let entries = [EntryKind::Filters, EntryKind::Calendars].map(|kind| contents.texts.get(&kind));
    let [filters, calendars] = entries.map(|entry| parsed(entry.map(|text| &**text)));
    let categories = report.categories.iter().flat_map(|categories| &categories.list);
    let categories = categories.map(|category| (format!("category {}", category.id), json!(category.matches)));
    let archive = json!({"written": report.archive.written, "importable": report.importable});
    [
        ("job", job),
        ("datafeed", datafeed),
        ("generated", generated),
        ("snapshot", json!(report.snapshot)),
        ("state", json!(report.state)),
        ("data_counts", json!(report.data_counts)),
        ("patterns", report.patterns.iter().map(pattern).collect()),
        ("parts", parts),
        ("inputs", json!(inputs)),
        ("filters", by_name(filters, "filter_id")),
        ("calendars", by_name(calendars, "calendar_id")),
        ("categories", categories.collect()),
        ("archive", archive),
    ]
}

/// The configuration of job and datafeed, and what Elasticsearch generates: it differs wherever a job was created or
/// has run again.
fn configuration(contents: &Contents) -> [Value; 3] {
    let Value::Object(mut job) = parsed(contents.config.as_ref().map(|config| &*config.text)) else {
        return Default::default();
    };
    let mut datafeed = job.remove("datafeed_config").unwrap_or_default();
    let mut generated = Map::new();
    for name in GENERATED {
        generated.extend(job.remove(name).map(|value| (name.to_owned(), value)));
    }
    if let Some(datafeed) = datafeed.as_object_mut() {
        let authorization = datafeed.remove("authorization");
        generated.extend(authorization.map(|value| ("datafeed_config.authorization".to_owned(), value)));
    }
    [Value::Object(job), datafeed, Value::Object(generated)]
}

/// An entry of the archive; `null` where it is missing, or nested too deeply.
fn parsed(entry: Option<&RawValue>) -> Value {
    let value = entry.and_then(|entry| serde_json::from_str(entry.get()).ok());
    value.unwrap_or_default()
}

/// The name of a pattern, and the number of series that it was found in.
fn pattern(facts: &PatternFacts) -> (String, Value) {
    let Pattern { what, period, days } = &facts.pattern;
    let mut name = facts.detector.map_or_else(String::new, |n| format!("detector {n}: "));
    name += json!(what).as_str().unwrap_or_default();
    name.extend(period.iter().map(|period| format!(" of {period}")));
    name.extend(days.iter().map(|days| format!(" on {days}")));
    (name, json!(facts.series))
}

/// The elements of an array as members named by one of their own.
fn by_name(array: Value, name: &str) -> Value {
    let elements = array.as_array().cloned().unwrap_or_default();
    let named = elements.into_iter().filter_map(|mut element| {
        let name = element.as_object_mut()?.remove(name)?;
        Some((name.as_str()?.to_owned(), element))
    });
    named.collect()
}

/// The fields whose values differ, in the order of the second archive.
fn compare_values(first: &ValuesFacts, second: &ValuesFacts) -> Vec<FieldDifference> {
    let removed = first.fields.iter().filter(|field| find(second, field).is_none());
    let none = FieldFacts::default();
    let differences = second.fields.iter().chain(removed).map(|field| {
        let [first, second] = [first, second].map(|values| find(values, field).unwrap_or(&none));
        compare_field(field, first, second)
    });
    let mut differences: Vec<FieldDifference> = differences.collect();
    differences.retain(|field| field.parts.iter().any(|part| part.came + part.gone > 0));
    differences
}

/// The field of the same kind and name.
fn find<'a>(values: &'a ValuesFacts, like: &FieldFacts) -> Option<&'a FieldFacts> {
    let mut fields = values.fields.iter();
    fields.find(|field| (field.kind, &field.name) == (like.kind, &like.name))
}

fn compare_field(field: &FieldFacts, first: &FieldFacts, second: &FieldFacts) -> FieldDifference {
    let mut sides: HashMap<&StoredValue, [PartCounts; 2]> = HashMap::new();
    for (side, field) in [first, second].into_iter().enumerate() {
        for value in &field.values {
            sides.entry(&value.value).or_default()[side] = value.counts;
        }
    }
    let parts = ArchivePart::NAMES.into_iter().map(|(part, name)| {
        let number = |counts: fn(bool, bool) -> bool| {
            let sides = sides.values().map(|sides| sides.map(|counts| counts.of(part) > 0));
            sides.filter(|[first, second]| counts(*first, *second)).count() as u64
        };
        PartDifference {
            part: name,
            first: number(|first, _| first),
            second: number(|_, second| second),
            came: number(|first, second| second && !first),
            gone: number(|first, second| first && !second),
        }
    });
    let only = |field: &FieldFacts, other: usize| {
        let values = field.values.iter().map(|value| &value.value);
        let only = values.filter(|value| sides[value][other].total() == 0);
        only.map(|value| value.text.to_string()).collect()
    };
    FieldDifference {
        field: field.name.clone(),
        kind: field.kind,
        exact: !first.more && !second.more,
        parts: parts.filter(|part| part.first + part.second > 0).collect(),
        came: only(second, 0),
        gone: only(first, 1),
    }
}

/// The comparison as a page.
pub(super) fn page(comparison: &Comparison) -> ReportPage {
    let mut sections = vec![summary(comparison)];
    for (name, heading) in SECTIONS {
        let found = comparison.differences.iter().filter(|found| found.section == name);
        let table = Table {
            shown: Some(SHOWN),
            left_out: "--json lists all",
            ..Table::new([Flexible(""), Flexible("first"), Flexible("second")], found.map(row))
        };
        if !table.rows.is_empty() {
            sections.push(Section::of(heading, Block::Table(table)));
        }
    }
    sections.extend(comparison.values.as_deref().map(values_section));
    let [first, second] = &comparison.archives;
    let title = format!("{} compared with {}", first.path, second.path);
    ReportPage { title, sections }
}

fn summary(comparison: &Comparison) -> Section {
    let number = count(comparison.differences.len() as u64);
    let values = match comparison.values.iter().flatten().count() as u64 {
        0 => String::new(),
        fields => format!(", values of {} fields", count(fields)),
    };
    let mut marks = vec![match comparison.same {
        true => Mark(Good, "same", "nothing differs of what is compared".into()),
        false => Mark(Caution, "differ", format!("{number} differences{values}").into()),
    }];
    for ComparedArchive { path, .. } in comparison.archives.iter().filter(|archive| !archive.importable) {
        let text = format!("{path}: `inspect` alone says why; what it lacks seems to have gone");
        marks.push(Mark(Bad, "CANNOT be imported", text.into()));
    }
    let mut section = Section::of("", Block::Marks(marks));
    let archives = comparison.archives.each_ref();
    let known = |value: &Option<String>| value.clone().unwrap_or("not known".to_owned());
    let rows = [
        ("archive", archives.map(|archive| archive.path.clone())),
        ("size", archives.map(|archive| bytes(archive.bytes))),
        ("job", archives.map(|archive| known(&archive.job_id))),
        ("snapshot", archives.map(|archive| known(&archive.snapshot_id))),
    ];
    let rows = rows.map(|(label, [first, second])| {
        let label = Text::styled(Faint, label);
        vec![label.into(), first.into(), second.into()]
    });
    section.table(Table::new([Words(""), Flexible("first"), Flexible("second")], rows));
    if comparison.values.is_none() {
        let hint = "--values compares the values of the data, field by field.";
        section.paragraph(Text::styled(Faint, hint));
    }
    section
}

fn row(difference: &Difference) -> Vec<Cell> {
    let what = difference.what.as_str();
    let [first, second] = match (&difference.first, &difference.second) {
        (Value::Array(removed), Value::Array(added)) => [signed("-", removed), signed("+", added)],
        (first, second) => [first, second].map(|value| value_text(what, value)),
    };
    let what = if what.is_empty() { "all of it" } else { what };
    vec![what.into(), first.into(), second.into()]
}

/// The value of an option, or a dash for none.
fn value_text(what: &str, value: &Value) -> Text {
    match value {
        Value::Null => Text::styled(Faint, "-"),
        Value::String(text) => short(text).into(),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(time), _) if what.ends_with("_time") => EpochMillis(time).to_string().into(),
            (_, Some(number)) => count(number).into(),
            _ => number.to_string().into(),
        },
        other => short(&other.to_string()).into(),
    }
}

/// Items that only one side has.
fn signed(sign: &str, items: &[Value]) -> Text {
    let items = items.iter().map(|item| match item {
        Value::String(text) => format!("{sign} {text}"),
        other => format!("{sign} {other}"),
    });
    short(&items.collect::<Vec<_>>().join(", ")).into()
}

fn short(text: &str) -> String {
    match text.char_indices().nth(MAX_VALUE) {
        None => text.to_owned(),
        Some((end, _)) => format!("{} …", &text[..end]),
    }
}

fn values_section(fields: &[FieldDifference]) -> Section {
    const TITLE: &str = "Values that came or went";
    if fields.is_empty() {
        return Section::note(TITLE, "none");
    }
    let mut section = Section::new(TITLE);
    let rows = fields.iter().flat_map(|field| {
        let names = std::iter::once(field.field.as_str()).chain(std::iter::repeat(""));
        names.zip(&field.parts).map(|(name, part)| {
            let mut row: Vec<Cell> = vec![name.into(), part.part.replace('_', " ").into()];
            row.extend([part.first, part.second, part.came, part.gone].map(|number| Cell::from(count(number))));
            row
        })
    });
    let mut columns = vec![Flexible("field"), Words("in")];
    columns.extend(["first", "second", "came", "went"].map(Numbers));
    section.table(Table::new(columns, rows));
    if fields.iter().any(|field| !field.exact) {
        let text = "Of some fields not all values are known: there is a bound to what is held in memory.";
        section.paragraph(Text::styled(Caution, text));
    }
    for field in fields {
        for (values, what) in [(&field.came, "came"), (&field.gone, "went")] {
            let hidden = values.len().saturating_sub(SHOWN_VALUES) as u64;
            let more = (hidden > 0).then(|| format!("and {} more; --json lists all", count(hidden)));
            let lines = values.iter().take(SHOWN_VALUES).map(|value| short(value)).chain(more);
            section.facts(format!("{} {what}", field.field), lines);
        }
    }
    section
}

#[cfg(test)]
mod tests;

//! The differences between two archives: configuration, snapshot, model, contents and, with `--values`, values. The
//! comparison is serialized as the `--json` document of two archives, and is the source of the page.

mod diff;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::facts::{Pattern, PatternFacts};
use super::inspection::Inspection;
use super::values::{FieldFacts, PartCounts, StoredValue, ValuesFacts, part_label};
use crate::archive::{Contents, EntryKind};
use crate::job::GENERATED;
use crate::json::unquoted;
use crate::report::Column::{Flexible, Numbers, Words};
use crate::report::TextStyle::{Added, Bad, Caution, Faint, Good, Removed};
use crate::report::{Block, Column, Mark, ReportPage, Section, Table, Text};
use crate::util::format::{amount, bytes, count, truncated};
use crate::util::timestamp::EpochMillis;
use crate::values::ArchivePart;
use diff::Difference;

/// Version of the document, increased when a member is removed or changes its meaning.
const COMPARISON_VERSION: u32 = 1;
/// Maximum number of differences per section in the text; HTML folds the others.
const SHOWN: usize = 30;
/// Maximum number of values shown per field.
const SHOWN_VALUES: usize = 5;
/// Maximum number of characters of a value in a table.
const MAX_VALUE: usize = 200;

/// The `--json` document.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Comparison {
    pub(crate) version: u32,
    pub(crate) same: bool,
    pub(crate) archives: [ComparedArchive; 2],
    /// All differences except in values.
    pub(crate) differences: Vec<Difference>,
    /// With `--values`: the fields with different values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) values: Option<Vec<FieldDifference>>,
    /// Set if the command fails: the error as every command prints it.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<Value>,
}

/// One of the archives.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ComparedArchive {
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) importable: bool,
    /// Why not.
    #[serde(skip)]
    pub(crate) error: String,
    pub(crate) job_id: Option<String>,
    pub(crate) snapshot_id: Option<String>,
}

/// The values of a field that only one of the archives contains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct FieldDifference {
    pub(crate) field: String,
    pub(crate) kind: &'static str,
    /// Whether all values of both archives were compared.
    pub(crate) exact: bool,
    pub(crate) parts: Vec<PartDifference>,
    pub(crate) added: Vec<String>,
    pub(crate) removed: Vec<String>,
}

/// Numbers of distinct values of a field in one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct PartDifference {
    pub(crate) part: ArchivePart,
    pub(crate) first: u64,
    pub(crate) second: u64,
    pub(crate) added: u64,
    pub(crate) removed: u64,
}

pub(super) fn compare(first: &Inspection, second: &Inspection) -> Comparison {
    let both = [first, second];
    let [a, b] = both.map(sections);
    let sections = a.into_iter().zip(b);
    let differences =
        sections.flat_map(|((section, heading, a), (.., b))| diff::differences(section, heading, [&a, &b]));
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
            error: report.contents.fatal().map_or_else(String::new, ToString::to_string),
            job_id: report.contents.job_id().map(ToString::to_string),
            snapshot_id: report.contents.snapshot_id().map(ToString::to_string),
        }),
        differences,
        values,
        failure: first.report.failure.clone().or_else(|| second.report.failure.clone()),
    }
}

/// The compared values, by section, with the headings of the page: members of the report as in its `--json` document, and
/// entries of the archive.
fn sections(inspection: &Inspection) -> [(&'static str, &'static str, Value); 13] {
    let (report, contents) = (&inspection.report, &inspection.report.contents);
    let [job, datafeed, generated] = configuration(contents);
    let mut parts = by_name(json!(report.parts), "part");
    parts["annotations_by"] = json!(report.annotations);
    parts["results_by_type"] = json!(report.results.as_ref().map(|results| &results.types));
    let inputs = report.inputs.as_ref();
    let inputs = inputs.map(|inputs| json!({"indices": inputs.indices, "mapping": inputs.mapping}));
    let entries = [EntryKind::Filters, EntryKind::Calendars].map(|kind| contents.texts.get(&kind));
    let [filters, calendars] = entries.map(|entry| parsed(entry.map(|text| &**text)));
    let categories = report.categories.iter().flat_map(|categories| &categories.list);
    let categories = categories.map(|category| (format!("category {}", category.id), json!(category.matches)));
    let patterns = report.patterns.iter().map(pattern);
    let archive = json!({"written": report.archive.written, "importable": report.importable});
    [
        ("job", "Job configuration", job),
        ("datafeed", "Datafeed configuration", datafeed),
        ("snapshot", "Snapshot and model size", json!(report.snapshot)),
        ("state", "Model state", json!(report.state)),
        ("data_counts", "Data counts", json!(report.data_counts)),
        ("patterns", "Detected patterns: number of series", patterns.collect()),
        ("categories", "Categories", categories.collect()),
        ("parts", "Contents", parts),
        ("inputs", "Input documents", json!(inputs)),
        ("filters", "Filters", by_name(filters, "filter_id")),
        ("calendars", "Calendars", by_name(calendars, "calendar_id")),
        ("generated", "Generated by the cluster", generated),
        ("archive", "Archive", archive),
    ]
}

/// The configuration of the job and of the datafeed, and the members that Elasticsearch generates. These differ whenever a
/// job was created or run again.
fn configuration(contents: &Contents) -> [Value; 3] {
    let Value::Object(mut job) = parsed(contents.config.as_ref().map(|config| &*config.text)) else {
        return Default::default();
    };
    let mut datafeed = job.remove("datafeed_config").unwrap_or_default();
    let member = |name: &str| Some((name.to_owned(), job.remove(name)?));
    let mut generated: Map<String, Value> = GENERATED.split(' ').filter_map(member).collect();
    let members = datafeed.as_object_mut();
    let authorization = members.and_then(|members| members.remove("authorization"));
    generated.extend(authorization.map(|value| ("datafeed_config.authorization".to_owned(), value)));
    [Value::Object(job), datafeed, Value::Object(generated)]
}

/// An entry of the archive; `null` if it is missing or nested too deeply.
fn parsed(entry: Option<&RawValue>) -> Value {
    let value = entry.and_then(|entry| serde_json::from_str(entry.get()).ok());
    value.unwrap_or_default()
}

/// The name of a pattern, and the number of series in which it was detected.
fn pattern(facts: &PatternFacts) -> (String, Value) {
    let Pattern { kind, period, days } = &facts.pattern;
    let mut name = facts.detector.map_or_else(String::new, |n| format!("detector {n}: "));
    name += kind;
    name.extend(period.iter().map(|period| format!(" of {period}")));
    name.extend(days.iter().map(|days| format!(" on {days}")));
    (name, json!(facts.series))
}

/// The elements of an array as members of an object, named by their member `name`.
fn by_name(array: Value, name: &str) -> Value {
    let elements = array.as_array().cloned().unwrap_or_default();
    let named = elements.into_iter().filter_map(|mut element| {
        let name = element.as_object_mut()?.remove(name)?;
        Some((name.as_str()?.to_owned(), element))
    });
    named.collect()
}

/// The fields with different values, in the order of the second archive.
fn compare_values(first: &ValuesFacts, second: &ValuesFacts) -> Vec<FieldDifference> {
    let removed = first.fields.iter().filter(|field| find(second, field).is_none());
    let none = FieldFacts::default();
    let differences = second.fields.iter().chain(removed).map(|field| {
        let [first, second] = [first, second].map(|values| find(values, field).unwrap_or(&none));
        compare_field(field, first, second)
    });
    let has_differences = |field: &FieldDifference| field.parts.iter().any(|part| part.added + part.removed > 0);
    differences.filter(has_differences).collect()
}

/// The field of the same kind and name.
fn find<'a>(values: &'a ValuesFacts, like: &FieldFacts) -> Option<&'a FieldFacts> {
    let mut fields = values.fields.iter();
    fields.find(|field| (field.kind, &field.name) == (like.kind, &like.name))
}

fn compare_field<'a>(field: &FieldFacts, first: &'a FieldFacts, second: &'a FieldFacts) -> FieldDifference {
    let by_value = |field: &'a FieldFacts| -> HashMap<&'a StoredValue, &'a PartCounts> {
        let values = field.values.iter();
        values.map(|value| (&value.value, &value.parts)).collect()
    };
    let (in_first, in_second) = (by_value(first), by_value(second));
    let parts: BTreeSet<ArchivePart> = first.parts.keys().chain(second.parts.keys()).copied().collect();
    let parts = parts.into_iter().map(|part| {
        let number = |field: &FieldFacts| field.parts.get(&part).copied().unwrap_or(0);
        let only = |field: &FieldFacts, other: &HashMap<&StoredValue, &PartCounts>| {
            let is_other = |value| other.get(value).is_some_and(|parts| parts.contains_key(&part));
            let values = field.values.iter().filter(|value| value.parts.contains_key(&part));
            values.filter(|value| !is_other(&value.value)).count() as u64
        };
        PartDifference {
            part,
            first: number(first),
            second: number(second),
            added: only(second, &in_first),
            removed: only(first, &in_second),
        }
    });
    let only = |field: &FieldFacts, other: &HashMap<&StoredValue, &PartCounts>| {
        let values = field.values.iter().map(|value| &value.value);
        let only = values.filter(|value| !other.contains_key(value));
        only.map(|value| value.text.to_string()).collect()
    };
    FieldDifference {
        field: field.name.clone(),
        kind: field.kind,
        exact: !first.more && !second.more,
        parts: parts.collect(),
        added: only(second, &in_first),
        removed: only(first, &in_second),
    }
}

/// The names of two archives, with the directories that distinguish them if their files have the same name.
pub(super) fn names(paths: [&Path; 2]) -> [String; 2] {
    let [first, second] = paths.map(|path| path.components().rev().collect::<Vec<_>>());
    let same = first.iter().zip(&second).take_while(|(first, second)| first == second);
    let kept = if first == second { 1 } else { same.count() + 1 };
    [&first, &second].map(|path| {
        let name: PathBuf = path.iter().take(kept).rev().collect();
        let name = name.display().to_string();
        if name == "-" { "standard input".to_owned() } else { name }
    })
}

/// The comparison of archives with these names as a page.
pub(super) fn page(comparison: &Comparison, names: &[String; 2]) -> ReportPage {
    let mut sections = vec![summary(comparison, names)];
    for found in comparison.differences.chunk_by(|a, b| a.section == b.section) {
        let table = Table::new(&columns(names), found.iter().map(row));
        let table = table.shortened(SHOWN, 0, "list all with --json");
        sections.push(Section::of(found[0].heading, Block::Table(table)));
    }
    let values = comparison.values.as_deref();
    sections.extend(values.map(|fields| values_section(fields, names)));
    sections.push(Section::of("", Block::Verdict(verdict(comparison))));
    let title = names.join(" compared with ");
    ReportPage { title, sections }
}

/// Names of options are not truncated.
fn columns([first, second]: &[String; 2]) -> [(Column, &str); 3] {
    [(Words, ""), (Flexible, first), (Flexible, second)]
}

fn verdict(comparison: &Comparison) -> Mark {
    let number = amount(comparison.differences.len() as u64, "difference", "differences");
    let values = match comparison.values.iter().flatten().count() as u64 {
        0 => String::new(),
        fields => format!(", {} with different values", amount(fields, "field", "fields")),
    };
    let equal = "configuration, snapshot and contents are equal";
    match comparison.same {
        true => Mark(Good, "No differences", equal.into()),
        false => Mark(Caution, "Different", format!("{number}{values}").into()),
    }
}

fn summary(comparison: &Comparison, names: &[String; 2]) -> Section {
    let mut section = Section::of("", Block::Verdict(verdict(comparison)));
    let archives = comparison.archives.iter().zip(names);
    for (archive, name) in archives.filter(|(archive, _)| !archive.importable) {
        let text = format!("{name}: {}", archive.error);
        section.push(Block::Verdict(Mark(Bad, "Cannot be imported", text.into())));
    }
    let archives = comparison.archives.each_ref();
    let known = |value: &Option<String>| value.clone().unwrap_or("unknown".to_owned());
    let rows = [
        ("Size", archives.map(|archive| bytes(archive.bytes))),
        ("Job", archives.map(|archive| known(&archive.job_id))),
        ("Snapshot", archives.map(|archive| known(&archive.snapshot_id))),
    ];
    let rows = rows.map(|(label, [first, second])| vec![Text::styled(Faint, label), first.into(), second.into()]);
    section.table(Table::new(&columns(names), rows));
    if comparison.values.is_none() {
        let hint = "To compare the values of the data as well, use --values.";
        section.paragraph(Text::styled(Faint, hint));
    }
    section
}

fn row(difference: &Difference) -> Vec<Text> {
    let texts = |exact| [&difference.first, &difference.second].map(|value| value_text(difference, value, exact));
    let [first, second] = texts(false);
    // Different values can be equal when they are rounded.
    let [first, second] = if first == second { texts(true) } else { [first, second] };
    let what = difference.what.as_str();
    let what = if what.is_empty() { "(everything)" } else { what };
    vec![what.into(), first.or_style(Removed), second.or_style(Added)]
}

/// The value of an option, or the items that only one of the archives contains.
fn value_text(difference: &Difference, value: &Value, exact: bool) -> Text {
    let what = difference.what.as_str();
    let has_sizes = matches!(difference.section, "snapshot" | "state" | "parts");
    let is_size = has_sizes && ["bytes", "_limit", "_exceeded"].iter().any(|name| what.ends_with(name));
    let text = match (value, value.as_i64(), value.as_u64()) {
        (Value::Null, ..) => String::new(),
        (_, Some(time), _) if what.ends_with("_time") => EpochMillis(time).to_string(),
        (.., Some(size)) if is_size && exact => format!("{} B", count(size)),
        (.., Some(size)) if is_size => bytes(size),
        (.., Some(number)) => count(number),
        (Value::Array(items), ..) if !(items.is_empty() && exact) => {
            let items = items.iter().map(|item| unquoted(&with_dates(item.clone())));
            items.collect::<Vec<_>>().join(", ")
        }
        _ => unquoted(value),
    };
    Text::from(truncated(&text, MAX_VALUE)).or_none()
}

/// A calendar event with dates instead of milliseconds; another value unchanged.
fn with_dates(mut item: Value) -> Value {
    for (name, value) in item.as_object_mut().into_iter().flatten() {
        if let Some(time) = value.as_i64().filter(|_| name.ends_with("_time")) {
            *value = json!(EpochMillis(time));
        }
    }
    item
}

fn values_section(fields: &[FieldDifference], names: &[String; 2]) -> Section {
    const TITLE: &str = "Added and removed values";
    if fields.is_empty() {
        return Section::note(TITLE, "None.");
    }
    let mut section = Section::new(TITLE);
    let rows = fields.iter().flat_map(|field| {
        field.parts.iter().map(|part| {
            let names = [&field.field, &part_label(part.part)].map(Text::from);
            let numbers = [part.first, part.second, part.added, part.removed].map(count);
            names.into_iter().chain(numbers.map(Text::from)).collect()
        })
    });
    let numbers = [&names[0], &names[1], "Added", "Removed"].map(|title| (Numbers, title));
    let columns = [&[(Flexible, "Field"), (Words, "Found in")][..], &numbers].concat();
    section.table(Table::new(&columns, rows));
    if fields.iter().any(|field| !field.exact) {
        let text = "Some fields have more values than fit in memory; their other values were not compared.";
        section.paragraph(Text::styled(Caution, text));
    }
    for field in fields {
        for (values, what, style) in [(&field.added, "added", Added), (&field.removed, "removed", Removed)] {
            let hidden = values.len().saturating_sub(SHOWN_VALUES) as u64;
            let more = (hidden > 0).then(|| format!("{} more; list all with --json", count(hidden)));
            let shown = values.iter().take(SHOWN_VALUES);
            let lines = shown.map(|value| Text::styled(style, truncated(value, MAX_VALUE)));
            let lines = lines.chain(more.map(Text::from));
            section.facts(format!("{} {what}", field.field), lines);
        }
    }
    section
}

#[cfg(test)]
mod tests;

//! The comparison as a page.

use serde_json::Value;

use super::comparison::{ComparedArchive, Comparison, FieldDifference};
use super::diff::Difference;
use crate::report::{Cell, Column, Mark, ReportBlock, ReportPage, Section, Table, Text, TextStyle};
use crate::util::format::{bytes, count};
use crate::util::timestamp::EpochMillis;

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

pub(crate) fn page(comparison: &Comparison) -> ReportPage {
    let sections = SECTIONS.iter().filter_map(|(name, heading)| {
        let found = comparison
            .differences
            .iter()
            .filter(|difference| difference.section == *name);
        let rows: Vec<Vec<Cell>> = found.map(row).collect();
        (!rows.is_empty()).then(|| section(heading, rows))
    });
    let values = comparison.values.as_ref().map(|values| values_section(values));
    let [first, second] = &comparison.archives;
    ReportPage {
        title: format!("{} compared with {}", first.path, second.path),
        sections: std::iter::once(summary(comparison))
            .chain(sections)
            .chain(values)
            .collect(),
    }
}

fn summary(comparison: &Comparison) -> Section {
    let mut section = Section::default();
    let number = count(comparison.differences.len() as u64);
    let values = match comparison.values.iter().flatten().count() as u64 {
        0 => String::new(),
        fields => format!(", values of {} fields", count(fields)),
    };
    let mut marks = vec![match comparison.same {
        true => Mark::new(TextStyle::Good, "same", "nothing differs of what is compared"),
        false => Mark::new(TextStyle::Caution, "differ", format!("{number} differences{values}")),
    }];
    for archive in comparison.archives.iter().filter(|archive| !archive.importable) {
        let text = format!(
            "{}: `inspect` alone says why; what it lacks seems to have gone",
            archive.path
        );
        marks.push(Mark::new(TextStyle::Bad, "CANNOT be imported", text));
    }
    section.push(ReportBlock::Marks(marks));
    let row = |label: &str, value: fn(&ComparedArchive) -> Option<String>| {
        let label = Text::styled(TextStyle::Faint, label).into();
        let [first, second] = comparison.archives.each_ref().map(|archive| match value(archive) {
            Some(value) => Cell::from(value),
            None => "not known".into(),
        });
        vec![label, first, second]
    };
    section.table(Table {
        columns: columns(Column::words("")),
        rows: vec![
            row("archive", |archive| Some(archive.path.clone())),
            row("size", |archive| Some(bytes(archive.bytes))),
            row("job", |archive| archive.job_id.clone()),
            row("snapshot", |archive| archive.snapshot_id.clone()),
        ],
        ..Table::default()
    });
    if comparison.values.is_none() {
        let hint = "--values compares the values of the data, field by field.";
        section.paragraph(Text::styled(TextStyle::Faint, hint));
    }
    section
}

fn columns(label: Column) -> Vec<Column> {
    vec![label, Column::flexible("first"), Column::flexible("second")]
}

fn section(heading: &str, rows: Vec<Vec<Cell>>) -> Section {
    let mut section = Section::new(heading);
    section.table(Table {
        columns: columns(Column::flexible("")),
        rows,
        shown: Some(SHOWN),
        left_out: "--json lists all",
        ..Table::default()
    });
    section
}

fn row(difference: &Difference) -> Vec<Cell> {
    let Difference {
        what, first, second, ..
    } = difference;
    let [first, second] = match (first, second) {
        (Value::Array(removed), Value::Array(added)) => [signed("-", removed), signed("+", added)],
        _ => [first, second].map(|value| value_text(what, value)),
    };
    let what = if what.is_empty() { "all of it" } else { what };
    vec![what.into(), first.into(), second.into()]
}

/// The value of an option, or a dash for none.
fn value_text(what: &str, value: &Value) -> Text {
    match value {
        Value::Null => Text::styled(TextStyle::Faint, "-"),
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
    let mut section = Section::new("Values that came or went");
    if fields.is_empty() {
        section.paragraph("none");
        return section;
    }
    let mut rows = Vec::new();
    for field in fields {
        let mut name = field.field.as_str();
        for part in &field.parts {
            let mut row: Vec<Cell> = vec![std::mem::take(&mut name).into(), part.part.replace('_', " ").into()];
            row.extend([part.first, part.second, part.added, part.removed].map(|number| Cell::from(count(number))));
            rows.push(row);
        }
    }
    let mut columns = vec![Column::flexible("field"), Column::words("in")];
    columns.extend(["first", "second", "came", "went"].map(Column::numbers));
    section.table(Table {
        columns,
        rows,
        ..Table::default()
    });
    if fields.iter().any(|field| !field.exact) {
        let text = "Of some fields not all values are known: there is a bound to what is held in memory.";
        section.paragraph(Text::styled(TextStyle::Caution, text));
    }
    for field in fields {
        for (values, what) in [(&field.added, "came"), (&field.removed, "went")] {
            let hidden = values.len().saturating_sub(SHOWN_VALUES) as u64;
            let more = (hidden > 0).then(|| format!("and {} more; --json lists all", count(hidden)));
            let lines = values.iter().take(SHOWN_VALUES).map(|value| short(value)).chain(more);
            section.facts(&format!("{} {what}", field.field), lines);
        }
    }
    section
}

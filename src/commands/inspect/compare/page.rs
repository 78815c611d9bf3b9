//! The comparison as a page.

use serde_json::Value;

use super::report::{Comparison, Difference, FieldDifference, Side};
use crate::report::TextStyle;
use crate::report::{Cell, Column, Mark, ReportBlock, ReportPage, Section, Table, Text};
use crate::util::format::{bytes, count};
use crate::util::timestamp::EpochMillis;

/// Differences of a section that are always shown.
const SHOWN: usize = 30;
/// Values that came or went that are shown of a field.
const FEW: usize = 5;
/// Characters of a value in a table.
const LONGEST: usize = 200;

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

/// What the page says.
pub(in crate::commands::inspect) fn page(comparison: &Comparison) -> ReportPage {
    let mut sections = vec![summary(comparison)];
    for (name, heading) in SECTIONS {
        let found: Vec<&Difference> = comparison
            .differences
            .iter()
            .filter(|found| found.section == name)
            .collect();
        if !found.is_empty() {
            sections.push(section(heading, &found));
        }
    }
    if let Some(values) = &comparison.values {
        sections.push(values_section(values));
    }
    let [first, second] = &comparison.archives;
    ReportPage {
        title: format!("{} compared with {}", first.path, second.path),
        sections,
    }
}

fn summary(comparison: &Comparison) -> Section {
    let mut section = Section::default();
    let fields = comparison.values.iter().flatten().count() as u64;
    let number = comparison.differences.len() as u64;
    let mut marks = vec![match comparison.same {
        true => mark(TextStyle::Good, "same", "nothing differs of what is compared"),
        false => {
            let values = if fields > 0 {
                format!(", values of {} fields", count(fields))
            } else {
                String::new()
            };
            mark(
                TextStyle::Caution,
                "differ",
                &format!("{} differences{values}", count(number)),
            )
        }
    }];
    for side in comparison.archives.iter().filter(|side| !side.importable) {
        let text = format!(
            "{}: `inspect` alone says why; what it lacks seems to have gone",
            side.path
        );
        marks.push(mark(TextStyle::Bad, "CANNOT be imported", &text));
    }
    section.push(ReportBlock::Marks(marks));
    let [first, second] = &comparison.archives;
    let row = |label: &str, fact: fn(&Side) -> String| {
        vec![
            Text::styled(TextStyle::Faint, label).into(),
            Cell::from(fact(first)),
            Cell::from(fact(second)),
        ]
    };
    section.table(Table {
        columns: vec![Column::words(""), Column::flexible("first"), Column::flexible("second")],
        rows: vec![
            row("archive", |side| side.path.clone()),
            row("size", |side| bytes(side.bytes)),
            row("job", |side| or_not_known(side.job_id.as_deref())),
            row("snapshot", |side| or_not_known(side.snapshot_id.as_deref())),
        ],
        ..Table::default()
    });
    if comparison.values.is_none() {
        let hint = "--values compares the values of the data, field by field.";
        section.paragraph(Text::styled(TextStyle::Faint, hint));
    }
    section
}

fn or_not_known(id: Option<&str>) -> String {
    id.unwrap_or("not known").to_owned()
}

fn mark(tone: TextStyle, word: &str, text: &str) -> Mark {
    Mark::new(tone, word, text)
}

fn section(heading: &str, found: &[&Difference]) -> Section {
    let mut section = Section::new(heading);
    let rows = found.iter().map(|difference| {
        let lists = difference.first.is_array() && difference.second.is_array();
        let sides = if lists {
            [signed("-", &difference.first), signed("+", &difference.second)]
        } else {
            [&difference.first, &difference.second].map(|side| said(&difference.what, side))
        };
        let what = if difference.what.is_empty() {
            "all of it"
        } else {
            &difference.what
        };
        let [first, second] = sides.map(Cell::from);
        vec![what.into(), first, second]
    });
    section.table(Table {
        columns: vec![
            Column::flexible(""),
            Column::flexible("first"),
            Column::flexible("second"),
        ],
        rows: rows.collect(),
        shown: Some(SHOWN),
        left_out: "--json lists all",
        ..Table::default()
    });
    section
}

/// A value of an option, or a dash for none.
fn said(what: &str, value: &Value) -> Text {
    if let Some(moment) = value.as_i64().filter(|_| what.ends_with("_time")) {
        return EpochMillis(moment).to_string().into();
    }
    match value {
        Value::Null => Text::styled(TextStyle::Faint, "-"),
        Value::String(text) => short(text).into(),
        Value::Number(number) => number.as_u64().map_or_else(|| number.to_string(), count).into(),
        other => short(&other.to_string()).into(),
    }
}

/// Items that only one side has.
fn signed(sign: &str, items: &Value) -> Text {
    let items = items.as_array().into_iter().flatten().map(|item| match item {
        Value::String(text) => format!("{sign} {text}"),
        other => format!("{sign} {other}"),
    });
    short(&items.collect::<Vec<_>>().join(", ")).into()
}

fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
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
        for (place, part) in field.parts.iter().enumerate() {
            let name = if place == 0 { field.field.as_str() } else { "" };
            let numbers = [part.first, part.second, part.came, part.gone];
            let mut row: Vec<Cell> = vec![name.into(), part.part.replace('_', " ").into()];
            row.extend(numbers.map(|number| Cell::from(count(number))));
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
    let inexact = fields.iter().any(|field| !field.exact);
    if inexact {
        let text = "Of some fields not all values are known: there is a bound to what is held in memory.";
        section.paragraph(Text::styled(TextStyle::Caution, text));
    }
    for field in fields {
        for (values, what) in [(&field.came, "came"), (&field.gone, "went")] {
            let hidden = values.len().saturating_sub(FEW) as u64;
            let mut lines: Vec<String> = values.iter().take(FEW).map(|value| short(value)).collect();
            if hidden > 0 {
                lines.push(format!("and {} more; --json lists all", count(hidden)));
            }
            let label = format!("{} {what}", field.field);
            section.facts(&label, lines);
        }
    }
    section
}

//! The values as sections of a page.

use super::facts::{FieldFacts, FormatFacts, HashFacts, ValueFacts, ValuesFacts};
use crate::report::{Cell, Column, Mark, ReportBlock, Section, Table, Text, TextStyle};
use crate::util::format::count;
use crate::values::ArchivePart;

/// Values of a field that are always shown, and that HTML can unfold: a page with many more is slow to open.
const SHOWN: usize = 8;
const FOLDED: usize = 1000;
/// The same of a field that splits nothing.
const SHOWN_OF_OTHERS: usize = 3;
const FOLDED_OF_OTHERS: usize = 50;
/// Values of texts that are shown.
const SHOWN_OF_TEXTS: usize = 4;

/// An overview, then field after field.
pub(crate) fn sections(values: &ValuesFacts) -> Vec<Section> {
    let (fields, texts): (Vec<_>, Vec<_>) = values.fields.iter().partition(|field| field.kind == "data");
    let mut sections = vec![overview(values, &fields)];
    sections.extend(fields.iter().map(|field| field_section(field)));
    sections.extend((!texts.is_empty()).then(|| texts_section(&texts)));
    sections.extend(hashes_section(values.hashes, values.pseudonymized));
    sections
}

fn overview(values: &ValuesFacts, fields: &[&FieldFacts]) -> Section {
    let mut section = Section::new("Values by field");
    if fields.is_empty() {
        section.paragraph("none found");
    }
    let rows = fields.iter().map(|field| {
        vec![
            Cell::from(&field.name),
            number(field).into(),
            formats(field).into(),
            Text::styled(TextStyle::Faint, field.roles.join(", ")).into(),
        ]
    });
    section.table(Table {
        columns: vec![
            Column::flexible("field"),
            Column::numbers("values"),
            Column::flexible("looks like"),
            Column::words("used as"),
        ],
        rows: rows.collect(),
        ..Table::default()
    });
    let unread = values.unread.iter().map(|unread| {
        let part = unread.part.replace('_', " ");
        ("NOT READ", format!("values may be missing. {part}: {}", unread.why))
    });
    let more_fields = "there are more fields than are told apart: values of others are missing";
    let more_fields = values.more_fields.then(|| ("MORE", more_fields.to_owned()));
    let more_values = values.fields.iter().any(|field| field.more).then(|| {
        let max = count(values.max_values);
        let text =
            format!("of a field with more than {max} values, or where memory ran out, those beyond are not listed");
        ("MORE", text)
    });
    let marks = unread.chain(more_fields).chain(more_values);
    let marks: Vec<Mark> = marks
        .map(|(word, text)| Mark::new(TextStyle::Caution, word, text))
        .collect();
    if !marks.is_empty() {
        section.push(ReportBlock::Marks(marks));
    }
    let note = "What values look like is a guess from their form.";
    section.paragraph(Text::styled(TextStyle::Faint, note));
    section
}

fn number(field: &FieldFacts) -> String {
    let more = if field.more { "more than " } else { "" };
    format!("{more}{}", count(field.distinct))
}

/// The most frequent format, and whether there are others.
fn formats(field: &FieldFacts) -> String {
    match field.looks_like.as_slice() {
        [] => String::new(),
        [only] => only.what.to_owned(),
        [first, second] => format!("{} or {}", first.what, second.what),
        [first, ..] => format!("{} and others", first.what),
    }
}

fn field_section(field: &FieldFacts) -> Section {
    let title = Text::styled(TextStyle::Strong, &field.name);
    let mut section = Section::new(match field.roles.as_slice() {
        [] => title,
        roles => title.then(TextStyle::Faint, format!("  {}", roles.join(", "))),
    });
    section.fact("values", Some(number(field)));
    let parts = field.parts.iter();
    let parts = parts.map(|(part, values)| format!("{} {}", part.replace('_', " "), count(*values)));
    section.fact("stand in", Some(parts.collect::<Vec<_>>().join(", ")));
    for (label, formats) in [("look like", &field.looks_like), ("hold", &field.holds)] {
        let format = |format: &FormatFacts| format!("{} {}", format.what, count(format.values));
        let formats: Vec<String> = formats.iter().map(format).collect();
        section.fact(label, Some(formats.join(", ")));
    }
    let (shown, folded) = match field.roles.as_slice() {
        [] | ["metric"] => (SHOWN_OF_OTHERS, FOLDED_OF_OTHERS),
        _ => (SHOWN, FOLDED),
    };
    let in_inputs = field.parts.contains_key(ArchivePart::Inputs.name());
    let times = |value: &ValueFacts| match in_inputs {
        true => value.counts.of(ArchivePart::Inputs),
        false => value.counts.total(),
    };
    let largest = field.values.iter().map(times).max().unwrap_or(0);
    let rows = field.values.iter().take(shown + folded).map(|value| {
        let times = times(value);
        // Bars of the same length are useless.
        let bar = match largest {
            0 | 1 => "".into(),
            largest => Cell::Bar { value: times, largest },
        };
        vec![value_text(value).into(), count(times).into(), bar]
    });
    section.table(Table {
        columns: vec![
            Column::flexible("most frequent"),
            Column::numbers(if in_inputs { "in inputs" } else { "times" }),
            Column::words(""),
        ],
        rows: rows.collect(),
        shown: Some(shown),
        more: field.values.len().saturating_sub(shown + folded) as u64,
        left_out: "--json lists all",
        ..Table::default()
    });
    section
}

fn value_text(value: &ValueFacts) -> Text {
    let text = Text::from(&value.value.text);
    match value.value.is_truncated() {
        true => text.then(TextStyle::Faint, " (longer)"),
        false => text,
    }
}

/// Texts: people, what they wrote, the configuration.
fn texts_section(texts: &[&FieldFacts]) -> Section {
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for field in texts {
        let name = match field.kind {
            "filter" => format!("items of filter {}", field.name),
            _ => field.name.clone(),
        };
        let mut head = [name, number(field)];
        let hidden = field.values.len().saturating_sub(SHOWN_OF_TEXTS) as u64;
        let more = Text::styled(TextStyle::Faint, format!("{} more; --json lists all", count(hidden)));
        let values = field.values.iter().take(SHOWN_OF_TEXTS).map(value_text);
        for text in values.chain((hidden > 0).then_some(more)) {
            let [name, number] = std::mem::take(&mut head);
            rows.push(vec![name.into(), number.into(), text.into()]);
        }
    }
    let mut section = Section::new("People, texts, configuration");
    section.table(Table {
        columns: vec![
            Column::words(""),
            Column::numbers("values"),
            Column::flexible("most frequent"),
        ],
        rows,
        ..Table::default()
    });
    section
}

fn hashes_section(hashes: HashFacts, pseudonymized: bool) -> Option<Section> {
    let numbers = [
        (hashes.scopes, "of names and values in the quantiles"),
        (hashes.words, "of counted values in open buckets"),
        (hashes.rule_checksums, "of rules with the items of their filters"),
    ];
    let numbers = numbers.into_iter().filter(|(number, _)| *number > 0);
    let numbers: Vec<String> = numbers
        .map(|(number, what)| format!("{} {what}", count(number)))
        .collect();
    if numbers.is_empty() {
        return None;
    }
    let more = if hashes.more { " and more" } else { "" };
    let meaning = match pseudonymized {
        true => "The archive was pseudonymised: they are of tokens.",
        false => {
            "They have no salt: whoever has a list of guesses finds the values among them. They remain in any archive \
             that is not pseudonymised."
        }
    };
    let mut section = Section::new("Hashes of values");
    section.paragraph(format!("{}{more}. {meaning}", numbers.join(", ")));
    Some(section)
}

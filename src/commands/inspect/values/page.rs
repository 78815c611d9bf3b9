//! The values as sections of a page.

use serde_json::json;

use super::collect::{FieldFacts, FormatFacts, HashFacts, ValueFacts, ValuesFacts};
use crate::json::unquoted;
use crate::report::Column::{Flexible, Numbers, Words};
use crate::report::TextStyle::{Caution, Faint, Strong};
use crate::report::{Block, Cell, Mark, Section, Table, Text};
use crate::util::format::count;
use crate::values::ArchivePart;

/// Number of values per field in the text, and of further values that HTML folds: more would make the page slow to open.
const SHOWN_AND_FOLDED: (usize, usize) = (8, 1000);
/// The same for fields that do not split the data.
const OF_OTHERS: (usize, usize) = (3, 50);
/// Number of values shown per kind of text.
const SHOWN_OF_TEXTS: usize = 4;

/// An overview, then each field.
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
        section.paragraph("No values found.");
    }
    let rows = fields.iter().map(|field| {
        let roles = Text::styled(Faint, field.roles.join(", ")).or_none();
        let (number, formats) = (number(field), Text::from(formats(field)).or_none());
        vec![Cell::from(&field.name), number.into(), formats.into(), roles.into()]
    });
    let [field, formats] = [(Flexible, "Field"), (Flexible, "Looks like")];
    let columns = [field, (Numbers, "Values"), formats, (Words, "Used as")];
    section.table(Table::new(&columns, rows));
    let parts = values.unreadable.iter();
    let unreadable = parts.map(|part| format!("values may be missing: {}: {}", part_label(part.part), part.reason));
    let more_fields = "there are too many fields: some fields and their values are not listed".to_owned();
    let max = count(values.max_values);
    let more = format!("for fields with more than {max} values, or too many bytes, only some values are listed");
    let more = values.fields.iter().any(|field| field.more).then_some(more);
    let bounds = values.more_fields.then_some(more_fields).into_iter().chain(more);
    let marks = unreadable.chain(bounds);
    let marks: Vec<Mark> = marks.map(|text| Mark(Caution, "incomplete", text.into())).collect();
    if !marks.is_empty() {
        section.push(Block::Marks(marks));
    }
    let hint = "Looks like: a guess based on the format of the values.";
    section.paragraph(Text::styled(Faint, hint));
    section
}

/// A part of the archive, as the pages name it.
pub(crate) fn part_label(part: ArchivePart) -> String {
    match part {
        ArchivePart::Inputs => "input documents".to_owned(),
        part => unquoted(&json!(part)).replace('_', " "),
    }
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
    let roles = field.roles.join(", ");
    let roles = if roles.is_empty() { roles } else { format!(" ({roles})") };
    let mut section = Section::new(Text::styled(Strong, &field.name).then(Faint, roles));
    section.fact("Values", number(field));
    let parts = field.parts.iter();
    let parts = parts.map(|(part, values)| format!("{}: {}", part_label(*part), count(*values)));
    section.fact("Found in", parts.collect::<Vec<_>>().join(", "));
    for (label, formats) in [("Looks like", &field.looks_like), ("Contains", &field.contains)] {
        let format = |format: &FormatFacts| format!("{}: {}", format.what, count(format.values));
        section.fact(label, formats.iter().map(format).collect::<Vec<_>>().join(", "));
    }
    let (shown, folded) = match field.roles.as_slice() {
        [] | ["metric"] => OF_OTHERS,
        _ => SHOWN_AND_FOLDED,
    };
    let in_inputs = field.parts.contains_key(&ArchivePart::Inputs);
    let times = |value: &ValueFacts| match in_inputs {
        true => value.parts.get(&ArchivePart::Inputs).copied().unwrap_or(0),
        false => value.total(),
    };
    let largest = field.values.iter().map(times).max().unwrap_or(0);
    let rows = field.values.iter().take(shown + folded).map(|value| {
        let (text, value) = (value_text(value), times(value));
        // Without repeated values, all bars would have the same length.
        let bar = (largest > 1).then_some(Cell::Bar(value, largest));
        vec![text.into(), count(value).into(), bar.unwrap_or("".into())]
    });
    let times = if in_inputs { "Input documents" } else { "Count" };
    let table = Table::new(&[(Flexible, "Most frequent"), (Numbers, times), (Words, "")], rows);
    let more = field.values.len().saturating_sub(shown + folded) as u64;
    section.table(table.shortened(shown, more, "list all with --json"));
    section
}

fn value_text(value: &ValueFacts) -> Text {
    let rest = if value.value.truncated { " (truncated)" } else { "" };
    Text::from(&value.value.text).then(Faint, rest)
}

/// Texts: names of users, texts that they wrote, texts in the configuration.
fn texts_section(texts: &[&FieldFacts]) -> Section {
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for field in texts {
        let name = match field.kind {
            "filter" => format!("items of filter {}", field.name),
            _ => field.name.clone(),
        };
        let mut head = [name, number(field)];
        let hidden = field.values.len().saturating_sub(SHOWN_OF_TEXTS) as u64;
        let more = Text::styled(Faint, format!("{} more; list all with --json", count(hidden)));
        let values = field.values.iter().take(SHOWN_OF_TEXTS).map(value_text);
        for text in values.chain((hidden > 0).then_some(more)) {
            let [name, number] = std::mem::take(&mut head);
            rows.push(vec![name.into(), number.into(), text.into()]);
        }
    }
    let columns = [(Words, ""), (Numbers, "Values"), (Flexible, "Examples")];
    Section::of("Users, texts, configuration", Block::Table(Table::new(&columns, rows)))
}

fn hashes_section(hashes: HashFacts, pseudonymized: bool) -> Option<Section> {
    let [scopes, words, rules] = [hashes.scopes, hashes.words, hashes.rule_checksums];
    let numbers = [
        (scopes, "hashes of names and values in the quantiles"),
        (words, "hashes of counted values in open buckets"),
        (rules, "checksums of rules with the items of their filters"),
    ];
    let numbers = numbers.into_iter().filter(|(number, _)| *number > 0);
    let numbers = numbers.map(|(number, what)| format!("{} {what}", count(number)));
    let numbers: Vec<String> = numbers.collect();
    let more = if hashes.more { ", and more" } else { "" };
    let of_tokens = "The archive is pseudonymized: these are hashes of tokens.";
    let of_values = "They are not salted: anyone can check whether a guessed value is among them. Pseudonymized archives \
                     do not contain them.";
    let meaning = if pseudonymized { of_tokens } else { of_values };
    let text = format!("The archive contains {}{more}. {meaning}", numbers.join(", "));
    (!numbers.is_empty()).then(|| Section::note("Hashes of values", text))
}

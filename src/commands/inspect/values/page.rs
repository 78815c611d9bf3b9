//! The values as sections of a page.

use serde_json::json;

use super::collect::{FieldFacts, FormatFacts, HashFacts, ValueFacts, ValuesFacts};
use crate::json::unquoted;
use crate::report::Column::{Flexible, Numbers, Words};
use crate::report::TextStyle::{Caution, Faint};
use crate::report::{Block, Mark, Section, Table, Text};
use crate::util::format::count;
use crate::values::ArchivePart;

/// Number of values per field in the text, and in HTML, which folds the others: more would make the page slow to open.
const SHOWN: usize = 8;
const MAX_ROWS: usize = 200;
/// Number of values shown per kind of text.
const SHOWN_OF_TEXTS: usize = 4;

/// An overview, then each field.
pub(crate) fn sections(values: &ValuesFacts) -> Vec<Section> {
    let (fields, texts): (Vec<_>, Vec<_>) = values.fields.iter().partition(|field| field.kind == "data");
    let mut sections = vec![overview(values, &fields)];
    sections.extend(fields.iter().map(|field| field_section(field)));
    sections.extend((!texts.is_empty()).then(|| texts_section(&texts)));
    // In a pseudonymized archive, they are hashes of tokens.
    sections.extend(hashes_section(values.hashes).filter(|_| !values.pseudonymized));
    sections
}

fn overview(values: &ValuesFacts, fields: &[&FieldFacts]) -> Section {
    let mut section = Section::new("Values by field");
    if fields.is_empty() {
        section.paragraph("No values found.");
    }
    let rows = fields.iter().map(|field| {
        let roles = Text::styled(Faint, field.roles.join(", ")).or_none();
        let formats: Vec<&str> = field.looks_like.iter().map(|format| format.what).collect();
        let formats = Text::from(formats.join(", ")).or_none();
        vec![Text::from(&field.name), number(field).into(), formats, roles]
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

fn field_section(field: &FieldFacts) -> Section {
    let mut section = Section::new(&field.name);
    let parts = field.parts.iter();
    let parts = parts.map(|(part, values)| format!("{}: {}", part_label(*part), count(*values)));
    section.fact("Found in", parts.collect::<Vec<_>>().join(", "));
    for (label, formats) in [("Looks like", &field.looks_like), ("Contains", &field.contains)] {
        let format = |format: &FormatFacts| format!("{}: {}", format.what, count(format.values));
        section.fact(label, formats.iter().map(format).collect::<Vec<_>>().join(", "));
    }
    let in_inputs = field.parts.contains_key(&ArchivePart::Inputs);
    let times = |value: &ValueFacts| match in_inputs {
        true => value.parts.get(&ArchivePart::Inputs).copied().unwrap_or(0),
        false => value.total(),
    };
    let rows = field.values.iter().take(MAX_ROWS);
    let rows = rows.map(|value| vec![value_text(value), count(times(value)).into()]);
    let times = if in_inputs { "Input documents" } else { "Count" };
    let table = Table::new(&[(Flexible, "Most frequent"), (Numbers, times)], rows);
    let more = field.values.len().saturating_sub(MAX_ROWS) as u64;
    section.table(table.shortened(SHOWN, more, "list all with --json"));
    section
}

fn value_text(value: &ValueFacts) -> Text {
    let rest = if value.value.truncated { " (truncated)" } else { "" };
    Text::from(&value.value.text).then(Faint, rest)
}

/// Texts: names of users, texts that they wrote, texts in the configuration.
fn texts_section(texts: &[&FieldFacts]) -> Section {
    let mut section = Section::new("Users, texts, configuration");
    for field in texts {
        let name = match field.kind {
            "filter" => format!("items of filter {}", field.name),
            _ => field.name.clone(),
        };
        let hidden = field.values.len().saturating_sub(SHOWN_OF_TEXTS) as u64;
        let more = Text::styled(Faint, format!("{} more; list all with --json", count(hidden)));
        let values = field.values.iter().take(SHOWN_OF_TEXTS).map(value_text);
        let lines = values.chain((hidden > 0).then_some(more));
        section.facts(format!("{name} ({})", number(field)), lines);
    }
    section
}

fn hashes_section(hashes: HashFacts) -> Option<Section> {
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
    let meaning = "They are not salted: anyone can check whether a guessed value is among them. Pseudonymized archives do \
                   not contain them.";
    let text = format!("The archive contains {}{more}. {meaning}", numbers.join(", "));
    (!numbers.is_empty()).then(|| Section::note("Hashes of values", text))
}

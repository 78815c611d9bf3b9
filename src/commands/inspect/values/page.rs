//! The values as sections of a page.

use super::collect::{FieldFacts, FormatFacts, HashFacts, ValueFacts, ValuesFacts};
use crate::report::Column::{Flexible, Numbers, Words};
use crate::report::TextStyle::{Caution, Faint, Strong};
use crate::report::{Block, Cell, Mark, Section, Table, Text};
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
        let roles = Text::styled(Faint, field.roles.join(", "));
        let (number, formats) = (number(field), formats(field));
        vec![Cell::from(&field.name), number.into(), formats.into(), roles.into()]
    });
    let [field, formats] = ["field", "looks like"].map(Flexible);
    section.table(Table::new([field, Numbers("values"), formats, Words("used as")], rows));
    let unread = values.unread.iter().map(|unread| {
        let part = unread.part.replace('_', " ");
        let text = format!("values may be missing. {part}: {}", unread.why);
        Mark(Caution, "NOT READ", text.into())
    });
    let mut marks: Vec<Mark> = unread.collect();
    if values.more_fields {
        let text = "there are more fields than are told apart: values of others are missing";
        marks.push(Mark(Caution, "MORE", text.into()));
    }
    if values.fields.iter().any(|field| field.more) {
        let max = count(values.max_values);
        let text =
            format!("of a field with more than {max} values, or where memory ran out, those beyond are not listed");
        marks.push(Mark(Caution, "MORE", text.into()));
    }
    if !marks.is_empty() {
        section.push(Block::Marks(marks));
    }
    section.paragraph(Text::styled(Faint, "What values look like is a guess from their form."));
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
    let roles = field.roles.join(", ");
    let roles = if roles.is_empty() { roles } else { format!("  {roles}") };
    let mut section = Section::new(Text::styled(Strong, &field.name).then(Faint, roles));
    section.fact("values", number(field));
    let parts = field.parts.iter();
    let parts = parts.map(|(part, values)| format!("{} {}", part.replace('_', " "), count(*values)));
    section.fact("stand in", parts.collect::<Vec<_>>().join(", "));
    for (label, formats) in [("look like", &field.looks_like), ("hold", &field.holds)] {
        let format = |format: &FormatFacts| format!("{} {}", format.what, count(format.values));
        section.fact(label, formats.iter().map(format).collect::<Vec<_>>().join(", "));
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
        let (text, value) = (value_text(value), times(value));
        // Bars of the same length are useless.
        let bar = (largest > 1).then_some(Cell::Bar(value, largest));
        vec![text.into(), count(value).into(), bar.unwrap_or("".into())]
    });
    let times = Numbers(if in_inputs { "in inputs" } else { "times" });
    section.table(Table {
        shown: Some(shown),
        more: field.values.len().saturating_sub(shown + folded) as u64,
        left_out: "--json lists all",
        ..Table::new([Flexible("most frequent"), times, Words("")], rows)
    });
    section
}

fn value_text(value: &ValueFacts) -> Text {
    let rest = if value.value.is_truncated() { " (longer)" } else { "" };
    Text::from(&value.value.text).then(Faint, rest)
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
        let more = Text::styled(Faint, format!("{} more; --json lists all", count(hidden)));
        let values = field.values.iter().take(SHOWN_OF_TEXTS).map(value_text);
        for text in values.chain((hidden > 0).then_some(more)) {
            let [name, number] = std::mem::take(&mut head);
            rows.push(vec![name.into(), number.into(), text.into()]);
        }
    }
    let columns = [Words(""), Numbers("values"), Flexible("most frequent")];
    let table = Table::new(columns, rows);
    Section::of("People, texts, configuration", Block::Table(table))
}

fn hashes_section(hashes: HashFacts, pseudonymized: bool) -> Option<Section> {
    let numbers = [
        (hashes.scopes, "of names and values in the quantiles"),
        (hashes.words, "of counted values in open buckets"),
        (hashes.rule_checksums, "of rules with the items of their filters"),
    ];
    let numbers = numbers.into_iter().filter(|(number, _)| *number > 0);
    let numbers = numbers.map(|(number, what)| format!("{} {what}", count(number)));
    let numbers: Vec<String> = numbers.collect();
    let more = if hashes.more { " and more" } else { "" };
    let of_tokens = "The archive was pseudonymised: they are of tokens.";
    let of_values = "They have no salt: whoever has a list of guesses finds the values among them. They remain in any \
                     archive that is not pseudonymised.";
    let meaning = if pseudonymized { of_tokens } else { of_values };
    let text = format!("{}{more}. {meaning}", numbers.join(", "));
    (!numbers.is_empty()).then(|| Section::note("Hashes of values", text))
}

//! The values as a page.

use super::part::Part;
use crate::commands::inspect::page::categories;
use crate::commands::inspect::report::{FieldFacts, HashFacts, LooksFacts, Report, ValueFacts, ValuesFacts};
use crate::report::TextStyle;
use crate::report::{Cell, Column, Mark, ReportBlock, ReportPage, Section, Table, Text};
use crate::util::format::count;

/// Values of a field that are always shown; fewer of one that the job has no use for.
const SHOWN: usize = 8;
const UNUSED: usize = 3;
/// Values that can be unfolded in a browser; a page with many more is slow to open.
const FOLDED: usize = 1000;
const UNUSED_FOLDED: usize = 50;
/// Values of something else that are shown.
const FEW: usize = 4;

/// The page of `--values`.
pub(in crate::commands::inspect) fn page(report: &Report, values: &ValuesFacts) -> ReportPage {
    let mut all = vec![Section::default()];
    all.extend(sections(values));
    all.extend(categories(report));
    let (tone, text) = if values.pseudonymized {
        let text = "The archive was pseudonymised: where its fields were chosen, tokens stand for values.";
        (TextStyle::Good, text)
    } else {
        let text = "What follows are values of the data: whoever gets the archive gets them.";
        (TextStyle::Caution, text)
    };
    if let Some(first) = all.first_mut() {
        first.paragraph(Text::styled(tone, text));
    }
    ReportPage {
        title: format!("{}: values", report.archive.path),
        sections: all,
    }
}

/// An overview, then field after field.
pub(in crate::commands::inspect) fn sections(values: &ValuesFacts) -> Vec<Section> {
    let (data, others): (Vec<_>, Vec<_>) = values.fields.iter().partition(|field| field.kind == "data");
    let mut sections = vec![overview(values, &data)];
    sections.extend(data.iter().map(|field| section(field)));
    sections.extend((!others.is_empty()).then(|| texts(&others)));
    sections.extend(hashes(values.hashes, values.pseudonymized));
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
            Text::from(guess(field)).into(),
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
    let mut marks: Vec<Mark> = Vec::new();
    for unread in &values.unread {
        let text = format!("{}: {}", spoken(unread.part), unread.why);
        marks.push(caution("NOT READ", &format!("values may be missing. {text}")));
    }
    if values.more_fields {
        marks.push(caution(
            "MORE",
            "there are more fields than are told apart: values of others are missing",
        ));
    }
    if values.fields.iter().any(|field| field.more) {
        let bound = format!(
            "of a field with more than {} values, or where memory ran out, those beyond are not listed",
            count(values.most_values)
        );
        marks.push(caution("MORE", &bound));
    }
    if !marks.is_empty() {
        section.push(ReportBlock::Marks(marks));
    }
    section.paragraph(Text::styled(
        TextStyle::Faint,
        "What values look like is a guess from their form.",
    ));
    section
}

fn caution(word: &str, text: &str) -> Mark {
    Mark::new(TextStyle::Caution, word, text)
}

fn number(field: &FieldFacts) -> String {
    let more = if field.more { "more than " } else { "" };
    format!("{more}{}", count(field.distinct))
}

/// What most of them look like; how many others there are says whether to look closer.
fn guess(field: &FieldFacts) -> String {
    let mut looks = field.looks_like.iter();
    let first = looks.next().map_or("", |looks| looks.what);
    match looks.len() {
        0 => first.to_owned(),
        1 => format!("{first} or {}", looks.next().map_or("", |looks| looks.what)),
        _ => format!("{first} and others"),
    }
}

fn section(field: &FieldFacts) -> Section {
    let title = Text::styled(TextStyle::Strong, &field.name);
    let title = match field.roles.as_slice() {
        [] => title,
        roles => title.then(TextStyle::Faint, format!("  {}", roles.join(", "))),
    };
    let mut section = Section::new(title);
    section.fact("values", Some(number(field)));
    let parts: Vec<String> = field
        .parts
        .iter()
        .map(|(part, n)| format!("{} {}", spoken(part), count(*n)))
        .collect();
    section.fact("stand in", Some(parts.join(", ")));
    section.fact("look like", listed(&field.looks_like));
    section.fact("hold", listed(&field.holds));
    let (shown, folded) = match field.roles.as_slice() {
        [] | ["metric"] => (UNUSED, UNUSED_FOLDED),
        _ => (SHOWN, FOLDED),
    };
    let inputs = field.parts.contains_key(Part::Inputs.name());
    let times = |value: &ValueFacts| {
        if inputs {
            value.counts.of(Part::Inputs)
        } else {
            value.counts.total()
        }
    };
    let largest = field.values.iter().map(times).max().unwrap_or(0);
    let rows = field.values.iter().take(shown + folded).map(|value| {
        let times = times(value);
        // Where all are the same, bars tell nothing.
        let bar = match largest {
            0 | 1 => "".into(),
            largest => Cell::Bar { value: times, largest },
        };
        vec![said(value).into(), count(times).into(), bar]
    });
    section.table(Table {
        columns: vec![
            Column::flexible("most frequent"),
            Column::numbers(if inputs { "in inputs" } else { "times" }),
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

fn said(value: &ValueFacts) -> Text {
    let text = Text::from(value.value.text());
    if value.value.is_cut() {
        text.then(TextStyle::Faint, " (longer)")
    } else {
        text
    }
}

fn listed(looks: &[LooksFacts]) -> Option<String> {
    let each: Vec<String> = looks
        .iter()
        .map(|looks| format!("{} {}", looks.what, count(looks.values)))
        .collect();
    (!each.is_empty()).then(|| each.join(", "))
}

/// What else holds values: people, what they wrote, the configuration.
fn texts(others: &[&FieldFacts]) -> Section {
    let mut section = Section::new("People, texts, configuration");
    let mut rows = Vec::new();
    for field in others {
        let name = match field.kind {
            "filter" => format!("items of filter {}", field.name),
            _ => field.name.clone(),
        };
        for (place, value) in field.values.iter().take(FEW).enumerate() {
            let (name, distinct) = if place == 0 {
                (name.as_str(), number(field))
            } else {
                ("", String::new())
            };
            rows.push(vec![name.into(), distinct.into(), said(value).into()]);
        }
        let hidden = field.values.len().saturating_sub(FEW) as u64;
        if hidden > 0 {
            let more = Text::styled(TextStyle::Faint, format!("{} more; --json lists all", count(hidden)));
            rows.push(vec!["".into(), "".into(), more.into()]);
        }
    }
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

fn hashes(hashes: HashFacts, pseudonymized: bool) -> Option<Section> {
    let each: Vec<String> = [
        (hashes.scopes, "of names and values in the quantiles"),
        (hashes.words, "of counted values in open buckets"),
        (hashes.rule_checksums, "of rules with the items of their filters"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, what)| format!("{} {what}", count(number)))
    .collect();
    if each.is_empty() {
        return None;
    }
    let mut section = Section::new("Hashes of values");
    let more = if hashes.more { " and more" } else { "" };
    let meaning = if pseudonymized {
        "The archive was pseudonymised: they are of tokens."
    } else {
        "They have no salt: whoever has a list of guesses finds the values among them. They remain in any archive that \
         is not pseudonymised."
    };
    section.paragraph(format!("{}{more}. {meaning}", each.join(", ")));
    Some(section)
}

/// The name of a part in words.
fn spoken(part: &str) -> String {
    part.replace('_', " ")
}

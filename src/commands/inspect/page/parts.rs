//! What came along, and the inputs over time.

use crate::commands::inspect::gather::from_text;
use crate::commands::inspect::report::{HistogramFacts, Report};
use crate::report::TextStyle;
use crate::report::{Cell, Column, Histogram, ReportBlock, Section, Table, Text};
use crate::util::format::{amount, bytes, count};

use super::words::{listed, or_dash};

/// Indices that are always shown.
const INDICES: usize = 8;

/// Documents, bytes and range of each part, and the small things beside them.
pub(super) fn parts(report: &Report) -> Section {
    let mut section = Section::new("Parts");
    let columns = [
        Column::words(""),
        Column::numbers("documents"),
        Column::numbers("bytes"),
    ];
    let mut table = Table {
        columns: columns.into_iter().chain(["from", "to"].map(Column::words)).collect(),
        ..Table::default()
    };
    for part in &report.parts {
        let none = part.documents == 0;
        let number = |text: String| {
            if none {
                Text::styled(TextStyle::Faint, text)
            } else {
                text.into()
            }
        };
        let times = [&part.first, &part.last].map(|moment| or_dash(moment.as_deref()).into());
        let mut row: Vec<Cell> = vec![
            part.part.into(),
            number(count(part.documents)).into(),
            number(bytes(part.bytes)).into(),
        ];
        row.extend(times);
        table.rows.push(row);
    }
    section.table(table);
    for part in report.parts.iter().filter(|part| part.undated > 0) {
        let text = format!("{}: {} with a time that cannot be read", part.part, count(part.undated));
        section.paragraph(Text::styled(TextStyle::Caution, text));
    }
    let by = report.annotations;
    if by.by_job + by.by_people > 0 {
        let text = format!(
            "{} by the job itself, {} by people",
            count(by.by_job),
            count(by.by_people)
        );
        section.fact("annotations", Some(text));
    }
    section.fact("filters", listed(&report.filters));
    let calendars: Vec<String> = report
        .calendars
        .iter()
        .map(|calendar| format!("{} ({})", calendar.id, amount(calendar.events, "event", "events")))
        .collect();
    section.fact("calendars", listed(&calendars));
    section
}

/// The inputs by index, and over time.
pub(super) fn inputs(report: &Report) -> Option<Section> {
    let inputs = report.inputs.as_ref()?;
    let mut section = Section::new("Inputs");
    let total: u64 = inputs.indices.values().sum();
    let mut indices: Vec<(&String, u64)> = inputs.indices.iter().map(|(index, number)| (index, *number)).collect();
    indices.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
    if indices.len() == 1 {
        section.fact("index", indices.first().map(|(index, _)| *index));
    } else {
        let rows = indices.iter().map(|(index, number)| {
            let bar = Cell::Bar {
                value: *number,
                largest: total,
            };
            vec![Cell::from(*index), count(*number).into(), bar]
        });
        section.table(Table {
            columns: vec![
                Column::flexible("index"),
                Column::numbers("documents"),
                Column::words(""),
            ],
            rows: rows.collect(),
            shown: Some(INDICES),
            ..Table::default()
        });
    }
    let mapping = if inputs.mapping { "carried" } else { "not carried" };
    section.fact("mapping", Some(mapping));
    if let Some(columns) = inputs.histogram.as_ref().and_then(over_time) {
        section.push(ReportBlock::Histogram(columns));
    }
    Some(section)
}

fn over_time(histogram: &HistogramFacts) -> Option<Histogram> {
    Some(Histogram {
        title: "Inputs over time".to_owned(),
        from: from_text(&histogram.from)?,
        width_millis: histogram.column_millis,
        counts: histogram.counts.clone(),
        unit: "documents",
    })
}

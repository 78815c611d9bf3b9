//! The sections on the documents of an archive.

use std::time::Duration;

use crate::commands::inspect::PageStyle;
use crate::commands::inspect::bars::bars;
use crate::commands::inspect::report::{HistogramFacts, PartFacts, Report};
use crate::terminal::{Table, amount, bytes, count, duration};

use super::{listed, one_line};

/// Documents, bytes and range of each part, and what they are made of.
pub(super) fn parts(report: &Report) -> String {
    let mut table = Table::new(&[1, 2]);
    table.row(["", "documents", "bytes", "from", "to"]);
    for part in &report.parts {
        let (first, last) = range(part);
        table.row([part.part, &count(part.documents), &bytes(part.bytes), first, last]);
    }
    let mut text = format!("Parts\n{}", table.render(2));
    text.push_str(&state(report));
    for part in report.parts.iter().filter(|part| part.undated > 0) {
        text.push_str(&format!(
            "  {}: {} with a time that cannot be read\n",
            part.part,
            count(part.undated)
        ));
    }
    if let Some(filters) = listed(&report.filters) {
        text.push_str(&format!("  filters: {filters}\n"));
    }
    let calendars: Vec<String> = report
        .calendars
        .iter()
        .map(|calendar| format!("{} ({})", calendar.id, amount(calendar.events, "event", "events")))
        .collect();
    if let Some(calendars) = listed(&calendars) {
        text.push_str(&format!("  calendars: {calendars}\n"));
    }
    text
}

fn state(report: &Report) -> String {
    let state = report.state;
    let categorizes = report
        .job
        .as_ref()
        .is_some_and(|job| job.categorization_field.is_some());
    let kinds = [
        (state.model_documents, state.model_bytes, "model", true),
        (
            state.categorizer_documents,
            state.categorizer_bytes,
            "categorizer",
            categorizes,
        ),
    ];
    let kinds: Vec<String> = kinds
        .into_iter()
        .filter(|(documents, _, _, expected)| *documents > 0 || *expected)
        .map(|(documents, size, of, _)| format!("{} of the {of} ({} decoded)", count(documents), bytes(size)))
        .collect();
    format!("  state: {}\n", kinds.join(", "))
}

fn range(part: &PartFacts) -> (&str, &str) {
    (part.first.as_deref().unwrap_or(""), part.last.as_deref().unwrap_or(""))
}

/// The inputs by index, and over time.
pub(super) fn inputs(report: &Report, style: PageStyle) -> String {
    let Some(inputs) = &report.inputs else {
        return String::new();
    };
    let mut text = "Inputs\n".to_owned();
    let mut table = Table::new(&[1]);
    for (index, documents) in &inputs.indices {
        table.row([one_line(index), count(*documents)]);
    }
    text.push_str(&table.render(2));
    if let Some(histogram) = &inputs.histogram {
        text.push_str(&over_time(histogram, style));
    }
    text
}

fn over_time(histogram: &HistogramFacts, style: PageStyle) -> String {
    let width = duration(Duration::from_millis(histogram.column_millis));
    let highest = count(histogram.counts.iter().copied().max().unwrap_or(0));
    let bars = bars(&histogram.counts, style.unicode);
    format!(
        "  |{bars}|\n  from {}, {width} a column, at most {highest} documents in one\n",
        histogram.from
    )
}

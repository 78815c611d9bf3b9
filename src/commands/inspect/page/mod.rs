//! The report as a page that is read at a glance.

mod categories;
mod checks;
mod health;
mod job;
mod model;
mod parts;
mod summary;
mod words;

use crate::commands::inspect::report::Report;
use crate::commands::inspect::values;
use crate::report::{ReportPage, Section};
pub(super) use categories::categories;

/// What the page says; values come last.
pub(crate) fn page(report: &Report) -> ReportPage {
    let sections = [
        Some(summary::summary(report)),
        Some(job::job(report)),
        job::datafeed(report),
        Some(model::model(report)),
        categories(report),
        Some(parts::parts(report)),
        parts::inputs(report),
        Some(checks::checks(report)),
        checks::lacks(report),
        checks::reminder(report),
    ];
    let mut sections: Vec<Section> = sections.into_iter().flatten().collect();
    sections.extend(report.values.iter().flat_map(values::sections));
    ReportPage {
        title: title(report),
        sections,
    }
}

fn title(report: &Report) -> String {
    match report.archive.path.as_str() {
        "-" => "standard input".to_owned(),
        path => path.to_owned(),
    }
}

/// What is said where something is missing.
fn missing(title: &str, what: &str) -> Section {
    let mut section = Section::new(title);
    section.paragraph(what);
    section
}

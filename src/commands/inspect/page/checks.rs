//! Whether the archive is whole, and what a job imported from it would be without.

use crate::commands::inspect::report::Report;
use crate::report::TextStyle;
use crate::report::{Mark, ReportBlock, Section, Text};

pub(super) fn checks(report: &Report) -> Section {
    let mut section = Section::new("Checks");
    let checks = report.checks.iter().map(|check| {
        let (tone, word) = if check.held {
            (TextStyle::Good, "ok")
        } else {
            (TextStyle::Bad, "FAILED")
        };
        mark(tone, word, check.what.as_str())
    });
    let findings = report.findings.iter().map(|finding| {
        let tone = if finding.severity == "fatal" {
            TextStyle::Bad
        } else {
            TextStyle::Caution
        };
        let text = match finding.place.as_str() {
            "" => finding.what.clone(),
            place => format!("{place}: {}", finding.what),
        };
        mark(tone, finding.severity, text)
    });
    section.push(ReportBlock::Marks(checks.chain(findings).collect()));
    section
}

fn mark(tone: TextStyle, word: &str, text: impl Into<Text>) -> Mark {
    Mark::new(tone, word, text)
}

pub(super) fn lacks(report: &Report) -> Option<Section> {
    if report.lacks.is_empty() || !report.importable {
        return None;
    }
    let mut section = Section::new("An import will find");
    for lack in &report.lacks {
        section.paragraph(lack.consequence.as_str());
    }
    Some(section)
}

pub(super) fn reminder(report: &Report) -> Option<Section> {
    if report.parts.iter().all(|part| part.documents == 0) {
        return None;
    }
    let mut section = Section::new("Before you share it");
    section.paragraph(
        "The learned state itself holds values of the data (hosts, users, messages), with or without inputs: treat \
         the archive as you would the data.",
    );
    if report.values.is_none() {
        section.paragraph("`inspect --values` shows them; this page contains none.");
    }
    Some(section)
}

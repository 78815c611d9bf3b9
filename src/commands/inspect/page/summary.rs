//! What somebody who looks for a second should see.

use crate::commands::inspect::report::{Report, SnapshotFacts};
use crate::report::TextStyle;
use crate::report::{Mark, ReportBlock, Section, Text, Tile};
use crate::util::format::{amount, bytes, count};

use super::words::{between, day, listed, memory};

/// The verdict, the numbers that say most, and the file.
pub(super) fn summary(report: &Report) -> Section {
    let mut section = Section::default();
    section.push(ReportBlock::Marks(verdict(report)));
    let tiles = tiles(report);
    if !tiles.is_empty() {
        section.push(ReportBlock::Tiles(tiles));
    }
    file(&mut section, report);
    section
}

fn file(section: &mut Section, report: &Report) {
    let archive = &report.archive;
    let entries = amount(report.entries.len() as u64, "entry", "entries");
    section.fact("size", Some(format!("{} in {entries}", bytes(archive.bytes))));
    let Some(written) = &archive.written else {
        section.fact("written by", Some("the Python scripts, or cut short (no manifest)"));
        return;
    };
    let by = format!("esml-state {}, {}", written.tool_version, written.at);
    section.fact("written by", Some(by));
    let (name, version, uuid) = (&written.cluster_name, &written.cluster_version, &written.cluster_uuid);
    let from = format!("cluster {name} (Elasticsearch {version}, {uuid})");
    section.fact("from", Some(from));
    let options: Vec<String> = written
        .options
        .iter()
        .map(|(name, value)| match value.as_str() {
            Some(text) => format!("{name} {text}"),
            None => format!("{name} {value}"),
        })
        .collect();
    section.fact("options", listed(&options));
}

fn verdict(report: &Report) -> Vec<Mark> {
    let failed = report.checks.iter().filter(|check| !check.held).count() as u64;
    let findings = report.findings.len() as u64;
    let checks = match failed {
        0 => format!("all {} checks held", report.checks.len()),
        failed => format!("{} of {} checks failed", count(failed), report.checks.len()),
    };
    let checks = match findings {
        0 => checks,
        findings => format!("{checks}, {}", amount(findings, "finding", "findings")),
    };
    let (tone, word) = match (report.importable, failed + findings) {
        (true, 0) => (TextStyle::Good, "can be imported"),
        (true, _) => (TextStyle::Caution, "can be imported"),
        (false, _) => (TextStyle::Bad, "CANNOT be imported"),
    };
    let mut marks = vec![Mark::new(tone, word, checks)];
    if report.importable && !report.lacks.is_empty() {
        let text = format!("{}, see below", amount(report.lacks.len() as u64, "thing", "things"));
        marks.push(Mark::new(TextStyle::Caution, "will lack", text));
    }
    if report.values.is_some() {
        let text = "of the data, listed below: treat this page as you would the data";
        marks.push(Mark::new(TextStyle::Caution, "holds values", text));
    }
    marks
}

fn tiles(report: &Report) -> Vec<Tile> {
    let snapshot = report.snapshot.as_ref();
    let inputs = report.parts.iter().find(|part| part.part == "inputs");
    [
        snapshot.and_then(memory_tile),
        snapshot.and_then(|snapshot| series_tile(report, snapshot)),
        snapshot.and_then(categories_tile),
        snapshot.and_then(|snapshot| learned_tile(report, snapshot)),
        inputs.map(|inputs| {
            let length = between(inputs.first.as_deref(), inputs.last.as_deref()).unwrap_or_default();
            let note = if inputs.documents == 0 {
                "none carried".to_owned()
            } else {
                length
            };
            tile("inputs", count(inputs.documents), note)
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn tile(label: &str, value: impl Into<Text>, note: String) -> Tile {
    Tile {
        label: label.to_owned(),
        value: value.into(),
        note,
    }
}

fn memory_tile(snapshot: &SnapshotFacts) -> Option<Tile> {
    let size = memory(snapshot.model_bytes?);
    let limit = snapshot.memory_limit.map(|limit| format!("of {}", memory(limit)));
    let value = match snapshot.memory_status.as_deref() {
        Some("hard_limit") => Text::styled(TextStyle::Bad, size),
        Some("soft_limit") => Text::styled(TextStyle::Caution, size),
        _ => size.into(),
    };
    Some(tile("model memory", value, limit.unwrap_or_default()))
}

fn series_tile(report: &Report, snapshot: &SnapshotFacts) -> Option<Tile> {
    let kinds = super::model::series(report, snapshot);
    let mut kinds = kinds.iter();
    let (number, name) = kinds.next()?;
    let others: Vec<String> = kinds
        .map(|(number, name)| format!("{} {name}", count(*number)))
        .collect();
    Some(tile(name, count(*number), others.join(", ")))
}

fn categories_tile(snapshot: &SnapshotFacts) -> Option<Tile> {
    let categorization = snapshot.categorization.as_ref()?;
    let status = categorization.status.as_deref().unwrap_or("not known");
    let number = count(categorization.categories?);
    let value = if status == "ok" {
        number.into()
    } else {
        Text::styled(TextStyle::Caution, number)
    };
    Some(tile("categories", value, format!("status {status}")))
}

fn learned_tile(report: &Report, snapshot: &SnapshotFacts) -> Option<Tile> {
    let latest = snapshot.latest_record.as_deref()?;
    let first = report
        .data_counts
        .as_ref()
        .and_then(|counts| counts.first_record.as_deref());
    Some(match between(first, Some(latest)) {
        Some(length) => tile("has seen", length, format!("to {}", day(latest))),
        None => tile("has seen", day(latest), "latest record".to_owned()),
    })
}

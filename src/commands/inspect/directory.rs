//! The archives in a directory, checked one after the other in the memory of one.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::facts::REPORT_VERSION;
use super::inspection::{check, name};
use super::options::InspectOptions;
use super::timeline::to_the_minute;
use crate::archive::{self, Archive, Contents, Limits};
use crate::commands::interrupt::{self, Signals};
use crate::commands::summary::Summary;
use crate::error::{Error, Result};
use crate::report::Column::{Flexible, Numbers, Words};
use crate::report::TextStyle::{Bad, Caution, Good};
use crate::report::{Block, Mark, ReportPage, Section, Table, Text};
use crate::terminal::Terminal;
use crate::util::format::{amount, bytes, count};
use crate::util::timestamp::EpochMillis;

/// The `--json` document.
#[derive(Debug, Serialize)]
struct ArchiveList {
    version: u32,
    /// Sorted by name.
    archives: Vec<ListedArchive>,
    /// Set if the command fails.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    failure: Option<Value>,
}

#[derive(Debug, Default, Serialize)]
struct ListedArchive {
    /// The name of the file.
    path: String,
    /// Compressed.
    bytes: Option<u64>,
    /// `None` if the archive could not be read, or if a signal stopped the command before.
    importable: Option<bool>,
    warnings: u64,
    /// When the archive was written. `None` for archives of the Python scripts.
    written: Option<String>,
    job_id: Option<String>,
    snapshot_id: Option<String>,
    snapshot_created: Option<EpochMillis>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    failure: Option<Value>,
}

/// Checks each archive as `inspect` checks a single one, and prints the list. An archive that cannot be imported does not
/// stop the others.
pub(super) async fn list(options: InspectOptions, signals: &Signals, terminal: &Terminal) -> Result<()> {
    options.refuse_directory_with_one_archive()?;
    let paths = Archive::paths_in(&options.archive)?;
    let stage = terminal.stage("Checking the archives", count, Some(paths.len() as u64));
    let mut summary = Summary::new(terminal, options.json, "archive", paths.len());
    summary.is_list = true;
    let (mut archives, mut is_stopped) = (Vec::with_capacity(paths.len()), false);
    for path in paths {
        let (name, limits, messages) = (name(&path), options.limits, terminal.clone());
        let check = interrupt::abandonable(move || listed(&path, limits, &messages));
        let checked = match is_stopped {
            true => Ok((ListedArchive::default(), None)),
            false => signals.or(check).await,
        };
        is_stopped |= checked.is_err() && signals.is_stopped();
        let (mut archive, failure) = checked.unwrap_or_else(|error| (ListedArchive::default(), Some(error)));
        archive.path = name;
        if let Some(failure) = failure {
            archive.failure = Some(failure.to_json());
            match is_stopped {
                true => summary.add_signal(failure),
                false => summary.add_failure(failure, terminal),
            }
        }
        archives.push(archive);
        stage.inc(1);
    }
    drop(stage);
    let result = summary.result();
    let failure = result.as_ref().err().map(Error::to_json);
    let page = page(&name(&options.archive), &archives);
    let failed = archives.iter().filter(|archive| archive.importable != Some(true));
    let failed: String = failed.map(|archive| format!("failed  {}\n", archive.path)).collect();
    let list = ArchiveList {
        version: REPORT_VERSION,
        archives,
        failure,
    };
    match options.verify && terminal.is_quiet() && !options.json {
        true => options.print(&list, &failed, terminal)?,
        false => options.write(&list, &page, terminal)?,
    }
    result
}

/// Reads an archive to its end; only these facts are kept.
fn listed(path: &Path, limits: Limits, terminal: &Terminal) -> Result<(ListedArchive, Option<Error>)> {
    let (size, contents) = check(path, limits, &mut (), terminal)?;
    let warnings = contents.findings.iter().filter(|finding| !finding.is_fatal());
    let archive = ListedArchive {
        bytes: Some(size),
        importable: Some(contents.importable()),
        warnings: warnings.count() as u64,
        written: contents.manifest.as_ref().map(|manifest| manifest.created.clone()),
        job_id: contents.job_id().map(ToString::to_string),
        snapshot_id: contents.snapshot_id().map(ToString::to_string),
        snapshot_created: contents.snapshot.as_ref().and_then(|snapshot| snapshot.timestamp),
        ..ListedArchive::default()
    };
    Ok((archive, failure(path, &contents)))
}

/// The first fatal finding. Unlike that of a single archive, it names the file.
fn failure(path: &Path, contents: &Contents) -> Option<Error> {
    let finding = contents.fatal()?;
    let mut error = finding.to_error(path.display()).or_list_findings(path);
    if let archive::Error::Damaged { place, .. } = &mut error
        && !finding.place.is_empty()
    {
        *place = format!("{}: {place}", path.display());
    }
    Some(error.into())
}

fn page(directory: &str, archives: &[ListedArchive]) -> ReportPage {
    let number = archives.len() as u64;
    let importable = archives
        .iter()
        .filter(|archive| archive.importable == Some(true))
        .count() as u64;
    let style = if importable == number { Good } else { Bad };
    let text = format!("{} of {}", count(importable), amount(number, "archive", "archives"));
    let verdict = Block::Verdict(Mark(style, "Can be imported", text.into()));
    let rows = archives.iter().map(|archive| {
        let job = Text::from(archive.job_id.as_deref().unwrap_or_default()).or_none();
        let size = Text::from(archive.bytes.map_or_else(String::new, bytes)).or_none();
        let verified = match archive.importable {
            Some(true) => Text::styled(Good, "yes"),
            Some(false) => Text::styled(Bad, "no"),
            None => Text::styled(Caution, "not checked"),
        };
        let snapshot = to_the_minute(archive.snapshot_created);
        vec![Text::from(&archive.path), job, snapshot, size, verified]
    });
    let columns = [
        (Flexible, "Archive"),
        (Flexible, "Job"),
        (Words, "Snapshot"),
        (Numbers, "Size"),
        (Words, "Verified"),
    ];
    let mut section = Section::of("", verdict);
    section.table(Table::new(&columns, rows));
    ReportPage {
        title: format!("Archives in {directory}"),
        sections: vec![section],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{RenderOptions, render_text};

    fn at_width(width: usize) -> String {
        let archive = |path: &str, job: &str, importable| ListedArchive {
            path: path.to_owned(),
            bytes: Some(413_082),
            importable: Some(importable),
            job_id: Some(job.to_owned()).filter(|job| !job.is_empty()),
            snapshot_created: Some(EpochMillis(1_795_432_817_000)).filter(|_| importable),
            ..ListedArchive::default()
        };
        let interrupted = ListedArchive {
            path: "web-latency_state.tar.gz".to_owned(),
            ..ListedArchive::default()
        };
        let long = "population-of-users-in-the-production-cluster-of-the-west-region";
        let archives = [
            archive("damaged.tar.gz", "", false),
            archive(&format!("{long}_state.tar.gz"), long, true),
            interrupted,
        ];
        let width = Some(width);
        let options = RenderOptions {
            width,
            ..RenderOptions::default()
        };
        render_text(&page("backup", &archives), options)
    }

    #[test]
    fn long_names_are_truncated_so_that_a_row_is_a_line() {
        insta::assert_snapshot!(at_width(80));
    }

    #[test]
    fn archives_are_lists_of_facts_on_a_narrow_page() {
        insta::assert_snapshot!(at_width(40));
    }
}

//! The question before an export, the plan of a dry run, and the result. Only the path of the archive or one JSON document is
//! printed to stdout.

use std::collections::BTreeSet;

use serde_json::json;

use super::counted::Counted;
use super::options::{ExportOptions, InputOptions};
use super::plan::Export;
use crate::archive::{ArchiveSummary, EntrySummary, Limits};
use crate::commands::open_job::OpenJob;
use crate::commands::pseudonymize;
use crate::commands::question;
use crate::commands::session::Session;
use crate::commands::summary::Report;
use crate::error::{Error, Result};
use crate::job::JobId;
use crate::terminal::Terminal;
use crate::util::format::{Table, amount, bytes, count, first_names};

/// Fails early if the question cannot be asked later.
pub(super) fn require_answerable(options: &ExportOptions, terminal: &Terminal) -> Result<()> {
    if options.yes || options.dry_run || terminal.interactive() {
        return Ok(());
    }
    Err(Error::refused(
        "cannot ask for confirmation without a terminal: the archive will contain values of your data",
        "add --yes to confirm",
    ))
}

/// What exports would contain.
#[derive(Default)]
pub(super) struct Preview {
    inputs: u64,
    input_bytes: u64,
    fields: BTreeSet<String>,
    results: u64,
}

impl Preview {
    /// Adds an export. Its warnings are not printed, since the export itself prints them.
    pub(super) async fn add(&mut self, session: &Session, options: &ExportOptions, job: &JobId) -> Result<()> {
        let silent = session.with_terminal(Terminal::silent());
        let export = Export::plan(&silent, options, job).await?;
        let counted = Counted::of(&export).await?;
        if let Some(inputs) = counted.inputs {
            self.inputs += inputs.documents;
            self.input_bytes += inputs.bytes;
            self.fields.extend(inputs.search.fields.into_iter().flatten());
        }
        self.results += counted.results.map_or(0, |results| results.documents);
        Ok(())
    }
}

/// Asks whether values of the data may be exported. For a single job and without a complete date range, states how many input
/// documents that includes.
pub(super) async fn confirm(session: &Session, options: &ExportOptions, jobs: &[JobId]) -> Result<()> {
    let terminal = &session.terminal;
    let (what, archives, target) = match jobs {
        [job] => (format!("job {job}"), "archive", options.file(job)),
        _ => {
            let directory = options.output_dir.as_ref().map(|path| path.display().to_string());
            (amount(jobs.len() as u64, "job", "jobs"), "archives", directory)
        }
    };
    let range = options
        .source
        .inputs()
        .filter(|range| range.after.is_none() || range.before.is_none());
    let counted = match jobs.len() == 1 || range.is_some() {
        true => Some(count_all(session, options, jobs).await?),
        false => None,
    };
    warn_of_values(options, &format!("The {archives} of {what}"), terminal);
    let (mut inputs, mut results) = ("input documents".to_owned(), "results".to_owned());
    if let Some(counted) = counted {
        inputs = amount(counted.inputs, "input document", "input documents");
        results = amount(counted.results, "result", "results");
        if let Some(range) = range {
            warn_of_open_range(range, &inputs, counted.input_bytes, terminal);
        }
        let fields: Vec<String> = counted.fields.into_iter().collect();
        let all_fields = options.source.inputs().is_some_and(|inputs| inputs.all_fields);
        inputs += &match fields.is_empty() {
            true if all_fields => " (all fields)".to_owned(),
            true => String::new(),
            false => format!(" (fields {})", first_names(&fields)),
        };
    }
    let included = match (options.source.results(), options.source.inputs()) {
        (None, None) => "without input documents".to_owned(),
        (Some(_), None) => format!("with {results} and without input documents"),
        (None, Some(_)) => format!("with {inputs}"),
        (Some(_), Some(_)) => format!("with {results} and {inputs}"),
    };
    let target = target.unwrap_or_else(|| "stdout".to_owned());
    let question = format!("Export {what} {included} to {target}?");
    match question::ask(terminal, move |terminal| terminal.confirm(&question)).await? {
        true => Ok(()),
        false => Err(Error::Declined),
    }
}

/// Counts what the archives will contain. The failure of one of several jobs is reported when it is exported.
async fn count_all(session: &Session, options: &ExportOptions, jobs: &[JobId]) -> Result<Preview> {
    let stage = session.stage("Counting documents", Some(jobs.len() as u64));
    let mut counted = Preview::default();
    for job in jobs {
        let added = counted.add(session, options, job).await;
        if jobs.len() == 1 {
            added?;
        }
        stage.inc(1);
    }
    Ok(counted)
}

fn warn_of_values(options: &ExportOptions, archives: &str, terminal: &Terminal) {
    terminal.explain(&match options.tokens() {
        Some(_) => format!(
            "{archives} will contain tokens instead of values; the key file will contain the values. The names of the job, \
             fields, aggregations, indices, filters and calendars, metrics and times are not replaced."
        ),
        None => format!(
            "{archives} will contain values of your data: the model state includes the values of partition, by, over and \
             influencer fields, such as host or user names, and annotations include the text of their authors."
        ),
    });
}

fn warn_of_open_range(range: &InputOptions, documents: &str, size: u64, terminal: &Terminal) {
    let unbounded = match (range.after, range.before) {
        (None, None) => "No date range set",
        (None, Some(_)) => "No start date set",
        (Some(_), _) => "No end date set",
    };
    let size = bytes(size);
    terminal.explain(&format!(
        "{unbounded}: all {documents} (about {size}) will be exported. Limit them with --inputs-after-date and \
         --inputs-before-date."
    ));
}

/// Asks whether the job, if it is a single one and open, is closed for the export. Not with `--yes`: closing changes the cluster.
pub(super) async fn offer_to_close(session: &Session, options: &ExportOptions, jobs: &[JobId]) -> Result<bool> {
    let [job] = jobs else { return Ok(false) };
    if options.close_job || !options.source.exports_snapshot_in_use() || OpenJob::find(session, job).await?.is_none() {
        return Ok(false);
    }
    let question = format!("Close job {job} for a newer snapshot, and open it again after the export?");
    question::ask(&session.terminal, move |terminal| terminal.confirm(&question)).await
}

/// The report of an archive that was written.
pub(super) fn report(
    export: &Export<'_>,
    summary: &ArchiveSummary,
    pseudonymized: Option<&pseudonymize::Outcome>,
) -> Report {
    let (job, terminal) = (export.job.id(), &export.session.terminal);
    if let Some(outcome) = pseudonymized {
        pseudonymize::print_report(outcome, terminal);
    }
    let path = export.options.file(job);
    if path.is_some() {
        if let Some(warning) = size_warning(&summary.entries) {
            terminal.warn(&warning);
        }
        terminal.print(&format!("Exported job {job}: {}", bytes(summary.bytes)));
    }
    let mut report = of_archive(export, "exported", summary.bytes);
    // Entries are not listed for several jobs, since their number is not limited to a few.
    if export.options.output_dir.is_none() {
        report.document["entries"] = json!(summary.entries);
    }
    if let Some(outcome) = pseudonymized {
        report.document["pseudonymized"] = json!(outcome);
    }
    report.text = path;
    report
}

/// The report of an archive that has the content already.
pub(super) fn unchanged(export: &Export<'_>) -> Report {
    let path = export.options.path(export.job.id());
    let mut report = of_archive(export, "unchanged", path.metadata().map_or(0, |file| file.len()));
    report.document["unchanged"] = true.into();
    report
}

fn of_archive(export: &Export<'_>, result: &'static str, size: u64) -> Report {
    let (job, snapshot) = (export.job.id(), &export.snapshot.id);
    Report {
        values: vec![snapshot.to_string(), bytes(size)],
        result,
        document: json!({
            "archive": export.options.file(job),
            "bytes": size,
            "job_id": job,
            "snapshot_id": snapshot,
        }),
        ..Report::default()
    }
}

/// Names the option that an import needs if an entry exceeds the default limit.
fn size_warning(entries: &[EntrySummary]) -> Option<String> {
    let largest = entries.iter().max_by_key(|entry| entry.bytes)?;
    let size = largest.bytes.div_ceil(1 << 30);
    (largest.bytes > Limits::default().entry).then(|| {
        format!(
            "an import of this archive requires --max-entry-size {size}gb: {} exceeds the default limit",
            largest.name
        )
    })
}

/// The report of `--dry-run`.
pub(super) fn plan(counted: &Counted<'_>) -> Report {
    let (export, inputs) = (counted.export, &counted.inputs);
    let fields = inputs.as_ref().map(|inputs| &inputs.search.fields);
    let (job, snapshot) = (export.job.id(), &export.snapshot);
    let archive = export.options.file(job);
    let mut documents = json!({"model_state": snapshot.state_documents});
    let mut table = Table::new(&[1]);
    table.row(["", "documents"]);
    table.row(["model state", &count(snapshot.state_documents)]);
    for found in &counted.searched {
        documents[found.title()] = found.count.into();
        table.row([found.title(), &count(found.count)]);
    }
    match &counted.results {
        Some(results) => {
            documents["results"] = results.documents.into();
            documents["later_results"] = results.later.into();
            table.row(["results", &count(results.documents)]);
        }
        None => table.row(["results", "none", "not included (add --include-results)"]),
    }
    match inputs {
        Some(inputs) => {
            documents["inputs"] = inputs.documents.into();
            documents["input_bytes"] = inputs.bytes.into();
            let size = format!("about {} before compression", bytes(inputs.bytes));
            table.row(["input documents", &count(inputs.documents), &size]);
        }
        None => table.row(["input documents", "none", "not included (add --include-inputs)"]),
    }
    let document = json!({
        "dry_run": true,
        "archive": archive,
        "job_id": job,
        "snapshot_id": snapshot.id,
        "documents": documents,
        "input_fields": fields,
    });
    let fields = match fields {
        Some(Some(fields)) => format!("\nInput fields: {}", fields.join(", ")),
        Some(None) => "\nInput fields: all".to_owned(),
        None => String::new(),
    };
    let name = archive.unwrap_or_else(|| "stdout".to_owned());
    let (id, time, table) = (&snapshot.id, snapshot.timestamp, table.render(2));
    let table = table.trim_end();
    Report {
        text: Some(format!(
            "Would export to {name}\nJob {job}, snapshot {id} of {time}\n{table}{fields}"
        )),
        result: "planned",
        document,
        ..Report::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_entry_is_reported_with_the_option_that_imports_it() {
        let entry = |bytes| EntrySummary {
            name: "a_snapshot_docs.ndjson".to_owned(),
            bytes,
            ..EntrySummary::default()
        };
        assert_eq!(size_warning(&[entry(1), entry(10 << 30)]), None);
        let warning = size_warning(&[entry((10 << 30) + 1), entry(1)]);
        let expected = "an import of this archive requires --max-entry-size 11gb: a_snapshot_docs.ndjson exceeds the \
                        default limit";
        assert_eq!(warning.as_deref(), Some(expected));
    }
}

//! The question before an export, the plan of a dry run, and the result. Only the path of the archive or one JSON document is
//! printed to stdout.

use std::path::Path;

use serde_json::{Value, json};

use super::counted::Counted;
use super::options::{ExportOptions, InputOptions};
use super::plan::Export;
use crate::archive::{ArchiveSummary, EntrySummary, Limits, Target};
use crate::commands::pseudonymize;
use crate::commands::question;
use crate::error::{Error, Result};
use crate::job::SnapshotId;
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

/// Asks whether values of the data may be exported. Without a complete date range, states how many input documents that
/// includes.
pub(super) async fn confirm(counted: &Counted<'_>) -> Result<()> {
    let export = counted.export;
    let (options, terminal) = (export.options, &export.session.terminal);
    if options.yes {
        return Ok(());
    }
    let job = export.job.id();
    warn_of_values(options, &format!("The archive of job {job}"), terminal);
    let mut included = "without input documents".to_owned();
    if let Some(inputs) = &counted.inputs {
        let documents = amount(inputs.documents, "input document", "input documents");
        warn_of_open_range(inputs.options, &documents, inputs.bytes, terminal);
        let fields = inputs.search.fields.as_ref().map(|fields| first_names(fields));
        let fields = fields.map_or_else(|| "all fields".to_owned(), |fields| format!("fields {fields}"));
        included = format!("with {documents} ({fields})");
    }
    if let Some(results) = &counted.results {
        let results = amount(results.documents, "result", "results");
        included = format!("with {results} and {included}");
    }
    let path = match options.target(job) {
        Target::File { path, .. } => path.display().to_string(),
        Target::Stdout => "stdout".to_owned(),
    };
    ask(format!("Export job {job} {included} to {path}?"), terminal).await
}

/// Asks the question of [`confirm`] about several jobs, which have `inputs` documents of this size if that is known.
pub(super) async fn confirm_all(
    options: &ExportOptions,
    jobs: usize,
    inputs: Option<(u64, u64)>,
    terminal: &Terminal,
) -> Result<()> {
    let jobs = amount(jobs as u64, "job", "jobs");
    warn_of_values(options, &format!("The archives of {jobs}"), terminal);
    let mut included = "without input documents".to_owned();
    if let Some(range) = options.inputs() {
        included = "with input documents".to_owned();
        if let Some((documents, bytes)) = inputs {
            included = format!("with {}", amount(documents, "input document", "input documents"));
            warn_of_open_range(range, &included["with ".len()..], bytes, terminal);
        }
    }
    if options.results().is_some() {
        included = format!("with results and {included}");
    }
    let directory = options.output_dir.as_deref().unwrap_or(Path::new("")).display();
    ask(format!("Export {jobs} {included} to {directory}?"), terminal).await
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
        (Some(_), None) => "No end date set",
        (Some(_), Some(_)) => return,
    };
    let size = bytes(size);
    terminal.explain(&format!(
        "{unbounded}: all {documents} (about {size}) will be exported. Limit them with --inputs-after-date and \
         --inputs-before-date."
    ));
}

/// Asks whether an open job is closed for the export. Not with `--yes`: closing changes the cluster.
pub(super) async fn offer_to_close(export: &Export<'_>) -> Result<bool> {
    let (options, terminal, job) = (export.options, export.session.terminal.clone(), export.job.id());
    if options.yes || !options.exports_snapshot_in_use() {
        return Ok(false);
    }
    let question = format!("Close job {job} for a newer snapshot, and open it again after the export?");
    question::ask(&terminal, move |terminal| terminal.confirm(&question)).await
}

async fn ask(question: String, terminal: &Terminal) -> Result<()> {
    match question::ask(terminal, move |terminal| terminal.confirm(&question)).await? {
        true => Ok(()),
        false => Err(Error::Declined),
    }
}

/// What was exported, or would be.
pub(super) struct Report {
    pub(super) snapshot: SnapshotId,
    /// Whether the archive was not written, because the one that exists has the same content.
    pub(super) is_unchanged: bool,
    /// The compressed size of the archive in bytes; `None` for a plan.
    pub(super) bytes: Option<u64>,
    /// The path of the archive or the plan; `None` if the archive is unchanged or was written to stdout.
    pub(super) text: Option<String>,
    pub(super) document: Value,
}

impl Report {
    pub(super) fn print(&self, terminal: &Terminal, json: bool) -> Result<()> {
        let printed = match (&self.text, json) {
            (None, _) => Ok(()),
            (Some(_), true) => terminal.result(&self.document.to_string()),
            (Some(text), false) => terminal.result(text),
        };
        printed.map_err(Error::stdout)
    }
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
    let path = match export.options.target(job) {
        Target::File { path, .. } => Some(path),
        Target::Stdout => None,
    };
    if path.is_some() {
        if let Some(warning) = size_warning(&summary.entries) {
            terminal.warn(&warning);
        }
        terminal.print(&format!("Exported job {job}: {}", bytes(summary.bytes)));
    }
    let mut document = json!({
        "archive": path,
        "bytes": summary.bytes,
        "job_id": job,
        "snapshot_id": export.snapshot.id,
        "entries": summary.entries,
    });
    if let Some(outcome) = pseudonymized {
        document["pseudonymized"] = json!(outcome);
    }
    Report {
        snapshot: export.snapshot.id.clone(),
        is_unchanged: false,
        bytes: Some(summary.bytes),
        text: path.map(|path| path.display().to_string()),
        document,
    }
}

/// The report of an archive that has the content already.
pub(super) fn unchanged(export: &Export<'_>) -> Report {
    let path = export.options.path(export.job.id());
    let bytes = path.metadata().ok().map(|file| file.len());
    Report {
        snapshot: export.snapshot.id.clone(),
        is_unchanged: true,
        bytes,
        text: None,
        document: json!({
            "archive": path,
            "bytes": bytes,
            "job_id": export.job.id(),
            "snapshot_id": export.snapshot.id,
            "unchanged": true,
        }),
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
    let Counted {
        export,
        inputs,
        searched,
        results,
        ..
    } = counted;
    let fields = inputs.as_ref().map(|inputs| &inputs.search.fields);
    let (job, snapshot) = (export.job.id(), &export.snapshot);
    let archive = match export.options.target(job) {
        Target::File { path, .. } => Some(path),
        Target::Stdout => None,
    };
    let mut documents = json!({"model_state": snapshot.state_documents});
    let mut table = Table::new(&[1]);
    table.row(["", "documents"]);
    table.row(["model state", &count(snapshot.state_documents)]);
    for found in searched {
        documents[found.title()] = found.count.into();
        table.row([found.title(), &count(found.count)]);
    }
    match results {
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
    let name = archive.map_or_else(|| "stdout".to_owned(), |path| path.display().to_string());
    let (id, time, table) = (&snapshot.id, snapshot.timestamp, table.render(2));
    let table = table.trim_end();
    Report {
        snapshot: snapshot.id.clone(),
        is_unchanged: false,
        bytes: None,
        text: Some(format!(
            "Would export to {name}\nJob {job}, snapshot {id} of {time}\n{table}{fields}"
        )),
        document,
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

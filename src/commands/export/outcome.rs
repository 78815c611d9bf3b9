//! The question before an export, the plan of a dry run, and the result. Only the path of the archive or one JSON document is
//! printed to stdout.

use serde_json::json;

use super::documents::SearchedDocuments;
use super::inputs::Inputs;
use super::options::ExportOptions;
use super::plan::Export;
use crate::archive::{ArchiveSummary, EntrySummary, Limits, Target};
use crate::commands::pseudonymize;
use crate::commands::question;
use crate::error::{Error, Result};
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
pub(super) async fn confirm(export: &Export<'_>, inputs: Option<&Inputs<'_>>) -> Result<()> {
    let (options, terminal) = (export.options, &export.session.terminal);
    if options.yes {
        return Ok(());
    }
    let job = export.job.id();
    terminal.explain(&match options.tokens() {
        Some(_) => format!(
            "The archive of job {job} will contain tokens instead of values; the key file will contain the values. The \
             names of the job, fields, aggregations, indices, filters and calendars, metrics and times are not replaced."
        ),
        None => format!(
            "The archive of job {job} will contain values of your data: the model state includes the values of partition, \
             by, over and influencer fields, such as host or user names, and annotations include the text of their authors."
        ),
    });
    let mut included = "without input documents".to_owned();
    if let Some(inputs) = inputs {
        let documents = amount(inputs.documents, "input document", "input documents");
        let unbounded = match (inputs.options.after, inputs.options.before) {
            (None, None) => Some("No date range set"),
            (None, Some(_)) => Some("No start date set"),
            (Some(_), None) => Some("No end date set"),
            (Some(_), Some(_)) => None,
        };
        if let Some(unbounded) = unbounded {
            let size = bytes(inputs.bytes);
            terminal.explain(&format!(
                "{unbounded}: all {documents} (about {size}) will be exported. Limit them with --inputs-after-date and \
                 --inputs-before-date."
            ));
        }
        let fields = inputs.search.fields.as_ref().map(|fields| first_names(fields));
        let fields = fields.map_or_else(|| "all fields".to_owned(), |fields| format!("fields {fields}"));
        included = format!("with {documents} ({fields})");
    }
    let path = match options.target(job) {
        Target::File { path, .. } => path.display().to_string(),
        Target::Stdout => "stdout".to_owned(),
    };
    let question = format!("Export job {job} {included} to {path}?");
    match question::ask(terminal, move |terminal| terminal.confirm(&question)).await? {
        true => Ok(()),
        false => Err(Error::Declined),
    }
}

/// Prints the path, or with `--json` the contents of the archive; nothing if the archive is written to stdout.
pub(super) fn print(
    export: &Export<'_>,
    summary: &ArchiveSummary,
    pseudonymized: Option<&pseudonymize::Outcome>,
) -> Result<()> {
    let (job, terminal) = (export.job.id(), &export.session.terminal);
    if let Some(outcome) = pseudonymized {
        pseudonymize::print_report(outcome, terminal);
    }
    let Target::File { path, .. } = export.options.target(job) else {
        return Ok(());
    };
    if let Some(warning) = size_warning(&summary.entries) {
        terminal.warn(&warning);
    }
    terminal.print(&format!("Exported job {job}: {}", bytes(summary.bytes)));
    if !export.options.json {
        return terminal.result(&path.display().to_string()).map_err(Error::stdout);
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
    terminal.result(&document.to_string()).map_err(Error::stdout)
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

/// Prints the plan of `--dry-run`.
pub(super) fn print_plan(
    export: &Export<'_>,
    inputs: Option<&Inputs<'_>>,
    searched: &[SearchedDocuments],
) -> Result<()> {
    let fields = inputs.map(|inputs| &inputs.search.fields);
    let (job, snapshot) = (export.job.id(), &export.snapshot);
    let archive = match export.options.target(job) {
        Target::File { path, .. } => Some(path),
        Target::Stdout => None,
    };
    let text = if export.options.json {
        let mut documents = json!({"model_state": snapshot.state_documents});
        for found in searched {
            documents[found.title()] = found.count.into();
        }
        if let Some(inputs) = inputs {
            documents["inputs"] = inputs.documents.into();
            documents["input_bytes"] = inputs.bytes.into();
        }
        json!({
            "dry_run": true,
            "archive": archive,
            "job_id": job,
            "snapshot_id": snapshot.id,
            "documents": documents,
            "input_fields": fields,
        })
        .to_string()
    } else {
        let mut table = Table::new(&[1]);
        table.row(["", "documents"]);
        table.row(["model state", &count(snapshot.state_documents)]);
        for found in searched {
            table.row([found.title(), &count(found.count)]);
        }
        match inputs {
            Some(inputs) => {
                let size = format!("about {} before compression", bytes(inputs.bytes));
                table.row(["input documents", &count(inputs.documents), &size]);
            }
            None => table.row(["input documents", "none", "not included (add --include-inputs)"]),
        }
        let fields = match fields {
            Some(Some(fields)) => format!("\nInput fields: {}", fields.join(", ")),
            Some(None) => "\nInput fields: all".to_owned(),
            None => String::new(),
        };
        let name = archive.map_or_else(|| "stdout".to_owned(), |path| path.display().to_string());
        let (id, time, table) = (&snapshot.id, snapshot.timestamp, table.render(2));
        let table = table.trim_end();
        format!("Would export to {name}\nJob {job}, snapshot {id} of {time}\n{table}{fields}")
    };
    export.session.terminal.result(&text).map_err(Error::stdout)
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

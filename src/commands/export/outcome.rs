//! What the user reads of an export: the question before it, the plan of a dry run, and the result. Only the path of the
//! archive, or one JSON document, goes to stdout.

use serde_json::json;

use super::documents::SearchedDocuments;
use super::inputs::Inputs;
use super::options::ExportOptions;
use super::plan::Export;
use crate::archive::{ArchiveSummary, EntrySummary, Limits, Target};
use crate::cluster::SourceFields;
use crate::commands::interrupt;
use crate::commands::pseudonymize;
use crate::error::{Error, Result};
use crate::terminal::Terminal;
use crate::util::format::{Table, amount, bytes, count};

/// Refuses at once where the question could not be asked later.
pub(super) fn require_answerable(options: &ExportOptions, terminal: &Terminal) -> Result<()> {
    if options.yes || options.dry_run || terminal.interactive() {
        return Ok(());
    }
    Err(refused(
        "an export holds personal data (the model state itself does), and nobody is there to agree",
    ))
}

/// Asks whether values of the data may be exported, and again where all inputs of an open range would be.
pub(super) async fn confirm(export: &Export<'_>, inputs: Option<&Inputs<'_>>) -> Result<()> {
    let (options, terminal) = (export.options, &export.session.terminal);
    if options.yes {
        return Ok(());
    }
    let job = export.job.id();
    terminal.explain(&match options.tokens() {
        Some(_) => format!(
            "The archive of job {job} will hold tokens in the place of values, and its key file the values. Names of \
             the job, its fields, aggregations, indices, filters and calendars stay, and so do metrics and times."
        ),
        None => format!(
            "The archive of job {job} will hold values of your data: the model state keeps names of hosts, users or \
             whatever the job splits by, and annotations keep what people wrote."
        ),
    });
    ask(terminal, "Export it?").await?;
    if let Some(inputs) = inputs
        && (inputs.options.after.is_none() || inputs.options.before.is_none())
    {
        terminal.explain(&format!(
            "The range of the inputs is open: {}, about {} before compression. --inputs-after-date and \
             --inputs-before-date bound it.",
            amount(inputs.documents, "document", "documents"),
            bytes(inputs.bytes)
        ));
        ask(terminal, "Include all of them?").await?;
    }
    Ok(())
}

async fn ask(terminal: &Terminal, question: &'static str) -> Result<()> {
    match interrupt::ask(terminal, |terminal| terminal.confirm(question)).await? {
        true => Ok(()),
        false => Err(refused("not exported")),
    }
}

fn refused(message: &str) -> Error {
    Error::refused(message, "agree beforehand with --yes")
}

/// Prints the path, or with `--json` what the archive contains; nothing where stdout is the archive.
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

/// The option that an import needs, where an entry is larger than its default limit.
fn size_warning(entries: &[EntrySummary]) -> Option<String> {
    let largest = entries.iter().max_by_key(|entry| entry.bytes)?;
    let size = largest.bytes.div_ceil(1 << 30);
    (largest.bytes > Limits::default().entry).then(|| {
        format!(
            "{} is larger than an import takes unless told: it needs --max-entry-size {size}gb",
            largest.name
        )
    })
}

/// Prints what `--dry-run` finds.
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
        let fields = match fields {
            Some(SourceFields::Only(fields)) => Some(fields),
            _ => None,
        };
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
                table.row(["inputs", &count(inputs.documents), &size]);
            }
            None => table.row(["inputs", "none", "--include-inputs takes them along"]),
        }
        let fields = match fields {
            Some(SourceFields::Only(fields)) => format!("\nof the inputs: {}", fields.join(", ")),
            Some(SourceFields::All) => "\nof the inputs: every field".to_owned(),
            None => String::new(),
        };
        let name = archive.map_or_else(|| "stdout".to_owned(), |path| path.display().to_string());
        let (id, time, table) = (&snapshot.id, snapshot.timestamp, table.render(2));
        let table = table.trim_end();
        format!("would write {name}\njob {job}, snapshot {id} of {time}\n{table}{fields}")
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
        let told = size_warning(&[entry((10 << 30) + 1), entry(1)]);
        let expected =
            "a_snapshot_docs.ndjson is larger than an import takes unless told: it needs --max-entry-size 11gb";
        assert_eq!(told.as_deref(), Some(expected));
    }
}

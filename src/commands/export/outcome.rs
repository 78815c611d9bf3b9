//! What the user reads of an export: the question before it, the plan of a dry run, and the result. Only the path of the
//! archive, or one JSON document, goes to stdout.

use serde_json::{Map, Value, json};

use super::documents::DocumentCounts;
use super::inputs::InputSource;
use super::options::ExportOptions;
use super::target::ExportContext;
use super::write::ExportedArchive;
use crate::archive::{Limits, ManifestEntry, Target};
use crate::cluster::SourceFields;
use crate::commands::{interrupt, pseudonymize};
use crate::error::{Error, Result};
use crate::terminal::{PromptError, Terminal};
use crate::util::format::{amount, bytes, count};
use crate::util::table::Table;

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
pub(super) async fn confirm(export: ExportContext<'_>, counts: &DocumentCounts) -> Result<()> {
    let (options, terminal) = (export.options, &export.session.terminal);
    if options.yes {
        return Ok(());
    }
    let job = export.target.job.id();
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
    let range = options.inputs();
    let open = range.is_some_and(|range| range.after.is_none() || range.before.is_none());
    if let Some(inputs) = counts.inputs.filter(|_| open) {
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
    match interrupt::while_waiting(terminal, move |terminal| terminal.confirm(question)).await? {
        Ok(true) => Ok(()),
        Ok(false) => Err(refused("not exported")),
        Err(PromptError::Interrupted) => Err(Error::Interrupted),
        Err(PromptError::NoTerminal) => Err(refused("nobody is there to agree")),
    }
}

fn refused(message: &str) -> Error {
    Error::refused(message, "agree beforehand with --yes")
}

/// Prints the path, or with `--json` what the archive contains; nothing where stdout is the archive.
pub(super) fn print(export: ExportContext<'_>, archive: &ExportedArchive) -> Result<()> {
    let (target, terminal) = (export.target, &export.session.terminal);
    let pseudonymized = archive.pseudonymized.as_ref();
    if let Some((options, outcome)) = pseudonymized {
        pseudonymize::say(options, outcome, terminal);
    }
    let Target::File { path, .. } = &archive.target else {
        return Ok(());
    };
    let summary = &archive.summary;
    if let Some(warning) = size_warning(&summary.entries) {
        terminal.warn(&warning);
    }
    terminal.print(&format!("Exported job {}: {}", target.job.id(), bytes(summary.bytes)));
    if !export.options.json {
        return terminal.result(&path.display().to_string()).map_err(Error::stdout);
    }
    let mut document = json!({
        "archive": path,
        "bytes": summary.bytes,
        "job_id": target.job.id(),
        "snapshot_id": target.snapshot.id,
        "entries": summary.entries,
    });
    if let Some((options, outcome)) = pseudonymized {
        document["pseudonymized"] = pseudonymize::outcome_document(options, outcome);
    }
    terminal.result(&document.to_string()).map_err(Error::stdout)
}

/// The option that an import needs, where an entry is larger than its default limit.
fn size_warning(entries: &[ManifestEntry]) -> Option<String> {
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
    export: ExportContext<'_>,
    source: Option<&InputSource>,
    counts: &DocumentCounts,
) -> Result<()> {
    let (target, output) = (export.target, export.options.target(export.target.job.id()));
    let fields = source.map(|source| &source.search.fields);
    let text = match export.options.json {
        true => plan_document(export, &output, fields, counts).to_string(),
        false => {
            let mut table = Table::new(&[1]);
            table.row(["", "documents"]);
            table.row(["model state", &count(target.snapshot.state_documents)]);
            for found in counts.searched() {
                table.row([found.title, &count(found.count)]);
            }
            match counts.inputs {
                Some(inputs) => table.row([
                    "inputs",
                    &count(inputs.documents),
                    &format!("about {} before compression", bytes(inputs.bytes)),
                ]),
                None => table.row(["inputs", "none", "--include-inputs takes them along"]),
            }
            let fields = match fields {
                Some(SourceFields::Only(fields)) => format!("\nof the inputs: {}", fields.join(", ")),
                Some(SourceFields::All) => "\nof the inputs: every field".to_owned(),
                None => String::new(),
            };
            let name = match output {
                Target::File { path, .. } => path.display().to_string(),
                Target::Stdout => "stdout".into(),
            };
            format!(
                "would write {name}\njob {}, snapshot {} of {}\n{}{fields}",
                target.job.id(),
                target.snapshot.id,
                target.snapshot.timestamp,
                table.render(2).trim_end()
            )
        }
    };
    export.session.terminal.result(&text).map_err(Error::stdout)
}

fn plan_document(
    export: ExportContext<'_>,
    output: &Target,
    fields: Option<&SourceFields>,
    counts: &DocumentCounts,
) -> Value {
    let target = export.target;
    let mut documents = Map::new();
    documents.insert("model_state".into(), target.snapshot.state_documents.into());
    for found in counts.searched() {
        documents.insert(found.title.into(), found.count.into());
    }
    if let Some(inputs) = counts.inputs {
        documents.insert("inputs".into(), inputs.documents.into());
        documents.insert("input_bytes".into(), inputs.bytes.into());
    }
    let archive = match output {
        Target::File { path, .. } => Some(path),
        Target::Stdout => None,
    };
    let fields = match fields {
        Some(SourceFields::Only(fields)) => Some(fields),
        _ => None,
    };
    json!({
        "dry_run": true,
        "archive": archive,
        "job_id": target.job.id(),
        "snapshot_id": target.snapshot.id,
        "documents": documents,
        "input_fields": fields,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_entry_is_reported_with_the_option_that_imports_it() {
        let entry = |bytes| ManifestEntry {
            name: "a_snapshot_docs.ndjson".to_owned(),
            documents: 1,
            bytes,
            sha256: String::new(),
        };
        assert_eq!(size_warning(&[entry(1), entry(10 << 30)]), None);
        let told = size_warning(&[entry((10 << 30) + 1), entry(1)]);
        let expected =
            "a_snapshot_docs.ndjson is larger than an import takes unless told: it needs --max-entry-size 11gb";
        assert_eq!(told.as_deref(), Some(expected));
    }
}

//! What an export says at its end: the archive's path and nothing else on stdout.

use serde_json::{Value, json};

use super::options::ExportOptions;
use super::sources::Sources;
use super::subject::Subject;
use super::survey::Survey;
use super::written::Written;
use crate::archive::{Limits, ManifestEntry, Target};
use crate::cluster::SourceFields;
use crate::commands::pseudonymize;
use crate::error::{Error, Result};
use crate::terminal::Terminal;
use crate::util::format::{bytes, count};
use crate::util::table::Table;

/// The path, or with `--json` what the archive holds; nothing where stdout is the archive.
pub(super) fn print(options: &ExportOptions, subject: &Subject, written: &Written, terminal: &Terminal) -> Result<()> {
    if let Some((asked, outcome)) = &written.pseudonymized {
        pseudonymize::say(asked, outcome, terminal);
    }
    let Target::File { path, .. } = &written.target else {
        return Ok(());
    };
    if let Some(needed) = needed_to_import(&written.finished.entries) {
        terminal.warn(&needed);
    }
    terminal.print(&format!(
        "Exported job {}: {}",
        subject.job.id(),
        bytes(written.finished.bytes)
    ));
    let text = match options.json {
        false => path.display().to_string(),
        true => {
            let mut document = json!({
                "archive": path,
                "bytes": written.finished.bytes,
                "job_id": subject.job.id(),
                "snapshot_id": subject.snapshot.id,
                "entries": written.finished.entries,
            });
            if let Some((asked, outcome)) = &written.pseudonymized {
                document["pseudonymized"] = pseudonymize::outcome_document(asked, outcome);
            }
            document.to_string()
        }
    };
    say(terminal, &text)
}

/// What an import must be told, where an entry is larger than it takes by itself.
fn needed_to_import(entries: &[ManifestEntry]) -> Option<String> {
    let largest = entries.iter().max_by_key(|entry| entry.bytes)?;
    let size = largest.bytes.div_ceil(1 << 30);
    (largest.bytes > Limits::default().entry).then(|| {
        format!(
            "{} is larger than an import takes unless told: it needs --max-entry-size {size}gb",
            largest.name
        )
    })
}

/// What `--dry-run` answers.
pub(super) fn print_survey(
    options: &ExportOptions,
    subject: &Subject,
    sources: &Sources,
    survey: &Survey,
    terminal: &Terminal,
) -> Result<()> {
    let target = options.target(subject.job.id());
    if options.json {
        return say(terminal, &survey_json(&target, subject, sources, survey).to_string());
    }
    let mut table = Table::new(&[1]);
    table.row(["", "documents"]);
    table.row(["model state", &count(subject.snapshot.state_documents)]);
    for (found, documents) in &survey.found {
        table.row([found.title, &count(*documents)]);
    }
    match survey.inputs {
        Some(inputs) => table.row([
            "inputs",
            &count(inputs.documents),
            &format!("about {} before compression", bytes(inputs.bytes)),
        ]),
        None => table.row(["inputs", "none", "--include-inputs takes them along"]),
    }
    let fields = match sources.search.as_ref().map(|search| &search.fields) {
        Some(SourceFields::Only(fields)) => format!("\nof the inputs: {}", fields.join(", ")),
        Some(SourceFields::All) => "\nof the inputs: every field".to_owned(),
        None => String::new(),
    };
    let name = match target {
        Target::File { path, .. } => path.display().to_string(),
        Target::Stdout => "stdout".into(),
    };
    say(
        terminal,
        &format!(
            "would write {name}\njob {}, snapshot {} of {}\n{}{fields}",
            subject.job.id(),
            subject.snapshot.id,
            subject.snapshot.timestamp,
            table.render(2).trim_end()
        ),
    )
}

fn survey_json(target: &Target, subject: &Subject, sources: &Sources, survey: &Survey) -> Value {
    let mut parts = serde_json::Map::new();
    parts.insert("model_state".into(), subject.snapshot.state_documents.into());
    for (found, documents) in &survey.found {
        parts.insert(found.title.into(), (*documents).into());
    }
    if let Some(inputs) = survey.inputs {
        parts.insert("inputs".into(), inputs.documents.into());
        parts.insert("input_bytes".into(), inputs.bytes.into());
    }
    let fields = match sources.search.as_ref().map(|search| &search.fields) {
        Some(SourceFields::Only(fields)) => Some(fields),
        Some(SourceFields::All) | None => None,
    };
    let archive = match target {
        Target::File { path, .. } => Some(path),
        Target::Stdout => None,
    };
    json!({
        "dry_run": true,
        "archive": archive,
        "job_id": subject.job.id(),
        "snapshot_id": subject.snapshot.id,
        "documents": parts,
        "input_fields": fields,
    })
}

fn say(terminal: &Terminal, text: &str) -> Result<()> {
    terminal.result(text).map_err(Error::stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_needs_an_option_to_import_is_told() {
        let entry = |bytes| ManifestEntry {
            name: "a_snapshot_docs.ndjson".to_owned(),
            documents: 1,
            bytes,
            sha256: String::new(),
        };
        assert_eq!(needed_to_import(&[entry(1), entry(10 << 30)]), None);
        let told = needed_to_import(&[entry((10 << 30) + 1), entry(1)]);
        let expected =
            "a_snapshot_docs.ndjson is larger than an import takes unless told: it needs --max-entry-size 11gb";
        assert_eq!(told.as_deref(), Some(expected));
    }
}

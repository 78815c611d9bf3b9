//! What a run reports at the end.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::options::PseudonymizeOptions;
use crate::archive::{ArchiveSummary, Target, UnpublishedArchive};
use crate::error::{Error, Result};
use crate::job::JobConfig;
use crate::pseudonym::datafeed::{DatafeedDecision, DatafeedOutcome};
use crate::pseudonym::fields::Fields;
use crate::pseudonym::hashes::HashCounts;
use crate::pseudonym::read::SourceArchive;
use crate::pseudonym::rewrite::Rewriter;
use crate::terminal::Terminal;
use crate::util::format::{amount, bytes, count};

/// What was done, or would be.
#[derive(Clone, Debug)]
pub(in crate::commands) struct Outcome {
    job: String,
    replaced: u64,
    fields: BTreeMap<String, u64>,
    /// The field of messages whose words are replaced.
    messages: Option<String>,
    hashes: HashCounts,
    notes: Vec<String>,
    /// What the job can be expected to find.
    expected: Vec<String>,
    datafeed: DatafeedOutcome,
    /// Scripted fields that were removed from the datafeed.
    scripted: Vec<String>,
    /// Fields that are not in the archive since only the query reads them.
    only_queried: Vec<String>,
    pub(in crate::commands) finished: Option<ArchiveSummary>,
}

impl Outcome {
    pub(super) fn of(
        source: &SourceArchive<'_>,
        rewriter: &Rewriter,
        decision: &DatafeedDecision,
        written: Option<&UnpublishedArchive>,
    ) -> Self {
        let found = rewriter.found();
        let chosen = rewriter.fields.chosen();
        Self {
            job: source.job().to_string(),
            replaced: rewriter.tokens.replaced(),
            fields: chosen
                .map(|field| (field.to_owned(), found.get(field).copied().unwrap_or(0)))
                .collect(),
            messages: rewriter.fields.messages.as_ref().map(|(name, _)| name.clone()),
            hashes: rewriter.hashes.counts(),
            notes: rewriter.notes().map(str::to_owned).collect(),
            expected: expected_results(source.config, &rewriter.fields),
            datafeed: decision.outcome.clone(),
            scripted: decision.left_out.clone(),
            only_queried: rewriter.fields.only_queried.names().map(str::to_owned).collect(),
            finished: written.map(|written| written.summary.clone()),
        }
    }
}

/// The path, or with `--json` what was done.
pub(super) fn print(options: &PseudonymizeOptions, outcome: &Outcome, terminal: &Terminal) -> Result<()> {
    say(options, outcome, terminal);
    let path = match options.target() {
        Target::Stdout if options.dry_run => "stdout".to_owned(),
        Target::Stdout => return Ok(()),
        Target::File { path, .. } => path.display().to_string(),
    };
    let text = match (options.json, options.dry_run) {
        (true, _) => {
            let mut document = outcome_document(options, outcome);
            document["job_id"] = outcome.job.clone().into();
            document["archive"] = path.into();
            if let Some(finished) = &outcome.finished {
                document["bytes"] = finished.bytes.into();
                document["entries"] = json!(finished.entries);
            }
            if options.dry_run {
                document["dry_run"] = true.into();
            }
            document.to_string()
        }
        (false, true) => format!("would write {path} and {}", options.key().display()),
        (false, false) => path,
    };
    terminal.result(&text).map_err(Error::stdout)
}

/// What was replaced and dropped, and the key file.
pub(in crate::commands) fn outcome_document(options: &PseudonymizeOptions, outcome: &Outcome) -> Value {
    json!({
        "key_file": options.key(),
        "values_replaced": outcome.replaced,
        "fields": outcome.fields,
        "hashes": outcome.hashes,
        "datafeed": outcome.datafeed.document(),
        "scripted_fields_left_out": outcome.scripted,
        "input_fields_left_out": outcome.only_queried,
        "notes": outcome.notes,
        "expected_results": outcome.expected,
    })
}

/// The same for people, and what the archive can be expected to do.
pub(in crate::commands) fn say(options: &PseudonymizeOptions, outcome: &Outcome, terminal: &Terminal) {
    let fields: Vec<String> = outcome
        .fields
        .iter()
        .map(|(field, values)| format!("{} of {field}", count(*values)))
        .chain(outcome.messages.iter().map(|field| format!("the words of {field}")))
        .chain(["and names and texts that contain them".to_owned()])
        .collect();
    terminal.print(&format!(
        "Replaced {}: {}",
        amount(outcome.replaced, "value", "values"),
        fields.join(", ")
    ));
    let hashes = outcome.hashes;
    terminal.print(&format!(
        "Hashes: {} of scores, {} dropped since no known value explains them; {} of counted values, {} dropped",
        count(hashes.scope_keys),
        count(hashes.scope_keys_dropped),
        count(hashes.words),
        count(hashes.words_dropped)
    ));
    if let Some(sentence) = outcome.datafeed.sentence() {
        terminal.print(&sentence);
    }
    for (what, names) in [
        (
            "Scripted fields of the datafeed left out, since nothing reads them and they read replaced values",
            &outcome.scripted,
        ),
        (
            "Fields of the input documents left out, since only the datafeed's query reads them",
            &outcome.only_queried,
        ),
    ] {
        if !names.is_empty() {
            terminal.print(&format!("{what}: {}", names.join(", ")));
        }
    }
    for note in &outcome.notes {
        terminal.warn(note);
    }
    for sentence in &outcome.expected {
        terminal.print(sentence);
    }
    if let Some(finished) = &outcome.finished {
        terminal.print(&format!("Pseudonymized job {}: {}", outcome.job, bytes(finished.bytes)));
        terminal.print(&format!(
            "Keep {} to yourself: `esml-state reveal` tells with it what a token stands for",
            options.key().display()
        ));
    }
}

/// What the pseudonymized job can be expected to find, as far as it was measured with Elastic's autodetect: a sentence each.
fn expected_results(config: &JobConfig, fields: &Fields) -> Vec<String> {
    let measures_length = |detector: &&crate::job::Detector| detector.function.ends_with("info_content");
    let measured = config.analysis.detectors.iter().filter(measures_length);
    let measured: Vec<&str> = measured
        .filter(|detector| detector.field.as_deref().is_some_and(|field| fields.is_chosen(field)))
        .map(|detector| detector.function.as_str())
        .collect();
    let except = match measured.first() {
        Some(function) => format!(" of detectors other than `{function}`"),
        None => String::new(),
    };
    let mut sentences = vec![format!(
        "Given input documents with the same tokens, the job finds the same records{except}, with the same probabilities. \
         Record scores differ by less than 1.5, influencer scores by more."
    )];
    if let Some(function) = measured.first() {
        sentences.push(format!(
            "`{function}` measures how much a value can be compressed, and tokens differ from values in that: the job finds \
             other records with it."
        ));
    }
    if fields.replaces_messages() {
        sentences.push(match config.filters_messages() {
            true => "Messages may be assigned to other categories: the job filters messages before it categorizes them, and the \
                     filters now read tokens."
                .to_owned(),
            false => "Messages of the existing categories are assigned to them, except where a token makes a message longer \
                      than its category allows. Other messages may form other categories."
                .to_owned(),
        });
    }
    sentences
}

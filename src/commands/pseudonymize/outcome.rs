//! The report at the end of a run.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;
use serde_json::json;

use super::options::PseudonymizeOptions;
use crate::archive::{ArchiveSummary, Target};
use crate::error::{Error, Result};
use crate::job::JobConfig;
use crate::pseudonym::fields::ReplacedFields;
use crate::pseudonym::hashes::HashCounts;
use crate::pseudonym::{DatafeedOutcome, Pseudonymizer};
use crate::terminal::Terminal;
use crate::util::format::{amount, bytes, count};

const SCRIPTED_REMOVED: &str =
    "Scripted fields removed from the datafeed because they read replaced values and are not used";
const INPUTS_REMOVED: &str = "Fields removed from the input documents because only the datafeed's query reads them";

/// What was done, or would be done. The JSON document contains the key file, and what was replaced and removed.
#[derive(Clone, Debug, Serialize)]
pub(in crate::commands) struct Outcome {
    #[serde(skip)]
    job_id: String,
    key_file: String,
    values_replaced: u64,
    /// The number of distinct values of each field.
    fields: BTreeMap<String, u64>,
    /// The number and kind of values that are not values of these fields.
    #[serde(skip)]
    others: Option<String>,
    hashes: HashCounts,
    datafeed: DatafeedOutcome,
    scripted_fields_removed: Vec<String>,
    input_fields_removed: Vec<String>,
    notes: Vec<&'static str>,
    /// What results to expect from the job.
    expected_results: Vec<String>,
    #[serde(skip)]
    pub(in crate::commands) written: Option<ArchiveSummary>,
}

impl Outcome {
    pub(super) fn new(options: &PseudonymizeOptions, done: &Pseudonymizer, written: Option<&ArchiveSummary>) -> Self {
        let (rewriter, fields, config) = (&done.rewriter, &done.rewriter.fields, &done.datafeed.config);
        let values = rewriter.values_by_field.iter();
        let counts = values.map(|(field, values)| (field.clone(), values.len() as u64));
        // Fields can have values in common.
        let of_fields: HashSet<u32> = rewriter.values_by_field.values().flatten().copied().collect();
        let values_replaced = rewriter.tokens.originals().count() as u64;
        let others = values_replaced.saturating_sub(of_fields.len() as u64);
        let words = fields.messages.iter().map(|field| format!("words in {field}, "));
        Self {
            job_id: config.id().to_string(),
            key_file: options.tokens.key_beside(&options.target()).display().to_string(),
            values_replaced,
            fields: counts.collect(),
            others: (others > 0).then(|| format!("{} {}names and texts", count(others), words.collect::<String>())),
            hashes: rewriter.hashes.counts(),
            datafeed: done.datafeed.outcome.clone(),
            scripted_fields_removed: done.datafeed.removed_fields.clone(),
            input_fields_removed: fields.query_only.paths.iter().cloned().collect(),
            notes: rewriter.notes.iter().copied().collect(),
            expected_results: expected_results(config, fields),
            written: written.cloned(),
        }
    }
}

/// Prints the path, or with `--json` the outcome.
pub(super) fn print(options: &PseudonymizeOptions, outcome: &Outcome, terminal: &Terminal) -> Result<()> {
    print_report(outcome, terminal);
    let path = match options.target() {
        Target::Stdout if options.dry_run => "stdout".to_owned(),
        Target::Stdout => return Ok(()),
        Target::File { path, .. } => path.display().to_string(),
    };
    let text = match (options.json, options.dry_run) {
        (true, _) => {
            let mut document = json!(outcome);
            document["job_id"] = outcome.job_id.clone().into();
            document["archive"] = path.into();
            if let Some(written) = &outcome.written {
                document["bytes"] = written.bytes.into();
                document["entries"] = json!(written.entries);
            }
            if options.dry_run {
                document["dry_run"] = true.into();
            }
            document.to_string()
        }
        (false, true) => format!("Would write {path} and {}", outcome.key_file),
        (false, false) => path,
    };
    terminal.result(&text).map_err(Error::stdout)
}

/// Prints the report, including what to expect from the new archive.
pub(in crate::commands) fn print_report(outcome: &Outcome, terminal: &Terminal) {
    let fields = outcome.fields.iter();
    let fields = fields.map(|(field, values)| format!("{} of {field}", count(*values)));
    let replaced: Vec<String> = fields.chain(outcome.others.clone()).collect();
    let values = amount(outcome.values_replaced, "value", "values");
    terminal.print(&format!("Replaced {values}: {}", replaced.join(", ")));
    let hashes = outcome.hashes;
    let kinds = [
        ("in the quantiles", hashes.scope_keys, hashes.scope_keys_removed),
        ("of counted values", hashes.words, hashes.words_removed),
    ];
    for (what, all, removed) in kinds.into_iter().filter(|(_, all, _)| *all > 0) {
        let why = format!(", {} of them removed because no known value matches", count(removed));
        let why = if removed > 0 { &why } else { "" };
        terminal.print(&format!("Hashes {what}: {}{why}", count(all)));
    }
    let named = |what: &str, names: &[String]| (!names.is_empty()).then(|| format!("{what}: {}", names.join(", ")));
    let removed = [
        outcome.datafeed.sentence(),
        named(SCRIPTED_REMOVED, &outcome.scripted_fields_removed),
        named(INPUTS_REMOVED, &outcome.input_fields_removed),
    ];
    removed.iter().flatten().for_each(|sentence| terminal.print(sentence));
    outcome.notes.iter().for_each(|note| terminal.warn(note));
    for sentence in &outcome.expected_results {
        terminal.print(sentence);
    }
    if let Some(written) = &outcome.written {
        let size = bytes(written.bytes);
        terminal.print(&format!("Pseudonymized job {}: {size}", outcome.job_id));
        terminal.print(&format!(
            "Keep {} private: `esml-state reveal` uses it to print the values of tokens",
            outcome.key_file
        ));
    }
}

/// Returns what results to expect from the pseudonymized job, as measured with Elastic's autodetect, one sentence each.
fn expected_results(config: &JobConfig, fields: &ReplacedFields) -> Vec<String> {
    let mut detectors = config.analysis.detectors.iter();
    let measured = detectors.find_map(|detector| {
        let is_replaced = fields.names.contains(detector.field.as_ref()?);
        (is_replaced && detector.function.ends_with("info_content")).then_some(&detector.function)
    });
    let except = measured.map_or_else(String::new, |function| {
        format!(" for detectors other than `{function}`")
    });
    let mut sentences = vec![format!(
        "With input documents that contain the same tokens, the job finds the same records{except}, with the same probabilities. \
         Record scores differ by less than 1.5; influencer scores can differ by more."
    )];
    if let Some(function) = measured {
        sentences.push(format!(
            "`{function}` measures how well a value can be compressed, which differs for tokens: the job finds \
             different records for this function."
        ));
    }
    if fields.messages.is_some() {
        sentences.push(match config.filters_messages() {
            true => "Messages may be assigned to different categories: the job filters messages before categorizing them, and the \
                     filters are applied to tokens."
                .to_owned(),
            false => "Messages are assigned to their existing categories, except if a token makes a message longer \
                      than its category allows. Other messages may form different categories."
                .to_owned(),
        });
    }
    sentences
}

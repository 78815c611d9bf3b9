//! What an import says at its end: the job's id and nothing else on stdout.

use serde_json::json;

use super::journal::Journal;
use super::options::ImportOptions;
use super::plan::Plan;
use crate::cluster::Cluster;
use crate::error::{Error, Result};
use crate::terminal::Terminal;
use crate::util::control_chars::{escape_json, indented};

/// The job's id, or with `--json` what was written.
pub(super) fn print(options: &ImportOptions, plan: &Plan, journal: &Journal, terminal: &Terminal) -> Result<()> {
    let replaced = journal.all_replaced();
    let replaced: Vec<String> = replaced
        .iter()
        .map(|(replaced, _)| replaced.describe(plan.job()))
        .collect();
    terminal.print(&format!(
        "Imported job {}: a datafeed started without a start time goes on where the snapshot ends",
        plan.job()
    ));
    match options.json {
        false => say(terminal, plan.job().as_str()),
        true => say(terminal, &escape_json(&document(plan, Some(&replaced)).to_string())),
    }
}

/// What `--dry-run` answers.
pub(super) fn print_plan(cluster: &Cluster, options: &ImportOptions, plan: &Plan, terminal: &Terminal) -> Result<()> {
    if options.json {
        // A plan in whose way something stands ends in an error, which is the one document then.
        return match plan.refuse_conflicts() {
            Ok(()) => say(terminal, &escape_json(&document(plan, None).to_string())),
            Err(_) => Ok(()),
        };
    }
    let mut text = format!(
        "plan for job {} on {}, nothing is written:\n",
        plan.job(),
        indented(&cluster.described())
    );
    for line in plan.lines() {
        text.push_str(&format!("  {}\n", indented(&line)));
    }
    for note in &plan.notes {
        text.push_str(&format!("note: {}\n", indented(note)));
    }
    for conflict in plan.conflicts() {
        text.push_str(&format!("conflict: {}\n", indented(conflict)));
    }
    say(terminal, text.trim_end())
}

fn document(plan: &Plan, replaced: Option<&[String]>) -> serde_json::Value {
    let counts = &plan.counts;
    let indices: Vec<&str> = plan.targets.iter().map(|target| target.index.name.as_str()).collect();
    json!({
        "dry_run": replaced.is_none(),
        "job_id": plan.job(),
        "snapshot_id": plan.snapshot_id,
        "datafeed_id": plan.portable.datafeed.as_ref().map(|(id, _)| id),
        "input_indices": indices,
        "documents": {
            "model_state": counts.model_state,
            "categorizer_state": counts.categorizer_state,
            "annotations": counts.annotations,
            "notifications": counts.notifications,
            "categories": counts.categories,
            "inputs": counts.inputs,
        },
        "plan": plan.lines(),
        "notes": plan.notes,
        "replaced": replaced.unwrap_or_default(),
    })
}

fn say(terminal: &Terminal, text: &str) -> Result<()> {
    terminal.result(text).map_err(Error::stdout)
}

//! What the user reads of an import: the plan, the question before it, and the result. Only the ID of the job, or one JSON
//! document, goes to stdout.

use serde_json::json;

use super::context::Import;
use super::options::ImportOptions;
use super::plan::{FilterPlan, Plan, TargetPlan};
use crate::cluster::Cluster;
use crate::commands::interrupt;
use crate::commands::session::Session;
use crate::error::{Error, Result};
use crate::terminal::Terminal;
use crate::util::format::amount;
use crate::util::format::{escape_json, indented};

const MEANT_FOR: &str = "Imports are meant for reproducing issues and for test clusters, not for production.";
const UNSUPPORTED: &str = "An import writes to internal indices of machine learning, which Elastic does not support as \
                           an interface.";
const NO_TERMINAL: &str = "cannot ask for confirmation of the import without a terminal";

/// Fields of an index that the plan names.
const MAX_FIELDS: usize = 12;

/// Refuses at once where the question could not be asked later.
pub(super) fn require_answerable(options: &ImportOptions, terminal: &Terminal) -> Result<()> {
    match options.yes || options.dry_run || terminal.interactive() {
        true => Ok(()),
        false => Err(refused(NO_TERMINAL)),
    }
}

/// Shows the plan and asks.
pub(super) async fn confirm(session: &Session, options: &ImportOptions, plan: &Plan) -> Result<()> {
    let terminal = &session.terminal;
    let notes = plan.notes.iter().map(|note| format!("note: {note}"));
    if options.yes {
        notes.for_each(|note| terminal.print(&note));
        return Ok(());
    }
    notes.for_each(|note| terminal.print_always(&note));
    terminal.explain(&format!("{MEANT_FOR} {UNSUPPORTED}"));
    for step in steps(plan) {
        terminal.print_always(&format!("  {step}"));
    }
    // It names the cluster: many have one for tests and one that must not change.
    let (job, cluster) = (plan.job(), session.cluster.description());
    let question = match plan.existing.job {
        true => format!(
            "The existing job {job} is deleted first, and it is not restored if the import fails. Replace job {job} on \
             {cluster}?"
        ),
        false => format!("Import job {job} into {cluster}?"),
    };
    match interrupt::ask(terminal, move |terminal| terminal.confirm(&question)).await? {
        true => Ok(()),
        false => Err(refused("not imported")),
    }
}

fn refused(message: &str) -> Error {
    Error::refused(message, format!("{MEANT_FOR} Agree beforehand with --yes"))
}

/// Prints the ID of the job, or with `--json` what was written.
pub(super) fn print(import: &Import) -> Result<()> {
    let (plan, terminal) = (&import.plan, &import.session.terminal);
    let replaced = import.journal.replaced.possible().into_iter();
    let replaced: Vec<String> = replaced.map(|(replaced, _)| replaced.what).collect();
    terminal.print(&format!(
        "Imported job {}: a datafeed started without a start time goes on where the snapshot ends",
        plan.job()
    ));
    match import.options.json {
        false => terminal.result(plan.job().as_str()).map_err(Error::stdout),
        true => print_document(plan, Some(&replaced), terminal),
    }
}

/// Prints what `--dry-run` finds.
pub(super) fn print_plan(cluster: &Cluster, options: &ImportOptions, plan: &Plan, terminal: &Terminal) -> Result<()> {
    if options.json {
        // With conflicts the run ends in an error, which is then the one document.
        return match plan.conflicts.is_empty() {
            true => print_document(plan, None, terminal),
            false => Ok(()),
        };
    }
    let title = format!(
        "plan for job {} on {}, nothing is written:",
        plan.job(),
        cluster.description()
    );
    let steps = steps(plan).into_iter().map(|step| format!("  {}", indented(&step)));
    let notes = plan.notes.iter().map(|note| format!("note: {}", indented(note)));
    let conflicts = plan.conflicts.iter();
    let conflicts = conflicts.map(|conflict| format!("conflict: {}", indented(&conflict.message)));
    let lines = [indented(&title)]
        .into_iter()
        .chain(steps)
        .chain(notes)
        .chain(conflicts);
    let text = lines.collect::<Vec<_>>().join("\n");
    terminal.result(text.trim_end()).map_err(Error::stdout)
}

fn print_document(plan: &Plan, replaced: Option<&[String]>, terminal: &Terminal) -> Result<()> {
    let document = document(plan, replaced).to_string();
    terminal.result(&escape_json(&document)).map_err(Error::stdout)
}

fn document(plan: &Plan, replaced: Option<&[String]>) -> serde_json::Value {
    let indices: Vec<&str> = plan.targets.iter().map(|target| target.index.name.as_str()).collect();
    json!({
        "dry_run": replaced.is_none(),
        "job_id": plan.job(),
        "snapshot_id": plan.snapshot_id,
        "datafeed_id": plan.portable.datafeed.as_ref().map(|(id, _)| id),
        "input_indices": indices,
        "documents": plan.counts,
        "plan": steps(plan),
        "notes": plan.notes,
        "replaced": replaced.unwrap_or_default(),
    })
}

/// A line for each step, in their order; inputs and state are written at the same time.
fn steps(plan: &Plan) -> Vec<String> {
    let (job, counts, existing) = (plan.job(), &plan.counts, &plan.existing);
    let mut steps = Vec::new();
    if plan.replace && existing.job {
        steps.push(format!(
            "delete job {job} with its datafeed, state, results, annotations and notifications"
        ));
    } else if plan.replace && existing.leftovers {
        steps.push(format!("delete what an earlier job {job} left"));
    }
    let replaced = plan.targets.iter().filter(|target| plan.replace && target.replaces);
    steps.extend(replaced.map(|target| format!("delete index {} of an earlier import", target.index.name)));
    steps.push(format!("create job {job}"));
    steps.extend(plan.filters.iter().map(|FilterPlan { filter, exists }| match exists {
        false => format!("create filter {}", filter.id),
        true => format!("keep filter {}, which is there with the same content", filter.id),
    }));
    steps.extend(plan.calendars.iter().map(|planned| {
        let id = &planned.calendar.calendar_id;
        let missing = amount(planned.missing.len() as u64, "event", "events");
        match (planned.exists, planned.missing.is_empty()) {
            (false, _) => format!("create calendar {id} with {missing}"),
            (true, true) => format!("keep calendar {id}, which is there with the same events"),
            (true, false) => format!("complete calendar {id} with {missing}"),
        }
    }));
    steps.extend(plan.targets.iter().map(|TargetPlan { index, .. }| {
        let sources: Vec<&str> = index.sources.iter().map(String::as_str).collect();
        let (name, sources, fields) = (&index.name, sources.join(", "), first_fields(&index.fields));
        format!("create index {name} for the inputs of {sources}, with {fields}")
    }));
    let write = |documents, one, many| (documents > 0).then(|| format!("write {}", amount(documents, one, many)));
    let (model, categorizer) = (counts.model_state, counts.categorizer_state);
    steps.extend(write(counts.inputs, "input", "inputs"));
    steps.extend(write(model, "model state document", "model state documents"));
    steps.extend(write(
        categorizer,
        "categorizer state document",
        "categorizer state documents",
    ));
    steps.push(format!("revert job {job} to snapshot {}", plan.snapshot_id));
    steps.extend(write(counts.categories, "category", "categories"));
    steps.extend(write(counts.annotations, "annotation", "annotations"));
    steps.extend(write(counts.notifications, "notification", "notifications"));
    let datafeed = plan.portable.datafeed.iter();
    steps.extend(datafeed.map(|(id, _)| format!("create datafeed {id}")));
    let calendars = plan.calendars.iter().map(|planned| &planned.calendar.calendar_id);
    steps.extend(calendars.map(|id| format!("add job {job} to calendar {id}")));
    steps
}

fn first_fields(fields: &[String]) -> String {
    let first = fields.get(..MAX_FIELDS).unwrap_or(fields).join(", ");
    match fields.len().saturating_sub(MAX_FIELDS) {
        0 => first,
        more => format!("{first} and {}", amount(more as u64, "more field", "more fields")),
    }
}

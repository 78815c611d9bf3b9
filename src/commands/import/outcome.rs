//! What the user reads of an import: the plan, the question before it, and the result. Only the ID of the job, or one JSON
//! document, goes to stdout.

use serde_json::json;

use super::context::Import;
use super::options::ImportOptions;
use super::plan::{CalendarAction, FilterAction, Plan};
use crate::cluster::Cluster;
use crate::commands::interrupt;
use crate::commands::session::Session;
use crate::error::{Error, Result};
use crate::terminal::Terminal;
use crate::util::control_chars::{escape_json, indented};
use crate::util::format::amount;

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
    let (job, cluster) = (plan.job(), session.cluster.described());
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
    let replaced = import.journal.replaced();
    let replaced: Vec<String> = replaced.iter().map(|(what, _)| what.describe(plan.job())).collect();
    terminal.print(&format!(
        "Imported job {}: a datafeed started without a start time goes on where the snapshot ends",
        plan.job()
    ));
    match import.options.json {
        false => terminal.result(plan.job().as_str()),
        true => terminal.result(&escape_json(&document(plan, Some(&replaced)).to_string())),
    }
    .map_err(Error::stdout)
}

/// Prints what `--dry-run` finds.
pub(super) fn print_plan(cluster: &Cluster, options: &ImportOptions, plan: &Plan, terminal: &Terminal) -> Result<()> {
    if options.json {
        // With conflicts the run ends in an error, which is then the one document.
        return match plan.refuse_conflicts() {
            Ok(()) => terminal
                .result(&escape_json(&document(plan, None).to_string()))
                .map_err(Error::stdout),
            Err(_) => Ok(()),
        };
    }
    let mut text = format!(
        "plan for job {} on {}, nothing is written:\n",
        plan.job(),
        indented(&cluster.described())
    );
    for step in steps(plan) {
        text.push_str(&format!("  {}\n", indented(&step)));
    }
    for note in &plan.notes {
        text.push_str(&format!("note: {}\n", indented(note)));
    }
    for conflict in &plan.conflicts {
        text.push_str(&format!("conflict: {}\n", indented(&conflict.message)));
    }
    terminal.result(text.trim_end()).map_err(Error::stdout)
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
    let job = plan.job();
    let mut steps = deletions(plan);
    steps.push(format!("create job {job}"));
    steps.extend(plan.filters.iter().map(|filter| match filter.action {
        FilterAction::Create => format!("create filter {}", filter.id),
        FilterAction::Keep => format!("keep filter {}, which is there with the same content", filter.id),
    }));
    let events = |events: &[_]| amount(events.len() as u64, "event", "events");
    steps.extend(plan.calendars.iter().map(|planned| {
        let id = &planned.calendar.calendar_id;
        match &planned.action {
            CalendarAction::Create => format!("create calendar {id} with {}", events(&planned.calendar.events)),
            CalendarAction::Keep => format!("keep calendar {id}, which is there with the same events"),
            CalendarAction::Complete(missing) => format!("complete calendar {id} with {}", events(missing)),
        }
    }));
    steps.extend(plan.targets.iter().map(|target| {
        let sources: Vec<&str> = target.index.sources.iter().map(String::as_str).collect();
        format!(
            "create index {} for the inputs of {}, with {}",
            target.index.name,
            sources.join(", "),
            first_fields(&target.index.fields)
        )
    }));
    let counts = &plan.counts;
    let write = |documents: u64, one: &str, many: &str| {
        (documents > 0).then(|| format!("write {}", amount(documents, one, many)))
    };
    let model = ("model state document", "model state documents");
    let categorizer = ("categorizer state document", "categorizer state documents");
    steps.extend(write(counts.inputs, "input", "inputs"));
    steps.extend(write(counts.model_state, model.0, model.1));
    steps.extend(write(counts.categorizer_state, categorizer.0, categorizer.1));
    steps.push(format!("revert job {job} to snapshot {}", plan.snapshot_id));
    steps.extend(write(counts.categories, "category", "categories"));
    steps.extend(write(counts.annotations, "annotation", "annotations"));
    steps.extend(write(counts.notifications, "notification", "notifications"));
    steps.extend(
        plan.portable
            .datafeed
            .iter()
            .map(|(id, _)| format!("create datafeed {id}")),
    );
    let calendars = plan.calendars.iter().map(|planned| &planned.calendar.calendar_id);
    steps.extend(calendars.map(|id| format!("add job {job} to calendar {id}")));
    steps
}

fn deletions(plan: &Plan) -> Vec<String> {
    let job = plan.job();
    let mut deletions = Vec::new();
    if !plan.replace {
        return deletions;
    }
    if plan.existing.job {
        deletions.push(format!(
            "delete job {job} with its datafeed, state, results, annotations and notifications"
        ));
    } else if plan.existing.leftovers {
        deletions.push(format!("delete what an earlier job {job} left"));
    }
    let replaced = plan.targets.iter().filter(|target| target.replaces);
    deletions.extend(replaced.map(|target| format!("delete index {} of an earlier import", target.index.name)));
    deletions
}

fn first_fields(fields: &[String]) -> String {
    let first = fields.get(..MAX_FIELDS).unwrap_or(fields).join(", ");
    match fields.len().saturating_sub(MAX_FIELDS) {
        0 => first,
        more => format!("{first} and {}", amount(more as u64, "more field", "more fields")),
    }
}

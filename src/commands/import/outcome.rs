//! The output of an import: the plan, the question and the result. Only the ID of the job, or one JSON document, is printed
//! to stdout.

use serde_json::json;

use super::context::Import;
use super::options::ImportOptions;
use super::plan::{FilterPlan, Plan, TargetPlan};
use crate::cluster::Cluster;
use crate::commands::question;
use crate::commands::session::Session;
use crate::error::{Error, Result};
use crate::terminal::Terminal;
use crate::util::format::{amount, escape_json, first_names, indented};

const UNSUPPORTED: &str = "an import writes to internal indices of machine learning, which Elastic does not support as an \
                           interface";

/// Refuses at the beginning if the question cannot be asked later.
pub(super) fn require_answerable(options: &ImportOptions, terminal: &Terminal) -> Result<()> {
    match options.yes || options.dry_run || terminal.interactive() {
        true => Ok(()),
        false => Err(Error::refused(
            "cannot ask for confirmation without a terminal",
            format!("add --yes to confirm: {UNSUPPORTED}"),
        )),
    }
}

/// Prints the plan and asks for confirmation.
pub(super) async fn confirm(session: &Session, options: &ImportOptions, plan: &Plan) -> Result<()> {
    let terminal = &session.terminal;
    let notes = plan.notes.iter().map(|note| format!("note: {note}"));
    if options.yes {
        notes.for_each(|note| terminal.print(&note));
        return Ok(());
    }
    notes.for_each(|note| terminal.print_always(&note));
    terminal.explain(&format!("Note: {UNSUPPORTED}."));
    for step in steps(plan) {
        terminal.print_always(&format!("  {step}"));
    }
    // The question names the cluster, so that a production cluster is not mistaken for a test cluster.
    let (job, cluster) = (plan.job(), session.cluster.description());
    let question = match plan.existing.job {
        true => {
            terminal.explain(&format!(
                "Job {job} is deleted first and is not restored if the import fails."
            ));
            format!("Delete and replace job {job} on {cluster}?")
        }
        false => format!("Import job {job} into {cluster}?"),
    };
    match question::ask(terminal, move |terminal| terminal.confirm(&question)).await? {
        true => Ok(()),
        false => Err(Error::Declined),
    }
}

/// Prints the next steps, and the ID of the job, or with `--json` what was written.
pub(super) fn print(import: &Import) -> Result<()> {
    let (plan, terminal) = (&import.plan, &import.session.terminal);
    let replaced = import.journal.replaced.possible().into_iter();
    let replaced: Vec<String> = replaced.map(|(replaced, _)| replaced.what).collect();
    let job = plan.job();
    terminal.print(&format!("Imported job {job}."));
    let open = format!("POST /_ml/anomaly_detectors/{job}/_open");
    match &plan.portable.datafeed {
        None => terminal.print(&format!("Next: open it:\n{open}")),
        Some((datafeed, _)) => terminal.print(&format!(
            "Next: open it and start its datafeed, which continues from the end of the snapshot:\n{open}\nPOST \
             /_ml/datafeeds/{datafeed}/_start"
        )),
    }
    terminal.print("Kibana lists the job after its saved objects are synchronized.");
    terminal
        .print("To synchronize them now, run this request in the Kibana Console:\nGET kbn:/api/ml/saved_objects/sync");
    let text = match import.options.json {
        false => job.to_string(),
        true => document(plan, Some(&replaced)),
    };
    terminal.result(&text).map_err(Error::stdout)
}

/// Prints the plan for `--dry-run`.
pub(super) fn print_plan(cluster: &Cluster, options: &ImportOptions, plan: &Plan, terminal: &Terminal) -> Result<()> {
    let text = match options.json {
        // The run ends with an error, which is then the only document.
        true if !plan.conflicts.is_empty() => return Ok(()),
        true => document(plan, None),
        false => {
            let (job, cluster) = (plan.job(), cluster.description());
            let title = format!("Dry run: plan for importing job {job} into {cluster}:");
            let mut lines = vec![indented(&title)];
            lines.extend(steps(plan).iter().map(|step| format!("  {}", indented(step))));
            lines.extend(plan.notes.iter().map(|note| format!("note: {}", indented(note))));
            let conflicts = plan.conflicts.iter().map(|conflict| indented(&conflict.message));
            lines.extend(conflicts.map(|message| format!("conflict: {message}")));
            lines.join("\n").trim_end().to_owned()
        }
    };
    terminal.result(&text).map_err(Error::stdout)
}

fn document(plan: &Plan, replaced: Option<&[String]>) -> String {
    let indices: Vec<&str> = plan.targets.iter().map(|target| target.index.name.as_str()).collect();
    let document = json!({
        "dry_run": replaced.is_none(),
        "job_id": plan.job(),
        "snapshot_id": plan.snapshot_id,
        "datafeed_id": plan.portable.datafeed.as_ref().map(|(id, _)| id),
        "input_indices": indices,
        "documents": plan.counts,
        "plan": steps(plan),
        "notes": plan.notes,
        "replaced": replaced.unwrap_or_default(),
    });
    escape_json(&document.to_string()).into_owned()
}

/// One line for each step, in order; input documents and state are written at the same time.
fn steps(plan: &Plan) -> Vec<String> {
    let (job, counts, existing) = (plan.job(), &plan.counts, &plan.existing);
    let mut steps = Vec::new();
    if plan.replace && existing.job {
        steps.push(format!(
            "delete job {job} with its datafeed, state, results, annotations and notifications"
        ));
    } else if plan.replace && existing.leftovers {
        steps.push(format!("delete the remaining documents of an earlier job {job}"));
    }
    let replaced = plan.targets.iter().filter(|target| plan.replace && target.replaces);
    steps.extend(
        replaced.map(|target| format!("delete input index {}, created by an earlier import", target.index.name)),
    );
    steps.push(format!("create job {job}"));
    steps.extend(plan.filters.iter().map(|FilterPlan { filter, exists }| match exists {
        false => format!("create filter {}", filter.id),
        true => format!("keep filter {}, which already exists with the same content", filter.id),
    }));
    steps.extend(plan.calendars.iter().map(|planned| {
        let id = &planned.calendar.calendar_id;
        let missing = amount(planned.missing.len() as u64, "event", "events");
        match (planned.exists, planned.missing.is_empty()) {
            (false, _) => format!("create calendar {id} with {missing}"),
            (true, true) => format!("keep calendar {id}, which already exists with the same events"),
            (true, false) => format!("add {missing} to calendar {id}"),
        }
    }));
    steps.extend(plan.targets.iter().map(|TargetPlan { index, .. }| {
        let sources: Vec<&str> = index.sources.iter().map(String::as_str).collect();
        let (name, sources, fields) = (&index.name, sources.join(", "), first_names(&index.fields));
        format!("create input index {name} for documents from {sources} with fields {fields}")
    }));
    let write = |documents, one: &str, many: &str| {
        let written = format!("write {}", amount(documents, one, many));
        (documents > 0).then_some(written)
    };
    let (model, categorizer) = ("model state document", "categorizer state document");
    steps.extend(write(counts.inputs, "input document", "input documents"));
    steps.extend(write(counts.model_state, model, &format!("{model}s")));
    steps.extend(write(counts.categorizer_state, categorizer, &format!("{categorizer}s")));
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

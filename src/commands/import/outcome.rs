//! The output of an import: the plan, the question and the result. Only the ID of the job, or one JSON document, is printed
//! to stdout.

use serde_json::{Value, json};

use super::options::ImportOptions;
use super::plan::{FilterPlan, Plan, ReindexPlan, TargetPlan};
use crate::cluster::Cluster;
use crate::commands::question;
use crate::commands::session::Session;
use crate::error::{Error, Result};
use crate::job::IndexName;
use crate::terminal::Terminal;
use crate::util::format::{amount, first_names, indented};

pub(in crate::commands) const UNSUPPORTED: &str = "an import writes to internal indices of machine learning, which Elastic does not support as an \
                           interface";

/// Refuses before the first request if the question cannot be asked later.
pub(in crate::commands) fn require_answerable(options: &ImportOptions, terminal: &Terminal) -> Result<()> {
    match options.yes || options.dry_run || terminal.interactive() {
        true => Ok(()),
        false => Err(Error::refused(
            "cannot ask for confirmation without a terminal",
            format!("add --yes to confirm: {UNSUPPORTED}"),
        )),
    }
}

/// Prints the plans and asks for confirmation.
pub(super) async fn confirm(session: &Session, options: &ImportOptions, plans: &[&Plan]) -> Result<()> {
    let terminal = &session.terminal;
    if options.yes {
        notes(plans).for_each(|note| terminal.print(&note));
        return Ok(());
    }
    notes(plans).for_each(|note| terminal.print_always(&note));
    terminal.explain(&format!("Note: {UNSUPPORTED}."));
    for plan in plans {
        if plans.len() > 1 {
            terminal.print_always(&format!("Job {}:", plan.job()));
        }
        for step in steps(plan) {
            terminal.print_always(&format!("  {step}"));
        }
    }
    let question = question(plans, &session.cluster, terminal);
    match question::ask(terminal, move |terminal| terminal.confirm(&question)).await? {
        true => Ok(()),
        false => Err(Error::Declined),
    }
}

/// The question names the cluster, so that a production cluster is not mistaken for a test cluster.
fn question(plans: &[&Plan], cluster: &Cluster, terminal: &Terminal) -> String {
    let cluster = cluster.description();
    let jobs: Vec<&str> = plans.iter().map(|plan| plan.job().as_str()).collect();
    let replaced = plans.iter().filter(|plan| plan.existing.job);
    let replaced: Vec<&str> = replaced.map(|plan| plan.job().as_str()).collect();
    match replaced.as_slice() {
        [] => {}
        [job] => terminal.explain(&format!(
            "Job {job} is deleted first and is not restored if the import fails."
        )),
        jobs => terminal.explain(&format!(
            "These jobs are deleted first and are not restored if their import fails: {}.",
            jobs.join(", ")
        )),
    }
    match (jobs.as_slice(), jobs.len(), replaced.len()) {
        ([job], _, 0) => format!("Import job {job} into {cluster}?"),
        ([job], ..) => format!("Delete and replace job {job} on {cluster}?"),
        (_, all, 0) => format!("Import {all} jobs into {cluster}?"),
        (_, all, replaced) => format!("Import {all} jobs, and delete and replace {replaced} of them, on {cluster}?"),
    }
}

/// The notes of all plans. With several, each names its job.
fn notes(plans: &[&Plan]) -> impl Iterator<Item = String> {
    let is_single = plans.len() == 1;
    plans.iter().flat_map(move |plan| {
        let job = match is_single {
            true => String::new(),
            false => format!("job {}: ", plan.job()),
        };
        plan.notes.iter().map(move |note| format!("note: {job}{note}"))
    })
}

/// Prints the next steps for the imported jobs: the requests that were not done.
pub(super) fn print_next_steps(jobs: usize, requests: &[String], terminal: &Terminal) {
    let next_step = |path: &str, one, many| match requests.iter().filter(|request| request.contains(path)).count() {
        0 => None,
        1 => Some(one),
        _ => Some(many),
    };
    let start = "start the datafeed, which continues from the end of the snapshot";
    let starts = "start the datafeeds, which continue from the end of the snapshots";
    let next = [
        next_step("/_open", "open the job", "open the jobs"),
        next_step("/_start", start, starts),
    ];
    let next: Vec<&str> = next.into_iter().flatten().collect();
    if !next.is_empty() {
        terminal.print(&format!("Next: {}:\n{}", next.join(" and "), requests.join("\n")));
    }
    let what = if jobs == 1 { "job" } else { "jobs" };
    terminal.print(&format!(
        "Kibana lists the {what} after saved objects are synchronized."
    ));
    terminal
        .print("To synchronize them now, run this request in the Kibana Console:\nGET kbn:/api/ml/saved_objects/sync");
}

/// The text of a plan for `--dry-run`.
pub(super) fn plan_text(cluster: &Cluster, plan: &Plan) -> String {
    let (job, cluster) = (plan.job(), cluster.description());
    let title = format!("Dry run: plan for importing job {job} into {cluster}:");
    let mut lines = vec![indented(&title)];
    lines.extend(steps(plan).iter().map(|step| format!("  {}", indented(step))));
    lines.extend(plan.notes.iter().map(|note| format!("note: {}", indented(note))));
    let conflicts = plan.conflicts.iter().map(|conflict| indented(&conflict.message));
    lines.extend(conflicts.map(|message| format!("conflict: {message}")));
    lines.join("\n").trim_end().to_owned()
}

/// The document of an import, or without `replaced` of a plan.
pub(super) fn document(plan: &Plan, replaced: Option<&[String]>) -> Value {
    let indices: Vec<&str> = plan.input_indices().map(IndexName::as_str).collect();
    let reindexed: u64 = plan.reindexed.iter().map(|inputs| inputs.documents).sum();
    let source = plan.reindexed.first().map(|inputs| inputs.request.source.address());
    json!({
        "dry_run": replaced.is_none(),
        "job_id": plan.job(),
        "snapshot_id": plan.snapshot_id,
        "opened": false,
        "datafeed_started": false,
        "datafeed_id": plan.datafeed(),
        "input_indices": indices,
        "inputs_from": source,
        "reindexed_documents": reindexed,
        "documents": plan.counts,
        "plan": steps(plan),
        "notes": plan.notes,
        "replaced": replaced.unwrap_or_default(),
    })
}

fn reindex_step(plan: &ReindexPlan) -> String {
    let how = match plan {
        ReindexPlan { replaces: true, .. } => "replace",
        ReindexPlan { mark: Some(_), .. } => "continue with",
        _ => "create",
    };
    let documents = amount(plan.documents, "input document", "input documents");
    let (index, source) = (&plan.index.name, plan.request.source.address());
    format!("{how} input index {index}, and have Elasticsearch copy {documents} from {source}")
}

/// One line for each step, in order; input documents and state are written at the same time.
fn steps(plan: &Plan) -> Vec<String> {
    let (job, counts, existing) = (plan.job(), &plan.counts, &plan.existing);
    let mut steps: Vec<String> = plan.reindexed.iter().map(reindex_step).collect();
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
    steps.extend(write(counts.results, "result", "results"));
    steps.extend(write(counts.annotations, "annotation", "annotations"));
    steps.extend(write(counts.notifications, "notification", "notifications"));
    steps.extend(plan.datafeed().map(|id| format!("create datafeed {id}")));
    let calendars = plan.calendars.iter().map(|planned| &planned.calendar.calendar_id);
    steps.extend(calendars.map(|id| format!("add job {job} to calendar {id}")));
    steps.extend(plan.open.then(|| format!("open job {job}")));
    let started = plan.datafeed().filter(|_| plan.start_datafeed);
    steps.extend(started.map(|id| format!("start datafeed {id}")));
    steps
}

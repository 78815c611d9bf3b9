//! Has Elasticsearch copy the input documents from another cluster, before anything else is created.
//!
//! The input index is created with the mapping of the archive and the mark of an incomplete copy, which contains a hash of what
//! is copied. For each range of time whose number of documents differs on the two clusters, a task of the cluster reads the
//! range from the other cluster and creates its documents; those that exist are skipped, so each task can be repeated. Then the
//! numbers are compared again, and if all are equal, the index is marked as complete. This step is not rolled back: after a
//! failure the tasks are canceled and the index is kept, and the same command continues with the ranges that still differ.
//!
//! Tasks write through an alias of their run. Without it they cannot write, so another run removes it when it continues, and
//! the tasks of the earlier run fail, whether it was killed or still runs.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::context::Import;
use super::journal::Ownership;
use super::plan::ReindexPlan;
use super::replace;
use crate::cluster::{self, Cluster, Reindex, Search, SearchRange};
use crate::commands::session::Session;
use crate::error::{Conflict, Error, Result};
use crate::job::{ReindexMark, body_of_run, loading_alias};
use crate::terminal::Stage;
use crate::util::format::{amount, count};
use crate::util::process::lock;

/// The first and the longest pause before the progress of a task is requested.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// Documents that arrive on the source during the first pass are copied in the second one.
const PASSES: usize = 2;

/// A range of time whose number of documents on the source differs from that in the index.
#[derive(Clone, Copy)]
struct Difference {
    range: SearchRange,
    source: u64,
    copied: u64,
}

/// Warns before the cluster receives the credential of the source, which it needs to search it.
pub(in crate::commands) fn warn_of_clear_text(source: &Cluster, session: &Session) {
    if source.http.options.credential.is_some() && session.cluster.http.sends_in_clear() {
        let address = session.cluster.address();
        session.terminal.warn(&format!(
            "others on the network may read the source's credential: {address} does not use TLS"
        ));
    }
}

/// Fills the input indices.
pub(super) async fn run(import: &Import) -> Result<()> {
    for plan in &import.plan.reindexed {
        let is_complete = plan.mark.as_ref().is_some_and(|mark| mark.complete);
        // An index that already has all documents is not changed.
        if !is_complete || !compare(import, plan).await?.is_empty() {
            prepare(import, plan).await?;
            copy(import, plan).await?;
            complete(import, plan).await?;
        }
        let (name, index) = (&plan.index.name, definition(import, plan).await?);
        import.journal.record_index(name.clone(), index);
    }
    Ok(())
}

/// After a failure, ends what this import still does in its indices, so that the same command can continue at once, and checks
/// whose they are. Returns what another client did to one of them.
pub(super) async fn stop(import: &Import, cause: &Error) -> Option<Error> {
    let mut explained = None;
    for plan in &import.plan.reindexed {
        let name = &plan.index.name;
        if !lock(&import.journal.reindexed).contains_key(name) {
            continue;
        }
        let (owner, change) = match owner(import, plan).await {
            Ok(owner @ Ownership::Foreign(_)) => {
                let message = format!("another import of the archive took over: it fills index {name}");
                let hint = "wait until it has ended, and run the command again".to_owned();
                (owner, Error::Conflicts(vec![Conflict { message, hint }]))
            }
            // A request to create it may still be carried out.
            Ok(Ownership::Absent) if !matches!(cause, Error::Cluster(error) if error.outcome_unknown()) => {
                let message = format!("another client deleted or replaced index {name} during the import");
                (Ownership::Absent, Error::mismatch(message))
            }
            _ => {
                cancel(import, plan).await;
                continue;
            }
        };
        lock(&import.journal.reindexed).insert(name.clone(), owner);
        explained = Some(change);
    }
    explained
}

/// Cancels the tasks, which can then no longer write.
async fn cancel(import: &Import, plan: &ReindexPlan) {
    let (cluster, name, alias) = (import.cluster(), plan.index.name.as_str(), alias(import, plan));
    let canceled = async {
        cluster.remove_alias(name, &alias).await?;
        cluster.cancel_reindex(&alias).await
    };
    // 404: the index was not created, or it is complete.
    if let Err(error) = canceled.await
        && error.status() != Some(404)
    {
        let text = format!("tasks may continue to read documents for index {name}: {error}");
        import.session.terminal.warn(&text);
    }
}

fn alias(import: &Import, plan: &ReindexPlan) -> String {
    loading_alias(&plan.index.name, &import.journal.run)
}

/// `_meta` with the mark of this import.
fn meta(import: &Import, plan: &ReindexPlan, complete: bool) -> Value {
    let (hash, run) = (plan.hash.clone(), import.journal.run.clone());
    ReindexMark { hash, run, complete }.meta(&plan.index)
}

/// The definition of the index; `null` if it does not exist.
async fn definition(import: &Import, plan: &ReindexPlan) -> cluster::Result<Value> {
    let name = plan.index.name.to_string();
    let mut found = import.cluster().index_definitions(std::slice::from_ref(&name)).await?;
    Ok(found.remove(&name).unwrap_or_default())
}

/// Whose the index is: without the mark of this archive, it is not the one that an import filled.
async fn owner(import: &Import, plan: &ReindexPlan) -> cluster::Result<Ownership> {
    let index = definition(import, plan).await?;
    let has_alias = index["aliases"].get(alias(import, plan)).is_some();
    Ok(match ReindexMark::find(&index["mappings"], import.job(), &plan.hash) {
        None => Ownership::Absent,
        Some(mark) if has_alias || mark.complete && mark.run == import.journal.run => Ownership::Ours,
        Some(_) => Ownership::Foreign("filled by another import"),
    })
}

/// Creates the index, or continues with the one of an earlier import.
async fn prepare(import: &Import, plan: &ReindexPlan) -> Result<()> {
    let (cluster, name) = (import.cluster(), &plan.index.name);
    let found = owner(import, plan).await?;
    if found != Ownership::Absent {
        let alias = alias(import, plan);
        // The tasks of the other run can then no longer write.
        cluster
            .replace_alias(name.as_str(), &loading_alias(name, "*"), &alias)
            .await?;
        lock(&import.journal.reindexed).insert(name.clone(), Ownership::Ours);
        return Ok(cluster.update_meta(&alias, &meta(import, plan, false)).await?);
    }
    if plan.replaces {
        replace::delete_input_index(import, name).await?;
    }
    lock(&import.journal.reindexed).insert(name.clone(), Ownership::Ours);
    let mut body = body_of_run(&plan.index, &import.journal.run);
    body["mappings"]["_meta"] = meta(import, plan, false);
    let Err(error) = cluster.create_index(name.as_str(), &body).await else {
        return Ok(());
    };
    match owner(import, plan).await? {
        // The response was lost.
        Ownership::Ours => return Ok(()),
        Ownership::Absent if !error.outcome_unknown() => lock(&import.journal.reindexed).remove(name),
        _ => None,
    };
    Err(error.into())
}

/// Copies the ranges that differ. Then the index must have all documents that the source had before the last pass.
async fn copy(import: &Import, plan: &ReindexPlan) -> Result<()> {
    let mut different = compare(import, plan).await?;
    let mut before = Vec::new();
    for _ in 0..PASSES {
        if different.is_empty() {
            break;
        }
        before.clone_from(&different);
        copy_ranges(import, plan, different).await?;
        different = compare(import, plan).await?;
    }
    let (grown, different): (Vec<_>, Vec<_>) = different.into_iter().partition(|found| has_grown(found, &before));
    let name = &plan.index.name;
    let added: u64 = grown.iter().map(|found| found.source - found.copied).sum();
    if added > 0 {
        let added = amount(added, "input document", "input documents");
        import.session.terminal.warn(&format!(
            "index {name} does not have {added} that the source received during the copy"
        ));
    }
    let Some(Difference { range, source, copied }) = different.first() else {
        import.print(&format!("Copied input documents: {}", count(plan.documents)));
        return Ok(());
    };
    let when = match (range.from, range.until) {
        (None, None) => "at any time".to_owned(),
        (None, Some(until)) => format!("before {until}"),
        (Some(from), None) => format!("from {from} on"),
        (Some(from), Some(until)) => format!("from {from} to {until}"),
    };
    let message = format!(
        "input documents differ in {} of {} ranges: {when}, the source has {source} documents, and index {name} has {copied}",
        different.len(),
        plan.ranges.len()
    );
    let hint = format!(
        "if documents were deleted on the source, delete index {name} and run the command again; if several indices contain the \
         same document ID, use an export with --include-inputs"
    );
    Err(Error::failed(message, hint))
}

/// Whether a range differs only by documents that were added on the source during the last pass.
fn has_grown(found: &Difference, before: &[Difference]) -> bool {
    let counted = before.iter().find(|difference| difference.range == found.range);
    let had = counted.map_or(found.copied, |difference| difference.source);
    (had..=found.source).contains(&found.copied)
}

/// The ranges whose number of documents differs.
async fn compare(import: &Import, plan: &ReindexPlan) -> Result<Vec<Difference>> {
    let (cluster, source, name) = (import.cluster(), &plan.request.source, plan.index.name.as_str());
    let stage = import.stage("Counting the input documents", Some(plan.ranges.len() as u64));
    cluster.refresh(&[name]).await?;
    let mut copies = Search::lenient([name], json!({ "match_all": {} }));
    copies.sort = plan.request.search.sort.clone();
    let mut different = Vec::new();
    for range in plan.ranges.iter().copied() {
        let (searched, copies) = (plan.request.search.in_range(range), copies.in_range(range));
        let (source, copied) = tokio::try_join!(source.count(&searched), cluster.count(&copies))?;
        different.extend((source != copied).then_some(Difference { range, source, copied }));
        stage.inc(1);
    }
    Ok(different)
}

/// Copies some ranges, a number of them at a time.
async fn copy_ranges(import: &Import, plan: &ReindexPlan, different: Vec<Difference>) -> Result<()> {
    let missing = different.iter().map(|found| found.source.saturating_sub(found.copied));
    let stage = import.stage("Copying input documents", Some(missing.sum()));
    let mut running = JoinSet::new();
    let mut waiting = different.into_iter();
    loop {
        while running.len() < import.options.reindex_concurrency
            && let Some(Difference { range, .. }) = waiting.next()
        {
            let mut request = plan.request.clone();
            request.alias = alias(import, plan);
            request.search = request.search.in_range(range);
            running.spawn(copy_range(import.cluster().clone(), request, stage.clone()));
        }
        let Some(ended) = running.join_next().await else {
            return Ok(());
        };
        ended.map_err(Error::panicked)??;
    }
}

/// Copies a range, and repeats it after a temporary failure. The time for retries starts again when documents were created.
async fn copy_range(cluster: Cluster, request: Reindex, stage: Stage) -> cluster::Result<()> {
    let mut backoff = cluster.backoff();
    loop {
        let mut created = 0;
        let Err(error) = copy_once(&cluster, &request, &stage, &mut created).await else {
            return Ok(());
        };
        if created > 0 {
            backoff = cluster.backoff();
        }
        if !backoff.retry(&error).await {
            return Err(error);
        }
    }
}

/// Starts a task and waits for its end. If that fails, it is canceled before another one is started, unless the user may not
/// cancel tasks.
async fn copy_once(cluster: &Cluster, request: &Reindex, stage: &Stage, created: &mut u64) -> cluster::Result<()> {
    let task = cluster.start_reindex(request).await?;
    let (mut pause, longest) = PAUSES;
    loop {
        cluster.clock().pause(pause).await;
        pause = longest.min(pause * 2);
        match cluster.reindex_progress(&task).await {
            Ok((now, is_complete)) => {
                stage.inc(now.saturating_sub(*created));
                *created = now;
                if is_complete {
                    return Ok(());
                }
            }
            Err(error) => {
                let _ = cluster.cancel_task(&task).await;
                return Err(error);
            }
        }
    }
}

/// Sets the default settings and the mark of a complete copy, through the alias: only if the index is still that of this run.
async fn complete(import: &Import, plan: &ReindexPlan) -> Result<()> {
    let (cluster, alias) = (import.cluster(), alias(import, plan));
    let defaults = json!({"index": {"refresh_interval": null, "number_of_replicas": null}});
    cluster.update_settings(&alias, &defaults).await?;
    cluster.update_meta(&alias, &meta(import, plan, true)).await?;
    match cluster.remove_alias(plan.index.name.as_str(), &alias).await {
        // An earlier request whose response was lost removed it.
        Err(error) if error.status() == Some(404) => Ok(()),
        removed => Ok(removed?),
    }
}

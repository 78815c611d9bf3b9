//! Has Elasticsearch copy the input documents from another cluster, before anything else is created.
//!
//! The input index is created with the mapping of the archive and the mark of an incomplete copy, which contains a hash of what
//! is copied. For each range of time whose number of documents differs on the two clusters, a task of the cluster reads the
//! range from the other cluster and creates its documents; those that exist are skipped, so each task can be repeated. Then the
//! numbers are compared again, and if all are equal, the index is marked as complete. This step is not rolled back: after a
//! failure the tasks are canceled and the index is kept, and the same command continues with the ranges that still differ.
//! Nothing else is recorded about the progress, so it makes no difference how a run ended.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;

use super::context::Import;
use super::plan::ReindexPlan;
use crate::cluster::{self, Cluster, Reindex, Search, SearchRange};
use crate::error::{Error, Remaining, Result};
use crate::job::marked_for_archive;
use crate::json::raw;
use crate::terminal::Stage;
use crate::util::format::count;
use crate::util::process::lock;

/// The first and the longest pause before the progress of a task is requested.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// Documents that arrive on the source during the first pass are copied in the second one.
const PASSES: usize = 2;

/// A range of time with its number of documents on the source and in the index.
type Difference = (SearchRange, u64, u64);

/// Fills the input indices.
pub(super) async fn run(import: &Import) -> Result<()> {
    for plan in &import.plan.reindexed {
        prepare(import, plan).await?;
        copy(import, plan).await?;
        complete(import, plan).await?;
    }
    Ok(())
}

/// Cancels the tasks of this import, and those of an earlier one that was killed.
pub(super) async fn cancel(import: &Import) {
    for plan in &import.plan.reindexed {
        let name = &plan.request.index;
        if let Err(error) = import.cluster().cancel_reindex(name).await {
            let text = format!("tasks may continue to copy documents to index {name}: {error}");
            import.session.terminal.warn(&text);
        }
    }
}

/// Creates the index, or continues with the one of an earlier import.
async fn prepare(import: &Import, plan: &ReindexPlan) -> Result<()> {
    let (cluster, name) = (import.cluster(), &plan.request.index);
    let body = plan.index.body_of_reindex(&plan.hash, false);
    lock(&import.journal.reindexed).push(Remaining {
        what: format!("index {name} is kept with its documents: the same command continues with it"),
        remove: format!("DELETE /{name}"),
    });
    if plan.exists {
        cancel(import).await;
        return Ok(cluster.update_meta(name, &body["mappings"]["_meta"]).await?);
    }
    let created = cluster.create_index(name, &raw(&body)).await;
    // A request whose response was lost may have created it.
    if let Err(error) = created
        && !is_marked(cluster, plan).await?
    {
        lock(&import.journal.reindexed).pop();
        return Err(error.into());
    }
    Ok(())
}

async fn is_marked(cluster: &Cluster, plan: &ReindexPlan) -> cluster::Result<bool> {
    let name = &plan.request.index;
    let found = cluster.index_definitions(std::slice::from_ref(name)).await?;
    let index = found.get(name.as_str());
    Ok(index.is_some_and(|index| marked_for_archive(&index["mappings"], &plan.hash)))
}

/// Copies the ranges that differ, until none does.
async fn copy(import: &Import, plan: &ReindexPlan) -> Result<()> {
    let mut different = compare(import, plan).await?;
    for _ in 0..PASSES {
        if !different.is_empty() {
            copy_ranges(import, plan, different).await?;
            different = compare(import, plan).await?;
        }
    }
    let Some((range, source, copied)) = different.first() else {
        return Ok(());
    };
    let bound = |time: Option<_>| time.map_or_else(|| "…".to_owned(), |time| format!("{time}"));
    let (from, until, name) = (bound(range.from), bound(range.until), &plan.request.index);
    let message = format!(
        "input documents differ in {} of {} ranges: from {from} to {until}, the source has {source} documents, and index \
         {name} has {copied}",
        different.len(),
        plan.ranges.len()
    );
    let hint = "if documents were added on the source, run the same command again; if some were deleted there, delete the index \
                first; if documents of several indices have the same ID, export them with --include-inputs";
    Err(Error::failed(message, hint))
}

/// The ranges whose number of documents differs.
async fn compare(import: &Import, plan: &ReindexPlan) -> Result<Vec<Difference>> {
    let (cluster, source) = (import.cluster(), &plan.request.source);
    let stage = import.stage("Counting the input documents", Some(plan.ranges.len() as u64));
    cluster.refresh(&[&plan.request.index]).await?;
    let mut copies = Search::lenient([&*plan.request.index], json!({ "match_all": {} }));
    copies.sort = plan.request.search.sort.clone();
    let mut different = Vec::new();
    for (range, _) in &plan.ranges {
        let (searched, copies, range) = (plan.request.search.in_range(*range), copies.in_range(*range), *range);
        let (source, copied) = tokio::try_join!(source.count(&searched), cluster.count(&copies))?;
        different.extend((source != copied).then_some((range, source, copied)));
        stage.inc(1);
    }
    Ok(different)
}

/// Copies some ranges, a number of them at a time.
async fn copy_ranges(import: &Import, plan: &ReindexPlan, different: Vec<Difference>) -> Result<()> {
    let missing: u64 = different.iter().map(|(_, source, _)| source).sum();
    let stage = import.stage("Copying input documents", Some(missing));
    let request = Arc::new(plan.request.clone());
    let (mut waiting, mut running) = (different.into_iter(), JoinSet::new());
    loop {
        while running.len() < import.options.reindex_concurrency
            && let Some((range, ..)) = waiting.next()
        {
            let (cluster, request, stage) = (import.cluster().clone(), Arc::clone(&request), stage.clone());
            running.spawn(async move { copy_range(&cluster, &request, range, &stage).await });
        }
        let Some(ended) = running.join_next().await else {
            break;
        };
        ended.map_err(Error::panicked)??;
    }
    stage.done(&format!("Copied input documents: {}", count(missing)));
    Ok(())
}

/// Copies a range, and repeats it after a temporary failure. The time for retries starts again when documents were copied.
async fn copy_range(cluster: &Cluster, request: &Reindex, range: SearchRange, stage: &Stage) -> cluster::Result<()> {
    let mut backoff = cluster.backoff();
    let mut shown = 0;
    loop {
        let before = shown;
        let Err(error) = follow(cluster, request, range, (stage, &mut shown)).await else {
            return Ok(());
        };
        if shown > before {
            backoff = cluster.backoff();
        }
        if !backoff.retry(&error).await {
            return Err(error);
        }
    }
}

/// Starts a task and waits for its end. `shown` is the number of documents that the stage already has.
async fn follow(
    cluster: &Cluster,
    request: &Reindex,
    range: SearchRange,
    (stage, shown): (&Stage, &mut u64),
) -> cluster::Result<()> {
    let task = cluster.start_reindex(request, range).await?;
    let (mut pause, longest) = PAUSES;
    loop {
        cluster.clock().pause(pause).await;
        pause = longest.min(pause * 2);
        let (documents, completed) = cluster.reindex_progress(&task).await?;
        stage.inc(documents.saturating_sub(*shown));
        *shown = documents.max(*shown);
        if completed {
            return Ok(());
        }
    }
}

/// Sets the default settings and the mark of a complete copy.
async fn complete(import: &Import, plan: &ReindexPlan) -> Result<()> {
    let (cluster, name) = (import.cluster(), &plan.request.index);
    if !is_marked(cluster, plan).await? {
        let what = format!("another client deleted or replaced index {name} while it was filled");
        return Err(Error::mismatch(what));
    }
    let defaults = json!({"index": {"refresh_interval": null, "number_of_replicas": null}});
    cluster.update_settings(name, &defaults).await?;
    let body = plan.index.body_of_reindex(&plan.hash, true);
    Ok(cluster.update_meta(name, &body["mappings"]["_meta"]).await?)
}

//! Has Elasticsearch copy the input documents from another cluster, before anything else is created.
//!
//! The input index is created with the mapping of the archive and the mark of an incomplete copy, which contains a hash of what
//! is copied. For each range of time whose number of documents differs on the two clusters, a task of the cluster reads the
//! range from the other cluster and creates its documents; those that exist are skipped, so each task can be repeated. Then the
//! numbers are compared again, and if all are equal, the index is marked as complete. This step is not rolled back: after a
//! failure the tasks are canceled and the index is kept, and the same command continues with the ranges that still differ.
//!
//! Tasks write through an alias of their run. Without it they cannot write, so another run removes it when it continues, and
//! the tasks of a killed run do no harm. A heartbeat in the mark shows that a run is still alive: another one is refused.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::context::Import;
use super::plan::{HEARTBEAT, ReindexPlan};
use crate::cluster::{self, Cluster, Reindex, Search, SearchRange};
use crate::error::{Conflict, Error, Remaining, Result};
use crate::job::{ReindexMark, body_of_run, loading_alias};
use crate::terminal::Stage;
use crate::util::format::count;
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

/// Fills the input indices.
pub(super) async fn run(import: &Import) -> Result<()> {
    for plan in &import.plan.reindexed {
        let is_complete = plan.mark.as_ref().is_some_and(|mark| mark.complete);
        // An index that already has all documents is not changed.
        if is_complete && compare(import, plan).await?.is_empty() {
            continue;
        }
        prepare(import, plan).await?;
        let Err(error) = fill(import, plan).await else {
            continue;
        };
        // The index belongs to the other import.
        if find_mark(import, plan)
            .await
            .is_ok_and(|mark| !is_ours(import, mark.as_ref()))
        {
            lock(&import.journal.reindexed).pop();
            return Err(taken_over(plan));
        }
        return Err(error);
    }
    Ok(())
}

/// Ends what this import still does in the indices that it did not complete. The same command can then continue at once.
pub(super) async fn cancel(import: &Import) {
    let cluster = import.cluster();
    for plan in &import.plan.reindexed {
        let (name, alias) = (plan.index.name.as_str(), alias(import, plan));
        let canceled = async {
            cluster.update_meta(&alias, &meta(import, plan, 0, false)).await?;
            cluster.remove_alias(name, &alias).await?;
            cluster.cancel_reindex(&alias).await
        };
        // 404: the index was not created, it is complete, or it belongs to another import.
        if let Err(error) = canceled.await
            && error.status() != Some(404)
        {
            let text = format!("tasks may continue to read documents for index {name}: {error}");
            import.session.terminal.warn(&text);
        }
    }
}

fn alias(import: &Import, plan: &ReindexPlan) -> String {
    loading_alias(&plan.index.name, &import.journal.run)
}

/// `_meta` with the mark of this import.
fn meta(import: &Import, plan: &ReindexPlan, heartbeat: u64, complete: bool) -> Value {
    let (hash, run) = (plan.hash.clone(), import.journal.run.clone());
    let mark = ReindexMark {
        hash,
        run,
        heartbeat,
        complete,
    };
    mark.meta(&plan.index)
}

async fn find_mark(import: &Import, plan: &ReindexPlan) -> cluster::Result<Option<ReindexMark>> {
    let name = plan.index.name.to_string();
    let found = import.cluster().index_definitions(std::slice::from_ref(&name)).await?;
    let index = found.get(&name);
    Ok(index.and_then(|index| ReindexMark::find(&index["mappings"], import.job(), &plan.hash)))
}

fn is_ours(import: &Import, mark: Option<&ReindexMark>) -> bool {
    mark.is_some_and(|mark| mark.run == import.journal.run)
}

fn taken_over(plan: &ReindexPlan) -> Error {
    let name = &plan.index.name;
    Error::mismatch(format!(
        "another client deleted or replaced index {name} while it was filled, or another import fills it"
    ))
}

/// Creates the index, or continues with the one of an earlier import.
async fn prepare(import: &Import, plan: &ReindexPlan) -> Result<()> {
    let name = plan.index.name.as_str();
    let conflict = || {
        let message = format!("another import fills index {name}");
        let hint = "wait until it has ended, and run the command again".to_owned();
        Error::Conflicts(vec![Conflict { message, hint }])
    };
    if find_mark(import, plan).await? != plan.mark {
        return Err(conflict());
    }
    lock(&import.journal.reindexed).push(Remaining {
        what: format!("Index {name} and its documents are kept. To continue, run the same command again."),
        remove: format!("DELETE /{name}"),
    });
    if plan.mark.is_some() {
        return take_over(import, plan).await;
    }
    let mut body = body_of_run(&plan.index, &import.journal.run);
    body["mappings"]["_meta"] = meta(import, plan, 1, false);
    let Err(error) = import.cluster().create_index(name, &body).await else {
        return Ok(());
    };
    // A request whose response was lost may have created it, now or later.
    let unknown = error.outcome_unknown();
    match find_mark(import, plan).await? {
        mark if is_ours(import, mark.as_ref()) => Ok(()),
        _ if unknown => Err(error.into()),
        mark => {
            lock(&import.journal.reindexed).pop();
            Err(if mark.is_some() { conflict() } else { error.into() })
        }
    }
}

/// Continues with the index of another run, whose tasks can no longer write.
async fn take_over(import: &Import, plan: &ReindexPlan) -> Result<()> {
    let (cluster, name, alias) = (import.cluster(), &plan.index.name, alias(import, plan));
    let earlier = loading_alias(name, "*");
    cluster.replace_alias(name.as_str(), &earlier, &alias).await?;
    Ok(cluster.update_meta(&alias, &meta(import, plan, 1, false)).await?)
}

/// Copies what is missing, and marks the index as complete.
async fn fill(import: &Import, plan: &ReindexPlan) -> Result<()> {
    let (running, mut ended) = oneshot::channel::<()>();
    let copying = async {
        let copied = copy(import, plan).await;
        drop(running);
        copied
    };
    let beating = async {
        for heartbeat in 2.. {
            tokio::select! {
                _ = &mut ended => break,
                () = import.cluster().clock().pause(HEARTBEAT) => beat(import, plan, heartbeat).await?,
            }
        }
        Result::Ok(())
    };
    tokio::try_join!(copying, beating)?;
    complete(import, plan).await
}

/// Shows other imports that this one is alive. Fails if another one fills the index.
async fn beat(import: &Import, plan: &ReindexPlan, heartbeat: u64) -> Result<()> {
    if !is_ours(import, find_mark(import, plan).await?.as_ref()) {
        return Err(taken_over(plan));
    }
    let meta = meta(import, plan, heartbeat, false);
    Ok(import.cluster().update_meta(&alias(import, plan), &meta).await?)
}

/// Copies the ranges that differ. Afterwards, the index must have all documents that the source had before the last pass.
async fn copy(import: &Import, plan: &ReindexPlan) -> Result<()> {
    let mut created = 0;
    let mut different = compare(import, plan).await?;
    for pass in 1..=PASSES {
        if different.is_empty() {
            break;
        }
        let before = different.clone();
        created += copy_ranges(import, plan, different).await?;
        different = compare(import, plan).await?;
        if pass == PASSES {
            different.retain(|found| !grew(found, &before));
        }
    }
    import.journal.copied.fetch_add(created, Ordering::Relaxed);
    let Some(Difference { range, source, copied }) = different.first() else {
        import.print(&format!("Copied input documents: {}", count(created)));
        return Ok(());
    };
    let bound = |time: Option<_>| time.map_or_else(|| "…".to_owned(), |time| format!("{time}"));
    let (from, until, name) = (bound(range.from), bound(range.until), &plan.index.name);
    let message = format!(
        "input documents differ in {} of {} ranges: from {from} to {until}, the source has {source} documents, and index \
         {name} has {copied}",
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
fn grew(found: &Difference, before: &[Difference]) -> bool {
    let counted = before.iter().find(|difference| difference.range == found.range);
    let had = counted.map_or(found.copied, |difference| difference.source);
    (had..=found.source).contains(&found.copied)
}

/// The ranges whose number of documents differs. If none does, the range of all documents if the index has fewer than the source:
/// some of them may be in no range.
async fn compare(import: &Import, plan: &ReindexPlan) -> Result<Vec<Difference>> {
    let (cluster, source, name) = (import.cluster(), &plan.request.source, plan.index.name.as_str());
    let stage = import.stage("Counting the input documents", Some(plan.ranges.len() as u64));
    cluster.refresh(&[name]).await?;
    let mut copies = Search::lenient([name], json!({ "match_all": {} }));
    copies.sort = plan.request.search.sort.clone();
    // First, because documents that arrive now make a range differ.
    let all = source.count(&plan.request.search).await?;
    let mut different = Vec::new();
    for range in plan.ranges.iter().copied() {
        let (searched, copies) = (plan.request.search.in_range(range), copies.in_range(range));
        let (source, copied) = tokio::try_join!(source.count(&searched), cluster.count(&copies))?;
        different.extend((source != copied).then_some(Difference { range, source, copied }));
        stage.inc(1);
    }
    if different.is_empty() {
        let (range, source, copied) = (SearchRange::default(), all, cluster.count(&copies).await?);
        different.extend((copied < source).then_some(Difference { range, source, copied }));
    }
    Ok(different)
}

/// Copies some ranges, a number of them at a time. Returns the number of documents that were created.
async fn copy_ranges(import: &Import, plan: &ReindexPlan, different: Vec<Difference>) -> Result<u64> {
    let missing = different.iter().map(|found| found.source.saturating_sub(found.copied));
    let stage = import.stage("Copying input documents", Some(missing.sum()));
    let (mut running, mut created) = (JoinSet::new(), 0);
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
            return Ok(created);
        };
        created += ended.map_err(Error::panicked)??;
    }
}

/// Copies a range, and repeats it after a temporary failure. The time for retries starts again when documents were created.
/// Returns their number.
async fn copy_range(cluster: Cluster, mut request: Reindex, stage: Stage) -> cluster::Result<u64> {
    let (mut backoff, mut created) = (cluster.backoff(), 0);
    loop {
        let before = created;
        let copying = copy_once(&cluster, &request, |documents| {
            created += documents;
            stage.inc(documents);
        });
        let Err(error) = copying.await else {
            return Ok(created);
        };
        let size = &mut request.search.page_size;
        if error.is_too_long() && *size > 1 {
            *size /= 2;
            continue;
        }
        if created > before {
            backoff = cluster.backoff();
        }
        if !backoff.retry(&error).await {
            return Err(error);
        }
    }
}

/// Starts a task and waits for its end. If that fails, it is canceled before another one is started, unless the user may not
/// cancel tasks.
async fn copy_once(cluster: &Cluster, request: &Reindex, mut add: impl FnMut(u64)) -> cluster::Result<()> {
    let task = cluster.start_reindex(request).await?;
    let ((mut pause, longest), mut created) = (PAUSES, 0);
    loop {
        cluster.clock().pause(pause).await;
        pause = longest.min(pause * 2);
        match cluster.reindex_progress(&task).await {
            Ok(progress) => {
                add(progress.created.saturating_sub(created));
                created = progress.created;
                if progress.completed {
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
    cluster.update_meta(&alias, &meta(import, plan, 0, true)).await?;
    match cluster.remove_alias(plan.index.name.as_str(), &alias).await {
        // An earlier request whose response was lost removed it.
        Err(error) if error.status() == Some(404) => Ok(()),
        removed => Ok(removed?),
    }
}

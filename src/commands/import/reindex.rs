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
use crate::cluster::{self, Cluster, Reindex, RemoteFailure, Search, SearchRange};
use crate::error::{Error, ExitCode, Remaining, Result};
use crate::job::marked_for_archive;
use crate::json::raw;
use crate::terminal::Stage;
use crate::util::format::count;
use crate::util::process::lock;

/// The first and the longest pause before the progress of a task is requested.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// Documents that arrive on the source during the first pass are copied in the second one.
const PASSES: usize = 2;
/// Ranges whose documents are counted at the same time.
const COUNTS: usize = 8;

/// A range of time with its number of documents on both clusters.
#[derive(Clone, Copy, Debug)]
struct Difference {
    range: SearchRange,
    source: u64,
    copied: u64,
}

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
        if let Err(error) = import.cluster().cancel_reindex(&plan.request.index).await {
            let name = &plan.request.index;
            let text = format!("tasks that copy documents to index {name} may continue on the cluster: {error}");
            import.session.terminal.warn(&text);
        }
    }
}

/// Creates the index, or continues with the one of an earlier import.
async fn prepare(import: &Import, plan: &ReindexPlan) -> Result<()> {
    let (cluster, name) = (import.cluster(), &plan.request.index);
    let mut index = plan.index.clone();
    index.mark_reindexed(&plan.hash, false);
    lock(&import.journal.reindexed).push(Remaining {
        what: format!("index {name}: incomplete, and kept: the same command continues"),
        remove: format!("DELETE /{name}"),
    });
    if plan.exists {
        cancel(import).await;
        return Ok(cluster.update_meta(name, &index.body["mappings"]["_meta"]).await?);
    }
    match cluster.create_index(name, &raw(&index.body)).await {
        // A request whose response was lost may have created it.
        Err(error) if error.outcome_unknown() && is_marked(cluster, plan).await? => Ok(()),
        Err(error) => {
            lock(&import.journal.reindexed).pop();
            Err(error.into())
        }
        Ok(()) => Ok(()),
    }
}

async fn is_marked(cluster: &Cluster, plan: &ReindexPlan) -> cluster::Result<bool> {
    let name = &plan.request.index;
    let found = cluster.index_definitions(&[name.clone()]).await?;
    let index = found.get(name.as_str());
    Ok(index.is_some_and(|index| marked_for_archive(&index["mappings"], &plan.hash)))
}

/// Copies the ranges that differ, until none does.
async fn copy(import: &Import, plan: &ReindexPlan) -> Result<()> {
    for _ in 0..PASSES {
        let different = compare(import, plan).await?;
        if different.is_empty() {
            return Ok(());
        }
        copy_ranges(import, plan, different).await?;
    }
    let different = compare(import, plan).await?;
    let Some(Difference { range, source, copied }) = different.first() else {
        return Ok(());
    };
    let bound = |time: Option<_>| time.map_or_else(|| "…".to_owned(), |time| format!("{time}"));
    let (from, until, name) = (bound(range.from), bound(range.until), &plan.request.index);
    Err(Error::Stated {
        exit: ExitCode::Rejected,
        message: format!(
            "input documents differ in {} of {} ranges: from {from} to {until}, the source has {source} documents, and index \
             {name} has {copied}",
            different.len(),
            plan.ranges.len()
        ),
        hint: Some(
            "if documents were added on the source, run the same command again; if some were deleted there, delete the index \
             first; if documents of several indices have the same ID, export them with --include-inputs"
                .to_owned(),
        ),
    })
}

/// The ranges whose number of documents differs.
async fn compare(import: &Import, plan: &ReindexPlan) -> Result<Vec<Difference>> {
    let (cluster, source) = (import.cluster(), &plan.request.source);
    let ranges = plan.ranges.len() as u64;
    let stage = import.stage("Counting the input documents", Some(ranges));
    cluster.refresh(&[&plan.request.index]).await?;
    let mut copies = Search::lenient([&*plan.request.index], json!({ "match_all": {} }));
    copies.sort = plan.request.search.sort.clone();
    let (searched, copies) = (Arc::new(plan.request.search.clone()), Arc::new(copies));
    let (mut counting, mut different) = (JoinSet::new(), Vec::new());
    let mut ranges = plan.ranges.iter();
    loop {
        while counting.len() < COUNTS
            && let Some((range, _)) = ranges.next()
        {
            let (range, source, cluster) = (*range, source.clone(), cluster.clone());
            let (searched, copies) = (Arc::clone(&searched), Arc::clone(&copies));
            counting.spawn(async move {
                let (searched, copies) = (searched.in_range(range), copies.in_range(range));
                let (source, copied) = tokio::try_join!(source.count(&searched), cluster.count(&copies))?;
                Ok::<_, cluster::Error>(Difference { range, source, copied })
            });
        }
        let Some(counted) = counting.join_next().await else {
            break;
        };
        let counted = counted.map_err(Error::panicked)??;
        different.extend((counted.source != counted.copied).then_some(counted));
        stage.inc(1);
    }
    different.sort_by_key(|difference| difference.range.from);
    Ok(different)
}

/// Copies some ranges, a number of them at a time.
async fn copy_ranges(import: &Import, plan: &ReindexPlan, different: Vec<Difference>) -> Result<()> {
    let missing: u64 = different.iter().map(|range| range.source).sum();
    let stage = import.stage("Copying input documents", Some(missing));
    let request = Arc::new(plan.request.clone());
    let (mut waiting, mut running) = (different.into_iter(), JoinSet::new());
    loop {
        while running.len() < import.options.reindex_concurrency
            && let Some(Difference { range, .. }) = waiting.next()
        {
            let (cluster, request, stage) = (import.cluster().clone(), Arc::clone(&request), stage.clone());
            running.spawn(async move { copy_range(&cluster, &request, range, &stage).await });
        }
        let Some(ended) = running.join_next().await else {
            break;
        };
        let failed = |error| explain(error, &request.source, import.cluster());
        ended.map_err(Error::panicked)?.map_err(failed)?;
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
        let progress = cluster.reindex_progress(&task).await?;
        stage.inc(progress.documents.saturating_sub(*shown));
        *shown = progress.documents.max(*shown);
        if progress.completed {
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
    let mut index = plan.index.clone();
    index.mark_reindexed(&plan.hash, true);
    cluster.update_meta(name, &index.body["mappings"]["_meta"]).await?;
    if let Some(kept) = lock(&import.journal.reindexed).last_mut() {
        kept.what = format!("index {name}: complete, and kept: the same command uses it");
    }
    Ok(())
}

/// Adds to a failure what the cluster needs to read from the source.
pub(super) fn explain(error: cluster::Error, source: &Cluster, cluster: &Cluster) -> Error {
    let (from, to) = (source.address(), cluster.address());
    let host = source.host_and_port();
    let Some(failure) = RemoteFailure::of(&error) else {
        return error.into();
    };
    let reason = error
        .response()
        .map(|response| response.reason.clone())
        .unwrap_or_default();
    let (message, hint) = match failure {
        RemoteFailure::NotAllowed => (
            format!("{to} is not allowed to copy documents from {host}"),
            format!("add `reindex.remote.whitelist: [\"{host}\"]` to elasticsearch.yml on its nodes, and restart them"),
        ),
        RemoteFailure::Tls => (
            format!("{to} cannot connect to {from}: {reason}"),
            "set `reindex.ssl.certificate_authorities` to the CA certificate of the source in elasticsearch.yml on the nodes \
             of the target, and restart them (other settings: `reindex.ssl.*`)"
                .to_owned(),
        ),
        RemoteFailure::Unreachable => (
            format!("{to} cannot connect to {from}: {reason}"),
            "use an address of the source that this machine and all nodes of the target can reach".to_owned(),
        ),
        RemoteFailure::Credential => (
            format!("{from} does not permit {to} to copy documents"),
            "use a credential with the cluster privilege `monitor`, and `read` and `view_index_metadata` on the input indices"
                .to_owned(),
        ),
    };
    Error::failed(message, hint)
}

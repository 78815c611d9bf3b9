//! What `--replace` deletes before anything is written. It cannot be restored.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::context::Import;
use super::journal::Entry;
use super::plan::documents_of_job;
use crate::cluster::Hit;
use crate::error::Result;
use crate::job::{IndexName, SnapshotId};
use crate::state::{STATE_INDICES, StateDocId, StateKind};

/// IDs per request. State documents are large, so this keeps responses small.
const BATCH: u64 = 8;

/// Deletes the job, its datafeed, its remaining documents and the input indices of an earlier import.
pub(super) async fn delete_existing(import: &Import) -> Result<()> {
    let (cluster, plan, journal, job) = (import.cluster(), &import.plan, &import.journal, import.job());
    let existing = &plan.existing;
    if plan.replace && (existing.job || existing.leftovers) {
        let stage = import.stage(&format!("Deleting existing data of job {job}"), None);
        let snapshots = snapshots(import).await?;
        if let Some(datafeed) = &existing.datafeed {
            let entry = Entry::Datafeed(datafeed.clone());
            let deletion = cluster.delete_datafeed(datafeed);
            journal.delete(entry.describe(job), Some(entry), deletion).await?;
        }
        if existing.job {
            let what = format!("job {job} with its state and results");
            journal.delete(what, Some(Entry::Job), cluster.delete_job(job)).await?;
        }
        let what = format!("remaining state, results, annotations and notifications of job {job}");
        journal.delete(what, None, delete_leftovers(import, &snapshots)).await?;
        stage.done(&format!("Deleted existing data of job {job}"));
    }
    for target in plan.targets.iter().filter(|target| target.replaces) {
        delete_input_index(import, &target.index.name).await?;
    }
    Ok(())
}

/// Deletes an input index of an earlier import.
pub(super) async fn delete_input_index(import: &Import, name: &IndexName) -> Result<()> {
    let entry = Entry::InputIndex(name.clone());
    let deletion = import.cluster().delete_index(name.as_str());
    let what = entry.describe(import.job());
    Ok(import.journal.delete(what, Some(entry), deletion).await?)
}

/// The snapshots whose state may exist: those that have a snapshot document, and the imported one.
async fn snapshots(import: &Import) -> Result<BTreeSet<SnapshotId>> {
    let snapshot_id = |hit: &Hit| {
        let document: Value = serde_json::from_slice(&hit.source).ok()?;
        document["snapshot_id"].as_str()?.parse().ok()
    };
    let mut snapshots = BTreeSet::from([import.plan.snapshot_id.clone()]);
    let mut search = documents_of_job(".ml-anomalies-*", import.job());
    search.query = json!({"bool": {"filter": [search.query, {"exists": {"field": "snapshot_doc_count"}}]}});
    let mut pages = import.cluster().pages(search).await?;
    while let Some(hits) = pages.next().await? {
        snapshots.extend(hits.iter().filter_map(snapshot_id));
    }
    Ok(snapshots)
}

/// Returns whether any documents were found.
async fn delete_leftovers(import: &Import, snapshots: &BTreeSet<SnapshotId>) -> Result<bool> {
    let cluster = import.cluster();
    let quantiles = [import.job().quantiles_document_id()];
    let mut any = delete_state(import, &quantiles).await?;
    for snapshot in snapshots {
        any |= delete_numbered(import, StateKind::Model, snapshot).await?;
    }
    any |= delete_numbered(import, StateKind::Categorizer, &import.plan.snapshot_id).await?;
    // Elasticsearch does not create the job as long as a search finds state of an earlier one.
    cluster.refresh(&STATE_INDICES).await?;
    for indices in [".ml-anomalies-*", ".ml-annotations*", ".ml-notifications*"] {
        cluster.refresh(&[indices]).await?;
        let mut pages = cluster.pages(documents_of_job(indices, import.job())).await?;
        while let Some(hits) = pages.next().await? {
            any |= !hits.is_empty();
            cluster.delete_documents(&hits).await?;
        }
        cluster.refresh(&[indices]).await?;
    }
    Ok(any)
}

/// Deletes `#1`, `#2` … until a complete batch is missing, so that a gap does not hide later documents.
async fn delete_numbered(import: &Import, kind: StateKind, snapshot: &SnapshotId) -> Result<bool> {
    let mut first = 1;
    loop {
        let ids: Vec<String> = (first..first + BATCH)
            .map(|number| StateDocId { kind, number }.format(import.job(), snapshot))
            .collect();
        if !delete_state(import, &ids).await? {
            return Ok(first > 1);
        }
        first += BATCH;
    }
}

async fn delete_state(import: &Import, ids: &[String]) -> Result<bool> {
    let found = import.cluster().locate(&STATE_INDICES, ids).await?;
    import.cluster().delete_documents(&found).await?;
    Ok(!found.is_empty())
}

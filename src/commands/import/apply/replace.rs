//! `--replace`: what was there goes, now that everything else has been checked. This cannot be undone.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::Context;
use crate::cluster::Hit;
use crate::commands::import::plan::of_job;
use crate::error::Result;
use crate::job::SnapshotId;
use crate::state::{STATE_INDICES, StateDocId, StateKind};

/// Ids asked for at once: small answers, since state documents are large.
const PROBE: u64 = 8;

#[derive(Deserialize)]
struct Named {
    snapshot_id: Option<SnapshotId>,
}

/// Deletes job, datafeed, leftovers and input indices of an earlier import.
pub(super) async fn clear(context: &Context<'_>) -> Result<()> {
    let (cluster, plan) = (context.cluster, context.plan);
    let job = plan.job();
    if context.options.replace && plan.existing.any() {
        let stage = context.stage(&format!("Deleting what is there of job {job}"), None);
        let snapshots = snapshots(context).await?;
        context.journal.replaced(match plan.existing.job {
            true => format!("job {job} and its state, results, annotations and notifications"),
            false => format!("what an earlier job {job} left"),
        });
        if let Some(datafeed) = &plan.existing.datafeed {
            cluster.delete_datafeed(datafeed).await?;
        }
        cluster.delete_job(job).await?;
        delete_state(context, &snapshots).await?;
        for indices in [".ml-anomalies-*", ".ml-annotations*", ".ml-notifications*"] {
            delete_documents(context, indices).await?;
        }
        context.done(stage, &format!("Deleted what was there of job {job}"));
    }
    for target in plan.targets.iter().filter(|target| target.replaces) {
        context.journal.replaced(format!("index {}", target.index.name));
        cluster.delete_index(target.index.name.as_str()).await?;
    }
    Ok(())
}

/// The snapshots whose state may be there: those that documents name, and the one that is coming.
async fn snapshots(context: &Context<'_>) -> Result<BTreeSet<SnapshotId>> {
    let mut snapshots = BTreeSet::from([context.plan.snapshot_id.clone()]);
    let mut search = of_job(".ml-anomalies-*", context.plan.job());
    search.query = serde_json::json!({"bool": {"filter": [search.query, {"exists": {"field": "snapshot_doc_count"}}]}});
    let mut pages = context.cluster.pages(search).await?;
    while let Some(hits) = pages.next().await? {
        for hit in hits {
            if let Ok(Named { snapshot_id: Some(id) }) = serde_json::from_slice(&hit.source) {
                snapshots.insert(id);
            }
        }
    }
    Ok(snapshots)
}

async fn delete_state(context: &Context<'_>, snapshots: &BTreeSet<SnapshotId>) -> Result<()> {
    let job = context.plan.job();
    let quantiles = context
        .cluster
        .locate(&STATE_INDICES, &[job.quantiles_document_id()])
        .await?;
    context.cluster.delete_documents(&quantiles).await?;
    for snapshot in snapshots {
        numbered(context, StateKind::Model, snapshot).await?;
    }
    numbered(context, StateKind::Categorizer, &context.plan.snapshot_id).await?;
    // The job that is created next is refused as long as a search finds state of its predecessor.
    Ok(context.cluster.refresh(&STATE_INDICES).await?)
}

/// Deletes `#1`, `#2` … until none of a whole probe is there, so that a gap does not hide the rest.
async fn numbered(context: &Context<'_>, kind: StateKind, snapshot: &SnapshotId) -> Result<()> {
    for first in (1..).step_by(PROBE as usize) {
        let ids: Vec<String> = (first..first + PROBE)
            .map(|number| StateDocId { kind, number }.format(context.plan.job(), snapshot))
            .collect();
        let found = context.cluster.locate(&STATE_INDICES, &ids).await?;
        if found.is_empty() {
            break;
        }
        context.cluster.delete_documents(&found).await?;
    }
    Ok(())
}

async fn delete_documents(context: &Context<'_>, indices: &str) -> Result<()> {
    context.cluster.refresh(&[indices]).await?;
    let mut pages = context.cluster.pages(of_job(indices, context.plan.job())).await?;
    while let Some(hits) = pages.next().await? {
        let documents: Vec<(String, String)> = hits.into_iter().map(place).collect();
        context.cluster.delete_documents(&documents).await?;
    }
    context.cluster.refresh(&[indices]).await?;
    Ok(())
}

fn place(hit: Hit) -> (String, String) {
    (hit.index.to_string(), hit.id)
}

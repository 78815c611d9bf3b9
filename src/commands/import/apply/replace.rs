//! `--replace`: what was there goes, now that everything else has been checked. This cannot be undone.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::Context;
use crate::cluster::Hit;
use crate::commands::import::journal::Replaced;
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
    let (cluster, plan) = (&context.session.cluster, context.plan);
    let job = plan.job();
    if context.options.replace && plan.existing.any() {
        let stage = context
            .session
            .stage(&format!("Deleting what is there of job {job}"), None);
        let (journal, snapshots) = (context.journal, snapshots(context).await?);
        if let Some(datafeed) = &plan.existing.datafeed {
            let handle = journal.replacing(Replaced::Datafeed(datafeed.clone()));
            journal.has_replaced(handle, cluster.delete_datafeed(datafeed).await?);
        }
        if plan.existing.job {
            let handle = journal.replacing(Replaced::Job);
            journal.has_replaced(handle, cluster.delete_job(job).await?);
        }
        let handle = journal.replacing(Replaced::Leftovers);
        let mut any = delete_state(context, &snapshots).await?;
        for indices in [".ml-anomalies-*", ".ml-annotations*", ".ml-notifications*"] {
            any |= delete_documents(context, indices).await?;
        }
        journal.has_replaced(handle, any);
        context
            .session
            .done(stage, &format!("Deleted what was there of job {job}"));
    }
    for target in plan.targets.iter().filter(|target| target.replaces) {
        let name = &target.index.name;
        let handle = context.journal.replacing(Replaced::InputIndex(name.clone()));
        context
            .journal
            .has_replaced(handle, cluster.delete_index(name.as_str()).await?);
    }
    Ok(())
}

/// The snapshots whose state may be there: those that documents name, and the one that is coming.
async fn snapshots(context: &Context<'_>) -> Result<BTreeSet<SnapshotId>> {
    let mut snapshots = BTreeSet::from([context.plan.snapshot_id.clone()]);
    let mut search = of_job(".ml-anomalies-*", context.plan.job());
    search.query = serde_json::json!({"bool": {"filter": [search.query, {"exists": {"field": "snapshot_doc_count"}}]}});
    let mut pages = context.session.cluster.pages(search).await?;
    while let Some(hits) = pages.next().await? {
        for hit in hits {
            if let Ok(Named { snapshot_id: Some(id) }) = serde_json::from_slice(&hit.source) {
                snapshots.insert(id);
            }
        }
    }
    Ok(snapshots)
}

/// True where there was any, as below.
async fn delete_state(context: &Context<'_>, snapshots: &BTreeSet<SnapshotId>) -> Result<bool> {
    let job = context.plan.job();
    let quantiles = context
        .session
        .cluster
        .locate(&STATE_INDICES, &[job.quantiles_document_id()])
        .await?;
    context.session.cluster.delete_documents(&quantiles).await?;
    let mut any = !quantiles.is_empty();
    for snapshot in snapshots {
        any |= numbered(context, StateKind::Model, snapshot).await?;
    }
    any |= numbered(context, StateKind::Categorizer, &context.plan.snapshot_id).await?;
    // The job that is created next is refused as long as a search finds state of its predecessor.
    context.session.cluster.refresh(&STATE_INDICES).await?;
    Ok(any)
}

/// Deletes `#1`, `#2` … until none of a whole probe is there, so that a gap does not hide the rest.
async fn numbered(context: &Context<'_>, kind: StateKind, snapshot: &SnapshotId) -> Result<bool> {
    let mut any = false;
    for first in (1..).step_by(PROBE as usize) {
        let ids: Vec<String> = (first..first + PROBE)
            .map(|number| StateDocId { kind, number }.format(context.plan.job(), snapshot))
            .collect();
        let found = context.session.cluster.locate(&STATE_INDICES, &ids).await?;
        if found.is_empty() {
            break;
        }
        context.session.cluster.delete_documents(&found).await?;
        any = true;
    }
    Ok(any)
}

async fn delete_documents(context: &Context<'_>, indices: &str) -> Result<bool> {
    let mut any = false;
    context.session.cluster.refresh(&[indices]).await?;
    let mut pages = context
        .session
        .cluster
        .pages(of_job(indices, context.plan.job()))
        .await?;
    while let Some(hits) = pages.next().await? {
        let documents: Vec<(String, String)> = hits.into_iter().map(place).collect();
        any |= !documents.is_empty();
        context.session.cluster.delete_documents(&documents).await?;
    }
    context.session.cluster.refresh(&[indices]).await?;
    Ok(any)
}

fn place(hit: Hit) -> (String, String) {
    (hit.index.to_string(), hit.id)
}

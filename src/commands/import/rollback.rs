//! Undoing the journal from its end. What was there before stays as it was.

use std::time::Duration;

use super::journal::{Certainty, Entry, Journal};
use super::plan::{Plan, reads_for};
use crate::cluster::{self, Cluster};
use crate::error::Remaining;
use crate::job::marked_as_ours;
use crate::state::STATE_INDICES;

/// Ids a request: a rollback works on what may be large documents, so it asks for places only.
const BATCH: usize = 1_000;

/// How often, and how long apart, something that may still come to be is looked for.
const LOOKS: usize = 5;
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Undoes what it can; returns what was undone and what remains.
pub(super) async fn roll_back(cluster: &Cluster, journal: &Journal, plan: &Plan) -> (Vec<String>, Vec<Remaining>) {
    let mut undone = Vec::new();
    let mut remains = Vec::new();
    let entries = journal.to_undo();
    for (entry, certainty) in &entries {
        let what = describe(entry, plan);
        match undo(cluster, entry, *certainty, plan).await {
            Ok(true) => undone.push(what),
            Ok(false) => {}
            Err(error) => remains.push(Remaining {
                what: format!("{what} ({error})"),
                remove: request(entry, plan),
            }),
        }
    }
    for (entry, _) in entries.iter().filter(|(entry, certainty)| late(entry, *certainty)) {
        if let Err(error) = undo(cluster, entry, Certainty::Written, plan).await {
            remains.push(Remaining {
                what: format!("{} ({error})", describe(entry, plan)),
                remove: request(entry, plan),
            });
        }
    }
    for what in journal.all_replaced() {
        undone.push(format!("not brought back: {what}, deleted for --replace"));
    }
    (undone, remains)
}

/// Documents of a request that was under way when the work stopped may be written after the first look.
fn late(entry: &Entry, certainty: Certainty) -> bool {
    let documents = matches!(
        entry,
        Entry::State(_) | Entry::Annotations { .. } | Entry::Notifications { .. }
    );
    documents && certainty == Certainty::Intended
}

/// True where there was something to undo.
async fn undo(cluster: &Cluster, entry: &Entry, certainty: Certainty, plan: &Plan) -> cluster::Result<bool> {
    if certainty == Certainty::Intended && !came_to_be(cluster, entry, plan).await? {
        return Ok(false);
    }
    match entry {
        Entry::Filter(id) => cluster.delete_filter(id).await,
        Entry::Calendar(id) => cluster.delete_calendar(id).await,
        Entry::InputIndex(name) => cluster.delete_index(name.as_str()).await,
        // Takes its results and quantiles along.
        Entry::Job => cluster.delete_job(plan.job()).await,
        Entry::State(ids) => delete(cluster, &STATE_INDICES, ids).await,
        Entry::Annotations { index, ids } | Entry::Notifications { index, ids } => {
            delete(cluster, &[index.as_str()], ids).await
        }
        Entry::Datafeed(id) => cluster.delete_datafeed(id).await,
        Entry::Membership(id) => cluster.remove_job_from_calendar(id, plan.job()).await.map(|()| true),
    }
}

/// A request whose answer never came may be carried out a moment later.
async fn came_to_be(cluster: &Cluster, entry: &Entry, plan: &Plan) -> cluster::Result<bool> {
    for look in 0..LOOKS {
        if look > 0 {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        if stands(cluster, entry, plan).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether it is there and, where that can be told, this import's.
async fn stands(cluster: &Cluster, entry: &Entry, plan: &Plan) -> cluster::Result<bool> {
    let job = plan.job();
    Ok(match entry {
        Entry::Filter(id) => cluster.filter(id).await?.is_some(),
        Entry::Calendar(id) => cluster
            .calendar(id)
            .await?
            .is_some_and(|calendar| calendar.job_ids.is_empty()),
        Entry::InputIndex(name) => cluster
            .index_definitions(&[name.to_string()])
            .await?
            .get(name.as_str())
            .is_some_and(|definition| marked_as_ours(&definition["mappings"], job)),
        Entry::Job => cluster.job(job).await?.is_some(),
        Entry::Datafeed(id) => cluster
            .datafeed(id)
            .await?
            .is_some_and(|datafeed| reads_for(&datafeed, job)),
        Entry::State(_) | Entry::Annotations { .. } | Entry::Notifications { .. } | Entry::Membership(_) => true,
    })
}

async fn delete(cluster: &Cluster, indices: &[&str], ids: &[String]) -> cluster::Result<bool> {
    cluster.refresh(indices).await?;
    let mut any = false;
    for batch in ids.chunks(BATCH) {
        let found = cluster.locate(indices, batch).await?;
        any |= !found.is_empty();
        cluster.delete_documents(&found).await?;
    }
    cluster.refresh(indices).await?;
    Ok(any)
}

fn describe(entry: &Entry, plan: &Plan) -> String {
    match entry {
        Entry::Filter(id) => format!("filter {id}"),
        Entry::Calendar(id) => format!("calendar {id}"),
        Entry::InputIndex(name) => format!("index {name}"),
        Entry::Job => format!("job {}", plan.job()),
        Entry::State(_) => format!("state documents of job {}", plan.job()),
        Entry::Annotations { .. } => format!("annotations of job {}", plan.job()),
        Entry::Notifications { .. } => format!("imported notifications of job {}", plan.job()),
        Entry::Datafeed(id) => format!("datafeed {id}"),
        Entry::Membership(id) => format!("membership of job {} in calendar {id}", plan.job()),
    }
}

fn request(entry: &Entry, plan: &Plan) -> String {
    let job = plan.job();
    let by_id = |index: &str, ids: &[String]| {
        let lines: Vec<String> = ids
            .iter()
            .map(|id| serde_json::json!({"delete": {"_index": index, "_id": id}}).to_string())
            .collect();
        format!("POST /_bulk\n{}", lines.join("\n"))
    };
    match entry {
        Entry::Filter(id) => format!("DELETE /_ml/filters/{id}"),
        Entry::Calendar(id) => format!("DELETE /_ml/calendars/{id}"),
        Entry::InputIndex(name) => format!("DELETE /{name}"),
        Entry::Job => format!("DELETE /_ml/anomaly_detectors/{job}"),
        Entry::State(ids) => by_id(".ml-state-write", ids),
        Entry::Annotations { index, ids } | Entry::Notifications { index, ids } => by_id(index, ids),
        Entry::Datafeed(id) => format!("DELETE /_ml/datafeeds/{id}"),
        Entry::Membership(id) => format!("DELETE /_ml/calendars/{id}/jobs/{job}"),
    }
}

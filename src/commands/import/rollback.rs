//! Undoing the journal from its end. What was there before stays as it was.

use std::time::Duration;

use serde_json::{Map, Value};

use super::journal::{Certainty, Entry, Journal};
use super::meanwhile;
use super::owner::{Owner, owner};
use super::plan::{Plan, ids_of};
use crate::cluster::{self, Cluster};
use crate::error::Remaining;
use crate::job::{CalendarId, FilterId};
use crate::state::STATE_INDICES;
use crate::terminal::amount;

/// Undoing that takes longer is given up: where the cluster is gone, whoever waits shall hear what remains.
const LONGEST: Duration = Duration::from_secs(600);
/// Ids a request: a rollback works on what may be large documents, so it asks for places only.
const BATCH: usize = 1_000;

/// What became of an entry.
enum Became {
    Undone,
    /// There was nothing to undo.
    Absent,
    /// A job of others has come to use it meanwhile.
    Shared,
}

impl Became {
    fn of(undone: bool) -> Self {
        if undone { Self::Undone } else { Self::Absent }
    }
}

/// What became of all, a line each.
#[derive(Debug, Default)]
pub(super) struct RolledBack {
    /// What was undone.
    pub(super) undone: Vec<String>,
    /// What others use now, and what cannot be brought back.
    pub(super) kept: Vec<String>,
    /// What could not be undone.
    pub(super) remains: Vec<Remaining>,
}

impl RolledBack {
    fn note(&mut self, became: &Became, entry: &Entry, plan: &Plan) {
        let what = describe(entry, plan);
        match became {
            Became::Undone => self.undone.push(what),
            Became::Absent => {}
            Became::Shared => self
                .kept
                .push(format!("{what} is left there: another job uses it meanwhile")),
        }
    }
}

/// Why something is not undone.
struct Kept {
    why: String,
    /// It is open, or runs, and goes by force alone.
    in_use: bool,
}

impl Kept {
    fn because(why: String) -> Self {
        Self { why, in_use: false }
    }
}

impl From<cluster::Error> for Kept {
    fn from(error: cluster::Error) -> Self {
        Self {
            why: error.to_string(),
            in_use: error.status() == Some(409),
        }
    }
}

/// Undoes what it can.
pub(super) async fn roll_back(cluster: &Cluster, journal: &Journal, plan: &Plan) -> RolledBack {
    let mut outcome = RolledBack::default();
    let mut failed = Vec::new();
    let until = cluster.clock().now() + LONGEST;
    for (entry, certainty) in journal.to_undo() {
        match undo_until(until, cluster, &entry, certainty, plan, journal).await {
            Ok(became) => outcome.note(&became, &entry, plan),
            Err(_) => failed.push((entry, certainty)),
        }
    }
    // What failed may have gone with something else, or have been in the way of it: once more.
    for (entry, certainty) in failed {
        match undo_until(until, cluster, &entry, certainty, plan, journal).await {
            // It may have gone by the first try.
            Ok(Became::Absent) => outcome.note(&Became::Undone, &entry, plan),
            Ok(became) => outcome.note(&became, &entry, plan),
            Err(kept) => outcome.remains.push(Remaining {
                what: format!("{} ({})", describe(&entry, plan), kept.why),
                remove: request(&entry, plan, kept.in_use),
            }),
        }
    }
    for what in journal.all_replaced() {
        outcome
            .kept
            .push(format!("{what}: deleted for --replace, which cannot be brought back"));
    }
    outcome
}

/// Why something is not undone, in words, where it is not done by then.
async fn undo_until(
    until: Duration,
    cluster: &Cluster,
    entry: &Entry,
    certainty: Certainty,
    plan: &Plan,
    journal: &Journal,
) -> Result<Became, Kept> {
    let left = until.saturating_sub(cluster.clock().now());
    let late = || Kept::because(format!("not undone within {} minutes", LONGEST.as_secs() / 60));
    if left.is_zero() {
        return Err(late());
    }
    tokio::select! {
        biased;
        undone = undo(cluster, entry, certainty, plan, journal) => undone,
        () = cluster.clock().limit(left) => Err(late()),
    }
}

async fn undo(
    cluster: &Cluster,
    entry: &Entry,
    certainty: Certainty,
    plan: &Plan,
    journal: &Journal,
) -> Result<Became, Kept> {
    if certainty == Certainty::Intended && owner(cluster, plan, entry).await? != Owner::Us {
        return Ok(Became::Absent);
    }
    let undone = match entry {
        Entry::Filter(id) => return delete_filter(cluster, plan, id).await,
        Entry::Calendar(id) if has_others(cluster, plan, id).await? => return Ok(Became::Shared),
        Entry::Calendar(id) => cluster.delete_calendar(id).await,
        Entry::Events(id, events) => delete_events(cluster, id, events).await,
        Entry::InputIndex(name) => cluster.delete_index(name.as_str()).await,
        Entry::Job if is_another(cluster, plan, journal).await? => {
            return Err(Kept::because(
                "which somebody else made anew meanwhile; documents of this import may have gone to it".to_owned(),
            ));
        }
        Entry::Job => delete_job(cluster, plan).await,
        Entry::State(ids) => delete(cluster, &STATE_INDICES, ids).await,
        Entry::Annotations { index, ids } | Entry::Notifications { index, ids } => {
            delete(cluster, &[index.as_str()], ids).await
        }
        Entry::Datafeed(id) => cluster.delete_datafeed(id).await,
        Entry::Membership(id) => cluster.remove_job_from_calendar(id, plan.job()).await,
    };
    Ok(Became::of(undone?))
}

/// Elasticsearch keeps a filter that a job names: ours, where deleting it failed, or one of others.
async fn delete_filter(cluster: &Cluster, plan: &Plan, id: &FilterId) -> Result<Became, Kept> {
    match cluster.delete_filter(id).await {
        Ok(deleted) => Ok(Became::of(deleted)),
        Err(error) if error.status() == Some(409) && cluster.job(plan.job()).await?.is_none() => Ok(Became::Shared),
        Err(error) => Err(error.into()),
    }
}

async fn has_others(cluster: &Cluster, plan: &Plan, id: &CalendarId) -> cluster::Result<bool> {
    let there = cluster.calendar(id).await?;
    Ok(there.is_some_and(|there| there.job_ids.iter().any(|other| other != plan.job().as_str())))
}

async fn delete_events(cluster: &Cluster, id: &CalendarId, events: &[Map<String, Value>]) -> cluster::Result<bool> {
    let mut any = false;
    for event in ids_of(events, cluster.events(id).await?) {
        any |= cluster.delete_event(id, &event).await?;
    }
    Ok(any)
}

/// Another job under the id of the one that was created is not ours to delete.
async fn is_another(cluster: &Cluster, plan: &Plan, journal: &Journal) -> cluster::Result<bool> {
    let there = cluster.job(plan.job()).await?;
    Ok(there.is_some_and(|there| meanwhile::is_another(journal, &there)))
}

/// Deleting a job takes its results and quantiles along, those that a search finds.
async fn delete_job(cluster: &Cluster, plan: &Plan) -> cluster::Result<bool> {
    cluster.refresh(&[&plan.job().results_alias(), ".ml-state*"]).await?;
    cluster.delete_job(plan.job()).await
}

async fn delete(cluster: &Cluster, indices: &[&str], ids: &[impl ToString]) -> cluster::Result<bool> {
    cluster.refresh(indices).await?;
    let mut any = false;
    for batch in ids.chunks(BATCH) {
        let batch: Vec<String> = batch.iter().map(ToString::to_string).collect();
        let found = cluster.locate(indices, &batch).await?;
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
        Entry::Events(id, events) => format!("{} of calendar {id}", amount(events.len() as u64, "event", "events")),
        Entry::InputIndex(name) => format!("index {name}"),
        Entry::Job => format!("job {}", plan.job()),
        Entry::State(_) => format!("state documents of job {}", plan.job()),
        Entry::Annotations { .. } => format!("annotations of job {}", plan.job()),
        Entry::Notifications { .. } => format!("imported notifications of job {}", plan.job()),
        Entry::Datafeed(id) => format!("datafeed {id}"),
        Entry::Membership(id) => format!("membership of job {} in calendar {id}", plan.job()),
    }
}

fn request(entry: &Entry, plan: &Plan, in_use: bool) -> String {
    let job = plan.job();
    let force = if in_use { "?force=true" } else { "" };
    match entry {
        Entry::Filter(id) => format!("DELETE /_ml/filters/{id}"),
        Entry::Calendar(id) => format!("DELETE /_ml/calendars/{id}"),
        Entry::Events(id, _) => {
            format!("DELETE /_ml/calendars/{id}/events/<event_id of GET /_ml/calendars/{id}/events>")
        }
        Entry::InputIndex(name) => format!("DELETE /{name}"),
        Entry::Job => format!("DELETE /_ml/anomaly_detectors/{job}{force}"),
        Entry::State(ids) => by_id(".ml-state-write", ids),
        Entry::Annotations { index, ids } | Entry::Notifications { index, ids } => by_id(index, ids),
        Entry::Datafeed(id) => format!("DELETE /_ml/datafeeds/{id}{force}"),
        Entry::Membership(id) => format!("DELETE /_ml/calendars/{id}/jobs/{job}"),
    }
}

fn by_id(index: &str, ids: &[impl ToString]) -> String {
    let lines: Vec<String> = ids
        .iter()
        .map(|id| serde_json::json!({"delete": {"_index": index, "_id": id.to_string()}}).to_string())
        .collect();
    format!("POST /_bulk\n{}", lines.join("\n"))
}

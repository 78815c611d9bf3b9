//! Undoing the journal from its end. Nothing is deleted before it is proven that this run created it.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::documents::Documents;
use super::journal::{Certainty, Entry, Journal, Replaced};
use super::owner::{self, Foreign, Owner};
use super::plan::{Plan, ids_of};
use crate::cluster::{self, Cluster, Search};
use crate::error::Remaining;
use crate::job::{CalendarId, FilterId, JobId};
use crate::state::STATE_INDICES;
use crate::util::format::amount;

/// Undoing that takes longer is given up: where the cluster is gone, whoever waits shall hear what remains.
const LONGEST: Duration = Duration::from_secs(600);
/// IDs a request: a rollback works on what may be large documents, so it asks for places only.
const BATCH: usize = 1_000;
/// Where the cluster writes a job's results, whichever index that is now.
const RESULTS: &str = ".ml-anomalies-*";
/// Results of one revert that are looked for: it writes one.
const SIZES: usize = 1_000;

/// What became of an entry.
enum Became {
    Undone,
    /// There was nothing to undo.
    Absent,
    /// It is not this import's to delete.
    Left(Foreign),
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
    /// What belongs to others, and what cannot be brought back.
    pub(super) kept: Vec<String>,
    /// What could not be undone.
    pub(super) remains: Vec<Remaining>,
}

/// Why something is not undone.
#[derive(Clone)]
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
    let rollback = Rollback {
        cluster,
        journal,
        plan,
        until: cluster.clock().now() + LONGEST,
    };
    let mut outcome = RolledBack::default();
    rollback.undo_all(&mut outcome).await;
    rollback.tell_replaced(&mut outcome).await;
    outcome
}

struct Rollback<'a> {
    cluster: &'a Cluster,
    journal: &'a Journal,
    plan: &'a Plan,
    until: Duration,
}

impl Rollback<'_> {
    async fn undo_all(&self, outcome: &mut RolledBack) {
        let mut remains = Vec::new();
        match self.in_use().await {
            Some(why) => self.leave_all(&why, &mut remains, outcome).await,
            None => self.undo_each(&mut remains, outcome).await,
        }
        let job_remains = remains.iter().any(|(entry, _)| matches!(entry, Entry::Job));
        // Deleting the job takes it out of its calendars, and one that is not in a calendar cannot be removed from it.
        remains.retain(|(entry, _)| !(job_remains && matches!(entry, Entry::Membership(_))));
        let told = remains.iter().map(|(entry, kept)| Remaining {
            what: format!("{} ({})", self.describe(entry), kept.why),
            remove: match entry {
                Entry::Reverted if !job_remains => removal_of_reverted(self.plan.job()),
                _ => self.request(entry, kept.in_use),
            },
        });
        outcome.remains.extend(told);
    }

    /// Without its state the job would be worth nothing to those who use it.
    async fn leave_all(&self, why: &Kept, remains: &mut Vec<(Entry, Kept)>, outcome: &mut RolledBack) {
        for entry in self.journal.to_undo() {
            match owner::owner(self.cluster, self.plan, self.journal, &entry).await {
                Ok(Some(Owner::Nobody)) => {}
                Ok(Some(Owner::Others(why))) => self.note(&Became::Left(why), &entry, outcome),
                Ok(Some(Owner::Us) | None) => remains.push((entry, why.clone())),
                Err(error) => remains.push((entry, error.into())),
            }
        }
    }

    async fn undo_each(&self, remains: &mut Vec<(Entry, Kept)>, outcome: &mut RolledBack) {
        let mut failed = Vec::new();
        for entry in self.journal.to_undo() {
            match self.undo_in_time(&entry).await {
                Ok(became) => self.note(&became, &entry, outcome),
                Err(_) => failed.push(entry),
            }
        }
        // What failed may have gone with something else, or have been in the way of it: once more.
        for entry in failed {
            match self.undo_in_time(&entry).await {
                // It may have gone by the first try.
                Ok(Became::Absent) => self.note(&Became::Undone, &entry, outcome),
                Ok(became) => self.note(&became, &entry, outcome),
                Err(kept) => remains.push((entry, kept)),
            }
        }
    }

    fn note(&self, became: &Became, entry: &Entry, outcome: &mut RolledBack) {
        let what = self.describe(entry);
        match became {
            Became::Undone => outcome.undone.push(what),
            Became::Absent => {}
            Became::Left(why) => outcome.kept.push(format!("{what} is left in place: {why}")),
        }
    }

    /// Why nothing may be undone: others use the job.
    async fn in_use(&self) -> Option<Kept> {
        let entries = self.journal.to_undo();
        if !entries.iter().any(|entry| matches!(entry, Entry::Job)) {
            return None;
        }
        // Whatever keeps the cluster from answering, it is asked again before the job is deleted.
        let foreign = owner::foreign_datafeed(self.cluster, self.plan, self.journal)
            .await
            .ok()??;
        match owner::job(self.cluster, self.plan, self.journal).await {
            Ok(Owner::Us) => Some(used_by(&foreign)),
            _ => None,
        }
    }

    /// Why something is not undone, in words, where it is not done by then.
    async fn undo_in_time(&self, entry: &Entry) -> Result<Became, Kept> {
        let left = self.until.saturating_sub(self.cluster.clock().now());
        let late = || Kept::because(format!("not undone within {} minutes", LONGEST.as_secs() / 60));
        if left.is_zero() {
            return Err(late());
        }
        tokio::select! {
            biased;
            undone = self.undo(entry) => undone,
            () = self.cluster.clock().limit(left) => Err(late()),
        }
    }

    /// Once another job has the ID of ours, everything that shares its ID or name is its own.
    async fn undo(&self, entry: &Entry) -> Result<Became, Kept> {
        if let Owner::Others(why) = owner::job(self.cluster, self.plan, self.journal).await? {
            return Ok(Became::Left(why));
        }
        match owner::owner(self.cluster, self.plan, self.journal, entry).await? {
            Some(Owner::Nobody) => return Ok(Became::Absent),
            Some(Owner::Others(why)) => return Ok(Became::Left(why)),
            // What has no owner but the job.
            Some(Owner::Us) | None => {}
        }
        let (cluster, job) = (self.cluster, self.plan.job());
        let undone = match entry {
            Entry::Filter(id) => return self.delete_filter(id).await,
            Entry::Calendar(id) => cluster.delete_calendar(id).await?,
            Entry::Events(id, events) => self.delete_events(id, events).await?,
            Entry::InputIndex(name) => cluster.delete_index(name.as_str()).await?,
            Entry::Job => return self.delete_job().await,
            Entry::Documents(documents) => return self.delete_documents(documents).await,
            Entry::Reverted => return self.delete_what_revert_wrote().await,
            Entry::Datafeed(id) => cluster.delete_datafeed(id).await?,
            Entry::Membership(id) => cluster.remove_job_from_calendar(id, job).await?,
        };
        Ok(Became::of(undone))
    }

    /// Elasticsearch keeps a filter that a job names: ours, where deleting it failed, or one of others.
    async fn delete_filter(&self, id: &FilterId) -> Result<Became, Kept> {
        match self.cluster.delete_filter(id).await {
            Ok(deleted) => Ok(Became::of(deleted)),
            Err(error) if error.status() == Some(409) && self.cluster.job(self.plan.job()).await?.is_none() => {
                Ok(Became::Left(Foreign::Used))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn delete_events(&self, id: &CalendarId, events: &[Map<String, Value>]) -> cluster::Result<bool> {
        let mut any = false;
        for event in ids_of(events, self.cluster.events(id).await?) {
            any |= self.cluster.delete_event(id, &event).await?;
        }
        Ok(any)
    }

    /// Deleting a job takes its results and quantiles along, those that a search finds.
    async fn delete_job(&self) -> Result<Became, Kept> {
        let (cluster, job) = (self.cluster, self.plan.job());
        cluster.refresh(&[&job.results_alias(), ".ml-state*"]).await?;
        if let Some(foreign) = owner::foreign_datafeed(cluster, self.plan, self.journal).await? {
            return Err(used_by(&foreign));
        }
        match owner::job(cluster, self.plan, self.journal).await? {
            Owner::Us => Ok(Became::of(cluster.delete_job(job).await?)),
            Owner::Nobody => Ok(Became::Absent),
            Owner::Others(why) => Ok(Became::Left(why)),
        }
    }

    async fn delete_documents(&self, documents: &Documents) -> Result<Became, Kept> {
        let searched = documents.searched();
        let searched: Vec<&str> = searched.iter().map(String::as_str).collect();
        self.cluster.refresh(&searched).await?;
        let mut any = false;
        for ids in documents.batches(BATCH) {
            let found = self.cluster.locate(&searched, &ids).await?;
            if let Some(why) = self.delete_found(&found).await? {
                return Ok(Became::Left(why));
            }
            any |= !found.is_empty();
        }
        self.cluster.refresh(&searched).await?;
        Ok(Became::of(any))
    }

    /// Elasticsearch deletes these together with the job, except where somebody else deleted it before they were written,
    /// or their index is closed or blocked.
    async fn delete_what_revert_wrote(&self) -> Result<Became, Kept> {
        let (cluster, job) = (self.cluster, self.plan.job());
        if matches!(owner::job(cluster, self.plan, self.journal).await?, Owner::Us) {
            return Ok(Became::Absent);
        }
        let mut searched = STATE_INDICES.to_vec();
        searched.push(RESULTS);
        cluster.refresh(&searched).await?;
        let mut found = cluster.locate(&STATE_INDICES, &[job.quantiles_document_id()]).await?;
        let sizes = cluster
            .sample(&Search::lenient([RESULTS], model_sizes(job)), SIZES)
            .await?;
        found.extend(sizes.into_iter().map(|hit| (hit.index.to_string(), hit.id)));
        if let Some(why) = self.delete_found(&found).await? {
            return Ok(Became::Left(why));
        }
        cluster.refresh(&searched).await?;
        Ok(Became::of(!found.is_empty()))
    }

    /// Deletes documents that were found, unless another job came to own them in the meantime.
    async fn delete_found(&self, found: &[(String, String)]) -> cluster::Result<Option<Foreign>> {
        if found.is_empty() {
            return Ok(None);
        }
        if let Owner::Others(why) = owner::job(self.cluster, self.plan, self.journal).await? {
            return Ok(Some(why));
        }
        self.cluster.delete_documents(found).await?;
        Ok(None)
    }

    /// Says what `--replace` deleted, not what it was about to delete.
    async fn tell_replaced(&self, outcome: &mut RolledBack) {
        for (replaced, certainty) in self.journal.all_replaced() {
            let what = replaced.describe(self.plan.job());
            let gone = match certainty {
                Certainty::Written => Some(true),
                _ => self.is_gone(&replaced).await,
            };
            outcome.kept.extend(match gone {
                Some(true) => Some(format!("{what}: deleted for --replace, which cannot be brought back")),
                Some(false) => None,
                None => Some(format!(
                    "{what}: may be deleted for --replace, which cannot be brought back"
                )),
            });
        }
    }

    /// Whether a deletion whose end was not seen was carried out; `None` where that cannot be known.
    async fn is_gone(&self, replaced: &Replaced) -> Option<bool> {
        let cluster = self.cluster;
        let there = match replaced {
            Replaced::Datafeed(id) => cluster.datafeed(id).await.map(|there| there.is_some()),
            Replaced::Job => cluster.job(self.plan.job()).await.map(|there| there.is_some()),
            Replaced::InputIndex(name) => cluster
                .index_definitions(&[name.to_string()])
                .await
                .map(|there| !there.is_empty()),
            Replaced::Leftovers => return None,
        };
        there.ok().map(|there| !there)
    }

    fn describe(&self, entry: &Entry) -> String {
        let job = self.plan.job();
        match entry {
            Entry::Filter(id) => format!("filter {id}"),
            Entry::Calendar(id) => format!("calendar {id}"),
            Entry::Events(id, events) => {
                format!("{} of calendar {id}", amount(events.len() as u64, "event", "events"))
            }
            Entry::InputIndex(name) => format!("index {name}"),
            Entry::Job => format!("job {job}"),
            Entry::Documents(documents) => format!("{} of job {job}", documents.what),
            Entry::Reverted => format!("quantiles and model size of job {job}"),
            Entry::Datafeed(id) => format!("datafeed {id}"),
            Entry::Membership(id) => format!("membership of job {job} in calendar {id}"),
        }
    }

    fn request(&self, entry: &Entry, in_use: bool) -> String {
        let job = self.plan.job();
        let force = if in_use { "?force=true" } else { "" };
        match entry {
            Entry::Filter(id) => format!("DELETE /_ml/filters/{id}"),
            Entry::Calendar(id) => format!("DELETE /_ml/calendars/{id}"),
            Entry::Events(id, _) => {
                format!("DELETE /_ml/calendars/{id}/events/<event_id of GET /_ml/calendars/{id}/events>")
            }
            Entry::InputIndex(name) => format!("DELETE /{name}"),
            Entry::Job => format!("DELETE /_ml/anomaly_detectors/{job}{force}"),
            Entry::Documents(documents) => documents.removal(),
            Entry::Reverted => {
                let quantiles = json!({"delete": {"_index": ".ml-state-write", "_id": job.quantiles_document_id()}});
                format!("POST /_bulk\n{quantiles}")
            }
            Entry::Datafeed(id) => format!("DELETE /_ml/datafeeds/{id}{force}"),
            Entry::Membership(id) => format!("DELETE /_ml/calendars/{id}/jobs/{job}"),
        }
    }
}

/// Finds what the cluster noted of the size of the job's model.
fn model_sizes(job: &JobId) -> Value {
    json!({"bool": {"filter": [
        {"term": {"job_id": job.as_str()}}, {"term": {"result_type": "model_size_stats"}},
    ]}})
}

/// The request that removes what a revert wrote, once there is no job to be deleted together with it.
fn removal_of_reverted(job: &JobId) -> String {
    let quantiles = json!({"ids": {"values": [job.quantiles_document_id()]}});
    let query = json!({"query": {"bool": {"should": [quantiles, model_sizes(job)]}}});
    format!("POST /.ml-state*,{RESULTS}/_delete_by_query\n{query}")
}

fn used_by(datafeed: &str) -> Kept {
    Kept::because(format!(
        "datafeed {datafeed}, which this import did not create, uses the job"
    ))
}

//! Undoing the journal in reverse order. Nothing is deleted before it is proven that this run created it.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::context::Import;
use super::journal::{Entry, Replaced, WriteStatus, WrittenDocuments};
use super::ownership::{ForeignReason, Ownership};
use super::plan::event_ids;
use crate::cluster::{self, Search};
use crate::error::{Error, Remaining};
use crate::job::{CalendarId, FilterId, JobId};
use crate::state::STATE_INDICES;
use crate::util::format::amount;

/// A longer rollback is given up: where the cluster is gone, the user must learn what remains.
const MAX_TIME: Duration = Duration::from_secs(600);
/// IDs in one request.
const BATCH: usize = 1_000;
/// The indices of a job's results.
const RESULTS: &str = ".ml-anomalies-*";
/// Sizes of the model that are searched for: a revert writes one.
const MAX_SIZES: usize = 1_000;

enum UndoOutcome {
    Undone,
    /// There was nothing to undo.
    Absent,
    /// It is not this import's to delete.
    Kept(ForeignReason),
}

impl UndoOutcome {
    fn undone_if(undone: bool) -> Self {
        if undone { Self::Undone } else { Self::Absent }
    }
}

/// Why something is not undone.
#[derive(Clone)]
struct UndoFailure {
    why: String,
    /// It is open or started, and only a forced request deletes it.
    in_use: bool,
}

impl UndoFailure {
    fn new(why: String) -> Self {
        Self { why, in_use: false }
    }

    fn used_by(datafeed: &str) -> Self {
        Self::new(format!(
            "datafeed {datafeed}, which this import did not create, uses the job"
        ))
    }
}

impl From<cluster::Error> for UndoFailure {
    fn from(error: cluster::Error) -> Self {
        Self {
            why: error.to_string(),
            in_use: error.status() == Some(409),
        }
    }
}

/// The result of a rollback, a line for each entry.
#[derive(Debug, Default)]
pub(super) struct RollbackReport {
    undone: Vec<String>,
    /// What belongs to others, and what cannot be restored.
    kept: Vec<String>,
    /// What could not be undone.
    remains: Vec<Remaining>,
}

impl RollbackReport {
    /// The error of the import that failed for this cause.
    pub(super) fn into_error(self, cause: Box<Error>) -> Error {
        let Self { undone, kept, remains } = self;
        Error::RolledBack {
            cause,
            undone,
            kept,
            remains,
        }
    }

    fn add(&mut self, what: String, outcome: &UndoOutcome) {
        match outcome {
            UndoOutcome::Undone => self.undone.push(what),
            UndoOutcome::Absent => {}
            UndoOutcome::Kept(why) => self.kept.push(format!("{what} is left in place: {why}")),
        }
    }
}

/// Undoes what it can.
pub(super) async fn roll_back(import: &Import) -> RollbackReport {
    let mut rollback = Rollback {
        import,
        deadline: import.cluster().clock().now() + MAX_TIME,
        report: RollbackReport::default(),
    };
    rollback.undo_all().await;
    rollback.report_replaced().await;
    rollback.report
}

struct Rollback<'a> {
    import: &'a Import,
    deadline: Duration,
    report: RollbackReport,
}

impl Rollback<'_> {
    async fn undo_all(&mut self) {
        let mut remains = match self.foreign_use().await {
            Some(why) => self.keep_all(&why).await,
            None => self.undo_each().await,
        };
        let job_remains = remains.iter().any(|(entry, _)| matches!(entry, Entry::Job));
        // Deleting the job removes it from its calendars, and a job that is not in a calendar cannot be removed from it.
        remains.retain(|(entry, _)| !(job_remains && matches!(entry, Entry::Membership(_))));
        let job = self.import.job();
        let remaining = remains.iter().map(|(entry, failure)| Remaining {
            what: format!("{} ({})", describe(entry, job), failure.why),
            remove: match entry {
                Entry::Reverted if !job_remains => deletion_of_reverted(job),
                _ => request(entry, job, failure.in_use),
            },
        });
        self.report.remains.extend(remaining);
    }

    /// Why nothing may be undone: others use the job, which would be worth nothing without its state.
    async fn foreign_use(&self) -> Option<UndoFailure> {
        let entries = self.import.journal.to_undo();
        if !entries.iter().any(|entry| matches!(entry, Entry::Job)) {
            return None;
        }
        // Where the cluster does not answer, it is asked again before the job is deleted.
        let datafeed = self.import.foreign_datafeed().await.ok()??;
        match self.import.job_ownership().await {
            Ok(Ownership::Ours) => Some(UndoFailure::used_by(&datafeed)),
            _ => None,
        }
    }

    async fn keep_all(&mut self, why: &UndoFailure) -> Vec<(Entry, UndoFailure)> {
        let mut remains = Vec::new();
        for entry in self.import.journal.to_undo() {
            match self.import.ownership(&entry).await {
                Ok(Some(Ownership::Absent)) => {}
                Ok(Some(Ownership::Foreign(why))) => self.add(&entry, &UndoOutcome::Kept(why)),
                Ok(Some(Ownership::Ours) | None) => remains.push((entry, why.clone())),
                Err(error) => remains.push((entry, error.into())),
            }
        }
        remains
    }

    async fn undo_each(&mut self) -> Vec<(Entry, UndoFailure)> {
        let mut failed = Vec::new();
        for entry in self.import.journal.to_undo() {
            match self.undo_in_time(&entry).await {
                Ok(outcome) => self.add(&entry, &outcome),
                Err(_) => failed.push(entry),
            }
        }
        // Another entry may have been in its way, or may have been deleted together with it.
        let mut remains = Vec::new();
        for entry in failed {
            match self.undo_in_time(&entry).await {
                // The first request may have been executed.
                Ok(UndoOutcome::Absent) => self.add(&entry, &UndoOutcome::Undone),
                Ok(outcome) => self.add(&entry, &outcome),
                Err(failure) => remains.push((entry, failure)),
            }
        }
        remains
    }

    fn add(&mut self, entry: &Entry, outcome: &UndoOutcome) {
        self.report.add(describe(entry, self.import.job()), outcome);
    }

    async fn undo_in_time(&self, entry: &Entry) -> Result<UndoOutcome, UndoFailure> {
        let clock = self.import.cluster().clock();
        let left = self.deadline.saturating_sub(clock.now());
        let late = || UndoFailure::new(format!("not undone within {} minutes", MAX_TIME.as_secs() / 60));
        if left.is_zero() {
            return Err(late());
        }
        tokio::select! {
            biased;
            undone = self.undo(entry) => undone,
            () = clock.limit(left) => Err(late()),
        }
    }

    /// Once another job has the ID of ours, everything that shares its ID or name belongs to it.
    async fn undo(&self, entry: &Entry) -> Result<UndoOutcome, UndoFailure> {
        if let Ownership::Foreign(why) = self.import.job_ownership().await? {
            return Ok(UndoOutcome::Kept(why));
        }
        match self.import.ownership(entry).await? {
            Some(Ownership::Absent) => return Ok(UndoOutcome::Absent),
            Some(Ownership::Foreign(why)) => return Ok(UndoOutcome::Kept(why)),
            // `None` belongs to the job.
            Some(Ownership::Ours) | None => {}
        }
        let (cluster, job) = (self.import.cluster(), self.import.job());
        let undone = match entry {
            Entry::Filter(id) => return self.delete_filter(id).await,
            Entry::Calendar(id) => cluster.delete_calendar(id).await?,
            Entry::Events(id, events) => self.delete_events(id, events).await?,
            Entry::InputIndex(name) => cluster.delete_index(name.as_str()).await?,
            Entry::Job => return self.delete_job().await,
            Entry::Documents(documents) => return self.delete_documents(documents).await,
            Entry::Reverted => return self.delete_reverted().await,
            Entry::Datafeed(id) => cluster.delete_datafeed(id).await?,
            Entry::Membership(id) => cluster.remove_job_from_calendar(id, job).await?,
        };
        Ok(UndoOutcome::undone_if(undone))
    }

    /// Elasticsearch keeps a filter that a job names: ours, where deleting it failed, or another one.
    async fn delete_filter(&self, id: &FilterId) -> Result<UndoOutcome, UndoFailure> {
        let cluster = self.import.cluster();
        match cluster.delete_filter(id).await {
            Ok(deleted) => Ok(UndoOutcome::undone_if(deleted)),
            Err(error) if error.status() == Some(409) && cluster.job(self.import.job()).await?.is_none() => {
                Ok(UndoOutcome::Kept(ForeignReason::Used))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn delete_events(&self, id: &CalendarId, events: &[Map<String, Value>]) -> cluster::Result<bool> {
        let cluster = self.import.cluster();
        let mut any = false;
        for event in event_ids(events, cluster.events(id).await?) {
            any |= cluster.delete_event(id, &event).await?;
        }
        Ok(any)
    }

    /// Deleting a job deletes those of its results and quantiles that a search finds.
    async fn delete_job(&self) -> Result<UndoOutcome, UndoFailure> {
        let (cluster, job) = (self.import.cluster(), self.import.job());
        cluster.refresh(&[&job.results_alias(), ".ml-state*"]).await?;
        if let Some(datafeed) = self.import.foreign_datafeed().await? {
            return Err(UndoFailure::used_by(&datafeed));
        }
        match self.import.job_ownership().await? {
            Ownership::Ours => Ok(UndoOutcome::undone_if(cluster.delete_job(job).await?)),
            Ownership::Absent => Ok(UndoOutcome::Absent),
            Ownership::Foreign(why) => Ok(UndoOutcome::Kept(why)),
        }
    }

    /// State documents may be large: only their indices are fetched.
    async fn delete_documents(&self, documents: &WrittenDocuments) -> Result<UndoOutcome, UndoFailure> {
        let cluster = self.import.cluster();
        let searched = documents.searched_indices();
        let searched: Vec<&str> = searched.iter().map(String::as_str).collect();
        cluster.refresh(&searched).await?;
        let mut any = false;
        for ids in documents.batches(BATCH) {
            let found = cluster.locate(&searched, &ids).await?;
            if let Some(why) = self.delete_found(&found).await? {
                return Ok(UndoOutcome::Kept(why));
            }
            any |= !found.is_empty();
        }
        cluster.refresh(&searched).await?;
        Ok(UndoOutcome::undone_if(any))
    }

    /// Elasticsearch deletes these together with the job, unless others deleted it before they were written, or their
    /// index is closed or blocked.
    async fn delete_reverted(&self) -> Result<UndoOutcome, UndoFailure> {
        let (cluster, job) = (self.import.cluster(), self.import.job());
        if self.import.job_ownership().await? == Ownership::Ours {
            return Ok(UndoOutcome::Absent);
        }
        let mut searched = STATE_INDICES.to_vec();
        searched.push(RESULTS);
        cluster.refresh(&searched).await?;
        let mut found = cluster.locate(&STATE_INDICES, &[job.quantiles_document_id()]).await?;
        let sizes = Search::lenient([RESULTS], model_sizes(job));
        let sizes = cluster.sample(&sizes, MAX_SIZES).await?;
        found.extend(sizes.into_iter().map(|hit| (hit.index.to_string(), hit.id)));
        if let Some(why) = self.delete_found(&found).await? {
            return Ok(UndoOutcome::Kept(why));
        }
        cluster.refresh(&searched).await?;
        Ok(UndoOutcome::undone_if(!found.is_empty()))
    }

    /// Deletes documents that were found, unless they belong to another job by now.
    async fn delete_found(&self, found: &[(String, String)]) -> cluster::Result<Option<ForeignReason>> {
        if found.is_empty() {
            return Ok(None);
        }
        if let Ownership::Foreign(why) = self.import.job_ownership().await? {
            return Ok(Some(why));
        }
        self.import.cluster().delete_documents(found).await?;
        Ok(None)
    }

    /// Reports what `--replace` deleted, not what it was about to delete.
    async fn report_replaced(&mut self) {
        for (replaced, status) in self.import.journal.replaced() {
            let what = replaced.describe(self.import.job());
            let deleted = match status {
                WriteStatus::Written => Some(true),
                _ => self.is_deleted(&replaced).await,
            };
            let certainty = match deleted {
                Some(true) => "deleted",
                Some(false) => continue,
                None => "may be deleted",
            };
            let line = format!("{what}: {certainty} for --replace, which cannot be brought back");
            self.report.kept.push(line);
        }
    }

    /// Whether a deletion without a response was executed; `None` where that cannot be known.
    async fn is_deleted(&self, replaced: &Replaced) -> Option<bool> {
        let cluster = self.import.cluster();
        let exists = match replaced {
            Replaced::Datafeed(id) => cluster.datafeed(id).await.ok()?.is_some(),
            Replaced::Job => cluster.job(self.import.job()).await.ok()?.is_some(),
            Replaced::InputIndex(name) => !cluster.index_definitions(&[name.to_string()]).await.ok()?.is_empty(),
            Replaced::Leftovers => return None,
        };
        Some(!exists)
    }
}

fn describe(entry: &Entry, job: &JobId) -> String {
    match entry {
        Entry::Filter(id) => format!("filter {id}"),
        Entry::Calendar(id) => format!("calendar {id}"),
        Entry::Events(id, events) => format!("{} of calendar {id}", amount(events.len() as u64, "event", "events")),
        Entry::InputIndex(name) => format!("index {name}"),
        Entry::Job => format!("job {job}"),
        Entry::Documents(documents) => format!("{} of job {job}", documents.what),
        Entry::Reverted => format!("quantiles and model size of job {job}"),
        Entry::Datafeed(id) => format!("datafeed {id}"),
        Entry::Membership(id) => format!("membership of job {job} in calendar {id}"),
    }
}

/// The request that undoes an entry.
fn request(entry: &Entry, job: &JobId, in_use: bool) -> String {
    let force = if in_use { "?force=true" } else { "" };
    match entry {
        Entry::Filter(id) => format!("DELETE /_ml/filters/{id}"),
        Entry::Calendar(id) => format!("DELETE /_ml/calendars/{id}"),
        Entry::Events(id, _) => {
            format!("DELETE /_ml/calendars/{id}/events/<event_id of GET /_ml/calendars/{id}/events>")
        }
        Entry::InputIndex(name) => format!("DELETE /{name}"),
        Entry::Job => format!("DELETE /_ml/anomaly_detectors/{job}{force}"),
        Entry::Documents(documents) => documents.deletion_request(),
        Entry::Reverted => {
            let quantiles = json!({"delete": {"_index": ".ml-state-write", "_id": job.quantiles_document_id()}});
            format!("POST /_bulk\n{quantiles}")
        }
        Entry::Datafeed(id) => format!("DELETE /_ml/datafeeds/{id}{force}"),
        Entry::Membership(id) => format!("DELETE /_ml/calendars/{id}/jobs/{job}"),
    }
}

/// The request that deletes what a revert wrote, once there is no job to be deleted together with it.
fn deletion_of_reverted(job: &JobId) -> String {
    let quantiles = json!({"ids": {"values": [job.quantiles_document_id()]}});
    let query = json!({"query": {"bool": {"should": [quantiles, model_sizes(job)]}}});
    format!("POST /.ml-state*,{RESULTS}/_delete_by_query\n{query}")
}

/// Finds what Elasticsearch recorded of the size of the job's model.
fn model_sizes(job: &JobId) -> Value {
    json!({"bool": {"filter": [
        {"term": {"job_id": job.as_str()}}, {"term": {"result_type": "model_size_stats"}},
    ]}})
}

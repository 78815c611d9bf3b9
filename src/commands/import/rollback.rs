//! Undoes the journal in reverse order. Nothing is deleted unless it is proven that this run created it.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::context::Import;
use super::journal::{Entry, Replaced, WriteStatus, WrittenDocuments};
use super::ownership::{Ownership, USED};
use super::plan::event_ids;
use crate::cluster::{self, Hit, Search, within};
use crate::error::{Error, Remaining};
use crate::job::{CalendarId, FilterId, JobId, ResultType};
use crate::state::STATE_INDICES;

/// A longer rollback is abandoned: if the cluster is unreachable, the user needs to know what remains.
const MAX_TIME: Duration = Duration::from_secs(600);
/// IDs per request.
const BATCH: usize = 1_000;
/// The indices of a job's results.
const RESULTS: &str = ".ml-anomalies-*";
/// Results per search.
const MAX_RESULTS: usize = 10_000;

/// Why something is not undone.
#[derive(Clone)]
struct UndoFailure {
    why: String,
    /// The job is open or the datafeed is started: deleting it requires `force`.
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
        // The request is printed next to the reason.
        let text = error.to_string();
        let why = text.strip_prefix("DELETE /").and_then(|text| text.split_once(": "));
        Self {
            why: why.map_or(text.as_str(), |(_, why)| why).to_owned(),
            in_use: error.status() == Some(409),
        }
    }
}

/// The ownership of the object of an entry; if it was ours, it has been deleted.
type Undone = Result<Ownership, UndoFailure>;

/// A rollback that can be stopped between two requests.
pub(super) struct Rollback<'a> {
    import: &'a Import,
    deadline: Duration,
    /// Why nothing may be deleted.
    foreign_use: Option<UndoFailure>,
    /// What is not undone yet, in order.
    pending: VecDeque<Entry>,
    failed: Vec<(Entry, UndoFailure)>,
    /// What `--replace` deleted or was about to delete, if it is not reported yet.
    replaced: VecDeque<(Replaced, WriteStatus)>,
    undone: Vec<String>,
    /// What is not deleted because this import did not create it, and what cannot be restored.
    kept: Vec<String>,
}

/// Whether a datafeed of another client uses the job, which must then keep its state.
async fn foreign_use(import: &Import) -> Option<UndoFailure> {
    let entries = import.journal.to_undo();
    if !entries.iter().any(|entry| matches!(entry, Entry::Job)) {
        return None;
    }
    // If this check fails, it is repeated before the job is deleted.
    let datafeed = import.foreign_datafeed().await.ok()??;
    let is_ours = import.job_ownership().await.ok()? == Ownership::Ours;
    is_ours.then(|| UndoFailure::used_by(&datafeed))
}

impl<'a> Rollback<'a> {
    pub(super) fn new(import: &'a Import) -> Self {
        Self {
            import,
            deadline: Duration::MAX,
            foreign_use: None,
            pending: import.journal.to_undo().into(),
            failed: Vec::new(),
            replaced: import.journal.replaced.possible().into(),
            undone: Vec::new(),
            kept: Vec::new(),
        }
    }

    /// Undoes as much as possible.
    pub(super) async fn run(&mut self) {
        let stage = self.import.stage("Rolling back", Some(self.pending.len() as u64));
        // The cluster may still execute a request that was abandoned, and must not do so after the rollback.
        self.import.cluster().wait_for_tasks().await;
        self.deadline = self.import.cluster().clock().now() + MAX_TIME;
        self.foreign_use = foreign_use(self.import).await;
        while let Some(entry) = self.pending.front().cloned() {
            match self.undo_in_time(&entry).await {
                Ok(found) => self.report(&entry, found),
                Err(failure) => self.failed.push((entry, failure)),
            }
            self.pending.pop_front();
            stage.inc(1);
        }
        if self.foreign_use.is_none() {
            self.retry_failed().await;
        }
        self.report_replaced().await;
    }

    /// Another entry may have prevented the deletion, or the object may have been deleted together with it.
    async fn retry_failed(&mut self) {
        let mut number = 0;
        while let Some((entry, _)) = self.failed.get(number).cloned() {
            match self.undo_in_time(&entry).await {
                // The first request may have been executed.
                Ok(Ownership::Absent) => self.report(&entry, Ownership::Ours),
                Ok(found) => self.report(&entry, found),
                Err(failure) => {
                    self.failed[number].1 = failure;
                    number += 1;
                    continue;
                }
            }
            self.failed.remove(number);
        }
    }

    /// The error of the import, which failed because of `cause`. If the rollback was stopped, the rest of it remains.
    pub(super) fn into_error(mut self, cause: Error) -> Error {
        let stopped = UndoFailure::new("may remain".to_owned());
        let pending = std::mem::take(&mut self.pending).into_iter();
        self.failed.extend(pending.map(|entry| (entry, stopped.clone())));
        for (Replaced { what, .. }, status) in std::mem::take(&mut self.replaced) {
            self.report_deleted(&what, status == WriteStatus::Written);
        }
        Error::RolledBack {
            cause: Box::new(cause),
            remains: self.remains(),
            undone: self.undone,
            kept: self.kept,
        }
    }

    fn remains(&self) -> Vec<Remaining> {
        let job = self.import.job();
        let job_remains = self.failed.iter().any(|(entry, _)| matches!(entry, Entry::Job));
        // Deleting the job also deletes its results and removes it from its calendars. Removing it before that would make the
        // next request fail.
        let is_listed = |entry: &Entry| !(job_remains && matches!(entry, Entry::Membership(_) | Entry::Results));
        let listed = self.failed.iter().filter(|(entry, _)| is_listed(entry));
        let listed = listed.map(|(entry, failure)| Remaining {
            what: format!("{} ({})", entry.describe(job), failure.why),
            remove: match entry {
                Entry::Reverted if !job_remains => deletion_of_reverted(job),
                _ => request(entry, job, failure.in_use),
            },
        });
        let mut remains: Vec<Remaining> = listed.collect();
        // A job may have been reverted twice.
        remains.dedup();
        remains
    }

    fn report(&mut self, entry: &Entry, found: Ownership) {
        let what = entry.describe(self.import.job());
        match found {
            Ownership::Ours => self.undone.push(what),
            Ownership::Absent => {}
            Ownership::Foreign(why) => self.kept.push(format!("{what} was left in place: {why}")),
        }
    }

    async fn undo_in_time(&self, entry: &Entry) -> Undone {
        let clock = self.import.cluster().clock();
        let undone = match self.deadline.saturating_sub(clock.now()) {
            Duration::ZERO => None,
            left => within(clock, left, self.undo(entry)).await,
        };
        let minutes = MAX_TIME.as_secs() / 60;
        undone.unwrap_or_else(|| Err(UndoFailure::new(format!("not removed within {minutes} minutes"))))
    }

    /// If another job has the ID of ours, everything under that ID belongs to it.
    async fn undo(&self, entry: &Entry) -> Undone {
        let (import, cluster, job) = (self.import, self.import.cluster(), self.import.job());
        if let foreign @ Ownership::Foreign(_) = import.job_ownership().await? {
            return Ok(foreign);
        }
        let found = import.ownership(entry).await?;
        if found != Ownership::Ours {
            return Ok(found);
        }
        if let Some(failure) = &self.foreign_use {
            return Err(failure.clone());
        }
        let deleted = match entry {
            Entry::Filter(id) => return self.delete_filter(id).await,
            Entry::Calendar(id) => cluster.delete_calendar(id).await?,
            Entry::Events(id, events) => self.delete_events(id, events).await?,
            Entry::InputIndex(name) => cluster.delete_index(name.as_str()).await?,
            Entry::Job => return self.delete_job().await,
            Entry::Documents(documents) => return self.delete_documents(documents).await,
            Entry::Results => return self.delete_results(results_of(job)).await,
            Entry::Reverted => return self.delete_reverted().await,
            Entry::Datafeed(id) => cluster.delete_datafeed(id).await?,
            Entry::Membership(id) => cluster.remove_job_from_calendar(id, job).await?,
        };
        Ok(ours_if(deleted))
    }

    /// Elasticsearch does not delete a filter while a job uses it: ours, if it could not be deleted, or another one.
    async fn delete_filter(&self, id: &FilterId) -> Undone {
        let cluster = self.import.cluster();
        match cluster.delete_filter(id).await {
            Ok(deleted) => Ok(ours_if(deleted)),
            Err(error) if error.status() == Some(409) && cluster.job(self.import.job()).await?.is_none() => {
                Ok(Ownership::Foreign(USED))
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

    /// Deleting a job deletes only those of its results and quantiles that a search finds, hence the refresh.
    async fn delete_job(&self) -> Undone {
        let (cluster, job) = (self.import.cluster(), self.import.job());
        cluster.refresh(&[&job.results_alias(), ".ml-state*"]).await?;
        if let Some(datafeed) = self.import.foreign_datafeed().await? {
            return Err(UndoFailure::used_by(&datafeed));
        }
        match self.import.job_ownership().await? {
            Ownership::Ours => Ok(ours_if(cluster.delete_job(job).await?)),
            found => Ok(found),
        }
    }

    /// State documents may be large: only their locations are fetched.
    async fn delete_documents(&self, documents: &WrittenDocuments) -> Undone {
        let cluster = self.import.cluster();
        let searched = documents.searched_indices();
        cluster.refresh(&searched).await?;
        let mut any = false;
        for ids in documents.ids().chunks(BATCH) {
            match self.delete_found(cluster.locate(&searched, ids).await?).await? {
                foreign @ Ownership::Foreign(_) => return Ok(foreign),
                found => any |= found == Ownership::Ours,
            }
        }
        cluster.refresh(&searched).await?;
        Ok(ours_if(any))
    }

    async fn delete_reverted(&self) -> Undone {
        let (cluster, job) = (self.import.cluster(), self.import.job());
        let sizes = self.delete_results(model_sizes(job)).await?;
        if self.import.job_ownership().await? != Ownership::Absent {
            return Ok(sizes);
        }
        cluster.refresh(&STATE_INDICES).await?;
        let quantiles = cluster.locate(&STATE_INDICES, &[job.quantiles_document_id()]).await?;
        let quantiles = self.delete_found(quantiles).await?;
        cluster.refresh(&STATE_INDICES).await?;
        Ok(if quantiles == Ownership::Absent {
            sizes
        } else {
            quantiles
        })
    }

    /// Elasticsearch deletes results together with the job, unless the job was deleted before they were written, or their
    /// index is closed or blocked.
    async fn delete_results(&self, query: Value) -> Undone {
        let cluster = self.import.cluster();
        if self.import.job_ownership().await? == Ownership::Ours {
            return Ok(Ownership::Absent);
        }
        let mut results = Search::lenient([RESULTS], query);
        results.fields = Some(vec!["result_type".to_owned()]);
        let mut any = false;
        loop {
            cluster.refresh(&[RESULTS]).await?;
            match self.delete_found(cluster.sample(&results, MAX_RESULTS).await?).await? {
                Ownership::Ours => any = true,
                Ownership::Absent => return Ok(ours_if(any)),
                foreign => return Ok(foreign),
            }
        }
    }

    /// Deletes documents that were found, unless they belong to another job in the meantime.
    async fn delete_found(&self, found: Vec<Hit>) -> cluster::Result<Ownership> {
        if found.is_empty() {
            return Ok(Ownership::Absent);
        }
        if let foreign @ Ownership::Foreign(_) = self.import.job_ownership().await? {
            return Ok(foreign);
        }
        self.import.cluster().delete_documents(&found).await?;
        Ok(Ownership::Ours)
    }

    /// Reports what `--replace` deleted, but not what it only intended to delete.
    async fn report_replaced(&mut self) {
        while let Some((Replaced { what, entry }, status)) = self.replaced.front().cloned() {
            let found = match (status, entry) {
                (WriteStatus::Written, _) => Some(Ownership::Absent),
                // A deletion without a response may have been executed.
                (_, Some(entry)) => self.import.ownership(&entry).await.ok(),
                (_, None) => None,
            };
            if matches!(found, None | Some(Ownership::Absent)) {
                self.report_deleted(&what, found.is_some());
            }
            self.replaced.pop_front();
        }
    }

    fn report_deleted(&mut self, what: &str, is_certain: bool) {
        let certainty = if is_certain { "deleted" } else { "may have been deleted" };
        let line = format!("{what}: {certainty} by --replace, cannot be restored");
        self.kept.push(line);
    }
}

fn ours_if(deleted: bool) -> Ownership {
    if deleted { Ownership::Ours } else { Ownership::Absent }
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
        Entry::Results => delete_by_query(RESULTS, &results_of(job)),
        Entry::Reverted => {
            let quantiles = json!({"delete": {"_index": ".ml-state-write", "_id": job.quantiles_document_id()}});
            format!("POST /_bulk\n{quantiles}")
        }
        Entry::Datafeed(id) => format!("DELETE /_ml/datafeeds/{id}{force}"),
        Entry::Membership(id) => format!("DELETE /_ml/calendars/{id}/jobs/{job}"),
    }
}

/// The request that deletes the documents of a revert after the job itself was deleted.
fn deletion_of_reverted(job: &JobId) -> String {
    let quantiles = json!({"ids": {"values": [job.quantiles_document_id()]}});
    let query = json!({"bool": {"should": [quantiles, model_sizes(job)]}});
    delete_by_query(&format!(".ml-state*,{RESULTS}"), &query)
}

fn delete_by_query(indices: &str, query: &Value) -> String {
    format!("POST /{indices}/_delete_by_query\n{}", json!({ "query": query }))
}

/// A query for the model size results of the job.
fn model_sizes(job: &JobId) -> Value {
    results_of_types(job, &["model_size_stats"])
}

/// A query for all results of the job that an archive may contain.
fn results_of(job: &JobId) -> Value {
    results_of_types(job, &ResultType::NAMES.map(|(_, name)| name))
}

fn results_of_types(job: &JobId, types: &[&str]) -> Value {
    json!({"bool": {"filter": [{"term": {"job_id": job.as_str()}}, {"terms": {"result_type": types}}]}})
}

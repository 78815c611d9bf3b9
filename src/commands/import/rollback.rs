//! Undoes the journal in reverse order. Nothing is deleted unless it is proven that this run created it.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::context::Import;
use super::journal::{Entry, Ownership, Replaced, WriteStatus, WrittenDocuments};
use super::ownership::USED;
use super::plan::{documents_of_job, event_ids};
use crate::cluster::{self, Hit, within};
use crate::error::{Error, Remaining};
use crate::job::{CalendarId, FilterId, JobId};
use crate::state::STATE_INDICES;
use crate::terminal::Stage;
use crate::util::process::lock;

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
    /// Why nothing may be deleted.
    foreign_use: Option<UndoFailure>,
    /// What is undone, in order, with the results so far.
    entries: Vec<(Entry, Option<Undone>)>,
}

/// Whether a datafeed of another client uses the job, which must then keep its state.
async fn foreign_use(import: &Import) -> cluster::Result<Option<UndoFailure>> {
    let datafeed = import.foreign_datafeed().await?;
    let why = datafeed.map(|id| format!("datafeed {id}, which this import did not create, uses the job"));
    Ok(why.map(UndoFailure::new))
}

impl<'a> Rollback<'a> {
    pub(super) fn new(import: &'a Import) -> Self {
        let entries = import.journal.to_undo().into_iter();
        Self {
            import,
            foreign_use: None,
            entries: entries.map(|entry| (entry, None)).collect(),
        }
    }

    /// Undoes as much as possible within a limit.
    pub(super) async fn run(&mut self) {
        let (import, cluster) = (self.import, self.import.cluster());
        let stage = import.stage("Rolling back", Some(self.entries.len() as u64));
        // The cluster may still execute a request that was abandoned, and must not do so after the rollback.
        cluster.wait_for_tasks().await;
        let undoing = async {
            self.undo_all(&stage).await;
            self.check_deletions().await;
        };
        if within(cluster.clock(), MAX_TIME, undoing).await.is_none() {
            let why = format!("not removed within {} minutes", MAX_TIME.as_secs() / 60);
            for (_, undone) in &mut self.entries {
                undone.get_or_insert_with(|| Err(UndoFailure::new(why.clone())));
            }
        }
    }

    async fn undo_all(&mut self, stage: &Stage) {
        // If this check fails, it is repeated before the job is deleted.
        self.foreign_use = foreign_use(self.import).await.ok().flatten();
        for number in 0..self.entries.len() {
            let undone = self.undo(&self.entries[number].0).await;
            self.entries[number].1 = Some(undone);
            stage.inc(1);
        }
        if self.foreign_use.is_none() {
            self.retry_failed().await;
        }
    }

    /// Another entry may have prevented the deletion, or the object may have been deleted together with it.
    async fn retry_failed(&mut self) {
        for number in 0..self.entries.len() {
            if let (entry, Some(Err(_))) = &self.entries[number] {
                self.entries[number].1 = Some(match self.undo(entry).await {
                    // The first request may have been executed.
                    Ok(Ownership::Absent) => Ok(Ownership::Ours),
                    undone => undone,
                });
            }
        }
    }

    /// A deletion of `--replace` without a response may have been executed.
    async fn check_deletions(&self) {
        let replaced = &self.import.journal.replaced;
        for (handle, Replaced { entry, .. }) in replaced.intended() {
            if let Some(entry) = entry
                && let Ok(found) = self.import.ownership(&entry).await
            {
                let deleted = found == Ownership::Absent;
                let status = if deleted {
                    WriteStatus::Written
                } else {
                    WriteStatus::Refused
                };
                replaced.set(handle, status);
            }
        }
    }

    /// The error of the import, which failed because of `cause`. If the rollback was stopped, the rest of it remains.
    pub(super) fn into_error(self, cause: Error) -> Error {
        let job = self.import.job();
        let mut entries = self.entries.iter();
        let job_remains = entries.any(|entry| matches!(entry, (Entry::Job, None | Some(Err(_)))));
        let (mut undone, mut kept, mut remains) = (Vec::new(), Vec::new(), Vec::new());
        for (entry, found) in self.entries {
            let what = entry.describe(job);
            match found.unwrap_or_else(|| Err(UndoFailure::new("may remain".to_owned()))) {
                Ok(Ownership::Absent) => {}
                Ok(Ownership::Ours) => undone.push(what),
                Ok(Ownership::Foreign(why)) => kept.push(format!("{what} was left in place: {why}")),
                // Deleting the job also deletes its results and removes it from its calendars. Removing it before that would
                // make the next request fail.
                Err(_) if job_remains && matches!(entry, Entry::Membership(_) | Entry::Results) => {}
                Err(UndoFailure { why, in_use }) => remains.push(Remaining {
                    what: format!("{what} ({why})"),
                    remove: request(&entry, job, in_use),
                }),
            }
        }
        for (name, owner) in lock(&self.import.journal.reindexed).iter() {
            match owner {
                Ownership::Absent => {}
                Ownership::Ours => remains.push(Remaining {
                    what: format!("Index {name} and its documents are kept. To continue, run the same command again."),
                    remove: format!("DELETE /{name}"),
                }),
                Ownership::Foreign(why) => kept.push(format!("index {name}: {why}")),
            }
        }
        for (Replaced { what, .. }, status) in self.import.journal.replaced.possible() {
            let is_certain = status == WriteStatus::Written;
            let certainty = if is_certain { "deleted" } else { "may have been deleted" };
            kept.push(format!("{what}: {certainty} by --replace, cannot be restored"));
        }
        let cause = Box::new(cause);
        Error::RolledBack {
            cause,
            undone,
            kept,
            remains,
        }
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
            Entry::Results => return self.delete_results().await,
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
        if let Some(failure) = foreign_use(self.import).await? {
            return Err(failure);
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

    /// Elasticsearch deletes results together with the job, unless the job was deleted before they were written, or their
    /// index is closed or blocked.
    async fn delete_results(&self) -> Undone {
        let (cluster, job) = (self.import.cluster(), self.import.job());
        if self.import.job_ownership().await? == Ownership::Ours {
            return Ok(Ownership::Absent);
        }
        cluster.refresh(&STATE_INDICES).await?;
        let quantiles = cluster.locate(&STATE_INDICES, &[job.quantiles_document_id()]).await?;
        let mut undone = self.delete_found(quantiles).await?;
        cluster.refresh(&STATE_INDICES).await?;
        loop {
            cluster.refresh(&[RESULTS]).await?;
            let results = cluster.sample(&documents_of_job(RESULTS, job), MAX_RESULTS).await?;
            match self.delete_found(results).await? {
                Ownership::Absent => return Ok(undone),
                Ownership::Ours => undone = Ownership::Ours,
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
        Entry::Results => {
            let quantiles = json!({"ids": {"values": [job.quantiles_document_id()]}});
            let of_job = documents_of_job(RESULTS, job).query;
            let query = json!({"query": {"bool": {"should": [quantiles, of_job]}}});
            format!("POST /.ml-state*,{RESULTS}/_delete_by_query\n{query}")
        }
        Entry::Datafeed(id) => format!("DELETE /_ml/datafeeds/{id}{force}"),
        Entry::Membership(id) => format!("DELETE /_ml/calendars/{id}/jobs/{job}"),
    }
}

//! Finds the job and the snapshot to export, before anything is written.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::options::ExportOptions;
use crate::archive::{EntryBuilder, EntryKind, EntryName, SealedEntry};
use crate::cluster::ml::SnapshotSummary;
use crate::cluster::{Cluster, Hit, RequiredPrivileges, Search, SearchRange, Sort, time_range};
use crate::commands::open_job::OpenJob;
use crate::commands::session::Session;
use crate::commands::{list, question};
use crate::error::{Error, Result};
use crate::job::{JobConfig, JobId, is_remote};
use crate::util::format::duration;
use crate::util::similar::suggest;
use crate::util::timestamp::EpochMillis;

/// The snapshot ID of a job that was reverted to an empty model.
const NO_SNAPSHOT: &str = "empty";
const ML_INDICES: [&str; 4] = [
    ".ml-state*",
    ".ml-anomalies-*",
    ".ml-annotations*",
    ".ml-notifications*",
];

/// The job and the snapshot to export, and the context of the export.
pub(in crate::commands) struct Export<'a> {
    pub(super) session: &'a Session,
    pub(super) options: &'a ExportOptions,
    /// The configuration with the datafeed, as written to the archive.
    pub(super) job: JobConfig,
    pub(super) snapshot: SnapshotSummary,
    /// The stored snapshot document.
    pub(super) snapshot_document: Hit,
}

/// The privileges that this export requires, or with `None` those of every export. Reading filters and
/// closing jobs require `manage_ml`.
pub(in crate::commands) fn required_privileges(export: Option<&Export<'_>>) -> RequiredPrivileges {
    let manages = export.is_some_and(|export| !export.job.filters().is_empty() || export.options.close_job);
    let inputs = export.map(Export::input_indices).unwrap_or_default();
    RequiredPrivileges {
        cluster: vec!["monitor", if manages { "manage_ml" } else { "monitor_ml" }],
        indices: vec![
            (ML_INDICES.map(str::to_owned).to_vec(), vec!["read"]),
            (inputs, vec!["read", "view_index_metadata"]),
        ],
    }
}

impl<'a> Export<'a> {
    /// Finds job, datafeed and snapshot.
    pub(super) async fn plan(session: &'a Session, options: &'a ExportOptions, id: &JobId) -> Result<Self> {
        let cluster = &session.cluster;
        let _stage = session.stage("Reading the job", None);
        let Some(config) = cluster.job(id).await? else {
            return Err(list::unknown_job(cluster, id).await);
        };
        let datafeed = cluster.datafeed_of(id).await?;
        let job = JobConfig::of(&config, datafeed.as_deref())?;
        let stats = cluster.job_stats(id).await?;
        let snapshot = find_snapshot(session, options, &job).await?;
        let snapshot_document = snapshot_document(cluster, id, &snapshot).await?;
        let export = Self {
            session,
            options,
            job,
            snapshot,
            snapshot_document,
        };
        if let Some(stats) = stats {
            let open = OpenJob::of(session, &export.job, &stats).await?;
            export.warn_of_newer_changes(open, &stats.state).await?;
        }
        let (config, snapshot) = (export.job.text.get().len(), export.snapshot_document.source.len());
        for (kind, bytes) in [(EntryKind::Config, config), (EntryKind::Snapshot, snapshot)] {
            export.name(kind).refuse_too_large(bytes as u64)?;
        }
        Ok(export)
    }

    /// Reports that the job has learned more than the snapshot contains, and how to get a newer one. An open job continues to
    /// learn, which changes the categorizer state but not the snapshot.
    async fn warn_of_newer_changes(&self, open: Option<OpenJob>, state: &str) -> Result<()> {
        let job = self.job.id();
        let is_newest = self.options.source.exports_snapshot_in_use();
        let age = if is_newest { self.age().await? } else { None };
        let age = age.map(|age| format!("its results are {} newer than the snapshot", duration(age)));
        let changes = "changes since the last snapshot are not included";
        match (open, age) {
            (Some(open), age) => {
                let age = age.map(|age| format!(", and {age}")).unwrap_or_default();
                let next = format!(
                    "; to include them, add {}, or close the job first:\n{}",
                    self.options.close_option,
                    open.close_requests()
                );
                let next = if is_newest { next } else { String::new() };
                self.warn(&format!("{changes}: job {job} is open{age}{next}"));
            }
            (None, Some(age)) if state == "closed" => {
                let start = self
                    .job
                    .datafeed()
                    .map(|datafeed| format!("POST /_ml/datafeeds/{}/_start\n", datafeed.id));
                let (start, path) = (start.unwrap_or_default(), format!("POST /_ml/anomaly_detectors/{job}"));
                self.warn(&format!(
                    "{changes}: job {job} is closed, and {age}; for a newer snapshot, open the job, and close it when it has \
                     processed documents:\n{path}/_open\n{start}{path}/_close"
                ));
            }
            (None, _) if state == "closed" => {}
            (None, _) => self.warn(&format!("{changes}: job {job} is {state}")),
        }
        Ok(())
    }

    /// How much later the latest bucket of the job is than that of the snapshot.
    async fn age(&self) -> Result<Option<Duration>> {
        let query = json!({ "bool": {
            "filter": [self.of_job(), { "term": { "result_type": "bucket" } }],
            "must_not": { "term": { "is_interim": true } },
        } });
        let search = self.search(&self.job.id().results_alias(), query, "timestamp");
        let extent = self.cluster().time_extent(&search).await?;
        let newer = |(_, EpochMillis(latest)): (EpochMillis, EpochMillis)| {
            let age = latest.checked_sub(self.snapshot.latest_result?.0)?;
            u64::try_from(age).ok().filter(|age| *age > 0)
        };
        Ok(extent.and_then(newer).map(Duration::from_millis))
    }

    pub(super) fn cluster(&self) -> &'a Cluster {
        &self.session.cluster
    }

    pub(super) fn warn(&self, text: &str) {
        self.session.terminal.warn(text);
    }

    /// A search for documents of the job in system indices, in the order of a field.
    pub(super) fn search(&self, indices: &str, query: Value, sort: &str) -> Search {
        Search {
            sort: Sort::Ascending(sort.to_owned()),
            page_size: self.options.source.page_size,
            pagination: self.options.source.pagination,
            ..Search::lenient([indices], query)
        }
    }

    /// The query for documents of the job.
    pub(super) fn of_job(&self) -> Value {
        json!({ "term": { "job_id": self.job.id() } })
    }

    /// The local indices whose documents are exported.
    pub(super) fn input_indices(&self) -> Vec<String> {
        let datafeed = self.job.datafeed().filter(|_| self.options.source.inputs().is_some());
        let indices = datafeed.into_iter().flat_map(|datafeed| &datafeed.indices);
        indices.filter(|index| !is_remote(index)).cloned().collect()
    }

    /// The name of an entry of the archive.
    pub(super) fn name(&self, kind: EntryKind) -> EntryName {
        EntryName::of(kind, self.job.id(), &self.snapshot.id)
    }

    pub(super) fn entry(&self, kind: EntryKind) -> EntryBuilder {
        EntryBuilder::new(self.name(kind), self.options.compression_level)
    }

    /// An entry that consists of one JSON text.
    pub(super) fn json_entry(&self, kind: EntryKind, text: &[u8]) -> Result<SealedEntry> {
        let mut entry = self.entry(kind);
        entry.json(text)?;
        Ok(entry.seal()?)
    }

    /// Fails if the job was deleted or created again since its configuration was read. Checked last, so that everything
    /// read before belongs to that job.
    pub(super) async fn refuse_replaced_job(&self) -> Result<()> {
        let job = self.job.id();
        let restore = "check who deleted the job; an earlier archive can restore it: `esml-state import ARCHIVE`";
        let (how, hint) = match self.cluster().job(job).await? {
            None => ("deleted", restore),
            Some(current) if create_time(&current) == create_time(&self.job.text) => return Ok(()),
            Some(_) => ("deleted and created again", "export it again"),
        };
        let message = format!("job {job} was {how} during the export: no archive was written");
        Err(Error::failed(message, hint))
    }
}

/// The query for documents in a range of time, or for all documents without bounds.
pub(super) fn in_range(field: &str, range: SearchRange) -> Value {
    time_range(field, range.from, range.until).unwrap_or_else(|| json!({ "match_all": {} }))
}

fn create_time(config: &RawValue) -> Option<Value> {
    let config: Value = serde_json::from_str(config.get()).ok()?;
    config.get("create_time").cloned()
}

pub(super) async fn choose_job(session: &Session) -> Result<JobId> {
    // Without these privileges, a search for the snapshots finds nothing.
    session.require_privileges(&required_privileges(None)).await?;
    let jobs = list::list_jobs(session).await?;
    if jobs.rows().is_empty() {
        return Err(Error::failed(
            format!("no anomaly detection jobs on {}", session.cluster.address()),
            "create a job first, or check the address in --url",
        ));
    }
    let lines = jobs.lines();
    let question = "Job to export (type to search)";
    match question::ask(&session.terminal, move |terminal| terminal.choose(question, &lines)).await? {
        Some(chosen) => Ok(jobs.rows()[chosen]["job_id"].as_str().unwrap_or_default().parse()?),
        None => Err(Error::refused(
            "no job selected: no archive was written",
            "select a job, or name it: `esml-state export JOB`",
        )),
    }
}

/// The snapshot to export. If the job was reverted, a warning names the latest snapshot, which is not the one that it uses.
async fn find_snapshot(session: &Session, options: &ExportOptions, job: &JobConfig) -> Result<SnapshotSummary> {
    let (id, used) = (job.id(), job.model_snapshot_id.as_ref());
    let snapshots = session.cluster.snapshots(id).await?;
    let Some(latest) = snapshots.first() else {
        return Err(Error::failed(
            format!("job {id} has no model snapshot yet"),
            format!(
                "open the job, start its datafeed, and when it has processed documents, close the job (`POST \
                 /_ml/anomaly_detectors/{id}/_close`), which creates a snapshot"
            ),
        ));
    };
    let choice = (&options.source.snapshot_id, options.source.before());
    if let Some(chosen) = snapshots.iter().find(|snapshot| options.source.chooses(snapshot, used)) {
        if choice == (&None, None) && chosen.id != latest.id {
            session.terminal.warn(&format!(
                "the latest snapshot is not exported: job {id} was reverted and uses snapshot {} of {}; to export the \
                 latest one, of {}: --snapshot-id {}",
                chosen.id, chosen.timestamp, latest.timestamp, latest.id
            ));
        }
        return Ok(chosen.clone());
    }
    let message = match (choice, used.filter(|used| used.as_str() != NO_SNAPSHOT)) {
        ((Some(snapshot), _), _) => format!("snapshot {snapshot} of job {id} does not exist"),
        ((None, Some(moment)), _) => format!("job {id} has no model snapshot created before {moment}"),
        (_, Some(used)) => format!("snapshot {used}, which job {id} uses, does not exist"),
        (_, None) => format!("job {id} does not use a model snapshot: it was reset, or reverted to an empty model"),
    };
    let (latest, time) = (&latest.id, latest.timestamp);
    let list = format!("list the snapshots with `esml-state list {id}`");
    let hint = match choice {
        (None, None) => format!("export the latest one, of {time}, with --snapshot-id {latest}"),
        (Some(snapshot), _) => {
            let known = snapshots.iter().map(|snapshot| snapshot.id.as_str());
            suggest(snapshot.as_str(), known, &list)
        }
        (None, Some(_)) => list,
    };
    Err(Error::failed(message, hint))
}

async fn snapshot_document(cluster: &Cluster, job: &JobId, snapshot: &SnapshotSummary) -> Result<Hit> {
    #[derive(Deserialize)]
    struct Stored {
        snapshot_doc_count: Option<u64>,
    }
    let id = &snapshot.id;
    let document = cluster.snapshot_document(job, id).await?.ok_or_else(|| {
        Error::failed(
            format!("the stored document of snapshot {id} of job {job} was not found"),
            "grant the user `read` on .ml-anomalies-*: without this privilege, searches return no documents",
        )
    })?;
    let stored: Stored = serde_json::from_slice(&document.source).map_err(|error| {
        Error::failed(
            format!("{}: document {}: {error}", document.index, &*document.id),
            "the snapshot cannot be used: choose another one with --snapshot-id",
        )
    })?;
    match stored.snapshot_doc_count {
        Some(count) if count > 0 && count == snapshot.state_documents => Ok(document),
        _ => Err(Error::failed(
            format!("snapshot {id} of job {job} is incomplete: its number of state documents is missing or differs"),
            "the job may still be writing it: export again, or choose another one with --snapshot-id",
        )),
    }
}

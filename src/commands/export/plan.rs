//! What is exported: the job and one of its snapshots, found before anything is written.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::options::ExportOptions;
use crate::archive::{EntryBuilder, EntryKind, EntryName, SealedEntry};
use crate::cluster::ml::SnapshotSummary;
use crate::cluster::{Cluster, Hit, RequiredPrivileges};
use crate::commands::interrupt;
use crate::commands::session::Session;
use crate::error::{Error, Result};
use crate::job::{JobConfig, JobId, is_remote};
use crate::util::format::Table;

/// The snapshot that a job uses after it was reverted to none.
const NO_SNAPSHOT: &str = "empty";
const ML_INDICES: [&str; 4] = [
    ".ml-state*",
    ".ml-anomalies-*",
    ".ml-annotations*",
    ".ml-notifications*",
];

/// What is exported, and what each step of it needs.
pub(super) struct Export<'a> {
    pub(super) session: &'a Session,
    pub(super) options: &'a ExportOptions,
    /// With its datafeed, as it is written to the archive.
    pub(super) job: JobConfig,
    pub(super) snapshot: SnapshotSummary,
    /// The snapshot as it is stored.
    pub(super) snapshot_document: Hit,
}

/// What this export reads, or any one of whatever job. Elasticsearch requires `manage_ml` to read filters.
pub(super) fn required_privileges(export: Option<&Export<'_>>) -> RequiredPrivileges {
    let reads_filters = export.is_some_and(|export| !export.job.filters().is_empty());
    let inputs = export.map(Export::input_indices).unwrap_or_default();
    RequiredPrivileges {
        cluster: vec!["monitor", if reads_filters { "manage_ml" } else { "monitor_ml" }],
        indices: vec![
            (ML_INDICES.map(str::to_owned).to_vec(), vec!["read"]),
            (inputs, vec!["read", "view_index_metadata"]),
        ],
    }
}

impl<'a> Export<'a> {
    /// Finds job, datafeed and snapshot.
    pub(super) async fn plan(session: &'a Session, options: &'a ExportOptions) -> Result<Self> {
        let cluster = &session.cluster;
        if cluster.identity.serverless {
            return Err(Error::failed(
                "a serverless project does not hand out model snapshots",
                "only self-managed and hosted clusters have the API that an export needs",
            ));
        }
        let id = match &options.job {
            Some(id) => id.clone(),
            None => choose_job(session).await?,
        };
        let config = cluster.job(&id).await?.ok_or_else(|| {
            Error::failed(
                format!("no job `{id}` on {}", cluster.address()),
                "GET _ml/anomaly_detectors lists the jobs; without --job-id a terminal offers them",
            )
        })?;
        let datafeed = cluster.datafeed_of(&id).await?;
        let config = JobConfig::with_datafeed(&config, datafeed.as_deref())?;
        let job = JobConfig::parse(config.get().as_bytes())?;
        // An open job continues to learn: the snapshot stays as it is, the categorizer's state does not.
        if let Some(stats) = cluster.job_stats(&id).await?
            && stats.state != "closed"
        {
            session.terminal.print(&format!(
                "job {id} is {}: what it learned after the snapshot is not in the archive",
                stats.state
            ));
        }
        let snapshot = find_snapshot(session, options, &job).await?;
        let snapshot_document = snapshot_document(cluster, &id, &snapshot).await?;
        let export = Self {
            session,
            options,
            job,
            snapshot,
            snapshot_document,
        };
        let (config, snapshot) = (export.job.text.get(), &export.snapshot_document.source);
        export.name(EntryKind::Config).refuse_too_large(config.len() as u64)?;
        export
            .name(EntryKind::Snapshot)
            .refuse_too_large(snapshot.len() as u64)?;
        Ok(export)
    }

    pub(super) fn cluster(&self) -> &'a Cluster {
        &self.session.cluster
    }

    pub(super) fn warn(&self, text: &str) {
        self.session.terminal.warn(text);
    }

    /// The indices on this cluster whose documents are exported.
    pub(super) fn input_indices(&self) -> Vec<String> {
        let datafeed = self.job.datafeed().filter(|_| self.options.inputs().is_some());
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

    /// An entry of one JSON text.
    pub(super) fn json_entry(&self, kind: EntryKind, text: &[u8]) -> Result<SealedEntry> {
        let mut entry = self.entry(kind);
        entry.json(text)?;
        Ok(entry.seal()?)
    }

    /// Refuses a job that is not the one whose configuration was read. Checked last: everything read before belongs to
    /// that job.
    pub(super) async fn refuse_replaced_job(&self) -> Result<()> {
        let job = self.job.id();
        let Some(current) = self.cluster().job(job).await? else {
            return Err(Error::failed(
                format!("job {job} was deleted while it was exported"),
                "what was read may be incomplete, so no archive was written: export another job, or import an earlier \
                 archive of this one first",
            ));
        };
        if create_time(&current) != create_time(&self.job.text) {
            return Err(Error::failed(
                format!("job {job} was deleted and created again while it was exported"),
                "export again",
            ));
        }
        Ok(())
    }
}

fn create_time(config: &RawValue) -> Option<Value> {
    let config: Value = serde_json::from_str(config.get()).ok()?;
    config.get("create_time").cloned()
}

async fn choose_job(session: &Session) -> Result<JobId> {
    let jobs = session.cluster.jobs().await?;
    if jobs.is_empty() {
        return Err(Error::failed(
            format!("no anomaly detection job on {}", session.cluster.address()),
            "a user without the right to see jobs sees none: `monitor_ml` is needed",
        ));
    }
    let mut table = Table::new(&[]);
    for job in &jobs {
        let snapshot = job.latest_snapshot.as_ref();
        let snapshot = snapshot.map_or_else(|| "no snapshot".to_owned(), |id| format!("snapshot {id}"));
        table.row([job.id.clone(), job.state.clone(), snapshot, job.groups.join(", ")]);
    }
    let lines: Vec<String> = table.render(0).lines().map(str::to_owned).collect();
    let question = "Which job? (type to search)";
    match interrupt::ask(&session.terminal, move |terminal| terminal.choose(question, &lines)).await? {
        Some(chosen) => Ok(jobs[chosen].id.parse()?),
        None => Err(Error::refused("no job was chosen", "give --job-id")),
    }
}

/// The chosen snapshot. Where the job was reverted, the one that it uses is not the latest one, which is named too.
async fn find_snapshot(session: &Session, options: &ExportOptions, job: &JobConfig) -> Result<SnapshotSummary> {
    let (id, used) = (job.id(), job.model_snapshot_id.as_ref());
    let list = format!("GET _ml/anomaly_detectors/{id}/model_snapshots lists them; closing a job makes one");
    let snapshots = session.cluster.snapshots(id).await?;
    let Some(latest) = snapshots.first() else {
        return Err(Error::failed(format!("job {id} has no model snapshot yet"), list));
    };
    let choice = (&options.snapshot_id, options.before());
    if let Some(chosen) = snapshots.iter().find(|snapshot| options.chooses(snapshot, used)) {
        if choice == (&None, None) && chosen.id != latest.id {
            session.terminal.warn(&format!(
                "job {id} was reverted: it uses snapshot {} of {}, which is exported; the latest one is {} of {} \
                 (--snapshot-id {})",
                chosen.id, chosen.timestamp, latest.id, latest.timestamp, latest.id
            ));
        }
        return Ok(chosen.clone());
    }
    let message = match (choice, used.filter(|used| used.as_str() != NO_SNAPSHOT)) {
        ((Some(snapshot), _), _) => format!("job {id} has no model snapshot `{snapshot}`"),
        ((None, Some(moment)), _) => format!("job {id} has no model snapshot from before {moment}"),
        (_, Some(used)) => format!("job {id} uses snapshot {used}, which is not among its model snapshots"),
        (_, None) => format!("job {id} uses no model snapshot: it was reverted to none, or reset"),
    };
    let (latest, time) = (&latest.id, latest.timestamp);
    let hint = match choice {
        (None, None) => format!("export the latest one, of {time}, with --snapshot-id {latest}"),
        _ => list,
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
            format!("the stored document of snapshot {id} of job {job} is not found"),
            "the user needs `read` on .ml-anomalies-*: without it a search shows nothing",
        )
    })?;
    let stored: Stored = serde_json::from_slice(&document.source).map_err(|error| {
        Error::failed(
            format!("{}: document {}: {error}", document.index, document.id),
            "the snapshot is not usable; choose another with --snapshot-id",
        )
    })?;
    match stored.snapshot_doc_count {
        Some(count) if count > 0 && count == snapshot.state_documents => Ok(document),
        _ => Err(Error::failed(
            format!("snapshot {id} of job {job} does not say how many state documents it has"),
            "it may still be written; try again, or choose another with --snapshot-id",
        )),
    }
}

//! What is exported: the job and one of its snapshots, found before anything is written.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::options::ExportOptions;
use crate::archive::{EntryKind, EntryName};
use crate::cluster::ml::{SnapshotChoice, SnapshotSummary};
use crate::cluster::{Cluster, Deployment, Hit, RequiredPrivileges};
use crate::commands::interrupt;
use crate::commands::session::Session;
use crate::error::{Error, Result};
use crate::job::{JobConfig, JobId};
use crate::terminal::PromptError;
use crate::util::table::Table;

/// The snapshot that a job uses after it was reverted to none.
const NO_SNAPSHOT: &str = "empty";
const ML_INDICES: [&str; 4] = [
    ".ml-state*",
    ".ml-anomalies-*",
    ".ml-annotations*",
    ".ml-notifications*",
];

/// What each step of an export needs.
#[derive(Clone, Copy)]
pub(super) struct ExportContext<'a> {
    pub(super) session: &'a Session,
    pub(super) options: &'a ExportOptions,
    pub(super) target: &'a ExportTarget,
}

impl<'a> ExportContext<'a> {
    pub(super) fn cluster(self) -> &'a Cluster {
        &self.session.cluster
    }

    pub(super) fn warn(self, text: &str) {
        self.session.terminal.warn(text);
    }
}

/// A job, as it is written to the archive, and the snapshot.
#[derive(Debug)]
pub(super) struct ExportTarget {
    pub(super) config: Box<RawValue>,
    pub(super) job: JobConfig,
    pub(super) snapshot: SnapshotSummary,
    /// The snapshot as it is stored.
    pub(super) document: Hit,
}

/// What every export reads, whatever its job.
pub(super) fn privileges_for_any_job() -> RequiredPrivileges {
    RequiredPrivileges {
        cluster: vec!["monitor", "monitor_ml"],
        indices: vec![(ML_INDICES.map(str::to_owned).to_vec(), vec!["read"])],
    }
}

impl ExportTarget {
    /// Finds job, datafeed and snapshot.
    pub(super) async fn find(session: &Session, options: &ExportOptions) -> Result<Self> {
        let cluster = &session.cluster;
        if cluster.identity.deployment == Deployment::Serverless {
            return Err(Error::failed(
                "a serverless project does not hand out model snapshots",
                "only self-managed and hosted clusters have the API that an export needs",
            ));
        }
        let id = match &options.job {
            Some(id) => id.clone(),
            None => choose_job(session).await?,
        };
        let raw = cluster.job(&id).await?.ok_or_else(|| {
            Error::failed(
                format!("no job `{id}` on {}", cluster.address()),
                "GET _ml/anomaly_detectors lists the jobs; without --job-id a terminal offers them",
            )
        })?;
        let datafeed = cluster.datafeed_of(&id).await?;
        let config = JobConfig::with_datafeed(&raw, datafeed.as_deref())?;
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
        let snapshot = find_snapshot(session, &job, &options.snapshot()).await?;
        let document = snapshot_document(cluster, &id, &snapshot).await?;
        let target = Self {
            config,
            job,
            snapshot,
            document,
        };
        target.refuse_too_large(EntryKind::Config, target.config.get().len())?;
        target.refuse_too_large(EntryKind::Snapshot, target.document.source.len())?;
        Ok(target)
    }

    pub(super) fn entry_name(&self, kind: EntryKind) -> EntryName {
        EntryName::of(kind, self.job.id(), &self.snapshot.id)
    }

    pub(super) fn refuse_too_large(&self, kind: EntryKind, bytes: usize) -> Result<()> {
        Ok(self.entry_name(kind).refuse_too_large(bytes as u64)?)
    }

    /// What this export reads. Elasticsearch requires `manage_ml` to read filters.
    pub(super) fn required_privileges(&self, input_indices: Option<&[String]>) -> RequiredPrivileges {
        let mut required = privileges_for_any_job();
        if let Some(indices) = input_indices.filter(|indices| !indices.is_empty()) {
            required
                .indices
                .push((indices.to_vec(), vec!["read", "view_index_metadata"]));
        }
        if !self.job.filters().is_empty() {
            required.cluster = vec!["monitor", "manage_ml"];
        }
        required
    }

    /// Refuses a job that is not the one whose configuration was read. Checked last: everything read before belongs to
    /// that job.
    pub(super) async fn refuse_replaced(&self, cluster: &Cluster) -> Result<()> {
        #[derive(Deserialize, PartialEq, Eq)]
        struct Identity {
            create_time: Option<i64>,
        }
        let job = self.job.id();
        let identity = |config: &RawValue| {
            serde_json::from_str::<Identity>(config.get())
                .map_err(|error| Error::failed(format!("job {job}: {error}"), "this is a bug; please report it"))
        };
        let Some(current) = cluster.job(job).await? else {
            return Err(Error::failed(
                format!("job {job} was deleted while it was exported"),
                "what was read may be incomplete, so no archive was written: export another job, or import an earlier \
                 archive of this one first",
            ));
        };
        if identity(&current)? != identity(&self.config)? {
            return Err(Error::failed(
                format!("job {job} was deleted and created again while it was exported"),
                "export again",
            ));
        }
        Ok(())
    }
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
    match interrupt::while_waiting(&session.terminal, move |terminal| terminal.choose(question, &lines)).await? {
        Ok(Some(chosen)) => Ok(jobs[chosen].id.parse()?),
        Ok(None) => Err(Error::refused("no job was chosen", "give --job-id")),
        Err(PromptError::Interrupted) => Err(Error::Interrupted),
        Err(PromptError::NoTerminal) => Err(Error::Usage {
            message: "which job? --job-id is needed where no terminal can offer a list".into(),
            hint: None,
        }),
    }
}

/// The chosen snapshot. Where the job was reverted, the one that it uses is not the latest one, which is named too.
async fn find_snapshot(session: &Session, job: &JobConfig, choice: &SnapshotChoice) -> Result<SnapshotSummary> {
    let (id, used) = (job.id(), job.model_snapshot_id.as_ref());
    let list = format!("GET _ml/anomaly_detectors/{id}/model_snapshots lists them; closing a job makes one");
    let not_found = |message| Error::failed(message, list);
    let snapshots = session.cluster.snapshots(id).await?;
    let Some(latest) = snapshots.first() else {
        return Err(not_found(format!("job {id} has no model snapshot yet")));
    };
    let chosen = snapshots.iter().find(|snapshot| choice.means(snapshot, used));
    match (choice, chosen) {
        (SnapshotChoice::Used, Some(chosen)) if chosen.id != latest.id => {
            session.terminal.warn(&format!(
                "job {id} was reverted: it uses snapshot {} of {}, which is exported; the latest one is {} of {} \
                 (--snapshot-id {})",
                chosen.id, chosen.timestamp, latest.id, latest.timestamp, latest.id
            ));
            Ok(chosen.clone())
        }
        (_, Some(chosen)) => Ok(chosen.clone()),
        (SnapshotChoice::Used, None) => Err(Error::failed(
            match used.filter(|used| used.as_str() != NO_SNAPSHOT) {
                Some(used) => format!("job {id} uses snapshot {used}, which is not among its model snapshots"),
                None => format!("job {id} uses no model snapshot: it was reverted to none, or reset"),
            },
            format!(
                "export the latest one, of {}, with --snapshot-id {}",
                latest.timestamp, latest.id
            ),
        )),
        (SnapshotChoice::Before(moment), None) => Err(not_found(format!(
            "job {id} has no model snapshot from before {moment}"
        ))),
        (SnapshotChoice::Id(snapshot), None) => Err(not_found(format!("job {id} has no model snapshot `{snapshot}`"))),
    }
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

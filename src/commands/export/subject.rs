//! Which job and which snapshot: chosen, found, and looked at before anything is written.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::not_found;
use super::options::ExportOptions;
use crate::archive::{EntryKind, EntryName};
use crate::cluster::ml::{JobState, SnapshotChoice, SnapshotSummary};
use crate::cluster::{Cluster, Flavour, Hit};
use crate::commands::interrupt;
use crate::error::{Error, Result};
use crate::job::{JobConfig, JobId};
use crate::terminal::{PromptError, Terminal};
use crate::util::table::Table;

/// The snapshot that a job uses after it was reverted to none.
const NO_SNAPSHOT: &str = "empty";

/// What is exported.
#[derive(Debug)]
pub(super) struct Subject {
    /// The configuration as it will stand in the archive.
    pub(super) config: Box<RawValue>,
    /// The same, read.
    pub(super) job: JobConfig,
    /// The snapshot as the API lists it.
    pub(super) snapshot: SnapshotSummary,
    /// The snapshot as it is stored.
    pub(super) document: Hit,
}

#[derive(Deserialize)]
struct Count {
    snapshot_doc_count: Option<u64>,
}

/// Finds job, datafeed and snapshot.
pub(super) async fn find(cluster: &Cluster, options: &ExportOptions, terminal: &Terminal) -> Result<Subject> {
    if cluster.flavour() == Flavour::Serverless {
        return Err(not_found(
            "a serverless project does not hand out model snapshots".into(),
            "only self-managed and hosted clusters have the API that an export needs",
        ));
    }
    let id = match &options.job {
        Some(id) => id.clone(),
        None => choose(cluster, terminal).await?,
    };
    let Some(raw) = cluster.job(&id).await? else {
        return Err(not_found(
            format!("no job `{id}` on {}", cluster.address()),
            "GET _ml/anomaly_detectors lists the jobs; without --job-id a terminal offers them",
        ));
    };
    let datafeed = cluster.datafeed_of(&id).await?;
    let config = JobConfig::with_datafeed(&raw, datafeed.as_deref())?;
    let job = JobConfig::parse(config.get().as_bytes())?;
    warn_if_busy(cluster, &id, terminal).await?;
    let snapshot = snapshot(cluster, &job, options, terminal).await?;
    let document = document(cluster, &id, &snapshot).await?;
    for (kind, bytes) in [
        (EntryKind::Config, config.get().len()),
        (EntryKind::Snapshot, document.source.len()),
    ] {
        EntryName::of(kind, &id, &snapshot.id).refuse_too_large(bytes as u64)?;
    }
    Ok(Subject {
        config,
        job,
        snapshot,
        document,
    })
}

async fn choose(cluster: &Cluster, terminal: &Terminal) -> Result<JobId> {
    let jobs = cluster.jobs().await?;
    if jobs.is_empty() {
        return Err(not_found(
            format!("no anomaly detection job on {}", cluster.address()),
            "a user without the right to see jobs sees none: `monitor_ml` is needed",
        ));
    }
    let mut table = Table::new(&[]);
    for job in &jobs {
        let snapshot = match &job.latest_snapshot {
            Some(id) => format!("snapshot {id}"),
            None => "no snapshot".to_owned(),
        };
        table.row([job.id.clone(), job.state.clone(), snapshot, job.groups.join(", ")]);
    }
    let lines: Vec<String> = table.render(0).lines().map(str::to_owned).collect();
    let chosen = interrupt::while_waiting(terminal, move |asking| {
        asking.choose("Which job? (type to search)", &lines)
    });
    match chosen.await? {
        Ok(Some(chosen)) => Ok(jobs[chosen].id.parse()?),
        Ok(None) => Err(Error::refused("no job was chosen", "give --job-id")),
        Err(PromptError::Interrupted) => Err(Error::Interrupted),
        Err(PromptError::NoTerminal) => Err(Error::Usage {
            message: "which job? --job-id is needed where no terminal can offer a list".into(),
            hint: None,
        }),
    }
}

/// An open job goes on learning: the snapshot stays as it is, the categorizer's state does not.
async fn warn_if_busy(cluster: &Cluster, id: &JobId, terminal: &Terminal) -> Result<()> {
    if let Some(stats) = cluster.job_stats(id).await?
        && let JobState::Other(state) = stats.state
    {
        terminal.print(&format!(
            "job {id} is {state}: what it learned after the snapshot is not in the archive"
        ));
    }
    Ok(())
}

/// The snapshot that is meant. Where the job was reverted, that is not the latest one, and the other one is named.
async fn snapshot(
    cluster: &Cluster,
    job: &JobConfig,
    options: &ExportOptions,
    terminal: &Terminal,
) -> Result<SnapshotSummary> {
    let id = job.id();
    let snapshots = cluster.snapshots(id).await?;
    let used = job.model_snapshot_id();
    let latest = snapshots.first().cloned();
    let wanted = options.snapshot();
    let chosen = snapshots.into_iter().find(|snapshot| wanted.means(snapshot, used));
    let Some(latest) = latest else {
        return Err(no_snapshot(id, format!("job {id} has no model snapshot yet")));
    };
    match (&wanted, chosen) {
        (SnapshotChoice::Used, Some(chosen)) => {
            if chosen.id != latest.id {
                terminal.warn(&format!(
                    "job {id} was reverted: it uses snapshot {} of {}, which is exported; the latest one is {} of {} \
                     (--snapshot-id {})",
                    chosen.id, chosen.timestamp, latest.id, latest.timestamp, latest.id
                ));
            }
            Ok(chosen)
        }
        (_, Some(chosen)) => Ok(chosen),
        (SnapshotChoice::Used, None) => Err(not_found(
            match used {
                Some(used) if used.as_str() != NO_SNAPSHOT => {
                    format!("job {id} uses snapshot {used}, which is not among its model snapshots")
                }
                _ => format!("job {id} uses no model snapshot: it was reverted to none, or reset"),
            },
            &format!(
                "export the latest one, of {}, with --snapshot-id {}",
                latest.timestamp, latest.id
            ),
        )),
        (SnapshotChoice::Before(moment), None) => Err(no_snapshot(
            id,
            format!("job {id} has no model snapshot from before {moment}"),
        )),
        (SnapshotChoice::Id(snapshot), None) => {
            Err(no_snapshot(id, format!("job {id} has no model snapshot `{snapshot}`")))
        }
    }
}

fn no_snapshot(job: &JobId, message: String) -> Error {
    not_found(
        message,
        &format!("GET _ml/anomaly_detectors/{job}/model_snapshots lists them; closing a job makes one"),
    )
}

async fn document(cluster: &Cluster, job: &JobId, snapshot: &SnapshotSummary) -> Result<Hit> {
    let Some(document) = cluster.snapshot_document(job, &snapshot.id).await? else {
        return Err(not_found(
            format!(
                "the stored document of snapshot {} of job {job} is not found",
                snapshot.id
            ),
            "the user needs `read` on .ml-anomalies-*: without it a search shows nothing",
        ));
    };
    let stored: Count = serde_json::from_slice(&document.source).map_err(|error| {
        not_found(
            format!("{}: document {}: {error}", document.index, document.id),
            "the snapshot is not usable; choose another with --snapshot-id",
        )
    })?;
    match stored.snapshot_doc_count {
        Some(count) if count > 0 && count == snapshot.state_documents => Ok(document),
        _ => Err(not_found(
            format!(
                "snapshot {} of job {job} does not say how many state documents it has",
                snapshot.id
            ),
            "it may still be written; try again, or choose another with --snapshot-id",
        )),
    }
}

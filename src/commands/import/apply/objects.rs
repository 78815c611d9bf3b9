//! What exists under the job's ID, which `--replace` deletes; then the job, its filters, calendars and datafeed. The job is
//! created first, closed: nightly maintenance deletes state without a job, and Elasticsearch deletes no filter that a job
//! names.

use std::collections::BTreeSet;
use std::future::Future;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::cluster;
use crate::commands::import::archive::origin;
use crate::commands::import::context::Import;
use crate::commands::import::journal::{Entry, Replaced, WriteStatus};
use crate::commands::import::ownership::Ownership;
use crate::commands::import::plan::{CalendarAction, FilterAction, FilterPlan, documents_of_job, missing_events};
use crate::error::{Error, Result};
use crate::job::{Calendar, SnapshotId};
use crate::state::{STATE_INDICES, StateDocId, StateKind};

/// IDs in one request: state documents are large, so responses are kept small.
const BATCH: u64 = 8;

/// `--replace`: deletes job, datafeed, leftovers and input indices of an earlier import.
pub(super) async fn delete_existing(import: &Import) -> Result<()> {
    let (cluster, plan, journal, job) = (import.cluster(), &import.plan, &import.journal, import.job());
    let existing = &plan.existing;
    if plan.replace && (existing.job || existing.leftovers) {
        let title = format!("Deleting what is there of job {job}");
        let stage = import.session.stage(&title, None);
        let snapshots = snapshots(import).await?;
        if let Some(datafeed) = &existing.datafeed {
            let handle = journal.record_deletion(Replaced::Datafeed(datafeed.clone()));
            journal.record_deleted(handle, cluster.delete_datafeed(datafeed).await?);
        }
        if existing.job {
            let handle = journal.record_deletion(Replaced::Job);
            journal.record_deleted(handle, cluster.delete_job(job).await?);
        }
        let handle = journal.record_deletion(Replaced::Leftovers);
        let mut any = delete_state(import, &snapshots).await?;
        for indices in [".ml-anomalies-*", ".ml-annotations*", ".ml-notifications*"] {
            any |= delete_documents(import, indices).await?;
        }
        journal.record_deleted(handle, any);
        let line = format!("Deleted what was there of job {job}");
        import.session.done(stage, &line);
    }
    for target in plan.targets.iter().filter(|target| target.replaces) {
        let name = &target.index.name;
        let handle = journal.record_deletion(Replaced::InputIndex(name.clone()));
        journal.record_deleted(handle, cluster.delete_index(name.as_str()).await?);
    }
    Ok(())
}

/// The snapshots whose state may exist: those that documents name, and the imported one.
async fn snapshots(import: &Import) -> Result<BTreeSet<SnapshotId>> {
    #[derive(Deserialize)]
    struct Named {
        snapshot_id: Option<SnapshotId>,
    }
    let mut snapshots = BTreeSet::from([import.plan.snapshot_id.clone()]);
    let mut search = documents_of_job(".ml-anomalies-*", import.job());
    search.query = json!({"bool": {"filter": [search.query, {"exists": {"field": "snapshot_doc_count"}}]}});
    let mut pages = import.cluster().pages(search).await?;
    while let Some(hits) = pages.next().await? {
        let named = hits.iter().filter_map(|hit| serde_json::from_slice(&hit.source).ok());
        snapshots.extend(named.filter_map(|named: Named| named.snapshot_id));
    }
    Ok(snapshots)
}

/// Returns whether there was any.
async fn delete_state(import: &Import, snapshots: &BTreeSet<SnapshotId>) -> Result<bool> {
    let cluster = import.cluster();
    let quantiles = [import.job().quantiles_document_id()];
    let quantiles = cluster.locate(&STATE_INDICES, &quantiles).await?;
    cluster.delete_documents(&quantiles).await?;
    let mut any = !quantiles.is_empty();
    for snapshot in snapshots {
        any |= delete_numbered(import, StateKind::Model, snapshot).await?;
    }
    any |= delete_numbered(import, StateKind::Categorizer, &import.plan.snapshot_id).await?;
    // Elasticsearch refuses to create the job as long as a search finds state of its predecessor.
    cluster.refresh(&STATE_INDICES).await?;
    Ok(any)
}

/// Deletes `#1`, `#2` … until a whole batch is missing, so that a gap does not hide the rest.
async fn delete_numbered(import: &Import, kind: StateKind, snapshot: &SnapshotId) -> Result<bool> {
    let mut any = false;
    for first in (1..).step_by(BATCH as usize) {
        let ids: Vec<String> = (first..first + BATCH)
            .map(|number| StateDocId { kind, number }.format(import.job(), snapshot))
            .collect();
        let found = import.cluster().locate(&STATE_INDICES, &ids).await?;
        if found.is_empty() {
            break;
        }
        import.cluster().delete_documents(&found).await?;
        any = true;
    }
    Ok(any)
}

async fn delete_documents(import: &Import, indices: &str) -> Result<bool> {
    let cluster = import.cluster();
    let mut any = false;
    cluster.refresh(&[indices]).await?;
    let mut pages = cluster.pages(documents_of_job(indices, import.job())).await?;
    while let Some(hits) = pages.next().await? {
        let found = hits.into_iter().map(|hit| (hit.index.to_string(), hit.id));
        let found: Vec<(String, String)> = found.collect();
        any |= !found.is_empty();
        cluster.delete_documents(&found).await?;
    }
    cluster.refresh(&[indices]).await?;
    Ok(any)
}

/// Records the intent, creates, and reads back whether the object exists and is ours where the response leaves that open.
/// What the cluster refuses, or others created at the same time, is never undone.
pub(super) async fn create_once<C>(import: &Import, entry: Entry, mut create: impl FnMut() -> C) -> Result<()>
where
    C: Future<Output = cluster::Result<()>>,
{
    let handle = import.journal.record_intent(entry.clone());
    let mut backoff = import.cluster().backoff();
    let mut open = false;
    while let Err(error) = create().await {
        // Once open, a refusal may mean that an earlier request was executed.
        open |= error.outcome_unknown() || error.is_transient();
        if !open {
            import.journal.record_status(handle, WriteStatus::Refused);
            return Err(error.into());
        }
        match import.ownership(&entry).await {
            Ok(Some(Ownership::Ours) | None) => break,
            Ok(Some(Ownership::Absent)) if backoff.retry(&error).await => {}
            Ok(Some(Ownership::Foreign(_))) => {
                import.journal.record_status(handle, WriteStatus::Refused);
                return Err(error.into());
            }
            // The request may still be executed: the entry stays intended, and a rollback reads it again.
            Ok(Some(Ownership::Absent)) | Err(_) => return Err(error.into()),
        }
    }
    import.journal.record_status(handle, WriteStatus::Written);
    Ok(())
}

impl Import {
    /// Checked before anything is written under the ID of the job, which may belong to another one by now.
    pub(super) async fn require_our_job(&self) -> Result<()> {
        let what = match self.job_ownership().await? {
            Ownership::Ours => return Ok(()),
            Ownership::Absent => "it is gone",
            Ownership::Foreign(_) => "it is another one now",
        };
        let message = format!("job {} is not the one that was created: {what}", self.job());
        Err(Error::mismatch(message))
    }

    /// What the cluster accepted before the first write, and refuses now.
    fn explain_refusal(&self, error: Error, what_next: &str) -> Error {
        match &error {
            Error::Cluster(refused) if refused.status() == Some(400) => Error::failed(
                refused.to_string(),
                format!(
                    "the archive comes from {}, this is Elasticsearch {}: {what_next}",
                    origin(&self.archive),
                    self.cluster().identity.version
                ),
            ),
            _ => error,
        }
    }
}

pub(super) async fn create_job(import: &Import) -> Result<()> {
    #[derive(Deserialize)]
    struct Created {
        create_time: Option<i64>,
    }
    let create_time = |job: &RawValue| serde_json::from_str::<Created>(job.get()).ok()?.create_time;
    let (cluster, job, created) = (import.cluster(), import.job(), &import.journal.job_created);
    let create = || async move {
        if let Some(time) = cluster.create_job(job, &import.plan.portable.job).await? {
            let _ = created.set(time);
        }
        Ok(())
    };
    create_once(import, Entry::Job, create)
        .await
        .map_err(|error| import.explain_refusal(error, "an option may not exist here"))?;
    // Where the response was lost, the job that was read since is ours.
    if created.get().is_none()
        && let Some(time) = cluster.job(job).await?.and_then(|current| create_time(&current))
    {
        let _ = created.set(time);
    }
    import.print(&format!("Created job {job}"));
    Ok(())
}

/// Reverts to the imported snapshot. A search must find its document first: a revert to a missing one leaves the job
/// blocked.
pub(super) async fn revert_job(import: &Import) -> Result<()> {
    let (cluster, job, snapshot) = (import.cluster(), import.job(), &import.plan.snapshot_id);
    let listed = cluster.snapshots(job).await?;
    if !listed.iter().any(|listed| listed.id == *snapshot) {
        let message = format!("snapshot {snapshot} was written, but the job does not list it");
        return Err(Error::mismatch(message));
    }
    let handle = import.journal.record_intent(Entry::Reverted);
    cluster.revert(job, snapshot).await?;
    import.journal.record_status(handle, WriteStatus::Written);
    import.print(&format!("Reverted job {job} to snapshot {snapshot}"));
    Ok(())
}

/// Creates the datafeed separately, which works on every version.
pub(super) async fn create_datafeed(import: &Import) -> Result<()> {
    let (cluster, created) = (import.cluster(), &import.journal.datafeed);
    let Some((id, body)) = &import.plan.portable.datafeed else {
        return Ok(());
    };
    let create = || async move {
        let _ = created.set(cluster.create_datafeed(id, body).await?);
        Ok(())
    };
    let hint = "import the job without its datafeed (--skip-datafeed), and create one that this cluster accepts";
    create_once(import, Entry::Datafeed(id.clone()), create)
        .await
        .map_err(|error| import.explain_refusal(error, hint))?;
    // Where the response was lost, the datafeed that was read since is ours.
    if created.get().is_none()
        && let Some(current) = cluster.datafeed(id).await?
    {
        #[allow(clippy::expect_used, reason = "a rollback compares the datafeed with it")]
        let _ = created.set(serde_json::from_str(current.get()).expect("raw JSON is JSON"));
    }
    import.print(&format!("Created datafeed {id}"));
    Ok(())
}

/// Creates the filters that do not exist, or were deleted since the plan was made. From 8.6 on a job does not open while a
/// filter of its rules is missing.
pub(super) async fn create_filters(import: &Import) -> Result<()> {
    for filter in &import.plan.filters {
        if filter.action == FilterAction::Keep && exists(import, filter).await? {
            continue;
        }
        let created = create_once(import, Entry::Filter(filter.id.clone()), || {
            import.cluster().create_filter(&filter.id, &filter.body)
        });
        match created.await {
            Ok(()) => import.session.terminal.detail(&format!("created filter {}", filter.id)),
            // One that others created serves as well, where it is the same.
            Err(error) => match exists(import, filter).await {
                Ok(true) => {}
                Ok(false) | Err(_) => return Err(error),
            },
        }
    }
    Ok(())
}

async fn exists(import: &Import, filter: &FilterPlan) -> Result<bool> {
    let current = import.cluster().filter(&filter.id).await?;
    Ok(current.is_some_and(|current| filter.equals(&current)))
}

/// Creates the calendars that do not exist, and completes those of an interrupted import.
pub(super) async fn create_calendars(import: &Import) -> Result<()> {
    for planned in &import.plan.calendars {
        let calendar = &planned.calendar;
        match &planned.action {
            CalendarAction::Keep => {}
            CalendarAction::Create => create_calendar(import, calendar).await?,
            CalendarAction::Complete(missing) => {
                let entry = Entry::Events(calendar.calendar_id.clone(), missing.clone());
                let handle = import.journal.record_intent(entry);
                add_events(import, calendar, missing).await?;
                import.journal.record_status(handle, WriteStatus::Written);
            }
        }
    }
    Ok(())
}

async fn create_calendar(import: &Import, calendar: &Calendar) -> Result<()> {
    let id = &calendar.calendar_id;
    create_once(import, Entry::Calendar(id.clone()), || {
        import.cluster().create_calendar(id, calendar.description.as_deref())
    })
    .await?;
    add_events(import, calendar, &calendar.events).await
}

/// Sends the events, and again only those that are missing, so that none exists twice.
async fn add_events(import: &Import, calendar: &Calendar, events: &[Map<String, Value>]) -> Result<()> {
    let (cluster, id) = (import.cluster(), &calendar.calendar_id);
    let mut backoff = cluster.backoff();
    let mut missing = events.to_vec();
    while !missing.is_empty() {
        let Err(error) = cluster.add_events(id, &missing).await else {
            break;
        };
        if !error.outcome_unknown() && !error.is_transient() {
            return Err(error.into());
        }
        let Some(current) = cluster.calendar(id).await? else {
            return Err(error.into());
        };
        missing = missing_events(calendar, current);
        if !missing.is_empty() && !backoff.retry(&error).await {
            return Err(error.into());
        }
    }
    Ok(())
}

/// Adds the job, and no other one, to its calendars.
pub(super) async fn add_job_to_calendars(import: &Import) -> Result<()> {
    let (cluster, job) = (import.cluster(), import.job());
    for planned in &import.plan.calendars {
        let id = &planned.calendar.calendar_id;
        match cluster.calendar(id).await? {
            // A membership that existed before remains after a rollback.
            Some(current) if current.has(job) => continue,
            Some(_) => {}
            // Another import that had created it has deleted it since.
            None => create_calendar(import, &planned.calendar).await?,
        }
        let handle = import.journal.record_intent(Entry::Membership(id.clone()));
        cluster.add_job_to_calendar(id, job).await?;
        import.journal.record_status(handle, WriteStatus::Written);
        import.print(&format!("Added job {job} to calendar {id}"));
    }
    Ok(())
}

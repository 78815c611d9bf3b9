//! Writes everything, in an order in which an interruption at any point leaves no partially usable job. The job is created
//! first, closed: nightly maintenance deletes state without a job, and Elasticsearch does not delete a filter that a job
//! uses.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::archive::origin;
use super::context::{BulkBuilder, Converter, Import, missing_ids};
use super::journal::{Entry, Ownership, WriteStatus, WrittenDocuments, derived_id};
use super::plan::{self, TargetPlan, missing_events};
use super::replace::delete_existing;
use crate::archive::Part;
use crate::cluster::{self, Bulk, Cluster};
use crate::commands::interrupt::stop_between_requests;
use crate::error::{Error, Result};
use crate::job::{Calendar, body_of_run, loading_alias, marked_by_run};
use crate::json::value;
use crate::state::STATE_INDICES;
use crate::terminal::Stage;
use crate::util::format::{amount, count};

/// The alias that Elasticsearch writes state through.
const STATE_ALIAS: &str = ".ml-state-write";

/// Elasticsearch may create the indices of annotations and notifications a moment after the job.
const MAX_WAIT: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Writes everything.
pub(super) async fn apply(import: &Import) -> Result<()> {
    delete_existing(import).await?;
    let creating = import.stage("Creating the job", None);
    // If two imports run at the same time, one of them is rejected here, before it has written anything.
    create_job(import).await?;
    create_filters(import).await?;
    create_calendars(import).await?;
    create_input_indices(import).await?;
    drop(creating);
    let cluster = import.cluster();
    concurrently(cluster, Box::pin(write_inputs(import)), Box::pin(write_model(import))).await?;
    // Refreshing the input documents is slow, and only the verification needs it.
    let rest = Box::pin(revert_and_write_results(import));
    concurrently(cluster, Box::pin(refresh_inputs(import)), rest).await?;
    let _stage = import.stage("Creating the datafeed", None);
    import.require_ours(Entry::Job).await?;
    create_datafeed(import).await?;
    add_job_to_calendars(import).await
}

/// The job may belong to another client in the meantime: this is checked before each part is written.
async fn write_model(import: &Import) -> Result<()> {
    let index = create_state_index(import).await?;
    import.require_ours(Entry::Job).await?;
    write_state(import, index).await?;
    import.require_ours(Entry::Job).await?;
    write_snapshot_and_data_counts(import).await
}

async fn revert_and_write_results(import: &Import) -> Result<()> {
    import.require_ours(Entry::Job).await?;
    revert_job(import).await?;
    import.require_ours(Entry::Job).await?;
    write_results(import, Part::Categories, "categories").await?;
    import.require_ours(Entry::Job).await?;
    write_results(import, Part::Results, "results").await?;
    import.require_ours(Entry::Job).await?;
    write_new_documents(import, Part::Annotations).await?;
    write_new_documents(import, Part::Notifications).await
}

type Work<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// Runs both. If one fails, the other is stopped, but not during a request: it might be executed after the rollback.
async fn concurrently(cluster: &Cluster, mut one: Work<'_>, mut other: Work<'_>) -> Result<()> {
    let (ended, rest) = tokio::select! {
        ended = &mut one => (ended, other),
        ended = &mut other => (ended, one),
    };
    match ended {
        Ok(()) => rest.await,
        Err(error) => {
            stop_between_requests(cluster, rest).await;
            Err(error)
        }
    }
}

/// Records the intent and creates an object. If the outcome is unknown, reads back whether the object exists and is ours.
/// An object that the cluster rejects, or that another client created at the same time, is never undone. Returns the
/// response; `None` if it was lost.
async fn create_once<T>(
    import: &Import,
    entry: Entry,
    mut create: impl AsyncFnMut() -> cluster::Result<T>,
) -> Result<Option<T>> {
    let handle = import.journal.entries.record_intent(entry.clone());
    let mut backoff = import.cluster().backoff();
    let mut open = false;
    let created = loop {
        let error = match create().await {
            Ok(created) => break Some(created),
            Err(error) => error,
        };
        // From now on, a rejection may mean that an earlier request was executed.
        open |= error.outcome_unknown() || error.is_transient();
        if !open {
            import.journal.entries.set(handle, WriteStatus::Refused);
            return Err(error.into());
        }
        match import.ownership(&entry).await {
            Ok(Ownership::Ours) => break None,
            Ok(Ownership::Absent) if backoff.retry(&error).await => {}
            Ok(Ownership::Foreign(_)) => {
                import.journal.entries.set(handle, WriteStatus::Refused);
                return Err(error.into());
            }
            // The request may still be executed: the entry stays intended, and a rollback checks it again.
            Ok(Ownership::Absent) | Err(_) => return Err(error.into()),
        }
    };
    import.journal.entries.set(handle, WriteStatus::Written);
    Ok(created)
}

impl Import {
    /// Explains why the cluster rejects a configuration that it accepted before the first write.
    fn explain_refusal(&self, error: Error, what_next: &str) -> Error {
        match &error {
            Error::Cluster(refused) if refused.status() == Some(400) => Error::failed(
                refused.to_string(),
                format!(
                    "the archive comes from {}, and the cluster runs Elasticsearch {}: {what_next}",
                    origin(&self.archive),
                    self.cluster().identity.version
                ),
            ),
            _ => error,
        }
    }
}

async fn create_job(import: &Import) -> Result<()> {
    let (cluster, job) = (import.cluster(), import.job());
    let has_time = |job: &Value| job["create_time"].is_i64();
    let create = || cluster.create_job(job, &import.plan.portable.job);
    let created = create_once(import, Entry::Job, create).await;
    let created = created.map_err(|error| import.explain_refusal(error, "it may not support an option of the job"))?;
    import.journal.entries.record_intent(Entry::Results);
    let created = match created.filter(has_time) {
        // If the response was lost, the job that was read afterward is ours.
        None => cluster.job(job).await?.map(|current| value(&current)).filter(has_time),
        created => created,
    };
    let _ = created.map(|created| import.journal.job.set(created));
    import.print(&format!("Created job {job}"));
    Ok(())
}

/// Reverts to the imported snapshot. A search must find its document first: reverting to a missing snapshot leaves the job
/// blocked.
async fn revert_job(import: &Import) -> Result<()> {
    let (cluster, job, snapshot) = (import.cluster(), import.job(), &import.plan.snapshot_id);
    let _stage = import.stage("Reverting the job to its snapshot", None);
    let listed = cluster.snapshots(job).await?;
    if !listed.iter().any(|listed| listed.id == *snapshot) {
        let message = format!("snapshot {snapshot} was written, but job {job} does not list it");
        return Err(Error::mismatch(message));
    }
    cluster.revert(job, snapshot).await?;
    import.print(&format!("Reverted job {job} to snapshot {snapshot}"));
    Ok(())
}

/// Creates the datafeed with a separate request, which works with every version.
async fn create_datafeed(import: &Import) -> Result<()> {
    let cluster = import.cluster();
    let Some((id, body)) = &import.plan.portable.datafeed else {
        return Ok(());
    };
    let hint = "import the job without its datafeed (--skip-datafeed), and create one that this cluster accepts";
    let create = || cluster.create_datafeed(id, body);
    let created = create_once(import, Entry::Datafeed(id.clone()), create).await;
    let created = match created.map_err(|error| import.explain_refusal(error, hint))? {
        // If the response was lost, the datafeed that was read afterward is ours.
        None => cluster.datafeed(id).await?.map(|current| value(&current)),
        created => created,
    };
    let _ = created.map(|created| import.journal.datafeed.set(created));
    import.print(&format!("Created datafeed {id}"));
    Ok(())
}

/// Creates the filters that do not exist, or were deleted after the plan was made. From 8.6, a job does not open if a
/// filter of its rules is missing.
async fn create_filters(import: &Import) -> Result<()> {
    let cluster = import.cluster();
    for plan in &import.plan.filters {
        if plan.exists && plan.is_on(cluster).await? {
            continue;
        }
        let (id, body) = (&plan.filter.id, plan.filter.body()?);
        let created = create_once(import, Entry::Filter(id.clone()), || cluster.create_filter(id, &body));
        match created.await {
            Ok(_) => import.session.terminal.detail(&format!("created filter {id}")),
            // A filter that another client created is used if it is the same.
            Err(_) if matches!(plan.is_on(cluster).await, Ok(true)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Creates the calendars that do not exist, and adds missing events to those of an interrupted import.
async fn create_calendars(import: &Import) -> Result<()> {
    for planned in &import.plan.calendars {
        let (calendar, missing) = (&planned.calendar, &planned.missing);
        if !planned.exists {
            create_calendar(import, calendar).await?;
        } else if !missing.is_empty() {
            let entry = Entry::Events(calendar.calendar_id.clone(), missing.clone());
            let adding = add_events(import, calendar, missing);
            import.journal.write(entry, adding).await?;
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

/// Sends the events, and on a retry only those that are missing, to avoid duplicates.
async fn add_events(import: &Import, calendar: &Calendar, events: &[Map<String, Value>]) -> Result<()> {
    let (cluster, id) = (import.cluster(), &calendar.calendar_id);
    let mut backoff = cluster.backoff();
    let mut missing = events.to_vec();
    while !missing.is_empty()
        && let Err(error) = cluster.add_events(id, &missing).await
    {
        if !error.outcome_unknown() && !error.is_transient() {
            return Err(error.into());
        }
        let Some(current) = plan::calendar(cluster, id).await? else {
            return Err(error.into());
        };
        missing = missing_events(calendar, &current);
        if !missing.is_empty() && !backoff.retry(&error).await {
            return Err(error.into());
        }
    }
    Ok(())
}

/// Adds this job, and never another one, to its calendars.
async fn add_job_to_calendars(import: &Import) -> Result<()> {
    let (cluster, job) = (import.cluster(), import.job());
    for planned in &import.plan.calendars {
        let id = &planned.calendar.calendar_id;
        match cluster.calendar(id).await? {
            // A membership that existed before remains after a rollback.
            Some(current) if current.has(job) => continue,
            Some(_) => {}
            // Another import had created it, and has deleted it in the meantime.
            None => create_calendar(import, &planned.calendar).await?,
        }
        let adding = cluster.add_job_to_calendar(id, job);
        import.journal.write(Entry::Membership(id.clone()), adding).await?;
        import.print(&format!("Added job {job} to calendar {id}"));
    }
    Ok(())
}

/// Returns the index behind the state alias. If there is none, makes Elasticsearch create both, by reverting the job to the
/// snapshot `empty`, regardless of the response: an index with the alias' name would break ML on the whole cluster.
async fn create_state_index(import: &Import) -> Result<String> {
    let cluster = import.cluster();
    if let Some(index) = cluster.write_index(STATE_ALIAS).await? {
        return Ok(index);
    }
    cluster.revert_to_empty(import.job()).await?;
    cluster.write_index(STATE_ALIAS).await?.ok_or_else(|| {
        Error::failed(
            format!("Elasticsearch did not create the alias {STATE_ALIAS}"),
            format!("check whether an index has that name: GET {STATE_ALIAS}"),
        )
    })
}

async fn write_state(import: &Import, index: String) -> Result<()> {
    let ids = import
        .archive
        .contents
        .state
        .ids(import.job(), &import.plan.snapshot_id);
    let documents = WrittenDocuments::new("state documents", Part::State, ids, &STATE_INDICES, index);
    let bulk = import.cluster().bulk_alias(STATE_ALIAS, import.options.bulk());
    write(import, "model state", documents, bulk).await
}

/// Writes the snapshot document under its own ID, and the data counts, which determine where a datafeed continues.
async fn write_snapshot_and_data_counts(import: &Import) -> Result<()> {
    let alias = import.job().results_write_alias();
    let mut bulk = import.cluster().bulk_alias(&alias, import.options.bulk());
    let mut bodies = bulk.bodies();
    for document in import.snapshot_and_data_counts()? {
        if let Some(body) = bodies.add(&document.id, &document.source) {
            bulk.send(body).await?;
        }
    }
    if let Some(body) = bodies.finish() {
        bulk.send(body).await?;
    }
    bulk.finish().await?;
    Ok(import.cluster().refresh(&[&import.job().results_alias()]).await?)
}

/// Writes categories or results under their original IDs, with the job renamed.
async fn write_results(import: &Import, part: Part, title: &str) -> Result<()> {
    let total = import.plan.counts.of(part);
    if total == 0 {
        return Ok(());
    }
    let stage = import.stage(&format!("Writing {title}"), Some(total));
    let alias = import.job().results_write_alias();
    let bulk = import.cluster().bulk_alias(&alias, import.options.bulk());
    let written = send(import, import.converter(part), bulk, &stage, None).await?;
    import.cluster().refresh(&[&import.job().results_alias()]).await?;
    stage.done(&format!("Wrote {title}: {}", count(written)));
    Ok(())
}

/// Writes annotations or notifications to the index that the cluster itself uses for them.
async fn write_new_documents(import: &Import, part: Part) -> Result<()> {
    if import.plan.counts.of(part) == 0 {
        return Ok(());
    }
    let (title, what, patterns): (_, _, &[_]) = match part {
        Part::Annotations => ("annotations", "annotations", &[".ml-annotations*"]),
        _ => ("notifications", "imported notifications", &[".ml-notifications*"]),
    };
    let (index, bulk) = wait_for_index(import, part, title).await?;
    let ids = new_ids(import, part, patterns).await?;
    let documents = WrittenDocuments::new(what, part, ids, patterns, index);
    write(import, title, documents, bulk).await
}

/// Polls until Elasticsearch has created the index: the one behind the alias, or without an alias the newest one that
/// matches the pattern.
async fn wait_for_index(import: &Import, part: Part, title: &str) -> Result<(String, Bulk)> {
    let (alias, pattern) = match part {
        Part::Annotations => (".ml-annotations-write", None),
        _ => (".ml-notifications-write", Some(".ml-notifications-*")),
    };
    let (cluster, options, clock) = (import.cluster(), import.options.bulk(), import.cluster().clock());
    let deadline = clock.now() + MAX_WAIT;
    let what = pattern.unwrap_or(alias);
    let _stage = import.stage(&format!("Waiting for {what}"), None);
    loop {
        if let Some(index) = cluster.write_index(alias).await? {
            return Ok((index, cluster.bulk_alias(alias, options)));
        }
        if let Some(pattern) = pattern
            && let Some(index) = cluster.index_definitions(&[pattern.to_owned()]).await?.keys().max()
        {
            return Ok((index.clone(), cluster.bulk_index_without_alias(index, options)));
        }
        if clock.now() >= deadline {
            return Err(Error::failed(
                format!("Elasticsearch did not create {what} within {} s", MAX_WAIT.as_secs()),
                format!("import again, or skip this part with --skip-{title}"),
            ));
        }
        clock.pause(POLL_INTERVAL).await;
    }
}

/// The IDs of annotations or notifications that do not exist yet: only those are written, and deleted in a rollback.
/// Existing ones have the same content, or were edited after an earlier import.
async fn new_ids(import: &Import, part: Part, indices: &[&str]) -> Result<Vec<String>> {
    let mut stream = import.archive.documents(part);
    let mut new = Vec::new();
    while let Some(batch) = stream.next().await? {
        let ids = batch
            .iter()
            .map(|document| derived_id(import.job(), part, document.line, &document.source));
        new.extend(missing_ids(import.cluster(), indices, ids.collect()).await?);
    }
    Ok(new)
}

/// Creates the input indices with their mapping, without replicas and periodic refreshes while they are filled.
async fn create_input_indices(import: &Import) -> Result<()> {
    let (cluster, run) = (import.cluster(), &import.journal.run);
    for TargetPlan { index, .. } in &import.plan.targets {
        let (name, body) = (&index.name, body_of_run(index, run));
        create_once(import, Entry::InputIndex(name.clone()), || {
            cluster.create_index(name.as_str(), &body)
        })
        .await?;
        // From now on, the UUID identifies our index, even if another index gets its name.
        let mut definitions = cluster.index_definitions(&[name.to_string()]).await?;
        let created = definitions.remove(name.as_str());
        let created = created.filter(|created| marked_by_run(&created["mappings"], run));
        let created = created.ok_or_else(|| {
            let what = format!("another client deleted or replaced index {name} right after its creation");
            Error::mismatch(what)
        })?;
        import.journal.record_index(name.clone(), created);
    }
    Ok(())
}

/// Writes the input documents through an alias that no other index has, so that no bulk request creates an index or writes
/// to one that replaced it.
async fn write_inputs(import: &Import) -> Result<()> {
    let (cluster, targets) = (import.cluster(), &import.plan.targets);
    if targets.is_empty() {
        return Ok(());
    }
    let stage = import.stage("Writing input documents", Some(import.plan.counts.inputs));
    let mut documents = 0;
    // One pass through the input documents per index; there are several only if mappings conflict.
    for TargetPlan { index, .. } in targets {
        let alias = loading_alias(&index.name, &import.journal.run);
        let bulk = cluster.bulk_index(index.name.as_str(), &alias, import.options.bulk());
        documents += send(import, import.input_converter(index), bulk, &stage, None).await?;
    }
    stage.done(&format!("Wrote input documents: {}", count(documents)));
    Ok(())
}

/// Makes the input documents searchable, with the default settings.
async fn refresh_inputs(import: &Import) -> Result<()> {
    let (cluster, targets) = (import.cluster(), &import.plan.targets);
    let _stage = import.stage("Refreshing the input documents", None);
    for target in targets {
        // Through the alias, so that an index that replaced ours is not changed.
        let alias = loading_alias(&target.index.name, &import.journal.run);
        let defaults = json!({"index": {"refresh_interval": null, "number_of_replicas": null}});
        cluster.update_settings(&alias, &defaults).await?;
        cluster.refresh(&[alias]).await?;
    }
    Ok(())
}

/// Records the documents, sends them, and refreshes their index.
async fn write(import: &Import, title: &str, documents: WrittenDocuments, mut bulk: Bulk) -> Result<()> {
    let stage = import.stage(&format!("Writing {title}"), Some(documents.len() as u64));
    let (part, documents) = (documents.part, Arc::new(documents));
    bulk.observer = Some(documents.clone());
    let selected = Some(documents.clone());
    let writing = send(import, import.converter(part), bulk, &stage, selected);
    let entry = Entry::Documents(documents.clone());
    let written = import.journal.write(entry, writing).await?;
    import.cluster().refresh(&documents.searched_indices()).await?;
    let written = match part {
        Part::State => amount(written, "document", "documents"),
        _ => count(written),
    };
    stage.done(&format!("Wrote {title}: {written}"));
    Ok(())
}

/// Sends the documents of a part; returns how many the cluster confirmed.
async fn send(
    import: &Import,
    converter: Converter,
    mut bulk: Bulk,
    stage: &Stage,
    selected: Option<Arc<WrittenDocuments>>,
) -> Result<u64> {
    let (part, bodies) = (converter.part, bulk.bodies());
    let builder = BulkBuilder {
        converter,
        bodies,
        selected,
    };
    let mut stream = import.archive.batches(part, builder);
    let mut shown = bulk.confirmed;
    loop {
        // A body that waits for its request is in memory in addition to those in flight.
        bulk.wait_for_room().await?;
        let Some(body) = stream.next().await? else { break };
        bulk.send(body?).await?;
        let confirmed = bulk.confirmed;
        let bytes = confirmed.bytes - shown.bytes;
        stage.inc_with_size(confirmed.documents - shown.documents, bytes as u64);
        shown = confirmed;
    }
    let documents = bulk.finish().await?;
    stage.inc(documents.saturating_sub(shown.documents));
    Ok(documents)
}

//! Inputs in indices of their own, and the documents of the job: model state, the snapshot document, data counts,
//! categories, annotations and notifications.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::oneshot;

use super::objects::create_once;
use crate::archive::{Document, Part};
use crate::cluster::{Bulk, WriteObserver};
use crate::commands::import::context::{BulkDocument, Import};
use crate::commands::import::journal::{CreatedIndex, DerivedId, Entry, Ids, WriteStatus, WrittenDocuments};
use crate::commands::import::plan::TargetPlan;
use crate::error::{Error, Result};
use crate::job::{body_of_run, loading_alias, marked_by_run};
use crate::state::{STATE_INDICES, StateDocId, StateKind};
use crate::terminal::Stage;
use crate::util::format::{amount, count};

/// The alias that Elasticsearch writes state through.
const STATE_ALIAS: &str = ".ml-state-write";
const ANNOTATIONS_ALIAS: &str = ".ml-annotations-write";
const ANNOTATIONS_INDICES: &[&str] = &[".ml-annotations*"];
const NOTIFICATIONS_ALIAS: &str = ".ml-notifications-write";
const NOTIFICATIONS_INDICES: &[&str] = &[".ml-notifications*"];
const RESULTS_INDICES: &[&str] = &[".ml-anomalies-*"];

/// Elasticsearch may create the indices of annotations and notifications a moment after the job.
const MAX_WAIT: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// An index of the alias' name would break the machine learning of the whole cluster, so Elasticsearch is made to create
/// index and alias: reverting to `empty` does, whatever its response is. Returns the index behind the alias.
pub(super) async fn create_state_index(import: &Import) -> Result<String> {
    let cluster = import.cluster();
    if let Some(index) = cluster.write_index(STATE_ALIAS).await? {
        return Ok(index);
    }
    let handle = import.journal.record_intent(Entry::Reverted);
    cluster.revert_to_empty(import.job()).await?;
    import.journal.record_status(handle, WriteStatus::Written);
    cluster.write_index(STATE_ALIAS).await?.ok_or_else(|| {
        Error::failed(
            format!("Elasticsearch did not make the alias {STATE_ALIAS}"),
            format!("is there an index of that name? GET {STATE_ALIAS} tells"),
        )
    })
}

pub(super) async fn write_state(import: &Import, index: String) -> Result<()> {
    let (plan, job) = (&import.plan, import.job());
    let numbered =
        |kind, count| (1..=count).map(move |number| StateDocId { kind, number }.format(job, &plan.snapshot_id));
    let ids = numbered(StateKind::Model, plan.counts.model_state)
        .chain(numbered(StateKind::Categorizer, plan.counts.categorizer_state));
    let ids = Ids::Text(ids.collect());
    let stage = import.session.stage("Writing model state", Some(ids.len() as u64));
    let documents = WrittenDocuments::new("state documents", Some(Part::State), ids, &STATE_INDICES, index);
    let bulk = import.cluster().bulk_alias(STATE_ALIAS, import.options.bulk());
    let written = write(import, Part::State, documents, bulk, &stage).await?;
    import.cluster().refresh(&[STATE_ALIAS]).await?;
    let line = format!("Model state: {}", amount(written, "document", "documents"));
    import.session.done(stage, &line);
    Ok(())
}

/// The snapshot document under its own ID, and the data counts, from which a datafeed knows where to continue.
pub(super) async fn write_snapshot_and_data_counts(import: &Import) -> Result<()> {
    let job = import.job();
    let documents = import.snapshot_and_data_counts()?;
    let ids = Ids::Text(documents.iter().map(|document| document.id.clone()).collect());
    let what = "snapshot document and data counts";
    let alias = job.results_write_alias();
    let written = Arc::new(WrittenDocuments::new(what, None, ids, RESULTS_INDICES, alias.clone()));
    let handle = import.journal.record_intent(Entry::Documents(Arc::clone(&written)));
    let bulk = import.cluster().bulk_alias(&alias, import.options.bulk());
    let mut bulk = bulk.with_observer(written);
    for document in documents {
        bulk.index(&document.id, document.source).await?;
    }
    bulk.finish().await?;
    import.journal.record_status(handle, WriteStatus::Written);
    Ok(import.cluster().refresh(&[&job.results_alias()]).await?)
}

/// Category definitions under the IDs that they had, renamed.
pub(super) async fn write_categories(import: &Import) -> Result<()> {
    let (plan, alias) = (&import.plan, import.job().results_write_alias());
    if plan.counts.categories == 0 {
        return Ok(());
    }
    let stage = import.session.stage("Writing categories", Some(plan.counts.categories));
    let mut ids = Vec::new();
    let mut stream = import.archive.documents(Part::Categories);
    while let Some(batch) = stream.next().await? {
        ids.extend(batch.iter().map(|document| plan.renamer.document_id(document.own_id())));
    }
    let part = Part::Categories;
    let documents = WrittenDocuments::new("categories", Some(part), Ids::Text(ids), RESULTS_INDICES, alias.clone());
    let bulk = import.cluster().bulk_alias(&alias, import.options.bulk());
    let written = write(import, part, documents, bulk, &stage).await?;
    import.cluster().refresh(&[&import.job().results_alias()]).await?;
    import.session.done(stage, &format!("Categories: {}", count(written)));
    Ok(())
}

pub(super) async fn write_annotations(import: &Import) -> Result<()> {
    if import.plan.counts.annotations == 0 {
        return Ok(());
    }
    let find = || async { Ok(import.cluster().write_index(ANNOTATIONS_ALIAS).await?) };
    let index = wait_for_index(import, ANNOTATIONS_ALIAS, "--skip-annotations", find).await?;
    let bulk = import.cluster().bulk_alias(ANNOTATIONS_ALIAS, import.options.bulk());
    let what = ("Annotations", "annotations");
    write_timestamped(import, Part::Annotations, what, ANNOTATIONS_INDICES, (index, bulk)).await
}

/// Notifications to the index that the cluster writes its own to.
pub(super) async fn write_notifications(import: &Import) -> Result<()> {
    if import.plan.counts.notifications == 0 {
        return Ok(());
    }
    let (cluster, options) = (import.cluster(), import.options.bulk());
    // The index behind the alias; the newest index where there is no alias.
    let find = || async {
        if let Some(index) = cluster.write_index(NOTIFICATIONS_ALIAS).await? {
            return Ok(Some((index, true)));
        }
        let indices = cluster.index_definitions(&[".ml-notifications-*".to_owned()]).await?;
        Ok(indices.keys().max().map(|index| (index.clone(), false)))
    };
    let (index, aliased) = wait_for_index(import, ".ml-notifications-*", "--skip-notifications", find).await?;
    let bulk = match aliased {
        true => cluster.bulk_alias(NOTIFICATIONS_ALIAS, options),
        false => cluster.bulk_index_without_alias(&index, options),
    };
    let what = ("Notifications", "imported notifications");
    write_timestamped(import, Part::Notifications, what, NOTIFICATIONS_INDICES, (index, bulk)).await
}

/// Polls until the index exists: Elasticsearch creates it by itself.
async fn wait_for_index<T, F>(import: &Import, what: &str, skip: &str, mut find: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<Option<T>>>,
{
    let clock = import.cluster().clock();
    let deadline = clock.now() + MAX_WAIT;
    loop {
        if let Some(found) = find().await? {
            return Ok(found);
        }
        if clock.now() >= deadline {
            return Err(Error::failed(
                format!("Elasticsearch did not make {what} within {} s", MAX_WAIT.as_secs()),
                format!("try again, or leave this part out with {skip}"),
            ));
        }
        clock.pause(POLL_INTERVAL).await;
    }
}

/// Annotations or notifications, which have no IDs in the archive. Those that exist already are left as they are: they
/// have the same content, or were edited after an earlier import.
async fn write_timestamped(
    import: &Import,
    part: Part,
    (title, what): (&str, &'static str),
    patterns: &'static [&'static str],
    (index, bulk): (String, Bulk),
) -> Result<()> {
    let ids = Ids::Derived(new_ids(import, part, patterns).await?);
    let stage_title = format!("Writing {}", title.to_lowercase());
    let stage = import.session.stage(&stage_title, Some(ids.len() as u64));
    let documents = WrittenDocuments::new(what, Some(part), ids, patterns, index);
    let written = write(import, part, documents, bulk, &stage).await?;
    if let Some(documents) = import.journal.documents(part) {
        let searched = documents.searched_indices();
        let searched: Vec<&str> = searched.iter().map(String::as_str).collect();
        import.cluster().refresh(&searched).await?;
    }
    import.session.done(stage, &format!("{title}: {}", count(written)));
    Ok(())
}

/// The IDs that no index has yet: only those are written, and deleted in a rollback.
async fn new_ids(import: &Import, part: Part, indices: &[&str]) -> Result<Vec<DerivedId>> {
    let mut stream = import.archive.documents(part);
    let mut new = Vec::new();
    while let Some(batch) = stream.next().await? {
        let derived = batch.iter().map(|document| DerivedId::of(import.job(), part, document));
        let derived: Vec<DerivedId> = derived.collect();
        let ids: Vec<String> = derived.iter().map(DerivedId::to_string).collect();
        let existing = import.cluster().locate(indices, &ids).await?;
        let existing: BTreeSet<&str> = existing.iter().map(|(_, found)| found.as_str()).collect();
        let ids = derived.into_iter().zip(&ids);
        new.extend(ids.filter_map(|(id, text)| (!existing.contains(text.as_str())).then_some(id)));
    }
    Ok(new)
}

/// Creates the indices for inputs: with their mapping, without replicas, and not refreshed while they are loaded.
pub(super) async fn create_input_indices(import: &Import) -> Result<()> {
    for target in &import.plan.targets {
        create_input_index(import, target).await?;
    }
    Ok(())
}

async fn create_input_index(import: &Import, target: &TargetPlan) -> Result<()> {
    let (cluster, run, name) = (import.cluster(), &import.journal.run, &target.index.name);
    let body = body_of_run(&target.index, run)?;
    create_once(import, Entry::InputIndex(name.clone()), || {
        cluster.create_index(name.as_str(), &body)
    })
    .await?;
    // From here on this index is ours, whatever takes its name.
    let definitions = cluster.index_definitions(&[name.to_string()]).await?;
    let created = definitions.get(name.as_str());
    let Some(index) = created.filter(|index| marked_by_run(&index["mappings"], run)) else {
        return Err(Error::mismatch(format!(
            "somebody else deleted or replaced index {name} right after its creation"
        )));
    };
    import.journal.record_index(CreatedIndex {
        name: name.clone(),
        uuid: index["settings"]["index"]["uuid"].clone(),
        mappings: index["mappings"].clone(),
    });
    Ok(())
}

/// Writes the inputs through an alias that no other index has, so that no bulk request creates an index or writes to one
/// that took its place; reports that they are written, and makes the indices searchable.
pub(super) async fn load_inputs(import: &Import, written: oneshot::Sender<()>) -> Result<()> {
    let targets = &import.plan.targets;
    if !targets.is_empty() {
        let stage = import.session.stage("Writing inputs", Some(import.plan.counts.inputs));
        let mut documents = 0;
        // One pass through the inputs for each index; there is more than one only where mappings conflict.
        for target in targets {
            let index = &target.index;
            let alias = loading_alias(&index.name, &import.journal.run);
            let (name, options) = (index.name.as_str(), import.options.bulk());
            let bulk = import.cluster().bulk_index(name, &alias, options);
            documents += send(import, Part::Inputs, bulk, &stage, |document| {
                let included = index.sources.contains(document.source_index());
                Ok(included.then(|| import.input_document(index, document)))
            })
            .await?;
        }
        import.session.done(stage, &format!("Inputs: {}", count(documents)));
    }
    let _ = written.send(());
    for target in targets {
        // Through the alias, since an index that took the place of ours must not be changed.
        let alias = loading_alias(&target.index.name, &import.journal.run);
        let defaults = json!({"index": {"refresh_interval": null, "number_of_replicas": null}});
        let names = [alias.as_str()];
        let (settings, refresh) = tokio::join!(
            import.cluster().update_settings(&alias, &defaults),
            import.cluster().refresh(&names)
        );
        settings?;
        refresh?;
    }
    Ok(())
}

/// Records the documents and sends them; returns how many the cluster confirmed.
async fn write(import: &Import, part: Part, documents: WrittenDocuments, bulk: Bulk, stage: &Stage) -> Result<u64> {
    let documents = Arc::new(documents);
    let handle = import.journal.record_intent(Entry::Documents(Arc::clone(&documents)));
    let bulk = bulk.with_observer(Arc::clone(&documents) as Arc<dyn WriteObserver>);
    let written = send(import, part, bulk, stage, |document| {
        let document = import.document(part, document)?;
        let exists = matches!(part, Part::Annotations | Part::Notifications) && !documents.contains(&document.id);
        Ok((!exists).then_some(document))
    });
    let written = written.await?;
    import.journal.record_status(handle, WriteStatus::Written);
    Ok(written)
}

/// Sends the documents of a part that `convert` returns; returns how many the cluster confirmed.
async fn send(
    import: &Import,
    part: Part,
    mut bulk: Bulk,
    stage: &Stage,
    mut convert: impl FnMut(&Document) -> Result<Option<BulkDocument>>,
) -> Result<u64> {
    let mut stream = import.archive.documents(part);
    let mut shown = 0;
    while let Some(batch) = stream.next().await? {
        for document in batch {
            if let Some(BulkDocument { id, source }) = convert(&document)? {
                bulk.index(&id, source).await?;
            }
        }
        stage.inc(bulk.confirmed() - shown);
        shown = bulk.confirmed();
    }
    let documents = bulk.finish().await?;
    stage.inc(documents.saturating_sub(shown));
    Ok(documents)
}

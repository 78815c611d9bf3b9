//! What stands beside the state: snapshot document, data counts, categories, annotations, notifications.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::Context;
use super::documents::{self, Outgoing};
use crate::archive::{Document, Part};
use crate::cluster::{Bulk, Clock, Cluster, Written};
use crate::commands::import::checked::Checked;
use crate::commands::import::documents::Documents;
use crate::commands::import::journal::{Certainty, Entry};
use crate::commands::import::parts::DerivedId;
use crate::commands::import::plan::Plan;
use crate::error::{Error, Result};
use crate::job::DataCounts;
use crate::util::format::count;

/// What the documents are called.
pub(in crate::commands::import) const CATEGORIES: &str = "categories";
pub(in crate::commands::import) const ANNOTATIONS: &str = "annotations";
pub(in crate::commands::import) const NOTIFICATIONS: &str = "imported notifications";
const SNAPSHOT_AND_COUNTS: &str = "snapshot document and data counts";

const ANNOTATIONS_ALIAS: &str = ".ml-annotations-write";
const ANNOTATIONS_INDICES: &[&str] = &[".ml-annotations*"];
const NOTIFICATIONS_ALIAS: &str = ".ml-notifications-write";
const NOTIFICATIONS_INDICES: &[&str] = &[".ml-notifications*"];
const RESULTS_INDICES: &[&str] = &[".ml-anomalies-*"];

/// Elasticsearch may make the indices of annotations and notifications a moment after the job.
const MADE_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The snapshot document under its true id, and the data counts that tell a datafeed where to go on.
pub(super) async fn snapshot_and_counts(context: &Context<'_>) -> Result<()> {
    let (cluster, plan, checked) = (&context.session.cluster, context.plan, context.checked);
    let job = plan.job();
    let ids = vec![
        job.snapshot_document_id(&plan.snapshot_id),
        job.data_counts_document_id(),
    ];
    let (documents, handle) = intend_results(context, SNAPSHOT_AND_COUNTS, ids);
    let mut bulk = cluster
        .bulk_alias(&job.results_write_alias(), context.options.bulk())
        .telling(documents);
    let snapshot = plan
        .renamer
        .document(checked.archive.snapshot_document.get().as_bytes())?;
    bulk.index(&job.snapshot_document_id(&plan.snapshot_id), one_line(&snapshot).into())
        .await?;
    bulk.index(
        &job.data_counts_document_id(),
        Bytes::from(data_counts(checked, plan)?.get().to_owned()),
    )
    .await?;
    bulk.finish().await?;
    context.journal.settle(handle, Certainty::Written);
    Ok(cluster.refresh(&[&job.results_alias()]).await?)
}

/// Deleting the job deletes its results, except where somebody else deleted it before they were written.
fn intend_results(context: &Context<'_>, what: &'static str, ids: Vec<String>) -> (Arc<Documents>, usize) {
    let presumed = context.plan.job().results_write_alias();
    let documents = Arc::new(Documents::of_job(what, ids, RESULTS_INDICES, presumed));
    let handle = context.journal.intend(Entry::Documents(Arc::clone(&documents)));
    (documents, handle)
}

/// The archive's document with the snapshot's last record as its last: what came after it is not in the model.
pub(in crate::commands::import) fn data_counts(checked: &Checked, plan: &Plan) -> Result<Box<RawValue>> {
    let stored = match &checked.archive.contents.data_counts {
        Some(counts) => DataCounts::parse(&plan.renamer.document(counts.get().as_bytes())?)?,
        None => DataCounts::default(),
    };
    let latest = checked.latest_record();
    Ok(stored.completed(plan.job()).ending_at(latest).to_json())
}

/// Category definitions under the ids that they had, renamed.
pub(super) async fn categories(context: &Context<'_>) -> Result<()> {
    let (cluster, plan) = (&context.session.cluster, context.plan);
    if plan.counts.categories == 0 {
        return Ok(());
    }
    let stage = context
        .session
        .stage("Writing categories", Some(plan.counts.categories));
    let mut ids = Vec::new();
    let mut stream = context.checked.archive.documents(Part::Categories);
    while let Some(batch) = stream.next().await? {
        for document in batch {
            ids.push(plan.renamer.document_id(document.own_id()));
        }
    }
    let (documents, handle) = intend_results(context, CATEGORIES, ids);
    let bulk = cluster
        .bulk_alias(&plan.job().results_write_alias(), context.options.bulk())
        .telling(documents);
    let written = documents::send(context, Part::Categories, bulk, &stage, |document| {
        let id = plan.renamer.document_id(document.own_id());
        Ok(Some(Outgoing {
            id,
            source: renamed(plan, &document)?,
        }))
    })
    .await?;
    context.journal.settle(handle, Certainty::Written);
    cluster.refresh(&[&plan.job().results_alias()]).await?;
    context.session.done(stage, &format!("Categories: {}", count(written)));
    Ok(())
}

/// Annotations under ids made of their content.
pub(super) async fn annotations(context: &Context<'_>) -> Result<()> {
    let documents = context.plan.counts.annotations;
    if documents == 0 {
        return Ok(());
    }
    let cluster = &context.session.cluster;
    let index = within(
        cluster.clock(),
        ANNOTATIONS_ALIAS,
        "--skip-annotations",
        || async move { Ok(cluster.write_index(ANNOTATIONS_ALIAS).await?) },
    )
    .await?;
    let bulk = context
        .session
        .cluster
        .bulk_alias(ANNOTATIONS_ALIAS, context.options.bulk());
    let fresh = fresh(context, Part::Annotations, ANNOTATIONS_INDICES).await?;
    Dated {
        part: Part::Annotations,
        title: "Annotations",
        documents: Documents::derived(ANNOTATIONS, fresh, ANNOTATIONS_INDICES, index),
    }
    .write(context, bulk)
    .await
}

/// Notifications to where the cluster writes its own.
pub(super) async fn notifications(context: &Context<'_>) -> Result<()> {
    let documents = context.plan.counts.notifications;
    if documents == 0 {
        return Ok(());
    }
    let cluster = &context.session.cluster;
    let what = ".ml-notifications-*";
    let (index, aliased) = within(cluster.clock(), what, "--skip-notifications", || {
        notifications_index(cluster)
    })
    .await?;
    let bulk = match aliased {
        true => cluster.bulk_alias(NOTIFICATIONS_ALIAS, context.options.bulk()),
        false => cluster.bulk_index_without_alias(&index, context.options.bulk()),
    };
    let fresh = fresh(context, Part::Notifications, NOTIFICATIONS_INDICES).await?;
    Dated {
        part: Part::Notifications,
        title: "Notifications",
        documents: Documents::derived(NOTIFICATIONS, fresh, NOTIFICATIONS_INDICES, index),
    }
    .write(context, bulk)
    .await
}

/// Annotations or notifications: documents that come without ids.
struct Dated {
    part: Part,
    title: &'static str,
    /// Those that are not there yet. The others are left as they are: they have the same content, or somebody edited
    /// them since an earlier import.
    documents: Documents,
}

impl Dated {
    async fn write(self, context: &Context<'_>, bulk: Bulk) -> Result<()> {
        let plan = context.plan;
        let documents = Arc::new(self.documents);
        let handle = context.journal.intend(Entry::Documents(Arc::clone(&documents)));
        let title = format!("Writing {}", self.title.to_lowercase());
        let stage = context.session.stage(&title, Some(documents.len() as u64));
        let bulk = bulk.telling(Arc::clone(&documents) as Arc<dyn Written>);
        let written = documents::send(context, self.part, bulk, &stage, |document| {
            let id = DerivedId::of(plan.job(), self.part, &document).to_string();
            if !documents.contains(&id) {
                return Ok(None);
            }
            Ok(Some(Outgoing {
                id,
                source: renamed(plan, &document)?,
            }))
        })
        .await?;
        context.journal.settle(handle, Certainty::Written);
        let searched = documents.searched();
        let searched: Vec<&str> = searched.iter().map(String::as_str).collect();
        context.session.cluster.refresh(&searched).await?;
        context
            .session
            .done(stage, &format!("{}: {}", self.title, count(written)));
        Ok(())
    }
}

/// The index behind the alias, and that it is one; else the newest index.
async fn notifications_index(cluster: &Cluster) -> Result<Option<(String, bool)>> {
    if let Some(index) = cluster.write_index(NOTIFICATIONS_ALIAS).await? {
        return Ok(Some((index, true)));
    }
    let indices = cluster.index_definitions(&[".ml-notifications-*".to_owned()]).await?;
    Ok(indices.keys().max().map(|index| (index.clone(), false)))
}

/// Looks until it is there, for a bounded time: Elasticsearch makes these indices on its own account.
async fn within<T, F>(clock: &dyn Clock, what: &str, skip: &str, mut look: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<Option<T>>>,
{
    let deadline = clock.now() + MADE_WITHIN;
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if clock.now() >= deadline {
            return Err(Error::failed(
                format!("Elasticsearch did not make {what} within {} s", MADE_WITHIN.as_secs()),
                format!("try again, or leave this part out with {skip}"),
            ));
        }
        clock.pause(LOOK_EVERY).await;
    }
}

/// The IDs that are not there yet, whichever index they could be in: only those are written, and deleted in a rollback.
async fn fresh(context: &Context<'_>, part: Part, indices: &[&str]) -> Result<Vec<DerivedId>> {
    let mut stream = context.checked.archive.documents(part);
    let mut fresh = Vec::new();
    while let Some(batch) = stream.next().await? {
        let derived: Vec<DerivedId> = batch
            .iter()
            .map(|document| DerivedId::of(context.plan.job(), part, document))
            .collect();
        let ids: Vec<String> = derived.iter().map(DerivedId::to_string).collect();
        let there = context.session.cluster.locate(indices, &ids).await?;
        let there: BTreeSet<&str> = there.iter().map(|(_, found)| found.as_str()).collect();
        let missing = derived.into_iter().zip(&ids);
        fresh.extend(missing.filter_map(|(id, text)| (!there.contains(text.as_str())).then_some(id)));
    }
    Ok(fresh)
}

fn renamed(plan: &Plan, document: &Document) -> Result<Bytes> {
    Ok(match plan.renamer.document(&document.source)? {
        std::borrow::Cow::Borrowed(_) => document.source.clone(),
        std::borrow::Cow::Owned(text) => text.into(),
    })
}

/// A bulk request is lines: raw line breaks between tokens become spaces.
pub(in crate::commands::import) fn one_line(text: &[u8]) -> Vec<u8> {
    text.iter()
        .map(|&byte| if byte == b'\n' || byte == b'\r' { b' ' } else { byte })
        .collect()
}

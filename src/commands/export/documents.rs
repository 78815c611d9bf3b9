//! The documents of a job: model and categorizer state, which are read by ID and decoded to verify that they can be restored;
//! annotations, notifications and categories, which are found by searches.

use serde_json::{Value, json};

use super::numbered::{append, require_all, retain_newest, size_of};
use super::plan::{Export, in_range};
use crate::archive::{ArchiveWriter, EntryBuilder, EntryKind};
use crate::cluster::{Hit, Search, SearchRange};
use crate::error::{Error, Result};
use crate::state::{self, ChunkDecoder, STATE_INDICES, StateDocId, StateKind};
use crate::terminal::Stage;
use crate::util::format::{amount, count};
use crate::util::process::Cancellable;

/// An index may be deleted between locating a document and reading it.
const MAX_TRIES: usize = 3;

/// Documents that are found by one search and written to one entry.
pub(super) struct SearchedDocuments {
    pub(super) count: u64,
    kind: EntryKind,
    pub(super) search: Search,
}

/// Annotations, notifications and categories.
pub(super) async fn find(export: &Export<'_>) -> Result<[SearchedDocuments; 3]> {
    let range = SearchRange {
        from: export.options.source.annotations_after,
        until: export.options.source.before(),
    };
    let count = async |kind, index: &str, query: Value, sort: &str| -> Result<SearchedDocuments> {
        let query = json!({"bool": {"filter": [export.of_job(), query]}});
        let search = export.search(index, query, sort);
        let count = export.cluster().count(&search).await?;
        Ok(SearchedDocuments { kind, count, search })
    };
    let (created, sent) = (in_range("create_time", range), in_range("timestamp", range));
    let categories = json!({"exists": {"field": "category_id"}});
    let results = export.job.id().results_alias();
    let (annotations, notifications, categories) = tokio::try_join!(
        count(EntryKind::Annotations, ".ml-annotations-read", created, "timestamp"),
        count(EntryKind::Notifications, ".ml-notifications-*", sent, "timestamp"),
        count(EntryKind::Categories, &results, categories, "category_id"),
    )?;
    Ok([annotations, notifications, categories])
}

impl SearchedDocuments {
    pub(super) fn title(&self) -> &'static str {
        match self.kind {
            EntryKind::Annotations => "annotations",
            EntryKind::Notifications => "notifications",
            _ => "categories",
        }
    }

    /// Reads the documents and appends their entry.
    pub(super) async fn write(&self, export: &Export<'_>, writer: &mut ArchiveWriter) -> Result<()> {
        let title = self.title();
        let stage = export.session.stage(&format!("Reading {title}"), Some(self.count));
        let mut entry = export.entry(self.kind);
        let mut read = 0;
        if self.count > 0 {
            let mut pages = export.cluster().pages(self.search.clone()).await?;
            while let Some(mut hits) = pages.next().await? {
                read += hits.len() as u64;
                stage.inc_with_size(hits.len() as u64, size_of(&hits));
                // Only categories change, and only they have IDs in the archive.
                if self.kind == EntryKind::Categories {
                    retain_newest(export, &mut hits).await?;
                }
                tokio::task::block_in_place(|| hits.iter().try_for_each(|hit| append(&mut entry, hit)))?;
            }
        }
        require_all(title, read, self.count)?;
        let written = entry.documents;
        writer.append(entry.seal()?)?;
        let line = format!("{}{}: {}", title[..1].to_uppercase(), &title[1..], count(written));
        stage.done(&line);
        Ok(())
    }
}

/// Reads the model state `#1..count`, then the categorizer state up to `eos`, and appends their entry.
pub(super) async fn write_state(export: &Export<'_>, writer: &mut ArchiveWriter) -> Result<()> {
    let expected = Some(export.snapshot.state_documents);
    let stage = export.session.stage("Reading model state", expected);
    let mut entry = export.entry(EntryKind::State);
    let mut read = async |kind, expected| {
        let reader = StateReader { export, kind, expected };
        reader.read(&mut entry, &stage).await
    };
    let model = read(StateKind::Model, expected).await?;
    let categorizer = read(StateKind::Categorizer, None).await?;
    if categorizer == 0 && export.job.categorization_field().is_some() {
        refuse_deleted(export).await?;
        export.warn("the categories are not included: the job does not have categorizer state, so an imported job learns new ones");
    }
    let sealed = tokio::task::block_in_place(|| entry.seal())?;
    writer.append(sealed)?;
    let mut line = format!("Model state: {}", amount(model, "document", "documents"));
    if categorizer > 0 {
        line += &format!(", categorizer state: {}", count(categorizer));
    }
    let line = format!("{line} (snapshot {})", export.snapshot.id);
    stage.done(&line);
    Ok(())
}

/// Fails if state was deleted after the model was read: the categorizer state may then be missing for the same reason.
async fn refuse_deleted(export: &Export<'_>) -> Result<()> {
    let (job, snapshot) = (export.job.id(), &export.snapshot.id);
    let kind = StateKind::Model;
    let first = StateDocId { kind, number: 1 }.format(job, snapshot);
    match export.cluster().newest(&STATE_INDICES, &[first]).await?.is_empty() {
        false => Ok(()),
        true => Err(Error::failed(
            format!("the state of snapshot {snapshot} of job {job} was deleted during the export"),
            "export again, or choose another snapshot with --snapshot-id",
        )),
    }
}

struct StateReader<'a> {
    export: &'a Export<'a>,
    kind: StateKind,
    /// The number of documents; `None` if the last document marks the end.
    expected: Option<u64>,
}

impl StateReader<'_> {
    async fn read(self, entry: &mut EntryBuilder, stage: &Stage) -> Result<u64> {
        // The decoded size of state from a cluster is not limited.
        let mut decoder = ChunkDecoder::new(Cancellable(std::io::sink()), u64::MAX);
        let mut read = 0;
        while Some(read) != self.expected
            && let Some(hit) = self.fetch(read + 1).await?
        {
            let last = tokio::task::block_in_place(|| -> Result<bool> {
                append(entry, &hit)?;
                decoder.document(&hit.id, &hit.source).map_err(unusable)
            })?;
            stage.inc_with_size(1, hit.source.len() as u64);
            read += 1;
            if last {
                break;
            }
        }
        if let Some(expected) = self.expected.filter(|expected| *expected != read) {
            let (job, snapshot) = (self.export.job.id(), &self.export.snapshot.id);
            return Err(Error::failed(
                format!("snapshot {snapshot} of job {job} has {expected} state documents, but {read} were found"),
                "grant the user `read` on .ml-state*; if the user has it, the snapshot is damaged: choose another one with \
                 --snapshot-id",
            ));
        }
        if read > 0 {
            decoder.finish().map_err(unusable)?;
        }
        Ok(read)
    }

    /// The newest copy of a document in all state indices. It is located first, because a response may not be large enough for
    /// all copies.
    async fn fetch(&self, number: u64) -> Result<Option<Hit>> {
        let (cluster, kind) = (self.export.cluster(), self.kind);
        let ids = [StateDocId { kind, number }.format(self.export.job.id(), &self.export.snapshot.id)];
        for _ in 0..MAX_TRIES {
            let Some((_, index)) = cluster.newest(&STATE_INDICES, &ids).await?.pop_first() else {
                break;
            };
            if let Some(hit) = cluster.documents(&[&index], &ids).await?.pop() {
                return Ok(Some(hit));
            }
        }
        Ok(None)
    }
}

fn unusable(error: state::Error) -> Error {
    Error::failed(
        format!("the model state on the cluster is damaged: {error}"),
        "if the job is open, its state may have changed during the export: close the job, or export again",
    )
}

//! The documents of a job: model and categorizer state, which are read by ID and decoded to verify that they can be restored;
//! annotations, notifications and categories, which are found by searches.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::numbered::{append, require_all, size_of};
use super::plan::Export;
use crate::archive::{ArchiveWriter, EntryBuilder, EntryKind};
use crate::cluster::{Cluster, Hit, Search, Sort, is_newer_index, time_range};
use crate::error::{Error, Result};
use crate::state::{self, ChunkDecoder, STATE_INDICES, StateDocId, StateKind};
use crate::terminal::Stage;
use crate::util::format::{amount, count};
use crate::util::process::Cancellable;

/// Documents that one request locates.
const LOCATED_AT_ONCE: u64 = 100;
/// An index may be deleted between locating a document and reading it.
const MAX_TRIES: usize = 3;

/// Documents that are found by one search and written to one entry.
pub(super) struct SearchedDocuments {
    pub(super) count: u64,
    kind: EntryKind,
    search: Search,
}

/// Annotations, notifications and categories.
pub(super) async fn find(export: &Export<'_>) -> Result<[SearchedDocuments; 3]> {
    let (options, job) = (export.options, export.job.id());
    let of_job = json!({"term": {"job_id": job.as_str()}});
    let in_range = |field: &str| {
        let range = time_range(field, options.annotations_after, options.before());
        let filter: Vec<Value> = [Some(of_job.clone()), range].into_iter().flatten().collect();
        json!({"bool": {"filter": filter}})
    };
    let count = async |kind, index: &str, query, sort: &str| -> Result<SearchedDocuments> {
        let search = Search {
            sort: Sort::Ascending(sort.to_owned()),
            page_size: options.page_size,
            pagination: options.pagination,
            ..Search::lenient([index], query)
        };
        let count = export.cluster().count(&search).await?;
        Ok(SearchedDocuments { kind, count, search })
    };
    let categories = json!({"bool": {"filter": [of_job, {"exists": {"field": "category_id"}}]}});
    let (created, sent) = (in_range("create_time"), in_range("timestamp"));
    let results = job.results_alias();
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

    /// The number of documents and their highest `_seq_no` in each index; `None` if the cluster cannot aggregate it.
    pub(super) async fn revisions(&self, cluster: &Cluster) -> Result<Option<Value>> {
        match self.count {
            0 => Ok(Some(json!([]))),
            _ => Ok(cluster.revisions(&self.search).await?),
        }
    }

    /// Reads the documents and appends their entry.
    pub(super) async fn write(&self, export: &Export<'_>, writer: &mut ArchiveWriter) -> Result<()> {
        let title = self.title();
        let stage = export.session.stage(&format!("Reading {title}"), Some(self.count));
        let mut entry = export.entry(self.kind);
        let (mut read, mut newest) = (0, None);
        if self.count > 0 {
            let mut pages = export.cluster().pages(self.search.clone()).await?;
            while let Some(hits) = pages.next().await? {
                read += hits.len() as u64;
                stage.inc_with_size(hits.len() as u64, size_of(&hits));
                tokio::task::block_in_place(|| {
                    // Only categories change, and only they have IDs in the archive.
                    let mut complete = hits.into_iter().filter_map(|hit| match self.kind {
                        EntryKind::Categories => replace_older(&mut newest, hit),
                        _ => Some(hit),
                    });
                    complete.try_for_each(|hit| append(&mut entry, &hit))
                })?;
            }
        }
        if let Some(hit) = newest {
            append(&mut entry, &hit)?;
        }
        require_all(title, read, self.count)?;
        let written = entry.documents;
        writer.append(entry.seal()?)?;
        let line = format!("{}{}: {}", title[..1].to_uppercase(), &title[1..], count(written));
        stage.done(&line);
        Ok(())
    }
}

/// Keeps the newest of consecutive copies of a document, and returns the previous document once all of its copies were seen.
/// After a rollover, both indices contain a document that changed.
fn replace_older(newest: &mut Option<Hit>, hit: Hit) -> Option<Hit> {
    match newest {
        Some(held) if held.id == hit.id => {
            if is_newer_index(&hit.index, &held.index) {
                *held = hit;
            }
            None
        }
        held => held.replace(hit),
    }
}

/// Reads the model state `#1..count`, then the categorizer state up to `eos`, and appends their entry.
pub(super) async fn write_state(export: &Export<'_>, writer: &mut ArchiveWriter) -> Result<()> {
    let expected = Some(export.snapshot.state_documents);
    let stage = export.session.stage("Reading model state", expected);
    let mut entry = export.entry(EntryKind::State);
    let model = StateReader::new(export, StateKind::Model, expected);
    let model = model.read(&mut entry, &stage).await?;
    let categorizer = StateReader::new(export, StateKind::Categorizer, None);
    let categorizer = categorizer.read(&mut entry, &stage).await?;
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
    decoder: ChunkDecoder<Cancellable<std::io::Sink>>,
    /// The indices of the next documents, by ID.
    located: BTreeMap<String, String>,
}

impl<'a> StateReader<'a> {
    fn new(export: &'a Export<'a>, kind: StateKind, expected: Option<u64>) -> Self {
        Self {
            export,
            kind,
            expected,
            // The decoded size of state from a cluster is not limited.
            decoder: ChunkDecoder::new(Cancellable(std::io::sink()), u64::MAX),
            located: BTreeMap::new(),
        }
    }

    async fn read(mut self, entry: &mut EntryBuilder, stage: &Stage) -> Result<u64> {
        let mut read = 0;
        while Some(read) != self.expected
            && let Some(hit) = self.fetch(read + 1).await?
        {
            let last = tokio::task::block_in_place(|| -> Result<bool> {
                append(entry, &hit)?;
                self.decoder.document(&hit.id, &hit.source).map_err(unusable)
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
            self.decoder.finish().map_err(unusable)?;
        }
        Ok(read)
    }

    /// The newest copy of a document in all state indices. One at a time is fetched, because documents may be large.
    async fn fetch(&mut self, number: u64) -> Result<Option<Hit>> {
        let cluster = self.export.cluster();
        let id = self.id(number);
        for _ in 0..MAX_TRIES {
            if !self.located.contains_key(&id) {
                let last = number.saturating_add(LOCATED_AT_ONCE - 1);
                let last = self.expected.map_or(last, |expected| last.min(expected));
                let ids: Vec<String> = (number..=last).map(|number| self.id(number)).collect();
                self.located = cluster.newest(&STATE_INDICES, &ids).await?;
            }
            let Some(index) = self.located.remove(&id) else {
                return Ok(None);
            };
            let found = cluster.documents(&[&index], std::slice::from_ref(&id)).await?;
            if let Some(hit) = found.into_iter().next() {
                return Ok(Some(hit));
            }
        }
        Ok(None)
    }

    fn id(&self, number: u64) -> String {
        let kind = self.kind;
        StateDocId { kind, number }.format(self.export.job.id(), &self.export.snapshot.id)
    }
}

fn unusable(error: state::Error) -> Error {
    Error::failed(
        format!("the model state on the cluster is damaged: {error}"),
        "if the job is open, its state may have changed during the export: close the job, or export again",
    )
}

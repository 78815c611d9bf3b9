//! Annotations, notifications and categories: the documents of a job that a search finds, and how many there are.

use serde_json::{Value, json};

use super::inputs::{InputSource, refuse_too_many, time_range};
use super::target::ExportContext;
use crate::archive::{self, EntryBuilder, EntryKind};
use crate::cluster::{Hit, Pages, Search, Sort, is_newer_index};
use crate::error::{Error, Result};
use crate::terminal::Stage;

/// Enough documents to estimate the size of the others by.
const SAMPLE: usize = 100;

/// Documents that one search finds and one entry contains.
#[derive(Debug)]
pub(super) struct SearchedDocuments {
    pub(super) title: &'static str,
    pub(super) entry: EntryKind,
    pub(super) count: u64,
    search: Search,
}

/// How many documents the archive will contain.
#[derive(Debug)]
pub(super) struct DocumentCounts {
    /// Annotations and notifications.
    pub(super) timestamped: [SearchedDocuments; 2],
    pub(super) categories: SearchedDocuments,
    /// `None` where inputs are not exported.
    pub(super) inputs: Option<InputCounts>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct InputCounts {
    pub(super) documents: u64,
    /// An estimate from the first documents.
    pub(super) bytes: u64,
}

impl DocumentCounts {
    pub(super) async fn count(export: ExportContext<'_>, inputs: Option<&InputSource>) -> Result<Self> {
        let ExportContext { options, target, .. } = export;
        let job = target.job.id();
        let of_job = json!({"term": {"job_id": job.as_str()}});
        let in_range = |field: &str| {
            let range = time_range(field, options.annotations_after, options.before());
            let filter: Vec<Value> = [Some(of_job.clone()), range].into_iter().flatten().collect();
            json!({"bool": {"filter": filter}})
        };
        let categories = json!({"bool": {"filter": [of_job, {"exists": {"field": "category_id"}}]}});
        let results = job.results_alias();
        let count = async |title, entry, index: &str, query, sort: &str| -> Result<SearchedDocuments> {
            let search = Search {
                sort: Sort::Ascending(sort.to_owned()),
                page_size: options.page_size,
                pagination: options.pagination,
                ..Search::lenient([index], query)
            };
            Ok(SearchedDocuments {
                title,
                entry,
                count: export.cluster().count(&search).await?,
                search,
            })
        };
        let (annotations, notifications, categories, inputs) = tokio::try_join!(
            count(
                "annotations",
                EntryKind::Annotations,
                ".ml-annotations-read",
                in_range("create_time"),
                "timestamp"
            ),
            count(
                "notifications",
                EntryKind::Notifications,
                ".ml-notifications-*",
                in_range("timestamp"),
                "timestamp"
            ),
            count("categories", EntryKind::Categories, &results, categories, "category_id"),
            async {
                match inputs {
                    Some(source) => count_inputs(export, source).await.map(Some),
                    None => Ok(None),
                }
            }
        )?;
        Ok(Self {
            timestamped: [annotations, notifications],
            categories,
            inputs,
        })
    }

    pub(super) fn searched(&self) -> impl Iterator<Item = &SearchedDocuments> {
        self.timestamped.iter().chain([&self.categories])
    }
}

async fn count_inputs(export: ExportContext<'_>, source: &InputSource) -> Result<InputCounts> {
    let (cluster, terminal) = (export.cluster(), &export.session.terminal);
    let (counted, first) = tokio::try_join!(cluster.counted(&source.search), cluster.sample(&source.search, SAMPLE))?;
    let documents = counted.documents;
    refuse_too_many(documents)?;
    if !counted.anywhere {
        terminal.warn(&format!(
            "the archive will have no input documents: no index matches {}",
            source.search.indices.join(", ")
        ));
    } else if source.mappings.is_empty() && !source.local.is_empty() {
        terminal.warn(&format!(
            "no mappings are found of {}: an import infers the types of fields from the data",
            source.local.join(", ")
        ));
    }
    let bytes: u64 = first.iter().map(|hit| hit.source.len() as u64).sum();
    let bytes = bytes * documents / (first.len() as u64).max(1);
    Ok(InputCounts { documents, bytes })
}

impl SearchedDocuments {
    /// Appends the documents to their entry.
    pub(super) async fn read(&self, export: ExportContext<'_>, entry: &mut EntryBuilder, stage: &Stage) -> Result<()> {
        let mut newest = NewestCopies::default();
        let mut read = 0;
        let mut pages: Option<Pages> = match self.count {
            0 => None,
            _ => Some(export.cluster().pages(self.search.clone()).await?),
        };
        while let Some(pages) = &mut pages
            && let Some(hits) = pages.next().await?
        {
            read += hits.len() as u64;
            stage.inc(hits.len() as u64);
            tokio::task::block_in_place(|| {
                // Only categories have IDs in the archive, and are the only ones that change.
                hits.into_iter().try_for_each(|hit| match self.entry {
                    EntryKind::Categories => newest.push(hit).map_or(Ok(()), |hit| self.append(entry, &hit)),
                    _ => self.append(entry, &hit),
                })
            })?;
        }
        if let Some(hit) = newest.0 {
            self.append(entry, &hit)?;
        }
        require_all(self.title, read, self.count)
    }

    fn append(&self, entry: &mut EntryBuilder, hit: &Hit) -> archive::Result<()> {
        let appended = match self.entry {
            EntryKind::Categories => entry.action_and_line(None, &hit.id, &hit.source),
            _ => entry.line(&hit.source),
        };
        appended.map_err(|error| error.of_document(&hit.index, &hit.id))
    }
}

/// The newest of consecutive copies of a document: after a rollover a document that changes is in both indices.
#[derive(Default)]
struct NewestCopies(Option<Hit>);

impl NewestCopies {
    /// Takes the next document, and returns the one before it once no further copy can follow.
    fn push(&mut self, hit: Hit) -> Option<Hit> {
        match &mut self.0 {
            Some(held) if held.id == hit.id => {
                if is_newer_index(&hit.index, &held.index) {
                    *held = hit;
                }
                None
            }
            held => held.replace(hit),
        }
    }
}

/// A search that finds fewer documents than were counted a moment before has lost some.
pub(super) fn require_all(what: &str, read: u64, counted: u64) -> Result<()> {
    if read >= counted {
        return Ok(());
    }
    Err(Error::failed(
        format!("{what}: {counted} documents were counted, {read} could be read"),
        "documents were deleted meanwhile, or shards went away: try again",
    ))
}

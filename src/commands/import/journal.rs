//! The journal of an import: every write is recorded before it is sent, so that all of them can be undone in reverse
//! order, and so are the IDs of the written documents.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::archive::Part;
use crate::cluster::WriteObserver;
use crate::job::{CalendarId, DatafeedId, FilterId, IndexName, JobId, new_run};
use crate::util::format::{amount, hex};
use crate::util::process::lock;

/// Something that was written or is about to be written, and did not exist before.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    Filter(FilterId),
    Calendar(CalendarId),
    /// Events that were missing from the calendar of an interrupted import.
    Events(CalendarId, Vec<Map<String, Value>>),
    InputIndex(IndexName),
    Job,
    Documents(Arc<WrittenDocuments>),
    /// What Elasticsearch deletes together with the job: its snapshot, data counts, categories, results and quantiles. Their
    /// IDs are not recorded: there may be millions.
    Results,
    Datafeed(DatafeedId),
    /// The job's membership in a calendar.
    Membership(CalendarId),
}

/// What was found under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ownership {
    Absent,
    /// This import created it.
    Ours,
    /// This import did not create it, or not alone; with the reason.
    Foreign(&'static str),
}

/// Something that `--replace` deletes. It cannot be restored.
#[derive(Clone, Debug)]
pub(super) struct Replaced {
    pub(super) what: String,
    /// What to search for if the outcome is unknown; `None` for documents of an earlier job.
    pub(super) entry: Option<Entry>,
}

/// The known outcome of a recorded write or deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteStatus {
    /// It may have been executed.
    Intended,
    /// The cluster confirmed it.
    Written,
    /// The cluster rejected it, or there was nothing to delete: there is nothing to undo.
    Refused,
}

/// Writes or deletions in the order in which they were sent.
#[derive(Debug)]
pub(super) struct Log<T>(Mutex<Vec<(T, WriteStatus)>>);

/// What a run has done so far. It outlives the work that fills it, which is dropped when a signal is received.
#[derive(Debug)]
pub(super) struct Journal {
    /// A unique name that marks the input indices of this run.
    pub(super) run: String,
    pub(super) entries: Log<Entry>,
    /// What `--replace` deleted or was about to delete.
    pub(super) replaced: Log<Replaced>,
    /// The job and the datafeed as the cluster returned them after their creation, if it did.
    pub(super) job: OnceLock<Value>,
    pub(super) datafeed: OnceLock<Value>,
    /// Input indices that Elasticsearch fills, which are kept, and whose they are.
    pub(super) reindexed: Mutex<BTreeMap<IndexName, Ownership>>,
    /// The definitions of the input indices right after their creation.
    indices: Mutex<BTreeMap<IndexName, Value>>,
}

impl Entry {
    pub(super) fn describe(&self, job: &JobId) -> String {
        match self {
            Self::Filter(id) => format!("filter {id}"),
            Self::Calendar(id) => format!("calendar {id}"),
            Self::Events(id, events) => format!("{} of calendar {id}", amount(events.len() as u64, "event", "events")),
            Self::InputIndex(name) => format!("index {name}"),
            Self::Job => format!("job {job}"),
            Self::Documents(documents) => format!("{} of job {job}", documents.what),
            Self::Results => format!("snapshot, results and quantiles of job {job}"),
            Self::Datafeed(id) => format!("datafeed {id}"),
            Self::Membership(id) => format!("membership of job {job} in calendar {id}"),
        }
    }
}

impl<T: Clone> Log<T> {
    /// Records an intent; pass the returned handle to [`Self::set`].
    pub(super) fn record_intent(&self, what: T) -> usize {
        let mut log = lock(&self.0);
        log.push((what, WriteStatus::Intended));
        log.len() - 1
    }

    pub(super) fn set(&self, handle: usize, status: WriteStatus) {
        lock(&self.0)[handle].1 = status;
    }

    /// Everything with an unknown outcome, with its handle.
    pub(super) fn intended(&self) -> Vec<(usize, T)> {
        let log = lock(&self.0);
        let intended = log
            .iter()
            .enumerate()
            .filter(|(_, (_, status))| *status == WriteStatus::Intended);
        intended.map(|(handle, (what, _))| (handle, what.clone())).collect()
    }

    /// Everything that was done or may have been done.
    pub(super) fn possible(&self) -> Vec<(T, WriteStatus)> {
        let mut log = lock(&self.0).clone();
        log.retain(|(_, status)| *status != WriteStatus::Refused);
        log
    }
}

impl Journal {
    pub(super) fn new() -> Self {
        Self {
            run: new_run(),
            entries: Log(Mutex::default()),
            replaced: Log(Mutex::default()),
            job: OnceLock::new(),
            datafeed: OnceLock::new(),
            reindexed: Mutex::default(),
            indices: Mutex::default(),
        }
    }

    /// Writes: records the intent first, and then that the cluster confirmed it.
    pub(super) async fn write<T, E>(&self, entry: Entry, writing: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let handle = self.entries.record_intent(entry);
        let written = writing.await?;
        self.entries.set(handle, WriteStatus::Written);
        Ok(written)
    }

    /// Deletes for `--replace`: records the intent first, and then whether there was anything to delete.
    pub(super) async fn delete<E>(
        &self,
        what: String,
        entry: Option<Entry>,
        deletion: impl Future<Output = Result<bool, E>>,
    ) -> Result<(), E> {
        let handle = self.replaced.record_intent(Replaced { what, entry });
        let status = if deletion.await? {
            WriteStatus::Written
        } else {
            WriteStatus::Refused
        };
        self.replaced.set(handle, status);
        Ok(())
    }

    pub(super) fn record_index(&self, name: IndexName, definition: Value) {
        lock(&self.indices).insert(name, definition);
    }

    /// The definition of an input index right after its creation, if it is known.
    pub(super) fn index(&self, name: &IndexName) -> Option<Value> {
        lock(&self.indices).get(name).cloned()
    }

    /// The entries that may have to be undone, the last one first. Filters come after the job because it uses them, and its
    /// results because Elasticsearch deletes most of them itself. Documents are deleted by ID as long as the job prevents
    /// that another client writes them.
    pub(super) fn to_undo(&self) -> Vec<Entry> {
        let entries = self.entries.possible().into_iter().rev();
        let mut order: Vec<Entry> = entries.map(|(entry, _)| entry).collect();
        order.sort_by_key(|entry| matches!(entry, Entry::Filter(_) | Entry::Results));
        order
    }

    /// The written documents of a part.
    pub(super) fn documents(&self, part: Part) -> Option<Arc<WrittenDocuments>> {
        self.entries.possible().into_iter().find_map(|(entry, _)| match entry {
            Entry::Documents(documents) if documents.part == part => Some(documents),
            _ => None,
        })
    }

    /// Whether nothing was written or deleted.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.possible().is_empty() && self.replaced.possible().is_empty()
    }
}

/// The ID of an annotation or notification, which has none in the archive. It is derived from job, line and content, so
/// that every import uses the same one.
pub(super) fn derived_id(job: &JobId, part: Part, line: u64, source: &[u8]) -> String {
    let kind: &[u8] = match part {
        Part::Annotations => b"annotation",
        _ => b"notification",
    };
    let line = line.to_be_bytes();
    let mut hash = Sha256::new();
    for piece in [kind, job.as_str().as_bytes(), &line, source] {
        hash.update((piece.len() as u64).to_be_bytes());
        hash.update(piece);
    }
    format!("esml-{}", hex(&hash.finalize()[..16]))
}

/// The documents of one kind that a rollback deletes, by ID. The index of each document is recorded, because the cluster
/// may move an alias between two requests.
#[derive(Debug)]
pub(super) struct WrittenDocuments {
    /// The kind of documents, such as `annotations`.
    pub(super) what: &'static str,
    pub(super) part: Part,
    /// The index that each document was written to, by ID; `None` until the cluster confirms the document.
    indices: Mutex<BTreeMap<String, Option<String>>>,
    /// The indices to search for them.
    patterns: &'static [&'static str],
    /// The assumed index of documents that the cluster did not confirm.
    presumed: String,
}

impl WrittenDocuments {
    pub(super) fn new(
        what: &'static str,
        part: Part,
        ids: impl IntoIterator<Item = String>,
        patterns: &'static [&'static str],
        presumed: String,
    ) -> Self {
        Self {
            what,
            part,
            indices: Mutex::new(ids.into_iter().map(|id| (id, None)).collect()),
            patterns,
            presumed,
        }
    }

    /// All IDs, sorted.
    pub(super) fn ids(&self) -> Vec<String> {
        lock(&self.indices).keys().cloned().collect()
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.indices).len()
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        lock(&self.indices).contains_key(id)
    }

    /// The index that the document was written to; `None` if the cluster did not confirm it.
    pub(super) fn index_of(&self, id: &str) -> Option<String> {
        lock(&self.indices).get(id).cloned().flatten()
    }

    /// The patterns, and every other index that the cluster reported.
    pub(super) fn searched_indices(&self) -> Vec<String> {
        let matched = |index: &str| {
            let mut prefixes = self.patterns.iter().map(|pattern| pattern.trim_end_matches('*'));
            prefixes.any(|prefix| index.starts_with(prefix))
        };
        let indices = lock(&self.indices);
        let reported: BTreeSet<&str> = indices.values().flatten().map(String::as_str).collect();
        let others = reported.into_iter().filter(|index| !matched(index));
        self.patterns.iter().copied().chain(others).map(str::to_owned).collect()
    }

    /// The request that deletes them.
    pub(super) fn deletion_request(&self) -> String {
        let indices = lock(&self.indices);
        let lines = indices.iter().map(|(id, index)| {
            let index = index.as_ref().unwrap_or(&self.presumed);
            json!({"delete": {"_index": index, "_id": id}}).to_string()
        });
        format!("POST /_bulk\n{}", lines.collect::<Vec<_>>().join("\n"))
    }
}

impl WriteObserver for WrittenDocuments {
    fn written(&self, id: &str, index: &str) {
        if let Some(known) = lock(&self.indices).get_mut(id) {
            *known = Some(index.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(journal: &Journal) -> Vec<String> {
        journal.to_undo().iter().map(|entry| format!("{entry:?}")).collect()
    }

    #[test]
    fn rejected_writes_are_not_undone() {
        let journal = Journal::new();
        let job = journal.entries.record_intent(Entry::Job);
        let filter = journal
            .entries
            .record_intent(Entry::Filter("a".parse().expect("valid")));
        journal.entries.set(job, WriteStatus::Refused);
        journal.entries.set(filter, WriteStatus::Written);
        assert_eq!(names(&journal), [r#"Filter(FilterId("a"))"#]);
    }

    #[test]
    fn rollback_order_is_reversed_with_job_dependents_last() {
        let journal = Journal::new();
        journal.entries.record_intent(Entry::Job);
        journal
            .entries
            .record_intent(Entry::Filter("a".parse().expect("valid")));
        journal.entries.record_intent(Entry::Results);
        assert_eq!(names(&journal), ["Job", "Results", r#"Filter(FilterId("a"))"#]);
    }

    #[test]
    fn derived_ids_differ_by_job_line_and_content() {
        let id = |job: &str, line, text: &str| {
            let job = job.parse().expect("valid");
            derived_id(&job, Part::Annotations, line, text.as_bytes())
        };
        assert_eq!(id("a", 1, "{}"), id("a", 1, "{}"));
        assert_ne!(id("a", 1, "{}"), id("a", 2, "{}"));
        assert_ne!(id("a", 1, "{}"), id("b", 1, "{}"));
        assert_ne!(id("a", 1, "{}"), id("a", 1, "{ }"));
        assert_eq!(id("a", 1, "{}").len(), "esml-".len() + 32);
    }

    #[test]
    fn each_document_is_removed_from_the_index_that_it_was_written_to() {
        let documents = WrittenDocuments::new(
            "state documents",
            Part::State,
            ["b", "a", "c"].map(str::to_owned),
            &[".ml-state*"],
            ".ml-state-write".to_owned(),
        );
        documents.written("a", ".ml-state-000001");
        documents.written("b", "elsewhere");
        documents.written("unknown", ".ml-state-000001");
        assert_eq!(documents.index_of("c"), None);
        assert_eq!(documents.searched_indices(), [".ml-state*", "elsewhere"]);
        assert_eq!(
            documents.deletion_request(),
            "POST /_bulk\n\
             {\"delete\":{\"_index\":\".ml-state-000001\",\"_id\":\"a\"}}\n\
             {\"delete\":{\"_index\":\"elsewhere\",\"_id\":\"b\"}}\n\
             {\"delete\":{\"_index\":\".ml-state-write\",\"_id\":\"c\"}}"
        );
    }
}

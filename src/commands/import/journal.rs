//! What an import has written so far, recorded before it is written, so that it can be undone in reverse order; and which
//! documents it wrote under which IDs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::archive::{Document, Part};
use crate::cluster::WriteObserver;
use crate::job::{CalendarId, DatafeedId, FilterId, IndexName, JobId};
use crate::util::format::hex;

/// Something that was or is about to be written. None of it existed before.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    Filter(FilterId),
    Calendar(CalendarId),
    /// Events that complete a calendar of an interrupted import.
    Events(CalendarId, Vec<Map<String, Value>>),
    InputIndex(IndexName),
    Job,
    Documents(Arc<WrittenDocuments>),
    /// What Elasticsearch itself writes when it reverts a job: quantiles, and the size of the model as a result.
    Reverted,
    Datafeed(DatafeedId),
    /// The job's membership in a calendar.
    Membership(CalendarId),
}

/// Something that `--replace` deletes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Replaced {
    Datafeed(DatafeedId),
    /// The existing job with its state, results, annotations and notifications.
    Job,
    /// What an earlier job of this ID left.
    Leftovers,
    /// The input index of an earlier import.
    InputIndex(IndexName),
}

impl Replaced {
    pub(super) fn describe(&self, job: &JobId) -> String {
        match self {
            Self::Datafeed(id) => format!("datafeed {id}"),
            Self::Job => format!("job {job} and its state, results"),
            Self::Leftovers => format!("what job {job} left: state, results, annotations, notifications"),
            Self::InputIndex(name) => format!("index {name}"),
        }
    }
}

/// What is known of a recorded write or deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteStatus {
    /// It may or may not have been executed.
    Intended,
    /// The cluster confirmed it.
    Written,
    /// The cluster refused it, or there was nothing to delete: there is nothing to undo.
    Refused,
}

/// An input index as it was right after its creation.
#[derive(Clone, Debug)]
pub(super) struct CreatedIndex {
    pub(super) name: IndexName,
    pub(super) uuid: Value,
    pub(super) mappings: Value,
}

/// Entries in the order of writing. It outlives the work that fills it, which is dropped when a signal comes.
#[derive(Debug)]
pub(super) struct Journal {
    /// A name that no other run has, which marks the input indices of this one.
    pub(super) run: String,
    /// The `create_time` that the cluster gave the job, in epoch milliseconds, where it is known.
    pub(super) job_created: OnceLock<i64>,
    /// The datafeed as the cluster returned it after its creation, where it is known.
    pub(super) datafeed: OnceLock<Value>,
    entries: Mutex<Vec<(Entry, WriteStatus)>>,
    replaced: Mutex<Vec<(Replaced, WriteStatus)>>,
    indices: Mutex<Vec<CreatedIndex>>,
}

impl Journal {
    pub(super) fn new() -> Self {
        Self {
            run: format!("{:016x}", fastrand::u64(..)),
            job_created: OnceLock::new(),
            datafeed: OnceLock::new(),
            entries: Mutex::default(),
            replaced: Mutex::default(),
            indices: Mutex::default(),
        }
    }

    /// Records what is about to be written; the handle is for [`Self::record_status`].
    pub(super) fn record_intent(&self, entry: Entry) -> usize {
        let mut entries = lock(&self.entries);
        entries.push((entry, WriteStatus::Intended));
        entries.len() - 1
    }

    pub(super) fn record_status(&self, handle: usize, status: WriteStatus) {
        if let Some(entry) = lock(&self.entries).get_mut(handle) {
            entry.1 = status;
        }
    }

    /// Records what `--replace` is about to delete, which cannot be restored.
    pub(super) fn record_deletion(&self, what: Replaced) -> usize {
        let mut replaced = lock(&self.replaced);
        replaced.push((what, WriteStatus::Intended));
        replaced.len() - 1
    }

    /// Records whether there was anything to delete.
    pub(super) fn record_deleted(&self, handle: usize, any: bool) {
        if let Some(replaced) = lock(&self.replaced).get_mut(handle) {
            replaced.1 = if any {
                WriteStatus::Written
            } else {
                WriteStatus::Refused
            };
        }
    }

    pub(super) fn record_index(&self, created: CreatedIndex) {
        lock(&self.indices).push(created);
    }

    /// An input index as it was right after its creation, where that is known.
    pub(super) fn index(&self, name: &IndexName) -> Option<CreatedIndex> {
        let indices = lock(&self.indices);
        indices.iter().find(|created| created.name == *name).cloned()
    }

    /// Whether the cluster confirmed the job.
    pub(super) fn has_job(&self) -> bool {
        let job = |entry: &(Entry, WriteStatus)| matches!(entry, (Entry::Job, WriteStatus::Written));
        lock(&self.entries).iter().any(job)
    }

    /// What `--replace` deleted or was about to delete.
    pub(super) fn replaced(&self) -> Vec<(Replaced, WriteStatus)> {
        let mut replaced = lock(&self.replaced).clone();
        replaced.retain(|(_, status)| *status != WriteStatus::Refused);
        replaced
    }

    /// The entries that may have to be undone: the last first, but after the job what is deleted together with it and the
    /// filters that it names.
    pub(super) fn to_undo(&self) -> Vec<Entry> {
        let mut entries = lock(&self.entries).clone();
        entries.retain(|(_, status)| *status != WriteStatus::Refused);
        let after_job = |entry: &Entry| matches!(entry, Entry::Filter(_) | Entry::Reverted);
        let (after, mut order): (Vec<_>, Vec<_>) =
            entries.into_iter().rev().map(|(entry, _)| entry).partition(after_job);
        order.extend(after);
        order
    }

    /// The written documents of a part.
    pub(super) fn documents(&self, part: Part) -> Option<Arc<WrittenDocuments>> {
        lock(&self.entries).iter().find_map(|(entry, _)| match entry {
            Entry::Documents(documents) if documents.part == Some(part) => Some(Arc::clone(documents)),
            _ => None,
        })
    }

    /// Whether nothing was written or deleted.
    pub(super) fn is_empty(&self) -> bool {
        self.to_undo().is_empty() && self.replaced().is_empty()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An ID for a document that the archive has without one, made of job, line and content: the same at every import. Many
/// are kept until an import ends, so it is not a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DerivedId([u8; 16]);

impl DerivedId {
    /// Of an annotation or notification.
    pub(super) fn of(job: &JobId, part: Part, document: &Document) -> Self {
        let kind: &[u8] = match part {
            Part::Annotations => b"annotation",
            _ => b"notification",
        };
        let line = document.line.to_be_bytes();
        let mut hash = Sha256::new();
        for piece in [kind, job.as_str().as_bytes(), &line, &document.source] {
            hash.update((piece.len() as u64).to_be_bytes());
            hash.update(piece);
        }
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finalize()[..16]);
        Self(id)
    }

    /// Parses what `Display` writes; `None` for any other ID.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("esml-")?;
        let mut id = [0; 16];
        if digits.len() != 2 * id.len() || !digits.is_ascii() {
            return None;
        }
        for (byte, at) in id.iter_mut().zip((0..digits.len()).step_by(2)) {
            *byte = u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()?;
        }
        Some(Self(id))
    }
}

impl fmt::Display for DerivedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "esml-{}", hex(&self.0))
    }
}

/// Documents of one kind, by ID: what a rollback deletes. The cluster may move an alias between two requests, so the index
/// of each document is recorded.
#[derive(Debug)]
pub(super) struct WrittenDocuments {
    /// What they are, such as `annotations`.
    pub(super) what: &'static str,
    /// `None` for the snapshot document and the data counts.
    pub(super) part: Option<Part>,
    ids: Ids,
    /// The indices that they are searched in.
    patterns: &'static [&'static str],
    /// The index of documents that the cluster did not confirm.
    presumed: String,
    locations: Mutex<Locations>,
}

/// IDs in order.
#[derive(Debug)]
pub(super) enum Ids {
    Text(Vec<String>),
    Derived(Vec<DerivedId>),
}

/// Indices, and for each document the number of its index from 1, or 0 where it is not known.
#[derive(Debug, Default)]
struct Locations {
    indices: Vec<String>,
    of: Vec<u16>,
}

impl WrittenDocuments {
    pub(super) fn new(
        what: &'static str,
        part: Option<Part>,
        mut ids: Ids,
        patterns: &'static [&'static str],
        presumed: impl Into<String>,
    ) -> Self {
        match &mut ids {
            Ids::Text(ids) => ids.sort_unstable(),
            Ids::Derived(ids) => ids.sort_unstable(),
        }
        let locations = Locations {
            indices: Vec::new(),
            of: vec![0; ids.len()],
        };
        Self {
            what,
            part,
            ids,
            patterns,
            presumed: presumed.into(),
            locations: Mutex::new(locations),
        }
    }

    fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.ids.position(id).is_some()
    }

    /// The IDs in batches of this size.
    pub(super) fn batches(&self, size: usize) -> impl Iterator<Item = Vec<String>> + '_ {
        let ids = move |from: usize| {
            (from..(from + size).min(self.len()))
                .map(|n| self.ids.text(n))
                .collect()
        };
        (0..self.len()).step_by(size).map(ids)
    }

    /// The index that the document was written to; `None` where the cluster did not confirm it.
    fn index_of(&self, id: &str) -> Option<String> {
        let locations = lock(&self.locations);
        let number = *locations.of.get(self.ids.position(id)?)?;
        locations.indices.get(usize::from(number).checked_sub(1)?).cloned()
    }

    /// The patterns, and every index that the cluster named and that these do not match.
    pub(super) fn searched_indices(&self) -> Vec<String> {
        let matched = |index: &str| {
            let mut prefixes = self.patterns.iter().map(|pattern| pattern.trim_end_matches('*'));
            prefixes.any(|prefix| index.starts_with(prefix))
        };
        let mut searched: Vec<String> = self.patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        let locations = lock(&self.locations);
        searched.extend(locations.indices.iter().filter(|index| !matched(index)).cloned());
        searched
    }

    /// The request that deletes them.
    pub(super) fn deletion_request(&self) -> String {
        let delete = |n| {
            let id = self.ids.text(n);
            let index = self.index_of(&id).unwrap_or_else(|| self.presumed.clone());
            serde_json::json!({"delete": {"_index": index, "_id": id}}).to_string()
        };
        let lines: Vec<String> = (0..self.len()).map(delete).collect();
        format!("POST /_bulk\n{}", lines.join("\n"))
    }

    /// The documents by the indices that they are in, as far as that is known.
    pub(super) fn by_indices<T>(&self, documents: Vec<(String, T)>) -> BTreeMap<Vec<String>, BTreeMap<String, T>> {
        let mut grouped: BTreeMap<Vec<String>, BTreeMap<String, T>> = BTreeMap::new();
        for (id, document) in documents {
            let known = self.index_of(&id).map(|index| vec![index]);
            let indices = known.unwrap_or_else(|| self.searched_indices());
            grouped.entry(indices).or_default().insert(id, document);
        }
        grouped
    }
}

impl Ids {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Text(ids) => ids.len(),
            Self::Derived(ids) => ids.len(),
        }
    }

    fn position(&self, id: &str) -> Option<usize> {
        match self {
            Self::Text(ids) => ids.binary_search_by(|known| known.as_str().cmp(id)).ok(),
            Self::Derived(ids) => ids.binary_search(&DerivedId::parse(id)?).ok(),
        }
    }

    fn text(&self, n: usize) -> String {
        match self {
            Self::Text(ids) => ids[n].clone(),
            Self::Derived(ids) => ids[n].to_string(),
        }
    }
}

impl WriteObserver for WrittenDocuments {
    fn written(&self, id: &str, index: &str) {
        let Some(position) = self.ids.position(id) else { return };
        let mut locations = lock(&self.locations);
        let known = locations.indices.iter().position(|known| known == index);
        let number = known.unwrap_or_else(|| {
            locations.indices.push(index.to_owned());
            locations.indices.len() - 1
        });
        if let (Some(location), Ok(number)) = (locations.of.get_mut(position), u16::try_from(number + 1)) {
            *location = number;
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::archive::Action;

    fn names(journal: &Journal) -> Vec<String> {
        journal.to_undo().iter().map(|entry| format!("{entry:?}")).collect()
    }

    #[test]
    fn what_the_cluster_refused_is_not_undone() {
        let journal = Journal::new();
        let job = journal.record_intent(Entry::Job);
        let filter = journal.record_intent(Entry::Filter("a".parse().expect("valid")));
        journal.record_status(job, WriteStatus::Refused);
        journal.record_status(filter, WriteStatus::Written);
        assert_eq!(names(&journal), [r#"Filter(FilterId("a"))"#]);
    }

    #[test]
    fn the_last_is_undone_first_and_after_the_job_what_goes_with_it() {
        let journal = Journal::new();
        journal.record_intent(Entry::Job);
        journal.record_intent(Entry::Filter("a".parse().expect("valid")));
        journal.record_intent(Entry::Reverted);
        assert_eq!(names(&journal), ["Job", "Reverted", r#"Filter(FilterId("a"))"#]);
    }

    #[test]
    fn derived_ids_differ_by_job_line_and_content() {
        let document = |line, text: &'static str| Document {
            line,
            action: Action::default(),
            source: Bytes::from(text),
        };
        let id = |job: &str, line, text| {
            DerivedId::of(&job.parse().expect("valid"), Part::Annotations, &document(line, text))
        };
        assert_eq!(id("a", 1, "{}"), id("a", 1, "{}"));
        assert_ne!(id("a", 1, "{}"), id("a", 2, "{}"));
        assert_ne!(id("a", 1, "{}"), id("b", 1, "{}"));
        assert_ne!(id("a", 1, "{}"), id("a", 1, "{ }"));
        assert_eq!(id("a", 1, "{}").to_string().len(), "esml-".len() + 32);
        assert_eq!(DerivedId::parse(&id("a", 1, "{}").to_string()), Some(id("a", 1, "{}")));
        assert_eq!(DerivedId::parse("esml-+1"), None);
    }

    #[test]
    fn each_document_is_removed_from_the_index_that_it_was_written_to() {
        let documents = WrittenDocuments::new(
            "state documents",
            Some(Part::State),
            Ids::Text(vec!["b".to_owned(), "a".to_owned(), "c".to_owned()]),
            &[".ml-state*"],
            ".ml-state-write",
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

//! What an import has done so far, intent first, so that it can be undone from its end.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::{Map, Value};

use super::documents::Documents;
use crate::job::{CalendarId, DatafeedId, FilterId, IndexName, JobId};

/// One thing that was written or was about to be.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    /// A filter that was not there before.
    Filter(FilterId),
    /// A calendar that was not there before.
    Calendar(CalendarId),
    /// Events that complete a calendar which an interrupted import left half-made.
    Events(CalendarId, Vec<Map<String, Value>>),
    /// An input index that was not there before.
    InputIndex(IndexName),
    /// The job, which was not there before.
    Job,
    /// Documents under fixed IDs.
    Documents(Arc<Documents>),
    /// What Elasticsearch itself writes when it reverts a job: quantiles, and the size of the model as a result.
    Reverted,
    /// The datafeed, which was not there before.
    Datafeed(DatafeedId),
    /// The job's membership of a calendar that did not have it.
    Membership(CalendarId),
}

/// Something that `--replace` deletes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Replaced {
    /// The datafeed of the existing job.
    Datafeed(DatafeedId),
    /// The existing job with its state, results, annotations and notifications.
    Job,
    /// What an earlier job of this ID left.
    Leftovers,
    /// The input index of an earlier import.
    InputIndex(IndexName),
}

impl Replaced {
    /// In words.
    pub(super) fn describe(&self, job: &JobId) -> String {
        match self {
            Self::Datafeed(id) => format!("datafeed {id}"),
            Self::Job => format!("job {job} and its state, results"),
            Self::Leftovers => format!("what job {job} left: state, results, annotations, notifications"),
            Self::InputIndex(name) => format!("index {name}"),
        }
    }
}

/// Entries in the order of writing. Lives outside of the work that fills it, so that it survives the
/// work being dropped by Ctrl-C.
#[derive(Debug)]
pub(super) struct Journal {
    run: String,
    entries: Mutex<Vec<(Entry, Certainty)>>,
    replaced: Mutex<Vec<(Replaced, Certainty)>>,
    job_created: OnceLock<i64>,
    datafeed: OnceLock<Value>,
    indices: Mutex<Vec<CreatedIndex>>,
}

/// An input index as it was right after its creation.
#[derive(Clone, Debug)]
pub(super) struct CreatedIndex {
    pub(super) name: IndexName,
    pub(super) uuid: Value,
    pub(super) mappings: Value,
}

/// How sure it is that an entry is on the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Certainty {
    /// About to be written: it may or may not be there.
    Intended,
    /// The cluster confirmed it.
    Written,
    /// The cluster refused it: there is nothing to undo, and what is there belongs to others.
    Refused,
}

impl Journal {
    /// A journal of a run whose name no other run has.
    pub(super) fn new() -> Self {
        Self {
            run: format!("{:016x}", fastrand::u64(..)),
            entries: Mutex::default(),
            replaced: Mutex::default(),
            job_created: OnceLock::new(),
            datafeed: OnceLock::new(),
            indices: Mutex::default(),
        }
    }

    /// What marks the input indices of this run.
    pub(super) fn run(&self) -> &str {
        &self.run
    }

    /// Notes what is about to be written; the handle says later how it went.
    pub(super) fn intend(&self, entry: Entry) -> usize {
        let mut entries = locked(&self.entries);
        entries.push((entry, Certainty::Intended));
        entries.len() - 1
    }

    /// Notes how it went.
    pub(super) fn settle(&self, handle: usize, certainty: Certainty) {
        if let Some(entry) = locked(&self.entries).get_mut(handle) {
            entry.1 = certainty;
        }
    }

    /// The `create_time` that the cluster gave the job.
    pub(super) fn created_job(&self, create_time: Option<i64>) {
        if let Some(time) = create_time {
            let _ = self.job_created.set(time);
        }
    }

    /// When the job was created, in epoch milliseconds, where that is known.
    pub(super) fn job_created_at(&self) -> Option<i64> {
        self.job_created.get().copied()
    }

    /// The datafeed as the cluster shows it after its creation.
    pub(super) fn created_datafeed(&self, shown: Value) {
        let _ = self.datafeed.set(shown);
    }

    /// The datafeed as it was right after its creation, where that is known.
    pub(super) fn datafeed(&self) -> Option<&Value> {
        self.datafeed.get()
    }

    /// An input index as the cluster shows it after its creation.
    pub(super) fn created_index(&self, created: CreatedIndex) {
        locked(&self.indices).push(created);
    }

    /// An input index as it was right after its creation, where that is known.
    pub(super) fn index(&self, name: &IndexName) -> Option<CreatedIndex> {
        locked(&self.indices)
            .iter()
            .find(|created| created.name == *name)
            .cloned()
    }

    /// The cluster confirmed the job.
    pub(super) fn has_job(&self) -> bool {
        let job =
            |(entry, certainty): &(Entry, Certainty)| matches!(entry, Entry::Job) && *certainty == Certainty::Written;
        locked(&self.entries).iter().any(job)
    }

    /// Notes what `--replace` is about to delete; it cannot be brought back.
    pub(super) fn replacing(&self, what: Replaced) -> usize {
        let mut replaced = locked(&self.replaced);
        replaced.push((what, Certainty::Intended));
        replaced.len() - 1
    }

    /// Whether there was anything to delete, once that is known.
    pub(super) fn has_replaced(&self, handle: usize, any: bool) {
        if let Some(replaced) = locked(&self.replaced).get_mut(handle) {
            replaced.1 = if any { Certainty::Written } else { Certainty::Refused };
        }
    }

    /// All that `--replace` deleted or was about to delete.
    pub(super) fn all_replaced(&self) -> Vec<(Replaced, Certainty)> {
        let replaced = locked(&self.replaced);
        let there = replaced
            .iter()
            .filter(|(_, certainty)| *certainty != Certainty::Refused);
        there.cloned().collect()
    }

    /// All entries that may have to be undone: the last first, but after the job what is deleted together with it and the
    /// filters that it names.
    pub(super) fn to_undo(&self) -> Vec<Entry> {
        let entries = locked(&self.entries);
        let undoable = entries
            .iter()
            .rev()
            .filter(|(_, certainty)| *certainty != Certainty::Refused)
            .map(|(entry, _)| entry.clone());
        let after_job = |entry: &Entry| matches!(entry, Entry::Filter(_) | Entry::Reverted);
        let (after, mut order): (Vec<_>, Vec<_>) = undoable.partition(after_job);
        order.extend(after);
        order
    }

    /// The documents of this kind that are written under fixed IDs.
    pub(super) fn documents(&self, what: &str) -> Option<Arc<Documents>> {
        let entries = locked(&self.entries);
        entries.iter().find_map(|(entry, _)| match entry {
            Entry::Documents(documents) if documents.what == what => Some(Arc::clone(documents)),
            _ => None,
        })
    }

    /// Nothing was written or deleted.
    pub(super) fn is_empty(&self) -> bool {
        self.to_undo().is_empty() && self.all_replaced().is_empty()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(journal: &Journal) -> Vec<String> {
        journal.to_undo().iter().map(|entry| format!("{entry:?}")).collect()
    }

    #[test]
    fn what_the_cluster_refused_is_not_undone() {
        let journal = Journal::new();
        let job = journal.intend(Entry::Job);
        let filter = journal.intend(Entry::Filter("a".parse().expect("valid")));
        journal.settle(job, Certainty::Refused);
        journal.settle(filter, Certainty::Written);
        assert_eq!(names(&journal), [r#"Filter(FilterId("a"))"#]);
    }

    #[test]
    fn the_last_is_undone_first_and_after_the_job_what_goes_with_it() {
        let journal = Journal::new();
        journal.intend(Entry::Job);
        journal.intend(Entry::Filter("a".parse().expect("valid")));
        journal.intend(Entry::Reverted);
        assert_eq!(names(&journal), ["Job", "Reverted", r#"Filter(FilterId("a"))"#]);
    }
}

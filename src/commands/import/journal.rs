//! What an import has done so far, intent first, so that it can be undone from its end.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::{Map, Value};

use super::parts::DerivedId;
use crate::job::{CalendarId, DatafeedId, FilterId, IndexName};

/// One thing that was written or was about to be.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// State documents by id, in the index behind the state write alias.
    State(Vec<String>),
    /// Annotations by id, in the index behind the annotations write alias.
    Annotations { index: String, ids: Arc<[DerivedId]> },
    /// Notifications by id.
    Notifications { index: String, ids: Arc<[DerivedId]> },
    /// The datafeed, which was not there before.
    Datafeed(DatafeedId),
    /// The job's membership of a calendar that did not have it.
    Membership(CalendarId),
}

/// Entries in the order of writing. Lives outside of the work that fills it, so that it survives the
/// work being dropped by Ctrl-C.
#[derive(Debug, Default)]
pub(super) struct Journal {
    entries: Mutex<Vec<(Entry, Certainty)>>,
    replaced: Mutex<Vec<String>>,
    created: OnceLock<Option<i64>>,
}

/// How sure it is that an entry stands on the cluster, and is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Certainty {
    /// About to be written: it may or may not be there.
    Intended,
    /// The cluster confirmed it.
    Written,
    /// The cluster refused it: there is nothing to undo, and what stands there belongs to others.
    Refused,
}

impl Journal {
    /// Notes what is about to be written; the handle says later how it went.
    pub(super) fn intend(&self, entry: Entry) -> usize {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push((entry, Certainty::Intended));
        entries.len() - 1
    }

    /// Notes how it went.
    pub(super) fn settle(&self, handle: usize, certainty: Certainty) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get_mut(handle) {
            entry.1 = certainty;
        }
    }

    /// What came of the first try to create the job: the `create_time` that the cluster gave it. After a try that came to
    /// nothing it is not known which try made what stands there.
    pub(super) fn tried_job(&self, created: Option<i64>) {
        let _ = self.created.set(created);
    }

    /// When the job was created, in epoch milliseconds, where that is known.
    pub(super) fn job_created_at(&self) -> Option<i64> {
        self.created.get().copied().flatten()
    }

    /// The cluster confirmed the job.
    pub(super) fn has_job(&self) -> bool {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.contains(&(Entry::Job, Certainty::Written))
    }

    /// What was removed for `--replace`; it cannot be brought back.
    pub(super) fn replaced(&self, what: String) {
        self.replaced.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    /// All that was removed.
    pub(super) fn all_replaced(&self) -> Vec<String> {
        self.replaced.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All entries that may have to be undone: the last first, but filters after the job that names them.
    pub(super) fn to_undo(&self) -> Vec<(Entry, Certainty)> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let undoable = entries
            .iter()
            .rev()
            .filter(|(_, certainty)| *certainty != Certainty::Refused);
        let (filters, mut order): (Vec<_>, Vec<_>) = undoable
            .cloned()
            .partition(|(entry, _)| matches!(entry, Entry::Filter(_)));
        order.extend(filters);
        order
    }

    /// The entries that the cluster confirmed.
    pub(super) fn written(&self) -> Vec<Entry> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries
            .iter()
            .filter(|(_, certainty)| *certainty == Certainty::Written)
            .map(|(entry, _)| entry.clone())
            .collect()
    }

    /// Nothing was written or removed.
    pub(super) fn is_empty(&self) -> bool {
        self.to_undo().is_empty() && self.all_replaced().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_cluster_refused_is_not_undone() {
        let journal = Journal::default();
        let job = journal.intend(Entry::Job);
        let filter = journal.intend(Entry::Filter("a".parse().expect("valid")));
        journal.settle(job, Certainty::Refused);
        journal.settle(filter, Certainty::Written);
        assert_eq!(
            journal.to_undo(),
            [(Entry::Filter("a".parse().expect("valid")), Certainty::Written)]
        );
    }

    #[test]
    fn the_last_is_undone_first_and_filters_after_the_job_that_names_them() {
        let journal = Journal::default();
        let (filter, index) = (
            Entry::Filter("a".parse().expect("valid")),
            Entry::InputIndex("a".parse().expect("valid")),
        );
        journal.intend(Entry::Job);
        journal.intend(filter.clone());
        journal.intend(index.clone());
        let order: Vec<Entry> = journal.to_undo().into_iter().map(|(entry, _)| entry).collect();
        assert_eq!(order, [index, Entry::Job, filter]);
    }
}

//! The mappings that go along: those of indices that inputs come from, whatever else the datafeed reads.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::sources::{Indices, Sources};
use super::subject::Subject;
use crate::archive::{self, EntryKind, EntryName, MAX_INDICES};
use crate::cluster::{Cluster, Hit};
use crate::error::Result;
use crate::job::{InputMappings, is_remote};

/// Which indices were met so far.
pub(super) struct Carried<'a> {
    sources: &'a Sources,
    mappings: InputMappings,
    entry: EntryName,
    met: BTreeSet<Arc<str>>,
    last: Option<Arc<str>>,
    bytes: u64,
}

impl<'a> Carried<'a> {
    pub(super) fn new(sources: &'a Sources, subject: &Subject) -> Self {
        Self {
            sources,
            mappings: sources.mappings.clone(),
            entry: EntryName::of(EntryKind::InputMapping, subject.job.id(), &subject.snapshot.id),
            met: BTreeSet::new(),
            last: None,
            bytes: 0,
        }
    }

    /// Reads the mappings of indices that were not there when the others were read: one that the cluster made since then,
    /// or that an alias was switched to.
    ///
    /// # Errors
    /// An index of which other fields would have to be read.
    pub(super) async fn learn(&mut self, indices: &Indices<'_>, hits: &[Hit]) -> Result<()> {
        let mut last = None;
        for index in hits.iter().map(|hit| &hit.index) {
            if last == Some(index) || self.met.contains(index) {
                continue;
            }
            last = Some(index);
            if !self.mappings.has(index) && !is_remote(index) {
                let new = indices.look_at_new(self.sources, index).await?;
                self.mappings = std::mem::take(&mut self.mappings).and(new);
            }
        }
        Ok(())
    }

    /// Notes where an input comes from.
    ///
    /// # Errors
    /// More indices, or larger mappings, than any import takes: the first input that is too much says so.
    pub(super) fn meet(&mut self, index: &Arc<str>) -> archive::Result<()> {
        // Neighbours share it.
        if self.last.as_ref().is_some_and(|last| Arc::ptr_eq(last, index)) {
            return Ok(());
        }
        self.last = Some(Arc::clone(index));
        if !self.met.insert(Arc::clone(index)) {
            return Ok(());
        }
        if self.met.len() > MAX_INDICES {
            return Err(archive::Error::TooManyIndices);
        }
        self.bytes += self.mappings.bytes_of(index);
        self.entry.refuse_too_large(self.bytes)
    }

    /// What is carried.
    pub(super) fn mappings(&self) -> InputMappings {
        self.mappings.of(|index| self.met.contains(index))
    }
}

/// Refuses mappings that no import takes, before anything is read. The cluster is asked where the inputs are only where
/// it matters.
///
/// # Errors
/// As [`Carried::meet`], and any of a search.
pub(super) async fn refuse_too_large(cluster: &Cluster, subject: &Subject, sources: &Sources) -> Result<()> {
    let mut carried = Carried::new(sources, subject);
    let all: u64 = sources
        .mappings
        .indices()
        .map(|index| sources.mappings.bytes_of(index))
        .sum();
    let Some(search) = sources
        .search
        .as_ref()
        .filter(|_| carried.entry.refuse_too_large(all).is_err())
    else {
        return Ok(());
    };
    for index in cluster.indices_of(search, MAX_INDICES).await? {
        carried.meet(&index.into())?;
    }
    Ok(())
}

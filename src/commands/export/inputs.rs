//! Input documents to entries: read in time order, cut into parts, compressed on whichever core is free.

use std::collections::VecDeque;

use tokio::task::JoinHandle;

use super::subject::Subject;
use crate::archive::{self, ArchiveWriter, EntryBuilder, EntryKind, EntryName, MOST_ENTRIES, SealedEntry};
use crate::cluster::{Hit, Pages};
use crate::error::{Error, Result};
use crate::terminal::Stage;

/// The archive contract's bound on one entry.
const PART_DOCUMENTS: usize = 10_000;
/// Keeps a part of large documents from filling the memory: a few are there at once, beside the pages of all readers.
const PART_BYTES: usize = 3 << 20;
/// Parts being compressed while the next is read.
const IN_FLIGHT: usize = 2;

/// Refuses more inputs than an archive has entries for, before hours are spent on them.
pub(super) fn refuse_too_many(documents: u64) -> Result<()> {
    let parts = documents.div_ceil(PART_DOCUMENTS as u64);
    if parts >= MOST_ENTRIES as u64 {
        return Err(archive::Error::Full { most: MOST_ENTRIES }.into());
    }
    Ok(())
}

/// Documents on their way from pages to parts.
struct Parts<'a> {
    subject: &'a Subject,
    level: u32,
    next: u64,
    open: Vec<Hit>,
    open_bytes: usize,
    sealing: VecDeque<JoinHandle<archive::Result<SealedEntry>>>,
}

/// Reads all inputs and appends their entries; returns how many documents there were.
pub(super) async fn append(
    mut pages: Pages,
    subject: &Subject,
    level: u32,
    writer: &mut ArchiveWriter,
    stage: &Stage,
) -> Result<u64> {
    let mut parts = Parts {
        subject,
        level,
        next: 1,
        open: Vec::new(),
        open_bytes: 0,
        sealing: VecDeque::new(),
    };
    let mut documents = 0;
    while let Some(hits) = pages.next().await? {
        stage.inc(hits.len() as u64);
        documents += hits.len() as u64;
        for hit in hits {
            if parts.full(&hit) {
                parts.seal();
            }
            parts.open_bytes += hit.source.len();
            parts.open.push(hit);
        }
        parts.append_finished(writer, IN_FLIGHT).await?;
    }
    parts.seal();
    parts.append_finished(writer, 0).await?;
    Ok(documents)
}

impl Parts<'_> {
    fn full(&self, coming: &Hit) -> bool {
        !self.open.is_empty()
            && (self.open.len() == PART_DOCUMENTS || self.open_bytes + coming.source.len() > PART_BYTES)
    }

    fn seal(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let hits = std::mem::take(&mut self.open);
        self.open_bytes = 0;
        let name = EntryName::of(
            EntryKind::Inputs { number: self.next },
            self.subject.job.id(),
            &self.subject.snapshot.id,
        );
        self.next += 1;
        let mut entry = EntryBuilder::new(name, self.level);
        self.sealing.push_back(tokio::task::spawn_blocking(move || {
            for hit in hits {
                entry.action_and_line(Some(&hit.index), &hit.id, &hit.source)?;
            }
            entry.seal()
        }));
    }

    /// Appends parts in order until at most `left` are still being compressed.
    async fn append_finished(&mut self, writer: &mut ArchiveWriter, left: usize) -> Result<()> {
        while self.sealing.len() > left {
            let Some(part) = self.sealing.pop_front() else { break };
            let entry = part.await.map_err(|error| Error::Failed {
                message: error.to_string(),
                hint: None,
            })??;
            writer.append(entry)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_inputs_than_entries_hold_are_refused_before_any_is_read() {
        for enough in [0, 1, 3_000_000, 999_000_000] {
            assert!(refuse_too_many(enough).is_ok(), "{enough}");
        }
        for too_many in [1_000_000_000, 5_000_000_000, u64::MAX] {
            let error = refuse_too_many(too_many).expect_err("too many");
            assert!(
                error.hint().is_some_and(|hint| hint.contains("--inputs-after-date")),
                "{error}"
            );
        }
    }
}

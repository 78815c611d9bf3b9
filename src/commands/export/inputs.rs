//! Input documents to entries: read in time order, cut into parts, compressed while more are read.

use std::collections::VecDeque;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::carried::Carried;
use super::sources::Indices;
use super::subject::Subject;
use crate::archive::{
    self, ArchiveWriter, EntryBuilder, EntryKind, EntryName, MAX_ENTRIES, PART_DOCUMENTS, SealedEntry,
};
use crate::cluster::{Hit, Pages};
use crate::error::{Error, Result};
use crate::terminal::Stage;

/// Parts that are not in the archive yet, the one being filled included.
const IN_FLIGHT: usize = 2;
/// Pages that wait to be compressed.
const WAITING: usize = 1;

/// Refuses more inputs than an archive has entries for, before hours are spent on them.
pub(super) fn refuse_too_many(documents: u64) -> Result<()> {
    let parts = documents.div_ceil(PART_DOCUMENTS);
    if parts >= MAX_ENTRIES as u64 {
        return Err(archive::Error::TooManyEntries.into());
    }
    Ok(())
}

/// Documents on their way from pages to parts.
struct Parts<'a> {
    subject: &'a Subject,
    level: u32,
    begun: u64,
    open: Option<Open>,
    /// In order; the open one is the last.
    building: VecDeque<JoinHandle<archive::Result<SealedEntry>>>,
}

/// The part that is being filled.
struct Open {
    documents: u64,
    bytes: u64,
    hits: mpsc::Sender<Vec<Hit>>,
}

/// Reads all inputs and appends their entries; returns how many documents there were.
pub(super) async fn append(
    mut pages: Pages,
    indices: &Indices<'_>,
    level: u32,
    writer: &mut ArchiveWriter,
    carried: &mut Carried<'_>,
    stage: &Stage,
) -> Result<u64> {
    let mut parts = Parts {
        subject: indices.subject,
        level,
        begun: 0,
        open: None,
        building: VecDeque::new(),
    };
    let mut documents = 0;
    while let Some(hits) = pages.next().await? {
        stage.inc(hits.len() as u64);
        documents += hits.len() as u64;
        carried.learn(indices, &hits).await?;
        hits.iter().try_for_each(|hit| carried.meet(&hit.index))?;
        parts.take(hits).await;
        parts.append_finished(writer, IN_FLIGHT).await?;
    }
    parts.open = None;
    parts.append_finished(writer, 0).await?;
    Ok(documents)
}

impl Parts<'_> {
    /// Gives a page to the open part, and what does not fit into it to the next.
    async fn take(&mut self, hits: Vec<Hit>) {
        let mut page = Vec::with_capacity(hits.len());
        for hit in hits {
            let bytes = hit.source.len();
            let full = |open: &Open| archive::is_full(open.documents, open.bytes, bytes);
            if self.open.as_ref().is_none_or(full) {
                self.hand_over(std::mem::take(&mut page)).await;
                self.begin();
            }
            if let Some(open) = &mut self.open {
                open.documents += 1;
                open.bytes += bytes as u64;
            }
            page.push(hit);
        }
        self.hand_over(page).await;
    }

    async fn hand_over(&self, hits: Vec<Hit>) {
        if let Some(open) = &self.open {
            // A part that takes no more has failed: whoever waits for it hears why.
            let _ = open.hits.send(hits).await;
        }
    }

    /// Closes the open part and begins another. It compresses its documents as they come, on a thread of its own, until
    /// no more are sent.
    fn begin(&mut self) {
        self.begun += 1;
        let name = EntryName::of(
            EntryKind::Inputs { number: self.begun },
            self.subject.job.id(),
            &self.subject.snapshot.id,
        );
        let mut entry = EntryBuilder::new(name, self.level);
        let (hits, mut coming) = mpsc::channel::<Vec<Hit>>(WAITING);
        self.building.push_back(tokio::task::spawn_blocking(move || {
            while let Some(hits) = coming.blocking_recv() {
                for hit in hits {
                    let put = entry.action_and_line(Some(&hit.index), &hit.id, &hit.source);
                    put.map_err(|error| error.of_document(&hit.index, &hit.id))?;
                }
            }
            entry.seal()
        }));
        self.open = Some(Open {
            documents: 0,
            bytes: 0,
            hits,
        });
    }

    /// Appends parts in order until at most `left` are not in the archive yet.
    async fn append_finished(&mut self, writer: &mut ArchiveWriter, left: usize) -> Result<()> {
        while self.building.len() > left {
            let Some(part) = self.building.pop_front() else { break };
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

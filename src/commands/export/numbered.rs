//! Entries with consecutive numbers: input documents and results. They are compressed while more documents are read.

use std::collections::VecDeque;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::plan::Export;
use crate::archive::{self, ArchiveWriter, EntryBuilder, EntryKind, SealedEntry};
use crate::cluster::Hit;
use crate::error::{Error, Result};

/// Entries that are not in the archive yet, including the one that is being filled.
const IN_FLIGHT: usize = 2;
/// Pages that wait to be compressed.
const WAITING: usize = 1;

/// The entries of a part, which are appended to the archive in order.
pub(super) struct NumberedEntries<'a> {
    export: &'a Export<'a>,
    next: Option<EntryKind>,
    open: VecDeque<OpenEntry>,
}

impl<'a> NumberedEntries<'a> {
    /// Entries that begin with this one.
    pub(super) fn new(export: &'a Export<'a>, first: EntryKind) -> Self {
        Self {
            export,
            next: Some(first),
            open: VecDeque::new(),
        }
    }

    /// Adds documents, and appends the entries that are full.
    pub(super) async fn add(&mut self, mut hits: Vec<Hit>, writer: &mut ArchiveWriter) -> Result<()> {
        while !hits.is_empty() {
            if let Some(entry) = self.open.back_mut() {
                hits = entry.fill(hits).await;
            }
            if !hits.is_empty()
                && let Some(kind) = self.next
            {
                self.next = kind.next();
                self.open.push_back(OpenEntry::begin(self.export.entry(kind)));
            }
        }
        self.append_until(IN_FLIGHT, writer).await
    }

    /// Appends the first entries until no more than `left` are open.
    pub(super) async fn append_until(&mut self, left: usize, writer: &mut ArchiveWriter) -> Result<()> {
        while self.open.len() > left
            && let Some(entry) = self.open.pop_front()
        {
            writer.append(entry.seal().await?)?;
        }
        Ok(())
    }
}

/// An entry that is being filled.
struct OpenEntry {
    documents: u64,
    bytes: u64,
    hits: mpsc::Sender<Vec<Hit>>,
    sealed: JoinHandle<archive::Result<SealedEntry>>,
}

impl OpenEntry {
    /// Starts an entry. A separate thread compresses its documents as they are received.
    fn begin(mut entry: EntryBuilder) -> Self {
        let (hits, mut received) = mpsc::channel::<Vec<Hit>>(WAITING);
        let sealed = tokio::task::spawn_blocking(move || {
            while let Some(hits) = received.blocking_recv() {
                hits.iter().try_for_each(|hit| append(&mut entry, hit))?;
            }
            entry.seal()
        });
        Self {
            documents: 0,
            bytes: 0,
            hits,
            sealed,
        }
    }

    /// Adds documents until the entry is full, and returns the others.
    async fn fill(&mut self, mut hits: Vec<Hit>) -> Vec<Hit> {
        let fits = |hit: &&Hit| {
            let has_room = !archive::is_full(self.documents, self.bytes, hit.source.len());
            if has_room {
                self.documents += 1;
                self.bytes += hit.source.len() as u64;
            }
            has_room
        };
        let added = hits.iter().take_while(fits).count();
        let others = hits.split_off(added);
        // If the receiver was dropped, the entry has failed, and `seal` returns its error.
        let _ = self.hits.send(hits).await;
        others
    }

    async fn seal(self) -> Result<SealedEntry> {
        drop(self.hits);
        Ok(self.sealed.await.map_err(Error::panicked)??)
    }
}

/// Appends a document, with its index and ID if entries of this kind have them.
pub(super) fn append(entry: &mut EntryBuilder, hit: &Hit) -> archive::Result<()> {
    let appended = match entry.kind() {
        EntryKind::Categories | EntryKind::Results { .. } => entry.action_and_line(None, &hit.id, &hit.source),
        EntryKind::State | EntryKind::Inputs { .. } => entry.action_and_line(Some(&hit.index), &hit.id, &hit.source),
        _ => entry.line(&hit.source),
    };
    appended.map_err(|error| error.of_document(&hit.index, &hit.id))
}

/// Leaves out results and categories that a newer index contains too: after a rollover, both indices contain a document that
/// changed.
pub(super) async fn retain_newest(export: &Export<'_>, hits: &mut Vec<Hit>) -> Result<()> {
    let ids: Vec<String> = hits.iter().map(|hit| hit.id.to_string()).collect();
    let alias = export.job.id().results_alias();
    let newest = export.cluster().newest(&[&alias], &ids).await?;
    hits.retain(|hit| newest.get(&*hit.id).is_none_or(|index| **index == *hit.index));
    Ok(())
}

/// The size of documents in bytes.
pub(super) fn size_of(hits: &[Hit]) -> u64 {
    hits.iter().map(|hit| hit.source.len() as u64).sum()
}

/// Fails if a search returned fewer documents than were counted before.
pub(super) fn require_all(what: &str, read: u64, counted: u64) -> Result<()> {
    if read >= counted {
        return Ok(());
    }
    Err(Error::failed(
        format!("{what}: {counted} documents were counted, but only {read} were read"),
        "export again: documents were deleted in the meantime, or shards became unavailable",
    ))
}

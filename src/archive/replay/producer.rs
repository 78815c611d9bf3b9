//! The reading side of a replay.

use std::borrow::Cow;
use std::io::BufRead;
use std::ops::Range;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{Document, Message};
use crate::archive::fault::Fault;
use crate::archive::inflate::Inflate;
use crate::archive::lines::{Action, Lines, Next, has_actions};
use crate::archive::read::At;
use crate::archive::reorder::{Reorder, Taken};
use crate::archive::tarball::Tarball;
use crate::archive::{Archive, Contents, EntryKind, EntrySummary, Error, Part, Result};
use crate::job::{JobId, SnapshotId};
use crate::state::{StateDocId, StateKind};

const BATCH_BYTES: usize = 1 << 20;
const BATCH_DOCUMENTS: usize = 1000;
/// Bytes of a batch that the next does not follow before it was taken.
const LARGE: usize = 4 * BATCH_BYTES;

/// Reads the entries of one part and sends their documents.
pub(super) struct Producer {
    archive: Archive,
    part: Part,
    entries: Vec<EntrySummary>,
    state: Option<StateOrder>,
    batches: Batches,
}

/// Where a state document stands in the order: the model's, then the categorizer's.
struct StateOrder {
    job: JobId,
    snapshot: SnapshotId,
    model_documents: u64,
    /// Of both kinds, as checked: none has a higher place.
    documents: u64,
    reorder: Reorder,
}

struct Batches {
    sender: mpsc::Sender<Message>,
    /// Documents one after the other: a batch costs one allocation.
    block: Vec<u8>,
    waiting: Vec<Waiting>,
    documents: u64,
    /// Nobody listens any more.
    closed: bool,
}

/// A document in the block.
struct Waiting {
    line: u64,
    index: Option<String>,
    id: Option<String>,
    bytes: Range<usize>,
}

/// The archive from some place on.
type Content<'a> = Tarball<Inflate<'a, At>>;
/// The same and the entry that its `next` would give.
type Place<'a> = Option<(Content<'a>, usize)>;

impl Producer {
    pub(super) fn new(archive: Archive, part: Part, checked: &Contents, sender: mpsc::Sender<Message>) -> Self {
        let state = checked
            .job_id()
            .zip(checked.snapshot_id.as_ref())
            .map(|(job, snapshot)| StateOrder {
                job: job.clone(),
                snapshot: snapshot.clone(),
                model_documents: checked.state.model_documents,
                documents: checked.state.model_documents + checked.state.categorizer_documents,
                reorder: Reorder::default(),
            });
        let batches = Batches {
            sender,
            block: Vec::new(),
            waiting: Vec::new(),
            documents: 0,
            closed: false,
        };
        Self {
            archive,
            part,
            entries: checked.entries.clone(),
            state,
            batches,
        }
    }

    pub(super) fn run(mut self) {
        let message = match self.entries() {
            Ok(()) => Message::End,
            Err(error) => Message::Failed(error),
        };
        self.batches.send(message);
    }

    fn entries(&mut self) -> Result<()> {
        let archive = self.archive.clone();
        let silent = |_| {};
        let mut place: Place<'_> = None;
        for number in 0..self.entries.len() {
            let ours = self.entries[number].kind.and_then(EntryKind::part) == Some(self.part);
            if !ours || self.batches.closed {
                continue;
            }
            let mut tar = match (archive.start(number), place.take()) {
                (Some(offset), _) => self.forward(archive.tarball(offset, &silent), number, number)?,
                (None, Some((tar, next))) => self.forward(tar, next, number)?,
                (None, None) => self.forward(archive.tarball(0, &silent), 0, number)?,
            };
            self.documents(&mut tar, number)?;
            place = Some((tar, number + 1));
        }
        if self.state.as_ref().is_some_and(|state| state.reorder.gap().is_some()) && !self.batches.closed {
            return Err(self.changed());
        }
        self.batches.flush();
        Ok(())
    }

    /// To the content of entry `wanted`, from before entry `next`.
    fn forward<'a>(&self, mut tar: Content<'a>, next: usize, wanted: usize) -> Result<Content<'a>> {
        for expected in &self.entries[next..=wanted] {
            let entry = tar.next().map_err(|fault| self.fault(fault))?;
            if !entry.is_some_and(|entry| entry.path == expected.name && entry.bytes == expected.bytes) {
                return Err(self.changed());
            }
        }
        Ok(tar)
    }

    fn documents(&mut self, tar: &mut Content<'_>, number: usize) -> Result<()> {
        let mut lines = Lines::default();
        while !self.batches.closed {
            match lines.next(tar, self.part).map_err(|fault| self.fault(fault))? {
                Next::Document(action) if !is_complete(self.part, &action) => return Err(self.changed()),
                Next::Document(Action { id: Some(id), .. }) if self.part == Part::State => {
                    self.state_document(&id, lines.take_source())?;
                }
                Next::Document(action) => self.batches.add(action.index, action.id, lines.source().into()),
                Next::End => break,
                Next::Bad(_) => return Err(self.changed()),
            }
            self.batches.flush_when_full();
        }
        let rest = tar.fill_buf().map_err(|cause| self.fault(cause.into()))?.len();
        let same = rest == 0 && tar.sha256() == self.entries[number].sha256;
        if same || self.batches.closed {
            Ok(())
        } else {
            Err(self.changed())
        }
    }

    fn state_document(&mut self, id: &str, source: Vec<u8>) -> Result<()> {
        let changed = self.changed();
        let (Some(state), batches) = (&mut self.state, &mut self.batches) else {
            return Err(changed);
        };
        let Some(index) = state.index(id) else {
            return Err(changed);
        };
        let mut pass = |id: &str, source: Cow<'_, [u8]>| {
            batches.add(None, Some(id.to_owned()), source);
            Ok(())
        };
        match state.reorder.push(index, id, source.into(), &mut pass)? {
            Taken::Passed | Taken::Kept => Ok(()),
            Taken::Duplicate => Err(changed),
        }
    }

    fn changed(&self) -> Error {
        Error::Changed {
            path: self.archive.path().to_owned(),
        }
    }

    fn fault(&self, fault: Fault) -> Error {
        fault.since_checked(self.archive.path())
    }
}

/// Whether an action line names what the check requires of its part.
fn is_complete(part: Part, action: &Action) -> bool {
    let named = |name: &Option<String>| name.as_deref().is_some_and(|name| !name.is_empty());
    (!has_actions(part) || named(&action.id)) && (part != Part::Inputs || named(&action.index))
}

impl StateOrder {
    fn index(&self, id: &str) -> Option<u64> {
        let id = StateDocId::parse(id, &self.job, &self.snapshot)?;
        let index = match id.kind {
            StateKind::Model => id.number - 1,
            StateKind::Categorizer => self.model_documents.checked_add(id.number - 1)?,
        };
        (index < self.documents).then_some(index)
    }
}

impl Batches {
    fn add(&mut self, index: Option<String>, id: Option<String>, source: Cow<'_, [u8]>) {
        if source.len() >= BATCH_BYTES {
            self.flush();
        }
        let begin = self.block.len();
        match source {
            // A large one is its block: it is not there twice.
            Cow::Owned(source) if begin == 0 => self.block = source,
            source => self.block.extend_from_slice(&source),
        }
        self.waiting.push(Waiting {
            line: self.documents,
            index,
            id,
            bytes: begin..self.block.len(),
        });
        self.documents += 1;
    }

    /// At once where there is enough: a large document must not wait while the next is read.
    fn flush_when_full(&mut self) {
        if self.block.len() >= BATCH_BYTES || self.waiting.len() >= BATCH_DOCUMENTS {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let block = Bytes::from(std::mem::take(&mut self.block));
        let large = block.len() > LARGE;
        let documents = self.waiting.drain(..).map(|waiting| Document {
            line: waiting.line,
            index: waiting.index,
            id: waiting.id,
            source: block.slice(waiting.bytes),
        });
        let batch = documents.collect();
        self.send(Message::Batch(batch));
        if large {
            // It fills the queue until the batch is taken, and for the next large one until that is asked for.
            self.send(Message::Room);
        }
    }

    fn send(&mut self, message: Message) {
        self.closed = self.closed || self.sender.blocking_send(message).is_err();
    }
}

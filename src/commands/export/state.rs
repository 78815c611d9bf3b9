//! Model state and categorizer state, read in numeric order and decoded on the way: an archive
//! whose state would not restore is not written.

use std::collections::BTreeMap;

use super::target::ExportContext;
use crate::archive::EntryBuilder;
use crate::cluster::Hit;
use crate::error::{Error, Result};
use crate::state::{ChunkDecoder, STATE_INDICES, StateDocId, StateKind, StateLimits};
use crate::terminal::Stage;
use crate::util::cancellation::Cancellable;

/// No bound of ours on what a cluster's own state may decode to.
const LIMITS: StateLimits = StateLimits { decoded: u64::MAX };

/// Documents that are located by one request.
const LOCATED_AT_ONCE: u64 = 100;
/// An index may be deleted between locating a document and reading it.
const MAX_TRIES: usize = 3;

/// What was read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StateDocuments {
    /// Of the model.
    pub(super) model: u64,
    /// Of the categorizer.
    pub(super) categorizer: u64,
}

/// Reads `#1..count` of the model, then the categorizer's up to `eos`.
pub(super) async fn append(
    export: ExportContext<'_>,
    entry: &mut EntryBuilder,
    stage: &Stage,
) -> Result<StateDocuments> {
    let count = export.target.snapshot.state_documents;
    let model = StateReader::new(export, StateKind::Model, Some(count)).read(entry, stage);
    let model = model.await?;
    let categorizer = StateReader::new(export, StateKind::Categorizer, None).read(entry, stage);
    let categorizer = categorizer.await?;
    Ok(StateDocuments { model, categorizer })
}

/// Refuses state that was deleted after the model was read: then a missing categorizer state proves nothing.
pub(super) async fn refuse_deleted(export: ExportContext<'_>) -> Result<()> {
    let (job, snapshot) = (export.target.job.id(), &export.target.snapshot.id);
    let kind = StateKind::Model;
    let first = StateDocId { kind, number: 1 }.format(job, snapshot);
    match export.cluster().newest(&STATE_INDICES, &[first]).await?.is_empty() {
        false => Ok(()),
        true => Err(Error::failed(
            format!("the state of snapshot {snapshot} of job {job} was deleted while it was read"),
            "export again, or choose another snapshot with --snapshot-id",
        )),
    }
}

struct StateReader<'a> {
    export: ExportContext<'a>,
    kind: StateKind,
    /// The number of documents; `None` where only the last one marks the end.
    expected: Option<u64>,
    decoder: ChunkDecoder<Cancellable<std::io::Sink>>,
    /// The index of each of the next documents.
    located: BTreeMap<String, String>,
}

impl<'a> StateReader<'a> {
    fn new(export: ExportContext<'a>, kind: StateKind, expected: Option<u64>) -> Self {
        Self {
            export,
            kind,
            expected,
            decoder: ChunkDecoder::new(Cancellable(std::io::sink()), LIMITS),
            located: BTreeMap::new(),
        }
    }

    async fn read(mut self, entry: &mut EntryBuilder, stage: &Stage) -> Result<u64> {
        let mut read = 0;
        while Some(read) != self.expected
            && let Some(hit) = self.fetch(read + 1).await?
        {
            let last = tokio::task::block_in_place(|| -> Result<bool> {
                let appended = entry.action_and_line(Some(&hit.index), &hit.id, &hit.source);
                appended.map_err(|error| error.of_document(&hit.index, &hit.id))?;
                self.decoder.document(&hit.id, &hit.source).map_err(unusable)
            })?;
            stage.inc(1);
            read += 1;
            if last {
                break;
            }
        }
        if let Some(expected) = self.expected.filter(|expected| *expected != read) {
            let target = self.export.target;
            return Err(Error::failed(
                format!(
                    "snapshot {} of job {} has {expected} state documents, {read} were found",
                    target.snapshot.id,
                    target.job.id()
                ),
                "the user needs `read` on .ml-state*; or the snapshot is damaged: choose another",
            ));
        }
        if read > 0 {
            self.decoder.finish().map_err(unusable)?;
        }
        Ok(read)
    }

    /// The newest copy of one document over all state indices. Documents may be large, so one is fetched at a time.
    async fn fetch(&mut self, number: u64) -> Result<Option<Hit>> {
        let cluster = self.export.cluster();
        let id = self.id(number);
        for _ in 0..MAX_TRIES {
            if !self.located.contains_key(&id) {
                let last = number.saturating_add(LOCATED_AT_ONCE - 1);
                let last = self.expected.map_or(last, |expected| last.min(expected));
                let ids: Vec<String> = (number..=last).map(|number| self.id(number)).collect();
                self.located = cluster.newest(&STATE_INDICES, &ids).await?;
            }
            let Some(index) = self.located.remove(&id) else {
                return Ok(None);
            };
            let found = cluster.documents(&[&index], std::slice::from_ref(&id)).await?;
            if let Some(hit) = found.into_iter().next() {
                return Ok(Some(hit));
            }
        }
        Ok(None)
    }

    fn id(&self, number: u64) -> String {
        let kind = self.kind;
        StateDocId { kind, number }.format(self.export.target.job.id(), &self.export.target.snapshot.id)
    }
}

fn unusable(error: crate::state::Error) -> Error {
    Error::failed(
        format!("the state on the cluster is not whole: {error}"),
        "if the job is open its state may have changed meanwhile: close it or try again",
    )
}

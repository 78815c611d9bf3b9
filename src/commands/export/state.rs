//! Model state and categorizer state, read in numeric order and decoded on the way: an archive
//! whose state would not restore is not written.

use std::collections::BTreeMap;

use crate::archive::EntryBuilder;
use crate::cluster::{Cluster, Hit};
use crate::error::{Error, Result};
use crate::job::{JobId, SnapshotId};
use crate::state::{ChunkDecoder, STATE_INDICES, StateDocId, StateKind, StateLimits};
use crate::terminal::Stage;
use crate::util::cancellation::Cancellable;

/// No bound of ours on what a cluster's own state may decode to.
const LIMITS: StateLimits = StateLimits { decoded: u64::MAX };

/// Documents that are located by one request.
const LOCATED_AT_ONCE: u64 = 100;
/// An index may be deleted between locating a document and reading it.
const TRIES: usize = 3;

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
    cluster: &Cluster,
    job: &JobId,
    snapshot: &SnapshotId,
    count: u64,
    mut entry: EntryBuilder,
    stage: &Stage,
) -> Result<(EntryBuilder, StateDocuments)> {
    let mut read = StateDocuments::default();
    for kind in [StateKind::Model, StateKind::Categorizer] {
        let mut reader = Reader {
            cluster,
            job,
            snapshot,
            kind,
            decoder: ChunkDecoder::new(Cancellable(std::io::sink()), LIMITS),
            located: BTreeMap::new(),
        };
        let expected = (kind == StateKind::Model).then_some(count);
        let documents = reader.read(expected, &mut entry, stage).await?;
        match kind {
            StateKind::Model => read.model = documents,
            StateKind::Categorizer => read.categorizer = documents,
        }
        if documents > 0 {
            reader.decoder.finish().map_err(unusable)?;
        }
    }
    Ok((entry, read))
}

/// Refuses state that was deleted after the model was read: that there is no categorizer state proves nothing then.
///
/// # Errors
/// State of the model that is no longer there, and any of a search.
pub(super) async fn refuse_deleted(cluster: &Cluster, job: &JobId, snapshot: &SnapshotId) -> Result<()> {
    let kind = StateKind::Model;
    let first = StateDocId { kind, number: 1 }.format(job, snapshot);
    match cluster.newest(&STATE_INDICES, &[first]).await?.is_empty() {
        false => Ok(()),
        true => Err(Error::failed(
            format!("the state of snapshot {snapshot} of job {job} was deleted while it was read"),
            "export again, or choose another snapshot with --snapshot-id",
        )),
    }
}

struct Reader<'a> {
    cluster: &'a Cluster,
    job: &'a JobId,
    snapshot: &'a SnapshotId,
    kind: StateKind,
    decoder: ChunkDecoder<Cancellable<std::io::Sink>>,
    /// The index of each of the documents that come next.
    located: BTreeMap<String, String>,
}

impl Reader<'_> {
    async fn read(&mut self, expected: Option<u64>, entry: &mut EntryBuilder, stage: &Stage) -> Result<u64> {
        let mut number = 1;
        let mut next = self.fetch(number, expected).await?;
        while let Some(hit) = next {
            let last = tokio::task::block_in_place(|| -> Result<bool> {
                let put = entry.action_and_line(Some(&hit.index), &hit.id, &hit.source);
                put.map_err(|error| error.of_document(&hit.index, &hit.id))?;
                self.decoder.document(&hit.id, &hit.source).map_err(unusable)
            })?;
            stage.inc(1);
            if last || expected == Some(number) {
                return self.all_there(number, expected);
            }
            drop(hit);
            number += 1;
            next = self.fetch(number, expected).await?;
        }
        self.all_there(number - 1, expected)
    }

    fn all_there(&self, read: u64, expected: Option<u64>) -> Result<u64> {
        match expected {
            Some(expected) if read != expected => Err(Error::failed(
                format!(
                    "snapshot {} of job {} has {expected} state documents, {read} were found",
                    self.snapshot, self.job
                ),
                "the user needs `read` on .ml-state*; or the snapshot is damaged: choose another",
            )),
            _ => Ok(read),
        }
    }

    /// One document, for it may be large: its newest copy, over all state indices.
    async fn fetch(&mut self, number: u64, expected: Option<u64>) -> Result<Option<Hit>> {
        let id = self.id(number);
        for _ in 0..TRIES {
            if !self.located.contains_key(&id) {
                let last = expected
                    .unwrap_or(u64::MAX)
                    .min(number.saturating_add(LOCATED_AT_ONCE - 1));
                let ids: Vec<String> = (number..=last).map(|number| self.id(number)).collect();
                self.located = self.cluster.newest(&STATE_INDICES, &ids).await?;
            }
            let Some(index) = self.located.remove(&id) else {
                return Ok(None);
            };
            let found = self.cluster.documents(&[&index], std::slice::from_ref(&id)).await?;
            if let Some(hit) = found.into_iter().next() {
                return Ok(Some(hit));
            }
        }
        Ok(None)
    }

    fn id(&self, number: u64) -> String {
        let kind = self.kind;
        StateDocId { kind, number }.format(self.job, self.snapshot)
    }
}

fn unusable(error: crate::state::Error) -> Error {
    Error::failed(
        format!("the state on the cluster is not whole: {error}"),
        "if the job is open its state may have changed meanwhile: close it or try again",
    )
}

//! Model state and categorizer state, read in numeric order and decoded on the way: an archive
//! whose state would not restore is not written.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::archive::EntryBuilder;
use crate::cluster::{Cluster, Hit};
use crate::commands::interrupt::Interruptible;
use crate::error::{Error, Result};
use crate::job::{JobId, SnapshotId};
use crate::state::{ChunkDecoder, STATE_INDICES, StateDocId, StateKind, StateLimits};
use crate::terminal::Stage;

/// No bound of ours on what a cluster's own state may decode to.
const LIMITS: StateLimits = StateLimits { decoded: u64::MAX };

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
            decoder: ChunkDecoder::new(Interruptible(std::io::sink()), LIMITS),
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

struct Reader<'a> {
    cluster: &'a Cluster,
    job: &'a JobId,
    snapshot: &'a SnapshotId,
    kind: StateKind,
    decoder: ChunkDecoder<Interruptible<std::io::Sink>>,
}

impl Reader<'_> {
    async fn read(&mut self, expected: Option<u64>, entry: &mut EntryBuilder, stage: &Stage) -> Result<u64> {
        let mut number = 1;
        let mut next = self.fetch(number).await?;
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
            next = self.fetch(number).await?;
        }
        self.all_there(number - 1, expected)
    }

    fn all_there(&self, read: u64, expected: Option<u64>) -> Result<u64> {
        match expected {
            Some(expected) if read != expected => Err(Error::Failed {
                message: format!(
                    "snapshot {} of job {} has {expected} state documents, {read} were found",
                    self.snapshot, self.job
                ),
                hint: Some("the user needs `read` on .ml-state*; or the snapshot is damaged: choose another".into()),
            }),
            _ => Ok(read),
        }
    }

    async fn fetch(&self, number: u64) -> Result<Option<Hit>> {
        let id = StateDocId {
            kind: self.kind,
            number,
        }
        .format(self.job, self.snapshot);
        let mut hits = self.cluster.documents(&STATE_INDICES, &[id]).await?;
        hits.sort_by_key(newest_first);
        Ok(hits.into_iter().next())
    }
}

/// The same document can stand in two indices: after an upgrade by reindexing, and the categorizer's,
/// which is written again under the same ids, after the write alias rolled over to the next index.
fn newest_first(hit: &Hit) -> (bool, Reverse<Arc<str>>) {
    (!hit.index.starts_with(".ml-state"), Reverse(Arc::clone(&hit.index)))
}

fn unusable(error: crate::state::Error) -> Error {
    Error::Failed {
        message: format!("the state on the cluster is not whole: {error}"),
        hint: Some("if the job is open its state may have changed meanwhile: close it or try again".into()),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn of_two_copies_the_one_in_the_newest_index_counts() {
        let mut hits: Vec<Hit> = [".reindexed-v8-ml-state-9", ".ml-state-000001", ".ml-state-000002"]
            .map(|index| Hit {
                index: index.into(),
                id: "a_categorizer_state#1".into(),
                source: Bytes::new(),
            })
            .into();
        hits.sort_by_key(newest_first);
        let order: Vec<&str> = hits.iter().map(|hit| &*hit.index).collect();
        assert_eq!(
            order,
            [".ml-state-000002", ".ml-state-000001", ".reindexed-v8-ml-state-9"]
        );
    }
}

//! Documents of the archive to the cluster, a batch at a time.

use bytes::Bytes;

use super::Context;
use crate::archive::{Document, Part};
use crate::cluster::{Bulk, Error as ClusterError};
use crate::error::{Error, Result};
use crate::terminal::Stage;

/// A document ready to be sent.
pub(super) struct Outgoing {
    /// Its id.
    pub(super) id: String,
    /// Its text.
    pub(super) source: Bytes,
}

/// Sends every document of a part that `make` lets through; returns how many the cluster confirmed.
pub(super) async fn send(
    context: &Context<'_>,
    part: Part,
    mut bulk: Bulk,
    stage: &Stage,
    mut make: impl FnMut(Document) -> Result<Option<Outgoing>>,
) -> Result<u64> {
    let mut stream = context.checked.archive.documents(part);
    let mut shown = 0;
    while let Some(batch) = stream.next().await? {
        for document in batch {
            if let Some(outgoing) = make(document)? {
                bulk.index(&outgoing.id, outgoing.source).await.map_err(rejected)?;
            }
        }
        stage.inc(bulk.confirmed() - shown);
        shown = bulk.confirmed();
    }
    let report = bulk.finish().await.map_err(rejected)?;
    stage.inc(report.documents.saturating_sub(shown));
    Ok(report.documents)
}

/// A bulk request that names no such alias or index says so item by item.
fn rejected(error: ClusterError) -> Error {
    Error::Cluster(error)
}

//! Documents in, by the batch: filled by bytes, several in flight, every item looked at.

use bytes::Bytes;

use crate::cluster::{Cluster, Result};

/// How batches are made.
#[derive(Clone, Copy, Debug)]
pub struct BulkOptions {
    /// Bytes a request, about.
    pub size: usize,
    /// Requests at once.
    pub concurrency: usize,
}

/// What a bulk load did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BulkReport {
    /// Documents that the cluster confirmed.
    pub documents: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// An open bulk load into one index or alias. Rejected items end it with
/// [`Error::ItemRejected`](crate::cluster::Error::ItemRejected); items answered 429 alone are sent again.
#[derive(Debug)]
pub struct Bulk {}

impl Bulk {
    /// Adds a document under its id; waits while all requests are in flight.
    pub async fn index(&mut self, id: &str, source: &[u8]) -> Result<()> {
        todo!()
    }

    /// How many documents the cluster has confirmed so far.
    pub fn confirmed(&self) -> u64 {
        todo!()
    }

    /// Sends the rest and waits for all answers.
    pub async fn finish(self) -> Result<BulkReport> {
        todo!()
    }
}

impl Cluster {
    /// Opens a load into an alias (`require_alias=true`: a bulk never creates an index of that name).
    pub fn bulk_alias(&self, alias: &str, options: BulkOptions) -> Bulk {
        todo!()
    }

    /// Opens a load into an index that exists.
    pub fn bulk_index(&self, index: &str, options: BulkOptions) -> Bulk {
        todo!()
    }

    /// Deletes documents by id from concrete indices; those already gone count as deleted.
    pub async fn delete_documents(&self, documents: &[(String, String)]) -> Result<u64> {
        todo!()
    }
}

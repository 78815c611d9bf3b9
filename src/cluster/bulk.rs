//! Documents in, by the batch: filled by bytes, several in flight, every item looked at.

use serde_json::json;
use tokio::task::JoinSet;

use crate::cluster::batch::{Batch, Target};
use crate::cluster::{Cluster, Error, Path, Request, Result};

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

/// Documents that are deleted with one request.
const DELETED_AT_ONCE: usize = 1000;

/// An open bulk load into one index or alias. Rejected items end it with
/// [`Error::ItemRejected`]; items answered 429 alone are sent again.
/// Dropping it stops the requests that are in flight.
#[derive(Debug)]
pub struct Bulk {
    cluster: Cluster,
    target: Target,
    options: BulkOptions,
    batch: Batch,
    flights: JoinSet<Result<BulkReport>>,
    report: BulkReport,
}

impl Bulk {
    /// Adds a document under its id; waits while all requests are in flight.
    ///
    /// # Errors
    /// Those of batches sent before.
    pub async fn index(&mut self, id: &str, source: &[u8]) -> Result<()> {
        if !self.batch.is_empty() && self.batch.len() + Batch::cost(id, source) > self.options.size {
            self.depart().await?;
        }
        self.batch.index(id, source);
        while let Some(landed) = self.flights.try_join_next() {
            self.land(landed).await?;
        }
        Ok(())
    }

    /// How many documents the cluster has confirmed so far.
    pub fn confirmed(&self) -> u64 {
        self.report.documents
    }

    /// Sends the rest and waits for all answers.
    ///
    /// # Errors
    /// Those of all batches.
    pub async fn finish(mut self) -> Result<BulkReport> {
        if !self.batch.is_empty() {
            self.depart().await?;
        }
        while let Some(landed) = self.flights.join_next().await {
            self.land(landed).await?;
        }
        Ok(self.report)
    }

    async fn depart(&mut self) -> Result<()> {
        while self.flights.len() >= self.options.concurrency.max(1) {
            match self.flights.join_next().await {
                Some(landed) => self.land(landed).await?,
                None => break,
            }
        }
        let batch = std::mem::take(&mut self.batch);
        let (cluster, target) = (self.cluster.clone(), self.target.clone());
        self.flights.spawn(async move { batch.send(&cluster, &target).await });
        Ok(())
    }

    /// After a failure nothing of this load is under way any more: whoever undoes it must not be overtaken.
    async fn land(&mut self, landed: std::result::Result<Result<BulkReport>, tokio::task::JoinError>) -> Result<()> {
        let landed = landed.unwrap_or_else(|_| {
            Err(Error::Unintelligible {
                what: "POST _bulk".to_owned(),
                why: "a sender stopped before its end".to_owned(),
            })
        });
        let report = match landed {
            Ok(report) => report,
            Err(error) => {
                let _closed = self.cluster.pause().await;
                self.flights.shutdown().await;
                return Err(error);
            }
        };
        self.report.documents += report.documents;
        self.report.bytes += report.bytes;
        Ok(())
    }
}

impl Cluster {
    /// Opens a load into an alias (`require_alias=true`: a bulk never creates an index of that name).
    pub fn bulk_alias(&self, alias: &str, options: BulkOptions) -> Bulk {
        self.bulk(
            Target {
                name: alias.to_owned(),
                alias: true,
            },
            options,
        )
    }

    /// Opens a load into an index that exists.
    pub fn bulk_index(&self, index: &str, options: BulkOptions) -> Bulk {
        self.bulk(
            Target {
                name: index.to_owned(),
                alias: false,
            },
            options,
        )
    }

    fn bulk(&self, target: Target, options: BulkOptions) -> Bulk {
        Bulk {
            cluster: self.clone(),
            target,
            options,
            batch: Batch::default(),
            flights: JoinSet::new(),
            report: BulkReport::default(),
        }
    }

    /// Deletes documents, each `(index, id)`, from concrete indices; those already gone count as
    /// deleted. Not visible before a refresh.
    ///
    /// # Errors
    /// Any of a request, and the first item that is not deleted.
    pub async fn delete_documents(&self, documents: &[(String, String)]) -> Result<u64> {
        let mut deleted = 0;
        for documents in documents.chunks(DELETED_AT_ONCE) {
            let mut batch = Batch::default();
            for (index, id) in documents {
                batch.delete(index, id);
            }
            let target = Target {
                name: String::new(),
                alias: false,
            };
            deleted += batch.send(self, &target).await?.documents;
        }
        Ok(deleted)
    }
}

/// The request for a target; without a name the actions name their indices.
pub(in crate::cluster) fn request(target: &Target) -> Request {
    let path = if target.name.is_empty() {
        Path::of(["_bulk"])
    } else {
        Path::of([target.name.as_str(), "_bulk"])
    };
    let request = Request::post(path).query("filter_path", "errors,items.*.status,items.*.error,items.*._id");
    if target.alias {
        request.query("require_alias", "true")
    } else {
        request
    }
}

/// The action line of a document that is written.
pub(in crate::cluster) fn index_action(id: &str) -> String {
    json!({ "index": { "_id": id } }).to_string()
}

/// The action line of a document that is deleted.
pub(in crate::cluster) fn delete_action(index: &str, id: &str) -> String {
    json!({ "delete": { "_index": index, "_id": id } }).to_string()
}

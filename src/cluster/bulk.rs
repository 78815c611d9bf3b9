//! Documents in, by the batch: filled by bytes, several in flight, every item looked at.

use std::sync::Arc;

use bytes::Bytes;
use tokio::task::{JoinError, JoinSet};

use crate::cluster::batch::Batch;
use crate::cluster::bulk_request::{BulkReport, Target, Written};
use crate::cluster::{Cluster, Error, Result};
use crate::util::allocation::capacity;

/// How batches are made.
#[derive(Clone, Copy, Debug)]
pub struct BulkOptions {
    /// Bytes a request, about.
    pub size: usize,
    /// Requests at once.
    pub concurrency: usize,
}

/// Bytes set aside for a batch at once, whatever size was asked for.
const LARGEST_RESERVE: usize = 8 << 20;
/// Bytes that are made searchable at once, about; or a quarter of all so far, whichever is more.
const REFRESHED_AT_ONCE: u64 = 16 << 20;
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
    written: Option<Arc<dyn Written>>,
    batch: Batch,
    /// Each with the bytes that it takes.
    flights: JoinSet<(usize, Result<BulkReport>)>,
    in_flight: usize,
    report: BulkReport,
    /// Makes an index searchable bit by bit: a cluster has time for that between requests, and less is left for the
    /// end. One at a time.
    refreshing: JoinSet<Result<()>>,
    /// Confirmed bytes when the last refresh began.
    refreshed: u64,
}

impl Bulk {
    /// From now on tells where each document was written.
    #[must_use]
    pub fn telling(mut self, written: Arc<dyn Written>) -> Self {
        self.written = Some(written);
        self
    }

    /// Adds a document under its id; waits while all requests are in flight.
    ///
    /// # Errors
    /// Those of batches sent before.
    pub async fn index(&mut self, id: &str, source: Bytes) -> Result<()> {
        let cost = Batch::cost(id, &source);
        if !self.batch.is_empty() && self.batch.len() + cost > self.options.size {
            self.depart().await?;
        }
        if cost > self.options.size {
            // It has to wait anyway, and is there only once until it can leave.
            self.wait_for_room(cost).await?;
        }
        if self.batch.is_empty() {
            let usual = self.options.size.min(LARGEST_RESERVE);
            self.batch.reserve(capacity(cost.max(usual)));
        }
        self.batch.index(id, &source);
        // Held no longer than needed, and sent at once: some documents have 16 MiB.
        drop(source);
        if self.batch.len() >= self.options.size {
            self.depart().await?;
        }
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
        // It comes to its end without anybody waiting.
        self.refreshing.detach_all();
        Ok(self.report)
    }

    async fn depart(&mut self) -> Result<()> {
        let bytes = self.batch.len();
        self.wait_for_room(bytes).await?;
        let batch = std::mem::take(&mut self.batch);
        self.in_flight += bytes;
        let (cluster, target, written) = (self.cluster.clone(), self.target.clone(), self.written.clone());
        self.flights
            .spawn(async move { (bytes, batch.send(&cluster, &target, written.as_deref()).await) });
        Ok(())
    }

    /// In flight are as many requests as were asked for, and as many bytes as these would have at their usual size.
    async fn wait_for_room(&mut self, bytes: usize) -> Result<()> {
        let concurrency = self.options.concurrency.max(1);
        let most = self.options.size.saturating_mul(concurrency);
        while self.flights.len() >= concurrency || self.in_flight + bytes > most {
            match self.flights.join_next().await {
                Some(landed) => self.land(landed).await?,
                None => break,
            }
        }
        Ok(())
    }

    /// After a failure nothing of this load is under way any more: whoever undoes it must not be overtaken.
    async fn land(&mut self, landed: std::result::Result<(usize, Result<BulkReport>), JoinError>) -> Result<()> {
        let stopped = |_| {
            let (what, why) = ("POST _bulk".to_owned(), "a sender stopped before its end".to_owned());
            (0, Err(Error::Unintelligible { what, why }))
        };
        let (bytes, report) = landed.unwrap_or_else(stopped);
        let report = match report {
            Ok(report) => report,
            Err(error) => {
                let _closed = self.cluster.pause().await;
                self.flights.shutdown().await;
                self.refreshing.shutdown().await;
                return Err(error);
            }
        };
        self.in_flight -= bytes;
        self.report.documents += report.documents;
        self.report.bytes += report.bytes;
        self.refresh_in_time();
        Ok(())
    }

    /// Whether it succeeds does not matter: whoever needs all of it searchable refreshes at the end.
    fn refresh_in_time(&mut self) {
        while self.refreshing.try_join_next().is_some() {}
        let waiting = self.report.bytes - self.refreshed;
        let Some(index) = &self.target.refreshed else { return };
        if !self.refreshing.is_empty() || waiting < REFRESHED_AT_ONCE.max(self.report.bytes / 4) {
            return;
        }
        self.refreshed = self.report.bytes;
        let (cluster, index) = (self.cluster.clone(), index.clone());
        self.refreshing.spawn(async move { cluster.refresh(&[&index]).await });
    }
}

impl Cluster {
    /// Opens a load into an alias (`require_alias=true`: a bulk never creates an index of that name).
    pub fn bulk_alias(&self, alias: &str, options: BulkOptions) -> Bulk {
        self.bulk(
            Target {
                name: alias.to_owned(),
                alias: true,
                refreshed: None,
            },
            options,
        )
    }

    /// Opens a load into one index through an alias that only this index has: a bulk request then neither creates an
    /// index nor writes to another one of that name. The index is made searchable on the way.
    pub fn bulk_index(&self, index: &str, alias: &str, options: BulkOptions) -> Bulk {
        self.bulk(
            Target {
                name: alias.to_owned(),
                alias: true,
                refreshed: Some(index.to_owned()),
            },
            options,
        )
    }

    /// Opens a load into an index that has no alias, such as the notifications index of older versions: a request that
    /// comes after the index is gone would create it again.
    pub fn bulk_index_without_alias(&self, index: &str, options: BulkOptions) -> Bulk {
        self.bulk(
            Target {
                name: index.to_owned(),
                alias: false,
                refreshed: None,
            },
            options,
        )
    }

    fn bulk(&self, target: Target, options: BulkOptions) -> Bulk {
        Bulk {
            cluster: self.clone(),
            target,
            options,
            written: None,
            batch: Batch::default(),
            flights: JoinSet::new(),
            in_flight: 0,
            report: BulkReport::default(),
            refreshing: JoinSet::new(),
            refreshed: 0,
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
                refreshed: None,
            };
            deleted += batch.send(self, &target, None).await?.documents;
        }
        Ok(deleted)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::cluster::responder::cluster;

    #[tokio::test]
    async fn an_index_is_made_searchable_on_the_way_and_an_alias_is_not() {
        for (alias, refreshes) in [(false, 1), (true, 0)] {
            let answers = (0..5 + refreshes).map(|_| (200, "", r#"{"errors":false}"#.to_owned()));
            let (cluster, asked, _) = cluster("9.2.0", answers.collect()).await;
            let options = BulkOptions {
                size: 5 << 20,
                concurrency: 1,
            };
            let mut bulk = match alias {
                true => cluster.bulk_alias("copy", options),
                false => cluster.bulk_index("copy", "copy-marker", options),
            };
            let text = Bytes::from(format!("{{\"a\":\"{}\"}}", "x".repeat(6 << 20)));
            for id in ["1", "2", "3", "4", "5"] {
                bulk.index(id, text.clone()).await.unwrap();
            }
            assert_eq!(bulk.finish().await.unwrap().documents, 5);
            let asked = asked.lock().unwrap();
            let of = |path: &str| asked.iter().filter(|(line, _)| line.contains(path)).count();
            assert_eq!((of("/_bulk"), of("/copy/_refresh")), (5, refreshes), "alias: {alias}");
        }
    }
}

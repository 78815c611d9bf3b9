//! Bulk requests of a limited size, several in flight, with a check of every item.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::{JoinError, JoinSet};

use crate::cluster::cluster::Cluster;
use crate::cluster::http::error::ErrorResponse;
use crate::cluster::http::{BodyLimit, Error, Path, Request, Result};
use crate::cluster::search::response::Hit;
use crate::util::process::capacity;

/// The most bytes that are reserved for a batch in advance.
const MAX_RESERVE: usize = 8 << 20;
/// An index is refreshed after about this many bytes, or after a quarter of all bytes so far if that is more.
const MIN_REFRESH_BYTES: usize = 16 << 20;
/// Documents that are deleted by one request.
const MAX_DELETIONS: usize = 1000;

/// The parts of a response that contain the results of its items.
const OUTCOMES: &str = "items.*._index,items.*.status,items.*.error";

/// The size and number of bulk requests.
#[derive(Clone, Copy, Debug)]
pub struct BulkOptions {
    /// The approximate size of a request in bytes.
    pub size: usize,
    /// The number of concurrent requests.
    pub concurrency: usize,
}

/// Is notified of the index that each document was written to: an alias may change to another index between requests.
pub trait WriteObserver: fmt::Debug + Send + Sync {
    /// The cluster wrote the document with this ID to this index.
    fn written(&self, id: &str, index: &str);
}

/// A bulk load into one index or alias. A rejected item ends it with [`Error::ItemRejected`]; only items with a temporary
/// error are sent again. Dropping it aborts the requests in flight.
#[derive(Debug)]
pub struct Bulk {
    cluster: Cluster,
    target: Target,
    options: BulkOptions,
    /// Is notified of each document that was written.
    pub(crate) observer: Option<Arc<dyn WriteObserver>>,
    batch: Batch,
    in_flight: JoinSet<Result<Sent>>,
    bytes_in_flight: usize,
    /// Documents and bytes that the cluster has confirmed.
    pub(crate) confirmed: Sent,
    /// A refresh in progress, at most one. Refreshing during the load leaves less work for the end.
    refreshing: JoinSet<Result<()>>,
    /// Confirmed bytes at the start of the last refresh.
    refreshed: usize,
}

/// The contents of a request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sent {
    pub(crate) documents: u64,
    pub(crate) bytes: usize,
}

impl Bulk {
    /// Adds a document with this ID, and waits while the maximum number of requests is in flight. An error belongs to a
    /// batch that was sent before.
    pub async fn index(&mut self, id: &str, source: Bytes) -> Result<()> {
        // The approximate number of bytes that it adds to the request.
        let cost = id.len() + source.len() + 22;
        if !self.batch.items.is_empty() && self.batch.body.len() + cost > self.options.size {
            self.flush().await?;
        }
        if cost > self.options.size {
            // Waiting before the copy keeps a large document in memory only once.
            self.wait_for_room(cost).await?;
        }
        if self.batch.items.is_empty() {
            let usual = self.options.size.min(MAX_RESERVE);
            self.batch.body.reserve_exact(capacity(cost.max(usual)));
        }
        self.batch.index(id, &source);
        // Documents may have 16 MiB: the source is dropped early, and a full batch is sent immediately.
        drop(source);
        if self.batch.body.len() >= self.options.size {
            self.flush().await?;
        }
        while let Some(done) = self.in_flight.try_join_next() {
            self.finish_request(done).await?;
        }
        Ok(())
    }

    /// Sends the remaining documents and waits for all responses. Returns the number of documents.
    pub async fn finish(mut self) -> Result<u64> {
        if !self.batch.items.is_empty() {
            self.flush().await?;
        }
        while let Some(done) = self.in_flight.join_next().await {
            self.finish_request(done).await?;
        }
        // A refresh in progress completes in the background.
        self.refreshing.detach_all();
        Ok(self.confirmed.documents)
    }

    async fn flush(&mut self) -> Result<()> {
        let bytes = self.batch.body.len();
        self.wait_for_room(bytes).await?;
        let batch = std::mem::take(&mut self.batch);
        let documents = batch.items.len() as u64;
        self.bytes_in_flight += bytes;
        let (cluster, target, observer) = (self.cluster.clone(), self.target.clone(), self.observer.clone());
        self.in_flight.spawn(async move {
            batch.send(&cluster, &target, observer.as_deref()).await?;
            Ok(Sent { documents, bytes })
        });
        Ok(())
    }

    /// Limits the requests in flight by number, and by the bytes that this number of requests of the usual size has.
    async fn wait_for_room(&mut self, bytes: usize) -> Result<()> {
        let concurrency = self.options.concurrency.max(1);
        let most = self.options.size.saturating_mul(concurrency);
        while (self.in_flight.len() >= concurrency || self.bytes_in_flight + bytes > most)
            && let Some(done) = self.in_flight.join_next().await
        {
            self.finish_request(done).await?;
        }
        Ok(())
    }

    /// Accounts for a completed request. After a failure, no request of this load remains in flight, so that none is
    /// executed after a rollback.
    async fn finish_request(&mut self, done: Result<Result<Sent>, JoinError>) -> Result<()> {
        let stopped = |_| Err(Error::unexpected("POST /_bulk", "the task that sends it ended early"));
        match done.unwrap_or_else(stopped) {
            Ok(sent) => {
                self.bytes_in_flight -= sent.bytes;
                self.confirmed.documents += sent.documents;
                self.confirmed.bytes += sent.bytes;
                self.refresh_if_due();
                Ok(())
            }
            Err(error) => {
                let _paused = self.cluster.pause().await;
                self.in_flight.shutdown().await;
                self.refreshing.shutdown().await;
                Err(error)
            }
        }
    }

    /// Failures are ignored: callers that need searchable documents refresh at the end.
    fn refresh_if_due(&mut self) {
        while self.refreshing.try_join_next().is_some() {}
        let confirmed = self.confirmed.bytes;
        let due = confirmed - self.refreshed >= MIN_REFRESH_BYTES.max(confirmed / 4);
        if let Some(index) = self.target.index.clone().filter(|_| due && self.refreshing.is_empty()) {
            self.refreshed = confirmed;
            let cluster = self.cluster.clone();
            self.refreshing.spawn(async move { cluster.refresh(&[&index]).await });
        }
    }
}

impl Cluster {
    /// Opens a load into an alias, with `require_alias=true`: a bulk request never creates an index of that name.
    pub fn bulk_alias(&self, alias: &str, options: BulkOptions) -> Bulk {
        self.bulk(alias, true, None, options)
    }

    /// Opens a load into one index through an alias that only this index has: a bulk request then does not create an index
    /// or write to another one of that name. The index is refreshed during the load.
    pub fn bulk_index(&self, index: &str, alias: &str, options: BulkOptions) -> Bulk {
        self.bulk(alias, true, Some(index.to_owned()), options)
    }

    /// Opens a load into an index without an alias, such as the notifications index of older versions: if the index is
    /// deleted, a later request creates it again.
    pub fn bulk_index_without_alias(&self, index: &str, options: BulkOptions) -> Bulk {
        self.bulk(index, false, None, options)
    }

    fn bulk(&self, name: &str, alias: bool, index: Option<String>, options: BulkOptions) -> Bulk {
        let name = name.to_owned();
        Bulk {
            cluster: self.clone(),
            target: Target { name, alias, index },
            options,
            observer: None,
            batch: Batch::default(),
            in_flight: JoinSet::new(),
            bytes_in_flight: 0,
            confirmed: Sent::default(),
            refreshing: JoinSet::new(),
            refreshed: 0,
        }
    }

    /// Deletes documents; those that no longer exist are not an error. Visible in searches after a refresh.
    pub async fn delete_documents(&self, documents: &[Hit]) -> Result<()> {
        for documents in documents.chunks(MAX_DELETIONS) {
            let mut batch = Batch::default();
            documents.iter().for_each(|hit| batch.delete(&hit.index, &hit.id));
            batch.send(self, &Target::default(), None).await?;
        }
        Ok(())
    }
}

/// The target of a batch.
#[derive(Clone, Debug, Default)]
struct Target {
    /// Index or alias; empty if each action has its own index.
    name: String,
    /// Whether the name must be an alias.
    alias: bool,
    /// The index of the alias, if it is to be refreshed during the load.
    index: Option<String>,
}

impl Target {
    /// The request without its body. Results of each item, with the index that the document was written to, cost the cluster
    /// nearly a tenth of the request's time. Without them, the response only contains whether there were errors.
    fn request(&self, with_outcomes: bool) -> Request {
        let mut request = Request::post(match self.name.as_str() {
            "" => Path::of(["_bulk"]),
            name => Path::of([name, "_bulk"]),
        });
        request.content_type = "application/x-ndjson";
        let request = match with_outcomes {
            // If the response is too large, the batch is sent in halves.
            true => request.query("filter_path", OUTCOMES).returns(BodyLimit::Page),
            false => request.query("filter_path", "errors").returns(BodyLimit::Status),
        };
        if self.alias {
            request.query("require_alias", "true")
        } else {
            request
        }
    }

    fn rejected(&self, item: &BulkItem, mut response: ErrorResponse) -> Error {
        if self.alias && *response.kind == *"index_not_found_exception" {
            let name = &self.name;
            response.reason = match &self.index {
                Some(index) => {
                    format!("index {index} was deleted or created again: it does not have the alias {name}")
                }
                None => format!("alias {name} does not exist on this cluster"),
            };
        }
        Error::ItemRejected {
            index: item.index.as_deref().unwrap_or(&self.name).into(),
            id: item.id.as_str().into(),
            source: response,
        }
    }
}

/// Actions as JSON lines.
#[derive(Debug, Default)]
struct Batch {
    body: Vec<u8>,
    items: Vec<BulkItem>,
}

#[derive(Clone, Debug)]
struct BulkItem {
    /// The end of its lines in the body; they start at the end of the previous item.
    end: usize,
    /// The index of a deletion.
    index: Option<String>,
    id: String,
}

impl Batch {
    /// Adds a document. Line breaks, which JSON only allows between tokens, become spaces: a document must be one line.
    fn index(&mut self, id: &str, source: &[u8]) {
        self.body.extend_from_slice(br#"{"index":{"_id":"#);
        // Serializing a string into a vector cannot fail.
        let _ = serde_json::to_writer(&mut self.body, id);
        self.body.extend_from_slice(b"}}\n");
        let begin = self.body.len();
        self.body.extend_from_slice(source);
        if source.contains(&b'\n') {
            let breaks = self.body[begin..].iter_mut().filter(|byte| **byte == b'\n');
            breaks.for_each(|byte| *byte = b' ');
        }
        self.body.push(b'\n');
        self.push(None, id);
    }

    fn delete(&mut self, index: &str, id: &str) {
        let action = json!({ "delete": { "_index": index, "_id": id } }).to_string();
        self.body.extend_from_slice(action.as_bytes());
        self.body.push(b'\n');
        self.push(Some(index.to_owned()), id);
    }

    fn push(&mut self, index: Option<String>, id: &str) {
        let (end, id) = (self.body.len(), id.to_owned());
        self.items.push(BulkItem { end, index, id });
    }

    /// Sends the batch: in halves if it is too large, and again for items with a temporary error.
    async fn send(self, cluster: &Cluster, target: &Target, observer: Option<&dyn WriteObserver>) -> Result<()> {
        let mut waiting = vec![(self, cluster.backoff(), observer.is_some())];
        while let Some((batch, mut backoff, with_outcomes)) = waiting.pop() {
            let (body, items) = (Bytes::from(batch.body), batch.items);
            let request = target.request(with_outcomes).raw(body.clone());
            let response = match cluster.http.send(&request).await {
                Err(error) if is_too_large(&error) && items.len() > 1 => {
                    let middle = items.len() / 2;
                    let halves =
                        [middle..items.len(), 0..middle].map(|half| part(&body, &items, |n| half.contains(&n)));
                    waiting.extend(halves.map(|half| (half, cluster.backoff(), with_outcomes)));
                    continue;
                }
                Err(Error::Refused { mut source, .. }) if source.status == 413 && items.len() == 1 => {
                    let bytes = body.len();
                    source.reason = format!(
                        "a request with only this document has {bytes} bytes, more than http.max_content_length"
                    );
                    return Err(target.rejected(&items[0], source));
                }
                response => response?,
            };
            let answer: BulkResponse = response.json()?;
            if answer.items.is_empty() && answer.errors == Some(false) {
                continue;
            }
            if answer.items.is_empty() && answer.errors == Some(true) && !with_outcomes {
                // The IDs are fixed, so the batch can be sent again to find out which items failed and why.
                waiting.push((part(&body, &items, |_| true), backoff, true));
                continue;
            }
            // Before items are checked: documents written along with a rejected one must be rolled back too.
            if let Some(observer) = observer {
                for (item, ItemResponse::Of(outcome)) in items.iter().zip(&answer.items) {
                    if let Some(index) = outcome._index.as_deref().filter(|_| outcome.status < 300) {
                        observer.written(&item.id, index);
                    }
                }
            }
            let (failed, first_error) = failed_items(target, &items, answer.items)?;
            if let Some(error) = first_error {
                if !backoff.retry(&error).await {
                    return Err(error);
                }
                let rest = part(&body, &items, |number| failed.binary_search(&number).is_ok());
                waiting.push((rest, backoff, with_outcomes));
            }
        }
        Ok(())
    }
}

/// A batch of the items with the wanted numbers.
fn part(body: &[u8], items: &[BulkItem], wanted: impl Fn(usize) -> bool) -> Batch {
    let mut batch = Batch::default();
    let mut begin = 0;
    for (number, item) in items.iter().enumerate() {
        if wanted(number) {
            batch.body.extend_from_slice(&body[begin..item.end]);
            batch.push(item.index.clone(), &item.id);
        }
        begin = item.end;
    }
    batch
}

/// Whether the request is too large for the cluster, or its response exceeds the limit.
fn is_too_large(error: &Error) -> bool {
    matches!(error, Error::TooLarge { .. }) || error.status() == Some(413)
}

#[derive(Deserialize)]
struct BulkResponse {
    errors: Option<bool>,
    #[serde(default)]
    items: Vec<ItemResponse>,
}

/// `{"<action>": {"status": …, "error": …}}`.
#[derive(Deserialize)]
enum ItemResponse {
    #[serde(rename = "index", alias = "delete")]
    Of(Outcome),
}

#[derive(Deserialize)]
struct Outcome {
    _index: Option<String>,
    status: u16,
    error: Option<Box<Value>>,
}

/// The numbers of the items to send again, in order, and the error of the first.
fn failed_items(
    target: &Target,
    items: &[BulkItem],
    answered: Vec<ItemResponse>,
) -> Result<(Vec<usize>, Option<Error>)> {
    if answered.len() != items.len() {
        let why = format!("{} items were sent, the response has {}", items.len(), answered.len());
        return Err(Error::unexpected(target.request(true).what(), why));
    }
    let (mut failed, mut first_error) = (Vec::new(), None);
    for (number, (item, ItemResponse::Of(outcome))) in items.iter().zip(answered).enumerate() {
        let gone = item.index.is_some() && outcome.status == 404;
        if gone || (outcome.status < 300 && outcome.error.is_none()) {
            continue;
        }
        let error = outcome.error.as_deref().unwrap_or(&Value::Null);
        match target.rejected(item, ErrorResponse::from_json(outcome.status, error)) {
            error if error.is_transient() => {
                failed.push(number);
                first_error.get_or_insert(error);
            }
            error => return Err(error),
        }
    }
    Ok((failed, first_error))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::cluster::tests::cluster;

    fn batch() -> Batch {
        let mut batch = Batch::default();
        batch.index("a", b"{\"n\": 1.10}");
        batch.index("b\"\n", b"{\n\"n\":2\n}");
        batch.index("c", b"{}");
        batch
    }

    fn target(alias: bool) -> Target {
        Target {
            name: ".ml-state-write".to_owned(),
            alias,
            index: None,
        }
    }

    fn judged(items: &str, alias: bool) -> Result<Vec<usize>> {
        let answer: BulkResponse = serde_json::from_str(&format!(r#"{{"errors":true,"items":[{items}]}}"#)).unwrap();
        Ok(failed_items(&target(alias), &batch().items, answer.items)?.0)
    }

    #[test]
    fn bulk_documents_are_written_on_one_line() {
        let text = String::from_utf8(batch().body).unwrap();
        let lines: Vec<&str> = text.split_terminator('\n').collect();
        assert_eq!(lines[0..2], [r#"{"index":{"_id":"a"}}"#, r#"{"n": 1.10}"#]);
        assert_eq!(lines[2..4], [r#"{"index":{"_id":"b\"\n"}}"#, r#"{ "n":2 }"#]);
        assert_eq!(lines.len(), 6);
    }

    #[test]
    fn split_requests_contain_complete_items() {
        let whole = batch();
        let first = part(&whole.body, &whole.items, |n| n < 1);
        let rest = part(&whole.body, &whole.items, |n| n >= 1);
        assert_eq!([&first.body[..], &rest.body[..]].concat(), whole.body);
        assert_eq!(rest.items.last().unwrap().end, rest.body.len());
        let middle = part(&whole.body, &whole.items, |n| n == 1);
        assert_eq!(part(&rest.body, &rest.items, |n| n == 0).body, middle.body);
    }

    #[test]
    fn only_items_with_a_temporary_error_are_sent_again() {
        let busy =
            r#"{"index":{"_id":"b","status":429,"error":{"type":"es_rejected_execution_exception","reason":"busy"}}}"#;
        let failed = judged(
            &format!(r#"{{"index":{{"status":201}}}},{busy},{{"index":{{"status":200}}}}"#),
            false,
        );
        assert_eq!(failed.unwrap(), [1]);
    }

    #[test]
    fn a_missing_alias_is_named_and_a_missing_item_is_an_error() {
        let missing = r#"{"index":{"_id":"a","status":404,"error":{"type":"index_not_found_exception","reason":"no such index"}}}"#;
        let result = judged(&[missing; 3].join(","), true);
        assert!(
            result
                .unwrap_err()
                .to_string()
                .contains("alias .ml-state-write does not exist")
        );
        let result = judged(missing, true);
        assert!(matches!(result, Err(Error::UnexpectedResponse { .. })));
    }

    #[tokio::test]
    async fn an_index_is_refreshed_during_the_load_and_an_alias_is_not() {
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
            assert_eq!(bulk.finish().await.unwrap(), 5);
            let asked = asked.lock().unwrap();
            let of = |path: &str| asked.iter().filter(|(line, _)| line.contains(path)).count();
            assert_eq!((of("/_bulk"), of("/copy/_refresh")), (5, refreshes), "alias: {alias}");
        }
    }
}

//! Bulk requests of a limited size, several in flight, with a check of every item.

use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;
use std::{fmt, mem};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use memchr::memchr;
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
    /// Creates bodies of the size of the options.
    pub fn bodies(&self) -> BulkBodies {
        BulkBodies {
            size: self.options.size,
            body: BulkBody::default(),
        }
    }

    /// Sends a body, and waits while the maximum number of requests is in flight. An error belongs to a body that was sent
    /// before.
    pub async fn send(&mut self, body: BulkBody) -> Result<()> {
        let (bytes, documents) = (body.text.len(), body.documents);
        self.wait_for(bytes).await?;
        self.bytes_in_flight += bytes;
        let (cluster, target, observer) = (self.cluster.clone(), self.target.clone(), self.observer.clone());
        self.in_flight.spawn(async move {
            body.send(&cluster, &target, observer.as_deref()).await?;
            Ok(Sent { documents, bytes })
        });
        Ok(())
    }

    /// Waits for all responses. Returns the number of documents.
    pub async fn finish(mut self) -> Result<u64> {
        while let Some(done) = self.in_flight.join_next().await {
            self.finish_request(done).await?;
        }
        // A refresh in progress completes in the background.
        self.refreshing.detach_all();
        Ok(self.confirmed.documents)
    }

    /// Waits until another request can be sent.
    pub async fn wait_for_room(&mut self) -> Result<()> {
        self.wait_for(1).await
    }

    /// Limits the requests in flight by number, and by the bytes that this number of requests of the usual size has.
    async fn wait_for(&mut self, bytes: usize) -> Result<()> {
        let concurrency = self.options.concurrency.max(1);
        let most = self.options.size.saturating_mul(concurrency);
        while let Some(done) = self.in_flight.try_join_next() {
            self.finish_request(done).await?;
        }
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
            let mut body = BulkBody::default();
            documents.iter().for_each(|hit| body.delete(&hit.index, &hit.id));
            body.send(self, &Target::default(), None).await?;
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

/// Collects documents into bodies of a limited size.
#[derive(Debug)]
pub struct BulkBodies {
    size: usize,
    body: BulkBody,
}

/// The body of a bulk request: actions as JSON lines, each followed by its document.
#[derive(Debug, Default)]
pub struct BulkBody {
    text: Vec<u8>,
    documents: u64,
}

/// An action in a body.
#[derive(Clone, Debug)]
struct BulkItem {
    /// Its lines in the body.
    lines: Range<usize>,
    /// The index of a deletion.
    index: Option<String>,
    id: String,
}

/// The first line of an item.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum BulkAction {
    Index(BulkTarget),
    Delete(BulkTarget),
}

#[derive(Deserialize)]
struct BulkTarget {
    #[serde(rename = "_index")]
    index: Option<String>,
    #[serde(rename = "_id")]
    id: String,
}

impl BulkBodies {
    /// Adds a document, which must be one line. Returns a body that is full.
    pub fn add(&mut self, id: &str, source: &[u8]) -> Option<BulkBody> {
        let (size, body) = (self.size, &mut self.body);
        // The approximate number of bytes that the document adds to the request.
        let cost = id.len() + source.len() + 22;
        let is_full = body.documents > 0 && body.text.len() + cost > size;
        let full = is_full.then(|| mem::take(body));
        if body.documents == 0 {
            body.text.reserve_exact(capacity(cost.max(size.min(MAX_RESERVE))));
        }
        body.index(id, source);
        // A large document is sent immediately.
        full.or_else(|| (body.text.len() >= size).then(|| mem::take(body)))
    }

    /// Returns the rest.
    pub fn finish(&mut self) -> Option<BulkBody> {
        Some(mem::take(&mut self.body)).filter(|body| body.documents > 0)
    }
}

impl BulkBody {
    fn index(&mut self, id: &str, source: &[u8]) {
        self.text.extend_from_slice(br#"{"index":{"_id":"#);
        // Serializing a string into a vector cannot fail.
        let _ = serde_json::to_writer(&mut self.text, id);
        self.text.extend_from_slice(b"}}\n");
        debug_assert!(memchr(b'\n', source).is_none(), "a document is one line");
        self.text.extend_from_slice(source);
        self.text.push(b'\n');
        self.documents += 1;
    }

    fn delete(&mut self, index: &str, id: &str) {
        let action = json!({ "delete": { "_index": index, "_id": id } }).to_string();
        self.text.extend_from_slice(action.as_bytes());
        self.text.push(b'\n');
        self.documents += 1;
    }

    /// Parses the items again. Most requests never need them.
    #[allow(
        clippy::expect_used,
        reason = "without the ID of an item, a failure could not be assigned to a document"
    )]
    fn items(text: &[u8]) -> Vec<BulkItem> {
        let (mut items, mut begin) = (Vec::new(), 0);
        let line_end = |begin: usize| memchr(b'\n', &text[begin..]).map_or(text.len(), |length| begin + length + 1);
        while begin < text.len() {
            let end = line_end(begin);
            let action = serde_json::from_slice(&text[begin..end]);
            let (end, target) = match action.expect("`index` and `delete` write this form") {
                BulkAction::Index(target) => (line_end(end), target),
                BulkAction::Delete(target) => (end, target),
            };
            let BulkTarget { index, id } = target;
            items.push(BulkItem {
                lines: begin..end,
                index,
                id,
            });
            begin = end;
        }
        items
    }

    /// Sends the body: in halves if it is too large, and again for items with a temporary error.
    async fn send(self, cluster: &Cluster, target: &Target, observer: Option<&dyn WriteObserver>) -> Result<()> {
        let mut waiting = vec![(self, cluster.backoff(), observer.is_some())];
        while let Some((body, mut backoff, with_outcomes)) = waiting.pop() {
            let documents = body.documents;
            let text = Bytes::from(body.text);
            let request = target.request(with_outcomes);
            let request = match cluster.http.compresses() {
                true => compressed(request, text.clone()).await?,
                false => request.raw(text.clone()),
            };
            let response = match cluster.http.send(&request).await {
                Err(error) if is_too_large(&error) && documents > 1 => {
                    let items = Self::items(&text);
                    let (first, second) = items.split_at(items.len() / 2);
                    let halves = [second, first].map(|half| Self::of_items(&text, half));
                    waiting.extend(halves.map(|half| (half, cluster.backoff(), with_outcomes)));
                    continue;
                }
                Err(Error::Refused { mut source, .. }) if source.status == 413 => {
                    let bytes = text.len();
                    source.reason = format!(
                        "a request with only this document has {bytes} bytes, more than http.max_content_length"
                    );
                    return Err(target.rejected(&Self::items(&text)[0], source));
                }
                response => response?,
            };
            let answer: BulkResponse = response.json()?;
            if answer.items.is_empty() && answer.errors == Some(false) {
                continue;
            }
            let items = Self::items(&text);
            if answer.items.is_empty() && answer.errors == Some(true) && !with_outcomes {
                // The IDs are fixed, so the body can be sent again to find out which items failed and why.
                waiting.push((Self::of_items(&text, &items), backoff, true));
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
                waiting.push((Self::of_items(&text, &failed), backoff, with_outcomes));
            }
        }
        Ok(())
    }

    /// A body with these items of another one.
    fn of_items(text: &[u8], items: &[BulkItem]) -> Self {
        let lines: Vec<&[u8]> = items.iter().map(|item| &text[item.lines.clone()]).collect();
        Self {
            text: lines.concat(),
            documents: items.len() as u64,
        }
    }
}

/// Adds a body in compressed form, which over a network takes a fraction of the time.
async fn compressed(request: Request, text: Bytes) -> Result<Request> {
    let compressing = tokio::task::spawn_blocking(move || {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&text).and_then(|()| gzip.finish())
    });
    let what = request.what();
    let body = compressing.await.map_err(io::Error::from).flatten();
    let body = body.map_err(|cause| Error::unexpected(what, format!("the body cannot be compressed: {cause}")))?;
    Ok(Request {
        gzip: true,
        ..request.raw(body)
    })
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

/// The items to send again, in order, and the error of the first.
fn failed_items(
    target: &Target,
    items: &[BulkItem],
    answered: Vec<ItemResponse>,
) -> Result<(Vec<BulkItem>, Option<Error>)> {
    if answered.len() != items.len() {
        let why = format!("{} items were sent, the response has {}", items.len(), answered.len());
        return Err(Error::unexpected(target.request(true).what(), why));
    }
    let (mut failed, mut first_error) = (Vec::new(), None);
    for (item, ItemResponse::Of(outcome)) in items.iter().zip(answered) {
        let gone = item.index.is_some() && outcome.status == 404;
        if gone || (outcome.status < 300 && outcome.error.is_none()) {
            continue;
        }
        let error = outcome.error.as_deref().unwrap_or(&Value::Null);
        match target.rejected(item, ErrorResponse::from_json(outcome.status, error)) {
            error if error.is_transient() => {
                failed.push(item.clone());
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

    fn body() -> BulkBody {
        let mut body = BulkBody::default();
        body.index("a", b"{\"n\": 1.10}");
        body.index("b\"\n", b"{ \"n\":2 }");
        body.index("c", b"{}");
        body
    }

    fn target(alias: bool) -> Target {
        Target {
            name: ".ml-state-write".to_owned(),
            alias,
            index: None,
        }
    }

    fn judged(items: &str, alias: bool) -> Result<Vec<String>> {
        let answer: BulkResponse = serde_json::from_str(&format!(r#"{{"errors":true,"items":[{items}]}}"#)).unwrap();
        let (failed, _) = failed_items(&target(alias), &BulkBody::items(&body().text), answer.items)?;
        Ok(failed.into_iter().map(|item| item.id).collect())
    }

    #[test]
    fn each_document_is_one_line_after_its_action() {
        let text = String::from_utf8(body().text).unwrap();
        let lines: Vec<&str> = text.split_terminator('\n').collect();
        assert_eq!(lines[0..2], [r#"{"index":{"_id":"a"}}"#, r#"{"n": 1.10}"#]);
        assert_eq!(lines[2..4], [r#"{"index":{"_id":"b\"\n"}}"#, r#"{ "n":2 }"#]);
        assert_eq!(lines.len(), 6);
    }

    #[test]
    fn items_of_a_body_are_complete() {
        let mut whole = body();
        whole.delete("i", "d\"");
        let items = BulkBody::items(&whole.text);
        let ids: Vec<&str> = items.iter().map(|item| item.id.as_str()).collect();
        assert_eq!(
            (ids, items[3].index.as_deref()),
            (vec!["a", "b\"\n", "c", "d\""], Some("i"))
        );
        let [first, rest] = [&items[..1], &items[1..]].map(|part| BulkBody::of_items(&whole.text, part));
        assert_eq!((first.documents, rest.documents), (1, 3));
        assert_eq!([&first.text[..], &rest.text[..]].concat(), whole.text);
    }

    #[test]
    fn bodies_are_complete_before_the_document_that_exceeds_their_size() {
        let mut bodies = BulkBodies {
            size: 100,
            body: BulkBody::default(),
        };
        let added = |bodies: &mut BulkBodies, length| bodies.add("1", &vec![b' '; length]).map(|body| body.documents);
        assert_eq!(
            [20, 20, 20].map(|length| added(&mut bodies, length)),
            [None, None, Some(2)]
        );
        assert_eq!(bodies.finish().map(|body| body.documents), Some(1));
        assert_eq!(added(&mut bodies, 200), Some(1));
        assert!(bodies.finish().is_none());
    }

    #[test]
    fn only_items_with_a_temporary_error_are_sent_again() {
        let busy =
            r#"{"index":{"_id":"b","status":429,"error":{"type":"es_rejected_execution_exception","reason":"busy"}}}"#;
        let failed = judged(
            &format!(r#"{{"index":{{"status":201}}}},{busy},{{"index":{{"status":200}}}}"#),
            false,
        );
        assert_eq!(failed.unwrap(), ["b\"\n"]);
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
            let text = format!("{{\"a\":\"{}\"}}", "x".repeat(6 << 20));
            let mut bodies = bulk.bodies();
            for id in ["1", "2", "3", "4", "5"] {
                bulk.send(bodies.add(id, text.as_bytes()).unwrap()).await.unwrap();
            }
            assert_eq!(bulk.finish().await.unwrap(), 5);
            let asked = asked.lock().unwrap();
            let of = |path: &str| asked.iter().filter(|(line, _)| line.contains(path)).count();
            assert_eq!((of("/_bulk"), of("/copy/_refresh")), (5, refreshes), "alias: {alias}");
        }
    }
}

//! How the ML API accesses documents: by ordinary requests, in memory or with a real Elasticsearch.

use std::sync::Arc;

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::support::cluster::{Answer, Call, Documents};

const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'*')
    .remove(b',');

/// A hit.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The concrete index.
    pub index: String,
    /// `_id`.
    pub id: String,
    /// `_source`, in its original order.
    pub source: Value,
}

/// The documents as the ML API accesses them.
#[derive(Clone)]
pub struct Docs(pub Arc<dyn Documents>);

/// Encodes a name for a path.
pub fn encode(name: &str) -> String {
    utf8_percent_encode(name, KEPT).to_string()
}

impl Docs {
    /// Sends a request with raw bytes.
    pub async fn raw(&self, method: &str, path: &str, query: &str, body: Bytes, kind: &str) -> Answer {
        let query = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        let headers = vec![("content-type".to_owned(), kind.to_owned())];
        self.0
            .call(Call {
                method: method.to_owned(),
                path: path.to_owned(),
                query,
                headers,
                body,
            })
            .await
    }

    /// Sends a request and returns the status and the JSON body.
    pub async fn send(&self, method: &str, path: &str, query: &str, body: Option<Value>) -> (u16, Value) {
        let bytes = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let answer = self.raw(method, path, query, bytes, "application/json").await;
        (
            answer.status,
            serde_json::from_slice(&answer.body).unwrap_or(Value::Null),
        )
    }

    /// Searches, and counts all hits. A missing index is not an error.
    pub async fn search_counted(&self, index: &str, mut body: Value) -> (u64, Vec<Hit>) {
        body["track_total_hits"] = json!(true);
        let path = format!("/{}/_search", encode(index));
        let query = "ignore_unavailable=true&allow_no_indices=true&expand_wildcards=all";
        let (status, found) = self.send("POST", &path, query, Some(body.clone())).await;
        assert!(
            status < 300 || status == 404,
            "the stand-in's own search on {index} failed: {body} {found}"
        );
        let hits = found["hits"]["hits"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let hits = hits
            .into_iter()
            .map(|mut hit| Hit {
                index: text(&hit["_index"]),
                id: text(&hit["_id"]),
                source: hit["_source"].take(),
            })
            .collect();
        (found["hits"]["total"]["value"].as_u64().unwrap_or_default(), hits)
    }

    /// Returns up to 10,000 hits.
    pub async fn search(&self, index: &str, query: Value) -> Vec<Hit> {
        self.search_counted(index, json!({"query": query, "size": 10_000}))
            .await
            .1
    }

    /// Returns the document with this ID, if a search finds it.
    pub async fn by_id(&self, index: &str, id: &str) -> Option<Hit> {
        let body = json!({"query": {"ids": {"values": [id]}}, "size": 1});
        self.search_counted(index, body).await.1.into_iter().next()
    }

    /// Returns the IDs and indices of all documents that a query finds.
    pub async fn ids(&self, index: &str, query: Value) -> Vec<Hit> {
        self.search_counted(index, json!({"query": query, "size": 10_000, "_source": false}))
            .await
            .1
    }

    /// Stores a document. `query` is, for example, `refresh=true`.
    pub async fn put(&self, index: &str, id: &str, query: &str, document: &Value) -> u16 {
        let path = format!("/{}/_doc/{}", encode(index), encode(id));
        self.send("PUT", &path, query, Some(document.clone())).await.0
    }

    /// Deletes documents by ID and index, then refreshes. Returns false if the cluster refuses a deletion.
    pub async fn delete(&self, hits: &[Hit]) -> bool {
        let mut all = true;
        for part in hits.chunks(2_000) {
            let lines: String = part
                .iter()
                .map(|hit| json!({"delete": {"_index": hit.index, "_id": hit.id}}).to_string() + "\n")
                .collect();
            let answer = self
                .raw(
                    "POST",
                    "/_bulk",
                    "refresh=true",
                    Bytes::from(lines),
                    "application/x-ndjson",
                )
                .await;
            all &= answer.value()["errors"] == false;
        }
        all
    }

    /// Deletes what a query finds, and repeats this until nothing is found or the index refuses writes.
    pub async fn delete_by_query(&self, index: &str, query: Value) {
        loop {
            let hits = self.ids(index, query.clone()).await;
            if hits.is_empty() || !self.delete(&hits).await {
                return;
            }
        }
    }

    /// Returns the indices of an alias, sorted.
    pub async fn alias(&self, alias: &str) -> Vec<String> {
        let (status, body) = self.send("GET", &format!("/_alias/{}", encode(alias)), "", None).await;
        let mut names: Vec<String> = match body.as_object() {
            Some(indices) if status == 200 => indices.keys().cloned().collect(),
            _ => Vec::new(),
        };
        names.sort();
        names
    }

    /// Whether an index or alias with this name exists.
    pub async fn index_exists(&self, name: &str) -> bool {
        self.send("GET", &format!("/{}", encode(name)), "", None).await.0 == 200
    }
}

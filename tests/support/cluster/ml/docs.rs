//! What the ML side does with documents: ordinary requests, the same over memory and over a real Elasticsearch.

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

/// A hit: where a document is and what it says.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The concrete index.
    pub index: String,
    /// `_id`.
    pub id: String,
    /// `_source`, order kept.
    pub source: Value,
}

/// The documents, as the ML side asks them.
#[derive(Clone)]
pub struct Docs(pub Arc<dyn Documents>);

/// A name as it stands in a path.
pub fn encode(name: &str) -> String {
    utf8_percent_encode(name, KEPT).to_string()
}

impl Docs {
    /// Sends one request with raw bytes.
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

    /// Sends one request; the status and the body as JSON.
    pub async fn send(&self, method: &str, path: &str, query: &str, body: Option<Value>) -> (u16, Value) {
        let bytes = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let answer = self.raw(method, path, query, bytes, "application/json").await;
        (
            answer.status,
            serde_json::from_slice(&answer.body).unwrap_or(Value::Null),
        )
    }

    /// Searches; nothing there is no error. The total counts all.
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

    /// Searches, up to 10,000.
    pub async fn search(&self, index: &str, query: Value) -> Vec<Hit> {
        self.search_counted(index, json!({"query": query, "size": 10_000}))
            .await
            .1
    }

    /// The document of that id, if a search finds it.
    pub async fn by_id(&self, index: &str, id: &str) -> Option<Hit> {
        let body = json!({"query": {"ids": {"values": [id]}}, "size": 1});
        self.search_counted(index, body).await.1.into_iter().next()
    }

    /// Ids of all documents that a query finds, with their index, without their content.
    pub async fn ids(&self, index: &str, query: Value) -> Vec<Hit> {
        self.search_counted(index, json!({"query": query, "size": 10_000, "_source": false}))
            .await
            .1
    }

    /// Stores one document. `query` such as `refresh=true`.
    pub async fn put(&self, index: &str, id: &str, query: &str, document: &Value) -> u16 {
        let path = format!("/{}/_doc/{}", encode(index), encode(id));
        self.send("PUT", &path, query, Some(document.clone())).await.0
    }

    /// Deletes documents by id and index, and refreshes; false where the cluster refuses one.
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

    /// Deletes what a query finds, over and over until nothing is found, or the index takes no more writes.
    pub async fn delete_by_query(&self, index: &str, query: Value) {
        loop {
            let hits = self.ids(index, query.clone()).await;
            if hits.is_empty() || !self.delete(&hits).await {
                return;
            }
        }
    }

    /// The concrete indices behind an alias, sorted.
    pub async fn alias(&self, alias: &str) -> Vec<String> {
        let (status, body) = self.send("GET", &format!("/_alias/{}", encode(alias)), "", None).await;
        let mut names: Vec<String> = match body.as_object() {
            Some(indices) if status == 200 => indices.keys().cloned().collect(),
            _ => Vec::new(),
        };
        names.sort();
        names
    }

    /// Whether an index (or alias) of that name is there.
    pub async fn index_exists(&self, name: &str) -> bool {
        self.send("GET", &format!("/{}", encode(name)), "", None).await.0 == 200
    }
}

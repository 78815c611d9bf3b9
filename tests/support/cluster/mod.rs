//! A stand-in cluster over HTTP. It implements the ML API itself, and documents in memory or with a real Elasticsearch.

pub mod auth;
mod delays;
pub mod documents;
pub mod faults;
pub mod ml;
pub mod network;
pub mod real;
pub mod remote;
mod serve;
pub mod stand_in;
mod tasks;
pub mod tls;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde_json::Value;

/// A request as received. `path` is percent-encoded and does not contain the query.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Call {
    /// Creates a call of a test or the ML API; path and query are one encoded text.
    pub fn new(method: &str, path_and_query: &str, body: impl Into<Bytes>) -> Self {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let body = body.into();
        let content_type = if path.ends_with("_bulk") {
            "application/x-ndjson"
        } else {
            "application/json"
        };
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body,
        }
    }

    /// Returns a query parameter; if there are several, the last one, like Elasticsearch.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether a query parameter exists and is not `false`.
    pub fn flag(&self, name: &str) -> bool {
        self.param(name).is_some_and(|value| value != "false")
    }

    /// Returns a header. The name is case-insensitive.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Returns the parts of the path, percent-decoded.
    pub fn segments(&self) -> Vec<String> {
        let parts = self.path.split('/').filter(|part| !part.is_empty());
        parts
            .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
            .collect()
    }

    /// Returns path and query as one text, for messages and fault rules.
    pub fn uri(&self) -> String {
        if self.query.is_empty() {
            return self.path.clone();
        }
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&self.query)
            .finish();
        format!("{}?{query}", self.path)
    }
}

/// A response.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Answer {
    /// Creates a compact JSON response.
    pub fn json(status: u16, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("an answer prints");
        Self::of(status, "application/json", body)
    }

    /// Creates a response with any content type.
    pub fn of(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.into(),
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Parses the body; null if it is empty or not JSON.
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// The document API: everything in Elasticsearch except `/`, `_ml`, `_license` and `_security`. The ML API of the
/// stand-in uses it too.
pub trait Documents: Send + Sync {
    fn call(&self, call: Call) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>>;

    /// Returns the number of open scrolls and points in time; `None` if it is unknown.
    fn open_contexts(&self) -> Option<usize> {
        None
    }

    /// Expires all scrolls and points in time; false if that is not possible.
    fn expire_contexts(&self) -> bool {
        false
    }
}

/// APIs that are handled before the documents: ML, `/`, `_license`, `_security`.
pub trait Api: Send + Sync {
    /// Returns `None` if the documents should handle the request.
    fn call(
        &self,
        call: Call,
        documents: Arc<dyn Documents>,
    ) -> Pin<Box<dyn Future<Output = Option<Answer>> + Send + '_>>;
}

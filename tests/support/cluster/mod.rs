//! A stand-in cluster: HTTP in, the ML API by itself, documents by itself or by a real Elasticsearch.

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

/// A request as it came in. `path` is still percent-encoded and has no query.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Call {
    /// A call as a test or the ML API makes it: path and query in one, still encoded.
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

    /// The value of a query parameter; of several the last, as in Elasticsearch.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether a query parameter is there and is not `false`.
    pub fn flag(&self, name: &str) -> bool {
        self.param(name).is_some_and(|value| value != "false")
    }

    /// The value of a header, its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The parts of the path, percent-decoded.
    pub fn segments(&self) -> Vec<String> {
        let parts = self.path.split('/').filter(|part| !part.is_empty());
        parts
            .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
            .collect()
    }

    /// Path and query as one text, for messages and for fault rules.
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

/// What goes back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Answer {
    /// A JSON answer, printed compactly.
    pub fn json(status: u16, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("an answer prints");
        Self::of(status, "application/json", body)
    }

    /// An answer of any content type.
    pub fn of(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.into(),
        }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The body parsed; null when it is empty or no JSON.
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// The document API: everything of Elasticsearch that is not `/`, `_ml`, `_license`, `_security`.
/// The ML side of the stand-in does its own document work through it too.
pub trait Documents: Send + Sync {
    fn call(&self, call: Call) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>>;

    /// How many scrolls and points in time are open now; `None` where it cannot be told.
    fn open_contexts(&self) -> Option<usize> {
        None
    }

    /// Lets all scrolls and points in time expire. `false`: it cannot be done here.
    fn expire_contexts(&self) -> bool {
        false
    }
}

/// Whatever is asked before the documents: the ML API, `/`, `_license`, `_security`.
pub trait Api: Send + Sync {
    /// `None`: not mine, ask the documents.
    fn call(
        &self,
        call: Call,
        documents: Arc<dyn Documents>,
    ) -> Pin<Box<dyn Future<Output = Option<Answer>> + Send + '_>>;
}

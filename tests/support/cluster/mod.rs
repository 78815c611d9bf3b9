//! A stand-in cluster: HTTP in, the ML API by itself, documents by itself or by a real Elasticsearch.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;

/// A request as it came in. `path` is still percent-encoded and has no query.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

/// What goes back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

/// The document API: everything of Elasticsearch that is not `/`, `_ml`, `_license`, `_security`.
/// The ML side of the stand-in does its own document work through it too.
pub trait Documents: Send + Sync {
    fn call(&self, call: Call) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>>;
}

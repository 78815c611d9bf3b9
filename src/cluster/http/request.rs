//! Requests and responses.

use bytes::Bytes;
use elasticsearch::http::headers::DEFAULT_CONTENT_TYPE;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::cluster::http::error::{Error, Result};
use crate::cluster::http::limits::BodyLimit;
use crate::util::format::truncated;

/// Everything outside the unreserved characters of RFC 3986.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// As `SEGMENT`; wildcards remain readable in messages.
const EXPRESSION: &AsciiSet = &SEGMENT.remove(b'*');

/// A path relative to the cluster's address. Segments are percent-encoded. Empty segments, `.` and `..` cannot be encoded:
/// sending a path that contains one is an error.
#[derive(Clone, Debug)]
pub(crate) struct Path(String);

impl Path {
    /// Joins segments: `Path::of(["_ml", "anomaly_detectors", id])`.
    pub(crate) fn of<'a>(segments: impl IntoIterator<Item = &'a str>) -> Self {
        Self(String::new()).then(segments)
    }

    /// An index expression (names, aliases, wildcards) as the first segment. An empty one, which would match every index, is
    /// an error.
    pub(crate) fn indices(expression: &[impl AsRef<str>]) -> Self {
        let encode = |name: &str| utf8_percent_encode(name, EXPRESSION).to_string();
        let names: Vec<String> = expression.iter().map(|name| encode(name.as_ref())).collect();
        Self(format!("/{}", names.join(",")))
    }

    /// The path with more segments.
    pub(crate) fn then<'a>(mut self, segments: impl IntoIterator<Item = &'a str>) -> Self {
        for segment in segments {
            self.0.push('/');
            self.0.extend(utf8_percent_encode(segment, SEGMENT));
        }
        self
    }

    pub(crate) fn as_str(&self) -> Result<&str> {
        // Encoded names do not contain these separators.
        let mut names = self.0.split(['/', ',']).skip(1);
        match names.find(|name| matches!(*name, "" | "." | "..")) {
            Some(name) => Err(Error::Options(format!(
                "invalid request path: it contains `{name}` as a name"
            ))),
            None if self.0.is_empty() => Ok("/"),
            None => Ok(&self.0),
        }
    }
}

/// Which failures of a request are retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// All temporary ones: the request reads, or writes documents with fixed IDs.
    Transient,
    /// Those after which the request was not executed: the next page of a scroll cannot be read twice.
    NotStarted,
    /// None: the request creates something, and the caller checks whether it exists before sending it again.
    Never,
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) path: Path,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) body: Option<Bytes>,
    pub(crate) content_type: &'static str,
    /// Whether the body is compressed with gzip.
    pub(crate) gzip: bool,
    pub(crate) retry: Retry,
    /// Whether status 404 is not an error.
    pub(crate) accepts_404: bool,
    pub(crate) limit: BodyLimit,
}

impl Request {
    fn new(method: Method, path: Path) -> Self {
        Self {
            method,
            path,
            query: Vec::new(),
            body: None,
            content_type: DEFAULT_CONTENT_TYPE,
            gzip: false,
            retry: Retry::Transient,
            accepts_404: false,
            limit: BodyLimit::Listing,
        }
    }

    pub(crate) fn get(path: Path) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: Path) -> Self {
        Self::new(Method::POST, path)
    }

    pub(crate) fn put(path: Path) -> Self {
        Self::new(Method::PUT, path)
    }

    pub(crate) fn delete(path: Path) -> Self {
        Self::new(Method::DELETE, path)
    }

    pub(crate) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub(crate) fn json(self, body: &serde_json::Value) -> Self {
        self.raw(body.to_string())
    }

    /// Sets a body that is JSON text; it is sent unchanged.
    pub(crate) fn raw(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }

    pub(crate) fn accept_404(mut self) -> Self {
        self.accepts_404 = true;
        self
    }

    /// Sets the limit for the response (default: [`BodyLimit::Listing`]).
    pub(crate) fn returns(mut self, limit: BodyLimit) -> Self {
        self.limit = limit;
        self
    }

    pub(crate) fn without_retry(mut self) -> Self {
        self.retry = Retry::Never;
        self
    }

    /// Includes hidden and closed indices; missing ones are not an error. Not for searches, in which the cluster would omit
    /// the documents of closed indices without an error.
    pub(crate) fn allow_missing(self) -> Self {
        self.all_indices().query("ignore_unavailable", "true")
    }

    /// Includes hidden and closed indices; a wildcard may match nothing. Searching a closed index is an error.
    pub(crate) fn all_indices(self) -> Self {
        self.query("expand_wildcards", "all").query("allow_no_indices", "true")
    }

    /// The method and path, for messages.
    pub(crate) fn what(&self) -> String {
        let path = self.path.as_str().unwrap_or("?");
        format!("{} {}", self.method, truncated(path, 200))
    }
}

/// A response with a status below 300, or with one that the request accepts.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    /// The method and path of the request, for messages.
    pub(crate) what: String,
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

impl Response {
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T> {
        parse_json(&self.body, &self.what)
    }
}

/// Parses the response to `what`, or a part of it.
pub(crate) fn parse_json<'a, T: Deserialize<'a>>(json: &'a [u8], what: &str) -> Result<T> {
    serde_json::from_slice(json).map_err(|error| Error::invalid_json(what, &error))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn segments_cannot_change_the_path() {
        let path = Path::of(["t1", "_doc", "a/../b#c?d%2e"]);
        assert_eq!(path.as_str().unwrap(), "/t1/_doc/a%2F..%2Fb%23c%3Fd%252e");
        for bad in ["", ".", ".."] {
            assert!(Path::of(["_ml", bad]).as_str().is_err(), "{bad}");
            assert!(Path::indices(&["a", bad]).as_str().is_err(), "{bad}");
        }
        assert_eq!(Path::of([]).as_str().unwrap(), "/");
    }

    #[test]
    fn index_expressions_keep_wildcards_and_commas() {
        let path = Path::indices(&[".ml-state*", "remote:logs", "<a-{now/d}>"]).then(["_search"]);
        assert_eq!(
            path.as_str().unwrap(),
            "/.ml-state*,remote%3Alogs,%3Ca-%7Bnow%2Fd%7D%3E/_search"
        );
        assert!(Path::indices(&[] as &[&str]).as_str().is_err());
    }
}

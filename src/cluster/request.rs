//! Requests, answers, and who is told about them.

use std::time::Duration;

use bytes::Bytes;
use elasticsearch::http::Method;
use serde::de::DeserializeOwned;

use crate::cluster::body::Size;
use crate::cluster::{Cluster, Error, Path, Refusal, Result};

/// Told when a request waits before it is repeated, so that progress can say so.
pub trait Observer: Send + Sync + std::fmt::Debug {
    /// About to sleep `wait.pause` before the next try.
    fn waiting(&self, wait: &Wait<'_>);

    /// An answer came: method and path, HTTP status, time since the request was sent.
    fn answered(&self, what: &str, status: u16, elapsed: Duration) {
        let _ = (what, status, elapsed);
    }
}

/// A pause between two tries.
#[derive(Debug)]
pub struct Wait<'a> {
    /// What failed.
    pub error: &'a Error,
    /// For how long.
    pub pause: Duration,
    /// The coming try, from 2.
    pub attempt: u32,
}

/// Whether a lost request may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Reading, or writing under fixed ids.
    Safe,
    /// Creating something: whatever the answer, the caller looks whether it is there before it sends it again.
    Never,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    pub(in crate::cluster) method: Method,
    pub(in crate::cluster) path: Path,
    pub(in crate::cluster) query: Vec<(&'static str, String)>,
    pub(in crate::cluster) body: Option<Bytes>,
    pub(in crate::cluster) ndjson: bool,
    pub(in crate::cluster) repeat: Repeat,
    pub(in crate::cluster) allowed: &'static [u16],
    pub(in crate::cluster) size: Size,
}

/// A good answer (status below 300, or a status that the caller allowed).
#[derive(Clone, Debug)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// The whole body.
    pub body: Bytes,
}

impl Request {
    fn new(method: Method, path: Path) -> Self {
        Self {
            method,
            path,
            query: Vec::new(),
            body: None,
            ndjson: false,
            repeat: Repeat::Safe,
            allowed: &[],
            size: Size::Listing,
        }
    }

    /// `GET`.
    pub fn get(path: Path) -> Self {
        Self::new(Method::Get, path)
    }

    /// `POST`.
    pub fn post(path: Path) -> Self {
        Self::new(Method::Post, path)
    }

    /// `PUT`.
    pub fn put(path: Path) -> Self {
        Self::new(Method::Put, path)
    }

    /// `DELETE`.
    pub fn delete(path: Path) -> Self {
        Self::new(Method::Delete, path)
    }

    /// Adds a parameter to the query string.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json(self, body: &serde_json::Value) -> Self {
        self.raw(body.to_string())
    }

    /// Sets a body that is JSON already; it is sent as it is.
    #[must_use]
    pub fn raw(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sets a body of JSON lines, the last one ended too.
    #[must_use]
    pub fn ndjson(mut self, body: impl Into<Bytes>) -> Self {
        self.ndjson = true;
        self.raw(body)
    }

    /// Takes these statuses for answers, not errors.
    #[must_use]
    pub fn allow_status(mut self, statuses: &'static [u16]) -> Self {
        self.allowed = statuses;
        self
    }

    /// How much it may return: a configuration or a list of them unless something else is said.
    #[must_use]
    pub(in crate::cluster) fn returns(mut self, size: Size) -> Self {
        self.size = size;
        self
    }

    /// Leaves sending again to the caller.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.repeat = Repeat::Never;
        self
    }

    /// Method and path, for messages.
    pub fn what(&self) -> String {
        let method = match self.method {
            Method::Get => "GET",
            Method::Put => "PUT",
            Method::Post => "POST",
            Method::Delete => "DELETE",
            Method::Head => "HEAD",
        };
        let path = self.path.as_str().unwrap_or("?");
        match path.char_indices().nth(200) {
            Some((end, _)) => format!("{method} {}…", &path[..end]),
            None => format!("{method} {path}"),
        }
    }
}

impl Response {
    /// Reads the body.
    ///
    /// # Errors
    /// [`Error::Unintelligible`] naming `what`.
    pub fn parse<T: DeserializeOwned>(&self, what: &str) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| unintelligible(what, &error))
    }
}

/// A body that is not as the API promises; the text of the error quotes no values.
pub(in crate::cluster) fn unintelligible(what: &str, error: &serde_json::Error) -> Error {
    let why = match error.classify() {
        serde_json::error::Category::Data => error.to_string(),
        _ => format!("it is not JSON (line {}, column {})", error.line(), error.column()),
    };
    Error::Unintelligible {
        what: what.to_owned(),
        why,
    }
}

impl Cluster {
    /// Sends, repeats where allowed, and turns statuses of 300 and above into errors.
    ///
    /// # Errors
    /// Any that a request can fail with; the last one where it was repeated.
    pub async fn send(&self, request: Request) -> Result<Response> {
        self.link().send(&request).await
    }

    /// Sends something that is to be done. An answer that is no JSON object is not the cluster's, whatever its status.
    pub(in crate::cluster) async fn perform(&self, request: Request) -> Result<()> {
        let what = request.what();
        self.send(request)
            .await?
            .parse::<serde_json::Map<String, serde_json::Value>>(&what)
            .map(drop)
    }

    /// The answer; `None` where the cluster does not have this API at all.
    pub(in crate::cluster) async fn send_if_known(&self, request: Request) -> Result<Option<Response>> {
        match self.send(request).await {
            Err(Error::Refused { refusal, .. }) if unknown_api(&refusal) => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// The answer; `None` where it is 404: what was asked for is not there.
    pub(in crate::cluster) async fn send_if_there(&self, request: Request) -> Result<Option<Response>> {
        let response = self.send(request.allow_status(&[404])).await?;
        Ok((response.status != 404).then_some(response))
    }
}

/// Without a handler the error is text, on serverless it is 410; 7.x may take the path for an index.
pub(in crate::cluster) fn unknown_api(refusal: &Refusal) -> bool {
    match refusal.status {
        400 | 404 | 405 => {
            refusal.kind.is_empty()
                || matches!(
                    &*refusal.kind,
                    "invalid_index_name_exception" | "invalid_type_name_exception" | "index_not_found_exception"
                )
        }
        410 => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_api_is_not_a_bad_request() {
        let missing = br#"{"error":"no handler found for uri [/_security/_authenticate] and method [GET]"}"#;
        assert!(unknown_api(&Refusal::read(400, missing)));
        let bad = br#"{"error":{"type":"illegal_argument_exception","reason":"unknown privilege"}}"#;
        assert!(!unknown_api(&Refusal::read(400, bad)));
        assert!(!unknown_api(&Refusal::read(500, missing)));
    }
}

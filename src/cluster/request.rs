//! The one place that sends: retry, timeout, error body to error.

use std::time::Duration;

use bytes::Bytes;

use crate::cluster::{Cluster, Error, Result};

/// Told when a request waits before it is repeated, so that progress can say so.
pub trait Observer: Send + Sync + std::fmt::Debug {
    /// About to sleep `wait.pause` before the next try.
    fn waiting(&self, wait: &Wait<'_>);
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

/// A path below the cluster's address: segments are percent-encoded, `.` and `..` refused.
#[derive(Clone, Debug)]
pub struct Path(String);

/// Whether a lost request may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Reading, or writing under fixed ids.
    Safe,
    /// Creating something: after a lost answer the caller reads back.
    Never,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    pub(in crate::cluster) method: elasticsearch::http::Method,
    pub(in crate::cluster) path: Path,
    pub(in crate::cluster) query: Vec<(&'static str, String)>,
    pub(in crate::cluster) body: Option<Bytes>,
    pub(in crate::cluster) ndjson: bool,
    pub(in crate::cluster) repeat: Repeat,
}

/// A good answer (status below 400, or a status that the caller allowed).
#[derive(Clone, Debug)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// The whole body.
    pub body: Bytes,
}

impl Path {
    /// Joins the segments: `Path::of(["_ml", "anomaly_detectors", id])`.
    pub fn of<'a>(segments: impl IntoIterator<Item = &'a str>) -> Self {
        todo!()
    }
}

impl Cluster {
    /// Sends, repeats where allowed, and turns statuses of 400 and above into errors.
    pub async fn send(&self, request: Request) -> Result<Response> {
        todo!()
    }
}

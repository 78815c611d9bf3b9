//! Why the cluster did not do what was asked.

use std::time::Duration;

/// Elasticsearch's own words for an answer of status 400 and above.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// `error.type`, empty where the body has none.
    pub kind: String,
    /// `error.reason` with the deepest `caused_by`, or the beginning of a body that is not JSON.
    pub reason: String,
}

/// A request that failed. `what` is method and path, without credentials or query values.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The connection was refused, reset or could not be made.
    #[error("{what}: cannot reach {address}: {cause}")]
    Unreachable { what: String, address: String, cause: String },
    /// No answer in time.
    #[error("{what}: no answer within {} seconds", after.as_secs())]
    Timeout { what: String, after: Duration },
    /// The server's certificate is not trusted, or TLS failed otherwise.
    #[error("{what}: TLS with {address} failed: {cause}")]
    Tls { what: String, address: String, cause: String },
    /// Status 401.
    #[error("{what}: the cluster does not accept the credentials: {}", refusal.reason)]
    Unauthenticated { what: String, refusal: Refusal },
    /// Status 403.
    #[error("{what}: not permitted: {}", refusal.reason)]
    Forbidden { what: String, refusal: Refusal },
    /// Any other status of 400 and above.
    #[error("{what}: {} {}", refusal.status, refusal.reason)]
    Refused { what: String, refusal: Refusal },
    /// 429 because ML is in upgrade mode.
    #[error("{what}: machine learning is in upgrade mode")]
    UpgradeMode { what: String },
    /// The answer came from another address than the one asked.
    #[error("{what}: {asked} redirects to {answered}")]
    Redirected { what: String, asked: String, answered: String },
    /// The answer is not what the API promises (cut short, not JSON, a field missing).
    #[error("{what}: the answer makes no sense: {why}")]
    Unintelligible { what: String, why: String },
    /// Shards failed in an otherwise good search answer: data is missing.
    #[error("{what}: {failed} of {total} shards failed: {reason}")]
    ShardsFailed { what: String, failed: u64, total: u64, reason: String },
    /// A scroll or point in time is gone.
    #[error("{what}: the search context has expired")]
    ContextExpired { what: String },
    /// `GET /` is answered by something else than Elasticsearch 7, 8 or 9.
    #[error("{address} is {found}, not Elasticsearch 7.x, 8.x or 9.x")]
    NotElasticsearch { address: String, found: String },
    /// A bulk item was rejected for good.
    #[error("{index}: document {id} rejected: {} {}", refusal.status, refusal.reason)]
    ItemRejected { index: String, id: String, refusal: Refusal },
    /// The options cannot make a client (bad URL, cloud id, certificate file …).
    #[error("{0}")]
    Options(String),
}

impl Error {
    /// What the user can do next, where there is something.
    pub fn hint(&self) -> Option<String> {
        todo!()
    }

    /// The HTTP status behind it, where an answer came.
    pub fn status(&self) -> Option<u16> {
        todo!()
    }

    /// True where the request may have been carried out although no good answer came:
    /// connection lost, timeout, gateway errors.
    pub fn outcome_unknown(&self) -> bool {
        todo!()
    }
}

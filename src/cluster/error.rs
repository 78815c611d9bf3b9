//! Why the cluster did not do what was asked.

use std::time::Duration;

use crate::cluster::hints;
use crate::job::Version;
use crate::util::process_limits::NO_DESCRIPTORS;

/// Elasticsearch's own words for an answer of status 400 and above.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// `error.type`, empty where the body has none.
    pub kind: Box<str>,
    /// The types of all that caused it: root causes, failed shards, causes in turn.
    pub causes: Box<[Box<str>]>,
    /// `error.reason` with the deepest `caused_by`, or the beginning of a body that is not JSON.
    pub reason: String,
    /// `Retry-After`.
    pub retry_after: Option<Duration>,
    /// `error.caused_by`.
    #[source]
    pub caused_by: Option<Box<Cause>>,
}

/// What caused a refusal, in the cluster's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct Cause {
    /// `reason`, or `type` where the reason would quote a document.
    pub words: String,
    /// `caused_by` in turn.
    #[source]
    pub caused_by: Option<Box<Cause>>,
}

/// Why no connection was established.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreached {
    /// The host name has no address.
    UnknownHost,
    /// Nothing listens there.
    Refused,
    /// This process may open no more files or connections.
    NoDescriptors,
    /// Another reason.
    Other,
}

/// A request that failed. `what` is method and path, without credentials or query values.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields stand in the messages above them")]
pub enum Error {
    /// No connection came to be: nothing was sent.
    #[error("{what}: cannot reach {address}: {cause}")]
    Unreachable {
        what: String,
        address: String,
        why: Unreached,
        cause: String,
    },
    /// The connection broke before the answer had come.
    #[error("{what}: the connection to {address} broke: {cause}")]
    Broken {
        what: String,
        address: String,
        cause: String,
    },
    /// No answer in time; `failed` is how the last try ended that came to its end.
    #[error("{what}: no answer within {} seconds", after.as_secs())]
    Timeout {
        what: String,
        after: Duration,
        #[source]
        failed: Option<Box<Error>>,
    },
    /// The server's certificate is not trusted, or TLS failed otherwise.
    #[error("{what}: TLS with {address} failed: {cause}")]
    Tls {
        what: String,
        address: String,
        cause: String,
    },
    /// Status 401.
    #[error("{what}: the cluster does not accept the credentials: {}", refusal.reason)]
    Unauthenticated {
        what: String,
        #[source]
        refusal: Refusal,
    },
    /// Status 403.
    #[error("{what}: not permitted: {}", refusal.reason)]
    Forbidden {
        what: String,
        #[source]
        refusal: Refusal,
    },
    /// Any other status of 400 and above.
    #[error("{what}: {} {}", refusal.status, refusal.reason)]
    Refused {
        what: String,
        #[source]
        refusal: Refusal,
    },
    /// 429 because ML is in upgrade mode.
    #[error("{what}: machine learning is in upgrade mode")]
    UpgradeMode { what: String },
    /// The answer leads to another address, which is not asked.
    #[error("{what}: {asked} redirects to {answered}")]
    Redirected {
        what: String,
        asked: String,
        answered: String,
    },
    /// The answer is not what the API promises (cut short, not JSON, a field missing).
    #[error("{what}: the answer makes no sense: {why}")]
    Unintelligible { what: String, why: String },
    /// The response is larger than the request may return; the rest of it was not read.
    #[error("{what}: the response is too large: this request may return {} MiB", most >> 20)]
    TooLarge { what: String, most: usize },
    /// Shards failed in an otherwise good search answer: data is missing.
    #[error("{what}: {failed} of {total} shards failed: {reason}")]
    ShardsFailed {
        what: String,
        failed: u64,
        total: u64,
        /// Types of the first failure and its causes.
        kinds: Box<[Box<str>]>,
        reason: String,
    },
    /// Remote clusters were skipped, or answered without some of their shards: data is missing.
    #[error("{what}: data of remote clusters is missing: {clusters}")]
    ClustersMissing { what: String, clusters: String },
    /// A scroll or point in time no longer exists.
    #[error("{what}: the search context no longer exists")]
    ContextExpired { what: String },
    /// `GET /` is answered by something else than Elasticsearch.
    #[error("{address} is {found}, not Elasticsearch")]
    NotElasticsearch { address: String, found: String },
    /// An Elasticsearch that is too old or too new.
    #[error("{address} runs Elasticsearch {version}; esml-state supports 7.17, 8.x and 9.x")]
    UnsupportedVersion { address: String, version: Version },
    /// A bulk item was rejected for good.
    #[error("{index}: document {id} rejected: {} {}", refusal.status, refusal.reason)]
    ItemRejected {
        index: Box<str>,
        id: Box<str>,
        #[source]
        refusal: Refusal,
    },
    /// The options cannot make a client (bad URL, cloud id, certificate file …).
    #[error("{0}")]
    Options(String),
}

impl Error {
    /// What the user can do next, where there is something.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unreachable { why, .. } => match why {
                Unreached::UnknownHost => {
                    "check --url or --cloud-id: no address is known for this host name; or the name service of this machine \
                     is not available"
                }
                Unreached::Refused => {
                    "check --url (host and port) or --cloud-id, and that the cluster runs: nothing accepts connections there"
                }
                Unreached::NoDescriptors => NO_DESCRIPTORS,
                Unreached::Other => {
                    "check --url (https:// or http://, host, port) or --cloud-id, that the cluster runs, and \
                     HTTP_PROXY/HTTPS_PROXY"
                }
            },
            Self::Broken { .. } => "a proxy or load balancer in between may have cut it, or the node went away: repeat",
            Self::Timeout {
                failed: Some(failed), ..
            } => return failed.hint(),
            Self::Timeout { .. } => "the cluster may be busy: repeat, or allow more time with --timeout",
            Self::Tls { .. } => {
                "pass the certificate of the cluster's authority with --ca-cert, and check https:// or http:// in --url"
            }
            Self::Unauthenticated { .. } => "check --username and --password, --api-key or --bearer-token",
            Self::UpgradeMode { .. } => {
                "when the upgrade is over, leave the mode with `POST /_ml/set_upgrade_mode?enabled=false`"
            }
            Self::Redirected { .. } => {
                "redirects are not followed: they would send the credential and the data elsewhere; pass the final address as \
                 --url"
            }
            Self::TooLarge { what, .. } if what.contains("_search") => {
                "lower --page-size; otherwise check that --url leads to Elasticsearch, and what is in between"
            }
            Self::ShardsFailed { kinds, reason, .. } => {
                let known = hints::by_type(|kind| kinds.iter().any(|known| **known == *kind), reason);
                known.unwrap_or("see `GET /_cluster/health`; repeat when the indices are green or yellow")
            }
            Self::ContextExpired { .. } => hints::LOST_CONTEXT,
            Self::ClustersMissing { .. } => {
                "repeat when they can be reached (`GET /_remote/info`), or export without them: --allow-partial"
            }
            Self::NotElasticsearch { .. } => "check --url: it must be Elasticsearch's own address, not Kibana's",
            Self::UnsupportedVersion { version, .. } if version.major < 9 => {
                "upgrade the cluster to Elasticsearch 7.17 or later"
            }
            Self::UnsupportedVersion { .. } => "a newer esml-state may support it",
            Self::Refused { refusal, .. } | Self::Forbidden { refusal, .. } => {
                hints::known(refusal).unwrap_or_else(|| hints::unknown(refusal))
            }
            Self::ItemRejected { index, refusal, .. } => hints::known(refusal).unwrap_or_else(|| hints::of_item(index)),
            Self::Unintelligible { .. } | Self::TooLarge { .. } => {
                "something between here and the cluster may have answered, or cut the answer: repeat, with -vv to see every request"
            }
            Self::Options(_) => return None,
        };
        Some(hint.to_owned())
    }

    /// The HTTP status behind it, where an answer came.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Unauthenticated { refusal, .. }
            | Self::Forbidden { refusal, .. }
            | Self::Refused { refusal, .. }
            | Self::ItemRejected { refusal, .. } => Some(refusal.status),
            Self::UpgradeMode { .. } => Some(429),
            Self::ContextExpired { .. } => Some(404),
            _ => None,
        }
    }

    /// An index or alias of that name does not exist.
    pub(in crate::cluster) fn is_no_such_index(&self) -> bool {
        matches!(self, Self::Refused { refusal, .. }
            if refusal.status == 404 && *refusal.kind == *"index_not_found_exception")
    }

    /// True where the request may have been carried out although no good answer came:
    /// connection lost, timeout, gateway errors.
    pub fn outcome_unknown(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Broken { .. } | Self::Timeout { .. } => true,
            Self::Unintelligible { .. } | Self::TooLarge { .. } => true,
            Self::Refused { refusal, .. } => matches!(refusal.status, 408 | 500 | 502 | 503 | 504),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(index: &str, status: u16) -> String {
        let refusal = Refusal {
            status,
            kind: "document_parsing_exception".into(),
            causes: Box::default(),
            reason: "[1:2] failed to parse".to_owned(),
            retry_after: None,
            caused_by: None,
        };
        let (index, id) = (index.into(), "1".into());
        let error = Error::ItemRejected { index, id, refusal };
        error.hint().unwrap_or_default()
    }

    #[test]
    fn a_rejected_document_gets_a_hint_of_its_own() {
        assert!(rejected("a-input", 400).contains("--input-index"));
        for own in [".ml-state-write", ".ml-anomalies-.write-a", ".ml-annotations-write"] {
            let hint = rejected(own, 400);
            assert!(
                hint.contains(".ml-*/_mapping") && !hint.contains("--input-index"),
                "{hint}"
            );
        }
        assert!(rejected("a-input", 429).contains("--retry-for"));
        for (index, status) in [("a-input", 400), (".ml-state-write", 400), ("a-input", 409)] {
            assert!(!rejected(index, status).contains("--url"), "{index} {status}");
        }
    }
}

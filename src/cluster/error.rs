//! Why the cluster did not do what was asked.

use std::time::Duration;

use crate::cluster::Version;

/// Elasticsearch's own words for an answer of status 400 and above.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// `error.type`, empty where the body has none.
    pub kind: Box<str>,
    /// The types of all that caused it: root causes, failed shards, causes in turn.
    pub causes: Vec<Box<str>>,
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
        reason: String,
    },
    /// A scroll or point in time is gone.
    #[error("{what}: the search context has expired")]
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
        index: String,
        id: String,
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
            Self::Unreachable { .. } => {
                "check --url (https:// or http://, host, port) or --cloud-id, that the cluster runs, and HTTP_PROXY/HTTPS_PROXY"
            }
            Self::Broken { .. } => "a proxy or load balancer in between may have cut it, or the node went away: repeat",
            Self::Timeout {
                failed: Some(failed), ..
            } => return failed.hint(),
            Self::Timeout { .. } => "the cluster may be busy: repeat, or allow more time with --timeout",
            Self::Tls { .. } => {
                "pass the certificate of the cluster's authority with --ca-cert, and check https:// or http:// in --url"
            }
            Self::Unauthenticated { .. } => "check --username and --password, --api-key or --bearer-token",
            Self::Forbidden { refusal, .. } if refusal.reason.contains("license") => {
                "the cluster's licence does not permit machine learning: start a trial or install a licence"
            }
            Self::Forbidden { .. } => "the message names the action: grant the user a role with the privilege for it",
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
            Self::ShardsFailed { .. } => "see `GET /_cluster/health`; repeat when the indices are green or yellow",
            Self::ContextExpired { .. } => "allow more time between two pages with --keep-alive, e.g. --keep-alive 30m",
            Self::NotElasticsearch { .. } => "check --url: it must be Elasticsearch's own address, not Kibana's",
            Self::UnsupportedVersion { version, .. } if version.major < 9 => {
                "upgrade the cluster to Elasticsearch 7.17 or later"
            }
            Self::UnsupportedVersion { .. } => "a newer esml-state may support it",
            Self::Refused { refusal, .. } => known_hint(refusal).unwrap_or(
                "the cluster or something before it did not take the request: check that it is Elasticsearch 7.17 to 9.x, \
                 and that --url leads to it; -vv shows every request",
            ),
            Self::ItemRejected { index, refusal, .. } => {
                known_hint(refusal).unwrap_or_else(|| item_hint(index, refusal.status))
            }
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

/// Of a document that the cluster does not take although it took the request.
fn item_hint(index: &str, status: u16) -> &'static str {
    if status == 404 {
        return "the index or alias is not there any more: somebody else may have deleted it; import again";
    }
    if index.starts_with(".ml-") {
        return "the document does not fit what this index has there: the cluster may be older than the one that the job \
                comes from (import into that version or a later one), or a template or somebody may have changed its \
                mapping (`GET /.ml-*/_mapping`)";
    }
    "the document does not fit the index made for it: a template of the cluster may add fields or limits \
     (`GET /_index_template`), so name an index that none matches with --input-index; an archive without mappings leaves \
     types to the cluster, so leave the inputs out with --skip-inputs and bring them another way (--datafeed-index)"
}

/// What is known to help.
fn known_hint(refusal: &Refusal) -> Option<&'static str> {
    let hint = match (refusal.status, &*refusal.kind) {
        (400, "illegal_argument_exception") if refusal.reason.contains("creates data streams only") => {
            "a template of the cluster wants that name for data streams: name another with --input-index"
        }
        (413, _) => {
            "the cluster takes no request of this size: raise http.max_content_length there, or lower --bulk-size"
        }
        (_, "cluster_block_exception") => {
            "the index or cluster is blocked for writing, most often because a disk is full: free space, then repeat"
        }
        (500, _) => "the cluster's own log says more; repeat when it is healthy (`GET /_cluster/health`)",
        (408 | 429 | 502 | 503 | 504, _) => {
            "the cluster is overloaded or not ready: repeat later, or with more --retries"
        }
        _ => return None,
    };
    Some(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(index: &str, status: u16) -> String {
        let refusal = Refusal {
            status,
            kind: "document_parsing_exception".into(),
            causes: Vec::new(),
            reason: "[1:2] failed to parse".to_owned(),
            retry_after: None,
            caused_by: None,
        };
        let (index, id) = (index.to_owned(), "1".to_owned());
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
        assert!(rejected("a-input", 404).contains("deleted"));
        assert!(rejected("a-input", 429).contains("--retries"));
        for (index, status) in [
            ("a-input", 400),
            (".ml-state-write", 400),
            ("a-input", 404),
            ("a-input", 409),
        ] {
            assert!(!rejected(index, status).contains("--url"), "{index} {status}");
        }
    }
}

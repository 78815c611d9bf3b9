//! Errors of requests, and the error that Elasticsearch returned.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::job::Version;
use crate::util::format::truncated;

/// The result of a request.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Longer reasons are truncated.
const MAX_REASON_CHARS: usize = 500;
const MAX_CAUSE_DEPTH: usize = 10;
/// Limit for failed shards and root causes together.
const MAX_CAUSES: usize = 100;
const NO_REASON: &str = "(no reason given)";
/// The description of a page, usually of a proxy or of Kibana.
const HTML_PAGE: &str = "an HTML page instead of JSON";

/// Phrases after which Elasticsearch quotes the document: the rest of the reason is dropped.
const QUOTATIONS: [&str; 4] = [
    "Preview of field's value",
    "at [Source:",
    "The prefix of the first immense term",
    "Document contents",
];

/// A request that failed. `what` is the method and path, without credentials or query values.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum Error {
    /// No connection was established, or it was lost before the response was complete.
    #[error("{}", failure.describe(what, address, cause))]
    Connection {
        what: String,
        address: String,
        failure: ConnectionFailure,
        cause: String,
    },
    /// No response in time.
    #[error("{what}: no response within {}s", after.as_secs())]
    Timeout { what: String, after: Duration },
    /// Status 401 for a request with a credential, whose kind `what` includes: a separate field would make all errors larger.
    /// The reason for an unknown API key is that of a missing credential.
    #[error("{what}: {}", source.reason)]
    Unauthenticated { what: String, source: ErrorResponse },
    /// Status 401 for a request without a credential.
    #[error("{what}: the cluster requires credentials: {}", source.reason)]
    NoCredentials { what: String, source: ErrorResponse },
    /// Status 403.
    #[error("{what}: not permitted: {}", source.reason)]
    Forbidden { what: String, source: ErrorResponse },
    /// Any other status of 400 and above.
    #[error("{what}: {} {}", source.status, source.reason)]
    Refused { what: String, source: ErrorResponse },
    /// Status 429 because ML is in upgrade mode.
    #[error("{what}: machine learning is in upgrade mode")]
    UpgradeMode { what: String },
    /// Redirects are not followed.
    #[error("{what}: {from} redirects to {to}")]
    Redirected { what: String, from: String, to: String },
    /// The response does not match the API: incomplete, not JSON, or a field is missing.
    #[error("{what}: unexpected response: {why}")]
    UnexpectedResponse { what: String, why: String },
    /// The response exceeds the limit of the request; the rest of it was not read.
    #[error("{what}: the response is too large: the limit for this request is {} MiB", most >> 20)]
    TooLarge { what: String, most: usize },
    /// Shards failed in an otherwise successful search response: data is missing.
    #[error("{what}: {failed} of {total} shards failed: {}", first.reason)]
    ShardsFailed {
        what: String,
        failed: u64,
        total: u64,
        /// The failure of the first one; its status is 0.
        first: Box<ErrorResponse>,
    },
    /// Remote clusters were skipped, or responded without some of their shards: data is missing.
    #[error("{what}: data of remote clusters is missing: {clusters}")]
    ClustersMissing { what: String, clusters: String },
    /// A scroll or point in time no longer exists.
    #[error("{what}: the search context no longer exists")]
    ContextExpired { what: String },
    /// Something other than Elasticsearch responded to `GET /`.
    #[error("{address} is not Elasticsearch: it {found}")]
    NotElasticsearch { address: String, found: String },
    /// A version that is too old or too new.
    #[error("{address} runs Elasticsearch {version}; esml-state supports 7.17, 8.x and 9.x")]
    UnsupportedVersion { address: String, version: Version },
    /// A document of a bulk request was rejected, and retrying does not help.
    #[error("{index}: document {id} rejected: {} {}", source.status, source.reason)]
    ItemRejected {
        index: Box<str>,
        id: Box<str>,
        source: ErrorResponse,
    },
    /// A task that can be repeated failed: for example, a node was restarted.
    #[error("{what}: {}", source.reason)]
    TaskFailed { what: String, source: ErrorResponse },
    /// A certificate or key cannot be read.
    #[error("cannot read {}: {cause}", path.display())]
    File { path: PathBuf, cause: Arc<io::Error> },
    /// Invalid options: a URL, Cloud ID or client certificate.
    #[error("{0}")]
    Options(String),
}

/// Why no connection was established, or why it was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionFailure {
    /// The host name has no address.
    UnknownHost,
    /// No program accepts connections at this port.
    Refused,
    /// The limit of open files and connections of this process is reached.
    NoDescriptors,
    /// Not established for another reason.
    Unreachable,
    /// No trusted authority signed the server's certificate.
    UntrustedCertificate,
    /// No trusted authority signed the server's certificate, although `--ca-cert` adds authorities.
    OtherAuthority,
    /// The server's certificate is that of an authority, as a self-signed one usually is. It is not accepted even if that
    /// authority is trusted.
    SelfSigned,
    /// The server's certificate is valid for other host names only.
    WrongHostName,
    /// The server responded to a TLS handshake with something else, such as plain HTTP.
    NotTls,
    /// TLS failed for another reason.
    Tls,
    /// The address starts with `http`, and the server accepts TLS only.
    RequiresTls,
    /// Lost before the response was complete.
    Lost,
}

impl ConnectionFailure {
    /// Whether TLS failed, or is missing: trying again has the same result, and no request was sent.
    pub(crate) fn is_tls(self) -> bool {
        !matches!(
            self,
            Self::UnknownHost | Self::Refused | Self::NoDescriptors | Self::Unreachable | Self::Lost
        )
    }

    fn describe(self, what: &str, address: &str, cause: &str) -> String {
        match self {
            Self::Lost => format!("{what}: lost the connection to {address}: {cause}"),
            Self::UntrustedCertificate => format!("the certificate of {address} is not trusted: unknown issuer"),
            Self::OtherAuthority => {
                format!("the certificate of {address} is not trusted: it was not signed by the CA in --ca-cert")
            }
            Self::SelfSigned => format!("the certificate of {address} is self-signed"),
            Self::WrongHostName => {
                let names = cause.rsplit_once("only valid for ").map_or("none", |(_, names)| names);
                let syntax = ["DnsName(\"", "IpAddress(", "\")", ")"].into_iter();
                let names = syntax.fold(names.to_owned(), |names, part| names.replace(part, ""));
                format!("the certificate of {address} is for another host name: {names}")
            }
            Self::NotTls => format!("cannot connect to {address}: the server does not use TLS"),
            Self::RequiresTls => format!("cannot connect to {address}: the server requires TLS"),
            Self::Tls => format!("TLS with {address} failed: {cause}"),
            Self::UnknownHost => {
                let cause = cause.trim_start_matches("failed to lookup address information: ");
                format!("cannot resolve the host name of {address}: {cause}")
            }
            _ => format!("cannot connect to {address}: {cause}"),
        }
    }
}

/// An error as Elasticsearch describes it: a response of status 400 and above, or an item of a bulk response.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct ErrorResponse {
    /// HTTP status.
    pub status: u16,
    /// `error.type`; empty if the body has none.
    pub kind: Box<str>,
    /// The types of all causes: root causes, failed shards, and their own causes.
    pub causes: Box<[Box<str>]>,
    /// `error.reason` with the deepest `caused_by`, or the beginning of a body that is not JSON.
    pub reason: String,
    /// `Retry-After`.
    pub retry_after: Option<Duration>,
    /// `error.caused_by`. Only its reason is kept, or its type if the reason would quote a document.
    #[source]
    pub caused_by: Option<Box<Self>>,
}

impl Error {
    pub(crate) fn unexpected(what: impl Into<String>, why: impl Into<String>) -> Self {
        let (what, why) = (what.into(), why.into());
        Self::UnexpectedResponse { what, why }
    }

    /// A body that does not match the API. The message does not quote its values.
    pub(crate) fn invalid_json(what: &str, error: &serde_json::Error) -> Self {
        let why = match error.classify() {
            serde_json::error::Category::Data => error.to_string(),
            _ => format!("not JSON (line {}, column {})", error.line(), error.column()),
        };
        Self::unexpected(what, why)
    }

    pub(crate) fn timeout(what: &str, after: Duration) -> Self {
        let what = what.to_owned();
        Self::Timeout { what, after }
    }

    /// A response of status 400 and above to a request with a credential of this kind, or without one.
    pub(crate) fn from_response(what: &str, source: ErrorResponse, kind: Option<&'static str>) -> Self {
        let what = what.to_owned();
        match (source.status, kind) {
            // The status is that of the cluster from which this one reads.
            _ if source.is_or_has("response_exception") => Self::Refused { what, source },
            (401, Some(kind)) => {
                let what = format!("{what}: the cluster does not accept the {kind}");
                Self::Unauthenticated { what, source }
            }
            (401, None) => Self::NoCredentials { what, source },
            (403, _) if !source.is_or_has("cluster_block_exception") => Self::Forbidden { what, source },
            (404, _) if source.is_or_has("search_context_missing_exception") => Self::ContextExpired { what },
            (429, _) if source.reason.contains("upgrade mode is enabled") => Self::UpgradeMode { what },
            _ => Self::Refused { what, source },
        }
    }

    /// The error that the cluster returned for the request or the document.
    pub(crate) fn response(&self) -> Option<&ErrorResponse> {
        std::error::Error::source(self)?.downcast_ref()
    }

    /// The HTTP status; `None` without a response.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::UpgradeMode { .. } => Some(429),
            Self::ContextExpired { .. } => Some(404),
            _ => self.response().map(|response| response.status),
        }
    }

    /// Whether an index or alias of that name does not exist.
    pub(crate) fn is_no_such_index(&self) -> bool {
        matches!(self, Self::Refused { source, .. }
            if source.status == 404 && *source.kind == *"index_not_found_exception")
    }

    /// Whether the cluster may have executed the request although there was no usable response: the connection was lost,
    /// a timeout, an error of a gateway.
    pub fn outcome_unknown(&self) -> bool {
        match self {
            Self::Connection { failure, .. } => !failure.is_tls(),
            Self::Timeout { .. } | Self::UnexpectedResponse { .. } | Self::TooLarge { .. } => true,
            Self::Refused { source, .. } => matches!(source.status, 408 | 500 | 502 | 503 | 504),
            _ => false,
        }
    }
}

impl ErrorResponse {
    /// Parses the body of an error response, which may have any content.
    pub(crate) fn parse(status: u16, body: &[u8]) -> Self {
        let Ok(json) = serde_json::from_slice::<Value>(body) else {
            let line = first_line(body);
            let with = if line == HTML_PAGE { "with " } else { "" };
            return Self::without_type(status, &format!("{with}{line}"));
        };
        match &json["error"] {
            Value::String(reason) => Self::without_type(status, reason),
            error @ Value::Object(_) => Self::from_json(status, error),
            _ => Self::without_type(status, NO_REASON),
        }
    }

    /// An error without a type.
    pub(crate) fn without_type(status: u16, reason: &str) -> Self {
        Self {
            status,
            reason: one_line(reason),
            ..Self::default()
        }
    }

    /// Parses the `error` object of a response or of a bulk item.
    pub(crate) fn from_json(status: u16, error: &Value) -> Self {
        let kind = text(error, "type");
        let mut reasons = vec![match (kind, text(error, "index")) {
            // `body=` and the response of another cluster.
            ("status_exception", _) if text(error, "reason").starts_with("body=") => {
                let body = text(error, "reason").trim_start_matches("body=");
                let response = Self::parse(status, body.as_bytes());
                format!("the other cluster returned {}", response.reason)
            }
            // The reason that Elasticsearch returns is only `closed`.
            ("index_closed_exception", index) if !index.is_empty() => format!("index {} is closed", one_line(index)),
            _ => one_line(text(error, "reason")),
        }];
        if let Some(cause) = causes(error).skip(1).last() {
            let reason = text(cause, "reason");
            let quoted = quotes_documents(kind) && !reason.starts_with("Limit of ");
            reasons.push(one_line(if quoted { text(cause, "type") } else { reason }));
        }
        reasons.extend(failed_shards(error).map(shard_reason));
        let mut distinct: Vec<String> = Vec::new();
        for reason in reasons {
            if !reason.is_empty() && !distinct.iter().any(|known| known.contains(&reason)) {
                distinct.push(reason);
            }
        }
        let reason = match distinct.is_empty() {
            true => NO_REASON.to_owned(),
            false => distinct.join(": ").replace(".: ", ": "),
        };
        Self {
            status,
            kind: kind.into(),
            causes: types_of_causes(error),
            reason: truncated(&reason, MAX_REASON_CHARS),
            retry_after: None,
            caused_by: chain(error, false, 0),
        }
    }

    /// Whether the error or one of its causes has this type.
    pub fn is_or_has(&self, kind: &str) -> bool {
        *self.kind == *kind || self.causes.iter().any(|cause| **cause == *kind)
    }

    /// Whether the cluster does not have this API. Without a handler the error is plain text. Serverless returns 410, and
    /// 7.x may interpret the path as an index.
    pub(crate) fn is_unknown_api(&self) -> bool {
        let without_handler = matches!(
            &*self.kind,
            "" | "invalid_index_name_exception" | "invalid_type_name_exception" | "index_not_found_exception"
        );
        self.status == 410 || matches!(self.status, 400 | 404 | 405) && without_handler
    }
}

/// The types of an error and its causes, without duplicates.
fn types_of_causes(error: &Value) -> Box<[Box<str>]> {
    let roots = error["root_cause"].as_array().into_iter().flatten();
    let first = roots.chain(failed_shards(error)).take(MAX_CAUSES).chain([error]);
    let all = first.flat_map(|error| causes(error).take(MAX_CAUSE_DEPTH));
    let types = all.map(|cause| text(cause, "type")).filter(|kind| !kind.is_empty());
    let types: BTreeSet<&str> = types.collect();
    types.into_iter().map(Box::from).collect()
}

/// The deepest cause in the `reason` object of a failed shard.
pub(crate) fn shard_reason(reason: &Value) -> String {
    one_line(text(causes(reason).last().unwrap_or(reason), "reason"))
}

/// The beginning of a body that is not JSON, as one line.
pub(crate) fn first_line(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(2048)]);
    match text.trim_start() {
        "" => NO_REASON.to_owned(),
        page if page.starts_with('<') => HTML_PAGE.to_owned(),
        text => {
            let line: String = without_controls(text).take(120).collect();
            line.trim_end().to_owned()
        }
    }
}

/// The `reason` objects of failed shards.
fn failed_shards(error: &Value) -> impl Iterator<Item = &Value> {
    let shards = error["failed_shards"].as_array().into_iter().flatten();
    shards.map(|shard| &shard["reason"])
}

/// The error and its causes, the deepest last.
fn causes(error: &Value) -> impl Iterator<Item = &Value> {
    std::iter::successors(Some(error), |error| {
        error.get("caused_by").filter(|cause| cause.is_object())
    })
}

/// Whether an error of this type, or its cause, quotes values of a document that cannot be parsed.
fn quotes_documents(kind: &str) -> bool {
    matches!(kind, "document_parsing_exception" | "mapper_parsing_exception")
}

/// The causes of an error, down to a depth of `MAX_CAUSE_DEPTH`.
fn chain(error: &Value, quoting: bool, depth: usize) -> Option<Box<ErrorResponse>> {
    let quoting = quoting || quotes_documents(text(error, "type"));
    let cause = causes(error).nth(1).filter(|_| depth < MAX_CAUSE_DEPTH)?;
    Some(Box::new(ErrorResponse {
        reason: one_line(text(cause, if quoting { "type" } else { "reason" })),
        caused_by: chain(cause, quoting, depth + 1),
        ..ErrorResponse::default()
    }))
}

fn text<'a>(object: &'a Value, member: &str) -> &'a str {
    object[member].as_str().unwrap_or_default()
}

/// The reason as one line, without quoted parts of a document.
fn one_line(reason: &str) -> String {
    let end = QUOTATIONS.iter().filter_map(|mark| reason.find(mark)).min();
    let line: String = without_controls(&reason[..end.unwrap_or(reason.len())]).collect();
    truncated(line.trim(), MAX_REASON_CHARS)
}

fn without_controls(text: &str) -> impl Iterator<Item = char> {
    text.chars().map(|c| if c.is_control() { ' ' } else { c })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_may_be_a_text_or_an_object() {
        let text = ErrorResponse::parse(404, br#"{"error":"alias [nosuch] missing","status":404}"#);
        assert_eq!((&*text.kind, text.reason.as_str()), ("", "alias [nosuch] missing"));
        let object = ErrorResponse::parse(
            400,
            br#"{"error":{"root_cause":[],"type":"parsing_exception","reason":"unknown query [nosuch]","line":1,
               "caused_by":{"type":"named_object_not_found_exception","reason":"[1:22] unknown field [nosuch]"}}}"#,
        );
        assert_eq!(&*object.kind, "parsing_exception");
        assert_eq!(object.reason, "unknown query [nosuch]: [1:22] unknown field [nosuch]");
    }

    #[test]
    fn the_reason_of_failed_shards_is_included() {
        let response = ErrorResponse::parse(
            400,
            br#"{"error":{"type":"search_phase_execution_exception","reason":"all shards failed","failed_shards":[
               {"shard":0,"reason":{"type":"illegal_argument_exception","reason":"Result window is too large"}},
               {"shard":1,"reason":{"type":"illegal_argument_exception","reason":"Result window is too large"}}]}}"#,
        );
        assert_eq!(response.reason, "all shards failed: Result window is too large");
    }

    #[test]
    fn a_closed_index_is_named() {
        let body = br#"{"error":{"type":"index_closed_exception","reason":"closed","index":"logs"},"status":400}"#;
        assert_eq!(ErrorResponse::parse(400, body).reason, "index logs is closed");
    }

    #[test]
    fn documents_are_not_quoted() {
        let response = ErrorResponse::parse(
            400,
            br#"{"error":{"type":"document_parsing_exception",
               "reason":"[2:7] failed to parse field [b] of type [long] in document with id '1'. Preview of field's value: 'secret'",
               "caused_by":{"type":"x_content_parse_exception","reason":"value (secret) out of range\n at [Source: (byte[])\"{secret}\"]"}}}"#,
        );
        assert!(!response.reason.contains("secret"), "{}", response.reason);
        assert!(response.reason.contains("field [b]") && response.reason.contains("x_content_parse_exception"));
    }

    #[test]
    fn causes_are_included_unless_they_quote_documents() {
        let response = |kind: &str| {
            let body = format!(
                r#"{{"error":{{"type":"{kind}","reason":"first","caused_by":{{"type":"b","reason":"second",
                   "caused_by":{{"type":"c","reason":"third"}}}}}}}}"#
            );
            ErrorResponse::parse(400, body.as_bytes())
        };
        let words = |kind| {
            let mut words = vec![response(kind).reason];
            let mut next = response(kind).caused_by;
            while let Some(cause) = next {
                words.push(cause.reason);
                next = cause.caused_by;
            }
            words
        };
        assert_eq!(words("a"), ["first: third", "second", "third"]);
        assert_eq!(words("document_parsing_exception"), ["first: c", "b", "c"]);
    }

    #[test]
    fn error_bodies_other_than_json_are_shortened_to_one_line() {
        assert_eq!(
            ErrorResponse::parse(502, b"<html><body>Bad gateway").reason,
            "with an HTML page instead of JSON"
        );
        assert_eq!(ErrorResponse::parse(503, b"").reason, "(no reason given)");
        assert_eq!(ErrorResponse::parse(503, b"{}").reason, "(no reason given)");
        assert_eq!(ErrorResponse::parse(503, b"busy\r\nlater").reason, "busy  later");
        let long = format!(r#"{{"error":"{}"}}"#, "ä".repeat(9000));
        assert_eq!(
            ErrorResponse::parse(500, long.as_bytes()).reason.chars().count(),
            MAX_REASON_CHARS + " …".chars().count()
        );
    }

    #[test]
    fn upgrade_mode_and_lost_contexts_are_distinguished() {
        let error = |status, body: &str| Error::from_response("", ErrorResponse::parse(status, body.as_bytes()), None);
        let upgrade = r#"{"error":{"type":"status_exception","reason":"Cannot perform cluster:admin/xpack/ml/job/put action while upgrade mode is enabled"},"status":429}"#;
        assert!(matches!(error(429, upgrade), Error::UpgradeMode { .. }));
        let lost = r#"{"error":{"root_cause":[{"type":"search_context_missing_exception"}],"type":"search_phase_execution_exception"}}"#;
        assert!(matches!(error(404, lost), Error::ContextExpired { .. }));
        assert!(matches!(error(404, "{}"), Error::Refused { .. }));
    }

    #[test]
    fn names_of_a_certificate_are_printed_without_the_syntax_of_rust() {
        let cause = r#"invalid peer certificate: certificate not valid for name "es"; certificate is only valid for DnsName("localhost"), DnsName("es01") or IpAddress(127.0.0.1)"#;
        assert_eq!(
            ConnectionFailure::WrongHostName.describe("GET /", "https://es/", cause),
            "the certificate of https://es/ is for another host name: localhost, es01 or 127.0.0.1"
        );
    }

    #[test]
    fn a_missing_api_is_not_a_bad_request() {
        let missing = br#"{"error":"no handler found for uri [/_security/_authenticate] and method [GET]"}"#;
        assert!(ErrorResponse::parse(400, missing).is_unknown_api());
        let bad = br#"{"error":{"type":"illegal_argument_exception","reason":"unknown privilege"}}"#;
        assert!(!ErrorResponse::parse(400, bad).is_unknown_api());
        assert!(!ErrorResponse::parse(500, missing).is_unknown_api());
    }
}

//! Sends all requests, and tracks those in flight.
//!
//! Headers and certificates use the types of the official client (`elasticsearch`). Its `Transport` is not used, for two
//! reasons that cannot be configured:
//!
//! - It follows up to ten redirects, so a server could redirect the credential from HTTPS to HTTP, or the body to another
//!   host.
//! - Its `Response` only returns complete, decompressed bodies, without a limit on their size.
//!
//! Requests are sent with `reqwest`, which the official client also uses, in the same version and with the same TLS library.

pub(crate) mod auth;
pub(crate) mod error;
mod hints;
pub(crate) mod limits;
pub(crate) mod request;
pub(crate) mod retry;

pub(crate) use error::{Error, Result};
pub(crate) use limits::BodyLimit;
pub(crate) use request::{Path, Request, Response, Retry, parse_json};

use std::borrow::Cow;
use std::error::Error as _;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use elasticsearch::http::headers::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, DEFAULT_ACCEPT, HeaderValue, LOCATION, RETRY_AFTER,
    USER_AGENT,
};
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use tokio::sync::{Mutex, RwLock};
use url::Url;

use crate::util::process::is_out_of_descriptors;
use auth::{ConnectOptions, Credential};
use error::{ConnectionFailure, ErrorResponse};
use limits::{BodyError, read_body};
use retry::{Backoff, Clock, Observer, retry_after, within};

/// Failures of TLS by a part of their text, the specific ones first: rustls does not export types for them.
const TLS_FAILURES: [(&str, ConnectionFailure); 7] = [
    ("UnknownIssuer", ConnectionFailure::UntrustedCertificate),
    ("CaUsedAsEndEntity", ConnectionFailure::SelfSigned),
    ("certificate not valid for name", ConnectionFailure::WrongHostName),
    ("InvalidContentType", ConnectionFailure::NotTls),
    ("certificate", ConnectionFailure::Tls),
    ("fatal alert", ConnectionFailure::Tls),
    ("corrupt message", ConnectionFailure::Tls),
];
/// Parts of the text of a failed name resolution, for which hyper-util does not export a type.
const DNS_FAILURES: [&str; 2] = ["failed to lookup address", "dns error"];

/// The beginnings of the texts of layers that only repeat the address or the kind of failure.
const LAYERS: &str = "error sending request, client error, connection error, tcp connect error, dns error";

/// Sends requests to one address, with retries and with limits on time and response size.
pub(crate) struct HttpClient {
    pub(crate) client: reqwest::Client,
    pub(crate) options: ConnectOptions,
    pub(crate) clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    /// Requests in flight hold a read lock, of which there is a maximum number. A write lock waits for them and prevents new ones.
    pub(crate) in_flight: RwLock<()>,
    /// `X-Opaque-Id` of every request of this run, by which its tasks are found on the cluster.
    pub(crate) opaque_id: String,
    /// Whether a write was sent without a response: the cluster may still be executing it.
    pub(crate) unanswered_write: AtomicBool,
    /// Whether any response was received so far.
    reached: AtomicBool,
    /// Responses that may be large are read one at a time, to limit memory.
    large_response: Mutex<()>,
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The client's own Debug prints credentials.
        write!(f, "HttpClient({})", self.options.address)
    }
}

impl HttpClient {
    /// Creates a client without sending a request.
    pub(crate) fn new(options: &ConnectOptions, observer: Arc<dyn Observer>, clock: Arc<dyn Clock>) -> Result<Self> {
        Ok(Self {
            client: auth::http_client(options)?,
            options: options.clone(),
            clock,
            observer,
            in_flight: RwLock::with_max_readers((), options.max_requests),
            opaque_id: format!("esml-state-{:016x}", fastrand::u64(..)),
            unanswered_write: AtomicBool::new(false),
            reached: AtomicBool::new(false),
            large_response: Mutex::default(),
        })
    }

    pub(crate) fn backoff(&self) -> Backoff<'_> {
        Backoff {
            options: &self.options,
            clock: &*self.clock,
            observer: &*self.observer,
            first_failure: None,
            failures: 0,
        }
    }

    /// Sends the request, with retries if it permits them. A status of 300 or above is an error.
    pub(crate) async fn send(&self, request: &Request) -> Result<Response> {
        self.send_noting_failure(request, &mut None).await
    }

    /// As [`Self::send`]; `failed` is set to the error of the last attempt that was retried.
    pub(crate) async fn send_noting_failure(&self, request: &Request, failed: &mut Option<Error>) -> Result<Response> {
        let what = request.what();
        let mut backoff = self.backoff();
        loop {
            match self.attempt(request, &what).await {
                Err(error) if request.retry.permits(&error) && !self.is_wrong_address(&error) => {
                    *failed = Some(error.clone());
                    if !backoff.retry(&error).await {
                        return Err(error);
                    }
                }
                answer => return answer,
            }
        }
    }

    /// The parsed response.
    pub(crate) async fn json<T: DeserializeOwned>(&self, request: Request) -> Result<T> {
        self.send(&request).await?.json()
    }

    /// The parsed response; `None` for status 404.
    pub(crate) async fn json_if_found<T: DeserializeOwned>(&self, request: Request) -> Result<Option<T>> {
        let response = self.send(&request.accept_404()).await?;
        (response.status != 404).then(|| response.json()).transpose()
    }

    /// The parsed response; `None` if the cluster does not have this API.
    pub(crate) async fn json_if_supported<T: DeserializeOwned>(&self, request: Request) -> Result<Option<T>> {
        match self.json(request).await {
            Err(Error::Refused { source, .. }) if source.is_unknown_api() => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// Sends a request whose response is not used. It must still be a JSON object, as every response of a cluster is.
    pub(crate) async fn execute(&self, request: Request) -> Result<()> {
        self.json::<Map<String, Value>>(request).await.map(drop)
    }

    /// Sends a deletion; false if there was nothing to delete. If an earlier attempt may have been executed, a 404 means that
    /// it was.
    pub(crate) async fn delete(&self, request: Request) -> Result<bool> {
        let mut failed = None;
        let response = self.send_noting_failure(&request.accept_404(), &mut failed).await?;
        response.json::<Map<String, Value>>()?;
        Ok(response.status != 404 || failed.is_some_and(|error| error.outcome_unknown()))
    }

    /// Whether the address seems to be wrong, because the server never responded: retrying does not help.
    fn is_wrong_address(&self, error: &Error) -> bool {
        let Error::Connection { failure, .. } = error else {
            return false;
        };
        let wrong = matches!(failure, ConnectionFailure::UnknownHost | ConnectionFailure::Refused);
        wrong && !self.reached.load(Ordering::Relaxed)
    }

    async fn attempt(&self, request: &Request, what: &str) -> Result<Response> {
        let _in_flight = self.in_flight.read().await;
        let _alone = match request.limit > BodyLimit::Page {
            true => Some(self.large_response.lock().await),
            false => None,
        };
        let exchange = self.exchange(request, what);
        let answer = within(&*self.clock, self.options.timeout, exchange).await;
        // A signal that arrived before this response is handled before the next request.
        tokio::task::yield_now().await;
        answer.unwrap_or_else(|| Err(Error::timeout(what, self.options.timeout)))
    }

    async fn exchange(&self, request: &Request, what: &str) -> Result<Response> {
        let url = self.url(request)?;
        let started = self.clock.now();
        let mut write = InFlightWrite((request.method != Method::GET).then_some(&self.unanswered_write));
        let mut response = match self.build(request, url.clone()).send().await {
            Ok(response) => response,
            Err(error) => return Err(self.connection_error(what, &error).await),
        };
        self.reached.store(true, Ordering::Relaxed);
        let status = response.status().as_u16();
        let good = status < 300 || status == 404 && request.accepts_404;
        if !good && status < 400 {
            write.0 = None;
            return Err(redirected(what, status, &url, response.headers().get(LOCATION)));
        }
        let headers = response.headers();
        let wait = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let wait = wait.and_then(|value| retry_after(value, OffsetDateTime::now_utc()));
        let limit = if good { request.limit } else { BodyLimit::Status };
        let body = match read_body(&mut response, self.compresses(), limit).await {
            Err(BodyError::Lost(error)) => return Err(self.connection_error(what, &error).await),
            Ok(body) if limit == BodyLimit::Status => Ok(self.redact(body)),
            body => body,
        };
        // These may be responses of a gateway: the cluster may still be executing the request.
        write.0 = write.0.filter(|_| matches!(status, 502 | 504));
        let elapsed = self.clock.now().saturating_sub(started);
        self.observer.answered(what, status, elapsed);
        let mut response = match body {
            Ok(body) if good => {
                let what = what.to_owned();
                return Ok(Response { what, status, body });
            }
            Err(BodyError::TooLarge) if good => return Err(limit.exceeded(what)),
            Err(BodyError::Damaged(why)) if good => return Err(Error::unexpected(what, why)),
            Ok(body) => ErrorResponse::parse(status, &body),
            Err(error) => ErrorResponse::without_type(status, &error.to_string()),
        };
        response.retry_after = wait;
        let kind = self.options.credential.as_ref().map(Credential::kind);
        Err(Error::from_response(what, response, kind))
    }

    fn build(&self, request: &Request, url: Url) -> reqwest::RequestBuilder {
        let builder = self.client.request(request.method.clone(), url);
        let builder = builder
            .header(ACCEPT, DEFAULT_ACCEPT)
            .header(ACCEPT_ENCODING, if self.compresses() { "gzip" } else { "identity" })
            .header(CONTENT_TYPE, request.content_type)
            .header(USER_AGENT, concat!("esml-state/", env!("CARGO_PKG_VERSION")))
            .header("x-opaque-id", &self.opaque_id);
        let builder = match request.gzip {
            true => builder.header(CONTENT_ENCODING, "gzip"),
            false => builder,
        };
        match &request.body {
            Some(body) => builder.body(body.clone()),
            None => builder,
        }
    }

    fn url(&self, request: &Request) -> Result<Url> {
        let path = request.path.as_str()?.trim_start_matches('/');
        let url = self.options.address.join(path);
        let mut url = url.map_err(|error| Error::Options(error.to_string()))?;
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        Ok(url)
    }

    /// Whether to compress large bodies and request compressed responses. On the loopback interface, compression takes more
    /// time than it saves.
    pub(in crate::cluster) fn compresses(&self) -> bool {
        !self.is_loopback()
    }

    /// Whether others on the network may read what is sent.
    pub(crate) fn sends_in_clear(&self) -> bool {
        self.options.address.scheme() == "http" && !self.is_loopback()
    }

    fn is_loopback(&self) -> bool {
        let host = self.options.address.host_str().unwrap_or_default();
        let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
        host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
    }

    /// Removes credentials from a status or an error, which may repeat the headers of the request. This must happen before
    /// the text is truncated. Configurations and documents are not printed, so they are not changed.
    fn redact(&self, body: Bytes) -> Bytes {
        match std::str::from_utf8(&body).map(|text| self.options.secrets.redact(text)) {
            Ok(Cow::Owned(text)) => text.into(),
            _ => body,
        }
    }

    /// Classifies an error below HTTP.
    async fn connection_error(&self, what: &str, error: &reqwest::Error) -> Error {
        let (mut failure, cause) = classify(error);
        if failure == ConnectionFailure::UntrustedCertificate && !self.options.ca_certs.is_empty() {
            failure = ConnectionFailure::OtherAuthority;
        }
        if failure == ConnectionFailure::Lost && !self.reached.load(Ordering::Relaxed) && self.requires_tls().await {
            failure = ConnectionFailure::RequiresTls;
        }
        Error::Connection {
            what: what.to_owned(),
            address: self.options.address.to_string(),
            failure,
            cause,
        }
    }

    /// Whether the server of an `http` address responds to TLS. Elasticsearch closes a plain connection to a TLS port
    /// without a response. The credential is not sent.
    async fn requires_tls(&self) -> bool {
        let mut address = self.options.address.clone();
        if address.scheme() != "http" || address.set_scheme("https").is_err() {
            return false;
        }
        let client = auth::build(reqwest::Client::builder().danger_accept_invalid_certs(true));
        let answer = async { client?.get(address).send().await }.await;
        answer.map_or_else(|error| classify(&error).0 == ConnectionFailure::Tls, |_| true)
    }
}

/// The error for a redirect, or for another status below 400 that no request expects. The body is not read.
fn redirected(what: &str, status: u16, asked: &Url, location: Option<&HeaderValue>) -> Error {
    let location = location.and_then(|location| asked.join(&String::from_utf8_lossy(location.as_bytes())).ok());
    match location {
        Some(location) => Error::Redirected {
            what: what.to_owned(),
            from: auth::without_secrets(asked.clone()).into(),
            to: auth::without_secrets(location).into(),
        },
        None => Error::unexpected(what, format!("status {status} without the address of a redirect")),
    }
}

/// Why an exchange failed below HTTP, and the causes as one line.
fn classify(error: &reqwest::Error) -> (ConnectionFailure, String) {
    let sources = || std::iter::successors(error.source(), |error| (*error).source());
    let causes = sources().map(ToString::to_string);
    let chain: Vec<String> = std::iter::once(error.to_string()).chain(causes).collect();
    let cause = flatten(&chain);
    let has = |is_it: fn(&io::Error) -> bool| sources().filter_map(|source| source.downcast_ref()).any(is_it);
    let tls = TLS_FAILURES.iter().find(|(words, _)| cause.contains(words));
    let failure = match tls {
        Some((_, failure)) => *failure,
        None if !error.is_connect() => ConnectionFailure::Lost,
        None if has(is_out_of_descriptors) => ConnectionFailure::NoDescriptors,
        None if has(|error| error.kind() == io::ErrorKind::ConnectionRefused) => ConnectionFailure::Refused,
        None if is_dns_failure(&chain) => ConnectionFailure::UnknownHost,
        None => ConnectionFailure::Unreachable,
    };
    (failure, cause)
}

/// On Windows, only the layer of hyper-util identifies the failure, and `flatten` removes it.
fn is_dns_failure(chain: &[String]) -> bool {
    let is_dns = |text: &String| DNS_FAILURES.iter().any(|words| text.contains(words));
    chain.iter().any(is_dns)
}

/// The chain as one line, without layers that repeat the address, the kind of failure or one another.
fn flatten(chain: &[String]) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for text in chain.iter().rev() {
        let layer = LAYERS.split(", ").any(|layer| text.starts_with(layer));
        let known = parts.iter().any(|part| text.contains(part));
        if !known && (!layer || parts.is_empty()) {
            parts.push(text);
        }
    }
    parts.reverse();
    parts.join(": ")
}

/// A write in flight. If it is dropped without a response, the write counts as unanswered.
struct InFlightWrite<'a>(Option<&'a AtomicBool>);

impl Drop for InFlightWrite<'_> {
    fn drop(&mut self) {
        if let Some(unanswered) = self.0 {
            unanswered.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn unknown_hosts_are_recognized_by_the_layer_or_the_cause() {
        let chain = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let windows = chain(&[
            "client error (Connect)",
            "dns error",
            "No such host is known. (os error 11001)",
        ]);
        assert!(is_dns_failure(&windows));
        let linux = "failed to lookup address information: Name or service not known";
        assert!(is_dns_failure(&chain(&["client error (Connect)", linux])));
        assert!(!is_dns_failure(&chain(&[
            "tcp connect error",
            "Connection refused (os error 111)"
        ])));
    }

    #[test]
    fn causes_are_not_repeated() {
        let chain = [
            "error sending request for url (http://h/)",
            "error sending request for url (http://h/)",
            "client error (Connect)",
            "tcp connect error",
            "Connection refused (os error 111)",
        ]
        .map(str::to_owned);
        assert_eq!(flatten(&chain), "Connection refused (os error 111)");
        assert_eq!(flatten(&chain[..2]), "error sending request for url (http://h/)");
    }

    #[test]
    fn a_redirect_names_both_addresses_without_secrets() {
        let asked = Url::parse("https://h/p/?a=b").unwrap();
        let to = |location: &'static str| {
            redirected("GET /", 307, &asked, Some(&HeaderValue::from_static(location))).to_string()
        };
        assert_eq!(
            to("http://u:p@h/?k=s3cr3t#f"),
            "GET /: https://h/p/ redirects to http://h/"
        );
        assert_eq!(to("/login"), "GET /: https://h/p/ redirects to https://h/login");
        let nowhere = redirected("GET /", 304, &asked, None);
        assert!(matches!(nowhere, Error::UnexpectedResponse { .. }));
    }
}

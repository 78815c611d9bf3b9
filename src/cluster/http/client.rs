//! The one place that sends, and what it tracks while requests are in flight.
//!
//! Requests are described with the types of the official client (`elasticsearch`): methods, headers, certificates. They
//! are not sent with its `Transport`, for two reasons that its interface leaves no way around:
//!
//! - It follows up to ten redirects. Its builder keeps `reqwest::ClientBuilder` private and has no setting for them, so a
//!   server could have the credential sent from HTTPS to HTTP, or the body to another host.
//! - Its `Response` only returns whole bodies, decompressed, without a bound. The `reqwest::Response` inside is private.
//!
//! So requests go through `reqwest`, the library that the official client uses itself, in the version and with the TLS
//! that it brings.

use std::borrow::Cow;
use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use elasticsearch::http::Method;
use elasticsearch::http::headers::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, DEFAULT_ACCEPT, DEFAULT_CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION,
    RETRY_AFTER, USER_AGENT,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use tokio::sync::{Semaphore, watch};
use url::{Host, Url};

use crate::cluster::http::auth::{self, ConnectOptions};
use crate::cluster::http::error::{ConnectFailure, Error, ErrorResponse, Result};
use crate::cluster::http::limits::{BodyError, BodyLimit, Encoding, read_body};
use crate::cluster::http::request::{Request, Response};
use crate::cluster::http::retry::{Backoff, Clock, Observer, RetryPolicy, retry_after, within};
use crate::util::process_limits::is_out_of_descriptors;
use crate::util::secret::Secrets;

/// Sends requests to one address: retried, bounded in time and size, with errors as [`Error`].
pub(crate) struct HttpClient {
    client: reqwest::Client,
    /// Terminated by `/`.
    pub(crate) address: Url,
    /// Of one request.
    pub(crate) timeout: Duration,
    pub(crate) retry_policy: RetryPolicy,
    pub(crate) gate: RequestGate,
    pub(crate) writes: InFlightWrites,
    /// Whether any response was received so far.
    reached: AtomicBool,
    /// What is concealed in errors.
    secrets: Secrets,
    /// Of responses that may be large one is read at a time, whichever task sent the request.
    large_responses: Semaphore,
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The client's own Debug prints credentials.
        f.debug_struct("HttpClient")
            .field("address", &self.address.as_str())
            .finish_non_exhaustive()
    }
}

impl HttpClient {
    /// A client that has not sent anything yet.
    pub(crate) fn new(options: &ConnectOptions, observer: Arc<dyn Observer>, clock: Arc<dyn Clock>) -> Result<Self> {
        let address = options.endpoint.address()?;
        let client = auth::http_client(options, &address)?;
        let retry_policy = RetryPolicy::new(options.retries, options.retry_for, clock, observer);
        Ok(Self {
            secrets: options.secrets.clone(),
            ..Self::with_client(client, address, options.timeout, retry_policy)
        })
    }

    pub(crate) fn with_client(
        client: reqwest::Client,
        address: Url,
        timeout: Duration,
        retry_policy: RetryPolicy,
    ) -> Self {
        Self {
            client,
            address,
            timeout,
            retry_policy,
            gate: RequestGate::default(),
            writes: InFlightWrites::new(),
            reached: AtomicBool::new(false),
            secrets: Secrets::default(),
            large_responses: Semaphore::new(1),
        }
    }

    pub(crate) fn backoff(&self) -> Backoff<'_> {
        Backoff::new(&self.retry_policy)
    }

    /// Sends, retries as the request permits, and turns statuses of 300 and above into errors.
    pub(crate) async fn send(&self, request: &Request) -> Result<Response> {
        self.send_noting_failure(request, &mut None).await
    }

    /// The same; `failed` is the error of the last attempt that was followed by another.
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

    /// The parsed response; `None` where it is 404.
    pub(crate) async fn json_if_found<T: DeserializeOwned>(&self, request: Request) -> Result<Option<T>> {
        let response = self.send(&request.allow_status(&[404])).await?;
        (response.status != 404).then(|| response.json()).transpose()
    }

    /// The parsed response; `None` where the cluster does not have this API.
    pub(crate) async fn json_if_supported<T: DeserializeOwned>(&self, request: Request) -> Result<Option<T>> {
        match self.json(request).await {
            Err(Error::Refused { response, .. }) if response.is_unknown_api() => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// Has something done. A response that is no JSON object is not the cluster's, whatever its status.
    pub(crate) async fn execute(&self, request: Request) -> Result<()> {
        self.json::<Map<String, Value>>(request).await.map(drop)
    }

    /// Sends a deletion; false where there was nothing. A 404 after an attempt whose response was lost is the result of
    /// that attempt.
    pub(crate) async fn delete(&self, request: Request) -> Result<bool> {
        let mut failed = None;
        let request = request.allow_status(&[404]);
        let response = self.send_noting_failure(&request, &mut failed).await?;
        response.json::<Map<String, Value>>()?;
        Ok(response.status != 404 || failed.is_some_and(|error| error.outcome_unknown()))
    }

    /// Whether nothing was ever received from there, and no address or no program is found: waiting does not help.
    fn is_wrong_address(&self, error: &Error) -> bool {
        let Error::Unreachable { why, .. } = error else {
            return false;
        };
        matches!(why, ConnectFailure::UnknownHost | ConnectFailure::Refused) && !self.reached.load(Ordering::Relaxed)
    }

    async fn attempt(&self, request: &Request, what: &str) -> Result<Response> {
        let _permit = self.gate.enter().await;
        let _alone = match request.limit > BodyLimit::Page {
            true => self.large_responses.acquire().await.ok(),
            false => None,
        };
        let exchange = self.exchange(request, what);
        let answer = within(&*self.retry_policy.clock, self.timeout, exchange).await;
        // A signal that came before this response is handled before the next request.
        tokio::task::yield_now().await;
        answer.unwrap_or_else(|| Err(Error::timeout(what, self.timeout, None)))
    }

    async fn exchange(&self, request: &Request, what: &str) -> Result<Response> {
        let url = self.url(request)?;
        let clock = &self.retry_policy.clock;
        let started = clock.now();
        let mut write = self.writes.track(request.method != Method::Get);
        let sent = self.build(request, url.clone()).send().await;
        let mut response = sent.map_err(|error| self.connection_error(what, &error))?;
        self.reached.store(true, Ordering::Relaxed);
        let status = response.status().as_u16();
        let good = status < 300 || request.allowed.contains(&status);
        if !good && status < 400 {
            write.answered(status);
            return Err(redirected(what, status, &url, response.headers().get(LOCATION)));
        }
        let wait = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok());
        let wait = wait.and_then(|value| retry_after(value, OffsetDateTime::now_utc()));
        let limit = if good { request.limit } else { BodyLimit::Status };
        let body = match Encoding::of(response.headers(), self.compresses()) {
            Ok(encoding) => read_body(&mut response, encoding, limit).await,
            Err(error) => Err(error),
        };
        if let Err(BodyError::Lost(error)) = &body {
            return Err(self.connection_error(what, error));
        }
        write.answered(status);
        let elapsed = clock.now().saturating_sub(started);
        self.retry_policy.observer.answered(what, status, elapsed);
        match body {
            Ok(body) if good => Ok(Response {
                what: what.to_owned(),
                status,
                body: if limit == BodyLimit::Status {
                    self.redact(body)
                } else {
                    body
                },
            }),
            Err(error) if good => Err(error.into_error(what, limit)),
            body => {
                let mut response = match body {
                    Ok(body) => ErrorResponse::parse(status, &self.redact(body)),
                    Err(error) => ErrorResponse::without_type(status, error.description()),
                };
                response.retry_after = wait;
                Err(Error::from_response(what, response))
            }
        }
    }

    fn build(&self, request: &Request, url: Url) -> reqwest::RequestBuilder {
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Put => reqwest::Method::PUT,
            Method::Post => reqwest::Method::POST,
            Method::Delete => reqwest::Method::DELETE,
            Method::Head => reqwest::Method::HEAD,
        };
        let content = if request.ndjson {
            "application/x-ndjson"
        } else {
            DEFAULT_CONTENT_TYPE
        };
        let encoding = if self.compresses() { "gzip" } else { "identity" };
        let user_agent = concat!("esml-state/", env!("CARGO_PKG_VERSION"));
        let mut headers = HeaderMap::from_iter([
            (ACCEPT, HeaderValue::from_static(DEFAULT_ACCEPT)),
            (ACCEPT_ENCODING, HeaderValue::from_static(encoding)),
            (CONTENT_TYPE, HeaderValue::from_static(content)),
            (USER_AGENT, HeaderValue::from_static(user_agent)),
        ]);
        if let Ok(id) = HeaderValue::from_str(&self.writes.opaque_id) {
            headers.insert("x-opaque-id", id);
        }
        let builder = self.client.request(method, url).headers(headers);
        match &request.body {
            Some(body) => builder.body(body.clone()),
            None => builder,
        }
    }

    fn url(&self, request: &Request) -> Result<Url> {
        let path = request.path.as_str()?.trim_start_matches('/');
        let url = self.address.join(path);
        let mut url = url.map_err(|error| Error::Options(error.to_string()))?;
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        Ok(url)
    }

    /// Whether responses may be compressed: that costs the cluster far more time than the loopback could save.
    fn compresses(&self) -> bool {
        match self.address.host() {
            Some(Host::Domain(name)) => name != "localhost",
            Some(Host::Ipv4(ip)) => !ip.is_loopback(),
            Some(Host::Ipv6(ip)) => !ip.is_loopback(),
            None => true,
        }
    }

    /// A status or an error without what it may repeat of our own headers, before anything of it is cut. Configurations
    /// and documents stay as they are: they are not printed.
    fn redact(&self, body: Bytes) -> Bytes {
        match std::str::from_utf8(&body).map(|text| self.secrets.redact(text)) {
            Ok(Cow::Owned(text)) => text.into(),
            _ => body,
        }
    }

    /// What a failure below HTTP means.
    fn connection_error(&self, what: &str, error: &reqwest::Error) -> Error {
        let what = what.to_owned();
        let address = self.address.as_str().to_owned();
        let cause = flatten(&chain(error));
        // The types of rustls are not exposed: its words are known.
        let tls = [
            "invalid peer certificate",
            "fatal alert",
            "corrupt message",
            "certificate",
        ];
        if tls.iter().any(|words| cause.contains(words)) {
            return Error::Tls { what, address, cause };
        }
        if !error.is_connect() {
            return Error::ConnectionLost { what, address, cause };
        }
        let why = connect_failure(error, &cause);
        Error::Unreachable {
            what,
            address,
            why,
            cause,
        }
    }
}

fn sources<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |error| (*error).source())
}

fn connect_failure(error: &reqwest::Error, cause: &str) -> ConnectFailure {
    for io in sources(error).filter_map(|source| source.downcast_ref::<std::io::Error>()) {
        if is_out_of_descriptors(io) {
            return ConnectFailure::NoDescriptors;
        }
        if io.kind() == std::io::ErrorKind::ConnectionRefused {
            return ConnectFailure::Refused;
        }
    }
    // The words of hyper-util, which exposes no type for it.
    match cause.contains("dns error") {
        true => ConnectFailure::UnknownHost,
        false => ConnectFailure::Other,
    }
}

/// A response that redirects, or of a status that no request here is answered with. Its body is not read.
fn redirected(what: &str, status: u16, asked: &Url, location: Option<&HeaderValue>) -> Error {
    let location = location.and_then(|location| asked.join(&String::from_utf8_lossy(location.as_bytes())).ok());
    let Some(mut answered) = location else {
        return Error::unexpected(what, format!("status {status} without another address"));
    };
    let mut asked = asked.clone();
    auth::strip(&mut asked);
    auth::strip(&mut answered);
    Error::Redirected {
        what: what.to_owned(),
        asked: asked.into(),
        answered: answered.into(),
    }
}

fn chain(error: &reqwest::Error) -> Vec<String> {
    let causes = sources(error).map(ToString::to_string);
    std::iter::once(error.to_string()).chain(causes).collect()
}

/// The chain as one line: without the layers that only repeat the address or one another.
fn flatten(chain: &[String]) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for text in chain.iter().rev() {
        let layer = text.starts_with("error sending request") || text.starts_with("client error");
        let known = parts.iter().any(|part| text.contains(part));
        if !known && (!layer || parts.is_empty()) {
            parts.push(text);
        }
    }
    parts.reverse();
    parts.join(": ")
}

/// While it is closed no request begins, and those in flight come to their end.
#[derive(Debug, Default)]
pub(crate) struct RequestGate {
    state: watch::Sender<State>,
}

#[derive(Debug, Default)]
struct State {
    pauses: usize,
    in_flight: usize,
}

/// A request in flight.
#[derive(Debug)]
pub(crate) struct Permit<'a>(&'a RequestGate);

/// No request begins as long as this lives.
#[derive(Debug)]
pub struct PauseGuard<'a>(&'a RequestGate);

impl RequestGate {
    /// Waits until the gate is open.
    pub(crate) async fn enter(&self) -> Permit<'_> {
        let mut changes = self.state.subscribe();
        loop {
            let entered = self.state.send_if_modified(|state| {
                let open = state.pauses == 0;
                state.in_flight += usize::from(open);
                open
            });
            if entered {
                return Permit(self);
            }
            // The sender lives as long as this borrow of it.
            let _ = changes.wait_for(|state| state.pauses == 0).await;
        }
    }

    pub(crate) fn close(&self) -> PauseGuard<'_> {
        self.state.send_modify(|state| state.pauses += 1);
        PauseGuard(self)
    }

    /// Waits until nothing is in flight.
    pub(crate) async fn idle(&self) {
        let _ = self.state.subscribe().wait_for(|state| state.in_flight == 0).await;
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.state.send_modify(|state| state.in_flight -= 1);
    }
}

impl Drop for PauseGuard<'_> {
    fn drop(&mut self) {
        self.0.state.send_modify(|state| state.pauses -= 1);
    }
}

/// Whether a write was sent and no response came: the cluster may still be executing it.
#[derive(Debug)]
pub(crate) struct InFlightWrites {
    /// `X-Opaque-Id` of every request of this run: the cluster lists its tasks with it.
    pub(crate) opaque_id: String,
    unanswered: AtomicBool,
}

/// A write in flight. Unless it is answered it counts as unanswered when this is dropped, for whatever reason.
pub(crate) struct InFlightWrite<'a> {
    unanswered: &'a AtomicBool,
    pending: bool,
}

impl InFlightWrites {
    pub(crate) fn new() -> Self {
        Self {
            opaque_id: format!("esml-state-{:016x}", fastrand::u64(..)),
            unanswered: AtomicBool::new(false),
        }
    }

    /// A request is about to be sent; one that only reads does not count.
    pub(crate) fn track(&self, writes: bool) -> InFlightWrite<'_> {
        InFlightWrite {
            unanswered: &self.unanswered,
            pending: writes,
        }
    }

    /// Whether there are any; afterwards none is known.
    pub(crate) fn take_unanswered(&self) -> bool {
        self.unanswered.swap(false, Ordering::Relaxed)
    }
}

impl InFlightWrite<'_> {
    /// A response came, of the cluster itself unless the status is one of a gateway.
    pub(crate) fn answered(&mut self, status: u16) {
        self.pending &= matches!(status, 502 | 504);
    }
}

impl Drop for InFlightWrite<'_> {
    fn drop(&mut self) {
        if self.pending {
            self.unanswered.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn causes_are_said_once() {
        let chain = [
            "error sending request for url (http://h/)",
            "error sending request for url (http://h/)",
            "client error (Connect)",
            "tcp connect error",
            "Connection refused (os error 111)",
        ]
        .map(str::to_owned);
        assert_eq!(flatten(&chain), "tcp connect error: Connection refused (os error 111)");
        assert_eq!(flatten(&chain[..2]), "error sending request for url (http://h/)");
    }

    #[test]
    fn a_redirect_names_both_addresses_without_what_may_be_secret() {
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

    #[tokio::test]
    async fn a_closed_gate_lets_out_and_nobody_in() {
        let gate = Arc::new(RequestGate::default());
        let inside = gate.enter().await;
        let closed = gate.close();
        let late = {
            let gate = Arc::clone(&gate);
            tokio::spawn(async move { drop(gate.enter().await) })
        };
        tokio::task::yield_now().await;
        assert!(!late.is_finished());
        drop(inside);
        gate.idle().await;
        assert!(!late.is_finished());
        drop(closed);
        assert!(late.await.is_ok());
    }
}

//! The one place that sends.

use std::borrow::Cow;
use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use elasticsearch::http::headers::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use time::OffsetDateTime;
use tokio::sync::Semaphore;
use url::{Host, Url};

use crate::cluster::body::{self, Encoding, Size, Unread};
use crate::cluster::clock::within;
use crate::cluster::gate::Gate;
use crate::cluster::retry::{Patience, Tries, retry_after};
use crate::cluster::transport::Transport;
use crate::cluster::unanswered::Unanswered;
use crate::cluster::{Clock, Error, Observer, Refusal, Repeat, Request, Response, Result, Unreached};
use crate::util::process_limits::is_out_of_descriptors;
use crate::util::secret::Secrets;

/// The client, and how patient it is.
pub(in crate::cluster) struct Link {
    pub(in crate::cluster) transport: Transport,
    /// Ends with `/`.
    pub(in crate::cluster) address: Url,
    pub(in crate::cluster) observer: Arc<dyn Observer>,
    pub(in crate::cluster) timeout: Duration,
    pub(in crate::cluster) retries: u32,
    pub(in crate::cluster) patience: Patience,
    pub(in crate::cluster) gate: Gate,
    pub(in crate::cluster) clock: Arc<dyn Clock>,
    pub(in crate::cluster) unanswered: Unanswered,
    /// Whether anything was answered so far.
    pub(in crate::cluster) met: AtomicBool,
    /// What is concealed in text from outside.
    pub(in crate::cluster) secrets: Secrets,
    /// One permit: see [`Size`].
    pub(in crate::cluster) large: Semaphore,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The client's own Debug prints credentials.
        f.debug_struct("Link")
            .field("address", &self.address.as_str())
            .finish_non_exhaustive()
    }
}

impl Link {
    /// Sends and repeats.
    pub(in crate::cluster) async fn send(&self, request: &Request) -> Result<Response> {
        self.send_and_note(request, &mut None).await
    }

    /// The same, with what the last try failed with for whoever does not wait to the end.
    pub(in crate::cluster) async fn send_and_note(
        &self,
        request: &Request,
        failed: &mut Option<Error>,
    ) -> Result<Response> {
        let what = request.what();
        let mut tries = Tries::new(self);
        loop {
            match self.attempt(request, &what).await {
                Err(error) if request.repeat == Repeat::Safe && error.is_passing() && !self.is_misdirected(&error) => {
                    *failed = Some(error.clone());
                    if !tries.again(&error).await {
                        return Err(error);
                    }
                }
                answer => return answer,
            }
        }
    }

    /// Whether nothing was ever answered there, and no address or no program answers: that does not pass.
    fn is_misdirected(&self, error: &Error) -> bool {
        let nothing = matches!(
            error,
            Error::Unreachable {
                why: Unreached::UnknownHost | Unreached::Refused,
                ..
            }
        );
        nothing && !self.met.load(Ordering::Relaxed)
    }

    async fn attempt(&self, request: &Request, what: &str) -> Result<Response> {
        let _pass = self.gate.enter().await;
        // Of responses that may be large one is read at a time, whoever asked for them.
        let _alone = match request.size > Size::Page {
            true => self.large.acquire().await.ok(),
            false => None,
        };
        let answer = within(&*self.clock, self.timeout, self.exchange(request, what)).await;
        // A signal that came before this answer is heard before the next request.
        tokio::task::yield_now().await;
        answer.unwrap_or_else(|| {
            Err(Error::Timeout {
                what: what.to_owned(),
                after: self.timeout,
                failed: None,
            })
        })
    }

    async fn exchange(&self, request: &Request, what: &str) -> Result<Response> {
        let url = self.url(request)?;
        let started = self.clock.now();
        let mut on_its_way = self.unanswered.sent(request);
        let (headers, body) = (self.headers(request), request.body.clone());
        let sent = self.transport.send(request.method, url.clone(), headers, body);
        let mut answer = sent.await.map_err(|error| self.lost(what, &error))?;
        self.met.store(true, Ordering::Relaxed);
        let status = answer.status().as_u16();
        let good = status < 300 || request.allowed.contains(&status);
        if !good && status < 400 {
            on_its_way.answered(status);
            return Err(redirected(what, status, &url, answer.headers().get(LOCATION)));
        }
        let wait = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let wait = wait.and_then(|value| retry_after(value, OffsetDateTime::now_utc()));
        let size = if good { request.size } else { Size::Status };
        let body = match Encoding::of(answer.headers(), self.compresses()) {
            Ok(encoding) => body::read(&mut answer, encoding, size.bytes()).await,
            Err(unread) => Err(unread),
        };
        let body = match body {
            Ok(body) if size.is_too_dense(&body) => Err(Unread::TooLarge),
            body => body.map(|body| self.concealed(body, size)),
        };
        if let Err(Unread::Lost(error)) = &body {
            return Err(self.lost(what, error));
        }
        on_its_way.answered(status);
        self.observer
            .answered(what, status, self.clock.now().saturating_sub(started));
        match body {
            Ok(body) if good => Ok(Response { status, body }),
            Ok(body) => Err(refused(what, Refusal::read(status, &body), wait)),
            Err(unread) if good => Err(unread.into_error(what, size)),
            Err(unread) => Err(refused(what, Refusal::without_body(status, &unread), wait)),
        }
    }

    /// A status or an error without what it may repeat of our own headers, before anything of it is cut. Configurations
    /// and documents stay as they are: they are not printed.
    fn concealed(&self, body: Bytes, size: Size) -> Bytes {
        let text = match (size, std::str::from_utf8(&body)) {
            (Size::Status, Ok(text)) => self.secrets.redact(text),
            _ => return body,
        };
        match text {
            Cow::Borrowed(_) => body,
            Cow::Owned(text) => text.into(),
        }
    }

    fn url(&self, request: &Request) -> Result<Url> {
        let path = request.path.as_str()?.trim_start_matches('/');
        let mut url = self
            .address
            .join(path)
            .map_err(|error| Error::Options(error.to_string()))?;
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        Ok(url)
    }

    /// Whether responses may come compressed: that costs the cluster far more time than the loopback could save.
    fn compresses(&self) -> bool {
        !is_this_machine(&self.address)
    }

    fn headers(&self, request: &Request) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Ok(name) = HeaderValue::from_str(&self.unanswered.name) {
            headers.insert("x-opaque-id", name);
        }
        let encoding = if self.compresses() { "gzip" } else { "identity" };
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(encoding));
        if request.ndjson {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        }
        headers
    }

    /// What a failure below HTTP means.
    fn lost(&self, what: &str, error: &reqwest::Error) -> Error {
        let chain = chain(error);
        let what = what.to_owned();
        let address = self.address.as_str().to_owned();
        let cause = flatten(&chain);
        // rustls is behind the client and has no type here: its words are known.
        let tls = [
            "invalid peer certificate",
            "fatal alert",
            "corrupt message",
            "certificate",
        ];
        if tls.iter().any(|words| cause.contains(words)) {
            return Error::Tls { what, address, cause };
        }
        if error.is_connect() {
            let why = unreached(error, &cause);
            return Error::Unreachable {
                what,
                address,
                why,
                cause,
            };
        }
        Error::Broken { what, address, cause }
    }
}

fn unreached(error: &reqwest::Error, cause: &str) -> Unreached {
    let mut next = error.source();
    while let Some(source) = next {
        if let Some(io) = source.downcast_ref::<std::io::Error>() {
            if is_out_of_descriptors(io) {
                return Unreached::NoDescriptors;
            }
            if io.kind() == std::io::ErrorKind::ConnectionRefused {
                return Unreached::Refused;
            }
        }
        next = source.source();
    }
    // The client's own words: it has no type for it.
    match cause.contains("dns error") {
        true => Unreached::UnknownHost,
        false => Unreached::Other,
    }
}

fn is_this_machine(address: &Url) -> bool {
    match address.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// A response that leads elsewhere, or of a status that no request here is answered with. Its body is not read.
fn redirected(what: &str, status: u16, asked: &Url, location: Option<&HeaderValue>) -> Error {
    let location = location.and_then(|location| asked.join(&String::from_utf8_lossy(location.as_bytes())).ok());
    let plain = |url: &Url| {
        let mut url = url.clone();
        url.set_query(None);
        url.set_fragment(None);
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.to_string()
    };
    let what = what.to_owned();
    match location {
        Some(location) => Error::Redirected {
            what,
            asked: plain(asked),
            answered: plain(&location),
        },
        None => Error::Unintelligible {
            what,
            why: format!("status {status} without another address"),
        },
    }
}

/// A response of status 400 and above as an error.
fn refused(what: &str, refusal: Refusal, retry_after: Option<Duration>) -> Error {
    let what = what.to_owned();
    let refusal = Refusal { retry_after, ..refusal };
    match refusal.status {
        401 => Error::Unauthenticated { what, refusal },
        403 if !refusal.is_or_has("cluster_block_exception") => Error::Forbidden { what, refusal },
        404 if refusal.is_or_has("search_context_missing_exception") => Error::ContextExpired { what },
        429 if refusal.reason.contains("upgrade mode is enabled") => Error::UpgradeMode { what },
        _ => Error::Refused { what, refusal },
    }
}

fn chain(error: &reqwest::Error) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut next = error.source();
    while let Some(error) = next {
        texts.push(error.to_string());
        next = error.source();
    }
    texts
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
        assert!(matches!(nowhere, Error::Unintelligible { .. }));
    }

    #[test]
    fn upgrade_mode_and_lost_contexts_are_told_apart() {
        let error = |status, body: &str| refused("", Refusal::read(status, body.as_bytes()), None);
        let upgrade = r#"{"error":{"type":"status_exception","reason":"Cannot perform cluster:admin/xpack/ml/job/put action while upgrade mode is enabled"},"status":429}"#;
        assert!(matches!(error(429, upgrade), Error::UpgradeMode { .. }));
        let lost = r#"{"error":{"root_cause":[{"type":"search_context_missing_exception"}],"type":"search_phase_execution_exception"}}"#;
        assert!(matches!(error(404, lost), Error::ContextExpired { .. }));
        assert!(matches!(error(404, "{}"), Error::Refused { .. }));
    }
}

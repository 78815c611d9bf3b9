//! The one place that sends.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use elasticsearch::http::headers::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};
use elasticsearch::http::transport::Transport;
use time::OffsetDateTime;
use url::{Host, Url};

use crate::cluster::clock::within;
use crate::cluster::gate::Gate;
use crate::cluster::retry::{Patience, Tries, retry_after};
use crate::cluster::unanswered::Unanswered;
use crate::cluster::{Clock, Error, Observer, Refusal, Repeat, Request, Response, Result};

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
                Err(error) if request.repeat == Repeat::Safe && error.is_passing() => {
                    *failed = Some(error.clone());
                    if !tries.again(&error).await {
                        return Err(error);
                    }
                }
                answer => return answer,
            }
        }
    }

    async fn attempt(&self, request: &Request, what: &str) -> Result<Response> {
        let _pass = self.gate.enter().await;
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
        let path = request.path.as_str()?.trim_start_matches('/');
        let asked = self
            .address
            .join(path)
            .map_err(|error| Error::Options(error.to_string()))?;
        let started = self.clock.now();
        let query = (!request.query.is_empty()).then_some(&request.query);
        let (headers, body) = (self.headers(request), request.body.clone());
        let mut on_its_way = self.unanswered.sent(request);
        let sent = self.transport.send(request.method, path, headers, query, body, None);
        let answer = sent.await.map_err(|error| self.lost(what, &error))?;
        let status = answer.status_code().as_u16();
        redirected(what, &asked, answer.url())?;
        let wait = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let wait = wait.and_then(|value| retry_after(value, OffsetDateTime::now_utc()));
        let body = answer.bytes().await.map_err(|error| self.lost(what, &error))?;
        on_its_way.answered(status);
        self.observer
            .answered(what, status, self.clock.now().saturating_sub(started));
        if status < 300 || request.allowed.contains(&status) {
            return Ok(Response { status, body });
        }
        Err(refused(what, status, &body, wait))
    }

    fn headers(&self, request: &Request) -> HeaderMap {
        let mut headers = HeaderMap::new();
        // Among the transport's default headers it would lose against the client's own.
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("esml-state/", env!("CARGO_PKG_VERSION"))),
        );
        if let Ok(name) = HeaderValue::from_str(&self.unanswered.name) {
            headers.insert("x-opaque-id", name);
        }
        if is_this_machine(&self.address) {
            // Compressing costs the cluster far more time than the loopback could save.
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        if request.ndjson {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        }
        headers
    }

    /// What a failure below HTTP means.
    fn lost(&self, what: &str, error: &elasticsearch::Error) -> Error {
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
        if chain.iter().any(|text| text.contains("(Connect)")) {
            return Error::Unreachable { what, address, cause };
        }
        Error::Broken { what, address, cause }
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

fn redirected(what: &str, asked: &Url, answered: &Url) -> Result<()> {
    let place = |url: &Url| {
        (
            url.scheme().to_owned(),
            url.host_str().map(str::to_owned),
            url.port_or_known_default(),
            url.path().to_owned(),
        )
    };
    if place(asked) == place(answered) {
        return Ok(());
    }
    let plain = |url: &Url| {
        let mut url = url.clone();
        url.set_query(None);
        url.set_fragment(None);
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.to_string()
    };
    Err(Error::Redirected {
        what: what.to_owned(),
        asked: plain(asked),
        answered: plain(answered),
    })
}

/// An answer of status 300 and above as an error.
fn refused(what: &str, status: u16, body: &Bytes, retry_after: Option<Duration>) -> Error {
    let what = what.to_owned();
    if status < 400 {
        return Error::Unintelligible {
            what,
            why: format!("status {status} without another address"),
        };
    }
    let refusal = Refusal {
        retry_after,
        ..Refusal::read(status, body)
    };
    let holds = |words: &[u8]| body.windows(words.len()).any(|window| window == words);
    match status {
        401 => Error::Unauthenticated { what, refusal },
        403 => Error::Forbidden { what, refusal },
        404 if holds(b"search_context_missing_exception") => Error::ContextExpired { what },
        429 if refusal.reason.contains("upgrade mode is enabled") => Error::UpgradeMode { what },
        _ => Error::Refused { what, refusal },
    }
}

fn chain(error: &elasticsearch::Error) -> Vec<String> {
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
    fn another_address_is_a_redirect() {
        let url = |text: &str| Url::parse(text).unwrap();
        assert!(redirected("GET /", &url("https://h/p/"), &url("https://h:443/p/?a=b")).is_ok());
        for other in ["http://h/p/", "https://i/p/", "https://h:9200/p/", "https://h/login"] {
            assert!(
                redirected("GET /", &url("https://h/p/"), &url(other)).is_err(),
                "{other}"
            );
        }
    }

    #[test]
    fn upgrade_mode_and_lost_contexts_are_told_apart() {
        let upgrade = br#"{"error":{"type":"status_exception","reason":"Cannot perform cluster:admin/xpack/ml/job/put action while upgrade mode is enabled"},"status":429}"#;
        assert!(matches!(
            refused("", 429, &Bytes::from_static(upgrade), None),
            Error::UpgradeMode { .. }
        ));
        let lost = br#"{"error":{"root_cause":[{"type":"search_context_missing_exception"}],"type":"search_phase_execution_exception"}}"#;
        assert!(matches!(
            refused("", 404, &Bytes::from_static(lost), None),
            Error::ContextExpired { .. }
        ));
        assert!(matches!(
            refused("", 404, &Bytes::from_static(b"{}"), None),
            Error::Refused { .. }
        ));
        assert!(matches!(
            refused("", 302, &Bytes::new(), None),
            Error::Unintelligible { .. }
        ));
    }
}

//! The document API of a real Elasticsearch.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use url::Url;

use super::documents::InMemory;
use super::{Answer, Call, Documents};

/// The environment variable with the URL of a node whose data may be deleted.
pub const URL_VARIABLE: &str = "ESML_TEST_ELASTICSEARCH";

const SEARCH_CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Passes every call on to a node directly, ignoring proxy settings.
pub struct RealDocuments {
    host: String,
    port: u16,
    _lease: Option<Lease>,
}

impl RealDocuments {
    /// `url` is `http://host:port` of a node without security.
    pub fn new(url: &str) -> Self {
        let url = Url::parse(url).expect("the URL of a node");
        let host = url.host_str().expect("a host").to_owned();
        Self {
            host,
            port: url.port_or_known_default().expect("a port"),
            _lease: None,
        }
    }

    /// Deletes all indices and templates.
    pub fn wipe(&self) {
        for path in [
            "/_search/scroll/_all",
            "/*?expand_wildcards=all",
            "/_index_template/*",
            "/_template/*",
        ] {
            let answer = self.blocking(Call::new("DELETE", path, ""));
            assert!(answer.status < 400 || answer.status == 404, "DELETE {path}: {answer:?}");
        }
    }

    fn blocking(&self, call: Call) -> Answer {
        std::thread::scope(|scope| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            scope
                .spawn(move || runtime.block_on(self.forward(call)))
                .join()
                .expect("an answer of the node")
        })
    }

    async fn forward(&self, call: Call) -> Answer {
        let stream = tokio::net::TcpStream::connect((self.host.as_str(), self.port))
            .await
            .expect("a connection");
        let _ = stream.set_nodelay(true);
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("a handshake");
        tokio::spawn(connection);
        let mut request = Request::builder().method(call.method.as_str()).uri(call.uri());
        for (name, value) in call.headers.iter().filter(|(name, _)| is_forwarded(name)) {
            request = request.header(name, value);
        }
        request = request.header("host", format!("{}:{}", self.host, self.port));
        let request = request.body(Full::new(call.body)).expect("a request");
        let (head, body) = sender.send_request(request).await.expect("an answer").into_parts();
        let headers = head.headers.iter().filter(|(name, _)| is_forwarded(name.as_str()));
        let headers = headers.map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        });
        let headers = headers.collect();
        Answer {
            status: head.status.as_u16(),
            headers,
            body: body.collect().await.expect("a body").to_bytes(),
        }
    }
}

/// Excludes headers for a single connection and for the stand-in's own security.
fn is_forwarded(header: &str) -> bool {
    let hop = [
        "host",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    let own = [
        "authorization",
        "proxy-authorization",
        "content-length",
        "content-encoding",
        "accept-encoding",
    ];
    let header = header.to_ascii_lowercase();
    !hop.contains(&header.as_str()) && !own.contains(&header.as_str())
}

impl Documents for RealDocuments {
    fn call(&self, call: Call) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>> {
        Box::pin(self.forward(call))
    }

    /// A search whose client is gone ends shortly afterwards; a point in time or a scroll ends much later.
    fn open_contexts(&self) -> Option<usize> {
        let until = Instant::now() + SEARCH_CLOSE_TIMEOUT;
        loop {
            let open = self.count_open_contexts()?;
            if open == 0 || Instant::now() > until {
                return Some(open);
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl RealDocuments {
    fn count_open_contexts(&self) -> Option<usize> {
        let call = Call::new("GET", "/_nodes/stats/indices/search", "");
        let answer = self.blocking(call).value();
        let nodes = answer["nodes"].as_object()?;
        let open = nodes
            .values()
            .filter_map(|node| node.pointer("/indices/search/open_contexts")?.as_u64());
        usize::try_from(open.sum::<u64>()).ok()
    }
}

/// The thread that uses the real node.
static LEASED_BY: Mutex<Option<ThreadId>> = Mutex::new(None);
static RELEASED: Condvar = Condvar::new();
const LEASE_TIMEOUT: Duration = Duration::from_secs(60);

/// The permission to use the real node during one test. A plain mutex guard cannot be moved to another thread.
struct Lease;

impl Lease {
    fn take() -> Self {
        let mut taken = LEASED_BY.lock().unwrap_or_else(PoisonError::into_inner);
        let own = thread::current().id();
        while taken.is_some() {
            // What a test has dropped is released shortly afterwards.
            let (again, waited) = RELEASED
                .wait_timeout(taken, LEASE_TIMEOUT)
                .unwrap_or_else(PoisonError::into_inner);
            taken = again;
            let for_itself = waited.timed_out() && *taken == Some(own);
            assert!(!for_itself, "this test has the real node, and waits for it");
        }
        *taken = Some(own);
        Self
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        *LEASED_BY.lock().unwrap_or_else(PoisonError::into_inner) = None;
        RELEASED.notify_one();
    }
}

/// Returns the documents for this run of the tests. If the environment specifies a real node, it is cleared and locked
/// until the documents are dropped; otherwise, they are in memory.
pub fn documents_for_tests() -> Arc<dyn Documents> {
    match std::env::var(URL_VARIABLE) {
        Err(_) => Arc::new(InMemory::new()),
        Ok(url) => {
            let lease = Lease::take();
            let real = RealDocuments {
                _lease: Some(lease),
                ..RealDocuments::new(&url)
            };
            real.wipe();
            Arc::new(real)
        }
    }
}

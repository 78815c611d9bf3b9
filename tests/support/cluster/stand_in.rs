//! A running stand-in: a port on loopback, a log of requests, and direct access for the test.

use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::runtime::{Handle, Runtime};

use super::auth::Auth;
use super::faults::FaultPlan;
use super::network::Network;
use super::serve;
use super::tasks::Tasks;
use super::tls::Tls;
use super::{Answer, Api, Call, Documents};

/// Options of a stand-in.
pub struct StandInOptions {
    /// In memory or a real node.
    pub documents: Arc<dyn Documents>,
    /// Handles requests before the documents.
    pub api: Option<Arc<dyn Api>>,
    /// `None` for plain HTTP.
    pub tls: Option<Tls>,
    /// `None` if security is off.
    pub auth: Option<Auth>,
    /// Faults.
    pub faults: FaultPlan,
    /// Whether responses contain the product header (7.14 and later).
    pub product_header: bool,
    /// The maximum size of a request body in bytes. Larger requests get a response of 413.
    pub max_content_length: usize,
    /// The path prefix of the cluster behind a proxy, such as `/es`. Everything else is 404.
    pub prefix: String,
}

impl StandInOptions {
    /// Plain HTTP without security or faults.
    pub fn new(documents: Arc<dyn Documents>) -> Self {
        Self {
            documents,
            api: None,
            tls: None,
            auth: None,
            faults: FaultPlan::default(),
            product_header: true,
            max_content_length: 100 << 20,
            prefix: String::new(),
        }
    }
}

/// A request that the stand-in received. The status is 0 until it is answered.
#[derive(Clone, Debug)]
pub struct LoggedRequest {
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub body_length: usize,
    pub headers: Vec<(String, String)>,
    pub status: u16,
    /// The number of requests without a response when it arrived, including this one.
    pub in_flight: usize,
}

impl LoggedRequest {
    /// Whether the request may change anything except scrolls and points in time.
    pub fn is_write(&self) -> bool {
        writes(&self.method, &self.path)
    }
}

/// Whether a request may change anything except scrolls and points in time.
pub fn writes(method: &str, path: &str) -> bool {
    {
        let last = path.rsplit('/').next().unwrap_or_default();
        let simulates = path.contains("/_simulate_index/");
        let context = last == "_pit" || path.contains("/_search/scroll");
        match method {
            "GET" | "HEAD" => false,
            "POST" => {
                let reads = [
                    "_search",
                    "_msearch",
                    "_count",
                    "_mget",
                    "_has_privileges",
                    "_validate",
                    "_refresh",
                    "_field_caps",
                ];
                let lists = last == "model_snapshots" || path.contains("/results/");
                !(context || simulates || lists || reads.contains(&last))
            }
            _ => !context,
        }
    }
}

pub(super) struct Shared {
    pub(super) documents: Arc<dyn Documents>,
    pub(super) api: Option<Arc<dyn Api>>,
    pub(super) auth: Option<Auth>,
    pub(super) faults: FaultPlan,
    pub(super) product_header: bool,
    pub(super) max_content_length: usize,
    pub(super) prefix: String,
    pub(super) log: Mutex<Vec<LoggedRequest>>,
    pub(super) network: Network,
    pub(super) tasks: Tasks,
}

impl Shared {
    /// Passes a call to the API, or to the documents.
    pub(super) async fn perform(&self, call: Call) -> Answer {
        if let Some(api) = &self.api
            && let Some(answer) = api.call(call.clone(), Arc::clone(&self.documents)).await
        {
            return answer;
        }
        match (call.method.as_str(), call.path.as_str()) {
            ("GET", "/_tasks") if call.param("actions") != Some("indices:data/write/reindex") => {
                self.tasks.answer(&call)
            }
            _ => self.documents.call(call).await,
        }
    }
}

/// Direct access to API and documents without faults, authentication and log. Cheap to clone.
#[derive(Clone)]
pub struct DirectClient {
    shared: Arc<Shared>,
    runtime: Handle,
}

impl DirectClient {
    /// Performs a request and waits for the response.
    pub fn call(&self, method: &str, path_and_query: &str, body: impl Into<Bytes>) -> Answer {
        let call = Call::new(method, path_and_query, body);
        let (sender, receiver) = mpsc::channel();
        let shared = Arc::clone(&self.shared);
        self.runtime
            .spawn(async move { sender.send(shared.perform(call).await) });
        receiver.recv().expect("the stand-in panicked; see above")
    }
}

/// A running stand-in. It stops when it is dropped.
pub struct StandIn {
    runtime: Option<Runtime>,
    direct: DirectClient,
    address: SocketAddr,
    secured: bool,
}

impl StandIn {
    /// Starts a stand-in on a free port of 127.0.0.1.
    pub fn start(options: StandInOptions) -> Self {
        // One request is handled at a time, since all read or change the same documents. More threads would only wake each
        // other.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("stand-in")
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = listener();
        let network = Network::new(listener.try_clone().expect("the listener again"));
        listener.set_nonblocking(true).expect("a listener that does not block");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            documents: options.documents,
            api: options.api,
            auth: options.auth,
            faults: options.faults,
            product_header: options.product_header,
            max_content_length: options.max_content_length,
            prefix: options.prefix,
            log: Mutex::new(Vec::new()),
            network,
            tasks: Tasks::default(),
        });
        let secured = options.tls.is_some();
        runtime.spawn(serve::accept(
            listener,
            options.tls.map(|tls| tls.0),
            Arc::clone(&shared),
        ));
        let direct = DirectClient {
            shared,
            runtime: runtime.handle().clone(),
        };
        Self {
            runtime: Some(runtime),
            direct,
            address,
            secured,
        }
    }

    /// Returns the URL: `http(s)://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        let scheme = if self.secured { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Returns the requests received over HTTP in order of arrival.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.direct.shared.log.lock().expect("log").clone()
    }

    /// Returns the requests that may have changed something.
    pub fn writes(&self) -> Vec<LoggedRequest> {
        self.requests().into_iter().filter(LoggedRequest::is_write).collect()
    }

    /// Clears the log.
    pub fn clear_requests(&self) {
        self.direct.shared.log.lock().expect("log").clear();
    }

    /// Returns the active rules, which can be extended.
    pub fn faults(&self) -> &FaultPlan {
        &self.direct.shared.faults
    }

    /// Returns the network.
    pub fn network(&self) -> Network {
        self.direct.shared.network.clone()
    }

    /// Returns the documents.
    pub fn documents(&self) -> &Arc<dyn Documents> {
        &self.direct.shared.documents
    }

    /// Performs a request without faults, authentication and log.
    pub fn call(&self, method: &str, path_and_query: &str, body: impl Into<Bytes>) -> Answer {
        self.direct.call(method, path_and_query, body)
    }

    /// Returns direct access for hooks.
    pub fn direct(&self) -> DirectClient {
        self.direct.clone()
    }
}

/// Listens on a free port that is bound by its number. A port that the system selected would not be kept when the
/// listener is shut down.
fn listener() -> TcpListener {
    loop {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        if let Ok(listener) = TcpListener::bind(free.expect("a free port")) {
            return listener;
        }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        // A hook may own direct access, and with it everything else.
        self.direct.shared.faults.clear();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

//! From options to a client that has met its cluster.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::cluster::body::Size;
use crate::cluster::clock::within;
use crate::cluster::context::Contexts;
use crate::cluster::gate::{Closed, Gate};
use crate::cluster::identity::Identity;
use crate::cluster::link::Link;
use crate::cluster::retry::Patience;
use crate::cluster::transport::Transport;
use crate::cluster::unanswered::Unanswered;
use crate::cluster::{Clock, Error, Flavour, Observer, Path, Request, Result, address};
use crate::job::Version;
use crate::util::secret::{Secret, Secrets};
use tokio::sync::Semaphore;

/// An answer that takes longer is not waited for before what was written is undone.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Closing what the cluster would drop by itself is not worth more.
const LONGEST_RELEASE: Duration = Duration::from_secs(5);

/// Where the cluster is.
#[derive(Clone, Debug)]
pub enum Endpoint {
    /// `https://host:9200/prefix`, without user information.
    Url(url::Url),
    /// An Elastic Cloud id.
    CloudId(String),
}

/// Who asks. At most one.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the fields say it")]
pub enum Credential {
    /// User name and password.
    Basic { username: String, password: Secret },
    /// An API key, encoded or `id:key`.
    ApiKey(Secret),
    /// A bearer token.
    Bearer(Secret),
}

impl Credential {
    /// The credential in the forms in which it is typed and sent.
    pub fn secrets(&self) -> Secrets {
        match self {
            Self::Basic { username, password } => {
                let password = password.reveal();
                Secrets::of([password, &format!("{username}:{password}")])
            }
            Self::ApiKey(key) => {
                let key = key.reveal().trim();
                let all = Secrets::decode(key).unwrap_or_else(|| key.to_owned());
                let own = all.split_once(':').map_or("", |(_, own)| own);
                Secrets::of([key, &all, own])
            }
            Self::Bearer(token) => Secrets::of([token.reveal().trim()]),
        }
    }
}

/// Everything that shapes the connection.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// Where.
    pub endpoint: Endpoint,
    /// Who.
    pub credential: Option<Credential>,
    /// PEM files, added to the bundled and the system's roots.
    pub ca_certs: Vec<PathBuf>,
    /// PEM certificate and key for mutual TLS.
    pub client_identity: Option<(PathBuf, PathBuf)>,
    /// False with `--ignore-certs`.
    pub verify_certificates: bool,
    /// For one request.
    pub timeout: Duration,
    /// For the first request.
    pub first_contact: Duration,
    /// How often a repeatable request is repeated at most.
    pub retries: u32,
    /// How long a repeatable request is repeated, from its first failure on.
    pub retry_for: Duration,
    /// What is never printed, the credential among it.
    pub secrets: Secrets,
    /// Of scrolls and points in time, in Elasticsearch's notation, e.g. `5m`.
    pub keep_alive: String,
}

/// A cluster that has said who it is. Cheap to clone; all clones share one client.
#[derive(Clone, Debug)]
pub struct Cluster {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    link: Link,
    identity: Identity,
    keep_alive: String,
    contexts: Contexts,
    /// Remote clusters that did not answer completely.
    incomplete: Mutex<BTreeSet<String>>,
}

impl Link {
    /// A client that has not sent anything yet.
    pub(in crate::cluster) fn new(
        options: &ConnectOptions,
        observer: Arc<dyn Observer>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let address = address::of(&options.endpoint)?;
        let transport = Transport::new(options, &address)?;
        Ok(Self {
            transport,
            address,
            observer,
            timeout: options.timeout,
            retries: options.retries,
            patience: Patience::of(options.retry_for),
            gate: Gate::default(),
            clock,
            unanswered: Unanswered::new(),
            met: AtomicBool::new(false),
            secrets: options.secrets.clone(),
            large: Semaphore::new(1),
        })
    }
}

impl Cluster {
    /// Builds the client and asks `/` for name, version and flavour.
    ///
    /// # Errors
    /// Options that make no client, no contact, or something that is not Elasticsearch 7.10 to 9.x.
    pub async fn connect(options: ConnectOptions, observer: Arc<dyn Observer>, clock: Arc<dyn Clock>) -> Result<Self> {
        let link = Link::new(&options, observer, clock)?;
        Self::meet(link, options.first_contact, options.keep_alive).await
    }

    /// Asks `/`, all tries within `first_contact`.
    pub(in crate::cluster) async fn meet(link: Link, first_contact: Duration, keep_alive: String) -> Result<Self> {
        let root = Request::get(Path::of([])).returns(Size::Status);
        let mut failed = None;
        let answer = match within(&*link.clock, first_contact, link.send_and_note(&root, &mut failed)).await {
            Some(answer) => answer,
            None => Err(Error::Timeout {
                what: root.what(),
                after: first_contact,
                failed: failed.map(Box::new),
            }),
        };
        let identity = Identity::judge(link.address.as_str(), answer)?;
        Ok(Self {
            inner: Arc::new(Inner {
                link,
                identity,
                keep_alive,
                contexts: Contexts::default(),
                incomplete: Mutex::default(),
            }),
        })
    }

    /// The version that `/` told.
    pub fn version(&self) -> Version {
        self.inner.identity.version
    }

    /// The flavour that `/` told.
    pub fn flavour(&self) -> Flavour {
        self.inner.identity.flavour
    }

    /// `cluster_name`.
    pub fn name(&self) -> &str {
        &self.inner.identity.name
    }

    /// `cluster_uuid`.
    pub fn uuid(&self) -> &str {
        &self.inner.identity.uuid
    }

    /// The address without credentials, for messages.
    pub fn address(&self) -> &str {
        self.inner.link.address.as_str()
    }

    /// Name, address and version, as a question names the cluster.
    pub fn described(&self) -> String {
        format!(
            "cluster {} ({}, Elasticsearch {})",
            self.name(),
            self.address(),
            self.version()
        )
    }

    /// Closes every scroll and point in time that is still open; used after an interruption.
    pub async fn release(&self) {
        let _ = within(self.clock(), LONGEST_RELEASE, self.close_all()).await;
    }

    /// Lets no further request begin and waits (a bounded time) for those under way, so that it is known
    /// what they did. Requests begin again when the guard is dropped.
    pub async fn pause(&self) -> Closed<'_> {
        let closed = self.inner.link.gate.close();
        let _ = within(self.clock(), LONGEST_PAUSE, self.inner.link.gate.idle()).await;
        closed
    }

    /// How time passes here.
    pub fn clock(&self) -> &dyn Clock {
        &*self.inner.link.clock
    }

    pub(in crate::cluster) fn link(&self) -> &Link {
        &self.inner.link
    }

    pub(in crate::cluster) fn keep_alive(&self) -> &str {
        &self.inner.keep_alive
    }

    pub(in crate::cluster) fn contexts(&self) -> &Contexts {
        &self.inner.contexts
    }

    pub(in crate::cluster) fn incomplete(&self) -> &Mutex<BTreeSet<String>> {
        &self.inner.incomplete
    }

    /// Whether the API has what `major.minor` brought; serverless versions mean nothing and have all.
    pub(in crate::cluster) fn has(&self, major: u32, minor: u32) -> bool {
        self.flavour() == Flavour::Serverless || self.version().at_least(major, minor)
    }
}

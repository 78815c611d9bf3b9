//! From options to a client that has met its cluster.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::{Flavour, Observer, Result, Version};
use crate::secret::Secret;

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
pub enum Credential {
    /// User name and password.
    Basic { username: String, password: Secret },
    /// An API key, encoded or `id:key`.
    ApiKey(Secret),
    /// A bearer token.
    Bearer(Secret),
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
    /// How often a repeatable request is repeated.
    pub retries: u32,
    /// Of scrolls and points in time, in Elasticsearch's notation, e.g. `5m`.
    pub keep_alive: String,
}

/// A cluster that has said who it is. Cheap to clone; all clones share one client.
#[derive(Clone, Debug)]
pub struct Cluster {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {}

impl Cluster {
    /// Builds the client and asks `/` for name, version and flavour.
    ///
    /// # Errors
    /// Options that make no client, no contact, or something that is not Elasticsearch 7, 8 or 9.
    pub async fn connect(options: ConnectOptions, observer: Arc<dyn Observer>) -> Result<Self> {
        todo!()
    }

    /// The version that `/` told.
    pub fn version(&self) -> Version {
        todo!()
    }

    /// The flavour that `/` told.
    pub fn flavour(&self) -> Flavour {
        todo!()
    }

    /// `cluster_name`.
    pub fn name(&self) -> &str {
        todo!()
    }

    /// `cluster_uuid`.
    pub fn uuid(&self) -> &str {
        todo!()
    }

    /// The address without credentials, for messages.
    pub fn address(&self) -> &str {
        todo!()
    }

    /// Closes every scroll and point in time that is still open; used after an interruption.
    pub async fn release(&self) {
        todo!()
    }
}

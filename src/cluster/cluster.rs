//! A client that is connected to its cluster.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::cluster::http::auth::ConnectOptions;
use crate::cluster::http::client::{HttpClient, PauseGuard};
use crate::cluster::http::error::{Error, Result, first_line};
use crate::cluster::http::limits::BodyLimit;
use crate::cluster::http::request::{Path, Request, Response};
use crate::cluster::http::retry::{Backoff, Clock, Observer, within};
use crate::cluster::search::contexts::SearchContexts;
use crate::job::Version;

/// A response that takes longer is not waited for before what was written is undone.
const MAX_PAUSE_WAIT: Duration = Duration::from_secs(10);
/// Closing what the cluster would drop by itself is not worth more.
const MAX_RELEASE_WAIT: Duration = Duration::from_secs(5);
const TASK_POLL_INTERVAL: Duration = Duration::from_millis(500);

/// A cluster that has identified itself. Cheap to clone; all clones share one client.
#[derive(Clone, Debug)]
pub struct Cluster {
    identity: Arc<Identity>,
    pub(crate) http: Arc<HttpClient>,
    pub(crate) contexts: Arc<SearchContexts>,
    /// Remote clusters that did not respond completely.
    pub(crate) incomplete_clusters: Arc<Mutex<BTreeSet<String>>>,
}

/// How Elasticsearch is deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deployment {
    /// A self-managed or hosted stack.
    Stack,
    /// `version.build_flavor: serverless`: no snapshots, no import.
    Serverless,
}

#[derive(Debug)]
struct Identity {
    name: String,
    uuid: String,
    version: Version,
    deployment: Deployment,
}

impl Cluster {
    /// Builds the client and asks `/` for name, version and deployment.
    pub async fn connect(options: ConnectOptions, observer: Arc<dyn Observer>, clock: Arc<dyn Clock>) -> Result<Self> {
        let http = HttpClient::new(&options, observer, clock)?;
        Self::handshake(http, options.first_contact, options.keep_alive).await
    }

    /// Asks `/`, all attempts within `first_contact`.
    pub(crate) async fn handshake(http: HttpClient, first_contact: Duration, keep_alive: String) -> Result<Self> {
        let root = Request::get(Path::of([])).returns(BodyLimit::Status);
        let mut failed = None;
        let sent = http.send_noting_failure(&root, &mut failed);
        let answer = within(&*http.retry_policy.clock, first_contact, sent).await;
        let answer = answer.unwrap_or_else(|| Err(Error::timeout(&root.what(), first_contact, failed)));
        let identity = Identity::parse(http.address.as_str(), answer)?;
        Ok(Self {
            identity: Arc::new(identity),
            http: Arc::new(http),
            contexts: Arc::new(SearchContexts::new(keep_alive)),
            incomplete_clusters: Arc::default(),
        })
    }

    /// The version of Elasticsearch.
    pub fn version(&self) -> Version {
        self.identity.version
    }

    /// How Elasticsearch is deployed.
    pub fn deployment(&self) -> Deployment {
        self.identity.deployment
    }

    /// `cluster_name`.
    pub fn name(&self) -> &str {
        &self.identity.name
    }

    /// `cluster_uuid`.
    pub fn uuid(&self) -> &str {
        &self.identity.uuid
    }

    /// The address without credentials, for messages.
    pub fn address(&self) -> &str {
        self.http.address.as_str()
    }

    /// Name, address and version, for messages.
    pub fn described(&self) -> String {
        let Identity { name, version, .. } = &*self.identity;
        format!("cluster {name} ({}, Elasticsearch {version})", self.address())
    }

    /// How time passes here.
    pub fn clock(&self) -> &dyn Clock {
        &*self.http.retry_policy.clock
    }

    /// For what is more than one request, or must be checked before it is sent again.
    pub fn backoff(&self) -> Backoff<'_> {
        self.http.backoff()
    }

    /// Closes every scroll and point in time that is still open; used after an interruption.
    pub async fn release(&self) {
        within(self.clock(), MAX_RELEASE_WAIT, self.contexts.close_all(&self.http)).await;
    }

    /// Lets no further request begin and waits (a bounded time) for those in flight, so that it is known what they did.
    /// Requests begin again when the guard is dropped.
    pub async fn pause(&self) -> PauseGuard<'_> {
        let guard = self.http.gate.close();
        within(self.clock(), MAX_PAUSE_WAIT, self.http.gate.idle()).await;
        guard
    }

    /// Where responses to writes did not come, waits until the cluster no longer executes them, as long as one request may
    /// take: whatever undoes them is not overtaken. Requests that have not reached the cluster by then are not seen.
    pub async fn wait_for_tasks(&self) {
        if !self.http.writes.take_unanswered() {
            return;
        }
        let done = async {
            while self.has_tasks_of_ours().await {
                self.clock().pause(TASK_POLL_INTERVAL).await;
            }
        };
        within(self.clock(), self.http.timeout, done).await;
    }

    /// False where the cluster does not list its tasks.
    async fn has_tasks_of_ours(&self) -> bool {
        #[derive(Deserialize)]
        struct Tasks {
            tasks: Vec<Task>,
        }
        #[derive(Deserialize)]
        struct Task {
            #[serde(default)]
            headers: std::collections::HashMap<String, Box<RawValue>>,
        }
        let request = Request::get(Path::of(["_tasks"]))
            .query("actions", "indices:*,cluster:admin/*")
            .query("group_by", "none");
        let ours = Value::from(self.http.writes.opaque_id.as_str()).to_string();
        self.http.json::<Tasks>(request).await.is_ok_and(|listed| {
            let mut headers = listed.tasks.iter().flat_map(|task| &task.headers);
            headers.any(|(name, value)| name.eq_ignore_ascii_case("x-opaque-id") && value.get() == ours)
        })
    }
}

impl Identity {
    /// Accepts Elasticsearch and refuses everything else by its name.
    fn parse(address: &str, answer: Result<Response>) -> Result<Self> {
        let not_elasticsearch = |found: String| Error::NotElasticsearch {
            address: address.to_owned(),
            found,
        };
        let body = match answer {
            Ok(response) => response.body,
            Err(Error::Refused { response, .. }) if matches!(response.status, 400 | 404 | 405) => {
                let found = format!("something that answers {} ({})", response.status, response.reason);
                return Err(not_elasticsearch(found));
            }
            Err(error) => return Err(error),
        };
        let Ok(root) = serde_json::from_slice::<Value>(&body) else {
            return Err(not_elasticsearch(format!(
                "something that answers: {}",
                first_line(&body)
            )));
        };
        let identity = Self::from_json(&root).map_err(not_elasticsearch)?;
        if identity.deployment == Deployment::Stack && !identity.version.is_supported() {
            return Err(Error::UnsupportedVersion {
                address: address.to_owned(),
                version: identity.version,
            });
        }
        Ok(identity)
    }

    /// Of anything else the error describes what it is.
    fn from_json(root: &Value) -> std::result::Result<Self, String> {
        let text = |pointer: &str| root.pointer(pointer).and_then(Value::as_str);
        let short = |text: &str| text.chars().filter(|c| !c.is_control()).take(60).collect::<String>();
        let unknown = || "something that answers other JSON".to_owned();
        let number = text("/version/number").ok_or_else(unknown)?;
        match text("/version/distribution") {
            Some("opensearch") => return Err(format!("OpenSearch {}", short(number))),
            Some(other) => return Err(format!("{} {}", short(other), short(number))),
            None => {}
        }
        let deployment = match text("/version/build_flavor") {
            Some("serverless") => Deployment::Serverless,
            _ => Deployment::Stack,
        };
        let version = Version::parse(number).ok_or_else(unknown)?;
        let tagline = text("/tagline").is_some_and(|tagline| tagline.starts_with("You Know, for Search"));
        let name = text("/cluster_name").filter(|_| tagline || deployment == Deployment::Serverless);
        Ok(Self {
            name: name.ok_or_else(unknown)?.to_owned(),
            uuid: text("/cluster_uuid").unwrap_or_default().to_owned(),
            version,
            deployment,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bytes::Bytes;

    use super::*;

    fn parse(body: &str) -> Result<Identity> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        Identity::parse(
            "http://h/",
            Ok(Response {
                what: String::new(),
                status: 200,
                body,
            }),
        )
    }

    fn root(version: &str) -> String {
        format!(
            r#"{{"name":"n","cluster_name":"c","cluster_uuid":"u","version":{version},"tagline":"You Know, for Search"}}"#
        )
    }

    #[test]
    fn elasticsearch_is_taken() {
        let identity = parse(&root(r#"{"number":"8.0.0-SNAPSHOT","build_flavor":"default"}"#)).unwrap();
        assert_eq!((identity.name.as_str(), identity.uuid.as_str()), ("c", "u"));
        assert_eq!((identity.version.major, identity.deployment), (8, Deployment::Stack));
        let serverless = parse(&root(r#"{"number":"8.11.0","build_flavor":"serverless"}"#)).unwrap();
        assert_eq!(serverless.deployment, Deployment::Serverless);
    }

    #[test]
    fn everything_else_is_refused_by_its_name() {
        for (body, name) in [
            (
                root(r#"{"number":"2.11.0","distribution":"opensearch"}"#),
                "OpenSearch 2.11.0",
            ),
            (root(r#"{"number":"6.8.23"}"#), "runs Elasticsearch 6.8.23"),
            (root(r#"{"number":"7.9.3"}"#), "runs Elasticsearch 7.9.3"),
            (root(r#"{"number":"10.0.0"}"#), "runs Elasticsearch 10.0.0"),
            ("<html><title>Kibana".to_owned(), "an HTML or XML page"),
            ("{}".to_owned(), "other JSON"),
        ] {
            let error = parse(&body).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}

//! The connection to a cluster; its identity, its license, and the privileges of the user.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::cluster::http::error::first_line;
use crate::cluster::http::retry::{Backoff, Clock, within};
use crate::cluster::http::{BodyLimit, Error, HttpClient, Path, Request, Response, Result};
use crate::cluster::search::contexts::SearchContexts;
use crate::job::Version;
use crate::util::format::parse_size;

/// The longest wait for the first response, including retries.
const MAX_INITIAL_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest wait for responses before a rollback starts.
const MAX_PAUSE_WAIT: Duration = Duration::from_secs(10);
/// Limit for closing scrolls and points in time, which also expire without it.
const MAX_RELEASE_WAIT: Duration = Duration::from_secs(5);
const TASK_POLL_INTERVAL: Duration = Duration::from_millis(500);

/// A connected cluster. Cheap to clone: all clones share one client.
#[derive(Clone, Debug)]
pub struct Cluster {
    pub(crate) identity: Arc<Identity>,
    pub(crate) http: Arc<HttpClient>,
    pub(crate) contexts: Arc<SearchContexts>,
}

/// The response to `GET /`.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) uuid: String,
    pub(crate) version: Version,
    /// `version.build_flavor: serverless`, which does not support model snapshots.
    pub(crate) serverless: bool,
}

/// Privileges that a command needs.
#[derive(Clone, Debug, Default)]
pub struct RequiredPrivileges {
    /// Cluster privileges.
    pub cluster: Vec<&'static str>,
    /// Privileges on indices.
    pub indices: Vec<IndexPrivileges>,
}

/// Index patterns with their privileges.
pub type IndexPrivileges = (Vec<String>, Vec<&'static str>);

/// The response to `GET /_ml/info`.
#[derive(Clone, Debug)]
pub struct MlInfo {
    /// In upgrade mode, ML rejects changes with status 429.
    pub upgrade_mode: bool,
    /// `limits.max_model_memory_limit` in bytes, above which the cluster rejects a job; `None` without a limit.
    pub max_model_memory: Option<u64>,
    /// `limits.effective_max_model_memory_limit` in bytes: the largest model that fits on the current nodes.
    pub room_for_model_memory: Option<u64>,
    /// `defaults.anomaly_detectors.categorization_analyzer`.
    pub default_categorization_analyzer: Option<Value>,
}

/// The response to `GET /_license`.
#[derive(Clone, Debug, Deserialize)]
pub struct License {
    /// `trial`, `basic`, `platinum`, `enterprise` …
    #[serde(rename = "type")]
    pub kind: String,
    /// `active`, `expired` …
    pub status: String,
}

impl Cluster {
    /// Connects with `GET /`. If there is no response in time, the error is that of the last attempt.
    pub(crate) async fn connect(http: Arc<HttpClient>) -> Result<Self> {
        let limit = MAX_INITIAL_TIMEOUT.min(http.options.timeout);
        let root = Request::get(Path::of([])).returns(BodyLimit::Status);
        let mut failed = None;
        let sent = http.send_noting_failure(&root, &mut failed);
        let answer = within(&*http.clock, limit, sent).await;
        let answer = answer.unwrap_or_else(|| Err(failed.unwrap_or_else(|| Error::timeout(&root.what(), limit))));
        Ok(Self {
            identity: Arc::new(Identity::parse(http.options.address.as_str(), answer)?),
            http,
            contexts: Arc::default(),
        })
    }

    /// The address without credentials, for messages.
    pub fn address(&self) -> &str {
        self.http.options.address.as_str()
    }

    /// Whether this is the same cluster.
    pub fn is_same(&self, other: &Self) -> bool {
        let (uuid, others) = (&self.identity.uuid, &other.identity.uuid);
        self.address() == other.address() || uuid == others && !uuid.is_empty()
    }

    /// Name, address and version, for messages.
    pub fn description(&self) -> String {
        let Identity { name, version, .. } = &*self.identity;
        format!("cluster {name} ({}, Elasticsearch {version})", self.address())
    }

    /// The clock that measures pauses and timeouts.
    pub fn clock(&self) -> &dyn Clock {
        &*self.http.clock
    }

    /// For operations of several requests, or with a check before each retry.
    pub fn backoff(&self) -> Backoff<'_> {
        self.http.backoff()
    }

    /// Closes every open scroll and point in time, also after an interruption.
    pub async fn release(&self) {
        within(self.clock(), MAX_RELEASE_WAIT, self.contexts.close_all(&self.http)).await;
    }

    /// Prevents new requests until the returned value is dropped, and waits for those in flight up to a limit, so that
    /// their results are known.
    pub async fn pause(&self) -> impl Sized {
        let mut paused = Box::pin(self.http.in_flight.write());
        let idle = within(self.clock(), MAX_PAUSE_WAIT, &mut paused).await;
        // A pending write lock prevents new requests even if the wait ended early.
        (idle, paused)
    }

    /// If writes had no response, waits until the cluster no longer executes them, so that a rollback is not followed by a
    /// write. Waits at most for the timeout of a request. Requests that have not reached the cluster are not noticed.
    pub async fn wait_for_tasks(&self) {
        if !self.http.unanswered_write.swap(false, Ordering::Relaxed) {
            return;
        }
        let done = async {
            while self.has_tasks_of_ours().await {
                self.clock().pause(TASK_POLL_INTERVAL).await;
            }
        };
        within(self.clock(), self.http.options.timeout, done).await;
    }

    /// False also if the cluster does not list its tasks.
    async fn has_tasks_of_ours(&self) -> bool {
        let request = Request::get(Path::of(["_tasks"]))
            .query("actions", "indices:*,cluster:admin/*")
            .query("group_by", "none");
        let listed: Value = self.http.json(request).await.unwrap_or_default();
        let tasks = listed["tasks"].as_array().into_iter().flatten();
        let mut headers = tasks.filter_map(|task| task["headers"].as_object()).flatten();
        headers.any(|(name, value)| name.eq_ignore_ascii_case("x-opaque-id") && *value == *self.http.opaque_id)
    }

    /// `GET /_ml/info`; `None` if the cluster does not have ML.
    pub async fn ml_info(&self) -> Result<Option<MlInfo>> {
        let info = self.http.json_if_supported(Request::get(Path::of(["_ml", "info"])));
        Ok(info.await?.as_ref().map(MlInfo::from_json))
    }

    /// `GET /_license`; `None` if the cluster does not have this API.
    pub async fn license(&self) -> Result<Option<License>> {
        #[derive(Deserialize)]
        struct Answer {
            license: License,
        }
        let answer = self.http.json_if_supported(Request::get(Path::of(["_license"])));
        Ok(answer.await?.map(|answer: Answer| answer.license))
    }
}

impl Identity {
    /// Accepts Elasticsearch. For any other server, the error describes it.
    fn parse(address: &str, answer: Result<Response>) -> Result<Self> {
        let address = address.to_owned();
        let identity = match answer {
            Ok(response) => match serde_json::from_slice(&response.body) {
                Ok(root) => Self::from_json(&root),
                Err(_) => Err(format!("returned {}", first_line(&response.body))),
            },
            Err(Error::Refused { source, .. }) if matches!(source.status, 400 | 404 | 405) => {
                Err(format!("returned {} {}", source.status, source.reason))
            }
            Err(error) => return Err(error),
        };
        match identity {
            Ok(Self {
                version, serverless, ..
            }) if !serverless && !version.is_supported() => Err(Error::UnsupportedVersion { address, version }),
            identity => identity.map_err(|found| Error::NotElasticsearch { address, found }),
        }
    }

    /// For any other server, the error describes it.
    fn from_json(root: &Value) -> Result<Self, String> {
        let text = |pointer: &str| root.pointer(pointer).and_then(Value::as_str);
        let short = |text: &str| text.chars().filter(|c| !c.is_control()).take(60).collect::<String>();
        let unknown = || "returned other JSON".to_owned();
        let number = text("/version/number").ok_or_else(unknown)?;
        match text("/version/distribution") {
            Some("opensearch") => return Err(format!("is OpenSearch {}", short(number))),
            Some(other) => return Err(format!("is {} {}", short(other), short(number))),
            None => {}
        }
        let serverless = text("/version/build_flavor") == Some("serverless");
        let version = Version::parse(number).ok_or_else(unknown)?;
        let tagline = text("/tagline").is_some_and(|tagline| tagline.starts_with("You Know, for Search"));
        let name = text("/cluster_name").filter(|_| tagline || serverless);
        Ok(Self {
            name: name.ok_or_else(unknown)?.to_owned(),
            uuid: text("/cluster_uuid").unwrap_or_default().to_owned(),
            version,
            serverless,
        })
    }
}

impl RequiredPrivileges {
    /// The privileges that the user does not have, as text; `None` if security is off. The request does not require a
    /// privilege.
    pub(crate) async fn missing(&self, http: &HttpClient) -> Result<Option<Vec<String>>> {
        let body = json!({ "cluster": self.cluster, "index": self.indices_json() });
        let request = Request::post(Path::of(["_security", "user", "_has_privileges"])).json(&body);
        let held: Option<HeldPrivileges> = http.json_if_supported(request).await?;
        Ok(held.map(HeldPrivileges::missing))
    }

    /// The body of the request that creates a role with all of these privileges.
    pub(crate) fn role(&self) -> Value {
        json!({ "cluster": self.cluster, "indices": self.indices_json() })
    }

    fn indices_json(&self) -> Value {
        let indices = self.indices.iter();
        let indices = indices.filter(|(names, privileges)| !names.is_empty() && !privileges.is_empty());
        let indices = indices.map(|(names, privileges)| json!({ "names": names, "privileges": privileges }));
        indices.collect()
    }
}

/// Which privileges the user has.
#[derive(Default, Deserialize)]
#[serde(default)]
struct HeldPrivileges {
    cluster: BTreeMap<String, bool>,
    index: BTreeMap<String, BTreeMap<String, bool>>,
}

impl HeldPrivileges {
    fn missing(self) -> Vec<String> {
        let all = std::iter::once(("the cluster".to_owned(), self.cluster)).chain(self.index);
        let missing = all.flat_map(|(on, privileges)| {
            let missing = privileges.into_iter().filter(|(_, has)| !has);
            missing.map(move |(privilege, _)| format!("`{privilege}` on {on}"))
        });
        missing.collect()
    }
}

impl MlInfo {
    fn from_json(info: &Value) -> Self {
        let limit = |name: &str| info["limits"][name].as_str().and_then(parse_size);
        let analyzer = info.pointer("/defaults/anomaly_detectors/categorization_analyzer");
        Self {
            upgrade_mode: info["upgrade_mode"].as_bool().unwrap_or(false),
            max_model_memory: limit("max_model_memory_limit").filter(|limit| *limit > 0),
            room_for_model_memory: limit("effective_max_model_memory_limit"),
            default_categorization_analyzer: analyzer.cloned(),
        }
    }
}

impl License {
    /// Whether the license includes anomaly detection: an active trial, platinum or enterprise license.
    pub fn permits_ml(&self) -> bool {
        self.status == "active" && matches!(self.kind.as_str(), "trial" | "platinum" | "enterprise")
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
    fn elasticsearch_is_accepted() {
        let identity = parse(&root(r#"{"number":"8.0.0-SNAPSHOT","build_flavor":"default"}"#)).unwrap();
        assert_eq!((identity.name.as_str(), identity.uuid.as_str()), ("c", "u"));
        assert_eq!((identity.version.major, identity.serverless), (8, false));
        let serverless = parse(&root(r#"{"number":"8.11.0","build_flavor":"serverless"}"#)).unwrap();
        assert!(serverless.serverless);
    }

    #[test]
    fn other_servers_are_refused_by_name() {
        for (body, name) in [
            (
                root(r#"{"number":"2.11.0","distribution":"opensearch"}"#),
                "OpenSearch 2.11.0",
            ),
            (root(r#"{"number":"6.8.23"}"#), "runs Elasticsearch 6.8.23"),
            (root(r#"{"number":"7.9.3"}"#), "runs Elasticsearch 7.9.3"),
            (root(r#"{"number":"10.0.0"}"#), "runs Elasticsearch 10.0.0"),
            ("<html><title>Kibana".to_owned(), "an HTML page instead of JSON"),
            ("{}".to_owned(), "other JSON"),
        ] {
            let error = parse(&body).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn missing_privileges_are_listed() {
        let answer: HeldPrivileges = serde_json::from_str(
            r#"{"username":"u","has_all_requested":false,"cluster":{"monitor":true,"manage_ml":false},
                "index":{".ml-state*":{"read":true,"write":false}},"application":{}}"#,
        )
        .unwrap();
        assert_eq!(
            answer.missing(),
            ["`manage_ml` on the cluster", "`write` on .ml-state*"]
        );
    }

    #[test]
    fn limits_are_parsed_as_bytes() {
        let info = MlInfo::from_json(&json!({
            "upgrade_mode": true,
            "limits": { "effective_max_model_memory_limit": "1.5gb" },
            "defaults": { "anomaly_detectors": { "categorization_analyzer": { "tokenizer": "ml_classic" } } },
        }));
        assert!(info.upgrade_mode && info.default_categorization_analyzer.is_some());
        assert_eq!(
            (info.max_model_memory, info.room_for_model_memory),
            (None, Some(3 << 29))
        );
        let both =
            json!({ "limits": { "max_model_memory_limit": "512mb", "effective_max_model_memory_limit": "1gb" } });
        assert_eq!(MlInfo::from_json(&both).max_model_memory, Some(512 << 20));
        let unbound = json!({ "limits": { "max_model_memory_limit": "0b" } });
        assert_eq!(MlInfo::from_json(&unbound).max_model_memory, None);
        assert_eq!(MlInfo::from_json(&json!({})).max_model_memory, None);
    }

    #[test]
    fn only_some_licenses_include_ml() {
        let license = |kind: &str, status: &str| License {
            kind: kind.to_owned(),
            status: status.to_owned(),
        };
        assert!(license("trial", "active").permits_ml() && license("enterprise", "active").permits_ml());
        assert!(!license("basic", "active").permits_ml() && !license("platinum", "expired").permits_ml());
    }
}

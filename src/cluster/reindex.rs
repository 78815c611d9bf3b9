//! Reindexing from another cluster: this cluster searches the other one and indexes the documents, each request in a task.

use serde_json::{Value, json};

use crate::cluster::cluster::Cluster;
use crate::cluster::http::error::ErrorResponse;
use crate::cluster::http::{BodyLimit, Error, Path, Request, Result};
use crate::cluster::search::query::{Search, SearchRange};

const ACTION: &str = "indices:data/write/reindex";
/// The start of the HTTP status in the error of a request to the other cluster.
const STATUS_LINE: &str = "status line [HTTP/1.1 ";

/// A request that copies the documents of a search on another cluster, under their IDs. Documents that exist are skipped, so
/// that it can be repeated.
#[derive(Clone, Debug)]
pub struct Reindex {
    /// The other cluster.
    pub source: Cluster,
    /// The documents, with the fields that are copied.
    pub search: Search,
    /// The index to which they are copied.
    pub index: String,
    /// The limit of each request, in documents per second.
    pub requests_per_second: Option<u32>,
}

/// The state of a task that copies documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReindexProgress {
    /// The documents that were copied, or existed.
    pub documents: u64,
    /// Whether the task has copied all of them.
    pub completed: bool,
}

/// Why a cluster cannot read from another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoteFailure {
    /// The address is not in `reindex.remote.whitelist`.
    NotAllowed,
    /// The certificate is not trusted, or the other cluster does not use TLS.
    Tls,
    /// No connection.
    Unreachable,
    /// The other cluster does not accept the credential, or does not permit the search.
    Credential,
}

impl RemoteFailure {
    /// `None` if the request failed for another reason.
    pub fn of(error: &Error) -> Option<Self> {
        const UNREACHABLE: [&str; 4] = [
            "connect_exception",
            "connect_timeout_exception",
            "no_route_to_host_exception",
            "unknown_host_exception",
        ];
        let response = error.response()?;
        let causes = || response.causes.iter().chain([&response.kind]);
        if response.reason.contains("whitelisted in") {
            Some(Self::NotAllowed)
        } else if causes().any(|kind| kind.starts_with("s_s_l_")) {
            Some(Self::Tls)
        } else if causes().any(|kind| UNREACHABLE.contains(&&**kind)) {
            Some(Self::Unreachable)
        } else if matches!(response.status, 401 | 403) && response.is_or_has("response_exception") {
            Some(Self::Credential)
        } else {
            None
        }
    }
}

impl Reindex {
    /// `POST /_reindex` with this query.
    fn request(&self, query: &Value) -> Result<Request> {
        let options = &self.source.http.options;
        let path = options.address.path().trim_end_matches('/');
        let mut remote = json!({
            "host": format!("{}://{}{path}", options.address.scheme(), self.source.host_and_port()),
            "socket_timeout": format!("{}ms", options.timeout.as_millis()),
        });
        if let Some(credential) = &options.credential {
            remote["headers"] = json!({ "Authorization": credential.header()?.to_str().unwrap_or_default() });
        }
        let source = json!({
            "remote": remote, "index": self.search.indices, "query": query, "_source": self.search.fields,
            "size": self.search.max_page(),
        });
        let dest = json!({ "index": self.index, "op_type": "create" });
        let body = json!({ "source": source, "dest": dest, "conflicts": "proceed" });
        let request = Request::post(Path::of(["_reindex"])).json(&body);
        Ok(request.returns(BodyLimit::Status))
    }
}

impl Cluster {
    /// Checks that the cluster can read the documents, with a request that copies none. It creates no index.
    pub async fn check_reindex(&self, reindex: &Reindex) -> Result<()> {
        self.http.execute(reindex.request(&json!({ "match_none": {} }))?).await
    }

    /// Starts a task that copies the documents of a range of time, and returns its ID.
    pub async fn start_reindex(&self, reindex: &Reindex, range: SearchRange) -> Result<String> {
        let mut request = reindex.request(&reindex.search.in_range(range).query)?;
        request = request.query("wait_for_completion", "false");
        if let Some(limit) = reindex.requests_per_second {
            request = request.query("requests_per_second", limit.to_string());
        }
        let started: Value = self.http.json(request).await?;
        let task = started["task"].as_str().map(str::to_owned);
        task.ok_or_else(|| Error::unexpected("POST /_reindex", "task is missing"))
    }

    /// The progress of a task.
    ///
    /// # Errors
    /// Also if the task failed, was canceled, or no longer exists because its node was restarted.
    pub async fn reindex_progress(&self, task: &str) -> Result<ReindexProgress> {
        let request = Request::get(Path::of(["_tasks", task])).accept_404();
        let response = self.http.send(&request.returns(BodyLimit::Status)).await?;
        let found: Value = response.json()?;
        let failed = |source| Err(task_failed(source));
        if let error @ Value::Object(_) = &found["error"] {
            return failed(ErrorResponse::from_json(remote_status(error), error));
        }
        let (result, status) = (&found["response"], &found["task"]["status"]);
        match &result["failures"][0] {
            Value::Null => {}
            failure if failure["cause"].is_object() => {
                let text = |member: &str| failure[member].as_str().unwrap_or_default().into();
                let status = failure["status"].as_u64().unwrap_or_default() as u16;
                let source = ErrorResponse::from_json(status, &failure["cause"]);
                let (index, id) = (text("index"), text("id"));
                return Err(Error::ItemRejected { index, id, source });
            }
            failure => return failed(ErrorResponse::from_json(500, &failure["reason"])),
        }
        if let Some(by) = result["canceled"].as_str() {
            return failed(ErrorResponse::without_type(500, &format!("the task was canceled {by}")));
        }
        let copied = |member: &str| status[member].as_u64().unwrap_or_default();
        Ok(ReindexProgress {
            documents: copied("created") + copied("version_conflicts"),
            completed: found["completed"].as_bool().unwrap_or_default(),
        })
    }

    /// Cancels all tasks that copy documents to this index, also those of earlier runs, and waits until they have ended.
    pub async fn cancel_reindex(&self, index: &str) -> Result<()> {
        let listing = Request::get(Path::of(["_tasks"])).query("actions", ACTION);
        let listing = listing.query("detailed", "true").query("group_by", "none");
        let listed: Value = self.http.json(listing).await?;
        let target = format!("] to [{index}]");
        for task in listed["tasks"].as_array().into_iter().flatten() {
            let description = task["description"].as_str().unwrap_or_default();
            let id = format!("{}:{}", task["node"].as_str().unwrap_or_default(), task["id"]);
            if description.contains(&target) {
                let cancel = Request::post(Path::of(["_tasks", &id, "_cancel"])).accept_404();
                self.http.send(&cancel.query("wait_for_completion", "true")).await?;
            }
        }
        Ok(())
    }
}

/// The failure of a task. It can be repeated unless the other cluster cannot be read at all.
fn task_failed(source: ErrorResponse) -> Error {
    let what = "POST /_reindex".to_owned();
    let error = Error::Refused { what, source };
    match (RemoteFailure::of(&error), error) {
        (None | Some(RemoteFailure::Unreachable), Error::Refused { what, source }) => {
            Error::TaskFailed { what, source }
        }
        (_, error) => error,
    }
}

/// The HTTP status that the other cluster returned to the task; 500 if the task failed for another reason.
fn remote_status(error: &Value) -> u16 {
    let mut causes = std::iter::successors(Some(error), |error| error.get("caused_by"));
    let status = causes.find_map(|cause| cause["reason"].as_str()?.split_once(STATUS_LINE)?.1.get(..3));
    status.and_then(|status| status.parse().ok()).unwrap_or(500)
}

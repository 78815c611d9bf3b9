//! Reindexing from another cluster: this cluster searches the other one and indexes the documents, each request in a task.

use serde_json::{Value, json};

use crate::cluster::cluster::Cluster;
use crate::cluster::http::error::ErrorResponse;
use crate::cluster::http::{BodyLimit, Error, Path, Request, Result};
use crate::cluster::search::query::Search;

/// A request that copies the documents of a search on another cluster, under their IDs. Documents that exist are skipped, so
/// that it can be repeated.
#[derive(Clone, Debug)]
pub struct Reindex {
    /// The other cluster.
    pub source: Cluster,
    /// The documents, with the fields that are copied.
    pub search: Search,
    /// The alias of the index to which they are copied. Documents are rejected if it no longer exists.
    pub alias: String,
    /// The limit of each request, in documents per second.
    pub requests_per_second: Option<u32>,
}

impl Reindex {
    /// `POST /_reindex` with this query.
    fn request(&self, query: &Value) -> Result<Request> {
        let options = &self.source.http.options;
        let address = &options.address;
        let host = address.host_str().unwrap_or_default();
        let port = address.port_or_known_default().unwrap_or_default();
        let path = address.path().trim_end_matches('/');
        let mut remote = json!({
            "host": format!("{}://{host}:{port}{path}", address.scheme()),
            "socket_timeout": format!("{}ms", options.timeout.as_millis()),
        });
        if let Some(credential) = &options.credential {
            let header = credential.header()?;
            let header = header.to_str().map_err(|cause| Error::Options(cause.to_string()))?;
            remote["headers"] = json!({ "Authorization": header });
        }
        let source = json!({
            "remote": remote, "index": self.search.indices, "query": query, "_source": self.search.fields,
            "size": self.search.max_page(),
        });
        let dest = json!({ "index": self.alias, "op_type": "create" });
        let body = json!({ "source": source, "dest": dest, "conflicts": "proceed" });
        Ok(Request::post(Path::of(["_reindex"]))
            .json(&body)
            .returns(BodyLimit::Status))
    }
}

impl Cluster {
    /// Checks that the cluster can read the documents, with a request that copies none. It creates no index.
    pub async fn check_reindex(&self, reindex: &Reindex) -> Result<()> {
        self.http.execute(reindex.request(&json!({ "match_none": {} }))?).await
    }

    /// Starts a task that copies the documents, and returns its ID.
    pub async fn start_reindex(&self, reindex: &Reindex) -> Result<String> {
        let request = reindex.request(&reindex.search.query)?;
        let mut request = request.query("wait_for_completion", "false");
        if let Some(limit) = reindex.requests_per_second {
            request = request.query("requests_per_second", limit.to_string());
        }
        let started: Value = self.http.json(request).await?;
        let task = started["task"].as_str().map(str::to_owned);
        task.ok_or_else(|| Error::unexpected("POST /_reindex", "task is missing"))
    }

    /// The number of documents that a task created, and whether it has ended.
    ///
    /// # Errors
    /// Also if the task failed or was canceled, or no longer exists because its node was restarted.
    pub async fn reindex_progress(&self, task: &str) -> Result<(u64, bool)> {
        let request = Request::get(Path::of(["_tasks", task])).returns(BodyLimit::Status);
        let found: Option<Value> = self.http.json_if_found(request).await?;
        let found = found.unwrap_or_else(|| json!({ "error": { "reason": "the task no longer exists" } }));
        let (result, status) = (&found["response"], &found["task"]["status"]);
        let failure = &result["failures"][0];
        if failure["cause"].is_object() {
            let text = |member: &str| failure[member].as_str().unwrap_or_default().into();
            let status = failure["status"].as_u64().unwrap_or_default() as u16;
            let source = ErrorResponse::from_json(status, &failure["cause"]);
            let (index, id) = (text("index"), text("id"));
            return Err(Error::ItemRejected { index, id, source });
        }
        let canceled = result["canceled"].as_str().map(|by| {
            let reason = format!("the task was canceled {by}");
            json!({ "type": "task_cancelled_exception", "reason": reason })
        });
        let failed = [&found["error"], &failure["reason"]].into_iter().chain(&canceled);
        if let Some(error) = failed.into_iter().find(|error| error.is_object()) {
            let source = ErrorResponse::from_json(remote_status(error), error);
            let what = "POST /_reindex".to_owned();
            return Err(Error::TaskFailed { what, source });
        }
        let created = status["created"].as_u64().unwrap_or_default();
        Ok((created, found["completed"].as_bool().unwrap_or_default()))
    }

    /// Cancels a task. It has no effect if the task has ended.
    pub async fn cancel_task(&self, id: &str) -> Result<()> {
        let cancel = Request::post(Path::of(["_tasks", id, "_cancel"])).accept_404();
        self.http.send(&cancel).await.map(drop)
    }

    /// Cancels all tasks that copy documents to this alias.
    pub async fn cancel_reindex(&self, alias: &str) -> Result<()> {
        let listing = Request::get(Path::of(["_tasks"])).query("actions", "indices:data/write/reindex");
        let listing = listing.query("detailed", "true").query("group_by", "none");
        let listed: Value = self.http.json(listing).await?;
        let target = format!("] to [{alias}]");
        for task in listed["tasks"].as_array().into_iter().flatten() {
            if task["description"].as_str().is_some_and(|text| text.contains(&target)) {
                let node = task["node"].as_str().unwrap_or_default();
                self.cancel_task(&format!("{node}:{}", task["id"])).await?;
            }
        }
        Ok(())
    }
}

/// The status of the response of the other cluster that made a task fail; 0 if there was none.
fn remote_status(error: &Value) -> u16 {
    let reason = error["caused_by"]["reason"].as_str().unwrap_or_default();
    let line = reason.split_once("status line [HTTP/1.1 ");
    let status = line.and_then(|(_, line)| line.get(..3)?.parse().ok());
    status.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::cluster::tests::cluster;

    /// As a node of version 7.17.29 returned it.
    fn task(completed: bool, result: &str) -> String {
        format!(
            r#"{{"completed":{completed},"task":{{"node":"n","id":26,"action":"indices:data/write/reindex","status":{{"total":10000,
               "updated":0,"created":7000,"deleted":0,"batches":8,"version_conflicts":1000,"noops":0}}}}{result}}}"#
        )
    }

    async fn progress(status: u16, answer: String) -> Result<(u64, bool)> {
        let (cluster, _, _) = cluster("9.2.0", vec![(status, "", answer)]).await;
        cluster.reindex_progress("n:26").await
    }

    #[tokio::test]
    async fn created_documents_are_progress() {
        assert_eq!(progress(200, task(false, "")).await.unwrap(), (7000, false));
        let done = task(true, r#","response":{"took":9,"failures":[]}"#);
        assert_eq!(progress(200, done).await.unwrap(), (7000, true));
    }

    #[tokio::test]
    async fn failures_are_repeated_unless_a_document_is_rejected() {
        let refused = task(
            true,
            r#","error":{"type":"connect_exception","reason":"Connection refused"}"#,
        );
        let error = progress(200, refused).await.unwrap_err();
        assert!(error.is_transient());
        assert!(error.hint().unwrap().contains("the source is running"));
        let lost =
            r#"{"error":{"type":"resource_not_found_exception","reason":"task [n:26] isn't running"},"status":404}"#;
        assert!(progress(404, lost.to_owned()).await.unwrap_err().is_transient());
        let canceled = task(true, r#","response":{"canceled":"by user request","failures":[]}"#);
        let error = progress(200, canceled).await.unwrap_err();
        assert!(!error.is_transient());
        assert!(
            error.to_string().contains("the task was canceled by user request"),
            "{error}"
        );
        let unauthorized = r#","error":{"type":"status_exception","reason":"body={\"error\":{\"type\":\"security_exception\",\"reason\":\"no\"},\"status\":403}","caused_by":{"type":"response_exception","reason":"status line [HTTP/1.1 403 Forbidden]"}}"#;
        assert!(
            !progress(200, task(true, unauthorized))
                .await
                .unwrap_err()
                .is_transient()
        );
        let rejected = task(
            true,
            r#","response":{"failures":[{"index":"i","type":"_doc","id":"7","cause":{"type":"mapper_parsing_exception",
               "reason":"failed to parse field [a] of type [long]"},"status":400}]}"#,
        );
        let error = progress(200, rejected).await.unwrap_err();
        assert!(!error.is_transient());
        assert!(error.to_string().starts_with("i: document 7 rejected: 400"), "{error}");
    }

    #[test]
    fn the_response_of_the_other_cluster_is_the_reason() {
        let answer = r#"{"error":{"type":"status_exception","reason":"body={\"error\":{\"type\":\"security_exception\",\"reason\":\"unable to authenticate user [ada]\"},\"status\":401}",
            "caused_by":{"type":"response_exception","reason":"method [GET], status line [HTTP/1.1 401 Unauthorized]"}},"status":401}"#;
        let response = ErrorResponse::parse(401, answer.as_bytes());
        let error = Error::from_response("POST /_reindex", response, Some("API key"));
        assert!(
            error
                .to_string()
                .contains("401 the other cluster returned unable to authenticate user [ada]"),
            "{error}"
        );
        assert!(error.hint().unwrap().contains("use a credential with"));
    }
}

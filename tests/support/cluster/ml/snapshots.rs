//! Model snapshots: list, update, delete.

use serde_json::{Value, json};

use super::calendars::normalized_time;
use super::docs::{Docs, Hit, encode};
use super::indices::{STATE, read_alias};
use super::reply::{Reply, acknowledged, illegal, merge, not_found, ok};
use super::{MlApi, Request};
use crate::support::cluster::Answer;

/// The 404 response for a snapshot.
pub fn no_snapshot(job: &str, id: &str) -> Answer {
    not_found(format!("No model snapshot with id [{id}] exists for job [{job}]"))
}

/// Returns a snapshot as the API does: without quantiles, with defaults.
pub fn snapshot_json(snapshot: &Value) -> Value {
    let mut shown = json!({});
    for (key, value) in snapshot.as_object().into_iter().flatten() {
        match key.as_str() {
            "quantiles" => {}
            "model_size_stats" => shown[key] = super::stats::with_size_defaults(value),
            "timestamp" | "latest_record_time_stamp" | "latest_result_time_stamp" => {
                shown[key] = normalized_time(value)
            }
            _ => shown[key] = value.clone(),
        }
    }
    if shown.get("retain").is_none() {
        shown["retain"] = json!(false);
    }
    shown
}

/// Returns the snapshot document, if a search finds it.
pub async fn find(docs: &Docs, job: &str, id: &str) -> Option<Hit> {
    docs.by_id(&read_alias(job), &format!("{job}_model_snapshot_{id}"))
        .await
}

impl MlApi {
    pub(super) async fn list_snapshots(
        &self,
        job: &str,
        id: Option<&str>,
        request: &Request<'_>,
        docs: &Docs,
    ) -> Reply {
        request.check_params(&["from", "size", "sort", "desc", "start", "end"])?;
        self.job(job)?;
        let body = request.json()?;
        let known: super::fields::Fields = &[
            ("job_id", (0, 0)),
            ("snapshot_id", (0, 0)),
            ("start", (0, 0)),
            ("end", (0, 0)),
            ("sort", (0, 0)),
            ("desc", (0, 0)),
            ("page", (0, 0)),
        ];
        let parser = "cluster:monitor/xpack/ml/job/model_snapshots/get";
        super::config::check_fields(&body, known, &self.version(), &[], parser, request.body)?;
        let text = |name: &str| match &body[name] {
            Value::String(text) => Some(text.clone()),
            Value::Null if request.body.is_empty() => request.param(name).map(str::to_owned),
            Value::Null => None,
            other => Some(other.to_string()),
        };
        let number = |name: &str, otherwise: u64| {
            let asked = request.param(name).and_then(|value| value.parse().ok());
            body["page"][name]
                .as_u64()
                .or(asked.filter(|_| request.body.is_empty()))
                .unwrap_or(otherwise)
        };
        let mut filter = vec![
            json!({"exists": {"field": "snapshot_doc_count"}}),
            json!({"term": {"job_id": job}}),
        ];
        let mut range = json!({});
        for (name, bound) in [("start", "gte"), ("end", "lt")] {
            if let Some(time) = text(name) {
                range[bound] = time.parse::<i64>().map_or_else(|_| json!(time), |time| json!(time));
            }
        }
        if range != json!({}) {
            filter.push(json!({"range": {"timestamp": range}}));
        }
        if let Some(id) = id.filter(|id| !matches!(*id, "_all" | "*")) {
            let newer = self.version().since(8, 0);
            let ids: Vec<&str> = if newer { id.split(',').collect() } else { vec![id] };
            filter.push(json!({"terms": {"snapshot_id": ids}}));
        }
        let order = if text("desc").as_deref() == Some("false") {
            "asc"
        } else {
            "desc"
        };
        let sort = text("sort").unwrap_or_else(|| "timestamp".to_owned());
        let (from, size) = (number("from", 0), number("size", 100));
        if from + size > 10_000 {
            return Err(illegal(format!(
                "The sum of parameters [from] and [size] cannot be higher than [10000]. Please use filters to reduce the number of results. Got [{}]",
                from + size
            )));
        }
        let search = json!({"query": {"bool": {"filter": filter}}, "from": from, "size": size,
            "sort": [{sort: {"order": order}}]});
        let (count, hits) = docs.search_counted(&read_alias(job), search).await;
        let snapshots: Vec<Value> = hits.iter().map(|hit| snapshot_json(&hit.source)).collect();
        ok(json!({"count": count, "model_snapshots": snapshots}))
    }

    pub(super) async fn update_snapshot(&self, job: &str, id: &str, request: &Request<'_>, docs: &Docs) -> Reply {
        self.job(job)?;
        let change = request.json()?;
        let known: super::fields::Fields = &[("description", (0, 0)), ("retain", (0, 0))];
        let parser = "cluster:admin/xpack/ml/job/model_snapshots/update";
        super::config::check_fields(&change, known, &self.version(), &[], parser, request.body)?;
        let mut found = find(docs, job, id).await.ok_or_else(|| no_snapshot(job, id))?;
        merge(&mut found.source, &change);
        docs.put(&found.index, &found.id, "refresh=true", &found.source).await;
        ok(json!({"acknowledged": true, "model": snapshot_json(&found.source)}))
    }

    pub(super) async fn delete_snapshot(&self, job: &str, id: &str, docs: &Docs) -> Reply {
        let kept = self.job(job)?;
        let found = find(docs, job, id)
            .await
            .ok_or_else(|| not_found(format!("No model snapshot with id [{id}] exists for job [{job}]")))?;
        if kept.config["model_snapshot_id"] == id {
            return Err(illegal(format!(
                "Model snapshot '{id}' is the active snapshot for job '{job}', so cannot be deleted"
            )));
        }
        let ids = super::delete::state_ids(job, &found.source);
        docs.delete_by_query(STATE, json!({"ids": {"values": ids}})).await;
        let annotation = format!("annotation_for_{job}_model_snapshot_{id}");
        docs.delete_by_query(".ml-annotations-read", json!({"ids": {"values": [annotation]}}))
            .await;
        let path = format!("/{}/_doc/{}", encode(&found.index), encode(&found.id));
        docs.send("DELETE", &path, "refresh=true", None).await;
        acknowledged()
    }
}

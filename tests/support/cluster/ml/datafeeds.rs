//! Datafeeds: put, get, stats, start, stop, delete.

use serde_json::{Value, json};

use super::docs::Docs;
use super::fields;
use super::jobs::no_job;
use super::options::MlOptions;
use super::reply::{Reply, acknowledged, exists, illegal, merge, no_handler, not_found, ok, status};
use super::store::{Datafeed, JobState};
use super::{MlApi, Request, User, config, listing};
use crate::support::cluster::Answer;

fn no_datafeed(id: &str) -> Answer {
    not_found(format!("No datafeed with id [{id}] exists"))
}

impl MlApi {
    pub(super) async fn datafeeds(
        &self,
        method: &str,
        rest: &[&str],
        options: &MlOptions,
        request: &Request<'_>,
        docs: &Docs,
        user: Option<&User>,
    ) -> Reply {
        match (method, rest) {
            ("GET", []) => self.get_datafeeds("_all", options, request),
            ("GET", ["_stats"]) => self.datafeed_stats("_all"),
            ("GET", [id]) => self.get_datafeeds(id, options, request),
            ("GET", [id, "_stats"]) => self.datafeed_stats(id),
            ("PUT", [id]) => {
                let given = request.json()?;
                config::check_datafeed(&given, &options.version, &[], request.body)?;
                ok(self.add_datafeed(id, &given, options, user)?)
            }
            ("POST", [id, "_update"]) => self.update_datafeed(id, request),
            ("POST", [id, "_start"]) => self.start(id, request, docs).await,
            ("POST", [id, "_stop"]) => self.stop(id),
            ("DELETE", [id]) => self.delete_datafeed(id, request),
            _ => Err(no_handler(request.method, &request.uri)),
        }
    }

    fn expand_datafeeds(&self, expression: &str, allow_no_match: bool) -> Result<Vec<String>, Answer> {
        let names: Vec<_> = self
            .store()
            .datafeeds
            .keys()
            .map(|id| (id.clone(), Vec::new()))
            .collect();
        listing::expand(expression, &names, allow_no_match, no_datafeed)
    }

    fn get_datafeeds(&self, expression: &str, options: &MlOptions, request: &Request<'_>) -> Reply {
        let mut known = vec!["allow_no_match"];
        if options.version.since(7, 11) {
            known.push("exclude_generated");
        }
        if !options.version.since(8, 0) {
            known.push("allow_no_datafeeds");
        }
        request.check_params(&known)?;
        let ids = self.expand_datafeeds(expression, request.param("allow_no_match") != Some("false"))?;
        let store = self.store();
        let datafeeds: Vec<Value> = ids
            .iter()
            .map(|id| {
                let mut shown = store.datafeeds[id].config.clone();
                if let Some(fields) = shown.as_object_mut().filter(|_| request.flag("exclude_generated")) {
                    fields.shift_remove("authorization");
                    if fields["indices_options"] == default_indices_options() {
                        fields.shift_remove("indices_options");
                    }
                    if fields["chunking_config"] == json!({"mode": "auto"}) {
                        fields.shift_remove("chunking_config");
                    }
                    if fields["query_delay"]
                        .as_str()
                        .is_some_and(|delay| delay.ends_with("ms"))
                    {
                        fields.shift_remove("query_delay");
                    }
                }
                shown
            })
            .collect();
        ok(json!({"count": datafeeds.len(), "datafeeds": datafeeds}))
    }

    fn datafeed_stats(&self, expression: &str) -> Reply {
        let ids = self.expand_datafeeds(expression, true)?;
        let store = self.store();
        let datafeeds: Vec<Value> = ids
            .iter()
            .map(|id| {
                let datafeed = &store.datafeeds[id];
                json!({"datafeed_id": id, "state": if datafeed.started { "started" } else { "stopped" },
                    "timing_stats": {"job_id": datafeed.config["job_id"], "search_count": 0, "bucket_count": 0,
                        "total_search_time_ms": 0.0, "exponential_average_search_time_per_hour_ms": 0.0}})
            })
            .collect();
        ok(json!({"count": datafeeds.len(), "datafeeds": datafeeds}))
    }

    /// Checks and stores a datafeed, and returns it.
    pub(super) fn add_datafeed(
        &self,
        id: &str,
        given: &Value,
        options: &MlOptions,
        user: Option<&User>,
    ) -> Result<Value, Answer> {
        config::check_id("datafeed_id", id)?;
        let job = given["job_id"]
            .as_str()
            .ok_or_else(|| illegal("[job_id] must not be null"))?
            .to_owned();
        if given
            .get("indices")
            .or(given.get("indexes"))
            .and_then(Value::as_array)
            .is_none_or(Vec::is_empty)
        {
            return Err(illegal("Invalid indices value 'null' in configuration"));
        }
        if let Some(user) = user {
            user.may_read_for_datafeed(id, given)?;
        }
        let mut store = self.store();
        let Some(theirs) = store.jobs.get(&job) else {
            return Err(no_job(&job));
        };
        config::check_intervals(given, &theirs.config)?;
        if let Some((other, _)) = store.datafeed_of(&job) {
            return Err(status(
                409,
                format!("A datafeed [{other}] already exists for job [{job}]"),
            ));
        }
        if store.datafeeds.contains_key(id) {
            return Err(exists(format!("A datafeed with id [{id}] already exists")));
        }
        let mut kept = complete(id, given);
        if let Some(user) = user.filter(|_| options.version.since(8, 4)) {
            kept["authorization"] = user.authorization();
        }
        store.datafeeds.insert(
            id.to_owned(),
            Datafeed {
                config: kept.clone(),
                started: false,
            },
        );
        Ok(kept)
    }

    fn update_datafeed(&self, id: &str, request: &Request<'_>) -> Reply {
        let change = request.json()?;
        config::check_fields(
            &change,
            fields::DATAFEED,
            &self.version(),
            &[],
            "datafeed_update",
            request.body,
        )?;
        let mut store = self.store();
        let datafeed = store.datafeeds.get_mut(id).ok_or_else(|| no_datafeed(id))?;
        if datafeed.started {
            return Err(status(
                409,
                format!("Cannot update datafeed [{id}] while its status is STARTED"),
            ));
        }
        merge(&mut datafeed.config, &change);
        ok(datafeed.config.clone())
    }

    /// By default, starts one millisecond after the last record of the job.
    async fn start(&self, id: &str, request: &Request<'_>, docs: &Docs) -> Reply {
        let datafeed = self.store().datafeeds.get(id).cloned().ok_or_else(|| no_datafeed(id))?;
        let job = datafeed.config["job_id"].as_str().unwrap_or_default().to_owned();
        let state = self.job(&job)?.state;
        if state != JobState::Opened {
            let state = state.name();
            return Err(status(
                409,
                format!("cannot start datafeed [{id}] because job [{job}] is [{state}]"),
            ));
        }
        if datafeed.started {
            return Err(status(
                409,
                format!("cannot start datafeed [{id}] because it has already been started"),
            ));
        }
        let body = request.json()?;
        let asked = match &body["start"] {
            Value::Null => request.param("start").and_then(super::calendars::parse_timestamp),
            Value::String(text) => super::calendars::parse_timestamp(text),
            other => other.as_i64(),
        };
        let counts = self.data_counts(&job, docs).await?;
        let known = counts["latest_record_timestamp"].as_i64().map(|latest| latest + 1);
        let start = asked.max(known).unwrap_or(0);
        self.change_job(&job, |job| {
            job.restored.get_or_insert_default().datafeed_start = Some(start)
        });
        if let Some(datafeed) = self.store().datafeeds.get_mut(id) {
            datafeed.started = true;
        }
        ok(json!({"started": true, "node": "JwtHi3W5RjeNo0QVeH6naA"}))
    }

    fn stop(&self, expression: &str) -> Reply {
        for id in self.expand_datafeeds(expression, true)? {
            if let Some(datafeed) = self.store().datafeeds.get_mut(&id) {
                datafeed.started = false;
            }
        }
        ok(json!({"stopped": true}))
    }

    fn delete_datafeed(&self, id: &str, request: &Request<'_>) -> Reply {
        let mut store = self.store();
        let datafeed = store.datafeeds.get(id).ok_or_else(|| no_datafeed(id))?;
        if datafeed.started && !request.flag("force") {
            return Err(status(
                409,
                format!("Cannot delete datafeed [{id}] while its status is STARTED"),
            ));
        }
        store.datafeeds.remove(id);
        acknowledged()
    }
}

fn default_indices_options() -> Value {
    json!({"expand_wildcards": ["open"], "ignore_unavailable": false, "allow_no_indices": true,
        "ignore_throttled": true})
}

/// Adds the defaults of a datafeed; `query_delay` is random between 60 and 120 seconds.
fn complete(id: &str, given: &Value) -> Value {
    let mut kept = json!({"datafeed_id": id, "job_id": given["job_id"]});
    kept["query_delay"] = json!(format!("{}ms", fastrand::u32(60_000..120_000)));
    kept["indices"] = given
        .get("indices")
        .or(given.get("indexes"))
        .cloned()
        .unwrap_or_default();
    kept["query"] = json!({"match_all": {"boost": 1.0}});
    kept["scroll_size"] = json!(1000);
    let aggregations = given.get("aggregations").or(given.get("aggs"));
    kept["chunking_config"] = if aggregations.is_some() {
        json!({"mode": "manual", "time_span": "3600000ms"})
    } else {
        json!({"mode": "auto"})
    };
    kept["delayed_data_check_config"] = json!({"enabled": true});
    kept["indices_options"] = default_indices_options();
    let options = given.get("indices_options").cloned();
    merge(&mut kept, given);
    if let Some(fields) = kept.as_object_mut() {
        fields.shift_remove("indexes");
        if let Some(aggregations) = fields.shift_remove("aggs") {
            fields.insert("aggregations".to_owned(), aggregations);
        }
    }
    let mut all = default_indices_options();
    if let Some(options) = options {
        merge(&mut all, &options);
    }
    kept["indices_options"] = all;
    kept["datafeed_id"] = json!(id);
    kept
}

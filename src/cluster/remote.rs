//! Which remote clusters answered a search.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::cluster::search::leniently;
use crate::cluster::{Cluster, Error, Path, Request, Result, Search, refusal};
use crate::job::is_remote;

/// `_clusters` of a search answer; all zero where only the local cluster was searched.
#[derive(Debug, Default, Deserialize)]
pub(in crate::cluster) struct Clusters {
    #[serde(default)]
    total: u64,
    #[serde(default)]
    skipped: u64,
    #[serde(default)]
    partial: u64,
    #[serde(default)]
    failed: u64,
    /// By name, from 8.10 on.
    #[serde(default)]
    details: BTreeMap<String, Details>,
}

#[derive(Debug, Default, Deserialize)]
struct Details {
    #[serde(default)]
    status: String,
    #[serde(default)]
    failures: Vec<Value>,
}

/// Bytes of names in one request: the whole address may have 4 KiB (`http.max_initial_line_length`).
const MAX_NAMES: usize = 1024;

impl Cluster {
    /// `GET /<indices>/_field_caps`, which works across clusters: the types of each of these fields and objects that
    /// exists.
    ///
    /// # Errors
    /// Any of a request.
    pub async fn field_types(
        &self,
        indices: &[String],
        names: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, BTreeSet<String>>> {
        #[derive(Deserialize)]
        struct Capabilities {
            fields: BTreeMap<String, Map<String, Value>>,
        }
        let mut types = BTreeMap::new();
        let mut names = names.iter().peekable();
        while let Some(first) = names.next() {
            let mut together = first.clone();
            while let Some(next) = names.next_if(|next| together.len() + next.len() < MAX_NAMES) {
                together.push(',');
                together.push_str(next);
            }
            let request = Request::get(Path::indices(indices).then(["_field_caps"]));
            let request = leniently(request.query("fields", together));
            let what = request.what();
            let found: Capabilities = self.send(request).await?.parse(&what)?;
            let found = found.fields.into_iter();
            types.extend(found.map(|(name, kinds)| (name, kinds.into_iter().map(|(kind, _)| kind).collect())));
        }
        Ok(types)
    }
}

impl Clusters {
    /// Whether every cluster answered with all that it has.
    pub(in crate::cluster) fn are_complete(&self) -> bool {
        self.skipped + self.partial + self.failed == 0
    }

    /// The names of those that did not, each with what the cluster says about it.
    fn incomplete(&self) -> BTreeMap<&str, String> {
        let incomplete = self
            .details
            .iter()
            .filter(|(_, details)| matches!(&*details.status, "skipped" | "partial" | "failed"));
        let described = incomplete.map(|(name, details)| {
            let reason = details.failures.iter().find_map(|failure| failure.get("reason"));
            let reason = reason.map(refusal::shard_reason).filter(|reason| !reason.is_empty());
            let description = match reason {
                Some(reason) => format!("{name} ({}: {reason})", details.status),
                None => format!("{name} ({})", details.status),
            };
            (name.as_str(), description)
        });
        described.collect()
    }
}

impl Cluster {
    /// Fails where a remote cluster did not answer, or not with everything. A search that allows it goes on, and the
    /// names are kept for [`Cluster::incomplete_clusters`].
    pub(in crate::cluster) async fn require_all_clusters(
        &self,
        clusters: &Clusters,
        search: &Search,
        what: &str,
    ) -> Result<()> {
        if clusters.are_complete() {
            return Ok(());
        }
        let mut incomplete: BTreeMap<String, String> = clusters
            .incomplete()
            .into_iter()
            .map(|(name, description)| (name.to_owned(), description))
            .collect();
        if incomplete.is_empty() {
            let unreachable = self.unreachable_clusters().await.unwrap_or_default().into_iter();
            incomplete.extend(unreachable.map(|name| (name.clone(), format!("{name} (not connected)"))));
        }
        if incomplete.is_empty() {
            let number = clusters.skipped + clusters.partial + clusters.failed;
            let description = format!("{number} of {} clusters", clusters.total);
            incomplete.insert(description.clone(), description);
        }
        if !search.allow_partial {
            let clusters: Vec<String> = incomplete.into_values().collect();
            return Err(Error::ClustersMissing {
                what: what.to_owned(),
                clusters: clusters.join(", "),
            });
        }
        let mut known = self.incomplete().lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(incomplete.into_keys());
        Ok(())
    }

    /// The remote clusters that did not answer completely so far, in searches that allow it.
    pub fn incomplete_clusters(&self) -> BTreeSet<String> {
        self.incomplete().lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks every cluster that the search names whether it answers: a point in time does not tell on every version.
    pub(in crate::cluster) async fn ask_all_clusters(&self, search: &Search) -> Result<()> {
        if !search.is_remote() {
            return Ok(());
        }
        let body = json!({ "size": 0, "track_total_hits": false, "query": { "match_none": {} } });
        let request = Request::post(Path::indices(&search.indices).then(["_search"])).json(&body);
        self.page(search, search.addressed(request)).await.map(drop)
    }

    /// Versions before 8.10 do not name the clusters that they skip.
    async fn unreachable_clusters(&self) -> Result<Vec<String>> {
        #[derive(Deserialize)]
        struct Remote {
            #[serde(default)]
            connected: bool,
        }
        let request = Request::get(Path::of(["_remote", "info"]));
        let what = request.what();
        let all: Map<String, Value> = self.send(request).await?.parse(&what)?;
        let all = all
            .into_iter()
            .filter(|(_, remote)| Remote::deserialize(remote).is_ok_and(|remote| !remote.connected));
        Ok(all.map(|(name, _)| name).collect())
    }
}

impl Search {
    /// Whether it reads indices of other clusters.
    pub fn is_remote(&self) -> bool {
        self.indices.iter().any(|index| is_remote(index))
    }
}

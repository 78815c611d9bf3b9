//! The complete contents of a cluster, for comparisons.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::test_cluster::{Contents, TestCluster};

/// Documents byte for byte, configurations, and the aliases of each index.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterState {
    pub contents: Contents,
    pub configurations: Value,
    pub aliases: BTreeMap<String, BTreeSet<String>>,
}

/// Names that must never be those of an index, since Elasticsearch creates aliases with these names.
pub const ALIASES: [&str; 4] = [
    ".ml-state-write",
    ".ml-annotations-write",
    ".ml-notifications-write",
    ".ml-anomalies-.write-",
];

impl ClusterState {
    pub fn of(cluster: &TestCluster) -> Self {
        let indices = cluster.call("GET", "/*?expand_wildcards=all", "").value();
        let names = |index: &Value| {
            index["aliases"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, _)| name.clone())
                .collect()
        };
        Self {
            contents: cluster.contents(),
            configurations: cluster.ml.configurations(),
            aliases: indices
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, index)| (name.clone(), names(index)))
                .collect(),
        }
    }

    /// Excludes what differs between equal runs: notifications and audit data of the cluster, and its times.
    pub fn comparable(mut self) -> Self {
        self.contents
            .retain(|(index, id), _| !is_written_by_cluster(index, id) && !id.contains("_model_size_stats_"));
        for job in self.configurations["jobs"].as_array_mut().into_iter().flatten() {
            job["create_time"] = Value::Null;
        }
        for datafeed in self.configurations["datafeeds"].as_array_mut().into_iter().flatten() {
            datafeed["query_delay"] = Value::Null;
        }
        for calendar in self.configurations["calendars"].as_array_mut().into_iter().flatten() {
            for event in calendar["events"].as_array_mut().into_iter().flatten() {
                event["event_id"] = Value::Null;
            }
        }
        self
    }

    /// Asserts that this later state is the same, except for what Elasticsearch itself leaves.
    #[track_caller]
    pub fn assert_unchanged(&self, before: &Self, run: &str) {
        self.check_unchanged(before)
            .unwrap_or_else(|why| panic!("{run}: {why}"));
    }

    /// Returns the differences from an earlier state.
    pub fn check_unchanged(&self, before: &Self) -> Result<(), String> {
        let mut contents = self.contents.clone();
        contents.retain(|(index, id), _| {
            before.contents.contains_key(&(index.clone(), id.clone())) || !is_written_by_cluster(index, id)
        });
        check_documents(&contents, &before.contents)?;
        check_equal("configurations", &self.configurations, &before.configurations)?;
        for (index, aliases) in &before.aliases {
            check_equal(&format!("aliases of {index}"), &self.aliases.get(index), &Some(aliases))?;
        }
        let mut new = self.aliases.keys().filter(|index| !before.aliases.contains_key(*index));
        if let Some(index) = new.find(|index| !index.starts_with(".ml-")) {
            return Err(format!("index {index} remains"));
        }
        self.check_aliases_intact()
    }

    /// Asserts that no index has the name of a required alias.
    #[track_caller]
    pub fn assert_aliases_intact(&self, run: &str) {
        self.check_aliases_intact().unwrap_or_else(|why| panic!("{run}: {why}"));
    }

    fn check_aliases_intact(&self) -> Result<(), String> {
        let taken = |index: &&String| ALIASES.iter().any(|alias| index.starts_with(alias));
        match self.aliases.keys().find(taken) {
            Some(index) => Err(format!("{index} is an index")),
            None => Ok(()),
        }
    }

    /// Asserts that both states are the same.
    #[track_caller]
    pub fn assert_same(&self, other: &Self, run: &str) {
        self.check_same(other).unwrap_or_else(|why| panic!("{run}: {why}"));
    }

    /// Returns the differences.
    pub fn check_same(&self, other: &Self) -> Result<(), String> {
        check_documents(&self.contents, &other.contents)?;
        check_equal("configurations", &self.configurations, &other.configurations)?;
        check_equal("aliases", &self.aliases, &other.aliases)
    }
}

/// Whether only the cluster itself writes the document.
fn is_written_by_cluster(index: &str, id: &str) -> bool {
    index.starts_with(".ml-notifications") && !id.starts_with("esml-")
}

fn check_equal<T: PartialEq + std::fmt::Debug>(what: &str, left: &T, right: &T) -> Result<(), String> {
    match left == right {
        true => Ok(()),
        false => Err(format!("{what}: {left:?} is not {right:?}")),
    }
}

fn check_documents(left: &Contents, right: &Contents) -> Result<(), String> {
    let missing: Vec<_> = right.keys().filter(|key| !left.contains_key(*key)).collect();
    let more: Vec<_> = left.keys().filter(|key| !right.contains_key(*key)).collect();
    let changed: Vec<_> = left
        .iter()
        .filter(|(key, text)| right.get(*key).is_some_and(|other| other != *text))
        .map(|(key, _)| key)
        .collect();
    match missing.is_empty() && more.is_empty() && changed.is_empty() {
        true => Ok(()),
        false => Err(format!("missing {missing:?}, additional {more:?}, changed {changed:?}")),
    }
}

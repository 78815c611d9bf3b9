//! Checks whether this import created an object. Nothing is deleted unless this module proves it.
//!
//! | object | proof that this run created it |
//! |---|---|
//! | job | its `create_time` |
//! | input index | its UUID, or the name of the run in `_meta` if the UUID is not known |
//! | datafeed | its job, and all of its configuration |
//! | calendar, filter | all of its content, and no other job uses it |
//! | results, and other documents whose IDs contain the job ID | the job |
//! | annotations, notifications | the job, and they did not exist before |

use serde_json::Value;
use serde_json::value::RawValue;

use super::context::Import;
use super::journal::{Entry, Ownership};
use super::plan::{calendar, missing_events};
use crate::cluster;
use crate::error::{Error, ExitCode, Result};
use crate::job::marked_by_run;
use crate::json::value;

/// Why this import must not delete an object.
pub(super) const USED: &str = "another job uses it";
const OTHER_CONTENT: &str = "its content differs from what this import created";

impl Ownership {
    fn ours_if(ours: bool, otherwise: &'static str) -> Self {
        if ours { Self::Ours } else { Self::Foreign(otherwise) }
    }

    /// A 404 response alone does not prove absence, since a proxy may send it, and absent objects are not deleted.
    fn absent(what: &str, is_listed: bool) -> cluster::Result<Self> {
        match is_listed {
            false => Ok(Self::Absent),
            true => Err(cluster::Error::UnexpectedResponse {
                what: format!("GET {what}"),
                why: "one request reports that it does not exist, another one that it does".to_owned(),
            }),
        }
    }
}

impl Import {
    /// Checks who created the object of an entry. Parts of the job are ours: the job itself is checked separately.
    pub(super) async fn ownership(&self, entry: &Entry) -> cluster::Result<Ownership> {
        let (cluster, plan) = (self.cluster(), &self.plan);
        match entry {
            Entry::Filter(id) => {
                let Some(current) = cluster.filter(id).await? else {
                    return Ownership::absent("the filter", cluster.lists("filters", id.as_str()).await?);
                };
                let planned = plan.filters.iter().find(|plan| plan.filter.id == *id);
                let ours = planned.is_some_and(|plan| plan.equals(&current));
                Ok(Ownership::ours_if(ours, OTHER_CONTENT))
            }
            Entry::Calendar(id) => {
                let Some(current) = calendar(cluster, id).await? else {
                    return Ownership::absent("the calendar", cluster.lists("calendars", id.as_str()).await?);
                };
                let planned = plan.calendars.iter().find(|plan| plan.calendar.calendar_id == *id);
                Ok(match planned {
                    _ if current.job_ids.iter().any(|other| other != self.job().as_str()) => Ownership::Foreign(USED),
                    Some(planned) if planned.calendar.description == current.description => {
                        let ours = missing_events(&current, &planned.calendar).is_empty();
                        Ownership::ours_if(ours, "it has events that this import did not create")
                    }
                    _ => Ownership::Foreign(OTHER_CONTENT),
                })
            }
            Entry::InputIndex(name) => {
                let definitions = cluster.index_definitions(&[name.to_string()]).await?;
                if definitions.is_empty() {
                    let counted = cluster.operations(name.as_str()).await?.is_some();
                    return Ownership::absent("the index", counted);
                }
                // If the name is an alias, other indices are returned.
                let is_ours = |index: &Value| match self.journal.index(name) {
                    Some(created) => uuid_of(index) == uuid_of(&created),
                    None => marked_by_run(&index["mappings"], &self.journal.run),
                };
                let ours = definitions.get(name.as_str()).is_some_and(is_ours);
                Ok(Ownership::ours_if(ours, "it is not the index that this import created"))
            }
            Entry::Datafeed(id) => {
                let Some(current) = cluster.datafeed(id).await? else {
                    let listed = cluster.datafeed_state(id).await?.is_some();
                    return Ownership::absent("the datafeed", listed);
                };
                let current = value(&current);
                if current["job_id"] != self.job().as_str() {
                    return Ok(Ownership::Foreign("it belongs to another job"));
                }
                let ours = self.is_our_datafeed(id.as_str(), &current);
                Ok(Ownership::ours_if(ours, OTHER_CONTENT))
            }
            Entry::Job => self.job_ownership().await,
            Entry::Events(..) | Entry::Membership(_) | Entry::Documents(_) | Entry::Results => Ok(Ownership::Ours),
        }
    }

    /// Fails unless the object of an entry exists and is the one that this import created.
    pub(super) async fn require_ours(&self, entry: Entry) -> Result<()> {
        let what = entry.describe(self.job());
        match self.ownership(&entry).await? {
            Ownership::Ours => Ok(()),
            Ownership::Absent => Err(Error::mismatch(format!("{what} no longer exists"))),
            Ownership::Foreign(why) => Err(Error::mismatch(format!("{what}: {why}"))),
        }
    }

    pub(super) async fn job_ownership(&self) -> cluster::Result<Ownership> {
        let Some(current) = self.cluster().job(self.job()).await? else {
            let listed = self.cluster().job_stats(self.job()).await?.is_some();
            return Ownership::absent("the job", listed);
        };
        let current = value(&current);
        let ours = match self.journal.job.get() {
            Some(created) => current["create_time"] == created["create_time"],
            // The request that creates it was the last one: the job has not been reverted yet.
            None => is_our_job(&self.plan.portable.job, &current) && current["model_snapshot_id"].is_null(),
        };
        let foreign = "the job with this ID is not the one that this import created";
        Ok(Ownership::ours_if(ours, foreign))
    }

    /// A datafeed of this job that this import did not create. Deleting the job would delete it too.
    pub(super) async fn foreign_datafeed(&self) -> cluster::Result<Option<String>> {
        let Some(current) = self.cluster().datafeed_of(self.job()).await? else {
            return Ok(None);
        };
        let current = value(&current);
        let id = current["datafeed_id"].as_str().unwrap_or_default();
        let entries = self.journal.to_undo();
        let intended = entries.iter().any(|entry| matches!(entry, Entry::Datafeed(_)));
        let ours = intended && self.is_our_datafeed(id, &current);
        Ok((!ours).then(|| id.to_owned()))
    }

    fn is_our_datafeed(&self, id: &str, current: &Value) -> bool {
        let planned = self.plan.portable.datafeed.as_ref();
        let Some((_, sent)) = planned.filter(|(planned, _)| planned.as_str() == id) else {
            return false;
        };
        match self.journal.datafeed.get() {
            Some(created) => without_authorization(created) == without_authorization(current),
            // The response to its creation was lost. The cluster returns these two as they were sent.
            None => {
                let sent = value(sent);
                let same = |name: &str| sent[name].is_null() || sent[name] == current[name];
                current["job_id"] == self.job().as_str() && same("indices") && same("query")
            }
        }
    }

    /// Adds to a failure what another client did to the job during the import, if that explains it.
    pub(super) async fn explain_concurrent_change(&self, cause: Error) -> Error {
        // Errors that a deleted or open job may cause.
        let may_be_caused = match &cause {
            Error::Stated { exit, .. } => *exit == ExitCode::Rejected,
            Error::Cluster(error) => error.status().is_some_and(|status| [400, 404, 409].contains(&status)),
            _ => false,
        };
        if self.journal.job.get().is_none() || !may_be_caused {
            return cause;
        }
        match self.concurrent_change().await {
            Ok(Some(change)) => Error::mismatch(format!("{change} during the import: {cause}")),
            // If the cluster cannot be asked, report the original failure.
            Ok(None) | Err(_) => cause,
        }
    }

    async fn concurrent_change(&self) -> cluster::Result<Option<String>> {
        let job = self.job();
        let change = match self.job_ownership().await? {
            Ownership::Ours => {
                let stats = self.cluster().job_stats(job).await?;
                return Ok(stats.and_then(|stats| self.opened(&stats.state)));
            }
            Ownership::Absent => "deleted",
            Ownership::Foreign(_) => "deleted and recreated",
        };
        Ok(Some(format!("another client {change} job {job}")))
    }

    /// Reports that another client opened the job, unless it is closed.
    pub(super) fn opened(&self, state: &str) -> Option<String> {
        (state != "closed").then(|| format!("another client opened job {} (state: {state})", self.job()))
    }
}

/// Elasticsearch may omit `authorization` from the response to other users.
fn without_authorization(datafeed: &Value) -> Value {
    let mut datafeed = datafeed.clone();
    if let Some(members) = datafeed.as_object_mut() {
        members.shift_remove("authorization");
    }
    datafeed
}

/// Compares the fields that the cluster returns as they were sent; sizes and time spans are returned in other units.
fn is_our_job(sent: &RawValue, current: &Value) -> bool {
    const KEPT: &str = "function field_name by_field_name over_field_name partition_field_name custom_rules";
    let sent = value(sent);
    let detectors = |job: &Value| -> Vec<Vec<Value>> {
        let detectors = job["analysis_config"]["detectors"].as_array();
        let kept = |detector: &Value| KEPT.split(' ').map(|name| detector[name].clone()).collect();
        detectors.into_iter().flatten().map(kept).collect()
    };
    let same = |name: &str| sent[name] == current[name];
    same("description") && same("groups") && same("custom_settings") && detectors(&sent) == detectors(current)
}

/// The UUID in the definition of an index.
pub(super) fn uuid_of(index: &Value) -> &Value {
    &index["settings"]["index"]["uuid"]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).expect("JSON")
    }

    #[test]
    fn a_job_is_recognized_by_fields_that_are_returned_as_they_were_sent() {
        let sent =
            raw(r#"{"description":"d","analysis_config":{"bucket_span":"900s","detectors":[{"function":"count"}]}}"#);
        let there = r#"{"job_id":"a","description":"d","analysis_config":{"bucket_span":"15m","detectors":[{"detector_description":"count","function":"count","detector_index":0}]}}"#;
        assert!(is_our_job(&sent, &value(&raw(there))));
        assert!(!is_our_job(
            &sent,
            &value(&raw(&there.replace(r#""description":"d""#, r#""description":"e""#)))
        ));
        assert!(!is_our_job(
            &sent,
            &value(&raw(&there.replace(r#""function":"count""#, r#""function":"rare""#)))
        ));
    }
}

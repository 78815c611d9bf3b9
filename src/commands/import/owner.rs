//! Whose something is that has the name of what this import creates: the one place that decides what may be deleted.
//!
//! | what | proof that this run created it |
//! |---|---|
//! | job | its `create_time` |
//! | input index | its UUID, or the name of the run in `_meta` where the UUID was never seen |
//! | datafeed | its job, and all of its configuration |
//! | calendar, filter | all of its content, and no use by others |
//! | documents under IDs of the job | the job: nobody else's is there |
//! | annotations, notifications | they were not there before, and the job |

use std::fmt;

use serde_json::Value;
use serde_json::value::RawValue;

use super::journal::{Entry, Journal};
use super::plan::Plan;
use crate::cluster::{self, Cluster};
use crate::job::{CalendarId, DatafeedId, FilterId, IndexName, marked_by_run};

/// What is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Nothing.
    Nobody,
    /// What this import created.
    Us,
    /// Something of that name that this import did not create, or did not create alone.
    Others(Foreign),
}

/// Why something is not this import's to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    /// The job was deleted and created again.
    Job,
    /// The index was deleted and created again.
    Index,
    /// It has other content.
    Content,
    /// A calendar with events of others.
    Events,
    /// Another job uses it.
    Used,
    /// It belongs to another job.
    OfAnotherJob,
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Job => "the job of this ID is not the one that this import created",
            Self::Index => "it is not the index that this import created",
            Self::Content => "its content is not what this import created",
            Self::Events => "it has events that this import did not create",
            Self::Used => "another job uses it",
            Self::OfAnotherJob => "it belongs to another job",
        })
    }
}

/// Looks at one thing of an import; `None` for what belongs to the job and has no owner of its own (see [`job`]).
pub(super) async fn owner(
    cluster: &Cluster,
    plan: &Plan,
    journal: &Journal,
    entry: &Entry,
) -> cluster::Result<Option<Owner>> {
    Ok(Some(match entry {
        Entry::Filter(id) => filter(cluster, plan, id).await?,
        Entry::Calendar(id) => calendar(cluster, plan, id).await?,
        Entry::InputIndex(name) => input_index(cluster, journal, name).await?,
        Entry::Job => job(cluster, plan, journal).await?,
        Entry::Datafeed(id) => datafeed(cluster, plan, journal, id).await?,
        Entry::Events(..) | Entry::Membership(_) | Entry::Documents(_) | Entry::Reverted => return Ok(None),
    }))
}

/// The job under the ID of the one that this import created.
pub(super) async fn job(cluster: &Cluster, plan: &Plan, journal: &Journal) -> cluster::Result<Owner> {
    let Some(there) = cluster.job(plan.job()).await? else {
        let listed = cluster.job_stats(plan.job()).await?.is_some();
        return absent("the job", listed);
    };
    let shown = value(&there);
    let ours = match journal.job_created_at() {
        Some(time) => shown["create_time"] == time,
        // Its creation is the last that was tried: nothing was reverted yet.
        None => is_our_job(&plan.portable.job, &shown) && shown["model_snapshot_id"].is_null(),
    };
    Ok(ours_or(ours, Foreign::Job))
}

/// A datafeed of this job that this import did not create: it would be deleted together with the job.
pub(super) async fn foreign_datafeed(
    cluster: &Cluster,
    plan: &Plan,
    journal: &Journal,
) -> cluster::Result<Option<String>> {
    let Some(there) = cluster.datafeed_of(plan.job()).await? else {
        return Ok(None);
    };
    let there = value(&there);
    let id = there["datafeed_id"].as_str().unwrap_or_default();
    let planned = plan
        .portable
        .datafeed
        .as_ref()
        .filter(|(planned, _)| planned.as_str() == id);
    let tried = journal
        .to_undo()
        .iter()
        .any(|entry| matches!(entry, Entry::Datafeed(_)));
    let ours = tried && planned.is_some_and(|(_, body)| is_our_datafeed(journal, body, plan, &there));
    Ok((!ours).then(|| id.to_owned()))
}

async fn filter(cluster: &Cluster, plan: &Plan, id: &FilterId) -> cluster::Result<Owner> {
    let planned = plan.filters.iter().find(|filter| filter.id == *id);
    let Some(there) = cluster.filter(id).await? else {
        return absent("the filter", cluster.lists_filter(id).await?);
    };
    let ours = planned.is_some_and(|filter| filter.made(&there));
    Ok(ours_or(ours, Foreign::Content))
}

async fn calendar(cluster: &Cluster, plan: &Plan, id: &CalendarId) -> cluster::Result<Owner> {
    let planned = plan.calendars.iter().find(|plan| plan.calendar.calendar_id == *id);
    let Some(there) = cluster.calendar(id).await? else {
        return absent("the calendar", cluster.lists_calendar(id).await?);
    };
    if there.job_ids.iter().any(|other| other != plan.job().as_str()) {
        return Ok(Owner::Others(Foreign::Used));
    }
    Ok(match planned {
        Some(planned) if planned.calendar.description != there.description => Owner::Others(Foreign::Content),
        Some(planned) => ours_or(planned.made(&there, plan.job()), Foreign::Events),
        None => Owner::Others(Foreign::Content),
    })
}

async fn input_index(cluster: &Cluster, journal: &Journal, name: &IndexName) -> cluster::Result<Owner> {
    let there = cluster.index_definitions(&[name.to_string()]).await?;
    if there.is_empty() {
        let counted = cluster.operations(name.as_str()).await?.is_some();
        return absent("the index", counted);
    }
    let Some(index) = there.get(name.as_str()) else {
        // An alias of that name, which leads to other indices.
        return Ok(Owner::Others(Foreign::Index));
    };
    let ours = match journal.index(name) {
        Some(created) => index["settings"]["index"]["uuid"] == created.uuid,
        None => marked_by_run(&index["mappings"], journal.run()),
    };
    Ok(ours_or(ours, Foreign::Index))
}

async fn datafeed(cluster: &Cluster, plan: &Plan, journal: &Journal, id: &DatafeedId) -> cluster::Result<Owner> {
    let Some(there) = cluster.datafeed(id).await? else {
        let listed = cluster.datafeed_state(id).await?.is_some();
        return absent("the datafeed", listed);
    };
    let there = value(&there);
    if there["job_id"] != plan.job().as_str() {
        return Ok(Owner::Others(Foreign::OfAnotherJob));
    }
    let planned = plan.portable.datafeed.as_ref().filter(|(planned, _)| planned == id);
    let ours = planned.is_some_and(|(_, body)| is_our_datafeed(journal, body, plan, &there));
    Ok(ours_or(ours, Foreign::Content))
}

fn is_our_datafeed(journal: &Journal, sent: &RawValue, plan: &Plan, there: &Value) -> bool {
    match journal.datafeed() {
        Some(created) => without_authorization(created) == without_authorization(there),
        // The answer to its creation was lost. The cluster keeps these as they are sent.
        None => {
            let sent = value(sent);
            let same = |name: &str| sent[name].is_null() || sent[name] == there[name];
            there["job_id"] == plan.job().as_str() && same("indices") && same("query")
        }
    }
}

/// Whoever reads it may see less of this than who wrote it.
fn without_authorization(datafeed: &Value) -> Value {
    let mut datafeed = datafeed.clone();
    if let Some(members) = datafeed.as_object_mut() {
        members.shift_remove("authorization");
    }
    datafeed
}

/// A 404 alone proves nothing: a proxy sends it too, and what is taken for absent is not deleted.
fn absent(what: &str, is_there: bool) -> cluster::Result<Owner> {
    match is_there {
        false => Ok(Owner::Nobody),
        true => Err(cluster::Error::Unintelligible {
            what: format!("GET {what}"),
            why: "it is reported as absent by one request, and as present by another".to_owned(),
        }),
    }
}

fn ours_or(ours: bool, otherwise: Foreign) -> Owner {
    match ours {
        true => Owner::Us,
        false => Owner::Others(otherwise),
    }
}

/// Compares what the cluster keeps as it was sent; sizes and spans come back in other units.
fn is_our_job(sent: &RawValue, there: &Value) -> bool {
    let sent = value(sent);
    let detectors = |job: &Value| -> Vec<Vec<Value>> {
        let detectors = job["analysis_config"]["detectors"].as_array();
        let kept = |detector: &Value| {
            [
                "function",
                "field_name",
                "by_field_name",
                "over_field_name",
                "partition_field_name",
                "custom_rules",
            ]
            .map(|name| detector[name].clone())
            .to_vec()
        };
        detectors.into_iter().flatten().map(kept).collect()
    };
    let same = |name: &str| sent[name] == there[name];
    same("description") && same("groups") && same("custom_settings") && detectors(&sent) == detectors(there)
}

/// Null where it cannot be read, which nothing that this import created is equal to.
fn value(text: &RawValue) -> Value {
    serde_json::from_str(text.get()).unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).expect("JSON")
    }

    #[test]
    fn a_job_is_told_by_what_comes_back_as_it_was_sent() {
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

//! Whose something is that stands where an import was about to create: told by its content.

use serde_json::Value;
use serde_json::value::RawValue;

use super::journal::Entry;
use super::plan::Plan;
use crate::cluster::{self, Cluster};
use crate::job::marked_as_ours;

/// What stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Nothing.
    Nobody,
    /// What this import was about to make.
    Us,
    /// Something of that name with other content.
    Others,
}

/// Looks. Documents have ids of their own and are always ours.
pub(super) async fn owner(cluster: &Cluster, plan: &Plan, entry: &Entry) -> cluster::Result<Owner> {
    let ours = match entry {
        Entry::Filter(id) => {
            let planned = plan.filters.iter().find(|filter| filter.id == *id);
            let there = cluster.filter(id).await?;
            there.map(|there| planned.is_some_and(|filter| filter.made(&there)))
        }
        Entry::Calendar(id) => {
            let planned = plan.calendars.iter().find(|plan| plan.calendar.calendar_id == *id);
            let there = cluster.calendar(id).await?;
            there.map(|there| planned.is_some_and(|calendar| calendar.made(&there, plan.job())))
        }
        Entry::InputIndex(name) => {
            let there = cluster.index_definitions(&[name.to_string()]).await?;
            there
                .get(name.as_str())
                .map(|index| marked_as_ours(&index["mappings"], plan.job()))
        }
        Entry::Job => {
            let there = cluster.job(plan.job()).await?;
            there.map(|there| is_our_job(&plan.portable.job, &there))
        }
        Entry::Datafeed(id) => {
            let there = cluster.datafeed(id).await?;
            there.map(|there| value(&there)["job_id"] == plan.job().as_str())
        }
        // A half-made calendar is the job's alone, and the job's id is this import's as long as it runs.
        Entry::Events(..) | Entry::Membership(_) => Some(true),
        Entry::State(_) | Entry::Annotations { .. } | Entry::Notifications { .. } => Some(true),
    };
    Ok(match ours {
        None => Owner::Nobody,
        Some(true) => Owner::Us,
        Some(false) => Owner::Others,
    })
}

/// Compares what the cluster keeps as it was sent; sizes and spans come back in other units.
fn is_our_job(sent: &RawValue, there: &RawValue) -> bool {
    let (sent, there) = (value(sent), value(there));
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
    same("description") && same("groups") && same("custom_settings") && detectors(&sent) == detectors(&there)
}

fn value(text: &RawValue) -> Value {
    serde_json::from_str(text.get()).unwrap_or_default()
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
        assert!(is_our_job(&sent, &raw(there)));
        assert!(!is_our_job(
            &sent,
            &raw(&there.replace(r#""description":"d""#, r#""description":"e""#))
        ));
        assert!(!is_our_job(
            &sent,
            &raw(&there.replace(r#""function":"count""#, r#""function":"rare""#))
        ));
    }
}

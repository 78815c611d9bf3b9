//! Finds what already exists on the cluster: a job with this ID, documents of an earlier one, and the filters and
//! calendars of the archive.

use std::collections::BTreeSet;

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::planner::Planner;
use crate::cluster::{self, Cluster, Search};
use crate::error::Result;
use crate::job::{Calendar, CalendarId, DatafeedId, Filter, JobId, PortableJob};
use crate::json::{unquoted, value};
use crate::state::{STATE_INDICES, StateDocId, StateKind};

/// What already exists under the job's ID.
#[derive(Clone, Debug, Default)]
pub(crate) struct Existing {
    pub(crate) job: bool,
    pub(crate) datafeed: Option<DatafeedId>,
    /// State or results without a job; with `--replace` also annotations and notifications, which do not prevent an
    /// import.
    pub(crate) leftovers: bool,
}

#[derive(Debug)]
pub(crate) struct FilterPlan {
    pub(crate) filter: Filter,
    /// It already exists with the same content.
    pub(crate) exists: bool,
}

#[derive(Debug)]
pub(crate) struct CalendarPlan {
    /// Its events are in a form that every version accepts.
    pub(crate) calendar: Calendar,
    pub(crate) exists: bool,
    /// All events of a new calendar, or those that are missing after an interrupted import.
    pub(crate) missing: Vec<Map<String, Value>>,
}

impl Planner<'_> {
    /// Finds the job, its datafeed, and remaining documents of an earlier job.
    pub(super) async fn find_existing(&mut self, portable: &PortableJob) -> Result<Existing> {
        let job = self.job;
        let mut existing = Existing::default();
        self.check_groups().await?;
        if self.cluster.job(job).await?.is_some() {
            existing.job = true;
            existing.datafeed = self.check_existing_job().await?;
        } else if let Some(what) = self.leftovers().await? {
            existing.leftovers = true;
            if !self.options.replace {
                self.conflict(
                    format!("{what} of an earlier job {job} still exist"),
                    "remove them with --replace, or import under another ID with --as",
                );
            }
        } else if self.options.replace {
            let indices = [".ml-annotations*", ".ml-notifications*"];
            let of_earlier = Search::lenient(indices, of_job(job));
            existing.leftovers = self.cluster.count(&of_earlier).await? > 0;
        }
        if let Some((id, _)) = &portable.datafeed
            && existing.datafeed.as_ref() != Some(id)
            && let Some(other) = self.cluster.datafeed(id).await?
        {
            let owner = unquoted(&value(&other)["job_id"]);
            self.conflict(
                format!("datafeed {id} already exists and belongs to job {owner}"),
                "skip the datafeed with --skip-datafeed, or import under another ID with --as",
            );
        }
        Ok(existing)
    }

    /// A job must not have the name of a group, neither of its own nor of another job.
    async fn check_groups(&mut self) -> Result<()> {
        const HINT: &str = "import under another ID with --as";
        let job = self.job;
        let ours = &self.archive.config.groups;
        if ours.iter().any(|group| group == job.as_str()) {
            self.conflict(format!("job {job} has a group of the same name"), HINT);
        }
        let others = self.cluster.job_groups().await?;
        for other in others.into_iter().filter(|other| other.id != job.as_str()) {
            let id = &other.id;
            if other.groups.iter().any(|group| group == job.as_str()) {
                self.conflict(
                    format!("job {id} has a group named {job}, and a job cannot have the name of a group"),
                    HINT,
                );
            }
            if ours.contains(id) {
                self.conflict(
                    format!("the archive's job has a group named {id}, and a job with that ID exists"),
                    "delete that job, or keep it under another ID: export it, and import it with --as",
                );
            }
        }
        Ok(())
    }

    /// Checks that the existing job can be replaced; returns its datafeed.
    async fn check_existing_job(&mut self) -> Result<Option<DatafeedId>> {
        let job = self.job;
        let backup = format!("to keep a copy, first run `esml-state export {job} -o {job}_backup.tar.gz`");
        match self.options.replace {
            true => self.note(format!(
                "the existing job {job} will be deleted and cannot be restored; {backup}"
            )),
            false => self.conflict(
                format!("job {job} already exists"),
                format!("import under another ID with --as, or replace it with --replace ({backup})"),
            ),
        }
        // The datafeed first: a job cannot be closed while its datafeed is started, and hints are followed in order.
        let mut datafeed = None;
        if let Some(raw) = self.cluster.datafeed_of(job).await? {
            let id: DatafeedId = unquoted(&value(&raw)["datafeed_id"]).parse()?;
            if let Some(state) = self.cluster.datafeed_state(&id).await?
                && state != "stopped"
            {
                self.conflict(
                    format!("datafeed {id} is {state}"),
                    format!("stop it with `POST /_ml/datafeeds/{id}/_stop`"),
                );
            }
            datafeed = Some(id);
        }
        if let Some(stats) = self.cluster.job_stats(job).await?
            && stats.state != "closed"
        {
            let state = if stats.state == "opened" { "open" } else { &stats.state };
            self.conflict(
                format!("job {job} is {state}"),
                format!("close it with `POST /_ml/anomaly_detectors/{job}/_close`"),
            );
        }
        Ok(datafeed)
    }

    /// Elasticsearch does not create a job whose quantiles, categorizer state or results exist; model state of this
    /// snapshot would be overwritten.
    async fn leftovers(&self) -> Result<Option<String>> {
        let (job, snapshot) = (self.job, &self.archive.snapshot.snapshot_id);
        let (kind, number) = (StateKind::Categorizer, 1);
        let mut ids = vec![
            job.quantiles_document_id(),
            StateDocId { kind, number }.format(job, snapshot),
        ];
        ids.extend(self.archive.contents.state.ids(job, snapshot));
        if !self.cluster.locate(&STATE_INDICES, &ids).await?.is_empty() {
            return Ok(Some("state documents".into()));
        }
        let results = documents_of_job(".ml-anomalies-*", job);
        let results = self.cluster.count(&results).await?;
        Ok((results > 0).then(|| format!("{results} results")))
    }

    /// Compares the archive's filters with the cluster's.
    pub(super) async fn plan_filters(&mut self) -> Result<Vec<FilterPlan>> {
        let mut plans: Vec<FilterPlan> = Vec::new();
        let skip = self.options.skip.filters;
        for filter in self.archive.contents.filters.iter().filter(|_| !skip) {
            let id = &filter.id;
            let existing = self.cluster.filter(id).await?;
            let (filter, exists) = (filter.clone(), existing.is_some());
            let plan = FilterPlan { filter, exists };
            if existing.is_none_or(|existing| plan.equals(&existing)) {
                plans.push(plan);
            } else {
                self.conflict(
                    format!("filter {id} already exists with different content"),
                    "use the filters of the cluster with --skip-filters, or change the filter on the cluster",
                );
            }
        }
        for id in self.archive.config.filters() {
            let planned = plans.iter().any(|plan| plan.filter.id == *id);
            if !planned && self.cluster.filter(id).await?.is_none() {
                self.note(format!(
                    "the job does not open on Elasticsearch 8.6 or later: a rule uses filter {id}, which is neither imported \
                     nor on the cluster"
                ));
            }
        }
        Ok(plans)
    }

    /// Compares the archive's calendars with the cluster's.
    pub(super) async fn plan_calendars(&mut self) -> Result<Vec<CalendarPlan>> {
        let mut plans = Vec::new();
        let skip = self.options.skip.calendars;
        for archived in self.archive.contents.calendars.iter().filter(|_| !skip) {
            let ours = without_defaults(archived.clone());
            let id = &ours.calendar_id;
            if ours.job_ids.iter().any(|id| id != self.archive.job().as_str()) {
                self.note(format!(
                    "calendar {id} applied to {} on the source cluster; on this cluster, it applies only to job {}",
                    ours.job_ids.join(", "),
                    self.job
                ));
            }
            let existing = calendar(self.cluster, id).await?;
            let all = || ours.events.clone();
            let missing = existing
                .as_ref()
                .map_or_else(all, |existing| missing_events(&ours, existing));
            let fits = existing.as_ref().is_none_or(|existing| {
                // The state after an interrupted import.
                let incomplete = existing.job_ids.iter().all(|id| id == self.job.as_str());
                is_part_of(existing, &ours) && (missing.is_empty() || self.options.replace && incomplete)
            });
            if fits {
                plans.push(CalendarPlan {
                    exists: existing.is_some(),
                    calendar: ours,
                    missing,
                });
            } else {
                self.conflict(
                    format!("calendar {id} already exists with different content"),
                    "skip the calendars with --skip-calendars, or change the calendar on the cluster",
                );
            }
        }
        Ok(plans)
    }
}

/// Searches for all documents with the job's ID.
pub(crate) fn documents_of_job(indices: &str, job: &JobId) -> Search {
    Search {
        fields: Some(vec!["snapshot_id".into(), "snapshot_doc_count".into()]),
        ..Search::lenient([indices], of_job(job))
    }
}

fn of_job(job: &JobId) -> Value {
    json!({"term": {"job_id": job.as_str()}})
}

impl FilterPlan {
    /// Whether the cluster has this filter with the same content.
    pub(crate) async fn is_on(&self, cluster: &Cluster) -> cluster::Result<bool> {
        let current = cluster.filter(&self.filter.id).await?;
        Ok(current.is_some_and(|current| self.equals(&current)))
    }

    /// Whether an existing filter has the same content.
    pub(crate) fn equals(&self, existing: &RawValue) -> bool {
        let items = |filter: &Filter| filter.items.iter().cloned().collect::<BTreeSet<String>>();
        Filter::parse(existing).is_ok_and(|existing| {
            existing.description == self.filter.description && items(&existing) == items(&self.filter)
        })
    }
}

/// A calendar on the cluster; its events are in the form in which the plan has them.
pub(crate) async fn calendar(cluster: &Cluster, id: &CalendarId) -> cluster::Result<Option<Calendar>> {
    Ok(cluster.calendar(id).await?.map(without_defaults))
}

/// The events of one calendar that are missing from another.
pub(crate) fn missing_events(of: &Calendar, from: &Calendar) -> Vec<Map<String, Value>> {
    let missing = of.events.iter().filter(|event| !from.events.contains(event));
    missing.cloned().collect()
}

/// Whether the calendars have the same description, and one has all events of the other.
pub(crate) fn is_part_of(part: &Calendar, calendar: &Calendar) -> bool {
    part.description == calendar.description && missing_events(part, calendar).is_empty()
}

/// The IDs of those existing events that equal one of these.
pub(crate) fn event_ids(events: &[Map<String, Value>], existing: Vec<(String, Map<String, Value>)>) -> Vec<String> {
    let same = |(id, mut event): (String, Map<String, Value>)| {
        remove_defaults(&mut event);
        events.contains(&event).then_some(id)
    };
    existing.into_iter().filter_map(same).collect()
}

fn without_defaults(mut calendar: Calendar) -> Calendar {
    calendar.events.iter_mut().for_each(remove_defaults);
    calendar
}

/// From 8.16, events have members that older versions reject.
fn remove_defaults(event: &mut Map<String, Value>) {
    event.retain(|name, value| match name.as_str() {
        "skip_result" | "skip_model_update" => *value != Value::Bool(true),
        "force_time_shift" => !value.is_null(),
        _ => true,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_equal_regardless_of_item_order() {
        let raw = |text| serde_json::from_str::<&RawValue>(text).expect("JSON");
        let filter = raw(r#"{"filter_id":"f","description":"d","items":["a","b"]}"#);
        let filter = Filter::parse(filter).expect("valid");
        let plan = FilterPlan { filter, exists: false };
        assert!(plan.equals(raw(r#"{"filter_id":"f","description":"d","items":["b","a"]}"#)));
        assert!(!plan.equals(raw(r#"{"filter_id":"f","description":"d","items":["a"]}"#)));
        assert!(!plan.equals(raw(r#"{"filter_id":"f","items":["a","b"]}"#)));
    }

    #[test]
    fn defaults_of_later_versions_are_dropped_and_other_values_kept() {
        let mut event: Map<String, Value> =
            serde_json::from_str(r#"{"description":"d","skip_result":true,"skip_model_update":false}"#).expect("valid");
        remove_defaults(&mut event);
        assert_eq!(
            serde_json::to_string(&event).expect("text"),
            r#"{"description":"d","skip_model_update":false}"#
        );
    }
}

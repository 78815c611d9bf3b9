//! Calendars of the job: created with their events, or found with the same ones; then they get the job.

use serde_json::{Map, Value};

use super::Remarks;
use crate::cluster::Cluster;
use crate::commands::import::checked::Checked;
use crate::commands::import::options::ImportOptions;
use crate::error::Result;
use crate::job::{Calendar, JobId};

/// A calendar of the archive.
#[derive(Debug)]
pub(in crate::commands::import) struct CalendarPlan {
    /// As the archive has it, events in the form that every version takes.
    pub(in crate::commands::import) calendar: Calendar,
    /// What happens before it gets the job.
    pub(in crate::commands::import) action: CalendarAction,
}

/// What happens to it.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::commands::import) enum CalendarAction {
    /// It is created.
    Create,
    /// It is there with the same events.
    Keep,
    /// It is there as an interrupted import left it; these events are missing.
    Complete(Vec<Map<String, Value>>),
}

/// Compares the archive's calendars with the cluster's.
pub(super) async fn look(
    cluster: &Cluster,
    options: &ImportOptions,
    checked: &Checked,
    job: &JobId,
    remarks: &mut Remarks,
) -> Result<Vec<CalendarPlan>> {
    let mut plans = Vec::new();
    let carried = if options.skip.calendars {
        &[][..]
    } else {
        &checked.archive.calendars
    };
    for calendar in carried {
        let mut calendar = calendar.clone();
        calendar.events.iter_mut().for_each(without_defaults);
        let action = match cluster.calendar(&calendar.calendar_id).await? {
            None => Some(CalendarAction::Create),
            Some(there) => existing(options, &calendar, there, job, remarks),
        };
        if calendar.job_ids.iter().any(|id| id != checked.job().as_str()) {
            remarks.note(format!(
                "calendar {} applied to {} where the job comes from; here it gets job {job} alone",
                calendar.calendar_id,
                calendar.job_ids.join(", ")
            ));
        }
        plans.extend(action.map(|action| CalendarPlan { calendar, action }));
    }
    Ok(plans)
}

/// `None`: it is in the way.
fn existing(
    options: &ImportOptions,
    ours: &Calendar,
    mut there: Calendar,
    job: &JobId,
    remarks: &mut Remarks,
) -> Option<CalendarAction> {
    there.events.iter_mut().for_each(without_defaults);
    let missing = missing(ours, there.clone());
    let foreign = there.events.iter().any(|event| !ours.events.contains(event));
    let half_made = there.job_ids.iter().all(|id| id == job.as_str());
    if missing.is_empty() && !foreign && ours.description == there.description {
        return Some(CalendarAction::Keep);
    }
    if options.replace && half_made && !foreign && ours.description == there.description {
        return Some(CalendarAction::Complete(missing));
    }
    remarks.conflict(
        format!("calendar {} exists with other content", ours.calendar_id),
        "leave the calendars out with --skip-calendars, or change the one on the cluster",
    );
    None
}

/// The events of ours that are not there.
pub(in crate::commands::import) fn missing(ours: &Calendar, mut there: Calendar) -> Vec<Map<String, Value>> {
    there.events.iter_mut().for_each(without_defaults);
    let absent = ours.events.iter().filter(|event| !there.events.contains(event));
    absent.cloned().collect()
}

/// The ids of those events that are these.
pub(in crate::commands::import) fn ids_of(
    events: &[Map<String, Value>],
    there: Vec<(String, Map<String, Value>)>,
) -> Vec<String> {
    let same = |(id, mut event): (String, Map<String, Value>)| {
        without_defaults(&mut event);
        events.contains(&event).then_some(id)
    };
    there.into_iter().filter_map(same).collect()
}

impl CalendarPlan {
    /// Whether a calendar of this id is what the import makes of it, or a part of that.
    pub(in crate::commands::import) fn made(&self, there: &Calendar, job: &JobId) -> bool {
        let ours = &self.calendar;
        let mut events = there.events.clone();
        events.iter_mut().for_each(without_defaults);
        there.description == ours.description
            && there.job_ids.iter().all(|id| id == job.as_str())
            && events.iter().all(|event| ours.events.contains(event))
    }
}

/// Since 8.16 events come with members that older versions refuse; their defaults say nothing.
fn without_defaults(event: &mut Map<String, Value>) {
    for name in ["skip_result", "skip_model_update"] {
        if event.get(name) == Some(&Value::Bool(true)) {
            event.shift_remove(name);
        }
    }
    if event.get("force_time_shift").is_some_and(Value::is_null) {
        event.shift_remove("force_time_shift");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_of_later_versions_are_dropped_and_other_values_kept() {
        let mut event: Map<String, Value> =
            serde_json::from_str(r#"{"description":"d","skip_result":true,"skip_model_update":false}"#).expect("valid");
        without_defaults(&mut event);
        assert_eq!(
            serde_json::to_string(&event).expect("text"),
            r#"{"description":"d","skip_model_update":false}"#
        );
    }
}

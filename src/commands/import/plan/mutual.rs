//! Conflicts between the archives of one import.

use super::existing::is_part_of;
use super::planned::Plan;
use crate::commands::import::archive::Source;
use crate::error::Conflict;
use crate::job::JobId;

const RENAME: &str = "another job ID (--as)";

/// Adds to each plan its conflicts with those before it.
pub(crate) fn add_mutual_conflicts(planned: &mut [(Source, Plan)]) {
    for number in 1..planned.len() {
        let (earlier, rest) = planned.split_at_mut(number);
        let (_, plan) = &mut rest[0];
        for (other_source, other) in &*earlier {
            let mut found = conflicts(plan, other);
            found.extend(group_conflicts(plan, other));
            let archive = other_source.archive.path().display();
            plan.conflicts
                .extend(found.into_iter().map(|(message, option)| Conflict {
                    message: format!("{message} in {archive}"),
                    hint: format!("import one of the archives separately, with {option}"),
                }));
        }
    }
}

/// The messages, which end with the name of the other archive, and the options that avoid the conflicts.
fn conflicts(plan: &Plan, other: &Plan) -> Vec<(String, &'static str)> {
    if plan.job() == other.job() {
        return vec![(format!("job {} is also", plan.job()), RENAME)];
    }
    let mut found = Vec::new();
    if let Some(id) = plan.datafeed().filter(|id| other.datafeed() == Some(id)) {
        found.push((format!("datafeed {id} is also"), RENAME));
    }
    for name in plan.input_indices() {
        if other.input_indices().any(|other| other == name) {
            found.push((format!("input index {name} is also needed for the job"), RENAME));
        }
    }
    for filter in &plan.filters {
        let id = &filter.filter.id;
        let mut others = other.filters.iter().map(|other| &other.filter);
        if others.any(|other| other.id == *id && !filter.equals(&other.text)) {
            found.push((format!("filter {id} has different content"), "--skip-filters"));
        }
    }
    for calendar in plan.calendars.iter().map(|plan| &plan.calendar) {
        let id = &calendar.calendar_id;
        let mut others = other.calendars.iter().map(|plan| &plan.calendar);
        let is_same = |other| is_part_of(calendar, other) && is_part_of(other, calendar);
        if others.any(|other| other.calendar_id == *id && !is_same(other)) {
            found.push((format!("calendar {id} has different content"), "--skip-calendars"));
        }
    }
    found
}

/// A job must not have the name of a group of another job.
fn group_conflicts(plan: &Plan, other: &Plan) -> Vec<(String, &'static str)> {
    let has_group = |of: &Plan, job: &JobId| of.groups.iter().any(|group| *group == job.as_str());
    let (job, other_job) = (plan.job(), other.job());
    let mut found = Vec::new();
    if has_group(other, job) {
        found.push((format!("job {job} has the name of a group of job {other_job}"), RENAME));
    }
    if has_group(plan, other_job) {
        found.push((format!("the job has a group with the name of job {other_job}"), RENAME));
    }
    found
}

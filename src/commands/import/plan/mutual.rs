//! Conflicts between the archives of one import.

use super::existing::missing_events;
use super::planned::Plan;
use crate::commands::import::archive::Source;
use crate::error::Conflict;

/// Adds to each plan its conflicts with those before it.
pub(crate) fn add_mutual_conflicts(planned: &mut [(Source, Plan)]) {
    for number in 1..planned.len() {
        let (earlier, rest) = planned.split_at_mut(number);
        let (source, plan) = &mut rest[0];
        for (other, other_plan) in &*earlier {
            let mut conflicts = conflicts(plan, other_plan);
            conflicts.extend(group_conflicts([source, other]));
            let other = other.archive.path().display();
            plan.conflicts
                .extend(conflicts.into_iter().map(|(message, hint)| Conflict {
                    message: format!("{message} in {other}"),
                    hint: hint.to_owned(),
                }));
        }
    }
}

/// The messages, which end with the name of the other archive, and hints.
fn conflicts(plan: &Plan, other: &Plan) -> Vec<(String, &'static str)> {
    const SEPARATELY: &str = "import one of the archives separately under another job ID, with --as";
    const SKIP_FILTERS: &str = "import one of the archives separately, with --skip-filters";
    const SKIP_CALENDARS: &str = "import one of the archives separately, with --skip-calendars";
    let mut found = Vec::new();
    if plan.job() == other.job() {
        return vec![(format!("job {} is also", plan.job()), SEPARATELY)];
    }
    if let (Some((id, _)), Some((other, _))) = (&plan.portable.datafeed, &other.portable.datafeed)
        && id == other
    {
        found.push((format!("datafeed {id} is also"), SEPARATELY));
    }
    let names = |plan: &Plan| -> Vec<_> { plan.targets.iter().map(|target| target.index.name.clone()).collect() };
    let others = names(other);
    let shared = names(plan).into_iter().filter(|name| others.contains(name));
    found.extend(shared.map(|name| (format!("input index {name} is also needed for the job"), SEPARATELY)));
    for filter in &plan.filters {
        let mut others = other.filters.iter().map(|other| &other.filter);
        if others.any(|other| other.id == filter.filter.id && !filter.equals(&other.text)) {
            found.push((
                format!("filter {} has different content", filter.filter.id),
                SKIP_FILTERS,
            ));
        }
    }
    for planned in &plan.calendars {
        let calendar = &planned.calendar;
        let mut others = other.calendars.iter().map(|other| &other.calendar);
        let differs = others.any(|other| {
            other.calendar_id == calendar.calendar_id
                && (other.description != calendar.description
                    || !missing_events(other, calendar).is_empty()
                    || !missing_events(calendar, other).is_empty())
        });
        if differs {
            let what = format!("calendar {} has different content", calendar.calendar_id);
            found.push((what, SKIP_CALENDARS));
        }
    }
    found
}

/// A job must not have the name of a group of another job.
fn group_conflicts(sources: [&Source; 2]) -> Vec<(String, &'static str)> {
    const HINT: &str = "import one of the archives separately under another job ID, with --as";
    let [source, other] = sources;
    let has_group = |of: &Source, job: &Source| of.archive.config.groups.iter().any(|group| *group == job.job.as_str());
    let (job, other_job) = (&source.job, &other.job);
    let mut found = Vec::new();
    if has_group(other, source) {
        found.push((format!("job {job} has the name of a group of job {other_job}"), HINT));
    }
    if has_group(source, other) {
        found.push((format!("the job has a group with the name of job {other_job}"), HINT));
    }
    found
}

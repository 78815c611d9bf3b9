//! The plan of an import. Making it writes nothing.

mod compatibility;
mod existing;
mod inputs;
mod mutual;
mod planned;
mod planner;
mod reindex;
mod templates;

pub(super) use existing::{CalendarPlan, FilterPlan, calendar, documents_of_job, event_ids, missing_events};
pub(super) use mutual::add_mutual_conflicts;
pub(super) use planned::{Plan, ReindexPlan, TargetPlan};

use self::planned::DocumentCounts;
use self::planner::Planner;
use super::archive::Source;
use super::options::ImportOptions;
use super::privileges::input_targets;
use crate::commands::session::Session;
use crate::error::Result;
use crate::job::Renamer;

/// Plans the import of an archive.
pub(super) async fn make(session: &Session, options: &ImportOptions, source: &Source) -> Result<Plan> {
    let (cluster, archive, job) = (&session.cluster, &source.archive.load().await?, &source.job);
    let targets = input_targets(options, archive, job, source.time_format)?;
    let mut planner = Planner {
        cluster,
        options,
        archive,
        job,
        notes: Vec::new(),
        conflicts: Vec::new(),
    };
    planner.check_machine_learning().await?;
    planner.check_versions();
    planner.note_missing_parts();
    planner.check_templates(&targets).await?;
    let (created, reindexed) = match options.inputs_from.as_ref().and_then(|source| source.get()) {
        Some(source) => (Vec::new(), planner.plan_reindex(source, targets).await?),
        None => (planner.check_targets(targets).await?, Vec::new()),
    };
    let names = created.iter().map(|target| &target.index);
    let names = names.chain(reindexed.iter().map(|inputs| &inputs.index));
    let names: Vec<&str> = names.map(|index| index.name.as_str()).collect();
    let portable = planner.portable_job(&names)?;
    planner.check_datafeed_indices().await?;
    let existing = planner.find_existing(&portable).await?;
    let filters = planner.plan_filters().await?;
    let calendars = planner.plan_calendars().await?;
    planner.check_configuration(&portable).await?;
    Ok(Plan {
        renamer: Renamer::new(archive.job().clone(), job.clone()),
        snapshot_id: archive.snapshot.snapshot_id.clone(),
        portable,
        filters,
        calendars,
        targets: created,
        reindexed,
        existing,
        groups: archive.config.groups.clone(),
        counts: DocumentCounts::new(options, archive),
        replace: options.replace,
        open: options.open,
        start_datafeed: options.start_datafeed,
        notes: planner.notes,
        conflicts: planner.conflicts,
    })
}

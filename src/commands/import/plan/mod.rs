//! The plan of an import. Making it writes nothing.

mod compatibility;
mod existing;
mod inputs;
mod mutual;
mod planned;
mod planner;
mod templates;

pub(super) use existing::{CalendarPlan, FilterPlan, calendar, documents_of_job, event_ids, missing_events};
pub(super) use inputs::{refuse_replaced_query, required_privileges};
pub(super) use mutual::add_mutual_conflicts;
pub(crate) use planned::{DocumentCounts, Plan};
pub(super) use planner::TargetPlan;

use self::inputs::input_targets;
use self::planner::Planner;
use super::archive::Source;
use super::options::ImportOptions;
use crate::archive::{CheckedArchive, Part};
use crate::commands::session::Session;
use crate::error::{Error, Result};
use crate::job::{JobId, Renamer};

/// Plans the import of an archive.
pub(super) async fn make(session: &Session, options: &ImportOptions, source: &Source) -> Result<Plan> {
    let (cluster, archive, job) = (&session.cluster, &source.archive, &source.job);
    let targets = input_targets(options, source)?;
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
    planner.note_inputs();
    planner.check_templates(&targets).await?;
    let targets = planner.check_targets(targets).await?;
    let portable = planner.portable_job(&targets)?;
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
        targets,
        existing,
        counts: DocumentCounts::of(options, archive),
        replace: options.replace,
        open: options.open,
        start_datafeed: options.start_datafeed,
        notes: planner.notes,
        conflicts: planner.conflicts,
    })
}

impl Plan {
    /// The ID of the job on the cluster.
    pub(crate) fn job(&self) -> &JobId {
        &self.renamer.to
    }

    /// Fails with all conflicts, if there are any.
    pub(crate) fn refuse_conflicts(&self) -> Result<()> {
        if self.conflicts.is_empty() {
            return Ok(());
        }
        Err(Error::Conflicts(self.conflicts.clone()))
    }
}

impl DocumentCounts {
    /// The number of all documents.
    pub(crate) fn total(&self) -> u64 {
        let state = self.model_state + self.categorizer_state;
        state + self.annotations + self.notifications + self.categories + self.results + self.inputs
    }

    fn of(options: &ImportOptions, archive: &CheckedArchive) -> Self {
        let contents = &archive.contents;
        let unless = |skipped: bool, part: Part| if skipped { 0 } else { contents.count(part) };
        Self {
            model_state: contents.state.model_documents,
            categorizer_state: contents.state.categorizer_documents,
            annotations: unless(options.skip.annotations, Part::Annotations),
            notifications: unless(options.skip.notifications, Part::Notifications),
            categories: contents.count(Part::Categories),
            results: unless(options.skip.results, Part::Results),
            inputs: unless(options.skips_inputs(), Part::Inputs),
        }
    }
}

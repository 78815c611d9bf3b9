//! What an import would do, found out without writing anything. Each line is what `--dry-run` prints.

mod accepted;
mod archived_query;
mod calendars;
mod existing;
mod filters;
mod fitness;
mod inputs;
mod lines;
mod privileges;
mod templates;

pub(super) use archived_query::refuse_replaced;
pub(super) use calendars::{CalendarAction, CalendarPlan, ids_of, missing};
pub(super) use existing::{Existing, of_job};
pub(super) use filters::{FilterAction, FilterPlan};
pub(super) use inputs::TargetPlan;
pub(super) use privileges::wanted as wanted_privileges;

use serde_json::Value;

use super::checked::Checked;
use super::options::ImportOptions;
use crate::archive::Part;
use crate::cluster::Cluster;
use crate::commands::session::Session;
use crate::error::{Error, Result};
use crate::job::{IndexPattern, JobId, PortableJob, PortableOptions, Renamer, SnapshotId};

/// The plan of an import.
#[derive(Debug)]
pub(super) struct Plan {
    /// From the archive's id to the one on the cluster.
    pub(super) renamer: Renamer,
    /// The snapshot's id, the same on both sides.
    pub(super) snapshot_id: SnapshotId,
    /// Bodies of job and datafeed.
    pub(super) portable: PortableJob,
    /// Filters.
    pub(super) filters: Vec<FilterPlan>,
    /// Calendars.
    pub(super) calendars: Vec<CalendarPlan>,
    /// Indices for the inputs.
    pub(super) targets: Vec<TargetPlan>,
    /// What of that id is there already.
    pub(super) existing: Existing,
    /// Documents to write.
    pub(super) counts: Counts,
    /// What is there may be deleted.
    pub(super) replace: bool,
    /// What is worth knowing.
    pub(super) notes: Vec<String>,
    conflicts: Vec<Conflict>,
}

/// Documents to write, a skipped part's being 0.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) model_state: u64,
    pub(super) categorizer_state: u64,
    pub(super) annotations: u64,
    pub(super) notifications: u64,
    pub(super) categories: u64,
    pub(super) inputs: u64,
}

/// Something that must not be overwritten, or cannot work.
#[derive(Clone, Debug)]
struct Conflict {
    message: String,
    hint: String,
}

/// What looking at the cluster brought up, besides the plan's parts.
#[derive(Debug, Default)]
struct Remarks {
    notes: Vec<String>,
    conflicts: Vec<Conflict>,
}

impl Remarks {
    fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    fn conflict(&mut self, message: impl Into<String>, hint: impl Into<String>) {
        self.conflicts.push(Conflict {
            message: message.into(),
            hint: hint.into(),
        });
    }
}

/// Looks at the whole cluster.
pub(super) async fn make(session: &Session, options: &ImportOptions, checked: &Checked) -> Result<Plan> {
    let cluster = &session.cluster;
    let mut remarks = Remarks::default();
    fitness::refuse_serverless(cluster)?;
    session
        .require_privileges(&privileges::wanted(options, checked)?)
        .await?;
    fitness::look_at_ml(cluster, options, checked, &mut remarks).await?;
    fitness::look_at_versions(cluster, checked, &mut remarks);
    let job = options.rename.clone().unwrap_or_else(|| checked.job().clone());
    inputs::remark_on_missing_clusters(options, checked, &mut remarks);
    let targets = inputs::targets(options, checked, &job, &mut remarks)?;
    templates::look(cluster, &targets, &mut remarks).await?;
    let targets = inputs::look(cluster, options, &job, targets, &mut remarks).await?;
    let portable = portable(cluster, options, checked, &job, &targets, &mut remarks)?;
    let existing = existing::look(cluster, options, checked, &job, &portable, &mut remarks).await?;
    let filters = filters::look(cluster, options, checked, &mut remarks).await?;
    let calendars = calendars::look(cluster, options, checked, &job, &mut remarks).await?;
    // Conflicts are reported all together, and first.
    if remarks.conflicts.is_empty() {
        accepted::require(cluster, checked, &job, &portable).await?;
    }
    Ok(Plan {
        renamer: Renamer::new(checked.job().clone(), job),
        snapshot_id: checked.archive.snapshot.snapshot_id.clone(),
        portable,
        filters,
        calendars,
        targets,
        existing,
        counts: counts(options, checked),
        replace: options.replace,
        notes: remarks.notes,
        conflicts: remarks.conflicts,
    })
}

fn portable(
    cluster: &Cluster,
    options: &ImportOptions,
    checked: &Checked,
    job: &JobId,
    targets: &[TargetPlan],
    remarks: &mut Remarks,
) -> Result<PortableJob> {
    let names: Vec<_> = targets
        .iter()
        .map(|target| IndexPattern::from(target.index.name.clone()))
        .collect();
    let indices = match (names.is_empty(), options.datafeed_indices.is_empty()) {
        (_, false) => Some(options.datafeed_indices.as_slice()),
        (false, true) => Some(names.as_slice()),
        (true, true) => None,
    };
    let analyzer: Option<Value> = fitness::categorization_analyzer(cluster, checked, remarks);
    let config = archived_query::config(options, checked, remarks)?;
    let mut portable = PortableJob::of(
        &config,
        &PortableOptions {
            id: job,
            datafeed_indices: indices,
            model_memory_limit: options.model_memory_limit.as_deref(),
            categorization_analyzer: analyzer.as_ref(),
        },
    )?;
    if options.skip.datafeed {
        portable.datafeed = None;
    } else if let Some(datafeed) = config.datafeed() {
        inputs::remark_on_datafeed(&datafeed.indices, indices.is_none(), remarks);
        inputs::remark_on_scripts(datafeed, remarks);
    }
    Ok(portable)
}

fn counts(options: &ImportOptions, checked: &Checked) -> Counts {
    let contents = &checked.archive.contents;
    let unless = |skipped: bool, part: Part| if skipped { 0 } else { contents.count(part) };
    Counts {
        model_state: contents.state.model_documents,
        categorizer_state: contents.state.categorizer_documents,
        annotations: unless(options.skip.annotations, Part::Annotations),
        notifications: unless(options.skip.notifications, Part::Notifications),
        categories: contents.count(Part::Categories),
        inputs: unless(inputs::skipped(options), Part::Inputs),
    }
}

impl Plan {
    /// The id on the cluster.
    pub(super) fn job(&self) -> &JobId {
        self.renamer.to()
    }

    /// What is in the way, in words.
    pub(super) fn conflicts(&self) -> impl Iterator<Item = &str> {
        self.conflicts.iter().map(|conflict| conflict.message.as_str())
    }

    /// Exit 3 where anything is in the way, naming all of it.
    pub(super) fn refuse_conflicts(&self) -> Result<()> {
        let Some(first) = self.conflicts.first() else {
            return Ok(());
        };
        let messages: Vec<&str> = self
            .conflicts
            .iter()
            .map(|conflict| conflict.message.as_str())
            .collect();
        let mut hints: Vec<&str> = vec![&first.hint];
        for conflict in &self.conflicts {
            if !hints.contains(&conflict.hint.as_str()) {
                hints.push(&conflict.hint);
            }
        }
        Err(Error::refused(messages.join("; "), hints.join("; ")))
    }
}

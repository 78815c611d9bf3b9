//! Where the inputs go, and what the datafeed reads.

use super::Remarks;
use crate::archive::Part;
use crate::cluster::Cluster;
use crate::commands::import::checked::Checked;
use crate::commands::import::options::ImportOptions;
use crate::error::Result;
use crate::job::{Datafeed, IndexName, JobId, TargetIndex, is_remote, marked_as_ours, scripts_of, target_indices};

/// An index to create for inputs.
#[derive(Debug)]
pub(in crate::commands::import) struct TargetPlan {
    /// What it becomes.
    pub(in crate::commands::import) index: TargetIndex,
    /// An index of that name that this tool made for this job goes first.
    pub(in crate::commands::import) replaces: bool,
}

/// Inputs stay out where asked, and where the datafeed is to read others.
pub(super) fn skipped(options: &ImportOptions) -> bool {
    options.skip.inputs || !options.datafeed_indices.is_empty()
}

/// The indices that the inputs need.
pub(super) fn targets(
    options: &ImportOptions,
    checked: &Checked,
    job: &JobId,
    remarks: &mut Remarks,
) -> Result<Vec<TargetIndex>> {
    let documents = checked.archive.contents.count(Part::Inputs);
    if documents == 0 {
        return Ok(Vec::new());
    }
    if skipped(options) {
        remarks.note(format!("{documents} inputs of the archive are left out"));
        return Ok(Vec::new());
    }
    if checked.archive.contents.input_mapping.is_none() {
        remarks.note("the archive has no mapping of the inputs: field types are told from the job and the data");
    }
    let base = options.input_index.clone().unwrap_or_else(|| IndexName::inputs_of(job));
    let sources = &checked.archive.contents.input_indices;
    Ok(target_indices(
        &checked.archive.mappings,
        sources,
        &base,
        job,
        &checked.archive.config,
        checked.time_format,
    )?)
}

/// What the datafeed will read, where that is not the inputs: as it names them, other clusters' indices and exclusions
/// too, for so Elasticsearch asks whether its maker may.
pub(super) fn read_by_datafeed(options: &ImportOptions, checked: &Checked, targets: &[TargetIndex]) -> Vec<String> {
    let Some(datafeed) = checked.archive.config.datafeed().filter(|_| !options.skip.datafeed) else {
        return Vec::new();
    };
    match options.datafeed_indices.is_empty() {
        false => options.datafeed_indices.iter().map(ToString::to_string).collect(),
        true if targets.is_empty() => datafeed.indices.clone(),
        true => Vec::new(),
    }
}

/// Whether their names are free.
pub(super) async fn look(
    cluster: &Cluster,
    options: &ImportOptions,
    job: &JobId,
    targets: Vec<TargetIndex>,
    remarks: &mut Remarks,
) -> Result<Vec<TargetPlan>> {
    let mut plans = Vec::with_capacity(targets.len());
    for index in targets {
        let name = index.name.as_str();
        let there = cluster.index_definitions(&[name.to_owned()]).await?;
        let ours = !there.is_empty()
            && there
                .iter()
                .all(|(found, definition)| found == name && marked_as_ours(&definition["mappings"], job));
        if !there.is_empty() && !ours {
            remarks.conflict(
                format!("index {name} exists and was not made by an import of this job"),
                "name another with --input-index, or leave the inputs out with --skip-inputs",
            );
        } else if ours && !options.replace {
            remarks.conflict(
                format!("input index {name} of an earlier import exists"),
                "replace it with --replace, or name another with --input-index",
            );
        }
        plans.push(TargetPlan { index, replaces: ours });
    }
    Ok(plans)
}

/// Reports input documents that the export could not read.
pub(super) fn remark_on_missing_clusters(options: &ImportOptions, checked: &Checked, remarks: &mut Remarks) {
    let manifest = checked.archive.contents.manifest.as_ref().filter(|_| !skipped(options));
    let missing = manifest.into_iter().flat_map(|manifest| &manifest.incomplete_clusters);
    let names: Vec<&str> = missing.map(String::as_str).collect();
    if !names.is_empty() {
        remarks.note(format!(
            "input documents of remote clusters are missing from the archive: {}",
            names.join(", ")
        ));
    }
}

/// Says what the datafeed will read where that is not the imported inputs.
pub(super) fn remark_on_datafeed(own: &[String], keeps_own: bool, remarks: &mut Remarks) {
    if !keeps_own {
        return;
    }
    remarks.note(format!("the datafeed keeps reading {}", own.join(", ")));
    let remote: Vec<&str> = own
        .iter()
        .filter(|index| is_remote(index))
        .map(String::as_str)
        .collect();
    if !remote.is_empty() {
        remarks.note(format!("the datafeed reads remote clusters: {}", remote.join(", ")));
    }
}

/// Says which scripts the cluster will run, since whoever wrote the archive wrote them.
pub(super) fn remark_on_scripts(datafeed: &Datafeed, remarks: &mut Remarks) {
    let names = scripts_of(datafeed);
    if !names.is_empty() {
        remarks.note(format!(
            "the datafeed runs scripts of the archive: {}",
            names.join(", ")
        ));
    }
}

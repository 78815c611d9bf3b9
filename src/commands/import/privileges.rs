//! The input indices of an import, the indices that its datafeed reads, and the privileges that both require.

use std::borrow::Cow;
use std::iter;

use super::options::ImportOptions;
use crate::archive::{CheckedArchive, Part};
use crate::cluster::{IndexPrivileges, RequiredPrivileges};
use crate::error::Result;
use crate::job::{IndexName, JobId, TargetIndex, loading_alias, target_indices};

const ML_INDICES: [&str; 4] = [
    ".ml-state*",
    ".ml-anomalies-*",
    ".ml-annotations*",
    ".ml-notifications*",
];
const ON_ML: [&str; 4] = ["read", "write", "maintenance", "view_index_metadata"];
/// Additional privileges on the input indices.
const ON_INPUTS: [&str; 3] = ["create_index", "manage", "delete_index"];

/// Whether input indices are created, for the archive's input documents or for those of another cluster.
pub(super) fn imports_inputs(options: &ImportOptions, archive: &CheckedArchive) -> bool {
    options.inputs_from.is_some() || !options.skips_inputs() && archive.contents.count(Part::Inputs) > 0
}

/// The input indices to create.
pub(super) fn input_targets(
    options: &ImportOptions,
    archive: &CheckedArchive,
    job: &JobId,
    time_format: &'static str,
) -> Result<Vec<TargetIndex>> {
    if !imports_inputs(options, archive) {
        return Ok(Vec::new());
    }
    let base = options.input_index.clone().unwrap_or_else(|| IndexName::inputs_of(job));
    let (mappings, config) = (&archive.contents.mappings, &archive.config);
    let mut sources = Cow::Borrowed(&archive.contents.input_indices);
    if options.inputs_from.is_some() {
        sources = Cow::Owned(mappings.indices().map(|index| (index.to_owned(), 0)).collect());
    }
    Ok(target_indices(mappings, &sources, &base, job, config, time_format)?)
}

/// The privileges that an import requires, with those for the input documents of its archives.
pub(super) fn required_privileges(inputs: impl Iterator<Item = IndexPrivileges>) -> RequiredPrivileges {
    let ml = (ML_INDICES.map(str::to_owned).to_vec(), ON_ML.to_vec());
    RequiredPrivileges {
        cluster: vec!["monitor", "manage_ml"],
        indices: iter::once(ml).chain(inputs).collect(),
    }
}

/// The privileges for the input documents of an archive. A datafeed reads with the privileges of the user who creates it,
/// and Elasticsearch does not create one that could not read. Without this check, that step would fail last, after an
/// import with `--replace` has deleted the existing job.
pub(super) fn input_privileges(
    options: &ImportOptions,
    archive: &CheckedArchive,
    targets: &[TargetIndex],
) -> Vec<IndexPrivileges> {
    // Under the names that the datafeed uses, including remote indices and exclusions: Elasticsearch checks those.
    let mut indices = vec![(existing_indices(options, archive), vec!["read"])];
    if !targets.is_empty() {
        // The index, and its temporary alias.
        let names = targets.iter().map(|target| &target.name);
        let names = names.flat_map(|name| [name.to_string(), loading_alias(name, "*")]);
        indices.push((names.collect(), [&ON_ML[..], &ON_INPUTS].concat()));
    }
    indices
}

/// The indices that the datafeed will read and that the import does not create.
pub(super) fn existing_indices(options: &ImportOptions, archive: &CheckedArchive) -> Vec<String> {
    match archive.config.datafeed().filter(|_| !options.skip.datafeed) {
        Some(_) if !options.datafeed_indices.is_empty() => {
            options.datafeed_indices.iter().map(ToString::to_string).collect()
        }
        Some(datafeed) if !imports_inputs(options, archive) => datafeed.indices.clone(),
        _ => Vec::new(),
    }
}

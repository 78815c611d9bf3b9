//! The privileges that an import needs.

use super::{Remarks, inputs};
use crate::cluster::Wanted;
use crate::commands::import::checked::Checked;
use crate::commands::import::options::ImportOptions;
use crate::error::Result;
use crate::job::loading_alias;

const ML_INDICES: [&str; 4] = [
    ".ml-state*",
    ".ml-anomalies-*",
    ".ml-annotations*",
    ".ml-notifications*",
];
const ON_ML: [&str; 4] = ["read", "write", "maintenance", "view_index_metadata"];
const ON_INPUTS: [&str; 7] = [
    "create_index",
    "read",
    "write",
    "maintenance",
    "view_index_metadata",
    "manage",
    "delete_index",
];

/// Everything that the plan does. A datafeed reads with the privileges of the user who creates it, and Elasticsearch
/// refuses to create one that could not read: without this check that would come last, after an import with `--replace`
/// has deleted what was there.
pub(in crate::commands::import) fn wanted(options: &ImportOptions, checked: &Checked) -> Result<Wanted> {
    let job = options.rename.as_ref().unwrap_or_else(|| checked.job());
    let targets = inputs::targets(options, checked, job, &mut Remarks::default())?;
    let datafeed = inputs::read_by_datafeed(options, checked, &targets);
    let mut indices = vec![(ML_INDICES.map(str::to_owned).to_vec(), ON_ML.to_vec())];
    if !targets.is_empty() {
        // The index, and the alias that it is loaded through.
        let names = targets.iter().map(|target| &target.name);
        let names = names.flat_map(|name| [name.to_string(), loading_alias(name, "*")]);
        indices.push((names.collect(), ON_INPUTS.to_vec()));
    }
    indices.push((datafeed, vec!["read"]));
    Ok(Wanted {
        cluster: vec!["monitor", "manage_ml"],
        indices,
    })
}

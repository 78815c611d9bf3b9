//! All that the plan does, asked for before the first write.

use crate::cluster::{Cluster, Wanted};
use crate::commands::session;
use crate::error::Result;
use crate::job::TargetIndex;

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

/// Fails with every privilege that is lacking. A datafeed reads with the rights of its maker, and Elasticsearch refuses
/// to make one that could not: here that would come last, after an import with `--replace` has deleted what was there.
pub(super) async fn require(cluster: &Cluster, targets: &[TargetIndex], datafeed: Vec<String>) -> Result<()> {
    let mut indices = vec![(ML_INDICES.map(str::to_owned).to_vec(), ON_ML.to_vec())];
    if !targets.is_empty() {
        indices.push((
            targets.iter().map(|target| target.name.to_string()).collect(),
            ON_INPUTS.to_vec(),
        ));
    }
    indices.push((datafeed, vec!["read"]));
    session::require_privileges(
        cluster,
        &Wanted {
            cluster: vec!["monitor", "manage_ml"],
            indices,
        },
    )
    .await
}

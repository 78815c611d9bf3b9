//! What an export must be allowed to read.

use super::sources::Sources;
use super::subject::Subject;
use crate::cluster::Wanted;

/// Reading filters is an act of administration to Elasticsearch.
pub(super) fn wanted(subject: &Subject, sources: &Sources) -> Wanted {
    let filters = subject.job.filters().is_ok_and(|filters| !filters.is_empty());
    let ml = [
        ".ml-state*",
        ".ml-anomalies-*",
        ".ml-annotations*",
        ".ml-notifications*",
    ];
    let mut indices = vec![(ml.map(str::to_owned).to_vec(), vec!["read"])];
    if !sources.local.is_empty() {
        indices.push((sources.local.clone(), vec!["read", "view_index_metadata"]));
    }
    Wanted {
        cluster: vec!["monitor", if filters { "manage_ml" } else { "monitor_ml" }],
        indices,
    }
}

//! What an export must be allowed to read.

use super::sources::Sources;
use super::subject::Subject;
use crate::cluster::Wanted;

const ML_INDICES: [&str; 4] = [
    ".ml-state*",
    ".ml-anomalies-*",
    ".ml-annotations*",
    ".ml-notifications*",
];

/// What every export reads, whatever its job.
pub(super) fn of_any_job() -> Wanted {
    Wanted {
        cluster: vec!["monitor", "monitor_ml"],
        indices: vec![(ML_INDICES.map(str::to_owned).to_vec(), vec!["read"])],
    }
}

/// Reading filters is an act of administration to Elasticsearch.
pub(super) fn wanted(subject: &Subject, sources: &Sources) -> Wanted {
    let filters = !subject.job.filters().is_empty();
    let mut wanted = of_any_job();
    if !sources.local.is_empty() {
        let privileges = vec!["read", "view_index_metadata"];
        wanted.indices.push((sources.local.clone(), privileges));
    }
    if filters {
        wanted.cluster = vec!["monitor", "manage_ml"];
    }
    wanted
}

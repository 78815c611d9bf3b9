//! The versions of Elasticsearch that an archive requires, and the parts that it does not contain.

use serde::Serialize;

use crate::archive::{Contents, EntryKind, Part};
use crate::job::Version;

/// What Elasticsearch assumes if a snapshot document has no `min_version`.
const WITHOUT_MIN_VERSION: &str = "6.3.0";

/// The versions that can open a snapshot, from its `min_version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Requirement(Version);

impl Requirement {
    /// The requirement of a snapshot document; `None` if its `min_version` is not a version.
    pub(crate) fn of(min_version: Option<&str>) -> Option<Self> {
        Version::parse(min_version.unwrap_or(WITHOUT_MIN_VERSION)).map(Self)
    }

    /// Whether Elasticsearch 9 cannot open it: its servers have this constant, and its autodetect cannot read older state.
    pub(super) fn too_old_for_9(self) -> bool {
        !self.0.at_least(8, 3)
    }

    /// Whether a later version than that of the cluster wrote it.
    pub(super) fn too_new_for(self, cluster: Version) -> bool {
        self.0 > cluster
    }

    /// Whether the cluster can no longer read its state.
    pub(super) fn too_old_for(self, cluster: Version) -> bool {
        cluster.at_least(9, 0) && self.too_old_for_9()
    }
}

/// `Elasticsearch 9.0.0 or later`, or the range of versions before 9.
impl std::fmt::Display for Requirement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(at_least) = self;
        match self.too_old_for_9() {
            false => write!(f, "Elasticsearch {at_least} or later"),
            true => write!(f, "Elasticsearch {at_least} or later, before 9.0.0"),
        }
    }
}

/// Something that a job imported from the archive will not have. A problem that prevents an import is a finding instead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct MissingPart {
    /// A stable name, such as `inputs`.
    pub(crate) what: &'static str,
    pub(crate) consequence: String,
}

/// The parts that are missing from an archive.
pub(crate) fn missing_parts(contents: &Contents) -> Vec<MissingPart> {
    let mut parts = Vec::new();
    let mut add = |is_missing: bool, what, consequence: &str| {
        let consequence = consequence.to_owned();
        parts.extend(is_missing.then_some(MissingPart { what, consequence }));
    };
    let has = |part| contents.count(part) > 0;
    let consequence = "Categorizer state: the job starts without categories and learns them again";
    add(contents.is_missing_categorizer(), "categorizer_state", consequence);
    let consequence = "Category definitions: existing categories have no examples until they match again";
    let is_missing = contents.categorizes() && !has(Part::Categories);
    add(is_missing, "categories", consequence);
    let consequence = "Data counts: the counts of the imported job start at 0";
    add(contents.data_counts.is_none(), "data_counts", consequence);
    if let Some(snapshot) = &contents.snapshot
        && let Some(requirement) = Requirement::of(snapshot.min_version.as_deref())
    {
        let consequence = format!("Support for Elasticsearch 9: the snapshot requires {requirement}");
        add(requirement.too_old_for_9(), "elasticsearch_9", &consequence);
    }
    let consequence = "the datafeed reads its original indices, which must exist on the target cluster";
    add(!has(Part::Inputs), "inputs", &format!("Input documents: {consequence}"));
    if let Some(manifest) = &contents.manifest {
        let clusters: Vec<&str> = manifest.incomplete_clusters.iter().map(String::as_str).collect();
        let consequence = format!("Some input documents from remote clusters: {}", clusters.join(", "));
        add(!clusters.is_empty(), "remote_clusters", &consequence);
    }
    let consequence = "Mapping of the input documents: field types are derived from the job and the data";
    let has_mapping = contents.texts.contains_key(&EntryKind::InputMapping);
    add(has(Part::Inputs) && !has_mapping, "input_mapping", consequence);
    let Some(config) = &contents.config else {
        return parts;
    };
    let consequence = "Datafeed: the imported job does not have one";
    add(config.datafeed().is_none(), "datafeed", consequence);
    for filter in config.filters() {
        let consequence = "in 8.6 and later, the job cannot be opened without it";
        let consequence = format!("Filter `{filter}`, which is used in a rule: {consequence}");
        let has_filter = contents.filters.iter().any(|archived| archived.id == *filter);
        add(!has_filter, "filter", &consequence);
    }
    let has_calendars = contents.texts.contains_key(&EntryKind::Calendars);
    add(
        !has_calendars,
        "calendars",
        "Calendars: scheduled events are not imported",
    );
    let consequence = "Annotations: those of the original job are not imported";
    add(!has(Part::Annotations), "annotations", consequence);
    let consequence = "Notifications: the messages of the original job are not imported";
    add(!has(Part::Notifications), "notifications", consequence);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).expect("valid")
    }

    #[test]
    fn a_snapshot_requires_its_min_version_and_in_9_at_least_8_3() {
        let (fits, too_new, too_old) = ([false, false], [true, false], [false, true]);
        for (min, cluster, expected) in [
            (Some("9.0.0"), "9.0.0", fits),
            (Some("9.0.0"), "9.3.0-SNAPSHOT", fits),
            (Some("9.0.0"), "8.19.9", too_new),
            (Some("9.9.0"), "9.2.0", too_new),
            (Some("8.3.0"), "8.2.3", too_new),
            (Some("7.11.0"), "7.10.2", too_new),
            (Some("8.3.0"), "9.0.0", fits),
            (Some("8.0.0"), "9.0.0", too_old),
            (Some("8.0.0"), "8.0.0", fits),
            (None, "9.0.0", too_old),
            (None, "7.17.29", fits),
        ] {
            let (requirement, cluster) = (Requirement::of(min).expect("a version"), version(cluster));
            let found = [requirement.too_new_for(cluster), requirement.too_old_for(cluster)];
            assert_eq!(found, expected, "{min:?} into {cluster}");
        }
        assert_eq!(Requirement::of(Some("soon")), None);
    }

    #[test]
    fn requirement_text_includes_the_end_of_support() {
        let text = |min| Requirement::of(Some(min)).map(|requirement| requirement.to_string());
        assert_eq!(text("9.0.0").as_deref(), Some("Elasticsearch 9.0.0 or later"));
        assert_eq!(
            text("7.11.0").as_deref(),
            Some("Elasticsearch 7.11.0 or later, before 9.0.0")
        );
    }
}

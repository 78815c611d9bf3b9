//! The versions of Elasticsearch that an archive requires, and the parts that it does not contain.

use serde::Serialize;

use crate::archive::{Contents, EntryKind, Part};
use crate::job::Version;

/// What Elasticsearch assumes if a snapshot document has no `min_version`.
const WITHOUT_MIN_VERSION: &str = "6.3.0";

/// The versions that can open a snapshot, from its `min_version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Requirement {
    at_least: Version,
}

/// Why a cluster cannot open a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Incompatible {
    /// The snapshot was written by a later version.
    TooNew,
    /// The snapshot was written by a version whose state the cluster can no longer read.
    TooOld,
}

impl Requirement {
    /// The requirement of a snapshot document; `None` if its `min_version` is not a version.
    pub(crate) fn of(min_version: Option<&str>) -> Option<Self> {
        let at_least = Version::parse(min_version.unwrap_or(WITHOUT_MIN_VERSION))?;
        Some(Self { at_least })
    }

    /// Whether Elasticsearch 9 cannot open it: its servers have this constant, and its autodetect cannot read older state.
    pub(super) fn too_old_for_9(self) -> bool {
        !self.at_least.at_least(8, 3)
    }

    /// The reason why a cluster of this version cannot open it, if any.
    pub(super) fn unmet_by(self, cluster: Version) -> Option<Incompatible> {
        let too_new = (self.at_least > cluster).then_some(Incompatible::TooNew);
        let too_old = cluster.at_least(9, 0) && self.too_old_for_9();
        too_new.or(too_old.then_some(Incompatible::TooOld))
    }
}

/// `Elasticsearch 9.0.0 or later`, or the range of versions before 9.
impl std::fmt::Display for Requirement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { at_least } = self;
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
    let mut add = |what, consequence: &str| {
        let consequence = consequence.to_owned();
        parts.push(MissingPart { what, consequence });
    };
    let has = |part| contents.count(part) > 0;
    if contents.is_missing_categorizer() {
        let consequence = "Categorizer state: the job starts without categories and learns them again";
        add("categorizer_state", consequence);
    }
    if contents.categorizes() && !has(Part::Categories) {
        let consequence = "existing categories have no examples until they match again";
        add("categories", &format!("Category definitions: {consequence}"));
    }
    if contents.data_counts.is_none() {
        add("data_counts", "Data counts: the counts of the imported job start at 0");
    }
    if let Some(snapshot) = &contents.snapshot
        && let Some(requirement) = Requirement::of(snapshot.min_version.as_deref())
        && requirement.too_old_for_9()
    {
        let consequence = format!("Support for Elasticsearch 9: the snapshot requires {requirement}");
        add("elasticsearch_9", &consequence);
    }
    if !has(Part::Inputs) {
        let consequence = "the datafeed reads its original indices, which must exist on the target cluster";
        add("inputs", &format!("Input documents: {consequence}"));
    }
    if let Some(manifest) = &contents.manifest
        && !manifest.incomplete_clusters.is_empty()
    {
        let clusters: Vec<&str> = manifest.incomplete_clusters.iter().map(String::as_str).collect();
        let consequence = format!("Some input documents from remote clusters: {}", clusters.join(", "));
        add("remote_clusters", &consequence);
    }
    if has(Part::Inputs) && !contents.texts.contains_key(&EntryKind::InputMapping) {
        let consequence = "Mapping of the input documents: field types are derived from the job and the data";
        add("input_mapping", consequence);
    }
    let Some(config) = &contents.config else {
        return parts;
    };
    if config.datafeed().is_none() {
        add("datafeed", "Datafeed: the imported job does not have one");
    }
    for filter in config.filters() {
        if !contents.filters.iter().any(|archived| archived.id == *filter) {
            let consequence = "in 8.6 and later, the job cannot be opened without it";
            let consequence = format!("Filter `{filter}`, which is used in a rule: {consequence}");
            add("filter", &consequence);
        }
    }
    if !contents.texts.contains_key(&EntryKind::Calendars) {
        add("calendars", "Calendars: scheduled events are not imported");
    }
    if !has(Part::Annotations) {
        add("annotations", "Annotations: those of the original job are not imported");
    }
    if !has(Part::Notifications) {
        let consequence = "Notifications: the messages of the original job are not imported";
        add("notifications", consequence);
    }
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
        use Incompatible::{TooNew, TooOld};
        for (min, cluster, unmet) in [
            (Some("9.0.0"), "9.0.0", None),
            (Some("9.0.0"), "9.3.0-SNAPSHOT", None),
            (Some("9.0.0"), "8.19.9", Some(TooNew)),
            (Some("9.9.0"), "9.2.0", Some(TooNew)),
            (Some("8.3.0"), "8.2.3", Some(TooNew)),
            (Some("7.11.0"), "7.10.2", Some(TooNew)),
            (Some("8.3.0"), "9.0.0", None),
            (Some("8.0.0"), "9.0.0", Some(TooOld)),
            (Some("8.0.0"), "8.0.0", None),
            (None, "9.0.0", Some(TooOld)),
            (None, "7.17.29", None),
        ] {
            let requirement = Requirement::of(min).expect("a version");
            assert_eq!(requirement.unmet_by(version(cluster)), unmet, "{min:?} into {cluster}");
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

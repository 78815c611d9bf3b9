//! What an archive requires of a cluster and what it is missing, in the same words for `inspect` and `import`.

use serde::Serialize;

use crate::archive::{Contents, Part};
use crate::job::Version;

/// Elasticsearch 9 opens no snapshot with an older `min_version`: its servers have this constant, and its autodetect no
/// reader for older state.
const OLDEST_ON_9: Version = Version {
    major: 8,
    minor: 3,
    patch: 0,
};

/// What Elasticsearch assumes of a snapshot document without `min_version`.
const WITHOUT_MIN_VERSION: Version = Version {
    major: 6,
    minor: 3,
    patch: 0,
};

/// What a snapshot's `min_version` requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Requirement {
    at_least: Version,
}

/// Why a cluster cannot open a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Incompatible {
    /// The snapshot was written by a later version.
    TooNew,
    /// The snapshot was written by a version whose state is no longer read.
    TooOld,
}

impl Requirement {
    /// Of the `min_version` of a snapshot document; `None` where it is not a version.
    pub(crate) fn of(min_version: Option<&str>) -> Option<Self> {
        let at_least = match min_version {
            Some(text) => Version::parse(text)?,
            None => WITHOUT_MIN_VERSION,
        };
        Some(Self { at_least })
    }

    /// Whether 9.x does not open it any more.
    pub(super) fn too_old_for_9(self) -> bool {
        self.at_least < OLDEST_ON_9
    }

    /// Why a cluster of this version does not open it.
    pub(super) fn unmet_by(self, cluster: Version) -> Option<Incompatible> {
        if self.at_least > cluster {
            Some(Incompatible::TooNew)
        } else if cluster.at_least(9, 0) && self.too_old_for_9() {
            Some(Incompatible::TooOld)
        } else {
            None
        }
    }
}

/// `Requires Elasticsearch 9.0.0 or later`, or the range that 9 ends.
impl std::fmt::Display for Requirement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { at_least } = self;
        match self.too_old_for_9() {
            false => write!(f, "Requires Elasticsearch {at_least} or later"),
            true => write!(f, "Requires Elasticsearch {at_least} or later, before 9.0.0"),
        }
    }
}

/// Something that a job imported from an archive does not have. What makes an import impossible is a finding instead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct MissingPart {
    /// A name that does not change, such as `inputs`.
    pub(crate) what: &'static str,
    pub(crate) consequence: String,
    /// The note in the plan of an import, where it warns of this.
    #[serde(skip)]
    pub(crate) plan_note: Option<&'static str>,
}

/// What is missing from an archive that can be imported.
pub(crate) fn missing_parts(contents: &Contents) -> Vec<MissingPart> {
    let has = |part| contents.count(part) > 0;
    let config = contents.config.as_ref();
    let categorizes = config.is_some_and(|config| config.categorization_field().is_some());
    let requirement = contents.parsed.snapshot.as_ref();
    let requirement = requirement.and_then(|snapshot| Requirement::of(snapshot.min_version.as_deref()));
    let requirement = requirement.filter(|requirement| requirement.too_old_for_9());
    let incomplete = contents
        .manifest
        .iter()
        .flat_map(|manifest| &manifest.incomplete_clusters);
    let incomplete: Vec<&str> = incomplete.map(String::as_str).collect();
    let missing = |missing: bool, what, consequence: &str, plan_note| {
        missing.then(|| MissingPart {
            what,
            consequence: consequence.to_owned(),
            plan_note,
        })
    };
    let mut parts = vec![
        missing(
            contents.is_missing_categorizer(),
            "categorizer_state",
            "no categorizer state: the job's categories start anew",
            Some("the archive has no categorizer state: categories start anew"),
        ),
        missing(
            categorizes && !has(Part::Categories),
            "categories",
            "no category definitions: categories found so far have no examples until they are seen again",
            None,
        ),
        missing(
            contents.data_counts.is_none(),
            "data_counts",
            "no data counts: the job's counters start at 0",
            Some("the archive has no data counts: all counters start at 0"),
        ),
        missing(
            requirement.is_some(),
            "elasticsearch_9",
            &requirement.map_or_else(String::new, |requirement| {
                format!("Elasticsearch 9 cannot open the snapshot: {requirement}")
            }),
            None,
        ),
        missing(
            !has(Part::Inputs),
            "inputs",
            "no inputs: the datafeed keeps its own indices, which the other cluster must have",
            None,
        ),
        missing(
            !incomplete.is_empty(),
            "remote_clusters",
            &format!(
                "input documents of remote clusters are missing: {}",
                incomplete.join(", ")
            ),
            None,
        ),
        missing(
            has(Part::Inputs) && contents.input_mapping.is_none(),
            "input_mapping",
            "no mapping of the inputs: field types are told from the job and the data",
            None,
        ),
    ];
    let Some(config) = config else {
        return parts.into_iter().flatten().collect();
    };
    parts.push(missing(
        config.datafeed().is_none(),
        "datafeed",
        "no datafeed: the job gets one only by hand",
        None,
    ));
    for filter in config.filters() {
        let text = format!(
            "filter `{filter}`, which a rule names, is not in the archive: from 8.6 on the job does not open without it"
        );
        let is_there = contents.parsed.filters.iter().any(|(id, _)| id == filter);
        parts.push(missing(!is_there, "filter", &text, None));
    }
    parts.extend([
        missing(
            contents.calendars.is_none(),
            "calendars",
            "no calendars: events that the job was told of are not carried",
            None,
        ),
        missing(!has(Part::Annotations), "annotations", "no annotations", None),
        missing(!has(Part::Notifications), "notifications", "no notifications", None),
    ]);
    parts.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).expect("valid")
    }

    #[test]
    fn a_snapshot_opens_from_its_min_version_and_in_9_from_8_3() {
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
    fn the_end_of_support_is_part_of_the_words() {
        let words = |min| Requirement::of(Some(min)).map(|requirement| requirement.to_string());
        assert_eq!(words("9.0.0").as_deref(), Some("Requires Elasticsearch 9.0.0 or later"));
        assert_eq!(
            words("7.11.0").as_deref(),
            Some("Requires Elasticsearch 7.11.0 or later, before 9.0.0")
        );
    }
}

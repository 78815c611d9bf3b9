//! Which versions of Elasticsearch open a model snapshot, in the same words for `inspect` and `import`.

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
pub(super) struct Requirement {
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
    pub(super) fn of(min_version: Option<&str>) -> Option<Self> {
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

//! The version of the stand-in, and the differences in its ML API.

/// The flavor of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deployment {
    /// Self-managed or hosted Elasticsearch.
    Default,
    /// Serverless projects: `build_flavor: serverless`.
    Serverless,
    /// OpenSearch: `version.distribution`, without Elastic ML.
    OpenSearch,
}

/// A version of the ML API. Its differences are methods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MlVersion {
    /// The number in `GET /`.
    pub number: String,
    /// The flavor.
    pub deployment: Deployment,
    /// The version whose ML behavior is used: (major, minor, patch).
    behaves_as: (u32, u32, u32),
}

impl MlVersion {
    /// A released Elasticsearch.
    pub fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self {
            number: format!("{major}.{minor}.{patch}"),
            deployment: Deployment::Default,
            behaves_as: (major, minor, patch),
        }
    }

    /// The build that the exchanges were recorded on: 8.0.0-SNAPSHOT, with the ML of fall 2020 before 7.10.
    pub fn recorded() -> Self {
        Self {
            number: "8.0.0-SNAPSHOT".to_owned(),
            deployment: Deployment::Default,
            behaves_as: (7, 9, 9),
        }
    }

    /// A serverless project. Its version number has no meaning.
    pub fn serverless() -> Self {
        Self {
            number: "8.11.0".to_owned(),
            deployment: Deployment::Serverless,
            behaves_as: (9, 3, 0),
        }
    }

    /// OpenSearch with this version.
    pub fn opensearch(major: u32, minor: u32, patch: u32) -> Self {
        Self {
            number: format!("{major}.{minor}.{patch}"),
            deployment: Deployment::OpenSearch,
            behaves_as: (7, 10, 2),
        }
    }

    /// Whether ML behaves as in this version or a later one.
    pub fn since(&self, major: u32, minor: u32) -> bool {
        self.behaves_as >= (major, minor, 0)
    }

    /// Whether a revert with `delete_intervening_results` does not filter by job: 8.18.3…, 8.19.0–8.19.11, 9.0.3…, 9.1,
    /// 9.2.0–9.2.5.
    pub fn reverts_delete_results_of_all_jobs(&self) -> bool {
        match self.behaves_as {
            (8, 18, patch) | (9, 0, patch) => patch >= 3,
            (8, 19, patch) => patch < 12,
            (9, 1, _) => true,
            (9, 2, patch) => patch < 6,
            _ => false,
        }
    }

    /// Returns the oldest `min_version` that a job can be opened with, and its name in the error.
    pub fn oldest_openable_snapshot(&self) -> Option<((u32, u32, u32), &'static str)> {
        match self.behaves_as {
            (9.., ..) => Some(((8, 3, 0), "8.3.0")),
            (8, 18.., _) => Some(((6, 4, 0), "8.3.0")),
            (8, ..) => Some(((6, 4, 0), "7.0.0")),
            _ => None,
        }
    }

    /// Returns the `min_version` that autodetect writes in this version.
    pub fn writes_min_version(&self) -> &'static str {
        match self.behaves_as {
            (9.., ..) => "9.0.0",
            (8, 3.., _) => "8.3.0",
            (8, ..) => "8.0.0",
            (7, 11.., _) => "7.11.0",
            (7, 10, _) => "7.9.0",
            _ => "6.4.0",
        }
    }

    /// Returns the `job_version` of a new job: the version of the node, in later versions that of the configuration
    /// format.
    pub fn job_version(&self) -> String {
        if self.since(8, 11) {
            "12.0.0".to_owned()
        } else if self.since(8, 10) {
            "10.0.0".to_owned()
        } else {
            self.number.trim_end_matches("-SNAPSHOT").to_owned()
        }
    }

    /// Returns the annotations index.
    pub fn annotations_index(&self) -> &'static str {
        if self.since(8, 0) {
            ".ml-annotations-000001"
        } else {
            ".ml-annotations-6"
        }
    }

    /// Returns the notifications index.
    pub fn notifications_index(&self) -> &'static str {
        if self.since(7, 17) {
            ".ml-notifications-000002"
        } else {
            ".ml-notifications-000001"
        }
    }

    /// Whether the alias `.ml-notifications-write` exists.
    pub fn has_notifications_alias(&self) -> bool {
        self.since(8, 19)
    }

    /// Returns the suffix of results indices.
    pub fn results_suffix(&self) -> &'static str {
        if self.since(9, 3) { "-000001" } else { "" }
    }

    /// Whether the server sends `X-Elastic-Product` (set by `StandInOptions::product_header`).
    pub fn names_its_product(&self) -> bool {
        self.deployment != Deployment::OpenSearch && self.since(7, 14)
    }
}

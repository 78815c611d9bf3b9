//! Which cluster the stand-in is: what it says of itself and what its ML does differently.

/// Who made the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deployment {
    /// The ordinary, self-managed or hosted Elasticsearch.
    Default,
    /// Elastic's serverless projects: `build_flavor: serverless`.
    Serverless,
    /// OpenSearch: `version.distribution`, no Elastic ML.
    OpenSearch,
}

/// A version of the ML side. Differences are those of the facts' table, named as questions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MlVersion {
    /// What `GET /` says.
    pub number: String,
    /// Who made it.
    pub deployment: Deployment,
    /// What the ML behaves like: (major, minor, patch).
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

    /// The build that the exchanges were recorded on: called 8.0.0-SNAPSHOT, with the ML of autumn 2020 before 7.10.
    pub fn recorded() -> Self {
        Self {
            number: "8.0.0-SNAPSHOT".to_owned(),
            deployment: Deployment::Default,
            behaves_as: (7, 9, 9),
        }
    }

    /// Serverless: its number means nothing.
    pub fn serverless() -> Self {
        Self {
            number: "8.11.0".to_owned(),
            deployment: Deployment::Serverless,
            behaves_as: (9, 3, 0),
        }
    }

    /// OpenSearch of that version.
    pub fn opensearch(major: u32, minor: u32, patch: u32) -> Self {
        Self {
            number: format!("{major}.{minor}.{patch}"),
            deployment: Deployment::OpenSearch,
            behaves_as: (7, 10, 2),
        }
    }

    /// Whether the ML behaves as this version or a later one does.
    pub fn since(&self, major: u32, minor: u32) -> bool {
        self.behaves_as >= (major, minor, 0)
    }

    /// Revert with `delete_intervening_results` forgets to ask for the job: 8.18.3…, 8.19.0–8.19.11, 9.0.3…, 9.1, 9.2.0–9.2.5.
    pub fn reverts_delete_results_of_all_jobs(&self) -> bool {
        match self.behaves_as {
            (8, 18, patch) | (9, 0, patch) => patch >= 3,
            (8, 19, patch) => patch < 12,
            (9, 1, _) => true,
            (9, 2, patch) => patch < 6,
            _ => false,
        }
    }

    /// The oldest `min_version` that a job opens from, and how the refusal names it.
    pub fn oldest_openable_snapshot(&self) -> Option<((u32, u32, u32), &'static str)> {
        match self.behaves_as {
            (9.., ..) => Some(((8, 3, 0), "8.3.0")),
            (8, 18.., _) => Some(((6, 4, 0), "8.3.0")),
            (8, ..) => Some(((6, 4, 0), "7.0.0")),
            _ => None,
        }
    }

    /// What this version's autodetect writes as a snapshot's `min_version`.
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

    /// `job_version` of a new job: the node's version, later the version of the configuration's own format.
    pub fn job_version(&self) -> String {
        if self.since(8, 11) {
            "12.0.0".to_owned()
        } else if self.since(8, 10) {
            "10.0.0".to_owned()
        } else {
            self.number.trim_end_matches("-SNAPSHOT").to_owned()
        }
    }

    /// The annotations index.
    pub fn annotations_index(&self) -> &'static str {
        if self.since(8, 0) {
            ".ml-annotations-000001"
        } else {
            ".ml-annotations-6"
        }
    }

    /// The notifications index.
    pub fn notifications_index(&self) -> &'static str {
        if self.since(7, 17) {
            ".ml-notifications-000002"
        } else {
            ".ml-notifications-000001"
        }
    }

    /// Whether the alias `.ml-notifications-write` is made.
    pub fn has_notifications_alias(&self) -> bool {
        self.since(8, 19)
    }

    /// What a results index's name ends with.
    pub fn results_suffix(&self) -> &'static str {
        if self.since(9, 3) { "-000001" } else { "" }
    }

    /// Whether the server sends `X-Elastic-Product` (the server's matter: `StandInOptions::product_header`).
    pub fn names_its_product(&self) -> bool {
        self.deployment != Deployment::OpenSearch && self.since(7, 14)
    }
}

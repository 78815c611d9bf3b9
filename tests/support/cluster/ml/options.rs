//! Options of the ML API.

use std::time::Duration;

use super::security::User;
use super::version::MlVersion;

/// The license.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum License {
    /// All features.
    Trial,
    /// All features, paid.
    Platinum,
    /// Without ML.
    Basic,
    /// An expired trial, without ML.
    Expired,
}

impl License {
    /// Whether ML writes are allowed.
    pub fn allows_ml(self) -> bool {
        matches!(self, Self::Trial | Self::Platinum)
    }
}

/// Options of a cluster. `MlOptions::new(version)` is a healthy cluster without security.
#[derive(Clone, Debug)]
pub struct MlOptions {
    /// The version.
    pub version: MlVersion,
    /// Distinguishes clusters.
    pub cluster_uuid: String,
    /// The license.
    pub license: License,
    /// If false, the node does not have ML, and `_ml` addresses have no handler.
    pub ml: bool,
    /// The users and their privileges; `None` if security is off.
    pub users: Option<Vec<User>>,
    /// With security, the server refuses requests without credentials. Such a call is then made by the test itself and
    /// has all privileges.
    pub allows_requests_without_credentials: bool,
    /// `limits.max_model_memory_limit`, such as `512mb`. A job above it is refused.
    pub max_model_memory_limit: Option<String>,
    /// The delay between the creation of a job and of the annotations index.
    pub annotations_delay: Duration,
    /// A list of jobs does not contain `datafeed_config`, in contrast to a single job.
    pub listing_omits_datafeeds: bool,
    /// The suffix of a shared or custom results index, such as `-000001`; `None` for that of the version.
    pub results_suffix: Option<String>,
}

impl MlOptions {
    /// Creates a healthy cluster with a trial license and without security.
    pub fn new(version: MlVersion) -> Self {
        Self {
            version,
            cluster_uuid: "oyxpGQgoQ2ax8KEy-vV-4Q".to_owned(),
            license: License::Trial,
            ml: true,
            users: None,
            allows_requests_without_credentials: false,
            max_model_memory_limit: None,
            annotations_delay: Duration::ZERO,
            listing_omits_datafeeds: false,
            results_suffix: None,
        }
    }
}

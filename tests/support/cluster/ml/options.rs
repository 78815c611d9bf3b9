//! What a test chooses.

use std::time::Duration;

use super::security::User;
use super::version::MlVersion;

/// The licence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum License {
    /// Everything.
    Trial,
    /// Everything, paid.
    Platinum,
    /// No ML.
    Basic,
    /// A trial that ended: no ML.
    Expired,
}

impl License {
    /// Whether ML may write.
    pub fn allows_ml(self) -> bool {
        matches!(self, Self::Trial | Self::Platinum)
    }
}

/// What a test chooses. `MlOptions::new(version)` is a healthy cluster without security.
#[derive(Clone, Debug)]
pub struct MlOptions {
    /// As which version.
    pub version: MlVersion,
    /// The licence.
    pub license: License,
    /// `false`: the node has no ML, every `_ml` address has no handler.
    pub ml: bool,
    /// Who may do what; `None`: security is off.
    pub users: Option<Vec<User>>,
    /// Security is on and the server itself turns strangers away: a call without credentials is the test's own and
    /// may do everything.
    pub allows_requests_without_credentials: bool,
    /// `limits.max_model_memory_limit`, such as `512mb`; a job above it is refused.
    pub max_model_memory_limit: Option<String>,
    /// How long after a job the annotations index appears.
    pub annotations_delay: Duration,
    /// A listing of jobs (not one asked for by its whole name) leaves `datafeed_config` out.
    pub listing_omits_datafeeds: bool,
    /// What a shared or custom results index's name ends with, such as `-000001`; `None`: as the version does.
    pub results_suffix: Option<String>,
}

impl MlOptions {
    /// A healthy cluster with a trial licence and without security.
    pub fn new(version: MlVersion) -> Self {
        Self {
            version,
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

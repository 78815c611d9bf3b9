//! What the user may do, asked before the first write.

use crate::cluster::{Cluster, Result};

/// Privileges a command needs.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Cluster privileges.
    pub cluster: Vec<&'static str>,
    /// Index patterns, each with privileges.
    pub indices: Vec<(Vec<String>, Vec<&'static str>)>,
}

/// One privilege that is lacking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// `None` for a cluster privilege.
    pub index: Option<String>,
    /// Its name.
    pub privilege: String,
}

impl Cluster {
    /// What of `wanted` the user lacks; `None` where the cluster has no security.
    pub async fn missing_privileges(&self, wanted: &Wanted) -> Result<Option<Vec<Missing>>> {
        todo!()
    }
}

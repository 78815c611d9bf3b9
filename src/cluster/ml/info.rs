//! Whether and how much machine learning there is.

use serde_json::Value;

use crate::cluster::{Cluster, Result};

/// What `GET _ml/info` says.
#[derive(Clone, Debug)]
pub struct MlInfo {
    /// True while ML writes are answered with 429.
    pub upgrade_mode: bool,
    /// `limits.max_model_memory_limit` or, without one, `effective_max_model_memory_limit`, in bytes.
    pub max_model_memory: Option<u64>,
    /// `defaults.anomaly_detectors.categorization_analyzer`.
    pub default_categorization_analyzer: Option<Value>,
}

/// What `GET _license` says.
#[derive(Clone, Debug)]
pub struct License {
    /// `trial`, `basic`, `platinum`, `enterprise` …
    pub kind: String,
    /// `active`, `expired` …
    pub status: String,
}

impl License {
    /// Whether it permits machine learning: active, and trial, platinum or enterprise.
    pub fn permits_ml(&self) -> bool {
        todo!()
    }
}

impl Cluster {
    /// `GET _ml/info`; `None` where the cluster has no ML (no handler).
    pub async fn ml_info(&self) -> Result<Option<MlInfo>> {
        todo!()
    }

    /// `GET _license`; `None` where the cluster does not know licenses.
    pub async fn license(&self) -> Result<Option<License>> {
        todo!()
    }
}

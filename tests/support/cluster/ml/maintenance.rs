//! Nightly maintenance.

use std::sync::Arc;

use serde_json::json;

use super::MlApi;
use super::docs::{Docs, Hit};
use super::indices::STATE;
use crate::support::cluster::Documents;

/// Returns the job in the ID of a state document.
fn job_of(id: &str) -> Option<&str> {
    ["_model_state_", "_categorizer_state#"]
        .iter()
        .find_map(|mark| id.rfind(mark).map(|at| &id[..at]))
        .or_else(|| id.strip_suffix("_quantiles"))
}

impl MlApi {
    /// Deletes state documents whose job does not exist, and returns their IDs.
    pub async fn run_nightly_maintenance(&self, documents: Arc<dyn Documents>) -> Vec<String> {
        let docs = Docs(documents);
        let all = docs.ids(STATE, json!({"match_all": {}})).await;
        let jobs = self.job_ids();
        let unused: Vec<Hit> = all
            .into_iter()
            .filter(|hit| job_of(&hit.id).is_some_and(|job| !jobs.iter().any(|known| known == job)))
            .collect();
        docs.delete(&unused).await;
        unused.into_iter().map(|hit| hit.id).collect()
    }
}

//! What somebody else did to the job while it was imported.

use super::journal::Journal;
use super::owner::{self, Owner};
use super::plan::Plan;
use crate::cluster::ml::JobState;
use crate::cluster::{self, Cluster};
use crate::error::Error;

/// The failure, with what became of the job where that is behind it.
pub(super) async fn explain(cluster: &Cluster, plan: &Plan, journal: &Journal, cause: Error) -> Error {
    if !journal.has_job() || !is_answer(&cause) {
        return cause;
    }
    match happened(cluster, plan, journal).await {
        Ok(Some(what)) => Error::Mismatch {
            message: format!("{what} while it was imported: {cause}"),
        },
        // Whatever keeps the cluster from telling, the cause is known.
        Ok(None) | Err(_) => cause,
    }
}

/// Something that the cluster said, and that a job which is gone or open may have made it say.
fn is_answer(cause: &Error) -> bool {
    match cause {
        Error::Mismatch { .. } => true,
        Error::Cluster(error) => error.status().is_some_and(|status| [400, 404, 409].contains(&status)),
        _ => false,
    }
}

async fn happened(cluster: &Cluster, plan: &Plan, journal: &Journal) -> cluster::Result<Option<String>> {
    let job = plan.job();
    match owner::job(cluster, plan, journal).await? {
        Owner::Us => {}
        Owner::Nobody => return Ok(Some(format!("somebody else deleted job {job}"))),
        Owner::Others(_) => return Ok(Some(format!("somebody else deleted job {job} and created it again"))),
    }
    let stats = cluster.job_stats(job).await?;
    Ok(stats.and_then(|stats| opened(plan, &stats.state)))
}

/// Said of a job that is not closed.
pub(super) fn opened(plan: &Plan, state: &JobState) -> Option<String> {
    match state {
        JobState::Closed => None,
        JobState::Other(state) => Some(format!("somebody else opened job {} (it is {state})", plan.job())),
    }
}

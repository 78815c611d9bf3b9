//! The job, closed and before its state (nightly maintenance deletes state without a job), its revert,
//! and the datafeed.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Context, once};
use crate::commands::import::journal::{Certainty, Entry};
use crate::error::{Error, Result};

/// Creates the job.
pub(super) async fn create(context: &Context<'_>) -> Result<()> {
    let (cluster, plan, journal) = (&context.session.cluster, context.plan, context.journal);
    let job = plan.job();
    let create = || async move {
        journal.created_job(cluster.create_job(job, &plan.portable.job).await?);
        Ok(())
    };
    once::create(context, Entry::Job, create)
        .await
        .map_err(|error| explain(context, error, "an option may not exist here"))?;
    if journal.job_created_at().is_none() {
        // The answer was lost, and the job looked at since is ours.
        journal.created_job(cluster.job(job).await?.and_then(|there| created_at(&there)));
    }
    context.session.terminal.print(&format!("Created job {job}"));
    Ok(())
}

fn created_at(job: &RawValue) -> Option<i64> {
    #[derive(Deserialize)]
    struct Created {
        create_time: Option<i64>,
    }
    serde_json::from_str::<Created>(job.get()).ok()?.create_time
}

/// Reverts to the imported snapshot. Its document must be found first: a revert to a missing one
/// leaves the job blocked.
pub(super) async fn revert(context: &Context<'_>) -> Result<()> {
    let (cluster, plan) = (&context.session.cluster, context.plan);
    let listed = cluster.snapshots(plan.job()).await?;
    if !listed.iter().any(|snapshot| snapshot.id == plan.snapshot_id) {
        return Err(Error::Mismatch {
            message: format!(
                "snapshot {} was written, but the job does not list it",
                plan.snapshot_id
            ),
        });
    }
    let handle = context.journal.intend(Entry::Reverted);
    cluster.revert(plan.job(), &plan.snapshot_id).await?;
    context.journal.settle(handle, Certainty::Written);
    context
        .session
        .terminal
        .print(&format!("Reverted job {} to snapshot {}", plan.job(), plan.snapshot_id));
    Ok(())
}

/// Creates the datafeed separately, which works on every version.
pub(super) async fn create_datafeed(context: &Context<'_>) -> Result<()> {
    let (cluster, plan) = (&context.session.cluster, context.plan);
    let Some((id, body)) = &plan.portable.datafeed else {
        return Ok(());
    };
    let create = || async move {
        context
            .journal
            .created_datafeed(cluster.create_datafeed(id, body).await?);
        Ok(())
    };
    once::create(context, Entry::Datafeed(id.clone()), create)
        .await
        .map_err(|error| {
            explain(
                context,
                error,
                "import the job without its datafeed (--skip-datafeed), and create one that this cluster accepts",
            )
        })?;
    if context.journal.datafeed().is_none()
        && let Some(there) = cluster.datafeed(id).await?
    {
        // The answer was lost, and the datafeed looked at since is ours.
        #[allow(clippy::expect_used, reason = "a rollback compares the datafeed with it")]
        let there = serde_json::from_str(there.get()).expect("raw JSON is JSON");
        context.journal.created_datafeed(there);
    }
    context.session.terminal.print(&format!("Created datafeed {id}"));
    Ok(())
}

/// Whatever the cluster accepted before the first write, and refuses now.
fn explain(context: &Context<'_>, error: Error, what_next: &str) -> Error {
    let Error::Cluster(refused) = &error else { return error };
    if refused.status() != Some(400) {
        return error;
    }
    Error::failed(
        refused.to_string(),
        format!(
            "the archive comes from {}, this is Elasticsearch {}: {what_next}",
            context.checked.source(),
            context.session.cluster.version()
        ),
    )
}

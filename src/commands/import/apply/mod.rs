//! Writing, in an order in which an interruption leaves nothing that is half usable (import contract, 3).

mod documents;
mod objects;

use std::future::Future;
use std::pin::Pin;

use tokio::sync::oneshot;

use super::context::Import;
use crate::cluster::Cluster;
use crate::commands::interrupt::stop_between_requests;
use crate::error::Result;

/// Writes everything.
pub(super) async fn apply(import: &Import) -> Result<()> {
    objects::delete_existing(import).await?;
    // Of two imports at once one is refused here, before it has written anything.
    objects::create_job(import).await?;
    objects::create_filters(import).await?;
    objects::create_calendars(import).await?;
    documents::create_input_indices(import).await?;
    // Making inputs searchable takes the cluster a while, and nothing before the comparison needs it.
    let (written, inputs) = oneshot::channel();
    concurrently(
        import.cluster(),
        Box::pin(documents::load_inputs(import, written)),
        Box::pin(write_model_and_results(import, inputs)),
    )
    .await?;
    import.require_our_job().await?;
    objects::create_datafeed(import).await?;
    objects::add_job_to_calendars(import).await
}

/// The job is not reverted to its snapshot before all of its inputs are written.
async fn write_model_and_results(import: &Import, inputs: oneshot::Receiver<()>) -> Result<()> {
    let index = documents::create_state_index(import).await?;
    import.require_our_job().await?;
    documents::write_state(import, index).await?;
    import.require_our_job().await?;
    documents::write_snapshot_and_data_counts(import).await?;
    if inputs.await.is_err() {
        // Writing them failed, which ends this too.
        return std::future::pending().await;
    }
    import.require_our_job().await?;
    objects::revert_job(import).await?;
    import.require_our_job().await?;
    documents::write_categories(import).await?;
    import.require_our_job().await?;
    documents::write_annotations(import).await?;
    documents::write_notifications(import).await
}

type Work<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// Runs both. Where one fails the other is stopped, but not during a request, which might be executed after the rollback.
async fn concurrently(cluster: &Cluster, mut one: Work<'_>, mut other: Work<'_>) -> Result<()> {
    let (ended, rest) = tokio::select! {
        ended = &mut one => (ended, other),
        ended = &mut other => (ended, one),
    };
    match ended {
        Ok(()) => rest.await,
        Err(error) => {
            stop_between_requests(cluster, rest).await;
            Err(error)
        }
    }
}

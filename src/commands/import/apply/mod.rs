//! Writing, in an order in which a stop at any point leaves nothing half-usable (import contract, 3).

mod calendars;
mod documents;
mod filters;
mod inputs;
mod job;
mod once;
mod replace;
mod results;
mod state;

pub(super) use results::{ANNOTATIONS, CATEGORIES, NOTIFICATIONS, data_counts, one_line};

use std::future::Future;
use std::pin::Pin;

use tokio::sync::oneshot;

use super::checked::Checked;
use super::journal::Journal;
use super::options::ImportOptions;
use super::owner::{self, Owner};
use super::plan::Plan;
use crate::cluster::Cluster;
use crate::commands::interrupt::stop_between_requests;
use crate::commands::session::Session;
use crate::error::{Error, Result};

/// What every step needs.
pub(super) struct Context<'a> {
    pub(super) session: &'a Session,
    pub(super) options: &'a ImportOptions,
    pub(super) checked: &'a Checked,
    pub(super) plan: &'a Plan,
    pub(super) journal: &'a Journal,
}

/// Writes everything.
pub(super) async fn apply(context: &Context<'_>) -> Result<()> {
    replace::clear(context).await?;
    // Of two imports at once one is refused here, before it has written anything.
    job::create(context).await?;
    filters::create(context).await?;
    calendars::create(context).await?;
    inputs::create(context).await?;
    // Making inputs searchable takes the cluster a while, and nothing before the comparison needs it.
    let (written, inputs) = oneshot::channel();
    side_by_side(
        &context.session.cluster,
        Box::pin(inputs::load(context, written)),
        Box::pin(model_and_results(context, inputs)),
    )
    .await?;
    context.still_ours().await?;
    job::create_datafeed(context).await?;
    calendars::join(context).await
}

/// The job does not stand at its snapshot before its inputs are all there.
async fn model_and_results(context: &Context<'_>, inputs: oneshot::Receiver<()>) -> Result<()> {
    let index = state::make_index(context).await?;
    context.still_ours().await?;
    state::load(context, index).await?;
    context.still_ours().await?;
    results::snapshot_and_counts(context).await?;
    if inputs.await.is_err() {
        // Writing them failed, which ends this too.
        return std::future::pending().await;
    }
    context.still_ours().await?;
    job::revert(context).await?;
    context.still_ours().await?;
    results::categories(context).await?;
    context.still_ours().await?;
    results::annotations(context).await?;
    results::notifications(context).await
}

type Work<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// Both at once. Where one fails the other is stopped, but not in the middle of a request, which might be carried out
/// after the rollback.
async fn side_by_side(cluster: &Cluster, mut one: Work<'_>, mut other: Work<'_>) -> Result<()> {
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

impl Context<'_> {
    /// Before anything is written under the ID of the job: it may have become another one's.
    async fn still_ours(&self) -> Result<()> {
        let job = self.plan.job();
        let what = match owner::job(&self.session.cluster, self.plan, self.journal).await? {
            Owner::Us => return Ok(()),
            Owner::Nobody => "it is gone",
            Owner::Others(_) => "it is another one now",
        };
        Err(Error::Mismatch {
            message: format!("job {job} is not the one that was created: {what}"),
        })
    }
}

//! Filters first: a rule whose filter is missing keeps a job from opening.

use super::{Context, once};
use crate::commands::import::journal::Entry;
use crate::commands::import::plan::FilterAction;
use crate::error::Result;

/// Creates the filters that are not there.
pub(super) async fn create(context: &Context<'_>) -> Result<()> {
    for filter in context
        .plan
        .filters
        .iter()
        .filter(|filter| filter.action == FilterAction::Create)
    {
        once::create(context, Entry::Filter(filter.id.clone()), || {
            context.cluster.create_filter(&filter.id, &filter.body)
        })
        .await?;
        context.terminal.detail(&format!("created filter {}", filter.id));
    }
    Ok(())
}

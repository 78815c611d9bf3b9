//! Filters before the state: a rule whose filter is missing keeps a job from opening. After the job: Elasticsearch
//! deletes no filter that a job names, so that what is found there stays.

use super::{Context, once};
use crate::commands::import::journal::Entry;
use crate::commands::import::plan::{FilterAction, FilterPlan};
use crate::error::Result;

/// Creates the filters that are not there, those included that have gone since the plan was made.
pub(super) async fn create(context: &Context<'_>) -> Result<()> {
    for filter in &context.plan.filters {
        if filter.action == FilterAction::Keep && is_there(context, filter).await? {
            continue;
        }
        let created = once::create(context, Entry::Filter(filter.id.clone()), || {
            context.session.cluster.create_filter(&filter.id, &filter.body)
        });
        match created.await {
            Ok(()) => context
                .session
                .terminal
                .detail(&format!("created filter {}", filter.id)),
            // Somebody else's serves as well, where it is the same.
            Err(error) => match is_there(context, filter).await {
                Ok(true) => {}
                Ok(false) | Err(_) => return Err(error),
            },
        }
    }
    Ok(())
}

async fn is_there(context: &Context<'_>, filter: &FilterPlan) -> Result<bool> {
    let there = context.session.cluster.filter(&filter.id).await?;
    Ok(there.is_some_and(|there| filter.made(&there)))
}

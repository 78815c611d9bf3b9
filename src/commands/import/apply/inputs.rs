//! Inputs into indices of their own: mapping first, no replicas and no refresh while loading. They are loaded through an
//! alias that no other index has, so that no bulk request creates an index or writes to one that took its place.

use serde_json::json;
use tokio::sync::oneshot;

use super::documents::{self, Outgoing};
use super::{Context, once};
use crate::archive::Part;
use crate::commands::import::journal::{CreatedIndex, Entry};
use crate::commands::import::plan::TargetPlan;
use crate::error::{Error, Result};
use crate::job::{body_of_run, loading_alias, marked_by_run};
use crate::util::format::count;

/// Creates the indices.
pub(super) async fn create(context: &Context<'_>) -> Result<()> {
    for target in &context.plan.targets {
        create_one(context, target).await?;
    }
    Ok(())
}

/// Fills them, says so, and makes them as they are to be.
pub(super) async fn load(context: &Context<'_>, written: oneshot::Sender<()>) -> Result<()> {
    if !context.plan.targets.is_empty() {
        fill_all(context).await?;
    }
    let _ = written.send(());
    settle(context).await
}

async fn fill_all(context: &Context<'_>) -> Result<()> {
    let stage = context
        .session
        .stage("Writing inputs", Some(context.plan.counts.inputs));
    let mut written = 0;
    for target in &context.plan.targets {
        written += fill(context, target, &stage).await?;
    }
    context.session.done(stage, &format!("Inputs: {}", count(written)));
    Ok(())
}

async fn create_one(context: &Context<'_>, target: &TargetPlan) -> Result<()> {
    let (cluster, name) = (&context.session.cluster, &target.index.name);
    let body = body_of_run(&target.index, context.journal.run())?;
    once::create(context, Entry::InputIndex(name.clone()), || {
        cluster.create_index(name.as_str(), &body)
    })
    .await?;
    // Whatever happens to it from here on, this is the one that is ours.
    let there = cluster.index_definitions(&[name.to_string()]).await?;
    let ours = there
        .get(name.as_str())
        .filter(|index| marked_by_run(&index["mappings"], context.journal.run()));
    let Some(index) = ours else {
        return Err(Error::Mismatch {
            message: format!("somebody else deleted or replaced index {name} right after its creation"),
        });
    };
    context.journal.created_index(CreatedIndex {
        name: name.clone(),
        uuid: index["settings"]["index"]["uuid"].clone(),
        mappings: index["mappings"].clone(),
    });
    Ok(())
}

/// One pass through the inputs for each index; there is more than one only where mappings conflict.
async fn fill(context: &Context<'_>, target: &TargetPlan, stage: &crate::terminal::Stage) -> Result<u64> {
    let name = &target.index.name;
    let alias = loading_alias(name, context.journal.run());
    let bulk = context
        .session
        .cluster
        .bulk_index(name.as_str(), &alias, context.options.bulk());
    documents::send(context, Part::Inputs, bulk, stage, |document| {
        let source = document.source_index();
        if !target.index.sources.contains(source) {
            return Ok(None);
        }
        let id = context.checked.input_id(&target.index, &document);
        Ok(Some(Outgoing {
            id,
            source: document.source,
        }))
    })
    .await
}

/// Back to what the indices have by default, and searchable.
async fn settle(context: &Context<'_>) -> Result<()> {
    for target in &context.plan.targets {
        // Through the alias: an index that took the place of ours is not ours to change.
        let alias = loading_alias(&target.index.name, context.journal.run());
        let defaults = json!({"index": {"refresh_interval": null, "number_of_replicas": null}});
        let names = [alias.as_str()];
        let (settings, refresh) = tokio::join!(
            context.session.cluster.update_settings(&alias, &defaults),
            context.session.cluster.refresh(&names)
        );
        settings?;
        refresh?;
    }
    Ok(())
}

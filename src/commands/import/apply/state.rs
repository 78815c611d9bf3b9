//! Model and categorizer state, into an index that only Elasticsearch itself may make.

use super::Context;
use super::documents::{self, Outgoing};
use crate::archive::Part;
use crate::commands::import::journal::{Certainty, Entry};
use crate::commands::import::parts::state_ids;
use crate::error::{Error, Result};
use crate::state::StateDocId;
use crate::terminal::amount;

/// The alias that ML writes state through.
const WRITE_ALIAS: &str = ".ml-state-write";

/// An index of the alias' name would break the ML of the whole cluster, so Elasticsearch is made to
/// make index and alias: reverting to `empty` does, whatever it answers. The alias tells.
pub(super) async fn make_index(context: &Context<'_>) -> Result<()> {
    let cluster = context.cluster;
    cluster.revert_to_empty(context.plan.job()).await?;
    if cluster.alias_targets(WRITE_ALIAS).await?.is_empty() {
        return Err(Error::Failed {
            message: format!("Elasticsearch did not make the alias {WRITE_ALIAS}"),
            hint: Some(format!("is there an index of that name? GET {WRITE_ALIAS} tells")),
        });
    }
    Ok(())
}

/// Writes all state documents.
pub(super) async fn load(context: &Context<'_>) -> Result<()> {
    let (cluster, plan, checked) = (context.cluster, context.plan, context.checked);
    let counts = &plan.counts;
    let stage = context.stage(
        "Writing model state",
        Some(counts.model_state + counts.categorizer_state),
    );
    let handle = context.journal.intend(Entry::State(state_ids(plan)));
    let bulk = cluster.bulk_alias(WRITE_ALIAS, context.options.bulk);
    let written = documents::send(context, Part::State, bulk, &stage, |document| {
        let own = documents::own_id(&document)?;
        let place = StateDocId::parse(own, checked.job(), &checked.snapshot_id)
            .ok_or_else(|| crate::state::Error::ForeignId { id: own.to_owned() })?;
        Ok(Some(Outgoing {
            id: place.format(plan.job(), &plan.snapshot_id),
            source: document.source,
        }))
    })
    .await?;
    context.journal.settle(handle, Certainty::Written);
    cluster.refresh(&[WRITE_ALIAS]).await?;
    context.done(
        stage,
        &format!("Model state: {}", amount(written, "document", "documents")),
    );
    Ok(())
}

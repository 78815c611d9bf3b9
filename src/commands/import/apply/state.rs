//! Model and categorizer state, into an index that only Elasticsearch itself may make.

use super::Context;
use super::documents::{self, Outgoing};
use crate::archive::Part;
use std::sync::Arc;

use crate::commands::import::documents::Documents;
use crate::commands::import::journal::{Certainty, Entry};
use crate::commands::import::parts::state_ids;
use crate::error::{Error, Result};
use crate::state::{STATE_INDICES, StateDocId};
use crate::util::format::amount;

/// The alias that ML writes state through.
const WRITE_ALIAS: &str = ".ml-state-write";

/// What the documents are called.
const STATE: &str = "state documents";

/// An index of the alias' name would break the ML of the whole cluster, so Elasticsearch is made to
/// make index and alias: reverting to `empty` does, whatever it answers. The alias tells.
pub(super) async fn make_index(context: &Context<'_>) -> Result<String> {
    let cluster = &context.session.cluster;
    if let Some(index) = cluster.write_index(WRITE_ALIAS).await? {
        return Ok(index);
    }
    let handle = context.journal.intend(Entry::Reverted);
    cluster.revert_to_empty(context.plan.job()).await?;
    context.journal.settle(handle, Certainty::Written);
    cluster.write_index(WRITE_ALIAS).await?.ok_or_else(|| {
        Error::failed(
            format!("Elasticsearch did not make the alias {WRITE_ALIAS}"),
            format!("is there an index of that name? GET {WRITE_ALIAS} tells"),
        )
    })
}

/// Writes all state documents; `index` is the one behind the alias now.
pub(super) async fn load(context: &Context<'_>, index: String) -> Result<()> {
    let (cluster, plan, checked) = (&context.session.cluster, context.plan, context.checked);
    let counts = &plan.counts;
    let stage = context.session.stage(
        "Writing model state",
        Some(counts.model_state + counts.categorizer_state),
    );
    let ids = state_ids(plan);
    let documents = Arc::new(Documents::of_job(STATE, ids, &STATE_INDICES, index));
    let handle = context.journal.intend(Entry::Documents(Arc::clone(&documents)));
    let bulk = cluster
        .bulk_alias(WRITE_ALIAS, context.options.bulk())
        .telling(documents);
    let written = documents::send(context, Part::State, bulk, &stage, |document| {
        let own = document.own_id();
        let place = StateDocId::parse(own, checked.job(), &checked.archive.snapshot.snapshot_id)
            .ok_or_else(|| crate::state::Error::foreign(own))?;
        Ok(Some(Outgoing {
            id: place.format(plan.job(), &plan.snapshot_id),
            source: document.source,
        }))
    })
    .await?;
    context.journal.settle(handle, Certainty::Written);
    cluster.refresh(&[WRITE_ALIAS]).await?;
    context.session.done(
        stage,
        &format!("Model state: {}", amount(written, "document", "documents")),
    );
    Ok(())
}

//! Creating something exactly once, although the answer may be lost.

use std::future::Future;

use super::Context;
use crate::cluster;
use crate::commands::import::journal::{Certainty, Entry};
use crate::commands::import::owner::{Owner, owner};
use crate::error::Result;

/// Journals the entry, creates, and after an answer that leaves it open reads back whether it is there and ours.
/// What the cluster refuses, or somebody else made meanwhile, stays others': it is never undone.
pub(super) async fn create<C>(context: &Context<'_>, entry: Entry, mut create: impl FnMut() -> C) -> Result<()>
where
    C: Future<Output = cluster::Result<()>>,
{
    let handle = context.journal.intend(entry.clone());
    let mut tries = context.session.cluster.tries();
    let mut open = false;
    loop {
        let error = match create().await {
            Ok(()) => break,
            Err(error) => error,
        };
        // Once open, a refusal may mean that a try before it was carried out.
        open |= error.outcome_unknown() || error.is_passing();
        if !open {
            context.journal.settle(handle, Certainty::Refused);
            return Err(error.into());
        }
        match owner(&context.session.cluster, context.plan, context.journal, &entry).await {
            Ok(Some(Owner::Us) | None) => break,
            Ok(Some(Owner::Nobody)) if error.is_passing() && tries.again(&error).await => {}
            Ok(Some(Owner::Others(_))) => {
                context.journal.settle(handle, Certainty::Refused);
                return Err(error.into());
            }
            // It may still come to be: the entry stays intended, and a rollback looks again.
            Ok(Some(Owner::Nobody)) | Err(_) => return Err(error.into()),
        }
    }
    context.journal.settle(handle, Certainty::Written);
    Ok(())
}

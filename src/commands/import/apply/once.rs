//! Creating something exactly once, although the answer may be lost.

use std::future::Future;

use super::Context;
use crate::cluster;
use crate::commands::import::journal::{Certainty, Entry};
use crate::commands::import::owner::{Owner, owner};
use crate::error::Result;

/// How often a creation that did not arrive is sent again.
const TRIES: usize = 3;

/// Journals the entry, creates, and after a lost answer reads back whether it is there and ours. What the
/// cluster refuses, or somebody else made meanwhile, stays others': it is never undone.
pub(super) async fn create<C>(context: &Context<'_>, entry: Entry, mut create: impl FnMut() -> C) -> Result<()>
where
    C: Future<Output = cluster::Result<()>>,
{
    let handle = context.journal.intend(entry.clone());
    let mut tries = 0;
    let mut lost = false;
    loop {
        tries += 1;
        let error = match create().await {
            Ok(()) => break,
            Err(error) => error,
        };
        if !error.outcome_unknown() && !lost {
            context.journal.settle(handle, Certainty::Refused);
            return Err(error.into());
        }
        // After a lost answer a refusal may mean that the lost request was carried out late.
        lost = true;
        match owner(context.cluster, context.plan, &entry).await {
            Ok(Owner::Us) => break,
            Ok(Owner::Nobody) if tries < TRIES && error.outcome_unknown() => {}
            Ok(Owner::Others) => {
                context.journal.settle(handle, Certainty::Refused);
                return Err(error.into());
            }
            // It may still come to be: the entry stays intended, and a rollback looks again.
            Ok(Owner::Nobody) | Err(_) => return Err(error.into()),
        }
    }
    context.journal.settle(handle, Certainty::Written);
    Ok(())
}

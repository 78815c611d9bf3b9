//! Creating something exactly once, although the answer may be lost.

use std::future::Future;

use super::Context;
use crate::cluster;
use crate::commands::import::journal::{Certainty, Entry};
use crate::error::Result;

/// How often a creation that did not arrive is sent again.
const TRIES: usize = 3;

/// Journals the entry, creates, and after a lost answer reads back whether it is there. What the
/// cluster refuses stays others': it is never undone.
pub(super) async fn create<C, L>(
    context: &Context<'_>,
    entry: Entry,
    mut create: impl FnMut() -> C,
    mut is_there: impl FnMut() -> L,
) -> Result<()>
where
    C: Future<Output = cluster::Result<()>>,
    L: Future<Output = cluster::Result<bool>>,
{
    let handle = context.journal.intend(entry);
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
        match is_there().await {
            Ok(true) => break,
            Ok(false) if tries < TRIES && error.outcome_unknown() => {}
            // It may still come to be: the entry stays intended, and a rollback looks again.
            Ok(false) | Err(_) => return Err(error.into()),
        }
    }
    context.journal.settle(handle, Certainty::Written);
    Ok(())
}

//! Searches the finished archive for every replaced value.
//!
//! The search verifies the replacement. It knows the values as bytes, and reads all names, strings, numbers and decoded
//! state. It shares with the replacement only which fields keep their content, how state is decoded, and which token has
//! which value.

mod encodings;
mod entry;
mod matcher;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use self::entry::EntrySearch;
use self::matcher::{LeakMatcher, ReplacedValues};
use super::rewrite::Rewriter;
use crate::archive::{Archive, Contents, Progress};
use crate::pseudonym::error::{Error, Result};
use crate::util::process;

/// Fails if a value is found in the new archive; `contents` is the result of its check. `names` are not replaced.
pub(crate) fn search(
    archive: &Archive,
    contents: &Contents,
    rewriter: &Rewriter,
    names: BTreeSet<String>,
    progress: Progress<'_>,
) -> Result<()> {
    if let Some(finding) = contents.fatal() {
        return Err(Error::not_importable(finding));
    }
    let Some(config) = &contents.config else {
        return Ok(());
    };
    let values = ReplacedValues::new(process::until_cancelled(rewriter.tokens.originals()));
    process::fail_if_cancelled()?;
    if values.all.is_empty() {
        return Ok(());
    }
    let matcher = LeakMatcher::new(&values, rewriter, config, names);
    let (mut entries, mut piece) = (archive.entries(), Vec::new());
    while let Some(name) = entries.next_entry()? {
        let mut entry = EntrySearch::new(&matcher, &name)?;
        while entries.read(&mut piece)? {
            entry.push(&piece)?;
            progress(piece.len() as u64);
            process::fail_if_cancelled()?;
        }
        entry.finish()?;
    }
    Ok(())
}

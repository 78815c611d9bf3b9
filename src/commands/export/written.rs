//! What becomes of a written archive, and what may not be in its place.

use std::path::PathBuf;

use super::not_found;
use super::options::ExportOptions;
use crate::archive::{ArchiveSummary, Limits, Target, UnpublishedArchive};
use crate::commands::pseudonymize::{self, PseudonymizeOptions, TokenOptions};
use crate::error::Result;
use crate::job::JobId;
use crate::terminal::Terminal;

/// How an archive is compressed that is read once more and then gone.
pub(super) const TEMPORARY_LEVEL: u32 = 1;

/// A written archive.
#[derive(Debug)]
pub(super) struct Written {
    /// Where it is.
    pub(super) target: Target,
    /// What it holds.
    pub(super) finished: ArchiveSummary,
    /// What was replaced, where values were.
    pub(super) pseudonymized: Option<(PseudonymizeOptions, pseudonymize::Outcome)>,
}

/// Refuses an existing target before anything is read; without a job id only where the path is known.
pub(super) async fn refuse_existing(options: &ExportOptions, job: Option<&JobId>) -> Result<()> {
    let target = match (options.output(), job) {
        (Some(target), _) => target,
        (None, Some(job)) => options.target(job),
        (None, None) => return Ok(()),
    };
    target.check()?;
    match options.tokens() {
        Some(tokens) => tokens.refuse_existing(&target).await,
        None => Ok(()),
    }
}

/// The archive again, with tokens in the place of values.
pub(super) async fn with_tokens(
    unnamed: UnpublishedArchive,
    target: Target,
    options: &ExportOptions,
    tokens: &TokenOptions,
    terminal: &Terminal,
) -> Result<Written> {
    let asked = PseudonymizeOptions {
        archive: PathBuf::new(),
        output: match &target {
            Target::File { path, .. } => path.clone(),
            Target::Stdout => PathBuf::from("-"),
        },
        overwrite: options.overwrite,
        tokens: tokens.clone(),
        compression_level: options.compression_level,
        limits: Limits {
            entry: u64::MAX,
            total: u64::MAX,
            state: u64::MAX,
        },
        dry_run: false,
        json: options.json,
    };
    let archive = unnamed.archive()?.ok_or_else(|| {
        not_found(
            "the archive went to standard output at once".to_owned(),
            "this is a bug; please report it",
        )
    })?;
    let outcome = pseudonymize::pseudonymize(&archive, &asked, terminal).await?;
    let finished = outcome.finished.clone().unwrap_or_else(|| unnamed.summary.clone());
    Ok(Written {
        target,
        finished,
        pseudonymized: Some((asked, outcome)),
    })
}

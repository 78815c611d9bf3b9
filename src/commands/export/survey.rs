//! How much there is, counted before anything is written.

use super::options::ExportOptions;
use super::parts::{self, Found};
use super::sources::Sources;
use super::subject::Subject;
use crate::cluster::{Cluster, Search};
use crate::error::Result;

/// What the archive would hold.
#[derive(Debug)]
pub(super) struct Survey {
    /// Annotations, notifications and categories with their numbers.
    pub(super) found: Vec<(Found, u64)>,
    /// Inputs, where they are included.
    pub(super) inputs: Option<InputSurvey>,
}

/// The inputs.
#[derive(Clone, Copy, Debug)]
pub(super) struct InputSurvey {
    /// How many.
    pub(super) documents: u64,
    /// About how many bytes, judged by the first of them.
    pub(super) bytes: u64,
}

/// Enough documents to judge the size of the others by.
const SAMPLE: usize = 100;

/// Counts all parts.
///
/// # Errors
/// Any of a request; more inputs than an archive has entries for.
pub(super) async fn count(
    cluster: &Cluster,
    options: &ExportOptions,
    subject: &Subject,
    sources: &Sources,
) -> Result<Survey> {
    let mut found = Vec::new();
    for part in parts::all(options, subject) {
        let documents = cluster.count(&part.search).await?;
        found.push((part, documents));
    }
    let inputs = match &sources.search {
        Some(search) => Some(inputs(cluster, search).await?),
        None => None,
    };
    Ok(Survey { found, inputs })
}

async fn inputs(cluster: &Cluster, search: &Search) -> Result<InputSurvey> {
    let documents = cluster.count(search).await?;
    super::inputs::refuse_too_many(documents)?;
    let first = cluster.sample(search, SAMPLE).await?;
    let bytes: u64 = first.iter().map(|hit| hit.source.len() as u64).sum();
    let bytes = bytes * documents / (first.len() as u64).max(1);
    Ok(InputSurvey { documents, bytes })
}

//! How much there is, counted before anything is written.

use super::options::ExportOptions;
use super::parts::{self, Found};
use super::sources::Sources;
use super::subject::Subject;
use crate::cluster::{Cluster, Search};
use crate::error::Result;
use crate::terminal::Terminal;

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
    terminal: &Terminal,
) -> Result<Survey> {
    let [first, second, third] = parts::all(options, subject);
    let (first, second, third, inputs) = tokio::try_join!(
        counted(cluster, first),
        counted(cluster, second),
        counted(cluster, third),
        async {
            match &sources.search {
                Some(search) => inputs(cluster, search, sources, terminal).await.map(Some),
                None => Ok(None),
            }
        }
    )?;
    Ok(Survey {
        found: vec![first, second, third],
        inputs,
    })
}

async fn counted(cluster: &Cluster, part: Found) -> Result<(Found, u64)> {
    let documents = cluster.count(&part.search).await?;
    Ok((part, documents))
}

async fn inputs(cluster: &Cluster, search: &Search, sources: &Sources, terminal: &Terminal) -> Result<InputSurvey> {
    let (counted, first) = tokio::try_join!(cluster.counted(search), cluster.sample(search, SAMPLE))?;
    let documents = counted.documents;
    super::inputs::refuse_too_many(documents)?;
    if !counted.anywhere {
        terminal.warn(&format!(
            "the archive will have no input documents: no index matches {}",
            search.indices.join(", ")
        ));
    } else if sources.mappings.is_empty() && !sources.local.is_empty() {
        terminal.warn(&format!(
            "no mappings are found of {}: an import infers the types of fields from the data",
            sources.local.join(", ")
        ));
    }
    let bytes: u64 = first.iter().map(|hit| hit.source.len() as u64).sum();
    let bytes = bytes * documents / (first.len() as u64).max(1);
    Ok(InputSurvey { documents, bytes })
}

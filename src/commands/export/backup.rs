//! Backups (`--skip-unchanged`): an archive is replaced only by a newer one of the same job, and only if anything that it
//! contains has changed.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::counted::Counted;
use super::options::ExportOptions;
use super::results::Results;
use crate::archive::{Archive, FORMAT_VERSION};
use crate::commands::session::Session;
use crate::error::{Error, Result};
use crate::job::JobId;
use crate::util::format::hex;

/// Changes if the fingerprint is computed from other data.
const VERSION: u32 = 1;

/// The fingerprint in the archive of this job that is replaced, empty if it has none; `None` if there is no archive.
///
/// # Errors
/// Any other file is refused without `--overwrite`.
pub(super) fn recorded(session: &Session, options: &ExportOptions, job: &JobId) -> Result<Option<String>> {
    let path = options.path(job);
    if path.symlink_metadata().is_err() {
        return Ok(None);
    }
    let cluster = &session.cluster.identity;
    let foreign = match Archive::open(&path)?.manifest()? {
        Some(found) if found.job_id == job.as_str() && found.source.cluster_uuid == cluster.uuid => {
            return Ok(Some(found.fingerprint.unwrap_or_default()));
        }
        _ if options.overwrite => return Ok(None),
        Some(found) => format!(
            "an archive of job {} of cluster {}",
            found.job_id, found.source.cluster_name
        ),
        None => "not an archive of this tool".to_owned(),
    };
    Err(Error::refused(
        format!("{} already exists, and is {foreign}", path.display()),
        "choose another directory, or replace the file with --overwrite",
    ))
}

/// A hash of everything that determines the content of the archive; `None` if the cluster cannot aggregate `_seq_no`, which
/// changes with every write of a document.
pub(super) async fn fingerprint(counted: &Counted<'_>) -> Result<Option<String>> {
    let (export, cluster) = (counted.export, counted.export.cluster());
    let job = &export.job;
    let mut documents = Vec::new();
    for searched in &counted.searched {
        match searched.revisions(cluster).await? {
            Some(revisions) => documents.push(revisions),
            None => return Ok(None),
        }
    }
    for search in counted.results.iter().flat_map(Results::searches) {
        match cluster.revisions(search).await? {
            Some(revisions) => documents.push(revisions),
            None => return Ok(None),
        }
    }
    let mut filters = Vec::new();
    for id in job.filters() {
        filters.push(cluster.filter(id).await?);
    }
    let others = json!({
        "versions": [VERSION, FORMAT_VERSION],
        "options": export.options.for_manifest(),
        "documents": documents,
        "inputs": counted.inputs.as_ref().map(|inputs| inputs.documents),
        "filters": filters,
        "calendars": cluster.calendars_of(job.id(), &job.groups).await?,
    });
    let (config, snapshot) = (job.text.get().as_bytes(), &*export.snapshot_document.source);
    let mut hash = Sha256::new();
    for part in [config, snapshot, others.to_string().as_bytes()] {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    Ok(Some(hex(&hash.finalize())))
}

//! Backups (`--skip-unchanged`): an archive is replaced only by a newer one of the same job, and only if anything that it
//! contains has changed.

use super::options::ExportOptions;
use crate::archive::Archive;
use crate::commands::session::Session;
use crate::error::{Error, Result};
use crate::job::JobId;

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

//! Checks an archive: reads it once and applies every rule.

mod contents;
mod documents;
mod rules;
#[cfg(test)]
mod tests;

use std::io::Read;
use std::path::Path;

pub use contents::{CheckedArchive, Contents, Finding, Rule, Severity, StateSummary};
use documents::Checker;
pub use documents::DocumentVisitor;

use super::error::{Error, Result};
use super::layout::Limits;
use super::read::{Archive, Progress, TarReader, read_ahead};

/// Reads a compressed archive to its end. Damage results in findings. An error means that the reader itself failed.
///
/// # Errors
/// [`Error::File`] from the reader (with path `-`) or from a temporary file.
pub fn check(
    reader: impl Read + Send,
    limits: Limits,
    visitor: &mut dyn DocumentVisitor,
    progress: Progress<'_>,
) -> Result<Contents> {
    check_file(reader, Path::new("-"), limits, visitor, progress)
}

impl Archive {
    /// Reads the complete archive from the beginning.
    ///
    /// # Errors
    /// The same as for [`check()`].
    pub fn check(&self, limits: Limits, visitor: &mut dyn DocumentVisitor, progress: Progress<'_>) -> Result<Contents> {
        check_file(self.cursor(0), &self.path, limits, visitor, progress)
    }

    /// Checks the archive and fails if it cannot be imported.
    ///
    /// # Errors
    /// The same as for [`check()`], and [`Error::Damaged`] with the first fatal finding.
    pub fn require_importable(
        self,
        limits: Limits,
        visitor: &mut dyn DocumentVisitor,
        progress: Progress<'_>,
    ) -> Result<CheckedArchive> {
        let mut contents = self.check(limits, visitor, progress)?;
        let name = self.path.display();
        if let Some(finding) = contents.fatal() {
            return Err(finding.to_error(name).or_list_findings(&self.path));
        }
        let parsed = contents.config.clone().zip(contents.snapshot.take());
        let missing = || Error::damaged(name, "the job configuration or the snapshot document is missing", None);
        let (config, snapshot) = parsed.ok_or_else(missing)?;
        Ok(CheckedArchive {
            archive: self,
            contents,
            config,
            snapshot,
        })
    }
}

fn check_file(
    reader: impl Read + Send,
    path: &Path,
    limits: Limits,
    visitor: &mut dyn DocumentVisitor,
    progress: Progress<'_>,
) -> Result<Contents> {
    let mut checker = Checker::new(limits, visitor);
    let passed = read_ahead(reader, path, progress, |stream| checker.read(TarReader::new(stream)));
    passed.map_err(|cause| Error::read(path, cause))??;
    checker.finish()
}

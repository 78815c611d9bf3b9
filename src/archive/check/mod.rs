//! Checks an archive: reads it once and applies every rule.

mod contents;
mod documents;
mod rules;
#[cfg(test)]
mod tests;

use std::io::Read;
use std::path::Path;

use serde_json::value::RawValue;

pub use contents::{CheckedArchive, Contents, Finding, Rule, Severity, StateSummary};
use documents::Checker;
pub use documents::DocumentVisitor;

use super::error::{Error, ReadError, Result};
use super::layout::Limits;
use super::read::{Archive, CheckedEntries, Progress, TarReader, read_ahead};

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
        let contents = self.check(limits, visitor, progress)?;
        let name = self.path.display();
        if let Some(finding) = contents.fatal() {
            return Err(finding.to_error(name).or_list_findings(&self.path));
        }
        let missing = || Error::damaged(name, "the job configuration or the snapshot document is missing", None);
        CheckedArchive::of(self.clone(), contents).ok_or_else(missing)
    }
}

/// A checked archive of which only the numbers of documents and the hashes of entries are in memory.
#[derive(Debug)]
pub struct UnloadedArchive {
    archive: Archive,
    contents: Contents,
}

impl CheckedArchive {
    /// `None` if a part that an import requires is missing.
    fn of(archive: Archive, mut contents: Contents) -> Option<Self> {
        let (config, snapshot) = contents.config.clone().zip(contents.snapshot.take())?;
        Some(Self {
            archive,
            contents,
            config,
            snapshot,
        })
    }

    /// Frees everything that [`UnloadedArchive::load`] can read again, so that many archives can wait for their import in
    /// little memory.
    pub fn unload(self) -> UnloadedArchive {
        let Self { archive, contents, .. } = self;
        let contents = Contents {
            entries: contents.entries,
            state: contents.state,
            input_indices: contents.input_indices,
            repeated_inputs: contents.repeated_inputs,
            ..Contents::default()
        };
        UnloadedArchive { archive, contents }
    }
}

impl UnloadedArchive {
    /// Returns the path that messages use.
    pub fn path(&self) -> &Path {
        self.archive.path()
    }

    /// Reads the entries without documents again. Of their texts, only those of the configuration and the snapshot document
    /// remain in memory. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// [`Error::Changed`] if the file differs from what was checked, or [`Error::File`].
    pub async fn load(&self) -> Result<CheckedArchive> {
        let (archive, contents) = (self.archive.clone(), self.contents.clone());
        let loading = tokio::task::spawn_blocking(move || load(archive, contents));
        let loaded = loading.await.map_err(|cause| Error::read(self.path(), cause.into()))?;
        loaded.map_err(|error| error.since_checked(self.path()))
    }
}

fn load(archive: Archive, mut contents: Contents) -> Result<CheckedArchive, ReadError> {
    let mut entries = CheckedEntries::new(archive.clone(), contents.entries.clone());
    while let Some(kind) = entries.open(|kind| kind.part().is_none())? {
        let mut text = Vec::new();
        entries.tar.read_to_end(&mut text)?;
        entries.close()?;
        rules::parse_text(kind, text, &mut contents).map_err(ReadError::corrupt)?;
    }
    let mut loaded = CheckedArchive::of(archive, contents).ok_or_else(|| ReadError::corrupt("incomplete"))?;
    let texts = loaded.contents.texts.values_mut();
    texts.for_each(|text| *text = RawValue::NULL.to_owned());
    loaded.snapshot.quantiles = None;
    if let Some(manifest) = &mut loaded.contents.manifest {
        manifest.entries = Vec::new();
    }
    Ok(loaded)
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

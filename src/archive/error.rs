//! Why an archive cannot be written or read.

use std::path::PathBuf;

/// One enum for the layer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file system says no.
    #[error("{}: {cause}", path.display())]
    Io { path: PathBuf, cause: std::io::Error },
    /// The target is there already.
    #[error("{} exists already", path.display())]
    Exists { path: PathBuf },
    /// Not whole, not as promised, or made to harm; `place` is entry, and line where known.
    #[error("{place}: {why}")]
    Damaged { place: String, why: String },
    /// What was checked is not what is read now.
    #[error("{}: changed while it was read", path.display())]
    Changed { path: PathBuf },
}

impl Error {
    /// True where the archive itself is at fault (exit 4).
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Changed { .. })
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        todo!()
    }
}

//! An archive file held open from its check to its import.

use std::path::Path;

use crate::archive::{Contents, DocumentVisitor, Limits, Part, Replay, Result};

/// An open archive file. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Archive {}

impl Archive {
    /// Opens a file.
    pub fn open(path: &Path) -> Result<Self> {
        todo!()
    }

    /// Its compressed bytes.
    pub fn len(&self) -> u64 {
        todo!()
    }

    /// A whole pass, from the beginning.
    pub fn check(&self, limits: Limits, visitor: &mut dyn DocumentVisitor, progress: &dyn Fn(u64)) -> Result<Contents> {
        todo!()
    }

    /// The documents of one part again, state in numeric order; every entry is hashed again and must
    /// be what `checked` says.
    pub fn replay(&self, part: Part, checked: &Contents) -> Replay {
        todo!()
    }

    /// The content of one entry, copied to `to`; false where there is no such entry.
    pub fn show(&self, name: &str, to: &mut dyn std::io::Write) -> Result<bool> {
        todo!()
    }
}

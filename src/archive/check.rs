//! One pass through an archive that applies every rule.

use std::io::Read;

use crate::archive::{Contents, Limits, Part, Result};

/// Sees each document of the pass, after its line was found to be JSON.
pub trait DocumentVisitor {
    /// A document of a part; `index` and `id` from its action line.
    fn document(&mut self, part: Part, index: Option<&str>, id: Option<&str>, source: &[u8]);
}

impl DocumentVisitor for () {
    fn document(&mut self, _: Part, _: Option<&str>, _: Option<&str>, _: &[u8]) {}
}

/// Reads a compressed archive to its end. Damage is a finding, not an error: an error is a reader
/// that fails for reasons of its own. `progress` hears compressed bytes.
pub fn check(
    reader: impl Read,
    limits: Limits,
    visitor: &mut dyn DocumentVisitor,
    progress: &dyn Fn(u64),
) -> Result<Contents> {
    todo!()
}

//! One pass through an archive that applies every rule.

mod findings;
mod judge;
mod pass;
mod path;
mod repeats;
mod small;
mod state;

use std::io::{self, Read, Write};
use std::path::PathBuf;

use crate::archive::{Contents, Error, Limits, Part, Result};
use crate::job::JobConfig;
use crate::state::StateKind;

/// Sees each document of the pass, after its line was found to be JSON.
pub trait DocumentVisitor {
    /// The job's configuration, once it was read; it comes before the inputs in every layout.
    fn config(&mut self, _config: &JobConfig) {}

    /// Where the decoded state of a kind goes, in order, whatever order its documents come in. It must take all that
    /// comes: what it refuses would be told as damage.
    fn decoded(&mut self, _kind: StateKind) -> Box<dyn Write> {
        Box::new(io::sink())
    }

    /// A document of a part; `index` and `id` from its action line.
    fn document(&mut self, part: Part, index: Option<&str>, id: Option<&str>, source: &[u8]);
}

impl DocumentVisitor for () {
    fn document(&mut self, _: Part, _: Option<&str>, _: Option<&str>, _: &[u8]) {}
}

/// What a pass found, and where each entry's header begins a gzip member (compressed offset), in tar order.
pub(super) struct Checked {
    pub(super) contents: Contents,
    pub(super) starts: Vec<Option<u64>>,
}

/// Reads a compressed archive to its end. Damage is a finding, not an error: an error is a reader
/// that fails for reasons of its own. `progress` hears of each read how many compressed bytes it brought.
///
/// # Errors
/// [`Error::Io`] from the reader (its path is `-`) or from a temporary file.
pub fn check(
    reader: impl Read + Send,
    limits: Limits,
    visitor: &mut dyn DocumentVisitor,
    progress: &dyn Fn(u64),
) -> Result<Contents> {
    checked(reader, limits, visitor, progress, PathBuf::from("-")).map(|checked| checked.contents)
}

/// The same, with what a later replay needs; `path` is for messages.
pub(super) fn checked(
    reader: impl Read + Send,
    limits: Limits,
    visitor: &mut dyn DocumentVisitor,
    progress: &dyn Fn(u64),
    path: PathBuf,
) -> Result<Checked> {
    let mut pass = pass::Pass::new(limits, visitor);
    match pass.run(reader, progress) {
        Ok(()) => pass.finish(),
        Err(pass::Stop::Reader(cause)) => Err(Error::Io { path, cause }),
        Err(pass::Stop::Temporary(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests;

//! What is in an archive, and whether it is whole.

use std::path::PathBuf;

use crate::archive::Limits;
use crate::error::Result;
use crate::terminal::Terminal;

/// What `inspect` was asked.
#[derive(Clone, Debug)]
pub struct InspectOptions {
    /// The file, or `-` for stdin.
    pub archive: PathBuf,
    /// What to print.
    pub view: View,
    /// Exit 4 when any check fails.
    pub verify: bool,
    /// As one JSON document.
    pub json: bool,
    /// Bounds.
    pub limits: Limits,
}

/// What to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum View {
    /// The page.
    Page,
    /// `--list`
    List,
    /// `--show ENTRY`
    Show(String),
}

/// Runs the inspection and prints its result. Blocking: it reads one file and needs no cluster.
pub fn run(options: &InspectOptions, terminal: &Terminal) -> Result<()> {
    todo!()
}

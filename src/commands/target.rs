//! Where an archive may be written.

use std::path::Path;

use crate::archive::Target;
use crate::error::{Error, Result};
use crate::terminal::Terminal;

/// The target of `--output`, `-` for standard output. Nothing is written in a dry run, so that any target will do.
pub(super) fn target(output: &Path, overwrite: bool, dry_run: bool, terminal: &Terminal) -> Result<Target> {
    if output.as_os_str().is_empty() {
        return Err(Error::usage("--output is empty", "name a file"));
    }
    let target = Target::new(output, overwrite);
    if target != Target::Stdout || dry_run {
        return Ok(target);
    }
    if terminal.stdout_is_terminal() {
        return Err(Error::usage(
            "an archive is not written to a terminal",
            "redirect stdout, or name a file",
        ));
    }
    if terminal.stdout_is_closed() {
        // The archive would be lost, and the run would look like a success.
        return Err(Error::failed(
            "standard output is closed, so there is nowhere to write the archive",
            "redirect standard output, or name a file with --output",
        ));
    }
    Ok(target)
}

//! What options of several commands have in common: sizes, numbers of requests, and where an archive may be written.

use std::path::Path;

use clap::builder::{RangedI64ValueParser, RangedU64ValueParser};

use crate::archive::{Limits, Target};
use crate::error::{Error, Result};
use crate::terminal::Terminal;
use crate::util::format::parse_size;

/// A size in Elasticsearch's notation, above zero and without a fraction; a bare number is bytes.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let bytes = text.parse().ok().or_else(|| parse_size(text));
    bytes
        .filter(|bytes| plain && *bytes > 0)
        .ok_or_else(|| "expected a size above zero such as 512kb, 5mb or 10gb".to_owned())
}

/// `--max-entry-size`.
pub(super) fn max_entry_size(text: &str) -> Result<Limits, String> {
    Ok(Limits {
        entry: size(text)?,
        ..Limits::default()
    })
}

/// A level of gzip.
pub(super) fn compression_level() -> RangedI64ValueParser<u32> {
    RangedI64ValueParser::new().range(0..=9)
}

/// A number of requests at once.
pub(super) fn concurrency() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=64)
}

/// The target of `--output`, `-` for standard output. Nothing is written in a dry run, so that any target will do.
pub(super) fn target(output: &Path, overwrite: bool, dry_run: bool, terminal: &Terminal) -> Result<Target> {
    if output.as_os_str().is_empty() {
        return Err(Error::usage("--output is empty", "name a file"));
    }
    match Target::new(output, overwrite) {
        Target::Stdout if !dry_run && terminal.stdout_is_terminal() => Err(Error::usage(
            "an archive is not written to a terminal",
            "redirect stdout, or name a file",
        )),
        // The archive would be lost, and the run would look like a success.
        Target::Stdout if !dry_run && terminal.stdout_is_closed() => Err(Error::failed(
            "standard output is closed, so there is nowhere to write the archive",
            "redirect standard output, or name a file with --output",
        )),
        target => Ok(target),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_above_zero_and_bytes_need_no_unit() {
        for (text, bytes) in [
            ("1", 1),
            ("7b", 7),
            ("512kb", 512 << 10),
            ("5MB", 5 << 20),
            ("10g", 10 << 30),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "0",
            "0mb",
            "5 mb",
            "-5mb",
            "+5",
            "1.5gb",
            "99999999999999999999",
            "5ä",
        ] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}

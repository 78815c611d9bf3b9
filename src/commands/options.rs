//! Parsers that options of several commands share, and the check of `--output`.

use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

use crate::archive::{Limits, Target};
use crate::error::{Error, Result};
use crate::terminal::Terminal;
use crate::util::format::parse_size;

/// Parses a size as Elasticsearch writes it, with a unit, above zero and without a fraction.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    parse_size(text)
        .filter(|bytes| plain && *bytes > 0)
        .ok_or_else(|| "expected a number above zero with a unit, such as 512kb, 5mb or 10gb".to_owned())
}

/// Parses `--max-entry-size`.
pub(super) fn max_entry_size(text: &str) -> Result<Limits, String> {
    Ok(Limits {
        entry: size(text)?,
        ..Limits::default()
    })
}

/// Parses a number from `min` to `max`. The message of clap's own parser contains a range in Rust's notation.
pub(crate) fn number<T: FromStr + Ord + Display + Copy>(min: T, max: T) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| (&min..=&max).contains(&number));
        number.ok_or_else(|| format!("expected {min} to {max}"))
    }
}

/// Parses a text that is not empty. The value of a variable that is not set would otherwise select the default.
pub(crate) fn not_empty<T: From<String>>(text: &str) -> Result<T, String> {
    match text.is_empty() {
        true => Err("the value is empty: if it is that of a variable, set the variable".to_owned()),
        false => Ok(text.to_owned().into()),
    }
}

/// The target of `--output`; `-` is stdout. A dry run writes nothing and accepts a terminal.
pub(super) fn target(output: &Path, overwrite: bool, dry_run: bool, terminal: &Terminal) -> Result<Target> {
    if output.as_os_str().is_empty() {
        return Err(Error::usage("--output is empty", "add a file name"));
    }
    match Target::new(output, overwrite) {
        Target::Stdout if !dry_run && terminal.stdout_is_terminal() => Err(Error::usage(
            "cannot write an archive to a terminal",
            "redirect stdout, or use --output FILE",
        )),
        // The archive would be lost, although the run succeeds.
        Target::Stdout if !dry_run && terminal.stdout_is_closed() => Err(Error::failed(
            "cannot write the archive: stdout is closed",
            "redirect stdout, or use --output FILE",
        )),
        target => Ok(target),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_above_zero_and_have_a_unit() {
        for (text, bytes) in [("7b", 7), ("512kb", 512 << 10), ("5MB", 5 << 20), ("10g", 10 << 30)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "0",
            "1",
            "2048",
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

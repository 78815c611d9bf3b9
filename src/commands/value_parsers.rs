//! Sizes as options of several commands take them.

use clap::builder::RangedU64ValueParser;

use crate::archive::Limits;
use crate::util::units::parse_size;

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

/// A number of requests at once.
pub(super) fn concurrency() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=64)
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

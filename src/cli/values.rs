//! Values that clap reads: sizes, times, names.

use std::convert::Infallible;
use std::time::Duration;

use crate::util::secret::Secret;
use crate::util::units::{parse_duration, parse_size};

/// Wraps what must not be printed. Never fails, because clap prints a value that it refuses.
pub(in crate::cli) fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}

/// A size in Elasticsearch's notation, above zero and without a fraction; a bare number is bytes.
pub(in crate::cli) fn size(text: &str) -> Result<u64, String> {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let bytes = text.parse().ok().or_else(|| parse_size(text));
    bytes
        .filter(|bytes| plain && *bytes > 0)
        .ok_or_else(|| "expected a size above zero such as 512kb, 5mb or 10gb".to_owned())
}

/// Checks a size that is sent as typed, which Elasticsearch takes from 1 MB and with a unit.
pub(in crate::cli) fn memory_limit(text: &str) -> Result<String, String> {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return Err("expected a size with its unit, such as 512mb or 2gb".to_owned());
    }
    match size(text)? {
        0..0x10_0000 => Err("a job needs at least 1mb".to_owned()),
        _ => Ok(text.to_owned()),
    }
}

/// Size of a bulk request. Elasticsearch takes at most 100 MB in one request unless told otherwise
/// (`http.max_content_length`).
pub(in crate::cli) fn bulk_size(text: &str) -> Result<usize, String> {
    let bytes = size(text)?;
    if bytes > 100 << 20 {
        return Err("Elasticsearch takes at most 100mb in one request".to_owned());
    }
    usize::try_from(bytes).map_err(|_| "the size is too large".to_owned())
}

/// Checks a duration that is sent as typed: above zero and with a unit.
pub(in crate::cli) fn keep_alive(text: &str) -> Result<String, String> {
    match parse_duration(text) {
        Some(duration) if !duration.is_zero() => Ok(text.to_owned()),
        _ => Err("expected a whole number above zero and a unit, such as 30s, 5m or 1h".to_owned()),
    }
}

/// A duration in Elasticsearch's notation; a bare number is seconds.
pub(in crate::cli) fn time(text: &str) -> Result<Duration, String> {
    let seconds = text
        .parse::<u32>()
        .ok()
        .map(|seconds| Duration::from_secs(seconds.into()));
    seconds
        .or_else(|| parse_duration(text))
        .ok_or_else(|| "expected a whole number and a unit, such as 30s, 5m or 1h".to_owned())
}

/// The same, above zero and up to a day.
pub(in crate::cli) fn timeout(text: &str) -> Result<Duration, String> {
    let time = time(text)?;
    match time.is_zero() || time > Duration::from_secs(86_400) {
        true => Err("expected a time above zero, up to 1d".to_owned()),
        false => Ok(time),
    }
}

/// A number above zero, as options that count things at once take it.
pub(in crate::cli) fn within(text: &str, least: usize, most: usize) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if (least..=most).contains(&n) => Ok(n),
        _ => Err(format!("expected a whole number from {least} to {most}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_1024() {
        for (text, bytes) in [
            ("1", 1),
            ("7b", 7),
            ("512kb", 512 << 10),
            ("5mb", 5 << 20),
            ("5MB", 5 << 20),
            ("10g", 10 << 30),
            ("1tb", 1 << 40),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "0",
            "0mb",
            "mb",
            "5 mb",
            "-5mb",
            "1.5gb",
            "5mib",
            "5xb",
            "99999999999999999999",
            "99999999999tb",
            "5ä",
        ] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_have_units_and_seconds_need_none() {
        for (text, millis) in [
            ("0", 0),
            ("90", 90_000),
            ("90s", 90_000),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("7ms", 7),
        ] {
            assert_eq!(time(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "-1s", "1.5m", "5 m", "5x", "99999999999s"] {
            assert!(time(text).is_err(), "{text}");
        }
        assert!(timeout("0s").is_err() && timeout("2d").is_err() && timeout("1d").is_ok());
    }

    #[test]
    fn a_memory_limit_is_kept_as_typed() {
        assert_eq!(memory_limit("512MB"), Ok("512MB".to_owned()));
        for text in ["512", "512kb", "0mb", "lots"] {
            assert!(memory_limit(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_bulk_request_stays_below_what_elasticsearch_takes() {
        assert_eq!(bulk_size("5mb"), Ok(5 << 20));
        assert_eq!(bulk_size("100mb"), Ok(100 << 20));
        assert!(bulk_size("101mb").is_err());
    }

    #[test]
    fn keep_alive_is_a_time_value() {
        for text in ["5m", "30s", "1h", "500ms", "1d"] {
            assert_eq!(keep_alive(text), Ok(text.to_owned()));
        }
        for text in ["", "5", "m", "0m", "-1", "5 m", "5M", "1.5h", "5m&x=1", "5min"] {
            assert!(keep_alive(text).is_err(), "{text}");
        }
    }

    #[test]
    fn counts_stay_in_their_range() {
        assert_eq!(within("2", 1, 10), Ok(2));
        for text in ["0", "11", "-1", "two", ""] {
            assert!(within(text, 1, 10).is_err(), "{text}");
        }
    }
}

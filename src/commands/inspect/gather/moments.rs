//! A moment as documents write it: a number, or a date as text.

use crate::util::timestamp::{EpochMillis, parse_date};

/// Numbers below this are seconds: as milliseconds they would all lie before March 1973.
const SECONDS_BELOW: f64 = 1e11;

/// Epoch seconds or milliseconds, told apart by their size.
pub(super) fn from_number(number: f64) -> Option<EpochMillis> {
    let millis = if number.abs() < SECONDS_BELOW {
        number * 1000.0
    } else {
        number
    };
    // Beyond 2^53 a number is no date that Elasticsearch would have taken.
    (millis.abs() < 9e15).then(|| EpochMillis(millis.round() as i64))
}

/// A number in quotes, or a date as ISO 8601 writes it, with `/` for `-` and a space for `T` let through.
pub(in crate::commands::inspect) fn from_text(text: &str) -> Option<EpochMillis> {
    let text = text.trim();
    if text.len() > 4 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return from_number(text.parse().ok()?);
    }
    // Logs write `2024/01/01 00:00:12`.
    let date = match text.contains('/') {
        true => parse_date(&text.replace('/', "-")),
        false => parse_date(text),
    };
    date.ok()
}

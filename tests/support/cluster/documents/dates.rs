//! Dates in the formats of mappings.

use time::OffsetDateTime;
use time::format_description::well_known::Iso8601;

/// The default format of a date field.
pub(super) const DEFAULT: &str = "strict_date_optional_time||epoch_millis";

/// Parses a value in one of the formats, in nanoseconds since 1970; `None` if no format matches.
pub(super) fn parse(text: &str, formats: &str) -> Option<i128> {
    formats.split("||").find_map(|format| match format {
        "epoch_millis" => scaled(text, 1_000_000),
        "epoch_second" => scaled(text, 1_000_000_000),
        _ => iso(text),
    })
}

/// Parses a number of units with an optional fraction.
fn scaled(text: &str, nanos_per_unit: i128) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut nanos = whole.parse::<i128>().ok()? * nanos_per_unit;
    let mut place = nanos_per_unit;
    for digit in fraction.chars() {
        place /= 10;
        let digit = i128::from(digit.to_digit(10)?) * place;
        nanos += if whole.starts_with('-') { -digit } else { digit };
    }
    Some(nanos)
}

/// Parses an ISO 8601 time in UTC, or a date. Other formats are only supported by real nodes.
fn iso(text: &str) -> Option<i128> {
    let text = match text.split_once('T') {
        None => format!("{text}T00:00:00Z"),
        Some((_, time)) if !time.contains(['Z', '+', '-']) => format!("{text}Z"),
        Some(_) => text.to_owned(),
    };
    let at = OffsetDateTime::parse(&text, &Iso8601::PARSING).ok()?;
    Some(at.unix_timestamp_nanos())
}

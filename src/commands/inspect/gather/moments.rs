//! A moment as documents write it: a number, or a date as text.

use time::{Date, Month, PrimitiveDateTime, Time, UtcOffset};

use crate::util::timestamp::EpochMillis;

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
    let (date, rest) = text.split_at_checked(10)?;
    let date = date_of(date)?;
    let Some(clock) = rest.strip_prefix(['T', 't', ' ']) else {
        return rest
            .is_empty()
            .then(|| EpochMillis::from(PrimitiveDateTime::new(date, Time::MIDNIGHT).assume_utc()));
    };
    let end = clock.find(['Z', 'z', '+', '-']).unwrap_or(clock.len());
    let (clock, offset) = clock.split_at_checked(end)?;
    let moment = PrimitiveDateTime::new(date, clock_of(clock.trim_end())?).assume_offset(offset_of(offset)?);
    Some(EpochMillis::from(moment))
}

fn date_of(text: &str) -> Option<Date> {
    let mut parts = text.split(['-', '/']);
    let year = parts.next().filter(|year| year.len() == 4)?.parse().ok()?;
    let month = Month::try_from(parts.next()?.parse::<u8>().ok()?).ok()?;
    let day = parts.next()?.parse().ok()?;
    parts
        .next()
        .is_none()
        .then(|| Date::from_calendar_date(year, month, day).ok())?
}

fn clock_of(text: &str) -> Option<Time> {
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let mut parts = whole.split(':').map(str::parse::<u8>);
    let hour = parts.next()?.ok()?;
    let minute = parts.next().unwrap_or(Ok(0)).ok()?;
    let second = parts.next().unwrap_or(Ok(0)).ok()?;
    if parts.next().is_some() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let millis: String = fraction.chars().chain("000".chars()).take(3).collect();
    Time::from_hms_milli(hour, minute, second, millis.parse().ok()?).ok()
}

fn offset_of(text: &str) -> Option<UtcOffset> {
    if matches!(text, "" | "Z" | "z") {
        return Some(UtcOffset::UTC);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits: String = text.get(1..)?.chars().filter(|c| *c != ':').collect();
    let hours = digits.get(..2)?.parse::<i8>().ok()?;
    let minutes = digits
        .get(2..)
        .filter(|rest| !rest.is_empty())
        .map_or(Some(0), |rest| rest.parse::<i8>().ok())?;
    UtcOffset::from_hms(sign * hours, sign * minutes, 0).ok()
}

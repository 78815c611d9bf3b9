//! Dates in the formats that mappings name.

use serde_json::Value;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

/// What a date field without a format takes.
pub(super) const DEFAULT: &str = "strict_date_optional_time||epoch_millis";

/// Nanoseconds since 1970 of a value in one of the formats; `None`: it is in none of them.
pub(super) fn parse(value: &Value, formats: &str) -> Option<i128> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    formats.split("||").find_map(|format| parse_one(&text, format.trim()))
}

fn parse_one(text: &str, format: &str) -> Option<i128> {
    match format {
        "epoch_millis" => scaled(text, 1_000_000),
        "epoch_second" => scaled(text, 1_000_000_000),
        _ if named_iso(format) => iso(text),
        _ => pattern(text, format),
    }
}

fn named_iso(format: &str) -> bool {
    let name = format.strip_prefix("strict_").unwrap_or(format);
    [
        "date_optional_time",
        "date_optional_time_nanos",
        "date_time",
        "date_time_no_millis",
        "date",
        "iso8601",
    ]
    .contains(&name)
}

fn scaled(text: &str, unit: i128) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole.trim_start_matches('-')) || !digits(fraction) {
        return None;
    }
    let sign = if whole.starts_with('-') { -1 } else { 1 };
    let mut value = whole.parse::<i128>().ok()? * unit;
    let mut place = unit;
    for digit in fraction.bytes() {
        place /= 10;
        value += sign * i128::from(digit - b'0') * place;
    }
    Some(value)
}

fn iso(text: &str) -> Option<i128> {
    let (date, time) = text.split_once('T').unwrap_or((text, ""));
    let mut parts = date.splitn(3, '-');
    let year = parts.next().filter(|year| year.len() == 4)?.parse().ok()?;
    let two = |text: Option<&str>| match text {
        None => Some(1),
        Some(text) if text.len() == 2 => text.parse::<u8>().ok(),
        Some(_) => None,
    };
    let (month, day) = (two(parts.next())?, two(parts.next())?);
    let zone = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(zone);
    let (clock, fraction) = clock.split_once(['.', ',']).unwrap_or((clock, ""));
    let mut numbers = [0u8; 3];
    for (slot, part) in numbers.iter_mut().zip(clock.split(':').filter(|part| !part.is_empty())) {
        *slot = part.parse().ok()?;
    }
    let nanos = nanos_of(fraction)?;
    instant(year, month, day, numbers, nanos, offset(zone)?)
}

fn nanos_of(fraction: &str) -> Option<u32> {
    if fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    format!("{fraction:0<9}").parse().ok()
}

fn offset(zone: &str) -> Option<UtcOffset> {
    if zone.is_empty() || zone == "Z" {
        return Some(UtcOffset::UTC);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let digits: String = zone.chars().filter(char::is_ascii_digit).collect();
    let hours: i8 = digits.get(..2)?.parse().ok()?;
    let minutes: i8 = digits.get(2..4).map_or(Some(0), |text| text.parse().ok())?;
    UtcOffset::from_hms(sign * hours, sign * minutes, 0).ok()
}

fn instant(year: i32, month: u8, day: u8, clock: [u8; 3], nanos: u32, offset: UtcOffset) -> Option<i128> {
    let date = Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()?;
    let time = Time::from_hms_nano(clock[0], clock[1], clock[2], nanos).ok()?;
    Some(
        PrimitiveDateTime::new(date, time)
            .assume_offset(offset)
            .unix_timestamp_nanos(),
    )
}

/// A Java pattern of plain number fields, literals and an offset.
fn pattern(text: &str, format: &str) -> Option<i128> {
    let (mut year, mut month, mut day, mut clock, mut nanos) = (1970, 1, 1, [0u8; 3], 0);
    let mut zone = UtcOffset::UTC;
    let mut rest = text;
    let mut letters = format.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '\'' {
            let literal: String = letters.by_ref().take_while(|c| *c != '\'').collect();
            rest = rest.strip_prefix(literal.as_str())?;
            continue;
        }
        let mut width = 1;
        while letters.next_if_eq(&letter).is_some() {
            width += 1;
        }
        if matches!(letter, 'X' | 'x' | 'Z') {
            zone = offset(rest)?;
            rest = "";
            continue;
        }
        if !letter.is_ascii_alphabetic() {
            rest = rest.strip_prefix(&letter.to_string().repeat(width))?;
            continue;
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let taken = if width == 1 { digits.min(2) } else { width };
        let number = rest.get(..taken).filter(|_| taken <= digits && taken > 0)?;
        rest = &rest[taken..];
        match letter {
            'y' | 'u' => year = number.parse().ok()?,
            'M' => month = number.parse().ok()?,
            'd' => day = number.parse().ok()?,
            'H' => clock[0] = number.parse().ok()?,
            'm' => clock[1] = number.parse().ok()?,
            's' => clock[2] = number.parse().ok()?,
            'S' => nanos = nanos_of(number)?,
            _ => return None,
        }
    }
    if rest.is_empty() {
        instant(year, month, day, clock, nanos, zone)
    } else {
        None
    }
}

/// `2024-01-01T00:00:00.000Z`, as the default format prints it.
pub(super) fn print(millis: i64) -> String {
    let nanos = i128::from(millis) * 1_000_000;
    let Ok(at) = OffsetDateTime::from_unix_timestamp_nanos(nanos) else {
        return millis.to_string();
    };
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, second, millis) = at.to_hms_milli();
    format!(
        "{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z",
        u8::from(month)
    )
}

/// The same from nanoseconds: with as many more digits as it takes.
pub(super) fn print_nanos(nanos: i64) -> String {
    let text = print(nanos.div_euclid(1_000_000));
    match nanos.rem_euclid(1_000_000) {
        0 => text,
        rest => format!(
            "{}{}Z",
            text.trim_end_matches('Z'),
            format!("{rest:06}").trim_end_matches('0')
        ),
    }
}

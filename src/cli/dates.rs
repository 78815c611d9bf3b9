//! Dates as people type them.

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime, PrimitiveDateTime};

use crate::error::{self, Error};
use crate::util::timestamp::EpochMillis;

const FORMS: &str = "expected YYYY-MM-DD, YYYY-MM-DDTHH:MM:SS (UTC unless an offset such as +02:00 follows), \
                     or milliseconds since 1970";

/// Reads `YYYY-MM-DD`, `YYYY-MM-DDTHH:MM:SS` with or without a fraction and an offset (RFC 3339), or epoch
/// milliseconds. UTC where no offset is given.
///
/// # Errors
/// What is wrong with the text, for clap to print behind the value.
pub fn parse(text: &str) -> Result<EpochMillis, String> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        return text
            .parse()
            .map(EpochMillis)
            .map_err(|_| "too many milliseconds".to_owned());
    }
    if !has_date_form(text) {
        return Err(FORMS.to_owned());
    }
    if text.len() == 10 {
        let date = Date::parse(text, format_description!("[year]-[month]-[day]")).map_err(|e| explain(&e))?;
        return Ok(date.midnight().assume_utc().into());
    }
    if has_offset(text) {
        return OffsetDateTime::parse(text, &Rfc3339)
            .map(EpochMillis::from)
            .map_err(|e| explain(&e));
    }
    let local = PrimitiveDateTime::parse(
        text,
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second][optional [.[subsecond]]]"),
    );
    local.map(|local| local.assume_utc().into()).map_err(|e| explain(&e))
}

/// A range whose end is not after its beginning holds nothing; `after` and `before` name the options.
///
/// # Errors
/// [`Error::Usage`] where both are given and the range is empty.
pub(in crate::cli) fn check_range(
    after: (&str, Option<EpochMillis>),
    before: (&str, Option<EpochMillis>),
) -> error::Result<()> {
    match (after, before) {
        ((after_name, Some(after)), (before_name, Some(before))) if after >= before => Err(Error::Usage {
            message: format!("{after_name} {after} is not before {before_name} {before}: the range is empty"),
            hint: Some("give the earlier date to the option that ends in `after-date`".to_owned()),
        }),
        _ => Ok(()),
    }
}

fn has_date_form(text: &str) -> bool {
    let bytes = text.as_bytes();
    let form = b"0000-00-00T00:00:00";
    let same = bytes.iter().zip(form).all(|(byte, form)| {
        if *form == b'0' {
            byte.is_ascii_digit()
        } else {
            byte == form
        }
    });
    same && (bytes.len() == 10 || bytes.len() >= form.len())
}

fn has_offset(text: &str) -> bool {
    text.get(19..).is_some_and(|rest| rest.contains(['Z', 'z', '+', '-']))
}

fn explain(error: &time::error::Parse) -> String {
    match error {
        time::error::Parse::TryFromParsed(error) => format!("no such date: {error}"),
        _ => FORMS.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        for (text, millis) in [
            ("2024-01-01", 1_704_067_200_000),
            ("2024-01-01T00:00:00", 1_704_067_200_000),
            ("2024-01-01T00:00:00.25", 1_704_067_200_250),
            ("2024-01-01T00:00:00.123456789", 1_704_067_200_123),
            ("2024-01-01T00:00:00Z", 1_704_067_200_000),
            ("2024-01-01T02:00:00+02:00", 1_704_067_200_000),
            ("2023-12-31T19:00:00.5-05:00", 1_704_067_200_500),
            ("1704067200000", 1_704_067_200_000),
            ("0", 0),
            ("-1", -1),
            ("2024-02-29", 1_709_164_800_000),
        ] {
            assert_eq!(parse(text), Ok(EpochMillis(millis)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_forms() {
        for text in [
            "",
            "yesterday",
            "2024-1-1",
            "2024-01-01 00:00:00",
            "2024-01-01T00:00",
            "2024-01-01T00:00:00.",
            "2024-01-01T00:00:00 ",
            "2024-01-01T00:00:00+0200",
            "01/02/2024",
            "12ä",
            "2024-01-0ä",
        ] {
            assert_eq!(parse(text), Err(FORMS.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_date_that_does_not_exist_is_called_so() {
        for text in ["2023-02-29", "2023-02-29T00:00:00", "2023-02-29T00:00:00Z"] {
            assert!(
                parse(text).is_err_and(|why| why.starts_with("no such date: ")),
                "{text}: {:?}",
                parse(text)
            );
        }
        assert_eq!(parse("99999999999999999999"), Err("too many milliseconds".to_owned()));
    }

    #[test]
    fn a_reversed_range_names_both_options() {
        let (early, late) = (Some(EpochMillis(0)), Some(EpochMillis(1)));
        assert!(check_range(("a", early), ("b", late)).is_ok());
        assert!(check_range(("a", late), ("b", None)).is_ok());
        for before in [early, late] {
            let message = check_range(("--x-after", late), ("--x-before", before)).map_err(|e| e.to_string());
            assert!(message.is_err_and(|m| m.contains("--x-after 1970") && m.contains("--x-before 1970")));
        }
    }
}

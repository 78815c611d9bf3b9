//! Sizes and durations in Elasticsearch's notation: `512mb`, `90s`.

use std::time::Duration;

const SIZE_UNITS: [&str; 6] = ["b", "kb", "mb", "gb", "tb", "pb"];

/// Bytes of a size as Elasticsearch reads it: a number with `b`, `kb`, `mb`, `gb`, `tb` or `pb` behind it (powers of
/// 1024, any case, fractions, `k` for `kb`). Only `0` needs no unit.
pub fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    if text == "0" {
        return Some(0);
    }
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.')?);
    let unit = unit.trim();
    let exponent = SIZE_UNITS
        .iter()
        .position(|name| *name == unit || name.strip_suffix('b') == Some(unit))?;
    let unit = 1_u64 << (10 * exponent);
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(unit);
    }
    let bytes = number.parse::<f64>().ok()? * unit as f64;
    (bytes.is_finite() && bytes < u64::MAX as f64).then_some(bytes as u64)
}

/// Bytes as Elasticsearch writes them, in the largest unit that leaves a whole number.
pub fn format_size(bytes: u64) -> String {
    let exponent = match bytes {
        0 => 0,
        more => (more.trailing_zeros() / 10).min(5),
    };
    format!("{}{}", bytes >> (exponent * 10), SIZE_UNITS[exponent as usize])
}

/// A duration as Elasticsearch reads it: a whole number with `d`, `h`, `m`, `s`, `ms`, `micros` or `nanos` behind it.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let nanos: u64 = match unit {
        "nanos" => 1,
        "micros" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        _ => return None,
    };
    let number = number.parse::<u32>().ok()?;
    Some(Duration::from_nanos(nanos).saturating_mul(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_1024() {
        for (text, bytes) in [
            ("512mb", Some(512 << 20)),
            ("1GB", Some(1 << 30)),
            ("10g", Some(10 << 30)),
            ("1.5kb", Some(1536)),
            ("7b", Some(7)),
            ("0", Some(0)),
            ("12", None),
            ("mb", None),
            ("", None),
            ("5mib", None),
            ("5ä", None),
            ("1zb", None),
            ("99999999pb", None),
            ("99999999999999999999b", None),
            ("-1mb", None),
        ] {
            assert_eq!(parse_size(text), bytes, "{text}");
        }
        for text in ["0b", "512mb", "3gb", "1536kb", "7b", "4096pb"] {
            assert_eq!(parse_size(text).map(format_size).as_deref(), Some(text));
        }
    }

    #[test]
    fn durations_are_whole_numbers_with_a_unit() {
        for (text, millis) in [
            ("0s", 0),
            ("90s", 90_000),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("7ms", 7),
        ] {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "s",
            "5",
            "-1s",
            "1.5m",
            "5 m",
            "5M",
            "5min",
            "5m&x=1",
            "99999999999s",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}

//! Elasticsearch's byte sizes.

use serde_json::Value;

/// Bytes of a size as Elasticsearch writes it: a number with `b`, `kb`, `mb`, `gb`, `tb` or `pb` behind it
/// (powers of 1024, any case; fractions are let through). Only `0` may stand alone.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    if text == "0" {
        return Some(0);
    }
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = (&text[..at], text[at..].trim());
    let exponent = match unit {
        "b" => 0,
        "k" | "kb" => 1,
        "m" | "mb" => 2,
        "g" | "gb" => 3,
        "t" | "tb" => 4,
        "p" | "pb" => 5,
        _ => return None,
    };
    let unit = 1024_u64.pow(exponent);
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(unit);
    }
    let bytes = number.parse::<f64>().ok()? * unit as f64;
    (bytes.is_finite() && bytes < u64::MAX as f64).then_some(bytes as u64)
}

/// Bytes as Elasticsearch writes them, in the largest unit that leaves a whole number.
pub fn written_bytes(bytes: u64) -> String {
    let units = ["b", "kb", "mb", "gb", "tb", "pb"];
    let exponent = match bytes {
        0 => 0,
        more => (more.trailing_zeros() / 10).min(5),
    };
    format!("{}{}", bytes >> (exponent * 10), units[exponent as usize])
}

/// `model_memory_limit`, where a number without a unit counts MiB.
pub(super) fn model_memory_limit(value: &Value) -> Option<u64> {
    let mebibytes = |n: u64| n.checked_mul(1 << 20);
    match value {
        Value::Number(n) => mebibytes(n.as_u64()?),
        Value::String(text) => match text.trim().parse() {
            Ok(n) => mebibytes(n),
            Err(_) => parse_bytes(text),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_1024() {
        for (text, bytes) in [
            ("512mb", Some(512 << 20)),
            ("1GB", Some(1 << 30)),
            ("1.5kb", Some(1536)),
            ("7b", Some(7)),
            ("0", Some(0)),
            ("12", None),
            ("mb", None),
            ("1zb", None),
            ("99999999pb", None),
            ("-1mb", None),
        ] {
            assert_eq!(parse_bytes(text), bytes, "{text}");
        }
        for text in ["0b", "512mb", "3gb", "1536kb", "7b", "4096pb"] {
            assert_eq!(parse_bytes(text).map(written_bytes).as_deref(), Some(text));
        }
        assert_eq!(model_memory_limit(&Value::from(2)), Some(2 << 20));
        assert_eq!(model_memory_limit(&Value::from("2")), Some(2 << 20));
    }
}

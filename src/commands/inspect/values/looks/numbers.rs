//! Numbers that mean something, and numbers.

use super::network::is_hex;
use crate::commands::inspect::gather::from_text;

/// Groups of 8, 4, 4, 4 and 12 hexadecimal digits.
pub(super) fn is_uuid(value: &str) -> bool {
    let value = value
        .strip_prefix('{')
        .and_then(|v| v.strip_suffix('}'))
        .unwrap_or(value);
    let lengths = value
        .split('-')
        .map(|group| if is_hex(group) { group.len() } else { 0 });
    lengths.eq([8, 4, 4, 4, 12])
}

/// Country, two check digits, account; the check digits of ISO 13616 hold, or all of the account is digits.
pub(super) fn is_iban(value: &str) -> bool {
    let compact: Vec<u8> = value.bytes().filter(|b| *b != b' ').collect();
    let (head, account) = compact.split_at(compact.len().min(4));
    let shaped = matches!(head, [c, o, d, e] if c.is_ascii_uppercase() && o.is_ascii_uppercase()
        && d.is_ascii_digit() && e.is_ascii_digit())
        && (11..=30).contains(&account.len())
        && account.iter().all(u8::is_ascii_alphanumeric);
    let remainder = account.iter().chain(head).fold(0_u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        letter => (rest * 100 + u32::from(letter.to_ascii_uppercase().saturating_sub(b'A')) + 10) % 97,
    });
    shaped && (remainder == 1 || account.iter().all(u8::is_ascii_digit))
}

/// 13 to 19 digits, in groups or not, that begin as cards of the large issuers do and have a sound check digit.
pub(super) fn is_card(value: &str) -> bool {
    let digits: Vec<u32> = value.chars().filter_map(|c| c.to_digit(10)).collect();
    let grouped = value.chars().all(|c| c.is_ascii_digit() || c == ' ' || c == '-');
    let issued = matches!(digits.first(), Some(2..=6));
    if !grouped || !issued || !(13..=19).contains(&digits.len()) {
        return false;
    }
    // Luhn: every second digit from the right counts double, 10 and above less 9.
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit * 2) {
            (0, _) => *digit,
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// `+` and 8 to 15 digits, or as many in groups between blanks, dashes, dots, slashes or brackets, the first a `0`.
pub(super) fn is_phone(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let rest = value.strip_prefix('+').unwrap_or(value);
    let written = rest.bytes().all(|b| b.is_ascii_digit() || b" -./()".contains(&b));
    let grouped = rest.bytes().any(|b| b" -/(".contains(&b));
    let begins = value.starts_with('+') || (grouped && value.trim_start_matches('(').starts_with('0'));
    written && begins && (8..=15).contains(&digits)
}

/// A date with its day, or with a time.
pub(super) fn is_date(value: &str) -> bool {
    !is_number(value) && value.len() >= 8 && from_text(value).is_some()
}

/// Digits, a sign, a point, an exponent.
pub(super) fn is_number(value: &str) -> bool {
    value.bytes().any(|b| b.is_ascii_digit())
        && value.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b))
        && value.parse::<f64>().is_ok()
}

/// 16 and more hexadecimal digits, letters among them, of a usual length.
pub(super) fn is_hash(value: &str) -> bool {
    matches!(value.len(), 16 | 24 | 32 | 40 | 56 | 64 | 96 | 128)
        && is_hex(value)
        && value.bytes().any(|b| b.is_ascii_alphabetic())
        && value.bytes().any(|b| b.is_ascii_digit())
}

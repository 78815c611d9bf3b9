//! Decodes texts that are escaped for JSON, a pattern or a URL, or encoded as base64.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::percent_decode;

use crate::json::unicode_escape;

/// The minimum number of base64 characters that are decoded: six bytes.
const MIN_BASE64_CHARACTERS: usize = 8;

/// Decodes any sequence of characters, even without its beginning or end.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The characters of single-letter escapes in JSON.
const JSON_ESCAPES: [(u8, u8); 5] = [(b'n', b'\n'), (b't', b'\t'), (b'r', b'\r'), (b'b', 8), (b'f', 12)];

/// Passes every decoded form of a text to `found`, and whether the complete text is encoded that way, until it returns
/// true. Each takes linear time.
pub(super) fn decoded(text: &[u8], found: &mut dyn FnMut(&[u8], bool) -> bool) -> bool {
    if text.contains(&b'\\') {
        let (json, plain) = (unescaped(text, true), unescaped(text, false));
        if found(&json, true) || (plain != json && found(&plain, true)) {
            return true;
        }
    }
    if text.contains(&b'%') {
        let decoded: Cow<'_, [u8]> = percent_decode(text).into();
        if *decoded != *text && found(&decoded, true) {
            return true;
        }
    }
    base64(text, found)
}

/// Removes the backslashes of a query or a pattern, or resolves those of JSON. An unpaired surrogate becomes U+FFFD.
fn unescaped(text: &[u8], is_json: bool) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        let (before, escape) = rest.split_at(at);
        plain.extend_from_slice(before);
        let length = match unicode_escape(escape).filter(|_| is_json) {
            Some((character, length)) => {
                plain.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                length
            }
            None => {
                // A trailing backslash escapes nothing, but may follow a value.
                if let Some(escaped) = escape.get(1).copied().or(is_json.then_some(b'\\')) {
                    let meant = JSON_ESCAPES.iter().find(|(letter, _)| is_json && *letter == escaped);
                    plain.push(meant.map_or(escaped, |(_, meant)| *meant));
                }
                2.min(escape.len())
            }
        };
        rest = &escape[length..];
    }
    plain.extend_from_slice(rest);
    plain
}

/// Decodes sequences of base64 characters of either alphabet. A value can begin at any of the four characters that
/// encode three bytes.
fn base64(text: &[u8], found: &mut dyn FnMut(&[u8], bool) -> bool) -> bool {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let mut runs = text.split(|byte| !byte.is_ascii_alphanumeric() && !b"+/-_".contains(byte));
    runs.any(|run| {
        // Numbers and names of members are not base64, but would have to be decoded all the time.
        if run.len() < MIN_BASE64_CHARACTERS || run.iter().all(u8::is_ascii_digit) {
            return false;
        }
        let is_whole = run.len() + padding == text.len();
        let standard = |byte: &u8| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        };
        let run: Vec<u8> = run.iter().map(standard).collect();
        (0..4).any(|begin| {
            // A single character encodes less than a byte.
            let end = run.len() - usize::from((run.len() - begin) % 4 == 1);
            let bytes = BASE64.decode(&run[begin..end]);
            bytes.is_ok_and(|bytes| found(&bytes, is_whole && begin == 0))
        })
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::*;

    fn contains_value(text: &str, value: &str) -> bool {
        let value = value.as_bytes();
        decoded(text.as_bytes(), &mut |text, _| {
            text.windows(value.len()).any(|part| part == value)
        })
    }

    #[test]
    fn values_are_found_in_each_encoding() {
        let value = "wéb\"01/x";
        for before in ["", "a", "ab", "abc"] {
            let text = format!("{before}{value}");
            for encoded in [STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
                assert!(contains_value(&format!("Basic {encoded}"), value), "{encoded}");
            }
        }
        assert!(contains_value(r#"{"a":"w\u00e9b\"01\/x"}"#, value));
        assert!(contains_value("/x/w%C3%A9b%2201%2fx?", value));
        assert!(contains_value(r"web\-01\.fra", "web-01.fra"));
        assert!(contains_value(r"a\ud83d\ude00b\", "a😀b"));
        let mut wholes = Vec::new();
        decoded(br"corp\", &mut |text, whole| {
            wholes.extend(whole.then(|| text.to_vec()));
            false
        });
        assert!(wholes.contains(&b"corp".to_vec()), "a last backslash escapes nothing");
        for nothing in ["", "plain", "12345678", "%", "\\", "\\u", "\\ud83dx", "===="] {
            assert!(!contains_value(nothing, value), "{nothing}");
        }
    }
}

//! Secrets, which are never printed.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// A password, key or token. `Debug` prints `***`, and `Display` is not implemented.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret(String);

impl Secret {
    /// Wraps the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the code that sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// For options: this never fails, because clap prints a value that is refused.
impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// Replaces a secret.
const REDACTED: &str = "***";
/// The minimum length of a redacted text. A shorter one is part of many words, so that its redaction would reveal it.
/// Longer forms that contain it, such as `user:password`, are redacted.
const MIN_LENGTH: usize = 4;
/// A shorter text is only redacted if it is a separate word.
const MIN_LENGTH_IN_WORDS: usize = 8;

const ANY_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// The secrets of a run in every form in which a server or proxy may return them. Cheap to clone.
#[derive(Clone, Default)]
pub struct Secrets {
    /// With their lengths, the longest first, because a form can be a part of another one.
    forms: Arc<BTreeSet<(Reverse<usize>, Secret)>>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Secrets {
    /// The forms of these texts: unchanged, encoded and decoded.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let decoded = |text: &'a str| Self::decode(text).into_iter().chain([text.to_owned()]);
        let forms = texts.into_iter().flat_map(decoded).flat_map(|text| encodings(&text));
        let forms = forms.filter(|form| form.chars().count() >= MIN_LENGTH);
        let forms = forms.map(|form| (Reverse(form.len()), Secret(form))).collect();
        Self { forms: Arc::new(forms) }
    }

    /// Decodes base64, if the result is text.
    pub fn decode(text: &str) -> Option<String> {
        let engine = |alphabet| GeneralPurpose::new(alphabet, ANY_PADDING);
        let standard = engine(&STANDARD).decode(text);
        let bytes = standard.or_else(|_| engine(&URL_SAFE).decode(text)).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        text.chars().all(|c| !c.is_control()).then_some(text)
    }

    /// Adds other secrets.
    pub fn with(&self, others: &Self) -> Self {
        let forms = Arc::new(&*self.forms | &*others.forms);
        Self { forms }
    }

    /// Replaces each secret with `***`.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let redact = |text: Cow<'a, str>, form: &str| replaced(&text, form).map_or(text, Cow::Owned);
        let forms = self.forms.iter();
        forms.fold(Cow::Borrowed(text), |text, (_, form)| redact(text, form.reveal()))
    }
}

/// The text unchanged, and as it is encoded in headers, URLs and JSON.
fn encodings(text: &str) -> Vec<String> {
    let percent = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let quoted = serde_json::Value::from(text).to_string();
    let json = &quoted[1..quoted.len() - 1];
    let mut forms = vec![text.to_owned(), json.to_owned(), json.replace('/', "\\/")];
    forms.extend([percent.to_ascii_lowercase(), percent]);
    for alphabet in [&STANDARD, &URL_SAFE] {
        let padded = GeneralPurpose::new(alphabet, ANY_PADDING).encode(text);
        forms.push(padded.trim_end_matches('=').to_owned());
        forms.push(padded);
    }
    forms
}

/// `None` where the form is not in the text.
fn replaced(text: &str, form: &str) -> Option<String> {
    let is_word = |c: char| c.is_alphanumeric();
    let anywhere = form.chars().count() >= MIN_LENGTH_IN_WORDS;
    let (mut without, mut kept) = (String::new(), 0);
    for (at, found) in text.match_indices(form) {
        let end = at + found.len();
        let inside = text[..at].ends_with(is_word) || text[end..].starts_with(is_word);
        if anywhere || !inside {
            without.push_str(&text[kept..at]);
            without.push_str(REDACTED);
            kept = end;
        }
    }
    (kept > 0).then(|| {
        without.push_str(&text[kept..]);
        without
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_redacted_in_every_form() {
        let secrets = Secrets::of(["p@ss\"w/rd", "ada:p@ss\"w/rd", "key-id:key-s3cr3t"]);
        for (text, expected) in [
            ("Authorization: Basic YWRhOnBAc3Midy9yZA==", "Authorization: Basic ***"),
            ("YWRhOnBAc3Midy9yZA", "***"),
            (r#"{"password":"p@ss\"w/rd"}"#, r#"{"password":"***"}"#),
            (r#"{"password":"p@ss\"w\/rd"}"#, r#"{"password":"***"}"#),
            ("http://ada:p%40ss%22w%2Frd@h/ p%40ss%22w%2frd", "http://ada:***@h/ ***"),
            ("user ada:p@ss\"w/rd!", "user ***!"),
            ("ApiKey a2V5LWlkOmtleS1zM2NyM3Q=", "ApiKey ***"),
            ("nothing of it", "nothing of it"),
        ] {
            assert_eq!(secrets.redact(text), expected);
        }
        let encoded = Secrets::of(["a2V5LWlkOmtleS1zM2NyM3Q="]);
        assert_eq!(encoded.redact("key-id:key-s3cr3t"), "***");
    }

    #[test]
    fn a_short_secret_is_only_redacted_as_a_word() {
        let secrets = Secrets::of(["elastic"]);
        assert_eq!(
            secrets.redact("user [elastic] of elasticsearch"),
            "user [***] of elasticsearch"
        );
        let shorter = Secrets::of(["abc", "u:abc"]);
        assert_eq!(shorter.redact("abc u:abc dTphYmM="), "abc *** ***");
    }

    #[test]
    fn no_secret_is_shown_for_debugging() {
        assert_eq!(format!("{:?}", Secret::new("s3cr3t")), "***");
        let shown = format!("{:?}", Secrets::of(["s3cr3t"]));
        assert!(shown.contains("***") && !shown.contains("s3cr3t"), "{shown}");
    }
}

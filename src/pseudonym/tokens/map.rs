//! Values and their tokens, which are of the same kind.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::sync::Arc;

use super::key_file::KeyFile;
use super::substring_index::{MIN_BYTES, SubstringIndex, SubstringMatch};
use crate::pseudonym::error::Error;
use crate::util::format::hex;
use crate::values::{ValueFormat, is_decimal, is_email_address, is_numeric, is_uuid, mac_separator};

/// The maximum number of distinct values.
const MAX_VALUES: u32 = 5_000_000;
/// The maximum number of tokens that are tried for a value.
const MAX_ATTEMPTS: u32 = 1000;

/// Why a text is collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenUse {
    /// It is not replaced, but may be the value of a hash.
    HashCandidate,
    /// It is replaced as a word of a message, which other texts may contain too.
    MessageWord,
    /// It is replaced everywhere.
    Value,
}

/// Values and, after they are assigned, their tokens.
pub struct TokenMap {
    /// The key, and the values of all tokens, including those that were in the key file before.
    pub(crate) file: KeyFile,
    entries: Vec<Entry>,
    index: HashMap<Arc<str>, u32>,
    substrings: SubstringIndex,
}

struct Entry {
    text: Arc<str>,
    token: Option<String>,
    replaced: bool,
    /// Whether it is only a word in messages.
    word: bool,
}

impl TokenMap {
    /// Creates a map with the tokens of a key file.
    pub fn new(file: KeyFile) -> Self {
        Self {
            file,
            entries: Vec::new(),
            index: HashMap::new(),
            substrings: SubstringIndex::default(),
        }
    }

    /// Adds a text and returns its number.
    ///
    /// # Errors
    /// There are more than `MAX_VALUES` distinct texts.
    pub fn note(&mut self, text: &str, what: TokenUse) -> Result<u32, Error> {
        let id = match self.index.get(text) {
            Some(id) => *id,
            None => self.add(text)?,
        };
        let entry = &mut self.entries[id as usize];
        if what != TokenUse::HashCandidate && !matches!(text, "" | "true" | "false" | "-") {
            entry.replaced = true;
            entry.word &= what == TokenUse::MessageWord;
        }
        Ok(id)
    }

    fn add(&mut self, text: &str) -> Result<u32, Error> {
        let id = u32::try_from(self.entries.len()).ok().filter(|id| *id < MAX_VALUES);
        let id = id.ok_or_else(|| Error::too_many_values(MAX_VALUES))?;
        let text: Arc<str> = Arc::from(text);
        self.index.insert(Arc::clone(&text), id);
        self.entries.push(Entry {
            text,
            token: None,
            replaced: false,
            word: true,
        });
        Ok(id)
    }

    /// Assigns a token to every value that is replaced. A token is not itself a replaced value, and does not contain
    /// one of six characters or more.
    ///
    /// # Errors
    /// All possible tokens of a value are in use.
    pub fn assign_tokens(&mut self) -> Result<(), Error> {
        let replaced = self.entries.iter().filter(|entry| entry.replaced);
        let searched = replaced.map(|entry| &entry.text).filter(|text| is_searched(text));
        self.substrings = SubstringIndex::new(searched);
        let known = self.file.tokens.iter();
        let known: HashMap<String, String> = known.map(|(token, text)| (text.clone(), token.clone())).collect();
        let is_new = |id: &usize| self.entries[*id].replaced && self.entries[*id].token.is_none();
        let mut left: Vec<usize> = (0..self.entries.len()).filter(is_new).collect();
        // Which value gets a contested token must not depend on the order of the archive.
        left.sort_unstable_by(|a, b| self.entries[*a].text.cmp(&self.entries[*b].text));
        for id in left {
            let text = Arc::clone(&self.entries[id].text);
            let token = match known.get(&*text) {
                Some(token) => token.clone(),
                None => self.free_token(&text)?,
            };
            self.file.tokens.insert(token.clone(), text.to_string());
            self.entries[id].token = Some(token);
        }
        Ok(())
    }

    fn free_token(&self, text: &str) -> Result<String, Error> {
        let format = token_format(text);
        let is_free = |token: &String| {
            !self.file.tokens.contains_key(token)
                && self.original(token, true).is_none()
                && self.find(token, true).is_none()
        };
        (0..MAX_ATTEMPTS)
            .map(|attempt| new_token(format, text, &self.file.key.digest(text, attempt)))
            .find(is_free)
            .ok_or_else(|| Error::without_hint(format!("all tokens of this kind are in use: {}", format.name())))
    }

    /// Returns the token of a value; the value itself if it is not replaced; `None` if it was not collected.
    pub fn token(&self, text: &str) -> Option<&str> {
        let entry = &self.entries[*self.index.get(text)? as usize];
        match entry.replaced {
            true => entry.token.as_deref(),
            false => Some(&entry.text),
        }
    }

    /// Returns the value with this number, and its token, or the value again if it is not replaced.
    pub fn entry(&self, id: u32) -> (&str, &str) {
        let Entry { text, token, .. } = &self.entries[id as usize];
        (text, token.as_deref().unwrap_or(text))
    }

    /// Returns all collected texts in the order of their numbers.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| &*entry.text)
    }

    /// Returns the replaced values, each with whether it is only a word in messages.
    pub fn originals(&self) -> impl Iterator<Item = (&str, bool)> {
        let replaced = self.entries.iter().filter(|entry| entry.replaced);
        replaced.map(|entry| (&*entry.text, entry.word))
    }

    /// Returns the token of a text if it is a replaced value and not only a word in messages.
    pub fn replacement(&self, text: &str) -> Option<&str> {
        self.original(text, false)?.token.as_deref()
    }

    /// Returns the replaced value that is equal to this text. Words of messages only count if `words` is set.
    fn original(&self, text: &str, words: bool) -> Option<&Entry> {
        let entry = &self.entries[*self.index.get(text)? as usize];
        (entry.replaced && (words || !entry.word)).then_some(entry)
    }

    /// Whether a text contains a value, as found by [`find_value`](Self::find_value).
    pub fn contains_value(&self, text: &str) -> bool {
        self.find(text, false).is_some()
    }

    /// Finds a value of six characters or more in a text, except for numbers, and returns its position and its token.
    /// If a value is longer than 64 bytes, its beginning is sufficient, even if it is only a word in messages, since no
    /// other text contains such a word.
    pub fn find_value(&self, text: &str) -> Option<(Range<usize>, &str)> {
        let SubstringMatch { range, needle } = self.find(text, false)?;
        let token = self.original(needle, true).and_then(|entry| entry.token.as_deref());
        #[allow(clippy::expect_used, reason = "a value must not be left without a token")]
        let token = token.expect("every value that is replaced has a token");
        Some((range, token))
    }

    fn find<'a>(&'a self, text: &'a str, words: bool) -> Option<SubstringMatch<'a>> {
        let known = |found: &str| is_searched(found) && self.original(found, words).is_some();
        self.substrings.find(text, &known)
    }

    /// Replaces all values in a text that [`find_value`](Self::find_value) finds.
    pub fn replace_known_values(&self, text: &str) -> String {
        if let Some(token) = self.replacement(text) {
            return token.to_owned();
        }
        let (mut out, mut rest) = (String::with_capacity(text.len()), text);
        while let Some((range, token)) = self.find_value(rest) {
            out.push_str(&rest[..range.start]);
            out.push_str(token);
            rest = &rest[range.end..];
        }
        out.push_str(rest);
        out
    }
}

/// Whether a value is searched for within other texts.
fn is_searched(text: &str) -> bool {
    text.chars().count() >= MIN_BYTES && !is_numeric(text)
}

/// The range of tokens for numbers. They fit into `integer` fields, and all have ten digits.
const NUMBERS: std::ops::RangeInclusive<u64> = 1_000_000_000..=2_147_483_646;

/// Returns the format of a value, which its token keeps.
fn token_format(text: &str) -> ValueFormat {
    match text {
        _ if text.parse::<Ipv4Addr>().is_ok() => ValueFormat::Ipv4,
        _ if text.parse::<Ipv6Addr>().is_ok() => ValueFormat::Ipv6,
        _ if is_decimal(text) => ValueFormat::Number,
        _ if is_uuid(text) => ValueFormat::Uuid,
        _ if mac_separator(text).is_some() => ValueFormat::Mac,
        _ if is_email_address(text) => ValueFormat::Email,
        _ => ValueFormat::Text,
    }
}

/// Returns a token for `text`, which has this format.
fn new_token(format: ValueFormat, text: &str, digest: &[u8; 32]) -> String {
    let [a, b, c, d, ..] = *digest;
    match format {
        // 240.0.0.0/4 is reserved and not used by any host.
        ValueFormat::Ipv4 => Ipv4Addr::new(240 | (a & 15), b, c, d & 0xfe).to_string(),
        ValueFormat::Ipv6 => {
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&digest[..16]);
            // Unique local addresses.
            bytes[0] = 0xfd;
            Ipv6Addr::from(bytes).to_string()
        }
        ValueFormat::Email => format!("t_{}@mail.invalid", hex(&digest[..8])),
        ValueFormat::Uuid => uuid(text, digest),
        ValueFormat::Mac => mac(text, digest),
        ValueFormat::Number => {
            let size = NUMBERS.end() - NUMBERS.start() + 1;
            let number = u64::from(u32::from_be_bytes([a, b, c, d])) % size;
            (NUMBERS.start() + number).to_string()
        }
        _ => format!("t_{}", hex(&digest[..8])),
    }
}

fn uuid(text: &str, digest: &[u8; 32]) -> String {
    let mut bytes = *digest;
    // Version 8 is for custom formats.
    bytes[6] = 0x80 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    let groups = [0..4, 4..6, 6..8, 8..10, 10..16].map(|group| hex(&bytes[group]));
    in_case_of(text, groups.join("-"))
}

fn mac(text: &str, digest: &[u8; 32]) -> String {
    let [first, b, c, d, e, f, ..] = *digest;
    // A locally administered unicast address.
    let bytes = [0x02 | (first & 0xfc), b, c, d, e, f];
    let separator = mac_separator(text).unwrap_or(':').to_string();
    in_case_of(text, bytes.map(|byte| hex(&[byte])).join(&separator))
}

fn in_case_of(text: &str, token: String) -> String {
    let is_upper = text.bytes().any(|byte| byte.is_ascii_uppercase());
    if is_upper { token.to_ascii_uppercase() } else { token }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::pseudonym::tokens::Key;

    fn tokens() -> TokenMap {
        TokenMap::new(KeyFile {
            key: Key::parse(&"07".repeat(32)).unwrap(),
            tokens: BTreeMap::new(),
        })
    }

    #[test]
    fn equal_values_have_equal_tokens() {
        let mut tokens = tokens();
        for text in ["web-01", "10.1.2.3", "anna@example.org", "200", "web-01"] {
            tokens.note(text, TokenUse::Value).unwrap();
        }
        tokens.note("true", TokenUse::Value).unwrap();
        tokens.note("-", TokenUse::Value).unwrap();
        tokens.note("3", TokenUse::HashCandidate).unwrap();
        tokens.assign_tokens().unwrap();
        assert_eq!(tokens.originals().count(), 4);
        let token = tokens.token("web-01").unwrap().to_owned();
        assert!(token.starts_with("t_") && token.len() == 18, "{token}");
        assert_eq!(
            (tokens.token("true").unwrap(), tokens.token("3").unwrap()),
            ("true", "3")
        );
        assert_eq!(tokens.token("-").unwrap(), "-");
        assert_eq!(tokens.token("other"), None);
        assert_eq!(tokens.replace_known_values("xweb-01, 200"), format!("x{token}, 200"));
        assert_ne!(tokens.replace_known_values("200"), "200");
        // Another map with the same key assigns the same tokens, regardless of its other content.
        let mut other = TokenMap::new(KeyFile {
            tokens: [("t_1".to_owned(), "db-1".to_owned())].into(),
            ..tokens.file.clone()
        });
        other.note("a", TokenUse::Value).unwrap();
        other.note("web-01", TokenUse::Value).unwrap();
        other.note("db-1", TokenUse::Value).unwrap();
        other.assign_tokens().unwrap();
        assert_eq!(
            (other.token("web-01").unwrap(), other.token("db-1").unwrap()),
            (token.as_str(), "t_1")
        );
        assert_eq!(other.file.tokens.len(), 3);
    }

    #[test]
    fn tokens_contain_no_value() {
        let mut first = tokens();
        first.note("value", TokenUse::Value).unwrap();
        first.assign_tokens().unwrap();
        let token = first.token("value").unwrap().to_owned();
        for taken in [token.clone(), token[5..12].to_owned()] {
            let mut tokens = tokens();
            tokens.note("value", TokenUse::Value).unwrap();
            tokens.note(&taken, TokenUse::MessageWord).unwrap();
            tokens.assign_tokens().unwrap();
            assert!(!tokens.token("value").unwrap().contains(&taken));
        }
    }

    #[test]
    fn tokens_are_unique() {
        // The token of an address has 27 bits of the digest, so that with this many values some tokens collide.
        let mut tokens = tokens();
        let texts: Vec<String> = (0..40_000)
            .map(|n| Ipv4Addr::from(0x0a00_0000 + n).to_string())
            .collect();
        for text in &texts {
            tokens.note(text, TokenUse::Value).unwrap();
        }
        tokens.assign_tokens().unwrap();
        let tokens: BTreeSet<&str> = texts.iter().map(|text| tokens.token(text).unwrap()).collect();
        assert_eq!(tokens.len(), texts.len());
    }

    #[test]
    fn message_words_are_distinguished_from_values() {
        let mut tokens = tokens();
        tokens.note("timeout", TokenUse::MessageWord).unwrap();
        tokens.note("alice.m", TokenUse::MessageWord).unwrap();
        tokens.note("alice.m", TokenUse::Value).unwrap();
        tokens.assign_tokens().unwrap();
        assert!(tokens.original("timeout", true).is_some() && tokens.original("timeout", false).is_none());
        let find = |text, words| tokens.find(text, words).map(|found| found.range);
        assert_eq!(find("a timeout", false), None);
        assert_eq!(find("a timeout of alice.m", false), Some(13..20));
        assert_eq!(find("a timeout of alice.m", true), Some(2..9));
    }

    #[test]
    fn token_has_the_format_of_its_value() {
        for (text, format) in [
            ("10.1.2.3", ValueFormat::Ipv4),
            ("2001:db8::1", ValueFormat::Ipv6),
            ("anna@example.org", ValueFormat::Email),
            ("E0F5B9C2-6a1d-4c7b-9d3e-0123456789ab", ValueFormat::Uuid),
            ("00:0c:29:AA:bb:cc", ValueFormat::Mac),
            ("00-0c-29-aa-bb-cc", ValueFormat::Mac),
            ("404", ValueFormat::Number),
            ("-1.5", ValueFormat::Number),
            ("web-01", ValueFormat::Text),
            ("CORP\\anna", ValueFormat::Text),
            ("a b@c.d", ValueFormat::Text),
            ("1.2.3", ValueFormat::Text),
            ("", ValueFormat::Text),
        ] {
            assert_eq!(token_format(text), format, "{text}");
            for fill in [0, 1, 0x5a, 0xff] {
                let token = new_token(format, text, &[fill; 32]);
                assert_eq!(token_format(&token), format, "{token}");
                if format == ValueFormat::Number {
                    assert!(token.parse::<i32>().is_ok() && token.len() == 10, "{token}");
                }
            }
        }
        let token = new_token(ValueFormat::Mac, "AA-0C-29-AA-BB-CC", &[0xff; 32]);
        assert_eq!(token, "FE-FF-FF-FF-FF-FF");
    }
}

//! The key, and what it makes of a text.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::pseudonym::error::Error;
use crate::util::hex::hex;

/// 32 bytes that stay with the user.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl Key {
    /// A new one, from the operating system.
    ///
    /// # Errors
    /// [`Error::NoKey`]
    pub fn random() -> Result<Self, Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|why| Error::NoKey { why: why.to_string() })?;
        Ok(Self(bytes))
    }

    /// From hexadecimal digits; `None` for anything else than 64 of them.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (n, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * n..2 * n + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// As hexadecimal digits.
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }

    /// HMAC-SHA256 of a text; `attempt` counts from 0 where the one before could not be used.
    pub(super) fn digest(&self, text: &str, attempt: u32) -> [u8; 32] {
        #[allow(
            clippy::expect_used,
            reason = "a digest must never have a default: every text would have the same"
        )]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC accepts keys of any length");
        mac.update(&attempt.to_be_bytes());
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// A token for what nobody asks about again, such as the id of a document: 32 hexadecimal digits.
    pub fn unrecorded_token(&self, text: &str) -> String {
        hex(&self.digest(text, u32::MAX)[..16])
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_key_reads_as_it_was_written() {
        let key = Key::random().unwrap();
        assert_eq!(Key::parse(&key.to_hex()), Some(key.clone()));
        assert_ne!(Key::random().unwrap(), key);
        for bad in ["", "00", &"g".repeat(64), &"ä".repeat(32)] {
            assert_eq!(Key::parse(bad), None);
        }
        assert_eq!(format!("{key:?}"), "Key(…)");
    }

    #[test]
    fn the_digest_is_hmac_sha256() {
        // RFC 4231 has no key of 32 bytes; this one is from another implementation.
        let key = Key([7; 32]);
        assert_eq!(hex(&key.digest("value", 0)), EXPECTED);
        assert_ne!(key.digest("value", 0), key.digest("value", 1));
    }

    const EXPECTED: &str = "256d3a7ba2631f10ff2b78a7c79707c2585da9dcd838ddeefcb7bbff7ed4ca7b";
}

//! What kind of value it is, and a token of that kind.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::util::format::hex;
use crate::values::{is_decimal, is_email_address, is_uuid, mac_separator};

/// The lowest and the highest number that stands for a number: `integer` fields take them, and all have ten digits.
pub(super) const NUMBERS: std::ops::RangeInclusive<u64> = 1_000_000_000..=2_147_483_646;

/// A kind that tokens keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// Stays as it is: truth values, and what stands for nothing.
    Constant,
    Ipv4,
    Ipv6,
    Email,
    Uuid,
    Mac,
    Number,
    Plain,
}

impl Kind {
    pub(super) fn of(text: &str) -> Self {
        match text {
            "true" | "false" | "-" => Self::Constant,
            _ if text.parse::<Ipv4Addr>().is_ok() => Self::Ipv4,
            _ if text.parse::<Ipv6Addr>().is_ok() => Self::Ipv6,
            _ if is_decimal(text) => Self::Number,
            _ if is_uuid(text) => Self::Uuid,
            _ if mac_separator(text).is_some() => Self::Mac,
            _ if is_email_address(text) => Self::Email,
            _ => Self::Plain,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Constant => "truth value",
            Self::Ipv4 => "IPv4 address",
            Self::Ipv6 => "IPv6 address",
            Self::Email => "e-mail address",
            Self::Uuid => "UUID",
            Self::Mac => "MAC address",
            Self::Number => "number",
            Self::Plain => "value",
        }
    }

    /// The token of `text`, which is of this kind.
    pub(super) fn token(self, text: &str, digest: &[u8; 32]) -> String {
        let [a, b, c, d, ..] = *digest;
        match self {
            Self::Constant => text.to_owned(),
            // 240.0.0.0/4 is reserved: no machine has such an address.
            Self::Ipv4 => Ipv4Addr::new(240 | (a & 15), b, c, d & 0xfe).to_string(),
            Self::Ipv6 => {
                let mut bytes = [0; 16];
                bytes.copy_from_slice(&digest[..16]);
                // Unique local addresses.
                bytes[0] = 0xfd;
                Ipv6Addr::from(bytes).to_string()
            }
            Self::Email => format!("t_{}@mail.invalid", hex(&digest[..8])),
            Self::Uuid => uuid(text, digest),
            Self::Mac => mac(text, digest),
            Self::Number => {
                let size = NUMBERS.end() - NUMBERS.start() + 1;
                let number = u64::from(u32::from_be_bytes([a, b, c, d])) % size;
                (NUMBERS.start() + number).to_string()
            }
            Self::Plain => format!("t_{}", hex(&digest[..8])),
        }
    }
}

fn uuid(text: &str, digest: &[u8; 32]) -> String {
    let mut bytes = *digest;
    // Version 8 is for whatever its maker likes.
    bytes[6] = 0x80 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    let groups = [0..4, 4..6, 6..8, 8..10, 10..16].map(|group| hex(&bytes[group]));
    in_case_of(text, groups.join("-"))
}

fn mac(text: &str, digest: &[u8; 32]) -> String {
    let [first, others @ ..] = *digest;
    // Administered locally, of one machine.
    let bytes = [
        0x02 | (first & 0xfc),
        others[0],
        others[1],
        others[2],
        others[3],
        others[4],
    ];
    let separator = mac_separator(text).unwrap_or(':').to_string();
    in_case_of(text, bytes.map(|byte| hex(&[byte])).join(&separator))
}

fn in_case_of(text: &str, token: String) -> String {
    let is_upper = text.bytes().any(|byte| byte.is_ascii_uppercase());
    if is_upper { token.to_ascii_uppercase() } else { token }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_of_the_kind_of_its_value() {
        for (text, kind) in [
            ("true", Kind::Constant),
            ("-", Kind::Constant),
            ("10.1.2.3", Kind::Ipv4),
            ("2001:db8::1", Kind::Ipv6),
            ("anna@example.org", Kind::Email),
            ("E0F5B9C2-6a1d-4c7b-9d3e-0123456789ab", Kind::Uuid),
            ("00:0c:29:AA:bb:cc", Kind::Mac),
            ("00-0c-29-aa-bb-cc", Kind::Mac),
            ("404", Kind::Number),
            ("-1.5", Kind::Number),
            ("web-01", Kind::Plain),
            ("CORP\\anna", Kind::Plain),
            ("a b@c.d", Kind::Plain),
            ("1.2.3", Kind::Plain),
            ("", Kind::Plain),
        ] {
            assert_eq!(Kind::of(text), kind, "{text}");
            for fill in [0, 1, 0x5a, 0xff] {
                let token = kind.token(text, &[fill; 32]);
                assert_eq!(Kind::of(&token), kind, "{token}");
                if kind == Kind::Number {
                    assert!(token.parse::<i32>().is_ok() && token.len() == 10, "{token}");
                }
            }
        }
        assert_eq!(Kind::Mac.token("AA-0C-29-AA-BB-CC", &[0xff; 32]), "FE-FF-FF-FF-FF-FF");
    }
}

//! The format of a value: a guess from its form, and from the name of its field if the form is ambiguous.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::util::format::is_among;
use crate::util::timestamp::EpochMillis;

/// The format of a value. Formats that may identify a person come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ValueFormat {
    Email,
    Ipv4,
    Ipv6,
    Mac,
    Uuid,
    Iban,
    Card,
    Phone,
    Url,
    Path,
    User,
    Host,
    Hash,
    Date,
    Number,
    Word,
    Text,
}

type Recognizer = fn(&str) -> bool;

/// The formats with their names in reports. Formats that only depend on the value come first, the most specific ones at
/// the top.
const FORMATS: [(ValueFormat, &str, Recognizer); 17] = [
    (ValueFormat::Email, "email address", is_email),
    (ValueFormat::Ipv4, "IPv4 address", is_ipv4),
    (ValueFormat::Ipv6, "IPv6 address", is_ipv6),
    (ValueFormat::Mac, "MAC address", is_mac),
    (ValueFormat::Uuid, "UUID", |value| {
        is_uuid(value.trim_matches(['{', '}']))
    }),
    (ValueFormat::Url, "URL", is_url),
    (ValueFormat::Iban, "account number (IBAN)", is_iban),
    (ValueFormat::Date, "date", is_date),
    (ValueFormat::Card, "card number", is_card),
    (ValueFormat::Phone, "phone number", is_phone),
    (ValueFormat::Path, "path", is_path),
    (ValueFormat::Number, "number", is_numeric),
    (ValueFormat::Hash, "hash", is_hash),
    (ValueFormat::Host, "host name", is_domain_name),
    (ValueFormat::User, "user name", NO_FORM),
    (ValueFormat::Word, "word", NO_FORM),
    (ValueFormat::Text, "text", NO_FORM),
];
/// For formats that depend on the name of the field or the number of words.
const NO_FORM: Recognizer = |_| false;

/// Words in the names of fields that contain users.
const USER_FIELDS: &str = "user login account owner author uid principal person member";
/// Words in the names of fields that contain machines.
const HOST_FIELDS: &str = "host server node machine computer device domain instance";
/// Top-level domains that make a value with only two labels a domain name.
const TOP_LEVEL_DOMAINS: &str = "com org net edu gov mil int info io de at ch fr uk eu nl it es local lan internal corp \
    example test";

impl ValueFormat {
    /// Returns the format of a field's value.
    pub(crate) fn of(value: &str, field: &str) -> Self {
        let value = value.trim();
        Self::by_form(value).unwrap_or_else(|| Self::by_field_name(value, field))
    }

    /// Returns the formats of the words in a text that may identify a person.
    pub(crate) fn contained_in(text: &str) -> BTreeSet<Self> {
        let words = text.split(|c: char| c.is_whitespace() || "=,;()[]{}<>\"'|".contains(c));
        let words = words.map(|word| word.trim_end_matches(['.', ':', '!', '?']));
        let formats = words.filter_map(Self::by_form);
        formats.filter(|format| *format < Self::Url).collect()
    }

    fn by_form(value: &str) -> Option<Self> {
        let found = FORMATS.iter().find(|(_, _, has_form)| has_form(value));
        found.map(|(format, _, _)| *format)
    }

    fn by_field_name(value: &str, field: &str) -> Self {
        let field = field.to_ascii_lowercase();
        let named = |names: &str| names.split(' ').any(|name| field.contains(name));
        match value.split_whitespace().count() {
            0 | 1 if named(USER_FIELDS) || is_user(value) => Self::User,
            0 | 1 if named(HOST_FIELDS) || is_host(value) => Self::Host,
            0 | 1 => Self::Word,
            2..=4 if named(USER_FIELDS) => Self::User,
            _ => Self::Text,
        }
    }

    /// Returns the name in reports.
    pub(crate) fn name(self) -> &'static str {
        let known = FORMATS.iter().find(|(format, _, _)| *format == self);
        known.map_or("", |(_, name, _)| name)
    }
}

/// Whether a text consists of bytes of a kind and some others.
fn consists_of(text: &str, kind: fn(&u8) -> bool, others: &[u8]) -> bool {
    text.bytes().all(|byte| kind(&byte) || others.contains(&byte))
}

/// Whether the text consists of groups of hexadecimal digits.
fn has_hex_groups(text: &str, separator: char, lengths: &[usize]) -> bool {
    let mut groups = text.split(separator);
    let have_lengths = groups.clone().map(str::len).eq(lengths.iter().copied());
    have_lengths && groups.all(|group| consists_of(group, u8::is_ascii_hexdigit, b""))
}

/// Whether a text is a name, `@` and a domain with a dot, without spaces.
pub(crate) fn is_email_address(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(name, domain)| {
        !name.is_empty()
            && !text.contains(char::is_whitespace)
            && domain.contains('.')
            && domain.split('.').all(|label| !label.is_empty())
    })
}

/// Also requires that it only has the characters of RFC 5322 and of domains.
fn is_email(value: &str) -> bool {
    let has_no_other = |c: char| c.is_alphanumeric() || "!#$%&'*+/=?^_`{|}~.-@".contains(c);
    is_email_address(value) && value.chars().all(has_no_other)
}

/// Whether a value is an address with an optional port or prefix length.
fn is_ipv4(value: &str) -> bool {
    let address = value.split([':', '/']).next().unwrap_or(value);
    address.parse::<Ipv4Addr>().is_ok()
}

/// Whether a value is an address with an optional zone or prefix length.
fn is_ipv6(value: &str) -> bool {
    let address = value.split(['%', '/']).next().unwrap_or(value);
    address.parse::<Ipv6Addr>().is_ok()
}

/// Returns the separator of a MAC address of six groups.
pub(crate) fn mac_separator(text: &str) -> Option<char> {
    let mut separators = [':', '-'].into_iter();
    separators.find(|separator| has_hex_groups(text, *separator, &[2; 6]))
}

fn is_mac(value: &str) -> bool {
    mac_separator(value).is_some() || has_hex_groups(value, '.', &[4; 3])
}

pub(crate) fn is_uuid(text: &str) -> bool {
    has_hex_groups(text, '-', &[8, 4, 4, 4, 12])
}

fn is_url(value: &str) -> bool {
    let has_url_form = match (value.split_once("://"), value.strip_prefix("www.")) {
        (Some((scheme, rest)), _) => {
            scheme.len() > 1 && consists_of(scheme, u8::is_ascii_alphanumeric, b"+-.") && !rest.is_empty()
        }
        (None, rest) => rest.is_some_and(|rest| rest.contains('.')),
    };
    has_url_form && !value.contains(' ')
}

/// Whether a value consists of labels separated by dots, the last one only of letters, as in `web-01.fra.corp.example`.
/// Two labels are ambiguous (`first.last`), unless the first contains a digit or dash, or the last is a common
/// top-level domain.
fn is_domain_name(value: &str) -> bool {
    let name = value.strip_suffix('.').unwrap_or(value);
    let labels: Vec<&str> = name.split('.').collect();
    let is_label = |label: &&str| {
        (1..=63).contains(&label.len())
            && consists_of(label, u8::is_ascii_alphanumeric, b"-_")
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let [first, .., last] = labels.as_slice() else {
        return false;
    };
    labels.iter().all(is_label)
        && last.len() > 1
        && consists_of(last, u8::is_ascii_alphabetic, b"")
        && (labels.len() > 2
            || first.bytes().any(|b| b.is_ascii_digit() || b == b'-')
            || is_among(TOP_LEVEL_DOMAINS, &last.to_ascii_lowercase()))
}

/// Whether a value is a country code, two check digits and an account. Either the check digits are correct by ISO
/// 13616, or the account consists of digits.
fn is_iban(value: &str) -> bool {
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

/// Whether a value has 13 to 19 digits, optionally in groups, the first digit of a large issuer and a correct Luhn
/// check digit.
fn is_card(value: &str) -> bool {
    let digits: Vec<u32> = value.chars().filter_map(|c| c.to_digit(10)).collect();
    // Every second digit from the right is doubled; 9 is subtracted from two-digit results.
    let doubled = |digit: &u32| digit * 2 - if *digit > 4 { 9 } else { 0 };
    let others: u32 = digits.iter().rev().step_by(2).sum();
    let sum = others + digits.iter().rev().skip(1).step_by(2).map(doubled).sum::<u32>();
    consists_of(value, u8::is_ascii_digit, b" -")
        && matches!(digits.first(), Some(2..=6))
        && (13..=19).contains(&digits.len())
        && sum.is_multiple_of(10)
}

/// Whether a value is `+` followed by 8 to 15 digits, or as many digits in groups that begin with `0`.
fn is_phone(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let rest = value.strip_prefix('+').unwrap_or(value);
    let grouped = rest.contains([' ', '-', '/', '(']);
    let begins = value.starts_with('+') || (grouped && value.trim_start_matches('(').starts_with('0'));
    begins && (8..=15).contains(&digits) && consists_of(rest, u8::is_ascii_digit, b" -./()")
}

/// Whether a value is a date, with or without a time.
fn is_date(value: &str) -> bool {
    !is_numeric(value) && value.len() >= 8 && EpochMillis::of_document_text(value).is_some()
}

/// Whether a value is an absolute path, a path relative to a directory, or a path on a drive or share.
fn is_path(value: &str) -> bool {
    let bytes = value.as_bytes();
    let drive = matches!(bytes.get(1..3), Some(b":\\" | b":/")) && bytes.first().is_some_and(u8::is_ascii_alphabetic);
    let rooted = value.starts_with('/') && value.len() > 1;
    let mut relative = ["~/", "./", "../", "\\\\"].iter();
    // A message may begin with a path.
    value.matches(' ').count() <= 2 && (rooted || drive || relative.any(|prefix| value.starts_with(prefix)))
}

/// Whether a value consists of digits with an optional minus sign and point.
pub(crate) fn is_decimal(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |part: &str| !part.is_empty() && consists_of(part, u8::is_ascii_digit, b"");
    is_digits(whole) && is_digits(fraction)
}

/// Whether a text is a number in any common notation.
pub(crate) fn is_numeric(text: &str) -> bool {
    text.parse::<f64>().is_ok()
}

/// Whether a value consists of hexadecimal digits and has the length of a common hash.
fn is_hash(value: &str) -> bool {
    matches!(value.len(), 16 | 24 | 32 | 40 | 56 | 64 | 96 | 128)
        && consists_of(value, u8::is_ascii_hexdigit, b"")
        && value.bytes().any(|b| b.is_ascii_alphabetic())
        && value.bytes().any(|b| b.is_ascii_digit())
}

/// Whether a value is `first.last` in lowercase letters, or a domain, a backslash and a name.
fn is_user(value: &str) -> bool {
    if let Some((domain, name)) = value.split_once('\\') {
        return !domain.is_empty() && !name.is_empty() && !name.contains('\\') && !value.contains('/');
    }
    let letters = |part: &str| part.chars().count() > 1 && part.chars().all(char::is_alphabetic);
    let name = value.trim_end_matches(|c: char| c.is_ascii_digit());
    let parts = name.split_once('.');
    parts.is_some_and(|(first, last)| letters(first) && letters(last)) && name.to_lowercase() == name
}

/// Whether a value consists of letters and a few digits, as in `web-01` or `db-srv12`.
fn is_host(value: &str) -> bool {
    let name = value.trim_end_matches(|c: char| c.is_ascii_digit());
    let stem = name.trim_end_matches(['-', '_']);
    (1..=6).contains(&(value.len() - name.len()))
        && stem.len() > 1
        && consists_of(stem, u8::is_ascii_alphanumeric, b"-_")
        && stem.starts_with(|c: char| c.is_ascii_alphabetic())
        && (name.ends_with(['-', '_']) || stem.contains('-'))
}

#[cfg(test)]
mod tests {
    use super::ValueFormat;

    #[test]
    fn formats_are_recognized_by_form() {
        for (value, format) in [
            ("sven.rossi2188@example.com", ValueFormat::Email),
            ("müller@example.org", ValueFormat::Email),
            ("user@", ValueFormat::Word),
            ("192.168.6.212", ValueFormat::Ipv4),
            ("192.168.6.212:8080", ValueFormat::Ipv4),
            ("10.0.0.0/8", ValueFormat::Ipv4),
            ("1.2.3", ValueFormat::Word),
            ("2001:db8::3870:37c8", ValueFormat::Ipv6),
            ("fe80::1%eth0", ValueFormat::Ipv6),
            ("00:1B:44:11:3a:b7", ValueFormat::Mac),
            ("001b.4411.3ab7", ValueFormat::Mac),
            ("123e4567-e89b-12d3-a456-426614174000", ValueFormat::Uuid),
            ("DE89 3704 0044 0532 0130 00", ValueFormat::Iban),
            ("GB82WEST12345698765432", ValueFormat::Iban),
            ("DE00823312672063625026", ValueFormat::Iban),
            ("4111 1111 1111 1111", ValueFormat::Card),
            ("5500000000000004", ValueFormat::Card),
            ("4111111111111112", ValueFormat::Number),
            ("+49 89 1234567", ValueFormat::Phone),
            ("(089) 123-4567", ValueFormat::Phone),
            ("0891234567", ValueFormat::Number),
            ("https://intranet.example/x?y=1", ValueFormat::Url),
            ("www.example.org", ValueFormat::Url),
            ("/var/log/messages", ValueFormat::Path),
            ("C:\\Users\\alice", ValueFormat::Path),
            ("\\\\share\\folder", ValueFormat::Path),
            ("2024-01-01T00:00:12Z", ValueFormat::Date),
            ("2024-01-01", ValueFormat::Date),
            ("404", ValueFormat::Number),
            ("-12.5e3", ValueFormat::Number),
            ("9e107d9d372bb6826bd81d3542a419d6", ValueFormat::Hash),
            ("web-01.fra.corp.example", ValueFormat::Host),
            ("example.org", ValueFormat::Host),
            ("web-01", ValueFormat::Host),
            ("alice.muster", ValueFormat::User),
            ("CORP\\alice", ValueFormat::User),
            ("GET", ValueFormat::Word),
            ("Failed password for user", ValueFormat::Text),
            ("", ValueFormat::Word),
        ] {
            assert_eq!(ValueFormat::of(value, "field"), format, "{value}");
        }
    }

    #[test]
    fn field_name_decides_ambiguous_formats() {
        assert_eq!(ValueFormat::of("alice", "user.name"), ValueFormat::User);
        assert_eq!(ValueFormat::of("atlas", "HostName"), ValueFormat::Host);
        assert_eq!(ValueFormat::of("10.0.0.1", "user"), ValueFormat::Ipv4);
        assert_eq!(ValueFormat::of("Anaïs Chen (3786)", "user"), ValueFormat::User);
        assert_eq!(ValueFormat::of("alice", "program"), ValueFormat::Word);
    }

    #[test]
    fn formats_are_found_within_a_text() {
        let text = "Payment declined for anna40@example.org (10.0.0.7), iban=DE00823312672063625026";
        assert_eq!(
            ValueFormat::contained_in(text),
            [ValueFormat::Email, ValueFormat::Ipv4, ValueFormat::Iban].into()
        );
        assert!(ValueFormat::contained_in("nothing of 12 words here").is_empty());
    }
}

//! What a value looks like: a guess from its form, and from the name of its field where the form says little.

mod hint;
mod network;
mod numbers;
mod words;

use std::collections::BTreeSet;

/// What it looks like; what may name somebody comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::commands::inspect) enum Looks {
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

impl Looks {
    /// In the words of reports.
    pub(in crate::commands::inspect) fn name(self) -> &'static str {
        match self {
            Self::Email => "e-mail address",
            Self::Ipv4 => "IPv4 address",
            Self::Ipv6 => "IPv6 address",
            Self::Mac => "MAC address",
            Self::Uuid => "UUID",
            Self::Iban => "account number (IBAN)",
            Self::Card => "card number",
            Self::Phone => "phone number",
            Self::Url => "URL",
            Self::Path => "path",
            Self::User => "user name",
            Self::Host => "host name",
            Self::Hash => "hash",
            Self::Date => "date",
            Self::Number => "number",
            Self::Word => "word",
            Self::Text => "text",
        }
    }

    /// Of a value; `field` is the name of its field.
    pub(in crate::commands::inspect) fn of(value: &str, field: &str) -> Self {
        let value = value.trim();
        by_form(value).unwrap_or_else(|| hint::by_field(value, field))
    }
}

impl Looks {
    /// What the words of a text look like, of what may name somebody.
    pub(in crate::commands::inspect) fn held(text: &str) -> BTreeSet<Self> {
        let words = text.split(|c: char| c.is_whitespace() || "=,;()[]{}<>\"'|".contains(c));
        words
            .map(|word| word.trim_end_matches(['.', ':', '!', '?']))
            .filter_map(by_form)
            .filter(|looks| *looks < Self::Url)
            .collect()
    }
}

/// Whether a value has a form.
type Form = fn(&str) -> bool;

/// Forms that say what they are, the most telling first.
fn by_form(value: &str) -> Option<Looks> {
    let checks: [(Form, Looks); 14] = [
        (words::is_email, Looks::Email),
        (network::is_ipv4, Looks::Ipv4),
        (network::is_ipv6, Looks::Ipv6),
        (network::is_mac, Looks::Mac),
        (numbers::is_uuid, Looks::Uuid),
        (network::is_url, Looks::Url),
        (numbers::is_iban, Looks::Iban),
        (numbers::is_date, Looks::Date),
        (numbers::is_card, Looks::Card),
        (numbers::is_phone, Looks::Phone),
        (words::is_path, Looks::Path),
        (numbers::is_number, Looks::Number),
        (numbers::is_hash, Looks::Hash),
        (network::is_domain_name, Looks::Host),
    ];
    let found = checks.iter().find(|(holds, _)| holds(value));
    found.map(|(_, looks)| *looks)
}

#[cfg(test)]
mod tests;

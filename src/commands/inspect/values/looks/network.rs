//! Addresses and names of machines.

use std::net::{Ipv4Addr, Ipv6Addr};

pub(super) fn is_ipv4(value: &str) -> bool {
    let address = value.split_once([':', '/']).map_or(value, |(address, rest)| {
        if rest.bytes().all(|b| b.is_ascii_digit()) {
            address
        } else {
            value
        }
    });
    address.parse::<Ipv4Addr>().is_ok()
}

pub(super) fn is_ipv6(value: &str) -> bool {
    let address = value.split_once(['%', '/']).map_or(value, |(address, _)| address);
    address.parse::<Ipv6Addr>().is_ok()
}

/// Six pairs of hexadecimal digits between `:` or `-`, or three groups of four between dots.
pub(super) fn is_mac(value: &str) -> bool {
    let groups = |separator: char, number: usize, digits: usize| {
        let mut groups = value.split(separator);
        groups.clone().count() == number && groups.all(|group| group.len() == digits && is_hex(group))
    };
    groups(':', 6, 2) || groups('-', 6, 2) || groups('.', 3, 4)
}

/// A scheme and what stands behind it.
pub(super) fn is_url(value: &str) -> bool {
    let Some((scheme, rest)) = value.split_once("://") else {
        return value
            .strip_prefix("www.")
            .is_some_and(|rest| rest.contains('.') && !rest.contains(' '));
    };
    let named = scheme.len() > 1 && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    named && !rest.is_empty() && !rest.contains(' ')
}

/// Labels between dots, the last one of letters alone, as in `web-01.fra.corp.example`. Two labels are too few to tell
/// it from `first.last`, unless a digit or dash speaks for a machine or the ending is a common domain.
pub(super) fn is_domain_name(value: &str) -> bool {
    let name = value.strip_suffix('.').unwrap_or(value);
    let labels: Vec<&str> = name.split('.').collect();
    let label = |label: &&str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let Some(last) = labels.last().filter(|_| labels.len() > 1 && labels.iter().all(label)) else {
        return false;
    };
    if last.len() < 2 || !last.bytes().all(|b| b.is_ascii_alphabetic()) {
        return false;
    }
    let machine = labels
        .first()
        .is_some_and(|first| first.bytes().any(|b| b.is_ascii_digit() || b == b'-'));
    labels.len() > 2 || machine || COMMON.contains(&last.to_ascii_lowercase().as_str())
}

/// Endings that make even two labels a domain.
const COMMON: [&str; 24] = [
    "com", "org", "net", "edu", "gov", "mil", "int", "info", "io", "de", "at", "ch", "fr", "uk", "eu", "nl", "it",
    "es", "local", "lan", "internal", "corp", "example", "test",
];

pub(super) fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit())
}

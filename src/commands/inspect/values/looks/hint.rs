//! Where the form says little: words, and names of fields that say whose they are.

use super::Looks;

/// Fields whose plain words name users.
const USERS: [&str; 9] = [
    "user",
    "login",
    "account",
    "owner",
    "author",
    "uid",
    "principal",
    "person",
    "member",
];
/// Fields whose plain words name machines.
const HOSTS: [&str; 8] = [
    "host", "server", "node", "machine", "computer", "device", "domain", "instance",
];

/// A guess by the field's name, else by what the words are made of.
pub(super) fn by_field(value: &str, field: &str) -> Looks {
    let field = field.to_ascii_lowercase();
    let named = |names: &[&str]| names.iter().any(|name| field.contains(name));
    match value.split_whitespace().count() {
        0 | 1 => {}
        2..=4 if named(&USERS) => return Looks::User,
        _ => return Looks::Text,
    }
    if named(&USERS) || is_user(value) {
        Looks::User
    } else if named(&HOSTS) || is_host(value) {
        Looks::Host
    } else {
        Looks::Word
    }
}

/// `first.last` in letters, or a domain, a backslash and a name.
fn is_user(value: &str) -> bool {
    if let Some((domain, name)) = value.split_once('\\') {
        let part = |part: &str| !part.is_empty() && !part.contains(['\\', '/']);
        return part(domain) && part(name);
    }
    let letters = |part: &str| part.chars().count() > 1 && part.chars().all(char::is_alphabetic);
    let name = value.trim_end_matches(|c: char| c.is_ascii_digit());
    let parts: Vec<&str> = name.split('.').collect();
    parts.len() == 2 && parts.iter().all(|part| letters(part)) && name.to_lowercase() == name
}

/// Letters, then digits at the end, as in `web-01` or `srv12`.
fn is_host(value: &str) -> bool {
    let name = value.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = value.len() - name.len();
    let stem = name.trim_end_matches(['-', '_']);
    (1..=6).contains(&digits)
        && stem.len() > 1
        && stem
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        && stem.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
        && (name.ends_with(['-', '_']) || stem.contains('-'))
}

//! Names and places in words.

use super::network::is_domain_name;

/// One `@`, a name before it and a domain behind it.
pub(super) fn is_email(value: &str) -> bool {
    let Some((name, domain)) = value.rsplit_once('@') else {
        return false;
    };
    let named = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || "!#$%&'*+/=?^_`{|}~.-".contains(c));
    named && domain.contains('.') && domain.split('.').all(|label| !label.is_empty()) && is_domain(domain)
}

fn is_domain(domain: &str) -> bool {
    is_domain_name(domain) || domain.chars().all(|c| c.is_alphanumeric() || c == '.' || c == '-')
}

/// Of a file: from the root, from a drive, from a share, or with an extension after folders.
pub(super) fn is_path(value: &str) -> bool {
    let bytes = value.as_bytes();
    let drive = bytes.get(1..3) == Some(b":\\") || bytes.get(1..3) == Some(b":/");
    let rooted = value.starts_with("/") && value.len() > 1;
    let home = value.starts_with("~/") || value.starts_with("./") || value.starts_with("../");
    let spaces = value.matches(' ').count();
    // A message may begin with a path.
    spaces <= 2
        && (rooted
            || home
            || value.starts_with("\\\\")
            || (drive && bytes.first().is_some_and(u8::is_ascii_alphabetic)))
}

//! From URL or cloud id to the address of the cluster.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use url::Url;

use crate::cluster::{Endpoint, Error, Result};

/// Cloud ids are seen with and without padding.
const ANY_PADDING: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The address, its path ended by `/`, without user, query and fragment.
pub(in crate::cluster) fn of(endpoint: &Endpoint) -> Result<Url> {
    let mut url = match endpoint {
        Endpoint::Url(url) => url.clone(),
        Endpoint::CloudId(id) => {
            cloud(id).ok_or_else(|| Error::Options("the cloud id cannot be read: copy it whole".to_owned()))?
        }
    };
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(Error::Options(
            "the cluster's URL must be http://… or https://…".to_owned(),
        ));
    }
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

/// `name:base64(domain[:port]$uuid[:port]$…)`; the client's own decoder refuses ports behind the
/// uuid, missing padding and an empty name.
fn cloud(id: &str) -> Option<Url> {
    let encoded = id.trim().rsplit(':').next()?;
    let decoded = String::from_utf8(ANY_PADDING.decode(encoded).ok()?).ok()?;
    let mut parts = decoded.split('$');
    let (domain, shared) = host_and_port(parts.next()?)?;
    let (uuid, own) = host_and_port(parts.next()?)?;
    Url::parse(&format!("https://{uuid}.{domain}:{}", own.or(shared).unwrap_or(443))).ok()
}

fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok()?)),
        None => (text, None),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    (!host.is_empty() && host.chars().all(plain)).then_some((host, port))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

    use super::*;

    #[test]
    fn cloud_ids_of_every_kind_are_read() {
        for (name, decoded, expected) in [
            ("c:", "eu.example.co$abc$kib", "https://abc.eu.example.co/"),
            (":", "eu.example.co:9243$abc$kib", "https://abc.eu.example.co:9243/"),
            ("", "eu.example.co$abc:9244$", "https://abc.eu.example.co:9244/"),
        ] {
            for encoded in [STANDARD.encode(decoded), STANDARD_NO_PAD.encode(decoded)] {
                let url = of(&Endpoint::CloudId(format!("{name}{encoded}"))).unwrap();
                assert_eq!(url.as_str(), expected);
            }
        }
        for decoded in ["", "eu.example.co", "$abc", "a/b$c", "a@b$c", "a$b:x"] {
            assert!(
                of(&Endpoint::CloudId(format!("n:{}", STANDARD.encode(decoded)))).is_err(),
                "{decoded}"
            );
        }
    }

    #[test]
    fn an_address_has_no_user_and_ends_its_path() {
        let url = of(&Endpoint::Url(Url::parse("https://u:p@h:9200/es?x#y").unwrap())).unwrap();
        assert_eq!(url.as_str(), "https://h:9200/es/");
        assert!(of(&Endpoint::Url(Url::parse("ftp://h/").unwrap())).is_err());
    }
}

//! The address of the cluster, and the credential that it can contain.

use url::Url;

use crate::cli::credentials::{Kind, Source};
use crate::error::{Error, Result};
use crate::util::secret::Secret;

/// Parses a URL, whose path then ends with `/`, and moves its credential to `source`. Messages name the option and never
/// contain the URL, which may include a password.
pub(super) fn parse_url(text: &str, source: &mut Source) -> Result<Url> {
    const EXPECTED: &str = "use an address such as https://es.example:9200 or https://es.example/prefix";
    let option = source.origin.name("url");
    let wrong = |why: &str, hint: &str| Error::usage(format!("{option} {why}"), hint);
    let text = text.trim();
    if !text.is_empty() && !text.contains("://") {
        return Err(wrong("has no scheme", &with_scheme(text)));
    }
    let mut url = Url::parse(text).map_err(|e| wrong(&format!("is not a valid URL: {e}"), EXPECTED))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("must start with https:// or http://", EXPECTED));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong(
            "must not contain `?` or `#`",
            "in a password, write %3F and %23 instead of these characters",
        ));
    }
    let decode = |text: &str| {
        let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
        let message = format!("the user name or password in {option} is not UTF-8");
        let invalid = |_| Error::usage(message, "use --username and --password-file");
        decoded.map(Secret::new).map_err(invalid)
    };
    let username = decode(url.username())?;
    let password = url.password().map(decode).transpose()?;
    let removed = url.set_username("").and_then(|()| url.set_password(None));
    removed.map_err(|()| wrong("does not contain a host name", EXPECTED))?;
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    let in_url = format!("the credential in {option}");
    source.add(Kind::Username, in_url.clone(), Some(username));
    source.add(Kind::PasswordOfUser, in_url, password);
    Ok(url)
}

/// A hint with the address after https://, or with an example if the address could contain a credential.
fn with_scheme(text: &str) -> String {
    let address = format!("https://{text}");
    let is_address = !text.contains(['@', '?', '#']) && Url::parse(&address).is_ok();
    let shown = if is_address {
        &address
    } else {
        "https://es.example:9200"
    };
    format!("add https:// or http://, as in `{shown}`")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::cli::credentials::Origin;
    use crate::cli::secrets::SecretPlace;

    fn parse(text: &str) -> Result<Url> {
        parse_url(text, &mut Source::new(Origin::CommandLine))
    }

    #[test]
    fn the_credential_in_a_url_is_decoded() {
        let mut source = Source::new(Origin::CommandLine);
        let url = parse_url("https://el%40stic:p%3Ass%2F@es.example:9243/prefix", &mut source).unwrap();
        assert_eq!(url.as_str(), "https://es.example:9243/prefix/");
        let parts = source.parts.iter().map(|part| match &part.place {
            SecretPlace::Text(text) => text.reveal(),
            _ => "",
        });
        assert_eq!(parts.collect::<Vec<_>>(), ["el@stic", "p:ss/"]);
    }

    #[test]
    fn an_address_without_a_scheme_is_suggested_with_https() {
        for (text, suggested) in [
            ("es.example:9200", Some("https://es.example:9200")),
            ("localhost:9200", Some("https://localhost:9200")),
            ("10.0.0.1:9200", Some("https://10.0.0.1:9200")),
            ("es.example/prefix", Some("https://es.example/prefix")),
            ("elastic:s3cr3t@es.example:9200", None),
            ("elastic:s3cr3t", None),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.to_string(), "--url has no scheme", "{text}");
            let hint = error.hint().unwrap();
            assert!(!hint.contains("s3cr3t"), "{hint}");
            let suggested = suggested.unwrap_or("https://es.example:9200");
            assert!(hint.ends_with(&format!(" `{suggested}`")), "{hint}");
        }
    }

    #[test]
    fn an_invalid_url_is_refused_without_printing_it() {
        for text in [
            "",
            "ftp://u:s3cr3t@h",
            "https://u:s3cr3t@",
            "https://u:s3cr3t#@h",
            "https://h?s3cr3t",
        ] {
            let error = parse(text).unwrap_err();
            assert!(!format!("{error:?}").contains("s3cr3t"), "{error:?}");
        }
    }
}

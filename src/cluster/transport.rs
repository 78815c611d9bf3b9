//! The HTTP client: which credential it sends, and which certificates it trusts.
//!
//! Requests are described with the types of the official client (`elasticsearch`): methods, headers, certificates. They
//! are not sent with its `Transport`, for two reasons that its interface leaves no way around:
//!
//! - It follows up to ten redirects. Its builder keeps `reqwest::ClientBuilder` private and has no setting for them, so a
//!   server could have the credential sent from HTTPS to HTTP, or the body to another host.
//! - Its `Response` only returns whole bodies, decompressed, without a bound. The `reqwest::Response` inside is private.
//!
//! So requests go through `reqwest`, the library that the official client uses itself, in the version and with the TLS
//! that it brings.

use std::error::Error as _;
use std::fmt::Write as _;
use std::path::Path as FilePath;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use elasticsearch::cert::Certificate;
use elasticsearch::http::Method;
use elasticsearch::http::headers::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, DEFAULT_ACCEPT, DEFAULT_CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT,
};
use reqwest::{Client, ClientBuilder, Identity, redirect};
use url::Url;

use crate::cluster::{ConnectOptions, Credential, Error, Result};

const OWN_NAME: &str = concat!("esml-state/", env!("CARGO_PKG_VERSION"));

/// Sends one request, without repeating it and without following redirects.
#[derive(Clone)]
pub(in crate::cluster) struct Transport {
    client: Client,
}

impl Transport {
    /// Builds the client.
    ///
    /// # Errors
    /// Certificates or keys that cannot be read, and a credential that no header takes.
    pub(in crate::cluster) fn new(options: &ConnectOptions, address: &Url) -> Result<Self> {
        let mut builder = Client::builder();
        if let Some(credential) = &options.credential {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, authorization(credential)?)]);
            builder = builder.default_headers(headers);
        }
        if let Some((certificate, key)) = &options.client_identity {
            let mut pem = read(certificate)?;
            pem.push(b'\n');
            pem.extend(read(key)?);
            let identity = Identity::from_pem(&pem).map_err(|error| Error::Options(why(options, &error)))?;
            builder = builder.identity(identity);
        }
        if address.scheme() == "https" {
            builder = trusting(builder, options)?;
        }
        Self::of(builder).map_err(|error| Error::Options(why(options, &error)))
    }

    /// What every client has in common: nothing is followed, nothing is decompressed unseen.
    pub(in crate::cluster) fn of(builder: ClientBuilder) -> reqwest::Result<Self> {
        let client = builder.redirect(redirect::Policy::none()).no_gzip().build()?;
        Ok(Self { client })
    }

    /// Sends a request; the body of the response is not read yet.
    ///
    /// # Errors
    /// No connection, or one that breaks before the headers of the response have come.
    pub(in crate::cluster) async fn send(
        &self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: Option<Bytes>,
    ) -> reqwest::Result<reqwest::Response> {
        let method = match method {
            Method::Get => reqwest::Method::GET,
            Method::Put => reqwest::Method::PUT,
            Method::Post => reqwest::Method::POST,
            Method::Delete => reqwest::Method::DELETE,
            Method::Head => reqwest::Method::HEAD,
        };
        let mut all = HeaderMap::from_iter([
            (ACCEPT, HeaderValue::from_static(DEFAULT_ACCEPT)),
            (CONTENT_TYPE, HeaderValue::from_static(DEFAULT_CONTENT_TYPE)),
            (USER_AGENT, HeaderValue::from_static(OWN_NAME)),
        ]);
        all.extend(headers);
        let request = self.client.request(method, url).headers(all);
        match body {
            Some(body) => request.body(body),
            None => request,
        }
        .send()
        .await
    }
}

fn why(options: &ConnectOptions, error: &reqwest::Error) -> String {
    // Its own text is only `builder error`.
    let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    match &options.client_identity {
        Some((certificate, key)) => format!(
            "no client can be made with {} and {}: {cause} (the key must be PEM and not encrypted)",
            certificate.display(),
            key.display()
        ),
        None => format!("no client can be made: {cause}"),
    }
}

fn authorization(credential: &Credential) -> Result<HeaderValue> {
    let text = match credential {
        Credential::Basic { username, password } => {
            format!("Basic {}", STANDARD.encode(format!("{username}:{}", password.reveal())))
        }
        Credential::ApiKey(key) => match key.reveal().trim() {
            pair if pair.contains(':') => format!("ApiKey {}", STANDARD.encode(pair)),
            encoded => format!("ApiKey {encoded}"),
        },
        Credential::Bearer(token) => format!("Bearer {}", token.reveal().trim()),
    };
    let mut value = HeaderValue::try_from(text)
        .map_err(|_| Error::Options("the credential has characters that cannot be sent".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Which certificates the client accepts: those of the bundled roots, of the system's and of `--ca-cert`.
fn trusting(builder: ClientBuilder, options: &ConnectOptions) -> Result<ClientBuilder> {
    if !options.verify_certificates {
        return Ok(builder.danger_accept_invalid_certs(true));
    }
    let mut roots = Vec::new();
    // A store that cannot be read or a root of an odd kind takes nothing from the other roots.
    for root in rustls_native_certs::load_native_certs().certs {
        if let Ok(root) = Certificate::from_pem(armour(&root).as_bytes()) {
            roots.extend(root);
        }
    }
    for file in &options.ca_certs {
        let named = |cause: &str| Error::Options(format!("{}: {cause}", file.display()));
        let pem = String::from_utf8(read(file)?).map_err(|_| named("this is not PEM"))?;
        // The client only finds lines without blanks around them.
        let pem: String = pem.lines().flat_map(|line| [line.trim(), "\n"]).collect();
        roots.extend(Certificate::from_pem(pem.as_bytes()).map_err(|error| named(&error.to_string()))?);
    }
    Ok(roots.into_iter().fold(builder, ClientBuilder::add_root_certificate))
}

fn armour(der: &[u8]) -> String {
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    let encoded = STANDARD.encode(der);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        let _ = writeln!(pem, "{line}");
        rest = more;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

fn read(file: &FilePath) -> Result<Vec<u8>> {
    match std::fs::read(file) {
        Ok(bytes) if bytes.is_empty() => Err(Error::Options(format!("{}: the file is empty", file.display()))),
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(Error::Options(format!("{}: {error}", file.display()))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::util::secret::Secret;

    #[test]
    fn every_credential_is_one_sensitive_header() {
        for (credential, expected) in [
            (
                Credential::Basic {
                    username: "u".to_owned(),
                    password: Secret::new("p:q"),
                },
                "Basic dTpwOnE=",
            ),
            (Credential::ApiKey(Secret::new("id:key\n")), "ApiKey aWQ6a2V5"),
            (Credential::ApiKey(Secret::new("aWQ6a2V5\n")), "ApiKey aWQ6a2V5"),
            (Credential::Bearer(Secret::new("t")), "Bearer t"),
        ] {
            let header = authorization(&credential).unwrap();
            assert_eq!(header.to_str().unwrap(), expected);
            assert!(header.is_sensitive());
        }
        assert!(authorization(&Credential::Bearer(Secret::new("a\nb"))).is_err());
    }
}

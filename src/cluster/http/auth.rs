//! Creates an HTTP client from connection options: the address, the credential, and the trusted certificates.

use std::error::Error as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use elasticsearch::cert::Certificate;
use elasticsearch::http::headers::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, ClientBuilder, Identity, redirect};
use url::Url;

use crate::cluster::http::error::{Error, Result};
use crate::util::secret::{Secret, Secrets};

/// The options of a connection.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// The address of the cluster, without user, query and fragment. Its path ends with `/`.
    pub address: Url,
    /// The credential; `None` for a cluster without security.
    pub credential: Option<Credential>,
    /// PEM files with certificates that are trusted in addition to the bundled and the system's roots.
    pub ca_certs: Vec<PathBuf>,
    /// PEM certificate and key for mutual TLS.
    pub client_identity: Option<(PathBuf, PathBuf)>,
    /// False with `--ignore-certs`.
    pub verify_certificates: bool,
    /// The timeout of one request.
    pub timeout: Duration,
    /// The maximum number of retries of a request.
    pub retries: u32,
    /// How long a request is retried after its first failure.
    pub retry_for: Duration,
    /// Texts that are never printed, including the credential.
    pub secrets: Secrets,
    /// The keep-alive of scrolls and points in time, in Elasticsearch's notation, for example `5m`.
    pub keep_alive: String,
    /// The maximum number of concurrent requests.
    pub max_requests: u32,
}

/// What a user authenticates with.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the names describe the fields")]
pub enum Credential {
    /// User name and password.
    Basic { username: String, password: Secret },
    /// An API key, encoded or `id:key`.
    ApiKey(Secret),
    /// A bearer token.
    Bearer(Secret),
}

impl Credential {
    /// The credential in the forms in which users enter it and in which it is sent.
    pub fn secrets(&self) -> Secrets {
        match self {
            Self::Basic { username, password } => {
                let password = password.reveal();
                Secrets::of([password, &format!("{username}:{password}")])
            }
            Self::ApiKey(key) => {
                let key = key.reveal().trim();
                let all = Secrets::decode(key).unwrap_or_else(|| key.to_owned());
                let own = all.split_once(':').map_or("", |(_, own)| own);
                Secrets::of([key, &all, own])
            }
            Self::Bearer(token) => Secrets::of([token.reveal().trim()]),
        }
    }

    /// The kind, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Basic { .. } => "credentials",
            Self::ApiKey(_) => "API key",
            Self::Bearer(_) => "bearer token",
        }
    }

    /// The value of the header `Authorization`.
    pub(crate) fn header(&self) -> Result<HeaderValue> {
        let text = match self {
            Self::Basic { username, password } => {
                format!("Basic {}", STANDARD.encode(format!("{username}:{}", password.reveal())))
            }
            Self::ApiKey(key) => match key.reveal().trim() {
                pair if pair.contains(':') => format!("ApiKey {}", STANDARD.encode(pair)),
                encoded => format!("ApiKey {encoded}"),
            },
            Self::Bearer(token) => format!("Bearer {}", token.reveal().trim()),
        };
        let unsendable = |_| Error::Options("the credential contains characters that HTTP does not allow".to_owned());
        let mut value = HeaderValue::try_from(text).map_err(unsendable)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// The URL without parts that may be secret: user, query, fragment.
pub(crate) fn without_secrets(mut url: Url) -> Url {
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url
}

/// The address of an Elastic Cloud ID, `name:base64(domain[:port]$uuid[:port]$…)`; `None` if it is incomplete or invalid.
/// The decoder of the official client does not accept a port after the UUID, missing padding or an empty name.
pub fn cloud_address(id: &str) -> Option<Url> {
    let decoded = Secrets::decode(id.trim().rsplit(':').next()?)?;
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

/// Creates a client with the credential and the certificates of the options.
pub(crate) fn http_client(options: &ConnectOptions) -> Result<Client> {
    let mut builder = Client::builder();
    if let Some(credential) = &options.credential {
        builder = builder.default_headers(HeaderMap::from_iter([(AUTHORIZATION, credential.header()?)]));
    }
    if let Some((certificate, key)) = &options.client_identity {
        let pem = [&read(certificate)?[..], b"\n", &read(key)?].concat();
        builder = builder.identity(Identity::from_pem(&pem).map_err(|error| client_error(options, &error))?);
    }
    if options.address.scheme() == "https" {
        builder = trust_certificates(builder, options)?;
    }
    build(builder).map_err(|error| client_error(options, &error))
}

/// Builds a client that does not follow redirects or decompress responses.
pub(crate) fn build(builder: ClientBuilder) -> reqwest::Result<Client> {
    builder.redirect(redirect::Policy::none()).no_gzip().build()
}

fn client_error(options: &ConnectOptions, error: &reqwest::Error) -> Error {
    // The text of the error itself is only `builder error`.
    let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    Error::Options(match &options.client_identity {
        Some((certificate, key)) => format!(
            "cannot use the client certificate {} with the key {}: {cause} (the key must be in PEM format and not encrypted)",
            certificate.display(),
            key.display()
        ),
        None => format!("cannot create an HTTP client: {cause}"),
    })
}

/// Adds the certificates of the system and of `--ca-cert` to the bundled roots.
fn trust_certificates(builder: ClientBuilder, options: &ConnectOptions) -> Result<ClientBuilder> {
    if !options.verify_certificates {
        return Ok(builder.danger_accept_invalid_certs(true));
    }
    // An unreadable certificate store does not affect the other roots.
    let system = rustls_native_certs::load_native_certs().certs.into_iter();
    let system = system.flat_map(|root| Certificate::from_der(&root));
    let mut roots: Vec<_> = system.flatten().collect();
    for file in &options.ca_certs {
        let not_pem = || unreadable(file, io::Error::other("no valid certificate in PEM format"));
        let pem = String::from_utf8(read(file)?).map_err(|_| not_pem())?;
        // The parser does not recognize lines with leading or trailing spaces.
        let pem: String = pem.lines().flat_map(|line| [line.trim(), "\n"]).collect();
        roots.extend(Certificate::from_pem(pem.as_bytes()).map_err(|_| not_pem())?);
    }
    Ok(roots.into_iter().fold(builder, ClientBuilder::add_root_certificate))
}

fn read(file: &Path) -> Result<Vec<u8>> {
    match std::fs::read(file) {
        Ok(bytes) if !bytes.is_empty() => Ok(bytes),
        Ok(_) => Err(unreadable(file, io::Error::other("the file is empty"))),
        Err(cause) => Err(unreadable(file, cause)),
    }
}

fn unreadable(file: &Path, cause: io::Error) -> Error {
    let (path, cause) = (file.to_owned(), Arc::new(cause));
    Error::File { path, cause }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use base64::engine::general_purpose::STANDARD_NO_PAD;

    use super::*;

    #[test]
    fn each_credential_is_a_sensitive_header() {
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
            let header = credential.header().unwrap();
            assert_eq!(header.to_str().unwrap(), expected);
            assert!(header.is_sensitive());
        }
        assert!(Credential::Bearer(Secret::new("a\nb")).header().is_err());
    }

    #[test]
    fn cloud_ids_of_every_kind_are_parsed() {
        for (name, decoded, expected) in [
            ("c:", "eu.example.co$abc$kib", "https://abc.eu.example.co/"),
            (":", "eu.example.co:9243$abc$kib", "https://abc.eu.example.co:9243/"),
            ("", "eu.example.co$abc:9244$", "https://abc.eu.example.co:9244/"),
        ] {
            for encoded in [STANDARD.encode(decoded), STANDARD_NO_PAD.encode(decoded)] {
                let url = cloud_address(&format!("{name}{encoded}")).unwrap();
                assert_eq!(url.as_str(), expected);
            }
        }
        for decoded in ["", "eu.example.co", "$abc", "a/b$c", "a@b$c", "a$b:x"] {
            let id = format!("n:{}", STANDARD.encode(decoded));
            assert!(cloud_address(&id).is_none(), "{decoded}");
        }
    }
}

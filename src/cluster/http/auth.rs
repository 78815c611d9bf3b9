//! From connection options to an HTTP client: the address, the credential it sends, the certificates it trusts.

use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use elasticsearch::cert::Certificate;
use elasticsearch::http::headers::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, ClientBuilder, Identity, redirect};
use url::Url;

use crate::cluster::http::error::{Error, Result};
use crate::util::secret::{Secret, Secrets};

/// Everything that shapes the connection.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// Where.
    pub endpoint: Endpoint,
    /// Who.
    pub credential: Option<Credential>,
    /// PEM files, added to the bundled and the system's roots.
    pub ca_certs: Vec<PathBuf>,
    /// PEM certificate and key for mutual TLS.
    pub client_identity: Option<(PathBuf, PathBuf)>,
    /// False with `--ignore-certs`.
    pub verify_certificates: bool,
    /// For one request.
    pub timeout: Duration,
    /// For the first request, with all its retries.
    pub first_contact: Duration,
    /// How often a request is retried at most.
    pub retries: u32,
    /// How long a request is retried, from its first failure on.
    pub retry_for: Duration,
    /// What is never printed, the credential among it.
    pub secrets: Secrets,
    /// Of scrolls and points in time, in Elasticsearch's notation, e.g. `5m`.
    pub keep_alive: String,
}

/// Where the cluster is.
#[derive(Clone, Debug)]
pub enum Endpoint {
    /// `https://host:9200/prefix`, without user information.
    Url(Url),
    /// An Elastic Cloud ID.
    CloudId(String),
}

/// Who asks.
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
    /// The credential in the forms in which it is typed and sent.
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

    fn header(&self) -> Result<HeaderValue> {
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
        let unsendable = |_| Error::Options("the credential has characters that cannot be sent".to_owned());
        let mut value = HeaderValue::try_from(text).map_err(unsendable)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl Endpoint {
    /// The address, its path terminated by `/`, without user, query and fragment.
    pub(crate) fn address(&self) -> Result<Url> {
        let unreadable = || Error::Options("the cloud id cannot be read: copy it whole".to_owned());
        let url = match self {
            Self::Url(url) => url.clone(),
            Self::CloudId(id) => parse_cloud_id(id).ok_or_else(unreadable)?,
        };
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            let why = "the cluster's URL must be http://… or https://…";
            return Err(Error::Options(why.to_owned()));
        }
        let mut url = without_secrets(url);
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Ok(url)
    }
}

/// The URL without what may be secret: user, query, fragment.
pub(crate) fn without_secrets(mut url: Url) -> Url {
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url
}

/// `name:base64(domain[:port]$uuid[:port]$…)`. The official client's own decoder refuses ports after the UUID, missing
/// padding and an empty name.
fn parse_cloud_id(id: &str) -> Option<Url> {
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

/// A client with the credential and the certificates of the options.
pub(crate) fn http_client(options: &ConnectOptions, address: &Url) -> Result<Client> {
    let mut builder = Client::builder();
    if let Some(credential) = &options.credential {
        builder = builder.default_headers(HeaderMap::from_iter([(AUTHORIZATION, credential.header()?)]));
    }
    if let Some((certificate, key)) = &options.client_identity {
        let pem = [&read(certificate)?[..], b"\n", &read(key)?].concat();
        builder = builder.identity(Identity::from_pem(&pem).map_err(|error| client_error(options, &error))?);
    }
    if address.scheme() == "https" {
        builder = trust_certificates(builder, options)?;
    }
    build(builder).map_err(|error| client_error(options, &error))
}

/// What every client has in common: it follows no redirect, and decompresses nothing by itself.
pub(crate) fn build(builder: ClientBuilder) -> reqwest::Result<Client> {
    builder.redirect(redirect::Policy::none()).no_gzip().build()
}

fn client_error(options: &ConnectOptions, error: &reqwest::Error) -> Error {
    // Its own text is only `builder error`.
    let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    Error::Options(match &options.client_identity {
        Some((certificate, key)) => {
            let (certificate, key) = (certificate.display(), key.display());
            format!(
                "no client can be made with {certificate} and {key}: {cause} (the key must be PEM and not encrypted)"
            )
        }
        None => format!("no client can be made: {cause}"),
    })
}

/// Which certificates the client accepts: those of the bundled roots, of the system's and of `--ca-cert`.
fn trust_certificates(builder: ClientBuilder, options: &ConnectOptions) -> Result<ClientBuilder> {
    if !options.verify_certificates {
        return Ok(builder.danger_accept_invalid_certs(true));
    }
    // A store that cannot be read takes nothing from the other roots.
    let system = rustls_native_certs::load_native_certs().certs.into_iter();
    let system = system.flat_map(|root| Certificate::from_der(&root));
    let mut roots: Vec<_> = system.flatten().collect();
    for file in &options.ca_certs {
        let error = |cause: &str| Error::Options(format!("{}: {cause}", file.display()));
        let pem = String::from_utf8(read(file)?).map_err(|_| error("this is not PEM"))?;
        // The parser only finds lines without blanks around them.
        let pem: String = pem.lines().flat_map(|line| [line.trim(), "\n"]).collect();
        roots.extend(Certificate::from_pem(pem.as_bytes()).map_err(|cause| error(&cause.to_string()))?);
    }
    Ok(roots.into_iter().fold(builder, ClientBuilder::add_root_certificate))
}

fn read(file: &Path) -> Result<Vec<u8>> {
    let why = match std::fs::read(file) {
        Ok(bytes) if !bytes.is_empty() => return Ok(bytes),
        Ok(_) => "the file is empty".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(Error::Options(format!("{}: {why}", file.display())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use base64::engine::general_purpose::STANDARD_NO_PAD;

    use super::*;

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
                let url = Endpoint::CloudId(format!("{name}{encoded}")).address().unwrap();
                assert_eq!(url.as_str(), expected);
            }
        }
        for decoded in ["", "eu.example.co", "$abc", "a/b$c", "a@b$c", "a$b:x"] {
            let id = format!("n:{}", STANDARD.encode(decoded));
            assert!(Endpoint::CloudId(id).address().is_err(), "{decoded}");
        }
    }

    #[test]
    fn an_address_has_no_user_and_a_terminated_path() {
        let address = |url| Endpoint::Url(Url::parse(url).unwrap()).address();
        assert_eq!(
            address("https://u:p@h:9200/es?x#y").unwrap().as_str(),
            "https://h:9200/es/"
        );
        assert!(address("ftp://h/").is_err());
    }
}

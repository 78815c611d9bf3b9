//! The client: who asks, and whom it trusts.

use std::error::Error as _;
use std::fmt::Write as _;
use std::path::Path as FilePath;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use elasticsearch::auth::{ClientCertificate, Credentials};
use elasticsearch::cert::{Certificate, CertificateValidation};
use elasticsearch::http::headers::{AUTHORIZATION, HeaderValue};
use elasticsearch::http::transport::{BuildError, SingleNodeConnectionPool, Transport, TransportBuilder};
use url::Url;

use crate::cluster::{ConnectOptions, Credential, Error, Result};

/// Builds the client.
pub(in crate::cluster) fn build(options: &ConnectOptions, address: &Url) -> Result<Transport> {
    let mut builder = TransportBuilder::new(SingleNodeConnectionPool::new(address.clone()));
    if let Some(credential) = &options.credential {
        // As a header, for the client has one slot for credentials and a certificate may need it.
        builder = builder.header(AUTHORIZATION, authorization(credential)?);
    }
    if let Some((certificate, key)) = &options.client_identity {
        let mut pem = read(certificate)?;
        pem.push(b'\n');
        pem.extend(read(key)?);
        builder = builder.auth(Credentials::Certificate(ClientCertificate::Pem(pem)));
    }
    if address.scheme() == "https" {
        builder = builder.cert_validation(validation(options)?);
    }
    builder.build().map_err(|error| Error::Options(why(options, &error)))
}

fn why(options: &ConnectOptions, error: &BuildError) -> String {
    let cause = match error {
        // Its own text is only `builder error`.
        BuildError::Cert(error) => error.source().map_or_else(|| error.to_string(), ToString::to_string),
        other => other.to_string(),
    };
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

fn validation(options: &ConnectOptions) -> Result<CertificateValidation> {
    if !options.verify_certificates {
        return Ok(CertificateValidation::None);
    }
    let mut roots: Option<Certificate> = None;
    let mut add = |more: Certificate| match &mut roots {
        Some(roots) => roots.append(more),
        None => roots = Some(more),
    };
    // A store that cannot be read or a root of an odd kind takes nothing from the other roots.
    for root in rustls_native_certs::load_native_certs().certs {
        if let Ok(root) = Certificate::from_pem(armour(&root).as_bytes()) {
            add(root);
        }
    }
    for file in &options.ca_certs {
        let named = |cause: &str| Error::Options(format!("{}: {cause}", file.display()));
        let pem = String::from_utf8(read(file)?).map_err(|_| named("this is not PEM"))?;
        // The client only finds lines without blanks around them.
        let pem: String = pem.lines().flat_map(|line| [line.trim(), "\n"]).collect();
        add(Certificate::from_pem(pem.as_bytes()).map_err(|error| named(&error.to_string()))?);
    }
    Ok(roots.map_or(CertificateValidation::Default, CertificateValidation::Full))
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
    use crate::secret::Secret;

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

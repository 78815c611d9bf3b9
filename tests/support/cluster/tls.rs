//! A secured port, with the certificates in `tests/fixtures/certificates`.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// The authority that signed the certificates of server and client.
pub const AUTHORITY: &str = include_str!("../../fixtures/certificates/authority.pem");
/// An authority that signed no certificate.
pub const OTHER_AUTHORITY: &str = include_str!("../../fixtures/certificates/other-authority.pem");
/// A client certificate.
pub const CLIENT: &str = include_str!("../../fixtures/certificates/client.pem");
/// The private key of all certificates.
pub const KEY: &str = include_str!("../../fixtures/certificates/key.pem");
const SERVER: &str = include_str!("../../fixtures/certificates/server.pem");
const OTHER_HOST: &str = include_str!("../../fixtures/certificates/other-host.pem");

/// A certificate that signs itself, for the host names of the server.
pub const SELF_SIGNED: &str = include_str!("../../fixtures/certificates/self-signed.pem");

/// The TLS configuration of a port.
#[derive(Clone)]
pub struct Tls(pub(super) Arc<ServerConfig>);

impl Tls {
    /// For every client that trusts the authority.
    pub fn new() -> Self {
        Self(server_config(SERVER, false))
    }

    /// With a certificate that signs itself.
    pub fn self_signed() -> Self {
        Self(server_config(SELF_SIGNED, false))
    }

    /// Only for clients with a certificate of the authority.
    pub fn with_client_certificate() -> Self {
        Self(server_config(SERVER, true))
    }

    /// With a certificate for `elsewhere.example`, which does not match `127.0.0.1`.
    pub fn for_another_host() -> Self {
        Self(server_config(OTHER_HOST, false))
    }

    /// Returns an acceptor for connections.
    pub fn acceptor(&self) -> tokio_rustls::TlsAcceptor {
        Arc::clone(&self.0).into()
    }
}

/// Parses a PEM file with a certificate.
pub fn certificate(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate")
}

/// Returns a store that trusts one authority.
pub fn trusting(authority: &str) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(certificate(authority)).expect("an authority");
    roots
}

fn server_config(pem: &str, asks_for_certificate: bool) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder
        .with_safe_default_protocol_versions()
        .expect("protocol versions");
    let builder = if asks_for_certificate {
        let roots = Arc::new(trusting(AUTHORITY));
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
        builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
    } else {
        builder.with_no_client_auth()
    };
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).expect("a key");
    let config = builder.with_single_cert(vec![certificate(pem)], key);
    Arc::new(config.expect("certificate and key that match"))
}

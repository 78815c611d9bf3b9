//! Certificates made for one test: an authority, a server, a client.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;

/// A secured port: who signed it, and what a client needs to get in. All texts are PEM.
#[derive(Clone)]
pub struct Tls {
    pub ca_pem: String,
    pub client_certificate_pem: String,
    pub client_key_pem: String,
    pub(super) config: Arc<ServerConfig>,
}

impl Tls {
    /// Everybody who trusts the authority may come.
    pub fn new() -> Self {
        Self::made(&["localhost", "127.0.0.1"], false)
    }

    /// Only clients with a certificate of the authority.
    pub fn with_client_certificate() -> Self {
        Self::made(&["localhost", "127.0.0.1"], true)
    }

    /// A server that is called something else: its certificate does not fit `127.0.0.1`.
    pub fn for_another_host() -> Self {
        Self::made(&["elsewhere.example"], false)
    }

    /// Takes connections that are secured so.
    pub fn acceptor(&self) -> tokio_rustls::TlsAcceptor {
        Arc::clone(&self.config).into()
    }

    fn made(names: &[&str], client_certificate: bool) -> Self {
        let ca_key = KeyPair::generate().expect("a key");
        let mut ca = CertificateParams::new(Vec::new()).expect("parameters");
        ca.distinguished_name.push(DnType::CommonName, "stand-in authority");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let ca_pem = ca.self_signed(&ca_key).expect("the authority's certificate").pem();
        let issuer = Issuer::new(ca, ca_key);
        let (server_pem, server_key) = leaf(names, ExtendedKeyUsagePurpose::ServerAuth, &issuer);
        let (client_certificate_pem, client_key_pem) =
            leaf(&["stand-in-client"], ExtendedKeyUsagePurpose::ClientAuth, &issuer);
        let config = server_config(&server_pem, &server_key, client_certificate.then_some(ca_pem.as_str()));
        Self {
            ca_pem,
            client_certificate_pem,
            client_key_pem,
            config: Arc::new(config),
        }
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self::new()
    }
}

fn leaf(names: &[&str], purpose: ExtendedKeyUsagePurpose, issuer: &Issuer<'_, KeyPair>) -> (String, String) {
    let key = KeyPair::generate().expect("a key");
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names.clone()).expect("parameters");
    params.distinguished_name.push(DnType::CommonName, names[0].as_str());
    params.extended_key_usages = vec![purpose];
    params.use_authority_key_identifier_extension = true;
    (
        params.signed_by(&key, issuer).expect("a certificate").pem(),
        key.serialize_pem(),
    )
}

fn server_config(certificate: &str, key: &str, clients_of: Option<&str>) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder
        .with_safe_default_protocol_versions()
        .expect("protocol versions");
    let builder = match clients_of {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            roots
                .add(CertificateDer::from_pem_slice(ca.as_bytes()).expect("PEM"))
                .expect("an authority");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        }
    };
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).expect("PEM");
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("PEM");
    builder
        .with_single_cert(vec![certificate], key)
        .expect("certificate and key that fit")
}

//! TLS: who trusts the authority gets in, and with its certificate where one is asked for.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::support::cluster::documents::InMemory;
use crate::support::cluster::stand_in::{StandIn, StandInOptions};
use crate::support::cluster::tls::Tls;

fn ask(tls: &Tls, stand_in: &StandIn, with_certificate: bool) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(tls.ca_pem.as_bytes()).unwrap())
        .unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = if with_certificate {
        let certificate = CertificateDer::from_pem_slice(tls.client_certificate_pem.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(tls.client_key_pem.as_bytes()).unwrap();
        builder.with_client_auth_cert(vec![certificate], key).unwrap()
    } else {
        builder.with_no_client_auth()
    };
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(stand_in.url().trim_start_matches("https://"))?;
    let mut stream = StreamOwned::new(connection, stream);
    stream.write_all(b"GET /_cluster/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer)?;
    Ok(String::from_utf8(answer).unwrap())
}

fn started(tls: &Tls) -> StandIn {
    let mut options = StandInOptions::new(Arc::new(InMemory::new()));
    options.tls = Some(tls.clone());
    StandIn::start(options)
}

#[test]
fn serves_over_tls() {
    let tls = Tls::new();
    let stand_in = started(&tls);
    assert_eq!(ask(&tls, &stand_in, false).unwrap(), "HTTP/1.1 200");
    assert!(ask(&Tls::new(), &stand_in, false).is_err(), "another authority");
}

#[test]
fn asks_for_a_client_certificate() {
    let tls = Tls::with_client_certificate();
    let stand_in = started(&tls);
    assert!(ask(&tls, &stand_in, false).is_err());
    assert_eq!(ask(&tls, &stand_in, true).unwrap(), "HTTP/1.1 200");
}

#[test]
fn serves_a_certificate_of_another_host() {
    let tls = Tls::for_another_host();
    assert!(ask(&tls, &started(&tls), false).is_err());
}

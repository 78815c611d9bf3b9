//! TLS: clients that trust the authority can connect, with a client certificate if one is required.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::support::cluster::documents::InMemory;
use crate::support::cluster::stand_in::{StandIn, StandInOptions};
use crate::support::cluster::tls::{AUTHORITY, CLIENT, KEY, OTHER_AUTHORITY, Tls, certificate, trusting};

fn get_over_tls(authority: &str, stand_in: &StandIn, with_certificate: bool) -> std::io::Result<String> {
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(trusting(authority));
    let config = if with_certificate {
        let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
        builder.with_client_auth_cert(vec![certificate(CLIENT)], key).unwrap()
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

fn started(tls: Tls) -> StandIn {
    let mut options = StandInOptions::new(Arc::new(InMemory::new()));
    options.tls = Some(tls);
    StandIn::start(options)
}

#[test]
fn serves_over_tls() {
    let stand_in = started(Tls::new());
    assert_eq!(get_over_tls(AUTHORITY, &stand_in, false).unwrap(), "HTTP/1.1 200");
    assert!(get_over_tls(OTHER_AUTHORITY, &stand_in, false).is_err());
}

#[test]
fn asks_for_a_client_certificate() {
    let stand_in = started(Tls::with_client_certificate());
    assert!(get_over_tls(AUTHORITY, &stand_in, false).is_err());
    assert_eq!(get_over_tls(AUTHORITY, &stand_in, true).unwrap(), "HTTP/1.1 200");
}

#[test]
fn serves_a_certificate_of_another_host() {
    assert!(get_over_tls(AUTHORITY, &started(Tls::for_another_host()), false).is_err());
}

//! Neither the credential nor the body of a request is sent to the target of a redirect.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{JOB, auth, cluster_with, dry_run};
use crate::support::binary::Binary;
use crate::support::cluster::Answer;
use crate::support::cluster::documents::InMemory;
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::cluster::stand_in::{StandIn, StandInOptions};
use crate::support::cluster::tls::{AUTHORITY, Tls};

const KEY: [&str; 2] = ["--api-key", "key-id:key-s3cr3t"];

/// A server for HTTPS and HTTP on one port that redirects from HTTPS to HTTP. Returns the port, and what is sent
/// to it without encryption.
fn downgrading_server(runtime: &tokio::runtime::Runtime, tls: &Tls) -> (u16, Arc<Mutex<String>>) {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (clear, acceptor) = (Arc::new(Mutex::new(String::new())), tls.acceptor());
    let noted = Arc::clone(&clear);
    runtime.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (mut first, mut buffer) = ([0], [0; 4096]);
            if stream.peek(&mut first).await.is_err() {
                continue;
            }
            // 0x16 is the first byte of a TLS handshake.
            if first[0] != 0x16 {
                let read = stream.read(&mut buffer).await.unwrap_or(0);
                noted
                    .lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&buffer[..read]));
                continue;
            }
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let _ = stream.read(&mut buffer).await;
            let head = format!("HTTP/1.1 307 X\r\nlocation: http://127.0.0.1:{port}/\r\ncontent-length: 0\r\n\r\n");
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (port, clear)
}

#[test]
fn redirect_from_https_to_http_sends_nothing_in_clear_text() {
    let (runtime, tls, binary) = (tokio::runtime::Runtime::new().unwrap(), Tls::new(), Binary::new());
    std::fs::write(binary.path("ca.pem"), AUTHORITY).unwrap();
    let (port, clear) = downgrading_server(&runtime, &tls);
    let url = format!("https://127.0.0.1:{port}");
    let run = dry_run(&binary, &url, &[&KEY[..], &["--ca-cert", "ca.pem"]].concat()).expect(1);
    run.expect_stderr(&format!("redirects to http://127.0.0.1:{port}/"));
    assert_eq!(*clear.lock().unwrap(), "");
}

#[test]
fn redirect_to_another_host_sends_it_no_body() {
    for status in [301, 302, 303, 307, 308] {
        let cluster = cluster_with(|options| options.auth = Some(auth()));
        let other = StandIn::start(StandInOptions::new(Arc::new(InMemory::new())));
        let to = |place: String| Action::Answer(Answer::of(status, "text/plain", "").with_header("location", &place));
        let path = "/.ml-annotations-read/_count";
        let there = to(format!("{}{path}", other.url()));
        cluster.stand_in.faults().add(FaultRule::on("POST", path).then(there));
        let back = to(format!("{}{path}", cluster.stand_in.url()));
        other.faults().add(FaultRule::on("*", path).always().then(back));
        let run = dry_run(&Binary::new(), &cluster.stand_in.url(), &KEY).expect(1);
        run.expect_stderr(&format!("POST {path}")).expect_stderr("redirects to");
        assert!(other.requests().is_empty(), "{status}: {:?}", other.requests());
    }
}

#[test]
fn a_redirect_is_refused_without_a_request_to_the_other_host() {
    let cluster = cluster_with(|options| options.auth = Some(auth()));
    let other = StandIn::start(StandInOptions::new(Arc::new(InMemory::new())));
    let away = FaultRule::on("GET", "/").always().then(Action::redirect(&other.url()));
    cluster.stand_in.faults().add(away);
    let run = dry_run(&Binary::new(), &cluster.stand_in.url(), &KEY).expect(1);
    run.expect_stderr("redirects to").expect_stderr(&other.url());
    assert!(other.requests().is_empty());
    let export = ["export", "--job-id", JOB, "--yes", "--url", &cluster.stand_in.url()];
    Binary::new().run(export).expect(1).expect_stderr("redirects to");
}

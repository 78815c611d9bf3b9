//! Environment variables: the address, the Cloud ID, the certificate authority, and a user with a password from another source.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use super::{JOB, assert_no_secret, auth, cluster_with};
use crate::support::binary::{Binary, Run};
use crate::support::cluster::tls::{AUTHORITY, Tls};

/// Only the environment contains the address of the cluster.
fn dry_run(binary: &Binary, more: &[&str]) -> Run {
    binary.run([&["export", "--job-id", JOB, "--dry-run"], more].concat())
}

/// A proxy that forwards every connection to one address, and records the requested ones.
fn proxy(to: &Url) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let port = to.port().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let noted = Arc::clone(&noted);
            thread::spawn(move || tunnel(client, port, &noted));
        }
    });
    (address, asked)
}

fn tunnel(mut client: TcpStream, port: u16, asked: &Mutex<Vec<String>>) {
    let mut head = BufReader::new(client.try_clone().unwrap());
    let mut lines = Vec::new();
    while lines.last().is_none_or(|line| line != "\r\n") {
        let mut line = String::new();
        if head.read_line(&mut line).unwrap() == 0 {
            return;
        }
        lines.push(line);
    }
    asked.lock().unwrap().push(lines[0].trim_end().to_owned());
    let mut server = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut answers = server.try_clone().unwrap();
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
    thread::spawn(move || {
        let _ = std::io::copy(&mut answers, &mut client);
        let _ = client.shutdown(Shutdown::Both);
    });
    let _ = std::io::copy(&mut head, &mut server);
    let _ = server.shutdown(Shutdown::Both);
}

#[test]
fn url_option_overrides_the_environment() {
    let cluster = cluster_with(|_| {});
    let url = cluster.stand_in.url();
    let there = Binary::new().with_env("ELASTICSEARCH_URL", &url);
    dry_run(&there, &["-v"])
        .expect(0)
        .expect_stderr(&format!("connected to {url}"));
    let nowhere = Binary::new().with_env("ELASTICSEARCH_URL", "http://127.0.0.1:1");
    dry_run(&nowhere, &["--retries", "0"])
        .expect(1)
        .expect_stderr("cannot connect to http://127.0.0.1:1/");
    dry_run(&nowhere, &["--url", &url]).expect(0);
}

#[test]
fn certificate_authority_of_the_environment_is_trusted() {
    let tls = Tls::new();
    let cluster = cluster_with(|options| options.tls = Some(tls.clone()));
    let url = cluster.stand_in.url();
    let binary = Binary::new().with_env("ELASTICSEARCH_URL", &url);
    std::fs::write(binary.path("ca.pem"), AUTHORITY).unwrap();
    dry_run(&binary, &["--retries", "0"])
        .expect(1)
        .expect_stderr("--ca-cert");
    dry_run(&binary.with_env("ELASTICSEARCH_CA_CERT", "ca.pem"), &[]).expect(0);
}

#[test]
fn cloud_id_of_the_environment_selects_the_cluster() {
    // The certificate is for the host of this Cloud ID.
    let id = format!("deployment:{}", STANDARD.encode("example$elsewhere$kibana"));
    let tls = Tls::for_another_host();
    let cluster = cluster_with(|options| options.tls = Some(tls.clone()));
    for (variable, options) in [(Some(id.as_str()), &[][..]), (None, &["--cloud-id", &id])] {
        let (proxy, asked) = proxy(&Url::parse(&cluster.stand_in.url()).unwrap());
        let mut binary = Binary::new().with_env("HTTPS_PROXY", &proxy);
        if let Some(id) = variable {
            binary = binary.with_env("ELASTICSEARCH_CLOUD_ID", id);
        }
        std::fs::write(binary.path("ca.pem"), AUTHORITY).unwrap();
        let run = dry_run(&binary, &[&["-v", "--ca-cert", "ca.pem"], options].concat()).expect(0);
        run.expect_stderr("connected to https://elsewhere.example/");
        let asked = asked.lock().unwrap();
        assert!(
            !asked.is_empty()
                && asked
                    .iter()
                    .all(|line| line == "CONNECT elsewhere.example:443 HTTP/1.1")
        );
    }
    let both = Binary::new()
        .with_env("ELASTICSEARCH_CLOUD_ID", &id)
        .with_env("ELASTICSEARCH_URL", &cluster.stand_in.url());
    dry_run(&both, &[])
        .expect(2)
        .expect_stderr("ELASTICSEARCH_CLOUD_ID cannot be used with ELASTICSEARCH_URL");
}

#[test]
fn user_in_a_url_accepts_a_password_from_any_source() {
    let cluster = cluster_with(|options| options.auth = Some(auth()));
    let url = cluster.stand_in.url();
    let user = url.replace("http://", "http://ada@");
    let (typed, password) = (["--url", &user], ("ELASTICSEARCH_PASSWORD", "p@ss:w/rd"));
    for (environment, more) in [
        (vec![], &["--password", "p@ss:w/rd"][..]),
        (vec![], &["--password-file", "password"]),
        (vec![password], &[]),
    ] {
        for from in ["--url", "ELASTICSEARCH_URL"] {
            let mut environment = environment.clone();
            let mut options = more.to_vec();
            match from {
                "--url" => options.extend(typed),
                variable => environment.push((variable, &user)),
            }
            let binary = environment
                .iter()
                .fold(Binary::new(), |binary, (name, value)| binary.with_env(name, value));
            std::fs::write(binary.path("password"), "p@ss:w/rd\n").unwrap();
            assert_no_secret(&dry_run(&binary, &[&options[..], &["-vv"]].concat()).expect(0));
        }
    }
}

#[test]
fn setting_that_contradicts_the_url_is_named() {
    let with = |user: &str, more: &[&str]| {
        let url = format!("http://{user}@127.0.0.1:1");
        let binary = Binary::new();
        std::fs::write(binary.path("password"), "p@ss:w/rd\n").unwrap();
        let run = dry_run(&binary, &[more, &["--url", &url]].concat()).expect(2);
        assert_no_secret(&run);
        run
    };
    with("ada:p%40ss", &["--password", "p@ss:w/rd"])
        .expect_stderr("the credential in --url cannot be used with --password:");
    with("ada:p%40ss", &["--password-file", "password"])
        .expect_stderr("the credential in --url cannot be used with --password-file:");
    with("ada", &["--username", "ada"]).expect_stderr("the credential in --url cannot be used with --username:");
    with("ada", &["--password", "p@ss:w/rd", "--api-key", "a:b"])
        .expect_stderr("the credential in --url cannot be used with --api-key:");
}

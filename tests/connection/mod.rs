//! Connecting to a cluster: credentials, certificates, accepted servers, and errors without secrets.

pub mod bounded;
mod echo;
mod environment;
mod profiles;
#[cfg(unix)]
mod prompt;
mod redirects;
mod retries;

use std::io::Write as _;
use std::process::Stdio;
use std::sync::Arc;

use serde_json::json;

use crate::support::binary::{Binary, Run};
use crate::support::cluster::auth::Auth;
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::cluster::ml::{MlApi, MlOptions, MlVersion};
use crate::support::cluster::real::documents_for_tests;
use crate::support::cluster::stand_in::{StandIn, StandInOptions};
use crate::support::cluster::tls::{AUTHORITY, CLIENT, KEY, OTHER_AUTHORITY, Tls};
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

const JOB: &str = "log-categories";

fn version() -> MlVersion {
    MlVersion::new(9, 2, 0)
}

fn cluster_with(change: impl FnOnce(&mut StandInOptions)) -> TestCluster {
    let (documents, ml) = (documents_for_tests(), MlApi::new(MlOptions::new(version())));
    let mut options = StandInOptions::new(documents.clone());
    options.api = Some(Arc::new(ml.clone()));
    change(&mut options);
    let stand_in = StandIn::start(options);
    let cluster = TestCluster {
        ml,
        documents,
        stand_in,
    };
    cluster.seed(&Fixture::load(JOB).with_small_state());
    cluster
}

fn dry_run(binary: &Binary, url: &str, more: &[&str]) -> Run {
    let mut args = vec!["export", "--job-id", JOB, "--dry-run", "--url", url];
    args.extend(more);
    binary.run(args)
}

fn auth() -> Auth {
    Auth::new()
        .basic("ada", "p@ss:w/rd")
        .api_key("key-id", "key-s3cr3t")
        .bearer("t0ken-s3cr3t")
}

#[test]
fn versions_before_7_10_are_refused_and_before_7_17_cause_a_warning() {
    let run = |version: MlVersion| {
        let cluster = TestCluster::seeded(version, &Fixture::load(JOB).min_version("7.9.0"));
        let url = cluster.stand_in.url();
        let run = dry_run(&Binary::new(), &url, &[]);
        (run, cluster.stand_in.requests().len())
    };
    for (major, minor, patch) in [(6, 8, 23), (7, 9, 3), (10, 0, 0)] {
        let (run, requests) = run(MlVersion::new(major, minor, patch));
        let run = run.expect(1);
        run.expect_stderr(&format!(
            "runs Elasticsearch {major}.{minor}.{patch}; esml-state supports 7.17, 8.x and 9.x"
        ));
        assert!(!run.stderr.contains("--url"), "{}", run.stderr);
        assert_eq!(requests, 1);
    }
    for (major, minor, patch) in [(7, 10, 0), (7, 10, 2), (7, 16, 3)] {
        let run = run(MlVersion::new(major, minor, patch)).0.expect(0);
        run.expect_stderr(&format!(
            "warning: esml-state is untested with Elasticsearch {major}.{minor}.{patch}"
        ));
    }
    for (major, minor, patch) in [(7, 17, 0), (8, 0, 0), (9, 2, 0)] {
        let run = run(MlVersion::new(major, minor, patch)).0.expect(0);
        assert!(!run.stderr.contains("untested"), "{}", run.stderr);
    }
    run(MlVersion::recorded()).0.expect(0);
}

#[test]
fn path_prefix_of_the_url_is_kept() {
    let cluster = cluster_with(|options| options.prefix = "/es/one".to_owned());
    let url = cluster.stand_in.url();
    for path in ["/es/one", "/es/one/"] {
        dry_run(&Binary::new(), &format!("{url}{path}"), &[]).expect(0);
    }
    dry_run(&Binary::new(), &url, &[])
        .expect(1)
        .expect_stderr("404")
        .expect_stderr("check --url");
}

#[test]
fn every_credential_source_works_and_is_never_printed() {
    let cluster = cluster_with(|options| options.auth = Some(auth()));
    let url = cluster.stand_in.url();
    let with_user = url.replace("http://", "http://ada:p%40ss%3Aw%2Frd@");
    let file = Binary::new();
    std::fs::write(file.path("password"), "p@ss:w/rd\n").unwrap();
    let set = |name: &str, value: &str| Binary::new().with_env(name, value);
    for (binary, url, args) in [
        (Binary::new(), &with_user, &[][..]),
        (Binary::new(), &url, &["--username", "ada", "--password", "p@ss:w/rd"]),
        (Binary::new(), &url, &["-u", "ada:p@ss:w/rd"]),
        (set("ELASTICSEARCH_API_KEY", "other:other"), &url, &["-uada:p@ss:w/rd"]),
        (file, &url, &["--username", "ada", "--password-file", "password"]),
        (Binary::new(), &url, &["--api-key", "key-id:key-s3cr3t"]),
        (Binary::new(), &url, &["--api-key", "a2V5LWlkOmtleS1zM2NyM3Q="]),
        (Binary::new(), &url, &["--bearer-token", "t0ken-s3cr3t"]),
        (set("ELASTICSEARCH_API_KEY", "key-id:key-s3cr3t"), &url, &[]),
        (set("ELASTICSEARCH_BEARER_TOKEN", "t0ken-s3cr3t"), &url, &[]),
        (
            set("ELASTICSEARCH_USERNAME", "ada").with_env("ELASTICSEARCH_PASSWORD", "p@ss:w/rd"),
            &url,
            &[],
        ),
    ] {
        for more in [&["-vv"][..], &["-vv", "--json", "--snapshot-id", "42"]] {
            let all: Vec<&str> = args.iter().chain(more).copied().collect();
            let run = dry_run(&binary, url, &all).expect(i32::from(more.len() > 1));
            assert_no_secret(&run);
        }
    }
}

#[test]
fn password_is_read_from_a_pipe() {
    let cluster = cluster_with(|options| options.auth = Some(auth()));
    let url = cluster.stand_in.url();
    let with = |typed: &[u8]| {
        let binary = Binary::new();
        let args = [
            "export",
            "--job-id",
            JOB,
            "--dry-run",
            "--url",
            &url,
            "--username",
            "ada",
            "--password-file",
            "-",
        ];
        let mut child = binary.command(args).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(typed).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for typed in [&b"p@ss:w/rd"[..], b"p@ss:w/rd\n", b"p@ss:w/rd\r\n"] {
        assert_eq!(with(typed).0, Some(0), "{typed:?}");
    }
    let (code, stderr) = with(b"p@ss-other\n");
    assert_eq!(code, Some(1));
    assert!(
        stderr.contains("does not accept the credentials") && !stderr.contains("p@ss"),
        "{stderr}"
    );
    assert_eq!(with(b"").0, Some(2), "no password");
}

#[track_caller]
fn assert_no_secret(run: &Run) {
    for secret in ["p@ss", "p%40ss", "key-s3cr3t", "t0ken-s3cr3t", "a2V5LWlk", "YWRhOn"] {
        let stderr = format!("{}{}", run.stdout, run.stderr);
        assert!(!stderr.contains(secret), "{secret}: {stderr}");
    }
}

#[test]
fn wrong_credentials_are_reported_without_printing_them() {
    let cluster = cluster_with(|options| options.auth = Some(Auth::new().basic("ada", "other")));
    for args in [
        &["--username", "ada", "--password", "p@ss:w/rd"][..],
        &["--username", "ada:p@ss:w/rd"],
        &["--api-key", "key-id:key-s3cr3t"],
        &["--bearer-token", "t0ken-s3cr3t"],
        &[],
    ] {
        for more in [&["-vv"][..], &["-vv", "--json"]] {
            let all: Vec<&str> = args.iter().chain(more).copied().collect();
            let run = dry_run(&Binary::new(), &cluster.stand_in.url(), &all).expect(1);
            let expected = match args {
                [] => "requires credentials: missing authentication credentials",
                ["--api-key", _] => "does not accept the API key: missing authentication",
                ["--bearer-token", _] => "does not accept the bearer token: ",
                _ => "does not accept the credentials: unable to authenticate",
            };
            run.expect_stderr(expected);
            assert_no_secret(&run);
        }
    }
}

#[test]
fn two_credentials_are_a_usage_error_without_requests() {
    let cluster = cluster_with(|_| {});
    let url = cluster.stand_in.url();
    for args in [
        &["--username", "a", "--password", "b", "--api-key", "c:d"][..],
        &["--api-key", "c:d", "--bearer-token", "e"],
        &["--password", "b"],
        &["--username", "a"],
        &["-u", "a:b", "--password", "c"],
        &["-u", "a:b", "--password-file", "-"],
        &["-u", ":b"],
        &["--cloud-id", "x:eA"],
        &["--client-cert", "a.pem"],
    ] {
        dry_run(&Binary::new(), &url, args).expect(2);
    }
    assert!(cluster.stand_in.requests().is_empty());
}

#[test]
fn certificates_are_verified_by_default() {
    let tls = Tls::new();
    let cluster = cluster_with(|options| options.tls = Some(tls.clone()));
    let url = cluster.stand_in.url();
    let binary = Binary::new();
    std::fs::write(binary.path("ca.pem"), format!("{OTHER_AUTHORITY}\n{AUTHORITY}")).unwrap();
    dry_run(&binary, &url, &[])
        .expect(1)
        .expect_stderr("is not trusted: unknown issuer")
        .expect_stderr("--ca-cert http_ca.crt");
    assert!(cluster.stand_in.requests().is_empty());
    dry_run(&binary, &url, &["--ca-cert", "ca.pem"]).expect(0);
    for option in ["--ignore-certs", "-k"] {
        let run = dry_run(&binary, &url, &[option]).expect(0);
        assert_eq!(run.stderr.matches("warning:").count(), 1, "{}", run.stderr);
    }
    let roots = Binary::new();
    std::fs::write(roots.path("roots.pem"), AUTHORITY).unwrap();
    let file = roots.path("roots.pem").display().to_string();
    dry_run(&roots.with_env("SSL_CERT_FILE", &file), &url, &[]).expect(0);
}

#[test]
fn certificate_of_another_host_is_refused() {
    let tls = Tls::for_another_host();
    let cluster = cluster_with(|options| options.tls = Some(tls.clone()));
    let binary = Binary::new();
    std::fs::write(binary.path("ca.pem"), AUTHORITY).unwrap();
    dry_run(&binary, &cluster.stand_in.url(), &["--ca-cert", "ca.pem"])
        .expect(1)
        .expect_stderr("is for another host name: elsewhere.example\n");
}

#[test]
fn options_for_https_cause_a_warning_with_an_http_address() {
    let cluster = cluster_with(|_| {});
    let url = cluster.stand_in.url();
    let args = [
        "-k",
        "--ca-cert",
        "a",
        "--client-cert",
        "client.pem",
        "--client-key",
        "key.pem",
    ];
    let binary = Binary::new().with_env("ELASTICSEARCH_CA_CERT", "b");
    for (name, pem) in [("client.pem", CLIENT), ("key.pem", KEY)] {
        std::fs::write(binary.path(name), pem).unwrap();
    }
    let run = dry_run(&binary, &url, &args).expect(0);
    let warnings: Vec<&str> = run
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("warning: "))
        .collect();
    let expected = ["--ca-cert", "--client-cert", "--ignore-certs"];
    let expected = expected.map(|option| format!("{option} has no effect: the address starts with http://"));
    assert_eq!(warnings, expected);
    let run = dry_run(&binary, &url, &[]).expect(0);
    assert!(!run.stderr.contains("warning:"), "{}", run.stderr);
}

#[test]
fn credential_is_not_sent_to_find_out_whether_a_server_requires_tls() {
    let cluster = cluster_with(|options| options.tls = Some(Tls::new()));
    let url = cluster.stand_in.url().replacen("https", "http", 1);
    dry_run(&Binary::new(), &url, &["--api-key", "key-id:key-s3cr3t"])
        .expect(1)
        .expect_stderr("requires TLS");
    let requests = format!("{:?}", cluster.stand_in.requests());
    assert!(
        requests.contains("GET") && !requests.to_lowercase().contains("authorization"),
        "{requests}"
    );
}

#[test]
fn wrong_scheme_is_reported_with_the_address_that_works() {
    let (plain, secured) = (
        cluster_with(|_| {}),
        cluster_with(|options| options.tls = Some(Tls::new())),
    );
    for (cluster, scheme, wrong, why) in [
        (plain, "http", "https", "the server does not use TLS"),
        (secured, "https", "http", "the server requires TLS"),
    ] {
        let url = cluster.stand_in.url();
        let wrong = url.replacen(scheme, wrong, 1);
        let run = dry_run(&Binary::new(), &wrong, &[]).expect(1);
        assert_eq!(
            run.stderr,
            format!("error: cannot connect to {wrong}/: {why}\nhint: use {scheme}:// in the address: `--url {url}/`\n")
        );
    }
}

#[test]
fn client_certificate_is_accepted() {
    let tls = Tls::with_client_certificate();
    let cluster = cluster_with(|options| options.tls = Some(tls.clone()));
    let binary = Binary::new();
    for (name, pem) in [("ca.pem", AUTHORITY), ("client.pem", CLIENT), ("key.pem", KEY)] {
        std::fs::write(binary.path(name), pem).unwrap();
    }
    let url = cluster.stand_in.url();
    let with = [
        "--ca-cert",
        "ca.pem",
        "--client-cert",
        "client.pem",
        "--client-key",
        "key.pem",
    ];
    dry_run(&binary, &url, &with).expect(0);
    dry_run(&binary, &url, &[&with[..2], &["--retries", "0"]].concat()).expect(1);
}

#[test]
fn busy_cluster_is_retried_and_upgrade_mode_is_not() {
    let cluster = cluster_with(|_| {});
    let (url, faults) = (cluster.stand_in.url(), cluster.stand_in.faults());
    faults.add(
        FaultRule::on("POST", ".ml-annotations-read/_count")
            .times(2)
            .then(Action::too_many_requests(0)),
    );
    faults.add(FaultRule::on("GET", "/_ml").then(Action::status(503, "{}")));
    dry_run(&Binary::new(), &url, &[])
        .expect(0)
        .expect_stderr("(attempt 3)");
    assert_eq!(faults.fired(), [2, 1]);
    faults.clear();
    faults.add(
        FaultRule::on("POST", ".ml-annotations-read/_count")
            .always()
            .then(Action::too_many_requests(0)),
    );
    dry_run(&Binary::new(), &url, &["--retries", "2"])
        .expect(1)
        .expect_stderr("--retry-for");
    assert_eq!(faults.fired(), [3]);
    faults.clear();
    let mode = json!({"error": {"type": "status_exception",
        "reason": "Cannot perform x action while upgrade mode is enabled"}, "status": 429});
    faults.add(
        FaultRule::on("GET", "/_ml")
            .always()
            .then(Action::status(429, mode.to_string())),
    );
    dry_run(&Binary::new(), &url, &[])
        .expect(1)
        .expect_stderr("upgrade mode");
    assert_eq!(faults.fired(), [1]);
}

#[test]
fn servers_other_than_elasticsearch_are_named() {
    let cluster = cluster_with(|_| {});
    let (url, faults) = (cluster.stand_in.url(), cluster.stand_in.faults());
    let root = |number: &str| json!({"name": "n", "cluster_name": "c", "version": {"number": number}, "tagline": "You Know, for Search"});
    let mut opensearch = root("2.11.0");
    opensearch["version"]["distribution"] = json!("opensearch");
    for (action, named) in [
        (Action::status(200, opensearch.to_string()), "OpenSearch 2.11.0"),
        (Action::status(200, root("6.8.23").to_string()), "Elasticsearch 6.8.23"),
        (Action::status(200, root("10.0.0").to_string()), "Elasticsearch 10.0.0"),
        (Action::status(200, "{}"), "other JSON"),
        (Action::html(200), "it returned an HTML page instead of JSON"),
    ] {
        faults.clear();
        faults.add(FaultRule::when(|_| true).then(action));
        dry_run(&Binary::new(), &url, &[]).expect(1).expect_stderr(named);
    }
}

#[test]
fn closed_port_is_reported_and_proxy_is_used() {
    let cluster = cluster_with(|_| {});
    let url = cluster.stand_in.url();
    let run = dry_run(&Binary::new(), "http://127.0.0.1:1", &["--retries", "1"]).expect(1);
    run.expect_stderr("cannot connect to http://127.0.0.1:1/")
        .expect_stderr("--url");
    let proxied = || Binary::new().with_env("HTTP_PROXY", "http://127.0.0.1:1");
    dry_run(&proxied(), &url, &["--retries", "0"]).expect(1);
    dry_run(&proxied().with_env("NO_PROXY", "127.0.0.1"), &url, &[]).expect(0);
}

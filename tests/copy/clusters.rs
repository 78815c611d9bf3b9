//! The source and the target: profiles and URLs, their credentials, and what happens if one of them cannot be reached.

use super::{JOB, clusters, copy};
use crate::support::binary::{Binary, Run};
use crate::support::cluster::auth::Auth;
use crate::support::cluster::documents::InMemory;
use crate::support::cluster::ml::{MlApi, MlOptions, MlVersion};
use crate::support::cluster::stand_in::{StandIn, StandInOptions};
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;
use std::sync::Arc;

/// A cluster that accepts only this API key, with a job or without one.
fn secured(key: &str, job: Option<&Fixture>) -> TestCluster {
    let mut options = MlOptions::new(MlVersion::new(9, 2, 0));
    options.cluster_uuid = key.replace("s3cr3t", "cluster");
    let (ml, documents) = (MlApi::new(options), Arc::new(InMemory::new()));
    let mut options = StandInOptions::new(documents.clone());
    options.api = Some(Arc::new(ml.clone()));
    options.auth = Some(Auth::new().api_key("id", key).basic("ada", key));
    let stand_in = StandIn::start(options);
    let cluster = TestCluster {
        ml,
        documents,
        stand_in,
    };
    job.into_iter().for_each(|job| cluster.seed(job));
    cluster
}

/// Two clusters with different credentials.
fn secured_pair() -> (TestCluster, TestCluster) {
    let job = Fixture::load(JOB).with_small_state().without_inputs();
    (secured("source-s3cr3t", Some(&job)), secured("target-s3cr3t", None))
}

/// Checks that a cluster received only its own credential.
#[track_caller]
fn assert_only_credential(cluster: &TestCluster, expected: &str) {
    let requests = cluster.stand_in.requests();
    assert!(!requests.is_empty());
    for request in requests {
        let sent = request
            .headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        assert_eq!(
            sent.map(|(_, value)| value.as_str()),
            Some(expected),
            "{}",
            request.path
        );
    }
}

fn assert_no_secret(run: &Run) {
    assert!(
        !format!("{}{}", run.stdout, run.stderr).contains("s3cr3t"),
        "{}",
        run.stderr
    );
}

const SOURCE_KEY: &str = "ApiKey aWQ6c291cmNlLXMzY3IzdA==";
const TARGET_KEY: &str = "ApiKey aWQ6dGFyZ2V0LXMzY3IzdA==";

#[test]
fn each_cluster_receives_only_the_credential_of_its_profile() {
    let (source, target) = secured_pair();
    let binary = Binary::new();
    let folder = binary.path("config/esml-state");
    std::fs::create_dir_all(&folder).unwrap();
    let profile = |name: &str, cluster: &TestCluster, key: &str| {
        let url = cluster.stand_in.url();
        format!("[profiles.{name}]\nurl = '{url}'\napi_key_env = '{key}'\n")
    };
    let text = profile("production", &source, "SOURCE") + &profile("test", &target, "TARGET");
    std::fs::write(folder.join("config.toml"), text).unwrap();
    let config = binary.path("config");
    let binary = binary
        .with_env(
            if cfg!(windows) { "APPDATA" } else { "XDG_CONFIG_HOME" },
            config.to_str().unwrap(),
        )
        .with_env("SOURCE", "id:source-s3cr3t")
        .with_env("TARGET", "id:target-s3cr3t")
        .with_env("ELASTICSEARCH_API_KEY", "id:other-s3cr3t")
        .with_env("ESML_PROFILE", "none");
    let run = binary
        .run(["copy", JOB, "--from", "production", "--to", "test", "--yes", "-vv"])
        .expect(0);
    assert_eq!(run.stdout, format!("{JOB}\n"));
    assert_no_secret(&run);
    assert_only_credential(&source, SOURCE_KEY);
    assert_only_credential(&target, TARGET_KEY);

    binary
        .run(["copy", JOB, "--from", "production", "--to", "tst", "--yes"])
        .expect(2)
        .expect_stderr("profile tst does not exist in ");
    let again = [
        "copy",
        JOB,
        "--profile",
        "production",
        "--to",
        "test",
        "--replace",
        "--yes",
    ];
    binary.run(again).expect(0);
    assert_only_credential(&target, TARGET_KEY);
}

#[test]
fn credential_of_the_source_is_not_sent_to_a_url() {
    let (source, target) = secured_pair();
    let (from, to) = (source.stand_in.url(), target.stand_in.url());
    let to_user = to.replace("http://", "http://ada:target-s3cr3t@");
    let environment = Binary::new().with_env("ELASTICSEARCH_API_KEY", "id:source-s3cr3t");
    let given = ["--url", &from, "--api-key", "id:source-s3cr3t"];
    for (binary, source_options) in [(&environment, &given[..2]), (&Binary::new(), &given)] {
        let args = [
            &["copy", JOB, "--yes", "-vv", "--to"],
            &[to.as_str()][..],
            source_options,
        ]
        .concat();
        let refused = binary.run(args).expect(1);
        refused.expect_stderr("requires credentials");
        assert_no_secret(&refused);
        let requests = target.stand_in.requests();
        let mut headers = requests.iter().flat_map(|request| &request.headers);
        assert!(headers.all(|(name, _)| !name.eq_ignore_ascii_case("authorization")));
    }
    target.stand_in.clear_requests();
    let args = [
        &["copy", JOB, "--yes", "-vv", "--to"],
        &[to_user.as_str()][..],
        &given[..],
    ]
    .concat();
    assert_no_secret(&Binary::new().run(args).expect(0));
    assert_only_credential(&source, SOURCE_KEY);
    assert_only_credential(&target, "Basic YWRhOnRhcmdldC1zM2NyM3Q=");
}

#[test]
fn options_of_a_single_cluster_cannot_be_used_with_from() {
    for option in [
        "--url",
        "--username",
        "--password",
        "--api-key",
        "--bearer-token",
        "--profile",
        "--cloud-id",
    ] {
        let run = Binary::new()
            .run(["copy", JOB, "--from", "a", "--to", "b", option, "s3cr3t"])
            .expect(2);
        run.expect_stderr("the argument '--from <SOURCE>' cannot be used with");
        assert_no_secret(&run);
    }
    let invalid = Binary::new()
        .run(["copy", JOB, "--to", "ftp://u:s3cr3t@h", "--yes"])
        .expect(2);
    invalid.expect_stderr("error: --to must start with https:// or http://");
    assert_no_secret(&invalid);
    let without_scheme = Binary::new()
        .run(["copy", JOB, "--to", "localhost:9200", "--yes"])
        .expect(2);
    without_scheme.expect_stderr("as in `https://localhost:9200`");
}

#[test]
fn unreachable_cluster_is_named_and_nothing_is_written() {
    let (source, target) = clusters(&[Fixture::load(JOB).with_small_state()]);
    source.stand_in.network().refuse();
    let run = copy(&Binary::new(), &source, &target, &[JOB]).expect(1);
    run.expect_stderr(&format!("cannot connect to {}", source.stand_in.url()));
    assert!(target.stand_in.requests().is_empty());
    source.stand_in.network().listen();
    target.stand_in.network().refuse();
    let run = copy(&Binary::new(), &source, &target, &[JOB]).expect(1);
    run.expect_stderr(&format!("cannot connect to {}", target.stand_in.url()));
    target.stand_in.network().listen();
    assert!(target.stand_in.writes().is_empty());
    copy(&Binary::new(), &source, &target, &[JOB]).expect(0);
}

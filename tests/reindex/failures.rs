//! What prevents a copy is reported before anything is written, with the next step.

use super::{Clusters, INDEX, JOB};
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::fixtures::Fixture;

#[test]
fn an_address_that_the_target_does_not_allow_is_explained() {
    let clusters = Clusters::new();
    let before = clusters.target.contents();
    let mut arguments = clusters.arguments(&["--dry-run"]);
    let position = arguments.iter().position(|argument| argument == "--dry-run").unwrap();
    clusters.source_url("localhost");
    for _ in 0..2 {
        let run = clusters.run(arguments.clone()).expect(1);
        let port = clusters
            .source
            .stand_in
            .url()
            .rsplit(':')
            .next()
            .unwrap()
            .trim_end_matches('/')
            .to_owned();
        run.expect_stderr(&format!("[localhost:{port}] not whitelisted"));
        run.expect_stderr("hint: add this address to `reindex.remote.whitelist` in elasticsearch.yml");
        arguments.truncate(position);
    }
    assert_eq!(clusters.target.contents(), before);
}

#[test]
fn a_source_that_rejects_the_target_is_explained() {
    let clusters = Clusters::new();
    let body = r#"{"error":{"type":"security_exception","reason":"action [indices:data/read/search] is unauthorized"},"status":403}"#;
    let rule = FaultRule::on("POST", "scroll=5m")
        .then(Action::status(403, body))
        .always();
    clusters.source.stand_in.faults().add(rule);
    let run = clusters.import(&[]).expect(1);
    run.expect_stderr("rejected a search from the target")
        .expect_stderr("`read`");
    assert!(clusters.target.call("GET", &format!("/{INDEX}"), "").status == 404);
}

#[test]
fn a_wrong_credential_of_the_source_is_reported_for_the_source() {
    let clusters = Clusters::new();
    clusters.source_url("127.0.0.1");
    let config = clusters.binary.path("config/esml-state/config.toml");
    let profile = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, profile.replace("source-s3cr3t", "other-s3cr3t")).unwrap();
    let target = clusters.target.stand_in.url();
    let archive = clusters.archive.display().to_string();
    let import = ["import", &archive, "--yes", "--inputs-from", "source", "--url", &target];
    let arguments = [&import[..], &["--api-key", "id:target-s3cr3t"]].concat();
    let run = clusters
        .run(arguments.into_iter().map(str::to_owned).collect())
        .expect(1);
    run.expect_stderr("does not accept the API key");
}

#[test]
fn documents_that_the_source_lost_are_an_error() {
    let clusters = Clusters::new();
    let rule = FaultRule::on("PUT", "/_ml/anomaly_detectors/").then(Action::status(400, "{}"));
    clusters.target.stand_in.faults().add(rule);
    clusters.import(&[]).expect(6);
    let fixture = Fixture::load(JOB);
    let lost = &fixture.inputs[fixture.inputs.len() / 2];
    clusters
        .source
        .call("DELETE", &format!("/{}/_doc/{}?refresh=true", lost.index, lost.id), "");
    let run = clusters.import(&["--json"]).expect(6);
    run.expect_stderr("input documents differ in 1 of");
    assert_eq!(run.json()["remains"][0]["remove"], format!("DELETE /{INDEX}"));
    assert!(clusters.target.job(JOB).is_null());
}

#[test]
fn a_rejected_document_is_reported() {
    let clusters = Clusters::new();
    let rule = FaultRule::on("GET", "/_tasks/").then(Action::status(
        200,
        r#"{"completed":true,"task":{"status":{"created":1,"version_conflicts":0}},"response":{"failures":[{"index":"i","id":"7","cause":{"type":"mapper_parsing_exception","reason":"failed to parse field [a] of type [long]"},"status":400}]}}"#,
    ));
    clusters.target.stand_in.faults().add(rule);
    clusters
        .import(&[])
        .expect(6)
        .expect_stderr("i: document 7 rejected: 400 failed to parse field [a]");
}

#[test]
fn documents_with_the_same_id_in_two_indices_are_an_error() {
    let fixture = Fixture::load(JOB).with_second_source("logs-2");
    let run = Clusters::with(&fixture).import(&[]).expect(6);
    run.expect_stderr("input documents differ in")
        .expect_stderr("use an export with --include-inputs");
}

#[test]
fn a_lost_response_to_the_creation_of_the_index_is_not_a_failure() {
    let clusters = Clusters::new();
    let rule = FaultRule::on("PUT", &format!("/{INDEX}")).then(Action::Close);
    clusters.target.stand_in.faults().add(rule.carry_out());
    clusters.import(&[]).expect(0);
    clusters.assert_copied(&Fixture::load(JOB));
    drop(clusters);
    // It may be carried out later.
    let clusters = Clusters::new();
    let rule = FaultRule::on("PUT", &format!("/{INDEX}")).then(Action::Close);
    clusters.target.stand_in.faults().add(rule);
    let run = clusters.import(&["--json"]).expect(6);
    assert_eq!(run.json()["remains"][0]["remove"], format!("DELETE /{INDEX}"));
    clusters.import(&[]).expect(0);
}

#[test]
fn the_archive_is_checked_before_the_source_is_contacted() {
    let clusters = Clusters::new();
    let archive = std::fs::read(&clusters.archive).unwrap();
    std::fs::write(&clusters.archive, &archive[..archive.len() / 2]).unwrap();
    let before = clusters.source.stand_in.requests().len();
    clusters.import(&[]).expect(4);
    assert_eq!(clusters.source.stand_in.requests().len(), before);
    assert!(clusters.target.stand_in.requests().is_empty());
}

#[test]
fn a_deleted_index_is_not_created_again() {
    let clusters = Clusters::new();
    let direct = clusters.target.stand_in.direct();
    let rule = FaultRule::on("POST", "/_search/scroll").nth(2);
    clusters.source.stand_in.faults().add(rule.run(move |_| {
        direct.call("DELETE", &format!("/{INDEX}"), "");
    }));
    let run = clusters.import(&["--reindex-concurrency", "1"]);
    run.expect_stderr(&format!(
        "another client deleted or replaced index {INDEX} during the import"
    ));
    let left = clusters.target.contents();
    assert!(left.keys().all(|(index, _)| !index.starts_with(INDEX)), "{left:?}");
}

#[test]
fn a_credential_that_others_could_read_is_a_warning() {
    let clusters = Clusters::new();
    let proxy = clusters.target.stand_in.url();
    let mut arguments = clusters.arguments(&["--dry-run"]);
    let address = arguments.iter_mut().find(|argument| **argument == proxy).unwrap();
    *address = "http://target.example:9200".to_owned();
    let mut command = clusters.command(&arguments);
    command.env("HTTP_PROXY", &proxy).env("NO_PROXY", "127.0.0.1");
    let run = Clusters::ended(arguments, command.output().unwrap()).expect(0);
    let note = "note: the target receives the source's credential to read the input documents";
    assert!(run.stdout.contains(note), "{}", run.stdout);
    run.expect_stderr(
        "others on the network may read the source's credential: http://target.example:9200/ does not use TLS",
    );
    let run = clusters.import(&["--dry-run"]).expect(0);
    assert!(!run.stderr.contains("does not use TLS"), "{}", run.stderr);
}

#[test]
fn an_index_that_is_deleted_after_the_copy_fails_the_import() {
    let clusters = Clusters::new();
    let direct = clusters.target.stand_in.direct();
    let rule = FaultRule::on("PUT", "/_ml/datafeeds/").run(move |_| {
        direct.call("DELETE", &format!("/{INDEX}"), "");
    });
    clusters.target.stand_in.faults().add(rule);
    let run = clusters.import(&[]);
    assert_ne!(run.code, 0);
    run.expect_stderr(&format!(
        "another client deleted or replaced index {INDEX} during the import"
    ));
    assert!(!run.stderr.contains("DELETE"), "{}", run.stderr);
    assert!(clusters.target.job(JOB).is_null());
}

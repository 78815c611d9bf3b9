//! Successful copies, and what they request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::{Clusters, INDEX, JOB};
use crate::support::cluster::faults::FaultRule;
use crate::support::fixtures::Fixture;

#[test]
fn documents_are_those_that_an_export_includes() {
    let clusters = Clusters::new();
    let run = clusters.import(&["--json"]).expect(0);
    run.expect_stderr("Copied input documents");
    clusters.assert_copied(&Fixture::load(JOB));
    let (document, mark) = (run.json(), clusters.mark());
    assert_eq!(document["input_indices"], json!([INDEX]));
    let copied = clusters.target.documents_of(INDEX);
    assert_eq!(document["reindexed_documents"], copied.len());
    assert_eq!(document["documents"]["inputs"], 0);
    assert_eq!((&mark["complete"], &mark["job_id"]), (&json!(true), &json!(JOB)));
    let datafeed = clusters
        .target
        .call("GET", &format!("/_ml/datafeeds/datafeed-{JOB}"), "")
        .value();
    assert_eq!(datafeed["datafeeds"][0]["indices"], json!([INDEX]));
    let settings = clusters.target.call("GET", &format!("/{INDEX}/_settings"), "").value();
    let index = &settings[INDEX]["settings"]["index"];
    assert!(index["refresh_interval"].is_null(), "{index}");
    assert!(clusters.aliases().is_empty());
    // The same fields as in an archive with input documents.
    let loaded = clusters.binary.path("loaded.tar.gz").display().to_string();
    let url = clusters.source.stand_in.url();
    let export = ["export", JOB, "--include-inputs", "-o", &loaded, "--yes", "--url", &url];
    clusters
        .binary
        .run([&export[..], &["--api-key", "id:source-s3cr3t"]].concat())
        .expect(0);
    let target = clusters.target.stand_in.url();
    let import = ["import", &loaded, "--yes", "--as", "loaded", "--url", &target];
    clusters
        .binary
        .run([&import[..], &["--api-key", "id:target-s3cr3t"]].concat())
        .expect(0);
    let loaded = clusters.target.documents_of("loaded-input");
    let parsed = |(_, source): (_, String)| serde_json::from_str::<serde_json::Value>(&source).unwrap();
    let (copied, loaded): (Vec<_>, Vec<_>) = (
        copied.into_iter().map(parsed).collect(),
        loaded.into_iter().map(parsed).collect(),
    );
    assert!(!loaded.is_empty());
    assert_eq!(copied, loaded);
}

#[test]
fn each_cluster_receives_its_own_credential_and_nothing_prints_one() {
    let clusters = Clusters::new();
    let exposed = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&exposed);
    let elsewhere = FaultRule::when(move |call| {
        let has_secret = String::from_utf8_lossy(&call.body).contains("aWQ6c291cmNlLXMzY3IzdA==");
        has_secret != (call.path == "/_reindex")
    });
    let elsewhere = elsewhere.always().run(move |_| seen.store(true, Ordering::SeqCst));
    clusters.target.stand_in.faults().add(elsewhere);
    clusters.import(&["-vv"]).expect(0);
    assert!(
        !exposed.load(Ordering::SeqCst),
        "the credential of the source is only in the requests that need it"
    );
    for request in clusters.target.stand_in.requests() {
        let sent = request
            .headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        assert_eq!(sent.unwrap().1, "ApiKey aWQ6dGFyZ2V0LXMzY3IzdA==", "{}", request.path);
    }
    for request in clusters.source.stand_in.requests() {
        let sent = request
            .headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        assert_eq!(sent.unwrap().1, "ApiKey aWQ6c291cmNlLXMzY3IzdA==", "{}", request.path);
    }
}

#[test]
fn a_dry_run_checks_the_source_and_writes_nothing() {
    let clusters = Clusters::new();
    let before = clusters.target.contents();
    let run = clusters.import(&["--dry-run"]).expect(0);
    assert!(
        run.stdout
            .contains(&format!("create input index {INDEX}, and have Elasticsearch copy ")),
        "{}",
        run.stdout
    );
    assert_eq!(clusters.target.contents(), before);
    let of_reindex = |path: &str| path == "/_reindex";
    let requests = clusters.target.stand_in.requests();
    assert_eq!(requests.iter().filter(|request| of_reindex(&request.path)).count(), 1);
}

#[test]
fn a_copy_of_the_job_can_have_its_input_documents_copied() {
    let clusters = Clusters::new();
    let (source, target) = (clusters.source_url("127.0.0.1"), clusters.target.stand_in.url());
    let folder = clusters.binary.path("config/esml-state/config.toml");
    let profiles = std::fs::read_to_string(&folder).unwrap();
    let target = format!("[profiles.target]\nurl = '{target}'\napi_key = 'id:target-s3cr3t'\n");
    std::fs::write(&folder, profiles + &target).unwrap();
    let copy = [
        "copy",
        JOB,
        "--yes",
        "--from",
        &source,
        "--to",
        "target",
        "--reindex-inputs",
    ];
    clusters.run(copy.map(str::to_owned).to_vec()).expect(0);
    clusters.assert_copied(&Fixture::load(JOB));
    assert!(clusters.target.job(JOB).is_object());
}

#[test]
fn documents_of_several_indices_keep_their_ids() {
    let mut fixture = Fixture::load(JOB).with_second_source("logs-2");
    let second = fixture.inputs.iter_mut().filter(|input| input.index == "logs-2");
    second.for_each(|input| input.id = format!("{}-2", input.id));
    let clusters = Clusters::with(&fixture);
    let limits = ["--reindex-concurrency", "4", "--reindex-requests-per-second", "100000"];
    clusters.import(&limits).expect(0);
    clusters.assert_copied(&fixture);
    let limit = ("requests_per_second".to_owned(), "100000".to_owned());
    let requests = clusters.target.stand_in.requests();
    let started: Vec<_> = requests
        .iter()
        .filter(|request| request.path == "/_reindex" && !request.query.is_empty())
        .collect();
    assert!(started.len() >= 4);
    assert!(started.iter().all(|request| request.query.contains(&limit)));
}

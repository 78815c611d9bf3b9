//! What refuses a copy.

use std::process::Stdio;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use serde_json::json;

use super::{Clusters, INDEX, JOB};
use crate::support::archive::{blocks, gzip, members};
use crate::support::cluster::faults::FaultRule;
use crate::support::fixtures::Fixture;

#[test]
fn an_index_of_that_name_is_a_conflict_unless_it_has_the_same_mark() {
    for meta in [
        "{}",
        r#"{"esml_state":{"job_id":"other","hash":"other","run":"other","complete":false}}"#,
    ] {
        let clusters = Clusters::new();
        let body = format!(r#"{{"mappings":{{"_meta":{meta}}}}}"#);
        clusters.target.call("PUT", &format!("/{INDEX}"), &body);
        let run = clusters.import(&["--replace"]).expect(3);
        run.expect_stderr(&format!("index {INDEX} already exists"));
        clusters.import(&["--input-index", "elsewhere"]).expect(0);
    }
}

#[test]
fn the_index_of_an_earlier_import_of_this_job_is_replaced_only_on_request() {
    let clusters = Clusters::new();
    let meta = r#"{"esml_state":{"job_id":"web-latency","hash":"other","run":"other","complete":true}}"#;
    let body = format!(r#"{{"mappings":{{"_meta":{meta}}}}}"#);
    clusters.target.call("PUT", &format!("/{INDEX}"), &body);
    clusters
        .target
        .call("PUT", &format!("/{INDEX}/_doc/other?refresh=true"), "{}");
    let run = clusters.import(&[]).expect(3);
    run.expect_stderr(&format!(
        "input index {INDEX}, created by an earlier import, already exists"
    ));
    let run = clusters.import(&["--replace", "--dry-run"]).expect(0);
    let step = format!("replace input index {INDEX}");
    assert!(run.stdout.contains(&step), "{}", run.stdout);
    clusters.import(&["--replace"]).expect(0);
    clusters.assert_copied(&Fixture::load(JOB));
}

#[test]
fn an_archive_without_the_mapping_is_refused() {
    let mut clusters = Clusters::new();
    let mut entries = members(&clusters.archive);
    entries.retain(|entry| !entry.name.ends_with("_input_mapping.json") && !entry.name.ends_with("manifest.json"));
    clusters.archive = clusters.binary.path("older.tar.gz");
    std::fs::write(&clusters.archive, gzip(&blocks(&entries))).unwrap();
    let run = clusters.import(&[]).expect(3);
    run.expect_stderr("the archive does not contain their mapping");
}

#[test]
fn runtime_fields_in_the_query_and_remote_clusters_are_refused() {
    let mut fixture = Fixture::load(JOB);
    let field = fixture.job["data_description"]["time_field"]
        .as_str()
        .unwrap()
        .to_owned();
    fixture.job["datafeed_config"]["runtime_mappings"] =
        json!({"hour": {"type": "long", "script": {"source": format!("emit(doc['{field}'].value.getHour())")}}});
    fixture.job["datafeed_config"]["query"] = json!({"range": {"hour": {"gte": 3}}});
    let clusters = Clusters::with(&fixture);
    clusters.import(&[]).expect(3).expect_stderr("runtime fields");
    drop(clusters);
    let mut fixture = Fixture::load(JOB);
    fixture.job["datafeed_config"]["indices"] = json!(["europe:logs"]);
    let clusters = Clusters::with(&fixture);
    clusters
        .import(&[])
        .expect(3)
        .expect_stderr("the archive does not contain their mapping");
}

#[test]
fn a_pseudonymized_archive_is_refused() {
    let mut clusters = Clusters::new();
    let (path, url) = (clusters.binary.path("shared.tar.gz"), clusters.source.stand_in.url());
    let output = path.display().to_string();
    let key = clusters.binary.path("key.esml").display().to_string();
    let export = [
        "export",
        JOB,
        "--pseudonymize",
        "--key",
        &key,
        "-o",
        &output,
        "--yes",
        "--url",
        &url,
    ];
    clusters
        .binary
        .run([&export[..], &["--api-key", "id:source-s3cr3t"]].concat())
        .expect(0);
    clusters.archive = path;
    let before = clusters.target.contents();
    let run = clusters.import(&[]).expect(3);
    run.expect_stderr("the archive is pseudonymized, and the source contains the original values");
    assert_eq!(clusters.target.contents(), before);
}

#[test]
fn the_index_of_another_job_is_a_conflict() {
    let clusters = Clusters::new();
    clusters.import(&[]).expect(0);
    let mark = clusters.mark();
    let run = clusters.import(&["--as", "second", "--input-index", INDEX]).expect(3);
    run.expect_stderr(&format!("index {INDEX} already exists"));
    assert_eq!(clusters.mark(), mark);
    assert!(!run.stderr.contains("DELETE"), "{}", run.stderr);
}

#[test]
fn a_complete_index_is_not_changed_by_the_same_command() {
    let clusters = Clusters::new();
    clusters.import(&[]).expect(0);
    let (mark, copied) = (clusters.mark(), clusters.target.documents_of(INDEX));
    let run = clusters.import(&["--replace", "--json"]).expect(0);
    assert_eq!(run.json()["reindexed_documents"], copied.len());
    assert_eq!(clusters.mark(), mark);
    assert_eq!(clusters.target.documents_of(INDEX), copied);
}

#[test]
fn an_import_that_is_taken_over_stops() {
    let clusters = Clusters::new();
    let direct = clusters.target.stand_in.direct();
    let rule = FaultRule::on("GET", "/_tasks/").run(move |_| {
        let mut index = direct.call("GET", &format!("/{INDEX}"), "").value();
        let mut meta = index[INDEX]["mappings"]["_meta"].take();
        meta["esml_state"]["run"] = "another".into();
        let alias = index[INDEX]["aliases"].as_object().unwrap().keys().next().unwrap();
        let actions = json!({"actions": [{"remove": {"index": INDEX, "alias": alias}}]});
        direct.call("POST", "/_aliases", actions.to_string());
        direct.call(
            "PUT",
            &format!("/{INDEX}/_mapping"),
            json!({ "_meta": meta }).to_string(),
        );
    });
    clusters.target.stand_in.faults().add(rule);
    let run = clusters.import(&[]);
    run.expect_stderr("another import of the archive took over: it fills index")
        .expect_stderr(&format!("index {INDEX}: filled by another import"));
    assert!(!run.stderr.contains("DELETE"), "{}", run.stderr);
    assert_eq!(clusters.mark()["run"], "another");
    assert_eq!(clusters.mark()["complete"], false);
    assert!(clusters.target.job(JOB).is_null());
}

#[test]
fn of_two_imports_that_start_at_once_the_second_is_a_conflict() {
    let clusters = Clusters::new();
    let direct = clusters.target.stand_in.direct();
    // The other import creates the index right before this one does.
    let rule = FaultRule::on("PUT", &format!("/{INDEX}")).run(move |call| {
        let mut body: serde_json::Value = serde_json::from_slice(&call.body).unwrap();
        body["mappings"]["_meta"]["esml_state"]["run"] = "another".into();
        body["aliases"] = json!({});
        direct.call("PUT", &format!("/{INDEX}"), body.to_string());
    });
    clusters.target.stand_in.faults().add(rule);
    let run = clusters.import(&[]).expect(3);
    run.expect_stderr(&format!(
        "another import of the archive took over: it fills index {INDEX}"
    ))
    .expect_stderr(&format!("index {INDEX}: filled by another import"));
    assert!(
        !run.stderr.contains("DELETE") && !run.stderr.contains("Nothing was written"),
        "{}",
        run.stderr
    );
    assert_eq!(clusters.mark()["run"], "another");
}

#[test]
fn a_second_import_takes_over_while_the_first_one_runs() {
    let clusters = Clusters::new();
    let ((reached, copying), (finished, ended)) = (mpsc::channel(), mpsc::channel::<()>());
    let ended = Mutex::new(ended);
    let rule = FaultRule::on("GET", "/_tasks/").run(move |_| {
        reached.send(()).unwrap();
        let _ = ended.lock().unwrap().recv_timeout(Duration::from_secs(60));
    });
    clusters.target.stand_in.faults().add(rule);
    let arguments = clusters.arguments(&["--json"]);
    let mut first = clusters.command(&arguments);
    let first = first.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    copying.recv_timeout(Duration::from_secs(60)).unwrap();
    clusters.import(&[]).expect(0);
    drop(finished);
    let run = Clusters::ended(arguments, first.wait_with_output().unwrap()).expect(3);
    run.expect_stderr("another import of the archive took over");
    let document = run.json();
    assert_eq!(
        document["kept"],
        json!([format!("index {INDEX}: filled by another import")])
    );
    assert!(
        document["remains"].is_null() && !run.stderr.contains("Nothing was written"),
        "{}",
        run.stderr
    );
    clusters.assert_copied(&Fixture::load(JOB));
    assert_eq!(clusters.mark()["complete"], true);
}

#[test]
fn only_indices_of_the_archive_are_copied() {
    let mut fixture = Fixture::load(JOB);
    let feed = &mut fixture.job["datafeed_config"];
    feed["indices"] = json!(["weblogs-*"]);
    feed["indices_options"] = json!({"expand_wildcards": ["open"], "ignore_unavailable": true});
    let clusters = Clusters::with(&fixture);
    let document = &fixture.inputs[0].source;
    let hidden = r#"{"settings": {"index.hidden": true}}"#;
    clusters.source.call("PUT", "/weblogs-hidden", hidden);
    for index in ["weblogs-hidden", "weblogs-later"] {
        let path = format!("/{index}/_doc/another?refresh=true");
        clusters.source.call("PUT", &path, document);
    }
    let run = clusters.import(&["--json"]).expect(0);
    let notes = run.json()["notes"].to_string();
    assert!(
        notes.contains("the documents of weblogs-later are not copied"),
        "{notes}"
    );
    assert!(
        notes.contains("`_reindex` ignores the `indices_options` of the datafeed"),
        "{notes}"
    );
    clusters.assert_copied(&fixture);
}

#[test]
fn a_copy_within_a_cluster_must_not_read_its_own_index() {
    let mut fixture = Fixture::load(JOB);
    fixture.job["datafeed_config"]["indices"] = json!(["web*"]);
    let clusters = Clusters::with(&fixture);
    let profile = clusters.source_url("127.0.0.1");
    let copy = |more: &[&str]| {
        let fixed = ["copy", JOB, "--yes", "--reindex-inputs", "--from", &profile];
        clusters.run([&fixed[..], more].concat().into_iter().map(str::to_owned).collect())
    };
    let before = clusters.source.contents();
    let run = copy(&["--as", "web-copy"]).expect(3);
    run.expect_stderr(
        "the source is the same cluster, and the datafeed of the archive would read index web-copy-input",
    )
    .expect_stderr("hint: choose another name with --input-index");
    copy(&["--as", "web-copy", "--cutover"])
        .expect(2)
        .expect_stderr("'--cutover'");
    assert_eq!(clusters.source.contents(), before);
    copy(&["--as", "web-copy", "--input-index", "copied"]).expect(0);
}

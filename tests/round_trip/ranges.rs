//! Date ranges: documents outside of them are omitted, those inside are exported byte for byte.

use serde_json::Value;

use super::against_cluster::sorted;
use super::archive_contents::{ArchiveContents, json_of};
use super::scenario::newest;
use crate::support::binary::Binary;
use crate::support::fixtures::{Fixture, StoredDocument};
use crate::support::test_cluster::TestCluster;

fn fixture() -> Fixture {
    let mut fixture = Fixture::load("web-latency");
    for (number, annotation) in fixture.annotations.iter_mut().enumerate() {
        let created = format!("\"create_time\": {}", 1_795_432_000_000 + number as i64 * 1000);
        let from = annotation.source.find("\"create_time\"").expect("a creation");
        let to = from + annotation.source[from..].find(',').expect("more members");
        annotation.source.replace_range(from..to, &created);
    }
    fixture
}

fn export(options: &[&str]) -> (ArchiveContents, Fixture) {
    let (binary, fixture) = (Binary::new(), fixture());
    let cluster = TestCluster::seeded(newest(), &fixture);
    let mut all = vec!["--include-inputs", "--all-fields"];
    all.extend(options);
    (
        ArchiveContents::read(&cluster.export(&binary, "web-latency", "first", &all)),
        fixture,
    )
}

fn texts(stored: &[StoredDocument], field: &str, keep: impl Fn(i64) -> bool) -> Vec<String> {
    let at = |source: &str| json_of(source)[field].as_i64().expect("an instant");
    let kept = stored.iter().filter(|one| keep(at(&one.source)));
    sorted(&kept.map(|one| one.source.clone()).collect::<Vec<_>>())
}

fn inputs(contents: &ArchiveContents) -> Vec<String> {
    sorted(
        &contents
            .inputs
            .iter()
            .map(|input| input.source.clone())
            .collect::<Vec<_>>(),
    )
}

/// A time in the middle of the stored documents.
fn median_time(stored: &[StoredDocument], field: &str) -> i64 {
    let mut all: Vec<i64> = stored
        .iter()
        .filter_map(|one| json_of(&one.source)[field].as_i64())
        .collect();
    all.sort_unstable();
    all[all.len() / 2]
}

#[test]
fn input_documents_of_a_date_range_are_exported() {
    let stored = fixture().inputs;
    let (after, before) = (
        median_time(&stored[..100], "@timestamp"),
        median_time(&stored[100..], "@timestamp"),
    );
    let (after, before) = (after.min(before), after.max(before));
    let options = [after.to_string(), before.to_string()];
    let (contents, fixture) = export(&["--inputs-after-date", &options[0], "--inputs-before-date", &options[1]]);
    let expected = texts(&fixture.inputs, "@timestamp", |at| after <= at && at < before);
    assert!(!expected.is_empty() && expected.len() < fixture.inputs.len());
    assert_eq!(inputs(&contents), expected);
    assert_eq!(
        contents.annotations.len(),
        fixture.annotations.len(),
        "annotations have a bound of their own"
    );
}

#[test]
fn times_in_seconds_are_compared_as_dates() {
    let binary = Binary::new();
    let fixture = Fixture::load("log-categories");
    let cluster = TestCluster::seeded(newest(), &fixture);
    let after = median_time(&fixture.inputs, "@timestamp");
    let option = (after * 1000).to_string();
    let options = ["--include-inputs", "--all-fields", "--inputs-after-date", &option];
    let contents = ArchiveContents::read(&cluster.export(&binary, "log-categories", "first", &options));
    let expected = texts(&fixture.inputs, "@timestamp", |at| after <= at);
    assert!(!expected.is_empty() && expected.len() < fixture.inputs.len());
    assert_eq!(inputs(&contents), expected);
}

#[test]
fn annotations_after_a_date_are_exported() {
    let after = median_time(&fixture().annotations, "create_time");
    let (contents, fixture) = export(&["--annotations-after-date", &after.to_string()]);
    let expected = texts(&fixture.annotations, "create_time", |at| after <= at);
    assert!(expected.len() < fixture.annotations.len());
    assert_eq!(sorted(&contents.annotations), expected);
    assert_eq!(
        sorted(&contents.notifications),
        texts(&fixture.notifications, "timestamp", |at| after <= at)
    );
    assert_eq!(contents.inputs.len(), fixture.inputs.len());
}

#[test]
fn specific_date_option_overrides_the_general_one() {
    let after = median_time(&fixture().inputs, "@timestamp");
    let option = after.to_string();
    let (contents, fixture) = export(&["--after-date", &option]);
    assert_eq!(
        inputs(&contents),
        texts(&fixture.inputs, "@timestamp", |at| after <= at)
    );
    assert_eq!(
        sorted(&contents.annotations),
        texts(&fixture.annotations, "create_time", |at| after <= at)
    );
    let (contents, fixture) = export(&["--after-date", &option, "--inputs-after-date", "2000-01-01"]);
    assert_eq!(contents.inputs.len(), fixture.inputs.len());
}

#[test]
fn annotations_after_the_snapshot_are_omitted() {
    let binary = Binary::new();
    let mut fixture = Fixture::load("log-categories-multisnap");
    let late = fixture.annotations[0].source.replace("1795432900000", "1795433583000");
    fixture.annotations.push(StoredDocument {
        index: String::new(),
        id: "log-categories-multisnap-late".to_owned(),
        source: late.clone(),
    });
    let cluster = TestCluster::seeded(newest(), &fixture);
    let job = fixture.id().to_owned();
    let export = |name: &str, options: &[&str]| ArchiveContents::read(&cluster.export(&binary, &job, name, options));
    assert!(export("latest", &[]).annotations.contains(&late));
    let contents = export("earlier", &["--before-date", "1795433581000"]);
    assert!(!contents.annotations.contains(&late));
    assert_eq!(contents.annotations.len() + 1, fixture.annotations.len());
    let options: &Value = &contents.manifest["options"];
    assert!(
        options.to_string().contains("before"),
        "the manifest contains the options: {options}"
    );
}

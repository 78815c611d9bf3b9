//! Compares an archive with the cluster that it was exported from.

use serde_json::{Value, json};

use super::archive_contents::{ArchiveContents, ArchivedDocument, decode_state, json_of};
use crate::support::fixtures::{Fixture, StoredDocument};
use crate::support::test_cluster::{SearchResponse, TestCluster};

/// The fields of the input documents that the archive must contain; `None`: complete documents.
pub type Fields<'a> = Option<&'a [&'a str]>;

/// Every document is that of the fixture, byte for byte, and every configuration is as the API returns it.
#[track_caller]
pub fn assert_equals_cluster(contents: &ArchiveContents, cluster: &TestCluster, fixture: &Fixture, fields: Fields<'_>) {
    let (job, snapshot) = (fixture.id(), contents.snapshot_id());
    let document = format!("{job}_model_snapshot_{snapshot}");
    let stored = fixture.snapshots.iter().find(|one| one.id == document);
    let expected = &stored.expect("a snapshot of the job").source;
    assert_eq!(&one_line(&contents.snapshot), expected, "snapshot");
    let results = cluster.documents_of(&format!(".ml-anomalies-{job}"));
    let on_cluster = results.iter().find(|((_, id), _)| *id == document);
    assert_eq!(
        on_cluster.map(|(_, source)| source),
        Some(&contents.snapshot),
        "snapshot to the byte"
    );
    state(contents, fixture, &snapshot);
    let counts = fixture.data_counts.to_string();
    assert_eq!(contents.data_counts.as_deref(), Some(counts.as_str()), "data counts");
    assert_eq!(
        sorted(&contents.annotations),
        texts(&fixture.annotations),
        "annotations"
    );
    assert_eq!(
        sorted(&contents.notifications),
        texts(&fixture.notifications),
        "notifications"
    );
    // The recording contains a category once for each change; only the last version counts.
    let last = fixture
        .categories
        .iter()
        .map(|one| (one.id.clone(), one.source.clone()));
    assert_eq!(contents.categories, last.collect(), "categories");
    assert_eq!(contents.config, job_config(cluster, job), "configuration");
    assert_eq!(contents.filters, Value::Array(fixture.filters.clone()), "filters");
    assert_eq!(
        without_generated(&contents.calendars),
        Value::Array(fixture.calendars.clone()),
        "calendars"
    );
    inputs(contents, cluster, fixture, fields);
}

/// Replaces line breaks, which only occur between tokens, with spaces.
pub fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

/// Checks that the archive contains only the state of this snapshot, in numeric order, followed by that of the
/// categorizer.
fn state(contents: &ArchiveContents, fixture: &Fixture, snapshot: &str) {
    let model = numbered(&fixture.state, &format!("{}_model_state_{snapshot}#", fixture.id()));
    let categorizer = numbered(&fixture.state, &format!("{}_categorizer_state#", fixture.id()));
    let stored: Vec<(&str, &str)> = model
        .iter()
        .chain(&categorizer)
        .map(|one| (&*one.id, &*one.source))
        .collect();
    let carried: Vec<(&str, &str)> = contents.state.iter().map(|one| (&*one.id, &*one.source)).collect();
    assert_eq!(carried, stored, "state");
    assert!(
        contents.state.iter().all(|one| one.index.starts_with(".ml-state")),
        "the index that they were in"
    );
    for (kind, stored) in [("_model_state_", model), ("_categorizer_state#", categorizer)] {
        let texts: Vec<&str> = stored.iter().map(|one| one.source.as_str()).collect();
        if !texts.is_empty() {
            assert!(
                decode_state(&contents.state_of(kind)) == decode_state(&texts),
                "{kind} decodes to the same"
            );
        }
    }
}

fn numbered<'a>(state: &'a [StoredDocument], prefix: &str) -> Vec<&'a StoredDocument> {
    let mut found: Vec<(u64, &StoredDocument)> = state
        .iter()
        .filter_map(|one| Some((one.id.strip_prefix(prefix)?.parse().ok()?, one)))
        .collect();
    found.sort_unstable_by_key(|(number, _)| *number);
    found.into_iter().map(|(_, one)| one).collect()
}

/// Returns the job as the API does, with the datafeed inside on every version.
pub fn job_config(cluster: &TestCluster, job: &str) -> Value {
    let mut shown = cluster.job(job);
    let datafeeds = cluster.call("GET", "/_ml/datafeeds", "").value();
    let own = datafeeds["datafeeds"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|feed| feed["job_id"] == job);
    if let Some(own) = own {
        shown["datafeed_config"] = own.clone();
    }
    shown
}

/// Returns the calendars without what the cluster adds to events.
pub fn without_generated(calendars: &Value) -> Value {
    let mut calendars = calendars.clone();
    let events = calendars.as_array_mut().into_iter().flatten();
    for event in events.flat_map(|calendar| calendar["events"].as_array_mut().into_iter().flatten()) {
        let event = event.as_object_mut().expect("an event");
        for name in ["event_id", "calendar_id"] {
            event.shift_remove(name);
        }
        for name in ["skip_result", "skip_model_update"] {
            if event.get(name) == Some(&json!(true)) {
                event.shift_remove(name);
            }
        }
    }
    calendars
}

/// Returns a document as a search with this field list does.
pub fn search(cluster: &TestCluster, index: &str, query: &Value, fields: Fields<'_>) -> Vec<ArchivedDocument> {
    let source = fields.map_or(json!(true), |fields| json!(fields));
    let body = json!({"size": 10000, "query": query, "_source": source});
    let answer = cluster.call("POST", &format!("/{index}/_search"), &body.to_string());
    assert_eq!(answer.status, 200, "{}", answer.value());
    let found: SearchResponse<'_> = serde_json::from_slice(&answer.body).expect("a search answer");
    let hits = found.hits.hits.into_iter();
    hits.map(|hit| ArchivedDocument {
        index: hit._index,
        id: hit._id,
        source: hit._source.get().to_owned(),
    })
    .collect()
}

fn inputs(contents: &ArchiveContents, cluster: &TestCluster, fixture: &Fixture, fields: Fields<'_>) {
    if contents.inputs.is_empty() {
        return;
    }
    let query = &fixture.job["datafeed_config"]["query"];
    let mut expected: Vec<ArchivedDocument> = match fields {
        Some(_) => {
            let of = |source: &String| search(cluster, source, query, fields);
            fixture.sources.iter().flat_map(of).collect()
        }
        None => fixture.inputs.iter().map(to_archived).collect(),
    };
    expected.sort_unstable();
    let mut carried = contents.inputs.clone();
    carried.sort_unstable();
    assert_eq!(carried.len(), expected.len(), "inputs");
    for (carried, expected) in carried.iter().zip(&expected) {
        assert_eq!(carried, expected, "an input");
    }
    let time = fixture.job["data_description"]["time_field"]
        .as_str()
        .expect("a time field");
    let times: Vec<i64> = contents
        .inputs
        .iter()
        .filter_map(|one| json_of(&one.source)[time].as_i64())
        .collect();
    assert!(times.is_sorted(), "input documents are in time order");
    let sources: Vec<&str> = contents.mapping.keys().map(String::as_str).collect();
    let mut named: Vec<&str> = fixture.sources.iter().map(String::as_str).collect();
    named.sort_unstable();
    assert_eq!(sources, named, "a mapping of every source");
}

fn to_archived(stored: &StoredDocument) -> ArchivedDocument {
    ArchivedDocument {
        index: stored.index.clone(),
        id: stored.id.clone(),
        source: stored.source.clone(),
    }
}

/// Sorts the texts, so that their order does not depend on the cluster.
pub fn sorted(texts: &[String]) -> Vec<String> {
    let mut texts = texts.to_vec();
    texts.sort_unstable();
    texts
}

fn texts(stored: &[StoredDocument]) -> Vec<String> {
    sorted(&stored.iter().map(|one| one.source.clone()).collect::<Vec<_>>())
}

//! Jobs that need more than one page, entry or request.

use super::archive_contents::{ArchiveContents, ArchivedDocument};
use super::scenario::{RoundTrip, newest};
use crate::support::binary::Binary;
use crate::support::fixtures::{Fixture, StoredDocument};
use crate::support::test_cluster::TestCluster;

/// Splits the state of the job into more documents, so that `#10` must follow `#9` and not `#1`.
fn split_state(fixture: &mut Fixture, prefix: &str, documents: usize) {
    let (own, others): (Vec<StoredDocument>, Vec<StoredDocument>) = fixture
        .state
        .drain(..)
        .partition(|document| document.id.starts_with(prefix));
    let mut pieces = String::new();
    for document in &own {
        let document = super::archive_contents::json_of(&document.source);
        pieces.extend(
            document["compressed"]
                .as_array()
                .unwrap()
                .iter()
                .map(|piece| piece.as_str().unwrap()),
        );
    }
    let size = pieces.len().div_ceil(documents);
    fixture.state = others;
    for number in 0..documents {
        let piece = &pieces[(number * size).min(pieces.len())..((number + 1) * size).min(pieces.len())];
        let end = if number + 1 == documents { ",\"eos\":true" } else { "" };
        fixture.state.push(StoredDocument {
            index: String::new(),
            id: format!("{prefix}{}", number + 1),
            source: format!("{{\"compressed\" : [ \"{piece}\" ]{end}}}"),
        });
    }
}

fn fixture_with_split_state() -> Fixture {
    let mut fixture = Fixture::load("log-categories");
    let model = format!("log-categories_model_state_{}#", fixture.snapshot_id());
    split_state(&mut fixture, &model, 12);
    split_state(&mut fixture, "log-categories_categorizer_state#", 11);
    let snapshot = &mut fixture.snapshots[0].source;
    *snapshot = snapshot.replace("\"snapshot_doc_count\": 1", "\"snapshot_doc_count\": 12");
    fixture
}

#[test]
fn state_documents_are_in_numeric_order() {
    let arrived = RoundTrip::of(fixture_with_split_state()).renamed("copy").run();
    let ids: Vec<&str> = arrived.second.state.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids.len(), 23);
    assert!(
        ids[9].ends_with("#10") && ids[12] == "copy_categorizer_state#1",
        "{ids:?}"
    );
}

#[test]
fn state_in_a_rolled_over_index_is_exported() {
    let fixture = fixture_with_split_state();
    let mut trip = RoundTrip::of(fixture.clone());
    for document in fixture.state.iter().filter(|document| document.id.ends_with('2')) {
        let id = document.id.replace('#', "%23");
        trip = trip
            .source_request(
                "PUT",
                &format!("/.ml-state-000002/_doc/{id}?refresh=true"),
                &document.source,
            )
            .source_request("DELETE", &format!("/.ml-state-000001/_doc/{id}?refresh=true"), "");
    }
    let arrived = trip.run();
    assert!(
        arrived
            .first
            .state
            .iter()
            .any(|document| document.index == ".ml-state-000002")
    );
    assert!(
        arrived
            .second
            .state
            .iter()
            .all(|document| document.index == ".ml-state-000001")
    );
}

#[test]
fn input_documents_are_split_into_entries() {
    let (binary, count) = (Binary::new(), 10_003);
    let mut fixture = Fixture::load("user-population");
    fixture.inputs = (0..count)
        .map(|n| StoredDocument {
            index: "endpoint-process".to_owned(),
            id: format!("i{n}"),
            source: format!(
                "{{\"@timestamp\":{},\"user\":\"u{n}\",\"bytes\":{n}}}",
                1_706_745_612 + n
            ),
        })
        .collect();
    let options = [
        "--include-inputs",
        "--all-fields",
        "--page-size",
        "10000",
        "--slices",
        "4",
    ];
    let source = TestCluster::seeded(newest(), &fixture);
    let first = source.export(&binary, "user-population", "first", &options);
    let searches = source.stand_in.requests();
    let searches = searches.iter().filter(|request| request.path == "/_search").count();
    assert!(searches < 12, "{searches} searches for a little more than a page");
    let contents = ArchiveContents::read(&first);
    assert_eq!(
        contents.entries["user-population_input_1.ndjson"].lines().count(),
        20_000
    );
    assert_eq!(contents.entries["user-population_input_2.ndjson"].lines().count(), 6);
    let stored: Vec<(&String, &String)> = fixture.inputs.iter().map(|one| (&one.id, &one.source)).collect();
    let of = |inputs: &'_ [ArchivedDocument]| {
        inputs
            .iter()
            .map(|one| (one.id.clone(), one.source.clone()))
            .collect::<Vec<_>>()
    };
    assert!(
        of(&contents.inputs)
            .iter()
            .map(|(id, source)| (id, source))
            .eq(stored.iter().copied()),
        "in time order"
    );

    // There is one real node, which a test cluster locks until it is dropped.
    drop(source);
    let cluster = TestCluster::new(newest());
    cluster.import(&binary, &first, &[]).expect(0);
    let second = ArchiveContents::read(&cluster.export(&binary, "user-population", "second", &options));
    assert!(
        of(&second.inputs) == of(&contents.inputs),
        "all of them came back in order"
    );
}

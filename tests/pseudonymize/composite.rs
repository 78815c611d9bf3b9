//! Values that are objects or lists of numbers, and values that the job also reads as numbers. Tokens cannot replace
//! them.

use serde_json::{Value, json};

use super::newest;
use super::shared_archives::{exported_of, pseudonymized};
use crate::support::archive::{entries, entry};
use crate::support::binary::Binary;
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

/// Returns the job with an influencer `net.place` in its input documents.
fn with_influencer(definition: &Value, value: &Value) -> Fixture {
    let mut fixture = Fixture::load("web-latency");
    fixture.input_mapping["properties"]["net"] = json!({"properties": {"place": definition}});
    let influencers = fixture.job["analysis_config"]["influencers"].as_array_mut().unwrap();
    influencers.push("net.place".into());
    for input in &mut fixture.inputs {
        let mut document: Value = serde_json::from_str(&input.source).unwrap();
        document["net"] = json!({"place": value});
        input.source = document.to_string();
    }
    fixture
}

#[test]
fn composite_values_are_refused() {
    for (definition, value, why) in [
        (
            json!({"type": "geo_point"}),
            json!({"lat": 40.5, "lon": -70.25}),
            "some of them are objects",
        ),
        (
            json!({"type": "geo_point"}),
            json!([-70.25, 40.5]),
            "their type is `geo_point`",
        ),
        (
            json!({"type": "geo_point"}),
            json!("40.5,-70.25"),
            "their type is `geo_point`",
        ),
        (
            json!({"type": "ip_range"}),
            json!({"gte": "10.0.0.1", "lte": "10.0.0.9"}),
            "some of them are objects",
        ),
        (
            json!({"type": "ip_range"}),
            json!("10.0.0.0/24"),
            "their type is `ip_range`",
        ),
        (
            json!({"type": "object", "enabled": false}),
            json!([{"a": "b"}]),
            "some of them are objects",
        ),
    ] {
        let binary = Binary::new();
        let old = exported_of(&binary, &with_influencer(&definition, &value));
        let old = old.display().to_string();
        binary
            .run(["pseudonymize", &old, "-o", "new.tar.gz"])
            .expect(3)
            .expect_stderr(&format!(
                "the values of net.place in the input documents cannot be replaced: {why}"
            ))
            .expect_stderr("--fields");
        assert!(!binary.path("new.tar.gz").exists() && !binary.path("new.key.json").exists());
    }
}

/// `lat_long` of a field that is not replaced.
#[test]
fn metric_of_objects_is_kept() {
    for value in [
        json!({"lat": "40.5", "lon": "-70.25"}),
        json!({"type": "Point", "coordinates": [-70.25, 40.5]}),
        json!([-70.25, 40.5]),
    ] {
        let mut fixture = with_influencer(&json!({"type": "geo_point"}), &value);
        let analysis = &mut fixture.job["analysis_config"];
        analysis["influencers"] = json!(["host", "clientip"]);
        let detectors = analysis["detectors"].as_array_mut().unwrap();
        detectors.push(
            json!({"function": "lat_long", "field_name": "net.place", "by_field_name": "host", "detector_index": 2}),
        );
        let binary = Binary::new();
        let new = pseudonymized(&binary, &exported_of(&binary, &fixture), "new", &[]);
        let written = entries(&new.archive);
        for document in entry(&written, "_input_1.ndjson").lines().skip(1).step_by(2) {
            let document: Value = serde_json::from_str(document).unwrap();
            assert_eq!(document["net"]["place"], value);
        }
        let mapping: Value = serde_json::from_str(entry(&written, "_input_mapping.json")).unwrap();
        let mapping = &mapping[&fixture.sources[0]]["mappings"]["properties"]["net"]["properties"]["place"];
        assert_eq!(*mapping, json!({"type": "geo_point"}));
        TestCluster::new(newest()).import(&binary, &new.archive, &[]).expect(0);
    }
}

#[test]
fn field_that_is_also_a_metric_is_refused() {
    let mut fixture = Fixture::load("web-latency");
    let influencers = fixture.job["analysis_config"]["influencers"].as_array_mut().unwrap();
    influencers.push("responsetime".into());
    let binary = Binary::new();
    let old = exported_of(&binary, &fixture).display().to_string();
    binary
        .run(["pseudonymize", &old, "-o", "new.tar.gz"])
        .expect(3)
        .expect_stderr(
            "the values of responsetime in the input documents cannot be replaced: the job also reads them as numbers",
        );
    let old = std::path::PathBuf::from(old);
    let new = pseudonymized(&binary, &old, "new", &["--fields", "host,status,clientip"]);
    TestCluster::new(newest()).import(&binary, &new.archive, &[]).expect(0);
}

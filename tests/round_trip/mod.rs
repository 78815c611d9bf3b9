//! Export, import elsewhere, export again: the two archives hold the same.

use serde_json::Value;

use crate::support::archive::{by_id, entries, entry};
use crate::support::binary::Binary;
use crate::support::cluster::ml::MlVersion;
use crate::support::fixtures::Fixture;
use crate::support::world::World;

fn version() -> MlVersion {
    MlVersion::new(9, 2, 0)
}

#[test]
fn log_categories_come_back_under_the_same_id() {
    let binary = Binary::new();
    let fixture = Fixture::load("log-categories");
    let first = World::seeded(version(), &fixture).export(&binary, "log-categories", "first", &["--include-inputs"]);
    let world = World::new(version());
    let run = world.import(&binary, &first, &[]).expect(0);
    assert_eq!(run.stdout, "log-categories\n");
    let second = world.export(&binary, "log-categories", "second", &["--include-inputs"]);

    let (first, second) = (entries(&first), entries(&second));
    let state = |entries| {
        by_id(entry(entries, "_snapshot_docs.ndjson"))
            .into_values()
            .collect::<Vec<_>>()
    };
    assert_eq!(state(&first), state(&second));
    let snapshot: Value = serde_json::from_str(&fixture.snapshot().source).unwrap();
    assert_eq!(
        world.latest_record("log-categories"),
        snapshot["latest_record_time_stamp"].as_i64()
    );
}

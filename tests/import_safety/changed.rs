//! Somebody changes something right before each request of an import: afterwards the result is right, or the error is
//! clear, nothing of the import remains, and nothing of theirs is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::moved::add_index;
use super::ownership::{CALENDAR, DATAFEED, DETECTOR, FILTER, INDEX, ask, import};
use super::state::ClusterState;
use super::target;
use crate::support::cluster::faults::Fault;
use crate::support::cluster::stand_in::Direct;
use crate::support::world::World;

/// One kind of change.
struct Kind {
    name: &'static str,
    /// False where there is nothing yet that could be changed.
    act: fn(&Direct) -> bool,
    /// Checks that theirs is there, after a failed import, and takes it away.
    theirs: fn(&World),
}

fn exists(cluster: &Direct, path: &str) -> bool {
    cluster.call("GET", path, "").status == 200
}

/// An annotation that an import wrote.
fn annotation(cluster: &Direct) -> Option<String> {
    cluster.call("POST", "/.ml-annotations-read/_refresh", "");
    let found = cluster
        .call("POST", "/.ml-annotations-read/_search", r#"{"size":100}"#)
        .value();
    let hits = found["hits"]["hits"].as_array()?.clone();
    let hit = hits
        .into_iter()
        .find(|hit| hit["_id"].as_str().is_some_and(|id| id.starts_with("esml-")))?;
    Some(format!("/{}/_doc/{}", hit["_index"].as_str()?, hit["_id"].as_str()?))
}

fn nothing(_: &World) {}

fn delete(world: &World, path: &str) {
    let answer = world.call("DELETE", path, "");
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
}

const KINDS: [Kind; 12] = [
    Kind {
        name: "index replaced",
        act: |cluster| {
            exists(cluster, INDEX) && {
                ask(cluster, "DELETE", INDEX, "");
                ask(cluster, "PUT", &format!("{INDEX}/_doc/theirs?refresh=true"), "{}");
                true
            }
        },
        theirs: |world| {
            world.call("POST", &format!("{INDEX}/_refresh"), "");
            let count = world.call("GET", &format!("{INDEX}/_count"), "").value();
            assert_eq!(count["count"], 1);
            delete(world, INDEX);
        },
    },
    Kind {
        name: "index deleted",
        act: |cluster| cluster.call("DELETE", INDEX, "").status == 200,
        theirs: nothing,
    },
    Kind {
        name: "index blocked",
        act: |cluster| {
            let body = r#"{"index":{"blocks":{"write":true}}}"#;
            cluster.call("PUT", &format!("{INDEX}/_settings"), body).status == 200
        },
        theirs: nothing,
    },
    Kind {
        name: "annotations rolled over",
        act: |cluster| {
            add_index(cluster, ".ml-annotations-write", true);
            true
        },
        theirs: nothing,
    },
    Kind {
        name: "annotation added",
        act: |cluster| {
            let body = json!({"job_id": "web-latency", "annotation": "theirs", "timestamp": 1, "create_username": "u"});
            let path = "/.ml-annotations-write/_doc/theirs?refresh=true&require_alias=true";
            ask(cluster, "PUT", path, &body.to_string());
            true
        },
        theirs: |world| delete(world, "/.ml-annotations-write/_doc/theirs?refresh=true"),
    },
    Kind {
        name: "annotation changed",
        act: |cluster| {
            annotation(cluster).is_some_and(|path| {
                ask(
                    cluster,
                    "PUT",
                    &format!("{path}?refresh=true"),
                    r#"{"job_id":"web-latency","annotation":"x"}"#,
                );
                true
            })
        },
        theirs: nothing,
    },
    Kind {
        name: "annotation deleted",
        act: |cluster| {
            annotation(cluster).is_some_and(|path| {
                ask(cluster, "DELETE", &format!("{path}?refresh=true"), "");
                true
            })
        },
        theirs: nothing,
    },
    Kind {
        name: "event added to the calendar",
        act: |cluster| {
            let event = r#"{"events":[{"description":"theirs","start_time":1,"end_time":2}]}"#;
            cluster.call("POST", &format!("{CALENDAR}/events"), event).status == 200
        },
        theirs: |world| {
            let events = world.call("GET", &format!("{CALENDAR}/events"), "").value();
            assert!(events.to_string().contains("theirs"), "{events}");
            delete(world, CALENDAR);
        },
    },
    Kind {
        name: "calendar deleted",
        act: |cluster| cluster.call("DELETE", CALENDAR, "").status == 200,
        theirs: nothing,
    },
    Kind {
        name: "filter edited",
        act: |cluster| {
            cluster
                .call("POST", &format!("{FILTER}/_update"), r#"{"add_items":["theirs"]}"#)
                .status
                == 200
        },
        theirs: |world| {
            let filter = world.call("GET", FILTER, "").value();
            assert!(filter.to_string().contains("theirs"), "{filter}");
            delete(world, FILTER);
        },
    },
    Kind {
        name: "datafeed edited",
        act: |cluster| {
            cluster
                .call("POST", &format!("{DATAFEED}/_update"), r#"{"scroll_size":7}"#)
                .status
                == 200
        },
        theirs: nothing,
    },
    Kind {
        name: "job edited",
        act: |cluster| {
            cluster
                .call("POST", &format!("{DETECTOR}/_update"), r#"{"description":"theirs"}"#)
                .status
                == 200
        },
        theirs: nothing,
    },
];

/// What an import leaves that an edit of others does not touch.
fn result(world: &World) -> Value {
    let mut state = ClusterState::of(world).comparable();
    let contents = std::mem::take(&mut state.contents);
    let ours = contents
        .keys()
        .filter(|(_, id)| id.starts_with("esml-") || id.starts_with("web-latency_"));
    let inputs = contents.keys().filter(|(index, _)| index == "web-latency-input");
    json!({"documents": ours.count(), "inputs": inputs.count()})
}

#[test]
fn what_somebody_changes_at_any_request_is_respected() {
    let (expected, requests) = {
        let world = target(1, usize::MAX);
        import(&world, &[]).expect(0);
        (result(&world), world.stand_in.requests().len())
    };
    // Each kind at every seventh request, and each at others; all of them with ESML_TEST_FAULTS=all.
    let all = std::env::var_os("ESML_TEST_FAULTS").is_some_and(|which| which == "all");
    let step = if all { 1 } else { 7 };
    for (number, kind) in KINDS.iter().enumerate() {
        let (mut failed, mut done) = (0, 0);
        for nth in (1 + number % step..=requests).step_by(step) {
            let world = target(1, usize::MAX);
            let (before, direct, act) = (ClusterState::of(&world), world.stand_in.direct(), kind.act);
            let acted = Arc::new(AtomicBool::new(false));
            let told = Arc::clone(&acted);
            world.stand_in.faults().add(Fault::on("*", "").nth(nth).run(move |_| {
                told.store(act(&direct), Ordering::SeqCst);
            }));
            let run = import(&world, &["--json"]);
            world.stand_in.faults().clear();
            if !acted.load(Ordering::SeqCst) {
                continue;
            }
            let name = format!("{} before request {nth}, exit {}: {}", kind.name, run.code, run.stderr);
            if run.code == 0 {
                done += 1;
                // What comes after everything was read back is theirs alone.
                if requests - nth > 8 {
                    assert_eq!(result(&world), expected, "{name}");
                }
                continue;
            }
            failed += 1;
            assert!([1, 3, 5, 6].contains(&run.code), "{name}");
            assert!(run.stderr.contains("error: "), "{name}");
            if run.code == 6 {
                super::walk::clean_up(&world, &run);
            }
            (kind.theirs)(&world);
            let mut after = ClusterState::of(&world);
            if kind.name == "annotations rolled over" {
                after.aliases.clone_from(&before.aliases);
            }
            after.assert_as_before(&before, &name);
        }
        println!("{}: {failed} failed, {done} succeeded", kind.name);
        assert!(failed + done > 0, "{}", kind.name);
    }
}

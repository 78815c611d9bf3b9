//! Somebody changes something right before each request of an import: afterwards the result is right, or the error is
//! clear, nothing of the import remains, and nothing of theirs is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::moved::add_index;
use super::ownership::{CALENDAR, DATAFEED, DETECTOR, FILTER, INDEX, ask, import};
use super::state::ClusterState;
use super::target;
use crate::faults::walk::each;
use crate::support::binary::Run;
use crate::support::cluster::faults::Fault;
use crate::support::cluster::stand_in::Direct;
use crate::support::world::World;

/// One kind of change.
struct Kind {
    name: &'static str,
    /// False where there is nothing yet that could be changed.
    act: fn(&Direct) -> bool,
    /// Ends what keeps an index of the cluster from being used.
    end: fn(&World),
    /// Checks that theirs is there, after a failed import, and takes it away.
    theirs: fn(&World),
}

const fn kind(name: &'static str, act: fn(&Direct) -> bool) -> Kind {
    Kind {
        name,
        act,
        end: nothing,
        theirs: nothing,
    }
}

/// How many kinds of change there are.
pub const CHANGES: usize = KINDS.len();

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

const STATE: &str = "/.ml-state-000001";
const RESULTS: &str = "/.ml-anomalies-shared";
const ANNOTATIONS: &str = "/.ml-annotations-000001";

/// An index of the cluster that is closed or blocked until the import is over.
const fn out_of_use(name: &'static str, act: fn(&Direct) -> bool, end: fn(&World)) -> Kind {
    Kind {
        name,
        act,
        end,
        theirs: nothing,
    }
}

fn close(cluster: &Direct, index: &str) -> bool {
    cluster.call("POST", &format!("{index}/_close"), "").status == 200
}

fn open(world: &World, index: &str) {
    assert_eq!(world.call("POST", &format!("{index}/_open"), "").status, 200);
}

fn block(cluster: &Direct, index: &str) -> bool {
    let body = r#"{"index":{"blocks":{"write":true}}}"#;
    cluster.call("PUT", &format!("{index}/_settings"), body).status == 200
}

fn unblock(world: &World, index: &str) {
    let body = r#"{"index":{"blocks":{"write":null}}}"#;
    assert_eq!(world.call("PUT", &format!("{index}/_settings"), body).status, 200);
}

fn delete(world: &World, path: &str) {
    let answer = world.call("DELETE", path, "");
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
}

const KINDS: [Kind; 25] = [
    Kind {
        name: "index replaced",
        act: |cluster| {
            exists(cluster, INDEX) && {
                ask(cluster, "DELETE", INDEX, "");
                ask(cluster, "PUT", &format!("{INDEX}/_doc/theirs?refresh=true"), "{}");
                true
            }
        },
        end: nothing,
        theirs: |world| {
            world.call("POST", &format!("{INDEX}/_refresh"), "");
            let count = world.call("GET", &format!("{INDEX}/_count"), "").value();
            assert_eq!(count["count"], 1);
            delete(world, INDEX);
        },
    },
    kind("index deleted", |cluster| {
        cluster.call("DELETE", INDEX, "").status == 200
    }),
    kind("index blocked", |cluster| {
        let body = r#"{"index":{"blocks":{"write":true}}}"#;
        cluster.call("PUT", &format!("{INDEX}/_settings"), body).status == 200
    }),
    kind("index closed", |cluster| {
        cluster.call("POST", &format!("{INDEX}/_close"), "").status == 200
    }),
    kind("state rolled over", |cluster| {
        add_index(cluster, ".ml-state-write", true);
        true
    }),
    kind("results rolled over", |cluster| {
        let alias = ".ml-anomalies-.write-web-latency";
        exists(cluster, &format!("/_alias/{alias}")) && {
            add_index(cluster, alias, true);
            true
        }
    }),
    out_of_use(
        "state closed",
        |cluster| close(cluster, STATE),
        |world| open(world, STATE),
    ),
    out_of_use(
        "state blocked",
        |cluster| block(cluster, STATE),
        |world| unblock(world, STATE),
    ),
    out_of_use(
        "results closed",
        |cluster| close(cluster, RESULTS),
        |world| open(world, RESULTS),
    ),
    out_of_use(
        "results blocked",
        |cluster| block(cluster, RESULTS),
        |world| unblock(world, RESULTS),
    ),
    out_of_use(
        "annotations closed",
        |cluster| close(cluster, ANNOTATIONS),
        |world| open(world, ANNOTATIONS),
    ),
    out_of_use(
        "annotations blocked",
        |cluster| block(cluster, ANNOTATIONS),
        |world| unblock(world, ANNOTATIONS),
    ),
    kind("annotations rolled over", |cluster| {
        add_index(cluster, ".ml-annotations-write", true);
        true
    }),
    Kind {
        name: "annotation added",
        act: |cluster| {
            let body = json!({"job_id": "web-latency", "annotation": "theirs", "timestamp": 1, "create_username": "u"});
            let path = "/.ml-annotations-write/_doc/theirs?refresh=true&require_alias=true";
            ask(cluster, "PUT", path, &body.to_string());
            true
        },
        end: nothing,
        theirs: |world| delete(world, "/.ml-annotations-write/_doc/theirs?refresh=true"),
    },
    kind("annotation changed", |cluster| {
        annotation(cluster).is_some_and(|path| {
            ask(
                cluster,
                "PUT",
                &format!("{path}?refresh=true"),
                r#"{"job_id":"web-latency","annotation":"x"}"#,
            );
            true
        })
    }),
    kind("annotation deleted", |cluster| {
        annotation(cluster).is_some_and(|path| {
            ask(cluster, "DELETE", &format!("{path}?refresh=true"), "");
            true
        })
    }),
    Kind {
        name: "event added to the calendar",
        act: |cluster| {
            let event = r#"{"events":[{"description":"theirs","start_time":1,"end_time":2}]}"#;
            cluster.call("POST", &format!("{CALENDAR}/events"), event).status == 200
        },
        end: nothing,
        theirs: |world| {
            let events = world.call("GET", &format!("{CALENDAR}/events"), "").value();
            assert!(events.to_string().contains("theirs"), "{events}");
            delete(world, CALENDAR);
        },
    },
    kind("event deleted from the calendar", |cluster| {
        let events = cluster.call("GET", &format!("{CALENDAR}/events"), "").value();
        let event = events["events"][0]["event_id"].as_str();
        event.is_some_and(|id| cluster.call("DELETE", &format!("{CALENDAR}/events/{id}"), "").status == 200)
    }),
    Kind {
        name: "calendar given to another job",
        act: |cluster| {
            let job = format!("{CALENDAR}/jobs/user-population");
            cluster.call("PUT", &job, "").status == 200
        },
        end: nothing,
        theirs: |world| {
            let calendar = world.call("GET", CALENDAR, "").value();
            assert!(calendar.to_string().contains("user-population"), "{calendar}");
            delete(world, CALENDAR);
        },
    },
    kind("job removed from its calendar", |cluster| {
        let job = format!("{CALENDAR}/jobs/web-latency");
        cluster.call("DELETE", &job, "").status == 200
    }),
    kind("datafeed deleted", |cluster| {
        cluster.call("DELETE", DATAFEED, "").status == 200
    }),
    kind("calendar deleted", |cluster| {
        cluster.call("DELETE", CALENDAR, "").status == 200
    }),
    Kind {
        name: "filter edited",
        act: |cluster| {
            cluster
                .call("POST", &format!("{FILTER}/_update"), r#"{"add_items":["theirs"]}"#)
                .status
                == 200
        },
        end: nothing,
        theirs: |world| {
            let filter = world.call("GET", FILTER, "").value();
            assert!(filter.to_string().contains("theirs"), "{filter}");
            delete(world, FILTER);
        },
    },
    kind("datafeed edited", |cluster| {
        cluster
            .call("POST", &format!("{DATAFEED}/_update"), r#"{"scroll_size":7}"#)
            .status
            == 200
    }),
    kind("job edited", |cluster| {
        cluster
            .call("POST", &format!("{DETECTOR}/_update"), r#"{"description":"theirs"}"#)
            .status
            == 200
    }),
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
    // Each kind at every 17th request, and each at others; all of them with ESML_TEST_FAULTS=all.
    let all = std::env::var_os("ESML_TEST_FAULTS").is_some_and(|which| which == "all");
    let step = if all { 1 } else { 17 };
    let cells = KINDS.iter().enumerate().flat_map(|(number, kind)| {
        let numbers = (1 + number % step..=requests).step_by(step);
        numbers.map(move |nth| (number, kind, nth))
    });
    let acted: Vec<AtomicUsize> = KINDS.iter().map(|_| AtomicUsize::new(0)).collect();
    let report = each(cells.collect(), |&(number, kind, nth)| {
        let world = target(1, usize::MAX);
        let (before, direct, act) = (ClusterState::of(&world), world.stand_in.direct(), kind.act);
        let changed = Arc::new(AtomicBool::new(false));
        let hooked = Arc::clone(&changed);
        world.stand_in.faults().add(Fault::on("*", "").nth(nth).run(move |_| {
            hooked.store(act(&direct), Ordering::SeqCst);
        }));
        let run = import(&world, &["--json"]);
        world.stand_in.faults().clear();
        if !changed.load(Ordering::SeqCst) {
            return Ok(());
        }
        acted[number].fetch_add(1, Ordering::SeqCst);
        (kind.end)(&world);
        // What comes after everything was read back is theirs alone.
        let late = requests - nth <= 8;
        judge(kind, &world, &run, &before, (!late).then_some(&expected)).map_err(|why| {
            let at = &world.stand_in.requests()[nth - 1];
            format!(
                "{} before {nth} ({} {}), exit {}: {why}\n{}",
                kind.name, at.method, at.path, run.code, run.stderr
            )
        })
    });
    report.hold("an import while others change something");
    for (kind, acted) in KINDS.iter().zip(acted) {
        assert!(!all || acted.into_inner() > 0, "{}", kind.name);
    }
}

/// Sees how the import ended. `expected`: what it leaves where it succeeds.
fn judge(kind: &Kind, world: &World, run: &Run, before: &ClusterState, expected: Option<&Value>) -> Result<(), String> {
    if run.code == 0 {
        return match expected.is_none_or(|expected| result(world) == *expected) {
            true => Ok(()),
            false => Err(format!("left {}", result(world))),
        };
    }
    if ![1, 3, 5, 6].contains(&run.code) || !run.stderr.contains("error: ") {
        return Err("no error".to_owned());
    }
    if run.code == 6 {
        super::walk::clean_up(world, run);
    }
    (kind.theirs)(world);
    let mut after = ClusterState::of(world);
    if kind.name.ends_with("rolled over") {
        after.aliases.clone_from(&before.aliases);
    }
    after.as_before(before)
}

//! Another user changes something immediately before each request of an import. Afterward, the result is correct, or
//! the error is clear, the import is rolled back, and the other user's change is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::cluster_state::ClusterState;
use super::moved_aliases::add_index;
use super::ownership::{CALENDAR, DATAFEED, DETECTOR, FILTER, INDEX, import, send};
use super::target;
use crate::faults::runner::run_all;
use crate::support::binary::Run;
use crate::support::cluster::faults::FaultRule;
use crate::support::cluster::stand_in::DirectClient;
use crate::support::test_cluster::TestCluster;
use crate::support::{exhaustive, sample_step};

/// One kind of change.
struct Kind {
    name: &'static str,
    /// False if there is nothing to change yet.
    apply: fn(&DirectClient) -> bool,
    /// Reopens or unblocks an index.
    restore: fn(&TestCluster),
    /// Checks after a failed import that the other user's object exists, and removes it.
    check_and_remove: fn(&TestCluster),
}

const fn kind(name: &'static str, apply: fn(&DirectClient) -> bool) -> Kind {
    Kind {
        name,
        apply,
        restore: no_op,
        check_and_remove: no_op,
    }
}

/// How many kinds of change there are.
pub const CHANGE_COUNT: usize = KINDS.len();

fn exists(cluster: &DirectClient, path: &str) -> bool {
    cluster.call("GET", path, "").status == 200
}

/// Returns an annotation that an import wrote.
fn annotation(cluster: &DirectClient) -> Option<String> {
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

fn no_op(_: &TestCluster) {}

const STATE: &str = "/.ml-state-000001";
const RESULTS: &str = "/.ml-anomalies-shared";
const ANNOTATIONS: &str = "/.ml-annotations-000001";

/// An index of the cluster that is closed or blocked until the import has ended.
const fn unavailable_index(name: &'static str, apply: fn(&DirectClient) -> bool, restore: fn(&TestCluster)) -> Kind {
    Kind {
        name,
        apply,
        restore,
        check_and_remove: no_op,
    }
}

fn close(cluster: &DirectClient, index: &str) -> bool {
    cluster.call("POST", &format!("{index}/_close"), "").status == 200
}

fn open(test_cluster: &TestCluster, index: &str) {
    assert_eq!(test_cluster.call("POST", &format!("{index}/_open"), "").status, 200);
}

fn block(cluster: &DirectClient, index: &str) -> bool {
    let body = r#"{"index":{"blocks":{"write":true}}}"#;
    cluster.call("PUT", &format!("{index}/_settings"), body).status == 200
}

fn unblock(test_cluster: &TestCluster, index: &str) {
    let body = r#"{"index":{"blocks":{"write":null}}}"#;
    assert_eq!(
        test_cluster.call("PUT", &format!("{index}/_settings"), body).status,
        200
    );
}

fn delete(test_cluster: &TestCluster, path: &str) {
    let answer = test_cluster.call("DELETE", path, "");
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
}

const KINDS: [Kind; 25] = [
    Kind {
        name: "index replaced",
        apply: |cluster| {
            exists(cluster, INDEX) && {
                send(cluster, "DELETE", INDEX, "");
                send(cluster, "PUT", &format!("{INDEX}/_doc/theirs?refresh=true"), "{}");
                true
            }
        },
        restore: no_op,
        check_and_remove: |test_cluster| {
            test_cluster.call("POST", &format!("{INDEX}/_refresh"), "");
            let count = test_cluster.call("GET", &format!("{INDEX}/_count"), "").value();
            assert_eq!(count["count"], 1);
            delete(test_cluster, INDEX);
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
    unavailable_index(
        "state closed",
        |cluster| close(cluster, STATE),
        |test_cluster| open(test_cluster, STATE),
    ),
    unavailable_index(
        "state blocked",
        |cluster| block(cluster, STATE),
        |test_cluster| unblock(test_cluster, STATE),
    ),
    unavailable_index(
        "results closed",
        |cluster| close(cluster, RESULTS),
        |test_cluster| open(test_cluster, RESULTS),
    ),
    unavailable_index(
        "results blocked",
        |cluster| block(cluster, RESULTS),
        |test_cluster| unblock(test_cluster, RESULTS),
    ),
    unavailable_index(
        "annotations closed",
        |cluster| close(cluster, ANNOTATIONS),
        |test_cluster| open(test_cluster, ANNOTATIONS),
    ),
    unavailable_index(
        "annotations blocked",
        |cluster| block(cluster, ANNOTATIONS),
        |test_cluster| unblock(test_cluster, ANNOTATIONS),
    ),
    kind("annotations rolled over", |cluster| {
        add_index(cluster, ".ml-annotations-write", true);
        true
    }),
    Kind {
        name: "annotation added",
        apply: |cluster| {
            let body = json!({"job_id": "web-latency", "annotation": "theirs", "timestamp": 1, "create_username": "u"});
            let path = "/.ml-annotations-write/_doc/theirs?refresh=true&require_alias=true";
            send(cluster, "PUT", path, &body.to_string());
            true
        },
        restore: no_op,
        check_and_remove: |test_cluster| delete(test_cluster, "/.ml-annotations-write/_doc/theirs?refresh=true"),
    },
    kind("annotation changed", |cluster| {
        annotation(cluster).is_some_and(|path| {
            send(
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
            send(cluster, "DELETE", &format!("{path}?refresh=true"), "");
            true
        })
    }),
    Kind {
        name: "event added to the calendar",
        apply: |cluster| {
            let event = r#"{"events":[{"description":"theirs","start_time":1,"end_time":2}]}"#;
            cluster.call("POST", &format!("{CALENDAR}/events"), event).status == 200
        },
        restore: no_op,
        check_and_remove: |test_cluster| {
            let events = test_cluster.call("GET", &format!("{CALENDAR}/events"), "").value();
            assert!(events.to_string().contains("theirs"), "{events}");
            delete(test_cluster, CALENDAR);
        },
    },
    kind("event deleted from the calendar", |cluster| {
        let events = cluster.call("GET", &format!("{CALENDAR}/events"), "").value();
        let event = events["events"][0]["event_id"].as_str();
        event.is_some_and(|id| cluster.call("DELETE", &format!("{CALENDAR}/events/{id}"), "").status == 200)
    }),
    Kind {
        name: "calendar given to another job",
        apply: |cluster| {
            let job = format!("{CALENDAR}/jobs/user-population");
            cluster.call("PUT", &job, "").status == 200
        },
        restore: no_op,
        check_and_remove: |test_cluster| {
            let calendar = test_cluster.call("GET", CALENDAR, "").value();
            assert!(calendar.to_string().contains("user-population"), "{calendar}");
            delete(test_cluster, CALENDAR);
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
        apply: |cluster| {
            cluster
                .call("POST", &format!("{FILTER}/_update"), r#"{"add_items":["theirs"]}"#)
                .status
                == 200
        },
        restore: no_op,
        check_and_remove: |test_cluster| {
            let filter = test_cluster.call("GET", FILTER, "").value();
            assert!(filter.to_string().contains("theirs"), "{filter}");
            delete(test_cluster, FILTER);
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

/// What an import creates, except for what another user changes.
fn imported_result(test_cluster: &TestCluster) -> Value {
    let mut state = ClusterState::of(test_cluster).comparable();
    let contents = std::mem::take(&mut state.contents);
    let ours = contents
        .keys()
        .filter(|(_, id)| id.starts_with("esml-") || id.starts_with("web-latency_"));
    let inputs = contents.keys().filter(|(index, _)| index == "web-latency-input");
    json!({"documents": ours.count(), "inputs": inputs.count()})
}

#[test]
fn import_respects_changes_of_the_cluster_at_any_request() {
    let (expected, requests) = {
        let test_cluster = target(1, usize::MAX);
        import(&test_cluster, &[]).expect(0);
        (imported_result(&test_cluster), test_cluster.stand_in.requests().len())
    };
    // Each kind at every 58th request, and each at others.
    let step = sample_step(58);
    let cells = KINDS.iter().enumerate().flat_map(|(number, kind)| {
        let numbers = (1 + number * 2 % step..=requests).step_by(step);
        numbers.map(move |nth| (number, kind, nth))
    });
    let acted: Vec<AtomicUsize> = KINDS.iter().map(|_| AtomicUsize::new(0)).collect();
    let report = run_all(cells.collect(), |&(number, kind, nth)| {
        let test_cluster = target(1, usize::MAX);
        let (before, direct, act) = (
            ClusterState::of(&test_cluster),
            test_cluster.stand_in.direct(),
            kind.apply,
        );
        let changed = Arc::new(AtomicBool::new(false));
        let hooked = Arc::clone(&changed);
        test_cluster
            .stand_in
            .faults()
            .add(FaultRule::on("*", "").nth(nth).run(move |_| {
                hooked.store(act(&direct), Ordering::SeqCst);
            }));
        let run = import(&test_cluster, &["--json"]);
        test_cluster.stand_in.faults().clear();
        if !changed.load(Ordering::SeqCst) {
            return Ok(());
        }
        acted[number].fetch_add(1, Ordering::SeqCst);
        (kind.restore)(&test_cluster);
        // What changes after the verification is only the other user's.
        let late = requests - nth <= 8;
        check_outcome(kind, &test_cluster, &run, &before, (!late).then_some(&expected)).map_err(|why| {
            let at = &test_cluster.stand_in.requests()[nth - 1];
            format!(
                "{} before {nth} ({} {}), exit {}: {why}\n{}",
                kind.name, at.method, at.path, run.code, run.stderr
            )
        })
    });
    report.assert_no_failures("an import while others change something");
    for (kind, acted) in KINDS.iter().zip(acted) {
        assert!(!exhaustive() || acted.into_inner() > 0, "{}", kind.name);
    }
}

/// Checks the result of the import. `expected` is the cluster after a successful one.
fn check_outcome(
    kind: &Kind,
    test_cluster: &TestCluster,
    run: &Run,
    before: &ClusterState,
    expected: Option<&Value>,
) -> Result<(), String> {
    if run.code == 0 {
        return match expected.is_none_or(|expected| imported_result(test_cluster) == *expected) {
            true => Ok(()),
            false => Err(format!("left {}", imported_result(test_cluster))),
        };
    }
    if ![1, 3, 5, 6].contains(&run.code) || !run.stderr.contains("error: ") {
        return Err("no error".to_owned());
    }
    if run.code == 6 {
        super::every_write::run_cleanup_commands(test_cluster, run);
    }
    (kind.check_and_remove)(test_cluster);
    let mut after = ClusterState::of(test_cluster);
    if kind.name.ends_with("rolled over") {
        after.aliases.clone_from(&before.aliases);
    }
    after.check_unchanged(before)
}

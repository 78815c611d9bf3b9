//! Something changes on the cluster right before each request of an export: the archive is then a consistent one, from
//! before or after the change, or the export fails with a clear error and leaves no file.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::fixture::{JOB, fixture, options};
use super::runner::run_all;
use crate::import_safety::add_index;
use crate::support::archive::{entries, gzip};
use crate::support::binary::Run;
use crate::support::cluster::faults::FaultRule;
use crate::support::cluster::stand_in::DirectClient;
use crate::support::in_process::InProcess;
use crate::support::sample_step;
use crate::support::test_cluster::{Template, TestCluster};

const SOURCE: &str = "app-logs";
/// The alias that the datafeed reads.
const ALIAS: &str = "logs";
const DETECTOR: &str = "/_ml/anomaly_detectors/log-categories";
const DATAFEED: &str = "/_ml/datafeeds/datafeed-log-categories";
const FILTER: &str = "/_ml/filters/canary-hosts";
const CALENDAR: &str = "/_ml/calendars/maintenance";
const STATE: &str = ".ml-state-000001";
const RESULTS: &str = ".ml-anomalies-shared";
const ANNOTATIONS: &str = ".ml-annotations-000001";

/// One kind of change.
pub struct Kind {
    name: &'static str,
    apply: fn(&DirectClient),
    /// Whether an export must succeed anyway.
    harmless: bool,
}

const fn kind(name: &'static str, apply: fn(&DirectClient)) -> Kind {
    Kind {
        name,
        apply,
        harmless: false,
    }
}

const fn harmless(name: &'static str, apply: fn(&DirectClient)) -> Kind {
    Kind {
        name,
        apply,
        harmless: true,
    }
}

#[track_caller]
fn send(cluster: &DirectClient, method: &str, path: &str, body: &Value) -> Value {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let answer = cluster.call(method, path, body);
    assert!(answer.status < 300, "{method} {path}: {answer:?}");
    answer.value()
}

fn put(cluster: &DirectClient, index: &str, id: &str, document: &Value) {
    let id = id.replace('#', "%23");
    send(cluster, "PUT", &format!("/{index}/_doc/{id}?refresh=true"), document);
}

fn delete(cluster: &DirectClient, path: &str) {
    send(cluster, "DELETE", path, &Value::Null);
}

fn close(cluster: &DirectClient, index: &str) {
    send(cluster, "POST", &format!("/{index}/_close"), &Value::Null);
}

fn block(cluster: &DirectClient, index: &str) {
    let blocks = json!({"index": {"blocks": {"read": true, "write": true}}});
    send(cluster, "PUT", &format!("/{index}/_settings"), &blocks);
}

/// Returns the first document of the job with this text in its ID.
fn document(cluster: &DirectClient, index: &str, part: &str) -> (String, Value) {
    let found = send(cluster, "POST", &format!("/{index}/_search"), &json!({"size": 1000}));
    let hits = found["hits"]["hits"].as_array().unwrap();
    let named = |hit: &&Value| hit["_id"].as_str().is_some_and(|id| id.contains(part));
    let hit = hits.iter().find(named).unwrap_or_else(|| panic!("{part} in {index}"));
    (hit["_id"].as_str().unwrap().to_owned(), hit["_source"].clone())
}

fn change_document(cluster: &DirectClient, index: &str, part: &str, change: impl Fn(&mut Value)) {
    let (id, mut source) = document(cluster, index, part);
    change(&mut source);
    put(cluster, index, &id, &source);
}

fn delete_document(cluster: &DirectClient, index: &str, part: &str) {
    let id = document(cluster, index, part).0.replace('#', "%23");
    delete(cluster, &format!("/{index}/_doc/{id}?refresh=true"));
}

/// Encodes a state document.
fn state(text: &str) -> Value {
    json!({"compressed": [STANDARD.encode(gzip(text.as_bytes()))], "eos": true})
}

fn input(time: i64) -> Value {
    json!({"@timestamp": time, "service": "new", "message": "a new message"})
}

/// Creates a new index for the alias that the datafeed reads, with an additional field.
fn add_source(cluster: &DirectClient) {
    let mut mapping = fixture().input_mapping;
    mapping["properties"]["new_field"] = json!({"type": "keyword"});
    let body = json!({"mappings": mapping, "aliases": {ALIAS: {}}});
    send(cluster, "PUT", "/app-logs-2", &body);
    put(cluster, "app-logs-2", "new", &input(1_709_300_000));
}

pub const KINDS: [Kind; 39] = [
    kind("source index replaced", |cluster| {
        delete(cluster, "/app-logs");
        let body = json!({"mappings": fixture().input_mapping, "aliases": {ALIAS: {}}});
        send(cluster, "PUT", "/app-logs", &body);
        for time in 0..7 {
            put(
                cluster,
                SOURCE,
                &format!("theirs-{time}"),
                &input(1_709_251_286 + time * 100),
            );
        }
    }),
    kind("source index deleted", |cluster| delete(cluster, "/app-logs")),
    kind("source index closed", |cluster| close(cluster, SOURCE)),
    kind("source index blocked", |cluster| block(cluster, SOURCE)),
    harmless("source index rolled over", add_source),
    kind("source alias switched", |cluster| {
        add_source(cluster);
        let remove = json!({"actions": [{"remove": {"index": SOURCE, "alias": ALIAS}}]});
        send(cluster, "POST", "/_aliases", &remove);
    }),
    harmless("input document added", |cluster| {
        put(cluster, SOURCE, "new", &input(1_709_251_300));
    }),
    harmless("input document changed", |cluster| {
        change_document(cluster, SOURCE, "i000003", |input| input["service"] = "changed".into());
    }),
    kind("input document deleted", |cluster| {
        delete_document(cluster, SOURCE, "i000003");
    }),
    harmless("state index rolled over", |cluster| {
        add_index(cluster, ".ml-state-write", true);
        let (id, _) = document(cluster, STATE, "_categorizer_state#1");
        put(cluster, ".ml-state-000002", &id, &state("newer"));
    }),
    kind("state index deleted", |cluster| delete(cluster, &format!("/{STATE}"))),
    kind("state index closed", |cluster| close(cluster, STATE)),
    kind("state index blocked", |cluster| block(cluster, STATE)),
    harmless("state document changed", |cluster| {
        change_document(cluster, STATE, "_model_state_", |state| {
            *state = self::state("changed");
        });
    }),
    kind("state document deleted", |cluster| {
        delete_document(cluster, STATE, "_model_state_");
    }),
    kind("categorizer state deleted", |cluster| {
        delete_document(cluster, STATE, "_categorizer_state#1");
    }),
    kind("model snapshot deleted", |cluster| {
        delete_document(cluster, RESULTS, "_model_snapshot_");
        delete_document(cluster, STATE, "_model_state_");
    }),
    kind("job deleted", |cluster| delete(cluster, DETECTOR)),
    kind("job replaced", |cluster| {
        let theirs = json!({"description": "theirs", "analysis_config": {"detectors": [{"function": "count"}]},
            "data_description": {}});
        delete(cluster, DETECTOR);
        // Jobs are distinguished by their creation time.
        std::thread::sleep(std::time::Duration::from_millis(2));
        send(cluster, "PUT", DETECTOR, &theirs);
    }),
    kind("job reverted", |cluster| {
        send(
            cluster,
            "POST",
            &format!("{DETECTOR}/model_snapshots/empty/_revert"),
            &Value::Null,
        );
    }),
    harmless("job edited", |cluster| {
        send(
            cluster,
            "POST",
            &format!("{DETECTOR}/_update"),
            &json!({"description": "edited"}),
        );
    }),
    harmless("job opened", |cluster| {
        send(cluster, "POST", &format!("{DETECTOR}/_open"), &Value::Null);
    }),
    harmless("datafeed edited", |cluster| {
        send(
            cluster,
            "POST",
            &format!("{DATAFEED}/_update"),
            &json!({"scroll_size": 7}),
        );
    }),
    kind("datafeed deleted", |cluster| delete(cluster, DATAFEED)),
    harmless("results rolled over", |cluster| {
        add_index(cluster, ".ml-anomalies-.write-log-categories", true);
    }),
    kind("results index closed", |cluster| close(cluster, RESULTS)),
    harmless("annotations rolled over", |cluster| {
        add_index(cluster, ".ml-annotations-write", true);
    }),
    kind("annotations index closed", |cluster| close(cluster, ANNOTATIONS)),
    harmless("annotation added", |cluster| {
        let theirs = json!({"job_id": JOB, "annotation": "theirs", "timestamp": 1, "create_time": 1});
        put(cluster, ANNOTATIONS, "theirs", &theirs);
    }),
    harmless("annotation changed", |cluster| {
        change_document(cluster, ANNOTATIONS, "a00001", |text| {
            text["annotation"] = "changed".into()
        });
    }),
    kind("annotation deleted", |cluster| {
        delete_document(cluster, ANNOTATIONS, "a00001");
    }),
    kind("notifications index closed", |cluster| {
        close(cluster, ".ml-notifications-000002")
    }),
    harmless("filter edited", |cluster| {
        send(
            cluster,
            "POST",
            &format!("{FILTER}/_update"),
            &json!({"add_items": ["theirs"]}),
        );
    }),
    kind("filter deleted", |cluster| {
        let rules = json!({"detectors": [{"detector_index": 0, "custom_rules": []}]});
        send(cluster, "POST", &format!("{DETECTOR}/_update"), &rules);
        delete(cluster, FILTER);
    }),
    harmless("event added to the calendar", |cluster| {
        let event = json!({"events": [{"description": "theirs", "start_time": 1, "end_time": 2}]});
        send(cluster, "POST", &format!("{CALENDAR}/events"), &event);
    }),
    kind("calendar deleted", |cluster| delete(cluster, CALENDAR)),
    harmless("result changed", |cluster| {
        change_document(cluster, RESULTS, "log-categories_bucket_1", |bucket| {
            bucket["anomaly_score"] = 99.into();
        });
    }),
    kind("result deleted", |cluster| {
        delete_document(cluster, RESULTS, "log-categories_bucket_1");
    }),
    harmless("category changed", |cluster| {
        change_document(cluster, RESULTS, "_category_definition_2", |category| {
            category["num_matches"] = 9_999.into();
        });
    }),
];

/// A cluster with a job whose datafeed reads an alias.
fn source() -> TestCluster {
    static SOURCE: OnceLock<Template> = OnceLock::new();
    let seed = |test_cluster: &TestCluster| {
        let fixture = fixture().with_job(|job| job["datafeed_config"]["indices"] = json!([ALIAS]));
        test_cluster.seed(&fixture);
        let add = json!({"actions": [{"add": {"index": "app-logs", "alias": ALIAS}}]});
        test_cluster.call("POST", "/_aliases", &add.to_string());
    };
    SOURCE
        .get_or_init(|| TestCluster::template(options(), seed))
        .cluster(None)
}

fn export(test_cluster: &TestCluster, output: &Path, more: &[&str]) -> Run {
    let (url, output) = (test_cluster.stand_in.url(), output.display().to_string());
    let line = [
        "export",
        "--job-id",
        JOB,
        "-o",
        &output,
        "--yes",
        "--include-inputs",
        "--include-results",
        "--url",
        &url,
    ];
    let rest = [
        "--page-size",
        "2",
        "--slices",
        "1",
        "--retries",
        "0",
        "--compression-level",
        "0",
    ];
    InProcess::new().run(&[&line[..], &rest, more].concat())
}

type Contents = BTreeMap<String, String>;

/// The entries of an archive that must be consistent with each other, by kind.
fn contents(archive: &Path) -> BTreeMap<String, Contents> {
    let mut groups = BTreeMap::<String, Contents>::new();
    for (name, text) in entries(archive) {
        let group = match &name {
            name if name == "esml_manifest.json" => continue,
            name if name.contains("_input") => "inputs",
            name if name.ends_with("_snapshot_docs.ndjson") => "state",
            name => name,
        };
        groups.entry(group.to_owned()).or_default().insert(name.clone(), text);
    }
    groups
}

const PAGINATIONS: [&str; 2] = ["pit", "scroll"];

/// The result of an export without faults: the number of requests, and the archive.
fn unchanged_export(pagination: &str, change: Option<&Kind>) -> (usize, Option<BTreeMap<String, Contents>>) {
    let (test_cluster, directory) = (source(), tempfile::tempdir().unwrap());
    let output = directory.path().join("out.tar.gz");
    let mut more = vec!["--pagination", pagination];
    let snapshot = fixture().snapshot_id().to_owned();
    if let Some(kind) = change {
        (kind.apply)(&test_cluster.stand_in.direct());
        if kind.name == "job reverted" {
            more.extend(["--snapshot-id", &snapshot]);
        }
    }
    let run = export(&test_cluster, &output, &more);
    (
        test_cluster.stand_in.requests().len(),
        (run.code == 0).then(|| contents(&output)),
    )
}

/// The accepted contents of an archive: from before the change, or from after it. They do not depend on the pagination.
struct ValidContents {
    before: BTreeMap<String, Contents>,
    after: Vec<Option<BTreeMap<String, Contents>>>,
}

fn valid_contents(before: BTreeMap<String, Contents>) -> ValidContents {
    let after = |kind| unchanged_export(PAGINATIONS[0], Some(kind)).1;
    ValidContents {
        before,
        after: KINDS.iter().map(after).collect(),
    }
}

fn check_outcome(
    number: usize,
    views: &ValidContents,
    test_cluster: &TestCluster,
    run: &Run,
    output: &Path,
) -> Result<(), String> {
    let kind = &KINDS[number];
    if test_cluster.documents.open_contexts() != Some(0) {
        return Err("contexts are open".to_owned());
    }
    let left = std::fs::read_dir(output.parent().unwrap()).unwrap().count();
    match run.code {
        0 => {}
        1 if kind.harmless => return Err("failed".to_owned()),
        1 if left > 0 => return Err(format!("left {left} files")),
        1 if run.stderr.contains("error: ") && run.stderr.contains("hint: ") => return Ok(()),
        code => return Err(format!("exit {code}, or no error")),
    }
    let archive = output.display().to_string();
    let inspected = InProcess::new().run(&["inspect", "--verify", &archive]);
    if inspected.code != 0 {
        return Err(format!("inspect --verify: {}", inspected.stdout));
    }
    let found = contents(output);
    let gone = ["job deleted", "job replaced", "model snapshot deleted"].contains(&kind.name);
    let after = views.after[number].as_ref().filter(|_| !gone);
    let names: std::collections::BTreeSet<&String> = found
        .keys()
        .chain(views.before.keys())
        .chain(after.into_iter().flat_map(BTreeMap::keys))
        .collect();
    for name in names {
        let part = found.get(name);
        let has_warning = kind.name == "filter deleted" && run.stderr.contains("warning: filter ");
        if part != views.before.get(name) && after.is_none_or(|after| part != after.get(name)) && !has_warning {
            return Err(format!("{name} is neither from before nor from after"));
        }
    }
    Ok(())
}

#[test]
fn export_is_consistent_or_fails_when_the_cluster_changes() {
    let exports = PAGINATIONS.map(|pagination| unchanged_export(pagination, None));
    let requests = exports.each_ref().map(|(requests, _)| *requests);
    let [before, same] = exports.map(|(_, contents)| contents.expect("an export"));
    assert_eq!(before, same);
    let views = valid_contents(before);
    let step = sample_step(74);
    let mut scenarios = Vec::new();
    for (number, kind) in KINDS.iter().enumerate() {
        for (way, requests) in requests.iter().enumerate() {
            let first = 1 + (number + way * step / 2) % step;
            scenarios.extend((first..=*requests).step_by(step).map(|nth| (number, kind, way, nth)));
        }
    }
    run_all(scenarios, |&(number, kind, way, nth)| {
        let (test_cluster, directory) = (source(), tempfile::tempdir().unwrap());
        let (output, direct, act) = (
            directory.path().join("out.tar.gz"),
            test_cluster.stand_in.direct(),
            kind.apply,
        );
        test_cluster
            .stand_in
            .faults()
            .add(FaultRule::on("*", "").nth(nth).run(move |_| act(&direct)));
        let run = export(&test_cluster, &output, &["--pagination", PAGINATIONS[way]]);
        check_outcome(number, &views, &test_cluster, &run, &output).map_err(|why| {
            let at = &test_cluster.stand_in.requests()[nth - 1];
            let scenario = format!(
                "{} before {nth} ({} {}), {}",
                kind.name, at.method, at.path, PAGINATIONS[way]
            );
            format!("{scenario}, exit {}: {why}\n{}", run.code, run.stderr)
        })
    })
    .assert_no_failures("an export while others change something");
}

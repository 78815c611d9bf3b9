//! The ML side of the stand-in: the recorded exchanges sent again, and what versions do differently.
//!
//! Not compared in the replay, because it differs from run to run or from node to node: instants of the recording's
//! day and later (creation, log times, sort values), `took`, scores, shard and sequence numbers, node and cluster
//! names, uuids, made-up ids (events, notifications, keys), `query_delay` (random), licence dates, positions in a
//! body, the number of notifications, and `.ml-config`, which no user sees.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::cluster::documents::InMemory;
use crate::support::cluster::ml::{JobState, License, MlApi, MlOptions, MlVersion, User};
use crate::support::cluster::real::documents_for_tests;
use crate::support::cluster::{Answer, Api, Call, Documents};
use crate::support::fixtures::{BYSTANDER, Fixture, Stored, load};

const ML: &str = include_str!("../fixtures/exchanges/ml-exchanges.jsonl");
const SECURITY: &str = include_str!("../fixtures/exchanges/security-exchanges.jsonl");

const VOLATILE: [&str; 27] = [
    "took",
    "max_score",
    "_score",
    "_seq_no",
    "_shards",
    "node",
    "node_name",
    "name",
    "cluster_name",
    "cluster_uuid",
    "uid",
    "issued_to",
    "event_id",
    "query_delay",
    "create_time",
    "finished_time",
    "issue_date",
    "expiry_date",
    "issue_date_in_millis",
    "expiry_date_in_millis",
    "id",
    "api_key",
    "effective_max_model_memory_limit",
    "build_hash",
    "build_date",
    "_version",
    "task_id",
];

/// The day of the recording: later instants are the clock's.
const RECORDING: i64 = 1_795_000_000_000;

fn masked(value: &Value) -> Value {
    match value {
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| {
                let hidden = VOLATILE.contains(&key.as_str()) || (key == "_id" && is_made_up(value));
                (key.clone(), if hidden { json!("…") } else { masked(value) })
            })
            .collect(),
        Value::Array(items) => items
            .iter()
            .filter(|item| item["index"] != ".ml-config")
            .map(masked)
            .collect(),
        Value::Number(number) => match number.as_i64() {
            Some(instant) if instant > RECORDING => json!("…"),
            _ => json!(number.as_f64()),
        },
        Value::String(text) => json!(without_position(text)),
        other => other.clone(),
    }
}

fn is_made_up(id: &Value) -> bool {
    let base64 = |id: &str| id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    id.as_str()
        .is_some_and(|id| id.contains("_model_size_stats_") || id.len() == 20 && base64(id))
}

/// `[1:258] [job_details] …` without the numbers; an API key without its id.
fn without_position(text: &str) -> String {
    let text = match text.split_once("API key id [") {
        Some((before, rest)) => format!("{before}API key id […{}", &rest[rest.find(']').unwrap_or(0)..]),
        None => text.to_owned(),
    };
    match text.strip_prefix('[').and_then(|rest| rest.split_once("] [")) {
        Some((at, rest)) if at.chars().all(|c| c.is_ascii_digit() || c == ':') => format!("[…] [{rest}"),
        _ => text,
    }
}

/// A cluster in memory.
#[derive(Clone)]
struct Cluster {
    ml: MlApi,
    documents: Arc<dyn Documents>,
}

impl Cluster {
    fn new(options: MlOptions) -> Self {
        Self {
            ml: MlApi::new(options),
            documents: Arc::new(InMemory::new()),
        }
    }

    fn of(version: MlVersion) -> Self {
        Self::new(MlOptions::new(version))
    }

    /// On the documents that this run of the suite is about.
    fn on_chosen_documents(options: MlOptions) -> Self {
        Self {
            ml: MlApi::new(options),
            documents: documents_for_tests(),
        }
    }

    async fn send(&self, call: Call) -> Answer {
        match self.ml.call(call.clone(), Arc::clone(&self.documents)).await {
            Some(answer) => answer,
            None => self.documents.call(call).await,
        }
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let answer = self.send(Call::new(method, path, body)).await;
        (answer.status, answer.value())
    }

    async fn seeded(options: MlOptions, fixture: &Fixture) -> Self {
        let cluster = Self {
            ml: MlApi::new(options),
            documents: documents_for_tests(),
        };
        fixture.seed(&cluster.ml, Arc::clone(&cluster.documents)).await;
        cluster
    }

    async fn count(&self, index: &str, query: Value) -> u64 {
        let (status, found) = self
            .call(
                "POST",
                &format!("/{index}/_search?expand_wildcards=all"),
                json!({"query": query, "size": 0}),
            )
            .await;
        assert_eq!(status, 200, "{found}");
        found["hits"]["total"]["value"].as_u64().unwrap()
    }
}

async fn compare(cluster: &Cluster, number: usize, exchange: &Value, authorization: Option<&str>) -> Option<String> {
    let (request, expected) = (&exchange["request"], &exchange["response"]);
    let body = if request["body"].is_null() {
        String::new()
    } else {
        request["body"].to_string()
    };
    let (method, path) = (request["method"].as_str().unwrap(), request["path"].as_str().unwrap());
    let mut call = Call::new(method, path, body);
    if let Some(authorization) = authorization {
        call.headers
            .push(("authorization".to_owned(), authorization.to_owned()));
    }
    let answer = cluster.send(call).await;
    let mut recorded = json!({"status": expected["status"], "body": masked(&expected["body"])});
    let mut answered = json!({"status": answer.status, "body": masked(&answer.value())});
    if path.starts_with("/.ml-notifications") {
        recorded["body"]["hits"]["total"] = Value::Null;
        answered["body"]["hits"]["total"] = Value::Null;
    }
    if path.starts_with("/_cat/indices") {
        // A node lists them in any order, and refreshes by itself: what is counted by then depends on its pace.
        for side in [&mut recorded, &mut answered] {
            let listed = side["body"].as_array().into_iter().flatten();
            let mut names: Vec<Value> = listed.map(|index| index["index"].clone()).collect();
            names.sort_by_key(Value::to_string);
            side["body"] = Value::Array(names);
        }
    }
    if path.starts_with("/_refresh") {
        recorded["body"] = Value::Null;
        answered["body"] = Value::Null;
    }
    (recorded != answered).then(|| format!("{number} {method} {path}\n  recorded {recorded}\n  answered {answered}"))
}

#[tokio::test]
async fn ml_answers_as_recorded() {
    let cluster = Cluster::on_chosen_documents(MlOptions::new(MlVersion::recorded()));
    let mut differences = Vec::new();
    for (number, line) in ML.lines().enumerate() {
        let exchange: Value = serde_json::from_str(line).unwrap();
        differences.extend(compare(&cluster, number + 1, &exchange, None).await);
    }
    assert!(
        differences.is_empty(),
        "{} differences\n{}",
        differences.len(),
        differences.join("\n")
    );
}

#[tokio::test]
async fn security_answers_as_recorded() {
    let key = "ZXhhbXBsZS1rZXktaWQ6ZXhhbXBsZS1hcGkta2V5LXZhbHVl";
    let users = vec![
        User::superuser("elastic", "right"),
        User::new("narrow", "example")
            .cluster(&["monitor"])
            .indices(&["src"], &["read"]),
        User::new("elastic", "…")
            .api_key(key)
            .cluster(&["monitor"])
            .indices(&["src"], &["read"]),
    ];
    let mut options = MlOptions::new(MlVersion::recorded());
    options.users = Some(users);
    let cluster = Cluster::on_chosen_documents(options);
    let open = Cluster {
        ml: MlApi::of(MlVersion::recorded()),
        documents: Arc::clone(&cluster.documents),
    };
    open.call(
        "PUT",
        "/_ml/anomaly_detectors/s1",
        json!({"analysis_config": {"bucket_span": "15m",
        "detectors": [{"function": "count"}]}, "data_description": {"time_field": "@timestamp"}}),
    )
    .await;
    cluster
        .ml
        .adopt_job(&open.ml.job_config("s1").unwrap(), Arc::clone(&cluster.documents))
        .await;
    let mut differences = Vec::new();
    for (number, line) in SECURITY.lines().enumerate() {
        let exchange: Value = serde_json::from_str(line).unwrap();
        let request = &exchange["request"];
        let path = request["path"].as_str().unwrap();
        let authorization = match request["auth"].as_str().unwrap() {
            "none" | "security off" => None,
            "Basic, wrong password" => Some("Basic ZWxhc3RpYzp3cm9uZw==".to_owned()),
            "ApiKey, unknown" => Some("ApiKey dW5rbm93bjp1bmtub3du".to_owned()),
            "Bearer, unknown" => Some("Bearer unknown".to_owned()),
            "Basic, narrow role" => Some("Basic bmFycm93OmV4YW1wbGU=".to_owned()),
            kind if kind.starts_with("ApiKey") => Some(format!("ApiKey {key}")),
            _ => Some("Basic ZWxhc3RpYzpyaWdodA==".to_owned()),
        };
        // Making users and keys is the test's own matter here.
        if ["/_security/api_key", "/_security/role/narrow", "/_security/user/narrow"].contains(&path) {
            continue;
        }
        let at = if request["auth"] == "security off" {
            &open
        } else {
            &cluster
        };
        let mut exchange = exchange.clone();
        if exchange["response"]["body"]["error"]["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("API key id"))
        {
            let reason = "action [indices:data/read/search] is unauthorized for user [elastic] on indices [other], this \
                          action is granted by the privileges [read,all]";
            exchange["response"]["body"]["error"]["reason"] = json!(reason);
            exchange["response"]["body"]["error"]["root_cause"][0]["reason"] = json!(reason);
        }
        differences.extend(compare(at, number + 1, &exchange, authorization.as_deref()).await);
    }
    assert!(
        differences.is_empty(),
        "{} differences\n{}",
        differences.len(),
        differences.join("\n")
    );
}

fn revert(fixture: &Fixture) -> String {
    format!(
        "/_ml/anomaly_detectors/{}/model_snapshots/{}/_revert",
        fixture.id(),
        fixture.snapshot_id()
    )
}

#[tokio::test]
async fn every_fixture_opens_with_all_its_state() {
    for (name, categorizer) in [
        ("web-latency", 0),
        ("log-categories", 1),
        ("user-population", 0),
        ("log-categories-multisnap", 1),
    ] {
        for new in [name, "a.dotted-job.id"] {
            let fixture = Fixture::load(name).renamed(new);
            let cluster = Cluster::seeded(MlOptions::new(MlVersion::new(9, 2, 0)), &fixture).await;
            let said = cluster
                .call("POST", &format!("/_ml/anomaly_detectors/{new}/_open"), Value::Null)
                .await;
            assert_eq!(said.0, 200, "{name} as {new}: {}", said.1);
            let restored = cluster.ml.opened_with(new).unwrap();
            assert_eq!(
                (restored.model_docs, restored.categorizer_docs),
                (1, categorizer),
                "{name} as {new}"
            );
            assert!(restored.quantiles);
            assert_eq!(
                restored.latest_record_timestamp,
                fixture.data_counts["latest_record_timestamp"].as_i64()
            );
        }
    }
}

#[tokio::test]
async fn a_datafeed_goes_on_where_the_data_counts_end() {
    let fixture = Fixture::load("web-latency");
    let cluster = Cluster::seeded(MlOptions::new(MlVersion::new(8, 19, 0)), &fixture).await;
    cluster
        .call("POST", "/_ml/anomaly_detectors/web-latency/_open", Value::Null)
        .await;
    let (status, _) = cluster
        .call("POST", "/_ml/datafeeds/datafeed-web-latency/_start", Value::Null)
        .await;
    assert_eq!(status, 200);
    let latest = fixture.data_counts["latest_record_timestamp"].as_i64().unwrap();
    assert_eq!(
        cluster.ml.opened_with("web-latency").unwrap().datafeed_start,
        Some(latest + 1)
    );
}

#[tokio::test]
async fn a_missing_or_damaged_state_document_fails_the_opening() {
    let damage: [fn(&mut Fixture); 3] = [
        |fixture| fixture.state.clear(),
        |fixture| {
            let source = &mut fixture.state[0].source;
            let middle = source.len() / 2;
            let other = if source[middle..].starts_with('A') { "B" } else { "A" };
            source.replace_range(middle..=middle, other);
        },
        |fixture| {
            let body = fixture.state[0]
                .source
                .trim_start_matches('{')
                .replace(",\"eos\":true}", "}");
            fixture.state[0].source = format!("{{\"eos\":true,{body}");
        },
    ];
    for (number, damage) in damage.into_iter().enumerate() {
        let mut fixture = Fixture::load("web-latency");
        damage(&mut fixture);
        let cluster = Cluster::seeded(MlOptions::new(MlVersion::new(9, 2, 0)), &fixture).await;
        let said = cluster
            .call("POST", "/_ml/anomaly_detectors/web-latency/_open", Value::Null)
            .await;
        assert_eq!(said.0, 500, "damage {number}: {}", said.1);
        assert_eq!(
            cluster.ml.job_state("web-latency"),
            Some(JobState::Failed),
            "damage {number}"
        );
    }
}

#[tokio::test]
async fn nine_reverts_to_an_old_snapshot_and_does_not_open_it() {
    let fixture = Fixture::load("web-latency").min_version("7.11.0");
    for (version, opens) in [(MlVersion::new(8, 19, 0), 200), (MlVersion::new(9, 2, 0), 400)] {
        let cluster = Cluster::seeded(MlOptions::new(version), &fixture).await;
        assert_eq!(cluster.call("POST", &revert(&fixture), Value::Null).await.0, 200);
        let (status, said) = cluster
            .call("POST", "/_ml/anomaly_detectors/web-latency/_open", Value::Null)
            .await;
        assert_eq!(status, opens, "{said}");
        if opens == 400 {
            let reason = said["error"]["reason"].as_str().unwrap();
            assert!(reason.contains("has min version before [8.3.0]"), "{reason}");
        }
    }
}

#[tokio::test]
async fn deleting_intervening_results_reaches_other_jobs_on_some_versions() {
    let fixture = Fixture::load("web-latency");
    for (version, left) in [
        (MlVersion::new(7, 17, 28), 4),
        (MlVersion::new(8, 19, 0), 2),
        (MlVersion::new(9, 2, 6), 4),
    ] {
        let cluster = Cluster::seeded(MlOptions::new(version.clone()), &fixture).await;
        let body = json!({"delete_intervening_results": true});
        assert_eq!(cluster.call("POST", &revert(&fixture), body).await.0, 200);
        let query =
            json!({"bool": {"filter": [{"term": {"job_id": BYSTANDER}}, {"exists": {"field": "result_type"}}]}});
        assert_eq!(cluster.count(".ml-anomalies-*", query).await, left, "{version:?}");
    }
}

#[tokio::test]
async fn a_revert_to_a_missing_snapshot_leaves_the_job_blocked() {
    let fixture = Fixture::load("web-latency");
    for (version, opens) in [(MlVersion::new(7, 10, 2), 200), (MlVersion::new(7, 17, 28), 409)] {
        let cluster = Cluster::seeded(MlOptions::new(version), &fixture).await;
        let path = "/_ml/anomaly_detectors/web-latency/model_snapshots/nosuch/_revert";
        assert_eq!(cluster.call("POST", path, Value::Null).await.0, 404);
        let open = || cluster.call("POST", "/_ml/anomaly_detectors/web-latency/_open", Value::Null);
        assert_eq!(open().await.0, opens);
        if opens == 409 {
            assert_eq!(cluster.call("POST", &revert(&fixture), Value::Null).await.0, 200);
            assert_eq!(open().await.0, 200);
        }
    }
}

#[tokio::test]
async fn put_adds_what_its_version_adds() {
    let job = json!({"analysis_config": {"bucket_span": "15m", "categorization_field_name": "message",
        "categorization_filters": ["a.*b"], "detectors": [{"function": "count", "by_field_name": "mlcategory"}]},
        "data_description": {}});
    for (version, tokenizer, window) in [
        (MlVersion::new(7, 10, 2), Value::Null, Value::Null),
        (MlVersion::new(7, 17, 28), json!("ml_standard"), Value::Null),
        (MlVersion::new(9, 2, 0), json!("ml_standard"), json!("30d")),
    ] {
        let cluster = Cluster::of(version.clone());
        let (status, kept) = cluster.call("PUT", "/_ml/anomaly_detectors/c", job.clone()).await;
        assert_eq!(status, 200, "{kept}");
        let analysis = &kept["analysis_config"];
        assert_eq!(
            analysis["categorization_analyzer"]["tokenizer"], tokenizer,
            "{version:?}"
        );
        assert_eq!(analysis["model_prune_window"], window, "{version:?}");
        assert_eq!(
            analysis.get("categorization_filters").is_none(),
            !tokenizer.is_null(),
            "{version:?}"
        );
    }
}

#[tokio::test]
async fn an_older_cluster_refuses_what_it_does_not_know() {
    let job = json!({"analysis_config": {"detectors": [{"function": "count"}], "model_prune_window": "30d"},
        "data_description": {}});
    let (status, said) = Cluster::of(MlVersion::new(7, 10, 2))
        .call("PUT", "/_ml/anomaly_detectors/c", job)
        .await;
    assert_eq!(status, 400);
    let cause = said["error"]["root_cause"][0]["reason"].as_str().unwrap();
    assert!(
        cause.ends_with("[analysis_config] unknown field [model_prune_window]"),
        "{cause}"
    );
    let generated = json!({"analysis_config": {"detectors": [{"function": "count"}]}, "data_description": {},
        "create_time": 1, "model_snapshot_id": "1"});
    for (version, kind) in [
        (MlVersion::new(8, 13, 0), "illegal_argument_exception"),
        (MlVersion::new(8, 14, 0), "x_content_parse_exception"),
    ] {
        let said = Cluster::of(version)
            .call("PUT", "/_ml/anomaly_detectors/c", generated.clone())
            .await;
        assert_eq!(said.1["error"]["type"], kind, "{}", said.1);
    }
}

#[tokio::test]
async fn a_missing_filter_stops_the_opening_from_8_6_on() {
    let mut fixture = Fixture::load("web-latency");
    fixture.filters.clear();
    for (version, opens) in [(MlVersion::new(8, 5, 0), 200), (MlVersion::new(8, 6, 0), 404)] {
        let cluster = Cluster::seeded(MlOptions::new(version), &fixture).await;
        let said = cluster
            .call("POST", "/_ml/anomaly_detectors/web-latency/_open", Value::Null)
            .await;
        assert_eq!(said.0, opens, "{}", said.1);
    }
}

#[tokio::test]
async fn nightly_maintenance_deletes_state_without_a_job_only() {
    let fixture = Fixture::load("log-categories");
    let cluster = Cluster::seeded(MlOptions::new(MlVersion::new(9, 2, 0)), &fixture).await;
    let orphan = Stored {
        index: String::new(),
        id: "gone_model_state_1#1".to_owned(),
        source: "{\"compressed\":[]}".to_owned(),
    };
    load(&cluster.documents, ".ml-state-write", &[orphan], true).await;
    let deleted = cluster.ml.run_nightly_maintenance(Arc::clone(&cluster.documents)).await;
    assert_eq!(deleted, ["gone_model_state_1#1"]);
}

#[tokio::test]
async fn deleting_a_job_leaves_what_is_not_its_own() {
    let fixture = Fixture::load("log-categories");
    let cluster = Cluster::seeded(MlOptions::new(MlVersion::new(9, 2, 0)), &fixture).await;
    let said = cluster
        .call("DELETE", "/_ml/anomaly_detectors/log-categories", Value::Null)
        .await;
    assert_eq!(said.0, 200, "{}", said.1);
    assert_eq!(cluster.count(".ml-state*", json!({"match_all": {}})).await, 0);
    assert_eq!(
        cluster
            .count(".ml-anomalies-*", json!({"term": {"job_id": BYSTANDER}}))
            .await,
        5
    );
    assert_eq!(
        cluster
            .count(".ml-annotations-read", json!({"term": {"job_id": "log-categories"}}))
            .await,
        1
    );
    assert!(
        cluster
            .count(".ml-notifications-*", json!({"term": {"job_id": "log-categories"}}))
            .await
            >= 4
    );
    assert_eq!(cluster.ml.datafeed_ids(), Vec::<String>::new());
}

#[tokio::test]
async fn an_index_in_the_place_of_the_state_alias_breaks_ml() {
    let cluster = Cluster::of(MlVersion::new(9, 2, 0));
    cluster
        .call("PUT", "/.ml-state-write/_doc/x", json!({"compressed": []}))
        .await;
    let job = json!({"analysis_config": {"detectors": [{"function": "count"}]}, "data_description": {}});
    cluster.call("PUT", "/_ml/anomaly_detectors/j", job).await;
    let path = "/_ml/anomaly_detectors/j/model_snapshots/empty/_revert";
    let (status, said) = cluster.call("POST", path, Value::Null).await;
    assert_eq!(
        (status, &said["error"]["type"]),
        (400, &json!("invalid_alias_name_exception"))
    );
    assert_eq!(
        cluster
            .call("POST", "/_ml/anomaly_detectors/j/_open", Value::Null)
            .await
            .0,
        500
    );
    assert_eq!(cluster.ml.job_state("j"), Some(JobState::Failed));
}

#[tokio::test]
async fn flavours_and_licences_refuse() {
    let job = json!({"analysis_config": {"detectors": [{"function": "count"}]}, "data_description": {}});
    let serverless = Cluster::of(MlVersion::serverless());
    assert_eq!(serverless.call("GET", "/_ml/info", Value::Null).await.0, 410);
    assert_eq!(
        serverless.call("GET", "/", Value::Null).await.1["version"]["build_flavor"],
        "serverless"
    );
    let opensearch = Cluster::of(MlVersion::opensearch(2, 19, 0));
    assert_eq!(
        opensearch.call("GET", "/", Value::Null).await.1["version"]["distribution"],
        "opensearch"
    );
    assert_eq!(opensearch.call("GET", "/_ml/info", Value::Null).await.0, 400);
    let mut options = MlOptions::new(MlVersion::new(9, 2, 0));
    options.license = License::Basic;
    let basic = Cluster::new(options);
    let (status, said) = basic.call("PUT", "/_ml/anomaly_detectors/j", job.clone()).await;
    assert_eq!((status, &said["error"]["license.expired.feature"]), (403, &json!("ml")));
    assert_eq!(basic.call("GET", "/_ml/anomaly_detectors", Value::Null).await.0, 200);
}

#[tokio::test]
async fn results_lie_where_the_version_puts_them() {
    for (name, version, suffix, index) in [
        ("shared", MlVersion::new(9, 2, 0), None, ".ml-anomalies-shared"),
        (
            "shared",
            MlVersion::new(9, 2, 0),
            Some("-000001"),
            ".ml-anomalies-shared-000001",
        ),
        ("shared", MlVersion::new(9, 3, 0), None, ".ml-anomalies-shared-000001"),
        (
            "custom-security",
            MlVersion::new(8, 19, 0),
            None,
            ".ml-anomalies-custom-security",
        ),
    ] {
        let mut options = MlOptions::new(version);
        options.results_suffix = suffix.map(str::to_owned);
        let fixture = Fixture::load("user-population").results_index_name(name);
        let cluster = Cluster::seeded(options, &fixture).await;
        let found = cluster
            .ml
            .results_index_of("user-population", Arc::clone(&cluster.documents))
            .await;
        assert_eq!(found, [index]);
    }
}

#[tokio::test]
async fn two_sources_share_ids_and_differ_in_content() {
    let fixture = Fixture::load("web-latency").on_two_sources("weblogs-2024.02");
    let cluster = Cluster::seeded(MlOptions::new(MlVersion::new(9, 2, 0)), &fixture).await;
    assert_eq!(cluster.count("weblogs-*", json!({"match_all": {}})).await, 400);
    assert_eq!(
        cluster
            .count("weblogs-*", json!({"ids": {"values": ["i000000"]}}))
            .await,
        2
    );
}

#[test]
fn a_served_cluster_with_security_lets_the_test_itself_in() {
    let fixture = Fixture::load("web-latency");
    let documents: Arc<dyn Documents> = Arc::new(InMemory::new());
    let mut options = MlOptions::new(MlVersion::new(9, 2, 0));
    options.users = Some(vec![User::new("narrow", "example").cluster(&["monitor"])]);
    let ml = MlApi::new(options);
    fixture.seed_blocking(&ml, &documents);
    let server = ml.serve(documents);
    let state = server.call("POST", "/.ml-state*/_search", "{}").value();
    assert_eq!(state["hits"]["total"]["value"], 2);
    assert_eq!(
        server.call("GET", "/_ml/anomaly_detectors/web-latency", "").value()["count"],
        1
    );
}

#[tokio::test]
async fn a_user_without_privileges_sees_nothing_behind_a_wildcard() {
    let fixture = Fixture::load("web-latency");
    let mut options = MlOptions::new(MlVersion::new(9, 2, 0));
    let reader = User::new("reader", "p")
        .cluster(&["monitor", "manage_ml"])
        .indices(&[".ml-state*"], &["read"]);
    options.users = Some(vec![reader]);
    let cluster = Cluster::seeded(options, &fixture).await;
    for (path, status, hits) in [
        ("/.ml-state*/_search", 200, Some(2)),
        ("/.ml-annotations*/_search", 200, Some(0)),
        ("/.ml-annotations-read/_search", 403, None),
        ("/weblogs-2024.01/_search", 403, None),
    ] {
        let mut call = Call::new("POST", &format!("{path}?expand_wildcards=all"), "{}");
        call.headers
            .push(("authorization".to_owned(), "Basic cmVhZGVyOnA=".to_owned()));
        let answer = cluster.send(call).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.value());
        assert_eq!(answer.value()["hits"]["total"]["value"].as_u64(), hits, "{path}");
    }
    let mut call = Call::new(
        "POST",
        "/_bulk",
        "{\"index\":{\"_index\":\".ml-state-write\",\"_id\":\"x\"}}\n{}\n",
    );
    call.headers
        .push(("authorization".to_owned(), "Basic cmVhZGVyOnA=".to_owned()));
    let answer = cluster.send(call).await.value();
    assert_eq!(answer["items"][0]["index"]["status"], 403, "{answer}");
}

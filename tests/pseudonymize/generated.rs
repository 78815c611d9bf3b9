//! Generated jobs with unusual values. The new archive must not contain a value or the hash of one, or the run must be
//! refused with the reason. The check is written for these jobs and is independent of the program's own search.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::json_tree::{Tree, compressed, quantiles, states};
use super::leak_check::{counted_hashes, explained_keys, hash, scope_keys};
use crate::support::archive::{TarMember, blocks, entries, gzip};
use crate::support::binary::Binary;

/// The number of jobs, unless the environment variable sets another one.
const JOBS: u64 = 50;
const JOBS_VARIABLE: &str = "ESML_TEST_GENERATED_JOBS";
const JOB: &str = "gen";
const FIELDS: [&str; 3] = ["host", "service", "user"];
const INDEX: &str = "gen-1";

/// The values of three fields, and the archive of a job that contains them.
struct Generated {
    values: BTreeMap<&'static str, Vec<String>>,
    members: Vec<TarMember>,
}

fn value(rng: &mut Rng) -> String {
    const EDGE_CASES: [&str; 52] = [
        "",
        "1",
        "0",
        "-1",
        "404",
        "1e3",
        "-0",
        "00123",
        "3.14",
        "123456",
        "12345678",
        "1234567.50",
        "4929123412341234",
        "1706659183000",
        "12345678901234567890123",
        "0x1F",
        "NaN",
        "infinity",
        "true",
        "-",
        "_",
        "a",
        "web",
        "ok",
        "null",
        "host",
        "user",
        "service",
        "message",
        "other",
        "bytes",
        "labels",
        "keyword",
        "properties",
        "gen",
        "count",
        "10.1.139.226",
        "::ffff:10.1.2.3",
        "2001:db8::1",
        "0:0:0:0:0:0:0:1",
        "anna.muster@example.org",
        "00:0c:29:aa:bb:cc",
        "9f5b9c20-6a1d-4c7b-9d3e-0123456789ab",
        "t_0123456789abcdef",
        "CORP\\anna",
        "a \"b\" 'c'",
        "line\nbreak\r\n",
        "\ttab\u{1}",
        "\u{1F980}\u{1F468}\u{200D}\u{1F469}",
        "\u{FEFF}b\u{fc}cher",
        "d2ViLTA1LmZyYQ==",
        "web-05.fra.corp.example",
    ];
    match rng.u8(..12) {
        0..6 => EDGE_CASES[rng.usize(..EDGE_CASES.len())].to_owned(),
        6 => format!("web-{:02}.corp.example", rng.u8(..20)),
        7 => rng.u32(..).to_string(),
        8 => format!(
            "{}{}",
            ["ä", "x", "\u{1F980}", "a b", "\\"][rng.usize(..5)].repeat(rng.usize(2048..5000)),
            rng.u8(..3)
        ),
        9 => (0..rng.usize(1..12)).map(|_| rng.char('\u{20}'..'\u{7f}')).collect(),
        10 => (0..rng.usize(1..12)).map(|_| rng.char('\u{1}'..'\u{2fff}')).collect(),
        _ => format!("10.{}.{}.{}", rng.u8(..2), rng.u8(..), rng.u8(..)),
    }
}

fn choose<'a>(rng: &mut Rng, values: &'a [String]) -> &'a str {
    &values[rng.usize(..values.len())]
}

/// Returns a number at random if the text can be a number.
fn maybe_number(rng: &mut Rng, text: &str) -> Value {
    match text.parse::<u64>() {
        Ok(number) if number.to_string() == text && rng.bool() => number.into(),
        _ => text.into(),
    }
}

impl Generated {
    fn new(seed: u64) -> Self {
        let rng = &mut Rng::with_seed(seed);
        let mut values = BTreeMap::new();
        for field in FIELDS {
            let all: BTreeSet<String> = (0..rng.usize(1..5)).map(|_| value(rng)).collect();
            values.insert(field, all.into_iter().collect::<Vec<_>>());
        }
        if rng.bool() {
            let shared = choose(rng, &values["host"]).to_owned();
            values.entry("user").or_default().push(shared);
        }
        let mut made = Self {
            values,
            members: Vec::new(),
        };
        made.state(rng);
        made.documents(rng);
        made.configuration(rng);
        // The snapshot document must be the first entry.
        made.members.sort_by_key(|member| !member.name.starts_with("ml-"));
        made
    }

    /// Returns the values, with long ones truncated.
    fn summary(&self) -> String {
        let all = self.values.iter().map(|(field, values)| {
            let values = values.iter().map(|value| value.chars().take(40).collect::<String>());
            format!("{field}: {:?}", values.collect::<Vec<_>>())
        });
        all.collect::<Vec<_>>().join("\n")
    }

    fn random_value(&self, rng: &mut Rng, field: &str) -> String {
        choose(rng, &self.values[field]).to_owned()
    }

    fn any_value(&self, rng: &mut Rng) -> String {
        let field = FIELDS[rng.usize(..FIELDS.len())];
        self.random_value(rng, field)
    }

    /// Returns the values that are replaced everywhere.
    fn originals(&self) -> BTreeSet<String> {
        let all = self.values.values().flatten();
        let stays = ["", "true", "false", "-"];
        all.filter(|value| !stays.contains(&value.as_str())).cloned().collect()
    }

    fn add(&mut self, name: &str, content: impl Into<Vec<u8>>) {
        self.members.push(TarMember::file(name, content));
    }

    fn state(&mut self, rng: &mut Rng) {
        let quoted = |text: &str| Value::from(text).to_string();
        let mut detectors = String::new();
        let hosts = self.values["host"].clone();
        for host in &hosts {
            let (service, user) = (self.random_value(rng, "service"), self.random_value(rng, "user"));
            let word = hash(&[&user]).to_string();
            let (h, s, u) = (quoted(host), quoted(&service), quoted(&user));
            detectors += &format!(
                r#","detector":{{"c":{{"d":{{"i":"0","a":"9","b":"0","g":"0","c":"user","d":"service","e":"","f":"host","h":"user","h":"host"}}}},"d":{{"c":{h}}},"e":{{"b":{{"a":{{"a":"9","b":{{"a":"-","a":{s},"b":"0","c":""}},"c":{{"b":"","c":""}},"e":{{"a":{{"a":{{"b":"1","k":{{}},"l":{{"b":"0","a":{{"b":"1","a":{{"a":"1","b":"0","d":{h},"c":"1"}},"b":"0","a":{{"e":""}}}}}},"m":{{}}}},"c":{{"b":"0","a":{{"b":"1","a":"0","h":{{"b":{{"a":"{word}","b":{u}}},"a":{{"a":{u},"b":"{word}"}},"a":{{"a":{h},"b":"{word}"}}}}}}}}}}}}}},"b":{{"d":{{"a":{{"a":"1","k":{{"d":"0"}}}},"b":{{}}}}}}}}}}}}"#
            );
        }
        let state = format!(r#"{{"a":"1","b":"34"{detectors}}}"#);
        self.add(
            "gen_snapshot_docs.ndjson",
            format!(
                "{}\n{}\n",
                json!({"index": {"_index": ".ml-state", "_id": "gen_model_state_1#1"}}),
                json!({"compressed": [compressed(&state)], "eos": true})
            ),
        );
        let mut keys = BTreeSet::from([hash(&["", "", "", ""])]);
        for _ in 0..6 {
            let (h, s, u) = (
                self.random_value(rng, "host"),
                self.random_value(rng, "service"),
                self.random_value(rng, "user"),
            );
            keys.extend([
                hash(&["", "", "host", &h]),
                hash(&["", "", "user", &u]),
                hash(&["host", &h, "", ""]),
                hash(&["host", &h, "service", ""]),
                hash(&["host", &h, "service", &s]),
            ]);
        }
        let scores: String = keys
            .iter()
            .map(|key| format!(r#","a":{{"a":"{key}","b":{{"a":"0.5","b":"0"}}}}"#))
            .collect();
        let quantiles = format!(
            r#"[{{"mlcue":"infl1","mlkey":"api","mlquantilesdescription":" host  ","mlversion":"3","time":"1","a":{{"a":"0","g":{{"d":"{}"{scores}}},"h":"0"}}}}]"#,
            keys.len()
        );
        let snapshot = json!({
            "job_id": JOB, "snapshot_id": "1", "snapshot_doc_count": 1, "min_version": "9.0.0", "timestamp": 1,
            "description": "State persisted due to job close at 2026-11-23T11:20:17+0000",
            "model_size_stats": {"job_id": JOB, "memory_status": "ok", "categorization_status": "ok"},
            "quantiles": {"job_id": JOB, "timestamp": 1, "quantile_state": compressed(&quantiles)},
        });
        self.add(
            "ml-anomalies-snapshot_doc_gen_model_snapshot_1.json",
            snapshot.to_string(),
        );
    }

    fn documents(&mut self, rng: &mut Rng) {
        let mut inputs = String::new();
        let mut properties = json!({
            "@timestamp": {"type": "date"}, "host": {"type": "keyword"}, "service": {"type": "keyword"},
            "user": {"type": "keyword"}, "message": {"type": "text"}, "other": {"type": "keyword"},
            "bytes": {"type": "long"},
        });
        for number in 0..12 {
            let mut document = Map::new();
            document.insert("@timestamp".to_owned(), (1_704_067_212_000_u64 + number).into());
            for field in FIELDS {
                // Each value must be in a document, since values of no field are not replaced.
                let all = &self.values[field];
                let value = all[usize::try_from(number).unwrap() % all.len()].clone();
                document.insert(field.to_owned(), maybe_number(rng, &value));
            }
            let (a, b, c) = (self.any_value(rng), self.any_value(rng), self.any_value(rng));
            document.insert("message".to_owned(), format!("login of {a} from ({b})!").into());
            document.insert("bytes".to_owned(), rng.u32(..1_000_000).into());
            if rng.bool() {
                document.insert("other".to_owned(), maybe_number(rng, &c));
            }
            if rng.u8(..3) == 0 && !a.is_empty() {
                document.insert("labels".to_owned(), json!({ &a: 1, "x": { &b: [&c] } }));
                let parts: Vec<&str> = a.split('.').collect();
                if rng.bool() && parts.iter().all(|part| !part.is_empty()) && parts.len() < 10 {
                    let mut mapped = json!({"type": "long"});
                    for part in parts.iter().rev() {
                        mapped = json!({"properties": { *part: mapped }});
                    }
                    properties["labels"] = mapped;
                }
            }
            // Elasticsearch refuses an ID of more than 512 bytes.
            let id = if a.len() < 500 { a.as_str() } else { "long" };
            inputs += &format!(
                "{}\n{}\n",
                json!({"index": {"_index": INDEX, "_id": format!("{id}-{number}")}}),
                Value::from(document)
            );
        }
        self.add("gen_input_1.ndjson", inputs);
        let mapping = json!({ INDEX: {"mappings": {"properties": properties}} });
        self.add("gen_input_mapping.json", mapping.to_string());
        let mut annotations = String::new();
        for number in 0..3 {
            let (h, s, any) = (
                self.random_value(rng, "host"),
                self.random_value(rng, "service"),
                self.any_value(rng),
            );
            annotations += &format!(
                "{}\n",
                json!({
                    "job_id": JOB, "annotation": format!("see {any}"), "event": "user", "type": "annotation",
                    "timestamp": number, "create_time": number, "create_username": any, "detector_index": 0,
                    "partition_field_name": "host", "partition_field_value": h,
                    "by_field_name": "service", "by_field_value": s,
                })
            );
        }
        self.add("gen_annotations.ndjson", annotations);
        let notification = json!({"job_id": JOB, "message": format!("Job gen: {}", self.any_value(rng)), "level": "info",
            "timestamp": 1, "node_name": "node-1", "job_type": "anomaly_detector"});
        self.add("gen_notifications.ndjson", format!("{notification}\n"));
        let items: BTreeSet<String> = self.values["host"]
            .iter()
            .filter(|item| !item.contains('*'))
            .cloned()
            .collect();
        let filter = json!([{"filter_id": "f1", "description": self.any_value(rng), "items": items}]);
        self.add("gen_filters.json", filter.to_string());
        let calendar = json!([{"calendar_id": "c1", "description": self.any_value(rng), "job_ids": [JOB], "events": [
            {"description": self.any_value(rng), "start_time": 1, "end_time": 2}]}]);
        self.add("gen_calendars.json", calendar.to_string());
    }

    fn configuration(&mut self, rng: &mut Rng) {
        let (a, b) = (self.random_value(rng, "host"), self.any_value(rng));
        let query = match rng.u8(..4) {
            0 => json!({"term": {"host": a}}),
            1 => json!({"bool": {"must_not": [{"term": {"other": {"value": b}}}]}}),
            _ => json!({"match_all": {}}),
        };
        let terms = self.random_value(rng, "host");
        let terms = terms.replace(',', "");
        let config = json!({
            "job_id": JOB, "job_type": "anomaly_detector", "job_version": "12.0.0", "description": self.any_value(rng),
            "groups": ["g1"],
            "analysis_config": {
                "bucket_span": "15m",
                "detectors": [{
                    "detector_description": format!("what {} does", self.any_value(rng)), "function": "distinct_count",
                    "field_name": "user", "by_field_name": "service", "partition_field_name": "host",
                    "detector_index": 0,
                    "custom_rules": [{"actions": ["skip_result"], "conditions": [],
                        "scope": {"host": {"filter_id": "f1", "filter_type": "include"}}}],
                }],
                "influencers": ["host", "user"],
            },
            "data_description": {"time_field": "@timestamp", "time_format": "epoch_ms"},
            "model_plot_config": {"enabled": true, "terms": terms},
            "custom_settings": {"note": self.any_value(rng), "of": { self.any_value(rng): 1 }},
            "results_index_name": "shared", "model_snapshot_id": "1",
            "datafeed_config": {"datafeed_id": "feed-gen", "job_id": JOB, "indices": [INDEX], "query": query},
        });
        self.add("gen_config.json", config.to_string());
    }
}

/// Whether a value is so distinctive that no text may contain it.
fn is_distinctive(value: &str, known: &BTreeSet<String>) -> bool {
    let short = value.chars().count() < 6;
    !short && value.parse::<f64>().is_err() && !known.iter().any(|text| text.contains(value))
}

/// Returns every name, text and number of the archive, with the entry and the path.
fn texts(new: &BTreeMap<String, String>) -> Vec<(String, String, String, bool)> {
    let mut found = Vec::new();
    for (name, tree) in super::json_tree::documents(new) {
        for (path, text) in tree.values() {
            found.push((name.clone(), path.clone(), text.to_owned(), false));
        }
        for (path, text) in tree.names() {
            found.push((name.clone(), path, text.to_owned(), true));
        }
    }
    found
}

/// Returns a value, or the hash of one, that remains.
fn find_leak(job: &Generated, new: &BTreeMap<String, String>, known: &BTreeSet<String>) -> Option<String> {
    let originals = job.originals();
    let (distinctive, ambiguous): (Vec<&String>, Vec<&String>) =
        originals.iter().partition(|value| is_distinctive(value, known));
    for (name, path, text, is_name) in texts(new) {
        let held = distinctive
            .iter()
            .find(|value| text.contains(value.as_str()) || name.contains(value.as_str()));
        if let Some(held) = held {
            return Some(format!("{name} {path} contains {held:?}: {text:?}"));
        }
        let field = path.rsplit('.').next().unwrap_or_default();
        let input = name.contains("_input_") && !name.contains("mapping") && !path.starts_with("index.");
        let stays = match is_name {
            true => {
                !input
                    || ["@timestamp", "message", "bytes", "other", "labels", "x"].contains(&text.as_str())
                    || FIELDS.contains(&text.as_str())
            }
            false if input => {
                matches!(field, "@timestamp" | "bytes")
                    || (text.parse::<f64>().is_ok() && !FIELDS.contains(&path.as_str()))
            }
            false => {
                !(field.ends_with("_field_value")
                    || field == "items"
                    || path == "detector.d.c"
                    || path == "detector.e.b.a.b.a"
                    || path.ends_with(".h.b.b")
                    || path.ends_with(".l.a.a.d")
                    || path == "model_plot_config.terms")
            }
        };
        if !stays && ambiguous.iter().any(|value| **value == text) {
            return Some(format!("{name} {path} is {text:?}"));
        }
    }
    let names = super::leak_check::Names::of(new);
    let (_, hashes) = explained_keys(&names, &originals);
    let pairs = originals
        .iter()
        .flat_map(|a| originals.iter().map(move |b| hash(&["host", a, "service", b])));
    let hashes: BTreeSet<u64> = hashes.into_iter().chain(pairs).collect();
    let left: BTreeSet<u64> = scope_keys(new).union(&counted_hashes(new)).copied().collect();
    let both: Vec<&u64> = left.intersection(&hashes).collect();
    if !both.is_empty() {
        return Some(format!("hashes of values: {both:?}"));
    }
    for (base, state) in states(new)
        .into_iter()
        .chain([("quantiles".to_owned(), quantiles(new))])
    {
        let held = distinctive.iter().find(|value| state.contains(value.as_str()));
        if let Some(held) = held {
            return Some(format!("{base} contains {held:?}"));
        }
        Tree::parse(&state);
    }
    None
}

/// Returns texts of a job that are not values.
fn known_texts() -> BTreeSet<String> {
    let mut job = Generated::new(0);
    for values in job.values.values_mut() {
        *values = vec!["\u{0}".to_owned()];
    }
    job.members.clear();
    let rng = &mut Rng::with_seed(0);
    job.state(rng);
    job.documents(rng);
    job.configuration(rng);
    let all = job.members.iter().map(|member| {
        (
            member.name.clone(),
            String::from_utf8_lossy(&member.content).into_owned(),
        )
    });
    let texts = texts(&all.collect()).into_iter().map(|(_, _, text, _)| text);
    texts.chain(["data_description".to_owned()]).collect()
}

/// The outcome of a job without remaining values.
enum Outcome {
    Pseudonymized,
    Refused(String),
}

/// Pseudonymizes one job and checks the outcome.
fn pseudonymize(seed: u64, known: &BTreeSet<String>) -> Result<Outcome, String> {
    let (job, binary) = (Generated::new(seed), Binary::new());
    let new = binary.path("new.tar.gz");
    std::fs::write(binary.path("old.tar.gz"), gzip(&blocks(&job.members))).unwrap();
    let run = binary.run(["pseudonymize", "old.tar.gz", "-o", "new.tar.gz"]);
    let reason = run.stderr.lines().find_map(|line| line.strip_prefix("error: "));
    match (run.code, reason) {
        (0, _) => match find_leak(&job, &entries(&new), known) {
            None => Ok(Outcome::Pseudonymized),
            Some(left) => Err(format!("job {seed}: {left}\n{}", job.summary())),
        },
        (3, Some(reason)) if !new.exists() => Ok(Outcome::Refused(reason.to_owned())),
        (code, _) => Err(format!("job {seed}: exit {code}\n{}\n{}", run.stderr, job.summary())),
    }
}

#[test]
fn pseudonymized_generated_jobs_contain_no_value() {
    let jobs = match std::env::var(JOBS_VARIABLE) {
        Ok(jobs) => jobs.parse().expect("a number of jobs"),
        Err(_) => JOBS,
    };
    let (known, next) = (known_texts(), AtomicU64::new(0));
    let all = || std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed < jobs));
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let ended: Vec<Result<Outcome, String>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| all().map(|seed| pseudonymize(seed, &known)).collect::<Vec<_>>()))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let (mut refused, mut failed) = (BTreeMap::<String, usize>::new(), Vec::new());
    for ended in ended {
        match ended {
            Ok(Outcome::Pseudonymized) => {}
            Ok(Outcome::Refused(reason)) => *refused.entry(reason.chars().take(60).collect()).or_default() += 1,
            Err(failure) => failed.push(failure),
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {jobs} failed:\n{}",
        failed.len(),
        failed.join("\n")
    );
    let count = refused.values().sum::<usize>() as u64;
    assert!(count * 2 < jobs, "{count} of {jobs} were refused: {refused:#?}");
}

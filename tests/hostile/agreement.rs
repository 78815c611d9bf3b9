//! `inspect --verify` and `import` accept the same archives.

use std::sync::Mutex;

use serde_json::{Value, json};

use super::valid::{ANNOTATIONS, CATEGORIES, CONFIG, Entries, INPUTS, NOTIFICATIONS, SNAPSHOT, STATE, valid};
use crate::fuzz::entries::pack;
use crate::fuzz::{changed, pseudonymize};
use crate::import_safety::{archive_of, options};
use crate::support::archive::{TarMember, members};
use crate::support::binary::Binary;
use crate::support::exhaustive;
use crate::support::fixtures::directory;
use crate::support::in_process::InProcess;
use crate::support::test_cluster::TestCluster;

const WEB: &str = "web-latency";
const COUNTS: &str = "_data_counts.json";
const FILTERS: &str = "_filters.json";
const CALENDARS: &str = "_calendars.json";
const MAPPING: &str = "_input_mapping.json";

/// The number of changes to each seed of the fuzz targets, if every combination is run.
const CHANGES: usize = 4;

/// An archive, and whether both commands accept it, if that is known.
struct Sample {
    name: String,
    bytes: Vec<u8>,
    accepted: Option<bool>,
}

/// Returns an archive of a job with a filter and a calendar, without its manifest.
fn web() -> Entries {
    Entries(members(&archive_of(WEB))).without("esml_manifest.json")
}

fn accepted(name: &str, entries: &Entries) -> Sample {
    sample(name, entries.pack(), Some(true))
}

fn refused(name: &str, entries: &Entries) -> Sample {
    sample(name, entries.pack(), Some(false))
}

fn sample(name: &str, bytes: Vec<u8>, accepted: Option<bool>) -> Sample {
    Sample {
        name: name.to_owned(),
        bytes,
        accepted,
    }
}

/// Returns the archive with every line of every entry changed.
fn map_lines(entries: Entries, change: impl Fn(&str) -> String) -> Entries {
    let change = |member: TarMember| {
        let text = String::from_utf8(member.content.clone()).unwrap();
        match member.name.ends_with(".ndjson") {
            true => TarMember::file(&member.name, text.lines().map(&change).collect::<String>()),
            false => member,
        }
    };
    Entries(entries.0.into_iter().map(change).collect())
}

fn accepted_variants() -> Vec<Sample> {
    let mut samples = Vec::new();
    for (job, all) in [(WEB, web()), ("log-categories", valid())] {
        let mut form = |name: &str, entries: Entries| samples.push(accepted(&format!("{job}: {name}"), &entries));
        form(
            "lines that end in CRLF",
            map_lines(all.clone(), |line| format!("{line}\r\n")),
        );
        form(
            "spaces at the end of lines",
            map_lines(all.clone(), |line| format!("{line} \t \n")),
        );
        form(
            "spaces before lines",
            map_lines(all.clone(), |line| format!("  {line}\n")),
        );
        let cut = |member: TarMember| {
            let end = member.content.strip_suffix(b"\n").unwrap_or(&member.content).to_vec();
            TarMember::file(&member.name, end)
        };
        form(
            "no last line break",
            Entries(all.clone().0.into_iter().map(cut).collect()),
        );
        let pretty = |member: TarMember| match serde_json::from_slice::<Value>(&member.content) {
            Ok(value) if member.name.ends_with(".json") => {
                let text = serde_json::to_string_pretty(&value).unwrap();
                TarMember::file(&member.name, text.replace('\n', "\r\n") + "\r\n\r\n")
            }
            _ => member,
        };
        form(
            "indented JSON with CRLF",
            Entries(all.0.into_iter().map(pretty).collect()),
        );
    }
    samples
}

/// Times in the snapshot document and the data counts, as JSON text.
fn times() -> Vec<Sample> {
    let times = ["timestamp", "latest_record_time_stamp", "latest_result_time_stamp"];
    let mut samples = Vec::new();
    for name in times {
        for (text, good) in [
            ("1.7e12", false),
            ("1706659183000.0", true),
            ("\"1706659183000\"", true),
            ("\"2024-01-30T23:59:43Z\"", true),
            ("\"2024-01-30T23:59:43.000Z\"", true),
            ("null", name != "timestamp"),
            ("\"yesterday\"", false),
            ("\"\"", false),
            ("1706659183000.5", false),
            ("1e300", false),
            ("[1706659183000]", false),
            ("{}", false),
            ("true", false),
        ] {
            let all = web().json(SNAPSHOT, |snapshot| snapshot[name] = json!("HERE"));
            let all = all.replaced(SNAPSHOT, "\"HERE\"", text);
            samples.push(sample(&format!("snapshot: {name} {text}"), all.pack(), Some(good)));
        }
    }
    let all = web().json(SNAPSHOT, |snapshot| {
        snapshot.as_object_mut().unwrap().remove("latest_record_time_stamp");
    });
    samples.push(accepted("snapshot: no record yet", &all));
    for (text, good) in [
        ("1.7e12", true),
        ("\"1706659183000\"", true),
        ("\"2024-01-30T23:59:43Z\"", true),
        ("\"yesterday\"", false),
        ("[]", false),
    ] {
        let all = web().json(COUNTS, |counts| counts["earliest_record_timestamp"] = json!("HERE"));
        let all = all.replaced(COUNTS, "\"HERE\"", text);
        samples.push(sample(&format!("data counts: {text}"), all.pack(), Some(good)));
    }
    samples
}

fn snapshots() -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut changed = |name: &str, good: bool, change: &dyn Fn(&mut Value)| {
        let all = web().json(SNAPSHOT, |snapshot| change(snapshot));
        samples.push(sample(&format!("snapshot: {name}"), all.pack(), Some(good)));
    };
    changed("quantiles without job", false, &|s| {
        drop(s["quantiles"].as_object_mut().unwrap().remove("job_id"))
    });
    changed("quantiles that are a list", false, &|s| {
        s["quantiles"] = json!(["web-latency"])
    });
    changed("quantiles without state", false, &|s| {
        drop(s["quantiles"].as_object_mut().unwrap().remove("quantile_state"));
    });
    changed("quantiles whose state is a number", false, &|s| {
        s["quantiles"]["quantile_state"] = 1.into()
    });
    changed("quantiles without a time", false, &|s| {
        s["quantiles"]["timestamp"] = "x".into()
    });
    changed("no quantiles", true, &|s| {
        drop(s.as_object_mut().unwrap().remove("quantiles"))
    });
    changed("a model size that is a list", false, &|s| {
        s["model_size_stats"] = json!(["web-latency"])
    });
    changed("a model size that is a text", false, &|s| {
        s["model_size_stats"]["model_bytes"] = "many".into()
    });
    changed("no model size", true, &|s| {
        drop(s.as_object_mut().unwrap().remove("model_size_stats"))
    });
    changed("a description that is a number", false, &|s| {
        s["description"] = 1.into()
    });
    changed("an invalid version", false, &|s| s["min_version"] = "next".into());
    changed("a version that is a number", false, &|s| s["min_version"] = 9.into());
    changed("no version", true, &|s| {
        drop(s.as_object_mut().unwrap().remove("min_version"))
    });
    changed("a later version's member", true, &|s| s["esml_new"] = json!({"a": [1]}));
    samples
}

fn small_entries() -> Vec<Sample> {
    let event = json!({"description": "d", "start_time": 1704499200000_u64, "end_time": 1704506400000_u64});
    let with = |name: &str, value: Value| {
        let mut event = event.clone();
        event[name] = value;
        event
    };
    let without = |name: &str| {
        let mut event = event.clone();
        event.as_object_mut().unwrap().remove(name);
        event
    };
    let mut samples = Vec::new();
    let mut events = |name: &str, good: bool, events: Value| {
        let all = web().json(CALENDARS, |calendars| calendars[0]["events"] = events);
        samples.push(sample(&format!("events: {name}"), all.pack(), Some(good)));
    };
    events("not a list", false, json!("x"));
    events("a list of texts", false, json!(["x"]));
    events("a list of lists", false, json!([["d", 1, 2]]));
    events(
        "with their IDs",
        true,
        json!([
            with("event_id", "mRNnCaIB5My".into()),
            with("calendar_id", "maintenance".into())
        ]),
    );
    events("without description", false, json!([without("description")]));
    events(
        "a description that is a number",
        false,
        json!([with("description", 1.into())]),
    );
    events("without end", false, json!([without("end_time")]));
    events(
        "an end before the start",
        false,
        json!([with("end_time", 1704499199999_u64.into())]),
    );
    events(
        "a start that is a text",
        false,
        json!([with("start_time", "monday".into())]),
    );
    events(
        "dates",
        true,
        json!([with("start_time", "2024-01-06T00:00:00Z".into())]),
    );
    events("floats", true, json!([with("start_time", json!(1704499200000.0))]));
    events("null", false, Value::Null);
    events(
        "members of 8.16",
        true,
        json!([
            with("skip_result", true.into()),
            with("skip_model_update", false.into())
        ]),
    );
    events(
        "a member of the wrong type",
        false,
        json!([with("skip_result", "yes".into())]),
    );
    events("none", true, json!([]));
    for (name, good, part, text) in [
        (
            "a calendar's jobs that are one text",
            false,
            CALENDARS,
            r#"[{"calendar_id":"c","job_ids":"web-latency"}]"#,
        ),
        (
            "a calendar's description that is a number",
            false,
            CALENDARS,
            r#"[{"calendar_id":"c","description":1}]"#,
        ),
        ("an empty calendar", true, CALENDARS, r#"[{"calendar_id":"c"}]"#),
        (
            "a calendar with a reserved name",
            false,
            CALENDARS,
            r#"[{"calendar_id":"_all"}]"#,
        ),
        ("no calendars", true, CALENDARS, "[]"),
        ("calendars that are null", false, CALENDARS, "null"),
        (
            "filter items that are one text",
            false,
            FILTERS,
            r#"[{"filter_id":"f","items":"a"}]"#,
        ),
        (
            "filter items that are numbers",
            false,
            FILTERS,
            r#"[{"filter_id":"f","items":[1]}]"#,
        ),
        (
            "a filter's description that is a number",
            false,
            FILTERS,
            r#"[{"filter_id":"f","description":1,"items":[]}]"#,
        ),
        ("a filter without items", true, FILTERS, r#"[{"filter_id":"f"}]"#),
        ("no filters", true, FILTERS, "[]"),
        ("a mapping that is a list", false, MAPPING, r#"{"weblogs-2024.01":[]}"#),
        (
            "mappings that are a list",
            false,
            MAPPING,
            r#"{"weblogs-2024.01":{"mappings":[]}}"#,
        ),
        (
            "properties that are a list",
            false,
            MAPPING,
            r#"{"weblogs-2024.01":{"mappings":{"properties":[]}}}"#,
        ),
        (
            "a field that is a text",
            false,
            MAPPING,
            r#"{"weblogs-2024.01":{"mappings":{"properties":{"host":"keyword"}}}}"#,
        ),
        (
            "settings that are a list",
            false,
            MAPPING,
            r#"{"weblogs-2024.01":{"mappings":{},"settings":[]}}"#,
        ),
        ("no mapping", true, MAPPING, "{}"),
        (
            "a count that is a text",
            false,
            COUNTS,
            r#"{"job_id":"web-latency","bucket_count":"many"}"#,
        ),
        (
            "a count that is a list",
            false,
            COUNTS,
            r#"{"job_id":"web-latency","input_record_count":[]}"#,
        ),
        ("counts of no job", false, COUNTS, r#"{"bucket_count":1}"#),
        (
            "few counts",
            true,
            COUNTS,
            r#"{"job_id":"web-latency","bucket_count":1}"#,
        ),
    ] {
        samples.push(sample(name, web().set(part, text).pack(), Some(good)));
    }
    let items: Vec<String> = (0..10_001).map(|n| n.to_string()).collect();
    let many = web().set(FILTERS, json!([{"filter_id": "f", "items": items}]).to_string());
    samples.push(refused("a filter of more than 10,000 items", &many));
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for (part, text) in [
        (
            CALENDARS,
            format!(
                r#"[{{"calendar_id":"c","events":[{{"description":"d","start_time":1,"end_time":2,"x":{deep}}}]}}]"#
            ),
        ),
        (FILTERS, format!(r#"[{{"filter_id":"f","items":[],"x":{deep}}}]"#)),
        (
            MAPPING,
            format!(r#"{{"weblogs-2024.01":{{"mappings":{{"_meta":{deep}}}}}}}"#),
        ),
        (COUNTS, format!(r#"{{"job_id":"web-latency","x":{deep}}}"#)),
    ] {
        samples.push(refused(&format!("deep: {part}"), &web().set(part, text)));
    }
    samples
}

fn configurations() -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut changed = |name: &str, good: bool, change: &dyn Fn(&mut Value)| {
        let all = web().json(CONFIG, |job| change(job));
        samples.push(sample(&format!("configuration: {name}"), all.pack(), Some(good)));
    };
    let scope = |job: &mut Value, id: Value| {
        job["analysis_config"]["detectors"][0]["custom_rules"][0]["scope"]["host"]["filter_id"] = id;
    };
    changed("a filter ID with a slash", false, &|job| scope(job, "a/b".into()));
    changed("an empty filter ID", false, &|job| scope(job, "".into()));
    changed("a filter ID that is a number", false, &|job| scope(job, 1.into()));
    changed("a filter that is not in the archive", true, &|job| {
        scope(job, "elsewhere".into())
    });
    changed("limits that are a list", false, &|job| {
        job["analysis_limits"] = json!(["512mb"])
    });
    changed("limits that are null", true, &|job| {
        job["analysis_limits"] = Value::Null
    });
    changed("a data description that is a list", false, &|job| {
        job["data_description"] = json!(["@timestamp"])
    });
    changed("a datafeed that is a list", false, &|job| {
        job["datafeed_config"] = json!(["datafeed-x", ["i"]])
    });
    changed("a datafeed without indices", false, &|job| {
        job["datafeed_config"]["indices"] = json!([])
    });
    changed("a detector that is a list", false, &|job| {
        job["analysis_config"]["detectors"] = json!([["d", "count"]])
    });
    changed("no detectors", false, &|job| {
        job["analysis_config"]["detectors"] = json!([])
    });
    changed("no datafeed", true, &|job| {
        drop(job.as_object_mut().unwrap().remove("datafeed_config"))
    });
    let twice = web().replaced(
        CONFIG,
        "\"allow_lazy_open\"",
        "\"allow_lazy_open\":true,\"allow_lazy_open\"",
    );
    samples.push(refused("configuration: a duplicate member", &twice));
    let config = web().text(CONFIG);
    let job: Value = serde_json::from_str(&config).unwrap();
    let list = json!([job["job_id"], null, null, null, null, null, job["analysis_config"]]);
    samples.push(refused("configuration: a list", &web().set(CONFIG, list.to_string())));
    samples
}

fn documents() -> Vec<Sample> {
    let input = |id: &str| {
        format!(
            "{{\"index\":{{\"_index\":\"weblogs-2024.01\",\"_id\":\"{id}\"}}}}\n{{\"@timestamp\":1704067212000,\"host\":\"a\"}}\n"
        )
    };
    let category = |id: &str, text: &str| format!("{{\"index\":{{\"_id\":\"{id}\"}}}}\n{text}\n");
    let first = web().text(INPUTS).lines().take(2).collect::<Vec<_>>().join("\n") + "\n";
    let again = valid().text(CATEGORIES).lines().take(2).collect::<Vec<_>>().join("\n") + "\n";
    let old = web().text(INPUTS);
    let longest = "x".repeat(512);
    let mut samples = vec![
        accepted("a duplicate input document", &web().append(INPUTS, first.as_bytes())),
        accepted(
            "a duplicate input document in another entry",
            &web().set("_input_2.ndjson", first.clone()),
        ),
        accepted("an ID of 512 bytes", &web().append(INPUTS, input(&longest).as_bytes())),
        refused(
            "an ID of 513 bytes",
            &web().append(INPUTS, input(&format!("{longest}x")).as_bytes()),
        ),
        refused(
            "the old and the new form of input documents",
            &Entries([web().0, vec![TarMember::file("web-latency_input.ndjson", old.clone())]].concat()),
        ),
        accepted(
            "the old form of input documents",
            &Entries(
                [
                    web().without(INPUTS).0,
                    vec![TarMember::file("web-latency_input.ndjson", old.clone())],
                ]
                .concat(),
            ),
        ),
        refused(
            "a gap in the numbers of input documents",
            &web().set("_input_3.ndjson", ""),
        ),
        refused(
            "input documents starting with number 2",
            &Entries(
                [
                    web().without(INPUTS).0,
                    vec![TarMember::file("web-latency_input_2.ndjson", old.clone())],
                ]
                .concat(),
            ),
        ),
        accepted(
            "input documents in a different order",
            &Entries(
                [
                    vec![TarMember::file("web-latency_input_2.ndjson", input("other"))],
                    web().0,
                ]
                .concat(),
            ),
        ),
        refused("a duplicate category", &valid().append(CATEGORIES, again.as_bytes())),
        refused(
            "a category without a job",
            &valid().append(
                CATEGORIES,
                category("log-categories_category_definition_99", "{\"category_id\":99}").as_bytes(),
            ),
        ),
        accepted(
            "one more category",
            &valid().append(
                CATEGORIES,
                category(
                    "log-categories_category_definition_99",
                    r#"{"job_id":"log-categories","category_id":99}"#,
                )
                .as_bytes(),
            ),
        ),
    ];
    for suffix in [
        "99x",
        "99_extra",
        "99_category_definition_x",
        "+99",
        "099",
        "",
        "0",
        "-1",
        "99999999999999999999",
    ] {
        let id = format!("log-categories_category_definition_{suffix}");
        let text = category(&id, r#"{"job_id":"log-categories","category_id":99}"#);
        samples.push(refused(
            &format!("category ID {id}"),
            &valid().append(CATEGORIES, text.as_bytes()),
        ));
    }
    for part in [ANNOTATIONS, NOTIFICATIONS] {
        for (text, good) in [
            (r#"{"timestamp":1704067212000}"#, false),
            (r#"{"job_id":null,"timestamp":1704067212000}"#, false),
            (r#"{"job_id":"web-latency","timestamp":1704067212000}"#, true),
            (
                r#"{"job_id":"web-latency","timestamp":1704067212000,"timestamp":1}"#,
                false,
            ),
        ] {
            let all = web().append(part, format!("{text}\n").as_bytes());
            samples.push(sample(&format!("{part}: {text}"), all.pack(), Some(good)));
        }
    }
    samples.extend(lone_surrogates());
    let state = valid().lines(STATE, |lines| lines.rotate_left(6));
    samples.push(accepted("the categorizer's state first", &state));
    samples
}

/// Elasticsearch accepts unpaired surrogate escapes in documents.
fn lone_surrogates() -> Vec<Sample> {
    let mut samples = Vec::new();
    for escape in [r"\ud800", r"\uDC01 x", r"\uDBFF\uDBFF\uDC00", r"\\\ud800\u0041"] {
        let input = |member: &str| {
            format!(
                "{{\"index\":{{\"_index\":\"weblogs-2024.01\",\"_id\":\"lone\"}}}}\n{{\"@timestamp\":1704067212000,{member}}}\n"
            )
        };
        let category = format!(
            "{{\"index\":{{\"_id\":\"log-categories_category_definition_99\"}}}}\n{{\"job_id\":\"log-categories\",\"category_id\":99,\"examples\":[\"{escape}\"]}}\n"
        );
        let note = |member: &str| format!("{{\"job_id\":\"web-latency\",\"timestamp\":1704067212000,{member}}}\n");
        let (value, name) = (
            |name: &str| format!("\"{name}\":\"{escape}\""),
            format!("\"{escape}\":1"),
        );
        for (what, all) in [
            ("input document", web().append(INPUTS, input(&value("host")).as_bytes())),
            (
                "name in an input document",
                web().append(INPUTS, input(&name).as_bytes()),
            ),
            (
                "annotation",
                web().append(ANNOTATIONS, note(&value("annotation")).as_bytes()),
            ),
            (
                "name in an annotation",
                web().append(ANNOTATIONS, note(&name).as_bytes()),
            ),
            (
                "notification",
                web().append(NOTIFICATIONS, note(&value("message")).as_bytes()),
            ),
            ("category example", valid().append(CATEGORIES, category.as_bytes())),
        ] {
            samples.push(accepted(&format!("{what} with {escape}"), &all));
        }
    }
    let cut = web().append(ANNOTATIONS, b"{\"job_id\":\"web-latency\",\"annotation\":\"\\ud80\"}\n");
    samples.push(refused("a truncated escape", &cut));
    samples
}

/// Warnings are not a reason to refuse an archive.
fn accepted_with_warnings() -> Vec<Sample> {
    let mut samples = vec![
        accepted(
            "an unknown entry",
            &web().with_entry("notes.txt", tar::EntryType::Regular),
        ),
        accepted("no categorizer state", &valid().lines(STATE, |lines| lines.truncate(6))),
    ];
    for entry in [ANNOTATIONS, NOTIFICATIONS, INPUTS, MAPPING, COUNTS, FILTERS, CALENDARS] {
        samples.push(accepted(&format!("without {entry}"), &web().without(entry)));
    }
    samples
}

fn stored_archives() -> Vec<Sample> {
    let mut samples = Vec::new();
    for folder in [directory().join("from-python"), directory().join("../../docs/sample")] {
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            samples.push(sample(&path.display().to_string(), std::fs::read(&path).unwrap(), None));
        }
    }
    let mut random = fastrand::Rng::with_seed(1);
    type Pack = fn(&[u8]) -> Vec<u8>;
    let corpora: [(&str, Pack); 3] = [
        ("archive", <[u8]>::to_vec),
        ("entries", pack),
        ("pseudonymize", pseudonymize::archive),
    ];
    for (corpus, pack) in corpora {
        for seed in std::fs::read_dir(directory().join("../../fuzz/seeds").join(corpus)).unwrap() {
            let path = seed.unwrap().path();
            let seed = std::fs::read(&path).unwrap();
            samples.push(sample(&path.display().to_string(), pack(&seed), None));
            for number in 1..=CHANGES {
                let (name, changed) = (
                    format!("{}, change {number}", path.display()),
                    changed(&seed, &mut random),
                );
                if number == 1 || exhaustive() {
                    samples.push(sample(&name, pack(&changed), None));
                }
            }
        }
    }
    samples.push(accepted("exported", &Entries(members(&archive_of(WEB)))));
    samples.push(accepted("in three state documents", &valid().manifest(|_| {})));
    samples
}

#[test]
fn inspect_verify_and_import_accept_the_same_archives() {
    let groups = [
        accepted_variants(),
        times(),
        snapshots(),
        small_entries(),
        configurations(),
        documents(),
        accepted_with_warnings(),
        stored_archives(),
    ];
    let samples: Vec<Sample> = groups.into_iter().flatten().collect();
    let (next, wrong) = (Mutex::new(samples.iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let (binary, mut unused) = (Binary::new(), None);
                loop {
                    let Some(sample) = next.lock().unwrap().next() else {
                        break;
                    };
                    if let Err(why) = check_agreement(&binary, &mut unused, sample) {
                        wrong.lock().unwrap().push(format!("{}: {why}", sample.name));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        samples.len(),
        wrong.join("\n")
    );
}

/// Both commands must exit with 4 before anything is written, or both with 0. A cluster without requests is used again.
fn check_agreement(binary: &Binary, unused: &mut Option<TestCluster>, sample: &Sample) -> Result<(), String> {
    let path = binary.path("sample.tar.gz");
    std::fs::write(&path, &sample.bytes).unwrap();
    let archive = path.display().to_string();
    let verified = InProcess::new().run(&["inspect", &archive, "--verify"]);
    let cluster = unused.take().unwrap_or_else(|| TestCluster::in_memory(options()));
    let url = cluster.stand_in.url();
    let imported = InProcess::new().run(&["import", &archive, "--yes", "--url", &url]);
    let received = cluster.stand_in.requests().len();
    *unused = Some(cluster).filter(|_| received == 0);
    match (verified.code, imported.code, sample.accepted) {
        // A conflict with the version of the cluster is not an error of the archive.
        (0, 0 | 3, None | Some(true)) => Ok(()),
        (4, 4, None | Some(false)) if received == 0 => Ok(()),
        (verify, import, accepted) => Err(format!(
            "accepted: {accepted:?}, verify {verify}, import {import} after {received} requests\n    {}\n    {}",
            error_message(&verified.stderr),
            error_message(&imported.stderr)
        )),
    }
}

fn error_message(stderr: &str) -> &str {
    stderr.lines().find(|line| line.contains("error: ")).unwrap_or_default()
}

//! Invalid lines and entries.

use super::Case;
use super::valid::{ANNOTATIONS, CATEGORIES, CONFIG, INPUTS, NOTIFICATIONS, RESULTS, SNAPSHOT, STATE, valid};

const ACTION: &str = r#"{"index":{"_index":"i","_id":"x"}}"#;

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    lines(&mut cases);
    actions(&mut cases);
    small(&mut cases);
    cases
}

fn lines(cases: &mut Vec<Case>) {
    let rule = "a line that is not JSON";
    for part in [ANNOTATIONS, NOTIFICATIONS] {
        for (name, line) in [
            ("truncated", &b"{\"a\":"[..]),
            ("an empty line", b""),
            ("an array", b"[]"),
            ("two documents on one line", b"{} {}"),
            ("not UTF-8", b"{\"a\":\"\xff\"}"),
            ("a raw control character", b"{\"a\":\"\x1b[2J\"}"),
            ("a byte order mark", b"\xef\xbb\xbf{}"),
        ] {
            let all = valid().append(part, &[line, b"\n"].concat());
            cases.push(Case::new(rule, format!("{part}: {name}"), all.pack()));
        }
    }
    for part in [INPUTS, CATEGORIES, RESULTS, STATE] {
        for (name, line) in [("an array", "[]"), ("truncated", "{\"a\""), ("an empty line", "")] {
            let all = valid().append(part, format!("{ACTION}\n{line}\n").as_bytes());
            cases.push(Case::new(rule, format!("{part}: {name}"), all.pack()));
        }
    }
}

fn actions(cases: &mut Vec<Case>) {
    let rule = "an invalid action line";
    for part in [INPUTS, CATEGORIES, RESULTS, STATE] {
        for (name, lines) in [
            ("none", "{\"a\":1}\n{}\n"),
            ("without a document", "{\"index\":{\"_index\":\"i\",\"_id\":\"x\"}}\n"),
        ] {
            cases.push(Case::new(
                rule,
                format!("{part}: {name}"),
                valid().append(part, lines.as_bytes()).pack(),
            ));
        }
    }
    for (name, line) in [
        ("deletes", r#"{"delete":{"_index":"i","_id":"x"}}"#),
        ("updates", r#"{"update":{"_index":"i","_id":"x"}}"#),
        ("two actions", r#"{"index":{"_id":"x"},"delete":{"_id":"x"}}"#),
        (
            "with a pipeline",
            r#"{"index":{"_index":"i","_id":"x","pipeline":"p"}}"#,
        ),
        ("with routing", r#"{"index":{"_index":"i","_id":"x","routing":"r"}}"#),
        ("two IDs", r#"{"index":{"_index":"i","_id":"x","_id":"y"}}"#),
        ("no ID", r#"{"index":{"_index":"i"}}"#),
        ("an empty ID", r#"{"index":{"_index":"i","_id":""}}"#),
        ("no index", r#"{"index":{"_id":"x"}}"#),
        ("an array", r#"["index"]"#),
    ] {
        let all = valid().append(INPUTS, format!("{line}\n{{}}\n").as_bytes());
        cases.push(Case::new(rule, name, all.pack()));
    }
    let name = "an index name of 600 bytes";
    let line = ACTION.replace("\"i\"", &format!("\"{}\"", "i".repeat(600)));
    cases.push(Case::new(
        rule,
        name,
        valid().append(INPUTS, format!("{line}\n{{}}\n").as_bytes()).pack(),
    ));
    let line = ACTION.replace("\"x\"", &format!("\"{}\"", "x".repeat(20_000)));
    cases.push(Case::new(
        rule,
        "an ID of 20,000 bytes",
        valid().append(INPUTS, format!("{line}\n{{}}\n").as_bytes()).pack(),
    ));
}

fn small(cases: &mut Vec<Case>) {
    let rule = "an entry that is not JSON or has an invalid form";
    let parts = [
        CONFIG,
        SNAPSHOT,
        "_data_counts.json",
        "_filters.json",
        "_calendars.json",
        "_input_mapping.json",
    ];
    for part in parts {
        for (name, text) in [
            ("truncated", "{\"a\" 1}"),
            ("empty", ""),
            ("a number", "1"),
            ("two", "{}{}"),
        ] {
            cases.push(Case::new(
                rule,
                format!("{part}: {name}"),
                valid().set(part, text).pack(),
            ));
        }
        let text = b"{\"a\":\"\xff\"}".to_vec();
        cases.push(Case::new(
            rule,
            format!("{part}: not UTF-8"),
            valid().set(part, text).pack(),
        ));
    }
    for (name, part, text) in [
        ("a filter without ID", "_filters.json", r#"[{"items":[]}]"#),
        (
            "a filter with two IDs",
            "_filters.json",
            r#"[{"filter_id":"a","filter_id":"b"}]"#,
        ),
        ("a filter that is an array", "_filters.json", r#"[["a"]]"#),
        (
            "a duplicate filter",
            "_filters.json",
            r#"[{"filter_id":"a"},{"filter_id":"a"}]"#,
        ),
        (
            "a filter with an invalid ID",
            "_filters.json",
            r#"[{"filter_id":"../x"}]"#,
        ),
        (
            "a calendar with an invalid ID",
            "_calendars.json",
            r#"[{"calendar_id":"a/b"}]"#,
        ),
        (
            "a duplicate calendar",
            "_calendars.json",
            r#"[{"calendar_id":"a"},{"calendar_id":"a"}]"#,
        ),
    ] {
        cases.push(Case::new(rule, name, valid().set(part, text).pack()));
    }
    let datafeed = valid().json(CONFIG, |job| job["datafeed_config"]["datafeed_id"] = "../x".into());
    cases.push(Case::new(rule, "a datafeed with an invalid ID", datafeed.pack()));
    let indices = valid().json(CONFIG, |job| job["datafeed_config"]["indices"] = 1.into());
    cases.push(Case::new(rule, "a datafeed whose indices are a number", indices.pack()));
    let detectors = valid().json(CONFIG, |job| job["analysis_config"]["detectors"] = "none".into());
    cases.push(Case::new(rule, "detectors that are a text", detectors.pack()));
}

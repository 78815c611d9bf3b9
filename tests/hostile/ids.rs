//! IDs that Elasticsearch would refuse, and documents of other jobs.

use super::Case;
use super::valid::{ANNOTATIONS, CATEGORIES, CONFIG, NOTIFICATIONS, SNAPSHOT, valid};

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let long = "a".repeat(65);
    for id in [
        "a/b",
        "..",
        "../a",
        "a%2fb",
        "*",
        "a*",
        "a,b",
        "_all",
        "Upper",
        "-a",
        "a-",
        "",
        "a b",
        "a?x=1",
        "a#b",
        "a\nb",
        "\u{1b}[2J",
        "a\u{202e}b",
        "ä",
        &long,
    ] {
        let all = valid().json(CONFIG, |job| job["job_id"] = id.into());
        cases.push(Case::new(
            "an invalid job ID",
            id.escape_debug().to_string(),
            all.pack(),
        ));
    }
    for id in ["../x", "a/b", "*", "a,b", "", "1%2f2"] {
        let all = valid().json(SNAPSHOT, |snapshot| snapshot["snapshot_id"] = id.into());
        cases.push(Case::new("an invalid snapshot ID", id, all.pack()));
    }
    let rule = "documents of another job";
    for part in [SNAPSHOT, "_data_counts.json", CATEGORIES, ANNOTATIONS, NOTIFICATIONS] {
        let text = valid().text(part);
        let own = ["\"job_id\": \"log-categories\"", "\"job_id\":\"log-categories\""];
        let own = own.into_iter().find(|own| text.contains(own)).unwrap();
        let all = valid().replaced(part, own, "\"job_id\":\"other\"");
        cases.push(Case::new(rule, part, all.pack()));
    }
    for (name, member) in [("quantiles", "quantiles"), ("model size", "model_size_stats")] {
        let all = valid().json(SNAPSHOT, |snapshot| snapshot[member]["job_id"] = "other".into());
        cases.push(Case::new(rule, name, all.pack()));
    }
    for (name, id) in [
        ("the ID of a category", "other_category_definition_1"),
        ("the ID of another document", "log-categories_model_snapshot_1"),
        ("an arbitrary ID", "x"),
    ] {
        let lines = format!("{{\"index\":{{\"_id\":\"{id}\"}}}}\n{{\"job_id\":\"log-categories\"}}\n");
        cases.push(Case::new(
            rule,
            name,
            valid().append(CATEGORIES, lines.as_bytes()).pack(),
        ));
    }
    for (name, line) in [
        (
            "two job IDs in one annotation",
            r#"{"job_id":"log-categories","job_id":"other"}"#,
        ),
        ("a job ID that is a number", r#"{"job_id":7}"#),
        ("an escaped job ID", r#"{"\u006aob_id":"other"}"#),
    ] {
        let all = valid().append(ANNOTATIONS, format!("{line}\n").as_bytes());
        cases.push(Case::new(rule, name, all.pack()));
    }
    cases
}

//! IDs that Elasticsearch would refuse, and documents of other jobs.

use super::Case;
use super::valid::{ANNOTATIONS, CATEGORIES, CONFIG, NOTIFICATIONS, RESULTS, SNAPSHOT, result, valid};

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
    results(&mut cases);
    cases
}

/// Results are written to an index that jobs share: a wrong ID would overwrite another document.
fn results(cases: &mut Vec<Case>) {
    let rule = "documents that are not results of the job";
    let own = |result_type: &str| format!("{{\"job_id\":\"log-categories\",\"result_type\":\"{result_type}\"}}");
    let of_other_job = "{\"job_id\":\"other\",\"result_type\":\"bucket\"}".to_owned();
    let long = format!("log-categories_bucket_influencer_1_900_{}", "x".repeat(500));
    for (name, id, source) in [
        ("a result of another job", "other_bucket_1_900", of_other_job.clone()),
        ("the job ID of another job", "log-categories_bucket_1_900", of_other_job),
        ("the ID of another job", "other_bucket_1_900", own("bucket")),
        (
            "the ID of a job whose ID begins with this one",
            "log-categories_bucket_1_bucket_1_900",
            own("bucket"),
        ),
        (
            "the ID of another type",
            "log-categories_record_1_900_0_1_1",
            own("bucket"),
        ),
        (
            "the ID of another document",
            "log-categories_data_counts",
            own("bucket"),
        ),
        (
            "the ID of a model snapshot",
            "log-categories_model_snapshot_1",
            own("bucket"),
        ),
        ("an arbitrary ID", "x", own("model_size_stats")),
        ("an ID without parameters", "log-categories_bucket_", own("bucket")),
        (
            "an ID with a text in place of a time",
            "log-categories_bucket_x_900",
            own("bucket"),
        ),
        ("an ID of more than 512 bytes", &long, own("bucket_influencer")),
        ("quantiles", "log-categories_quantiles", own("quantiles")),
        ("timing statistics", "log-categories_timing_stats", own("timing_stats")),
        (
            "a model snapshot",
            "log-categories_model_snapshot_1",
            own("model_snapshot"),
        ),
        (
            "a category",
            "log-categories_category_definition_1",
            own("category_definition"),
        ),
        (
            "no type",
            "log-categories_bucket_1_900",
            "{\"job_id\":\"log-categories\"}".to_owned(),
        ),
        (
            "no job",
            "log-categories_bucket_1_900",
            "{\"result_type\":\"bucket\"}".to_owned(),
        ),
        (
            "two types",
            "log-categories_bucket_1_900",
            "{\"job_id\":\"log-categories\",\"result_type\":\"bucket\",\"result_type\":\"record\"}".to_owned(),
        ),
        (
            "a type that is a list",
            "log-categories_bucket_1_900",
            "{\"job_id\":\"log-categories\",\"result_type\":[\"bucket\"]}".to_owned(),
        ),
    ] {
        let all = valid().append(RESULTS, result(id, &source).as_bytes());
        cases.push(Case::new(rule, name, all.pack()));
    }
    let twice = result("log-categories_bucket_1_900", &own("bucket"));
    let both = valid().append(RESULTS, format!("{twice}{twice}").as_bytes());
    cases.push(Case::new(rule, "the same result twice", both.pack()));
    let second = valid()
        .append(RESULTS, twice.as_bytes())
        .set("_results_2.ndjson", twice.clone());
    cases.push(Case::new(rule, "the same result in two entries", second.pack()));
    let rule = "a gap in the numbers of entries";
    for number in [0, 3] {
        let gap = valid().set(&format!("_results_{number}.ndjson"), twice.clone());
        cases.push(Case::new(rule, format!("results entry {number}"), gap.pack()));
    }
}

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use serde_json::json;

use super::*;

const JOB: &str = r#"{"job_id":"a","job_version":"8.0.0","create_time":1,"groups":["g"],"later":{"z":1.10,"b":[1e3, "\u0061"]},"analysis_config":{"detectors":[{"function":"count","detector_index":0,"custom_rules":[{"scope":{"h":{"filter_id":"f"}}}]}],"categorization_field_name":"m","categorization_filters":["x+"]},"results_index_name":"shared-000001","datafeed_config":{"datafeed_id":"feed","job_id":"a","indices":["i"],"authorization":{},"later":2.50}}"#;

fn options(id: &JobId) -> PortableOptions<'_> {
    PortableOptions {
        id,
        datafeed_indices: None,
        model_memory_limit: None,
        categorization_analyzer: None,
    }
}

#[test]
fn only_generated_options_are_dropped() {
    let job = JobConfig::parse(JOB.as_bytes()).unwrap();
    let out = job.portable(&options(job.id())).unwrap();
    let wanted = r#"{"groups":["g"],"later":{"z":1.10,"b":[1e3, "\u0061"]},"analysis_config":{"detectors":[{"function":"count","detector_index":0,"custom_rules":[{"scope":{"h":{"filter_id":"f"}}}]}],"categorization_field_name":"m","categorization_filters":["x+"]}}"#;
    assert_eq!(out.job.get(), wanted);
    let (id, feed) = out.datafeed.unwrap();
    assert_eq!(
        (id.as_str(), feed.get()),
        ("feed", r#"{"indices":["i"],"later":2.50,"job_id":"a"}"#)
    );
    assert_eq!(job.filters(), [&"f".parse().unwrap()].into());
}

#[test]
fn another_id_and_other_indices_reach_the_datafeed() {
    let job = JobConfig::parse(JOB.as_bytes()).unwrap();
    let id = "new".parse().unwrap();
    let indices = ["new-input".parse().unwrap()];
    let out = job
        .portable(&PortableOptions {
            datafeed_indices: Some(&indices),
            ..options(&id)
        })
        .unwrap();
    let (id, feed) = out.datafeed.unwrap();
    let wanted = r#"{"indices":["new-input"],"later":2.50,"job_id":"new"}"#;
    assert_eq!((id.as_str(), feed.get()), ("datafeed-new", wanted));
}

#[test]
fn other_indices_replace_those_of_the_older_name() {
    let job = JobConfig::parse(JOB.replace("\"indices\"", "\"indexes\"").as_bytes()).unwrap();
    let indices = ["new-input".parse().unwrap()];
    let out = job
        .portable(&PortableOptions {
            datafeed_indices: Some(&indices),
            ..options(job.id())
        })
        .unwrap();
    let (_, feed) = out.datafeed.unwrap();
    let feed: Value = serde_json::from_str(feed.get()).unwrap();
    assert_eq!((&feed["indices"], feed.get("indexes")), (&json!(["new-input"]), None));
}

#[test]
fn filters_move_into_the_analyzer() {
    let job = JobConfig::parse(JOB.as_bytes()).unwrap();
    let analyzer = json!({"tokenizer": "ml_classic"});
    let out = job
        .portable(&PortableOptions {
            categorization_analyzer: Some(&analyzer),
            ..options(job.id())
        })
        .unwrap();
    let out: Value = serde_json::from_str(out.job.get()).unwrap();
    assert_eq!(out["analysis_config"].get("categorization_filters"), None);
    let wanted = json!({"tokenizer": "ml_classic", "char_filter": [{"type": "pattern_replace", "pattern": "x+"}]});
    assert_eq!(out["analysis_config"]["categorization_analyzer"], wanted);
}

#[test]
fn members_of_a_datafeed_are_edited_where_they_stand() {
    let config = JobConfig::parse(JOB.as_bytes()).unwrap();
    let same = config.edit_datafeed(&mut |_, _| None).unwrap();
    assert_eq!(same.get(), JOB);
    let edited = config.edit_datafeed(&mut |name, json| (name == "later").then(|| format!("[{json}]")));
    assert_eq!(edited.unwrap().get(), JOB.replace("2.50", "[2.50]"));
    let without = config.without_datafeed().unwrap();
    assert!(without.datafeed().is_none() && without.text().get().contains("\"later\":{\"z\":1.10"));
}

#[test]
fn a_datafeed_is_spliced_into_the_text() {
    let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
    for (job, wanted) in [
        ("{ \"a\": 1.10 }", "{ \"a\": 1.10 ,\"datafeed_config\":{\"x\": 2.0}}"),
        (
            "{ \"datafeed_config\" : {} , \"a\": 1.10 }",
            "{ \"datafeed_config\" : {\"x\": 2.0} , \"a\": 1.10 }",
        ),
    ] {
        assert_eq!(
            JobConfig::with_datafeed(&raw(job), Some(&raw("{\"x\": 2.0}")))
                .unwrap()
                .get(),
            wanted
        );
    }
}

proptest! {
    #[test]
    fn options_of_later_versions_keep_their_bytes(name in "later_[a-z]{1,8}", whole in any::<u32>(), text in "\\PC{0,12}") {
        let value = format!("{{ \"n\":{whole}.10 , \"s\" : {}}}", Value::from(text));
        let json = JOB.replacen("\"later\":2.50", &format!("\"{name}\":{value}"), 1).replacen("\"groups\"", &format!("\"{name}\":{value},\"groups\""), 1);
        let job = JobConfig::parse(json.as_bytes()).unwrap();
        let out = job.portable(&options(job.id())).unwrap();
        let member = format!("\"{name}\":{value}");
        prop_assert!(out.job.get().contains(&member));
        prop_assert!(out.datafeed.unwrap().1.get().contains(&member));
    }
}

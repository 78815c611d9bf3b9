//! Compares the archives before and after a round trip.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::against_cluster::{one_line, sorted, without_generated};
use super::archive_contents::{ArchiveContents, ArchivedDocument, decode_state, json_of};

/// Target index by source index of input documents.
pub type TargetIndices = BTreeMap<String, String>;

/// Members of a job that Elasticsearch generates.
const GENERATED: [&str; 6] = [
    "job_type",
    "job_version",
    "create_time",
    "finished_time",
    "established_model_memory",
    "model_snapshot_min_version",
];

/// Checks that the second archive has the contents of the first one, with the new ID and the target indices.
#[track_caller]
pub fn assert_same_contents(
    first: &ArchiveContents,
    second: &ArchiveContents,
    places: &TargetIndices,
    members: &[&str],
) {
    let (old, new) = (first.job(), second.job());
    let text = |text: &String| renamed(text, old, new);
    let id = |id: &str| renamed_id(id, old, new);
    assert_eq!(second.snapshot, one_line(&text(&first.snapshot)), "snapshot");
    state(first, second, &id);
    let counts = first.data_counts.as_ref().map(|counts| {
        let mut counts = json_of(&text(counts));
        counts["latest_record_timestamp"] = json!(first.latest_record());
        counts
    });
    assert_eq!(second.data_counts.as_deref().map(json_of), counts, "data counts");
    let annotations: Vec<String> = first.annotations.iter().map(text).collect();
    assert_eq!(sorted(&second.annotations), sorted(&annotations), "annotations");
    let categories: BTreeMap<String, String> = first
        .categories
        .iter()
        .map(|(own, source)| (id(own), text(source)))
        .collect();
    assert_eq!(second.categories, categories, "categories");
    notifications(
        &first.notifications.iter().map(text).collect::<Vec<_>>(),
        &second.notifications,
    );
    assert_eq!(second.filters, first.filters, "filters");
    calendars(first, second, members);
    let differences = differences(
        &portable_config(&second.config),
        &expected_config(first, second, places),
        "",
    );
    assert!(differences.is_empty(), "configuration: {differences:#?}");
    assert_eq!(
        second.config["model_snapshot_id"],
        first.snapshot_id(),
        "the snapshot that the job uses"
    );
    inputs(first, second, places);
}

/// Replaces the old ID in the values of `job_id`. Fixtures and clusters write them without escapes.
pub fn renamed(text: &str, old: &str, new: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("\"job_id\"") {
        let end = at + "\"job_id\"".len();
        let value = rest[end..]
            .trim_start()
            .strip_prefix(':')
            .unwrap_or_default()
            .trim_start();
        let begin = rest.len() - value.len();
        let own = format!("\"{old}\"");
        if value.starts_with(&own) {
            out += &rest[..begin];
            out += &format!("\"{new}\"");
            rest = &value[own.len()..];
        } else {
            out += &rest[..end];
            rest = &rest[end..];
        }
    }
    out + rest
}

fn renamed_id(id: &str, old: &str, new: &str) -> String {
    match id.strip_prefix(old) {
        Some(rest) => format!("{new}{rest}"),
        None => id.to_owned(),
    }
}

fn state(first: &ArchiveContents, second: &ArchiveContents, id: &dyn Fn(&str) -> String) {
    let ids: Vec<String> = first.state.iter().map(|one| id(&one.id)).collect();
    let found: Vec<String> = second.state.iter().map(|one| one.id.clone()).collect();
    assert_eq!(found, ids, "ids of the state documents");
    for (one, other) in first.state.iter().zip(&second.state) {
        assert!(one.source == other.source, "{} is the same to the byte", other.id);
    }
    for kind in ["_model_state_", "_categorizer_state#"] {
        let (one, other) = (first.state_of(kind), second.state_of(kind));
        if !one.is_empty() {
            assert!(decode_state(&one) == decode_state(&other), "{kind} decodes to the same");
        }
    }
}

/// Checks that all notifications were imported, and that the only others are about creating and reverting the job.
fn notifications(carried: &[String], found: &[String]) {
    let mut more = found.to_vec();
    for one in carried {
        let at = more.iter().position(|other| other == one);
        more.swap_remove(at.unwrap_or_else(|| panic!("notification {one} is missing in {found:?}")));
    }
    for own in more {
        let message = json_of(&own)["message"].as_str().unwrap_or_default().to_owned();
        let known = ["Job created", "Job model snapshot reverted to"];
        assert!(known.iter().any(|known| message.starts_with(known)), "{own}");
    }
}

fn calendars(first: &ArchiveContents, second: &ArchiveContents, members: &[&str]) {
    let (mut one, mut other) = (
        without_generated(&first.calendars),
        without_generated(&second.calendars),
    );
    for calendar in one.as_array_mut().into_iter().flatten() {
        calendar["job_ids"] = json!(members);
    }
    for calendar in other.as_array_mut().into_iter().flatten() {
        let found: BTreeSet<String> = serde_json::from_value(calendar["job_ids"].clone()).expect("jobs");
        calendar["job_ids"] = json!(found);
    }
    assert_eq!(other, one, "calendars");
}

/// Returns the paths of different values, with both values.
fn differences(one: &Value, other: &Value, path: &str) -> Vec<String> {
    match (one.as_object(), other.as_object()) {
        (Some(left), Some(right)) => {
            let names: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            let of = |name: &String| differences(&one[name], &other[name], &format!("{path}/{name}"));
            let absent = |name: &&String| left.contains_key(*name) != right.contains_key(*name);
            let missing = names
                .iter()
                .copied()
                .filter(absent)
                .map(|name| format!("{path}/{name} is on one side only"));
            missing.chain(names.iter().copied().flat_map(of)).collect()
        }
        _ if one == other => Vec::new(),
        _ => vec![format!("{path}: {one} instead of {other}")],
    }
}

/// Returns the options that a user can set, in the job and in its datafeed.
pub fn portable_config(config: &Value) -> Value {
    let mut config = config.clone();
    let job = config.as_object_mut().expect("a job");
    for name in GENERATED.iter().chain(&["model_snapshot_id"]) {
        job.shift_remove(*name);
    }
    if let Some(datafeed) = job.get_mut("datafeed_config").and_then(Value::as_object_mut) {
        datafeed.shift_remove("authorization");
    }
    config
}

fn expected_config(first: &ArchiveContents, second: &ArchiveContents, places: &TargetIndices) -> Value {
    let new = second.job();
    let mut config = portable_config(&first.config);
    let renamed = first.job() != new;
    config["job_id"] = json!(new);
    let analysis = &mut config["analysis_config"];
    if analysis.get("categorization_field_name").is_some() && analysis.get("categorization_analyzer").is_none() {
        analysis["categorization_analyzer"] = effective_analyzer(first, second);
    }
    if analysis.get("model_prune_window").is_none()
        && let Some(window) = second.config["analysis_config"].get("model_prune_window")
    {
        // Always present since 8.1.
        analysis["model_prune_window"] = window.clone();
    }
    if config["datafeed_config"].is_object() {
        let datafeed = &mut config["datafeed_config"];
        datafeed["job_id"] = json!(new);
        if renamed {
            // An ID has at most 64 characters.
            let usual = format!("datafeed-{new}");
            datafeed["datafeed_id"] = json!(if usual.len() <= 64 { &usual } else { new });
        }
        if !first.inputs.is_empty() {
            let targets: BTreeSet<&String> = places.values().collect();
            datafeed["indices"] = json!(targets);
        }
    }
    config
}

/// Since 7.14, every job has an analyzer, by default the standard one of Elasticsearch. For an older job, the import
/// sets the classic one, which was its default.
fn effective_analyzer(first: &ArchiveContents, second: &ArchiveContents) -> Value {
    let version = first.config["job_version"].as_str().unwrap_or_default();
    let old = version
        .strip_prefix("7.")
        .and_then(|rest| rest.split('.').next()?.parse::<u32>().ok());
    if old.is_none_or(|minor| minor >= 14) {
        return first.manifest["source"]["default_categorization_analyzer"].clone();
    }
    let analyzer = &second.config["analysis_config"]["categorization_analyzer"];
    assert_eq!(analyzer["tokenizer"], "ml_classic", "{analyzer}");
    assert!(analyzer.get("char_filter").is_none(), "{analyzer}");
    analyzer.clone()
}

fn inputs(first: &ArchiveContents, second: &ArchiveContents, places: &TargetIndices) {
    let mut expected: Vec<ArchivedDocument> = first
        .inputs
        .iter()
        .map(|input| expected_document(input, places))
        .collect();
    expected.sort_unstable();
    let mut found = second.inputs.clone();
    found.sort_unstable();
    assert_eq!(found.len(), expected.len(), "inputs");
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected, "an input");
    }
    if found.is_empty() {
        return;
    }
    for (source, target) in places {
        let of =
            |contents: &ArchiveContents, index: &str, part: &str| contents.mapping[index]["mappings"][part].clone();
        let (runtime, again) = (of(first, source, "runtime"), of(second, target, "runtime"));
        assert_eq!(again, runtime, "runtime fields of {source} in {target}");
        let (mut properties, known) = (of(second, target, "properties"), of(first, source, "properties"));
        if let Some(properties) = properties.as_object_mut() {
            // An exported field without a mapping is mapped by its values.
            properties.retain(|name, _| known.get(name).is_some() || !is_exported_field(first, name));
        }
        assert_eq!(properties, known, "properties of {source} in {target}");
    }
}

fn is_exported_field(contents: &ArchiveContents, field: &str) -> bool {
    contents
        .inputs
        .iter()
        .any(|input| json_of(&input.source).get(field).is_some())
}

/// With several sources in one index, IDs contain the source.
fn expected_document(input: &ArchivedDocument, places: &TargetIndices) -> ArchivedDocument {
    let target = &places[&input.index];
    let shared = places.values().filter(|other| *other == target).count() > 1;
    ArchivedDocument {
        index: target.clone(),
        id: if shared {
            format!("{}/{}", input.index, input.id)
        } else {
            input.id.clone()
        },
        source: input.source.clone(),
    }
}

//! Configurations on their way in: what is refused.

use serde_json::{Map, Value};

use super::fields::{self, Fields};
use super::options::MlOptions;
use super::reply::{error, illegal, nested_error};
use super::version::MlVersion;
use crate::support::cluster::Answer;

/// Job, datafeed, filter and calendar ids.
pub fn check_id(kind: &str, id: &str) -> Result<(), Answer> {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-' | '.');
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if !(edge(id.chars().next()) && edge(id.chars().last()) && id.chars().all(inside)) {
        return Err(illegal(format!(
            "Invalid {kind}; '{id}' can contain lowercase alphanumeric (a-z and 0-9), hyphens or underscores; must \
             start and end with alphanumeric"
        )));
    }
    if id.len() > 64 {
        return Err(illegal(format!(
            "Invalid {kind}; '{id}' cannot contain more than 64 characters."
        )));
    }
    Ok(())
}

/// Refuses the first unknown field of `value`, which `path` of parsers leads to (outermost first, `(parser, field)`).
pub fn check_fields(
    value: &Value,
    known: Fields,
    version: &MlVersion,
    path: &[(&str, &str)],
    parser: &str,
    body: &[u8],
) -> Result<(), Answer> {
    for field in value.as_object().into_iter().flat_map(Map::keys) {
        if !known
            .iter()
            .any(|(name, (major, minor))| name == field && version.since(*major, *minor))
        {
            let at = position(body, field);
            let mut reasons: Vec<String> = path
                .iter()
                .map(|(parser, field)| format!("{at} [{parser}] failed to parse field [{field}]"))
                .collect();
            reasons.push(format!("{at} [{parser}] unknown field [{field}]"));
            return Err(nested_error(400, "x_content_parse_exception", &reasons));
        }
    }
    Ok(())
}

/// `[line:column]` of a field's name.
fn position(body: &[u8], field: &str) -> String {
    let text = String::from_utf8_lossy(body);
    let at = text.rfind(&format!("\"{field}\"")).unwrap_or_default();
    let line = text[..at].matches('\n').count() + 1;
    let column = at - text[..at].rfind('\n').map_or(0, |newline| newline + 1) + 1;
    format!("[{line}:{column}]")
}

/// Everything that PUT refuses about fields.
pub fn check_job(job: &Value, id: &str, options: &MlOptions, body: &[u8]) -> Result<(), Answer> {
    let version = &options.version;
    let parser = "job_details";
    let known: Vec<_> = if version.since(8, 14) {
        fields::JOB
            .iter()
            .filter(|(name, _)| *name != "job_type")
            .copied()
            .collect()
    } else {
        fields::JOB.iter().chain(fields::GENERATED).copied().collect()
    };
    check_fields(job, Vec::leak(known), version, &[], parser, body)?;
    let inside = |field: &'static str, known, name: &str| {
        check_fields(&job[field], known, version, &[(parser, field)], name, body)
    };
    inside("analysis_config", fields::ANALYSIS, "analysis_config")?;
    inside("analysis_limits", fields::LIMITS, "analysis_limits")?;
    inside("data_description", fields::DATA, "data_description")?;
    inside("model_plot_config", fields::PLOT, "model_plot_config")?;
    inside("datafeed_config", fields::DATAFEED, "datafeed_config")?;
    for detector in job["analysis_config"]["detectors"].as_array().into_iter().flatten() {
        let path = [(parser, "analysis_config"), ("analysis_config", "detectors")];
        check_fields(detector, fields::DETECTOR, version, &path, "detector", body)?;
        for rule in detector["custom_rules"].as_array().into_iter().flatten() {
            let path = [path[0], path[1], ("detector", "custom_rules")];
            check_fields(rule, fields::RULE, version, &path, "detection_rule", body)?;
        }
    }
    let illegal_fields: Vec<&str> = [
        "model_snapshot_id",
        "model_snapshot_min_version",
        "finished_time",
        "create_time",
        "job_version",
    ]
    .into_iter()
    .filter(|field| job.get(field).is_some())
    .collect();
    if !illegal_fields.is_empty() {
        let list = illegal_fields.join(", ");
        return Err(illegal(format!(
            "The job is configured with fields [{list}] that are illegal to set at job creation"
        )));
    }
    if let Some(inner) = job["job_id"].as_str().filter(|inner| *inner != id) {
        return Err(illegal(format!(
            "Inconsistent job_id; '{inner}' specified in the body differs from '{id}' specified as a URL argument"
        )));
    }
    check_id("job_id", id)?;
    for group in job["groups"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        check_id("group", group)?;
        if group == id {
            return Err(error(
                400,
                "resource_already_exists_exception",
                format!("job and group names must be unique but job [{id}] and group [{group}] have the same name"),
            ));
        }
    }
    check_analysis(job, version)
}

fn check_analysis(job: &Value, version: &MlVersion) -> Result<(), Answer> {
    let analysis = &job["analysis_config"];
    if analysis.is_null() {
        return Err(illegal("An analysis_config must be set"));
    }
    if job["data_description"].is_null() {
        return Err(illegal("A data_description must be set"));
    }
    if analysis["detectors"].as_array().is_none_or(Vec::is_empty) {
        return Err(illegal("No detectors configured"));
    }
    if analysis.get("categorization_analyzer").is_some() && analysis.get("categorization_filters").is_some() {
        return Err(illegal(
            "[categorization_filters] cannot be used with [categorization_analyzer] - instead specify them as \
             [pattern_replace] [char_filter]s in the analyzer",
        ));
    }
    let tokenizer = analysis["categorization_analyzer"]["tokenizer"].as_str();
    if tokenizer == Some("ml_standard") && !version.since(7, 14) {
        return Err(illegal("failed to find global tokenizer under [ml_standard]"));
    }
    Ok(())
}

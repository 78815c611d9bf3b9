//! Validates configurations in requests.

use serde_json::{Map, Value};

use super::fields::{self, Fields};
use super::options::MlOptions;
use super::reply::{error, illegal, nested_error};
use super::version::MlVersion;
use crate::support::cluster::Answer;

/// Validates IDs of jobs, datafeeds, filters and calendars.
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

/// Refuses the first unknown field of `value`. `path` contains its parsers (outermost first, `(parser, field)`).
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

/// Returns the `[line:column]` of a field's name.
fn position(body: &[u8], field: &str) -> String {
    let text = String::from_utf8_lossy(body);
    let at = text.rfind(&format!("\"{field}\"")).unwrap_or_default();
    let line = text[..at].matches('\n').count() + 1;
    let column = at - text[..at].rfind('\n').map_or(0, |newline| newline + 1) + 1;
    format!("[{line}:{column}]")
}

/// Refuses unknown and invalid fields in a PUT request.
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
    if let Some(datafeed) = job.get("datafeed_config") {
        check_datafeed(datafeed, version, &[(parser, "datafeed_config")], body)?;
    }
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

/// Refuses a datafeed that is invalid on its own, in a separate request or inside its job.
pub fn check_datafeed(datafeed: &Value, version: &MlVersion, path: &[(&str, &str)], body: &[u8]) -> Result<(), Answer> {
    check_fields(datafeed, fields::DATAFEED, version, path, "datafeed_config", body)?;
    let Some(unknown) = datafeed.get("query").and_then(unknown_query) else {
        return Ok(());
    };
    let at = position(body, "query");
    let inside = path.iter().chain(&[("datafeed_config", "query")]);
    let mut reasons: Vec<String> = inside
        .map(|(parser, field)| format!("{at} [{parser}] failed to parse field [{field}]"))
        .collect();
    reasons.push("Datafeed query is not parsable".to_owned());
    reasons.push(format!("unknown query [{unknown}]"));
    Err(nested_error(400, "x_content_parse_exception", &reasons))
}

/// Returns the first clause, in a `bool` query or alone, that is not a query.
fn unknown_query(query: &Value) -> Option<String> {
    let (kind, body) = query.as_object()?.iter().next()?;
    if kind == "bool" {
        let clauses = body.as_object()?.values();
        return clauses
            .flat_map(|clause| clause.as_array().map_or(std::slice::from_ref(clause), Vec::as_slice))
            .find_map(unknown_query);
    }
    (!fields::QUERIES.contains(&kind.as_str()) && !kind.starts_with("span_")).then(|| kind.clone())
}

/// Refuses a datafeed that does not fit its job. Elasticsearch only checks this when it is created.
pub fn check_intervals(datafeed: &Value, job: &Value) -> Result<(), Answer> {
    let aggregations = datafeed.get("aggregations").or(datafeed.get("aggs"));
    let histogram = aggregations
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::values)
        .find_map(|aggregation| aggregation.get("date_histogram"));
    let Some(text) = histogram.and_then(|histogram| histogram["fixed_interval"].as_str()) else {
        return Ok(());
    };
    let span = job["analysis_config"]["bucket_span"].as_str().unwrap_or("5m");
    let (Some(interval), Some(bucket)) = (seconds(text), seconds(span)) else {
        return Ok(());
    };
    let frequency = datafeed["frequency"].as_str();
    let reason = if interval > bucket {
        format!("Aggregation interval [{text}] must be less than or equal to the bucket_span [{span}]")
    } else if bucket % interval != 0 {
        format!("Aggregation interval [{text}] must be a divisor of the bucket_span [{span}]")
    } else if let Some(frequency) = frequency.filter(|text| seconds(text).is_some_and(|time| time % interval != 0)) {
        format!("Datafeed frequency [{frequency}] must be a multiple of the aggregation interval [{text}]")
    } else {
        return Ok(());
    };
    Err(error(400, "status_exception", reason))
}

fn seconds(text: &str) -> Option<u64> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    Some(digits.parse::<u64>().ok()? * unit).filter(|seconds| *seconds > 0)
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

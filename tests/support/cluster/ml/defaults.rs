//! The defaults that the cluster adds to a job's configuration.

use serde_json::{Value, json};

use super::options::MlOptions;
use super::reply::illegal;
use super::version::MlVersion;
use crate::support::cluster::Answer;

/// Returns the configuration as the cluster stores it: fields in its order, with defaults, without `datafeed_config`.
pub fn complete(job: &Value, id: &str, options: &MlOptions, create_time: i64) -> Result<Value, Answer> {
    let version = &options.version;
    let mut kept = json!({"job_id": id, "job_type": "anomaly_detector", "job_version": version.job_version()});
    copy(job, &mut kept, &["groups", "description"]);
    if job["groups"].as_array().is_some_and(Vec::is_empty) {
        remove(&mut kept, "groups");
    }
    kept["create_time"] = json!(create_time);
    kept["analysis_config"] = analysis(&job["analysis_config"], version);
    kept["analysis_limits"] = limits(&job["analysis_limits"], options)?;
    let mut data = json!({"time_field": "time", "time_format": "epoch_ms"});
    super::reply::merge(&mut data, &job["data_description"]);
    if version.since(8, 0) {
        remove(&mut data, "format");
    }
    kept["data_description"] = data;
    if let Some(mut plot) = job.get("model_plot_config").cloned() {
        if plot.get("annotations_enabled").is_none() {
            plot["annotations_enabled"] = plot["enabled"].clone();
        }
        kept["model_plot_config"] = plot;
    }
    copy(
        job,
        &mut kept,
        &["renormalization_window_days", "background_persist_interval"],
    );
    let retention = job["model_snapshot_retention_days"].as_i64().unwrap_or(10);
    kept["model_snapshot_retention_days"] = json!(retention);
    kept["daily_model_snapshot_retention_after_days"] = job
        .get("daily_model_snapshot_retention_after_days")
        .cloned()
        .unwrap_or(json!(retention.min(1)));
    copy(job, &mut kept, &["results_retention_days", "custom_settings"]);
    kept["results_index_name"] = json!(match job["results_index_name"].as_str() {
        None | Some("shared") => "shared".to_owned(),
        Some(name) if name.starts_with("custom-") => name.to_owned(),
        Some(name) => format!("custom-{name}"),
    });
    kept["allow_lazy_open"] = job.get("allow_lazy_open").cloned().unwrap_or(json!(false));
    Ok(kept)
}

fn copy(from: &Value, to: &mut Value, names: &[&str]) {
    for name in names {
        if let Some(value) = from.get(name) {
            to[*name] = value.clone();
        }
    }
}

fn remove(from: &mut Value, name: &str) {
    if let Some(object) = from.as_object_mut() {
        object.shift_remove(name);
    }
}

fn analysis(given: &Value, version: &MlVersion) -> Value {
    let mut kept = given.clone();
    if kept.get("bucket_span").is_none() {
        kept["bucket_span"] = json!("5m");
    }
    for (index, detector) in kept["detectors"].as_array_mut().into_iter().flatten().enumerate() {
        let mut one = json!({"detector_description": detector_description(detector)});
        super::reply::merge(&mut one, detector);
        one["detector_index"] = json!(index);
        *detector = one;
    }
    if kept.get("influencers").is_none() {
        kept["influencers"] = json!([]);
    }
    let categorizes = kept.get("categorization_field_name").is_some();
    if categorizes && version.since(7, 14) && kept.get("categorization_analyzer").is_none() {
        let mut analyzer = default_analyzer(version);
        let filters = kept["categorization_filters"].as_array().cloned().unwrap_or_default();
        if let Some(chars) = analyzer["char_filter"].as_array_mut() {
            chars.extend(
                filters
                    .iter()
                    .map(|pattern| json!({"type": "pattern_replace", "pattern": pattern})),
            );
        }
        remove(&mut kept, "categorization_filters");
        kept["categorization_analyzer"] = analyzer;
    }
    if version.since(8, 1) && kept.get("model_prune_window").is_none() {
        kept["model_prune_window"] = json!(prune_window(kept["bucket_span"].as_str().unwrap_or("5m")));
    }
    kept
}

/// Returns the longer of 30 days and 20 buckets.
fn prune_window(bucket_span: &str) -> String {
    let split = bucket_span
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(bucket_span.len());
    let (number, unit) = bucket_span.split_at(split);
    let seconds = number.parse::<u64>().unwrap_or(300)
        * match unit {
            "d" => 86_400,
            "h" => 3_600,
            "m" => 60,
            _ => 1,
        };
    let month = 30 * 86_400;
    if seconds * 20 <= month {
        "30d".to_owned()
    } else {
        format!("{}d", (seconds * 20).div_ceil(86_400))
    }
}

/// `mean(field) by a over b partitionfield=c`.
fn detector_description(detector: &Value) -> String {
    let text = |name: &str| detector[name].as_str();
    let mut description = text("function").unwrap_or_default().to_owned();
    if let Some(field) = text("field_name") {
        description += &format!("({field})");
    }
    for (name, word) in [("by_field_name", " by "), ("over_field_name", " over ")] {
        if let Some(field) = text(name) {
            description += &format!("{word}{field}");
        }
    }
    if detector["use_null"] == true {
        description += " usenull=true";
    }
    for (name, word) in [
        ("partition_field_name", " partitionfield="),
        ("exclude_frequent", " excludefrequent="),
    ] {
        if let Some(field) = text(name) {
            description += &format!("{word}{field}");
        }
    }
    description
}

/// Parses a size such as `1gb`, `512mb`, `8192kb` or a number of MiB, and returns it in MiB.
fn megabytes(size: &Value) -> Option<u64> {
    if let Some(number) = size.as_u64() {
        return Some(number);
    }
    let text = size.as_str()?.to_ascii_lowercase();
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().ok()?;
    Some(match unit {
        "b" => number >> 20,
        "k" | "kb" => number >> 10,
        "g" | "gb" => number << 10,
        "t" | "tb" => number << 20,
        _ => number,
    })
}

fn limits(given: &Value, options: &MlOptions) -> Result<Value, Answer> {
    let most = options
        .max_model_memory_limit
        .as_ref()
        .and_then(|limit| megabytes(&json!(limit)));
    let wanted = match given.get("model_memory_limit") {
        Some(size) => megabytes(size).ok_or_else(|| illegal(format!("failed to parse [{size}]")))?,
        None => most.map_or(1024, |most| most.min(1024)),
    };
    if let Some(most) = most.filter(|most| *most < wanted) {
        let show = |megabytes: u64| match megabytes % 1024 {
            0 => format!("{}gb", megabytes / 1024),
            _ => format!("{megabytes}mb"),
        };
        return Err(illegal(format!(
            "model_memory_limit [{}] must be less than the value of the xpack.ml.max_model_memory_limit setting [{}]",
            show(wanted),
            show(most)
        )));
    }
    let examples = given.get("categorization_examples_limit").cloned().unwrap_or(json!(4));
    Ok(json!({"model_memory_limit": format!("{wanted}mb"), "categorization_examples_limit": examples}))
}

/// Returns the default analyzer for categorization.
pub fn default_analyzer(version: &MlVersion) -> Value {
    let days = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday Mon Tue Wed Thu Fri Sat Sun";
    let months = "January February March April May June July August September October November December Jan Feb Mar \
                  Apr May Jun Jul Aug Sep Oct Nov Dec";
    let words: Vec<&str> = days
        .split(' ')
        .chain(months.split_whitespace())
        .chain(["GMT", "UTC"])
        .collect();
    let stop = json!({"type": "stop", "stopwords": words});
    if !version.since(7, 14) {
        return json!({"tokenizer": "ml_classic", "filter": [stop]});
    }
    let mut filters = vec![stop];
    if version.since(8, 3) {
        filters.push(json!({"type": "limit", "max_token_count": "100"}));
    }
    json!({"char_filter": ["first_line_with_letters"], "tokenizer": "ml_standard", "filter": filters})
}

//! The interval of a datafeed's aggregations. Elasticsearch compares it with the bucket span of the job only when it
//! creates the datafeed, which is after an import with `--replace` has deleted the existing job.

use std::time::Duration;

use serde_json::Value;

use crate::job::config::JobConfig;
use crate::util::units::parse_duration;

/// The bucket span of a job that sets none.
const DEFAULT_BUCKET_SPAN: &str = "5m";

/// The interval and the bucket span of a datafeed that Elasticsearch refuses because of them: the bucket span must be a
/// multiple of the interval. `None` also where one of them has a form of its own.
pub fn unfit_interval(job: &JobConfig) -> Option<(Duration, Duration)> {
    let interval = interval_of(job.datafeed()?.aggregations.as_ref()?)?;
    let span = parse_duration(job.bucket_span().unwrap_or(DEFAULT_BUCKET_SPAN))?;
    let unfit = !interval.is_zero() && span.as_nanos() % interval.as_nanos() != 0;
    unfit.then_some((interval, span))
}

/// That of the outermost histogram: each level above it has one aggregation.
fn interval_of(aggregations: &Value) -> Option<Duration> {
    let mut level = aggregations;
    loop {
        let aggregation = level.as_object()?.values().next()?;
        if let Some(interval) = of_histogram(aggregation) {
            return Some(interval);
        }
        level = aggregation.get("aggregations").or_else(|| aggregation.get("aggs"))?;
    }
}

fn of_histogram(aggregation: &Value) -> Option<Duration> {
    if let Some(histogram) = aggregation.get("histogram") {
        return Some(Duration::from_millis(histogram.get("interval")?.as_u64()?));
    }
    let sources = aggregation.pointer("/composite/sources").and_then(Value::as_array);
    let sources = sources.into_iter().flatten().filter_map(Value::as_object);
    let mut histograms = sources
        .flat_map(|source| source.values())
        .chain([aggregation])
        .filter_map(|holder| holder.get("date_histogram"));
    let histogram = histograms.next()?;
    let named = |name: &str| histogram.get(name).and_then(Value::as_str);
    let text = named("fixed_interval").or_else(|| named("calendar_interval").or_else(|| named("interval")))?;
    match text {
        "second" => Some(Duration::from_secs(1)),
        "minute" => Some(Duration::from_secs(60)),
        "hour" => Some(Duration::from_secs(3_600)),
        "day" => Some(Duration::from_secs(86_400)),
        _ => parse_duration(text),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]
    use serde_json::json;

    use super::*;

    fn unfit(span: &str, aggregations: &Value) -> bool {
        let job = json!({
            "job_id": "a", "data_description": {},
            "analysis_config": {"bucket_span": span, "detectors": [{"function": "count"}]},
            "datafeed_config": {"datafeed_id": "a", "job_id": "a", "indices": ["logs"], "aggregations": aggregations},
        });
        let job = JobConfig::parse(job.to_string().as_bytes()).expect("a job");
        unfit_interval(&job).is_some()
    }

    #[test]
    fn the_bucket_span_is_a_multiple_of_the_interval() {
        let fixed = |interval: &str| json!({"b": {"date_histogram": {"field": "t", "fixed_interval": interval}}});
        for (span, aggregations, expected) in [
            ("15m", fixed("5m"), false),
            ("15m", fixed("15m"), false),
            ("15m", fixed("7m"), true),
            ("15m", fixed("1h"), true),
            ("15m", fixed("900s"), false),
            (
                "15m",
                json!({"b": {"histogram": {"field": "t", "interval": 450_000}}}),
                false,
            ),
            (
                "15m",
                json!({"b": {"histogram": {"field": "t", "interval": 400_000}}}),
                true,
            ),
            (
                "15m",
                json!({"b": {"date_histogram": {"calendar_interval": "hour"}}}),
                true,
            ),
            ("1h", json!({"b": {"date_histogram": {"interval": "minute"}}}), false),
            (
                "15m",
                json!({"b": {"composite": {"sources": [{"h": {"terms": {"field": "h"}}},
                    {"t": {"date_histogram": {"fixed_interval": "7m"}}}]}}}),
                true,
            ),
            (
                "15m",
                json!({"hosts": {"terms": {"field": "h"}, "aggs": {"b": {"date_histogram": {"fixed_interval": "7m"}}}}}),
                true,
            ),
            // Elasticsearch decides about what is not understood here.
            (
                "15m",
                json!({"b": {"date_histogram": {"calendar_interval": "month"}}}),
                false,
            ),
            ("15m", json!({"hosts": {"terms": {"field": "h"}}}), false),
            ("15m", fixed("0s"), false),
        ] {
            assert_eq!(unfit(span, &aggregations), expected, "{span} {aggregations}");
        }
    }
}

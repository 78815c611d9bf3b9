//! Facts from results: counts by type, the records with the highest scores, and scores over time.

use std::collections::BTreeMap;
use std::iter::once;
use std::mem::take;

use serde::Serialize;
use serde_json::Value;

use super::documents::{CELLS, TimeCells, merged, time_of};
use crate::job::{JobConfig, ResultType};
use crate::report::TimeColumns;
use crate::util::format::truncated;
use crate::util::timestamp::EpochMillis;

/// Number of records and of influencers in a report.
const HIGHEST: usize = 10;
/// Number of influencers that are kept when there are twice as many.
const MAX_INFLUENCERS: usize = 1000;
/// Maximum number of characters of a value.
const MAX_VALUE: usize = 200;
/// Maximum number of typical and of actual values: a geographic location has two.
const MAX_NUMBERS: usize = 2;
/// A function whose typical and actual values are locations.
const LOCATION: &str = "lat_long";

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct ResultFacts {
    /// Results by type.
    pub(crate) types: BTreeMap<&'static str, u64>,
    /// Those with the highest scores, the highest first.
    pub(crate) records: Vec<RecordFacts>,
    /// `None` if no bucket or influencer has a score and a time.
    pub(crate) timeline: Option<Timeline>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct RecordFacts {
    pub(crate) time: Option<EpochMillis>,
    pub(crate) score: f64,
    /// Index of the detector. The other two are from the configuration.
    pub(crate) detector: Option<u64>,
    pub(crate) function: Option<String>,
    pub(crate) field: Option<String>,
    pub(crate) typical: Vec<f64>,
    pub(crate) actual: Vec<f64>,
    /// Only with `--values`: the values that identify the series, by field.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) values: BTreeMap<String, String>,
}

/// The highest scores in columns of equal width, rounded down. `None` where there are none.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Timeline {
    #[serde(flatten)]
    pub(crate) columns: TimeColumns,
    /// Scores of the buckets.
    pub(crate) scores: Vec<Option<u8>>,
    /// Those with the highest scores, the highest first.
    pub(crate) influencers: Vec<InfluencerFacts>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct InfluencerFacts {
    /// `None` if the configuration does not name the field, except with `--values`.
    pub(crate) field: Option<String>,
    /// Only with `--values`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<String>,
    pub(crate) score: f64,
    pub(crate) scores: Vec<Option<u8>>,
}

/// Reads results in one pass, in bounded memory.
///
/// Of many influencers, those with the lowest scores are forgotten from time to time. The highest ones are exact, but scores
/// from before an influencer was forgotten are missing in its timeline.
#[derive(Debug, Default)]
pub(crate) struct ResultCollector {
    types: BTreeMap<&'static str, u64>,
    records: Vec<RecordFacts>,
    cells: TimeCells,
    buckets: Lane,
    /// By field and value.
    influencers: BTreeMap<[String; 2], Lane>,
}

/// The highest score, overall and in each cell.
#[derive(Debug, Default)]
struct Lane {
    score: f64,
    cells: Vec<Option<u8>>,
}

impl ResultCollector {
    /// Returns the time of the result. Some versions write model sizes without the time of a bucket.
    pub(crate) fn add(&mut self, result: &Value) -> Option<EpochMillis> {
        let time = time_of(&result["timestamp"]).or_else(|| time_of(&result["log_time"]));
        let Some(known) = result["result_type"].as_str().and_then(ResultType::parse) else {
            return time;
        };
        *self.types.entry(known.name()).or_default() += 1;
        match known {
            ResultType::Bucket => self.add_score(None, result, "anomaly_score"),
            ResultType::Influencer => {
                let name = |name: &str| truncated(result[name].as_str().unwrap_or_default(), MAX_VALUE);
                let influencer = ["influencer_field_name", "influencer_field_value"].map(name);
                self.add_score(Some(influencer), result, "influencer_score");
            }
            ResultType::Record => self.add_record(result, time),
            _ => {}
        }
        time
    }

    fn add_score(&mut self, influencer: Option<[String; 2]>, result: &Value, name: &str) {
        let (Some(score), Some(time)) = (score(result, name), time_of(&result["timestamp"])) else {
            return;
        };
        let (buckets, influencers) = (&mut self.buckets, &mut self.influencers);
        let span = result["bucket_span"].as_u64().unwrap_or(0).saturating_mul(1000);
        let cell = self.cells.cell(time, span, |start| {
            let lanes = once(&mut *buckets).chain(influencers.values_mut());
            lanes.for_each(|lane| lane.cells = merged(&lane.cells, start, Option::max));
        });
        let lane = match influencer {
            None => buckets,
            Some(name) => influencers.entry(name).or_default(),
        };
        lane.score = lane.score.max(score);
        lane.cells.resize(CELLS, None);
        lane.cells[cell] = lane.cells[cell].max(Some(score as u8));
        if self.influencers.len() > 2 * MAX_INFLUENCERS {
            let kept = highest(take(&mut self.influencers), MAX_INFLUENCERS);
            self.influencers = kept.into_iter().collect();
        }
    }

    fn add_record(&mut self, record: &Value, time: Option<EpochMillis>) {
        let score = score(record, "record_score").unwrap_or(0.0);
        let at = self.records.partition_point(|higher| higher.score >= score);
        if at == HIGHEST {
            return;
        }
        let text = |name: String| truncated(record[name].as_str().unwrap_or_default(), MAX_VALUE);
        let fields = ["partition", "over", "by"].into_iter().map(|role| {
            let [field, value] = ["name", "value"].map(|member| text(format!("{role}_field_{member}")));
            (field, value)
        });
        let record = RecordFacts {
            time,
            score,
            detector: record["detector_index"].as_u64(),
            typical: numbers(record, "typical"),
            actual: numbers(record, "actual"),
            values: fields.filter(|(field, _)| !field.is_empty()).collect(),
            ..RecordFacts::default()
        };
        self.records.insert(at, record);
        self.records.truncate(HIGHEST);
    }

    /// Without values, all texts are from the configuration.
    pub(crate) fn into_facts(self, config: Option<&JobConfig>, with_values: bool) -> ResultFacts {
        let detectors = config.map_or(&[][..], |config| &config.analysis.detectors);
        let records = self.records.into_iter().map(|mut record| {
            let index = record.detector.and_then(|index| usize::try_from(index).ok());
            let detector = index.and_then(|index| detectors.get(index));
            record.function = detector.map(|detector| detector.function.clone());
            record.field = detector.and_then(|detector| detector.field.clone());
            if !with_values {
                record.values.clear();
                if record.function.as_deref().is_none_or(|function| function == LOCATION) {
                    (record.typical, record.actual) = Default::default();
                }
            }
            record
        });
        let influencers = config.map_or(&[][..], |config| &config.analysis.influencers);
        let highest = highest(self.influencers, HIGHEST).into_iter();
        let highest = highest.map(|([field, value], lane)| InfluencerFacts {
            field: Some(field).filter(|field| with_values || influencers.contains(field)),
            value: Some(value).filter(|_| with_values),
            score: lane.score,
            scores: lane.cells,
        });
        ResultFacts {
            types: self.types,
            records: records.collect(),
            timeline: Timeline::new(self.cells, self.buckets, highest.collect()),
        }
    }
}

impl Timeline {
    /// The cells from the first to the last one with a score.
    fn new(cells: TimeCells, mut buckets: Lane, mut influencers: Vec<InfluencerFacts>) -> Option<Self> {
        buckets.cells.resize(CELLS, None);
        let lanes = || once(&buckets.cells).chain(influencers.iter().map(|influencer| &influencer.scores));
        let has_score = |cell: &usize| lanes().any(|lane| lane[*cell].is_some());
        let kept = (0..CELLS).find(has_score)?..=(0..CELLS).rfind(has_score)?;
        for influencer in &mut influencers {
            influencer.scores = influencer.scores[kept.clone()].to_vec();
        }
        Some(Self {
            columns: cells.columns(&kept),
            scores: buckets.cells[kept].to_vec(),
            influencers,
        })
    }
}

/// The influencers with the highest scores, the highest first.
fn highest(influencers: BTreeMap<[String; 2], Lane>, number: usize) -> Vec<([String; 2], Lane)> {
    let mut influencers: Vec<_> = influencers.into_iter().collect();
    influencers.sort_by(|(_, a), (_, b)| b.score.total_cmp(&a.score));
    influencers.truncate(number);
    influencers
}

/// A score, from 0 to 100.
fn score(result: &Value, name: &str) -> Option<f64> {
    let score = result[name].as_f64().filter(|score| score.is_finite());
    score.map(|score| score.clamp(0.0, 100.0))
}

/// The numbers in a list. A record of a population has them in its causes.
fn numbers(record: &Value, name: &str) -> Vec<f64> {
    let of_cause = || match record["causes"].as_array().map(Vec::as_slice) {
        Some([cause]) => cause[name].as_array(),
        _ => None,
    };
    let numbers = record[name].as_array().or_else(of_cause).into_iter().flatten();
    let numbers = numbers.filter_map(Value::as_f64).filter(|number| number.is_finite());
    numbers.take(MAX_NUMBERS).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    const HOUR: i64 = 3_600_000;
    /// 2024-01-29.
    const START: i64 = 1_706_486_400_000;

    fn config() -> JobConfig {
        let detectors =
            json!([{"function": "mean", "field_name": "time"}, {"function": "lat_long", "field_name": "at"}]);
        let config = json!({"job_id": "a", "analysis_config": {"detectors": detectors, "influencers": ["host"]}});
        JobConfig::parse(config.to_string().as_bytes()).unwrap()
    }

    fn facts(results: &[Value], with_values: bool) -> ResultFacts {
        let mut collector = ResultCollector::default();
        for result in results {
            collector.add(result);
        }
        collector.into_facts(Some(&config()), with_values)
    }

    fn bucket(number: i64, score: f64) -> Value {
        json!({"result_type": "bucket", "timestamp": START + number * HOUR, "bucket_span": 3600, "anomaly_score": score})
    }

    fn influencer(number: i64, value: &str, score: f64) -> Value {
        json!({"result_type": "influencer", "timestamp": START + number * HOUR, "bucket_span": 3600,
            "influencer_field_name": "host", "influencer_field_value": value, "influencer_score": score})
    }

    fn record(number: i64, score: f64) -> Value {
        json!({"result_type": "record", "timestamp": START + number * HOUR, "record_score": score, "detector_index": 0,
            "typical": [1.5], "actual": [7], "by_field_name": "host", "by_field_value": "web-1"})
    }

    #[test]
    fn columns_have_the_width_of_a_bucket_and_its_score_rounded_down() {
        let timeline = facts(&[bucket(0, 2.99), bucket(1, 75.0), bucket(3, 0.0)], false)
            .timeline
            .unwrap();
        assert_eq!(
            (timeline.columns.from.0, timeline.columns.column_millis),
            (START, HOUR as u64)
        );
        assert_eq!(timeline.scores, [Some(2), Some(75), None, Some(0)]);
    }

    #[test]
    fn columns_are_multiples_of_a_bucket_with_the_highest_score() {
        let buckets: Vec<Value> = (0..200).map(|number| bucket(number, (number % 100) as f64)).collect();
        let timeline = facts(&buckets, false).timeline.unwrap();
        assert_eq!(
            (timeline.columns.from.0, timeline.columns.column_millis),
            (START, 4 * HOUR as u64)
        );
        let expected: Vec<Option<u8>> = (0..50).map(|column| Some((column * 4 + 3) % 100)).collect();
        assert_eq!(timeline.scores, expected);
    }

    #[test]
    fn all_lanes_have_the_same_columns_in_any_order_of_times() {
        let mut results: Vec<Value> = (0..100).map(|number| bucket(number, 1.0)).collect();
        results.extend([influencer(-70, "early", 50.0), influencer(99, "late", 80.0)]);
        for results in [results.clone(), results.into_iter().rev().collect()] {
            let timeline = facts(&results, true).timeline.unwrap();
            let names = timeline
                .influencers
                .iter()
                .map(|influencer| influencer.value.as_deref());
            assert_eq!(names.collect::<Vec<_>>(), [Some("late"), Some("early")]);
            let columns = timeline.scores.len();
            let scores = timeline.influencers.iter().map(|influencer| &influencer.scores);
            assert!(scores.clone().all(|scores| scores.len() == columns), "{timeline:?}");
            let positions: Vec<usize> = scores
                .map(|scores| scores.iter().position(Option::is_some).unwrap())
                .collect();
            assert_eq!(positions, [columns - 1, 0]);
        }
    }

    #[test]
    fn the_ten_highest_records_are_sorted_and_of_equal_ones_the_first_is_kept() {
        let scores = [5.0, 90.0, 5.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 90.0, 5.0];
        let records: Vec<Value> = (0..).zip(scores).map(|(number, score)| record(number, score)).collect();
        let found = facts(&records, false).records;
        let hours = found.iter().map(|record| (record.time.unwrap().0 - START) / HOUR);
        assert_eq!(hours.collect::<Vec<_>>(), [1, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
        assert_eq!(
            (found[0].function.as_deref(), found[0].field.as_deref()),
            (Some("mean"), Some("time"))
        );
        assert_eq!((&found[0].typical[..], &found[0].actual[..]), (&[1.5][..], &[7.0][..]));
    }

    #[test]
    fn values_and_locations_are_collected_only_with_values() {
        let mut location = record(1, 50.0);
        location["detector_index"] = json!(1);
        location["actual"] = json!([52.5, 13.4, 7.0]);
        let mut unknown = record(2, 40.0);
        unknown["detector_index"] = json!(99);
        let mut other_field = influencer(0, "web-3", 99.0);
        other_field["influencer_field_name"] = json!("alice");
        let results = [location, unknown, other_field, influencer(1, "web-2", 98.0)];
        let without = serde_json::to_string(&facts(&results, false)).unwrap();
        for text in ["web-", "alice", "52.5", "13.4", "1.5"] {
            assert!(!without.contains(text), "{text}: {without}");
        }
        assert!(
            without.contains("\"host\"") && without.contains("lat_long"),
            "{without}"
        );
        let with = serde_json::to_string(&facts(&results, true)).unwrap();
        for text in ["web-1", "web-2", "web-3", "alice", "[52.5,13.4]"] {
            assert!(with.contains(text), "{text}: {with}");
        }
    }

    #[test]
    fn a_record_of_a_population_has_the_numbers_of_its_only_cause() {
        let cause = json!({"typical": [2.0], "actual": [3.0]});
        let mut record = record(0, 50.0);
        record
            .as_object_mut()
            .unwrap()
            .retain(|name, _| name != "typical" && name != "actual");
        record["causes"] = json!([cause]);
        assert_eq!(facts(&[record.clone()], false).records[0].actual, [3.0]);
        record["causes"] = json!([cause, cause]);
        assert_eq!(facts(&[record], false).records[0].actual, [0.0; 0]);
    }

    #[test]
    fn the_highest_of_many_influencers_are_found_in_bounded_memory() {
        let mut collector = ResultCollector::default();
        for number in 0..20_000_i64 {
            collector.add(&influencer(
                number % 50,
                &number.to_string(),
                (number * 7919 % 20_000) as f64 / 250.0,
            ));
            assert!(collector.influencers.len() <= 2 * MAX_INFLUENCERS);
        }
        let timeline = collector.into_facts(None, true).timeline.unwrap();
        let scores: Vec<f64> = timeline.influencers.iter().map(|influencer| influencer.score).collect();
        let expected: Vec<f64> = (0..10).map(|rank| (19_999 - rank) as f64 / 250.0).collect();
        assert_eq!(scores, expected);
    }

    #[test]
    fn invalid_members_are_ignored() {
        let times = [
            json!(i64::MAX),
            json!(i64::MIN),
            json!(9e14),
            json!(-8e15),
            json!("x"),
            json!(null),
            json!([]),
        ];
        let numbers = [
            json!(1e308),
            json!(-1),
            json!("99"),
            json!(null),
            json!({}),
            json!([1, "2", null, 1e300, 4]),
        ];
        let mut collector = ResultCollector::default();
        for (time, number) in times
            .iter()
            .flat_map(|time| numbers.iter().map(move |number| (time, number)))
        {
            for result_type in ["bucket", "influencer", "record", "model_plot", "x"] {
                collector.add(&json!({"result_type": result_type, "timestamp": time, "bucket_span": number,
                    "anomaly_score": number, "influencer_score": number, "record_score": number, "detector_index": number,
                    "typical": number, "actual": number, "influencer_field_name": number, "causes": number}));
            }
        }
        for other in [
            json!(null),
            json!([]),
            json!("record"),
            json!({"result_type": 7}),
            json!({"result_type": "record"}),
        ] {
            collector.add(&other);
        }
        collector
            .add(&json!({"result_type": "bucket", "timestamp": START, "bucket_span": u64::MAX, "anomaly_score": 50}));
        let facts = collector.into_facts(Some(&config()), false);
        assert_eq!(facts.types["bucket"], times.len() as u64 * numbers.len() as u64 + 1);
        assert!(facts.records.iter().all(|record| (0.0..=100.0).contains(&record.score)));
        assert!(
            facts
                .timeline
                .unwrap()
                .scores
                .iter()
                .flatten()
                .all(|score| *score <= 100)
        );
    }
}

//! Rules that shift time: once applied, a detector keeps their checksums in its state.
//!
//! The checksum of a rule covers the items of the filters in its scope, so that of a rule with a scope would leak them.
//! One without a scope covers actions and conditions alone, which stay.

use serde_json::Value;

use crate::job::{Calendar, JobConfig};
use crate::state::schema::Detector;

/// How many such rules the job has.
#[derive(Debug, Default)]
pub(crate) struct TimeShiftRules {
    detectors: Vec<DetectorRules>,
    /// Calendar events that shift time; they have no scope.
    events: u64,
}

#[derive(Debug)]
struct DetectorRules {
    /// `field_name`, `by_field_name`, `over_field_name` and `partition_field_name`, empty where there is none.
    fields: [String; 4],
    with_scope: u64,
    without_scope: u64,
}

impl TimeShiftRules {
    pub(crate) fn of(config: &JobConfig, calendars: &[Calendar]) -> Self {
        let whole: Value = serde_json::from_str(config.text.get()).unwrap_or_default();
        let detectors = whole["analysis_config"]["detectors"].as_array();
        let events = calendars.iter().flat_map(|calendar| &calendar.events);
        let shifting = events.filter(|event| event.get("force_time_shift").is_some_and(|shift| !shift.is_null()));
        Self {
            detectors: detectors.into_iter().flatten().map(DetectorRules::of).collect(),
            events: shifting.count() as u64,
        }
    }

    /// Whether a detector's checksums, of which there are this many, can all be of rules without a scope.
    pub(crate) fn have_no_scope(&self, detector: Option<&Detector>, checksums: &str) -> bool {
        let own = |of: &&DetectorRules| {
            // The job's counter applies the rules of every detector.
            detector.is_none_or(|known| {
                let fields = [&known.field, &known.by, &known.over, &known.partition];
                known.is_counter() || of.fields.iter().eq(fields)
            })
        };
        let own = self.detectors.iter().filter(own);
        let (with, without) = own.fold((0, 0), |(with, without), of| {
            (with + of.with_scope, without + of.without_scope)
        });
        with == 0
            && checksums
                .parse::<u64>()
                .is_ok_and(|checksums| checksums <= without + self.events)
    }
}

impl DetectorRules {
    fn of(detector: &Value) -> Self {
        let name = |member: &str| detector[member].as_str().unwrap_or_default().to_owned();
        let rules = detector["custom_rules"].as_array().into_iter().flatten();
        let shifting = rules.filter(|rule| {
            let actions = rule["actions"].as_array().into_iter().flatten();
            actions
                .filter_map(Value::as_str)
                .any(|action| action == "force_time_shift")
        });
        let (with, without): (Vec<&Value>, Vec<&Value>) =
            shifting.partition(|rule| rule["scope"].as_object().is_some_and(|scope| !scope.is_empty()));
        Self {
            fields: ["field_name", "by_field_name", "over_field_name", "partition_field_name"].map(name),
            with_scope: with.len() as u64,
            without_scope: without.len() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn job(rules: &Value) -> JobConfig {
        let job = json!({"job_id": "a", "analysis_config": {"detectors": [
            {"function": "count", "by_field_name": "service", "custom_rules": rules},
            {"function": "mean", "field_name": "bytes"},
        ]}});
        JobConfig::parse(job.to_string().as_bytes()).unwrap()
    }

    fn detector(field: &str, by: &str) -> Detector {
        let mut detector = Detector::default();
        field.clone_into(&mut detector.field);
        by.clone_into(&mut detector.by);
        detector
    }

    #[test]
    fn checksums_of_rules_without_a_scope_are_known() {
        let shift =
            json!({"actions": ["force_time_shift"], "params": {"force_time_shift": {"time_shift_amount": 3600}}});
        let skip = json!({"actions": ["skip_result"], "scope": {"service": {"filter_id": "f"}}});
        let rules = TimeShiftRules::of(&job(&json!([shift, skip])), &[]);
        let counting = detector("", "service");
        assert!(rules.have_no_scope(Some(&counting), "1"));
        assert!(
            !rules.have_no_scope(Some(&counting), "2"),
            "a rule that the job does not have any more"
        );
        assert!(!rules.have_no_scope(Some(&detector("bytes", "")), "1"));
        let mut scoped = shift.clone();
        scoped["scope"] = json!({"service": {"filter_id": "f"}});
        let rules = TimeShiftRules::of(&job(&json!([shift, scoped])), &[]);
        assert!(!rules.have_no_scope(Some(&counting), "1"));
    }

    #[test]
    fn events_that_shift_time_have_no_scope() {
        let calendar = json!({"calendar_id": "c", "events": [{"description": "x", "force_time_shift": 3600}, {}]});
        let calendar = serde_json::from_value(calendar).unwrap();
        let rules = TimeShiftRules::of(&job(&json!([])), &[calendar]);
        assert!(rules.have_no_scope(Some(&detector("bytes", "")), "1"));
        assert!(!rules.have_no_scope(Some(&detector("bytes", "")), "2"));
    }
}

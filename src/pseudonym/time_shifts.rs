//! Rules that shift time: once applied, a detector keeps their checksums in its state.
//!
//! The checksum of a rule covers the items of the filters in its scope, so that of a rule with a scope would leak them.
//! One without a scope covers actions and conditions alone, which stay.

use crate::job::{self, Calendar, JobConfig};
use crate::state::schema::Detector;

/// The rules of each detector, and the calendar events that shift time. These have no scope.
#[derive(Debug, Default)]
pub(crate) struct TimeShiftRules {
    detectors: Vec<job::Detector>,
    events: u64,
}

impl TimeShiftRules {
    pub(crate) fn of(config: &JobConfig, calendars: &[Calendar]) -> Self {
        let events = calendars.iter().flat_map(|calendar| &calendar.events);
        let shifting = events.filter(|event| event.get("force_time_shift").is_some_and(|shift| !shift.is_null()));
        Self {
            detectors: config.analysis.detectors.clone(),
            events: shifting.count() as u64,
        }
    }

    /// Whether a detector's checksums, of which there are this many, can all be of rules without a scope.
    pub(crate) fn have_no_scope(&self, detector: Option<&Detector>, checksums: &str) -> bool {
        let own = self.detectors.iter().filter(|own| {
            let fields =
                [&own.field, &own.by, &own.over, &own.partition].map(|name| name.as_deref().unwrap_or_default());
            // The job's counter applies the rules of every detector.
            detector.is_none_or(|known| {
                known.is_counter() || fields == [&*known.field, &known.by, &known.over, &known.partition]
            })
        });
        let shifting = own.flat_map(|own| &own.custom_rules).filter(|rule| rule.shifts_time());
        let (scoped, unscoped): (Vec<_>, Vec<_>) = shifting.partition(|rule| !rule.scope.is_empty());
        let known = unscoped.len() as u64 + self.events;
        scoped.is_empty() && checksums.parse::<u64>().is_ok_and(|checksums| checksums <= known)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

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

//! Calendars with their events.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::job::error::Error;
use crate::job::id::{CalendarId, JobId};
use crate::json::{Object, without_value};
use crate::util::timestamp::EpochMillis;

/// A calendar with its events; events without `calendar_id` and `event_id`, with whatever else the cluster returned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calendar {
    /// Its ID.
    pub calendar_id: CalendarId,
    /// Its description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Jobs, groups, or `_all`.
    #[serde(default)]
    pub job_ids: Vec<String>,
    /// Its events.
    #[serde(default)]
    pub events: Vec<Map<String, Value>>,
}

impl Calendar {
    /// Whether it names this very job.
    pub fn has(&self, job: &JobId) -> bool {
        self.job_ids.iter().any(|id| id == job.as_str())
    }

    /// Reads a calendar of an archive, its events in the form in which a cluster returns them.
    ///
    /// # Errors
    /// A calendar, or an event, that Elasticsearch would refuse.
    pub fn parse(json: &str) -> Result<Self, Error> {
        let what = "calendar";
        let mut calendar = serde_json::from_str::<Object<Self>>(json)
            .map_err(|e| Error::config(what, &without_value(&e)))?
            .0;
        for event in &mut calendar.events {
            read_event(event).map_err(|why| Error::config("calendar event", &why))?;
        }
        Ok(calendar)
    }
}

/// Removes from an event what the cluster adds to it and does not accept back.
pub fn remove_event_ids(event: &mut Map<String, Value>) {
    event.retain(|name, _| name != "calendar_id" && name != "event_id");
}

/// Checks an event by the rules of `POST _ml/calendars/<id>/events`; times become milliseconds, as they are returned.
fn read_event(event: &mut Map<String, Value>) -> Result<(), &'static str> {
    remove_event_ids(event);
    if !event.get("description").is_some_and(Value::is_string) {
        return Err("`description` is not a string");
    }
    let start = time(event, "start_time").ok_or("`start_time` is not a time")?;
    let end = time(event, "end_time").ok_or("`end_time` is not a time")?;
    if start >= end {
        return Err("it ends before it starts");
    }
    for name in ["skip_result", "skip_model_update"] {
        if !event.get(name).is_none_or(Value::is_boolean) {
            return Err("`skip_result` or `skip_model_update` is neither true nor false");
        }
    }
    match event.get("force_time_shift") {
        None | Some(Value::Null) => Ok(()),
        Some(shift) if shift.is_i64() => Ok(()),
        Some(_) => Err("`force_time_shift` is not a whole number"),
    }
}

fn time(event: &mut Map<String, Value>, name: &str) -> Option<i64> {
    let value = event.get_mut(name)?;
    let EpochMillis(time) = EpochMillis::of_date_field(&value.to_string())?;
    *value = time.into();
    Some(time)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn events_are_read_in_the_form_in_which_a_cluster_returns_them() {
        let calendar = Calendar::parse(
            r#"{"calendar_id":"c","events":[{"description":"d","start_time":"2024-01-30T23:59:43Z","end_time":1706659184000.0,
               "skip_result":false,"calendar_id":"c","event_id":"x"}]}"#,
        );
        assert_eq!(
            serde_json::to_string(&calendar.unwrap().events).unwrap(),
            r#"[{"description":"d","start_time":1706659183000,"end_time":1706659184000,"skip_result":false}]"#
        );
    }

    #[test]
    fn an_event_that_elasticsearch_refuses_is_refused() {
        for event in [
            r#"{"start_time":1,"end_time":2}"#,
            r#"{"description":"d","start_time":2,"end_time":2}"#,
            r#"{"description":"d","start_time":"monday","end_time":2}"#,
            r#"{"description":"d","start_time":1,"end_time":2,"skip_result":"no"}"#,
            r#"{"description":"d","start_time":1,"end_time":2,"force_time_shift":1.5}"#,
            "[]",
        ] {
            let calendar = format!(r#"{{"calendar_id":"c","events":[{event}]}}"#);
            assert!(Calendar::parse(&calendar).is_err(), "{event}");
        }
    }
}

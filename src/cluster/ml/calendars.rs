//! Calendars and their events.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cluster::{Cluster, Result};
use crate::job::{CalendarId, JobId};

/// A calendar with its events; events without `calendar_id` and `event_id`, whatever else the
/// cluster gave of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calendar {
    /// Its id.
    pub calendar_id: CalendarId,
    /// Its description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Jobs, groups, or `_all`.
    #[serde(default)]
    pub job_ids: Vec<String>,
    /// Its events.
    #[serde(default)]
    pub events: Vec<serde_json::Map<String, Value>>,
}

impl Cluster {
    /// The calendars that apply to the job: those that name it, one of its groups, or `_all`.
    pub async fn calendars_of(&self, job: &JobId, groups: &[String]) -> Result<Vec<Calendar>> {
        todo!()
    }

    /// The calendar of this id with its events; `None` where it is unknown.
    pub async fn calendar(&self, id: &CalendarId) -> Result<Option<Calendar>> {
        todo!()
    }

    /// `PUT _ml/calendars/<id>` without jobs; never repeated.
    pub async fn create_calendar(&self, id: &CalendarId, description: Option<&str>) -> Result<()> {
        todo!()
    }

    /// `POST _ml/calendars/<id>/events`; never repeated.
    pub async fn add_events(&self, id: &CalendarId, events: &[serde_json::Map<String, Value>]) -> Result<()> {
        todo!()
    }

    /// `PUT _ml/calendars/<id>/jobs/<job>`.
    pub async fn add_job_to_calendar(&self, id: &CalendarId, job: &JobId) -> Result<()> {
        todo!()
    }

    /// `DELETE _ml/calendars/<id>/jobs/<job>`.
    pub async fn remove_job_from_calendar(&self, id: &CalendarId, job: &JobId) -> Result<()> {
        todo!()
    }

    /// `DELETE _ml/calendars/<id>`; true where it was there.
    pub async fn delete_calendar(&self, id: &CalendarId) -> Result<bool> {
        todo!()
    }
}

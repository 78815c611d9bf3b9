//! Calendars and their events.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::cluster::{Cluster, Error, Path, Request, Result};
use crate::job::{Calendar, CalendarId, JobId, remove_event_ids};

/// Calendars or events asked for at once.
const PAGE: usize = 1000;

#[derive(Deserialize)]
struct Listing {
    calendars: Vec<Listed>,
}

/// The id stays text: only calendars that are carried must have a good one.
#[derive(Deserialize)]
struct Listed {
    calendar_id: String,
    description: Option<String>,
    #[serde(default)]
    job_ids: Vec<String>,
}

#[derive(Deserialize)]
struct Events {
    events: Vec<Map<String, Value>>,
}

impl Listed {
    fn applies_to(&self, job: &JobId, groups: &[String]) -> bool {
        self.job_ids
            .iter()
            .any(|id| id == "_all" || id == job.as_str() || groups.contains(id))
    }
}

fn path(id: &CalendarId) -> Path {
    Path::of(["_ml", "calendars", id.as_str()])
}

impl Cluster {
    /// The calendars that apply to the job: those that name it, one of its groups, or `_all`.
    ///
    /// # Errors
    /// Any of a request.
    pub async fn calendars_of(&self, job: &JobId, groups: &[String]) -> Result<Vec<Calendar>> {
        let mut all = Vec::new();
        let mut from = 0;
        loop {
            let request = paged(Request::get(Path::of(["_ml", "calendars"])), from);
            let what = request.what();
            let listed = self.send(request).await?.parse::<Listing>(&what)?.calendars;
            let count = listed.len();
            for calendar in listed.into_iter().filter(|calendar| calendar.applies_to(job, groups)) {
                all.push(self.with_events(calendar, &what).await?);
            }
            from += count;
            if count < PAGE {
                return Ok(all);
            }
        }
    }

    /// The calendar of this id with its events; `None` where it is unknown.
    ///
    /// # Errors
    /// Any of a request.
    pub async fn calendar(&self, id: &CalendarId) -> Result<Option<Calendar>> {
        let request = Request::get(path(id));
        let what = request.what();
        let Some(response) = self.send_if_there(request).await? else {
            return Ok(None);
        };
        match response.parse::<Listing>(&what)?.calendars.into_iter().next() {
            Some(calendar) => self.with_events(calendar, &what).await.map(Some),
            None => Ok(None),
        }
    }

    /// Whether the list of all calendars has it.
    ///
    /// # Errors
    /// Any of a request.
    pub async fn lists_calendar(&self, id: &CalendarId) -> Result<bool> {
        let mut from = 0;
        loop {
            let request = paged(Request::get(Path::of(["_ml", "calendars"])), from);
            let what = request.what();
            let listed = self.send(request).await?.parse::<Listing>(&what)?.calendars;
            if listed.iter().any(|calendar| calendar.calendar_id == id.as_str()) {
                return Ok(true);
            }
            if listed.len() < PAGE {
                return Ok(false);
            }
            from += listed.len();
        }
    }

    /// `PUT _ml/calendars/<id>` without jobs; never repeated.
    ///
    /// # Errors
    /// Any of a request; after [`Error::outcome_unknown`](crate::cluster::Error::outcome_unknown) read back.
    pub async fn create_calendar(&self, id: &CalendarId, description: Option<&str>) -> Result<()> {
        let mut body = json!({ "job_ids": [] });
        if let Some(description) = description {
            body["description"] = json!(description);
        }
        self.perform(Request::put(path(id)).json(&body).once()).await
    }

    /// `POST _ml/calendars/<id>/events`; never repeated.
    ///
    /// # Errors
    /// Any of a request; after [`Error::outcome_unknown`](crate::cluster::Error::outcome_unknown) read back.
    pub async fn add_events(&self, id: &CalendarId, events: &[serde_json::Map<String, Value>]) -> Result<()> {
        if events.is_empty() {
            // The cluster refuses an empty list.
            return Ok(());
        }
        let request = Request::post(path(id).then(["events"])).json(&json!({ "events": events }));
        self.perform(request.once()).await
    }

    /// The calendar's events with their ids; none where there is no such calendar.
    ///
    /// # Errors
    /// Any of a request.
    pub async fn events(&self, id: &CalendarId) -> Result<Vec<(String, Map<String, Value>)>> {
        let named = |event: Map<String, Value>| {
            let id = event.get("event_id").and_then(Value::as_str).map(str::to_owned);
            Some((id?, portable(event)))
        };
        match self.listed_events(id).await {
            Ok(events) => Ok(events.into_iter().filter_map(named).collect()),
            Err(error) if error.status() == Some(404) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// `DELETE _ml/calendars/<id>/events/<event>`; true where it was there.
    ///
    /// # Errors
    /// Any of a request.
    pub async fn delete_event(&self, id: &CalendarId, event: &str) -> Result<bool> {
        self.delete_or_gone(Request::delete(path(id).then(["events", event])))
            .await
    }

    /// `PUT _ml/calendars/<id>/jobs/<job>`.
    ///
    /// # Errors
    /// Any of a request.
    pub async fn add_job_to_calendar(&self, id: &CalendarId, job: &JobId) -> Result<()> {
        self.perform(Request::put(path(id).then(["jobs", job.as_str()]))).await
    }

    /// `DELETE _ml/calendars/<id>/jobs/<job>`; true where it was a member. Elasticsearch answers 400 where it was not.
    ///
    /// # Errors
    /// Any of a request.
    pub async fn remove_job_from_calendar(&self, id: &CalendarId, job: &JobId) -> Result<bool> {
        let removal = Request::delete(path(id).then(["jobs", job.as_str()]));
        match self.delete_or_gone(removal).await {
            Err(error) if error.status() == Some(400) => match self.calendar(id).await? {
                Some(there) if there.has(job) => Err(error),
                _ => Ok(false),
            },
            answer => answer,
        }
    }

    /// `DELETE _ml/calendars/<id>`; true where it was there.
    ///
    /// # Errors
    /// Any of a request.
    pub async fn delete_calendar(&self, id: &CalendarId) -> Result<bool> {
        self.delete_or_gone(Request::delete(path(id))).await
    }

    async fn with_events(&self, calendar: Listed, what: &str) -> Result<Calendar> {
        let calendar_id: CalendarId =
            calendar
                .calendar_id
                .parse()
                .map_err(|error: crate::job::Error| Error::Unintelligible {
                    what: what.to_owned(),
                    why: error.to_string(),
                })?;
        let events = self.listed_events(&calendar_id).await?;
        Ok(Calendar {
            calendar_id,
            description: calendar.description,
            job_ids: calendar.job_ids,
            events: events.into_iter().map(portable).collect(),
        })
    }

    /// As the cluster lists them.
    async fn listed_events(&self, id: &CalendarId) -> Result<Vec<Map<String, Value>>> {
        let mut events = Vec::new();
        loop {
            let request = paged(Request::get(path(id).then(["events"])), events.len());
            let what = request.what();
            let page = self.send(request).await?.parse::<Events>(&what)?.events;
            let last = page.len() < PAGE;
            events.extend(page);
            if last {
                return Ok(events);
            }
        }
    }
}

fn paged(request: Request, from: usize) -> Request {
    request.query("from", from.to_string()).query("size", PAGE.to_string())
}

/// The event without what the cluster adds and does not take back.
fn portable(mut event: Map<String, Value>) -> Map<String, Value> {
    remove_event_ids(&mut event);
    event
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_calendar_applies_by_job_group_or_all() {
        let job: JobId = "j1".parse().unwrap();
        let groups = ["web".to_owned()];
        let applies = |ids: Value| {
            let listed: Listed = serde_json::from_value(json!({ "calendar_id": "c1", "job_ids": ids })).unwrap();
            listed.applies_to(&job, &groups)
        };
        assert!(applies(json!(["x", "j1"])) && applies(json!(["web"])) && applies(json!(["_all"])));
        assert!(!applies(json!(["j10", "webs"])) && !applies(json!([])));
    }

    #[test]
    fn an_event_keeps_whatever_else_the_cluster_gave() {
        let event = json!({ "description": "e", "skip_result": true, "calendar_id": "c1", "event_id": "x" });
        let Value::Object(event) = event else {
            panic!("an object")
        };
        assert_eq!(
            Value::Object(portable(event)),
            json!({ "description": "e", "skip_result": true })
        );
    }
}

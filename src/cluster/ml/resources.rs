//! What belongs to a job and is configured apart from it: datafeeds, filters and calendars with their events.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::cluster::cluster::Cluster;
use crate::cluster::http::error::{Error, Result};
use crate::cluster::http::limits::{BodyLimit, bounded};
use crate::cluster::http::request::{Path, Request};
use crate::job::{Calendar, CalendarId, DatafeedId, FilterId, JobId, remove_event_ids};

/// Filters, calendars or events of one request.
const PAGE: usize = 1000;

/// Whether a datafeed runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatafeedState {
    /// It does not.
    Stopped,
    /// In Elasticsearch's word (`started`, `starting`, `stopping`).
    Other(String),
}

/// The members of a response that lists something.
#[derive(Default, Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
struct Listing<T> {
    #[serde(
        alias = "datafeeds",
        alias = "filters",
        alias = "calendars",
        alias = "events",
        deserialize_with = "bounded"
    )]
    items: Vec<T>,
}

/// The ID stays text: only calendars that are exported must have a valid one.
#[derive(Deserialize)]
struct ListedCalendar {
    calendar_id: String,
    description: Option<String>,
    #[serde(default)]
    job_ids: Vec<String>,
}

impl ListedCalendar {
    fn applies_to(&self, job: &JobId, groups: &[String]) -> bool {
        self.job_ids
            .iter()
            .any(|id| id == "_all" || id == job.as_str() || groups.contains(id))
    }
}

fn datafeed_path(id: &DatafeedId) -> Path {
    Path::of(["_ml", "datafeeds", id.as_str()])
}

fn filter_path(id: &FilterId) -> Path {
    Path::of(["_ml", "filters", id.as_str()])
}

fn calendar_path(id: &CalendarId) -> Path {
    Path::of(["_ml", "calendars", id.as_str()])
}

impl Cluster {
    /// The datafeed object of this job as received; `None` where there is none.
    pub async fn datafeed_of(&self, job: &JobId) -> Result<Option<Box<RawValue>>> {
        #[derive(Deserialize)]
        struct Owner {
            job_id: String,
        }
        let request = Request::get(Path::of(["_ml", "datafeeds"])).returns(BodyLimit::Large);
        let what = request.what();
        for datafeed in self.http.json::<Listing<Box<RawValue>>>(request).await?.items {
            let owner = serde_json::from_str::<Owner>(datafeed.get());
            if owner.map_err(|error| Error::invalid_json(&what, &error))?.job_id == job.as_str() {
                return Ok(Some(datafeed));
            }
        }
        Ok(None)
    }

    /// The datafeed of this ID as received; `None` where it is unknown.
    pub async fn datafeed(&self, id: &DatafeedId) -> Result<Option<Box<RawValue>>> {
        self.first_item(datafeed_path(id)).await
    }

    /// Whether it runs; `None` where it is unknown.
    pub async fn datafeed_state(&self, id: &DatafeedId) -> Result<Option<DatafeedState>> {
        #[derive(Deserialize)]
        struct Stats {
            state: String,
        }
        let stats: Option<Stats> = self.first_item(datafeed_path(id).then(["_stats"])).await?;
        Ok(stats.map(|stats| match stats.state.as_str() {
            "stopped" => DatafeedState::Stopped,
            _ => DatafeedState::Other(stats.state),
        }))
    }

    /// `PUT _ml/datafeeds/<id>`; never repeated: after [`Error::outcome_unknown`] read back. Returns the datafeed as the
    /// cluster stores it.
    pub async fn create_datafeed(&self, id: &DatafeedId, body: &RawValue) -> Result<Value> {
        let request = Request::put(datafeed_path(id)).raw(body.get().to_owned());
        self.http.json(request.once()).await
    }

    /// `DELETE _ml/datafeeds/<id>`; true where it existed.
    pub async fn delete_datafeed(&self, id: &DatafeedId) -> Result<bool> {
        self.http.delete(Request::delete(datafeed_path(id))).await
    }

    /// The filter object as received (`filter_id`, `description`, `items`); `None` where it is unknown.
    pub async fn filter(&self, id: &FilterId) -> Result<Option<Box<RawValue>>> {
        self.first_item(filter_path(id)).await
    }

    /// Whether the list of all filters has it.
    pub async fn lists_filter(&self, id: &FilterId) -> Result<bool> {
        #[derive(Deserialize)]
        struct Listed {
            filter_id: String,
        }
        let filters: Vec<Listed> = self.all_items(Path::of(["_ml", "filters"])).await?;
        Ok(filters.iter().any(|filter| filter.filter_id == id.as_str()))
    }

    /// `PUT _ml/filters/<id>` with description and items; never repeated: after [`Error::outcome_unknown`] read back.
    pub async fn create_filter(&self, id: &FilterId, body: &RawValue) -> Result<()> {
        let request = Request::put(filter_path(id)).raw(body.get().to_owned());
        self.http.execute(request.once()).await
    }

    /// `DELETE _ml/filters/<id>`; true where it existed.
    pub async fn delete_filter(&self, id: &FilterId) -> Result<bool> {
        self.http.delete(Request::delete(filter_path(id))).await
    }

    /// The calendars that apply to the job: those that name it, one of its groups, or `_all`.
    pub async fn calendars_of(&self, job: &JobId, groups: &[String]) -> Result<Vec<Calendar>> {
        let mut calendars = Vec::new();
        for calendar in self.listed_calendars().await? {
            if calendar.applies_to(job, groups) {
                calendars.push(self.with_events(calendar).await?);
            }
        }
        Ok(calendars)
    }

    /// The calendar of this ID with its events; `None` where it is unknown.
    pub async fn calendar(&self, id: &CalendarId) -> Result<Option<Calendar>> {
        match self.first_item(calendar_path(id)).await? {
            Some(calendar) => self.with_events(calendar).await.map(Some),
            None => Ok(None),
        }
    }

    /// Whether the list of all calendars has it.
    pub async fn lists_calendar(&self, id: &CalendarId) -> Result<bool> {
        let calendars = self.listed_calendars().await?;
        Ok(calendars.iter().any(|calendar| calendar.calendar_id == id.as_str()))
    }

    /// `PUT _ml/calendars/<id>` without jobs; never repeated: after [`Error::outcome_unknown`] read back.
    pub async fn create_calendar(&self, id: &CalendarId, description: Option<&str>) -> Result<()> {
        let mut body = json!({ "job_ids": [] });
        if let Some(description) = description {
            body["description"] = json!(description);
        }
        let request = Request::put(calendar_path(id)).json(&body);
        self.http.execute(request.once()).await
    }

    /// `DELETE _ml/calendars/<id>`; true where it existed.
    pub async fn delete_calendar(&self, id: &CalendarId) -> Result<bool> {
        self.http.delete(Request::delete(calendar_path(id))).await
    }

    /// `POST _ml/calendars/<id>/events`; never repeated: after [`Error::outcome_unknown`] read back.
    pub async fn add_events(&self, id: &CalendarId, events: &[Map<String, Value>]) -> Result<()> {
        if events.is_empty() {
            // The cluster refuses an empty list.
            return Ok(());
        }
        let request = Request::post(calendar_path(id).then(["events"])).json(&json!({ "events": events }));
        self.http.execute(request.once()).await
    }

    /// The calendar's events with their IDs; none where there is no such calendar.
    pub async fn events(&self, id: &CalendarId) -> Result<Vec<(String, Map<String, Value>)>> {
        let events = match self.listed_events(id).await {
            Err(error) if error.status() == Some(404) => Vec::new(),
            events => events?,
        };
        let with_id = |event: Map<String, Value>| {
            let id = event.get("event_id").and_then(Value::as_str).map(str::to_owned);
            Some((id?, portable(event)))
        };
        Ok(events.into_iter().filter_map(with_id).collect())
    }

    /// `DELETE _ml/calendars/<id>/events/<event>`; true where it existed.
    pub async fn delete_event(&self, id: &CalendarId, event: &str) -> Result<bool> {
        let path = calendar_path(id).then(["events", event]);
        self.http.delete(Request::delete(path)).await
    }

    /// `PUT _ml/calendars/<id>/jobs/<job>`.
    pub async fn add_job_to_calendar(&self, id: &CalendarId, job: &JobId) -> Result<()> {
        let path = calendar_path(id).then(["jobs", job.as_str()]);
        self.http.execute(Request::put(path)).await
    }

    /// `DELETE _ml/calendars/<id>/jobs/<job>`; true where it was a member. Elasticsearch answers 400 where it was not.
    pub async fn remove_job_from_calendar(&self, id: &CalendarId, job: &JobId) -> Result<bool> {
        let path = calendar_path(id).then(["jobs", job.as_str()]);
        match self.http.delete(Request::delete(path)).await {
            Err(error) if error.status() == Some(400) => match self.calendar(id).await? {
                Some(there) if there.has(job) => Err(error),
                _ => Ok(false),
            },
            answer => answer,
        }
    }

    async fn with_events(&self, calendar: ListedCalendar) -> Result<Calendar> {
        let invalid = |error: crate::job::Error| Error::unexpected("GET /_ml/calendars", error.to_string());
        let calendar_id: CalendarId = calendar.calendar_id.parse().map_err(invalid)?;
        let events = self.listed_events(&calendar_id).await?;
        Ok(Calendar {
            calendar_id,
            description: calendar.description,
            job_ids: calendar.job_ids,
            events: events.into_iter().map(portable).collect(),
        })
    }

    async fn listed_calendars(&self) -> Result<Vec<ListedCalendar>> {
        self.all_items(Path::of(["_ml", "calendars"])).await
    }

    async fn listed_events(&self, id: &CalendarId) -> Result<Vec<Map<String, Value>>> {
        self.all_items(calendar_path(id).then(["events"])).await
    }

    /// The only item of a response; `None` where it is 404.
    async fn first_item<T: DeserializeOwned>(&self, path: Path) -> Result<Option<T>> {
        let listing = self.http.json_if_found::<Listing<T>>(Request::get(path)).await?;
        Ok(listing.and_then(|listing| listing.items.into_iter().next()))
    }

    /// Page after page.
    async fn all_items<T: DeserializeOwned>(&self, path: Path) -> Result<Vec<T>> {
        let mut all = Vec::new();
        loop {
            let request = Request::get(path.clone()).query("from", all.len().to_string());
            let page: Listing<T> = self.http.json(request.query("size", PAGE.to_string())).await?;
            let last = page.items.len() < PAGE;
            all.extend(page.items);
            if last {
                return Ok(all);
            }
        }
    }
}

/// The event without what the cluster adds and does not accept back.
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
            let listed: ListedCalendar =
                serde_json::from_value(json!({ "calendar_id": "c1", "job_ids": ids })).unwrap();
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

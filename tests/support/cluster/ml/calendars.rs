//! Calendars and their events.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::filters::page;
use super::options::MlOptions;
use super::reply::{Reply, acknowledged, illegal, no_handler, not_found, ok, status};
use super::store::Calendar;
use super::{MlApi, Request, config, fields};
use crate::support::cluster::Answer;

fn no_calendar(id: &str) -> Answer {
    not_found(format!("No calendar with id [{id}]"))
}

/// Returns the epoch milliseconds of a number or an ISO date.
pub fn parse_timestamp(text: &str) -> Option<i64> {
    let parsed = OffsetDateTime::parse(text, &Rfc3339).ok();
    text.parse()
        .ok()
        .or_else(|| parsed.map(|time| (time.unix_timestamp_nanos() / 1_000_000) as i64))
}

/// Returns a time as the server prints it: in milliseconds, regardless of the stored form.
pub fn normalized_time(time: &Value) -> Value {
    let millis = match time {
        Value::String(text) => parse_timestamp(text),
        other => other.as_i64().or_else(|| other.as_f64().map(|time| time as i64)),
    };
    millis.map_or_else(|| time.clone(), Value::from)
}

fn iso(millis: i64) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_default()
}

fn calendar_json(id: &str, calendar: &Calendar) -> Value {
    let mut shown = json!({"calendar_id": id, "job_ids": calendar.job_ids});
    if let Some(description) = &calendar.description {
        shown["description"] = json!(description);
    }
    shown
}

impl MlApi {
    pub(super) fn calendars(&self, method: &str, rest: &[&str], request: &Request<'_>, options: &MlOptions) -> Reply {
        match (method, rest) {
            ("GET" | "POST", []) | ("GET", ["_all" | "*"]) => {
                let store = self.store();
                let all: Vec<Value> = store
                    .calendars
                    .iter()
                    .map(|(id, calendar)| calendar_json(id, calendar))
                    .collect();
                ok(json!({"count": all.len(), "calendars": page(request, all)}))
            }
            ("GET", [id]) => {
                if request.param("from").or(request.param("size")).is_some() {
                    return Err(illegal("Params [from, size] are incompatible with [calendar_id]."));
                }
                let store = self.store();
                let calendar = store.calendars.get(*id).ok_or_else(|| no_calendar(id))?;
                ok(json!({"count": 1, "calendars": [calendar_json(id, calendar)]}))
            }
            ("PUT", [id]) => self.put_calendar(id, request, options),
            ("DELETE", [id]) => {
                self.store().calendars.remove(*id).ok_or_else(|| no_calendar(id))?;
                acknowledged()
            }
            ("GET", [id, "events"]) => self.events(id, request),
            ("POST", [id, "events"]) => self.post_events(id, request, options),
            ("DELETE", [id, "events", event]) => self.delete_event(id, event),
            (_, [id, "jobs", jobs]) => self.calendar_jobs(method, id, jobs),
            _ => Err(no_handler(request.method, &request.uri)),
        }
    }

    fn put_calendar(&self, id: &str, request: &Request<'_>, options: &MlOptions) -> Reply {
        let given = request.json()?;
        config::check_fields(
            &given,
            fields::CALENDAR,
            &options.version,
            &[],
            "calendar",
            request.body,
        )?;
        if id == "_all" {
            return Err(illegal("Cannot create a Calendar with the reserved name [_all]"));
        }
        config::check_id("calendar_id", id)?;
        let mut store = self.store();
        if store.calendars.contains_key(id) {
            return Err(status(
                400,
                format!("Cannot create calendar with id [{id}] as it already exists"),
            ));
        }
        let names = given["job_ids"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        let calendar = Calendar {
            job_ids: names.map(str::to_owned).collect(),
            description: given["description"].as_str().map(str::to_owned),
            events: Vec::new(),
        };
        let answer = calendar_json(id, &calendar);
        store.calendars.insert(id.to_owned(), calendar);
        ok(answer)
    }

    fn calendar_jobs(&self, method: &str, id: &str, jobs: &str) -> Reply {
        let mut store = self.store();
        let known: Vec<String> = store
            .jobs
            .iter()
            .flat_map(|(id, job)| {
                let groups = job.config["groups"].as_array().into_iter().flatten();
                std::iter::once(id.clone()).chain(groups.filter_map(Value::as_str).map(str::to_owned))
            })
            .collect();
        let calendar = store.calendars.get_mut(id).ok_or_else(|| no_calendar(id))?;
        for job in jobs.split(',') {
            let there = calendar.job_ids.iter().any(|name| name == job);
            match method {
                "PUT" if !known.iter().any(|name| name == job) => return Err(super::jobs::no_job(job)),
                "PUT" if !there => calendar.job_ids.push(job.to_owned()),
                "DELETE" if there => calendar.job_ids.retain(|name| name != job),
                "DELETE" => {
                    return Err(status(
                        400,
                        format!("Cannot remove [{job}] as it is not present in calendar [{id}]"),
                    ));
                }
                _ => {}
            }
        }
        ok(calendar_json(id, calendar))
    }

    fn events(&self, id: &str, request: &Request<'_>) -> Reply {
        let store = self.store();
        let all = matches!(id, "_all" | "*");
        if !all && !store.calendars.contains_key(id) {
            return Err(no_calendar(id));
        }
        let job = request.param("job_id");
        let groups: Vec<String> = job
            .and_then(|job| store.jobs.get(job))
            .map(|job| {
                let groups = job.config["groups"].as_array().into_iter().flatten();
                groups.filter_map(Value::as_str).map(str::to_owned).collect()
            })
            .unwrap_or_default();
        let touches = |calendar: &Calendar| {
            job.is_none_or(|job| {
                calendar
                    .job_ids
                    .iter()
                    .any(|name| name == job || name == "_all" || groups.contains(name))
            })
        };
        let limit = |name: &str| request.param(name).and_then(parse_timestamp);
        let (start, end) = (limit("start"), limit("end"));
        let inside = |event: &Value| {
            start.is_none_or(|start| event["end_time"].as_i64().is_some_and(|time| time > start))
                && end.is_none_or(|end| event["start_time"].as_i64().is_some_and(|time| time < end))
        };
        let calendars = store
            .calendars
            .iter()
            .filter(|(name, calendar)| (all || *name == id) && touches(calendar));
        let mut events: Vec<Value> = calendars
            .flat_map(|(_, calendar)| &calendar.events)
            .filter(|event| inside(event))
            .cloned()
            .collect();
        events.sort_by_key(|event| event["start_time"].as_i64());
        ok(json!({"count": events.len(), "events": page(request, events)}))
    }

    fn post_events(&self, id: &str, request: &Request<'_>, options: &MlOptions) -> Reply {
        let given = request.json()?;
        let mut events = Vec::new();
        for event in given["events"].as_array().into_iter().flatten() {
            events.push(check_event(id, event, request.body, options)?);
        }
        if events.is_empty() {
            return Err(illegal("At least 1 event is required"));
        }
        let mut store = self.store();
        if !store.calendars.contains_key(id) {
            return Err(no_calendar(id));
        }
        for event in &events {
            let mut kept = event.clone();
            kept["event_id"] = json!(format!("mRNnCaIB5My-sDaV{:04}", store.next()));
            if let Some(calendar) = store.calendars.get_mut(id) {
                calendar.events.push(kept);
            }
        }
        ok(json!({"events": events}))
    }

    fn delete_event(&self, id: &str, event: &str) -> Reply {
        let mut store = self.store();
        let calendar = store.calendars.get_mut(id).ok_or_else(|| no_calendar(id))?;
        let before = calendar.events.len();
        calendar.events.retain(|kept| kept["event_id"] != event);
        if calendar.events.len() == before {
            return Err(not_found(format!("No event with id [{event}]")));
        }
        acknowledged()
    }
}

/// Returns an event as the version stores it. From 8.16, it always contains what it skips.
pub fn check_event(id: &str, event: &Value, body: &[u8], options: &MlOptions) -> Result<Value, Answer> {
    config::check_fields(event, fields::EVENT, &options.version, &[], "scheduled_event", body)?;
    let time = |name: &str| normalized_time(&event[name]).as_i64();
    let required = |name: &str| illegal(format!("Event {name} must not be null"));
    let start = time("start_time").ok_or_else(|| required("start time"))?;
    let end = time("end_time").ok_or_else(|| required("end time"))?;
    let description = event["description"].as_str().ok_or_else(|| required("description"))?;
    if start >= end {
        let (start, end) = (iso(start), iso(end));
        return Err(status(
            400,
            format!("Event start time [{start}] must come before end time [{end}]"),
        ));
    }
    let mut kept = json!({"description": description, "start_time": start, "end_time": end});
    if options.version.since(8, 16) {
        for name in ["skip_result", "skip_model_update"] {
            kept[name] = event.get(name).cloned().unwrap_or(json!(true));
        }
        if let Some(shift) = event.get("force_time_shift") {
            kept["force_time_shift"] = shift.clone();
        }
    }
    kept["calendar_id"] = json!(id);
    Ok(kept)
}

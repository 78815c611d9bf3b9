//! Search requests: what they may ask for, and what they may not ask for together.

use serde_json::{Value, json};

use super::super::Call;
use super::failure::{Failure, Outcome, position};
use super::sort::Sort;
use super::source::Choice;

/// A search as its request asks for it.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) text: String,
    pub(super) body: Value,
    pub(super) from: usize,
    pub(super) size: usize,
    pub(super) sort: Vec<Sort>,
    pub(super) source: Choice,
    pub(super) slice: Option<(usize, usize)>,
    pub(super) point_in_time: bool,
    pub(super) scroll: bool,
}

const KNOWN: [&str; 27] = [
    "query",
    "from",
    "size",
    "sort",
    "search_after",
    "slice",
    "track_total_hits",
    "_source",
    "pit",
    "aggs",
    "aggregations",
    "fields",
    "docvalue_fields",
    "stored_fields",
    "script_fields",
    "runtime_mappings",
    "timeout",
    "version",
    "seq_no_primary_term",
    "track_scores",
    "min_score",
    "highlight",
    "explain",
    "profile",
    "stats",
    "terminate_after",
    "post_filter",
];

impl Request {
    pub(super) fn read(call: &Call) -> Outcome<Self> {
        let text = String::from_utf8_lossy(&call.body).into_owned();
        let body: Value = if text.trim().is_empty() {
            json!({})
        } else {
            parsed(&text)?
        };
        for (key, value) in body.as_object().into_iter().flatten() {
            if !KNOWN.contains(&key.as_str()) {
                let at = position(&text, key);
                let token = match value {
                    Value::Object(_) => "START_OBJECT",
                    Value::Array(_) => "START_ARRAY",
                    Value::String(_) => "VALUE_STRING",
                    Value::Bool(_) => "VALUE_BOOLEAN",
                    _ => "VALUE_NUMBER",
                };
                return Err(Failure::parsing(format!("Unknown key for a {token} in [{key}]."), at));
            }
        }
        let number = |name: &str, default: usize| -> Outcome<usize> {
            let given = call.param(name).map(str::to_owned).or_else(|| {
                body.get(name)
                    .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            });
            let Some(given) = given else { return Ok(default) };
            given
                .parse()
                .map_err(|_| Failure::illegal(format!("[{name}] parameter cannot be negative, found [{given}]")))
        };
        let mut sort = match call.param("sort") {
            Some(list) => list.split(',').flat_map(|part| Sort::list(&part.into())).collect(),
            None => Sort::list(body.get("sort").unwrap_or(&Value::Null)),
        };
        let point_in_time = body.get("pit").is_some();
        let by_score = sort.is_empty() || (sort.len() == 1 && sort[0].name == "_score");
        // Whoever goes on with as many values as sorts does so without the tie-breaker.
        let untied = body
            .get("search_after")
            .and_then(Value::as_array)
            .is_some_and(|after| after.len() == sort.len());
        if point_in_time && !untied && !by_score && !sort.iter().any(|sort: &Sort| sort.name == "_shard_doc") {
            sort.push(Sort::named("_shard_doc"));
        }
        let slice = body.get("slice").map(|slice| {
            let part = |name: &str| slice[name].as_u64().and_then(|number| usize::try_from(number).ok());
            part("id")
                .zip(part("max"))
                .filter(|(id, max)| id < max && *max > 1)
                .ok_or_else(|| Failure::illegal("max must be greater than id"))
        });
        let source = Choice::of_call(call)
            .or_else(|| body.get("_source").map(Choice::of))
            .unwrap_or_default();
        let scroll = call.param("scroll").is_some();
        let request = Self {
            from: number("from", 0)?,
            size: number("size", 10)?,
            slice: slice.transpose()?,
            text,
            sort,
            source,
            point_in_time,
            scroll,
            body,
        };
        request.validate(call)?;
        Ok(request)
    }

    fn validate(&self, call: &Call) -> Outcome<()> {
        let invalid = |why: &str| {
            Err(Failure::new(
                400,
                "action_request_validation_exception",
                format!("Validation Failed: 1: {why};"),
            ))
        };
        if self.scroll && self.point_in_time {
            return invalid("using [point in time] is not allowed in a scroll context");
        }
        if self.scroll && self.body.get("search_after").is_some() {
            return invalid("[search_after] cannot be used in a scroll context");
        }
        if self.scroll && self.size == 0 {
            return invalid("[size] cannot be [0] in a scroll context");
        }
        if self.scroll && self.total_wanted(call) == Some(0) {
            return invalid("disabling [track_total_hits] is not allowed in a scroll context");
        }
        if self.slice.is_some() && !self.scroll && !self.point_in_time {
            return invalid("[slice] can only be used with [scroll] or [point-in-time] requests");
        }
        Ok(())
    }

    /// Up to how many hits are counted; 0: not at all.
    pub(super) fn total_wanted(&self, call: &Call) -> Option<usize> {
        let given = call
            .param("track_total_hits")
            .map(|text| serde_json::from_str(text).unwrap_or(Value::Null));
        match given.as_ref().or_else(|| self.body.get("track_total_hits")) {
            Some(Value::Bool(true)) => None,
            Some(Value::Bool(false)) => Some(0),
            Some(Value::Number(number)) => number.as_u64().and_then(|number| usize::try_from(number).ok()),
            _ if self.scroll => None,
            _ => Some(10_000),
        }
    }
}

fn parsed(text: &str) -> Outcome<Value> {
    serde_json::from_str(text).map_err(|error| {
        Failure::new(
            400,
            "x_content_parse_exception",
            format!("[{}:{}] {error}", error.line(), error.column()),
        )
    })
}

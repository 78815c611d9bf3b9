//! Responses in Elasticsearch's form.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::support::cluster::Answer;

/// The result of a handler: a response, or an error response.
pub type Reply = Result<Answer, Answer>;

/// A response with a JSON body.
pub fn json_answer(status: u16, body: &Value) -> Answer {
    Answer {
        status,
        headers: vec![("content-type".to_owned(), "application/json; charset=UTF-8".to_owned())],
        body: Bytes::from(body.to_string()),
    }
}

/// 200 with this body.
pub fn ok(body: Value) -> Reply {
    Ok(json_answer(200, &body))
}

/// `{"acknowledged": true}`.
pub fn acknowledged() -> Reply {
    ok(json!({"acknowledged": true}))
}

/// An error in Elasticsearch's form.
pub fn error(status: u16, kind: &str, reason: impl Into<String>) -> Answer {
    let cause = json!({"type": kind, "reason": reason.into()});
    let mut error = json!({"root_cause": [cause.clone()]});
    merge(&mut error, &cause);
    json_answer(status, &json!({"error": error, "status": status}))
}

/// An error of a nested parser: the innermost one is the root cause, the outermost one is reported.
pub fn nested_error(status: u16, kind: &str, reasons: &[String]) -> Answer {
    let innermost = reasons.last().cloned().unwrap_or_default();
    let mut chain: Option<Value> = None;
    for reason in reasons.iter().rev() {
        let mut one = json!({"type": kind, "reason": reason});
        if let Some(inner) = chain.take() {
            one["caused_by"] = inner;
        }
        chain = Some(one);
    }
    let mut error = json!({"root_cause": [{"type": kind, "reason": innermost}]});
    merge(&mut error, &chain.unwrap_or_default());
    json_answer(status, &json!({"error": error, "status": status}))
}

/// 400 `illegal_argument_exception`.
pub fn illegal(reason: impl Into<String>) -> Answer {
    error(400, "illegal_argument_exception", reason)
}

/// A `status_exception` with this status.
pub fn status(code: u16, reason: impl Into<String>) -> Answer {
    error(code, "status_exception", reason)
}

/// 404 `resource_not_found_exception`.
pub fn not_found(reason: impl Into<String>) -> Answer {
    error(404, "resource_not_found_exception", reason)
}

/// 400 `resource_already_exists_exception`.
pub fn exists(reason: impl Into<String>) -> Answer {
    error(400, "resource_already_exists_exception", reason)
}

/// The response for an unknown address.
pub fn no_handler(method: &str, uri: &str) -> Answer {
    json_answer(
        400,
        &json!({"error": format!("no handler found for uri [{uri}] and method [{method}]")}),
    )
}

/// Copies the fields of one object to another, replacing existing ones.
pub fn merge(into: &mut Value, from: &Value) {
    if let (Some(into), Some(from)) = (into.as_object_mut(), from.as_object()) {
        for (key, value) in from {
            into.insert(key.clone(), value.clone());
        }
    }
}

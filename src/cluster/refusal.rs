//! From the body of an answer of status 400 and above to Elasticsearch's own words.

use serde_json::Value;

use crate::cluster::body::Unread;
use crate::cluster::{Cause, Refusal};

/// Longer reasons are cut, in characters.
const LONGEST: usize = 500;

/// Causes below this one are not told.
const DEEPEST: usize = 10;
/// Shards and root causes that are looked at.
const MOST_CAUSES: usize = 100;

/// Where the server begins to quote the document: nothing from there on is kept.
const QUOTATIONS: [&str; 4] = [
    "Preview of field's value",
    "at [Source:",
    "The prefix of the first immense term",
    "Document contents",
];

impl Refusal {
    /// Reads an error answer; `body` may be anything.
    pub(in crate::cluster) fn read(status: u16, body: &[u8]) -> Self {
        let refusal = |kind: &str, reason: String| Self {
            status,
            kind: kind.into(),
            causes: Box::default(),
            reason: tidy(&reason),
            retry_after: None,
            caused_by: None,
        };
        match serde_json::from_slice::<Value>(body) {
            Ok(json) => match json.get("error") {
                Some(Value::String(reason)) => refusal("", reason.clone()),
                Some(error @ Value::Object(_)) => Self::of_error(status, error),
                _ => refusal("", "(no reason given)".to_owned()),
            },
            Err(_) => refusal("", opening(body)),
        }
    }

    /// An error whose body could not be read.
    pub(in crate::cluster) fn without_body(status: u16, unread: &Unread) -> Self {
        let reason = match unread {
            Unread::TooLarge => "(the response is too large to be read)",
            _ => "(the response cannot be read)",
        };
        Self {
            status,
            kind: "".into(),
            causes: Box::default(),
            reason: reason.to_owned(),
            retry_after: None,
            caused_by: None,
        }
    }

    /// Whether it is of this type, or caused by something of this type.
    pub fn is_or_has(&self, kind: &str) -> bool {
        *self.kind == *kind || self.causes.iter().any(|cause| **cause == *kind)
    }

    /// Reads an `error` object, of an answer or of a bulk item.
    pub(in crate::cluster) fn of_error(status: u16, error: &Value) -> Self {
        let kind = text(error, "type");
        let mut reasons = vec![match (kind, text(error, "index")) {
            // Its reason is `closed` and nothing else.
            ("index_closed_exception", index) if !index.is_empty() => format!("index {} is closed", tidy(index)),
            _ => tidy(text(error, "reason")),
        }];
        if let Some(deepest) = deepest_cause(error) {
            let reason = text(deepest, "reason");
            let quoted = quotes(kind) && !reason.starts_with("Limit of ");
            reasons.push(tidy(if quoted { text(deepest, "type") } else { reason }));
        }
        let shards = error.get("failed_shards").and_then(Value::as_array);
        reasons.extend(
            shards
                .into_iter()
                .flatten()
                .filter_map(|shard| shard.get("reason"))
                .map(shard_reason),
        );
        let mut distinct: Vec<String> = Vec::new();
        for reason in reasons {
            if !reason.is_empty() && !distinct.iter().any(|known| known.contains(&reason)) {
                distinct.push(reason);
            }
        }
        let reason = if distinct.is_empty() {
            "(no reason given)".to_owned()
        } else {
            distinct.join(": ").replace(".: ", ": ")
        };
        Self {
            status,
            kind: kind.into(),
            causes: causes_of(error),
            reason: cut(&reason),
            retry_after: None,
            caused_by: cause_of(error, false, 0),
        }
    }
}

/// The types of the causes, each once.
pub(in crate::cluster) fn causes_of(error: &Value) -> Box<[Box<str>]> {
    let mut types: Vec<Box<str>> = Vec::new();
    let listed = |name: &str| error.get(name).and_then(Value::as_array).into_iter().flatten();
    let shards = listed("failed_shards").filter_map(|shard| shard.get("reason"));
    for cause in listed("root_cause").chain(shards).take(MOST_CAUSES).chain([error]) {
        for cause in std::iter::successors(Some(cause), |cause| cause.get("caused_by")).take(DEEPEST) {
            let kind = text(cause, "type");
            if !kind.is_empty() && !types.iter().any(|known| **known == *kind) {
                types.push(kind.into());
            }
        }
    }
    types.into()
}

/// Whether the causes of an error of this type quote the values of a document: it cannot be parsed.
fn quotes(kind: &str) -> bool {
    matches!(kind, "document_parsing_exception" | "mapper_parsing_exception")
}

/// The causes of an error, as deep as people read.
fn cause_of(error: &Value, quoting: bool, depth: usize) -> Option<Box<Cause>> {
    let quoting = quoting || quotes(text(error, "type"));
    let cause = error
        .get("caused_by")
        .filter(|cause| cause.is_object() && depth < DEEPEST)?;
    Some(Box::new(Cause {
        words: tidy(text(cause, if quoting { "type" } else { "reason" })),
        caused_by: cause_of(cause, quoting, depth + 1),
    }))
}

/// The words of a failed shard's `reason` object.
pub(in crate::cluster) fn shard_reason(reason: &Value) -> String {
    let words = deepest_cause(reason).unwrap_or(reason);
    tidy(text(words, "reason"))
}

/// The beginning of a body that is not JSON, fit for one line.
pub(in crate::cluster) fn opening(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(2048)]);
    let text = text.trim_start();
    if text.is_empty() {
        return "(no reason given)".to_owned();
    }
    if text.starts_with('<') {
        return "an HTML or XML page".to_owned();
    }
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(120)
        .collect();
    line.trim_end().to_owned()
}

fn deepest_cause(error: &Value) -> Option<&Value> {
    let mut deepest = error.get("caused_by").filter(|cause| cause.is_object())?;
    while let Some(cause) = deepest.get("caused_by").filter(|cause| cause.is_object()) {
        deepest = cause;
    }
    Some(deepest)
}

fn text<'a>(object: &'a Value, member: &str) -> &'a str {
    object.get(member).and_then(Value::as_str).unwrap_or_default()
}

fn tidy(reason: &str) -> String {
    let end = QUOTATIONS
        .iter()
        .filter_map(|mark| reason.find(mark))
        .min()
        .unwrap_or(reason.len());
    let line: String = reason[..end]
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    cut(line.trim())
}

fn cut(reason: &str) -> String {
    match reason.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &reason[..end]),
        None => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_may_be_text_or_object() {
        let text = Refusal::read(404, br#"{"error":"alias [nosuch] missing","status":404}"#);
        assert_eq!((&*text.kind, text.reason.as_str()), ("", "alias [nosuch] missing"));
        let object = Refusal::read(
            400,
            br#"{"error":{"root_cause":[],"type":"parsing_exception","reason":"unknown query [nosuch]","line":1,
               "caused_by":{"type":"named_object_not_found_exception","reason":"[1:22] unknown field [nosuch]"}}}"#,
        );
        assert_eq!(&*object.kind, "parsing_exception");
        assert_eq!(object.reason, "unknown query [nosuch]: [1:22] unknown field [nosuch]");
    }

    #[test]
    fn failed_shards_say_why() {
        let refusal = Refusal::read(
            400,
            br#"{"error":{"type":"search_phase_execution_exception","reason":"all shards failed","failed_shards":[
               {"shard":0,"reason":{"type":"illegal_argument_exception","reason":"Result window is too large"}},
               {"shard":1,"reason":{"type":"illegal_argument_exception","reason":"Result window is too large"}}]}}"#,
        );
        assert_eq!(refusal.reason, "all shards failed: Result window is too large");
    }

    #[test]
    fn a_closed_index_is_named() {
        let body = br#"{"error":{"type":"index_closed_exception","reason":"closed","index":"logs"},"status":400}"#;
        assert_eq!(Refusal::read(400, body).reason, "index logs is closed");
    }

    #[test]
    fn documents_are_not_quoted() {
        let refusal = Refusal::read(
            400,
            br#"{"error":{"type":"document_parsing_exception",
               "reason":"[2:7] failed to parse field [b] of type [long] in document with id '1'. Preview of field's value: 'secret'",
               "caused_by":{"type":"x_content_parse_exception","reason":"value (secret) out of range\n at [Source: (byte[])\"{secret}\"]"}}}"#,
        );
        assert!(!refusal.reason.contains("secret"), "{}", refusal.reason);
        assert!(refusal.reason.contains("field [b]") && refusal.reason.contains("x_content_parse_exception"));
    }

    #[test]
    fn causes_are_told_as_far_as_they_quote_nothing() {
        let refusal = |kind: &str| {
            let body = format!(
                r#"{{"error":{{"type":"{kind}","reason":"first","caused_by":{{"type":"b","reason":"second",
                   "caused_by":{{"type":"c","reason":"third"}}}}}}}}"#
            );
            Refusal::read(400, body.as_bytes())
        };
        let words = |kind| {
            let mut words = vec![refusal(kind).reason];
            let mut next = refusal(kind).caused_by;
            while let Some(cause) = next {
                words.push(cause.words);
                next = cause.caused_by;
            }
            words
        };
        assert_eq!(words("a"), ["first: third", "second", "third"]);
        assert_eq!(words("document_parsing_exception"), ["first: c", "b", "c"]);
    }

    #[test]
    fn anything_else_is_one_short_line() {
        assert_eq!(
            Refusal::read(502, b"<html><body>Bad gateway").reason,
            "an HTML or XML page"
        );
        assert_eq!(Refusal::read(503, b"").reason, "(no reason given)");
        assert_eq!(Refusal::read(503, b"{}").reason, "(no reason given)");
        assert_eq!(Refusal::read(503, b"busy\r\nlater").reason, "busy  later");
        let long = format!(r#"{{"error":"{}"}}"#, "ä".repeat(9000));
        assert_eq!(Refusal::read(500, long.as_bytes()).reason.chars().count(), LONGEST + 1);
    }
}

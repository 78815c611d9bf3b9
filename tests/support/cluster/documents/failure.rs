//! Errors in the forms the cluster prints them.

use serde_json::{Map, Value, json};

use super::super::Answer;

/// An exception: status, type, reason and what else stands beside them.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) status: u16,
    cause: Box<Map<String, Value>>,
    caused_by: Option<Box<Value>>,
    body: Option<Box<Value>>,
}

/// What most of this module's functions give.
pub(super) type Outcome<T> = Result<T, Failure>;

impl Failure {
    pub(super) fn new(status: u16, kind: &str, reason: impl Into<Value>) -> Self {
        let mut cause = Map::new();
        cause.insert("type".to_owned(), kind.into());
        cause.insert("reason".to_owned(), reason.into());
        Self {
            status,
            cause: Box::new(cause),
            caused_by: None,
            body: None,
        }
    }

    pub(super) fn illegal(reason: impl Into<String>) -> Self {
        Self::new(400, "illegal_argument_exception", Into::<String>::into(reason))
    }

    /// A failure with a body of its own form.
    pub(super) fn plain(status: u16, body: Value) -> Self {
        Self {
            body: Some(Box::new(body)),
            ..Self::new(status, "", "")
        }
    }

    pub(super) fn no_such_index(name: &str) -> Self {
        let failure = Self::new(404, "index_not_found_exception", format!("no such index [{name}]"));
        let failure = failure
            .with("resource.type", "index_or_alias")
            .with("resource.id", name);
        failure.with("index_uuid", "_na_").with("index", name)
    }

    pub(super) fn invalid_name(name: &str, why: &str) -> Self {
        let failure = Self::new(
            400,
            "invalid_index_name_exception",
            format!("Invalid index name [{name}], {why}"),
        );
        failure.with("index_uuid", "_na_").with("index", name)
    }

    /// `[line:column] reason`, with both beside it.
    pub(super) fn parsing(reason: impl Into<String>, (line, column): (usize, usize)) -> Self {
        Self::new(400, "parsing_exception", Into::<String>::into(reason))
            .with("line", line)
            .with("col", column)
    }

    pub(super) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.cause.insert(key.to_owned(), value.into());
        self
    }

    pub(super) fn caused_by(mut self, value: Value) -> Self {
        self.caused_by = Some(Box::new(value));
        self
    }

    /// The exception as an item of a bulk answer shows it.
    pub(super) fn in_item(&self) -> Value {
        let mut cause = (*self.cause).clone();
        if let Some(by) = &self.caused_by {
            cause.insert("caused_by".to_owned(), (**by).clone());
        }
        Value::Object(cause)
    }

    pub(super) fn kind(&self) -> &str {
        self.cause.get("type").and_then(Value::as_str).unwrap_or_default()
    }

    /// The same failure as every shard of a search had it. `cause`: whether it is repeated as the cause.
    pub(super) fn in_search(self, shard: i64, index: Option<&str>, cause: Option<Value>) -> Self {
        let mut failed = json!({"shard": shard, "index": index});
        if index.is_some() {
            failed["node"] = super::NODE.into();
        }
        failed["reason"] = self.in_item();
        self.of_all_shards(&[failed], cause)
    }

    /// The failure of a search of which each shard failed, this failure first.
    pub(super) fn of_all_shards(self, failed: &[Value], cause: Option<Value>) -> Self {
        let mut error = json!({"root_cause": [self.cause], "type": "search_phase_execution_exception",
            "reason": "all shards failed", "phase": "query", "grouped": true, "failed_shards": failed});
        if let Some(cause) = cause {
            error["caused_by"] = cause;
        }
        Self::plain(self.status, json!({"error": error, "status": self.status}))
    }

    pub(super) fn answer(&self) -> Answer {
        if let Some(body) = &self.body {
            return Answer::json(self.status, body);
        }
        let mut error = json!({"root_cause": [self.cause]});
        for (key, value) in self.in_item().as_object().into_iter().flatten() {
            error[key] = value.clone();
        }
        Answer::json(self.status, &json!({"error": error, "status": self.status}))
    }
}

/// Line and column, from 1, of the first field of that name.
pub(super) fn position_of_name(text: &str, field: &str) -> (usize, usize) {
    let before = &text[..text.find(&format!("\"{field}\"")).unwrap_or(0)];
    (
        before.matches('\n').count() + 1,
        before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1,
    )
}

/// Line and column, from 1, of the value of the first field of that name.
pub(super) fn position(text: &str, field: &str) -> (usize, usize) {
    let quoted = format!("\"{field}\"");
    let Some(after) = text.find(&quoted).map(|at| at + quoted.len()) else {
        return (1, 1);
    };
    let gap = text[after..]
        .find(|c: char| c != ':' && !c.is_whitespace())
        .unwrap_or(0);
    let before = &text[..after + gap];
    let line = before.matches('\n').count() + 1;
    (line, before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1)
}

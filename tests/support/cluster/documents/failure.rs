//! Errors in Elasticsearch's form.

use serde_json::{Value, json};

use super::super::Answer;

/// An exception as clients read it.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) kind: &'static str,
    reason: String,
    in_search: bool,
}

/// The result type of most functions in this module.
pub(super) type Outcome<T> = Result<T, Failure>;

impl Failure {
    pub(super) fn new(status: u16, kind: &'static str, reason: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            reason: reason.into(),
            in_search: false,
        }
    }

    pub(super) fn illegal(reason: impl Into<String>) -> Self {
        Self::new(400, "illegal_argument_exception", reason)
    }

    pub(super) fn no_such_index(name: &str) -> Self {
        Self::new(404, "index_not_found_exception", format!("no such index [{name}]"))
    }

    pub(super) fn validation(reason: &str) -> Self {
        let reason = format!("Validation Failed: 1: {reason};");
        Self::new(400, "action_request_validation_exception", reason)
    }

    /// A request that only a real node supports.
    pub(super) fn unsupported(what: &str) -> Self {
        Self::new(
            400,
            "unsupported_in_memory",
            format!("the documents in memory do not support {what}: use a real node"),
        )
    }

    /// The error as every shard of a search reports it.
    pub(super) fn in_search(self) -> Self {
        Self {
            in_search: true,
            ..self
        }
    }

    /// Returns the exception as in an item of a bulk response.
    pub(super) fn cause(&self) -> Value {
        json!({"type": self.kind, "reason": self.reason})
    }

    pub(super) fn answer(&self) -> Answer {
        let cause = self.cause();
        let mut error = json!({"root_cause": [cause], "type": self.kind, "reason": self.reason});
        if self.in_search {
            error["type"] = "search_phase_execution_exception".into();
            error["reason"] = "all shards failed".into();
            error["failed_shards"] = json!([{"shard": 0, "reason": cause}]);
        }
        Answer::json(self.status, &json!({"error": error, "status": self.status}))
    }
}

//! Injects faults: rules that determine which requests fail, when and how.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{Answer, Call};

/// How a matched request fails.
#[derive(Clone, Debug)]
pub enum Action {
    /// Another response instead of the cluster's own.
    Answer(Answer),
    /// A bulk request is not carried out, and each of its items is reported with this status.
    AnswerItems(u16),
    /// The connection closes before the first byte of the response.
    Close,
    /// A chunked response whose connection closes after this many bytes of the body.
    CloseInBody(usize),
    /// The body ends after `to` bytes. With `right_length`, the HTTP response is complete but its body is truncated;
    /// otherwise, the header has the original length and the connection closes early.
    CutBody { to: usize, right_length: bool },
    /// No response. A function can run after the request was carried out.
    Hang,
    /// No response. The request is carried out when the semaphore gives a permit, and is a task of the cluster until
    /// then.
    CarryOutLater(Arc<Semaphore>),
    /// No fault, for rules that only run a function.
    Pass,
}

impl Action {
    /// A response with this status and JSON body.
    pub fn status(status: u16, body: impl Into<Bytes>) -> Self {
        Self::Answer(Answer::of(status, "application/json", body))
    }

    /// 429 with `Retry-After`, as from a busy cluster or its proxy.
    pub fn too_many_requests(retry_after_seconds: u64) -> Self {
        let body = json!({"error": {"root_cause": [{"type": "es_rejected_execution_exception",
            "reason": "rejected execution"}], "type": "es_rejected_execution_exception",
            "reason": "rejected execution"}, "status": 429});
        Self::Answer(Answer::json(429, &body).with_header("retry-after", &retry_after_seconds.to_string()))
    }

    /// A redirect.
    pub fn redirect(url: &str) -> Self {
        Self::Answer(Answer::of(302, "text/plain", "").with_header("location", url))
    }

    /// An HTML page instead of JSON.
    pub fn html(status: u16) -> Self {
        let page = "<!DOCTYPE html><html><head><title>Gateway</title></head><body>Please sign in.</body></html>";
        Self::Answer(Answer::of(status, "text/html; charset=utf-8", page))
    }
}

/// The response to a bulk request whose items all have this status.
pub(super) fn answered_items(call: &Call, status: u16) -> Answer {
    let (kind, reason) = match status {
        429 => (
            "es_rejected_execution_exception",
            "rejected execution of coordinating operation",
        ),
        502..=504 => ("unavailable_shards_exception", "primary shard is not active"),
        _ => ("document_parsing_exception", "[1:2] failed to parse"),
    };
    let refused = status >= 300;
    let text = String::from_utf8_lossy(&call.body);
    let (mut lines, mut items) = (text.lines(), Vec::new());
    while let Some(action) = lines.next() {
        let action: Value = serde_json::from_str(action).expect("an action line");
        let (name, place) = action
            .as_object()
            .and_then(|action| action.iter().next())
            .expect("an action");
        if name != "delete" {
            lines.next();
        }
        let mut item = json!({"_index": place["_index"], "_id": place["_id"], "status": status});
        if refused {
            item["error"] = json!({"type": kind, "reason": reason});
        }
        items.push(json!({ name: item }));
    }
    match call.param("filter_path") {
        Some("errors") => Answer::json(200, &json!({ "errors": refused })),
        _ => Answer::json(200, &json!({"took": 1, "errors": refused, "items": items})),
    }
}

type Predicate = Arc<dyn Fn(&Call) -> bool + Send + Sync>;
pub(super) type Hook = Arc<dyn Fn(&Call) + Send + Sync>;

/// A rule: which requests it matches, and what happens.
#[derive(Clone)]
pub struct FaultRule {
    matches: Predicate,
    skip: usize,
    times: usize,
    carry_out: bool,
    run: Option<Hook>,
    action: Action,
    seen: usize,
    fired: usize,
}

impl FaultRule {
    /// Matches requests with this method (`*`: any) whose path and query contain `part`. By default, the rule applies
    /// once, to the first one, and does nothing.
    pub fn on(method: &str, part: &str) -> Self {
        let (method, part) = (method.to_owned(), part.to_owned());
        Self::when(move |call| (method == "*" || call.method == method) && call.uri().contains(&part))
    }

    /// Matches requests that a closure selects.
    pub fn when(matches: impl Fn(&Call) -> bool + Send + Sync + 'static) -> Self {
        let matches = Arc::new(matches);
        Self {
            matches,
            skip: 0,
            times: 1,
            carry_out: false,
            run: None,
            action: Action::Pass,
            seen: 0,
            fired: 0,
        }
    }

    /// Applies from the nth matching request, counted from 1.
    #[must_use]
    pub fn nth(mut self, n: usize) -> Self {
        self.skip = n.saturating_sub(1);
        self
    }

    /// Applies to this many requests.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Applies to every request.
    #[must_use]
    pub fn always(self) -> Self {
        self.times(usize::MAX)
    }

    /// Carries out the request before its response is lost.
    #[must_use]
    pub fn carry_out(mut self) -> Self {
        self.carry_out = true;
        self
    }

    /// Runs a function when the request arrives, before it is carried out.
    #[must_use]
    pub fn run(mut self, run: impl Fn(&Call) + Send + Sync + 'static) -> Self {
        self.run = Some(Arc::new(run));
        self
    }

    /// Sets what happens.
    #[must_use]
    pub fn then(mut self, action: Action) -> Self {
        self.action = action;
        self
    }

    fn fires(&mut self, call: &Call) -> bool {
        if !(self.matches)(call) {
            return false;
        }
        self.seen += 1;
        let fires = self.seen > self.skip && self.fired < self.times;
        self.fired += usize::from(fires);
        fires
    }
}

/// What the server must do for a request.
pub(super) struct FiredRule {
    pub(super) carry_out: bool,
    pub(super) run: Option<Hook>,
    pub(super) action: Action,
}

/// The active rules. Clones share them, so that rules can be added while the server runs.
#[derive(Clone, Default)]
pub struct FaultPlan {
    rules: Arc<Mutex<Vec<FaultRule>>>,
}

impl FaultPlan {
    /// Creates a plan with these rules.
    pub fn of(rules: impl IntoIterator<Item = FaultRule>) -> Self {
        Self {
            rules: Arc::new(Mutex::new(rules.into_iter().collect())),
        }
    }

    /// Adds a rule. Earlier rules take precedence.
    pub fn add(&self, fault: FaultRule) {
        self.rules.lock().expect("rules").push(fault);
    }

    /// Removes all rules.
    pub fn clear(&self) {
        self.rules.lock().expect("rules").clear();
    }

    /// Returns how often each rule was applied.
    pub fn fired(&self) -> Vec<usize> {
        self.rules
            .lock()
            .expect("rules")
            .iter()
            .map(|rule| rule.fired)
            .collect()
    }

    /// Returns the first rule that applies. Every matching rule before it has counted the request.
    pub(super) fn fire(&self, call: &Call) -> Option<FiredRule> {
        let mut rules = self.rules.lock().expect("rules");
        let rule = rules.iter_mut().find_map(|rule| rule.fires(call).then_some(rule))?;
        Some(FiredRule {
            carry_out: rule.carry_out,
            run: rule.run.clone(),
            action: rule.action.clone(),
        })
    }
}

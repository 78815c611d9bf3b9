//! What goes wrong on purpose: rules that say for which requests, when and how.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{Answer, Call};

/// How a matched request goes wrong.
#[derive(Clone, Debug)]
pub enum Action {
    /// Another answer instead of the cluster's own.
    Answer(Answer),
    /// A bulk request is answered and not carried out: each of its items is said to have ended with that status.
    AnswerItems(u16),
    /// The connection closes before a byte of the answer.
    Close,
    /// A chunked answer whose connection closes after that many bytes of the body.
    CloseInBody(usize),
    /// The body ends after `to` bytes. With `right_length` the answer is whole HTTP with a cut body;
    /// without, the header announces the whole body and the connection closes early.
    CutBody { to: usize, right_length: bool },
    /// No answer, ever; something to run is run after the request was carried out.
    Hang,
    /// No answer; carried out when the semaphore gives a permit, and until then among the tasks of the cluster.
    CarryOutLater(Arc<Semaphore>),
    /// The right answer, late.
    Delay(Duration),
    /// Nothing goes wrong: for rules that only run something.
    Pass,
}

impl Action {
    /// An answer of that status and JSON body.
    pub fn status(status: u16, body: impl Into<Bytes>) -> Self {
        Self::Answer(Answer::of(status, "application/json", body))
    }

    /// 429 with `Retry-After`, as a busy cluster or the proxy before it says it.
    pub fn too_many_requests(retry_after_seconds: u64) -> Self {
        let body = json!({"error": {"root_cause": [{"type": "es_rejected_execution_exception",
            "reason": "rejected execution"}], "type": "es_rejected_execution_exception",
            "reason": "rejected execution"}, "status": 429});
        Self::Answer(Answer::json(429, &body).with_header("retry-after", &retry_after_seconds.to_string()))
    }

    /// A redirect to another place.
    pub fn redirect(url: &str) -> Self {
        Self::Answer(Answer::of(302, "text/plain", "").with_header("location", url))
    }

    /// A page of HTML where JSON was asked for.
    pub fn html(status: u16) -> Self {
        let page = "<!DOCTYPE html><html><head><title>Gateway</title></head><body>Please sign in.</body></html>";
        Self::Answer(Answer::of(status, "text/html; charset=utf-8", page))
    }
}

/// What Elasticsearch says of a bulk request whose items all end with that status.
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
type Hook = Arc<dyn Fn(&Call) + Send + Sync>;

/// One rule: which requests, which of them, what happens.
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
    /// Requests of that method (`*`: any) whose path and query contain `part`. Until told otherwise the
    /// rule fires at the first one, once, and passes it on.
    pub fn on(method: &str, part: &str) -> Self {
        let (method, part) = (method.to_owned(), part.to_owned());
        Self::when(move |call| (method == "*" || call.method == method) && call.uri().contains(&part))
    }

    /// Requests that a closure picks.
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

    /// From the nth matching request on, counted from 1.
    #[must_use]
    pub fn nth(mut self, n: usize) -> Self {
        self.skip = n.saturating_sub(1);
        self
    }

    /// At so many requests.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// At every request.
    #[must_use]
    pub fn always(self) -> Self {
        self.times(usize::MAX)
    }

    /// The request is performed before its answer gets lost.
    #[must_use]
    pub fn carry_out(mut self) -> Self {
        self.carry_out = true;
        self
    }

    /// Something to run when the request has come, before it is performed.
    #[must_use]
    pub fn run(mut self, run: impl Fn(&Call) + Send + Sync + 'static) -> Self {
        self.run = Some(Arc::new(run));
        self
    }

    /// What happens.
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

/// What the server has to do for one request.
pub(super) struct FiredRule {
    pub(super) carry_out: bool,
    pub(super) run: Option<Hook>,
    pub(super) action: Action,
}

/// The rules in force. Clones share them, so rules can be added while the server runs.
#[derive(Clone, Default)]
pub struct FaultPlan {
    rules: Arc<Mutex<Vec<FaultRule>>>,
}

impl FaultPlan {
    /// A plan of these rules.
    pub fn of(rules: impl IntoIterator<Item = FaultRule>) -> Self {
        Self {
            rules: Arc::new(Mutex::new(rules.into_iter().collect())),
        }
    }

    /// One more rule; earlier ones go first.
    pub fn add(&self, fault: FaultRule) {
        self.rules.lock().expect("rules").push(fault);
    }

    /// From now on nothing goes wrong.
    pub fn clear(&self) {
        self.rules.lock().expect("rules").clear();
    }

    /// How often each rule has fired.
    pub fn fired(&self) -> Vec<usize> {
        self.rules
            .lock()
            .expect("rules")
            .iter()
            .map(|rule| rule.fired)
            .collect()
    }

    /// The first rule that fires. Every matching rule before it has counted the request.
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

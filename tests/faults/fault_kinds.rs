//! The ways in which a request can fail.

use std::time::Duration;

use serde_json::json;

use super::fixture::Port;
use crate::support::cluster::Answer;
use crate::support::cluster::faults::Action;

/// A way in which a request can fail.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub name: &'static str,
    pub mode: FailureMode,
    /// Whether the tool retries it, so that a single fault does not fail the run.
    pub retried: bool,
    /// Whether a lasting fault affects all later requests, or only this one.
    pub scope: Scope,
    /// The message contains one of these.
    pub expected_errors: &'static [&'static str],
}

#[derive(Clone, Copy, Debug)]
pub enum FailureMode {
    /// No process accepts connections on the port.
    ConnectionRefused,
    /// New connections are answered without TLS.
    NoTls,
    /// Another response, or one that is truncated.
    Answer(fn(elsewhere: &str) -> Action),
    /// The request is carried out, and the connection is closed.
    LostResponse,
    /// The request is carried out, and the response is late.
    Timeout,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    AllRequests,
    ThisRequest,
}

impl Kind {
    /// The port on which the fault occurs.
    pub fn port(&self) -> Port {
        match self.mode {
            FailureMode::NoTls => Port::Secured,
            _ => Port::Plain,
        }
    }
}

const fn kind(
    name: &'static str,
    mode: FailureMode,
    retried: bool,
    scope: Scope,
    expected_errors: &'static [&'static str],
) -> Kind {
    Kind {
        name,
        mode,
        retried,
        scope,
        expected_errors,
    }
}

/// An error response of Elasticsearch.
fn refusal(status: u16, kind: &str, reason: &str) -> Answer {
    let cause = json!({"type": kind, "reason": reason});
    Answer::json(
        status,
        &json!({"error": {"root_cause": [cause], "type": kind, "reason": reason}, "status": status}),
    )
}

fn status(status: u16) -> Action {
    Action::Answer(refusal(status, "some_exception", "the disk fell out"))
}

fn too_many_requests() -> Answer {
    refusal(429, "es_rejected_execution_exception", "rejected execution")
}

fn retry_after(seconds: i64) -> Action {
    let format = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let then = time::OffsetDateTime::now_utc() + Duration::from_secs(seconds.unsigned_abs());
    Action::Answer(too_many_requests().with_header("retry-after", &then.format(&format).unwrap()))
}

use FailureMode::{Answer as Answered, ConnectionRefused, LostResponse, NoTls, Timeout};
use Scope::{AllRequests, ThisRequest};

/// Returns all kinds.
pub const KINDS: [Kind; 22] = [
    kind(
        "connection refused",
        ConnectionRefused,
        true,
        AllRequests,
        &["cannot connect to", "lost the connection"],
    ),
    kind(
        "TLS failing",
        NoTls,
        false,
        AllRequests,
        &["TLS", "lost the connection"],
    ),
    kind(
        "reset before the answer",
        Answered(|_| Action::Close),
        true,
        AllRequests,
        &["lost the connection"],
    ),
    kind(
        "reset after it was carried out",
        LostResponse,
        true,
        AllRequests,
        &["lost the connection"],
    ),
    kind(
        "reset in the body",
        Answered(|_| Action::CloseInBody(9)),
        true,
        AllRequests,
        &["lost the connection"],
    ),
    kind(
        "a body cut short",
        Answered(|_| Action::CutBody {
            to: 9,
            right_length: true,
        }),
        false,
        ThisRequest,
        &["unexpected response", "is not Elasticsearch"],
    ),
    kind(
        "not JSON",
        Answered(|_| Action::status(200, "nonsense")),
        false,
        ThisRequest,
        &["unexpected response", "is not Elasticsearch"],
    ),
    kind("400", Answered(|_| status(400)), false, ThisRequest, &["400"]),
    kind(
        "401",
        Answered(|_| Action::Answer(refusal(401, "security_exception", "unable to authenticate user"))),
        false,
        AllRequests,
        &["does not accept the API key", "requires credentials"],
    ),
    kind(
        "403",
        Answered(|_| Action::Answer(refusal(403, "security_exception", "action [x] is unauthorized"))),
        false,
        ThisRequest,
        &["not permitted"],
    ),
    kind("404", Answered(|_| status(404)), false, ThisRequest, &["404"]),
    kind("408", Answered(|_| status(408)), true, ThisRequest, &["408"]),
    kind("413", Answered(|_| status(413)), false, ThisRequest, &["413"]),
    kind(
        "429",
        Answered(|_| Action::Answer(too_many_requests())),
        true,
        AllRequests,
        &["429"],
    ),
    kind(
        "429, Retry-After in seconds",
        Answered(|_| Action::too_many_requests(7)),
        true,
        ThisRequest,
        &["429"],
    ),
    kind(
        "429, Retry-After as a date",
        Answered(|_| retry_after(9)),
        true,
        ThisRequest,
        &["429"],
    ),
    kind("500", Answered(|_| status(500)), false, ThisRequest, &["500"]),
    kind(
        "502 with a page",
        Answered(|_| Action::html(502)),
        true,
        AllRequests,
        &["502 with an HTML page"],
    ),
    kind("503", Answered(|_| status(503)), true, AllRequests, &["503"]),
    kind("504", Answered(|_| Action::html(504)), true, AllRequests, &["504"]),
    kind(
        "slower than --timeout",
        Timeout,
        true,
        AllRequests,
        &["no response within"],
    ),
    kind(
        "a redirect to another host",
        Answered(Action::redirect),
        false,
        AllRequests,
        &["redirects to"],
    ),
];

//! What can go wrong with a request.

use std::time::Duration;

use serde_json::json;

use super::fixture::Port;
use crate::support::cluster::Answer;
use crate::support::cluster::faults::Action;

/// One way of going wrong.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub name: &'static str,
    pub how: How,
    /// The tool tries again: once is survived.
    pub passes: bool,
    /// What lasts when it lasts: everything from then on, or this request alone.
    pub lasts: Lasting,
    /// One of these stands in the message.
    pub says: &'static [&'static str],
}

#[derive(Clone, Copy, Debug)]
pub enum How {
    /// Nobody listens.
    Refused,
    /// What answers a new connection speaks no TLS.
    NoTls,
    /// Another answer, or one that breaks.
    Answer(fn(elsewhere: &str) -> Action),
    /// Carried out, and the connection closes.
    Lost,
    /// Carried out, and the answer does not come in time.
    Slow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    Everything,
    ThisRequest,
}

impl Kind {
    /// Where it can be met.
    pub fn port(&self) -> Port {
        match self.how {
            How::NoTls => Port::Secured,
            _ => Port::Plain,
        }
    }
}

const fn kind(name: &'static str, how: How, passes: bool, lasts: Lasting, says: &'static [&'static str]) -> Kind {
    Kind {
        name,
        how,
        passes,
        lasts,
        says,
    }
}

/// An answer in the cluster's words.
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

fn busy() -> Answer {
    refusal(429, "es_rejected_execution_exception", "rejected execution")
}

fn busy_until(seconds: i64) -> Action {
    let format = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let then = time::OffsetDateTime::now_utc() + Duration::from_secs(seconds.unsigned_abs());
    Action::Answer(busy().with_header("retry-after", &then.format(&format).unwrap()))
}

use How::{Answer as Answered, Lost, NoTls, Refused, Slow};
use Lasting::{Everything, ThisRequest};

/// All of them.
pub const KINDS: [Kind; 22] = [
    kind(
        "connection refused",
        Refused,
        true,
        Everything,
        &["cannot reach", "broke"],
    ),
    kind("TLS failing", NoTls, false, Everything, &["TLS with"]),
    kind(
        "reset before the answer",
        Answered(|_| Action::Close),
        true,
        Everything,
        &["broke"],
    ),
    kind("reset after it was carried out", Lost, true, Everything, &["broke"]),
    kind(
        "reset in the body",
        Answered(|_| Action::CloseInBody(9)),
        true,
        Everything,
        &["broke"],
    ),
    kind(
        "a body cut short",
        Answered(|_| Action::CutBody {
            to: 9,
            right_length: true,
        }),
        false,
        ThisRequest,
        &["makes no sense", "something that answers"],
    ),
    kind(
        "not JSON",
        Answered(|_| Action::status(200, "nonsense")),
        false,
        ThisRequest,
        &["makes no sense", "something that answers"],
    ),
    kind("400", Answered(|_| status(400)), false, ThisRequest, &["400"]),
    kind(
        "401",
        Answered(|_| Action::Answer(refusal(401, "security_exception", "unable to authenticate user"))),
        false,
        Everything,
        &["does not accept the credentials"],
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
    kind("429", Answered(|_| Action::Answer(busy())), true, Everything, &["429"]),
    kind(
        "429, Retry-After in seconds",
        Answered(|_| Action::too_many_requests(7)),
        true,
        ThisRequest,
        &["429"],
    ),
    kind(
        "429, Retry-After as a date",
        Answered(|_| busy_until(9)),
        true,
        ThisRequest,
        &["429"],
    ),
    kind("500", Answered(|_| status(500)), false, ThisRequest, &["500"]),
    kind(
        "502 with a page",
        Answered(|_| Action::html(502)),
        true,
        Everything,
        &["502 an HTML"],
    ),
    kind("503", Answered(|_| status(503)), true, Everything, &["503"]),
    kind("504", Answered(|_| Action::html(504)), true, Everything, &["504"]),
    kind("slower than --timeout", Slow, true, Everything, &["no answer within"]),
    kind(
        "a redirect to another host",
        Answered(Action::redirect),
        false,
        Everything,
        &["redirects to"],
    ),
];

//! Whether and when a failed request is sent again, and the clock that measures the pauses.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::cluster::http::auth::ConnectOptions;
use crate::cluster::http::error::{ConnectionFailure, Error, ErrorResponse};
use crate::cluster::http::request::Retry;

/// The longest first pause; the limit doubles with each further pause.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause without `Retry-After`.
const MAX_PAUSE: Duration = Duration::from_secs(10);
/// `Retry-After` is honored up to this time.
const MAX_ASKED_PAUSE: Duration = Duration::from_secs(300);

/// A future that completes at a point in time.
pub type Moment<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Measures time and waits. The two ways of waiting differ only in tests: a pause, during which no work is done, can be
/// skipped; a time limit on work in progress cannot.
pub trait Clock: Send + Sync + Debug {
    /// The time since a fixed point in time.
    fn now(&self) -> Duration;

    /// Completes after a pause during which no work is done.
    fn pause(&self, time: Duration) -> Moment<'_>;

    /// Completes when this time limit of other work has passed.
    fn limit(&self, time: Duration) -> Moment<'_>;
}

/// The clock of this machine.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock(Instant);

impl SystemClock {
    /// Starts at 0 now.
    pub fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn pause(&self, time: Duration) -> Moment<'_> {
        Box::pin(tokio::time::sleep(time))
    }

    fn limit(&self, time: Duration) -> Moment<'_> {
        Box::pin(tokio::time::sleep(time))
    }
}

/// The result of the work; `None` if it does not complete within `limit`, and is dropped.
pub(crate) async fn within<T>(clock: &dyn Clock, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = clock.limit(limit) => None,
    }
}

/// Is notified about requests, for progress and logs.
pub trait Observer: Send + Sync + Debug {
    /// After this error and a pause, the attempt of this number (at least 2) follows.
    fn waiting(&self, error: &Error, pause: Duration, attempt: u32);

    /// A response was received: method and path, HTTP status, time since the request was sent.
    fn answered(&self, what: &str, status: u16, elapsed: Duration);
}

/// The pause after the `failures`th failure (from 1) with the time `left` for retries. The first half is fixed, so that
/// the attempts are spread over the time; the second half depends on `chance` (0 to 1), so that clients do not return at
/// the same moment. `None` if there is no time for another attempt.
fn pause_after(failures: u32, asked: Option<Duration>, left: Duration, chance: f64) -> Option<Duration> {
    let floor = FIRST_PAUSE / 2;
    if left < floor {
        return None;
    }
    if let Some(asked) = asked {
        // An attempt before the time that the cluster asked for would be rejected.
        return Some(asked.min(MAX_ASKED_PAUSE).max(floor)).filter(|pause| *pause <= left);
    }
    let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
    Some(doubled.min(MAX_PAUSE).mul_f64(0.5 + chance / 2.0).min(left))
}

/// The attempts of one operation.
#[derive(Debug)]
pub struct Backoff<'a> {
    /// Contains `--retries`, and `--retry-for`, which starts with the first failure.
    pub(crate) options: &'a ConnectOptions,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) observer: &'a dyn Observer,
    /// The time of the first failure: the duration of the first attempt does not count.
    pub(crate) first_failure: Option<Duration>,
    pub(crate) failures: u32,
}

impl Backoff<'_> {
    /// Decides whether another attempt follows a failure. If so, waits and returns true.
    pub async fn retry(&mut self, error: &Error) -> bool {
        self.failures += 1;
        if !error.is_transient() || self.failures > self.options.retries {
            return false;
        }
        let now = self.clock.now();
        let spent = now.saturating_sub(*self.first_failure.get_or_insert(now));
        let left = self.options.retry_for.saturating_sub(spent);
        let asked = error.response().and_then(|response| response.retry_after);
        let Some(pause) = pause_after(self.failures, asked, left, fastrand::f64()) else {
            return false;
        };
        self.observer.waiting(error, pause, self.failures + 1);
        self.clock.pause(pause).await;
        true
    }
}

impl Retry {
    /// Whether the request may be sent again after this failure.
    pub(crate) fn permits(self, error: &Error) -> bool {
        match (self, error) {
            (Self::Transient, _) => error.is_transient(),
            (Self::NotStarted, Error::Connection { failure, .. }) => {
                !failure.is_tls() && *failure != ConnectionFailure::Lost
            }
            (Self::NotStarted, Error::Refused { source, .. }) => {
                source.is_transient() && matches!(source.status, 429 | 503)
            }
            _ => false,
        }
    }
}

impl ErrorResponse {
    /// Whether the same request may succeed later: the cluster is busy or starting, or a node is unavailable. A full disk
    /// (429) and a block by a setting (403) are not temporary.
    pub(crate) fn is_transient(&self) -> bool {
        match self.status {
            429 => *self.kind != *"cluster_block_exception",
            status => matches!(status, 408 | 502 | 503 | 504),
        }
    }
}

impl Error {
    /// Whether the same request may succeed later. The failed one may have been executed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connection { failure, .. } => !failure.is_tls(),
            Self::Timeout { .. } => true,
            // Tasks fail for many temporary reasons, such as a connection that another cluster closed.
            Self::TaskFailed { source, .. } => {
                !source.is_or_has("task_cancelled_exception") && !matches!(source.status, 400 | 401 | 403)
            }
            _ => self.response().is_some_and(ErrorResponse::is_transient),
        }
    }
}

/// `Retry-After`: seconds, or a date that is compared with `now`.
pub(crate) fn retry_after(value: &str, now: OffsetDateTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = OffsetDateTime::parse(value, &Rfc2822).ok()?;
    Some(Duration::try_from(date - now).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    const LEFT: Duration = Duration::from_secs(600);

    #[tokio::test]
    async fn work_is_canceled_at_its_time_limit() {
        let clock = SystemClock::start();
        let short = Duration::from_millis(1);
        assert_eq!(within(&clock, Duration::from_secs(60), async { 1 }).await, Some(1));
        assert_eq!(within(&clock, short, std::future::pending::<()>()).await, None);
        assert!(clock.now() >= short);
    }

    #[test]
    fn pauses_double_up_to_a_limit_and_have_a_minimum() {
        let pause = |failures, chance| pause_after(failures, None, LEFT, chance).unwrap();
        assert_eq!(pause(1, 1.0), Duration::from_millis(500));
        assert_eq!(pause(1, 0.0), Duration::from_millis(250));
        assert_eq!(pause(3, 1.0), Duration::from_secs(2));
        assert_eq!(pause(3, 0.0), Duration::from_secs(1));
        for failures in [6, 31, 32, 33, 1000] {
            assert_eq!(pause(failures, 1.0), Duration::from_secs(10), "{failures}");
            assert_eq!(pause(failures, 0.0), Duration::from_secs(5), "{failures}");
        }
    }

    #[test]
    fn a_pause_honors_retry_after_and_has_a_minimum() {
        let asked = |seconds| pause_after(1, Some(Duration::from_secs(seconds)), LEFT, 0.1);
        assert_eq!(asked(7), Some(Duration::from_secs(7)));
        assert_eq!(asked(0), Some(Duration::from_millis(250)));
        assert_eq!(asked(9999), Some(Duration::from_secs(300)));
        let short = Duration::from_secs(5);
        assert_eq!(pause_after(1, Some(Duration::from_secs(7)), short, 0.1), None);
    }

    #[test]
    fn retries_use_the_whole_time_limit() {
        let total = Duration::from_secs(60);
        for chance in [0.0, 0.5, 1.0] {
            let (mut spent, mut failures) = (Duration::ZERO, 0);
            while let Some(pause) = pause_after(failures + 1, None, total - spent, chance) {
                (spent, failures) = (spent + pause, failures + 1);
            }
            assert!(spent > Duration::from_millis(59_750), "{spent:?}");
            assert!((8..=20).contains(&failures), "{failures}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = OffsetDateTime::from_unix_timestamp(1_704_067_200).unwrap();
        assert_eq!(retry_after(" 12 ", now), Some(Duration::from_secs(12)));
        assert_eq!(
            retry_after("Mon, 01 Jan 2024 00:01:00 GMT", now),
            Some(Duration::from_secs(60))
        );
        assert_eq!(retry_after("Sun, 31 Dec 2023 23:59:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", now), None);
    }

    #[test]
    fn busy_and_lost_requests_are_transient_and_rejected_ones_are_not() {
        let is_transient = |status, kind: &str| {
            let kind = kind.into();
            ErrorResponse {
                status,
                kind,
                ..ErrorResponse::default()
            }
            .is_transient()
        };
        assert!(Error::timeout("", Duration::ZERO).is_transient());
        for status in [408, 429, 502, 503, 504] {
            assert!(is_transient(status, ""), "{status}");
        }
        assert!(!is_transient(429, "cluster_block_exception") && is_transient(503, "cluster_block_exception"));
        assert!(!is_transient(400, "") && !is_transient(500, ""));
    }
}

//! Whether and when a failed request is sent again, and how time passes meanwhile.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use time::format_description::FormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use crate::cluster::http::error::{Error, ErrorResponse};
use crate::cluster::http::request::Retry;

/// The form of dates in HTTP headers (RFC 9110, 5.6.7).
const HTTP_DATE: &[FormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// A moment that comes.
pub type Moment<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// How time passes. The two ways of waiting differ only in tests: a pause, in which nothing else is done, can be skipped;
/// a limit bounds work that continues.
pub trait Clock: Send + Sync + Debug {
    /// Since some moment that stays the same.
    fn now(&self) -> Duration;

    /// Comes after a pause in which nothing is done.
    fn pause(&self, time: Duration) -> Moment<'_>;

    /// Comes when other work has had this long.
    fn limit(&self, time: Duration) -> Moment<'_>;
}

/// The machine's time.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock(Instant);

impl SystemClock {
    /// Begins now.
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

/// What the work returns; `None` where it is not done within `limit`: it is dropped then.
pub(crate) async fn within<T>(clock: &dyn Clock, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = clock.limit(limit) => None,
    }
}

/// Receives what happens to requests, for progress and logs.
pub trait Observer: Send + Sync + Debug {
    /// About to sleep `wait.pause` before the next attempt.
    fn waiting(&self, wait: &Wait<'_>);

    /// A response came: method and path, HTTP status, time since the request was sent.
    fn answered(&self, what: &str, status: u16, elapsed: Duration) {
        let _ = (what, status, elapsed);
    }
}

/// A pause between two attempts.
#[derive(Debug)]
pub struct Wait<'a> {
    /// What failed.
    pub error: &'a Error,
    /// For how long.
    pub pause: Duration,
    /// The coming attempt, from 2.
    pub attempt: u32,
}

/// How often and how long a request is retried.
#[derive(Clone, Debug)]
pub(crate) struct RetryPolicy {
    /// `--retries`.
    pub(crate) max_retries: u32,
    /// `--retry-for`, from the first failure of a request on.
    pub(crate) max_total: Duration,
    /// Bound of the first pause; each further one doubles it.
    pub(crate) first_pause: Duration,
    /// Of a pause that the cluster does not ask for.
    pub(crate) max_pause: Duration,
    /// `Retry-After` is obeyed up to here.
    pub(crate) max_asked_pause: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) observer: Arc<dyn Observer>,
}

impl RetryPolicy {
    pub(crate) fn new(
        max_retries: u32,
        max_total: Duration,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self {
            max_retries,
            max_total,
            first_pause: Duration::from_millis(500),
            max_pause: Duration::from_secs(10),
            max_asked_pause: Duration::from_secs(300),
            clock,
            observer,
        }
    }

    /// The pause after the `failures`th failure (from 1), `left` before the time is over. The second half of it is left to
    /// `chance` (0 to 1), so that many clients do not return at once; the first half is a floor, so that many attempts are
    /// not used up in a short time. `None` where there is no time for another attempt.
    fn pause(&self, failures: u32, asked: Option<Duration>, left: Duration, chance: f64) -> Option<Duration> {
        let floor = self.first_pause / 2;
        if left < floor {
            return None;
        }
        if let Some(asked) = asked {
            // The cluster knows best when it is ready: earlier attempts would be refused.
            return Some(asked.min(self.max_asked_pause).max(floor)).filter(|pause| *pause <= left);
        }
        let factor = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        let doubled = self.first_pause.saturating_mul(factor).min(self.max_pause);
        Some(doubled.mul_f64(0.5 + chance / 2.0).min(left))
    }
}

/// The attempts at one thing.
#[derive(Debug)]
pub struct Backoff<'a> {
    policy: &'a RetryPolicy,
    /// How long the first attempt took does not count.
    first_failure: Option<Duration>,
    failures: u32,
}

impl<'a> Backoff<'a> {
    pub(crate) fn new(policy: &'a RetryPolicy) -> Self {
        Self {
            policy,
            first_failure: None,
            failures: 0,
        }
    }

    /// Decides after a failure: where another attempt is worth it, waits and returns true.
    pub async fn retry(&mut self, error: &Error) -> bool {
        self.failures += 1;
        if !error.is_transient() || self.failures > self.policy.max_retries {
            return false;
        }
        let now = self.policy.clock.now();
        let spent = now.saturating_sub(*self.first_failure.get_or_insert(now));
        let left = self.policy.max_total.saturating_sub(spent);
        let asked = error.response().and_then(|response| response.retry_after);
        let Some(pause) = self.policy.pause(self.failures, asked, left, fastrand::f64()) else {
            return false;
        };
        self.policy.observer.waiting(&Wait {
            error,
            pause,
            attempt: self.failures + 1,
        });
        self.policy.clock.pause(pause).await;
        true
    }
}

impl Retry {
    /// Whether the failure is one after which the request may be sent again.
    pub(crate) fn permits(self, error: &Error) -> bool {
        match self {
            Self::Transient => error.is_transient(),
            Self::NotStarted => match error {
                Error::Unreachable { .. } => true,
                Error::Refused { response, .. } => response.is_transient() && matches!(response.status, 429 | 503),
                _ => false,
            },
            Self::Never => false,
        }
    }
}

impl ErrorResponse {
    /// Whether the cluster may do it a moment later: it is busy or starting, or a node of it is gone. A full disk (429) and
    /// a block that is a setting (403) last.
    pub(crate) fn is_transient(&self) -> bool {
        match self.status {
            429 => *self.kind != *"cluster_block_exception",
            status => matches!(status, 408 | 502 | 503 | 504),
        }
    }
}

impl Error {
    /// Whether what failed may succeed a moment later. It may have been carried out all the same.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::ConnectionLost { .. } | Self::Timeout { .. } => true,
            _ => self.response().is_some_and(ErrorResponse::is_transient),
        }
    }

    fn response(&self) -> Option<&ErrorResponse> {
        match self {
            Self::Refused { response, .. } | Self::ItemRejected { response, .. } => Some(response),
            _ => None,
        }
    }
}

/// `Retry-After`: seconds, or a date that is compared with `now`.
pub(crate) fn retry_after(value: &str, now: OffsetDateTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = PrimitiveDateTime::parse(value, HTTP_DATE).ok()?.assume_utc();
    Some(Duration::try_from(date - now).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    const LEFT: Duration = Duration::from_secs(600);

    #[derive(Debug)]
    struct NoObserver;
    impl Observer for NoObserver {
        fn waiting(&self, _: &Wait<'_>) {}
    }

    fn policy(total: Duration) -> RetryPolicy {
        RetryPolicy::new(100, total, Arc::new(SystemClock::start()), Arc::new(NoObserver))
    }

    #[tokio::test]
    async fn work_is_dropped_at_its_limit() {
        let clock = SystemClock::start();
        let short = Duration::from_millis(1);
        assert_eq!(within(&clock, Duration::from_secs(60), async { 1 }).await, Some(1));
        assert_eq!(within(&clock, short, std::future::pending::<()>()).await, None);
        assert!(clock.now() >= short);
    }

    #[test]
    fn pauses_double_up_to_a_bound_and_have_a_floor() {
        let policy = policy(LEFT);
        let pause = |failures, chance| policy.pause(failures, None, LEFT, chance).unwrap();
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
    fn a_pause_is_as_long_as_the_cluster_asks_and_no_shorter_than_the_floor() {
        let policy = policy(LEFT);
        let asked = |seconds| policy.pause(1, Some(Duration::from_secs(seconds)), LEFT, 0.1);
        assert_eq!(asked(7), Some(Duration::from_secs(7)));
        assert_eq!(asked(0), Some(Duration::from_millis(250)));
        assert_eq!(asked(9999), Some(Duration::from_secs(300)));
        let short = Duration::from_secs(5);
        assert_eq!(policy.pause(1, Some(Duration::from_secs(7)), short, 0.1), None);
    }

    #[test]
    fn the_time_is_used_to_its_end() {
        let policy = policy(Duration::from_secs(60));
        for chance in [0.0, 0.5, 1.0] {
            let (mut spent, mut failures) = (Duration::ZERO, 0);
            while let Some(pause) = policy.pause(failures + 1, None, policy.max_total - spent, chance) {
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
    fn busy_and_lost_requests_are_transient_and_refused_ones_are_not() {
        let is_transient = |status, kind: &str| {
            let kind = kind.into();
            ErrorResponse {
                status,
                kind,
                ..ErrorResponse::default()
            }
            .is_transient()
        };
        assert!(Error::timeout("", Duration::ZERO, None).is_transient());
        for status in [408, 429, 502, 503, 504] {
            assert!(is_transient(status, ""), "{status}");
        }
        assert!(!is_transient(429, "cluster_block_exception") && is_transient(503, "cluster_block_exception"));
        assert!(!is_transient(400, "") && !is_transient(500, ""));
    }
}

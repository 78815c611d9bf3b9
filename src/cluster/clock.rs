//! Time, as far as talking to a cluster depends on it: pauses before another try, and bounds on waiting.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

/// A moment that comes.
pub type Moment<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// How time passes. The two ways of waiting differ only where time is not the machine's own: nothing else goes on in
/// a pause, so that it can be passed over; a limit is on work that goes on meanwhile.
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

/// What the work gives, `None` where it has not come to its end within `limit`; it is dropped then.
pub(in crate::cluster) async fn within<T>(
    clock: &dyn Clock,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = clock.limit(limit) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_has_its_time_and_no_more() {
        let clock = SystemClock::start();
        let short = Duration::from_millis(1);
        assert_eq!(within(&clock, Duration::from_secs(60), async { 1 }).await, Some(1));
        assert_eq!(within(&clock, short, std::future::pending::<()>()).await, None);
        assert!(clock.now() >= short);
    }
}

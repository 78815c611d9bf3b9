//! Whether and when a failed request is sent again.

use std::time::Duration;

use time::format_description::FormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use crate::cluster::link::Link;
use crate::cluster::{Cluster, Error, Refusal, Wait};

/// The form of dates in HTTP headers (RFC 9110, 5.6.7).
const HTTP_DATE: &[FormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// How long retries may take.
#[derive(Clone, Copy, Debug)]
pub(in crate::cluster) struct Patience {
    /// Bound of the first pause; each further one doubles it.
    pub(in crate::cluster) first: Duration,
    /// No pause is longer, unless the cluster asks for it.
    pub(in crate::cluster) longest: Duration,
    /// `Retry-After` is obeyed up to here.
    pub(in crate::cluster) longest_asked: Duration,
    /// From the first failure of a request on (`--retry-for`).
    pub(in crate::cluster) total: Duration,
}

impl Patience {
    /// The usual pauses, within this time.
    pub(in crate::cluster) fn of(total: Duration) -> Self {
        Self {
            first: Duration::from_millis(500),
            longest: Duration::from_secs(10),
            longest_asked: Duration::from_secs(300),
            total,
        }
    }

    /// The pause after the `failed`th failure (from 1), `left` before the time is over. The second half of it is left to
    /// `chance` (0 to 1), so that many clients do not return at once; the first half is a floor, so that many tries are
    /// not used up in a short time. `None` where there is no time for another try.
    pub(in crate::cluster) fn pause(
        &self,
        failed: u32,
        asked: Option<Duration>,
        left: Duration,
        chance: f64,
    ) -> Option<Duration> {
        let floor = self.first / 2;
        if left < floor {
            return None;
        }
        if let Some(asked) = asked {
            // The cluster knows best when it is ready: earlier tries would be refused.
            return Some(asked.min(self.longest_asked).max(floor)).filter(|pause| *pause <= left);
        }
        let doubled = self
            .first
            .saturating_mul(1_u32.checked_shl(failed.saturating_sub(1)).unwrap_or(u32::MAX));
        Some(doubled.min(self.longest).mul_f64(0.5 + chance / 2.0).min(left))
    }
}

/// The tries of one thing: whether and when comes another.
#[derive(Debug)]
pub struct Tries<'a> {
    link: &'a Link,
    /// When it first failed: how long the first try took does not count.
    began: Option<Duration>,
    failed: u32,
}

impl<'a> Tries<'a> {
    pub(in crate::cluster) fn new(link: &'a Link) -> Self {
        Self {
            link,
            began: None,
            failed: 0,
        }
    }

    /// After a failure: false where it was one too many; otherwise says that it waits, waits, and is true.
    pub async fn again(&mut self, error: &Error) -> bool {
        self.failed += 1;
        if self.failed > self.link.retries {
            return false;
        }
        let (clock, patience) = (&self.link.clock, &self.link.patience);
        let now = clock.now();
        let spent = now.saturating_sub(*self.began.get_or_insert(now));
        let left = patience.total.saturating_sub(spent);
        let Some(pause) = patience.pause(self.failed, error.retry_after(), left, fastrand::f64()) else {
            return false;
        };
        self.link.observer.waiting(&Wait {
            error,
            pause,
            attempt: self.failed + 1,
        });
        clock.pause(pause).await;
        true
    }
}

impl Cluster {
    /// For what is more than one request, or must be looked at before it is tried again.
    pub fn tries(&self) -> Tries<'_> {
        Tries::new(self.link())
    }
}

impl Refusal {
    /// Whether the cluster may do it a moment later: it is busy or starting, or a node of it went away. A full disk (429)
    /// and a block that somebody set (403) last.
    pub(in crate::cluster) fn is_passing(&self) -> bool {
        match self.status {
            429 => *self.kind != *"cluster_block_exception",
            status => matches!(status, 408 | 502 | 503 | 504),
        }
    }
}

impl Error {
    /// Whether what failed may go well a moment later. Of creations this says nothing about whether they were
    /// carried out all the same.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Broken { .. } | Self::Timeout { .. } => true,
            Self::Refused { refusal, .. } | Self::ItemRejected { refusal, .. } => refusal.is_passing(),
            _ => false,
        }
    }

    /// Whether the request was not begun: it did not arrive, or whoever got it was too busy.
    pub(in crate::cluster) fn is_unbegun(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { refusal, .. } => self.is_passing() && matches!(refusal.status, 429 | 503),
            _ => false,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { refusal, .. } | Self::ItemRejected { refusal, .. } => refusal.retry_after,
            _ => None,
        }
    }
}

/// `Retry-After`: seconds, or a date that is compared with `now`.
pub(in crate::cluster) fn retry_after(value: &str, now: OffsetDateTime) -> Option<Duration> {
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

    #[test]
    fn pauses_double_up_to_a_bound_and_have_a_floor() {
        let patience = Patience::of(LEFT);
        let pause = |failed, chance| patience.pause(failed, None, LEFT, chance).unwrap();
        assert_eq!(pause(1, 1.0), Duration::from_millis(500));
        assert_eq!(pause(1, 0.0), Duration::from_millis(250));
        assert_eq!(pause(3, 1.0), Duration::from_secs(2));
        assert_eq!(pause(3, 0.0), Duration::from_secs(1));
        for failed in [6, 31, 32, 33, 1000] {
            assert_eq!(pause(failed, 1.0), Duration::from_secs(10), "{failed}");
            assert_eq!(pause(failed, 0.0), Duration::from_secs(5), "{failed}");
        }
    }

    #[test]
    fn what_the_cluster_asks_for_is_waited_and_no_less_than_the_floor() {
        let patience = Patience::of(LEFT);
        let asked = |seconds| patience.pause(1, Some(Duration::from_secs(seconds)), LEFT, 0.1);
        assert_eq!(asked(7), Some(Duration::from_secs(7)));
        assert_eq!(asked(0), Some(Duration::from_millis(250)));
        assert_eq!(asked(9999), Some(Duration::from_secs(300)));
        let short = Duration::from_secs(5);
        assert_eq!(patience.pause(1, Some(Duration::from_secs(7)), short, 0.1), None);
    }

    #[test]
    fn the_time_is_used_to_its_end() {
        let patience = Patience::of(Duration::from_secs(60));
        for chance in [0.0, 0.5, 1.0] {
            let (mut spent, mut failed) = (Duration::ZERO, 0);
            while let Some(pause) = patience.pause(failed + 1, None, patience.total - spent, chance) {
                (spent, failed) = (spent + pause, failed + 1);
            }
            assert!(spent > Duration::from_millis(59_750), "{spent:?}");
            assert!((8..=20).contains(&failed), "{failed}");
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
    fn what_is_busy_or_lost_passes_and_what_is_refused_does_not() {
        let refused = |status, kind: &str| {
            let refusal = Refusal {
                status,
                kind: kind.into(),
                causes: Box::default(),
                reason: String::new(),
                retry_after: None,
                caused_by: None,
            };
            Error::Refused {
                what: String::new(),
                refusal,
            }
        };
        let lost = Error::Timeout {
            what: String::new(),
            after: Duration::ZERO,
            failed: None,
        };
        assert!(lost.is_passing());
        for status in [408, 429, 502, 503, 504] {
            assert!(refused(status, "").is_passing(), "{status}");
        }
        assert!(!refused(429, "cluster_block_exception").is_passing());
        assert!(refused(503, "cluster_block_exception").is_passing());
        assert!(!refused(400, "").is_passing() && !refused(500, "").is_passing());
    }
}

//! Whether and when a failed request is sent again.

use std::time::Duration;

use time::format_description::FormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use crate::cluster::link::Link;
use crate::cluster::{Cluster, Error, Wait};

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
    /// All tries of one request together.
    pub(in crate::cluster) total: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            longest: Duration::from_secs(30),
            longest_asked: Duration::from_secs(300),
            total: Duration::from_secs(600),
        }
    }
}

impl Patience {
    /// The pause after the `failed`th failure (from 1), `chance` in 0..1: full jitter, so that
    /// many clients do not come back at once.
    pub(in crate::cluster) fn pause(&self, failed: u32, asked: Option<Duration>, chance: f64) -> Duration {
        if let Some(asked) = asked {
            return asked.min(self.longest_asked);
        }
        let doubled = self
            .first
            .saturating_mul(1_u32.checked_shl(failed.saturating_sub(1)).unwrap_or(u32::MAX));
        doubled.min(self.longest).mul_f64(chance)
    }
}

/// The tries of one thing: whether and when comes another.
#[derive(Debug)]
pub struct Tries<'a> {
    link: &'a Link,
    began: Duration,
    failed: u32,
}

impl<'a> Tries<'a> {
    pub(in crate::cluster) fn new(link: &'a Link) -> Self {
        Self {
            link,
            began: link.clock.now(),
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
        let pause = patience.pause(self.failed, error.retry_after(), fastrand::f64());
        if clock.now().saturating_sub(self.began) + pause > patience.total {
            return false;
        }
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

impl Error {
    /// Whether what failed may go well a moment later. Of creations this says nothing about whether they were
    /// carried out all the same.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Broken { .. } | Self::Timeout { .. } => true,
            Self::Refused { refusal, .. } if *refusal.kind == *"cluster_block_exception" => false,
            Self::Refused { refusal, .. } => matches!(refusal.status, 408 | 429 | 502 | 503 | 504),
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
    use crate::cluster::Refusal;

    #[test]
    fn pauses_double_up_to_a_bound() {
        let patience = Patience::default();
        assert_eq!(patience.pause(1, None, 1.0), Duration::from_millis(500));
        assert_eq!(patience.pause(3, None, 1.0), Duration::from_secs(2));
        assert_eq!(patience.pause(3, None, 0.5), Duration::from_secs(1));
        for failed in [7, 31, 32, 33, 1000] {
            assert_eq!(patience.pause(failed, None, 1.0), Duration::from_secs(30), "{failed}");
        }
        assert_eq!(
            patience.pause(1, Some(Duration::from_secs(7)), 0.1),
            Duration::from_secs(7)
        );
        assert_eq!(
            patience.pause(1, Some(Duration::from_secs(9999)), 0.1),
            Duration::from_secs(300)
        );
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
                causes: Vec::new(),
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
        assert!(!refused(400, "").is_passing() && !refused(500, "").is_passing());
    }
}

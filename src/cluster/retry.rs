//! Whether and when a failed request is sent again.

use std::time::Duration;

use time::format_description::FormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use crate::cluster::{Error, Repeat};

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

/// A failed try.
#[derive(Debug)]
pub(in crate::cluster) struct Failure {
    /// Why.
    pub(in crate::cluster) error: Error,
    /// `Retry-After`.
    pub(in crate::cluster) asked: Option<Duration>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, asked: None }
    }
}

impl Failure {
    /// Whether the request may be sent again.
    pub(in crate::cluster) fn repeatable(&self, repeat: Repeat) -> bool {
        let safe = repeat == Repeat::Safe;
        match &self.error {
            Error::Unreachable { .. } => true,
            Error::Broken { .. } | Error::Timeout { .. } => safe,
            Error::Refused { refusal, .. } if refusal.kind == "cluster_block_exception" => false,
            Error::Refused { refusal, .. } => match refusal.status {
                429 | 503 => true,
                408 | 502 | 504 => safe,
                _ => false,
            },
            _ => false,
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
    fn what_may_have_been_done_is_repeated_only_where_that_is_safe() {
        let refused = |status, kind: &str| {
            let refusal = Refusal {
                status,
                kind: kind.to_owned(),
                reason: String::new(),
            };
            Failure::from(Error::Refused {
                what: String::new(),
                refusal,
            })
        };
        let lost = Failure::from(Error::Timeout {
            what: String::new(),
            after: Duration::ZERO,
        });
        assert!(lost.repeatable(Repeat::Safe) && !lost.repeatable(Repeat::Never));
        assert!(refused(502, "").repeatable(Repeat::Safe) && !refused(502, "").repeatable(Repeat::Never));
        assert!(refused(429, "").repeatable(Repeat::Never) && refused(503, "").repeatable(Repeat::Never));
        assert!(!refused(429, "cluster_block_exception").repeatable(Repeat::Safe));
        assert!(!refused(400, "").repeatable(Repeat::Safe) && !refused(500, "").repeatable(Repeat::Safe));
    }
}

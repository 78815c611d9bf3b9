//! Round numbers and times for the ticks of a plot's axes.

use crate::util::format::parse_duration;
use crate::util::timestamp::EpochMillis;

const MINUTE: i128 = 60_000;
const DAY: i128 = 86_400_000;
/// Distances of times.
const STEPS: &str = "1s 5s 15s 1m 5m 15m 1h 3h 6h 12h 1d 2d 7d 14d 30d 90d 365d 1825d 7300d";
/// Maximum numbers of ticks.
const MAX_COUNTS: u64 = 4;
const MAX_TIMES: i128 = 6;

/// Multiples of 1, 2 or 5 times a power of ten up to `highest`.
pub(super) fn counts(highest: u64) -> impl Iterator<Item = u64> {
    let powers = (0..20).map(|exponent| 10_u64.pow(exponent));
    let mut steps = powers.flat_map(|power| [1, 2, 5].map(|digit| power.saturating_mul(digit)));
    let step = steps.find(|step| highest / step <= MAX_COUNTS).unwrap_or(u64::MAX);
    (1..=highest / step).map(move |number| number * step)
}

/// Round times of a period in milliseconds, with their labels.
pub(super) fn times(from: EpochMillis, length: i128) -> Vec<(EpochMillis, String)> {
    let steps = STEPS.split(' ').filter_map(parse_duration);
    let mut steps = steps.map(|step| step.as_millis() as i128);
    let step = steps.find(|step| length / step < MAX_TIMES);
    let step = step.unwrap_or(length / MAX_TIMES / DAY * DAY);
    let from = i128::from(from.0);
    let first = from.div_euclid(step);
    let times = (first..=first + MAX_TIMES).map(|number| number * step);
    let times = times.filter(|time| (from..from + length).contains(time));
    let times = times.filter_map(|time| i64::try_from(time).ok().map(EpochMillis));
    times.map(|time| (time, label(time, step))).collect()
}

/// The part of a time that differs between ticks.
fn label(time: EpochMillis, step: i128) -> String {
    let text = time.to_string();
    // Times outside of the years that RFC 3339 has are longer or shorter.
    if text.len() != "2024-01-01T00:00:00Z".len() {
        return text;
    }
    let part = match (step % DAY, step % MINUTE) {
        (0, _) => 0..10,
        (_, 0) => 5..16,
        _ => 11..19,
    };
    text[part].replace('T', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_of_counts_are_round() {
        let ticks = |highest| counts(highest).collect::<Vec<_>>();
        assert_eq!(ticks(0), [0; 0]);
        assert_eq!(ticks(1), [1]);
        assert_eq!(ticks(10), [5, 10]);
        assert_eq!(ticks(80), [20, 40, 60, 80]);
        assert_eq!(ticks(123_456), [50_000, 100_000]);
        assert_eq!(ticks(u64::MAX).len(), 3);
    }

    #[test]
    fn ticks_of_times_are_round_and_labeled_by_what_differs() {
        let from = EpochMillis(1_704_067_212_000);
        let ticks = |length| {
            times(from, length)
                .into_iter()
                .map(|(_, label)| label)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            ticks(29 * DAY),
            ["2024-01-04", "2024-01-11", "2024-01-18", "2024-01-25"]
        );
        assert_eq!(ticks(48 * MINUTE), ["01-01 00:15", "01-01 00:30", "01-01 00:45"]);
        assert_eq!(ticks(12_000), ["00:00:15", "00:00:20"]);
        assert_eq!(ticks(1), ["00:00:12"]);
        assert_eq!(ticks(0), [""; 0]);
    }

    #[test]
    fn ticks_of_any_period_are_few() {
        for from in [i64::MIN, -1, 0, i64::MAX] {
            for length in [0, 1, 10_000 * DAY, 1_i128 << 70] {
                assert!(times(EpochMillis(from), length).len() <= 8, "{from} {length}");
            }
        }
    }
}

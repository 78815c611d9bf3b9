//! How many documents when, in memory that does not grow.

use crate::util::timestamp::EpochMillis;

/// Buckets of a histogram, whatever the range.
const BUCKETS: usize = 64;

/// Counts over time in a fixed number of buckets of equal width. A moment outside of the range makes
/// the buckets twice as wide, as often as it takes.
#[derive(Clone, Debug)]
pub(in crate::commands::inspect) struct Histogram {
    /// Where the first bucket begins and how wide each is, in milliseconds; `i128` so that no doubling
    /// can overflow.
    origin: i128,
    width: i128,
    counts: [u64; BUCKETS],
    range: Option<(EpochMillis, EpochMillis)>,
}

/// The part of a histogram that something is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::commands::inspect) struct Columns {
    /// Where the first begins.
    pub(in crate::commands::inspect) from: EpochMillis,
    /// How wide each is.
    pub(in crate::commands::inspect) width_millis: u64,
    /// Documents in each.
    pub(in crate::commands::inspect) counts: Vec<u64>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            origin: 0,
            width: 1,
            counts: [0; BUCKETS],
            range: None,
        }
    }
}

impl Histogram {
    /// Counts a document.
    pub(in crate::commands::inspect) fn add(&mut self, moment: EpochMillis) {
        let at = i128::from(moment.0);
        self.range = Some(match self.range {
            None => {
                self.origin = at;
                (moment, moment)
            }
            Some((first, last)) => (first.min(moment), last.max(moment)),
        });
        while at < self.origin {
            self.widen(true);
        }
        while at >= self.origin + self.width * BUCKETS as i128 {
            self.widen(false);
        }
        let bucket = ((at - self.origin) / self.width) as usize;
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
    }

    /// First and last moment.
    pub(in crate::commands::inspect) fn range(&self) -> Option<(EpochMillis, EpochMillis)> {
        self.range
    }

    /// From the first to the last bucket that holds something; `None` where nothing was counted.
    pub(in crate::commands::inspect) fn columns(&self) -> Option<Columns> {
        let first = self.counts.iter().position(|count| *count > 0)?;
        let last = self.counts.iter().rposition(|count| *count > 0)?;
        let from = self.origin + self.width * first as i128;
        Some(Columns {
            from: EpochMillis(i64::try_from(from).unwrap_or(i64::MIN)),
            width_millis: u64::try_from(self.width).unwrap_or(u64::MAX),
            counts: self.counts.get(first..=last)?.to_vec(),
        })
    }

    /// Joins neighbours; the room gained lies before what is there, or behind it.
    fn widen(&mut self, before: bool) {
        let mut joined = [0; BUCKETS];
        let shift = if before { BUCKETS / 2 } else { 0 };
        for (place, pair) in joined.iter_mut().skip(shift).zip(self.counts.chunks(2)) {
            *place = pair.iter().sum();
        }
        if before {
            self.origin -= self.width * BUCKETS as i128;
        }
        self.counts = joined;
        self.width *= 2;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(moments: impl IntoIterator<Item = i64>) -> Histogram {
        let mut histogram = Histogram::default();
        for moment in moments {
            histogram.add(EpochMillis(moment));
        }
        histogram
    }

    #[test]
    fn one_document_is_one_column() {
        let histogram = of([1_704_067_212_000]);
        let columns = histogram.columns().unwrap();
        assert_eq!(
            (columns.from.0, columns.width_millis, columns.counts),
            (1_704_067_212_000, 1, vec![1])
        );
        assert_eq!(
            histogram.range(),
            Some((EpochMillis(1_704_067_212_000), EpochMillis(1_704_067_212_000)))
        );
    }

    #[test]
    fn an_even_stream_fills_columns_evenly() {
        let columns = of((0..6400).map(|n| n * 60_000)).columns().unwrap();
        assert_eq!(columns.counts.iter().sum::<u64>(), 6400);
        assert!((32..=64).contains(&columns.counts.len()), "{}", columns.counts.len());
        let full = &columns.counts[..columns.counts.len() - 1];
        assert!(full.iter().max().unwrap() - full.iter().min().unwrap() <= 1, "{full:?}");
    }

    #[test]
    fn the_order_of_documents_changes_no_count() {
        let moments = (0..1000).map(|n| (n * 7919) % 100_003 * 1000);
        let histogram = of(moments.clone());
        let columns = histogram.columns().unwrap();
        for (index, count) in columns.counts.iter().enumerate() {
            let from = columns.from.0 + index as i64 * columns.width_millis as i64;
            let expected = moments
                .clone()
                .filter(|m| (from..from + columns.width_millis as i64).contains(m))
                .count();
            assert_eq!(*count, expected as u64, "column {index}");
        }
        assert_eq!(columns.counts.iter().sum::<u64>(), 1000);
    }

    #[test]
    fn the_ends_of_time_fit() {
        let histogram = of([0, i64::MAX, i64::MIN]);
        assert_eq!(histogram.columns().unwrap().counts.iter().sum::<u64>(), 3);
        assert_eq!(histogram.range(), Some((EpochMillis(i64::MIN), EpochMillis(i64::MAX))));
    }

    #[test]
    fn nothing_counted_is_no_column() {
        assert_eq!(of([]).columns(), None);
    }
}

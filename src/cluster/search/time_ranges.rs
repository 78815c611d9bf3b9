//! Splits a search into time ranges of about a page each, which several readers read concurrently, in order of time.

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::cluster::cluster::Cluster;
use crate::cluster::http::Result;
use crate::cluster::search::point_in_time::{PageSizer, PointInTime};
use crate::cluster::search::query::{Search, SearchRange};
use crate::cluster::search::response::{Bucket, Ends, Grouped};
use crate::util::timestamp::EpochMillis;

/// Documents from which the size of the others is estimated.
const SAMPLE: usize = 100;
/// Buckets per range when a span is split: with more buckets, the ranges are more equal.
const BUCKETS_PER_RANGE: u64 = 16;
/// Far below `search.max_buckets`, and enough to narrow down a span quickly for any distribution of documents.
const BUCKETS: std::ops::RangeInclusive<u64> = 64..=4096;

/// A span of time in milliseconds with its number of documents. If that is 0, the span is not split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct TimeSpan {
    from: i64,
    until: i64,
    documents: u64,
}

/// The ranges of a search with a point in time, which are determined when they are needed.
#[derive(Debug)]
pub(crate) struct TimeRanges {
    point_in_time: PointInTime,
    begun: bool,
    /// Documents per page, estimated from the first documents until pages have been read.
    sampled: usize,
    waiting: VecDeque<TimeSpan>,
}

impl TimeRanges {
    pub(crate) fn new(point_in_time: PointInTime) -> Self {
        Self {
            point_in_time,
            begun: false,
            sampled: 1,
            waiting: VecDeque::new(),
        }
    }

    /// The next range in order of time. The ranges cover all documents and do not overlap.
    pub(crate) async fn next(&mut self) -> Result<Option<SearchRange>> {
        let first = !std::mem::replace(&mut self.begun, true);
        if first {
            let extent = self.extent().await?;
            self.waiting.extend(extent);
        }
        let Some(mut span) = self.waiting.pop_front() else {
            return Ok(None);
        };
        // The size of documents may change over time, so a range is split just before it is read.
        while span.documents > self.target().saturating_mul(2) && span.until - span.from > 1 {
            let Some(mut pieces) = self.cut(&span).await? else {
                break;
            };
            let Some(first) = pieces.pop_front() else { break };
            pieces.append(&mut self.waiting);
            (span, self.waiting) = (first, pieces);
        }
        let from = (!first).then_some(EpochMillis(span.from));
        let until = (!self.waiting.is_empty()).then_some(EpochMillis(span.until));
        Ok(Some(SearchRange { from, until }))
    }

    /// The span of all documents; `None` if there are none. With a single reader, or if the field cannot be aggregated, a
    /// span that is not split.
    async fn extent(&mut self) -> Result<Option<TimeSpan>> {
        let PointInTime { search, .. } = &self.point_in_time;
        let Some(field) = search.sort.field().filter(|_| search.slices > 1) else {
            return Ok(Some(TimeSpan::default()));
        };
        let aggregations = Ends::aggregations(field);
        let whole = SearchRange::default();
        let answer = self.point_in_time.aggregate::<Ends>(whole, SAMPLE, &aggregations);
        let Some((page, ends)) = answer.await? else {
            return Ok(Some(TimeSpan::default()));
        };
        let documents = page.required_total()?;
        let Some(ends) = ends.filter(|_| documents > 0) else {
            return Ok(None);
        };
        self.sampled = PageSizer::fitting(&page).unwrap_or(1).min(search.max_page());
        // Some versions do not accept bounds before 1970.
        Ok(Some(match ends.times() {
            Some((first, last)) if first >= 0 => TimeSpan {
                from: first,
                until: last + 1,
                documents,
            },
            _ => TimeSpan::default(),
        }))
    }

    /// The most documents of a range: slightly fewer than a page, so that most ranges need one request.
    fn target(&self) -> u64 {
        let PointInTime { sizer, search, .. } = &self.point_in_time;
        let page = sizer.learned(search).unwrap_or(self.sampled) as u64;
        page - page / 8
    }

    /// Splits a span; `None` if that is impossible, because documents with several times would be in several ranges.
    async fn cut(&mut self, span: &TimeSpan) -> Result<Option<VecDeque<TimeSpan>>> {
        let target = self.target();
        let (interval, aggregations) = histogram(&self.point_in_time.search, span, target);
        let answer = self.point_in_time.aggregate(span.range(), 0, &aggregations).await?;
        let Some((_, Some(Grouped { groups }))) = answer else {
            return Ok(None);
        };
        let counted: u64 = groups.buckets.iter().map(|bucket| bucket.doc_count).sum();
        Ok((counted == span.documents).then(|| gather(span, &groups.buckets, interval, target)))
    }
}

impl TimeSpan {
    fn range(&self) -> SearchRange {
        let (from, until) = (Some(EpochMillis(self.from)), Some(EpochMillis(self.until)));
        SearchRange { from, until }
    }
}

impl Cluster {
    /// Divides all time into consecutive ranges: about `most` with similar numbers of documents, unless many documents have the
    /// same time. The first and the last one have one bound only, so that they include documents that are added later. A single
    /// range without bounds if a division is impossible.
    pub async fn time_ranges(&self, search: &Search, documents: u64, most: u64) -> Result<Vec<SearchRange>> {
        let whole = match self.time_extent(search).await? {
            // Some versions do not accept bounds before 1970.
            Some((EpochMillis(from), EpochMillis(last))) if from >= 0 => {
                let until = last + 1;
                TimeSpan { from, until, documents }
            }
            _ => return Ok(vec![SearchRange::default()]),
        };
        let target = documents.div_ceil(most).max(1);
        let (mut waiting, mut starts) = (vec![whole], Vec::new());
        while let Some(span) = waiting.pop() {
            let mut cut = None;
            if span.documents > target && span.until - span.from > 1 {
                let (interval, aggregations) = histogram(search, &span, target);
                let found = self.aggregate(&search.in_range(span.range()), aggregations).await?;
                // The numbers may change while documents are written.
                cut = found.map(|found: Grouped<i64>| gather(&span, &found.groups.buckets, interval, target));
            }
            match cut {
                // The first one is divided next.
                Some(pieces) => waiting.extend(pieces.into_iter().rev()),
                None => starts.push(EpochMillis(span.from)),
            }
        }
        Ok(contiguous(starts.get(1..).unwrap_or_default()))
    }
}

/// The ranges between moments, with one that ends at the first and one that begins at the last.
fn contiguous(moments: &[EpochMillis]) -> Vec<SearchRange> {
    let moments = moments.iter().copied().map(Some);
    let from = std::iter::once(None).chain(moments.clone());
    let until = moments.chain(std::iter::once(None));
    from.zip(until)
        .map(|(from, until)| SearchRange { from, until })
        .collect()
}

/// A histogram of a span, and the length of its intervals.
fn histogram(search: &Search, span: &TimeSpan, target: u64) -> (i64, Value) {
    let buckets = (span.documents / target.max(1)).saturating_mul(BUCKETS_PER_RANGE);
    let buckets = buckets.clamp(*BUCKETS.start(), *BUCKETS.end());
    let interval = span.until.abs_diff(span.from).div_ceil(buckets).max(1);
    let histogram = json!({
        "field": search.sort.field(), "fixed_interval": format!("{interval}ms"), "min_doc_count": 1,
    });
    let interval = i64::try_from(interval).unwrap_or(i64::MAX);
    (interval, json!({ "groups": { "date_histogram": histogram } }))
}

/// Joins adjacent buckets into spans of at most `target` documents. A bucket with more documents becomes a separate span
/// without the gaps around it, so that splitting it again makes it shorter.
fn gather(whole: &TimeSpan, buckets: &[Bucket<i64>], interval: i64, target: u64) -> VecDeque<TimeSpan> {
    let mut spans = VecDeque::new();
    let mut open = TimeSpan { documents: 0, ..*whole };
    // Ends the open span; the next one starts there.
    let mut end_at = |open: &mut TimeSpan, until: i64| {
        if open.documents > 0 {
            spans.push_back(TimeSpan { until, ..*open });
        }
        (open.from, open.documents) = (until, 0);
    };
    for bucket in buckets {
        if open.documents + bucket.doc_count > target {
            end_at(&mut open, bucket.key.max(whole.from));
        }
        open.documents += bucket.doc_count;
        if bucket.doc_count > target {
            end_at(&mut open, bucket.key.saturating_add(interval).min(whole.until));
        }
    }
    end_at(&mut open, whole.until);
    spans
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn time_ranges_are_complete_and_of_the_requested_size(
            counts in prop::collection::vec(0_u64..40, 1..60), target in 1_u64..100,
        ) {
            let buckets: Vec<Bucket<i64>> = (0..).zip(counts).filter(|(_, count)| *count > 0)
                .map(|(number, doc_count)| Bucket { key: 1_000 + number * 10, doc_count }).collect();
            let documents = buckets.iter().map(|bucket| bucket.doc_count).sum();
            let whole = TimeSpan { from: 1_003, until: 1_600, documents };
            let spans = gather(&whole, &buckets, 10, target);
            prop_assert!(spans.iter().all(|span| span.from >= whole.from && span.until <= whole.until));
            for (one, next) in spans.iter().zip(spans.iter().skip(1)) {
                prop_assert!(one.until <= next.from);
            }
            prop_assert_eq!(spans.iter().map(|span| span.documents).sum::<u64>(), whole.documents);
            for span in &spans {
                let inside = buckets.iter().filter(|bucket| {
                    (bucket.key.max(whole.from) >= span.from) && bucket.key.max(whole.from) < span.until
                });
                let inside: Vec<u64> = inside.map(|bucket| bucket.doc_count).collect();
                prop_assert_eq!(inside.iter().sum::<u64>(), span.documents);
                prop_assert!(span.documents <= target || (inside.len() == 1 && span.until - span.from <= 10));
            }
        }
    }

    #[test]
    fn contiguous_ranges_have_no_gaps() {
        let range = |from: Option<i64>, until: Option<i64>| SearchRange {
            from: from.map(EpochMillis),
            until: until.map(EpochMillis),
        };
        assert_eq!(contiguous(&[]), [range(None, None)]);
        let expected = [range(None, Some(5)), range(Some(5), Some(9)), range(Some(9), None)];
        assert_eq!(contiguous(&[EpochMillis(5), EpochMillis(9)]), expected);
    }

    #[test]
    fn time_range_with_many_documents_is_split_down_to_one_moment() {
        for moment in [0, 1, 500_000, 3_599_998, 3_599_999] {
            let mut span = TimeSpan {
                from: 0,
                until: 3_600_000,
                documents: 20_000,
            };
            for _ in 0..6 {
                let interval = (span.until - span.from + 63) / 64;
                let bucket = Bucket {
                    key: moment / interval * interval,
                    doc_count: 20_000,
                };
                let pieces = gather(&span, &[bucket], interval, 7_000);
                assert_eq!(pieces.len(), 1);
                span = pieces[0];
            }
            let only = TimeSpan {
                from: moment,
                until: moment + 1,
                documents: 20_000,
            };
            assert_eq!(span, only);
        }
    }
}

//! The time of a search, cut into ranges of about a page each: readers work side by side, and all comes in order.

use std::collections::VecDeque;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cluster::page::Page;
use crate::cluster::reader::{Portion, Reader, Typical, fewer};
use crate::cluster::request::unintelligible;
use crate::cluster::{Error, Request, Result};

/// Documents that tell how large the others are.
const SAMPLE: usize = 100;
/// Buckets for each range that a stretch is cut into: the more, the more alike the ranges become.
const BUCKETS_A_RANGE: u64 = 16;
/// Far below `search.max_buckets`, and enough that a stretch shrinks quickly wherever its documents are.
const BUCKETS: std::ops::RangeInclusive<u64> = 64..=4096;

/// From a moment to before another, in milliseconds; without bound where none is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cluster) struct Range {
    from: Option<i64>,
    until: Option<i64>,
}

/// A stretch of time with so many documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    from: i64,
    until: i64,
    documents: u64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Bucket {
    key: i64,
    doc_count: u64,
}

/// The ranges of a search through one point in time, found as they are needed.
#[derive(Debug)]
pub(in crate::cluster) struct Ranges {
    reader: Reader,
    field: String,
    begun: bool,
    /// Documents of a page, judged by the first of all: pages grow by and by, but the time is cut before them.
    sampled: u64,
    waiting: VecDeque<Stretch>,
}

impl Ranges {
    pub(in crate::cluster) fn new(reader: Reader, field: String) -> Self {
        Self {
            reader,
            field,
            begun: false,
            sampled: 1,
            waiting: VecDeque::new(),
        }
    }

    /// The next in order of time. Together they leave nothing out and nothing is in two of them.
    pub(in crate::cluster) async fn next(&mut self) -> Result<Option<Range>> {
        let first = !self.begun;
        if first {
            self.begun = true;
            match self.whole().await? {
                Whole::Nothing => return Ok(None),
                Whole::OneRange => {
                    return Ok(Some(Range {
                        from: None,
                        until: None,
                    }));
                }
                Whole::Stretch(stretch) => self.waiting.push_back(stretch),
            }
        }
        let Some(mut stretch) = self.waiting.pop_front() else {
            return Ok(None);
        };
        // What documents are like changes all the time: a range that was right a moment before stays.
        while stretch.documents > self.target().saturating_mul(2) && stretch.until - stretch.from > 1 {
            let Some(mut pieces) = self.cut(&stretch).await? else {
                break;
            };
            let Some(first) = pieces.pop_front() else { break };
            pieces.append(&mut self.waiting);
            (stretch, self.waiting) = (first, pieces);
        }
        Ok(Some(Range {
            from: (!first).then_some(stretch.from),
            until: (!self.waiting.is_empty()).then_some(stretch.until),
        }))
    }

    async fn whole(&mut self) -> Result<Whole> {
        #[derive(Deserialize)]
        struct Ends {
            first: End,
            last: End,
        }
        #[derive(Deserialize)]
        struct End {
            value: Option<f64>,
        }
        let aggregations = json!({
            "first": { "min": { "field": self.field } }, "last": { "max": { "field": self.field } },
        });
        let Some((page, ends)) = self.ask::<Ends>(&Portion::Whole, SAMPLE, &aggregations).await? else {
            return Ok(Whole::OneRange);
        };
        let documents = page.required_total("search")?;
        let Some(ends) = ends.filter(|_| documents > 0) else {
            return Ok(Whole::Nothing);
        };
        let fitting = Typical::fitting(&page).unwrap_or(1);
        self.sampled = fitting.min(self.reader.search.size()) as u64;
        // Milliseconds are whole numbers that a double holds. Before 1970 some versions take no bounds.
        Ok(match (ends.first.value, ends.last.value) {
            (Some(first), Some(last)) if first >= 0.0 => Whole::Stretch(Stretch {
                from: first as i64,
                until: last as i64 + 1,
                documents,
            }),
            _ => Whole::OneRange,
        })
    }

    /// Documents of a range, at most: a little fewer than a page takes, so that one request is enough for most.
    fn target(&self) -> u64 {
        let page = self.reader.typical.learned(&self.reader.search).unwrap_or(self.sampled);
        page - page / 8
    }

    /// `None` where it cannot be cut: documents that have several moments would be in several ranges.
    async fn cut(&mut self, stretch: &Stretch) -> Result<Option<VecDeque<Stretch>>> {
        #[derive(Deserialize)]
        struct Times {
            times: Buckets,
        }
        #[derive(Deserialize)]
        struct Buckets {
            buckets: Vec<Bucket>,
        }
        let target = self.target();
        let buckets = (stretch.documents / target.max(1)).saturating_mul(BUCKETS_A_RANGE);
        let buckets = buckets.clamp(*BUCKETS.start(), *BUCKETS.end());
        let interval = stretch.until.abs_diff(stretch.from).div_ceil(buckets).max(1);
        let histogram = json!({
            "field": self.field, "fixed_interval": format!("{interval}ms"), "min_doc_count": 1,
        });
        let portion = Portion::Range(Range {
            from: Some(stretch.from),
            until: Some(stretch.until),
        });
        let aggregations = json!({ "times": { "date_histogram": histogram } });
        let Some((_, Some(times))) = self.ask::<Times>(&portion, 0, &aggregations).await? else {
            return Ok(None);
        };
        let buckets = times.times.buckets;
        let counted: u64 = buckets.iter().map(|bucket| bucket.doc_count).sum();
        let length = i64::try_from(interval).unwrap_or(i64::MAX);
        Ok((counted == stretch.documents).then(|| gather(stretch, &buckets, length, target)))
    }

    /// `None` where the cluster cannot aggregate this field; without aggregations where no index was searched.
    async fn ask<T: for<'a> Deserialize<'a>>(
        &self,
        portion: &Portion,
        size: usize,
        aggregations: &Value,
    ) -> Result<Option<(Page, Option<T>)>> {
        #[derive(Deserialize)]
        struct Answer<T> {
            aggregations: Option<T>,
        }
        let mut size = size;
        let (what, body) = loop {
            let request = self.reader.request(portion, None, size, Some(aggregations))?;
            let what = request.what();
            match self.send(request).await {
                Err(Error::Refused { refusal, .. }) if refusal.status == 400 => return Ok(None),
                Err(Error::TooLarge { .. }) if size > 1 => size = fewer(size),
                answer => break (what, answer?),
            }
        };
        let page = Page::cut(&body, &what)?;
        let (cluster, search) = (&self.reader.cluster, &self.reader.search);
        cluster.require_all_clusters(&page.clusters, search, &what).await?;
        self.reader.renew(&page);
        let answer: Answer<T> = serde_json::from_slice(&body).map_err(|error| unintelligible(&what, &error))?;
        if answer.aggregations.is_none() && page.shards > 0 {
            return Err(Error::Unintelligible {
                what,
                why: "aggregations are missing".to_owned(),
            });
        }
        Ok(Some((page, answer.aggregations)))
    }

    async fn send(&self, request: Request) -> Result<Bytes> {
        Ok(self.reader.cluster.send(request).await?.body)
    }
}

enum Whole {
    /// There are no documents.
    Nothing,
    /// Not to be cut.
    OneRange,
    Stretch(Stretch),
}

impl Range {
    /// The documents of `query` whose `field` is in this range.
    pub(in crate::cluster) fn within(&self, query: &Value, field: &str) -> Value {
        let mut bounds = serde_json::Map::new();
        if let Some(from) = self.from {
            bounds.insert("gte".to_owned(), from.into());
        }
        if let Some(until) = self.until {
            bounds.insert("lt".to_owned(), until.into());
        }
        if bounds.is_empty() {
            return query.clone();
        }
        bounds.insert("format".to_owned(), "epoch_millis".into());
        json!({ "bool": { "filter": [query, { "range": { field: bounds } }] } })
    }
}

/// Neighbouring buckets become stretches of at most `target` documents. A bucket with more is one of its own, no longer
/// than itself: cut again it becomes shorter, however far its neighbours are.
fn gather(whole: &Stretch, buckets: &[Bucket], interval: i64, target: u64) -> VecDeque<Stretch> {
    let mut stretches = VecDeque::new();
    let mut add = |stretch: Stretch| {
        if stretch.documents > 0 {
            stretches.push_back(stretch);
        }
    };
    let mut open = Stretch { documents: 0, ..*whole };
    for bucket in buckets {
        let begin = bucket.key.max(whole.from);
        if open.documents + bucket.doc_count > target {
            add(Stretch { until: begin, ..open });
            open = Stretch {
                from: begin,
                until: whole.until,
                documents: 0,
            };
        }
        open.documents += bucket.doc_count;
        if bucket.doc_count > target {
            let until = bucket.key.saturating_add(interval).min(whole.until);
            add(Stretch { until, ..open });
            open = Stretch {
                from: until,
                until: whole.until,
                documents: 0,
            };
        }
    }
    add(open);
    stretches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn stretches_leave_nothing_out_and_are_as_large_as_wanted(
            counts in prop::collection::vec(0_u64..40, 1..60), target in 1_u64..100,
        ) {
            let buckets: Vec<Bucket> = (0..).zip(counts).filter(|(_, count)| *count > 0)
                .map(|(number, doc_count)| Bucket { key: 1_000 + number * 10, doc_count }).collect();
            let documents = buckets.iter().map(|bucket| bucket.doc_count).sum();
            let whole = Stretch { from: 1_003, until: 1_600, documents };
            let stretches = gather(&whole, &buckets, 10, target);
            prop_assert!(stretches.iter().all(|stretch| stretch.from >= whole.from && stretch.until <= whole.until));
            for (one, next) in stretches.iter().zip(stretches.iter().skip(1)) {
                prop_assert!(one.until <= next.from);
            }
            prop_assert_eq!(stretches.iter().map(|stretch| stretch.documents).sum::<u64>(), whole.documents);
            for stretch in &stretches {
                let inside = buckets.iter().filter(|bucket| {
                    (bucket.key.max(whole.from) >= stretch.from) && bucket.key.max(whole.from) < stretch.until
                });
                let inside: Vec<u64> = inside.map(|bucket| bucket.doc_count).collect();
                prop_assert_eq!(inside.iter().sum::<u64>(), stretch.documents);
                prop_assert!(stretch.documents <= target || (inside.len() == 1 && stretch.until - stretch.from <= 10));
            }
        }
    }

    #[test]
    fn a_crowded_moment_is_cut_down_to_itself_wherever_it_is() {
        for moment in [0, 1, 500_000, 3_599_998, 3_599_999] {
            let mut stretch = Stretch {
                from: 0,
                until: 3_600_000,
                documents: 20_000,
            };
            for _ in 0..6 {
                let interval = (stretch.until - stretch.from + 63) / 64;
                let bucket = Bucket {
                    key: moment / interval * interval,
                    doc_count: 20_000,
                };
                let pieces = gather(&stretch, &[bucket], interval, 7_000);
                assert_eq!(pieces.len(), 1);
                stretch = pieces[0];
            }
            let only = Stretch {
                from: moment,
                until: moment + 1,
                documents: 20_000,
            };
            assert_eq!(stretch, only);
        }
    }

    #[test]
    fn a_range_is_added_to_the_query() {
        let query = json!({ "match_all": {} });
        let range = |from, until| Range { from, until }.within(&query, "t");
        assert_eq!(range(None, None), query);
        let bounds = json!({ "range": { "t": { "gte": 5, "lt": 7, "format": "epoch_millis" } } });
        assert_eq!(
            range(Some(5), Some(7)),
            json!({ "bool": { "filter": [query, bounds] } })
        );
    }
}

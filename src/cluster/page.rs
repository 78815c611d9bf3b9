//! One search answer, cut into documents without copying them.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::cluster::body::{Size, Unread};
use crate::cluster::remote::Clusters;
use crate::cluster::request::unintelligible;
use crate::cluster::{Error, Hit, Result, refusal};
use crate::job::is_remote;

/// What a search answer holds.
#[derive(Debug)]
pub struct Page {
    /// The documents, as they are sorted.
    pub(in crate::cluster) hits: Vec<Hit>,
    /// `sort` of the last one, for `search_after`.
    pub(in crate::cluster) last: Option<Box<RawValue>>,
    /// `pit_id`, where there is one.
    pub(in crate::cluster) pit_id: Option<String>,
    /// `_scroll_id`, where there is one.
    pub(in crate::cluster) scroll_id: Option<String>,
    /// `hits.total.value`, where it was counted.
    pub(in crate::cluster) total: Option<u64>,
    /// How many shards were searched; none where no index matches.
    pub(in crate::cluster) shards: u64,
    /// Which remote clusters answered.
    pub(in crate::cluster) clusters: Clusters,
}

impl Page {
    /// How many documents there are, of a search that counts them.
    pub(in crate::cluster) fn required_total(&self, what: &str) -> Result<u64> {
        self.total.ok_or_else(|| Error::Unintelligible {
            what: what.to_owned(),
            why: "the number of documents is missing".to_owned(),
        })
    }
}

#[derive(Deserialize)]
struct Answer<'a> {
    pit_id: Option<String>,
    _scroll_id: Option<String>,
    #[serde(default)]
    timed_out: bool,
    #[serde(borrow)]
    _shards: &'a RawValue,
    #[serde(borrow)]
    _clusters: Option<&'a RawValue>,
    #[serde(borrow, default)]
    hits: Hits<'a>,
}

/// How many shards answered.
#[derive(Debug, Default, Deserialize)]
pub(in crate::cluster) struct Shards {
    #[serde(default)]
    pub(in crate::cluster) total: u64,
    #[serde(default)]
    failed: u64,
    #[serde(default)]
    failures: Vec<Value>,
}

#[derive(Deserialize, Default)]
struct Hits<'a> {
    #[serde(default)]
    total: Option<Total>,
    #[serde(borrow, default, deserialize_with = "bounded")]
    hits: Vec<HitJson<'a>>,
}

#[derive(Deserialize)]
struct Total {
    value: u64,
}

#[derive(Deserialize)]
struct HitJson<'a> {
    #[serde(borrow)]
    _index: Cow<'a, str>,
    _id: String,
    #[serde(borrow)]
    _source: Option<&'a RawValue>,
    #[serde(borrow)]
    sort: Option<&'a RawValue>,
}

/// No request asks for more documents, and Elasticsearch lists no more jobs. Each takes a few hundred bytes, however short
/// its text is.
const MAX_ITEMS: usize = 10_000;

/// A list of items, as long as they are not more than any request asks for.
pub(in crate::cluster) fn bounded<'de, D, T>(deserializer: D) -> std::result::Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Bounded<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Bounded<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{MAX_ITEMS} items at most")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<Self::Value, A::Error> {
            let mut all = Vec::new();
            while let Some(item) = items.next_element()? {
                if all.len() == MAX_ITEMS {
                    return Err(A::Error::invalid_length(MAX_ITEMS + 1, &self));
                }
                all.push(item);
            }
            Ok(all)
        }
    }
    deserializer.deserialize_seq(Bounded(PhantomData))
}

/// What an answer says besides its documents: bounded as a status is, however large the documents may be.
fn beside_documents<'a, T: Deserialize<'a> + Default>(part: Option<&'a RawValue>, what: &str) -> Result<T> {
    let Some(part) = part.map(RawValue::get) else {
        return Ok(T::default());
    };
    let size = Size::Status;
    if part.len() > size.bytes() || size.is_too_dense(part.as_bytes()) {
        return Err(Unread::TooLarge.into_error(what, size));
    }
    serde_json::from_str(part).map_err(|error| unintelligible(what, &error))
}

impl Shards {
    /// An answer that lacks the documents of a shard is no answer.
    pub(in crate::cluster) fn check(&self, what: &str) -> Result<()> {
        if self.failed == 0 {
            return Ok(());
        }
        let failure = self.failures.iter().find_map(|failure| failure.get("reason"));
        let (kinds, reason) = (failure.map(refusal::causes_of), failure.map(refusal::shard_reason));
        Err(Error::ShardsFailed {
            what: what.to_owned(),
            failed: self.failed,
            total: self.total,
            kinds: kinds.unwrap_or_default(),
            reason: reason.unwrap_or_else(|| "(no reason given)".to_owned()),
        })
    }
}

impl Shards {
    /// Whether only shards of remote clusters failed.
    fn failed_remotely(&self) -> bool {
        let mut failures = self.failures.iter();
        let remote = |failure: &Value| failure.get("index").and_then(Value::as_str).is_some_and(is_remote);
        !self.failures.is_empty() && failures.all(remote)
    }
}

impl Page {
    /// Cuts the answer to `what`; documents share its bytes and are not looked into.
    ///
    /// # Errors
    /// The answer lacks documents ([`Error::ShardsFailed`]) or makes no sense ([`Error::Unintelligible`]).
    pub fn cut(body: &Bytes, what: &str) -> Result<Self> {
        // The whole is looked at once; serde_json would look at every string of every document.
        let text = std::str::from_utf8(body).map_err(|_| Error::Unintelligible {
            what: what.to_owned(),
            why: "it is not UTF-8".to_owned(),
        })?;
        let answer: Answer<'_> = serde_json::from_str(text).map_err(|error| unintelligible(what, &error))?;
        // What is missing of a remote cluster is for `Cluster::require_all_clusters` to judge.
        let shards: Shards = beside_documents(Some(answer._shards), what)?;
        let clusters: Clusters = beside_documents(answer._clusters, what)?;
        if clusters.are_complete() || !shards.failed_remotely() {
            shards.check(what)?;
        }
        let senseless = |why: &str| Error::Unintelligible {
            what: what.to_owned(),
            why: why.to_owned(),
        };
        if answer.timed_out {
            return Err(senseless("the cluster ended the search early (timed_out)"));
        }
        let last = answer.hits.hits.last().and_then(|hit| hit.sort).map(ToOwned::to_owned);
        let mut hits: Vec<Hit> = Vec::with_capacity(answer.hits.hits.len());
        for hit in answer.hits.hits {
            let source = hit._source.ok_or_else(|| senseless("a document has no _source"))?;
            let index = match hits.last() {
                Some(previous) if *previous.index == *hit._index => Arc::clone(&previous.index),
                _ => Arc::from(&*hit._index),
            };
            let source = body.slice_ref(source.get().as_bytes());
            hits.push(Hit {
                index,
                id: hit._id,
                source,
            });
        }
        let total = answer.hits.total.map(|total| total.value);
        Ok(Self {
            hits,
            last,
            pit_id: answer.pit_id,
            scroll_id: answer._scroll_id,
            total,
            shards: shards.total,
            clusters,
        })
    }

    /// The documents, as they are sorted.
    pub fn documents(&self) -> impl Iterator<Item = &Hit> {
        self.hits.iter()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn page(sources: &[String]) -> Bytes {
        let hits: Vec<String> = sources
            .iter()
            .enumerate()
            .map(|(n, source)| {
                format!(r#"{{"_index":"i","_id":"{n}","_score":null,"_source":{source},"sort":[{n},0]}}"#)
            })
            .collect();
        let hits = hits.join(",");
        Bytes::from(format!(
            r#"{{"pit_id":"p","took":5,"timed_out":false,"_shards":{{"total":1,"failed":0}},"hits":{{"total":{{"value":3,"relation":"eq"}},"hits":[{hits}]}}}}"#
        ))
    }

    fn document() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            "-?[1-9][0-9]{0,40}(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,5})?",
            "\"([a-zäß €/]|\\\\u[0-9a-f]{4}|\\\\/|\\\\n|\\\\\"){0,12}\"",
        ];
        let value = leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(|values| format!("[ {} ]", values.join(",\n"))),
                prop::collection::vec(inner, 0..4).prop_map(|values| {
                    let members: Vec<String> = values.iter().map(|value| format!("\"a\" :{value}")).collect();
                    format!("{{{}\n}}", members.join(" , "))
                }),
            ]
        });
        value.prop_map(|value| format!("{{ \"v\":{value}}}"))
    }

    proptest! {
        #[test]
        fn documents_come_out_byte_for_byte(sources in prop::collection::vec(document(), 0..5)) {
            let page = Page::cut(&page(&sources), "").unwrap();
            let received: Vec<&[u8]> = page.hits.iter().map(|hit| &hit.source[..]).collect();
            let sent: Vec<&[u8]> = sources.iter().map(|source| source.as_bytes()).collect();
            prop_assert_eq!(received, sent);
        }
    }

    #[test]
    fn an_answer_that_lacks_something_is_an_error() {
        let failed = br#"{"_shards":{"total":2,"failed":1,"failures":[{"shard":0,"reason":{"type":"x","reason":"circuit breaker"}}]},"hits":{"hits":[]}}"#;
        let error = Page::cut(&Bytes::from_static(failed), "GET /").unwrap_err();
        assert!(
            matches!(&error, Error::ShardsFailed { failed: 1, total: 2, reason, .. } if reason == "circuit breaker")
        );
        for senseless in [
            &br#"{"timed_out":true,"_shards":{"total":1,"failed":0},"hits":{"hits":[]}}"#[..],
            br#"{"_shards":{"total":1,"failed":0},"hits":{"hits":[{"_index":"i","_id":"1"}]}}"#,
            br#"{"_shards":{"total":1"#,
        ] {
            let error = Page::cut(&Bytes::from_static(senseless), "").unwrap_err();
            assert!(matches!(error, Error::Unintelligible { .. }), "{error}");
        }
    }
}

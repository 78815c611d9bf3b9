//! Search responses: their documents, which are not copied, and checks that no documents are missing.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::cluster::cluster::Cluster;
use crate::cluster::http::error::{ErrorResponse, shard_reason};
use crate::cluster::http::limits::bounded;
use crate::cluster::http::{BodyLimit, Error, Path, Request, Response, Result, parse_json};
use crate::cluster::search::query::Search;
use crate::job::is_remote;
use crate::util::process::lock;

/// A document. Clones share the bytes of the page.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The concrete index.
    pub index: Arc<str>,
    /// `_id`.
    pub id: HitId,
    /// `_source`, exactly as received.
    pub source: Bytes,
}

/// The ID of a document, which is not copied from the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HitId(Bytes);

impl Deref for HitId {
    type Target = str;

    #[allow(clippy::expect_used, reason = "an empty ID would belong to no document")]
    fn deref(&self) -> &str {
        std::str::from_utf8(&self.0).expect("the ID was parsed as a string")
    }
}

/// The contents of a search response.
#[derive(Debug)]
pub struct Page {
    /// The method and path of the request, for messages.
    what: String,
    /// The documents in the order of the response.
    pub hits: Vec<Hit>,
    /// `sort` of the last document, for `search_after`.
    pub(crate) last: Option<Box<RawValue>>,
    /// The latest ID of the point in time or scroll.
    pub(crate) context_id: Option<String>,
    /// `hits.total.value`, if it was counted.
    total: Option<u64>,
    /// JSON text.
    aggregations: Option<Bytes>,
    /// The number of shards searched; 0 if no index matches.
    pub(crate) shards: u64,
    clusters: Clusters,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(alias = "_scroll_id")]
    pit_id: Option<String>,
    #[serde(default)]
    timed_out: bool,
    #[serde(borrow)]
    _shards: &'a RawValue,
    #[serde(borrow)]
    _clusters: Option<&'a RawValue>,
    #[serde(borrow, default)]
    hits: Hits<'a>,
    #[serde(borrow)]
    aggregations: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct Hits<'a> {
    total: Option<Measure<u64>>,
    #[serde(borrow, default, deserialize_with = "bounded")]
    hits: Vec<HitJson<'a>>,
}

/// `{"value": …}`.
#[derive(Deserialize)]
struct Measure<T> {
    value: T,
}

#[derive(Deserialize)]
struct HitJson<'a> {
    #[serde(borrow)]
    _index: Cow<'a, str>,
    #[serde(borrow)]
    _id: Cow<'a, str>,
    #[serde(borrow)]
    _source: Option<&'a RawValue>,
    #[serde(borrow)]
    sort: Option<&'a RawValue>,
}

/// The aggregation `groups`, by date or by term.
#[derive(Deserialize)]
pub(crate) struct Grouped<K> {
    pub(crate) groups: Buckets<K>,
}

/// The aggregations of [`Ends::aggregations`].
#[derive(Deserialize)]
pub(crate) struct Ends {
    first: Measure<Option<f64>>,
    last: Measure<Option<f64>>,
}

impl Ends {
    /// Aggregations for the first and the last time in a field.
    pub(crate) fn aggregations(field: &str) -> Value {
        json!({ "first": { "min": { "field": field } }, "last": { "max": { "field": field } } })
    }

    /// Both times in milliseconds, which a double represents exactly; `None` without documents.
    pub(crate) fn times(&self) -> Option<(i64, i64)> {
        Some((self.first.value? as i64, self.last.value? as i64))
    }
}

#[derive(Deserialize)]
pub(crate) struct Buckets<K> {
    pub(crate) buckets: Vec<Bucket<K>>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Bucket<K> {
    pub(crate) key: K,
    pub(crate) doc_count: u64,
}

impl Page {
    /// Parses the response to `what`; documents share its bytes and are not parsed.
    ///
    /// # Errors
    /// [`Error::ShardsFailed`] if documents are missing, [`Error::UnexpectedResponse`] if it is not a search response.
    pub fn parse(body: &Bytes, what: &str) -> Result<Self> {
        let page = Self::parse_without_sources(body, what)?;
        match page.hits.iter().any(|hit| hit.source.is_empty()) {
            true => Err(Error::unexpected(what, "a document has no _source")),
            false => Ok(page),
        }
    }

    /// As [`Self::parse`]; the source of a document may be missing, and is then empty.
    pub(crate) fn parse_without_sources(body: &Bytes, what: &str) -> Result<Self> {
        // Checking the complete text once is faster than letting serde_json check each string.
        let text = std::str::from_utf8(body).map_err(|_| Error::unexpected(what, "not UTF-8"))?;
        let answer: Answer<'_> = serde_json::from_str(text).map_err(|error| Error::invalid_json(what, &error))?;
        let shards: Shards = beside_documents(Some(answer._shards), what)?;
        let clusters: Clusters = beside_documents(answer._clusters, what)?;
        // `Cluster::require_all_clusters` checks for missing data of remote clusters.
        if clusters.are_complete() || !shards.failed_remotely() {
            shards.check(what)?;
        }
        if answer.timed_out {
            let why = "the cluster ended the search early (timed_out)";
            return Err(Error::unexpected(what, why));
        }
        let slice = |part: &RawValue| body.slice_ref(part.get().as_bytes());
        let last = answer.hits.hits.last().and_then(|hit| hit.sort).map(ToOwned::to_owned);
        let mut hits: Vec<Hit> = Vec::with_capacity(answer.hits.hits.len());
        for hit in answer.hits.hits {
            let index = match hits.last() {
                Some(previous) if *previous.index == *hit._index => Arc::clone(&previous.index),
                _ => Arc::from(&*hit._index),
            };
            let id = HitId(match hit._id {
                Cow::Borrowed(id) => body.slice_ref(id.as_bytes()),
                Cow::Owned(id) => id.into(),
            });
            let source = hit._source.map(slice).unwrap_or_default();
            hits.push(Hit { index, id, source });
        }
        Ok(Self {
            what: what.to_owned(),
            hits,
            last,
            context_id: answer.pit_id,
            total: answer.hits.total.map(|total| total.value),
            aggregations: answer.aggregations.map(slice),
            shards: shards.total,
            clusters,
        })
    }

    /// The total number of documents, for a search that counts them.
    pub(crate) fn required_total(&self) -> Result<u64> {
        let missing = || Error::unexpected(&*self.what, "the number of documents is missing");
        self.total.ok_or_else(missing)
    }

    /// The documents. Fails unless the response contains all: a missing copy of a document could be the newest one.
    pub(crate) fn all_hits(self) -> Result<Vec<Hit>> {
        let (found, received) = (self.required_total()?, self.hits.len());
        if received as u64 >= found {
            return Ok(self.hits);
        }
        let why = format!("{found} documents were found, the response contains {received}");
        Err(Error::unexpected(&*self.what, why))
    }

    /// The aggregations that were requested; `None` if no index was searched.
    pub(crate) fn aggregations<T: for<'a> Deserialize<'a>>(&self) -> Result<Option<T>> {
        match &self.aggregations {
            Some(json) => parse_json(json, &self.what).map(Some),
            None if self.shards > 0 => Err(Error::unexpected(&*self.what, "aggregations are missing")),
            None => Ok(None),
        }
    }
}

/// Parses a part of a response other than the documents, with the limit for a status.
fn beside_documents<'a, T: Deserialize<'a> + Default>(part: Option<&'a RawValue>, what: &str) -> Result<T> {
    let Some(part) = part.map(RawValue::get) else {
        return Ok(T::default());
    };
    let limit = BodyLimit::Status;
    if part.len() > limit.bytes() || limit.is_too_dense(part.as_bytes()) {
        return Err(limit.exceeded(what));
    }
    parse_json(part.as_bytes(), what)
}

/// The number of shards that were searched and that failed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Shards {
    pub(crate) total: u64,
    failed: u64,
    failures: Vec<Value>,
}

impl Shards {
    /// Fails if a shard failed, because its documents are missing.
    pub(crate) fn check(&self, what: &str) -> Result<()> {
        if self.failed == 0 {
            return Ok(());
        }
        let first = self.failures.iter().find_map(|failure| failure.get("reason"));
        Err(Error::ShardsFailed {
            what: what.to_owned(),
            failed: self.failed,
            total: self.total,
            first: Box::new(ErrorResponse::from_json(0, first.unwrap_or(&Value::Null))),
        })
    }

    /// Whether only shards of remote clusters failed.
    fn failed_remotely(&self) -> bool {
        let remote = |failure: &Value| failure["index"].as_str().is_some_and(is_remote);
        !self.failures.is_empty() && self.failures.iter().all(remote)
    }
}

/// `_clusters` of a search response; all 0 if only the local cluster was searched.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Clusters {
    total: u64,
    skipped: u64,
    partial: u64,
    failed: u64,
    /// By name, in 8.10 and later.
    details: BTreeMap<String, Value>,
}

impl Clusters {
    /// Whether every cluster returned all of its documents.
    fn are_complete(&self) -> bool {
        self.skipped + self.partial + self.failed == 0
    }

    /// The names of the incomplete clusters, each with a description of what the cluster reported.
    fn incomplete(&self) -> BTreeMap<String, String> {
        let incomplete = self.details.iter().filter_map(|(name, details)| {
            let status = details["status"].as_str().unwrap_or_default();
            let failures = details["failures"].as_array().into_iter().flatten();
            let reason = failures.map(|failure| shard_reason(&failure["reason"])).next();
            let description = match reason.filter(|reason| !reason.is_empty()) {
                Some(reason) => format!("{name} ({status}: {reason})"),
                None => format!("{name} ({status})"),
            };
            matches!(status, "skipped" | "partial" | "failed").then(|| (name.clone(), description))
        });
        incomplete.collect()
    }
}

impl Cluster {
    /// A page of the search. Fails if documents are missing.
    pub(crate) async fn page(&self, search: &Search, request: Request) -> Result<Page> {
        self.complete_page(search, &self.http.send(&request).await?).await
    }

    pub(crate) async fn complete_page(&self, search: &Search, response: &Response) -> Result<Page> {
        let page = Page::parse(&response.body, &response.what)?;
        self.require_all_clusters(&page.clusters, search, &page.what).await?;
        Ok(page)
    }

    /// A page of up to `size` documents, and the number finally requested: fewer if the response was too large.
    pub(crate) async fn page_of_size(
        &self,
        search: &Search,
        mut size: usize,
        request: impl Fn(usize) -> Request,
    ) -> Result<(Page, usize)> {
        loop {
            let limit = if size > 1 { BodyLimit::Page } else { BodyLimit::Large };
            match self.page(search, request(size).returns(limit)).await {
                Err(Error::TooLarge { .. }) if size > 1 => size = (size / 4).max(1),
                page => return Ok((page?, size)),
            }
        }
    }

    /// Fails if a remote cluster did not respond or did not return all of its documents. If the search allows that, it
    /// continues and records the names.
    pub(crate) async fn require_all_clusters(&self, clusters: &Clusters, search: &Search, what: &str) -> Result<()> {
        if clusters.are_complete() {
            return Ok(());
        }
        let mut incomplete = clusters.incomplete();
        if incomplete.is_empty() {
            incomplete = self.unreachable_clusters().await.unwrap_or_default();
        }
        if incomplete.is_empty() {
            let number = clusters.skipped + clusters.partial + clusters.failed;
            let description = format!("{number} of {} clusters", clusters.total);
            incomplete.insert(description.clone(), description);
        }
        let Some(allowed) = &search.incomplete_clusters else {
            let clusters = incomplete.into_values().collect::<Vec<_>>().join(", ");
            let what = what.to_owned();
            return Err(Error::ClustersMissing { what, clusters });
        };
        lock(allowed).extend(incomplete.into_keys());
        Ok(())
    }

    /// The remote clusters that are not connected: versions before 8.10 do not name the clusters that they skip.
    async fn unreachable_clusters(&self) -> Result<BTreeMap<String, String>> {
        let remotes: BTreeMap<String, Value> = self.http.json(Request::get(Path::of(["_remote", "info"]))).await?;
        let unreachable = remotes.into_iter().filter(|(_, remote)| remote["connected"] != true);
        let described = unreachable.map(|(name, _)| (name.clone(), format!("{name} (not connected)")));
        Ok(described.collect())
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
        fn hits_are_returned_byte_for_byte(sources in prop::collection::vec(document(), 0..5)) {
            let page = Page::parse(&page(&sources), "").unwrap();
            let received: Vec<&[u8]> = page.hits.iter().map(|hit| &hit.source[..]).collect();
            let sent: Vec<&[u8]> = sources.iter().map(|source| source.as_bytes()).collect();
            prop_assert_eq!(received, sent);
        }
    }

    #[test]
    fn incomplete_response_is_an_error() {
        let failed = br#"{"_shards":{"total":2,"failed":1,"failures":[{"shard":0,"reason":{"type":"x","reason":"circuit breaker"}}]},"hits":{"hits":[]}}"#;
        let error = Page::parse(&Bytes::from_static(failed), "GET /").unwrap_err();
        assert!(
            matches!(&error, Error::ShardsFailed { failed: 1, total: 2, first, .. } if first.reason == "circuit breaker")
        );
        for senseless in [
            &br#"{"timed_out":true,"_shards":{"total":1,"failed":0},"hits":{"hits":[]}}"#[..],
            br#"{"_shards":{"total":1,"failed":0},"hits":{"hits":[{"_index":"i","_id":"1"}]}}"#,
            br#"{"_shards":{"total":1"#,
        ] {
            let error = Page::parse(&Bytes::from_static(senseless), "").unwrap_err();
            assert!(matches!(error, Error::UnexpectedResponse { .. }), "{error}");
        }
    }
}

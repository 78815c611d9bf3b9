//! Requests with a single response: counts, samples, documents by ID, and field types.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::cluster::cluster::Cluster;
use crate::cluster::http::{BodyLimit, Error, Path, Request, Response, Result};
use crate::cluster::search::query::{MAX_PAGE, Search, SearchRange};
use crate::cluster::search::response::{Ends, Grouped, Hit, Page, Shards};
use crate::util::timestamp::EpochMillis;

/// IDs per request that locates documents: its response does not contain the documents, and is small.
const MAX_LOCATED_IDS: usize = 1_000;
/// Bytes of names per request: the complete URL may have 4 KiB (`http.max_initial_line_length`).
const MAX_NAMES: usize = 1024;

impl Cluster {
    /// The number of documents that match the search.
    pub async fn count(&self, search: &Search) -> Result<u64> {
        Ok(self.count_in_indices(search).await?.unwrap_or(0))
    }

    /// The number of documents that match the search; `None` if no index matches.
    pub async fn count_in_indices(&self, search: &Search) -> Result<Option<u64>> {
        #[derive(Deserialize)]
        struct Count {
            count: u64,
            _shards: Shards,
        }
        // `_count` does not accept runtime mappings, and does not report remote clusters that it skips.
        if search.runtime_mappings.is_some() || search.is_remote() {
            let mut body = search.body(SearchRange::default(), 0);
            body["track_total_hits"] = json!(true);
            let request = search.request("_search").json(&body).returns(BodyLimit::Status);
            let page = self.page(search, request).await?;
            let total = page.required_total()?;
            return Ok((page.shards > 0).then_some(total));
        }
        let request = search.request("_count").json(&json!({ "query": search.query }));
        let response = match self.http.send(&request.returns(BodyLimit::Status)).await {
            Err(error) if search.lenient && error.is_no_such_index() => return Ok(None),
            response => response?,
        };
        let Count { count, _shards } = response.json()?;
        _shards.check(&response.what)?;
        Ok((_shards.total > 0).then_some(count))
    }

    /// The indices of the documents that match the search, at most `most`; empty if the cluster cannot aggregate `_index`.
    pub async fn indices_of(&self, search: &Search, most: usize) -> Result<Vec<String>> {
        let groups = json!({ "groups": { "terms": { "field": "_index", "size": most } } });
        let found: Option<Grouped<String>> = self.aggregate(search, groups).await?;
        let buckets = found.into_iter().flat_map(|found| found.groups.buckets);
        Ok(buckets.map(|bucket| bucket.key).collect())
    }

    /// The number of documents that match the search and their highest `_seq_no`, by index; `None` if the cluster cannot
    /// aggregate it.
    pub async fn revisions(&self, search: &Search) -> Result<Option<Value>> {
        let newest = json!({ "newest": { "max": { "field": "_seq_no" } } });
        let groups = json!({ "groups": { "terms": { "field": "_index", "size": MAX_PAGE }, "aggs": newest } });
        let found: Option<Value> = self.aggregate(search, groups).await?;
        Ok(found.map(|mut found| found["groups"]["buckets"].take()))
    }

    /// The times of the first and the last document that match the search; `None` without documents, or if the cluster
    /// cannot aggregate the field.
    pub async fn time_extent(&self, search: &Search) -> Result<Option<(EpochMillis, EpochMillis)>> {
        let Some(field) = search.sort.field() else {
            return Ok(None);
        };
        let ends: Option<Ends> = self.aggregate(search, Ends::aggregations(field)).await?;
        let times = ends.and_then(|ends| ends.times());
        Ok(times.map(|(first, last)| (EpochMillis(first), EpochMillis(last))))
    }

    /// Aggregations over the documents that match the search; `None` if the cluster cannot aggregate the field, or if no index
    /// was searched.
    pub(crate) async fn aggregate<T: DeserializeOwned>(&self, search: &Search, groups: Value) -> Result<Option<T>> {
        let mut body = search.body(SearchRange::default(), 0);
        body["aggs"] = groups;
        match self.page(search, search.request("_search").json(&body)).await {
            Err(Error::Refused { source, .. }) if source.status == 400 => Ok(None),
            Err(error) if search.lenient && error.is_no_such_index() => Ok(None),
            page => page?.aggregations(),
        }
    }

    /// The first documents that match the search, at most `size`.
    pub async fn sample(&self, search: &Search, size: usize) -> Result<Vec<Hit>> {
        let request = |size| {
            let mut body = search.body(SearchRange::default(), size);
            body["sort"] = search.sort.to_json(None);
            search.request("_search").json(&body)
        };
        match self.page_of_size(search, size, request).await {
            Err(error) if search.lenient && error.is_no_such_index() => Ok(Vec::new()),
            page => Ok(page?.0.hits),
        }
    }

    /// The documents with these IDs in any order, also from hidden indices. Empty if an index does not exist; a closed index
    /// is an error. If two indices contain a document with the same ID, both are returned.
    pub async fn documents(&self, indices: &[impl AsRef<str>], ids: &[String]) -> Result<Vec<Hit>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        // Large responses are received one at a time.
        let several = ids.len() > 1;
        let limit = if several { BodyLimit::Page } else { BodyLimit::Large };
        let found = match self.with_ids(indices, ids, true, limit).await {
            Err(Error::TooLarge { .. }) if several => self.with_ids(indices, ids, true, BodyLimit::Large).await,
            found => found,
        };
        match found? {
            Some(response) => Page::parse(&response.body, &response.what)?.all_hits(),
            None => Ok(Vec::new()),
        }
    }

    /// The indices of the documents with these IDs. If two indices contain a document with the same ID, both are returned.
    /// The response does not contain the documents: their sources are empty.
    pub async fn locate(&self, indices: &[impl AsRef<str>], ids: &[String]) -> Result<Vec<Hit>> {
        let mut found = Vec::new();
        let mut waiting: Vec<&[String]> = ids.chunks(MAX_LOCATED_IDS).rev().collect();
        while let Some(ids) = waiting.pop() {
            let Some(response) = self.with_ids(indices, ids, false, BodyLimit::Page).await? else {
                continue;
            };
            let page = Page::parse_without_sources(&response.body, &response.what)?;
            // The response did not contain all copies: request fewer IDs.
            if page.required_total()? > page.hits.len() as u64 && ids.len() > 1 {
                let (first, second) = ids.split_at(ids.len() / 2);
                waiting.extend([second, first]);
                continue;
            }
            found.extend(page.all_hits()?);
        }
        Ok(found)
    }

    /// Searches for documents by ID; `None` if an index does not exist.
    async fn with_ids(
        &self,
        indices: &[impl AsRef<str>],
        ids: &[String],
        source: bool,
        limit: BodyLimit,
    ) -> Result<Option<Response>> {
        // A filter in index order, because scoring and sorting by score take as long as everything else.
        let query = json!({ "bool": { "filter": { "ids": { "values": ids } } } });
        let body = json!({
            "size": MAX_PAGE, "track_total_hits": true, "_source": source, "query": query, "sort": ["_doc"],
        });
        let request = Request::post(Path::indices(indices).then(["_search"])).json(&body);
        match self.http.send(&request.all_indices().returns(limit)).await {
            Err(error) if error.is_no_such_index() => Ok(None),
            response => response.map(Some),
        }
    }

    /// The index of the newest document for each of these IDs that exists. After a rollover or an upgrade with reindexing,
    /// several indices may contain the same ID.
    pub async fn newest(&self, indices: &[&str], ids: &[String]) -> Result<BTreeMap<String, String>> {
        let mut copies = self.locate(indices, ids).await?;
        copies.sort_by(|one, other| index_age(&one.index).cmp(&index_age(&other.index)));
        let newest = copies.iter().map(|hit| (hit.id.to_string(), hit.index.to_string()));
        Ok(newest.collect())
    }

    /// The types of these fields and objects, from `_field_caps`, which also reads remote clusters.
    pub async fn field_types(
        &self,
        indices: &[String],
        names: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, BTreeSet<String>>> {
        #[derive(Deserialize)]
        struct Capabilities {
            fields: BTreeMap<String, Map<String, Value>>,
        }
        let mut types = BTreeMap::new();
        let mut names = names.iter().peekable();
        while let Some(first) = names.next() {
            let mut together = first.clone();
            while let Some(next) = names.next_if(|next| together.len() + next.len() < MAX_NAMES) {
                together.push(',');
                together.push_str(next);
            }
            let request = Request::get(Path::indices(indices).then(["_field_caps"])).query("fields", together);
            let found: Capabilities = self.http.json(request.allow_missing()).await?;
            let found = found.fields.into_iter();
            types.extend(found.map(|(name, kinds)| (name, kinds.into_iter().map(|(kind, _)| kind).collect())));
        }
        Ok(types)
    }
}

/// Orders the indices of an alias; the greatest is the newest. Rollovers increment the number, and ML reads
/// `.ml-state-000002` rather than a reindexed index with the same number.
pub(crate) fn index_age(index: &str) -> (u64, bool, &str) {
    let number = index.rsplit_once('-').and_then(|(_, number)| number.parse().ok());
    (number.unwrap_or(0), !index.starts_with(".reindexed-"), index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_with_the_highest_number_is_the_newest() {
        let newest_first = [
            ".reindexed-v8-ml-state-000012",
            ".ml-state-000011",
            ".ml-state-000002",
            ".reindexed-v8-ml-state-000002",
            ".reindexed-v7-ml-state-000002",
            ".ml-state-000001",
            ".ml-state",
        ];
        for (n, index) in newest_first.iter().enumerate() {
            for (m, other) in newest_first.iter().enumerate() {
                assert_eq!(index_age(index) > index_age(other), n < m, "{index} {other}");
            }
        }
    }
}

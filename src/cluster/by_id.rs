//! Documents by their ids, through aliases and wildcards alike.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::cluster::body::Size;
use crate::cluster::page::{Page, Shards};
use crate::cluster::search::completely;
use crate::cluster::{Cluster, Error, Hit, Path, Request, Result};

/// Documents of one answer: the limit of `index.max_result_window`.
const MOST: usize = 10_000;
/// Ids of one request that locates documents: its answer stays small, since it has nothing of the documents.
const LOCATED_AT_ONCE: usize = 1_000;

#[derive(Deserialize)]
struct Located {
    _shards: Shards,
    hits: Places,
}

#[derive(Deserialize)]
struct Places {
    total: Total,
    hits: Vec<Place>,
}

#[derive(Deserialize)]
struct Total {
    value: usize,
}

#[derive(Deserialize)]
struct Place {
    _index: String,
    _id: String,
}

impl Cluster {
    /// The documents of these ids, in no order; `indices` as in [`Search`](crate::cluster::Search),
    /// leniently. None where an index of that name does not exist; a closed one is an error. A document that is in two of the indices comes twice.
    ///
    /// # Errors
    /// Any of a search, and more documents than one answer holds.
    pub async fn documents(&self, indices: &[&str], ids: &[String]) -> Result<Vec<Hit>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let request = search(indices, ids, json!(true)).returns(Size::Large);
        let what = request.what();
        let response = match self.send(request).await {
            Err(error) if error.is_no_such_index() => return Ok(Vec::new()),
            response => response?,
        };
        let page = Page::cut(&response.body, &what)?;
        let total = page.required_total(&what)?;
        all_of(page.hits.len(), total as usize, what)?;
        Ok(page.hits)
    }

    /// Where the documents of these ids are, as concrete index and id; a document that is in two
    /// of the indices comes twice. Nothing of the documents themselves is sent.
    ///
    /// # Errors
    /// Any of a search.
    pub async fn locate(&self, indices: &[&str], ids: &[String]) -> Result<Vec<(String, String)>> {
        let mut found = Vec::new();
        let mut waiting: Vec<&[String]> = ids.chunks(LOCATED_AT_ONCE).rev().collect();
        while let Some(ids) = waiting.pop() {
            let request = search(indices, ids, json!(false)).returns(Size::Page);
            let what = request.what();
            let response = match self.send(request).await {
                Err(error) if error.is_no_such_index() => continue,
                response => response?,
            };
            let answer: Located = response.parse(&what)?;
            answer._shards.check(&what)?;
            // More copies than one answer holds: ask for fewer ids.
            if answer.hits.total.value > answer.hits.hits.len() && ids.len() > 1 {
                let (first, second) = ids.split_at(ids.len() / 2);
                waiting.extend([second, first]);
                continue;
            }
            all_of(answer.hits.hits.len(), answer.hits.total.value, what)?;
            found.extend(answer.hits.hits.into_iter().map(|place| (place._index, place._id)));
        }
        Ok(found)
    }

    /// The index of the newest copy of each of these ids that is there. After a rollover, or an upgrade by reindexing,
    /// the same id may be in several indices, however many.
    ///
    /// # Errors
    /// Any of a search.
    pub async fn newest(&self, indices: &[&str], ids: &[String]) -> Result<BTreeMap<String, String>> {
        let mut newest = BTreeMap::<String, String>::new();
        for (index, id) in self.locate(indices, ids).await? {
            let known = newest.entry(id).or_insert_with(|| index.clone());
            if is_newer(&index, known) {
                *known = index;
            }
        }
        Ok(newest)
    }
}

/// Whether an index was made later than another one of the same alias: rollovers count up, and ML reads
/// `.ml-state-000002` rather than a reindexed index of that number.
pub fn is_newer(index: &str, than: &str) -> bool {
    fn age(index: &str) -> (u64, bool, &str) {
        let number = index.rsplit_once('-').and_then(|(_, number)| number.parse().ok());
        (number.unwrap_or(0), !index.starts_with(".reindexed-"), index)
    }
    age(index) > age(than)
}

/// No copy of a document may be cut off: it could be the newest one.
fn all_of(received: usize, found: usize, what: String) -> Result<()> {
    if received >= found {
        return Ok(());
    }
    Err(Error::Unintelligible {
        what,
        why: format!("{found} documents were found, {received} were sent"),
    })
}

fn search(indices: &[&str], ids: &[String], source: Value) -> Request {
    let body = json!({
        "size": MOST, "track_total_hits": true, "_source": source, "query": { "ids": { "values": ids } },
    });
    completely(Request::post(Path::indices(indices).then(["_search"])).json(&body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_index_has_the_highest_number() {
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
                assert_eq!(is_newer(index, other), n < m, "{index} {other}");
            }
        }
    }
}

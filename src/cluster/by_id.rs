//! Documents by their ids, through aliases and wildcards alike.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::cluster::body::Size;
use crate::cluster::page::Shards;
use crate::cluster::reader::page;
use crate::cluster::search::leniently;
use crate::cluster::{Cluster, Hit, Path, Request, Result};

/// Ids a request: their answer stays small, for nothing of the documents comes with it.
const LOCATED_AT_ONCE: usize = 1_000;

#[derive(Deserialize)]
struct Located {
    _shards: Shards,
    hits: Places,
}

#[derive(Deserialize)]
struct Places {
    hits: Vec<Place>,
}

#[derive(Deserialize)]
struct Place {
    _index: String,
    _id: String,
}

impl Cluster {
    /// The documents of these ids, in no order; `indices` as in [`Search`](crate::cluster::Search),
    /// leniently. A document that stands in two of the indices comes twice.
    ///
    /// # Errors
    /// Any of a search.
    pub async fn documents(&self, indices: &[&str], ids: &[String]) -> Result<Vec<Hit>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let request = search(indices, ids, json!(true)).returns(Size::Large);
        Ok(page(self, request).await?.hits)
    }

    /// Where the documents of these ids are, as concrete index and id; a document that stands in two
    /// of the indices comes twice. Nothing of the documents themselves is sent.
    ///
    /// # Errors
    /// Any of a search.
    pub async fn locate(&self, indices: &[&str], ids: &[String]) -> Result<Vec<(String, String)>> {
        let mut found = Vec::new();
        for ids in ids.chunks(LOCATED_AT_ONCE) {
            let request = search(indices, ids, json!(false)).returns(Size::Page);
            let what = request.what();
            let answer: Located = self.send(request).await?.parse(&what)?;
            answer._shards.check(&what)?;
            found.extend(answer.hits.hits.into_iter().map(|place| (place._index, place._id)));
        }
        Ok(found)
    }
}

/// Room for each id in each index, so that none is pushed out.
fn search(indices: &[&str], ids: &[String], source: Value) -> Request {
    let size = (ids.len() * indices.len()).min(10_000);
    let body = json!({ "size": size, "_source": source, "query": { "ids": { "values": ids } } });
    leniently(Request::post(Path::indices(indices).then(["_search"])).json(&body))
}

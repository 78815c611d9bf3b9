//! What an index has carried out.

use serde::Deserialize;

use crate::cluster::body::Size;
use crate::cluster::indices::concrete;
use crate::cluster::{Cluster, Request, Result};

/// Writes since the primary shards of an index began where they are now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Operations {
    /// Documents written; one that is written again counts again.
    #[serde(rename = "index_total")]
    pub indexed: u64,
    /// Deletions, of documents that were not there too.
    #[serde(rename = "delete_total")]
    pub deleted: u64,
}

#[derive(Deserialize)]
struct Stats {
    _shards: Answered,
    _all: All,
}

#[derive(Deserialize)]
struct Answered {
    failed: u64,
}

#[derive(Deserialize)]
struct All {
    primaries: Primaries,
}

#[derive(Deserialize)]
struct Primaries {
    indexing: Operations,
}

impl Cluster {
    /// `GET /<index>/_stats/indexing`; `None` where the cluster does not tell, or not of all shards.
    ///
    /// # Errors
    /// A request without an answer, and an answer without counts.
    pub async fn operations(&self, index: &str) -> Result<Option<Operations>> {
        let request = Request::get(concrete(index)?.then(["_stats", "indexing"]))
            .returns(Size::Status)
            .query("filter_path", "_shards.failed,_all.primaries.indexing");
        let what = request.what();
        let answer = match self.send(request).await {
            Err(error) if error.status().is_some() => return Ok(None),
            answer => answer?,
        };
        let stats = answer.parse::<Stats>(&what)?;
        Ok((stats._shards.failed == 0).then_some(stats._all.primaries.indexing))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::cluster::responder::cluster;

    async fn told(status: u16, answer: &str) -> Result<Option<Operations>> {
        let (cluster, _, _) = cluster("9.2.0", vec![(status, "", answer.to_owned())]).await;
        cluster.operations("copy").await
    }

    #[tokio::test]
    async fn only_what_all_shards_tell_counts() {
        let answer = r#"{"_shards":{"failed":0},"_all":{"primaries":{"indexing":{"index_total":3,"index_time_in_millis":7,"delete_total":2}}}}"#;
        let told_of_all = Operations { indexed: 3, deleted: 2 };
        assert_eq!(told(200, answer).await.unwrap(), Some(told_of_all));
        assert_eq!(
            told(200, &answer.replace(r#""failed":0"#, r#""failed":1"#))
                .await
                .unwrap(),
            None
        );
        assert_eq!(
            told(
                403,
                r#"{"error":{"type":"security_exception","reason":"no"},"status":403}"#
            )
            .await
            .unwrap(),
            None
        );
        assert!(told(200, r#"{"_shards":{"failed":0}}"#).await.is_err());
    }
}

//! Input indices that Elasticsearch fills with documents of another cluster: what is copied, and whether that is possible.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::planned::ReindexPlan;
use super::planner::Planner;
use crate::archive::ArchivedQuery;
use crate::cluster::{Cluster, Reindex, Search, Sort};
use crate::commands::import::archive::archived_query;
use crate::error::{Error, Result};
use crate::job::{Datafeed, TargetIndex, is_remote, marked_for_archive, needed_fields, query_reads_runtime_fields};
use crate::util::format::hex;

/// The number of ranges of time. A failed request is repeated, so each must be a small part of a large number of documents.
const RANGES: std::ops::RangeInclusive<u64> = 4..=256;
/// The documents of a range between these limits. Each request takes some time to start.
const RANGE_DOCUMENTS: u64 = 50_000;
/// Documents per page, as in Elasticsearch: a page must fit in 100 MiB.
const PAGE_SIZE: usize = 1_000;

impl<'a> Planner<'a> {
    /// Plans what is copied from the source into the indices.
    pub(super) async fn plan_reindex(
        &mut self,
        source: &Cluster,
        targets: Vec<TargetIndex>,
    ) -> Result<Vec<ReindexPlan>> {
        let datafeed = self.copied_datafeed(&targets)?;
        // The names of all indices might be too long for an address. Indices that were created later belong to a pattern, and
        // `_reindex` does not have the options of the datafeed for patterns.
        let by_pattern = targets.len() == 1 && datafeed.indices_options.is_none();
        let mut plans = Vec::with_capacity(targets.len());
        for index in targets {
            let search = self.search(datafeed, &index, by_pattern);
            let request = Reindex {
                source: source.clone(),
                search,
                index: index.name.to_string(),
                requests_per_second: self.options.reindex_requests_per_second,
            };
            self.cluster.check_reindex(&request).await?;
            let search = &request.search;
            let Some(documents) = source.count_in_indices(search).await? else {
                let (indices, address) = (search.indices.join(", "), source.address());
                let message = format!("cannot copy the input documents: no index matches {indices} on {address}");
                return Err(Error::failed(message, "check --inputs-from"));
            };
            let most = (documents / RANGE_DOCUMENTS).clamp(*RANGES.start(), *RANGES.end());
            let ranges = source.time_ranges(search, documents, most).await?;
            let (settings, mapping) = (&index.body["settings"], &index.body["mappings"]["properties"]);
            let copied = json!([source.identity.uuid, search.query, search.fields, settings, mapping]);
            let hash = hex(&Sha256::digest(copied.to_string()));
            let exists = self.find_incomplete(&index, &hash).await?;
            plans.push(ReindexPlan {
                index,
                request,
                ranges,
                hash,
                exists,
            });
        }
        Ok(plans)
    }

    /// The datafeed, whose documents are copied. Fails if they cannot be, or if there is no mapping for them.
    fn copied_datafeed(&self, targets: &[TargetIndex]) -> Result<&'a Datafeed> {
        let (archive, config) = (self.archive, &self.archive.config);
        let refused = |why: &str| {
            let hint = "export the job again; with --include-inputs, the archive contains the documents";
            Err(Error::refused(format!("cannot copy the input documents: {why}"), hint))
        };
        let Some(datafeed) = config.datafeed().filter(|_| !targets.is_empty()) else {
            return refused(
                "the archive does not contain their mapping; exports contain it if the job has a datafeed, and the user the \
                 privilege `view_index_metadata` on its indices",
            );
        };
        if archived_query(archive) != ArchivedQuery::Original {
            refused("the archive is pseudonymized, and does not contain the query of the datafeed")
        } else if datafeed.indices.iter().any(|index| is_remote(index)) {
            refused("the datafeed reads remote clusters")
        } else if query_reads_runtime_fields(datafeed, config.time_field()) {
            refused("`_reindex` does not support the runtime fields in the query of the datafeed")
        } else {
            Ok(datafeed)
        }
    }

    /// The documents that an export would include.
    fn search(&self, datafeed: &Datafeed, index: &TargetIndex, by_pattern: bool) -> Search {
        let config = &self.archive.config;
        let has_time = json!({ "exists": { "field": config.time_field() } });
        let query = json!({ "bool": { "filter": [datafeed.query, has_time] } });
        let fields = needed_fields(config, &self.archive.contents.mappings, &[]).fields;
        let indices = match by_pattern {
            true => datafeed.indices.clone(),
            false => index.sources.iter().cloned().collect(),
        };
        Search {
            indices,
            lenient: false,
            fields: Some(fields.into_iter().collect()),
            sort: Sort::Ascending(config.time_field().to_owned()),
            page_size: PAGE_SIZE,
            ..Search::lenient([], query)
        }
    }

    /// Whether the index of an interrupted import exists. Any other index of this name is a conflict.
    async fn find_incomplete(&mut self, index: &TargetIndex, hash: &str) -> Result<bool> {
        let name = index.name.as_str();
        let existing = self.cluster.index_definitions(&[name.to_owned()]).await?;
        let is_ours = |found: &Value| marked_for_archive(&found["mappings"], hash);
        let exists = existing.get(name).is_some_and(is_ours);
        if !exists && !existing.is_empty() {
            self.conflict(
                format!("index {name} already exists, and was not created for these input documents"),
                format!("choose another name with --input-index, or delete the index: `DELETE /{name}`"),
            );
        }
        Ok(exists)
    }
}

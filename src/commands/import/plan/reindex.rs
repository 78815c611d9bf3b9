//! Input indices that Elasticsearch fills with documents of another cluster: what is copied, and whether that is possible.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::planned::ReindexPlan;
use super::planner::Planner;
use crate::archive::{MAX_INDICES, Manifest};
use crate::cluster::{Cluster, Reindex, Search, Sort};
use crate::error::{Error, Result};
use crate::job::{
    Datafeed, ReindexMark, TargetIndex, is_remote, matches_wildcard, needed_fields, query_reads_runtime_fields,
};
use crate::util::format::{first_names, hex};

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
        let whole = self.search(datafeed);
        if source.count_in_indices(&whole).await?.is_none() {
            let (indices, address) = (datafeed.indices.join(", "), source.address());
            let message = format!("cannot copy the input documents: no index matches {indices} on {address}");
            let hint = "check that the source is the cluster of the datafeed";
            return Err(Error::failed(message, hint));
        }
        let found = source.indices_of(&whole, MAX_INDICES).await?;
        self.note_differences(datafeed, found, &targets);
        if source.http.options.credential.is_some() {
            self.note("the target receives the source's credential to read the input documents");
        }
        let mut plans = Vec::with_capacity(targets.len());
        for index in targets {
            let name = index.name.as_str();
            if source.is_same(self.cluster) && datafeed.indices.iter().any(|read| matches_wildcard(read, name)) {
                self.conflict(
                    format!("the source is the same cluster, and the datafeed of the archive would read index {name}"),
                    "choose another name with --input-index",
                );
            }
            let mut search = whole.clone();
            // Not their names as the indices of the search: the aliases of the datafeed may have filters.
            let of_sources = json!({ "terms": { "_index": index.sources } });
            search.query = json!({ "bool": { "filter": [search.query, of_sources] } });
            let request = Reindex {
                source: source.clone(),
                search,
                alias: index.name.to_string(),
                requests_per_second: self.options.reindex_requests_per_second,
            };
            self.cluster.check_reindex(&request).await?;
            let search = &request.search;
            let documents = source.count(search).await?;
            let most = (documents / RANGE_DOCUMENTS).clamp(*RANGES.start(), *RANGES.end());
            let ranges = source.time_ranges(search, documents, most).await?;
            let (settings, mapping) = (&index.body["settings"], &index.body["mappings"]["properties"]);
            let uuid = Some(source.identity.uuid.as_str()).filter(|uuid| !uuid.is_empty());
            let (job, cluster) = (self.job, uuid.unwrap_or(source.address()));
            let Search {
                indices, query, fields, ..
            } = search;
            let copied = json!([job, cluster, indices, query, fields, settings, mapping]);
            let hash = hex(&Sha256::digest(copied.to_string()));
            let existing = self.cluster.index_definitions(&[index.name.to_string()]).await?;
            let found = existing.get(index.name.as_str());
            let mark = found.and_then(|found| ReindexMark::find(&found["mappings"], self.job, &hash));
            let replaces = mark.is_none() && self.check_name(&index.name, &existing);
            plans.push(ReindexPlan {
                index,
                request,
                documents,
                ranges,
                hash,
                mark,
                replaces,
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
        let manifest = archive.contents.manifest.as_ref();
        if manifest.is_some_and(Manifest::is_pseudonymized) {
            return refused("the archive is pseudonymized, and the source contains the original values");
        }
        let Some(datafeed) = config.datafeed().filter(|_| !targets.is_empty()) else {
            return refused(
                "the archive does not contain their mapping. An export contains the mapping if the job has a datafeed and the \
                 user has the privilege `view_index_metadata` on its indices",
            );
        };
        if datafeed.indices.iter().any(|index| is_remote(index)) {
            refused("the datafeed reads remote clusters")
        } else if query_reads_runtime_fields(datafeed, config.time_field()) {
            refused("`_reindex` does not support the runtime fields in the query of the datafeed")
        } else {
            Ok(datafeed)
        }
    }

    /// Notes what the copy does differently from the datafeed, which reads the documents of these indices.
    fn note_differences(&mut self, datafeed: &Datafeed, mut found: Vec<String>, targets: &[TargetIndex]) {
        let is_known = |name: &String| targets.iter().any(|target| target.sources.contains(name));
        found.retain(|name| !is_known(name));
        if !found.is_empty() {
            let new = first_names(&found);
            self.note(format!(
                "the documents of {new} are not copied: the archive does not contain the mapping of these indices"
            ));
        }
        if !datafeed.indices_parameters().is_empty() {
            self.note("`_reindex` ignores the `indices_options` of the datafeed: the import fails if it copies other documents");
        }
    }

    /// The documents that an export would include.
    fn search(&self, datafeed: &Datafeed) -> Search {
        let config = &self.archive.config;
        let has_time = json!({ "exists": { "field": config.time_field() } });
        let query = json!({ "bool": { "filter": [datafeed.query, has_time] } });
        let fields = needed_fields(config, &self.archive.contents.mappings, &[]).fields;
        Search {
            indices: datafeed.indices.clone(),
            lenient: false,
            indices_options: datafeed.indices_parameters(),
            fields: Some(fields.into_iter().collect()),
            sort: Sort::Ascending(config.time_field().to_owned()),
            page_size: PAGE_SIZE,
            ..Search::lenient([], query)
        }
    }
}

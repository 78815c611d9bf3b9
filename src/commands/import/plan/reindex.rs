//! Input indices that Elasticsearch fills with documents of another cluster: what is copied, and whether that is possible.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::planned::ReindexPlan;
use super::planner::Planner;
use crate::archive::Manifest;
use crate::cluster::{Cluster, Reindex, Search, Sort};
use crate::error::{Error, Result};
use crate::job::{
    Datafeed, ReindexMark, TargetIndex, is_remote, matches_wildcard, needed_fields, query_reads_runtime_fields,
};
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
        if !by_pattern {
            self.refuse_new_indices(source, datafeed, &targets).await?;
        }
        self.note_credential(source);
        let mut plans = Vec::with_capacity(targets.len());
        for index in targets {
            let name = index.name.as_str();
            if source.is_same(self.cluster) && datafeed.indices.iter().any(|read| matches_wildcard(read, name)) {
                self.conflict(
                    format!("the source is the same cluster, and the datafeed of the archive would read index {name}"),
                    "choose another name with --input-index",
                );
            }
            let search = self.search(datafeed, &index, by_pattern);
            let request = Reindex {
                source: source.clone(),
                search,
                alias: index.name.to_string(),
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
            let copied = json!([
                self.job,
                source.identity.uuid,
                search.query,
                search.fields,
                settings,
                mapping
            ]);
            let hash = hex(&Sha256::digest(copied.to_string()));
            let mark = self.find_marked(&index, &hash).await?;
            plans.push(ReindexPlan {
                index,
                request,
                documents,
                ranges,
                hash,
                mark,
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
                "the archive does not contain their mapping. An export contains the mapping if the job has a datafeed and the \
                 user has the privilege `view_index_metadata` on its indices",
            );
        };
        if archive
            .contents
            .manifest
            .as_ref()
            .is_some_and(Manifest::is_pseudonymized)
        {
            refused("the archive is pseudonymized, and the source contains the original values")
        } else if datafeed.indices.iter().any(|index| is_remote(index)) {
            refused("the datafeed reads remote clusters")
        } else if query_reads_runtime_fields(datafeed, config.time_field()) {
            refused("`_reindex` does not support the runtime fields in the query of the datafeed")
        } else {
            Ok(datafeed)
        }
    }

    /// Without a pattern, only the indices of the archive are copied, and the datafeed may read others by now.
    async fn refuse_new_indices(
        &mut self,
        source: &Cluster,
        datafeed: &Datafeed,
        targets: &[TargetIndex],
    ) -> Result<()> {
        let found = source.index_definitions(&datafeed.indices).await?;
        let is_known = |name: &str| targets.iter().any(|target| target.sources.contains(name));
        let new: Vec<&str> = found
            .keys()
            .map(String::as_str)
            .filter(|name| !is_known(name))
            .collect();
        if !new.is_empty() {
            self.conflict(
                format!(
                    "the archive does not contain the mapping of {} on the source",
                    new.join(", ")
                ),
                "the indices of the datafeed changed since the export: export the job again",
            );
        }
        Ok(())
    }

    /// The target needs the credential to search the source.
    fn note_credential(&mut self, source: &Cluster) {
        if source.http.options.credential.is_none() {
            return;
        }
        self.note("the target receives the source's credential to read the input documents");
        if self.cluster.http.sends_in_clear() {
            let address = self.cluster.address();
            self.note(format!(
                "others on the network may read the source's credential: {address} does not use TLS"
            ));
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

    /// The mark of the index, if an earlier import of this job created it and no other job reads it. Any other index of this
    /// name is a conflict.
    async fn find_marked(&mut self, index: &TargetIndex, hash: &str) -> Result<Option<ReindexMark>> {
        let name = index.name.as_str();
        let existing = self.cluster.index_definitions(&[name.to_owned()]).await?;
        let found = existing.get(name);
        let mark = found.and_then(|found| ReindexMark::find(&found["mappings"], self.job, hash));
        let another = "choose another name with --input-index";
        if mark.is_none() && !existing.is_empty() {
            self.conflict(
                format!("index {name} already exists, and was not created for these input documents"),
                another,
            );
        }
        if mark.is_some()
            && let Some(datafeed) = self.find_reader(name).await?
        {
            self.conflict(
                format!("index {name} already exists, and datafeed {datafeed} reads it"),
                another,
            );
        }
        Ok(mark)
    }

    /// A datafeed of another job that reads the index.
    async fn find_reader(&self, index: &str) -> Result<Option<String>> {
        let datafeeds = self.cluster.datafeeds().await?;
        let reader = datafeeds.iter().find(|datafeed| {
            let read = datafeed["indices"].as_array().into_iter().flatten();
            let mut read = read.filter_map(Value::as_str);
            datafeed["job_id"] != self.job.as_str() && read.any(|pattern| matches_wildcard(pattern, index))
        });
        Ok(reader.map(|datafeed| datafeed["datafeed_id"].as_str().unwrap_or_default().to_owned()))
    }
}

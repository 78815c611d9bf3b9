//! Input indices that Elasticsearch fills with documents of another cluster: what is copied, and whether that is possible.

use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::planned::{HEARTBEAT, ReindexPlan};
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
/// An import that missed so many heartbeats is presumed dead.
const MISSED_HEARTBEATS: u32 = 3;
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
        // The names of all indices might be too long for an address. Indices that were created later belong to a pattern, and
        // `_reindex` does not have the options of the datafeed for patterns.
        let by_pattern = targets.len() == 1 && datafeed.indices_options.is_none();
        let found = match by_pattern {
            true => Vec::new(),
            false => source.indices_of(&whole, MAX_INDICES).await?,
        };
        self.refuse_new_indices(&found, &targets);
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
            let mut search = whole.clone();
            if !by_pattern {
                search.indices = found
                    .iter()
                    .filter(|name| index.sources.contains(*name))
                    .cloned()
                    .collect();
                search.indices_options.clear();
            }
            if search.indices.is_empty() {
                continue;
            }
            let request = Reindex {
                source: source.clone(),
                search,
                alias: index.name.to_string(),
                requests_per_second: self.options.reindex_requests_per_second,
            };
            self.cluster.check_reindex(&request).await?;
            let search = &request.search;
            let Some(documents) = source.count_in_indices(search).await? else {
                break;
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
        if plans.is_empty() {
            let (indices, address) = (datafeed.indices.join(", "), source.address());
            let message = format!("cannot copy the input documents: no index matches {indices} on {address}");
            return Err(Error::failed(message, "check --inputs-from"));
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

    /// Only the indices of the archive are copied, and the datafeed may read others by now.
    fn refuse_new_indices(&mut self, found: &[String], targets: &[TargetIndex]) {
        let is_known = |name: &String| targets.iter().any(|target| target.sources.contains(name));
        let new: Vec<String> = found.iter().filter(|name| !is_known(name)).cloned().collect();
        if !new.is_empty() {
            let new = first_names(&new);
            self.conflict(
                format!("the archive does not contain the mapping of {new} on the source"),
                "the indices of the datafeed changed since the export: export the job again",
            );
        }
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

    /// The mark of the index, if an earlier import of this job created it, and neither another import nor another job uses it.
    /// Any other index of this name is a conflict.
    async fn find_marked(&mut self, index: &TargetIndex, hash: &str) -> Result<Option<ReindexMark>> {
        let (name, another) = (index.name.as_str(), "choose another name with --input-index");
        let existing = self.cluster.index_definitions(&[name.to_owned()]).await?;
        let find = |found: &Value| ReindexMark::find(&found["mappings"], self.job, hash);
        let Some(mark) = existing.get(name).and_then(find) else {
            if !existing.is_empty() {
                let message = format!("index {name} already exists, and was not created for these input documents");
                self.conflict(message, another);
            }
            return Ok(None);
        };
        if let Some(datafeed) = self.find_reader(name).await? {
            self.conflict(
                format!("index {name} already exists, and datafeed {datafeed} reads it"),
                another,
            );
        }
        if self.is_alive(name, &mark).await? {
            self.conflict(
                format!("another import copies input documents to index {name}"),
                "wait until it has ended, and run the command again",
            );
        }
        Ok(Some(mark))
    }

    /// Whether the import that fills an index still runs. This takes some time if it was killed.
    async fn is_alive(&self, name: &str, mark: &ReindexMark) -> Result<bool> {
        if mark.heartbeat == 0 {
            return Ok(false);
        }
        let wait = HEARTBEAT * MISSED_HEARTBEATS;
        let text = format!(
            "an earlier import was killed or still copies documents to index {name}: waiting up to {} s",
            wait.as_secs()
        );
        self.terminal.note(&text, wait);
        for _ in 0..wait.as_secs() {
            self.cluster.clock().pause(Duration::from_secs(1)).await;
            let found = self.cluster.index_definitions(&[name.to_owned()]).await?;
            if found
                .get(name)
                .and_then(|found| ReindexMark::find(&found["mappings"], self.job, &mark.hash))
                .as_ref()
                != Some(mark)
            {
                return Ok(true);
            }
        }
        Ok(false)
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

//! The input indices, and what the datafeed reads.
//!
//! The query of a datafeed may not select the archived input documents: in a pseudonymized archive, it may have been
//! replaced, or read fields that the documents do not have. Any query may have clauses on metadata, which are different in
//! an input index.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::planned::TargetPlan;
use super::planner::Planner;
use crate::archive::{ArchivedQuery, Part};
use crate::cluster::Search;
use crate::commands::compatibility::{MissingPart, missing_parts};
use crate::commands::import::archive::archived_query;
use crate::commands::import::privileges::{existing_indices, imports_inputs};
use crate::error::Result;
use crate::job::{
    FieldReader, IndexName, IndexPattern, JobConfig, PortableJob, PortableOptions, TargetIndex, fields_read_by,
    is_remote, marked_as_ours, needed_fields, scripts_of, without_query,
};
use crate::util::similar::did_you_mean;

fn join<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    names.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

impl<'a> Planner<'a> {
    /// Reports what the archive does not contain, and input documents that are not imported.
    pub(super) fn note_missing_parts(&mut self) {
        let (contents, skipped) = (&self.archive.contents, self.options.skips_inputs());
        for MissingPart { what, mut consequence } in missing_parts(contents) {
            let noted = match what {
                "categorizer_state" | "data_counts" => true,
                "input_mapping" | "remote_clusters" => !skipped,
                _ => false,
            };
            if noted && let Some(first) = consequence.get_mut(..1) {
                first.make_ascii_lowercase();
                self.note(format!("missing from the archive: {consequence}"));
            }
        }
        let documents = contents.count(Part::Inputs);
        if skipped && documents > 0 {
            self.note(format!("{documents} input documents of the archive are not imported"));
        }
    }

    /// Checks whether the names of the input indices are available.
    pub(super) async fn check_targets(&mut self, targets: Vec<TargetIndex>) -> Result<Vec<TargetPlan>> {
        let mut plans = Vec::with_capacity(targets.len());
        for index in targets {
            let existing = self.cluster.index_definitions(&[index.name.to_string()]).await?;
            let replaces = self.check_name(&index.name, &existing);
            plans.push(TargetPlan { index, replaces });
        }
        Ok(plans)
    }

    /// Whether the index with this name is replaced, because an earlier import of this job created it. Others are conflicts.
    pub(super) fn check_name(&mut self, name: &IndexName, existing: &Map<String, Value>) -> bool {
        let is_ours = |(found, definition): (&String, &Value)| {
            found == name.as_str() && marked_as_ours(&definition["mappings"], self.job)
        };
        let replaces = !existing.is_empty() && existing.iter().all(is_ours);
        if !existing.is_empty() && !replaces {
            let hint = match self.options.inputs_from {
                Some(_) => "choose another name with --input-index",
                None => "choose another name with --input-index, or skip the input documents with --skip-inputs",
            };
            self.conflict(
                format!("index {name} already exists and was not created by an import of this job"),
                hint,
            );
        } else if replaces && !self.options.replace {
            self.conflict(
                format!("input index {name}, created by an earlier import, already exists"),
                "replace it with --replace, or choose another name with --input-index",
            );
        }
        replaces
    }

    /// Reports indices of the datafeed that do not exist.
    pub(super) async fn check_datafeed_indices(&mut self) -> Result<()> {
        for name in existing_indices(self.options, self.archive) {
            // Exclusions, and indices of remote clusters, which may not be connected yet.
            if name.starts_with('-') || is_remote(&name) {
                continue;
            }
            let search = Search::lenient([name.as_str()], json!({"match_none": {}}));
            if self.cluster.count_in_indices(&search).await?.is_none() {
                let indices = self.cluster.index_names().await?;
                let similar = did_you_mean(&name, indices.iter().map(String::as_str));
                self.note(format!(
                    "the datafeed will not find documents: no index matches {name}{similar}"
                ));
            }
        }
        Ok(())
    }

    /// Job and datafeed as they are created; the datafeed reads the input indices, if there are any.
    pub(super) fn portable_job(&mut self, inputs: &[&str]) -> Result<PortableJob> {
        let indices: Vec<&str> = match self.options.datafeed_indices.as_slice() {
            [] => inputs.to_vec(),
            indices => indices.iter().map(IndexPattern::as_str).collect(),
        };
        let indices = Some(indices.as_slice()).filter(|indices| !indices.is_empty());
        let analyzer = self.categorization_analyzer();
        let config = self.config()?;
        let options = PortableOptions {
            id: self.job,
            datafeed_indices: indices,
            model_memory_limit: self.options.model_memory_limit.as_deref(),
            categorization_analyzer: analyzer.as_ref(),
        };
        let mut portable = PortableJob::of(&config, &options)?;
        if self.options.start_datafeed && portable.datafeed.is_none() {
            self.note("no datafeed is started: the archive does not have one");
        }
        if self.options.skip.datafeed {
            portable.datafeed = None;
        } else if let Some(datafeed) = config.datafeed() {
            if indices.is_none() {
                let names = datafeed.indices.join(", ");
                self.note(format!("the datafeed reads its original indices: {names}"));
                let remote = join(datafeed.indices.iter().filter(|index| is_remote(index)));
                if !remote.is_empty() {
                    self.note(format!("the datafeed reads remote clusters: {remote}"));
                }
            }
            // The author of the archive controls these scripts, and the cluster runs them.
            let scripts = scripts_of(datafeed).join(", ");
            if !scripts.is_empty() {
                self.note(format!("the datafeed runs scripts from the archive: {scripts}"));
            }
        }
        Ok(portable)
    }

    /// The configuration that is imported. A query that reads fields which the imported documents do not have, or metadata
    /// that the import changes, becomes `match_all`: all archived documents matched the query when they were exported.
    fn config(&mut self) -> Result<Cow<'a, JobConfig>> {
        let (archive, imports_inputs) = (self.archive, imports_inputs(self.options, self.archive));
        let datafeed = archive.config.datafeed().filter(|_| !self.options.skip.datafeed);
        let Some(datafeed) = datafeed.filter(|_| imports_inputs) else {
            return Ok(Cow::Borrowed(&archive.config));
        };
        let query = FieldReader::Query(&datafeed.query);
        let read = fields_read_by(query, datafeed.runtime_mappings.as_ref(), &archive.contents.mappings);
        let why = match archived_query(archive) {
            ArchivedQuery::WithoutFields => Some("they do not include the fields that it reads".to_owned()),
            _ if read.index_dependent.is_empty() => None,
            _ => Some(format!(
                "its clauses on {} would select different documents here; the archive keeps the original query",
                join(&read.index_dependent)
            )),
        };
        let config = match why {
            None => Cow::Borrowed(&archive.config),
            Some(why) => {
                self.note(format!(
                    "`match_all` replaces the query of the datafeed: the archived input documents already match it, and {why}"
                ));
                Cow::Owned(without_query(&archive.config)?)
            }
        };
        let read = needed_fields(&without_query(&config)?, &archive.contents.mappings, &[]);
        if !read.index_dependent.is_empty() {
            self.note(format!(
                "the job may read other values than it learned: it uses {}, which the import changes",
                join(&read.index_dependent)
            ));
        }
        Ok(config)
    }
}

//! The indices for inputs, what the datafeed reads, and the privileges that both need.
//!
//! A query of a datafeed may not select the archived input documents: that of a pseudonymized archive may have been
//! replaced, or may read fields that the documents do not have; any query may have clauses on metadata, which differs in
//! the index of an import.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::planner::{Planner, TargetPlan};
use crate::archive::{ArchivedQuery, CheckedArchive, EntryKind, Part};
use crate::cluster::RequiredPrivileges;
use crate::commands::import::options::ImportOptions;
use crate::error::{Error, Result};
use crate::job::{
    FieldReader, IndexName, IndexPattern, JobConfig, PortableJob, PortableOptions, TargetIndex, fields_read_by,
    is_remote, loading_alias, marked_as_ours, scripts_of, target_indices, values_of_index, without_query,
};

const ML_INDICES: [&str; 4] = [
    ".ml-state*",
    ".ml-anomalies-*",
    ".ml-annotations*",
    ".ml-notifications*",
];
const ON_ML: [&str; 4] = ["read", "write", "maintenance", "view_index_metadata"];
/// For the indices of inputs, besides.
const ON_INPUTS: [&str; 3] = ["create_index", "manage", "delete_index"];

/// The indices that the inputs need.
pub(in crate::commands::import) fn input_targets(
    options: &ImportOptions,
    archive: &CheckedArchive,
    time_format: &'static str,
) -> Result<Vec<TargetIndex>> {
    if !imports_inputs(options, archive) {
        return Ok(Vec::new());
    }
    let job = options.rename.as_ref().unwrap_or_else(|| archive.job());
    let base = options.input_index.clone().unwrap_or_else(|| IndexName::inputs_of(job));
    let sources = &archive.contents.input_indices;
    let targets = target_indices(
        &archive.contents.mappings,
        sources,
        &base,
        job,
        &archive.config,
        time_format,
    );
    Ok(targets?)
}

/// What the import needs. A datafeed reads with the privileges of the user who creates it, and Elasticsearch refuses to
/// create one that could not read: without this check that would be the last step, after an import with `--replace` has
/// deleted what existed.
pub(in crate::commands::import) fn required_privileges(
    options: &ImportOptions,
    archive: &CheckedArchive,
    targets: &[TargetIndex],
) -> RequiredPrivileges {
    let mut indices = vec![(ML_INDICES.map(str::to_owned).to_vec(), ON_ML.to_vec())];
    if !targets.is_empty() {
        // The index, and the alias that it is loaded through.
        let names = targets.iter().map(|target| &target.name);
        let names = names.flat_map(|name| [name.to_string(), loading_alias(name, "*")]);
        indices.push((names.collect(), [&ON_ML[..], &ON_INPUTS].concat()));
    }
    // As the datafeed names them, indices of other clusters and exclusions too: so Elasticsearch checks them.
    let read = match archive.config.datafeed().filter(|_| !options.skip.datafeed) {
        None => Vec::new(),
        Some(_) if !options.datafeed_indices.is_empty() => {
            options.datafeed_indices.iter().map(ToString::to_string).collect()
        }
        Some(datafeed) if targets.is_empty() => datafeed.indices.clone(),
        Some(_) => Vec::new(),
    };
    indices.push((read, vec!["read"]));
    RequiredPrivileges {
        cluster: vec!["monitor", "manage_ml"],
        indices,
    }
}

/// Refuses a datafeed whose query was replaced where it would read other documents than the archived ones.
pub(in crate::commands::import) fn refuse_replaced_query(
    options: &ImportOptions,
    archive: &CheckedArchive,
) -> Result<()> {
    let replaced = archived_query(archive) == ArchivedQuery::Replaced;
    let has_datafeed = archive.config.datafeed().is_some();
    if !replaced || options.skip.datafeed || !has_datafeed || imports_inputs(options, archive) {
        return Ok(());
    }
    Err(Error::refused(
        "the datafeed of this pseudonymized archive has `match_all` in place of its query: it selects the documents of \
         the job in the archived input documents only",
        "import the datafeed without --skip-inputs and --datafeed-index, or leave it out with --skip-datafeed",
    ))
}

fn archived_query(archive: &CheckedArchive) -> ArchivedQuery {
    let manifest = archive.contents.manifest.as_ref();
    manifest.map(|manifest| manifest.datafeed_query()).unwrap_or_default()
}

fn imports_inputs(options: &ImportOptions, archive: &CheckedArchive) -> bool {
    !options.skips_inputs() && archive.contents.count(Part::Inputs) > 0
}

fn join<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    names.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

impl<'a> Planner<'a> {
    /// Reports input documents that the archive does not have, or that are not imported.
    pub(super) fn note_inputs(&mut self) {
        let skipped = self.options.skips_inputs();
        let contents = &self.archive.contents;
        let manifest = contents.manifest.as_ref().filter(|_| !skipped);
        let missing = join(manifest.into_iter().flat_map(|manifest| &manifest.incomplete_clusters));
        if !missing.is_empty() {
            self.note(format!(
                "input documents of remote clusters are missing from the archive: {missing}"
            ));
        }
        match contents.count(Part::Inputs) {
            0 => {}
            documents if skipped => self.note(format!("{documents} inputs of the archive are left out")),
            _ if !contents.texts.contains_key(&EntryKind::InputMapping) => {
                self.note("the archive has no mapping of the inputs: field types are told from the job and the data");
            }
            _ => {}
        }
    }

    /// Whether the names of the indices are free.
    pub(super) async fn check_targets(&mut self, targets: Vec<TargetIndex>) -> Result<Vec<TargetPlan>> {
        let mut plans = Vec::with_capacity(targets.len());
        for index in targets {
            let name = index.name.as_str();
            let existing = self.cluster.index_definitions(&[name.to_owned()]).await?;
            let is_ours = |(found, definition): (&String, &serde_json::Value)| {
                found == name && marked_as_ours(&definition["mappings"], self.job)
            };
            let replaces = !existing.is_empty() && existing.iter().all(is_ours);
            if !existing.is_empty() && !replaces {
                self.conflict(
                    format!("index {name} exists and was not made by an import of this job"),
                    "name another with --input-index, or leave the inputs out with --skip-inputs",
                );
            } else if replaces && !self.options.replace {
                self.conflict(
                    format!("input index {name} of an earlier import exists"),
                    "replace it with --replace, or name another with --input-index",
                );
            }
            plans.push(TargetPlan { index, replaces });
        }
        Ok(plans)
    }

    /// Job and datafeed as they are created; the datafeed reads the indices for inputs, if there are any.
    pub(super) fn portable_job(&mut self, targets: &[TargetPlan]) -> Result<PortableJob> {
        let names = targets.iter().map(|target| target.index.name.clone().into());
        let names: Vec<IndexPattern> = names.collect();
        let indices = match self.options.datafeed_indices.as_slice() {
            [] if names.is_empty() => None,
            [] => Some(names.as_slice()),
            indices => Some(indices),
        };
        let analyzer = self.categorization_analyzer();
        let config = self.config()?;
        let mut portable = PortableJob::of(
            &config,
            &PortableOptions {
                id: self.job,
                datafeed_indices: indices,
                model_memory_limit: self.options.model_memory_limit.as_deref(),
                categorization_analyzer: analyzer.as_ref(),
            },
        )?;
        if self.options.skip.datafeed {
            portable.datafeed = None;
        } else if let Some(datafeed) = config.datafeed() {
            if indices.is_none() {
                self.note(format!("the datafeed keeps reading {}", datafeed.indices.join(", ")));
                let remote = join(datafeed.indices.iter().filter(|index| is_remote(index)));
                if !remote.is_empty() {
                    self.note(format!("the datafeed reads remote clusters: {remote}"));
                }
            }
            // Whoever wrote the archive wrote them, and the cluster runs them.
            let scripts = scripts_of(datafeed);
            if !scripts.is_empty() {
                self.note(format!(
                    "the datafeed runs scripts of the archive: {}",
                    scripts.join(", ")
                ));
            }
        }
        Ok(portable)
    }

    /// The configuration that is imported: a query that reads fields which the imported documents do not have, or metadata
    /// that the import changes, becomes `match_all`, since all archived documents matched it when they were exported.
    fn config(&mut self) -> Result<Cow<'a, JobConfig>> {
        let (archive, imports_inputs) = (self.archive, imports_inputs(self.options, self.archive));
        let datafeed = archive.config.datafeed().filter(|_| !self.options.skip.datafeed);
        let Some(datafeed) = datafeed.filter(|_| imports_inputs) else {
            return Ok(Cow::Borrowed(&archive.config));
        };
        let query = FieldReader::Query(&datafeed.query);
        let read = fields_read_by(query, datafeed.runtime_mappings.as_ref(), &archive.contents.mappings);
        let why = match archived_query(archive) {
            ArchivedQuery::WithoutFields => Some("the fields that it reads were left out of them".to_owned()),
            _ if read.index_dependent.is_empty() => None,
            _ => Some(format!(
                "its clauses on {} would select other documents here; the original query stays in the archive",
                join(&read.index_dependent)
            )),
        };
        let config = match why {
            None => Cow::Borrowed(&archive.config),
            Some(why) => {
                self.note(format!(
                    "the datafeed gets `match_all` in place of its query: the input documents match the query already, \
                     and {why}"
                ));
                Cow::Owned(without_query(&archive.config)?)
            }
        };
        let index_dependent: BTreeSet<String> = values_of_index(&config, &archive.contents.mappings);
        if !index_dependent.is_empty() {
            self.note(format!(
                "the job could see other values than it learned: it reads {}, which the imported documents have anew",
                join(&index_dependent)
            ));
        }
        Ok(config)
    }
}

//! The documents of an export, which are found and counted before anything is written.

use serde_json::{Number, json};
use sha2::{Digest, Sha256};

use super::documents::{self, SearchedDocuments};
use super::inputs::{self, Inputs};
use super::plan::{self, Export};
use super::results::Results;
use crate::archive::FORMAT_VERSION;
use crate::error::Result;
use crate::job::InputMappings;
use crate::util::format::hex;

/// Changes if the fingerprint is computed from other data.
const VERSION: u32 = 3;

/// The memory of a model in bytes, up to which its state has a few MiB at most. A new model has about 20 MiB.
const SMALL_MODEL: u64 = 32 << 20;

/// The documents of an export, which were found and counted.
pub(super) struct Counted<'a> {
    pub(super) export: &'a Export<'a>,
    pub(super) inputs: Option<Inputs<'a>>,
    /// For an archive without input documents.
    pub(super) mappings: InputMappings,
    pub(super) searched: [SearchedDocuments; 3],
    /// For the manifest of a backup.
    pub(super) fingerprint: Option<String>,
    pub(super) results: Option<Results<'a>>,
    /// The number of readers of its documents.
    pub(super) readers: usize,
}

impl<'a> Counted<'a> {
    /// Checks the privileges and counts.
    pub(super) async fn of(export: &'a Export<'a>) -> Result<Self> {
        let _stage = export.session.stage("Counting documents", None);
        let privileges = plan::required_privileges(Some(export));
        export.session.require_privileges(&privileges).await?;
        let inputs = Inputs::find(export).await?;
        let mappings = inputs::mappings_without_documents(export).await;
        let searched = documents::find(export).await?;
        let results = Box::pin(Results::find(export)).await?;
        let mut counted = Self {
            export,
            inputs,
            mappings,
            searched,
            fingerprint: None,
            results,
            readers: 1,
        };
        if !counted.is_small() {
            counted.readers = export.options.source.slices;
        }
        if export.options.skip_unchanged {
            counted.fingerprint = counted.fingerprint().await?;
        }
        Ok(counted)
    }

    /// Whether one reader is enough, and each part needs little memory.
    fn is_small(&self) -> bool {
        let Export { snapshot, options, .. } = self.export;
        let model = snapshot.model_bytes.as_ref().and_then(Number::as_u64);
        let searched = self.searched.iter().map(|searched| searched.count);
        let results = self.results.iter().map(|results| results.documents);
        let inputs = self.inputs.iter().map(|inputs| inputs.documents);
        snapshot.state_documents <= 1
            && model.is_some_and(|bytes| bytes <= SMALL_MODEL)
            && searched
                .chain(results)
                .chain(inputs)
                .all(|documents| documents <= options.source.page_size as u64)
    }

    /// A hash of everything that determines the content of the archive; `None` if the cluster cannot aggregate `_seq_no`, which
    /// changes with every write of a document.
    async fn fingerprint(&self) -> Result<Option<String>> {
        let (export, cluster) = (self.export, self.export.cluster());
        let job = &export.job;
        let mut documents = Vec::new();
        let searched = self.searched.iter().filter(|searched| searched.count > 0);
        let results = self.results.iter().flat_map(Results::searches);
        for search in searched.map(|searched| &searched.search).chain(results) {
            match cluster.revisions(search).await? {
                Some(revisions) => documents.push(revisions),
                None => return Ok(None),
            }
        }
        let mut filters = Vec::new();
        for id in job.filters() {
            filters.push(cluster.filter(id).await?);
        }
        let content = json!({
            "versions": [VERSION, FORMAT_VERSION],
            "options": export.options.source.for_manifest(),
            "config": job.text.get(),
            "snapshot": String::from_utf8_lossy(&export.snapshot_document.source),
            "documents": documents,
            "inputs": self.inputs.as_ref().map(|inputs| inputs.documents),
            "filters": filters,
            "calendars": cluster.calendars_of(job.id(), &job.groups).await?,
        });
        Ok(Some(hex(&Sha256::digest(content.to_string()))))
    }
}

//! The documents of an export, which are found and counted before anything is written.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::documents::{self, SearchedDocuments};
use super::inputs::Inputs;
use super::plan::{self, Export};
use super::results::Results;
use crate::archive::FORMAT_VERSION;
use crate::error::Result;
use crate::util::format::hex;

/// Changes if the fingerprint is computed from other data.
const VERSION: u32 = 1;

/// The documents of an export, which were found and counted.
pub(super) struct Counted<'a> {
    pub(super) export: &'a Export<'a>,
    pub(super) inputs: Option<Inputs<'a>>,
    pub(super) searched: [SearchedDocuments; 3],
    /// For the manifest of a backup.
    pub(super) fingerprint: Option<String>,
    pub(super) results: Option<Results<'a>>,
}

impl<'a> Counted<'a> {
    /// Checks the privileges and counts.
    pub(super) async fn of(export: &'a Export<'a>) -> Result<Self> {
        let _stage = export.session.stage("Counting documents", None);
        let privileges = plan::required_privileges(Some(export));
        export.session.require_privileges(&privileges).await?;
        let inputs = Inputs::find(export).await?;
        let searched = documents::find(export).await?;
        let results = Box::pin(Results::find(export)).await?;
        let mut counted = Self {
            export,
            inputs,
            searched,
            fingerprint: None,
            results,
        };
        if export.options.skip_unchanged {
            counted.fingerprint = counted.fingerprint().await?;
        }
        Ok(counted)
    }

    /// A hash of everything that determines the content of the archive; `None` if the cluster cannot aggregate `_seq_no`, which
    /// changes with every write of a document.
    async fn fingerprint(&self) -> Result<Option<String>> {
        let (export, cluster) = (self.export, self.export.cluster());
        let job = &export.job;
        let mut documents = Vec::new();
        for searched in &self.searched {
            match searched.revisions(cluster).await? {
                Some(revisions) => documents.push(revisions),
                None => return Ok(None),
            }
        }
        for search in self.results.iter().flat_map(Results::searches) {
            match cluster.revisions(search).await? {
                Some(revisions) => documents.push(revisions),
                None => return Ok(None),
            }
        }
        let mut filters = Vec::new();
        for id in job.filters() {
            filters.push(cluster.filter(id).await?);
        }
        let others = json!({
            "versions": [VERSION, FORMAT_VERSION],
            "options": export.options.for_manifest(),
            "documents": documents,
            "inputs": self.inputs.as_ref().map(|inputs| inputs.documents),
            "filters": filters,
            "calendars": cluster.calendars_of(job.id(), &job.groups).await?,
        });
        let (config, snapshot) = (job.text.get().as_bytes(), &*export.snapshot_document.source);
        let mut hash = Sha256::new();
        for part in [config, snapshot, others.to_string().as_bytes()] {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        Ok(Some(hex(&hash.finalize())))
    }
}

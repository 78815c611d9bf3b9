//! The documents of an export, which are found and counted before anything is written.

use super::documents::{self, SearchedDocuments};
use super::inputs::Inputs;
use super::plan::{self, Export};
use super::results::Results;
use crate::error::Result;

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
        Ok(Self {
            export,
            inputs,
            searched,
            fingerprint: None,
            results,
        })
    }
}

//! The datafeed of a pseudonymized archive: its query may have been replaced, or may read fields that the archived input
//! documents are missing.

use std::borrow::Cow;

use super::{Remarks, inputs};
use crate::archive::{ArchivedQuery, Part};
use crate::commands::import::checked::Checked;
use crate::commands::import::options::ImportOptions;
use crate::error::{Error, Result};
use crate::job::{JobConfig, without_query};

/// Refuses a datafeed whose query was replaced where it would read other documents than the archived ones.
pub(in crate::commands::import) fn refuse_replaced(options: &ImportOptions, checked: &Checked) -> Result<()> {
    let replaced = archived(checked) == ArchivedQuery::Replaced;
    if !replaced || options.skip.datafeed || checked.config.datafeed().is_none() || imports_inputs(options, checked) {
        return Ok(());
    }
    Err(Error::Refused {
        message: "the datafeed of this pseudonymized archive has `match_all` in place of its query: it selects the \
                  documents of the job in the archived input documents only"
            .to_owned(),
        hint: "import the datafeed without --skip-inputs and --datafeed-index, or leave it out with --skip-datafeed"
            .to_owned(),
    })
}

/// The configuration that is imported: a query that reads fields which the imported documents are missing becomes
/// `match_all`, since all of them match it.
pub(super) fn config<'a>(
    options: &ImportOptions,
    checked: &'a Checked,
    remarks: &mut Remarks,
) -> Result<Cow<'a, JobConfig>> {
    let missing = archived(checked) == ArchivedQuery::WithoutFields;
    if !missing || options.skip.datafeed || !imports_inputs(options, checked) {
        return Ok(Cow::Borrowed(&checked.config));
    }
    remarks.note(
        "the datafeed gets `match_all` in place of its query: the input documents match the query already, and the \
         fields that it reads were left out of them",
    );
    Ok(Cow::Owned(without_query(&checked.config)?))
}

fn archived(checked: &Checked) -> ArchivedQuery {
    let manifest = checked.contents.manifest.as_ref();
    manifest.map(|manifest| manifest.datafeed_query()).unwrap_or_default()
}

fn imports_inputs(options: &ImportOptions, checked: &Checked) -> bool {
    !inputs::skipped(options) && checked.contents.count(Part::Inputs) > 0
}

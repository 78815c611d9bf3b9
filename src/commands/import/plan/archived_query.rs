//! Queries of datafeeds that would not select the archived input documents: that of a pseudonymized archive may have
//! been replaced, or may read fields that the documents are missing; any query may have clauses on metadata, which is
//! other metadata in the index of the import.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{Remarks, inputs};
use crate::archive::{ArchivedQuery, Part};
use crate::commands::import::checked::Checked;
use crate::commands::import::options::ImportOptions;
use crate::error::{Error, Result};
use crate::job::{FieldReader, JobConfig, fields_read_by, values_of_index, without_query};

/// Refuses a datafeed whose query was replaced where it would read other documents than the archived ones.
pub(in crate::commands::import) fn refuse_replaced(options: &ImportOptions, checked: &Checked) -> Result<()> {
    let replaced = archived(checked) == ArchivedQuery::Replaced;
    if !replaced
        || options.skip.datafeed
        || checked.archive.config.datafeed().is_none()
        || imports_inputs(options, checked)
    {
        return Ok(());
    }
    Err(Error::refused(
        "the datafeed of this pseudonymized archive has `match_all` in place of its query: it selects the \
                  documents of the job in the archived input documents only",
        "import the datafeed without --skip-inputs and --datafeed-index, or leave it out with --skip-datafeed",
    ))
}

/// The configuration that is imported: a query that reads fields which the imported documents are missing, or metadata
/// that the import changes, becomes `match_all`, since all archived documents matched it when they were exported.
pub(super) fn config<'a>(
    options: &ImportOptions,
    checked: &'a Checked,
    remarks: &mut Remarks,
) -> Result<Cow<'a, JobConfig>> {
    let own = &checked.archive.config;
    let Some(datafeed) = own
        .datafeed()
        .filter(|_| !options.skip.datafeed && imports_inputs(options, checked))
    else {
        return Ok(Cow::Borrowed(own));
    };
    let reads =
        |reader| fields_read_by(reader, datafeed.runtime_mappings.as_ref(), &checked.archive.mappings).index_dependent;
    let clauses = reads(FieldReader::Query(&datafeed.query));
    let missing = archived(checked) == ArchivedQuery::WithoutFields;
    if missing {
        remarks.note(
            "the datafeed gets `match_all` in place of its query: the input documents match the query already, and the \
             fields that it reads were left out of them",
        );
    } else if !clauses.is_empty() {
        remarks.note(format!(
            "the datafeed gets `match_all` in place of its query: the input documents match the query already, and its \
             clauses on {} would select other documents here; the original query stays in the archive",
            listed(&clauses)
        ));
    }
    let config = match missing || !clauses.is_empty() {
        true => Cow::Owned(without_query(own)?),
        false => Cow::Borrowed(own),
    };
    note_values(&config, checked, remarks);
    Ok(config)
}

/// What the job reads of metadata besides its query gets other values.
fn note_values(config: &JobConfig, checked: &Checked, remarks: &mut Remarks) {
    let read = values_of_index(config, &checked.archive.mappings);
    if !read.is_empty() {
        remarks.note(format!(
            "the job could see other values than it learned: it reads {}, which the imported documents have anew",
            listed(&read)
        ));
    }
}

fn listed(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn archived(checked: &Checked) -> ArchivedQuery {
    let manifest = checked.archive.contents.manifest.as_ref();
    manifest.map(|manifest| manifest.datafeed_query()).unwrap_or_default()
}

fn imports_inputs(options: &ImportOptions, checked: &Checked) -> bool {
    !inputs::skipped(options) && checked.archive.contents.count(Part::Inputs) > 0
}

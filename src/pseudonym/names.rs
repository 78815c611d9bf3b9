//! Names that stay: of the job, its fields, aggregations, indices, filters and calendars. They may hold values.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::read::SourceArchive;
use super::rewrite::Rewriter;
use crate::archive::Contents;
use crate::job::JobConfig;
use crate::pseudonym::error::{Error, Result};

#[derive(Deserialize)]
struct Filter {
    filter_id: String,
}

#[derive(Deserialize)]
struct Calendar {
    calendar_id: String,
}

/// Refuses names with values of six characters or more in them, unless they are accepted.
pub(crate) fn refuse_values(source: &SourceArchive<'_>, rewriter: &Rewriter, accepted: bool) -> Result<()> {
    let names = names(source.contents, source.config, rewriter);
    let held: Vec<&str> = names
        .iter()
        .filter(|name| rewriter.tokens.find_value(name, false).is_some())
        .map(String::as_str)
        .collect();
    if accepted || held.is_empty() {
        return Ok(());
    }
    Err(Error::names_contain_values(&held))
}

/// All of these names in an archive.
pub(crate) fn names(contents: &Contents, config: &JobConfig, rewriter: &Rewriter) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = config.groups.iter().cloned().collect();
    names.insert(config.id().to_string());
    names.extend(config.results_index_name.clone());
    if let Some(feed) = config.datafeed() {
        names.insert(feed.id.to_string());
        names.extend(feed.indices.iter().cloned());
    }
    names.extend(rewriter.names.iter().cloned());
    names.extend(contents.input_indices.keys().cloned());
    names.extend(rewriter.fields.places().map(|(place, _)| place.to_owned()));
    names.extend(listed::<Filter>(contents.filters.as_deref()).map(|filter| filter.filter_id));
    names.extend(listed::<Calendar>(contents.calendars.as_deref()).map(|calendar| calendar.calendar_id));
    names
}

fn listed<'a, T: Deserialize<'a>>(array: Option<&'a RawValue>) -> impl Iterator<Item = T> {
    #[allow(
        clippy::expect_used,
        reason = "a name that is not listed is not compared with the values"
    )]
    let parse = |array: &'a RawValue| -> Vec<T> {
        serde_json::from_str(array.get()).expect("the check of the archive has parsed it into this type")
    };
    array.map(parse).unwrap_or_default().into_iter()
}

//! Filters that a job's rules name.

use serde::Deserialize;

use crate::job::error::Error;
use crate::job::id::FilterId;
use crate::json::{Object, without_value};

/// Items that Elasticsearch accepts in a filter.
const MOST_ITEMS: usize = 10_000;

/// A filter, as `GET _ml/filters/<id>` returns it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Filter {
    /// Its ID.
    pub filter_id: FilterId,
    /// Its description.
    #[serde(default)]
    pub description: Option<String>,
    /// The values of a field that it contains.
    #[serde(default)]
    pub items: Vec<String>,
}

impl Filter {
    /// Reads a filter of an archive.
    ///
    /// # Errors
    /// A filter that Elasticsearch would refuse.
    pub fn parse(json: &str) -> Result<Self, Error> {
        let what = "filter";
        let filter = serde_json::from_str::<Object<Self>>(json)
            .map_err(|e| Error::config(what, &without_value(&e)))?
            .0;
        match filter.items.len() > MOST_ITEMS {
            true => Err(Error::config(what, &format!("it has more than {MOST_ITEMS} items"))),
            false => Ok(filter),
        }
    }
}

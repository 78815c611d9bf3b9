//! Filters.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cluster::{Cluster, Path, Request, Result};
use crate::job::FilterId;

#[derive(Deserialize)]
struct Listing {
    filters: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Names {
    filters: Vec<Name>,
}

#[derive(Deserialize)]
struct Name {
    filter_id: String,
}

/// Filters asked for at once.
const PAGE: usize = 1000;

fn path(id: &FilterId) -> Path {
    Path::of(["_ml", "filters", id.as_str()])
}

impl Cluster {
    /// The filter object as received (`filter_id`, `description`, `items`); `None` where it is unknown.
    ///
    /// # Errors
    /// Any of a request.
    pub async fn filter(&self, id: &FilterId) -> Result<Option<Box<RawValue>>> {
        let request = Request::get(path(id));
        let what = request.what();
        match self.send_if_there(request).await? {
            Some(response) => Ok(response.parse::<Listing>(&what)?.filters.into_iter().next()),
            None => Ok(None),
        }
    }

    /// Whether the list of all filters has it.
    ///
    /// # Errors
    /// Any of a request.
    pub async fn lists_filter(&self, id: &FilterId) -> Result<bool> {
        let mut from = 0;
        loop {
            let request = Request::get(Path::of(["_ml", "filters"]));
            let request = request.query("from", from.to_string()).query("size", PAGE.to_string());
            let what = request.what();
            let filters = self.send(request).await?.parse::<Names>(&what)?.filters;
            if filters.iter().any(|filter| filter.filter_id == id.as_str()) {
                return Ok(true);
            }
            if filters.len() < PAGE {
                return Ok(false);
            }
            from += filters.len();
        }
    }

    /// `PUT _ml/filters/<id>` with description and items; never repeated.
    ///
    /// # Errors
    /// Any of a request; after [`Error::outcome_unknown`](crate::cluster::Error::outcome_unknown) read back.
    pub async fn create_filter(&self, id: &FilterId, body: &RawValue) -> Result<()> {
        self.perform(Request::put(path(id)).raw(body.get().to_owned()).once())
            .await
    }

    /// `DELETE _ml/filters/<id>`; true where it was there.
    ///
    /// # Errors
    /// Any of a request.
    pub async fn delete_filter(&self, id: &FilterId) -> Result<bool> {
        self.delete_or_gone(Request::delete(path(id))).await
    }
}

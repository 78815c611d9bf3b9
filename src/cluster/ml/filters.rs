//! Filters.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cluster::{Cluster, Path, Request, Result};
use crate::job::FilterId;

#[derive(Deserialize)]
struct Listing {
    filters: Vec<Box<RawValue>>,
}

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

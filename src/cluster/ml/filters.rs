//! Filters.

use serde_json::value::RawValue;

use crate::cluster::{Cluster, Result};
use crate::job::FilterId;

impl Cluster {
    /// The filter object as received (`filter_id`, `description`, `items`); `None` where it is unknown.
    pub async fn filter(&self, id: &FilterId) -> Result<Option<Box<RawValue>>> {
        todo!()
    }

    /// `PUT _ml/filters/<id>` with description and items; never repeated.
    pub async fn create_filter(&self, id: &FilterId, body: &RawValue) -> Result<()> {
        todo!()
    }

    /// `DELETE _ml/filters/<id>`; true where it was there.
    pub async fn delete_filter(&self, id: &FilterId) -> Result<bool> {
        todo!()
    }
}

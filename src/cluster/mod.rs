//! Elasticsearch and nothing else: requests, searches, bulk writes, the machine learning API.

mod bulk;
#[allow(clippy::module_inception, reason = "it defines the type `Cluster`")]
mod cluster;
mod http;
mod indices;
pub mod ml;
mod reindex;
mod search;
#[cfg(test)]
mod tests;

pub use bulk::{Bulk, BulkBodies, BulkBody, BulkOptions, WriteObserver};
pub use cluster::{Cluster, IndexPrivileges, License, MlInfo, RequiredPrivileges};
pub(crate) use http::HttpClient;
pub use http::auth::{ConnectOptions, Credential, cloud_address};
pub use http::error::{ConnectionFailure, Error, ErrorResponse, Result};
pub(crate) use http::retry::within;
pub use http::retry::{Backoff, Clock, Moment, Observer, SystemClock};
pub use indices::{Operations, TemplateBody, TemplateEffect};
pub use reindex::Reindex;
pub use search::Pages;
pub use search::query::{Pagination, Search, SearchRange, Sort, time_range};
pub use search::response::{Hit, HitId, Page};

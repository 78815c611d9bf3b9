//! Elasticsearch and nothing else: requests, searches, bulk writes, the machine learning API.

mod bulk;
mod capabilities;
#[allow(clippy::module_inception, reason = "it defines the type `Cluster`")]
mod cluster;
mod http;
mod indices;
pub mod ml;
mod search;
mod templates;
#[cfg(test)]
mod tests;

pub use bulk::{Bulk, BulkOptions, BulkReport, WriteObserver};
pub use capabilities::{License, MissingPrivilege, MlInfo, RequiredPrivileges};
pub use cluster::{Cluster, Deployment};
pub use http::auth::{ConnectOptions, Credential, Endpoint};
pub use http::client::PauseGuard;
pub use http::error::{Cause, ConnectFailure, Error, ErrorResponse, Result};
pub use http::retry::{Backoff, Clock, Moment, Observer, SystemClock, Wait};
pub use indices::{IndexMappings, Operations};
pub use search::documents::{Counted, is_newer_index};
pub use search::pages::Pages;
pub use search::query::{Pagination, Search, Sort, SourceFields};
pub use search::response::{Hit, Page};
pub use templates::{TemplateEffect, flat_settings};

//! Elasticsearch and nothing else: connecting, asking, paging, writing, the ML API.

mod bulk;
mod connect;
mod error;
mod indices;
pub mod ml;
mod privileges;
mod request;
mod search;
mod version;

pub use bulk::{Bulk, BulkOptions, BulkReport};
pub use connect::{Cluster, ConnectOptions, Credential, Endpoint};
pub use error::{Error, Refusal};
pub use privileges::{Missing, Wanted};
pub use request::{Observer, Path, Repeat, Request, Response, Wait};
pub use search::{Hit, Pages, Pagination, Search, Sort, SourceFields};
pub use version::{Flavour, Version};

/// What every call on a cluster returns.
pub type Result<T> = std::result::Result<T, Error>;

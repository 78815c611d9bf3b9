//! Elasticsearch and nothing else: connecting, asking, paging, writing, the ML API.

mod address;
mod batch;
mod body;
mod bulk;
mod bulk_request;
mod by_id;
mod clock;
mod connect;
mod context;
mod error;
mod gate;
mod hints;
mod identity;
mod indices;
mod link;
mod mappings;
pub mod ml;
mod operations;
mod page;
mod pages;
mod path;
mod privileges;
mod query;
mod ranges;
mod reader;
mod refusal;
mod remote;
mod request;
#[cfg(test)]
mod responder;
mod retry;
mod search;
mod templates;
mod transport;
mod unanswered;

pub use bulk::{Bulk, BulkOptions};
pub use bulk_request::{BulkReport, Written};
pub use by_id::is_newer;
pub use clock::{Clock, Moment, SystemClock};
pub use connect::{Cluster, ConnectOptions, Credential, Endpoint};
pub use error::{Cause, Error, Refusal, Unreached};
pub use gate::Closed;
pub use identity::Flavour;
pub use mappings::IndexMappings;
pub use operations::Operations;
pub use page::Page;
pub use pages::Pages;
pub use path::Path;
pub use privileges::{Missing, Wanted};
pub use request::{Observer, Repeat, Request, Response, Wait};
pub use retry::Tries;
pub use search::{Counted, Hit, Pagination, Search, Sort, SourceFields};
pub use templates::{TemplateEffect, flat_settings};

/// What every call on a cluster returns.
pub type Result<T> = std::result::Result<T, Error>;

//! Requests over HTTP: credentials, retries, bounded responses, errors.

pub(crate) mod auth;
pub(crate) mod client;
pub(crate) mod error;
mod hints;
pub(crate) mod limits;
pub(crate) mod request;
pub(crate) mod retry;
